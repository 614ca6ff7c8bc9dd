// ImportTokens: tokens of another system, by the digests of their values (R8, R11, R12, R37).
#include "services/admin/token_import.h"
#include "common/log/log.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/check.h"
#include "services/admin/store.h"
#include "services/admin/token.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CREATED  JETON__V1__IMPORT_OUTCOME__IMPORT_OUTCOME_CREATED
#define PRESENT  JETON__V1__IMPORT_OUTCOME__IMPORT_OUTCOME_PRESENT
#define CONFLICT JETON__V1__IMPORT_OUTCOME__IMPORT_OUTCOME_CONFLICT
#define REFUSED  JETON__V1__IMPORT_OUTCOME__IMPORT_OUTCOME_REFUSED

static void admin_import_tokens_read (void *context, enum db_outcome outcome,
                                      PGresult *const *results, const struct db_error *error);
static void admin_import_tokens_done (void *context, enum db_outcome outcome,
                                      PGresult *const *results, const struct db_error *error);

// ---- what is asked for -------------------------------------------------------------------------------------------------

static int
compare_names (const void *left, const void *right)
{
    return strcmp (*(const char *const *) left, *(const char *const *) right);
}

// The names of the modules that any line asks for, each once. NULL: the request was answered.
static char *
module_names (struct request *request, const struct import *import)
{
    size_t n = 0, unique = 0;
    for (size_t i = 0; i < import->n; i++)
        n += import->lines[i].refusal.code ? 0 : import->lines[i].asked->n_modules;
    const char **names = arena_alloc (request_arena (request), (n + 1) * sizeof *names);
    if (!names) {
        change_no_memory (request);
        return NULL;
    }
    n = 0;
    for (size_t i = 0; i < import->n; i++)
        for (size_t j = 0; !import->lines[i].refusal.code && j < import->lines[i].asked->n_modules;
             j++)
            names[n++] = import->lines[i].modules[j];
    qsort (names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp (names[i], names[unique - 1]) != 0)
            names[unique++] = names[i];
    return names_join (request, unique, names);
}

// The import as the request asks for it; NULL: the request was answered.
static struct import *
import_begin (struct request *request)
{
    const Jeton__V1__ImportTokensRequest *message = request_message (request);
    struct arena *arena = request_arena (request);
    struct import *import = arena_alloc (arena, sizeof *import);
    int64_t account;
    if (!check_id (request, "account_id", "ACC", message->account_id, &account))
        return NULL;
    if (message->n_tokens < 1 || message->n_tokens > IMPORT_TOKENS_MAX) {
        request_fail_field (request, "tokens", "must be 1 to %d", IMPORT_TOKENS_MAX);
        return NULL;
    }
    if (import) {
        import->lines = arena_alloc (arena, message->n_tokens * sizeof *import->lines);
        import->results = arena_alloc (arena, message->n_tokens * sizeof (void *));
    }
    if (!import || !import->lines || !import->results) {
        change_no_memory (request);
        return NULL;
    }
    import->account = account;
    import->dry_run = message->dry_run;
    import->n = message->n_tokens;
    for (size_t i = 0; i < import->n; i++) {
        import->lines[i].asked = message->tokens[i];
        import->results[i] = &import->lines[i].result;
        if (!import_line_check (request, &import->lines[i]))
            return NULL;
    }
    import->module_names = module_names (request, import);
    return import->module_names ? import : NULL;
}

void
admin_import_tokens (struct request *request)
{
    struct change *change = change_begin (request);
    if (!change)
        return;
    // Another attempt is made with what the first has checked. A request that was answered takes `change` with it.
    struct import *import = change->own ? change->own : import_begin (request);
    if (!import)
        return;
    change->own = import;
    import->accepted = import->n_prefixes = 0;
    store_import_prepare (request, import, admin_import_tokens_read);
}

// ---- judging -----------------------------------------------------------------------------------------------------------

// What the database has of the account, and of the owner that the line names.
struct room {
    const struct names *modules;
    int64_t limit, live;   // tokens
    int64_t prefixes;      // that there are, of all accounts
    const PGresult *known; // prefixes
    int64_t owner, owner_status;
};

// NULL: there was no memory for it.
static void
result_set (struct import_line *line, Jeton__V1__ImportOutcome outcome, const char *field,
            const char *message)
{
    line->result.outcome = outcome;
    line->result.field = (char *) (field ? field : "");
    line->result.message = (char *) (message ? message : "");
}

static bool
prefix_known (const struct import *import, const struct room *room, const char *prefix)
{
    for (int row = 0; row < PQntuples (room->known); row++)
        if (strcmp (PQgetvalue (room->known, row, 0), prefix) == 0)
            return true;
    for (size_t i = 0; i < import->n_prefixes; i++)
        if (strcmp (import->prefixes[i], prefix) == 0)
            return true;
    return false;
}

