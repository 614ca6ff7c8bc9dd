"""Calls of two issuers by hand, as a gateway makes them, for scenarios: connections that a system keeps, and a crowd that comes at once."""
import wire  # generates and finds what is imported next
from harness import SLOW, expect

import envelope_pb2 as envelope
import issuer_pb2 as issuer

NAMES = ("issuer", "issuer2")
PAIRS = {"client-address": "192.0.2.1"}


def connect(system):
    """system.issuers, as a gateway, and system.validators, as a caller; anew, when one of them was started again."""
    system.issuers = [wire.Dealer(system, system[name], "gateway") for name in NAMES]
    system.validators = [wire.Dealer(system, service, "caller") for service in system.of_kind("validator")]


def call(system, method, message, which=0):
    """What the issuer says, packed; it must not fail."""
    reply = system.issuers[which].call(f"jeton.v1.Issuer/{method}", message, timeout=25, timeout_ms=int(20000 * SLOW), pairs=PAIRS)
    expect(reply is not None and reply.code == envelope.CODE_OK, f"{method}: {reply}")
    return reply.body


def crowd(system, request, n, kill):
    """The envelopes of the answers to n requests for the same token at once, half of them at each issuer, one of which may be killed after the first."""
    dealers = [wire.Dealer(system, system[name], "gateway") for name in NAMES]
    for _ in range(n // 2):
        for dealer in dealers:
            dealer.send("jeton.v1.Issuer/Token", request, timeout_ms=int(30000 * SLOW), pairs=PAIRS)
    replies = []
    if kill:
        replies.append(dealers[0].receive(20))
        system["issuer"].kill()
    for dealer, due in zip(dealers, (0 if kill else n // 2, n // 2)):
        replies += [dealer.receive(30) for _ in range(due)]
    while kill and (reply := dealers[0].receive(0.01)):  # what it had sent before
        replies.append(reply)
    for dealer in dealers:
        dealer.close()
    expect(all(reply is not None for reply in replies), "an answer to each")
    return replies


def token_replies(replies):
    """Of those that are none of a failed call."""
    return [issuer.TokenReply.FromString(reply.body) for reply in replies if reply.code == envelope.CODE_OK]
