#include "tests/unit/rpc_fixture.h"
#include "common/log/log.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <unistd.h>

// ---- the handlers ---------------------------------------------------------------------------------------------------

static void
answer (struct request *request, const char *token)
{
    Jeton__V1__ValidateReply reply = JETON__V1__VALIDATE_REPLY__INIT;
    reply.token = (char *) token;
    reply.scope = (char *) request_correlation (request);
    request_reply (request, &reply.base);
}

static void
big (struct request *request)
{
    char *text = xcalloc (1, 9 << 20);
    memset (text, 'x', (9 << 20) - 1);
    answer (request, text);
    free (text);
}

static void
validate (struct request *request)
{
    struct service *service = request_owner (request);
    const Jeton__V1__ValidateRequest *message = request_message (request);
    service->calls++;
    if (strcmp (message->module, "hold") == 0) {
        ck_assert_uint_lt (service->nheld, 64);
        service->held[service->nheld++] = request;
    } else if (strcmp (message->module, "fail") == 0) {
        request_retry_after (request, 17);
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no \"%s\" \xff", message->token);
    } else if (strcmp (message->module, "field") == 0)
        request_fail_field (request, "client_address", "is no address");
    else if (strcmp (message->module, "who") == 0)
        answer (request, service->name);
    else if (strcmp (message->module, "big") == 0)
        big (request);
    else
        answer (request, message->token);
}

// False: the batch has its answer, or is kept for later.
static bool
batch_item (struct request *request, size_t i, Jeton__V1__ValidateReply *reply)
{
    struct service *service = request_owner (request);
    const Jeton__V1__ValidateBatchRequest *message = request_message (request);
    const Jeton__V1__ValidateRequest *item = message->requests[i];
    reply->decision = JETON__V1__DECISION__DECISION_ALLOW;
    reply->token = strcmp (item->module, "who") == 0 ? service->name : item->token;
    if (strcmp (item->module, "numbers") == 0 && message->brief) {
        reply->token = reply->scope;
        reply->token_number = (uint32_t) strtoul (item->token, NULL, 10);
        reply->account_number = reply->token_number + 1;
        reply->user_number = reply->token_number + 2;
        reply->client_number = reply->token_number + 3;
        reply->customer_number = reply->token_number + 4;
    }
    if (strcmp (item->module, "later") == 0 && message->only_known)
        jeton__v1__validate_reply__init (reply);
    if (strcmp (item->module, "hold") == 0) {
        ck_assert_uint_lt (service->nheld, 64);
        service->held[service->nheld++] = request;
        return false;
    }
    if (strcmp (item->module, "fail") == 0) {
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no \"%s\"", item->token);
        return false;
    }
    if (strcmp (item->module, "field") == 0) {
        request_fail_field (request, "requests[].client_address", "is no address");
        return false;
    }
    return true;
}

static void
validate_batch (struct request *request)
{
    struct service *service = request_owner (request);
    const Jeton__V1__ValidateBatchRequest *message = request_message (request);
    Jeton__V1__ValidateBatchReply reply = JETON__V1__VALIDATE_BATCH_REPLY__INIT;
    Jeton__V1__ValidateReply replies[256], *pointers[256];
    service->batches++;
    ck_assert_uint_le (message->n_requests, 256);
    for (size_t i = 0; i < message->n_requests; i++) {
        jeton__v1__validate_reply__init (pointers[i] = &replies[i]);
        if (!batch_item (request, i, pointers[i]))
            return;
    }
    reply.n_replies = message->n_requests;
    reply.replies = pointers;
    request_reply (request, &reply.base);
}

static void
export_more (struct request *request)
{
    struct service *service = request_owner (request);
    Jeton__V1__TrailEntry entry = JETON__V1__TRAIL_ENTRY__INIT;
    Jeton__V1__ExportTrailReply reply = JETON__V1__EXPORT_TRAIL_REPLY__INIT;
    reply.entry = &entry;
    while (service->sent < service->items) {
        entry.sequence = (int64_t) service->sent + 1;
        if (!request_send (request, &reply.base))
            return;
        service->sent++;
    }
    request_reply (request, NULL);
}

static void
stream_ended (struct request *request)
{
    struct service *service = request_owner (request);
    ck_assert (request_answered (request));
    service->ended = true;
    service->tail = NULL;
    request_reply (request, NULL);
}

