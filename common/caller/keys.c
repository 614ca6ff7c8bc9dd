#include "common/caller/keys.h"

#include "common/log/log.h"
#include "common/memory/memory.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { REFRESH_PAUSE_MS = 100, RETRY_MS = 500 };

struct wish {
    struct wish *next;
    keys_callback *callback;
    void *context;
    char kid[JWT_KID_SIZE];
};

// A kid of which there is no key: where its digest says, and nothing but its digest. The last one of a place stays.
struct missing {
    uint64_t digest;
    int64_t until_ms;
};

struct public_keys {
    struct db *db;
    int statement;
    const int64_t *interval_ms;
    zhashx_t *by_kid;     // struct known
    uint64_t reading;     // how many there were
    struct wish *waiting; // for the next query
    struct wish *served;  // by the query under way
    int64_t last_query_ms;
    int64_t read_ms;   // when the query was sent that brought what is in memory
    struct loop *loop; // gone when keys_destroy is called
    int timer;         // for the next query, which is due at due_ms; -1: none
    int64_t due_ms;
    char missed[JWT_KID_SIZE]; // by the last keys_verify; "": no name that could be a key's
    uint8_t digest_key[crypto_shorthash_KEYBYTES];
    struct missing missing[KEYS_MISSING_MAX];
    bool loaded, querying;
};

// One of them. `reading`: the number of the last reading that had it.
struct known {
    struct jwt_key *key;
    uint64_t reading;
};

static void
known_destroy (void **item)
{
    struct known *known = *item;
    jwt_key_destroy (&known->key);
    free (known);
    *item = NULL;
}

static zhashx_t *
table_new (void)
{
    zhashx_t *table = zhashx_new ();
    zhashx_set_destructor (table, known_destroy);
    return table;
}

static void keys_query (struct public_keys *keys);

static void keys_plan (struct public_keys *keys);

static int
keys_due (struct loop *loop, int timer, void *argument)
{
    (void) loop;
    (void) timer;
    struct public_keys *keys = argument;
    keys->timer = -1;
    // Two queries at once would lose the wishes of the first.
    if (!keys->querying && zclock_mono () >= keys->due_ms)
        keys_query (keys);
    else
        keys_plan (keys);
    return 0;
}

// The one place that plans the next query.
static void
keys_plan (struct public_keys *keys)
{
    int64_t pause = keys->waiting ? REFRESH_PAUSE_MS : keys->loaded ? *keys->interval_ms : RETRY_MS;
    if (keys->querying)
        return;
    if (keys->timer != -1)
        loop_timer_end (keys->loop, keys->timer);
    keys->due_ms = keys->last_query_ms + pause;
    int64_t wait = keys->due_ms - zclock_mono ();
    keys->timer = loop_timer (keys->loop, wait > 0 ? (size_t) wait : 0, 1, keys_due, keys);
}

// ---- what is not there

// Keyed, so that nobody can choose names that have a place in common.
static struct missing *
missing_place (struct public_keys *keys, const char *kid, uint64_t *digest_r)
{
    uint8_t digest[crypto_shorthash_BYTES];
    crypto_shorthash (digest, (const uint8_t *) kid, strlen (kid), keys->digest_key);
    memcpy (digest_r, digest, sizeof *digest_r);
    return &keys->missing[*digest_r % KEYS_MISSING_MAX];
}

static bool
is_missing (struct public_keys *keys, const char *kid)
{
    uint64_t digest;
    const struct missing *missing = missing_place (keys, kid, &digest);
    return missing->digest == digest && zclock_mono () < missing->until_ms;
}

static void
missing_note (struct public_keys *keys, const struct wish *wish)
{
    for (; wish; wish = wish->next) {
        if (!wish->kid[0])
            continue;
        uint64_t digest;
        struct missing *missing = missing_place (keys, wish->kid, &digest);
        if (!zhashx_lookup (keys->by_kid, wish->kid))
            *missing = (struct missing){digest, zclock_mono () + KEYS_MISSING_MS};
    }
}

// ---- reading

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