// The prefix that values of the line begin with has a place, or gets one.
static bool
guard_prefix (struct request *request, struct import *import, const struct room *room,
              const char *prefix)
{
    const struct admin *admin = request_owner (request);
    int64_t limit = admin->settings.foreign_prefixes;
    if (!*prefix || prefix_known (import, room, prefix))
        return true;
    if (room->prefixes + (int64_t) import->n_prefixes >= limit) {
        request_fail_field (request, "prefix",
                            "would be one more than the setting foreign_prefixes of jeton-admin "
                            "allows, %" PRId64,
                            limit);
        return false;
    }
    import->prefixes[import->n_prefixes++] = prefix;
    return true;
}

static bool
guard_owner (struct request *request, struct import_line *line, const struct room *room)
{
    const Jeton__V1__ImportTokensRequest *message = request_message (request);
    if (!*line->asked->owner)
        return true;
    line->owner = room->owner;
    if (room->owner == 0)
        request_fail_field (request, "owner", "is not a user of account %s", message->account_id);
    else if (room->owner_status != JETON__V1__USER_STATUS__USER_STATUS_ACTIVE)
        request_fail_field (request, "owner",
                            "is a disabled user: only an active one can own a token");
    else
        return true;
    return false;
}

// What the database says against the line.
static void
guard_line (struct request *request, struct import *import, struct import_line *line,
            const struct room *room, struct request_refusal *refusal_r)
{
    const Jeton__V1__ImportTokensRequest *message = request_message (request);
    int64_t live = room->live + (int64_t) import->accepted;
    *refusal_r = (struct request_refusal){0};
    request_capture (request, refusal_r);
    bool good =
        guard_owner (request, line, room) &&
        (line->numbers = names_numbers (request, room->modules, ".module", message->account_id,
                                        line->asked->n_modules, line->modules));
    if (good && live >= room->limit)
        request_fail_field (request, "account_id",
                            "account %s has %" PRId64 " tokens, its limit is %" PRId64
                            ": delete those that are not needed any more",
                            message->account_id, live, room->limit);
    else if (good && guard_prefix (request, import, room, line->asked->prefix))
        import->accepted++;
    request_capture (request, NULL);
}

// One that nobody has: it will be made, or is refused. False: the request was answered.
static bool
judge_new (struct request *request, struct import *import, struct import_line *line,
           const struct room *room)
{
    struct arena *arena = request_arena (request);
    struct request_refusal refusal;
    guard_line (request, import, line, room, &refusal);
    if (refusal.code == JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED) {
        change_no_memory (request);
        return false;
    }
    if (refusal.code) {
        result_set (line, REFUSED, arena_strdup (arena, refusal.field),
                    arena_strdup (arena, refusal.text));
        return true;
    }
    result_set (line, CREATED, "", "");
    if (!import->dry_run && !import_line_token (request, line))
        return false;
    if (line->token)
        line->result.id = line->token->id;
    return true;
}

// An earlier one of the request that will be made, with a digest of this one; NULL: there is none.
static const struct import_line *
made_before (const struct import *import, const struct import_line *line)
{
    for (const struct import_line *other = import->lines; other < line; other++)
        if (other->result.outcome == CREATED && import_line_shares (line, other))
            return other;
    return NULL;
}

// One line by its row. False: the request was answered.
static bool
judge (struct request *request, struct import *import, struct import_line *line, struct room *room,
       const PGresult *result)
{
    struct row row = row_of (request_arena (request), result, (int) (line - import->lines));
    char *token = row_id (&row, "TKN");
    bool same = row_bool (&row);
    line->number = row_int (&row);
    room->owner = row_int (&row);
    room->owner_status = row_int (&row);
    if (!row_good (request, &row))
        return false;
    const struct import_line *twin = NULL;
    line->token = NULL;
    jeton__v1__import_result__init (&line->result);
    line->result.id = token;
    // First of all what is done already: its time may have come in between.
    if (same)
        result_set (line, PRESENT, "", "");
    else if (line->refusal.code)
        result_set (line, REFUSED, line->refusal.field, line->refusal.text);
    else if (*token)
        result_set (line, CONFLICT, "digest",
                    arena_printf (request_arena (request), "is that of token %s", token));
    else if (!(twin = made_before (import, line)))
        return judge_new (request, import, line, room);
    else if (memcmp (line->hash, twin->hash, sizeof line->hash) != 0)
        result_set (line, CONFLICT, "digest", "another token of the same request has it");
    else
        result_set (line, PRESENT, "", "");
    if (twin)
        line->result.id = twin->result.id;
    return true;
}

