// Calls of the same statement that run as one: what they have as parameters becomes arrays, and what comes back is divided among them.
#include "common/db/internal.h"
#include "common/memory/memory.h"
#include <stdlib.h>
#include <string.h>

bool
db_is_many (const struct call *call)
{
    return (call->steps[0].statement->write & (DB_MANY | DB_READ_MANY)) != 0;
}

bool
db_is_binary (const struct db_statement *statement)
{
    return (statement->write & (DB_READ_MANY | DB_BINARY)) != 0;
}

size_t
db_many_run (const struct call *call)
{
    size_t n = 1;
    if (db_is_many (call))
        for (const struct call *next = call->next;
             next && db_is_many (next) && next->steps[0].statement == call->steps[0].statement;
             next = next->next)
            n++;
    return n;
}

// ---- arrays --------------------------------------------------------------------------------------------------------

// A parameter of all calls.
struct array {
    char *data;
    size_t size; // without the NUL behind it
    bool binary;
};

static bool
has_bytes (const struct call *call, size_t n, int k)
{
    for (; n > 0; n--, call = call->next)
        if (call->steps[0].values[k] && call->steps[0].formats[k])
            return true;
    return false;
}

// Of bytea, whose text would be twice as long.
static struct array
array_of_bytes (const struct call *call, size_t n, int k)
{
    cleanup_free struct db_item *items = xcalloc (n, sizeof *items);
    for (size_t i = 0; i < n; i++, call = call->next)
        items[i] = (struct db_item){call->steps[0].values[k], (size_t) call->steps[0].lengths[k]};
    struct array array = {.size = db_array_size (items, n), .binary = true};
    array.data = xcalloc (1, array.size);
    db_array_pack (DB_BYTEA, items, n, (uint8_t *) array.data);
    return array;
}

// What PostgreSQL reads as an array: {"a","b",NULL}. Each element is in quotes, where only quotes and backslashes mean anything.
static char *
append_text (char *at, const char *text)
{
    *at++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            *at++ = '\\';
        *at++ = *text;
    }
    *at++ = '"';
    return at;
}

static struct array
array_of_text (const struct call *first, size_t n, int k)
{
    size_t size = sizeof "{}";
    const struct call *call = first;
    for (size_t i = 0; i < n; i++, call = call->next) {
        const char *value = call->steps[0].values[k];
        size += value ? sizeof ",\"\"" + 2 * strlen (value) : sizeof ",NULL";
    }
    char *data = xcalloc (1, size), *at = data;
    *at++ = '{';
    call = first;
    for (size_t i = 0; i < n; i++, call = call->next) {
        if (i > 0)
            *at++ = ',';
        const char *value = call->steps[0].values[k];
        at = value ? append_text (at, value) : stpcpy (at, "NULL");
    }
    *at++ = '}';
    return (struct array){.data = data, .size = (size_t) (at - data)};
}

bool
db_many_send (PGconn *pg, const struct call *first, size_t n)
{
    const struct call_step *step = &first->steps[0];
    const char *values[DB_PARAMS_MAX];
    struct array arrays[DB_PARAMS_MAX];
    int lengths[DB_PARAMS_MAX], formats[DB_PARAMS_MAX];
    for (int k = 0; k < step->n; k++) {
        arrays[k] =
            has_bytes (first, n, k) ? array_of_bytes (first, n, k) : array_of_text (first, n, k);
        values[k] = arrays[k].data;
        lengths[k] = (int) arrays[k].size;
        formats[k] = arrays[k].binary;
    }
    bool sent = PQsendQueryPrepared (pg, step->statement->name, step->n, values, lengths, formats,
                                     db_is_binary (step->statement)) == 1;
    for (int k = 0; k < step->n; k++) {
        explicit_bzero (arrays[k].data, arrays[k].size); // as call_destroy
        free (arrays[k].data);
    }
    return sent;
}

// ---- results -------------------------------------------------------------------------------------------------------

static bool
row_copy (PGresult *to, const PGresult *from, int row)
{
    int at = PQntuples (to);
    for (int column = 0; column < PQnfields (from); column++) {
        bool null = PQgetisnull (from, row, column);
        if (!PQsetvalue (to, at, column, null ? NULL : PQgetvalue (from, row, column),
                         null ? -1 : PQgetlength (from, row, column)))
            return false;
    }
    return true;
}

bool
db_many_divide (struct call *first, size_t n, const PGresult *result)
{
    struct call **calls = xcalloc (n, sizeof (struct call *));
    bool good = PQresultStatus (result) == PGRES_TUPLES_OK;
    struct call *call = first;
    for (size_t i = 0; i < n && good; i++, call = call->next) {
        calls[i] = call;
        call->results[0] = PQcopyResult (result, PG_COPYRES_ATTRS);
        good = call->results[0] != NULL;
    }
    for (int row = 0; good && row < PQntuples (result); row++) {
        int64_t number;
        good = db_get_int (result, row, 0, &number) && number >= 1 && (uint64_t) number <= n &&
               row_copy (calls[number - 1]->results[0], result, row);
    }
    free (calls);
    return good;
}
