"""The audit trail as scenarios see it: how far it is, whether it verifies, who writes it, and records put into the outbox by hand."""
import subprocess

from harness import PATIENCE, expect, wait_for


def audit_id(sequence):
    digits = f"{sequence:016d}"
    return "AUD-" + "-".join(digits[i:i + 4] for i in range(0, 16, 4))


def number(system, what):
    return int(system.sql(f"select {what}"))


def last(system):
    return number(system, "coalesce (max (sequence), 0) from trail")


def taken(system):
    """The outbox is empty; gives the last sequence number."""
    wait_for(lambda: number(system, "count (*) from outbox") == 0, 5, "the taking of the outbox")
    return last(system)


def covered(system):
    """All of the trail is under a checkpoint; gives the last sequence number."""
    taken(system)
    wait_for(lambda: number(system, "coalesce (max (sequence), 0) from checkpoints") == last(system), 5, "the checkpoint")
    return last(system)


def verify(system, *arguments, holds=True, names=None):
    run = system.jeton("audit", "verify", *arguments, check=0 if holds else 1)
    if names is not None:
        text = run.stdout + run.stderr
        expect(names in text, f"verify does not name {names}: {text.strip()}")


def writer(system):
    """(the auditor that writes, those that stand by)."""
    auditors = system.of_kind("auditor")
    states = {a: a.health() for a in auditors if a.running()}
    writing = [a for a, state in states.items() if state == "serving"]
    return (writing[0], [a for a, state in states.items() if state == "standby"]) if len(writing) == 1 else None


# ---- packed records by hand, for rows that no service would write ----

def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(tag, value):
    if isinstance(value, int):
        return varint(tag << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(tag << 3 | 2) + varint(len(data)) + data


def record(event, object_id, revision=1):
    return field(3, event) + field(5, field(1, object_id) + field(4, revision)) + field(6, field(1, "test")) + field(7, 1) + field(8, 1)


def put(system, *records, pause=0):
    """Each in a transaction of its own, `pause` seconds after the one before."""
    statements = "".join(f"insert into outbox (record) values ('\\x{r.hex()}');\n" + (f"select pg_sleep ({pause});\n" if pause else "") for r in records)
    path = system.path("outbox.sql")
    with open(path, "w", encoding="ascii") as f:
        f.write(statements)
    subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", path, system.url], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, timeout=60 * PATIENCE)
