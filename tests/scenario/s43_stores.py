#!/usr/bin/python3
"""Stores: tokens of an hour for their servers and for browsers (R21), and tokens of their customers, good beside the store's own and for nothing else (R22; R15, R20, R25, R28, R36, R39)."""
import base64
import json
import time

import wire
from administer import Admin, types
from harness import SLOW, System, expect, expect_equal, main, test, wait_for

import envelope_pb2 as envelope
import issuer_pb2 as issuer
import validator_pb2 as validator

PASSWORD = "correct horse battery"
EMAIL = "ada@shop.example"
SCOPES = ["module:orders:write", "module:stock:write", "module:carts:write", "module:addresses:read"]
OUT = "OUT_OF_SCOPE"


def shop():
    """A store with a server and browsers, another store of the same account and one of another; two issuers."""
    system = System({"issuer": 2}, {"issuer": {"token_client_per_minute": "60000", "login_address_per_minute": "200", "login_user_per_minute": "60",
                                               "implicit_write_modules": "carts"},
                                    "auditor": {"outbox_poll_ms": "20"}})
    system.admin = a = Admin(system)
    modules = ["orders", "stock", "carts", "addresses"]
    for module in modules:
        a.ok("CreateModule", name=module)
    system.account = a.ok("CreateAccount", name="Acme", modules=modules).account.id
    other = a.ok("CreateAccount", name="Other", modules=modules).account.id
    system.group = a.ok("CreateCustomerGroup", account_id=system.account, code="trade", name="Trade").customer_group.id
    system.market = a.ok("CreateMarket", account_id=system.account, code="eu", name="EU").market
    private = a.ok("CreateMarket", account_id=system.account, code="b2b", name="B2B", customer_group_id=system.group).market
    system.clients = {}
    channel = {"kind": types.CLIENT_KIND_SALES_CHANNEL, "market_id": system.market.id}
    for name, fields in (("server", {"kind": types.CLIENT_KIND_INTEGRATION}), ("browser", channel), ("second", {"kind": types.CLIENT_KIND_INTEGRATION}),
                         ("stock", {"kind": types.CLIENT_KIND_INTEGRATION, "scopes": ["module:stock:write"]}),
                         ("trade", {"kind": types.CLIENT_KIND_SALES_CHANNEL, "market_id": private.id}),
                         ("opaque", {"kind": types.CLIENT_KIND_INTEGRATION, "token_format": types.TOKEN_FORMAT_OPAQUE}),
                         ("desk", {"kind": types.CLIENT_KIND_WEBAPP, "redirect_uris": ["https://desk.example/back"]}),
                         ("foreign", {"kind": types.CLIENT_KIND_INTEGRATION, "account_id": other})):
        made = a.ok("CreateClient", **{"account_id": system.account, "name": name, "scopes": SCOPES, **fields})
        system.clients[name] = {"client_id": made.client.id, "client_secret": made.secret}
    system.customer = a.ok("CreateCustomer", account_id=system.account, email=EMAIL, password=PASSWORD).customer.id
    system.issuers = [wire.Dealer(system, system[name], "gateway") for name in ("issuer", "issuer2")]
    system.validator_ = wire.Dealer(system, system["validator"], "caller")
    return system


def call(system, method, message, reply_type, which=0, address="192.0.2.1"):
    reply = system.issuers[which].call(f"jeton.v1.Issuer/{method}", message, timeout=25, timeout_ms=int(20000 * SLOW), pairs={"client-address": address})
    expect(reply is not None and reply.code == envelope.CODE_OK, f"the answer: {reply}")
    return reply_type.FromString(reply.body)


def store_ask(system, name, grant="client_credentials", **fields):
    return call(system, "StoreToken", issuer.StoreTokenRequest(**{"grant_type": grant, **system.clients[name], **fields}), issuer.StoreTokenReply)


def store(system, name, grant="client_credentials", **fields):
    reply = store_ask(system, name, grant, **fields)
    expect_equal((reply.status, reply.error, reply.error_description), (200, "", ""))
    return reply.token


def customer_ask(system, token, email=EMAIL, password=PASSWORD, **more):
    return call(system, "CustomerToken", issuer.CustomerTokenRequest(store_token=token, email=email, password=password), issuer.CustomerTokenReply, **more)


