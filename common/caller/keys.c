#include "common/caller/keys.h"

#include "common/log/log.h"
#include "common/memory/memory.h"
#include <stdlib.h>
#include <string.h>

enum { KEY_SIZE_MAX = 1024, REFRESH_PAUSE_MS = 100, RETRY_MS = 500 };

struct wish {
    struct wish *next;
    keys_callback *callback;
    void *context;
};

struct public_keys {
    zloop_t *loop;
    struct db *db;
    int statement;
    const int64_t *interval_ms;
    zhashx_t *by_kid;
    struct wish *waiting; // for the next query
    struct wish *served;  // by the query under way
    int64_t last_query_ms;
    int timer; // of the next query, -1: none
    bool loaded, querying;
};

static void
key_destroy (void **item)
{
    struct jwt_key *key = *item;
    jwt_key_destroy (&key);
    *item = NULL;
}

static zhashx_t *
table_new (void)
{
    zhashx_t *table = zhashx_new ();
    zhashx_set_destructor (table, key_destroy);
    return table;
}

static void keys_query (struct public_keys *keys);

static int
keys_due (zloop_t *loop, int timer, void *argument)
{
    (void) loop;
    (void) timer;
    struct public_keys *keys = argument;
    keys->timer = -1;
    keys_query (keys);
    return 0;
}

// The one place that plans the next query.
static void
keys_plan (struct public_keys *keys)
{
    zloop_t *loop = keys->loop;
    if (keys->querying)
        return;
    if (keys->timer != -1)
        zloop_timer_end (loop, keys->timer);
    int64_t pause = keys->waiting ? REFRESH_PAUSE_MS : keys->loaded ? *keys->interval_ms : RETRY_MS;
    int64_t wait = keys->last_query_ms + pause - zclock_mono ();
    keys->timer = zloop_timer (loop, wait > 0 ? (size_t) wait : 0, 1, keys_due, keys);
}

static void
wishes_end (struct wish *wish, bool loaded)
{
    while (wish) {
        struct wish *next = wish->next;
        wish->callback (wish->context, loaded);
        free (wish);
        wish = next;
    }
}

// Whoever waited is gone: the server that the wishes came through has ended, and their requests with it.
static void
wishes_drop (struct wish *wish)
{
    while (wish) {
        struct wish *next = wish->next;
        free (wish);
        wish = next;
    }
}

// One bad row must not take the other keys down.
static void
key_take (zhashx_t *table, const PGresult *result, int row)
{
    uint8_t der[KEY_SIZE_MAX];
    size_t size;
    const char *kid;
    if (!db_get_text (result, row, 0, &kid) ||
        !db_get_bytes (result, row, 1, der, sizeof der, &size)) {
        log_error ("a signing key's row makes no sense", "kid", PQgetvalue (result, row, 0), NULL);
        return;
    }
    struct error error;
    struct jwt_key *key = jwt_key_from_public (der, size, &error);
    // The kid is the key's own thumbprint: a row that says otherwise was tampered with.
    if (key && strcmp (jwt_key_id (key), kid) == 0) {
        zhashx_update (table, kid, key);
        return;
    }
    log_error ("a signing key cannot be used", "kid", kid, "error",
               key ? "its kid is not its thumbprint" : error.text, NULL);
    jwt_key_destroy (&key);
}

static void
keys_read (void *context, enum db_outcome outcome, PGresult *const *results,
           const struct db_error *error)
{
    struct public_keys *keys = context;
    (void) error; // db has logged what is a defect
    keys->querying = false;
    if (outcome == DB_OK) {
        zhashx_t *table = table_new ();
        for (int row = 0; row < PQntuples (results[0]); row++)
            key_take (table, results[0], row);
        zhashx_destroy (&keys->by_kid);
        keys->by_kid = table;
        keys->loaded = true;
    }
    struct wish *served = keys->served;
    keys->served = NULL;
    wishes_end (served, outcome == DB_OK);
    keys_plan (keys);
}

static void
keys_query (struct public_keys *keys)
{
    keys->querying = true;
    keys->last_query_ms = zclock_mono ();
    keys->served = keys->waiting;
    keys->waiting = NULL;
    db_call (keys->db, keys->statement, NULL, keys_read, keys);
}

struct public_keys *
keys_new (zloop_t *loop, struct db *db, int statement, const int64_t *interval_ms)
{
    struct public_keys *keys = xcalloc (1, sizeof *keys);
    keys->loop = loop;
    keys->db = db;
    keys->statement = statement;
    keys->interval_ms = interval_ms;
    keys->by_kid = table_new ();
    keys->timer = -1;
    keys->last_query_ms = zclock_mono () - RETRY_MS;
    keys_plan (keys);
    return keys;
}

void
keys_destroy (struct public_keys **keys)
{
    if (!*keys)
        return;
    wishes_drop ((*keys)->waiting);
    wishes_drop ((*keys)->served);
    zhashx_destroy (&(*keys)->by_kid);
    free (*keys);
    *keys = NULL;
}

bool
keys_loaded (const struct public_keys *keys)
{
    return keys->loaded;
}

const struct jwt_key *
keys_find (void *context, const char *kid)
{
    struct public_keys *keys = context;
    // Ours always name their key; czmq asserts that there is a name to look up.
    return kid ? zhashx_lookup (keys->by_kid, kid) : NULL;
}

void
keys_refresh (struct public_keys *keys, keys_callback *callback, void *context)
{
    struct wish *wish = xcalloc (1, sizeof *wish);
    wish->callback = callback;
    wish->context = context;
    wish->next = keys->waiting;
    keys->waiting = wish;
    keys_plan (keys);
}
