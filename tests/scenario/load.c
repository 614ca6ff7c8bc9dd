// load SECONDS ACTORS ACCOUNT PEERS KEY ADMIN VALIDATOR: many tokens live their lives at once, and every answer is judged. It ends at SIGTERM,
// and after SECONDS at the latest.
//
// Each actor has one token at a time: create, validate, disable, validate, enable, validate, delete, validate, and again. It knows what each
// validation may answer: what a change that was acknowledged left (or, for less than the validators' limit, what it changed: that is counted as late); "could not tell" at any time. A change that ended with UNAVAILABLE was not done,
// and is tried again; after UNKNOWN or DEADLINE_EXCEEDED either may be true, and the token is left alone.
//
// Prints a line for each change, "OPERATION TOKEN OUTCOME" with outcome ok or uncertain, and last "summary" with counts. Exits with 1 when an
// answer was wrong; each is told on standard error.
#include "admin.pb-c.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include "common/process/certificate.h"
#include "common/rpc/client.h"
#include "common/rpc/peers.h"
#include "common/validation/validator_client.h"
#include "envelope.pb-c.h"
#include "tests/scenario/terminated.h"
#include "validator.pb-c.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAUSE_MS = 20, FRESHNESS_LIMIT_MS = 5000 };

enum step {
    CREATE,
    CHECK_NEW,
    DISABLE,
    CHECK_DISABLED,
    ENABLE,
    CHECK_ENABLED,
    DELETE,
    CHECK_DELETED
};

struct load {
    struct loop *loop;
    struct rpc_client *admin;
    struct validator_client *validators;
    const char *account;
    bool ending;
    size_t active;
    unsigned long changes, uncertain, refused, allowed, denied, undecided, unanswered, wrong, late;
    int64_t latest_ms;
};

struct actor {
    struct load *load;
    size_t number;
    enum step step;
    char token[16], value[64];
    int64_t late_since; // its answers are those of before the last change; 0: they are not
};

static const struct {
    const char *operation;      // of a change; NULL: a validation
    Jeton__V1__Reason expected; // of a validation
} steps[] = {
    [CREATE] = {"create", 0},   [CHECK_NEW] = {NULL, JETON__V1__REASON__REASON_OK},
    [DISABLE] = {"disable", 0}, [CHECK_DISABLED] = {NULL, JETON__V1__REASON__REASON_DISABLED},
    [ENABLE] = {"enable", 0},   [CHECK_ENABLED] = {NULL, JETON__V1__REASON__REASON_OK},
    [DELETE] = {"delete", 0},   [CHECK_DELETED] = {NULL, JETON__V1__REASON__REASON_DELETED},
};

static void actor_step (struct actor *actor);

static int
actor_due (struct loop *loop, int timer, void *argument)
{
    (void) loop;
    (void) timer;
    actor_step (argument);
    return 0;
}

static void
actor_go (struct actor *actor, enum step step, size_t pause_ms)
{
    actor->step = step;
    loop_timer (actor->load->loop, pause_ms, 1, actor_due, actor);
}

static void
wrong (struct actor *actor, const char *what, const char *detail)
{
    actor->load->wrong++;
    fprintf (stderr, "wrong: token %s, step %d: %s %s\n", actor->token, (int) actor->step, what,
             detail);
}

// ---- changes -------------------------------------------------------------------------------------------------------

static void
actor_changed (void *context, const struct rpc_result *result)
{
    struct actor *actor = context;
    struct load *load = actor->load;
    const char *operation = steps[actor->step].operation;
    switch (result->code) {
    case JETON__V1__CODE__CODE_OK:
        if (actor->step == CREATE) {
            const Jeton__V1__CreateTokenReply *reply = result->reply;
            snprintf (actor->token, sizeof actor->token, "%s", reply->token->id);
            snprintf (actor->value, sizeof actor->value, "%s", reply->value);
        }
        load->changes++;
        printf ("%s %s ok\n", operation, actor->token);
        actor_go (actor, actor->step + 1, 0);
        return;
    case JETON__V1__CODE__CODE_UNAVAILABLE:
    case JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED:
        load->refused++;
        actor_go (actor, actor->step, PAUSE_MS);
        return;
    case JETON__V1__CODE__CODE_UNKNOWN:
    case JETON__V1__CODE__CODE_DEADLINE_EXCEEDED:
        load->uncertain++;
        printf ("%s %s uncertain\n", operation, actor->step == CREATE ? "-" : actor->token);
        actor_go (actor, CREATE, PAUSE_MS);
        return;
    default:
        wrong (actor, rpc_code_name (result->code), result->message);
        actor_go (actor, CREATE, PAUSE_MS);
        return;
    }
}

