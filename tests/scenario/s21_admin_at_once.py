#!/usr/bin/python3
"""The admin process when many ask at once, through two processes, and when its database goes (R11, R37, R44)."""
from administer import Admin, admin, counts, envelope, grants, name_of, one_more, records, types
from harness import System, expect, expect_equal, main, test, wait_for


def two_admins():
    """Without an auditor the outbox keeps what is written to it."""
    system = System({"issuer": 0, "validator": 0, "auditor": 0, "admin": 2})
    system.admin = Admin(system)
    for name in ("orders", "stock", "prices", *(f"module{i}" for i in range(20))):
        system.admin.ok("CreateModule", name=name)
    system.account = system.admin.ok("CreateAccount", name="Acme", modules=["orders", "stock"]).account.id
    return system


@test("a page of large rows ends early, and the next goes on")
def large_pages(system):
    a = system.admin
    account = a.ok("CreateAccount", name="Large", modules=["orders"]).account.id
    started = [a.start("CreateToken", account_id=account, name="𝄞" * 128, description="𝄞" * 1024, kind=types.TOKEN_KIND_SERVICE,
                       modules=grants("orders")) for _ in range(80)]
    expect_equal({a.dealer.receive(20).code for _ in started}, {envelope.CODE_OK})
    seen, cursor, pages = set(), "", 0
    while pages == 0 or cursor:
        page = a.ok("ListTokens", account_id=account, page=types.PageRequest(size=500, cursor=cursor))
        seen, cursor, pages = seen | {t.id for t in page.tokens}, page.next_cursor, pages + 1
    expect_equal(len(seen), 80)
    expect(pages > 1, "the page was not cut")


@test("an account's limit of tokens holds, also for many at once through two processes (R11)")
def limit(system):
    a, b = system.admin, Admin(system, service="admin2")
    account = a.ok("CreateAccount", name="Small", token_limit=5, modules=["orders"]).account.id
    fields = {"account_id": account, "name": "x", "kind": types.TOKEN_KIND_SERVICE, "modules": grants("orders")}
    for caller in [a, b] * 10:
        caller.start("CreateToken", **fields)
    codes = [caller.dealer.receive(20).code for caller in [a, b] * 10]
    expect_equal(codes.count(envelope.CODE_OK), 5, f"{codes}")
    expect_equal(set(codes), {envelope.CODE_OK, envelope.CODE_RESOURCE_EXHAUSTED})
    a.refused("RESOURCE_EXHAUSTED", "CreateToken", **fields, says=account)
    a.ok("DeleteToken", id=a.ok("ListTokens", account_id=account).tokens[0].id)
    a.ok("CreateToken", **fields)
    a.refused("RESOURCE_EXHAUSTED", "CreateToken", **fields, says="limit is 5")


@test("the limit is edited: also to less than there are, which takes none away and lets none be made (R11)")
def edited_limit(system):
    a = system.admin
    made = a.ok("CreateAccount", name="Edited", token_limit=3, modules=["orders"]).account
    fields = {"account_id": made.id, "name": "x", "kind": types.TOKEN_KIND_SERVICE, "modules": grants("orders")}
    tokens = [a.ok("CreateToken", **fields).token.id for _ in range(3)]
    before = counts(system)
    changed = a.ok("EditAccount", id=made.id, revision=1, fields=["token_limit"], token_limit=2, name="ignored").account
    record = one_more(system, before, "platform.accounts.account.edited", made.id, 2)
    expect_equal((types.Account.FromString(record.before), types.Account.FromString(record.after)), (made, changed))
    expect_equal((changed.name, changed.token_limit, a.ok("GetAccount", id=made.id).account), ("Edited", 2, changed))
    a.refused("ABORTED", "EditAccount", id=made.id, revision=1, fields=["token_limit"], token_limit=9, says="revision 2")
    for gone in tokens[:2]:
        a.refused("RESOURCE_EXHAUSTED", "CreateToken", **fields, says="limit is 2")
        a.ok("RotateToken", id=tokens[2])
        a.ok("DeleteToken", id=gone)
    expect_equal([t.id for t in a.ok("ListTokens", account_id=made.id).tokens], tokens[2:])
    a.ok("CreateToken", **fields)
    a.refused("RESOURCE_EXHAUSTED", "CreateToken", **fields, says="limit is 2")
    # Two who have read the same: one wins.
    callers = [a, Admin(system, service="admin2")]
    for i, caller in enumerate(callers):
        caller.start("EditAccount", id=made.id, revision=2, fields=["name"], name=f"winner {i}")
    codes = sorted(name_of(caller.dealer.receive(20).code) for caller in callers)
    expect_equal(codes, ["ABORTED", "OK"])
    shown = system.cli("account", "edit", made.id, "--name", "By command", "--token-limit", "3")
    expect_equal((shown["name"], shown["token_limit"], shown["revision"]), ("By command", 3, 4))
    a.ok("CreateToken", **fields)
    system.jeton("account", "edit", made.id, check=64)
    expect_equal(system.jeton("account", "edit", made.id, "--token-limit", "9", "--revision", "1").returncode, 73, "ABORTED")
    system.jeton("account", "edit", made.id, "--token-limit", "0", check=65)


