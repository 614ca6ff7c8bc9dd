"""What is measured: one entry of ROWS each, and the functions that measure it. README.md tells what each means.

`floor` and `ours` take the bench (seconds of one measurement, sizes, systems) and give figures by name; `ours` gets the floor's of its own round
too. They are called in turn, round after round.
"""

import math
import os
import time
from collections import namedtuple
from json import loads

import floors
import https
from harness import expect
from systems import VALIDATOR

# name: "" where a row has one figure only. bound: "least", "most", or "" where there is no target; with a floor, of the ratio to it.
Figure = namedtuple("Figure", "name unit bound target", defaults=("", 0))
Row = namedtuple("Row", "name what beside figures floor ours")

IN_FLIGHT = 1024
USES_A_SECOND = 40000
LIMIT = 4096  # in_flight_limit of a client that sets none
REFRESHING = 32  # refresh tokens in flight, and clients of pgbench beside them
PREPARED = 1 << 20  # values that the load generator makes before it measures


def echos(in_flight):
    """The bare echo with frames as long as a validation's, over CURVE and without."""
    def measure(bench):
        frames = bench.system().frames()
        return {mode: floors.echo(mode, frames, in_flight, bench.seconds)["rate"] for mode in ("curve", "plain")}
    return measure


def validations(work):
    """Every one of them counted, which is looked at."""
    def measure(bench, _floor):
        system = bench.system()
        before = system.stat("validator", "journal.counted")
        rate = system.drive(work, bench.seconds, in_flight=IN_FLIGHT, prepared=PREPARED)["rate"]
        counted = system.stat("validator", "journal.counted") - before
        expect(counted >= rate * bench.seconds, f"{counted} uses only were counted of {rate * bench.seconds:.0f} validations")
        return {"curve": rate, "plain": rate}
    return measure


def echo_alone(bench):
    latency = floors.echo("curve", bench.system().frames(), 1, bench.seconds)["latency_us"]
    return {"p50": latency["p50"], "p99": latency["p99"]}


def validate_alone(bench, _floor):
    latency = bench.system().drive("validate", bench.seconds, in_flight=1)["latency_us"]
    return {"p50": latency["p50"], "p99": latency["p99"]}


def rate_of(tokens):
    def measure(bench, _floor=None):
        return {"": bench.system(getattr(bench, tokens)).drive("validate-batch", bench.seconds, in_flight=IN_FLIGHT)["rate"]}
    return measure


def pgbench(script, clients):
    def measure(bench):
        return {"": bench.system().pgbench().rate(script, clients, bench.seconds)}
    return measure


def misses(bench, _floor):
    """Each token is asked for once, in a validator that was just started."""
    system = bench.system()
    system.restart_validator(warm=False)
    before = system.stat("validator", "validator.lookups")
    rate = system.drive("validate-batch", bench.seconds, in_flight=IN_FLIGHT, order="sequence")["rate"]
    looked = system.stat("validator", "validator.lookups") - before
    expect(looked >= 0.95 * rate * bench.seconds, f"{looked} lookups only, for {rate} validations/s: they were no misses")
    system.restart_validator(warm=True)
    return {"": rate}


def made_up(bench, _floor):
    system = bench.system()
    before = system.stat("validator", "validator.lookups")
    rate = system.drive("validate-batch", bench.seconds, in_flight=IN_FLIGHT, order="made-up")["rate"]
    return {"rate": rate, "queries": system.stat("validator", "validator.lookups") - before}


def hits(bench):
    return {"rate": rate_of("tokens")(bench)[""]}


