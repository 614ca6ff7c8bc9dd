#!/usr/bin/python3
"""Customers of an account's shops (R15, R17, R22, R31, R34, R37, R46)."""
from administer import Admin, counts, envelope, name_of, one_more, types
from harness import Failed, System, expect, expect_equal, main, test

ACTIVE, INACTIVE, DELETED = types.RESOURCE_STATUS_ACTIVE, types.RESOURCE_STATUS_INACTIVE, types.RESOURCE_STATUS_DELETED
SECRET = "correct horse 17"


def without_auditor():
    """The outbox keeps what is written to it: the auditor and the issuer, who writes too, are not needed here."""
    system = System({"issuer": 0, "validator": 0, "auditor": 0, "admin": 2})
    system.admin = a = Admin(system)
    system.account = a.ok("CreateAccount", name="Acme").account.id
    system.other = a.ok("CreateAccount", name="Other").account.id
    system.group = a.ok("CreateCustomerGroup", account_id=system.account, code="trade", name="Trade").customer_group.id
    system.foreign = a.ok("CreateCustomerGroup", account_id=system.other, code="trade", name="Trade").customer_group.id
    return system


def hash_of(system, email):
    return system.sql(f"select password_hash from customers where email = '{email}'")


@test("made, with and without password and group; one change, one record, in which there is no hash (R37, R46)")
def create(system):
    a = system.admin
    for email, fields, can in (("Ada+1@Shop.example", {"password": SECRET, "customer_group_id": system.group}, True), ("a@b", {}, False),
                               ("a" * 242 + "@shop.exampl", {}, False)):
        before = counts(system)
        made = a.ok("CreateCustomer", account_id=system.account, email=email, **fields).customer
        record = one_more(system, before, "platform.customers.customer.created", made.id, 1)
        expect_equal((types.Customer.FromString(record.after), record.object.type, record.object.name), (made, "customer", email))
        expect_equal((made.email, made.customer_group_id, made.can_sign_in, made.status), (email, fields.get("customer_group_id", ""), can, ACTIVE))
        expect(made.id.startswith("CUS-"), made.id)
        expect_equal(a.ok("GetCustomer", id=made.id).customer, made)
        kept = hash_of(system, email)
        expect_equal(kept.startswith("$argon2id$"), can)
        expect(not kept or kept.encode() not in record.SerializeToString(), "the hash is in the record")
        expect(SECRET.encode() not in record.SerializeToString(), "the password is in the record")


@test("what is refused is named, and nothing is written")
def refuse(system):
    a = system.admin
    made = a.ok("CreateCustomer", account_id=system.account, email="edit@shop.example").customer
    a.ok("CreateCustomer", account_id=system.account, email="there@shop.example")
    before = counts(system)

    def refused(name, value, code="INVALID_ARGUMENT", **detail):
        detail = detail or {"field": name}
        a.refused(code, "CreateCustomer", **{"account_id": system.account, "email": "x@y", name: value}, **detail)
        a.refused(code, "EditCustomer", id=made.id, revision=1, fields=[name], **{name: value}, **detail)

    for email in ("", "@", "a@", "@b", "ab", "a@b@c", "a b@c", "a\n@c", "a@c\x7f", "ä@shop.example", "a@ä.example", "a" * 242 + "@shop.example"):
        refused("email", email)
    for password in ("7 bytes", "x" * 1025):
        refused("password", password)
    for group in ("x", system.foreign, system.account, "CGR-0000-0000"):
        refused("customer_group_id", group)
    for email in ("there@shop.example", "THERE@Shop.EXAMPLE"):
        refused("email", email, "ALREADY_EXISTS", says="email")
    a.refused("INVALID_ARGUMENT", "CreateCustomer", account_id="x", email="x@y", field="account_id")
    a.refused("NOT_FOUND", "CreateCustomer", account_id="ACC-0000-0000", email="x@y")
    a.refused("INVALID_ARGUMENT", "EditCustomer", id=made.id, revision=1, fields=["can_sign_in"], field="fields[0]")
    a.refused("INVALID_ARGUMENT", "EditCustomer", id=made.id, fields=["email"], email="x@y", field="revision")
    for text in ("ä", "a\n", "x" * 255):
        a.refused("INVALID_ARGUMENT", "ListCustomers", account_id=system.account, text=text, field="text")
    a.refused("INVALID_ARGUMENT", "ListCustomers", account_id=system.account, sort=3, field="sort")
    a.refused("INVALID_ARGUMENT", "ListCustomers", account_id=system.account, status=DELETED, field="status")
    a.refused("INVALID_ARGUMENT", "ListCustomers", account_id="", field="account_id")
    # Bytes that are no text: not UTF-8, and with a NUL.
    for email in (b"\xff\xfe@b", b"a\0@bc"):
        reply = a.dealer.call("jeton.v1.Admin/CreateCustomer", b"\x0a\x0d" + system.account.encode() + bytes((0x12, len(email))) + email, timeout=25)
        expect_equal(name_of(reply.code), "INVALID_ARGUMENT", reply.message)
    expect_equal(counts(system), before)


