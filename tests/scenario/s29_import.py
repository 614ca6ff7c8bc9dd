#!/usr/bin/python3
"""Tokens that move between systems: import and export by digests, values of other systems (R3, R8, R9, R11, R12, R36, R37, R44, R46)."""
import hashlib
import json
import os
import subprocess
import time

from administer import Admin, admin, counts, envelope, grants, name_of, records, types
from harness import BUILD, PATIENCE, SLOW, System, expect, expect_equal, main, test, wait_for

DAY = 86400


def without_auditor():
    """Without an auditor the outbox keeps what is written to it."""
    system = System({"issuer": 0, "auditor": 0, "admin": 2}, {"validator": {"prefixes_interval_ms": "100"}, "admin": {"foreign_prefixes": "3"}})
    system.admin = Admin(system)
    for name in ("orders", "stock", "prices"):
        system.admin.ok("CreateModule", name=name)
    system.account = account(system, "Acme")
    system.admin.ok("CreateUser", account_id=system.account, username="Ada", name="Ada")
    return system


def account(system, name, limit=100000, a=None):
    return (a or system.admin).ok("CreateAccount", name=name, modules=["orders", "stock"], token_limit=limit).account.id


def digest(value):
    return hashlib.sha256(value.encode()).hexdigest()


def line(value, /, **members):
    """One line of a file, for a value; a member that is None is left out."""
    row = {"digest": digest(value), "prefix": "sk_live_", "name": value[:128], "kind": "service", "modules": [{"module": "orders", "access": "read"}],
           **members}
    return json.dumps({k: v for k, v in row.items() if v is not None})


def write(system, name, lines):
    path = system.path(name)
    with open(path, "wb") as f:
        for text in lines:
            f.write((text if isinstance(text, bytes) else text.encode()) + b"\n")
    return path


def run(system, path, *options, status=0, account_id=None, timeout=120):
    """`jeton token import`: its sum, and the errors as (line, text)."""
    done = system.jeton("--json", "token", "import", path, "--account", account_id or system.account, *options, timeout=timeout)
    expect_equal(done.returncode, status, (done.stderr or done.stdout)[-800:])
    errors = [json.loads(text)["error"]["message"] for text in done.stderr.splitlines()]
    return json.loads(done.stdout) if done.stdout else None, [tuple(text.removeprefix(f"{path}:").split(": ", 1)) for text in errors]


def total(sum_):
    return tuple(sum_[k] for k in ("lines", "created", "present", "conflicts", "refused"))


def by_digest(system, value):
    return system.sql(f"select number from tokens where digest = sha256('{value}')")


def token_of(system, name):
    rows = [t for t in system.admin.ok("ListTokens", account_id=system.account, text=name, page=types.PageRequest(size=500)).tokens if t.name == name]
    expect_equal(len(rows), 1, f"tokens of the name {name}")
    return rows[0]


def answers(system, value, reason, **more):
    """Every answer from the first of these on is this one: the prefix may be news to the validator."""
    wait_for(lambda: system.validate(value, **more)["reason"] == reason, 10, f"{reason} for {value}")
    return system.validate(value, **more)


