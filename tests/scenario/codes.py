"""Authorization codes, asked for at the issuer itself: web applications and their users, consents, what is made of a code, and what the tokens reach."""
import base64
import hashlib
import json
import secrets

import wire
from administer import Admin, types
from harness import SLOW, System, expect, expect_equal, wait_for

import envelope_pb2 as envelope
import issuer_pb2 as issuer
import validator_pb2 as validator

PASSWORD = "correct horse battery"
SCOPES = ["module:orders:write", "module:stock:read"]
BACK, OTHER_BACK = "https://desk.example/back", "https://desk.example/back?b=1"
ISS = "https://jeton.localhost"
OK = ("OK", 200)


def shop():
    """Web applications, one with opaque tokens, users of their account and of another, two issuers."""
    system = System({"issuer": 2}, {"issuer": {"token_client_per_minute": "60000", "login_address_per_minute": "60000"}, "auditor": {"outbox_poll_ms": "20"}})
    system.admin = a = Admin(system)
    for module in ("orders", "stock", "prices"):
        a.ok("CreateModule", name=module)
    system.account = a.ok("CreateAccount", name="Acme", modules=["orders", "stock", "prices"]).account.id
    system.other = a.ok("CreateAccount", name="Other", modules=["orders"]).account.id
    system.group = a.ok("CreateCustomerGroup", account_id=system.account, code="trade", name="Trade").customer_group.id
    system.markets = [a.ok("CreateMarket", account_id=system.account, code=code, name=code, customer_group_id=system.group if code == "b2b" else "").market
                      for code in ("eu", "us", "b2b")]
    system.clients = {}
    for name, fields in (("desk", {"kind": types.CLIENT_KIND_WEBAPP, "redirect_uris": [BACK, OTHER_BACK]}),
                         ("safe", {"kind": types.CLIENT_KIND_WEBAPP, "redirect_uris": [BACK], "token_format": types.TOKEN_FORMAT_OPAQUE}),
                         ("board", {"kind": types.CLIENT_KIND_WEBAPP, "redirect_uris": ["https://board.example/"]}), ("erp", {"kind": types.CLIENT_KIND_INTEGRATION}),
                         ("shop", {"kind": types.CLIENT_KIND_SALES_CHANNEL, "market_id": system.markets[0].id})):
        made = a.ok("CreateClient", account_id=system.account, name=name, scopes=SCOPES, **fields)
        system.clients[name] = {"client_id": made.client.id, "client_secret": made.secret}
    system.app = "desk"  # whom the tests are about
    system.users = {}
    for account, name, role in ((system.account, "ada", types.USER_ROLE_MEMBER), (system.account, "bert", types.USER_ROLE_ADMINISTRATOR),
                                (system.other, "carl", types.USER_ROLE_ADMINISTRATOR)):
        system.users[name] = a.ok("CreateUser", account_id=account, username=name, name=name.title(), role=role, password=PASSWORD).user.id
    connect(system)
    system.logins = {name: login(system, name) for name in system.users}
    return system


def connect(system):
    system.issuers = [wire.Dealer(system, system[name], "gateway") for name in ("issuer", "issuer2")]
    system.validator_ = wire.Dealer(system, system["validator"], "caller")


def login(system, name, **fields):
    reply = system.issuers[0].call("jeton.v1.Issuer/Login", issuer.LoginRequest(username=name, password=PASSWORD, **fields), timeout=25, timeout_ms=int(20000 * SLOW))
    expect(reply is not None and reply.code == envelope.CODE_OK, f"login: {reply}")
    return issuer.LoginReply.FromString(reply.body).access_token


def pkce():
    verifier = secrets.token_urlsafe(48)
    return verifier, base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


VERIFIER, CHALLENGE = pkce()


