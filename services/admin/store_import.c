// The database's part of an import: lists of values, each one parameter.
#include "services/admin/statements.h"
#include "services/admin/token_import.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- lists -------------------------------------------------------------------------------------------------------------

typedef struct db_item line_item (const struct import_line *line);
typedef int64_t line_number (const struct import_line *line);
typedef bool line_filter (const struct import_line *line);

static bool
any (const struct import_line *line)
{
    (void) line;
    return true;
}

static bool
accepted (const struct import_line *line)
{
    return line->token;
}

// A list of what `item` gives for each of the lines that pass, as an array; NULL: no memory.
static bool
param_items (struct request *request, struct db_params *params, const struct import *import,
             line_filter *filter, enum db_array_type type, line_item *item)
{
    struct arena *arena = request_arena (request);
    struct db_item *items = arena_alloc (arena, (import->n + 1) * sizeof *items);
    size_t n = 0;
    for (size_t i = 0; items && i < import->n; i++)
        if (filter (&import->lines[i]))
            items[n++] = item (&import->lines[i]);
    size_t size = items ? db_array_size (items, n) : 0;
    uint8_t *data = items ? arena_alloc (arena, size) : NULL;
    if (!data)
        return false;
    db_array_pack (type, items, n, data);
    db_param_bytes (params, data, size);
    return true;
}

// The same of numbers, comma-separated.
static bool
param_numbers (struct request *request, struct db_params *params, const struct import *import,
               line_filter *filter, line_number *number)
{
    enum { DIGITS = 21 };
    char *text = arena_alloc (request_arena (request), import->n * DIGITS + 1), *end = text;
    for (size_t i = 0; text && i < import->n; i++)
        if (filter (&import->lines[i]))
            end += sprintf (end, "%s%" PRId64, end > text ? "," : "", number (&import->lines[i]));
    db_param_text (params, text);
    return text;
}

static struct db_item
text_item (const char *text)
{
    return (struct db_item){text, strlen (text)};
}

static struct db_item
digest_of (const struct import_line *line)
{
    return (struct db_item){line->digest, line->digested ? sizeof line->digest : 0};
}
static struct db_item
old_digest_of (const struct import_line *line)
{
    bool there = line->digested && *line->asked->old_digest;
    return (struct db_item){there ? line->old_digest : NULL, sizeof line->old_digest};
}
static struct db_item
hash_of (const struct import_line *line)
{
    return (struct db_item){line->hash, sizeof line->hash};
}
static struct db_item
owner_name_of (const struct import_line *line)
{
    return text_item (line->named ? line->asked->owner : "");
}
static struct db_item
name_of (const struct import_line *line)
{
    return text_item (line->asked->name);
}
static struct db_item
description_of (const struct import_line *line)
{
    return text_item (line->asked->description);
}
static struct db_item
allow_list_of (const struct import_line *line)
{
    return text_item (line->allow_list);
}
static struct db_item
prefix_of (const struct import_line *line)
{
    return text_item (line->asked->prefix);
}

static int64_t
owner_of (const struct import_line *line)
{
    return line->owner;
}
static int64_t
can_be_made (const struct import_line *line)
{
    return line->digested && line->refusal.code == 0;
}
static int64_t
number_of (const struct import_line *line)
{
    return line->number;
}
static int64_t
kind_of (const struct import_line *line)
{
    return line->token->kind;
}
static int64_t
status_of (const struct import_line *line)
{
    return line->token->status;
}
static int64_t
created_at_of (const struct import_line *line)
{
    return line->token->created_at;
}
static int64_t
expires_at_of (const struct import_line *line)
{
    return line->token->expires_at;
}
static int64_t
per_minute_of (const struct import_line *line)
{
    return line->token->rate_limit ? line->token->rate_limit->per_minute : 0;
}
static int64_t
burst_of (const struct import_line *line)
{
    return line->token->rate_limit ? line->token->rate_limit->burst : 0;
}
static int64_t
grace_until_of (const struct import_line *line)
{
    return line->asked->grace_until;
}
static int64_t
rotated_at_of (const struct import_line *line)
{
    return line->asked->last_rotated_at;
}

// ---- calls -------------------------------------------------------------------------------------------------------------

void
store_import_prepare (struct request *request, const struct import *import, db_callback *callback)
{
    struct db_params account = {0}, prefixes = {0}, lines = {0};
    db_param_int (&account, import->account);
    db_param_text (&account, import->module_names);
    db_param_int (&lines, import->account);
    const struct db_step steps[] = {
        {IMPORT_ACCOUNT, &account}, {IMPORT_PREFIXES, &prefixes}, {IMPORT_LINES, &lines}};
    if (param_items (request, &prefixes, import, any, DB_TEXT, prefix_of) &&
        param_items (request, &lines, import, any, DB_BYTEA, digest_of) &&
        param_items (request, &lines, import, any, DB_BYTEA, old_digest_of) &&
        param_items (request, &lines, import, any, DB_BYTEA, hash_of) &&
        param_items (request, &lines, import, any, DB_TEXT, owner_name_of) &&
        param_numbers (request, &lines, import, any, owner_of) &&
        param_numbers (request, &lines, import, any, can_be_made))
        db_transaction (store_db (request), steps, 3, callback, request);
    else
        change_no_memory (request);
}

