"""What scenarios stand on: a whole system of its own (PostgreSQL, keys, processes, command line) and a registry of tests.

    from harness import System, test, main, expect

    @test("a token is issued")
    def issue(system):
        ...
    main(System)           # makes one system for the file, runs the tests in order, prints "ok NAME" or "not ok NAME: why"

Nothing here sleeps to let something happen: wait_for polls a condition. A system is in a directory of its own below /tmp, on ports of
its own, and is gone afterwards; when a test failed, the ends of its logs are printed first.

Environment: JETON_BUILD (build), JETON_WRAP (a command in front of each service, such as valgrind), JETON_SLOW (a factor for all
timeouts, for builds that are slow; PATIENCE has it too), JETON_KEEP (leave the directory).
"""

import functools
import http.client
import json
import os
import random
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import traceback

from expectations import BUILD, PATIENCE, SLOW, TOP, Failed, Skip, expect, expect_equal, wait_for, wait_within  # noqa: F401
from postgres import Postgres, pg_program  # noqa: F401

WRAP = shlex.split(os.environ.get("JETON_WRAP", ""))
SERVICES = ("issuer", "validator", "admin", "auditor")
# Those that a system has only when `processes` says so.
OTHERS = ("gateway",)

# What must never be in the standard error of a process.
DEFECTS = re.compile(r"ERROR: AddressSanitizer|LeakSanitizer|runtime error:|Assertion .* failed|==\d+== (Invalid|Conditional"
                      r"|Use of uninit|Syscall param|ERROR SUMMARY: [1-9])|==\d+==.*definitely lost")
# What must never be in a log: values of tokens, JWTs, passwords in connection strings, private keys of certificates.
SECRETS = re.compile(r"jtn_(live|test)_[A-Za-z0-9_-]{44}|jtn_(client|refresh|code)_[A-Za-z0-9_-]{43}|eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+|password=(?!\*)\S|secret-key")

RESERVED = []


def free_port(n=1):
    """The first of n ports that nobody listens on, below the range from which the kernel gives out ports to clients. They are this process's until it ends: a name
    without a file tells the other tests that run, which would find nobody there while a process of ours is down."""
    while True:
        port = random.SystemRandom().randint(10000, 31000 - n)
        taken = []
        try:
            for i in range(port, port + n):
                taken.append(socket.socket(socket.AF_UNIX))
                taken[-1].bind(f"\0jeton-port-{i}")
                with socket.socket() as s:
                    s.bind(("127.0.0.1", i))
        except OSError:
            for s in taken:
                s.close()
            continue
        RESERVED.extend(taken)
        return port


