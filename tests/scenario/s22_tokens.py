#!/usr/bin/python3
"""Managing tokens: editing what two have seen, and what follows from it for validators; lists (R2, R7, R9, R10, R12, R31, R36, R37)."""
import base64
import time

from administer import Admin, admin, counts, envelope, grants, one_more, records, types
from harness import System, expect, expect_equal, main, test, wait_for

DAY = 86400


def two_admins():
    """Without an auditor the outbox keeps what is written to it. Pages of filtered lists look at so few tokens that most have to go on."""
    system = System({"issuer": 0, "auditor": 0, "admin": 2}, {"admin": {"list_scan": 3}})
    system.admin = Admin(system)
    for name in ("orders", "stock", "prices"):
        system.admin.ok("CreateModule", name=name)
    system.account = system.admin.ok("CreateAccount", name="Acme", modules=["orders", "stock"]).account.id
    return system


def create(system, kind=types.TOKEN_KIND_SERVICE, **fields):
    return system.admin.ok("CreateToken", **{"account_id": system.account, "name": "ERP", "description": "d", "kind": kind,
                                             "modules": grants("orders", "stock:write"), **fields})


@test("a token is edited field by field; what is not named stays; the record has before and after (R7, R10, R36)")
def edit(system):
    a = system.admin
    was = create(system).token
    tomorrow = int(time.time()) + DAY
    for fields in ({"name": "ä" * 128}, {"description": "two\nlines"}, {"description": ""}, {"expires_at": tomorrow}, {"expires_at": 0},
                   {"modules": grants("orders:write")}, {"modules": grants("orders", "stock")}, {"allow_list": ["192.0.2.0/24", "2001:db8::/32"]},
                   {"allow_list": []}, {"rate_limit": types.RateLimit(per_minute=60, burst=5)}, {"rate_limit": None},
                   {"name": "Both", "allow_list": [f"10.{i}.0.0/16" for i in range(64)], "rate_limit": types.RateLimit(per_minute=6000000)}):
        before = counts(system)
        now = a.ok("EditToken", id=was.id, revision=was.revision, fields=list(fields), **fields).token
        wanted = types.Token.FromString(was.SerializeToString())
        for field, value in fields.items():
            wanted.ClearField(field)
            if isinstance(value, list):
                getattr(wanted, field).extend(value)
            elif isinstance(value, types.RateLimit):
                wanted.rate_limit.CopyFrom(types.RateLimit(per_minute=value.per_minute, burst=value.burst or value.per_minute))
            elif value is not None:
                setattr(wanted, field, value)
        wanted.expiring = wanted.expires_at != 0
        wanted.revision, wanted.updated_at = was.revision + 1, now.updated_at
        expect_equal(now, wanted, f"{list(fields)}")
        expect_equal(a.ok("GetToken", id=was.id).token, now)
        record = one_more(system, before, "platform.tokens.token.edited", was.id, now.revision)
        expect_equal((types.Token.FromString(record.before), types.Token.FromString(record.after)), (was, now))
        expect(record.summary.endswith(f"was edited: {', '.join(fields)}."), record.summary)
        was = now
    # What is given, but not named in fields, is not looked at.
    now = a.ok("EditToken", id=was.id, revision=was.revision, fields=["description"], name="", modules=grants("nope"), description="x").token
    expect_equal((now.name, now.description), ("Both", "x"))


@test("a token is created with an allow-list and a rate limit (R10)")
def create_limited(system):
    made = create(system, allow_list=["192.0.2.7/32", "::1/128"], rate_limit=types.RateLimit(per_minute=600, burst=10)).token
    expect_equal(system.admin.ok("GetToken", id=made.id).token, made)
    expect_equal((list(made.allow_list), made.rate_limit.per_minute, made.rate_limit.burst), (["192.0.2.7/32", "::1/128"], 600, 10))


