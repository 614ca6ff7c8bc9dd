// revoke PEERS KEY TOKEN-KEYS ADMIN VALIDATORS DATABASE FIRST COUNT: disables the bench's tokens FIRST … one after the other, while it asks each of the
// validators for the token every millisecond, whether or not it has answered the question before. Prints for each token "NUMBER FIRST-REFUSAL REPLIED LAST-ALLOW UNSEEN":
// when the last of the validators refused it for the first time, when admin acknowledged the change, when the last allow of any of them came, and when it was last seen that
// the change could not be seen in the database, where that is looked at every millisecond, too; in microseconds since the epoch, the clock of the database's commits.
//
// An allow that was asked for after a refusal of the same validator is a wrong answer: exit status 1.
#include "admin.pb-c.h"
#include "common/memory/memory.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "tests/bench/pace.h"
#include "tests/bench/session.h"
#include "tests/bench/value.h"
#include "tests/bench/witness.h"
#include "validator.pb-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { VALIDATORS_MAX = 16, ALLOWED_BEFORE = 4, REFUSED_AFTER = 4, PAUSE_MS = 1, OPEN_MAX = 1024 };

// Under way, also about tokens before.
struct question {
    struct prober *prober; // NULL: none
    int64_t number, asked_us;
};

struct prober {
    struct revoke *revoke;
    struct rpc_client *client;
    unsigned allowed, refused; // of this token
    int64_t first_refusal_us, last_allow_us;
    bool done;
    struct question questions
        [OPEN_MAX]; // in turn; one that is still under way when its turn comes is left alone
    size_t next;
};

struct revoke {
    struct session session;
    struct token_keys keys;
    struct rpc_client *admin;
    struct witness *witness;
    struct prober probers[VALIDATORS_MAX];
    size_t n;
    int64_t number, last;
    char value[TOKEN_VALUE_LENGTH + 1];
    bool asked; // admin
    int64_t replied_us;
    bool wrong;
};

