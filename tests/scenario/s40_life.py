#!/usr/bin/python3
"""A token's whole life, on three validators: every answer with its reason (R1-R5, R8, R12, R23, R25-R29, R37)."""
# valgrind
import base64
import json
import time

from harness import System, expect, expect_equal, main, test, wait_for

ALL = object()


def expect_reason(system, value, reason, status, module="orders", access="read", validators=ALL, **more):
    """All validators answer alike, at the latest when what was changed before is older than what they may go by (5 s): a slow machine may hold the news up."""
    wanted = ("allow" if reason == "ok" else "deny", reason, status)
    for validator in system.of_kind("validator") if validators is ALL else validators:
        until = time.monotonic() + 5
        while True:
            asked = time.monotonic()
            reply = system.validate(value, module, access, endpoint=validator.endpoint, **more)
            if (reply["decision"], reply["reason"], reply["status"]) == wanted or asked > until:
                break
        expect_equal((reply["decision"], reply["reason"], reply["status"]), wanted, f"{validator.name}, {module} {access}")
    return reply


def token(system, *arguments, kind="service", account=None):
    return system.cli("token", "create", "--account", account or system.account, "--name", "ERP", "--kind", kind, *arguments)


def three_validators():
    system = System({"validator": 3}, {"issuer": {"jwks_max_age_s": 300, "login_user_per_minute": 4}, "validator": {"keys_interval_ms": 500}})
    for module in ("orders", "stock", "prices"):
        system.cli("module", "create", module)
    system.account = system.cli("account", "create", "--name", "Acme", "--module", "orders", "--module", "stock")["id"]
    system.other = system.cli("account", "create", "--name", "Other", "--module", "orders", "--module", "prices")["id"]
    return system


@test("create, allow, read-only 403, disable 401, enable, delete 401, each seen by three validators (R2, R4-R6)")
def life(system):
    made = token(system, "--module", "orders:read", "--module", "stock:write")
    for field in ("id", "value", "status", "expires_at"):
        expect(field in made, f"token create --json gives no {field}")
    expect_equal((made["status"], made["expires_at"]), ("active", None))
    value = made["value"]
    expect(value.startswith("jtn_live_"), "the value has no prefix")

    reply = expect_reason(system, value, "ok", 200)
    expect_equal((reply["token"], reply["account"], reply["kind"], reply["granted_access"]), (made["id"], system.account, "service", "read"))
    expect_equal(reply["www_authenticate"], "")
    reply = expect_reason(system, value, "read_only", 403, access="write")
    expect('error="insufficient_scope"' in reply["www_authenticate"], reply["www_authenticate"])
    expect_reason(system, value, "ok", 200, "stock", "write")

    expect_equal(system.cli("token", "disable", made["id"])["status"], "disabled")
    reply = expect_reason(system, value, "disabled", 401)
    expect('error="invalid_token"' in reply["www_authenticate"], reply["www_authenticate"])
    expect_equal(system.cli("token", "enable", made["id"])["status"], "active")
    expect_reason(system, value, "ok", 200)
    system.cli("token", "delete", made["id"])
    deleted = expect_reason(system, value, "deleted", 401)
    system.cli("token", "enable", made["id"], check=66)

    events = [record["event"].rsplit(".", 1)[1] for record in wait_for(
        lambda: (lambda rows: rows if len(rows) == 4 else None)(system.cli("audit", "list", "--object", made["id"])),
        what="four audit records")]
    expect_equal(sorted(events), ["created", "deleted", "disabled", "enabled"])
    system.jeton("audit", "verify", check=0)
    system.challenge_of_deleted = deleted["www_authenticate"]


@test("the outside cannot tell a deleted from an unknown token (R29)")
def unknown(system):
    # Well formed, made with the right key, but never issued: the row is taken away behind Jeton's back.
    made = token(system, "--module", "orders:read")
    number = system.sql(f"delete from token_modules where token = (select max(number) from tokens) returning token").strip()
    system.sql(f"delete from tokens where number = {number}")
    reply = expect_reason(system, made["value"], "unknown", 401)
    expect_equal(reply["www_authenticate"], system.challenge_of_deleted)


@test("an expired token is refused, and was allowed before")
def expired(system):
    expires_at = int(time.time()) + 4
    made = token(system, "--module", "orders:read", "--expires", str(expires_at))
    before = system.validate(made["value"])
    expect(before["reason"] == "ok" or time.time() >= expires_at, f"before it expired: {before}")
    wait_for(lambda: system.validate(made["value"])["reason"] == "expired", 10, "expiry")
    reply = expect_reason(system, made["value"], "expired", 401)
    expect("expired" in reply["www_authenticate"], reply["www_authenticate"])
    expect_equal(system.cli("token", "show", made["id"])["expired"], True)


@test("a module of another account is not granted, and cannot be")
def other_account(system):
    made = token(system, "--module", "orders:write")
    expect_reason(system, made["value"], "module_not_granted", 403, "prices")
    status, _ = system.cli("token", "create", "--account", system.account, "--name", "x", "--kind", "service", "--module", "prices:read", check=None)
    expect(status not in (0, 69, 70), f"a module that is not enabled was granted: {status}")


