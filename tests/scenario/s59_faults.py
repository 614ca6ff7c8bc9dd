#!/usr/bin/python3
"""Whatever fails (R39, R40, R42, R44): processes killed and stopped, the database down, hung and restarted, links cut, frozen and slow, a clock that is stepped, the
auditor away, a spool that is full; each under load, with three validators, judged by an oracle (oracle.py) that knows for every call what may be
answered. No validator allows what was revoked longer ago than the limit, none denies what is valid for a reason that is not true, all can tell
again soon after the fault has ended, the access log has what was answered, and no memory grows without end.

With --full each fault lasts as long as make check-faults wants it to, otherwise as long as it takes to see it."""
# long
import contextlib
import os
import signal
import sys
import time

import faulty
import lan
from faulty import LIMIT, SETTINGS, Faulty, allow_to_the_end, fault, give_up, judged, passes
from harness import SLOW, Failed, expect, main, test, wait_for

lan.enter()
FULL = sys.argv[1:] == ["--full"]


# ---- the oracle ------------------------------------------------------------------------------------------------------

@test("the oracle finds a validator that believes its memory for too long")
def found(system):
    gullible = system.validators[0]
    gullible.stop()
    gullible.settings["freshness_limit_ms"] = "60000"
    gullible.start()
    try:
        with judged(system) as oracle:
            for link in system.links(gullible):
                link.freeze()
            token = oracle.revoke()
            wait_for(lambda: len(token.states) > 1 and any(a.token is token and a.service is gullible and a.reason == "OK" and
                                                           a.asked > token.states[1].since + 2 * LIMIT for a in oracle.answers[-500:]),
                     15, "an answer that is wrong")
    except Failed as why:
        expect(f"{gullible.name} said OK" in str(why), f"it was not found: {why}")
        return
    finally:
        gullible.stop()
        gullible.settings["freshness_limit_ms"] = SETTINGS["validator"]["freshness_limit_ms"]
        gullible.start()
    raise Failed("an answer that was wrong was not found")


# ---- processes ------------------------------------------------------------------------------------------------------

@fault("kill -9 of admin, issuer, auditor and each validator in turn: who lives goes on", short=(0.3,), full=(5,))
def kill(system, oracle, seconds):
    for service in (system["admin"], system["issuer"], system["auditor"], *system.validators):
        service.kill()
        began = time.monotonic()
        allow_to_the_end(oracle, [v for v in system.validators if v is not service], seconds)
        service.start()
        wait_for(lambda: oracle.sound(began), 20, f"all being well after {service.name} came back")  # pylint: disable=cell-var-from-loop
        oracle.revoke()


@fault("kill -9 of all validators at once: they come back, and what was in flight is all that is lost", short=(0.2,), full=(2,))
def kill_all(system, _oracle, seconds):
    for service in system.validators:
        service.kill()
    passes(seconds)
    for service in system.validators:
        service.start(wait=False)
    for service in system.validators:
        service.wait_healthy()


def gone_or_in_state(pid, states):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] in states
    except FileNotFoundError:
        return True


def stop_pid(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    # One that ended just now may be there for long: who would wait for it is stopped.
    wait_for(lambda: gone_or_in_state(pid, "TZX"), 5, f"process {pid} being stopped")


@contextlib.contextmanager
def all_stopped(pid):
    """A process and its children are stopped, itself first, so that there are no more of them."""
    pids = [pid]
    try:
        stop_pid(pid)
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            pids += map(int, f.read().split())
        for child in pids[1:]:
            stop_pid(child)
        yield
    finally:
        for child in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGCONT)


@fault("a validator is stopped", short=(1.5, 4), full=(3, 10))
def stop_validator(system, oracle, seconds):
    victim, *others = system.validators
    with all_stopped(victim.process.pid):
        begun = time.monotonic()
        oracle.revoke()
        allow_to_the_end(oracle, others, seconds)
        oracle.pauses.append((victim, begun, time.monotonic()))


@fault("admin, who changes and vouches, is stopped: the table tells that nothing has changed", short=(1.5,), full=(3, 10))
def stop_admin(system, oracle, seconds):
    with all_stopped(system["admin"].process.pid):
        allow_to_the_end(oracle, system.validators, seconds)


# ---- the database ---------------------------------------------------------------------------------------------------

@fault("PostgreSQL hangs: nobody can say that it is down, and nobody allows", short=(1.5,), full=(3, 10))
def stop_postgres(system, oracle, seconds):
    with all_stopped(system.postgres.process.pid):
        begun = time.monotonic()
        give_up(oracle, system.validators)
        passes(seconds - (time.monotonic() - begun))