static void
export_trail (struct request *request)
{
    struct service *service = request_owner (request);
    const Jeton__V1__ExportTrailRequest *message = request_message (request);
    service->items = (size_t) message->after;
    service->sent = 0;
    request_stream (request, export_more, stream_ended);
    export_more (request);
}

static void
tail_credit (struct request *request)
{
    (void) request;
}

static void
tail_records (struct request *request)
{
    struct service *service = request_owner (request);
    service->tail = request;
    service->ended = false;
    request_stream (request, tail_credit, stream_ended);
}

static void
unused (struct request *request)
{
    request_fail (request, JETON__V1__CODE__CODE_INTERNAL, "not part of the tests");
}

static const struct rpc_method validator_rows[] = {
    {.name = "Validate", .handler = validate, .roles = ROLE_CALLER | ROLE_SERVICE},
    {.name = "ValidateBatch", .handler = validate_batch, .roles = ROLE_CALLER | ROLE_SERVICE},
    {.name = "Introspect", .handler = unused, .roles = ROLE_CALLER},
    {.name = NULL},
};

static const struct rpc_method auditor_rows[] = {
    {.name = "ListRecords", .handler = unused, .roles = ROLE_OPERATOR},
    {.name = "GetRecord", .handler = unused, .roles = ROLE_OPERATOR},
    {.name = "TailRecords", .handler = tail_records, .roles = ROLE_OPERATOR, .flags = RPC_STREAM},
    {.name = "ExportTrail", .handler = export_trail, .roles = ROLE_OPERATOR, .flags = RPC_STREAM},
    {.name = "TakeSegment", .handler = unused, .roles = ROLE_SERVICE},
    {.name = "ListUse", .handler = unused, .roles = ROLE_OPERATOR},
    {.name = "TailUse", .handler = unused, .roles = ROLE_OPERATOR, .flags = RPC_STREAM},
    {.name = "UsagePerToken", .handler = unused, .roles = ROLE_OPERATOR},
    {.name = "GetCheckpointKey", .handler = unused, .roles = ROLE_ANY},
    {.name = NULL},
};

// ---- the fixture ----------------------------------------------------------------------------------------------------

static struct rpc_service validator_service = {.descriptor = &jeton__v1__validator__descriptor,
                                               .methods = validator_rows};
static struct rpc_service auditor_service = {.descriptor = &jeton__v1__audit_logger__descriptor,
                                             .methods = auditor_rows};

zcert_t *
fixture_certificate (const struct keys *keys)
{
    uint8_t public_key[32], secret_key[32];
    ck_assert_ptr_nonnull (zmq_z85_decode (public_key, keys->public_key));
    ck_assert_ptr_nonnull (zmq_z85_decode (secret_key, keys->secret_key));
    return zcert_new_from (public_key, secret_key);
}

static void
keys_make (struct keys *keys)
{
    // A line that begins with # would be a comment if it were not a peer: that is for the tests of the peers file.
    ck_assert_int_eq (zmq_curve_keypair (keys->public_key, keys->secret_key), 0);
}

void
fixture_peers (struct fixture *fixture, const char *format, ...)
{
    FILE *file = fopen (fixture->peers_path, "w");
    va_list arguments;
    va_start (arguments, format);
    vfprintf (file, format, arguments);
    va_end (arguments);
    fclose (file);
}

void
fixture_open (struct fixture *fixture)
{
    memset (fixture, 0, sizeof *fixture);
    log_open ("test", LOG_LEVEL_ERROR);
    snprintf (fixture->directory, sizeof fixture->directory, "/tmp/jeton-rpc-XXXXXX");
    ck_assert_ptr_nonnull (mkdtemp (fixture->directory));
    snprintf (fixture->peers_path, sizeof fixture->peers_path, "%s/peers", fixture->directory);
    keys_make (&fixture->server_keys);
    keys_make (&fixture->service_keys);
    keys_make (&fixture->caller_keys);
    keys_make (&fixture->stranger_keys);
    fixture_peers (fixture, "%s me service,operator\n%s shop caller\n",
                   fixture->service_keys.public_key, fixture->caller_keys.public_key);
    fixture->options = (struct rpc_server_options){
        .bind = "tcp://127.0.0.1:*",
        .service = "test",
        .peers_path = fixture->peers_path,
        .in_flight_limit = 32,
        .peer_limit = 16,
        .high_water_mark = 1000,
        .message_limit = 256 * 1024,
        .arena_limit = 1 << 20,
    };
}

