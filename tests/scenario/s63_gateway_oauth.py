#!/usr/bin/python3
"""The endpoints of OAuth over HTTPS, as clients that know nothing of Jeton use them (R17-R26, R29, R44, R46)."""
import base64
import json
import os
import re
import subprocess
import threading
import time
import urllib.parse

import jwt
from administer import types
from harness import PATIENCE, SLOW, TOP, expect, expect_equal, main, test, wait_for, wait_within
from over_https import (BACK, CHALLENGE_BASIC, EMAIL, FORM, JWT_BEARER, NOT_KEPT, PASSWORD, PLAIN, URL, VERIFIER, ask, asked, basic, code_of, given, kid,
                        login, post, refused, said_by, shop, token, verify)

# R17's table: of each grant and kind of client, the life of what it gets, or the error with which it is refused.
CELLS = {
    "client_credentials": {"shop": 14400, "erp": 7200, "desk": "unauthorized_client"},
    "password": {"shop": 14400, "erp": "unauthorized_client", "desk": "unauthorized_client"},
    "authorization_code": {"shop": "unauthorized_client", "erp": "unauthorized_client", "desk": 7200},
    "refresh_token": {"shop": 14400, "erp": "unauthorized_client", "desk": 7200},
}


@test("the key that signs next is shown already (R26)")
def rotation(system):
    system.before = ask(system, "GET", "/.well-known/jwks.json")
    first = token(system, "erp")
    system.cli("keys", "rotate", "--force")
    wait_for(lambda: kid(token(system, "erp")) != kid(first), 10, "a token by the new key")
    for text in (first, token(system, "erp")):
        verify(system.before.body, text)


@test("each cell of R17's table over HTTPS, by form and JSON, by HTTP Basic and in the body (R17, R18)")
def table(system):
    user = login(system).json()["access_token"]
    by_code = lambda: {"code": code_of(system, user), "redirect_uri": BACK, "code_verifier": VERIFIER}

    def fields(grant, name):
        if grant == "password":
            return {"username": EMAIL, "password": PASSWORD}
        if grant == "authorization_code":
            return by_code()
        if grant == "refresh_token":
            first = (asked(system, "/oauth/token", "shop", grant_type="password", username=EMAIL, password=PASSWORD) if name == "shop" else
                     asked(system, "/oauth/token", "desk", grant_type="authorization_code", **by_code()))
            return {"refresh_token": first.json()["refresh_token"]}
        return {}

    ways = [(how, way) for how in ("basic", "body") for way in ("form", "json")]
    for i, (grant, name) in enumerate((grant, name) for grant in CELLS for name in CELLS[grant]):
        wanted, (how, way) = CELLS[grant][name], ways[i % len(ways)]
        answer = asked(system, "/oauth/token", name, how, way, grant_type=grant, **fields(grant, name))
        if isinstance(wanted, str):
            refused(answer, 400, wanted, grant)
            continue
        said = given(answer, PLAIN if grant == "client_credentials" else (*PLAIN, "refresh_token"))
        expect_equal((said["token_type"], said["expires_in"]), ("Bearer", wanted), f"{grant} {name}")
        expect_equal(system.validate(said["access_token"])["decision"], "allow", f"{grant} {name}")


