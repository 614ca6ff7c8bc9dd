#include "common/db/internal.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int on_socket (struct loop *loop, int fd, void *argument);

// Poll the connection's socket for these events; 0: not at all. libpq may change its socket while it connects, so what is
// polled is taken off before libpq is called there.
static void
watch (struct connection *connection, int fd, unsigned events)
{
    if (!events)
        fd = -1;
    if (connection->fd == fd && connection->events == events)
        return;
    watch_end (&connection->watch);
    connection->fd = fd;
    connection->events = events;
    // What errs is for libpq to find out.
    if (fd >= 0)
        connection->watch = loop_watch (connection->db->loop, fd, events, on_socket, connection);
}

void
db_connection_watch (struct connection *connection, unsigned events)
{
    watch (connection, PQsocket (connection->pg), events);
}

// What was in flight has been decided before.
static void
take_down (struct connection *connection)
{
    watch (connection, -1, 0);
    resolver_cancel (&connection->query);
    db_addresses_free (&connection->addresses);
    PQfinish (connection->pg);
    connection->pg = NULL;
    if (connection->state == LINK_READY) {
        connection->db->n_ready--;
        connection->db->lost = true;
    }
    connection->state = LINK_DOWN;
    connection->fault.text[0] = 0;
}

void
db_connection_close (struct connection *connection)
{
    take_down (connection);
    while (connection->first)
        db_group_lost (connection);
}

static void
report (struct db *db, bool was_ready, const struct error *why)
{
    if (was_ready)
        log_warn ("database connection lost", "reason", why->text, NULL);
    else if (db->n_ready == 0 && strcmp (db->why.text, why->text) != 0)
        log_warn ("database not available", "reason", why->text, NULL);
    db->why = *why;
}

void
db_connection_drop (struct connection *connection, const char *format, ...)
{
    struct db *db = connection->db;
    bool was_ready = connection->state == LINK_READY;
    char text[sizeof db->why.text];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    struct error why;
    db_error_line (text, &why);
    if (connection->copy) {
        db_copy_lost (connection->copy, &why);
        return;
    }

    // Half of the time and a random part of the other half: processes that lost the same server do not return in step.
    uint32_t half = (uint32_t) connection->backoff_ms / 2;
    connection->retry_at = zclock_mono () + half + randombytes_uniform (half + 1);
    connection->backoff_ms *= 2;
    if (connection->backoff_ms > DB_BACKOFF_LAST_MS)
        connection->backoff_ms = DB_BACKOFF_LAST_MS;
    db_connection_close (connection);
    report (db, was_ready, &why);
}

// Of a connection in use. libpq's own message is no good then: it may repeat an earlier error's, with values of rows in it.
static void
lose (struct connection *connection)
{
    struct error fault = connection->fault;
    db_connection_drop (connection, "%s",
                        fault.text[0] ? fault.text : "the server closed the connection");
}

// ---- resolving -----------------------------------------------------------------------------------------------------

static void connect_start (struct connection *connection);
static void on_resolved (void *context, const char *const *addresses, size_t n,
                         const struct error *error);

static void
resolve_on (struct connection *connection)
{
    const struct conninfo *info = &connection->db->conninfo;
    for (; connection->host < info->n; connection->host++) {
        size_t i = connection->host;
        if (db_conninfo_is_name (info, i)) {
            connection->query =
                resolver_start (connection->db->resolver, info->host[i], on_resolved, connection);
            return;
        }
        db_addresses_add (&connection->addresses, info->host[i], info->address[i], info->port[i]);
    }
    connect_start (connection);
}

static void
on_resolved (void *context, const char *const *addresses, size_t n, const struct error *error)
{
    struct connection *connection = context;
    const struct conninfo *info = &connection->db->conninfo;
    size_t i = connection->host++;
    connection->query = NULL;
    for (size_t k = 0; k < n; k++)
        db_addresses_add (&connection->addresses, info->host[i], addresses[k], info->port[i]);
    // One of several hosts may be unknown for a while; with the last, it is a failure.
    if (n == 0 && connection->host == info->n && connection->addresses.n == 0)
        db_connection_drop (connection, "host %s: %s", info->host[i], error->text);
    else
        resolve_on (connection);
    db_settle (connection->db);
}

// ---- connecting ----------------------------------------------------------------------------------------------------

