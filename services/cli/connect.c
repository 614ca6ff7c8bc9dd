#include "services/cli/connect.h"
#include "admin.pb-c.h"
#include "audit.pb-c.h"
#include "common/crypto/crypto.h"
#include "common/json/json.h"
#include "common/memory/memory.h"
#include "common/rpc/peers.h"
#include "common/token/jwt.h"
#include "envelope.pb-c.h"
#include "issuer.pb-c.h"
#include "services/cli/print.h"
#include "services/cli/settings.h"
#include "validator.pb-c.h"
#include <assert.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    PAUSE_MS = 100,
    CLIENTS_MAX = 64,
    STREAM_TIMEOUT_MS = 600000,
    LIMIT_DEFAULT = 100,
    PAGE_SIZE_MAX = 500
};

struct connection {
    struct connect_settings *settings;
    zloop_t *loop;
    struct resolver *resolver;
    zcert_t *certificate;
    struct peers *peers;
    int signal_fd;
    int interrupted; // the signal's number
    bool stopped;    // connect_stop was called
    struct {
        enum service service;
        char *endpoints;
        struct rpc_client *client;
    } clients[CLIENTS_MAX];
    size_t nclients;
};

static const struct {
    const char *name;
    const ProtobufCServiceDescriptor *descriptor;
} services[SERVICE_COUNT] = {
    [SERVICE_ADMIN] = {"admin", &jeton__v1__admin__descriptor},
    [SERVICE_ISSUER] = {"issuer", &jeton__v1__issuer__descriptor},
    [SERVICE_VALIDATOR] = {"validator", &jeton__v1__validator__descriptor},
    [SERVICE_AUDITOR] = {"auditor", &jeton__v1__audit_logger__descriptor},
};

const char *
connect_service_name (enum service service)
{
    return services[service].name;
}

enum service
connect_service_find (const char *name)
{
    size_t i = 0;

    while (i < SERVICE_COUNT && strcmp (services[i].name, name) != 0) {
        i++;
    }
    return (enum service) i;
}

const char *
connect_endpoints (const struct connect_settings *settings, enum service service)
{
    switch (service) {
    case SERVICE_ADMIN:
        return settings->admin;
    case SERVICE_ISSUER:
        return settings->issuer;
    case SERVICE_VALIDATOR:
        return settings->validator;
    case SERVICE_AUDITOR:
        return settings->auditor;
    case SERVICE_COUNT:
        break;
    }
    return "";
}

static struct connection *
connection_of (struct cli *cli)
{
    if (cli->connection == NULL) {
        cli->connection = xcalloc (1, sizeof *cli->connection);
        cli->connection->signal_fd = -1;
    }
    return cli->connection;
}

const struct connect_settings *
connect_settings (struct cli *cli)
{
    struct connection *connection = connection_of (cli);

    if (connection->settings == NULL) {
        connection->settings = settings_load (cli);
    }
    return connection->settings;
}

// ---- the loop

static int
on_signal (zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    struct connection *connection = argument;
    struct signalfd_siginfo info;

    (void) loop;
    if (read (item->fd, &info, sizeof info) == (ssize_t) sizeof info) {
        connection->interrupted = (int) info.ssi_signo;
        return -1;
    }
    return 0;
}

static int
on_stop (zloop_t *loop, int timer, void *argument)
{
    (void) loop;
    (void) timer;
    (void) argument;
    return -1;
}

// Before there are threads, so that they inherit the mask and the signal comes to the loop.
static void
loop_start (struct connection *connection)
{
    sigset_t set;

    sigemptyset (&set);
    sigaddset (&set, SIGINT);
    sigaddset (&set, SIGTERM);
    pthread_sigmask (SIG_BLOCK, &set, NULL);
    connection->loop = zloop_new ();
    connection->signal_fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (connection->signal_fd >= 0) {
        zmq_pollitem_t item = {.fd = connection->signal_fd, .events = ZMQ_POLLIN};
        zloop_poller (connection->loop, &item, on_signal, connection);
    }
    connection->resolver = resolver_new (connection->loop);
}