@test("disabling a module takes it from the account's tokens at once, enabling gives it back (R12)")
def module_disabled(system):
    made = token(system, "--module", "stock:write", "--module", "orders:read")
    expect_reason(system, made["value"], "ok", 200, "stock", "write")
    system.cli("module", "disable", "stock", "--account", system.account)
    expect_reason(system, made["value"], "module_disabled", 403, "stock", "write")
    expect_reason(system, made["value"], "ok", 200)
    system.cli("module", "enable", "stock", "--account", system.account)
    expect_reason(system, made["value"], "ok", 200, "stock", "write")


@test("a suspended account's tokens are refused, and only those")
def suspended(system):
    mine, others = token(system, "--module", "orders:read"), token(system, "--module", "orders:read", account=system.other)
    system.cli("account", "suspend", system.account)
    expect_reason(system, mine["value"], "account_suspended", 403)
    expect_reason(system, others["value"], "ok", 200)
    system.cli("account", "resume", system.account)
    expect_reason(system, mine["value"], "ok", 200)


@test("test tokens reach the sandbox only, live ones live only (R1)")
def environments(system):
    made = token(system, "--module", "orders:read", kind="test")
    expect(made["value"].startswith("jtn_test_"), "the prefix does not say test")
    expect(abs(made["expires_at"] - time.time() - 180 * 86400) < 3600, "a test token lives for 180 days")
    expect_reason(system, made["value"], "wrong_environment", 403)
    expect_reason(system, made["value"], "ok", 200, environment="test")
    live = token(system, "--module", "orders:read", kind="base")
    expect(abs(live["expires_at"] - time.time() - 180 * 86400) < 3600, "a base token lives for 180 days")
    expect_reason(system, live["value"], "wrong_environment", 403, environment="test")


@test("a personal token reaches all that its account has, while its user may (R1)")
def personal(system):
    user = system.cli("user", "create", "--account", system.account, "--username", "erin", "--name", "Erin", input="correct horse battery\n")
    made = token(system, "--owner", user["id"], kind="personal")
    reply = expect_reason(system, made["value"], "ok", 200, "stock", "write")
    expect_equal(reply["user"], user["id"])
    expect_reason(system, made["value"], "module_not_granted", 403, "prices")
    system.cli("user", "disable", user["id"])
    expect_reason(system, made["value"], "disabled", 401)
    system.cli("user", "enable", user["id"])
    expect_reason(system, made["value"], "ok", 200)


