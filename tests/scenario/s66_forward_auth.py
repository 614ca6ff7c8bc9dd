#!/usr/bin/python3
"""Forward-auth: nginx, run for real in front of an API, asks the gateway; what Envoy and Traefik send is played (R2, R4, R6, R9, R10, R12, R22, R27-R30, R42, R46)."""
import http.client
import json
import os
import re
import socket
import ssl
import time

from forward import Api, Nginx
from harness import PATIENCE, TOP, System, expect, expect_equal, main, test, wait_for, wait_within

INVALID = 'Bearer realm="jeton", error="invalid_token", error_description="The access token is not valid"'
HELD = 128  # exchanges that the gateway does not suspend when they wait (HELD_MAX)
TOLD = ("token", "account", "user", "client", "customer", "kind", "scope", "access", "expires")


class Answer:
    """Of an HTTP response: status, headers without case (each once, or it is an error), body."""

    def __init__(self, response):
        self.status, self.body, self.headers = response.status, response.read(), {}
        for name, value in response.getheaders():
            expect(name.lower() not in self.headers, f"{name} comes twice")
            self.headers[name.lower()] = value

    def json(self):
        return json.loads(self.body)

    def told(self):
        """The X-Jeton- headers, but for those that are not there."""
        return {name[8:]: value for name, value in self.headers.items() if name.startswith("x-jeton-")}


def request(port, method, target, headers=(), ca=None, body=None):
    """Sent as it is: targets are not normalised, headers may come twice."""
    if ca:
        connection = http.client.HTTPSConnection("localhost", port, context=ssl.create_default_context(cafile=ca), timeout=20 * PATIENCE)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20 * PATIENCE)
    try:
        connection._validate_path = lambda _: None  # pylint: disable=protected-access
        connection.putrequest(method, target, skip_host="Host" in dict(headers), skip_accept_encoding=True)
        for name, value in headers.items() if isinstance(headers, dict) else headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def bearer(value, **more):
    return {"Authorization": f"Bearer {value}", **{name.replace("_", "-"): text for name, text in more.items()}}


class Proxied(System):
    """A system with a gateway that has a route file, nginx and an API."""

    ROUTES = f"{TOP}/deploy/proxies/routes.conf"

    def __init__(self):
        self.nginx = None
        super().__init__({"gateway": 1}, start=False)
        self.routes = self.path("routes.conf")
        with open(self.ROUTES, encoding="utf-8") as example, open(self.routes, "w", encoding="utf-8") as f:
            f.write(example.read())
        gateway = self["gateway"]
        gateway.settings.update(auth_routes=self.routes, call_timeout_ms="1500")
        self.start()
        self.api = Api()
        self.certificate_file = gateway.settings["certificate"]
        self.nginx = Nginx(self.path("nginx"), gateway.ports["proxy"], self.api.port, self.certificate_file, gateway.settings["certificate_key"])
        self.nginx.start()
        for module in ("orders", "stock", "invoices", "carts"):
            self.cli("module", "create", module)
        self.account = self.cli("account", "create", "--name", "Acme", "--module", "orders", "--module", "stock", "--module", "carts")["id"]

    def token(self, *arguments, kind="service", account=None):
        return self.cli("token", "create", "--account", account or self.account, "--name", "ERP", "--kind", kind, *arguments)

    def ask(self, method, target, headers=(), body=None):
        """Through nginx."""
        return request(self.nginx.port, method, target, headers or {}, self.certificate_file, body)

    def auth(self, method, target, headers=(), listener="proxy", body=None):
        """The gateway itself, as a proxy does."""
        return request(self["gateway"].ports[listener], method, target, headers or {}, self.certificate_file if listener == "tls" else None, body)

    def finish(self):
        self.nginx.stop()
        expect(not re.search(r"jtn_(live|test)_[\w-]{44}|\[(emerg|alert|crit)\]", self.nginx.log()), "nginx' log shows a token or worse")
        super().finish()

    def destroy(self):
        if self.nginx:
            self.nginx.stop()
        super().destroy()


def refused(answer, status, challenge):
    """As R28 has it; and nothing of the token is told (R29)."""
    expect_equal((answer.status, answer.headers.get("www-authenticate", "")), (status, challenge), answer.body.decode())
    expect_equal((answer.headers["content-type"], answer.json()["status"], answer.told()), ("application/problem+json", status, {}))
    return answer


def forbidden(text):
    return f'Bearer realm="jeton", error="insufficient_scope", error_description="{text}"'


