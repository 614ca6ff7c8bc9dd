"""The envelope by hand, for scenarios that send what the client library would not."""
import glob
import os
import subprocess
import sys

from harness import BUILD, SLOW, TOP

GENERATED = os.path.join(BUILD, "python")
PROTOS = sorted(glob.glob(f"{TOP}/proto/*.proto"))
if any(not os.path.exists(f"{GENERATED}/{os.path.basename(p)[:-6]}_pb2.py") or
       os.path.getmtime(p) > os.path.getmtime(f"{GENERATED}/{os.path.basename(p)[:-6]}_pb2.py") for p in PROTOS):
    os.makedirs(GENERATED, exist_ok=True)
    subprocess.run(["protoc", f"--proto_path={TOP}/proto", f"--python_out={GENERATED}", *PROTOS], check=True)
sys.path.insert(0, GENERATED)

import zmq  # noqa: E402
import zmq.auth  # noqa: E402
import envelope_pb2 as envelope  # noqa: E402


def peers(system):
    """Name to public key, from the system's peers file."""
    with open(f"{system.keys}/peers", encoding="ascii") as f:
        rows = [line.split() for line in f if line.strip() and not line.startswith("#")]
    return {row[1]: row[0].encode() for row in rows}


class Dealer:
    """A DEALER socket to a service; keys: "operator", "caller" … of the system, a (public, secret) pair, or None for no CURVE at all."""

    def __init__(self, system, service, keys="operator", server_key=None):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.set_hwm(100000)
        if keys is not None:
            if isinstance(keys, str):
                keys = zmq.auth.load_certificate(f"{system.keys}/curve/{keys}.key_secret")
            self.socket.curve_publickey, self.socket.curve_secretkey = keys
            self.socket.curve_serverkey = server_key or peers(system)[service.kind]
        self.socket.connect(service.endpoint)
        self.id = 0
        self.replies = []  # that came together with one that was received

    def send(self, method, request, timeout_ms=5000, pairs=None, **fields):
        self.id += 1
        message = envelope.ClientMessage()
        message.request.id, message.request.method, message.request.timeout_ms = self.id, method, timeout_ms
        message.request.body = request if isinstance(request, bytes) else request.SerializeToString()
        for key, value in (pairs or {}).items():
            message.request.metadata.add(key=key, value=value)
        for key, value in fields.items():
            setattr(message.request, key, value)
        self.socket.send(message.SerializeToString())
        return self.id

    def receive(self, timeout=5.0):
        """The next Reply; None when none came in time."""
        if not self.replies:
            if not self.socket.poll(int(timeout * SLOW * 1000)):
                return None
            reply = envelope.Reply.FromString(self.socket.recv())
            self.replies = list(reply.replies) or [reply]
        return self.replies.pop(0)

    def call(self, method, request, timeout=20.0, **fields):
        """The Reply to this call; None when none came in time."""
        sent = self.send(method, request, **fields)
        while True:
            reply = self.receive(timeout)
            if reply is None or reply.id == sent:
                return reply

    def close(self):
        self.socket.close()
