// flood PEERS KEY VALUES MODULE NETWORK SPREAD BATCH IN_FLIGHT PAUSE ENDPOINT…: as many validations as validators answer, until SIGTERM.
//
// To each endpoint IN_FLIGHT calls of BATCH validations are under way; the next one begins PAUSE milliseconds after one has ended. The values are the lines of the file
// VALUES, in turn; the client addresses are in NETWORK ("10.7"), SPREAD of them. No call is sent twice. In the end, when all have ended,
// it prints a line for each endpoint, "ENDPOINT SENT PERHAPS REASON=COUNT…": validations that were sent; of these, those of which no answer says whether
// they were counted; answers by the number of their reason.
#include "common/log/log.h"
#include "common/memory/memory.h"
#include "common/process/certificate.h"
#include "common/rpc/client.h"
#include "common/rpc/peers.h"
#include "envelope.pb-c.h"
#include "tests/scenario/terminated.h"
#include "validator.pb-c.h"

#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VALUES_MAX = 4096,
    BATCH_MAX = 256,
    REASONS = 64,
    LOOK_MS = 20,
    PAUSE_MS = 20,
    TIMEOUT_MS = 5000
};

struct flood {
    struct loop *loop;
    char *values[VALUES_MAX], *module, *network;
    size_t nvalues, next, batch;
    unsigned spread, address;
    size_t pause_ms;
    size_t active; // calls under way, or about to be
    bool ending;
};

struct target {
    struct flood *flood;
    const char *endpoint;
    struct rpc_client *client;
    uint64_t sent, perhaps, reasons[REASONS];
};

static void target_ask (struct target *target);

static int
target_due (struct loop *loop, int timer, void *argument)
{
    (void) loop;
    (void) timer;
    target_ask (argument);
    return 0;
}

static void
answers_count (struct target *target, const Jeton__V1__ValidateBatchReply *reply)
{
    for (size_t i = 0; i < reply->n_replies; i++)
        if ((unsigned) reply->replies[i]->reason < REASONS)
            target->reasons[reply->replies[i]->reason]++;
}

static void
target_answered (void *context, const struct rpc_result *result)
{
    struct target *target = context;
    struct flood *flood = target->flood;
    if (result->code == JETON__V1__CODE__CODE_OK) {
        answers_count (target, result->reply);
        if (flood->pause_ms == 0)
            target_ask (target);
        else
            loop_timer (flood->loop, flood->pause_ms, 1, target_due, target);
        return;
    }
    // It was not begun, or nobody knows.
    if (result->code != JETON__V1__CODE__CODE_UNAVAILABLE &&
        result->code != JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED)
        target->perhaps += flood->batch;
    loop_timer (flood->loop, PAUSE_MS, 1, target_due, target);
}

static void
target_ask (struct target *target)
{
    struct flood *flood = target->flood;
    Jeton__V1__ValidateBatchRequest batch = JETON__V1__VALIDATE_BATCH_REQUEST__INIT;
    Jeton__V1__ValidateRequest requests[BATCH_MAX], *pointers[BATCH_MAX];
    char addresses[BATCH_MAX][32];
    if (flood->ending) {
        flood->active--;
        return;
    }
    for (size_t i = 0; i < flood->batch; i++) {
        unsigned address = flood->address++ % flood->spread;
        snprintf (addresses[i], sizeof addresses[i], "%s.%u.%u", flood->network, address >> 8 & 255,
                  address & 255);
        jeton__v1__validate_request__init (&requests[i]);
        requests[i].token = flood->values[flood->next++ % flood->nvalues];
        requests[i].module = flood->module;
        requests[i].client_address = addresses[i];
        pointers[i] = &requests[i];
    }
    batch.n_requests = flood->batch;
    batch.requests = pointers;
    target->sent += flood->batch;
    struct rpc_call_options options = {.timeout_ms = TIMEOUT_MS};
    rpc_client_call (target->client, &jeton__v1__validator__descriptor, "ValidateBatch",
                     &batch.base, &options, target_answered, target);
}

