#!/usr/bin/python3
"""docker-compose.yml brought up for real. tests/compose/run calls it, with an engine and the images there.

Names of containers differ between versions of Compose, so containers are found by its labels. JETON_COMPOSE chooses the version
("docker compose"); otherwise it is docker-compose where there is one.
"""
import http.client
import json
import os
import re
import shlex
import shutil
import ssl
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scenario"))
from harness import SECRETS, TOP, Skip, expect, expect_equal, main, test, wait_for  # noqa: E402
from project import HOME, IMAGE, SERVICES, VERSION, Compose, docker, run  # noqa: E402

ACTORS = 32
V2 = shlex.split(os.environ.get("JETON_COMPOSE_V2", ""))


@test("each version of Compose that is here accepts the file, and what env.example shows is what is used without it")
def accepts(system):
    with open(os.path.join(TOP, "deploy/env.example"), encoding="utf-8") as f:
        shown = dict(line[1:].rstrip().split("=", 1) for line in f if re.match(r"#[A-Z_]+=", line))
    plain = {k: v for k, v in system.environment.items() if not k.startswith(("JETON_", "GATEWAY_"))} | {"COMPOSE_PROJECT_NAME": "jeton"}
    tried = 0
    for command in (["docker-compose"], ["docker", "compose"], V2):
        if not command or not shutil.which(command[0]) or run(*command, "version", check=None, environment=plain).returncode != 0:
            continue
        tried += 1
        without = run(*command, "config", environment=plain).stdout
        expect(all(f"{name}:" in without for name in SERVICES), without[:500])
        example = run(*command, "config", environment=plain | shown | {"COMPOSE_FILE": "docker-compose.yml"}).stdout
        expect_equal(example, without, f"{command[0]}: with env.example")
        published = run(*command, "config", environment=plain | shown | {"COMPOSE_FILE": "docker-compose.yml:deploy/publish.yml:deploy/sample.yml"}).stdout
        expect("10.78.44.14/32" in published and "10.78.44" not in without, "deploy/sample.yml")
        expect("127.0.0.1" in published and "127.0.0.1:7102" not in without, "deploy/publish.yml")
    expect(tried, "there is no Compose")


@test("one command brings up a system that is well")
def first_start(system):
    began = time.monotonic()
    system.up()
    system.wait_well()
    print(f"#   serving {time.monotonic() - began:.0f} s after `up`")
    healthy = lambda: all(system.inspect(system.one(s))["State"]["Health"]["Status"] == "healthy" for s in (*SERVICES, "postgres"))  # noqa: E731
    wait_for(healthy, 60, "Docker taking them for healthy")
    expect_equal(system.jeton("health").returncode, 0)
    expect_equal(system.containers("cli", every=True), [], "cli is not started by up")
    for one_shot in ("secrets", "init"):
        expect_equal(system.inspect(system.one(one_shot, every=True))["State"]["ExitCode"], 0)


def is_hardened(system, containers):
    for container in containers:
        shown = system.inspect(container)
        name, host, config = shown["Name"], shown["HostConfig"], shown["Config"]
        expect(config["User"] not in ("", "0", "root"), f"{name} runs as root")
        expect(host["ReadonlyRootfs"], f"{name}: the root file system is writable")
        expect_equal(host["CapDrop"], ["ALL"], name)
        expect(not host["CapAdd"] and not host["Privileged"], name)
        expect("no-new-privileges:true" in host["SecurityOpt"], name)
        expect_equal(host["RestartPolicy"]["Name"], "unless-stopped", name)
        expect(host["Memory"] > 0 and host["NanoCpus"] > 0, f"{name}: no limits")
        published = {port: binding[0]["HostIp"] for port, binding in (host["PortBindings"] or {}).items() if binding}
        allowed = {"gateway": {"8443/tcp": "", "8082/tcp": "127.0.0.1"}, "sample": {"8443/tcp": "127.0.0.1"}}
        expect_equal(published, allowed.get(config["Labels"]["com.docker.compose.service"], {}), f"{name}: ports that are published")
        expect(config.get("Healthcheck", {}).get("Test"), f"{name} has no health check")
        status = docker("exec", container, "grep", "-E", "^(Uid|CapEff|NoNewPrivs|Seccomp):", "/proc/1/status").stdout
        expect(re.search(r"CapEff:\s*0+\n", status) and re.search(r"NoNewPrivs:\s*1\n", status) and not re.search(r"Uid:\s*0\b", status), f"{name}: {status}")
        expect(docker("exec", container, "touch", "/usr/x", check=None).returncode != 0, f"{name} can write to /usr")


