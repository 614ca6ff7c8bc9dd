// Requests to the endpoints of OAuth: bodies as forms and as JSON, and HTTP Basic, as anybody sends them (R46).
// objects: services/gateway/oauth_read.o services/gateway/http_decode.o
#include "services/gateway/http_internal.h"
#include "services/gateway/oauth.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

// The exchange, as far as it is looked at here.
static char *authorization; // NULL: none
static int answers;

const char *
exchange_header (const struct exchange *exchange, const char *name)
{
    (void) exchange;
    return strcmp (name, "authorization") == 0 ? authorization : NULL;
}

struct arena *
exchange_arena (struct exchange *exchange)
{
    return exchange->arena;
}

// What is told is safe to show.
static void
told_check (const char *text)
{
    assert (*text);
    answers++;
}

void
exchange_refuse (struct exchange *exchange, int status, const char *type, const char *format, ...)
{
    (void) exchange;
    (void) type;
    assert (status >= 400);
    told_check (format);
}

void
oauth_refuse (struct exchange *exchange, const struct oauth_refusal *refusal)
{
    (void) exchange;
    assert (refusal->status == 401 && *refusal->www_authenticate);
    told_check (refusal->description);
}

void
oauth_invalid (struct exchange *exchange, const char *format, ...)
{
    char text[512];
    va_list arguments;
    (void) exchange;
    va_start (arguments, format);
    vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    told_check (text);
}

static const struct oauth_parameter parameters[] = {
    {"grant_type", offsetof (Jeton__V1__TokenRequest, grant_type), false},
    {"client_id", offsetof (Jeton__V1__TokenRequest, client_id), false},
    {"client_secret", offsetof (Jeton__V1__TokenRequest, client_secret), false},
    {"client_assertion", offsetof (Jeton__V1__TokenRequest, client_assertion), false},
    {"environment", offsetof (Jeton__V1__TokenRequest, environment), true},
    {NULL, 0, false},
};

// What was read can be sent, and is read again as it was: the issuer's side of the wire takes UTF-8 only, and no NUL is in the middle.
static void
message_check (const Jeton__V1__TokenRequest *message)
{
    assert ((unsigned) message->environment <= JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST);
    json_t *texts = json_pack ("[s, s, s, s]", message->grant_type, message->client_id,
                               message->client_secret, message->client_assertion);
    assert (texts); // UTF-8
    json_decref (texts);
}

static void
request_run (struct exchange *exchange)
{
    Jeton__V1__TokenRequest message = JETON__V1__TOKEN_REQUEST__INIT;
    answers = 0;
    if (!oauth_read (exchange, parameters, &message)) {
        assert (answers == 1);
        return;
    }
    assert (answers == 0);
    message_check (&message);
    if (!oauth_client (exchange, &message.client_id, &message.client_secret,
                       *message.client_assertion)) {
        assert (answers == 1);
        return;
    }
    assert (answers == 0);
    message_check (&message);
}

// The input: a letter for the content type, a line for the Authorization header (empty: none), a line for the query, and the body.
static char *
line_take (const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size ? memchr (*data, '\n', *size) : NULL;
    size_t length = end ? (size_t) (end - *data) : *size;
    char *line = xcalloc (1, length + 1);
    if (length)
        memcpy (line, *data, length);
    *data += length + (end != NULL);
    *size -= length + (end != NULL);
    return line;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct http_route route = {.path = "/oauth/token"};
    struct exchange exchange = {.route = &route};
    char *type = line_take (&data, &size), *header = line_take (&data, &size),
         *query = line_take (&data, &size);
    exchange.arena = arena_new (1 << 20);
    exchange.content_type = *type == 'j'   ? (char *) "application/json"
                            : *type == 'f' ? (char *) "application/x-www-form-urlencoded"
                                           : type;
    authorization = *header ? header : NULL;
    exchange.query = query;
    exchange.body = xcalloc (1, size + 1);
    if (size)
        memcpy (exchange.body, data, size);
    exchange.size = size;
    if (!query_read (&exchange))
        request_run (&exchange);
    json_decref (exchange.json);
    free (exchange.body);
    free (type);
    free (header);
    free (query);
    arena_destroy (&exchange.arena);
    return 0;
}
