// The statements. $1 of a change is what is written with it (struct change: told), $2 the object's number, $3 the revision that it must have.
#include "services/admin/statements.h"
#include "common/scope/scope.h"
#include "services/admin/import_statements.h"
#include "services/admin/store.h"
#include "services/admin/token_lists.h"

#define SECONDS(column) "coalesce (floor (extract (epoch FROM " column ")), 0)::bigint"
#define MICROSECONDS(column)                                                                       \
    "coalesce ((extract (epoch FROM " column ") * 1000000)::bigint::text, '')"

// A change names the rows that it made `changed`; the end is the same for all. The outbox draws its id while the object's row is locked,
// so that records of one object have ids in the order of its changes.
#define TOLD(kind, account)                                                                        \
    ", told AS (INSERT INTO changes (kind, object, account, revision)"                             \
    "  SELECT '" kind "', number, " account ", revision FROM changed)" RECORDED
// A new password, or none any more: what was given to whom the one before let in is good no longer, refresh tokens too (common/caller/revoked.h). `kind`: of jwt_generations.
#define SIGN_INS_END(kind, condition)                                                              \
    ", ended AS (INSERT INTO jwt_generations (account, kind, number)"                              \
    "  SELECT account, " kind ", number FROM changed WHERE " condition                             \
    "  ON CONFLICT (account, kind, number)"                                                        \
    "  DO UPDATE SET generation = jwt_generations.generation + 1, revoked_at = now ())"
// What is no change of anything that validators would have to hear of.
#define RECORDED                                                                                   \
    ", recorded AS (INSERT INTO outbox (record) SELECT ($1::bytea[])[1] FROM changed)"             \
    ", kept AS (INSERT INTO idempotency_keys (key, method, sealed)"                                \
    "  SELECT ($1::bytea[])[2], convert_from (($1::bytea[])[3], 'UTF8'), ($1::bytea[])[4]"         \
    "  FROM changed WHERE cardinality ($1::bytea[]) > 1)"                                          \
    " SELECT number FROM changed"

// clang-format off
#define ACCOUNT_COLUMNS                                                                            \
    "a.number, a.name, a.status, a.revision, " SECONDS ("a.created_at") ", a.token_limit,"         \
    " (SELECT coalesce (string_agg (m.name, ',' ORDER BY m.name COLLATE \"C\"), '')"             \
    "  FROM account_modules e JOIN modules m ON m.number = e.module"                               \
    "  WHERE e.account = a.number AND e.enabled),"                                                 \
    " coalesce (a.rate_per_minute, 0), coalesce (a.rate_burst, 0),"                                \
    " coalesce (a.base_rate_per_minute, 0), coalesce (a.base_rate_burst, 0)"
// clang-format on

#define MODULE_COLUMNS "number, name, title, " SECONDS ("created_at") ", revision"

#define USER_COLUMNS                                                                               \
    "number, account, username, name, role, status, revision, " SECONDS ("created_at")

// The length is read without the data, which is kept elsewhere (TOAST).
#define LOGO_COLUMN "concat_ws (',', l.content_type, encode (l.digest, 'hex'), length (l.data))"

// clang-format off
#define TOKEN_GRANTS                                                                               \
    "(SELECT coalesce (string_agg (m.name || ':' || g.access, ',' ORDER BY m.name COLLATE \"C\"), '')" \
    " FROM token_modules g JOIN modules m ON m.number = g.module WHERE g.token = t.number)"
#define TOKEN_COLUMNS                                                                              \
    "t.number, t.account, coalesce (t.owner, 0), t.name, t.description, t.kind, t.environment,"    \
    " t.status, t.created_by_id, t.created_by_name, " SECONDS ("t.created_at") ", "                \
    SECONDS ("t.updated_at") ", " SECONDS ("t.expires_at") ", " SECONDS ("t.last_access_at") ","   \
    " t.revision,"                                                                                 \
    " " TOKEN_GRANTS ","                                                                           \
    " array_to_string (t.allow_list, ','), coalesce (t.rate_per_minute, 0), coalesce (t.rate_burst, 0),"  \
    " " SECONDS ("t.last_rotated_at") ", " SECONDS ("t.grace_until") ", t.sealed_value IS NOT NULL,"  \
    " coalesce ((SELECT " LOGO_COLUMN " FROM token_logos l WHERE l.token = t.number), '')"

