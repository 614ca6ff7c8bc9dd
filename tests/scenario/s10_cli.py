#!/usr/bin/python3
"""The command line: help, JSON forms, exit statuses, mistakes, secrets (R34, R46)."""
import json
import os
import pty
import re
import select
import stat
import shutil
import subprocess
import tempfile
import time

from errors import fails
from harness import BUILD, PATIENCE, SLOW, System, expect, expect_equal, main, test, wait_for

NOUNS = {
    "account": ("create", "list", "show", "edit", "suspend", "resume"),
    "user": ("create", "list", "show", "disable", "enable"),
    "module": ("create", "list", "enable", "disable"),
    "token": ("create", "list", "show", "edit", "logo", "rotate", "reveal", "reseal", "disable", "enable", "delete"),
    **{noun: ("create", "list", "show", "edit", "deactivate", "activate", "delete") for noun in ("market", "location", "group", "client")},
    "scope": ("resolve",), "prefix": ("list", "remove"),
    "login": (), "validate": (), "introspect": (), "health": (), "stats": (), "call": (), "describe": (),
    "audit": ("list", "show", "tail", "verify", "export"),
    "keys": ("init", "add", "replace", "remove", "reseal", "list", "rotate"),
    "db": ("migrate",), "init": (), "reload": (), "help": (), "completion": (),
}
TOKEN = re.compile(r"jtn_(live|test)_[A-Za-z0-9_-]{44}")


def create(system, *arguments, **more):
    return system.cli("token", "create", "--account", system.account, "--name", "Shop", "--kind", "service", "--module", "orders:read",
                      *arguments, **more)


@test("every command has help with examples")
def help_(system):
    text = system.jeton("--help", check=0).stdout
    for noun, verbs in NOUNS.items():
        expect(re.search(rf"^  {noun} ", text, re.M), f"{noun} is not in the help")
        for verb in verbs:
            expect_equal(system.jeton(noun, verb, "--help", check=0).stdout, system.jeton("help", noun, verb, check=0).stdout)
        for words in ([noun], *([noun, verb] for verb in verbs)):
            shown = system.jeton(*words, "--help", check=0).stdout
            expect("Examples:" in shown and f"jeton {' '.join(words)}" in shown, f"{words}: {shown}")
            expect(max(map(len, shown.splitlines())) < 140, f"{words}: long lines")
    for status in (0, 1, 2, 64, 65, 66, 69, 70, 73, 74, 75, 77, 78):
        expect(re.search(rf"\b{status}  ", text), f"exit status {status} is not explained")
    expect(re.match(r"jeton \d", system.jeton("--version", check=0).stdout), "--version")


@test("mistakes are told with what was meant")
def mistakes(system):
    for arguments, words in (
            ((), ("jeton --help",)),
            (("tokn",), ("did you mean \"jeton token\"",)),
            (("frobnicate",), ("jeton --help",)),
            (("token",), ("jeton token --help",)),
            (("token", "crate"), ("did you mean \"jeton token create\"",)),
            (("create", "token"), ("did you mean \"jeton token create\"",)),
            (("token", "list", "--all=3"), ("--all takes no value",)),
            (("token", "list", "--co=3"), ("--co",)),
            (("token", "list", "--s"), ("--status", "--sort")),
            (("token", "list", "-x"), ("option -x",)),
            (("token", "list", "--kind", "servic"), ("did you mean \"service\"",)),
            (("keys", "add", "x", "--role", "caller,caler"), ("\"caler\" is none of", "did you mean \"caller\"")),
            (("stats", "isuer"), ("\"isuer\" is none of", "did you mean \"issuer\"")),
            (("help", "token", "creat"), ("did you mean \"jeton token create\"",)),
            (("help", "--man", "token"), ("--man",)),
            (("completion", "fish"), ("none of bash, zsh",)),
            (("token", "list", "--acount", "x"), ("did you mean --account",)),
            (("token", "list", "--limit"), ("--limit needs a value",)),
            (("token", "list", "--limit", "many"), ("--limit", "many")),
            (("token", "list", "--limit", "0"), ("--limit",)),
            (("token", "list", "--kind", "big"), ("personal, service, base, test",)),
            (("token", "list", "more"), ("one word too many",)),
            (("token", "show"), ("TKN-", "missing")),
            (("token", "create", "--name", "x"), ("--account is missing",)),
            (("token", "list", "--kind", "test", "--kind", "base"), ("given twice",)),
            (("--timeout", "soon", "token", "list"), ("--timeout",)),
            (("token", "list", "--timeout", "-1"), ("--timeout",)),
            (("validate",), ("--module is missing",)),
            (("health", "proxy"), ("admin, issuer, validator, auditor, gateway",)),
            (("audit", "list", "--from", "yesterday"), ("--from", "yesterday"))):
        error = fails(system, 64, *arguments, says=words)
        expect_equal(error["code"], "USAGE", str(arguments))


