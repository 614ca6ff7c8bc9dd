#include "services/admin/view.h"
#include "common/db/db.h"
#include "common/log/log.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/change.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char nothing[] = "";

struct row
row_of (struct arena *arena, const PGresult *result, int row)
{
    return (struct row){.arena = arena, .result = result, .row = row};
}

int64_t
row_int (struct row *row)
{
    int64_t value = 0;
    if (!db_get_int (row->result, row->row, row->column++, &value))
        row->wrong = true;
    return value;
}

int64_t
row_number (struct row *row)
{
    int64_t number = row_int (row);
    if (number >= 1 && number <= ID_NUMBER_MAX)
        return number;
    row->wrong = true;
    return 0;
}

bool
row_bool (struct row *row)
{
    bool value = false;
    if (!db_get_bool (row->result, row->row, row->column++, &value))
        row->wrong = true;
    return value;
}

char *
row_text (struct row *row)
{
    const char *text;
    if (!db_get_text (row->result, row->row, row->column++, &text)) {
        row->wrong = true;
        return nothing;
    }
    char *copy = arena_strdup (row->arena, text);
    if (!copy)
        row->full = true;
    return copy ? copy : nothing;
}

char *
row_id (struct row *row, const char *prefix)
{
    int64_t number = row_int (row);
    if (number == 0)
        return nothing;
    char *id = arena_alloc (row->arena, ID_SIZE);
    if (number < 0 || number > ID_NUMBER_MAX)
        row->wrong = true;
    else if (!id)
        row->full = true;
    else {
        id_format (prefix, number, id);
        return id;
    }
    return nothing;
}

char **
row_list (struct row *row, size_t *n_r)
{
    char *text = row_text (row);
    size_t n = *text ? 1 : 0;
    for (const char *p = text; (p = strchr (p, ',')); p++)
        n++;
    char **list = arena_alloc (row->arena, (n + 1) * sizeof *list);
    *n_r = 0;
    if (!list) {
        row->full = true;
        return NULL;
    }
    for (char *rest = text; *n_r < n;)
        list[(*n_r)++] = strsep (&rest, ",");
    return list;
}

bool
row_good (struct request *request, const struct row *row)
{
    if (!row->wrong && !row->full)
        return true;
    if (row->wrong) {
        log_error ("stored row is not of the form it should have", "request",
                   request_correlation (request), "method", request_method (request), NULL);
        request_fail (request, JETON__V1__CODE__CODE_DATA_LOSS,
                      "what is stored does not hold together: the log of jeton-admin tells more "
                      "under request %s",
                      request_correlation (request));
    } else
        change_no_memory (request);
    return false;
}

void *
row_object (struct request *request, const char *noun, const char *id, row_view *view,
            struct row *row)
{
    if (PQntuples (row->result) == 0) {
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no %s %s", noun, id);
        return NULL;
    }
    ProtobufCMessage *object = view (row);
    return row_good (request, row) ? object : NULL;
}

void *
row_alloc (struct row *row, size_t size)
{
    void *room = arena_alloc (row->arena, size);
    if (!room)
        row->full = true;
    return room;
}

// Two columns; 0 where there is none.
static Jeton__V1__RateLimit *
view_rate_limit (struct row *row)
{
    Jeton__V1__RateLimit *view = row_alloc (row, sizeof *view);
    if (!view)
        return NULL;
    jeton__v1__rate_limit__init (view);
    view->per_minute = (uint32_t) row_int (row);
    view->burst = (uint32_t) row_int (row);
    return view->per_minute ? view : NULL;
}

ProtobufCMessage *
view_account (struct row *row)
{
    Jeton__V1__Account *view = row_alloc (row, sizeof *view);
    if (!view)
        return NULL;
    jeton__v1__account__init (view);
    view->id = row_id (row, "ACC");
    view->name = row_text (row);
    view->status = (Jeton__V1__AccountStatus) row_int (row);
    view->revision = row_int (row);
    view->created_at = row_int (row);
    view->token_limit = (int32_t) row_int (row);
    view->modules = row_list (row, &view->n_modules);
    view->rate_limit = view_rate_limit (row);
    view->base_rate_limit = view_rate_limit (row);
    return &view->base;
}

ProtobufCMessage *
view_user (struct row *row)
{
    Jeton__V1__User *view = row_alloc (row, sizeof *view);
    if (!view)
        return NULL;
    jeton__v1__user__init (view);
    view->id = row_id (row, "USR");
    view->account_id = row_id (row, "ACC");
    view->username = row_text (row);
    view->name = row_text (row);
    view->role = (Jeton__V1__UserRole) row_int (row);
    view->status = (Jeton__V1__UserStatus) row_int (row);
    view->revision = row_int (row);
    view->created_at = row_int (row);
    return &view->base;
}

ProtobufCMessage *
view_module (struct row *row)
{
    Jeton__V1__Module *view = row_alloc (row, sizeof *view);
    if (!view)
        return NULL;
    jeton__v1__module__init (view);
    view->id = row_id (row, "MOD");
    view->name = row_text (row);
    view->title = row_text (row);
    view->created_at = row_int (row);
    view->revision = row_int (row);
    return &view->base;
}

