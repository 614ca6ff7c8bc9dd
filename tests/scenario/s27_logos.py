#!/usr/bin/python3
"""Logos of tokens: recognised by content, given back as they were, in the trail by digest (R34, R35, R36)."""
import hashlib
import json
import struct
import subprocess
import zlib

from administer import Admin, counts, envelope, grants, one_more, records, types
from harness import BUILD, PATIENCE, TOP, System, expect, expect_equal, main, test

CORPUS = f"{TOP}/tests/fuzz/corpus/fuzz_image"
LARGEST = 256 * 1024


def load(name):
    with open(f"{CORPUS}/{name}", "rb") as f:
        return f.read()


def padded(size):
    """A PNG of exactly this size: a comment fills it."""
    png = load("grey.png")
    text = b"tEXt" + b"Comment\0".ljust(size - len(png) - 12, b"x")
    return png[:33] + struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text)) + png[33:]


def two_admins():
    """Without an auditor the outbox keeps what is written to it."""
    system = System({"issuer": 0, "auditor": 0, "admin": 2})
    system.admin = Admin(system)
    system.admin.ok("CreateModule", name="orders")
    system.account = system.admin.ok("CreateAccount", name="Acme", modules=["orders"]).account.id
    return system


def create(system, name="ERP"):
    return system.admin.ok("CreateToken", account_id=system.account, name=name, kind=types.TOKEN_KIND_SERVICE, modules=grants("orders"))


def told(content_type, data):
    return types.Logo(content_type=content_type, digest=hashlib.sha256(data).hexdigest(), size=len(data))


@test("PNG, JPEG and WebP come back byte for byte, with their type; token, lists and records tell type, size and digest (R35, R36)")
def kinds(system):
    a = system.admin
    made = create(system)
    now = made.token
    expect(not now.HasField("logo"), "a new token has a logo")
    for name in ("truecolor.png", "palette.png", "baseline.jpg", "progressive.jpg", "lossy.webp", "lossless.webp", "animated.webp"):
        data, was, before = load(name), now, counts(system)
        content_type = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}[name.split(".")[1]]
        now = a.ok("SetTokenLogo", id=was.id, revision=was.revision, logo=data).token
        wanted = types.Token.FromString(was.SerializeToString())
        wanted.logo.CopyFrom(told(content_type, data))
        wanted.revision, wanted.updated_at = was.revision + 1, now.updated_at
        expect_equal(now, wanted, name)
        record = one_more(system, before, "platform.tokens.token.logo_changed", was.id, now.revision)
        expect_equal((types.Token.FromString(record.before), types.Token.FromString(record.after)), (was, now))
        expect(data[:16] not in record.SerializeToString(), "the record has the picture")
        expect_equal(a.ok("GetToken", id=was.id).token, now)
        expect_equal([t.logo for t in a.ok("ListTokens", account_id=system.account, text=was.id).tokens], [now.logo])
        shown = a.ok("GetTokenLogo", id=was.id)
        expect_equal((shown.logo, shown.data), (now.logo, data), name)
        # Whoever has it already is told so, and spared the bytes.
        expect_equal(a.ok("GetTokenLogo", id=was.id, digest=now.logo.digest).data, b"")
        expect_equal(a.ok("GetTokenLogo", id=was.id, digest="0" * 64).data, data)
    edited = a.ok("EditToken", id=now.id, revision=now.revision, fields=["name"], name="Other").token
    expect_equal(edited.logo, now.logo, "after an edit")
    expect_equal(system.validate(made.value)["reason"], "ok")
    expect_equal([len(t.logo.digest) for t in a.ok("ListTokens", account_id=system.account, sort=types.TOKEN_SORT_NAME).tokens], [64])


@test("a logo is removed, and goes with its token")
def removed(system):
    a = system.admin
    token = create(system).token
    a.refused("FAILED_PRECONDITION", "SetTokenLogo", id=token.id, revision=1, says="no logo")
    a.refused("NOT_FOUND", "GetTokenLogo", id=token.id)
    data = load("lossy.webp")
    a.ok("SetTokenLogo", id=token.id, revision=1, logo=data)
    before = counts(system)
    now = a.ok("SetTokenLogo", id=token.id, revision=2).token
    expect(not now.HasField("logo"), "it is still there")
    record = one_more(system, before, "platform.tokens.token.logo_changed", token.id, 3)
    expect_equal(types.Token.FromString(record.before).logo, told("image/webp", data))
    a.refused("NOT_FOUND", "GetTokenLogo", id=token.id)
    a.ok("SetTokenLogo", id=token.id, revision=3, logo=data)
    rows = int(system.sql("select count(*) from token_logos"))
    a.ok("DeleteToken", id=token.id)
    expect_equal(int(system.sql("select count(*) from token_logos")), rows - 1, "logos")
    record = records(system)[-1]
    expect_equal((types.Token.FromString(record.before).logo.size, types.Token.FromString(record.after).HasField("logo")), (len(data), False))
    for method in ("GetTokenLogo", "SetTokenLogo"):
        a.refused("NOT_FOUND", method, id=token.id, **({"revision": 5, "logo": data} if method == "SetTokenLogo" else {}))


