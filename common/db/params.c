#include "common/db/db.h"
#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

static int
append (struct db_params *params, const char *value, size_t length, int format)
{
    assert (params->n >= 0 && params->n < DB_PARAMS_MAX && length <= INT_MAX);
    int i = params->n++;
    params->values[i] = value;
    params->lengths[i] = (int) length;
    params->formats[i] = format;
    return i;
}

void
db_param_text (struct db_params *params, const char *value)
{
    append (params, value, 0, 0);
}

void
db_param_int (struct db_params *params, int64_t value)
{
    int i = append (params, NULL, 0, 0);
    snprintf (params->scratch[i], sizeof params->scratch[i], "%" PRId64, value);
    params->values[i] = params->scratch[i];
}

void
db_param_bool (struct db_params *params, bool value)
{
    append (params, value ? "t" : "f", 0, 0);
}

void
db_param_bytes (struct db_params *params, const void *data, size_t size)
{
    // libpq takes a NULL pointer for SQL NULL, and empty bytes are not NULL.
    append (params, size ? data : "", size, 1);
}

void
db_param_null (struct db_params *params)
{
    append (params, NULL, 0, 0);
}
