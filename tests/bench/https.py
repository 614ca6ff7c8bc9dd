"""Loads over HTTPS: wrk, with connections that are kept, from one thread."""

import contextlib
import os
import shutil
import socket
import subprocess
from json import loads

from floors import TOOLS, run
from forward import NGINX, Nginx, temporary_paths
from harness import TOP, expect, free_port, wait_for
from systems import SETTINGS

CONNECTIONS = 64
# What wrk says of itself at its end, as JSON in the last line.
REPORT = """
function done (summary, latency)
    local errors = summary.errors
    io.write (string.format ('\\n{"answers": %d, "seconds": %f, "refused": %d, "lost": %d, "p50": %f, "p99": %f}\\n', summary.requests, summary.duration / 1e6, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout, latency:percentile (50) / 1000, latency:percentile (99) / 1000))
end
"""
# Each request comes from another network: what a client may ask for from one (of IPv6, a /64) is limited (R20). The gateway takes us for a proxy that says so.
GRANTS = """
math.randomseed (os.time ())
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.body = "grant_type=client_credentials&client_id={client}&client_secret={secret}"
function request ()
    wrk.headers["X-Forwarded-For"] = string.format ("2001:db8:%x:%x::1", math.random (0, 65535), math.random (0, 65535))
    return wrk.format ()
end
"""
BEARER = 'wrk.headers["Authorization"] = "Bearer {token}"\n'


def gateway(system):
    """The system's gateway, started when it is asked for first."""
    if "gateway" not in system.services:
        settings = {**SETTINGS, "trusted_proxies": "127.0.0.0/8", "http_connections_per_address": "4096", "auth_routes": f"{TOP}/deploy/proxies/routes.conf"}
        system.add("gateway", "gateway", settings).start()
    return system["gateway"]


def load(system, script, url, seconds):
    """wrk at work: each answer must be 200. Secrets are in the script, and not in the command line."""
    path = system.path("load.lua")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as f:
        f.write(script + REPORT)
    said = run(["wrk", "-t", 1, "-c", CONNECTIONS, "-d", f"{seconds}s", "--timeout", "10s", "-s", path, url], timeout=seconds + 120)
    result = loads(said.strip().splitlines()[-1])
    expect(result["refused"] == 0 and result["lost"] == 0 and result["answers"] > 0, f"not all was answered with 200: {result}")
    return {**result, "rate": result["answers"] / result["seconds"]}


def grants(system, path, seconds):
    """Tokens by client_credentials, all of which were given. path: of the client's id and secret."""
    server = gateway(system)
    with open(path, encoding="ascii") as f:
        client, secret = f.read().split()
    ran = system["gateway"].ran_s()
    result = load(system, GRANTS.format(client=client, secret=secret), f"https://127.0.0.1:{server.ports['tls']}/oauth/token", seconds)
    ran = system["gateway"].ran_s() - ran
    return {"rate": result["rate"], "p50": result["p50"], "p99": result["p99"], "gateway": 1e6 * ran / result["answers"]}


# ---- forward-auth --------------------------------------------------------------------------------------------------

ASKED = "/auth?module=orders&access=read"
# An API, and what decides for it, that do nothing.
STATIC = """
worker_processes auto;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    {temporary}
    server {{ listen 127.0.0.1:{api}; return 200 "ok"; }}
    server {{ listen 127.0.0.1:{decision}; return 204; }}
}}
"""


def bearer(system):
    """wrk's script for a token that may read orders, made when it is asked for first."""
    path = system.path("bearer")
    if not os.path.exists(path):
        account = system.cli("account", "list")[0]["id"]
        made = system.cli("token", "create", "--account", account, "--name", "bench", "--kind", "service", "--module", "orders:read")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as f:
            f.write(BEARER.format(token=made["value"]))
    with open(path, encoding="ascii") as f:
        return f.read()


@contextlib.contextmanager
def ended(command):
    """A program that runs meanwhile."""
    process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def listening(port):
    def found():
        with socket.create_connection(("127.0.0.1", port), 5):
            return True
    wait_for(found, 15, f"port {port}")


def answers_alone(system, seconds):
    """tests/bench/http_floor.c, asked for the same."""
    server, port, rates = gateway(system), free_port(), {}
    for scheme, files in (("plain", ()), ("tls", (server.settings["certificate"], server.settings["certificate_key"]))):
        with ended([f"{TOOLS}/http_floor", port, *files]):
            listening(port)
            rates[scheme] = load(system, bearer(system), f"{'https' if files else 'http'}://127.0.0.1:{port}{ASKED}", seconds)["rate"]
    return rates


def decisions(system, seconds):
    """The gateway's, each of them counted by the validator."""
    server, rates = gateway(system), {}
    for scheme, url in (("plain", f"http://127.0.0.1:{server.ports['proxy']}{ASKED}"), ("tls", f"https://127.0.0.1:{server.ports['tls']}{ASKED}")):
        allowed, ran = system.stat("validator", "validator.allowed"), system["gateway"].ran_s()
        result = load(system, bearer(system), url, seconds)
        rates[scheme] = result["rate"]
        rates[f"{scheme} gateway"] = 1e6 * (system["gateway"].ran_s() - ran) / result["answers"]
        expect(system.stat("validator", "validator.allowed") - allowed >= result["answers"], "the validator did not decide about all")
    return rates


def through_nginx(system, seconds, static_decision=False):
    """nginx as deploy/proxies has it, in front of an API that does nothing. static_decision: 204, instead of the gateway's."""
    server, directory = gateway(system), system.path("nginx-static")
    api, static = free_port(), free_port()
    os.makedirs(directory, exist_ok=True)
    with open(f"{directory}/nginx.conf", "w", encoding="ascii") as f:
        f.write(STATIC.format(api=api, decision=static, temporary=temporary_paths(directory)))
    with ended([NGINX, "-p", directory, "-c", f"{directory}/nginx.conf", "-e", f"{directory}/error.log", "-g", f"daemon off; pid {directory}/pid;"]):
        listening(static)
        shutil.rmtree(system.path("nginx"), ignore_errors=True)
        nginx = Nginx(system.path("nginx"), static if static_decision else server.ports["proxy"], api, server.settings["certificate"], server.settings["certificate_key"])
        try:
            nginx.start()
            return {"rate": load(system, bearer(system), f"https://127.0.0.1:{nginx.port}/v1/orders/7", seconds)["rate"]}
        finally:
            nginx.stop()