@test("256 KiB are taken; more, what is broken and what is something else is refused by the field's name, and nothing is written")
def refused(system):
    a = system.admin
    token = create(system).token
    token = a.ok("SetTokenLogo", id=token.id, revision=1, logo=padded(LARGEST)).token
    expect_equal(a.ok("GetTokenLogo", id=token.id).data, padded(LARGEST))
    before, row = counts(system), system.sql("select * from token_logos order by token")

    def bad(data, says):
        a.refused("INVALID_ARGUMENT", "SetTokenLogo", field="logo", says=says, id=token.id, revision=2, logo=data)

    bad(padded(LARGEST + 1), f"256 KiB at most, not {LARGEST + 1}")
    bad(padded(1000000), "256 KiB at most")
    a.refused("INVALID_ARGUMENT", "SetTokenLogo", id=token.id, revision=2, logo=bytes(1 << 20), says="1048576 at most")
    for text in (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", b"GIF89a" + bytes(100), b"\0", b"BM" + bytes(100), b"<html>" + load("grey.png")):
        bad(text, "no PNG, JPEG or WebP")
    for name in ("truecolor.png", "baseline.jpg", "lossy.webp"):
        data = load(name)
        for size in (20, len(data) // 2, len(data) - 1):
            bad(data[:size], "is a ")
        bad(data + b"<script>", "after its end")
    bad(load("grey.png").replace(struct.pack(">II", 24, 16), struct.pack(">II", 25, 16)), "checksum")
    for fields, field in (({"id": "TKN-1"}, "id"), ({"revision": 0}, "revision"), ({"revision": -1}, "revision")):
        a.refused("INVALID_ARGUMENT", "SetTokenLogo", field=field, **{"id": token.id, "revision": 2, "logo": load("grey.png"), **fields})
    for digest in ("0", "g" * 64, "A" * 64, "0" * 65):
        a.refused("INVALID_ARGUMENT", "GetTokenLogo", field="digest", id=token.id, digest=digest)
    expect_equal((counts(system), system.sql("select * from token_logos order by token")), (before, row), "refusals write nothing")
    expect_equal(a.ok("GetToken", id=token.id).token, token)


@test("two give the same token a logo: one wins, the other is told the revision")
def two(system):
    a, b = system.admin, Admin(system, service="admin2")
    token = create(system).token
    logos = [load("truecolor.png"), load("baseline.jpg")]
    for i in range(20):
        for caller, data in zip((a, b), logos):
            caller.start("SetTokenLogo", id=token.id, revision=1 + i, logo=data)
        replies = [caller.dealer.receive(20) for caller in (a, b)]
        expect_equal(sorted(r.code for r in replies), [envelope.CODE_OK, envelope.CODE_ABORTED], f"round {i}")
        won = 0 if replies[0].code == envelope.CODE_OK else 1
        expect(f"at revision {2 + i}, not {1 + i}" in replies[1 - won].message, replies[1 - won].message)
        expect_equal(a.ok("GetTokenLogo", id=token.id).data, logos[won])


@test("the database itself takes no other type, no more bytes, no digest of something else")
def database(system):
    system.sql("delete from token_logos")
    number = int(system.sql("select max(number) from tokens where status <> 3"))
    row = "insert into token_logos (token, account, content_type, digest, data) select number, account, {}, {}, {} from tokens where number = " + str(number)
    large = f"convert_to(repeat('x', {LARGEST + 1}), 'UTF8')"
    for values in (("'image/svg+xml'", "sha256('x')", "'x'"), ("'image/png'", "sha256('y')", "'x'"), ("'image/png'", "sha256('')", "''"),
                   ("'image/png'", f"sha256({large})", large)):
        status, _, error = system.sql(row.format(*values), check=False)
        expect(status == 1 and "violates check constraint" in error, error)
    expect_equal(system.sql(row.format("'image/png'", "sha256('x')", "'x'"), check=False)[0], 0)


@test("jeton token logo set, get and remove")
def command_line(system):
    token = create(system).token.id
    path, out = f"{CORPUS}/baseline.jpg", system.path("out.jpg")
    shown = system.cli("token", "logo", "set", token, path)
    expect_equal(shown["logo"]["content_type"], "image/jpeg")
    expect("image/jpeg" in system.jeton("token", "show", token, check=0).stdout, "token show")
    got = system.cli("token", "logo", "get", token, "--output", out)
    expect_equal((got["content_type"], got["digest"], got["file"]), ("image/jpeg", hashlib.sha256(load("baseline.jpg")).hexdigest(), out))
    with open(out, "rb") as f:
        expect_equal(f.read(), load("baseline.jpg"))
    run = subprocess.run([f"{BUILD}/bin/jeton", "token", "logo", "get", token], capture_output=True, cwd=system.directory, env=system.environment(),
                         timeout=30 * PATIENCE, check=True)
    expect_equal(run.stdout, load("baseline.jpg"))
    expect("data" in system.cli("token", "logo", "get", token), "JSON without --output")
    files = {"svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "large.png": padded(257 * 1024), "cut.png": load("truecolor.png")[:-1]}
    for name, data in files.items():
        with open(system.path(name), "wb") as f:
            f.write(data)
        run = system.jeton("--json", "token", "logo", "set", token, system.path(name), check=65)
        expect_equal([d["field"] for d in json.loads(run.stderr)["error"]["details"]], ["logo"], name)
    for name, data, status in (("empty.png", b"", 65), ("huge.png", bytes(1000001), 65)):
        with open(system.path(name), "wb") as f:
            f.write(data)
        system.jeton("token", "logo", "set", token, system.path(name), check=status)
    system.jeton("token", "logo", "set", token, system.path("none.png"), check=66)
    system.jeton("token", "logo", "set", token, path, "--revision", 1, check=73)
    system.jeton("token", "logo", "get", token, "--output", system.path("no", "where.png"), check=74)
    for words in (("set", token), ("get", token, "x"), ("remove", token, "x"), ("show", token), ("get",)):
        system.jeton("token", "logo", *words, check=64)
    expect_equal(system.cli("token", "logo", "get", token)["logo"]["size"], len(load("baseline.jpg")))
    expect(not system.cli("token", "logo", "remove", token).get("logo"), "removed")
    system.jeton("token", "logo", "remove", token, check=73)
    system.jeton("token", "logo", "get", token, check=66)


main(two_admins)
