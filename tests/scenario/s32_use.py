#!/usr/bin/python3
"""The access log: every answer is counted exactly, whatever dies, and what it adds up to (R39, R40, R41, R43, R44)."""
import os
import random
import subprocess
import threading
import time

import wire
from harness import BUILD, PATIENCE, SLOW, System, expect, expect_equal, main, test, wait_for

import audit_pb2 as audit
import envelope_pb2 as envelope
import validator_pb2 as validator

TAKE = "jeton.v1.AuditLogger/TakeSegment"


def two_of_each():
    system = System({"auditor": 2, "validator": 2, "issuer": 0}, {"auditor": {"outbox_poll_ms": 20, "tail_poll_ms": 20, "last_access_step_s": 1}})
    system.cli("module", "create", "orders")
    system.account = system.cli("account", "create", "--name", "Acme", "--module", "orders")["id"]
    made = system.cli("token", "create", "--account", system.account, "--name", "t", "--kind", "service", "--module", "orders:read")
    system.token, system.value = made["id"], made["value"]
    return system


def log(system, *arguments):
    return system.cli("log", "--all", *arguments)


def number(system, statement):
    return int(system.sql(statement))


def sums(system, module):
    """What the log has counted of a module: {reason: count}."""
    rows = system.sql(f"select reason, sum(count) from use_log where module = '{module}' group by 1")
    return {validator.Reason.Name(int(r.split("|")[0]))[7:].lower(): int(r.split("|")[1]) for r in rows.splitlines()}


def batch(system, module, n, addresses=None, value=None):
    requests = [validator.ValidateRequest(token=value or system.value, module=module, client_address=addresses(i) if addresses else "")
                for i in range(n)]
    return validator.ValidateBatchRequest(requests=requests)


class Caller:
    """Validates as fast as it is answered, and counts what it sent and what was answered, by reason."""

    def __init__(self, system, name, module, seed, most=20):
        self.system, self.module, self.random, self.most = system, module, random.Random(seed), most
        self.service = system[name]
        self.dealer = wire.Dealer(system, system[name], "caller")
        self.sent, self.answered, self.ending = 0, {}, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ending:
            n = self.random.randint(1, self.most)
            request = batch(self.system, self.module, n, lambda i: f"192.0.2.{i % 8}")
            for other in request.requests[::3]:
                other.token = "jtn_live_nonsense"
            process = self.service.process
            sent = self.dealer.send("jeton.v1.Validator/ValidateBatch", request, timeout_ms=int(60000 * SLOW))
            self.sent += n
            # One that was lost with its process is not sent again: it may have been counted, and it was not answered.
            reply = None
            while (reply is None or reply.id != sent) and self.service.process is process and self.service.running():
                reply = self.dealer.receive(0.1)
                if reply is not None:
                    self.take(reply)
        # What was sent to a process that was not there yet has been answered since.
        while (reply := self.dealer.receive(1)) is not None:
            self.take(reply)

    def take(self, reply):
        if reply.code == envelope.CODE_OK:
            for row in validator.ValidateBatchReply.FromString(reply.body).replies:
                reason = validator.Reason.Name(row.reason)[7:].lower()
                self.answered[reason] = self.answered.get(reason, 0) + 1

    def end(self):
        self.ending = True
        self.thread.join()
        self.dealer.close()


@test("each answer is in the log, with its reason, and what is equal within a second in one row")
def answers(system):
    for _ in range(3):
        expect_equal(system.validate(system.value)["decision"], "allow")
    expect_equal(system.validate(system.value, access="write")["reason"], "read_only")
    expect_equal(system.validate(system.value, "stock")["reason"], "module_not_granted")
    expect_equal(system.validate("jtn_live_nonsense")["reason"], "malformed")
    expect_equal(system.validate(system.value, address="2001:db8::1")["decision"], "allow")
    wait_for(lambda: number(system, "select coalesce(sum(count), 0) from use_log") == 7, 20, "seven in the log")
    rows = log(system)
    expect_equal(sum(int(row["count"]) for row in rows), 7)
    denied = log(system, "--decision", "deny", "--module", "orders")
    expect_equal(sorted(row["reason"] for row in denied), ["malformed", "read_only"])
    expect_equal({(row["account"], row["token"], row["peer"], row["access"]) for row in denied if row["reason"] == "read_only"},
                 {(system.account, system.token, "operator", "write")})
    expect_equal([row["token"] for row in denied if row["reason"] == "malformed"], [""])
    expect_equal(sum(int(row["count"]) for row in log(system, "--token", system.token)), 6)
    expect_equal(sum(int(row["count"]) for row in log(system, "--account", system.account, "--decision", "allow")), 4)
    expect_equal([row["address"] for row in log(system, "--token", system.token) if row["address"]], ["2001:db8::1"])
    expect_equal(log(system, "--token", "no-such-jti"), [])
    expect_equal(log(system, "--from", "2000-01-01", "--until", "2000-01-02"), [])
    expect_equal(len(log(system, "--from", "1h")), len(rows))
    expect_equal([row["time"] for row in rows], sorted((row["time"] for row in rows), reverse=True))