@test("an imported token is a token: its foreign value validates, and is disabled, enabled, rotated, deleted (R3, R5, R9)")
def foreign(system):
    value = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
    expect_equal(system.validate(value)["reason"], "malformed", "before")
    before = counts(system)
    path = write(system, "one.jsonl", [line(value, name="Foreign", description="d", allow_list=["192.0.2.0/24"], rate_limit={"per_minute": 60},
                                            expires_at=int(time.time()) + DAY, created_at=1500000000)])
    sum_, errors = run(system, path)
    expect_equal((total(sum_), errors), ((1, 1, 0, 0, 0), []))
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1]), (1, 2), "changes; records: of the prefix and of the token")
    token = token_of(system, "Foreign")
    told = records(system)[-2:]
    expect_equal([(r.event, r.object.id) for r in told], [("platform.tokens.prefix.registered", "sk_live_"),
                                                          ("platform.tokens.token.imported", token.id)])
    expect_equal(types.Token.FromString(told[1].after), token)
    expect_equal((told[1].actor.id, told[1].request.method, told[1].object.revision), ("operator", "jeton.v1.Admin/ImportTokens", 1))
    expect_equal((token.created_at, token.rate_limit.burst, list(token.allow_list), token.environment, token.unrotated, token.revealable),
                 (1500000000, 60, ["192.0.2.0/24"], types.ENVIRONMENT_LIVE, True, False))
    inside = {"address": "192.0.2.9"}
    expect_equal(answers(system, value, "ok", **inside)["token"], token.id)
    expect_equal(answers(system, value, "read_only", access="write", **inside)["status"], 403)
    answers(system, value, "address_not_allowed", address="198.51.100.1")
    a = system.admin
    a.ok("DisableToken", id=token.id)
    answers(system, value, "disabled", **inside)
    a.ok("EnableToken", id=token.id)
    # A rotation gives a value of our own form; the foreign one has its grace period.
    new = a.ok("RotateToken", id=token.id).value
    expect(new.startswith("jtn_live_"), "the new value")
    answers(system, new, "ok", **inside)
    answers(system, value, "ok", **inside)
    a.ok("RotateToken", id=token.id, grace=types.Period(seconds=0))
    answers(system, value, "unknown", **inside)
    # Neither value of it is the imported one by now; a repeat knows it all the same, and brings nothing back.
    expect_equal(total(run(system, path)[0]), (1, 0, 1, 0, 0))
    a.ok("DeleteToken", id=token.id)
    expect_equal(total(run(system, path)[0]), (1, 0, 1, 0, 0))
    answers(system, value, "unknown", **inside)


@test("what begins in no known way is refused unread; the environment is the token's own (R1, R3)")
def unread(system):
    path = write(system, "test.jsonl", [line("sk_test_abcdefghijklmnop", prefix="sk_test_", kind="test", name="Sandbox")])
    expect_equal(total(run(system, path)[0]), (1, 1, 0, 0, 0))
    answers(system, "sk_test_abcdefghijklmnop", "wrong_environment")
    answers(system, "sk_test_abcdefghijklmnop", "ok", environment="test")
    for value in ("sk_test_abcdefghijklmnoq", "sk_test_x"):
        expect_equal(system.validate(value)["reason"], "unknown", value)
    for value in ("sk_test_", "sk_tes", "SK_TEST_abcdefghijklmnop", "jtn_live_" + "a" * 44, "pk_live_abcdefghijklmnop", "sk_test_" + "x" * 1017):
        expect_equal(system.validate(value)["reason"], "malformed", value)


