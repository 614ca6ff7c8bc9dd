#!/usr/bin/python3
"""Signed tokens are revoked before they expire (R6, R25, R34, R36, R37, R42, R44): by the client that was given them (RFC 7009), or by who manages the account, whoever is killed meanwhile."""
import base64
import json
import subprocess
import threading
import time

import wire
from administer import Admin, types
from harness import SLOW, System, expect, expect_equal, main, test, wait_for
from issuers import call, connect

import envelope_pb2 as envelope
import issuer_pb2 as issuer
import validator_pb2 as validator

PASSWORD = "correct horse battery"


def shop():
    """Two clients, a public one and a user; two issuers and two validators."""
    system = System({"issuer": 2, "validator": 2},
                    {"issuer": {"token_client_per_minute": "60000", "login_address_per_minute": "600"}, "auditor": {"outbox_poll_ms": "20"}})
    system.admin = a = Admin(system)
    a.ok("CreateModule", name="orders")
    system.account = a.ok("CreateAccount", name="Acme", modules=["orders"]).account.id
    market = a.ok("CreateMarket", account_id=system.account, code="eu", name="EU").market.id
    system.clients = {}
    for name, fields in (("erp", {"kind": types.CLIENT_KIND_INTEGRATION}), ("crm", {"kind": types.CLIENT_KIND_INTEGRATION}),
                         ("shop", {"kind": types.CLIENT_KIND_SALES_CHANNEL, "market_id": market})):
        made = a.ok("CreateClient", account_id=system.account, name=name, scopes=["module:orders:write"], **fields)
        system.clients[name] = {"client_id": made.client.id, "client_secret": made.secret}
    system.user = a.ok("CreateUser", account_id=system.account, username="ada", name="Ada", password=PASSWORD).user.id
    connect(system)
    return system


def given(system, name="erp"):
    reply = issuer.TokenReply.FromString(call(system, "Token", issuer.TokenRequest(grant_type="client_credentials", **system.clients[name])))
    expect_equal((reply.status, reply.error_description), (200, ""))
    return reply.access_token


def login(system):
    return issuer.LoginReply.FromString(call(system, "Login", issuer.LoginRequest(username="ada", password=PASSWORD))).access_token


def revoke(system, token, name="erp", which=0, **fields):
    reply = issuer.RevokeReply.FromString(call(system, "Revoke", issuer.RevokeRequest(**{"token": token, **system.clients.get(name, {}), **fields}), which))
    expect_equal(reply.www_authenticate, 'Basic realm="jeton"' if reply.status == 401 else "")
    return reply.status, reply.error


def reason(dealer, token):
    reply = dealer.call("jeton.v1.Validator/Validate", validator.ValidateRequest(token=token, module="orders"), timeout=20)
    return reply and validator.Reason.Name(validator.ValidateReply.FromString(reply.body).reason)[7:]


def all_say(system, token, wanted):
    """Twice: looked up, and from memory."""
    expect_equal([reason(v, token) for v in system.validators * 2], [wanted] * 2 * len(system.validators))


def become(system, token, wanted, what):
    wait_for(lambda: {reason(v, token) for v in system.validators} == {wanted}, 5, what)


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def jti_of(token):
    return claims_of(token)["jti"]


def rows(system):
    return tuple(map(int, system.sql("select (select count(*) from revoked_jwts), (select count(*) from changes where object >= 4294967296),"
                                     " (select count(*) from outbox) + (select count(*) from trail)").split("|")))


@test("a client gives a token back: every validator refuses it at once, and its other tokens are as good as before; once is enough (R25, R36, R37)")
def promise(system):
    first, second, of_shop, of_user = given(system), given(system), given(system, "shop"), login(system)
    for token in (first, second, of_shop, of_user):
        all_say(system, token, "OK")
    before = rows(system)
    expect_equal(revoke(system, first), (200, ""))
    become(system, first, "REVOKED", "the token is refused")
    all_say(system, first, "REVOKED")
    expect_equal(tuple(b - a for a, b in zip(before, rows(system))), (1, 1, 1), "a row, a change and a record")
    expect_equal([revoke(system, first, which=which, token_type_hint=hint) for which, hint in ((0, ""), (1, "access_token"), (0, "refresh_token"), (0, "x"))],
                 [(200, "")] * 4)
    expect_equal(tuple(b - a for a, b in zip(before, rows(system))), (1, 1, 1), "again: nothing")
    for token in (second, of_shop, of_user):
        all_say(system, token, "OK")
    wait_for(lambda: system.sql("select count(*) from trail where event = 'platform.tokens.jwt.revoked'") == "1", 10, "its record in the trail")
    expect_equal(revoke(system, of_shop, "shop"), (200, ""))
    become(system, of_shop, "REVOKED", "a public client's token")
    expect("." not in system.sql("select string_agg(jti, '') from revoked_jwts"), "a token in the table")