static void
actor_create (struct actor *actor)
{
    Jeton__V1__CreateTokenRequest request = JETON__V1__CREATE_TOKEN_REQUEST__INIT;
    Jeton__V1__ModuleGrant grant = JETON__V1__MODULE_GRANT__INIT, *grants[] = {&grant};
    grant.module = (char *) "orders";
    grant.access = JETON__V1__ACCESS__ACCESS_READ;
    char name[32];
    snprintf (name, sizeof name, "actor %zu", actor->number);
    request.account_id = (char *) actor->load->account;
    request.name = name;
    request.kind = JETON__V1__TOKEN_KIND__TOKEN_KIND_SERVICE;
    request.n_modules = 1;
    request.modules = grants;
    rpc_client_call (actor->load->admin, &jeton__v1__admin__descriptor, "CreateToken",
                     &request.base, NULL, actor_changed, actor);
}

static void
actor_change (struct actor *actor)
{
    const ProtobufCServiceDescriptor *admin = &jeton__v1__admin__descriptor;
    struct rpc_client *client = actor->load->admin;
    if (actor->step == CREATE) {
        actor_create (actor);
    } else if (actor->step == DISABLE) {
        Jeton__V1__DisableTokenRequest request = JETON__V1__DISABLE_TOKEN_REQUEST__INIT;
        request.id = actor->token;
        rpc_client_call (client, admin, "DisableToken", &request.base, NULL, actor_changed, actor);
    } else if (actor->step == ENABLE) {
        Jeton__V1__EnableTokenRequest request = JETON__V1__ENABLE_TOKEN_REQUEST__INIT;
        request.id = actor->token;
        rpc_client_call (client, admin, "EnableToken", &request.base, NULL, actor_changed, actor);
    } else {
        Jeton__V1__DeleteTokenRequest request = JETON__V1__DELETE_TOKEN_REQUEST__INIT;
        request.id = actor->token;
        rpc_client_call (client, admin, "DeleteToken", &request.base, NULL, actor_changed, actor);
    }
}

// ---- validations ---------------------------------------------------------------------------------------------------

// Is its last change not older than the validators' limit?
static bool
actor_late (struct actor *actor)
{
    int64_t now = zclock_mono (), late_ms = now - actor->late_since;
    if (actor->late_since == 0) {
        actor->load->late++;
        actor->late_since = now;
        return true;
    }
    if (late_ms > actor->load->latest_ms)
        actor->load->latest_ms = late_ms;
    return late_ms < FRESHNESS_LIMIT_MS;
}

static void
actor_checked (void *context, const struct rpc_result *result)
{
    struct actor *actor = context;
    struct load *load = actor->load;
    if (result->code != JETON__V1__CODE__CODE_OK) {
        load->unanswered++;
        if (result->code != JETON__V1__CODE__CODE_UNAVAILABLE &&
            result->code != JETON__V1__CODE__CODE_DEADLINE_EXCEEDED &&
            result->code != JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED)
            wrong (actor, rpc_code_name (result->code), result->message);
        actor_go (actor, actor->step, PAUSE_MS);
        return;
    }
    const Jeton__V1__ValidateReply *reply = result->reply;
    if (reply->reason == JETON__V1__REASON__REASON_UNDECIDED) {
        load->undecided++;
        if (reply->status != 503 || reply->decision == JETON__V1__DECISION__DECISION_ALLOW)
            wrong (actor, "undecided", "is not a 503");
        actor_go (actor, actor->step, PAUSE_MS);
        return;
    }
    Jeton__V1__Reason expected = steps[actor->step].expected;
    bool allow = reply->decision == JETON__V1__DECISION__DECISION_ALLOW;
    bool right = reply->reason == expected && allow == (expected == JETON__V1__REASON__REASON_OK);
    // A validator hears of a change within milliseconds when all is well, and has heard of it after the limit (R42).
    if (!right && actor_late (actor)) {
        actor_go (actor, actor->step, 1);
        return;
    }
    actor->late_since = 0;
    if (!right) {
        char detail[64];
        snprintf (detail, sizeof detail, "reason %d instead of %d", (int) reply->reason,
                  (int) expected);
        wrong (actor, allow ? "allowed" : "denied", detail);
    }
    if (allow)
        load->allowed++;
    else
        load->denied++;
    actor_go (actor, actor->step == CHECK_DELETED ? CREATE : actor->step + 1, 0);
}