@test("the rate limits of an account are set and taken away, with their audit record, by command too (R30)")
def rates(system):
    a = system.admin
    rate, base = types.RateLimit(per_minute=600, burst=20), types.RateLimit(per_minute=60, burst=60)
    made = a.ok("CreateAccount", name="Rates", rate_limit=rate, base_rate_limit=types.RateLimit(per_minute=60)).account
    expect_equal((made.rate_limit, made.base_rate_limit, a.ok("GetAccount", id=made.id).account), (rate, base, made))
    before = counts(system)
    changed = a.ok("EditAccount", id=made.id, revision=1, fields=["rate_limit"], base_rate_limit=rate).account
    record = one_more(system, before, "platform.accounts.account.edited", made.id, 2)
    expect_equal((types.Account.FromString(record.before), types.Account.FromString(record.after)), (made, changed))
    expect_equal((changed.HasField("rate_limit"), changed.base_rate_limit, changed.name), (False, base, "Rates"))
    expect_equal(a.ok("EnableModule", account_id=made.id, module="orders").account.base_rate_limit, base)
    shown = system.cli("account", "edit", made.id, "--rate-limit", "6000:50", "--base-rate-limit", "none")
    expect_equal((shown["rate_limit"], shown["base_rate_limit"], shown["revision"]), ({"per_minute": 6000, "burst": 50}, None, 4))
    created = system.cli("account", "create", "--name", "By command", "--rate-limit", "5", "--base-rate-limit", "7:9")
    expect_equal((created["rate_limit"], created["base_rate_limit"]), ({"per_minute": 5, "burst": 5}, {"per_minute": 7, "burst": 9}))
    expect_equal(system.cli("account", "show", created["id"]), created)
    for wrong in ("0", "-1", "5:0:1", "fast", "6000001"):
        expect_equal(system.jeton("account", "edit", made.id, f"--base-rate-limit={wrong}").returncode, 64 if wrong in ("-1", "5:0:1", "fast") else 65, wrong)


@test("tokens that are created at once keep apart what each is made of")
def mixed(system):
    a = system.admin
    accounts = [a.ok("CreateAccount", name=f"Mixed {i}", modules=["orders", "stock"]).account.id for i in range(3)]
    texts = ['"quoted"', "back\\slash", "{a,b}", "NULL", "comma, space ", "\\x41", "ünï𝄞", "'; --", "$1"]
    wanted = [{"account_id": accounts[i % 3], "name": f"{i} {texts[i % 9]}", "description": texts[(i + 1) % 9], "kind": types.TOKEN_KIND_SERVICE,
               "modules": grants("orders", "stock") if i % 2 else grants("orders"),
               "allow_list": ["192.0.2.0/24", "2001:db8::/32"][:i % 3], "revealable": i % 4 == 0,
               "rate_limit": types.RateLimit(per_minute=60 + i, burst=5) if i % 5 == 0 else None} for i in range(40)]
    before = counts(system)
    for fields in wanted:
        a.given(idempotency_key=f"mixed-{len(fields['name'])}-{fields['name'].split()[0]}" if fields["revealable"] else None)
        a.start("CreateToken", **{key: value for key, value in fields.items() if value is not None})
    a.given()
    replies = [a.dealer.receive(20) for _ in wanted]
    expect_equal({reply.code for reply in replies}, {envelope.CODE_OK})
    values, names = set(), set()
    for reply in replies:
        made = admin.CreateTokenReply.FromString(reply.body)
        fields = wanted[int(made.token.name.split()[0])]
        values.add(made.value)
        names.add(made.token.name)
        token = a.ok("GetToken", id=made.token.id).token
        expect_equal(token, made.token, "the token that was answered, and the one that is kept")
        for key in ("account_id", "name", "description", "revealable"):
            expect_equal(getattr(token, key), fields[key], key)
        expect_equal(({g.module for g in token.modules}, list(token.allow_list)), ({g.module for g in fields["modules"]}, fields["allow_list"]))
        expect_equal(token.rate_limit.per_minute, fields["rate_limit"].per_minute if fields["rate_limit"] else 0)
    expect_equal((len(values), len(names)), (len(wanted), len(wanted)))
    expect_equal([after - was for after, was in zip(counts(system), before)], [len(wanted)] * len(before), "changes and records")


