// The statements.
#include "services/auditor/statements.h"
#include "common/caller/caller.h"

// All lists take the same parameters: $1 before, $2 limit, $3 object, $4 actor, $5 account, $6 event, $7 and $8 the range of event names
// that have a prefix, $9 from, $10 until, $11 private ones too.
//
// Each page must be read from the index of its leading filter, in order, and stop when it is full, whatever values are asked for; three
// things bring a generic plan to do that, and EXPLAIN shows it. The other filters are one expression, of which the planner assumes that half of
// the rows pass, instead of multiplying the odds of each. The leading one is written as a range, and leads the order too, so that
// the primary key cannot give that order: read backwards for something rare, it would be read to its end. And the inner limit, which says
// nothing that the outer one does not, is a number that the planner can see.
#define LIST_MATCHES                                                                               \
    " trail.sequence < $1::bigint AND coalesce ("                                                  \
    " ($3::text IS NULL OR trail.object_id = $3)"                                                  \
    " AND ($4::text IS NULL OR trail.actor_id = $4)"                                               \
    " AND ($5::text IS NULL OR trail.account_id = $5)"                                             \
    " AND ($6::text IS NULL OR trail.event = $6)"                                                  \
    " AND ($7::text IS NULL OR (trail.event ~>=~ $7 AND trail.event ~<~ $8::text))"                \
    " AND ($9::bigint IS NULL OR trail.time_us >= $9)"                                             \
    " AND ($10::bigint IS NULL OR trail.time_us < $10)"                                            \
    " AND ($11::boolean OR trail.visibility = 1), false)"
#define LIST_FROM(leading, order)                                                                  \
    "SELECT sequence, record FROM trail WHERE " leading LIST_MATCHES " ORDER BY " order            \
    " trail.sequence DESC LIMIT 501"
#define LIST_BY(leading, order)                                                                    \
    "SELECT sequence, record FROM (" LIST_FROM (leading, order) ") page"                           \
                                                                " LIMIT $2::bigint"
#define LIST_BY_ID(column, value)                                                                  \
    LIST_BY (column " >= " value " AND " column " <= " value " AND", column " DESC,")
#define EVENT_IS(value) "trail.event ~>=~ " value " AND trail.event ~<=~ " value " AND"
#define EVENT_ORDER     "trail.event USING ~>~,"

// What was dropped, as a row without a record, before the records of the query: from the same snapshot, so that no drop in between can
// make a gap that nobody sees.
#define KEPT(query)                                                                                \
    "SELECT sequence, record FROM"                                                                 \
    " (SELECT coalesce (max (last), 0) AS sequence, NULL::bytea AS record, 0 AS kind"              \
    "   FROM trail_drops"                                                                          \
    "  UNION ALL SELECT sequence, record, 1 FROM (" query ") kept) rows ORDER BY kind, sequence"

// What a page looks at, and of that the rows that are wanted; the last row that it looked at comes too, so that the next page begins there.
#define USE_PAGE(page, matches, order)                                                             \
    "WITH page AS MATERIALIZED (" page "), marked AS (SELECT p.*, coalesce (" matches              \
    ", false) AS matches, row_number () OVER (ORDER BY " order                                     \
    ") AS row, count (*) OVER () AS rows FROM page p)"                                             \
    " SELECT id, second, count, account, token, \"user\", coalesce (jti, ''), module, peer,"       \
    " coalesce (host (address), ''), access, environment, decision, reason, client, customer,"     \
    " grant_type, matches, rows"                                                                   \
    " FROM marked WHERE matches OR row = rows ORDER BY row"
// Filters that no index leads, by the parameters from the first one on: account, module, decision, whether grants are wanted, user, client.
#define USE_MATCHES(account, module, decision, grants, user, client)                               \
    "(" account "::bigint IS NULL OR p.account = " account ")"                                     \
    " AND (" module "::text IS NULL OR p.module = " module ")"                                     \
    " AND (" decision "::smallint IS NULL OR p.decision = " decision ")"                           \
    " AND (" grants "::boolean IS NULL OR (p.grant_type <> 0) = " grants ")"                       \
    " AND (" user "::bigint IS NULL OR p.\"user\" = " user ")"                                     \
    " AND (" client "::integer IS NULL OR p.client = " client ")"
