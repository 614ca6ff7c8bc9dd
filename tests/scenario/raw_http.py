"""HTTP by the byte: connections to the gateway on which anything can be sent, and requests that it has to refuse."""

import re
import socket
import ssl

from harness import PATIENCE, expect, expect_equal

LISTENERS = ("proxy", "tls")
GOOD = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Line:
    """A connection on which any bytes can be sent."""

    def __init__(self, gateway, listener="proxy", address="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", gateway.ports[listener]), timeout=20 * PATIENCE, source_address=(address, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if listener == "tls":
            context = ssl.create_default_context(cafile=gateway.settings["certificate"])
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost", suppress_ragged_eofs=True)
        self.rest = b""

    def send(self, data):
        self.socket.sendall(data)
        return self

    def receive(self):
        """What comes next; b"" at the end, however it comes."""
        try:
            return self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError, BrokenPipeError):
            return b""

    def response(self):
        """The next response: (status, head, body); None when the connection ends without one."""
        while b"\r\n\r\n" not in self.rest:
            more = self.receive()
            if not more:
                return None
            self.rest += more
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        size = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
        while len(self.rest) < size:
            more = self.receive()
            expect(more, "a response without its end")
            self.rest += more
        body, self.rest = self.rest[:size], self.rest[size:]
        return int(head.split()[1]), head.decode(), body.decode()

    def ended(self):
        """Nothing comes any more, and the gateway has closed it."""
        return self.rest == b"" and self.receive() == b""

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def expect_refused(gateway, data, status, word="", listener="proxy", pieces=False):
    """Such a request gets this status as a problem, and the connection ends. pieces: byte by byte."""
    what = repr(data[:80])
    with Line(gateway, listener) as line:
        for piece in ([data[i:i + 1] for i in range(len(data))] if pieces else [data]):
            try:
                line.send(piece)
            except OSError:
                break  # it has been refused already
        response = line.response()
        expect(response, f"{what}: no response")
        expect_equal(response[0], status, what)
        expect("application/problem+json" in response[1] and "connection: close" in response[1].lower(), f"{what}: {response[1]}")
        expect(word in response[2], f"{what}: {response[2]}")
        expect(line.ended(), f"{what}: the connection goes on")


def head(*lines, first="GET /nothing HTTP/1.1", host="Host: localhost"):
    return "\r\n".join([first, *([host] if host else []), *lines, "", ""]).encode("latin-1")


MALFORMED = [
    (b"GET /nothing HTTP/1.1\nHost: localhost\n\n", 400),
    (b"GET /nothing HTTP/1.1\r\nHost: localhost\n\r\n", 400),
    (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\rX: y\r\n\r\n", 400),
    (b"GET  /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /nothing  HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /nothing\r\n\r\n", 400),
    (b"\r\nGET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"G\x00T /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS where none is spoken
    (b"\xff" * 64, 400),
    (head(first="GET nothing HTTP/1.1"), 400),
    (head(first="GET http://localhost/nothing HTTP/1.1"), 400),
    (head(first="CONNECT localhost:443 HTTP/1.1"), 400),
    (head(first="GET /a b HTTP/1.1"), 400),
    (head(first="GET /a\x00 HTTP/1.1"), 400),
    (head(first="GET /%4 HTTP/1.1"), 400),
    (head(first="GET /%zz HTTP/1.1"), 400),
    (head(first="GET /<script> HTTP/1.1"), 400),
    (head(first="GET /caf\xe9 HTTP/1.1"), 400),
    (head(first="GET /nothing HTTP/1.1 x"), 400),
    (head(first="GET /nothing HTTP/2.0"), 505),
    (head(first="GET /nothing HTTP/0.9"), 505),
    (head(first="GET /nothing http/1.1"), 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0", 505),
    (head(host=None), 400),
    (head("Host: other"), 400),
    (head(host="Host:"), 400),
    (head(host="Host: a b"), 400),
    (head(host="Host: user@localhost"), 400),
    (head("Content-Length : 0"), 400),
    (head("Content-Length: 1", "Content-Length: 1") + b"x", 400),
    (head("Content-Length: 1", "Content-Length: 2") + b"xx", 400),
    (head("Content-Length: 1, 1") + b"x", 400),
    (head("Content-Length: +1") + b"x", 400),
    (head("Content-Length: -1") + b"x", 400),
    (head("Content-Length: 0x1") + b"x", 400),
    (head("Content-Length: 1 1") + b"x", 400),
    (head("Content-Length:") + b"x", 400),
    (head("Content-Length: 99999999999999999999"), 400),
    (head("Transfer-Encoding: chunked") + b"0\r\n\r\n", 411),
    (head("Transfer-Encoding: identity"), 411),
    (head("Transfer-Encoding:\tchunked") + b"0\r\n\r\n", 411),
    (head("Transfer-Encoding : chunked"), 400),
    (head("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
    (head("X: a", " continued"), 400),
    (head("X: a", "\tcontinued"), 400),
    (head(" X: a"), 400),
    (head("X: a\x00b"), 400),
    (head("X: a\x0bb"), 400),
    (head("X: a\x7fb"), 400),
    (head("X\x00: a"), 400),
    (head("X\xe9: a"), 400),
    (head(": a"), 400),
    (head("without a colon"), 400),
    (head(first="GET /" + "a" * 20000 + " HTTP/1.1"), 414),
    (head(first=f"GET /nothing?{'a&' * 390} HTTP/1.1"), 414),
    (head(first=f"GET /nothing?{'a&' * 5000} HTTP/1.1"), 414),
    (head(*[f"X-{i}: a" for i in range(100)], first=f"GET /nothing?{'a&' * 300} HTTP/1.1"), 431),
    (head("X: " + "a" * 20000), 431),
    (head(*[f"X-{i}: a" for i in range(200)]), 431),
]
