#!/usr/bin/python3
"""Limits at the issuers: a stranger who guesses gets few guesses, and keeps nobody out (R17, R22, R23); requests of a client and address are counted at one issuer, wherever they are made (R20)."""
import time

import wire
from administer import Admin, types
from harness import SLOW, System, expect, expect_equal, main, test, wait_for

import envelope_pb2 as envelope
import issuer_pb2 as issuer

PASSWORD = "correct horse battery"
EMAIL = "ada@shop.example"
FIRST, OTHERS = 12, 3  # an hour; the unit test has the defaults


def shop():
    """A user, a customer and its store; two issuers."""
    system = System({"issuer": 2, "validator": 0}, {"issuer": {"login_first_per_hour": FIRST, "login_others_per_hour": OTHERS, "login_address_per_minute": 600},
                                                    "auditor": {"outbox_poll_ms": "20"}})
    system.admin = a = Admin(system)
    a.ok("CreateModule", name="orders")
    system.account = a.ok("CreateAccount", name="Acme", modules=["orders"]).account.id
    market = a.ok("CreateMarket", account_id=system.account, code="eu", name="EU").market
    system.client = a.ok("CreateClient", account_id=system.account, name="shop", kind=types.CLIENT_KIND_SALES_CHANNEL, market_id=market.id,
                         scopes=["module:orders:write"]).client.id
    a.ok("CreateUser", account_id=system.account, username="alice", name="Alice", password=PASSWORD)
    a.ok("CreateCustomer", account_id=system.account, email=EMAIL, password=PASSWORD)
    system.dealer = wire.Dealer(system, system["issuer"], "gateway")
    return system


def outcome(reply):
    """"in", "wrong" or "later"."""
    expect(reply is not None, "an answer")
    if reply.code == envelope.CODE_OK:
        token = issuer.TokenReply.FromString(reply.body)
        # A LoginReply has a number where a TokenReply has none.
        return {200: "in", 400: "wrong", 429: "later"}.get(token.status, "in") if token.error or token.status else "in"
    return {envelope.CODE_UNAUTHENTICATED: "wrong", envelope.CODE_RESOURCE_EXHAUSTED: "later"}[reply.code]


def login(system, password, address):
    system.dealer.send("jeton.v1.Issuer/Login", issuer.LoginRequest(username="Alice", password=password), timeout_ms=int(60000 * SLOW), pairs={"client-address": address})


def customer(system, password, address):
    request = issuer.TokenRequest(grant_type="password", client_id=system.client, username=EMAIL, password=password)
    system.dealer.send("jeton.v1.Issuer/Token", request, timeout_ms=int(60000 * SLOW), pairs={"client-address": address})


def answers(system, n):
    return [outcome(system.dealer.receive(90)) for _ in range(n)]


@test("who guesses from many addresses gets so many guesses an hour and no more, while the user gets in: from where it signed in before, and from elsewhere, too")
def strangers(system):
    for ask in (login, customer):
        ask(system, PASSWORD, "192.0.2.1")
        expect_equal(answers(system, 1), ["in"])
        attackers = [f"198.51.100.{i}" for i in range(FIRST - 4)]
        for address in attackers * 3:
            ask(system, "guess", address)
        told = answers(system, 3 * len(attackers))
        wrong = told.count("wrong")
        # One each, and those of all; what comes again meanwhile is one in three minutes, and one in fifteen.
        expect(set(told) == {"wrong", "later"} and FIRST - 4 + OTHERS <= wrong <= FIRST - 4 + OTHERS + 3, f"{wrong} guesses of {len(told)}")
        for address in ("192.0.2.1", "2001:db8::1", "2001:db8::2", "192.0.2.1"):
            ask(system, PASSWORD, address)
            expect_equal((address, answers(system, 1)), (address, ["in"]))
        # A slip at a known address costs nothing but one of its tries; at an address that is new to the name it is its only one.
        for address, wanted in (("192.0.2.1", "in"), ("203.0.113.9", "later")):
            ask(system, "slip", address)
            expect_equal(answers(system, 1), ["wrong"])
            ask(system, PASSWORD, address)
            expect_equal((address, answers(system, 1)), (address, [wanted]))
        for _ in range(12):
            ask(system, "guess", "192.0.2.1")
        expect("later" in answers(system, 12), "at a known address, too, there is an end")
    events = ("platform.users.user.sign_in_failed", "platform.customers.customer.sign_in_failed")
    wait_for(lambda: all(int(system.sql(f"select count(*) from trail where event = '{event}'")) >= FIRST for event in events), 10, "a record of each guess that was looked at")
    wait_for(lambda: int(system.sql(f"select count(*) from use_log where reason = {issuer.GRANT_REASON_THROTTLED}")) > 0, 15, "the refusals in the log")


B, T = 6, 10  # so many at once, and then one every T s


@test("callers that choose by home have the requests of a client counted at one issuer of two; each that joins or is killed costs what the document says, and no more (R20)")
def home(system):
    for service in system.of_kind("issuer"):
        service.settings["token_client_per_minute"] = str(B)
        service.stop()
    for service in system.of_kind("issuer"):
        service.start()
    clients = [system.admin.ok("CreateClient", account_id=system.account, name=name, kind=types.CLIENT_KIND_INTEGRATION, scopes=["module:orders:read"]) for name in "abcdef"]
    given, began = [0] * len(clients), time.monotonic()

    def ask(lives):
        """More than one issuer allows, of each client: how many were there until now? lives: of issuers that may have counted them."""
        for i, made in enumerate(clients):
            for _ in range(B + 2):
                run = system.jeton("grant", "client-credentials", made.client.id, "--token-only", input=made.secret + "\n")
                expect(run.returncode == 0 or "HTTP status 429" in run.stderr, f"{run.returncode} {run.stderr}")
                given[i] += run.returncode == 0
            bound = lives * (B + (time.monotonic() - began) / T + 1)
            expect(B <= given[i] <= bound, f"{given} of at most {bound}")

    ask(1)
    both = list(given)
    system["issuer2"].kill()
    ask(2)
    one = list(given)
    system["issuer2"].start()
    system["issuer"].kill()
    ask(3)
    print(f"# given: {both} by two issuers, {one} after one was killed, {given} after it came back and the other was killed, in {time.monotonic() - began:.0f} s")
    expect(min(given) >= 2 * B, "whoever's home was killed has another")
    system["issuer"].start()



main(shop)
