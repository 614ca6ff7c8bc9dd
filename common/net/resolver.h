// Host names to addresses without blocking the loop (glibc's getaddrinfo_a).
#ifndef JETON_RESOLVER_H
#define JETON_RESOLVER_H

#include "common/error/error.h"
#include "common/net/loop.h"
#include <czmq.h>
#include <stddef.h>

struct resolver;
struct resolver_query;

// Called in the loop's thread, never before resolver_start has returned. `addresses` are n numeric texts ("10.0.0.7", "fe80::1"),
// sorted and unique, valid during the call; n is 0 when the name could not be resolved, and `error` says why.
typedef void resolver_callback (void *context, const char *const *addresses, size_t n,
                                const struct error *error);

struct resolver *resolver_new (struct loop *loop) __attribute__ ((returns_nonnull));
// resolver_destroy (&resolver): Ends all queries without calling back. NULL-safe.
void resolver_destroy (struct resolver **resolver);

// resolver_start (resolver, host, callback, context): Look up IPv4 and IPv6 addresses. At most 64 addresses come back. A numeric
// address answers itself, through the callback as well. The handle is valid until the callback or resolver_cancel.
struct resolver_query *resolver_start (struct resolver *resolver, const char *host,
                                       resolver_callback *callback, void *context)
    __attribute__ ((returns_nonnull));

// resolver_cancel (&query): The callback will not be called. NULL-safe; sets the pointer to NULL.
void resolver_cancel (struct resolver_query **query);

#endif
