#include "tests/property/diary.h"
#include "common/memory/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINES = 256, SHOWN = 12, LINE_SIZE = 384 };

struct diary {
    size_t n;
    struct {
        const struct object *object;
        char text[LINE_SIZE];
    } lines[LINES]; // a ring
};

struct diary *
diary_new (void)
{
    return xcalloc (1, sizeof (struct diary));
}

void
diary_destroy (struct diary **diary)
{
    free (*diary);
    *diary = NULL;
}

void
diary_write (struct diary *diary, const struct object *object, const char *format, ...)
{
    size_t at = diary->n++ % LINES;
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (diary->lines[at].text, LINE_SIZE, format, arguments);
    va_end (arguments);
    diary->lines[at].object = object;
}

void
diary_made (struct diary *diary, const struct object *object)
{
    diary->lines[(diary->n - 1) % LINES].object = object;
}

void
diary_print (const struct diary *diary, const struct object *object, const struct object *account)
{
    size_t shown = 0, first = diary->n > LINES ? diary->n - LINES : 0;
    for (size_t i = diary->n; i-- > first && shown < SHOWN;) {
        const struct object *about = diary->lines[i % LINES].object;
        if (about != object && about != account && i + 1 != diary->n)
            continue;
        fprintf (stderr, "  %s\n", diary->lines[i % LINES].text);
        shown++;
    }
}
