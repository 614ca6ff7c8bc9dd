// engine TOKENS ROUNDS BATCH [made-up]: the validator's work on frames that have come, and nothing of the network: the server's checks of the envelope,
// unpacking, looking up in a memory of so many tokens, deciding, counting in a journal, packing the reply. All of it is the validator's own code; in
// place of the last call, which would hand the reply to libzmq, and of what is not met here (the database, the table of changes), stands what follows. One
// thread. Prints JSON: nanoseconds that the thread ran for one validation, and how many a second that makes.
#include "common/crypto/crypto.h"
#include "common/journal/journal.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include "common/rpc/internal.h"
#include "envelope.pb-c.h"
#include "services/validator/cache.h"
#include "services/validator/foreign.h"
#include "services/validator/limit.h"
#include "services/validator/lookup.h"
#include "services/validator/truth.h"
#include "services/validator/validator.h"
#include "tests/bench/pace.h"
#include "tests/bench/value.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHECKS = 65536, BATCH_MAX = 256, FRAME_SIZE = 65536, ACCOUNTS = 64 };

struct engine {
    struct validator validator;
    struct rpc_server *server;
    struct loop *loop;
    zcert_t *certificate;
    char key[41], directory[64];
    struct dice dice;
    uint64_t tokens;
    size_t batch;
    bool made_up;
};

static uint64_t replies, reply_bytes;

// What is linked in place of libzmq's function (Makefile).
int __wrap_zmq_msg_send (zmq_msg_t *frame, void *socket, int flags);
int
__wrap_zmq_msg_send (zmq_msg_t *frame, void *socket, int flags)
{
    (void) socket;
    size_t size = zmq_msg_size (frame);
    replies += !(flags & ZMQ_SNDMORE);
    reply_bytes += size;
    zmq_msg_close (frame);
    zmq_msg_init (frame);
    return (int) size;
}

// ---- what is not met -----------------------------------------------------------------------------------------------

void
truth_hear (struct truth *truth)
{
    (void) truth;
}

