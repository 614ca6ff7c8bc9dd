#!/usr/bin/python3
"""Bad input: INVALID_ARGUMENT that names the field, and nothing is changed: no row of any table (R7, R10, R12, R34, R35)."""
import json
import struct
import subprocess
import time
import zlib

from administer import Admin, admin, grants, name_of, types
from harness import BUILD, PATIENCE, SLOW, TOP, System, expect, expect_equal, main, test

DAY = 86400
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>"
# RFC 3629: a byte alone, an overlong NUL, a surrogate, beyond the last character, a sequence that ends too early.
NOT_UTF8 = (b"\xff", b"a\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"caf\xc3")
NULS = (b"\0", b"a\0b")


def large_png(size):
    """257 KiB that are a picture otherwise: a comment fills it."""
    with open(f"{TOP}/tests/fuzz/corpus/fuzz_image/grey.png", "rb") as f:
        png = f.read()
    text = b"tEXt" + b"Comment\0".ljust(size - len(png) - 12, b"x")
    return png[:33] + struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text)) + png[33:]


def one_of_each():
    """Without an auditor the outbox keeps what is written to it."""
    system = System({"issuer": 0, "validator": 0, "auditor": 0})
    a = system.admin = Admin(system)
    for name in ("orders", "stock"):
        a.ok("CreateModule", name=name)
    account = system.account = a.ok("CreateAccount", name="Acme", modules=["orders"]).account.id
    token = {"account_id": account, "name": "ERP", "kind": types.TOKEN_KIND_SERVICE, "modules": grants("orders")}
    system.token = a.ok("CreateToken", **token, allow_list=["192.0.2.0/24"]).token
    group = a.ok("CreateCustomerGroup", account_id=account, code="vip", name="VIP").customer_group
    market = a.ok("CreateMarket", account_id=account, code="eu", name="Europe").market
    location = a.ok("CreateStockLocation", account_id=account, code="w", name="Warehouse", market_id=market.id).stock_location
    client = a.ok("CreateClient", account_id=account, name="Shop", kind=types.CLIENT_KIND_INTEGRATION).client
    # Requests that would be good, one for each method that takes a name.
    coded = {"account_id": account, "code": "new", "name": "New"}
    system.good = {
        "CreateAccount": {"name": "New"}, "CreateUser": {"account_id": account, "username": "ada", "name": "Ada"},
        "CreateModule": {"name": "prices", "title": "Prices"}, "CreateToken": token,
        "CreateCustomerGroup": coded, "CreateMarket": coded, "CreateStockLocation": {**coded, "market_id": market.id},
        "CreateClient": {"account_id": account, "name": "New", "kind": types.CLIENT_KIND_INTEGRATION},
    }
    for noun, made in (("Token", system.token), ("CustomerGroup", group), ("Market", market), ("StockLocation", location), ("Client", client)):
        system.good[f"Edit{noun}"] = {"id": made.id, "revision": made.revision, "fields": ["name"], "name": "New"}
    system.good["EditAccount"] = {"id": account, "revision": 1, "fields": ["name"], "name": "New"}
    return system


def state(system):
    """A digest of the rows of each table: the token, all others, the trail that is to be. Writers renew their rows by themselves."""
    tables = system.sql("select tablename from pg_tables where schemaname = 'public' and tablename <> 'writers' order by 1").split()
    rows = sorted(system.sql(" union all ".join(f"(select '{t} ' || count(*) || md5(coalesce(string_agg(t::text, ' ' order by t::text), '')) from {t} t)"
                                                for t in tables)).splitlines())
    expect("tokens" in tables and "outbox" in tables and len(rows) == len(tables), f"{tables}")
    return rows


class Unchanged:
    """What happens within this leaves the database as it was."""

    def __init__(self, system):
        self.system = system

    def __enter__(self):
        self.before, self.tried = state(self.system), 0
        return self

    def refused(self, field, method, says="", **fields):
        self.tried += 1
        self.system.admin.refused("INVALID_ARGUMENT", method, field=field, says=says, **fields)

    def __exit__(self, kind, *_):
        if kind is None:
            expect(self.tried > 0, "nothing was tried")
            expect_equal(state(self.system), self.before, "refusals change nothing")


