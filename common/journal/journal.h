// The journal of use: what has to be counted exactly, whatever is killed (R39, R40, R44).
//
// Counts live in a memory-mapped file, a segment: what a killed process had counted is in the file, because the pages belong to the kernel. (When the
// machine itself stops, what was not written back yet is lost: a few seconds, since nothing is synchronised to disk.) Equal entries of a second are one row with a
// count. A segment is sealed when it is a second old or full, and is kept until somebody says that it was taken. A process that is started again finds the
// segments of the one before, the unsealed one too.
//
// A segment is known by its source (random, drawn each time a journal is opened) and its sequence number (1, 2, 3 … of that source). Segments of one
// source are handed out in order: whoever takes them recognises by that what it has taken before.
#ifndef JETON_JOURNAL_H
#define JETON_JOURNAL_H

#include "common/error/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JOURNAL_NAME_SIZE = 64,   // of texts in a row; they end with a NUL unless they have this length
    JOURNAL_ID_SIZE = 48,     // of a token's text
    JOURNAL_SOURCE_SIZE = 16, // of a source's id
    JOURNAL_ROWS_MAX = 8192,  // of a segment; each text that is in it takes one, or two, besides
};

// What was used or asked for, by whom, how it ended: what is equal in all of that is counted in one row. Zeroed before it is filled in: texts are compared
// in their whole size.
struct journal_use {
    int64_t second;                 // since the epoch
    int64_t account, token, user;   // numbers, at most UINT32_MAX; 0: none, or not known
    uint8_t address[16];            // of the end client; IPv4 in the first four bytes
    char module[JOURNAL_NAME_SIZE]; // wanted
    char peer[JOURNAL_NAME_SIZE];   // who asked
    char id[JOURNAL_ID_SIZE];       // of a token that is no number (a JWT's jti)
    uint8_t family;                 // of the address: 4, 6 or 0 (not known)
    uint8_t access, environment, decision, reason; // numbers of enums of proto/
    uint8_t
        grant_type; // 0: a validation; otherwise a token was asked for, and reason is a GrantReason's
    uint8_t unused[2];         // of the layout of segments of earlier versions
    uint32_t client, customer; // numbers; 0: none
};

struct journal_row {
    struct journal_use use;
    uint64_t count;
};

struct journal_options {
    const char *directory; // made if it is missing; nobody else may enter it
    uint64_t limit;        // bytes that the directory may hold
    bool drop; // when it holds so many: drop what is counted (and count that), instead of refusing
};

struct journal_stats {
    uint64_t counted, dropped, refused; // calls of journal_count
    uint64_t sealed, taken;             // segments
    uint64_t bytes, segments;           // that wait in the directory
    uint64_t damaged;   // rows of recovered segments whose check was wrong: they are not counted
    uint64_t set_aside; // files that are no segments, or that were refused
    uint64_t rests;     // how often the delivery waited for calls (deliver.h)
};

struct journal;

// journal_open (options, error_r): Lock the directory, find what was left in it. Files that are no segments are set aside (renamed to NAME.damaged; they count
// as what the directory holds) with a line in the log. NULL: error_r says why: another process uses the directory, others may enter it, …
struct journal *journal_open (const struct journal_options *options, struct error *error_r)
    __attribute__ ((warn_unused_result));
// journal_close (&journal): What was counted stays for the next one that opens the directory. NULL-safe.
void journal_close (struct journal **journal);

// journal_count (journal, use): Count it once. False: it is full, and refuses; nothing was counted. Neither allocates nor calls the system, but when a
// segment is full or the first one is needed. What it has counted survives the process from its return on.
bool journal_count (struct journal *journal, const struct journal_use *use)
    __attribute__ ((warn_unused_result));

// journal_tick (journal, now_ms): Seal the segment when it is a second old; try again when it is full. A few times a second; monotonic.
void journal_tick (struct journal *journal, int64_t now_ms);
// journal_seal (journal): At once, if anything was counted.
void journal_seal (struct journal *journal);

// journal_good (journal, reason_r): False: it refuses or drops what is counted, and why.
bool journal_good (const struct journal *journal, struct error *reason_r)
    __attribute__ ((warn_unused_result));

// A sealed segment in memory.
struct journal_segment {
    uint8_t source[JOURNAL_SOURCE_SIZE];
    uint64_t sequence;
    size_t n; // rows
    struct journal_row *rows;
};

// journal_next (journal, segment_r): The oldest sealed segment, also when it was handed out before. False: there is none, or it cannot be read now for want of descriptors or memory. The caller frees it with
// journal_segment_free.
bool journal_next (struct journal *journal, struct journal_segment *segment_r)
    __attribute__ ((warn_unused_result));
void journal_segment_free (struct journal_segment *segment);
// journal_taken (journal): What journal_next gave last is safe elsewhere: forget it. journal_refused (journal): Nobody will take it, whatever is tried: set it
// aside, for people.
void journal_taken (struct journal *journal);
void journal_refused (struct journal *journal);
// journal_rested (journal): Nothing is handed out for a while, since calls go first: for the figures.
void journal_rested (struct journal *journal);

// journal_oldest_ms (journal): When the oldest one that waits was sealed, of zclock_mono (); 0: by a process before this one, or none waits.
// journal_fill (journal): What the directory holds, as per cent of its limit.
int64_t journal_oldest_ms (const struct journal *journal) __attribute__ ((warn_unused_result));
unsigned journal_fill (const struct journal *journal) __attribute__ ((warn_unused_result));

// journal_stats (journal): As they are now; the pointer stays the same, so that Stats can show them: call it again to bring `bytes` and `segments` up to date.
const struct journal_stats *journal_stats (struct journal *journal);

#endif
