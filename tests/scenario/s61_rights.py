#!/usr/bin/python3
"""Who may do what: every method of admin and of the auditor, for every role, on objects of the own and of another account (R34); streams end
when those who opened them may not have them any more (R6)."""
import os
import re

from administer import Admin, admin, audit, envelope, grants, name_of, types
from harness import SLOW, TOP, System, expect, expect_equal, main, test, wait_for

# Each method and who may call it with objects of the own account; operators may call all, of any account. A method that is not here fails
# the test, and so does one that lets somebody in who is not here.
EVERYONE, MANAGERS, OPERATORS = {"administrator", "member", "integration"}, {"administrator"}, set()
RIGHTS = {
    "CreateAccount": OPERATORS, "GetAccount": EVERYONE, "ListAccounts": EVERYONE, "EditAccount": OPERATORS, "SuspendAccount": OPERATORS, "ResumeAccount": OPERATORS,
    "CreateUser": MANAGERS, "GetUser": EVERYONE, "ListUsers": EVERYONE, "EditUser": MANAGERS, "DeleteUser": MANAGERS, "DisableUser": MANAGERS, "EnableUser": MANAGERS,
    "CreateModule": OPERATORS, "ListModules": EVERYONE, "EnableModule": OPERATORS, "DisableModule": OPERATORS,
    "CreateToken": MANAGERS, "GetToken": EVERYONE, "ListTokens": EVERYONE, "EditToken": MANAGERS, "RotateToken": MANAGERS,
    "RevealToken": MANAGERS, "ResealTokens": OPERATORS, "DisableToken": MANAGERS, "EnableToken": MANAGERS, "DeleteToken": MANAGERS,
    "SetTokenLogo": MANAGERS, "GetTokenLogo": EVERYONE, "ImportTokens": OPERATORS, "ExportTokens": OPERATORS, "ResolveScope": EVERYONE,
    "RotateClientSecret": MANAGERS, "RevokeAccessTokens": MANAGERS, "ListForeignPrefixes": OPERATORS, "RemoveForeignPrefix": OPERATORS,
    **{f"{verb}{noun}": MANAGERS for noun in ("CustomerGroup", "Market", "StockLocation", "Client", "Customer")
       for verb in ("Create", "Edit", "Activate", "Deactivate", "Delete")},
    **{f"{verb}{noun}": EVERYONE for noun in ("CustomerGroup", "Market", "StockLocation", "Client", "Customer") for verb in ("Get",)},
    **{f"List{noun}s": EVERYONE for noun in ("CustomerGroup", "Market", "StockLocation", "Client", "Customer")},
}
TRAIL = {"ListRecords": EVERYONE, "GetRecord": EVERYONE, "TailRecords": EVERYONE, "ExportTrail": OPERATORS, "GetCheckpointKey": EVERYONE,
         "TakeSegment": OPERATORS, "ListUse": EVERYONE, "TailUse": EVERYONE, "UsagePerToken": EVERYONE}
ROLES = {"operator": types.USER_ROLE_OPERATOR, "administrator": types.USER_ROLE_ADMINISTRATOR, "member": types.USER_ROLE_MEMBER,
         "integration": types.USER_ROLE_INTEGRATION}


def snake(name):
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()


class Account:
    """An account with one of everything, and a user of each role, signed in."""

    def __init__(self, system, name):
        a = system.admin
        self.ACC = a.ok("CreateAccount", name=name, modules=["orders"]).account.id
        self.users, self.logins = {}, {}
        for role, number in ROLES.items():
            self.users[role] = a.ok("CreateUser", account_id=self.ACC, username=f"{name}-{role}", name=role, role=number,
                                    password="correct horse").user.id
            self.logins[role] = system.cli("login", "--username", f"{name}-{role}", input="correct horse\n")["access_token"]
        self.USR = a.ok("CreateUser", account_id=self.ACC, username=f"{name}-other", name="other").user.id
        self.TKN = a.ok("CreateToken", account_id=self.ACC, name="t", kind=types.TOKEN_KIND_SERVICE, modules=grants("orders")).token.id
        with open(f"{TOP}/tests/fuzz/corpus/fuzz_image/grey.png", "rb") as f:
            a.ok("SetTokenLogo", id=self.TKN, revision=1, logo=f.read())
        self.CGR = a.ok("CreateCustomerGroup", account_id=self.ACC, code="vip", name="VIP").customer_group.id
        self.MKT = a.ok("CreateMarket", account_id=self.ACC, code="eu", name="Europe").market.id
        self.STL = a.ok("CreateStockLocation", account_id=self.ACC, code="w", name="Warehouse", market_id=self.MKT).stock_location.id
        self.CUS = a.ok("CreateCustomer", account_id=self.ACC, email="ada@shop.example").customer.id
        self.CLI = a.ok("CreateClient", account_id=self.ACC, name="c", kind=types.CLIENT_KIND_INTEGRATION).client.id

    def of(self, method):
        """The object that a method with a field `id` is about."""
        for noun, name in (("User", "USR"), ("Token", "TKN"), ("TokenLogo", "TKN"), ("CustomerGroup", "CGR"), ("Market", "MKT"), ("StockLocation", "STL"),
                           ("Client", "CLI"), ("ClientSecret", "CLI"), ("Customer", "CUS")):
            if method.endswith(noun):
                return getattr(self, name)
        return self.ACC