@test("lines that are wrong are told with number and member, and the others are imported; the exit status tells (R2, R7, R10)")
def hostile(system):
    good = [line(f"sk_live_good_{i}") for i in range(3)]
    once = line("sk_live_once")
    table = [
        (b"{", "is no JSON"), (b"[]", "must be an object"), (b"null", "is no JSON"), (b'{"digest": "a", "digest": "b"}', "duplicate"),
        (b'{"name": "\xff"}', "unable to decode byte 0xff"), (b'{"name": "a\x00b"}', "is no JSON"), (b'{"name": "a\\u0000b"}', "is no JSON"), (b"x" * 131073, "longer than 131072 bytes"),
        (b"[" * 5000, "is no JSON"), (b'{"name": 1e999}', "is no JSON"),
        (line("v", value="jtn"), "value: there is no such member"), (line("v", name=7), "name: must be a text"),
        (line("v", digest=None), "digest: must be 64"), (line("v", digest="0" * 62), "digest: must be 64"), (line("v", digest="g" * 64), "digest: must be 64"),
        (line("v", algorithm="md5"), "algorithm: must be sha-256"), (line("v", name=None), "name: "), (line("v", name="n" * 129), "name: "),
        (line("v", name="a\nb"), "name: "), (line("v", description="d" * 1025), "description: "),
        (line("v", kind=None), "kind: "), (line("v", kind="root"), "kind: must be personal, service, base, test"), (line("v", kind=2), "kind: "),
        (line("v", modules=[]), "modules: "), (line("v", modules={}), "modules: must be a list"), (line("v", modules=["orders"]), "modules[0]: must be an object"),
        (line("v", modules=[{"module": "orders"}, {"module": "nope"}]), 'modules[1].module: there is no module "nope"'),
        (line("v", modules=[{"module": "prices"}]), "modules[0].module: module \"prices\" is not enabled"),
        (line("v", modules=[{"module": "orders", "access": "all"}]), "modules[0].access: must be read, write"),
        (line("v", modules=[{"module": "orders"}] * 2), 'modules[1].module: "orders" is there twice'),
        (line("v", modules=[{"module": "orders", "x": 1}]), "modules[0].x: there is no such member"),
        (line("v", kind="personal", modules=[]), "owner: is required"), (line("v", owner="nobody"), "owner: is not a user"),
        (line("v", owner="USR-0000-0000"), "owner: is not a user"), (line("v", owner="a b"), "owner: "),
        (line("v", expires_at=int(time.time()) - 5), "expires_at: "), (line("v", expires_at=2**63), "is no JSON"), (line("v", expires_at=2**62), "expires_at: "),
        (line("v", expires_at="2030-01-01"), "expires_at: must be a whole number"), (line("v", created_at=int(time.time()) + 3600), "created_at: "),
        (line("v", created_at=-1), "created_at: "), (line("v", status="deleted"), "status: "), (line("v", allow_list=["10.0.0.1/8"]), "allow_list[0]: "),
        (line("v", allow_list="10.0.0.0/8"), "allow_list: must be a list"), (line("v", rate_limit={"per_minute": 0}), "rate_limit.per_minute: "),
        (line("v", rate_limit={"per_minute": -1}), "rate_limit.per_minute: is too small"), (line("v", rate_limit={"per_minute": 2**32}), "rate_limit.per_minute: is too large"),
        (line("v", rate_limit={"each": 1}), "rate_limit.each: there is no such member"), (line("v", rate_limit=5), "rate_limit: must be an object"),
        (line("v", prefix="sk_"), "prefix: "), (line("v", prefix="jtn_live_"), "prefix: must not begin"), (line("v", prefix="eyJh"), "prefix: must not begin"),
        (line("v", prefix="a b c"), "prefix: "), (line("v", prefix="p" * 33), "prefix: "), (line("v", prefix="_abc"), "prefix: "), (line("v", prefix="ääää"), "prefix: "),
        (line("v", prefix="third_"), None), (line("w", prefix="fourth_"), "prefix: would be one more than the setting foreign_prefixes of jeton-admin allows, 3"),
        (line("v", old_digest="0" * 64), "last_rotated_at: "), (line("v", grace_until=5), "old_digest: "),
        (line("v", old_digest="1" * 64, last_rotated_at=1000, grace_until=1000 + 8 * DAY), "grace_until: "),
        (line("v", old_digest=digest("v"), last_rotated_at=1000, grace_until=1000), "old_digest: "),
        (once, None), (line("sk_live_once", name="twice"), "digest: another token of the same request has it"), (once, None),
        (line("rotated", old_digest=digest("sk_live_once"), last_rotated_at=1000, grace_until=1000), "digest: another token"),
    ]
    # Wrong ones must not be found in each other's way: those that are right have values of their own.
    lines = [good[0], *(text for text, _ in table), good[1], "", "  ", good[2]]
    before = counts(system)
    path = write(system, "hostile.jsonl", lines)
    for options in (("--dry-run",), ()):
        sum_, errors = run(system, path, *options, status=65)
        wanted = [(str(i + 2), why) for i, (_, why) in enumerate(table) if why is not None]
        got = dict(errors)
        for number, why in wanted:
            expect(why in got.pop(number, ""), f"line {number}: {dict(errors).get(number)!r} without {why!r}: {lines[int(number) - 1][:80]!r}")
        expect_equal(got, {}, "errors of lines that are right")
        expect_equal((sum_["created"], sum_["present"], sum_["conflicts"] + sum_["refused"], sum_["dry_run"]), (5, 1, len(wanted), bool(options)))
        after = counts(system)
        expect_equal((after[0] - before[0], after[1] - before[1]), (0, 0) if options else (5, 6), "changes and records")
    expect_equal(total(run(system, path, status=65)[0])[1:3], (0, 6), "a repeat")
    expect_equal(counts(system), after, "a repeat writes nothing")
    # In the table there is now what another line says of the same digest; and what has no digest of its own.
    conflicts = write(system, "conflicts.jsonl", [line("sk_live_once", name="else"), line("x", old_digest=digest("sk_live_good_0"), last_rotated_at=5, grace_until=5)])
    sum_, errors = run(system, conflicts, status=65)
    expect_equal((sum_["conflicts"], [n for n, _ in errors]), (2, ["1", "2"]))
    expect(all("is that of token TKN-" in text for _, text in errors), f"{errors}")
    # --strict ends at the first one.
    strict = write(system, "strict.jsonl", [line("sk_live_s1"), "nonsense", *(line(f"sk_live_s{i}") for i in range(2, 600))])
    expect_equal(total(run(system, strict, "--strict", status=65)[0]), (2, 1, 0, 0, 1))
    for arguments, status in ((("none.jsonl",), 66), ((), 64), ((path, "--account", "ACC-0000-0000"), 66), ((path, "--account", "x" * 80), 65)):
        system.jeton("token", "import", *arguments, check=status)
    # Standard input, an account in each line, nothing at all.
    rows = "\n".join(line(f"sk_live_stdin{i}", account_id=system.account) for i in range(2))
    done = system.jeton("--json", "token", "import", "-", input=rows, check=0)
    expect_equal(total(json.loads(done.stdout)), (2, 2, 0, 0, 0))
    expect_equal(total(json.loads(system.jeton("--json", "token", "import", "-", input="", check=0).stdout)), (0, 0, 0, 0, 0))
    done = system.jeton("token", "import", "-", input=line("x"), check=65)
    expect("standard input:1: account_id: is required" in done.stderr, done.stderr)


