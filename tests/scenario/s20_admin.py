#!/usr/bin/python3
"""The admin process, each method and what it refuses (R1-R5, R7, R8, R12, R37)."""
# valgrind
import hashlib
import time

from administer import Admin, counts, envelope, grants, one_more, types
from harness import SLOW, System, expect, expect_equal, main, test, wait_for

DAY = 86400


def without_auditor():
    """The outbox keeps what is written to it: the auditor and the issuer, who writes too, are not needed here."""
    system = System({"issuer": 0, "validator": 0, "auditor": 0})
    system.admin = Admin(system)
    return system


@test("modules: create, list, refuse")
def modules(system):
    a = system.admin
    before = counts(system)
    made = a.ok("CreateModule", name="orders", title="Orders").module
    record = one_more(system, before, "platform.modules.module.created", made.id, 1)
    expect_equal(types.Module.FromString(record.after), made)
    expect_equal((record.before, record.object_message), (b"", "jeton.v1.Module"))
    expect_equal(a.ok("CreateModule", name="stock").module.title, "stock")
    for name in ("prices", "returns", "m" * 64, "a-b_c9"):
        a.ok("CreateModule", name=name)
    before = counts(system)
    a.refused("ALREADY_EXISTS", "CreateModule", name="orders", says="name")
    for name in ("", "Orders", "9a", "-a", "a b", "m" * 65, "a,b", "a:b", "{a}"):
        a.refused("INVALID_ARGUMENT", "CreateModule", name=name, field="name")
    a.refused("INVALID_ARGUMENT", "CreateModule", name="x", title="t" * 129, field="title")
    a.refused("INVALID_ARGUMENT", "CreateModule", name="x", title="t\x07", field="title")
    expect_equal(counts(system), before, "refusals write nothing")
    listed = a.ok("ListModules").modules
    expect_equal([m.name for m in listed], ["orders", "stock", "prices", "returns", "m" * 64, "a-b_c9"])
    expect_equal(listed[0], made)


@test("accounts: create, get, list, suspend, resume, refuse")
def accounts(system):
    a = system.admin
    before = counts(system)
    made = a.ok("CreateAccount", name="Acme", modules=["stock", "orders"]).account
    record = one_more(system, before, "platform.accounts.account.created", made.id, 1)
    expect_equal(types.Account.FromString(record.after), made)
    expect_equal((list(made.modules), made.token_limit, made.status), (["orders", "stock"], 1000, types.ACCOUNT_STATUS_ACTIVE))
    expect_equal(a.ok("GetAccount", id=made.id).account, made)
    system.account = made.id
    system.other = a.ok("CreateAccount", name="ä" * 128, modules=["prices"], token_limit=10000000).account.id

    before = counts(system)
    for name in ("", "ä" * 129, "two\nlines", "bell\x07", "\x85"):
        a.refused("INVALID_ARGUMENT", "CreateAccount", name=name, field="name")
    for limit in (-1, 10000001):
        a.refused("INVALID_ARGUMENT", "CreateAccount", name="x", token_limit=limit, field="token_limit")
    a.refused("INVALID_ARGUMENT", "CreateAccount", name="x", modules=["orders", "nope"], field="modules[1]", says="nope")
    a.refused("INVALID_ARGUMENT", "CreateAccount", name="x", modules=["orders", "stock", "orders"], field="modules[2]")
    a.refused("INVALID_ARGUMENT", "CreateAccount", name="x", modules=["Orders"], field="modules[0]")
    for method in ("GetAccount", "SuspendAccount", "ResumeAccount"):
        a.refused("NOT_FOUND", method, id="ACC-0000-0000", says="ACC-0000-0000")
        for bad in ("", "ACC-0000-000", "TKN-0000-0000", "ACC-0000-0000 ", "ACC-00000000", "1"):
            a.refused("INVALID_ARGUMENT", method, id=bad, field="id")
    a.refused("FAILED_PRECONDITION", "ResumeAccount", id=made.id, says="active")
    edit = {"id": made.id, "revision": 1, "fields": ["name", "token_limit"], "name": "Acme", "token_limit": 1000}
    a.refused("NOT_FOUND", "EditAccount", **{**edit, "id": "ACC-0000-0000"}, says="ACC-0000-0000")
    a.refused("ABORTED", "EditAccount", **{**edit, "revision": 2}, says="revision 1")
    for field, value in (("id", "ACC-0000-000"), ("revision", 0), ("fields", []), ("name", ""), ("token_limit", 0), ("token_limit", -1), ("token_limit", 10000001)):
        a.refused("INVALID_ARGUMENT", "EditAccount", **{**edit, field: value}, field=field)
    for which in ("rate_limit", "base_rate_limit"):
        for part, limit in (("per_minute", types.RateLimit(burst=1)), ("per_minute", types.RateLimit(per_minute=6000001)),
                            ("burst", types.RateLimit(per_minute=1, burst=6000001))):
            a.refused("INVALID_ARGUMENT", "CreateAccount", name="x", field=f"{which}.{part}", **{which: limit})
            a.refused("INVALID_ARGUMENT", "EditAccount", **{**edit, "fields": [which], which: limit}, field=f"{which}.{part}")
    for fields, field in ((["status"], "fields[0]"), (["name", "name"], "fields[1]")):
        a.refused("INVALID_ARGUMENT", "EditAccount", **{**edit, "fields": fields}, field=field)
    expect_equal(counts(system), before, "refusals write nothing")

    suspended = a.ok("SuspendAccount", id=made.id).account
    expect_equal((suspended.status, suspended.revision), (types.ACCOUNT_STATUS_SUSPENDED, 2))
    record = one_more(system, before, "platform.accounts.account.suspended", made.id, 2)
    expect_equal((types.Account.FromString(record.before), types.Account.FromString(record.after)), (made, suspended))
    a.refused("FAILED_PRECONDITION", "SuspendAccount", id=made.id, says="suspended")
    before = counts(system)
    resumed = a.ok("ResumeAccount", id=made.id).account
    one_more(system, before, "platform.accounts.account.resumed", made.id, 3)
    expect_equal(a.ok("GetAccount", id=made.id).account, resumed)
    expect_equal([row.id for row in a.ok("ListAccounts").accounts], [system.account, system.other])


