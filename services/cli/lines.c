#include "services/cli/lines.h"
#include "common/memory/memory.h"
#include <czmq.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TELL_EVERY_MS = 200, TELL_NO_TIME_MS = 1000 };

void
lines_begin (struct lines *lines, FILE *file, size_t size_max)
{
    *lines = (struct lines){.file = file, .size_max = size_max};
    lines->text = xcalloc (1, size_max);
}

enum lines_end
lines_next (struct lines *lines)
{
    int c = getc_unlocked (lines->file);
    bool long_ = false;

    if (c == EOF) {
        return ferror (lines->file) ? LINES_FAILED : LINES_END;
    }
    lines->number++;
    lines->length = 0;
    for (; c != EOF && c != '\n'; c = getc_unlocked (lines->file)) {
        lines->read++;
        if (lines->length == lines->size_max) {
            long_ = true;
        } else {
            lines->text[lines->length++] = (char) c;
        }
    }
    lines->read++;
    if (c == EOF && ferror (lines->file)) {
        return LINES_FAILED;
    }
    return long_ ? LINES_TOO_LONG : LINES_NEXT;
}

void
lines_end (struct lines *lines)
{
    free (lines->text);
    lines->text = NULL;
}

bool
lines_blank (const struct lines *lines)
{
    for (size_t i = 0; i < lines->length; i++) {
        if (lines->text[i] != ' ' && lines->text[i] != '\t' && lines->text[i] != '\r') {
            return false;
        }
    }
    return true;
}

int64_t
lines_size (FILE *file)
{
    struct stat status;

    return fstat (fileno (file), &status) == 0 && S_ISREG (status.st_mode) ? status.st_size : 0;
}

void
progress_begin (struct progress *progress, const struct cli *cli, const char *noun, int64_t whole)
{
    *progress = (struct progress){.shown = !cli->json && isatty (STDERR_FILENO),
                                  .noun = noun,
                                  .whole = whole,
                                  .started_ms = zclock_mono ()};
}

void
progress_show (struct progress *progress, int64_t count, int64_t done)
{
    int64_t now = progress->shown ? zclock_mono () : 0;
    int64_t passed = now - progress->started_ms;

    if (!progress->shown || now < progress->told_ms + TELL_EVERY_MS) {
        return;
    }
    progress->told_ms = now;
    progress->there = true;
    fprintf (stderr, "\r\033[K%" PRId64 " %s", count, progress->noun);
    if (passed >= TELL_NO_TIME_MS) {
        fprintf (stderr, ", %" PRId64 "/s", count * 1000 / passed);
    }
    if (progress->whole > 0 && done > 0 && done <= progress->whole && passed >= TELL_NO_TIME_MS) {
        int64_t left_s = passed * (progress->whole - done) / done / 1000;
        fprintf (stderr, ", %" PRId64 " %%, %" PRId64 ":%02" PRId64 " left",
                 done * 100 / progress->whole, left_s / 60, left_s % 60);
    }
    fflush (stderr);
}

void
progress_clear (struct progress *progress)
{
    if (progress->there) {
        fputs ("\r\033[K", stderr);
        progress->there = false;
    }
}
