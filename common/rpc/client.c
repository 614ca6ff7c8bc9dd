#include "common/rpc/client.h"
#include "common/rpc/client_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
calls_expire (struct rpc_client *client, int64_t now)
{
    struct deadline *first;
    while ((first = deadlines_first (&client->deadlines)) != NULL && first->at_ms <= now)
        rpc_call_timeout (NODE_OWNER (first, struct rpc_call, deadline));
}

static void
failures_deliver (struct rpc_client *client)
{
    struct node now;
    node_init (&now);
    list_move (&client->failing, &now);
    while (!list_empty (&now)) {
        struct rpc_call *call = NODE_OWNER (now.next, struct rpc_call, link);
        rpc_call_fail (call, call->failed, "%s", call->failure);
    }
    if (!list_empty (&client->failing))
        alarm_by (client->alarm, 0);
}

// Everything that time brings: names to look up again, connections to try again, deadlines.
static void
client_turn (void *context)
{
    struct rpc_client *client = context;
    int64_t now = zclock_mono ();
    for (struct node *node = client->endpoints.next; node != &client->endpoints; node = node->next)
        rpc_endpoint_turn (NODE_OWNER (node, struct rpc_endpoint, link), now);
    for (struct node *node = client->outlets.next, *next; node != &client->outlets; node = next) {
        next = node->next;
        rpc_outlet_turn (NODE_OWNER (node, struct rpc_outlet, link), now);
    }
    rpc_calls_wake (client);
    rpc_calls_refused (client);
    failures_deliver (client);
    calls_expire (client, now);
    struct deadline *first = deadlines_first (&client->deadlines);
    if (first != NULL)
        alarm_by (client->alarm, first->at_ms);
}

static void
defaults_set (struct rpc_client_options *options)
{
    if (options->timeout_ms == 0)
        options->timeout_ms = 5000;
    if (options->in_flight_limit == 0)
        options->in_flight_limit = 4096;
    if (options->resolve_interval_ms == 0)
        options->resolve_interval_ms = 2000;
}

struct rpc_client *
rpc_client_new (struct loop *loop, struct resolver *resolver,
                const struct rpc_client_options *options, struct error *error_r)
{
    uint8_t key[32];
    if (options->server_key == NULL || strlen (options->server_key) != 40 ||
        zmq_z85_decode (key, options->server_key) == NULL) {
        error_set (error_r, "the key of %s is not 40 characters of Z85", options->endpoints);
        return NULL;
    }
    struct rpc_client *client = xcalloc (1, sizeof *client);
    client->magic = RPC_CLIENT_MAGIC;
    client->loop = loop;
    client->resolver = resolver;
    client->options = *options;
    defaults_set (&client->options);
    client->server_key = xstrdup (options->server_key);
    client->alarm = alarm_new (loop, client_turn, client);
    node_init (&client->endpoints);
    node_init (&client->outlets);
    node_init (&client->waiting);
    node_init (&client->failing);
    size_t buckets = 64;
    while (buckets < client->options.in_flight_limit && buckets < 1 << 20)
        buckets *= 2;
    client->by_id = xcalloc (buckets, sizeof *client->by_id);
    client->by_id_mask = buckets - 1;
    client->arena = arena_new (RPC_CLIENT_ARENA_LIMIT);
    alarm_by (client->alarm, 0);
    if (!rpc_endpoints_parse (client, options->endpoints, error_r))
        rpc_client_destroy (&client);
    return client;
}

void
rpc_client_destroy (struct rpc_client **client_p)
{
    struct rpc_client *client = *client_p;
    if (client == NULL)
        return;
    assert (client->magic == RPC_CLIENT_MAGIC && !client->delivering);
    for (size_t i = 0; i <= client->by_id_mask; i++)
        while (client->by_id[i] != NULL) {
            struct rpc_call *call = client->by_id[i];
            rpc_call_detach (call);
            rpc_call_free (call);
        }
    rpc_endpoints_free (client);
    alarm_destroy (&client->alarm);
    deadlines_free (&client->deadlines);
    arena_destroy (&client->arena);
    free (client->by_id);
    free (client->spare);
    free (client->server_key);
    client->magic = 0;
    free (client);
    *client_p = NULL;
}

