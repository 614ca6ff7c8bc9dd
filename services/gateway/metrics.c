#include "services/gateway/metrics.h"
#include "common/memory/memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 128, LABELS_MAX = 4, BOUNDS_MAX = 64, VALUE_SIZE = 32 };

struct text {
    char *data;
    size_t size, room;
};

// Figures of the same name.
struct family {
    char *name;
    Jeton__V1__StatKind kind;
    struct text head, samples;
};

struct metrics {
    struct family **families; // by name
    size_t n, room;
    size_t size, limit;
    bool over; // the limit has been reached
};

struct metrics *
metrics_new (size_t limit)
{
    struct metrics *metrics = xcalloc (1, sizeof *metrics);
    metrics->limit = limit;
    return metrics;
}

void
metrics_destroy (struct metrics **metrics_p)
{
    struct metrics *metrics = *metrics_p;
    if (metrics == NULL)
        return;
    for (size_t i = 0; i < metrics->n; i++) {
        free (metrics->families[i]->name);
        free (metrics->families[i]->head.data);
        free (metrics->families[i]->samples.data);
        free (metrics->families[i]);
    }
    free (metrics->families);
    free (metrics);
    *metrics_p = NULL;
}

// ---- text -----------------------------------------------------------------------------------------------------------

static void
text_add (struct metrics *metrics, struct text *text, const char *data, size_t size)
{
    metrics->over |= size > metrics->limit - metrics->size;
    if (metrics->over)
        return;
    if (size > text->room - text->size) {
        text->room = 2 * (text->size + size);
        text->data = xrealloc (text->data, text->room);
    }
    memcpy (text->data + text->size, data, size);
    text->size += size;
    metrics->size += size;
}

static void __attribute__ ((format (printf, 3, 4)))
text_print (struct metrics *metrics, struct text *text, const char *format, ...)
{
    char line[512]; // what is longer is added in pieces
    va_list arguments;
    va_start (arguments, format);
    int n = vsnprintf (line, sizeof line, format, arguments);
    va_end (arguments);
    if (n > 0 && (size_t) n < sizeof line)
        text_add (metrics, text, line, (size_t) n);
}

// Backslash and newline, and in the value of a label the quote.
static void
text_escape (struct metrics *metrics, struct text *text, const char *value, bool label)
{
    while (*value != '\0') {
        size_t plain = strcspn (value, label ? "\\\n\"" : "\\\n");
        text_add (metrics, text, value, plain);
        value += plain;
        if (*value == '\0')
            break;
        const char escaped[2] = {'\\', *value == '\n' ? 'n' : *value};
        text_add (metrics, text, escaped, 2);
        value++;
    }
}

// ---- what a figure is -----------------------------------------------------------------------------------------------

static bool
well_named (const char *name, const char *others)
{
    size_t length = strlen (name);
    return length > 0 && length < NAME_SIZE / 2 && *name >= 'a' && *name <= 'z' &&
           strspn (name, others) == length;
}

static bool
labels_good (const Jeton__V1__Stat *stat)
{
    static const char *const taken[] = {"service", "instance", "le"};
    if (stat->n_labels > LABELS_MAX)
        return false;
    for (size_t i = 0; i < stat->n_labels; i++) {
        const char *name = stat->labels[i]->name;
        if (!well_named (name, "abcdefghijklmnopqrstuvwxyz0123456789_"))
            return false;
        for (size_t k = 0; k < sizeof taken / sizeof *taken; k++)
            if (strcmp (name, taken[k]) == 0)
                return false;
        for (size_t k = 0; k < i; k++)
            if (strcmp (name, stat->labels[k]->name) == 0)
                return false;
    }
    return true;
}

static bool
buckets_good (const Jeton__V1__Stat *stat)
{
    if (stat->n_bounds > BOUNDS_MAX || stat->n_buckets != stat->n_bounds + 1)
        return false;
    for (size_t i = 1; i < stat->n_bounds; i++)
        if (stat->bounds[i] <= stat->bounds[i - 1])
            return false;
    return true;
}

static bool
stat_good (const Jeton__V1__Stat *stat)
{
    if (!well_named (stat->name, "abcdefghijklmnopqrstuvwxyz0123456789_.") || !labels_good (stat))
        return false;
    switch (stat->kind) {
    case JETON__V1__STAT_KIND__STAT_KIND_COUNTER:
    case JETON__V1__STAT_KIND__STAT_KIND_GAUGE:
        return true;
    case JETON__V1__STAT_KIND__STAT_KIND_HISTOGRAM:
        return buckets_good (stat);
    case JETON__V1__STAT_KIND__STAT_KIND_UNSPECIFIED:
    case _JETON__V1__STAT_KIND_IS_INT_SIZE:
        break;
    }
    return false;
}

// Digits of a second that the name's unit has behind the point; 0: it is no time.
static unsigned
decimals (const char *name)
{
    size_t length = strlen (name);
    if (length > 3 && strcmp (name + length - 3, "_us") == 0)
        return 6;
    return length > 3 && strcmp (name + length - 3, "_ms") == 0 ? 3 : 0;
}

static void
name_make (const Jeton__V1__Stat *stat, char name_r[NAME_SIZE])
{
    bool time = decimals (stat->name) > 0;
    int length = (int) strlen (stat->name) - (time ? 3 : 0);
    snprintf (name_r, NAME_SIZE, "jeton_%.*s%s%s", length, stat->name, time ? "_seconds" : "",
              stat->kind == JETON__V1__STAT_KIND__STAT_KIND_COUNTER ? "_total" : "");
    for (char *at = name_r; *at != '\0'; at++)
        if (*at == '.')
            *at = '_';
}

