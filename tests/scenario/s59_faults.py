#!/usr/bin/python3
"""Processes stopped, the database down, links cut, frozen and slow (R42), under load and judged by an oracle (oracle.py): no validator allows what was
revoked longer ago than the limit, none denies what is valid for a reason that is not true, and all can tell again soon after the fault has ended.

Links are TCP proxies (proxy.py), one set to each validator: its connections to the database, and its connections to the writers, which advertise the
proxies' addresses. So a validator is cut off from whatever the test wants without any privilege."""
import asyncio
import contextlib
import os
import signal
import time

from harness import Failed, System, expect, main, test, wait_for
from oracle import Oracle
from proxy import Link, Network, holder

LIMIT = 1.0  # freshness_limit_ms, in seconds
SETTINGS = {"validator": {"freshness_limit_ms": "1000", "truth_interval_ms": "100"},
            "admin": {"feed_outage_limit_ms": "60000"}, "issuer": {"feed_outage_limit_ms": "60000"}}


class Cut(System):
    """Three validators, each behind links of its own."""

    def __init__(self):
        super().__init__(processes={"validator": 3}, settings=SETTINGS, start=False)
        self.network = Network()
        self.network.start()
        self.validators = self.of_kind("validator")
        self.database = {service: Link() for service in self.validators}
        self.writers = {service: Link() for service in self.validators}
        for service, link in self.database.items():
            port = self.network.listen(lambda _, link=link: link, self.to_database)
            service.settings["database_url"] = f"host=127.0.0.1 port={port} sslmode=disable dbname=jeton user=jeton_validator"
        for writer in (self["admin"], self["issuer"]):
            port = self.network.listen(self.link_to_writers, lambda writer=writer: asyncio.open_connection("127.0.0.1", writer.port))
            writer.settings["feed_advertise"] = f"tcp://127.0.0.1:{port}"
        try:
            self.start()
            self.cli("module", "create", "orders", "--title", "Orders")
            self.account = self.cli("account", "create", "--name", "Acme", "--module", "orders", "--token-limit", "1000000")["id"]
        except BaseException:
            self.failed = True
            self.destroy()
            raise

    def to_database(self):
        return asyncio.open_unix_connection(f"{self.postgres.directory}/.s.PGSQL.5432")

    def link_to_writers(self, port):
        by_pid = {service.process.pid: service for service in self.validators if service.running()}
        pid = holder(port, by_pid)
        return self.writers[by_pid[pid]] if pid else None

    def links(self, service):
        return self.database[service], self.writers[service]

    def following(self):
        """Every validator is connected to both writers, and follows them, by links that can be cut."""
        return all(link.connections() >= 2 and service.log().count('msg="following a writer"') >= 2 for service, link in self.writers.items())

    def heal(self):
        for service in self.validators:
            for link in self.links(service):
                link.heal()


@contextlib.contextmanager
def judged(system):
    """The load and its oracle, with all well at the beginning; in the end all must be well again, and no answer wrong."""
    with Oracle(system, LIMIT) as oracle:
        begun = time.monotonic()
        wait_for(system.following, 20, "validators that follow all writers")
        wait_for(lambda: oracle.sound(begun) and oracle.changed_since(0, 10), 20, "a load that goes on well")
        try:
            yield oracle
        finally:
            system.heal()
        healed = time.monotonic()
        wait_for(lambda: oracle.sound(healed), 10, "all validators being able to tell again")
        before = oracle.counts["revocations"]
        wait_for(lambda: oracle.changed_since(before, 5), 10, "changes going on")
        print(f"# well again after {time.monotonic() - healed:.1f} s; {dict(oracle.counts)}")
    wrong = oracle.wrong()
    expect(not wrong, f"{len(wrong)} wrong of {len(oracle.answers)} answers: {'; '.join(wrong[:5])}")
    for reason in ("OK", "DISABLED", "DELETED"):
        expect(oracle.counts[reason] > 0, f"no answer was {reason}: {dict(oracle.counts)}")


def passes(seconds):
    """A fault lasts: nothing to wait for but time."""
    ends = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() > ends, seconds + 5, "time")


def allow_to_the_end(oracle, services, seconds):
    """The fault lasts so long, and these validators allow what is valid, later than they could without having heard anything."""
    passes(seconds)
    ended = time.monotonic()
    for service in services:
        wait_for(lambda: oracle.allowing(service, ended), 5, f"{service.name} allowing")  # pylint: disable=cell-var-from-loop


def give_up(oracle, services):
    for service in services:
        wait_for(lambda: oracle.refusing(service), 10, f"{service.name} giving up")  # pylint: disable=cell-var-from-loop