@test("what is allowed reaches the API with who calls; nothing that a client says under these names does, and no token (R27, R28, R46)")
def allowed(system):
    made = system.token("--module", "orders:write", "--expires", "90d", "--rate-limit", "600:50")
    system.known = made["value"]
    forged = {f"X-Jeton-{name.capitalize()}": "ACC-6666-6666" for name in TOLD}
    forged.update({"X-Jeton-Module": "carts", "X-Jeton-Environment": "test", "X_Jeton_Customer": "CUS-6666-6666", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Uri": "/v1/stock",
                   "X-Forwarded-Method": "GET", "X-Original-URI": "/v1/stock", "X-Original-Method": "GET", "X-Original-Host": "sandbox.example.com", "X-HTTP-Method-Override": "DELETE"})
    overrides = ("X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "X-Original-Method", "X-Forwarded-Method", "X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Original-Host",
                 "X-Forwarded-Uri", "X-Forwarded-Prefix", "X-Forwarded-Port", "Forwarded")
    forged.update({name: forged.get(name, "/v1/stock") for name in overrides}, **{"X-Real-IP": "203.0.113.9", "Connection": "close, X-Jeton-Account, X-Jeton-Access"})
    for headers in ({}, forged):
        answer = system.ask("POST", "/v1/orders/7?a=1&a=2", {**bearer(made["value"]), **headers}, b"{}")
        expect_equal(answer.status, 200, answer.body.decode())
        seen = answer.json()
        got = {name.lower(): value for name, value in seen["headers"]}
        expect_equal((seen["method"], seen["path"], len(got)), ("POST", "/v1/orders/7?a=1&a=2", len(seen["headers"])))
        expect_equal({name: value for name, value in got.items() if "jeton" in name},
                     {"x-jeton-token": made["id"], "x-jeton-account": system.account, "x-jeton-kind": "service", "x-jeton-access": "write", "x-jeton-expires": str(made["expires_at"])})
        expect_equal((got.get("authorization"), got["x-forwarded-for"], got["x-real-ip"]), (None, "127.0.0.1", "127.0.0.1"))
        expect_equal([name for name in (*overrides, "Connection") if name.lower() in got], [])
        expect(made["value"] not in answer.body.decode(), "the token reached the API")
        expect_equal((answer.headers["ratelimit-limit"], answer.told()), ("50", {}))
        expect(40 <= int(answer.headers["ratelimit-remaining"]) < 50 and 0 < int(answer.headers["ratelimit-reset"]) <= 5, f"{answer.headers}")
    # What is counted has the client's address.
    wait_for(lambda: {row["address"] for row in system.cli("log", "--token", made["id"])} == {"127.0.0.1"}, 15, "the access log")


@test("401 through nginx: missing, malformed, unknown, expired, disabled, deleted, revoked, rotated out (R4, R9, R27-R29)")
def unauthorized(system):
    ask = lambda value: system.ask("GET", "/v1/orders", bearer(value))
    refused(system.ask("GET", "/v1/orders"), 401, 'Bearer realm="jeton"')
    refused(system.ask("GET", "/v1/orders", {"Authorization": "Basic YTpi"}), 401, 'Bearer realm="jeton"')
    value = system.token("--module", "orders")["value"]
    expect_equal(ask(value).status, 200)
    for wrong in (value[:-1], value + "A", "x", f"{value} {value}", "x" * 6000, "eyJhbGciOiJub25lIn0.e30.", "\xff\xfe"):
        refused(ask(wrong), 401, INVALID)
    made = system.token("--module", "orders")
    number = system.sql("delete from token_modules where token = (select max(number) from tokens) returning token").strip()
    system.sql(f"delete from tokens where number = {number}")
    unknown = refused(ask(made["value"]), 401, INVALID)
    made = system.token("--module", "orders")
    system.cli("token", "disable", made["id"])
    refused(ask(made["value"]), 401, INVALID.replace("not valid", "disabled"))
    system.cli("token", "delete", made["id"])
    deleted = wait_within(lambda: refused(ask(made["value"]), 401, INVALID), 5, "the deletion")
    expect_equal(sorted(deleted.headers), sorted(unknown.headers), "what unknown and deleted tokens are told")
    expect_equal(deleted.body, unknown.body)
    made = system.token("--module", "orders")
    new = system.cli("token", "rotate", made["id"], "--grace", "0")["value"]
    wait_within(lambda: refused(ask(made["value"]), 401, INVALID), 5, "the end of the former value")
    expect_equal(ask(new).status, 200)
    system.cli("user", "create", "--account", system.account, "--username", "alice", input="correct horse\n")
    jwt = system.cli("login", "alice", input="correct horse\n")["access_token"]
    answer = ask(jwt)
    expect_equal(answer.status, 200)
    expect("x-jeton-user" in {name.lower() for name, _ in answer.json()["headers"]}, "no user")
    system.cli("token", "revoke-jwts", "--account", system.account, system.cli("user", "list", "--account", system.account)[0]["id"])
    revoked = wait_within(lambda: refused(ask(jwt), 401, INVALID), 5, "the revocation")
    expect_equal((revoked.body, sorted(revoked.headers)), (unknown.body, sorted(unknown.headers)))
    expires_at = int(time.time()) + 2
    made = system.token("--module", "orders", "--expires", str(expires_at))
    wait_for(lambda: refused(ask(made["value"]), 401, INVALID.replace("is not valid", "has expired")), 10, "expiry")


