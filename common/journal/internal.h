// What the files of common/journal share. Not for others.
//
// journal.c  counting; when a segment is sealed; what waits
// segment.c  one file: making it, reading it back
// spool.c    the directory: lock, what is in it, setting aside
#ifndef JETON_JOURNAL_INTERNAL_H
#define JETON_JOURNAL_INTERNAL_H

#include "common/journal/journal.h"
#include <stdio.h>

// The head of a file has the size of a row, so that no row lies on two pages, and none in two sectors.
struct segment_head {
    char magic[8];
    uint8_t source[JOURNAL_SOURCE_SIZE];
    uint64_t sequence;
    uint64_t key;   // of the rows' checks: nobody outside can choose rows that collide
    uint64_t check; // of what is above
    uint8_t unused[sizeof (struct journal_row) - 48];
};
_Static_assert(sizeof (struct journal_use) == 240 && sizeof (struct journal_row) == 256 &&
                   sizeof (struct segment_head) == 256,
               "the layout of segments has changed: give them another magic");
enum {
    SEGMENT_SIZE = sizeof (struct segment_head) + JOURNAL_ROWS_MAX * sizeof (struct journal_row),
    SEGMENT_NAME_SIZE = 2 * JOURNAL_SOURCE_SIZE + 1 + 16 + sizeof ".use",
};

// A file that waits.
struct spooled {
    char name[SEGMENT_NAME_SIZE];
    uint64_t size;
};

struct spool {
    int directory, lock; // file descriptors
    char *path;
    uint64_t other;        // bytes of files that were set aside
    uint64_t bytes;        // of segments, the open one too
    struct spooled *files; // sealed, in the order in which they are handed out
    size_t first, n, room;
};

// spool_open (spool, path, stats, error_r): spool is zeroed; spool_close copes with half-open.
bool spool_open (struct spool *spool, const char *path, struct journal_stats *stats,
                 struct error *error_r) __attribute__ ((warn_unused_result));
void spool_close (struct spool *spool);
// spool_add (spool, name, size): A sealed segment, behind the others. Its bytes count already. spool_remove (spool): The first one, with its file.
// spool_set_aside (spool, name, size, ending, why): Rename it to NAME.ending, and say so.
void spool_add (struct spool *spool, const char *name, uint64_t size);
void spool_remove (struct spool *spool);
void spool_set_aside (struct spool *spool, const char *name, uint64_t size, const char *ending,
                      const char *why);
// spool_first (spool): NULL: none waits.
const struct spooled *spool_first (const struct spool *spool);

// segment_digest (key, data, size): 64 bits; `size` is a multiple of 16. Keyed, fast, no protection against those who know the key.
uint64_t segment_digest (uint64_t key, const void *data, size_t size);
// segment_name (head, name_r), segment_name_good (name).
void segment_name (const struct segment_head *head, char name_r[SEGMENT_NAME_SIZE]);
bool segment_name_good (const char *name);
// segment_make (directory, head, error_r): Make and map a file whose blocks are all there. NULL: error_r says why; nothing is left.
struct segment_head *segment_make (int directory, const struct segment_head *head,
                                   struct error *error_r) __attribute__ ((warn_unused_result));
// segment_read (directory, name, segment_r, damaged_r, error_r): Read one back. False: it is none.
bool segment_read (int directory, const char *name, struct journal_segment *segment_r,
                   uint64_t *damaged_r, struct error *error_r) __attribute__ ((warn_unused_result));

#endif
