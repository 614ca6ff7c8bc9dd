#include "common/rpc/client_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// "tcp://host:port", "tcp://[address]:port" or "ipc://path".
static bool
endpoint_parse (struct rpc_endpoint *endpoint, struct error *error_r)
{
    const char *text = endpoint->text;
    if (strncmp (text, "ipc://", 6) == 0 && text[6] != '\0')
        return true;
    const char *host = text + 6;
    const char *colon = strrchr (text, ':');
    if (strncmp (text, "tcp://", 6) == 0 && colon > host) {
        size_t length = (size_t) (colon - host);
        unsigned long port = strtoul (colon + 1, NULL, 10);
        bool digits = colon[1] != '\0' && strspn (colon + 1, "0123456789") == strlen (colon + 1);
        if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
            host++;
            length -= 2;
        } else if (memchr (host, ':', length) != NULL)
            length = 0;
        if (length > 0 && length < 256 && digits && port > 0 && port < 65536) {
            endpoint->host = xasprintf ("%.*s", (int) length, host);
            endpoint->port = xstrdup (colon + 1);
            return true;
        }
    }
    error_set (error_r, "\"%s\" is not an endpoint such as tcp://127.0.0.1:7102", text);
    return false;
}

static bool
endpoint_add (struct rpc_client *client, const char *text, size_t length, struct error *error_r)
{
    struct rpc_endpoint *endpoint = xcalloc (1, sizeof *endpoint);
    endpoint->client = client;
    endpoint->text = xasprintf ("%.*s", (int) length, text);
    node_init (&endpoint->link);
    list_append (&client->endpoints, &endpoint->link);
    if (!endpoint_parse (endpoint, error_r))
        return false;
    if (endpoint->host == NULL) {
        rpc_outlet_new (endpoint, xstrdup (endpoint->text));
        endpoint->resolved = true;
        endpoint->resolve_at_ms = INT64_MAX;
    }
    return true;
}

bool
rpc_endpoints_parse (struct rpc_client *client, const char *text, struct error *error_r)
{
    const char *const blanks = " \t";
    for (;;) {
        text += strspn (text, blanks);
        size_t length = strcspn (text, ",");
        size_t end = length;
        while (end > 0 && strchr (blanks, text[end - 1]) != NULL)
            end--;
        if (!endpoint_add (client, text, end, error_r))
            return false;
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

void
rpc_endpoints_free (struct rpc_client *client)
{
    while (!list_empty (&client->outlets)) {
        struct rpc_outlet *outlet = NODE_OWNER (client->outlets.next, struct rpc_outlet, link);
        rpc_outlet_destroy (&outlet);
    }
    while (!list_empty (&client->endpoints)) {
        struct rpc_endpoint *endpoint =
            NODE_OWNER (client->endpoints.next, struct rpc_endpoint, link);
        node_remove (&endpoint->link);
        resolver_cancel (&endpoint->query);
        free (endpoint->text);
        free (endpoint->host);
        free (endpoint->port);
        free (endpoint);
    }
}

static struct rpc_outlet *
outlet_find (struct rpc_endpoint *endpoint, const char *address)
{
    struct rpc_client *client = endpoint->client;
    for (struct node *node = client->outlets.next; node != &client->outlets; node = node->next) {
        struct rpc_outlet *outlet = NODE_OWNER (node, struct rpc_outlet, link);
        if (outlet->endpoint == endpoint && strcmp (outlet->address, address) == 0)
            return outlet;
    }
    return NULL;
}

static void
outlets_update (struct rpc_endpoint *endpoint, const char *const *addresses, size_t n)
{
    struct rpc_client *client = endpoint->client;
    for (struct node *node = client->outlets.next; node != &client->outlets; node = node->next) {
        struct rpc_outlet *outlet = NODE_OWNER (node, struct rpc_outlet, link);
        if (outlet->endpoint == endpoint)
            outlet->leaving = true;
    }
    for (size_t i = 0; i < n; i++) {
        bool six = strchr (addresses[i], ':') != NULL;
        char *address =
            xasprintf (six ? "tcp://[%s]:%s" : "tcp://%s:%s", addresses[i], endpoint->port);
        struct rpc_outlet *outlet = outlet_find (endpoint, address);
        if (outlet != NULL) {
            outlet->leaving = false;
            free (address);
        } else
            rpc_outlet_new (endpoint, address);
    }
}

static void
endpoint_resolved (void *context, const char *const *addresses, size_t n, const struct error *error)
{
    struct rpc_endpoint *endpoint = context;
    struct rpc_client *client = endpoint->client;
    endpoint->query = NULL;
    endpoint->resolved = true;
    endpoint->numeric = n == 1 && strcmp (addresses[0], endpoint->host) == 0;
    endpoint->resolve_at_ms = INT64_MAX;
    if (!endpoint->numeric)
        endpoint->resolve_at_ms = zclock_mono () + client->options.resolve_interval_ms;
    endpoint->trouble = *error;
    // A name server that fails says nothing about the addresses that are known.
    if (n > 0)
        outlets_update (endpoint, addresses, n);
    alarm_by (client->alarm, 0);
}

void
rpc_endpoint_turn (struct rpc_endpoint *endpoint, int64_t now)
{
    if (endpoint->query != NULL)
        return;
    if (endpoint->resolve_at_ms <= now)
        endpoint->query = resolver_start (endpoint->client->resolver, endpoint->host,
                                          endpoint_resolved, endpoint);
    else if (endpoint->resolve_at_ms != INT64_MAX)
        alarm_by (endpoint->client->alarm, endpoint->resolve_at_ms);
}

// A name may stand for an address at which nobody listens (localhost, by IPv6) beside the one that refuses us.
static bool
endpoint_refused (const struct rpc_endpoint *endpoint)
{
    const struct rpc_client *client = endpoint->client;
    bool refused = false;
    for (struct node *node = client->outlets.next; node != &client->outlets; node = node->next) {
        const struct rpc_outlet *outlet = NODE_OWNER (node, struct rpc_outlet, link);
        if (outlet->endpoint != endpoint)
            continue;
        if (outlet->state == RPC_UP || outlet->state == RPC_CONNECTING)
            return false;
        refused |= outlet->state == RPC_REFUSED;
    }
    return refused;
}

bool
rpc_endpoints_refused (const struct rpc_client *client)
{
    for (struct node *node = client->endpoints.next; node != &client->endpoints; node = node->next)
        if (!endpoint_refused (NODE_OWNER (node, struct rpc_endpoint, link)))
            return false;
    return true;
}

void
rpc_endpoints_describe (const struct rpc_client *client, struct error *error_r)
{
    for (struct node *node = client->endpoints.next; node != &client->endpoints;
         node = node->next) {
        const struct rpc_endpoint *endpoint = NODE_OWNER (node, struct rpc_endpoint, link);
        const char *what = "not reachable";
        if (!endpoint->resolved)
            what = "the name is still being looked up";
        else if (endpoint->trouble.text[0] != '\0')
            what = endpoint->trouble.text;
        else if (endpoint_refused (endpoint))
            what = "it does not know our key (its peers file)";
        error_set (error_r, "%s%s%s (%s)", error_r->text, error_r->text[0] != '\0' ? ", " : "",
                   endpoint->text, what);
    }
}