int64_t
truth_now (void)
{
    struct timespec now;
    clock_gettime (CLOCK_BOOTTIME, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool
truth_sure (const struct truth *truth, int64_t now)
{
    (void) truth;
    return now > 0;
}

bool
truth_keys (const struct truth *truth)
{
    (void) truth;
    return true;
}

void
lookup_token (struct lookup *lookup, const uint8_t digest[TOKEN_DIGEST_SIZE],
              lookup_callback *callback, void *context)
{
    (void) lookup;
    (void) digest;
    (void) callback;
    (void) context;
    abort (); // every good token is in memory
}

void
lookup_user (struct lookup *lookup, int64_t user, const char *jti, int64_t generation,
             lookup_callback *callback, void *context)
{
    (void) generation;
    (void) lookup;
    (void) user;
    (void) jti;
    (void) callback;
    (void) context;
    abort ();
}

void
lookup_client (struct lookup *lookup, const struct store_client_token *token,
               lookup_callback *callback, void *context)
{
    (void) lookup;
    (void) token;
    (void) callback;
    (void) context;
    abort ();
}

void
lookup_opaque (struct lookup *lookup, const struct store_opaque_key *token,
               lookup_callback *callback, void *context)
{
    (void) lookup;
    (void) token;
    (void) callback;
    (void) context;
    abort ();
}

void
store_opaque_said (struct db *db, const struct store_opaque_key *key,
                   store_opaque_said_callback *callback, void *context)
{
    (void) db;
    (void) key;
    (void) callback;
    (void) context;
    abort ();
}

// No token here has a rate limit.
bool
limits_take (struct limits *limits, const struct facts *facts, unsigned environment,
             struct limit_result *result_r, limit_callback *callback, void *context)
{
    (void) limits;
    (void) facts;
    (void) environment;
    (void) result_r;
    (void) callback;
    (void) context;
    abort ();
}

void
limit_show (const struct limit_result *result, struct arena *arena, Jeton__V1__ValidateReply *reply)
{
    (void) result;
    (void) arena;
    (void) reply;
    abort ();
}

void
validator_lease (struct request *request)
{
    (void) request;
    abort ();
}

bool
foreign_match (const struct foreign *foreign, const char *text, size_t length)
{
    (void) foreign;
    (void) text;
    (void) length;
    return false;
}

// ---- the validator -------------------------------------------------------------------------------------------------

static void
fill (struct engine *engine)
{
    struct validator *validator = &engine->validator;
    struct policy_draft draft;
    policy_draft_start (&draft);
    bool good = policy_draft_grant (validator->policies, &draft, "orders", 6, 2, true);
    struct policy *policy = policies_intern (validator->policies, &draft);
    for (uint64_t i = 1; i <= engine->tokens && good; i++) {
        char value[TOKEN_VALUE_LENGTH + 1];
        bench_value (&validator->token_keys, i, value);
        struct cache_key key = cache_key (validator->cache, value, TOKEN_VALUE_LENGTH);
        struct facts facts = {.token = (int64_t) i,
                              .account = 1 + (int64_t) i % ACCOUNTS,
                              .kind = JETON__V1__TOKEN_KIND__TOKEN_KIND_SERVICE,
                              .environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE,
                              .token_status = JETON__V1__TOKEN_STATUS__TOKEN_STATUS_ACTIVE,
                              .account_status = JETON__V1__ACCOUNT_STATUS__ACCOUNT_STATUS_ACTIVE,
                              .user_status = JETON__V1__USER_STATUS__USER_STATUS_ACTIVE,
                              .policy = policy};
        good = cache_put (validator->cache, &key, &facts, cache_now (validator->cache));
    }
    assert (good);
    policy_release (validator->policies, policy);
}

static void
validator_start (struct engine *engine)
{
    struct validator *validator = &engine->validator;
    struct error error;
    struct cache_bounds bounds = {.entries = engine->tokens + 1000,
                                  .bytes = CACHE_BYTES_MIN + engine->tokens * 160};
    struct journal_options journal = {.directory = engine->directory, .limit = UINT64_C (1) << 34};
    validator->token_keys.n = 1;
    memset (validator->token_keys.keys[0], 7, TOKEN_CHECK_KEY_SIZE);
    validator->modules = modules_new ();
    validator->policies = policies_new (validator->modules, POLICIES_EXPECTED);
    validator->cache = cache_new (validator->policies, &bounds);
    validator->counting.journal = journal_open (&journal, &error);
    assert (validator->counting.journal);
    fill (engine);
}

static void
validator_end (struct engine *engine)
{
    struct validator *validator = &engine->validator;
    journal_close (&validator->counting.journal);
    cache_destroy (&validator->cache);
    policies_destroy (&validator->policies);
    modules_destroy (&validator->modules);
}

static void
server_start (struct engine *engine)
{
    static struct rpc_service service;
    struct error error;
    char path[sizeof engine->directory + 8], secret[41];
    zmq_curve_keypair (engine->key, secret);
    snprintf (path, sizeof path, "%s.peers", engine->directory);
    FILE *file = fopen (path, "w");
    fprintf (file, "%s bench operator\n", engine->key);
    fclose (file);
    engine->loop = loop_new ();
    engine->certificate = zcert_new ();
    struct rpc_server_options options = {.bind = "tcp://127.0.0.1:*",
                                         .service = "engine",
                                         .certificate = engine->certificate,
                                         .peers_path = path,
                                         .message_limit = 1 << 20,
                                         .arena_limit = 16 << 20};
    engine->server = rpc_server_new (engine->loop, &options, &error);
    assert (engine->server);
    unlink (path);
    service = (struct rpc_service){&jeton__v1__validator__descriptor, validator_methods,
                                   &engine->validator};
    rpc_server_add (engine->server, &service);
    validator_codecs (engine->server);
    rpc_server_health (engine->server, RPC_SERVING, "");
    rpc_connection_opened (engine->server, 0);
}

// ---- measuring -----------------------------------------------------------------------------------------------------

struct frame {
    size_t size;
    uint8_t data[FRAME_SIZE];
};

static void
frame_make (struct engine *engine, uint64_t id, struct frame *frame)
{
    static char values[BATCH_MAX][TOKEN_VALUE_LENGTH + 1];
    static uint8_t body[FRAME_SIZE];
    Jeton__V1__ValidateBatchRequest batch = JETON__V1__VALIDATE_BATCH_REQUEST__INIT;
    Jeton__V1__ValidateRequest requests[BATCH_MAX], *pointers[BATCH_MAX];
    Jeton__V1__Request request = JETON__V1__REQUEST__INIT;
    Jeton__V1__ClientMessage message = JETON__V1__CLIENT_MESSAGE__INIT;
    for (size_t i = 0; i < engine->batch; i++) {
        bench_value (&engine->validator.token_keys, 1 + dice_below (&engine->dice, engine->tokens),
                     values[i]);
        if (engine->made_up)
            values[i][TOKEN_VALUE_LENGTH - 1] ^= 1;
        jeton__v1__validate_request__init (pointers[i] = &requests[i]);
        requests[i].token = values[i];
        requests[i].module = (char *) "orders";
    }
    batch.n_requests = engine->batch;
    batch.requests = pointers;
    batch.only_known = batch.brief = true; // as the client library asks
    request.id = id;
    request.method = (char *) "jeton.v1.Validator/ValidateBatch";
    request.timeout_ms = 2000;
    request.body.len = jeton__v1__validate_batch_request__pack (&batch, body);
    request.body.data = body;
    message.kind_case = JETON__V1__CLIENT_MESSAGE__KIND_REQUEST;
    message.request = &request;
    frame->size = jeton__v1__client_message__pack (&message, frame->data);
    assert (frame->size <= FRAME_SIZE);
}

// Of this thread: what others do on the machine meanwhile is not its work.
static int64_t
core_ns (void)
{
    struct timespec now;
    clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C (1000000000) + now.tv_nsec;
}

static int64_t
round_run (struct engine *engine, struct frame *frames, size_t n)
{
    const uint8_t routing[RPC_ROUTING_SIZE] = {0, 1, 2, 3, 4};
    struct rpc_sender sender = {
        .routing = routing, .routing_size = sizeof routing, .fd = 0, .key = engine->key};
    for (size_t i = 0; i < n; i++)
        frame_make (engine, i + 1, &frames[i]);
    int64_t begun = core_ns ();
    for (size_t i = 0; i < n; i++)
        rpc_receive_message (engine->server, &sender, frames[i].data, frames[i].size);
    int64_t spent = core_ns () - begun;
    // As if an auditor had taken it.
    struct journal_segment segment;
    journal_seal (engine->validator.counting.journal);
    while (journal_next (engine->validator.counting.journal, &segment)) {
        journal_segment_free (&segment);
        journal_taken (engine->validator.counting.journal);
    }
    return spent;
}

int
main (int argc, char **argv)
{
    static struct engine engine = {.dice = {1}};
    struct error error;
    engine.tokens = argc >= 4 ? strtoull (argv[1], NULL, 10) : 0;
    uint64_t rounds = argc >= 4 ? strtoull (argv[2], NULL, 10) : 0;
    engine.batch = argc >= 4 ? strtoul (argv[3], NULL, 10) : 0;
    engine.made_up = argc > 4;
    if (engine.tokens < 1 || rounds < 1 || engine.batch < 1 || engine.batch > BATCH_MAX ||
        !crypto_start (&error))
        return 64;
    size_t n = CHECKS / engine.batch;
    zsys_handler_set (NULL);
    log_open ("engine", LOG_LEVEL_ERROR);
    snprintf (engine.directory, sizeof engine.directory, "/tmp/jeton-engine-%d", (int) getpid ());
    validator_start (&engine);
    server_start (&engine);
    struct frame *frames = xcalloc (n, sizeof *frames);
    int64_t spent = 0;
    for (uint64_t i = 0; i <= rounds; i++) // the first makes all warm
        spent += i > 0 ? round_run (&engine, frames, n) : 0 * round_run (&engine, frames, n);
    uint64_t done = rounds * n * engine.batch;
    const struct validator_stats *stats = &engine.validator.stats;
    uint64_t right = engine.made_up ? stats->denied : stats->allowed;
    printf ("{\"ns\": %.1f, \"rate\": %.1f, \"reply_bytes\": %.1f}\n",
            (double) spent / (double) done, (double) done / ((double) spent / 1e9),
            (double) reply_bytes / (double) (replies * engine.batch));
    bool good = right == done + n * engine.batch;
    free (frames);
    rpc_server_destroy (&engine.server);
    loop_destroy (&engine.loop);
    zcert_destroy (&engine.certificate);
    validator_end (&engine);
    char lock[sizeof engine.directory + 8]; // of the journal: all that it leaves
    snprintf (lock, sizeof lock, "%s/lock", engine.directory);
    unlink (lock);
    if (rmdir (engine.directory) != 0)
        perror (engine.directory);
    return good && fflush (stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
