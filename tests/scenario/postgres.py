"""PostgreSQL for a test: a cluster that is made for it, is started, stopped and crashed, and is gone with it. Of harness.py."""
import glob
import os
import pwd
import re
import shutil
import signal
import subprocess

from expectations import PATIENCE, Failed, wait_for


def pg_program(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda p: int(re.sub(r"\D", "", p.split("/")[4]) or 0))
    return found[-1] if found else shutil.which(name) or name


class Postgres:
    """A cluster of its own on a Unix socket. As root it runs as the user postgres, because it refuses root."""

    # What is committed need not survive the machine; the bench wants it to.
    SETTINGS = {"fsync": "off", "max_connections": "200", "shared_buffers": "32MB", "log_min_messages": "fatal"}

    def __init__(self, directory, settings=None):
        """settings: of postgresql.conf, instead of those above or besides them."""
        self.directory = directory
        self.settings = {**self.SETTINGS, **(settings or {})}
        self.data = os.path.join(directory, "data")
        self.log = os.path.join(directory, "log")
        self.process = None
        os.mkdir(directory, 0o755)
        self.user = {}
        if os.getuid() == 0:
            entry = pwd.getpwnam("postgres")
            self.user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
            os.chown(directory, entry.pw_uid, entry.pw_gid)
        self.url = f"host={directory} dbname=jeton user=jeton"
        self.environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        subprocess.run([pg_program("initdb"), "-D", self.data, "--username=jeton", "--encoding=UTF8", "--locale=C.UTF-8",
                         "--auth-local=peer", "--auth-host=reject", "--no-sync"], check=True, stdout=subprocess.DEVNULL,
                        env=self.environment, cwd="/", **self.user)
        # The owner is known by the socket's peer, the roles by their passwords, as in the local run.
        self._write("pg_hba.conf", "local all jeton peer map=owner\nlocal all all scram-sha-256\n")
        self._write("pg_ident.conf", f"owner {pwd.getpwuid(os.getuid()).pw_name} jeton\n")
        self.start()
        self.sql("create database jeton", database="postgres")

    def _write(self, name, text):
        with open(os.path.join(self.data, name), "w", encoding="utf-8") as f:
            f.write(text)

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [pg_program("postgres"), "-D", self.data, "-c", "listen_addresses=", "-c", f"unix_socket_directories={self.directory}",
                 *(f"--{name}={value}" for name, value in self.settings.items())],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, cwd="/", **self.user)
        wait_for(lambda: self.sql("select 1", database="postgres") == "1", 30, "PostgreSQL")

    def stop(self, how="fast"):
        """how: "fast" ends connections and shuts down in order; "immediate" is as if it had crashed."""
        self.process.send_signal({"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[how])
        self.process.wait(30 * PATIENCE)

    def restart(self, how="fast"):
        self.stop(how)
        self.start()

    def sql(self, statement, database="jeton", role=None, password=None, check=True):
        """Runs SQL as the owner, or as a role; returns the rows, unaligned. With check=False: (exit status, output, error)."""
        command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, f"host={self.directory} dbname={database} user={role or 'jeton'}"]
        run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * PATIENCE, check=False,
                              env={**os.environ, "PGPASSWORD": password or "", "PGCONNECT_TIMEOUT": "60"})
        if not check:
            return run.returncode, run.stdout.strip(), run.stderr.strip()
        if run.returncode != 0:
            raise Failed(f"psql: {run.stderr.strip()}")
        return run.stdout.rstrip("\n")

    def destroy(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
