#!/usr/bin/python3
"""README.md's tour, its commands run literally, one block after the other in one shell, on a system of its own.

The blocks are those marked ```sh between <!-- tour --> and <!-- end of the tour -->. A line that starts with # after a command is a
comment for people. A block may end in ```: what it prints is not compared, but a line `# prints: TEXT` in it must hold.
"""
import os
import re
import subprocess

from harness import DEFECTS, TOP, System, expect, main, test


def blocks():
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as f:
        tour = re.search(r"<!-- tour -->(.*?)<!-- end of the tour -->", f.read(), re.S)
    expect(tour, "README.md has no tour")
    return re.findall(r"^```sh\n(.*?)^```", tour.group(1), re.M | re.S)


@test("the tour's commands do what the tour says")
def tour(system):
    found = blocks()
    expect(len(found) >= 5, f"only {len(found)} blocks")
    script = "set -euo pipefail\n"
    for i, block in enumerate(found):
        script += f"echo '@@ {i}'\n{block}"
    run = subprocess.run(["bash", "-c", script], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, cwd=system.directory,
                         env=system.environment(), check=False)
    outputs = re.split(r"^@@ \d+\n", run.stdout, flags=re.M)[1:]
    expect(run.returncode == 0, f"exit status {run.returncode} in block {len(outputs)}: {found[len(outputs) - 1]}{outputs[-1]}{run.stderr}")
    expect(not DEFECTS.search(run.stderr), run.stderr)
    for block, output in zip(found, outputs):
        for wanted in re.findall(r"# prints: (.*)", block):
            expect(wanted in output, f"{wanted!r} is not in what this printed:\n{block}{output}")


main(System)
