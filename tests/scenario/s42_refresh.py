#!/usr/bin/python3
"""Refresh tokens rotate (R17-R19, R36, R39): each gives one next, whoever asks at once and whoever is killed; a lost answer is told again; an old one used again ends all that came of the sign-in."""
import base64
import json

import issuers
import wire
from administer import Admin, types
from harness import SLOW, System, expect, expect_equal, main, test, wait_for

import envelope_pb2 as envelope
import issuer_pb2 as issuer
import validator_pb2 as validator

PASSWORD = "correct horse battery"
SCOPES = ["module:orders:write", "module:stock:read"]
CROWD = 1000
REPLAY_S = 60  # the test does not wait for it: it makes uses older


def shop():
    """Two sales channels with customers, a client of another kind; two issuers."""
    system = System({"issuer": 2, "validator": 1},
                    {"issuer": {"token_client_per_minute": "60000", "login_address_per_minute": "60000", "refresh_replay_s": str(REPLAY_S)},
                     "auditor": {"outbox_poll_ms": "20"}})
    system.admin = a = Admin(system)
    for module in ("orders", "stock"):
        a.ok("CreateModule", name=module)
    system.account = a.ok("CreateAccount", name="Acme", modules=["orders", "stock"]).account.id
    system.markets = [a.ok("CreateMarket", account_id=system.account, code=code, name=code).market for code in ("eu", "us")]
    location = a.ok("CreateStockLocation", account_id=system.account, code="rotterdam", name="R", market_id=system.markets[0].id).stock_location
    system.location = f"stock_location:{location.number}"
    system.market = f"market:{system.markets[0].number}"
    system.clients = {}
    for name, fields in (("shop", {"kind": types.CLIENT_KIND_SALES_CHANNEL, "market_id": system.markets[0].id}),
                         ("other", {"kind": types.CLIENT_KIND_SALES_CHANNEL, "market_id": system.markets[0].id}), ("erp", {"kind": types.CLIENT_KIND_INTEGRATION})):
        made = a.ok("CreateClient", account_id=system.account, name=name, scopes=SCOPES, **fields)
        system.clients[name] = {"client_id": made.client.id, "client_secret": made.secret}
    system.customer = a.ok("CreateCustomer", account_id=system.account, email="ada@shop.example", password=PASSWORD).customer.id
    connect(system)
    return system


def connect(system):
    system.issuers = [wire.Dealer(system, system[name], "gateway") for name in ("issuer", "issuer2")]
    system.validator_ = wire.Dealer(system, system["validator"], "caller")


def token_reply(reply):
    expect(reply is not None and reply.code == envelope.CODE_OK, f"the answer: {reply}")
    return issuer.TokenReply.FromString(reply.body)


def ask(system, name="shop", which=0, **fields):
    return token_reply(system.issuers[which].call("jeton.v1.Issuer/Token", issuer.TokenRequest(**system.clients[name], **fields), timeout=25,
                                                  timeout_ms=int(20000 * SLOW), pairs={"client-address": "192.0.2.1"}))


def sign_in(system, name="shop", **fields):
    reply = ask(system, name, grant_type="password", username="ada@shop.example", password=PASSWORD, **fields)
    expect_equal((reply.status, reply.error_description, len(reply.refresh_token), reply.refresh_token[:12]), (200, "", 55, "jtn_refresh_"))
    return reply


def refresh(system, value, name="shop", which=0, **fields):
    return ask(system, name, which, grant_type="refresh_token", refresh_token=value, **fields)


def good(system, value, **more):
    reply = refresh(system, value, **more)
    expect_equal((reply.status, reply.error_description, reply.token_type, reply.expires_in), (200, "", "Bearer", 14400))
    expect(len(reply.refresh_token) == 55 and reply.refresh_token != value, "the next one")
    return reply


def refused(system, value, error="invalid_grant", says="", **more):
    reply = refresh(system, value, **more)
    expect_equal((reply.status, reply.error, reply.access_token, reply.refresh_token), (400, error, "", ""), reply.error_description)
    expect(says in reply.error_description, f"{reply.error_description!r}, without {says!r}")
    return reply.error_description


