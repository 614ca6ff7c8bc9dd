#!/usr/bin/python3
"""kill -9 of each process in mid-request and restarts of PostgreSQL, under load (R37, R44): no wrong answer, no acknowledged change lost, no
change without its record, and all well again within 5 s by itself."""
import collections
import json
import subprocess
import time

import wire
from harness import BUILD, PATIENCE, SLOW, System, expect, expect_equal, main, test, wait_for, wait_within

EVENTS = {"create": "created", "disable": "disabled", "enable": "enabled", "delete": "deleted"}
SECONDS = 120  # no load lasts longer, whatever becomes of its test


class Load:
    """tests/scenario/load.c at work: its lines are read when it has ended."""

    def __init__(self, system, actors=32):
        def endpoints(kind):
            return ",".join(s.endpoint for s in system.of_kind(kind))
        self.system = system
        self.output = open(system.path("load.out"), "w+", encoding="utf-8")
        self.process = subprocess.Popen([f"{BUILD}/tests/scenario/load", str(SECONDS * SLOW), str(actors), system.account, f"{system.keys}/peers",
                                         f"{system.keys}/curve/operator.key_secret", endpoints("admin"), endpoints("validator")],
                                        stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.PIPE, text=True,
                                        env=system.environment())

    def changes_so_far(self):
        with open(self.output.name, encoding="utf-8") as f:
            return sum(1 for line in f if line.endswith(" ok\n"))

    def wait_progress(self, n=50, timeout=5.0, what="progress of the load"):
        """n more changes are acknowledged."""
        before = self.changes_so_far()
        wait_for(lambda: self.changes_so_far() >= before + n, timeout, what)

    def wait_again(self, what):
        """After a fault, changes are acknowledged again within 5 s."""
        before = self.changes_so_far()
        wait_within(lambda: self.changes_so_far() >= before + 30, 5, f"progress after {what}")

    def finish(self):
        self.process.terminate()
        error = self.process.communicate(timeout=120 * PATIENCE)[1]
        expect_equal(self.process.returncode, 0, f"the load saw wrong answers: {error[-1500:]}")
        self.output.seek(0)
        lines = self.output.read().splitlines()
        self.output.close()
        summary = json.loads(lines[-1].removeprefix("summary "))
        print(f"# {json.dumps(summary)}")
        expect(summary["allowed"] > 0 and summary["denied"] > 0, f"{summary}")
        return [line.split() for line in lines[:-1]], summary


def trail(system):
    """(event, token) of each record about tokens, from the trail's own columns; the outbox must be empty."""
    wait_for(lambda: system.sql("select count(*) from outbox") == "0", 5, "the auditor's taking of the outbox")
    rows = system.sql("select event, object_id from trail where event like 'platform.tokens.token.%' order by sequence")
    return collections.Counter(tuple(row.split("|")) for row in rows.splitlines())


def check_books(system, lines):
    """What was acknowledged is in the trail once; what is in the trail was acknowledged, or may have been done."""
    records = trail(system)
    acknowledged = collections.Counter((f"platform.tokens.token.{EVENTS[op]}", token) for op, token, outcome in lines if outcome == "ok")
    uncertain = collections.Counter((f"platform.tokens.token.{EVENTS[op]}", token) for op, token, outcome in lines if outcome == "uncertain")
    seen = {token for _, token in acknowledged}
    for row, n in acknowledged.items():
        expect(records[row] >= 1, f"acknowledged, but not in the trail: {row}")
        expect(records[row] == n or records[row] == n + uncertain[row], f"{row}: {records[row]} records, {n} acknowledged")
    for row, n in records.items():
        if row[1] in seen:
            expect(n <= acknowledged[row] + uncertain[row], f"{row} is in the trail, but was not done")
    created = sum(n for (event, token), n in records.items() if event.endswith(".created"))
    expect_equal(int(system.sql("select count(*) from tokens")), created, "tokens and their records")
    # Each change raises the revision by one, and writes one record and one row for the validators.
    wrong = system.sql("select number from tokens join (select object, count(*) from changes where kind = 'token' group by object) c on object = number"
                       " where revision <> count limit 3")
    expect_equal(wrong, "", "tokens whose revision is not the number of their changes")
    expect_equal(int(system.sql("select sum(revision) from tokens")), sum(records.values()), "changes and records")
    system.jeton("audit", "verify", check=0, timeout=60)


def well(system):
    """A whole life works again."""
    made = system.cli("token", "create", "--account", system.account, "--name", "x", "--kind", "service", "--module", "orders:read")
    expect_equal(system.validate(made["value"])["decision"], "allow")
    expect_equal(system.cli("token", "delete", made["id"])["status"], "deleted")
    expect_equal(system.validate(made["value"])["reason"], "deleted")
    return True