@test("edited, deactivated, activated, deleted: then the email is free, and the hash is gone")
def change(system):
    a = system.admin
    made = a.ok("CreateCustomer", account_id=system.account, email="life@shop.example", password=SECRET).customer
    before, first = counts(system), hash_of(system, "life@shop.example")
    edited = a.ok("EditCustomer", id=made.id, revision=1, fields=["email", "customer_group_id"], email="LIFE@shop.example",
                  customer_group_id=system.group, password="ignored!").customer
    record = one_more(system, before, "platform.customers.customer.edited", made.id, 2)
    expect_equal((types.Customer.FromString(record.before), types.Customer.FromString(record.after)), (made, edited))
    expect(record.summary.endswith("was edited: email, customer_group_id."), record.summary)
    expect_equal((edited.email, edited.customer_group_id, edited.can_sign_in, hash_of(system, "LIFE@shop.example")),
                 ("LIFE@shop.example", system.group, True, first))
    a.refused("ABORTED", "EditCustomer", id=made.id, revision=1, fields=["password"], password="another 123", says="revision 2")
    expect_equal(hash_of(system, "LIFE@shop.example"), first)
    edited = a.ok("EditCustomer", id=made.id, revision=2, fields=["password"], password="another 123").customer
    second = hash_of(system, "LIFE@shop.example")
    expect(second.startswith("$argon2id$") and second != first and edited.can_sign_in, second)
    edited = a.ok("EditCustomer", id=made.id, revision=3, fields=["password", "customer_group_id"]).customer
    expect_equal((edited.can_sign_in, edited.customer_group_id, hash_of(system, "LIFE@shop.example")), (False, "", ""))
    a.ok("EditCustomer", id=made.id, revision=4, fields=["password"], password=SECRET)
    a.refused("FAILED_PRECONDITION", "ActivateCustomer", id=made.id)
    for verb, status in (("Deactivate", INACTIVE), ("Activate", ACTIVE), ("Delete", DELETED)):
        before = counts(system)
        changed = a.ok(f"{verb}Customer", id=made.id).customer
        record = one_more(system, before, f"platform.customers.customer.{verb.lower()}d", made.id, changed.revision)
        expect_equal((changed.status, changed.can_sign_in, types.Customer.FromString(record.after)), (status, status != DELETED, changed))
        if status == INACTIVE:
            a.refused("FAILED_PRECONDITION", "DeactivateCustomer", id=made.id)
            a.refused("ALREADY_EXISTS", "CreateCustomer", account_id=system.account, email="life@shop.example")
    expect_equal(hash_of(system, "LIFE@shop.example"), "")
    for verb in ("Get", "Activate", "Deactivate", "Delete"):
        a.refused("NOT_FOUND", f"{verb}Customer", id=made.id)
    a.refused("NOT_FOUND", "EditCustomer", id=made.id, revision=8, fields=["email"], email="x@y")
    expect(a.ok("CreateCustomer", account_id=system.account, email="life@shop.example").customer.id != made.id, "an id came again")
    a.ok("CreateCustomer", account_id=system.other, email="life@shop.example")


@test("a group cannot be deleted while it has customers (R15)")
def groups(system):
    a = system.admin
    group = a.ok("CreateCustomerGroup", account_id=system.account, code="club", name="Club").customer_group.id
    member = a.ok("CreateCustomer", account_id=system.account, email="member@shop.example", customer_group_id=group).customer.id
    a.refused("FAILED_PRECONDITION", "DeleteCustomerGroup", id=group, says="customers")
    a.ok("DeactivateCustomerGroup", id=group)
    a.ok("DeleteCustomer", id=member)
    a.ok("DeleteCustomerGroup", id=group)
    a.refused("INVALID_ARGUMENT", "CreateCustomer", account_id=system.account, email="new@shop.example", customer_group_id=group, field="customer_group_id")