def reason(system, token):
    reply = system.validator_.call("jeton.v1.Validator/Validate", validator.ValidateRequest(token=token, module="orders"), timeout=20)
    return reply and validator.Reason.Name(validator.ValidateReply.FromString(reply.body).reason)[7:]


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def later(system):
    """Every use becomes older than may be repeated."""
    system.sql(f"update refresh_tokens set used_at = used_at - interval '{REPLAY_S} s' where used_at is not null")


def reused(system):
    return int(system.sql("select (select count(*) from trail where event = 'platform.customers.refresh_token.reused')"))


def settled(system):
    wait_for(lambda: system.sql("select count(*) from outbox") == "0", 10, "the records are in the trail")


def oracle(system):
    """No family has two tokens that are good, and the one that it names is the one that nobody has used."""
    expect_equal(system.sql("select count(*) from refresh_families f where (select count(*) from refresh_tokens t where t.family = f.number and used_at is null) <> 1"
                            " or not exists (select from refresh_tokens t where t.digest = f.live and t.family = f.number and used_at is null)"), "0", "families in disorder")


@test("a sign-in gives a refresh token, which gives the next; both access tokens are good; it lives two weeks, and is kept as a digest (R17, R18)")
def promise(system):
    first = sign_in(system)
    second = good(system, first.refresh_token, which=1)
    third = good(system, second.refresh_token)
    said = [claims(reply.access_token) for reply in (first, second, third)]
    expect_equal([(c["sub"], c["client_id"], c["scope"], c["environment"]) for c in said],
                 [(system.customer, system.clients["shop"]["client_id"], f"{system.market} {' '.join(SCOPES)}", "live")] * 3)
    expect_equal(len({c["jti"] for c in said}), 3)
    expect_equal([reason(system, reply.access_token) for reply in (first, second, third)], ["OK"] * 3)
    expect_equal(system.sql("select count(*), min(extract(epoch from expires_at - created_at))::int, max(extract(epoch from expires_at - created_at))::int from refresh_tokens"),
                 "3|1209600|1209600")
    expect_equal(system.sql(f"select count(*) from refresh_tokens where digest = sha256('{third.refresh_token}')"), "1")
    dump = system.sql("select f::text || t::text from refresh_families f join refresh_tokens t on t.family = f.number")
    expect(all(reply.refresh_token not in dump and reply.access_token not in dump for reply in (first, second, third)), "a secret in the database")
    expect(not ask(system, grant_type="client_credentials").refresh_token and not ask(system, "erp", grant_type="client_credentials").refresh_token,
           "none by client_credentials")
    test_one = sign_in(system, environment=types.ENVIRONMENT_TEST)
    refused(system, test_one.refresh_token, says="environment", environment=types.ENVIRONMENT_LIVE)
    expect_equal(claims(good(system, test_one.refresh_token).access_token)["environment"], "test")
    oracle(system)
    rows = lambda: system.sql("select count(*) from use_log where grant_type = 5 and decision = 1 and customer is not null")
    wait_for(lambda: rows() == "3", 15, "each is in the access log")


@test("repeated by the same client it gets the same answer, at any issuer; then an old one ends the family, its access tokens too (R19, R36)")
def reuse(system):
    first = sign_in(system)
    second = good(system, first.refresh_token)
    for which in (0, 1):
        expect_equal(refresh(system, first.refresh_token, which=which, scope="module:stock:read"), second)
    third = good(system, second.refresh_token)
    expect_equal(refresh(system, first.refresh_token), second, "as before, for as long")
    bystander = sign_in(system)
    later(system)
    # What is another client's, it does nothing to.
    refused(system, first.refresh_token, name="other")
    refused(system, third.refresh_token, name="other")
    refused(system, third.refresh_token, "unauthorized_client", name="erp")
    expect_equal(reason(system, third.access_token), "OK")
    settled(system)
    before = reused(system)
    words = {refused(system, reply.refresh_token, which=which) for reply in (first, second, third) for which in (0, 1)}
    expect_equal(len(words), 1, f"{words}")
    for reply in (first, second, third):
        wait_for(lambda: reason(system, reply.access_token) == "REVOKED", 5, "its access tokens")
    expect_equal(reason(system, bystander.access_token), "OK", "of another sign-in")
    good(system, bystander.refresh_token)
    settled(system)
    expect_equal(reused(system), before + 1, "records")
    expect_equal(system.sql("select distinct object_id, account_id from trail where event = 'platform.customers.refresh_token.reused'"),
                 f"{system.customer}|{system.account}")
    wait_for(lambda: {"11", "12"} <= set(system.sql("select reason from use_log where grant_type = 5 and decision = 2").split("\n")), 15, "the refusals in the log")
    oracle(system)


