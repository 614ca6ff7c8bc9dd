#!/usr/bin/python3
"""A validator that starts fills its memory with the tokens that were used last, and serves meanwhile (R42, R43): what it has then is as true as what it looks up."""
import subprocess
import time

from harness import System, expect, expect_equal, main, test, wait_for
from wire import Dealer

import health_pb2
import validator_pb2 as validator

VALIDATE = "jeton.v1.Validator/Validate"
HOUR, DAY = 3600, 86400


class Warm(System):
    """One validator that fills its memory, and one that looks up what it is asked for. No auditor: when tokens were used is what the test says."""

    def __init__(self):
        super().__init__(processes={"auditor": 0, "validator": 2}, settings={"validator": {"truth_interval_ms": "50", "negative_ms": "0", "log_level": "info"}})
        self.cold.settings["warm_entries"] = "0"
        self.cold.restart()
        for name in ("orders", "stock"):
            self.cli("module", "create", name)
        self.account = self.cli("account", "create", "--name", "Acme", "--module", "orders", "--module", "stock")["id"]
        self.limited = self.cli("account", "create", "--name", "Half", "--module", "orders", "--module", "stock")["id"]
        self.user = self.cli("user", "create", "--account", self.account, "--username", "ada", "--name", "Ada", "--role", "member",
                             input="correct horse battery\n")["id"]
        self.number = 0
        self.dealers = {}

    @property
    def warm(self):
        return self["validator"]

    @property
    def cold(self):
        return self["validator2"]

    def token(self, ago, *more, account=None, kind="service", modules=("orders:read", "stock:write")):
        """(id, value) of a token that was last used so many seconds ago; "now": only token_use tells; None: never."""
        self.number += 1
        granted = [word for module in modules for word in ("--module", module)]
        made = self.cli("token", "create", "--account", account or self.account, "--name", f"Token {self.number}", "--kind", kind, *granted, *more)
        number = self.number_of(made["id"])
        if ago == "now":
            self.sql(f"insert into token_use values ({number}, extract (epoch from now ()))")
        elif ago is not None:
            self.sql(f"update tokens set last_access_at = now() - interval '{ago} seconds' where number = {number}")
        return made["id"], made["value"]

    def number_of(self, token):
        """Ids hide the numbers."""
        name = self.cli("token", "show", token)["name"]
        return int(self.sql(f"select number from tokens where name = '{name}'"))

    def ask(self, service, value, **more):
        dealer = self.dealers.setdefault(service.process.pid, None) or Dealer(self, service, "operator")
        self.dealers[service.process.pid] = dealer
        reply = dealer.call(VALIDATE, validator.ValidateRequest(**{"token": value, "module": "orders", **more}))
        expect(reply is not None and reply.code == 0, f"no answer: {reply}")
        return validator.ValidateReply.FromString(reply.body)

    def reason(self, service, value, **more):
        return validator.Reason.Name(self.ask(service, value, **more).reason)[7:]

    def counters(self):
        dealer = Dealer(self, self.warm, "operator")
        reply = dealer.call("jeton.v1.Stats/Get", health_pb2.GetStatsRequest())
        dealer.close()
        return {s.name[10:]: s.value for s in health_pb2.GetStatsReply.FromString(reply.body).stats if s.name.startswith("validator.")}

    def health_reason(self):
        dealer = Dealer(self, self.warm, "operator")
        reply = health_pb2.CheckReply.FromString(dealer.call("jeton.v1.Health/Check", health_pb2.CheckRequest()).body)
        dealer.close()
        return reply.reason

    def filled(self):
        wait_for(lambda: self.counters()["warm_over"] == 1, 30, "the end of the filling")

    def fill(self, **settings):
        """Start it anew, and wait until its memory is filled."""
        self.warm.stop()
        self.warm.settings.update(settings)
        self.warm.start()
        self.filled()

    def forget_use(self):
        self.sql("delete from token_use; update tokens set last_access_at = null")


