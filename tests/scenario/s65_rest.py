#!/usr/bin/python3
"""Administration over HTTPS (R34): a token's life as its account's administrator sees it, other accounts, revisions, repeats, pages, bad bodies, live tails that
end when their token does (R6), and the description: what it promises is sent, and what comes back is what it says."""
import http.client
import json
import os
import re
import signal
import subprocess

from harness import BUILD, PATIENCE, TOP, System, expect, expect_equal, main, test, wait_for
from trail import covered, field, number, record, verify

PASSWORD = "correct horse"


class User:
    """Somebody who has signed in, and what they send."""

    def __init__(self, system, username):
        self.gateway = system["gateway"]
        self.system, self.username = system, username
        self.token = system.cli("login", "--username", username, input=PASSWORD + "\n")["access_token"]
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def send(self, method, path, body=None, **headers):
        return self.gateway.request(method, path, body, {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items() if value is not None}})

    def ok(self, method, path, body=None, status=200, **headers):
        response = self.send(method, path, body, **headers)
        expect_equal(response.status, status, f"{method} {path}: {response.body[:400]!r}")
        return response.json() if response.body else None

    def refused(self, status, kind, method, path, body=None, field=None, says="", **headers):
        response = self.send(method, path, body, **headers)
        what = f"{method} {path}: {response.body[:400]!r}"
        expect_equal(response.status, status, what)
        expect_equal(response.headers["Content-Type"], "application/problem+json", what)
        problem = response.json()
        expect_equal((problem["type"], problem["status"]), (f"urn:jeton:problem:{kind}", status), what)
        expect_equal(problem["request"], response.headers["X-Request-Id"], what)
        if field is not None:
            expect_equal([error["field"] for error in problem["errors"]], [field], what)
        expect(says in json.dumps(problem, ensure_ascii=False), f"{what}: without {says!r}")
        return response


