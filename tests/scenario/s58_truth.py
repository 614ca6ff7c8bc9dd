#!/usr/bin/python3
"""Validators answer from memory, and only while it is true (R6, R42): what they hear, and what they do when they hear nothing. services/validator/DESIGN.md
has the protocol; tests/model checks it in every order, this checks that the processes keep to it."""
import asyncio
import os
import signal
import subprocess
import time

from harness import System, expect, expect_equal, main, test, wait_for, wait_within
from proxy import Link, Network
from wire import Dealer

import health_pb2
import validator_pb2 as validator

LIMIT = 1.0  # freshness_limit_ms of this system, in seconds
VALIDATE = "jeton.v1.Validator/Validate"
SETTINGS = {"validator": {"freshness_limit_ms": "1000", "truth_interval_ms": "100"},
            "admin": {"feed_outage_limit_ms": "60000"}, "issuer": {"feed_outage_limit_ms": "60000"}}


class Three(System):
    """Three validators, and what asks each of them directly."""

    def __init__(self):
        super().__init__(processes={"validator": 3}, settings=SETTINGS)
        self.cli("module", "create", "orders", "--title", "Orders")
        self.account = self.cli("account", "create", "--name", "Acme", "--module", "orders")["id"]
        self.dealers = {service: Dealer(self, service, "caller") for service in self.of_kind("validator")}

    def token(self, name):
        made = self.cli("token", "create", "--account", self.account, "--name", name, "--kind", "service", "--module", "orders:read")
        return made["id"], made["value"]

    def ask(self, service, value, timeout=5.0):
        """The reason; None when there was no answer."""
        reply = self.dealers[service].call(VALIDATE, validator.ValidateRequest(token=value, module="orders"), timeout=timeout)
        return reply and validator.Reason.Name(validator.ValidateReply.FromString(reply.body).reason)[7:]

    def all(self, value):
        return [self.ask(service, value) for service in self.dealers]


def state(system, service):
    reply = system.dealers[service].call("jeton.v1.Health/Check", health_pb2.CheckRequest())
    return health_pb2.HealthState.Name(health_pb2.CheckReply.FromString(reply.body).state)[len("HEALTH_STATE_"):]


def all_become(system, value, reason, what):
    wait_for(lambda: set(system.all(value)) == {reason}, 5, what)


def remember(system, value):
    """It is in the memory of all: no change of it is still on its way through the table."""
    before = {service: counters(system, service)["validator.readings"] for service in system.dealers}
    wait_for(lambda: all(counters(system, s)["validator.readings"] >= n + 2 for s, n in before.items()), 10, "two readings of the table")
    expect_equal(system.all(value), ["OK"] * 3, "the first answers")


@test("a token that was asked for is answered from memory, without a query")
def remembered(system):
    _, value = system.token("remembered")
    remember(system, value)
    service = next(iter(system.dealers))
    before = counters(system, service)
    for _ in range(50):
        expect_equal(system.ask(service, value), "OK", "an answer")
    after = counters(system, service)
    expect_equal(after["validator.lookups"], before["validator.lookups"], "queries")
    expect(after["validator.cache_hits"] >= before["validator.cache_hits"] + 50, f"from memory: {before} to {after}")


@test("a token that was disabled, enabled and deleted is refused by all without a query, and enabled by one (R6, R29, R42)")
def told(system):
    def lookups():
        return [counters(system, service)["validator.lookups"] for service in system.dealers]

    def refused(token, value, verb, reason):
        """A validator that is held up for a moment is not sure, and asks: then with another token."""
        before = lookups()
        system.cli("token", verb, token)
        all_become(system, value, reason, f"{reason} at all three")
        expect_equal([system.all(value) for _ in range(3)], [[reason] * 3] * 3, "what follows")
        return lookups() == before

    def life():
        token, value = system.token("told")
        remember(system, value)
        good = refused(token, value, "disable", "DISABLED")
        system.cli("token", "enable", token)
        all_become(system, value, "OK", "OK at all three")
        remember(system, value)
        return refused(token, value, "delete", "DELETED") and good

    before = [counters(system, service)["validator.cache_told"] for service in system.dealers]
    wait_for(life, 60, "a life without a query for what is refused")
    after = [counters(system, service)["validator.cache_told"] for service in system.dealers]
    expect(all(b >= a + 2 for a, b in zip(before, after)), f"refused by what was told: {before} to {after}")


def counters(system, service):
    reply = system.dealers[service].call("jeton.v1.Stats/Get", health_pb2.GetStatsRequest())
    return {s.name: s.value for s in health_pb2.GetStatsReply.FromString(reply.body).stats}


