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

// An array as PostgreSQL reads it: {"a","b",NULL}. Each element is in quotes, where only quotes and backslashes mean anything.
static char *
append_text (char *at, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            *at++ = '\\';
        *at++ = *text;
    }
    return at;
}

// bytea's hexadecimal form.
static char *
append_bytes (char *at, const uint8_t *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    at = stpcpy (at, "\\\\x");
    for (size_t i = 0; i < size; i++) {
        *at++ = digits[data[i] >> 4];
        *at++ = digits[data[i] & 15];
    }
    return at;
}

static size_t
element_size_max (const struct call_step *step, int k)
{
    enum { AROUND = sizeof ",\"\\\\x\"", NULL_SIZE = sizeof ",NULL" };
    if (!step->values[k])
        return NULL_SIZE;
    return AROUND + 2 * (step->formats[k] ? (size_t) step->lengths[k] : strlen (step->values[k]));
}

// Parameter k of n calls.
static char *
array_new (const struct call *first, size_t n, int k)
{
    size_t size = sizeof "{}";
    const struct call *call = first;
    for (size_t i = 0; i < n; i++, call = call->next)
        size += element_size_max (&call->steps[0], k);
    char *array = xcalloc (1, size), *at = array;
    *at++ = '{';
    call = first;
    for (size_t i = 0; i < n; i++, call = call->next) {
        const struct call_step *step = &call->steps[0];
        const char *value = step->values[k];
        if (i > 0)
            *at++ = ',';
        if (!value) {
            at = stpcpy (at, "NULL");
            continue;
        }
        *at++ = '"';
        at = step->formats[k]
                 ? append_bytes (at, (const uint8_t *) value, (size_t) step->lengths[k])
                 : append_text (at, value);
        *at++ = '"';
    }
    *at = '}';
    return array;
}

bool
db_many_send (PGconn *pg, const struct call *first, size_t n)
{
    const struct call_step *step = &first->steps[0];
    char *arrays[DB_PARAMS_MAX];
    for (int k = 0; k < step->n; k++)
        arrays[k] = array_new (first, n, k);
    bool sent =
        PQsendQueryPrepared (pg, step->statement->name, step->n, (const char *const *) arrays, NULL,
                             NULL, step->statement->write == DB_READ_MANY) == 1;
    for (int k = 0; k < step->n; k++) {
        explicit_bzero (arrays[k], strlen (arrays[k])); // as call_destroy
        free (arrays[k]);
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
    bool binary = first->steps[0].statement->write == DB_READ_MANY;
    struct call *call = first;
    for (size_t i = 0; i < n && good; i++, call = call->next) {
        calls[i] = call;
        call->results[0] = PQcopyResult (result, PG_COPYRES_ATTRS);
        good = call->results[0] != NULL;
    }
    for (int row = 0; good && row < PQntuples (result); row++) {
        int64_t number;
        struct db_field field;
        good = (binary ? db_get_fields (result, row, 0, &field, 1) && db_field_int (&field, &number)
                       : db_get_int (result, row, 0, &number)) &&
               number >= 1 && (uint64_t) number <= n &&
               row_copy (calls[number - 1]->results[0], result, row);
    }
    free (calls);
    return good;
}
