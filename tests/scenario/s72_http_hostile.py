"""The gateway and HTTP that is not as it should be: what is malformed, too large, too slow or too much costs its sender the connection, and nobody else notices.

R27, R46; what is refused and why is in services/gateway/DESIGN.md. No route is needed for that: a good request to /nothing is answered with 404.
"""

import os
import resource
import signal
import socket
import ssl
import threading
import time
import warnings

from harness import PATIENCE, SLOW, System, expect, expect_equal, main, test, wait_for, wait_within
from raw_http import GOOD, LISTENERS, MALFORMED, Line, expect_refused, head

SETTINGS = {"header_timeout_ms": "1500", "body_timeout_ms": "1500", "idle_timeout_ms": "600000", "http_connections": "14000",
            "http_connections_per_address": "13000", "trusted_proxies": "127.0.0.3/32", "drain_timeout_ms": "20000"}


@test("what is at no path is 404, as a problem with a correlation")
def nothing_there(system):
    gateway = system["gateway"]
    for listener in ("tls", "proxy", "status"):
        response = gateway.request("GET", "/nothing", listener=listener)
        expect_equal(response.status, 404)
        expect_equal(response.headers["Content-Type"], "application/problem+json")
        problem = response.json()
        expect_equal((problem["type"], problem["status"]), ("urn:jeton:problem:not-found", 404))
        expect_equal(problem["request"], response.headers["X-Request-Id"])
        expect_equal(response.headers["Cache-Control"], "no-store")
        expect_equal(response.headers["Strict-Transport-Security"] is not None, listener == "tls")


@test("plain HTTP is refused, whatever is asked (R27)")
def plain(system):
    for method, path in (("GET", "/"), ("POST", "/oauth/token"), ("GET", "/auth")):
        response = system["gateway"].request(method, path, headers={"Authorization": "Bearer jtn_live_x"}, listener="plain")
        expect_equal(response.status, 403)
        expect_equal(response.headers["Content-Type"], "application/problem+json")
        expect_equal(response.headers["Connection"], "close")


@test("each malformed request is refused, over TLS too, in one piece or byte by byte")
def malformed(system):
    gateway = system["gateway"]
    for data, status in MALFORMED:
        for listener in LISTENERS:
            expect_refused(gateway, data, status, "urn:jeton:problem:", listener)
        if len(data) < 100:
            expect_refused(gateway, data, status, "", pieces=True)
    expect(stat(system, "http.malformed") >= 2 * len(MALFORMED), "they were counted")


def stat(system, name):
    gateway = system["gateway"]
    return next(int(row["value"]) for row in system.cli("stats", "gateway", "--endpoint", gateway.endpoint) if row["name"] == name)


@test("requests that follow each other on a connection are answered in their order, up to one that is malformed")
def pipelined(system):
    gateway = system["gateway"]
    post = head("Content-Length: 5", first="POST /nothing HTTP/1.1") + b"GET /"  # a body that looks like a request
    for listener in LISTENERS:
        with Line(gateway, listener) as line:
            line.send(GOOD * 20 + post * 20 + GOOD)
            for _ in range(41):
                expect_equal(line.response()[0], 404)
            line.send(GOOD + post + b"GET /nothing HTTP/1.1\r\nHost : localhost\r\n\r\n" + GOOD * 3)
            expect_equal([line.response()[0] for _ in range(3)], [404, 404, 400])
            expect(line.ended(), "nothing behind what is malformed is answered")
        with Line(gateway, listener) as line:
            for byte in GOOD + post + GOOD:
                line.send(bytes([byte]))
            expect_equal([line.response()[0] for _ in range(3)], [404, 404, 404])