@test("settings that are missing or wrong end with 78 and say what to do")
def settings(system):
    elsewhere = {"HOME": "/nonexistent"}
    # A copy: the tree of the build may have a local system of its own, which the program in it would find.
    with tempfile.TemporaryDirectory() as bare:
        program = shutil.copy(f"{BUILD}/bin/jeton", bare)
        run = subprocess.run([program, "account", "list"], cwd="/", env=system.environment(elsewhere), capture_output=True, text=True, timeout=30,
                             check=False)
    expect_equal(run.returncode, 78, run.stderr)
    expect("--config" in run.stderr, run.stderr)
    fails(system, 78, "--config", "/nonexistent", "account", "list", says=("/nonexistent",))
    fails(system, 78, "account", "list", environment={"JETON_CONFIG": "/nonexistent"}, says=("/nonexistent",))
    fails(system, 78, "account", "list", environment={"JETON_KEY": f"{system.keys}/curve/none.key"}, says=("none.key",))
    fails(system, 78, "account", "list", environment={"JETON_PEERS": "/nonexistent"}, says=("/nonexistent",))
    open_key = system.path("open.key_secret")
    with open(f"{system.keys}/curve/operator.key_secret", encoding="ascii") as f, open(open_key, "w", encoding="ascii") as g:
        g.write(f.read())
    os.chmod(open_key, 0o644)
    fails(system, 78, "account", "list", environment={"JETON_KEY": system.path("open.key")}, says=("chmod 600",))
    os.chmod(open_key, 0o600)
    system.jeton("account", "list", environment={"JETON_KEY": system.path("open.key")}, check=0)
    # From a directory below, relative paths, and a public key in place of ours.
    os.makedirs(system.path("deep", "er"), exist_ok=True)
    subprocess.run([f"{BUILD}/bin/jeton", "account", "list"], cwd=system.path("deep", "er"), env=system.environment(), capture_output=True,
                   timeout=30 * PATIENCE, check=True)
    with open(system.path("var", "jeton.conf"), encoding="ascii") as f, open(system.path("var", "relative.conf"), "w", encoding="ascii") as g:
        g.write(f.read().replace(system.path("var") + "/", ""))
    system.jeton("account", "list", "--config", system.path("var", "relative.conf"), check=0)