static int64_t
epoch_us (void)
{
    struct timespec now;
    clock_gettime (CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C (1000000) + now.tv_nsec / 1000;
}

static void token_begin (struct revoke *revoke);

static void
revoke_fail (struct revoke *revoke, const char *what)
{
    fprintf (stderr, "token %" PRId64 ": %s\n", revoke->number, what);
    revoke->wrong = true;
}

// When all have refused it often enough, and admin has answered: on to the next one.
static void
token_end (struct revoke *revoke)
{
    int64_t last = 0, allow = 0;
    for (size_t i = 0; i < revoke->n; i++) {
        const struct prober *prober = &revoke->probers[i];
        if (!prober->done)
            return;
        last = prober->first_refusal_us > last ? prober->first_refusal_us : last;
        allow = prober->last_allow_us > allow ? prober->last_allow_us : allow;
    }
    if (revoke->replied_us == 0)
        return;
    printf ("%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", revoke->number, last,
            revoke->replied_us, allow, witness_unseen_us (revoke->witness));
    revoke->number++;
    if (revoke->number < revoke->last)
        token_begin (revoke);
}

static void
disabled (void *context, const struct rpc_result *result)
{
    struct revoke *revoke = context;
    if (result->code != JETON__V1__CODE__CODE_OK)
        revoke_fail (revoke, result->message);
    revoke->replied_us = epoch_us ();
    token_end (revoke);
}

static void
disable (struct revoke *revoke)
{
    Jeton__V1__DisableTokenRequest request = JETON__V1__DISABLE_TOKEN_REQUEST__INIT;
    char id[ID_SIZE];
    revoke->asked = true;
    id_format ("TKN", revoke->number, id);
    request.id = id;
    rpc_client_call (revoke->admin, &jeton__v1__admin__descriptor, "DisableToken", &request.base,
                     NULL, disabled, revoke);
}

static bool
all_allowed (const struct revoke *revoke)
{
    for (size_t i = 0; i < revoke->n; i++)
        if (revoke->probers[i].allowed < ALLOWED_BEFORE)
            return false;
    return true;
}

static void
answer_take (struct prober *prober, int64_t asked_us, const struct rpc_result *result)
{
    struct revoke *revoke = prober->revoke;
    const Jeton__V1__ValidateReply *reply = result->reply;
    if (result->code != JETON__V1__CODE__CODE_OK) {
        revoke_fail (revoke, result->message);
    } else if (reply->reason == JETON__V1__REASON__REASON_OK) {
        prober->allowed++;
        prober->last_allow_us = epoch_us ();
        if (prober->refused > 0 && asked_us > prober->first_refusal_us)
            revoke_fail (revoke, "allowed after it was refused");
    } else if (reply->reason == JETON__V1__REASON__REASON_DISABLED) {
        if (prober->refused++ == 0)
            prober->first_refusal_us = epoch_us ();
    } else {
        revoke_fail (revoke, "neither allowed nor disabled");
    }
}

static void
probed (void *context, const struct rpc_result *result)
{
    struct question *question = context;
    struct prober *prober = question->prober;
    struct revoke *revoke = prober->revoke;
    question->prober = NULL;
    if (question->number != revoke->number || prober->done)
        return;
    answer_take (prober, question->asked_us, result);
    if (!revoke->asked && all_allowed (revoke) && witness_unseen_us (revoke->witness) != 0)
        disable (revoke);
    prober->done = revoke->wrong || prober->refused == REFUSED_AFTER;
    if (prober->done)
        token_end (revoke);
}

static void
prober_ask (struct prober *prober)
{
    struct question *question = &prober->questions[prober->next++ % OPEN_MAX];
    if (question->prober != NULL)
        return;
    *question = (struct question){prober, prober->revoke->number, epoch_us ()};
    Jeton__V1__ValidateRequest request = JETON__V1__VALIDATE_REQUEST__INIT;
    struct rpc_call_options options = {.idempotent = true};
    request.token = prober->revoke->value;
    request.module = (char *) "orders";
    rpc_client_call (prober->client, &jeton__v1__validator__descriptor, "Validate", &request.base,
                     &options, probed, question);
}

static int
ask_all (struct loop *loop, int timer, void *argument)
{
    struct revoke *revoke = argument;
    (void) loop;
    (void) timer;
    witness_look (revoke->witness);
    for (size_t i = 0; i < revoke->n; i++)
        if (!revoke->probers[i].done)
            prober_ask (&revoke->probers[i]);
    return 0;
}

static void
token_begin (struct revoke *revoke)
{
    revoke->asked = false;
    revoke->replied_us = 0;
    witness_begin (revoke->witness, revoke->number);
    bench_value (&revoke->keys, (uint64_t) revoke->number, revoke->value);
    for (size_t i = 0; i < revoke->n; i++) {
        struct prober *prober = &revoke->probers[i];
        prober->allowed = prober->refused = 0;
        prober->last_allow_us = 0;
        prober->done = false;
    }
}

static int
look (struct loop *loop, int timer, void *argument)
{
    const struct revoke *revoke = argument;
    (void) loop;
    (void) timer;
    return revoke->wrong || revoke->number == revoke->last ? -1 : 0;
}

static void
clients_open (struct revoke *revoke, const char *admin, char *validators)
{
    char *rest = NULL;
    revoke->admin = session_client (&revoke->session, "admin", admin, 0);
    for (char *one = strtok_r (validators, ",", &rest); one && revoke->n < VALIDATORS_MAX;
         one = strtok_r (NULL, ",", &rest)) {
        struct prober *prober = &revoke->probers[revoke->n++];
        prober->revoke = revoke;
        prober->client = session_client (&revoke->session, "validator", one, 0);
    }
}

int
main (int argc, char **argv)
{
    struct revoke *revoke = xcalloc (1, sizeof *revoke);
    struct error error;
    if (argc != 9)
        return 64;
    session_open (&revoke->session, "revoke", argv[1], argv[2]);
    if (!token_keys_load (argv[3], &revoke->keys, &error)) {
        fprintf (stderr, "%s\n", error.text);
        return EXIT_FAILURE;
    }
    clients_open (revoke, argv[4], argv[5]);
    revoke->witness = witness_new (revoke->session.loop, argv[6]);
    revoke->number = strtoll (argv[7], NULL, 10);
    revoke->last = revoke->number + strtoll (argv[8], NULL, 10);
    token_begin (revoke);
    loop_timer (revoke->session.loop, PAUSE_MS, 0, ask_all, revoke);
    loop_timer (revoke->session.loop, 20, 0, look, revoke);
    loop_run (revoke->session.loop);

    bool wrong = revoke->wrong;
    witness_destroy (&revoke->witness);
    rpc_client_destroy (&revoke->admin);
    for (size_t i = 0; i < revoke->n; i++)
        rpc_client_destroy (&revoke->probers[i].client);
    session_close (&revoke->session);
    free (revoke);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
