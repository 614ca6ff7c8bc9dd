// What the files of the HTTP server share.
//
// A connection is a TCP connection, from accept until it is closed. An exchange is taken when a request's first line is there, and given back when its response is out,
// or the connection is gone. MHD (libmicrohttpd) has both in its hands: it calls, and is run, from the loop.
#ifndef JETON_GATEWAY_HTTP_INTERNAL_H
#define JETON_GATEWAY_HTTP_INTERNAL_H

#include "common/memory/list.h"
#include "common/net/alarm.h"
#include "common/net/cidr.h"
#include "services/gateway/guard_socket.h"
#include "services/gateway/http.h"
#include "services/gateway/http_kept.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <sys/socket.h>

enum {
    LISTENERS = 4,
    TABLES_MAX = 16,       // of routes
    SEGMENTS_MAX = 8,      // {names} in a path
    SET_MAX = 40,          // headers of a response
    PLACES = 1024,         // buckets
    SPARE_MAX = 256,       // exchanges that are kept for the next
    HELD_MAX = 128,        // exchanges that wait for their answer without being suspended
    HELD_MS = 4,           // and so long at most
    ARENA_LIMIT = 8 << 20, // of an exchange
    // Of a connection's memory in MHD, which it clears after each request, whatever was in it: bytes at least for the headers of the response; all but header_limit, so that as much fits as the guard lets
    // through.
    RESPONSE_ROOM = 2048,
    POOL_REST = GUARD_FIELDS * GUARD_ELEMENT + RESPONSE_ROOM,
    DISCARD_MAX =
        65536, // of a body that nobody wants: it is read, so that the connection can go on
};

// The headers of a request that are looked at; http_headers.c.
enum { HEADERS = 40, HEADER_NAME_MAX = 22 };

struct http_table {
    const struct http_route *routes;
    void *owner;
};

struct listener {
    struct http *http;
    enum http_listener kind;
    int fd; // -1: not served
    struct watch *watch;
    struct alarm *again; // accepts again, when descriptors had run out
    char endpoint[128];
};

// libmicrohttpd's: one for plain connections, one for TLS.
struct server {
    struct http *http;
    struct MHD_Daemon *daemon;
    struct watch *watch;
    struct alarm *alarm; // runs it in the next turn
    bool tls;
    size_t held, sending; // exchanges; see below
    bool again;           // it is known to have more to do at once
    int64_t run_ms;       // when it was last run
    int64_t pause_ms;     // until it is run again, if nothing happens
    struct node begins;   // connections whose TLS begins, in the order of their times
    size_t nbegins;
};

// What a connection must do before long.
enum wait {
    WAIT_NONE,  // nothing: a handler works for it
    WAIT_HEAD,  // send a head: header_timeout_ms
    WAIT_BODY,  // send a body: body_timeout_ms
    WAIT_TAKEN, // take the response: body_timeout_ms
    WAIT_IDLE,  // begin another request: idle_timeout_ms
    WAITS
};

struct connection {
    struct http *http;
    struct server *server;
    enum http_listener listener;
    int fd;
    struct guard_socket socket;
    enum wait wait;
    int64_t since;     // zclock_mono
    struct node waits; // in http->waits[wait]
    bool placed;       // counts for its address
    bool linger;       // what it still sends is thrown away for a while
    struct node link;  // in http->connections
    struct MHD_Connection *mhd;
    struct node begins; // in server->begins
    int64_t begun_ms;
    struct watch *stalled; // it is suspended until something comes
    struct cidr peer;
    char address[CIDR_TEXT_SIZE];
    bool trusted; // a proxy
    struct exchange *exchange;
};

enum exchange_state {
    EXCHANGE_LINE,     // its first line is there
    EXCHANGE_BODY,     // its head has been looked at
    EXCHANGE_HANDLING, // its handler runs
    EXCHANGE_WAITING,  // its handler will end it
    EXCHANGE_STREAM,   // its response comes bit by bit
    EXCHANGE_ENDED,    // its response is with MHD
};

