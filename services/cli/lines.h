// Long work on many lines: reading them within bounds, and telling how far it is.
#ifndef JETON_CLI_LINES_H
#define JETON_CLI_LINES_H

#include "services/cli/command.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct lines {
    FILE *file;
    char *text; // the line, without its newline; not ended by NUL
    size_t length, size_max;
    int64_t number; // of the line, from 1
    int64_t read;   // bytes so far
};

enum lines_end {
    LINES_NEXT,     // there is a line
    LINES_TOO_LONG, // there was one; it has been passed over
    LINES_END,
    LINES_FAILED, // errno
};

// lines_begin (lines, file, size_max): Lines of at most so many bytes. lines_end (lines): Does not close the file.
void lines_begin (struct lines *lines, FILE *file, size_t size_max);
enum lines_end lines_next (struct lines *lines) __attribute__ ((warn_unused_result));
void lines_end (struct lines *lines);
// lines_blank (lines): Is the line empty, or of blanks only?
bool lines_blank (const struct lines *lines);
// lines_size (file): Bytes that the file has; 0 when it is not known.
int64_t lines_size (FILE *file);

// A line on the terminal of standard error that tells how far it is; nothing elsewhere, and with --json.
struct progress {
    bool shown; // it is to be shown at all
    bool there; // it is on the terminal
    const char *noun;
    int64_t whole; // 0: not known
    int64_t started_ms, told_ms;
};
void progress_begin (struct progress *progress, const struct cli *cli, const char *noun,
                     int64_t whole);
// progress_show (progress, count, done): `count` nouns, `done` of the whole; a few times a second.
void progress_show (struct progress *progress, int64_t count, int64_t done);
// progress_clear (progress): Before anything else is written there, and at the end.
void progress_clear (struct progress *progress);

#endif