@test("of two who create the same email at once, one does (R37)")
def at_once(system):
    callers = [Admin(system, "operator", service) for service in ("admin", "admin2")] * 4
    before = counts(system)
    for i, caller in enumerate(callers):
        caller.start("CreateCustomer", account_id=system.account, email="Race@shop.example" if i % 2 else "race@shop.example", password=SECRET)
    codes = [caller.dealer.receive(25).code for caller in callers]
    expect_equal(sorted(codes), sorted([envelope.CODE_OK] + [envelope.CODE_ALREADY_EXISTS] * 7))
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1]), (1, 1))


@test("lists: by creation or email, both ways, filtered; pages stay in place (R31)")
def lists(system):
    a = system.admin
    account = a.ok("CreateAccount", name="List").account.id
    group = a.ok("CreateCustomerGroup", account_id=account, code="g", name="G").customer_group.id
    emails = ["Zoe@a.example", "bob@b.example", "Ann@b.example", "_x@a.example", "carl@a.example", "BEA@b.example"]
    ids = {email: a.ok("CreateCustomer", account_id=account, email=email, customer_group_id=group if i % 2 else "").customer.id
           for i, email in enumerate(emails)}
    a.ok("DeactivateCustomer", id=ids["carl@a.example"])

    def listed(size=2, between=lambda: None, **fields):
        seen, cursor = [], ""
        while True:
            reply = a.ok("ListCustomers", account_id=account, page=types.PageRequest(size=size, cursor=cursor), **fields)
            seen += [row.email for row in reply.customers]
            cursor = reply.next_cursor
            if not cursor:
                return seen
            between()

    by_email = sorted(emails, key=str.lower)
    expect_equal(listed(), emails)
    expect_equal(listed(descending=True), emails[::-1])
    expect_equal(listed(sort=types.CUSTOMER_SORT_EMAIL), by_email)
    expect_equal(listed(sort=types.CUSTOMER_SORT_EMAIL, descending=True), by_email[::-1])
    expect_equal(listed(customer_group_id=group), emails[1::2])
    expect_equal(listed(status=INACTIVE), ["carl@a.example"])
    expect_equal(listed(text="@B.EX", sort=types.CUSTOMER_SORT_EMAIL), [e for e in by_email if e.endswith("@b.example")])
    expect_equal(listed(text="%", sort=types.CUSTOMER_SORT_EMAIL), [])
    cursor = a.ok("ListCustomers", account_id=account, page=types.PageRequest(size=2)).next_cursor
    for other in ({"descending": True}, {"sort": types.CUSTOMER_SORT_EMAIL}, {"text": "a"}, {"account_id": system.account}):
        a.refused("INVALID_ARGUMENT", "ListCustomers", **{"account_id": account, **other}, page=types.PageRequest(cursor=cursor), field="page.cursor")
    count = iter(range(100))
    seen = listed(sort=types.CUSTOMER_SORT_EMAIL, between=lambda: a.ok("CreateCustomer", account_id=account, email=f"0{next(count)}@c.example"))
    expect_equal(seen, by_email)
    a.refused("INVALID_ARGUMENT", "ListCustomers", account_id=account, customer_group_id="x", field="customer_group_id")


@test("a private market is for customers of its group, while they are active (R15)")
def scopes(system):
    a = system.admin
    a.ok("CreateMarket", account_id=system.account, code="b2b", name="B2B", customer_group_id=system.group)
    made = a.ok("CreateCustomer", account_id=system.account, email="buyer@shop.example", customer_group_id=system.group).customer
    scope = {"account_id": system.account, "scope": "market:code:b2b"}
    a.refused("INVALID_ARGUMENT", "ResolveScope", **scope, field="scope", says="is private")
    expect_equal(len(a.ok("ResolveScope", **scope, customer_id=made.id).resources), 1)
    a.refused("INVALID_ARGUMENT", "ResolveScope", **{**scope, "account_id": system.other}, customer_id=made.id, field="customer_id")
    a.ok("DeactivateCustomer", id=made.id)
    a.refused("INVALID_ARGUMENT", "ResolveScope", **scope, customer_id=made.id, field="customer_id", says="inactive")
    a.ok("ActivateCustomer", id=made.id)
    a.ok("EditCustomer", id=made.id, revision=3, fields=["customer_group_id"])
    a.refused("INVALID_ARGUMENT", "ResolveScope", **scope, customer_id=made.id, field="scope", says="is private")


