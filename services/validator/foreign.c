#include "services/validator/foreign.h"

#include "common/log/log.h"
#include "common/memory/memory.h"
#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 100 };

struct prefix {
    size_t length;
    char text[FOREIGN_PREFIX_SIZE];
};

struct foreign {
    struct loop *loop;
    struct db *db;
    int statement;
    const int64_t *interval_ms;
    foreign_callback *callback; // when they are loaded
    void *context;
    bool loaded;
    size_t n;
    struct prefix prefixes[FOREIGN_PREFIXES_MAX];
};

// One that makes no sense must not open the door to everything, nor take the others down.
static bool
prefix_take (const PGresult *result, int row, struct prefix *prefix_r)
{
    const char *text;
    if (!db_get_text (result, row, 0, &text) || strlen (text) < 4 ||
        strlen (text) >= FOREIGN_PREFIX_SIZE) {
        log_error ("a foreign prefix makes no sense", NULL);
        return false;
    }
    prefix_r->length = strlen (text);
    memcpy (prefix_r->text, text, prefix_r->length + 1);
    return true;
}

static void foreign_plan (struct foreign *foreign, int64_t wait_ms);

static void
foreign_read (void *context, enum db_outcome outcome, PGresult *const *results,
              const struct db_error *error)
{
    struct foreign *foreign = context;
    (void) error; // db has logged what is a defect
    if (outcome == DB_OK) {
        foreign->n = 0;
        for (int row = 0; row < PQntuples (results[0]) && foreign->n < FOREIGN_PREFIXES_MAX; row++)
            foreign->n += prefix_take (results[0], row, &foreign->prefixes[foreign->n]);
        if (!foreign->loaded) {
            foreign->loaded = true;
            foreign->callback (foreign->context);
        }
    }
    foreign_plan (foreign, foreign->loaded ? *foreign->interval_ms : RETRY_MS);
}

static int
foreign_due (struct loop *loop, int timer, void *context)
{
    (void) loop;
    (void) timer;
    struct foreign *foreign = context;
    db_call (foreign->db, foreign->statement, NULL, foreign_read, foreign);
    return 0;
}

// There is one timer or one query at a time, and no timer is ever ended.
static void
foreign_plan (struct foreign *foreign, int64_t wait_ms)
{
    loop_timer (foreign->loop, (size_t) wait_ms, 1, foreign_due, foreign);
}

struct foreign *
foreign_new (struct loop *loop, struct db *db, int statement, const int64_t *interval_ms,
             foreign_callback *loaded, void *context)
{
    struct foreign *foreign = xcalloc (1, sizeof *foreign);
    foreign->loop = loop;
    foreign->db = db;
    foreign->statement = statement;
    foreign->interval_ms = interval_ms;
    foreign->callback = loaded;
    foreign->context = context;
    foreign_plan (foreign, 0);
    return foreign;
}

void
foreign_destroy (struct foreign **foreign)
{
    if (!*foreign)
        return;
    free (*foreign);
    *foreign = NULL;
}

bool
foreign_loaded (const struct foreign *foreign)
{
    return foreign->loaded;
}

bool
foreign_match (const struct foreign *foreign, const char *value, size_t length)
{
    for (size_t i = 0; i < foreign->n && length <= FOREIGN_VALUE_MAX; i++)
        if (length > foreign->prefixes[i].length &&
            memcmp (foreign->prefixes[i].text, value, foreign->prefixes[i].length) == 0)
            return true;
    return false;
}
