// The statements of authorization codes: store_code.h.
#ifndef JETON_ISSUER_CODE_STATEMENTS_H
#define JETON_ISSUER_CODE_STATEMENTS_H

#include "services/issuer/refresh_statements.h"

#define CODE_LIFE                           "interval '60 seconds'" // CODE_LIFE_S
#define CODE_OWNERS(account, client, owner) "(1, " account "), (2, " client "), (3, " owner ")"

// clang-format off
#define CODE_STATEMENTS \
    /* One row always: compared byte by byte (RFC 9700 section 2.1). */ \
    [CODE_REDIRECT] = {"code_redirect", \
        "SELECT a.name FROM clients c JOIN accounts a ON a.number = c.account" \
        " WHERE c.number = $1::bigint AND c.status = 1 AND $2::text COLLATE \"C\" = ANY (c.redirect_uris)", false}, \
    /* All that was found true before is looked at again, in the statement that makes the code: the user, the login token ($8, $9) and the client may be good no longer. */ \
    [CODE_ADD] = {"code_add", \
        "WITH k AS (INSERT INTO authorization_codes (digest, account, client, owner, environment, scope, redirect_uri, challenge, generation, expires_at)" \
        "  SELECT $1, c.account, c.number, u.number, $4::smallint, $5, $6, $7," \
        "   " JWT_GENERATION_SQL ("c.account", CODE_OWNERS ("c.account", "c.number", "u.number")) ", clock_timestamp() + " CODE_LIFE \
        "  FROM clients c JOIN accounts a ON a.number = c.account JOIN users u ON u.account = c.account" \
        "  WHERE c.number = $2::bigint AND u.number = $3::bigint AND c.status = 1 AND a.status = 1 AND u.status = 1" \
        "  AND $6::text COLLATE \"C\" = ANY (c.redirect_uris) AND " JWT_STANDS_SQL ("c.account", "(1, c.account), (3, u.number)", "$8::text", "$9::bigint") \
        "  RETURNING digest)," \
        " o AS (INSERT INTO outbox (record) SELECT $10 FROM k)" \
        " SELECT count(*) FROM k", true}, \
    /* One row always. A code that was used has no row, but the family that it began has its digest. */ \
    [CODE_FIND] = {"code_find", \
        "SELECT coalesce(k.client, f.client), coalesce(f.number, 0), u.number, u.username, u.revision, u.status = 1," \
        " coalesce(k.environment, f.environment), coalesce(k.scope, f.scope), coalesce(k.generation, f.generation)," \
        " k.digest IS NULL OR k.expires_at <= clock_timestamp()" \
        "  OR k.generation <> " JWT_GENERATION_SQL ("k.account", CODE_OWNERS ("k.account", "k.client", "k.owner")) "," \
        " coalesce(k.redirect_uri, ''), coalesce(k.challenge, '')" \
        " FROM (VALUES (1)) one LEFT JOIN authorization_codes k ON k.digest = $1 LEFT JOIN refresh_families f ON f.code = $1" \
        " LEFT JOIN users u ON u.number = coalesce(k.owner, f.owner)", false}, \
    /* Who deletes the row has used the code, and nobody else can any more: who waited for the row finds none. */ \
    [CODE_USE] = {"code_use", \
        "WITH k AS (DELETE FROM authorization_codes WHERE digest = $1 AND expires_at > clock_timestamp() RETURNING *)," \
        " f AS (INSERT INTO refresh_families (account, client, owner, code, environment, scope, live, expires_at, jti, access_expires_at, generation)" \
        "  SELECT account, client, owner, digest, environment, $2, $3, now() + " REFRESH_LIFE ", $4, to_timestamp($5::bigint), generation FROM k" \
        "  RETURNING *)," \
        " t AS (INSERT INTO refresh_tokens (digest, family, jti, access_expires_at, expires_at)" \
        "  SELECT live, number, jti, access_expires_at, expires_at FROM f)" \
        " SELECT count(*) FROM f", true}, \
    [CODE_END] = {"code_end", \
        "WITH k AS (DELETE FROM authorization_codes WHERE digest = $1 RETURNING digest)," \
        " o AS (INSERT INTO outbox (record) SELECT $2 FROM k)" \
        " SELECT count(*) FROM k", true},
// clang-format on

#endif
