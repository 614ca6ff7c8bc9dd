// PostgreSQL from the loop: libpq in pipeline mode, never blocking.
//
// A struct db holds a few connections. Calls that are made in the same turn of the loop go out together as one group: one
// implicit transaction, one Sync, one commit. When a group fails, its calls run again one by one, so that a failing call
// spoils no other. Reads and writes never share a group. While a connection has a write group in flight, the next writes
// gather, so the groups grow with the load by themselves.
//
// Calls of a statement that says DB_MANY, moreover, run as one statement.
//
// Statements are named rows of a table, prepared on each connection when it is made; values are always parameters.
#ifndef JETON_DB_H
#define JETON_DB_H

#include "common/error/error.h"
#include "common/net/loop.h"
#include "common/net/resolver.h"
#include "common/stats/stats.h"
#include <czmq.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Of a call. Only OK carries a result.
enum db_outcome {
    DB_OK,
    DB_CONFLICT,    // a constraint refused it (SQLSTATE class 23): nothing was changed
    DB_UNAVAILABLE, // no connection, or lost before anything could be committed: nothing changed
    DB_UNCERTAIN,   // the connection was lost after a write was sent: it may be committed
    DB_FAILED,      // another error of SQL: a defect, or a right that is missing; logged by db
};

// db_outcome_name (outcome): "ok", "conflict", …: for logs.
const char *db_outcome_name (enum db_outcome outcome);

// One statement. A table of them is ended by a row whose name is NULL. Its index is its handle.
struct db_statement {
    const char *name; // unique in the process
    const char *sql;  // with $1 … $n
    unsigned
        write; // true: changes something; DB_MANY: so for many calls at once; DB_READ_MANY: reads for many at once; DB_BINARY, DB_EACH
};

// A write of many calls, for what many ask for at once: it costs PostgreSQL far less to make a hundred rows with one statement than with
// a hundred. Calls of the same group that would follow each other run as one, a lone one as well. Each $n is an array with the calls'
// values of that parameter, and as its first column each row has the number of the call that it belongs to, from 1:
//     INSERT … SELECT … FROM unnest ($1::bigint[], $2::text[]) WITH ORDINALITY AS i (account, name, n) … RETURNING n, …
// A call gets its own rows (with that column). One of the group that fails makes each run for itself, as always.
//
// DB_READ_MANY is the same of a read, such as finding rows by keys. While one such is in flight on each connection, the next ones gather. Those of a group that have the same
// parameters are asked for once, and get the same rows, as of one moment after each of them was made: their first column is the same then. DB_EACH, with it: each
// is asked for by itself, since it is given what nobody else may have, such as the next number of a sequence.
//
// DB_BINARY is a read that has its results in binary, as those of DB_READ_MANY are: bytea takes half as much then.
enum { DB_MANY = 2, DB_READ_MANY = 4, DB_BINARY = 8, DB_EACH = 16 };

// Parameters under construction. Values are copied when the call is made; what they point to must live until then.
enum { DB_PARAMS_MAX = 32 };
struct db_params {
    int n;
    const char *values[DB_PARAMS_MAX]; // NULL: SQL NULL
    int lengths[DB_PARAMS_MAX];        // of binary values
    int formats[DB_PARAMS_MAX];        // 0 text, 1 binary
    char scratch[DB_PARAMS_MAX][24];   // numbers as text
    // Of the first step: calls of a group run in rising order of it (those that have the same, in the order in which they were made).
    // Give what a write locks, such as an account's number: groups that lock in the same order cannot deadlock. Writes with the same one, but for
    // 0, run on the same connection, where they do not wait for each other's locks.
    int64_t lock_order;
};

// db_param_… (params, value): Append the next parameter.
void db_param_text (struct db_params *params, const char *value); // NULL: SQL NULL
void db_param_int (struct db_params *params, int64_t value);      // for integer types of any width
void db_param_bool (struct db_params *params, bool value);
void db_param_bytes (struct db_params *params, const void *data, size_t size); // bytea
void db_param_null (struct db_params *params);

// An array of text or bytea in PostgreSQL's binary form, for db_param_bytes. db_array_size (items, n): The bytes that db_array_pack (type, items, n,
// data_r) writes.
struct db_item {
    const void *data; // NULL: SQL NULL
    size_t size;
};
enum db_array_type { DB_BYTEA = 17, DB_TEXT = 25 }; // pg_type.oid
size_t db_array_size (const struct db_item *items, size_t n);
void db_array_pack (enum db_array_type type, const struct db_item *items, size_t n,
                    uint8_t *data_r);

