#!/usr/bin/python3
"""What make run and make stop do, in a copy of the tree that has only what they need: again and again, and when something is in the way."""
# long
# plain
import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time

from harness import BUILD, OTHERS, PATIENCE, SERVICES, SLOW, TOP, expect, expect_equal, free_port, main, test, wait_for

LOCAL = (*SERVICES, *OTHERS)
PORTS = 91  # from JETON_PORT_BASE


class Tree:
    def __init__(self, name="tree"):
        self.top = tempfile.mkdtemp(prefix="jeton-", dir="/tmp")
        os.chmod(self.top, 0o755)
        self.tree = os.path.join(self.top, name)
        shutil.copytree(f"{TOP}/deploy", f"{self.tree}/deploy")
        os.makedirs(f"{self.tree}/build/bin")
        for program in ("jeton", *(f"jeton-{kind}" for kind in LOCAL)):
            shutil.copy(f"{BUILD}/bin/{program}", f"{self.tree}/build/bin/{program}")
        self.base = free_port(PORTS)
        self.failed = False

    def do(self, what, status=0, **environment):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JETON_", "PG"))}
        run = subprocess.run([f"{self.tree}/deploy/local/{what}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, timeout=120 * PATIENCE, check=False, env={**kept, "JETON_PORT_BASE": str(self.base), **environment})
        expect_equal(run.returncode, status, f"exit status of {what}: {run.stdout[-2000:]}")
        return run.stdout

    def jeton(self, *arguments):
        return subprocess.run([f"{self.tree}/build/bin/jeton", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=30 * PATIENCE, check=False, cwd=self.tree)

    def pids(self):
        found = {}
        for kind in LOCAL:
            try:
                with open(f"{self.tree}/var/run/{kind}.pid", encoding="ascii") as f:
                    found[kind] = int(f.read())
            except FileNotFoundError:
                pass
        return found

    def finish(self):
        pass

    def destroy(self):
        try:
            self.do("stop")
        finally:
            shutil.rmtree(self.top, ignore_errors=True)


@test("a first run makes everything, shows a token's life, and leaves it running")
def first(tree):
    output = tree.do("run")
    for word in (r"validated for read +allow \(ok, HTTP 200\)", r"validated for write +deny \(read_only, HTTP 403\)",
                 r"validated for read +deny \(disabled, HTTP 401\)", r"platform\.tokens\.token\.disabled", r"What to try next"):
        expect(re.search(word, output), f"{word} is not in {output}")
    expect(not re.search(r"jtn_\w+_[\w-]{44}", output), "the whole value is shown")
    expect_equal(tree.jeton("health").returncode, 0)


@test("HTTPS is served under the names of this machine, with the certificate that was made for it")
def https(tree):
    context = ssl.create_default_context(cafile=f"{tree.tree}/var/keys/tls-ca.pem")
    for name in ("localhost", "127.0.0.1"):
        connection = http.client.HTTPSConnection(name, tree.base + 43, context=context, timeout=15 * PATIENCE)
        connection.request("GET", "/no-such-path")
        expect_equal(connection.getresponse().status, 404, name)
        connection.close()


@test("a second run finds all running, in seconds")
def second(tree):
    before, began = tree.pids(), time.monotonic()
    tree.do("run")
    expect(time.monotonic() - began < 10 * SLOW, f"{time.monotonic() - began:.1f} s")
    expect_equal(tree.pids(), before)


@test("a process that is older than its program is started again, and only that one")
def newer(tree):
    before = tree.pids()
    os.utime(f"{tree.tree}/build/bin/jeton-admin")
    tree.do("run")
    after = tree.pids()
    expect_equal({kind for kind in LOCAL if before[kind] != after[kind]}, {"admin"})
    # As the linker does it: the file is another one, and the process's own is deleted.
    program = f"{tree.tree}/build/bin/jeton-issuer"
    shutil.copy(program, program + ".new")
    os.replace(program + ".new", program)
    tree.do("run")
    expect(tree.pids()["issuer"] != after["issuer"], "the issuer was not started again")


@test("a process that died, and the database, are started again")
def died(tree):
    os.kill(tree.pids()["validator"], 9)
    with open(f"{tree.tree}/var/postgresql/data/postmaster.pid", encoding="ascii") as f:
        os.kill(int(f.readline()), 2)
    wait_for(lambda: not os.path.exists(f"{tree.tree}/var/postgresql/data/postmaster.pid"), 20, "the end of PostgreSQL")
    tree.do("run")
    expect_equal(tree.jeton("health").returncode, 0)


@test("the sample: an API behind nginx that lets nobody in without a token; it can be begun again, and make stop ends it")
def sample(tree):
    for _ in range(2):
        expect(f"https://localhost:{tree.base + 44}/returns" in tree.do("sample"), "where it is")
    context = ssl.create_default_context(cafile=f"{tree.tree}/var/keys/tls-ca.pem")
    connection = http.client.HTTPSConnection("localhost", tree.base + 44, context=context, timeout=15 * PATIENCE)
    connection.request("GET", "/returns")
    response = connection.getresponse()
    expect_equal((response.status, response.getheader("WWW-Authenticate", "")[:6]), (401, "Bearer"))
    connection.close()


@test("it ends, can be ended again, and begins where it was")
def stop(tree):
    with open(f"{tree.tree}/var/sample/pid", encoding="ascii") as f:
        nginx = int(f.read())
    pids = tree.pids()
    expect("Stopped jeton-gateway jeton-admin jeton-issuer jeton-validator jeton-auditor PostgreSQL." in tree.do("stop"), "not all was stopped")
    for kind, pid in {**pids, "nginx": nginx}.items():
        expect(not os.path.exists(f"/proc/{pid}"), f"{kind} still runs")
    expect("Nothing was running." in tree.do("stop"), "something ran")
    tree.do("run")
    expect_equal(tree.jeton("audit", "verify").returncode, 0)
    tree.do("stop")


@test("a port that is taken: one sentence with the port, its holder and what to set")
def port_taken(tree):
    with socket.socket() as taken:
        tree.do("stop")
        # A port on which connections of a process that was killed end is not taken.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", tree.base + 43))
        taken.listen()
        output = tree.do("run", status=1)
    expect_equal(len(output.strip().splitlines()), 1, output)
    for word in (f"port {tree.base + 43}", "jeton-gateway", f"process {os.getpid()}", "JETON_PORT_BASE"):
        expect(word in output, f"{word} is not in {output}")
    expect("JETON_PORT_BASE is many" in tree.do("run", status=1, JETON_PORT_BASE="many"), "a port base that is no number")


@test("a pid file of a process that is not ours harms nobody")
def foreign(tree):
    other = subprocess.Popen(["sleep", "60"])
    try:
        with open(f"{tree.tree}/var/run/admin.pid", "w", encoding="ascii") as f:
            f.write(f"{other.pid}\n")
        tree.do("stop")
        expect(other.poll() is None, "make stop ended a process that is not Jeton's")
    finally:
        other.kill()
        other.wait()


@test("it uses JETON_DATABASE_URL when that is set, and starts no PostgreSQL then")
def database_url(tree):
    tree.do("run")
    other = Tree("a tree with blanks " + "x" * 60)
    try:
        url = f"host={os.path.realpath(f'{tree.tree}/var/postgresql')}/socket dbname=second user=jeton"
        subprocess.run(["psql", "-XAtq", "-c", "create database second", url.replace("second", "postgres")], check=True)
        output = other.do("run", JETON_DATABASE_URL=url)
        expect("JETON_DATABASE_URL" in output, output)
        expect(not os.path.exists(f"{other.tree}/var/postgresql"), "a cluster was made")
        expect_equal(other.jeton("health").returncode, 0)
    finally:
        other.destroy()
    expect_equal(tree.jeton("health").returncode, 0)


@test("a tree that lies deep, or has a blank in its path, gets a socket of its own elsewhere")
def deep(_tree):
    other = Tree("a blank and deep " + "x" * 90)
    try:
        other.do("run")
        expect_equal(other.jeton("health").returncode, 0)
    finally:
        other.destroy()


main(Tree)
