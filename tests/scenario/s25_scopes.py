#!/usr/bin/python3
"""Resource scopes, tried out on a real database (R13-R16)."""
from administer import Admin, types
from harness import System, expect, expect_equal, main, test


def shop():
    """Markets eu, us, old (inactive), b2b (private) and gone (deleted), with locations."""
    system = System({"issuer": 0, "validator": 0, "auditor": 0})
    system.admin = a = Admin(system)
    system.account = account = a.ok("CreateAccount", name="Acme").account.id
    other = a.ok("CreateAccount", name="Other").account.id
    system.group = a.ok("CreateCustomerGroup", account_id=account, code="trade", name="Trade").customer_group.id
    system.markets = {code: a.ok("CreateMarket", account_id=account, code=code, name=code, customer_group_id=system.group if code == "b2b" else "").market
                      for code in ("eu", "us", "old", "b2b", "gone")}
    system.locations = {code: a.ok("CreateStockLocation", account_id=account, code=code, name=code, market_id=system.markets[market].id).stock_location
                        for code, market in (("rotterdam", "eu"), ("lyon", "eu"), ("reno", "us"), ("depot", "old"))}
    system.customer = a.ok("CreateCustomer", account_id=account, email="buyer@shop.example", customer_group_id=system.group).customer.id
    a.ok("DeactivateMarket", id=system.markets["old"].id)
    a.ok("DeleteMarket", id=system.markets["gone"].id)
    system.foreign = a.ok("CreateMarket", account_id=other, code="theirs", name="Theirs").market
    return system


def resolve(system, scope, **fields):
    return system.admin.ok("ResolveScope", account_id=system.account, scope=scope, **fields)


def invalid(system, scope, says, **fields):
    reply = system.admin.refused("INVALID_ARGUMENT", "ResolveScope", account_id=system.account, scope=scope, field="scope", **fields)
    text = reply.details[0].description
    expect(text.startswith("invalid_scope: ") and says in text, f"{scope}: {text!r}, without {says!r}")


@test("by number, id and code; numbers are not ids (R13)")
def names(system):
    eu, reno = system.markets["eu"], system.locations["rotterdam"]
    for market in (f"market:{eu.number}", f"market:id:{eu.id}", "market:code:eu"):
        for location in (f"stock_location:{reno.number}", f"stock_location:id:{reno.id}", "stock_location:code:rotterdam"):
            reply = resolve(system, f"{location} {market}")
            expect_equal([(r.kind, r.id, r.number, r.code, r.market_id) for r in reply.resources],
                         [(types.SCOPE_KIND_STOCK_LOCATION, reno.id, reno.number, "rotterdam", eu.id), (types.SCOPE_KIND_MARKET, eu.id, eu.number, "eu", "")])
            expect_equal(reply.scope, f"stock_location:{reno.number} market:{eu.number}")
    expect_equal((resolve(system, "").scope, len(resolve(system, "").resources)), ("", 0))


@test("what is refused, and the part that is named (R14)")
def refused(system):
    invalid(system, "market:99999999", '"market:99999999" is not there')
    invalid(system, f"market:{system.foreign.number}", "is not there")
    invalid(system, "market:code:theirs", "is not there")
    invalid(system, "market:code:gone", "is not there")
    invalid(system, "market:code:eu market:code:old", '"market:code:old" is inactive')
    invalid(system, "stock_location:code:rotterdam", "requires its market")
    invalid(system, "market:code:us stock_location:code:rotterdam", "belongs to no market")
    invalid(system, "market:code:old stock_location:code:depot", '"market:code:old" is inactive')
    invalid(system, f"market:code:eu market:{system.markets['eu'].number}", "is there twice")
    invalid(system, "orders:read", '"orders:read"')
    invalid(system, "market:1 " * 600, "4096")
    system.admin.ok("DeactivateStockLocation", id=system.locations["lyon"].id)
    invalid(system, "market:code:eu stock_location:code:lyon", '"stock_location:code:lyon" is inactive')
    system.admin.refused("NOT_FOUND", "ResolveScope", account_id="ACC-0000-0000", scope="")
    system.admin.refused("INVALID_ARGUMENT", "ResolveScope", account_id="x", scope="", field="account_id")
    system.admin.refused("INVALID_ARGUMENT", "ResolveScope", account_id=system.account, scope="", customer_id="x", field="customer_id")


@test("a private market is for customers of its group, while the group is active (R15)")
def private(system):
    invalid(system, "market:code:b2b", "is private")
    expect_equal(len(resolve(system, "market:code:b2b", customer_id=system.customer).resources), 1)
    system.admin.ok("DeactivateCustomerGroup", id=system.group)
    invalid(system, "market:code:b2b", "customer group is inactive", customer_id=system.customer)
    system.admin.ok("ActivateCustomerGroup", id=system.group)


@test("worked out again, what has become inactive is left out with its locations (R14)")
def again(system):
    us, eu = system.markets["us"], system.markets["eu"]
    scope = f"market:{eu.number} market:{us.number} stock_location:{system.locations['reno'].number}"
    expect_equal(resolve(system, scope).scope, scope)
    system.admin.ok("DeactivateMarket", id=us.id)
    invalid(system, scope, f'"market:{us.number}" is inactive')
    expect_equal(resolve(system, scope, again=True).scope, f"market:{eu.number}")
    system.admin.ok("ActivateMarket", id=us.id)
    expect_equal(resolve(system, scope, again=True).scope, scope)


@test("the statement is one that issuer and validator may run too (R16)")
def rights(system):
    for role in ("issuer", "validator"):
        with open(f"{system.keys}/database-{role}", encoding="utf-8") as f:
            password = f.read().strip()
        found = system.postgres.sql("select m.number, m.code, m.status, coalesce (m.customer_group, 0), (select g.status from customer_groups g"
                                    " where g.account = m.account and g.number = m.customer_group) from markets m where m.code = 'b2b'",
                                    role=f"jeton_{role}", password=password)
        expect_equal(found.split("|")[1], "b2b")


@test("the command line does the same")
def command_line(system):
    shown = system.cli("scope", "resolve", "market:code:eu stock_location:code:rotterdam", "--account", system.account)
    expect_equal([(r["kind"], r["code"]) for r in shown["resources"]], [("market", "eu"), ("stock_location", "rotterdam")])
    run = system.jeton("scope", "resolve", "market:code:old", "--account", system.account, check=65)
    expect("invalid_scope" in run.stderr and "market:code:old" in run.stderr, run.stderr)
    expect("rotterdam" in system.jeton("scope", "resolve", "market:code:eu stock_location:code:rotterdam", "--account", system.account, check=0).stdout, "")
    system.cli("scope", "resolve", "market:code:b2b", "--account", system.account, "--customer", system.customer)
    expect_equal(system.cli("scope", "resolve", "market:code:old", "--again", "--account", system.account)["resources"], [])
    system.check_logs()


main(shop)