enum { EXCHANGE_MAGIC = 0x45584348 };

struct stream {
    void (*more) (void *context);
    void *context;
    char *data; // what waits for the client
    size_t size, taken, room;
    bool finished, cut, suspended, broken;
};

struct exchange {
    unsigned magic;
    enum exchange_state state;
    struct node link; // in http->waiting, while it waits; in http->spare
    struct http *http;
    struct connection *connection;
    struct MHD_Connection *mhd;
    bool held;                     // it waits, and is not suspended
    bool sending;                  // MHD has its response
    int64_t since;                 // when it began to
    struct MHD_Response *response; // for MHD, when it asks
    struct kept_answer *kept;      // whose it is; NULL: its own
    int status;
    enum http_listener listener;
    enum http_method method;
    const char *method_name;
    char *target, *path;
    const char *query;              // "": none
    struct header_pair *parameters; // of the query
    size_t nparameters;
    const char *headers[HEADERS];
    const char *repeated; // a header that came twice, and may not
    size_t pool_used;     // bytes of the connection's memory that the request takes
    const struct http_route *route;
    void *owner;
    const char *segments[SEGMENTS_MAX];
    char *body;
    size_t size, room, length; // length: as Content-Length says
    char *content_type;        // NULL: not looked at yet
    json_t *json;
    const char *address;  // NULL: not looked at yet
    bool told;            // it is what a trusted proxy says; false: the last that is known
    char correlation[33]; // "": not asked for yet
    struct arena *arena;
    void *context;
    void (*gone) (void *context);
    void *gone_context;
    void (*over) (void *context);
    void *over_context;
    size_t nset, set_size; // bytes, as they are sent
    bool chunked;          // HTTP/1.1
    bool close;            // after the response
    bool starved;          // no memory was left for a header: the response must not go without it
    int refused;           // status; 0: not
    const char *refused_type, *refused_detail;
    struct stream *stream;
    struct header_pair set[SET_MAX]; // of the response
};

struct http {
    struct loop *loop;
    const struct http_settings *settings;
    struct server plain, tls;
    struct listener listeners[LISTENERS];
    struct http_tls *certificate;
    struct http_table tables[TABLES_MAX];
    size_t ntables;
    struct cidr *trusted;
    size_t ntrusted;
    struct node connections; // all
    struct node waiting;     // exchanges that are held, or suspended
    struct node spare;       // exchanges for the next requests
    size_t nspare;
    struct connection *accepting; // the one that MHD is being told of
    size_t bodies;                // bytes of all
    uint64_t correlation[2];
    uint8_t headers_of
        [HEADER_NAME_MAX +
         2]; // by the length of a name: the first header of that, or more, in the table of http_headers.c
    struct kept *kept;
    size_t connection_limit;
    size_t pool_size;         // of a connection's memory in MHD
    struct node waits[WAITS]; // connections, the one that must be ready first at the front
    struct alarm *deadlines, *look;
    bool looking;
    int64_t looked_ms; // when it was looked last, or to be looked first
    struct node lingering;
    size_t nlingering;
    struct place *places[PLACES]; // addresses that have connections
    uint8_t places_key[16];       // so that nobody can choose addresses that fall together
    bool serving, draining, ending;
    char why[256];
    void (*drained) (void *context);
    void *drained_context;
    struct http_stats stats;
};

// ---- http.c
// http_run_soon (server): Run it in this turn or the next.
void http_run_soon (struct server *server);
// connection_begin (http, server, kind, fd, address, size): MHD gets a connection, and closes it in the end.
void connection_begin (struct http *http, struct server *server, enum http_listener kind, int fd,
                       const struct sockaddr *address, socklen_t size);

