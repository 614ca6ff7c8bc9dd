#include "common/journal/internal.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include <assert.h>
#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// When a segment is packed for the way (proto/audit.proto), a row takes 80 bytes at most, and all its texts no more than their rows: below the 1 MiB of a body.
enum { SEAL_MS = 1000 };
_Static_assert(JOURNAL_ROWS_MAX * 80 < 960 * 1024, "a segment fits into a message");

struct journal {
    struct spool spool;
    struct journal_stats stats;
    uint64_t limit;
    bool drop;
    struct segment_head *open; // mapped; NULL: none
    struct segment_rows rows;
    uint8_t source[JOURNAL_SOURCE_SIZE];
    uint64_t sequence;
    int64_t seal_at_ms; // 0: at the tick after the first row
    bool full;          // no segment could be made; tried again at the next tick
    struct error why;
};

struct journal *
journal_open (const struct journal_options *options, struct error *error_r)
{
    struct journal *journal = xcalloc (1, sizeof *journal);
    journal->limit = options->limit;
    journal->drop = options->drop;
    randombytes_buf (journal->source, sizeof journal->source);
    if (!spool_open (&journal->spool, options->directory, &journal->stats, error_r))
        journal_close (&journal);
    return journal;
}

void
journal_close (struct journal **journal)
{
    if (*journal == NULL)
        return;
    journal_seal (*journal);
    spool_close (&(*journal)->spool);
    free (*journal);
    *journal = NULL;
}

// ---- segments -------------------------------------------------------------------------------------------------------

void
journal_seal (struct journal *journal)
{
    char name[SEGMENT_NAME_SIZE];
    if (journal->open == NULL)
        return;
    uint64_t size = sizeof *journal->open + journal->rows.n * sizeof (struct segment_row);
    segment_name (journal->open, name);
    munmap (journal->open, SEGMENT_SIZE);
    journal->open = NULL;
    journal->spool.bytes -= SEGMENT_SIZE;
    if (journal->rows.n == 0) {
        (void) unlinkat (journal->spool.directory, name, 0);
        return;
    }
    // Cut to what is in it. Where that fails, it is as large as before: rows that are not there have no count. A small one takes more of the disk than it
    // holds.
    struct stat file;
    int fd = openat (journal->spool.directory, name, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ftruncate (fd, (off_t) size) != 0 || fstat (fd, &file) != 0)
        size = SEGMENT_SIZE;
    else if ((uint64_t) file.st_blocks * 512 > size)
        size = (uint64_t) file.st_blocks * 512;
    if (size > SEGMENT_SIZE)
        size = SEGMENT_SIZE; // as it was counted while it was open
    if (fd >= 0)
        close (fd);
    journal->spool.bytes += size;
    journal->stats.sealed++;
    spool_add (&journal->spool, name, size, zclock_mono ());
}

static void
full_tell (const struct journal *journal)
{
    log_error (journal->drop ? "use is not counted" : "what would be counted is refused",
               "directory", journal->spool.path, "reason", journal->why.text, NULL);
}

static bool
segment_open (struct journal *journal)
{
    struct segment_head head = {.sequence = journal->sequence + 1};
    bool was_full = journal->why.text[0] != '\0';
    struct error why = {""};
    char spare[SEGMENT_NAME_SIZE];
    if (journal->full)
        return false;
    // It may be gone by now, as the log has asked for.
    if (journal->spool.other > 0 &&
        journal->spool.bytes + journal->spool.other + SEGMENT_SIZE > journal->limit &&
        journal->spool.bytes + SEGMENT_SIZE <= journal->limit)
        spool_look_aside (&journal->spool);
    uint64_t used = journal->spool.bytes + journal->spool.other;
    if (used + SEGMENT_SIZE > journal->limit)
        error_set (&why,
                   "the spool of use has reached its limit (journal_limit): see that the auditor "
                   "takes it%s",
                   journal->spool.other > 0 ? ", and remove what was set aside" : "");
    else {
        memcpy (head.source, journal->source, sizeof head.source);
        randombytes_buf (&head.key, sizeof head.key);
        if (used + (1 + journal->spool.spares) * SEGMENT_SIZE > journal->limit)
            spool_spares_drop (&journal->spool);
        journal->open = segment_make (journal->spool.directory, &head,
                                      spool_spare (&journal->spool, spare), &why);
    }
    if (journal->open == NULL) {
        bool again = strcmp (why.text, journal->why.text) == 0;
        journal->why = why;
        journal->full = true;
        if (!again)
            full_tell (journal);
        return false;
    }
    if (was_full)
        log_info ("use is counted again", "directory", journal->spool.path, NULL);
    journal->why.text[0] = '\0';
    journal->sequence++;
    rows_start (&journal->rows, journal->open);
    journal->seal_at_ms = 0;
    journal->spool.bytes += SEGMENT_SIZE;
    return true;
}