@test("a client gives a refresh token back: all that came of the sign-in goes with it; another client's stays (R25, R36)")
def given_back(system):
    for used in (False, True):
        first = sign_in(system)
        second = good(system, first.refresh_token)
        token = (first if used else second).refresh_token
        for name, wanted in (("other", 200), ("shop", 200), ("shop", 200)):
            message = issuer.RevokeRequest(token=token, **system.clients[name])
            reply = system.issuers[1].call("jeton.v1.Issuer/Revoke", message, timeout=25, timeout_ms=int(20000 * SLOW))
            expect_equal(issuer.RevokeReply.FromString(reply.body).status, wanted)
            if name == "other":
                second = good(system, second.refresh_token)
                token = token if used else second.refresh_token
        refused(system, second.refresh_token)
        for reply in (first, second):
            wait_for(lambda: reason(system, reply.access_token) == "REVOKED", 5, "its access tokens")
    settled(system)
    expect_equal(system.sql("select count(*) from trail where event = 'platform.customers.refresh_token.revoked'"), "2")


@test("the scope may be less than was granted, never more, and is the same again afterwards (R14)")
def scope(system):
    value = sign_in(system, scope=f"{system.location} {system.market} module:orders:read").refresh_token
    whole = f"{system.location} {system.market} module:orders:read"
    reply = good(system, value)
    expect_equal(reply.scope, whole)
    for more in ("module:orders:write", "module:stock:read", f"market:{system.markets[1].number}", "market:code:us", "module:none:read", "nonsense"):
        refused(system, reply.refresh_token, "invalid_scope", more.split(":")[0], scope=more)
    less = good(system, reply.refresh_token, scope=f"{system.market} module:orders:read")
    expect_equal(less.scope, f"{system.market} module:orders:read")
    reply = good(system, less.refresh_token, scope="module:orders:read")
    expect_equal(reply.scope, whole, "who names no resource means those that were granted")
    # What the client has lost since is refused by name, and the token stays good; what it has got since is not added.
    client = system.clients["shop"]["client_id"]
    edit = lambda scopes: system.admin.ok("EditClient", id=client, revision=system.admin.ok("GetClient", id=client).client.revision, fields=["scopes"], scopes=scopes)
    edit([])
    refused(system, reply.refresh_token, "invalid_scope", "module:orders:read")
    none = sign_in(system)
    expect_equal(none.scope, system.market)
    edit(SCOPES)
    expect_equal(good(system, none.refresh_token).scope, system.market)
    expect_equal(good(system, reply.refresh_token).scope, whole)


@test("made-up, malformed and expired ones are refused alike; who may not sign in has none (R17)")
def bad(system):
    first = sign_in(system)
    value = first.refresh_token
    other_bits = value[:-1] + chr(ord(value[-1]) + 1)
    bad_ones = ("x", value[:-1], value + "A", value.upper(), " " + value, other_bits, "jtn_refresh_" + "A" * 43, "jtn_refresh_" + "é" * 21 + "A", first.access_token[:512],
                "jtn_live_" + "A" * 44, "' or true --", "\x01")
    expect_equal(len({refused(system, bad_one) for bad_one in bad_ones}), 1)
    refused(system, "", "invalid_request", "refresh_token is required")
    refused(system, "x" * 513, "invalid_request", "512")
    a, shop_id = system.admin, {"id": system.clients["shop"]["client_id"]}
    a.ok("DeactivateCustomer", id=system.customer)
    refused(system, value)
    a.ok("ActivateCustomer", id=system.customer)
    for end, again, what in (("DeactivateClient", "ActivateClient", shop_id), ("SuspendAccount", "ResumeAccount", {"id": system.account})):
        a.ok(end, **what)
        reply = refresh(system, value)
        expect_equal((reply.status, reply.error), (401, "invalid_client"))
        a.ok(again, **what)
    value = good(system, value).refresh_token
    # Who revokes all that somebody has means these too, repeated answers as well.
    for owner in (system.customer, system.clients["shop"]["client_id"], system.account):
        used = sign_in(system).refresh_token
        last = good(system, used).refresh_token
        a.ok("RevokeAccessTokens", account_id=system.account, id=owner)
        for one in (value, used, last):
            refused(system, one)
        value = good(system, sign_in(system).refresh_token).refresh_token
    system.sql("update refresh_tokens set expires_at = now() where used_at is null; update refresh_families set expires_at = now()")
    refused(system, value)


