#!/usr/bin/python3
"""The gateway's certificate, as "keys init" makes it for this machine: TLS clients take it (R27), and an operator's own is left alone (R34)."""
# plain
import datetime
import ipaddress
import os
import ssl
import stat
import subprocess
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness import BUILD, PATIENCE, TOP, expect, expect_equal, main, test

JETON = os.path.join(TOP, BUILD, "bin", "jeton")
FILES = {"tls.key": 0o600, "tls.pem": 0o644, "tls-ca.key": 0o600, "tls-ca.pem": 0o644}


def init(directory, check=0):
    """Of what there is to know of TLS: what was made, or the error."""
    run = subprocess.run([JETON, "keys", "init", directory], capture_output=True, text=True, timeout=30 * PATIENCE, check=False, env={"LC_ALL": "C.UTF-8"})
    expect_equal(run.returncode, check, run.stderr)
    return sorted(line.removeprefix(f"made {directory}/") for line in run.stdout.splitlines() if "tls" in line) if check == 0 else run.stderr


def read(directory):
    found = {}
    for name in FILES:
        if os.path.exists(f"{directory}/{name}"):
            with open(f"{directory}/{name}", "rb") as f:
                found[name] = f.read()
    return found


def certificate(directory, name="tls.pem"):
    return x509.load_pem_x509_certificate(read(directory)[name])


def private(directory, name="tls.key"):
    return serialization.load_pem_private_key(read(directory)[name], None)


def certify(subject, key, issuer, issuer_key, days, names=(), ca=False):
    """A certificate as it looks with so many days left."""
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])).issuer_name(issuer)
               .public_key(key.public_key()).serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=700))
               .not_valid_after(now + datetime.timedelta(days=days)).add_extension(x509.BasicConstraints(ca, None), True))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def write(path, data, mode=0o644):
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, mode)


def handshake(directory, name, ca="tls-ca.pem"):
    """A TLS client that trusts this CA alone, and a server with the certificate, in memory. Raises what the client says."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(f"{directory}/tls.pem", f"{directory}/tls.key")
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(f"{directory}/{ca}")
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(down, up, server_hostname=name)
    server = served.wrap_bio(up, down, server_side=True)
    for _ in range(8):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    client.getpeercert()  # fails unless it is through


@test("a certificate is made that TLS clients take for the names of this machine, by a CA that can sign for no others")
def made():
    with tempfile.TemporaryDirectory() as parent:
        directory = os.path.join(parent, "keys")
        expect_equal(init(directory), sorted(FILES))
        expect_equal({name: stat.S_IMODE(os.stat(f"{directory}/{name}").st_mode) for name in FILES}, FILES)
        before = read(directory)
        expect_equal((init(directory), read(directory)), ([], before), "done again")
        own = certificate(directory)
        expect((own.not_valid_after - own.not_valid_before).days <= 825, f"{own.not_valid_after}")
        expect_equal(private(directory).curve.name, "secp256r1")
        for name in ("localhost", "jeton.localhost", "gateway", "127.0.0.1", "::1"):
            handshake(directory, name)
        for name in ("example.com", "127.0.0.2", "other.localhost"):
            try:
                handshake(directory, name)
                expect(False, f"it is taken for {name}")
            except ssl.SSLCertVerificationError:
                pass
        # Who has the CA's key cannot be another site for those who trust it.
        ca, ca_key = certificate(directory, "tls-ca.pem"), private(directory, "tls-ca.key")
        write(f"{directory}/tls.pem", certify("x", private(directory), ca.subject, ca_key, 20, ["example.com"]))
        try:
            handshake(directory, "example.com")
            expect(False, "the CA is good for other names")
        except ssl.SSLCertVerificationError as error:
            expect("permitted subtree violation" in str(error), str(error))


@test("what is about to end is made anew for the same key, each time that keys are looked for")
def renewed():
    with tempfile.TemporaryDirectory() as parent:
        directory = os.path.join(parent, "keys")
        init(directory)
        before = read(directory)
        ca, ca_key, key = certificate(directory, "tls-ca.pem"), private(directory, "tls-ca.key"), private(directory)
        write(f"{directory}/tls.pem", certify("jeton.localhost", key, ca.subject, ca_key, 29, ["localhost"]))
        expect_equal(init(directory), ["tls.pem"])
        expect_equal({**read(directory), "tls.pem": b""}, {**before, "tls.pem": b""})
        handshake(directory, "jeton.localhost")
        write(f"{directory}/tls.pem", certify("jeton.localhost", key, ca.subject, ca_key, 31, ["localhost"]))
        expect_equal(init(directory), [])
        # The CA too: what was by it before is by it still, so that clients may be told of the new one in their own time.
        write(f"{directory}/tls-ca.pem", certify("Jeton local CA", ca_key, ca.subject, ca_key, 29, ca=True))
        expect_equal(init(directory), ["tls-ca.pem", "tls.pem"])
        write(f"{directory}/old.pem", before["tls-ca.pem"])
        handshake(directory, "localhost")
        handshake(directory, "localhost", "old.pem")
        # What is lost is made again.
        os.unlink(f"{directory}/tls.pem")
        expect_equal(init(directory), ["tls.pem"])


@test("an operator's own certificate is left alone, with its key, whatever it is like")
def own():
    with tempfile.TemporaryDirectory() as parent:
        directory = os.path.join(parent, "keys")
        os.mkdir(directory, 0o700)
        key = ec.generate_private_key(ec.SECP384R1())
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "api.example.com")])
        write(f"{directory}/tls.pem", certify("api.example.com", key, name, key, 5, ["api.example.com"]))
        expect("tls.key" in init(directory, check=73), "a certificate without its key")
        expect_equal(set(read(directory)), {"tls.pem"})
        write(f"{directory}/tls.key", pem, 0o600)
        before = read(directory)
        expect_equal((init(directory), read(directory)), ([], before))
        # In a system that had one of its own before, too.
        other = os.path.join(parent, "other")
        init(other)
        for file, data in before.items():
            write(f"{other}/{file}", data, FILES[file])
        expect_equal((init(other), {file: read(other)[file] for file in before}), ([], before))
        write(f"{other}/tls.pem", b"no certificate\n")
        expect("tls.pem" in init(other, check=73), "what is no certificate")
        # A key of the operator's without a certificate gets one.
        third = os.path.join(parent, "third")
        os.mkdir(third, 0o700)
        write(f"{third}/tls.key", pem, 0o600)
        init(third)
        expect_equal(read(third)["tls.key"], pem)
        handshake(third, str(ipaddress.ip_address("127.0.0.1")))
        write(f"{third}/tls.key", pem, 0o644)
        os.unlink(f"{third}/tls.pem")
        expect("chmod 600" in init(third, check=73), "a key that others may read")


if __name__ == "__main__":
    main()
