"""The system that clients which others wrote are tried on: a gateway in front of all, an account with users, a web application and an integration."""
import json
import os
import subprocess
import sys

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scenario"))
from administer import Admin, types  # noqa: E402
from harness import PATIENCE, TOP, System, expect_equal, free_port  # noqa: E402

PASSWORD = "correct horse battery & staple"
SCOPES = ["module:orders:write", "module:stock:read"]


def jwk():
    """A key that a client signs with, private part and all."""
    key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1())))
    return {**key, "kid": "one", "alg": "ES256", "use": "sig"}


def shop():
    """settings: what the clients need to know."""
    system = System({"gateway": 1}, {"issuer": {"login_address_per_minute": "60000", "token_client_per_minute": "60000"}}, start=False)
    gateway, port = system["gateway"], free_port(2)
    url = gateway.settings["public_url"]
    for kind in ("issuer", "validator", "admin"):
        system[kind].settings["issuer"] = url
    system.start()
    a = Admin(system)
    for module in ("orders", "stock"):
        a.ok("CreateModule", name=module)
    account = a.ok("CreateAccount", name="Acme", modules=["orders", "stock"]).account.id
    users = {name: a.ok("CreateUser", account_id=account, username=name, name=name.title(), role=types.USER_ROLE_MEMBER, password=PASSWORD).user.id for name in ("ada", "bert")}
    back = {"https": f"https://127.0.0.1:{port}/back", "http": f"http://127.0.0.1:{port + 1}/back"}
    key = jwk()
    clients = {}
    for name, kind, fields in (("desk", types.CLIENT_KIND_WEBAPP, {"redirect_uris": list(back.values())}), ("erp", types.CLIENT_KIND_INTEGRATION, {}),
                               ("signer", types.CLIENT_KIND_INTEGRATION, {"jwks": json.dumps({"keys": [{k: v for k, v in key.items() if k != "d"}]})})):
        made = a.ok("CreateClient", account_id=account, name=name, kind=kind, scopes=SCOPES, **fields)
        clients[name] = {"client_id": made.client.id, "client_secret": made.secret}
    system.shop = {"url": url, "plain": f"http://127.0.0.1:{gateway.ports['plain']}", "certificate": gateway.settings["certificate"],
                    "certificate_key": gateway.settings["certificate_key"], "username": "ada", "user": users["ada"], "other": "bert", "password": PASSWORD, "account": account,
                    "back": back, "port": port, "scopes": SCOPES, "key": key, **clients}
    return system


def node(system, script):
    """Play a script of this directory; its tests' lines are ours."""
    path = system.path("shop.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(system.shop, f)
    run = subprocess.run(["node", "--test-reporter=tap", f"{TOP}/tests/e2e/{script}"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120 * PATIENCE, check=False,
                          env={**system.environment(), "NODE_PATH": f"{TOP}/build/e2e/node_modules", "JETON_SHOP": path})
    print(run.stdout, run.stderr, sep="", end="", flush=True)
    expect_equal(run.returncode, 0, f"exit status of {script}")


def curl(system, path, *arguments, status=200, trust=True):
    """The response's body. path: below the gateway's URL, or a URL."""
    url = path if path.startswith("http") else system.shop["url"] + path
    command = ["curl", "--silent", "--show-error", "--max-time", str(int(20 * PATIENCE)), "--write-out", "\n%{http_code} %{redirect_url}", *arguments, url]
    if trust:
        command[1:1] = ["--cacert", system.shop["certificate"]]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30 * PATIENCE, check=False)
    expect_equal(run.returncode, 0 if trust else 60, f"{path}: {run.stderr}")
    body, _, last = run.stdout.rpartition("\n")
    if trust:
        expect_equal(last.split(" ")[0], str(status), f"{path}: {body}")
    system.redirect = last.partition(" ")[2]
    return body


def basic(system, name):
    return ["--user", f"{system.shop[name]['client_id']}:{system.shop[name]['client_secret']}"]


def form(**fields):
    return [part for name, value in fields.items() for part in ("--data-urlencode", f"{name}={value}")]
