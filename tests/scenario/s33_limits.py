#!/usr/bin/python3
"""Rate limits of tokens and accounts: how often they may be used, at whichever validator, and what the answer says of it (R28, R30, R39)."""
import time

from administer import Admin
from harness import System, expect, expect_equal, main, test, wait_for
from limiting import SLOWLY, Caller, account, allowed, expect_about, token

import types_pb2 as types
import validator_pb2 as validator


def one_validator():
    system = System({"issuer": 1})
    for module in ("orders", "stock"):
        system.cli("module", "create", module)
    system.admin = Admin(system)
    return system


@test("a token's burst, and no more; each answer says limit, remaining, reset and when to try again")
def fields(system):
    made = token(system, account(system), (6, 10))
    since = time.monotonic()
    replies = Caller(system).ask(made.value, 30)
    seconds = int(time.monotonic() - since) + 1
    expect(10 <= allowed(replies) <= 10 + seconds // 10, f"{allowed(replies)}")
    for i, reply in enumerate(replies[:10]):
        allowance = reply.allowance
        expect_equal((allowance.limit.per_minute, allowance.limit.burst, allowance.account, allowance.retry_after_s), (6, 10, False, 0))
        expect(9 - i <= allowance.remaining <= 9 - i + seconds // 10, f"{i}: {allowance}")
        expect(10 * (i + 1) - seconds <= allowance.reset_s <= 10 * (i + 1), f"{i}: {allowance}")
    last = replies[-1]
    if last.reason == validator.REASON_RATE_LIMITED:
        expect_equal((last.www_authenticate, last.token, last.allowance.remaining), ("", made.token.id, 0))
        expect(1 <= last.allowance.retry_after_s <= 10 and 90 < last.allowance.reset_s <= 100, f"{last.allowance}")
    unlimited = Caller(system).ask(token(system, account(system)).value, 30)
    expect_equal((allowed(unlimited), any(reply.HasField("allowance") for reply in unlimited)), (30, False))


@test("what is denied for another reason counts for nothing, and says nothing of limits")
def denied(system):
    made = token(system, account(system, rate_limit=types.RateLimit(per_minute=SLOWLY, burst=7)), (SLOWLY, 5))
    caller, since = Caller(system), time.monotonic()
    for more in ({"module": "stock"}, {"access": types.ACCESS_WRITE}, {"environment": types.ENVIRONMENT_TEST}):
        replies = caller.ask(made.value, 20, **more)
        expect(all(reply.status == 403 and not reply.HasField("allowance") for reply in replies), f"{replies[0]}")
    expect_about(system, allowed(caller.ask(made.value, 20)), 5, since)


@test("the two values of a token that was rotated have one limit")
def rotated(system):
    made = token(system, account(system), (SLOWLY, 9))
    new = system.admin.ok("RotateToken", id=made.token.id, grace=types.Period(seconds=3600)).value
    caller, since = Caller(system), time.monotonic()
    expect_about(system, allowed(caller.ask([made.value, new], 10)), 9, since)


@test("the tokens of an account have its limit together, sign-ins too; live and test are apart")
def of_account(system):
    owner = account(system, rate_limit=types.RateLimit(per_minute=SLOWLY, burst=20))
    values = [token(system, owner).value for _ in range(5)] + [token(system, owner, (SLOWLY, 2)).value]
    tests = [token(system, owner, kind=types.TOKEN_KIND_TEST).value for _ in range(3)]
    system.cli("user", "create", "--account", owner, "--username", "limited", "--name", "L", input="correct horse\n")
    jwt = system.cli("login", "limited", input="correct horse\n")["access_token"]
    caller, since = Caller(system), time.monotonic()
    expect_equal(allowed(caller.ask(values[5], 10)), 2, "of the token's own limit")
    first = caller.ask(values[0], 3) + caller.ask(jwt, 3)
    expect_equal((allowed(first), [reply.allowance.account for reply in first]), (6, [True] * 6))
    expect(abs(first[-1].allowance.remaining - 12) <= 1, f"{first[-1].allowance}")
    expect_about(system, 2 + 6 + allowed(caller.ask(values[:5] + [jwt], 10)), 20, since)
    refused = caller.ask(jwt)[0]
    expect_equal((refused.reason, refused.allowance.account), (validator.REASON_RATE_LIMITED, True))
    expect_about(system, allowed(caller.ask(tests, 20, environment=types.ENVIRONMENT_TEST)), 20, since, "in test")


@test("a base token has its account's limit for such, each one its own; a changed limit holds at once")
def base(system):
    owner = account(system, base_rate_limit=types.RateLimit(per_minute=SLOWLY, burst=4))
    plain, own = token(system, owner, kind=types.TOKEN_KIND_BASE), token(system, owner, (SLOWLY, 6), kind=types.TOKEN_KIND_BASE)
    other, service = token(system, owner, kind=types.TOKEN_KIND_BASE), token(system, owner)
    caller, since = Caller(system), time.monotonic()
    for made, burst in ((plain, 4), (own, 6), (other, 4)):
        expect_about(system, allowed(caller.ask(made.value, 30)), burst, since, f"{burst}")
    expect_equal(allowed(caller.ask(service.value, 30)), 30)
    revision = system.admin.ok("GetAccount", id=owner).account.revision
    system.admin.ok("EditAccount", id=owner, revision=revision, fields=["base_rate_limit"])
    expect_equal(allowed(wait_for(lambda: [r for r in [caller.ask(plain.value, 30)] if allowed(r)], 10, "no limit")[0]), 30)
    system.admin.ok("EditAccount", id=owner, revision=revision + 1, fields=["rate_limit"], rate_limit=types.RateLimit(per_minute=SLOWLY, burst=3))
    since = time.monotonic()
    limited = wait_for(lambda: [r for r in [caller.ask(plain.value, 30)] if allowed(r) < 30], 10, "a limit")[0]
    expect_about(system, allowed(limited), 3, since)


@test("jeton validate shows how the limit stands")
def command(system):
    value = token(system, account(system), (6, 2)).value
    reply = system.validate(value)
    expect_equal(reply["allowance"], {"limit": {"per_minute": 6, "burst": 2}, "account": False, "remaining": 1, "reset_s": 10, "retry_after_s": 0})
    Caller(system).ask(value, 5)
    shown = system.jeton("validate", "--module", "orders", input=value).stdout
    expect("rate_limited (429)" in shown and "limit 6 a minute  burst 2  remaining 0" in shown and "retry after" in shown, shown)


main(one_validator)
