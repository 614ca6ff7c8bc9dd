"""For scenarios of forward-auth: an API that says what it was sent, and nginx in front of it, as deploy/proxies has it."""
import http.client
import http.server
import json
import os
import shutil
import subprocess
import threading

from harness import PATIENCE, TOP, Failed, expect, free_port, wait_for

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Api(http.server.ThreadingHTTPServer):
    """Answers each request with 200 and its method, path and headers, as JSON. `requests`: how many came."""

    daemon_threads = True

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                self.server.requests += 1
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = json.dumps({"method": self.command, "path": self.path, "headers": self.headers.items()}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body if self.command != "HEAD" else b"")

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.requests = 0
        self.port = free_port()
        super().__init__(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def temporary_paths(directory):
    """For http { } of nginx: below the directory, and not below /var."""
    return "".join(f"    {kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


class Nginx:
    """nginx with the files of deploy/proxies/nginx: nothing of them is changed but ports and paths. `http`, `server`: what a site has there of its own."""

    def __init__(self, directory, gateway_port, api_port, certificate, key, http="", server=""):
        self.directory = directory
        self.port, self.plain_port = free_port(), free_port()
        shutil.copytree(f"{TOP}/deploy/proxies/nginx", directory)
        changes = {"server 127.0.0.1:8081;": f"server 127.0.0.1:{gateway_port};", "server 127.0.0.1:8080;": f"server 127.0.0.1:{api_port};",
                   "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;", "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
                   "/etc/nginx/tls/api.crt": certificate, "/etc/nginx/tls/api.key": key, "/var/log/nginx/access.log": f"{directory}/access.log",
                   "http {\n": "http {\n" + temporary_paths(directory) + http, "        include jeton-server.conf;\n": "        include jeton-server.conf;\n" + server}
        with open(f"{directory}/nginx.conf", encoding="utf-8") as f:
            text = f.read()
        for old, new in changes.items():
            expect(text.count(old) == 1, f"{old!r} is not once in nginx.conf")
            text = text.replace(old, new)
        with open(f"{directory}/nginx.conf", "w", encoding="utf-8") as f:
            f.write(text)
        self.process = None

    def start(self):
        expect(NGINX, "there is no nginx")
        self.process = subprocess.Popen([NGINX, "-p", self.directory, "-c", f"{self.directory}/nginx.conf", "-e", f"{self.directory}/error.log", "-g",
                                          f"daemon off; pid {self.directory}/pid; error_log {self.directory}/error.log info;"], stdin=subprocess.DEVNULL)
        wait_for(self.up, 15, "nginx")

    def up(self):
        if self.process.poll() is not None:
            raise Failed(f"nginx ended with status {self.process.returncode}: {self.log()[-1000:]}")
        connection = http.client.HTTPConnection("127.0.0.1", self.plain_port, timeout=5 * PATIENCE)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 403
        finally:
            connection.close()

    def log(self):
        with open(f"{self.directory}/error.log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20 * PATIENCE)
