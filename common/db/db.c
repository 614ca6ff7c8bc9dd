#include "common/db/internal.h"
#include "common/memory/memory.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

// A time that has passed.
enum { NEXT_TURN = 1 };

// ---- time ----------------------------------------------------------------------------------------------------------

// Writes and reads that waited too long end here; those in flight end with their connection.
static void
expire (struct db *db, struct call_list *list, int64_t now)
{
    while (list->first && list->first->since + db->options.timeout_ms <= now)
        db_done (db, db_list_take (list), DB_UNAVAILABLE);
}

static int64_t
next_deadline (const struct db *db)
{
    int64_t next = INT64_MAX;
    const struct call *heads[] = {db->reads.first, db->writes.first};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (heads[i] && heads[i]->since + db->options.timeout_ms < next)
            next = heads[i]->since + db->options.timeout_ms;
    for (size_t i = 0; i < db->options.connections; i++) {
        int64_t deadline = db_connection_deadline (&db->connections[i]);
        if (deadline < next)
            next = deadline;
    }
    for (size_t i = 0; i < DB_COPIES_MAX; i++)
        if (db->copies[i] && db_copy_deadline (db->copies[i]) < next)
            next = db_copy_deadline (db->copies[i]);
    return db->refused.first ? NEXT_TURN : next;
}

static void
on_alarm (void *context)
{
    struct db *db = context;
    int64_t now = zclock_mono ();
    for (size_t i = 0; i < db->options.connections; i++)
        db_connection_tick (&db->connections[i], now);
    for (size_t i = 0; i < DB_COPIES_MAX; i++)
        if (db->copies[i])
            db_copy_tick (db->copies[i], now);
    expire (db, &db->reads, now);
    expire (db, &db->writes, now);
    struct call *call;
    while ((call = db_list_take (&db->refused)))
        db_done (db, call, DB_UNAVAILABLE);
    db_settle (db);
}

// ---- who runs what -------------------------------------------------------------------------------------------------

// The ready connection with the fewest calls in flight, but none of those that were tried (a bit each). Reads evade one that a write
// holds up; of writes, each has one group.
static struct connection *
least_loaded (struct db *db, bool write, uint64_t tried)
{
    struct connection *best = NULL;
    for (size_t i = 0; i < db->options.connections; i++) {
        struct connection *c = &db->connections[i];
        if (c->state != LINK_READY || (write && c->n_writes > 0) || (tried >> i & 1))
            continue;
        if (!best || c->n_writes < best->n_writes ||
            (c->n_writes == best->n_writes && c->n_calls < best->n_calls))
            best = c;
    }
    return best;
}

// Reads that can run as one statement wait for a connection that has no read in flight: meanwhile more of them come.
static uint64_t
reading (const struct db *db)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < db->options.connections; i++)
        bits |= (uint64_t) (db->connections[i].n_reads > 0) << i;
    return bits;
}

static void
send_reads (struct db *db)
{
    struct connection *connection;
    while (db->reads.first &&
           (connection = least_loaded (db, false, db_is_many (db->reads.first) ? reading (db) : 0)))
        db_group_send (connection, &db->reads, db->options.group_limit);
}

// Writes that lock the same object run on the same connection, while that is there: they would only wait for each other on two, and keep
// those from running that others could run meanwhile.
static bool
runs_on (const struct db *db, const struct call *call, const struct connection *connection)
{
    if (call->lock_order == 0)
        return true;
    size_t home = (size_t) ((uint64_t) call->lock_order % db->options.connections);
    return connection == &db->connections[home] || db->connections[home].state != LINK_READY;
}

// The writes that the connection may run next, as one group. False: there is none.
static bool
pick (struct db *db, const struct connection *connection, struct call_list *group_r)
{
    struct call **at = &db->writes.first, *before = NULL;
    for (size_t n = 0; *at && n < db->options.group_limit;) {
        struct call *call = *at;
        if (!runs_on (db, call, connection)) {
            before = call;
            at = &call->next;
            continue;
        }
        if (call->alone && n > 0)
            break;
        *at = call->next;
        if (db->writes.last == call)
            db->writes.last = before;
        db_list_append (group_r, call);
        n++;
        if (call->alone)
            break;
    }
    return group_r->first != NULL;
}

