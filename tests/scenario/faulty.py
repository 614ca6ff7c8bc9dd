"""Three validators under load, each behind links of its own that a test can break, and judges of what they answer, count and keep in memory.

    @fault("a validator is stopped", short=(1.5,), full=(3, 10))
    def stop_validator(system, oracle, seconds): …
    play(SHORT or FULL)

Each fault begins and ends with all well. Meanwhile the oracle (oracle.py) leads the lives of some tokens and asks everybody about them, and flood.c asks as
often as there are answers. Both give client addresses of a network that is the fault's own, by which all that they were answered is compared
with the access log in the end.

Where the scenario has entered namespaces of its own (lan.py), each validator is a host with three wires: one to callers, auditor and the other validators, one to the database, and
one to the writers. The latter two end at TCP proxies (proxy.py), one set to each validator, which can delay and reset; the writers advertise the proxies' addresses. Elsewhere there are
only the proxies, which need no privilege: what would vanish with a wire is then held up."""
import asyncio
import collections
import contextlib
import os
import struct
import subprocess
import threading
import time

import harness
import lan
from harness import BUILD, PATIENCE, Failed, System, expect, wait_for
from oracle import Oracle
from proxy import Link, Network, holder

import validator_pb2 as validator

LIMIT = 1.0  # freshness_limit_ms, in seconds
SETTINGS = {"validator": {"freshness_limit_ms": "1000", "truth_interval_ms": "100", "log_level": "info"},
            "admin": {"feed_outage_limit_ms": "120000", "log_level": "info"}, "issuer": {"feed_outage_limit_ms": "120000", "log_level": "info"},
            "auditor": {"log_level": "info", "outbox_poll_ms": "50"}}
FLOOD = {"in_flight": 4, "batch": 16}  # to each validator
SPREAD = 16                            # client addresses of a load; each makes a row in the log each second
GROWTH_MAX = 64 << 20                  # of resident memory, over all faults
NOT_COUNTED = {validator.REASON_UNDECIDED}
NETS = {"front": 1, "database": 2, "writers": 3}  # to each validator


