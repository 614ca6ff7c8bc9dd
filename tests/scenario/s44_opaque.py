#!/usr/bin/python3
"""Opaque access tokens (R3, R8, R16-R19, R24, R25, R39, R42, R44): good for what a JWT of the same client is good for, and as long, whoever is asked and whoever is killed."""
import wire
from administer import Admin, types
from harness import SLOW, System, expect, expect_equal, main, test, wait_for
from issuers import call, connect

import envelope_pb2 as envelope
import issuer_pb2 as issuer
import validator_pb2 as validator

PASSWORD = "correct horse battery"
SCOPES = ["module:orders:write", "module:stock:read"]
DAY = 86400
OPAQUE = types.TOKEN_FORMAT_OPAQUE
FORMS = ("jwt", "opaque")


def shop():
    """Each client twice, once of each form, and a customer; two issuers and two validators."""
    system = System({"issuer": 2, "validator": 2},
                    {"issuer": {"token_client_per_minute": "60000", "login_address_per_minute": "60000"}, "auditor": {"outbox_poll_ms": "20"}})
    system.admin = a = Admin(system)
    for module in ("orders", "stock", "prices"):
        a.ok("CreateModule", name=module)
    system.account = a.ok("CreateAccount", name="Acme", modules=["orders", "stock"]).account.id
    system.markets = {code: a.ok("CreateMarket", account_id=system.account, code=code, name=code).market for code in ("eu", "us")}
    system.location = a.ok("CreateStockLocation", account_id=system.account, code="rotterdam", name="R", market_id=system.markets["eu"].id).stock_location
    system.clients = {}
    for name, fields in (("shop", {"kind": types.CLIENT_KIND_SALES_CHANNEL, "market_id": system.markets["eu"].id}), ("erp", {"kind": types.CLIENT_KIND_INTEGRATION})):
        for form in FORMS:
            made = a.ok("CreateClient", account_id=system.account, name=f"{name} {form}", scopes=SCOPES,
                        token_format=OPAQUE if form == "opaque" else types.TOKEN_FORMAT_UNSPECIFIED, **fields)
            system.clients[name, form] = {"client_id": made.client.id, "client_secret": made.secret}
    system.customer = a.ok("CreateCustomer", account_id=system.account, email="ada@shop.example", password=PASSWORD).customer.id
    connect(system)
    return system


def ask(system, client, which=0, **fields):
    return issuer.TokenReply.FromString(call(system, "Token", issuer.TokenRequest(**system.clients[client], **fields), which))


def given(system, client=("erp", "opaque"), grant_type="client_credentials", **fields):
    reply = ask(system, client, grant_type=grant_type, **fields)
    expect_equal((reply.status, reply.error_description, reply.token_type), (200, "", "Bearer"))
    return reply


def sign_in(system, form="opaque", **fields):
    return given(system, ("shop", form), "password", username="ada@shop.example", password=PASSWORD, **fields)


def revoke(system, token, client=("erp", "opaque"), which=0):
    reply = issuer.RevokeReply.FromString(call(system, "Revoke", issuer.RevokeRequest(token=token, **system.clients[client]), which))
    return reply.status, reply.error


def validate(dealer, token, **fields):
    reply = dealer.call("jeton.v1.Validator/Validate", validator.ValidateRequest(**{"token": token, "module": "orders", **fields}), timeout=20)
    return reply and validator.ValidateReply.FromString(reply.body)


def reason(dealer, token, **fields):
    reply = validate(dealer, token, **fields)
    return reply and validator.Reason.Name(reply.reason)[7:]


def introspect(dealer, token):
    reply = dealer.call("jeton.v1.Validator/Introspect", validator.IntrospectRequest(token=token), timeout=20)
    expect_equal(reply.code, envelope.CODE_OK, reply.message)
    return validator.IntrospectReply.FromString(reply.body)


def become(system, token, wanted):
    wait_for(lambda: {reason(v, token) for v in system.validators} == {wanted}, 10, f"every validator says {wanted}")


def rows(system):
    return int(system.sql("select count(*) from access_tokens"))


