#include "common/db/internal.h"
#include "common/memory/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
option (const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *o = options; o && o->keyword; o++)
        if (strcmp (o->keyword, keyword) == 0)
            return o->val && *o->val ? o->val : NULL;
    return NULL;
}

// Split a list at its commas. Returns how many there are, or CONNINFO_HOSTS_MAX + 1: too many.
static size_t
split (const char *list, char **items)
{
    size_t n = 0;
    for (const char *at = list;; at++) {
        size_t length = strcspn (at, ",");
        if (n == CONNINFO_HOSTS_MAX)
            return n + 1;
        items[n] = xcalloc (1, length + 1);
        memcpy (items[n++], at, length);
        at += length;
        if (!*at)
            return n;
    }
}

static void
fill (char **items, size_t from, size_t to, const char *value)
{
    for (size_t i = from; i < to; i++)
        items[i] = xstrdup (value);
}

// PGHOST and the like count too: else libpq would take a name from there, and resolve it itself, blocking.
static bool
split_hosts (struct conninfo *info, struct error *error_r)
{
    PQconninfoOption *defaults = PQconndefaults ();
    const char *host = option (info->options, "host"),
               *address = option (info->options, "hostaddr");
    const char *port = option (info->options, "port");
    if (!host && !address) {
        host = option (defaults, "host");
        address = option (defaults, "hostaddr");
    }
    if (!port)
        port = option (defaults, "port");
    size_t hosts = split (host ? host : "", info->host);
    size_t addresses = split (address ? address : "", info->address);
    size_t ports = split (port ? port : "", info->port);
    PQconninfoFree (defaults);

    info->n = hosts > addresses ? hosts : addresses;
    bool right = info->n <= CONNINFO_HOSTS_MAX && ports <= CONNINFO_HOSTS_MAX &&
                 (hosts == info->n || !host) && (addresses == info->n || !address) &&
                 (ports == info->n || ports == 1);
    if (!right) {
        error_set (error_r,
                   "the database's connection string must name as many ports and addresses as "
                   "hosts, and at most %d",
                   CONNINFO_HOSTS_MAX);
        info->n = 0;
        return false;
    }
    fill (info->host, hosts, info->n, "");
    fill (info->address, addresses, info->n, "");
    fill (info->port, ports, info->n, info->port[0]);
    return true;
}

bool
db_conninfo_parse (const char *url, struct conninfo *info, struct error *error_r)
{
    *info = (struct conninfo){0};
    char *message = NULL;
    info->options = PQconninfoParse (url, &message);
    // Its message may quote the whole string, with the password in it.
    PQfreemem (message);
    if (!info->options) {
        error_set (error_r,
                   "the database's connection string is neither a postgresql:// URL nor a list of "
                   "key=value that libpq knows");
        return false;
    }
    return split_hosts (info, error_r);
}

void
db_conninfo_free (struct conninfo *info)
{
    PQconninfoFree (info->options);
    for (size_t i = 0; i < CONNINFO_HOSTS_MAX; i++) {
        free (info->host[i]);
        free (info->address[i]);
        free (info->port[i]);
    }
    *info = (struct conninfo){0};
}

bool
db_conninfo_is_name (const struct conninfo *info, size_t i)
{
    // A path, or @ and a name in Linux's abstract namespace: a Unix socket.
    const char *host = info->host[i];
    return *host && *host != '/' && *host != '@' && !*info->address[i];
}

static void
join (char **list, const char *item, bool first)
{
    char *longer = first ? xstrdup (item) : xasprintf ("%s,%s", *list, item);
    free (*list);
    *list = longer;
}

void
db_addresses_add (struct address_list *list, const char *host, const char *address,
                  const char *port)
{
    if (list->n == CONNINFO_ADDRESSES_MAX)
        return;
    join (&list->host, host, list->n == 0);
    join (&list->address, address, list->n == 0);
    join (&list->port, port, list->n == 0);
    list->n++;
}