// ---- counting -------------------------------------------------------------------------------------------------------

static bool
no_room (struct journal *journal)
{
    if (journal->drop)
        journal->stats.dropped++;
    else
        journal->stats.refused++;
    return journal->drop;
}

bool
journal_count (struct journal *journal, const struct journal_use *use)
{
    if (journal->open == NULL && !segment_open (journal))
        return no_room (journal);
    if (!rows_count (&journal->rows, use)) {
        journal_seal (journal);
        if (!segment_open (journal))
            return no_room (journal);
        bool counted = rows_count (&journal->rows, use);
        assert (counted); // it was empty
    }
    journal->stats.counted++;
    return true;
}

void
journal_tick (struct journal *journal, int64_t now_ms)
{
    journal->full = false;
    // Who is asked for nothing while it is full must not wait for somebody to ask.
    if (journal->open == NULL && journal->why.text[0] != '\0' && !segment_open (journal))
        return;
    if (journal->open == NULL || journal->rows.n == 0)
        return;
    if (journal->seal_at_ms == 0)
        journal->seal_at_ms = now_ms + SEAL_MS;
    else if (now_ms >= journal->seal_at_ms)
        journal_seal (journal);
}

// ---- what waits -----------------------------------------------------------------------------------------------------

bool
journal_next (struct journal *journal, struct journal_segment *segment_r)
{
    const struct spooled *file;
    struct error why;
    uint64_t damaged;
    while ((file = spool_first (&journal->spool)) != NULL) {
        if (segment_read (journal->spool.directory, file->name, segment_r, &damaged, &why)) {
            if (segment_r->n > 0)
                return true;
            journal_segment_free (segment_r); // one that was killed before it counted anything
            spool_remove (&journal->spool);
            continue;
        }
        if (segment_later (errno))
            return false;
        journal->stats.set_aside++;
        journal->spool.bytes -= file->size;
        spool_set_aside (&journal->spool, file->name, file->size, "damaged", why.text);
        journal->spool.first++;
    }
    return false;
}

void
journal_segment_free (struct journal_segment *segment)
{
    free (segment->rows);
    *segment = (struct journal_segment){.n = 0};
}

void
journal_taken (struct journal *journal)
{
    assert (spool_first (&journal->spool) != NULL);
    journal->stats.taken++;
    spool_remove (&journal->spool);
}

void
journal_refused (struct journal *journal)
{
    const struct spooled *file = spool_first (&journal->spool);
    assert (file != NULL);
    journal->stats.set_aside++;
    journal->spool.bytes -= file->size;
    spool_set_aside (&journal->spool, file->name, file->size, "refused",
                     "the auditor does not take it");
    journal->spool.first++;
}

void
journal_rested (struct journal *journal)
{
    journal->stats.rests++;
}

bool
journal_good (const struct journal *journal, struct error *reason_r)
{
    if (journal->why.text[0] == '\0')
        return true;
    error_set (reason_r, "%s: %s",
               journal->drop ? "use is not counted" : "what would be counted is refused",
               journal->why.text);
    return false;
}

int64_t
journal_oldest_ms (const struct journal *journal)
{
    const struct spooled *file = spool_first (&journal->spool);
    return file != NULL ? file->sealed_ms : 0;
}

unsigned
journal_fill (const struct journal *journal)
{
    uint64_t used = journal->spool.bytes + journal->spool.other;
    return used < journal->limit ? (unsigned) (used * 100 / journal->limit) : 100;
}

const struct journal_stats *
journal_stats (struct journal *journal)
{
    journal->stats.bytes = journal->spool.bytes + journal->spool.other;
    journal->stats.segments = journal->spool.n - journal->spool.first;
    return &journal->stats;
}
