#!/usr/bin/python3
"""jeton call and jeton describe: any method with JSON, by the names that proto/ gives (R34, R46)."""
import glob
import json
import os
import re
import signal
import subprocess

from errors import fails
from harness import BUILD, PATIENCE, SERVICES, TOP, System, expect, expect_equal, main, test, wait_for


def proto():
    """({service: {method: (request, reply, stream)}}, {message: {field: (type, number, repeated)}}, {enum: [words]}) of the files in proto/."""
    services, messages, enums = {}, {}, {}
    for path in glob.glob(os.path.join(TOP, "proto", "*.proto")):
        with open(path, encoding="utf-8") as f:
            text = re.sub(r"//.*", "", f.read())
        for name, body in re.findall(r"^service (\w+) \{\n(.*?)^\}", text, re.M | re.S):
            services[name] = {method: (request, reply, bool(stream)) for method, request, stream, reply in
                              re.findall(r"rpc (\w+) \((\w+)\) returns \((stream )?(\w+)\)", body)}
        for name, body in re.findall(r"^message (\w+) \{(.*?)\}$", text, re.M | re.S):
            messages[name] = {field: (kind, int(number), bool(repeated)) for repeated, kind, field, number in
                              re.findall(r"(repeated )?\b(\w+) (\w+) = (\d+);", body)}
        for name, body in re.findall(r"^enum (\w+) \{\n(.*?)^\}", text, re.M | re.S):
            prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper() + "_"
            enums[name] = [value.removeprefix(prefix).lower() for value in re.findall(r"(\w+) = \d+;", body) if not value.endswith("_UNSPECIFIED")]
    return services, messages, enums


@test("describe tells what proto/ says: services, methods, messages, enums")
def describe(system):
    services, messages, enums = proto()
    told = {service["service"]: service for service in system.cli("describe")}
    expect_equal(set(told), {f"jeton.v1.{name}" for name in services})
    for name, methods in services.items():
        expect_equal({m["name"]: (m["request"], m["reply"], m["stream"]) for m in told[f"jeton.v1.{name}"]["methods"]}, methods, name)
    expect_equal([told[f"jeton.v1.{name}"]["processes"] for name in ("Admin", "AuditLogger", "Limits")], [["admin"], ["auditor"], ["validator"]])
    checked = 0
    for name in ("Token", "Client", "ImportTokensRequest", "AuditEntry", "ValidateRequest", "TokenRequest", "UseRecord", "TakeSegmentRequest", "LeaseRequest", "Change"):
        if name in messages:
            fields = system.cli("describe", name)["fields"]
            expect_equal({f["name"]: (f["type"], f["number"], f["repeated"]) for f in fields}, messages[name], name)
            for field in fields:
                expect_equal(field.get("values"), enums.get(field["type"]), f"{name}.{field['name']}")
            checked += 1
    expect(checked >= 6, "proto/ has other messages now")
    expect_equal(system.cli("describe", "jeton.v1.tokenkind"), {"enum": "jeton.v1.TokenKind", "values": enums["TokenKind"]})


@test("describe: in the syntax of proto/ for people, and by whatever name")
def names(system):
    text = system.jeton("describe", check=0).stdout
    expect("jeton.v1.Admin" in text and "served by admin, issuer, validator, auditor, gateway" in text, text)
    expect("  rpc TailRecords (TailRecordsRequest) returns (stream TailRecordsReply);\n" in system.jeton("describe", "auditor", check=0).stdout, "a stream")
    whole = system.jeton("describe", "Admin/GetToken", check=0).stdout
    expect("message jeton.v1.GetTokenRequest {\n  string id = 1;\n}" in whole, whole)
    for name in (("admin", "GetToken"), ("jeton.v1.Admin/GetToken",), ("jeton.v1.Admin.GetToken",), ("gettoken",)):
        expect_equal(system.jeton("describe", *name, check=0).stdout, whole, str(name))
    expect("TokenKind kind = 5;  // personal, service, base, test" in system.jeton("describe", "Token", check=0).stdout, "an enum's words")
    fails(system, 64, "describe", "Tokn", says=("did you mean \"Token\"",))
    fails(system, 64, "describe", "frobnicate", says=("jeton describe",))
    fails(system, 64, "describe", "a" * 400)


@test("a method is called with JSON from standard input, an argument or a file, and its reply is what the method gives")
def call(system):
    system.cli("call", "CreateModule", input='{"name": "orders", "title": "Orders"}')
    system.account = system.cli("call", "Admin/CreateAccount", input='{"name": "Acme", "modules": ["orders"]}')["account"]["id"]
    request = {"account_id": system.account, "name": "Shop", "kind": "service", "modules": [{"module": "orders", "access": "read"}]}
    with open(system.path("request.json"), "w", encoding="utf-8") as f:
        json.dump(request, f)
    made = system.cli("--idempotency-key", "shop-1", "call", "admin", "CreateToken", "--data", f"@{system.path('request.json')}")
    # Once, with its value both times: what the key promises.
    expect_equal(system.cli("--idempotency-key", "shop-1", "call", "admin", "CreateToken", input=json.dumps(request)), made)
    system.token, system.value = made["token"]["id"], made["value"]
    shown = system.cli("token", "show", system.token)
    for words in (("jeton.v1.Admin/GetToken",), ("ADMIN", "gettoken"), ("GetToken",)):
        for data in ({"input": json.dumps({"id": system.token})}, {"more": ("--data", json.dumps({"id": system.token}))}, {"input": json.dumps({"id": system.token}),
                     "more": ("--data", "@")}):
            reply = system.cli("call", *words, *data.get("more", ()), input=data.get("input"))
            expect_equal(reply["token"]["id"], shown["id"], str(words))
    expect_equal(reply["token"], shown)
    # No request at all is one without members; the text is the same JSON.
    expect_equal([t["id"] for t in json.loads(system.jeton("call", "ListTokens", check=0).stdout)["tokens"]], [system.token])
    reply = system.cli("call", "Validate", input=json.dumps({"token": system.value, "module": "orders", "access": "read", "client_address": "127.0.0.1"}))
    expect_equal((reply["decision"], reply["status"]), ("allow", 200))