// Notices (R9): how many days ahead the one is that has been reached at a time: 30, 7, 1; 0: the token has expired; NULL: none yet.
#define NOTICE_DAYS(expiry, at)                                                                    \
    "CASE WHEN " expiry " <= " at " THEN 0 WHEN " expiry " <= " at " + interval '24 hours' THEN 1" \
    " WHEN " expiry " <= " at " + interval '168 hours' THEN 7"                                     \
    " WHEN " expiry " <= " at " + interval '720 hours' THEN 30 END"
// Of an expiry that is set at a time: what has been reached by then is no news to anybody.
#define NOTICED_EXPIRY(expiry, at) "CASE WHEN " expiry " <= " at " + interval '720 hours' THEN " expiry " END"
#define NOTICE_AT "token_notice_at (t.expires_at, t.noticed_expiry, t.noticed_days)"

const struct db_statement store_statements[] = {
[PUBLIC_KEYS] = {"public_keys", KEYS_SQL, false},

[CALLER] = {"caller", CALLER_SQL (
    "CASE $2 WHEN 'TKN' THEN (SELECT t.account FROM tokens t WHERE t.number = $3 AND t.status <> 3)"
    " WHEN 'USR' THEN (SELECT t.account FROM users t WHERE t.number = $3 AND t.status <> 3)"
    " WHEN 'CGR' THEN (SELECT t.account FROM customer_groups t WHERE t.number = $3)"
    " WHEN 'MKT' THEN (SELECT t.account FROM markets t WHERE t.number = $3)"
    " WHEN 'CLI' THEN (SELECT t.account FROM clients t WHERE t.number = $3)"
    " WHEN 'CUS' THEN (SELECT t.account FROM customers t WHERE t.number = $3)"
    " WHEN 'STL' THEN (SELECT t.account FROM stock_locations t WHERE t.number = $3) END",
    "CASE $2 WHEN 'USR' THEN (SELECT t.role FROM users t WHERE t.number = $3) END"), false},

[ACCOUNT_GET] = {"account_get",
    "SELECT " ACCOUNT_COLUMNS " FROM accounts a WHERE a.number = $1::bigint", false},

[ACCOUNT_LIST] = {"account_list",
    "SELECT " ACCOUNT_COLUMNS " FROM accounts a WHERE a.number > $1::bigint"
    " ORDER BY a.number LIMIT $2::bigint", false},

[ACCOUNT_PREPARE] = {"account_prepare",
    "SELECT nextval ('accounts_number_seq'),"
    " (SELECT coalesce (string_agg (name || ':' || number || ':1', ','), '') FROM modules"
    "  WHERE name = ANY (string_to_array ($1, ',')))", false},

[ACCOUNT_CREATE] = {"account_create",
    "WITH changed AS ("
    " INSERT INTO accounts (number, name, token_limit, rate_per_minute, rate_burst, base_rate_per_minute,"
    "  base_rate_burst, created_at)"
    " VALUES ($2::bigint, $3, $4::integer, nullif ($5::integer, 0), nullif ($6::integer, 0),"
    "  nullif ($7::integer, 0), nullif ($8::integer, 0), to_timestamp ($9)) RETURNING number, revision),"
    " enabled AS (INSERT INTO account_modules (account, module)"
    "  SELECT number, module FROM changed, unnest (string_to_array ($10, ',')::bigint[]) AS m (module))"
    TOLD ("account", "number"), true},

[ACCOUNT_EDIT] = {"account_edit",
    "WITH changed AS ("
    " UPDATE accounts SET name = $4, token_limit = $5::integer, rate_per_minute = nullif ($6::integer, 0),"
    "  rate_burst = nullif ($7::integer, 0), base_rate_per_minute = nullif ($8::integer, 0),"
    "  base_rate_burst = nullif ($9::integer, 0), revision = revision + 1"
    " WHERE number = $2::bigint AND revision = $3::bigint RETURNING number, revision)"
    TOLD ("account", "number"), true},

[ACCOUNT_STATUS] = {"account_status",
    "WITH changed AS ("
    " UPDATE accounts SET status = $4::smallint, revision = revision + 1"
    " WHERE number = $2::bigint AND revision = $3::bigint RETURNING number, revision)"
    TOLD ("account", "number"), true},

// $2: an enum jwt_owner, 0: no more than the account. NULL: the account has no such one.
[JWT_OWNER] = {"jwt_owner",
    "SELECT CASE $2::smallint WHEN 0 THEN ''"
    " WHEN 1 THEN (SELECT a.name WHERE a.number = $3::bigint)"
    " WHEN 2 THEN (SELECT name FROM clients WHERE number = $3::bigint AND account = a.number AND status <> 3)"
    " WHEN 3 THEN (SELECT username FROM users WHERE number = $3::bigint AND account = a.number AND status <> 3)"
    " WHEN 4 THEN (SELECT email FROM customers WHERE number = $3::bigint AND account = a.number AND status <> 3) END"
    " FROM accounts a WHERE a.number = $1::bigint", false},

// How long the token lives is not known here: a year at most (R18).
[JWT_REVOKE] = {"jwt_revoke",
    "WITH changed AS ("
    " INSERT INTO revoked_jwts (account, jti, expires_at) VALUES ($3::bigint, $4, now () + interval '366 days')"
    " ON CONFLICT (account, jti) DO UPDATE SET expires_at = excluded.expires_at"
    " RETURNING $2::bigint AS number, account, 1::bigint AS revision)"
    TOLD ("token", "account"), true},

[JWT_GENERATION] = {"jwt_generation",
    "WITH changed AS ("
    " INSERT INTO jwt_generations (account, kind, number) VALUES ($3::bigint, $4::smallint, $2::bigint)"
    " ON CONFLICT (account, kind, number) DO UPDATE SET generation = jwt_generations.generation + 1, revoked_at = now ()"
    " RETURNING account AS number, account, generation AS revision)"
    TOLD ("account", "account"), true},

[MODULE_LIST] = {"module_list",
    "SELECT " MODULE_COLUMNS " FROM modules WHERE number > $1::bigint"
    " ORDER BY number LIMIT $2::bigint", false},

[MODULE_PREPARE] = {"module_prepare",
    "SELECT nextval ('modules_number_seq'), EXISTS (SELECT FROM modules WHERE name = $1)", false},

[MODULE_CREATE] = {"module_create",
    "WITH changed AS ("
    " INSERT INTO modules (number, name, title, created_at)"
    " VALUES ($2::bigint, $3, $4, to_timestamp ($5)) RETURNING number, revision)"
    TOLD ("module", "NULL::bigint"), true},

[MODULE_GET_OF_ACCOUNT] = {"module_get_of_account",
    "SELECT " ACCOUNT_COLUMNS ","
    " coalesce ((SELECT number FROM modules WHERE name = $2), 0)"
    " FROM accounts a WHERE a.number = $1::bigint", false},

[MODULE_SET] = {"module_set",
    "WITH changed AS ("
    " UPDATE accounts SET revision = revision + 1"
    " WHERE number = $2::bigint AND revision = $3::bigint RETURNING number, revision),"
    " enabled AS (INSERT INTO account_modules (account, module, enabled)"
    "  SELECT number, $4::bigint, $5::boolean FROM changed"
    "  ON CONFLICT (account, module) DO UPDATE SET enabled = excluded.enabled)"
    TOLD ("account", "number"), true},

[USER_GET] = {"user_get",
    "SELECT " USER_COLUMNS " FROM users WHERE number = $1::bigint AND status <> 3", false},

[USER_LIST] = {"user_list",
    "SELECT " USER_COLUMNS " FROM users WHERE number > $1::bigint AND status <> 3"
    " ORDER BY number LIMIT $2::bigint", false},

[USER_LIST_OF_ACCOUNT] = {"user_list_of_account",
    "SELECT " USER_COLUMNS " FROM users WHERE number > $1::bigint AND account = $3::bigint"
    " AND status <> 3 ORDER BY number LIMIT $2::bigint", false},

[USER_PREPARE] = {"user_prepare",
    "SELECT nextval ('users_number_seq'),"
    " EXISTS (SELECT FROM users WHERE lower (username) = lower ($2) AND status <> 3)"
    " FROM accounts WHERE number = $1::bigint", false},

[USER_CREATE] = {"user_create",
    "WITH changed AS ("
    " INSERT INTO users (number, account, username, name, role, created_at, password_hash)"
    " VALUES ($2::bigint, $3::bigint, $4, $5, $6::smallint, to_timestamp ($7), $8)"
    " RETURNING number, account, revision)"
    TOLD ("user", "account"), true},

[USER_CHANGE_PREPARE] = {"user_change_prepare",
    "SELECT " USER_COLUMNS ","
    " EXISTS (SELECT FROM users o WHERE lower (o.username) = lower ($2) AND o.status <> 3 AND o.number <> u.number),"
    " (SELECT count (*) FROM tokens t WHERE t.account = u.account AND t.owner = u.number AND t.status <> 3)"
    " FROM users u WHERE u.number = $1::bigint AND u.status <> 3", false},

[USER_EDIT] = {"user_edit",
    "WITH changed AS ("
    " UPDATE users SET username = $4, name = $5, role = $6::smallint, revision = revision + 1,"
    "  password_hash = CASE WHEN $7::boolean THEN $8::text ELSE password_hash END"
    " WHERE number = $2::bigint AND revision = $3::bigint AND status <> 3 RETURNING number, account, revision)"
    SIGN_INS_END ("3", "$7::boolean") TOLD ("user", "account"), true},

[USER_STATUS] = {"user_status",
    "WITH changed AS ("
    " UPDATE users SET status = $4::smallint, revision = revision + 1,"
    "  password_hash = CASE WHEN $4::smallint = 3 THEN NULL ELSE password_hash END"
    " WHERE number = $2::bigint AND revision = $3::bigint RETURNING number, account, revision)"
    TOLD ("user", "account"), true},

[TOKEN_GET] = {"token_get",
    "SELECT " TOKEN_COLUMNS " FROM tokens t WHERE t.number = $1::bigint AND t.status <> 3", false},

TOKEN_LIST_STATEMENTS,

// Of many at once, too; but each gets a number of its own.
[TOKEN_PREPARE] = {"token_prepare",
    "WITH input AS MATERIALIZED (SELECT * FROM unnest ($1::bigint[], $2::bigint[], $3::text[]) WITH ORDINALITY"
    "  AS i (account, owner, modules, n)),"
    " named AS MATERIALIZED (SELECT i.n, string_agg (m.name || ':' || m.number || ':'"
    "   || coalesce (e.enabled, false)::integer, ',') AS modules"
    "  FROM input i CROSS JOIN LATERAL unnest (string_to_array (i.modules, ',')) AS w (name) JOIN modules m ON m.name = w.name"
    "  LEFT JOIN account_modules e ON e.account = i.account AND e.module = m.number GROUP BY i.n)"
    " SELECT i.n, nextval ('tokens_number_seq'), a.token_limit, a.live_tokens, coalesce (u.account, 0),"
    " coalesce (u.status, 0), coalesce (w.modules, '')"
    " FROM input i JOIN accounts a ON a.number = i.account"
    " LEFT JOIN users u ON u.number = i.owner AND u.status <> 3 LEFT JOIN named w ON w.n = i.n",
    DB_READ_MANY | DB_EACH},

// Of many at once (DB_MANY). The accounts' rows are locked first, in order; what a locked row then says is what is true, so that two creations never
// share the last place. Of those that come together, as many as there are places for have one, in their order.
[TOKEN_CREATE] = {"token_create",
    "WITH input AS MATERIALIZED (SELECT i.*, to_timestamp (at) AS made, to_timestamp (nullif (ends, 0)) AS expiry FROM"
    "  unnest ($1::bytea[], $2::bytea[], $3::text[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[],"
    "   $9::text[], $10::smallint[], $11::smallint[], $12::bytea[], $13::text[], $14::text[], $15::text[], $16::text[],"
    "   $17::bigint[], $18::bigint[], $19::text[], $20::integer[], $21::integer[], $22::bytea[]) WITH ORDINALITY"
    "  AS i (record, key, method, reply, number, account, owner, name, description, kind, environment, digest,"
    "   created_by_id, created_by_name, modules, accesses, at, ends, allow_list, per_minute, burst, sealed, n)),"
    " grants AS MATERIALIZED (SELECT i.n, i.account, i.number, g.module, g.access FROM input i,"
    "  unnest (string_to_array (i.modules, ',')::bigint[], string_to_array (i.accesses, ',')::smallint[]) AS g (module, access)),"
    " places AS MATERIALIZED (SELECT number, token_limit - live_tokens AS free FROM accounts"
    "  WHERE number IN (SELECT account FROM input) ORDER BY number FOR NO KEY UPDATE),"
    " able AS (SELECT i.*, row_number () OVER (PARTITION BY i.account ORDER BY i.n) <= p.free AS placed"
    "  FROM input i JOIN places p ON p.number = i.account"
    "  WHERE NOT EXISTS (SELECT FROM grants g WHERE g.n = i.n AND NOT EXISTS (SELECT FROM account_modules e"
    "   WHERE e.account = g.account AND e.module = g.module AND e.enabled))"
    "  AND (i.owner = 0 OR EXISTS (SELECT FROM users u"
    "   WHERE u.number = i.owner AND u.account = i.account AND u.status = 1))),"
    " good AS MATERIALIZED (SELECT * FROM able WHERE placed),"
    " place AS (UPDATE accounts a SET live_tokens = live_tokens + g.tokens"
    "  FROM (SELECT account, count (*)::integer AS tokens FROM good GROUP BY account) g WHERE a.number = g.account),"
    " changed AS ("
    " INSERT INTO tokens (number, account, owner, name, description, kind, environment, digest,"
    "  created_by_id, created_by_name, created_at, updated_at, expires_at, allow_list, rate_per_minute, rate_burst,"
    "  sealed_value, noticed_expiry, noticed_days)"
    " SELECT number, account, nullif (owner, 0), name, description, kind, environment, digest,"
    "  created_by_id, created_by_name, made, made, expiry, string_to_array (allow_list, ',')::cidr[],"
    "  nullif (per_minute, 0), nullif (burst, 0), sealed,"
    "  " NOTICED_EXPIRY ("expiry", "made") ", " NOTICE_DAYS ("expiry", "made") " FROM good"
    " RETURNING number, account, revision),"
    " granted AS (INSERT INTO token_modules (account, token, module, access)"
    "  SELECT account, number, module, access FROM grants WHERE n IN (SELECT n FROM good)),"
    " told AS (INSERT INTO changes (kind, object, account, revision) SELECT 'token', number, account, revision FROM changed),"
    " recorded AS (INSERT INTO outbox (record) SELECT record FROM good),"
    " kept AS (INSERT INTO idempotency_keys (key, method, sealed) SELECT key, method, reply FROM good WHERE key IS NOT NULL)"
    " SELECT n, number FROM good", DB_MANY},

[TOKEN_EDIT_PREPARE] = {"token_edit_prepare",
    "SELECT " TOKEN_COLUMNS ","
    " (SELECT coalesce (string_agg (m.name || ':' || m.number || ':'"
    "   || (coalesce (e.enabled, false) OR coalesce (g.access >= w.access, false))::integer, ','), '')"
    "  FROM unnest (string_to_array ($2, ','), string_to_array ($3, ',')::smallint[]) AS w (name, access)"
    "  JOIN modules m ON m.name = w.name"
    "  LEFT JOIN account_modules e ON e.account = t.account AND e.module = m.number"
    "  LEFT JOIN token_modules g ON g.token = t.number AND g.module = m.number)"
    " FROM tokens t WHERE t.number = $1::bigint AND t.status <> 3", false},

// An expiry that is the same to the second stays as it is, with what was announced of it.
#define EDIT_EXPIRY "to_timestamp (nullif ($6::bigint, 0))"
#define EDIT_UNLESS_SAME(old, new) "CASE WHEN " SECONDS ("expires_at") " = $6::bigint THEN " old " ELSE " new " END"
[TOKEN_EDIT] = {"token_edit",
    "WITH changed AS ("
    " UPDATE tokens SET name = $4, description = $5, expires_at = " EDIT_UNLESS_SAME ("expires_at", EDIT_EXPIRY) ","
    "  noticed_expiry = " EDIT_UNLESS_SAME ("noticed_expiry", NOTICED_EXPIRY (EDIT_EXPIRY, "to_timestamp ($7)")) ","
    "  noticed_days = " EDIT_UNLESS_SAME ("noticed_days", NOTICE_DAYS (EDIT_EXPIRY, "to_timestamp ($7)")) ","
    "  updated_at = to_timestamp ($7), allow_list = string_to_array ($11, ',')::cidr[],"
    "  rate_per_minute = nullif ($12::integer, 0), rate_burst = nullif ($13::integer, 0),"
    "  revision = revision + 1"
    " WHERE number = $2::bigint AND revision = $3::bigint AND status <> 3"
    " RETURNING number, account, revision),"
    " wanted AS (SELECT changed.account, changed.number, g.module, g.access FROM changed,"
    "  unnest (string_to_array ($9, ',')::bigint[], string_to_array ($10, ',')::smallint[])"
    "  AS g (module, access) WHERE $8::boolean),"
    " dropped AS (DELETE FROM token_modules g USING changed WHERE $8::boolean AND g.token = changed.number"
    "  AND NOT EXISTS (SELECT FROM wanted w WHERE w.module = g.module)),"
    " granted AS (INSERT INTO token_modules (account, token, module, access)"
    "  SELECT account, number, module, access FROM wanted"
    "  ON CONFLICT (token, module) DO UPDATE SET access = excluded.access)"
    TOLD ("token", "account"), true},

// No content type: no logo any more.
[TOKEN_LOGO_SET] = {"token_logo_set",
    "WITH changed AS ("
    " UPDATE tokens SET updated_at = to_timestamp ($4), revision = revision + 1"
    " WHERE number = $2::bigint AND revision = $3::bigint AND status <> 3"
    " RETURNING number, account, revision),"
    " removed AS (DELETE FROM token_logos l USING changed WHERE l.token = changed.number AND $5::text = ''),"
    " stored AS (INSERT INTO token_logos (account, token, content_type, digest, data)"
    "  SELECT account, number, $5::text, $6::bytea, $7::bytea FROM changed WHERE $5::text <> ''"
    "  ON CONFLICT (token) DO UPDATE SET content_type = excluded.content_type, digest = excluded.digest, data = excluded.data)"
    TOLD ("token", "account"), true},

// The data, unless its digest is $2.
[TOKEN_LOGO_GET] = {"token_logo_get",
    "SELECT " LOGO_COLUMN ", CASE WHEN encode (l.digest, 'hex') = $2::text THEN '' ELSE l.data END"
    " FROM token_logos l JOIN tokens t ON t.number = l.token WHERE l.token = $1::bigint AND t.status <> 3", false},

[TOKEN_ROTATE] = {"token_rotate",
    "WITH changed AS ("
    " UPDATE tokens SET old_digest = digest, digest = $4::bytea, grace_until = to_timestamp ($5),"
    "  last_rotated_at = to_timestamp ($6), updated_at = to_timestamp ($6), sealed_value = $7::bytea, revision = revision + 1"
    " WHERE number = $2::bigint AND revision = $3::bigint AND status <> 3"
    " RETURNING number, account, revision)"
    TOLD ("token", "account"), true},

[TOKEN_GET_SEALED] = {"token_get_sealed",
    "SELECT " TOKEN_COLUMNS ", coalesce (t.sealed_value, '') FROM tokens t"
    " WHERE t.number = $1::bigint AND t.status <> 3", false},

[TOKEN_REVEAL] = {"token_reveal",
    "WITH changed AS (SELECT number FROM tokens"
    "  WHERE number = $2::bigint AND revision = $3::bigint AND status <> 3 FOR UPDATE)"
    RECORDED, true},

// $1 the cursor, $2 the newest key's version as it begins what is sealed, $3 the limit. The count is the same in all rows.
[TOKEN_RESEAL_LIST] = {"token_reseal_list",
    "SELECT number, sealed_value, (SELECT count (*) FROM tokens WHERE sealed_value IS NOT NULL"
    "  AND number > $1::bigint AND substring (sealed_value FROM 1 FOR 4) <> $2::bytea)"
    " FROM tokens WHERE sealed_value IS NOT NULL AND number > $1::bigint"
    "  AND substring (sealed_value FROM 1 FOR 4) <> $2::bytea"
    " ORDER BY number LIMIT $3::bigint", false},

// Of each token: what was sealed before, and now. What somebody has changed since stays.
[TOKEN_RESEAL] = {"token_reseal",
    "WITH changed AS (UPDATE tokens t SET sealed_value = decode (v.new, 'hex')"
    " FROM unnest (string_to_array ($2, ',')::bigint[], string_to_array ($3, ','), string_to_array ($4, ','))"
    "  AS v (number, old, new)"
    " WHERE t.number = v.number AND t.sealed_value = decode (v.old, 'hex') RETURNING t.number),"
    " recorded AS (INSERT INTO outbox (record) SELECT ($1::bytea[])[1] WHERE EXISTS (SELECT FROM changed))"
    " SELECT count (*) FROM changed", true},

[TOKEN_STATUS] = {"token_status",
    "WITH changed AS ("
    " UPDATE tokens SET status = $4::smallint, revision = revision + 1, updated_at = to_timestamp ($5),"
    "  sealed_value = CASE WHEN $4::smallint = 3 THEN NULL ELSE sealed_value END"
    " WHERE number = $2::bigint AND revision = $3::bigint AND status <> 3"
    " RETURNING number, account, revision),"
    " bare AS (DELETE FROM token_logos l USING changed WHERE l.token = changed.number AND $4::smallint = 3),"
    " freed AS (UPDATE accounts SET live_tokens = live_tokens - 1"
    "  WHERE number = (SELECT account FROM changed) AND $4::smallint = 3)"
    TOLD ("token", "account"), true},

[TOKEN_NOTICE_LIST] = {"token_notice_list",
    "SELECT " TOKEN_COLUMNS ", " MICROSECONDS ("t.expires_at") ", " NOTICE_DAYS ("t.expires_at", "now ()") " FROM tokens t"
    " WHERE t.status <> 3 AND " NOTICE_AT " <= now () ORDER BY " NOTICE_AT " LIMIT $1::bigint", false},

// What another has locked, it is marking or changing: neither is waited for, so that this is part of no deadlock.
[TOKEN_NOTICE] = {"token_notice",
    "WITH given AS (SELECT * FROM unnest (string_to_array ($1, ',')::bigint[], string_to_array ($2, ',')::bigint[],"
    "  string_to_array ($3, ',')::bigint[], string_to_array ($4, ',')::smallint[], string_to_array ($5, ','))"
    "  AS g (number, revision, expiry, days, record)),"
    " due AS (SELECT t.number FROM tokens t JOIN given g ON g.number = t.number"
    "  WHERE t.status <> 3 AND t.revision = g.revision"
    "  AND t.expires_at = timestamptz 'epoch' + g.expiry * interval '1 microsecond'"
    "  AND (t.noticed_expiry IS DISTINCT FROM t.expires_at OR t.noticed_days > g.days)"
    "  FOR NO KEY UPDATE OF t SKIP LOCKED),"
    " marked AS (UPDATE tokens t SET noticed_expiry = t.expires_at, noticed_days = g.days"
    "  FROM due JOIN given g ON g.number = due.number WHERE t.number = due.number RETURNING g.days, g.record),"
    " recorded AS (INSERT INTO outbox (record) SELECT decode (record, 'hex') FROM marked WHERE days > 0)"
    " SELECT count (*), count (*) FILTER (WHERE days > 0) FROM marked", true},

IMPORT_STATEMENTS,

PREFIX_STATEMENTS,

[IDEMPOTENCY_GET] = {"idempotency_get",
    "SELECT method, sealed FROM idempotency_keys WHERE key = $1::bytea", false},

[IDEMPOTENCY_TIDY] = {"idempotency_tidy",
    "WITH gone AS (DELETE FROM idempotency_keys WHERE key = ANY (ARRAY ("
    "  SELECT key FROM idempotency_keys WHERE created_at < now() - make_interval (secs => $1::bigint)"
    "  ORDER BY created_at LIMIT $2::bigint)) RETURNING key)"
    " SELECT count (*) FROM gone", true},

[SCOPE_FIND] = {"scope_find", SCOPE_STATEMENT, false},

// The place of the first module that is neither enabled for the account nor the client's already; 0: there is none, or no such account.
[CLIENT_SCOPES] = {"client_scopes",
    "SELECT coalesce (min (i.n), 0) FROM unnest (string_to_array ($3, ',')) WITH ORDINALITY AS i (name, n)"
    " JOIN accounts a ON a.number = coalesce ((SELECT account FROM clients WHERE number = $2::bigint AND status <> 3), $1::bigint)"
    " WHERE NOT EXISTS (SELECT FROM modules m JOIN account_modules e ON e.module = m.number"
    "  WHERE m.name = i.name AND e.account = a.number AND e.enabled)"
    " AND NOT EXISTS (SELECT FROM clients c, unnest (c.scopes) s (text)"
    "  WHERE c.number = $2::bigint AND split_part (s.text, ':', 2) = i.name)", false},

[CLIENT_SECRET_ROTATE] = {"client_secret_rotate",
    "WITH changed AS ("
    " UPDATE clients SET old_secret_digest = CASE WHEN $6::bigint > 0 THEN secret_digest END,"
    "  secret_grace_until = CASE WHEN $6::bigint > 0 THEN to_timestamp ($6::bigint) END,"
    "  secret_digest = $5::bytea, secret_made_at = to_timestamp ($4), updated_at = to_timestamp ($4), revision = revision + 1"
    " WHERE number = $2::bigint AND revision = $3::bigint AND status <> 3"
    " RETURNING number, account, revision)"
    TOLD ("client", "account"), true},

RESOURCE_STATEMENTS,

FEED_STATEMENTS (FEED_BEGIN),

[STATEMENTS_END] = {NULL, NULL, false}};
// clang-format on
