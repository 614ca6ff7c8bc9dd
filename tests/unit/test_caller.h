// What surrounds common/caller under test: a database that answers when and what a test tells it to, and signing keys. Included once by a
// test's only source file.
#ifndef JETON_TEST_CALLER_H
#define JETON_TEST_CALLER_H

#include "common/caller/keys.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include <check.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STATEMENT_KEYS, STATEMENT_USER, QUERIES_MAX = 4 };

static struct loop *loop;
static struct public_keys *keys;
static int64_t interval_ms;
static int64_t later_ms; // how far the clock was put forward

// Queries that have no answer yet, oldest first.
static struct {
    int statement;
    struct db_params params;
    char texts[DB_PARAMS_MAX][64]; // of params
    db_callback *callback;
    void *context;
    int64_t at_ms;
} queries[QUERIES_MAX];
static size_t nqueries;

static int64_t
    said_ms; // what the clock said last: a query has the time that the code under test has for it
int64_t
zclock_mono (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    said_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000 + later_ms;
    return said_ms;
}

void
db_call (struct db *db, int statement, const struct db_params *params, db_callback *callback,
         void *context)
{
    ck_assert_ptr_eq (db, &queries);
    ck_assert_uint_lt (nqueries, QUERIES_MAX);
    queries[nqueries].statement = statement;
    queries[nqueries].callback = callback;
    queries[nqueries].context = context;
    queries[nqueries].at_ms = said_ms;
    for (int i = 0; params && i < params->n; i++)
        snprintf (queries[nqueries].texts[i], sizeof queries[nqueries].texts[i], "%s",
                  params->values[i]);
    nqueries++;
}

static int
on_pass (struct loop *l, int timer, void *end_ms)
{
    (void) l;
    (void) timer;
    return nqueries > 0 || zclock_mono () >= *(int64_t *) end_ms ? -1 : 0;
}

// Run the loop until a query comes, for so long at most.
static void
pass (int64_t ms)
{
    int64_t end_ms = zclock_mono () + ms;
    int timer = loop_timer (loop, 1, 0, on_pass, &end_ms);
    loop_run (loop);
    loop_timer_end (loop, timer);
}

// Answer the oldest query; rows of `columns` texts each.
static void
answer (enum db_outcome outcome, int columns, size_t n, const char *const *cells)
{
    struct db_error error = {.text = ""};
    PGresult *result = PQmakeEmptyPGresult (NULL, PGRES_TUPLES_OK);
    PGresAttDesc names[8] = {{0}};
    db_callback *callback = queries[0].callback;
    void *context = queries[0].context;
    ck_assert_uint_gt (nqueries, 0);
    for (int c = 0; c < columns; c++)
        names[c].name = (char *) "column";
    ck_assert (PQsetResultAttrs (result, columns, names));
    for (size_t i = 0; i < n * (size_t) columns; i++)
        ck_assert (PQsetvalue (result, (int) (i / (size_t) columns), (int) (i % (size_t) columns),
                               (char *) cells[i], (int) strlen (cells[i])));
    memmove (queries, queries + 1, --nqueries * sizeof *queries);
    callback (context, outcome, outcome == DB_OK ? &result : NULL, &error);
    PQclear (result);
}

// A new key pair, and its row in signing_keys.
struct pair {
    struct jwt_key *key;
    const char *kid;
    char public_key[1024]; // as PostgreSQL writes it
};

static void
pair_make (struct pair *pair)
{
    struct error error;
    uint8_t *der;
    size_t size;
    pair->key = jwt_key_generate (JWT_ES256, &error);
    ck_assert_ptr_nonnull (pair->key);
    pair->kid = jwt_key_id (pair->key);
    ck_assert (jwt_key_public (pair->key, &der, &size));
    memcpy (pair->public_key, "\\x", 2);
    sodium_bin2hex (pair->public_key + 2, sizeof pair->public_key - 2, der, size);
    free (der);
}

// Answer the query of the keys with these.
static void
answer_keys (const struct pair *first, const struct pair *second)
{
    const char *cells[] = {first ? first->kid : "", first ? first->public_key : "",
                           second ? second->kid : "", second ? second->public_key : ""};
    ck_assert_int_eq (queries[0].statement, STATEMENT_KEYS);
    answer (DB_OK, 2, (first != NULL) + (size_t) (second != NULL), cells);
}

static void
keys_set_up (void)
{
    log_open ("test", LOG_LEVEL_ERROR);
    ck_assert_int_ge (sodium_init (), 0);
    zsys_handler_set (NULL);
    loop = loop_new ();
    nqueries = 0;
    interval_ms = 3600000;
    keys = keys_new (loop, (struct db *) &queries, STATEMENT_KEYS, &interval_ms);
}

static void
keys_tear_down (void)
{
    keys_destroy (&keys);
    keys_destroy (&keys);
    loop_destroy (&loop);
}

#endif
