#include "common/db/db.h"
#include <arpa/inet.h>
#include <string.h>

// array_send: dimensions, has NULLs, element type; length and lower bound of the dimension; then each element with its length. Without elements there is
// no dimension.
enum { WORD = sizeof (uint32_t), HEAD = 3, DIMENSION = 2 };

static uint8_t *
put (uint8_t *at, uint32_t number)
{
    uint32_t word = htonl (number);
    return mempcpy (at, &word, sizeof word);
}

size_t
db_array_size (const struct db_item *items, size_t n)
{
    size_t size = (size_t) WORD * (HEAD + (n > 0 ? DIMENSION : 0));
    for (size_t i = 0; i < n; i++)
        size += WORD + (items[i].data ? items[i].size : 0);
    return size;
}

void
db_array_pack (enum db_array_type type, const struct db_item *items, size_t n, uint8_t *data_r)
{
    uint32_t nulls = 0;
    for (size_t i = 0; i < n; i++)
        nulls |= items[i].data == NULL;
    uint8_t *at = put (put (put (data_r, n > 0), nulls), (uint32_t) type);
    if (n > 0)
        at = put (put (at, (uint32_t) n), 1);
    for (size_t i = 0; i < n; i++) {
        at = put (at, items[i].data ? (uint32_t) items[i].size : UINT32_MAX);
        if (items[i].data)
            at = mempcpy (at, items[i].data, items[i].size);
    }
}