def lookups(system):
    return [row["value"] for service in system.of_kind("validator") for row in system.cli("stats", "validator", "--endpoint", service.endpoint)
            if row["name"] == "validator.lookups"]


def today(system):
    return int(system.sql("select floor(extract(epoch from now()) / 86400)"))


@test("a client that is set to opaque tokens gets one, whose value is kept as a digest only; nothing else is written, and its use and itself are in the access log (R3, R8, R24, R39)")
def promise(system):
    before = system.sql("select (select count(*) from changes) + (select count(*) from outbox) + (select count(*) from trail)")
    reply = given(system)
    value = reply.access_token
    expect_equal((len(value), value[:16], reply.expires_in, reply.scope, reply.refresh_token), (64, "jtn_access_live_", 7200, " ".join(SCOPES), ""))
    expect_equal(given(system, environment=types.ENVIRONMENT_TEST).access_token[:16], "jtn_access_test_")
    expect_equal(system.sql("select (select count(*) from changes) + (select count(*) from outbox) + (select count(*) from trail)"), before)
    row = system.sql(f"select day, extract(epoch from expires_at - issued_at)::int, scope, tableoid::regclass from access_tokens where digest = sha256('{value}')").split("|")
    day = int(system.sql(f"select ceil(extract(epoch from expires_at) / {DAY}) from access_tokens where digest = sha256('{value}')"))
    expect_equal(row, [str(day), "7200", " ".join(SCOPES), f"access_tokens_{day}"])
    expect(value not in system.sql("select t::text from access_tokens t"), "the value in the database")
    found = validate(system.validators[0], value)
    expect_equal((found.decision, found.account, found.client, found.user, found.customer, len(found.token)),
                 (validator.DECISION_ALLOW, system.account, system.clients["erp", "opaque"]["client_id"], "", "", 22))
    looked = lookups(system)
    for word in ("x", value[:-1], value + "A", value.swapcase(), value[:20] + ("A" if value[20] != "A" else "B") + value[21:], value.replace("live", "test"), "jtn_access_live_" + "A" * 48):
        expect_equal([reason(v, word) for v in system.validators], ["MALFORMED"] * 2, word)
    expect_equal(lookups(system), looked, "queries for what is made up")
    jti = found.token
    wait_for(lambda: system.sql(f"select sum(count) filter (where grant_type = 2), sum(count) filter (where grant_type = 0) from use_log where jti = '{jti}'") == "1|1", 15,
             "it was given once, and used once")


def twins(system, client, **fields):
    """A token of each form, that are for the same."""
    return [given(system, (client, form), **fields).access_token for form in FORMS]


WANTED = [{"module": module, "access": access, "environment": environment} for module in ("orders", "stock", "prices") for access in (types.ACCESS_READ, types.ACCESS_WRITE)
          for environment in (types.ENVIRONMENT_LIVE, types.ENVIRONMENT_TEST)]


def told(dealer, token):
    """What a validator says of a token, but for its id, its client and its times: alone, in a batch, of what it is."""
    requests = [validator.ValidateRequest(token=token, **one) for one in WANTED]
    batch = validator.ValidateBatchReply.FromString(dealer.call("jeton.v1.Validator/ValidateBatch", validator.ValidateBatchRequest(requests=requests), timeout=20).body)
    replies = [validate(dealer, token, **WANTED[0]), *batch.replies]
    whole = introspect(dealer, token)
    for reply in replies:
        expect_equal(len(reply.token), 22, "the id")
        reply.token, reply.client, reply.expires_at = "", "", 0
    whole.jti, whole.exp, whole.iat, whole.client_id = "", 0, 0, ""
    whole.sub = whole.sub if whole.sub.startswith("CUS") else whole.sub[:3]
    return {validator.Reason.Name(reply.reason)[7:] for reply in replies}, [str(reply) for reply in replies] + [str(whole)]


