// crowd IN_FLIGHT PEERS KEY VALIDATORS: keeps so many validations under way, gathered, until SIGTERM, and judges every answer. Its input says what it asks:
// lines "REASON VALUE MODULE TOKEN ACCOUNT", with the number of the reason and the ids that each must be answered with; 0 where the request itself is wrong, "-" where there is no id. "Could not tell"
// is right at any time, and so are UNAVAILABLE and DEADLINE_EXCEEDED. Prints counts as JSON; exits with 1 when an answer was wrong, or a call did not end
// exactly once.
#include "common/log/log.h"
#include "common/memory/memory.h"
#include "common/process/certificate.h"
#include "common/rpc/peers.h"
#include "common/validation/validator_client.h"
#include "envelope.pb-c.h"
#include "tests/scenario/terminated.h"

#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUESTIONS_MAX = 1024, AFTER_MS = 20000, LOOK_MS = 5 };

struct question {
    int reason;
    char value[1024], module[64], token[32], account[32]; // token, account: ids
};

struct crowd {
    struct loop *loop;
    struct resolver *resolver;
    struct peers *peers;
    zcert_t *certificate;
    struct validator_client *client;
    struct question questions[QUESTIONS_MAX];
    size_t nquestions, next, open;
    int64_t ending_since_ms; // 0: not yet
    uint64_t answered, undecided, unanswered, wrong;
};

struct member {
    struct crowd *crowd;
    const struct question *question; // NULL: nothing is under way
};

static void member_ask (struct member *member);

static void
wrong (struct crowd *crowd, const struct question *question, int code, int reason)
{
    if (crowd->wrong++ < 10)
        fprintf (stderr, "%s: code %d, reason %d instead of %d\n", question->module, code, reason,
                 question->reason);
}

static bool
id_is (const char *expected, const char *id)
{
    return strcmp (strcmp (expected, "-") == 0 ? "" : expected, id) == 0;
}

static void
judge (struct crowd *crowd, const struct question *question, const struct rpc_result *result)
{
    const Jeton__V1__ValidateReply *reply = result->reply;
    switch (result->code) {
    case JETON__V1__CODE__CODE_OK:
        if (reply->reason == JETON__V1__REASON__REASON_UNDECIDED)
            crowd->undecided++;
        else if ((int) reply->reason == question->reason && id_is (question->token, reply->token) &&
                 id_is (question->account, reply->account))
            crowd->answered++;
        else
            wrong (crowd, question, result->code, (int) reply->reason);
        return;
    case JETON__V1__CODE__CODE_INVALID_ARGUMENT:
        if (question->reason == 0)
            crowd->answered++;
        else
            wrong (crowd, question, result->code, 0);
        return;
    case JETON__V1__CODE__CODE_UNAVAILABLE:
    case JETON__V1__CODE__CODE_DEADLINE_EXCEEDED:
        crowd->unanswered++;
        return;
    default:
        wrong (crowd, question, result->code, 0);
        return;
    }
}

static void
member_answered (void *context, const struct rpc_result *result)
{
    struct member *member = context;
    struct crowd *crowd = member->crowd;
    const struct question *question = member->question;
    member->question = NULL;
    if (!question) {
        crowd->wrong++;
        fprintf (stderr, "a call ended twice\n");
        return;
    }
    crowd->open--;
    judge (crowd, question, result);
    if (crowd->ending_since_ms == 0)
        member_ask (member);
}

static void
member_ask (struct member *member)
{
    struct crowd *crowd = member->crowd;
    Jeton__V1__ValidateRequest request = JETON__V1__VALIDATE_REQUEST__INIT;
    member->question = &crowd->questions[crowd->next++ % crowd->nquestions];
    request.token = (char *) member->question->value;
    request.module = (char *) member->question->module;
    crowd->open++;
    validator_client_validate (crowd->client, &request, 0, member_answered, member);
}

static int
crowd_look (struct loop *loop, int timer, void *context)
{
    struct crowd *crowd = context;
    (void) loop;
    (void) timer;
    if (crowd->ending_since_ms == 0 && terminated ())
        crowd->ending_since_ms = zclock_mono ();
    if (crowd->ending_since_ms == 0)
        return 0;
    return crowd->open == 0 || zclock_mono () > crowd->ending_since_ms + AFTER_MS ? -1 : 0;
}

static void
questions_read (struct crowd *crowd)
{
    struct question *question = crowd->questions;
    while (crowd->nquestions < QUESTIONS_MAX &&
           scanf ("%d %1023s %63s %31s %31s", &question->reason, question->value, question->module,
                  question->token, question->account) == 5) {
        crowd->nquestions++;
        question++;
    }
}

static void
crowd_connect (struct crowd *crowd, const char *key, const char *validators)
{
    struct error error;
    const struct peer *peer = peers_by_name (crowd->peers, "validator");
    crowd->resolver = resolver_new (crowd->loop);
    crowd->certificate = certificate_load (key, &error);
    struct rpc_client_options options = {.endpoints = validators,
                                         .server_key = peer ? peer->key : "",
                                         .certificate = crowd->certificate,
                                         .timeout_ms = 8000,
                                         .in_flight_limit = 1 << 20,
                                         .by_home = true};
    if (crowd->certificate)
        crowd->client = validator_client_new (crowd->loop, crowd->resolver, &options, &error);
    if (!crowd->client) {
        fprintf (stderr, "%s\n", error.text);
        exit (EXIT_FAILURE);
    }
}

static void
crowd_end (struct crowd *crowd)
{
    validator_client_destroy (&crowd->client);
    resolver_destroy (&crowd->resolver);
    peers_destroy (&crowd->peers);
    zcert_destroy (&crowd->certificate);
    loop_destroy (&crowd->loop);
}

int
main (int argc, char **argv)
{
    static struct crowd crowd;
    struct error error;
    if (argc != 5 || sodium_init () < 0)
        return 64;
    zsys_handler_set (NULL);
    sigset_t set;
    sigemptyset (&set);
    sigaddset (&set, SIGTERM);
    sigprocmask (SIG_BLOCK, &set, NULL); // before czmq starts its threads
    log_open ("crowd", LOG_LEVEL_ERROR);
    questions_read (&crowd);
    crowd.loop = loop_new ();
    crowd.peers = peers_load (argv[2], &error);
    if (!crowd.peers) {
        fprintf (stderr, "%s\n", error.text);
        return EXIT_FAILURE;
    }
    crowd_connect (&crowd, argv[3], argv[4]);
    size_t n = strtoul (argv[1], NULL, 10);
    struct member *members = xcalloc (n, sizeof *members);
    for (size_t i = 0; i < n && crowd.nquestions > 0; i++) {
        members[i].crowd = &crowd;
        member_ask (&members[i]);
    }
    loop_timer (crowd.loop, LOOK_MS, 0, crowd_look, &crowd);
    loop_run (crowd.loop);
    printf ("{\"answered\": %" PRIu64 ", \"undecided\": %" PRIu64 ", \"unanswered\": %" PRIu64
            ", \"wrong\": %" PRIu64 ", \"open\": %zu, \"frames\": %" PRIu64 "}\n",
            crowd.answered, crowd.undecided, crowd.unanswered, crowd.wrong, crowd.open,
            validator_client_frames (crowd.client));
    crowd_end (&crowd);
    free (members);
    return crowd.wrong == 0 && crowd.open == 0 && crowd.answered > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