@test("modules of an account: enable, disable, refuse (R12)")
def account_modules(system):
    a = system.admin
    before, revision = counts(system), a.ok("GetAccount", id=system.account).account.revision
    changed = a.ok("EnableModule", account_id=system.account, module="prices").account
    expect_equal((list(changed.modules), changed.revision), (["orders", "prices", "stock"], revision + 1))
    record = one_more(system, before, "platform.accounts.module.enabled", system.account, revision + 1)
    expect_equal(list(types.Account.FromString(record.before).modules), ["orders", "stock"])
    expect("prices" in record.summary, record.summary)
    a.refused("FAILED_PRECONDITION", "EnableModule", account_id=system.account, module="prices", says="already enabled")
    before = counts(system)
    changed = a.ok("DisableModule", account_id=system.account, module="prices").account
    expect_equal((list(changed.modules), changed.revision), (["orders", "stock"], revision + 2))
    one_more(system, before, "platform.accounts.module.disabled", system.account, revision + 2)
    expect_equal(a.ok("GetAccount", id=system.account).account, changed)
    for method in ("EnableModule", "DisableModule"):
        a.refused("NOT_FOUND", method, account_id=system.account, module="nope", says="nope")
        a.refused("NOT_FOUND", method, account_id="ACC-0000-0000", module="orders", says="ACC-0000-0000")
        a.refused("INVALID_ARGUMENT", method, account_id="x", module="orders", field="account_id")
        a.refused("INVALID_ARGUMENT", method, account_id=system.account, module="", field="module")
    a.refused("FAILED_PRECONDITION", "DisableModule", account_id=system.account, module="prices", says="not enabled")


