#!/usr/bin/python3
"""curl: what the README's reader types (R17, R20, R23, R25-R27), and the pages with a jar of cookies and no browser."""
import base64
import hashlib
import html
import json
import re
import secrets
import urllib.parse

from shop import basic, curl, form, shop

from harness import expect, expect_equal, main, test


@test("only who trusts the certificate gets an answer; plain HTTP is refused, and says why")
def transport(system):
    curl(system, "/.well-known/jwks.json", trust=False)
    expect_equal(json.loads(curl(system, "/.well-known/jwks.json"))["keys"][0]["use"], "sig")
    curl(system, "/.well-known/jwks.json", "--tls-max", "1.2")
    refused = json.loads(curl(system, system.shop["plain"] + "/oauth/token", *basic(system, "erp"), *form(grant_type="client_credentials"), status=403))
    expect_equal(refused["status"], 403)


@test("client_credentials as form and as JSON; introspected and revoked")
def integration(system):
    said = json.loads(curl(system, "/oauth/token", *basic(system, "erp"), *form(grant_type="client_credentials", scope="module:orders:read")))
    expect_equal((said["token_type"], said["expires_in"], said["scope"]), ("Bearer", 7200, "module:orders:read"))
    body = json.dumps({"grant_type": "client_credentials", **system.shop["erp"]})
    token = json.loads(curl(system, "/oauth/token", "--header", "Content-Type: application/json", "--data", body))["access_token"]
    expect_equal(json.loads(curl(system, "/oauth/introspect", *basic(system, "erp"), *form(token=token)))["active"], True)
    expect_equal(curl(system, "/oauth/revoke", *basic(system, "erp"), *form(token=token)), "")
    wrong = json.loads(curl(system, "/oauth/token", "--user", f"{system.shop['erp']['client_id']}:x", *form(grant_type="client_credentials"), status=401))
    expect_equal(wrong["error"], "invalid_client")


@test("a user's login token (R23)")
def login(system):
    said = json.loads(curl(system, "/api/token", "--header", "Content-Type: application/json", "--data", json.dumps({"Username": "ada", "Password": system.shop["password"]})))
    expect_equal((said["username"], said["token_type"], said["expires_in"]), ("ada", "Bearer", 3600))


@test("the pages with a jar of cookies: sign in, allow, and a code for tokens")
def pages(system):
    jar = ["--cookie", system.path("jar"), "--cookie-jar", system.path("jar")]
    verifier, back, desk = secrets.token_urlsafe(48), system.shop["back"]["https"], system.shop["desk"]
    path = "/oauth/authorize?" + urllib.parse.urlencode({
        "response_type": "code", "client_id": desk["client_id"], "redirect_uri": back, "state": "x", "code_challenge_method": "S256",
        "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")})

    def fields(page, action):
        found = re.search(f'<form [^>]*action="([^"]*)">\\s*<input [^>]*value="{action}">(.*?)</form>', page, re.S)
        hidden = dict(re.findall('<input type="hidden" name="([^"]*)" value="([^"]*)">', found.group(2)))
        return html.unescape(found.group(1)), {name: html.unescape(value) for name, value in {"action": action, **hidden}.items()}

    place, hidden = fields(curl(system, path, *jar), "sign-in")
    curl(system, place, *jar, *form(**hidden, username="ada", password=system.shop["password"]), status=303)
    page = curl(system, system.redirect, *jar)
    expect("Signed in as <bdi>ada</bdi>" in page, page)
    place, hidden = fields(page, "allow")
    curl(system, place, *form(**hidden), status=403)  # without the cookies
    curl(system, place, *jar, *form(**hidden), status=303)
    told = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(system.redirect).query))
    expect_equal((system.redirect.split("?")[0], told["state"], told["iss"]), (back, "x", system.shop["url"]))
    said = json.loads(curl(system, "/oauth/token", *basic(system, "desk"), *form(grant_type="authorization_code", code=told["code"], redirect_uri=back, code_verifier=verifier)))
    expect_equal(said["scope"], " ".join(system.shop["scopes"]))
    said = json.loads(curl(system, "/oauth/token", *basic(system, "desk"), *form(grant_type="refresh_token", refresh_token=said["refresh_token"])))
    expect(said["access_token"], f"{list(said)}")


main(shop)
