#include "services/validator/modules.h"

#include "common/memory/memory.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct module {
    char *name;          // NULL: the number is free
    uint32_t references; // how often it is held
    uint16_t next;       // in its bucket, or among the free ones; 0: the last
};

struct modules {
    uint8_t key[crypto_shorthash_KEYBYTES];
    size_t count, name_bytes;
    uint16_t recent; // that was found last, as whoever asks often asks for the same; 0: none
    uint16_t free;   // the first number that was given back
    uint16_t last;   // the highest number that was ever given
    uint16_t buckets[MODULES_MAX];       // the first of the bucket, 0: none
    struct module rows[1 + MODULES_MAX]; // by number
};

struct modules *
modules_new (void)
{
    struct modules *modules = xcalloc (1, sizeof *modules);
    crypto_shorthash_keygen (modules->key);
    return modules;
}

void
modules_destroy (struct modules **modules)
{
    if (!*modules)
        return;
    for (size_t i = 1; i <= (*modules)->last; i++)
        free ((*modules)->rows[i].name);
    free (*modules);
    *modules = NULL;
}

static size_t
bucket_of (const struct modules *modules, const char *name, size_t length)
{
    uint64_t hash;
    uint8_t bytes[crypto_shorthash_BYTES];
    static_assert (sizeof bytes == sizeof hash, "SipHash-2-4");
    crypto_shorthash (bytes, (const uint8_t *) name, length, modules->key);
    memcpy (&hash, bytes, sizeof hash);
    return hash % MODULES_MAX;
}

static uint16_t
bucket_find (const struct modules *modules, size_t bucket, const char *name, size_t length)
{
    uint16_t module = modules->buckets[bucket];
    while (module && (strncmp (modules->rows[module].name, name, length) != 0 ||
                      modules->rows[module].name[length] != '\0'))
        module = modules->rows[module].next;
    return module;
}

static uint16_t
module_add (struct modules *modules, size_t bucket, const char *name, size_t length)
{
    if (modules->count == MODULES_MAX)
        return 0;
    uint16_t module = modules->free;
    if (module)
        modules->free = modules->rows[module].next;
    else
        module = ++modules->last;
    struct module *row = &modules->rows[module];
    row->name = xcalloc (1, length + 1);
    memcpy (row->name, name, length);
    row->next = modules->buckets[bucket];
    modules->buckets[bucket] = module;
    modules->count++;
    modules->name_bytes += heap_bytes (length + 1);
    return module;
}

uint16_t
modules_hold (struct modules *modules, const char *name, size_t length)
{
    if (length == 0 || length >= MODULE_NAME_SIZE || memchr (name, '\0', length))
        return 0;
    size_t bucket = bucket_of (modules, name, length);
    uint16_t module = bucket_find (modules, bucket, name, length);
    if (!module)
        module = module_add (modules, bucket, name, length);
    if (module)
        modules->rows[module].references++;
    return module;
}

void
modules_release (struct modules *modules, uint16_t module)
{
    struct module *row = &modules->rows[module];
    assert (module >= 1 && module <= modules->last && row->references > 0);
    if (--row->references > 0)
        return;
    size_t length = strlen (row->name);
    uint16_t *link = &modules->buckets[bucket_of (modules, row->name, length)];
    while (*link != module)
        link = &modules->rows[*link].next;
    *link = row->next;
    if (modules->recent == module)
        modules->recent = 0;
    free (row->name);
    *row = (struct module){.next = modules->free};
    modules->free = module;
    modules->count--;
    modules->name_bytes -= heap_bytes (length + 1);
}

uint16_t
modules_find (struct modules *modules, const char *name)
{
    if (!modules->recent || strcmp (modules->rows[modules->recent].name, name) != 0) {
        size_t length = strlen (name);
        modules->recent = bucket_find (modules, bucket_of (modules, name, length), name, length);
    }
    return modules->recent;
}

size_t
modules_count (const struct modules *modules)
{
    return modules->count;
}

size_t
modules_bytes (const struct modules *modules)
{
    return heap_bytes (sizeof *modules) + modules->name_bytes;
}