@test("containers may do what they must and nothing else")
def hardened(system):
    is_hardened(system, system.containers())
    sizes = {s: int(docker("image", "inspect", "-f", "{{.Size}}", f"{IMAGE}-{s}:{VERSION}").stdout) / 1e6 for s in (*SERVICES, "cli")}
    print("#   images: " + ", ".join(f"{s} {size:.0f} MB" for s, size in sizes.items()))


@test("each process sees its own secrets only, and Docker shows none")
def own_secrets(system):
    common = lambda s: {"peers", f"{s}.key", f"{s}.key_secret"} | ({f"database-{s}"} if s != "gateway" else set())  # noqa: E731
    more = {"issuer": {"token-check.keys", "seal.keys"}, "validator": {"token-check.keys"}, "admin": {"token-check.keys", "seal.keys"}, "auditor": {"checkpoint.key"},
            "gateway": {"tls.key", "tls.pem"}}
    for service in SERVICES:
        seen = docker("exec", system.one(service), "find", HOME, "-type", "f", "-printf", "%P %m\n").stdout.splitlines()
        modes = dict(line.split() for line in seen)
        expect_equal(set(modes), {f"{service}/{name}" for name in common(service) | more[service]}, service)
        expect_equal({m for name, m in modes.items() if not name.endswith((f"/{service}.key", "peers", ".pem"))}, {"600"}, service)
        expect(docker("exec", system.one(service), "touch", f"{HOME}/{service}/x", check=None).returncode != 0, f"{service} can change its keys")
    _, keys = system.read_keys()
    secrets = []
    for name, content in keys.items():
        if name not in ("peers", "checkpoint.pub") and not name.endswith((".key", ".pem")):
            secrets += re.findall(r'secret-key = "([^"]+)"', content.decode()) or re.findall(r"[A-Za-z0-9_-]{32,}", content.decode())
    expect(len(secrets) >= 12, f"{len(secrets)} secrets")
    images = docker("images", "-q", f"{IMAGE}-*").stdout.split()
    shown = docker("inspect", *system.containers(every=True), *images).stdout + "".join(docker("history", "--no-trunc", i).stdout for i in images)
    expect(not any(s in shown for s in secrets), "a secret is in what docker inspect shows")
    for container in [system.one(s) for s in SERVICES]:
        environment = docker("exec", container, "cat", "/proc/1/environ").stdout
        expect(not any(s in environment for s in secrets), "a secret is in an environment")


@test("PostgreSQL is reached from its own network only")
def networks(system):
    address = system.inspect(system.one("postgres"))["NetworkSettings"]["Networks"]
    expect_equal(list(address), [f"{system.project}_database"])
    probe = "import socket,sys; s=socket.socket(); s.settimeout(2); s.connect((sys.argv[1], 5432)); print('connected')"
    target = address[f"{system.project}_database"]["IPAddress"]
    for host in (target, "postgres"):
        done = system.client("probe", "python3", "-c", probe, host, check=None)
        expect("connected" not in done.stdout and done.returncode != 0, f"{host} is reached from the mesh")
    expect_equal(system.client("probe", "python3", "-c", probe, "postgres", network="database").stdout, "connected\n")


