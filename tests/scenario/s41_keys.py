#!/usr/bin/python3
"""Signing keys and signatures: rotation under load, also to other algorithms; tokens of another library here and ours there; forged ones (R24-R26)."""
import base64
import collections
import hashlib
import hmac
import itertools
import json
import signal
import threading
import time

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from harness import PATIENCE, System, expect, expect_equal, main, test, wait_for
from wire import Dealer, envelope

import health_pb2
import issuer_pb2
import validator_pb2

PASSWORD = "correct horse battery"
MAX_AGE_S = 1
ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551


def two_of_each():
    system = System({"validator": 2, "issuer": 2},
                    {"issuer": {"jwks_max_age_s": MAX_AGE_S, "keys_interval_ms": 100}, "validator": {"keys_interval_ms": 60000}})
    system.cli("module", "create", "orders")
    system.account = system.cli("account", "create", "--name", "Acme", "--module", "orders")["id"]
    system.user = system.cli("user", "create", "--account", system.account, "--username", "erin", "--name", "Erin", input=PASSWORD + "\n")["id"]
    system.tokens = {}  # one of each key, by kid
    return system


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def header_of(token):
    return json.loads(unb64(token.split(".")[0]))


def ask(dealer, token):
    """The reason of a validator's answer, and its status."""
    reply = dealer.call("jeton.v1.Validator/Validate", validator_pb2.ValidateRequest(token=token, module="orders"), 10)
    expect(reply is not None and reply.code == envelope.CODE_OK, f"no answer: {reply}")
    reply = validator_pb2.ValidateReply.FromString(reply.body)
    return validator_pb2.Reason.Name(reply.reason)[len("REASON_"):].lower(), reply.status


def login(dealer):
    reply = dealer.call("jeton.v1.Issuer/Login", issuer_pb2.LoginRequest(username="erin", password=PASSWORD), 20, timeout_ms=20000)
    expect(reply is not None and reply.code == envelope.CODE_OK, f"no login: {reply}")
    return issuer_pb2.LoginReply.FromString(reply.body).access_token


def jwks_of(dealer):
    reply = issuer_pb2.GetJwksReply.FromString(dealer.call("jeton.v1.Issuer/GetJwks", issuer_pb2.GetJwksRequest(), 10).body)
    expect_equal(reply.max_age_s, MAX_AGE_S)
    return {key["kid"]: key for key in json.loads(reply.jwks)["keys"]}


def statistic(dealer, name):
    reply = dealer.call("jeton.v1.Stats/Get", health_pb2.GetStatsRequest())
    return {row.name: row.value for row in health_pb2.GetStatsReply.FromString(reply.body).stats}[name]


def algorithm_set(system, algorithm):
    """As an operator does: in the file of each issuer, then SIGHUP."""
    for issuer in system.of_kind("issuer"):
        issuer.settings["signing_algorithm"] = algorithm
        before = issuer.log().count("settings reloaded")
        with open(issuer.conf_path, "w", encoding="utf-8") as f:
            f.writelines(f"{key} = {value}\n" for key, value in issuer.settings.items() if value is not None)
        issuer.signal(signal.SIGHUP)
        wait_for(lambda: issuer.log().count("settings reloaded") > before, 5, "the settings")