def two_accounts():
    system = System({"validator": 0}, {"auditor": {"caller_interval_ms": "200", "keys_interval_ms": "500"}})
    system.admin = Admin(system)
    system.admin.ok("CreateModule", name="orders")
    system.own, system.other = Account(system, "own"), Account(system, "other")
    return system


def caller(system, token, keys="gateway"):
    return Admin(system, keys).given(authorization=token and f"Bearer {token}")


def fields_of(method, account):
    """A request that names an object of the account, and is wrong in the rest: whoever gets past the gate is told so, and changes nothing."""
    names = {field.name for field in admin.DESCRIPTOR.message_types_by_name[f"{method}Request"].fields}
    if "account_id" in names:
        return {"account_id": account.ACC}
    return {"id": account.of(method)} if "id" in names else {}


@test("the table is of every method")
def complete(_):
    expect_equal(set(RIGHTS), {m.name for m in admin.DESCRIPTOR.services_by_name["Admin"].methods}, "Admin")
    expect_equal(set(TRAIL), {m.name for m in audit.DESCRIPTOR.services_by_name["AuditLogger"].methods}, "AuditLogger")


@test("every method of admin, every role, own and other account: exactly the table")
def matrix(system):
    for role, login in system.own.logins.items():
        a = caller(system, login)
        for method, who in sorted(RIGHTS.items()):
            may = role == "operator" or role in who
            for account in (system.own, system.other):
                fields = fields_of(method, account)
                if may and (account is system.own or role == "operator") and re.match("Delete|Deactivate|Rotate|Disable[TU]|Suspend", method):
                    continue  # these would be done: the next test does them
                reply = a.reply(method, **fields)
                what = f"{method} by {role} on {'own' if account is system.own else 'other'}: {name_of(reply.code)} {reply.message}"
                if not may:
                    expect_equal(name_of(reply.code), "PERMISSION_DENIED", what)
                elif role != "operator" and account is system.other and fields:
                    expect_equal(name_of(reply.code), "NOT_FOUND", what)
                    missing = a.reply(method, **{k: re.sub("[0-9]{4}-[0-9]{4}", "0000-0000", v) for k, v in fields.items()})
                    expect_equal(missing.message, reply.message.replace(list(fields.values())[0], re.sub("[0-9]{4}-[0-9]{4}", "0000-0000",
                                 list(fields.values())[0])), f"{what}: what is another's and what is not there look different")
                else:
                    expect(reply.code not in (envelope.CODE_PERMISSION_DENIED, envelope.CODE_UNAUTHENTICATED, envelope.CODE_NOT_FOUND), what)