class Faulty(System):
    def __init__(self, validators=None):
        """validators: settings of theirs, besides those above."""
        settings = {**SETTINGS, "validator": {**SETTINGS["validator"], **(validators or {})}}
        super().__init__(processes={"validator": 3}, settings=settings, start=False)
        self.network = Network()
        self.network.start()
        self.validators = self.of_kind("validator")
        self.database, self.writers = {}, {}  # links
        self.clocks = {service: self.clock(service) for service in (self.validators[0], self["admin"])}
        self.books = {}    # (network, who): (answered by reason, perhaps)
        self.dropping = {}  # network: the validator that dropped what it could not count, and knows how much
        self.uncounted = set()  # networks in which what could not be counted was not decided
        self.faults = 0
        try:
            here = dict.fromkeys(NETS, "127.0.0.1") if lan.missing() else self.lay_wires()
            for service in self.validators:
                link = self.database.setdefault(service, Link())
                port = self.network.listen(lambda *_, link=link: link, self.to_database, here["database"])
                service.settings["database_url"] = f"host={here['database']} port={port} sslmode=disable dbname=jeton user=jeton_validator"
                self.writers.setdefault(service, Link())
            for writer in (self["admin"], self["issuer"]):
                port = self.network.listen(self.link_to_writers, lambda writer=writer: asyncio.open_connection("127.0.0.1", writer.port), here["writers"])
                writer.settings["feed_advertise"] = f"tcp://{here['writers']}:{port}"
            self.start()
            self.cli("module", "create", "orders", "--title", "Orders")
            self.account = self.cli("account", "create", "--name", "Acme", "--module", "orders", "--token-limit", "1000000")["id"]
            self.make_values()
            wait_for(self.following, 20, "validators that follow all writers")
            self.sampler = Sampler(self)
            self.oracle = Oracle(self, LIMIT)
            self.oracle.start()
        except BaseException:
            self.failed = True
            self.destroy()
            raise

    # ---- links and clocks ----

    def lay_wires(self):
        """Each validator becomes a host of its own. By net, the address of what is there for all of them."""
        network = lan.Lan()
        for name, net in NETS.items():
            network.switch(name, net)
        for service in self.validators:
            host = network.host(service.name)
            wires = {name: network.plug(host, name) for name in NETS}
            service.place(wires["front"].address, host.within)
            self.database[service], self.writers[service] = Link(wires["database"]), Link(wires["writers"])
        self["auditor"].place(lan.address(NETS["front"]))
        return {name: lan.address(net) for name, net in NETS.items()}

    def to_database(self):
        return asyncio.open_unix_connection(f"{self.postgres.directory}/.s.PGSQL.5432")

    def link_to_writers(self, address, port):
        for link in self.writers.values():
            if link.wire and link.wire.address == address:
                return link
        by_pid = {service.process.pid: service for service in self.validators if service.running()}
        pid = holder(port, by_pid)
        return self.writers[by_pid[pid]] if pid else None

    def links(self, service):
        return self.database[service], self.writers[service]

    def following(self):
        """Every validator is connected to both writers, and follows them, by links that can be cut."""
        return all(link.connections() >= 2 and service.log().count('msg="following a writer"') >= 2 for service, link in self.writers.items())

    def clock(self, service):
        """The file that says by how much its CLOCK_REALTIME is wrong (clock_step.c)."""
        path = self.path(f"{service.name}.clock")
        with open(path, "wb") as f:
            f.write(struct.pack("=q", 0))
        service.environment.update(LD_PRELOAD=os.path.abspath(f"{BUILD}/tests/scenario/clock_step.so"), CLOCK_STEP=path,
                                   ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "detect_leaks=1") + ":verify_asan_link_order=0")
        return path

    def step(self, service, seconds):
        with open(self.clocks[service], "r+b", buffering=0) as f:
            f.write(struct.pack("=q", seconds))

    def heal(self):
        """Whatever a fault left: what is stopped goes on, what is down is started, links carry, clocks are right."""
        for service in self.validators:
            for link in self.links(service):
                link.heal()
        for service in self.clocks:
            self.step(service, 0)
        if self.postgres.process.poll() is not None:
            self.postgres.start()
        for service in self.services.values():
            if not service.running():
                service.start()

    # ---- load ----

    def make_values(self):
        """What the flood asks about: good values, and one that is none; and a JWT of an hour."""
        self.cli("user", "create", "--account", self.account, "--username", "erin", "--name", "Erin", input="correct horse battery\n")
        self.login = self.jeton("login", "erin", "--token-only", input="correct horse battery\n", check=0).stdout.strip()
        made = [self.cli("token", "create", "--account", self.account, "--name", f"flood {i}", "--kind", "service", "--module", "orders:read")
                for i in range(7)]
        with open(self.path("values"), "w", encoding="ascii") as f:
            f.writelines(f"{value}\n" for value in (*(m["value"] for m in made), "jtn_live_nonsense"))

    @contextlib.contextmanager
    def flood(self, network, spread=SPREAD, pause_ms=5):
        """Validations without end, from addresses in this network; what was answered is put into the books. pause_ms 0: full load."""
        command = [f"{BUILD}/tests/scenario/flood", f"{self.keys}/peers", f"{self.keys}/curve/operator.key", self.path("values"), "orders",
                   network, str(spread), str(FLOOD["batch"]), str(FLOOD["in_flight"]), str(pause_ms), *(v.endpoint for v in self.validators)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=self.environment()) as flood:
            try:
                yield flood
            finally:
                flood.terminate()
                try:
                    output = flood.communicate(timeout=60 * PATIENCE)[0]
                except subprocess.TimeoutExpired:
                    flood.kill()
                    raise Failed("the load did not end") from None
                self.flooded(network, output)
        expect(flood.returncode == 0, f"the load ended with status {flood.returncode}")

    def flooded(self, network, output):
        answered, perhaps, sent = collections.Counter(), 0, 0
        for _, sent_to, unclear, *reasons in map(str.split, output.splitlines()):
            sent, perhaps = sent + int(sent_to), perhaps + int(unclear)
            for reason, count in (row.split("=") for row in reasons):
                answered[int(reason)] += int(count)
        names = {validator.Reason.Name(reason)[7:]: count for reason, count in answered.items()}
        old, unclear = self.books.get((network, "operator"), (collections.Counter(), 0))
        self.books[network, "operator"] = (old + answered, unclear + perhaps)
        self.load = f"{sum(answered.values())} of {sent} validations answered"
        expect(set(names) <= {"OK", "MALFORMED", "UNDECIDED"}, f"the load was answered {names}")

    # ---- what was counted ----

    def check_books(self):
        """The access log has what was answered: no reason less often, and in all no more often than by what nobody knows of. How many answers there were."""
        for network, books in self.oracle.books.items():
            self.books[network, "caller"] = (books.answered, books.perhaps)
        passes(1.5)  # what was counted last is sealed after a second
        wait_for(lambda: all(self.stat(v, "journal.segments") == 0 for v in self.validators), 120, "the auditor having all")
        wait_for(self.compare, 30, "an access log that is right")
        answers, unclear = (sum(numbers) for numbers in zip(*((sum(answered.values()), perhaps) for answered, perhaps in self.books.values())))
        print(f"# {answers} answers in {len(self.books)} books, and as many in the log; {unclear} calls ended without an answer")
        return answers

    def logged(self):
        """By network, and who asked: how often each reason is in the access log."""
        found = collections.defaultdict(collections.Counter)
        for row in self.sql("select host(network(set_masklen(address, 16))), peer, reason, sum(count) from use_log"
                            " where address is not null and grant_type = 0 group by 1, 2, 3").splitlines():
            address, peer, reason, count = row.split("|")
            found[".".join(address.split(".")[:2]), peer][int(reason)] += int(count)
        return found

    def compare(self):
        """What is wrong is raised."""
        logged, wrong = self.logged(), []
        dropped = {network: self.stat(victim, "journal.dropped") for network, victim in self.dropping.items()}
        expect(set(logged) <= set(self.books), f"the log has what nobody asked: {set(logged) - set(self.books)}")
        for (network, peer), (answered, perhaps) in self.books.items():
            if network in dropped:
                continue
            left_out = NOT_COUNTED if network in self.uncounted else set()
            answered, counted = ({r: n for r, n in counts.items() if r not in left_out} for counts in (answered, logged[network, peer]))
            if any(n > counted.get(r, 0) for r, n in answered.items()) or sum(counted.values()) > sum(answered.values()) + perhaps:
                wrong.append(f"{peer} in {network}: answered {answered}, {perhaps} unclear; in the log {counted}")
        for network, n in dropped.items():
            books = [self.books[network, peer] for peer in ("caller", "operator")]
            less = sum(sum(answered.values()) for answered, _ in books) - sum(sum(logged[network, peer].values()) for peer in ("caller", "operator"))
            if not n - sum(perhaps for _, perhaps in books) <= less <= n:
                wrong.append(f"{network}: {less} less in the log than answered, {n} were dropped")
        expect(not wrong, "; ".join(wrong))
        return True

    def stat(self, service, name):
        return next(int(row["value"]) for row in self.cli("stats", service.name.rstrip("0123456789"), "--endpoint", service.endpoint)
                    if row["name"] == name)

    def destroy(self):
        if getattr(self, "oracle", None) and self.oracle.is_alive():
            self.oracle.stop()
        if getattr(self, "sampler", None):
            self.sampler.ending.set()
        super().destroy()