def customer(system, token, **fields):
    reply = customer_ask(system, token, **fields)
    expect_equal((reply.status, reply.error, reply.error_description), (200, "", ""))
    return reply.token


def refused(reply, status, error, says=""):
    expect_equal((reply.status, reply.error, reply.HasField("token")), (status, error, False), reply.error_description)
    expect(says in reply.error_description, f"{reply.error_description!r}, without {says!r}")
    scheme = {"invalid_client": "Basic ", "invalid_token": "Bearer "}.get(error, "")
    expect(reply.www_authenticate.startswith(scheme) and (scheme or not reply.www_authenticate), reply.www_authenticate)
    return reply.error_description


def token(system, name, **fields):
    """By the token endpoint."""
    reply = call(system, "Token", issuer.TokenRequest(**system.clients[name], **fields), issuer.TokenReply)
    expect_equal(reply.status, 200, reply.error_description)
    return reply.access_token


def validate(system, value, module="orders", access=types.ACCESS_READ, beside="", **fields):
    request = validator.ValidateRequest(token=value, module=module, access=access, store_client=system.clients[beside]["client_id"] if beside else "", **fields)
    reply = system.validator_.call("jeton.v1.Validator/Validate", request, timeout=20)
    expect(reply and reply.code == envelope.CODE_OK, f"{reply}")
    return validator.ValidateReply.FromString(reply.body)


def reason(system, value, module="orders", access=types.ACCESS_READ, beside="", **fields):
    return validator.Reason.Name(validate(system, value, module, access, beside, **fields).reason)[7:]


def claims(value):
    payload = value.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


@test("a store's server gets a token of an hour that reads and writes, browsers one that reads but for a list of modules (R21)")
def stores(system):
    for name, grant, write in (("server", "client_credentials", {"orders", "stock", "carts"}), ("browser", "implicit", {"carts"})):
        given = store(system, name, grant)
        expect_equal(sorted(field.name for field, _ in given.ListFields()), ["access_token", "expires", "expires_in", "identifier", "token_type"])
        said = claims(given.access_token)
        expect_equal((given.identifier, given.expires_in, given.token_type, given.expires, said["exp"] - said["iat"]), (grant, 3600, "Bearer", said["exp"], 3600))
        expect(abs(said["iat"] - time.time()) < 600, "iat")
        for module in ("orders", "stock", "carts", "addresses"):
            for access, wanted in ((types.ACCESS_READ, "OK"), (types.ACCESS_WRITE, "OK" if module in write else "READ_ONLY")):
                expect_equal(reason(system, given.access_token, module, access), wanted, f"{grant} {module} {access}")
    expect_equal(validate(system, given.access_token).scope, f"market:{system.market.number}", "of browsers: the client's market")
    in_test = store(system, "browser", "implicit", environment=types.ENVIRONMENT_TEST).access_token
    expect_equal((reason(system, in_test), reason(system, in_test, environment=types.ENVIRONMENT_TEST)), ("WRONG_ENVIRONMENT", "OK"))
    expect_equal(reason(system, store(system, "opaque").access_token), "OK", "always a JWT")


@test("which store gets what: R21's two grants, who proves itself and who is public")
def store_table(system):
    for name, grant, status, error in (("browser", "client_credentials", 400, "unauthorized_client"), ("desk", "client_credentials", 400, "unauthorized_client"),
                                       ("server", "implicit", 400, "unauthorized_client"), ("desk", "implicit", 400, "unauthorized_client"),
                                       ("server", "password", 400, "unsupported_grant_type"), ("server", "", 400, "invalid_request"), ("server", "Implicit", 400, "unsupported_grant_type")):
        refused(store_ask(system, name, grant), status, error)
    # An id alone is nothing where there is a secret; and a public client has none.
    texts = {refused(store_ask(system, name, "implicit", client_secret=secret), 401, "invalid_client")
             for name, secret in (("server", ""), ("desk", "x"), ("browser", "x"), ("server", system.clients["second"]["client_secret"]))}
    texts.add(refused(store_ask(system, "browser", "implicit", client_id="CLI-0000-0000"), 401, "invalid_client"))
    expect_equal(len(texts), 1)
    for field, size in (("client_id", 513), ("client_secret", 513), ("client_assertion_type", 513), ("client_assertion", 8193)):
        refused(store_ask(system, "server", **{field: "x" * size}), 400, "invalid_request", field)
    refused(store_ask(system, "server", environment=3), 400, "invalid_request", "environment")
    refused(store_ask(system, "server", client_id=""), 401, "invalid_client", "client_id")


