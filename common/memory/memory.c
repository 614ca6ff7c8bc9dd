#include "common/memory/memory.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// There is no way on without memory, and no caller could be trusted with one that is never taken.
static void *
whole (void *p)
{
    if (!p) {
        static const char text[] = "out of memory\n";
        fwrite (text, 1, sizeof text - 1, stderr);
        abort ();
    }
    return p;
}

void *
xcalloc (size_t n, size_t size)
{
    return whole (n && size ? calloc (n, size) : calloc (1, 1));
}

void *
xmemdup (const void *data, size_t size)
{
    void *copy = whole (malloc (size ? size : 1));
    if (size)
        memcpy (copy, data, size);
    return copy;
}

void *
xrealloc (void *p, size_t size)
{
    return whole (realloc (p, size ? size : 1));
}

char *
xstrdup (const char *text)
{
    return whole (strdup (text));
}

char *
xasprintf (const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start (arguments, format);
    if (vasprintf (&text, format, arguments) < 0)
        text = NULL;
    va_end (arguments);
    return whole (text);
}

void
memory_free_pointer (void *pointer)
{
    free (*(void **) pointer);
    *(void **) pointer = NULL;
}

// ---- arenas ---------------------------------------------------------------------------------------------------------

enum { ALIGNMENT = 16, FIRST_BLOCK = 4096, LARGEST_BLOCK = 65536 };

struct block {
    struct block *next;
    size_t size; // of data
    size_t used;
    size_t unused_;       // keeps data aligned
    unsigned char data[]; // zero behind what is used
};

struct arena {
    size_t limit;
    size_t handed_out;
    struct block *newest; // the others follow, down to the first
    ProtobufCAllocator protobuf;
};

static_assert (sizeof (struct block) % ALIGNMENT == 0, "data is aligned");

static struct block *
block_new (size_t size, struct block *next)
{
    struct block *block = xcalloc (1, sizeof *block + size);
    block->next = next;
    block->size = size;
    return block;
}

static void *
protobuf_alloc (void *data, size_t size)
{
    return arena_alloc (data, size);
}

static void
protobuf_free (void *data, void *pointer)
{
    (void) data;
    (void) pointer;
}

struct arena *
arena_new (size_t limit)
{
    struct arena *arena = xcalloc (1, sizeof *arena);
    arena->limit = limit;
    arena->protobuf = (ProtobufCAllocator){protobuf_alloc, protobuf_free, arena};
    return arena;
}

void
arena_reset (struct arena *arena)
{
    struct block *kept = NULL;
    while (arena->newest) {
        struct block *block = arena->newest;
        arena->newest = block->next;
        explicit_bzero (block->data, block->used); // and zeroed for who gets it next
        // A block that was made for one large value is not worth keeping. Of the others the first that comes is the largest.
        if (kept || block->size > LARGEST_BLOCK) {
            free (block);
            continue;
        }
        block->used = 0;
        block->next = NULL;
        kept = block;
    }
    arena->newest = kept;
    arena->handed_out = 0;
}

void
arena_destroy (struct arena **arena)
{
    if (!*arena)
        return;
    arena_reset (*arena);
    free ((*arena)->newest);
    free (*arena);
    *arena = NULL;
}

void *
arena_alloc (struct arena *arena, size_t size)
{
    // The limit comes first: rounding up a huge size would wrap.
    if (size > arena->limit)
        return NULL;
    size = size ? (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
    if (size > arena->limit - arena->handed_out || arena->handed_out > arena->limit)
        return NULL;
    struct block *block = arena->newest;
    if (!block || block->size - block->used < size) {
        size_t next = block ? block->size * 2 : FIRST_BLOCK;
        if (next > LARGEST_BLOCK)
            next = LARGEST_BLOCK;
        block = arena->newest = block_new (size > next ? size : next, arena->newest);
    }
    void *data = block->data + block->used;
    block->used += size;
    arena->handed_out += size;
    return data;
}

void *
arena_memdup (struct arena *arena, const void *data, size_t size)
{
    void *copy = arena_alloc (arena, size);
    if (copy && size)
        memcpy (copy, data, size);
    return copy;
}

char *
arena_strdup (struct arena *arena, const char *text)
{
    return arena_memdup (arena, text, strlen (text) + 1);
}

char *
arena_printf (struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start (arguments, format);
    va_copy (again, arguments);
    int length = vsnprintf (NULL, 0, format, arguments);
    char *text = length < 0 ? NULL : arena_alloc (arena, (size_t) length + 1);
    if (text)
        vsnprintf (text, (size_t) length + 1, format, again);
    va_end (again);
    va_end (arguments);
    return text;
}

ProtobufCAllocator *
arena_protobuf (struct arena *arena)
{
    return &arena->protobuf;
}