@test("what may not be edited is refused by field, and nothing is written")
def refuse(system):
    a = system.admin
    made = create(system).token
    user = a.ok("CreateUser", account_id=system.account, username="anna", name="Anna").user.id
    personal = create(system, types.TOKEN_KIND_PERSONAL, owner_id=user, modules=[]).token
    base = create(system, types.TOKEN_KIND_BASE).token
    before = counts(system)

    def bad(field, says="", token=made, **fields):
        a.refused("INVALID_ARGUMENT", "EditToken", field=field, says=says,
                  **{"id": token.id, "revision": token.revision, "fields": [f for f in fields if f not in ("id", "revision", "fields")], **fields})

    bad("id", id="TKN-1", name="x")
    bad("revision", revision=0, name="x")
    bad("revision", revision=-1, name="x")
    bad("fields")
    bad("fields[1]", fields=["name", "kind"], name="x")
    bad("fields[2]", fields=["name", "modules", "name"], name="x", modules=grants("orders"))
    for name in ("", "n" * 129, "a\nb", "\x00"):
        bad("name", name=name)
    bad("description", description="d" * 1025)
    for expires_at in (1, int(time.time()) - 1, -1, 2**62):
        bad("expires_at", expires_at=expires_at)
    bad("expires_at", token=base, expires_at=0)
    bad("modules", modules=[])
    bad("modules", token=personal, modules=grants("orders"))
    bad("modules[1].module", "nope", modules=grants("orders", "nope"))
    bad("modules[1].module", "prices", modules=grants("orders", "prices"))
    bad("modules[1].module", modules=grants("orders", "orders"))
    bad("modules[0].access", modules=[types.ModuleGrant(module="orders", access=3)])
    for text, says in (("", ""), ("192.0.2.0", ""), ("192.0.2.1/24", "write 192.0.2.0/24"), ("2001:DB8::/32", "write 2001:db8::/32"), ("10.0.0.0/33", ""),
                       ("::ffff:10.0.0.0/104", ""), ("10.0.0.0/8 ", ""), ("anywhere", ""), ("10.0.0.0/8,11.0.0.0/8", ""), ("ä" * 30000, "")):
        bad("allow_list[1]", says, allow_list=["172.16.0.0/12", text])
        bad("allow_list[0]", says, allow_list=[text])
    bad("allow_list[2]", "overlaps with 10.0.0.0/8", allow_list=["10.0.0.0/8", "11.0.0.0/8", "10.1.0.0/16"])
    bad("allow_list[1]", "overlaps with 10.1.0.0/16", allow_list=["10.1.0.0/16", "10.0.0.0/8"])
    bad("allow_list[1]", "overlaps", allow_list=["::/0", "2001:db8::/32"])
    bad("allow_list", "64", allow_list=[f"10.{i}.0.0/16" for i in range(65)])
    for per_minute, burst, field in ((0, 0, "per_minute"), (0, 1, "per_minute"), (6000001, 1, "per_minute"), (1, 6000001, "burst"),
                                     (4294967295, 4294967295, "per_minute")):
        bad(f"rate_limit.{field}", rate_limit=types.RateLimit(per_minute=per_minute, burst=burst))
    expect_equal(counts(system), before, "refusals write nothing")
    for token in (made, base, personal):
        expect_equal(a.ok("GetToken", id=token.id).token, token)
    a.refused("INVALID_ARGUMENT", "CreateToken", field="allow_list[0]", account_id=system.account, name="x", kind=types.TOKEN_KIND_SERVICE,
              modules=grants("orders"), allow_list=["10.0.0.1/8"])
    a.refused("INVALID_ARGUMENT", "CreateToken", field="rate_limit.per_minute", account_id=system.account, name="x", kind=types.TOKEN_KIND_SERVICE,
              modules=grants("orders"), rate_limit=types.RateLimit(burst=1))
    a.refused("NOT_FOUND", "EditToken", id="TKN-0000-0000", revision=1, fields=["name"], name="x")
    a.ok("DeleteToken", id=made.id)
    a.refused("NOT_FOUND", "EditToken", id=made.id, revision=2, fields=["name"], name="x")


@test("two edit the same token: one wins, the other is told the revision, and nothing is lost")
def two_edit(system):
    a, b = system.admin, Admin(system, service="admin2")
    token = create(system).token
    before = counts(system)
    a.refused("ABORTED", "EditToken", id=token.id, revision=token.revision + 1, fields=["name"], name="x", says=f"revision {token.revision},")
    for i in range(40):
        for caller, field in ((a, "name"), (b, "description")):
            caller.start("EditToken", id=token.id, revision=token.revision, fields=[field], **{field: f"{field} {i}"})
        replies = [caller.dealer.receive(20) for caller in (a, b)]
        codes = sorted(reply.code for reply in replies)
        expect_equal(codes, [envelope.CODE_OK, envelope.CODE_ABORTED], f"round {i}")
        loser = next(reply for reply in replies if reply.code == envelope.CODE_ABORTED)
        token.revision += 1
        expect(f"at revision {token.revision}, not {token.revision - 1}" in loser.message, loser.message)
        won = "name" if replies[0].code == envelope.CODE_OK else "description"
        setattr(token, won, f"{won} {i}")
        now = a.ok("GetToken", id=token.id).token
        expect_equal((now.name, now.description, now.revision), (token.name, token.description, token.revision))
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1]), (40, 40), "changes and records")
    told = [r for r in records(system) if r.object.id == token.id]
    for earlier, later in zip(told, told[1:]):
        expect_equal(types.Token.FromString(later.before), types.Token.FromString(earlier.after), "the token between two changes")


