#!/usr/bin/python3
"""No loop ever waits: while the database hangs, while passwords are hashed and while a host name does not resolve, each process goes on
answering; and none has a blocking call in it to make."""
# alone
import base64
import os
import signal
import socket
import subprocess
import threading
import time

from harness import BUILD, PATIENCE, SERVICES, SLOW, System, expect, expect_equal, main, test, wait_for
from wire import Dealer, envelope

import admin_pb2
import audit_pb2
import health_pb2
import issuer_pb2
import validator_pb2

# What a loop that hashed one password or waited for one query would by far not keep (Argon2id takes 50 ms and more; the sign-ins below
# come 16 at once). On a loaded machine whoever is ready stands in a queue for a processor for longer: that is taken off.
PROMPT_S = 0.4 * SLOW


def queued_s(*pids):
    """For how long the first threads of these processes and ZeroMQ's, through which questions and answers go, were ready and had no processor. A thread that sleeps, or works, is in no queue."""
    queued = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/comm", encoding="utf-8") as f:
                name = f.read()
            if int(task) == pid or name.startswith("ZMQbg"):
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                    queued += int(f.read().split()[1])
    return queued / 1e9


def slowest_health(dealer, service, seconds):
    """The longest that Health/Check took of a process that has processors, asked again and again."""
    slowest, until, pids = 0.0, time.monotonic() + seconds, (service.process.pid, os.getpid())
    while time.monotonic() < until:
        queued, began = queued_s(*pids), time.monotonic()
        reply = dealer.call("jeton.v1.Health/Check", health_pb2.CheckRequest(), timeout=10)
        expect(reply is not None and reply.code == envelope.CODE_OK, "Health does not answer")
        took = time.monotonic() - began
        slowest = max(slowest, took - (queued_s(*pids) - queued))
        time.sleep(0.01)
    return slowest


def database_processes(system):
    """The server's own process and its children."""
    pids, parent = [system.postgres.process.pid], str(system.postgres.process.pid)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                if f.read().rsplit(")", 1)[1].split()[1] == parent:
                    pids.append(int(pid))
        except OSError:
            continue
    return pids


@test("while PostgreSQL hangs every process answers, nothing is decided, and all goes on when it does")
def database_hangs(system):
    made = system.cli("token", "create", "--account", system.account, "--name", "x", "--kind", "service", "--module", "orders:read")
    dealers = {name: Dealer(system, service) for name, service in system.services.items()}
    for name, dealer in dealers.items():
        slowest_health(dealer, system[name], 0.1)
    stopped = database_processes(system)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        request = validator_pb2.ValidateRequest(token=made["value"], module="orders")
        pending = [dealers["validator"].send("jeton.v1.Validator/Validate", request, timeout_ms=1000) for _ in range(100)]
        for name in ("admin", "issuer", "auditor", "validator"):
            slowest = slowest_health(Dealer(system, system[name]), system[name], 0.7)
            print(f"# {name}: slowest health while the database hangs: {slowest * 1000:.0f} ms")
            expect(slowest < PROMPT_S, f"{name} took {slowest:.2f} s to tell its health")
        for _ in pending:
            reply = dealers["validator"].receive(5)
            expect(reply is not None, "a validation was not answered")
            if reply.code == envelope.CODE_OK:
                expect_equal(validator_pb2.ValidateReply.FromString(reply.body).status, 503, "what is decided without facts")
            else:
                expect_equal(envelope.Code.Name(reply.code), "CODE_DEADLINE_EXCEEDED")
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    wait_for(lambda: system.cli("validate", "--module", "orders", input=made["value"], check=None)[0] == 0, 5, "validations")
    for dealer in dealers.values():
        dealer.close()


def statistic(dealer, name):
    reply = dealer.call("jeton.v1.Stats/Get", health_pb2.GetStatsRequest())
    return {row.name: row.value for row in health_pb2.GetStatsReply.FromString(reply.body).stats}[name]


def with_unknown_key(kid):
    header = b'{"alg":"ES256","typ":"at+jwt","kid":"%s"}' % kid.encode()
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, b"{}", b"s" * 64))


