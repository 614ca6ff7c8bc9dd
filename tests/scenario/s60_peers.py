#!/usr/bin/python3
"""Who may do what between processes (R45): no key, an unknown key, a role that lacks the method, a peer that was taken out."""
import os
import signal

from harness import SLOW, System, expect, expect_equal, main, test, wait_for
from wire import Dealer, peers, zmq

import admin_pb2
import audit_pb2
import envelope_pb2
import feed_pb2
import health_pb2
import issuer_pb2
import validator_pb2

CHECK = "jeton.v1.Health/Check"
# Each method with a request, and who may call it, by the names of the peers that `jeton keys init` makes.
EVERYONE = {"operator", "gateway", "caller", "issuer"}
ADMIN = {"operator", "gateway"}


def methods():
    for module in (admin_pb2, issuer_pb2, validator_pb2, audit_pb2, health_pb2, feed_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield service.name, method.name


def allowed(service, method):
    if service in ("Health", "Stats") or method in ("GetJwks", "GetCheckpointKey"):
        return EVERYONE
    if service == "Validator":
        return {"operator", "gateway", "caller"}
    if service == "Feed":
        return {"issuer", "gateway"}  # processes of Jeton
    if method == "TakeSegment":
        return {"gateway", "issuer"}
    if method in ("ListSigningKeys", "RotateSigningKey"):
        return {"operator"}
    return ADMIN


def served_by(service):
    return {"Admin": "admin", "Issuer": "issuer", "Validator": "validator", "AuditLogger": "auditor", "Health": "admin", "Stats": "auditor", "Feed": "admin"}[service]


def expect_silence(system, *arguments, **keys):
    """No service answers a peer with these keys; they are asked all at once, since there is nothing to wait for but time."""
    dealers = {service.name: Dealer(system, service, *arguments, **keys) for service in system.services.values()}
    poller = zmq.Poller()
    for dealer in dealers.values():
        # One that has been turned away already has nobody to send to, and would wait for ever.
        dealer.socket.sndtimeo = 0
        try:
            dealer.send(CHECK, health_pb2.CheckRequest())
        except zmq.Again:
            continue
        poller.register(dealer.socket, zmq.POLLIN)
    answered = dict(poller.poll(int(500 * SLOW)))
    expect(not answered, f"answered: {[name for name, dealer in dealers.items() if dealer.socket in answered]}")
    for dealer in dealers.values():
        dealer.close()


@test("without CURVE a peer gets nothing")
def plain(system):
    expect_silence(system, None)


@test("with an unknown key a peer gets nothing, and with the wrong key of the server neither")
def unknown_key(system):
    expect_silence(system, zmq.curve_keypair())
    expect_silence(system, "operator", server_key=zmq.curve_keypair()[0])


@test("the command line says that its key is not known")
def unknown_key_cli(system):
    public, secret = zmq.curve_keypair()
    path = system.path("stranger.key_secret")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as f:
        f.write(f'metadata\ncurve\n    public-key = "{public.decode()}"\n    secret-key = "{secret.decode()}"\n')
    run = system.jeton("account", "list", environment={"JETON_KEY": path})
    expect_equal(run.returncode, 77, run.stderr)
    expect("peers" in run.stderr, f"the text does not say what to do: {run.stderr}")


@test("each method answers the roles of its row and refuses all others")
def matrix(system):
    for service, method in methods():
        for peer in sorted(EVERYONE):
            dealer = Dealer(system, system[served_by(service)], peer)
            # A body that cannot be unpacked: who gets as far as that was allowed to call.
            reply = dealer.call(f"jeton.v1.{service}/{method}", b"\xff")
            expect(reply is not None, f"{peer}: {service}/{method}: no answer")
            expected = envelope_pb2.CODE_INVALID_ARGUMENT if peer in allowed(service, method) else envelope_pb2.CODE_PERMISSION_DENIED
            expect_equal(envelope_pb2.Code.Name(reply.code), envelope_pb2.Code.Name(expected), f"{peer}: {service}/{method} ({reply.message})")
            dealer.close()


@test("a method that is not there is UNIMPLEMENTED, whoever asks")
def unimplemented(system):
    dealer = Dealer(system, system["validator"], "caller")
    for method in ("jeton.v1.Admin/CreateToken", "jeton.v1.Validator/NoSuch", "jeton.v1.Validator", "/", "Validate", "x" * 128):
        reply = dealer.call(method, b"")
        expect_equal(envelope_pb2.Code.Name(reply.code), "CODE_UNIMPLEMENTED", repr(method))
    for method in ("", "x" * 129):
        reply = dealer.call(method, b"")
        expect_equal(envelope_pb2.Code.Name(reply.code), "CODE_INVALID_ARGUMENT", repr(method))
    dealer.close()


@test("a peer that is taken out of the peers file is refused on its open connection after SIGHUP; a bad file changes nothing")
def reload(system):
    service, path = system["validator"], f"{system.keys}/peers"
    dealer = Dealer(system, service, "caller")
    check = health_pb2.CheckRequest()
    expect_equal(dealer.call(CHECK, check).code, envelope_pb2.CODE_OK)
    with open(path, encoding="ascii") as f:
        before = f.read()

    def write(text):
        with open(path + ".new", "w", encoding="ascii") as f:
            f.write(text)
        os.rename(path + ".new", path)
        service.signal(signal.SIGHUP)
    try:
        write("this is no peers file\n")
        wait_for(lambda: "peers" in service.log() and "this is no" not in service.log() and service.log().count("level=error") + service.log().count("level=warn"),
                 what="a line about the bad file")
        expect_equal(dealer.call(CHECK, check).code, envelope_pb2.CODE_OK)
        write("".join(line for line in before.splitlines(True) if " caller" not in line.replace("\t", " ") or line.startswith("#")))
        wait_for(lambda: dealer.call(CHECK, check).code == envelope_pb2.CODE_PERMISSION_DENIED, what="the refusal")
        fresh = Dealer(system, service, "caller")
        fresh.send(CHECK, check)
        expect(fresh.receive(0.5) is None, "a peer that was taken out could connect")
        fresh.close()
    finally:
        write(before)
    wait_for(lambda: dealer.call(CHECK, check).code == envelope_pb2.CODE_OK, what="the peer being back")
    dealer.close()


@test("each process serves under its own key")
def keys(system):
    public = peers(system)
    expect_equal(len(set(public.values())), len(public), "keys that are used twice")


main(System)
