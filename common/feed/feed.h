// The feed of a writer: what a process that changes what validators go by does for them (proto/feed.proto).
//
// A writer has a row in the table `writers`, which it renews. It writes only while every other writer has announced to validators that it
// knows of it, or has been silent for so long that its word counts no more: services/validator/DESIGN.md says why.
//
//     feed_new () → commits: feed_tell () → … → feed_stop () → feed_destroy ()
#ifndef JETON_FEED_H
#define JETON_FEED_H

#include "common/process/process.h"
#include "feed.pb-c.h"
#include <stdbool.h>
#include <stdint.h>

// The rows of a process's table of statements that are the feed's, in this order.
enum {
    FEED_LOCK,
    FEED_REGISTER,
    FEED_RENEW,
    FEED_WRITERS,
    FEED_SESSIONS,
    FEED_BURY,
    FEED_END,
    FEED_N
};
// clang-format off
#define FEED_STATEMENTS(first)                                                                     \
[(first) + FEED_LOCK] = {"feed_lock", "SELECT pg_advisory_xact_lock (7238601946)", true},          \
[(first) + FEED_REGISTER] = {"feed_register",                                                      \
    /* Of those that ended, none is needed but the newest, whose generation is the newest. */      \
    "WITH tidied AS (DELETE FROM writers WHERE ended AND endpoint <> $1"                           \
    "  AND generation < (SELECT max (generation) FROM writers)),"                                  \
    " drawn AS (SELECT nextval ('writers_generation') AS generation)"                              \
    " INSERT INTO writers (endpoint, server_key, instance, outage_ms, generation, known)"          \
    " SELECT $1, $2, $3, $4, generation, generation FROM drawn"                                    \
    " ON CONFLICT (endpoint) DO UPDATE SET server_key = excluded.server_key,"                      \
    "  instance = excluded.instance, outage_ms = excluded.outage_ms,"                              \
    "  generation = excluded.generation, known = excluded.known, ended = false,"                   \
    "  renewed = writers.renewed + 1"                                                              \
    "  WHERE writers.role = current_user OR writers.ended"                                         \
    " RETURNING generation", true},                                                                \
[(first) + FEED_RENEW] = {"feed_renew",                                                            \
    "UPDATE writers SET known = $3, renewed = renewed + 1"                                         \
    " WHERE endpoint = $1 AND instance = $2 AND NOT ended RETURNING generation", true},            \
[(first) + FEED_WRITERS] = {"feed_writers",                                                        \
    "SELECT endpoint, generation, known, renewed, outage_ms, ended FROM writers"                   \
    " ORDER BY generation LIMIT 65", false},                                                       \
[(first) + FEED_SESSIONS] = {"feed_sessions",                                                      \
    "SELECT count (pg_terminate_backend (pid)) FROM pg_stat_activity"                              \
    " WHERE usename = current_user AND application_name LIKE $1 || '%'"                            \
    " AND (application_name <> $2 OR pid <> ALL (string_to_array ($3, ',')::int[]))", false},      \
[(first) + FEED_BURY] = {"feed_bury",                                                              \
    "WITH dead AS (SELECT endpoint, instance FROM writers WHERE endpoint = $1 AND renewed = $2"    \
    "  AND role = current_user AND NOT ended),"                                                    \
    " sessions AS (SELECT count (pg_terminate_backend (a.pid)) AS n FROM pg_stat_activity a, dead" \
    "  WHERE a.usename = current_user"                                                             \
    "  AND a.application_name LIKE '%/' || lpad (to_hex (dead.instance), 16, '0'))"                \
    " UPDATE writers w SET ended = true FROM dead, sessions"                                       \
    " WHERE w.endpoint = dead.endpoint AND w.renewed = $2 AND sessions.n = 0", true},              \
[(first) + FEED_END] = {"feed_end",                                                                \
    "UPDATE writers SET ended = true WHERE endpoint = $1 AND instance = $2", true}
// clang-format on

// A change of what validators go by.
struct feed_change {
    Jeton__V1__ChangeKind kind;
    int64_t object, account;
};

struct feed_settings {
    char
        *advertise; // where validators reach this process; "": the host name and the port of `bind`
    int64_t renew_ms, outage_limit_ms;
};
// Rows of the table of settings for a struct feed_settings at `offset`.
#define FEED_SETTINGS(offset)                                                                      \
    {"feed_advertise",                                                                             \
     CONFIG_TEXT,                                                                                  \
     (offset) + offsetof (struct feed_settings, advertise),                                        \
     "",                                                                                           \
     0,                                                                                            \
     0,                                                                                            \
     false,                                                                                        \
     "where validators reach this process, tcp://HOST:PORT; empty: the address that it binds, or " \
     "the host's name where that is all of them"},                                                 \
        {"feed_renew_ms",                                                                          \
         CONFIG_NUMBER,                                                                            \
         (offset) + offsetof (struct feed_settings, renew_ms),                                     \
         "500",                                                                                    \
         50,                                                                                       \
         5000,                                                                                     \
         true,                                                                                     \
         "how often it renews its row among the writers, in milliseconds"},                        \
    {                                                                                              \
        "feed_outage_limit_ms", CONFIG_NUMBER,                                                     \
            (offset) + offsetof (struct feed_settings, outage_limit_ms), "120000", 0, 3600000,     \
            true,                                                                                  \
            "how long validators may go by this process's word that the database is down, in "     \
            "milliseconds; when it dies and does not come back, others that start wait for that "  \
            "long before they write; 0: validators never go by it; at least four times "           \
            "database_timeout_ms otherwise"                                                        \
    }

struct feed;

// feed_new (process, settings, first, changed): Adds the service Feed to the process's server and begins to register. `first`: the row of its table
// of statements where FEED_STATEMENTS are. `changed` is called with the process when what feed_admitted says has changed; may be NULL.
struct feed *feed_new (struct process *process, const struct feed_settings *settings, int first,
                       void (*changed) (struct process *process)) __attribute__ ((returns_nonnull));
// feed_stop (feed): It does nothing by itself any more: before process_end, whose last callbacks may still tell of changes. feed_destroy (&feed):
// After it. Both NULL-safe.
void feed_stop (struct feed *feed);
void feed_destroy (struct feed **feed);

// feed_admitted (feed, error_r): May this process write? If not, error_r says why, and what to do.
bool feed_admitted (const struct feed *feed, struct error *error_r)
    __attribute__ ((warn_unused_result));

// feed_tell (feed, change): It is committed: every validator that follows is told before this returns.
void feed_tell (struct feed *feed, const struct feed_change *change);
// feed_tell_status (feed, change, revision, status): The same of a token whose status was changed, and nothing else: that is its revision now. Validators need not ask for
// what they refuse.
void feed_tell_status (struct feed *feed, const struct feed_change *change, int64_t revision,
                       Jeton__V1__TokenStatus status);
// feed_tell_unsure (feed, change): It may be committed, now or later (DB_UNCERTAIN). Settled by the feed itself when the database is back.
void feed_tell_unsure (struct feed *feed, const struct feed_change *change);

// feed_end (feed): The process ends in order: its word is not needed any more.
void feed_end (struct feed *feed);

#endif