static void
send_writes (struct db *db)
{
    struct connection *connection;
    uint64_t tried = 0;
    while (db->writes.first && (connection = least_loaded (db, true, tried))) {
        tried |= UINT64_C (1) << (connection - db->connections);
        // Calls that run alone need not wait for each other: each has its own Sync.
        bool alone = true;
        struct call_list group = {0};
        for (size_t n = 0; alone && n < db->options.group_limit &&
                           connection->state == LINK_READY && pick (db, connection, &group);
             n++) {
            alone = group.first->alone;
            db_group_send (connection, &group, db->options.group_limit);
        }
    }
}

static void
send_waiting (struct db *db)
{
    send_reads (db);
    send_writes (db);
    struct call *call;
    while (db->n_ready == 0 && (call = db_list_take (db->reads.first ? &db->reads : &db->writes)))
        db_done (db, call, DB_UNAVAILABLE);
}

static void
count (struct db *db, enum db_outcome outcome)
{
    switch (outcome) {
    case DB_OK:
        break;
    case DB_CONFLICT:
        db->stats.conflicts++;
        break;
    case DB_UNAVAILABLE:
        db->stats.unavailable++;
        break;
    case DB_UNCERTAIN:
        db->stats.uncertain++;
        break;
    case DB_FAILED:
        db->stats.failed++;
        break;
    }
}

static void
call_back (struct db *db)
{
    struct call *call;
    int64_t now_us = db->done.first ? zclock_usecs () : 0;
    while ((call = db_list_take (&db->done))) {
        db->stats.in_flight--;
        count (db, call->outcome);
        if (call->outcome == DB_OK)
            timing_add (&db->stats.took, now_us - call->since_us);
        call->callback (call->context, call->outcome, call->outcome == DB_OK ? call->results : NULL,
                        &call->error);
        db_call_destroy (call);
    }
}

static void
tell_listener (struct db *db)
{
    bool ready = db->n_ready > 0;
    if (ready == db->was_ready && !db->lost)
        return;
    db->was_ready = ready;
    db->lost = false;
    if (db->change)
        db->change (db->change_context, ready);
}

void
db_settle (struct db *db)
{
    assert (!db->settling);
    db->settling = true;
    // Sending may lose a connection, and that may end calls.
    do {
        tell_listener (db);
        call_back (db);
        db_copy_finish (db);
        send_waiting (db);
    } while (db->done.first || db->lost);
    db->settling = false;
    alarm_by (db->alarm, next_deadline (db));
}

void
db_done (struct db *db, struct call *call, enum db_outcome outcome)
{
    call->outcome = outcome;
    db_list_append (&db->done, call);
}

void
db_requeue (struct db *db, struct call *call)
{
    db_list_prepend (call->write ? &db->writes : &db->reads, call);
}

// ---- public --------------------------------------------------------------------------------------------------------

const char *
db_outcome_name (enum db_outcome outcome)
{
    switch (outcome) {
    case DB_OK:
        return "ok";
    case DB_CONFLICT:
        return "conflict";
    case DB_UNAVAILABLE:
        return "unavailable";
    case DB_UNCERTAIN:
        return "uncertain";
    case DB_FAILED:
        return "failed";
    }
    return "?";
}

struct db *
db_new (struct loop *loop, struct resolver *resolver, const struct db_options *options)
{
    assert (options->connections && options->connections <= 64 && options->queue_limit &&
            options->group_limit && options->timeout_ms > 0);
    struct db *db = xcalloc (1, sizeof *db);
    db->loop = loop;
    db->resolver = resolver;
    db->options = *options;
    db->options.url = xstrdup (options->url);
    db->options.password = options->password ? xstrdup (options->password) : NULL;
    db->options.application = options->application ? xstrdup (options->application) : NULL;
    while (options->statements[db->n_statements].name)
        db->n_statements++;
    error_set (&db->why, "not connected to the database yet");
    if (!db_conninfo_parse (options->url, &db->conninfo, &db->why))
        db_conninfo_free (&db->conninfo);

    db->connections = xcalloc (options->connections, sizeof *db->connections);
    for (size_t i = 0; i < options->connections; i++)
        db->connections[i] =
            (struct connection){.db = db, .fd = -1, .backoff_ms = DB_BACKOFF_FIRST_MS};

    db->alarm = alarm_new (loop, on_alarm, db);
    alarm_by (db->alarm, NEXT_TURN);
    return db;
}

static void
end_waiting (struct db *db, struct call_list *list)
{
    struct call *call;
    while ((call = db_list_take (list)))
        db_done (db, call, DB_UNAVAILABLE);
}

