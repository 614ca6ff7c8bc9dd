// The statements of imports and exports of tokens, and of the prefixes of imported values: rows of statements.c's table, written with its words.
#ifndef JETON_ADMIN_IMPORT_STATEMENTS_H
#define JETON_ADMIN_IMPORT_STATEMENTS_H

// clang-format off
#define IMPORT_EXPIRY "to_timestamp (nullif (l.expires_at, 0))"

// IMPORT_LINES says of each line which token has one of its digests, or had.
// IMPORT is as TOKEN_CREATE, for many tokens of an account. $3 is how many; $4 to $20 have a value for each, $21 to $23 one for each grant, $24 are new prefixes.
#define IMPORT_STATEMENTS \
[IMPORT_ACCOUNT] = {"import_account", \
    "SELECT a.token_limit, a.live_tokens, (SELECT count (*) FROM foreign_prefixes)," \
    " (SELECT coalesce (string_agg (m.name || ':' || m.number || ':'" \
    "   || coalesce (e.enabled, false)::integer, ','), '')" \
    "  FROM modules m LEFT JOIN account_modules e ON e.account = a.number AND e.module = m.number" \
    "  WHERE m.name = ANY (string_to_array ($2, ',')))" \
    " FROM accounts a WHERE a.number = $1::bigint", false}, \
[IMPORT_PREFIXES] = {"import_prefixes", \
    "SELECT prefix FROM foreign_prefixes WHERE prefix = ANY ($1::text[])", false}, \
[IMPORT_LINES] = {"import_lines", \
    "SELECT coalesce (k.token, 0), coalesce (k.same, false)," \
    " CASE WHEN l.good AND k.token IS NULL THEN nextval ('tokens_number_seq') ELSE 0 END," \
    " coalesce (u.number, 0), coalesce (u.status, 0)" \
    " FROM unnest ($2::bytea[], $3::bytea[], $4::bytea[], $5::text[]," \
    "   string_to_array ($6, ',')::bigint[], string_to_array ($7, ',')::boolean[])" \
    "  WITH ORDINALITY AS l (digest, old_digest, line, owner_name, owner, good, at)" \
    " CROSS JOIN LATERAL (SELECT max (h.token) AS token, bool_or (h.same) AS same FROM (" \
    "   SELECT i.token, i.digest = l.digest AND i.line = l.line AS same FROM token_imports i" \
    "    WHERE i.digest = ANY (ARRAY[l.digest, l.old_digest])" \
    "   UNION ALL SELECT t.number, false FROM tokens t WHERE t.digest = ANY (ARRAY[l.digest, l.old_digest])" \
    "   UNION ALL SELECT t.number, false FROM tokens t WHERE t.old_digest = ANY (ARRAY[l.digest, l.old_digest])" \
    "  ) AS h (token, same)) AS k" \
    " LEFT JOIN LATERAL (" \
    "   SELECT o.number, o.status FROM users o WHERE o.number = l.owner AND o.account = $1::bigint" \
    "    AND o.status <> 3" \
    "   UNION ALL SELECT o.number, o.status FROM users o" \
    "    WHERE l.owner_name <> '' AND lower (o.username) = lower (l.owner_name) AND o.account = $1::bigint" \
    "     AND o.status <> 3" \
    "  ) AS u ON true" \
    " ORDER BY l.at", false}, \
