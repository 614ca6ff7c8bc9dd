#!/usr/bin/python3
"""The feed of changes and the table of writers (R6, R42): what validators hear, and who may write when. services/validator/DESIGN.md says why."""
import subprocess
import time

from harness import Failed, System, expect, expect_equal, main, test, wait_for
from wire import Dealer

import feed_pb2
import types_pb2

FOLLOW, VOUCH = "jeton.v1.Feed/Follow", "jeton.v1.Feed/Vouch"
TOKEN, ACCOUNT, KEYS = feed_pb2.CHANGE_KIND_TOKEN, feed_pb2.CHANGE_KIND_ACCOUNT, feed_pb2.CHANGE_KIND_KEYS


class Follower:
    """Follows a writer as a validator does."""

    def __init__(self, system, service, credit=1000):
        self.dealer = Dealer(system, service, "validator")
        self.dealer.send(FOLLOW, feed_pb2.FollowRequest(), timeout_ms=0, credit=credit)
        self.first = self.next()

    def next(self, timeout=10.0):
        reply = self.dealer.receive(timeout)
        if reply is None:
            raise Failed("the feed is silent")
        if not reply.more:
            raise Failed(f"the feed ended: {reply.code} {reply.message}")
        return feed_pb2.FollowReply.FromString(reply.body)

    def until(self, good, what):
        """The first item from now on that is good; sequence numbers have no gap."""
        items = []
        while not items or not good(items[-1]):
            items.append(self.next())
            if len(items) > 100:
                raise Failed(f"no item with {what}")
        return items[-1]

    def close(self):
        self.dealer.close()


def accounts(system):
    listed = system.cli("account", "list")
    return listed if isinstance(listed, list) else listed["accounts"]


def vouch(system, service):
    dealer = Dealer(system, service, "validator")
    reply = dealer.call(VOUCH, feed_pb2.VouchRequest())
    dealer.close()
    expect(reply is not None, f"{service.name} does not answer")
    return reply, feed_pb2.VouchReply.FromString(reply.body)


def row(system, service):
    text = system.sql(f"SELECT instance, generation, known, ended FROM writers WHERE endpoint = '{service.endpoint}'").strip()
    instance, generation, known, ended = text.split("|")
    return int(instance), int(generation), int(known), ended == "t"


@test("each change is told to who follows, once it is committed, with its number in the sequence")
def told(system):
    system.cli("module", "create", "orders", "--title", "Orders")
    account = system.cli("account", "create", "--name", "Acme", "--module", "orders")
    follower = Follower(system, system["admin"])
    instance, generation, _, _ = row(system, system["admin"])
    expect_equal(follower.first.instance, instance, "the instance of the feed and of the table")
    token = system.cli("token", "create", "--account", account["id"], "--name", "one", "--kind", "service", "--module", "orders:read")
    item = follower.until(lambda i: any(c.kind == TOKEN for c in i.changes), "a token")
    before = item.sequence
    system.cli("token", "disable", token["id"])
    item = follower.next()
    expect_equal(item.sequence, before + 1, "the sequence number")
    expect_equal([c.kind for c in item.changes], [TOKEN], "what is told of a token")
    stored = system.sql("SELECT object, account FROM changes ORDER BY id DESC LIMIT 1").strip().split("|")
    expect_equal([str(item.changes[0].object), str(item.changes[0].account)], stored, "the number of the token and the account")
    expect_equal((item.changes[0].revision, item.changes[0].status), (2, types_pb2.TOKEN_STATUS_DISABLED), "what is told of its status")
    system.cli("token", "edit", token["id"], "--name", "other")
    change = follower.next().changes[0]
    expect_equal((change.revision, change.status), (0, 0), "what is told of a change of more than the status")
    system.cli("account", "suspend", account["id"])
    item = follower.next()
    expect_equal([(c.kind, str(c.account)) for c in item.changes], [(ACCOUNT, stored[1])], "what is told of an account")
    reply, word = vouch(system, system["admin"])
    expect_equal(reply.code, 0, "the code of Vouch")
    expect_equal((word.instance, word.sequence, word.database_lost), (instance, item.sequence, False), "the word of a writer that is well")
    expect(word.generation >= generation, "it does not know itself")
    follower.close()


@test("the issuer tells of signing keys")
def keys(system):
    follower = Follower(system, system["issuer"])
    system.cli("keys", "rotate", "--force")
    item = follower.until(lambda i: any(c.kind == KEYS for c in i.changes), "signing keys")
    expect_equal(item.sequence, follower.first.sequence + 1, "the sequence number")
    follower.close()


@test("a follower that gives no credit is dropped, and nobody else notices")
def slow(system):
    account = accounts(system)[0]
    slow, quick = Follower(system, system["admin"], credit=1), Follower(system, system["admin"])
    system.cli("account", "resume", account["id"])
    quick.next()
    reply = slow.dealer.receive()
    expect(reply is not None and not reply.more and reply.code == 8, f"a slow follower got {reply}")
    slow.close()
    quick.close()