def stopped(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        return f.read().rpartition(")")[2].split()[0] == "T"


@contextlib.contextmanager
def all_stopped(pids):
    """SIGSTOP, and SIGCONT in the end. From the moment when this begins they do nothing."""
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: all(stopped(pid) for pid in pids), 5, "the processes being stopped")
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@test("a validator is stopped for 3 s")
def stop_validator(system):
    victim, *others = system.validators
    with judged(system) as oracle:
        with all_stopped([victim.process.pid]):
            begun = time.monotonic()
            oracle.revoke()
            allow_to_the_end(oracle, others, 3)
            oracle.pauses.append((victim, begun, time.monotonic()))


@test("admin, who changes and vouches, is stopped for 3 s: the table tells that nothing has changed")
def stop_admin(system):
    with judged(system) as oracle:
        with all_stopped([system["admin"].process.pid]):
            allow_to_the_end(oracle, system.validators, 3)


@test("PostgreSQL hangs for 3 s: nobody can say that it is down, and nobody allows")
def stop_postgres(system):
    with judged(system) as oracle:
        pid = system.postgres.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            pids = [pid, *map(int, f.read().split())]
        # A session that ends before it is stopped is gone.
        pids = [p for p in pids if os.path.exists(f"/proc/{p}")]
        with all_stopped(pids):
            begun = time.monotonic()
            give_up(oracle, system.validators)
            passes(3 - (time.monotonic() - begun))


@test("PostgreSQL is down for 8 s: what is in memory goes on, but not where a validator cannot hear the writers")
def postgres_down(system):
    deaf, *others = system.validators
    with judged(system) as oracle:
        oracle.revoke()
        wait_for(lambda: oracle.counts["DISABLED"] > 0, 5, "a revocation")
        system.writers[deaf].freeze()
        system.postgres.stop()
        begun = time.monotonic()
        try:
            give_up(oracle, [deaf])
            allow_to_the_end(oracle, others, 8 - (time.monotonic() - begun))
            expect(oracle.refusing(deaf), "a validator that hears neither the database nor the writers allows")
        finally:
            system.postgres.start()


@test("two validators are cut off from PostgreSQL alone, by silence and by resets: they give up, the third goes on")
def cut_database(system):
    silent, reset, third = system.validators
    with judged(system) as oracle:
        system.database[silent].freeze()
        system.database[reset].refuse()
        oracle.revoke()
        give_up(oracle, [silent, reset])
        allow_to_the_end(oracle, [third], 2)
        expect(oracle.refusing(silent) and oracle.refusing(reset), "a validator without a database allows although no writer has lost it")


@test("two validators are cut off from the writers alone, by silence and by resets: they go by the table, which keeps the bound")
def cut_writers(system):
    silent, reset, _ = system.validators
    with judged(system) as oracle:
        system.writers[silent].freeze()
        system.writers[reset].refuse()
        oracle.revoke()
        allow_to_the_end(oracle, system.validators, 3)


@test("a validator is cut off from both, another is cut off from one and then from the other")
def cut_both(system):
    both, one, third = system.validators
    with judged(system) as oracle:
        for link in (*system.links(both), system.writers[one]):
            link.freeze()
        oracle.revoke()
        give_up(oracle, [both])
        allow_to_the_end(oracle, [one, third], 1.5)
        system.writers[one].heal()
        system.database[one].freeze()
        oracle.revoke()
        give_up(oracle, [one])
        allow_to_the_end(oracle, [third], 0)
        expect(oracle.refusing(both), "a validator that hears nothing allows")


@test("messages are late: the feeds by 0.7 s, the database by 0.7 s, both by 0.2 s")
def late(system):
    feeds, database, both = system.validators
    with judged(system) as oracle:
        system.writers[feeds].delay_s = 0.7
        system.database[database].delay_s = 0.7
        for link in system.links(both):
            link.delay_s = 0.2
        oracle.revoke()
        # A reading of the table that takes 1.4 s is older than the limit when it comes.
        give_up(oracle, [database])
        allow_to_the_end(oracle, [feeds, both], 2.5)


@test("words are late while PostgreSQL is down: one that is older than the limit counts for nothing")
def late_words(system):
    slow, slower, third = system.validators
    with judged(system) as oracle:
        system.writers[slow].delay_s = 0.1
        system.writers[slower].delay_s = 0.7
        system.postgres.stop()
        try:
            give_up(oracle, [slower])
            allow_to_the_end(oracle, [slow, third], 2)
        finally:
            system.postgres.start()


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
            wait_for(lambda: any(a.token is token and a.service is gullible and a.reason == "OK" and a.asked > token.states[-1].since + 2 * LIMIT
                                 for a in oracle.answers[-500:]), 15, "an answer that is wrong")
    except Failed as why:
        expect(f"{gullible.name} said OK" in str(why), f"it was not found: {why}")
        return
    finally:
        system.heal()
        gullible.stop()
        gullible.settings["freshness_limit_ms"] = SETTINGS["validator"]["freshness_limit_ms"]
        gullible.start()
    raise Failed("an answer that was wrong was not found")


main(Cut)
