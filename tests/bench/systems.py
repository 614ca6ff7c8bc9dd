"""Systems to measure: as the scenarios' (tests/scenario/harness.py), but every commit is on disk before it is answered, and with many tokens."""

import base64
import hashlib
import json
import os
import subprocess
import time

from floors import BY_HAND, TABLES_BY_HAND, TOKENS_BY_HAND, TOOLS, Pgbench, Tpcb, run, transactions
from harness import BUILD, SERVICES, Failed, System, expect, wait_for

ACCOUNTS = 64
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "512MB", "max_wal_size": "4GB",
           "checkpoint_timeout": "30min", "track_commit_timestamp": "on"}
SETTINGS = {"log_level": "info"}
# There is room for all tokens, as whoever has so many gives it; and for what is used faster than PostgreSQL can be told: a million tokens at
# random are that many rows.
VALIDATOR = {**SETTINGS, "cache_entries": "12000000", "cache_bytes": "2147483648", "journal_limit": str(24 << 30)}
USED_S = 30 * 86400  # all tokens were used within so many seconds


class Measured(System):
    """One of each process, ACCOUNTS accounts with the module orders, and the tokens 1 to `tokens`, spread over them, that may read orders;
    besides them some to be used up."""

    SPARE = 10000

    def __init__(self, tokens):
        self.tokens = tokens
        self.taken = tokens
        self.uses = 0  # of tests/bench/uses.c, that are in the access log
        self._pgbench = self._tpcb = self._frames = None
        super().__init__(settings={**{kind: SETTINGS for kind in SERVICES}, "validator": VALIDATOR}, postgres=DURABLE)
        try:
            self._fill()
        except BaseException:
            self.failed = True
            self.destroy()
            raise

    def _fill(self):
        self.cli("module", "create", "orders")
        self.sql("insert into accounts (number, name, token_limit) "
                 f"select n, 'Account ' || n, 10000000 from generate_series (1, {ACCOUNTS}) n;"
                 f"select setval ('accounts_number_seq', {ACCOUNTS});"
                 "insert into account_modules (account, module) select a.number, m.number from accounts a, modules m")
        indexes = self.sql("select indexname || '|' || indexdef from pg_indexes i where tablename = 'tokens' and not exists"
                           " (select from pg_constraint c where c.conname = i.indexname)").splitlines()
        self.sql("create unlogged table bench_digests (number bigint, digest bytea)")
        self._copy("bench_digests")
        for row in indexes:
            self.sql(f"drop index {row.split('|')[0]}")
        # Rows of a table that is being filled need no triggers: what they refer to is there.
        self._long("set session_replication_role = replica;"
                   "insert into tokens (number, account, name, kind, environment, digest, created_by_id, created_by_name, last_access_at)"
                   f" select number, 1 + number % {ACCOUNTS}, 'bench', 2, 1, digest, 'operator', 'operator',"
                   f" now() - make_interval (secs => {USED_S} * random()) from bench_digests;"
                   "insert into token_modules (account, token, module, access)"
                   f" select 1 + number % {ACCOUNTS}, number, (select number from modules), 1 from bench_digests;"
                   "drop table bench_digests")
        for row in indexes:
            self._long(row.split("|")[1])
        self._long("update accounts set live_tokens = (select count(*) from tokens where account = accounts.number);"
                   f"select setval ('tokens_number_seq', {self.tokens + self.SPARE})")
        self._long("vacuum analyze")
        self._long("checkpoint")
        self.restart_validator(warm=True)

    def _long(self, statements):
        """SQL that may take minutes."""
        run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statements, self.url], timeout=3600)

    def _copy(self, table):
        made = subprocess.Popen([f"{TOOLS}/tokens", f"{self.keys}/token-check.keys", "1", str(self.tokens + self.SPARE)], stdout=subprocess.PIPE)
        copied = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", f"copy {table} from stdin", self.url], stdin=made.stdout,
                                capture_output=True, text=True, timeout=3600, check=False)
        made.stdout.close()
        expect(made.wait() == 0 and copied.returncode == 0, f"the tokens could not be copied: {copied.stderr}")

    # ---- loads ----

    def take(self, count):
        """The first of `count` tokens that no load uses, and that nobody gets again."""
        first = self.taken + 1
        self.taken += count
        expect(self.taken <= self.tokens + self.SPARE, "the spare tokens are used up: measure for less time")
        return first

    def endpoints(self, kind):
        return ",".join(s.endpoint for s in self.of_kind(kind))

    def start_drive(self, work, **settings):
        """tests/bench/drive.c at work; settings: its own."""
        settings = {"peers": f"{self.keys}/peers", "key": f"{self.keys}/curve/operator.key", "token_keys": f"{self.keys}/token-check.keys",
                    "endpoints": self[{"create": "admin", "grant": "issuer", "grant-opaque": "issuer", "refresh": "issuer"}.get(work, "validator")].endpoint, "tokens": self.tokens,
                    "accounts": ACCOUNTS, "work": work, **settings}
        command = [f"{TOOLS}/drive", *(f"--{key}={value}" for key, value in settings.items())]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=self.environment())

    @staticmethod
    def end_drive(process, timeout, unanswered=False):
        """What it measured. No answer may have been wrong; nor may one have been missing, unless `unanswered`."""
        try:
            output, error = process.communicate(timeout=timeout)
        finally:
            process.kill()
        expect(process.returncode in (0, 1) and output, f"drive ended with status {process.returncode}: {error.strip()[-600:]}")
        result = {**json.loads(output), "said": error.strip()}
        expect(result["wrong"] == 0, f"{result['wrong']} answers were wrong")
        if not unanswered:
            expect(result["failed"] == 0 and result["left"] == 0 and result["refused_us"]["n"] == 0, f"not all was answered: {result}")
        return result

    def drive(self, work, seconds, unanswered=False, **settings):
        process = self.start_drive(work, seconds=seconds, seed=time.time_ns(), **settings)
        return self.end_drive(process, seconds + 120, unanswered)

    def frames(self):
        """{"request": …, "reply": …}: the bytes of a validation's frames."""
        if not self._frames:
            self._frames = json.loads(run([f"{TOOLS}/frames", f"{self.keys}/peers", f"{self.keys}/curve/operator.key",
                                           f"{self.keys}/token-check.keys", self["validator"].endpoint]))
        return self._frames

    def pgbench(self):
        if not self._pgbench:
            self._pgbench = Pgbench(self.postgres, self.tokens)
        return self._pgbench

    def tpcb(self, scale):
        if not self._tpcb:
            self._tpcb = Tpcb(self.postgres, scale)
        return self._tpcb

    FAMILIES = 20000  # that nobody uses: so few rows that PostgreSQL reads all of them are nobody's

    def families(self, client, customer, n):
        """As many new families of refresh tokens of a customer, as signing in makes them; their tokens."""
        tokens = [f"jtn_refresh_{base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip('=')}" for _ in range(n)]
        digests = ", ".join(f"('\\x{hashlib.sha256(token.encode()).hexdigest()}'::bytea)" for token in tokens)
        if self.sql("select count(*) from refresh_families") == "0":
            self._families(client, customer, f"select sha256 (n::text::bytea) from generate_series (1, {self.FAMILIES}) n")
        self._families(client, customer, f"values {digests}")
        self._long("vacuum analyze refresh_families, refresh_tokens")
        return tokens

    def _families(self, client, customer, digests):
        self._long("with f as (insert into refresh_families (account, client, customer, environment, scope, live, expires_at, jti, access_expires_at, generation)"
                   " select c.account, c.client, c.number, 1, '', d.digest, now() + interval '14 days', 'bench', now() + interval '1 hour', 0"
                   f" from (select c.number, c.account, k.number as client from customers c join clients k on k.account = c.account and k.name = '{client}'"
                   f" where c.email = '{customer}') c cross join ({digests}) d (digest) returning *)"
                   " insert into refresh_tokens (digest, family, jti, access_expires_at, expires_at)"
                   " select live, number, jti, access_expires_at, expires_at from f")

    def tokens_by_hand(self, clients, seconds):
        """Tokens a second that pgbench creates in this system's own tables, with a script that does the inserts and nothing else."""
        self.sql(TABLES_BY_HAND)
        script = BY_HAND.format(accounts=ACCOUNTS, module=self.sql("select number from modules where name = 'orders'"))
        return TOKENS_BY_HAND * transactions(self.path("by-hand.pgbench"), script, self.url, clients, seconds)

    def stat(self, service, name):
        for row in self.cli("stats", self[service].kind, "--endpoint", self[service].endpoint):
            if row["name"] == name:
                return int(row["value"])
        raise Failed(f"{service} has no counter {name}")

    def start_validator(self, warm):
        """Starts it, with what was used last in its memory or with nothing; when it was ready."""
        validator = self["validator"]
        validator.settings["warm_entries"] = None if warm else "0"
        validator.start()
        ready = time.monotonic()
        self.wait_warm(["validator"])
        return ready

    def wait_warm(self, validators):
        wait_for(lambda: all(self.stat(name, "validator.warm_over") == 1 for name in validators), 600, "the end of the filling")

    def restart_validator(self, warm):
        self["validator"].stop()
        self.start_validator(warm)

    def wait_audited(self):
        """The auditor has nothing more to do: what is measured next has the machine for itself."""
        wait_for(lambda: self.sql("select not exists (select from outbox)") == "t", 600, "the end of the outbox")

    def wait_counted(self, validators):
        """The same of the access log, and nothing of it is left with these."""
        wait_for(lambda: all(self.stat(name, "journal.segments") == 0 for name in validators), 1800,
                 "the auditor having all that was counted", every=0.5)
        self.wait_folded()

    def wait_folded(self):
        """The same of the access log."""
        wait_for(lambda: self.sql("select folded = (select last from use_head) from use_fold") == "t", 600, "the end of the folding", every=0.1)


class Systems:
    """The systems of a run, each made when the first row needs it."""

    def __init__(self):
        self.made = {}

    def get(self, tokens):
        if tokens not in self.made:
            self.made[tokens] = Measured(tokens)
        return self.made[tokens]

    def close(self):
        for system in self.made.values():
            system.destroy()
