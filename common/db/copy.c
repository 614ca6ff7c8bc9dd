// A long answer: COPY on a connection of its own, some rows a turn.
#include "common/db/internal.h"
#include "common/memory/memory.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TURN_ROWS = 128, // a quarter of a millisecond, if each takes 2 µs
    NOW = 1,         // a time that has passed
};

// What the server is expected to send.
enum phase { PHASE_ANSWER, PHASE_ROWS, PHASE_OUTCOME };

struct db_copy {
    struct connection connection;
    char *sql;
    db_copy_row *row;
    db_copy_end *end;
    void *context;
    struct db_copy_reader reader;
    enum phase phase;
    bool more;  // rows are left that libpq has
    bool ended; // the end's callback is due
    enum db_outcome outcome;
    struct error why;
};

// ---- the statement -------------------------------------------------------------------------------------------------

// With digits in the places of $1 to $9: numbers, in which nothing needs quoting.
static char *
sql_new (const char *sql, const int64_t *values)
{
    enum { DIGITS = 21 };
    size_t marks = 0;
    for (const char *at = sql; *at; at++)
        marks += *at == '$';
    char *made = xcalloc (1, strlen (sql) + marks * DIGITS + 1), *to = made;
    for (const char *at = sql; *at; at++) {
        if (at[0] == '$' && at[1] >= '1' && at[1] <= '9')
            to += sprintf (to, "%" PRId64, values[*++at - '1']);
        else
            *to++ = *at;
    }
    return made;
}

// ---- the end -------------------------------------------------------------------------------------------------------

static void
end (struct db_copy *copy, enum db_outcome outcome, const struct error *why)
{
    copy->ended = true;
    copy->outcome = outcome;
    copy->why = why ? *why : (struct error){""};
    db_connection_close (&copy->connection);
}

void
db_copy_lost (struct db_copy *copy, const struct error *why)
{
    end (copy, DB_UNAVAILABLE, why);
}