@test("what makes a token invalid is heard by every validator that has it in memory, and so is what makes it valid again (R5, R6, R12)")
def heard(system):
    token, value = system.token("heard")
    expect_equal(system.all(value), ["OK"] * 3, "before")
    for arguments, reason, back in (
            (("token", "disable", token), "DISABLED", ("token", "enable", token)),
            (("account", "suspend", system.account), "ACCOUNT_SUSPENDED", ("account", "resume", system.account)),
            (("module", "disable", "orders", "--account", system.account), "MODULE_DISABLED", ("module", "enable", "orders", "--account", system.account))):
        system.cli(*arguments)
        all_become(system, value, reason, f"{reason} at all three")
        system.cli(*back)
        all_become(system, value, "OK", f"OK at all three after {' '.join(back[:2])}")
    system.cli("token", "delete", token)
    all_become(system, value, "DELETED", "DELETED at all three")


@test("while the database is down and all writers say so, tokens in memory go on, for far longer than the limit; what is not is 503 (R42)")
def outage(system):
    _, value = system.token("outage")
    _, fresh = system.token("never asked for")
    remember(system, value)
    system.postgres.stop()
    ends = time.monotonic() + 5 * LIMIT
    undecided = 0
    while time.monotonic() < ends:
        undecided += sum(reason != "OK" for reason in system.all(value))
    expect_equal(undecided, 0, "answers other than OK from memory")
    expect_equal(system.ask(next(iter(system.dealers)), fresh, timeout=15), "UNDECIDED", "of a token that is not in memory")
    system.postgres.start()
    system["admin"].wait_healthy()
    all_become(system, fresh, "OK", "the other token with the database")
    expect_equal(system.all(value), ["OK"] * 3, "afterwards")


@test("when a writer cannot be heard while the database is down, nothing is allowed past the limit (R42)")
def unheard(system):
    _, value = system.token("unheard")
    remember(system, value)
    system["issuer"].pause()
    system.postgres.stop()
    down = time.monotonic()
    wait_for(lambda: set(system.all(value)) == {"UNDECIDED"}, 10, "UNDECIDED at all three")
    expect(time.monotonic() - down > LIMIT / 2, "they gave up at once")
    wait_for(lambda: {state(system, s) for s in system.dealers} == {"STALE"}, 5, "stale as their health")
    system.postgres.start()
    system["issuer"].resume()
    system["admin"].wait_healthy()
    system["issuer"].wait_healthy()
    all_become(system, value, "OK", "OK with the database")


@test("a validator that was stopped while a token was revoked does not allow it when it goes on (R42)")
def stopped(system):
    for round_ in range(3):
        token, value = system.token(f"stopped {round_}")
        remember(system, value)
        service = list(system.dealers)[round_]
        service.signal(signal.SIGSTOP)
        system.cli("token", "disable", token)
        # It has not heard of it for longer than the limit, and a question waits for it.
        revoked = time.monotonic()
        others = [s for s in system.dealers if s is not service]
        wait_for(lambda: time.monotonic() - revoked > 1.5 * LIMIT and {system.ask(s, value) for s in others} == {"DISABLED"}, 10,  # pylint: disable=cell-var-from-loop
                 "the others refusing it, and the limit passing")
        sent = system.dealers[service].send(VALIDATE, validator.ValidateRequest(token=value, module="orders"))
        service.resume()
        reply = system.dealers[service].receive()
        while reply is not None and reply.id != sent:
            reply = system.dealers[service].receive()
        reason = validator.Reason.Name(validator.ValidateReply.FromString(reply.body).reason)[7:]
        expect(reason in ("DISABLED", "UNDECIDED"), f"a validator that was stopped answered {reason}")
        wait_for(lambda: system.ask(service, value) == "DISABLED", 5, "DISABLED")  # pylint: disable=cell-var-from-loop


@test("a validator hears from the table what no feed told it, also what is written by hand")
def table(system):
    _, value = system.token("table")
    remember(system, value)
    number = system.sql("SELECT max(object) FROM changes WHERE kind = 'token'").strip()
    system.sql(f"BEGIN; UPDATE tokens SET status = 2, revision = revision + 1 WHERE number = {number};"
               f" INSERT INTO changes (kind, object, revision) VALUES ('token', {number}, 2); COMMIT")
    all_become(system, value, "DISABLED", "DISABLED at all three")


def transactions(system, n):
    system.sql(f"DO $$ BEGIN FOR i IN 1..{n} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")