def authorize_call(system, token=None, which=0, name=None, dealer=None, address=None, **fields):
    wanted = {"response_type": "code", "client_id": system.clients[name or system.app]["client_id"], "redirect_uri": BACK, "code_challenge": CHALLENGE,
              "code_challenge_method": "S256", **fields}
    return (dealer or system.issuers[which]).call("jeton.v1.Issuer/Authorize", issuer.AuthorizeRequest(**wanted), timeout=25, timeout_ms=int(20000 * SLOW),
                                                  pairs={**({"authorization": f"Bearer {token}"} if token is not None else {}), **({"client-address": address} if address else {})})


def authorize(system, token=None, **fields):
    reply = authorize_call(system, token, **fields)
    expect(reply is not None and reply.code == envelope.CODE_OK, f"the answer: {reply}")
    return issuer.AuthorizeReply.FromString(reply.body)


def consent(system, user="ada", **fields):
    reply = authorize(system, system.logins[user], consent=True, **fields)
    expect_equal((reply.status, reply.error_description, reply.redirect, reply.iss, reply.expires_in, len(reply.code), reply.code[:9]),
                 (200, "", True, ISS, 60, 52, "jtn_code_"))
    return reply.code


def token_reply(reply):
    expect(reply is not None and reply.code == envelope.CODE_OK, f"the answer: {reply}")
    return issuer.TokenReply.FromString(reply.body)


def ask(system, name=None, which=0, **fields):
    return token_reply(system.issuers[which].call("jeton.v1.Issuer/Token", issuer.TokenRequest(**{**system.clients[name or system.app], **fields}), timeout=25,
                                                  timeout_ms=int(20000 * SLOW), pairs={"client-address": "192.0.2.1"}))


def exchange(system, code, **fields):
    return ask(system, **{"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER, **fields})


def good(reply, scope=None):
    expect_equal((reply.status, reply.error_description, reply.token_type, reply.expires_in, len(reply.refresh_token)), (200, "", "Bearer", 7200, 55))
    expect_equal(reply.scope, " ".join(SCOPES) if scope is None else scope)
    return reply


def tokens(system, user="ada", scope="", **fields):
    return good(exchange(system, consent(system, user, scope=scope, **fields)), scope or None)


def refused(reply, error="invalid_grant", says="", status=400):
    expect_equal((reply.status, reply.error, reply.access_token, reply.refresh_token), (status, error, "", ""), reply.error_description)
    expect(says in reply.error_description, f"{reply.error_description!r}, without {says!r}")
    return reply.error_description


def refresh(system, value, name=None, **fields):
    return ask(system, name, grant_type="refresh_token", refresh_token=value, **fields)


def validate(system, token, module="orders", access=types.ACCESS_READ, **fields):
    reply = system.validator_.call("jeton.v1.Validator/Validate", validator.ValidateRequest(token=token, module=module, access=access, **fields), timeout=20)
    return validator.ValidateReply.FromString(reply.body)


def decision(system, token, module="orders", write=False, **fields):
    reply = validate(system, token, module, types.ACCESS_WRITE if write else types.ACCESS_READ, **fields)
    expect_equal(reply.decision == validator.DECISION_ALLOW, reply.reason == validator.REASON_OK, f"{reply}")
    return validator.Reason.Name(reply.reason)[7:], reply.status


def becomes(system, token, wanted, what):
    wait_for(lambda: decision(system, token) == wanted, 5, what)


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def introspect(system, token):
    reply = system.validator_.call("jeton.v1.Validator/Introspect", validator.IntrospectRequest(token=token), timeout=20)
    return validator.IntrospectReply.FromString(reply.body)


def settled(system):
    wait_for(lambda: system.sql("select count(*) from outbox") == "0", 10, "the records are in the trail")


def trail(system, event):
    settled(system)
    return int(system.sql(f"select count(*) from trail where event = 'platform.users.{event}'"))


def edit(system, name, **fields):
    client = system.clients[name]["client_id"]
    revision = system.admin.ok("GetClient", id=client).client.revision
    return system.admin.ok("EditClient", id=client, revision=revision, fields=list(fields), **fields)
