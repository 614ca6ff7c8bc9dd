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

// ---- equal reads -----------------------------------------------------------------------------------------------------

static uint64_t
step_hash (const struct call_step *step)
{
    uint64_t hash = UINT64_C (0xcbf29ce484222325); // FNV-1a
    for (int k = 0; k < step->n; k++) {
        const char *value = step->values[k];
        size_t size = !value ? 0 : step->formats[k] ? (size_t) step->lengths[k] : strlen (value);
        for (size_t i = 0; i < size; i++)
            hash = (hash ^ (uint8_t) value[i]) * UINT64_C (0x100000001b3);
    }
    return hash;
}

static bool
step_equal (const struct call_step *a, const struct call_step *b)
{
    for (int k = 0; k < a->n; k++) {
        const char *x = a->values[k], *y = b->values[k];
        if (!x || !y || a->formats[k] != b->formats[k]) {
            if (x || y)
                return false;
        } else if (a->formats[k]) {
            if (a->lengths[k] != b->lengths[k] || memcmp (x, y, (size_t) a->lengths[k]) != 0)
                return false;
        } else if (strcmp (x, y) != 0) {
            return false;
        }
    }
    return true;
}

// Gives each its place, in rising order of those that are first to have one; how many there are. A write is never another's.
static size_t
places_give (struct call *first, size_t n)
{
    size_t places = 0, slots = 1;
    bool share = (first->steps[0].statement->write & (DB_READ_MANY | DB_EACH)) == DB_READ_MANY;
    while (slots < 2 * n)
        slots *= 2;
    cleanup_free const struct call **table = xcalloc (slots, sizeof (struct call *));
    struct call *call = first;
    for (size_t i = 0; i < n; i++, call = call->next) {
        size_t slot = share ? step_hash (&call->steps[0]) & (slots - 1) : i;
        while (table[slot] && !step_equal (&table[slot]->steps[0], &call->steps[0]))
            slot = (slot + 1) & (slots - 1);
        if (!table[slot]) {
            table[slot] = call;
            places++;
            call->place = places;
        } else {
            call->place = table[slot]->place;
        }
    }
    return places;
}

// The first one that has this place, from `call` on.
static const struct call *
at_place (const struct call *call, size_t place)
{
    while (call->place != place)
        call = call->next;
    return call;
}

// ---- arrays --------------------------------------------------------------------------------------------------------

// A parameter of all calls.
struct array {
    char *data;
    size_t size; // without the NUL behind it
    bool binary;
};

static bool
has_bytes (const struct call *call, size_t places, int k)
{
    for (size_t place = 1; place <= places; place++) {
        call = at_place (call, place);
        if (call->steps[0].values[k] && call->steps[0].formats[k])
            return true;
    }
    return false;
}

// Of bytea, whose text would be twice as long.
static struct array
array_of_bytes (const struct call *call, size_t n, int k)
{
    cleanup_free struct db_item *items = xcalloc (n, sizeof *items);
    for (size_t i = 0; i < n; i++) {
        call = at_place (call, i + 1);
        items[i] = (struct db_item){call->steps[0].values[k], (size_t) call->steps[0].lengths[k]};
    }
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
    for (size_t i = 0; i < n; i++) {
        call = at_place (call, i + 1);
        const char *value = call->steps[0].values[k];
        size += value ? sizeof ",\"\"" + 2 * strlen (value) : sizeof ",NULL";
    }
    char *data = xcalloc (1, size), *at = data;
    *at++ = '{';
    call = first;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *at++ = ',';
        call = at_place (call, i + 1);
        const char *value = call->steps[0].values[k];
        at = value ? append_text (at, value) : stpcpy (at, "NULL");
    }
    *at++ = '}';
    return (struct array){.data = data, .size = (size_t) (at - data)};
}

bool
db_many_send (PGconn *pg, struct call *first, size_t n)
{
    const struct call_step *step = &first->steps[0];
    const char *values[DB_PARAMS_MAX];
    struct array arrays[DB_PARAMS_MAX];
    int lengths[DB_PARAMS_MAX], formats[DB_PARAMS_MAX];
    n = places_give (first, n);
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

// The last one of a place has its result, those before it look at it: calls end in their order.
static void
results_give (struct call *first, size_t n, PGresult *const *results)
{
    cleanup_free struct call **last = xcalloc (n, sizeof (struct call *));
    struct call *call = first;
    for (size_t i = 0; i < n; i++, call = call->next) {
        call->results[0] = results[call->place - 1];
        if (last[call->place - 1])
            last[call->place - 1]->lent = true;
        last[call->place - 1] = call;
    }
}

bool
db_many_divide (struct call *first, size_t n, const PGresult *result)
{
    cleanup_free PGresult **results = xcalloc (n, sizeof (PGresult *));
    bool good = PQresultStatus (result) == PGRES_TUPLES_OK;
    size_t places = 0;
    const struct call *call = first;
    for (size_t i = 0; i < n; i++, call = call->next)
        if (call->place > places)
            places = call->place;
    for (size_t i = 0; i < places && good; i++) {
        results[i] = PQcopyResult (result, PG_COPYRES_ATTRS);
        good = results[i] != NULL;
    }
    for (int row = 0; good && row < PQntuples (result); row++) {
        int64_t number;
        good = db_get_int (result, row, 0, &number) && number >= 1 && (uint64_t) number <= places &&
               row_copy (results[number - 1], result, row);
    }
    if (good)
        results_give (first, n, results);
    for (size_t i = 0; i < places && !good; i++)
        PQclear (results[i]);
    return good;
}
