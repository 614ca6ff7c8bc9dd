// This process's row in the table of writers: registering, being admitted, renewing.
#include "common/feed/internal.h"
#include "common/log/log.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 200, OUTAGE_OF_TIMEOUTS = 4, BURY_MS = 5000 };

static void writers_step (struct feed *feed);

static void
plan (struct feed *feed, int64_t in_ms)
{
    if (feed->renewal)
        alarm_by (feed->renewal, zclock_mono () + in_ms);
}

static void
on_renewal (void *context)
{
    writers_step (context);
}

static void
admit (struct feed *feed, bool admitted)
{
    if (feed->admitted == admitted)
        return;
    feed->admitted = admitted;
    if (admitted)
        log_info ("admitted as a writer", "endpoint", feed->endpoint, NULL);
    else
        log_warn ("not admitted as a writer any more", "reason", feed->why.text, NULL);
    if (!admitted)
        feed_dismiss (feed);
    if (feed->changed)
        feed->changed (feed->process);
}

int64_t
feed_outage_ms (const struct feed *feed)
{
    int64_t wanted = feed->settings->outage_limit_ms,
            least = OUTAGE_OF_TIMEOUTS * feed->process->settings->database_timeout_ms;
    return wanted == 0 || wanted > least ? wanted : least;
}

// ---- registering ---------------------------------------------------------------------------------------------------

static void
registered (void *context, enum db_outcome outcome, PGresult *const *results,
            const struct db_error *error)
{
    struct feed *feed = context;
    (void) error; // logged by db
    feed->busy = false;
    if (outcome == DB_OK && PQntuples (results[1]) == 1 &&
        db_get_int (results[1], 0, 0, &feed->generation)) {
        feed->registered = true;
        feed->alone = false;
        feed->nothers = 0;
        // Its row was written while no other could be: it knows all before it.
        feed->known = feed->generation;
        plan (feed, 0);
        return;
    }
    if (outcome == DB_OK) {
        error_set (&feed->why,
                   "another kind of process is registered as a writer at %s and has not ended: "
                   "give this one another feed_advertise",
                   feed->endpoint);
        log_error ("cannot register as a writer", "reason", feed->why.text, NULL);
    }
    plan (feed, RETRY_MS);
}

static void
register_start (struct feed *feed)
{
    struct db_params params = {0};
    db_param_text (&params, feed->endpoint);
    db_param_text (&params, feed->server_key);
    db_param_int (&params, (int64_t) feed->instance);
    db_param_int (&params, feed_outage_ms (feed));
    const struct db_step steps[] = {{feed->first + FEED_LOCK, NULL},
                                    {feed->first + FEED_REGISTER, &params}};
    feed->busy = true;
    error_set (&feed->why, "it is not registered as a writer yet");
    db_transaction (feed->process->db, steps, 2, registered, feed);
}

// ---- sessions of former lives --------------------------------------------------------------------------------------

static void
sessions_counted (void *context, enum db_outcome outcome, PGresult *const *results,
                  const struct db_error *error)
{
    struct feed *feed = context;
    int64_t n;
    (void) error;
    feed->busy = false;
    if (outcome == DB_OK && db_get_int (results[0], 0, 0, &n) && n == 0 &&
        feed->losses == feed->losses_known) {
        feed->alone = true;
        feed_settled (feed);
        plan (feed, 0);
        return;
    }
    error_set (&feed->why, "statements of its former life still run");
    plan (feed, RETRY_MS);
}

// What was sent in another life, or over a connection that was lost, may still be running. It is ended: afterwards it is known.
static void
sessions_end (struct feed *feed)
{
    char pids[512];
    struct db_params params = {0};
    db_pids (feed->process->db, pids, sizeof pids);
    db_param_text (&params, feed->process->application_prefix);
    db_param_text (&params, feed->process->application);
    db_param_text (&params, pids);
    feed->busy = true;
    feed->losses_known = feed->losses;
    db_call (feed->process->db, feed->first + FEED_SESSIONS, &params, sessions_counted, feed);
}

// A writer that cannot renew its row stops writing long before others take it for dead.
static bool
overdue (const struct feed *feed)
{
    int64_t outage_ms = feed_outage_ms (feed);
    return outage_ms > 0 && feed_now () - feed->renewed_at > outage_ms / 2;
}

// ---- renewing ------------------------------------------------------------------------------------------------------

static const struct other *
other_find (const struct feed *feed, const char *endpoint)
{
    for (size_t i = 0; i < feed->nothers; i++)
        if (strcmp (feed->others[i].endpoint, endpoint) == 0)
            return &feed->others[i];
    return NULL;
}

static bool
other_read (const struct feed *feed, const PGresult *result, int row, struct other *other_r)
{
    const char *endpoint;
    if (!db_get_text (result, row, 0, &endpoint) || strlen (endpoint) >= sizeof other_r->endpoint ||
        !db_get_int (result, row, 1, &other_r->generation) ||
        !db_get_int (result, row, 2, &other_r->known) ||
        !db_get_int (result, row, 3, &other_r->renewed) ||
        !db_get_int (result, row, 4, &other_r->outage_ms) ||
        !db_get_bool (result, row, 5, &other_r->ended))
        return false;
    snprintf (other_r->endpoint, sizeof other_r->endpoint, "%s", endpoint);
    const struct other *before = other_find (feed, endpoint);
    other_r->since = before && before->renewed == other_r->renewed ? before->since : feed_now ();
    return true;
}