@test("a smuggled request is not seen: there is one way only to say where a body ends")
def smuggled(system):
    gateway = system["gateway"]
    inner = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for lines in (["Content-Length: 0", f"Content-Length: {len(inner)}"], [f"Content-Length: {len(inner)}", "Content-Length: 0"],
                  [f"Content-Length: {len(inner)}", "Transfer-Encoding: chunked"], ["Transfer-Encoding: chunked", f"Content-Length: {len(inner)}"],
                  ["Transfer-Encoding:\x0bchunked", f"Content-Length: {len(inner)}"], [f"Content-Length : {len(inner)}"],
                  [f"X: y\nContent-Length: {len(inner)}"], ["Content-Length: 0\r", "X: y"], ["Content-Length: 0,1"]):
        for listener in LISTENERS:
            with Line(gateway, listener) as line:
                line.send(head(*lines, first="POST /nothing HTTP/1.1") + inner)
                status = line.response()[0]
                expect(status in (400, 411), f"{lines}: {status}")
                expect(line.ended(), f"{lines}: the connection goes on")
    # A body that is a request is a body.
    with Line(gateway) as line:
        line.send(head(f"Content-Length: {len(inner)}", first="GET /nothing HTTP/1.1") + inner + GOOD)
        expect_equal([line.response()[0] for _ in range(2)], [404, 404])
        line.socket.shutdown(socket.SHUT_WR)
        expect(line.ended(), "there was no third request")


@test("a body nobody takes is read when it is small, and costs the connection when it is large")
def bodies(system):
    gateway = system["gateway"]
    for listener in LISTENERS:
        with Line(gateway, listener) as line:
            line.send(head("Content-Length: 60000", first="POST /nothing HTTP/1.1") + b"x" * 60000 + GOOD)
            expect_equal([line.response()[0] for _ in range(2)], [404, 404])
        with Line(gateway, listener) as line:  # the answer comes though much is sent that is not read
            line.send(head("Content-Length: 100000000", first="POST /nothing HTTP/1.1"))
            try:
                for _ in range(8):
                    line.send(b"x" * 65536)
            except OSError:
                pass
            expect_equal(line.response()[0], 404)
            expect(line.ended(), "the connection goes on")
        with Line(gateway, listener) as line:
            line.send(head("Content-Length: 5", "Expect: 100-continue", first="POST /nothing HTTP/1.1"))
            expect(line.receive().startswith(b"HTTP/1.1 100 "), "the body is asked for")
            line.send(b"hello")
            expect_equal(line.response()[0], 404)


@test("a method that is unknown, and a header that came twice, are named")
def named(system):
    gateway = system["gateway"]
    expect_equal(gateway.request("BREW", "/nothing").status, 501)
    for name in ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Traceparent", "Cookie"):
        with Line(gateway, "tls") as line:
            status, _, body = line.send(head(f"{name}: a", f"{name.upper()}: a")).response()
            expect_equal(status, 400)
            expect(f'"{name.lower()}\\" came more than once' in body, body)
            expect_equal(line.send(GOOD).response()[0], 404, "the connection goes on")
    with Line(gateway) as line:
        expect_equal(line.send(head("Accept: a", "Accept: b", "X-Any: 1", "X-Any: 2")).response()[0], 404)
        # As much as a head may have.
        for _ in range(3):
            expect_equal(line.send(head(*[f"X-{i:03}: {'a' * 110}" for i in range(127)], first=f"GET /{'a' * 1000} HTTP/1.1")).response()[0], 404)
    # Cookies take memory besides their bytes, which a head's limit does not tell of.
    for listener in LISTENERS:
        with Line(gateway, listener) as line:
            status, _, body = line.send(head(f"Cookie: {'a=b; ' * 350}")).response()
            expect_equal((status, "urn:jeton:problem:headers-too-large" in body), (431, True), body)
            expect_equal(line.send(GOOD).response()[0], 404, "the connection goes on")
            expect_equal(line.send(head(f"Cookie: {'a=b; ' * 200}", first=f"GET /nothing?{'a&' * 100} HTTP/1.1")).response()[0], 404)


