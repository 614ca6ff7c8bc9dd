#!/usr/bin/python3
"""Validations that are gathered into frames by the client (R28, R42, R43): each ends exactly once, with its own true answer, whoever is killed."""
import json
import subprocess

from harness import BUILD, PATIENCE, System, expect, expect_equal, main, test, wait_for

OK, MALFORMED, UNKNOWN, DISABLED, DELETED, NOT_GRANTED, WRONG_REQUEST = 1, 3, 4, 6, 7, 10, 0


def make_system():
    system = System({"validator": 3})
    for module in ("orders", "stock"):
        system.cli("module", "create", module)
    account = system.cli("account", "create", "--name", "Acme", "--module", "orders")["id"]
    system.lines = []
    for i in range(60):
        made = system.cli("token", "create", "--account", account, "--name", f"t{i}", "--kind", "service", "--module", "orders:read")
        reason = OK
        if i % 10 == 3:
            system.cli("token", "disable", made["id"])
            reason = DISABLED
        elif i % 10 == 7:
            system.cli("token", "delete", made["id"])
            reason = DELETED
        ids = f"{made['id']} {account}"
        system.lines.append(f"{reason} {made['value']} orders {ids}")
        if reason == OK:
            system.lines.append(f"{NOT_GRANTED} {made['value']} stock {ids}")
    system.lines.append(f"{MALFORMED} jtn_live_made-up orders - -")
    return system


class Crowd:
    """tests/scenario/crowd.c at work."""

    def __init__(self, system, lines, in_flight=512):
        endpoints = ",".join(s.endpoint for s in system.of_kind("validator"))
        self.process = subprocess.Popen([f"{BUILD}/tests/scenario/crowd", str(in_flight), f"{system.keys}/peers",
                                         f"{system.keys}/curve/operator.key_secret", endpoints],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env=system.environment())
        self.process.stdin.write("\n".join(lines) + "\n")
        self.process.stdin.close()
        self.process.stdin = None

    def finish(self):
        self.process.terminate()
        output, error = self.process.communicate(timeout=60 * PATIENCE)
        expect_equal(self.process.returncode, 0, f"the crowd was not content: {output} {error[-1500:]}")
        counts = json.loads(output)
        print(f"# {json.dumps(counts)}")
        return counts


def decided(system):
    names = ("validator.allowed", "validator.denied")
    return sum(int(row["value"]) for s in system.of_kind("validator") if s.running()
               for row in system.cli("stats", "validator", "--endpoint", s.endpoint) if row["name"] in names)


def wait_more(system, n, timeout=15):
    """Answers go on. (A validator that was restarted counts from zero.)"""
    before = decided(system)
    wait_for(lambda: decided(system) >= before + n, timeout, f"{n} more answers")


@test("each has its own answer, and few frames carry them")
def answers(system):
    crowd = Crowd(system, system.lines)
    wait_more(system, 20000)
    counts = crowd.finish()
    expect_equal((counts["undecided"], counts["unanswered"]), (0, 0), "without faults")
    expect(counts["answered"] > 5 * counts["frames"], f"gathered: {counts}")


@test("requests that are wrong are refused, and their neighbours are not")
def wrong_requests(system):
    lines = list(system.lines)
    lines.insert(len(lines) // 2, f"{WRONG_REQUEST} x NO-MODULE - -")
    crowd = Crowd(system, lines)
    wait_more(system, 5000)
    counts = crowd.finish()
    expect_equal((counts["undecided"], counts["unanswered"]), (0, 0), "without faults")


@test("kill -9 of a validator with gathered calls in flight: every call ends once, with a true answer")
def killed(system):
    crowd = Crowd(system, system.lines)
    wait_more(system, 3000)
    for name in ("validator", "validator2", "validator3", "validator"):
        system[name].kill()
        wait_more(system, 3000)
        system[name].start()
        wait_more(system, 3000)
    counts = crowd.finish()
    expect_equal(counts["unanswered"], 0, "others took over")


@test("without the database what is in memory is answered, whatever it is gathered with")
def without_database(system):
    crowd = Crowd(system, system.lines)
    wait_more(system, 3000)
    crowd.finish()
    # Half of what is asked for is not in memory: a query that hangs must not hold up its neighbours.
    account = system.cli("account", "list")[0]["id"]
    fresh = [system.cli("token", "create", "--account", account, "--name", f"f{i}", "--kind", "service", "--module", "orders:read")
             for i in range(30)]
    system.postgres.stop("immediate")
    try:
        crowd = Crowd(system, system.lines + [f"{OK} {made['value']} orders {made['id']} {account}" for made in fresh], in_flight=128)
        wait_more(system, 3000)
        counts = crowd.finish()
        expect(counts["answered"] > 1000, f"{counts}")
    finally:
        system.postgres.start()
    for service in system.services.values():
        service.wait_healthy(timeout=30)


main(make_system)
