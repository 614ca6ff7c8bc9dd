#!/usr/bin/python3
"""README.md's tour, its commands run literally, one block after the other in one shell, on a system of its own.

The blocks are those marked ```sh between <!-- tour --> and <!-- end of the tour -->. A line that starts with # is a
comment for people; `# prints: TEXT` must be in what its block prints. The ports of the gateway and of nginx are others than those of make run.
"""
import os
import re
import subprocess

from harness import DEFECTS, TOP, System, expect, free_port, main, test


class Local(System):
    """As make run leaves it: with a gateway that has the certificate of keys init, and what deploy/local/sample looks for."""

    def __init__(self):
        super().__init__({"gateway": 1}, start=False)
        gateway = self["gateway"]
        gateway.settings.update(certificate=f"{self.keys}/tls.pem", certificate_key=f"{self.keys}/tls.key")
        os.symlink(f"{TOP}/deploy", self.path("deploy"))
        os.symlink(gateway.conf_path, self.path("var", "gateway.conf"))
        self.base = free_port(89)
        self.start()


def blocks(https, sample):
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as f:
        tour = re.search(r"<!-- tour -->(.*?)<!-- end of the tour -->", f.read().replace("localhost:7143", f"localhost:{https}").replace("localhost:7144", f"localhost:{sample}"), re.S)
    expect(tour, "README.md has no tour")
    return re.findall(r"^```sh\n(.*?)^```", tour.group(1), re.M | re.S)


@test("the tour's commands do what the tour says")
def tour(system):
    found = blocks(system["gateway"].ports["tls"], system.base + 44)
    expect(len(found) >= 5, f"only {len(found)} blocks")
    # The script goes on after a command that fails, as a person would; only "deny" may be such an end.
    script = "set -uo pipefail; trap 'status=$?; echo \"@status $status: $BASH_COMMAND\"' ERR\n"
    for i, block in enumerate(found):
        script += f"echo '@@ {i}'\n{block}"
    run = subprocess.run(["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=240, cwd=system.directory, env=system.environment({"JETON_PORT_BASE": str(system.base)}), check=False)
    expect(not DEFECTS.search(run.stdout), run.stdout)
    outputs = re.split(r"^@@ \d+\n", run.stdout, flags=re.M)[1:]
    for status, command in re.findall(r"^@status (\d+): (.*)", run.stdout, re.M):
        expect(status == "1" and "jeton validate" in command, f"exit status {status} of {command}: {run.stdout}")
    for block, output in zip(found, outputs):
        for wanted in re.findall(r"# prints: (.*)", block):
            expect(wanted in output, f"{wanted!r} is not in what this printed:\n{block}{output}")


main(Local)
