// HTTP/1.1 for the gateway, by libmicrohttpd, in the process's own loop.
//
// An exchange is one request and its response (RFC 9112). Its handler is called once, when the whole request is there and has passed every check that needs no route's
// own knowledge: it is well formed (guard.h), not too large, the path is a route's, the method is allowed, no query parameter or header that may come once came twice.
// What fails is answered with a problem (RFC 9457) before a handler sees it. The handler ends the exchange exactly once, now or later; the connection waits meanwhile
// and reads nothing. One thread: nothing here may be called from another.
#ifndef JETON_GATEWAY_HTTP_H
#define JETON_GATEWAY_HTTP_H

#include "common/error/error.h"
#include "common/memory/memory.h"
#include "common/net/loop.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http;
struct exchange;

enum http_method {
    HTTP_GET = 1 << 0, // a route that has GET answers HEAD too
    HTTP_HEAD = 1 << 1,
    HTTP_POST = 1 << 2,
    HTTP_PUT = 1 << 3,
    HTTP_PATCH = 1 << 4,
    HTTP_DELETE = 1 << 5,
    HTTP_OPTIONS = 1 << 6,
    HTTP_ANY_METHOD = (1 << 7) - 1,
    HTTP_QUERY_UNREAD =
        1
        << 7, // of a route: its requests' queries are somebody else's, and neither read nor refused
};

// Where a request came in. A route says on which it is served.
enum http_listener {
    HTTP_TLS = 1 << 0,    // the public one: HTTPS
    HTTP_PLAIN = 1 << 1,  // HTTP on a public port: each request is answered with 403, unread (R27)
    HTTP_PROXY = 1 << 2,  // plain, for the proxies of the same host or network: forward-auth
    HTTP_STATUS = 1 << 3, // plain, for the monitoring: /metrics, /healthz, /readyz
};

// Called with a whole request.
typedef void http_handler (struct exchange *exchange);

struct http_route {
    unsigned listeners; // enum http_listener, or-ed
    unsigned methods;   // enum http_method, or-ed
    // "/v1/tokens/{id}/logo": {name} is one segment, not empty. "/auth/*": all that begins with "/auth/". The first row that fits is taken.
    const char *path;
    http_handler *handler;
    size_t body_limit;   // bytes; 0: none is taken. Larger: 413
    const void *context; // the row's own: exchange_route
    bool lists;          // parameters of the query may come several times; else: 400
};

// http_routes (http, routes, owner): Serve these too; ended by a row whose path is NULL; not copied. `owner`: what exchange_owner gives.
void http_routes (struct http *http, const struct http_route *routes, void *owner);

// ---- the request ----------------------------------------------------------------------------------------------------
// All that is returned is valid until the exchange is ended.

enum http_method exchange_method (const struct exchange *exchange);
const char *exchange_method_name (const struct exchange *exchange); // "GET"
// exchange_path (exchange): As it was sent, without the query. exchange_target (exchange): with it.
const char *exchange_path (const struct exchange *exchange);
const char *exchange_target (const struct exchange *exchange);
// exchange_segment (exchange, name): What stands for {name} in the route's path, percent-decoded; "*": the rest. Never NULL for a name that the path has. UTF-8 without control characters.
const char *exchange_segment (const struct exchange *exchange, const char *name);
// exchange_query (exchange, name): The parameter's value, decoded, or NULL. exchange_query_each (exchange, each, context): All of them, in order; false from `each` ends it, and is returned.
const char *exchange_query (struct exchange *exchange, const char *name);
typedef bool exchange_each (void *context, const char *name, const char *value);
bool exchange_query_each (struct exchange *exchange, exchange_each *each, void *context);
// exchange_header (exchange, name): Its value, NULL when it did not come. Names in lower case, of the table in http_headers.c only (anything else aborts): what is in it
// as a single one is refused with 400 when it comes twice, what is a list comes joined by ", ".
const char *exchange_header (const struct exchange *exchange, const char *name);
// exchange_bearer (exchange, &token_r): Of the Authorization header (RFC 6750 section 2.1). True: token_r is what follows "Bearer "; false: there is none, or another scheme.
bool exchange_bearer (const struct exchange *exchange, const char **token_r);
// exchange_body (exchange, &size_r): The body; followed by a NUL that is not counted. exchange_content_type (exchange): Without parameters, in lower case; "" for none.
const char *exchange_body (const struct exchange *exchange, size_t *size_r);
const char *exchange_content_type (struct exchange *exchange);
// exchange_form (exchange, each, context): The parameters of an application/x-www-form-urlencoded body, decoded, in order. False: error_r says what is wrong with it, or `each` said false.
bool exchange_form (struct exchange *exchange, exchange_each *each, void *context,
                    struct error *error_r) __attribute__ ((warn_unused_result));
