#!/usr/bin/python3
"""import.py [LINES]: how fast, and in how much memory, that many tokens (1,000,000) are imported, imported again, and exported.

A system of its own, as the scenarios have; PostgreSQL with fsync and synchronous_commit. Files and database need about 3 KB a token below /tmp."""
import hashlib
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scenario"))
from harness import BUILD, System, expect, expect_equal  # noqa: E402


def write(path, n):
    with open(path, "w", encoding="ascii") as f:
        for i in range(n):
            f.write(json.dumps({"digest": hashlib.sha256(f"sk_live_{i}".encode()).hexdigest(), "name": f"Token {i}", "kind": "service",
                                "modules": [{"module": "orders", "access": "read"}, {"module": "stock", "access": "write"}]}) + "\n")


def jeton(system, *arguments):
    """Seconds, peak memory in MiB, and what it printed."""
    started = time.monotonic()
    run = subprocess.Popen([f"{BUILD}/bin/jeton", "--json", "--timeout", "60", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           cwd=system.directory, env=system.environment())
    out = run.stdout.read()
    _, status, usage = os.wait4(run.pid, 0)
    run.returncode = status
    expect_equal(status, 0, run.stderr.read().decode()[-500:])
    return time.monotonic() - started, usage.ru_maxrss / 1024, out


def peak(system):
    with open(f"/proc/{system['admin'].process.pid}/status", encoding="ascii") as f:
        return next(int(row.split()[1]) for row in f if row.startswith("VmHWM")) / 1024


def report(what, n, seconds, mib, system):
    print(f"{what:16} {n:>9,} tokens  {seconds:7.1f} s  {n / seconds:>8,.0f}/s   at most {mib:.0f} MiB, admin {peak(system):.0f} MiB", flush=True)


def main(n):
    system = System({"issuer": 0, "auditor": 0, "validator": 0}, postgres={"fsync": "on", "shared_buffers": "256MB", "max_wal_size": "4GB"})
    try:
        for module in ("orders", "stock"):
            system.cli("module", "create", module)
        account = system.cli("account", "create", "--name", "Million", "--token-limit", n, "--module", "orders", "--module", "stock")["id"]
        path = system.path("tokens.jsonl")
        write(path, n)
        for what, created in (("imported", n), ("imported again", 0)):
            seconds, mib, out = jeton(system, "token", "import", path, "--account", account, "--prefix", "sk_live_")
            expect_equal((json.loads(out)["created"], json.loads(out)["lines"]), (created, n))
            report(what, n, seconds, mib, system)
        seconds, mib, _ = jeton(system, "token", "export", "--account", account, "--output", system.path("export.jsonl"))
        with open(system.path("export.jsonl"), "rb") as f:
            expect_equal(sum(1 for _ in f), n)
        report("exported", n, seconds, mib, system)
        expect_equal(system.sql("select count(*), (select count(*) from outbox where position('token.imported'::bytea in record) > 0) from tokens"), f"{n}|{n}")
        system.finish()
    finally:
        system.destroy()


main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000000)
