#!/usr/bin/python3
"""The audit trail: a record for each change and no other, whoever dies; a chain in which any changed byte shows (R36-R38, R40, R41)."""
# calls: ListRecords GetRecord TailRecords ExportTrail GetCheckpointKey
import collections
import json
import os
import random
import subprocess
import threading

from harness import BUILD, SLOW, System, expect, expect_equal, main, test, wait_for, wait_within
from trail import audit_id, covered, field, last, number, put, record, taken, verify, writer

QUICK = {"checkpoint_interval_s": 1, "outbox_poll_ms": 20, "tail_poll_ms": 20}


def two_auditors():
    return System({"auditor": 2, "issuer": 0, "validator": 0}, {"auditor": QUICK})  # nobody signs in or validates here


# ---- what the trail holds ----

@test("each change gives exactly one record, which says who, what, before and after")
def changes(system):
    system.cli("module", "create", "orders")
    system.cli("module", "create", "stock")
    system.account = system.cli("account", "create", "--name", "Acme", "--module", "orders", "--module", "stock")["id"]
    made = system.cli("token", "create", "--account", system.account, "--name", "ERP", "--kind", "service", "--module", "orders:read")
    token = system.token = made["id"]
    for verb in ("disable", "enable", "disable", "delete"):
        system.cli("token", verb, token)
    user = system.cli("user", "create", "--account", system.account, "--username", "gina", "--name", "Gina", input="correct horse battery\n")
    taken(system)
    rows = system.cli("audit", "list", "--object", token)
    events = [row["event"] for row in reversed(rows)]
    expect_equal(events, [f"platform.tokens.token.{verb}" for verb in ("created", "disabled", "enabled", "disabled", "deleted")])
    expect_equal([row["object"]["revision"] for row in reversed(rows)], [1, 2, 3, 4, 5])
    first, second = rows[-1], rows[-2]
    expect_equal((first["actor"]["id"], first["object"]["type"], first["object"]["name"], first["object"]["account_id"]),
                 ("operator", "token", "ERP", system.account))
    expect(first["request"]["correlation_id"] and first["request"]["method"].endswith("Admin/CreateToken"), f"{first['request']}")
    expect_equal((second["before"]["status"], second["after"]["status"]), ("active", "disabled"))
    expect(not first["before"] and first["after"]["id"] == token, "a creation has nothing before")
    expect(made["value"] not in json.dumps(rows) and made["value"] not in system.sql("select string_agg (encode (record, 'escape'), '') from trail"),
           "the value of a token is in the trail")
    expect_equal(len(system.cli("audit", "list", "--object", user["id"])), 1, "records of the user")
    # As many records as the changes tell of; none says the same twice.
    expect_equal(system.sql("select object_id, event, count (*) from trail where event not like '%.disabled' group by 1, 2 having count (*) > 1"), "")
    shown = system.cli("audit", "show", first["id"])
    expect_equal(shown.get("record", shown)["id"], first["id"])
    system.jeton("audit", "show", audit_id(99999999), check=66)
    verify(system)


@test("queries by object, actor, account, event and time, in pages")
def queries(system):
    everything = system.cli("audit", "list", "--all")
    expect_equal([row["sequence"] for row in everything], list(range(len(everything), 0, -1)), "newest first")

    def agree(want, *arguments):
        rows = system.cli("audit", "list", *arguments)
        expect_equal([row["id"] for row in rows], [row["id"] for row in everything if want(row)], " ".join(map(str, arguments)))
        return rows
    agree(lambda r: r["actor"]["id"] == "operator", "--actor", "operator")
    expect_equal(agree(lambda r: r["actor"]["id"] == "nobody", "--actor", "nobody"), [])
    agree(lambda r: r["object"]["account_id"] == system.account, "--account", system.account)
    agree(lambda r: r["event"] == "platform.tokens.token.disabled", "--event", "platform.tokens.token.disabled")
    for prefix in ("platform.", "platform.tokens.", "platform.tokens.token.", "platform.token.", "z."):
        agree(lambda r, p=prefix: r["event"].startswith(p), "--event", prefix)
    agree(lambda r: r["event"].startswith("platform.tokens.") and r["object"]["id"] == system.token and r["actor"]["id"] == "operator",
          "--event", "platform.tokens.", "--object", system.token, "--actor", "operator")
    # Nobody's name but the event's: "platform.tokens" is neither a prefix nor an event.
    expect_equal(agree(lambda r: False, "--event", "platform.tokens"), [])
    agree(lambda r: True, "--from", "1h")
    agree(lambda r: False, "--until", "1h")
    agree(lambda r: r["event"].startswith("platform.tokens."), "--event", "platform.tokens.", "--from", "1h")


