#include "common/net/resolver.h"
#include "common/memory/memory.h"
#include "common/net/alarm.h"

#include <assert.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { POLL_INTERVAL_MS = 5, ADDRESSES_MAX = 64, DESTROY_WAIT_MS = 1000 };

// glibc writes into `lookup` from a thread of its own until gai_error says that it is done: the block lives that long, whoever has
// lost interest.
struct resolver_query {
    struct resolver *resolver;
    struct resolver_query *previous, *next;
    resolver_callback *callback; // NULL: cancelled
    void *context;
    uint64_t serial;
    struct addrinfo hints;
    struct gaicb lookup;
    int result; // when `started` is false: the outcome, known at once
    bool started;
    char host[];
};

struct resolver {
    struct loop *loop;
    struct alarm *alarm;
    struct resolver_query *queries;
    uint64_t last_serial;
};

static int
query_result (struct resolver_query *query)
{
    return query->started ? gai_error (&query->lookup) : query->result;
}

static void
query_free (struct resolver_query *query)
{
    if (query->previous != NULL)
        query->previous->next = query->next;
    else
        query->resolver->queries = query->next;
    if (query->next != NULL)
        query->next->previous = query->previous;
    if (query->lookup.ar_result != NULL)
        freeaddrinfo (query->lookup.ar_result);
    free (query);
}

static int
text_compare (const void *a, const void *b)
{
    return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static size_t
addresses_format (const struct addrinfo *list, char texts[ADDRESSES_MAX][NI_MAXHOST],
                  const char *addresses_r[ADDRESSES_MAX])
{
    size_t n = 0;
    for (const struct addrinfo *info = list; info != NULL && n < ADDRESSES_MAX;
         info = info->ai_next) {
        if (getnameinfo (info->ai_addr, info->ai_addrlen, texts[n], NI_MAXHOST, NULL, 0,
                         NI_NUMERICHOST) != 0)
            continue;
        addresses_r[n] = texts[n];
        n++;
    }
    qsort (addresses_r, n, sizeof *addresses_r, text_compare);
    size_t unique = 0;
    for (size_t i = 0; i < n; i++)
        if (unique == 0 || strcmp (addresses_r[unique - 1], addresses_r[i]) != 0)
            addresses_r[unique++] = addresses_r[i];
    return unique;
}

static void
query_answer (struct resolver_query *query, int result)
{
    struct error error = {.text = ""};
    const char *addresses[ADDRESSES_MAX] = {NULL};
    char (*texts)[NI_MAXHOST] = xcalloc (ADDRESSES_MAX, NI_MAXHOST);
    size_t n = 0;
    if (result == 0)
        n = addresses_format (query->lookup.ar_result, texts, addresses);
    if (n == 0)
        error_set (&error, "%s: %s", query->host,
                   result != 0 ? gai_strerror (result) : "has no address");
    resolver_callback *callback = query->callback;
    void *context = query->context;
    query_free (query);
    callback (context, addresses, n, &error);
    free (texts);
}

// A callback may start and cancel queries, so that the list is looked at from its beginning after each.
static struct resolver_query *
query_done (struct resolver *resolver, uint64_t last_serial, int *result_r)
{
    for (struct resolver_query *query = resolver->queries; query != NULL; query = query->next)
        // The analyzer takes a query with a predecessor for the list's head: NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
        if (query->serial <= last_serial && (*result_r = query_result (query)) != EAI_INPROGRESS)
            return query;
    return NULL;
}

static void
resolver_poll (void *context)
{
    struct resolver *resolver = context;
    uint64_t last_serial =
        resolver->last_serial; // those begun in a callback wait for the next turn
    struct resolver_query *query;
    int result;
    while ((query = query_done (resolver, last_serial, &result)) != NULL) {
        if (query->callback == NULL)
            query_free (query);
        else
            query_answer (query, result);
    }
    if (resolver->queries != NULL)
        alarm_by (resolver->alarm, zclock_mono () + POLL_INTERVAL_MS);
}

struct resolver *
resolver_new (struct loop *loop)
{
    struct resolver *resolver = xcalloc (1, sizeof *resolver);
    resolver->loop = loop;
    resolver->alarm = alarm_new (loop, resolver_poll, resolver);
    return resolver;
}

static void
query_abandon (struct resolver_query *query, int64_t until_ms)
{
    if (query_result (query) == EAI_INPROGRESS)
        gai_cancel (&query->lookup);
    const struct gaicb *const list[] = {&query->lookup};
    while (query_result (query) == EAI_INPROGRESS) {
        int64_t left_ms = until_ms - zclock_mono ();
        if (left_ms <= 0)
            return; // the block is left to glibc's thread for good: freeing it would be worse
        struct timespec timeout = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
        gai_suspend (list, 1, &timeout);
    }
    query_free (query);
}

void
resolver_destroy (struct resolver **resolver_p)
{
    struct resolver *resolver = *resolver_p;
    if (resolver == NULL)
        return;
    alarm_destroy (&resolver->alarm);
    int64_t until_ms = zclock_mono () + DESTROY_WAIT_MS;
    for (struct resolver_query *query = resolver->queries, *next; query != NULL; query = next) {
        next = query->next;
        query_abandon (query, until_ms);
    }
    free (resolver);
    *resolver_p = NULL;
}

struct resolver_query *
resolver_start (struct resolver *resolver, const char *host, resolver_callback *callback,
                void *context)
{
    assert (callback != NULL);
    size_t size = strlen (host) + 1;
    struct resolver_query *query = xcalloc (1, sizeof *query + size);
    memcpy (query->host, host, size);
    query->resolver = resolver;
    query->callback = callback;
    query->context = context;
    query->serial = ++resolver->last_serial;
    query->next = resolver->queries;
    if (query->next != NULL)
        query->next->previous = query;
    resolver->queries = query;

    query->hints = (struct addrinfo){.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo numeric = query->hints;
    numeric.ai_flags = AI_NUMERICHOST; // asks nobody, so it does not block
    query->result = getaddrinfo (host, NULL, &numeric, &query->lookup.ar_result);
    if (query->result == EAI_NONAME) {
        query->lookup = (struct gaicb){.ar_name = query->host, .ar_request = &query->hints};
        struct gaicb *list[] = {&query->lookup};
        query->result = getaddrinfo_a (GAI_NOWAIT, list, 1, NULL);
        query->started = query->result == 0;
    }
    alarm_by (resolver->alarm, zclock_mono () + (query->started ? POLL_INTERVAL_MS : 0));
    return query;
}

void
resolver_cancel (struct resolver_query **query_p)
{
    struct resolver_query *query = *query_p;
    *query_p = NULL;
    if (query == NULL)
        return;
    query->callback = NULL;
    if (query_result (query) == EAI_INPROGRESS)
        gai_cancel (&query->lookup);
    if (query_result (query) != EAI_INPROGRESS)
        query_free (query);
}