static void
actor_check (struct actor *actor)
{
    Jeton__V1__ValidateRequest request = JETON__V1__VALIDATE_REQUEST__INIT;
    request.token = actor->value;
    request.module = (char *) "orders";
    validator_client_validate (actor->load->validators, &request, 0, actor_checked, actor);
}

// An actor ends only where all is known: before a change.
static void
actor_step (struct actor *actor)
{
    struct load *load = actor->load;
    if (!steps[actor->step].operation) {
        actor_check (actor);
    } else if (!load->ending) {
        actor_change (actor);
    } else {
        load->active--;
    }
}

static int
load_end (struct loop *loop, int timer, void *argument)
{
    (void) loop;
    (void) timer;
    ((struct load *) argument)->ending = true;
    return 0;
}

static int
load_look (struct loop *loop, int timer, void *argument)
{
    (void) loop;
    (void) timer;
    struct load *load = argument;
    load->ending = load->ending || terminated ();
    return load->active == 0 ? -1 : 0;
}

static struct rpc_client_options
options_of (const struct peers *peers, const char *service, const char *endpoints,
            zcert_t *certificate)
{
    const struct peer *peer = peers_by_name (peers, service);
    return (struct rpc_client_options){.endpoints = endpoints,
                                       .server_key = peer ? peer->key : "",
                                       .certificate = certificate,
                                       .timeout_ms = 3000,
                                       .by_home = strcmp (service, "validator") == 0};
}

static void
load_connect (struct load *load, struct resolver *resolver, const struct peers *peers,
              zcert_t *certificate, const char *admin, const char *validators)
{
    struct error error;
    struct rpc_client_options options = options_of (peers, "admin", admin, certificate);
    load->admin = rpc_client_new (load->loop, resolver, &options, &error);
    if (load->admin) {
        options = options_of (peers, "validator", validators, certificate);
        load->validators = validator_client_new (load->loop, resolver, &options, &error);
    }
    if (!load->validators) {
        fprintf (stderr, "%s\n", error.text);
        exit (EXIT_FAILURE);
    }
}

int
main (int argc, char **argv)
{
    if (argc != 8 || sodium_init () < 0)
        return 64;
    struct error error;
    zsys_handler_set (NULL);
    sigset_t set;
    sigemptyset (&set);
    sigaddset (&set, SIGTERM);
    sigprocmask (SIG_BLOCK, &set, NULL); // before czmq starts its threads
    struct load load = {.loop = loop_new (), .account = argv[3]};
    struct loop *loop = load.loop;
    struct resolver *resolver = resolver_new (loop);
    struct peers *peers = peers_load (argv[4], &error);
    zcert_t *certificate = certificate_load (argv[5], &error);
    log_open ("load", LOG_LEVEL_ERROR);
    if (!peers || !certificate) {
        fprintf (stderr, "%s\n", error.text);
        return EXIT_FAILURE;
    }
    load_connect (&load, resolver, peers, certificate, argv[6], argv[7]);
    load.active = (size_t) atoi (argv[2]);
    struct actor *actors = xcalloc (load.active, sizeof *actors);
    for (size_t i = 0; i < load.active; i++) {
        actors[i].load = &load;
        actors[i].number = i;
        actor_go (&actors[i], CREATE, 0);
    }
    setvbuf (stdout, NULL, _IOLBF, 0);
    loop_timer (loop, (size_t) (atof (argv[1]) * 1000), 1, load_end, &load);
    loop_timer (loop, 50, 0, load_look, &load);
    loop_run (loop);

    rpc_client_destroy (&load.admin);
    validator_client_destroy (&load.validators);
    resolver_destroy (&resolver);
    peers_destroy (&peers);
    zcert_destroy (&certificate);
    loop_destroy (&loop);
    free (actors);
    printf ("summary {\"changes\": %lu, \"uncertain\": %lu, \"refused\": %lu, \"allowed\": %lu, "
            "\"denied\": %lu, "
            "\"undecided\": %lu, \"unanswered\": %lu, \"wrong\": %lu, \"late\": %lu, "
            "\"latest_ms\": %lld}\n",
            load.changes, load.uncertain, load.refused, load.allowed, load.denied, load.undecided,
            load.unanswered, load.wrong, load.late, (long long) load.latest_ms);
    return load.wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
