"""Loads over HTTPS: wrk, with connections that are kept, from one thread."""

import os
from json import loads

from floors import run
from harness import expect
from systems import SETTINGS

CONNECTIONS = 64
# Each request comes from another address: what a client may ask for from one is limited (R20). The gateway takes us for a proxy that says so.
GRANTS = """
math.randomseed (os.time ())
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.body = "grant_type=client_credentials&client_id={client}&client_secret={secret}"
function request ()
    wrk.headers["X-Forwarded-For"] = string.format ("2001:db8::%x:%x", math.random (0, 65535), math.random (0, 65535))
    return wrk.format ()
end
function done (summary, latency)
    local errors = summary.errors
    io.write (string.format ('\\n{{"answers": %d, "seconds": %f, "refused": %d, "lost": %d, "p50": %f, "p99": %f}}\\n', summary.requests, summary.duration / 1e6, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout, latency:percentile (50) / 1000, latency:percentile (99) / 1000))
end
"""


def gateway(system):
    """The system's gateway, started when it is asked for first."""
    if "gateway" not in system.services:
        settings = {**SETTINGS, "trusted_proxies": "127.0.0.0/8", "http_connections_per_address": "4096"}
        system.add("gateway", "gateway", settings).start()
    return system["gateway"]


def grants(system, path, seconds):
    """Tokens by client_credentials, all of which were given. path: of the client's id and secret."""
    server, script = gateway(system), system.path("grants.lua")
    with open(path, encoding="ascii") as f:
        client, secret = f.read().split()
    with open(os.open(script, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as f:
        f.write(GRANTS.format(client=client, secret=secret))
    ran = system.processor_s("gateway")
    said = run(["wrk", "-t", 1, "-c", CONNECTIONS, "-d", f"{seconds}s", "--timeout", "10s", "-s", script, f"https://127.0.0.1:{server.ports['tls']}/oauth/token"],
               timeout=seconds + 120)
    ran = system.processor_s("gateway") - ran
    result = loads(said.strip().splitlines()[-1])
    expect(result["refused"] == 0 and result["lost"] == 0 and result["answers"] > 0, f"not all were given a token: {result}")
    return {"rate": result["answers"] / result["seconds"], "p50": result["p50"], "p99": result["p99"], "gateway": 1e6 * ran / result["answers"]}