// Notices would go to standard error. One matters: why the server ends a session that is idle.
static void
on_notice (void *argument, const PGresult *result)
{
    struct connection *connection = argument;
    const char *severity = PQresultErrorField (result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity && strcmp (severity, "FATAL") == 0)
        db_error_line (PQresultErrorField (result, PG_DIAG_MESSAGE_PRIMARY), &connection->fault);
}

static bool
prepare_send (struct connection *connection)
{
    const struct db_options *options = &connection->db->options;
    PGconn *pg = connection->pg;
    connection->expected = connection->db->n_statements;
    if (options->schema_version) {
        connection->expected++;
        if (!PQsendQueryParams (pg, "SELECT max(version) FROM schema_migrations", 0, NULL, NULL,
                                NULL, NULL, 0))
            return false;
    }
    for (const struct db_statement *s = options->statements; s->name; s++)
        if (!PQsendPrepare (pg, s->name, s->sql, 0, NULL))
            return false;
    return PQpipelineSync (pg) == 1;
}

static void
prepare_start (struct connection *connection)
{
    PGconn *pg = connection->pg;
    connection->state = LINK_PREPARING;
    connection->between = false;
    if (PQsetnonblocking (pg, 1) != 0 || !PQenterPipelineMode (pg) || !prepare_send (connection))
        db_connection_drop (connection, "%s", PQerrorMessage (pg));
    else
        db_connection_flush (connection);
}

static void
connect_on (struct connection *connection)
{
    watch (connection, -1, 0);
    switch (PQconnectPoll (connection->pg)) {
    case PGRES_POLLING_READING:
        watch (connection, PQsocket (connection->pg), LOOP_IN);
        break;
    case PGRES_POLLING_WRITING:
    case PGRES_POLLING_ACTIVE: // no longer used by libpq
        watch (connection, PQsocket (connection->pg), LOOP_OUT);
        break;
    case PGRES_POLLING_OK:
        PQsetNoticeReceiver (connection->pg, on_notice, connection);
        if (connection->copy)
            db_copy_begin (connection->copy);
        else
            prepare_start (connection);
        break;
    case PGRES_POLLING_FAILED:
        db_connection_drop (connection, "%s", PQerrorMessage (connection->pg));
        break;
    }
}

static void
connect_start (struct connection *connection)
{
    struct db *db = connection->db;
    connection->state = LINK_CONNECTING;
    connection->pg = db_conninfo_connect (&db->conninfo, &connection->addresses, &db->options,
                                          connection->copy != NULL);
    db_addresses_free (&connection->addresses);
    if (!connection->pg || PQstatus (connection->pg) == CONNECTION_BAD)
        db_connection_drop (connection, "%s", PQerrorMessage (connection->pg));
    else
        watch (connection, PQsocket (connection->pg), LOOP_OUT);
}

static void
begin (struct connection *connection, int64_t now)
{
    connection->since = now;
    connection->state = LINK_RESOLVING;
    connection->host = 0;
    if (!connection->db->conninfo.options) {
        struct error why = connection->db->why;
        connection->backoff_ms = DB_BACKOFF_LAST_MS;
        db_connection_drop (connection, "%s", why.text);
        return;
    }
    resolve_on (connection);
}

// ---- preparing -----------------------------------------------------------------------------------------------------

static void
ready (struct connection *connection)
{
    struct db *db = connection->db;
    connection->state = LINK_READY;
    connection->backoff_ms = DB_BACKOFF_FIRST_MS;
    db->n_ready++;
    db->stats.connects++;
    error_set (&db->why, "the connection was lost");
    char pid[16];
    snprintf (pid, sizeof pid, "%d", PQbackendPID (connection->pg));
    log_info ("database connected", "backend", pid, NULL);
}

