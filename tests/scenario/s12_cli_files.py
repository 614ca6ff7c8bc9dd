#!/usr/bin/python3
"""The command line and what it reads and writes beside the processes: exported trails (R38, R41), key files, settings (R34)."""
import json
import os
import re
import signal
import stat
import subprocess
import time

from errors import fails
from harness import BUILD, PATIENCE, System, expect, expect_equal, main, test, wait_for


def create(system):
    return system.cli("token", "create", "--account", system.account, "--name", "Shop", "--kind", "service", "--module", "orders:read")


@test("there is something to look for in the trail")
def prepare(system):
    system.cli("module", "create", "orders")
    system.account = system.cli("account", "create", "--name", "Acme", "--module", "orders")["id"]
    system.token = create(system)


@test("audit: list, show with the object before and after, tail")
def audit(system):
    made = create(system)
    records = wait_for(lambda: system.cli("audit", "list", "--object", made["id"]), what="the record")
    expect_equal(len(records), 1)
    record = system.cli("audit", "show", records[0]["id"])
    expect_equal(record["before"], None)
    expect_equal((record["after"]["id"], record["after"]["kind"]), (made["id"], "service"))
    expect_equal(record["object"]["id"], made["id"])
    system.cli("token", "disable", made["id"])
    wait_for(lambda: len(system.cli("audit", "list", "--object", made["id"])) == 2, what="the second record")
    record = system.cli("audit", "list", "--object", made["id"], "--event", "platform.tokens.token.disabled")[0]
    expect_equal((record["before"]["status"], record["after"]["status"]), ("active", "disabled"))
    text = system.jeton("audit", "show", record["id"], check=0).stdout
    expect("before: {" in text and "\"status\": \"disabled\"" in text, text)
    expect_equal(system.cli("audit", "list", "--event", "platform.nothing"), [])
    expect(system.cli("audit", "list", "--account", system.account, "--from", "1h", "--limit", "3"), "--from 1h")
    expect_equal(system.cli("audit", "list", "--until", "2020-01-01"), [])
    expect_equal(fails(system, 66, "audit", "show", "AUD-9999-9999-9999-9999")["code"], "NOT_FOUND")
    run = system.jeton("--json", "audit", "tail", "--after", "0", "--count", "3", check=0)
    expect_equal([json.loads(line)["sequence"] for line in run.stdout.splitlines()], [1, 2, 3])
    run = system.jeton("audit", "tail", "--after", "AUD-0000-0000-0000-0001", "--count", "1", check=0)
    expect(run.stdout.startswith("AUD-0000-0000-0000-0002 ") and len(run.stdout.splitlines()) == 1, run.stdout)


@test("audit tail goes on through a restart of the auditor without a gap, and ends well when interrupted")
def tail(system):
    path = system.path("tail")
    with open(path, "w", encoding="utf-8") as out:
        process = subprocess.Popen([f"{BUILD}/bin/jeton", "--json", "audit", "tail", "--after", "0"], stdout=out, stderr=subprocess.PIPE,
                                   cwd=system.directory, env=system.environment())

    def seen():
        with open(path, encoding="utf-8") as f:
            return [json.loads(line)["sequence"] for line in f if line.endswith("\n")]
    try:
        wait_for(seen, what="the first records")
        system["auditor"].restart()
        made = create(system)
        newest = wait_for(lambda: system.cli("audit", "list", "--object", made["id"]), what="the record")[0]["sequence"]
        wait_for(lambda: seen()[-1] >= newest, 15, "the record in the tail")
        expect_equal(seen(), list(range(1, len(seen()) + 1)))
        process.send_signal(signal.SIGINT)
        expect_equal(process.wait(10 * PATIENCE), 0, "exit status after an interrupt")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@test("audit export and verify: online, offline, from a pipe")