class Service:
    """One process. Its endpoint, settings and log stay the same over restarts."""

    def __init__(self, system, kind, name, settings):
        self.system, self.kind, self.name = system, kind, name
        self.port = free_port()
        self.endpoint = f"tcp://127.0.0.1:{self.port}"
        self.log_path = system.path(f"{name}.log")
        self.conf_path = system.path(f"{name}.conf")
        self.process = None
        self.killed = False
        self.within = []  # a command in front of it
        keys = system.keys
        self.settings = {"bind": self.endpoint, "peers": f"{keys}/peers", "key": f"{keys}/curve/{kind}.key",
                         "database_url": f"host={system.postgres.directory} dbname=jeton user=jeton_{kind}", "log_level": "debug"}
        if kind in ("admin", "issuer", "validator"):
            self.settings["token_keys"] = f"{keys}/token-check.keys"
        if kind in ("issuer", "admin"):
            self.settings["seal_keys"] = f"{keys}/seal.keys"
            # What is killed and stays away keeps no other waiting.
            self.settings["feed_outage_limit_ms"] = "0"
        if kind in ("issuer", "validator"):
            self.settings["journal_directory"] = system.path(f"{name}.use")
        if kind == "auditor":
            self.settings["checkpoint_key"] = f"{keys}/checkpoint.key"
        if kind == "gateway":
            self.ports = {listener: free_port() for listener in ("tls", "plain", "proxy", "status")}
            self.settings.update({f"bind_{listener}": f"127.0.0.1:{port}" for listener, port in self.ports.items()})
            self.settings.update(public_url=f"https://localhost:{self.ports['tls']}", database_url=None, **system.certificate())
        self.settings.update(settings)
        self.environment = {"JETON_DATABASE_PASSWORD_FILE": f"{keys}/database-{kind}"}

    def place(self, address, within=()):
        """Before it is started: it is reached at this address, and at others of where it runs, which this command leads to."""
        self.endpoint = f"tcp://{address}:{self.port}"
        self.settings["bind"] = f"tcp://0.0.0.0:{self.port}"
        self.within = list(within)
        self.system.write_conf()

    def start(self, wait=True):
        expect(not self.running(), f"{self.name} is running")
        auditors = self.system.of_kind("auditor")
        if self.kind in ("issuer", "validator") and auditors:
            self.settings.setdefault("auditor", ",".join(auditor.endpoint for auditor in auditors))
        if self.kind == "validator":
            # Of one that knows of no others from the start, all that there are by then.
            self.settings.setdefault("validators", ",".join(validator.endpoint for validator in self.system.of_kind("validator")))
        if self.kind == "gateway":
            for kind in SERVICES:
                self.settings.setdefault(kind, ",".join(service.endpoint for service in self.system.of_kind(kind)))
        with open(self.conf_path, "w", encoding="utf-8") as f:
            f.writelines(f"{key} = {value}\n" for key, value in self.settings.items() if value is not None)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.within + WRAP + [f"{BUILD}/bin/jeton-{self.kind}", "--config", self.conf_path], stdin=subprocess.DEVNULL,
                                             stdout=log, stderr=log, cwd=self.system.directory,
                                             env=self.system.environment(self.environment))
        self.killed = False
        if wait:
            self.wait_healthy()
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def health(self):
        """The state that Health/Check gives: "serving", "standby" …; None when it does not answer."""
        if self.kind == "gateway":
            return "serving" if self.request("GET", "/").status != 503 else "starting"
        # Not of all: one that is down holds up the answer.
        rows = self.system.health(self.kind, "--endpoint", self.endpoint)
        return rows[0].get("state") if rows else None

    def wait_healthy(self, states=("serving", "standby"), timeout=15):
        def healthy():
            if not self.running():
                raise Failed(f"{self.name} ended with status {self.process.returncode}: {self.log()[-600:]}")
            return self.health() in states
        wait_for(healthy, timeout, f"{self.name} being {' or '.join(states)}")

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout=20):
        """SIGTERM, and the exit status must be 0."""
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{self.name} did not end within {timeout * PATIENCE:g} s of SIGTERM") from None
        expect(status == 0, f"{self.name} ended with status {status}: {self.log()[-1000:]}")

    def kill(self):
        """As kill -9: at once, whatever it is doing."""
        self.killed = True
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def ran_s(self):
        """How long all its threads ran, in seconds."""
        tasks = f"/proc/{self.process.pid}/task"
        ran = 0
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/schedstat", encoding="ascii") as f:
                ran += int(f.read().split()[0])
        return ran / 1e9

    def restart(self):
        self.stop()
        self.start()

    def connect(self, listener="tls", timeout=15):
        """A connection (http.client) to a listener of the gateway: "tls", "plain", "proxy" or "status"; for several requests, or for what request does not do."""
        port, patience = self.ports[listener], timeout * PATIENCE
        if listener == "tls":
            context = ssl.create_default_context(cafile=self.settings["certificate"])
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it may be by a CA, and be trusted itself
            return http.client.HTTPSConnection("localhost", port, context=context, timeout=patience)
        return http.client.HTTPConnection("127.0.0.1", port, timeout=patience)

    def request(self, method, path, body=None, headers=None, listener="tls", connection=None):
        """One request to the gateway. body: bytes, text, or what becomes JSON. The response has status, headers (without case), body (bytes), and json()."""
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        used = connection or self.connect(listener)
        try:
            used.request(method, path, body=body, headers=headers)
            response = used.getresponse()
            response.body = response.read()
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path}: {error!r}") from error
        finally:
            if connection is None:
                used.close()
        response.json = lambda: json.loads(response.body)
        return response

    def memory(self):
        """Resident memory in bytes."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def spooled(self):
        """The files of its spool in which something is counted. One that is open for what may come next has nothing behind its head."""
        found = []
        directory = self.settings["journal_directory"]
        for name in os.listdir(directory) if os.path.isdir(directory) else ():
            if name.endswith(".use"):
                with open(os.path.join(directory, name), "rb") as f:
                    found += [name] if any(f.read(128)[64:]) else []
        return found

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()


class System:
    """PostgreSQL, keys, and one of each process (or as many as `processes` says); a gateway only where it says so: {"gateway": 1}."""

    def __init__(self, processes=None, settings=None, start=True, postgres=None):
        """processes: {"validator": 3}; settings: {"validator": {"log_level": "info"}}; start=False leaves the processes to the test; postgres:
        settings of the database."""
        self.directory = tempfile.mkdtemp(prefix="jeton-", dir="/tmp")
        os.chmod(self.directory, 0o755)
        self.keys = self.path("var", "keys")
        self.services = {}
        self.postgres = None
        self.failed = False
        try:
            os.mkdir(self.path("var"))
            self.postgres = Postgres(self.path("pg"), postgres)
            self.url = self.postgres.url
            self._jeton("keys", "init", self.keys)
            self._jeton("db", "migrate", "--url", self.url, "--secrets", self.keys)
            for kind in (*SERVICES, *OTHERS):
                for i in range((processes or {}).get(kind, 1 if kind in SERVICES else 0)):
                    self.add(kind, kind if i == 0 else f"{kind}{i + 1}", (settings or {}).get(kind))
            if start:
                self.start()
        except BaseException:
            self.failed = True
            self.destroy()
            raise

    # ---- places ----

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def environment(self, more=None):
        """What processes and commands get: nothing of JETON_ that the caller happens to have."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JETON_", "PG"))}
        kept["PATH"] = f"{BUILD}/bin:{kept.get('PATH', '')}"
        kept.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0")
        kept.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        kept.update(more or {})
        return kept

    @functools.lru_cache
    def certificate(self, name="tls"):
        """A certificate for localhost that signs itself, and its key, as settings of a gateway; made when it is first asked for."""
        files = {"certificate": self.path(f"{name}.pem"), "certificate_key": self.path(f"{name}.key")}
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                         "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", files["certificate"],
                         "-keyout", files["certificate_key"]], check=True, capture_output=True)
        os.chmod(files["certificate_key"], 0o600)
        return files

    # ---- processes ----

    def add(self, kind, name, settings=None):
        """One more process of a kind, which is known to the command line from now on; not started."""
        service = self.services[name] = Service(self, kind, name, settings or {})
        self.write_conf()
        return service

    def remove(self, name):
        """It ends at once, and the command line does not know it any more."""
        service = self.services.pop(name)
        if service.running():
            service.kill()
        self.write_conf()

    def __getitem__(self, name):
        return self.services[name]

    def of_kind(self, kind):
        return [s for s in self.services.values() if s.kind == kind]

    def start(self):
        for service in self.services.values():
            service.start(wait=False)
        for service in self.services.values():
            service.wait_healthy()

    def write_conf(self):
        """var/jeton.conf, as make run writes it: the command line finds it from the directory that it runs in."""
        with open(self.path("var", "jeton.conf"), "w", encoding="utf-8") as f:
            for kind in (*SERVICES, *OTHERS):
                endpoints = [s.endpoint for s in self.of_kind(kind)]
                if endpoints:
                    f.write(f"{kind} = {','.join(endpoints)}\n")
            f.write(f"peers = {self.keys}/peers\nkey = {self.keys}/curve/operator.key\ncheckpoint_key = {self.keys}/checkpoint.pub\n")

    # ---- the command line ----

    def jeton(self, *arguments, input=None, check=None, environment=None, timeout=30):
        """Run `jeton` and return the completed process (text). check: the exit status that it must have."""
        run = subprocess.run([f"{BUILD}/bin/jeton", *map(str, arguments)], input=input if input is not None else "", capture_output=True,
                              text=True, timeout=timeout * PATIENCE, cwd=self.directory, env=self.environment(environment), check=False)
        if DEFECTS.search(run.stderr):
            raise Failed(f"jeton {' '.join(map(str, arguments))}: {run.stderr[-2000:]}")
        if check is not None and run.returncode != check:
            raise Failed(f"jeton {' '.join(map(str, arguments))}: exit status {run.returncode} instead of {check}: "
                          f"{(run.stderr or run.stdout).strip()[-600:]}")
        return run

    def _jeton(self, *arguments):
        return self.jeton(*arguments, check=0)

    def cli(self, *arguments, input=None, check=0, environment=None, timeout=30):
        """Run `jeton --json …` and return what it printed, parsed. The exit status must be `check`; None: any, and (status, JSON) is returned."""
        run = self.jeton("--json", *arguments, input=input, check=check, environment=environment, timeout=timeout)
        try:
            value = json.loads(run.stdout) if run.stdout.strip() else None
        except ValueError:
            raise Failed(f"jeton --json {' '.join(map(str, arguments))} printed no JSON: {run.stdout[:300]!r}") from None
        return value if check is not None else (run.returncode, value)

    def health(self, *arguments):
        """One row for each endpoint."""
        rows = self.cli("health", *arguments, check=None, timeout=15)[1]
        return rows if isinstance(rows, list) else (rows or {}).get("services", [])

    def validate(self, value, module="orders", access="read", **more):
        """The validator's reply, as JSON."""
        arguments = [part for key, text in more.items() for part in (f"--{key}", text)]
        status, reply = self.cli("validate", "--module", module, "--access", access, *arguments, input=value, check=None)
        expect(status in (0, 1, 2) and reply, f"jeton validate: exit status {status}, {reply}")
        wanted = 0 if reply["decision"] == "allow" else 2 if reply["reason"] == "undecided" else 1
        expect_equal(status, wanted, "exit status of validate")
        return reply

    # ---- the database ----

    def sql(self, statement, role=None, check=True):
        """As the owner, or as one of the roles of the processes ("admin", …)."""
        if role is None:
            return self.postgres.sql(statement, check=check)
        with open(f"{self.keys}/database-{role}", encoding="ascii") as f:
            password = f.read().strip()
        return self.postgres.sql(statement, role=f"jeton_{role}", password=password, check=check)

    # ---- the end ----

    def check_logs(self):
        """No log shows a defect or a secret."""
        for service in self.services.values():
            if not os.path.exists(service.log_path):
                continue
            for pattern, what in ((DEFECTS, "a defect"), (SECRETS, "a secret")):
                found = pattern.search(service.log())
                if found:
                    line = service.log()[:found.start()].count("\n") + 1
                    shown = service.log()[found.start():found.start() + 3000] if what == "a defect" else found.group()[:9] + "…"
                    raise Failed(f"the log of {service.name} shows {what} in line {line}: {shown}")

    def finish(self):
        """Every process ends in order, and its log is clean."""
        problems = []
        for service in self.services.values():
            if service.running():
                try:
                    service.stop()
                except Failed as error:
                    problems.append(str(error))
            elif service.process is not None and not service.killed and service.process.returncode != 0:
                problems.append(f"{service.name} had ended with status {service.process.returncode}: {service.log()[-1000:]}")
        try:
            self.check_logs()
        except Failed as error:
            problems.append(str(error))
        expect(not problems, "; ".join(problems))

    def print_logs(self, lines=30):
        for service in self.services.values():
            if os.path.exists(service.log_path):
                text = SECRETS.sub("…", service.log())
                print(f"--- the end of {service.name}'s log", *text.splitlines()[-lines:], sep="\n#   ")

    def destroy(self):
        """Whatever happened before: nothing of it is left."""
        if self.failed:
            self.print_logs()
        for service in self.services.values():
            if service.running():
                service.kill()
        if self.postgres:
            self.postgres.destroy()
        if os.environ.get("JETON_KEEP"):
            print(f"# left in {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)


TESTS = []


def test(name):
    def register(function):
        TESTS.append((name, function))
        return function
    return register


def report(name, function, *arguments):
    """Run one test and print its line; false when it failed, None when it was skipped."""
    try:
        function(*arguments)
    except Skip as why:
        print(f"ok {name} # SKIP {why}", flush=True)
        return None
    except Exception as error:  # a test that breaks has failed, and the next one runs
        text = str(error) if isinstance(error, Failed) else "".join(traceback.format_exception(error))
        print(f"not ok {name}: " + text.strip().replace("\n", "\n#   "), flush=True)
        return False
    print(f"ok {name}", flush=True)
    return True


def main(make_system=None, summary=False):
    """Run the file's tests in order; make_system: called for the system that each of them gets, once; summary: the last line is the sum. Exits."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = good = skipped = 0
    system = None
    try:
        if make_system:
            system = make_system()
        for name, function in TESTS:
            passed = report(name, function, *([system] if system else []))
            failed += passed is False
            good += passed is True
            skipped += passed is None
            if system and passed is False:
                system.failed = True
        if system:
            passed = report("every process ends in order, and no log shows a defect or a secret", system.finish)
            failed += not passed
            good += passed
            system.failed = system.failed or not passed
    except Exception as error:
        print("not ok the system starts: " + str(error).strip().replace("\n", "\n#   "), flush=True)
        failed += 1
    finally:
        if system:
            system.destroy()
    if summary:
        print(f"{good} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)