@test("users: create, get, list, disable, enable, refuse; the password is kept as a hash only")
def users(system):
    a = system.admin
    before = counts(system)
    made = a.ok("CreateUser", account_id=system.account, username="Anna", name="Anna Ä", password="correct horse").user
    record = one_more(system, before, "platform.users.user.created", made.id, 1)
    expect_equal(types.User.FromString(record.after), made)
    expect_equal((made.role, made.status, made.account_id), (types.USER_ROLE_MEMBER, types.USER_STATUS_ACTIVE, system.account))
    expect_equal(a.ok("GetUser", id=made.id).user, made)
    stored = system.sql("select password_hash from users where username = 'Anna'")
    expect(stored.startswith("$argon2id$") and "correct" not in stored, "the stored password")
    silent = a.ok("CreateUser", account_id=system.account, username="robot", name="R", role=types.USER_ROLE_INTEGRATION).user
    expect_equal(system.sql("select password_hash is null from users where username = 'robot'"), "t")
    elsewhere = a.ok("CreateUser", account_id=system.other, username="otto", name="Otto", role=types.USER_ROLE_OPERATOR).user
    system.user, system.other_user = made.id, elsewhere.id

    before = counts(system)
    good = {"account_id": system.account, "username": "bert", "name": "Bert", "password": "12345678"}
    a.refused("ALREADY_EXISTS", "CreateUser", **{**good, "username": "ANNA"}, says="username")
    a.refused("NOT_FOUND", "CreateUser", **{**good, "account_id": "ACC-0000-0000"})
    for field, values in {"account_id": ("", "x"), "username": ("", "u" * 129, "a b", "a\u00a0b", "a\t"), "name": ("", "n" * 129, "\x01"),
                          "password": ("1234567", "p" * 1025), "role": (5, -1, 2000000000)}.items():
        for value in values:
            a.refused("INVALID_ARGUMENT", "CreateUser", **{**good, field: value}, field=field)
    for method in ("GetUser", "DisableUser", "EnableUser"):
        a.refused("NOT_FOUND", method, id="USR-0000-0000", says="USR-0000-0000")
        a.refused("INVALID_ARGUMENT", method, id=system.account, field="id")
    a.refused("FAILED_PRECONDITION", "EnableUser", id=made.id, says="active")
    expect_equal(counts(system), before, "refusals write nothing")

    disabled = a.ok("DisableUser", id=silent.id).user
    expect_equal((disabled.status, disabled.revision), (types.USER_STATUS_DISABLED, 2))
    record = one_more(system, before, "platform.users.user.disabled", silent.id, 2)
    expect_equal((types.User.FromString(record.before), types.User.FromString(record.after)), (silent, disabled))
    a.refused("FAILED_PRECONDITION", "DisableUser", id=silent.id, says="disabled")
    before = counts(system)
    a.ok("EnableUser", id=silent.id)
    one_more(system, before, "platform.users.user.enabled", silent.id, 3)

    expect_equal([u.id for u in a.ok("ListUsers", account_id=system.account).users], [made.id, silent.id])
    expect_equal([u.id for u in a.ok("ListUsers").users], [made.id, silent.id, elsewhere.id])
    a.refused("NOT_FOUND", "ListUsers", account_id="ACC-0000-0000")
    a.refused("INVALID_ARGUMENT", "ListUsers", account_id="x", field="account_id")


@test("many users at once: all are made, and the process goes on answering meanwhile")
def users_at_once(system):
    a, other = system.admin, Admin(system)
    started = [a.start("CreateUser", account_id=system.account, username=f"many{i}", name="M", password="correct horse") for i in range(16)]
    other.ok("GetAccount", id=system.account)
    answers = {}
    while len(answers) < len(started):
        reply = a.dealer.receive(30)
        expect(reply is not None, "a user was not answered")
        answers[reply.id] = reply.code
    expect_equal(set(answers.values()), {envelope.CODE_OK})
    # One name, twice at the same time: one is made.
    started = [a.start("CreateUser", account_id=system.account, username=name, name="M", password="correct horse") for name in ("twin", "TWIN")]
    codes = sorted(a.dealer.receive(30).code for _ in started)
    expect_equal(codes, [envelope.CODE_OK, envelope.CODE_ALREADY_EXISTS])


