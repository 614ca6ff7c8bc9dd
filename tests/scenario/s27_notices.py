#!/usr/bin/python3
"""Expiry that is announced ahead, by two admin processes that are killed meanwhile: each notice exactly once (R9)."""
import collections
import time

from administer import Admin, grants, types
from harness import System, expect, expect_equal, main, test, wait_for

DAY = 86400
EVENT = "platform.tokens.token.expiring"
MANY = 3000


def two_admins():
    system = System({"issuer": 0, "validator": 0, "admin": 2}, {"admin": {"notice_interval_s": 1, "notice_batch": 5}})
    system.admin = Admin(system)
    system.admin.ok("CreateModule", name="orders")
    system.account = system.admin.ok("CreateAccount", name="Acme", modules=["orders"]).account.id
    return system


def create(system, days):
    """A token; by its description it is found in the database."""
    expires_at = int(time.time() + days * DAY) if days else 0
    return system.admin.ok("CreateToken", account_id=system.account, name="ERP", description=f"{days} {time.time()}", expires_at=expires_at,
                           kind=types.TOKEN_KIND_SERVICE, modules=grants("orders")).token


def noticed(system, token):
    """What the database has of the notices that were given, or were past already: their last one."""
    return system.sql("select coalesce(noticed_days::text, '-'), noticed_expiry is not distinct from expires_at from tokens"
                      f" where description = '{token.description}'")


def set_expiry(system, token, interval):
    """As if time had passed."""
    system.sql(f"update tokens set expires_at = now() + interval '{interval}' where description = '{token.description}'")


def notices(system, token):
    """The days of the notices in the trail, oldest first."""
    rows = system.cli("audit", "list", "--object", token.id, "--event", EVENT)
    return [int(row["summary"].split(" expires within ")[1].split()[0]) for row in reversed(rows)]


@test("what is past when an expiry is set is not announced; an edit of something else changes nothing of it (R9)")
def thresholds(system):
    a = system.admin
    made = {days: create(system, days) for days in (0, 0.5, 3, 7, 20, 30, 31, 400)}
    expect_equal({days: noticed(system, token) for days, token in made.items()},
                 {0: "-|t", 0.5: "1|t", 3: "7|t", 7: "7|t", 20: "30|t", 30: "30|t", 31: "-|f", 400: "-|f"})
    token = made[400]
    for revision, (days, wanted) in enumerate(((20, "30|t"), (6, "7|t"), (200, "-|f"), (0.5, "1|t"), (0, "-|t"), (40, "-|f")), 1):
        a.ok("EditToken", id=token.id, revision=revision, fields=["expires_at"], expires_at=int(time.time() + days * DAY) if days else 0)
        expect_equal(noticed(system, token), wanted, f"edited to {days} days")
    # An expiry with parts of a second, as an import may bring, survives the edit of a name, with what was told of it.
    set_expiry(system, token, "20 days 0.123456 s")
    wait_for(lambda: notices(system, token) == [30], 20, "the notice")
    kept = system.sql("select expires_at, noticed_expiry, noticed_days from tokens order by number desc limit 1")
    a.ok("EditToken", id=token.id, revision=7, fields=["name"], name="New")
    expect_equal(system.sql("select expires_at, noticed_expiry, noticed_days from tokens order by number desc limit 1"), kept)
    # Once more round for all: the one that is set anew is told of, the others are not.
    set_expiry(system, token, "5 days")
    wait_for(lambda: notices(system, token) == [30, 7], 20, "the notice after")
    expect_equal({days: notices(system, token) for days, token in made.items() if days != 400}, dict.fromkeys((0, 0.5, 3, 7, 20, 30, 31), []))