// Which of the results this is: 0 is the schema's version, if asked for.
static void
prepare_failed (struct connection *connection, const PGresult *result)
{
    const struct db_options *options = &connection->db->options;
    size_t index =
        connection->db->n_statements + (options->schema_version ? 1 : 0) - connection->expected;
    const char *state = PQresultErrorField (result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField (result, PG_DIAG_MESSAGE_PRIMARY);
    const char *severity = PQresultErrorField (result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (!state || !primary || !severity || strcmp (severity, "ERROR") != 0)
        db_connection_drop (connection, "%s", primary ? primary : PQerrorMessage (connection->pg));
    else if (options->schema_version && index == 0 && strcmp (state, "42P01") == 0)
        db_connection_drop (connection, "the database has no schema yet: run `jeton db migrate`");
    else if (options->schema_version && index == 0)
        db_connection_drop (connection,
                            "the schema's version cannot be read (%s): run `jeton db migrate`",
                            primary);
    else
        db_connection_drop (connection, "statement %s does not fit the database: %s",
                            options->statements[index - (options->schema_version ? 1 : 0)].name,
                            primary);
}

static bool
schema_fits (struct connection *connection, const PGresult *result)
{
    const struct db_options *options = &connection->db->options;
    if (!options->schema_version || connection->expected != connection->db->n_statements + 1)
        return true;
    int64_t version = 0;
    if (!db_get_int (result, 0, 0, &version))
        version = 0;
    if (version >= options->schema_version)
        return true;
    db_connection_drop (connection,
                        "schema is version %lld, this build needs %d: run `jeton db migrate`",
                        (long long) version, options->schema_version);
    return false;
}

// False: the connection was dropped.
static bool
prepare_result (struct connection *connection, const PGresult *result)
{
    ExecStatusType status = PQresultStatus (result);
    if (connection->expected == 0 && status == PGRES_PIPELINE_SYNC) {
        ready (connection);
        return true;
    }
    if (connection->expected > 0 && !connection->between &&
        (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)) {
        connection->between = true;
        return schema_fits (connection, result);
    }
    if (!result && connection->between) {
        connection->between = false;
        connection->expected--;
        return true;
    }
    prepare_failed (connection, result);
    return false;
}

// ---- in use --------------------------------------------------------------------------------------------------------

// PQgetResult would wait where nothing is expected or it is busy.
static void
take_results (struct connection *connection)
{
    while (connection->pg && (connection->state == LINK_PREPARING || connection->first) &&
           !PQisBusy (connection->pg)) {
        PGresult *result = PQgetResult (connection->pg);
        bool good;
        if (connection->state == LINK_PREPARING) {
            good = prepare_result (connection, result);
            PQclear (result);
        } else {
            good = db_group_result (connection, result);
            if (!good)
                lose (connection);
        }
        if (!good)
            return;
    }
}

void
db_connection_flush (struct connection *connection)
{
    int rc = PQflush (connection->pg);
    if (rc >= 0 && PQstatus (connection->pg) == CONNECTION_OK) {
        watch (connection, PQsocket (connection->pg), rc ? LOOP_IN | LOOP_OUT : LOOP_IN);
        return;
    }
    // libpq reads before it gives up: what it has got may tell how calls ended.
    take_results (connection);
    if (connection->pg)
        lose (connection);
}

static void
exchange (struct connection *connection)
{
    bool alive = PQconsumeInput (connection->pg) == 1;
    take_results (connection);
    if (!connection->pg)
        return;
    // Parses what comes while nothing is expected.
    (void) PQisBusy (connection->pg);
    if (alive)
        db_connection_flush (connection);
    else
        lose (connection);
}

static int
on_socket (struct loop *loop, int fd, void *argument)
{
    (void) loop;
    (void) fd;
    struct connection *connection = argument;
    if (connection->state == LINK_CONNECTING)
        connect_on (connection);
    else if (connection->copy)
        db_copy_exchange (connection->copy);
    else
        exchange (connection);
    db_settle (connection->db);
    return 0;
}

int64_t
db_connection_deadline (const struct connection *connection)
{
    int64_t timeout = connection->db->options.timeout_ms;
    switch (connection->state) {
    case LINK_DOWN:
        return connection->retry_at;
    case LINK_RESOLVING:
    case LINK_CONNECTING:
    case LINK_PREPARING:
        return connection->since + timeout;
    case LINK_COPYING:
        return connection->since + DB_COPY_PATIENCE * timeout;
    case LINK_READY:
        break;
    }
    return connection->first ? connection->first->sent_at + timeout : INT64_MAX;
}

void
db_connection_tick (struct connection *connection, int64_t now)
{
    if (db_connection_deadline (connection) > now)
        return;
    if (connection->state == LINK_DOWN)
        begin (connection, now);
    else
        db_connection_drop (connection, "the server did not answer within %lld ms",
                            (long long) (connection->state == LINK_COPYING ? DB_COPY_PATIENCE : 1) *
                                connection->db->options.timeout_ms);
}
