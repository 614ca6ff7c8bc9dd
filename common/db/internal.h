// What the files of common/db share. Not for others.
//
// db.c         public calls, what waits, who gets it, callbacks
// call.c       the memory of a call
// group.c      a group: sending it, its results, its outcomes
// connection.c one connection: resolving, connecting, preparing, losing it
// conninfo.c   the connection string, with addresses in the place of names
// many.c       calls that run as one statement
// copy.c       a long answer on a connection of its own; field.c: its rows, and binary values
// params.c, result.c: values in, values out; list.c: lists of calls
//
// Control flow: each event (socket, timer, resolver) ends in db_settle, the one place from which callbacks are called and waiting
// calls are sent. Nothing else calls back, so no function here has to fear that what it works on changes under it.
#ifndef JETON_DB_INTERNAL_H
#define JETON_DB_INTERNAL_H

#include "common/db/db.h"
#include "common/net/alarm.h"

// A statement of a call, with its parameters.
struct call_step {
    const struct db_statement *statement;
    int n;
    const char **values;
    int *lengths;
    int *formats;
};

// A call that was accepted. One block of memory, with copies of the parameters.
struct call {
    struct call *next;
    db_callback *callback;
    void *context;
    size_t size;      // of the block
    int64_t since;    // when it was accepted
    int64_t since_us; // the same, finer
    bool write;       // one of its statements is
    size_t together;  // in flight: calls from this on that run as one statement
    size_t place;     // and its number among those: equal reads share one
    bool lent;        // its result is that of a later call with the same place, which ends later
    bool alone;       // its group failed: it runs by itself
    bool resent;      // it has had its second chance after a lost connection
    unsigned reruns;  // after a serialisation failure or a deadlock
    int64_t lock_order;
    enum db_outcome outcome;
    struct db_error error;
    size_t n;
    struct call_step *steps;
    PGresult **results; // of each step
};

struct call_list {
    struct call *first, *last;
};

// Calls in flight that share one Sync.
struct call_group {
    struct call_group *next;
    struct call_list calls;
    size_t n;
    bool write;
    bool synced;  // the Sync may have left: from here on it may be committed
    bool failed;  // the server refused a statement: nothing of the group is or will be committed
    bool between; // a result has come, the NULL that ends it comes next
    int64_t sent_at;
    struct call *at; // whose result comes next
    size_t step;
    const char *statement; // the name of the one that failed
    struct db_error error; // of that one
};

enum { DB_BACKOFF_FIRST_MS = 50, DB_BACKOFF_LAST_MS = 1000 };
enum link_state {
    LINK_DOWN,
    LINK_RESOLVING,
    LINK_CONNECTING,
    LINK_PREPARING,
    LINK_READY,
    LINK_COPYING
};

// The connection string, taken apart.
enum { CONNINFO_HOSTS_MAX = 16, CONNINFO_ADDRESSES_MAX = 64 };
struct conninfo {
    PQconninfoOption *options;
    size_t n; // hosts
    char *host[CONNINFO_HOSTS_MAX], *address[CONNINFO_HOSTS_MAX],
        *port[CONNINFO_HOSTS_MAX]; // "": none
};

// Where to connect: lists as libpq wants them, of the same length, joined by commas.
struct address_list {
    size_t n;
    char *host, *address, *port;
};

struct db_copy;

struct connection {
    struct db *db;
    struct db_copy *copy; // whose connection it is; NULL: of the db's calls
    PGconn *pg;
    enum link_state state;
    struct watch *watch;
    int fd;             // that is watched; -1: none
    unsigned events;    // what for
    int64_t since;      // when the state left LINK_DOWN
    int64_t retry_at;   // in LINK_DOWN
    int64_t backoff_ms; // for the next failure
    struct resolver_query *query;
    struct address_list addresses;
    size_t host;                       // that is being resolved
    size_t expected;                   // LINK_PREPARING: results still to come
    bool between;                      // as in a group
    struct call_group *first, *last;   // in flight, oldest first
    size_t n_calls, n_writes, n_reads; // calls, groups that write and groups that read, in flight
    struct error fault;                // why the session ends; "" when the server has not said
};

struct db {
    struct loop *loop;
    struct resolver *resolver;
    struct db_options options; // texts are copies
    struct conninfo conninfo;
    struct connection *connections;
    size_t n_ready;
    size_t n_statements;
    struct call_list reads, writes; // waiting
    struct call_list refused;       // since the last turn
    struct call_list done;          // to be called back
    bool settling, ending;
    struct db_copy *copies[DB_COPIES_MAX]; // under way; NULL: none
    struct db_copy
        *spent_copies[DB_COPIES_MAX]; // those before: who ended them may still look at them
    struct alarm *alarm;              // for turns, retries and time limits
    bool was_ready, lost;             // what the listener does not know yet
    db_change_callback *change;
    void *change_context;
    struct error why; // not ready, last
    struct db_stats stats;
};