class Sampler(threading.Thread):
    """Resident memory of each process, several times a second."""

    def __init__(self, system, every_s=0.25):
        super().__init__(daemon=True)
        self.system, self.every_s = system, every_s
        self.samples = collections.defaultdict(list)  # name: (when, bytes)
        self.ending = threading.Event()
        self.start()

    def run(self):
        while not self.ending.wait(self.every_s):
            for service in list(self.system.services.values()):
                try:
                    self.samples[service.name].append((time.monotonic(), service.memory()))
                except (OSError, IndexError, AttributeError):
                    continue  # it is down

    def growth(self):
        """{name: (first, most)}."""
        return {name: (rows[0][1], max(size for _, size in rows)) for name, rows in self.samples.items() if rows}


# ---- the table of faults --------------------------------------------------------------------------------------------

Fault = collections.namedtuple("Fault", "name short full play load")
FAULTS = []


def fault(name, short, full, load=None):
    """play (system, oracle, seconds) makes it and waits until it is over. short, full: how long it lasts, once for each. load: arguments of flood()."""
    def register(play):
        FAULTS.append(Fault(name, short, full, play, load or {}))
        return play
    return register


@contextlib.contextmanager
def judged(system, load=None):
    """The load and its oracle, with all well at the beginning; in the end all must be well again, and no answer wrong."""
    oracle = system.oracle
    system.faults += 1
    oracle.network = f"10.{system.faults}"
    begun, before = time.monotonic(), oracle.counts.copy()
    with system.flood(oracle.network, **(load or {})):
        wait_for(lambda: oracle.sound(begun) and oracle.changed_since(before["revocations"], 2), 20, "a load that goes on well")
        try:
            yield oracle
        finally:
            system.heal()
        healed, revocations = time.monotonic(), oracle.counts["revocations"]
        wait_for(lambda: oracle.sound(healed), 20, "all validators being able to tell again")
        wait_for(lambda: oracle.changed_since(revocations, 3), 20, "changes going on")
        well = time.monotonic() - healed
    oracle.forget()
    wrong = oracle.wrong()
    print(f"# {time.monotonic() - begun:.1f} s, well again after {well:.1f} s; {system.load}; {oracle.judged} answers judged: {dict(oracle.counts - before)}")
    expect(not wrong, f"{len(wrong)} wrong of {oracle.judged} answers: {'; '.join(wrong[:5])}")


def register(full):
    """Each fault as a test, in the order of the table; only those that have one of the words of $FAULTS in their names."""
    words = os.environ.get("FAULTS", "").split()
    for row in [row for row in FAULTS if not words or any(word in row.name for word in words)]:
        for seconds in row.full if full else row.short:
            def played(system, row=row, seconds=seconds):
                with judged(system, {**({"pause_ms": 2} if full else {}), **row.load}) as oracle:
                    row.play(system, oracle, seconds)
            harness.test(f"{row.name} ({seconds:g} s)")(played)


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
