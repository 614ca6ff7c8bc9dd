"""An oracle for validators: tokens whose lives it leads, and which it asks every validator about, all the time.

It notes when each change was asked for and when it was acknowledged, when each question was asked and when it was answered, and judges in the end. By
the clock of one process: a change may hold from when it was asked for, and certainly holds from when it was acknowledged, but for the validators'
limit. So an answer may be what the token was at some moment from `limit` before the question to the answer, or "could not tell"; nothing else.

It also keeps books of what it was answered, by the network that it gives as the client's address, to be compared with the access log.
"""

import collections
import random
import threading
import time

import wire  # generates and finds what is imported next
import zmq
from harness import expect

import admin_pb2 as admin
import envelope_pb2 as envelope
import types_pb2 as types
import validator_pb2 as validator

EVERY_S = 0.005        # a question to each validator
OUTSTANDING_MAX = 256  # questions to one of them
LOST_S = 10.0          # what is not answered by then was lost with a connection
NOT_DONE = (envelope.CODE_UNAVAILABLE, envelope.CODE_RESOURCE_EXHAUSTED)
CHANGE_LOST_S = 25.0
DRAIN_S = 2.0
UNKNOWN = (envelope.CODE_UNKNOWN, envelope.CODE_DEADLINE_EXCEEDED)
AFTER = {"create": "OK", "disable": "DISABLED", "enable": "OK", "delete": "DELETED"}

Answer = collections.namedtuple("Answer", "service token reason asked answered")


class Books:
    """Of one network: what was answered, by reason; validations of which no answer says whether they were counted."""

    def __init__(self):
        self.answered, self.perhaps = collections.Counter(), 0


class State:
    """What a token may be: from when that was asked for, until what came next was acknowledged."""

    def __init__(self, reason, since):
        self.reason, self.since, self.until = reason, since, float("inf")


class Token:
    def __init__(self, name, steady):
        self.name, self.steady = name, steady
        self.id = self.value = None
        self.states = []
        self.due = 0.0       # when its next change is; steady: never
        self.ended = None    # when it was left alone: deleted, or in a state that is not known

    def next_change(self):
        if self.id is None:
            return "create"
        if self.states[-1].reason == "DISABLED":
            return random.choice(("enable", "enable", "delete"))
        return "disable" if random.random() < 0.8 else "delete"