bool
connect_run (struct cli *cli, size_t timeout_ms)
{
    struct connection *connection = cli->connection;
    int timer = -1;

    connection->stopped = false;
    if (timeout_ms > 0) {
        timer = zloop_timer (connection->loop, timeout_ms, 1, on_stop, NULL);
    }
    zloop_start (connection->loop);
    if (timer >= 0) {
        zloop_timer_end (connection->loop, timer);
    }
    return connection->interrupted == 0;
}

// A callback of a call cannot end the loop by what it returns; a timer can.
void
connect_stop (struct cli *cli)
{
    if (!cli->connection->stopped) {
        cli->connection->stopped = true;
        zloop_timer (cli->connection->loop, 0, 1, on_stop, NULL);
    }
}

// ---- clients

static bool
connection_open (struct cli *cli)
{
    struct connection *connection = connection_of (cli);

    if (connect_settings (cli) == NULL) {
        return false;
    }
    if (connection->certificate == NULL &&
        !settings_keys (cli, connection->settings, &connection->peers, &connection->certificate)) {
        return false;
    }
    if (connection->loop == NULL) {
        loop_start (connection);
    }
    return true;
}

struct rpc_client *
connect_client (struct cli *cli, enum service service, const char *endpoints, bool by_home,
                int *status_r)
{
    struct connection *connection = connection_of (cli);
    const struct peer *peer;
    struct rpc_client *client;
    struct error error;

    *status_r = EX_CONFIG;
    if (!connection_open (cli)) {
        return NULL;
    }
    if (endpoints == NULL) {
        endpoints = connect_endpoints (connection->settings, service);
    }
    for (size_t i = 0; i < connection->nclients; i++) {
        if (connection->clients[i].service == service &&
            strcmp (connection->clients[i].endpoints, endpoints) == 0) {
            return connection->clients[i].client;
        }
    }
    peer = peers_by_name (connection->peers, services[service].name);
    if (*endpoints == '\0' || peer == NULL || connection->nclients == CLIENTS_MAX) {
        print_fail (cli, EX_CONFIG, "SETTINGS",
                    *endpoints == '\0' ? "the settings name no endpoint for \"%s\""
                    : peer == NULL     ? "the peers file has no line for \"%s\""
                                       : "too many endpoints for \"%s\"",
                    services[service].name);
        return NULL;
    }
    client = rpc_client_new (connection->loop, connection->resolver,
                             &(struct rpc_client_options){
                                 .endpoints = endpoints,
                                 .server_key = peer->key,
                                 .certificate = connection->certificate,
                                 .timeout_ms = cli->timeout_ms,
                                 .by_home = by_home,
                             },
                             &error);
    if (client == NULL) {
        print_fail (cli, EX_CONFIG, "SETTINGS", "%s: %s", services[service].name, error.text);
        return NULL;
    }
    connection->clients[connection->nclients].service = service;
    connection->clients[connection->nclients].endpoints = xstrdup (endpoints);
    connection->clients[connection->nclients++].client = client;
    return client;
}

// ---- calls

// Does the method only look? Then it may be repeated, and an unknown outcome changes nothing.
static bool
only_reads (const char *method)
{
    static const char *const beginnings[] = {"Get", "List", "Check", "Validate", "Tail", "Export"};

    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        if (strncmp (method, beginnings[i], strlen (beginnings[i])) == 0) {
            return true;
        }
    }
    return false;
}

static int
print_interrupted (struct cli *cli, bool write)
{
    const char *advice =
        !write           ? ""
        : *cli->key_sent ? "; it may have happened all the same: repeat it with --idempotency-key "
                         : "; it may have happened all the same: look before repeating it";
    return print_fail (cli, 128 + cli->connection->interrupted, "CANCELLED", "interrupted%s%s",
                       advice, write ? cli->key_sent : "");
}

