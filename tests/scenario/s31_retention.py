#!/usr/bin/python3
"""Retention of the trail: partitions made and dropped by the auditor, and a chain that stays provable, whoever dies and whoever tampers (R38, R41)."""
import json
import os
import random
import shutil
import subprocess
import threading

from harness import PATIENCE, TOP, Service, System, expect, expect_equal, main, test, wait_for
from trail import audit_id, covered, field, last, number, put, record, taken, verify, writer

SETTINGS = {"checkpoint_interval_s": 1, "outbox_poll_ms": 20, "tail_poll_ms": 20, "outbox_batch": 5,
            "trail_partition_records": 20, "trail_retention_days": 30}


def two_auditors():
    return System({"auditor": 2, "issuer": 0, "validator": 0}, {"auditor": SETTINGS})


def fill(system, n, name):
    put(system, *(record("test.filled", f"{name}-{i}", i) for i in range(n)))
    return taken(system)


def partitions(system):
    """[(first, next)], oldest first; next of the open one is 0."""
    rows = system.sql("select first, coalesce (next, 0) from partitions where parent = 'trail' order by first")
    return [tuple(map(int, row.split("|"))) for row in rows.splitlines()]


def drops(system):
    return number(system, "count (*) from trail_drops")


def age(system, days, what="closed_at is not null"):
    """As if it had been closed that many days ago."""
    system.sql(f"update partitions set opened_at = opened_at - interval '{days} days', closed_at = closed_at - interval '{days} days' where {what}")


def restart(system, **settings):
    for auditor in system.of_kind("auditor"):
        auditor.stop()
        auditor.settings.update(settings)
        auditor.start()
    wait_for(lambda: writer(system), what="one writer and one standby")


@test("the trail goes on in a new partition after so many records, each closed one ends with a checkpoint, and nothing else changes")
def made(system):
    end = fill(system, 90, "M")
    wait_for(lambda: len(partitions(system)) >= 4, 5, "partitions")
    parts = partitions(system)
    for (first, following), (after, _) in zip(parts, parts[1:]):
        expect_equal(following, after, "the number that the next partition begins with")
        expect(20 <= following - first < 30, f"a partition of {following - first} records")
        expect_equal(number(system, f"count (*) from checkpoints join trail using (sequence, digest) where sequence = {following - 1}"), 1,
                     f"checkpoint of {following - 1}")
    expect_equal(system.sql("select string_agg (sequence::text, ',' order by sequence) from trail"), ",".join(map(str, range(1, end + 1))))
    rows = system.cli("audit", "list", "--all")
    expect_equal([row["sequence"] for row in rows], list(range(end, 0, -1)))
    expect_equal(len(system.cli("audit", "list", "--object", "M-7")), 1)
    verify(system)


@test("a trail of before partitions is taken over as it is, and verifies")
def upgraded(system):
    end = covered(system)
    old = system.path("schema")
    os.mkdir(old)
    for name in sorted(os.listdir(f"{TOP}/deploy/schema")):
        if int(name[:4]) < number_of_partitions():
            shutil.copy(f"{TOP}/deploy/schema/{name}", old)
    system.sql("create database old")
    url = system.url.replace("dbname=jeton", "dbname=old")
    expect(url != system.url, system.url)
    system.jeton("db", "migrate", "--url", url, "--schema", old, check=0)
    for table in ("trail", "checkpoints"):
        path = f"{system.postgres.directory}/{table}.copy"
        system.sql(f"copy (select * from {table} order by sequence) to '{path}'")
        system.postgres.sql(f"copy {table} from '{path}'", database="old")
    system.jeton("db", "migrate", "--url", url, check=0)
    for auditor in system.of_kind("auditor"):
        auditor.stop()
    service = Service(system, "auditor", "auditor-old", {**SETTINGS, "trail_partition_records": 1000000})
    service.settings["database_url"] = service.settings["database_url"].replace("dbname=jeton", "dbname=old")
    service.start(wait=False)
    environment = {"JETON_AUDITOR": service.endpoint}
    try:
        wait_for(lambda: system.jeton("audit", "verify", environment=environment).returncode == 0, 10, "the verification")
        shown = system.cli("audit", "verify", "--reaches", end, environment=environment)
        expect_equal((shown["records"], shown["dropped"]), (end, 0))
        system.postgres.sql(f"insert into outbox (record) values ('\\x{record('test.upgraded', 'X').hex()}')", database="old")
        wait_for(lambda: system.cli("audit", "verify", environment=environment)["records"] == end + 1, 5, "one more")
    finally:
        service.stop()
    restart(system)