@test("ImportTokens by hand: what no command line would send")
def by_hand(system):
    a = system.admin
    token = {"digest": digest("by hand"), "name": "h", "kind": types.TOKEN_KIND_SERVICE, "modules": grants("orders")}
    for field, fields in (("account_id", {"account_id": "x"}), ("tokens", {"tokens": []}), ("tokens", {"tokens": [admin.PortableToken(**token)] * 501})):
        a.refused("INVALID_ARGUMENT", "ImportTokens", field=field, **{"account_id": system.account, "tokens": [admin.PortableToken(**token)], **fields})
    a.refused("NOT_FOUND", "ImportTokens", account_id="ACC-0000-0000", tokens=[admin.PortableToken(**token)])
    other = admin.PortableToken(**{**token, "account_id": account(system, "Other")})
    results = a.ok("ImportTokens", account_id=system.account, tokens=[other, admin.PortableToken(**token)]).results
    expect_equal([(r.outcome, r.field) for r in results], [(admin.IMPORT_OUTCOME_REFUSED, "account_id"), (admin.IMPORT_OUTCOME_CREATED, "")])
    expect_equal([r.outcome for r in a.ok("ImportTokens", account_id=system.account, tokens=[admin.PortableToken(**token)] * 2).results],
                 [admin.IMPORT_OUTCOME_PRESENT] * 2)
    # Capitals are the same digest; a native token's digest is its own.
    upper = admin.PortableToken(**{**token, "digest": token["digest"].upper()})
    expect_equal(a.ok("ImportTokens", account_id=system.account, tokens=[upper]).results[0].outcome, admin.IMPORT_OUTCOME_PRESENT)
    value = a.ok("CreateToken", account_id=system.account, name="native", kind=types.TOKEN_KIND_SERVICE, modules=grants("orders")).value
    native = admin.PortableToken(**{**token, "digest": digest(value)})
    expect_equal(a.ok("ImportTokens", account_id=system.account, tokens=[native]).results[0].outcome, admin.IMPORT_OUTCOME_CONFLICT)
    # A user who is deleted owns nothing; another may have the name by now.
    ids = []
    for disable in (False, True, False):
        ids.append(a.ok("CreateUser", account_id=system.account, username="zoe", name="Zoe").user.id)
        if disable:
            a.ok("DisableUser", id=ids[-1])
        for owner, refused in (("Zoe", disable), (ids[0], len(ids) > 1)):
            owned = admin.PortableToken(**{**token, "digest": digest(f"{owner} {len(ids)}"), "owner": owner})
            result = a.ok("ImportTokens", account_id=system.account, tokens=[owned], dry_run=True).results[0]
            wanted = (admin.IMPORT_OUTCOME_REFUSED, "owner") if refused else (admin.IMPORT_OUTCOME_CREATED, "")
            expect_equal((result.outcome, result.field), wanted, f"{owner}, {ids}")
        a.ok("DeleteUser", id=ids[-1])
    a.refused("INVALID_ARGUMENT", "ExportTokens", field="account_id")
    a.refused("NOT_FOUND", "ExportTokens", account_id="ACC-0000-0000")
    expect_equal(len(a.ok("ExportTokens", account_id=account(system, "Empty")).tokens), 0)