@test("who the client is: HTTP Basic as RFC 6749 section 2.3.1 has it, the body, what it signs; one of them, and right")
def clients(system):
    client, secret = system.clients["erp"]
    grant = {"grant_type": "client_credentials"}
    for way in ("form", "json"):
        for how in ("basic", "body"):
            given(asked(system, "/oauth/token", "erp", how, way, **grant), PLAIN)
    # Each letter encoded; scheme in any case; client_id in the body, too.
    encoded = "".join(f"%{ord(c):02x}" for c in client) + ":" + "".join(f"%{ord(c):02X}" for c in secret)
    header = {"Authorization": "bAsIc " + base64.b64encode(encoded.encode()).decode()}
    given(post(system, "/oauth/token", {**grant, "client_id": client}, header), PLAIN)
    # Both ways, and two clients.
    both = {**grant, "client_id": client, "client_secret": secret}
    refused(post(system, "/oauth/token", both, basic(client, secret)), 400, "invalid_request", "two ways")
    refused(post(system, "/oauth/token", {**grant, "client_id": system.clients["desk"][0]}, basic(client, secret)), 400, "invalid_request", "client_id")
    refused(post(system, "/oauth/token", {**grant, "client_assertion": "a.b.c", "client_assertion_type": JWT_BEARER}, basic(client, secret)), 400, "invalid_request", "two ways")
    # What is no HTTP Basic, or not the client's.
    pair = lambda text: "Basic " + base64.b64encode(text).decode()
    for value in ("Basic", "Basic ", "Basic !!!!", "Basic " + "A" * 5, pair(b"no colon"), pair(b"\xff:x"), pair(b"a%:x"), pair(b"a%4:x"), pair(b"a:%zz"), pair(b"a%00b:x"),
                  pair(f"{client}:{secret}%00".encode()), f"Bearer {secret}", "Digest x", pair(f"{client}:x".encode()), pair(b":"), pair(f"CLI-0000-0000:{secret}".encode()),
                  pair(f"{client}:{secret}".encode()) + "!", pair(f"{client}:{secret}".encode())[:-1]):
        refused(post(system, "/oauth/token", grant, {"Authorization": value}), 401, "invalid_client", challenge=CHALLENGE_BASIC)
    refused(post(system, "/oauth/token", {**grant, "client_id": client, "client_secret": "x"}), 401, "invalid_client", challenge=CHALLENGE_BASIC)
    refused(post(system, "/oauth/token", grant), 401, "invalid_client", "client_id", challenge=CHALLENGE_BASIC)
    # What the client signs (RFC 7523); once.
    signer, now = system.clients["signer"][0], int(time.time())
    sign = lambda jti, audience: {"client_id": signer, "client_assertion_type": JWT_BEARER, "client_assertion": jwt.encode(
        {"iss": signer, "sub": signer, "aud": audience, "iat": now, "exp": now + 120, "jti": jti}, system.key, "ES256", headers={"kid": "one"})}
    for i, audience in enumerate((URL, f"{URL}/oauth/token", [URL, f"{URL}/oauth/token"])):
        given(post(system, "/oauth/token", {**grant, **sign(f"a{i}", audience)}), PLAIN)
    refused(post(system, "/oauth/token", {**grant, **sign("a0", URL)}), 401, "invalid_client", challenge=CHALLENGE_BASIC)


@test("each error of RFC 6749 with its status and headers; what is wrong is named")
def errors(system):
    ok = {"grant_type": "client_credentials"}
    client, secret = system.clients["erp"]
    head = basic(client, secret)
    for fields, error, says in (({}, "invalid_request", "grant_type"), ({"grant_type": "magic"}, "unsupported_grant_type", "grant_type"),
                                ({"grant_type": "implicit"}, "unsupported_grant_type", ""), ({**ok, "scope": "market:9999"}, "invalid_scope", "market:9999"),
                                ({**ok, "scope": "x" * 5000}, "invalid_request", "scope"), ({**ok, "environment": "sandbox"}, "invalid_request", "environment"),
                                ({"grant_type": ""}, "invalid_request", "grant_type")):
        for way in ("form", "json"):
            refused(post(system, "/oauth/token", fields, head, way), 400, error, says)
    wrong = asked(system, "/oauth/token", "shop", grant_type="password", username=EMAIL, password="wrong")
    unknown = asked(system, "/oauth/token", "shop", grant_type="password", username="nobody@shop.example", password="wrong")
    expect_equal(refused(wrong, 400, "invalid_grant"), refused(unknown, 400, "invalid_grant"), "nothing tells who is a customer")
    # Twice; nothing but what is known counts, and what has no value is not there (section 3.2).
    refused(post(system, "/oauth/token", "grant_type=client_credentials&grant_type=client_credentials", head), 400, "invalid_request", "grant_type came twice")
    refused(post(system, "/oauth/token", "grant_type=client_credentials&scope=&scope=x", head), 400, "invalid_request", "scope came twice")
    refused(post(system, "/oauth/token", b'{"grant_type":"client_credentials","grant_type":"password"}', {**head, "Content-Type": "application/json"}), 400, "invalid_request")
    given(post(system, "/oauth/token", "grant_type=client_credentials&resource=a&resource=b&scope=&code=", head), PLAIN)
    given(post(system, "/oauth/token", {**ok, "resource": ["a", 1, None]}, head, "json"), PLAIN)
    # In the address, where everybody on the way writes it down (R46).
    for query in (f"client_id={client}&client_secret={secret}", "grant_type=client_credentials"):
        refused(post(system, "/oauth/token?" + query, ok, head), 400, "invalid_request", "body")
    expect_equal(post(system, "/oauth/token?utm=x", ok, head).status, 200, "another parameter there is ignored")
    for path in ("/oauth/token", "/oauth/access_token", "/oauth/revoke", "/oauth/introspect", "/v2/customers/tokens", "/api/token"):
        for method in ("GET", "PUT", "DELETE"):
            answer = ask(system, method, path)
            expect_equal((answer.status, "POST" in answer.headers.get("allow", "")), (405, True), f"{method} {path}")


