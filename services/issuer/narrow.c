#include "services/issuer/narrow.h"

#include "common/log/log.h"
#include "common/scope/module.h"

#include <stdio.h>
#include <string.h>

bool
narrow_check (const char *name, const char *list, struct error *error_r)
{
    while (*list) {
        char part[2 * SCOPE_MODULE_NAME_SIZE];
        struct scope_module module;
        int length = (int) strcspn (list, ",");
        int size = snprintf (part, sizeof part, "module:%.*s:read", length, list);
        if (size < 0 || (size_t) size >= sizeof part ||
            scope_module_parse (part, (size_t) size, &module) != NULL ||
            (list[length] == ',' && !list[length + 1])) {
            error_set (error_r,
                       "setting %s: must be names of modules with commas between them, such as "
                       "\"orders,addresses\"",
                       name);
            return false;
        }
        list += length + (list[length] == ',');
    }
    return true;
}

static bool
listed (const char *list, const char *name)
{
    while (*list) {
        size_t length = strcspn (list, ",");
        if (strlen (name) == length && strncmp (list, name, length) == 0)
            return true;
        list += length + (list[length] == ',');
    }
    return false;
}

bool
narrow_scopes (struct asking *asking, const char *list, enum narrow_others others)
{
    const char *may = asking->client.scopes;
    char rest[SCOPE_TEXT_MAX + 1], text[SCOPE_MODULES_FORMAT_SIZE];
    struct scope_modules modules;
    struct error error;
    if (!scope_modules_parse (may, strlen (may), &modules, rest, &error) || *rest) {
        log_error ("a client's scopes make no sense", "client", asking->message->client_id, NULL);
        token_refuse (asking, TOKEN_UNAVAILABLE, "what the client may have cannot be told");
        return false;
    }
    size_t kept = 0, had = modules.n;
    for (size_t i = 0; i < modules.n; i++) {
        struct scope_module module = modules.modules[i];
        if (!listed (list, module.name)) {
            if (others == NARROW_DROP)
                continue;
            module.access = JETON__V1__ACCESS__ACCESS_READ;
        }
        modules.modules[kept++] = module;
    }
    modules.n = kept;
    scope_modules_format (&modules, text);
    asking->client.scopes = arena_strdup (request_arena (asking->request), text);
    if (!asking->client.scopes)
        token_no_memory (asking);
    else if (kept == 0 && (had > 0 || others == NARROW_DROP))
        token_deny (asking, JETON__V1__GRANT_REASON__GRANT_REASON_SCOPE, TOKEN_INVALID_SCOPE, 0,
                    "the client may have none of the modules that such tokens reach");
    else
        return true;
    return false;
}