@fault("PostgreSQL is restarted, in order and after a crash", short=(0,), full=(0, 2))
def restart_postgres(system, oracle, seconds):
    for how in ("fast", "immediate"):
        began = time.monotonic()
        system.postgres.stop(how)
        passes(seconds)
        system.postgres.start()
        wait_for(lambda: oracle.sound(began), 20, "all validators being able to tell")  # pylint: disable=cell-var-from-loop
        oracle.revoke()


@fault("PostgreSQL is down: what is in memory goes on, but not where a validator cannot hear the writers", short=(3,), full=(8, 60))
def postgres_down(system, oracle, seconds):
    deaf, *others = system.validators
    oracle.revoke()
    disabled = oracle.counts["DISABLED"]
    wait_for(lambda: oracle.counts["DISABLED"] > disabled, 5, "a revocation")
    system.writers[deaf].cut()
    system.postgres.stop()
    begun = time.monotonic()
    give_up(oracle, [deaf])
    allow_to_the_end(oracle, others, seconds - (time.monotonic() - begun))
    expect(oracle.refusing(deaf), "a validator that hears neither the database nor the writers allows")


# ---- links ----------------------------------------------------------------------------------------------------------

@fault("two validators are cut off from PostgreSQL alone, by a link that is down and by resets: they give up, the third goes on", short=(1,), full=(2, 20))
def cut_database(system, oracle, seconds):
    silent, reset, third = system.validators
    system.database[silent].cut()
    system.database[reset].refuse()
    oracle.revoke()
    give_up(oracle, [silent, reset])
    allow_to_the_end(oracle, [third], seconds)
    expect(oracle.refusing(silent) and oracle.refusing(reset), "a validator without a database allows although no writer has lost it")


@fault("two validators are cut off from the writers alone, by a link that is down and by resets: they go by the table, which keeps the bound",
       short=(2,), full=(3, 20))
def cut_writers(system, oracle, seconds):
    silent, reset, _ = system.validators
    system.writers[silent].cut()
    system.writers[reset].refuse()
    oracle.revoke()
    allow_to_the_end(oracle, system.validators, seconds)


@fault("a validator is cut off from both by links that are down; another hears no writer, and is then cut off from PostgreSQL", short=(1.2,), full=(1.5, 20))
def cut_both(system, oracle, seconds):
    both, one, third = system.validators
    for link in system.links(both):
        link.cut()
    system.writers[one].freeze()
    oracle.revoke()
    give_up(oracle, [both])
    allow_to_the_end(oracle, [one, third], seconds)
    system.writers[one].heal()
    system.database[one].cut()
    oracle.revoke()
    give_up(oracle, [one])
    allow_to_the_end(oracle, [third], 0)
    expect(oracle.refusing(both), "a validator that hears nothing allows")


@fault("messages are late: the feeds by 0.7 s, the database by 0.7 s, both by 0.2 s", short=(2,), full=(2.5, 20))
def late(system, oracle, seconds):
    feeds, database, both = system.validators
    system.writers[feeds].delay_s = 0.7
    system.database[database].delay_s = 0.7
    for link in system.links(both):
        link.delay_s = 0.2
    oracle.revoke()
    # A reading of the table that takes 1.4 s is older than the limit when it comes.
    give_up(oracle, [database])
    allow_to_the_end(oracle, [feeds, both], seconds)


@fault("words are late while PostgreSQL is down: one that is older than the limit counts for nothing", short=(1.5,), full=(2, 20))
def late_words(system, oracle, seconds):
    slow, slower, third = system.validators
    system.writers[slow].delay_s = 0.1
    system.writers[slower].delay_s = 0.7
    system.postgres.stop()
    give_up(oracle, [slower])
    allow_to_the_end(oracle, [slow, third], seconds)


# ---- clocks ---------------------------------------------------------------------------------------------------------

STEPS = (7200, -7200)


def reason(system, service, value):
    reply = system.cli("validate", "--module", "orders", "--endpoint", service.endpoint, input=value, check=None)[1]
    return reply["reason"]


@fault("the clock of a validator is stepped by two hours, forth and back: what has an expiry goes by it, revocations do not", short=(1.2,), full=(10,))
def step_validator(system, oracle, seconds):
    victim, other, _ = system.validators
    for step in STEPS:
        oracle.revoke()
        system.step(victim, step)
        # The proof that it was stepped: a login token lives for an hour, and none is of the future.
        for service, said in ((victim, "expired" if step > 0 else "undecided"), (other, "ok")):
            wait_for(lambda: reason(system, service, system.login) == said, 10, f"{service.name} saying {said}")  # pylint: disable=cell-var-from-loop
        oracle.revoke()
        allow_to_the_end(oracle, system.validators, seconds)
    wait_for(lambda: [system.sql(f"select count(*) > 0 from use_log where second - extract(epoch from now()) {test}")
                      for test in ("> 3600", "< -3600")] == ["t", "t"], 20, "entries of the log by the clock that was stepped")


