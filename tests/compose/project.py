"""A project of docker-compose.yml: its commands, its containers, and its end."""
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scenario"))
from harness import SECRETS, TOP, Failed, expect, expect_equal, free_port, wait_for  # noqa: E402

IMAGE, VERSION = os.environ["JETON_IMAGE"], os.environ["JETON_VERSION"]
SERVICES = {"issuer": 7101, "validator": 7102, "admin": 7103, "auditor": 7104, "gateway": 7105}
HOME = "/var/lib/jeton"


def run(*command, check=0, input=None, timeout=120, text=True, environment=None):
    """A command; check: the exit status that it must have, None for any."""
    done = subprocess.run(list(map(str, command)), input=input if input is not None else ("" if text else b""), capture_output=True, text=text,
                          timeout=timeout, check=False, cwd=TOP, env=environment)
    if check is not None and done.returncode != check:
        error = done.stderr if text else done.stderr.decode(errors="replace")
        raise Failed(f"{' '.join(map(str, command))}: exit status {done.returncode} instead of {check}: {(error or str(done.stdout))[-1500:]}")
    return done


def docker(*arguments, **options):
    return run("docker", *arguments, **options)


class Compose:
    """A project of its own of the compose file."""

    def __init__(self, command=None):
        self.failed = False
        self.directory = tempfile.mkdtemp(prefix="jeton-compose-")
        os.chmod(self.directory, 0o755)
        self.project = f"jetoncheck{os.getpid()}{'v2' if command else ''}"
        self.command = command or shlex.split(os.environ.get("JETON_COMPOSE", "")) or \
            (["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"])
        # Only what is set here, whatever .env says: these go before it.
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("JETON_", "POSTGRES_", "COMPOSE_"))}
        self.environment.update(COMPOSE_PROJECT_NAME=self.project, COMPOSE_FILE="docker-compose.yml", JETON_IMAGE=IMAGE, JETON_VERSION=VERSION,
                                JETON_CHECKPOINT_INTERVAL_S="1", JETON_LOG_LEVEL="info")
        # Ports of this host are shared with whatever else runs there.
        self.https, self.status, self.sample = free_port(), free_port(), free_port()
        self.environment.update(GATEWAY_PORT=str(self.https), GATEWAY_STATUS_PORT=str(self.status), SAMPLE_PORT=str(self.sample),
                                JETON_ISSUER_URL=f"https://localhost:{self.https}")
        self.account = self.token = None
        self.load = None

    # ---- commands ----

    def compose(self, *arguments, **options):
        return run(*self.command, *arguments, environment=self.environment, **{"timeout": 240, **options})

    def up(self, *arguments):
        done = self.compose("up", "-d", *arguments, check=None)
        if done.returncode != 0:
            said = [docker("logs", "--tail", "5", c, check=None).stderr for s in ("secrets", "init", "postgres") for c in self.containers(s, every=True)]
            raise Failed(f"up {' '.join(arguments)}: exit status {done.returncode}: {done.stderr[-800:]}; what they said: {' '.join(said)}")

    def jeton(self, *arguments, **options):
        """As the operator."""
        return self.compose("run", "--rm", "-T", "cli", *arguments, **options)

    def cli(self, *arguments, **options):
        return json.loads(self.jeton("--json", *arguments, **options).stdout)

    def init(self, *arguments, **options):
        return self.compose("run", "--rm", "-T", "--no-deps", "init", *arguments, **options)

    def validate(self, value=None, check=None):
        """The exit status and the reason."""
        done = self.jeton("--json", "validate", "--module", "orders", input=value or self.token["value"], check=check)
        return done.returncode, json.loads(done.stdout or done.stderr).get("reason")

    def down(self, *arguments):
        done = self.compose("down", *arguments, check=None)
        if done.returncode != 0:
            attached = docker("network", "inspect", "-f", "{{range .Containers}}{{.Name}} {{end}}", f"{self.project}_mesh", check=None).stdout.strip()
            raise Failed(f"docker-compose down: exit status {done.returncode}: {done.stderr[-800:]}; in the mesh: {attached}")

    # ---- containers ----

    def containers(self, service=None, every=False):
        labels = ["--filter", f"label=com.docker.compose.project={self.project}", "--filter", "label=com.docker.compose.oneoff=False"]
        if service:
            labels += ["--filter", f"label=com.docker.compose.service={service}"]
        return docker("ps", "-q", "--no-trunc", *(["-a"] if every else []), *labels).stdout.split()

    def one(self, service, every=False):
        found = self.containers(service, every)
        expect_equal(len(found), 1, f"containers of {service}")
        return found[0]

    @staticmethod
    def inspect(container):
        return json.loads(docker("inspect", container).stdout)[0]

    def ask(self, container, service, what):
        """`jeton health` or `jeton stats` about itself."""
        return docker("exec", container, "jeton", "--json", what, service, "--endpoint", f"tcp://127.0.0.1:{SERVICES[service]}", check=None)

    def well(self, container, service):
        return self.ask(container, service, "health").returncode == 0

    def all_well(self):
        for service in SERVICES:
            found = self.containers(service)
            expect(found and all(self.well(c, service) for c in found), f"{service} is not well")
        return True

    def wait_well(self, timeout=60):
        wait_for(self.all_well, timeout, "all being well")

    def reload(self):
        for service in SERVICES:
            for container in self.containers(service):
                docker("exec", container, "jeton", "reload")

    def sql(self, statement):
        return docker("exec", self.one("postgres"), "psql", "-XAtqc", statement, "--username", "jeton", "jeton").stdout.strip()

    def read_keys(self):
        """The files of the volume `keys`, read from the container that has done its work."""
        archive = docker("cp", f"{self.one('init', every=True)}:{HOME}/keys/.", "-", text=False).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            return archive, {m.name.removeprefix("./"): tar.extractfile(m).read() for m in tar if m.isfile()}

    def client(self, name, *command, network="mesh", volumes=(), check=0, **options):
        """A container beside the system, as another service of the mesh would be."""
        mounts = [part for v in volumes for part in ("--volume", v)]
        return docker("run", "--rm", "-i", "--read-only", "--cap-drop", "ALL", "--label", f"jeton.check={self.project}", "--name", f"{self.project}-{name}",
                      "--network", f"{self.project}_{network}", *mounts, "--entrypoint", command[0], f"{IMAGE}-client:{VERSION}", *command[1:],
                      check=check, **options)

    # ---- the end, as harness.main calls it ----

    def finish(self):
        for container in self.containers():
            log = docker("logs", container).stderr
            found = SECRETS.search(log)
            expect(not found, f"a log shows a secret: {found and found.group()[:9]}…")
        self.down("-v", "--remove-orphans")
        for what in (["ps", "-aq"], ["volume", "ls", "-q"], ["network", "ls", "-q"]):
            left = docker(*what, "--filter", f"label=com.docker.compose.project={self.project}").stdout
            expect_equal(left, "", f"docker {' '.join(what)} after down")

    def destroy(self):
        if self.failed:
            for container in self.containers(every=True):
                said = docker("logs", "--tail", "15", container, check=None)
                print(f"--- {self.inspect(container)['Name']}", *SECRETS.sub("…", said.stdout + said.stderr).splitlines(), sep="\n#   ")
        for container in docker("ps", "-aq", "--filter", f"label=jeton.check={self.project}").stdout.split():
            docker("rm", "-f", container, check=None)
        if not os.environ.get("JETON_KEEP"):
            self.compose("down", "-v", "--remove-orphans", check=None)
            shutil.rmtree(self.directory, ignore_errors=True)