@test("objects are made and shown in the JSON forms that programs rely on")
def objects(system):
    for name in ("orders", "stock"):
        module = system.cli("module", "create", name, "--title", name.title())
        expect_equal(set(module), {"id", "name", "title", "created_at", "revision"})
    account = system.cli("account", "create", "--name", "Acme", "--module", "orders", "--token-limit", "77")
    system.account = account["id"]
    expect_equal((account["name"], account["status"], account["modules"], account["token_limit"]), ("Acme", "active", ["orders"], 77))
    expect_equal(system.cli("module", "enable", "stock", "--account", system.account)["modules"], ["orders", "stock"])
    expect_equal(system.cli("account", "show", system.account)["modules"], ["orders", "stock"])
    user = system.cli("user", "create", "--account", system.account, "--username", "alice", environment={"JETON_PASSWORD": "a long password"})
    expect_equal((user["username"], user["name"], user["role"], user["status"]), ("alice", "alice", "member", "active"))
    system.user = user["id"]
    system.cli("user", "create", "--account", system.account, "--username", "bot", "--role", "integration", "--no-password")
    expect_equal([u["username"] for u in system.cli("user", "list", "--account", system.account)], ["alice", "bot"])
    fails(system, 64, "user", "create", "--account", system.account, "--username", "nopass", says=("--no-password",))
    token = create(system, "--description", "d", "--expires", "2199-12-31", "--module", "stock:write")
    for member in ("id", "value", "status", "expires_at", "warnings", "name", "kind", "modules", "account_id"):
        expect(member in token, f"{member} is not in the token: {sorted(token)}")
    expect(TOKEN.fullmatch(token["value"]) and token["value"].startswith("jtn_live_"), "the value")
    expect_equal(token["expires_at"], 7258032000)
    expect_equal(token["modules"], [{"module": "orders", "access": "read"}, {"module": "stock", "access": "write"}])
    system.token = token
    shown = system.cli("token", "show", token["id"])
    expect("value" not in shown and shown["id"] == token["id"], "token show")
    expect_equal([t["id"] for t in system.cli("token", "list")], [token["id"]])
    expect_equal(system.cli("token", "list", "--status", "disabled"), [])
    outside = create(system, "--outside-party")
    expect(outside["warnings"] and outside["expires_at"] is None, f"no warning: {outside}")
    personal = system.cli("token", "create", "--account", system.account, "--name", "Mine", "--kind", "personal", "--owner", system.user)
    expect_equal((personal["owner_id"], personal["modules"]), (system.user, []))
    sandbox = system.cli("token", "create", "--account", system.account, "--name", "S", "--kind", "test", "--module", "orders", "--expires", "90d")
    expect(sandbox["value"].startswith("jtn_test_"), "the value of a test token")
    expect(abs(sandbox["expires_at"] - time.time() - 90 * 86400) < 600, "90d")


@test("tables are aligned, without colours when they do not go to a terminal")
def tables(system):
    lines = system.jeton("token", "list", check=0).stdout.splitlines()
    expect(lines[0].startswith("ID "), lines[0])
    column = lines[0].index("STATUS")
    expect(all(line[column:].startswith(("STATUS", "active")) for line in lines), "\n".join(lines))
    for line in [*lines, *system.jeton("health", check=0).stdout.splitlines()]:
        expect("\033" not in line and line == line.rstrip(), repr(line))
    run = system.jeton("token", "show", system.token["id"], check=0)
    expect(re.search(r"^MODULES +orders:read, stock:write$", run.stdout, re.M), run.stdout)
    run = create_as_text = system.jeton("token", "create", "--account", system.account, "--name", "T", "--kind", "base", "--module", "orders", check=0)
    expect_equal(len(TOKEN.findall(run.stdout)), 1, "values shown")
    expect("\nThis is the token's value. It is shown only now" in create_as_text.stderr, run.stderr)


@test("a field that a process refuses is named once, by its option; programs get its own name")
def fields(system):
    for field, option, arguments in (
            ("access_token_life_s", "--life", ("client", "create", "--account", system.account, "--name", "C", "--kind", "integration", "--life", "5")),
            ("account_id", "--account", ("user", "list", "--account", "nonsense")),
            ("name", "--name", ("account", "create", "--name", "x" * 200)),
            ("token_limit", "--token-limit", ("account", "edit", system.account, "--token-limit", "0")),
            ("expires_at", "--expires", ("token", "edit", system.token["id"], "--expires", "2020-01-01")),
            ("allow_list[0]", "--allow", ("token", "edit", system.token["id"], "--allow", "nowhere")),
            ("allow_list[1]", "--allow (value 2)", ("token", "edit", system.token["id"], "--allow", "192.0.2.0/24", "--allow", "nowhere")),
            ("rate_limit.per_minute", "--rate-limit", ("token", "edit", system.token["id"], "--rate-limit", "0")),
            ("id", "id", ("token", "show", "nonsense"))):
        run = system.jeton(*arguments, check=65)
        expect(re.fullmatch(rf"jeton: {re.escape(option)}: .*\(INVALID_ARGUMENT\)\n", run.stderr), run.stderr)
        details = json.loads(system.jeton("--json", *arguments, check=65).stderr)["error"]["details"]
        expect_equal([detail["field"] for detail in details], [field])


