#include "services/issuer/claims.h"

#include "common/caller/revoked.h"
#include "common/memory/memory.h"
#include "common/token/id.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

char *
claims_begin (const char *issuer, const char *audience, struct error *error_r)
{
    json_t *claims = json_pack ("{s:s, s:s}", "iss", issuer, "aud", audience);
    char *text = claims ? json_dumps (claims, JSON_COMPACT) : NULL;
    json_decref (claims);
    if (!text) {
        error_set (error_r, "the setting issuer or audience is not UTF-8");
        return NULL;
    }
    text[strlen (text) - strlen ("\"}")] = '\0';
    return text;
}

// ---- writing -------------------------------------------------------------------------------------------------------

// A text that grows as long as there is room: at == end, and it stays there, when there was not enough.
struct writing {
    char *at, *end;
};

static void
put (struct writing *writing, const char *text)
{
    size_t length = strlen (text), room = (size_t) (writing->end - writing->at);
    if (length > room)
        length = room;
    memcpy (writing->at, text, length);
    writing->at += length;
}

static void
put_number (struct writing *writing, int64_t number)
{
    char digits[24], *first = digits + sizeof digits - 1;
    *first = '\0';
    for (; number >= 10; number /= 10)
        *--first = (char) ('0' + number % 10);
    *--first = (char) ('0' + number);
    put (writing, first);
}

// What is quoted are ids, names of ours and scopes in their canonical form: letters, digits and a few marks, of which none needs escaping.
static void
put_text (struct writing *writing, const char *name, const char *value)
{
    put (writing, ",\"");
    put (writing, name);
    put (writing, "\":\"");
    put (writing, value);
    put (writing, "\"");
}

static void
put_integer (struct writing *writing, const char *name, int64_t value)
{
    put (writing, ",\"");
    put (writing, name);
    put (writing, "\":");
    put_number (writing, value);
}

// Numbers of markets or of stock locations: for resource servers that read the token by themselves.
static void
put_resources (struct writing *writing, const char *name, const struct asking_scope *scope,
               enum scope_kind kind)
{
    const char *separator = "";
    put (writing, ",\"");
    put (writing, name);
    put (writing, "\":[");
    for (size_t i = 0; i < scope->n; i++)
        if (scope->resources[i].kind == kind) {
            put (writing, separator);
            put_number (writing, scope->resources[i].number);
            separator = ",";
        }
    put (writing, "]");
}

static const char *
kind_name (int64_t kind)
{
    return kind == JETON__V1__CLIENT_KIND__CLIENT_KIND_SALES_CHANNEL ? "sales_channel"
           : kind == JETON__V1__CLIENT_KIND__CLIENT_KIND_INTEGRATION ? "integration"
                                                                     : "webapp";
}

size_t
claims_write (const char *begin, const struct access *access, const char *jti,
              char text_r[CLAIMS_SIZE])
{
    const struct store_client *of = access->client;
    struct writing writing = {text_r, text_r + CLAIMS_SIZE};
    char client[ID_SIZE], account[ID_SIZE], subject[ID_SIZE];
    id_format ("CLI", of->number, client);
    id_format ("ACC", of->account, account);
    if (access->user)
        id_format ("USR", access->user, subject);
    else if (access->customer)
        id_format ("CUS", access->customer, subject);
    else
        memcpy (subject, client, sizeof subject);
    put (&writing, begin);
    put (&writing, access->beside ? JWT_OF_CUSTOMER_AUDIENCE "\"" : "\"");
    put_text (&writing, "sub", subject);
    put_text (&writing, "client_id", client);
    put_integer (&writing, "iat", access->issued_at);
    put_integer (&writing, "exp", access->issued_at + access->life_s);
    put_text (&writing, "jti", jti);
    put_text (&writing, "account", account);
    put_text (&writing, "client_kind", kind_name (of->kind));
    put_text (&writing, "scope", access->scope->text);
    put_text (&writing, "environment",
              access->environment == JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST ? "test" : "live");
    if (of->generation > 0)
        put_integer (&writing, JWT_GENERATION_CLAIM, of->generation);
    if (access->scope->restricted) {
        put_resources (&writing, "markets", access->scope, SCOPE_MARKET);
        put_resources (&writing, "stock_locations", access->scope, SCOPE_STOCK_LOCATION);
    }
    put (&writing, "}");
    return writing.at < writing.end ? (size_t) (writing.at - text_r) : 0;
}