@test("who is slow is answered with 408, and closed; who is idle is only closed")
def slow(system):
    gateway = system["gateway"]
    for listener in LISTENERS:
        with Line(gateway, listener) as line:
            begun = time.monotonic()
            for byte in GOOD[:-1]:
                line.send(bytes([byte]))
                if time.monotonic() > begun + 0.5:
                    break
            expect_equal(line.response()[0], 408, "a head that does not end")
            expect(time.monotonic() - begun >= 1.4, "it was given its time")
            expect(line.ended(), "the connection goes on")
        with Line(gateway, listener) as line:
            line.send(head("Content-Length: 10", first="POST /nothing HTTP/1.1") + b"12345")
            expect_equal(line.response()[0], 408, "a body that does not end")
            expect(line.ended(), "the connection goes on")
        with Line(gateway, listener) as line:
            expect(line.ended(), "a connection on which nothing comes is closed")
    with socket.create_connection(("127.0.0.1", gateway.ports["tls"]), timeout=20 * PATIENCE) as half:
        ran, begun = gateway.ran_s(), time.monotonic()
        half.sendall(b"\x16\x03\x01\x02\x00\x01")
        expect_equal(half.recv(100), b"", "TLS that begins and does not go on")
        ran, passed = gateway.ran_s() - ran, time.monotonic() - begun
        expect(ran < passed / 4, f"the gateway ran for {ran:.2f} of {passed:.2f} s for it")
    with socket.create_connection(("127.0.0.1", gateway.ports["tls"]), timeout=20 * PATIENCE) as garbage:
        garbage.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: garbage.recv(1000) == b"", 20, "the end of a connection that speaks no TLS")
    expect(stat(system, "http.timeouts") >= 4, "they were counted")


