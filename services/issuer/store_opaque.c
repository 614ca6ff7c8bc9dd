#include "services/issuer/store_opaque.h"

#include "services/issuer/store_call.h"

enum { DAY_S = 86400 };

uint32_t
store_opaque_day (int64_t expires_at, int64_t life_s)
{
    // Partitions are few because what lives longer shares them for longer.
    int64_t step = life_s <= 2 * DAY_S ? 1 : life_s <= 14 * DAY_S ? 7 : 28;
    int64_t day = (expires_at + DAY_S - 1) / DAY_S;
    return (uint32_t) ((day + step - 1) / step * step);
}

static void
row_params (const struct store_opaque *token, struct db_params *params_r)
{
    *params_r = (struct db_params){0};
    db_param_bytes (params_r, token->digest, sizeof token->digest);
    db_param_int (params_r, token->day);
    db_param_int (params_r, token->client);
    db_param_int (params_r, token->customer);
    db_param_int (params_r, token->user);
    db_param_int (params_r, token->environment);
    db_param_int (params_r, token->generation);
    db_param_int (params_r, token->issued_at);
    db_param_int (params_r, token->expires_at);
    db_param_text (params_r, token->scope);
}

void
store_opaque_add (struct db *db, const struct store_opaque *token, store_done_callback *callback,
                  void *context)
{
    struct db_params params;
    row_params (token, &params);
    db_call (db, OPAQUE_ADD, &params, store_call_done, store_call_change (callback, context));
}

struct db_step
store_opaque_step (const struct store_opaque *token, const uint8_t refresh[TOKEN_DIGEST_SIZE],
                   struct db_params *params_r)
{
    row_params (token, params_r);
    db_param_bytes (params_r, refresh, TOKEN_DIGEST_SIZE);
    return (struct db_step){OPAQUE_ADD_ONE, params_r};
}

void
store_opaque_revoke (struct db *db, const uint8_t digest[TOKEN_DIGEST_SIZE], uint32_t day,
                     int64_t client, const struct store_jwt *jwt, const uint8_t *record,
                     size_t size, store_done_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_bytes (&params, digest, TOKEN_DIGEST_SIZE);
    db_param_int (&params, day);
    db_param_int (&params, client);
    db_param_int (&params, jwt->account);
    db_param_text (&params, jwt->jti);
    db_param_int (&params, jwt_number (jwt->jti));
    db_param_bytes (&params, record, size);
    db_call (db, OPAQUE_REVOKE, &params, store_call_done, store_call_change (callback, context));
}