@test("a customer's token is good beside its store's, for the store's customers' modules, and for nothing else (R22, R28)")
def customers(system):
    own = store(system, "server").access_token
    given = customer(system, own)
    said = claims(given.access_token)
    expect_equal((given.token_type, given.expires_in, given.expires, given.customer, given.scope),
                 ("Bearer", 86400, said["exp"], system.customer, "module:orders:write module:addresses:read"))
    expect_equal((said["sub"], said["client_id"], said["account"], said["aud"], said["exp"] - said["iat"]),
                 (system.customer, system.clients["server"]["client_id"], system.account, "jeton/customer", 86400))
    value, write = given.access_token, types.ACCESS_WRITE
    for _ in range(2):  # looked up, and from memory
        allowed = validate(system, value, beside="server")
        expect_equal((allowed.reason, allowed.customer, allowed.client, allowed.kind, allowed.user),
                     (validator.REASON_OK, system.customer, system.clients["server"]["client_id"], types.TOKEN_KIND_CUSTOMER, ""))
        for module, access, beside, wanted in (("orders", write, "server", "OK"), ("addresses", types.ACCESS_READ, "server", "OK"), ("addresses", write, "server", "READ_ONLY"),
                                               ("stock", types.ACCESS_READ, "server", "MODULE_NOT_GRANTED"), ("carts", types.ACCESS_READ, "server", "MODULE_NOT_GRANTED"),
                                               ("orders", types.ACCESS_READ, "", OUT), ("orders", types.ACCESS_READ, "second", OUT), ("orders", types.ACCESS_READ, "foreign", OUT)):
            expect_equal(reason(system, value, module, access, beside), wanted, f"{module} {access} beside {beside!r}")
    # Nothing else passes for a customer's token: neither the store's own, nor what stands for a customer by the password grant, nor an API token.
    by_password = token(system, "browser", grant_type="password", username=EMAIL, password=PASSWORD)
    api = system.admin.ok("CreateToken", account_id=system.account, name="t", kind=types.TOKEN_KIND_SERVICE,
                          modules=[types.ModuleGrant(module="orders", access=types.ACCESS_READ)]).value
    for other, client in ((own, "server"), (by_password, "browser"), (api, "server")):
        expect_equal((reason(system, other), reason(system, other, beside=client)), ("OK", OUT))
    system.admin.refused("INVALID_ARGUMENT", "CreateToken", account_id=system.account, name="t", kind=types.TOKEN_KIND_CUSTOMER, field="kind")
    for bad in ("CLI-1", system.account, "x" * 600):
        reply = system.validator_.call("jeton.v1.Validator/Validate", validator.ValidateRequest(token=value, module="orders", store_client=bad), timeout=20)
        expect_equal(reply.code, envelope.CODE_INVALID_ARGUMENT)
    # Of browsers, too: of the store's market, and as far as its client's scopes go.
    browser = customer(system, store(system, "browser", "implicit").access_token, which=1)
    expect_equal(browser.scope, f"market:{system.market.number} module:orders:write module:addresses:read")
    expect_equal(validate(system, browser.access_token, beside="browser").scope, f"market:{system.market.number}")
    in_test = customer(system, store(system, "server", environment=types.ENVIRONMENT_TEST).access_token).access_token
    expect_equal((reason(system, in_test, beside="server"), reason(system, in_test, beside="server", environment=types.ENVIRONMENT_TEST)), ("WRONG_ENVIRONMENT", "OK"))
    expect_equal(customer(system, token(system, "server", grant_type="client_credentials")).customer, system.customer, "beside a token of the token endpoint")
    shown = validator.IntrospectReply.FromString(system.validator_.call("jeton.v1.Validator/Introspect", validator.IntrospectRequest(token=value), timeout=20).body)
    expect_equal((shown.active, shown.aud, shown.kind, shown.customer), (True, "jeton/customer", types.TOKEN_KIND_CUSTOMER, system.customer))