void
db_destroy (struct db **db_p)
{
    struct db *db = *db_p;
    if (!db)
        return;
    assert (!db->settling);
    db->ending = true;
    db->change = NULL;
    for (size_t i = 0; i < db->options.connections; i++)
        db_connection_close (&db->connections[i]);
    // What a callback starts now ends at once as well; it finds the db where it always was.
    db_copy_finish (db);
    do {
        end_waiting (db, &db->reads);
        end_waiting (db, &db->writes);
        end_waiting (db, &db->refused);
        call_back (db);
    } while (db->refused.first);

    alarm_destroy (&db->alarm);
    db_conninfo_free (&db->conninfo);
    for (size_t i = 0; i < DB_COPIES_MAX; i++)
        free (db->spent_copies[i]);
    free (db->connections);
    if (db->options.password)
        explicit_bzero ((char *) db->options.password, strlen (db->options.password));
    explicit_bzero ((char *) db->options.url, strlen (db->options.url));
    free ((char *) db->options.password);
    free ((char *) db->options.url);
    free ((char *) db->options.application);
    free (db);
    *db_p = NULL;
}

void
db_call (struct db *db, int statement, const struct db_params *params, db_callback *callback,
         void *context)
{
    struct db_step step = {.statement = statement, .params = params};
    db_transaction (db, &step, 1, callback, context);
}

void
db_transaction (struct db *db, const struct db_step *steps, size_t n, db_callback *callback,
                void *context)
{
    assert (n > 0 && callback);
    struct call *call = db_call_new (db, steps, n);
    call->callback = callback;
    call->context = context;
    call->lock_order = steps[0].params ? steps[0].params->lock_order : 0;
    call->since_us = zclock_usecs (); // zclock_mono, but finer
    call->since = call->since_us / 1000;
    db->stats.calls++;
    bool refused = db->ending || db->n_ready == 0 || db->stats.in_flight >= db->options.queue_limit;
    db->stats.in_flight++;
    if (refused)
        db_list_append (&db->refused, call);
    else
        db_list_append (call->write ? &db->writes : &db->reads, call);
    // Runs in the next turn of the loop: until then, others may join.
    alarm_by (db->alarm, NEXT_TURN);
}

bool
db_ready (const struct db *db, struct error *error_r)
{
    if (db->n_ready > 0)
        return true;
    error_set (error_r, "%s", db->why.text);
    return false;
}

void
db_on_change (struct db *db, db_change_callback *callback, void *context)
{
    db->change = callback;
    db->change_context = context;
}

void
db_pids (const struct db *db, char *pids_r, size_t size)
{
    size_t used = 0;
    pids_r[0] = '\0';
    for (size_t i = 0; i < db->options.connections; i++) {
        const struct connection *connection = &db->connections[i];
        char pid[16];
        int number = connection->pg ? PQbackendPID (connection->pg) : 0;
        if (number == 0)
            continue;
        int n = snprintf (pid, sizeof pid, "%s%d", used ? "," : "", number);
        if (n > 0 && used + (size_t) n < size) {
            memcpy (pids_r + used, pid, (size_t) n + 1);
            used += (size_t) n;
        }
    }
}

bool
db_idle (const struct db *db)
{
    return db->stats.in_flight == 0;
}

#define ROW(kind, member, help) STAT_##kind (struct db_stats, member, "db." #member, help)
const struct stat_row db_stats_rows[] = {
    ROW (COUNTER, calls, "Calls of the database"),
    ROW (COUNTER, groups, "Groups of calls that were sent, each with one commit"),
    ROW (COUNTER, regrouped, "Calls that ran again by themselves because their group failed"),
    ROW (COUNTER, conflicts, "Calls that a constraint refused"),
    ROW (COUNTER, unavailable, "Calls that ended without a connection"),
    ROW (COUNTER, uncertain, "Writes whose connection was lost before their outcome was known"),
    ROW (COUNTER, failed, "Calls that ended with another error of SQL"),
    ROW (COUNTER, connects, "Connections that were made"),
    ROW (GAUGE, connections, "Connections that are there, of those that database_connections says"),
    ROW (GAUGE, in_flight, "Calls in progress, those that wait too"),
    ROW (GAUGE, waiting, "Calls that have not been sent yet, of the database_queue that may be"),
    STAT_HISTOGRAM (struct db_stats, took, "db.call_us",
                    "How long calls that succeeded took, with the time that they waited"),
    STAT_END,
};

const struct db_stats *
db_stats (struct db *db)
{
    uint64_t sent = 0;
    for (size_t i = 0; i < db->options.connections; i++)
        sent += db->connections[i].n_calls;
    db->stats.connections = db->n_ready;
    db->stats.waiting = db->stats.in_flight - sent;
    return &db->stats;
}