@test("two change the same token at the same time: one wins, the other hears what is so by now")
def races(system):
    a, b = system.admin, Admin(system, service="admin2")
    made = a.ok("CreateToken", account_id=system.account, name="x", kind=types.TOKEN_KIND_SERVICE, modules=grants("orders")).token
    before, revision, won = counts(system), made.revision, 0
    lost = {envelope.CODE_FAILED_PRECONDITION, envelope.CODE_ABORTED}
    for i in range(30):
        method = "EnableToken" if i % 2 else "DisableToken"
        for caller in (a, b):
            caller.start(method, id=made.id)
        codes = [caller.dealer.receive(20).code for caller in (a, b)]
        expect(codes.count(envelope.CODE_OK) == 1 and set(codes) - {envelope.CODE_OK} <= lost, f"{method}: {codes}")
        won += 1
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1]), (won, won), "changes and records")
    expect_equal(a.ok("GetToken", id=made.id).token.revision, revision + won)
    # Each record tells of the step from one revision to the next, in the order of the outbox.
    steps = [(types.Token.FromString(r.before).revision, types.Token.FromString(r.after).revision)
             for r in records(system) if r.object.id == made.id and r.before]
    expect_equal(steps, [(revision + i, revision + i + 1) for i in range(won)])


@test("many changes of one account at once: each is done or refused, none is lost")
def contention(system):
    a, b = system.admin, Admin(system, service="admin2")
    account = a.ok("CreateAccount", name="Busy").account
    before = counts(system)
    names = [m.name for m in a.ok("ListModules").modules]
    for i, name in enumerate(names):
        (a, b)[i % 2].start("EnableModule", account_id=account.id, module=name)
    codes = [(a, b)[i % 2].dealer.receive(20).code for i in range(len(names))]
    done = codes.count(envelope.CODE_OK)
    expect(done >= 1 and set(codes) <= {envelope.CODE_OK, envelope.CODE_ABORTED}, f"{codes}")
    now, after = a.ok("GetAccount", id=account.id).account, counts(system)
    expect_equal((len(now.modules), now.revision - 1, after[0] - before[0], after[1] - before[1]), (done,) * 4)
    # Each record begins where the one before it ended.
    told = [r for r in records(system) if r.object.id == account.id]
    for earlier, later in zip(told, told[1:]):
        expect_equal(types.Account.FromString(later.before), types.Account.FromString(earlier.after), "the account between two changes")
    expect_equal(types.Account.FromString(told[-1].after), now)


@test("a call that fails in a group spoils no other")
def groups(system):
    a = system.admin
    before = counts(system)
    ids = {}
    for i in range(40):
        if i % 4 == 0:
            ids[a.start("CreateModule", name="orders")] = envelope.CODE_ALREADY_EXISTS
        elif i % 4 == 1:
            ids[a.start("CreateModule", name=f"same{i // 8}")] = None  # two of each name: one is made
        else:
            ids[a.start("CreateModule", name=f"group{i}")] = envelope.CODE_OK
    pairs = []
    for _ in range(40):
        reply = a.dealer.receive(20)
        if ids[reply.id] is None:
            pairs.append(reply.code)
        else:
            expect_equal(reply.code, ids[reply.id], reply.message)
    expect_equal(sorted(pairs), [envelope.CODE_OK] * 5 + [envelope.CODE_ALREADY_EXISTS] * 5)
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1]), (25, 25))


@test("no database: UNAVAILABLE and nothing done; back again by itself")
def no_database(system):
    a = system.admin
    system.postgres.stop("immediate")
    try:
        a.refused("UNAVAILABLE", "CreateModule", name="later")
        a.refused("UNAVAILABLE", "ListModules")
        wait_for(lambda: system["admin"].health() == "starting", 5, "health without a database")
    finally:
        system.postgres.start()
    wait_for(lambda: a.reply("ListModules").code == envelope.CODE_OK, 5, "recovery")
    expect("later" not in [m.name for m in a.ok("ListModules").modules], "what was refused was done")
    a.ok("CreateModule", name="later")


@test("the database ends amid changes: an answer tells what happened to each, or that nobody knows (R37, R44)")
def cut_off(system):
    a = system.admin
    before = counts(system)
    names = {a.start("CreateModule", name=f"cut{i}"): f"cut{i}" for i in range(300)}
    first = a.dealer.receive(20)
    system.postgres.stop("immediate")
    codes = {names[first.id]: first.code}
    while len(codes) < len(names):
        reply = a.dealer.receive(20)
        expect(reply is not None, f"{len(names) - len(codes)} calls were not answered")
        codes[names[reply.id]] = reply.code
    system.postgres.start()
    expect(set(codes.values()) <= {envelope.CODE_OK, envelope.CODE_UNAVAILABLE, envelope.CODE_UNKNOWN}, f"{set(map(name_of, codes.values()))}")
    made = set(system.sql("select name from modules where name like 'cut%'").split())
    expect({name for name, code in codes.items() if code == envelope.CODE_OK} <= made, "what was acknowledged is lost")
    expect(not {name for name, code in codes.items() if code == envelope.CODE_UNAVAILABLE} & made, "what was refused was done")
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1]), (len(made),) * 2, "changes and records")
    wait_for(lambda: a.reply("ListModules").code == envelope.CODE_OK, 5, "recovery")


main(two_admins)
