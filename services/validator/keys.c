#include "services/validator/keys.h"

#include "common/log/log.h"
#include "common/memory/memory.h"
#include "services/validator/store.h"

#include <stdlib.h>
#include <string.h>

enum { REFRESH_PAUSE_MS = 100, RETRY_MS = 500 };

struct wish {
    struct wish *next;
    keys_callback *callback;
    void *context;
};

struct public_keys {
    struct validator *validator;
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
    zloop_t *loop = keys->validator->process.loop;
    if (keys->querying)
        return;
    if (keys->timer != -1)
        zloop_timer_end (loop, keys->timer);
    int64_t pause = keys->waiting  ? REFRESH_PAUSE_MS
                    : keys->loaded ? keys->validator->settings.keys_interval_ms
                                   : RETRY_MS;
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

static void
keys_read (void *context, enum store_outcome outcome, const struct store_key *rows, size_t n)
{
    struct public_keys *keys = context;
    keys->querying = false;
    if (outcome == STORE_OK) {
        zhashx_t *table = table_new ();
        for (size_t i = 0; i < n; i++) {
            struct error error;
            struct jwt_key *key = jwt_key_from_public (rows[i].public_key, rows[i].size, &error);
            // The kid is the key's own thumbprint: a row that says otherwise was tampered with.
            if (key && strcmp (jwt_key_id (key), rows[i].kid) == 0) {
                zhashx_update (table, rows[i].kid, key);
            } else {
                log_error ("a signing key cannot be used", "kid", rows[i].kid, "error",
                           key ? "its kid is not its thumbprint" : error.text, NULL);
                jwt_key_destroy (&key);
            }
        }
        zhashx_destroy (&keys->by_kid);
        keys->by_kid = table;
        keys->loaded = true;
    }
    struct wish *served = keys->served;
    keys->served = NULL;
    wishes_end (served, outcome == STORE_OK);
    keys_plan (keys);
}

static void
keys_query (struct public_keys *keys)
{
    keys->querying = true;
    keys->last_query_ms = zclock_mono ();
    keys->served = keys->waiting;
    keys->waiting = NULL;
    store_public_keys (keys->validator->process.db, keys_read, keys);
}

struct public_keys *
keys_new (struct validator *validator)
{
    struct public_keys *keys = xcalloc (1, sizeof *keys);
    keys->validator = validator;
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
