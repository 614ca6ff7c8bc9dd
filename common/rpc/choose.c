#include "common/rpc/client_internal.h"

#include <sodium.h>
#include <string.h>

static_assert (crypto_shorthash_BYTES == 8, "SipHash-2-4");

// The same for every client: they must agree on the home of a key.
static const uint8_t home_key[crypto_shorthash_KEYBYTES] = "jeton home 1....";

void
rpc_choose_hash (const void *data, size_t size, uint8_t hash_r[8])
{
    crypto_shorthash (hash_r, data, size, home_key);
}

// Rendezvous hashing (Thaler, Ravishankar 1998): the highest score of a key and an address is the key's home. When it is not up, or
// takes no calls, the next highest is.
static uint64_t
score (const uint8_t *key_hash, const struct rpc_outlet *outlet)
{
    uint8_t both[16], hash[8];
    uint64_t value;
    memcpy (both, key_hash, 8);
    memcpy (both + 8, outlet->hash, 8);
    rpc_choose_hash (both, sizeof both, hash);
    memcpy (&value, hash, sizeof value);
    return value;
}

struct rpc_outlet *
rpc_choose (struct rpc_client *client, const uint8_t *key_hash, const struct rpc_outlet *except)
{
    struct rpc_outlet *best = NULL;
    uint64_t best_score = 0;
    size_t place = 0, best_distance = 0;
    client->rotation += key_hash == NULL;
    for (struct node *node = client->outlets.next; node != &client->outlets;
         node = node->next, place++) {
        struct rpc_outlet *outlet = NODE_OWNER (node, struct rpc_outlet, link);
        if (outlet->state != RPC_UP || outlet->leaving || outlet == except)
            continue;
        bool better;
        uint64_t its_score = key_hash != NULL ? score (key_hash, outlet) : 0;
        // Among equals each comes first in turn: the distance from a place that moves on decides.
        size_t distance = (place ^ client->rotation) & 63;
        if (best == NULL || (best->unwilling_id == 0) != (outlet->unwilling_id == 0))
            better = best == NULL || best->unwilling_id != 0;
        else if (key_hash != NULL)
            better = its_score > best_score;
        else
            better = outlet->outstanding < best->outstanding ||
                     (outlet->outstanding == best->outstanding && distance < best_distance);
        if (better) {
            best = outlet;
            best_score = its_score;
            best_distance = distance;
        }
    }
    return best;
}

struct rpc_outlet *
rpc_choose_for (const struct rpc_call *call, const struct rpc_outlet *except)
{
    return rpc_choose (call->client, call->by_home ? call->key_hash : NULL, except);
}

struct rpc_outlet *
rpc_outlet_find (struct rpc_client *client, uint32_t number)
{
    for (struct node *node = client->outlets.next; node != &client->outlets; node = node->next) {
        struct rpc_outlet *outlet = NODE_OWNER (node, struct rpc_outlet, link);
        if (outlet->number == number)
            return outlet;
    }
    return NULL;
}

uint32_t
rpc_client_home (struct rpc_client *client, const char *key, size_t size, uint32_t except)
{
    uint8_t hash[8];
    // Where there is one only, it is everybody's home.
    bool by_home = client->options.by_home && client->outlets.next != client->outlets.previous;
    if (by_home)
        rpc_choose_hash (key, size, hash);
    const struct rpc_outlet *outlet = rpc_choose (
        client, by_home ? hash : NULL, except != 0 ? rpc_outlet_find (client, except) : NULL);
    return outlet != NULL ? outlet->number : 0;
}

bool
rpc_client_willing (struct rpc_client *client, uint32_t number)
{
    const struct rpc_outlet *outlet = rpc_outlet_find (client, number);
    return outlet != NULL && outlet->state == RPC_UP && outlet->unwilling_id == 0;
}

const char *
rpc_client_address (struct rpc_client *client, uint32_t number)
{
    const struct rpc_outlet *outlet = rpc_outlet_find (client, number);
    return outlet != NULL ? outlet->address : NULL;
}

size_t
rpc_client_up (const struct rpc_client *client)
{
    size_t n = 0;
    for (struct node *node = client->outlets.next; node != &client->outlets; node = node->next) {
        const struct rpc_outlet *outlet = NODE_OWNER (node, struct rpc_outlet, link);
        n += outlet->state == RPC_UP && !outlet->leaving;
    }
    return n;
}

static size_t
endpoint_each (const struct rpc_endpoint *endpoint, rpc_client_connection *each, void *context)
{
    const struct rpc_client *client = endpoint->client;
    size_t n = 0;
    for (struct node *node = client->outlets.next; node != &client->outlets; node = node->next) {
        const struct rpc_outlet *outlet = NODE_OWNER (node, struct rpc_outlet, link);
        if (outlet->endpoint != endpoint || outlet->leaving)
            continue;
        each (context, outlet->number, outlet->address, outlet->state == RPC_UP);
        n++;
    }
    return n;
}

void
rpc_client_each (const struct rpc_client *client, rpc_client_connection *each, void *context)
{
    for (struct node *node = client->endpoints.next; node != &client->endpoints;
         node = node->next) {
        const struct rpc_endpoint *endpoint = NODE_OWNER (node, struct rpc_endpoint, link);
        if (endpoint_each (endpoint, each, context) == 0)
            each (context, 0, endpoint->text, false);
    }
}

bool
rpc_client_settled (const struct rpc_client *client)
{
    for (struct node *node = client->endpoints.next; node != &client->endpoints; node = node->next)
        if (!NODE_OWNER (node, struct rpc_endpoint, link)->resolved)
            return false;
    for (struct node *node = client->outlets.next; node != &client->outlets; node = node->next)
        if (NODE_OWNER (node, struct rpc_outlet, link)->state == RPC_CONNECTING)
            return false;
    return true;
}