@test("a second signal ends a process at once, whatever it is waiting for")
def ended_at_once(system):
    made = system.cli("token", "create", "--account", system.account, "--name", "y", "--kind", "service", "--module", "orders:read")

    def validation(token):
        return "jeton.v1.Validator/Validate", validator_pb2.ValidateRequest(token=token, module="orders")
    # Of the two unknown keys the second waits for a reading of the keys that has not begun.
    calls = {"validator": [validation(made["value"]), validation(made["value"]), validation(with_unknown_key("one")),
                           validation(with_unknown_key("two"))],
             "admin": [("jeton.v1.Admin/GetToken", admin_pb2.GetTokenRequest(id=made["id"])),
                       ("jeton.v1.Admin/DisableToken", admin_pb2.DisableTokenRequest(id=made["id"]))],
             "issuer": [("jeton.v1.Issuer/Login", issuer_pb2.LoginRequest(username="erin", password="correct horse battery")),
                        ("jeton.v1.Issuer/RotateSigningKey", issuer_pb2.RotateSigningKeyRequest(force=True))],
             "auditor": [("jeton.v1.AuditLogger/ListRecords", audit_pb2.ListRecordsRequest()),
                         ("jeton.v1.AuditLogger/TailRecords", audit_pb2.TailRecordsRequest()),
                         ("jeton.v1.AuditLogger/ExportTrail", audit_pb2.ExportTrailRequest())]}
    dealers = {name: Dealer(system, system[name]) for name in calls}
    for name, dealer in dealers.items():
        slowest_health(dealer, system[name], 0.1)
    stopped = database_processes(system)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        for name, wanted in calls.items():
            for method, request in wanted:
                # What comes after it finds it on its way to the database.
                before = statistic(dealers[name], "db.calls")
                dealers[name].send(method, request)
                if method != "jeton.v1.Issuer/Login" and wanted.index((method, request)) == 0:
                    wait_for(lambda: statistic(dealers[name], "db.calls") > before, 5, f"{method} to have come")
        wait_for(lambda: statistic(dealers["validator"], "db.in_flight") >= 2, 5, "the keys to be read")
        for name in calls:
            system[name].killed = True
            system[name].signal(signal.SIGTERM)
            system[name].signal(signal.SIGINT)
        for name in calls:
            expect_equal(system[name].process.wait(10 * PATIENCE), 1, f"exit status of {name}")
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        for dealer in dealers.values():
            dealer.close()
    system.check_logs()
    system.start()


@test("while passwords are hashed the issuer and admin answer")
def hashing(system):
    def run(command, name):
        subprocess.run([f"{BUILD}/bin/jeton", *command], input="correct horse battery\n", text=True, cwd=system.directory, check=False,
                       env=system.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60 * PATIENCE)
        done.append(name)
    for name, commands in (("issuer", [["login", "--username", "erin"]] * 16),
                           ("admin", [["user", "create", "--account", system.account, "--username", f"u{i}", "--name", "U"] for i in range(16)])):
        done = []
        dealer = Dealer(system, system[name])
        slowest_health(dealer, system[name], 0.1)
        threads = [threading.Thread(target=run, args=(command, name)) for command in commands]
        for thread in threads:
            thread.start()
        slowest = slowest_health(dealer, system[name], 1.5)
        for thread in threads:
            thread.join()
        print(f"# {name}: slowest health while passwords are hashed: {slowest * 1000:.0f} ms")
        expect_equal(len(done), 16)
        expect(slowest < PROMPT_S, f"{name} took {slowest:.2f} s to tell its health")
        dealer.close()


@test("a database host that does not resolve, or accepts and says nothing, does not keep a process from answering")
def unresolvable(system):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # .invalid never resolves (RFC 2606).
        for i, where in enumerate(("host=no-such-host.invalid", f"host=localhost port={silent.getsockname()[1]}")):
            service = system.add("admin", f"admin{i + 2}", {"database_url": f"{where} dbname=jeton user=jeton_admin"})
            service.start(wait=False)
            service.wait_healthy(("starting",))
            dealer = Dealer(system, service)
            slowest_health(dealer, service, 0.1)
            slowest = slowest_health(dealer, service, 1.0)
            dealer.close()
            service.stop()
            del system.services[service.name]
            system.write_conf()
            expect(slowest < PROMPT_S, f"{slowest:.2f} s with the database at {where}")


@test("no process has a blocking call of libpq, a blocking resolver or a sleep linked into it")
def no_blocking_calls(_):
    # getaddrinfo is there for numeric addresses only (AI_NUMERICHOST); names go through getaddrinfo_a, as the test before this one shows.
    blocking = {"PQexec", "PQexecParams", "PQexecPrepared", "PQprepare", "PQconnectdb", "PQconnectdbParams", "PQsetdbLogin", "PQreset",
                "PQcancel", "PQputCopyEnd", "gethostbyname", "sleep", "usleep", "nanosleep", "system", "popen", "fsync",
                "zmq_sleep", "zclock_sleep"}
    for kind in SERVICES:
        symbols = subprocess.run(["nm", "-D", "--undefined-only", f"{BUILD}/bin/jeton-{kind}"], capture_output=True, text=True, check=True).stdout
        found = {line.split()[-1].split("@")[0] for line in symbols.splitlines() if line.strip()} & blocking
        expect(not found, f"jeton-{kind} has {', '.join(sorted(found))}")


def make_system():
    system = System()
    system.cli("module", "create", "orders")
    system.account = system.cli("account", "create", "--name", "Acme", "--module", "orders")["id"]
    system.cli("user", "create", "--account", system.account, "--username", "erin", "--name", "Erin", input="correct horse battery\n")
    return system


main(make_system)
