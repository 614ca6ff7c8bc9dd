#!/usr/bin/python3
"""Users that are edited and deleted (R23, R34, R37, R42): what becomes of their sign-in, login tokens, user names and personal tokens."""
from administer import Admin, envelope, types
from harness import Failed, System, expect, expect_equal, main, test, wait_for

PASSWORD, ANOTHER = "correct horse 29", "another horse 29"


def with_users():
    system = System()
    system.admin = a = Admin(system)
    a.ok("CreateModule", name="orders")
    system.account = a.ok("CreateAccount", name="Acme", modules=["orders"]).account.id
    return system


def user(system, username, **fields):
    return system.admin.ok("CreateUser", account_id=system.account, username=username, name=username, password=PASSWORD, **fields).user


def login(system, username, password=PASSWORD):
    """A login token, or None: refused."""
    run = system.jeton("login", "--username", username, "--token-only", input=password + "\n")
    expect(run.returncode in (0, 77), f"{run.returncode}: {run.stderr}")
    return run.stdout.strip() or None, run.stderr


def reason(system, token):
    return system.validate(token, "orders")["reason"]


@test("edited by the fields that are named, under the revision that was read; another password, and the one before is refused")
def edit(system):
    a = system.admin
    made = user(system, "anna")
    user(system, "taken")
    edited = a.ok("EditUser", id=made.id, revision=1, fields=["name", "role"], name="Anna Ä", role=types.USER_ROLE_INTEGRATION, username="ignored").user
    expect_equal((edited.username, edited.name, edited.role, edited.revision), ("anna", "Anna Ä", types.USER_ROLE_INTEGRATION, 2))
    expect_equal(a.ok("GetUser", id=made.id).user, edited)
    a.refused("ABORTED", "EditUser", id=made.id, revision=1, fields=["name"], name="x", says="revision 2")
    a.refused("ALREADY_EXISTS", "EditUser", id=made.id, revision=2, fields=["username"], username="TAKEN", says="username")
    for field, value in (("username", "a b"), ("username", ""), ("name", ""), ("role", 9), ("password", "short")):
        a.refused("INVALID_ARGUMENT", "EditUser", id=made.id, revision=2, fields=[field], **{field: value}, field=field)
    for fields, field in (([], "fields"), (["status"], "fields[0]"), (["name", "name"], "fields[1]")):
        a.refused("INVALID_ARGUMENT", "EditUser", id=made.id, revision=2, fields=fields, name="x", field=field)
    a.refused("INVALID_ARGUMENT", "EditUser", id=made.id, fields=["name"], name="x", field="revision")
    a.refused("NOT_FOUND", "EditUser", id="USR-0000-0000", revision=1, fields=["name"], name="x")
    token = login(system, "anna")[0]
    expect(token, "the first password")
    a.ok("EditUser", id=made.id, revision=2, fields=["password", "username"], password=ANOTHER, username="Anna2")
    wait_for(lambda: system.validate(token)["reason"] == "revoked", 5, "what the first one led to (R25)")
    expect_equal((login(system, "anna")[0], login(system, "anna2")[0]), (None, None))
    expect(login(system, "anna2", ANOTHER)[0], "the new name and password")
    a.ok("EditUser", id=made.id, revision=3, fields=["password"])
    expect_equal(login(system, "anna2", ANOTHER)[0], None)
    rows = wait_for(lambda: [r for r in system.cli("audit", "list", "--object", made.id) if r["event"] == "platform.users.user.edited"][2:], 10, "its records")
    expect(rows, "three edits, three records")
    told = str(system.cli("audit", "list", "--object", made.id))
    expect("edited: password, username." in told and ANOTHER not in told and "argon2" not in told, told)


