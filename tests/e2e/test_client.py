#!/usr/bin/python3
"""The client of proto/README.md, run as it stands there, against real processes."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scenario"))
from harness import TOP, System, expect, expect_equal, main, test  # noqa: E402

STATE = {}


def client(system, token, certificate="caller"):
    """The client's exit status, output and error."""
    path = certificate if "/" in certificate else f"{system.keys}/curve/{certificate}.key_secret"
    result = subprocess.run(["/usr/bin/python3", "-B", f"{TOP}/tests/e2e/client.py", system["validator"].endpoint, f"{system.keys}/peers", path],
                            input=token, capture_output=True, text=True, timeout=60, check=False,
                            env=system.environment({"PYTHONPATH": f"{TOP}/build/python"}))
    return result.returncode, result.stdout.strip(), result.stderr.strip()


@test("a good token is allowed")
def allow(system):
    account = system.cli("account", "create", "--name", "Acme")["id"]
    system.cli("module", "create", "orders", "--title", "Orders")
    system.cli("module", "enable", "orders", "--account", account)
    STATE["token"] = system.cli("token", "create", "--account", account, "--name", "ERP", "--kind", "service", "--module", "orders:read")
    status, output, error = client(system, STATE["token"]["value"])
    expect_equal(status, 0, error)
    expect_equal(output, f"DECISION_ALLOW REASON_OK 200 {STATE['token']['id']}")


@test("a disabled token is denied, and so is one with a typing error")
def deny(system):
    system.cli("token", "disable", STATE["token"]["id"])
    expect_equal(client(system, STATE["token"]["value"])[1], f"DECISION_DENY REASON_DISABLED 401 {STATE['token']['id']}")
    value = STATE["token"]["value"]
    wrong = value[:-1] + ("A" if value[-1] != "A" else "B")
    expect_equal(client(system, wrong)[1], "DECISION_DENY REASON_MALFORMED 401")
    expect_equal(client(system, "")[1], "DECISION_DENY REASON_MISSING 401")


@test("a key that the peers file does not have gets nothing")
def unknown_key(system):
    import zmq.auth
    zmq.auth.create_certificates(system.directory, "stranger")
    began = time.monotonic()
    status, output, error = client(system, STATE["token"]["value"], system.path("stranger.key_secret"))
    expect(status != 0 and not output, f"exit status {status}, {output!r}")
    expect("TimeoutError" in error, error)
    expect(time.monotonic() - began < 10, "it took long to give up")


@test("a key whose role does not include the method gets PERMISSION_DENIED")
def wrong_role(system):
    peers = f"{system.keys}/peers"
    with open(peers, encoding="ascii") as f:
        text = f.read()
    with open(peers, "w", encoding="ascii") as f:
        f.writelines("monitor".join(line.rsplit("caller", 1)) if line.split()[1:2] == ["caller"] else line
                     for line in text.splitlines(keepends=True))
    system["validator"].restart()
    try:
        status, _output, error = client(system, STATE["token"]["value"])
        expect(status != 0 and "CODE_PERMISSION_DENIED" in error, f"exit status {status}, {error}")
    finally:
        with open(peers, "w", encoding="ascii") as f:
            f.write(text)
        system["validator"].restart()


main(System)