// Called once for each call that was accepted, in the loop's thread, never before the starter has returned. `results` holds one
// PGresult for each statement of the call, owned by db, valid during the callback; NULL unless the outcome is DB_OK. `error` is never
// NULL; it has the server's SQLSTATE, constraint name and primary message when there was one, "" otherwise (for the log; not for the
// peer; messages that quote values are left out). A callback may call db_call, and must not destroy the db.
struct db_error {
    char sqlstate[6];
    char constraint[64];
    char text[256];
};
typedef void db_callback (void *context, enum db_outcome outcome, PGresult *const *results,
                          const struct db_error *error);

struct db_options {
    const char *url; // connection string or postgresql:// URL; names are resolved without blocking
    const char *password;    // NULL: as the URL or libpq's passfile has it
    const char *application; // application_name
    size_t connections;      // 1 to 64
    size_t queue_limit;      // calls that wait or are in flight; more end as DB_UNAVAILABLE
    size_t group_limit;      // calls in one group, at most
    // A connection that owes a result for that long is dropped and made anew; a call that could not be sent for that long ends as
    // DB_UNAVAILABLE, and so does one whose statement runs for 7/8 of it.
    int64_t timeout_ms;
    int schema_version; // what `schema_migrations` must have reached; 0: no check
    const struct db_statement *statements;
    // One plan for each statement, whatever its values; otherwise PostgreSQL may make one for each call. For statements that are all right with that.
    bool planned_once;
};

struct db;

// db_new (loop, resolver, options): Begins to connect and returns at once. `options` and its texts are copied, the statements
// are not. Lost connections are made anew with backoff (50 ms doubling to 1 s, with jitter), for ever. Where this process, its machine or the network is gone without
// a word, the server ends the session, and with it its transaction and locks, after 19 s of silence, or timeout_ms after what it sent; the URL may say otherwise.
struct db *db_new (struct loop *loop, struct resolver *resolver, const struct db_options *options)
    __attribute__ ((returns_nonnull));

// db_destroy (&db): Closes all; calls still open end with DB_UNAVAILABLE or DB_UNCERTAIN, from here, and so do those that their callbacks
// make. NULL-safe.
void db_destroy (struct db **db);

// db_call (db, statement, params, callback, context):
// Run one statement. A read that was in flight when its connection was lost is sent once more on another. params may be NULL.
void db_call (struct db *db, int statement, const struct db_params *params, db_callback *callback,
              void *context);

// One step of a transaction.
struct db_step {
    int statement;
    const struct db_params *params;
};

// db_transaction (db, steps, n, callback, context):
// Run n statements (n > 0) of which each takes effect or none. One that is a write makes the whole a write.
void db_transaction (struct db *db, const struct db_step *steps, size_t n, db_callback *callback,
                     void *context);

// db_ready (db, error_r): Is at least one connection made, its schema right and its statements prepared? If not, error_r says why
// (no connection, a schema too old: run `jeton db migrate`, …).
bool db_ready (const struct db *db, struct error *error_r) __attribute__ ((warn_unused_result));

// db_on_change (db, callback, context): Call back whenever db_ready changes (and once a connection was lost: what it held,
// an advisory lock for one, is gone). One listener.
typedef void db_change_callback (void *context, bool ready);
void db_on_change (struct db *db, db_change_callback *callback, void *context);

// db_pids (db, pids_r, size): The server processes of its connections, made or being made, "4711,4712"; those that do not fit are left out.
void db_pids (const struct db *db, char *pids_r, size_t size);

// db_idle (db): Nothing waits and nothing is in flight: for draining.
bool db_idle (const struct db *db);

// Counters, for Stats; db_stats_rows shows them.
struct db_stats {
    uint64_t calls, groups, regrouped, conflicts, unavailable, uncertain, failed, connects,
        in_flight;
    uint64_t connections,
        waiting;        // as of the last db_stats: made; calls of in_flight that have not been sent
    struct timing took; // calls that ended with DB_OK, until their callback
};
extern const struct stat_row db_stats_rows[];
// db_stats (db): As they are now; the pointer stays the same.
const struct db_stats *db_stats (struct db *db);