@test("a change whose outcome the writer cannot know is told as unsure, and as sure once its session is ended")
def unsure(system):
    account = accounts(system)[0]
    token = system.cli("token", "create", "--account", account["id"], "--name", "two", "--kind", "service", "--module", "orders:read")
    stored = system.sql("SELECT object FROM changes ORDER BY id DESC LIMIT 1").strip()
    follower = Follower(system, system["admin"])
    # Its row is locked, so that the change waits in the database; then its connection is lost.
    blocker = subprocess.Popen(["psql", "-XqAt", system.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=system.environment())
    blocker.stdin.write(f"BEGIN; SELECT 1 FROM tokens WHERE number = {stored} FOR UPDATE;\n")
    blocker.stdin.flush()
    expect_equal(blocker.stdout.readline().strip(), "1", "the lock")
    call = subprocess.Popen(["jeton", "--json", "token", "disable", token["id"]], cwd=system.directory, env=system.environment(),
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    waiting = "FROM pg_stat_activity WHERE usename = 'jeton_admin' AND wait_event_type = 'Lock'"
    wait_for(lambda: system.sql(f"SELECT count(*) {waiting}").strip() != "0", 10, "the change waiting for the lock")
    # The server ends only the client's side of it: the statement is cancelled, but admin cannot know that.
    system.sql(f"SELECT pg_terminate_backend(pid) {waiting}")
    item = follower.until(lambda i: i.unsure, "an unsure change")
    expect_equal([(c.kind, str(c.object)) for c in item.unsure], [(TOKEN, stored)], "what is unsure")
    item = follower.until(lambda i: i.sure, "word that it is settled")
    blocker.stdin.write("ROLLBACK;\n")
    blocker.stdin.close()
    blocker.wait(10)
    call.communicate(timeout=30)
    # Who begins to follow now is told that nothing is unsure.
    later = Follower(system, system["admin"])
    expect_equal(len(later.first.unsure), 0, "what is unsure afterwards")
    later.close()
    follower.close()


@test("killed and started again, a writer is another instance of a newer generation, and all know of it before it writes")
def restarted(system):
    old = row(system, system["admin"])
    system["admin"].kill()
    system["admin"].start()
    new = row(system, system["admin"])
    expect(new[0] != old[0] and new[1] > old[1], f"the row was {old} and is {new}")
    wait_for(lambda: row(system, system["issuer"])[2] >= new[1], 10, "the issuer's row saying that it knows of the new one")
    reply, word = vouch(system, system["issuer"])
    expect(reply.code == 0 and word.generation >= new[1], f"the issuer tells validators of generation {word.generation}, not {new[1]}")


@test("a writer that ends in order is none any more, and the next one waits for nobody")
def ended(system):
    second = system.add("admin", "admin2")
    second.start()
    expect(not row(system, second)[3], "a running writer is marked as ended")
    second.stop()
    expect(row(system, second)[3], "a writer that ended in order is not marked as ended")
    system.remove("admin2")


@test("a new writer does not write while one that may be vouching does not know of it; its health says which, and what to do")
def waits(system):
    silent = system.add("admin", "admin3", {"feed_outage_limit_ms": "600000"})
    silent.start()
    silent.kill()
    late = system.add("admin", "admin4")
    late.start(wait=False)

    def reason():
        return system.health("admin", "--endpoint", late.endpoint)[0].get("reason", "")
    wait_for(lambda: silent.endpoint in reason(), 15, "the new writer waiting for the silent one")
    expect("feed_outage_limit_ms" in reason(), f"the reason is: {reason()}")
    expect_equal(late.health(), "starting", "its state")
    # A writer that is admitted already goes on.
    expect_equal(system["admin"].health(), "serving", "the state of a writer that is known to all")
    silent.start()
    late.wait_healthy()
    silent.stop()
    late.stop()
    system.remove("admin3")
    system.remove("admin4")


@test("a writer that died and stays away is none any more once its word has run out, and its sessions have ended")
def buried(system):
    dead = system.add("admin", "admin5", {"feed_outage_limit_ms": "3000", "database_timeout_ms": "750"})
    dead.start()
    dead.pause()  # its sessions are still there
    wait_for(lambda: row(system, dead)[3], 40, "its row saying that it has ended")
    expect_equal(system.sql("SELECT count(*) FROM pg_stat_activity a, writers w WHERE a.application_name LIKE '%/' || lpad(to_hex(w.instance), 16, '0')"
                            f" AND w.endpoint = '{dead.endpoint}'").strip(), "0", "its sessions")
    # It comes back as a new one.
    old = row(system, dead)
    dead.resume()
    wait_for(lambda: row(system, dead)[1] > old[1] and not row(system, dead)[3], 20, "its registering anew")
    dead.wait_healthy()
    dead.stop()
    system.remove("admin5")


@test("without a database a writer says so for as long as its word counts, and not as one that was not admitted")
def lost(system):
    system["admin"].stop()
    system["admin"].settings.update(feed_outage_limit_ms="3000", database_timeout_ms="750")
    system["admin"].start()
    instance = row(system, system["admin"])[0]
    expect_equal(vouch(system, system["admin"])[1].database_lost, False, "the word with a database")
    follower = Follower(system, system["admin"])
    system.postgres.stop()
    wait_for(lambda: vouch(system, system["admin"])[1].database_lost, 10, "the word that the database is lost")
    expect_equal(vouch(system, system["admin"])[1].instance, instance, "the instance")
    # The issuer has feed_outage_limit_ms = 0: its word never counts.
    expect_equal(vouch(system, system["issuer"])[1].database_lost, False, "the word of a writer whose word does not count")
    began = time.monotonic()
    wait_for(lambda: not vouch(system, system["admin"])[1].database_lost, 40, "the end of its word")
    expect(time.monotonic() - began > 1, "its word ended too early")
    system.postgres.start()
    system["admin"].wait_healthy()
    system["issuer"].wait_healthy()
    follower.close()


main(System)