struct waiting {
    struct cli *cli;
    bool write;
    bool keyed;     // it has an idempotency key: it can be repeated
    bool repeated;  // it was
    bool uncertain; // the outcome of one of the calls is not known
    bool again;     // to be repeated now
    int64_t until;  // zclock_mono
    int status;
    json_t *reply;
};

// Does a repeat that ended so tell what became of the first call?
static bool
is_definite (int code)
{
    return code == JETON__V1__CODE__CODE_OK || code == JETON__V1__CODE__CODE_INVALID_ARGUMENT ||
           code == JETON__V1__CODE__CODE_NOT_FOUND ||
           code == JETON__V1__CODE__CODE_ALREADY_EXISTS ||
           code == JETON__V1__CODE__CODE_FAILED_PRECONDITION;
}

// A lost connection and a lost database are often back in a moment: what was not done is tried once more; an outcome that is not known is
// asked for until there is one, for as long again as a call may take.
static bool
is_worth_repeating (struct waiting *waiting, int code)
{
    bool unknown = code == JETON__V1__CODE__CODE_UNKNOWN;

    if (!waiting->keyed || (!unknown && code != JETON__V1__CODE__CODE_UNAVAILABLE)) {
        return false;
    }
    if (unknown && !waiting->uncertain) {
        waiting->uncertain = true;
        waiting->until = zclock_mono () + waiting->cli->timeout_ms;
        return true;
    }
    return (waiting->uncertain || !waiting->repeated) && zclock_mono () + PAUSE_MS < waiting->until;
}

static void
on_reply (void *context, const struct rpc_result *result)
{
    struct waiting *waiting = context;

    if (is_worth_repeating (waiting, result->code)) {
        waiting->again = true;
    } else if (result->code != JETON__V1__CODE__CODE_OK) {
        struct rpc_result told = *result;
        if (waiting->uncertain && !is_definite (told.code)) {
            told.code = JETON__V1__CODE__CODE_UNKNOWN;
        }
        waiting->status = print_result (waiting->cli, waiting->write, &told);
    } else if (result->reply == NULL ||
               (waiting->reply = json_from_message (result->reply)) == NULL) {
        waiting->status =
            print_fail (waiting->cli, EX_SOFTWARE, "INTERNAL", "the reply cannot be read");
    } else {
        waiting->status = EX_OK;
    }
    connect_stop (waiting->cli);
}

// "Bearer …" for calls as a user, NULL for calls as ourselves. Processes that know no users are not shown the token. False: the reason has been printed.
static bool
user_authorization (struct cli *cli, enum service service, char **authorization_r)
{
    const char *token = getenv ("JETON_LOGIN_TOKEN"), *path = getenv ("JETON_LOGIN_TOKEN_FILE");
    char text[JWT_SIZE_MAX + 2] = "";
    struct error error;
    size_t length;

    *authorization_r = NULL;
    if (service != SERVICE_ADMIN && service != SERVICE_AUDITOR) {
        return true;
    }
    if ((token == NULL || *token == '\0') && path != NULL && *path != '\0') {
        if (!crypto_file_read (path, true, (uint8_t *) text, sizeof text - 1, &length, &error)) {
            print_fail (cli, EX_NOINPUT, "SETTINGS", "$JETON_LOGIN_TOKEN_FILE: %s", error.text);
            return false;
        }
        text[strcspn (text, "\r\n")] = '\0';
        token = text;
    }
    if (token != NULL && *token != '\0') {
        *authorization_r = xasprintf ("Bearer %s", token);
    }
    explicit_bzero (text, sizeof text);
    return true;
}

static size_t
metadata_user (const char **metadata, const char *authorization)
{
    if (authorization == NULL) {
        return 0;
    }
    metadata[0] = "authorization";
    metadata[1] = authorization;
    return 2;
}