class Load:
    """Logins at both issuers; every token is asked about at both validators and by a resource server of its own, which keeps a JWKS for as long as
    it may; older tokens again and again."""

    def __init__(self, system):
        self.system, self.ending = system, False
        self.problems, self.seen, self.answers = [], collections.OrderedDict(), 0
        self.threads = [threading.Thread(target=self.guard, args=(i,)) for i in range(2)]
        for thread in self.threads:
            thread.start()

    def guard(self, number):
        issuer = self.system.of_kind("issuer")[number]
        dealers = [Dealer(self.system, service) for service in (issuer, *self.system.of_kind("validator"))]
        # The JWKS comes from the other issuer: what one signs with, all show.
        other = Dealer(self.system, self.system.of_kind("issuer")[1 - number])
        try:
            self.run(dealers[0], dealers[1:], other)
        except Exception as error:  # told by end ()
            self.problems.append(repr(error))
        for dealer in (*dealers, other):
            dealer.close()

    def run(self, issuer, validators, other):
        known, read_at = {}, -60
        while not self.ending:
            token = login(issuer)
            kid = header_of(token)["kid"]
            if time.monotonic() - read_at >= MAX_AGE_S:
                asked_at = time.monotonic()
                known, read_at = jwks_of(other), asked_at
            if kid not in known:
                self.problems.append(f"{kid} is not in the JWKS of {time.monotonic() - read_at:.2f} s ago")
            else:
                jwt.decode(token, jwt.PyJWK(known[kid]).key, algorithms=[known[kid]["alg"]], audience="jeton", issuer="https://jeton.localhost")
            for each in (token, *self.seen.values()):
                for validator in validators:
                    answer = ask(validator, each)
                    self.answers += 1
                    if answer != ("ok", 200):
                        self.problems.append(f"{answer} for a token of {header_of(each)}")
            self.seen[kid] = token

    def end(self):
        self.ending = True
        for thread in self.threads:
            thread.join()
        expect(not self.problems, "; ".join(self.problems[:5]))


@test("keys rotate under load, from one algorithm to the next and back: no token is refused, none is of a key that is not known everywhere (R24, R26)")
def rotate(system):
    validators = [Dealer(system, validator) for validator in system.of_kind("validator")]
    load = Load(system)
    try:
        wait_for(lambda: load.seen or load.problems, 20, "a first token")
        # What is pending was made by the setting of before: each algorithm comes into use one rotation after it was set.
        for algorithm, comes in (("eddsa", "ES256"), ("rs256", "EdDSA"), ("es256", "RS256"), ("es256", "ES256")):
            algorithm_set(system, algorithm)
            keys = wait_for(lambda: (lambda run: run[1] if run[0] == 0 else None)(system.cli("keys", "rotate", check=None)), 20, "a rotation")
            expect_equal([(key["state"], key["algorithm"].lower()) for key in keys][1:], [("active", comes.lower()), ("pending", algorithm)])
            wait_for(lambda: keys[1]["kid"] in load.seen or load.problems, 20, f"a token of the new key, {comes}")
        wait_for(lambda: list(load.seen)[-1] == keys[1]["kid"] or load.problems, 20, "tokens of the last key only")
    finally:
        load.end()
    print(f"# {load.answers} answers about tokens of {len(load.seen)} keys: {[header_of(t)['alg'] for t in load.seen.values()]}")
    expect_equal([header_of(token)["alg"] for token in load.seen.values()], ["ES256", "ES256", "EdDSA", "RS256", "ES256"])
    for dealer in validators:
        expect_equal(statistic(dealer, "validator.keys_sought"), 0, "JWTs whose key was not known when they came")
        dealer.close()
    system.tokens = load.seen
    expect_equal([key["algorithm"] for key in system.cli("keys", "list")], ["ES256", "ES256", "EdDSA", "RS256", "ES256", "ES256"])


@test("a wrong algorithm in the settings is refused, and the one before stays")
def wrong_algorithm(system):
    issuer = system["issuer"]
    algorithm_set(system, "hs256")
    wait_for(lambda: 'signing_algorithm: is \\"hs256\\", must be es256, eddsa or rs256' in issuer.log(), 5, "the refusal")
    expect_equal([key["algorithm"] for key in system.cli("keys", "rotate", "--force")][1:], ["ES256", "ES256"])
    issuer.stop()
    issuer.start(wait=False)
    expect_equal(issuer.process.wait(20 * PATIENCE), 78, "exit status")
    issuer.settings["signing_algorithm"] = None
    issuer.start()
    algorithm_set(system, "es256")