@test("a grant may stay while its module is not enabled, but can neither be made nor widened (R2, R12)")
def grants_of_disabled(system):
    a = system.admin
    made = create(system)
    token, value = made.token, made.value
    a.ok("DisableModule", account_id=system.account, module="stock")

    def refused(*modules):
        a.refused("INVALID_ARGUMENT", "EditToken", id=token.id, revision=token.revision, fields=["modules"], modules=grants(*modules),
                  field="modules[1].module", says="stock")

    def edited(*modules):
        nonlocal token
        token = a.ok("EditToken", id=token.id, revision=token.revision, fields=["modules"], modules=grants(*modules)).token

    edited("orders:write", "stock:write")
    edited("orders:write", "stock:read")
    refused("orders", "stock:write")
    edited("orders:read")
    refused("orders", "stock:read")
    expect_equal(system.validate(value, "orders", "write")["reason"], "read_only")
    a.ok("EnableModule", account_id=system.account, module="stock")
    expect_equal(system.validate(value, "stock")["reason"], "module_not_granted")
    edited("stock:write")
    expect_equal(system.validate(value, "stock", "write")["reason"], "ok")
    expect_equal(system.validate(value, "orders")["reason"], "module_not_granted")


@test("the allow-list and the expiry count at once (R10)")
def allow_list(system):
    a = system.admin
    made = create(system, allow_list=["192.0.2.0/24", "2001:db8::/32"])
    reply = system.validate(made.value)
    expect_equal((reply["reason"], reply["status"]), ("address_not_allowed", 403))
    expect('error="insufficient_scope"' in reply["www_authenticate"], reply["www_authenticate"])
    for address, reason in (("192.0.2.255", "ok"), ("192.0.3.0", "address_not_allowed"), ("::ffff:192.0.2.1", "ok"), ("2001:db8:ffff::1", "ok"),
                            ("2001:db9::", "address_not_allowed"), ("::1", "address_not_allowed")):
        expect_equal(system.validate(made.value, **{"address": address})["reason"], reason, address)
    token = a.ok("EditToken", id=made.token.id, revision=1, fields=["allow_list"], allow_list=["::1/128"]).token
    expect_equal(system.validate(made.value, **{"address": "::1"})["reason"], "ok")
    token = a.ok("EditToken", id=token.id, revision=2, fields=["allow_list", "expires_at"], expires_at=int(time.time()) + DAY).token
    expect_equal((system.validate(made.value)["reason"], system.validate(made.value)["expires_at"]), ("ok", token.expires_at))