def number_of_partitions():
    """The number of the schema's file that brings partitions."""
    return next(int(name[:4]) for name in os.listdir(f"{TOP}/deploy/schema") if name.endswith("_partitions.sql"))


@test("the auditor's role can drop nothing that is young, open, not the oldest or without a checkpoint, and nothing at all by itself")
def rights(system):
    (first, following), (_, second), *_ = partitions(system)
    told = last(system)

    def refused(statement, why):
        status, _, error = system.sql(statement, role="auditor", check=False)
        expect(status != 0 and why in error, f"{statement}: {error or 'was done'}")
    drop = f"select trail_partition_drop ({{}}, {following - 1}, {told})"
    refused(drop.format(0), "does not tell of the drop")
    system.sql(f"update trail set event = 'platform.audit.trail.dropped' where sequence = {told}")
    try:
        refused(drop.format(0), "was not closed 30 days ago")
        refused(drop.format(-1000), "was not closed 30 days ago")
        age(system, 29)
        refused(drop.format(1), "was not closed 30 days ago")
        age(system, -29)
        age(system, 300)
        refused(drop.format(1000), "was not closed 1000 days ago")
        system.sql("update partitioned_tables set keep_days_min = 365")
        refused(drop.format(0), "was not closed 365 days ago")
        system.sql("update partitioned_tables set keep_days_min = 30")
        refused(f"select trail_partition_drop (30, {second - 1}, {told})", "does not end with record")
        refused(f"select trail_partition_drop (30, {told}, {told})", "does not end with record")
        system.sql(f"update checkpoints set digest = sha256 ('') where sequence = {following - 1}")
        refused(drop.format(30), "no checkpoint stands for")
        system.sql(f"update checkpoints set digest = (select digest from trail where sequence = {following - 1}) where sequence = {following - 1}")
    finally:
        system.sql(f"update trail set event = 'test.filled' where sequence = {told}")
        age(system, -300)
    refused(f"select partition_drop ('trail', 'trail_{first}', 30)", "permission denied")
    for statement in (f"drop table trail_{first}", f"alter table trail detach partition trail_{first}", "drop table trail"):
        refused(statement, "must be owner")
    for statement in (f"delete from trail_{first}", f"select * from trail_{first}", f"insert into trail_{second} select * from trail",
                      "update partitions set closed_at = '2000-01-01'", "delete from partitions", "update partitioned_tables set keep_days_min = 30",
                      "delete from trail_drops", "insert into trail_drops select 1, 1, '', 1", "update trail_drops set record = 1"):
        refused(statement, "permission denied")
    verify(system)


@test("what is old enough is dropped, a record of the chain tells of it, and the rest verifies from there on")
def dropped(system):
    parts = partitions(system)
    kept_first = parts[2][0]
    system.file = system.path("before.jsonl")
    system.jeton("audit", "export", "--output", system.file, check=0)
    age(system, 31, f"first < {kept_first}")
    restart(system)
    wait_for(lambda: drops(system) == 2, 5, "two drops")
    taken(system)
    expect_equal(partitions(system)[0][0], kept_first)
    expect_equal(number(system, "min (sequence) from trail"), kept_first)
    rows = system.cli("audit", "list", "--event", "platform.audit.trail.dropped")
    expect_equal([(row["before"]["first"], row["before"]["last"]) for row in rows], [(parts[1][0], parts[1][1] - 1), (1, parts[0][1] - 1)])
    expect_equal((rows[0]["actor"]["id"], rows[0]["object"]["id"], rows[0]["visibility"]), ("auditor", audit_id(kept_first - 1), "private"))
    # Of the checkpoints of what was dropped, those stay that stand for it.
    expect_equal(system.sql(f"select sequence from checkpoints where sequence < {kept_first} order by 1").split(), [str(n - 1) for _, n in parts[:2]])
    end = covered(system)
    run = system.jeton("audit", "verify", check=0)
    expect(f"Records 1 to {kept_first - 1} were dropped; the checkpoint of {audit_id(kept_first - 1)} stands for them. "
           f"Verified from number {kept_first} on." in run.stdout, run.stdout)
    shown = system.cli("audit", "verify")
    expect_equal((shown["ok"], shown["records"], shown["dropped"], shown["covered"]), (True, end - kept_first + 1, kept_first - 1, end))
    verify(system, "--reaches", str(end))