class Keys:
    """The private keys, as who has the database and the file of seal keys has them."""

    def __init__(self, system):
        with open(f"{system.keys}/seal.keys", encoding="ascii") as f:
            seal = {int(line.split()[0]): bytes.fromhex(line.split()[1]) for line in f}
        self.keys, self.algorithms = {}, {}
        for row in system.sql("select kid, algorithm, encode(private_key, 'hex') from signing_keys order by created_at").splitlines():
            kid, algorithm, sealed = row.split("|")
            sealed = bytes.fromhex(sealed)
            der = AESGCM(seal[int.from_bytes(sealed[:4], "big")]).decrypt(sealed[4:16], sealed[16:], f"signing-key {kid}".encode())
            self.keys[kid] = serialization.load_der_private_key(der, None)
            self.algorithms.setdefault(algorithm, kid)

    def sign(self, algorithm, claims, **header):
        """By PyJWT, as the issuer would."""
        kid = self.algorithms[algorithm]
        return jwt.encode(claims, self.keys[kid], algorithm=algorithm, headers={"typ": "at+jwt", "kid": kid, **header})

    def sign_raw(self, header, claims):
        """ES256 of these very bytes."""
        text = f"{b64(header)}.{b64(claims)}"
        r, s = utils.decode_dss_signature(self.keys[self.algorithms["ES256"]].sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@test("tokens by another library are good here, ours are good there, by each algorithm (R24)")
def another_library(system):
    dealer, issuer = Dealer(system, system["validator2"]), Dealer(system, system["issuer2"])
    keys, jwks = Keys(system), jwks_of(issuer)
    shapes = {"ES256": {"kty", "crv", "x", "y"}, "EdDSA": {"kty", "crv", "x"}, "RS256": {"kty", "n", "e"}}
    for kid, jwk in jwks.items():
        expect_equal(set(jwk), shapes[jwk["alg"]] | {"kid", "use", "alg"}, "members of a JWK")
        expect_equal((jwk["use"], jwk["kty"], jwk.get("crv")),
                     ("sig", *{"ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519"), "RS256": ("RSA", None)}[jwk["alg"]]))
        named = json.dumps({name: jwk[name] for name in shapes[jwk["alg"]]}, sort_keys=True, separators=(",", ":"))
        expect_equal(b64(hashlib.sha256(named.encode()).digest()), kid, "the thumbprint (RFC 7638)")
    for token in system.tokens.values():
        header = header_of(token)
        claims = jwt.decode(token, jwt.PyJWK(jwks[header["kid"]]).key, algorithms=[header["alg"]], audience="jeton", issuer="https://jeton.localhost")
        expect_equal((header["typ"], claims["sub"], claims["account"]), ("at+jwt", system.user, system.account))
        for number, algorithm in enumerate(shapes):
            theirs = keys.sign(algorithm, {**claims, "jti": f"another-{number}"})
            expect_equal(ask(dealer, theirs), ("ok", 200), algorithm)
    dealer.close()
    issuer.close()


