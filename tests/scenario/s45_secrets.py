#!/usr/bin/python3
"""A life in which every kind of secret is issued and used; afterwards all that was written anywhere is searched for them: only sealed or
digested forms are there (R3, R8, R36, R46)."""
import base64
import glob
import hashlib
import json
import os
import re
import signal
import subprocess

from administer import Admin, admin, audit, grants, types
from harness import PATIENCE, System, expect, expect_equal, main, pg_program, test, wait_for
from hunt import Hunt, forms
import zmq.utils.z85

# What a reply's member is called that holds a secret.
SECRET_MEMBERS = re.compile(r"value|password|\w*secret|(access|refresh|id)_token")


class Life:
    """The system, every secret that was issued, and all that was printed beside them."""

    def __init__(self):
        self.system = System({"validator": 2, "admin": 2}, {"issuer": {"jwks_max_age_s": 300}})
        self.hunt, self.values, self.passwords, self.printed = Hunt(), [], [], []
        self.admin = Admin(self.system)
        self.key_files()

    def __getattr__(self, name):  # of the system
        return getattr(self.system, name)

    def __getitem__(self, name):
        return self.system[name]

    def key_files(self):
        """What `keys init` and `keys reseal` made."""
        for path in glob.glob(f"{self.keys}/**", recursive=True):
            name = os.path.relpath(path, self.keys)
            if os.path.isdir(path) or name == "peers" or name.endswith((".pub", ".key")) and name not in ("checkpoint.key",):
                continue
            with open(path, encoding="ascii") as f:
                text = f.read()
            if name.startswith("database-"):
                self.hunt.add(name, text.strip())
            for digits in re.findall(r"\b[0-9a-f]{32,}\b", text) if not name.endswith("_secret") else ():
                self.hunt.add(f"a key of {name}", digits, bytes.fromhex(digits))
            for z85 in re.findall(r'secret-key = "(.{40})"', text):
                self.hunt.add(f"the secret key of {name}", z85, zmq.utils.z85.decode(z85))

    def issued(self, what, value):
        if value.startswith("eyJ"):
            signature = value.split(".")[2]
            self.hunt.add(what, value, signature, base64.urlsafe_b64decode(signature + "=="))
            return value
        self.values.append(value)
        self.hunt.add(what, value, value[9:], value[9:33], value[-24:])  # and what somebody might take for a hint
        return value

    def collect(self, what, reply):
        """Every secret of a reply, whatever it is the reply to."""
        for name, value in reply.items() if isinstance(reply, dict) else enumerate(reply) if isinstance(reply, list) else ():
            if isinstance(value, str) and SECRET_MEMBERS.fullmatch(str(name)) and len(value) > 16:
                self.issued(f"{what}: {name}", value)
            elif isinstance(value, (dict, list)):
                self.collect(what, value)
        return reply

    def cli(self, *arguments, **more):
        reply = self.system.cli(*arguments, **more)
        return self.collect(" ".join(map(str, arguments[:2])), reply) if isinstance(reply, (dict, list)) else reply

    def call(self, method, key=None, **fields):
        """By hand, twice when there is a key; what it says goes into what was printed when it fails."""
        replies = []
        for _ in range(2 if key else 1):
            self.admin.given(idempotency_key=key)
            replies.append(self.admin.ok(method, **fields))
        if key:
            expect_equal(replies[0], replies[1], method)
            sent = getattr(admin, f"{method}Request")(**fields).SerializeToString()
            self.hunt.add(f"the digest of {method}'s request, which may tell a password", hashlib.sha256(sent).digest())
        for field, value in replies[0].ListFields():
            if field.type == field.TYPE_STRING and field.label != field.LABEL_REPEATED and SECRET_MEMBERS.fullmatch(field.name):
                self.issued(f"{method}: {field.name}", value)
        return replies[0]

    def password(self, text):
        self.passwords.append(text)
        self.hunt.add("a password", text)
        for digest in (hashlib.sha256, hashlib.sha1, hashlib.md5, hashlib.sha512):
            self.hunt.add("an unsalted digest of a password", digest(text.encode()).digest())
        return text

    def fails(self, *arguments, input=None, environment=None):
        """Whatever it says must not tell a secret either."""
        run = self.system.jeton(*arguments, input=input, environment=environment)
        expect(run.returncode != 0, f"{arguments[:2]} did not fail")
        self.printed.append(run.stdout + run.stderr)