static void
call_configure (struct rpc_call *call, const struct rpc_call_options *options)
{
    struct rpc_client *client = call->client;
    call->idempotent = options->idempotent || options->once;
    call->codec = options->codec;
    call->tries_max = options->once ? 1 : RPC_CLIENT_TRIES;
    call->connection = options->connection;
    call->stream = options->credit != 0;
    call->paced = options->paced;
    call->credit = call->stream ? options->credit : RPC_CLIENT_CREDIT;
    call->by_home = client->options.by_home && options->key != NULL;
    if (call->by_home)
        rpc_choose_hash (options->key, options->key_size, call->key_hash);
    call->began_us = zclock_usecs (); // zclock_mono, but finer
    call->until_ms = INT64_MAX;
    uint32_t timeout_ms = options->timeout_ms;
    if (timeout_ms == 0 && !call->stream)
        timeout_ms = client->options.timeout_ms;
    if (timeout_ms != 0)
        call->until_ms = call->began_us / 1000 + timeout_ms;
}

// NULL: there are too many already; this one fails in the next turn. Its id is the client's last.
static struct rpc_call *
call_new (struct rpc_client *client, const ProtobufCMessageDescriptor *output,
          const struct rpc_call_options *options, rpc_callback *callback, void *context)
{
    assert (client->magic == RPC_CLIENT_MAGIC && callback != NULL);
    struct rpc_call *call = xcalloc (1, sizeof *call);
    rpc_call_add (client, call);
    client->stats.calls++;
    call->output = output;
    call->callback = callback;
    call->context = context;
    if (client->ncalls > client->options.in_flight_limit) {
        rpc_call_refuse (call, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                         "too many calls in progress in this process");
        return NULL;
    }
    call_configure (call, options);
    return call;
}

static const struct rpc_call_options no_options;

uint64_t
rpc_client_call (struct rpc_client *client, const ProtobufCServiceDescriptor *descriptor,
                 const char *method, const ProtobufCMessage *message,
                 const struct rpc_call_options *options, rpc_callback *callback, void *context)
{
    const ProtobufCMethodDescriptor *row =
        protobuf_c_service_descriptor_get_method_by_name (descriptor, method);
    assert (row != NULL && message->descriptor == row->input);
    options = options != NULL ? options : &no_options;
    struct rpc_call *call = call_new (client, row->output, options, callback, context);
    uint64_t id = client->last_id;
    if (call == NULL)
        return id;
    char name[256];
    snprintf (name, sizeof name, "%s/%s", descriptor->name, method);
    rpc_frame_pack (call, name, message, options, 0);
    rpc_call_start (call, NULL);
    return id;
}

uint64_t
rpc_client_call_packed (struct rpc_client *client, const char *method,
                        const ProtobufCMessageDescriptor *output, const uint8_t *body, size_t size,
                        const struct rpc_call_options *options, rpc_callback *callback,
                        void *context)
{
    options = options != NULL ? options : &no_options;
    struct rpc_call *call = call_new (client, output, options, callback, context);
    uint64_t id = client->last_id;
    if (call == NULL)
        return id;
    rpc_frame_wrap (call, method, body, size, options, 0);
    rpc_call_start (call, NULL);
    return id;
}

#define ROW(kind, member, help)                                                                    \
    STAT_##kind (struct rpc_client_stats, member, "client." #member, help)
const struct stat_row rpc_client_stats_rows[] = {
    ROW (COUNTER, calls, "Calls of another service"),
    ROW (COUNTER, failures,
         "Calls of another service that ended with an error, or without an answer"),
    ROW (GAUGE, in_flight, "Calls of another service that are in progress"),
    ROW (GAUGE, connections, "Instances of another service that can be called now"),
    STAT_HISTOGRAM (struct rpc_client_stats, took, "client.call_us",
                    "How long calls of another service took that it answered; not of streams"),
    STAT_END,
};

const struct rpc_client_stats *
rpc_client_stats (struct rpc_client *client)
{
    client->stats.in_flight = client->ncalls;
    client->stats.connections = rpc_client_up (client);
    return &client->stats;
}

void
rpc_client_stats_refresh (void *client)
{
    (void) rpc_client_stats (client);
}

const char *
rpc_code_name (int code)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value (&jeton__v1__code__descriptor, code);
    static const char prefix[] = "CODE_";
    if (value == NULL)
        return "an unknown code";
    return value->name +
           (strncmp (value->name, prefix, sizeof prefix - 1) == 0 ? sizeof prefix - 1 : 0);
}