// One bad row must not take the other keys down. A key that is known is not made again, as that costs as much as checking signatures: its name is its
// own thumbprint, whatever its row has become.
static void
key_take (struct public_keys *keys, const PGresult *result, int row)
{
    uint8_t der[JWT_PUBLIC_MAX];
    size_t size;
    const char *kid;
    if (!db_get_text (result, row, 0, &kid) ||
        !db_get_bytes (result, row, 1, der, sizeof der, &size)) {
        log_error ("a signing key's row makes no sense", "kid", PQgetvalue (result, row, 0), NULL);
        return;
    }
    struct known *known = zhashx_lookup (keys->by_kid, kid);
    if (known) {
        known->reading = keys->reading;
        return;
    }
    struct error error;
    struct jwt_key *key = jwt_key_from_public (der, size, &error);
    // A row that says otherwise was tampered with.
    if (key && strcmp (jwt_key_id (key), kid) == 0) {
        known = xcalloc (1, sizeof *known);
        *known = (struct known){key, keys->reading};
        zhashx_update (keys->by_kid, kid, known);
        return;
    }
    log_error ("a signing key cannot be used", "kid", kid, "error",
               key ? "its kid is not its thumbprint" : error.text, NULL);
    jwt_key_destroy (&key);
}

// Those that are revoked, or older than any token.
static void
drop_gone (struct public_keys *keys)
{
    zlistx_t *names = zhashx_keys (keys->by_kid);
    for (const char *kid = zlistx_first (names); kid; kid = zlistx_next (names)) {
        const struct known *known = zhashx_lookup (keys->by_kid, kid);
        if (known->reading != keys->reading)
            zhashx_delete (keys->by_kid, kid);
    }
    zlistx_destroy (&names);
}

static void
keys_read (void *context, enum db_outcome outcome, PGresult *const *results,
           const struct db_error *error)
{
    struct public_keys *keys = context;
    (void) error; // db has logged what is a defect
    keys->querying = false;
    if (outcome == DB_OK) {
        keys->reading++;
        for (int row = 0; row < PQntuples (results[0]); row++)
            key_take (keys, results[0], row);
        drop_gone (keys);
        keys->read_ms = keys->last_query_ms;
        keys->loaded = true;
    }
    struct wish *served = keys->served;
    keys->served = NULL;
    if (outcome == DB_OK)
        missing_note (keys, served);
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
keys_new (struct loop *loop, struct db *db, int statement, const int64_t *interval_ms)
{
    struct public_keys *keys = xcalloc (1, sizeof *keys);
    keys->db = db;
    keys->statement = statement;
    keys->interval_ms = interval_ms;
    keys->by_kid = table_new ();
    keys->loop = loop;
    keys->timer = -1;
    randombytes_buf (keys->digest_key, sizeof keys->digest_key);
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

// A jwt_find_key.
static const struct jwt_key *
find (void *context, const char *kid)
{
    struct public_keys *keys = context;
    // Ours always name their key; czmq asserts that there is a name to look up.
    const struct known *known = kid ? zhashx_lookup (keys->by_kid, kid) : NULL;
    if (!known && kid && strlen (kid) == JWT_KID_SIZE - 1)
        memcpy (keys->missed, kid, JWT_KID_SIZE);
    return known ? known->key : NULL;
}

enum jwt_result
keys_verify (struct public_keys *keys, const char *token, size_t length, json_t **claims_r)
{
    keys->missed[0] = '\0';
    return jwt_verify (token, length, "at+jwt", find, keys, claims_r, NULL);
}

void
keys_read_now (struct public_keys *keys, keys_callback *callback, void *context)
{
    struct wish *wish = xcalloc (1, sizeof *wish);
    wish->callback = callback;
    wish->context = context;
    wish->next = keys->waiting;
    keys->waiting = wish;
    keys_plan (keys);
}

bool
keys_refresh (struct public_keys *keys, bool told, keys_callback *callback, void *context)
{
    if (!keys->missed[0] || is_missing (keys, keys->missed))
        return false;
    if (told && keys->loaded && zclock_mono () - keys->read_ms < KEYS_BELIEVED_MS)
        return false;
    struct wish *wish = xcalloc (1, sizeof *wish);
    wish->callback = callback;
    wish->context = context;
    memcpy (wish->kid, keys->missed, sizeof wish->kid);
    wish->next = keys->waiting;
    keys->waiting = wish;
    keys_plan (keys);
    return true;
}