class Held:
    """Whoever reads when tokens were last used waits; lookups do not."""

    def __init__(self, system):
        self.psql = subprocess.Popen(["psql", "-XAtq", system.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.psql.stdin.write("begin; lock table token_use; select 'locked';\n")
        self.psql.stdin.flush()
        expect_equal(self.psql.stdout.readline().strip(), "locked", "the lock")
        self.system = system

    def waiting(self):
        return self.system.sql("select pid from pg_stat_activity where query like 'COPY%' and wait_event_type = 'Lock'").splitlines()

    def wait(self):
        """Both halves."""
        wait_for(lambda: len(self.waiting()) == 2, 10, "the filling")
        return self.waiting()

    def release(self):
        self.psql.stdin.close()
        self.psql.wait()


@test("tokens that were used before are answered without a query, each as if it were looked up (R42)")
def answered(s):
    made = [s.token("now"), s.token(10, "--allow", "192.0.2.0/24", "--allow", "2001:db8::/32"), s.token(2 * HOUR, "--rate-limit", "600:20"),
            s.token(3 * DAY, "--owner", s.user, kind="personal", modules=()), s.token(400 * DAY, account=s.limited), s.token(5, kind="test"),
            s.token(-600, modules=("orders:write",)), s.token(6, "--expires", "2099-01-01T00:00:00Z")]
    s.cli("module", "disable", "stock", "--account", s.limited)
    disabled = s.token(7)
    s.cli("token", "disable", disabled[0])
    made.append(disabled)
    s.fill()
    expect_equal(s.counters()["warm_kept"], len(made), "tokens in memory")
    for token, value in made:
        for more in ({}, {"module": "stock"}, {"access": 2}, {"client_address": "192.0.2.1"}, {"environment": 2}):
            warm, cold = s.ask(s.warm, value, **more), s.ask(s.cold, value, **more)
            for reply in (warm, cold):
                reply.allowance.remaining = reply.allowance.reset_s = 0  # each meters for itself
            expect_equal(warm, cold, f"the answer for {token} and {more}")
    after = s.counters()
    expect_equal((after["lookups"], after["cache_moved"]), (0, len(made)), "queries; tokens that were found by their digests")
    expect_equal(s.reason(s.warm, disabled[1]), "DISABLED", "of a disabled token")


@test("tokens that were never used, are deleted or have expired are not read")
def left_out(s):
    s.forget_use()
    _, never = s.token(None)
    deleted, gone = s.token(10)
    s.cli("token", "delete", deleted)
    expired, over = s.token("now")
    s.sql(f"update tokens set expires_at = now() - interval '1 second' where number = {s.number_of(expired)}")
    s.fill()
    expect_equal(s.counters()["warm_rows"], 0, "rows that were read")
    expect_equal([s.reason(s.warm, value) for value in (never, gone, over)], ["OK", "DELETED", "EXPIRED"], "reasons")
    expect_equal(s.counters()["lookups"], 3, "queries")


@test("no more are read than the setting says, the newest of them")
def bounded(s):
    s.forget_use()
    old = [s.token(2 * DAY) for _ in range(3)]
    new = [s.token(60) for _ in range(4)]  # of either half as many
    s.fill(warm_entries="4")
    expect_equal(s.counters()["warm_kept"], 4, "tokens in memory")
    expect_equal([s.reason(s.warm, value) for _, value in new], ["OK"] * 4, "reasons")
    expect_equal(s.counters()["lookups"], 0, "queries for the newest")
    expect_equal([s.reason(s.warm, value) for _, value in old], ["OK"] * 3, "reasons")
    expect_equal(s.counters()["lookups"], 3, "queries for the others")
    s.fill(warm_entries="0")
    expect_equal(s.counters()["cache_entries"], 0, "tokens in memory, without the filling")
    s.warm.settings["warm_entries"] = None


@test("it serves while it fills, and a token that is disabled meanwhile is refused, during and after it (R5, R42)")
def meanwhile(s):
    s.forget_use()
    (first, value), (second, kept), (third, late) = s.token("now"), s.token("now"), s.token("now")
    held = Held(s)
    s.warm.restart()
    held.wait()
    expect("memory is filled: 0 tokens" in s.health_reason(), f"the health says {s.health_reason()!r}")
    expect_equal([s.reason(s.warm, value), s.reason(s.warm, kept)], ["OK", "OK"], "while it fills")
    s.cli("token", "disable", first)
    wait_for(lambda: s.reason(s.warm, value) == "DISABLED", 5, "the refusal")
    held.release()
    s.filled()
    expect_equal(s.health_reason(), "", "the health's reason afterwards")
    expect_equal([s.reason(s.warm, v) for v in (value, kept, late)], ["DISABLED", "OK", "OK"], "afterwards")
    expect(s.counters()["cache_refused"] >= 1, "what was asked for before the change was kept")
    # And one that is only known by its digest.
    s.cli("token", "disable", second)
    _, fresh = s.token("now")
    s.fill()
    s.cli("token", "disable", third)
    wait_for(lambda: s.reason(s.warm, late) == "DISABLED", 5, "the refusal of a token that was read at the start")
    expect_equal([s.reason(s.warm, v) for v in (kept, fresh)], ["DISABLED", "OK"], "the others")


@test("when its connection is cut it says so and begins again, and goes on serving")
def cut(s):
    s.forget_use()
    made = [s.token("now") for _ in range(3)]
    held = Held(s)
    s.warm.restart()
    pids = held.wait()
    before = s.warm.log().count("filling the memory was torn off")
    s.sql(f"select pg_terminate_backend ({pids[0]})")
    wait_for(lambda: held.waiting() == pids[1:], 5, "the other half")
    expect_equal(s.warm.log().count("filling the memory was torn off"), before, "said before the other half has ended")
    s.sql(f"select pg_terminate_backend ({pids[1]})")
    wait_for(lambda: s.warm.log().count("filling the memory was torn off") == before + 1, 5, "the log")
    expect_equal(s.reason(s.warm, made[0][1]), "OK", "meanwhile")
    held.release()
    s.filled()
    lookups = s.counters()["lookups"]
    expect_equal([s.reason(s.warm, value) for _, value in made], ["OK"] * 3, "afterwards")
    expect_equal(s.counters()["lookups"], lookups, "queries")


@test("rows that make no sense are passed over, and the log says how many")
def nonsense(s):
    s.forget_use()
    (bad, refused), (_, good) = s.token("now"), s.token("now")
    number = s.number_of(bad)
    s.sql(f"alter table tokens drop constraint tokens_status_check; update tokens set status = 1000 where number = {number}")
    s.fill()
    counters = s.counters()
    expect_equal((counters["warm_rows"], counters["warm_kept"], counters["warm_passed"]), (2, 1, 1), "rows, tokens, passed over")
    expect("tokens' rows make no sense, and were passed over" in s.warm.log(), "the log does not say it")
    expect_equal((s.reason(s.warm, refused), s.reason(s.warm, good)), ("UNDECIDED", "OK"), "reasons")
    s.sql(f"update tokens set status = 1 where number = {number}")


@test("a validator that ends while it fills ends in order")
def ended(s):
    held = Held(s)
    s.warm.restart()
    held.wait()
    began = time.monotonic()
    s.warm.stop()
    expect(time.monotonic() - began < 10, "it waited for the database")
    held.release()
    s.warm.start()


main(Warm)