def same(system, kinds, wanted, what):
    """Every validator comes to say the same of both forms, of each kind of tokens, looked up and from memory, and these reasons are among it."""
    def look():
        said = set()
        for dealer in (*system.validators, system.validators[0]):
            for kind, tokens in kinds.items():
                (reasons, jwt), (_, opaque) = (told(dealer, token) for token in tokens)
                expect_equal(opaque, jwt, kind)
                said |= reasons
        expect(wanted <= said, f"{said}")
        return True
    wait_for(look, 15, what)


@test("whatever happens to client, customer, account, modules and resources: what is said of an opaque token is what is said of a JWT (R12, R14, R16, R25, R28)")
def twin(system):
    a, eu, us = system.admin, system.markets["eu"], system.markets["us"]
    resources = f"market:{eu.number} market:{us.number} stock_location:{system.location.number}"
    kinds = {"all": twins(system, "erp"), "some": twins(system, "erp", scope=f"{resources} module:orders:read"), "test": twins(system, "erp", environment=types.ENVIRONMENT_TEST),
             "bound": twins(system, "shop"), "customer": [sign_in(system, form).access_token for form in FORMS]}
    clients = [system.clients[name, form]["client_id"] for name in ("erp", "shop") for form in FORMS]
    edit = lambda scopes: [a.ok("EditClient", id=c, revision=a.ok("GetClient", id=c).client.revision, fields=["scopes"], scopes=scopes) for c in clients]
    each = lambda method, ids: [a.ok(method, id=one) for one in ids]
    account = {"account_id": system.account}
    same(system, kinds, {"OK", "READ_ONLY", "MODULE_NOT_GRANTED", "WRONG_ENVIRONMENT"}, "as given")
    for what, do, undo, wanted in (
            ("a market is inactive", lambda: each("DeactivateMarket", [us.id]), lambda: each("ActivateMarket", [us.id]), {"OK"}),
            ("both are", lambda: each("DeactivateMarket", [eu.id, us.id]), lambda: each("ActivateMarket", [eu.id, us.id]), {"OUT_OF_SCOPE"}),
            ("the location is", lambda: each("DeactivateStockLocation", [system.location.id]), lambda: each("ActivateStockLocation", [system.location.id]), {"OK"}),
            ("a module is disabled", lambda: a.ok("DisableModule", module="orders", **account), lambda: a.ok("EnableModule", module="orders", **account), {"MODULE_DISABLED"}),
            ("clients may less", lambda: edit(["module:orders:read"]), lambda: edit(SCOPES), {"READ_ONLY"}),
            ("clients are inactive", lambda: each("DeactivateClient", clients), lambda: each("ActivateClient", clients), {"DISABLED"}),
            ("the account is suspended", lambda: each("SuspendAccount", [system.account]), lambda: each("ResumeAccount", [system.account]), {"ACCOUNT_SUSPENDED"}),
            ("the customer is inactive", lambda: each("DeactivateCustomer", [system.customer]), lambda: each("ActivateCustomer", [system.customer]), {"DISABLED"})):
        do()
        same(system, kinds, wanted, what)
        undo()
        same(system, {"all": kinds["all"], "customer": kinds["customer"]}, {"OK"}, f"{what}, no more")
    for owners, which in (([system.customer], ["customer"]), (clients, ["all", "some", "test", "bound"])):
        for one in owners:
            a.ok("RevokeAccessTokens", id=one, **account)
        for kind in which:
            same(system, {kind: kinds[kind]}, {"REVOKED"}, f"all of {owners} are revoked: {kind}")
    kinds = {"all": twins(system, "erp"), "customer": [sign_in(system, form).access_token for form in FORMS]}
    same(system, kinds, {"OK"}, "what was given since is good")
    a.ok("RevokeAccessTokens", id=system.account, **account)
    for kind, tokens in kinds.items():
        same(system, {kind: tokens}, {"REVOKED"}, "all of the account's are")
    tokens = twins(system, "erp")
    for token in tokens:
        a.ok("RevokeAccessTokens", jti=validate(system.validators[0], token).token, **account)
    same(system, {"one": tokens}, {"REVOKED"}, "one, by its id")


