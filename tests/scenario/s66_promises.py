#!/usr/bin/python3
"""/openapi.json promises nothing that is not so: of each operation of REST (R34) a request is built from the description alone, with ids that there are, and is done; its
answer, and the answer to one that is refused, are as described. (That the document is one of OpenAPI: `make check-e2e`.)"""
import hashlib
import json

from harness import TOP, Failed, System, expect, expect_equal, main, test, wait_for
from promises import Promises

PASSWORD = "correct horse"
with open(f"{TOP}/tests/fuzz/corpus/fuzz_image/grey.png", "rb") as f:
    PICTURE = f.read()


def make():
    system = System({"gateway": 1})
    system.account = system.cli("account", "create", "--name", "Acme")["id"]
    system.cli("user", "create", "--account", system.account, "--username", "boss", "--role", "operator", input=PASSWORD + "\n")
    token = system.cli("login", "--username", "boss", input=PASSWORD + "\n")["access_token"]
    system.headers = {"Authorization": f"Bearer {token}"}
    response = system["gateway"].request("GET", "/openapi.json")
    expect_equal((response.status, response.headers["Content-Type"]), (200, "application/json"))
    system.promises = Promises(response.json())
    return system


# What members of a request are, where not just any value of the schema will do. None: left out.
ANY = {"account_id": None, "If-None-Match": None, "Idempotency-Key": None, "Last-Event-ID": None, "cursor": None, "revision": None, "page_size": 10, "count": True,
       "expires_at": None, "created_at": None, "allow_list": ["192.0.2.0/24"], "module": "orders", "modules": [{"module": "orders", "access": "write"}], "picture": PICTURE, "status": "active",
       "owner_id": None, "owner": None, "seconds": 60, "jwks": None, "text": "e", "created_by": None, "expiring_within_s": None, "unrotated": None, "customer_group_id": None,
       "password": PASSWORD, "access_token_life_s": 7200, "old_digest": None, "grace_until": None, "last_rotated_at": None, "algorithm": None, "prefix": None, "after": None, "object_id": None, "actor_id": None,
       "event": None, "from_us": None, "until_us": None, "from": None, "until": None, "token": None, "user": None, "client": None, "decision": None, "customer_id": None,
       "outside_party": False, "dry_run": False, "redirect_uris": None, "jti": None, "scopes": ["module:orders:read"]}


class Run:
    def __init__(self, system):
        self.system, self.gateway, self.ids, self.done = system, system["gateway"], {"ACC": system.account}, set()
        self.operations = {name: rest for name, *rest in system.promises.operations()}

    def send(self, name, /, **given):
        """One operation, as the description says, with this; the answer is as described."""
        method, path, operation = self.operations[name]
        address, body, headers = self.system.promises.request(method, path, operation, {**ANY, **given})
        response = self.gateway.request(method, address, json.dumps(body) if isinstance(body, dict) else body, {**self.system.headers, **headers})
        try:
            self.system.promises.kept(operation, response)
        except Exception as error:
            raise Failed(f"{name}: {response.status} {response.body[:600]!r}: {error}") from error
        self.done.add(name)
        return response

    def ok(self, name, /, **given):
        response = self.send(name, **given)
        expect(response.status < 300, f"{name}: {response.status} {response.body[:600]!r}")
        return response

    def life(self, noun, nouns, ends=("Deactivate", "Activate"), /, **given):
        """Of what is made, seen, edited and ended alike; its id afterwards, of another that stays."""
        def made():
            body = self.ok(f"Create{noun}", account_id=self.system.account, **given).json()
            return body.get(noun.lower(), body)["id"]
        mine = made()
        shown = self.ok(f"Get{noun}", id=mine)
        expect_equal(self.send(f"Get{noun}", id=mine, **{"If-None-Match": shown.headers["ETag"]}).status, 304)
        if f"List{nouns}" in self.operations:
            self.ok(f"List{nouns}", account_id=self.system.account, **{k: v for k, v in given.items() if k == "market_id"})
        self.ok(f"Edit{noun}", id=mine, **{**given, "If-Match": shown.headers["ETag"]})
        for verb in ends:
            self.ok(f"{verb}{noun}", id=mine)
        return mine, made


@test("the description says of each operation what it takes and gives, and refers to what is there")
def document(system):
    system.promises.check()