@test("hostile bodies: what is no form and no JSON, too long, too deep (R46)")
def hostile(system):
    head = basic(*system.clients["erp"])
    good = "grant_type=client_credentials"
    for body in ("%", "%zz=1", "grant_type=%4", "grant_type=%ff", "grant_type=%00", "scope=%c3%28&" + good, "a=1&" * 300 + good, b"\xff\xfe", "grant_type=client_credentials%00"):
        refused(post(system, "/oauth/token", body, head), 400, "invalid_request")
    as_json = {**head, "Content-Type": "application/json"}
    for body in ("", "{", "[]", "1", "null", '"x"', '{"grant_type":1}', '{"grant_type":null}', '{"grant_type":["client_credentials"]}', '{"grant_type":{}}',
                 '{"grant_type":"client_credentials\\u0000"}', b'{"grant_type":"\xff"}', '{"a":' * 5000, "[" * 10000, '{"a":1e999,"grant_type":"x"}', good,
                 '{"grant_type":"client_credentials"} x'):
        refused(post(system, "/oauth/token", body, as_json), 400, "invalid_request")
    for kind in ("text/plain", "multipart/form-data; boundary=x", "", "application/xml", "application/x-www-form-urlencoded, application/json"):
        refused(post(system, "/oauth/token", good, {**head, "Content-Type": kind}), 400, "invalid_request", "Content-Type")
    refused(post(system, "/oauth/token", "", head), 400, "invalid_request", "grant_type")
    given(post(system, "/oauth/token", good, {**head, "Content-Type": "Application/X-WWW-Form-Urlencoded; charset=UTF-8"}), PLAIN)
    expect_equal(post(system, "/oauth/token", good + "&x=" + "y" * 65536, head).status, 413)
    # Just what is allowed in all: each parameter is the issuer's to look at.
    refused(post(system, "/oauth/token", good + "&scope=" + "%20" * 4096 + "&redirect_uri=" + "x" * 2049, head), 400, "invalid_request", "redirect_uri")
    given(post(system, "/oauth/token", good, head), PLAIN)


@test("so many requests a minute of a client and address, told as RFC 6749 would (R20)")
def limit(system):
    head, fields = basic(*system.clients["erp"]), {"grant_type": "client_credentials"}
    here, there = next(system.addresses), next(system.addresses)

    def many():
        answer = post(system, "/oauth/token", {**fields, "environment": ("live", "test")[len(answers) % 2]}, head, address=here)
        answers.append(answer)
        return answer.status == 429

    answers = []
    while not many():
        expect(len(answers) < 300, "nobody said that it is too much")
    expect(len(answers) > 30, f"{len(answers)} requests, live and test together")
    # Who has one IPv6 address has 2^64: its /64 counts.
    answers, here = [], "2001:db8:1:2::1"
    while not many():
        here = f"2001:db8:1:2:{len(answers):x}::1"
        expect(len(answers) < 300, "nobody said that it is too much, of a /64")
    refused(answers[-1], 429, "temporarily_unavailable", "30", retry=True)
    given(post(system, "/oauth/token", fields, head, address=there), PLAIN)