def varint(number):
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def embraced(descriptor, name, content):
    """A field whose content no library would write: its number, its length, these bytes."""
    return varint(descriptor.fields_by_name[name].number << 3 | 2) + varint(len(content)) + content


def texts(descriptor, depth=0):
    """(path as errors tell it, how to write it) of each text in a message, and in the messages in it."""
    for field in descriptor.fields:
        index = "[0]" if field.label == field.LABEL_REPEATED else ""
        if field.type == field.TYPE_STRING:
            yield field.name + index, lambda content, d=descriptor, n=field.name: embraced(d, n, content)
        elif field.type == field.TYPE_MESSAGE and depth < 2:
            for path, write in texts(field.message_type, depth + 1):
                yield f"{field.name}{index}.{path}", lambda content, d=descriptor, n=field.name, w=write: embraced(d, n, w(content))


@test("a change is seen: the test can fail")
def seen(system):
    before = state(system)
    a = system.admin
    a.ok("DisableToken", id=system.token.id)
    after = state(system)
    changed = sorted(row.split()[0] for row in set(after) - set(before))
    expect_equal(changed, ["changes", "outbox", "tokens"])
    a.ok("EnableToken", id=system.token.id)
    system.good["EditToken"]["revision"] = 3


@test("texts that are not UTF-8, or hold a NUL: every text of every method's request")
def not_text(system):
    fields = 0
    with Unchanged(system) as unchanged:
        for method in admin.DESCRIPTOR.services_by_name["Admin"].methods:
            for path, write in texts(method.input_type):
                fields += 1
                for content in NOT_UTF8 + NULS:
                    reply = system.admin.dealer.call(f"jeton.v1.Admin/{method.name}", write(content), timeout=25, timeout_ms=int(20000 * SLOW))
                    what = f"{method.name} {path} {content}: {reply.message}"
                    expect_equal((name_of(reply.code), [d.field for d in reply.details]), ("INVALID_ARGUMENT", [path]), what)
                    expect(("NUL" if content in NULS else "UTF-8") in reply.message, what)
                    unchanged.tried += 1
    expect(fields > 100 and unchanged.tried == 7 * fields, f"{fields} fields")


@test("names of 0 and of 129 characters, and with control characters: wherever there is a name")
def names(system):
    with Unchanged(system) as unchanged:
        for method, good in system.good.items():
            for field, least in (("name", 1), ("username", 1), ("title", 0)):
                for text in ("n" * 129, "ä" * 129, "\U0001f600" * 129, "a\nb", "\x7f", "\u0085") + (("",) if least else ()):
                    if field in good:
                        unchanged.refused(field, method, **{**good, field: text})
    expect(unchanged.tried > 80, f"{unchanged.tried} names")
    for text in ("n" * 128, "\U0001f600" * 128, "n"):  # the other side of the bound
        system.good["EditToken"]["revision"] = system.admin.ok("EditToken", **{**system.good["EditToken"], "name": text}).token.revision