@test("tokens of all kinds, shown, rotated, revealed, repeated; as people do it and as programs do")
def tokens(s):
    for name in ("orders", "stock"):
        s.call("CreateModule", name=name)
    s.account = s.call("CreateAccount", name="Acme", modules=["orders"]).account.id
    s.user = s.cli("user", "create", "--account", s.account, "--username", "ada", "--name", "Ada", "--role", "administrator",
                   input=s.password("correct-horse-battery-staple-1") + "\n")["id"]
    s.made = []
    for kind in ("personal", "service", "base", "test"):
        for revealable in (False, True):
            more = ["--owner", s.user] if kind == "personal" else ["--module", "orders:read"]
            made = s.cli("token", "create", "--account", s.account, "--name", f"{kind} of Acme", "--kind", kind, *more,
                         *["--revealable"] * revealable)
            s.made.append(made["id"])
            fields = {"owner_id": s.user} if kind == "personal" else {"modules": grants("orders:write")}
            s.made.append(s.call("CreateToken", f"create {kind} {revealable}", account_id=s.account, name=f"{kind} by hand", revealable=revealable,
                                 kind=types.TokenKind.Value(f"TOKEN_KIND_{kind.upper()}"), **fields).token.id)
    path = s.path("value")
    s.cli("token", "create", "--account", s.account, "--name", "In a file", "--kind", "service", "--module", "orders:read", "--value-file", path)
    with open(path, encoding="ascii") as f:
        s.issued("a value in a file", f.read().strip())
    for token, grace in zip(s.made, ("0", "24h", "7d") * 9):
        s.cli("token", "rotate", token, "--grace", grace)
    for token in s.made[::2]:
        s.call("RotateToken", f"rotate {token}", id=token)
    shown = [s.cli("token", "reveal", token)["value"] for token in s.made if s.cli("token", "show", token)["revealable"]]
    expect(len(shown) == 8 and set(shown) <= set(s.values), "what is revealed has been issued")
    s.system.jeton("keys", "reseal", "--dir", s.keys, check=0)
    s.key_files()
    for service in s.of_kind("admin") + s.of_kind("issuer"):
        service.signal(signal.SIGHUP)
        wait_for(lambda log=service.log: "settings reloaded" in log(), 10, "the new key")
    expect_equal(s.cli("token", "reseal")["version"], 2)
    s.cli("token", "disable", s.made[0])
    s.cli("token", "delete", s.made[1])
    expect(len(set(s.values)) > 40, f"{len(set(s.values))} values")


@test("clients of all kinds; people who sign in, and those who fail to; login tokens that are used")
def people(s):
    market = s.cli("market", "create", "--account", s.account, "--code", "eu", "--name", "Europe")["id"]
    for kind, more in (("sales_channel", ("--market", market)), ("integration", ()), ("webapp", ("--redirect", "https://shop.example/back"))):
        desk = s.cli("client", "create", "--account", s.account, "--name", kind, "--kind", kind, *more)  # the last one
    opaque = s.cli("client", "create", "--account", s.account, "--name", "opaque", "--kind", "integration", "--format", "opaque", "--scope", "module:orders:read")
    for environment in ("live", "test"):
        path = s.path("client-secret")
        with open(path, "w", encoding="ascii", opener=lambda name, flags: os.open(name, flags, 0o600)) as f:
            f.write(opaque["secret"])
        value = s.cli("grant", "client-credentials", opaque["id"], "--secret-file", path, "--environment", environment)["access_token"]
        expect(value.startswith(f"jtn_access_{environment}_"), "an opaque token")
        expect_equal(s.validate(value, environment=environment)["reason"], "ok")
    s.call("CreateUser", "a user", account_id=s.account, username="bert", name="Bert", password=s.password("correct-horse-battery-staple-2"))
    for i, name in enumerate(("ada", "bert")):
        login = s.cli("login", "--username", name, input=s.passwords[i] + "\n")["access_token"]
        s.cli("token", "list", environment={"JETON_LOGIN_TOKEN": login})
        expect_equal(s.validate(login)["reason"], "ok")
        s.fails("module", "create", "no", environment={"JETON_LOGIN_TOKEN": login})
        s.fails("token", "list", environment={"JETON_LOGIN_TOKEN": login[:-8] + "AAAAAAAA"})
        expect_equal(s.validate(login[:-8] + "AAAAAAAA")["status"], 401)
        # An application acts for it: the code is gone by then, and was issued nevertheless.
        given = s.cli("grant", "authorization-code", desk["id"], "--redirect", "https://shop.example/back", input=desk["secret"] + "\n", environment={"JETON_LOGIN_TOKEN": login})
        s.fails("grant", "authorization-code", desk["id"], "--redirect", "https://shop.example/" + given["refresh_token"], input=desk["secret"] + "\n",
                environment={"JETON_LOGIN_TOKEN": login})
    s.fails("login", "--username", "ada", input=s.password("what-ada-typed-instead") + "\n")
    s.fails("login", "--username", "nobody-at-all", input=s.password("what-nobody-typed-either") + "\n")
    s.fails("login", "--username", s.password("typed-into-the-wrong-field"), input="\n")  # with no password at all
    s.fails("login", "--username", s.password("typed-into-the-wrong-field-too"), input="wrong\n")
    s.cli("keys", "rotate", "--force")
    s.cli("login", "--username", "ada", input=s.passwords[0] + "\n")
    s.cli("keys", "rotate", "--revoke")


