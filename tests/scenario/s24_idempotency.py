#!/usr/bin/python3
"""Calls that are repeated with the same idempotency key: done once, answered the same, whoever dies in between (R8, R37, R44)."""
import re
import subprocess

from administer import Admin, admin, counts, envelope, grants, name_of, records, types
from harness import BUILD, PATIENCE, TOP, System, expect, expect_equal, main, test, wait_for

with open(f"{TOP}/tests/fuzz/corpus/fuzz_image/grey.png", "rb") as f:
    LOGO = f.read()


def two_admins():
    """Without an auditor the outbox keeps what is written to it."""
    system = System({"issuer": 0, "validator": 0, "auditor": 0, "admin": 2}, start=False)
    # A second operator: the gateway's key, with that role too.
    with open(f"{system.keys}/peers", encoding="ascii") as f:
        peers = re.sub(r"(\sgateway\s+)gateway", r"\1operator,gateway", f.read())
    with open(f"{system.keys}/peers", "w", encoding="ascii") as f:
        f.write(peers)
    system.start()
    system.admin = Admin(system)
    for name in ("orders", "stock"):
        system.admin.ok("CreateModule", name=name)
    system.account = system.admin.ok("CreateAccount", name="Acme", modules=["orders", "stock"]).account.id
    system.token = {"account_id": system.account, "name": "x", "kind": types.TOKEN_KIND_SERVICE, "modules": grants("orders")}
    return system


def keyed(system, key, keys="operator", service="admin"):
    return Admin(system, keys, service).given(idempotency_key=key)


def kept(system):
    return int(system.sql("select count(*) from idempotency_keys"))


class Held:
    """As long as this lasts, no change is committed: what the next one writes to is locked."""

    def __init__(self, system):
        self.system = system

    def __enter__(self):
        s = self.system
        self.psql = subprocess.Popen(["psql", "-XAtq", f"host={s.postgres.directory} dbname=jeton user=jeton"], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        self.psql.stdin.write("begin; lock table outbox; select 'locked';\n")
        self.psql.stdin.flush()
        expect_equal(self.psql.stdout.readline().strip(), "locked")
        return self

    def wait(self, n=1):
        """Until n changes wait: PostgreSQL has them whole, and commits them whatever becomes of who sent them."""
        wait_for(lambda: int(self.system.sql("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")) >= n, 10, f"{n} changes that wait")

    def __exit__(self, *_):
        self.psql.communicate("commit;\n", timeout=30)


@test("a repeat has the same reply, with the token's value, and changes nothing; the value is kept sealed only (R8)")
def repeat(system):
    a, before, rows = keyed(system, "one"), counts(system), kept(system)
    first = a.reply("CreateToken", **system.token, outside_party=True)
    expect_equal(first.code, envelope.CODE_OK, first.message)
    made = admin.CreateTokenReply.FromString(first.body)
    expect(made.value.startswith("jtn_live_") and made.token.id and made.warnings, "the first reply")
    for service in ("admin", "admin2", "admin"):
        again = keyed(system, "one", service=service).reply("CreateToken", **system.token, outside_party=True)
        expect_equal((again.code, again.body), (first.code, first.body), service)
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1], kept(system) - rows), (1, 1, 1), "changes, records, keys")
    expect_equal(system.sql("select count(*) from idempotency_keys where position('jtn_' in encode(sealed, 'escape')) > 0"), "0")
    # Whatever the object has become since, it is the first call's reply.
    system.admin.ok("DeleteToken", id=made.token.id)
    expect_equal(a.reply("CreateToken", **system.token, outside_party=True).body, first.body)