@test("from outside: HTTPS with the certificate that was made, metrics and health on the loopback address, and the database from neither")
def outside(system):
    ca = os.path.join(system.directory, "ca.pem")
    with open(ca, "wb") as f:
        f.write(system.read_keys()[1]["tls-ca.pem"])
    context = ssl.create_default_context(cafile=ca)

    def get(connection, path):
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status
    expect_equal(get(http.client.HTTPSConnection("localhost", system.https, context=context, timeout=20), "/no-such-path"), 404)
    expect(get(http.client.HTTPConnection("127.0.0.1", system.status, timeout=20), "/healthz") in (200, 404), "the port of metrics and health")
    attached = system.inspect(system.one("gateway"))["NetworkSettings"]["Networks"]
    expect_equal(sorted(attached), [f"{system.project}_front", f"{system.project}_mesh"])
    # As deploy/README.md tells: an operator's own certificate, which clients get without the gateway being started anew.
    own = os.path.join(system.directory, "tls")
    os.mkdir(own)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=own", "-addext",
        "subjectAltName=DNS:localhost", "-out", f"{own}/tls.pem", "-keyout", f"{own}/tls.key")
    packed = run("tar", "-c", "-C", own, "--owner", "7100", "--group", "7100", "--mode", "600", "tls.pem", "tls.key", text=False).stdout
    docker("cp", "-", f"{system.one('init', every=True)}:{HOME}/keys", input=packed, text=False)
    system.init()
    docker("exec", system.one("gateway"), "jeton", "reload")
    context = ssl.create_default_context(cafile=f"{own}/tls.pem")
    wait_for(lambda: get(http.client.HTTPSConnection("localhost", system.https, context=context, timeout=20), "/no-such-path") == 404, 20, "the operator's own certificate")
    # In the network of the proxies there is nobody but the gateway, with forward-auth.
    probe = "import socket,sys; s=socket.socket(); s.settimeout(5); s.connect((sys.argv[1], int(sys.argv[2]))); print('connected')"
    expect_equal(system.client("proxy", "python3", "-c", probe, "gateway", "8081", network="front").stdout, "connected\n")
    for host, port in (("validator", 7102), ("admin", 7103), ("postgres", 5432)):
        expect(system.client("proxy", "python3", "-c", probe, host, port, network="front", check=None).returncode != 0, f"{host} is reached from the proxies' network")


@test("a token's life, with the command line")
def life(system):
    system.jeton("module", "create", "orders", "--title", "Orders")
    system.account = system.cli("account", "create", "--name", "Acme")["id"]
    system.jeton("module", "enable", "orders", "--account", system.account)

    def create(name):
        return system.cli("token", "create", "--account", system.account, "--name", name, "--kind", "service", "--module", "orders:read")
    system.token, other = create("Shop"), create("Other")
    expect_equal(system.validate(), (0, "ok"))
    expect_equal(system.jeton("validate", "--module", "orders", "--access", "write", input=system.token["value"], check=1).returncode, 1)
    for verb, outcome in (("disable", (1, "disabled")), ("enable", (0, "ok")), ("delete", (1, "deleted"))):
        system.jeton("token", verb, other["id"])
        expect_equal(system.validate(other["value"]), outcome)
    system.jeton("user", "create", "--account", system.account, "--username", "alice", "--name", "Alice", input="correct horse battery\n")
    jwt = system.jeton("login", "alice", "--token-only", input="correct horse battery\n").stdout
    wait_for(lambda: system.validate(jwt) == (0, "ok"), 10, "the validator knowing the issuer's key")
    wait_for(lambda: system.cli("audit", "verify")["covered"] > 0, 20, "a checkpoint")


