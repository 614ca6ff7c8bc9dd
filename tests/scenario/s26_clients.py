#!/usr/bin/python3
"""Clients, the OAuth applications of an account (R17, R18, R24, R34, R37)."""
from administer import Admin, counts, one_more, types
from harness import Failed, System, expect, expect_equal, main, test

SALES_CHANNEL, INTEGRATION, WEBAPP = types.CLIENT_KIND_SALES_CHANNEL, types.CLIENT_KIND_INTEGRATION, types.CLIENT_KIND_WEBAPP
BACK = "https://desk.example/back"


def without_auditor():
    """The outbox keeps what is written to it: the auditor and the issuer, who writes too, are not needed here."""
    system = System({"issuer": 0, "validator": 0, "auditor": 0})
    system.admin = a = Admin(system)
    system.account = a.ok("CreateAccount", name="Acme").account.id
    other = a.ok("CreateAccount", name="Other").account.id
    system.market = a.ok("CreateMarket", account_id=system.account, code="eu", name="Europe").market.id
    system.foreign = a.ok("CreateMarket", account_id=other, code="eu", name="Europe").market.id
    system.good = {SALES_CHANNEL: {"market_id": system.market}, INTEGRATION: {}, WEBAPP: {"redirect_uris": [BACK]}}
    return system


@test("made by kind, with the defaults of R17; one change, one record")
def create(system):
    a = system.admin
    for kind, life in ((SALES_CHANNEL, 14400), (INTEGRATION, 7200), (WEBAPP, 7200)):
        before = counts(system)
        made = a.ok("CreateClient", account_id=system.account, name="Ä" * 128, kind=kind, **system.good[kind]).client
        record = one_more(system, before, "platform.clients.client.created", made.id, 1)
        expect_equal((types.Client.FromString(record.after), record.object.type, record.object.name), (made, "client", made.name))
        expect_equal((made.kind, made.access_token_life_s, made.token_format, made.status), (kind, life, types.TOKEN_FORMAT_JWT, types.RESOURCE_STATUS_ACTIVE))
        expect(made.id.startswith("CLI-"), made.id)
        expect_equal(a.ok("GetClient", id=made.id).client, made)
    uris = [f"https://desk.example:8443/back/{i}?a=b&c=%20,d" for i in range(15)] + ["http://127.0.0.1:3000/x"]
    made = a.ok("CreateClient", account_id=system.account, name="Desk", kind=WEBAPP, access_token_life_s=31536000, redirect_uris=uris,
                token_format=types.TOKEN_FORMAT_OPAQUE, market_id=system.market).client
    expect_equal((list(made.redirect_uris), made.token_format, made.access_token_life_s), (uris, types.TOKEN_FORMAT_OPAQUE, 31536000))
    expect_equal(a.ok("GetClient", id=made.id).client, made)
    expect_equal(len(a.ok("ListClients", account_id=system.account).clients), 4)
    expect_equal([c.kind for c in a.ok("ListClients", account_id=system.account, market_id=system.market).clients], [SALES_CHANNEL, WEBAPP])


@test("what is refused is named, and nothing is written (R18)")
def refuse(system):
    a = system.admin
    made = a.ok("CreateClient", account_id=system.account, name="Web", kind=WEBAPP, redirect_uris=[BACK]).client
    channel = a.ok("CreateClient", account_id=system.account, name="Shop", kind=SALES_CHANNEL, market_id=system.market).client
    before = counts(system)

    def refused(field, **fields):
        a.refused("INVALID_ARGUMENT", "CreateClient", **{"account_id": system.account, "name": "x", "kind": WEBAPP, "redirect_uris": [BACK], **fields}, field=field)
        if field.split("[")[0] in ("name", "access_token_life_s", "token_format", "redirect_uris", "market_id"):
            name = field.split("[")[0]
            a.refused("INVALID_ARGUMENT", "EditClient", id=made.id, revision=1, fields=[name], **{name: fields[name]}, field=field)

    refused("account_id", account_id="x")
    for name in ("", "n" * 129, "a\nb"):
        refused("name", name=name)
    for kind in (0, 4):
        refused("kind", kind=kind)
    for life in (7199, 31536001, 1, -1, 2**62):
        refused("access_token_life_s", access_token_life_s=life)
    refused("token_format", token_format=3)
    refused("market_id", market_id="x")
    refused("market_id", market_id=system.foreign)
    refused("redirect_uris", redirect_uris=[])
    refused("redirect_uris", redirect_uris=[f"{BACK}/{i}" for i in range(17)])
    refused("redirect_uris[1]", redirect_uris=[BACK, BACK])
    for bad in ("", "http://desk.example/back", "ftp://desk.example/", "https://", "https:///x", "https://a@b.example/", "https://a.example/#x",
                "https://a.example/ x", "https://a.example:0/", "https://a.example:65536/", "javascript:alert(1)", "/back", "https://ä.example/",
                "http://127.0.0.1.example/", "http://localhost.example/", "https://a.example\\@b.example/", "https://a.example/" + "x" * 2048):
        refused("redirect_uris[0]", redirect_uris=[bad])
    a.refused("INVALID_ARGUMENT", "CreateClient", account_id=system.account, name="x", kind=SALES_CHANNEL, field="market_id")
    a.refused("INVALID_ARGUMENT", "CreateClient", account_id=system.account, name="x", kind=INTEGRATION, redirect_uris=[BACK], field="redirect_uris")
    a.refused("INVALID_ARGUMENT", "EditClient", id=channel.id, revision=1, fields=["market_id"], field="market_id")
    a.refused("INVALID_ARGUMENT", "EditClient", id=channel.id, revision=1, fields=["redirect_uris"], redirect_uris=[BACK], field="redirect_uris")
    a.refused("INVALID_ARGUMENT", "EditClient", id=channel.id, revision=1, fields=["kind"], field="fields[0]")
    a.refused("FAILED_PRECONDITION", "DeleteMarket", id=system.market, says="clients")
    a.refused("NOT_FOUND", "CreateClient", account_id="ACC-0000-0000", name="x", kind=INTEGRATION)
    expect_equal(counts(system), before)