@test("403 through nginx: module, access, address, environment, scope, account; and what no route fits (R2, R10, R12, R28)")
def insufficient(system):
    made = system.token("--module", "orders:read")
    ask = lambda method, target, value=made["value"]: system.ask(method, target, bearer(value))
    expect_equal([ask(method, target).status for method, target in (("GET", "/v1/orders"), ("HEAD", "/v1/orders/7"), ("POST", "/v1/orders/search"))], [200, 200, 200])
    refused(ask("GET", "/v1/stock"), 403, forbidden("The module is not granted to the access token"))
    refused(ask("GET", "/v1/orders/7/invoice"), 403, forbidden("The module is not granted to the access token"))
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        refused(ask(method, "/v1/orders/7"), 403, forbidden("The access token may only read in this module"))
    # A module for each location: by the query that nginx sends.
    refused(ask("GET", "/stock/1"), 403, forbidden("The module is not granted to the access token"))
    other = system.token("--module", "carts", "--module", "stock:read")["value"]
    expect_equal(ask("GET", "/stock/1", other).status, 200)
    refused(ask("POST", "/stock/1", other), 403, forbidden("The access token may only read in this module"))
    system.cli("module", "disable", "--account", system.account, "carts")
    wait_within(lambda: refused(ask("GET", "/v1/carts", other), 403, "") or True, 5, "no route")
    gone = lambda: refused(system.auth("GET", "/auth?module=carts&access=read", bearer(other)), 403, forbidden("The module is not enabled for the account"))
    wait_within(gone, 5, "the disabled module")
    refused(ask("GET", "/sandbox/stock/1", other), 403, forbidden("The access token is for the other environment"))
    test_token = system.token("--module", "stock", kind="test")["value"]
    expect_equal(ask("POST", "/sandbox/stock/1", test_token).status, 200)  # read, as the configuration says
    refused(ask("GET", "/stock/1", test_token), 403, forbidden("The access token is for the other environment"))
    far, near = (system.token("--module", "orders", "--allow", network)["value"] for network in ("192.0.2.0/24", "127.0.0.1/32"))
    expect_equal(ask("GET", "/v1/orders", near).status, 200)
    for headers in ({}, {"X-Forwarded-For": "192.0.2.1"}, {"X-Real-IP": "192.0.2.1", "Forwarded": "for=192.0.2.1"}):
        refused(system.ask("GET", "/v1/orders", {**bearer(far), **headers}), 403, forbidden("The access token may not be used from this address"))
    for target in ("/v1/internal/x", "/v1/nothing", "/v1/"):
        refused(ask("GET", target), 403, "")
    account = system.cli("account", "create", "--name", "Late", "--module", "orders")["id"]
    late = system.token("--module", "orders", account=account)["value"]
    expect_equal(ask("GET", "/v1/orders", late).status, 200)
    system.cli("account", "suspend", account)
    wait_within(lambda: refused(ask("GET", "/v1/orders", late), 403, forbidden("The account is suspended")), 5, "the suspension")


