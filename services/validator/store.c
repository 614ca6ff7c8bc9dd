#include "services/validator/store.h"

#include "common/caller/keys.h"
#include "common/caller/revoked.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include "services/validator/foreign.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// OPAQUE_FACTS and OPAQUE_SAID are behind those that others read with.
enum { TOKEN_FACTS, USER_FACTS, CLIENT_FACTS, OPAQUE_FACTS = STORE_MODULES + 1, OPAQUE_SAID };

// What row.c reads, after one column more. Grants come as one text, "orders 1 t,stock 2 f": module, access, enabled.
// clang-format off
#define GRANT_TEXT(access) "m.name || ' ' || " access " || ' ' || am.enabled"
#define ACCOUNT_GRANTS(account)                                                                    \
    "(SELECT string_agg(" GRANT_TEXT ("'2'") ", ',') FROM account_modules am"                      \
    "  JOIN modules m ON m.number = am.module WHERE am.account = " account ")"
#define ACCOUNT_RATE "coalesce(a.rate_per_minute, 0), coalesce(a.rate_burst, 0)"
// A time in seconds. Only what has no end is 0, which means "never"; so it is with the end of the grace period below.
#define SECONDS(at) "greatest(floor(date_part('epoch', " at ")), 1)::bigint"
#define TOKEN(grants, grace)                                                                       \
    " t.number, t.account, coalesce(t.owner, 0),"                                                  \
    " CASE WHEN t.expires_at IS NULL THEN 0 ELSE " SECONDS ("t.expires_at") " END,"                \
    " t.kind, t.environment, t.status, a.status,"                                                  \
    /* Most tokens have no owner, and then nobody is looked for. */                                \
    " CASE WHEN t.owner IS NULL THEN 1 ELSE (SELECT status FROM users WHERE number = t.owner) END," \
    " " grants ","                                                                                 \
    " array_to_string(t.allow_list, ','), " grace ","                                              \
    /* A base token without a limit of its own has the account's for such. */                      \
    " coalesce(t.rate_per_minute, CASE t.kind WHEN 3 THEN a.base_rate_per_minute END, 0),"         \
    " coalesce(t.rate_burst, CASE t.kind WHEN 3 THEN a.base_rate_burst END, 0), " ACCOUNT_RATE ", t.revision"
// A JWT that was revoked stands for nobody.
#define STANDS(account, owners) JWT_STANDS_SQL (account, owners, "i.jti", "i.generation")
// A look at the token's account, kept apart from the rest by OFFSET 0, so that PostgreSQL remembers what it found for the token before.
#define OF_ACCOUNT(more)                                                                           \
    " JOIN LATERAL (SELECT status, rate_per_minute, rate_burst, base_rate_per_minute, base_rate_burst" more \
    "  FROM accounts WHERE number = t.account OFFSET 0) a ON true"
// What a client may do with a token. `from` has it as `i`: number, modules, markets, locations, customer, owner, jti and generation. `said`: what its row says of expiry, kind and environment,
// which a JWT says itself.
#define CLIENT_FACTS_OF(n, said, more, from)                                                       \
    "SELECT " n ", 0, c.account, i.owner, " said ", c.status, a.status, coalesce(u.status, o.status, 1)," \
    " (SELECT string_agg(" GRANT_TEXT ("CASE WHEN w.text LIKE '%:write' AND s.text LIKE '%:write' THEN 2 ELSE 1 END") ", ',')" \
    "  FROM unnest(string_to_array(i.modules, ' ')) w (text)"                                      \
    "  JOIN unnest(c.scopes) s (text) ON split_part(s.text, ':', 2) = split_part(w.text, ':', 2)"  \
    "  JOIN modules m ON m.name = split_part(w.text, ':', 2)"                                      \
    "  JOIN account_modules am ON am.account = c.account AND am.module = m.number),"               \
    " ''::text, 0, 0, 0, " ACCOUNT_RATE ", 0, c.number,"                                           \
    " CASE WHEN i.markets <> '' THEN coalesce(concat_ws(' ',"                                      \
    "  (SELECT string_agg('market:' || k, ' ' ORDER BY k) FROM unnest(r.markets) k),"              \
    "  (SELECT string_agg('stock_location:' || l.number, ' ' ORDER BY l.number) FROM stock_locations l" \
    "   WHERE l.account = c.account AND l.number = ANY (string_to_array(i.locations, ',')::bigint[])" \
    "   AND l.status = 1 AND l.market = ANY (r.markets))), '') END" more                           \
    " FROM " from                                                                                  \
    " JOIN clients c ON c.number = i.number AND c.status <> 3 JOIN accounts a ON a.number = c.account" \
    " LEFT JOIN customers u ON u.account = c.account AND u.number = i.customer AND u.status <> 3"  \
    " LEFT JOIN users o ON o.account = c.account AND o.number = i.owner AND o.status <> 3"         \
    " CROSS JOIN LATERAL (SELECT array_agg(k.number) AS markets FROM markets k"                    \
    "  WHERE k.account = c.account AND k.number = ANY (string_to_array(i.markets, ',')::bigint[])" \
    "  AND k.status = 1 AND (c.market IS NULL OR k.number = c.market)"                             \
    "  AND (k.customer_group IS NULL OR (k.customer_group = u.customer_group AND EXISTS (SELECT FROM customer_groups g" \
    "   WHERE g.account = k.account AND g.number = k.customer_group AND g.status = 1)))) r"        \
    " WHERE (i.customer = 0 OR u.number IS NOT NULL) AND (i.owner = 0 OR o.number IS NOT NULL)"    \
    " AND " STANDS ("c.account", "(1, c.account), (2, c.number), (3, i.owner), (4, i.customer)")