void
db_addresses_free (struct address_list *list)
{
    free (list->host);
    free (list->address);
    free (list->port);
    *list = (struct address_list){0};
}

enum { PAIRS_MAX = 80 };
struct pairs {
    size_t n;
    const char *keywords[PAIRS_MAX + 1];
    const char *values[PAIRS_MAX + 1];
};

// The first value of a keyword stays.
static void
put (struct pairs *pairs, const char *keyword, const char *value)
{
    if (!value || !*value || pairs->n == PAIRS_MAX)
        return;
    for (size_t i = 0; i < pairs->n; i++)
        if (strcmp (pairs->keywords[i], keyword) == 0)
            return;
    pairs->keywords[pairs->n] = keyword;
    pairs->values[pairs->n++] = value;
}

PGconn *
db_conninfo_connect (const struct conninfo *info, const struct address_list *addresses,
                     const struct db_options *options, bool copy)
{
    // A statement ends a little before the connection that waits for it is given up: an error costs less than a connection. A copy may take long.
    int64_t statement_ms = options->timeout_ms - options->timeout_ms / 8;
    if (copy)
        statement_ms = 0;
    else if (statement_ms == 0)
        statement_ms = 1;
    const char *given = option (info->options, "options");
    // A copy keeps the order of what its statement puts together, and to one process.
    const char *alone = copy ? "-c max_parallel_workers_per_gather=0 " : "";
    // Compiling a statement that reads a few rows of a large table would take a hundred times as long as running it.
    // The server, too, must notice that nobody is there any more: a session whose machine or network is gone would keep its locks, the advisory
    // one of the only writer as well, for the two hours of the kernel's own keepalives. Who reads a copy may take its time.
    int64_t unread_ms = (copy ? DB_COPY_PATIENCE : 1) * options->timeout_ms;
    cleanup_free char *session = xasprintf (
        "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3"
        " -c tcp_user_timeout=%lld %s%s%s-c client_min_messages=error -c bytea_output=hex"
        " -c jit=off -c plan_cache_mode=%s -c statement_timeout=%lld",
        (long long) unread_ms, given ? given : "", given ? " " : "", alone,
        options->planned_once ? "force_generic_plan" : "auto", (long long) statement_ms);
    cleanup_free char *user_timeout = xasprintf ("%lld", (long long) options->timeout_ms);

    struct pairs pairs = {0};
    put (&pairs, "host", addresses->host);
    put (&pairs, "hostaddr", addresses->address);
    put (&pairs, "port", addresses->port);
    put (&pairs, "password", options->password);
    put (&pairs, "application_name", options->application);
    put (&pairs, "client_encoding", "UTF8");
    put (&pairs, "options", session);
    for (const PQconninfoOption *o = info->options; o->keyword; o++)
        if (strcmp (o->keyword, "host") != 0 && strcmp (o->keyword, "hostaddr") != 0)
            put (&pairs, o->keyword, o->val);
    // Where the URL does not say otherwise.
    put (&pairs, "keepalives_idle", "10");
    put (&pairs, "keepalives_interval", "3");
    put (&pairs, "keepalives_count", "3");
    put (&pairs, "tcp_user_timeout", user_timeout);
    put (&pairs, "gssencmode", "disable"); // looks for a ticket first, which may block
    put (&pairs, "target_session_attrs",
         "read-write"); // of several hosts, the one that is no standby
    return PQconnectStartParams (pairs.keywords, pairs.values, 0);
}

void
db_error_line (const char *text, struct error *error_r)
{
    error_set (error_r, "%s", text && *text ? text : "no reason given");
    size_t length = strlen (error_r->text);
    while (length && error_r->text[length - 1] == '\n')
        error_r->text[--length] = 0;
    for (char *p = error_r->text; *p; p++)
        if (*p == '\n' || *p == '\t')
            *p = ' ';
}