// $1 and $2 second and id of the row before, $3 rows to look at, $4 rows wanted, $5 the leading filter, $6 from, $7 until, then those of USE_MATCHES.
// What leads is a range, as in the lists of the trail, and for the same reason. As rows, the ranges begin and end where the page does.
#define USE_LIST_OF(where, order)                                                                  \
    USE_PAGE ("SELECT * FROM use_log l WHERE " where " AND l.second < $7::bigint ORDER BY " order  \
              " l.second DESC, l.id DESC LIMIT $3::bigint",                                        \
              USE_MATCHES ("$8", "$9", "$10", "$11", "$12", "$13"), "p.second DESC, p.id DESC")    \
    " LIMIT $4::bigint"
#define USE_LIST_BY(column, type, there)                                                           \
    USE_LIST_OF (column there " AND (" column ", l.second, l.id) < ($5::" type                     \
                              ", $1::bigint, $2::bigint)"                                          \
                              " AND (" column ", l.second) >= ($5, $6::bigint)",                   \
                 column " DESC,")
// $1 and $2 day and token of the row before, $3 from, $4 until, $5 rows wanted, $6 the leading filter, $7 account.
#define USE_DAYS_BY(leading)                                                                       \
    "SELECT token, account, day, allowed, denied FROM use_days WHERE " leading                     \
    " (day, token) < ($1::integer, $2::bigint) AND day >= $3::integer AND day < $4::integer"       \
    " AND ($7::bigint IS NULL OR account = $7) ORDER BY day DESC, token DESC LIMIT $5::bigint"