// The parts of a scope that begin so, what is behind that, joined.
#define SCOPE_PARTS(like, part, between)                                                           \
    "coalesce((SELECT string_agg(" part ", '" between "') FROM unnest(string_to_array(t.scope, ' ')) p WHERE p LIKE '" like ":%'), '')"
#define TOKEN_COLUMNS                                                                              \
    "number, account, owner, expires_at, kind, environment, status, digest, allow_list, grace_until, rate_per_minute, rate_burst, revision"

const struct db_statement store_statements[] = {
[TOKEN_FACTS] = {"token_facts",
    "SELECT i.n,"
    TOKEN (
    // A personal token reaches all that its account is authorised for (R1).
    "CASE WHEN t.kind = 1 THEN " ACCOUNT_GRANTS ("t.account") " ELSE"
    "  (SELECT string_agg(" GRANT_TEXT ("g.access") ", ',') FROM token_modules g"
    "   JOIN modules m ON m.number = g.module"
    "   JOIN account_modules am ON am.account = t.account AND am.module = g.module"
    "   WHERE g.token = t.number) END",
    "CASE WHEN t.digest = i.digest THEN 0 ELSE " SECONDS ("t.grace_until") " END")
    " FROM unnest($1::bytea[]) WITH ORDINALITY AS i (digest, n)"
    // The current value, else the one before: a look at an index each.
    " CROSS JOIN LATERAL (SELECT " TOKEN_COLUMNS " FROM tokens WHERE digest = i.digest"
    "  UNION ALL SELECT " TOKEN_COLUMNS " FROM tokens WHERE old_digest = i.digest LIMIT 1) t"
    OF_ACCOUNT (""), DB_READ_MANY},

[USER_FACTS] = {"user_facts",
    "SELECT i.n, 0, u.account, u.number, 0, 0, 0, 1, a.status, u.status, " ACCOUNT_GRANTS ("u.account") ","
    " ''::text, 0, 0, 0, " ACCOUNT_RATE ", 0 FROM unnest($1::bigint[], $2::text[], $3::bigint[]) WITH ORDINALITY AS i (number, jti, generation, n)"
    " JOIN users u ON u.number = i.number AND u.status <> 3 JOIN accounts a ON a.number = u.account"
    " WHERE " STANDS ("u.account", "(1, u.account), (3, u.number)"), DB_READ_MANY},

// The modules are those that both the token says and the client may have, with the lesser access; a user's of the account may do no less. Whom it stands for, a customer or a user (owner), is
// there and of the client's account. The markets are what is left of the token's (R14): active, public or for
// the customer's group (R15), and not another than the client is bound to; the locations are active, and of these markets. No market: the token is not restricted.
[CLIENT_FACTS] = {"client_facts",
    CLIENT_FACTS_OF ("i.n", "0, 0, 0", "",
    "unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bigint[], $8::bigint[])"
    "  WITH ORDINALITY AS i (number, modules, markets, locations, customer, jti, generation, owner, n)"), DB_READ_MANY},

[STORE_PUBLIC_KEYS] = {"public_keys", KEYS_SQL, false},
[STORE_FOREIGN] = {"foreign_prefixes", FOREIGN_SQL, false},

// What has become visible since a snapshot ($1; NULL: nothing, only where we are), and the snapshot that this is. Everything before the oldest
// transaction that ran at that time was visible then; of what came after it, what was not. No order of commits can hide a change. The timeline is
// of the server now: on another one a transaction's number says nothing of what was on the one before.
[STORE_CHANGES] = {"changes",
    "SELECT pg_current_snapshot()::text, c.kind, c.object, c.account, c.revision, CASE WHEN c.kind = 'token' AND c.revision > 1 THEN"
    // What the token became by it, while that is what it is.
    "  (SELECT t.status FROM tokens t WHERE t.number = c.object AND t.revision = c.revision) END, one.timeline"
    " FROM (SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS timeline OFFSET 0) one"
    " LEFT JOIN changes c ON c.xid >= pg_snapshot_xmin($1::pg_snapshot)"
    "  AND NOT pg_visible_in_snapshot(c.xid, $1::pg_snapshot)"
    " LIMIT $2", false},

[STORE_WRITERS] = {"writers",
    "SELECT endpoint, server_key, instance, generation, ended FROM writers ORDER BY generation LIMIT 65", false},

[STORE_MODULES] = {"modules", "SELECT number, name FROM modules ORDER BY number", false},

// What an opaque token is for is in its row, which is in the partition that its value names; from there on it is as of a JWT.
[OPAQUE_FACTS] = {"opaque_facts",
    CLIENT_FACTS_OF ("g.n", "i.expiry, 0, i.environment", ", i.customer",
    "unnest($1::bytea[], $2::integer[], $3::text[]) WITH ORDINALITY AS g (digest, day, jti, n)"
    " CROSS JOIN LATERAL (SELECT t.client AS number, t.customer, t.owner, t.generation, t.environment, g.jti,"
    "  " SECONDS ("t.expires_at") " AS expiry,"
    "  " SCOPE_PARTS ("module", "p", " ") " AS modules,"
    "  " SCOPE_PARTS ("market", "substr(p, 8)", ",") " AS markets,"
    "  " SCOPE_PARTS ("stock_location", "substr(p, 16)", ",") " AS locations"
    "  FROM access_tokens t WHERE t.day = g.day AND t.digest = g.digest OFFSET 0) i"), DB_READ_MANY},

[OPAQUE_SAID] = {"opaque_said",
    "SELECT scope, " SECONDS ("issued_at") " FROM access_tokens WHERE day = $2::integer AND digest = $1", false},

{NULL, NULL, false}};

