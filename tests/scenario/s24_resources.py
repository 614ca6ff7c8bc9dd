#!/usr/bin/python3
"""Markets, stock locations and customer groups of an account (R13-R15, R34, R37): their whole life, what is refused, and the database's own rules."""
# valgrind
from administer import Admin, counts, envelope, one_more, types
from harness import Failed, System, expect, expect_equal, main, test

ACTIVE, INACTIVE, DELETED = types.RESOURCE_STATUS_ACTIVE, types.RESOURCE_STATUS_INACTIVE, types.RESOURCE_STATUS_DELETED
# noun in methods: member of replies, event, prefix, what it refers to
NOUNS = {
    "CustomerGroup": ("customer_group", "platform.customers.customer_group", "CGR", None),
    "Market": ("market", "platform.markets.market", "MKT", "customer_group_id"),
    "StockLocation": ("stock_location", "platform.stock_locations.stock_location", "STL", "market_id"),
}
METHODS = set("""
    CreateCustomerGroup EditCustomerGroup GetCustomerGroup ListCustomerGroups DeactivateCustomerGroup ActivateCustomerGroup DeleteCustomerGroup
    CreateMarket EditMarket GetMarket ListMarkets DeactivateMarket ActivateMarket DeleteMarket
    CreateStockLocation EditStockLocation GetStockLocation ListStockLocations DeactivateStockLocation ActivateStockLocation DeleteStockLocation
""".split())
answered = set()


class Watched(Admin):
    """Keeps which methods were called, and answered OK."""

    def ok(self, method, **fields):
        reply = super().ok(method, **fields)
        answered.add(method)
        return reply


def without_auditor():
    """The outbox keeps what is written to it: the auditor and the issuer, who writes too, are not needed here."""
    system = System({"issuer": 0, "validator": 0, "auditor": 0})
    system.admin = a = Watched(system)
    system.account = a.ok("CreateAccount", name="Acme").account.id
    system.other = a.ok("CreateAccount", name="Other").account.id
    system.foreign = {"customer_group_id": a.ok("CreateCustomerGroup", account_id=system.other, code="vip", name="VIP").customer_group.id,
                      "market_id": a.ok("CreateMarket", account_id=system.other, code="eu", name="Europe").market.id}
    system.group = a.ok("CreateCustomerGroup", account_id=system.account, code="trade", name="Trade").customer_group.id
    system.market = a.ok("CreateMarket", account_id=system.account, code="home", name="Home").market.id
    system.refers = {"customer_group_id": system.group, "market_id": system.market}
    return system


def each():
    for noun, row in NOUNS.items():
        yield (noun, *row)


@test("made with all fields, and shown again; one change, one record (R37)")
def create(system):
    a = system.admin
    for noun, member, event, prefix, refers in each():
        fields = {"code": "a1_-" + "x" * 60, "name": "Ä" * 128, **({refers: system.refers[refers]} if refers else {})}
        before = counts(system)
        made = getattr(a.ok(f"Create{noun}", account_id=system.account, **fields), member)
        record = one_more(system, before, f"{event}.created", made.id, 1)
        expect_equal((record.object.type, record.object.name, record.object.account_id), (member, made.code, system.account))
        expect_equal((record.before, type(made).FromString(record.after)), (b"", made))
        for name, value in fields.items():
            expect_equal(getattr(made, name), value, f"{noun}.{name}")
        expect(made.id.startswith(prefix + "-") and made.status == ACTIVE and made.created_at == made.updated_at, str(made))
        if member != "customer_group":
            expect(made.number > 0, "its number, for scopes (R13)")
        expect_equal(getattr(a.ok(f"Get{noun}", id=made.id), member), made)