@test("a server that had not everything takes the database's place, and is further than it was when validators see it: what it was told meanwhile is heard (R42)")
def behind(system):
    postgres = system.postgres
    token, value = system.token("behind")
    number = system.sql("SELECT max(object) FROM changes WHERE kind = 'token'").strip()
    wait_for(lambda: system.sql("SELECT count(*) FROM outbox") == "0", 10, "the outbox being empty")
    postgres.stop()
    other, lost, alone = f"{postgres.data}.other", f"{postgres.data}.lost", f"{postgres.directory}/alone"
    subprocess.run(["cp", "-a", postgres.data, other], check=True)
    postgres.start()
    all_become(system, value, "OK", "OK before")
    transactions(system, 500)
    remember(system, value)
    # Where nobody else reaches it, it becomes the primary; a token is disabled in a transaction whose number the lost one had given, too.
    postgres.stop()
    os.rename(postgres.data, lost)
    os.rename(other, postgres.data)
    subprocess.run(["touch", f"{postgres.data}/standby.signal"], check=True)
    os.mkdir(alone)
    os.chown(alone, *[getattr(os.stat(postgres.data), name) for name in ("st_uid", "st_gid")])
    here, postgres.directory = postgres.directory, alone
    postgres.start()
    expect_equal(system.sql("SELECT pg_promote()"), "t", "promoted")
    system.sql(f"BEGIN; UPDATE tokens SET status = 2, revision = revision + 1 WHERE number = {number};"
               f" INSERT INTO changes (kind, object, revision) VALUES ('token', {number}, 2); COMMIT")
    transactions(system, 2000)
    postgres.stop()
    postgres.directory = here
    postgres.start()
    for writer in ("admin", "issuer"):  # what follows needs both
        system[writer].wait_healthy()
    all_become(system, value, "DISABLED", f"DISABLED at all three, {token}")


@test("a revoked user's login token is refused by all, from memory or not (R25)")
def login(system):
    user = system.cli("user", "create", "--account", system.account, "--username", "ada", "--name", "Ada", "--role", "member",
                      input="correct horse battery\n")
    value = system.cli("login", "ada", input="correct horse battery\n")["access_token"]
    expect_equal(system.all(value), ["OK"] * 3, "before")
    expect_equal(system.all(value), ["OK"] * 3, "from memory")
    system.cli("user", "disable", user["id"])
    all_become(system, value, "DISABLED", "DISABLED at all three")


@test("a login token whose signing key is revoked is refused by all, although it is in memory (R26)")
def key(system):
    system.cli("user", "create", "--account", system.account, "--username", "bea", "--name", "Bea", "--role", "member",
               input="correct horse battery\n")
    value = system.cli("login", "bea", input="correct horse battery\n")["access_token"]
    expect_equal(system.all(value), ["OK"] * 3, "before")
    system.cli("keys", "rotate", "--revoke")
    wait_for(lambda: "OK" not in system.all(value), 5, "refused at all three")


def restart(system, service):
    """Returns as soon as it serves, with how many of how many writers it hears then."""
    service.stop()
    service.start(wait=False)
    wait_for(lambda: state(system, service) == "SERVING", 15, "a validator that serves")
    now = counters(system, service)
    return now["validator.writers_followed"], now["validator.writers"]


@test("a validator that starts serves when it hears all writers: what is disabled then is refused long before the next reading of the table (R6, R42)")
def start(system):
    network, link, service = Network(), Link(), next(iter(system.dealers))
    network.start()
    port = network.listen(lambda *_: link, lambda: asyncio.open_connection("127.0.0.1", system["admin"].port))
    system["admin"].stop()
    system["admin"].settings["feed_advertise"] = f"tcp://127.0.0.1:{port}"
    system["admin"].start()
    link.delay_s = 0.03  # each way, and a connection goes to and fro some times before it is heard
    service.settings.update(truth_interval_ms="5000", freshness_limit_ms="10000")
    # One that is held up for a second serves without: then once more.
    wait_for(lambda: restart(system, service) == (2, 2), 20, "a validator that hears both writers as soon as it serves")
    token, value = system.token("start")
    expect_equal(system.ask(service, value), "OK", "before")
    read = counters(system, service)["validator.readings"]
    system.cli("token", "disable", token)
    wait_within(lambda: system.ask(service, value) == "DISABLED", 2, "DISABLED")
    expect(counters(system, service)["validator.readings"] <= read + 1, "it has read the table too often for this to say anything")


@test("a writer that is down keeps a validator from starting for no longer than a second or so")
def start_without(system):
    service = next(iter(system.dealers))
    system["issuer"].kill()
    expect_equal(restart(system, service), (1, 2), "writers that are heard")
    system["issuer"].start()


main(Three)
