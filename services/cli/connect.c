#include "services/cli/connect.h"
#include "admin.pb-c.h"
#include "audit.pb-c.h"
#include "common/memory/memory.h"
#include "common/rpc/contract.h"
#include "common/rpc/peers.h"
#include "health.pb-c.h"
#include "issuer.pb-c.h"
#include "services/cli/print.h"
#include "services/cli/settings.h"
#include "validator.pb-c.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { CLIENTS_MAX = 64 };

struct connection {
    struct connect_settings *settings;
    struct loop *loop;
    struct watch *signals;
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
    [SERVICE_GATEWAY] = {"gateway", &jeton__v1__health__descriptor},
};

const char *
connect_service_name (enum service service)
{
    return services[service].name;
}

const ProtobufCServiceDescriptor *
connect_service_descriptor (enum service service)
{
    return services[service].descriptor;
}

const ProtobufCServiceDescriptor *
connect_descriptor (const struct call *call, const char **method_r)
{
    const char *slash = strchr (call->method, '/');
    cleanup_free char *name =
        slash != NULL ? xasprintf ("%.*s", (int) (slash - call->method), call->method) : NULL;

    *method_r = slash != NULL ? slash + 1 : call->method;
    return name != NULL ? contract_service (name)->descriptor : services[call->service].descriptor;
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
    case SERVICE_GATEWAY:
        return settings->gateway;
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
on_signal (struct loop *loop, int fd, void *argument)
{
    struct connection *connection = argument;
    struct signalfd_siginfo info;

    (void) loop;
    if (read (fd, &info, sizeof info) == (ssize_t) sizeof info) {
        connection->interrupted = (int) info.ssi_signo;
        return -1;
    }
    return 0;
}

static int
on_stop (struct loop *loop, int timer, void *argument)
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
    connection->loop = loop_new ();
    connection->signal_fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (connection->signal_fd >= 0) {
        connection->signals =
            loop_watch (connection->loop, connection->signal_fd, LOOP_IN, on_signal, connection);
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
        timer = loop_timer (connection->loop, timeout_ms, 1, on_stop, NULL);
    }
    loop_run (connection->loop);
    if (timer >= 0) {
        loop_timer_end (connection->loop, timer);
    }
    return connection->interrupted == 0;
}

int
connect_interrupted (const struct cli *cli)
{
    return cli->connection->interrupted;
}

// A callback of a call cannot end the loop by what it returns; a timer can.
void
connect_stop (struct cli *cli)
{
    if (!cli->connection->stopped) {
        cli->connection->stopped = true;
        loop_timer (cli->connection->loop, 0, 1, on_stop, NULL);
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
    watch_end (&connection->signals);
    loop_destroy (&connection->loop);
    if (connection->signal_fd >= 0) {
        close (connection->signal_fd);
    }
    zcert_destroy (&connection->certificate);
    peers_destroy (&connection->peers);
    settings_free (&connection->settings);
    free (connection);
    cli->connection = NULL;
}
