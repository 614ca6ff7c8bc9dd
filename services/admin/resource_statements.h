// The statements of resource.h's nouns: rows of statements.c's table, and their handles.
//
// A write begins with the same four parameters: $1 what is written with it (struct change: told), $2 the object's number, $3 the account (of an insert) or the revision
// that it must have, $4 the time. The noun's fields follow. A read has $1 the number, $2 the text that must be unique, $3 the number of what is
// to be referred to; it gives the object's columns, whether another of the account has the text, the status of what is referred to (0: the
// account has none), and in words what refers to the object.
#ifndef JETON_ADMIN_RESOURCE_STATEMENTS_H
#define JETON_ADMIN_RESOURCE_STATEMENTS_H

enum resource_operation {
    RESOURCE_READ,
    RESOURCE_PREPARE, // as a read, for a new object of account $1: its number instead of its columns
    RESOURCE_LIST,
    RESOURCE_CREATE,
    RESOURCE_EDIT,
    RESOURCE_STATUS,
    RESOURCE_OPERATIONS
};

#define RESOURCE_STATEMENT(resource, operation)                                                    \
    (RESOURCE_STATEMENTS_BEGIN + (int) (resource) *RESOURCE_OPERATIONS + (int) (operation))

// The status of row $3 of a table, if it is of the account.
#define REFERRED(table, account)                                                                   \
    " coalesce ((SELECT r.status FROM " table " r"                                                 \
    "  WHERE r.account = " account " AND r.number = $3::bigint), 0)"

// Has another of the account the text? `same` compares it with $2, `self` is the number of the object itself.
#define TAKEN(table, same, account, self)                                                          \
    " EXISTS (SELECT FROM " table " o WHERE o.account = " account " AND " same                     \
    "  AND o.number <> " self " AND o.status <> 3)"

// A page of a list, after $1.
#define RESOURCE_LISTED(name, table, columns, filter, order, than, direction)                      \
    {                                                                                              \
        name,                                                                                      \
            "SELECT " columns " FROM " table " t WHERE " order " " than                            \
            " AND t.account = $3::bigint"                                                          \
            " AND t.status <> 3 AND ($4::bigint = 0 OR t.status = $4) AND " filter                 \
            " ORDER BY " order " " direction " LIMIT $2::bigint",                                  \
            false                                                                                  \
    }

// `ending` is what becomes of the columns when the object is deleted.
#define RESOURCE_READS(resource, name, table, columns, unique, referred, filter, users, ending)    \
    [RESOURCE_STATEMENT (                                                                          \
        resource,                                                                                  \
        RESOURCE_READ)] = {name "_read",                                                           \
                           "SELECT " columns                                                       \
                           "," TAKEN (table, unique, "t.account", "t.number") "," referred (       \
                               "t.account") ", " users " FROM " table " t"                         \
                                            " WHERE t.number = $1::bigint AND t.status <> 3",      \
                           false},                                                                 \
        [RESOURCE_STATEMENT (resource, RESOURCE_PREPARE)] =                                        \
            {name "_prepare",                                                                      \
             "SELECT nextval ('" table                                                             \
             "_number_seq')," TAKEN (table, unique, "a.number", "0") "," referred (                \
                 "a.number") " FROM accounts a WHERE a.number = $1::bigint",                       \
             false},                                                                               \
        [RESOURCE_STATEMENT (resource, RESOURCE_LIST)] = RESOURCE_LISTED (                         \
            name "_list", table, columns, filter, "t.number", "> $1::bigint", "ASC"),              \
        [RESOURCE_STATEMENT (resource, RESOURCE_STATUS)] = {                                       \
            name "_status",                                                                        \
            "WITH changed AS (UPDATE " table " SET status = $5::smallint, revision = revision + "  \
            "1, updated_at = to_timestamp ($4)" ending                                             \
            " WHERE number = $2::bigint AND revision = $3::bigint AND status <> 3"                 \
            " RETURNING number, account, revision)" TOLD (name, "account"),                        \
            true}

