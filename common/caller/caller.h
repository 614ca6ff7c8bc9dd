// Who a request acts for, and whether they may (R34).
//
// The acting user comes from the login token in the call's metadata, `authorization: Bearer …`, which the issuer has signed; what the user is, is read from the
// database each time. A peer with the role operator may act without: then it acts for itself, and may do everything. Any other peer may only bring
// users. What users may is in one table of rights, a row for each method.
#ifndef JETON_CALLER_CALLER_H
#define JETON_CALLER_CALLER_H

#include "common/caller/keys.h"
#include "common/caller/revoked.h"
#include "common/rpc/request.h"
#include "common/rpc/server.h"
#include "common/token/id.h"
#include <protobuf-c/protobuf-c.h>

// Who may call a method; bits. Operators may call every one.
enum caller_role {
    CALLER_OPERATOR = 1 << 0,      // anything, of any account
    CALLER_ADMINISTRATOR = 1 << 1, // of the own account
    CALLER_MEMBER = 1 << 2,        // of the own account; integrations too
    CALLER_ANYONE = 1 << 3,        // without a login token
};

// How the row's field bounds the call to the user's own account.
enum caller_object {
    CALLER_NONE, // not by a field: the method is about no account's objects, or its handler sees to it
    CALLER_OBJECT, // it has the id of the account, or of one of its objects
    CALLER_LIST,   // it has the id of an account; an empty one becomes the user's own
};

// One row a method. The table is ended by a row whose method is NULL.
struct caller_right {
    const char *method; // without the service's name
    unsigned who;       // enum caller_role, or-ed
    enum caller_object object;
    const char *field; // of the request
};

// The acting user, in the request's arena: request_caller.
struct caller {
    enum caller_role role;
    int64_t account;                       // number
    char id[ID_SIZE], account_id[ID_SIZE]; // USR-…, ACC-…
    const char *name;                      // the user name
    int64_t number;                        // the user's
    const char *jti;                       // of the login token
    int64_t generation;                    // that it says
};

// The statement that reads a user and the account of an object. $1 is the user's number, $2 the prefix of the object's id ("" for none), $3 its
// number; $4 and $5 are the jti and the generation of the login token: the status is 0 when that was revoked. `accounts` and `roles` are SQL: the account of that object, and of a user the role; "NULL" where there are none.
#define CALLER_SQL(accounts, roles)                                                                \
    "SELECT u.account, u.role, CASE WHEN " JWT_STANDS_SQL (                                        \
        "u.account", "(1, u.account), (3, u.number)", "$4::text",                                  \
        "$5::bigint") " THEN u.status"                                                             \
                      " ELSE 0 END, a.status, u.username, coalesce ((" accounts ")::bigint, 0),"   \
                      " coalesce ((" roles ")::bigint, 0)"                                         \
                      " FROM users u JOIN accounts a ON a.number = u.account"                      \
                      " WHERE u.number = $1::bigint AND $2::text IS NOT NULL AND $3::bigint IS "   \
                      "NOT NULL"

struct caller_options {
    const ProtobufCServiceDescriptor *descriptor;
    const struct caller_right *rights;
    struct db *db;
    int user_statement; // the row with CALLER_SQL
    struct public_keys *keys;
    char *const *issuer, *const *audience; // settings: what a login token must name
};

// caller_rights_check (options): Aborts when a method of the descriptor has no row, a row no method, or a method no field of the row's name.
void caller_rights_check (const struct caller_options *options);

// caller_gate (request, options, next): `next` is called when the request may go on, with request_caller set; otherwise it is answered:
//   UNAUTHENTICATED    no login token, though the peer needs one; one that is not good (any more), or whose user is disabled
//   PERMISSION_DENIED  no right to the method; a suspended account; a change of an operator by somebody who is none
//   NOT_FOUND          an object of another account: as if there were none
//   UNAVAILABLE        no database
void caller_gate (struct request *request, const struct caller_options *options,
                  request_callback *next);

// A second look at who opened a stream. Memory of the stream's, kept until the look has come back.
struct caller_look {
    // `why`: a text that says why the user may have it no longer; NULL: may, or nobody can tell (no database).
    void (*callback) (void *context, const char *why);
    void *context;
    // caller_look's own: what the user was when the stream was opened
    int64_t account;
    enum caller_role role;
};

// caller_look (request, options, look): Is what the gate found true of this request, still open, which came with a login token: is the token good by
// time and signature, the user active and of the same role, the account not suspended? Calls back once, perhaps before it returns; if the
// request ends first, all the same.
void caller_look (struct request *request, const struct caller_options *options,
                  struct caller_look *look);

#endif
