#!/usr/bin/python3
"""Random steps against a small model (tests/property/), while processes are killed: the same states, one record a change, nothing lost (R2, R4, R5, R7-R13, R31, R35-R38, R44).

JETON_STEPS: how many (20,000; `make check-property`: 1,000,000). JETON_SEED: of all choices, of steps and of faults; it is told when the test fails.
"""
import collections
import itertools
import json
import os
import random
import re
import subprocess
import time

from harness import BUILD, PATIENCE, SLOW, System, expect, expect_equal, main, test, wait_for

STEPS = int(os.environ.get("JETON_STEPS") or 20000 / SLOW)
SEED = int(os.environ.get("JETON_SEED") or random.SystemRandom().randrange(1, 2**31))
LONG = STEPS > 100000
ACTORS = 64
MODULES = ("invoices", "orders", "prices", "reports", "returns", "stock")  # those of tests/property/input.c

# A line for each object, as tests/property/books.c writes it.
HEX = "encode(convert_to({}, 'UTF8'), 'hex')"
SECONDS = "coalesce(floor(extract(epoch from {})), 0)::bigint"
ACCOUNTS = f"""
    select concat_ws('|', 'account', number, status, revision, {SECONDS.format('created_at')}, {HEX.format('name')}, token_limit, live_tokens,
        (select coalesce(string_agg(m.name, ',' order by m.name), '') from account_modules e join modules m on m.number = e.module
         where e.account = a.number and e.enabled))
    from accounts a where"""
USERS = f"""
    select concat_ws('|', 'user', number, status, revision, {SECONDS.format('created_at')}, account, {HEX.format('name')}, {HEX.format('username')})
    from users where account in"""
TOKENS = f"""
    select concat_ws('|', 'token', number, status, revision, {SECONDS.format('created_at')}, account, {HEX.format('name')},
        {SECONDS.format('updated_at')}, coalesce(owner, 0), {HEX.format('description')}, kind,
        (select coalesce(string_agg(m.name || ':' || g.access, ',' order by m.name), '') from token_modules g join modules m on m.number = g.module
         where g.token = t.number),
        array_to_string(allow_list, ','), coalesce(rate_per_minute, 0), coalesce(rate_burst, 0), {SECONDS.format('expires_at')},
        {SECONDS.format('last_rotated_at')}, {SECONDS.format('grace_until')}, encode(digest, 'hex'), coalesce(encode(old_digest, 'hex'), ''),
        (sealed_value is not null)::integer, coalesce((select encode(sha256(l.data), 'hex') from token_logos l where l.token = t.number), ''))
    from tokens t where account in"""
RESOURCES = f"""
    select concat_ws('|', '{{0}}', number, status, revision, {SECONDS.format('created_at')}, account, {HEX.format('name')},
        {SECONDS.format('updated_at')}, coalesce({{2}}, 0), {HEX.format('code')})
    from {{1}} where account in"""
CLIENTS = f"""
    select concat_ws('|', 'client', number, status, revision, {SECONDS.format('created_at')}, account, {HEX.format('name')},
        {SECONDS.format('updated_at')}, coalesce(market, 0), kind, access_token_life_s, token_format, array_to_string(redirect_uris, ','))
    from clients where account in"""


def rows(system, name):
    """All that the database has of a run's accounts."""
    whose = f"(name like '{name}-%')"
    accounts = f"(select number from accounts where {whose})"
    resources = (("customer_group", "customer_groups", "0"), ("market", "markets", "customer_group"), ("stock_location", "stock_locations", "market"))
    queries = [ACCOUNTS + whose] + [query + accounts for query in (USERS, TOKENS, CLIENTS, *(RESOURCES.format(*r) for r in resources))]
    return set(itertools.chain.from_iterable(system.sql(query).splitlines() for query in queries))