def export(system):
    path = system.path("trail.jsonl")
    system.jeton("audit", "export", "--output", path, check=0)
    with open(path, encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    records = [line for line in lines if "sequence" in line]
    expect_equal([r["sequence"] for r in records], list(range(1, len(records) + 1)))
    for member in ("record", "digest", "columns", "decoded"):
        expect(member in records[0], f"{member} is not in {records[0]}")
    expect(records[0]["decoded"]["event"] == records[0]["columns"]["event"], "decoded")
    text = system.jeton("audit", "export", check=0).stdout
    expect_equal([json.loads(line).get("sequence") for line in text.splitlines()][:len(records)][0], 1)
    online = system.cli("audit", "verify")
    expect(online["ok"] and online["records"] >= len(records), f"{online}")
    offline = system.cli("audit", "verify", path, "--key", f"{system.keys}/checkpoint.pub")
    expect_equal((offline["ok"], offline["records"]), (True, len(records)))
    piped = system.jeton("audit", "verify", "-", input=text, check=0)
    expect("holds together" in piped.stdout, piped.stdout)
    # Without any process: everything that is needed is in the file and the key.
    run = system.jeton("audit", "verify", path, "--key", f"{system.keys}/checkpoint.pub", check=0, environment={"JETON_CONFIG": "/nonexistent"})
    expect(f"{len(records)} records" in run.stdout, run.stdout)
    fails(system, 66, "audit", "verify", "/nonexistent", says=("/nonexistent",))
    fails(system, 78, "audit", "verify", path, "--key", "/nonexistent", says=("/nonexistent",))
    fails(system, 74, "audit", "export", "--output", "/nonexistent/file")
    system.trail = path


@test("a changed, cut or reordered export fails and the record is named")
def damaged(system):
    with open(system.trail, encoding="utf-8") as f:
        lines = f.readlines()
    numbers = [i for i, line in enumerate(lines) if line.startswith("{\"sequence\"")]
    third = numbers[2]
    name = "AUD-0000-0000-0000-0003"
    path = system.path("damaged.jsonl")

    def expect_failure(changed, *words):
        with open(path, "w", encoding="utf-8") as g:
            g.writelines(changed)
        run = system.jeton("audit", "verify", path, check=1)
        for word in words:
            expect(word in run.stderr, f"{word!r} is not in {run.stderr!r}")
        told = system.cli("audit", "verify", path, check=1)
        expect(told["ok"] is False and told["problem"], f"{told}")

    entry = json.loads(lines[third])
    swapped = entry["record"][:40] + ("A" if entry["record"][40] != "A" else "B") + entry["record"][41:]
    expect_failure(lines[:third] + [json.dumps({**entry, "record": swapped}) + "\n"] + lines[third + 1:], name, f":{third + 1}:")
    expect_failure(lines[:third] + lines[third + 1:], name)
    expect_failure([lines[1], lines[0]] + lines[2:], "AUD-0000-0000-0000-0001")
    expect_failure(lines[:third] + [json.dumps({**entry, "columns": {**entry["columns"], "actor_id": "nobody"}}) + "\n"] + lines[third + 1:], name, "actor_id")
    expect_failure(lines[:third] + [json.dumps({**entry, "decoded": {**entry["decoded"], "summary": "nothing happened"}}) + "\n"] + lines[third + 1:], "decoded")
    expect_failure(lines[:third] + ["{\n"] + lines[third:], f":{third + 1}:", "JSON")
    expect_failure(["\x00\n"], ":1:")
    expect_failure(["[" * 100000 + "\n"], ":1:")
    run = system.jeton("audit", "verify", system.trail, "--reaches", "999999", check=1)
    expect("999999" in run.stderr.replace("-", ""), run.stderr)


@test("verify fails when the trail is cut below the last checkpoint, and when it was signed with another key")
def cut(system):
    covered = wait_for(lambda: system.cli("audit", "verify")["covered"], 90, "a checkpoint")
    path, keys = system.path("signed.jsonl"), system.path("other-keys")
    system.jeton("audit", "export", "--output", path, check=0)
    system.jeton("audit", "verify", path, "--reaches", str(covered), check=0)
    with open(path, encoding="utf-8") as f:
        lines = f.readlines()
    last = max(i for i, line in enumerate(lines) if json.loads(line).get("sequence") == covered)
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(lines[:last] + lines[last + 1:][:1])
    run = system.jeton("audit", "verify", path, check=1)
    expect("cut" in run.stderr, run.stderr)
    system.jeton("keys", "init", keys, check=0)
    run = system.jeton("audit", "verify", "--key", f"{keys}/checkpoint.pub", check=1)
    expect("another key" in run.stderr, run.stderr)


@test("keys init makes all key files once, private, and adds what is missing")
def keys_init(system):
    directory = system.path("keys")
    made = system.cli("keys", "init", directory)["made"]
    expect(len(made) > 20, f"{made}")
    names = {os.path.join(path, name) for path, _, files in os.walk(directory) for name in files}

    def content():
        return {name: open(name, "rb").read() for name in names}

    before = content()
    expect_equal(system.cli("keys", "init", directory)["made"], [])
    expect_equal(content(), before)
    public = {f"{directory}/{name}" for name in ("peers", "checkpoint.pub", "tls.pem", "tls-ca.pem")} | {name for name in names if name.endswith(".key") and "/curve/" in name}
    for name in names:
        expect_equal(oct(stat.S_IMODE(os.stat(name).st_mode)), oct(0o644 if name in public else 0o600), name)
    for path in (directory, f"{directory}/curve"):
        expect_equal(oct(stat.S_IMODE(os.stat(path).st_mode)), oct(0o700), path)
    for name, form in (("token-check.keys", rb"[0-9a-f]{32}\n"), ("seal.keys", rb"1 [0-9a-f]{64}\n"), ("checkpoint.key", rb"[0-9a-f]{64}\n"),
                       ("checkpoint.pub", rb"[0-9a-f]{64}\n"), ("database-admin", rb"[A-Za-z0-9_-]{32}\n"), ("database-validator", rb"[A-Za-z0-9_-]{32}\n")):
        expect(re.fullmatch(form, before[f"{directory}/{name}"]), f"the form of {name}")
    peers = {}
    for line in before[f"{directory}/peers"].decode().splitlines()[1:]:
        key, name, roles = line.split()
        peers[name] = roles
        expect(f'"{key}"' in before[f"{directory}/curve/{name}.key"].decode(), f"the key of {name}")
    expect_equal(peers, {"issuer": "service", "validator": "service", "admin": "service", "auditor": "service", "gateway": "gateway,service",
                         "operator": "operator", "caller": "caller"})
    lost = [f"{directory}/database-issuer", f"{directory}/checkpoint.pub", f"{directory}/curve/caller.key"]
    for name in lost:
        os.unlink(name)
    expect_equal(sorted(system.cli("keys", "init", directory)["made"]), sorted(lost))
    after = content()
    expect_equal({name for name in names if before[name] != after[name]} - {f"{directory}/curve/caller.key"}, {f"{directory}/database-issuer"})
    os.unlink(f"{directory}/curve/admin.key_secret")
    fails(system, 73, "keys", "init", directory, says=("admin.key_secret",))
    fails(system, 73, "keys", "init", "/nonexistent/keys")


@test("keys add makes one more peer, whom the processes know after SIGHUP")
def keys_add(system):
    system.jeton("keys", "add", "shop", "--role", "caller", check=0)
    expect_equal(system.cli("keys", "add", "shop", "--role", "caller")["made"], [])
    for name, role in (("../x", "caller"), ("x y", "caller"), ("", "caller"), (".x", "caller"), ("x", "boss"), ("x", "caller operator"), ("x", "caller\ny")):
        fails(system, 64, "keys", "add", name, "--role", role)
    expect(not os.path.exists(f"{system.keys}/curve/x.key"), "a key for a role that is none")
    system["validator"].signal(signal.SIGHUP)
    shop = {"JETON_KEY": f"{system.keys}/curve/shop.key"}
    wait_for(lambda: system.jeton("validate", "--module", "orders", "--timeout", "2", input=system.token["value"], environment=shop).returncode == 0,
             15, "the new peer")


@test("keys replace, remove and reseal change what they say and nothing else")
def keys_change(system):
    directory = system.path("changed")
    system.jeton("keys", "init", directory, check=0)

    def content():
        return {os.path.relpath(os.path.join(path, name), directory): open(os.path.join(path, name), "rb").read()
                for path, _, files in os.walk(directory) for name in files}

    def change(*arguments):
        before = content()
        system.jeton("keys", *arguments, "--dir", directory, check=0)
        after = content()
        for name in after:
            public = name in ("peers", "checkpoint.pub", "tls.pem", "tls-ca.pem") or name.endswith(".key") and name.startswith("curve/")
            expect_equal(oct(stat.S_IMODE(os.stat(f"{directory}/{name}").st_mode)), oct(0o644 if public else 0o600), name)
        return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}

    with open(f"{directory}/peers", "a", encoding="ascii") as f:
        f.write("# rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7 caller caller\n  rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7 shop caller # mine")
    expect_equal(change("replace", "admin"), {"peers", "curve/admin.key", "curve/admin.key_secret"})
    expect_equal(change("replace", "shop"), {"peers", "curve/shop.key", "curve/shop.key_secret"})
    peers = content()["peers"].decode().splitlines()
    for name in ("admin", "shop"):
        key = re.search(r'public-key = "(.*)"', content()[f"curve/{name}.key_secret"].decode())[1]
        expect(any(line.split()[:2] == [key, name] for line in peers), f"the line of {name}: {peers}")
    expect(peers[-2].startswith("# rq:") and peers[-1].endswith(" shop caller # mine"), f"{peers}")
    expect_equal(change("remove", "shop"), {"peers", "curve/shop.key", "curve/shop.key_secret"})
    expect_equal(content()["peers"].decode().splitlines(), peers[:-1])
    for verb in ("replace", "remove"):
        fails(system, 73, "keys", verb, "shop", "--dir", directory, says=("shop",))
        fails(system, 64, "keys", verb, "../x", "--dir", directory)
    first = content()["seal.keys"]
    expect_equal(change("reseal"), {"seal.keys"})
    sealed = content()["seal.keys"]
    expect(sealed.startswith(first) and re.fullmatch(rb"2 [0-9a-f]{64}\n", sealed[len(first):]), "the second key")
    for _ in range(14):
        system.jeton("keys", "reseal", "--dir", directory, check=0)
    fails(system, 73, "keys", "reseal", "--dir", directory, says=("seal.keys", "16"))


