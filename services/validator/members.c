#include "services/validator/members.h"

#include "common/log/log.h"
#include "common/memory/memory.h"
#include "common/net/alarm.h"
#include "common/rpc/peers.h"
#include "services/validator/truth.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

enum {
    SETTLE_MS = 1000, // for all members to be tried once
    SETTLE_STEP_MS = 10,
    OWN_MAX = 64,            // addresses of this process
    CALLS_MAX = 65536,       // leases asked for at the same time
    ADDRESS_TEXT_SIZE = 100, // tcp://[…]:65535
};

struct members {
    struct validator *validator;
    struct rpc_client *client; // NULL: alone
    struct alarm *alarm;       // until it has settled
    int64_t settle_by_ms;
    bool settled;
    uint32_t own_number; // of the last connection to itself that was found
    size_t nown;
    char own[OWN_MAX][ADDRESS_TEXT_SIZE];
};

// ---- who am I ------------------------------------------------------------------------------------------------------

// As common/rpc/endpoint.c writes addresses that it has resolved.
static void
own_add (struct members *members, const struct sockaddr *address, const char *port)
{
    char text[INET6_ADDRSTRLEN];
    const void *bytes = NULL;
    if (!address || members->nown == OWN_MAX)
        return;
    if (address->sa_family == AF_INET)
        bytes = &((const struct sockaddr_in *) address)->sin_addr;
    else if (address->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *) address)->sin6_addr;
    if (bytes && inet_ntop (address->sa_family, bytes, text, sizeof text))
        snprintf (members->own[members->nown++], ADDRESS_TEXT_SIZE,
                  address->sa_family == AF_INET6 ? "tcp://[%s]:%s" : "tcp://%s:%s", text, port);
}

// What is bound to all addresses is reached at those of its interfaces.
static void
own_find (struct members *members)
{
    const char *bound = rpc_server_endpoint (members->validator->process.server);
    const char *port = strrchr (bound, ':');
    struct ifaddrs *interfaces = NULL;
    if (port &&
        (strncmp (bound, "tcp://0.0.0.0:", 14) == 0 || strncmp (bound, "tcp://[::]:", 11) == 0)) {
        if (getifaddrs (&interfaces) == 0)
            for (const struct ifaddrs *i = interfaces; i; i = i->ifa_next)
                own_add (members, i->ifa_addr, port + 1);
        freeifaddrs (interfaces);
    } else {
        snprintf (members->own[members->nown++], ADDRESS_TEXT_SIZE, "%s", bound);
    }
}

static bool
own_is (const struct members *members, const char *address)
{
    for (size_t i = 0; i < members->nown; i++)
        if (strcmp (members->own[i], address) == 0)
            return true;
    return false;
}

// ---- life ----------------------------------------------------------------------------------------------------------

static void
on_settling (void *context)
{
    struct members *members = context;
    if (!rpc_client_settled (members->client) && zclock_mono () < members->settle_by_ms) {
        alarm_by (members->alarm, zclock_mono () + SETTLE_STEP_MS);
        return;
    }
    members->settled = true;
    log_info ("the other validators have been looked for", NULL);
    if (members->validator->truth)
        truth_health (members->validator->truth);
}

static bool
client_make (struct members *members, struct error *error_r)
{
    struct process *process = &members->validator->process;
    const struct validator_settings *settings = &members->validator->settings;
    struct peers *peers = peers_load (settings->common.peers, error_r);
    const struct peer *validator = peers ? peers_by_name (peers, "validator") : NULL;
    if (peers && !validator)
        error_set (error_r, "setting validators: %s has no line for \"validator\"",
                   settings->common.peers);
    if (validator) {
        const struct rpc_client_options options = {
            .endpoints = settings->validators,
            .server_key = validator->key,
            .certificate = process->certificate,
            .timeout_ms = (uint32_t) settings->limit_timeout_ms,
            .in_flight_limit = CALLS_MAX,
            .by_home = true,
        };
        members->client = rpc_client_new (process->loop, process->resolver, &options, error_r);
        if (!members->client)
            error_prefix (error_r, "setting validators");
    }
    peers_destroy (&peers);
    return members->client != NULL;
}

struct members *
members_new (struct validator *validator, struct error *error_r)
{
    struct members *members = xcalloc (1, sizeof *members);
    members->validator = validator;
    members->settled = validator->settings.validators[0] == '\0';
    if (members->settled)
        return members;
    if (!client_make (members, error_r)) {
        members_destroy (&members);
        return NULL;
    }
    own_find (members);
    members->alarm = alarm_new (validator->process.loop, on_settling, members);
    members->settle_by_ms = zclock_mono () + SETTLE_MS;
    alarm_by (members->alarm, zclock_mono () + SETTLE_STEP_MS);
    return members;
}

void
members_stop (struct members *members)
{
    rpc_client_destroy (&members->client);
    alarm_destroy (&members->alarm);
}

void
members_destroy (struct members **members)
{
    if (!*members)
        return;
    members_stop (*members);
    free (*members);
    *members = NULL;
}

// ---- homes ---------------------------------------------------------------------------------------------------------

bool
members_settled (const struct members *members)
{
    return members->settled;
}

bool
members_home_here (struct members *members, uint64_t key)
{
    if (!members->client)
        return true;
    uint32_t home = rpc_client_home (members->client, (const char *) &key, sizeof key, 0);
    if (home == 0 || home == members->own_number)
        return true;
    const char *address = rpc_client_address (members->client, home);
    if (!address || !own_is (members, address))
        return false;
    members->own_number = home;
    return true;
}

size_t
members_count (const struct members *members)
{
    size_t n = members->client ? rpc_client_up (members->client) : 1;
    return n ? n : 1;
}

void
members_lease (struct members *members, uint64_t key, const Jeton__V1__LeaseRequest *request,
               rpc_callback *callback, void *context)
{
    const struct rpc_call_options options = {
        .timeout_ms = (uint32_t) members->validator->settings.limit_timeout_ms,
        .key = (const char *) &key,
        .key_size = sizeof key,
        .idempotent = true, // twice: some permits lapse unused
    };
    rpc_client_call (members->client, &jeton__v1__limits__descriptor, "Lease", &request->base,
                     &options, callback, context);
}
