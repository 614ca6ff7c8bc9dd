#include "common/token/client_keys.h"

#include "common/memory/memory.h"

#include <stdlib.h>
#include <string.h>

struct client_keys {
    size_t n;
    struct jwt_key *keys[CLIENT_KEYS_MAX];
    char kids[CLIENT_KEYS_MAX][JWT_KID_SIZE];
};

// The key's name: NULL when its member is none of ours.
static const char *
kid_of (const json_t *jwk, const struct jwt_key *key)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const json_t *member = json_object_get (jwk, "kid");
    if (!member)
        return jwt_key_id (key);
    const char *kid = json_string_value (member);
    size_t length = json_string_length (member);
    return kid && length >= 1 && length < JWT_KID_SIZE && strspn (kid, alphabet) == length ? kid
                                                                                           : NULL;
}

static bool
key_add (struct client_keys *keys, const json_t *jwk, struct error *error_r)
{
    struct jwt_key *key = jwt_key_from_jwk (jwk, error_r);
    if (!key)
        return false;
    keys->keys[keys->n] = key; // which the destruction finds, whatever follows
    const char *kid = kid_of (jwk, key);
    if (!kid) {
        error_set (error_r, "its kid is not of 1 to %d characters of base64url", JWT_KID_SIZE - 1);
        return false;
    }
    if (jwt_key_algorithm (key) == JWT_RS256) {
        error_set (error_r, "it is not a key of P-256 or Ed25519");
        return false;
    }
    for (size_t i = 0; i < keys->n; i++)
        if (strcmp (keys->kids[i], kid) == 0) {
            error_set (error_r, "another one has the same kid");
            return false;
        }
    memcpy (keys->kids[keys->n++], kid, strlen (kid) + 1);
    return true;
}

struct client_keys *
client_keys_read (const char *jwks, struct error *error_r)
{
    size_t length = strlen (jwks);
    json_t *set = length <= CLIENT_KEYS_TEXT_MAX
                      ? json_loadb (jwks, length, JSON_REJECT_DUPLICATES, NULL)
                      : NULL;
    const json_t *array = json_object_get (set, "keys");
    size_t n = json_array_size (array);
    struct client_keys *keys = NULL;
    if (n < 1 || n > CLIENT_KEYS_MAX) {
        error_set (error_r, "must be a JWK set of 1 to %d keys, of %d bytes at most",
                   CLIENT_KEYS_MAX, CLIENT_KEYS_TEXT_MAX);
    } else {
        keys = xcalloc (1, sizeof *keys);
        for (size_t i = 0; keys && i < n; i++)
            if (!key_add (keys, json_array_get (array, i), error_r)) {
                error_prefix (error_r, "keys[%zu]", i);
                client_keys_destroy (&keys);
            }
    }
    json_decref (set);
    return keys;
}

void
client_keys_destroy (struct client_keys **keys)
{
    if (!*keys)
        return;
    for (size_t i = 0; i < CLIENT_KEYS_MAX; i++)
        jwt_key_destroy (&(*keys)->keys[i]);
    free (*keys);
    *keys = NULL;
}

const struct jwt_key *
client_keys_find (const struct client_keys *keys, const char *kid)
{
    if (!kid)
        return keys->n == 1 ? keys->keys[0] : NULL;
    for (size_t i = 0; i < keys->n; i++)
        if (strcmp (keys->kids[i], kid) == 0)
            return keys->keys[i];
    return NULL;
}