@test("a rotated token has two values for the grace period, then one; a rotation before ends at once (R9)")
def rotate(system):
    a = system.admin
    made = create(system, allow_list=["::1/128"])
    token, first = made.token, made.value

    def reasons(*values):
        return [system.validate(value, address="::1")["reason"] for value in values]

    before = counts(system)
    reply = a.ok("RotateToken", id=token.id)
    now, second = reply.token, reply.value
    expect(second.startswith("jtn_live_") and second != first, "the new value")
    expect(abs(now.last_rotated_at - time.time()) < 60 and now.grace_until == now.last_rotated_at + DAY, "the grace period is 24 hours unless told")
    record = one_more(system, before, "platform.tokens.token.rotated", token.id, token.revision + 1)
    expect_equal((types.Token.FromString(record.before), types.Token.FromString(record.after)), (token, now))
    for value in (first, second):
        expect(value.encode() not in record.SerializeToString(), "a value is in the record")
    expect_equal(a.ok("GetToken", id=token.id).token, now)
    expect_equal(reasons(first, second), ["ok", "ok"])
    expect_equal(system.validate(first)["reason"], "address_not_allowed")
    # Disable and delete hit both.
    a.ok("DisableToken", id=token.id)
    expect_equal(reasons(first, second), ["disabled", "disabled"])
    a.ok("EnableToken", id=token.id)
    expect_equal(reasons(first, second), ["ok", "ok"])

    third = a.ok("RotateToken", id=token.id, grace=types.Period(seconds=7 * DAY))
    expect_equal(third.token.grace_until, third.token.last_rotated_at + 7 * DAY)
    expect_equal(reasons(first, second, third.value), ["unknown", "ok", "ok"])
    fourth = a.ok("RotateToken", id=token.id, grace=types.Period(seconds=0), revision=third.token.revision)
    expect_equal(fourth.token.grace_until, 0)
    expect_equal(system.sql("select bool_and(grace_until < now() - interval '1 day') from tokens where grace_until < now() + interval '1 h'"), "t",
                 "the grace period is over for a validator whose clock is behind, too")
    expect_equal(reasons(second, third.value, fourth.value), ["unknown", "rotated_out", "ok"])
    expect_equal(system.validate(third.value, address="::1")["status"], 401)
    began = time.monotonic()
    fifth = a.ok("RotateToken", id=token.id, grace=types.Period(seconds=3)).value
    reason = reasons(fourth.value)
    expect(reason == ["ok"] or time.monotonic() - began >= 3, f"in the grace period: {reason}")
    expect_equal(reasons(fifth), ["ok"])
    wait_for(lambda: reasons(fourth.value) == ["rotated_out"], 15, "the end of the grace period")
    expect_equal((reasons(fifth), a.ok("GetToken", id=token.id).token.grace_until), (["ok"], 0))

    before = counts(system)
    for seconds in (-1, 7 * DAY + 1, 2**62):
        a.refused("INVALID_ARGUMENT", "RotateToken", id=token.id, grace=types.Period(seconds=seconds), field="grace.seconds")
    a.refused("INVALID_ARGUMENT", "RotateToken", id=token.id, revision=-1, field="revision")
    a.refused("INVALID_ARGUMENT", "RotateToken", id="x", field="id")
    a.refused("NOT_FOUND", "RotateToken", id="TKN-0000-0000")
    a.refused("ABORTED", "RotateToken", id=token.id, revision=fourth.token.revision, says=f"at revision {fourth.token.revision + 1},")
    expect_equal(counts(system), before, "refusals write nothing")
    a.ok("DeleteToken", id=token.id)
    expect_equal(reasons(fourth.value, fifth), ["deleted", "deleted"])
    a.refused("NOT_FOUND", "RotateToken", id=token.id)


@test("two rotate at the same time: the revision that was seen lets one of them")
def two_rotate(system):
    a, b = system.admin, Admin(system, service="admin2")
    made = create(system)
    value, token = made.value, made.token
    for _ in range(20):
        for caller in (a, b):
            caller.start("RotateToken", id=token.id, revision=token.revision)
        replies = [caller.dealer.receive(20) for caller in (a, b)]
        expect_equal(sorted(reply.code for reply in replies), [envelope.CODE_OK, envelope.CODE_ABORTED])
        won = admin.RotateTokenReply.FromString(next(reply.body for reply in replies if reply.code == envelope.CODE_OK))
        expect_equal([system.validate(v)["reason"] for v in (value, won.value)], ["ok", "ok"])
        value, token = won.value, won.token


@test("jeton token rotate")
def rotate_command(system):
    made = system.cli("token", "create", "--account", system.account, "--name", "R", "--kind", "test", "--module", "orders")
    rotated = system.cli("token", "rotate", made["id"], "--grace", "1h")
    expect(rotated["value"].startswith("jtn_test_") and rotated["grace_until"] == rotated["last_rotated_at"] + 3600, f"{rotated['grace_until']}")
    path = system.path("rotated.token")
    system.jeton("token", "rotate", made["id"], "--grace", "0", "--value-file", path, "--revision", "2", check=0)
    with open(path, encoding="ascii") as f:
        expect_equal(system.validate(f.read().strip(), environment="test")["reason"], "ok")
    expect_equal(system.validate(rotated["value"], environment="test")["reason"], "rotated_out")
    system.jeton("token", "rotate", made["id"], "--revision", "2", check=73)
    system.jeton("token", "rotate", made["id"], "--grace", "8d", check=65)
    for wrong in ("soon", "", "-1h", "1", "2030-01-01"):
        system.jeton("token", "rotate", made["id"], "--grace", wrong, check=64)
    system.jeton("token", "rotate", "TKN-0000-0000", check=66)


def pages(system, size=3, **fields):
    """All pages of a list, and that each total is the same."""
    seen, cursor = [], ""
    while True:
        page = system.admin.ok("ListTokens", page=types.PageRequest(size=size, cursor=cursor), count=True, **fields)
        seen += page.tokens
        cursor = page.next_cursor
        if not cursor:
            expect_equal(page.total, len(seen), "the total")
            return seen


