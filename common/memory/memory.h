// Memory: allocation that cannot fail, arenas, and clean-up at the end of a scope.
#ifndef JETON_MEMORY_H
#define JETON_MEMORY_H

#include <stdarg.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

// xcalloc (n, size), xmemdup (data, size), xstrdup (text), xasprintf (format, …), xrealloc (p, size):
// Like their namesakes; they abort when memory runs out, so that no caller needs a path that nobody can test.
// xcalloc zeroes. The caller frees with free ().
void *xcalloc (size_t n, size_t size) __attribute__ ((malloc, returns_nonnull));
void *xmemdup (const void *data, size_t size) __attribute__ ((malloc, returns_nonnull));
void *xrealloc (void *p, size_t size) __attribute__ ((returns_nonnull));
char *xstrdup (const char *text) __attribute__ ((malloc, returns_nonnull));
char *xasprintf (const char *format, ...)
    __attribute__ ((malloc, returns_nonnull, format (printf, 1, 2)));

// An arena: what is allocated from it is freed all at once.
struct arena;

// arena_new (limit):
// An arena that hands out at most `limit` bytes in all.
struct arena *arena_new (size_t limit) __attribute__ ((returns_nonnull));

// arena_destroy (&arena): Frees it and all that came from it. NULL-safe; sets the pointer to NULL.
void arena_destroy (struct arena **arena);

// arena_reset (arena): Wipes what was handed out (there may be secrets in it) and makes it empty; keeps one block of 64 KiB at most.
void arena_reset (struct arena *arena);

// arena_alloc (arena, size):
// Zeroed memory, aligned for any type; NULL when the limit would be passed (input decides the size: the caller handles it).
void *arena_alloc (struct arena *arena, size_t size) __attribute__ ((warn_unused_result));

// arena_strdup (arena, text), arena_printf (arena, format, …), arena_memdup (arena, data, size):
// Copies in the arena; NULL when the limit would be passed.
char *arena_strdup (struct arena *arena, const char *text) __attribute__ ((warn_unused_result));
void *arena_memdup (struct arena *arena, const void *data, size_t size)
    __attribute__ ((warn_unused_result));
char *arena_printf (struct arena *arena, const char *format, ...)
    __attribute__ ((warn_unused_result, format (printf, 2, 3)));

// arena_protobuf (arena):
// An allocator for protobuf-c's unpack functions. Messages unpacked with it are never freed one by one. Lives as long as
// the arena.
ProtobufCAllocator *arena_protobuf (struct arena *arena) __attribute__ ((returns_nonnull));

// cleanup_free, cleanup_wipe: for values of one function:
//     cleanup_free char *text = xstrdup ("…");
void memory_free_pointer (void *pointer);
#define cleanup_free __attribute__ ((cleanup (memory_free_pointer)))

#endif