DENIED = """
import sys, client
from admin_pb2 import ListAccountsRequest, ListAccountsReply
keys = {line.split()[1]: line.split()[0] for line in open(sys.argv[1]) if len(line.split()) == 3}
admin = client.connect("tcp://admin:7103", keys["admin"].encode(), sys.argv[2])
client.call(admin, "jeton.v1.Admin/ListAccounts", ListAccountsRequest(), ListAccountsReply())
"""
PLAIN = """
import sys, zmq
socket = zmq.Context.instance().socket(zmq.DEALER)
socket.linger = 0
socket.connect("tcp://validator:7102")
from envelope_pb2 import ClientMessage
message = ClientMessage()
message.request.id, message.request.method, message.request.timeout_ms = 1, "jeton.v1.Health/Check", 2000
try:
    socket.send(message.SerializeToString(), zmq.DONTWAIT)
except zmq.Again:  # refused so soon that there is no connection to send on any more
    pass
print("answered" if socket.poll(2000) else "nothing")
"""


@test("a service in another container: with its own key it validates, with another role's method it is refused, without a key it gets nothing")
def caller(system):
    # As deploy/README.md tells.
    system.init("keys", "add", "shop", "--role", "caller", "--dir", f"{HOME}/keys")
    system.init()
    system.reload()
    directory = os.path.join(system.directory, "shop")
    os.mkdir(directory)
    container = system.one("init", every=True)
    for name in ("peers", "curve/shop.key", "curve/shop.key_secret"):
        docker("cp", f"{container}:{HOME}/keys/{name}", directory)
    for name in os.listdir(directory):
        os.chmod(os.path.join(directory, name), 0o600)
        os.chown(os.path.join(directory, name), 7200, 7200)
    volumes = [f"{directory}:/keys:ro"]
    validate = ["python3", "/client/client.py", "tcp://validator:7102", "/keys/peers", "/keys/shop.key_secret"]
    done = system.client("shop", *validate, volumes=volumes, input=system.token["value"])
    expect(done.stdout.startswith("DECISION_ALLOW "), done.stdout)
    done = system.client("shop", "python3", "-c", "import sys; sys.path.insert(0, '/client')" + DENIED, "/keys/peers", "/keys/shop.key_secret",
                         volumes=volumes, check=1)
    expect("PERMISSION_DENIED" in done.stderr, done.stderr)
    expect_equal(system.client("nobody", "python3", "-c", PLAIN).stdout, "nothing\n")
    stranger = os.path.join(system.directory, "stranger")
    os.mkdir(stranger, 0o777)
    os.chmod(stranger, 0o777)
    made = ["python3", "-c", "import zmq.auth; zmq.auth.create_certificates('/made', 'stranger')"]
    system.client("stranger", *made, volumes=[f"{stranger}:/made"])
    done = system.client("stranger", *validate[:4], "/made/stranger.key_secret", volumes=[*volumes, f"{stranger}:/made:ro"],
                         input=system.token["value"], check=1)
    expect("no answer" in done.stderr, done.stderr)
    # Taken away again, it is refused.
    system.init("keys", "remove", "shop", "--dir", f"{HOME}/keys")
    system.init()
    system.reload()
    wait_for(lambda: system.client("shop", *validate, volumes=volumes, input=system.token["value"], check=None).returncode != 0, 10, "the refusal")


class Load:
    """Tokens living their lives at once, from a container in the mesh."""

    def __init__(self, system, seconds):
        self.container = docker("run", "-d", "--read-only", "--user", "7100:7100", "--label", f"jeton.check={system.project}",
                                "--network", f"{system.project}_mesh", "--volume", f"{system.project}_operator-keys:/keys:ro", "--entrypoint", "/client/load",
                                f"{IMAGE}-client:{VERSION}", seconds, ACTORS, system.account, "/keys/peers", "/keys/operator.key_secret",
                                "tcp://admin:7103", "tcp://validator:7102").stdout.strip()

    def finish(self):
        docker("kill", "--signal", "TERM", self.container, check=None)
        status = docker("wait", self.container).stdout.strip()
        logs = docker("logs", self.container)
        docker("rm", self.container)
        expect_equal(status, "0", f"the load saw wrong answers: {logs.stderr[-800:]}; status")
        return json.loads(re.search(r"^summary (.*)$", logs.stdout, re.M)[1])