@test("edited, deactivated, activated, deleted")
def change(system):
    a = system.admin
    made = a.ok("CreateClient", account_id=system.account, name="Desk", kind=WEBAPP, redirect_uris=[BACK]).client
    before = counts(system)
    edited = a.ok("EditClient", id=made.id, revision=1, fields=["name", "redirect_uris", "access_token_life_s", "token_format", "market_id"], name="Desk 2",
                  redirect_uris=["http://localhost/b", "http://[::1]:80/c"], access_token_life_s=9000, token_format=types.TOKEN_FORMAT_OPAQUE,
                  market_id=system.market).client
    record = one_more(system, before, "platform.clients.client.edited", made.id, 2)
    expect_equal((types.Client.FromString(record.before), types.Client.FromString(record.after)), (made, edited))
    expect_equal((edited.name, list(edited.redirect_uris), edited.access_token_life_s, edited.token_format, edited.market_id, edited.kind),
                 ("Desk 2", ["http://localhost/b", "http://[::1]:80/c"], 9000, types.TOKEN_FORMAT_OPAQUE, system.market, WEBAPP))
    expect_equal(a.ok("GetClient", id=made.id).client, edited)
    a.refused("ABORTED", "EditClient", id=made.id, revision=1, fields=["name"], name="x", says="revision 2")
    edited = a.ok("EditClient", id=made.id, revision=2, fields=["market_id", "access_token_life_s"]).client
    expect_equal((edited.market_id, edited.access_token_life_s, edited.name), ("", 7200, "Desk 2"))
    a.refused("FAILED_PRECONDITION", "ActivateClient", id=made.id)
    for verb, status in (("Deactivate", "INACTIVE"), ("Activate", "ACTIVE"), ("Delete", "DELETED")):
        before = counts(system)
        changed = a.ok(f"{verb}Client", id=made.id).client
        one_more(system, before, f"platform.clients.client.{verb.lower()}d", made.id, changed.revision)
        expect_equal(changed.status, getattr(types, f"RESOURCE_STATUS_{status}"))
        if verb == "Deactivate":
            a.refused("FAILED_PRECONDITION", "DeactivateClient", id=made.id)
    for verb in ("Get", "Activate", "Deactivate", "Delete"):
        a.refused("NOT_FOUND", f"{verb}Client", id=made.id)
    expect(made.id not in [c.id for c in a.ok("ListClients", account_id=system.account).clients], "a deleted client is listed")


@test("the database itself refuses what breaks the rules (R17, R18)")
def rules(system):
    account = system.sql("select min(number) from accounts")
    market, foreign = system.sql("select min(number), max(number) from markets").split("|")

    def insert(kind=2, market="null", life=7200, uris="'{}'"):
        return (f"insert into clients (account, name, kind, market, access_token_life_s, redirect_uris) values ({account}, 'x', {kind}, {market},"
                f" {life}, {uris}) returning number")

    system.sql(insert(life=31536000))
    channel = system.sql(insert(kind=1, market=market))
    for what, statement in (("_check", insert(kind=1)), ("_check", insert(life=7199)), ("_check", insert(life=31536001)), ("_check", insert(kind=3)),
                            ("_check", insert(uris="array['https://a/']")), ("_check", insert(kind=3, uris="array_fill('https://a/'::text, array[17])")),
                            ("_check", insert(kind=4)), ("foreign key", insert(market=foreign)),
                            ("foreign key", f"update markets set status = 3 where number = {market}"), ("_check", f"update clients set market = null where number = {channel}"),
                            ("_check", "update clients set token_format = 3")):
        try:
            system.sql(statement)
        except Failed as error:
            expect(what in str(error), f"{statement}: {error}")
        else:
            raise Failed(f"{statement}: was allowed")


@test("the command line does the same")
def command_line(system):
    made = system.cli("client", "create", "--account", system.account, "--name", "CLI", "--kind", "webapp", "--redirect-uri", BACK, "--redirect-uri",
                      BACK + "/2", "--life", "10000", "--format", "opaque")
    expect_equal((made["kind"], made["redirect_uris"], made["access_token_life_s"], made["token_format"]), ("webapp", [BACK, BACK + "/2"], 10000, "opaque"))
    edited = system.cli("client", "edit", made["id"], "--redirect-uri", BACK, "--market", system.market, "--revision", "1")
    expect_equal((edited["redirect_uris"], edited["market_id"], edited["name"]), ([BACK], system.market, "CLI"))
    expect_equal(system.cli("client", "edit", made["id"], "--market", "", "--format", "jwt")["market_id"], "")
    system.jeton("client", "edit", made["id"], "--redirect-uri", "", check=65)
    system.jeton("client", "create", "--account", system.account, "--name", "x", "--kind", "robot", check=64)
    expect_equal(system.cli("client", "deactivate", made["id"])["status"], "inactive")
    expect_equal([c["id"] for c in system.cli("client", "list", "--account", system.account, "--status", "inactive")], [made["id"]])
    expect_equal(system.cli("client", "activate", made["id"])["status"], "active")
    expect(BACK in system.jeton("client", "show", made["id"], check=0).stdout, "the text shows where it redirects to")
    expect_equal(system.cli("client", "delete", made["id"], "--yes")["status"], "deleted")
    changes, written = counts(system)
    expect_equal(changes, written)
    system.check_logs()


main(without_auditor)
