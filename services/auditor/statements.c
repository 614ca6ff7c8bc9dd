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
                false},
    [APPEND] = {"auditor_append",
                "INSERT INTO trail (sequence, record, digest, event, object_id, actor_id,"
                " account_id, time_us, visibility)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
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
    [CHANGES_TRIM] = {"auditor_changes_trim",
                      "WITH gone AS (DELETE FROM changes WHERE id IN"
                      " (SELECT id FROM changes WHERE xid < $1::text::xid8 ORDER BY xid"
                      "  LIMIT $2::bigint) RETURNING id) SELECT count(*) FROM gone",
                      true},
    {NULL, NULL, false},
};
