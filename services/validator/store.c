#include "services/validator/store.h"

#include "common/caller/keys.h"
#include "common/log/log.h"
#include "common/memory/memory.h"

#include <stdlib.h>
#include <string.h>

enum { TOKEN_FACTS, USER_FACTS };

// Grants come as one text, "orders 1 t,stock 2 f": module, access, enabled.
// clang-format off
#define GRANT_TEXT(access) "m.name || ' ' || " access " || ' ' || am.enabled"
#define ACCOUNT_GRANTS(account)                                                                    \
    "(SELECT string_agg(" GRANT_TEXT ("'2'") ", ',') FROM account_modules am"                      \
    "  JOIN modules m ON m.number = am.module WHERE am.account = " account ")"

const struct db_statement store_statements[] = {
[TOKEN_FACTS] = {"token_facts",
    "SELECT t.number, t.account, coalesce(t.owner, 0),"
    // Only what has no end is 0, which means "never"; so it is with the end of the grace period below.
    " CASE WHEN t.expires_at IS NULL THEN 0"
    "  ELSE greatest(floor(extract(epoch FROM t.expires_at)), 1)::bigint END,"
    " t.kind, t.environment, t.status, a.status, coalesce(u.status, 1),"
    // A personal token reaches all that its account is authorised for (R1).
    " CASE WHEN t.kind = 1 THEN " ACCOUNT_GRANTS ("t.account") " ELSE"
    "  (SELECT string_agg(" GRANT_TEXT ("g.access") ", ',') FROM token_modules g"
    "   JOIN modules m ON m.number = g.module"
    "   JOIN account_modules am ON am.account = t.account AND am.module = g.module"
    "   WHERE g.token = t.number) END,"
    " array_to_string(t.allow_list, ','),"
    " CASE WHEN t.digest = $1 THEN 0"
    "  ELSE greatest(floor(extract(epoch FROM t.grace_until)), 1)::bigint END"
    " FROM tokens t JOIN accounts a ON a.number = t.account"
    " LEFT JOIN users u ON u.number = t.owner"
    // The current value, else the one before: two looks at an index each.
    " WHERE t.number = (SELECT number FROM tokens WHERE digest = $1"
    "  UNION ALL SELECT number FROM tokens WHERE old_digest = $1 LIMIT 1)", false},

[USER_FACTS] = {"user_facts",
    "SELECT 0, u.account, u.number, 0, 0, 0, 1, a.status, u.status, " ACCOUNT_GRANTS ("u.account") ","
    " '', 0 FROM users u JOIN accounts a ON a.number = u.account WHERE u.number = $1"
    " AND u.status <> 3", false},

[STORE_PUBLIC_KEYS] = {"public_keys", KEYS_SQL, false},

{NULL, NULL, false}};
// clang-format on

struct facts_call {
    store_facts_callback *callback;
    void *context;
};

// "orders 1 t" → a grant. The database's word is checked like any other.
static bool
grant_parse (const char *text, size_t length, struct grant *grant_r)
{
    const char *blank = memchr (text, ' ', length);
    size_t name = blank ? (size_t) (blank - text) : 0;
    if (name == 0 || name >= MODULE_NAME_SIZE || length < name + 4 || blank[2] != ' ')
        return false;
    char access = blank[1], enabled = blank[3];
    if ((access != '1' && access != '2') || (enabled != 't' && enabled != 'f'))
        return false;
    memcpy (grant_r->module, text, name);
    grant_r->module[name] = '\0';
    grant_r->access = (uint8_t) (access - '0');
    grant_r->enabled = enabled == 't';
    return true;
}

static bool
grants_parse (const char *text, struct facts *facts, size_t room)
{
    while (*text != '\0') {
        size_t length = strcspn (text, ",");
        if (facts->ngrants == room || !grant_parse (text, length, &facts->grants[facts->ngrants]))
            return false;
        facts->ngrants++;
        text += length;
        if (*text == ',')
            text++;
    }
    return true;
}

// "192.0.2.0/24,2001:db8::/32"
static bool
allowed_parse (const char *text, struct facts *facts)
{
    while (*text != '\0') {
        char network[CIDR_TEXT_SIZE];
        size_t length = strcspn (text, ",");
        if (facts->nallowed == FACTS_ALLOWED_MAX || length >= sizeof network)
            return false;
        memcpy (network, text, length);
        network[length] = '\0';
        if (!cidr_parse (network, &facts->allowed[facts->nallowed++]))
            return false;
        text += length + (text[length] == ',');
    }
    return true;
}

static bool
get_small (const PGresult *result, int column, uint8_t *value_r)
{
    int64_t value;
    if (!db_get_int (result, 0, column, &value) || value < 0 || value > 255)
        return false;
    *value_r = (uint8_t) value;
    return true;
}

static struct facts *
facts_from_row (const PGresult *result)
{
    const char *grants = "", *allowed;
    if (!PQgetisnull (result, 0, 9) && !db_get_text (result, 0, 9, &grants))
        return NULL;
    size_t room = 1;
    for (const char *p = grants; *p != '\0'; p++)
        room += *p == ',';
    if (room > FACTS_GRANTS_MAX)
        return NULL;

    struct facts *facts = xcalloc (1, sizeof *facts + room * sizeof facts->grants[0]);
    if (db_get_int (result, 0, 0, &facts->token) && db_get_int (result, 0, 1, &facts->account) &&
        db_get_int (result, 0, 2, &facts->user) && db_get_int (result, 0, 3, &facts->expires_at) &&
        get_small (result, 4, &facts->kind) && get_small (result, 5, &facts->environment) &&
        get_small (result, 6, &facts->token_status) &&
        get_small (result, 7, &facts->account_status) &&
        get_small (result, 8, &facts->user_status) && grants_parse (grants, facts, room) &&
        db_get_text (result, 0, 10, &allowed) && allowed_parse (allowed, facts) &&
        db_get_int (result, 0, 11, &facts->grace_until))
        return facts;
    free (facts);
    return NULL;
}

static void
store_facts_done (void *context, enum db_outcome outcome, PGresult *const *results,
                  const struct db_error *error)
{
    struct facts_call *call = context;
    (void) error; // db has logged what is a defect; for the decision all of it is "could not tell"
    if (outcome != DB_OK) {
        call->callback (call->context, STORE_UNAVAILABLE, NULL);
    } else if (PQntuples (results[0]) == 0) {
        call->callback (call->context, STORE_NOT_FOUND, NULL);
    } else {
        cleanup_free struct facts *facts = facts_from_row (results[0]);
        if (!facts)
            log_error ("a token's row makes no sense", "number", PQgetvalue (results[0], 0, 0),
                       NULL);
        call->callback (call->context, facts ? STORE_OK : STORE_UNAVAILABLE, facts);
    }
    free (call);
}

static void
store_facts (struct db *db, int statement, const struct db_params *params,
             store_facts_callback *callback, void *context)
{
    struct facts_call *call = xcalloc (1, sizeof *call);
    call->callback = callback;
    call->context = context;
    db_call (db, statement, params, store_facts_done, call);
}

void
store_token_facts (struct db *db, const uint8_t digest[TOKEN_DIGEST_SIZE],
                   store_facts_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_bytes (&params, digest, TOKEN_DIGEST_SIZE);
    store_facts (db, TOKEN_FACTS, &params, callback, context);
}

void
store_user_facts (struct db *db, int64_t user, store_facts_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, user);
    store_facts (db, USER_FACTS, &params, callback, context);
}