// Every other writer that validators may go by has announced that it knows of this one, or cannot be gone by any more.
static bool
others_know (struct feed *feed)
{
    for (size_t i = 0; i < feed->nothers; i++) {
        const struct other *other = &feed->others[i];
        int64_t silent = feed_now () - other->since;
        if (other->ended || other->known >= feed->generation || silent > other->outage_ms ||
            strcmp (other->endpoint, feed->endpoint) == 0)
            continue;
        error_set (
            &feed->why,
            "it may not write before the writer at %s knows of it, which has been silent for "
            "%" PRId64 " s: start that one again, or wait %" PRId64
            " s more (its feed_outage_limit_ms)",
            other->endpoint, silent / 1000, (other->outage_ms - silent) / 1000 + 1);
        return false;
    }
    return true;
}

static void
buried (void *context, enum db_outcome outcome, PGresult *const *results,
        const struct db_error *error)
{
    (void) context;
    (void) outcome;
    (void) results;
    (void) error; // it is tried again after the next renewal
}

// One that has been silent for longer than its word counts stopped writing long ago, and may not begin again before it has registered anew. Its
// sessions are ended (when there are any, its row is for the next time), and nobody waits for it any more. Only its own role may do that.
static void
others_bury (struct feed *feed)
{
    for (size_t i = 0; i < feed->nothers; i++) {
        const struct other *other = &feed->others[i];
        if (other->ended || feed_now () - other->since <= other->outage_ms + BURY_MS)
            continue;
        struct db_params params = {0};
        db_param_text (&params, other->endpoint);
        db_param_int (&params, other->renewed);
        db_call (feed->process->db, feed->first + FEED_BURY, &params, buried, feed);
    }
}

static bool
others_take (struct feed *feed, const PGresult *result)
{
    struct other others[FEED_WRITERS_MAX];
    int64_t newest = 0;
    int n = PQntuples (result);
    if (n > FEED_WRITERS_MAX) {
        error_set (&feed->why, "there are more than %d writers", FEED_WRITERS_MAX);
        return false;
    }
    for (int i = 0; i < n; i++) {
        if (!other_read (feed, result, i, &others[i])) {
            error_set (&feed->why, "a row of the table of writers makes no sense");
            return false;
        }
        newest = others[i].generation;
    }
    memcpy (feed->others, others, (size_t) n * sizeof *others);
    feed->nothers = (size_t) n;
    // Announced from now on; the next renewal writes that it is.
    bool news = newest > feed->known;
    feed->known = newest;
    if (news)
        plan (feed, 0);
    return true;
}

static void
renewed (void *context, enum db_outcome outcome, PGresult *const *results,
         const struct db_error *error)
{
    struct feed *feed = context;
    (void) error;
    feed->busy = false;
    plan (feed, feed->admitted ? feed->settings->renew_ms : RETRY_MS);
    if (outcome != DB_OK)
        return;
    if (PQntuples (results[0]) == 0) {
        // Another process took the endpoint over, or this one was silent for so long that it was taken for dead.
        feed->registered = false;
        error_set (&feed->why, "its row among the writers is gone or another's");
        admit (feed, false);
        plan (feed, 0);
        return;
    }
    bool late = overdue (feed);
    feed->renewed_at = feed->sent_at;
    if (!others_take (feed, results[1]))
        log_error ("the table of writers cannot be used", "reason", feed->why.text, NULL);
    else if (!feed->admitted && feed->alone && others_know (feed))
        admit (feed, true);
    else if (feed->admitted)
        others_bury (feed);
    if ((late || !feed->admitted) && feed->changed)
        feed->changed (feed->process); // why it is not may be another reason now
}

static void
renew_start (struct feed *feed)
{
    struct db_params params = {0};
    db_param_text (&params, feed->endpoint);
    db_param_int (&params, (int64_t) feed->instance);
    db_param_int (&params, feed->known);
    const struct db_step steps[] = {{feed->first + FEED_RENEW, &params},
                                    {feed->first + FEED_WRITERS, NULL}};
    feed->busy = true;
    feed->sent_at = feed_now ();
    db_transaction (feed->process->db, steps, 2, renewed, feed);
}

// ---- what is next --------------------------------------------------------------------------------------------------

static void
writers_step (struct feed *feed)
{
    struct error error;
    if (feed->busy || feed->ending)
        return;
    if (!db_ready (feed->process->db, &error)) {
        plan (feed, RETRY_MS);
        return;
    }
    if (!feed->registered)
        register_start (feed);
    else if (!feed->alone)
        sessions_end (feed);
    else
        renew_start (feed);
}

bool
feed_admitted (const struct feed *feed, struct error *error_r)
{
    if (!feed->admitted)
        *error_r = feed->why;
    else if (overdue (feed))
        error_set (error_r, "its row among the writers could not be renewed for %" PRId64 " s",
                   (feed_now () - feed->renewed_at) / 1000);
    else
        return true;
    return false;
}

static void
ended (void *context, enum db_outcome outcome, PGresult *const *results,
       const struct db_error *error)
{
    (void) context;
    (void) results;
    (void) error;
    if (outcome != DB_OK)
        log_warn ("the end of this writer is not known to the others: those that start wait for "
                  "its feed_outage_limit_ms",
                  "outcome", db_outcome_name (outcome), NULL);
}

void
feed_end (struct feed *feed)
{
    if (!feed->registered || feed->ending)
        return;
    feed->ending = true;
    struct db_params params = {0};
    db_param_text (&params, feed->endpoint);
    db_param_int (&params, (int64_t) feed->instance);
    db_call (feed->process->db, feed->first + FEED_END, &params, ended, feed);
}

void
writers_start (struct feed *feed)
{
    feed->renewal = alarm_new (feed->process->loop, on_renewal, feed);
    error_set (&feed->why, "it is not registered as a writer yet");
    plan (feed, 0);
}

void
writers_stop (struct feed *feed)
{
    alarm_destroy (&feed->renewal);
}