@test("a store's tokens: by its server and by browsers, with the five members and no others (R21)")
def stores(system):
    for name, grant, how in (("erp", "client_credentials", "basic"), ("erp", "client_credentials", "body"), ("shop", "implicit", "body")):
        for way in ("form", "json"):
            said = given(asked(system, "/oauth/access_token", name, how, way, grant_type=grant), ("expires", "identifier", "expires_in", "access_token", "token_type"))
            expect_equal((said["identifier"], said["expires_in"], said["token_type"]), (grant, 3600, "Bearer"))
            expect(abs(said["expires"] - time.time() - 3600) < 600, said["expires"])
            write = system.validate(said["access_token"], "orders", "write")
            expect_equal(write["decision"] == "allow", grant != "implicit", f"{grant}: write")
            expect_equal(system.validate(said["access_token"])["decision"], "allow")
    refused(asked(system, "/oauth/access_token", "erp", grant_type="implicit"), 400, "unauthorized_client")
    refused(asked(system, "/oauth/access_token", "shop", grant_type="client_credentials"), 400, "unauthorized_client")
    refused(asked(system, "/oauth/access_token", "shop", grant_type="password"), 400, "unsupported_grant_type")
    refused(post(system, "/oauth/access_token", {"grant_type": "client_credentials"}, basic(system.clients["erp"][0], "x")), 401, "invalid_client", challenge=CHALLENGE_BASIC)


@test("a customer's token, beside the store's (R22)")
def customers(system):
    store = asked(system, "/oauth/access_token", "shop", grant_type="implicit").json()["access_token"]
    who, bearer = {"email": EMAIL, "password": PASSWORD}, {"Authorization": f"Bearer {store}"}
    for way in ("form", "json"):
        said = given(post(system, "/v2/customers/tokens", who, bearer, way), (*PLAIN, "expires", "customer"))
        expect_equal((said["token_type"], said["expires_in"], said["customer"]), ("Bearer", 86400, system.customer))
        expect_equal(system.validate(said["access_token"])["decision"], "deny", "alone")
    challenge = 'Bearer realm="jeton"'
    for headers in ({}, basic("a", "b")):
        refused(post(system, "/v2/customers/tokens", who, headers, "json"), 401, "invalid_token", challenge=challenge)
    for wrong in ("x", "a.b.c", store[:-4] + "AAAA", "..", "." * 100):
        refused(post(system, "/v2/customers/tokens", who, {"Authorization": f"Bearer {wrong}"}, "json"), 401, "invalid_token", challenge=challenge + ', error="invalid_token"')
    refused(post(system, "/v2/customers/tokens", {**who, "store_token": store}, {}, "json"), 401, "invalid_token", challenge=challenge)
    refused(post(system, "/v2/customers/tokens", {**who, "password": "wrong"}, bearer, "json"), 400, "invalid_grant")
    refused(post(system, "/v2/customers/tokens", {"email": EMAIL}, bearer, "json"), 400, "invalid_request", "password")
    here = next(system.addresses)
    for _ in range(40):
        answer = post(system, "/v2/customers/tokens", {"email": "guessed@shop.example", "password": "wrong"}, bearer, "json", address=here)
        if answer.status == 429:
            break
    refused(answer, 429, "temporarily_unavailable", retry=True)


@test("a user's login token, with the six members and no others (R23)")
def logins(system):
    said = given(login(system), ("access_token", "token_type", "username", "expires_in", ".issued", ".expires"))
    expect_equal((said["token_type"], said["username"], said["expires_in"]), ("Bearer", "ada", 3600))
    issued, expires = (time.mktime(time.strptime(said[name], "%a, %d %b %Y %H:%M:%S GMT")) for name in (".issued", ".expires"))
    expect_equal(expires - issued, 3600)
    expect(abs(issued - time.mktime(time.gmtime())) < 600, said[".issued"])
    wrong = post(system, "/api/token", {"Username": "ada", "Password": "wrong"}, way="json")
    unknown = post(system, "/api/token", {"Username": "nobody", "Password": "wrong"}, way="json")
    expect_equal(refused(wrong, 400, "invalid_grant"), refused(unknown, 400, "invalid_grant"), "nothing tells who is a user")
    refused(post(system, "/api/token", {"username": "ada", "password": PASSWORD}, way="json"), 400, "invalid_request", "username")
    refused(post(system, "/api/token", {"Username": "ada"}, way="json"), 400, "invalid_request", "password")
    refused(post(system, "/api/token", {"Username": "ada", "Password": "x" * 1025}, way="json"), 400, "invalid_request", "password")
    here = next(system.addresses)
    for _ in range(40):
        answer = post(system, "/api/token", {"Username": "ada", "Password": "wrong"}, way="json", address=here)
        if answer.status == 429:
            break
    said = refused(answer, 429, "temporarily_unavailable", "wait", retry=True)
    expect(f"wait {answer.headers['retry-after']} s " in said["error_description"], f"{said}: Retry-After: {answer.headers['retry-after']}")