@test("the answer does not say what the token was; nothing is done about those of others (RFC 7009)")
def silent(system):
    of_crm, of_user = given(system, "crm"), login(system)
    api = system.cli("token", "create", "--account", system.account, "--name", "t", "--kind", "service", "--module", "orders:read")["value"]
    before = rows(system)
    header, payload, signature = given(system).split(".")
    for token in (of_crm, of_user, "x", "a.b.c", f"{header}.{payload}.{signature[:-4]}AAAA", f"{header}.{payload[:-2]}.{signature}", "x" * 30000, "ey" * 5000, "é"):
        expect_equal(revoke(system, token), (200, ""), token[:40])
    expect_equal(revoke(system, api), (400, "unsupported_token_type"))
    expect_equal(revoke(system, "jtn_live_made_up"), (400, "unsupported_token_type"))
    expect_equal(rows(system), before, "rows")
    for token in (of_crm, of_user):
        all_say(system, token, "OK")


@test("who does not prove to be the client revokes nothing; bad requests (R36)")
def authentication(system):
    token, erp = given(system), system.clients["erp"]
    for fields in ({"client_secret": ""}, {"client_secret": "x"}, {"client_id": "CLI-0000-0000"}, {"client_id": "x"}, {"client_id": ""},
                   {"client_secret": "", "client_assertion_type": "t", "client_assertion": "a.b.c"}):
        expect_equal(revoke(system, token, **fields), (401, "invalid_client"), f"{fields}")
    expect_equal(revoke(system, token, "shop", client_secret="x"), (401, "invalid_client"))
    for fields in ({"token": ""}, {"client_secret": "x" * 513}, {"client_id": "x" * 513}, {"client_assertion": "a.b.c"}):
        expect_equal(revoke(system, fields.pop("token", token), **fields), (400, "invalid_request"), f"{fields}")
    expect_equal(system.issuers[0].call("jeton.v1.Issuer/Revoke", b"\x0a\xff", timeout=25).code, envelope.CODE_INVALID_ARGUMENT)
    all_say(system, token, "OK")
    wait_for(lambda: int(system.sql("select count(*) from trail where event = 'platform.clients.client.authentication_failed'")) >= 6, 10, "records")
    run = system.jeton("grant", "revoke", erp["client_id"], input=token, check=64)
    expect("--secret-file" in run.stderr, run.stderr)
    path = system.path("secret")
    with open(path, "w", encoding="ascii") as f:
        f.write("wrong\n")
    expect("invalid_client" in system.jeton("grant", "revoke", erp["client_id"], "--secret-file", path, input=token, check=77).stderr, "stderr")
    with open(path, "w", encoding="ascii") as f:
        f.write(erp["client_secret"] + "\n")
    system.jeton("grant", "revoke", erp["client_id"], "--secret-file", path, input=token, check=0)
    become(system, token, "REVOKED", "revoked from the command line")


