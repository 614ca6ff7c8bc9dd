#include "tests/bench/session.h"

#include "common/log/log.h"
#include "common/process/certificate.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IN_FLIGHT_MAX = 1 << 20, TIMEOUT_MS = 30000 };

static void __attribute__ ((noreturn)) session_fail (const char *what, const char *why)
{
    fprintf (stderr, "%s: %s\n", what, why);
    exit (EXIT_FAILURE);
}

void
session_open (struct session *session, const char *program, const char *peers, const char *key)
{
    struct error error;
    if (sodium_init () < 0)
        session_fail (program, "no random numbers");
    zsys_handler_set (NULL);
    log_open (program, LOG_LEVEL_ERROR);
    session->loop = loop_new ();
    session->resolver = resolver_new (session->loop);
    session->peers = peers_load (peers, &error);
    if (!session->peers)
        session_fail (program, error.text);
    session->certificate = certificate_load (key, &error);
    if (!session->certificate)
        session_fail (program, error.text);
}

void
session_close (struct session *session)
{
    resolver_destroy (&session->resolver);
    peers_destroy (&session->peers);
    zcert_destroy (&session->certificate);
    loop_destroy (&session->loop);
}

const char *
session_server_key (const struct session *session, const char *service)
{
    const struct peer *peer = peers_by_name (session->peers, service);
    if (!peer)
        session_fail (service, "is not among the peers");
    return peer->key;
}

static struct rpc_client_options
options_of (const struct session *session, const char *service, const char *endpoints,
            uint32_t limit)
{
    return (struct rpc_client_options){
        .endpoints = endpoints,
        .server_key = session_server_key (session, service),
        .certificate = session->certificate,
        .timeout_ms = TIMEOUT_MS,
        .in_flight_limit = limit != 0 ? limit : IN_FLIGHT_MAX,
        .by_home = strcmp (service, "validator") == 0,
    };
}

struct rpc_client *
session_client (struct session *session, const char *service, const char *endpoints, uint32_t limit)
{
    struct error error;
    struct rpc_client_options options = options_of (session, service, endpoints, limit);
    struct rpc_client *client = rpc_client_new (session->loop, session->resolver, &options, &error);
    if (!client)
        session_fail (service, error.text);
    return client;
}

struct validator_client *
session_validators (struct session *session, const char *endpoints, uint32_t limit)
{
    struct error error;
    struct rpc_client_options options = options_of (session, "validator", endpoints, limit);
    struct validator_client *client =
        validator_client_new (session->loop, session->resolver, &options, &error);
    if (!client)
        session_fail ("validator", error.text);
    return client;
}
