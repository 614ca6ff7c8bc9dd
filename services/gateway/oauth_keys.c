// GET /.well-known/jwks.json and /.well-known/oauth-authorization-server (RFC 8414).
#include "services/gateway/oauth_keys.h"

#include "common/log/log.h"
#include "common/memory/memory.h"
#include "envelope.pb-c.h"
#include "services/gateway/oauth.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// For how long nobody is asked again.
enum { ASK_MS = 10000 };

struct oauth_keys {
    char *jwks, *issuer;       // NULL: never told
    char etag[2 * 16 + 3];     // with its quotes
    int64_t max_age_ms;        // of the JWKS
    int64_t told_at, asked_at; // zclock_mono
};

struct oauth_keys_use {
    bool old; // what is too old for a JWKS will do
    void (*answer) (struct exchange *exchange, const struct oauth_keys *keys);
};

static void oauth_keys_told (void *context, const struct rpc_result *result);

struct oauth_keys *
oauth_keys_new (void)
{
    return xcalloc (1, sizeof (struct oauth_keys));
}

void
oauth_keys_destroy (struct oauth_keys **self)
{
    if (!*self)
        return;
    free ((*self)->jwks);
    free ((*self)->issuer);
    free (*self);
    *self = NULL;
}

static struct oauth_keys *
keys_of (struct exchange *exchange)
{
    struct gateway *gateway = exchange_owner (exchange);
    return gateway->keys;
}

// How much longer the JWKS may be kept, in milliseconds.
static int64_t
keys_left (const struct oauth_keys *keys)
{
    int64_t left = keys->jwks ? keys->told_at + keys->max_age_ms - zclock_mono () : 0;
    return left > 0 ? left : 0;
}

static bool
keys_usable (const struct oauth_keys *keys, const struct oauth_keys_use *use)
{
    return use->old ? keys->issuer != NULL : keys_left (keys) > 0;
}

static void
keys_keep (struct oauth_keys *keys, const Jeton__V1__GetJwksReply *reply, int64_t asked_at)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char hex[2 * 16 + 1];
    if (asked_at < keys->told_at) // it was overtaken
        return;
    free (keys->jwks);
    free (keys->issuer);
    keys->jwks = xstrdup (reply->jwks);
    keys->issuer = xstrdup (reply->issuer);
    keys->max_age_ms = reply->max_age_s > 0 ? reply->max_age_s * 1000 : 0;
    keys->told_at = asked_at; // it may have been as old as the question
    SHA256 ((const uint8_t *) reply->jwks, strlen (reply->jwks), digest);
    sodium_bin2hex (hex, sizeof hex, digest, 16);
    snprintf (keys->etag, sizeof keys->etag, "\"%s\"", hex);
}

void
oauth_keys (struct exchange *exchange)
{
    struct oauth_keys *keys = keys_of (exchange);
    const struct oauth_keys_use *use = exchange_route (exchange);
    Jeton__V1__GetJwksRequest message = JETON__V1__GET_JWKS_REQUEST__INIT;
    int64_t now = zclock_mono ();
    if (keys_usable (keys, use) && now - keys->asked_at < ASK_MS) {
        use->answer (exchange, keys);
        return;
    }
    int64_t *asked_at = arena_memdup (exchange_arena (exchange), &now, sizeof now);
    if (!asked_at) {
        oauth_no_memory (exchange);
        return;
    }
    keys->asked_at = now; // others that come meanwhile are content with what is there
    exchange_context_set (exchange, asked_at);
    gateway_call (exchange,
                  &(struct gateway_call){
                      .upstream = UPSTREAM_ISSUER,
                      .method = "GetJwks",
                      .message = &message.base,
                  },
                  oauth_keys_told);
}

// Not with each request that could be told: who operates it hears of it, and nobody fills the log.
static void
issuer_check (struct exchange *exchange, const struct oauth_keys *keys)
{
    const struct gateway *gateway = exchange_owner (exchange);
    if (strcmp (keys->issuer, gateway->settings.public_url) != 0)
        log_error ("the setting public_url is not the issuer's setting issuer", "public_url",
                   gateway->settings.public_url, "issuer", keys->issuer, NULL);
}

