"""Tokens of clients, asked for at the issuer itself: a shop with a client of each kind, what they ask with, and what answers must be."""
import base64
import json

import jwt
import wire
from administer import Admin, types
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from harness import SLOW, System, expect, expect_equal

import envelope_pb2 as envelope
import issuer_pb2 as issuer

BACK = "https://desk.example/back"
SALES_CHANNEL, INTEGRATION, WEBAPP = types.CLIENT_KIND_SALES_CHANNEL, types.CLIENT_KIND_INTEGRATION, types.CLIENT_KIND_WEBAPP
UNKNOWN = "CLI-0000-0000"
PASSWORD = "correct horse battery"


def shop():
    """A client of each kind, two issuers and two validators."""
    system = System({"issuer": 2, "validator": 2},
                    {"issuer": {"token_client_per_minute": "60000", "login_address_per_minute": "90"}, "auditor": {"outbox_poll_ms": "20"}})
    system.admin = a = Admin(system)
    for module in ("orders", "stock", "prices"):
        a.ok("CreateModule", name=module)
    system.account = a.ok("CreateAccount", name="Acme", modules=["orders", "stock"]).account.id
    other = a.ok("CreateAccount", name="Other", modules=["orders"]).account.id
    system.group = a.ok("CreateCustomerGroup", account_id=system.account, code="trade", name="Trade").customer_group.id
    system.markets = {code: a.ok("CreateMarket", account_id=system.account, code=code, name=code, customer_group_id=system.group if code == "b2b" else "").market
                      for code in ("eu", "us", "old", "b2b")}
    system.location = a.ok("CreateStockLocation", account_id=system.account, code="rotterdam", name="R", market_id=system.markets["eu"].id).stock_location
    a.ok("DeactivateMarket", id=system.markets["old"].id)
    system.foreign = a.ok("CreateMarket", account_id=other, code="theirs", name="Theirs").market
    scopes = ["module:orders:write", "module:stock:read"]
    system.clients, system.secrets = {}, {}
    for name, fields in (("shop", {"kind": SALES_CHANNEL, "market_id": system.markets["eu"].id}), ("erp", {"kind": INTEGRATION}), ("crm", {"kind": INTEGRATION}),
                         ("desk", {"kind": WEBAPP, "redirect_uris": [BACK]})):
        made = a.ok("CreateClient", account_id=system.account, name=name, scopes=scopes, **fields)
        system.clients[name], system.secrets[name] = made.client.id, made.secret
    system.issuers = [wire.Dealer(system, system[name], "gateway") for name in ("issuer", "issuer2")]
    return system


def ask(system, address="192.0.2.1", issuer_of=0, **fields):
    reply = system.issuers[issuer_of].call("jeton.v1.Issuer/Token", issuer.TokenRequest(**fields), timeout=25, timeout_ms=int(20000 * SLOW),
                                           pairs={"client-address": address})
    expect(reply is not None and reply.code == envelope.CODE_OK, f"the answer: {reply}")
    return issuer.TokenReply.FromString(reply.body)


def credentials(system, name, **fields):
    return {"grant_type": "client_credentials", "client_id": system.clients[name], "client_secret": system.secrets[name], **fields}


def given(system, name, **fields):
    reply = ask(system, **credentials(system, name, **fields))
    expect_equal((reply.status, reply.error, reply.error_description, reply.token_type), (200, "", "", "Bearer"))
    return reply


def refused(system, status, error, says="", **fields):
    reply = ask(system, **fields)
    expect_equal((reply.status, reply.error), (status, error), f"{fields}: {reply.error_description}")
    expect(says in reply.error_description, f"{reply.error_description!r}, without {says!r}")
    expect(all(" " <= c <= "~" and c not in '"\\' for c in reply.error_description), f"RFC 6749 section 5.2: {reply.error_description!r}")
    expect_equal((reply.access_token, reply.token_type, reply.expires_in, reply.scope), ("", "", 0, ""), "of a refusal")
    expect_equal(reply.www_authenticate, 'Basic realm="jeton"' if status == 401 else "")
    return reply


def decode(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def decision(system, token, module="orders", access="read", **more):
    reply = system.validate(token, module, access, **more)
    return reply["decision"], reply["reason"], reply["status"]


ALLOW = ("allow", "ok", 200)


VERIFIER, CHALLENGE = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636, appendix B


def code_of(system, login):
    request = issuer.AuthorizeRequest(response_type="code", client_id=system.clients["desk"], redirect_uri=BACK, code_challenge=CHALLENGE,
                                      code_challenge_method="S256", consent=True)
    reply = system.issuers[1].call("jeton.v1.Issuer/Authorize", request, timeout=25, timeout_ms=int(20000 * SLOW), pairs={"authorization": f"Bearer {login}"})
    expect(reply is not None and reply.code == envelope.CODE_OK, f"the answer: {reply}")
    return issuer.AuthorizeReply.FromString(reply.body).code


JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ISSUER = "https://jeton.localhost"


def jwk_of(key, **more):
    algorithm = {ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm, rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm}
    made = next((a for k, a in algorithm.items() if isinstance(key, k)), jwt.algorithms.OKPAlgorithm)
    if made is jwt.algorithms.ECAlgorithm:
        numbers, part = key.public_key().public_numbers(), lambda n: base64.urlsafe_b64encode(n.to_bytes(32, "big")).decode().rstrip("=")
        return {"kty": "EC", "crv": "P-256", "x": part(numbers.x), "y": part(numbers.y), **more}
    return {**json.loads(made.to_jwk(key.public_key())), **more}


BUYER = "Buyer@Shop.example"


def by_password(system, name="shop", username=BUYER, password=PASSWORD, **fields):
    return credentials(system, name, grant_type="password", username=username, password=password, **fields)