// `edited` is what an edit does besides.
#define RESOURCE_WRITES(resource, name, table, columns, values, assignments, edited)               \
    [RESOURCE_STATEMENT (                                                                          \
        resource, RESOURCE_CREATE)] =                                                              \
        {name "_create",                                                                           \
         "WITH changed AS (INSERT INTO " table                                                     \
         " (number, account, created_at, updated_at, " columns ")"                                 \
         " VALUES ($2::bigint, $3::bigint, to_timestamp ($4), to_timestamp ($4), " values ")"      \
         " RETURNING number, account, revision)" TOLD (name, "account"),                           \
         true},                                                                                    \
                  [RESOURCE_STATEMENT (resource, RESOURCE_EDIT)] = {                               \
                      name "_edit",                                                                \
                      "WITH changed AS (UPDATE " table " SET " assignments ","                     \
                      " revision = revision + 1, updated_at = to_timestamp ($4)"                   \
                      " WHERE number = $2::bigint AND revision = $3::bigint AND status <> 3"       \
                      " RETURNING number, account, revision)" edited TOLD (name, "account"),       \
                      true}

#define RESOURCE_COLUMNS                                                                           \
    "t.number, t.account, t.code, t.name, t.status, t.revision, " SECONDS (                        \
        "t.created_at") ", " SECONDS ("t.updated_at")

#define USED(table, column, what)                                                                  \
    " WHEN EXISTS (SELECT FROM " table " u WHERE u.account = t.account AND u." column              \
    " = t.number AND u.status <> 3) THEN '" what "'"

#define SAME_CODE    "o.code = $2::text"
#define SAME_EMAIL   "lower (o.email) = lower ($2::text COLLATE \"C\")"
#define SAME_NOTHING "$2::text IS NULL"

#define REFERRED_NOTHING(account) " 0 + 0 * coalesce ($3::bigint, 0)"
#define REFERRED_GROUP(account)   REFERRED ("customer_groups", account)
#define REFERRED_MARKET(account)  REFERRED ("markets", account)
#define FILTER_NOTHING            "$5::bigint = 0"
#define FILTER(column)            "($5::bigint = 0 OR t." column " = $5)"

#define CLIENT_PROOFS                                                                              \
    SECONDS ("t.secret_made_at") ", " SECONDS ("t.secret_grace_until") ", coalesce (t.jwks, '')"
#define CLIENT_TIMES SECONDS ("t.created_at") ", " SECONDS ("t.updated_at")
#define CLIENT_COLUMNS                                                                             \
    "t.number, t.account, t.name, t.kind, coalesce (t.market, 0), t.access_token_life_s,"          \
    " t.token_format, array_to_string (t.redirect_uris, ' '), t.status, t.revision, " CLIENT_TIMES \
    ", array_to_string (t.scopes, ' '), " CLIENT_PROOFS

#define CUSTOMER_FILTER                                                                            \
    FILTER ("customer_group")                                                                      \
    " AND ($6::text = '' OR position (lower ($6 COLLATE \"C\") IN lower (t.email)) > 0)"
#define CUSTOMER_COLUMNS                                                                           \
    "t.number, t.account, t.email, coalesce (t.customer_group, 0), t.password_hash IS NOT NULL,"   \
    " t.status, t.revision, " SECONDS ("t.created_at") ", " SECONDS ("t.updated_at")