@test("a client gives one back, which every validator refuses at once; nobody else's, and nothing tells (R25, R36, RFC 7009)")
def given_back(system):
    first, second = given(system).access_token, given(system).access_token
    for token in (first, second):
        become(system, token, "OK")
    revoked = lambda: tuple(map(int, system.sql("select (select count(*) from revoked_jwts), (select count(*) from changes where object >= 4294967296),"
                                                " (select count(*) from outbox) + (select count(*) from trail)").split("|")))
    before = revoked()
    made_up = first[:20] + ("A" if first[20] != "A" else "B") + first[21:]
    for token, client in ((first, ("erp", "jwt")), (first, ("shop", "opaque")), (made_up, ("erp", "opaque")), ("jtn_access_live_", ("erp", "opaque"))):
        expect_equal(revoke(system, token, client), (200, ""))
    expect_equal(revoked(), before, "of others")
    expect_equal([reason(v, first) for v in system.validators], ["OK"] * 2)
    expect_equal([revoke(system, first, which=which) for which in (0, 1, 0)], [(200, "")] * 3)
    become(system, first, "REVOKED")
    expect_equal(tuple(b - a for a, b in zip(before, revoked())), (1, 1, 1), "a row, a change and a record, once")
    expect_equal([reason(v, second) for v in system.validators], ["OK"] * 2)
    expect_equal(revoke(system, "jtn_live_" + "A" * 44), (400, "unsupported_token_type"))


@test("a refresh token comes with one, and gives the next; used again it ends these too (R17, R19)")
def refreshed(system):
    first = sign_in(system)
    use = lambda value, which=0: ask(system, ("shop", "opaque"), which, grant_type="refresh_token", refresh_token=value)
    before = rows(system)
    second = use(first.refresh_token)
    expect_equal(second.access_token[:16], "jtn_access_live_")
    expect_equal([use(first.refresh_token, which) for which in (0, 1)], [second] * 2, "the same again")
    third = use(second.refresh_token)
    expect_equal(rows(system) - before, 2, "a row for each that was told")
    for reply in (first, second, third):
        become(system, reply.access_token, "OK")
        found = validate(system.validators[1], reply.access_token)
        expect_equal((found.customer, found.client), (system.customer, system.clients["shop", "opaque"]["client_id"]))
    system.sql("update refresh_tokens set used_at = used_at - interval '60 s' where used_at is not null")
    expect_equal(use(first.refresh_token).error, "invalid_grant")
    for reply in (first, second, third):
        become(system, reply.access_token, "REVOKED")


@test("an issuer is killed over and over while it gives: what was told is good, and nothing else is (R44)")
def killed(system):
    values, before = [], rows(system)
    for _ in range(3):
        dealer = wire.Dealer(system, system["issuer"], "gateway")
        for _ in range(60):
            dealer.send("jeton.v1.Issuer/Token", issuer.TokenRequest(grant_type="client_credentials", **system.clients["erp", "opaque"]),
                        timeout_ms=int(20000 * SLOW), pairs={"client-address": "192.0.2.1"})
        replies = [dealer.receive(20) for _ in range(5)]
        system["issuer"].kill()
        while reply := dealer.receive(0.05):
            replies.append(reply)
        dealer.close()
        system["issuer"].start()
        values += [issuer.TokenReply.FromString(reply.body).access_token for reply in replies if reply and reply.code == envelope.CODE_OK]
    values = [value for value in values if value]
    connect(system)
    expect(len(values) >= 15 and len(set(values)) == len(values), f"{len(values)} values")
    expect_equal({reason(v, value) for value in values for v in system.validators}, {"OK"})
    expect(rows(system) - before >= len(values), "a row for each")
    digests = ",".join(f"sha256('{value}')" for value in values)
    expect_equal(system.sql(f"select count(*) from access_tokens where digest in ({digests})"), str(len(values)))
    print(f"# {len(values)} were told, {rows(system) - before} written down")


