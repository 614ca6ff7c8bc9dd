// What a connection may take of others: how long it may keep a place, and how many places an address may have.
#include "services/gateway/http_internal.h"

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LOOK_MS = 1000,   // between looks for clients that have gone while they wait for their answer
    LINGER_MS = 2000, // that who was refused may go on sending, so that the answer reaches it
    LINGER_BYTES = 1 << 20,
    LINGERING_MAX = 256,
};

// ---- time ------------------------------------------------------------------------------------------------------------

static int64_t
patience_ms (const struct http *http, enum wait wait)
{
    switch (wait) {
    case WAIT_HEAD:
        return http->settings->header_timeout_ms;
    case WAIT_BODY:
    case WAIT_TAKEN:
        return http->settings->body_timeout_ms;
    case WAIT_IDLE:
        return http->settings->idle_timeout_ms;
    case WAIT_NONE:
    case WAITS:
        break;
    }
    return 0;
}

void
connection_wait (struct connection *connection, enum wait wait, bool anew)
{
    struct http *http = connection->http;
    if (connection->wait == wait && !anew)
        return;
    connection->wait = wait;
    node_remove (&connection->waits);
    if (wait == WAIT_NONE)
        return;
    connection->since = loop_now (http->loop);
    // Each list is in the order of its times: they are equal for all in it.
    if (list_empty (&http->waits[wait]))
        alarm_by (http->deadlines, connection->since + patience_ms (http, wait));
    list_append (&http->waits[wait], &connection->waits);
}

static void
connection_late (struct connection *connection)
{
    struct guard *guard = &connection->socket.guard;
    enum wait wait = connection->wait;
    connection_wait (connection, WAIT_NONE, false);
    if (wait != WAIT_IDLE)
        connection->http->stats.timeouts++;
    // MHD finds the connection at its end, and closes it; in the middle of a request the guard answers before.
    if (wait == WAIT_HEAD && guard->phase == GUARD_HEAD && guard->status == 0)
        guard_refuse (guard, 408, "the headers of the request did not come in time");
    if (wait == WAIT_BODY && guard->phase == GUARD_BODY && guard->status == 0)
        guard_refuse (guard, 408, "the body of the request did not come in time");
    shutdown (connection->fd, wait == WAIT_TAKEN ? SHUT_RDWR : SHUT_RD);
}

static void
on_deadlines (void *context)
{
    struct http *http = context;
    int64_t now = zclock_mono (), next = INT64_MAX;
    for (enum wait wait = WAIT_NONE + 1; wait < WAITS; wait++) {
        int64_t patience = patience_ms (http, wait);
        while (!list_empty (&http->waits[wait])) {
            struct connection *connection =
                NODE_OWNER (http->waits[wait].next, struct connection, waits);
            if (connection->since + patience > now) {
                next = connection->since + patience < next ? connection->since + patience : next;
                break;
            }
            connection_late (connection);
        }
    }
    if (next != INT64_MAX)
        alarm_by (http->deadlines, next);
}

// ---- clients that have gone ------------------------------------------------------------------------------------------

// MHD does not look at what is suspended. A client that has shut down its side of the connection may still wait for an answer, but not for a stream.
static void
waiting_look (struct pollfd *polls, struct exchange **exchanges, size_t n)
{
    if (poll (polls, n, 0) <= 0)
        return;
    for (size_t i = 0; i < n; i++) {
        struct exchange *exchange = exchanges[i];
        short end = exchange->stream ? POLLRDHUP | POLLHUP | POLLERR : POLLHUP | POLLERR;
        // What one that is lost was worked for with others may have ended those, too.
        if (exchange->state == EXCHANGE_ENDED || !(polls[i].revents & end))
            continue;
        if (exchange->stream) {
            stream_break (exchange);
        } else {
            exchange_lose (exchange);
            exchange_resume (exchange);
        }
    }
}

// MHD takes a short read for an empty socket. An end that came with the data, before it was told of them, is not told of again: that of a connection that has become idle
// since the last look. (What comes later is.)
static void
idle_look (struct http *http, int64_t since_ms)
{
    const struct node *idle = &http->waits[WAIT_IDLE];
    size_t n = 0, room = 0;
    struct pollfd *polls = NULL;
    for (const struct node *node = idle->previous; node != idle; node = node->previous) {
        const struct connection *connection = NODE_OWNER (node, struct connection, waits);
        if (connection->since < since_ms)
            break;
        if (n == room) {
            room = 2 * room + 64;
            polls = xrealloc (polls, room * sizeof *polls);
        }
        polls[n++] = (struct pollfd){.fd = connection->fd, .events = POLLRDHUP};
    }
    if (n > 0 && poll (polls, n, 0) > 0)
        for (size_t i = 0; i < n; i++)
            if (polls[i].revents & POLLRDHUP)
                shutdown (polls[i].fd, SHUT_RD); // MHD finds the connection at its end
    free (polls);
}