@test("a key is good for one request of one peer; a refusal keeps nothing")
def scope(system):
    a = keyed(system, "two")
    made = a.ok("CreateToken", **system.token)
    before = counts(system)
    for method, fields in (("CreateToken", {**system.token, "name": "y"}), ("DisableToken", {"id": made.token.id}), ("CreateModule", {"name": "z"})):
        a.refused("INVALID_ARGUMENT", method, **fields, field="idempotency-key", says='"two"')
    for bad in ("", "k" * 129, "tab\t", "ä"):
        keyed(system, bad).refused("INVALID_ARGUMENT", "CreateToken", **system.token, field="idempotency-key")
    expect_equal(counts(system), before, "refusals write nothing")
    keyed(system, "k" * 128).ok("CreateToken", **system.token)
    # Methods that only look take no key.
    expect_equal(a.ok("GetToken", id=made.token.id).token, made.token)
    other = keyed(system, "two", "gateway").ok("CreateToken", **system.token)
    expect(other.token.id != made.token.id and other.value != made.value, "another peer was given this peer's reply")
    # The refusal is not kept: once the reason for it is gone, the same key works.
    b, rows = keyed(system, "three"), kept(system)
    b.refused("FAILED_PRECONDITION", "EnableToken", id=made.token.id)
    expect_equal(kept(system), rows)
    system.admin.ok("DisableToken", id=made.token.id)
    expect_equal(b.ok("EnableToken", id=made.token.id), b.ok("EnableToken", id=made.token.id))


@test("every method that changes something takes a key, and answers a repeat the same")
def methods(system):
    a = system.admin
    user = {"account_id": system.account, "username": "ada", "name": "Ada", "password": "correct horse"}
    calls = [("CreateModule", {"name": "prices"}), ("CreateAccount", {"name": "Other", "modules": ["orders"]}),
             ("SuspendAccount", {"id": system.account}), ("ResumeAccount", {"id": system.account}),
             ("EditAccount", {"id": system.account, "revision": a.ok("GetAccount", id=system.account).account.revision + 2, "fields": ["name"], "name": "Else"}),
             ("EnableModule", {"account_id": system.account, "module": "prices"}), ("DisableModule", {"account_id": system.account, "module": "prices"}),
             ("CreateUser", user), ("DisableUser", {"id": "User"}), ("EnableUser", {"id": "User"}),
             ("EditUser", {"id": "User", "revision": 3, "fields": ["password", "name"], "password": "another horse", "name": "Ada L"}), ("DeleteUser", {"id": "User"}),
             ("CreateToken", system.token),
             ("DisableToken", {"id": "Token"}), ("EnableToken", {"id": "Token"}), ("EditToken", {"id": "Token", "revision": 3, "name": "y", "fields": ["name"]}),
             ("SetTokenLogo", {"id": "Token", "revision": 4, "logo": LOGO}), ("RotateToken", {"id": "Token"}), ("DeleteToken", {"id": "Token"})]
    coded = {"code": "eu"}
    references = {"CustomerGroup": coded, "Market": coded, "StockLocation": {**coded, "market_id": "Market"},
                  "Client": {"kind": types.CLIENT_KIND_SALES_CHANNEL, "market_id": "Market"}}
    for noun, fields in references.items():
        calls.append((f"Create{noun}", {"account_id": system.account, "name": "Europe", **fields}))
        calls += [(f"{verb}{noun}", {"id": noun}) for verb in ("Deactivate", "Activate")]
        calls.append((f"Edit{noun}", {"id": noun, "revision": 3, "fields": ["name"], "name": "Else"}))
    calls += [("CreateCustomer", {"account_id": system.account, "email": "ada@shop.example", "password": "correct horse", "customer_group_id": "CustomerGroup"}),
              ("DeactivateCustomer", {"id": "Customer"}), ("ActivateCustomer", {"id": "Customer"}),
              ("EditCustomer", {"id": "Customer", "revision": 3, "fields": ["password"], "password": "another horse"}), ("DeleteCustomer", {"id": "Customer"})]
    confidential = a.ok("CreateClient", account_id=system.account, name="ERP", kind=types.CLIENT_KIND_INTEGRATION).client
    calls += [("RotateClientSecret", {"id": confidential.id}), ("RevokeAccessTokens", {"account_id": system.account, "jti": "x"})]
    calls += [(f"Delete{noun}", {"id": noun}) for noun in reversed(references)]
    # Revealing is a read that is written down each time; resealing and importing are the same however often they are done. Prefixes: s29_import.
    reads = ("Get", "List", "Resolve", "Reveal", "Reseal", "Import", "Export", "Remove")
    changing = {m.name for m in admin.DESCRIPTOR.services_by_name["Admin"].methods if not m.name.startswith(reads)}
    expect_equal({name for name, _ in calls}, changing, "methods that change something")
    made = {}
    for i, (method, fields) in enumerate(calls):
        fields = {name: made.get(value, value) if name in ("id", "market_id", "customer_group_id") else value for name, value in fields.items()}
        before = counts(system)
        a.given(idempotency_key=f"method {i}")
        first, again = a.reply(method, **fields), a.reply(method, **fields)
        after = counts(system)
        expect_equal(name_of(first.code), "OK", f"{method}: {first.message}")
        expect_equal((again.code, again.body), (first.code, first.body), method)
        expect_equal((after[0] - before[0], after[1] - before[1]), (1, 1), f"changes and records of {method}")
        reply = getattr(admin, f"{method}Reply").FromString(first.body)
        noun = method.removeprefix("Create")
        if noun in ("User", "Token", "Customer", *references):
            made[noun] = getattr(reply, re.sub("(?<=[a-z])(?=[A-Z])", "_", noun).lower()).id
    a.given()