@test("every value is validated, misspelt, and given where something else belongs; the database fails and comes back")
def use(s):
    reasons = {s.validate(value, environment=environment)["reason"] for value in s.values for environment in ("live", "test")}
    expect({"ok", "disabled", "deleted", "rotated_out", "wrong_environment"} <= reasons, f"{reasons}")
    for value in s.values[:4]:
        for text in (value[:-1], value + "x", f"Bearer {value}", value.replace("jtn_", "jtx_")):
            expect_equal(s.validate(text)["reason"], "malformed")
        for method, field in (("GetToken", "id"), ("DisableToken", "id"), ("RotateToken", "id"), ("ListTokens", "account_id"), ("ListTokens", "module")):
            s.printed.append(str(s.admin.given().reply(method, **{field: value})))
        s.admin.given().ok("ListTokens", account_id=s.account, text=value)
        s.printed.append(str(s.admin.reply("ListTokens", account_id=s.account, page=types.PageRequest(cursor=value))))
        s.fails("token", "show", value)
        s.fails("validate", "--module", "orders", value)
    token = {"account_id": s.account, "name": "x", "kind": types.TOKEN_KIND_SERVICE, "modules": grants("orders"), "revealable": True}
    revealable = next(t["id"] for t in s.cli("token", "list", "--all") if t["revealable"])
    s.sql("alter table changes rename to elsewhere")
    for method, fields in (("CreateToken", token), ("RotateToken", {"id": revealable}),
                           ("CreateUser", {"account_id": s.account, "username": "carl", "name": "Carl", "password": s.password("never-to-be-stored-at-all")})):
        for key in ("lost", None):
            s.printed.append(str(s.admin.given(idempotency_key=key and f"{key} {method}").reply(method, **fields)))
    s.sql("alter table elsewhere rename to changes")
    s.postgres.stop("immediate")
    s.printed.append(str(s.admin.given().reply("RevealToken", id=revealable)))
    s.postgres.start()
    for service in s.services.values():
        service.wait_healthy(timeout=15)
    s.call("RevealToken", id=revealable)


def dump(s, program, *arguments):
    return subprocess.run([pg_program(program), "-d", f"host={s.postgres.directory} dbname=jeton user=jeton", *arguments], capture_output=True, check=True,
                          timeout=60 * PATIENCE).stdout


def texts_of(rows):
    """Records, as their bytes and as what is in them."""
    parts = []
    for row in rows:
        record = audit.AuditRecord.FromString(row)
        objects = [getattr(types, record.object_message.split(".")[-1]).FromString(data) for data in (record.before, record.after)
                   if data and hasattr(types, record.object_message.split(".")[-1])]
        parts += [row, str(record).encode(), *(str(o).encode() for o in objects)]
    return b"\n".join(parts)


