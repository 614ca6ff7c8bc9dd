#include "common/db/db.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Of pg_type.
enum { TYPE_BOOL = 16, TYPE_INT8 = 20, TYPE_INT2 = 21, TYPE_INT4 = 23 };

// A column is there, and not NULL. libpq itself would complain on standard error about a row or a column that is not there.
static bool
there (const PGresult *result, int row, int column)
{
    return result && row >= 0 && column >= 0 && row < PQntuples (result) &&
           column < PQnfields (result) && !PQgetisnull (result, row, column);
}

static bool
is_type (const PGresult *result, int column, Oid type)
{
    return PQftype (result, column) == type;
}

// The bytes of a column that is in binary; False: there is none, or it is in text.
static bool
column_binary (const PGresult *result, int row, int column, struct db_field *field_r)
{
    return there (result, row, column) && PQfformat (result, column) == 1 &&
           db_get_fields (result, row, column, field_r, 1);
}

// The text of a column, or NULL. A value of type text is the same in binary, and libpq has put a NUL behind that too.
static const char *
column_text (const PGresult *result, int row, int column, size_t *length_r)
{
    if (!there (result, row, column) ||
        (PQfformat (result, column) != 0 && !is_type (result, column, DB_TEXT)))
        return NULL;
    const char *text = PQgetvalue (result, row, column);
    *length_r = (size_t) PQgetlength (result, row, column);
    return strlen (text) == *length_r ? text : NULL;
}

bool
db_get_text (const PGresult *result, int row, int column, const char **text_r)
{
    size_t length;
    const char *text = column_text (result, row, column, &length);
    if (!text)
        return false;
    *text_r = text;
    return true;
}

bool
db_get_int (const PGresult *result, int row, int column, int64_t *value_r)
{
    struct db_field field;
    if (column_binary (result, row, column, &field))
        return (is_type (result, column, TYPE_INT8) || is_type (result, column, TYPE_INT4) ||
                is_type (result, column, TYPE_INT2)) &&
               db_field_int (&field, value_r);
    size_t length;
    const char *text = column_text (result, row, column, &length);
    if (!text)
        return false;
    const char *digits = text + (*text == '-');
    if (!*digits || strspn (digits, "0123456789") != strlen (digits))
        return false;
    errno = 0;
    long long value = strtoll (text, NULL, 10);
    if (errno)
        return false;
    *value_r = value;
    return true;
}

bool
db_get_bool (const PGresult *result, int row, int column, bool *value_r)
{
    struct db_field field;
    if (column_binary (result, row, column, &field)) {
        int64_t number;
        if (!is_type (result, column, TYPE_BOOL) || !db_field_int (&field, &number))
            return false;
        *value_r = number == 1;
        return true;
    }
    size_t length;
    const char *text = column_text (result, row, column, &length);
    if (!text || length != 1 || (*text != 't' && *text != 'f'))
        return false;
    *value_r = *text == 't';
    return true;
}

static int
digit (char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool
db_get_bytes (const PGresult *result, int row, int column, void *data_r, size_t size,
              size_t *length_r)
{
    struct db_field field;
    if (column_binary (result, row, column, &field)) {
        if (!is_type (result, column, DB_BYTEA) || field.size > size)
            return false;
        memcpy (data_r, field.data, field.size);
        *length_r = field.size;
        return true;
    }
    size_t length;
    const char *text = column_text (result, row, column, &length);
    if (!text || length < 2 || length % 2 || memcmp (text, "\\x", 2) != 0 ||
        (length - 2) / 2 > size)
        return false;
    unsigned char *data = data_r;
    for (size_t i = 2; i < length; i += 2) {
        int high = digit (text[i]), low = digit (text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        *data++ = (unsigned char) (high << 4 | low);
    }
    *length_r = (length - 2) / 2;
    return true;
}

size_t
db_bytes_length (const PGresult *result, int row, int column)
{
    struct db_field field;
    if (column_binary (result, row, column, &field))
        return field.size;
    size_t length;
    const char *text = column_text (result, row, column, &length);
    return text && length >= 2 ? (length - 2) / 2 : 0;
}