// ---- writing -----------------------------------------------------------------------------------------------------------

static bool
record_add (struct request *request, struct db_item *item, struct audit_change *audit,
            const char *summary)
{
    audit->summary = summary;
    item->data = summary ? audit_pack (request, audit, &item->size) : NULL;
    if (!item->data)
        change_no_memory (request);
    return item->data;
}

// A record for each token, and for each prefix that validators are to know from now on (R36).
static bool
records_make (struct request *request, struct import *import)
{
    struct change *change = request_context (request);
    struct arena *arena = request_arena (request);
    size_t n = 0;
    struct db_item *items =
        arena_alloc (arena, (import->accepted + import->n_prefixes) * sizeof *items);
    for (size_t i = 0; items && i < import->n_prefixes; i++) {
        struct audit_change audit = {.event = "platform.tokens.prefix.registered",
                                     .object_type = "foreign_prefix",
                                     .object_id = import->prefixes[i],
                                     .object_name = import->prefixes[i],
                                     .visibility = JETON__V1__VISIBILITY__VISIBILITY_PRIVATE};
        if (!record_add (request, &items[n++], &audit,
                         arena_printf (arena,
                                       "Values that begin with %s are looked up from now on.",
                                       import->prefixes[i])))
            return false;
    }
    for (size_t i = 0; items && i < import->n; i++) {
        const Jeton__V1__Token *token = import->lines[i].token;
        if (!token)
            continue;
        struct audit_change audit = {.event = "platform.tokens.token.imported",
                                     .object_type = "token",
                                     .object_id = token->id,
                                     .object_name = token->name,
                                     .account_id = token->account_id,
                                     .revision = token->revision,
                                     .after = &token->base};
        if (!record_add (
                request, &items[n++], &audit,
                arena_printf (arena, "Token %s (%s) was imported.", token->id, token->name)))
            return false;
    }
    uint8_t *told = items ? arena_alloc (arena, db_array_size (items, n)) : NULL;
    if (!told) {
        change_no_memory (request);
        return false;
    }
    db_array_pack (DB_BYTEA, items, n, told);
    change->told = told;
    change->told_size = db_array_size (items, n);
    return true;
}

static void
import_reply (struct request *request, const struct import *import)
{
    Jeton__V1__ImportTokensReply reply = JETON__V1__IMPORT_TOKENS_REPLY__INIT;
    reply.results = import->results;
    reply.n_results = import->n;
    request_reply (request, &reply.base);
}

static void
admin_import_tokens_read (void *context, enum db_outcome outcome, PGresult *const *results,
                          const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__ImportTokensRequest *message = request_message (request);
    struct change *change = request_context (request);
    struct import *import = change->own;
    if (!change_read (request, outcome, error))
        return;
    if (PQntuples (results[0]) == 0) {
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no account %s",
                      message->account_id);
        return;
    }
    struct row row = row_of (request_arena (request), results[0], 0);
    struct room room = {.limit = row_int (&row), .known = results[1]};
    room.live = row_int (&row);
    room.prefixes = row_int (&row);
    if (!(room.modules = names_read (request, &row)))
        return;
    change->account = import->account;
    // One word for all of them, whatever validators hold of the account.
    change->told_to_validators = (struct feed_change){JETON__V1__CHANGE_KIND__CHANGE_KIND_ACCOUNT,
                                                      import->account, import->account};
    for (size_t i = 0; i < import->n; i++)
        if (!judge (request, import, &import->lines[i], &room, results[2]))
            return;
    if (import->accepted == 0 || import->dry_run)
        import_reply (request, import);
    else if (records_make (request, import) &&
             !store_import (request, change, import, admin_import_tokens_done))
        change_no_memory (request);
}

static void
admin_import_tokens_done (void *context, enum db_outcome outcome, PGresult *const *results,
                          const struct db_error *error)
{
    struct request *request = context;
    const struct change *change = request_context (request);
    struct import *import = change->own;
    const Jeton__V1__ImportTokensRequest *message = request_message (request);
    switch (change_end (request, outcome, results, error)) {
    case CHANGE_DONE: {
        char text[24];
        snprintf (text, sizeof text, "%zu", import->accepted);
        log_info ("tokens imported", "request", request_correlation (request), "account",
                  message->account_id, "tokens", text, "actor", change->created_by_id, NULL);
        import_reply (request, import);
        break;
    }
    case CHANGE_OVERTAKEN:
        admin_import_tokens (request);
        break;
    case CHANGE_ANSWERED:
        break;
    }
}
