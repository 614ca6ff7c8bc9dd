#!/usr/bin/python3
"""Tokens whose values can be shown again, sealed under keys outside the database (R8, R36, R46)."""
import re
import signal
import subprocess

from administer import Admin, counts, grants, records, types
from harness import System, expect, expect_equal, main, pg_program, test, wait_for


def without_auditor():
    """The outbox keeps what is written to it."""
    system = System({"issuer": 0, "auditor": 0})
    system.admin = Admin(system)
    system.admin.ok("CreateModule", name="orders")
    system.account = system.admin.ok("CreateAccount", name="Acme", modules=["orders"]).account.id
    system.values = []
    return system


def create(system, **fields):
    made = system.admin.ok("CreateToken", **{"account_id": system.account, "name": "ERP", "kind": types.TOKEN_KIND_SERVICE, "modules": grants("orders"),
                                             "revealable": True, **fields})
    system.values.append(made.value)
    return made


def versions(system):
    return system.sql("select distinct encode(substring(sealed_value from 1 for 4), 'hex') from tokens where sealed_value is not null order by 1").split()


@test("a revealable token's value is shown again, and the trail tells of it (R8, R36)")
def reveal(system):
    a = system.admin
    made = create(system)
    expect(made.token.revealable, "revealable")
    expect_equal(a.ok("GetToken", id=made.token.id).token, made.token)
    before = counts(system)
    for _ in range(2):
        shown = a.ok("RevealToken", id=made.token.id)
        expect_equal((shown.value, shown.token.id, shown.token.revision), (made.value, made.token.id, 1))
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1]), (0, 2), "changes and records")
    record = records(system)[-1]
    expect_equal((record.event, record.object.id, record.object.revision), ("platform.tokens.token.revealed", made.token.id, 1))
    expect(made.value.encode() not in record.SerializeToString(), "the value is in the record")
    rotated = a.ok("RotateToken", id=made.token.id)
    system.values.append(rotated.value)
    expect(rotated.token.revealable, "revealable after a rotation")
    a.ok("DisableToken", id=made.token.id)
    expect_equal(a.ok("RevealToken", id=made.token.id).value, rotated.value)
    a.ok("EnableToken", id=made.token.id)
    expect_equal(system.validate(a.ok("RevealToken", id=made.token.id).value)["reason"], "ok")
    other = create(system, revealable=False).token
    expect(not other.revealable, "not revealable")
    before = counts(system)
    a.refused("FAILED_PRECONDITION", "RevealToken", id=other.id, says="revealable")
    a.refused("NOT_FOUND", "RevealToken", id="TKN-0000-0000")
    a.refused("INVALID_ARGUMENT", "RevealToken", id="x", field="id")
    # A sealed value is good for its own token only.
    third = create(system).token
    system.sql("update tokens t set sealed_value = (select sealed_value from tokens where sealed_value is not null order by number limit 1)"
               " where number = (select max(number) from tokens)")
    a.refused("DATA_LOSS", "RevealToken", id=third.id, says=third.id)
    expect_equal(counts(system), (before[0] + 1, before[1] + 1), "refusals write nothing")
    a.ok("DeleteToken", id=third.id)
    a.ok("DeleteToken", id=made.token.id)
    a.refused("NOT_FOUND", "RevealToken", id=made.token.id)
    expect_equal(system.sql("select count(*) from tokens where sealed_value is not null"), "0", "sealed values of deleted tokens")


@test("a value is told only when its record is committed")
def no_database(system):
    made = create(system)
    before = len(records(system))
    system.sql("alter table outbox rename to elsewhere")
    system.admin.refused("INTERNAL", "RevealToken", id=made.token.id)
    system.sql("alter table elsewhere rename to outbox")
    expect_equal(len(records(system)), before)
    system.admin.ok("RevealToken", id=made.token.id)


@test("values are resealed under a new key, batch by batch, and what was broken off goes on")
def reseal(system):
    a = system.admin
    made = [create(system, name=f"t{i}") for i in range(25)]
    total = int(system.sql("select count(*) from tokens where sealed_value is not null"))
    expect_equal((versions(system), a.ok("ResealTokens").resealed), (["00000001"], 0))
    system.jeton("keys", "reseal", "--dir", system.keys, check=0)
    system["admin"].signal(signal.SIGHUP)
    wait_for(lambda: a.ok("ResealTokens", cursor="999999999").version == 2, 10, "the new key")
    create(system)
    expect_equal(versions(system), ["00000001", "00000002"])
    first = a.ok("ResealTokens", size=10)
    expect_equal((first.resealed, first.failed, first.remaining, bool(first.next_cursor)), (10, 0, total - 10, True))
    # Broken off here. Whoever begins again finds the rest.
    system.sql("update tokens set sealed_value = set_byte(sealed_value, 60, 255 - get_byte(sealed_value, 60)) where number = (select max(number) - 1 from tokens)")
    before = counts(system)
    status, done = system.cli("token", "reseal", check=None)
    expect_equal((status, done["resealed"], done["failed"], done["version"]), (65, total - 11, 1, 2))
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1]), (0, 1), "a record for each batch")
    expect_equal(records(system)[-1].event, "platform.keys.seal_key.resealed")
    for token in made[:-1]:
        expect_equal(a.ok("RevealToken", id=token.token.id).value, token.value)
    a.refused("DATA_LOSS", "RevealToken", id=made[-1].token.id)
    a.ok("DeleteToken", id=made[-1].token.id)
    expect_equal((versions(system), system.cli("token", "reseal")["resealed"]), (["00000002"], 0))
    for field, value in (("cursor", "x"), ("cursor", "-1"), ("cursor", "1234567890"), ("size", 501)):
        a.refused("INVALID_ARGUMENT", "ResealTokens", field=field, **{field: value})


@test("jeton token create --revealable, and token reveal")
def command_line(system):
    made = system.cli("token", "create", "--account", system.account, "--name", "R", "--kind", "service", "--module", "orders", "--revealable")
    system.values.append(made["value"])
    expect_equal(system.cli("token", "reveal", made["id"])["value"], made["value"])
    path = system.path("shown.token")
    run = system.jeton("token", "reveal", made["id"], "--value-file", path, check=0)
    expect(made["value"] not in run.stdout + run.stderr, "the value is shown, too")
    with open(path, encoding="ascii") as f:
        expect_equal(f.read().strip(), made["value"])
    system.jeton("token", "reveal", "TKN-0000-0000", check=66)


@test("no value is in a dump of the database, in a record or in a log (R46)")
def secrets(system):
    dump = subprocess.run([pg_program("pg_dump"), f"host={system.postgres.directory} dbname=jeton user=jeton"], capture_output=True, check=True,
                          timeout=60).stdout
    texts = [dump, *(r.SerializeToString() for r in records(system)), *(s.log().encode() for s in system.services.values())]
    expect(len(system.values) > 30 and b"sealed_value" in dump, "there is something to look for, and where")
    for value in system.values:
        for form in (value.encode(), value.encode().hex().encode(), value[9:].encode()):
            expect(not any(form in text for text in texts), "a value is there")
    expect(not re.search(rb"jtn_(live|test)_[A-Za-z0-9_-]{44}", b"".join(texts)), "something like a value is there")


main(without_auditor)