@test("only TLS 1.2 and 1.3 are spoken, with ciphers that authenticate and keys that are forgotten")
def tls(system):
    gateway = system["gateway"]

    warnings.simplefilter("ignore", DeprecationWarning)  # of what is deprecated is tried that it is refused

    def greet(change):
        context = ssl.create_default_context(cafile=gateway.settings["certificate"])
        context.set_ciphers("ALL:@SECLEVEL=0")
        change(context)
        with socket.create_connection(("localhost", gateway.ports["tls"]), timeout=20 * PATIENCE) as plain_socket:
            with context.wrap_socket(plain_socket, server_hostname="localhost") as line:
                return line.version(), line.cipher()[0], line.selected_alpn_protocol()

    def only(version, ciphers=None):
        def change(context):
            context.minimum_version = context.maximum_version = version
            if ciphers:
                context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        return change
    expect_equal(greet(lambda context: None)[0], "TLSv1.3")
    expect_equal(greet(lambda context: context.set_alpn_protocols(["h2", "http/1.1"]))[2], "http/1.1")
    version, cipher, _ = greet(only(ssl.TLSVersion.TLSv1_2))
    expect(version == "TLSv1.2" and cipher.startswith("ECDHE-") and ("GCM" in cipher or "POLY1305" in cipher), cipher)
    for refused in (only(ssl.TLSVersion.TLSv1), only(ssl.TLSVersion.TLSv1_1), only(ssl.TLSVersion.TLSv1_2, "AES128-SHA"),
                    only(ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256"), only(ssl.TLSVersion.TLSv1_2, "DHE-RSA-AES128-GCM-SHA256")):
        try:
            expect(False, f"spoken: {greet(refused)}")
        except (ssl.SSLError, ConnectionError):
            pass


@test("an address has a number of connections, a trusted proxy is not counted, and all together have one, too")
def limits(system):
    gateway = system["gateway"]
    gateway.settings["http_connections_per_address"] = "20"
    gateway.settings["http_connections"] = "60"
    gateway.restart()
    refused = stat(system, "http.connections_refused")
    lines = [Line(gateway, address="127.0.0.2") for _ in range(30)]
    answered = sum(line.send(GOOD).response() is not None if index < 20 else not line.ended() for index, line in enumerate(lines))
    expect_equal(answered, 20, "connections of one address")
    expect_equal(gateway.request("GET", "/nothing").status, 404, "others have theirs")
    proxies = [Line(gateway, address="127.0.0.3") for _ in range(30)]
    expect(all(line.send(GOOD).response()[0] == 404 for line in proxies), "a proxy has as many as it wants")
    more = [Line(gateway, address="127.0.0.3") for _ in range(30)]
    expect(any(line.ended() for line in more), "but not more than all may have")
    expect(stat(system, "http.connections_refused") > refused + 10, "they were counted")
    for line in lines + proxies + more:
        line.close()
    wait_for(lambda: stat(system, "http.open") == 0, 10, "their places are free again")
    with Line(gateway, address="127.0.0.2") as line:
        expect_equal(line.send(GOOD).response()[0], 404)
    gateway.settings.update(SETTINGS)
    gateway.restart()


@test("10,000 idle connections take little, and so do those of TLS, and nobody else notices")
def idle(system):
    gateway, (soft, hard) = system["gateway"], resource.getrlimit(resource.RLIMIT_NOFILE)
    context = ssl.create_default_context(cafile=gateway.settings["certificate"])
    # A pool of libmicrohttpd's, of 40 KiB, and little besides; with TLS, what GnuTLS has of a session, and a handshake each: IDLE_TLS=10000 takes 15 s more.
    for listener, wanted, bytes_each in (("tls", int(os.environ.get("IDLE_TLS", "500")), 128 << 10), ("proxy", 10000, 64 << 10)):
        wanted, before, sockets = min(wanted, hard - 2000), gateway.memory(), []
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        try:
            for i in range(wanted):
                sockets.append(socket.create_connection(("127.0.0.1", gateway.ports[listener]), source_address=(f"127.0.0.{4 + i % 4}", 0)))
                if listener == "tls":
                    sockets[-1] = context.wrap_socket(sockets[-1], server_hostname="localhost")
                sockets[-1].sendall(GOOD)
            for line in sockets:
                expect(line.recv(100).startswith(b"HTTP/1.1 404"), "each of them was answered")
            expect(stat(system, "http.open") >= wanted, "they are all there")
            grown = gateway.memory() - before
            print(f"# {wanted} idle connections, {listener}: {grown / wanted:.0f} bytes each")
            expect(grown < bytes_each * wanted * max(1, SLOW), f"{listener}: {grown / wanted:.0f} bytes for each")
            for _ in range(20):
                with Line(gateway, "tls") as line:
                    expect_equal(line.send(GOOD).response()[0], 404, "others are served")
        finally:
            for line in sockets:
                line.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        wait_for(lambda: stat(system, "http.open") == 0, 20, "they are gone")


@test("a thousand that begin with TLS and do not go on cost nothing, neither by themselves nor with each request of others, and may go on later")
def begun(system):
    gateway = system["gateway"]
    gateway.settings["header_timeout_ms"] = "60000"
    gateway.restart()
    context = ssl.create_default_context(cafile=gateway.settings["certificate"])

    def request_s(n=100):
        with Line(gateway, "tls") as line:
            line.send(GOOD).response()
            before = gateway.ran_s()
            for _ in range(n):
                expect_equal(line.send(GOOD).response()[0], 404, "others are served")
            return (gateway.ran_s() - before) / n

    def hello():
        """A client that has a connection and has not sent its first bytes, and these."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        try:
            session.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return session, incoming, outgoing, outgoing.read()
    alone, begun_s = request_s(), 0
    session, incoming, outgoing, first = hello()
    lines = [socket.create_connection(("127.0.0.1", gateway.ports["tls"]), timeout=20 * PATIENCE, source_address=("127.0.0.4", 0))
             for _ in range(1000)]
    try:
        for line in lines:
            line.sendall(first[:100])
        wait_for(lambda: stat(system, "http.open") >= 1000, 20, "all of them")
        begun_s = request_s()
        print(f"# {alone * 1e6:.0f} us of the gateway for a request, {begun_s * 1e6:.0f} us beside a thousand that have begun")
        expect(begun_s < 10 * alone, f"a request took {begun_s * 1e6:.0f} us of the gateway, {alone * 1e6:.0f} us without them")
        ran, began = gateway.ran_s(), time.monotonic()
        wait_for(lambda: time.monotonic() > began + 1, 5, "a second")
        ran = gateway.ran_s() - ran
        expect(ran < (time.monotonic() - began) / 20, f"the gateway ran for {ran:.3f} s of a second in which nothing came")
        # One of them goes on, byte by byte, and is served.
        slow_one = lines[500]
        slow_one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in first[100:]:
            slow_one.sendall(bytes([byte]))
        while True:
            incoming.write(slow_one.recv(65536))
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                pass
        session.write(GOOD)
        for byte in outgoing.read():
            slow_one.sendall(bytes([byte]))
        answer = b""
        while b"\r\n\r\n" not in answer:
            incoming.write(slow_one.recv(65536))
            try:
                answer += session.read()
            except ssl.SSLWantReadError:
                pass
        expect(answer.startswith(b"HTTP/1.1 404 "), answer)
        # A drain does not wait for the others.
        gateway.settings.update(SETTINGS)
        gateway.stop(10)
        expect_equal(lines[0].recv(100), b"", "it is closed")
    finally:
        for line in lines:
            line.close()
    gateway.start()


@test("SIGHUP takes a new certificate, and keeps the old one when the new one is not good")
def certificates(system):
    gateway = system["gateway"]
    old = dict(gateway.settings)

    def shown():
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("localhost", gateway.ports["tls"]), timeout=20 * PATIENCE) as plain_socket:
            with context.wrap_socket(plain_socket) as line:
                return ssl.DER_cert_to_PEM_cert(line.getpeercert(True))

    def put(certificate, key):
        for source, target in ((certificate, "certificate"), (key, "certificate_key")):
            with open(source, "rb") as f, open(old[target], "wb") as g:
                g.write(f.read())

    def text(name):
        with open(name, encoding="ascii") as f:
            return f.read()

    first, other = {name: text(old[name]) for name in ("certificate", "certificate_key")}, system.certificate("other")
    expect_equal(shown().strip(), first["certificate"].strip())
    with Line(gateway, "tls") as line:
        put(other["certificate"], other["certificate_key"])
        gateway.signal(signal.SIGHUP)
        wait_for(lambda: shown().strip() == text(other["certificate"]).strip(), 5, "the new certificate")
        expect_equal(line.send(GOOD).response()[0], 404, "connections that were there go on")
    bad = system.path("bad.pem")
    for content, why in (("nonsense", "certificate"), (first["certificate"], "is not that of the certificate")):
        with open(bad, "w", encoding="ascii") as f:
            f.write(content)
        put(bad, other["certificate_key"])
        logged = gateway.log().count("certificate not reloaded")
        gateway.signal(signal.SIGHUP)
        wait_for(lambda: gateway.log().count("certificate not reloaded") > logged, 5, f"word of it: {why}")
        expect(why in gateway.log().splitlines()[-1] or why in gateway.log(), why)
        expect_equal(shown().strip(), text(other["certificate"]).strip(), "the old one stays")
    for name, content in first.items():
        with open(old[name], "w", encoding="ascii") as f:
            f.write(content)
    gateway.signal(signal.SIGHUP)
    wait_for(lambda: shown().strip() == first["certificate"].strip(), 5, "the first one again")


@test("a drain closes what is idle, answers what has begun, and takes nothing new")
def drain(system):
    gateway = system["gateway"]
    with Line(gateway, "tls") as quiet, Line(gateway) as begun, Line(gateway, "tls") as begun_tls:
        expect_equal(quiet.send(GOOD).response()[0], 404)
        for line in (begun, begun_tls):
            line.send(head("Content-Length: 5", "Expect: 100-continue", first="POST /nothing HTTP/1.1"))
            expect(line.receive().startswith(b"HTTP/1.1 100 "), "its body is waited for")
        gateway.signal(signal.SIGTERM)
        expect(quiet.ended(), "an idle connection is closed")
        try:
            expect(Line(gateway).ended(), "a new connection is taken")
        except OSError:
            pass
        for line in (begun, begun_tls):
            response = line.send(b"hello").response()
            expect_equal(response[0], 404)
            expect("connection: close" in response[1].lower(), response[1])
            expect(line.ended(), "the connection goes on")
    expect_equal(gateway.process.wait(20 * PATIENCE), 0)
    gateway.start()


@test("kill -9 under load: a whole answer or none, and 5 s later all is well again")
def killed(system):
    gateway = system["gateway"]
    wrong, answered, over = [], [0], threading.Event()

    def load(listener):
        while not over.is_set():
            try:
                with Line(gateway, listener) as line:
                    for _ in range(50):
                        response = line.send(GOOD).response()
                        if response is None:
                            break
                        answered[0] += 1
                        if response[0] not in (404, 503):
                            wrong.append(response)
            except OSError:
                time.sleep(0.02)
            except Exception as error:  # an answer that was cut is no answer
                if "without its end" not in str(error):
                    wrong.append(error)
    threads = [threading.Thread(target=load, args=(LISTENERS[i % 2],)) for i in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            seen = answered[0]
            wait_for(lambda: answered[0] > seen + 50, 20, "load")
            gateway.kill()
            gateway.start(wait=False)
            wait_within(lambda: gateway.request("GET", "/nothing").status == 404, 5, "its recovery")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    expect_equal(wrong, [])


main(lambda: System(processes={"gateway": 1}, settings={"gateway": SETTINGS}))
