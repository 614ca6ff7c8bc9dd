#include "services/issuer/access.h"

#include "common/caller/revoked.h"
#include "common/token/id.h"
#include "common/token/jwt.h"
#include "services/issuer/signing.h"

#include <sodium.h>
#include <string.h>

void
access_jti (char jti_r[ACCESS_JTI_SIZE])
{
    uint8_t random[16];
    randombytes_buf (random, sizeof random);
    sodium_bin2base64 (jti_r, ACCESS_JTI_SIZE, random, sizeof random,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

// Numbers of markets or of stock locations: for resource servers that read the token by themselves.
static json_t *
numbers_of (const struct scope_resources *resources, enum scope_kind kind)
{
    json_t *numbers = json_array ();
    for (size_t i = 0; i < resources->n; i++)
        if (resources->resources[i].kind == kind)
            json_array_append_new (numbers, json_integer (resources->resources[i].number));
    return numbers;
}

static const char *
kind_name (int64_t kind)
{
    return kind == JETON__V1__CLIENT_KIND__CLIENT_KIND_SALES_CHANNEL ? "sales_channel"
           : kind == JETON__V1__CLIENT_KIND__CLIENT_KIND_INTEGRATION ? "integration"
                                                                     : "webapp";
}

// By RFC 9068 section 2.2; of its own: account, client_kind, environment and, where the scope is restricted to resources, markets and stock_locations.
static json_t *
claims_make (const struct issuer *issuer, const struct access *access, const char *jti)
{
    char client[ID_SIZE], account[ID_SIZE], subject[ID_SIZE];
    json_int_t now = access->issued_at, expires_at = now + access->life_s;
    id_format ("CLI", access->client->number, client);
    id_format ("ACC", access->client->account, account);
    if (access->customer)
        id_format ("CUS", access->customer, subject);
    else
        memcpy (subject, client, sizeof subject);
    json_t *claims = json_pack (
        "{s:s, s:s+, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:s}", "iss", issuer->settings.issuer,
        "aud", issuer->settings.audience, access->beside ? JWT_OF_CUSTOMER_AUDIENCE : "", "sub",
        subject, "client_id", client, "iat", now, "exp", expires_at, "jti", jti, "account", account,
        "client_kind", kind_name (access->client->kind), "scope", access->scope->text,
        "environment",
        access->environment == JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST ? "test" : "live");
    if (claims && access->client->generation > 0)
        json_object_set_new (claims, JWT_GENERATION_CLAIM,
                             json_integer (access->client->generation));
    if (claims && access->scope->restricted) {
        json_object_set_new (claims, "markets",
                             numbers_of (&access->scope->resources, SCOPE_MARKET));
        json_object_set_new (claims, "stock_locations",
                             numbers_of (&access->scope->resources, SCOPE_STOCK_LOCATION));
    }
    return claims;
}

char *
access_sign (const struct issuer *issuer, const struct access *access, char jti_r[ACCESS_JTI_SIZE],
             struct error *error_r)
{
    const struct jwt_key *key = signing_active (issuer->signing);
    if (!key) {
        error_set (error_r, "there is no signing key");
        return NULL;
    }
    access_jti (jti_r);
    json_t *claims = claims_make (issuer, access, jti_r);
    if (!claims) {
        error_set (error_r, "the claims could not be put together: is a setting not UTF-8?");
        return NULL;
    }
    char *jwt = jwt_sign (key, "at+jwt", claims, error_r);
    json_decref (claims);
    return jwt;
}