def introspect(system, value, name="erp", how="basic", way="form", **fields):
    answer = asked(system, "/oauth/introspect", name, how, way, token=value, **fields)
    expect_equal(answer.status, 200, str(answer.body[:300]))
    for header, text in NOT_KEPT.items():
        expect_equal(answer.headers.get(header), text, header)
    return said_by(answer)


@test("what a token is, for a client that proves itself: of its own account's tokens, and of the environment asked for; then it is given back (R25, R29)")
def introspection(system):
    erp = system.clients["erp"][0]
    for name in ("erp", "opaque"):
        value, client = token(system, name), system.clients[name][0]
        for how, way in (("basic", "form"), ("body", "json")):
            said = introspect(system, value, how=how, way=way, token_type_hint="access_token")
            expect(said.pop("jti") and abs(said.pop("exp") - said.pop("iat")) == 7200, f"{said}")
            expect_equal(said.pop("scope").split()[0], "module:orders:write")
            expect_equal(said, {"active": True, "client_id": client, "sub": client, "token_type": "Bearer", "iss": URL, "aud": "jeton", "account": system.account,
                                "environment": "live"})
        for other in ("foreign",):
            expect_equal(introspect(system, value, other), {"active": False}, "of another account")
        expect_equal(introspect(system, value, environment="test"), {"active": False}, "of another environment")
        # Another client's to give back it is not; its own it is, once and again.
        for who, after in (("desk", True), (name, False), (name, False)):
            answer = asked(system, "/oauth/revoke", who, token=value, token_type_hint="access_token")
            expect_equal((answer.status, answer.body), (200, b""))
            wait_within(lambda: introspect(system, value)["active"] == after, 5, f"after {who} gave it back")
    test_token = token(system, "erp", environment="test")
    expect_equal(introspect(system, test_token), {"active": False}, "a test token, asked for as a live one")
    expect_equal(introspect(system, test_token, environment="test")["environment"], "test")
    made = system.admin.ok("CreateToken", account_id=system.account, name="api", kind=types.TOKEN_KIND_SERVICE, modules=[{"module": "orders", "access": types.ACCESS_READ}])
    said = introspect(system, made.value)
    expect_equal((said["active"], said["kind"], said["jti"], "exp" in said), (True, "service", made.token.id, False))
    refused(asked(system, "/oauth/revoke", "erp", token=made.value), 400, "unsupported_token_type")
    for value in ("x", "a.b.c", made.value[:-1], erp, "jtn_live_" + "A" * 44, "x" * 20000, "é"):
        expect_equal(introspect(system, value), {"active": False})
    # Who asks.
    wanted = 401, "invalid_client"
    for fields, headers in (({}, {}), ({"client_id": erp}, {}), ({"client_id": erp, "client_secret": "x"}, {}), ({}, basic(erp, "x")), ({}, {"Authorization": f"Bearer {made.value}"})):
        refused(post(system, "/oauth/introspect", {"token": made.value, **fields}, headers), *wanted, challenge=CHALLENGE_BASIC)
    refused(asked(system, "/oauth/introspect", "shop", token=made.value), 400, "unauthorized_client")
    refused(asked(system, "/oauth/introspect", "erp"), 400, "invalid_request", "token")
    refused(asked(system, "/oauth/revoke", "erp"), 400, "invalid_request", "token")
    refused(post(system, "/oauth/revoke", {"token": "x"}, basic(erp, "x")), 401, "invalid_client", challenge=CHALLENGE_BASIC)