@test("each operation, built from the description, is done, and its answer as described")
def each(system):
    run = system.run = Run(system)
    account = system.account
    run.ok("CreateModule", name="orders", title="Orders")
    run.ok("ListModules")
    run.ok("EnableModule", account_id=account)
    mine = run.ok("CreateAccount", name="Other", modules=["orders"]).json()["id"]
    tag = run.ok("GetAccount", id=mine).headers["ETag"]
    run.ok("EditAccount", id=mine, token_limit=10, **{"If-Match": tag})
    run.ok("ListAccounts")
    run.ok("SuspendAccount", id=mine)
    run.ok("ResumeAccount", id=mine)
    run.ok("DisableModule", account_id=mine)

    for number, (noun, nouns, given) in enumerate((("User", "Users", {"username": "u", "name": "U", "role": "member"}), ("CustomerGroup", "CustomerGroups", {"code": "c", "name": "C"}),
                                                   ("Market", "Markets", {"code": "c", "name": "M"}), ("StockLocation", "StockLocations", {"code": "c", "name": "S"}),
                                                   ("Client", "Clients", {"name": "K", "kind": "integration"}), ("Customer", "Customers", {"email": "a@b.example", "text": "a"}))):
        if noun in ("StockLocation", "Client"):
            given["market_id"] = market
        one, _ = run.life(noun, nouns, ("Disable", "Enable") if noun == "User" else ("Deactivate", "Activate"), **given)
        if noun == "Market":
            market = one
        elif noun == "Client":
            run.ok("RotateClientSecret", id=one, **{"If-Match": run.ok("GetClient", id=one).headers["ETag"]})
            run.ok("RevokeAccessTokens", account_id=account, id=one)
            run.ok("DeleteClient", id=one)
        else:
            run.ok(f"Delete{noun}", id=one)
    run.ok("ResolveScope", account_id=account, scope="market:code:c")
    run.ok("DeleteMarket", id=market)
    tokens(run, account)
    trail(run, account)
    expect_equal(set(run.operations) - run.done, {"ExportTrail", "TailRecords", "TailUse"}, "operations that were not tried; s65_rest has the streams")


def tokens(run, account):
    made = run.ok("CreateToken", account_id=account, name="t", kind="service").json()["token"]["id"]
    tag = run.ok("GetToken", id=made).headers["ETag"]
    run.ok("ListTokens", account_id=account, kind="service", sort="name")
    tag = run.ok("EditToken", id=made, **{"If-Match": tag}).headers["ETag"]
    tag = run.ok("SetTokenLogo", id=made, **{"If-Match": tag}).headers["ETag"]
    expect_equal(run.ok("GetTokenLogo", id=made).body, PICTURE)
    tag = run.ok("RemoveTokenLogo", id=made, **{"If-Match": tag}).headers["ETag"]
    run.ok("RotateToken", id=made, **{"If-Match": tag, "Idempotency-Key": "once"})
    run.ok("RevealToken", id=made)
    run.ok("ResealTokens", cursor=None, size=10)
    run.ok("DisableToken", id=made)
    run.ok("EnableToken", id=made)
    run.ok("DeleteToken", id=made)
    imported = run.ok("ImportTokens", account_id=account, digest=hashlib.sha256(b"erp_x").hexdigest(), prefix="erp_", kind="service", name="i").json()
    expect_equal(imported["results"][0]["outcome"], "created", imported)
    run.ok("ExportTokens", account_id=account)
    run.ok("ListForeignPrefixes")
    run.ok("DeleteToken", id=imported["results"][0]["id"])
    run.ok("RemoveForeignPrefix", prefix="erp_")


def trail(run, account):
    records = wait_for(lambda: run.ok("ListRecords", account_id=account).json()["records"], 10, "records")
    run.ok("GetRecord", id=records[0]["id"])
    run.ok("GetCheckpointKey")
    run.ok("ListUse", account_id=account, kind="grant", module="")
    run.ok("UsagePerToken", account_id=account)


@test("what is refused is answered as described, too")
def refused(system):
    run = system.run
    for headers, wanted in ((system.headers, {400, 403, 404, 409, 412}), ({}, {401})):
        system.headers = headers
        for name, (_, path, _) in run.operations.items():
            given = {segment: "x" for segment in ("id", "account_id", "prefix") if f"{{{segment}}}" in path}
            response = run.send(name, **{"account_id": "ACC-9999-9999", **given, "If-Match": '"1"', "modules": None, "name": "", "cursor": "x", "page_size": 500, "after": -2})
            expect(response.status in wanted or name in ("GetCheckpointKey", "ListForeignPrefixes") and response.status == 200, f"{name}: {response.status} {response.body!r}")


main(make)