@test("a store's token and its customer's, beside each other (R22, R28)")
def customers(system):
    made = system.cli("client", "create", "--account", system.account, "--name", "Shop", "--kind", "integration", "--scope", "module:orders:write")
    second = system.cli("client", "create", "--account", system.account, "--name", "Other", "--kind", "integration", "--scope", "module:orders:write")
    customer = system.cli("customer", "create", "--account", system.account, "--email", "ada@shop.example", input="correct horse battery\n")["id"]
    store, other = (system.cli("grant", "store", one["id"], input=one["secret"] + "\n")["access_token"] for one in (made, second))
    with open(system.path("store-token"), "w", encoding="ascii") as f:
        os.chmod(f.name, 0o600)
        f.write(store + "\n")
    token = system.cli("grant", "customer", "--store-token-file", f.name, "--username", "ada@shop.example", made["id"], input="correct horse battery\n")["access_token"]
    answer = system.ask("GET", "/v1/orders", bearer(store))
    seen = {name.lower(): value for name, value in answer.json()["headers"]}
    expect_equal((answer.status, seen.get("x-jeton-client"), seen.get("x-jeton-customer")), (200, made["id"], None))
    answer = system.ask("GET", "/v1/orders", bearer(store, X_Jeton_Customer_Token=token))
    seen = {name.lower(): value for name, value in answer.json()["headers"]}
    expect_equal((answer.status, seen["x-jeton-client"], seen["x-jeton-customer"], seen["x-jeton-kind"], seen.get("x-jeton-customer-token")), (200, made["id"], customer, "customer", None))
    out = forbidden("The resource is not in the scope of the access token")
    refused(system.ask("GET", "/v1/orders", bearer(token)), 403, out)  # alone
    refused(system.ask("GET", "/v1/orders", bearer(token, X_Jeton_Customer_Token=token)), 403, out)
    refused(system.ask("GET", "/v1/orders", bearer(other, X_Jeton_Customer_Token=token)), 403, out)
    refused(system.ask("GET", "/v1/orders", bearer(store, X_Jeton_Customer_Token=store)), 403, out)
    refused(system.ask("GET", "/v1/orders", bearer(store, X_Jeton_Customer_Token="x")), 401, INVALID)
    refused(system.ask("GET", "/v1/stock", bearer(store, X_Jeton_Customer_Token=token)), 403, forbidden("The module is not granted to the access token"))


@test("429 through nginx, with Retry-After and the RateLimit fields (R28, R30)")
def limited(system):
    made = system.token("--module", "orders", "--rate-limit", "2:3")
    answers = [system.ask("GET", "/v1/orders", bearer(made["value"])) for _ in range(5)]
    expect_equal([answer.status for answer in answers][:4], [200, 200, 200, 429])
    expect_equal([answer.headers["ratelimit-remaining"] for answer in answers[:3]], ["2", "1", "0"])
    last = refused(answers[3], 429, "")
    expect_equal((last.headers["ratelimit-limit"], last.headers["ratelimit-remaining"]), ("3", "0"))
    expect(0 < int(last.headers["retry-after"]) <= 30 and 60 < int(last.headers["ratelimit-reset"]) <= 90, f"{last.headers}")


@test("an answer that is kept is no decision: what a token may, and whether it is good, is asked each time, and each answer says it (R4, R7, R9, R28, R46)")
def kept(system):
    made = system.token("--module", "orders:write", "--expires", "90d")
    reused = lambda: next(int(row["value"]) for row in system.cli("stats", "gateway", "--endpoint", system["gateway"].endpoint) if row["name"] == "http.answers_kept")
    ask = lambda listener="proxy", access="read": system.auth("GET", f"/auth?module=orders&access={access}", bearer(made["value"]), listener)
    def same(what, **asked):
        """What is answered from now on, and kept: nothing in it is of one request alone, but the time."""
        before, answers = reused(), [ask(**asked) for _ in range(5)]
        told = [{name: value for name, value in answer.headers.items() if name != "date"} for answer in answers]
        expect_equal([answer.status for answer in answers], [200] * 5, what)
        expect(all(one == told[0] for one in told) and "x-request-id" not in told[0], f"{what}: {told}")
        expect_equal((told[0]["x-jeton-token"], told[0]["cache-control"]), (made["id"], "no-store"), what)
        expect(reused() >= before + 3, f"{what}: it was kept")
        return told[0]
    first = same("over the proxies' listener")
    expect("strict-transport-security" not in first, "that is of TLS")
    expect_equal(same("over TLS", listener="tls"), {**first, "strict-transport-security": "max-age=31536000"})
    expect_equal(same("to write", access="write"), first, "what the token may does not depend on what is asked")
    system.cli("token", "edit", made["id"], "--expires", "80d", "--module", "orders:read")
    wait_within(lambda: ask().headers["x-jeton-expires"] != first["x-jeton-expires"], 5, "the edit")
    edited = same("edited")
    expect_equal((edited["x-jeton-access"], int(first["x-jeton-expires"]) - int(edited["x-jeton-expires"]) in range(10 * 86400 - 60, 10 * 86400 + 1)), ("read", True))
    refused(ask(access="write"), 403, forbidden("The access token may only read in this module"))
    same("still to read")
    system.cli("token", "edit", made["id"], "--rate-limit", "60:50")
    wait_within(lambda: "ratelimit-limit" in ask().headers, 5, "the limit")
    left = [int(ask().headers["ratelimit-remaining"]) for _ in range(5)]
    expect(left == sorted(left, reverse=True) and left[0] > left[-1], f"what is left is counted for each: {left}")
    system.cli("token", "edit", made["id"], "--rate-limit", "none")
    wait_within(lambda: "ratelimit-limit" not in ask().headers, 5, "the end of the limit")
    same("without a limit")
    system.cli("token", "disable", made["id"])
    refused(ask(), 401, INVALID.replace("not valid", "disabled"))
    refused(ask("tls"), 401, INVALID.replace("not valid", "disabled"))
    system.cli("token", "enable", made["id"])
    wait_within(lambda: ask().status == 200, 5, "the token being good again")
    same("enabled")
    system.cli("token", "delete", made["id"])
    answer = refused(ask(), 401, INVALID)
    expect("x-request-id" in answer.headers, "a refusal can be asked about")