@test("init gives each process its own files, and can be repeated")
def init(system):
    directory, to = system.path("all"), system.path("handed")
    names = ("issuer", "validator", "admin", "auditor", "gateway", "operator", "shop", "postgres", "proxy", "unknown")
    for name in names:
        os.makedirs(f"{to}/{name}")
    outcome = system.cli("init", directory, "--to", to, "--no-database")
    expect_equal(outcome["schema"], None)

    def handed():
        return {name: {f: stat.S_IMODE(os.stat(f"{to}/{name}/{f}").st_mode) for f in os.listdir(f"{to}/{name}")} for name in names}

    own = {"issuer": ["token-check.keys", "seal.keys", "database-issuer"], "validator": ["token-check.keys", "database-validator"],
           "admin": ["token-check.keys", "seal.keys", "database-admin"], "auditor": ["checkpoint.key", "database-auditor"], "gateway": ["tls.key"], "operator": []}
    wanted = {name: {"peers": 0o644, f"{name}.key": 0o644, f"{name}.key_secret": 0o600, **{f: 0o600 for f in files}} for name, files in own.items()}
    wanted["operator"].update({"checkpoint.pub": 0o644, "tls-ca.pem": 0o644})
    wanted["gateway"]["tls.pem"] = 0o644
    wanted.update(shop={}, postgres={"database-owner": 0o440}, proxy={"tls.key": 0o600, "tls.pem": 0o644}, unknown={})
    expect_equal(handed(), wanted)
    expect_equal(system.cli("init", directory, "--to", to, "--no-database")["made"], [])
    system.jeton("keys", "add", "shop", "--role", "caller", "--dir", directory, check=0)
    made = system.cli("init", directory, "--to", to, "--no-database")["made"]
    expect_equal(set(made), {f"{to}/{name}/peers" for name in (*own, "shop")} | {f"{to}/shop/shop.key", f"{to}/shop/shop.key_secret"})
    os.chmod(f"{to}/admin/admin.key_secret", 0o644)
    expect_equal(system.cli("init", directory, "--to", to, "--no-database")["made"], [f"{to}/admin/admin.key_secret"])
    # The database: the owner needs no password here, and the passwords of the roles become those of the directory.
    outcome = system.cli("init", system.keys, "--wait", "5", environment={"JETON_DATABASE_URL": system.url})
    expect_equal(outcome["schema"]["applied"], [])
    began = time.monotonic()
    fails(system, 69, "init", system.keys, "--url", "host=/nonexistent dbname=x", "--wait", "1", says=("cannot be reached",))
    expect(time.monotonic() - began > 1, "it did not wait")
    fails(system, 64, "init", system.keys, says=("JETON_DATABASE_URL",))
    fails(system, 73, "init", "/nonexistent/keys", "--no-database")
    fails(system, 73, "init", directory, "--to", "/nonexistent", "--no-database", says=("/nonexistent",))


@test("reload makes a process read its settings again, and leaves others alone")
def reload(system):
    log = system["admin"].log().count("peers reloaded")
    system.jeton("reload", "--pid", system["admin"].process.pid, check=0)
    wait_for(lambda: system["admin"].log().count("peers reloaded") == log + 1, what="the reload")
    fails(system, 69, "reload", "--pid", os.getpid(), says=("none of Jeton's",))


@test("the signing keys are listed")
def signing_keys(system):
    keys = wait_for(lambda: (lambda rows: rows if len(rows) >= 2 else None)(system.cli("keys", "list")), what="the keys")
    expect_equal({key["state"] for key in keys}, {"active", "pending"})
    expect_equal(fails(system, 73, "keys", "rotate")["code"], "FAILED_PRECONDITION")


@test("db migrate says what is wrong")
def migrate(system):
    fails(system, 64, "db", "migrate", says=("JETON_DATABASE_URL",))
    fails(system, 69, "db", "migrate", "--url", "host=/nonexistent dbname=x")
    outcome = system.cli("db", "migrate", environment={"JETON_DATABASE_URL": system.url})
    expect_equal(outcome["applied"], [])


if __name__ == "__main__":
    main(System)
