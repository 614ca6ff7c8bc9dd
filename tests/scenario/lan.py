"""Networks of a scenario's own, whose wires can be taken down: packets vanish, and nobody is told.

    lan.enter()                       # before all else: the scenario goes on in namespaces of its own, where that is allowed
    if not lan.missing():
        network = lan.Lan()
        network.switch("front", 1)    # a bridge; here it has the address lan.address(1)
        host = network.host("v1")     # a network namespace, as `ip netns add` makes it
        wire = network.plug(host, "front")
        subprocess.Popen([*host.within, …])     # runs there, and is reached at wire.address
        wire.down(); wire.up()

It takes root, or a kernel that lets everybody have user namespaces; otherwise missing() says why there are none. The scenario and whatever it starts are in a network namespace and in
a mount namespace that nothing but these processes holds. So what is made here is gone with the last of them, however they end, and no interface or file of the
machine's is seen or touched."""
import os
import subprocess
import sys

# What the scenario begins with, in new namespaces: names of further ones are files below /run/netns.
BEGIN = "mount -t tmpfs -o mode=755 none /run; ip link set lo up; "
TRIAL = BEGIN + ("ip link add trial type bridge; ip netns add trial; ip link add wire type veth peer name wire netns trial;"
                 "ip link set wire master trial; nsenter --net=/run/netns/trial ip link set lo up")
ENTERED = "JETON_LAN"  # the process that has entered; its children have other numbers
REASON = ["lan.enter() was not called"]
HERE = 254             # the last part of this process's addresses


def enter():
    """Returns in namespaces of the scenario's own, or where it was when there can be none."""
    if os.environ.get(ENTERED) == str(os.getpid()):
        REASON.clear()
        return
    apart = ["unshare", "--net", "--mount"] + ([] if os.getuid() == 0 else ["--user", "--map-current-user", "--keep-caps"])
    try:
        trial = subprocess.run([*apart, "sh", "-ec", TRIAL], capture_output=True, text=True, check=False)
        REASON[0] = trial.stderr.strip().replace("\n", "; ") or f"exit status {trial.returncode}"
        possible = trial.returncode == 0
    except OSError as error:
        REASON[0], possible = str(error), False
    if possible:
        sys.stdout.flush()
        os.environ[ENTERED] = str(os.getpid())
        os.execvp(apart[0], [*apart, "sh", "-ec", BEGIN + 'exec "$@"', "sh", sys.executable, "-B", *sys.argv])
    print(f"# there are no network namespaces here: {REASON[0]}", flush=True)


def missing():
    """Why there are no networks; empty: there are."""
    return "".join(REASON)


def address(net, number=HERE):
    """Of this process in a net, or of the host of a number. 198.18.0.0/15 is what RFC 2544 leaves to tests."""
    return f"198.18.{net}.{number}"


def ip(*arguments):
    run = subprocess.run(["ip", *map(str, arguments)], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise OSError(f"ip {' '.join(map(str, arguments))}: {run.stderr.strip()}")


class Wire:
    """Its end here is taken down, so the host at the other end has an interface without a carrier: it keeps its addresses, routes and connections."""

    def __init__(self, device, at=None):
        self.device, self.address = device, at

    def down(self):
        ip("link", "set", self.device, "down")

    def up(self):
        ip("link", "set", self.device, "up")


class Host:
    def __init__(self, name, number):
        self.name, self.number = name, number
        self.within = ["nsenter", f"--net=/run/netns/{name}"]
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")


class Lan:
    def __init__(self):
        self.nets = {}  # of each switch
        self.hosts = self.wires = 0

    def switch(self, name, net, here=True):
        """Switches of the same net are to be joined. here: this process has an address there."""
        self.nets[name] = net
        ip("link", "add", name, "type", "bridge")
        if here:
            ip("address", "add", f"{address(net)}/24", "dev", name)
        ip("link", "set", name, "up")

    def host(self, name):
        self.hosts += 1
        return Host(name, self.hosts)

    def plug(self, host, switch):
        """A wire from a host to a switch; the host's interface is called as the switch."""
        self.wires += 1
        wire = Wire(f"wire{self.wires}", address(self.nets[switch], host.number))
        ip("link", "add", wire.device, "type", "veth", "peer", "name", switch, "netns", host.name)
        ip("-n", host.name, "address", "add", f"{wire.address}/24", "dev", switch)
        ip("-n", host.name, "link", "set", switch, "up")
        ip("link", "set", wire.device, "master", switch, "up")
        return wire

    def join(self, one, other):
        """A wire between two switches."""
        self.wires += 1
        wire = Wire(f"wire{self.wires}")
        ip("link", "add", wire.device, "type", "veth", "peer", "name", f"{wire.device}b")
        ip("link", "set", f"{wire.device}b", "master", other, "up")
        ip("link", "set", wire.device, "master", one, "up")
        return wire