HOSTILE = ("/v1/public/../orders", "/v1/public/%2e%2e/orders", "/v1/public/..%2forders", "/v1//orders", "/v1/%6frders", "/v1/orders;x=1", "/v1/public/..;/orders",
           "/v1/%252e%252e/orders", "/v1/orders%3fx", "/v1/orders%23", "/v1\\orders", "/V1/orders", "/v1/Orders/7", "/v1/%c0%ae%c0%ae/orders")


@test("paths that servers understand in different ways are 400, through nginx too, and never get to the API")
def hostile(system):
    value = system.token("--module", "orders:write", "--module", "stock:write")["value"]
    before = system.api.requests
    for target in HOSTILE:
        if target.startswith("/v1/"):  # nginx has no location for others
            refused(system.ask("GET", target, bearer(value)), 400, "")
    # Where a module is asked for by the configuration too: nginx takes these for a path below /stock.
    for target in ("/stock/..;/orders", "/orders/../stock/1", "/stock/x%2f..%2fy", "/stock//1"):
        refused(system.ask("GET", target, bearer(value)), 400, "")
    expect_equal(system.api.requests, before)
    expect_equal([system.ask("GET", target, bearer(value)).status for target in ("/v1/orders/", "/v1/orders/a%20b", "/v1/orders/%C3%A9?x=/../", "/v1/orders?")], [200] * 4)


def played(system, method, target, headers, status, says="", listener="proxy"):
    answer = system.auth(method, target, headers, listener)
    expect(answer.status == status and says in answer.body.decode(), f"{method} {target} {headers}: {answer.status} {answer.body}, not {status} {says}")
    return answer


@test("Traefik's requests, as its documents have them (played)")
def traefik(system):
    made = system.token("--module", "orders:read", "--module", "stock:read")
    for listener in ("proxy", "tls"):
        sent = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Host": "api.example.com", "X-Forwarded-Method": "GET", "X-Forwarded-Proto": "https", "X-Forwarded-Uri": "/v1/orders/7?page=2",
                **bearer(made["value"])}
        answer = played(system, "GET", "/auth", sent, 200, listener=listener)
        expect_equal((answer.told(), answer.body), ({"token": made["id"], "account": system.account, "kind": "service", "access": "read"}, b""))
        refused(played(system, "GET", "/auth", {**sent, "X-Forwarded-Method": "POST"}, 403, listener=listener), 403, forbidden("The access token may only read in this module"))
        played(system, "GET", "/auth", {**sent, "X-Forwarded-Uri": "/v1/nothing"}, 403, "no-route", listener)
        # What a client adds, where a proxy passes all on: refused, or not looked at.
        played(system, "GET", "/auth", {**sent, "X-Original-URI": "/v1/stock"}, 400, "ambiguous-request", listener)
        played(system, "GET", "/auth", {**sent, "X-Forwarded-Method": "POST", "X-Original-Method": "GET"}, 400, "ambiguous-request", listener)
        played(system, "GET", "/auth", {**sent, "X-Forwarded-Uri": "/v1/carts", "X-Jeton-Module": "orders", "X-Jeton-Access": "read"}, 403, "", listener)
        played(system, "GET", "/auth", {**sent, "X-Forwarded-Method": "get"}, 400, "ambiguous-request", listener)
        # The proxy's own query goes before the route file, and access is still by the method.
        played(system, "GET", "/auth?module=stock", sent, 200, "", listener)
        played(system, "GET", "/auth?module=stock", {**sent, "X-Forwarded-Method": "DELETE"}, 403, "", listener)
        played(system, "POST", "/auth?module=stock&access=read", {**sent, "X-Forwarded-Method": "DELETE"}, 200, "", listener)
    host = {**sent, "X-Forwarded-Host": "SANDBOX.example.com:443", "X-Forwarded-Uri": "/v1/x", "X-Forwarded-Method": "GET"}
    refused(played(system, "GET", "/auth", host, 403), 403, forbidden("The access token is for the other environment"))
    # The address is what the trusted proxy says.
    far = system.token("--module", "orders", "--allow", "192.0.2.0/24")["value"]
    played(system, "GET", "/auth", {**sent, **bearer(far)}, 200)
    played(system, "GET", "/auth", {**sent, **bearer(far), "X-Forwarded-For": "203.0.113.9"}, 403)
    played(system, "GET", "/auth", {**sent, **bearer(far), "X-Forwarded-For": "192.0.2.1, 203.0.113.9"}, 403)
    # What the proxy does not say is not known: its own address is not the client's, whatever list it is on.
    near = bearer(system.token("--module", "orders", "--allow", "127.0.0.0/8")["value"])
    for said, status in (("127.0.0.1", 200), ("127.0.0.2, 127.0.0.1", 200), ("unknown", 403), ("unix:", 403), ("203.0.113.9, unix:, 127.0.0.1", 403), ("", 403), (None, 403)):
        asked = {name: text for name, text in {**sent, **near, "X-Forwarded-For": said}.items() if text is not None}
        played(system, "GET", "/auth", asked, status)
        played(system, "GET", "/auth", {**asked, **bearer(made["value"])}, 200)


