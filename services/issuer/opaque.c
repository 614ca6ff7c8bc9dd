#include "services/issuer/opaque.h"

#include "services/issuer/asking_scope.h"

#include <assert.h>
#include <string.h>

static_assert ((int) ACCESS_JTI_SIZE == (int) TOKEN_ACCESS_JTI_SIZE, "ids of both forms are alike");

char *
opaque_make (struct asking *asking, char jti_r[ACCESS_JTI_SIZE])
{
    const struct issuer *issuer = request_owner (asking->request);
    struct arena *arena = request_arena (asking->request);
    char *value = arena_alloc (arena, TOKEN_ACCESS_LENGTH + 1);
    struct store_opaque *row = arena_alloc (arena, sizeof *row);
    int64_t now = asking->issued_at;
    assert (!asking->beside); // a customer's token is told by its `aud` (R22): it is always a JWT
    if (!value || !row)
        return NULL;
    *row = (struct store_opaque){
        .client = asking->client.number,
        .customer = asking->customer,
        .user = asking->user,
        .environment = asking->environment,
        .generation = asking->client.generation,
        .issued_at = now,
        .expires_at = now + asking->client.life_s,
        .scope = asking->scope->text,
    };
    row->day = store_opaque_day (row->expires_at, asking->client.life_s);
    token_access_make (&issuer->token_keys, (enum token_environment) asking->environment, row->day,
                       value);
    token_value_digest (value, TOKEN_ACCESS_LENGTH, row->digest);
    token_access_jti (row->digest, jti_r);
    asking->opaque = row;
    return value;
}

// What is told when its row is there.
struct giving {
    struct asking *asking;
    char jti[ACCESS_JTI_SIZE];
    Jeton__V1__TokenReply reply;
};

static void opaque_given (void *context, enum store_outcome outcome);

void
opaque_give (struct asking *asking, const char *jti, const Jeton__V1__TokenReply *reply)
{
    struct issuer *issuer = request_owner (asking->request);
    struct giving *giving = arena_alloc (request_arena (asking->request), sizeof *giving);
    if (!giving) {
        token_no_memory (asking);
        return;
    }
    *giving = (struct giving){.asking = asking, .reply = *reply};
    memcpy (giving->jti, jti, sizeof giving->jti);
    store_opaque_add (issuer->process.db, asking->opaque, opaque_given, giving);
}

static void
opaque_given (void *context, enum store_outcome outcome)
{
    struct giving *giving = context;
    // Where the outcome is not known, nobody knows the token, and it expires.
    if (outcome == STORE_OK)
        token_answer (giving->asking, giving->jti, &giving->reply);
    else if (outcome == STORE_CONFLICT)
        token_refuse (giving->asking, TOKEN_UNAVAILABLE,
                      "there is no partition for the token: see that an auditor is running");
    else
        token_refuse (giving->asking, TOKEN_UNAVAILABLE,
                      "the token could not be written down: the database is not available");
}