// One of two halves; said so that the planner takes it for nearly all rows: taken for few, each would be joined by an index. Grants as numbers (row.h): no text is put together, and only accounts that have a disabled module cost a look at which.
#define PACKED(module, access, enabled) module " * 8 + " access " * 2 + " enabled
#define WARM(from, where)                                                                          \
    "(SELECT t.digest," TOKEN (                                                                    \
    "CASE WHEN t.kind = 1 THEN ARRAY (SELECT " PACKED ("am.module", "2", "am.enabled::integer")    \
    "   FROM account_modules am WHERE am.account = t.account)"                                     \
    "  WHEN a.disabled THEN ARRAY (SELECT " PACKED ("g.module", "g.access", "am.enabled::integer") \
    "   FROM token_modules g JOIN account_modules am ON am.account = t.account AND am.module = g.module" \
    "   WHERE g.token = t.number)"                                                                 \
    "  ELSE ARRAY (SELECT " PACKED ("g.module", "g.access", "1") " FROM token_modules g"           \
    "   WHERE g.token = t.number) END", "0")                                                       \
    " FROM " from OF_ACCOUNT (", EXISTS (SELECT FROM account_modules am"                           \
    "   WHERE am.account = number AND NOT am.enabled) AS disabled")                                \
    " WHERE t.status <> 3 AND (t.expires_at IS NULL OR t.expires_at > now ())"                     \
    " AND pg_snapshot_xmax (pg_current_snapshot ()) >= '$2'::xid8"                              \
    " AND t.number % 2 <> $3" where ")"
// What token_use has was read before.
#define WARM_SHOWN(when)                                                                           \
    " UNION ALL " WARM ("tokens t", " AND " when                                                   \
    " AND NOT EXISTS (SELECT FROM token_use w WHERE w.token = t.number)")