def forgeries(keys, claims, good):
    """What it is, the token, and why it is refused."""
    now = int(time.time())
    kid = keys.algorithms["ES256"]
    header = {"alg": "ES256", "typ": "at+jwt", "kid": kid}
    head, body, signature = good.split(".")
    raw = unb64(signature)

    def es256(more_header=None, more_claims=None, without=()):
        return keys.sign_raw(json.dumps({**header, **(more_header or {})}).encode(),
                             json.dumps({k: v for k, v in {**claims, **(more_claims or {})}.items() if k not in without}).encode())
    text = json.dumps(header)[:-1].encode()
    said = json.dumps(claims)[:-1].encode()
    for alg in ("none", "None", "NONE"):
        for end in ("", signature, b64(b"x")):
            yield f"alg {alg}", f"{b64(json.dumps({**header, 'alg': alg}).encode())}.{body}.{end}", "malformed"
    public = keys.keys[kid].public_key()
    for form in (serialization.Encoding.PEM, serialization.Encoding.DER):
        secret = public.public_bytes(form, serialization.PublicFormat.SubjectPublicKeyInfo)
        signed = f"{b64(json.dumps({**header, 'alg': 'HS256'}).encode())}.{body}"
        yield "HS256 with the public key", f"{signed}.{b64(hmac.digest(secret, signed.encode(), 'sha256'))}", "malformed"
    for name in ("../../../../etc/passwd", "/dev/null", "' or state = 2 --", "x' union select private_key from signing_keys --", "", "A" * 43, "A" * 5000):
        yield f"kid {name[:20]}", es256({"kid": name}), "unknown"
    yield "kid as a list", es256({"kid": [kid]}), "malformed"
    yield "crit", es256({"crit": ["exp"]}), "malformed"
    for form in (f"{head}.{body}", f"{head}..{signature}", f"{head}.{body}.{signature}.", f"{head}.{body}.{signature}.{signature}.x", f".{good}"):
        yield "dots", form, "malformed"
    yield "alg twice", keys.sign_raw(text + b', "alg": "none"}', json.dumps(claims).encode()), "malformed"
    yield "sub twice", keys.sign_raw(json.dumps(header).encode(), said + b', "sub": "USR-0000-0002"}'), "malformed"
    yield "60 KiB", es256(None, {"x": "x" * 45000}), "malformed"
    yield "nested", keys.sign_raw(json.dumps({**header, "cty": "JWT"}).encode(), good.encode()), "malformed"
    yield "cty", es256({"cty": "JWT"}), "malformed"
    yield "expired a second ago", es256(None, {"exp": now - 1}), "expired"
    yield "issued in two minutes", es256(None, {"iat": now + 120}), "undecided"
    yield "good in two minutes", es256(None, {"nbf": now + 120}), "undecided"
    for name, bad in (("aud", ("other", ["other"], "", 1, None)), ("iss", ("https://jeton.localhost/", "https://evil.example", 1)),
                      ("sub", (claims["account"], "USR-0000-000", "USR-9999-9999x", 7, ["x"])), ("account", ("ACC-0", 3)),
                      ("environment", ("both", 1)), ("jti", ("", 7)),
                      ("exp", (str(now + 600), now + 600.5, 1e9, 2 ** 53 + 1, 2 ** 63, -1, True, None)), ("iat", (str(now), now + 0.5, 2 ** 53 + 1))):
        for value in bad:
            yield f"{name} {value!r}", es256(None, {name: value}), "malformed"
        yield f"no {name}", es256(None, None, (name,)), "malformed"
    # Only a login token stands for its user with all the account's rights: whose client_id is another is a client's, and reaches what its scope says.
    client = "CLI" + claims["sub"][3:]
    for value in ("Login", "login ", "", "user", claims["account"], claims["sub"], client + "x", client, ["login"], 1, None):
        yield f"client_id {value!r}", es256(None, {"client_id": value}), "malformed"
    yield "no client_id", es256(None, None, ("client_id",)), "malformed"
    for value in ("module:orders", "module:orders:write,module:stock:read", "market:code:eu", ["module:orders:write"], 1, None):
        yield f"a client's, scope {value!r}", es256(None, {"client_id": client, "scope": value}), "malformed"
    for sub in ("CUS", "CLI", "ACC"):
        yield f"a login of {sub}", es256(None, {"sub": sub + claims["sub"][3:]}), "malformed"
    yield "of a client that there is not", es256(None, {"client_id": client, "scope": "module:orders:write"}), "revoked"
    for typ in ("JWT", "at", "dpop+jwt", "", 1):
        yield f"typ {typ}", es256({"typ": typ}), "malformed"
    own = ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(own.public_key())) if hasattr(jwt.algorithms.ECAlgorithm, "to_jwk") else {"kty": "EC"}
    for member in ({"jwk": jwk}, {"jku": "https://evil.example/jwks.json"}, {"x5u": "https://evil.example/x.pem"}, {"x5c": ["AAAA"]}):
        yield f"its own key by {list(member)[0]}", jwt.encode(claims, own, algorithm="ES256", headers={**header, **member}), "malformed"
        yield f"its own key by {list(member)[0]}, named", jwt.encode(claims, own, algorithm="ES256", headers={**header, "kid": "B" * 43, **member}), "unknown"
    for form in (f"{head}=.{body}.{signature}", f"{head}.{body}.{signature}==", f"{head}.{body}.{signature} ", f" {good}", f"{head}.{body}\n.{signature}",
                 f"{head}.{body}.{signature[:-1]}{chr(ord(signature[-1]) + 1)}"):
        yield "base64", form, "malformed"
    numbers = (0, 1, ORDER, ORDER + 1, 2 ** 256 - 1)
    for r, s in itertools.product(numbers, numbers):
        yield f"r and s {r % 10}, {s % 10}", f"{head}.{body}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}", "malformed"
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    for other in (der, raw[:63], raw + b"\0", raw[:32], b"\0" + raw):
        yield "the signature's form", f"{head}.{body}.{b64(other)}", "malformed"
    for algorithm in ("RS256", "EdDSA"):
        yield f"{algorithm} under the kid of another kind", keys.sign(algorithm, claims, kid=kid), "malformed"
        yield f"ES256 under the kid of {algorithm}", es256({"kid": keys.algorithms[algorithm]}), "malformed"
    yield "another Ed25519 key", jwt.encode(claims, ed25519.Ed25519PrivateKey.generate(), algorithm="EdDSA",
                                            headers={"typ": "at+jwt", "kid": keys.algorithms["EdDSA"]}), "malformed"
    yield "deep claims", keys.sign_raw(json.dumps(header).encode(), said + b', "x":' + b"[" * 2500 + b"]" * 2500 + b"}"), "malformed"
    yield "deep header", keys.sign_raw(text + b', "x":' + b"[" * 2500 + b"]" * 2500 + b"}", b"{}"), "malformed"
    yield "NUL in the claims", es256(None, {"sub": claims["sub"] + "\0"}), "malformed"
    yield "NUL in the header", es256({"x": "\0"}), "malformed"
    yield "another user's account", es256(None, {"account": "ACC-0000-0002"}), "revoked"
    yield "a user that there is not", es256(None, {"sub": "USR-9999-9999"}), "revoked"