@test("lists follow their cursors")
def pages(system):
    account = system.cli("account", "create", "--name", "Many")["id"]
    for i in range(4):
        system.cli("user", "create", "--account", account, "--username", f"many{i}", "--no-password")
    names = [f"many{i}" for i in range(4)]
    expect_equal([u["username"] for u in system.cli("user", "list", "--account", account, "--all")], names)
    run = system.jeton("user", "list", "--account", account, "--limit", "2", check=0)
    expect_equal(len(run.stdout.splitlines()), 3)
    expect("--all" in run.stderr, run.stderr)
    expect_equal(len(system.cli("user", "list", "--account", account, "--limit", "4")), 4)
    expect_equal(system.cli("user", "list", "--account", "ACC-0000-0000", check=None)[0] in (0, 65, 66), True)


@test("the exit status tells what went wrong")
def statuses(system):
    error = fails(system, 65, "account", "create", "--name", "x" * 200, says=("name",))
    expect_equal(error["code"], "INVALID_ARGUMENT")
    expect(any(detail["field"] == "name" and detail["description"] for detail in error["details"]), f"details: {error}")
    expect_equal(fails(system, 66, "token", "show", "TKN-0000-0001")["code"], "NOT_FOUND")
    expect_equal(fails(system, 65, "token", "show", "nonsense")["code"], "INVALID_ARGUMENT")
    expect_equal(fails(system, 73, "module", "create", "orders")["code"], "ALREADY_EXISTS")
    expect_equal(fails(system, 73, "token", "enable", system.token["id"])["code"], "FAILED_PRECONDITION")
    caller = {"JETON_KEY": f"{system.keys}/curve/caller.key"}
    expect_equal(fails(system, 77, "token", "list", environment=caller)["code"], "PERMISSION_DENIED")
    expect_equal(fails(system, 77, "login", "alice", input="wrong password\n")["code"], "UNAUTHENTICATED")
    nobody = {"JETON_ADMIN": "tcp://127.0.0.1:9"}
    begin = time.monotonic()
    expect(fails(system, 69, "token", "list", "--timeout", "0.5", environment=nobody)["code"] in ("UNAVAILABLE", "DEADLINE_EXCEEDED"), "code")
    expect(time.monotonic() - begin < 6 * SLOW, "--timeout does not count")
    with open("/dev/full", "w", encoding="ascii") as full:
        run = subprocess.run([f"{BUILD}/bin/jeton", "token", "list"], cwd=system.directory, env=system.environment(), stdout=full,
                             stderr=subprocess.PIPE, text=True, timeout=30 * PATIENCE, check=False)
    expect_equal(run.returncode, 74, run.stderr)


@test("a change whose answer does not come may have happened, and the text says so")
def unknown(system):
    system["admin"].pause()
    try:
        run = system.jeton("account", "create", "--name", "Perhaps", "--timeout", "0.5")
        expect(run.returncode in (69, 70), f"{run.returncode}: {run.stderr}")
        # Nothing was sent when no connection came up; otherwise nobody knows.
        expect("may have happened" in run.stderr or "UNAVAILABLE" in run.stderr, run.stderr)
        expect("may have happened" not in run.stderr or "--idempotency-key " in run.stderr, run.stderr)
    finally:
        system["admin"].resume()