@test("what an administrator does is done, and recorded as that user's, with the peer that brought it")
def administrator(system):
    a = caller(system, system.own.logins["administrator"])
    made = a.ok("CreateToken", account_id=system.own.ACC, name="mine", kind=types.TOKEN_KIND_SERVICE, modules=grants("orders")).token
    expect_equal((made.created_by.id, made.created_by.name), (system.own.users["administrator"], "own-administrator"))
    a.ok("RotateToken", id=made.id)
    a.ok("DeleteToken", id=made.id)
    a.ok("DisableUser", id=system.own.USR)
    b = caller(system, system.own.logins["operator"])
    coded = {"code": "new", "name": "New"}
    for noun, fields in (("CustomerGroup", coded), ("Market", coded), ("StockLocation", {**coded, "market_id": system.own.MKT}), ("Customer", {"email": "n@x"})):
        for who in (a, b):
            new = getattr(who.ok(f"Create{noun}", account_id=system.own.ACC, **fields), snake(noun)).id
            who.ok(f"Deactivate{noun}", id=new)
            who.ok(f"Delete{noun}", id=new)
    trail = Trail(system)
    rows = wait_for(lambda: [r for r in trail.ok("ListRecords", object_id=made.id).records if r.event.endswith("deleted")], 10, "its record")
    expect_equal((rows[0].actor.id, rows[0].actor.name, rows[0].actor.account_id, rows[0].actor.type, rows[0].request.peer),
                 (system.own.users["administrator"], "own-administrator", system.own.ACC, "user", "gateway"))
    # Nobody makes or changes somebody who may do more.
    a.refused("PERMISSION_DENIED", "CreateUser", account_id=system.own.ACC, username="x", name="x", role=types.USER_ROLE_OPERATOR)
    a.refused("PERMISSION_DENIED", "EditUser", id=system.own.USR, revision=2, fields=["role"], role=types.USER_ROLE_OPERATOR)
    for method in ("DisableUser", "DeleteUser"):
        a.refused("PERMISSION_DENIED", method, id=system.own.users["operator"])
    a.refused("PERMISSION_DENIED", "EditUser", id=system.own.users["operator"], revision=1, fields=["password"], password="mine, all mine")
    a.ok("GetUser", id=system.own.users["operator"])
    a.refused("PERMISSION_DENIED", "EditAccount", id=system.own.ACC, revision=1, fields=["token_limit"], token_limit=10000000)
    # An operator's own user may do everything, anywhere.
    o = caller(system, system.own.logins["operator"])
    o.ok("SuspendAccount", id=system.other.ACC)
    o.ok("EditAccount", id=system.other.ACC, revision=2, fields=["token_limit"], token_limit=7)
    o.ok("ResumeAccount", id=system.other.ACC)


@test("lists are of the own account, whatever is asked for")
def lists(system):
    a = caller(system, system.own.logins["member"])
    expect_equal([row.id for row in a.ok("ListAccounts").accounts], [system.own.ACC])
    for method in ("ListUsers", "ListTokens", "ListCustomerGroups", "ListMarkets", "ListStockLocations", "ListClients", "ListCustomers"):
        for fields in ({}, {"account_id": system.own.ACC}):
            reply = a.ok(method, **fields)
            rows = list(getattr(reply, snake(method[4:])))
            expect(rows and {row.account_id for row in rows} == {system.own.ACC}, f"{method}: {rows}")
        a.refused("NOT_FOUND", method, account_id=system.other.ACC)
        a.refused("INVALID_ARGUMENT", method, account_id="ACC-1")


class Trail(Admin):
    """Calls of the auditor."""

    def __init__(self, system, keys="operator"):
        super().__init__(system, keys, "auditor")

    def reply(self, method, **fields):
        sent = self.dealer.send(f"jeton.v1.AuditLogger/{method}", getattr(audit, f"{method}Request")(**fields), timeout_ms=int(20000 * SLOW),
                                 pairs=self.metadata, credit=1000)
        while True:
            reply = self.dealer.receive(25)
            expect(reply is not None, f"{method} was not answered")
            if reply.id == sent:
                return reply

    def ok(self, method, **fields):
        reply = self.reply(method, **fields)
        expect_equal(name_of(reply.code), "OK", reply.message)
        return getattr(audit, f"{method}Reply").FromString(reply.body)