@test("an account's limit of tokens holds for imports, line by line (R11)")
def limit(system):
    small = account(system, "Small", limit=5)
    path = write(system, "limit.jsonl", [line(f"sk_live_limit{i}") for i in range(8)])
    sum_, errors = run(system, path, account_id=small, status=65)
    expect_equal((total(sum_), [n for n, _ in errors]), ((8, 5, 0, 0, 3), ["6", "7", "8"]))
    expect("its limit is 5" in errors[0][1], errors[0])
    expect_equal(system.sql("select live_tokens from accounts where name = 'Small'"), "5")
    first = system.admin.ok("ListTokens", account_id=small).tokens[0]
    system.admin.ok("DeleteToken", id=first.id)
    expect_equal(total(run(system, path, account_id=small, status=65)[0]), (8, 1, 5, 0, 2))


@test("two imports of the same file at once, through two processes: each line once")
def at_once(system):
    crowd = account(system, "Crowd")
    path = write(system, "crowd.jsonl", [line(f"sk_live_crowd{i}") for i in range(3000)])
    before = counts(system)
    runs = [start(system, path, crowd) for _ in range(3)]
    sums = [json.loads(run_.communicate(timeout=60 * PATIENCE)[0]) for run_ in runs]
    expect_equal([(s["created"] + s["present"], s["conflicts"] + s["refused"]) for s in sums], [(3000, 0)] * 3)
    expect_equal(sum(s["created"] for s in sums), 3000)
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1]), (3000, 3000), "changes and records")


def start(system, path, account_id, stdout=subprocess.PIPE):
    return subprocess.Popen([f"{BUILD}/bin/jeton", "--json", "token", "import", path, "--account", account_id, "--timeout", "120"], stdin=subprocess.DEVNULL,
                            stdout=stdout, stderr=subprocess.DEVNULL, text=True, cwd=system.directory, env=system.environment())


def tokens_of(system, name):
    return int(system.sql(f"select count(*) from tokens t join accounts a on a.number = t.account where a.name = '{name}'"))


MANY = 20000 if SLOW == 1 else 4000


@test("many lines, with kill -9 of admin and of the command line in between: exactly those tokens, one record each (R37, R44)")
def killed(system):
    many = account(system, "Many")
    path = write(system, "many.jsonl", [line(f"sk_live_many{i}", name=f"many {i}", modules=[{"module": "orders"}, {"module": "stock", "access": "write"}])
                                        for i in range(MANY)])
    before = counts(system)
    run_ = start(system, path, many)
    wait_for(lambda: tokens_of(system, "Many") > MANY // 10, 60, "the beginning")
    for name in ("admin", "admin2"):
        system[name].kill()
    for name in ("admin", "admin2"):
        system[name].start(wait=False)
    wait_for(lambda: tokens_of(system, "Many") > 3 * MANY // 10, 60, "going on by itself")
    run_.kill()
    run_.communicate()
    middle = tokens_of(system, "Many")
    expect(3 * MANY // 10 < middle < MANY, f"{middle} tokens when it was killed")
    sum_, errors = run(system, path, account_id=many, timeout=200)
    expect_equal((sum_["created"] + sum_["present"], errors), (MANY, []))
    expect(sum_["present"] >= middle, f"{sum_['present']} of {middle} were passed over")
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1]), (MANY, MANY), "changes and records")
    expect_equal(system.sql("select count(*), count(distinct digest), min(live_tokens), (select count(*) from token_modules g where g.account = t.account)"
                            " from tokens t join accounts a on a.number = t.account where a.name = 'Many' group by t.account"), f"{MANY}|{MANY}|{MANY}|{2 * MANY}")
    told = system.sql("select count(distinct convert_from(substring(record from position('TKN-'::bytea in record) for 13), 'SQL_ASCII')) from"
                      f" (select record from outbox order by id desc limit {MANY}) r where position('token.imported'::bytea in record) > 0")
    expect_equal(told, str(MANY), "tokens that records tell of")
    expect_equal(total(run(system, path, account_id=many)[0]), (MANY, 0, MANY, 0, 0))