// ---- http_listen.c
// listener_open (listener, setting, text, error_r): Bind it to the setting's text, "127.0.0.1:8443", and accept from now on; "" is not served. listener_close (listener): At once; may be repeated.
bool listener_open (struct listener *listener, const char *setting, const char *text,
                    struct error *error_r) __attribute__ ((warn_unused_result));
void listener_close (struct listener *listener);

// ---- http_exchange.c: what MHD calls
void *exchange_begin (void *context, const char *target, struct MHD_Connection *mhd);
enum MHD_Result exchange_access (void *context, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *size, void **exchange_p);
void exchange_completed (void *context, struct MHD_Connection *mhd, void **exchange_p,
                         enum MHD_RequestTerminationCode how);
// exchange_lose (exchange): Tell who works for it that it is gone.
void exchange_lose (struct exchange *exchange);
void exchange_free (struct exchange *exchange);

// ---- http_limits.c
// connection_wait (connection, wait, anew): From now on this is waited for; what is waited for already is waited for no longer than it was, but with `anew`.
void connection_wait (struct connection *connection, enum wait wait, bool anew);
// connection_linger (connection): When it is closed: its answer is to reach who still sends.
void connection_linger (struct connection *connection);
// place_take (connection): False: its address has as many connections as it may. place_give (connection): When it is closed.
bool place_take (struct connection *connection) __attribute__ ((warn_unused_result));
void place_give (struct connection *connection);
// http_look (http): There is an exchange in http->waiting, or one has ended: look now and then whether its client is still there.
void http_look (struct http *http);
void limits_begin (struct http *http);
void limits_end (struct http *http);

// ---- http_begin.c: TLS that begins
// begin_start (connection): It has nothing of HTTP yet. begin_end (connection): It has, or is closed; may be repeated.
void begin_start (struct connection *connection);
void begin_end (struct connection *connection);
// begins_look (server): It has been run: those that do not go on are suspended until they do. begins_end (http): All go on, as MHD is about to be stopped.
void begins_look (struct server *server);
void begins_end (struct http *http);

// ---- http_headers.c
// headers_begin (http): Before the first request. headers_read (exchange): Fill exchange->headers, ->repeated and ->pool_used.
void headers_begin (struct http *http);
void headers_read (struct exchange *exchange);

// ---- http_route.c
// route_find (exchange): Find its route. False: `refused` says why there is none.
bool route_find (struct exchange *exchange);

// ---- http_answer.c
// exchange_resume (exchange): One that was held or suspended goes on. stream_break (exchange): Its client has gone, or the gateway ends.
void exchange_resume (struct exchange *exchange);
// response_tell (exchange): MHD gets its response. Only MHD's call for one may do that.
void response_tell (struct exchange *exchange);
// response_drop (exchange): It is not told of, or has been.
void response_drop (struct exchange *exchange);
void stream_break (struct exchange *exchange);
void stream_free (struct exchange *exchange);

// ---- http_address.c
// trusted_read (http, error_r): The setting trusted_proxies. connection_address (connection, address, size): Who is at its other end.
bool trusted_read (struct http *http, struct error *error_r) __attribute__ ((warn_unused_result));
void connection_address (struct connection *connection, const struct sockaddr *address);

// ---- http_decode.c

// ---- http_tls.c: the certificate
struct http_tls;
struct http_tls *http_tls_new (const struct http_settings *settings, struct error *error_r)
    __attribute__ ((warn_unused_result));
bool http_tls_reload (struct http_tls *self, const struct http_settings *settings,
                      struct error *error_r) __attribute__ ((warn_unused_result));
void http_tls_destroy (struct http_tls **self_p);
// What MHD's server for TLS is given: GnuTLS' priorities, and who chooses the certificate.
extern const char http_tls_priorities[];
int http_tls_choose (gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                     gnutls_pcert_st **certificates_r, unsigned *n_r, gnutls_ocsp_data_st **ocsp_r,
                     unsigned *nocsp_r, gnutls_privkey_t *key_r, unsigned *flags_r);

#endif