static void
loop_need (struct fixture *fixture)
{
    if (fixture->loop != NULL)
        return;
    zsys_handler_set (NULL);
    fixture->loop = loop_new ();
    fixture->resolver = resolver_new (fixture->loop);
    fixture->server_certificate = fixture_certificate (&fixture->server_keys);
    fixture->options.certificate = fixture->server_certificate;
}

void
fixture_serve (struct fixture *fixture)
{
    struct error error = {.text = ""};
    loop_need (fixture);
    if (fixture->endpoint[0] != '\0')
        fixture->options.bind = fixture->endpoint;
    // The port of a server that ended a moment ago is closed in the background.
    for (int i = 0; i < 3000 && fixture->server == NULL; i++) {
        fixture->server = rpc_server_new (fixture->loop, &fixture->options, &error);
        if (fixture->server == NULL)
            usleep (10000);
    }
    ck_assert_msg (fixture->server != NULL, "%s", error.text);
    snprintf (fixture->endpoint, sizeof fixture->endpoint, "%s",
              rpc_server_endpoint (fixture->server));
    validator_service.owner = auditor_service.owner = &fixture->service;
    rpc_server_add (fixture->server, &validator_service);
    rpc_server_add (fixture->server, &auditor_service);
    if (fixture->served)
        fixture->served (fixture);
    rpc_server_health (fixture->server, RPC_SERVING, "");
}

void
fixture_close (struct fixture *fixture)
{
    rpc_server_destroy (&fixture->server);
    resolver_destroy (&fixture->resolver);
    zcert_destroy (&fixture->server_certificate);
    for (size_t i = 0; i < fixture->ncertificates; i++)
        zcert_destroy (&fixture->certificates[i]);
    loop_destroy (&fixture->loop);
    unlink (fixture->peers_path);
    rmdir (fixture->directory);
    zsys_shutdown ();
}

struct rpc_client *
fixture_client (struct fixture *fixture, const struct keys *keys, const char *endpoints)
{
    struct error error = {.text = ""};
    loop_need (fixture);
    ck_assert_uint_lt (fixture->ncertificates, 8);
    zcert_t *certificate = fixture_certificate (keys);
    fixture->certificates[fixture->ncertificates++] = certificate;
    struct rpc_client_options options = {
        .endpoints = endpoints != NULL ? endpoints : fixture->endpoint,
        .server_key = fixture->server_keys.public_key,
        .certificate = certificate,
    };
    struct rpc_client *client = rpc_client_new (fixture->loop, fixture->resolver, &options, &error);
    ck_assert_msg (client != NULL, "%s", error.text);
    return client;
}

struct wait {
    bool (*done) (void *context);
    void *context;
    int64_t until_ms;
    bool was_done;
};

static int
wait_look (struct loop *loop, int timer, void *context)
{
    (void) loop;
    (void) timer;
    struct wait *wait = context;
    wait->was_done = wait->done != NULL && wait->done (wait->context);
    return wait->was_done || zclock_mono () >= wait->until_ms ? -1 : 0;
}

static bool
wait_run (struct fixture *fixture, struct wait *wait)
{
    int timer = loop_timer (fixture->loop, 1, 0, wait_look, wait);
    loop_run (fixture->loop);
    loop_timer_end (fixture->loop, timer);
    return wait->was_done;
}

bool
fixture_until (struct fixture *fixture, bool (*done) (void *context), void *context)
{
    struct wait wait = {.done = done, .context = context, .until_ms = zclock_mono () + 40000};
    return wait_run (fixture, &wait);
}

void
fixture_pass (struct fixture *fixture, unsigned ms)
{
    struct wait wait = {.until_ms = zclock_mono () + ms};
    wait_run (fixture, &wait);
}

struct connected {
    struct rpc_client *client;
    size_t n;
};

static bool
is_connected (void *context)
{
    const struct connected *connected = context;
    return rpc_client_up (connected->client) == connected->n;
}

bool
fixture_connected (struct fixture *fixture, struct rpc_client *client, size_t n)
{
    struct connected connected = {.client = client, .n = n};
    return fixture_until (fixture, is_connected, &connected);
}