@test("exports begin with what stands for the dropped part, and verify offline; a file of before still does")
def exported(system):
    end, first = covered(system), partitions(system)[0][0]
    path = system.path("after.jsonl")
    system.jeton("audit", "export", "--output", path, check=0)
    with open(path, encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    expect_equal([line["dropped"]["last"] for line in lines if "dropped" in line], [lines[0]["dropped"]["last"], first - 1])
    expect_equal([line["sequence"] for line in lines if "record" in line], list(range(first, end + 1)))
    for auditor in system.of_kind("auditor"):
        auditor.stop()
    environment = {"JETON_AUDITOR": "tcp://127.0.0.1:1"}
    for name in (path, system.file):
        system.jeton("audit", "verify", name, "--key", f"{system.keys}/checkpoint.pub", check=0, environment=environment)
    # Somebody has changed the file.
    for what, names, change in (("no drops", audit_id(1), lambda l: l[2:]), ("the second drop alone", audit_id(1), lambda l: l[1:]),
                                ("the first drop alone", audit_id(lines[1]["dropped"]["first"]), lambda l: l[:1] + l[2:]),
                                ("the first record gone", audit_id(first), lambda l: l[:2] + l[3:]),
                                ("a drop in the middle", audit_id(first + 1), lambda l: l[:3] + [l[1]] + l[3:]),
                                ("a longer drop", audit_id(1), lambda l: [{"dropped": {**l[0]["dropped"], "last": l[0]["dropped"]["last"] + 1}}] + l[1:]),
                                ("a drop without a checkpoint", audit_id(1), lambda l: [{"dropped": {**l[0]["dropped"], "checkpoint": None}}] + l[1:]),
                                ("an end before the beginning", audit_id(1), lambda l: [{"dropped": {**l[0]["dropped"], "last": -5}}] + l[1:]),
                                ("no record tells of it", audit_id(first - 1),
                                 lambda l: l[:1] + [{"dropped": {**l[1]["dropped"], "record": first}}] + l[2:])):
        changed = system.path("changed.jsonl")
        with open(changed, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(line) + "\n" for line in change(lines))
        print("#", what)
        run = system.jeton("audit", "verify", changed, check=1, environment=environment)
        expect(names in run.stderr, f"{what}: {run.stderr.strip()}")
    for text in ('{"dropped": {}}', '{"dropped": 1}', '{"dropped": {"first": "x"}}'):
        with open(changed, "w", encoding="utf-8") as f:
            f.write(text + "\n")
        system.jeton("audit", "verify", changed, check=1, environment=environment)
    for auditor in system.of_kind("auditor"):
        auditor.start()


@test("who asks for what was dropped is told so, and what is kept from")
def asked(system):
    first = partitions(system)[0][0]
    run = system.jeton("audit", "show", audit_id(3))
    expect(run.returncode != 0 and "was dropped" in run.stderr, run.stderr)
    run = system.jeton("audit", "tail", "--after", 3, "--count", 1)
    expect(run.returncode != 0 and f"the first one kept is {audit_id(first)}" in run.stderr and "OUT_OF_RANGE" in run.stderr, run.stderr)
    for after in (0, first - 1):
        out = system.jeton("--json", "audit", "tail", "--after", after, "--count", 2, check=0).stdout.splitlines()
        expect_equal([json.loads(line)["sequence"] for line in out], [first, first + 1], f"tail after {after}")


def tampered(system, what, names, statement, undo):
    print("#", what)
    verify(system)
    system.sql(statement)
    try:
        verify(system, holds=False, names=names)
    finally:
        system.sql(undo)


@test("what the owner of the database changes about what was dropped shows")
def hostile(system):
    covered(system)
    for auditor in system.of_kind("auditor"):  # no checkpoint comes in between
        auditor.settings["checkpoint_interval_s"] = 86400
    restart(system)
    system.sql("create table kept_drops as select * from trail_drops; create table kept_checkpoints as select * from checkpoints")
    undo = ("begin; delete from trail_drops; insert into trail_drops select * from kept_drops;"
            " delete from checkpoints; insert into checkpoints select * from kept_checkpoints; commit")
    one, two = (int(n) for n in system.sql("select last from trail_drops order by last").split())
    end = last(system)
    tampered(system, "the first drop gone", audit_id(1), f"delete from trail_drops where last = {one}", undo)
    tampered(system, "the last drop gone", audit_id(two), f"delete from trail_drops where last = {two}", undo)
    tampered(system, "all drops gone", audit_id(one), "delete from trail_drops", undo)
    tampered(system, "another beginning", audit_id(1), f"update trail_drops set first = 2 where last = {one}", undo)
    tampered(system, "another digest before", audit_id(one + 1), f"update trail_drops set digest_before = sha256 ('') where last = {two}", undo)
    tampered(system, "another record", audit_id(two), f"update trail_drops set record = record - 1 where last = {two}", undo)
    tampered(system, "no such record", audit_id(two), f"update trail_drops set record = 1000000 where last = {two}", undo)
    tampered(system, "a checkpoint gone", audit_id(1), f"delete from checkpoints where sequence = {one}", undo)
    for what, change in (("a signature", "signature = set_byte (signature, 5, get_byte (signature, 5) # 1)"), ("a digest", "digest = sha256 ('')"),
                         ("a time", "time_us = time_us + 1"), ("a key", "key_id = '\\x0000000000000000'")):
        tampered(system, f"{what} of the checkpoint", audit_id(two), f"update checkpoints set {change} where sequence = {two}", undo)
    # Records are hidden as if they had been dropped, with the checkpoint that they really have.
    hidden = number(system, f"min (sequence) from checkpoints where sequence > {two}")
    system.sql(f"create table hidden as select * from trail where sequence <= {hidden}")
    tampered(system, "records that were not dropped are gone", audit_id(hidden),
             f"delete from trail where sequence <= {hidden}; insert into trail_drops select {hidden}, {two} + 1, digest, {end} from checkpoints where sequence = {two}",
             undo + "; insert into trail select * from hidden")
    # The same, and somebody has put a record into the outbox that tells of it, for the auditor to chain and sign.
    time_us, *bytes_of = system.sql("select c.time_us, encode (c.digest, 'hex'), encode (c.key_id, 'hex'), encode (c.signature, 'hex'), encode (b.digest, 'hex')"
                                    f" from checkpoints c, checkpoints b where c.sequence = {hidden} and b.sequence = {two}").strip().split("|")
    digest, key_id, signature, before = map(bytes.fromhex, bytes_of)
    drop = (field(1, two + 1) + field(2, hidden) + field(3, before)
            + field(4, field(1, hidden) + field(2, digest) + field(3, int(time_us)) + field(4, key_id) + field(5, signature)) + field(5, end + 1))
    put(system, record("platform.audit.trail.dropped", audit_id(hidden)) + field(10, drop))
    expect_equal(taken(system), end + 1)
    expect_equal(system.cli("audit", "list")[0]["event"], "platform.audit.record.unreadable")
    tampered(system, "records that were not dropped are gone, and a forged record tells of it", audit_id(hidden),
             f"delete from trail where sequence <= {hidden}; insert into trail_drops select {hidden}, {two} + 1, digest, {end + 1} from checkpoints where sequence = {two}",
             undo + "; insert into trail select * from hidden")
    tampered(system, "a partition is gone", f"cut after number {two}", f"delete from trail where sequence <= {hidden}", "insert into trail select * from hidden")
    verify(system)
    restart(system, checkpoint_interval_s=1)


@test("a drop that the database refuses is told of, and holds up nothing")
def held(system):
    age(system, 31, f"first = {partitions(system)[0][0]}")
    before, count = taken(system), drops(system)
    holder = subprocess.Popen(["psql", "-Xq", system.url], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        holder.stdin.write("begin; select count (*) from trail; select 1;\n")  # as a backup does
        holder.stdin.flush()
        wait_for(lambda: number(system, "count (*) from pg_locks where relation = 'trail'::regclass and granted") > 0, 5, "the lock")
        restart(system)
        told = "old records cannot be dropped from the trail"
        wait_for(lambda: any(told in auditor.log() for auditor in system.of_kind("auditor")), 10, "the line in the log")
        put(system, record("test.held", "H-1"))
        wait_for(lambda: last(system) == before + 1, 5, "the record")
        expect_equal(drops(system), count)
    finally:
        holder.communicate("rollback;\n", timeout=20 * PATIENCE)
    restart(system)
    wait_for(lambda: drops(system) == count + 1, 5, "the drop")
    verify(system)


@test("an open partition that is not there is made again before anything is appended")
def missing(system):
    restart(system, outbox_batch=1)
    end = taken(system)
    first = partitions(system)[-1][0]
    fill(system, 20 - (end - first + 1), "E")
    wait_for(lambda: partitions(system)[-1][0] == last(system) + 1, 5, "an empty partition")
    end = last(system)
    system.sql(f"drop table trail_{end + 1}")
    put(system, *(record("test.missing", f"N-{i}") for i in range(3)))
    wait_for(lambda: last(system) == end + 3, 10, "the records")
    verify(system)


@test("kill -9 of the auditors while partitions are made and dropped: nothing lost, nothing twice, the chain holds")
def killed(system):
    restart(system, outbox_batch=1, outbox_poll_ms=1, trail_partition_records=3)
    taken(system)
    start, count = map(int, system.sql("select max (sequence), (select count (*) from trail_drops) from trail").split("|"))
    stop = threading.Event()

    def aging():
        while not stop.is_set():
            system.postgres.sql("update partitions set opened_at = opened_at - interval '31 days', closed_at = closed_at - interval '31 days'"
                                " where closed_at > now () - interval '1 day'", check=False)
            stop.wait(0.01)
    thread = threading.Thread(target=aging)
    thread.start()
    try:
        for chunk in range(8):
            rows = [record("test.killed", f"K-{i % 7}", i) for i in range(chunk * 20, chunk * 20 + 20)]
            filling = threading.Thread(target=put, args=(system, *rows), kwargs={"pause": 0.003})
            goal = last(system) + random.randint(1, 15)
            filling.start()
            wait_for(lambda g=goal: last(system) >= g, 10, "progress")
            for auditor in system.of_kind("auditor"):
                auditor.kill()
            filling.join()
            if chunk == 4:
                system.postgres.restart("immediate")
            for auditor in system.of_kind("auditor"):
                auditor.start(wait=False)
        wait_for(lambda: number(system, "count (*) from outbox") == 0, 20, "the taking of the outbox")
        wait_for(lambda: drops(system) - count > 5, 20, "some drops")
    finally:
        stop.set()
        thread.join()
    for auditor in system.of_kind("auditor"):
        auditor.wait_healthy()
    print(f"# {drops(system) - count} drops")
    # What had aged goes on being dropped: both are looked at together.
    others = number(system, "max (sequence) - (select count (*) from trail_drops) from trail")
    expect_equal(others, start - count + 160, "the records but those of drops: one for each that was put")
    verify(system)


@test("a retention that is too short is refused at the start")
def short(system):
    auditor = system["auditor"]
    auditor.stop()
    for days in (1, 29):
        auditor.settings["trail_retention_days"] = days
        auditor.start(wait=False)
        expect_equal(auditor.process.wait(10 * PATIENCE), 78, f"exit status with {days} days")
        expect("trail_retention_days: is" in auditor.log().splitlines()[-1], auditor.log()[-300:])
    auditor.settings["trail_retention_days"] = 0
    auditor.start()


main(two_auditors)
