#!/usr/bin/python3
"""testssl.sh: which TLS the gateway speaks, and what is known to go wrong with TLS (R27)."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scenario"))
from harness import PATIENCE, System, expect, expect_equal, main, test  # noqa: E402

WEAK = ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT", "cipherlist_LOW", "cipherlist_3DES_IDEA", "cipherlist_AVERAGE")
VULNERABILITIES = ("heartbleed", "CCS", "ticketbleed", "ROBOT", "secure_renego", "CRIME_TLS", "BREACH", "POODLE_SSL", "SWEET32", "FREAK", "DROWN", "LOGJAM", "BEAST",
                   "LUCKY13", "RC4")


def gateway():
    return System({"gateway": 1}, {})


@test("testssl.sh is asked for protocols, ciphers, forward secrecy and vulnerabilities")
def asked(system):
    path = system.path("testssl.json")
    command = ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--connect-timeout", "10", "--openssl-timeout", "20", "--jsonfile", path,
               "--protocols", "--standard", "--server-preference", "--pfs", "--vulnerable", f"127.0.0.1:{system['gateway'].ports['tls']}"]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300 * PATIENCE, check=False)
    print("\n".join("# " + line for line in run.stdout.splitlines()), flush=True)
    with open(path, encoding="utf-8") as f:
        system.found = {row["id"]: row for row in json.load(f)}


@test("no weak protocol or cipher is offered")
def weak(system):
    for name in WEAK:
        expect(system.found[name]["finding"].startswith("not offered"), f"{name}: {system.found[name]['finding']}")


@test("TLS 1.2 and 1.3 are, with forward secrecy and authenticated encryption only")
def strong(system):
    for name in ("TLS1_2", "TLS1_3", "cipherlist_STRONG", "PFS"):
        expect(system.found[name]["finding"].startswith("offered") and system.found[name]["severity"] == "OK", f"{name}: {system.found[name]}")
    ciphers = system.found["PFS_ciphers"]["finding"].split()
    expect(ciphers and not [name for name in ciphers if "GCM" not in name and "CHACHA20" not in name and "CCM" not in name], f"ciphers: {ciphers}")


@test("nothing that is known to be vulnerable")
def vulnerable(system):
    expect_equal([name for name in VULNERABILITIES if system.found[name]["severity"] not in ("OK", "INFO")], [], "of the vulnerabilities")
    serious = {name: row["finding"] for name, row in system.found.items() if row["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL")}
    serious.pop("secure_client_renego", None)
    expect_equal(serious, {}, "what is worth a look")


# testssl.sh goes by the exit status of openssl, which is 0 when the connection is closed for it, or when its input ends first.
@test("a client that wants to renegotiate is left")
def renegotiated(system):
    command = ["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{system['gateway'].ports['tls']}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as client:
        try:
            client.stdin.write("R\n")
            client.stdin.flush()
            client.wait(timeout=10 * PATIENCE)  # its input does not end before
        finally:
            client.kill()
        said = client.stdout.read().split("RENEGOTIATING", 1)
    expect(len(said) == 2 and "closed" in said[1] and "verify return" not in said[1], f"it said: {said}")


main(gateway)
