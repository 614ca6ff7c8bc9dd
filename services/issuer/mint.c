#include "services/issuer/mint.h"

#include "common/net/alarm.h"
#include "services/issuer/access.h"
#include "services/issuer/signing.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// So many a thread signs before it hands them back: a third of a millisecond, for which no answer waits in vain. PASSES are with each thread, so that it finds the next one
// while the loop has not yet looked at the last.
enum { PASS_MAX = 16, PASSES = 3 };

// One token on its way, in its request's arena.
struct minting {
    struct asking *asking;
    char jti[ACCESS_JTI_SIZE];
    char *text;     // with room for the signature
    size_t length;  // of what is to be signed
    uint64_t epoch; // of the key that its header names
    bool made;      // it is signed
    struct minting *next;
};

struct mintings {
    struct minting *first, **last;
    size_t n;
};

// A turn of a thread: it takes what is there when it begins.
struct pass {
    struct mint *mint;
    struct jwt_key
        *key; // shared with the one that was active in that epoch, which may have ended since
    uint64_t epoch;
    struct mintings taken;
    struct pass *next; // of those that no thread has
};

struct mint {
    struct issuer *issuer;
    struct worker_pool *threads;
    struct alarm *alarm;
    struct mintings waiting; // for what their headers are to say
    struct pass *passes, *free;
    size_t n_passes, out; // out: with the threads
    uint64_t epoch;       // from 1; another key is another epoch
    char kid[JWT_KID_SIZE];
    pthread_mutex_t mutex;
    // Under the mutex:
    struct mintings written; // to be signed
    size_t queued;           // passes that no thread has begun
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

static const char not_signed[] = "there is no key, OpenSSL failed, or the process ends";

// Runs in a thread: touches the pass, and under the mutex what is written.
static void
pass_sign (void *job)
{
    struct pass *pass = job;
    struct mint *mint = pass->mint;
    struct error error;
    pthread_mutex_lock (&mint->mutex);
    mint->queued--;
    const struct mintings *written = &mint->written;
    while (pass->taken.n < PASS_MAX && written->n > 0 && written->first->epoch == pass->epoch)
        add (&pass->taken, pop (&mint->written));
    pthread_mutex_unlock (&mint->mutex);
    for (struct minting *minting = pass->taken.first; minting; minting = minting->next)
        minting->made = jwt_finish (pass->key, minting->text, minting->length, &error);
}

static void mint_go_on (void *context);

// First the thread has something to do again.
static void
pass_done (void *job)
{
    struct pass *pass = job;
    struct mint *mint = pass->mint;
    struct mintings taken = pass->taken;
    pass->taken = (struct mintings){0};
    pass->next = mint->free;
    mint->free = pass;
    mint->out--;
    mint_go_on (mint);
    tell (&taken, not_signed);
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
    minting->epoch = mint->epoch;
    minting->length = jwt.length;
    minting->text = arena_alloc (request_arena (asking->request), jwt.length + jwt_tail (key) + 1);
    if (!minting->text) {
        token_no_memory (asking);
        return false;
    }
    memcpy (minting->text, jwt.text, jwt.length);
    return true;
}

// Another key is active than before: what no thread has taken yet is written again.
static void
epoch_begin (struct mint *mint, const struct jwt_key *key)
{
    struct mintings all = {0};
    struct minting *minting;
    pthread_mutex_lock (&mint->mutex);
    while ((minting = pop (&mint->written)))
        add (&all, minting);
    pthread_mutex_unlock (&mint->mutex);
    while ((minting = pop (&mint->waiting)))
        add (&all, minting);
    while ((minting = pop (&all)))
        add (&mint->waiting, minting);
    mint->epoch++;
    memcpy (mint->kid, jwt_key_id (key), sizeof mint->kid);
}

static void
waiting_write (struct mint *mint, const struct jwt_key *key)
{
    struct mintings written = {0};
    struct access_random random;
    struct minting *minting;
    random.n = 0; // the bytes are written before they are read
    while ((minting = pop (&mint->waiting))) {
        access_jti_next (&random, 1 + mint->waiting.n, minting->jti);
        if (minting_write (mint, key, minting))
            add (&written, minting);
    }
    if (written.n == 0)
        return;
    pthread_mutex_lock (&mint->mutex);
    while ((minting = pop (&written)))
        add (&mint->written, minting);
    pthread_mutex_unlock (&mint->mutex);
}

// False: a pass is missing that what is written needs; there is none left, or it cannot have the key.
static bool
pass_send (struct mint *mint, const struct jwt_key *key)
{
    struct pass *pass = mint->free;
    if (!pass)
        return false;
    if (pass->epoch != mint->epoch) {
        jwt_key_destroy (&pass->key);
        pass->key = jwt_key_share (key);
        pass->epoch = pass->key ? mint->epoch : 0;
    }
    pthread_mutex_lock (&mint->mutex);
    mint->queued++;
    pthread_mutex_unlock (&mint->mutex);
    if (pass->key && worker_submit (mint->threads, pass_sign, pass_done, pass)) {
        mint->free = pass->next;
        mint->out++;
        return true;
    }
    pthread_mutex_lock (&mint->mutex);
    mint->queued--;
    pthread_mutex_unlock (&mint->mutex);
    return false;
}

static bool
pass_wanted (struct mint *mint)
{
    pthread_mutex_lock (&mint->mutex);
    bool wanted = mint->queued * PASS_MAX < mint->written.n;
    pthread_mutex_unlock (&mint->mutex);
    return wanted;
}

// What waits goes to the threads.
static void
mint_go_on (void *context)
{
    struct mint *mint = context;
    const struct jwt_key *key = signing_active (mint->issuer->signing);
    if (!mint->threads) // it ends, and so will what is left
        return;
    if (key && strcmp (mint->kid, jwt_key_id (key)) != 0)
        epoch_begin (mint, key);
    if (key)
        waiting_write (mint, key);
    else
        tell (&mint->waiting, not_signed);
    while (key && pass_wanted (mint))
        if (!pass_send (mint, key))
            break;
    // While a pass is out, this runs again. When none is, no thread looks at what is written.
    if (mint->out == 0)
        tell (&mint->written, not_signed);
}

struct mint *
mint_new (struct issuer *issuer)
{
    struct mint *mint = xcalloc (1, sizeof *mint);
    size_t threads = (size_t) issuer->settings.signing_threads;
    mint->issuer = issuer;
    mint->n_passes = PASSES * threads;
    mint->passes = xcalloc (mint->n_passes, sizeof *mint->passes);
    for (size_t i = 0; i < mint->n_passes; i++) {
        mint->passes[i] = (struct pass){.mint = mint, .next = mint->free};
        mint->free = &mint->passes[i];
    }
    int rc = pthread_mutex_init (&mint->mutex, NULL);
    assert (rc == 0);
    mint->threads = worker_pool_new (issuer->process.loop, threads, mint->n_passes);
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
    tell (&mint->written, "the process ends");
    tell (&mint->waiting, "the process ends");
    alarm_destroy (&mint->alarm);
    for (size_t i = 0; i < mint->n_passes; i++)
        jwt_key_destroy (&mint->passes[i].key);
    free (mint->passes);
    pthread_mutex_destroy (&mint->mutex);
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