static int
flood_look (struct loop *loop, int timer, void *argument)
{
    (void) loop;
    (void) timer;
    struct flood *flood = argument;
    flood->ending = flood->ending || terminated ();
    return flood->ending && flood->active == 0 ? -1 : 0;
}

static void
values_read (struct flood *flood, const char *path)
{
    char line[4096];
    FILE *file = fopen (path, "r");
    while (file != NULL && flood->nvalues < VALUES_MAX && fgets (line, sizeof line, file) != NULL) {
        line[strcspn (line, "\n")] = '\0';
        flood->values[flood->nvalues++] = xstrdup (line);
    }
    if (file != NULL)
        fclose (file);
    if (flood->nvalues == 0) {
        fprintf (stderr, "%s: no values\n", path);
        exit (EXIT_FAILURE);
    }
}

static void
target_show (const struct target *target)
{
    printf ("%s %" PRIu64 " %" PRIu64, target->endpoint, target->sent, target->perhaps);
    for (int i = 0; i < REASONS; i++)
        if (target->reasons[i] > 0)
            printf (" %d=%" PRIu64, i, target->reasons[i]);
    printf ("\n");
}

static void
targets_open (struct target *targets, int n, struct resolver *resolver,
              const struct rpc_client_options *options)
{
    struct error error;
    for (int i = 0; i < n; i++) {
        struct rpc_client_options mine = *options;
        mine.endpoints = targets[i].endpoint;
        targets[i].client = rpc_client_new (targets[i].flood->loop, resolver, &mine, &error);
        if (targets[i].client == NULL) {
            fprintf (stderr, "%s: %s\n", targets[i].endpoint, error.text);
            exit (EXIT_FAILURE);
        }
    }
}

int
main (int argc, char **argv)
{
    enum { FIRST = 10 };
    if (argc <= FIRST || sodium_init () < 0)
        return 64;
    struct error error;
    zsys_handler_set (NULL);
    sigset_t set;
    sigemptyset (&set);
    sigaddset (&set, SIGTERM);
    sigprocmask (SIG_BLOCK, &set, NULL); // before czmq starts its threads
    log_open ("flood", LOG_LEVEL_ERROR);
    struct flood flood = {.loop = loop_new (), .module = argv[4], .network = argv[5]};
    flood.spread = (unsigned) atoi (argv[6]);
    flood.batch = (size_t) atoi (argv[7]);
    flood.pause_ms = (size_t) atoi (argv[9]);
    int in_flight = atoi (argv[8]), n = argc - FIRST;
    struct peers *peers = peers_load (argv[1], &error);
    const struct peer *peer = peers != NULL ? peers_by_name (peers, "validator") : NULL;
    zcert_t *certificate = certificate_load (argv[2], &error);
    if (peer == NULL || certificate == NULL || flood.spread == 0 || flood.batch == 0 ||
        flood.batch > BATCH_MAX)
        return 64;
    values_read (&flood, argv[3]);
    struct resolver *resolver = resolver_new (flood.loop);
    struct target *targets = xcalloc ((size_t) n, sizeof *targets);
    for (int i = 0; i < n; i++)
        targets[i] = (struct target){.flood = &flood, .endpoint = argv[FIRST + i]};
    struct rpc_client_options options = {.server_key = peer->key, .certificate = certificate};
    targets_open (targets, n, resolver, &options);
    for (int i = 0; i < n * in_flight; i++) {
        flood.active++;
        target_ask (&targets[i % n]);
    }
    loop_timer (flood.loop, LOOK_MS, 0, flood_look, &flood);
    loop_run (flood.loop);

    for (int i = 0; i < n; i++) {
        target_show (&targets[i]);
        rpc_client_destroy (&targets[i].client);
    }
    resolver_destroy (&resolver);
    peers_destroy (&peers);
    zcert_destroy (&certificate);
    loop_destroy (&flood.loop);
    for (size_t i = 0; i < flood.nvalues; i++)
        free (flood.values[i]);
    free (targets);
    return EXIT_SUCCESS;
}
