// An import under way: what its files share (token_import.c, token_import_line.c, store_import.c).
#ifndef JETON_ADMIN_TOKEN_IMPORT_H
#define JETON_ADMIN_TOKEN_IMPORT_H

#include "admin.pb-c.h"
#include "common/rpc/request.h"
#include "common/token/value.h"
#include "services/admin/change.h"
#include "services/admin/names.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IMPORT_TOKENS_MAX = 500,
    IMPORT_LINE_HASH_SIZE = 32,
    FOREIGN_PREFIX_MIN = 4,
    FOREIGN_PREFIX_MAX = 32
};

// One token of the request.
struct import_line {
    Jeton__V1__PortableToken *asked;
    struct request_refusal refusal; // what its own checks found; code 0: nothing
    bool digested;                  // its digest is one
    uint8_t digest[TOKEN_DIGEST_SIZE], old_digest[TOKEN_DIGEST_SIZE];
    uint8_t hash[IMPORT_LINE_HASH_SIZE]; // of all that is asked for
    const char **modules;                // their names
    char *accesses, *numbers;            // comma-separated: "1,2"; of the modules
    char *allow_list;                    // comma-separated
    int64_t owner;                       // number; 0: none, or not known yet
    bool named;                          // the owner is given by the user name
    Jeton__V1__Token *token;             // as it will be; NULL: it will not
    int64_t number;
    Jeton__V1__ImportResult result;
};

// The change's own.
struct import {
    int64_t account;
    bool dry_run;
    size_t n;
    struct import_line *lines;
    Jeton__V1__ImportResult **results; // of the lines: what the reply holds
    char *module_names;                // of all lines together, comma-separated
    // What will be written.
    size_t accepted;
    size_t n_prefixes;
    const char *prefixes[IMPORT_TOKENS_MAX]; // that are new
};

// import_line_check (request, line): All that can be told without the database; a refusal goes into line->refusal. False: the request was answered.
bool import_line_check (struct request *request, struct import_line *line)
    __attribute__ ((warn_unused_result));

// import_line_shares (line, other): Has one a digest of the other's? Both were checked.
bool import_line_shares (const struct import_line *line, const struct import_line *other);

// import_line_token (request, line): line->token, of line->number. False: the request was answered.
bool import_line_token (struct request *request, struct import_line *line)
    __attribute__ ((warn_unused_result));

// store_import_prepare (request, import, callback): Three results. One row of the account, none when there is no such: its limit of tokens, and how many
// it has; its modules (names_read); how many foreign prefixes there are. The prefixes of the lines that there are already. A row for each line, in
// order: the token that has one of its digests, or 0; was that imported as this very line; the number for a new token, or 0 where there can be none; the
// owner's number and status, 0 where there is no such user of the account.
void store_import_prepare (struct request *request, const struct import *import,
                           db_callback *callback);

// store_import (request, change, import, records, callback): One row when the tokens that have numbers were made; none when the account has no room for
// them any more, or a module or owner cannot be given any more. `records` is a bytea[]. False: the request was answered.
bool store_import (struct request *request, const struct change *change,
                   const struct import *import, db_callback *callback)
    __attribute__ ((warn_unused_result));

#endif
