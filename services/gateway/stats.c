// What Stats shows of a gateway.
#include "services/gateway/gateway.h"

#define ROW(kind, member, help) STAT_##kind (struct http_stats, member, "http." #member, help)
static const struct stat_row http_rows[] = {
    ROW (COUNTER, connections, "Connections that were accepted, of all listeners"),
    ROW (COUNTER, connections_refused, "Connections that were closed at once because of a limit"),
    ROW (GAUGE, open, "Connections that are open"),
    ROW (COUNTER, requests, "Requests that came"),
    ROW (COUNTER, malformed, "Requests that were not well formed"),
    ROW (COUNTER, timeouts, "Requests that took too long to come"),
    ROW (COUNTER, answers_kept, "Responses that were sent as they had been made before"),
    STAT_END,
};
#undef ROW

static const struct stat_row response_rows[] = {
    {"http.responses", STAT_COUNTER, 0, "Responses, by class of their status"},
    STAT_END,
};

static void
client_show (const struct gateway *gateway, struct rpc_client *client, const char *upstream)
{
    rpc_server_stats (gateway->process.server,
                      &(struct stat_source){.rows = rpc_client_stats_rows,
                                            .base = rpc_client_stats (client),
                                            .refresh = rpc_client_stats_refresh,
                                            .context = client,
                                            .label = "upstream",
                                            .value = upstream});
}

void
gateway_stats_show (const struct gateway *gateway)
{
    static const char *const classes[] = {NULL, "1xx", "2xx", "3xx", "4xx", "5xx"};
    struct rpc_server *server = gateway->process.server;
    const struct http_stats *stats = http_stats (gateway->http);
    rpc_server_stats (server, &(struct stat_source){.rows = http_rows, .base = stats});
    for (size_t i = 2; i < sizeof classes / sizeof *classes; i++)
        rpc_server_stats (server, &(struct stat_source){.rows = response_rows,
                                                        .base = &stats->responses[i],
                                                        .label = "class",
                                                        .value = classes[i]});
    for (enum upstream i = 0; i < UPSTREAMS; i++)
        if (gateway->clients[i] != NULL)
            client_show (gateway, gateway->clients[i], upstream_name (i));
    if (gateway->validator != NULL) // whose calls carry many validations
        client_show (gateway, validator_client_rpc (gateway->validator), "validations");
}