@test("forged tokens are refused one by one, each for its reason, without a query; an honest one is good before and after (R28, R29)")
def forged(system):
    dealer = Dealer(system, system["validator"])
    keys = Keys(system)
    good = next(token for token in system.tokens.values() if header_of(token)["kid"] == keys.algorithms["ES256"])
    claims = json.loads(unb64(good.split(".")[1]))
    expect_equal(ask(dealer, good), ("ok", 200))
    n, looked_up, wrong = 0, 0, []
    before = statistic(dealer, "validator.lookups")
    for what, token, reason in forgeries(keys, claims, good):
        answer = ask(dealer, token)
        n += 1
        looked_up += reason == "revoked"
        if answer != (reason, 503 if reason == "undecided" else 401):
            wrong.append(f"{what}: {answer} instead of {reason}")
    print(f"# {n} forged tokens")
    expect(not wrong, "; ".join(wrong))
    expect_equal(statistic(dealer, "validator.lookups") - before, looked_up, "users looked up: of those only that were rightly signed")
    # A mebibyte is more than a request may have.
    reply = dealer.call("jeton.v1.Validator/Validate", validator_pb2.ValidateRequest(token=good + "A" * (1 << 20), module="orders"), 10)
    expect(reply is None or reply.code == envelope.CODE_INVALID_ARGUMENT, f"{reply}")
    dealer.close()
    dealer = Dealer(system, system["validator"])
    expect_equal(ask(dealer, good), ("ok", 200))
    dealer.close()


@test("made-up names of keys are refused without a reading of the keys each; a key that is made and used by force is good (R26)")
def made_up_kids(system):
    dealer, issuer = Dealer(system, system["validator"]), Dealer(system, system["issuer"])
    before, sought, begun = statistic(dealer, "db.calls"), statistic(dealer, "validator.keys_sought"), time.monotonic()
    for i in range(500):
        header = {"alg": "ES256", "typ": "at+jwt", "kid": f"{i:043}"}
        expect_equal(ask(dealer, f"{b64(json.dumps(header).encode())}.{b64(b'{}')}.{'A' * 86}"), ("unknown", 401))
    seconds = time.monotonic() - begun
    sought = statistic(dealer, "validator.keys_sought") - sought
    print(f"# 500 made-up names in {seconds:.2f} s: {sought} waited for the keys, {statistic(dealer, 'db.calls') - before} queries of all kinds")
    expect(sought <= seconds + 1, f"{sought} in {seconds:.2f} s waited for the keys to be read")
    for _ in range(3):
        system.cli("keys", "rotate", "--force")
        wait_for(lambda: header_of(login(issuer))["kid"] == system.cli("keys", "list")[-2]["kid"], 10, "a token of the new key")
        expect_equal(ask(dealer, login(issuer)), ("ok", 200))
    dealer.close()
    issuer.close()


main(two_of_each)