def peak(pid):
    """The most resident memory that it had; 0 when it has ended."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next((int(row.split()[1]) for row in f if row.startswith("VmHWM")), 0) << 10


@test("memory does not grow with the file: neither the command line's nor admin's")
def memory(system):
    def measure(path, account_id):
        high = 0
        with open(system.path("sum"), "w", encoding="utf-8") as sum_:
            run_ = start(system, path, account_id, stdout=sum_)
        while run_.returncode is None:
            try:
                run_.wait(0.02)
            except subprocess.TimeoutExpired:
                high = max(high, peak(run_.pid))
        with open(system.path("sum"), encoding="utf-8") as sum_, open(path, "rb") as lines:
            expect_equal((run_.returncode, json.load(sum_)["created"]), (0, sum(1 for _ in lines)))
        return high, max(peak(system[name].process.pid) for name in ("admin", "admin2"))

    def wide(name, n):
        return write(system, name, [line(f"sk_live_{name}{i}", description="d" * 1000, allow_list=[f"10.{j}.0.0/16" for j in range(20)]) for i in range(n)])

    home = account(system, "Home")
    small = measure(wide("small", 1500 if SLOW == 1 else 500), home)
    large = measure(wide("large", 6000 if SLOW == 1 else 2000), home)
    for what, before, after in zip(("the command line", "admin"), small, large):
        # Sanitizers keep what was freed for a while.
        expect(after < before + (8 << 20) or SLOW != 1, f"{what} had {before >> 10} KiB at most for a small file, {after >> 10} KiB for one four times as large")


@test("what one system exports, another imports: the same tokens, and their values validate there")
def round_trip(system):
    a, home = system.admin, account(system, "Moves")
    user = a.ok("CreateUser", account_id=home, username="bea", name="Bea").user.id
    values = {}

    def make(name, kind=types.TOKEN_KIND_SERVICE, **fields):
        made = a.ok("CreateToken", **{"account_id": home, "name": name, "kind": kind, "modules": grants("orders", "stock:write"), **fields})
        values[name] = made.value
        return made.token

    make('Quotes "and" \\ ü', description="two\nlines", allow_list=["10.0.0.0/8", "::1/128"], rate_limit=types.RateLimit(per_minute=60, burst=5))
    make("personal", types.TOKEN_KIND_PERSONAL, owner_id=user, modules=[])
    make("test", types.TOKEN_KIND_TEST)
    make("base", types.TOKEN_KIND_BASE, revealable=True)
    a.ok("DisableToken", id=make("disabled").id)
    a.ok("DeleteToken", id=make("deleted").id)
    expired = make("expired", expires_at=int(time.time()) + 1000)
    system.sql(f"update tokens set expires_at = now() where name = '{expired.name}'")
    rotated = make("rotated")
    values["rotated before"], values["rotated"] = values["rotated"], a.ok("RotateToken", id=rotated.id, grace=types.Period(seconds=7 * DAY)).value
    run(system, write(system, "foreign.jsonl", [line("sk_live_moves_twice_a_day", name="foreign")]), account_id=home)
    values["foreign"] = "sk_live_moves_twice_a_day"
    path = system.path("moves.jsonl")
    system.jeton("token", "export", "--account", home, "--output", path, check=0)
    with open(path, encoding="utf-8") as f:
        rows = [json.loads(text) for text in f]
    names = [r["name"] for r in rows]
    expect_equal(len(names), 7, f"{names}")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    expect(not any(value in text for value in values.values()), "a value is in the export (R46)")
    expect_equal(system.jeton("token", "export", "--account", home, check=0).stdout, text)
    expect_equal(len(system.jeton("token", "export", "--account", system.account, check=0).stdout.splitlines()),
                 int(system.sql("select count(*) from tokens t join accounts a on a.number = t.account where a.name = 'Acme' and t.status <> 3")))
    system.jeton("token", "export", "--account", home, "--output", system.path("no", "such", "dir"), check=74)
    system.jeton("token", "export", "--account", "ACC-0000-0000", "--output", system.path("none"), check=66)
    expect(not os.path.exists(system.path("none")) and not [n for n in os.listdir(system.directory) if "partial" in n], "half a file")
    other = System({"issuer": 0, "auditor": 0}, {"validator": {"prefixes_interval_ms": "100"}}, start=False)
    try:
        # Values of Jeton's own form need the key of their check part.
        with open(f"{system.keys}/token-check.keys", encoding="ascii") as f, open(f"{other.keys}/token-check.keys", "a", encoding="ascii") as to:
            to.write(f.read())
        other.start()
        moved(system, other, home, path, rows, values)
        other.finish()
    finally:
        other.destroy()


def moved(system, other, home, path, rows, values):
    b = Admin(other)
    for name in ("returns", "stock", "orders"):
        b.ok("CreateModule", name=name)
    b.ok("CreateAccount", name="before")
    there = account(other, "Moved", a=b)
    b.ok("CreateUser", account_id=there, username="BEA", name="Bea")
    expect_equal(total(run(other, path, account_id=there)[0]), (7, 7, 0, 0, 0))
    again = [json.loads(text) for text in other.jeton("token", "export", "--account", there, check=0).stdout.splitlines()]
    for row in (*rows, *again):
        row.pop("account_id")
        row["owner"] = row["owner"].lower()
    expect_equal(again, rows)
    by_name = {t.name: t for t in b.ok("ListTokens", account_id=there).tokens}
    for name, value in values.items():
        more = {"environment": "test"} if name == "test" else {}
        if name.startswith("Quotes"):
            more["address"] = "10.1.2.3"
        reason = {"deleted": "unknown", "expired": "unknown", "disabled": "disabled"}.get(name, "ok")
        reply = answers(other, value, reason, **more)
        if reason != "unknown":
            expect_equal(reply["token"], by_name[name.removesuffix(" before")].id)
    # Into the system it is from: those are there, as tokens of their own.
    expect_equal(total(run(system, path, account_id=home, status=65)[0])[3], 7)


@test("a prefix that no value needs any more is removed, and what begins with it is malformed; an import registers it again (R3, R36, R37)")
def prefixes(system):
    a, home = system.admin, account(system, "Prefixes")
    system.sql("delete from idempotency_keys")

    def token(name):
        return next(t.id for t in a.ok("ListTokens", account_id=home).tokens if t.name == name)

    def rows():
        return {p.prefix: p.tokens for p in a.ok("ListForeignPrefixes").prefixes}

    taken = rows()
    values = {name: f"third_{name}" for name in ("stays", "rotated", "deleted")}
    expect_equal(len(taken), 3)
    sum_, _ = run(system, write(system, "prefixes.jsonl", [line(v, name=n, prefix="third_") for n, v in values.items()]), account_id=home)
    expect_equal(sum_["created"], 3)
    for value in values.values():
        answers(system, value, "ok")
    expect_equal(rows(), {**taken, "third_": taken["third_"] + 3})
    expect_equal({row["prefix"]: row["tokens"] for row in system.cli("prefix", "list")}, rows())
    before = counts(system)
    a.refused("NOT_FOUND", "RemoveForeignPrefix", prefix="none_")
    a.refused("INVALID_ARGUMENT", "RemoveForeignPrefix", field="prefix")
    a.refused("FAILED_PRECONDITION", "RemoveForeignPrefix", prefix="third_", says="begins with third_")
    others = set(system.sql("select name from tokens where prefix = 'third_' and status <> 3").split())
    for old in system.cli("token", "list", "--account", system.account, "--all"):
        if old["name"] in others:
            a.ok("DeleteToken", id=old["id"])
    a.ok("DeleteToken", id=token("deleted"))
    rotated = token("rotated")
    new = a.ok("RotateToken", id=rotated).value
    a.refused("FAILED_PRECONDITION", "RemoveForeignPrefix", prefix="third_")  # the grace period
    a.ok("RotateToken", id=rotated, grace=types.Period(seconds=0))
    a.ok("DisableToken", id=token("stays"))
    a.refused("FAILED_PRECONDITION", "RemoveForeignPrefix", prefix="third_", says="1 token has")  # it may be enabled again
    expect(counts(system) != before, "nothing was counted")
    a.ok("DeleteToken", id=token("stays"))
    # By command, with a key: done once, with its record.
    system.jeton("prefix", "remove", "first_of_all_", check=66)
    key = ("--idempotency-key", "remove third")
    removed = system.cli("prefix", "remove", "third_", "--yes", *key)
    expect_equal((removed["prefix"], removed["tokens"]), ("third_", 0))
    expect_equal(system.cli("prefix", "remove", "third_", "--yes", *key), removed)
    a.refused("NOT_FOUND", "RemoveForeignPrefix", prefix="third_")
    expect_equal(system.sql("select count(*) from tokens where prefix = 'third_'"), "0")
    found = [r for r in records(system) if r.event == "platform.tokens.prefix.removed"]
    expect_equal([(r.object.id, r.object.type, r.visibility) for r in found], [("third_", "foreign_prefix", 2)])  # private
    wait_for(lambda: system.validate(values["stays"])["reason"] == "malformed", 10, "the validator's knowledge")
    expect_equal(system.validate(new)["reason"] in ("unknown", "rotated_out"), True)
    # There is room for another, or for the same again.
    run(system, write(system, "again.jsonl", [line("third_again", prefix="third_")]), account_id=home)
    answers(system, "third_again", "ok")
    expect_equal(rows()["third_"], 1)


@test("an import and a removal of its prefix at once: whoever comes first, a token that was made can be used (R37)")
def crossing(system):
    a, home = system.admin, account(system, "Crossing")
    for i in range(10):
        value = f"third_cross_{i}"
        made = [t.id for account_id in [home] for t in a.ok("ListTokens", account_id=account_id).tokens]
        for old in [*made, *(t.id for t in a.ok("ListTokens", text="third_again").tokens)]:
            a.ok("DeleteToken", id=old)
        b = Admin(system, service="admin2")
        imported = admin.ImportTokensRequest(account_id=home, tokens=[admin.PortableToken(
            digest=digest(value), prefix="third_", name=value, kind=types.TOKEN_KIND_SERVICE, modules=grants("orders"))])
        b.dealer.send("jeton.v1.Admin/ImportTokens", imported, timeout_ms=int(20000 * SLOW))
        a.start("RemoveForeignPrefix", prefix="third_")
        removal, result = a.dealer.receive(20), b.dealer.receive(20)
        b.dealer.close()
        expect(removal.code in (envelope.CODE_OK, envelope.CODE_FAILED_PRECONDITION), removal.message)
        outcome = admin.ImportTokensReply.FromString(result.body).results[0]
        expect_equal((name_of(result.code), outcome.outcome), ("OK", admin.IMPORT_OUTCOME_CREATED), result.message + outcome.message)
        expect_equal(system.sql(f"select count(*) from tokens t join foreign_prefixes p using (prefix) where t.name = '{value}'"), "1")
        answers(system, value, "ok")


@test("no value is in a log or in a record (R46)")
def secrets(system):
    texts = [s.log() for s in system.services.values()] + [system.sql("select string_agg(encode(record, 'escape'), ' ') from outbox where id % 50 = 0 or id < 500")]
    expect(not any(v in text for text in texts for v in ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "sk_live_moves_twice_a_day", "sk_test_abcdefghijklmnop")), "a value is there")


main(without_auditor)