@test("Envoy's requests, as its documents have them (played)")
def envoy(system):
    made = system.token("--module", "orders:write")
    sent = {"Host": "api.example.com", "X-Forwarded-For": "192.0.2.1", "Content-Length": "0", **bearer(made["value"])}
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = played(system, method, "/auth/v1/orders/7?page=2&module=stock", sent, 200)
        expect_equal((answer.told()["token"], answer.told()["access"]), (made["id"], "write"))
        removed = answer.headers["x-envoy-auth-headers-to-remove"].lower().split(",")
        expect_equal(sorted(removed), sorted(f"x-jeton-{name}" for name in TOLD + ("customer-token",) if name not in answer.told()))
    # The query is the client's: whatever it is, it asks for nothing.
    for query in ("?module=orders&module=stock", "?a=1&a=2", "?module=orders&access=read", "?%", "?x=%zz"):
        answer = system.auth("GET", f"/auth/v1/stock{query}", sent)
        expect_equal(answer.status, 403, query)
        expect_equal(system.auth("GET", f"/auth/v1/orders{query}", sent).status, 200, query)
    for target in HOSTILE:
        played(system, "GET", f"/auth{target}", sent, 400)
    played(system, "GET", "/auth/", sent, 403, "no-route")
    played(system, "GET", "/auth/v1/stock", {**sent, "X-Original-URI": "/v1/orders", "X-Forwarded-Uri": "/v1/orders", "X-Jeton-Module": "orders"}, 403)
    refused(played(system, "GET", "/auth/v1/orders", {"Host": "x", "Content-Length": "0"}, 401), 401, 'Bearer realm="jeton"')
    expect_equal(system.auth("HEAD", "/auth/v1/orders", sent).status, 200)