static void
on_look (void *context)
{
    struct http *http = context;
    size_t n = 0, room = 0;
    struct pollfd *polls = NULL;
    struct exchange **exchanges = NULL;
    idle_look (http, http->looked_ms);
    http->looked_ms = zclock_mono ();
    for (struct node *node = http->waiting.next; node != &http->waiting; node = node->next) {
        if (n == room) {
            room = 2 * room + 64;
            polls = xrealloc (polls, room * sizeof *polls);
            exchanges = xrealloc (exchanges, room * sizeof *exchanges);
        }
        exchanges[n] = NODE_OWNER (node, struct exchange, link);
        polls[n] = (struct pollfd){.fd = exchanges[n]->connection->fd, .events = POLLRDHUP};
        n++;
    }
    if (n > 0) {
        waiting_look (polls, exchanges, n);
        alarm_by (http->look, zclock_mono () + LOOK_MS);
    }
    http->looking = n > 0;
    free (polls);
    free (exchanges);
}

void
http_look (struct http *http)
{
    if (http->looking)
        return;
    http->looking = true;
    http->looked_ms = zclock_mono ();
    alarm_by (http->look, http->looked_ms + LOOK_MS);
}

// ---- those that were refused -----------------------------------------------------------------------------------------

// A connection that is closed while something is there that was not read is reset, and the answer may be lost with it (RFC 9112 section 9.6). So its socket stays open
// until the client has ended its side, for a time, and what still comes is thrown away.
struct lingering {
    struct node link;
    struct http *http;
    int fd;
    size_t bytes;
    struct watch *watch;
    struct alarm *alarm;
};

static void
lingering_end (struct lingering *self)
{
    node_remove (&self->link);
    self->http->nlingering--;
    watch_end (&self->watch);
    alarm_destroy (&self->alarm);
    close (self->fd);
    free (self);
}

static int
on_lingering (struct loop *loop, int fd, void *context)
{
    (void) loop;
    struct lingering *self = context;
    char data[16384];
    ssize_t n = read (fd, data, sizeof data);
    self->bytes += n > 0 ? (size_t) n : 0;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || self->bytes > LINGER_BYTES)
        lingering_end (self);
    return 0;
}

static void
on_lingered (void *context)
{
    lingering_end (context);
}

void
connection_linger (struct connection *connection)
{
    struct http *http = connection->http;
    int fd = http->nlingering < LINGERING_MAX ? fcntl (connection->fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (fd < 0)
        return;
    struct lingering *self = xcalloc (1, sizeof *self);
    *self = (struct lingering){.http = http, .fd = fd};
    node_init (&self->link);
    list_append (&http->lingering, &self->link);
    http->nlingering++;
    shutdown (fd, SHUT_WR);
    self->watch = loop_watch (http->loop, fd, LOOP_IN, on_lingering, self);
    self->alarm = alarm_new (http->loop, on_lingered, self);
    alarm_by (self->alarm, zclock_mono () + LINGER_MS);
}

// ---- places of an address --------------------------------------------------------------------------------------------

struct place {
    struct place *next;
    struct cidr address;
    uint64_t taken;
};

static struct place **
place_find (struct http *http, const struct cidr *address)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint16_t bucket;
    crypto_shorthash (hash, address->bytes, sizeof address->bytes, http->places_key);
    memcpy (&bucket, hash, sizeof bucket);
    struct place **at = &http->places[bucket % PLACES];
    while (*at && memcmp (&(*at)->address, address, sizeof *address) != 0)
        at = &(*at)->next;
    return at;
}

// Whoever has one IPv6 address has the 2^64 of its network.
static struct cidr
place_of (const struct cidr *address)
{
    struct cidr place = *address;
    if (place.family == 6) {
        place.bits = 64;
        memset (place.bytes + 8, 0, 8);
    }
    return place;
}

bool
place_take (struct connection *connection)
{
    struct http *http = connection->http;
    if (connection->trusted || connection->peer.family == 0)
        return true;
    struct cidr address = place_of (&connection->peer);
    struct place **at = place_find (http, &address);
    if (*at == NULL) {
        *at = xcalloc (1, sizeof **at);
        (*at)->address = address;
    }
    if ((*at)->taken >= (uint64_t) http->settings->http_connections_per_address)
        return false;
    (*at)->taken++;
    connection->placed = true;
    return true;
}

void
place_give (struct connection *connection)
{
    if (!connection->placed)
        return;
    struct cidr address = place_of (&connection->peer);
    struct place **at = place_find (connection->http, &address);
    if (*at && --(*at)->taken == 0) {
        struct place *place = *at;
        *at = place->next;
        free (place);
    }
}

// ---- all of it -------------------------------------------------------------------------------------------------------

void
limits_begin (struct http *http)
{
    for (enum wait wait = 0; wait < WAITS; wait++)
        node_init (&http->waits[wait]);
    node_init (&http->lingering);
    http->deadlines = alarm_new (http->loop, on_deadlines, http);
    http->look = alarm_new (http->loop, on_look, http);
    crypto_shorthash_keygen (http->places_key);
}

void
limits_end (struct http *http)
{
    while (!list_empty (&http->lingering))
        // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed has left the list
        lingering_end (NODE_OWNER (http->lingering.next, struct lingering, link));
    alarm_destroy (&http->deadlines);
    alarm_destroy (&http->look);
}