@test("lists: each filter, each order in both directions, page by page, with a total (R9, R31)")
def lists(system):
    a = system.admin
    account = a.ok("CreateAccount", name="Lists", modules=["orders", "stock"]).account.id
    now = int(time.time())
    rows = (("banana", 10 * DAY, 5, 100), ("Apple", 0, 0, 10), ("cherry", 40 * DAY, 7, 89), ("apple", 10 * DAY, 5, 91), ("Äpfel", 0, 0, 0),
            ("\U0010ffff" * 128, 20 * DAY, 0, 0), ("Zebra", 0, 9, 400), ("apple", 0, 5, 0))
    made = []
    for i, (name, expires_in, used, days) in enumerate(rows):
        token = create(system, account_id=account, name=name, description="100% cotton_" if i == 2 else "d", expires_at=now + expires_in if expires_in else 0,
                       modules=grants("stock") if i % 2 else grants("orders", "stock")).token
        # What other processes write, or time does.
        access = f"to_timestamp({now - used}.123456)" if used else "null"
        system.sql(f"update tokens set created_at = now() - interval '{days} days', last_access_at = {access}"
                   " where number = (select max(number) from tokens)")
        made.append(token.id)

    def indices(**fields):
        return [made.index(t.id) for t in pages(system, account_id=account, **fields)]

    low = [name.lower() for name, *_ in rows]
    wanted = {
        types.TOKEN_SORT_CREATED: list(range(8)),
        types.TOKEN_SORT_NAME: sorted(range(8), key=lambda i: (low[i].encode(), i)),
        types.TOKEN_SORT_LAST_ACCESS: sorted(range(8), key=lambda i: (now - rows[i][2] if rows[i][2] else 0, i)),
        types.TOKEN_SORT_EXPIRY: sorted(range(8), key=lambda i: (rows[i][1] or 1e12, i)),
    }
    for sort, order in wanted.items():
        for size in (1, 2, 3, 8):
            expect_equal(indices(sort=sort, size=size), order, f"{types.TokenSort.Name(sort)}, {size}")
            expect_equal(indices(sort=sort, size=size, descending=True), order[::-1], f"{types.TokenSort.Name(sort)}, {size}, descending")
    listed = {made.index(t.id): t for t in pages(system, account_id=account)}
    expect_equal([i for i, t in listed.items() if t.expiring], [0, 3, 5])
    expect_equal([i for i, t in listed.items() if t.unrotated], [0, 3, 6])
    expect_equal(indices(expiring_within_s=30 * DAY, sort=types.TOKEN_SORT_EXPIRY), [0, 3, 5])
    expect_equal(indices(expiring_within_s=15 * DAY), [0, 3])
    expect_equal(indices(unrotated=True, descending=True), [6, 3, 0])
    expect_equal(indices(module="orders"), [0, 2, 4, 6])
    expect_equal(indices(module="prices"), [])
    expect_equal(indices(text="APP"), [1, 3, 7])
    expect_equal(indices(text="% COTTON_"), [2])
    expect_equal(indices(text="n%"), [])
    expect_equal(indices(text=made[4]), [4])
    expect_equal(indices(text=made[4], kind=types.TOKEN_KIND_TEST), [])
    expect_equal(indices(created_by="operator"), list(range(8)))
    expect_equal(indices(created_by="USR-0000-0000"), [])
    a.ok("DisableToken", id=made[3])
    a.ok("DeleteToken", id=made[7])
    expect_equal(indices(text="apple", status=types.TOKEN_STATUS_ACTIVE, sort=types.TOKEN_SORT_NAME), [1])
    expect_equal(indices(text="apple", sort=types.TOKEN_SORT_EXPIRY), [3, 1])
    # A page stays where it was while rows come, go and move.
    first = a.ok("ListTokens", account_id=account, sort=types.TOKEN_SORT_NAME, page=types.PageRequest(size=3))
    create(system, account_id=account, name="aaa")
    a.ok("DeleteToken", id=first.tokens[-1].id)
    rest = a.ok("ListTokens", account_id=account, sort=types.TOKEN_SORT_NAME, page=types.PageRequest(size=50, cursor=first.next_cursor))
    expect_equal([made.index(t.id) for t in (*first.tokens, *rest.tokens)], [i for i in wanted[types.TOKEN_SORT_NAME] if i != 7])
    expect_equal(indices(unrotated=True), [3, 6])
    a.ok("RotateToken", id=made[3])
    expect_equal(indices(unrotated=True), [6])

    def bad(field, **fields):
        a.refused("INVALID_ARGUMENT", "ListTokens", field=field, **{"account_id": account, **fields})

    bad("module", module="Nope!")
    bad("created_by", created_by="x" * 129)
    bad("text", text="x" * 129)
    bad("expiring_within_s", expiring_within_s=-1)
    bad("sort", sort=5)
    bad("sort", sort=types.TOKEN_SORT_NAME, account_id="")
    bad("page.cursor", sort=types.TOKEN_SORT_NAME, descending=True, page=types.PageRequest(cursor=first.next_cursor))
    name, number, _ = base64.urlsafe_b64decode(first.next_cursor + "==").split(b"/", 2)
    for sort, keys in ((types.TOKEN_SORT_EXPIRY, (b"/x", b"/-1", b"/1.5", b"", b"/9999999999999999999", b"/ 1")), (types.TOKEN_SORT_NAME, (b"", b"/\xff", b"/a\x00")),
                       (types.TOKEN_SORT_CREATED, (b"/", b"/1"))):
        own = a.ok("ListTokens", account_id=account, sort=sort, page=types.PageRequest(size=1)).next_cursor
        name = base64.urlsafe_b64decode(own + "===").split(b"/")[0]
        for key in keys:
            forged = base64.urlsafe_b64encode(name + b"/" + number + key).rstrip(b"=").decode()
            bad("page.cursor", sort=sort, page=types.PageRequest(cursor=forged))
    few = a.ok("ListTokens", account_id=account, text="zebra")
    expect(not few.tokens and few.next_cursor, "a page that goes on after the tokens that it may look at")
    expect_equal([t["name"] for t in system.cli("token", "list", "--account", account, "--text", "zebra")], ["Zebra"])
    expect_equal(system.cli("token", "list", "--account", account, "--text", "APPLE", "--count"), {"total": len(indices(text="APPLE"))})
    shown = system.cli("token", "list", "--account", account, "--sort", "expiry", "--expiring", "30d", "--descending", "--creator", "operator", "--module", "stock")
    expect_equal([made.index(t["id"]) for t in shown], indices(expiring_within_s=30 * DAY, sort=types.TOKEN_SORT_EXPIRY, descending=True))
    expect_equal([made.index(t["id"]) for t in system.cli("token", "list", "--account", account, "--unrotated")], indices(unrotated=True))
    for wrong in (("--expiring", "soon"), ("--sort", "size"), ("--expiring", "2030-01-01")):
        system.jeton("token", "list", *wrong, check=64)


