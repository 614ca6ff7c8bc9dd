#!/usr/bin/python3
"""Grants in the access log: each token that was given or refused is counted before that is told, whatever dies (R39, R40, R44)."""
import os
import threading

import wire
from harness import PATIENCE, SLOW, System, expect, expect_equal, main, test, wait_for

import audit_pb2 as audit
import envelope_pb2 as envelope
import issuer_pb2 as issuer
import validator_pb2 as validator

LOGIN = "jeton.v1.Issuer/Login"
PASSWORD = "correct horse battery"
CODES = {envelope.CODE_OK: ("ok",), envelope.CODE_UNAUTHENTICATED: ("unknown_user", "wrong_password", "user_disabled"),
         envelope.CODE_RESOURCE_EXHAUSTED: ("throttled",)}


def with_users():
    system = System(settings={"auditor": {"outbox_poll_ms": 20, "tail_poll_ms": 20, "last_access_step_s": 1},
                              "issuer": {"keys_interval_ms": 200, "login_user_per_minute": 3, "login_first_per_hour": 1, "login_others_per_hour": 2, "login_address_per_minute": 60000,
                                         "login_throttle_entries": 64}})
    system.cli("module", "create", "orders")
    system.account = system.cli("account", "create", "--name", "Acme", "--module", "orders")["id"]
    system.users = {name: system.cli("user", "create", "--account", system.account, "--username", name, "--name", name, input=PASSWORD + "\n")["id"]
                    for name in ("ada", "bob", "eve")}
    system.cli("user", "disable", system.users["eve"])
    return system


def number(system, statement):
    return int(system.sql(statement))


def sums(system, where):
    """What the log has counted of the grants where …: {reason: count}."""
    rows = system.sql(f"select reason, sum(count) from use_log where grant_type = 1 and {where} group by 1")
    return {issuer.GrantReason.Name(int(r.split("|")[0]))[13:].lower(): int(r.split("|")[1]) for r in rows.splitlines()}


def ask(dealer, username, password=PASSWORD, address="192.0.2.1", **fields):
    return dealer.call(LOGIN, issuer.LoginRequest(username=username, password=password, **fields), timeout=25, timeout_ms=int(20000 * SLOW),
                       pairs={"client-address": address})


def answered(reply, *codes):
    expect(reply is not None and reply.code in codes, f"the answer: {reply}")
    return reply


@test("each grant and each refusal is in the log, with its reason, user, caller and address, before it is told")
def kinds(system):
    dealer = wire.Dealer(system, system["issuer"], "gateway")
    granted = issuer.LoginReply.FromString(answered(ask(dealer, "ada", environment=2), envelope.CODE_OK).body)
    for username, password in (("ada", "wrong"), ("nobody", "wrong"), ("EVE", PASSWORD)):
        answered(ask(dealer, username, password, "2001:db8::7"), envelope.CODE_UNAUTHENTICATED)
    for _ in range(3):
        answered(ask(dealer, "throttled", "wrong"), envelope.CODE_UNAUTHENTICATED)
    answered(ask(dealer, "throttled", address="no address"), envelope.CODE_RESOURCE_EXHAUSTED)
    # What is malformed was not asked for.
    answered(ask(dealer, "ada", ""), envelope.CODE_INVALID_ARGUMENT)
    wait_for(lambda: number(system, "select coalesce(sum(count), 0) from use_log") == 8, 20, "eight in the log")
    rows = system.cli("log", "--all", "--kind", "grant")
    expect_equal({(row["kind"], row["grant_type"], row["peer"], row["module"], row["access"], row["reason"]) for row in rows},
                 {("grant", "login", "gateway", "", None, None)})
    found = {}
    for row in rows:
        key = (row["decision"], row["grant_reason"], row["user"], row["account"], row["environment"], row["address"])
        found[key] = found.get(key, 0) + int(row["count"])
    ada, eve, account = system.users["ada"], system.users["eve"], system.account
    expect_equal(found, {("allow", "ok", ada, account, "test", "192.0.2.1"): 1, ("deny", "wrong_password", ada, account, "live", "2001:db8::7"): 1,
                         ("deny", "unknown_user", "", "", "live", "2001:db8::7"): 1, ("deny", "user_disabled", eve, account, "live", "2001:db8::7"): 1,
                         ("deny", "unknown_user", "", "", "live", "192.0.2.1"): 3, ("deny", "throttled", "", "", "live", ""): 1})
    # What was typed as a name or password is not there.
    expect("nobody" not in str(rows) and "wrong\"" not in str(rows), "what was typed is in the log")
    # The token's own use is found beside its grant.
    expect_equal(system.validate(granted.access_token, "orders", environment="test")["decision"], "allow")
    jti = next(row["token"] for row in rows if row["decision"] == "allow")
    wait_for(lambda: sorted(row["kind"] for row in system.cli("log", "--token", jti)) == ["grant", "validate"], 20, "grant and use of one token")
    dealer.close()