// "0.000016", "12", "3.5"
static void
number_make (uint64_t value, unsigned digits, char text_r[VALUE_SIZE])
{
    uint64_t unit = digits == 6 ? 1000000 : digits == 3 ? 1000 : 1;
    int n = snprintf (text_r, VALUE_SIZE, "%" PRIu64, value / unit);
    if (value % unit == 0)
        return;
    n += snprintf (text_r + n, VALUE_SIZE - (size_t) n, ".%0*" PRIu64, (int) digits, value % unit);
    while (text_r[n - 1] == '0')
        text_r[--n] = '\0';
}

// ---- families -------------------------------------------------------------------------------------------------------

static const char *
type_name (Jeton__V1__StatKind kind)
{
    if (kind == JETON__V1__STAT_KIND__STAT_KIND_COUNTER)
        return "counter";
    return kind == JETON__V1__STAT_KIND__STAT_KIND_GAUGE ? "gauge" : "histogram";
}

static void
family_insert (struct metrics *metrics, size_t at, struct family *family)
{
    if (metrics->n == metrics->room) {
        metrics->room = metrics->room == 0 ? 128 : 2 * metrics->room;
        metrics->families = xrealloc (metrics->families, metrics->room * sizeof *metrics->families);
    }
    memmove (metrics->families + at + 1, metrics->families + at,
             (metrics->n - at) * sizeof *metrics->families);
    metrics->families[at] = family;
    metrics->n++;
}

// NULL: another one of this name is of another kind, or there is no room.
static struct family *
family_of (struct metrics *metrics, const Jeton__V1__Stat *stat)
{
    char name[NAME_SIZE];
    size_t low = 0, high = metrics->n;
    name_make (stat, name);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct family *family = metrics->families[middle];
        int order = strcmp (name, family->name);
        if (order == 0)
            return family->kind == stat->kind ? family : NULL;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    struct family *family = xcalloc (1, sizeof *family);
    family->name = xstrdup (name);
    family->kind = stat->kind;
    family_insert (metrics, low, family);
    text_print (metrics, &family->head, "# HELP %s ", name);
    text_escape (metrics, &family->head, stat->help, false);
    text_print (metrics, &family->head, "\n# TYPE %s %s\n", name, type_name (stat->kind));
    return family;
}

// ---- samples --------------------------------------------------------------------------------------------------------

// A figure of an instance.
struct sample {
    struct metrics *metrics;
    struct family *family;
    const Jeton__V1__Stat *stat;
    const char *service, *instance;
};

static void
label_add (const struct sample *sample, const char *before, const char *name, const char *value)
{
    struct text *text = &sample->family->samples;
    text_print (sample->metrics, text, "%s%s=\"", before, name);
    text_escape (sample->metrics, text, value, true);
    text_add (sample->metrics, text, "\"", 1);
}

// le NULL: it is no bucket.
static void
sample_add (const struct sample *sample, const char *suffix, const char *le, const char *value)
{
    struct text *text = &sample->family->samples;
    text_print (sample->metrics, text, "%s%s", sample->family->name, suffix);
    label_add (sample, "{", "service", sample->service);
    label_add (sample, ",", "instance", sample->instance);
    for (size_t i = 0; i < sample->stat->n_labels; i++)
        label_add (sample, ",", sample->stat->labels[i]->name, sample->stat->labels[i]->value);
    if (le != NULL)
        label_add (sample, ",", "le", le);
    text_print (sample->metrics, text, "} %s\n", value);
}

// Each bucket of Prometheus has those below it as well.
static void
histogram_add (const struct sample *sample, unsigned digits)
{
    const Jeton__V1__Stat *stat = sample->stat;
    char value[VALUE_SIZE], le[VALUE_SIZE];
    uint64_t n = 0;
    for (size_t i = 0; i < stat->n_buckets; i++) {
        n += stat->buckets[i];
        number_make (n, 0, value);
        if (i < stat->n_bounds)
            number_make (stat->bounds[i], digits, le);
        sample_add (sample, "_bucket", i < stat->n_bounds ? le : "+Inf", value);
    }
    number_make (stat->sum, digits, value);
    sample_add (sample, "_sum", NULL, value);
    number_make (n, 0, value);
    sample_add (sample, "_count", NULL, value);
}

void
metrics_add (struct metrics *metrics, const Jeton__V1__Stat *stat, const char *service,
             const char *instance)
{
    if (metrics->over || !stat_good (stat))
        return;
    struct sample sample = {metrics, family_of (metrics, stat), stat, service, instance};
    unsigned digits = decimals (stat->name);
    char value[VALUE_SIZE];
    if (sample.family == NULL)
        return;
    if (stat->kind == JETON__V1__STAT_KIND__STAT_KIND_HISTOGRAM) {
        histogram_add (&sample, digits);
        return;
    }
    number_make (stat->value, digits, value);
    sample_add (&sample, "", NULL, value);
}

char *
metrics_text (const struct metrics *metrics, size_t *size_r)
{
    if (metrics->over)
        return NULL;
    char *all = xcalloc (1, metrics->size + 1), *at = all;
    for (size_t i = 0; i < metrics->n; i++) {
        const struct family *family = metrics->families[i];
        const struct text *texts[] = {&family->head, &family->samples};
        for (size_t k = 0; k < 2; k++)
            if (texts[k]->size > 0) {
                memcpy (at, texts[k]->data, texts[k]->size);
                at += texts[k]->size;
            }
    }
    *size_r = metrics->size;
    return all;
}