// db_settle (db): Tell the listener, call back, send what waits, set the timer. The end of each event.
void db_settle (struct db *db);
// db_done (db, call, outcome), db_requeue (db, call): The call has ended; the call must be sent (again), before those that wait.
void db_done (struct db *db, struct call *call, enum db_outcome outcome);
void db_requeue (struct db *db, struct call *call);

void db_list_append (struct call_list *list, struct call *call);
void db_list_prepend (struct call_list *list, struct call *call);
struct call *db_list_take (struct call_list *list);
// db_call_new (db, steps, n): A call with copies of all parameters, in one block of memory. db_call_clear (call): Forget its results. db_call_destroy (call):
// Nothing of its parameters is left in memory.
struct call *db_call_new (const struct db *db, const struct db_step *steps, size_t n);
void db_call_clear (struct call *call);
void db_call_destroy (struct call *call);

// db_group_send (connection, list, limit): Send the first of the list: as many as may share a group. May lose the connection.
void db_group_send (struct connection *connection, struct call_list *list, size_t limit);
// db_group_result (connection, result): What PQgetResult gave; the group takes it. False: it makes no sense, or the server ended the
// session; connection->fault says which.
bool db_group_result (struct connection *connection, PGresult *result)
    __attribute__ ((warn_unused_result));
// db_is_many (call): Its statement is DB_MANY or DB_READ_MANY. db_is_binary (statement): Its results come in binary.
// db_many_run (call): How many from this on run as one statement; 1: it runs alone, or its statement is neither.
// db_many_send (pg, first, n): Send them. False: it failed. db_many_divide (first, n, result): Give each its rows. False: it is no result
// that such a statement may have.
bool db_is_many (const struct call *call);
bool db_is_binary (const struct db_statement *statement);
size_t db_many_run (const struct call *call);
bool db_many_send (PGconn *pg, struct call *first, size_t n) __attribute__ ((warn_unused_result));
bool db_many_divide (struct call *first, size_t n, const PGresult *result)
    __attribute__ ((warn_unused_result));
// db_group_lost (connection): The connection is gone: decide what becomes of its oldest group, and take it off.
void db_group_lost (struct connection *connection);

// connection_tick (connection, now): Do what is due. connection_deadline (connection): When something will be.
void db_connection_tick (struct connection *connection, int64_t now);
int64_t db_connection_deadline (const struct connection *connection);
// db_connection_flush (connection): Send what libpq holds; poll for writing while that takes.
void db_connection_flush (struct connection *connection);
// db_connection_drop (connection, format, …): Close it, decide what becomes of its calls, connect again later.
void db_connection_drop (struct connection *connection, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));
// db_connection_close (connection): Close it for good.
void db_connection_close (struct connection *connection);

// db_connection_watch (connection, events): Poll its socket for these; 0: not at all.
void db_connection_watch (struct connection *connection, unsigned events);

// Of copy.c. db_copy_begin (copy): Its connection is made. db_copy_exchange (copy): The socket has something. db_copy_lost (copy, why): The
// connection is not to be had, or lost. db_copy_tick (copy, now): Do what is due; db_copy_deadline (copy): When something will be.
// db_copy_finish (db): Call back for those that have ended.
void db_copy_begin (struct db_copy *copy);
void db_copy_exchange (struct db_copy *copy);
void db_copy_lost (struct db_copy *copy, const struct error *why);
void db_copy_tick (struct db_copy *copy, int64_t now);
int64_t db_copy_deadline (const struct db_copy *copy);
void db_copy_finish (struct db *db);

// db_conninfo_parse (url, info, error_r): False: error_r says why, without the secrets that a URL may hold.
bool db_conninfo_parse (const char *url, struct conninfo *info, struct error *error_r)
    __attribute__ ((warn_unused_result));
void db_conninfo_free (struct conninfo *info);
// db_conninfo_is_name (info, i): Must host i be resolved?
bool db_conninfo_is_name (const struct conninfo *info, size_t i);
// db_conninfo_connect (info, addresses, options, copy): PQconnectStart with all of it; for a copy, without a limit for the statement. NULL only
// without memory.
PGconn *db_conninfo_connect (const struct conninfo *info, const struct address_list *addresses,
                             const struct db_options *options, bool copy);
// db_addresses_add (list, host, address, port), db_addresses_free (list): More than CONNINFO_ADDRESSES_MAX are left out.
void db_addresses_add (struct address_list *list, const char *host, const char *address,
                       const char *port);
void db_addresses_free (struct address_list *list);

// db_error_line (text, error_r): libpq's message on one line, without its last newline.
void db_error_line (const char *text, struct error *error_r);

#endif
