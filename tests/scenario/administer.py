"""Calls of the admin process by hand, for scenarios: what the command line would refuse by itself goes through as well."""
import time

import wire  # generates and finds what is imported next
from harness import SLOW, expect, expect_equal

import admin_pb2 as admin
import audit_pb2 as audit
import envelope_pb2 as envelope
import types_pb2 as types


def name_of(code):
    return envelope.Code.Name(code).replace("CODE_", "")


class Admin:
    """A connection to an admin process."""

    def __init__(self, system, keys="operator", service="admin"):
        self.dealer = wire.Dealer(system, system[service], keys)
        self.metadata = {}

    def given(self, **metadata):
        """Calls have this metadata from now on: given(idempotency_key="x")."""
        self.metadata = {key.replace("_", "-"): value for key, value in metadata.items() if value is not None}
        return self

    def start(self, method, **fields):
        return self.dealer.send(f"jeton.v1.Admin/{method}", getattr(admin, f"{method}Request")(**fields), timeout_ms=int(20000 * SLOW),
                                 pairs=self.metadata)

    def reply(self, method, **fields):
        reply = self.dealer.call(f"jeton.v1.Admin/{method}", getattr(admin, f"{method}Request")(**fields), timeout=25, timeout_ms=int(20000 * SLOW),
                                 pairs=self.metadata)
        expect(reply is not None, f"{method} was not answered")
        return reply

    def ok(self, method, **fields):
        reply = self.reply(method, **fields)
        expect(reply.code == envelope.CODE_OK, f"{method}: {name_of(reply.code)}: {reply.message} {list(reply.details)}")
        return getattr(admin, f"{method}Reply").FromString(reply.body)

    def refused(self, code, method, /, field=None, says="", **fields):
        """The call fails with this code, naming this field, and says so."""
        reply = self.reply(method, **fields)
        text = " ".join([reply.message] + [f"{d.field}: {d.description}" for d in reply.details])
        expect_equal(name_of(reply.code), code, f"{method}: {text}")
        if field is not None:
            expect_equal([d.field for d in reply.details], [field], f"{method}: {text}")
        expect(says in text, f"{method} says {text!r}, without {says!r}")
        return reply


def grants(*modules):
    return [types.ModuleGrant(module=m.split(":")[0], access=types.ACCESS_WRITE if m.endswith(":write") else types.ACCESS_READ) for m in modules]


def counts(system):
    """Rows that tell of changes, and records that do: these are equal, whatever the auditor has taken by now."""
    numbers = system.sql("select (select count(*) from changes where kind <> 'signing_key'),"
                         " (select count(*) from outbox) + (select count(*) from trail)").split("|")
    return tuple(map(int, numbers))


def records(system):
    """All records of the outbox, in order."""
    rows = system.sql("select encode(record, 'hex') from outbox order by id").split()
    return [audit.AuditRecord.FromString(bytes.fromhex(row)) for row in rows]


def one_more(system, before, event, object_id, revision):
    """Exactly one change and one record came since `before`; the record tells this."""
    after = counts(system)
    expect_equal((after[0] - before[0], after[1] - before[1]), (1, 1), f"changes and records after {event}")
    record = records(system)[-1]
    expect_equal((record.event, record.object.id, record.object.revision), (event, object_id, revision))
    expect_equal((record.actor.id, record.actor.type), ("operator", "operator"))
    expect(abs(record.time_us / 1e6 - time.time()) < 600, "the record's time")
    expect(record.request.correlation_id and record.request.method.startswith("jeton.v1.Admin/"), "the record's request")
    expect(record.summary.endswith(".") and object_id in record.summary, record.summary)
    return record