@test("tokens: unknown modules, past expiry, allow-lists that overlap")
def tokens(system):
    now = int(time.time())
    with Unchanged(system) as unchanged:
        for method in ("CreateToken", "EditToken"):
            good = system.good[method]

            def bad(path, says="", method=method, good=good, **fields):
                names = {"fields": list(fields)} if method == "EditToken" else {}
                unchanged.refused(path, method, says=says, **{**good, **names, **fields})

            bad("modules[0].module", "nope", modules=grants("nope"))
            bad("modules[1].module", "nope", modules=grants("orders", "nope"))
            bad("modules[1].module", "stock", modules=grants("orders", "stock"))  # there is one, but not for this account
            bad("modules[1].module", "twice", modules=grants("orders", "orders"))
            bad("modules[0].module", modules=grants("Orders"))
            bad("modules[0].module", modules=[types.ModuleGrant()])
            for expires_at in (1, now - DAY, now - 2, -1, 253402300800, 2**63 - 1, -2**63):
                bad("expires_at", "future", expires_at=expires_at)
            for first, second in (("10.0.0.0/8", "10.0.0.0/8"), ("10.0.0.0/8", "10.1.2.0/24"), ("10.1.2.0/24", "10.0.0.0/8"), ("0.0.0.0/0", "192.0.2.1/32"),
                                  ("2001:db8::/32", "2001:db8:1::/48"), ("2001:db8::1/128", "::/0")):
                other = "fd00::/8" if "." in second else "192.0.2.0/24"
                bad("allow_list[2]", f"{second} overlaps with {first}, allow_list[1]", allow_list=[other, first, second])
            bad("allow_list[0]", "write 192.0.2.0/24", allow_list=["192.0.2.7/24"])
            bad("allow_list", "64", allow_list=[f"10.{i}.0.0/16" for i in range(65)])
        system.admin.refused("INVALID_ARGUMENT", "CreateAccount", name="x", modules=["orders", "nope"], field="modules[1]")
        system.admin.refused("NOT_FOUND", "EnableModule", account_id=system.account, module="nope")
    token = system.admin.ok("GetToken", id=system.token.id).token
    expect_equal((list(token.allow_list), token.expires_at, [g.module for g in token.modules]), (["192.0.2.0/24"], 0, ["orders"]))


@test("a logo of 257 KiB, and an SVG named .png")
def logos(system):
    with Unchanged(system) as unchanged:
        good = {"id": system.token.id, "revision": system.good["EditToken"]["revision"]}
        unchanged.refused("logo", "SetTokenLogo", says="256 KiB", **good, logo=large_png(257 * 1024))
        unchanged.refused("logo", "SetTokenLogo", says="no PNG, JPEG or WebP", **good, logo=SVG)


@test("the command line: the same, with exit status 65 and the field in its error")
def command_line(system):
    def bad(field, *words, **more):
        run = subprocess.run([f"{BUILD}/bin/jeton", "--json", *words], stdin=subprocess.DEVNULL, capture_output=True, cwd=system.directory,
                             env=system.environment(), timeout=30 * PATIENCE, check=False)
        expect_equal(run.returncode, more.get("status", 65), f"{words}: {run.stderr[:400]}")
        error = json.loads(run.stderr)["error"]
        if field:
            expect_equal((error["code"], [d["field"] for d in error["details"]]), ("INVALID_ARGUMENT", [field]), f"{words}")
        unchanged.tried += 1

    for name, data in (("svg.png", SVG), ("large.png", large_png(257 * 1024))):
        with open(system.path(name), "wb") as f:
            f.write(data)
    token = system.token.id
    create = ("token", "create", "--account", system.account, "--kind", "service")
    with Unchanged(system) as unchanged:
        for name in ("", "n" * 129, "ä" * 129, b"caf\xe9"):
            bad("name", *create, "--name", name, "--module", "orders")
            bad("name", "token", "edit", token, "--name", name)
            bad("name", "market", "create", "--account", system.account, "--code", "x", "--name", name)
            bad("name", "account", "create", "--name", name)
            bad("name", "account", "edit", system.account, "--name", name)
        bad("description", "token", "edit", token, "--description", "d" * 1025)
        bad("modules[0].module", *create, "--name", "x", "--module", "nope:read")
        bad("modules[1].module", "token", "edit", token, "--module", "orders", "--module", "stock:write")
        bad("expires_at", *create, "--name", "x", "--module", "orders", "--expires", "2020-01-01")
        bad("expires_at", "token", "edit", token, "--expires", "2020-01-01T00:00:00Z")
        bad("allow_list[1]", *create, "--name", "x", "--module", "orders", "--allow", "10.0.0.0/8", "--allow", "10.1.0.0/16")
        bad("allow_list[1]", "token", "edit", token, "--allow", "2001:db8::/32", "--allow", "2001:db8::/32")
        bad("logo", "token", "logo", "set", token, system.path("svg.png"))
        bad("logo", "token", "logo", "set", token, system.path("large.png"))


main(one_of_each)