@test("what a proxy leaves out is told, as 503: nobody's token is at fault")
def misconfigured(system):
    value = system.token("--module", "orders")["value"]
    original = {"X-Original-Method": "GET", "X-Original-URI": "/v1/orders", "X-Original-Host": "a"}
    for target, headers, says in (("/auth", {}, "original request"), ("/auth", {**original, "X-Original-Method": None}, "original request"), ("/auth", {**original, "X-Original-Host": None}, "host"),
                                  ("/auth?module=orders", {}, "method"), ("/auth?module=orders", {"X-Original-URI": "/v1/orders"}, "method"), ("/auth?", original, "no module"), ("/auth?access=read", original, "no module"),
                                  ("/auth?module=Orders&access=read", {}, "module"), ("/auth?module=orders&access=rw", {}, "access"), ("/auth?module=orders&environment=x", {}, "environment"),
                                  ("/auth?module=orders&acces=read", original, "parameter")):
        played(system, "GET", target, {**{name: text for name, text in headers.items() if text}, **bearer(value)}, 503, says)
    played(system, "GET", "/auth", {**original, **bearer(value)}, 200)
    expect("a proxy cannot ask for a decision" in system["gateway"].log(), "the log says nothing")
    # Whatever the proxy asks with: no other answer than to GET.
    for method in ("HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        expect_equal([system.auth(method, "/auth", {**original, **headers}).status for headers in (bearer(value), {})], [200, 401], method)
    expect_equal(system.auth("POST", "/auth?module=orders&access=read", bearer(value), body=b"x").status, 413)
    expect_equal(request(system["gateway"].ports["proxy"], "GET", "/auth?module=orders&access=read&module=stock", bearer(value)).status, 400)


@test("the route file is read again on SIGHUP; a bad one leaves the old in force; without one, headers of a trusted proxy say the module")
def reloaded(system):
    made, gateway = system.token("--module", "orders"), system["gateway"]
    ask = lambda target, **more: system.auth("GET", "/auth", {"X-Original-Method": "GET", "X-Original-URI": target, "X-Original-Host": "a", **bearer(made["value"]), **more}).status

    def rewrite(text):
        with open(system.routes, "w", encoding="utf-8") as f:
            f.write(text)
        gateway.signal(1)
    with open(system.routes, encoding="utf-8") as f:
        before = f.read()
    expect_equal((ask("/v1/orders"), ask("/v2/orders")), (200, 403))
    rewrite("GET /v2/orders orders\n")
    wait_for(lambda: (ask("/v1/orders"), ask("/v2/orders")) == (403, 200), 10, "the new routes")
    rewrite("GET /v1/orders orders\nGET /v1/../x orders\n")
    wait_for(lambda: "routes not reloaded" in gateway.log() and "line 2: a path is" in gateway.log(), 10, "the complaint")
    expect_equal((ask("/v1/orders"), ask("/v2/orders")), (403, 200))
    rewrite(before)
    wait_for(lambda: (ask("/v1/orders"), ask("/v2/orders")) == (200, 403), 10, "the old routes")
    gateway.stop()
    gateway.settings["auth_routes"] = None
    gateway.start()
    expect_equal(ask("/v1/orders", **{"X-Jeton-Module": "orders"}), 200)
    expect_equal(ask("/v1/orders", **{"X-Jeton-Module": "stock"}), 403)
    expect_equal(ask("/v1/orders", **{"X-Jeton-Module": "orders", "X-Jeton-Environment": "test"}), 403)
    expect_equal((ask("/v1/orders"), ask("/v1/orders", **{"X-Jeton-Module": "a.b"})), (503, 503))
    expect_equal(system.auth("GET", "/auth?module=stock&access=read", bearer(made["value"], X_Jeton_Module="orders")).status, 403)
    envoy_sent = {"Host": "a", "Content-Length": "0", **bearer(made["value"])}
    expect_equal([system.auth("GET", "/auth/v1/x", {**envoy_sent, "X-Jeton-Module": module}).status for module in ("orders", "stock")], [200, 403])
    gateway.stop()
    gateway.settings["trusted_proxies"] = "192.0.2.0/24"
    gateway.start()
    expect_equal(ask("/v1/orders", **{"X-Jeton-Module": "orders"}), 503)
    expect_equal(system.auth("GET", "/auth?module=orders&access=read", bearer(made["value"])).status, 200)
    gateway.stop()
    gateway.settings.update(auth_routes=system.routes, trusted_proxies=None)
    gateway.start()


@test("503 through nginx, and never 401 or 403: nobody can look the token up, no validator answers, no gateway is there (R28, R42)")
def undecided(system):
    made, known = system.token("--module", "orders"), system.known
    ask = lambda value: system.ask("GET", "/v1/orders", bearer(value))

    def lookups():
        rows = system.cli("stats", "validator", "--endpoint", system["validator"].endpoint)
        return next(row["value"] for row in rows if row["name"] == "validator.lookups")

    def remembered():
        before = lookups()
        return ask(known).status == 200 and lookups() == before
    # One that was made long ago: what has just been made is not kept until the news of it has come, and come again from the table.
    wait_for(remembered, 10, "the token in the validator's memory")
    system.postgres.stop("immediate")
    expect_equal(ask(known).status, 200)
    refused(ask(made["value"]), 503, "")
    for name in ("issuer", "admin"):
        system[name].kill()
    # Nobody can say any more that nothing was revoked.
    wait_for(lambda: refused(ask(known), 503, ""), 15, "a validator that is not sure")
    system.postgres.start()
    for name in ("issuer", "admin"):
        system[name].start()
    wait_for(lambda: ask(known).status == 200 and ask(made["value"]).status == 200, 20, "the validator being sure again")
    system["validator"].kill()
    answer = refused(ask(known), 503, "")
    expect(int(answer.headers["retry-after"]) >= 1, f"{answer.headers}")
    refused(ask("x"), 503, "")
    system["validator"].start()
    wait_within(lambda: ask(known).status == 200, 5, "the gateway finding the validator")
    system["gateway"].kill()
    refused(ask(known), 503, "")
    system["gateway"].start()
    wait_within(lambda: ask(known).status == 200, 5, "nginx finding the gateway")


@test("what a site has for all of its locations, pages of errors with a status of their own, a cache, another way in, makes no yes of a refusal (R28)")
def habits(system):
    made, gateway = system.token("--module", "orders:read"), system["gateway"]
    directory = system.path("nginx-2")
    http = f"    proxy_cache_path {directory}/cache keys_zone=all:1m;\n    proxy_cache all;\n    proxy_cache_valid any 1h;\n    proxy_ignore_headers Cache-Control;\n    proxy_intercept_errors on;\n"
    server = "        error_page 400 401 403 429 500 502 503 504 =200 /welcome;\n        location = /welcome { return 200 welcome; }\n        satisfy any;\n        allow 127.0.0.1;\n        deny all;\n"
    nginx = Nginx(directory, gateway.ports["proxy"], system.api.port, system.certificate_file, gateway.settings["certificate_key"], http, server)
    nginx.start()
    try:
        ask = lambda method="GET", target="/v1/orders/9", **headers: request(nginx.port, method, target, headers, system.certificate_file)
        good = bearer(made["value"])
        before = system.api.requests
        expect_equal(ask(**good).status, 200)
        for _ in range(2):
            refused(ask(), 401, 'Bearer realm="jeton"')
            refused(ask(**bearer("x")), 401, INVALID)
            refused(ask("POST", **good), 403, forbidden("The access token may only read in this module"))
            refused(ask(target="/v1/nothing", **good), 403, "")
            refused(ask(target="/v1//orders", **good), 400, "")
        gateway.kill()
        refused(ask(), 503, "")
        refused(ask(**good), 503, "")
        expect_equal(system.api.requests, before + 1)
        gateway.start()
    finally:
        nginx.stop()


@test("more wait for a validator than the gateway holds: that takes no processor, who goes is forgotten, and no connection is left deaf (R42)")
def waiting(system):
    gateway, value = system["gateway"], system.token("--module", "orders")["value"]
    wait_for(lambda: system.auth("GET", "/auth?module=orders&access=read", bearer(value)).status == 200, 10, "the token")
    lines = [http.client.HTTPConnection("127.0.0.1", gateway.ports["proxy"], timeout=20 * PATIENCE) for _ in range(HELD + 72)]
    ask = lambda line: line.request("GET", "/auth?module=orders&access=read", headers=bearer(value))
    ended = lambda line: Answer(line.getresponse()).status
    for line in lines:
        ask(line)
    expect_equal({ended(line) for line in lines}, {200})
    system["validator"].pause()
    try:
        for line in lines:
            ask(line)
        for line in lines[::4]:
            line.close()
        ran, began = gateway.ran_s(), time.monotonic()
        first = ended(lines[1])
        ran, passed = gateway.ran_s() - ran, time.monotonic() - began
        expect(first == 503 and ran < passed / 2, f"{first}: the gateway ran for {ran:.2f} of {passed:.2f} s in which it waited")
    finally:
        system["validator"].resume()
    # Those that were asked late may be told after all.
    lines = [line for number, line in enumerate(lines) if number % 4]
    expect({ended(line) for line in lines[1:]} <= {200, 503}, "an answer that is neither")
    for _ in range(3):
        wait_for(lambda: system.auth("GET", "/auth?module=orders&access=read", bearer(value)).status == 200, 10, "the validator")
        for line in lines:
            ask(line)
        expect_equal({ended(line) for line in lines}, {200})
    for line in lines:
        line.close()


@test("who ends its side with its question gets the answer, and the end")
def ended_with_it(system):
    gateway = system["gateway"]
    gateway.pause()  # so that both are there when it looks
    with socket.create_connection(("127.0.0.1", gateway.ports["proxy"]), timeout=20 * PATIENCE) as connection:
        connection.sendall(b"GET /auth?module=orders&access=read HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        gateway.resume()
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        expect_equal(answer.status, 401)
        answer.read()
        began = time.monotonic()
        expect_equal(connection.recv(1), b"")
        expect(time.monotonic() - began < 8 * PATIENCE, "the connection is closed when its other side has been, and not when it was idle for long")


@test("plain HTTP in front is refused (R27)")
def plain(system):
    value = system.token("--module", "orders")["value"]
    before = system.api.requests
    expect_equal((request(system.nginx.plain_port, "GET", "/v1/orders", bearer(value)).status, system.api.requests), (403, before))


main(Proxied)
