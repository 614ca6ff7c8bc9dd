#!/usr/bin/python3
"""nginx as deploy/proxies has it, in front of an API: curl calls it with tokens that it got from the gateway (R17, R27, R28). Each reason is in scenario/s66_forward_auth."""
import json

from shop import basic, curl, form, shop

from forward import Api, Nginx
from harness import TOP, expect, expect_equal, main, test


def proxied():
    system = shop()
    gateway = system["gateway"]
    gateway.settings["auth_routes"] = f"{TOP}/deploy/proxies/routes.conf"
    gateway.restart()
    system.api = Api()
    system.nginx = Nginx(system.path("nginx"), gateway.ports["proxy"], system.api.port, gateway.settings["certificate"], gateway.settings["certificate_key"])
    system.nginx.start()
    return system


def access_token(system, scope):
    return json.loads(curl(system, "/oauth/token", *basic(system, "erp"), *form(grant_type="client_credentials", scope=scope)))["access_token"]


def ask(system, token, *arguments, status, path="/v1/orders/7"):
    headers = ["--header", f"Authorization: Bearer {token}"] if token else []
    return curl(system, f"https://127.0.0.1:{system.nginx.port}{path}", *headers, *arguments, status=status)


@test("an access token calls the API through nginx, which learns whose it is, and not the token")
def allowed(system):
    token = access_token(system, "module:orders:write")
    seen = json.loads(ask(system, token, "--data", "{}", status=200))
    headers = {name.lower(): value for name, value in seen["headers"]}
    expect_equal((seen["method"], headers["x-jeton-client"], headers["x-jeton-account"], headers["x-jeton-access"]), ("POST", system.shop["erp"]["client_id"], system.shop["account"], "write"))
    expect(token not in str(seen), "the token reached the API")


@test("without a token, with one that is none, or not for this, nothing reaches the API")
def denied(system):
    before = system.api.requests
    reads = access_token(system, "module:orders:read")
    ask(system, None, status=401)
    ask(system, "jtn_live_nonsense", status=401)
    ask(system, reads, "--data", "{}", status=403)
    ask(system, reads, status=403, path="/v1/stock/7")
    expect_equal(system.api.requests, before, "requests that reached the API")
    ask(system, reads, status=200)


@test("more than the rate limit is 429; a revoked token 401, at once")
def limited(system):
    made = system.cli("token", "create", "--account", system.shop["account"], "--name", "ERP", "--kind", "service", "--module", "orders:read", "--rate-limit", "1:2")
    for status in (200, 200, 429):
        ask(system, made["value"], status=status)
    token = access_token(system, "module:orders:read")
    ask(system, token, status=200)
    curl(system, "/oauth/revoke", *basic(system, "erp"), *form(token=token))
    ask(system, token, status=401)


@test("nginx ends, and its log shows no token")
def over(system):
    system.nginx.stop()
    expect("jtn_live_" not in system.nginx.log() and "eyJ" not in system.nginx.log(), "a token in nginx' log")


main(proxied)
