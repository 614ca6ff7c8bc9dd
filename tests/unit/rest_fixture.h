// REST without a server: an exchange as a test says it is, what was called, and what was answered.
#ifndef JETON_TESTS_REST_FIXTURE_H
#define JETON_TESTS_REST_FIXTURE_H

#include "services/gateway/rest.h"

struct fixture_pair {
    const char *name, *value;
};

struct exchange {
    // The request.
    enum http_method method;
    const char *path;
    struct fixture_pair query[8], headers[8]; // ended by a NULL name
    const char *bearer, *body, *content_type;
    size_t size;
    // What came of it.
    const struct http_route *row;
    struct gateway *gateway;
    struct arena *arena;
    void *context;
    char segments[4][64];
    json_t *json;
    struct gateway_call call; // the last one
    rpc_callback *callback;
    unsigned calls;
    json_t *message; // of it
    bool ended, finished, cut;
    bool old;       // HTTP/1.0
    unsigned taken; // calls of gateway_taken
    void (*more) (void *context);
    void *more_context;
    int status;
    struct fixture_pair set[8];
    char *text; // of the response, or of the stream
    size_t limit;
    void (*gone) (void *context);
    void *gone_context;
};

// fixture_run (exchange): Find its row among rest_routes, and call the handler. Afterwards it has been answered, or called for.
void fixture_run (struct exchange *exchange);
// fixture_reply (exchange, code, message, reply, more): What it has called for replies.
void fixture_reply (struct exchange *exchange, int code, const char *message, const void *reply,
                    bool more);
// fixture_header (exchange, name): Of the response, or NULL.
const char *fixture_header (const struct exchange *exchange, const char *name);
void fixture_end (struct exchange *exchange);

#endif