@test("what is refused of their fields is named, and nothing is written")
def refuse(system):
    a = system.admin
    before = counts(system)
    for noun, member, _, prefix, refers in each():
        good = {"account_id": system.account, "code": "fine", "name": "Fine", **({refers: system.refers[refers]} if refers else {})}
        made = getattr(a.ok(f"Create{noun}", **{**good, "code": "made"}), member)
        before = counts(system)
        edit = {"id": made.id, "revision": 1}
        for code in ("", "A", "_a", "-a", "a b", "a" * 65, "ä", "a:b", "a\n"):
            a.refused("INVALID_ARGUMENT", f"Create{noun}", **{**good, "code": code}, field="code")
            a.refused("INVALID_ARGUMENT", f"Edit{noun}", **edit, fields=["code"], code=code, field="code")
        for name in ("", "n" * 129, "two\nlines", "bell\x07"):
            a.refused("INVALID_ARGUMENT", f"Create{noun}", **{**good, "name": name}, field="name")
            a.refused("INVALID_ARGUMENT", f"Edit{noun}", **edit, fields=["name"], name=name, field="name")
        for account in ("", "ACC-1", system.market):
            a.refused("INVALID_ARGUMENT", f"Create{noun}", **{**good, "account_id": account}, field="account_id")
            a.refused("INVALID_ARGUMENT", f"List{noun}s", account_id=account, field="account_id")
        a.refused("NOT_FOUND", f"Create{noun}", **{**good, "account_id": "ACC-0000-0000"}, says="ACC-0000-0000")
        a.refused("NOT_FOUND", f"List{noun}s", account_id="ACC-0000-0000", says="ACC-0000-0000")
        a.refused("ALREADY_EXISTS", f"Create{noun}", **{**good, "code": "made"}, says="code")
        a.refused("INVALID_ARGUMENT", f"Edit{noun}", **edit, field="fields")
        a.refused("INVALID_ARGUMENT", f"Edit{noun}", **edit, fields=["name", "status"], name="x", field="fields[1]")
        a.refused("INVALID_ARGUMENT", f"Edit{noun}", **edit, fields=["name", "name"], name="x", field="fields[1]", says="twice")
        a.refused("INVALID_ARGUMENT", f"Edit{noun}", id=made.id, fields=["name"], name="x", field="revision")
        a.refused("INVALID_ARGUMENT", f"List{noun}s", account_id=system.account, status=DELETED, field="status")
        for method in ("Get", "Edit", "Activate", "Deactivate", "Delete"):
            fields = {"revision": 1, "fields": ["name"], "name": "x"} if method == "Edit" else {}
            a.refused("NOT_FOUND", f"{method}{noun}", id=f"{prefix}-0000-0000", **fields, says=f"{prefix}-0000-0000")
            for bad in ("", "1", f"{prefix}-0000-000", "ACC-0000-0000"):
                a.refused("INVALID_ARGUMENT", f"{method}{noun}", id=bad, **fields, field="id")
        if refers:
            for bad in ("x", system.account, system.foreign[refers], system.refers[refers][:-1], system.refers[refers][:4] + "0000-0000"):
                a.refused("INVALID_ARGUMENT", f"Create{noun}", **{**good, refers: bad}, field=refers)
                a.refused("INVALID_ARGUMENT", f"Edit{noun}", **edit, fields=[refers], **{refers: bad}, field=refers)
                if bad != system.foreign[refers]:
                    continue
                a.refused("INVALID_ARGUMENT", f"Create{noun}", **{**good, refers: bad}, field=refers, says=f"of account {system.account}")
        expect_equal(counts(system), before, f"{noun}: refusals write nothing")
    a.refused("INVALID_ARGUMENT", "CreateStockLocation", account_id=system.account, code="none", name="None", field="market_id")


@test("edited by the fields that are named, under the revision that was read: ABORTED otherwise")
def edit(system):
    a = system.admin
    for noun, member, event, _, refers in each():
        good = {"account_id": system.account, "name": "Before", **({refers: system.refers[refers]} if refers else {})}
        made = getattr(a.ok(f"Create{noun}", code="e1", **good), member)
        a.ok(f"Create{noun}", code="e2", **good)
        before = counts(system)
        edited = getattr(a.ok(f"Edit{noun}", id=made.id, revision=1, fields=["name"], name="After", code="ignored"), member)
        record = one_more(system, before, f"{event}.edited", made.id, 2)
        expect_equal((type(made).FromString(record.before), type(made).FromString(record.after)), (made, edited))
        expect_equal((edited.name, edited.code, edited.revision), ("After", "e1", 2))
        expect_equal(getattr(a.ok(f"Get{noun}", id=made.id), member), edited)
        before = counts(system)
        for stale in (1, 3):
            a.refused("ABORTED", f"Edit{noun}", id=made.id, revision=stale, fields=["name"], name="Lost", says="revision 2")
        a.refused("ALREADY_EXISTS", f"Edit{noun}", id=made.id, revision=2, fields=["code"], code="e2", says="\"e2\"")
        expect_equal(counts(system), before)
        # Its own code is no obstacle; a code of another account neither.
        a.ok(f"Edit{noun}", id=made.id, revision=2, fields=["code", "name"], code="e1", name="Again")
        a.ok(f"Create{noun}", code="e1", **{**good, "account_id": system.other, **({refers: system.foreign[refers]} if refers else {})})
    market = a.ok("CreateMarket", account_id=system.account, code="bound", name="Bound", customer_group_id=system.group).market
    market = a.ok("EditMarket", id=market.id, revision=1, fields=["customer_group_id"]).market
    expect_equal((market.customer_group_id, market.name), ("", "Bound"))
    # Of two who have read the same, one wins.
    first, second = Admin(system), Admin(system)
    for i, caller in enumerate((first, second)):
        caller.start("EditMarket", id=market.id, revision=2, fields=["name"], name=f"By {i}")
    codes = sorted(caller.dealer.receive(25).code for caller in (first, second))
    expect_equal(codes, [envelope.CODE_OK, envelope.CODE_ABORTED])
    expect_equal(a.ok("GetMarket", id=market.id).market.revision, 3)