# ---- one writes, others stand by ----

@test("two auditors: one writes, the other stands by and answers too")
def standby(system):
    writing, standing = wait_for(lambda: writer(system), what="one writer and one standby")
    expect_equal(len(standing), 1, "auditors that stand by")
    for auditor in (writing, standing[0]):
        rows = system.cli("audit", "list", "--all", environment={"JETON_AUDITOR": auditor.endpoint})
        expect_equal(len(rows), last(system), f"records from {auditor.name}")
    reason = [row for row in system.health() if row.get("endpoint", "").endswith(f":{standing[0].port}")][0]["reason"]
    expect("another auditor writes" in reason, f"the standby says {reason!r}")


@test("kill -9 of the writer: the other takes over within 5 s, and nothing is lost")
def takeover(system):
    writing, (other,) = wait_for(lambda: writer(system), what="a writer")
    before = taken(system)
    writing.kill()
    put(system, *(record("test.takeover", f"T-{i}") for i in range(20)))
    wait_within(lambda: other.health() == "serving", 5, "the take-over")
    wait_for(lambda: last(system) == before + 20, 5, "the records")
    writing.start()
    wait_for(lambda: writing.health() == "standby", 5, "the old writer standing by")
    verify(system)


@test("a writer that was stopped and wakes up appends nothing twice")
def stopped(system):
    writing, (other,) = wait_for(lambda: writer(system), what="a writer")
    before = taken(system)
    writing.pause()
    try:
        put(system, *(record("test.stopped", f"S-{i}") for i in range(10)))
        # PostgreSQL ends the sleeper's sessions, as it does when a network is gone.
        system.sql("select pg_terminate_backend (pid) from pg_stat_activity where application_name = 'jeton-auditor-writer' and pid in"
                   " (select pid from pg_locks where locktype = 'advisory' and granted)")
        wait_for(lambda: last(system) == before + 10, 5, "the records")
    finally:
        writing.resume()
    wait_for(lambda: writing.health() == "standby" and other.health() == "serving", 5, "the other writing")
    put(system, record("test.stopped", "S-10"))
    wait_for(lambda: last(system) == before + 11, 5, "the next record")
    verify(system)


WAITING = "select query from pg_stat_activity where application_name = 'jeton-auditor-writer' and wait_event_type = 'Lock'"