@test("many repeats at once through two processes: one change, one reply")
def at_once(system):
    for round_number in range(5):
        callers = [keyed(system, f"crowd {round_number}", service=("admin", "admin2")[i % 2]) for i in range(8)]
        before = counts(system)
        for caller in callers * 4:
            caller.start("CreateToken", **system.token)
        replies = [caller.dealer.receive(20) for caller in callers * 4]
        expect_equal({name_of(r.code) for r in replies}, {"OK"}, str({r.message for r in replies}))
        expect_equal(len({r.body for r in replies}), 1, "different replies")
        after = counts(system)
        expect_equal((after[0] - before[0], after[1] - before[1]), (1, 1), "changes and records")
        # A repeat that finds the object changed already is answered as its first call, not refused.
        made = admin.CreateTokenReply.FromString(replies[0].body)
        for caller in callers:
            caller.given(idempotency_key=f"crowd {round_number} disables")
        for caller in callers * 4:
            caller.start("DisableToken", id=made.token.id)
        replies = [caller.dealer.receive(20) for caller in callers * 4]
        expect_equal({name_of(r.code) for r in replies}, {"OK"}, str({r.message for r in replies}))
        expect_equal(len({r.body for r in replies}), 1, "different replies")
        for caller in callers:
            caller.dealer.close()


@test("admin is killed between commit and reply: the repeat has the token and its value, made once (R44)")
def killed(system):
    before, rows = counts(system), kept(system)
    a = keyed(system, "killed")
    with Held(system) as held:
        a.start("CreateToken", **system.token)
        held.wait()
        system["admin"].pause()
    wait_for(lambda: kept(system) == rows + 1, 10, "the commit")
    system["admin"].kill()
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1]), (1, 1), "changes and records")
    told = records(system)[-1]
    system["admin"].start()
    made = keyed(system, "killed").ok("CreateToken", **system.token)
    expect_equal(made, keyed(system, "killed", service="admin2").ok("CreateToken", **system.token))
    expect_equal((told.event, told.object.id), ("platform.tokens.token.created", made.token.id))
    digest = system.sql(f"select digest = sha256('{made.value}') from tokens where created_at >= to_timestamp({made.token.created_at}) order by number desc limit 1")
    expect_equal(digest, "t", "the value is not the one that was committed")
    expect_equal((counts(system), kept(system)), (after, rows + 1))
    a.dealer.close()