@test("usage per token and day, and last access, follow")
def usage(system):
    day = wait_for(lambda: (rows := system.cli("usage", "--token", system.token)) and int(rows[0]["allowed"]) == 4 and rows, 20, "usage")
    expect_equal([(row["token"], row["account"], int(row["denied"])) for row in day], [(system.token, system.account, 2)])
    expect_equal(int(day[0]["day"]) % 86400, 0)
    expect_equal(system.cli("usage", "--account", system.account), day)
    expect_equal(system.cli("usage", "--until", "2000-01-02"), [])
    last = wait_for(lambda: system.cli("token", "show", system.token)["last_access_at"], 20, "last access")
    expect(abs(int(last) - time.time()) < 120 * SLOW, f"last access {last}")
    # Nothing that admin goes by has changed.
    expect_equal(int(system.cli("token", "show", system.token)["revision"]), 1)
    before = number(system, "select count(*) from changes")
    system.validate(system.value)
    newer = wait_for(lambda: int(system.cli("token", "show", system.token)["last_access_at"]) > int(last), 20, "a later last access")
    expect(newer, "last access")
    expect_equal(number(system, "select count(*) from changes"), before)


@test("last access waits for nobody, and nobody for it")
def locked(system):
    hold = subprocess.Popen(["psql", "-XAtq", f"host={system.postgres.directory} dbname=jeton user=jeton"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    try:
        hold.stdin.write("begin; select 'locked' from tokens for update;\n")
        hold.stdin.flush()
        expect_equal(hold.stdout.readline().strip(), "locked")
        folded = number(system, "select folded from use_fold")
        system.validate(system.value)
        wait_for(lambda: number(system, "select folded from use_fold") > folded, 20, "the fold going on")
        wait_for(lambda: number(system, "select count(*) from token_use") == 1, 20, "the token waiting")
        hold.stdin.write("commit;\n")
        hold.stdin.flush()
    finally:
        hold.stdin.close()
        hold.wait(20)
    wait_for(lambda: number(system, "select count(*) from token_use") == 0, 20, "the token having its turn")


@test("tails show each row once, from now on or after a row, also of one module")
def tail(system):
    last = number(system, "select last from use_head")
    with subprocess.Popen([f"{BUILD}/bin/jeton", "--json", "log", "--follow", "--module", "tail", "--after", str(last), "--count", "3"],
                          stdout=subprocess.PIPE, text=True, cwd=system.directory, env=system.environment()) as follow:
        for i in range(3):
            system.validate(system.value, "tail", address=f"192.0.2.{i}")
            system.validate(system.value, "other")
        rows = [line for line in follow.stdout if '"tail"' in line]
    expect_equal(len(rows), 3)
    dealer = wire.Dealer(system, system["auditor2"])
    sent = dealer.send("jeton.v1.AuditLogger/TailUse", audit.TailUseRequest(after=last), timeout_ms=int(20000 * SLOW), credit=3)
    ids = []
    while len(ids) < 3:
        reply = dealer.receive(20)
        expect(reply is not None and reply.id == sent and reply.more, f"an item: {reply}")
        ids.append(audit.TailUseReply.FromString(reply.body).row.id)
    expect_equal(ids, [last + 1, last + 2, last + 3])
    dealer.close()


@test("pages go on where the one before ended, also when a filter leaves nothing of it")
def pages(system):
    dealer = wire.Dealer(system, system["auditor"])

    def page(**fields):
        reply = dealer.call("jeton.v1.AuditLogger/ListUse", audit.ListUseRequest(**fields), timeout=20)
        expect_equal(envelope.Code.Name(reply.code), "CODE_OK", reply.message)
        return audit.ListUseReply.FromString(reply.body)
    everything = [row.id for row in page(page={"size": 500}).rows]
    ids, cursor = [], ""
    while True:
        reply = page(page={"size": 2, "cursor": cursor})
        ids += [row.id for row in reply.rows]
        cursor = reply.next_cursor
        if not cursor:
            break
    expect_equal(ids, everything)
    expect_equal(list(page(module="nothing").rows), [])
    for bad, field in (({"page": {"cursor": "x"}}, "page.cursor"), ({"page": {"size": 501}}, "page.size"), ({"token": "TKN-1"}, "token"),
                       ({"account_id": "x"}, "account_id"), ({"decision": 9}, "decision"), ({"kind": 3}, "kind"), ({"user": "USR-1"}, "user"), ({"client": "x"}, "client"), ({"from": -1}, "from"), ({"module": "x" * 600}, "module")):
        reply = dealer.call("jeton.v1.AuditLogger/ListUse", audit.ListUseRequest(**bad), timeout=20)
        expect_equal((envelope.Code.Name(reply.code), [d.field for d in reply.details]), ("CODE_INVALID_ARGUMENT", [field]))
    for method, message in (("UsagePerToken", audit.UsagePerTokenRequest(token="jti")), ("TailUse", audit.TailUseRequest(after=-2))):
        expect_equal(dealer.call(f"jeton.v1.AuditLogger/{method}", message, timeout=20).code, envelope.CODE_INVALID_ARGUMENT)
    dealer.close()


def segment(*known, n=3, **fields):
    """With a source and a sequence number, unless the fields say otherwise."""
    source, sequence = known
    columns = {"second": [1700000000] * n, "account": [1] * n, "token": [0] * n, "user": [0] * n, "addresses": (b"\x04\xc0\x00\x02\x01" + b"\0" * 12) * n,
               "module": [1] * n, "peer": [2] * n, "jti": [0] * n, "access": [1] * n, "environment": [1] * n, "decision": [1] * n,
               "reason": [1] * n, "count": [2] * n, "texts": ["twice", "a 'peer' with \"quotes\", {braces} and \\"]}
    return audit.TakeSegmentRequest(**{"source": source, "sequence": sequence, **columns, **fields})


@test("a segment that is sent again, to any auditor, at the same time too, is taken once")
def once(system):
    dealers = [wire.Dealer(system, system[name], "gateway") for name in ("auditor", "auditor2")]
    for sequence in range(1, 31):
        source = b"%016d" % (sequence % 3)
        for dealer in dealers * 2:
            dealer.send(TAKE, segment(source, sequence), timeout_ms=int(20000 * SLOW))
        known = []
        for dealer in dealers * 2:
            reply = dealer.receive(25)
            expect_equal(envelope.Code.Name(reply.code), "CODE_OK", reply.message)
            known.append(audit.TakeSegmentReply.FromString(reply.body).known)
        expect_equal(sorted(known), [False, True, True, True])
    expect_equal(number(system, "select sum(count) from use_log where module = 'twice'"), 30 * 3 * 2)
    expect_equal(number(system, "select count(*) - (max(id) - min(id) + 1) from use_log"), 0, "numbers without a gap")
    for dealer in dealers:
        dealer.close()


@test("the auditor is killed while a segment is being taken, and it is sent to the other: what the killed one had begun is taken, once")
def taken_by_the_dead(system):
    wait_for(lambda: not any(service.spooled() for service in system.of_kind("validator")), 20, "empty spools: no other segment on its way")
    before = number(system, "select sum(count) from use_log where module = 'twice'")
    waiting = "select count(*) from pg_stat_activity where query like 'WITH taken AS%' and wait_event_type = 'Lock'"
    dealers = [wire.Dealer(system, system[name], "gateway") for name in ("auditor", "auditor2")]
    with subprocess.Popen(["psql", "-XAtq", f"host={system.postgres.directory} dbname=jeton user=jeton"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as hold:
        hold.stdin.write("begin; select 'locked' from use_head for update;\n")
        hold.stdin.flush()
        expect_equal(hold.stdout.readline().strip(), "locked")
        dealers[0].send(TAKE, segment(b"s" * 16, 1), timeout_ms=int(20000 * SLOW))
        wait_for(lambda: number(system, waiting) == 1, 5, "the segment being taken")
        system["auditor"].kill()
        dealers[1].send(TAKE, segment(b"s" * 16, 1), timeout_ms=int(20000 * SLOW))
        wait_for(lambda: number(system, waiting) == 2, 5, "it being taken by the other too")
        hold.stdin.close()
    reply = dealers[1].receive(25)
    expect_equal(envelope.Code.Name(reply.code), "CODE_OK", reply.message)
    expect(audit.TakeSegmentReply.FromString(reply.body).known, "it was taken twice")
    expect_equal(number(system, "select sum(count) from use_log where module = 'twice'"), before + 6)
    system["auditor"].start()
    for dealer in dealers:
        dealer.close()


@test("what is no segment is refused by the name of its field, and nothing of it is taken")
def bad_segments(system):
    dealer = wire.Dealer(system, system["auditor"], "gateway")
    before = number(system, "select count(*) from use_log where module in ('twice', 'x')")
    for field, value in (("source", b"short"), ("sequence", 0), ("count", []), ("count", [1, 0, 1]), ("count", [1 << 60] * 3), ("second", [1] * 2),
                         ("second", [-1] * 3), ("second", [1 << 50] * 3), ("account", [-1] * 3), ("token", [1 << 40] * 3), ("user", [-5] * 3),
                         ("module", [3] * 3), ("peer", [9] * 3), ("jti", [7] * 3), ("access", [70000] * 3), ("decision", [1] * 4), ("environment", []),
                         ("reason", [999] * 3), ("client", [1] * 2), ("client", [1 << 30] * 3), ("customer", [1 << 30] * 3), ("grant_type", [256] * 3),
                         ("grant_type", [1] * 4), ("addresses", b"\x05" + b"\0" * 50), ("addresses", b""), ("texts", ["x" * 65, "y"])):
        reply = dealer.call(TAKE, segment(b"bad bad bad bad.", 1, **{field: value}), timeout=20)
        expect_equal((envelope.Code.Name(reply.code), [d.field for d in reply.details]), ("CODE_INVALID_ARGUMENT", [field]))
    expect_equal(number(system, "select count(*) from use_log where module in ('twice', 'x')"), before)
    expect_equal(number(system, "select count(*) from use_sources where source = 'bad bad bad bad.'"), 0)
    dealer.close()


@test("kill -9 of validators and auditors, and auditors that are away: never fewer than answered, never more than sent")
def killed(system):
    generator = random.Random(7)
    callers = [Caller(system, name, "faults", i) for i, name in enumerate(("validator", "validator2", "validator", "validator2"))]
    try:
        for i in range(10):
            before = sum(sum(c.answered.values()) for c in callers)
            wait_for(lambda: sum(sum(c.answered.values()) for c in callers) > before + generator.randint(50, 400), 60, "answers")
            if i == 4:
                for name in ("auditor", "auditor2"):
                    system[name].kill()
                wait_for(lambda: len(system["validator"].spooled()) > 2, 30, "segments that wait")
                for name in ("auditor", "auditor2"):
                    system[name].start()
                continue
            name = generator.choice(("validator", "validator2", "auditor", "auditor2"))
            system[name].kill()
            system[name].start()
    finally:
        for caller in callers:
            caller.end()
    answered = {}
    for caller in callers:
        for reason, n in caller.answered.items():
            answered[reason] = answered.get(reason, 0) + n
    wait_for(lambda: not system["validator"].spooled() and not system["validator2"].spooled(), 60, "empty spools")
    counted, sent = sums(system, "faults"), sum(c.sent for c in callers)
    expect(answered.get("module_not_granted", 0) > 500 and answered.get("malformed", 0) > 200, f"answers: {answered}")
    for reason, n in answered.items():
        expect(counted.get(reason, 0) >= n, f"{reason}: {counted.get(reason, 0)} in the log, {n} answered")
    expect(sum(counted.values()) <= sent, f"{counted} in the log, {sent} sent")
    # What was in flight at a kill may be counted though its answer never came; after an answer, nothing is counted twice.
    expect(sum(counted.values()) - sum(answered.values()) <= 4 * 10 * 20, f"{counted} in the log, {answered} answered")
    system.faults = counted
    wait_for(lambda: number(system, "select folded from use_fold") == number(system, "select max(id) from use_log"), 30, "the fold")
    token = number(system, "select max(token) from use_log")
    expect_equal(number(system, f"select sum(allowed + denied) from use_days where token = {token}"),
                 number(system, f"select sum(count) from use_log where token = {token}"))
    expect_equal(number(system, "select count(*) - (max(id) - min(id) + 1) from use_log"), 0, "numbers without a gap")


class Crowd:
    """Others who want the processor of a service all the time: it has no other one, and they go first."""

    def __init__(self, service):
        self.service, processor = service, min(os.sched_getaffinity(0))
        for thread in map(int, os.listdir(f"/proc/{service.process.pid}/task")):
            os.sched_setaffinity(thread, {processor})
            os.setpriority(os.PRIO_PROCESS, thread, 10)
        rival = ["taskset", "--cpu-list", str(processor), "sh", "-c", f"while kill -0 {os.getpid()}; do :; done"]
        self.rivals = [subprocess.Popen(rival) for _ in range(3)]

    def end(self):
        for rival in self.rivals:
            rival.kill()
            rival.wait()
        self.service.restart()  # nobody may go up again


@test("while calls wait for a processor what was counted gives way to them, unless journal_late_ms says that it does not; then all of it comes")
def gives_way(system):
    def figure(service, name):
        return next(row["value"] for row in system.cli("stats", "validator", "--endpoint", service.endpoint) if row["name"] == f"journal.{name}")
    never = system.add("validator", "never", {"journal_late_ms": 0})
    never.start()
    for service in (system["validator"], never):
        for auditor in system.of_kind("auditor"):
            auditor.stop()
        caller = Caller(system, service.name, f"way-{service.name}", 5, most=256)
        wait_for(lambda: figure(service, "segments") >= 4, 60, "segments that wait")
        crowd, taken = Crowd(service), figure(service, "taken")
        for auditor in system.of_kind("auditor"):
            auditor.start()
        try:
            if service is never:
                wait_for(lambda: figure(never, "taken") >= taken + 4, 60, "segments that were taken")
                expect_equal(figure(never, "rests"), 0)
            else:
                wait_for(lambda: figure(service, "rests") > 0, 60, "a rest")
        finally:
            caller.end()
            crowd.end()
        wait_for(lambda: sums(system, caller.module) == caller.answered, 30, "all that was answered, in the log")
    system.remove("never")


@test("a spool that is full: validations are refused with 503, Health says why, and it goes on when the auditor is back")
def full_refuses(system):
    for name in ("auditor", "auditor2"):
        system[name].stop()
    small = system.add("validator", "small", {"journal_limit": 1048576})
    small.start()
    dealer = wire.Dealer(system, small, "caller")

    def ask(k):
        reply = dealer.call("jeton.v1.Validator/ValidateBatch", batch(system, "full", 256, lambda i: f"10.1.{k}.{i}", "x"), timeout=20)
        return [row.reason for row in validator.ValidateBatchReply.FromString(reply.body).replies]
    reasons = []
    for k in range(40):
        reasons += ask(k)
        if validator.REASON_UNDECIDED in reasons:
            break
    expect_equal(set(reasons), {validator.REASON_MALFORMED, validator.REASON_UNDECIDED})
    answered = reasons.count(validator.REASON_MALFORMED)
    wait_for(lambda: small.health() == "stale", 20, "health")
    expect("journal_limit" in small.log(), "the log does not say why")
    small.kill()
    small.start(wait=False)
    for name in ("auditor", "auditor2"):
        system[name].start()
    wait_for(lambda: not system["small"].spooled(), 30, "an empty spool")
    small.wait_healthy()
    wait_for(lambda: set(ask(50)) == {validator.REASON_MALFORMED}, 20, "answers again")
    answered += 256
    wait_for(lambda: sums(system, "full").get("malformed", 0) >= answered, 30, "all in the log")
    dealer.close()
    system.remove("small")


@test("with journal_full = drop it answers, and counts what it drops; what is in the way in the spool is set aside")
def full_drops(system):
    os.mkdir(system.path("small.use"), 0o700) if not os.path.isdir(system.path("small.use")) else None
    with open(system.path("small.use", "0" * 32 + "-" + "0" * 16 + ".use"), "wb") as f:
        f.write(b"no segment" * 100)
    with open(system.path("small.use", "big.damaged"), "wb") as f:
        f.write(b"x" * 3000000)
    small = system.add("validator", "small", {"journal_limit": 1048576, "journal_full": "drop"})
    small.start(wait=False)
    dealer = wire.Dealer(system, small, "caller")

    def answer():
        reply = dealer.call("jeton.v1.Validator/Validate", validator.ValidateRequest(token="x", module="drop"))
        return reply is not None and reply.code == envelope.CODE_OK and validator.ValidateReply.FromString(reply.body).reason
    expect_equal(wait_for(answer, 20, "an answer"), validator.REASON_MALFORMED)
    expect(os.path.exists(system.path("small.use", "0" * 32 + "-" + "0" * 16 + ".use.damaged")), "garbage was not set aside")
    expect("set aside" in small.log(), "the log does not tell of the garbage")
    expect_equal(sums(system, "drop"), {})
    # A second process on the same directory does not start.
    other = system.add("validator", "other", {"journal_directory": system.path("small.use")})
    other.start(wait=False)
    expect_equal(other.process.wait(20 * PATIENCE), 78)
    expect("another process" in other.log(), other.log())
    system.remove("other")
    small.kill()
    system.remove("small")
    dealer.close()


@test("the log goes on in a new partition, and old ones are dropped when they are folded")
def partitions(system):
    def run(what):
        return system.sql(f"select {what}", role="auditor")
    expect_equal(run("use_partition_close (1, 1000000000)"), "f")
    rows = number(system, "select count(*) from use_log")
    expect_equal(run("use_partition_close (1, 1)"), "t")
    expect_equal(run("use_partition_close (1, 1)"), "f", "one that is empty, and has no next one")
    run("use_partition_ahead ()")
    system.validate(system.value, "later")
    wait_for(lambda: sums(system, "later"), 20, "a row in the new partition")
    expect_equal(number(system, "select count(*) from use_log"), rows + 1)
    expect_equal(run("use_partition_drop (30)"), "f", "it is young")
    system.sql("update partitions set closed_at = closed_at - interval '29 days' where parent = 'use_log'")
    expect_equal(run("use_partition_drop (1)"), "f", "at least 30 days")
    system.sql("update partitions set closed_at = closed_at - interval '2 days' where parent = 'use_log' and closed_at is not null")
    expect_equal(run("use_partition_drop (0)"), "f", "0 is for ever")
    wait_for(lambda: run("use_partition_drop (30)") == "t", 20, "the drop")
    expect_equal([row["module"] for row in log(system)], ["later"])


@test("an auditor that is far behind with usage ends in order, at once, and the next one goes on")
def behind(system):
    system["auditor2"].stop()
    wait_for(lambda: number(system, "select folded from use_fold") >= number(system, "select last from use_head"), 20, "the fold")
    before = number(system, "select folded from use_fold")
    rows = 400000
    system.sql("insert into use_log (id, second, count, account, token, \"user\", module, peer, access, environment, decision, reason)"
               f" select last + n, {int(time.time())}, 1, 1, 1, 0, 'behind', 'x', 1, 1, 1, 0 from use_head, generate_series (1, {rows}) n;"
               f" update use_head set last = last + {rows}")
    wait_for(lambda: number(system, "select folded from use_fold") > before, 20, "the first rows being folded")
    system["auditor"].stop()
    expect(number(system, "select folded from use_fold") < before + rows, "the auditor ended only when it had folded all")
    system["auditor"].start()
    wait_for(lambda: number(system, "select folded from use_fold") == before + rows, 60, "all being folded")
    expect_equal(number(system, "select allowed from use_days where token = 1 and day = (select max(day) from use_days)") >= rows, True)


main(two_of_each)