@test("deactivated, activated, deleted: each from its state only; what is deleted is gone for ever")
def states(system):
    a = system.admin
    for noun, member, event, _, refers in each():
        good = {"account_id": system.account, "name": "State", "code": "state", **({refers: system.refers[refers]} if refers else {})}
        made = getattr(a.ok(f"Create{noun}", **good), member)
        a.refused("FAILED_PRECONDITION", f"Activate{noun}", id=made.id, says="is active")
        for i, (verb, status) in enumerate((("Deactivate", INACTIVE), ("Activate", ACTIVE), ("Deactivate", INACTIVE), ("Delete", DELETED))):
            before = counts(system)
            changed = getattr(a.ok(f"{verb}{noun}", id=made.id), member)
            record = one_more(system, before, f"{event}.{verb.lower()}d", made.id, i + 2)
            expect_equal((changed.status, type(made).FromString(record.after)), (status, changed))
            if status == INACTIVE:
                a.refused("FAILED_PRECONDITION", f"Deactivate{noun}", id=made.id, says="is inactive")
                expect_equal([row.id for row in getattr(a.ok(f"List{noun}s", account_id=system.account, status=INACTIVE), member + "s")], [made.id])
        before = counts(system)
        for method in ("Get", "Activate", "Deactivate", "Delete"):
            a.refused("NOT_FOUND", f"{method}{noun}", id=made.id, says=made.id)
        a.refused("NOT_FOUND", f"Edit{noun}", id=made.id, revision=5, fields=["name"], name="x")
        expect(made.id not in [row.id for row in getattr(a.ok(f"List{noun}s", account_id=system.account), member + "s")], "a deleted one is listed")
        expect_equal(counts(system), before)
        again = getattr(a.ok(f"Create{noun}", **good), member)  # its code is free
        expect(again.id != made.id, "an id came again")


@test("nothing can be deleted that others refer to, and nothing can refer to what is deleted")
def references(system):
    a = system.admin
    group = a.ok("CreateCustomerGroup", account_id=system.account, code="r", name="R").customer_group.id
    market = a.ok("CreateMarket", account_id=system.account, code="r", name="R", customer_group_id=group).market.id
    location = a.ok("CreateStockLocation", account_id=system.account, code="r", name="R", market_id=market).stock_location.id
    a.refused("FAILED_PRECONDITION", "DeleteCustomerGroup", id=group, says="markets")
    a.refused("FAILED_PRECONDITION", "DeleteMarket", id=market, says="stock locations")
    expect_equal([row.id for row in a.ok("ListMarkets", account_id=system.account, customer_group_id=group).markets], [market])
    expect_equal([row.id for row in a.ok("ListStockLocations", account_id=system.account, market_id=market).stock_locations], [location])
    a.ok("DeleteStockLocation", id=location)
    a.ok("DeleteMarket", id=market)
    a.ok("DeleteCustomerGroup", id=group)
    a.refused("INVALID_ARGUMENT", "CreateMarket", account_id=system.account, code="r2", name="R", customer_group_id=group, field="customer_group_id")
    a.refused("INVALID_ARGUMENT", "CreateStockLocation", account_id=system.account, code="r2", name="R", market_id=market, field="market_id")