@test("tokens: each kind is created as it should be (R1, R2, R7, R8)")
def create_tokens(system):
    a = system.admin
    before, now = counts(system), int(time.time())
    reply = a.ok("CreateToken", account_id=system.account, name="ERP", description="for the\nERP", kind=types.TOKEN_KIND_SERVICE,
                 modules=grants("stock:write", "orders"), owner_id=system.user)
    made = reply.token
    record = one_more(system, before, "platform.tokens.token.created", made.id, 1)
    expect_equal(types.Token.FromString(record.after), made)
    expect(reply.value.startswith("jtn_live_") and len(reply.value) == 53, "the value")
    expect(reply.value.encode() not in record.SerializeToString(), "the value is in the record")
    expect_equal((made.kind, made.environment, made.status, made.expires_at), (types.TOKEN_KIND_SERVICE, types.ENVIRONMENT_LIVE,
                 types.TOKEN_STATUS_ACTIVE, 0))
    expect_equal((made.created_by.id, made.created_by.name, made.owner_id), ("operator", "operator", system.user))
    expect_equal({g.module: g.access for g in made.modules}, {"stock": types.ACCESS_WRITE, "orders": types.ACCESS_READ})
    # time () of C goes by a clock that is some milliseconds behind: across the turn of a second it is one less.
    expect(now - 1 <= made.created_at <= now + 60 and made.created_at == made.updated_at and not made.last_access_at, "times")
    shown = a.ok("GetToken", id=made.id).token
    expect_equal(sorted(shown.modules, key=lambda g: g.module), sorted(made.modules, key=lambda g: g.module))
    for token in (shown, made):
        del token.modules[:]
    expect_equal(shown, made)
    expect_equal(list(reply.warnings), [])
    system.token = made.id
    digest = hashlib.sha256(reply.value.encode()).hexdigest()
    expect_equal(system.sql(f"select count(*) from tokens where digest = '\\x{digest}'"), "1")

    outside = a.ok("CreateToken", account_id=system.account, name="x", kind=types.TOKEN_KIND_SERVICE, modules=grants("orders"), outside_party=True)
    expect_equal(len(outside.warnings), 1)
    for fields in ({"expires_at": now + DAY}, {"kind": types.TOKEN_KIND_BASE}):
        warned = a.ok("CreateToken", **{"account_id": system.account, "name": "x", "kind": types.TOKEN_KIND_SERVICE,
                                        "modules": grants("orders"), "outside_party": True, **fields})
        expect_equal(list(warned.warnings), [])
    personal = a.ok("CreateToken", account_id=system.account, name="mine", kind=types.TOKEN_KIND_PERSONAL, owner_id=system.user).token
    expect_equal((personal.owner_id, personal.expires_at, len(personal.modules)), (system.user, 0, 0))
    base = a.ok("CreateToken", account_id=system.account, name="base", kind=types.TOKEN_KIND_BASE, modules=grants("orders")).token
    expect_equal(base.expires_at, base.created_at + 180 * DAY)
    tried = a.ok("CreateToken", account_id=system.account, name="test", kind=types.TOKEN_KIND_TEST, modules=[types.ModuleGrant(module="orders")])
    expect(tried.value.startswith("jtn_test_"), "the value of a test token")
    expect_equal((tried.token.environment, tried.token.expires_at, tried.token.modules[0].access),
                 (types.ENVIRONMENT_TEST, tried.token.created_at + 180 * DAY, types.ACCESS_READ))
    soon = a.ok("CreateToken", account_id=system.account, name="ä" * 128, description="ä" * 1024, kind=types.TOKEN_KIND_BASE,
                modules=grants("orders"), expires_at=int(time.time()) + 2 + int(2 * SLOW)).token
    wait_for(lambda: a.ok("GetToken", id=soon.id).token.expired, 15, "the expiry")
    expect_equal(a.ok("GetToken", id=soon.id).token.status, types.TOKEN_STATUS_ACTIVE)
    system.base = base.id


@test("tokens: what may not be created is refused by field, and nothing is written")
def refuse_tokens(system):
    a = system.admin
    before = counts(system)
    good = {"account_id": system.account, "name": "x", "kind": types.TOKEN_KIND_SERVICE, "modules": grants("orders", "stock")}

    def bad(field, code="INVALID_ARGUMENT", **changes):
        return a.refused(code, "CreateToken", field=field, **{**good, **changes})

    bad("account_id", account_id="")
    bad("account_id", account_id=system.user)
    bad(None, "NOT_FOUND", account_id="ACC-0000-0000")
    for name in ("", "n" * 129, "ä" * 129, "a\nb", "a\x1f", "a\x7f", "\u0080"):
        bad("name", name=name)
    bad("description", description="d" * 1025)
    for kind in (0, 5, -1):
        bad("kind", kind=kind)
    for expires_at in (1, int(time.time()) - 1, -1, 2**62):
        bad("expires_at", expires_at=expires_at)
    bad("modules", modules=[])
    bad("modules", kind=types.TOKEN_KIND_BASE, modules=[])
    bad("modules", kind=types.TOKEN_KIND_TEST, modules=[])
    bad("modules", kind=types.TOKEN_KIND_PERSONAL, owner_id=system.user)
    bad("owner_id", kind=types.TOKEN_KIND_PERSONAL, modules=[])
    bad("owner_id", owner_id=system.account)
    bad("owner_id", owner_id="USR-0000-0000")
    bad("owner_id", owner_id=system.other_user)
    bad("modules[1].access", modules=[types.ModuleGrant(module="orders"), types.ModuleGrant(module="stock", access=3)])
    bad("modules[2].module", modules=grants("orders", "stock", "orders"))
    bad("modules[1].module", modules=grants("orders", "Nope!"))
    expect("nope" in str(bad("modules[2].module", modules=grants("orders", "stock", "nope")).details), "the module is not named")
    expect("prices" in str(bad("modules[0].module", modules=grants("prices", "stock")).details), "the module is not named")
    bad("modules", modules=[types.ModuleGrant(module=f"m{i}") for i in range(1001)])
    a.ok("DisableUser", id=system.user)
    bad(None, "FAILED_PRECONDITION", owner_id=system.user)
    a.ok("EnableUser", id=system.user)
    expect_equal(counts(system), (before[0] + 2, before[1] + 2), "refusals write nothing")
    listed = a.ok("ListTokens", account_id=system.account, page=types.PageRequest(size=500)).tokens
    expect_equal(int(system.sql("select count(*) from tokens")), len(listed))


