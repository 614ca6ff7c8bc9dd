// Signed tokens that were revoked before they expire (R25), in SQL: for those who make them, and for those who look whether one still stands.
//
// One alone is revoked by a row with its account and jti. All of an account, client, user or customer are revoked by counting: each of these has a generation, which
// begins at 0 and rises by one, and a token says the sum of those that it stands on as they were when it was made. It is good while that is the sum. No clock is asked:
// what was made before is refused, what is made afterwards is not, whatever second it is.
#ifndef JETON_CALLER_REVOKED_H
#define JETON_CALLER_REVOKED_H

#include <stdint.h>

// Whose tokens: jwt_generations.kind.
enum jwt_owner { JWT_OF_ACCOUNT = 1, JWT_OF_CLIENT, JWT_OF_USER, JWT_OF_CUSTOMER };

// What is added to the issuer's audience in `aud` of a customer's token (R22), which is no access token by itself.
#define JWT_OF_CUSTOMER_AUDIENCE "/customer"

// The claim that has the sum; 0 where there is none.
#define JWT_GENERATION_CLAIM "generation"

// The sum now. `owners`: SQL, "(1, c.account), (2, c.number)", all of `account`.
#define JWT_GENERATION_SQL(account, owners)                                                        \
    "(SELECT coalesce (sum (generation), 0)::bigint FROM jwt_generations"                          \
    " WHERE account = " account " AND (kind, number) IN (" owners "))"
// Does a token with this jti and sum still stand?
#define JWT_STANDS_SQL(account, owners, jti_, generation_)                                         \
    "(" JWT_GENERATION_SQL (                                                                       \
        account, owners) " = " generation_                                                         \
                         " AND NOT EXISTS (SELECT FROM revoked_jwts WHERE account = " account      \
                         " AND jti = " jti_ "))"

#endif