def make_system():
    system = System({"validator": 3})
    system.cli("module", "create", "orders")
    system.account = system.cli("account", "create", "--name", "Acme", "--module", "orders", "--token-limit", "1000000")["id"]
    system.cli("user", "create", "--account", system.account, "--username", "erin", "--name", "Erin", input="correct horse battery\n")
    return system


def kill_and_restart(system, name, times=2):
    load = Load(system)
    load.wait_progress()
    for _ in range(times):
        system[name].kill()
        system[name].start(wait=False)
        load.wait_again(f"the restart of {name}")
    began = time.monotonic()
    wait_within(lambda: well(system), 5, "recovery")
    for service in system.services.values():
        service.wait_healthy(timeout=5)
    print(f"# all well {time.monotonic() - began:.2f} s after the last progress")
    load.wait_progress(500, 10)
    lines, _ = load.finish()
    check_books(system, lines)


@test("under load, without faults: every answer is right, and each change has its record")
def quiet(system):
    load = Load(system)
    load.wait_progress(3000, 30)
    lines, summary = load.finish()
    expect_equal((summary["uncertain"], summary["refused"], summary["undecided"], summary["unanswered"]), (0, 0, 0, 0))
    check_books(system, lines)


@test("kill -9 of admin in mid-request")
def kill_admin(system):
    kill_and_restart(system, "admin")


@test("kill -9 of the auditor in mid-request")
def kill_auditor(system):
    kill_and_restart(system, "auditor")


@test("kill -9 of each of three validators in mid-request")
def kill_validators(system):
    for name in ("validator", "validator2", "validator3"):
        kill_and_restart(system, name, 1)


@test("kill -9 of the issuer in mid-request: callers get UNAVAILABLE or UNKNOWN, sign-in works again within 5 s")
def kill_issuer(system):
    def sign_in():
        return subprocess.Popen([f"{BUILD}/bin/jeton", "--json", "login", "--username", "erin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, cwd=system.directory, env=system.environment())
    begun = [sign_in() for _ in range(6)]
    for process in begun:
        process.stdin.write("correct horse battery\n")
        process.stdin.close()
    time.sleep(0.15)  # some are in the middle of it, some are not: whatever they get must be one of the three
    system["issuer"].kill()
    system["issuer"].start(wait=False)
    for process in begun:
        process.wait(60)
        error = process.stderr.read()
        process.stdout.close()
        process.stderr.close()
        expect(process.returncode in (0, 69, 70), f"exit status {process.returncode}: {error}")
    wait_within(lambda: system.cli("login", "--username", "erin", input="correct horse battery\n")["token_type"] == "Bearer", 5, "sign-in")
    system["issuer"].wait_healthy(timeout=5)


@test("PostgreSQL is restarted in order under load")
def restart_fast(system):
    load = Load(system)
    load.wait_progress()
    system.postgres.restart("fast")
    load.wait_again("the restart")
    wait_within(lambda: well(system), 5, "recovery")
    lines, _ = load.finish()
    check_books(system, lines)


@test("PostgreSQL crashes under load, twice")
def restart_immediate(system):
    load = Load(system)
    for _ in range(2):
        load.wait_progress()
        system.postgres.restart("immediate")
        load.wait_again("the crash")
    wait_within(lambda: well(system), 5, "recovery")
    lines, _ = load.finish()
    for service in system.services.values():
        service.wait_healthy(timeout=5)
    check_books(system, lines)


@test("all four processes are killed at once, and started in the worst order")
def kill_all(system):
    load = Load(system)
    load.wait_progress()
    for service in system.services.values():
        service.kill()
    for kind in ("auditor", "validator", "issuer", "admin"):
        for service in system.of_kind(kind):
            service.start(wait=False)
    load.wait_again("the restart")
    wait_within(lambda: well(system), 5, "recovery")
    lines, _ = load.finish()
    check_books(system, lines)


@test("a process that is asked to end finishes what it has: no change is uncertain")
def drain(system):
    load = Load(system)
    load.wait_progress()
    # Somebody who knows that it is to go, and does not, is told and not waited for for long.
    with_us = wire.Dealer(system, system["admin"])
    with_us.socket.send(wire.envelope.ClientMessage(credit=wire.envelope.Credit()).SerializeToString())
    expect(with_us.call("jeton.v1.Health/Check", b"").code == wire.envelope.CODE_OK, "health")
    for name in ("admin", "validator", "auditor"):
        system[name].restart()
    last = with_us.receive()
    expect(last and (last.id, last.last, last.code) == (0, True, wire.envelope.CODE_UNAVAILABLE), f"{last}")
    with_us.close()
    load.wait_again("the restart")
    lines, summary = load.finish()
    expect_equal(summary["uncertain"], 0, "uncertain changes")
    check_books(system, lines)


main(make_system)