@test("tokens: active, disabled, deleted, and what each state refuses (R4, R5)")
def states(system):
    a = system.admin
    made = a.ok("GetToken", id=system.token).token
    a.refused("FAILED_PRECONDITION", "EnableToken", id=made.id, says="active")
    for method, event, status in (("DisableToken", "disabled", types.TOKEN_STATUS_DISABLED), ("EnableToken", "enabled", types.TOKEN_STATUS_ACTIVE),
                                  ("DisableToken", "disabled", types.TOKEN_STATUS_DISABLED)):
        was, before = a.ok("GetToken", id=made.id).token, counts(system)
        changed = a.ok(method, id=made.id).token
        expect_equal((changed.status, changed.revision), (status, was.revision + 1))
        record = one_more(system, before, f"platform.tokens.token.{event}", made.id, changed.revision)
        expect_equal((types.Token.FromString(record.before), types.Token.FromString(record.after)), (was, changed))
        expect_equal(a.ok("GetToken", id=made.id).token, changed)
        if status == types.TOKEN_STATUS_DISABLED:
            a.refused("FAILED_PRECONDITION", "DisableToken", id=made.id, says="disabled")
    before = counts(system)
    deleted = a.ok("DeleteToken", id=made.id).token
    expect_equal(deleted.status, types.TOKEN_STATUS_DELETED)
    one_more(system, before, "platform.tokens.token.deleted", made.id, deleted.revision)
    a.ok("DeleteToken", id=system.base)  # an active one, too
    for method in ("GetToken", "DisableToken", "EnableToken", "DeleteToken"):
        a.refused("NOT_FOUND", method, id=made.id, says=made.id)
        a.refused("NOT_FOUND", method, id="TKN-0000-0000")
        a.refused("INVALID_ARGUMENT", method, id="TKN-0000-000", field="id")
    for method, fields in (("EditToken", {"revision": deleted.revision, "fields": ["name"], "name": "back"}), ("RotateToken", {}), ("RevealToken", {})):
        a.refused("NOT_FOUND", method, id=made.id, says=made.id, **fields)
    # No list has it, whatever it is asked for.
    every = [{"sort": sort, "descending": down} for sort in types.TokenSort.values() for down in (False, True)]
    for fields in (*every, {"text": made.id}, {"text": made.name}, {"status": types.TOKEN_STATUS_DISABLED}, {"kind": made.kind}, {"created_by": "operator"},
                   {"module": "orders"}):
        listed = a.ok("ListTokens", account_id=system.account, count=True, page=types.PageRequest(size=500), **fields)
        expect(made.id not in [t.id for t in listed.tokens] and listed.total == len(listed.tokens), f"a deleted token is listed: {fields}")
    expect(made.id not in [t.id for t in a.ok("ListTokens").tokens], "a deleted token is listed")


