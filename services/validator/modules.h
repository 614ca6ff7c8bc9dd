// The names of modules as 16-bit numbers, so that a grant is four bytes, and a decision compares no text. The numbers mean nothing outside this
// process. A name is kept as long as someone holds it.
#ifndef JETON_VALIDATOR_MODULES_H
#define JETON_VALIDATOR_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MODULE_NAME_SIZE = 65,
    MODULES_MAX = 4096, // names held at a time
};

struct modules;

struct modules *modules_new (void) __attribute__ ((returns_nonnull));
void modules_destroy (struct modules **modules); // NULL-safe

// modules_hold (modules, name, length): The name's number, held once more: end with modules_release. 0: it is empty or longer than
// MODULE_NAME_SIZE - 1, or MODULES_MAX others are held.
uint16_t modules_hold (struct modules *modules, const char *name, size_t length)
    __attribute__ ((warn_unused_result));
void modules_release (struct modules *modules, uint16_t module);

// modules_find (modules, name): Its number while somebody holds it, otherwise 0. A number may be another name's after a release: ask when
// you need it.
uint16_t modules_find (struct modules *modules, const char *name);

// modules_count (modules), modules_bytes (modules): Names held; all memory that it takes.
size_t modules_count (const struct modules *modules);
size_t modules_bytes (const struct modules *modules);

// heap_bytes (size): What malloc takes for that many bytes: its own word, multiples of 16, 32 at least (glibc).
static inline size_t
heap_bytes (size_t size)
{
    size_t all = (size + sizeof (size_t) + 15) / 16 * 16;
    return all < 32 ? 32 : all;
}

#endif