// percent_decode (text, size, plus, out_r): Decode into out_r (size + 1 bytes), strictly: NUL, other control characters than tab and line breaks (only with
// `plus`, which also makes a space of a plus), and what is not UTF-8, are refused. False: it is malformed.
// query_read (exchange): Take the query apart. NULL, or what is wrong with it.
const char *query_read (struct exchange *exchange);
bool percent_decode (const char *text, size_t size, bool plus, char *out_r)
    __attribute__ ((warn_unused_result));
// exchange_json_read (exchange, error_r): The body, whatever its type, as one JSON object, in strict form: no member twice, nested at most 32 deep, valid UTF-8, numbers in range. Owned by the
// exchange. NULL: error_r says what is wrong, and nothing of what is in it. exchange_json (exchange): The same of a body that is application/json; NULL: it has been answered with a problem of 400 or 415.
const json_t *exchange_json_read (struct exchange *exchange, struct error *error_r)
    __attribute__ ((warn_unused_result));
const json_t *exchange_json (struct exchange *exchange) __attribute__ ((warn_unused_result));

// exchange_address (exchange): The client's address: the peer's, or, where that is a trusted proxy, what it says in X-Forwarded-For (the rightmost that is no trusted proxy).
const char *exchange_address (struct exchange *exchange);
// exchange_client (exchange): The same, for who decides by it: "", not known, where a trusted proxy does not say who came to it, or says what is no address. The proxy's own is not the client's.
const char *exchange_client (struct exchange *exchange);
// exchange_trusted (exchange): The peer is a trusted proxy. So what it says of a request is not its client's word, as far as it sets the headers in question.
bool exchange_trusted (const struct exchange *exchange);
enum http_listener exchange_listener (const struct exchange *exchange);
// exchange_correlation (exchange): 32 hexadecimal digits: of `traceparent`, or random. Each response has it as X-Request-Id, and each call to a service as its traceparent.
const char *exchange_correlation (struct exchange *exchange);
struct arena *exchange_arena (struct exchange *exchange);
void *exchange_owner (const struct exchange *exchange);
const void *exchange_route (const struct exchange *exchange);
// exchange_context, exchange_context_set: One pointer for the handler's own state, usually in the arena.
void *exchange_context (const struct exchange *exchange);
void exchange_context_set (struct exchange *exchange, void *context);

// exchange_over (exchange, over, context): Call when the exchange has been ended, or has gone, whatever comes first: what works for it can stop. One at most, kept
// apart from exchange_gone: gateway_call has it.
void exchange_over (struct exchange *exchange, void (*over) (void *context), void *context);
// exchange_gone (exchange, gone, context): Call when the client goes away, or the gateway ends, before the exchange has been ended: nobody may touch it afterwards. One at most: NULL takes it back.
void exchange_gone (struct exchange *exchange, void (*gone) (void *context), void *context);

// ---- the response ---------------------------------------------------------------------------------------------------
// Every response has Cache-Control: no-store and X-Request-Id (but exchange_end_again's), with a body X-Content-Type-Options: nosniff, on TLS Strict-Transport-Security as well, unless a header of
// the same name is set.

// exchange_set (exchange, name, value): A header of the response; before it is ended. Copied. One with a control character in it is a bug, and aborts: clean what comes from outside.
void exchange_set (struct exchange *exchange, const char *name, const char *value);
// exchange_end (exchange, status, content_type, body, size): Answer. The body is copied. content_type NULL: no body.
void exchange_end (struct exchange *exchange, int status, const char *content_type,
                   const void *body, size_t size);
// exchange_end_again (exchange, status, headers, n): Answer without a body, with these headers, which are copied, and none by exchange_set; and without X-Request-Id, which would make each answer another.
// For what is answered again and again: the same answer is not made anew each time (http_kept.h), as far as the setting kept_answers goes.
struct header_pair {
    const char *name, *value;
};
void exchange_end_again (struct exchange *exchange, int status, const struct header_pair *headers,
                         size_t n);
