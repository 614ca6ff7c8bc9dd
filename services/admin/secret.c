#include "services/admin/secret.h"
#include "common/crypto/crypto.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include <sodium.h>
#include <string.h>

// A worker touches `password`, `hash` and `hashed` only.
struct secret {
    struct request *request;
    request_callback *next;
    char *password; // in the message
    bool hashed;    // `hash` is there; it is made once, however often the change is tried
    char hash[CRYPTO_PASSWORD_HASH_SIZE];
};

bool
secret_begin (struct request *request, char *password)
{
    struct change *change = request_context (request);
    if (change->secret || !password || !*password)
        return true;
    change->secret = arena_alloc (request_arena (request), sizeof *change->secret);
    if (!change->secret) {
        change_no_memory (request);
        return false;
    }
    change->secret->request = request;
    change->secret->password = password;
    return true;
}

// Runs in a worker thread.
static void
secret_work (void *job)
{
    struct secret *secret = job;
    secret->hashed = password_hash (secret->password, secret->hash);
}

static void
secret_done (void *job)
{
    struct secret *secret = job;
    sodium_memzero (secret->password, strlen (secret->password));
    if (secret->hashed)
        secret->next (secret->request);
    else
        request_fail (secret->request, JETON__V1__CODE__CODE_UNAVAILABLE,
                      "no memory to hash the password, or the process is ending: try again");
}

void
secret_hashed (struct request *request, request_callback *next)
{
    const struct admin *admin = request_owner (request);
    const struct change *change = request_context (request);
    struct secret *secret = change->secret;
    if (!secret || secret->hashed) {
        next (request);
        return;
    }
    secret->next = next;
    if (!worker_submit (admin->workers, secret_work, secret_done, secret))
        request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "too many passwords wait to be hashed: try again later");
}

const char *
secret_hash (const struct change *change)
{
    return change->secret && change->secret->hashed ? change->secret->hash : NULL;
}