@test("partitions are made ahead, for a year's life too, and dropped by the auditor when their day is over by both clocks; an expired token is an expired one (R18, R24)")
def partitions(system):
    a, client, day = system.admin, system.clients["erp", "opaque"]["client_id"], today(system)
    for life, step in ((2 * DAY, 1), (2 * DAY + 1, 7), (14 * DAY, 7), (14 * DAY + 1, 28), (31536000, 28)):
        a.ok("EditClient", id=client, revision=a.ok("GetClient", id=client).client.revision, fields=["access_token_life_s"], access_token_life_s=life)
        value = given(system).access_token
        at, end = map(int, system.sql(f"select day, ceil(extract(epoch from expires_at) / {DAY}) from access_tokens where digest = sha256('{value}')").split("|"))
        expect(at % step == 0 and end <= at < end + step, f"{life}: {at}, {end}")
        become(system, value, "OK")
    parts = "select count(*) from pg_inherits where inhparent = 'access_tokens'::regclass"
    expect(20 <= int(system.sql(parts)) <= 35, system.sql(parts))
    expect_equal(system.sql("select access_partitions_ahead()", role="auditor"), "0", "all are there")
    # As it would be in days to come, as no clock is moved: partitions of days that are over, and of today.
    system["auditor"].stop()
    for past in (day - 9, day - 1, day):
        system.sql(f"create table access_tokens_{past} partition of access_tokens for values in ({past})")
        system.sql(f"insert into access_tokens (digest, day, client, environment, generation, issued_at, expires_at, scope)"
                   f" values (sha256('{past}'), {past}, 1, 1, 0, to_timestamp({past - 1}::bigint * {DAY}), to_timestamp({past}::bigint * {DAY}), '')")
    there = lambda: [n for n in (day - 9, day - 1, day) if system.sql(f"select to_regclass('access_tokens_{n}') is not null") == "t"]
    # However PostgreSQL goes about it, of which it knows more when the catalogs have been analyzed.
    system.sql("analyze")
    expect_equal(system.sql(f"select access_partitions_drop({day - 5})", role="auditor"), "1", "by the caller's clock, which is behind")
    expect_equal((system.sql(f"select access_partitions_drop({day - 5})", role="auditor"), there()), ("0", [day - 1, day]))
    system["auditor"].start()
    wait_for(lambda: there() == [day] or today(system) > day, 20, "the partition of yesterday is dropped, today's stays")
    # Where the auditor is missing for long, none is given that nobody would find.
    system.sql(f"drop table access_tokens_{at}")
    reply = ask(system, ("erp", "opaque"), grant_type="client_credentials")
    expect_equal((reply.status, reply.error), (503, "temporarily_unavailable"))
    expect("auditor" in reply.error_description, reply.error_description)
    system["auditor"].restart()
    wait_for(lambda: ask(system, ("erp", "opaque"), grant_type="client_credentials").status == 200, 20, "the partition is there again")
    # Expired, in the validator that has not seen it.
    value = given(system, ("shop", "opaque")).access_token
    system.sql(f"update access_tokens set issued_at = now() - interval '2 hours', expires_at = now() where digest = sha256('{value}')")
    expect_equal([reason(v, value) for v in system.validators * 2], ["EXPIRED"] * 4)
    expect_equal(introspect(system.validators[0], value), validator.IntrospectReply())


@test("without a database nothing is given, and what is in memory goes on; what was given is good afterwards (R42, R44)")
def outage(system):
    known, unknown = given(system, ("shop", "opaque")).access_token, given(system, ("shop", "opaque")).access_token
    become(system, known, "OK")
    system.postgres.stop()
    expect_equal([reason(v, known) for v in system.validators], ["OK"] * 2)
    expect_equal({reason(v, unknown) for v in system.validators}, {"UNDECIDED"})
    reply = system.issuers[0].call("jeton.v1.Issuer/Token", issuer.TokenRequest(grant_type="client_credentials", **system.clients["shop", "opaque"]), timeout=25,
                                   timeout_ms=int(20000 * SLOW))
    expect(reply.code == envelope.CODE_UNAVAILABLE or issuer.TokenReply.FromString(reply.body).status == 503, f"{reply}")
    system.postgres.start()
    for token in (known, unknown):
        become(system, token, "OK")
    wait_for(lambda: given(system, ("shop", "opaque")), 20, "one is given again")


main(shop)