@test("the database itself refuses what breaks the rules (R14, R15)")
def rules(system):
    sql = system.sql
    account, other = sql("select min(number), max(number) from accounts").split("|")
    market, private = (sql(f"insert into markets (account, code, name) values ({account}, '{code}', 'x') returning number") for code in ("db1", "db2"))
    group = sql(f"insert into customer_groups (account, code, name) values ({account}, 'db', 'x') returning number")
    sql(f"update markets set customer_group = {group} where number = {private}")
    location = sql(f"insert into stock_locations (account, code, name, market) values ({account}, 'db', 'x', {market}) returning number")

    def broken(constraint, statement):
        try:
            sql(statement)
        except Failed as error:
            expect(constraint in str(error), f"{statement}: {error}")
            return
        raise Failed(f"{statement}: was allowed")

    broken("foreign key", f"insert into stock_locations (account, code, name, market) values ({other}, 'db', 'x', {market})")
    broken("foreign key", f"update stock_locations set market = 99999999 where number = {location}")
    broken("not-null", f"update stock_locations set market = null where number = {location}")
    broken("foreign key", f"update markets set status = 3 where number = {market}")
    broken("foreign key", f"delete from markets where number = {market}")
    broken("foreign key", f"insert into markets (account, code, name, customer_group) values ({other}, 'db', 'x', {group})")
    broken("foreign key", f"update customer_groups set status = 3 where number = {group}")
    broken("markets_code", f"insert into markets (account, code, name) values ({account}, 'db1', 'x')")
    for table in ("markets", "customer_groups", "stock_locations"):
        broken("_check", f"update {table} set status = 4")
        broken("_check", f"update {table} set code = 'A B'")
        broken("_check", f"update {table} set name = ''")
        broken("generated", f"update {table} set live = true")
    sql(f"update stock_locations set status = 3 where number = {location}")
    sql(f"update markets set status = 3 where number in ({market}, {private})")
    broken("foreign key", f"update stock_locations set status = 1 where number = {location}")
    sql(f"update customer_groups set status = 3 where number = {group}")
    sql(f"insert into markets (account, code, name) values ({account}, 'db1', 'x')")


@test("lists: pages stay in place while rows come and go (R31, R34)")
def pages(system):
    a = system.admin
    account = a.ok("CreateAccount", name="Pages").account.id
    market = a.ok("CreateMarket", account_id=account, code="m", name="M").market.id
    ids = [a.ok("CreateStockLocation", account_id=account, code=f"l{i}", name=f"L {i}", market_id=market).stock_location.id for i in range(7)]
    seen, cursor = [], ""
    while True:
        page = a.ok("ListStockLocations", account_id=account, market_id=market, page=types.PageRequest(size=3, cursor=cursor))
        seen += [row.id for row in page.stock_locations]
        if len(seen) == 3:
            a.ok("DeleteStockLocation", id=ids[0])
            a.refused("INVALID_ARGUMENT", "ListStockLocations", account_id=account, page=types.PageRequest(cursor=page.next_cursor), field="page.cursor")
        cursor = page.next_cursor
        if not cursor:
            break
    expect_equal(seen, ids)
    expect_equal([row.id for row in a.ok("ListStockLocations", account_id=account).stock_locations], ids[1:])
    expect_equal(len(a.ok("ListMarkets", account_id=system.other, status=INACTIVE).markets), 0)


@test("no method was left out")
def all_methods(_):
    expect_equal(METHODS - answered, set())


@test("only operators and the gateway may call")
def roles(system):
    for noun, *_ in each():
        Admin(system, "caller").refused("PERMISSION_DENIED", f"List{noun}s", account_id=system.account)
        Admin(system, "issuer").refused("PERMISSION_DENIED", f"Delete{noun}", id=system.market)


@test("the command line does the same")
def command_line(system):
    group = system.cli("group", "create", "--account", system.account, "--code", "cli", "--name", "CLI")["id"]
    market = system.cli("market", "create", "--account", system.account, "--code", "cli", "--name", "CLI", "--group", group)
    expect_equal((market["code"], market["customer_group_id"], market["status"]), ("cli", group, "active"))
    location = system.cli("location", "create", "--account", system.account, "--code", "cli", "--name", "CLI", "--market", market["id"])["id"]
    expect_equal(system.cli("market", "edit", market["id"], "--name", "New", "--group", "")["customer_group_id"], "")
    expect_equal(system.jeton("market", "edit", market["id"], "--name", "Newer", "--revision", "1").returncode, 73, "ABORTED")
    system.jeton("market", "edit", market["id"], check=64)
    expect_equal(system.cli("market", "show", market["id"])["name"], "New")
    expect_equal([row["id"] for row in system.cli("location", "list", "--account", system.account, "--market", market["id"])], [location])
    for noun, id in (("location", location), ("market", market["id"]), ("group", group)):
        expect_equal(system.cli(noun, "deactivate", id)["status"], "inactive")
        expect(id in [row["id"] for row in system.cli(noun, "list", "--account", system.account, "--status", "inactive")], "listed as inactive")
        expect_equal(system.cli(noun, "activate", id)["status"], "active")
        expect(id in system.jeton(noun, "show", id, check=0).stdout, "the text shows the id")
        expect_equal(system.cli(noun, "delete", id, "--yes")["status"], "deleted")
        system.jeton(noun, "show", id, check=66)
    expect_equal(system.cli("group", "edit", system.group, "--name", "Trade & more")["name"], "Trade & more")
    changes, written = counts(system)
    expect_equal(changes, written)
    system.check_logs()


main(without_auditor)