@test("under load: no validation that begins after the answer, and the bound of milliseconds, allows it; what is revoked for one account is nothing to another")
def load(system):
    tokens = [given(system) for _ in range(8)]
    allowed, stop = {}, threading.Event()  # when the last allow was begun
    kept = given(system)
    wrong = []

    def ask(service):
        dealer = wire.Dealer(system, service, "caller")
        while not stop.is_set():
            for token in tokens + [kept]:
                begun, said = time.monotonic(), reason(dealer, token)
                if said == "OK":
                    allowed[token] = max(allowed.get(token, 0), begun)
                elif token is kept or said not in ("REVOKED", "UNDECIDED"):
                    wrong.append(said)
        dealer.close()

    askers = [threading.Thread(target=ask, args=(service,)) for service in system.of_kind("validator")]
    for asker in askers:
        asker.start()
    answered = {}
    for i, token in enumerate(tokens):
        wait_for(lambda token=token: token in allowed, 20, "it is used")
        expect_equal(revoke(system, token, which=i % 2), (200, ""))
        answered[token] = time.monotonic()
    for token in tokens:
        become(system, token, "REVOKED", "a token under load")
    stop.set()
    for asker in askers:
        asker.join()
    expect(not wrong, f"{set(wrong)}")
    late = max(allowed[token] - answered[token] for token in tokens)
    expect(late < 2 * SLOW, f"allowed {late} s after it was revoked")
    # What is revoked for another account, whatever its id, is nothing to this one's tokens.
    system.sql("insert into accounts (name) values ('Other')")
    system.sql("insert into revoked_jwts (account, jti, expires_at) select (select number from accounts where name = 'Other'), jti, now() + interval '1 hour'"
               f" from (values ('{jti_of(kept)}')) v (jti)")
    for service in system.of_kind("validator"):
        service.restart()
    connect(system)
    become(system, kept, "OK", "the token of the other account")


