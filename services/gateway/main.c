// jeton-gateway: see DESIGN.md.
#include "common/log/log.h"
#include "services/gateway/gateway.h"
#include "services/gateway/http_settings.h"
#include "services/gateway/oauth_keys.h"
#include "services/gateway/rest.h"
#include "services/gateway/status.h"

#include <stdlib.h>
#include <sysexits.h>

#define FIELD(name) offsetof (struct gateway_settings, name)
static const struct config_row gateway_settings_table[] = {
    {"issuer", CONFIG_TEXT, FIELD (services[UPSTREAM_ISSUER]), "tcp://127.0.0.1:7101", 0, 0, false,
     "endpoints of the issuers, with commas; empty: none"},
    {"validator", CONFIG_TEXT, FIELD (services[UPSTREAM_VALIDATOR]), "tcp://127.0.0.1:7102", 0, 0,
     false, "endpoints of the validators, with commas; empty: none"},
    {"admin", CONFIG_TEXT, FIELD (services[UPSTREAM_ADMIN]), "tcp://127.0.0.1:7103", 0, 0, false,
     "endpoints of admin, with commas; empty: none"},
    {"auditor", CONFIG_TEXT, FIELD (services[UPSTREAM_AUDITOR]), "tcp://127.0.0.1:7104", 0, 0,
     false, "endpoints of the auditors, with commas; empty: none"},
    {"public_url", CONFIG_TEXT, FIELD (public_url), "https://jeton.localhost", 0, 0, false,
     "the URL under which clients reach this gateway, without a slash at its end: the issuer of "
     "RFC 8414; the same as the issuer's setting `issuer`"},
    {"auth_routes", CONFIG_PATH, FIELD (routes), "", 0, 0, true,
     "file of forward-auth's routes: which method and path needs which module; read again on "
     "SIGHUP; empty: requests say it"},
    {"auth_routes_limit", CONFIG_NUMBER, FIELD (auth_routes_limit), "1000", 1, 100000, true,
     "routes that the file of forward-auth may have"},
    {"call_timeout_ms", CONFIG_NUMBER, FIELD (call_timeout_ms), "5000", 10, 600000, false,
     "how long a service may take to answer, in milliseconds"},
    {"heartbeat_ms", CONFIG_NUMBER, FIELD (heartbeat_ms), "15000", 100, 600000, true,
     "how often a comment goes down a live stream, in milliseconds"},
    {"status_timeout_ms", CONFIG_NUMBER, FIELD (status_timeout_ms), "2000", 10, 60000, true,
     "how long each process may take to answer for /metrics and /readyz, in milliseconds; "
     "after that it is down; less than the monitoring waits"},
    {"status_instances", CONFIG_NUMBER, FIELD (status_instances), "256", 1, 65536, true,
     "processes that /metrics and /readyz ask, at most; those behind are left out"},
    {"metrics_limit", CONFIG_NUMBER, FIELD (metrics_limit), "16777216", 65536, 1073741824, true,
     "bytes of /metrics, at most; more: 503"},
    HTTP_SETTINGS (FIELD (http)),
    {NULL, CONFIG_TEXT, 0, NULL, 0, 0, false, NULL},
};
static const struct config_row *const tables[] = {process_settings_table, gateway_settings_table,
                                                  NULL};

// Each part's routes, in the order in which they are looked for: what is asked most comes first.
static void
gateway_routes (struct gateway *gateway)
{
    http_routes (gateway->http, auth_routes, gateway);
    http_routes (gateway->http, oauth_routes, gateway);
    http_routes (gateway->http, sign_in_routes, gateway);
    node_init (&gateway->streams);
    http_routes (gateway->http, rest_routes, gateway);
    http_routes (gateway->http, status_routes, gateway);
}

static void
gateway_reloaded (struct process *process)
{
    struct gateway *gateway = process->owner;
    struct error error;
    if (http_reload (gateway->http, &error))
        log_info ("certificate reloaded", NULL);
    else
        log_error ("certificate not reloaded, the old one stays in force", "error", error.text,
                   NULL);
    if (!auth_load (gateway, &error))
        log_error ("routes not reloaded, the old ones stay in force", "error", error.text, NULL);
}

static void
gateway_drained (void *context)
{
    struct gateway *gateway = context;
    gateway->drained = true;
}

static void
gateway_draining (struct process *process)
{
    struct gateway *gateway = process->owner;
    rest_drain (gateway);
    http_drain (gateway->http, gateway_drained, gateway);
}

static bool
gateway_idle (struct process *process)
{
    const struct gateway *gateway = process->owner;
    return gateway->drained;
}

static void
gateway_end (struct gateway *gateway)
{
    http_destroy (&gateway->http);
    status_destroy (&gateway->status);
    gateway_disconnect (gateway);
    oauth_keys_destroy (&gateway->keys);
    free (gateway->openapi);
    auth_unload (gateway);
    process_end (&gateway->process);
}

// The status that main returns.
static int
gateway_refuse (struct gateway *gateway, int status, const struct error *error)
{
    log_error ("cannot start", "error", error->text, NULL);
    gateway_end (gateway);
    return status;
}

int
main (int argc, char **argv)
{
    struct gateway gateway = {0};
    struct process *process = &gateway.process;
    process->owner = &gateway;
    process->reloaded = gateway_reloaded;
    process->drain_begins = gateway_draining;
    process->idle = gateway_idle;
    int status = process_start (process, "gateway", "tcp://127.0.0.1:7105", tables, NULL,
                                "HTTPS for what is outside the mesh.", &gateway.settings,
                                sizeof gateway.settings, argc, argv);
    if (status >= 0)
        return status;

    struct error error;
    gateway.http = http_new (process->loop, &gateway.settings.http, &error);
    if (gateway.http == NULL || !gateway_connect (&gateway, &error) ||
        !auth_load (&gateway, &error))
        return gateway_refuse (&gateway, EX_CONFIG, &error);
    if (!http_listen (gateway.http, &error))
        return gateway_refuse (&gateway, EX_UNAVAILABLE, &error);
    gateway.keys = oauth_keys_new ();
    gateway.status = status_new (&gateway);
    gateway_routes (&gateway);
    gateway_stats_show (&gateway);
    log_info ("listening", "tls", http_endpoint (gateway.http, HTTP_TLS), "plain",
              http_endpoint (gateway.http, HTTP_PLAIN), "proxy",
              http_endpoint (gateway.http, HTTP_PROXY), "status",
              http_endpoint (gateway.http, HTTP_STATUS), NULL);
    http_serve (gateway.http, true, "");

    status = process_run (process);
    gateway_end (&gateway);
    return status;
}