@test("validate: 0 is allow, 1 is deny; the token comes from standard input or the environment")
def validate(system):
    value = system.token["value"]
    reply = system.validate(value)
    for member, wanted in (("decision", "allow"), ("reason", "ok"), ("status", 200), ("token", system.token["id"]), ("account", system.account),
                           ("granted_access", "read")):
        expect_equal(reply[member], wanted, member)
    expect_equal(system.jeton("validate", "--module", "stock", "--access", "write", environment={"JETON_TOKEN": value}).returncode, 0)
    run = system.jeton("validate", "--module", "orders", "--access", "write", input=value + "\n", check=1)
    expect_equal(run.stdout.split()[:3], ["deny", "read_only", "(403)"])
    expect(system.token["id"] in run.stdout and system.account in run.stdout, run.stdout)
    expect_equal(system.jeton("validate", "--module", "orders", input=value, check=0).stdout.split()[:3], ["allow", "ok", "(200)"])
    reply = system.validate(value, environment="test")
    expect_equal((reply["decision"], reply["reason"], reply["status"]), ("deny", "wrong_environment", 403))
    system.validate(value, endpoint=system["validator"].endpoint, address="192.0.2.1")
    fails(system, 65, "validate", "--module", "orders", "--address", "nowhere", input=value)
    fails(system, 65, "validate", "--module", "orders", input="x" * 70000, says=("59999",))
    fails(system, 65, "validate", "--module", "orders", input="a\0b", says=("NUL",))
    fails(system, 69, "validate", "--module", "orders", "--endpoint", "tcp://127.0.0.1:9", "--timeout", "0.5", input=value)
    fails(system, 64, "validate", "--module", "orders", "--access", "execute", input=value, says=("read, write",))


@test("login gives a token that validates")
def login(system):
    reply = system.cli("login", "alice", input="a long password\n")
    expect_equal((reply["token_type"], reply["username"], reply["expires_in"]), ("Bearer", "alice", 3600))
    run = system.jeton("login", "--username", "alice", "--token-only", environment={"JETON_PASSWORD": "a long password"}, check=0)
    expect_equal(len(run.stdout.strip().split(".")), 3)
    expect_equal(system.validate(run.stdout)["user"], system.user)
    fails(system, 64, "login", input="x\n", says=("user name",))


@test("secrets among the arguments are refused, and overwritten")
def secrets(system):
    value = system.token["value"]
    for arguments in (("validate", "--module", "orders", value), ("token", "show", f"--x={value}"), (value,),
                      ("db", "migrate", "--url", "postgresql://owner:hunter22@localhost/x"), ("db", "migrate", "--url", "host=x password=hunter22")):
        run = system.jeton(*arguments, check=64)
        expect("standard input" in run.stderr and value not in run.stderr and "hunter22" not in run.stderr, run.stderr)
    # Its complaint goes to a pipe that is full, so that it can be looked at while it waits.
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b" " * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    process = subprocess.Popen([f"{BUILD}/bin/jeton", "validate", "--module", "orders", value], stdin=subprocess.DEVNULL, stderr=writing,
                               cwd=system.directory, env=system.environment())

    def arguments_shown():
        with open(f"/proc/{process.pid}/cmdline", encoding="ascii") as f:
            shown = f.read()
        return shown if "x" * len(value) in shown else None
    try:
        expect(value not in wait_for(arguments_shown, what="the arguments overwritten"), "the token is among the arguments")
        expect(process.poll() is None, "it did not wait")
    finally:
        process.kill()
        process.wait()
        os.close(reading)
        os.close(writing)


@test("a value goes into a new file of mode 0600, and nowhere else")
def value_file(system):
    path = system.path("value")
    run = system.jeton("token", "create", "--account", system.account, "--name", "F", "--kind", "base", "--module", "orders", "--value-file", path, check=0)
    expect(not TOKEN.search(run.stdout + run.stderr), "the value is shown")
    expect_equal(stat.S_IMODE(os.stat(path).st_mode), 0o600)
    with open(path, encoding="ascii") as f:
        value = f.read()
    expect_equal(system.validate(value)["decision"], "allow")
    before = len(system.cli("token", "list", "--all"))
    fails(system, 74, "token", "create", "--account", system.account, "--name", "F", "--kind", "base", "--module", "orders", "--value-file", path,
          says=("exists",))
    expect_equal(len(system.cli("token", "list", "--all")), before, "tokens")
    fails(system, 66, "token", "create", "--account", "ACC-0000-0001", "--name", "F", "--kind", "base", "--module", "orders",
          "--value-file", path + "2")
    expect(not os.path.exists(path + "2"), "the file of a token that was not made is there")