def decided(system, container):
    """How many validations a validator has answered."""
    rows = json.loads(system.ask(container, "validator", "stats").stdout)
    return sum(row["value"] for row in rows if row["name"] in ("validator.allowed", "validator.denied"))


@test("validators from one to three and back, a second admin and auditor, under load: it spreads, and nothing fails")
def scale(system):
    load = Load(system, 120)
    first = system.one("validator")
    wait_for(lambda: decided(system, first) > 500, 20, "the load")
    system.up("--no-recreate", "--scale", "validator=3", "--scale", "admin=2", "--scale", "auditor=2")
    validators = system.containers("validator")
    expect_equal(len(validators), 3)
    wait_for(lambda: all(system.well(c, "validator") for c in validators) and all(decided(system, c) > 0 for c in validators), 30, "three validators at work")
    before = {c: decided(system, c) for c in validators}
    wait_for(lambda: sum(decided(system, c) - before[c] for c in validators) > 6000, 60, "work for three")
    shares = [decided(system, c) - before[c] for c in validators]
    print(f"#   validations of three validators: {shares}")
    expect(min(shares) > sum(shares) / 10, f"{shares} is no spread")
    states = sorted(json.loads(system.ask(c, "auditor", "health").stdout)[0]["state"] for c in system.containers("auditor"))
    expect_equal(states, ["serving", "standby"], "two auditors")
    expect_equal(len(system.containers("admin")), 2)
    began = time.monotonic()
    system.up("--no-recreate", "--scale", "validator=1", "--scale", "admin=1", "--scale", "auditor=1")
    print(f"#   back to one each in {time.monotonic() - began:.0f} s")
    left = system.one("validator")
    now = decided(system, left)
    wait_for(lambda: decided(system, left) > now + 500, 20, "the validator that is left doing all")
    used = docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *system.containers()).stdout
    print("#   memory: " + ", ".join(line.split("/")[0].strip() for line in sorted(used.splitlines())))
    summary = load.finish()
    print(f"#   {summary}")
    sizes = system.sql("select string_agg(t || ' ' || pg_total_relation_size(t::regclass) / greatest(n, 1), ', ') from (values "
                       "('trail', (select count(*) from trail)), ('tokens', (select count(*) from tokens))) as s (t, n)")
    print(f"#   bytes a row: {sizes}")
    expect_equal((summary["wrong"], summary["undecided"]), (0, 0), "wrong or undecided")
    # Calls that were under way to what was removed: one of each actor, and one more when its next was sent before the connection went.
    expect(summary["unanswered"] <= 2 * ACTORS and summary["refused"] + summary["uncertain"] <= 2 * ACTORS, f"{summary}")
    system.wait_well()


def crash(system, container):
    """It ends as if it had crashed: nobody asked Docker to end it."""
    os.kill(system.inspect(container)["State"]["Pid"], 9)


@test("what crashes is started again, and the others stay: each service, and PostgreSQL")
def crashes(system):
    for service in (*SERVICES, "postgres"):
        container = system.one(service)
        others = {c: system.inspect(c)["State"]["StartedAt"] for c in system.containers() if c != container}
        restarts = system.inspect(container)["RestartCount"]
        began = time.monotonic()
        crash(system, container)
        wait_for(lambda: system.inspect(container)["RestartCount"] > restarts and system.inspect(container)["State"]["Running"], 15, f"{service} again")
        system.wait_well(30)
        wait_for(lambda: system.validate() == (0, "ok"), 20, "validation")
        print(f"#   {service}: all well after {time.monotonic() - began:.1f} s")
        expect_equal({c: system.inspect(c)["State"]["StartedAt"] for c in others}, others, "the others")