// exchange_end_json (exchange, status, value): Takes the value.
void exchange_end_json (struct exchange *exchange, int status, json_t *value);

// What is wrong with a member of the body, a parameter or a header: "field" is its path.
struct http_violation {
    const char *field, *description;
};

// exchange_problem (exchange, status, type, detail, violations, n): Answer with application/problem+json: `type` is "urn:jeton:problem:" and the word given ("not-found"), `title` the status's own phrase, `detail` for
// people, `errors` the violations, `request` the correlation. exchange_refuse (exchange, status, type, format, …): the same without violations.
void exchange_problem (struct exchange *exchange, int status, const char *type, const char *detail,
                       const struct http_violation *violations, size_t n);
void exchange_refuse (struct exchange *exchange, int status, const char *type, const char *format,
                      ...) __attribute__ ((format (printf, 4, 5)));

// ---- a response that comes bit by bit -------------------------------------------------------------------------------
// exchange_stream (exchange, content_type, more, context): Answer 200 at once; the body follows. `more` is called whenever the client has taken all that was written, and may not write or end the exchange
// itself; NULL: never. With it, the client has body_timeout_ms to take what is written, until nothing waits: then its connection is closed.
// exchange_write (exchange, data, size): Copied. False: more than the setting stream_limit waits for this client: end the stream. With `more` never: who writes keeps to what it was asked for.
// exchange_finish (exchange): The body ends here; the exchange is ended. exchange_cut (exchange): The same, but the client is to see that it is not all: chunked encoding ends without its last chunk, and the connection with it.
// exchange_chunked (exchange): Can the client tell the one from the other? One of HTTP/1.0 cannot.
void exchange_stream (struct exchange *exchange, const char *content_type,
                      void (*more) (void *context), void *context);
bool exchange_write (struct exchange *exchange, const void *data, size_t size)
    __attribute__ ((warn_unused_result));
void exchange_finish (struct exchange *exchange);
void exchange_cut (struct exchange *exchange);
bool exchange_chunked (const struct exchange *exchange);

// ---- the server -----------------------------------------------------------------------------------------------------

// The settings of HTTP; part of the gateway's.
struct http_settings {
    char *bind_tls, *bind_plain, *bind_proxy,
        *bind_status;                    // "0.0.0.0:8443", "[::]:8443"; empty: not served
    char *certificate, *certificate_key; // PEM files; read again on SIGHUP
    char *trusted_proxies;               // networks in CIDR notation, separated by commas or spaces
    int64_t http_connections, http_connections_per_address, header_limit, header_timeout_ms,
        body_memory, body_timeout_ms, idle_timeout_ms, stream_limit, http_backlog, kept_answers;
};
// HTTP_SETTINGS: rows of a table of settings, of a struct http_settings at an offset (http_settings.h).

// http_new (loop, settings, error_r): With its certificate, and without listeners. Nothing is answered but 503 until http_serve. NULL: error_r names the setting at fault.
struct http *http_new (struct loop *loop, const struct http_settings *settings,
                       struct error *error_r) __attribute__ ((warn_unused_result));
// http_listen (http, error_r): Bind the listeners. False: error_r names the setting at fault.
bool http_listen (struct http *http, struct error *error_r) __attribute__ ((warn_unused_result));
void http_serve (struct http *http, bool serving, const char *why);
// http_reload (http, error_r): The certificate, and what else of the settings can be reloaded. False: what was in force stays.
bool http_reload (struct http *http, struct error *error_r) __attribute__ ((warn_unused_result));
// http_drain (http, done, context): Take no new connections; answer what has begun, with Connection: close; call back when all are closed. http_destroy (&http): NULL-safe.
void http_drain (struct http *http, void (*done) (void *context), void *context);
void http_destroy (struct http **http);

// Counters, for Stats/Get and /metrics.
struct http_stats {
    uint64_t connections, connections_refused, requests, malformed, timeouts, answers_kept,
        responses[6]; // [2]: 2xx, …
    uint64_t open;    // connections now
};
const struct http_stats *http_stats (const struct http *http);
// http_endpoint (http, listener): Where it is bound, "127.0.0.1:8443", with the port that was chosen for 0. "" for one that is not served.
const char *http_endpoint (const struct http *http, enum http_listener listener);

#endif
