// Clients: the OAuth applications of an account (R17, R18, R24).
#include "services/admin/client.h"
#include "services/admin/admin.h"
#include "services/admin/check.h"
#include "services/admin/resource.h"
#include "services/admin/uri.h"
#include <stdio.h>
#include <string.h>

#define SALES_CHANNEL JETON__V1__CLIENT_KIND__CLIENT_KIND_SALES_CHANNEL
#define WEBAPP        JETON__V1__CLIENT_KIND__CLIENT_KIND_WEBAPP
enum {
    LIFE_MIN = 7200, // seconds (R18)
    LIFE_MAX = 31536000,
    LIFE_SALES_CHANNEL = 14400, // defaults (R17)
    LIFE_OTHERS = 7200,
    REDIRECT_URIS_MAX = 16
};

static bool
check_life (struct request *request, int64_t life)
{
    if (life == 0 || (life >= LIFE_MIN && life <= LIFE_MAX))
        return true;
    request_fail_field (request, "access_token_life_s", "must be %d to %d seconds, or 0", LIFE_MIN,
                        LIFE_MAX);
    return false;
}

static bool
check_format (struct request *request, Jeton__V1__TokenFormat format)
{
    if ((int) format >= 0 && format <= JETON__V1__TOKEN_FORMAT__TOKEN_FORMAT_OPAQUE)
        return true;
    request_fail_field (request, "token_format", "must be jwt or opaque");
    return false;
}

static bool
check_uris (struct request *request, size_t n, char *const *uris)
{
    if (n > REDIRECT_URIS_MAX) {
        request_fail_field (request, "redirect_uris", "must be %d at most", REDIRECT_URIS_MAX);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char field[32];
        const char *wrong = uri_redirect_wrong (uris[i]);
        snprintf (field, sizeof field, "redirect_uris[%zu]", i);
        for (size_t j = 0; j < i && !wrong; j++)
            if (strcmp (uris[i], uris[j]) == 0)
                wrong = "is there twice";
        if (wrong) {
            request_fail_field (request, field, "%s", wrong);
            return false;
        }
    }
    return true;
}

// What a kind of client must have, and what it cannot (R17).
static bool
check_kind (struct request *request, Jeton__V1__ClientKind kind, const char *market_id,
            size_t n_redirect_uris)
{
    if (kind == SALES_CHANNEL && !*market_id)
        request_fail_field (request, "market_id", "is required for a sales channel");
    else if (kind == WEBAPP && n_redirect_uris == 0)
        request_fail_field (
            request, "redirect_uris",
            "must be at least one for a web application: where users are sent back");
    else if (kind != WEBAPP && n_redirect_uris > 0)
        request_fail_field (request, "redirect_uris", "must be none, but for a web application");
    else
        return true;
    return false;
}

static int64_t
life_of (int64_t life, Jeton__V1__ClientKind kind)
{
    return life != 0 ? life : kind == SALES_CHANNEL ? LIFE_SALES_CHANNEL : LIFE_OTHERS;
}

static Jeton__V1__TokenFormat
format_of (Jeton__V1__TokenFormat format)
{
    return format ? format : JETON__V1__TOKEN_FORMAT__TOKEN_FORMAT_JWT;
}

static bool
client_new (struct request *request, ProtobufCMessage *object)
{
    const Jeton__V1__CreateClientRequest *message = request_message (request);
    Jeton__V1__Client *client = (Jeton__V1__Client *) object;
    client->name = message->name;
    client->kind = message->kind;
    client->market_id = message->market_id;
    client->access_token_life_s = life_of (message->access_token_life_s, message->kind);
    client->token_format = format_of (message->token_format);
    client->n_redirect_uris = message->n_redirect_uris;
    client->redirect_uris = message->redirect_uris;
    client->n_scopes = message->n_scopes;
    client->scopes = message->scopes;
    client->jwks = message->jwks;
    return client_secret_first (request, client);
}

static void
client_create (struct request *request)
{
    const Jeton__V1__CreateClientRequest *message = request_message (request);
    struct resource_new new = {
        .account_id = message->account_id, .unique = "", .reference = message->market_id};
    resource_create (request, RESOURCE_CLIENT, &new, client_new, admin_create_client);
}