@test("what others wrote cannot steer the terminal")
def terminal(system):
    name = "evil \033]0;title\007\033[31m \u202e \u009b"
    account = system.cli("account", "create", "--name", name, check=None)[1]
    if account is None:
        return  # the server refuses such names
    for run in (system.jeton("account", "show", account["id"], check=0), system.jeton("--json", "account", "list", "--all", check=0)):
        for character in "\033\007\u202e\u009b":
            expect(character not in run.stdout, repr(run.stdout))
    expect_equal(system.cli("account", "show", account["id"])["name"], name)


def read_terminal(fd, until, timeout=10):
    """What comes from a terminal, until a text is in it."""
    text, deadline = "", time.monotonic() + timeout * PATIENCE
    while until not in text:
        expect(time.monotonic() < deadline, f"{until!r} is not in {text!r}")
        if select.select([fd], [], [], 0.1)[0]:
            try:
                text += os.read(fd, 4096).decode()
            except OSError:
                break
    return text


@test("on a terminal there are colours, questions, and no echo of secrets")
def on_terminal(system):
    def start(*arguments):
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(system.directory)
            os.execve(f"{BUILD}/bin/jeton", ["jeton", *arguments], {**system.environment(), "TERM": "xterm"})
        return pid, fd

    def end(pid, fd):
        try:
            while os.read(fd, 4096):
                pass
        except OSError:
            pass  # how a terminal tells that nobody is there any more
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    pid, fd = start("token", "show", system.token["id"])
    expect("\033[32mactive\033[0m" in read_terminal(fd, "REVISION"), "no colour")
    end(pid, fd)
    pid, fd = start("token", "show", system.token["id"], "--no-color")
    expect("\033" not in read_terminal(fd, "REVISION"), "colours all the same")
    end(pid, fd)
    pid, fd = start("validate", "--module", "orders")
    read_terminal(fd, "Token: ")
    os.write(fd, system.token["value"].encode() + b"\n")
    expect(system.token["value"] not in read_terminal(fd, "account"), "the token is echoed")
    expect_equal(end(pid, fd), 0)
    pid, fd = start("token", "delete", system.token["id"])
    read_terminal(fd, "final. [y/N] ")
    os.write(fd, b"n\n")
    read_terminal(fd, "nothing was deleted")
    expect_equal(end(pid, fd), 64)
    expect_equal(system.cli("token", "show", system.token["id"])["status"], "active")


@test("health and stats ask every process")
def health(system):
    rows = system.cli("health")
    expect_equal(sorted(row["service"] for row in rows), ["admin", "auditor", "issuer", "validator"])
    for row in rows:
        for member in ("service", "state", "reason", "version", "uptime_s", "instance", "endpoint"):
            expect(member in row, f"{member} is not in {row}")
    lines = system.jeton("health", check=0).stdout.splitlines()
    expect(lines[0].startswith("SERVICE") and len(lines) == 5, "\n".join(lines))
    expect_equal(len(system.cli("health", "validator")), 1)
    status, rows = system.cli("health", "validator", "--endpoint", "tcp://127.0.0.1:9", check=None)
    expect_equal((status, len(rows)), (69, 1))
    counters = system.cli("stats")
    expect_equal({row["service"] for row in counters}, {"admin", "auditor", "issuer", "validator"})
    expect(all(isinstance(row["value"], int) and row["name"] for row in counters), "counters")
    system["issuer"].stop()
    waiting = subprocess.Popen([f"{BUILD}/bin/jeton", "health", "--wait", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               cwd=system.directory, env=system.environment())
    expect_equal(system.jeton("health", "--timeout", "0.3").returncode, 69)
    system["issuer"].start(wait=False)
    expect_equal(waiting.wait(30 * PATIENCE), 0, "health --wait")


if __name__ == "__main__":
    main(System)
