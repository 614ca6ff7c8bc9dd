#include "services/issuer/sealed.h"

#include "common/memory/memory.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void
seal_context (const char *kid, char context_r[64])
{
    snprintf (context_r, 64, "signing-key %s", kid);
}

// ---- making --------------------------------------------------------------------------------------------------------

struct making {
    const struct seal_keys *seal_keys; // never change while the process runs
    enum jwt_algorithm algorithm;
    struct store_signing_key key;
    bool made;
    struct error error;
    sealed_key_callback *callback;
    void *context;
};

static bool
row_fill (const struct seal_keys *seal_keys, const struct jwt_key *key,
          struct store_signing_key *row, struct error *error_r)
{
    uint8_t *private_key = NULL, *public_key = NULL;
    size_t private_size = 0, public_size = 0;
    char context[64];
    bool good = false;
    if (!jwt_key_private (key, &private_key, &private_size) ||
        !jwt_key_public (key, &public_key, &public_size) || public_size > JWT_PUBLIC_MAX ||
        private_size > JWT_PRIVATE_MAX) {
        error_set (error_r, "a new signing key could not be written as DER");
    } else {
        snprintf (row->kid, sizeof row->kid, "%s", jwt_key_id (key));
        row->algorithm = jwt_key_algorithm (key);
        row->created_at = time (NULL);
        memcpy (row->public_key, public_key, public_size);
        row->public_size = public_size;
        seal_context (row->kid, context);
        row->sealed_size = private_size + CRYPTO_SEAL_OVERHEAD;
        good = seal (seal_keys, context, private_key, private_size, row->sealed_key);
        if (!good)
            error_set (error_r, "a new signing key could not be sealed");
    }
    if (private_key)
        sodium_memzero (private_key, private_size);
    free (private_key);
    free (public_key);
    return good;
}

// Runs in a worker: touches the job only.
static void
sealed_key_work (void *job)
{
    struct making *making = job;
    struct jwt_key *key = jwt_key_generate (making->algorithm, &making->error);
    making->made = key && row_fill (making->seal_keys, key, &making->key, &making->error);
    jwt_key_destroy (&key);
}

static void
sealed_key_made (void *job)
{
    cleanup_free struct making *making = job;
    making->callback (making->context, making->made ? &making->key : NULL, making->error.text);
}

bool
sealed_key_make (struct issuer *issuer, sealed_key_callback *callback, void *context)
{
    struct making *making = xcalloc (1, sizeof *making);
    making->seal_keys = issuer->seal_keys;
    making->algorithm = issuer->algorithm;
    making->callback = callback;
    making->context = context;
    error_set (&making->error, "the process ends"); // if no worker comes to it
    if (worker_submit (issuer->workers, sealed_key_work, sealed_key_made, making))
        return true;
    free (making);
    return false;
}

// ---- opening -------------------------------------------------------------------------------------------------------

struct jwt_key *
sealed_key_open (const struct seal_keys *keys, const struct store_signing_key *row,
                 struct error *error_r)
{
    uint8_t private_key[sizeof row->sealed_key];
    char context[64];
    seal_context (row->kid, context);
    if (row->sealed_size <= CRYPTO_SEAL_OVERHEAD ||
        !seal_open (keys, context, row->sealed_key, row->sealed_size, private_key)) {
        error_set (error_r,
                   "signing key %s cannot be opened with the keys in the file that the "
                   "setting seal_keys names: it was sealed with another",
                   row->kid);
        return NULL;
    }
    struct jwt_key *key =
        jwt_key_from_private (private_key, row->sealed_size - CRYPTO_SEAL_OVERHEAD, error_r);
    sodium_memzero (private_key, sizeof private_key);
    if (key && strcmp (jwt_key_id (key), row->kid) != 0) {
        error_set (error_r, "signing key %s is not the key that its kid names", row->kid);
        jwt_key_destroy (&key);
    }
    return key;
}