// A key for the next change: as given, for the first one of a command; a number is added for further ones; or a random one.
static void
key_choose (struct cli *cli)
{
    uint8_t random[16];

    cli->keys_sent++;
    if (cli->idempotency_key == NULL) {
        randombytes_buf (random, sizeof random);
        sodium_bin2hex (cli->key_sent, sizeof cli->key_sent, random, sizeof random);
    } else if (cli->keys_sent == 1) {
        snprintf (cli->key_sent, sizeof cli->key_sent, "%s", cli->idempotency_key);
    } else {
        snprintf (cli->key_sent, sizeof cli->key_sent, "%s-%d", cli->idempotency_key,
                  cli->keys_sent);
    }
}

// Waits until the call has ended, or is to be repeated. False: it was interrupted; that has been printed.
static bool
call_wait (struct waiting *waiting, struct rpc_client *client, uint64_t id)
{
    while (waiting->status < 0 && !waiting->again) {
        if (!connect_run (waiting->cli, 0) && waiting->status < 0) {
            rpc_client_cancel (client, id);
            waiting->status = print_interrupted (waiting->cli, waiting->write);
            return false;
        }
    }
    return true;
}

int
connect_call (struct cli *cli, const struct call *call, json_t **reply_r)
{
    // Only admin keeps replies; elsewhere a key would promise what nobody holds.
    struct waiting waiting = {.cli = cli,
                              .write = !only_reads (call->method),
                              .until = zclock_mono () + cli->timeout_ms,
                              .status = -1};
    struct rpc_call_options options = {.timeout_ms = cli->timeout_ms, .idempotent = !waiting.write};
    const char *metadata[5] = {NULL};
    cleanup_free char *authorization = NULL;
    size_t pairs;
    int status;
    struct rpc_client *client =
        connect_client (cli, call->service, call->endpoints, call->home != NULL, &status);

    *reply_r = NULL;
    if (client == NULL) {
        return status;
    }
    if (!user_authorization (cli, call->service, &authorization)) {
        return EX_NOINPUT;
    }
    pairs = metadata_user (metadata, authorization);
    if (call->home != NULL) {
        options.key = call->home;
        options.key_size = strlen (call->home);
    }
    waiting.keyed = waiting.write && call->service == SERVICE_ADMIN;
    cli->key_sent[0] = '\0';
    if (waiting.keyed) {
        key_choose (cli);
        metadata[pairs] = "idempotency-key";
        metadata[pairs + 1] = cli->key_sent;
    }
    options.metadata = metadata;
    while (waiting.status < 0) {
        uint64_t id = rpc_client_call (client, services[call->service].descriptor, call->method,
                                       call->request, &options, on_reply, &waiting);
        if (call_wait (&waiting, client, id) && waiting.again) {
            waiting.again = false;
            waiting.repeated = true;
            if (!connect_run (cli, PAUSE_MS)) {
                return print_interrupted (cli, true);
            }
            int64_t left_ms = waiting.until - zclock_mono ();
            options.timeout_ms = left_ms > 1 ? (uint32_t) left_ms : 1;
        }
    }
    *reply_r = waiting.reply;
    return waiting.status;
}

int
connect_pages (struct cli *cli, const struct call *call, Jeton__V1__PageRequest *page,
               const char *member, json_t **rows_r)
{
    int64_t limit = LIMIT_DEFAULT;
    json_t *rows = json_array (), *reply = NULL;
    int status = EX_OK;
    bool more = true;

    *rows_r = NULL;
    if (!option_number (cli, "limit", 1, 1000000000, &limit)) {
        json_decref (rows);
        return EX_USAGE;
    }
    limit = option_given (cli, "all") ? INT64_MAX : limit;
    while (more && (int64_t) json_array_size (rows) < limit) {
        int64_t left = limit - (int64_t) json_array_size (rows);
        json_t *before = reply; // the cursor is in it
        page->size = left < PAGE_SIZE_MAX ? (uint32_t) left : PAGE_SIZE_MAX;
        status = connect_call (cli, call, &reply);
        json_decref (before);
        if (status != EX_OK) {
            json_decref (rows);
            return status;
        }
        page->cursor = (char *) json_string_value (json_object_get (reply, "next_cursor"));
        json_array_extend (rows, json_object_get (reply, member));
        // A page without rows that goes on would go on for ever.
        more = page->cursor != NULL && *page->cursor != '\0' &&
               json_array_size (json_object_get (reply, member)) > 0;
    }
    if (more) {
        print_note (cli, "There are more than these %zu: --limit N or --all shows them.",
                    json_array_size (rows));
    }
    page->cursor = (char *) protobuf_c_empty_string;
    json_decref (reply);
    *rows_r = rows;
    return EX_OK;
}

