// Proof that the guard is where it must be: a request that only the guard refuses is sent to libmicrohttpd, as a client would send it, over a pair of sockets.
#ifndef JETON_GATEWAY_GUARD_PROOF_H
#define JETON_GATEWAY_GUARD_PROOF_H

#include "services/gateway/http_internal.h"

// guard_proof (http, server, tls, error_r): False: what came back was not the guard's. The gateway must not serve then.
bool guard_proof (struct http *http, struct server *server, bool tls, struct error *error_r)
    __attribute__ ((warn_unused_result));

#endif
