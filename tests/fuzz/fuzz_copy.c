// What a server sends in a COPY in binary, message by message (R42, R43): each begins with its length in two bytes. The first byte of all says how many columns.
#include "common/db/db.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum { INTS_MAX = 16 };

// Reads all of it, so that a sanitizer sees what is not there.
static void
field_read (const struct db_field *field, size_t message)
{
    int64_t value, values[INTS_MAX];
    const char *text;
    size_t length, n;
    assert (field->size <= message && (field->data || field->size == 0));
    if (db_field_int (field, &value))
        assert (field->size <= sizeof value);
    if (db_field_text (field, &text, &length))
        assert (memchr (text, 0, length) == NULL);
    if (db_field_ints (field, values, INTS_MAX, &n))
        assert (n <= INTS_MAX && field->size >= n * 12);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct db_field fields[DB_FIELDS_MAX];
    if (size == 0)
        return 0;
    struct db_copy_reader reader = {.columns = data[0] % (DB_FIELDS_MAX + 1)};
    for (size_t at = 1; at + 2 <= size;) {
        size_t length = (size_t) data[at] << 8 | data[at + 1];
        at += 2;
        if (length > size - at)
            length = size - at;
        uint8_t *message = malloc (length + 1);
        memcpy (message + 1, data + at, length);
        enum db_copy_found found = db_copy_read (&reader, message + 1, length, fields);
        for (size_t i = 0; found == DB_COPY_ROW && i < reader.columns; i++)
            field_read (&fields[i], length);
        free (message);
        if (found == DB_COPY_BAD)
            return 0;
        at += length;
    }
    return 0;
}
