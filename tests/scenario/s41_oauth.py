#!/usr/bin/python3
"""The token endpoint's core: which client gets which token by which grant, what the token reaches, and for how long (R12-R18, R20, R24, R25, R36, R39, R46)."""
import json
import time

import jwt
import wire
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from administer import types
from granting import (ALLOW, BACK, BUYER, INTEGRATION, ISSUER, JWT_BEARER, PASSWORD, SALES_CHANNEL, UNKNOWN, VERIFIER, ask, by_password, code_of, credentials,
                      decision, decode, given, jwk_of, refused, shop)
from harness import SLOW, expect, expect_equal, main, test, wait_for

import envelope_pb2 as envelope
import issuer_pb2 as issuer


@test("a client gets a JWT by RFC 9068, which the validators allow for its modules and no others, until the client may have none (R17, R24, R25, R28)")
def promise(system):
    before = system.sql("select (select count(*) from changes) + (select count(*) from outbox) + (select count(*) from trail)")
    reply = given(system, "erp")
    expect_equal((reply.expires_in, reply.scope), (7200, "module:orders:write module:stock:read"))
    header, claims = (decode(part) for part in reply.access_token.split(".")[:2])
    expect_equal((header["alg"], header["typ"]), ("ES256", "at+jwt"))
    expect(abs(claims.pop("iat") - time.time()) < 600 and len(claims.pop("jti")) == 22, "iat, jti")
    expect(abs(claims.pop("exp") - time.time() - 7200) < 600, "exp")
    erp = system.clients["erp"]
    expect_equal(claims, {"iss": "https://jeton.localhost", "aud": "jeton", "sub": erp, "client_id": erp, "account": system.account, "client_kind": "integration",
                          "scope": reply.scope, "environment": "live"})
    expect_equal(system.sql("select (select count(*) from changes) + (select count(*) from outbox) + (select count(*) from trail)"), before,
                 "rows, after a token was made")
    token = reply.access_token
    for module, access, wanted in (("orders", "read", ALLOW), ("orders", "write", ALLOW), ("stock", "read", ALLOW), ("stock", "write", ("deny", "read_only", 403)),
                                   ("prices", "read", ("deny", "module_not_granted", 403))):
        for _ in range(2):  # looked up, and from memory
            expect_equal(decision(system, token, module, access), wanted, f"{module} {access}")
    shown = system.validate(token)
    expect_equal((shown["client"], shown["account"], shown.get("user", ""), shown.get("scope", "")), (erp, system.account, "", ""))
    expect_equal(decision(system, token, environment="test"), ("deny", "wrong_environment", 403))

    def ends(what, wanted, begin, end):
        system.admin.ok(*begin[:1], **begin[1])
        wait_for(lambda: all(decision(system, token, endpoint=v.endpoint) == wanted for v in system.of_kind("validator")), 5, what)
        if end:
            system.admin.ok(*end[:1], **end[1])
            wait_for(lambda: decision(system, token) == ALLOW, 5, f"allowed again after: {what}")

    account = {"id": system.account}
    ends("the account is suspended", ("deny", "account_suspended", 403), ("SuspendAccount", account), ("ResumeAccount", account))
    ends("the module is disabled", ("deny", "module_disabled", 403), ("DisableModule", {"account_id": system.account, "module": "orders"}),
         ("EnableModule", {"account_id": system.account, "module": "orders"}))
    ends("the client is inactive", ("deny", "disabled", 401), ("DeactivateClient", {"id": erp}), ("ActivateClient", {"id": erp}))
    revision = system.admin.ok("GetClient", id=erp).client.revision
    ends("the client lost a module", ("deny", "module_not_granted", 403),
         ("EditClient", {"id": erp, "revision": revision, "fields": ["scopes"], "scopes": ["module:stock:read"]}),
         ("EditClient", {"id": erp, "revision": revision + 1, "fields": ["scopes"], "scopes": ["module:orders:write", "module:stock:read"]}))
    gone = system.admin.ok("CreateClient", account_id=system.account, name="gone", kind=INTEGRATION, scopes=["module:orders:read"])
    token = ask(system, grant_type="client_credentials", client_id=gone.client.id, client_secret=gone.secret).access_token
    expect_equal(decision(system, token), ALLOW)
    ends("the client is deleted", ("deny", "revoked", 401), ("DeleteClient", {"id": gone.client.id}), None)
    refused(system, 401, "invalid_client", grant_type="client_credentials", client_id=gone.client.id, client_secret=gone.secret)