void
admin_create_client (struct request *request)
{
    const Jeton__V1__CreateClientRequest *message = request_message (request);
    if (!check_name (request, "name", message->name))
        return;
    if ((int) message->kind < SALES_CHANNEL || message->kind > WEBAPP) {
        request_fail_field (request, "kind", "must be sales_channel, integration or webapp");
        return;
    }
    if (check_life (request, message->access_token_life_s) &&
        check_format (request, message->token_format) &&
        check_uris (request, message->n_redirect_uris, message->redirect_uris) &&
        check_kind (request, message->kind, message->market_id, message->n_redirect_uris) &&
        client_jwks_check (request, message->kind, message->jwks))
        client_scopes_check (request, message->account_id, "", message->n_scopes, message->scopes,
                             client_create);
}

static bool
client_set (struct request *request, ProtobufCMessage *object)
{
    const Jeton__V1__EditClientRequest *message = request_message (request);
    Jeton__V1__Client *client = (Jeton__V1__Client *) object;
    size_t n = message->n_fields;
    char *const *fields = message->fields;
    if (resource_sets (n, fields, "name"))
        client->name = message->name;
    if (resource_sets (n, fields, "market_id"))
        client->market_id = message->market_id;
    if (resource_sets (n, fields, "access_token_life_s"))
        client->access_token_life_s = life_of (message->access_token_life_s, client->kind);
    if (resource_sets (n, fields, "token_format"))
        client->token_format = format_of (message->token_format);
    if (resource_sets (n, fields, "redirect_uris")) {
        client->n_redirect_uris = message->n_redirect_uris;
        client->redirect_uris = message->redirect_uris;
    }
    if (resource_sets (n, fields, "scopes")) {
        client->n_scopes = message->n_scopes;
        client->scopes = message->scopes;
    }
    if (resource_sets (n, fields, "jwks"))
        client->jwks = message->jwks;
    return client_jwks_check (request, client->kind, client->jwks) &&
           check_kind (request, client->kind, client->market_id, client->n_redirect_uris);
}

static void
client_edit (struct request *request)
{
    const Jeton__V1__EditClientRequest *message = request_message (request);
    struct resource_edit edit = {.id = message->id,
                                 .revision = message->revision,
                                 .n_fields = message->n_fields,
                                 .fields = message->fields,
                                 .reference = message->market_id};
    resource_edit (request, RESOURCE_CLIENT, &edit, client_set, admin_edit_client);
}

void
admin_edit_client (struct request *request)
{
    const Jeton__V1__EditClientRequest *message = request_message (request);
    size_t n = message->n_fields;
    char *const *fields = message->fields;
    if ((resource_sets (n, fields, "name") && !check_name (request, "name", message->name)) ||
        (resource_sets (n, fields, "access_token_life_s") &&
         !check_life (request, message->access_token_life_s)) ||
        (resource_sets (n, fields, "token_format") &&
         !check_format (request, message->token_format)) ||
        (resource_sets (n, fields, "redirect_uris") &&
         !check_uris (request, message->n_redirect_uris, message->redirect_uris)))
        return;
    client_scopes_check (request, "", message->id,
                         resource_sets (n, fields, "scopes") ? message->n_scopes : 0,
                         message->scopes, client_edit);
}

void
admin_get_client (struct request *request)
{
    const Jeton__V1__GetClientRequest *message = request_message (request);
    resource_get (request, RESOURCE_CLIENT, message->id);
}

void
admin_list_clients (struct request *request)
{
    const Jeton__V1__ListClientsRequest *message = request_message (request);
    struct resource_list list = {.account_id = message->account_id,
                                 .status = message->status,
                                 .reference = message->market_id};
    resource_list (request, RESOURCE_CLIENT, &list);
}

void
admin_activate_client (struct request *request)
{
    const Jeton__V1__ActivateClientRequest *message = request_message (request);
    resource_set_status (request, RESOURCE_CLIENT, message->id, RESOURCE_ACTIVE,
                         admin_activate_client);
}

void
admin_deactivate_client (struct request *request)
{
    const Jeton__V1__DeactivateClientRequest *message = request_message (request);
    resource_set_status (request, RESOURCE_CLIENT, message->id, RESOURCE_INACTIVE,
                         admin_deactivate_client);
}

void
admin_delete_client (struct request *request)
{
    const Jeton__V1__DeleteClientRequest *message = request_message (request);
    resource_set_status (request, RESOURCE_CLIENT, message->id, RESOURCE_DELETED,
                         admin_delete_client);
}