#define RESOURCE_STATEMENTS                                                                        \
    RESOURCE_READS (RESOURCE_CUSTOMER_GROUP, "customer_group", "customer_groups",                  \
                    RESOURCE_COLUMNS, SAME_CODE, REFERRED_NOTHING, FILTER_NOTHING,                 \
                    "CASE" USED ("markets", "customer_group", "markets")                           \
                        USED ("customers", "customer_group", "customers") " ELSE '' END",          \
                    ""),                                                                           \
        RESOURCE_WRITES (RESOURCE_CUSTOMER_GROUP, "customer_group", "customer_groups",             \
                         "code, name", "$5, $6", "code = $5, name = $6", ""),                      \
        RESOURCE_READS (RESOURCE_MARKET, "market", "markets",                                      \
                        RESOURCE_COLUMNS ", coalesce (t.customer_group, 0)", SAME_CODE,            \
                        REFERRED_GROUP, FILTER ("customer_group"),                                 \
                        "CASE" USED ("stock_locations", "market", "stock locations")               \
                            USED ("clients", "market", "clients") " ELSE '' END",                  \
                        ""),                                                                       \
        RESOURCE_WRITES (RESOURCE_MARKET, "market", "markets", "code, name, customer_group",       \
                         "$5, $6, nullif ($7::bigint, 0)",                                         \
                         "code = $5, name = $6, customer_group = nullif ($7::bigint, 0)", ""),     \
        RESOURCE_READS (RESOURCE_STOCK_LOCATION, "stock_location", "stock_locations",              \
                        RESOURCE_COLUMNS ", t.market", SAME_CODE, REFERRED_MARKET,                 \
                        FILTER ("market"), "''", ""),                                              \
        RESOURCE_WRITES (RESOURCE_STOCK_LOCATION, "stock_location", "stock_locations",             \
                         "code, name, market", "$5, $6, $7::bigint",                               \
                         "code = $5, name = $6, market = $7::bigint", ""),                         \
        RESOURCE_READS (RESOURCE_CLIENT, "client", "clients", CLIENT_COLUMNS, SAME_NOTHING,        \
                        REFERRED_MARKET, FILTER ("market"), "''", ""),                             \
        RESOURCE_WRITES (                                                                          \
            RESOURCE_CLIENT, "client", "clients",                                                  \
            "name, market, access_token_life_s, token_format, redirect_uris, scopes, jwks, kind,"  \
            " secret_digest, secret_made_at",                                                      \
            "$5, nullif ($6::bigint, 0), $7::integer, $8::smallint, string_to_array ($9, ' '),"    \
            " string_to_array ($10, ' '), nullif ($11, ''), $12::smallint, $13::bytea,"            \
            " CASE WHEN $13::bytea IS NOT NULL THEN to_timestamp ($4) END",                        \
            "name = $5, market = nullif ($6::bigint, 0), access_token_life_s = $7::integer,"       \
            " token_format = $8::smallint, redirect_uris = string_to_array ($9, ' '),"             \
            " scopes = string_to_array ($10, ' '), jwks = nullif ($11, '')",                       \
            ""),                                                                                   \
        RESOURCE_READS (RESOURCE_CUSTOMER, "customer", "customers", CUSTOMER_COLUMNS, SAME_EMAIL,  \
                        REFERRED_GROUP, CUSTOMER_FILTER, "''",                                     \
                        ", password_hash = CASE WHEN $5 = 3 THEN NULL ELSE password_hash END"),    \
        [CUSTOMER_LIST_DOWN] =                                                                     \
            RESOURCE_LISTED ("customer_list_down", "customers", CUSTOMER_COLUMNS, CUSTOMER_FILTER, \
                             "t.number", "< $1::bigint", "DESC"),                                  \
        [CUSTOMER_LIST_EMAIL] = RESOURCE_LISTED (                                                  \
            "customer_list_email", "customers", CUSTOMER_COLUMNS ", lower (t.email)",              \
            CUSTOMER_FILTER, "lower (t.email)", "> $1::text", "ASC"),                              \
        [CUSTOMER_LIST_EMAIL_DOWN] = RESOURCE_LISTED (                                             \
            "customer_list_email_down", "customers", CUSTOMER_COLUMNS ", lower (t.email)",         \
            CUSTOMER_FILTER, "lower (t.email)", "< $1::text", "DESC"),                             \
        RESOURCE_WRITES (                                                                          \
            RESOURCE_CUSTOMER, "customer", "customers", "email, customer_group, password_hash",    \
            "$5, nullif ($6::bigint, 0), CASE WHEN $8::boolean THEN $7::text END",                 \
            "email = $5, customer_group = nullif ($6::bigint, 0),"                                 \
            " password_hash = CASE WHEN $8::boolean THEN coalesce ($7::text, password_hash) END",  \
            SIGN_INS_END ("4", "$7::text IS NOT NULL OR NOT $8::boolean"))

#endif