def crowd(system, value, kill):
    """The answers to many uses at once at both issuers, one of which is killed after the first."""
    replies = issuers.crowd(system, issuer.TokenRequest(grant_type="refresh_token", refresh_token=value, **system.clients["shop"]), CROWD, kill)
    for reply in replies:
        expect(reply.code in (envelope.CODE_OK, envelope.CODE_UNAVAILABLE, envelope.CODE_RESOURCE_EXHAUSTED), f"{reply}")
    return issuers.token_replies(replies)


@test("a thousand uses of one token at two issuers, one of which is killed, give one next token; so do repetitions; later they end the family (R19)")
def at_once(system):
    first = sign_in(system)
    told = crowd(system, first.refresh_token, True)
    system["issuer"].start()
    connect(system)
    told += crowd(system, first.refresh_token, False)
    counts = {status: sum(reply.status == status for reply in told) for status in {reply.status for reply in told}}
    print(f"# {len(told)} answers: {counts}")
    expect(set(counts) <= {200, 503} and counts.get(200, 0) > CROWD / 4, f"{counts}")
    granted = [reply for reply in told if reply.status == 200]
    expect_equal(len({reply.SerializeToString() for reply in granted}), 1, "different answers")
    family = system.sql(f"select family from refresh_tokens where digest = sha256('{first.refresh_token}')")
    expect_equal(system.sql(f"select count(*) from refresh_tokens where family = {family}"), "2", "tokens of the family")
    oracle(system)
    child = good(system, granted[0].refresh_token)
    later(system)
    settled(system)
    before = reused(system)
    told = crowd(system, first.refresh_token, False)
    expect({(reply.status, reply.error) for reply in told} <= {(400, "invalid_grant"), (503, "temporarily_unavailable")}, "reuse was answered")
    expect(any(reply.status == 400 for reply in told), "none could tell")
    refused(system, child.refresh_token)
    settled(system)
    expect_equal(reused(system), before + 1, "records")
    oracle(system)


@test("families outlive a restart of everything; answers that may not be repeated any more are erased (R19)")
def restart(system):
    kept = sign_in(system)
    used = good(system, kept.refresh_token)
    old = sign_in(system).refresh_token
    good(system, old)
    system.sql(f"update refresh_tokens set used_at = used_at - interval '{REPLAY_S} s' where digest = sha256('{old}')")
    for service in system.services.values():
        service.stop()
    system.postgres.restart()
    for service in system.services.values():
        service.start()
    connect(system)
    system.admin = Admin(system)
    expect_equal(refresh(system, kept.refresh_token), used, "the same answer")
    wait_for(lambda: system.sql(f"select count(*) from refresh_tokens where reply is not null and used_at <= now() - interval '{REPLAY_S} s'") == "0", 10, "old answers erased")
    system.sql(f"update refresh_tokens set used_at = used_at - interval '{REPLAY_S} s' where digest = sha256('{kept.refresh_token}')")
    value = good(system, used.refresh_token).refresh_token
    refused(system, kept.refresh_token)
    refused(system, value)
    system.admin.ok("DeleteCustomer", id=system.customer)
    oracle(system)


@test("by the command line: the token is read, not an argument")
def command(system):
    system.admin.ok("CreateCustomer", account_id=system.account, email="ada@shop.example", password=PASSWORD)
    client = system.clients["shop"]["client_id"]
    text = system.jeton("grant", "password", client, "--username", "ada@shop.example", input=PASSWORD + "\n", check=0).stdout
    value = text.strip().split("\n")[-1]
    expect(value.startswith("jtn_refresh_"), text)
    reply = system.cli("grant", "refresh", client, input=value + "\n")
    expect_equal((reply["scope"], reply["refresh_token"][:12]), (f"{system.market} {' '.join(SCOPES)}", "jtn_refresh_"))
    text = system.jeton("grant", "refresh", client, "--scope", "module:orders:read", "--token-only", input=reply["refresh_token"] + "\n", check=0).stdout
    expect_equal(reason(system, text.strip()), "OK")
    system.jeton("grant", "refresh", client, input="x\n", check=77)


main(shop)
