// The statements of opaque access tokens: store_opaque.h.
#ifndef JETON_ISSUER_OPAQUE_STATEMENTS_H
#define JETON_ISSUER_OPAQUE_STATEMENTS_H

#include "services/issuer/statements.h"

// clang-format off
#define OPAQUE_COLUMNS "access_tokens (digest, day, client, customer, owner, environment, generation, issued_at, expires_at, scope)"
#define OPAQUE_STATEMENTS \
    /* Of all that are given in the same turn of the loop. */ \
    [OPAQUE_ADD] = {"opaque_add", \
        "WITH input AS MATERIALIZED (SELECT * FROM unnest ($1::bytea[], $2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::smallint[]," \
        "  $7::bigint[], $8::bigint[], $9::bigint[], $10::text[]) WITH ORDINALITY" \
        "  AS i (digest, day, client, customer, owner, environment, generation, issued, expiry, scope, n))," \
        " made AS (INSERT INTO " OPAQUE_COLUMNS \
        "  SELECT digest, day, client, customer, owner, environment, generation, to_timestamp (issued), to_timestamp (expiry), scope FROM input)" \
        " SELECT n FROM input", DB_MANY}, \
    /* The same of one, behind the refresh token ($11) that comes with it: where that was too late, there is neither. */ \
    [OPAQUE_ADD_ONE] = {"opaque_add_one", \
        "INSERT INTO " OPAQUE_COLUMNS " SELECT $1, $2::integer, $3::integer, $4::integer, $5::integer, $6::smallint, $7::bigint," \
        "  to_timestamp ($8::bigint), to_timestamp ($9::bigint), $10 WHERE EXISTS (SELECT FROM refresh_tokens WHERE digest = $11)", true}, \
    /* As JWT_REVOKE, if it is the client's and not of long ago. */ \
    [OPAQUE_REVOKE] = {"opaque_revoke", \
        "WITH r AS (INSERT INTO revoked_jwts (account, jti, expires_at)" \
        "  SELECT $4::bigint, $5, expires_at FROM access_tokens WHERE digest = $1 AND day = $2::integer AND client = $3::integer" \
        "   AND expires_at > now () - interval '1 hour' ON CONFLICT (account, jti) DO NOTHING RETURNING account)," \
        " c AS (INSERT INTO changes (kind, object, account, revision) SELECT 'token', $6::bigint, account, 1 FROM r)" \
        " INSERT INTO outbox (record) SELECT $7 FROM r", true},
// clang-format on

#endif