#define AGO(interval) "now () - interval '" interval "'"

const char store_warm[] =
    "COPY (" WARM ("token_use w JOIN tokens t ON t.number = w.token", "")
    // By clocks that are ahead, too.
    WARM_SHOWN ("t.last_access_at > " AGO ("1 hour"))
    WARM_SHOWN ("t.last_access_at <= " AGO ("1 hour") " AND t.last_access_at > " AGO ("1 day"))
    WARM_SHOWN ("t.last_access_at <= " AGO ("1 day"))
    " LIMIT $1) TO STDOUT (FORMAT binary)";
// clang-format on

struct facts_call {
    struct policies *policies;
    int statement;
    store_facts_callback *callback;
    void *context;
};

static bool
facts_read (const struct facts_call *call, const PGresult *result, struct facts *facts_r)
{
    struct db_field fields[ROW_OPAQUE_COLUMNS];
    int columns = call->statement == OPAQUE_FACTS   ? ROW_OPAQUE_COLUMNS
                  : call->statement == CLIENT_FACTS ? ROW_CLIENT_COLUMNS
                                                    : ROW_COLUMNS;
    if (!db_get_fields (result, 0, 1, fields, columns))
        return false;
    if (call->statement == OPAQUE_FACTS)
        return row_opaque_facts (fields, call->policies, facts_r);
    if (call->statement == CLIENT_FACTS)
        return row_client_facts (fields, call->policies, facts_r);
    return row_facts (fields, NULL, call->policies, facts_r);
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
        struct facts facts = {0};
        bool good = facts_read (call, results[0], &facts);
        if (!good) {
            char number[24];
            snprintf (number, sizeof number, "%" PRId64, facts.token);
            log_error ("a token's row makes no sense", "number", number, NULL);
        }
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
    call->statement = statement;
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
store_user_facts (struct db *db, struct policies *policies, int64_t user, const char *jti,
                  int64_t generation, store_facts_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, user);
    db_param_text (&params, jti);
    db_param_int (&params, generation);
    store_facts (db, policies, USER_FACTS, &params, callback, context);
}

void
store_client_facts (struct db *db, struct policies *policies,
                    const struct store_client_token *token, store_facts_callback *callback,
                    void *context)
{
    struct db_params params = {0};
    db_param_int (&params, token->client);
    db_param_text (&params, token->modules);
    db_param_text (&params, token->markets);
    db_param_text (&params, token->locations);
    db_param_int (&params, token->customer);
    db_param_text (&params, token->jti);
    db_param_int (&params, token->generation);
    db_param_int (&params, token->user);
    store_facts (db, policies, CLIENT_FACTS, &params, callback, context);
}

void
store_opaque_facts (struct db *db, struct policies *policies, const struct store_opaque_key *key,
                    store_facts_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_bytes (&params, key->digest, sizeof key->digest);
    db_param_int (&params, key->day);
    db_param_text (&params, key->jti);
    store_facts (db, policies, OPAQUE_FACTS, &params, callback, context);
}

struct said_call {
    store_opaque_said_callback *callback;
    void *context;
};

static void
store_opaque_said_done (void *context, enum db_outcome outcome, PGresult *const *results,
                        const struct db_error *error)
{
    cleanup_free struct said_call *call = context;
    const char *scope;
    int64_t issued_at;
    (void) error;
    if (outcome == DB_OK && PQntuples (results[0]) == 0)
        call->callback (call->context, STORE_NOT_FOUND, NULL, 0);
    else if (outcome == DB_OK && db_get_text (results[0], 0, 0, &scope) &&
             db_get_int (results[0], 0, 1, &issued_at))
        call->callback (call->context, STORE_OK, scope, issued_at);
    else
        call->callback (call->context, STORE_UNAVAILABLE, NULL, 0);
}

void
store_opaque_said (struct db *db, const struct store_opaque_key *key,
                   store_opaque_said_callback *callback, void *context)
{
    struct db_params params = {0};
    struct said_call *call = xcalloc (1, sizeof *call);
    call->callback = callback;
    call->context = context;
    db_param_bytes (&params, key->digest, sizeof key->digest);
    db_param_int (&params, key->day);
    db_call (db, OPAQUE_SAID, &params, store_opaque_said_done, call);
}
