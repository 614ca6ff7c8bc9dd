"""A client of Jeton in another language: may the token on standard input read orders?

    printf %s "$TOKEN" | client.py tcp://127.0.0.1:7102 var/keys/peers var/keys/curve/caller.key_secret

Needs pyzmq, protobuf, and the code that `protoc --python_out` makes of proto/ on PYTHONPATH.
"""
import sys

import zmq
import zmq.auth
from envelope_pb2 import ClientMessage, Code, Reply
from validator_pb2 import Decision, Reason, ValidateReply, ValidateRequest


def connect(endpoint, server_key, certificate):
    public, secret = zmq.auth.load_certificate(certificate)
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = server_key, public, secret
    socket.linger = 0
    socket.connect(endpoint)
    return socket


def call(socket, method, request, reply, timeout_ms=2000, id=1):
    message = ClientMessage()
    message.request.id, message.request.method, message.request.timeout_ms = id, method, timeout_ms
    message.request.body = request.SerializeToString()
    socket.send(message.SerializeToString())
    while socket.poll(timeout_ms):
        answer = Reply.FromString(socket.recv())
        if answer.id == id:
            if answer.code != Code.CODE_OK:
                raise RuntimeError(f"{Code.Name(answer.code)}: {answer.message}")
            reply.ParseFromString(answer.body)
            return reply
    raise TimeoutError("no answer: the server is down, or does not know our key")


if __name__ == "__main__":
    endpoint, peers, certificate = sys.argv[1:]
    keys = {line.split()[1]: line.split()[0] for line in open(peers) if len(line.split()) == 3}
    validator = connect(endpoint, keys["validator"].encode(), certificate)
    request = ValidateRequest(token=sys.stdin.read().strip(), module="orders")
    reply = call(validator, "jeton.v1.Validator/Validate", request, ValidateReply())
    print(Decision.Name(reply.decision), Reason.Name(reply.reason), reply.status, reply.token)