// Nobody listens there, and nobody else has this name without a file, as the scenarios have it too: it is this process's and its children's until they end.
static bool
port_reserve (unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
                                  .sin_port = htons ((uint16_t) port)};
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length = snprintf (name.sun_path + 1, sizeof name.sun_path - 1, "jeton-port-%u", port);
    socklen_t size = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + 1 + (size_t) length);
    int reserved = socket (AF_UNIX, SOCK_STREAM, 0);
    if (bind (reserved, (struct sockaddr *) &name, size) != 0) {
        close (reserved);
        return false;
    }
    int fd = socket (AF_INET, SOCK_STREAM, 0);
    bool free = bind (fd, (struct sockaddr *) &address, sizeof address) == 0;
    close (fd);
    if (!free)
        close (reserved);
    return free;
}

// Below those that the kernel gives out to clients.
unsigned
fixture_port (void)
{
    for (;;) {
        unsigned port = 10000 + randombytes_uniform (21000);
        if (port_reserve (port))
            return port;
    }
}

pid_t
fixture_child (struct fixture *fixture, unsigned port, enum rpc_health health)
{
    pid_t parent = getpid ();
    pid_t child = fork ();
    ck_assert_int_ge (child, 0);
    if (child > 0)
        return child;
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (getppid () != parent)
        _exit (1);
    snprintf (fixture->endpoint, sizeof fixture->endpoint, "tcp://127.0.0.1:%u", port);
    snprintf (fixture->service.name, sizeof fixture->service.name, "%u", port);
    fixture_serve (fixture);
    rpc_server_health (fixture->server, health, "of a test");
    loop_run (fixture->loop);
    _exit (0);
}

// ---- calls ----------------------------------------------------------------------------------------------------------

void
outcome_take (void *context, const struct rpc_result *result)
{
    struct outcome *outcome = context;
    outcome->calls++;
    if (result->more) {
        outcome->items++;
        ck_assert_ptr_nonnull (result->reply);
        return;
    }
    ck_assert (!outcome->done);
    outcome->done = true;
    outcome->code = result->code;
    outcome->retry_after = result->retry_after;
    outcome->took_ms = zclock_mono () - outcome->began_ms;
    snprintf (outcome->message, sizeof outcome->message, "%s", result->message);
    if (result->ndetails > 0)
        snprintf (outcome->field, sizeof outcome->field, "%s", result->details[0].field);
    const ProtobufCMessage *base = result->reply;
    if (base == NULL || base->descriptor != &jeton__v1__validate_reply__descriptor)
        return;
    const Jeton__V1__ValidateReply *reply = result->reply;
    snprintf (outcome->token, sizeof outcome->token, "%s", reply->token);
    snprintf (outcome->scope, sizeof outcome->scope, "%s", reply->scope);
}

bool
outcome_done (void *outcome)
{
    return ((struct outcome *) outcome)->done;
}

uint64_t
call_validate (struct rpc_client *client, struct outcome *outcome, const char *token,
               const char *module, const struct rpc_call_options *options)
{
    Jeton__V1__ValidateRequest request = JETON__V1__VALIDATE_REQUEST__INIT;
    request.token = (char *) token;
    request.module = (char *) module;
    *outcome = (struct outcome){.began_ms = zclock_mono ()};
    uint64_t id = rpc_client_call (client, &jeton__v1__validator__descriptor, "Validate",
                                   &request.base, options, outcome_take, outcome);
    ck_assert (!outcome->done); // never before the starter has returned
    return id;
}

uint64_t
call_export (struct rpc_client *client, struct outcome *outcome, size_t items, uint32_t credit)
{
    Jeton__V1__ExportTrailRequest request = JETON__V1__EXPORT_TRAIL_REQUEST__INIT;
    struct rpc_call_options options = {.credit = credit};
    request.after = (int64_t) items;
    *outcome = (struct outcome){.began_ms = zclock_mono ()};
    return rpc_client_call (client, &jeton__v1__audit_logger__descriptor, "ExportTrail",
                            &request.base, &options, outcome_take, outcome);
}

uint64_t
call_tail (struct rpc_client *client, struct outcome *outcome)
{
    Jeton__V1__TailRecordsRequest request = JETON__V1__TAIL_RECORDS_REQUEST__INIT;
    struct rpc_call_options options = {.credit = 8};
    *outcome = (struct outcome){.began_ms = zclock_mono ()};
    return rpc_client_call (client, &jeton__v1__audit_logger__descriptor, "TailRecords",
                            &request.base, &options, outcome_take, outcome);
}