@fault("the clock of admin is stepped by two hours, forth and back, and PostgreSQL goes down meanwhile: its word counts as before",
       short=(1.5,), full=(10,))
def step_admin(system, oracle, seconds):
    for step in STEPS:
        system.step(system["admin"], step)
        oracle.revoke()
        before = oracle.counts["revocations"]
        wait_for(lambda: oracle.changed_since(before, 2), 10, "changes")  # pylint: disable=cell-var-from-loop
        system.postgres.stop()
        allow_to_the_end(oracle, system.validators, seconds)
        system.postgres.start()
        # The proof that it was stepped.
        wait_for(lambda: stepped_log(system["admin"], step), 5, "a line of admin's log by its clock")  # pylint: disable=cell-var-from-loop


def stepped_log(service, step):
    """Its log has a line of the hour that its clock shows, or of the one before."""
    hours = [time.strftime("%Y-%m-%dT%H:", time.gmtime(time.time() + step - back)) for back in (0, 60)]
    return any(hour in service.log() for hour in hours)


# ---- counting -------------------------------------------------------------------------------------------------------

@fault("the auditor is down at full load: everybody goes on, and nothing is lost", short=(4,), full=(300,), load={"pause_ms": 0})
def auditor_down(system, oracle, seconds):
    system["auditor"].kill()
    allow_to_the_end(oracle, system.validators, seconds)
    segments, waiting = (sum(system.stat(v, f"journal.{what}") for v in system.validators) for what in ("segments", "bytes"))
    print(f"# {segments} segments wait, {waiting >> 10} KiB")
    system["auditor"].start()
    wait_for(lambda: all(system.stat(v, "journal.segments") <= 1 for v in system.validators), 60, "the spools being taken")


@contextlib.contextmanager
def small_spool(system, oracle, victim, how):
    """A validator whose spool fills soon, as nobody takes what is in it; in the end it has again what it had, and all was taken."""
    victim.stop()
    victim.settings.update(journal_limit="1048576", journal_full=how)
    victim.start()
    begun = time.monotonic()
    wait_for(lambda: oracle.sound(begun), 20, "a validator with a small spool")
    system["auditor"].kill()
    yield
    system["auditor"].start()
    wait_for(lambda: oracle.sound(time.monotonic() - 1), 20, "room in the spool")
    del victim.settings["journal_limit"], victim.settings["journal_full"]


@fault("a spool is full, journal_full = refuse: that validator decides nothing until there is room, the others go on", short=(0.3,), full=(20,),
       load={"spread": 65536})
def spool_refuses(system, oracle, seconds):
    *others, victim = system.validators
    system.uncounted.add(oracle.network)
    with small_spool(system, oracle, victim, "refuse"):
        wait_for(lambda: oracle.refusing(victim), 60, "a spool that is full")
        allow_to_the_end(oracle, others, seconds)
        wait_for(lambda: victim.health() == "stale", 20, "health")
    victim.restart()


@fault("a spool is full, journal_full = drop: everybody goes on, and what is not in the log is known to the last one", short=(0.3,), full=(20,),
       load={"spread": 65536})
def spool_drops(system, oracle, seconds):
    *_, victim = system.validators
    with small_spool(system, oracle, victim, "drop"):
        wait_for(lambda: system.stat(victim, "journal.dropped") > 0, 60, "a spool that is full")
        allow_to_the_end(oracle, system.validators, seconds)
        wait_for(lambda: victim.health() == "stale", 20, "health")
    # It is asked how many when all is over, as it may have been full more than once.
    system.dropping[oracle.network] = victim




faulty.register(FULL)


# ---- of all of them -------------------------------------------------------------------------------------------------

@test("what was answered is in the access log, exactly")
def books(system):
    system.oracle.stop()
    system.check_books()


@test("no process has grown")
def memory(system):
    growth = system.sampler.growth()
    print("# resident, first and most: " + ", ".join(f"{name} {first >> 20} {most >> 20} MiB" for name, (first, most) in growth.items()))
    for name, (first, most) in growth.items():
        expect(most - first < faulty.GROWTH_MAX or SLOW != 1, f"{name} grew from {first >> 20} to {most >> 20} MiB")


main(Faulty, summary=FULL)