@test("a notice is a record of its type, which the account's people may see; disabled tokens have them, deleted ones do not (R9, R36)")
def record(system):
    a = system.admin
    token, disabled, deleted = (create(system, 60) for _ in range(3))
    a.ok("DisableToken", id=disabled.id)
    a.ok("DeleteToken", id=deleted.id)
    set_expiry(system, deleted, "6 days")
    set_expiry(system, token, "6 days")
    set_expiry(system, disabled, "6 days")
    wait_for(lambda: notices(system, disabled) == [7] and notices(system, token) == [7], 20, "the notices")
    expect_equal(notices(system, deleted), [])
    found = system.cli("audit", "list", "--event", EVENT, "--object", token.id)[0]
    shown = system.cli("audit", "show", found["id"])
    expect_equal((shown["type"], shown["visibility"], shown["actor"]["id"], shown["actor"]["type"]), ("notice", "public", "admin", "service"))
    expect_equal((shown["object"]["revision"], shown["after"]["id"], shown["after"]["expiring"]), (1, token.id, True))
    expect_equal(shown["before"], shown["after"])
    expect(f"Token {token.id} (ERP) expires within 7 days: at 2" in shown["summary"], shown["summary"])
    expect("notice" in system.jeton("audit", "show", found["id"], check=0).stdout, "the type is shown")
    made = system.cli("audit", "list", "--event", "platform.tokens.token.created", "--object", token.id)[0]
    expect_equal(made["type"], "action")
    # What the notices tell of is a list, too; so are the tokens that were never rotated, and when one was is shown.
    listed = [row["id"] for row in system.cli("token", "list", "--account", system.account, "--expiring", "7d", "--sort", "expiry")]
    expect(token.id in listed and disabled.id in listed and deleted.id not in listed, f"{listed}")
    system.sql("update tokens set created_at = now() - interval '91 days' where name = 'ERP'")
    unrotated = [row["id"] for row in system.cli("token", "list", "--account", system.account, "--unrotated")]
    expect(token.id in unrotated, f"{unrotated}")
    rotated = a.ok("RotateToken", id=token.id).token
    expect(token.id not in [row["id"] for row in system.cli("token", "list", "--account", system.account, "--unrotated")], "it was rotated")
    expect_equal(system.cli("token", "show", token.id)["last_rotated_at"], rotated.last_rotated_at)
    expect("LAST ROTATED" in system.jeton("token", "show", token.id, check=0).stdout.upper(), "the time is shown")


def told(system):
    return int(system.sql("select count(*) from tokens where name like 'many %' and noticed_days is not null"))


@test("of thousands, each is announced exactly once, whoever is killed meanwhile: kill -9 of each admin, and of the database (R9, R44)")
def killed(system):
    admins = system.of_kind("admin")
    for service in admins:
        service.stop()
    system.sql("insert into tokens (account, name, kind, environment, digest, created_by_id, created_by_name, expires_at)"
               f" select number, 'many ' || n, 2, 1, sha256(n::text::bytea), 'o', 'o', now() + interval '5 days' + n * interval '1 s'"
               f" from accounts, generate_series(1, {MANY}) n")
    for service in admins:
        service.start(wait=False)
    at_work = 0
    for i in range(6):
        # A little further each time, so that they die at work.
        reached = told(system)
        wait_for(lambda: told(system) > min(reached + 50, MANY - 1), 30, "some more notices")
        if i == 3:
            system.postgres.stop("immediate")
            system.postgres.start()
        else:
            admins[i % 2].kill()
            at_work += told(system) < MANY
            admins[i % 2].start(wait=False)
    expect(at_work >= 1, "all was done before anybody was killed")
    wait_for(lambda: told(system) == MANY, 120, "all notices")
    wait_for(lambda: system.sql("select count(*) from outbox") == "0", 60, "the trail")
    for service in admins:
        service.wait_healthy()
    rows = system.cli("audit", "list", "--event", EVENT, "--from", "2h", "--all", timeout=60)
    times = collections.Counter(row["object"]["id"] for row in rows if row["object"]["name"].startswith("many "))
    expect_equal((len(times), set(times.values())), (MANY, {1}), "notices")
    expect_equal({row["type"] for row in rows}, {"notice"})
    expect_equal(system.sql("select count(*) from changes c join tokens t on c.kind = 'token' and c.object = t.number where t.name like 'many %'"), "0")
    system.cli("audit", "verify")


main(two_admins)