@test("filters: by kind, user, decision and client; tails too")
def filters(system):
    def log(*arguments):
        return sum(int(row["count"]) for row in system.cli("log", "--all", *arguments))
    ada = system.users["ada"]
    expect_equal((log("--kind", "validate"), log("--kind", "grant"), log()), (1, 8, 9))
    expect_equal((log("--user", ada), log("--user", ada, "--kind", "grant"), log("--kind", "grant", "--decision", "deny")), (3, 2, 7))
    expect_equal((log("--user", system.users["bob"]), log("--client", "CLI-1234-5678"), log("--account", system.account)), (0, 0, 4))
    shown = system.jeton("log", "--user", ada, "--decision", "deny", check=0).stdout
    expect("wrong_password" in shown and "login" in shown and ada in shown, shown)
    system.jeton("log", "--kind", "x", check=64)
    dealer = wire.Dealer(system, system["auditor"])
    dealer.send("jeton.v1.AuditLogger/TailUse", audit.TailUseRequest(after=0, kind=audit.USE_KIND_GRANT, user=ada), timeout_ms=20000, credit=9)
    rows = [audit.TailUseReply.FromString(dealer.receive(20).body).row for _ in range(2)]
    expect_equal({(row.user, row.grant_reason) for row in rows}, {(ada, issuer.GRANT_REASON_OK), (ada, issuer.GRANT_REASON_WRONG_PASSWORD)})
    dealer.close()


@test("every kind of grant that there may be has room; a grant is no use of its token, and moves no last access")
def other_kinds(system):
    made = system.cli("token", "create", "--account", system.account, "--name", "t", "--kind", "service", "--module", "orders:read")
    client = system.cli("client", "create", "--account", system.account, "--name", "c", "--kind", "integration")["id"]
    customer = system.cli("customer", "create", "--account", system.account, "--email", "ada@shop.example", "--no-password")["id"]
    token, of_client, of_customer = (number(system, f"select max(number) from {table}") for table in ("tokens", "clients", "customers"))
    n = 9
    columns = {"second": [1700000000] * n, "account": [1] * n, "token": [0] * (n - 1) + [token], "user": [0] * n, "addresses": b"\0" * 17 * n, "module": [0] * n,
               "peer": [1] * n, "jti": [2] * (n - 1) + [0], "access": [0] * n, "environment": [1] * n, "decision": [1] * n, "reason": [1] * n,
               "count": [5] * n, "texts": ["kinds", "jti"], "client": [of_client] * n, "customer": [of_customer] * n, "grant_type": [1, 2, 3, 4, 5, 6, 7, 8, 2]}
    dealer = wire.Dealer(system, system["auditor"], "gateway")
    reply = dealer.call("jeton.v1.AuditLogger/TakeSegment", audit.TakeSegmentRequest(source=b"grants of kinds.", sequence=1, **columns), timeout=20)
    expect_equal(envelope.Code.Name(reply.code), "CODE_OK", reply.message)
    rows = system.cli("log", "--client", client, "--all")
    expect_equal({(row["client"], row["customer"], row["kind"], row["count"]) for row in rows}, {(client, customer, "grant", 5)})
    # One that only a newer version knows is a number.
    expect_equal(sorted(str(row["grant_type"]) for row in rows), ["8", "authorization_code", "client_credentials", "client_credentials", "customer", "implicit",
                                                                  "login", "password", "refresh_token"])
    wait_for(lambda: system.sql("select folded = (select last from use_head) from use_fold") == "t", 20, "the fold")
    expect_equal(system.cli("usage", "--token", made["id"]), [])
    expect_equal(number(system, f"select count(*) from token_use where token = {token}"), 0)
    expect_equal(system.cli("token", "show", made["id"])["last_access_at"], None)
    dealer.close()


class Asker:
    """Asks for tokens as fast as it is answered, and counts what was answered, by code."""

    def __init__(self, system, name):
        self.service, self.dealer, self.name = system["issuer"], wire.Dealer(system, system["issuer"], "gateway"), name
        self.sent, self.answers, self.ending = 0, {}, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ending:
            wait_for(self.service.running, 60, "an issuer to ask")
            process = self.service.process
            self.sent += 1
            # Each name may fail three times, and is refused at once then; some are right.
            right = self.sent % 40 == 1
            message = issuer.LoginRequest(username="bob" if right else self.name, password=PASSWORD if right else "wrong")
            sent = self.dealer.send(LOGIN, message, timeout_ms=int(60000 * SLOW), pairs={"client-address": "198.51.100.9"})
            # One that was lost with its process is not sent again: it may have been counted, and it was not answered.
            reply = None
            while (reply is None or reply.id != sent) and self.service.process is process and self.service.running():
                reply = self.dealer.receive(0.1)
                if reply is not None:
                    self.answers[reply.code] = self.answers.get(reply.code, 0) + 1

    def end(self):
        self.ending = True
        self.thread.join()
        self.dealer.close()