@test("what is no store's token, or no customer's password, is refused alike; it is in trail and log (R15, R36, R39)")
def bad(system):
    own = store(system, "server").access_token
    value = customer(system, own).access_token
    by_password = token(system, "browser", grant_type="password", username=EMAIL, password=PASSWORD)
    head, payload, signature = own.split(".")
    login = system.admin.ok("CreateUser", account_id=system.account, username="clerk", name="C", password=PASSWORD)
    reply = system.issuers[0].call("jeton.v1.Issuer/Login", issuer.LoginRequest(username="clerk", password=PASSWORD), timeout=25, timeout_ms=int(20000 * SLOW))
    login = issuer.LoginReply.FromString(reply.body).access_token
    gone = store(system, "second").access_token
    revoke = issuer.RevokeRequest(token=gone, **system.clients["second"])
    expect_equal(call(system, "Revoke", revoke, issuer.RevokeReply).status, 200)
    texts = {refused(customer_ask(system, made_up), 401, "invalid_token")
             for made_up in ("x", "a.b.c", value, by_password, login, gone, f"{head}.{payload}.{signature[:-4]}AAAA", f"{head}.{payload}.", own + "A", "jtn_live_" + "A" * 44)}
    expect_equal(len(texts), 1, f"{texts}")
    refused(customer_ask(system, ""), 401, "invalid_token", "store_token")
    refused(customer_ask(system, "x" * 8193), 400, "invalid_request", "store_token")
    refused(customer_ask(system, own, email=""), 400, "invalid_request", "email")
    refused(customer_ask(system, own, email="x" * 255), 400, "invalid_request", "email")
    refused(customer_ask(system, own, password=""), 400, "invalid_request", "password")
    refused(customer_ask(system, own, password="x" * 1025), 400, "invalid_request", "password")
    a = system.admin
    off = a.ok("CreateCustomer", account_id=system.account, email="off@shop.example", password=PASSWORD).customer.id
    a.ok("DeactivateCustomer", id=off)
    records = lambda: int(system.sql("select count(*) from trail where event = 'platform.customers.customer.sign_in_failed'"))
    before = records()
    wrong = ((EMAIL, "wrong"), ("nobody@shop.example", PASSWORD), ("off@shop.example", PASSWORD), (system.customer, PASSWORD))
    expect_equal(len({refused(customer_ask(system, own, email, given), 400, "invalid_grant") for email, given in wrong}), 1)
    foreign = store(system, "foreign").access_token
    refused(customer_ask(system, foreign), 400, "invalid_grant")  # the customer is another account's
    wait_for(lambda: records() == before + 5, 10, "a record of each")
    refused(customer_ask(system, store(system, "stock").access_token), 400, "invalid_scope", "modules")
    a.ok("EditCustomer", id=system.customer, revision=a.ok("GetCustomer", id=system.customer).customer.revision, fields=["customer_group_id"], customer_group_id=system.group)
    private = store_ask(system, "trade", "implicit")
    refused(private, 400, "invalid_scope", "private")  # a private market is for its customers only
    rows = lambda: set(system.sql("select grant_type || ' ' || decision || ' ' || reason from use_log where grant_type in (6, 7)").split("\n"))
    wanted = {"6 1 1", "6 2 7", "6 2 9", "6 2 10", "7 1 1", f"7 2 {issuer.GRANT_REASON_STORE_TOKEN}", "7 2 2", "7 2 3", "7 2 4", "7 2 10"}
    wait_for(lambda: wanted <= rows(), 15, f"{wanted} in the log")
    dump = system.sql("select string_agg(u::text, ' ') from use_log u") + system.sql("select string_agg(encode(record, 'escape'), ' ') from trail")
    expect(own not in dump and value not in dump and PASSWORD not in dump, "a secret in a log")