@test("docker kill of each service and of PostgreSQL: the others wait for it, and go on when `up` brings it back")
def kills(system):
    for service in (*SERVICES, "postgres"):
        others = {c: system.inspect(c)["State"]["StartedAt"] for c in system.containers() if c != system.one(service)}
        docker("kill", system.one(service))
        if service == "postgres":
            wait_for(lambda: not system.well(system.one("admin"), "admin"), 30, "admin saying so")
            # What the validator has in memory goes on for longer than its limit, because all that write say that the database is down.
            began = time.monotonic()
            while time.monotonic() < began + 8:
                expect_equal(system.validate(), (0, "ok"), "from memory, without the database")
        elif service != "validator":
            expect_equal(system.validate(), (0, "ok"), f"without {service}")
        system.up("--no-recreate")
        system.wait_well(60)
        wait_for(lambda: system.validate() == (0, "ok"), 20, "validation")
        expect_equal({c: system.inspect(c)["State"]["StartedAt"] for c in others}, others, "the others")


@test("the sample API behind nginx, as deploy/README.md plays with it: curl gets a token, and sees 200, 401, 403 and 429")
def sample(system):
    with open(os.path.join(TOP, "deploy/README.md"), encoding="utf-8") as f:
        block = re.search(r"<!-- sample -->\n```sh\n(.*?)```\n<!-- end of the sample -->", f.read(), re.S)[1]
    wanted = re.findall(r"# prints: (.*)", block)
    expect_equal([line.split()[1] for line in wanted if line.startswith("HTTP")], ["200", "401", "403", "200", "429"])
    # This project's ports, and files where nobody else looks. The certificate is the operator's own by now (above), which stands for its CA.
    system.environment["COMPOSE_FILE"] = f"{TOP}/docker-compose.yml:{TOP}/deploy/sample.yml"
    for shown, here in ((r"export COMPOSE_FILE=.*", ""), ("localhost:8443", f"localhost:{system.https}"), ("localhost:8444", f"localhost:{system.sample}"),
                        ("docker-compose", shlex.join(system.command)), (r"tls-ca\.pem \.", "tls.pem tls-ca.pem")):
        block, n = re.subn(shown, here, block)
        expect(n, f"deploy/README.md does not have {shown}")
    place = os.path.join(system.directory, "sample")
    os.mkdir(place)
    done = run("bash", "-c", f"set -euo pipefail; cd {place}\n{block}", environment=system.environment, check=None)
    position = 0
    for text in wanted:
        position = done.stdout.find(text, position) + len(text)
        expect(position >= len(text), f"{text} is not in what was printed, or not in this place: {SECRETS.sub('…', done.stdout + done.stderr)[-3000:]}")
    expect_equal((done.returncode, os.listdir(place)), (0, ["tls-ca.pem"]), done.stderr[-800:])
    is_hardened(system, [system.one("sample"), system.one("gateway")])
    found = SECRETS.search(docker("logs", system.one("sample")).stdout)
    expect(not found, f"nginx' log shows a secret: {found and found.group()[:9]}…")


@test("SIGTERM ends every process in order, within its grace")
def ends(system):
    found = {s: system.one(s) for s in (*SERVICES, "postgres")}
    began = time.monotonic()
    system.compose("stop")
    print(f"#   stopped in {time.monotonic() - began:.0f} s")
    for service, container in found.items():
        expect_equal(system.inspect(container)["State"]["ExitCode"], 0, service)


@test("down and up again: the data is kept")
def down_up(system):
    system.down()
    expect_equal(system.containers(every=True), [])
    system.environment["COMPOSE_FILE"] = "docker-compose.yml"  # without the sample
    system.up()
    system.wait_well()
    expect_equal(system.validate(), (0, "ok"))
    expect(system.cli("token", "show", system.token["id"])["name"] == "Shop", "the token's name")
    expect(system.cli("audit", "verify")["covered"] > 0, "the trail")