@test("made-up, mistyped and missing tokens are refused without a query (R3)")
def made_up(system):
    made = token(system, "--module", "orders:read")
    value = made["value"]

    def lookups():
        rows = system.cli("stats", "validator", "--endpoint", system["validator"].endpoint)
        return next(row["value"] for row in rows if row["name"] == "validator.lookups")
    before = lookups()
    wrong = [value[:-1], value + "A", value[:20] + ("A" if value[20] != "A" else "B") + value[21:], value.replace("live", "test"), "x", "jtn_live_",
             "Bearer " + value, value[:9] + "A" * 44, "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "💥" * 20, "x" * 20000]
    for text in wrong:
        expect_reason(system, text, "malformed", 401, validators=[system["validator"]])
    reply = expect_reason(system, "", "missing", 401, validators=[system["validator"]])
    expect_equal(reply["www_authenticate"], 'Bearer realm="jeton"')
    expect_equal(lookups(), before, "lookups in the database")


@test("signing in gives a token of 60 minutes that validates, until its user is disabled (R23, R25)")
def login(system):
    user = system.cli("user", "create", "--account", system.account, "--username", "frank", "--name", "Frank", input="correct horse battery\n")
    signed = system.cli("login", "--username", "FRANK", input="correct horse battery\n")
    expect_equal((signed["token_type"], signed["username"], signed["expires_in"]), ("Bearer", "frank", 3600))
    expect_equal(signed["expires_at"] - signed["issued_at"], 3600)
    jwt = signed["access_token"]
    reply = expect_reason(system, jwt, "ok", 200, "stock", "write")
    expect_equal((reply["user"], reply["account"], reply["expires_at"]), (user["id"], system.account, signed["expires_at"]))
    expect_reason(system, jwt, "module_not_granted", 403, "prices")
    expect_reason(system, jwt, "wrong_environment", 403, environment="test")
    head, claims, signature = jwt.split(".")
    for bad in (f"{head}.{claims}.{signature[:-2]}AA", f"{head}.{claims}x.{signature}", f"{head}.{claims}", f"{head}.{claims}.", f".{claims}.{signature}"):
        expect_reason(system, bad, "malformed", 401, validators=[system["validator"]])
    system.cli("user", "disable", user["id"])
    expect_reason(system, jwt, "disabled", 401)
    system.cli("login", "--username", "frank", input="correct horse battery\n", check=77)
    system.cli("user", "enable", user["id"])
    expect_reason(system, jwt, "ok", 200)
    system.jwt = jwt


@test("wrong password, no such user: the same answer, in the trail, and in the end too many (R36)")
def login_failed(system):
    answers = set()
    for name in ("frank", "nobody-has-this-name"):
        run = system.jeton("login", "--username", name, input="wrong\n", check=77)
        answers.add(run.stderr)
    expect_equal(len(answers), 1, f"different answers: {answers}")
    wait_for(lambda: len(system.cli("audit", "list", "--event", "platform.users.user.sign_in_failed")) >= 2, what="records of failed sign-ins")
    expect("nobody-has-this-name" not in system.sql("select string_agg(encode(record, 'escape'), '') from trail"), "a name that nobody has is in the trail")

    def throttled():
        return system.jeton("login", "--username", "frank", input="wrong\n").returncode == 75
    wait_for(throttled, 20, "too many sign-ins")
    system.jeton("login", "--username", "erin", input="correct horse battery\n", check=0)


@test("failed sign-ins are counted for a user, however its name is written")
def login_case(system):
    system.cli("user", "create", "--account", system.account, "--username", "zoë-äöüß-éè", "--name", "Zoë", input="correct horse battery\n")
    for name in ("zoë-äöüß-éè", "nöbödy-hâs-thïs-näme"):
        letters = [i for i, c in enumerate(name) if c.upper() != c and c != "ß" and not c.isascii()]
        statuses = []
        for attempt in range(12):
            written = "".join(c.upper() if i in letters and attempt >> letters.index(i) & 1 else c for i, c in enumerate(name))
            statuses.append(system.jeton("login", "--username", written, input="wrong\n").returncode)
        expect_equal((statuses[0], statuses[-1]), (77, 75), f"{name}: {statuses}")


@test("signing keys rotate, and no token is refused (R26)")
def rotate(system):
    keys = {key["state"]: key["kid"] for key in wait_for(
        lambda: (lambda rows: rows if len(rows) == 2 else None)(system.cli("keys", "list")), what="two signing keys")}
    system.jeton("keys", "rotate", check=73)
    after = {key["state"]: key["kid"] for key in system.cli("keys", "rotate", "--force")}
    expect_equal((after["active"], after["retired"]), (keys["pending"], keys["active"]))
    signed = system.cli("login", "--username", "erin", input="correct horse battery\n")["access_token"]
    expect_reason(system, signed, "ok", 200)
    expect_reason(system, system.jwt, "ok", 200)
    rotated = wait_for(lambda: system.cli("audit", "list", "--event", "platform.keys.signing_key.rotated"), what="the record of the rotation")
    expect_equal(rotated[0]["object"]["id"], keys["pending"])


@test("a JWT that names a key of nobody's is refused, the second time without waiting for the keys to be read")
def stranger(system):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    for kid in ("A" * 43, "A" * 43, "B" * 43, "short", None):
        header = {"alg": "ES256", "typ": "at+jwt", **({"kid": kid} if kid else {})}
        expect_reason(system, f"{part(header)}.{part({'iss': 'x'})}.{'A' * 86}", "unknown", 401)
    expect_reason(system, system.jwt, "ok", 200)


@test("what a revoked signing key has signed is refused, and what others have is not (R25, R26)")
def revoke_key(system):
    leaked = system.cli("login", "--username", "erin", input="correct horse battery\n")["access_token"]
    expect_reason(system, leaked, "ok", 200)
    states = [key["state"] for key in system.cli("keys", "rotate", "--revoke")]
    expect_equal(states, ["revoked", "active", "pending"])
    wait_for(lambda: all(system.validate(leaked, endpoint=v.endpoint)["reason"] == "unknown" for v in system.of_kind("validator")), 5, "the refusal")
    expect_reason(system, system.jwt, "ok", 200)
    wait_for(lambda: system.validate(system.cli("login", "--username", "erin", input="correct horse battery\n")["access_token"])["reason"] == "ok",
             10, "a token of the next key")


@test("without a database a validator says 503, neither yes nor no, and recovers by itself (R42)")
def no_database(system):
    made = token(system, "--module", "orders:read")
    system.postgres.stop("immediate")
    try:
        for validator in system.of_kind("validator"):
            status, reply = system.cli("validate", "--module", "orders", "--endpoint", validator.endpoint, input=made["value"], check=None)
            expect_equal(status, 2, "exit status")
            expect_equal((reply["decision"], reply["reason"], reply["status"]), ("deny", "undecided", 503))
    finally:
        system.postgres.start()

    def recovered():
        return all(system.cli("validate", "--module", "orders", "--endpoint", v.endpoint, input=made["value"], check=None)[0] == 0
                   for v in system.of_kind("validator"))
    wait_for(recovered, 5, "recovery")
    for service in system.services.values():
        service.wait_healthy(timeout=5)


@test("the trail holds it all, and verifies")
def verify(system):
    wait_for(lambda: system.sql("select count(*) from outbox") == "0", 10, "the outbox being empty")
    system.jeton("audit", "verify", check=0)
    expect(int(system.sql("select count(*) from changes")) > 0, "there are no changes")


main(three_validators)
