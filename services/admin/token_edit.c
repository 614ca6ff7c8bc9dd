// EditToken: what a token is called, may do, and from where (R7, R10). Of two who edit what both have seen, one wins.
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/names.h"
#include "services/admin/store.h"
#include "services/admin/token.h"
#include <stdio.h>
#include <string.h>

// What can be edited; as many bits.
enum field { NAME, DESCRIPTION, EXPIRES_AT, MODULES, ALLOW_LIST, RATE_LIMIT, FIELDS };
static const char *const field_names[FIELDS] = {
    [NAME] = "name",       [DESCRIPTION] = "description", [EXPIRES_AT] = "expires_at",
    [MODULES] = "modules", [ALLOW_LIST] = "allow_list",   [RATE_LIMIT] = "rate_limit",
};

// An edit under way: the change's own.
struct edit {
    unsigned fields;      // bits of enum field
    char what[128];       // "edited: name, modules"
    const char **modules; // their names
    struct store_token_edit new;
};

static bool
has (const struct edit *edit, enum field field)
{
    return edit->fields & 1u << field;
}

static bool
check_fields (struct request *request, const Jeton__V1__EditTokenRequest *message,
              struct edit *edit)
{
    if (message->n_fields == 0) {
        request_fail_field (request, "fields", "must name what is edited");
        return false;
    }
    size_t length = (size_t) snprintf (edit->what, sizeof edit->what, "edited");
    for (size_t i = 0; i < message->n_fields; i++) {
        unsigned field = 0;
        char path[64];
        while (field < FIELDS && strcmp (message->fields[i], field_names[field]) != 0)
            field++;
        if (field == FIELDS || has (edit, field)) {
            snprintf (path, sizeof path, "fields[%zu]", i);
            request_fail_field (request, path, "%s",
                                field < FIELDS ? "is there twice"
                                               : "must be name, description, expires_at, modules, "
                                                 "allow_list or rate_limit");
            return false;
        }
        edit->fields |= 1u << field;
        length += (size_t) snprintf (edit->what + length, sizeof edit->what - length, "%s%s",
                                     i == 0 ? ": " : ", ", field_names[field]);
    }
    return true;
}

static bool
check_message (struct request *request, const Jeton__V1__EditTokenRequest *message,
               struct edit *edit)
{
    if (message->revision < 1) {
        request_fail_field (request, "revision",
                            "must be the revision of the token that you have seen");
        return false;
    }
    size_t modules = has (edit, MODULES) ? message->n_modules : 0;
    size_t networks = has (edit, ALLOW_LIST) ? message->n_allow_list : 0;
    return (!has (edit, NAME) || check_name (request, "name", message->name)) &&
           (!has (edit, DESCRIPTION) ||
            check_description (request, "description", message->description)) &&
           (!has (edit, EXPIRES_AT) || token_check_expiry (request, message->expires_at)) &&
           token_check_grants (request, modules, message->modules, &edit->modules,
                               &edit->new.accesses) &&
           token_check_allow_list (request, networks, message->allow_list, &edit->new.allow_list) &&
           (!has (edit, RATE_LIMIT) ||
            check_rate_limit (request, "rate_limit", message->rate_limit));
}

static void admin_edit_token_read (void *context, enum db_outcome outcome, PGresult *const *results,
                                   const struct db_error *error);
static void admin_edit_token_done (void *context, enum db_outcome outcome, PGresult *const *results,
                                   const struct db_error *error);

void
admin_edit_token (struct request *request)
{
    const Jeton__V1__EditTokenRequest *message = request_message (request);
    int64_t number;
    if (!check_id (request, "id", "TKN", message->id, &number))
        return;
    struct change *change = change_begin (request);
    if (!change)
        return;
    change->number = number;
    struct edit *edit = change->own = arena_alloc (request_arena (request), sizeof *edit);
    if (!edit) {
        change_no_memory (request);
        return;
    }
    if (!check_fields (request, message, edit) || !check_message (request, message, edit))
        return;
    char *names = names_join (request, has (edit, MODULES) ? message->n_modules : 0, edit->modules);
    if (names)
        store_token_edit_prepare (request, number, names, edit->new.accesses,
                                  admin_edit_token_read);
}

// What depends on the token as it is.
static bool
guard_token (struct request *request, const Jeton__V1__Token *token)
{
    const Jeton__V1__EditTokenRequest *message = request_message (request);
    const struct edit *edit = ((const struct change *) request_context (request))->own;
    bool personal = token->kind == JETON__V1__TOKEN_KIND__TOKEN_KIND_PERSONAL;
    bool lasting = personal || token->kind == JETON__V1__TOKEN_KIND__TOKEN_KIND_SERVICE;
    if (!token_check_revision (request, token, message->revision))
        return false;
    if (has (edit, MODULES) && personal && message->n_modules > 0)
        request_fail_field (request, "modules",
                            "must be none for a personal token: it reaches what its account may");
    else if (has (edit, MODULES) && !personal && message->n_modules == 0)
        request_fail_field (request, "modules", "must be at least one, but for a personal token");
    else if (has (edit, EXPIRES_AT) && !lasting && message->expires_at == 0)
        request_fail_field (request, "expires_at", "is required: a base or test token expires");
    else
        return true;
    return false;
}

static void
edit_apply (const struct edit *edit, const Jeton__V1__EditTokenRequest *message,
            Jeton__V1__Token *token)
{
    if (has (edit, NAME))
        token->name = message->name;
    if (has (edit, DESCRIPTION))
        token->description = message->description;
    if (has (edit, EXPIRES_AT))
        token->expires_at = message->expires_at;
    if (has (edit, MODULES)) {
        token->n_modules = message->n_modules;
        token->modules = message->modules;
    }
    if (has (edit, ALLOW_LIST)) {
        token->n_allow_list = message->n_allow_list;
        token->allow_list = message->allow_list;
    }
    if (has (edit, RATE_LIMIT))
        token->rate_limit = message->rate_limit;
    view_flags (token);
}

static void
admin_edit_token_read (void *context, enum db_outcome outcome, PGresult *const *results,
                       const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__EditTokenRequest *message = request_message (request);
    struct change *change = request_context (request);
    struct edit *edit = change->own;
    struct row row;
    Jeton__V1__Token *before = token_read (request, message->id, outcome, results, &row, error);
    if (!before || !guard_token (request, before))
        return;
    Jeton__V1__Token *after = token_after (request, before);
    if (!after)
        return;
    edit->new.modules = names_match (request, &row, ".module", before->account_id,
                                     has (edit, MODULES) ? message->n_modules : 0, edit->modules);
    if (!edit->new.modules)
        return;
    edit_apply (edit, message, after);
    edit->new.grants = has (edit, MODULES);
    if (!has (edit, ALLOW_LIST))
        edit->new.allow_list =
            names_join (request, after->n_allow_list, (const char *const *) after->allow_list);
    if (edit->new.allow_list && token_record (request, before, after, "edited", edit->what))
        store_token_edit (request, change, after, &edit->new, admin_edit_token_done);
}

static void
admin_edit_token_done (void *context, enum db_outcome outcome, PGresult *const *results,
                       const struct db_error *error)
{
    change_finish (context, outcome, results, error, "token edited", admin_edit_token);
}
