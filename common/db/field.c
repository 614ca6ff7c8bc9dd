// Values in PostgreSQL's binary form: of results, and of COPY. A length is believed only after it was compared with what there is.
#include "common/db/db.h"
#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

// What is still to be read.
struct span {
    const uint8_t *at;
    size_t left;
};

static bool
take (struct span *span, size_t size, const uint8_t **data_r)
{
    if (size > span->left)
        return false;
    *data_r = span->at;
    span->at += size;
    span->left -= size;
    return true;
}

static uint64_t
big_endian (const uint8_t *data, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | data[i];
    return value;
}

static bool
take_word (struct span *span, int32_t *word_r)
{
    const uint8_t *data;
    if (!take (span, sizeof *word_r, &data))
        return false;
    *word_r = (int32_t) (uint32_t) big_endian (data, sizeof *word_r);
    return true;
}

// A length and so many bytes; -1: NULL.
static bool
take_field (struct span *span, struct db_field *field_r)
{
    int32_t size;
    *field_r = (struct db_field){0};
    if (!take_word (span, &size) || size < -1)
        return false;
    if (size == -1)
        return true;
    field_r->size = (size_t) size;
    return take (span, field_r->size, &field_r->data);
}

// ---- results -------------------------------------------------------------------------------------------------------

bool
db_get_fields (const PGresult *result, int row, int first, struct db_field *fields_r, int n)
{
    if (!result || row < 0 || row >= PQntuples (result) || first < 0 ||
        first + n > PQnfields (result))
        return false;
    for (int i = 0; i < n; i++) {
        int column = first + i;
        if (PQfformat (result, column) != 1)
            return false;
        fields_r[i] = (struct db_field){0};
        if (!PQgetisnull (result, row, column))
            fields_r[i] = (struct db_field){(const uint8_t *) PQgetvalue (result, row, column),
                                            (size_t) PQgetlength (result, row, column)};
    }
    return true;
}

// ---- values --------------------------------------------------------------------------------------------------------

bool
db_field_int (const struct db_field *field, int64_t *value_r)
{
    if (!field->data)
        return false;
    uint64_t value = field->size <= sizeof value ? big_endian (field->data, field->size) : 0;
    switch (field->size) {
    case 1:
        *value_r = (int64_t) value;
        return value <= 1;
    case sizeof (int16_t):
        *value_r = (int16_t) value;
        return true;
    case sizeof (int32_t):
        *value_r = (int32_t) value;
        return true;
    case sizeof (int64_t):
        *value_r = (int64_t) value;
        return true;
    default:
        return false;
    }
}

bool
db_field_text (const struct db_field *field, const char **text_r, size_t *length_r)
{
    if (!field->data || memchr (field->data, 0, field->size))
        return false;
    *text_r = (const char *) field->data;
    *length_r = field->size;
    return true;
}

// array_send: dimensions, has NULLs, element type; length and lower bound of the dimension; then each element with its length.
bool
db_field_ints (const struct db_field *field, int64_t *values_r, size_t max, size_t *n_r)
{
    enum { BIGINT = 20 }; // pg_type.oid
    struct span span = {field->data, field->size};
    int32_t dimensions, nulls, type, n = 0, bound;
    if (!field->data || !take_word (&span, &dimensions) || !take_word (&span, &nulls) ||
        !take_word (&span, &type) || dimensions < 0 || dimensions > 1 || type != BIGINT)
        return false;
    if (dimensions == 1 && (!take_word (&span, &n) || !take_word (&span, &bound) || n < 0))
        return false;
    if ((size_t) n > max)
        return false;
    for (int32_t i = 0; i < n; i++) {
        struct db_field element;
        if (!take_field (&span, &element) || element.size != sizeof (int64_t) ||
            !db_field_int (&element, &values_r[i]))
            return false;
    }
    *n_r = (size_t) n;
    return span.left == 0;
}

// ---- COPY ----------------------------------------------------------------------------------------------------------

// Signature, flags and the length of an extension. None of the flags that there may be is known here (bit 16: rows have OIDs).
static bool
take_header (struct span *span)
{
    static const uint8_t signature[11] = "PGCOPY\n\377\r\n";
    const uint8_t *data;
    int32_t flags, extension;
    return take (span, sizeof signature, &data) &&
           memcmp (data, signature, sizeof signature) == 0 && take_word (span, &flags) &&
           ((uint32_t) flags & 0xffff0000) == 0 && take_word (span, &extension) && extension >= 0 &&
           take (span, (size_t) extension, &data);
}

// PostgreSQL, "COPY", "Binary Format". A message has one row (protocol, "COPY Operations"); the first one begins with the header.
enum db_copy_found
db_copy_read (struct db_copy_reader *reader, const void *data, size_t size,
              struct db_field *fields_r)
{
    struct span span = {data, size};
    const uint8_t *count;
    assert (reader->columns <= DB_FIELDS_MAX);
    if (reader->ended || (!reader->begun && !take_header (&span)))
        return DB_COPY_BAD;
    reader->begun = true;
    if (span.left == 0)
        return DB_COPY_NO_ROW;
    if (!take (&span, sizeof (int16_t), &count))
        return DB_COPY_BAD;
    int16_t columns = (int16_t) (uint16_t) big_endian (count, sizeof columns);
    if (columns == -1) {
        reader->ended = true;
        return span.left == 0 ? DB_COPY_NO_ROW : DB_COPY_BAD;
    }
    if (columns < 0 || (size_t) columns != reader->columns)
        return DB_COPY_BAD;
    for (size_t i = 0; i < reader->columns; i++)
        if (!take_field (&span, &fields_r[i]))
            return DB_COPY_BAD;
    return span.left == 0 ? DB_COPY_ROW : DB_COPY_BAD;
}