def at_step(system, lock, waits, event, deed):
    """Do it while the writer's statement that begins with `waits` is running, and cannot end before the lock is given up."""
    writing, _ = wait_for(lambda: writer(system), what="a writer")
    others = [auditor for auditor in system.of_kind("auditor") if auditor is not writing]
    end = taken(system)
    print(f"# {deed} while it waits to {waits.lower()}")
    writing.pause()  # so that it finds what is put there under the lock
    put(system, *(record(event, f"P-{i}") for i in range(3)))
    with subprocess.Popen(["psql", "-XAtq", system.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        holder.stdin.write(f"begin; {lock}; select 'held';\n")
        holder.stdin.flush()
        while holder.stdout.readline().strip() != "held":
            pass
        writing.resume()
        wait_for(lambda: system.sql(WAITING).strip().startswith(waits), 5, f"the writer waiting to {waits}")
        if deed == "kill -9 of the auditor":
            writing.kill()
        elif deed == "the connection ends":
            system.sql("select pg_terminate_backend (pid) from pg_stat_activity where application_name = 'jeton-auditor-writer' and wait_event_type = 'Lock'")
        else:
            system.postgres.restart("immediate")
        holder.stdin.close()
    wait_for(lambda: taken(system) == end + 3, 10, "the records")
    # The statement of the one that was killed has ended as it would have: whoever takes over begins behind it.
    expect_equal(system.sql(f"select string_agg (object_id, ' ' order by sequence) from trail where sequence > {end}").strip(), "P-0 P-1 P-2")
    if not writing.running():
        expect(wait_for(lambda: writer(system), what="the next writer")[0] in others, "nobody else took over")
        writing.start()


@test("the writer ends at each step of a batch, or its connection, or the database: the records are there once, in order, and signed")
def steps(system):
    for auditor in system.of_kind("auditor"):
        auditor.stop()
        auditor.start()
    kill, end, crash = "kill -9 of the auditor", "the connection ends", "a crash of PostgreSQL"
    for step, (lock, waits, deeds) in enumerate((("lock table trail in share mode", "INSERT INTO trail", (kill,)),
                                                 ("select from outbox for update", "DELETE FROM outbox", (kill, end, crash)),
                                                 ("lock table checkpoints in share mode", "INSERT INTO checkpoints", (kill, crash)))):
        for deed in deeds:
            at_step(system, lock, waits, f"test.step-{step}", deed)
    covered(system)
    verify(system)


@test("kill -9 of the auditors in the middle of 500 changes, again and again: none lost, none twice, order kept")
def killed(system):
    before = taken(system)
    for auditor in system.of_kind("auditor"):  # a transaction for each record, so that it takes a while
        auditor.stop()
        auditor.settings.update(outbox_batch=1, outbox_poll_ms=1)
        auditor.start()
    hits = 0
    for chunk in range(10):
        rows = [record("test.killed", f"K-{i % 7}", i) for i in range(chunk * 50, chunk * 50 + 50)]
        filling = threading.Thread(target=put, args=(system, *rows), kwargs={"pause": 0.003})
        goal = last(system) + random.randint(1, 25)
        filling.start()
        wait_for(lambda g=goal: last(system) >= g, 10, "progress")
        for auditor in system.of_kind("auditor"):  # both, so that nobody takes over
            auditor.kill()
        filling.join()
        hits += last(system) < before + chunk * 50 + 50
        if chunk == 5:
            system.postgres.restart("immediate")
        for auditor in system.of_kind("auditor"):
            auditor.start(wait=False)
        wait_for(lambda c=chunk: last(system) >= before + c * 50 + 25, 10, "the next writer")
    wait_for(lambda: last(system) == before + 500 and number(system, "count (*) from outbox") == 0, 10, "500 records")
    print(f"# {hits} of 10 kills came in the middle")
    expect(hits > 0, "no kill came in the middle")
    for auditor in system.of_kind("auditor"):
        auditor.wait_healthy()
    revisions = collections.defaultdict(list)
    for row in reversed(system.cli("audit", "list", "--event", "test.killed", "--all", timeout=60)):
        revisions[row["object"]["id"]].append(row["object"]["revision"])
    expect(sorted(sum(revisions.values(), [])) == list(range(500)), f"records lost or twice: {revisions}")
    for object_id, seen in revisions.items():
        expect_equal(seen, sorted(seen), f"the order of {object_id}")
    verify(system)
    for auditor in system.of_kind("auditor"):
        auditor.stop()
        auditor.settings.update(outbox_batch=256, outbox_poll_ms=20)
        auditor.start()


# ---- tails ----

def tail(system, *arguments):
    return subprocess.Popen([f"{BUILD}/bin/jeton", "--json", "audit", "tail", *map(str, arguments)], stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=system.directory, env=system.environment())


def tailed(process, timeout=20):
    out, error = process.communicate(timeout=timeout * SLOW)
    expect_equal(process.returncode, 0, f"the tail's exit status; {error[-400:]}")
    return [json.loads(line) for line in out.splitlines()]


@test("a tail resumes after a given record without a gap, and goes on with what is appended")
def tails(system):
    end = taken(system)
    process = tail(system, "--after", 5, "--count", end - 5 + 3)
    put(system, *(record("test.tailed", f"L-{i}") for i in range(3)))
    rows = tailed(process)
    expect_equal([row["sequence"] for row in rows], list(range(6, end + 4)))


@test("a tail of one account shows only its records")
def tail_account(system):
    want = [row["id"] for row in reversed(system.cli("audit", "list", "--account", system.account))]
    rows = tailed(tail(system, "--after", 0, "--account", system.account, "--count", len(want)))
    expect_equal([row["id"] for row in rows], want)


@test("a tail goes on through kill -9 of the auditors and a restart of the database")
def tail_survives(system):
    end = taken(system)
    process = tail(system, "--after", end, "--count", 30)
    put(system, *(record("test.survives", f"V-{i}") for i in range(10)))
    taken(system)
    for auditor in system.of_kind("auditor"):
        auditor.kill()
    put(system, *(record("test.survives", f"V-{i}") for i in range(10, 20)))
    for auditor in system.of_kind("auditor"):
        auditor.start()
    taken(system)
    system.postgres.restart("immediate")
    put(system, *(record("test.survives", f"V-{i}") for i in range(20, 30)))
    rows = tailed(process, 30)
    expect_equal([row["sequence"] for row in rows], list(range(end + 1, end + 31)))
    expect_equal([row["object"]["id"] for row in rows], [f"V-{i}" for i in range(30)])


# ---- rows that are no records ----

@test("an outbox row that is no record is kept with its bytes, and stops nobody")
def unreadable(system):
    before = taken(system)
    long_id = record("test.long", "x" * 5000)
    put(system, record("test.before", "U-1"), b"\xff\xff\xff", field(3, b"\xff\xfe"), long_id, field(8, 2147483647), record("test.after", "U-2"))
    wait_for(lambda: last(system) == before + 6, 5, "six records")
    rows = [row.split("|") for row in system.sql(f"select event, object_id from trail where sequence > {before} order by sequence").splitlines()]
    bad = ["platform.audit.record.unreadable", ""]
    expect_equal(rows, [["test.before", "U-1"], bad, bad, bad, bad, ["test.after", "U-2"]])
    kept = system.sql(f"select record from trail where sequence = {before + 4}")
    expect(long_id.hex() in kept, "the bytes are not kept")
    logged = sum(a.log().count("an outbox row could not be read") for a in system.of_kind("auditor"))
    expect_equal(logged, 4, "lines in the log")
    expect_equal(len(system.cli("audit", "list", "--event", "platform.audit.record.unreadable")), 4)
    verify(system)


# ---- verification ----

@test("an exported file verifies offline, without any process")
def export(system):
    end = covered(system)
    path = system.path("trail.jsonl")
    system.jeton("audit", "export", "--output", path, check=0)
    with open(path, encoding="utf-8") as f:
        lines = f.read().splitlines()
    entries = [line for line in lines if "checkpoint" not in json.loads(line)]
    expect_equal(len(entries), end, "entries in the file")
    expect_equal(len(lines) - len(entries), number(system, "count (*) from checkpoints"), "checkpoints in the file")
    environment = {"JETON_AUDITOR": "tcp://127.0.0.1:1"}
    verify(system, path, "--key", f"{system.keys}/checkpoint.pub")
    system.jeton("audit", "verify", path, check=0, environment=environment)
    # One character of one record, and a line that is gone.
    middle = lines.index(entries[end // 2])
    sequence = json.loads(entries[end // 2])["sequence"]
    changed = json.loads(lines[middle])
    packed = changed["record"]
    changed["record"] = packed[:20] + ("A" if packed[20] != "A" else "B") + packed[21:]
    for name, text in (("changed", [*lines[:middle], json.dumps(changed), *lines[middle + 1:]]), ("cut", lines[:middle] + lines[middle + 1:])):
        with open(system.path(f"{name}.jsonl"), "w", encoding="utf-8") as f:
            f.write("\n".join(text) + "\n")
        verify(system, system.path(f"{name}.jsonl"), holds=False, names=audit_id(sequence))
    os.unlink(path)


def tampered(system, what, sequence, statement, undo):
    verify(system)
    system.sql(statement)
    try:
        run = system.jeton("audit", "verify")
        expect_equal(run.returncode, 1, f"verify after {what}")
        text = run.stdout + run.stderr
        expect(audit_id(sequence) in text, f"after {what}, verify does not name {audit_id(sequence)}: {text.strip()}")
    finally:
        system.sql(undo)


@test("one byte of one row changed by the owner of the database: verify fails and names the record")
def changed_byte(system):
    end = covered(system)
    system.sql("create table kept as select * from trail; create table kept_checkpoints as select * from checkpoints")
    undo = "begin; delete from trail; insert into trail select * from kept; delete from checkpoints; insert into checkpoints select * from kept_checkpoints; commit"
    for sequence in (1, end // 2, end):
        here = f"where sequence = {sequence}"
        offset = random.randrange(number(system, f"length (record) from trail {here}"))
        print(f"# byte {offset} of record {sequence}")
        for what, change in (("a byte of a record", f"record = set_byte (record, {offset}, get_byte (record, {offset}) # 1)"),
                             ("a byte of a digest", "digest = set_byte (digest, 31, get_byte (digest, 31) # 1)"),
                             ("an event", "event = event || 'x'"), ("an object", "object_id = object_id || '1'"), ("an actor", "actor_id = 'mallory'"),
                             ("an account", "account_id = 'ACC-9999-9999'"), ("a time", "time_us = time_us + 1"), ("a visibility", "visibility = 3 - visibility")):
            tampered(system, f"changing {what} of {sequence}", sequence, f"update trail set {change} {here}", undo)
    tampered(system, "deleting the last row", end, f"delete from trail where sequence = {end}", undo)
    tampered(system, "deleting a row in the middle", end // 2, f"delete from trail where sequence = {end // 2}", undo)
    tampered(system, "swapping two rows", end // 2, f"update trail set sequence = -1 where sequence = {end // 2};"
             f" update trail set sequence = {end // 2} where sequence = {end // 2 + 1}; update trail set sequence = {end // 2 + 1} where sequence = -1", undo)
    middle = number(system, "sequence from checkpoints order by sequence offset 1 limit 1")
    for what, change in (("a signature", "signature = set_byte (signature, 5, get_byte (signature, 5) # 1)"), ("a checkpoint's digest",
                         "digest = set_byte (digest, 0, get_byte (digest, 0) # 1)"), ("a checkpoint's time", "time_us = time_us + 1"),
                         ("a key's id", "key_id = set_byte (key_id, 0, get_byte (key_id, 0) # 1)")):
        tampered(system, f"changing {what}", middle, f"update checkpoints set {change} where sequence = {middle}", undo)
    # A changed record whose digests were all worked out again: only the signatures tell.
    tampered(system, "rewriting the end with right digests", end,
             f"update trail set record = record || '\\x1800'::bytea, digest = sha256 ((select digest from trail where sequence = {end - 1}) || record || '\\x1800'::bytea)"
             f" where sequence = {end}", undo)
    verify(system)
    expect_equal(last(system), end)


@test("a trail that was cut is told of by the writer, and appending to it hides nothing")
def cut(system):
    end = covered(system)
    known = system.cli("audit", "verify")
    expect_equal(known["covered"], end)
    undo = "begin; delete from trail; insert into trail select * from kept; delete from checkpoints; insert into checkpoints select * from kept_checkpoints; commit"
    for auditor in system.of_kind("auditor"):
        auditor.stop()
    system.sql(f"delete from trail where sequence > {end - 3}")
    for auditor in system.of_kind("auditor"):
        auditor.start()
    wait_for(lambda: any("it was cut" in a.log() for a in system.of_kind("auditor")), 5, "the line in the log")
    put(system, *(record("test.cut", f"C-{i}") for i in range(5)))
    taken(system)
    verify(system, holds=False, names=audit_id(end))
    # A database that was set back to an earlier state has no checkpoint either that would tell; what was kept outside does.
    for auditor in system.of_kind("auditor"):
        auditor.stop()
    system.sql(undo)
    system.sql(f"delete from trail where sequence > {end - 3}; delete from checkpoints where sequence > {end - 3}")
    for auditor in system.of_kind("auditor"):
        auditor.start()
    put(system, *(record("test.set-back", f"B-{i}") for i in range(5)))
    covered(system)
    verify(system, "--reaches", str(end))
    verify(system, "--reaches", f"{end}:{known['digest']}", holds=False, names=audit_id(end))
    for auditor in system.of_kind("auditor"):
        auditor.stop()
    system.sql(undo)
    for auditor in system.of_kind("auditor"):
        auditor.start()
    verify(system)


@test("the auditor's own role can neither change nor delete what is in the trail")
def rights(system):
    for statement in ("update trail set event = 'x'", "delete from trail", "truncate trail", "update checkpoints set time_us = 0", "delete from checkpoints",
                      "insert into outbox (record) values ('')", "update outbox set record = ''", "select * from tokens", "drop table trail"):
        status, _, error = system.sql(statement, role="auditor", check=False)
        expect(status != 0 and ("permission denied" in error or "must be owner" in error), f"{statement}: {error or 'was done'}")


@test("at the end a checkpoint covers the rest, and the next writer goes on from there")
def graceful(system):
    for auditor in system.of_kind("auditor"):
        auditor.stop()
        auditor.settings["checkpoint_interval_s"] = 86400
    system["auditor"].start()
    wait_for(lambda: system["auditor"].health() == "serving", 5, "the writer")
    put(system, *(record("test.graceful", f"G-{i}") for i in range(3)))
    end = taken(system)
    expect(number(system, "max (sequence) from checkpoints") < end, "the checkpoint came too early")
    system["auditor"].stop()
    expect_equal(number(system, "max (sequence) from checkpoints"), end, "the last checkpoint")
    for auditor in system.of_kind("auditor"):
        auditor.settings["checkpoint_interval_s"] = 1
        auditor.start()
    put(system, record("test.graceful", "G-3"))
    expect_equal(covered(system), end + 1)
    verify(system, "--reaches", str(end + 1))


@test("the checkpoints' key is replaced: with the old one behind the new, verification goes on; alone, neither knows all")
def replaced(system):
    old, new = f"{system.keys}/checkpoint.pub", f"{system.path('new-keys')}/checkpoint.pub"
    end = covered(system)
    system.jeton("keys", "init", os.path.dirname(new), check=0)
    with open(old, encoding="ascii") as f, open(new, "a", encoding="ascii") as g:
        g.write(f.read())
    system.jeton("keys", "init", os.path.dirname(new), check=0)  # it knows its own still
    told = system.cli("audit", "verify", "--key", new)
    expect_equal((told["ok"], told["covered"]), (True, 0))
    for auditor in system.of_kind("auditor"):
        auditor.stop()
        auditor.settings["checkpoint_key"] = f"{os.path.dirname(new)}/checkpoint.key"
        auditor.start()
    put(system, record("test.replaced", "R-1"))
    expect_equal(covered(system), end + 1)
    verify(system, "--key", new, "--reaches", str(end + 1))
    verify(system, holds=False, names=f"{audit_id(end + 1)}: its checkpoint was signed with another key")
    with open(new, encoding="ascii") as f, open(system.path("alone.pub"), "w", encoding="ascii") as g:
        g.write(f.readline())
    verify(system, "--key", system.path("alone.pub"), holds=False, names="signed with another key")


main(two_auditors)