class Oracle(threading.Thread):
    """with Oracle(system, limit_s) as oracle: …, or start() and stop(); wrong() tells what was wrong since it was asked before."""

    def __init__(self, system, limit_s, steady=4, changing=20):
        super().__init__(daemon=True)
        self.limit_s, self.account = limit_s, system.account
        self.services = system.of_kind("validator")
        self.dealers = {service: wire.Dealer(system, service, "caller") for service in self.services}
        self.admin = wire.Dealer(system, system["admin"])
        self.asked = {service: {} for service in self.services}  # id: (token, when, books)
        self.changing = {}                                       # id: (token, change, state, when)
        self.tokens = [Token(f"steady {i}", True) for i in range(steady)] + [Token(f"changing {i}", False) for i in range(changing)]
        self.revoking = []   # steady tokens that are to be disabled
        self.todo = collections.deque()  # for this thread to call
        self.network = "10.0"
        self.books = collections.defaultdict(Books)
        self.answers = []
        self.pauses = []     # (service, from, until) in which a process was stopped, and decided nothing
        self.problems = []
        self.counts = collections.Counter()
        # Of steady tokens that nobody revoked, when the last question was asked that was answered so.
        self.last = {service: {} for service in self.services}
        self.judged = 0      # answers, by wrong() the last time
        self.ending, self.until = threading.Event(), 0.0
        self.turn = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.until = time.monotonic() + DRAIN_S  # for answers that are on their way
        self.ending.set()
        self.join()
        for dealer in (*self.dealers.values(), self.admin):
            dealer.close()

    # ---- what the test asks while it runs ----

    def allowing(self, service, since):
        """A question about a steady token that was asked after this was answered with OK."""
        return self.last[service].get("OK", 0) > since

    def refusing(self, service, for_s=0.5):
        """It has allowed none of the steady tokens for a while, although it was asked."""
        return time.monotonic() - self.last[service].get("OK", 0) > for_s

    def sound(self, since, for_s=0.3):
        """All of them answer, and have been able to tell for a while; if not, why is raised."""
        now = time.monotonic()
        for service in self.services:
            ages = {reason: round(now - when, 2) for reason, when in self.last[service].items()}
            expect(self.allowing(service, max(since, now - for_s)) and ages.get("UNDECIDED", for_s + 1) > for_s,
                   f"{service.name}: {ages} s ago, {len(self.asked[service])} questions and {len(self.changing)} changes open, {dict(self.counts)}")
        return True

    def changed_since(self, revocations, n):
        """There are so many more revocations than these; if not, why is raised."""
        expect(self.counts["revocations"] >= revocations + n, f"{len(self.changing)} changes open, {dict(self.counts)}")
        return True

    def forget(self):
        """Steady tokens that were revoked are asked for no more: a fault is over."""
        def forget():
            self.tokens = [t for t in self.tokens if t not in self.revoking]
            self.revoking = []
        self.todo.append(forget)

    def revoke(self):
        """Disables a token that has been valid all the time, and which all have in memory; returns it."""
        token = next(t for t in self.tokens if t.steady and t.value and t not in self.revoking)
        self.tokens.append(Token(token.name, True))  # which takes its place
        self.revoking.append(token)
        return token

    # ---- changes ----

    def change(self, token, now):
        change = token.next_change() if not token.steady or token.id is None else "disable"
        if change == "create":
            request = admin.CreateTokenRequest(account_id=self.account, name=token.name, kind=types.TOKEN_KIND_SERVICE,
                                               modules=[types.ModuleGrant(module="orders", access=types.ACCESS_READ)])
        else:
            request = getattr(admin, f"{change.title()}TokenRequest")(id=token.id)
        state = State(AFTER[change], now)
        token.states.append(state)
        token.due = float("inf")
        sent = self.admin.send(f"jeton.v1.Admin/{change.title()}Token", request, timeout_ms=20000)
        self.changing[sent] = (token, change, state, now)

    def changed(self, reply, now):
        if reply.id not in self.changing:
            return
        token, change, state, _ = self.changing.pop(reply.id)
        if reply.code == envelope.CODE_OK:
            if change == "create":
                made = admin.CreateTokenReply.FromString(reply.body)
                token.id, token.value = made.token.id, made.value
            else:
                token.states[-2].until = now
                self.counts["revocations"] += change != "enable"
            if change == "delete":
                token.ended = now
            # Short and long enough for the limit to pass.
            token.due = float("inf") if token.steady or token.ended else now + random.choice((0.05, 0.3, 0.6, 1.5 * self.limit_s, 2.5 * self.limit_s))
        elif reply.code in NOT_DONE:
            token.states.remove(state)
            token.due = now + 0.05
        elif reply.code in UNKNOWN:
            token.ended = now  # either state, from now on
            self.counts["uncertain"] += 1
        else:
            self.problems.append(f"{change} of {token.id}: {envelope.Code.Name(reply.code)} {reply.message}")
            token.ended = now

    def changes(self, now):
        for sent in [i for i, (*_, when) in self.changing.items() if now - when > CHANGE_LOST_S]:
            self.changing.pop(sent)[0].ended = now  # either state, from now on
        for i, token in enumerate(self.tokens):
            if token.steady and token.id is not None:
                if token in self.revoking and len(token.states) == 1:
                    self.change(token, now)
            elif token.due <= now:
                self.change(token, now)
            elif token.ended and now - token.ended > 2 * self.limit_s:
                self.tokens[i] = Token(token.name, token.steady)

    # ---- questions ----

    def ask(self, now):
        known = [t for t in self.tokens if t.value]
        self.turn += 1
        for service, dealer in self.dealers.items():
            asked = self.asked[service]
            for sent in [i for i, (_, when, _) in asked.items() if now - when > LOST_S]:
                asked.pop(sent)[2].perhaps += 1
                self.counts["lost"] += 1
            if self.ending.is_set():
                continue
            if known and len(asked) < OUTSTANDING_MAX:
                token = known[self.turn % len(known)]
                when = time.monotonic()
                request = validator.ValidateRequest(token=token.value, module="orders", client_address=f"{self.network}.255.255")
                asked[dealer.send("jeton.v1.Validator/Validate", request, timeout_ms=1000)] = (token, when, self.books[self.network])

    def answered(self, service, reply, now):
        if reply.id not in self.asked[service]:
            return
        token, when, books = self.asked[service].pop(reply.id)
        books.perhaps += reply.code in UNKNOWN
        if reply.code in NOT_DONE or reply.code in UNKNOWN:
            reason = "UNDECIDED"
        elif reply.code != envelope.CODE_OK:
            self.problems.append(f"{service.name}: {envelope.Code.Name(reply.code)} {reply.message}")
            return
        else:
            decided = validator.ValidateReply.FromString(reply.body)
            books.answered[decided.reason] += 1
            reason = validator.Reason.Name(decided.reason)[len("REASON_"):]
            if (decided.decision == validator.DECISION_ALLOW) != (reason == "OK"):
                self.problems.append(f"{service.name}: {reason} with decision {decided.decision}")
        self.counts[reason] += 1
        self.answers.append(Answer(service, token, reason, when, now))
        if token.steady and token not in self.revoking:
            self.last[service][reason] = max(when, self.last[service].get(reason, 0))

    def run(self):
        poller = zmq.Poller()
        sockets = {dealer.socket: service for service, dealer in self.dealers.items()}
        sockets[self.admin.socket] = None
        for socket in sockets:
            poller.register(socket, zmq.POLLIN)
        due = time.monotonic()
        while not self.ending.is_set() or (any(self.asked.values()) and time.monotonic() < self.until):
            for socket, _ in poller.poll(max(0, (due - time.monotonic()) * 1000)):
                reply = envelope.Reply.FromString(socket.recv())
                now = time.monotonic()
                if sockets[socket]:
                    self.answered(sockets[socket], reply, now)
                else:
                    self.changed(reply, now)
            now = time.monotonic()
            if now >= due:
                while self.todo:
                    self.todo.popleft()()
                if not self.ending.is_set():
                    self.changes(now)
                self.ask(now)
                due = now + EVERY_S
        for asked in self.asked.values():
            for _, _, books in asked.values():
                books.perhaps += 1

    # ---- the judgement ----

    def earliest(self, answer):
        """When it may have been decided at the earliest: a process that was stopped when it was asked decided after that."""
        until = [end for service, begin, end in self.pauses if service is answer.service and begin <= answer.asked <= end]
        return max([answer.asked, *until])

    def wrong(self):
        """What was answered since the last time and may not have been, in words; what else went wrong."""
        found, self.problems = self.problems, []
        answers, self.answers = self.answers, []
        self.judged = len(answers)
        for answer in answers:
            if answer.reason == "UNDECIDED":
                continue
            earliest = self.earliest(answer) - self.limit_s
            if any(s.reason == answer.reason and s.since <= answer.answered and s.until >= earliest for s in answer.token.states):
                continue
            past = [f"{s.reason} from {s.since - answer.asked:+.3f} s until {s.until - answer.asked:+.3f} s" for s in answer.token.states]
            found.append(f"{answer.service.name} said {answer.reason} of {answer.token.id} ({answer.token.name}) {answer.answered - answer.asked:.3f} s"
                         f" after the question, by which moment the token was: {'; '.join(past)}")
        return found
