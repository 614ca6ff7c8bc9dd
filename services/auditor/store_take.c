// A segment of use as parameters: each column is an array in PostgreSQL's binary form (array_send), which costs it a fraction of text.
#include "common/memory/memory.h"
#include "services/auditor/statements.h"
#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

// Of pg_type.
enum { TYPE_INT8 = 20, TYPE_INT2 = 21, TYPE_INT4 = 23, TYPE_TEXT = 25, TYPE_INET = 869 };
enum { COLUMNS = 16, HEAD_SIZE = 20, INET4 = 2, INET6 = 3 };

struct array {
    uint8_t *data, *at;
};

static void
put_32 (struct array *array, uint32_t value)
{
    value = htonl (value);
    memcpy (array->at, &value, sizeof value);
    array->at += sizeof value;
}

static void
put (struct array *array, const void *data, size_t size)
{
    put_32 (array, (uint32_t) size);
    memcpy (array->at, data, size);
    array->at += size;
}

static void
put_null (struct array *array)
{
    put_32 (array, UINT32_MAX);
}

static struct array
array_new (uint32_t type, size_t n, size_t content)
{
    struct array array;
    array.data = array.at = xcalloc (1, HEAD_SIZE + n * 4 + content);
    put_32 (&array, 1); // dimensions
    put_32 (&array, 1); // there may be NULLs
    put_32 (&array, type);
    put_32 (&array, (uint32_t) n);
    put_32 (&array, 1); // the first one's index
    return array;
}

// Where a row of the segment comes from, in the order in which they are stored.
struct place {
    int64_t second, token;
    size_t row;
};

static int
place_compare (const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    if (a->second != b->second)
        return a->second < b->second ? -1 : 1;
    if (a->token != b->token)
        return a->token < b->token ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

// Within a second the rows of a token follow each other: they go to the same pages of the index, which saves PostgreSQL a seventh of its work.
static struct place *
places_new (const Jeton__V1__TakeSegmentRequest *segment)
{
    struct place *places = xcalloc (segment->n_count, sizeof *places);
    for (size_t i = 0; i < segment->n_count; i++)
        places[i] = (struct place){segment->second[i], segment->token[i], i};
    qsort (places, segment->n_count, sizeof *places, place_compare);
    return places;
}

static struct array
array_of_int8 (const int64_t *values, const struct place *places, size_t n)
{
    struct array array = array_new (TYPE_INT8, n, n * 8);
    for (size_t i = 0; i < n; i++) {
        uint64_t value = htobe64 ((uint64_t) values[places[i].row]);
        put (&array, &value, sizeof value);
    }
    return array;
}

// A column that was left out has no values; so has the array.
static struct array
array_of_int4 (const uint32_t *values, const struct place *places, size_t n)
{
    struct array array = array_new (TYPE_INT4, n, n * 4);
    for (size_t i = 0; i < n; i++) {
        uint32_t value = htonl (values[places[i].row]);
        put (&array, &value, sizeof value);
    }
    return array;
}

// As array_of_int4, of numbers up to 255.
static struct array
array_of_int2 (const uint32_t *values, const struct place *places, size_t n)
{
    struct array array = array_new (TYPE_INT2, n, n * 2);
    for (size_t i = 0; i < n; i++) {
        const uint8_t bytes[2] = {0, (uint8_t) values[places[i].row]};
        put (&array, bytes, sizeof bytes);
    }
    return array;
}

// What refers to no text is NULL, or empty; a column that may be NULL is left out where it is that in all rows.
static struct array
array_of_text (const Jeton__V1__TakeSegmentRequest *segment, const uint32_t *values,
               const struct place *places, bool null)
{
    size_t n = segment->n_count, content = 0;
    for (size_t i = 0; i < n; i++)
        content += values[i] > 0 ? strlen (segment->texts[values[i] - 1]) : 0;
    if (null && content == 0)
        n = 0;
    struct array array = array_new (TYPE_TEXT, n, content);
    for (size_t i = 0; i < n; i++) {
        uint32_t number = values[places[i].row];
        const char *text = number > 0 ? segment->texts[number - 1] : "";
        if (number == 0 && null)
            put_null (&array);
        else
            put (&array, text, strlen (text));
    }
    return array;
}

static struct array
array_of_inet (const uint8_t *addresses, const struct place *places, size_t n)
{
    struct array array = array_new (TYPE_INET, n, n * (4 + 16));
    for (size_t i = 0; i < n; i++) {
        const uint8_t *address = addresses + 17 * places[i].row;
        uint8_t four = address[0] == 4, size = four ? 4 : 16;
        // Family, bits, whether it is a network, length, address.
        uint8_t bytes[4 + 16] = {four ? INET4 : INET6, (uint8_t) (8 * size), 0, size};
        memcpy (bytes + 4, address + 1, size);
        if (address[0] == 0)
            put_null (&array);
        else
            put (&array, bytes, (size_t) 4 + size);
    }
    return array;
}

void
store_take (struct db *db, const Jeton__V1__TakeSegmentRequest *segment,
            store_number_callback *callback, void *context)
{
    const Jeton__V1__TakeSegmentRequest *s = segment;
    size_t n = s->n_count;
    cleanup_free struct place *p = places_new (s);
    struct array columns[COLUMNS] = {
        array_of_int8 (s->second, p, n),
        array_of_int8 (s->count, p, n),
        array_of_int8 (s->account, p, n),
        array_of_int8 (s->token, p, n),
        array_of_int8 (s->user, p, n),
        array_of_text (s, s->jti, p, true),
        array_of_text (s, s->module, p, false),
        array_of_text (s, s->peer, p, false),
        array_of_inet (s->addresses.data, p, n),
        array_of_int2 (s->access, p, n),
        array_of_int2 (s->environment, p, n),
        array_of_int2 (s->decision, p, n),
        array_of_int2 (s->reason, p, n),
        array_of_int4 (s->client, p, s->n_client),
        array_of_int4 (s->customer, p, s->n_customer),
        array_of_int2 (s->grant_type, p, s->n_grant_type),
    };
    struct call *call = call_new (context);
    // One after the other on one connection: they would wait for each other's use_head.
    struct db_params params = {.lock_order = 1};
    call->callback.number = callback;
    db_param_bytes (&params, s->source.data, s->source.len);
    db_param_int (&params, s->sequence);
    db_param_int (&params, (int64_t) n);
    for (size_t i = 0; i < COLUMNS; i++)
        db_param_bytes (&params, columns[i].data, (size_t) (columns[i].at - columns[i].data));
    db_call (db, USE_TAKE, &params, call_number, call);
    for (size_t i = 0; i < COLUMNS; i++)
        free (columns[i].data);
}