// ---- streams

struct streaming {
    struct cli *cli;
    connect_item *item;
    void *context;
    enum stream_end end;
    int status;
    struct error *error;
    bool ended;
};

static void
on_item (void *context, const struct rpc_result *result)
{
    struct streaming *streaming = context;
    int code = result->code;

    if (streaming->ended) {
        return; // items that were under way when it was enough
    }
    if (code == JETON__V1__CODE__CODE_OK && result->more) {
        if (result->reply == NULL || streaming->item (streaming->context, result->reply)) {
            return;
        }
        streaming->end = STREAM_STOPPED;
    } else if (code == JETON__V1__CODE__CODE_OK) {
        streaming->end = STREAM_DONE;
    } else if (code == JETON__V1__CODE__CODE_UNAVAILABLE || code == JETON__V1__CODE__CODE_UNKNOWN ||
               code == JETON__V1__CODE__CODE_DEADLINE_EXCEEDED) {
        // UNKNOWN is a connection that was lost in the middle: a stream changes nothing, so it is known.
        streaming->end = STREAM_BROKEN;
        streaming->status = EX_UNAVAILABLE;
        error_set (streaming->error, "%s (%s)", result->message, rpc_code_name (code));
    } else {
        streaming->end = STREAM_FAILED;
        streaming->status = print_result (streaming->cli, false, result);
    }
    streaming->ended = true;
    connect_stop (streaming->cli);
}

enum stream_end
connect_stream (struct cli *cli, const struct call *call, connect_item *item, void *context,
                int *status_r, struct error *error_r)
{
    struct streaming streaming = {.cli = cli, .item = item, .context = context, .error = error_r};
    struct rpc_client *client =
        connect_client (cli, call->service, call->endpoints, false, status_r);
    const char *metadata[3] = {NULL};
    cleanup_free char *authorization = NULL;
    uint64_t id;

    if (client == NULL || !user_authorization (cli, call->service, &authorization)) {
        return STREAM_FAILED;
    }
    metadata_user (metadata, authorization);
    id = rpc_client_call (
        client, services[call->service].descriptor, call->method, call->request,
        &(struct rpc_call_options){.timeout_ms = STREAM_TIMEOUT_MS, .metadata = metadata}, on_item,
        &streaming);
    while (!streaming.ended) {
        if (!connect_run (cli, 0) && !streaming.ended) {
            streaming.end = STREAM_STOPPED;
            streaming.ended = true;
            streaming.status = 128 + cli->connection->interrupted;
        }
    }
    // After its end this does nothing; before, the server may stop.
    rpc_client_cancel (client, id);
    *status_r = streaming.status;
    return streaming.end;
}

void
connect_end (struct cli *cli)
{
    struct connection *connection = cli->connection;

    if (connection == NULL) {
        return;
    }
    for (size_t i = 0; i < connection->nclients; i++) {
        rpc_client_destroy (&connection->clients[i].client);
        free (connection->clients[i].endpoints);
    }
    resolver_destroy (&connection->resolver);
    zloop_destroy (&connection->loop);
    if (connection->signal_fd >= 0) {
        close (connection->signal_fd);
    }
    zcert_destroy (&connection->certificate);
    peers_destroy (&connection->peers);
    settings_free (&connection->settings);
    free (connection);
    cli->connection = NULL;
}