def too_large(user, method, path, size):
    """Refused by what it says of its size, before any of it has been sent."""
    connection = user.gateway.connect()
    connection.putrequest(method, path)
    for name, value in {**user.headers, "Content-Length": str(size), "Content-Type": "application/json"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    expect_equal((response.status, json.loads(response.read())["type"]), (413, "urn:jeton:problem:too-large"))
    connection.close()


def make():
    system = System({"gateway": 1}, {"auditor": {"caller_interval_ms": "200", "keys_interval_ms": "500", "checkpoint_interval_s": "1"}, "gateway": {"heartbeat_ms": "300"}})
    system.gateway, system.users = system["gateway"], {}
    for module in ("orders", "stock"):
        system.cli("module", "create", module)
    for name in ("own", "other"):
        account = system.cli("account", "create", "--name", name, "--module", "orders", "--module", "stock")["id"]
        for role in ("administrator", "member", "operator"):
            made = system.cli("user", "create", "--account", account, "--username", f"{name}-{role}", "--name", role, "--role", role, input=PASSWORD + "\n")
            system.users[f"{name}-{role}"] = made["id"]
        setattr(system, name, account)
    system.administrator, system.member = User(system, "own-administrator"), User(system, "own-member")
    system.stranger, system.operator = User(system, "other-administrator"), User(system, "own-operator")
    return system


@test("without a token, or with one that is none: 401, and how to come with one")
def nobody(system):
    for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer \xff"}, {"Authorization": f"Bearer {'x' * 9000}"}):
        response = system.gateway.request("GET", "/v1/tokens", headers=headers)
        expect_equal(response.status, 401)
        expect(response.headers["WWW-Authenticate"].startswith("Bearer"), response.headers["WWW-Authenticate"])
    expect_equal(system.gateway.request("GET", "/v1/tokens", listener="plain").status, 403)


@test("a token's life: made, listed, edited, revealed, rotated, disabled, deleted; trail, log and usage")
def life(system):
    a = system.administrator
    made = a.send("POST", "/v1/tokens", {"account_id": system.own, "name": "grün", "kind": "service", "modules": [{"module": "orders", "access": "write"}],
                                         "revealable": True, "rate_limit": {"per_minute": 60}})
    expect_equal(made.status, 201, made.body)
    token, value = made.json()["token"], made.json()["value"]
    expect_equal(made.headers["Location"], f"/v1/tokens/{token['id']}")
    path = made.headers["Location"]
    shown = a.send("GET", path)
    expect_equal((shown.json()["name"], shown.json()["modules"], shown.json()["rate_limit"]["burst"]),
                 ("grün", [{"module": "orders", "access": "write"}], 60))
    expect("value" not in shown.json() and re.fullmatch(r'"1\.[0-9a-f]{16}"', shown.headers["ETag"]), shown.headers["ETag"])
    expect_equal(system.validate(value)["decision"], "allow")

    edited = a.send("PATCH", path, {"name": "blue", "allowList": ["127.0.0.0/8"], "rate_limit": None}, If_Match=shown.headers["ETag"])
    expect_equal((edited.status, edited.json()["name"], edited.json()["allow_list"], edited.json()["rate_limit"], edited.json()["revision"]),
                 (200, "blue", ["127.0.0.0/8"], None, 2))
    a.refused(412, "aborted", "PATCH", path, {"name": "red"}, If_Match=shown.headers["ETag"], says="revision")
    a.refused(428, "precondition-required", "PATCH", path, {"name": "red"}, field="If-Match")
    a.ok("PATCH", path, {"allow_list": [], "revision": 2})
    expect_equal(a.ok("POST", f"{path}/reveal")["value"], value)
    rotated = a.ok("POST", f"{path}/rotate", {"grace": {"seconds": 0}}, If_Match='"3"')
    expect_equal(a.ok("POST", f"{path}/reveal")["value"], rotated["value"])
    a.refused(409, "failed-precondition", "POST", f"{path}/enable", {})
    expect_equal(a.ok("POST", f"{path}/disable")["status"], "disabled")
    expect_equal(a.ok("POST", f"{path}/enable")["status"], "active")
    expect_equal(system.validate(rotated["value"])["decision"], "allow")
    expect_equal(a.ok("DELETE", path)["status"], "deleted")
    a.refused(404, "not-found", "GET", path)

    events = wait_for(lambda: (rows := a.ok("GET", f"/v1/audit/records?object_id={token['id']}")["records"]) and rows[0]["event"].endswith("deleted") and rows, 10, "the trail")
    expect_equal([row["event"].split(".")[-1] for row in reversed(events)],
                 ["created", "edited", "edited", "revealed", "rotated", "revealed", "disabled", "enabled", "deleted"])
    expect_equal((events[-2]["before"]["name"], events[-2]["after"]["name"], events[-2]["request"]["peer"]), ("grün", "blue", "gateway"))
    expect_equal(a.ok("GET", f"/v1/audit/records/{events[0]['id']}"), events[0])
    rows = wait_for(lambda: (rows := a.ok("GET", f"/v1/access-log?token={token['id']}")["rows"]) and sum(row["count"] for row in rows) == 2 and rows, 20, "the access log")
    expect_equal({row["decision"] for row in rows}, {"allow"})
    usage = wait_for(lambda: a.ok("GET", f"/v1/usage?token={token['id']}")["rows"], 20, "usage")
    expect_equal((usage[0]["allowed"], usage[0]["denied"]), (2, 0))


@test("lists: filters, pages that go on by Link, and what is no filter")
def lists(system):
    a = system.administrator
    for i in range(5):
        a.ok("POST", "/v1/tokens", {"account_id": system.own, "name": f"list & <{i}>", "kind": "test" if i % 2 else "service", "modules": [{"module": "orders"}]}, 201)
    seen, path = [], "/v1/tokens?text=list%20%26%20%3C&page_size=2&count=true"
    while path:
        page = a.send("GET", path)
        expect(page.status == 200 and len(page.json()["tokens"]) <= 2 and page.json()["total"] == 5, page.body)
        seen += [token["name"] for token in page.json()["tokens"]]
        link = page.headers["Link"]
        expect_equal(bool(link), bool(page.json()["next_cursor"]))
        path = link and re.fullmatch(r'<(.*)>; rel="next"', link).group(1)
    expect_equal(seen, [f"list & <{i}>" for i in range(5)])
    expect_equal(len(a.ok("GET", "/v1/tokens?kind=test&sort=name&descending=true")["tokens"]), 2)
    for path, field in (("?kind=none", "kind"), ("?kinds=test", "kinds"), ("?page_size=501", "page_size"), ("?page_size=-1", "page_size"), ("?cursor=x", "cursor"),
                        ("?count=yes", "count"), ("?expiring_within_s=99999999999999999999", "expiring_within_s")):
        a.refused(400, "invalid-argument", "GET", f"/v1/tokens{path}", field=field)
    for path in ("?kind=test&kind=base", "?cursor=&cursor=x", "?text=%ff", "?text=%00"):
        a.refused(400, "query-malformed", "GET", f"/v1/tokens{path}")


@test("ETag and If-None-Match; logos as they are")
def conditional(system):
    a = system.administrator
    path = a.send("POST", "/v1/tokens", {"account_id": system.own, "name": "logo", "kind": "service", "modules": [{"module": "orders"}]}).headers["Location"]
    tag = a.send("GET", path).headers["ETag"]
    same = a.send("GET", path, If_None_Match=f'"x", {tag}')
    expect_equal((same.status, same.body, same.headers["ETag"]), (304, b"", tag))
    with open(f"{TOP}/tests/fuzz/corpus/fuzz_image/grey.png", "rb") as f:
        picture = f.read()
    logo = f"{path}/logo"
    a.refused(404, "not-found", "GET", logo)
    a.refused(428, "precondition-required", "PUT", logo, picture, Content_Type="image/png", field="If-Match")
    a.refused(415, "type-unsupported", "PUT", logo, picture, Content_Type="text/html", If_Match=tag)
    a.refused(400, "invalid-argument", "PUT", logo, b"GIF89a", Content_Type="image/png", If_Match=tag, field="body")
    too_large(a, "PUT", logo, 256 * 1024 + 1)
    put = a.send("PUT", logo, picture, Content_Type="image/png", If_Match=tag)
    expect_equal((put.status, put.json()["logo"]["content_type"], put.json()["revision"]), (200, "image/png", 2))
    got = a.send("GET", logo)
    expect_equal((got.body, got.headers["Content-Type"], got.headers["X-Content-Type-Options"]), (picture, "image/png", "nosniff"))
    expect_equal(a.send("GET", logo, If_None_Match=got.headers["ETag"]).status, 304)
    expect_equal(a.ok("DELETE", logo, If_Match=put.headers["ETag"])["logo"], None)
    expect(a.send("GET", path, If_None_Match=tag).status == 200, "it has changed")


@test("a repeat with its Idempotency-Key is done once, and answered alike")
def repeats(system):
    a = system.administrator
    body = {"account_id": system.own, "name": "once", "kind": "service", "modules": [{"module": "orders"}]}
    first, again = (a.send("POST", "/v1/tokens", body, Idempotency_Key="k-1") for _ in range(2))
    expect_equal((first.status, first.body, first.headers["Location"]), (again.status, again.body, again.headers["Location"]))
    a.refused(400, "invalid-argument", "POST", "/v1/tokens", {**body, "name": "twice"}, Idempotency_Key="k-1", field="Idempotency-Key")
    for wrong in ("x" * 129, "x" * 9000, "\xff"):
        a.refused(400, "invalid-argument", "POST", "/v1/tokens", body, Idempotency_Key=wrong, field="Idempotency-Key")
    expect_equal(len(a.ok("GET", "/v1/tokens?text=once")["tokens"]), 1)


@test("who may do what is decided elsewhere: members look, others see nothing (R34)")
def rights(system):
    path = system.administrator.send("POST", "/v1/tokens", {"account_id": system.own, "name": "mine", "kind": "service", "modules": [{"module": "orders"}]}).headers["Location"]
    missing = re.sub("[0-9]{4}-[0-9]{4}", "0000-0000", path)
    system.member.ok("GET", path)
    system.member.refused(403, "permission-denied", "DELETE", path)
    system.administrator.refused(403, "permission-denied", "POST", "/v1/modules", {"name": "x"})
    for method, end, body, headers in (("GET", "", None, {}), ("PATCH", "", {"name": "theirs"}, {"If_Match": '"1"'}), ("DELETE", "", None, {}),
                                       ("POST", "/disable", {}, {}), ("POST", "/rotate", {}, {}), ("POST", "/reveal", {}, {}), ("GET", "/logo", None, {})):
        foreign = system.stranger.refused(404, "not-found", method, path + end, body, **headers).json()
        nothing = system.stranger.refused(404, "not-found", method, missing + end, body, **headers).json()
        expect_equal(foreign["detail"].replace(path[-13:], missing[-13:]), nothing["detail"], f"{method} {end}")
    for what in ("tokens", "users", "clients", "markets", "audit/records", "access-log", "usage", "audit/tail", "access-log/tail"):
        system.stranger.refused(404, "not-found", "GET", f"/v1/{what}?account_id={system.own}")
    expect_equal([account["id"] for account in system.stranger.ok("GET", "/v1/accounts")["accounts"]], [system.other])
    expect(system.own in {account["id"] for account in system.operator.ok("GET", "/v1/accounts")["accounts"]}, "operators see all")


@test("bad bodies: each is refused by what is wrong with it, and nothing is made")
def hostile(system):
    a = system.administrator
    before = system.sql("select count(*) from tokens")
    deep = '{"modules":' + "[" * 10000 + "]" * 10000 + "}"
    for body, kind in ((deep, "json-malformed"), ("{" * 10000, "json-malformed"), ('{"name":"a","name":"b"}', "json-malformed"), ('{"expires_at":1e999}', "json-malformed"),
                       ('{"expires_at":' + "9" * 5000 + "}", "json-malformed"), (b'{"name":"\xff"}', "json-malformed"), (b'{"name":"\xed\xa0\x80"}', "json-malformed"),
                       ('{"name":"\\ud800"}', "json-malformed"), ('{"name":"\\u0000"}', "json-malformed"), ("[]", "json-malformed"), ("null", "json-malformed"),
                       ("{} {}", "json-malformed"), ("{'a':1}", "json-malformed"), ('{"a":NaN}', "json-malformed"), ("\ufeff{}", "json-malformed")):
        a.refused(400, kind, "POST", "/v1/tokens", body if isinstance(body, bytes) else body.encode(), Content_Type="application/json")
    for body, field in (({"name": 1}, "name"), ({"modules": {}}, "modules"), ({"modules": [{"module": ["x"]}]}, "modules[0].module"), ({"expires_at": 1.5}, "expires_at"),
                        ({"expires_at": "1e3"}, "expires_at"), ({"kind": 2}, "kind"), ({"revealable": "true"}, "revealable"), ({"rate_limit": {"per_minute": -1}}, "rate_limit.per_minute"),
                        ({"account_id": "x", "accountId": "x"}, "accountId"), ({"__proto__": {}}, "__proto__"), ({"name": {"name": {}}}, "name"), ({"allow_list": [None]}, "allow_list[0]"),
                        ({"account_id": system.own, "name": "", "kind": "base"}, "name")):
        a.refused(400, "invalid-argument", "POST", "/v1/tokens", body, field=field)
    a.refused(415, "type-unsupported", "POST", "/v1/tokens", "name=x", Content_Type="application/x-www-form-urlencoded")
    too_large(a, "POST", "/v1/tokens", 256 * 1024 + 1)
    a.refused(405, "method-not-allowed", "PUT", "/v1/tokens", {})
    a.refused(404, "not-found", "GET", "/v1/nothing")
    expect_equal(system.sql("select count(*) from tokens"), before)


@test("each line of curl in REST.md does what it says")
def curl(system):
    with open(f"{TOP}/services/gateway/REST.md", encoding="utf-8") as f:
        lines = f.read().split("```sh\n")[1].split("```")[0].splitlines()
    values = {"JETON": f"https://localhost:{system.gateway.ports['tls']}", "LOGIN": system.administrator.token, "ACCOUNT": system.own, "TOKEN": "", "CURL_HOME": system.directory,
              "CURL_CA_BUNDLE": system.gateway.settings["certificate"]}
    with open(system.path(".curlrc"), "w", encoding="utf-8") as f:
        f.write("silent\nshow-error\nfail-with-body\n")
    for line in lines:
        if "/audit/" in line:
            # It tells of what the lines before did once that is in the trail.
            wait_for(lambda: system.administrator.ok("GET", f"/v1/audit/records?object_id={values['TOKEN']}")["records"], 10, "the trail")
        run = subprocess.run(["bash", "-c", line], env={**os.environ, **values}, capture_output=True, text=True, timeout=30 * PATIENCE, check=False)
        # 28: of the tail, which has no end, the time is over.
        expect(run.returncode == (28 if "tail" in line else 0) and len(run.stdout) > 100, f"{line}: {run.returncode} {run.stdout[:300]} {run.stderr}")
        if "/v1/tokens\"" in line:
            values["TOKEN"] = json.loads(run.stdout)["token"]["id"]


class Stream:
    """Server-sent events, one after the other."""

    def __init__(self, user, path, **headers):
        self.connection = user.gateway.connect(timeout=20)
        self.connection.request("GET", path, headers={**user.headers, "Accept": "text/event-stream", **{k.replace("_", "-"): v for k, v in headers.items()}})
        self.response = self.connection.getresponse()
        expect_equal((self.response.status, self.response.headers["Content-Type"]), (200, "text/event-stream"))

    def next(self, comments=False):
        """The next event as (name, id, data), or, with comments, ":"."""
        event = {}
        while line := self.response.readline():
            text = line.decode().rstrip("\n")
            if text.startswith(":") and comments:
                return ":"
            if text and not text.startswith(":"):
                name, _, event_value = text.partition(": ")
                event[name] = event_value
            elif event:
                return event["event"], event.get("id"), json.loads(event["data"])
        return None

    def close(self):
        self.connection.close()


@test("live tails: from now on, after an event, with a heartbeat; they end when their token is good no longer (R6)")
def tails(system):
    user = User(system, "own-member")
    stream = Stream(user, "/v1/audit/tail")
    expect_equal(stream.next(comments=True), ":")
    a = system.administrator
    made = a.ok("POST", "/v1/tokens", {"account_id": system.own, "name": "live", "kind": "service", "modules": [{"module": "orders"}]}, 201)
    token = made["token"]["id"]
    a.ok("POST", f"/v1/tokens/{token}/disable")
    name, first, record = stream.next()
    expect_equal((name, record["object"]["id"], record["event"].split(".")[-1], record["after"]["name"], str(record["sequence"])), ("record", token, "created", "live", first))
    expect_equal(stream.next()[2]["event"].split(".")[-1], "disabled")
    again = Stream(user, "/v1/audit/tail", Last_Event_ID=first)
    expect_equal(again.next()[2]["event"].split(".")[-1], "disabled")
    use = Stream(user, f"/v1/access-log/tail?token={token}&after=0")
    expect_equal(system.validate(made["value"])["reason"], "disabled")
    name, first, row = use.next()
    expect_equal((name, row["reason"], str(row["id"])), ("row", "disabled", first))
    user.refused(400, "invalid-argument", "GET", "/v1/audit/tail?after=x", field="after")
    user.refused(400, "invalid-argument", "GET", "/v1/audit/tail", field="Last-Event-ID", Last_Event_ID="x")
    a.ok("POST", f"/v1/users/{system.users['own-member']}/disable")
    for open_stream in (stream, again, use):
        name, _, problem = last_of(open_stream)
        expect_equal((name, problem["type"], problem["status"]), ("end", "urn:jeton:problem:unauthenticated", 401))
        expect(open_stream.next() is None, "nothing comes after the end")
        open_stream.close()
    user.refused(401, "unauthenticated", "GET", "/v1/audit/tail")


LARGE = 600  # records of 20 KB: lines of more than 50


def fill(system):
    """A trail that no buffer between holds; all of it under a checkpoint."""
    large = record("test.large", "L-1") + field(10, b"x" * 20000)
    system.sql(f"insert into outbox (record) select '\\x{large.hex()}' from generate_series (1, {LARGE})")
    wait_for(lambda: number(system, "count (*) from outbox") == 0, 20, "the taking of the outbox")
    return covered(system)


def auditor(system, row):
    return next(int(entry["value"]) for entry in system.cli("stats", "auditor") if entry["name"] == f"auditor.{row}")


def begin(user, path="/v1/audit/export"):
    """A download of which nothing has been read but its head."""
    connection = user.gateway.connect(timeout=30)
    connection.request("GET", path, headers=user.headers)
    response = connection.getresponse()
    expect_equal((response.status, response.headers["Content-Type"], response.headers["Content-Disposition"]), (200, "application/x-ndjson", 'attachment; filename="trail.jsonl"'))
    return connection, response


def stalled(system):
    """How many items the auditor has sent when it sends no more."""
    seen = []

    def still():
        seen.append(auditor(system, "streamed"))
        return len(seen) > 5 and seen[-6] == seen[-1] > 32
    wait_for(still, 20, "the export to wait for its client", every=0.1)
    return seen[-1]


def rest(response):
    """(what comes until its end, did it have one)"""
    read = b""
    try:
        while part := response.read(1 << 16):
            read += part
        return read, True
    except http.client.IncompleteRead as error:
        return read + error.partial, False


@test("the trail as a file: curl takes it, and it verifies offline as what the command line writes; for operators (R38)")
def export(system):
    end = fill(system)
    path, own = system.path("rest.jsonl"), system.path("own.jsonl")
    with open(system.path("header"), "w", encoding="utf-8") as f:
        f.write(f"Authorization: Bearer {system.operator.token}\n")
    url = f"https://localhost:{system.gateway.ports['tls']}/v1/audit/export"
    run = subprocess.run(["curl", "-sS", "--fail-with-body", "--cacert", system.gateway.settings["certificate"], "-H", f"@{system.path('header')}", "-o", path, url],
                         capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
    expect_equal((run.returncode, run.stderr), (0, ""))
    offline = {"JETON_AUDITOR": "tcp://127.0.0.1:1"}
    expect_equal(system.cli("audit", "verify", path, "--key", f"{system.keys}/checkpoint.pub", environment=offline)["records"], end)
    system.jeton("audit", "export", "--output", own, check=0)
    with open(path, encoding="utf-8") as f, open(own, encoding="utf-8") as g:
        lines, theirs = f.readlines(), g.readlines()
    expect(len(lines) > end and [json.loads(line) for line in lines] == [json.loads(line) for line in theirs[:len(lines)]], "the lines are those of `jeton audit export`")
    # One that was interrupted goes on behind its last entry.
    part = [line for line in lines if "columns" in json.loads(line)][:5]
    after = system.operator.send("GET", "/v1/audit/export?after=5").body.decode()
    with open(path, "w", encoding="utf-8") as f:
        f.write("".join(part) + after)
    expect_equal(system.cli("audit", "verify", path, "--key", f"{system.keys}/checkpoint.pub", environment=offline)["records"], end)
    for user in (system.administrator, system.stranger):
        user.refused(403, "permission-denied", "GET", "/v1/audit/export")
    system.operator.refused(400, "invalid-argument", "GET", "/v1/audit/export?after=-1", field="after")
    system.operator.refused(400, "invalid-argument", "GET", "/v1/audit/export?page_size=1", field="page_size")
    expect_equal(system.operator.send("HEAD", "/v1/audit/export").status, 200)
    old = subprocess.run(["curl", "-sS", "--http1.0", "--cacert", system.gateway.settings["certificate"], "-H", f"@{system.path('header')}", "-o", "/dev/null", "-w", "%{http_code}", url],
                         capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
    expect_equal(old.stdout, "505", "HTTP/1.0 cannot tell the whole from a part")


@test("an export goes as fast as its client: it waits, in little memory; what goes away or stands still ends it; what is cut off shows that it is")
def slow(system):
    user = User(system, "other-operator")
    before, memory = auditor(system, "streamed"), system.gateway.memory()
    connection, response = begin(user)
    sent = stalled(system) - before
    expect(sent < LARGE * 2 / 3, f"{sent} items are sent while nobody takes them")
    grown = system.gateway.memory() - memory
    expect(grown < 12 << 20 or "sanitize" in BUILD, f"an export that waits takes {grown} bytes")
    text, whole = rest(response)
    expect(whole and text.count(b"\n") > LARGE and b'"cut"' not in text, "it goes on, and ends")
    connection.close()

    # It goes away.
    connection, response = begin(user)
    expect_equal(auditor(system, "streams"), 1)
    response.close()
    connection.close()
    wait_for(lambda: auditor(system, "streams") == 0, 5, "the end of the stream")

    # It stands still for longer than it may.
    system.gateway.settings["body_timeout_ms"] = "300"
    system.gateway.restart()
    connection, response = begin(user)
    wait_for(lambda: auditor(system, "streams") == 0, 10, "the end of the stream")
    expect(not rest(response)[1], "it was cut off")
    connection.close()
    del system.gateway.settings["body_timeout_ms"]
    system.gateway.restart()

    # What happens in the middle is seen: by HTTP, and in the file.
    for what, status in ((lambda: system.cli("user", "disable", system.users["other-operator"]), 401), (system["auditor"].kill, 503), (lambda: system.gateway.signal(signal.SIGTERM), 503)):
        connection, response = begin(user if status == 401 else system.operator)
        stalled(system)
        what()
        text, whole = rest(response)
        connection.close()
        last = json.loads(text.splitlines()[-1])
        expect_equal((whole, last["cut"]["status"]), (False, status))
        if last["cut"]["detail"] == "the gateway ends":
            expect_equal(system.gateway.process.wait(20 * PATIENCE), 0, "the exit status")
        for service in (system["auditor"], system.gateway):
            if not service.running():
                service.start()
        with open(system.path("cut.jsonl"), "wb") as f:
            f.write(text)
        verify(system, system.path("cut.jsonl"), "--key", f"{system.keys}/checkpoint.pub", holds=False, names="cut off here")


def last_of(stream):
    last = None
    while event := stream.next():
        last = event
        if event[0] == "end":
            break
    expect(last, "the stream ended without a word")
    return last


@test("a tail ends with a word when the auditor is killed, or the gateway ends")
def ends(system):
    stream = Stream(system.administrator, "/v1/audit/tail")
    system["auditor"].kill()
    expect_equal(last_of(stream)[2]["status"], 503)
    system["auditor"].start()
    stream = Stream(system.administrator, "/v1/audit/tail")
    system.gateway.stop()
    expect_equal(last_of(stream)[2]["status"], 503)
    system.gateway.start()


main(make)
