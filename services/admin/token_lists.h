// The statements of lists of tokens (R9, R31): rows of statements.c's table.
//
// Their parameters: $1 is the account, 0 for all; $2 to $8 are filters, as struct store_token_filter has them; $9 is the number of the last row
// of the page before, $10 the limit, $11 the number of the last row to look at; $12 and $13 are what these two are sorted by. A page is read from an
// index of the account's tokens in that order, from one to the other: the filters are looked at on the way. They are one expression, of which
// the planner assumes that half of the rows pass: from the odds of each it would conclude that hardly any does, and rather read and sort all.
#ifndef JETON_ADMIN_TOKEN_LISTS_H
#define JETON_ADMIN_TOKEN_LISTS_H

// clang-format off
#define FILTERS                                                                                    \
    " AND coalesce (($2::smallint = 0 OR t.status = $2) AND ($3::smallint = 0 OR t.kind = $3)"     \
    " AND ($4::text = '' OR EXISTS (SELECT FROM token_modules g JOIN modules m ON m.number = g.module" \
    "  WHERE g.token = t.number AND m.name = $4))"                                                 \
    " AND ($5::text = '' OR t.created_by_id = $5)"                                                 \
    " AND ($6::text = '' OR position (lower ($6) IN lower (t.name)) > 0"                           \
    "  OR position (lower ($6) IN lower (t.description)) > 0)"                                     \
    " AND ($7::bigint = 0 OR (t.expires_at > now () AND t.expires_at <= to_timestamp ($7::bigint)))" \
    " AND ($8::bigint = 0 OR coalesce (t.last_rotated_at, t.created_at) <= to_timestamp ($8::bigint)), false)"

// What rows are sorted by, as parameters. '' of a time is none, as the index has it.
#define KEY_NAME(parameter) parameter "::text COLLATE \"C\""
#define KEY_TIME(parameter, none)                                                                  \
    "CASE " parameter "::text WHEN '' THEN timestamptz '" none "'"                                 \
    " ELSE timestamptz 'epoch' + " parameter "::bigint * interval '1 microsecond' END"
#define KEY_ACCESS(parameter) KEY_TIME (parameter, "-infinity")
#define KEY_EXPIRY(parameter) KEY_TIME (parameter, "infinity")

// Of each list, in both directions: the page, and the row after $4 - 1 others, of those that are looked at from $2 (and $5) to $3 (and $6).
#define LISTS(ID, name, index, shown, KEY)                                                         \
    [TOKEN_LIST_##ID] = LIST (name, index, shown, KEY, ">", "<=", "ASC"),                          \
    [TOKEN_LIST_##ID##_DOWN] = LIST (name "_down", index, shown, KEY, "<", ">=", "DESC"),          \
    [TOKEN_BOUND_##ID] = BOUND (name "_bound", index, shown, KEY, ">", "<=", "ASC"),               \
    [TOKEN_BOUND_##ID##_DOWN] = BOUND (name "_bound_down", index, shown, KEY, "<", ">=", "DESC")
#define LIST(name, index, shown, KEY, after, until, direction)                                     \
    {name,                                                                                         \
     "SELECT " TOKEN_COLUMNS ", " shown " FROM tokens t WHERE t.account = $1::bigint AND t.status <> 3" FILTERS \
     " AND (" index ", t.number) " after " (" KEY ("$12") ", $9::bigint)"                          \
     " AND (" index ", t.number) " until " (" KEY ("$13") ", $11::bigint)"                         \
     " ORDER BY " index " " direction ", t.number " direction " LIMIT $10::bigint", false}
#define BOUND(name, index, shown, KEY, after, until, direction)                                    \
    {name,                                                                                         \
     "SELECT t.number, " shown " FROM tokens t WHERE t.account = $1::bigint AND t.status <> 3"     \
     " AND (" index ", t.number) " after " (" KEY ("$5") ", $2::bigint)"                           \
     " AND (" index ", t.number) " until " (" KEY ("$6") ", $3::bigint)"                           \
     " ORDER BY " index " " direction ", t.number " direction " OFFSET $4::bigint - 1 LIMIT 1", false}

// The same by creation, which is by number. `PLACE` makes what places are compared by of a number: with the account in it, so that the primary key,
// which would lead through the tokens of all accounts, is no way to find them.
#define PLACE_OF_ACCOUNT(account, number) "(" account ", " number ")"
#define PLACE_OF_ALL(account, number) number
#define LISTS_BY_NUMBER(ID, name, whose, PLACE)                                                    \
    [TOKEN_LIST_##ID] = LIST_BY_NUMBER (name, whose, PLACE, ">", "<=", "ASC"),                     \
    [TOKEN_LIST_##ID##_DOWN] = LIST_BY_NUMBER (name "_down", whose, PLACE, "<", ">=", "DESC"),     \
    [TOKEN_BOUND_##ID] = BOUND_BY_NUMBER (name "_bound", whose, PLACE, ">", "<=", "ASC"),          \
    [TOKEN_BOUND_##ID##_DOWN] = BOUND_BY_NUMBER (name "_bound_down", whose, PLACE, "<", ">=", "DESC")
#define BETWEEN(PLACE, after, from, until, to)                                                     \
    " AND " PLACE ("t.account", "t.number") " " after " " PLACE ("$1::bigint", from "::bigint")    \
    " AND " PLACE ("t.account", "t.number") " " until " " PLACE ("$1::bigint", to "::bigint")
#define LIST_BY_NUMBER(name, whose, PLACE, after, until, direction)                                \
    {name,                                                                                         \
     "SELECT " TOKEN_COLUMNS " FROM tokens t WHERE " whose " AND t.status <> 3" FILTERS            \
     BETWEEN (PLACE, after, "$9", until, "$11") " ORDER BY t.number " direction " LIMIT $10::bigint", false}
#define BOUND_BY_NUMBER(name, whose, PLACE, after, until, direction)                               \
    {name,                                                                                         \
     "SELECT t.number FROM tokens t WHERE " whose " AND t.status <> 3"                             \
     BETWEEN (PLACE, after, "$2", until, "$3")                                                     \
     " ORDER BY t.number " direction " OFFSET $4::bigint - 1 LIMIT 1", false}

#define TOKEN_LIST_STATEMENTS                                                                      \
    LISTS_BY_NUMBER (ALL, "token_list", "$1::bigint = 0", PLACE_OF_ALL),                           \
    LISTS_BY_NUMBER (CREATED, "token_list_created", "t.account = $1::bigint", PLACE_OF_ACCOUNT),   \
    LISTS (NAME, "token_list_name", "lower (t.name) COLLATE \"C\"", "lower (t.name)", KEY_NAME),   \
    LISTS (ACCESS, "token_list_access", "coalesce (t.last_access_at, '-infinity')", MICROSECONDS ("t.last_access_at"), KEY_ACCESS), \
    LISTS (EXPIRY, "token_list_expiry", "coalesce (t.expires_at, 'infinity')", MICROSECONDS ("t.expires_at"), KEY_EXPIRY), \
    [TOKEN_LIST_ONE] = {"token_list_one",                                                          \
        "SELECT " TOKEN_COLUMNS " FROM tokens t WHERE t.number = $9::bigint AND ($1::bigint = 0 OR t.account = $1)" \
        " AND t.status <> 3" FILTERS, false},                                                      \
    [TOKEN_COUNT] = {"token_count",                                                                \
        "SELECT count (*) FROM tokens t WHERE ($1::bigint = 0 OR t.account = $1) AND ($9::bigint = 0 OR t.number = $9)" \
        " AND t.status <> 3" FILTERS, false}
// clang-format on

#endif