// Of each grant of each token: the token's number; the lists of modules and accesses are the lines' own, one after the other.
static bool
param_grants (struct request *request, struct db_params *params, const struct import *import)
{
    struct arena *arena = request_arena (request);
    size_t sizes[3] = {1, 1, 1};
    for (size_t i = 0; i < import->n; i++)
        if (import->lines[i].token) {
            const struct import_line *line = &import->lines[i];
            sizes[0] += line->asked->n_modules * sizeof "12345678";
            sizes[1] += strlen (line->numbers) + 1;
            sizes[2] += strlen (line->accesses) + 1;
        }
    char *texts[3] = {arena_alloc (arena, sizes[0]), arena_alloc (arena, sizes[1]),
                      arena_alloc (arena, sizes[2])};
    if (!texts[0] || !texts[1] || !texts[2])
        return false;
    char *ends[3] = {texts[0], texts[1], texts[2]};
    for (size_t i = 0; i < import->n; i++) {
        const struct import_line *line = &import->lines[i];
        if (!line->token || line->asked->n_modules == 0)
            continue;
        const char *comma = ends[0] > texts[0] ? "," : "";
        ends[1] = stpcpy (stpcpy (ends[1], comma), line->numbers);
        ends[2] = stpcpy (stpcpy (ends[2], comma), line->accesses);
        for (size_t j = 0; j < line->asked->n_modules; j++)
            ends[0] += sprintf (ends[0], "%s%" PRId64, ends[0] > texts[0] ? "," : "", line->number);
    }
    for (int i = 0; i < 3; i++)
        db_param_text (params, texts[i]);
    return true;
}

static bool
param_prefixes (struct request *request, struct db_params *params, const struct import *import)
{
    struct db_item items[IMPORT_TOKENS_MAX];
    for (size_t i = 0; i < import->n_prefixes; i++)
        items[i] = text_item (import->prefixes[i]);
    size_t size = db_array_size (items, import->n_prefixes);
    uint8_t *data = arena_alloc (request_arena (request), size);
    if (!data)
        return false;
    db_array_pack (DB_TEXT, items, import->n_prefixes, data);
    db_param_bytes (params, data, size);
    return true;
}

// The numbers of each token, in the order of the statement's parameters.
static line_number *const numbers[] = {
    number_of,     owner_of,      kind_of,  status_of,      created_at_of,
    expires_at_of, per_minute_of, burst_of, grace_until_of, rotated_at_of,
};

bool
store_import (struct request *request, const struct change *change, const struct import *import,
              db_callback *callback)
{
    struct db_params params = {.lock_order = import->account};
    bool room = true;
    db_param_bytes (&params, change->told, change->told_size);
    db_param_int (&params, import->account);
    db_param_int (&params, (int64_t) import->accepted);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        room = room && param_numbers (request, &params, import, accepted, numbers[i]);
    room = room && param_items (request, &params, import, accepted, DB_TEXT, name_of) &&
           param_items (request, &params, import, accepted, DB_TEXT, description_of) &&
           param_items (request, &params, import, accepted, DB_TEXT, allow_list_of) &&
           param_items (request, &params, import, accepted, DB_TEXT, prefix_of) &&
           param_items (request, &params, import, accepted, DB_BYTEA, digest_of) &&
           param_items (request, &params, import, accepted, DB_BYTEA, old_digest_of) &&
           param_items (request, &params, import, accepted, DB_BYTEA, hash_of) &&
           param_grants (request, &params, import) && param_prefixes (request, &params, import);
    if (!room)
        return false;
    db_param_int (&params, change->at);
    db_param_text (&params, change->created_by_id);
    db_param_text (&params, change->created_by_name);
    db_call (store_db (request), IMPORT, &params, callback, request);
    return true;
}

void
store_prefix_list (struct request *request, db_callback *callback)
{
    db_call (store_db (request), PREFIX_LIST, NULL, callback, request);
}

void
store_prefix_get (struct request *request, const char *prefix, db_callback *callback)
{
    struct db_params params = {0};
    db_param_text (&params, prefix);
    db_call (store_db (request), PREFIX_GET, &params, callback, request);
}

void
store_prefix_release (struct request *request, const char *prefix, db_callback *callback)
{
    // After all that changes of the same group lock; it waits for no lock itself.
    struct db_params params = {.lock_order = INT64_MAX};
    db_param_text (&params, prefix);
    db_param_int (&params, STORE_RELEASE_MAX);
    db_call (store_db (request), PREFIX_RELEASE, &params, callback, request);
}

void
store_prefix_remove (struct request *request, const struct change *change, const char *prefix,
                     db_callback *callback)
{
    struct db_params params = {.lock_order = INT64_MAX};
    db_param_bytes (&params, change->told, change->told_size);
    db_param_text (&params, prefix);
    db_call (store_db (request), PREFIX_REMOVE, &params, callback, request);
}
