#!/usr/bin/python3
"""Rate limits that hold at all validators together, exactly while they see each other, and within a bound when they do not (R30, R39, R43).

Where there can be network namespaces (lan.py), each validator is a host with two wires: one to callers and the auditor, and one to the other validators, which are at two switches."""
import re
import time

import lan
import wire
from administer import Admin
from harness import Skip, System, expect, expect_equal, main, test, wait_for
from limiting import SLOWLY, Caller, Crowd, account, allowed, expect_about, token

import envelope_pb2 as envelope
import limits_pb2 as limits
import types_pb2 as types
import validator_pb2 as validator

lan.enter()
THREE = ["validator", "validator2", "validator3"]
FOUR = THREE + ["validator4"]
WEST, EAST = ["validator", "validator3"], ["validator2", "validator4"]  # by switches
FRONT, AMONG = 1, 2  # nets
BURST = 50


def three_of_four():
    """One is not started yet; the others know where it will be. A machine that is busy with other things must not look like one that has stopped."""
    system = System({"validator": 4}, {"validator": {"limit_timeout_ms": "2000"}}, start=False)
    system.among = {name: system[name].endpoint for name in FOUR}
    if not lan.missing():
        lay_wires(system)
    for service in system.services.values():
        if service.name != "validator4":
            service.start(wait=False)
    for name in ("issuer", "admin", "auditor", *THREE):
        system[name].wait_healthy()
    for module in ("orders", "stock"):
        system.cli("module", "create", module)
    system.admin = Admin(system)
    see_each_other(system, THREE)
    return system


def lay_wires(system):
    """The wire that leads from the western validators to the eastern ones is system.between."""
    network = lan.Lan()
    network.switch("front", FRONT)
    for switch in ("west", "east"):
        network.switch(switch, AMONG, here=False)
    system.between = network.join("west", "east")
    for name in FOUR:
        host = network.host(name)
        system[name].place(network.plug(host, "front").address, host.within)
        system.among[name] = f"tcp://{network.plug(host, 'west' if name in WEST else 'east').address}:{system[name].port}"
    for name in FOUR:
        system[name].settings["validators"] = ",".join(system.among.values())
    system["auditor"].place(lan.address(FRONT))


def see_each_other(system, names):
    """Each of these has a connection to each of these, and to no other."""
    def seen():
        for one in names:
            log = system[one].log()
            for other in FOUR:
                states = re.findall(rf'msg=connection address={re.escape(system.among[other])} state=("[^"]*"|\w+)', log)
                if (states[-1:] == ["up"]) != (other in names):
                    return False
        return True
    wait_for(seen, 20, f"{names} to see each other")


def tokens(system, owner, n=12, rate=(SLOWLY, BURST)):
    """So many that each validator is the home of some."""
    return [token(system, owner, rate).value for _ in range(n)]


def stats(system, name):
    return {row["name"]: row["value"] for row in system.cli("stats", "validator", "--endpoint", system[name].endpoint)}


def counted(system, owner):
    """What the access log has of an account, by reason."""
    sums = {}
    for row in system.cli("log", "--all", "--account", owner):
        sums[row["reason"]] = sums.get(row["reason"], 0) + int(row["count"])
    return sums


def expect_exact(crowd, burst=BURST):
    for admitted in crowd.end().values():
        expect_about(None, admitted, burst, crowd.since)


def expect_nothing_left(system, values, since, names=FOUR):
    """No validator allows more of these than what came back since."""
    for name in names:
        more = allowed(Caller(system, name).ask(values, 20))
        expect(more <= (time.monotonic() - since) * SLOWLY / 60 * len(values), f"{more} more at {name}")


@test("limits of tokens, used at all validators at once: exactly the burst of each; the access log has every answer")
def of_tokens(system):
    owner = account(system)
    crowd = Crowd(system, THREE * 2, tokens(system, owner), 40)
    expect_exact(crowd)
    expect_equal(set(crowd.answers), {"ok", "rate_limited"})
    wait_for(lambda: counted(system, owner) == crowd.answers, 15, f"{crowd.answers} in the access log")