// db_get_… (result, row, column, …): Read a column, in text or in binary, and check it: a row of the database is input too. False when the column
// is NULL, of the wrong form (in binary: of another type than text, an integer, boolean, bytea) or too long. Text is valid until the result goes; bytes are put
// into `data_r` (size at most; length_r gets the length).
bool db_get_text (const PGresult *result, int row, int column, const char **text_r)
    __attribute__ ((warn_unused_result));
bool db_get_int (const PGresult *result, int row, int column, int64_t *value_r)
    __attribute__ ((warn_unused_result));
bool db_get_bool (const PGresult *result, int row, int column, bool *value_r)
    __attribute__ ((warn_unused_result));
bool db_get_bytes (const PGresult *result, int row, int column, void *data_r, size_t size,
                   size_t *length_r) __attribute__ ((warn_unused_result));
// The length in bytes that db_get_bytes would give; 0 for NULL.
size_t db_bytes_length (const PGresult *result, int row, int column);

// ---- binary values -------------------------------------------------------------------------------------------------

// A column in PostgreSQL's binary form, as it came.
struct db_field {
    const uint8_t *data; // NULL: SQL NULL
    size_t size;
};
enum { DB_FIELDS_MAX = 64 };

// db_get_fields (result, row, first, fields_r, n): n columns of a row, from column `first` on, valid as long as the result. False: there are not so many, or
// they are not in binary.
bool db_get_fields (const PGresult *result, int row, int first, struct db_field *fields_r, int n)
    __attribute__ ((warn_unused_result));

// db_field_int (field, value_r): A smallint, integer, bigint or boolean. db_field_text (field, text_r, length_r): Text without NUL bytes; not
// ended by one, valid as long as the field. False: it is NULL, or has another form.
bool db_field_int (const struct db_field *field, int64_t *value_r)
    __attribute__ ((warn_unused_result));
bool db_field_text (const struct db_field *field, const char **text_r, size_t *length_r)
    __attribute__ ((warn_unused_result));

// db_field_ints (field, values_r, max, n_r): An array of bigint without NULLs, in one dimension. False: it is NULL, has another form, or more
// than `max` elements.
bool db_field_ints (const struct db_field *field, int64_t *values_r, size_t max, size_t *n_r)
    __attribute__ ((warn_unused_result));

// ---- long answers --------------------------------------------------------------------------------------------------

enum { DB_COPY_PATIENCE = 6 }; // a statement that passes over many rows is silent meanwhile

// A COPY (…) TO STDOUT in binary, on a connection of its own, in the turns of the loop: some rows in each, so that others have their turn.
//
// The row's callback runs in the loop's thread, for each row in their order; the fields are valid until it returns. It must not call this db. False: it
// has enough, which ends the copy as DB_OK. The end's callback runs once, as a db_callback does: DB_OK (all rows came, or enough),
// DB_UNAVAILABLE (no connection, or it was lost; rows may have come), DB_FAILED (the server refused, or what came makes no sense). `why` is "" for
// DB_OK. It may start the next one, unless it was called by db_destroy.
typedef bool db_copy_row (void *context, const struct db_field *fields);
typedef void db_copy_end (void *context, enum db_outcome outcome, const char *why);

struct db_copy_options {
    // COPY (SELECT …) TO STDOUT (FORMAT binary). It takes no parameters in PostgreSQL: $1 to $9 in it become these numbers, as digits.
    const char *sql;
    int64_t values[9];
    size_t columns; // that a row must have, DB_FIELDS_MAX at most
    db_copy_row *row;
    db_copy_end *end;
    void *context;
};

enum { DB_COPIES_MAX = 2 };

// db_copy (db, options): Begins; what the options point to is copied, but for the context. At most DB_COPIES_MAX may be under way. Nothing is read from the server
// for DB_COPY_PATIENCE times timeout_ms: it is lost. Its connection is its own, has no limit of time for the statement, and one process of the server runs that, in the order that it says.
void db_copy (struct db *db, const struct db_copy_options *options);

// db_copy_read (reader, data, size, fields_r): What one message of the server has of such a copy; zeroed before the first. For tests.
enum db_copy_found {
    DB_COPY_ROW,    // fields_r: reader->columns of them
    DB_COPY_NO_ROW, // the end, or nothing yet
    DB_COPY_BAD,    // it makes no sense: no more is read of it
};
struct db_copy_reader {
    size_t columns; // to be set
    bool begun, ended;
};
enum db_copy_found db_copy_read (struct db_copy_reader *reader, const void *data, size_t size,
                                 struct db_field *fields_r) __attribute__ ((warn_unused_result));

#endif