[IMPORT] = {"import", \
    "WITH line AS (SELECT * FROM unnest (" \
    "   string_to_array ($4, ',')::bigint[], string_to_array ($5, ',')::bigint[], string_to_array ($6, ',')::smallint[]," \
    "   string_to_array ($7, ',')::smallint[], string_to_array ($8, ',')::bigint[], string_to_array ($9, ',')::bigint[]," \
    "   string_to_array ($10, ',')::integer[], string_to_array ($11, ',')::integer[], string_to_array ($12, ',')::bigint[]," \
    "   string_to_array ($13, ',')::bigint[], $14::text[], $15::text[], $16::text[], $17::text[]," \
    "   $18::bytea[], $19::bytea[], $20::bytea[])" \
    "  AS l (number, owner, kind, status, created_at, expires_at, per_minute, burst, grace_until, rotated_at," \
    "   name, description, allow_list, prefix, digest, old_digest, line))," \
    " grants AS (SELECT * FROM unnest (string_to_array ($21, ',')::bigint[], string_to_array ($22, ',')::bigint[]," \
    "   string_to_array ($23, ',')::smallint[]) AS g (token, module, access))," \
    " place AS (UPDATE accounts a SET live_tokens = live_tokens + $3::integer" \
    "  WHERE a.number = $2::bigint AND a.live_tokens + $3::integer <= a.token_limit" \
    "   AND NOT EXISTS (SELECT FROM (SELECT DISTINCT module FROM grants) g WHERE NOT EXISTS (" \
    "    SELECT FROM account_modules e WHERE e.account = a.number AND e.module = g.module AND e.enabled))" \
    "   AND NOT EXISTS (SELECT FROM (SELECT DISTINCT owner FROM line WHERE owner <> 0) o WHERE NOT EXISTS (" \
    "    SELECT FROM users u WHERE u.number = o.owner AND u.account = a.number AND u.status = 1))" \
    "  RETURNING a.number)," \
    " prefixed AS (INSERT INTO foreign_prefixes (prefix) SELECT p FROM place, unnest ($24::text[]) AS p" \
    "  ON CONFLICT DO NOTHING)," \
    " changed AS (INSERT INTO tokens (number, account, owner, name, description, kind, environment, status, digest," \
    "   created_by_id, created_by_name, created_at, updated_at, expires_at, allow_list, rate_per_minute, rate_burst," \
    "   old_digest, grace_until, last_rotated_at, prefix, noticed_expiry, noticed_days)" \
    "  SELECT l.number, place.number, nullif (l.owner, 0), l.name, l.description, l.kind," \
    "   CASE WHEN l.kind = 4 THEN 2 ELSE 1 END, l.status, l.digest, $26::text, $27::text," \
    "   to_timestamp (l.created_at), to_timestamp ($25), " IMPORT_EXPIRY "," \
    "   string_to_array (l.allow_list, ',')::cidr[], nullif (l.per_minute, 0), nullif (l.burst, 0), l.old_digest," \
    "   to_timestamp (nullif (l.grace_until, 0)), to_timestamp (nullif (l.rotated_at, 0)), nullif (l.prefix, '')," \
    "   " NOTICED_EXPIRY (IMPORT_EXPIRY, "to_timestamp ($25)") ", " NOTICE_DAYS (IMPORT_EXPIRY, "to_timestamp ($25)") \
    "  FROM line l, place RETURNING number, account, revision)," \
    " granted AS (INSERT INTO token_modules (account, token, module, access)" \
    "  SELECT place.number, g.token, g.module, g.access FROM grants g, place)," \
    " imported AS (INSERT INTO token_imports (digest, line, account, token)" \
    "  SELECT l.digest, l.line, place.number, l.number FROM line l, place)," \
    " told AS (INSERT INTO changes (kind, object, account, revision)" \
    "  SELECT 'token', number, account, revision FROM changed)," \
    " recorded AS (INSERT INTO outbox (record)" \
    "  SELECT r.record FROM place, unnest ($1::bytea[]) WITH ORDINALITY AS r (record, at) ORDER BY r.at)" \
    " SELECT number FROM place", true}, \
[EXPORT] = {"export", \
    "SELECT t.number, t.account, encode (t.digest, 'hex'), coalesce (t.prefix, ''), t.name, t.description, t.kind," \
    " " TOKEN_GRANTS ", coalesce (u.username, ''), " SECONDS ("t.expires_at") "," \
    " array_to_string (t.allow_list, ','), coalesce (t.rate_per_minute, 0), coalesce (t.rate_burst, 0), t.status," \
    " " SECONDS ("t.created_at") ", coalesce (encode (t.old_digest, 'hex'), ''), " SECONDS ("t.grace_until") "," \
    " " SECONDS ("t.last_rotated_at") \
    " FROM tokens t LEFT JOIN users u ON u.number = t.owner" \
    " WHERE t.number > $1::bigint AND t.account = $3::bigint AND t.status <> 3" \
    "  AND (t.expires_at IS NULL OR t.expires_at > now ())" \
    " ORDER BY t.number LIMIT $2::bigint", false}

// The value that was imported may still be accepted: it is the token's, or what the token had before is.
#define VALUE_LIVE \
    "t.status <> 3 AND (t.grace_until > now () OR EXISTS (SELECT FROM token_imports i WHERE i.digest = t.digest))"
#define PREFIX_COLUMNS \
    "p.prefix, " SECONDS ("p.created_at") ", (SELECT count (*) FROM" \
    "  (SELECT FROM tokens t WHERE t.prefix = p.prefix AND " VALUE_LIVE " LIMIT 1000) AS l)"

// PREFIX_RELEASE: tokens that have no such value any more let go of the prefix: $2 of them at most. What somebody is changing is passed over, and found again.
// PREFIX_REMOVE: the foreign key keeps it while a token has it.
#define PREFIX_STATEMENTS \
[PREFIX_LIST] = {"prefix_list", "SELECT " PREFIX_COLUMNS " FROM foreign_prefixes p ORDER BY p.prefix", false}, \
[PREFIX_GET] = {"prefix_get", "SELECT " PREFIX_COLUMNS " FROM foreign_prefixes p WHERE p.prefix = $1", false}, \
[PREFIX_RELEASE] = {"prefix_release", \
    "WITH released AS (UPDATE tokens SET prefix = NULL WHERE number = ANY (ARRAY (" \
    "  SELECT t.number FROM tokens t WHERE t.prefix = $1 AND NOT (" VALUE_LIVE ")" \
    "  ORDER BY t.number LIMIT $2::bigint FOR NO KEY UPDATE SKIP LOCKED)) RETURNING number)" \
    " SELECT count (*) FROM released", true}, \
[PREFIX_REMOVE] = {"prefix_remove", \
    "WITH changed AS (DELETE FROM foreign_prefixes WHERE prefix = $2 RETURNING 1 AS number)" RECORDED, true}
// clang-format on

#endif