@test("the limit of an account, whose tokens are used at all validators at once")
def of_accounts(system):
    for _ in range(3):
        owner = account(system, rate_limit=types.RateLimit(per_minute=SLOWLY, burst=200))
        values = tokens(system, owner, rate=None)[:8] + tokens(system, owner, 4)
        crowd = Crowd(system, THREE * 2, values, 30)
        expect_about(system, sum(crowd.end().values()), 200, crowd.since)
        expect(max(crowd.admitted[value] for value in values[8:]) <= BURST, f"{crowd.admitted}")


@test("two values of a token at different validators have one limit; live and test are apart")
def one_token(system):
    owner = account(system, rate_limit=types.RateLimit(per_minute=SLOWLY, burst=40))
    for _ in range(4):
        made = token(system, owner, (SLOWLY, 9))
        new = system.admin.ok("RotateToken", id=made.token.id, grace=types.Period(seconds=3600)).value
        since = time.monotonic()
        expect_about(system, sum(allowed(Caller(system, name).ask([made.value, new], 5)) for name in THREE), 9, since)
    tests = [token(system, owner, kind=types.TOKEN_KIND_TEST).value for _ in range(4)]
    since = time.monotonic()
    admitted = sum(allowed(Caller(system, name).ask(tests, 10, environment=types.ENVIRONMENT_TEST)) for name in THREE)
    expect_about(system, admitted, 40, since, "in test")


