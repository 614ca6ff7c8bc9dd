// How a process counts what it answers: a journal in a directory of its own, delivered to the auditors, by settings that are the same in all that count.
//
//     process_start → counting_start → process_run → counting_finish → counting_stop → process_end → counting_end
#ifndef JETON_JOURNAL_COUNTING_H
#define JETON_JOURNAL_COUNTING_H

#include "common/journal/journal.h"
#include "common/process/process.h"

struct counting_settings {
    char *auditor;           // endpoints
    char *journal_directory; // "": nothing is counted
    char *journal_full;      // refuse or drop
    int64_t journal_limit;
    int64_t journal_late_ms;
};
// Rows of the table of settings for a struct counting_settings at `offset`. The texts say what is not counted without a directory, and what is refused when
// it is full.
// clang-format off
#define COUNTING_SETTINGS(offset, counted, refused)                                                \
    {"auditor", CONFIG_TEXT, (offset) + offsetof (struct counting_settings, auditor),              \
     "tcp://127.0.0.1:7104", 0, 0, false,                                                          \
     "endpoints of the auditors that take what was counted, with commas"},                         \
    {"journal_directory", CONFIG_PATH,                                                             \
     (offset) + offsetof (struct counting_settings, journal_directory), "", 0, 0, false,           \
     "directory of its own for what was counted and is not yet with an auditor; empty: "           \
     counted " not counted"},                                                                      \
    {"journal_limit", CONFIG_NUMBER, (offset) + offsetof (struct counting_settings, journal_limit), \
     "1073741824", 1048576, 1099511627776, false, "bytes that this directory may hold"},           \
    {"journal_full", CONFIG_TEXT, (offset) + offsetof (struct counting_settings, journal_full),    \
     "refuse", 0, 0, false,                                                                        \
     "when it holds so many: refuse (" refused "), or drop (what was counted)"},                   \
    {"journal_late_ms", CONFIG_NUMBER,                                                             \
     (offset) + offsetof (struct counting_settings, journal_late_ms), "30000", 0, 3600000, false,  \
     "how late what was counted may come to an auditor because calls wait for the processor; 0: "  \
     "it never gives way to them"}
// clang-format on

struct delivery;

// Zeroed before counting_start. All of these cope with one that was not started, or has ended.
struct counting {
    struct journal *journal; // NULL: nothing is counted
    struct delivery *delivery;
    struct process *process;
};

// counting_start (counting, process, settings, error_r): After process_start: open the journal, begin to send what is in it, show its figures in Stats. Without
// journal_directory: a warning, and nothing is counted. False: error_r names the setting; nothing is left open.
bool counting_start (struct counting *counting, struct process *process,
                     const struct counting_settings *settings, struct error *error_r)
    __attribute__ ((warn_unused_result));
// counting_finish (counting): After a process_run that drained: a second, at most, to send what is left.
void counting_finish (struct counting *counting);
// counting_stop (counting): Before process_end: nothing is sent any more. counting_end (counting): After it, since its last callbacks may still count: what
// was not sent is kept for the next process on this directory.
void counting_stop (struct counting *counting);
void counting_end (struct counting *counting);

// counting_add (counting, use): Count what is about to be answered. False: it cannot be counted, and must not be answered so.
bool counting_add (struct counting *counting, const struct journal_use *use)
    __attribute__ ((warn_unused_result));
// counting_good (counting, reason_r): False: what is answered is not counted, or cannot be answered because of that; and why.
bool counting_good (const struct counting *counting, struct error *reason_r)
    __attribute__ ((warn_unused_result));

// counting_text (to, size, text): A text of a zeroed struct journal_use: cut where it is too long, and plain ASCII, so that it stays valid text wherever it is cut.
void counting_text (char *to, size_t size, const char *text);

#endif