@test("a refresh token that is given back ends what came of the same sign-in (R19, R25)")
def refresh(system):
    first = asked(system, "/oauth/token", "shop", grant_type="password", username=EMAIL, password=PASSWORD).json()
    expect_equal(introspect(system, first["access_token"])["customer"], system.customer)
    expect_equal(asked(system, "/oauth/revoke", "shop", token=first["refresh_token"], token_type_hint="refresh_token").status, 200)
    wait_within(lambda: introspect(system, first["access_token"]) == {"active": False}, 5, "the access token is revoked")
    refused(asked(system, "/oauth/token", "shop", grant_type="refresh_token", refresh_token=first["refresh_token"]), 400, "invalid_grant")


@test("the metadata says what there is, and all of it works (RFC 8414)")
def metadata(system):
    answer = ask(system, "GET", "/.well-known/oauth-authorization-server")
    said = said_by(answer)
    expect_equal((answer.status, answer.headers["cache-control"], answer.headers["access-control-allow-origin"], "pragma" in answer.headers),
                 (200, "public, max-age=3600", "*", False))
    expect_equal((said["issuer"], jwt.decode(token(system, "erp"), options={"verify_signature": False})["iss"]), (URL, URL))
    # Each grant is one, and no other is; each way to authenticate is one.
    grants = {grant for grant in ("authorization_code", "client_credentials", "password", "refresh_token", "implicit", "urn:ietf:params:oauth:grant-type:device_code")
              if asked(system, "/oauth/token", "erp", grant_type=grant).json().get("error") != "unsupported_grant_type"}
    expect_equal(set(said["grant_types_supported"]), grants)
    for kind in ("token", "revocation", "introspection"):
        methods = {"client_secret_basic", "client_secret_post", "private_key_jwt"} | ({"none"} if kind != "introspection" else set())
        expect_equal(set(said[f"{kind}_endpoint_auth_methods_supported"]), methods)
        expect_equal(said[f"{kind}_endpoint_auth_signing_alg_values_supported"], ["ES256", "EdDSA"])
    expect_equal((said["response_types_supported"], said["response_modes_supported"], said["code_challenge_methods_supported"]), (["code"], ["query"], ["S256"]))
    expect_equal(said["authorization_response_iss_parameter_supported"], True)
    for name, method in (("authorization_endpoint", "GET"), ("token_endpoint", "POST"), ("revocation_endpoint", "POST"), ("introspection_endpoint", "POST"), ("jwks_uri", "GET")):
        expect(said[name].startswith(URL + "/"), said[name])
        expect(ask(system, method, said[name][len(URL):]).status not in (404, 405), name)
    expect_equal(ask(system, "GET", "/.well-known/openid-configuration").status, 404, "it is no OpenID provider, and says so")


@test("the keys: kept for as long as the issuer allows and no longer (R24, R26)")
def keys(system):
    jwks = lambda: ask(system, "GET", "/.well-known/jwks.json")
    answer = wait_for(lambda: next((answer for answer in (jwks(),) if answer.headers["etag"] != system.before.headers["etag"]), None), 20,
                      "the gateway has asked again since the rotation", every=0.5)
    expect_equal((answer.status, answer.headers["content-type"], answer.headers["access-control-allow-origin"]), (200, "application/jwk-set+json", "*"))
    age = int(answer.headers["cache-control"].removeprefix("public, max-age="))
    expect(0 < age <= 60, f"max-age {age}")
    value = token(system, "erp")
    verify(answer.body, value)
    expect(all("d" not in key for key in json.loads(answer.body)["keys"]), "public keys")
    etag = answer.headers["etag"]
    for known in (etag, f'"x", {etag}', f"W/{etag}", "*"):
        again = ask(system, "GET", "/.well-known/jwks.json", headers={"If-None-Match": known})
        expect_equal((again.status, again.body, again.headers.get("etag")), (304, b"", etag), known)
    expect_equal(ask(system, "GET", "/.well-known/jwks.json", headers={"If-None-Match": '"x"'}).status, 200)
    head = ask(system, "HEAD", "/.well-known/jwks.json")
    expect_equal((head.status, head.body, head.headers["etag"]), (200, b"", etag))