class Lock:
    """Nobody inserts into the table of revoked tokens while it is held."""

    def __init__(self, system):
        self.system = system
        self.psql = subprocess.Popen(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", f"host={system.postgres.directory} dbname=jeton user=jeton"], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)
        self.psql.stdin.write("begin; lock table revoked_jwts in share mode; select 'held';\n")
        self.psql.stdin.flush()
        expect_equal(self.psql.stdout.readline(), "held\n")

    def wait(self):
        waiting = "select count(*) from pg_stat_activity where usename = 'jeton_issuer' and wait_event_type = 'Lock'"
        wait_for(lambda: self.system.sql(waiting) == "1", 10, "the revocation waits")

    def release(self):
        self.psql.stdin.close()
        self.psql.wait()
        self.psql.stdout.close()


def by_admin(system, refused, good, **fields):
    """The account's manager revokes; these are refused, and those are not; a token that is made at once afterwards is good."""
    for token in refused + good:
        all_say(system, token, "OK")
    system.admin.ok("RevokeAccessTokens", account_id=system.account, **fields)
    for token in refused:
        become(system, token, "REVOKED", f"revoked by {fields}")
        all_say(system, token, "REVOKED")
    for token in good:
        all_say(system, token, "OK")


@test("an administrator revokes one token, all of a client, of a user, of a customer and of the account; API tokens stay, and new tokens are good at once (R25, R34, R36)")
def administrator(system):
    a = system.admin
    customer = a.ok("CreateCustomer", account_id=system.account, email="c@shop.example", password=PASSWORD).customer.id
    api = system.cli("token", "create", "--account", system.account, "--name", "api", "--kind", "service", "--module", "orders:read")["value"]

    def of_customer():
        reply = issuer.TokenReply.FromString(call(system, "Token", issuer.TokenRequest(grant_type="password", username="c@shop.example", password=PASSWORD,
                                                                                       client_id=system.clients["shop"]["client_id"])))
        expect_equal((reply.status, reply.error_description), (200, ""))
        return reply.access_token

    erp, erp2, crm, ada, of_shop, cus = given(system), given(system), given(system, "crm"), login(system), given(system, "shop"), of_customer()
    by_admin(system, [erp], [erp2, crm, ada, of_shop, cus, api], jti=jti_of(erp))
    by_admin(system, [ada], [erp2, crm, of_shop, cus, api], id=system.user)
    by_admin(system, [cus], [erp2, crm, of_shop, login(system), api], id=customer)
    for _ in range(3):
        erp3 = given(system)
        by_admin(system, [erp3], [crm, of_shop, api], id=system.clients["erp"]["client_id"])
    all_say(system, erp2, "REVOKED")
    erp, ada, cus = given(system), login(system), of_customer()
    by_admin(system, [erp, ada, cus, crm, of_shop], [api], id=system.account)
    erp, ada, cus = given(system), login(system), of_customer()
    for token in (erp, ada, cus):
        all_say(system, token, "OK")
    by_admin(system, [cus, *[given(system, "shop")]], [erp, ada], id=system.clients["shop"]["client_id"])
    # A login token that was revoked manages nothing any more either.
    a.ok("EditUser", id=system.user, revision=1, fields=["role"], role=types.USER_ROLE_ADMINISTRATOR)
    ada = login(system)
    mine = Admin(system, "gateway").given(authorization=f"Bearer {ada}")
    mine.ok("RevokeAccessTokens", account_id=system.account, id=system.clients["crm"]["client_id"])
    mine.ok("RevokeAccessTokens", account_id=system.account, jti=jti_of(ada))
    mine.refused("UNAUTHENTICATED", "GetUser", id=system.user, says="revoked")
    mine = Admin(system, "gateway").given(authorization=f"Bearer {login(system)}")
    mine.ok("RevokeAccessTokens", account_id=system.account, id=system.user)
    mine.refused("UNAUTHENTICATED", "GetUser", id=system.user, says="revoked")
    # Not another account's.
    other = a.ok("CreateAccount", name="Third", modules=["orders"]).account.id
    mine = Admin(system, "gateway").given(authorization=f"Bearer {login(system)}")
    mine.refused("NOT_FOUND", "RevokeAccessTokens", account_id=other, jti="x")
    a.refused("NOT_FOUND", "RevokeAccessTokens", account_id=other, id=system.clients["erp"]["client_id"])
    a.refused("NOT_FOUND", "RevokeAccessTokens", account_id=other, id=system.account)
    a.refused("NOT_FOUND", "RevokeAccessTokens", account_id="ACC-0000-0000", jti="x")
    a.ok("RevokeAccessTokens", account_id=other, jti=jti_of(erp))
    for field, fields in (("account_id", {"account_id": "x"}), ("id", {}), ("id", {"id": "x"}), ("id", {"id": system.user, "jti": "x"}), ("jti", {"jti": "x" * 257}),
                          ("id", {"id": "TKN-0000-0000"})):
        a.refused("INVALID_ARGUMENT", "RevokeAccessTokens", field=field, **{"account_id": system.account, **fields})
    all_say(system, erp, "OK")
    system.jeton("token", "revoke-jwts", "--account", system.account, "--", jti_of(erp), check=0)
    become(system, erp, "REVOKED", "by the command line")
    erp = given(system)
    system.jeton("token", "revoke-jwts", "--account", system.account, system.clients["erp"]["client_id"], check=0)
    become(system, erp, "REVOKED", "by the command line")
    wait_for(lambda: set(system.sql("select distinct event from trail where event like '%revoked'").split()) ==
             {"platform.tokens.jwt.revoked", *(f"platform.{k}s.{k}.tokens_revoked" for k in ("account", "client", "user", "customer"))}, 10, "records")


def introspect(system, token, which=0, **fields):
    reply = system.validators[which].call("jeton.v1.Validator/Introspect", validator.IntrospectRequest(token=token, **fields), timeout=20)
    expect(reply is not None and reply.code == envelope.CODE_OK, f"{reply}")
    return validator.IntrospectReply.FromString(reply.body)


@test("introspection says what a token is while Validate would take it for one, and nothing of one that is not active (R25, RFC 7662)")
def introspection(system):
    erp, ada = given(system), login(system)
    made = system.cli("token", "create", "--account", system.account, "--name", "intro", "--kind", "service", "--module", "orders:read", "--owner", system.user)
    limited = system.cli("token", "create", "--account", system.account, "--name", "one", "--kind", "service", "--module", "orders:read", "--rate-limit", "1:1")["value"]
    client = system.clients["erp"]["client_id"]
    inactive = validator.IntrospectReply()
    for _ in range(2):  # looked up, and from memory
        said = introspect(system, erp, token_type_hint="refresh_token")
        claims = claims_of(erp)
        expect_equal(said, validator.IntrospectReply(active=True, scope="module:orders:write", client_id=client, token_type="Bearer", exp=claims["exp"], iat=claims["iat"],
                                                     sub=client, aud="jeton", iss="https://jeton.localhost", jti=claims["jti"], account=system.account, environment="live"))
        said = introspect(system, ada)
        expect_equal((said.active, said.sub, said.client_id, said.exp - said.iat), (True, system.user, "login", 3600))
        said = introspect(system, made["value"])
        expect_equal(said, validator.IntrospectReply(active=True, token_type="Bearer", sub=system.user, jti=made["id"], account=system.account,
                                                     kind=types.TOKEN_KIND_SERVICE, environment="live"))
        for token in ("x", "jtn_live_made_up", "a.b.c", erp[:-4] + "AAAA", "x" * 20000, made["value"][:-1] + ("-" if made["value"].endswith("_") else "_")):
            expect_equal(introspect(system, token), inactive, token[:40])
    for _ in range(5):  # no limit counts it
        expect(introspect(system, limited).active, "a limited token")
    expect_equal(system.validators[0].call("jeton.v1.Validator/Introspect", validator.IntrospectRequest(), timeout=20).code, envelope.CODE_INVALID_ARGUMENT)
    told = system.cli("introspect", environment={"JETON_TOKEN": erp})
    expect_equal((told["active"], told["client_id"], told["scope"], told["exp"]), (True, client, "module:orders:write", claims["exp"]))
    run = system.jeton("introspect", input=made["value"] + "\n", check=0)
    expect(run.stdout.startswith("active\n") and made["id"] in run.stdout and made["value"] not in run.stdout + run.stderr, run.stdout)
    expect_equal(system.jeton("introspect", "--endpoint", system["validator"].endpoint, input="jtn_live_made_up\n", check=1).stdout, "not active\n")
    expect_equal(system.cli("introspect", input="jtn_live_made_up\n", check=1)["active"], False)
    all_of = lambda token: [introspect(system, token, which) for which in (0, 1)]
    expect_equal(revoke(system, erp), (200, ""))
    system.cli("token", "disable", made["id"])
    system.cli("account", "suspend", system.account)
    for token in (erp, made["value"], ada):
        wait_for(lambda token=token: all_of(token) == [inactive] * 2, 5, "inactive")
    system.cli("account", "resume", system.account)
    wait_for(lambda: [r.active for r in all_of(ada)] == [True] * 2, 5, "active again")
    expect_equal(all_of(erp) + all_of(made["value"]), [inactive] * 4)
    intro = system.sql("select number from tokens where name = 'intro'")
    expect_equal(system.sql(f"select count(*) from use_log where token = {intro}"), "0", "introspections in the access log")


@test("an issuer that is killed between the commit and telling of it: validators hear it from the table, and so does one that is started later (R42, R44)")
def killed(system):
    token, other = given(system), given(system)
    all_say(system, token, "OK")
    all_say(system, other, "OK")
    lock = Lock(system)
    system.issuers[0].send("jeton.v1.Issuer/Revoke", issuer.RevokeRequest(token=token, **system.clients["erp"]), timeout_ms=int(20000 * SLOW))
    lock.wait()
    # It cannot hear that it was committed.
    system["issuer"].pause()
    before = rows(system)[0]
    lock.release()
    wait_for(lambda: rows(system)[0] == before + 1, 10, "it is committed")
    system["issuer"].kill()
    become(system, token, "REVOKED", "the table tells of it")
    system["issuer"].start()
    system["validator2"].kill()
    system["validator2"].start()
    connect(system)
    become(system, token, "REVOKED", "a validator that was started later")
    for _ in range(3):
        expect_equal({reason(v, token) for v in system.validators}, {"REVOKED"})
    all_say(system, other, "OK")


@test("nobody can tell: without a database it is 503, neither done nor refused")
def unavailable(system):
    token, unread = given(system), given(system)
    all_say(system, token, "OK")
    system.postgres.stop()
    try:
        reply = system.issuers[0].call("jeton.v1.Issuer/Revoke", issuer.RevokeRequest(token=token, **system.clients["erp"]), timeout=25, timeout_ms=int(20000 * SLOW))
        said = issuer.RevokeReply.FromString(reply.body)
        expect(reply.code == envelope.CODE_UNAVAILABLE or (said.status, said.error) == (503, "temporarily_unavailable"), f"{reply}")
        # Introspection of what is not in memory: neither active nor inactive.
        reply = system.validators[0].call("jeton.v1.Validator/Introspect", validator.IntrospectRequest(token=unread), timeout=20)
        expect_equal(reply.code, envelope.CODE_UNAVAILABLE)
    finally:
        system.postgres.start()
    wait_for(lambda: system.health() and all(row.get("state") in ("serving", "standby") for row in system.health()), 20, "the database is back")
    all_say(system, token, "OK")
    expect_equal(revoke(system, token), (200, ""))
    become(system, token, "REVOKED", "repeated")
    system.check_logs()


main(shop)