def verify(bench):
    return {"": floors.signatures("ecdsap256", "verify", max(1, bench.seconds // 2))}


ALGORITHMS = {"ES256": "ecdsap256", "EdDSA": "ed25519", "RS256": "rsa2048"}


def signed(bench):
    """Signatures alone, of as many bytes as a digest has."""
    return {name: floors.signatures(algorithm, "sign", max(1, bench.seconds // 5)) for name, algorithm in ALGORITHMS.items()}


def minted(bench, _floor):
    """Tokens, from claims to text."""
    return {name: floors.signing(name, max(1, bench.seconds // 5))["sign"] for name in ALGORITHMS}


def sign_alone(bench):
    rate = floors.signatures("ecdsap256", "sign", max(1, bench.seconds // 2))
    return {"rate": rate, "of a core": rate}


def client(system, form):
    """The path of a client's id and secret, which is made when it is asked for first."""
    path = system.path(f"client-{form}")
    if not os.path.exists(path):
        account = system.cli("account", "list")[0]["id"]
        made = system.cli("client", "create", "--account", account, "--name", f"bench {form}", "--kind", "integration", "--format", form, "--scope", "module:orders:read")
        with open(path, "w", encoding="ascii") as f:
            f.write(f"{made['id']} {made['secret']}")
    return path


def granted(bench, _floor):
    """Tokens of one client by client_credentials: looked up, authenticated, scoped, signed, counted."""
    system = bench.system()
    given, ran = system.stat("issuer", "issuer.grants"), system["issuer"].ran_s()
    result = system.drive("grant", bench.seconds, in_flight=64, value=client(system, "jwt"))
    ran = system["issuer"].ran_s() - ran
    given = system.stat("issuer", "issuer.grants") - given
    return {"rate": result["rate"], "of a core": given / ran, "p50": result["latency_us"]["p50"] / 1000, "p99": result["latency_us"]["p99"] / 1000}


def granted_by_rpc(bench):
    result = bench.system().drive("grant", bench.seconds, in_flight=https.CONNECTIONS, value=client(bench.system(), "jwt"))
    return {"rate": result["rate"], "p50": result["latency_us"]["p50"] / 1000, "p99": result["latency_us"]["p99"] / 1000}


def granted_over_https(bench, _floor):
    """The same tokens, asked for by HTTPS."""
    return https.grants(bench.system(), client(bench.system(), "jwt"), bench.seconds)


def answered(bench):
    return https.answers_alone(bench.system(), max(1, bench.seconds // 2))


def decided(bench, _floor):
    """One token, over and over, through the gateway."""
    return https.decisions(bench.system(), max(1, bench.seconds // 2))


def static_through_nginx(bench):
    return https.through_nginx(bench.system(), bench.seconds, static_decision=True)


def decided_through_nginx(bench, _floor):
    return https.through_nginx(bench.system(), bench.seconds)


def created(bench):
    """API tokens, as the row `creations` measures them."""
    rate = bench.system().drive("create", bench.seconds, in_flight=IN_FLIGHT)["rate"]
    bench.system().wait_audited()
    return {"rate": rate}


def granted_opaque(bench, _floor):
    """The same as `granted`, but for the signature: written down instead."""
    system = bench.system()
    before = int(system.sql("select count(*) from access_tokens"))
    result = system.drive("grant-opaque", bench.seconds, in_flight=IN_FLIGHT, value=client(system, "opaque"))
    rows = int(system.sql("select count(*) from access_tokens")) - before
    expect(rows >= 0.95 * result["rate"] * bench.seconds, f"{rows} rows only, for {result['rate']} tokens/s")
    return {"rate": result["rate"], "p50": result["latency_us"]["p50"] / 1000, "p99": result["latency_us"]["p99"] / 1000}


def tpcb(bench):
    return {"rate": bench.system().tpcb(REFRESHING if bench.judged else 1).rate(REFRESHING, bench.seconds)}


def refreshed(bench, _floor):
    """Refresh tokens that are used, and the next ones, and so on: each a family of its own."""
    system = bench.system()
    path = system.path("refreshing")
    if not os.path.exists(path):
        account = system.cli("account", "list")[0]["id"]
        market = system.cli("market", "create", "--account", account, "--name", "Bench", "--code", "bench")["id"]
        system.cli("customer", "create", "--account", account, "--email", "bench@shop.example", "--no-password")
        public = system.cli("client", "create", "--account", account, "--name", "refreshing", "--kind", "sales_channel", "--market", market,
                            "--scope", "module:orders:read")["id"]
    else:
        with open(path, encoding="ascii") as f:
            public = f.read().split()[0]
    with open(path, "w", encoding="ascii") as f:
        f.write(" ".join([public, *system.families("refreshing", "bench@shop.example", REFRESHING)]))
    result = system.drive("refresh", bench.seconds, in_flight=REFRESHING, value=path)
    return {"rate": result["rate"], "p50": result["latency_us"]["p50"] / 1000, "p99": result["latency_us"]["p99"] / 1000}


def jwt(bench, _floor):
    """One login token, over and over."""
    system = bench.system()
    path = system.path("login.jwt")
    if not os.path.exists(path):
        account = system.cli("account", "list")[0]["id"]
        system.cli("user", "create", "--account", account, "--username", "bench", "--name", "Bench", input="correct horse battery\n")
        value = system.jeton("login", "bench", "--token-only", input="correct horse battery\n", check=0).stdout
        with open(path, "w", encoding="ascii") as f:
            f.write(value)
    return {"": system.drive("validate-batch", bench.seconds, in_flight=IN_FLIGHT, value=path)["rate"]}


def start(bench, _floor):
    """From exec to the first health that says serving, as `jeton health` sees it: its own start is in it; and to when its memory is filled."""
    system = bench.system()
    system.wait_counted(["validator"])  # also where rounds are too short to be judged: it would read the same tables
    system["validator"].stop()
    began = time.monotonic()
    ready = system.start_validator(warm=True)
    warm = time.monotonic() - began
    kept = system.stat("validator", "validator.cache_entries")
    expect(kept >= 0.99 * system.tokens, f"{kept} tokens only are in memory")
    return {"ready": ready - began, "warm": warm}


def revocation(bench, _floor):
    """From commit to the first refusal by the last of three validators, while they have half of the load that they can take together."""
    system = bench.system()
    for name in ("validator2", "validator3"):
        if name not in system.services:
            system.add("validator", name, VALIDATOR).start()
    validators = [service.name for service in system.of_kind("validator")]
    system.wait_warm(validators)
    endpoints = system.endpoints("validator")
    full = system.drive("validate-single", bench.seconds, endpoints=endpoints, in_flight=IN_FLIGHT)["rate"]
    system.wait_counted(validators)  # what the peak left to do is no half load
    load = system.start_drive("validate-single", endpoints=endpoints, rate=int(full / 2), seconds=3600)
    count = 25 * bench.seconds
    first = system.take(count)
    try:
        output = floors.run([f"{floors.TOOLS}/revoke", f"{system.keys}/peers", f"{system.keys}/curve/operator.key",
                             f"{system.keys}/token-check.keys", system["admin"].endpoint, endpoints, system.url, first, count])
        expect(load.poll() is None, "the load ended before the revocations")
    finally:
        load.terminate()
        system.end_drive(load, 60, unanswered=True)
    seen = {number: times for number, *times in (map(int, row.split()) for row in output.splitlines())}
    committed = system.sql("select object, (extract (epoch from pg_xact_commit_timestamp (xid::xid)) * 1000000)::bigint from changes"
                           f" where kind = 'token' and object between {first} and {first + count - 1}").splitlines()
    expect(len(committed) == count == len(seen), f"{len(seen)} refusals of {count} tokens, {len(committed)} of which were committed")
    written = {int(number): int(at) for number, at in (row.split("|") for row in committed)}
    delays = {"": [refused - unseen for refused, _, _, unseen in seen.values()],
              "allow ": [allowed - unseen for _, _, allowed, unseen in seen.values()],
              "written ": [seen[number][0] - at for number, at in written.items()],
              "commit ": [seen[number][3] - at for number, at in written.items()]}
    figures = {}
    for name, delay in delays.items():
        delay.sort()
        figures[f"{name}p50"], figures[f"{name}p99"] = delay[count // 2] / 1000, delay[math.ceil(0.99 * count) - 1] / 1000
    return figures


def inserts(bench):
    rate = pgbench("insert", 32)(bench)[""]
    return {"": rate, "by hand": rate}


def creations(bench, _floor):
    """Ours, and beside it what is left when all but the inserts is left out: how much there would be to gain."""
    system = bench.system()
    rate = system.drive("create", bench.seconds, in_flight=IN_FLIGHT)["rate"]
    system.wait_audited()
    return {"": rate, "by hand": system.tokens_by_hand(4, bench.seconds)}


def uses(bench, *target):
    """As many rows of the access log as it takes some seconds to store; the same for the floor and ours of a round."""
    return floors.run([f"{floors.TOOLS}/uses", bench.system().uses + 1, USES_A_SECOND * bench.seconds, bench.used_at, *target], timeout=120)


def copied(bench):
    """psql's COPY of the rows, in one transaction, into a table with the same indexes."""
    system = bench.system()
    path = system.path("uses.copy")
    bench.used_at = int(time.time())  # uses of long ago would be shown as last accesses again and again
    system.sql("create table if not exists bench_use (like use_log including all)")
    with open(path, "w", encoding="ascii") as f:
        f.write(uses(bench))
    began = time.monotonic()
    floors.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", f"\\copy bench_use from '{path}'", system.url])
    return {"": USES_A_SECOND * bench.seconds / (time.monotonic() - began)}


def taken(bench, _floor):
    """From segments on disk to the acknowledgement of the last one, each committed; what the auditor does with them afterwards is waited for."""
    system = bench.system()
    logged = f"select coalesce(sum(count), 0) from use_log where second = {bench.used_at} and peer = 'gateway'"
    before = int(system.sql(logged))
    rate = float(uses(bench, f"{system.keys}/peers", f"{system.keys}/curve/gateway.key", system["auditor"].endpoint, system.path("bench.use")))
    system.uses += USES_A_SECOND * bench.seconds
    rows = int(system.sql(logged)) - before
    expect(rows == USES_A_SECOND * bench.seconds, f"{rows} rows more are in the log")
    system.wait_folded()
    return {"": rate}


def memory(tokens):
    """The validator's memory alone: hash, find, decide. No messages."""
    def measure(bench, _floor):
        found = loads(floors.run([f"{floors.TOOLS}/memory", getattr(bench, tokens), 4 * bench.seconds]))
        return {"alone": found["one_ns"], "batch": found["batch_ns"], "bytes": found["bytes"]}
    return measure


def engine(bench, _floor):
    """The validator's work on batches of 64 that have come, without the network; and on such of made-up tokens."""
    return {name: loads(floors.run([f"{floors.TOOLS}/engine", bench.tokens, 8 * bench.seconds, 64, *more]))["rate"]
            for name, more in (("good", ()), ("made-up", ("made-up",)))}


def peak(bench):
    return {"throughput": bench.system().drive("validate-single", bench.seconds, in_flight=IN_FLIGHT)["rate"]}


def overload(bench, floor):
    """Three times as many calls a second as were answered at the peak, whether or not the answers keep up, from a client that has as many in
    progress as the library allows to whoever sets nothing. It shares the cores, and may not get so far as to begin them all on time."""
    result = bench.system().drive("validate-single", bench.seconds, unanswered=True, rate=int(3 * floor["throughput"]), warm_ms=1000,
                                  limit=LIMIT, scheduled="no")
    return {"throughput": result["rate"], "accepted p99": result["latency_us"]["p99"] / 1000, "refused p99": result["refused_us"]["p99"] / 1000,
            "unanswered": result["failed"] + result["left"]}


ROWS = (
    Row("validations", "validations/s, 1,024 in flight, gathered by the client", "bare echo of as many frames in flight",
        (Figure("curve", "1/s", "least", 3.0), Figure("plain", "1/s", "least", 1.0)), echos(IN_FLIGHT), validations("validate")),
    Row("validations-single", "validations/s, each a call of its own, 1,024 in flight", "bare echo of as many frames in flight",
        (Figure("curve", "1/s"), Figure("plain", "1/s")), echos(IN_FLIGHT), validations("validate-single")),
    Row("one-at-a-time", "one validation at a time", "bare CURVE echo",
        (Figure("p50", "µs", "most", 1.25), Figure("p99", "µs", "most", 1.25)), echo_alone, validate_alone),
    Row("many-tokens", "validations/s, 10 million tokens in the table", "10 thousand tokens",
        (Figure("", "1/s", "least", 1 / 1.3),), rate_of("tokens_few"), rate_of("tokens_many")),
    Row("misses", "validations/s, each token once, from PostgreSQL", "pgbench select, 8 clients",
        (Figure("", "1/s", "least", 1.0),), pgbench("select", 8), misses),
    Row("made-up", "made-up tokens/s", "good tokens/s",
        (Figure("rate", "1/s", "least", 1.0), Figure("queries", "", "most", 0)), hits, made_up),
    Row("jwt", "validations/s of one login token", "openssl speed, ECDSA P-256 verify, one core", (Figure("", "1/s"),), verify, jwt),
    Row("jwt-sign", "JWTs made/s of one core, from claims to text", "openssl speed, sign, one core",
        (Figure("ES256", "1/s", "least", 0.8), Figure("EdDSA", "1/s"), Figure("RS256", "1/s")), signed, minted),
    Row("jwt-grants", "tokens by client_credentials/s, 64 in flight, one issuer", "openssl speed, ECDSA P-256 sign, one core",
        (Figure("rate", "1/s", "least", 0.8), Figure("of a core", "1/s"), Figure("p50", "ms"), Figure("p99", "ms")), sign_alone, granted),
    Row("https-grants", "tokens by client_credentials/s over HTTPS, 64 connections that are kept", "the same by RPC, 64 in flight",
        (Figure("rate", "1/s"), Figure("p50", "ms"), Figure("p99", "ms"), Figure("gateway", "µs")), granted_by_rpc, granted_over_https),
    Row("forward-auth", "decisions/s by jeton-gateway, 64 connections that are kept", "libmicrohttpd alone, which answers 200",
        (Figure("plain", "1/s", "least", 0.7), Figure("tls", "1/s", "least", 0.7), Figure("plain gateway", "µs"), Figure("tls gateway", "µs")), answered, decided),
    Row("forward-auth-nginx", "requests/s through nginx over TLS to an API that does nothing, asking jeton-gateway", "the same, asking what says 204",
        (Figure("rate", "1/s", "least", 0.7),), static_through_nginx, decided_through_nginx),
    Row("opaque-grants", "opaque tokens by client_credentials/s, durable, 1,024 in flight, one issuer", "API tokens created/s, 1,024 in flight",
        (Figure("rate", "1/s", "least", 0.9), Figure("p50", "ms"), Figure("p99", "ms")), created, granted_opaque),
    Row("refresh", "refresh tokens used/s, durable, 32 in flight, one issuer", "pgbench's default transaction, 32 clients",
        (Figure("rate", "1/s"), Figure("p50", "ms"), Figure("p99", "ms")), tpcb, refreshed),
    Row("memory", "find a token in memory and decide: one, and one of 64", None,
        (Figure("alone", "ns"), Figure("batch", "ns"), Figure("bytes", "B", "most", 160)), None, memory("tokens")),
    Row("memory-many", "the same of 10 million tokens", None,
        (Figure("alone", "ns"), Figure("batch", "ns"), Figure("bytes", "B", "most", 160)), None, memory("tokens_many")),
    Row("engine", "unpack, find, decide, count, pack: validations/s of one core", None,
        (Figure("good", "1/s", "least", 2000000), Figure("made-up", "1/s")), None, engine),
    Row("start", "validator with 1 million tokens, all used before", None,
        (Figure("ready", "s", "most", 1.0), Figure("warm", "s", "most", 3.0)), None, start),
    Row("revocation", "commit to last refusal, 3 validators at half load", None,
        (Figure("p50", "ms"), Figure("p99", "ms", "most", 10.0), Figure("allow p50", "ms"), Figure("allow p99", "ms"),
         Figure("written p50", "ms"), Figure("written p99", "ms"), Figure("commit p50", "ms"), Figure("commit p99", "ms")), None, revocation),
    Row("creations", "tokens created/s, durable, 1,024 in flight", "pgbench insert, 32 clients",
        (Figure("", "1/s", "least", 2.0), Figure("by hand", "1/s")), inserts, creations),
    Row("access-log", "rows of use taken/s, from segments into PostgreSQL", "psql \\copy of the same rows",
        (Figure("", "1/s", "least", 0.7),), copied, taken),
    Row("overload", "three times the peak, open loop", "peak, closed loop, 1,024 in flight",
        (Figure("throughput", "1/s", "least", 0.9), Figure("accepted p99", "ms"), Figure("refused p99", "ms"), Figure("unanswered", "", "most", 0)),
        peak, overload),
)