@test("lists: filters, cursors, and pages that stay in place while rows are added")
def lists(system):
    a = system.admin
    account = a.ok("CreateAccount", name="Lists", modules=["orders", "stock"]).account.id

    def make(n, kind=types.TOKEN_KIND_SERVICE):
        return [a.ok("CreateToken", account_id=account, name=f"t{i}", kind=kind, modules=grants("stock", "orders:write")).token.id for i in range(n)]

    a.refused("NOT_FOUND", "ListTokens", account_id="ACC-0000-0000")
    expect_equal(len(a.ok("ListTokens", account_id=account).tokens), 0)
    ids = make(7)
    seen, cursor = [], ""
    while True:
        page = a.ok("ListTokens", account_id=account, page=types.PageRequest(size=3, cursor=cursor))
        seen += [t.id for t in page.tokens]
        expect(len(page.tokens) <= 3, "the page's size")
        if len(seen) == 3:
            cursor_of_two = page.next_cursor
            ids += make(1)
            a.ok("DeleteToken", id=ids[0])  # seen already: moves nothing
        cursor = page.next_cursor
        if not cursor:
            break
    expect_equal(seen, ids)
    expect_equal([(g.module, g.access) for g in page.tokens[0].modules], [("orders", types.ACCESS_WRITE), ("stock", types.ACCESS_READ)])
    tests = make(2, types.TOKEN_KIND_TEST)
    a.ok("DisableToken", id=ids[1])
    a.ok("DisableToken", id=tests[0])

    def listed(**filters):
        return [t.id for t in a.ok("ListTokens", account_id=account, **filters).tokens]

    expect_equal(listed(kind=types.TOKEN_KIND_TEST), tests)
    expect_equal(listed(status=types.TOKEN_STATUS_DISABLED), [ids[1], tests[0]])
    expect_equal(listed(status=types.TOKEN_STATUS_ACTIVE, kind=types.TOKEN_KIND_TEST), tests[1:])
    expect_equal(listed(), ids[1:] + tests)
    expect(set(ids[1:]) < set(t.id for t in a.ok("ListTokens", page=types.PageRequest(size=500)).tokens), "tokens of all accounts")

    a.refused("INVALID_ARGUMENT", "ListTokens", status=types.TOKEN_STATUS_DELETED, field="status")
    a.refused("INVALID_ARGUMENT", "ListTokens", kind=7, field="kind")
    a.refused("INVALID_ARGUMENT", "ListTokens", account_id="x", field="account_id")
    a.refused("INVALID_ARGUMENT", "ListTokens", page=types.PageRequest(cursor=cursor_of_two), field="page.cursor")
    for method in ("ListTokens", "ListUsers", "ListAccounts", "ListModules"):
        a.refused("INVALID_ARGUMENT", method, page=types.PageRequest(size=501), field="page.size")
        for cursor in ("x", "!", "A" * 500, "bW9kdWxlcy8", "ä"):
            a.refused("INVALID_ARGUMENT", method, page=types.PageRequest(cursor=cursor), field="page.cursor")
    for method, rows in (("ListUsers", "users"), ("ListAccounts", "accounts"), ("ListModules", "modules")):
        whole = getattr(a.ok(method), rows)
        first = a.ok(method, page=types.PageRequest(size=1))
        rest = a.ok(method, page=types.PageRequest(size=500, cursor=first.next_cursor))
        expect_equal([*getattr(first, rows), *getattr(rest, rows)], list(whole), method)
        expect_equal(rest.next_cursor, "", method)


@test("only operators and the gateway may call")
def roles(system):
    for keys in ("caller", "validator", "issuer"):
        Admin(system, keys).refused("PERMISSION_DENIED", "ListAccounts")
        Admin(system, keys).refused("PERMISSION_DENIED", "CreateModule", name="forbidden")
    expect_equal(system.sql("select count(*) from modules where name = 'forbidden'"), "0")


@test("as many changes as records; one log line for each change; no secret in any")
def balance(system):
    changes, written = counts(system)
    expect_equal(changes, written)
    logged = 0
    for service in system.of_kind("admin"):
        for line in service.log().splitlines():
            logged += any(f'msg="{what}"' in line for what in (
                "token created", "token disabled", "token enabled", "token deleted", "account created", "account suspended", "account resumed",
                "module created", "module enabled", "module disabled", "user created", "user disabled", "user enabled"))
        expect("correct horse" not in service.log(), "a password is in the log")
    expect_equal(logged, changes)
    expect("correct horse" not in system.sql("select string_agg(encode(record, 'escape'), '') from outbox"), "a password is in a record")
    system.check_logs()


@test("the command line shows the same")
def command_line(system):
    made = system.cli("token", "create", "--account", system.account, "--name", "CLI", "--kind", "service", "--module", "orders:read")
    shown = system.cli("token", "show", made["id"])
    expect_equal((shown["name"], shown["status"], shown["modules"]), ("CLI", "active", [{"module": "orders", "access": "read"}]))
    expect("value" not in shown, "the value is shown again")
    expect_equal(system.cli("token", "disable", made["id"])["status"], "disabled")
    expect_equal(system.cli("token", "delete", made["id"])["status"], "deleted")
    expect_equal(system.cli("account", "show", system.account)["id"], system.account)


main(without_auditor)