// The server refused it, or broke it off. What it says of malformed values (class 22) may quote them.
static void
refused (struct db_copy *copy, const PGresult *result)
{
    const char *state = PQresultErrorField (result, PG_DIAG_SQLSTATE);
    const char *severity = PQresultErrorField (result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *primary = PQresultErrorField (result, PG_DIAG_MESSAGE_PRIMARY);
    bool session = !severity || strcmp (severity, "ERROR") != 0;
    struct error why;
    if (state && strncmp (state, "22", 2) == 0)
        error_set (&why, "data exception %s (the message may quote a value)", state);
    else
        error_set (&why, "%s", primary ? primary : "the server closed the connection");
    end (copy, session ? DB_UNAVAILABLE : DB_FAILED, &why);
}

static void
nonsense (struct db_copy *copy, const char *what)
{
    struct error why;
    error_set (&why, "%s", what);
    end (copy, DB_FAILED, &why);
}

void
db_copy_finish (struct db *db)
{
    for (size_t i = 0; i < DB_COPIES_MAX; i++) {
        struct db_copy *copy = db->copies[i];
        if (!copy || (!copy->ended && !db->ending))
            continue;
        if (!copy->ended) {
            struct error why;
            error_set (&why, "the process ends");
            end (copy, DB_UNAVAILABLE, &why);
        }
        db->copies[i] = NULL; // it may start the next one
        copy->end (copy->context, copy->outcome, copy->why.text);
        free (copy->sql);
        free (db->spent_copies[i]);
        db->spent_copies[i] = copy;
    }
}

// ---- what comes ----------------------------------------------------------------------------------------------------

// PQgetCopyData gave a row, or the last message.
static void
message_take (struct db_copy *copy, const char *data, size_t size)
{
    struct db_field fields[DB_FIELDS_MAX];
    switch (db_copy_read (&copy->reader, data, size, fields)) {
    case DB_COPY_ROW:
        if (!copy->row (copy->context, fields))
            end (copy, DB_OK, NULL);
        return;
    case DB_COPY_NO_ROW:
        return;
    case DB_COPY_BAD:
        nonsense (copy, "what came is no row of a COPY as it was asked for");
        return;
    }
}

// The rows that libpq has, as many as fit into the turn.
static void
rows_take (struct db_copy *copy, size_t *room)
{
    while (!copy->ended && copy->phase == PHASE_ROWS && *room > 0) {
        char *data = NULL;
        int size = PQgetCopyData (copy->connection.pg, &data, 1);
        if (size == 0)
            return;
        if (size < 0) {
            copy->phase = PHASE_OUTCOME;
            return;
        }
        message_take (copy, data, (size_t) size);
        PQfreemem (data);
        --*room;
    }
    copy->more = !copy->ended && copy->phase == PHASE_ROWS;
}

static void
result_take (struct db_copy *copy, const PGresult *result)
{
    switch ((int) PQresultStatus (result)) {
    case PGRES_COPY_OUT:
        if (copy->phase != PHASE_ANSWER || !PQbinaryTuples (result) ||
            (size_t) PQnfields (result) != copy->reader.columns)
            nonsense (copy, "the server answered with another COPY than was asked for");
        copy->phase = PHASE_ROWS;
        return;
    case PGRES_COMMAND_OK:
        if (copy->phase == PHASE_OUTCOME && copy->reader.ended)
            end (copy, DB_OK, NULL);
        else
            nonsense (copy, "the rows of a COPY have no end");
        return;
    case PGRES_FATAL_ERROR:
        refused (copy, result);
        return;
    default:
        nonsense (copy, "the server answered with something else than a COPY");
    }
}

// Whatever libpq has.
static void
take (struct db_copy *copy, size_t *room)
{
    for (;;) {
        rows_take (copy, room);
        if (copy->ended || copy->phase == PHASE_ROWS || PQisBusy (copy->connection.pg))
            return;
        PGresult *result = PQgetResult (copy->connection.pg);
        result_take (copy, result);
        PQclear (result);
    }
}

// ---- turns ---------------------------------------------------------------------------------------------------------

static void
flush (struct db_copy *copy)
{
    int rc = PQflush (copy->connection.pg);
    if (rc < 0)
        db_connection_drop (&copy->connection, "the server closed the connection");
    else
        db_connection_watch (&copy->connection, rc ? LOOP_IN | LOOP_OUT : LOOP_IN);
}

void
db_copy_begin (struct db_copy *copy)
{
    PGconn *pg = copy->connection.pg;
    copy->connection.state = LINK_COPYING;
    copy->connection.since = zclock_mono ();
    if (PQsetnonblocking (pg, 1) != 0 || !PQsendQuery (pg, copy->sql))
        db_connection_drop (&copy->connection, "%s", PQerrorMessage (pg));
    else
        flush (copy);
}

// What libpq has is used up before it reads more: so that is never much.
void
db_copy_exchange (struct db_copy *copy)
{
    size_t room = TURN_ROWS;
    copy->connection.since = zclock_mono ();
    copy->more = false;
    take (copy, &room);
    if (copy->ended || copy->more)
        return;
    bool alive = PQconsumeInput (copy->connection.pg) == 1;
    take (copy, &room);
    if (copy->ended || copy->more)
        return;
    if (alive)
        flush (copy);
    else
        db_connection_drop (&copy->connection, "the server closed the connection");
}

int64_t
db_copy_deadline (const struct db_copy *copy)
{
    return copy->ended || copy->more ? NOW : db_connection_deadline (&copy->connection);
}

void
db_copy_tick (struct db_copy *copy, int64_t now)
{
    if (copy->more)
        db_copy_exchange (copy);
    else if (!copy->ended)
        db_connection_tick (&copy->connection, now);
}

void
db_copy (struct db *db, const struct db_copy_options *options)
{
    size_t place = 0;
    while (place < DB_COPIES_MAX && db->copies[place])
        place++;
    assert (place < DB_COPIES_MAX && !db->ending && options->columns <= DB_FIELDS_MAX);
    struct db_copy *copy = xcalloc (1, sizeof *copy);
    copy->connection = (struct connection){.db = db, .copy = copy, .fd = -1};
    copy->sql = sql_new (options->sql, options->values);
    copy->row = options->row;
    copy->end = options->end;
    copy->context = options->context;
    copy->reader.columns = options->columns;
    db->copies[place] = copy;
    alarm_by (db->alarm, NOW);
}