def written(s):
    """(place, all that was written there, something that is no secret and must be there)."""
    wait_for(lambda: s.sql("select count(*) from outbox") == "0", 15, "an empty outbox")
    token = s.made[0].encode()
    export = s.path("export")
    s.system.jeton("audit", "export", "--output", export, check=0)
    s.system.jeton("audit", "verify", export, check=0)
    with open(export, "rb") as f:
        lines = f.read()
    yield "the exported trail", lines, token
    rows = [base64.b64decode(line["record"]) for line in map(json.loads, lines.splitlines()) if "record" in line]
    yield "the exported records, decoded", texts_of(rows), token
    rows = [bytes.fromhex(row) for row in s.sql("select encode(record, 'hex') from trail order by sequence").split()]
    yield "the trail's records, decoded", texts_of(rows), token
    expect(len(rows) > 60, f"{len(rows)} records")
    yield "a dump of the database", dump(s, "pg_dump"), token  # in a record, in hexadecimal
    yield "a dump with the digests in it", dump(s, "pg_dump", "--table=tokens"), hashlib.sha256(s.values[-1].encode()).digest()
    yield "a dump of the roles", dump(s, "pg_dumpall", "--globals-only"), b"jeton_validator"
    for service in s.services.values():
        yield f"the log of {service.name}", service.log().encode(), service.endpoint.encode()
        with open(f"/proc/{service.process.pid}/cmdline", "rb") as f:
            yield f"the command line of {service.name}", f.read(), service.conf_path.encode()
    with open(s.postgres.log, "rb") as f:
        yield "the log of PostgreSQL", f.read() + b"(the log)", b"(the log)"
    records = s.system.jeton("--json", "audit", "list", "--all", check=0).stdout
    yield "what audit list prints", records.encode(), token
    shown = "".join(s.system.jeton("--json", "audit", "show", record["id"], check=0).stdout for record in json.loads(records)[::8])
    yield "what audit show prints", shown.encode(), b"correlation_id"
    for words, marker in ((("token", "list", "--all"), token), (("user", "list", "--all"), b"ada"), (("client", "list", "--account", s.account), b"webapp"),
                          (("keys", "list"), b"active"), (("stats",), b"validator.lookups"), (("health",), b"serving")):
        yield f"what {' '.join(words)} prints", s.system.jeton("--json", *words, check=0).stdout.encode(), marker
    yield "what failures say", "\n".join(s.printed).encode(), b"INVALID_ARGUMENT"


@test("nothing of it is in a log, a record, an export, a dump, a command line or an error; and the search finds what is there")
def search(s):
    expect(len(s.hunt.secrets) > 200, f"{len(s.hunt.secrets)} secrets")
    places = 0
    for place, data, marker in written(s):
        expect_equal(s.hunt.search(data), set(), place)
        places += 1
        known = Hunt()
        known.secrets[marker] = "known"
        expect_equal(known.search(data), {"known"}, f"the search does not work in {place}: {marker}")
        # What if one had got there, in any form, alone or within something else that is encoded?
        secret, what = list(s.hunt.secrets.items())[places % len(s.hunt.secrets)]
        for form in forms(secret):
            for planted in (form, b"x" + form, (b"a record " + form).hex().encode(), base64.b64encode(b"reply" + form), base64.b64encode(form.hex().encode())):
                expect(what in s.hunt.search(data[:2000] + b" " + planted + b" "), f"{what} would not be found in {place}")
    expect(places >= 25, f"{places} places")


@test("what is kept of secrets is sealed or digested; of the files of the database, not one has anything in clear")
def kept(s):
    expect_equal(s.sql("select count(*) from tokens where length(digest) = 32 and octet_length(digest) = 32"), s.sql("select count(*) from tokens"))
    sealed = int(s.sql("select count(*) from tokens where sealed_value is not null"))
    replies = int(s.sql("select count(*) from idempotency_keys"))
    expect(sealed >= 7 and replies > 15, f"{sealed} sealed values, {replies} sealed replies")
    expect_equal(s.sql("select count(*) from users where password_hash not like '$argon2id$v=19$%'"), "0")
    # A private key in PKCS #8 names its kind, as the public one does: id-ecPublicKey.
    oid = r"'\x06072a8648ce3d0201'"
    found = ", ".join(f"bool_or(position({oid}::bytea in {column}) > 0)" for column in ("public_key", "private_key"))
    expect_equal(s.sql(f"select {found} from signing_keys"), "t|f")
    s.sql("checkpoint")
    clear = re.compile(rb"jtn_(?:access_)?(?:live|test)_[A-Za-z0-9_-]{20}|eyJ[\w-]{16,}\.eyJ|" + b"|".join(re.escape(p.encode()) for p in s.passwords))
    found, size = set(), 0
    for path in glob.glob(f"{s.postgres.data}/**", recursive=True):
        if os.path.isfile(path):
            with open(path, "rb") as f:
                data = f.read()
            size += len(data)
            found |= {path} if clear.search(data) else set()
            found |= {"known"} if b"personal by hand" in data else set()
    expect_equal(found, {"known"}, f"of {size} bytes")


main(Life)
