// What the bench's clients begin with: a loop, the peers, a key, and clients of the services.
#ifndef JETON_BENCH_SESSION_H
#define JETON_BENCH_SESSION_H

#include "common/rpc/client.h"
#include "common/rpc/peers.h"
#include "common/validation/validator_client.h"

struct session {
    struct loop *loop;
    struct resolver *resolver;
    struct peers *peers;
    zcert_t *certificate;
};

// session_open (session, program, peers, key): From the peers file and the key file of a client. Tells what is wrong, and ends the program.
void session_open (struct session *session, const char *program, const char *peers,
                   const char *key);
void session_close (struct session *session);

// session_client (session, service, endpoints, limit): A client of "validator" or "admin", that refuses to have more than `limit` calls in
// flight; 0: as many as one wants. Ends the program when the endpoints are none.
struct rpc_client *session_client (struct session *session, const char *service,
                                   const char *endpoints, uint32_t limit)
    __attribute__ ((returns_nonnull));
// session_validators (session, endpoints, limit): The same of validators, that gathers.
struct validator_client *session_validators (struct session *session, const char *endpoints,
                                             uint32_t limit) __attribute__ ((returns_nonnull));
// session_server_key (session, service): Its public key, Z85. Ends the program when it is not among the peers.
const char *session_server_key (const struct session *session, const char *service)
    __attribute__ ((returns_nonnull));

#endif