@test("the database itself refuses what breaks the rules")
def rules(system):
    account, other = system.sql("select min(number), max(number) from accounts").split("|")
    group = system.sql(f"select number from customer_groups where account = {account} and status = 1 limit 1")

    def insert(email="db@x", of=account, group="null", **more):
        columns, values = "".join(f", {c}" for c in more), "".join(f", {v}" for v in more.values())
        return f"insert into customers (account, email, customer_group{columns}) values ({of}, '{email}', {group}{values}) returning number"

    made = system.sql(insert(group=group))
    for what, statement in (("customers_email", insert("DB@X")), ("_check", insert("a@b c")), ("_check", insert("ä@x")), ("_check", insert("a@b@c")),
                            ("_check", insert("a" * 253 + "@x")), ("foreign key", insert("e@x", other, group)),
                            ("_check", insert("e@x", status=3, password_hash="'x'")),
                            ("foreign key", f"update customer_groups set status = 3 where number = {group}"),
                            ("foreign key", f"update customers set account = {other} where number = {made}"),
                            ("_check", f"update customers set status = 4 where number = {made}")):
        try:
            system.sql(statement)
        except Failed as error:
            expect(what in str(error), f"{statement}: {error}")
        else:
            raise Failed(f"{statement}: was allowed")
    system.sql(f"update customers set status = 3 where number = {made}")


@test("the command line does the same, and takes passwords from standard input only")
def command_line(system):
    made = system.cli("customer", "create", "--account", system.account, "--email", "cli@shop.example", "--group", system.group, input=SECRET + "\n")
    expect_equal((made["email"], made["customer_group_id"], made["can_sign_in"]), ("cli@shop.example", system.group, True))
    first = hash_of(system, "cli@shop.example")
    expect_equal(system.cli("customer", "password", made["id"], input="another 123\n")["revision"], 2)
    expect(hash_of(system, "cli@shop.example") not in (first, ""), "the hash is the same")
    expect_equal(system.cli("customer", "password", made["id"], "--no-password").get("can_sign_in", False), False)
    system.jeton("customer", "password", made["id"], input="short\n", check=65)
    system.jeton("customer", "password", made["id"], input="\n", check=64)
    system.jeton("customer", "create", "--account", system.account, "--email", "x@y", input="", check=64)
    expect_equal(system.cli("customer", "edit", made["id"], "--email", "cli2@shop.example", "--group", "")["customer_group_id"], "")
    expect_equal(system.jeton("customer", "edit", made["id"], "--email", "x@y", "--revision", "1").returncode, 73, "ABORTED")
    bare = system.cli("customer", "create", "--account", system.account, "--email", "aaa@cli.example", "--no-password")
    rows = system.cli("customer", "list", "--account", system.account, "--text", "CLI", "--sort", "email", "--descending")
    expect_equal([row["id"] for row in rows], [made["id"], bare["id"]])
    shown = system.jeton("customer", "show", made["id"], check=0).stdout
    expect("cli2@shop.example" in shown and "argon2" not in shown, shown)
    expect_equal(system.cli("customer", "deactivate", made["id"])["status"], "inactive")
    expect_equal([row["id"] for row in system.cli("customer", "list", "--account", system.account, "--status", "inactive")], [made["id"]])
    expect_equal(system.cli("customer", "activate", made["id"])["status"], "active")
    expect_equal(system.cli("scope", "resolve", "", "--account", system.account, "--customer", made["id"])["resources"], [])
    expect_equal(system.cli("customer", "delete", made["id"], "--yes")["status"], "deleted")
    system.jeton("customer", "show", made["id"], check=66)


@test("no password and no hash is anywhere but in its column (R46)")
def secrets(system):
    changes, written = counts(system)
    expect_equal(changes, written)
    for value in (SECRET, "another 123", "$argon2id$"):
        expect_equal(system.sql(f"select count(*) from outbox where position('{value}'::bytea in record) > 0"), "0", value)
        for service in ("admin", "admin2"):
            expect(value not in system[service].log(), f"{value} is in the log of {service}")
    system.check_logs()


main(without_auditor)
