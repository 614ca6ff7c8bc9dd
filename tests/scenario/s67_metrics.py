#!/usr/bin/python3
"""Metrics and health of every process, by the gateway (R46): what /metrics shows, what it costs when somebody hangs, when /readyz says yes.

`s67_metrics.py --write` writes the table of services/gateway/METRICS.md from what a system shows.
"""
import json
import re
import subprocess
import sys
import threading

from harness import PATIENCE, SLOW, TOP, System, expect, expect_equal, main, test, wait_for
from wire import Dealer, envelope

import validator_pb2

DOCUMENT = f"{TOP}/services/gateway/METRICS.md"
TABLE = re.compile(r"(?<=^<!-- metrics -->\n)(.*?)(?=^<!-- end -->$)", re.M | re.S)
SAMPLE = re.compile(r'^(?P<name>[a-z_0-9]+)\{(?P<labels>[^}]*)\} (?P<value>\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
VALIDATE, BATCH = "jeton.v1.Validator/Validate", "jeton.v1.Validator/ValidateBatch"


def get(system, path, timeout=15):
    gateway = system["gateway"]
    return gateway.request("GET", path, connection=gateway.connect("status", timeout=timeout))


def scrape(system):
    response = get(system, "/metrics")
    expect_equal((response.status, response.headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
    return response.body.decode()


def samples(text):
    """{(name, labels in their order): value}"""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = SAMPLE.match(line)
            expect(match, f"no sample: {line}")
            key = match["name"], tuple(LABEL.findall(match["labels"]))
            expect(key not in found, f"twice: {line}")
            found[key] = float(match["value"])
    return found


def value(found, name, **labels):
    """The sum of those that have these labels among theirs."""
    return sum(number for (its, pairs), number in found.items() if its == name and set(labels.items()) <= set(pairs))


def address(service):
    return service.endpoint.removeprefix("tcp://")


def shown(text):
    """What the table says: (name, type, labels beside service and instance, help)."""
    kinds, helps, labels = {}, {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            kinds[name] = kind
        elif line.startswith("# HELP "):
            _, _, name, what = line.split(" ", 3)
            helps[name] = what
    for name, pairs in samples(text):
        family = name if name in kinds else name.rsplit("_", 1)[0]
        labels.setdefault(family, set()).update(label for label, _ in pairs if label not in ("service", "instance", "le"))
    return {(name, kinds[name], ", ".join(sorted(labels[name])), helps[name]) for name in kinds}


def table(text):
    rows = [f"| `{name}` | {kind} | {labels} | {what} |\n" for name, kind, labels, what in sorted(shown(text))]
    return "| metric | type | labels | what it is |\n|---|---|---|---|\n" + "".join(rows)


def start():
    system = System({"gateway": 1, "validator": 2}, {"gateway": {"status_timeout_ms": str(int(2000 * SLOW))}, "auditor": {"outbox_poll_ms": "20"}})
    system.cli("module", "create", "orders")
    account = system.cli("account", "create", "--name", "Acme", "--module", "orders")["id"]
    system.value = system.cli("token", "create", "--account", account, "--name", "a secret name", "--kind", "service", "--module", "orders:read")["value"]
    return system


@test("each process and instance is shown, and promtool finds nothing to say")
def all_shown(system):
    def followed():
        return value(samples(scrape(system)), "jeton_validator_writers_followed") == 4
    wait_for(followed, 20, "each validator follows admin and issuer")
    text = scrape(system)
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30 * PATIENCE, check=False)
    expect_equal((checked.returncode, checked.stdout + checked.stderr), (0, ""), "promtool")
    found = samples(text)
    for service in system.services.values():
        at = {"service": service.kind, "instance": address(service)}
        expect_equal(value(found, "jeton_up", **at), 1, f"up of {service.name}")
        expect_equal(value(found, "jeton_serving", **at), 1, f"serving of {service.name}")
        expect_equal(value(found, "jeton_build_info", **at), 1, f"build of {service.name}")
        expect(value(found, "jeton_process_resident_bytes", **at) > 1e6, f"memory of {service.name}")
        expect(value(found, "jeton_process_cpu_seconds_total", **at) > 0, f"processor time of {service.name}")
        if service.kind != "gateway":
            expect(value(found, "jeton_db_connections", **at) >= 1, f"connections of {service.name}")
    for validator in system.of_kind("validator"):
        at = {"instance": address(validator)}
        expect(value(found, "jeton_validator_known_age_seconds", **at) <= value(found, "jeton_validator_known_limit_seconds", **at) == 5, "freshness")
        expect_equal((value(found, "jeton_validator_writers", **at), value(found, "jeton_validator_writers_followed", **at)), (2, 2))
    for kind in ("admin", "issuer"):
        expect_equal(value(found, "jeton_feed_followers", service=kind), 2, f"who follows {kind}")
    expect_equal(scrape(system).count("# TYPE"), text.count("# TYPE") + ("jeton_client_call_seconds" not in text), "what the second look finds more")


@test("calls are counted exactly, by method, code and instance")
def counted(system):
    one, two = system.of_kind("validator")
    dealers = {one: Dealer(system, one), two: Dealer(system, two)}
    before = samples(scrape(system))

    def more(name, validator, **labels):
        at = {"service": "validator", "instance": address(validator), **labels}
        return value(after, name, **at) - value(before, name, **at)

    good = validator_pb2.ValidateRequest(token=system.value, module="orders")
    for _ in range(7):
        expect_equal(dealers[one].call(VALIDATE, good).code, envelope.CODE_OK)
    for _ in range(3):
        expect_equal(dealers[two].call(VALIDATE, good).code, envelope.CODE_OK)
    for _ in range(2):
        expect_equal(dealers[two].call(VALIDATE, b"\xff").code, envelope.CODE_INVALID_ARGUMENT)
    batch = validator_pb2.ValidateBatchRequest(requests=[good] * 40)
    for _ in range(5):
        expect_equal(dealers[one].call(BATCH, batch).code, envelope.CODE_OK)
    after = samples(scrape(system))
    expect_equal([more("jeton_rpc_handled_total", v, method=VALIDATE, code="OK") for v in (one, two)], [7, 3])
    expect_equal([more("jeton_rpc_handled_total", v, method=VALIDATE, code="INVALID_ARGUMENT") for v in (one, two)], [0, 2])
    expect_equal([more("jeton_rpc_handled_total", v, method=BATCH, code="OK") for v in (one, two)], [5, 0])
    expect_equal([more("jeton_rpc_handling_seconds_count", v, method=VALIDATE) for v in (one, two)], [7, 3], "how long they took")
    expect_equal([more("jeton_rpc_handling_seconds_bucket", v, method=BATCH, le="+Inf") for v in (one, two)], [5, 0])
    expect_equal([more("jeton_validator_allowed_total", v) for v in (one, two)], [207, 3])
    expect_equal([more("jeton_validator_cache_hits_total", v) + more("jeton_validator_cache_misses_total", v) for v in (one, two)], [207, 3])
    expect_equal([more("jeton_journal_counted_total", v) for v in (one, two)], [207, 3])
    expect_equal(value(after, "jeton_http_requests_total") - value(before, "jeton_http_requests_total"), 1, "scrapes")
    for dealer in dealers.values():
        dealer.close()
    for (name, labels), number in after.items():
        if name.endswith("_bucket") and dict(labels)["le"] == "+Inf":
            at = {label: text for label, text in labels if label != "le"}
            expect_equal(value(after, name.replace("_bucket", "_count"), **at), number, f"{name} {labels}")
    rows = system.cli("stats", "validator", "--endpoint", one.endpoint)
    row = next(r for r in rows if r["name"] == "rpc.handling_us" and f"method={BATCH}" in r["labels"])
    expect(row["value"] == 5 and row["kind"] == "histogram" and 0 < row["mean"] and row["p50"] <= row["p99"], f"{row}")
    expect_equal(next(r["value"] for r in rows if r["name"] == "rpc.handled" and f"method={BATCH}" in r["labels"]), 5)


@test("no metric has a secret, a token or a name of anybody in it (R46)")
def nothing_secret(system):
    text = scrape(system) + get(system, "/readyz").body.decode()
    for forbidden in (system.value, system.value[:16], "a secret name", "Acme", "ACC-", "TKN-", "jtn_"):
        expect(forbidden not in text, f"{forbidden} is in the metrics")


def ready(system, query=""):
    response = get(system, "/readyz" + query)
    services = response.json()["services"]
    return response.status, {name for name, service in services.items() if not service["ready"]}


@test("ready while each service has an instance that serves; which have not is said")
def readiness(system):
    expect_equal(ready(system), (200, set()))
    expect_equal(get(system, "/healthz").body, b"ok\n")
    issuer, (one, two) = system["issuer"], system.of_kind("validator")
    issuer.kill()
    wait_for(lambda: ready(system) == (503, {"issuer"}), 20, "not ready without an issuer")
    listed = get(system, "/readyz").json()["services"]["issuer"]["instances"]
    expect_equal([(i["instance"], i["state"]) for i in listed], [(address(issuer), "unreachable")])
    expect_equal(ready(system, "?service=validator"), (200, set()), "who needs validators only")
    expect_equal(ready(system, "?service=issuer"), (503, {"issuer"}))
    expect_equal(get(system, "/readyz?service=isuer").status, 400)
    expect_equal(value(samples(scrape(system)), "jeton_up", service="issuer", instance=address(issuer)), 0)
    expect_equal(get(system, "/healthz").status, 200)
    issuer.start()
    wait_for(lambda: ready(system) == (200, set()), 20, "ready again")
    one.kill()
    wait_for(lambda: value(samples(scrape(system)), "jeton_up", service="validator", instance=address(one)) == 0, 20, "down")
    expect_equal(ready(system), (200, set()), "one validator is left")
    two.kill()
    wait_for(lambda: ready(system) == (503, {"validator"}), 20, "not ready without a validator")
    one.start()
    two.start()
    wait_for(lambda: ready(system) == (200, set()), 20, "ready again")


@test("a process that hangs is down, and holds up neither the others' figures nor the gateway")
def hanging(system):
    one, two = system.of_kind("validator")
    wait_for(lambda: value(samples(scrape(system)), "jeton_up", service="validator") == 2, 20, "both are up")
    one.pause()
    try:
        results = []

        def look():
            results.append(scrape(system))
        # Several at once: they share what is asked.
        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        expect_equal(get(system, "/healthz").status, 200)
        for thread in threads:
            thread.join()
        expect_equal(len(results), 8)
        for text in results:
            found = samples(text)
            expect_equal([value(found, "jeton_up", instance=address(v)) for v in (one, two)], [0, 1])
            expect(value(found, "jeton_process_uptime_seconds", instance=address(two)) > 0, "the others' figures")
            expect_equal(value(found, "jeton_process_uptime_seconds", instance=address(one)), 0)
        expect_equal(ready(system), (200, set()))
    finally:
        one.resume()
    wait_for(lambda: value(samples(scrape(system)), "jeton_up", instance=address(one)) == 1, 20, "up again")


@test("only the listener for the monitoring has it, for GET and HEAD; more than metrics_limit is refused")
def elsewhere(system):
    gateway = system["gateway"]
    for path in ("/metrics", "/healthz", "/readyz"):
        for listener in ("tls", "proxy"):
            expect_equal(gateway.request("GET", path, listener=listener).status, 404, f"{path} by {listener}")
        expect_equal(gateway.request("POST", path, body=b"", listener="status").status, 405)
        response = gateway.request("HEAD", path, listener="status")
        expect_equal((response.status, response.body), (200, b""))
    usual = dict(gateway.settings)
    try:
        gateway.settings["status_instances"] = "2"
        gateway.restart()
        expect_equal(sum(name == "jeton_up" for name, _ in samples(scrape(system))), 3, "two, and the gateway")
        gateway.settings.update(status_instances="256", metrics_limit="65536")
        gateway.restart()
        response = wait_for(lambda: (r := get(system, "/metrics")).status == 503 and r, 20, "more than the limit")
        expect("metrics_limit" in json.loads(response.body)["detail"], response.body)
    finally:
        gateway.settings = usual
        gateway.restart()
    wait_for(lambda: ready(system) == (200, set()), 20, "ready")


@test("the table of METRICS.md has a row for each metric, and none besides")
def documented(system):
    scrape(system)
    text = scrape(system)
    with open(DOCUMENT, encoding="utf-8") as f:
        written = f.read()
    if "--write" in sys.argv:
        with open(DOCUMENT, "w", encoding="utf-8") as f:
            f.write(TABLE.sub(lambda _: table(text), written))
        return
    rows = {tuple(cell.strip(" `") for cell in line.strip("|\n").split("|")) for line in TABLE.search(written)[1].splitlines()[2:]}
    expect_equal(sorted(shown(text) ^ rows), [], "tests/scenario/s67_metrics.py --write writes the table")


if __name__ == "__main__":
    main(start)