@test("at a steady rate never more than that; permits are leased by the many; every validator says how the limit stands")
def steadily(system):
    rate, burst = 30000, 600  # 500 a second
    owner = account(system)
    value = token(system, owner, (rate, burst)).value
    before = {name: stats(system, name) for name in THREE}
    crowd = Crowd(system, THREE, [value], size=60)
    wait_for(lambda: crowd.admitted[value] > 3 * burst, 60, "the burst, and twice as many")
    admitted = crowd.end()[value]
    most = burst + (time.monotonic() - crowd.since) * rate / 60
    expect(admitted <= most, f"{admitted} of {most}")
    asked = sum(stats(system, name)["validator.leases"] - before[name]["validator.leases"] for name in THREE)
    given = sum(stats(system, name)["validator.leases_given"] - before[name]["validator.leases_given"] for name in THREE)
    failed = sum(stats(system, name)["validator.leases_failed"] for name in THREE)
    expect(0 < asked == given and failed == 0, f"{asked} asked, {given} given, {failed} failed")
    for name in THREE:
        for reply in Caller(system, name).ask(value, 3):
            expect_equal((reply.allowance.limit.per_minute, reply.allowance.limit.burst), (rate, burst), name)
            expect(reply.allowance.reset_s <= 60 * burst // rate + 1 and reply.allowance.remaining < burst, f"{name}: {reply.allowance}")
            expect_equal(reply.allowance.retry_after_s > 0, reply.reason == validator.REASON_RATE_LIMITED)


@test("one joins: what the others know of its limits they tell it; whoever asks it first has at most the burst once more (R43)")
def join(system):
    owner = account(system)
    used, asked_there = tokens(system, owner), tokens(system, owner, 6)
    first = Crowd(system, THREE, used + asked_there, 60)
    expect_exact(first)
    system["validator4"].start()
    see_each_other(system, FOUR)
    expect_nothing_left(system, used, first.since)
    more = allowed(Caller(system, "validator4").ask(asked_there, 40))
    expect(more <= len(asked_there) * (BURST + 1), f"{more} more")
    crowd = Crowd(system, FOUR, tokens(system, owner), 60)
    expect_exact(crowd)
    expect(stats(system, "validator4")["validator.leases_given"] > 0, "the new one is the home of none")


def within(crowd, homes):
    """With so many that took themselves for the home in turn, each admits a burst at most, and what comes while they do. It may be less than one burst, by what
    a process that is gone had allowed and not answered."""
    for admitted in crowd.end().values():
        expect(admitted <= homes * (BURST + 1 + (time.monotonic() - crowd.since) * SLOWLY / 60), f"{admitted} with {homes} homes")


@test("one is killed under load: the next takes over, with what it and those who ask were told")
def kill(system):
    owner = account(system)
    used = tokens(system, owner)
    first = Crowd(system, FOUR, used, 60)
    expect_exact(first)
    crowd = Crowd(system, FOUR, tokens(system, owner))
    wait_for(lambda: sum(crowd.admitted.values()) > BURST, 30, "some to be used")
    system["validator2"].kill()
    see_each_other(system, [name for name in FOUR if name != "validator2"])
    wait_for(lambda: crowd.quiet > 1000, 60, "all to be used")
    within(crowd, 2)
    expect(set(crowd.answers) <= {"ok", "rate_limited"}, f"{crowd.answers}")
    expect_nothing_left(system, used, first.since, ("validator", "validator3", "validator4"))
    system["validator2"].start()
    see_each_other(system, FOUR)
    expect_exact(Crowd(system, FOUR, tokens(system, owner), 60))


@test("one stops: the others go on by themselves, within their bound, and nothing is denied that could not be told")
def stop(system):
    owner = account(system)
    values = tokens(system, owner)
    system["validator3"].pause()
    crowd = Crowd(system, [name for name in FOUR if name != "validator3"], values)
    wait_for(lambda: crowd.quiet > 1000, 60, "all to be used")
    system["validator3"].resume()
    within(crowd, 3)
    expect(set(crowd.answers) <= {"ok", "rate_limited"}, f"{crowd.answers}")
    see_each_other(system, FOUR)
    wait_for(lambda: exact_again(system, owner), 20, "all to be exact again")


@test("the network is cut in two: one home on each side, each side exact by itself; what was exhausted stays so, also when they are together again")
def cut_in_two(system):
    if lan.missing():
        raise Skip(f"there are no network namespaces here: {lan.missing()}")
    owner = account(system)
    used = tokens(system, owner)
    first = Crowd(system, FOUR, used, 60)
    expect_exact(first)
    crowd = Crowd(system, FOUR, tokens(system, owner))
    wait_for(lambda: sum(crowd.admitted.values()) > BURST, 30, "some to be used")
    system.between.down()
    for side in (WEST, EAST):
        see_each_other(system, side)
    # Until the other side was found to be gone, whoever asked for a key had it for itself.
    wait_for(lambda: crowd.quiet > 1000, 60, "all to be used")
    within(crowd, len(FOUR))
    expect(set(crowd.answers) <= {"ok", "rate_limited"}, f"{crowd.answers}")
    expect_nothing_left(system, used, first.since)
    values = tokens(system, owner)
    sides = [Crowd(system, side, values, 60) for side in (WEST, EAST)]
    for side in sides:
        expect_exact(side)
    system.between.up()
    see_each_other(system, FOUR)
    for exhausted in (used, values):
        expect_nothing_left(system, exhausted, first.since)
    expect_exact(Crowd(system, FOUR, tokens(system, owner), 60))


@test("only processes of Jeton lease permits; bad fields are named, and nothing is taken (R45)")
def hostile(system):
    def lease(keys="validator", **fields):
        request = limits.LeaseRequest(**{"number": 99999999, "environment": types.ENVIRONMENT_LIVE, "limit": types.RateLimit(per_minute=SLOWLY, burst=5), **fields})
        reply = wire.Dealer(system, system["validator"], keys).call("jeton.v1.Limits/Lease", request)
        return reply, limits.LeaseReply.FromString(reply.body)

    for keys in ("caller", "operator"):
        expect_equal(lease(keys, waiting=1)[0].code, envelope.CODE_PERMISSION_DENIED, keys)
    for field, value in (("number", 0), ("number", -1), ("number", 100000000), ("environment", 0), ("environment", 3), ("limit", None),
                         ("limit", types.RateLimit(burst=5)), ("limit", types.RateLimit(per_minute=5)), ("limit", types.RateLimit(per_minute=6000001, burst=1)),
                         ("hold_us", 1000001), ("ahead_ns", 2**63), ("told_ahead_ns", 2**64 - 1)):
        reply = lease(**{"waiting": 1, field: value})[0]
        expect_equal((reply.code, [detail.field for detail in reply.details]), (envelope.CODE_INVALID_ARGUMENT, [field]), f"{field} {value}")
    expect_equal(lease(waiting=2**32 - 1, spare=2**32 - 1, hold_us=1000000)[1].granted, 5)
    empty = lease(waiting=1, told_by=1, told_ahead_ns=2**63 - 1, ahead_ns=2**63 - 1)[1]
    expect_equal((empty.granted, empty.spare), (0, 0))
    expect(239 * 10**9 < empty.ahead_ns <= 300 * 10**9, f"{empty}")


def exact_again(system, owner):
    crowd = Crowd(system, FOUR, tokens(system, owner, 6), 30)
    expect_exact(crowd)
    return True


main(three_of_four)