@test("deleted: no sign-in, in the words for one that never was; login tokens refused; the user name is free (R23, R42)")
def delete(system):
    a = system.admin
    made = user(system, "bert")
    token = login(system, "bert")[0]
    expect_equal(reason(system, token), "ok")
    deleted = a.ok("DeleteUser", id=made.id).user
    expect_equal((deleted.status, deleted.revision), (types.USER_STATUS_DELETED, 2))
    wait_for(lambda: reason(system, token) == "revoked", 5, "the refusal")
    nobody, gone = login(system, "nobody"), login(system, "bert")
    expect_equal(gone, nobody)
    Admin(system, "gateway").given(authorization=f"Bearer {token}").refused("UNAUTHENTICATED", "ListModules")
    for method in ("GetUser", "DisableUser", "EnableUser", "DeleteUser"):
        a.refused("NOT_FOUND", method, id=made.id)
    a.refused("NOT_FOUND", "EditUser", id=made.id, revision=2, fields=["name"], name="x")
    expect(made.id not in [u.id for fields in ({"account_id": system.account}, {}) for u in a.ok("ListUsers", **fields).users], "a deleted user is listed")
    a.refused("INVALID_ARGUMENT", "CreateToken", account_id=system.account, name="t", kind=types.TOKEN_KIND_PERSONAL, owner_id=made.id, field="owner_id")
    expect_equal(system.sql("select count(*) from users where status = 3 and password_hash is not null"), "0")
    again = user(system, "Bert")
    expect(again.id != made.id and login(system, "bert")[0], "the user name is free")
    expect_equal(reason(system, token), "revoked")


@test("one who owns tokens is not deleted, and nobody deleted comes to own one, whatever crosses")
def owners(system):
    a = system.admin
    made = user(system, "carl")
    mine = {"account_id": system.account, "name": "mine", "kind": types.TOKEN_KIND_PERSONAL, "owner_id": made.id}
    tokens = [a.ok("CreateToken", **mine).token.id for _ in range(2)]
    a.refused("FAILED_PRECONDITION", "DeleteUser", id=made.id, says="owns 2 tokens")
    a.ok("DeleteToken", id=tokens[0])
    a.refused("FAILED_PRECONDITION", "DeleteUser", id=made.id, says="owns 1 token:")
    a.ok("DeleteToken", id=tokens[1])
    try:
        system.sql(f"update tokens set status = 1 where number = (select max(number) from tokens); update users set status = 3, password_hash = null"
                   " where username = 'carl'")
    except Failed as error:
        expect("foreign key" in str(error), str(error))
    else:
        raise Failed("the database let a user with a token be deleted")
    for i in range(8):
        who = user(system, f"cross{i}").id
        callers = [Admin(system), Admin(system)]
        callers[i % 2].start("DeleteUser", id=who)
        callers[1 - i % 2].start("CreateToken", **{**mine, "owner_id": who})
        codes = {caller.dealer.receive(25).code for caller in callers}
        expect(envelope.CODE_OK in codes and len(codes) == 2, f"{codes}")
        for caller in callers:
            caller.dealer.close()
    expect_equal(system.sql("select count(*) from tokens t join users u on u.number = t.owner where u.status = 3 and t.status <> 3"), "0")


@test("the command line does the same")
def command_line(system):
    made = system.cli("user", "create", "--account", system.account, "--username", "dora", input=PASSWORD + "\n")
    edited = system.cli("user", "edit", made["id"], "--name", "Dora D", "--role", "administrator", "--revision", "1")
    expect_equal((edited["name"], edited["role"], edited["username"]), ("Dora D", "administrator", "dora"))
    expect_equal(system.cli("user", "password", made["id"], input=ANOTHER + "\n")["revision"], 3)
    expect(login(system, "dora", ANOTHER)[0], "the new password")
    system.jeton("user", "password", made["id"], "--no-password", check=0)
    expect_equal(login(system, "dora", ANOTHER)[0], None)
    system.jeton("user", "edit", made["id"], check=64)
    expect_equal(system.jeton("user", "edit", made["id"], "--name", "x", "--revision", "1").returncode, 73, "ABORTED")
    expect_equal(system.cli("user", "delete", made["id"], "--yes")["status"], "deleted")
    system.jeton("user", "show", made["id"], check=66)
    system.check_logs()


main(with_users)
