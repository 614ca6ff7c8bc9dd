#include "services/issuer/mint.h"

#include "common/net/alarm.h"
#include "services/issuer/access.h"
#include "services/issuer/signing.h"

#include <stdlib.h>
#include <string.h>

// Of one thread at a time: so many take a millisecond or two, for which no answer waits in vain.
enum { BATCH_MAX = 64 };

// One token on its way, in its request's arena.
struct minting {
    struct asking *asking;
    char jti[ACCESS_JTI_SIZE];
    char *text;    // with room for the signature
    size_t length; // of what is to be signed
    bool made;     // it is signed
    struct minting *next;
};

struct mintings {
    struct minting *first, **last;
    size_t n;
};

// What a thread has.
struct batch {
    struct mint *mint;
    struct jwt_key *key; // shared with the one that is active, which may end before this is done
    struct mintings mintings;
};

struct mint {
    struct issuer *issuer;
    struct worker_pool *threads;
    struct alarm *alarm;
    struct mintings waiting;
    size_t busy; // threads
};

static void
add (struct mintings *list, struct minting *minting)
{
    minting->next = NULL;
    if (list->n++ == 0)
        list->first = minting;
    else
        *list->last = minting;
    list->last = &minting->next;
}

static struct minting *
pop (struct mintings *list)
{
    struct minting *minting = list->first;
    if (!minting)
        return NULL;
    list->first = minting->next;
    list->n--;
    return minting;
}

static void
tell (struct mintings *list, const char *why)
{
    struct minting *minting;
    while ((minting = pop (list)))
        token_minted (minting->asking, minting->jti, minting->made ? minting->text : NULL, why);
}

// Runs in a thread: touches the batch only.
static void
batch_sign (void *job)
{
    struct batch *batch = job;
    struct error error;
    for (struct minting *minting = batch->mintings.first; minting; minting = minting->next)
        minting->made = jwt_finish (batch->key, minting->text, minting->length, &error);
}

static void mint_go_on (void *context);

static void
batch_done (void *job)
{
    struct batch *batch = job;
    struct mint *mint = batch->mint;
    mint->busy--;
    tell (&batch->mintings, "there is no key, OpenSSL failed, or the process ends");
    jwt_key_destroy (&batch->key);
    free (batch);
    mint_go_on (mint);
}

// What is to be signed, with the key that its header names. False: the request has been answered.
static bool
minting_write (const struct mint *mint, const struct jwt_key *key, struct minting *minting)
{
    struct asking *asking = minting->asking;
    struct access access = token_access (asking);
    struct jwt_text jwt;
    struct error error;
    if (!access_write (mint->issuer, &access, minting->jti, &jwt, &error)) {
        token_minted (asking, minting->jti, NULL, error.text);
        return false;
    }
    minting->length = jwt.length;
    minting->text = arena_alloc (request_arena (asking->request), jwt.length + jwt_tail (key) + 1);
    if (!minting->text) {
        token_no_memory (asking);
        return false;
    }
    memcpy (minting->text, jwt.text, jwt.length);
    return true;
}

static struct batch *
batch_take (struct mint *mint)
{
    const struct jwt_key *key = signing_active (mint->issuer->signing);
    struct batch *batch = xcalloc (1, sizeof *batch);
    batch->mint = mint;
    batch->key = key ? jwt_key_share (key) : NULL;
    while (mint->waiting.n > 0 && batch->mintings.n < BATCH_MAX) {
        struct minting *minting = pop (&mint->waiting);
        if (!batch->key || minting_write (mint, key, minting))
            add (&batch->mintings, minting);
    }
    return batch;
}

// What waits goes to a thread that has nothing to do.
static void
mint_go_on (void *context)
{
    struct mint *mint = context;
    while (mint->waiting.n > 0 && mint->busy < (size_t) mint->issuer->settings.signing_threads) {
        struct batch *batch = batch_take (mint);
        mint->busy++;
        if (!batch->key || !worker_submit (mint->threads, batch_sign, batch_done, batch))
            batch_done (batch);
    }
}

struct mint *
mint_new (struct issuer *issuer)
{
    struct mint *mint = xcalloc (1, sizeof *mint);
    size_t threads = (size_t) issuer->settings.signing_threads;
    mint->issuer = issuer;
    mint->threads = worker_pool_new (issuer->process.loop, threads, threads);
    mint->alarm = alarm_new (issuer->process.loop, mint_go_on, mint);
    return mint;
}

void
mint_destroy (struct mint **mint_p)
{
    struct mint *mint = *mint_p;
    if (!mint)
        return;
    worker_pool_destroy (&mint->threads);
    tell (&mint->waiting, "the process ends");
    alarm_destroy (&mint->alarm);
    free (mint);
    *mint_p = NULL;
}

void
mint_add (struct mint *mint, struct asking *asking)
{
    struct minting *minting = arena_alloc (request_arena (asking->request), sizeof *minting);
    if (!minting) {
        token_no_memory (asking);
        return;
    }
    minting->asking = asking;
    add (&mint->waiting, minting);
    alarm_by (mint->alarm, 0); // at the end of this turn
}
