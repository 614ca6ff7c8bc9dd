// What the files of common/journal share. Not for others.
//
// journal.c  counting; when a segment is sealed; what waits
// rows.c     the rows of the open segment, and how they are found
// segment.c  one file: making it, reading it back
// spool.c    the directory: lock, what is in it, setting aside
#ifndef JETON_JOURNAL_INTERNAL_H
#define JETON_JOURNAL_INTERNAL_H

#include "common/journal/journal.h"
#include <stdio.h>

// A segment is a head and rows of 64 bytes, so that none lies on two pages, or in two sectors: uses, and the texts that they have, each before the first
// use that has it.
struct segment_head {
    char magic[8];
    uint8_t source[JOURNAL_SOURCE_SIZE];
    uint64_t sequence;
    uint64_t key;   // of the rows' checks: nobody outside can choose rows that collide
    uint64_t check; // of what is above
    uint8_t unused[16];
};

// As struct journal_use; texts by the number of their row, from 1; 0: empty.
struct segment_use {
    int64_t second;
    uint32_t account, token, user, client, customer;
    uint16_t module, peer, id;
    uint8_t family, access, environment, decision, reason, grant_type;
    uint8_t address[16];
};

enum {
    // Of a text in one row; what is not shorter goes on in the next, which is a text's too.
    SEGMENT_TEXT_SIZE = sizeof (struct segment_use),
};
#define SEGMENT_TEXT UINT32_MAX // the count of a row that is (part of) a text

struct segment_row {
    union {
        struct segment_use use;
        char text[SEGMENT_TEXT_SIZE];
    };
    uint32_t check; // of the rest, with the segment's key
    uint32_t count; // 0: the row is not there
};

// What earlier versions wrote, and this one still reads: a head and rows of 256 bytes, all texts in each.
struct segment_row_1 {
    struct journal_use use;
    uint64_t check;
    uint64_t count;
};
_Static_assert(sizeof (struct segment_use) == 56 && sizeof (struct segment_row) == 64 &&
                   sizeof (struct segment_head) == 64,
               "the layout of segments has changed: give them another magic");
_Static_assert(sizeof (struct journal_use) == 240 && sizeof (struct segment_row_1) == 256,
               "segments of earlier versions cannot be read any more");
enum {
    SEGMENT_SIZE = sizeof (struct segment_head) + JOURNAL_ROWS_MAX * sizeof (struct segment_row),
    SEGMENT_1_SIZE = (1 + JOURNAL_ROWS_MAX) * sizeof (struct segment_row_1),
    SEGMENT_NAME_SIZE = 2 * JOURNAL_SOURCE_SIZE + 1 + 16 + sizeof ".use",
    SPOOL_SPARES_MAX = 16, // 8 MiB
};

// The rows of the open segment.
struct segment_rows {
    struct segment_row *rows; // mapped
    uint64_t key;
    size_t n;
    uint32_t slots[2 * JOURNAL_ROWS_MAX]; // number of a row from 1, 0: free
    // The texts that came last as module and as peer, which are nearly always the next ones too.
    struct segment_recent {
        char text[JOURNAL_NAME_SIZE];
        uint16_t number;
    } module, peer;
};

// rows_start (rows, head): Of a segment that was just made. rows_count (rows, use): Count it once. False: there is no room; nothing was counted.
void rows_start (struct segment_rows *rows, struct segment_head *head);
bool rows_count (struct segment_rows *rows, const struct journal_use *use)
    __attribute__ ((warn_unused_result));

// A file that waits.
struct spooled {
    char name[SEGMENT_NAME_SIZE];
    uint64_t size;
    int64_t sealed_ms; // monotonic; 0: by a process before this one
};

struct spool {
    int directory, lock; // file descriptors
    char *path;
    uint64_t other;        // bytes of files that were set aside
    uint64_t bytes;        // of segments, the open one too
    struct spooled *files; // sealed, in the order in which they are handed out
    size_t first, n, room;
    size_t spares; // files that were taken, to be written again: "0.spare", "1.spare", …
};

// spool_open (spool, path, stats, error_r): spool is zeroed; spool_close copes with half-open.
bool spool_open (struct spool *spool, const char *path, struct journal_stats *stats,
                 struct error *error_r) __attribute__ ((warn_unused_result));
void spool_close (struct spool *spool);
// spool_add (spool, name, size, sealed_ms): A sealed segment, behind the others. Its bytes count already. spool_remove (spool): The first one, with its file.
// It is kept as a spare one, while there are few: where files come and go, ext4 looks long for an inode that was not deleted lately, and each page of a new
// one costs a fault and a block. spool_spare (spool, name_r): One of those, for segment_make; it is no spare one any more. NULL: there is none.
// spool_spares_drop (spool): Their room is needed.
// spool_set_aside (spool, name, size, ending, why): Rename it to NAME.ending, and say so.
void spool_add (struct spool *spool, const char *name, uint64_t size, int64_t sealed_ms);
void spool_remove (struct spool *spool);
const char *spool_spare (struct spool *spool, char name_r[SEGMENT_NAME_SIZE]);
void spool_spares_drop (struct spool *spool);
void spool_set_aside (struct spool *spool, const char *name, uint64_t size, const char *ending,
                      const char *why);
// spool_look_aside (spool): How much of that is there still? Reads the directory.
void spool_look_aside (struct spool *spool);
// spool_first (spool): NULL: none waits.
const struct spooled *spool_first (const struct spool *spool);

// segment_digest (key, data, size): 64 bits; `size` is a multiple of 16. Keyed, fast, no protection against those who know the key.
uint64_t segment_digest (uint64_t key, const void *data, size_t size);
// segment_row_check (key, row): What its check must be; `check` and, but for whether it is a text, `count` do not matter.
uint32_t segment_row_check (uint64_t key, const struct segment_row *row);
// segment_name (head, name_r), segment_name_good (name).
void segment_name (const struct segment_head *head, char name_r[SEGMENT_NAME_SIZE]);
bool segment_name_good (const char *name);
// segment_make (directory, head, spare, error_r): Make and map a file whose blocks and pages are all there, in place of a file that is not needed any more
// (NULL: a new one). NULL: error_r says why; nothing is left.
struct segment_head *segment_make (int directory, const struct segment_head *head,
                                   const char *spare, struct error *error_r)
    __attribute__ ((warn_unused_result));
// segment_read (directory, name, segment_r, damaged_r, error_r): Read one back. False: it is none, unless errno is such that it could not even be looked at
// (segment_later): the process, or the machine, has no descriptor or memory left for it now.
bool segment_later (int error);
bool segment_read (int directory, const char *name, struct journal_segment *segment_r,
                   uint64_t *damaged_r, struct error *error_r) __attribute__ ((warn_unused_result));

#endif