@test("pages of other origins may ask for tokens, read the keys and the metadata, and nothing else; never with what a browser has of its own")
def origins(system):
    preflight = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    for path in ("/oauth/token", "/oauth/access_token", "/v2/customers/tokens", "/oauth/revoke"):
        answer = ask(system, "OPTIONS", path, headers=preflight)
        expect_equal((answer.status, answer.body), (204, b""))
        expect_equal({name.lower(): value for name, value in answer.headers.items() if name.startswith("Access-Control-") and "Expose" not in name},
                     {"access-control-allow-origin": "*", "access-control-allow-methods": "POST", "access-control-allow-headers": "Authorization, Content-Type",
                      "access-control-max-age": "7200"})
        answer = post(system, path, {}, {"Origin": "https://shop.example"})
        expect_equal((answer.headers.get("access-control-allow-origin"), answer.headers.get("access-control-expose-headers")),
                     ("*", "Retry-After, WWW-Authenticate, X-Request-Id"), f"{path}: of an error")
    answer = asked(system, "/oauth/access_token", "shop", grant_type="implicit")
    expect_equal((answer.status, answer.headers["access-control-allow-origin"]), (200, "*"))
    for path in ("/oauth/introspect", "/api/token"):
        for answer in (ask(system, "OPTIONS", path, headers=preflight), post(system, path, {}, {"Origin": "https://shop.example"})):
            expect(not any(name.lower().startswith("access-control-") for name in answer.headers), f"{path}: {answer.headers}")


@test("each line of curl in OAUTH.md does what it shows")
def curl(system):
    with open(os.path.join(TOP, "services/gateway/OAUTH.md"), encoding="utf-8") as f:
        lines = [line for block in f.read().split("```sh\n")[1:] for line in block.split("```")[0].splitlines()]
    shown = [after if after.startswith("# {") else None for after in lines[1:] + [""]]
    commands = [(line, after) for line, after in zip(lines, shown) if line.startswith("curl ")]
    expect_equal(len(commands), 12, "lines of curl")
    for name, text in ((".curlrc", "silent\nshow-error\nfail-with-body\n"), ("password.txt", PASSWORD)):
        with open(system.path(name), "w", encoding="utf-8") as f:
            f.write(text)
    user = login(system).json()["access_token"]
    store = asked(system, "/oauth/access_token", "shop", grant_type="implicit").json()["access_token"]
    values = {"JETON": f"https://localhost:{system['gateway'].ports['tls']}", "CODE": code_of(system, user), "VERIFIER": VERIFIER, "STORE": store, "TOKEN": "", "REFRESH": "",
              "CURL_HOME": system.directory, "CURL_CA_BUNDLE": system["gateway"].settings["certificate"]}
    for line, after in commands:
        name = "shop" if "=password" in line or "=implicit" in line else "desk" if "_code" in line or "=refresh" in line else "erp"
        client, secret = system.clients[name]
        if "/revoke" in line or "/introspect" in line:
            values["TOKEN"] = token(system, "erp")
        done = subprocess.run(["bash", "-c", line.replace("…", PASSWORD)], env={**os.environ, **values, "CLIENT": client, "SECRET": secret}, cwd=system.directory,
                              capture_output=True, text=True, timeout=30 * PATIENCE, check=False)
        expect_equal((done.returncode, done.stderr), (0, ""), f"{line}: {done.stdout}")
        said = json.loads(done.stdout) if done.stdout else {}
        values["REFRESH"] = said.get("refresh_token", "") if name == "desk" else values["REFRESH"]
        if after:
            more = [line for line in lines[lines.index(after) + 1:][:1] if line.startswith("#  ")]
            members = re.findall(r'"([.\w]+)": ', " ".join([after, *more]))
            expect_equal(sorted(said), sorted(members), line)


