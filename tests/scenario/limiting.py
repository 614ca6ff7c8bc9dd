"""For scenarios of rate limits: accounts and tokens that have them, and callers that count what is allowed."""
import random
import threading
import time

import wire
from harness import SLOW, expect, expect_equal

import envelope_pb2 as envelope
import types_pb2 as types
import validator_pb2 as validator

# So slow that nothing comes back while a test runs; what does is reckoned with all the same.
SLOWLY = 1


def account(system, **fields):
    return system.admin.ok("CreateAccount", name="Acme", modules=["orders", "stock"], **fields).account.id


def token(system, account_id, rate=None, kind=types.TOKEN_KIND_SERVICE, modules=("orders",)):
    """Of a rate and a burst."""
    return system.admin.ok("CreateToken", account_id=account_id, name="t", kind=kind, modules=[types.ModuleGrant(module=m) for m in modules],
                           rate_limit=types.RateLimit(per_minute=rate[0], burst=rate[1]) if rate else None)


class Caller:
    """A service of the mesh, at one validator."""

    def __init__(self, system, name="validator"):
        self.dealer = wire.Dealer(system, system[name], "caller")

    def ask(self, values, n=1, **fields):
        """n calls with each of these values, in one batch; the replies."""
        values = [values] if isinstance(values, str) else values
        fields = {"module": "orders", **fields}
        requests = [validator.ValidateRequest(token=value, **fields) for value in values for _ in range(n)]
        reply = self.dealer.call("jeton.v1.Validator/ValidateBatch", validator.ValidateBatchRequest(requests=requests), timeout=20)
        expect(reply is not None and reply.code == envelope.CODE_OK, f"{reply}")
        replies = validator.ValidateBatchReply.FromString(reply.body).replies
        for one in replies:
            expect_equal((one.decision == validator.DECISION_ALLOW, one.status),
                         {validator.REASON_OK: (True, 200), validator.REASON_RATE_LIMITED: (False, 429)}.get(one.reason, (False, one.status)))
        return list(replies)


def allowed(replies):
    return sum(one.reason == validator.REASON_OK for one in replies)


def expect_about(system, admitted, burst, since, what="admitted"):
    """All of the burst, and no more than came since."""
    most = burst + int((time.monotonic() - since) * SLOWLY / 60)
    expect(burst <= admitted <= most, f"{what}: {admitted}, not {burst} to {most}")


class Crowd:
    """A caller at each of these validators, all at once, which use these values in batches of any size, until there were so many batches or it is ended."""

    def __init__(self, system, names, values, batches=None, size=40):
        self.lock, self.ending, self.since = threading.Lock(), False, time.monotonic()
        self.admitted, self.answers = dict.fromkeys(values, 0), {}
        self.quiet = 0  # answers since the last that allowed
        self.values, self.batches, self.size = values, batches, size
        self.threads = [threading.Thread(target=self.run, args=(system[name], wire.Dealer(system, system[name], "caller"), seed), daemon=True)
                        for seed, name in enumerate(names)]
        for thread in self.threads:
            thread.start()

    def run(self, service, dealer, seed):
        choose = random.Random(seed)
        sent = 0
        while not self.ending and (self.batches is None or sent < self.batches):
            sent += 1
            values = choose.choices(self.values, k=choose.randint(1, self.size))
            requests = [validator.ValidateRequest(token=value, module="orders") for value in values]
            batch = dealer.send("jeton.v1.Validator/ValidateBatch", validator.ValidateBatchRequest(requests=requests), timeout_ms=int(60000 * SLOW))
            reply, until = None, time.monotonic() + 60 * SLOW
            # A process that is killed does not answer: its last batch is not known of.
            while (reply is None or reply.id != batch) and service.running() and time.monotonic() < until:
                reply = dealer.receive(0.1)
            if reply is None or reply.code != envelope.CODE_OK:
                continue
            with self.lock:
                for value, one in zip(values, validator.ValidateBatchReply.FromString(reply.body).replies):
                    self.admitted[value] += one.reason == validator.REASON_OK
                    self.quiet = 0 if one.reason == validator.REASON_OK else self.quiet + 1
                    name = validator.Reason.Name(one.reason)[7:].lower()
                    self.answers[name] = self.answers.get(name, 0) + 1

    def end(self):
        """What was allowed, by value."""
        self.ending = self.batches is None
        for thread in self.threads:
            thread.join()
        return self.admitted