static void
oauth_keys_told (void *context, const struct rpc_result *result)
{
    struct exchange *exchange = context;
    struct oauth_keys *keys = keys_of (exchange);
    const struct oauth_keys_use *use = exchange_route (exchange);
    if (result->reply) {
        keys_keep (keys, result->reply, *(int64_t *) exchange_context (exchange));
        issuer_check (exchange, keys);
    }
    // What has just come is good for this answer, also where nobody may keep it.
    if (result->reply || keys_usable (keys, use))
        use->answer (exchange, keys);
    else
        oauth_fail (exchange, result);
}

// ---- the JWKS ------------------------------------------------------------------------------------------------------

// May be read by pages of any origin: it is public.
static void
public_set (struct exchange *exchange, int64_t seconds)
{
    char control[64];
    snprintf (control, sizeof control, "public, max-age=%lld", (long long) seconds);
    exchange_set (exchange, "Cache-Control", control);
    exchange_set (exchange, "Access-Control-Allow-Origin", "*");
}

// RFC 9110 section 13.1.2: a list of tags, weak ones too, or "*". No tag of ours is a part of another.
static bool
known_already (struct exchange *exchange, const char *etag)
{
    const char *known = exchange_header (exchange, "if-none-match");
    return known && (strcmp (known, "*") == 0 || strstr (known, etag));
}

static void
jwks_answer (struct exchange *exchange, const struct oauth_keys *keys)
{
    public_set (exchange, keys_left (keys) / 1000);
    exchange_set (exchange, "ETag", keys->etag);
    if (known_already (exchange, keys->etag))
        exchange_end (exchange, 304, NULL, NULL, 0);
    else // RFC 7517 section 8.5.2
        exchange_end (exchange, 200, "application/jwk-set+json", keys->jwks, strlen (keys->jwks));
}

const struct oauth_keys_use oauth_jwks = {false, jwks_answer};

// ---- the metadata --------------------------------------------------------------------------------------------------

static void
endpoint_add (json_t *object, const char *name, const char *issuer, const char *path)
{
    json_object_set_new (object, name, json_sprintf ("%s%s", issuer, path));
}

static json_t *
metadata (const char *issuer)
{
    static const char methods[] = "client_secret_basic", post[] = "client_secret_post",
                      assertion[] = "private_key_jwt";
    json_t *object = json_pack (
        "{s:s, s:[s], s:[s], s:[s,s,s,s], s:[s,s,s,s], s:[s,s], s:[s,s,s,s], s:[s,s], s:[s,s,s], "
        "s:[s,s], s:[s], s:b}",
        "issuer", issuer, "response_types_supported", "code", "response_modes_supported", "query",
        "grant_types_supported", "authorization_code", "client_credentials", "password",
        "refresh_token", "token_endpoint_auth_methods_supported", methods, post, assertion, "none",
        "token_endpoint_auth_signing_alg_values_supported", "ES256", "EdDSA",
        "revocation_endpoint_auth_methods_supported", methods, post, assertion, "none",
        "revocation_endpoint_auth_signing_alg_values_supported", "ES256", "EdDSA",
        "introspection_endpoint_auth_methods_supported", methods, post, assertion,
        "introspection_endpoint_auth_signing_alg_values_supported", "ES256", "EdDSA",
        "code_challenge_methods_supported", "S256",
        "authorization_response_iss_parameter_supported", 1);
    endpoint_add (object, "authorization_endpoint", issuer, "/oauth/authorize");
    endpoint_add (object, "token_endpoint", issuer, "/oauth/token");
    endpoint_add (object, "revocation_endpoint", issuer, "/oauth/revoke");
    endpoint_add (object, "introspection_endpoint", issuer, "/oauth/introspect");
    endpoint_add (object, "jwks_uri", issuer, "/.well-known/jwks.json");
    return object;
}

// Only what is true: were `issuer` another one than that of the tokens, every client would refuse these (RFC 8414 section 3.3, RFC 9207), and not know why.
static void
metadata_answer (struct exchange *exchange, const struct oauth_keys *keys)
{
    const struct gateway *gateway = exchange_owner (exchange);
    const char *url = gateway->settings.public_url;
    if (strcmp (keys->issuer, url) != 0) {
        exchange_refuse (exchange, 500, "misconfigured",
                         "the setting public_url of the gateway is %s, and the setting issuer of "
                         "the issuer is %s: they have to be the same",
                         url, keys->issuer);
        return;
    }
    public_set (exchange, 3600);
    exchange_end_json (exchange, 200, metadata (url));
}

const struct oauth_keys_use oauth_metadata = {true, metadata_answer};