@test("jeton token edit, and create with limits")
def command_line(system):
    made = system.cli("token", "create", "--account", system.account, "--name", "CLI", "--kind", "service", "--module", "orders", "--allow", "10.0.0.0/8",
                      "--rate-limit", "60:120")
    expect_equal((made["allow_list"], made["rate_limit"]), (["10.0.0.0/8"], {"per_minute": 60, "burst": 120}))
    edited = system.cli("token", "edit", made["id"], "--name", "New", "--allow", "any", "--rate-limit", "none", "--module", "stock:write", "--expires", "90d")
    expect_equal((edited["name"], edited["allow_list"], edited["rate_limit"], edited["modules"], edited["revision"]),
                 ("New", [], None, [{"module": "stock", "access": "write"}], 2))
    expect(abs(edited["expires_at"] - time.time() - 90 * DAY) < 600, "the expiry")
    expect_equal(system.cli("token", "edit", made["id"], "--description", "d", "--revision", "2", "--expires", "never")["expires_at"], None)
    run = system.jeton("token", "edit", made["id"], "--description", "e", "--revision", "2", check=73)
    expect("at revision 3" in run.stderr, run.stderr)
    expect_equal(system.cli("token", "show", made["id"])["description"], "d")
    for wrong in ((), ("--revision", "3"), ("--rate-limit", "fast"), ("--rate-limit", "1:2:3"), ("--expires", "soon"), ("--module", "orders:all")):
        system.jeton("token", "edit", made["id"], *wrong, check=64)
    system.jeton("token", "edit", made["id"], "--allow", "10.0.0.1/8", check=65)
    text = system.jeton("token", "edit", made["id"], "--allow", "10.0.0.0/8", "--rate-limit", "60", check=0).stdout
    expect("10.0.0.0/8" in text and "60" in text, text)


main(two_admins)