// "orders:2,stock:1" as grants.
static Jeton__V1__ModuleGrant **
view_grants (struct row *row, size_t *n_r)
{
    size_t n;
    char **list = row_list (row, &n);
    Jeton__V1__ModuleGrant *grants = arena_alloc (row->arena, (n + 1) * sizeof *grants);
    Jeton__V1__ModuleGrant **pointers = arena_alloc (row->arena, (n + 1) * sizeof *pointers);
    *n_r = 0;
    if (!list || !grants || !pointers) {
        row->full = true;
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        char *access = strchr (list[i], ':');
        if (!access || (access[1] != '1' && access[1] != '2')) {
            row->wrong = true;
            return pointers;
        }
        *access = '\0';
        jeton__v1__module_grant__init (&grants[i]);
        grants[i].module = list[i];
        grants[i].access =
            access[1] == '2' ? JETON__V1__ACCESS__ACCESS_WRITE : JETON__V1__ACCESS__ACCESS_READ;
        pointers[i] = &grants[i];
    }
    *n_r = n;
    return pointers;
}

static Jeton__V1__Actor *
view_actor (struct row *row)
{
    Jeton__V1__Actor *view = row_alloc (row, sizeof *view);
    if (!view)
        return NULL;
    jeton__v1__actor__init (view);
    view->id = row_text (row);
    view->name = row_text (row);
    return view;
}

// "image/png,0123…,4567"; nothing where there is none.
Jeton__V1__Logo *
view_logo (struct row *row)
{
    enum { PARTS = 3, SIZE_MAX_DIGITS = 9 };
    size_t n;
    char **list = row_list (row, &n), *end = NULL;
    Jeton__V1__Logo *view = n > 0 ? row_alloc (row, sizeof *view) : NULL;
    if (!list || !view)
        return NULL;
    if (n != PARTS || strlen (list[2]) > SIZE_MAX_DIGITS) {
        row->wrong = true;
        return NULL;
    }
    jeton__v1__logo__init (view);
    view->content_type = list[0];
    view->digest = list[1];
    view->size = (uint32_t) strtoul (list[2], &end, 10);
    row->wrong = row->wrong || view->size == 0 || *end;
    return view;
}

ProtobufCMessage *
view_token (struct row *row)
{
    Jeton__V1__Token *view = row_alloc (row, sizeof *view);
    if (!view)
        return NULL;
    jeton__v1__token__init (view);
    view->id = row_id (row, "TKN");
    view->account_id = row_id (row, "ACC");
    view->owner_id = row_id (row, "USR");
    view->name = row_text (row);
    view->description = row_text (row);
    view->kind = (Jeton__V1__TokenKind) row_int (row);
    view->environment = (Jeton__V1__Environment) row_int (row);
    view->status = (Jeton__V1__TokenStatus) row_int (row);
    view->created_by = view_actor (row);
    view->created_at = row_int (row);
    view->updated_at = row_int (row);
    view->expires_at = row_int (row);
    view->last_access_at = row_int (row);
    view->revision = row_int (row);
    view->modules = view_grants (row, &view->n_modules);
    view->allow_list = row_list (row, &view->n_allow_list);
    view->rate_limit = view_rate_limit (row);
    view->last_rotated_at = row_int (row);
    view->grace_until = row_int (row);
    view->revealable = row_bool (row);
    view->logo = view_logo (row);
    if (view->grace_until <= time (NULL))
        view->grace_until = 0;
    view_flags (view);
    return &view->base;
}

ProtobufCMessage *
view_portable_token (struct row *row)
{
    static char algorithm[] = "sha-256";
    Jeton__V1__PortableToken *view = row_alloc (row, sizeof *view);
    if (!view)
        return NULL;
    jeton__v1__portable_token__init (view);
    row->column = 1;
    view->account_id = row_id (row, "ACC");
    view->digest = row_text (row);
    view->algorithm = algorithm;
    view->prefix = row_text (row);
    view->name = row_text (row);
    view->description = row_text (row);
    view->kind = (Jeton__V1__TokenKind) row_int (row);
    view->modules = view_grants (row, &view->n_modules);
    view->owner = row_text (row);
    view->expires_at = row_int (row);
    view->allow_list = row_list (row, &view->n_allow_list);
    view->rate_limit = view_rate_limit (row);
    view->status = (Jeton__V1__TokenStatus) row_int (row);
    view->created_at = row_int (row);
    view->old_digest = row_text (row);
    view->grace_until = row_int (row);
    view->last_rotated_at = row_int (row);
    return &view->base;
}

void
view_flags (Jeton__V1__Token *token)
{
    int64_t now = time (NULL);
    int64_t rotated_at = token->last_rotated_at ? token->last_rotated_at : token->created_at;
    bool past = token->expires_at != 0 && token->expires_at <= now;
    token->expired = past && token->status == JETON__V1__TOKEN_STATUS__TOKEN_STATUS_ACTIVE;
    token->expiring = token->expires_at != 0 && !past && token->expires_at <= now + VIEW_EXPIRING_S;
    token->unrotated = rotated_at <= now - VIEW_UNROTATED_S;
}

ProtobufCMessage *
view_foreign_prefix (struct row *row)
{
    Jeton__V1__ForeignPrefix *prefix = row_alloc (row, sizeof *prefix);
    if (!prefix)
        return NULL;
    jeton__v1__foreign_prefix__init (prefix);
    prefix->prefix = row_text (row);
    prefix->created_at = row_int (row);
    prefix->tokens = row_int (row);
    return &prefix->base;
}