@test("what every process serves is asked of the one that is named")
def everywhere(system):
    for process in SERVICES:
        expect_equal(system.cli("call", "Health/Check", "--to", process)["service"], process)
        expect(system.cli("call", "stats.get", "--to", process, "--endpoint", system[process].endpoint)["stats"], process)
    fails(system, 64, "call", "Health/Check", says=("--to is missing",))
    fails(system, 64, "call", "Admin/GetToken", "--to", "issuer", says=("issuer does not serve Admin",))
    fails(system, 78, "call", "Health/Check", "--to", "gateway", says=("gateway",))
    # It acts as its key says: a service's own calls are refused.
    fails(system, 77, "call", "Feed/Vouch", "--to", "admin")


@test("what is wrong with a request is told with the path of its member, and a secret that is in it is not told")
def mistakes(system):
    for text, words in (("[]", "must be an object"), ("{} {}", "is no JSON"), ("{", "line 1"), ('{"id": "a", "id": "b"}', "is no JSON"), ('{"ids": "a"}', "ids: "),
                        ('{"id": 5}', "id: must be a text"), ("[" * 100000, "is no JSON")):
        fails(system, 65, "call", "GetToken", input=text, says=(words,))
    error = fails(system, 65, "call", "CreateToken", input='{"modules": [{"module": "orders"}, {"module": "orders", "access": "most"}]}', says=("modules[1].access",))
    expect_equal([detail["field"] for detail in error["details"]], ["modules[1].access"])
    error = fails(system, 65, "call", "CreateToken", input=json.dumps({"account_id": system.account, "kind": "service"}), says=("name",))
    expect_equal([detail["field"] for detail in error["details"]], ["name"])
    run = system.jeton("call", "CreateUser", input='{"password": correct-horse', check=65)
    expect("correct" not in run.stderr, run.stderr)
    run = system.jeton("call", "Login", "--data", '{"username": "alice", "password": "correct horse"}', check=64)
    expect("correct" not in run.stderr and "password" in run.stderr and "standard input" in run.stderr, run.stderr)
    fails(system, 64, "call", "Validate", "--data", '{"token": "not-of-ours"}', says=("\"token\" is a secret",))
    fails(system, 64, "call", "Validate", "--data", json.dumps({"token": system.value}), says=("among the arguments",))
    fails(system, 64, "call", says=("METHOD is missing",))
    fails(system, 64, "call", "GetTken", says=("did you mean \"Admin/GetToken\"",))
    fails(system, 64, "call", "admin", "GetTken", says=("did you mean \"Admin/GetToken\"",))
    fails(system, 66, "call", "GetToken", "--data", "@/nonexistent", says=("/nonexistent",))
    fails(system, 66, "call", "GetToken", input='{"id": "TKN-0000-0000"}')


@test("with a login token a call is that user's")
def as_user(system):
    password = {"JETON_PASSWORD": "correct horse battery"}
    system.cli("user", "create", "--account", system.account, "--username", "alice", environment=password)
    login = system.cli("call", "Login", input='{"username": "alice", "password": "correct horse battery"}')
    environment = {"JETON_LOGIN_TOKEN": login["access_token"]}
    expect_equal(system.cli("call", "GetToken", input=json.dumps({"id": system.token}), environment=environment)["token"]["id"], system.token)
    fails(system, 77, "call", "CreateAccount", input='{"name": "Other"}', environment=environment)
    fails(system, 78, "call", "GetToken", environment={"JETON_LOGIN_TOKEN": ""})


@test("a stream is a line for each object, until it ends or is interrupted")
def streams(system):
    trail = [json.loads(line) for line in system.jeton("call", "ExportTrail", check=0).stdout.splitlines()]
    expect([line["entry"]["sequence"] for line in trail if line["entry"]][:3] == [1, 2, 3], f"{len(trail)} lines")
    path = system.path("tail")
    with open(path, "w", encoding="utf-8") as out:
        process = subprocess.Popen([f"{BUILD}/bin/jeton", "call", "AuditLogger/TailRecords", "--data", '{"after": 0}'], stdout=out, stderr=subprocess.PIPE,
                                   cwd=system.directory, env=system.environment(), text=True)

    def seen():
        with open(path, encoding="utf-8") as f:
            return [json.loads(line)["record"]["event"] for line in f if line.endswith("\n")]
    try:
        wait_for(seen, what="what is there")
        system.cli("token", "disable", system.token)
        wait_for(lambda: "platform.tokens.token.disabled" in seen(), what="what is new")
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=20 * PATIENCE)[1]
        expect_equal((process.returncode, said), (130, "jeton: interrupted\n"))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main(System)