@test("keys are rotated: a process's CURVE key, and the sealing key")
def rotate(system):
    before = system.read_keys()[1]
    system.init("keys", "replace", "validator", "--dir", f"{HOME}/keys")
    system.init()
    system.reload()
    system.compose("restart", "validator")
    system.wait_well()
    expect_equal(system.validate(), (0, "ok"))
    system.init("keys", "reseal", "--dir", f"{HOME}/keys")
    system.init()
    system.reload()
    system.compose("restart", "issuer")
    system.wait_well()
    for _ in range(2):
        system.jeton("keys", "rotate", "--force")
    versions = system.sql("select distinct get_byte(private_key, 3) from signing_keys where state in (1, 2)")
    expect_equal(versions, "2", "versions of the sealing key in use")
    jwt = system.jeton("login", "alice", "--token-only", input="correct horse battery\n").stdout
    wait_for(lambda: system.validate(jwt) == (0, "ok"), 15, "the new signing key")
    after = system.read_keys()[1]
    changed = {name for name in after if after[name] != before.get(name)}
    expect_equal(changed, {"peers", "seal.keys", "curve/validator.key", "curve/validator.key_secret"})


def schema_version(system):
    return int(system.sql("select max(version) from schema_migrations"))


@test("backup and restore: pg_dump and the keys, into a project that has nothing")
def backup(system):
    # As deploy/README.md tells.
    dump = docker("exec", system.one("postgres"), "pg_dump", "--username", "jeton", "--format", "custom", "jeton", text=False).stdout
    keys, before = system.read_keys()
    covered = system.cli("audit", "verify")["covered"]
    system.down("-v")
    system.compose("up", "secrets")
    docker("cp", "-", f"{system.one('secrets', every=True)}:{HOME}/keys", input=keys, text=False)
    system.compose("run", "--rm", "-T", "init")
    psql = ("exec", system.one("postgres"), "psql", "--username", "jeton", "--quiet", "--command")
    docker(*psql, "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner", "jeton")
    docker("exec", "-i", system.one("postgres"), "pg_restore", "--username", "jeton", "--dbname", "jeton", "--single-transaction", input=dump, text=False)
    docker(*psql, "TRUNCATE writers", "jeton")
    system.up()
    system.wait_well()
    expect_equal(system.read_keys()[1], before)
    expect_equal(system.validate(), (0, "ok"))
    expect(system.cli("audit", "verify")["covered"] >= covered, "the trail")
    jwt = system.jeton("login", "alice", "--token-only", input="correct horse battery\n").stdout
    wait_for(lambda: system.validate(jwt) == (0, "ok"), 15, "signing in")


@test("upgrade: a version with one more migration takes the database over, and the older one refuses it then")
def upgrade(system):
    old = schema_version(system)
    system.environment["JETON_VERSION"] = "next"
    system.up()
    system.wait_well()
    expect_equal((schema_version(system), system.sql("select yes from upgraded")), (old + 1, "t"))
    expect_equal(system.inspect(system.one("validator"))["Config"]["Image"], f"{IMAGE}-validator:next")
    expect_equal(system.validate(), (0, "ok"))
    system.up()
    expect_equal(schema_version(system), old + 1)
    system.environment["JETON_VERSION"] = VERSION
    refused = system.init(check=None)
    expect(refused.returncode != 0 and "newer program" in refused.stderr, refused.stderr)
    expect_equal(system.validate(), (0, "ok"), "what runs is not disturbed")


@test("version 2 of Compose brings it up, scales it and takes it down as well")
def version_2(system):
    if not V2:
        raise Skip("there is no version 2 of Compose here")
    other = Compose(V2)
    try:
        other.up()
        other.wait_well()
        expect_equal(other.jeton("health").returncode, 0)
        other.up("--no-recreate", "--scale", "validator=2")
        other.wait_well()
        expect_equal(len(other.containers("validator")), 2)
        other.finish()
    except Exception:
        other.failed = True
        raise
    finally:
        other.destroy()


if __name__ == "__main__":
    main(Compose)