const struct db_statement store_statements[] = {
    [PUBLIC_KEYS] = {"auditor_public_keys", KEYS_SQL, false},
    [CALLER] = {"auditor_caller", CALLER_SQL ("NULL", "NULL"), false},
    // "jetonaud" as a number.
    [LOCK] = {"auditor_lock", "SELECT pg_try_advisory_lock (7666661962610210148)", true},
    [HEAD] = {"auditor_head",
              "SELECT coalesce (t.sequence, 0), t.digest, c.covered,"
              "  (SELECT coalesce (max (last), 0) FROM trail_drops)"
              " FROM (SELECT coalesce (max (sequence), 0) AS covered FROM checkpoints) c"
              " LEFT JOIN (SELECT sequence, digest FROM trail ORDER BY sequence DESC LIMIT 1) t"
              " ON true",
              false},
    [OUTBOX] = {"auditor_outbox", "SELECT id, record FROM outbox ORDER BY id LIMIT $1::bigint",
                DB_BINARY},
    // Columns of as many entries as there are.
    [APPEND] = {"auditor_append",
                "INSERT INTO trail (sequence, record, digest, event, object_id, actor_id,"
                " account_id, time_us, visibility)"
                " SELECT unnest ($1::bigint[]), unnest ($2::bytea[]), unnest ($3::bytea[]),"
                "  unnest ($4::text[]), unnest ($5::text[]), unnest ($6::text[]),"
                "  unnest ($7::text[]), unnest ($8::bigint[]), unnest ($9::smallint[])",
                true},
    [TAKEN] = {"auditor_taken", "DELETE FROM outbox WHERE id = ANY ($1::bigint[])", true},
    [CHECKPOINT] = {"auditor_checkpoint",
                    "INSERT INTO checkpoints (sequence, digest, time_us, key_id, signature)"
                    " VALUES ($1, $2, $3, $4, $5)",
                    true},
    [LIST] = {"auditor_list", LIST_BY ("", ""), false},
    [LIST_OBJECT] = {"auditor_list_object", LIST_BY_ID ("trail.object_id", "$3"), false},
    [LIST_ACTOR] = {"auditor_list_actor", LIST_BY_ID ("trail.actor_id", "$4"), false},
    [LIST_ACCOUNT] = {"auditor_list_account", LIST_BY_ID ("trail.account_id", "$5"), false},
    [LIST_EVENT] = {"auditor_list_event", LIST_BY (EVENT_IS ("$6"), EVENT_ORDER), false},
    // The names that begin with the prefix are few: step from one to the next along the index, and take the newest of each.
    [LIST_EVENTS] =
        {"auditor_list_events",
         "WITH RECURSIVE names (event) AS ("
         " (SELECT event FROM trail WHERE event ~>=~ $7 AND event ~<~ $8"
         "  ORDER BY event USING ~<~ LIMIT 1)"
         " UNION ALL"
         " SELECT (SELECT t.event FROM trail t WHERE t.event ~>~ names.event AND t.event ~<~ $8"
         "  ORDER BY t.event USING ~<~ LIMIT 1) FROM names WHERE names.event IS NOT NULL)"
         " SELECT r.sequence, r.record FROM names CROSS JOIN LATERAL"
         " (" LIST_FROM (EVENT_IS ("names.event"),
                         EVENT_ORDER) ") r"
                                      " WHERE names.event IS NOT NULL ORDER BY "
                                      "r.sequence DESC LIMIT $2::bigint",
         false},
    [LIST_TIME] = {"auditor_list_time",
                   LIST_BY ("trail.time_us >= coalesce ($9::bigint, 0) AND"
                            " trail.time_us < coalesce ($10::bigint, 9223372036854775807) AND",
                            ""),
                   false},
    [RECORD] = {"auditor_record", KEPT ("SELECT sequence, record FROM trail WHERE sequence = $1"),
                false},
    [FOLLOW] = {"auditor_follow",
                KEPT ("SELECT sequence, record FROM trail WHERE sequence > $1 AND sequence <= $2"
                      " ORDER BY sequence LIMIT $3::bigint"),
                false},
    [FOLLOW_ACCOUNT] = {"auditor_follow_account",
                        KEPT ("SELECT sequence, record FROM trail"
                              " WHERE account_id = $4 AND sequence > $1 AND sequence <= $2"
                              " AND ($5::boolean OR visibility = 1)"
                              " ORDER BY sequence LIMIT $3::bigint"),
                        false},
    // Drops before entries, each entry before its checkpoint; checkpoints of what was dropped come with the drop.
    [EXPORT] = {"auditor_export",
                "SELECT * FROM"
                " ((SELECT 1 AS kind, sequence, digest, time_us, record, event,"
                "    object_id, actor_id, account_id, visibility,"
                "    NULL::bytea AS key_id, NULL::bytea AS signature,"
                "    NULL::bigint AS first, NULL::bytea AS digest_before, NULL::bigint AS told"
                "   FROM trail WHERE sequence > $1 AND sequence <= $2"
                "   ORDER BY sequence LIMIT $5::bigint)"
                " UNION ALL"
                "  (SELECT 2, sequence, digest, time_us, NULL, NULL, NULL, NULL, NULL, NULL,"
                "    key_id, signature, NULL, NULL, NULL"
                "   FROM checkpoints WHERE sequence > $3 AND sequence <= $4"
                "    AND sequence > (SELECT coalesce (max (last), 0) FROM trail_drops)"
                "   ORDER BY sequence LIMIT $5::bigint)"
                " UNION ALL"
                "  (SELECT 0, d.last, c.digest, c.time_us, NULL, NULL, NULL, NULL, NULL, NULL,"
                "    c.key_id, c.signature, d.first, d.digest_before, d.record"
                "   FROM trail_drops d LEFT JOIN checkpoints c ON c.sequence = d.last"
                "   WHERE d.last > $1 ORDER BY d.last LIMIT $5::bigint)) items"
                " ORDER BY kind = 0 DESC, sequence, kind LIMIT $5::bigint",
                false},
    // $1 days that a partition takes records for, $2 days that it is kept (0: for ever), $3 the digest before the first record.
    [PARTITIONS] =
        {"auditor_partitions",
         "SELECT o.first,"
         "  to_regclass ('public.' || o.name) IS NULL,"
         "  o.opened_at <= now () - make_interval (days => $1::integer),"
         "  old.first, old.next - 1, coalesce (b.digest, $3::bytea), c.digest, c.time_us,"
         "  c.key_id, c.signature"
         " FROM partitions o LEFT JOIN"
         "  (SELECT p.first, p.next, p.closed_at FROM partitions p"
         "   WHERE p.parent = 'trail' ORDER BY p.first LIMIT 1) old"
         "  ON $2::integer > 0 AND old.closed_at <= now () - make_interval (days =>"
         "   greatest ($2::integer, (SELECT keep_days_min FROM partitioned_tables"
         "    WHERE name = 'trail')))"
         " LEFT JOIN checkpoints b ON b.sequence = old.first - 1"
         " LEFT JOIN checkpoints c ON c.sequence = old.next - 1"
         " WHERE o.parent = 'trail' AND o.closed_at IS NULL",
         false},
    [CLOSE] = {"auditor_close", "SELECT trail_partition_close ()", true},
    [DROP] = {"auditor_drop", "SELECT trail_partition_drop ($1::integer, $2::bigint, $3::bigint)",
              true},
    [CHANGES_HORIZON] = {"auditor_changes_horizon",
                         "SELECT pg_snapshot_xmin (pg_current_snapshot ())::text::bigint", false},
    [CHANGES_TRIM] =
        {"auditor_changes_trim",
         "WITH gone AS (DELETE FROM changes WHERE id IN"
         " (SELECT id FROM changes WHERE xid < $1::text::xid8 ORDER BY xid"
         "  LIMIT $2::bigint) RETURNING id),"
         // Tokens that have expired need no revocation, once it is later by all clocks.
         " expired AS (DELETE FROM revoked_jwts WHERE (account, jti) IN"
         " (SELECT account, jti FROM revoked_jwts"
         "  WHERE expires_at < now() - interval '1 hour' ORDER BY expires_at"
         "  LIMIT $2::bigint)),"
         // Refresh tokens and their families, likewise: what is unknown is as little good as what has expired.
         " used AS (DELETE FROM refresh_tokens WHERE digest IN"
         " (SELECT digest FROM refresh_tokens"
         "  WHERE expires_at < now() - interval '1 hour' ORDER BY expires_at"
         "  LIMIT $2::bigint)),"
         " codes AS (DELETE FROM authorization_codes WHERE digest IN"
         " (SELECT digest FROM authorization_codes"
         "  WHERE expires_at < now() - interval '1 hour' ORDER BY expires_at"
         "  LIMIT $2::bigint)),"
         " families AS (DELETE FROM refresh_families WHERE number IN"
         " (SELECT number FROM refresh_families"
         "  WHERE expires_at < now() - interval '2 hours' ORDER BY expires_at"
         "  LIMIT $2::bigint)) SELECT count(*) FROM gone",
         true},
    // $1 source, $2 sequence, $3 rows, then a column each: unnested side by side, which costs less than unnest of many, that keeps each in a store of its own. An array may be empty where a column was left out. Who inserts holds use_head until the commit: numbers are given in the order of commits.
    [USE_TAKE] =
        {"auditor_use_take",
         "WITH taken AS (INSERT INTO use_sources AS s (source, sequence, taken_at)"
         "  VALUES ($1::bytea, $2::bigint, now ()) ON CONFLICT (source) DO UPDATE"
         "  SET sequence = excluded.sequence, taken_at = excluded.taken_at"
         "  WHERE s.sequence < excluded.sequence RETURNING 1),"
         " head AS (UPDATE use_head SET last = last + $3::bigint"
         "  WHERE EXISTS (SELECT FROM taken) RETURNING last - $3 AS base),"
         " logged AS (INSERT INTO use_log (id, second, count, account, token, \"user\", jti, "
         "module,"
         "   peer, address, access, environment, decision, reason, client, customer, grant_type)"
         "  SELECT head.base + r.n, r.second, r.count, r.account, r.token, r.owner, r.jti, "
         "r.module,"
         "   r.peer, r.address, r.access, r.environment, r.decision, r.reason, "
         "   coalesce (r.client, 0), coalesce (r.customer, 0), coalesce (r.grant_type, 0)"
         "  FROM head, (SELECT generate_series (1, $3::bigint) AS n,"
         "   unnest ($4::bigint[]) AS second, unnest ($5::bigint[]) AS count,"
         "   unnest ($6::bigint[]) AS account, unnest ($7::bigint[]) AS token,"
         "   unnest ($8::bigint[]) AS owner, unnest ($9::text[]) AS jti,"
         "   unnest ($10::text[]) AS module, unnest ($11::text[]) AS peer,"
         "   unnest ($12::inet[]) AS address, unnest ($13::smallint[]) AS access,"
         "   unnest ($14::smallint[]) AS environment, unnest ($15::smallint[]) AS decision,"
         "   unnest ($16::smallint[]) AS reason, unnest ($17::integer[]) AS client,"
         "   unnest ($18::integer[]) AS customer, unnest ($19::smallint[]) AS grant_type) r)"
         " SELECT count (*) FROM head",
         true},
    [USE_LIST] = {"auditor_use_list",
                  USE_LIST_OF ("$5::bigint IS NULL AND (l.second, l.id) < ($1::bigint, $2::bigint)"
                               " AND l.second >= $6::bigint",
                               ""),
                  false},
    [USE_LIST_TOKEN] = {"auditor_use_list_token", USE_LIST_BY ("l.token", "bigint", " <> 0"),
                        false},
    [USE_LIST_JTI] = {"auditor_use_list_jti", USE_LIST_BY ("l.jti", "text", " IS NOT NULL"), false},
    [USE_LIST_ACCOUNT] = {"auditor_use_list_account", USE_LIST_BY ("l.account", "bigint", " <> 0"),
                          false},
    [USE_FOLLOW] = {"auditor_use_follow",
                    USE_PAGE (
                        "SELECT * FROM use_log WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint",
                        "($3::bigint IS NULL OR p.token = $3) AND ($4::text IS NULL OR p.jti = $4)"
                        " AND " USE_MATCHES ("$5", "$6", "$7", "$8", "$9", "$10"),
                        "id"),
                    false},
    [USE_HEAD] = {"auditor_use_head", "SELECT last FROM use_head", false},
    [USE_DAYS] = {"auditor_use_days", USE_DAYS_BY ("$6::bigint IS NULL AND"), false},
    [USE_DAYS_TOKEN] = {"auditor_use_days_token", USE_DAYS_BY ("token = $6::bigint AND"), false},
    [USE_DAYS_ACCOUNT] = {"auditor_use_days_account", USE_DAYS_BY ("account = $6::bigint AND"),
                          false},
    // $1 rows at most. use_fold has one row, which the planner is told; and of "grant_type < 1" it assumes that many rows are (all validations, in
    // fact), so that it adds them up by hashing. To be given a token is no use of it. A clock that was ahead must not keep
    // later uses from showing.
    [USE_FOLD] = {"auditor_use_fold",
                  "WITH step AS MATERIALIZED (SELECT folded FROM use_fold LIMIT 1 FOR UPDATE),"
                  " rows AS MATERIALIZED (SELECT id, token, account, second, count, decision,"
                  "   grant_type FROM use_log WHERE id > (SELECT folded FROM step)"
                  "  ORDER BY id LIMIT $1::bigint),"
                  " done AS (UPDATE use_fold SET folded = r.last"
                  "  FROM (SELECT max (id) AS last FROM rows) r WHERE r.last IS NOT NULL),"
                  " used AS MATERIALIZED (SELECT token, second / 86400 AS day,"
                  "   max (account) AS account,"
                  "   coalesce (sum (count) FILTER (WHERE decision = 1), 0) AS allowed,"
                  "   coalesce (sum (count) FILTER (WHERE decision <> 1), 0) AS denied,"
                  "   max (second) FILTER (WHERE decision = 1) AS last"
                  "  FROM rows WHERE token <> 0 AND grant_type < 1 GROUP BY 1, 2),"
                  " days AS (INSERT INTO use_days AS d (token, day, account, allowed, denied)"
                  "  SELECT token, day, account, allowed, denied FROM used ORDER BY 1, 2"
                  "  ON CONFLICT (token, day) DO UPDATE SET allowed = d.allowed + excluded.allowed,"
                  "   denied = d.denied + excluded.denied),"
                  " shown AS (INSERT INTO token_use AS u (token, last_second)"
                  "  SELECT token, least (max (last), extract (epoch FROM now ())::bigint)"
                  "  FROM used WHERE last IS NOT NULL GROUP BY token ORDER BY 1"
                  "  ON CONFLICT (token) DO UPDATE"
                  "  SET last_second = greatest (u.last_second, excluded.last_second))"
                  " SELECT count (*) FROM rows",
                  true},
    // $1 after this token, $2 so many at most, $3 seconds that what is shown may be behind. What another transaction has locked waits for
    // the next round. Gives the last token of a full page, 0: the round is over.
    [USE_SHOW] =
        {"auditor_use_show",
         "WITH page AS MATERIALIZED (SELECT token, last_second FROM token_use"
         "  WHERE token > $1::bigint ORDER BY token LIMIT $2::bigint),"
         " due AS (SELECT t.number, to_timestamp (p.last_second) AS used FROM page p"
         "  JOIN tokens t ON t.number = p.token WHERE t.last_access_at IS NULL"
         "   OR t.last_access_at <= to_timestamp (p.last_second - $3::bigint)"
         "   OR p.last_second <= extract (epoch FROM now ()) - $3"
         "  ORDER BY t.number FOR NO KEY UPDATE OF t SKIP LOCKED),"
         " shown AS (UPDATE tokens t SET last_access_at = greatest (t.last_access_at, due.used)"
         "  FROM due WHERE t.number = due.number RETURNING t.number),"
         " gone AS (DELETE FROM token_use u USING page p, shown s"
         "  WHERE u.token = p.token AND s.number = p.token AND u.last_second = p.last_second)"
         " SELECT CASE WHEN count (*) = $2 THEN max (token) ELSE 0 END FROM page",
         true},
    [USE_AHEAD] = {"auditor_use_ahead", "SELECT 0 FROM use_partition_ahead ()", true},
    [USE_CLOSE] = {"auditor_use_close",
                   "SELECT use_partition_close ($1::integer, $2::bigint)::integer", true},
    [USE_DROP] = {"auditor_use_drop", "SELECT use_partition_drop ($1::integer)::integer", true},
    [USE_DAYS_DROP] = {"auditor_use_days_drop",
                       "WITH gone AS (DELETE FROM use_days d USING (SELECT token, day FROM use_days"
                       "  WHERE day < extract (epoch FROM now ())::bigint / 86400 - $1::bigint"
                       "  ORDER BY day, token LIMIT $2::bigint) old"
                       "  WHERE d.token = old.token AND d.day = old.day RETURNING 1)"
                       " SELECT count (*) FROM gone",
                       true},
    [ACCESS_AHEAD] = {"auditor_access_ahead", "SELECT access_partitions_ahead ()", true},
    [ACCESS_DROP] = {"auditor_access_drop", "SELECT access_partitions_drop ($1::integer)", true},
    {NULL, NULL, false},
};
