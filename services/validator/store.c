#include "services/validator/store.h"

#include "common/caller/keys.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include "services/validator/foreign.h"
#include "services/validator/row.h"

#include <stdlib.h>
#include <string.h>

enum { TOKEN_FACTS, USER_FACTS };

// What row.c reads. Grants come as one text, "orders 1 t,stock 2 f": module, access, enabled.
// clang-format off
#define GRANT_TEXT(access) "m.name || ' ' || " access " || ' ' || am.enabled"
#define ACCOUNT_GRANTS(account)                                                                    \
    "(SELECT string_agg(" GRANT_TEXT ("'2'") ", ',') FROM account_modules am"                      \
    "  JOIN modules m ON m.number = am.module WHERE am.account = " account ")"
#define ACCOUNT_RATE "coalesce(a.rate_per_minute, 0), coalesce(a.rate_burst, 0)"

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
    "  ELSE greatest(floor(extract(epoch FROM t.grace_until)), 1)::bigint END,"
    // A base token without a limit of its own has the account's for such.
    " coalesce(t.rate_per_minute, CASE t.kind WHEN 3 THEN a.base_rate_per_minute END, 0),"
    " coalesce(t.rate_burst, CASE t.kind WHEN 3 THEN a.base_rate_burst END, 0), " ACCOUNT_RATE
    " FROM tokens t JOIN accounts a ON a.number = t.account"
    " LEFT JOIN users u ON u.number = t.owner"
    // The current value, else the one before: two looks at an index each.
    " WHERE t.number = (SELECT number FROM tokens WHERE digest = $1"
    "  UNION ALL SELECT number FROM tokens WHERE old_digest = $1 LIMIT 1)", false},

[USER_FACTS] = {"user_facts",
    "SELECT 0, u.account, u.number, 0, 0, 0, 1, a.status, u.status, " ACCOUNT_GRANTS ("u.account") ","
    " '', 0, 0, 0, " ACCOUNT_RATE " FROM users u JOIN accounts a ON a.number = u.account WHERE u.number = $1"
    " AND u.status <> 3", false},

[STORE_PUBLIC_KEYS] = {"public_keys", KEYS_SQL, false},
[STORE_FOREIGN] = {"foreign_prefixes", FOREIGN_SQL, false},

// What has become visible since a snapshot ($1; NULL: nothing, only where we are), and the snapshot that this is. Everything before the oldest
// transaction that ran at that time was visible then; of what came after it, what was not. No order of commits can hide a change.
[STORE_CHANGES] = {"changes",
    "SELECT pg_current_snapshot()::text, c.kind, c.object, c.account FROM (VALUES (1)) one"
    " LEFT JOIN changes c ON c.xid >= pg_snapshot_xmin($1::pg_snapshot)"
    "  AND NOT pg_visible_in_snapshot(c.xid, $1::pg_snapshot)"
    " LIMIT $2", false},

[STORE_WRITERS] = {"writers",
    "SELECT endpoint, server_key, instance, generation, ended FROM writers ORDER BY generation LIMIT 65", false},

{NULL, NULL, false}};
// clang-format on

struct facts_call {
    struct policies *policies;
    store_facts_callback *callback;
    void *context;
};

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
        struct facts facts;
        bool good = row_facts (results[0], call->policies, &facts);
        if (!good)
            log_error ("a token's row makes no sense", "number", PQgetvalue (results[0], 0, 0),
                       NULL);
        call->callback (call->context, good ? STORE_OK : STORE_UNAVAILABLE, good ? &facts : NULL);
        policy_release (call->policies, facts.policy);
    }
    free (call);
}

static void
store_facts (struct db *db, struct policies *policies, int statement,
             const struct db_params *params, store_facts_callback *callback, void *context)
{
    struct facts_call *call = xcalloc (1, sizeof *call);
    call->policies = policies;
    call->callback = callback;
    call->context = context;
    db_call (db, statement, params, store_facts_done, call);
}

void
store_token_facts (struct db *db, struct policies *policies,
                   const uint8_t digest[TOKEN_DIGEST_SIZE], store_facts_callback *callback,
                   void *context)
{
    struct db_params params = {0};
    db_param_bytes (&params, digest, TOKEN_DIGEST_SIZE);
    store_facts (db, policies, TOKEN_FACTS, &params, callback, context);
}

void
store_user_facts (struct db *db, struct policies *policies, int64_t user,
                  store_facts_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, user);
    store_facts (db, policies, USER_FACTS, &params, callback, context);
}