@test("a customer's token ends with its customer, its client, its account, and when any of these has all revoked (R22, R25)")
def ends(system):
    a = system.admin
    fresh = lambda: customer(system, store(system, "server").access_token).access_token
    value = fresh()
    good = lambda: reason(system, value, beside="server")
    expect_equal(good(), "OK")
    server = system.clients["server"]["client_id"]
    for end, again, what, wanted in (("DeactivateCustomer", "ActivateCustomer", system.customer, "DISABLED"), ("DeactivateClient", "ActivateClient", server, "DISABLED"),
                                     ("SuspendAccount", "ResumeAccount", system.account, "ACCOUNT_SUSPENDED")):
        a.ok(end, id=what)
        wait_for(lambda: good() == wanted, 5, end)
        a.ok(again, id=what)
        wait_for(lambda: good() == "OK", 5, again)
    for owner in (system.customer, server, system.account):
        value, own = fresh(), store(system, "server").access_token
        expect_equal(good(), "OK")
        a.ok("RevokeAccessTokens", account_id=system.account, id=owner)
        wait_for(lambda: good() == "REVOKED", 5, f"all of {owner}")
        if owner == system.customer:
            customer(system, own)
        else:
            refused(customer_ask(system, own), 401, "invalid_token")
    value = fresh()
    expect_equal((good(), call(system, "Revoke", issuer.RevokeRequest(token=value, **system.clients["server"]), issuer.RevokeReply, which=1).status), ("OK", 200))
    wait_for(lambda: good() == "REVOKED", 5, "given back by its client")


@test("a new password, or none, ends what the one before led to: access, refresh and customers' tokens; another edit does not (R25)")
def new_password(system):
    a = system.admin
    edit = lambda fields, **values: a.ok("EditCustomer", id=system.customer, revision=a.ok("GetCustomer", id=system.customer).customer.revision, fields=fields, **values)
    own = store(system, "server").access_token
    ask = lambda **fields: call(system, "Token", issuer.TokenRequest(client_id=system.clients["browser"]["client_id"], **fields), issuer.TokenReply)
    sign_in = lambda given: ask(grant_type="password", username=EMAIL, password=given)
    password = PASSWORD
    for another in ("another horse", "", PASSWORD):
        access, beside = sign_in(password), customer(system, own, password=password).access_token if password else ""
        edit(["email", "customer_group_id"], email=EMAIL)
        if password:
            expect_equal((reason(system, access.access_token), reason(system, beside, beside="server"), access.status), ("OK", "OK", 200))
            access = ask(grant_type="refresh_token", refresh_token=access.refresh_token)
            expect_equal(access.status, 200, access.error_description)
        else:
            expect_equal(access.status, 400)
        edit(["password"], password=another)
        if password:
            wait_for(lambda: (reason(system, access.access_token), reason(system, beside, beside="server")) == ("REVOKED", "REVOKED"), 5, "what the old one led to")
            after = ask(grant_type="refresh_token", refresh_token=access.refresh_token)
            expect_equal((after.status, after.error), (400, "invalid_grant"))
        password = another
    expect_equal((sign_in("another horse").status, sign_in(PASSWORD).status), (400, 200))
    expect_equal(reason(system, own), "OK", "the store's own stays")


@test("by the command line, and with a key that this issuer has to read first")
def command(system):
    def write(name, text):
        with open(system.path(name), "w", encoding="ascii") as f:
            f.write(text + "\n")
        return system.path(name)

    server, browser = (system.clients[name]["client_id"] for name in ("server", "browser"))
    secret = write("secret", system.clients["server"]["client_secret"])
    own = system.jeton("grant", "store", server, "--secret-file", secret, "--token-only", check=0).stdout.strip()
    shown = system.cli("grant", "store", browser, "--public")
    expect_equal((sorted(shown), shown["identifier"]), (["access_token", "expires", "expires_in", "identifier", "token_type"], "implicit"))
    expect("implicit" in system.jeton("grant", "store", browser, "--public", check=0).stdout, "as text")
    run = system.jeton("grant", "store", browser, "--secret-file", secret, check=77)
    expect("invalid_client" in run.stderr, run.stderr)
    arguments = ("grant", "customer", server, "--store-token-file", write("own", own), "--username", EMAIL)
    value = system.jeton(*arguments, "--token-only", input=PASSWORD + "\n", check=0).stdout.strip()
    expect_equal(system.cli(*arguments, input=PASSWORD + "\n")["customer"], system.customer)
    expect_equal((system.validate(value)["reason"], system.validate(value, **{"store-client": server})["customer"]), ("out_of_scope", system.customer))
    system.jeton(*arguments, input="no\n", check=77)
    system.jeton("grant", "customer", server, "--username", EMAIL, input="no\n", check=64)
    system.cli("keys", "rotate", "--force")
    own = store(system, "server").access_token
    customer(system, own, which=1)
    system.check_logs()


main(shop)