@test("the trail: users see the public records of their own account, and nothing else")
def trail(system):
    operator = Trail(system)
    everything = wait_for(lambda: (rows := operator.ok("ListRecords", page=types.PageRequest(size=500)).records) and
                          any(r.object.account_id == system.other.ACC for r in rows) and rows, 10, "records")
    own = next(r for r in everything if r.object.account_id == system.own.ACC)
    foreign = next(r for r in everything if r.object.account_id == system.other.ACC)
    # A private record of the own account: the gate cannot be tested with one that nothing writes yet.
    wait_for(lambda: system.sql("select count(*) from outbox") == "0", 10, "an empty outbox")
    system.sql(f"update trail set visibility = 2 where sequence = {own.sequence}")
    own_record = next(r for r in everything if r.object.account_id == system.own.ACC and r.sequence != own.sequence)
    for role, login in system.own.logins.items():
        t = Trail(system, "gateway").given(authorization=f"Bearer {login}")
        for method, who in TRAIL.items():
            if role != "operator" and role not in who:
                t.refused("PERMISSION_DENIED", method)
        if role == "operator":
            expect_equal(t.ok("GetRecord", id=foreign.id).record, foreign)
            continue
        for fields in ({}, {"account_id": system.own.ACC}):
            rows = t.ok("ListRecords", page=types.PageRequest(size=500), **fields).records
            expect({r.object.account_id for r in rows} == {system.own.ACC}, "records of another account")
            expect(own.sequence not in {r.sequence for r in rows} and len(rows) > 5, "a private record is listed")
        t.refused("NOT_FOUND", "ListRecords", account_id=system.other.ACC)
        t.refused("NOT_FOUND", "TailRecords", account_id=system.other.ACC)
        t.refused("NOT_FOUND", "GetRecord", id=foreign.id)
        expect_equal(t.ok("GetRecord", id=own_record.id).record, own_record)
        t.ok("GetCheckpointKey")
        # Of a tail the first 20 items.
        sent = t.dealer.send("jeton.v1.AuditLogger/TailRecords", audit.TailRecordsRequest(after=0), timeout_ms=int(20000 * SLOW), pairs=t.metadata,
                             credit=20)
        for _ in range(10):
            reply = t.dealer.receive(20)
            expect(reply is not None and reply.id == sent and reply.more, "an item of the tail")
            record = audit.TailRecordsReply.FromString(reply.body).record
            expect(record.object.account_id == system.own.ACC and record.sequence != own.sequence, "the tail shows what is not the account's")
        t.dealer.close()
    system.sql(f"update trail set visibility = 1 where sequence = {own.sequence}")


@test("tokens that are none, of another kind, or whose user is not what it was: UNAUTHENTICATED; without one only operators' keys")
def tokens(system):
    good = system.own.logins["member"]
    head, body, signature = good.split(".")
    for bad in ("x", "a.b.c", f"{head}.{body}.{signature[:-4]}AAAA", f"{head}.{body}.", good[:-1], system.cli("login", "--username", "own-member",
                "--environment", "test", input="correct horse\n")["access_token"]):
        for keys in ("gateway", "operator"):
            caller(system, bad, keys).refused("UNAUTHENTICATED", "ListModules")
    Admin(system, "gateway").given(authorization=f"Basic {good}").refused("UNAUTHENTICATED", "ListModules")
    Admin(system, "gateway").refused("UNAUTHENTICATED", "ListModules")
    Trail(system, "gateway").refused("UNAUTHENTICATED", "ListRecords")
    Trail(system, "gateway").ok("GetCheckpointKey")
    # Whoever brings a user acts as that user, whatever the key may.
    caller(system, good, "operator").refused("PERMISSION_DENIED", "CreateModule", name="no")
    a = caller(system, good)
    a.ok("ListModules")
    system.admin.ok("DisableUser", id=system.own.users["member"])
    a.refused("UNAUTHENTICATED", "ListModules")
    system.admin.ok("EnableUser", id=system.own.users["member"])
    system.admin.ok("SuspendAccount", id=system.own.ACC)
    a.refused("PERMISSION_DENIED", "ListModules", says="suspended")
    system.admin.ok("ResumeAccount", id=system.own.ACC)
    a.ok("ListModules")