@test("admin is killed before the commit is through: a repeat that crosses it waits for it, and has its reply")
def crossing(system):
    before = counts(system)
    with Held(system) as held:
        first = keyed(system, "crossing")
        first.start("CreateToken", **system.token)
        held.wait()
        system["admin"].kill()
        first.dealer.close()
        repeat_ = keyed(system, "crossing", service="admin2")
        repeat_.start("CreateToken", **system.token)
        held.wait(2)
    reply = repeat_.dealer.receive(20)
    expect_equal(name_of(reply.code), "OK", reply.message)
    system["admin"].start()
    expect_equal(keyed(system, "crossing").reply("CreateToken", **system.token).body, reply.body)
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1]), (1, 1), "changes and records")


@test("PostgreSQL crashes amid commits: repeats make every outcome definite, each change once (R44)")
def database(system):
    a = system.admin
    before, replies = counts(system), {}
    for i in range(200):
        replies[a.given(idempotency_key=f"crash {i}").start("CreateModule", name=f"crash{i}")] = None
    first = a.dealer.receive(20)
    system.postgres.stop("immediate")
    replies[first.id] = first
    while None in replies.values():
        reply = a.dealer.receive(20)
        expect(reply is not None, "a call was not answered")
        replies[reply.id] = reply
    system.postgres.start()
    codes = {name_of(r.code) for r in replies.values()}
    expect(codes <= {"OK", "UNAVAILABLE", "UNKNOWN"}, f"{codes}")
    wait_for(lambda: a.reply("ListModules").code == envelope.CODE_OK, 5, "recovery")
    for i, reply in enumerate(replies.values()):
        again = a.given(idempotency_key=f"crash {i}").reply("CreateModule", name=f"crash{i}")
        expect_equal(name_of(again.code), "OK", again.message)
        expect(reply.code != envelope.CODE_OK or again.body == reply.body, f"crash{i}: another reply")
    a.given()
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1]), (200, 200), "changes and records")


@test("the command line repeats by itself: admin killed in mid-command costs the operator nothing")
def command_line(system):
    before = counts(system)
    create = ("--json", "token", "create", "--account", system.account, "--name", "cli", "--kind", "service", "--module", "orders")
    with Held(system) as held:
        run = subprocess.Popen([f"{BUILD}/bin/jeton", *create, "--timeout", "90"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, cwd=system.directory, env=system.environment())
        held.wait()
        for name in ("admin", "admin2"):
            system[name].kill()
    for name in ("admin", "admin2"):
        system[name].start(wait=False)
    out, error = run.communicate(timeout=60 * PATIENCE)
    expect_equal(run.returncode, 0, error)
    expect("jtn_live_" in out, "the value is lost")
    for name in ("admin", "admin2"):
        system[name].wait_healthy()
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1]), (1, 1), "changes and records")
    first = system.jeton(*create, "--idempotency-key", "mine", check=0).stdout
    expect_equal(system.jeton(*create, "--idempotency-key", "mine", check=0).stdout, first)
    system.jeton("module", "create", "other", "--idempotency-key", "mine", check=65)
    system.jeton("module", "create", "other", "--idempotency-key", "k" * 121, check=64)


@test("what was kept for longer than idempotency_keep_s is removed, in batches, and its key is free again")
def tidied(system):
    expect(kept(system) > 0, "nothing to remove")
    system.sql("insert into idempotency_keys (key, method, sealed, created_at) select sha256(i::text::bytea), 'old', '', now() - interval '1 day'"
               " from generate_series(1, 2500) i")
    system.add("admin", "admin3", {"idempotency_keep_s": "1"}).start()
    wait_for(lambda: kept(system) == 0, 15, "their removal")
    keyed(system, "one").ok("CreateToken", **{**system.token, "name": "anew"})


main(two_admins)
