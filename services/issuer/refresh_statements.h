// The statements of refresh tokens: store_refresh.h.
#ifndef JETON_ISSUER_REFRESH_STATEMENTS_H
#define JETON_ISSUER_REFRESH_STATEMENTS_H

#include "common/caller/revoked.h"
#include "services/issuer/statements.h"

#define REFRESH_LIFE "interval '336 hours'" // R18

// clang-format off
#define REFRESH_STATEMENTS \
    /* A family begins with its first token. $7 and $8: the access token that is given with it. */ \
    [REFRESH_BEGIN] = {"refresh_begin", \
        "WITH f AS (INSERT INTO refresh_families (account, client, customer, environment, scope, live, expires_at, jti, access_expires_at, generation)" \
        "  VALUES ($1::bigint, $2::bigint, $3::bigint, $4::smallint, $5, $6, now() + " REFRESH_LIFE ", $7, to_timestamp($8::bigint), $9::bigint)" \
        "  RETURNING *)" \
        " INSERT INTO refresh_tokens (digest, family, jti, access_expires_at, expires_at)" \
        "  SELECT live, number, jti, access_expires_at, expires_at FROM f", true}, \
    /* One row always, as above. $2: for how many seconds a use is answered again. */ \
    [REFRESH_FIND] = {"refresh_find", \
        "SELECT f.number, f.client, coalesce(f.customer, 0), coalesce(f.owner, 0), coalesce(c.customer_group, 0), coalesce(c.email, u.username)," \
        " coalesce(c.revision, u.revision), coalesce(c.status, u.status) = 1, f.environment, f.scope," \
        " f.generation, f.revoked_at IS NOT NULL OR t.expires_at <= clock_timestamp()" \
        "  OR f.generation <> " JWT_GENERATION_SQL ("f.account", "(1, f.account), (2, f.client), (3, f.owner), (4, f.customer)") "," \
        " t.used_at IS NOT NULL," \
        " CASE WHEN t.used_at + make_interval(secs => $2::integer) > clock_timestamp() THEN t.reply END" \
        " FROM (VALUES (1)) one LEFT JOIN (refresh_tokens t JOIN refresh_families f ON f.number = t.family" \
        "  LEFT JOIN customers c ON c.number = f.customer LEFT JOIN users u ON u.number = f.owner) ON t.digest = $1", false}, \
    /* The family's row says which token is good: who changes it from $2 to $4 has used $2, and nobody else can any more. Who waited for the row looks at it again, as it is */ \
    /* now. */ \
    [REFRESH_ROTATE] = {"refresh_rotate", \
        "WITH f AS (UPDATE refresh_families SET live = $4, jti = $5, access_expires_at = to_timestamp($6::bigint), expires_at = now() + " REFRESH_LIFE \
        "  WHERE number = $1::bigint AND live = $2 AND revoked_at IS NULL AND expires_at > clock_timestamp()" \
        "  RETURNING number, jti, access_expires_at, expires_at)," \
        " u AS (UPDATE refresh_tokens SET used_at = clock_timestamp(), reply = $3 FROM f WHERE digest = $2)," \
        " n AS (INSERT INTO refresh_tokens (digest, family, jti, access_expires_at, expires_at)" \
        "  SELECT $4, number, jti, access_expires_at, expires_at FROM f)" \
        " SELECT count(*) FROM f", true}, \
    /* The access tokens that came with the family's tokens go too, the newest $3. Of the newest the family's row knows, which is read when it is locked. Once is enough. */ \
    [REFRESH_REVOKE] = {"refresh_revoke", \
        "WITH f AS (UPDATE refresh_families SET revoked_at = now() WHERE number = $1::bigint AND revoked_at IS NULL" \
        "  RETURNING number, account, customer, owner, jti, access_expires_at)," \
        " e AS (UPDATE refresh_tokens t SET reply = NULL FROM f WHERE t.family = f.number AND t.reply IS NOT NULL)," \
        " j AS (INSERT INTO revoked_jwts (account, jti, expires_at)" \
        "  SELECT account, jti, access_expires_at FROM f UNION" \
        "  SELECT f.account, t.jti, t.access_expires_at FROM f CROSS JOIN LATERAL (SELECT * FROM refresh_tokens o WHERE o.family = f.number" \
        "   AND o.access_expires_at > now() - interval '1 hour' ORDER BY o.created_at DESC LIMIT $3::bigint) t" \
        "  ON CONFLICT (account, jti) DO NOTHING)," \
        " c AS (INSERT INTO changes (kind, object, account, revision) " \
        "  SELECT CASE WHEN owner IS NULL THEN 'customer' ELSE 'user' END, coalesce(customer, owner), account, 1 FROM f)" \
        " INSERT INTO outbox (record) SELECT $2 FROM f", true}, \
    /* Issuers do not wait for each other. */ \
    [REFRESH_ERASE] = {"refresh_erase", \
        "WITH e AS (UPDATE refresh_tokens SET reply = NULL WHERE digest IN (SELECT digest FROM refresh_tokens" \
        "  WHERE reply IS NOT NULL AND used_at <= clock_timestamp() - make_interval(secs => $1::integer)" \
        "  ORDER BY used_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED) RETURNING digest)" \
        " SELECT count(*) FROM e", true},
// clang-format on

#endif