@test("the command line acts as a user with $JETON_LOGIN_TOKEN")
def command_line(system):
    as_member = {"JETON_LOGIN_TOKEN": system.own.logins["member"]}
    with open(system.path("token"), "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
        f.write(system.own.logins["member"] + "\n")
    expect(system.other.ACC not in system.jeton("account", "list", environment={"JETON_LOGIN_TOKEN_FILE": system.path("token")}, check=0).stdout, "file")
    system.jeton("account", "list", environment={"JETON_LOGIN_TOKEN_FILE": system.path("none")}, check=78)
    # A login that has failed is no reason to act with our own key.
    system.jeton("account", "list", environment={"JETON_LOGIN_TOKEN": ""}, check=78)
    rows = system.jeton("--json", "account", "list", environment=as_member, check=0).stdout
    expect(system.own.ACC in rows and system.other.ACC not in rows, rows)
    system.jeton("account", "show", system.other.ACC, environment=as_member, check=66)
    system.jeton("module", "create", "no", environment=as_member, check=77)
    shown = system.jeton("--json", "audit", "list", environment=as_member, check=0).stdout
    expect(system.other.ACC not in shown and system.own.ACC in shown, shown[:500])


class Stream(Trail):
    """An open stream: its first item has come."""

    def __init__(self, system, login=None, method="TailRecords", credit=1000):
        super().__init__(system, "gateway" if login else "operator")
        if login:
            self.given(authorization=f"Bearer {login}")
        self.sent = self.dealer.send(f"jeton.v1.AuditLogger/{method}", getattr(audit, f"{method}Request")(after=0), timeout_ms=600000, pairs=self.metadata,
                                     credit=credit)
        reply = self.dealer.receive(20)
        expect(reply is not None and reply.id == self.sent and reply.more, f"the first item: {reply}")

    def ends(self, says):
        reply = None
        while reply is None or reply.more:
            reply = self.dealer.receive(20)
            expect(reply is not None and reply.id == self.sent, "the stream goes on")
        expect_equal(name_of(reply.code), "UNAUTHENTICATED", reply.message)
        expect(says in reply.message, reply.message)
        self.dealer.close()


def both(system, login, credit=1000):
    """A tail of the trail and one of the access log, which has the account's logins."""
    return [Stream(system, login, method, credit) for method in ("TailRecords", "TailUse")]


def all_end(streams, says):
    for stream in streams:
        stream.ends(says)


@test("tails, of the trail and of use, and exports end when whoever opened them may not have them any more, and say why (R6)")
def streams(system):
    a, members = system.admin, {}
    for name in ("ada", "bea", "eve", "ira"):
        members[name] = a.ok("CreateUser", account_id=system.own.ACC, username=name, name=name, password="correct horse").user.id
    a.ok("EditUser", id=members["eve"], revision=1, fields=["role"], role=types.USER_ROLE_OPERATOR)

    def login(name):
        return system.cli("login", "--username", name, input="correct horse\n")["access_token"]

    stays = Stream(system)
    also_stays = Stream(system, system.own.logins["administrator"])
    use_stays = Stream(system, system.own.logins["member"], "TailUse")
    tails = both(system, login("ada")) + both(system, login("ada"), credit=1)  # some that wait for credit, too
    a.ok("DisableUser", id=members["ada"])
    all_end(tails, "the user is disabled")
    tails = both(system, login("bea"))
    a.ok("DeleteUser", id=members["bea"])
    all_end(tails, "sign in again")
    tails = both(system, login("eve")) + [Stream(system, login("eve"), "ExportTrail", credit=1)]
    a.ok("EditUser", id=members["eve"], revision=2, fields=["role"], role=types.USER_ROLE_MEMBER)
    all_end(tails, "the user's role has changed")
    tails = both(system, system.other.logins["member"])
    a.ok("SuspendAccount", id=system.other.ACC)
    all_end(tails, "suspended")
    issuer = system["issuer"]
    issuer.settings["login_lifetime_s"] = str(int(3 + SLOW))
    issuer.restart()
    all_end(both(system, login("ira")), "the login token has expired")
    issuer.settings["login_lifetime_s"] = "3600"
    issuer.restart()
    made = a.ok("CreateToken", account_id=system.own.ACC, name="seen", kind=types.TOKEN_KIND_SERVICE, modules=grants("orders")).token.id
    for tail in (stays, also_stays):
        wait_for(lambda tail=tail: (reply := tail.dealer.receive(20)) and expect(reply.more, reply.message) is None and
                 audit.TailRecordsReply.FromString(reply.body).record.object.id == made, 20, "a stream that stays")
    login("ira")
    wait_for(lambda: (reply := use_stays.dealer.receive(20)) and expect(reply.more, reply.message) is None and
             audit.TailUseReply.FromString(reply.body).row.user == members["ira"], 20, "a stream of use that stays")
    system.cli("keys", "rotate", "--revoke")
    all_end([also_stays, use_stays], "the key that signed the login token is revoked")
    a.ok("DeleteToken", id=made)
    wait_for(lambda: (reply := stays.dealer.receive(20)) and reply.more and
             audit.TailRecordsReply.FromString(reply.body).record.event.endswith("token.deleted"), 20, "the operator's own stream")
    stays.dealer.close()
    system.check_logs()


main(two_accounts)