@test("clients that go away before they are answered harm nobody: between the two calls of introspection, too")
def gone(system):
    value, headers = token(system, "erp"), {**basic(*system.clients["erp"]), "Content-Type": FORM}
    for i in range(60):
        connection = system["gateway"].connect()
        path, fields = (("/oauth/introspect", {"token": value}), ("/oauth/token", {"grant_type": "client_credentials"}), ("/.well-known/jwks.json", None))[i % 3]
        connection.request("POST" if fields else "GET", path, urllib.parse.urlencode(fields or {}), {**headers, "X-Forwarded-For": next(system.addresses)})
        if i % 2:
            ask(system, "GET", "/.well-known/oauth-authorization-server")  # meanwhile it is further on
        connection.close()
    expect_equal(introspect(system, value)["active"], True)


@test("nobody can tell: without an issuer, 503 and neither yes nor no; the keys for as long as they are good (R29)")
def unavailable(system):
    system["gateway"].stop()
    system["gateway"].settings["call_timeout_ms"] = str(int(500 * SLOW))
    system["gateway"].start()
    value = token(system, "erp")
    expect_equal(ask(system, "GET", "/.well-known/jwks.json").status, 200)
    system["issuer"].stop()
    wanted = 503, "temporarily_unavailable"
    refused(asked(system, "/oauth/token", "erp", grant_type="client_credentials"), *wanted)
    refused(asked(system, "/oauth/access_token", "shop", grant_type="implicit"), *wanted)
    refused(post(system, "/v2/customers/tokens", {"email": EMAIL, "password": PASSWORD}, {"Authorization": f"Bearer {value}"}), *wanted)
    refused(login(system), *wanted)
    refused(asked(system, "/oauth/revoke", "erp", token=value), *wanted)
    refused(asked(system, "/oauth/introspect", "erp", token=value), *wanted)
    expect_equal(ask(system, "GET", "/.well-known/jwks.json").status, 200, "it is still good")
    expect_equal(ask(system, "GET", "/.well-known/oauth-authorization-server").status, 200)
    # One that was never told any.
    system["gateway"].restart()
    for path in ("/.well-known/jwks.json", "/.well-known/oauth-authorization-server"):
        refused(ask(system, "GET", path), *wanted)
    system["issuer"].start()
    wait_for(lambda: asked(system, "/oauth/token", "erp", grant_type="client_credentials").status == 200, 10, "tokens again")
    system["validator"].stop()
    refused(asked(system, "/oauth/introspect", "erp", token=value), *wanted)
    system["validator"].start()
    wait_for(lambda: introspect(system, value)["active"], 10, "introspection again")


@test("whoever is killed: a token, 503 or a closed connection, and tokens again within 5 s (R44)")
def killed(system):
    answers, seen, over, lock = [], set(), threading.Event(), threading.Lock()
    gateway, client = system["gateway"], basic(*system.clients["erp"])

    def ask_on():
        while not over.is_set():
            with lock:
                address = next(system.addresses)
            try:
                answer = post(system, "/oauth/token", {"grant_type": "client_credentials"}, client, address=address)
                outcome = answer.status, answer.json().get("error", "")
            except OSError:  # a connection that was closed, or refused
                outcome = None
            answers.append(outcome)
            seen.add(outcome)

    threads = [threading.Thread(target=ask_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for service in (system["issuer"], gateway):
            wait_for(lambda: (200, "") in answers, 20, "tokens")
            service.kill()
            wait_for(lambda: answers and answers[-1] != (200, ""), 10, "none while it is down")
            service.start()
            del answers[:-4]
            wait_within(lambda: (200, "") in answers[4:], 5, f"tokens, {service.name} being back")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    expect(seen <= {(200, ""), (503, "temporarily_unavailable"), None}, f"{seen}")


@test("metadata that would not be true is not told: two settings that do not agree")
def misconfigured(system):
    system["gateway"].stop()
    system["gateway"].settings["public_url"] = "https://else.example"
    system["gateway"].start()
    answer = ask(system, "GET", "/.well-known/oauth-authorization-server")
    expect_equal((answer.status, answer.headers["content-type"]), (500, "application/problem+json"))
    expect("public_url" in json.loads(answer.body)["detail"] and "public_url" in system["gateway"].log(), f"{answer.body}")


main(shop)
