#!/usr/bin/python3
"""Malformed, truncated, oversized and endless input: it costs its sender an error, and the server nothing."""
import base64
import json
import random
import socket

from harness import SLOW, System, expect, expect_equal, main, test, wait_for
from wire import Dealer, envelope

import admin_pb2
import health_pb2
import validator_pb2

FRAMES = 100000 if SLOW == 1 else 20000
CHECK = health_pb2.CheckRequest()


def alive(system, service):
    dealer = Dealer(system, service)
    reply = dealer.call("jeton.v1.Health/Check", CHECK)
    dealer.close()
    expect(reply is not None and reply.code == envelope.CODE_OK, f"{service.name} does not serve any more")


def good_frame():
    message = envelope.ClientMessage()
    request = validator_pb2.ValidateRequest(token="jtn_live_" + "A" * 44, module="orders", client_address="192.0.2.1")
    message.request.id, message.request.method, message.request.body = 7, "jeton.v1.Validator/Validate", request.SerializeToString()
    message.request.metadata.add(key="traceparent", value="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    return message.SerializeToString()


def several(n):
    """A frame of n requests; the replies may come together, too."""
    message = envelope.ClientMessage()
    for i in range(n):
        one = message.several.requests.add()
        one.CopyFrom(envelope.ClientMessage.FromString(good_frame()).request)
        one.id, one.gather = 100 + i, True
    return message.SerializeToString()


def mutations(seed, n):
    """Truncated, changed, doubled and made-up frames, the same for a seed."""
    rng = random.Random(seed)
    frames_good = [good_frame(), several(3)]
    for _ in range(n):
        good = rng.choice(frames_good)
        kind = rng.randrange(4)
        if kind == 0:
            yield good[:rng.randrange(len(good))]
        elif kind == 1:
            frame = bytearray(good)
            for _ in range(rng.randrange(1, 8)):
                frame[rng.randrange(len(frame))] = rng.randrange(256)
            yield bytes(frame)
        elif kind == 2:
            at = rng.randrange(len(good))
            yield good[:at] + rng.randbytes(rng.randrange(64)) + good[at:]
        else:
            yield rng.randbytes(rng.randrange(200))


def bombard(system, service, seed, n):
    dealer = Dealer(system, service, "operator")
    for i, frame in enumerate(mutations(seed, n)):
        dealer.socket.send(frame)
        if i % 256 == 255:
            while dealer.socket.poll(0):
                dealer.socket.recv()
    # What was sent before has been taken when this is answered.
    wait_for(lambda: getattr(dealer.call("jeton.v1.Health/Check", CHECK), "code", None) == envelope.CODE_OK, 60, "the end of the queue")
    dealer.close()


@test(f"{FRAMES} malformed or truncated frames leave a server serving, with no growth of memory")
def frames(system):
    service = system["validator"]
    bombard(system, service, 1, FRAMES // 5)
    settled = service.memory()
    bombard(system, service, 2, FRAMES)
    grown = service.memory() - settled
    print(f"# resident memory: {settled >> 10} KiB, grown by {grown >> 10} KiB")
    expect(grown < 4 << 20 or SLOW != 1, f"memory grew by {grown >> 10} KiB")
    alive(system, service)


@test("malformed frames leave each of the other processes serving")
def others(system):
    for i, kind in enumerate(("admin", "issuer", "auditor")):
        bombard(system, system[kind], 10 + i, FRAMES // 20)
        alive(system, system[kind])


@test("each kind of malformed message is answered with INVALID_ARGUMENT")
def answered(system):
    service = system["admin"]
    dealer = Dealer(system, service)

    def expect_invalid(what, *parts):
        dealer.socket.send_multipart(parts)
        reply = dealer.receive()
        expect(reply is not None, f"{what}: no answer")
        expect_equal(envelope.Code.Name(reply.code), "CODE_INVALID_ARGUMENT", what)
        expect(reply.message, f"{what}: no text")
    expect_invalid("empty", b"")
    expect_invalid("no message", b"\xff\xff\xff")
    expect_invalid("truncated", good_frame()[:-3])
    expect_invalid("two frames", good_frame(), b"x")
    expect_invalid("a delimiter", b"", good_frame())
    expect_invalid("nothing in it", envelope.ClientMessage().SerializeToString())
    message = envelope.ClientMessage()
    message.several.SetInParent()
    expect_invalid("several that are none", message.SerializeToString())
    expect_invalid("more than 32", several(33))
    expect_invalid("several, cut short", several(3)[:-1])
    expect_invalid("several, and one besides", several(2) + good_frame())
    expect_invalid("several of several", b"\x22\x06\x22\x04\x0a\x02\x08\x07")
    message = envelope.ClientMessage()
    message.request.method = "jeton.v1.Health/Check"
    expect_invalid("id 0", message.SerializeToString())
    message.request.id = 9
    for _ in range(17):
        message.request.metadata.add(key="k", value="v")
    expect_invalid("17 pairs of metadata", message.SerializeToString())
    del message.request.metadata[:]
    message.request.metadata.add(key="k", value="v" * 4097)
    expect_invalid("a long value", message.SerializeToString())
    del message.request.metadata[:]
    message.request.method = "jeton.v1.Admin/CreateAccount"
    for what, body in (("NUL in a string", b"\x0a\x03a\x00b"), ("no UTF-8", b"\x0a\x02\xc3\x28"), ("surrogate", b"\x0a\x03\xed\xa0\x80"),
                       ("cut string", b"\x0a\x7fabc"), ("endless varint", b"\x10" + b"\xff" * 11), ("group", b"\x0b"), ("field 0", b"\x00\x01")):
        message.request.body = body
        expect_invalid(what, message.SerializeToString())
    message.request.body = b"\x0a" + b"\xff\xff\x03" + b"a" * 65535
    expect_invalid("a body of more than 64 KiB", message.SerializeToString())
    dealer.close()
    alive(system, service)


@test("an oversized frame costs its sender the connection, and nobody else anything")
def oversized(system):
    service = system["admin"]
    neighbour = Dealer(system, service)
    expect_equal(neighbour.call("jeton.v1.Health/Check", CHECK).code, envelope.CODE_OK)
    dealer = Dealer(system, service)
    dealer.socket.send(b"x" * (8 << 20))
    expect(dealer.receive(0.3) is None, "an oversized frame was answered")
    expect_equal(neighbour.call("jeton.v1.Health/Check", CHECK).code, envelope.CODE_OK)
    dealer.close()
    neighbour.close()


@test("bytes that are no ZMTP, and connections that say nothing, disturb nobody")
def not_zmtp(system):
    service = system["validator"]
    rng = random.Random(3)
    open_ones = []
    for i in range(200):
        s = socket.create_connection(("127.0.0.1", service.port))
        if i % 2:
            s.sendall(rng.randbytes(rng.randrange(1, 500)))
        else:
            s.sendall((b"GET / HTTP/1.1\r\n\r\n", b"\xff" + b"\0" * 8 + b"\x7f\x03\x00CURVE", b"")[i % 3])
        open_ones.append(s)
    alive(system, service)
    for s in open_ones:
        s.close()
    alive(system, service)


@test("a flood of requests on one connection is bounded: the surplus is RESOURCE_EXHAUSTED, all are answered")
def flood(system):
    service = system["validator"]
    dealer = Dealer(system, service, "caller")
    request = validator_pb2.ValidateRequest(token="jtn_live_" + "A" * 44, module="orders")
    n = 5000
    for _ in range(n):
        dealer.send("jeton.v1.Validator/Validate", request)
    codes = {}
    for _ in range(n):
        reply = dealer.receive(20)
        expect(reply is not None, f"answers are missing: {codes}")
        codes[envelope.Code.Name(reply.code)] = codes.get(envelope.Code.Name(reply.code), 0) + 1
    expect(set(codes) <= {"CODE_OK", "CODE_RESOURCE_EXHAUSTED"}, f"{codes}")
    dealer.close()
    alive(system, service)


@test("the service's own rules: values that are none are refused by the field's name")
def fields(system):
    dealer = Dealer(system, system["validator"], "caller")
    for request, field in ((validator_pb2.ValidateRequest(token="x"), "module"),
                           (validator_pb2.ValidateRequest(token="x", module="Orders"), "module"),
                           (validator_pb2.ValidateRequest(token="x", module="o" * 65), "module"),
                           (validator_pb2.ValidateRequest(token="x", module="orders", client_address="1.2.3"), "client_address"),
                           (validator_pb2.ValidateRequest(token="x", module="orders", access=9), "access"),
                           (validator_pb2.ValidateRequest(token="x", module="orders", environment=-1), "environment")):
        reply = dealer.call("jeton.v1.Validator/Validate", request)
        expect_equal((envelope.Code.Name(reply.code), [d.field for d in reply.details]), ("CODE_INVALID_ARGUMENT", [field]))
    batch = validator_pb2.ValidateBatchRequest(requests=[validator_pb2.ValidateRequest(module="orders"), validator_pb2.ValidateRequest()])
    reply = dealer.call("jeton.v1.Validator/ValidateBatch", batch)
    expect_equal([d.field for d in reply.details], ["requests[1].module"])
    reply = dealer.call("jeton.v1.Validator/ValidateBatch", validator_pb2.ValidateBatchRequest(requests=[validator_pb2.ValidateRequest(module="o")] * 257))
    expect_equal(envelope.Code.Name(reply.code), "CODE_INVALID_ARGUMENT")
    batch = validator_pb2.ValidateBatchRequest(requests=[validator_pb2.ValidateRequest(module="o", token=t) for t in ("", "x", "", "y")])
    reply = validator_pb2.ValidateBatchReply.FromString(dealer.call("jeton.v1.Validator/ValidateBatch", batch).body)
    expect_equal([r.status for r in reply.replies], [401] * 4)
    expect_equal([r.reason for r in reply.replies], [validator_pb2.REASON_MISSING, validator_pb2.REASON_MALFORMED] * 2)
    reply = validator_pb2.ValidateBatchReply.FromString(dealer.call("jeton.v1.Validator/ValidateBatch", b"").body)
    expect_equal(len(reply.replies), 0)
    dealer.close()


@test("signed tokens that nobody has signed are refused, whatever their headers leave out or say")
def made_up_tokens(system):
    service = system["validator"]
    dealer = Dealer(system, service, "caller")

    def made_up(header, claims=b"{}"):
        return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, claims, b"s" * 64))
    good = {"alg": "ES256", "typ": "at+jwt"}
    for header in (good, {**good, "kid": ""}, {**good, "kid": "another"}, {**good, "kid": "A" * 43}, {**good, "kid": "A" * 44},
                   {**good, "kid": "../key"}, {**good, "kid": None}, {**good, "kid": 1}, {**good, "alg": "none"}, {**good, "alg": "HS256"},
                   {**good, "crit": ["x"]}, {**good, "typ": "JWT"}, {**good, "jwk": {}}, {}):
        request = validator_pb2.ValidateRequest(token=made_up(json.dumps(header).encode()), module="orders")
        reply = dealer.call("jeton.v1.Validator/Validate", request)
        expect(reply is not None, f"no answer to {header}")
        expect_equal(validator_pb2.ValidateReply.FromString(reply.body).status, 401, str(header))
    dealer.close()
    alive(system, service)


def told(system, *statements):
    """Rows changed by hand, and the validator told of it, as whoever changes rows by hand has to."""
    dealer = Dealer(system, system["validator"])

    def readings():
        reply = dealer.call("jeton.v1.Stats/Get", health_pb2.GetStatsRequest())
        return next(s.value for s in health_pb2.GetStatsReply.FromString(reply.body).stats if s.name == "validator.readings")
    for statement in statements:
        system.sql(statement)
    system.sql("insert into changes (kind, object, account, revision) select 'account', number, number, revision from accounts")
    before = readings()
    wait_for(lambda: readings() >= before + 2, 10, "the validator reading the table of changes")
    dealer.close()


@test("rows that no process of ours would write cost an answer, and no process")
def hostile_rows(system):
    system.cli("module", "create", "orders")
    account = system.cli("account", "create", "--name", "Acme", "--module", "orders")["id"]
    value = system.cli("token", "create", "--account", account, "--name", "t", "--kind", "service", "--module", "orders:read")["value"]
    system.cli("user", "create", "--account", account, "--username", "erin", "--name", "Erin", input="correct horse battery\n")
    system.cli("login", "--username", "erin", input="correct horse battery\n")

    # A number that cannot be shown as an id.
    number = system.sql("select number from users where username = 'erin'")
    system.sql("update users set number = 100000000 where username = 'erin'")
    for password in ("correct horse battery", "wrong"):
        expect(system.jeton("login", "--username", "erin", input=password + "\n").returncode not in (0, 70), "a user without an id signed in")
    expect(system.jeton("user", "list").returncode != 0, "a user without an id is listed")
    system.sql(f"update users set number = {number} where username = 'erin'")
    told(system, "alter table token_modules drop constraint token_modules_account_token_fkey; update tokens set number = 100000000")
    expect_equal(system.validate(value)["status"], 403)  # its grants have gone with its number
    told(system, "update tokens set number = 1")

    # Numbers for what is made next.
    for table, command in (("accounts", ("account", "create", "--name", "B")), ("modules", ("module", "create", "stock")),
                           ("users", ("user", "create", "--account", account, "--username", "u", "--name", "U")),
                           ("tokens", ("token", "create", "--account", account, "--name", "u", "--kind", "service", "--module", "orders:read"))):
        system.sql(f"alter table {table} alter number set maxvalue 200000000; alter table {table} alter number restart with 100000000")
        expect(system.jeton(*command, input="").returncode != 0, f"{command[0]} without an id made")
        system.sql(f"alter table {table} alter number restart with 10; alter table {table} alter number set maxvalue 99999999")

    # States and times that there are not.
    system.sql("alter table tokens drop constraint tokens_status_check; alter table tokens drop constraint tokens_kind_check;"
               "alter table tokens drop constraint tokens_check; alter table tokens drop constraint tokens_check1")
    for column, values in (("status", (0, 4, 9, -1, 300)), ("kind", (0, 9, -1, 300)), ("environment", (0, 3, -1, 300)),
                           ("expires_at", ("'infinity'", "'-infinity'", "'1970-01-01 UTC'", "'4713-01-01 BC'", "now() - interval '1 s'"))):
        before = system.sql(f"select coalesce(quote_literal({column}::text), 'null') from tokens")
        for bad in values:
            told(system, f"update tokens set {column} = {bad}")
            if column != "kind":  # which decides nothing
                expect_equal(system.validate(value)["decision"], "deny", f"{column} = {bad}")
            system.jeton("token", "list")
        told(system, f"update tokens set {column} = {before}")
    expect_equal(system.validate(value)["status"], 200)
    told(system, "update tokens set old_digest = digest, digest = sha256('x'), grace_until = now() + interval '1 h', last_rotated_at = now()")
    expect_equal(system.validate(value)["status"], 200)
    for bad in ("'infinity'", "'-infinity'", "'1970-01-01 UTC'", "'1970-01-01 00:00:00.4 UTC'", "'4713-01-01 BC'", "now()"):
        told(system, f"update tokens set grace_until = {bad}")
        expect_equal(system.validate(value)["decision"], "deny", f"grace_until = {bad}")
    told(system, "update tokens set digest = old_digest, old_digest = null, grace_until = null, last_rotated_at = null")
    expect_equal(system.validate(value)["status"], 200)

    # Keys that are none.
    system.sql("insert into signing_keys (kid, algorithm, state, public_key, private_key, retired_at) values"
               " ('', 'ES256', 3, '', '', now()), ('x', 'ES256', 3, '\\x00', '\\x00', now()), (repeat('k', 100), 'ES256', 3, '', '', now())")
    system.jeton("keys", "list")
    wait_for(lambda: "cannot be used" in system["validator"].log(), 10, "the keys to be read")
    # Records that are none, and a trail whose end is no number of ours.
    system.sql("insert into outbox (record) values (''), ('\\xffff'), ('\\x0a'), (decode(repeat('00', 70000), 'hex'))")
    wait_for(lambda: system.sql("select count(*) from outbox") == "0", 10, "the outbox to be taken")
    system.jeton("audit", "list", check=0)
    system.jeton("audit", "verify", check=0)
    # A trail that ends where the numbers of records do: 16 digits.
    system.sql(f"insert into trail values ({9999999999999999 - 4096}, '', repeat('x', 32)::bytea, '', '', '', '', 0, 0)")
    system["auditor"].restart()
    system.sql("insert into outbox (record) select '' from generate_series(1, 5000)")
    wait_for(lambda: "the database refuses the writer" in system["auditor"].log(), 30, "the end of the numbers")
    expect(system.sql("select count(*) > 0 from outbox") == "t", "records were taken that have no number")
    system.sql("insert into trail values (-1, '', repeat('x', 32)::bytea, '', '', '', '', 0, 0), (9223372036854775807, '', repeat('x', 32)::bytea, '', '', '', '', 0, 99)")
    system.jeton("audit", "list")
    system.jeton("audit", "verify")
    system["auditor"].restart()
    system.jeton("audit", "list")
    for service in system.services.values():
        expect(service.running(), f"{service.name} has ended")
        alive(system, service)


main(lambda: System(settings={"validator": {"truth_interval_ms": "20"}}))
