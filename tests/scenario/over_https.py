"""The endpoints of OAuth over HTTPS: a shop with clients, a customer and a user, requests by form and JSON, and what answers must be, by RFC 6749."""
import base64
import json
import urllib.parse

import jwt
import wire
from administer import Admin, types
from cryptography.hazmat.primitives.asymmetric import ec
from harness import SLOW, System, expect, expect_equal

import envelope_pb2 as envelope
import issuer_pb2 as issuer

URL = "https://jeton.localhost"
BACK = "https://desk.example/back"
PASSWORD = "correct horse battery"
EMAIL = "ada@shop.example"
SALES_CHANNEL, INTEGRATION, WEBAPP = types.CLIENT_KIND_SALES_CHANNEL, types.CLIENT_KIND_INTEGRATION, types.CLIENT_KIND_WEBAPP
VERIFIER, CHALLENGE = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636, appendix B
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"
NOT_KEPT = {"cache-control": "no-store", "pragma": "no-cache"}


def shop():
    """Clients of each kind, a customer, a user, and clients of another account."""
    system = System({"gateway": 1}, {"issuer": {"jwks_max_age_s": "60", "keys_interval_ms": "100"},
                                     "gateway": {"public_url": URL, "trusted_proxies": "127.0.0.0/8", "call_timeout_ms": str(int(10000 * SLOW))},
                                     "auditor": {"outbox_poll_ms": "20"}})
    system.admin = a = Admin(system)
    modules = ["orders", "stock", "carts", "addresses"]
    for module in modules:
        a.ok("CreateModule", name=module)
    system.account = a.ok("CreateAccount", name="Acme", modules=modules).account.id
    other = a.ok("CreateAccount", name="Other", modules=modules).account.id
    market = a.ok("CreateMarket", account_id=system.account, code="eu", name="EU").market.id
    system.key = ec.generate_private_key(ec.SECP256R1())
    public = jwt.algorithms.ECAlgorithm.to_jwk(system.key.public_key())
    jwks = json.dumps({"keys": [{**(public if isinstance(public, dict) else json.loads(public)), "kid": "one", "alg": "ES256", "use": "sig"}]})
    system.clients = {}
    for name, fields in (("shop", {"kind": SALES_CHANNEL, "market_id": market}), ("erp", {"kind": INTEGRATION}), ("desk", {"kind": WEBAPP, "redirect_uris": [BACK]}),
                         ("opaque", {"kind": INTEGRATION, "token_format": types.TOKEN_FORMAT_OPAQUE}), ("signer", {"kind": INTEGRATION, "jwks": jwks}),
                         ("foreign", {"kind": INTEGRATION, "account_id": other})):
        made = a.ok("CreateClient", **{"account_id": system.account, "name": name, "scopes": [f"module:{module}:write" for module in modules], **fields})
        system.clients[name] = (made.client.id, made.secret)
    system.customer = a.ok("CreateCustomer", account_id=system.account, email=EMAIL, password=PASSWORD).customer.id
    a.ok("CreateUser", account_id=system.account, username="ada", name="Ada", password=PASSWORD, role=types.USER_ROLE_ADMINISTRATOR)
    system.issuer = wire.Dealer(system, system["issuer"], "gateway")
    system.addresses = (f"198.51.{i >> 8 & 255}.{i & 255}" for i in range(65536))
    return system


def ask(system, method, path, body=None, headers=None, address=None):
    """One request over TLS, from an address that nobody has asked from before, unless one is given."""
    answer = system["gateway"].request(method, path, body, {"X-Forwarded-For": address or next(system.addresses), **(headers or {})})
    expect_equal((answer.headers.get("X-Content-Type-Options"), len(answer.headers.get("X-Request-Id", ""))), ("nosniff" if "Content-Type" in answer.headers else None, 32), f"{method} {path}: {answer.headers}")
    return answer


def said_by(answer):
    """Its JSON."""
    expect_equal(answer.headers.get("Content-Type", "").split(";")[0], "application/json", f"{answer.status} {answer.body[:300]}")
    return answer.json()


def basic(client, secret):
    pair = ":".join(urllib.parse.quote_plus(text) for text in (client, secret))
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def post(system, path, fields, headers=None, way="form", **more):
    body = json.dumps(fields) if way == "json" else fields if isinstance(fields, (str, bytes)) else urllib.parse.urlencode(fields)
    return ask(system, "POST", path, body, {"Content-Type": "application/json" if way == "json" else FORM, **(headers or {})}, **more)


def credentials(system, name, how="body"):
    """(fields, headers) with which a client says who it is."""
    client, secret = system.clients[name]
    if not secret:
        return {"client_id": client}, {}
    return ({}, basic(client, secret)) if how == "basic" else ({"client_id": client, "client_secret": secret}, {})


def asked(system, path, name, how="body", way="form", address=None, **fields):
    own, headers = credentials(system, name, how)
    return post(system, path, {**own, **fields}, headers, way, address=address)


def given(answer, members):
    """The JSON of an answer that gave a token, with these members and no others, and the headers of RFC 6749 section 5.1."""
    expect_equal(answer.status, 200, str(answer.body[:400]))
    said = said_by(answer)
    expect_equal(sorted(said), sorted(members))
    for name, value in NOT_KEPT.items():
        expect_equal(answer.headers.get(name), value, name)
    return said


def refused(answer, status, error, says="", challenge=None, retry=False):
    """RFC 6749 section 5.2, to the letter."""
    expect_equal(answer.status, status, str(answer.body[:400]))
    said = said_by(answer)
    expect_equal((sorted(said), said["error"]), (["error", "error_description"], error), said["error_description"])
    expect(says in said["error_description"], f"{said['error_description']!r}, without {says!r}")
    expect(all(" " <= c <= "~" and c not in '"\\' for c in said["error_description"]), said["error_description"])
    for name, value in NOT_KEPT.items():
        expect_equal(answer.headers.get(name), value, name)
    expect_equal(answer.headers.get("www-authenticate"), challenge, f"{error}: WWW-Authenticate")
    expect_equal("retry-after" in answer.headers, retry, f"{error}: Retry-After")
    if retry:
        expect(int(answer.headers["retry-after"]) > 0, answer.headers["retry-after"])
    return said


PLAIN = ("access_token", "token_type", "expires_in", "scope")
CHALLENGE_BASIC = 'Basic realm="jeton"'


def token(system, name, **fields):
    return asked(system, "/oauth/token", name, grant_type="client_credentials", **fields).json()["access_token"]


def code_of(system, login):
    request = issuer.AuthorizeRequest(response_type="code", client_id=system.clients["desk"][0], redirect_uri=BACK, code_challenge=CHALLENGE,
                                      code_challenge_method="S256", consent=True)
    reply = system.issuer.call("jeton.v1.Issuer/Authorize", request, timeout=25, timeout_ms=int(20000 * SLOW), pairs={"authorization": f"Bearer {login}"})
    expect(reply is not None and reply.code == envelope.CODE_OK, f"the answer: {reply}")
    return issuer.AuthorizeReply.FromString(reply.body).code


def login(system, **fields):
    return post(system, "/api/token", {"Username": "ada", "Password": PASSWORD, **fields}, way="json")


def kid(text):
    return jwt.get_unverified_header(text)["kid"]


def verify(jwks, text):
    key = next(key for key in json.loads(jwks)["keys"] if key["kid"] == kid(text))
    return jwt.decode(text, jwt.PyJWK(key).key, algorithms=["ES256"], audience="jeton", issuer=URL)
