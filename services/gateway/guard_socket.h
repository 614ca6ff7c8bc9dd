// How the guard gets between the network and libmicrohttpd.
//
// libmicrohttpd has no place where what was received could be looked at before it is parsed. But it is a shared library, and receives with recv () and, over TLS,
// gnutls_record_recv (). The gateway defines both itself: what is in a program comes before what is in libraries (ELF symbol interposition). Of descriptors that were
// given to guard_socket_place the guard sees each byte; all others (ZeroMQ's, GnuTLS' own) go straight on. guard_proof.h proves at each start that it is so.
#ifndef JETON_GATEWAY_GUARD_SOCKET_H
#define JETON_GATEWAY_GUARD_SOCKET_H

#include "common/error/error.h"
#include "services/gateway/guard.h"

struct guard_socket {
    struct guard guard;
    int fd;
    bool tls;      // what recv () brings is not text yet
    bool answered; // it has got the answer of a refusal
    // Called when something was received: the guard's phase may be another. And when a request was refused, after the answer was written.
    void (*received) (struct guard_socket *socket);
    void (*refused) (struct guard_socket *socket);
};

// guard_socket_start (descriptors, error_r): Descriptors below that number can be guarded. False: the functions of the libraries are not found.
bool guard_socket_start (size_t descriptors, struct error *error_r)
    __attribute__ ((warn_unused_result));
// guard_socket_place (guarded): From now on, until guard_socket_remove (guarded), before the descriptor is closed. Only the one thread that receives from it may call them.
// False: the descriptor's number is too large.
bool guard_socket_place (struct guard_socket *guarded) __attribute__ ((warn_unused_result));
void guard_socket_remove (struct guard_socket *guarded);
// guard_socket_end (): After all descriptors were removed.
void guard_socket_end (void);

#endif