# R17's table: of each grant and kind of client, what a request that has all it needs gets. An error: with which it is refused.
CELLS = {
    "client_credentials": {"shop": 14400, "erp": 7200, "desk": "unauthorized_client"},
    "password": {"shop": 14400, "erp": "unauthorized_client", "desk": "unauthorized_client"},
    "authorization_code": {"shop": "unauthorized_client", "erp": "unauthorized_client", "desk": 7200},
    "refresh_token": {"shop": 14400, "erp": "unauthorized_client", "desk": 7200},
}
@test("each cell of R17's table: what a client of each kind gets by each grant, and for how long, or with which error it is refused")
def table(system):
    a = system.admin
    a.ok("CreateCustomer", account_id=system.account, email="cells@shop.example", password=PASSWORD)
    a.ok("CreateUser", account_id=system.account, username="cells", name="Cells", password=PASSWORD)
    login = system.jeton("login", "cells", "--token-only", input=PASSWORD + "\n", check=0).stdout.strip()
    by_customer = by_password(system, "shop", "cells@shop.example")

    def fields(grant, name):
        """All that the grant needs, as good as this client can have it."""
        if grant == "password":
            return {"username": "cells@shop.example", "password": PASSWORD}
        code = {"code": code_of(system, login), "redirect_uri": BACK, "code_verifier": VERIFIER} if grant == "authorization_code" or name != "shop" else None
        if grant == "authorization_code":
            return code
        if grant == "refresh_token":
            first = by_customer if name == "shop" else credentials(system, "desk", grant_type="authorization_code", **code)
            return {"refresh_token": ask(system, **first).refresh_token}
        return {}

    for grant, cells in CELLS.items():
        for name, wanted in cells.items():
            request = credentials(system, name, grant_type=grant, **fields(grant, name))
            if isinstance(wanted, str):
                refused(system, 400, wanted, grant, **request)
                continue
            reply = ask(system, **request)
            expect_equal((reply.status, reply.error_description, reply.expires_in), (200, "", wanted), f"{grant}, {name}")
            expect_equal((bool(reply.refresh_token), decision(system, reply.access_token)), (grant != "client_credentials", ALLOW), f"{grant}, {name}")
    # A public client has no secret; the others need theirs.
    expect_equal(system.secrets["shop"], "")
    for name in ("shop", "desk"):
        refused(system, 400, "invalid_grant", **credentials(system, name, grant_type="refresh_token", refresh_token="x"))
    for grant in ("implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "Client_Credentials", "x"):
        for name in ("shop", "erp", "desk"):
            refused(system, 400, "unsupported_grant_type", **credentials(system, name, grant_type=grant))
    refused(system, 400, "invalid_request", "grant_type", **credentials(system, "erp", grant_type=""))
    life = system.admin.ok("CreateClient", account_id=system.account, name="long", kind=INTEGRATION, access_token_life_s=31536000)
    reply = ask(system, grant_type="client_credentials", client_id=life.client.id, client_secret=life.secret)
    expect_equal((reply.expires_in, reply.scope), (31536000, ""))
    expect_equal(decision(system, reply.access_token), ("deny", "module_not_granted", 403), "a client without scopes")
    test_token = given(system, "erp", environment=types.ENVIRONMENT_TEST).access_token
    expect_equal((decision(system, test_token, environment="test"), decision(system, test_token)), (ALLOW, ("deny", "wrong_environment", 403)))


@test("who does not prove to be the client is told the same, whatever is wrong; it is in the trail (R36)")
def authentication(system):
    erp, secret = system.clients["erp"], system.secrets["erp"]
    inactive = system.admin.ok("CreateClient", account_id=system.account, name="off", kind=INTEGRATION)
    system.admin.ok("DeactivateClient", id=inactive.client.id)
    texts = set()
    records = lambda: int(system.sql("select count(*) from trail where event = 'platform.clients.client.authentication_failed'"))
    wait_for(lambda: system.sql("select count(*) from outbox") == "0", 10, "the records of before are in the trail")
    before = records()
    bad = ((erp, ""), (erp, secret[:-1]), (erp, secret + "x"), (erp, secret.upper()), (erp, system.secrets["crm"]), (UNKNOWN, secret), (UNKNOWN, ""),
           (system.clients["shop"], "x"), (system.clients["shop"], secret), (inactive.client.id, inactive.secret), ("", secret), ("CLI-1", secret),
           ("CLI-0000-0000' or 1=1", secret), (erp.lower(), secret), (f" {erp}", secret), ("é" * 200, secret), (system.account, secret))
    for client, given_secret in bad:
        reply = refused(system, 401, "invalid_client", grant_type="client_credentials", client_id=client, client_secret=given_secret)
        if client:
            texts.add(reply.error_description)
    expect_equal(len(texts), 1, f"{texts}")
    refused(system, 401, "invalid_client", grant_type="client_credentials", client_id=erp,
            client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer", client_assertion="a.b.c")
    refused(system, 400, "invalid_request", "client_assertion", **credentials(system, "erp", client_assertion="a.b.c"))
    wait_for(lambda: records() - before == len([c for c, _ in bad if c]) + 1, 10, "a record of each")
    expect_equal(system.sql("select distinct account_id from trail where event = 'platform.clients.client.authentication_failed' order by 1").split("\n"),
                 ["", system.account])


@test("a secret is shown once and kept as a digest; while one takes the other's place both are good (R46)")
def secrets(system):
    a = system.admin
    made = a.ok("CreateClient", account_id=system.account, name="rotating", kind=INTEGRATION)
    client, first = made.client.id, made.secret
    expect(first.startswith("jtn_client_") and len(first) == 54 and made.client.secret_made_at > 0 and made.client.secret_grace_until == 0, f"{made.client}")

    def good(secret):
        return ask(system, grant_type="client_credentials", client_id=client, client_secret=secret).status == 200

    rotated = a.ok("RotateClientSecret", id=client)
    second = rotated.secret
    expect_equal((good(first), good(second), rotated.client.revision), (True, True, 2))
    expect(abs(rotated.client.secret_grace_until - rotated.client.secret_made_at - 86400) <= 1, "a day of grace")
    third = a.ok("RotateClientSecret", id=client, grace=types.Period(seconds=3600), revision=2).secret
    expect_equal((good(first), good(second), good(third)), (False, True, True))
    fourth = a.ok("RotateClientSecret", id=client, grace=types.Period(seconds=0))
    expect_equal((good(third), good(fourth.secret), fourth.client.secret_grace_until), (False, True, 0))
    system.sql(f"update clients set old_secret_digest = sha256('{first}'), secret_grace_until = now() - interval '1 second' where name = 'rotating'")
    expect_equal(good(first), False, "the secret before, after its grace period")
    a.refused("ABORTED", "RotateClientSecret", id=client, revision=1, says="revision 4")
    a.refused("INVALID_ARGUMENT", "RotateClientSecret", id=client, grace=types.Period(seconds=604801), field="grace.seconds")
    a.refused("INVALID_ARGUMENT", "RotateClientSecret", id=client, grace=types.Period(seconds=-1), field="grace.seconds")
    a.refused("INVALID_ARGUMENT", "RotateClientSecret", id=client, revision=-1, field="revision")
    a.refused("INVALID_ARGUMENT", "RotateClientSecret", id="x", field="id")
    a.refused("NOT_FOUND", "RotateClientSecret", id=UNKNOWN)
    a.refused("FAILED_PRECONDITION", "RotateClientSecret", id=system.clients["shop"], says="public")
    dump = system.sql("select string_agg(c::text, ' ') from clients c") + system.sql("select coalesce(string_agg(encode(record, 'escape'), ' '), '') from trail")
    for secret in (first, second, third, fourth.secret):
        expect(secret[11:] not in dump, "a secret is in a dump")


@test("a client proves itself by what it signs with its key, once (RFC 7523)")
def assertion(system):
    a = system.admin
    one, two, other = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
    jwks = lambda *keys: json.dumps({"keys": list(keys)})
    made = a.ok("CreateClient", account_id=system.account, name="signer", kind=INTEGRATION, scopes=["module:orders:read"], jwks=jwks(jwk_of(one, kid="one"))).client
    both = jwks(jwk_of(one, kid="one"), jwk_of(two, kid="two"))
    made = a.ok("EditClient", id=made.id, revision=1, fields=["jwks"], jwks=both).client
    expect_equal((made.jwks, a.ok("GetClient", id=made.id).client), (both, made))
    used = iter(range(10**6))

    def sign(key=one, algorithm="ES256", kid="one", without=(), **claims):
        now = int(time.time())
        wanted = {"iss": made.id, "sub": made.id, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": f"{next(used)}", **claims}
        return jwt.encode({k: v for k, v in wanted.items() if k not in without}, key, algorithm, headers={"kid": kid} if kid else None)

    def fields(text, client=None, kind=JWT_BEARER):
        return {"grant_type": "client_credentials", "client_id": client or made.id, "client_assertion_type": kind, "client_assertion": text}

    good = sign()
    reply = ask(system, **fields(good))
    expect_equal((reply.status, reply.scope), (200, "module:orders:read"), reply.error_description)
    expect_equal(decision(system, reply.access_token), ALLOW)
    for issuer_of in (0, 1):
        again = ask(system, issuer_of=issuer_of, **fields(good))
        expect_equal((again.status, again.error), (401, "invalid_client"), "the same once more, at any issuer")
    for text in (sign(two, "EdDSA", "two"), sign(aud=[ISSUER + "/oauth/token"]), sign(aud=[ISSUER, ISSUER + "/oauth/token"]), sign(jti="x" * 256)):
        reply = ask(system, **fields(text))
        expect_equal(reply.status, 200, reply.error_description)
    now = int(time.time())
    erp = system.clients["erp"]
    for text, client in ((sign(other), None), (sign(two, "EdDSA", "one"), None), (sign(kid="three"), None), (sign(kid=None), None), (sign(exp=now - 1), None),
                         (sign(exp=now + 3600), None), (sign(iat=now + 600), None), (sign(aud="https://else.example"), None), (sign(aud=[ISSUER, "x"]), None),
                         (sign(aud=[]), None), (sign(aud=[ISSUER, [ISSUER]]), None),
                         (sign(aud=ISSUER + "/"), None), (sign(iss=erp), None), (sign(sub=erp), None), (sign(iss=erp, sub=erp), erp), (sign(), erp), (sign(), UNKNOWN),
                         (sign(jti="x" * 257), None), (sign(jti=1), None), (sign(without=("jti",)), None), (sign(without=("exp",)), None), (sign(without=("iat",)), None),
                         (sign(without=("aud",)), None), (sign()[:-2], None), ("a.b.c", None), ("", None), (reply.access_token, None),
                         (jwt.encode({"iss": made.id, "sub": made.id, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": "hs"}, both, "HS256", headers={"kid": "one"}), None)):
        refused(system, 401, "invalid_client", **fields(text, client))
    refused(system, 401, "invalid_client", **fields(sign(), kind="urn:ietf:params:oauth:client-assertion-type:saml2-bearer"))
    refused(system, 401, "invalid_client", **fields(sign(), kind=""))
    # What expired is taken away again.
    system.sql("update client_assertions set expires_at = now() - interval '1 hour'")
    expect_equal(ask(system, **fields(sign())).status, 200)
    expect_equal(system.sql("select count(*) from client_assertions"), "1")
    # What can be no client's keys.
    large = rsa.generate_private_key(65537, 2048)
    private = {**jwk_of(one), "d": "AAAA"}
    for bad in ("{", "[]", "{}", '{"keys":[]}', '{"keys":{}}', '{"keys":[1]}', '{"keys":[],"keys":[]}', jwks(jwk_of(large)), jwks(private), jwks(jwk_of(one, kid="")),
                jwks(jwk_of(one, kid="a b")), jwks(jwk_of(one, kid="x" * 44)), jwks(jwk_of(one, kid=1)), jwks(jwk_of(one), jwk_of(one)),
                jwks(*[jwk_of(one, kid=f"{i}") for i in range(5)]), jwks(jwk_of(one, use="enc")), jwks({**jwk_of(one), "x": "AAAA"}), " " * 8193):
        a.refused("INVALID_ARGUMENT", "CreateClient", account_id=system.account, name="x", kind=INTEGRATION, jwks=bad, field="jwks")
        a.refused("INVALID_ARGUMENT", "EditClient", id=made.id, revision=2, fields=["jwks"], jwks=bad, field="jwks")
    a.refused("INVALID_ARGUMENT", "CreateClient", account_id=system.account, name="x", kind=SALES_CHANNEL, market_id=system.markets["eu"].id, jwks=both, field="jwks")
    a.refused("INVALID_ARGUMENT", "EditClient", id=system.clients["shop"], revision=1, fields=["jwks"], jwks=both, field="jwks")
    a.ok("EditClient", id=made.id, revision=2, fields=["jwks"])
    refused(system, 401, "invalid_client", **fields(sign()))


@test("a client can prove itself for nothing but that; a public one cannot (AuthenticateClient; R36)")
def authenticate(system):
    def prove(name, **fields):
        message = issuer.AuthenticateClientRequest(**{"client_id": system.clients[name], "client_secret": system.secrets[name], **fields})
        reply = system.issuers[0].call("jeton.v1.Issuer/AuthenticateClient", message, timeout=25, timeout_ms=int(20000 * SLOW), pairs={"client-address": "192.0.2.77"})
        expect(reply is not None and reply.code == envelope.CODE_OK, f"the answer: {reply}")
        return issuer.AuthenticateClientReply.FromString(reply.body)

    for name in ("erp", "desk"):
        reply = prove(name)
        expect_equal((reply.status, reply.error, reply.account), (200, "", system.account))
    for name, fields, status, error in (("erp", {"client_secret": system.secrets["desk"]}, 401, "invalid_client"), ("erp", {"client_secret": ""}, 401, "invalid_client"),
                                        ("erp", {"client_id": UNKNOWN}, 401, "invalid_client"), ("erp", {"client_id": ""}, 401, "invalid_client"),
                                        ("erp", {"client_assertion": "a.b.c"}, 400, "invalid_request"), ("shop", {}, 400, "unauthorized_client")):
        reply = prove(name, **fields)
        expect_equal((reply.status, reply.error, reply.account), (status, error, ""), f"{name} {fields}: {reply.error_description}")
        expect_equal(reply.www_authenticate, 'Basic realm="jeton"' if status == 401 else "")
    wait_for(lambda: "wanted to prove itself in vain" in json.dumps(system.cli("audit", "list", "--event", "platform.clients.client.authentication_failed")), 10,
             "a record of it in the trail")


@test("a client's scopes name modules of its account (R2, R12)")
def scopes(system):
    a = system.admin

    def bad(says, *scopes, at=0):
        a.refused("INVALID_ARGUMENT", "CreateClient", account_id=system.account, name="x", kind=INTEGRATION, scopes=scopes, field=f"scopes[{at}]", says=says)
        a.refused("INVALID_ARGUMENT", "EditClient", id=system.clients["crm"], revision=1, fields=["scopes"], scopes=scopes, field=f"scopes[{at}]", says=says)

    for part in ("orders:read", "module:", "module::read", "module:orders", "module:orders:", "module:orders:both", "module:Orders:read", "module:1:read", "market:1", "",
                 "module:orders:read module:stock:read", "module:" + "a" * 65 + ":read", "module:orders:read\n", "Module:orders:read"):
        bad("", part)
    bad("twice", "module:orders:read", "module:orders:write", at=1)
    bad("enabled", "module:orders:read", "module:prices:read", at=1)
    bad("enabled", "module:unheard:read")
    a.refused("INVALID_ARGUMENT", "CreateClient", account_id=system.account, name="x", kind=INTEGRATION, scopes=["module:orders:read"] * 65, field="scopes")
    # What it has may stay while its module is not enabled.
    a.ok("EnableModule", account_id=system.account, module="prices")
    made = a.ok("CreateClient", account_id=system.account, name="x", kind=INTEGRATION, scopes=["module:prices:write"]).client
    a.ok("DisableModule", account_id=system.account, module="prices")
    edited = a.ok("EditClient", id=made.id, revision=1, fields=["scopes"], scopes=["module:prices:read", "module:orders:read"]).client
    expect_equal(list(edited.scopes), ["module:prices:read", "module:orders:read"])
    expect_equal(a.ok("GetClient", id=made.id).client, edited)


@test("what a token is for: resources and modules, and which part is refused (R13-R16)")
def scope(system):
    eu, us = system.markets["eu"].number, system.markets["us"].number
    rotterdam = system.location.number
    for name, asked, granted in (
            ("erp", "", "module:orders:write module:stock:read"), ("erp", "module:orders:read", "module:orders:read"),
            ("erp", "module:stock:read  market:code:eu", f"market:{eu} module:stock:read"),
            ("erp", f"stock_location:code:rotterdam market:id:{system.markets['eu'].id}",
             f"stock_location:{rotterdam} market:{eu} module:orders:write module:stock:read"),
            ("shop", "", f"market:{eu} module:orders:write module:stock:read"), ("shop", f"market:{eu} module:orders:read", f"market:{eu} module:orders:read")):
        reply = given(system, name, scope=asked)
        expect_equal(reply.scope, granted, f"{name}, {asked!r}")
        claims = decode(reply.access_token.split(".")[1])
        numbers = lambda kind: [int(p.split(":")[1]) for p in granted.split() if p.startswith(kind)]
        expect_equal((claims["scope"], claims.get("markets", []), claims.get("stock_locations", [])), (granted, numbers("market:"), numbers("stock_location:")))
        shown = system.validate(reply.access_token, "stock" if "orders" not in granted else "orders")
        expect_equal((shown["decision"], sorted(shown.get("scope", "").split())), ("allow", sorted(p for p in granted.split() if not p.startswith("module"))))
    for name, asked, says in (
            ("erp", "market:code:old", "'market:code:old' is inactive"), ("erp", "market:code:b2b", "private"), ("erp", f"market:{system.foreign.number}", "is not there"),
            ("erp", "market:code:nowhere", "is not there"), ("erp", "stock_location:code:rotterdam", "requires its market"),
            ("erp", "market:code:us stock_location:code:rotterdam", "belongs to no market"), ("erp", "module:stock:write", "'module:stock:write' is more"),
            ("erp", "module:prices:read", "'module:prices:read' is more"), ("erp", "module:orders:read module:orders:write", "twice"),
            ("erp", "module:orders", "'module:orders' has neither"), ("erp", "orders:read", "'orders:read' is neither"), ("erp", "module:", "has no name"),
            ("erp", "market:0", "market:0"), ("erp", 'market:code:"\\', "market:code:"), ("shop", f"market:{us}", f"'market:{us}' is not the client's market"),
            ("shop", "stock_location:code:rotterdam", "requires its market"), ("erp", "market:code:eu\tmodule:orders:read", "?"), ("erp", "é", "??")):
        refused(system, 400, "invalid_scope", says, **credentials(system, name, scope=asked))
    # Later: what becomes inactive is left out, and a token that has nothing left reaches nothing.
    both, one = (given(system, "erp", scope=s).access_token for s in ("market:code:eu market:code:us stock_location:code:rotterdam", "market:code:eu"))
    scope_of = lambda token: system.validate(token).get("scope", "")
    expect_equal(scope_of(both), f"market:{min(eu, us)} market:{max(eu, us)} stock_location:{rotterdam}")
    system.admin.ok("DeactivateMarket", id=system.markets["eu"].id)
    wait_for(lambda: scope_of(both) == f"market:{us}", 5, "the market and its location are left out")
    expect_equal((decision(system, both), decision(system, one)), (ALLOW, ("deny", "out_of_scope", 403)))
    refused(system, 400, "invalid_scope", "is inactive", **credentials(system, "shop"))
    system.admin.ok("ActivateMarket", id=system.markets["eu"].id)
    wait_for(lambda: decision(system, one) == ALLOW, 5, "the market is back")
    market = system.admin.ok("GetMarket", id=system.markets["eu"].id).market
    system.admin.ok("EditMarket", id=market.id, revision=market.revision, fields=["customer_group_id"], customer_group_id=system.group)
    wait_for(lambda: decision(system, one) == ("deny", "out_of_scope", 403), 5, "a market that is private now")
    system.admin.ok("EditMarket", id=market.id, revision=market.revision + 1, fields=["customer_group_id"], customer_group_id="")


@test("a customer's email and password give a token that stands for it, for a private market too (R15, R17)")
def password(system):
    a = system.admin
    b2b = system.markets["b2b"].number
    buyer = a.ok("CreateCustomer", account_id=system.account, email=BUYER, customer_group_id=system.group, password=PASSWORD).customer.id
    a.ok("CreateCustomer", account_id=system.account, email="guest@shop.example", password=PASSWORD)
    a.ok("CreateCustomer", account_id=system.account, email="new@shop.example")
    off = a.ok("CreateCustomer", account_id=system.account, email="off@shop.example", password=PASSWORD).customer.id
    a.ok("DeactivateCustomer", id=off)
    trade = a.ok("CreateClient", account_id=system.account, name="trade", kind=SALES_CHANNEL, market_id=system.markets["b2b"].id, scopes=["module:orders:write"])
    system.clients["trade"], system.secrets["trade"] = trade.client.id, ""
    reply = ask(system, **by_password(system, "shop", username=BUYER.upper()))
    expect_equal((reply.status, reply.expires_in, reply.refresh_token[:12]), (200, 14400, "jtn_refresh_"), reply.error_description)
    claims = decode(reply.access_token.split(".")[1])
    expect_equal((claims["sub"], claims["client_id"], claims["client_kind"], claims["markets"]),
                 (buyer, system.clients["shop"], "sales_channel", [system.markets["eu"].number]))
    for _ in range(2):  # looked up, and from memory
        shown = system.validate(reply.access_token)
        expect_equal((shown["decision"], shown["client"], shown["customer"], shown.get("user", ""), shown["scope"]),
                     ("allow", system.clients["shop"], buyer, "", f"market:{system.markets['eu'].number}"))
    # A private market is for customers of its group, by the password grant only.
    refused(system, 400, "invalid_scope", "private", **credentials(system, "trade"))
    refused(system, 400, "invalid_scope", "private", **by_password(system, "trade", "guest@shop.example"))
    private = ask(system, **by_password(system, "trade"))
    expect_equal((private.status, private.scope), (200, f"market:{b2b} module:orders:write"), private.error_description)
    expect_equal(decision(system, private.access_token, access="write"), ALLOW)
    # One that leaves the group loses the market; one that is inactive or deleted has no token any more.
    of = lambda: a.ok("GetCustomer", id=buyer).customer.revision
    a.ok("EditCustomer", id=buyer, revision=of(), fields=["customer_group_id"], customer_group_id="")
    wait_for(lambda: decision(system, private.access_token) == ("deny", "out_of_scope", 403), 5, "not of the group any more")
    a.ok("EditCustomer", id=buyer, revision=of(), fields=["customer_group_id"], customer_group_id=system.group)
    wait_for(lambda: decision(system, private.access_token) == ALLOW, 5, "of the group again")
    a.ok("DeactivateCustomerGroup", id=system.group)
    wait_for(lambda: decision(system, private.access_token) == ("deny", "out_of_scope", 403), 5, "the group is inactive")
    a.ok("ActivateCustomerGroup", id=system.group)
    a.ok("DeactivateCustomer", id=buyer)
    wait_for(lambda: decision(system, reply.access_token) == ("deny", "disabled", 401), 5, "the customer is inactive")
    a.ok("ActivateCustomer", id=buyer)
    wait_for(lambda: decision(system, reply.access_token) == ALLOW, 5, "the customer is active again")
    before = int(system.sql("select count(*) from trail where event = 'platform.customers.customer.sign_in_failed'"))
    texts = {refused(system, 400, "invalid_grant", **by_password(system, username=username, password=given_password)).error_description
             for username, given_password in ((BUYER, "wrong"), (BUYER, PASSWORD + " "), ("nobody@shop.example", PASSWORD), ("new@shop.example", PASSWORD),
                                              ("new@shop.example", "x"), ("off@shop.example", PASSWORD), ("é@shop.example", PASSWORD), (buyer, PASSWORD))}
    expect_equal(len(texts), 1, f"{texts}")
    wait_for(lambda: int(system.sql("select count(*) from trail where event = 'platform.customers.customer.sign_in_failed'")) == before + 8, 10, "a record of each")
    refused(system, 400, "invalid_request", "username", **by_password(system, username=""))
    refused(system, 400, "invalid_request", "username", **by_password(system, username="x" * 255))
    refused(system, 400, "invalid_request", "password", **by_password(system, password=""))
    # A client's own failure comes before its customer's.
    refused(system, 401, "invalid_client", **{**by_password(system), "client_secret": "x"})
    # All at once, so that none waits for another's Argon2id.
    for _ in range(20):
        system.issuers[0].send("jeton.v1.Issuer/Token", issuer.TokenRequest(**by_password(system, username="Guest@shop.example", password="guess")),
                               timeout_ms=int(60000 * SLOW), pairs={"client-address": "192.0.2.11"})
    guesses = [issuer.TokenReply.FromString(system.issuers[0].receive(60).body) for _ in range(20)]
    limited = [reply for reply in guesses if reply.status == 429]
    expect(limited and limited[0].retry_after > 0 and {reply.error for reply in guesses} == {"invalid_grant", "temporarily_unavailable"},
           f"guesses are counted by customer: {[reply.status for reply in guesses]}")
    number = system.sql("select number from customers where lower(email) = lower('" + BUYER + "')")
    wanted = {f"3 1 {issuer.GRANT_REASON_OK}", f"3 2 {issuer.GRANT_REASON_WRONG_PASSWORD}", "0 1 1"}
    found = lambda: set(system.sql(f"select grant_type || ' ' || decision || ' ' || reason from use_log where customer = {number}").split("\n"))
    wait_for(lambda: wanted <= found(), 15, f"{wanted} in the log")
    token = system.jeton("grant", "password", system.clients["shop"], "--username", BUYER, "--token-only", input=PASSWORD + "\n", check=0).stdout.strip()
    expect_equal(decision(system, token), ALLOW)
    system.jeton("grant", "password", system.clients["shop"], "--username", BUYER, input="no\n", check=77)
    a.ok("DeleteCustomer", id=buyer)
    wait_for(lambda: decision(system, token) == ("deny", "revoked", 401), 5, "the customer is deleted")


@test("bad input: each field too long, and what is no text at all (R46)")
def bad_input(system):
    erp = credentials(system, "erp")
    for field, size in (("client_id", 513), ("client_secret", 513), ("client_assertion_type", 513), ("client_assertion", 8193), ("scope", 4097), ("username", 513),
                        ("password", 1025), ("code", 513), ("redirect_uri", 2049), ("code_verifier", 513), ("refresh_token", 513)):
        refused(system, 400, "invalid_request", field, **{**erp, field: "x" * size})
    refused(system, 400, "unsupported_grant_type", **{**erp, "grant_type": "x" * 30000})
    refused(system, 400, "invalid_request", "environment", **{**erp, "environment": 3})
    refused(system, 400, "invalid_request", "environment", **{**erp, "environment": -1})
    refused(system, 400, "invalid_scope", **{**erp, "scope": " ".join(f"market:{i}" for i in range(1, 66))})
    refused(system, 400, "invalid_scope", "is not there", **{**erp, "scope": " ".join(f"market:{i + 10000}" for i in range(1, 64))})
    refused(system, 400, "invalid_scope", **{**erp, "scope": " ".join(f"module:m{i}:read" for i in range(66))})
    texts = [field.number << 3 | 2 for field in issuer.TokenRequest.DESCRIPTOR.fields if field.type == field.TYPE_STRING]
    expect_equal(len(texts), 12, "fields with a text")
    broken = [bytes([tag, len(text)]) + text for tag in texts for text in (b"\xff", b"a\xc0\x80", b"\xed\xa0\x80", b"\0", b"a\0b")]
    for bad in (b"\x0a\xff", b"\xff" * 100, *broken):
        reply = system.issuers[0].call("jeton.v1.Issuer/Token", bad, timeout=25)
        expect_equal(reply.code, envelope.CODE_INVALID_ARGUMENT, f"{bad}")


@test("so many requests a minute of a client and address, whatever becomes of them (R20)")
def limit(system):
    # Who succeeds does not count with what failed: sixty and more from one address at a time.
    ids = [system.issuers[0].send("jeton.v1.Issuer/Token", issuer.TokenRequest(**credentials(system, "erp")), timeout_ms=int(20000 * SLOW),
                                  pairs={"client-address": "192.0.2.60"}) for _ in range(100)]
    answers = [issuer.TokenReply.FromString(system.issuers[0].receive(25).body).status for _ in ids]
    expect_equal(set(answers), {200})
    system["issuer2"].settings["token_client_per_minute"] = "3"
    system["issuer2"].restart()
    strict = wire.Dealer(system, system["issuer2"], "gateway")
    system.issuers.reverse()
    system.issuers[0] = strict
    erp = credentials(system, "erp")
    results = [ask(system, address="192.0.2.9", **erp) for _ in range(5)]
    expect_equal([r.status for r in results[:3]] + [results[4].status], [200] * 3 + [429])
    expect(results[4].error == "temporarily_unavailable" and 0 < results[4].retry_after <= 60, f"{results[4]}")
    expect_equal((ask(system, address="192.0.2.10", **erp).status, ask(system, address="192.0.2.9", **credentials(system, "shop")).status), (200, 200))
    refusals = [ask(system, address="192.0.2.11", **{**erp, "client_secret": "x"}).status for _ in range(4)]
    expect_equal(refusals, [401, 401, 401, 429], "refusals count, too")
    # Another issuer counts for itself: callers ask a client's home among the issuers.
    expect_equal(ask(system, address="192.0.2.9", issuer_of=1, **erp).status, 200)
    system.issuers.reverse()


@test("what was given and refused is in the access log, and so is what tokens of clients were used for (R39)")
def log(system):
    crm = system.sql("select number from clients where name = 'crm'")
    reply = given(system, "crm")
    refused(system, 401, "invalid_client", **credentials(system, "crm", client_secret="no"))
    refused(system, 400, "invalid_scope", **credentials(system, "crm", scope="module:prices:read"))
    expect_equal(decision(system, reply.access_token), ALLOW)
    reasons = {name: issuer.GrantReason.Value(f"GRANT_REASON_{name}") for name in ("OK", "CLIENT_SECRET", "SCOPE")}
    found = lambda: set(system.sql(f"select grant_type || ' ' || decision || ' ' || reason from use_log where client = {crm}").split("\n"))
    wanted = {f"2 1 {reasons['OK']}", f"2 2 {reasons['CLIENT_SECRET']}", f"2 2 {reasons['SCOPE']}", "0 1 1"}
    wait_for(lambda: wanted <= found(), 15, f"{wanted} in the log")
    expect(reply.access_token not in system.sql("select string_agg(u::text, ' ') from use_log u"), "a token in the log")


@test("nobody can tell: no database is 503, neither yes nor no")
def unavailable(system):
    erp = credentials(system, "erp")
    token = given(system, "erp").access_token
    system.postgres.stop()
    try:
        reply = system.issuers[0].call("jeton.v1.Issuer/Token", issuer.TokenRequest(**erp), timeout=25, timeout_ms=int(20000 * SLOW))
        said = issuer.TokenReply.FromString(reply.body)
        expect(reply.code == envelope.CODE_UNAVAILABLE or (said.status, said.error, said.access_token) == (503, "temporarily_unavailable", ""), f"{reply}")
    finally:
        system.postgres.start()
    wait_for(lambda: system.health() and all(row.get("state") in ("serving", "standby") for row in system.health()), 20, "the database is back")
    expect_equal(ask(system, **erp).status, 200)
    wait_for(lambda: decision(system, token) == ALLOW, 20, "and allows again")


@test("the command line: the secret once, the grant in one line")
def command_line(system):
    made = system.cli("client", "create", "--account", system.account, "--name", "CLI", "--kind", "integration", "--scope", "module:orders:read", "--scope",
                      "module:stock:read")
    expect_equal((made["scopes"], made["secret"][:11]), (["module:orders:read", "module:stock:read"], "jtn_client_"))
    expect("secret" not in system.cli("client", "show", made["id"]), "the secret is shown again")
    path = system.path("secret")
    rotated = system.cli("client", "secret", "rotate", made["id"], "--grace", "0", "--value-file", path)
    expect_equal((rotated["value_file"], "secret" in rotated), (path, False))
    system.jeton("client", "secret", "reveal", made["id"], check=64)
    token = system.jeton("grant", "client-credentials", made["id"], "--secret-file", path, "--scope", "module:orders:read", "--token-only", check=0).stdout.strip()
    expect_equal(decision(system, token, "stock"), ("deny", "module_not_granted", 403))
    run = system.jeton("grant", "client-credentials", made["id"], input=made["secret"] + "\n", check=77)
    expect("invalid_client" in run.stderr, run.stderr)
    run = system.jeton("grant", "client-credentials", made["id"], made["secret"], check=64)
    expect(made["secret"] not in run.stderr, "a secret in an error")
    shown = system.cli("grant", "client-credentials", system.clients["shop"], "--public")
    expect_equal((shown["token_type"], shown["expires_in"]), ("Bearer", "14400") if isinstance(shown["expires_in"], str) else ("Bearer", 14400))
    text = system.jeton("client", "create", "--account", system.account, "--name", "T", "--kind", "integration", check=0).stdout
    expect("jtn_client_" in text, "the secret, as text")
    expect("jtn_client_" not in system.jeton("client", "create", "--account", system.account, "--name", "S", "--kind", "sales_channel", "--market",
                                            system.markets["us"].id, check=0).stdout, "a public client has none")
    system.check_logs()


main(shop)
