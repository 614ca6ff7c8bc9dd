#!/usr/bin/python3
"""The processes start, say how they are, refuse what is wrong with one clear sentence, and end."""
# valgrind
import os
import socket
import subprocess

from harness import BUILD, OTHERS, SERVICES, Skip, System, expect, expect_equal, main, test, wait_for


def run(system, kind, *arguments, environment=None, wrap=()):
    service = system[kind]
    return subprocess.run([*wrap, f"{BUILD}/bin/jeton-{kind}", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          cwd=system.directory, env=system.environment({**service.environment, **(environment or {})}), check=False)


def expect_refusal(result, status, *words):
    expect_equal(result.returncode, status, f"exit status ({result.stderr.strip()})")
    for word in words:
        expect(word in result.stderr, f"{word!r} is not in {result.stderr.strip()!r}")
    expect(len(result.stderr.strip().splitlines()) <= 3, f"more than a sentence: {result.stderr}")


@test("all processes serve")
def serve(system):
    expect_equal(sorted(row["service"] for row in system.health()), sorted((*SERVICES, *OTHERS)))
    # An auditor stands by until it has the writers' lock.
    wait_for(lambda: {row["state"] for row in system.health()} == {"serving"}, what="all serving")


@test("jeton health tells who does not answer, and how they are by its exit status")
def unhealthy(system):
    system["issuer"].stop()
    status, rows = system.cli("health", check=None)
    expect(status != 0, "exit status 0 although the issuer is down")
    states = {row["service"]: row["state"] for row in rows}
    expect(states.pop("issuer") in ("unavailable", "deadline_exceeded"), f"the issuer is said to be well: {rows}")
    expect(set(states.values()) <= {"serving", "standby"}, f"others are said not to be well: {rows}")
    system["issuer"].start()
    system.cli("health", check=0)


@test("--help, --version and --settings answer and exit")
def help_(system):
    for kind in (*SERVICES, *OTHERS):
        own = "bind_tls" if kind == "gateway" else "database_url"
        for flag, word in (("--help", f"--{own.replace('_', '-')}"), ("--version", "."), ("--settings", f"`{own}`")):
            result = run(system, kind, flag)
            expect_equal(result.returncode, 0, f"jeton-{kind} {flag}")
            expect(word in result.stdout, f"jeton-{kind} {flag} does not say {word}: {result.stdout[:300]}")


@test("-n checks the settings and exits")
def check_settings(system):
    for kind in (*SERVICES, *OTHERS):
        conf = system[kind].conf_path
        expect_equal(run(system, kind, "--config", conf, "-n").returncode, 0, f"jeton-{kind} -n")
        expect_refusal(run(system, kind, "--config", conf, "-n", "--in-flight-limit=many"), 64, "in_flight_limit")


@test("wrong settings are refused, with the source and the key")
def wrong_settings(system):
    conf = system["admin"].conf_path
    expect_refusal(run(system, "admin", "--config", conf, "--no-such-setting=1"), 64, "no-such-setting")
    expect_refusal(run(system, "admin", "--config", conf, "stray"), 64, "stray")
    expect_refusal(run(system, "admin", "--config", conf, environment={"JETON_DATABASE_CONNECTIONS": "-1"}), 64, "database_connections")
    expect_refusal(run(system, "admin", "--config", system.path("absent.conf")), 64, "absent.conf")
    bad = system.path("bad.conf")
    with open(bad, "w", encoding="utf-8") as f:
        f.write("bind = tcp://127.0.0.1:1\nthis is no setting\n")
    expect_refusal(run(system, "admin", "--config", bad), 64, "bad.conf", "2")


@test("a key or peers file that is missing, empty or open to others is refused by name")
def wrong_files(system):
    conf = system["admin"].conf_path
    empty = system.path("empty")
    with open(empty, "wb"):
        os.chmod(empty, 0o600)
    for key in ("peers", "key", "token_keys"):
        flag = f"--{key.replace('_', '-')}"
        # An empty peers file is one that nobody is in.
        for path in (system.path("absent"), *([empty] if key != "peers" else [])):
            result = run(system, "admin", "--config", conf, "--bind=tcp://127.0.0.1:*", f"{flag}={path}")
            expect(result.returncode in (64, 69, 78), f"exit status {result.returncode} with {flag}={path}: {result.stderr}")
            expect(path in result.stderr, f"{path} is not named: {result.stderr.strip()}")
    shown = system.path("shown.keys")
    with open(f"{system.keys}/token-check.keys", encoding="ascii") as source, open(shown, "w", encoding="ascii") as f:
        f.write(source.read())
    os.chmod(shown, 0o644)
    result = run(system, "admin", "--config", conf, "--bind=tcp://127.0.0.1:*", f"--token-keys={shown}")
    expect(result.returncode in (64, 69, 78) and shown in result.stderr, f"a key that all may read: {result.returncode}, {result.stderr.strip()}")


@test("a port that is taken is named, with the setting to change")
def port_taken(system):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for kind in (*SERVICES, *OTHERS):
            result = run(system, kind, "--config", system[kind].conf_path, f"--bind=tcp://127.0.0.1:{port}")
            expect_refusal(result, 69, str(port), "setting bind:", "end the process that uses it")
        result = run(system, "gateway", "--config", system["gateway"].conf_path, "--bind=tcp://127.0.0.1:*", f"--bind-tls=127.0.0.1:{port}")
        expect_refusal(result, 69, str(port), "setting bind_tls:", "end the process that uses it")


@test("without the right to bind a port below 1024, the refusal says which right that is; a port that nobody may have, why")
def port_refused(system):
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="utf-8") as f:
        if int(f.read()) <= 1023:
            raise Skip("here everybody may bind any port")
    bare = ["setpriv", "--bounding-set=-net_bind_service"] if os.geteuid() == 0 else []
    for kind, flags in (("admin", ["--bind=tcp://127.0.0.1:1023"]), ("gateway", ["--bind=tcp://127.0.0.1:*", "--bind-tls=127.0.0.1:1023"])):
        result = run(system, kind, "--config", system[kind].conf_path, *flags, wrap=bare)
        expect_refusal(result, 69, "1023", "CAP_NET_BIND_SERVICE")
    expect_refusal(run(system, "admin", "--config", system["admin"].conf_path, "--bind=tcp://192.0.2.1:7103"), 69, "192.0.2.1", "does not have the address")


@test("a process without a database answers that it is starting, and why")
def no_database(system):
    other = system.add("admin", "admin2", {"database_url": f"host={system.path('nowhere')} dbname=jeton user=jeton_admin"})
    try:
        other.start(wait=False)
        other.wait_healthy(("starting",))
        wait_for(lambda: next(row for row in system.health() if row["endpoint"] == other.endpoint)["reason"], what="a reason in its health")
        other.stop()
    finally:
        system.remove("admin2")


@test("SIGHUP reloads and SIGTERM ends, with exit status 0")
def signals(system):
    import signal
    for service in system.services.values():
        service.signal(signal.SIGHUP)
        service.wait_healthy()
        service.stop()
        service.start()


main(lambda: System({"gateway": 1}))