class Play:
    """One run of build/tests/property/property."""
    numbers = itertools.count(1)

    def __init__(self, system, steps, actors, wrong=None):
        self.system, self.steps, self.name = system, steps, f"run{next(Play.numbers)}"
        self.books = system.path(f"{self.name}.books")
        self.output = open(system.path(f"{self.name}.out"), "w+", encoding="utf-8")
        arguments = [SEED, steps, actors, self.name, f"{system.keys}/peers", f"{system.keys}/curve/operator.key_secret",
                     *(",".join(s.endpoint for s in system.of_kind(kind)) for kind in ("admin", "validator", "auditor")),
                     ",".join(system.foreign), self.books, *([wrong] if wrong else [])]
        self.began = time.monotonic()
        self.process = subprocess.Popen([f"{BUILD}/tests/property/property", *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=self.output,
                                         stderr=subprocess.PIPE, text=True, env=system.environment())

    def lines(self):
        with open(self.output.name, encoding="utf-8") as f:
            f.seek(max(0, os.path.getsize(self.output.name) - 4096))
            return f.read().splitlines()

    def progress(self):
        """Steps so far; None when all have been made, or it has ended."""
        lines = self.lines()
        if self.process.poll() is not None or "played" in lines:
            return None
        done = [line for line in lines if line.startswith("step ") and line != "step "]
        return int(done[-2].split()[1]) if len(done) > 1 else 0  # the last line may not be whole

    def reach(self, step):
        """Until so many steps are made; false: there are no more."""
        deadline = time.monotonic() + 60 * SLOW
        last = -1
        while True:
            at = self.progress()
            if at is None or at >= step:
                return at is not None
            if at > last:
                last, deadline = at, time.monotonic() + 60 * SLOW
            expect(time.monotonic() < deadline, f"no progress after step {at}")
            time.sleep(0.005)

    def finish(self):
        """(exit status, what went wrong, counts)"""
        error = self.process.communicate(timeout=600 * PATIENCE)[1]
        self.seconds = time.monotonic() - self.began
        summary = [line for line in self.lines() if line.startswith("summary ")]
        self.output.close()
        return self.process.returncode, error.strip(), json.loads(summary[-1].removeprefix("summary ")) if summary else None


def make_system():
    level = {"log_level": "warn" if LONG else "info"}
    system = System({"admin": 2, "auditor": 2}, start=False)
    for service in system.services.values():
        service.settings.update(level)
    system.start()
    for name in MODULES:
        system.cli("module", "create", name)
    account = system.cli("account", "create", "--name", "Foreign")["id"]
    user = system.cli("user", "create", "--account", account, "--username", "foreign", "--name", "Foreign", input="correct horse battery\n")["id"]
    group, market = (system.cli(noun, "create", "--account", account, "--code", "foreign", "--name", "Foreign")["id"] for noun in ("group", "market"))
    system.foreign = (user, group, market)
    return system


FAULTS = {"admin": 5, "admin2": 5, "auditor": 4, "auditor2": 4, "admins": 2, "auditors": 1, "postgres": 2, "issuer": 1, "validator": 1, "all": 1}


def victims(system, fault):
    if fault == "all":
        return list(system.services.values())
    return system.of_kind(fault[:-1]) if fault.endswith("s") else [system[fault]]


def torment(system, play, every):
    """kill -9 of this and that, now and then, until all steps are made; what was killed is missing for a while."""
    choices, at, hits = random.Random(SEED), 0, collections.Counter()
    while True:
        at += choices.randint(every // 2, every * 3 // 2)
        fault = choices.choices(list(FAULTS), list(FAULTS.values()))[0]
        pause = choices.randint(0, 200)
        if not play.reach(at):
            return hits
        hits[fault] += 1
        if fault == "postgres":
            system.postgres.restart("immediate")
            continue
        killed = victims(system, fault)
        for service in killed:
            service.kill()
        if len(killed) == 1 and fault != "validator":
            play.reach(at + pause)
        for service in killed:
            service.start(wait=False)
        for service in killed:
            service.wait_healthy()


def compare(system, play):
    with open(play.books, encoding="utf-8") as f:
        wanted = set(f.read().splitlines())
    found = rows(system, play.name)
    differing = sorted(wanted ^ found)[:4]
    expect(not differing, f"{len(wanted - found)} objects of the model and {len(found - wanted)} rows differ; the first, in the model (+) and the database (-): " +
           "; ".join(f"{'+' if line in wanted else '-'} {line[:400]}" for line in differing))
    return len(wanted)


@test("random steps and kill -9: same states, one record a change, chain verified, nothing acknowledged missing")
def property_holds(system):
    play = Play(system, STEPS, ACTORS)
    hits = torment(system, play, 8000 if LONG else max(STEPS // 12, 200))
    made = time.monotonic() - play.began
    status, error, summary = play.finish()
    expect_equal(status, 0, f"JETON_SEED={SEED} JETON_STEPS={STEPS}: {error}")
    objects = compare(system, play)
    system.jeton("audit", "verify", check=0, timeout=600)
    print(f"# seed {SEED}: {summary['steps']} steps in {made:.1f} s ({summary['steps'] / made:.0f}/s), looked at and audited after {play.seconds:.1f} s, "
          f"verified after {time.monotonic() - play.began:.1f} s; {objects} objects")
    print(f"# {json.dumps(summary)}; killed: {dict(hits)}")
    reasons = summary["reasons"]
    missing = {"OK", "MALFORMED", "UNKNOWN", "EXPIRED", "DISABLED", "DELETED", "ROTATED_OUT", "MODULE_NOT_GRANTED", "MODULE_DISABLED", "READ_ONLY",
               "ADDRESS_NOT_ALLOWED", "WRONG_ENVIRONMENT", "ACCOUNT_SUSPENDED"} - set(reasons)
    expect(not missing and summary["repeats"] and summary["raced"], f"these did not come to pass: {missing}; {summary}")


def caught(system, says, wrong=None, meanwhile=None, steps=3000):
    """The run fails, and says what is wrong (a regular expression) and under which seed."""
    play = Play(system, steps, 8, wrong)
    if meanwhile:
        meanwhile(play)
    status, error, _ = play.finish()
    if status == 0:
        try:
            compare(system, play)
        except Exception as difference:  # what is looked for
            error = str(difference)
    expect(re.search(says, error), f"{says!r} was not noticed: {error!r}")
    return error


@test("the test can fail: a rule that the model has wrong is noticed, with the seed and the last steps")
def wrong_rules(system):
    error = caught(system, "the validator says reason 9", wrong="grace")
    expect(f"seed {SEED}" in error and "Validate TKN-" in error.splitlines()[1], error)
    expect("ABORTED" in caught(system, "instead of OK", wrong="revision"), "a stale revision")


@test("the test can fail: calls repeated without their key are noticed")
def unkeyed(system):
    caught(system, "repeat|idempotency-key", wrong="unkeyed")


def hold_auditors(system, play, statement):
    """What the statement does to the newest record of the outbox, which the auditors have not seen."""
    play.reach(200)
    for service in system.of_kind("auditor"):
        service.pause()
    try:
        last = system.sql("select last_value from outbox_id_seq")
        wait_for(lambda: system.sql(f"select count(*) from outbox where id > {last}") > "2", 10, "records in the outbox")
        system.sql(statement.format("(select max(id) from outbox)"))
    finally:
        for service in system.of_kind("auditor"):
            service.resume()


@test("the test can fail: a record that is lost, and one too many, are noticed")
def records(system):
    caught(system, steps=5000, says="it does not follow|a note of another revision|were acknowledged|records of reveals",
           meanwhile=lambda play: hold_auditors(system, play, "delete from outbox where id = {}"))
    caught(system, steps=5000, says="it does not follow|nobody made|records of reveals",
           meanwhile=lambda play: hold_auditors(system, play, "insert into outbox (record) select record from outbox where id = {}"))


@test("the test can fail: a row that was changed behind everybody's back is noticed")
def row(system):
    def change(play):
        play.reach(1000)
        tokens = f"select max(number) from tokens where account in (select number from accounts where name like '{play.name}-%')"
        system.sql(f"update tokens set created_at = created_at - interval '1 day' where number = ({tokens})")
    caught(system, "created_at|two saw|rows differ", meanwhile=change)


main(make_system)