@test("kill -9 of the issuer, and an auditor that is away: never fewer in the log than answered, never more than asked")
def killed(system):
    askers = [Asker(system, f"asker{i}") for i in range(3)]

    def total():
        return sum(sum(n for code, n in a.answers.items() if code in CODES) for a in askers)
    try:
        for i in range(6):
            before = total()
            wait_for(lambda before=before: total() > before + 40, 60, "answers")
            if i == 2:
                system["auditor"].kill()
                wait_for(lambda: len(system["issuer"].spooled()) > 2, 30, "segments that wait")
            elif i == 4:
                system["auditor"].start()
            system["issuer"].kill()
            system["issuer"].start(wait=False)
        wait_for(lambda before=total(): total() > before + 40, 60, "answers at the end")
    finally:
        for asker in askers:
            asker.end()
    system["issuer"].wait_healthy()
    wait_for(lambda: not system["issuer"].spooled(), 60, "an empty spool")
    counted, sent = sums(system, "address = '198.51.100.9'"), sum(a.sent for a in askers)
    for code, reasons in CODES.items():
        n, logged = sum(a.answers.get(code, 0) for a in askers), sum(counted.get(reason, 0) for reason in reasons)
        expect(n > 5, f"too few answers of {envelope.Code.Name(code)}")
        # Of what was in flight at a kill, the answer may have been lost.
        expect(n <= logged <= n + len(askers) * 7, f"{logged} in the log, {n} answered: {counted}")
    expect(sum(counted.values()) <= sent, f"{counted} in the log, {sent} asked")


def flood(system, dealer, k):
    """200 that are refused at once, each a row of its own; how many were answered so, and how many because they could not be counted."""
    for i in range(200):
        dealer.send(LOGIN, issuer.LoginRequest(username="asker0", password="wrong"), timeout_ms=int(20000 * SLOW), pairs={"client-address": f"10.{k}.0.{i}"})
    codes = [answered(dealer.receive(25), envelope.CODE_RESOURCE_EXHAUSTED, envelope.CODE_UNAVAILABLE, envelope.CODE_UNAUTHENTICATED) for _ in range(200)]
    refused = [reply for reply in codes if reply.code == envelope.CODE_UNAVAILABLE]
    expect(all("counted" in reply.message for reply in refused), f"{refused[:1]}")
    return 200 - len(refused), len(refused)


@test("a spool that is full: no token is given and none refused, Health says why, and it goes on when the auditor is back")
def full(system):
    system["issuer"].settings["journal_limit"] = 1048576
    system["issuer"].restart()
    system["auditor"].stop()
    dealer = wire.Dealer(system, system["issuer"], "gateway")
    total = refused = 0
    for k in range(200):
        counted, refused = flood(system, dealer, k)
        total += counted
        if refused:
            break
    expect(refused > 0, "it never was full")
    reply = answered(ask(dealer, "ada"), envelope.CODE_UNAVAILABLE)
    expect("counted" in reply.message and not reply.body, reply.message)
    wait_for(lambda: system["issuer"].health() == "stale", 20, "health")
    expect("journal_limit" in system["issuer"].log(), "the log does not say why")
    system["auditor"].start()
    wait_for(lambda: not system["issuer"].spooled(), 30, "an empty spool")
    system["issuer"].wait_healthy()
    wait_for(lambda: ask(dealer, "ada").code == envelope.CODE_OK, 20, "a token")
    wait_for(lambda: sum(sums(system, "address <<= '10.0.0.0/8'").values()) == total, 30, f"{total} in the log")
    dealer.close()


@test("a process that ends in order delivers first; journal_full = drop gives tokens without counting them, and counts those")
def ends(system):
    dealer = wire.Dealer(system, system["issuer"], "gateway")
    wait_for(lambda: not system["issuer"].spooled(), 30, "an empty spool")
    before = number(system, "select sum(count) from use_log where grant_type = 1 and reason = 1")
    answered(ask(dealer, "bob"), envelope.CODE_OK)
    system["issuer"].stop()
    expect_equal(system["issuer"].spooled(), [])
    expect_equal(number(system, "select sum(count) from use_log where grant_type = 1 and reason = 1"), before + 1)
    with open(os.path.join(system.path("issuer.use"), "big.damaged"), "wb") as f:
        f.write(b"x" * 4000000)
    system["issuer"].settings["journal_full"] = "drop"
    system["issuer"].start(wait=False)
    wait_for(lambda: (reply := ask(dealer, "bob")) is not None and reply.code == envelope.CODE_OK, 20, "a token")
    dropped = [int(row["value"]) for row in system.cli("stats", "issuer") if row["name"] == "journal.dropped"]
    expect(dropped[0] > 0, "nothing was dropped")
    system["issuer"].stop()
    os.unlink(os.path.join(system.path("issuer.use"), "big.damaged"))
    system["issuer"].settings["journal_full"] = "perhaps"
    system["issuer"].start(wait=False)
    expect_equal(system["issuer"].process.wait(20 * PATIENCE), 78)
    expect("journal_full" in system["issuer"].log(), system["issuer"].log())
    system["issuer"].settings["journal_full"] = "refuse"
    system["issuer"].start()
    dealer.close()


main(with_users)
