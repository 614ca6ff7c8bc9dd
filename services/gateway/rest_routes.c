// The routes of REST. Of two paths that both fit, the first counts.
#include "services/gateway/rest.h"

enum {
    JSON_LIMIT = 256 << 10, // a service takes messages of 64 KiB
    IMPORT_LIMIT = 2 << 20, // of 512 KiB
    IMAGE_LIMIT = 256 << 10,
};

#define ROW(verb, path_, limit, upstream_, method_, operation_, member_, status_, flags_,          \
            summary_)                                                                              \
    {                                                                                              \
        .listeners = HTTP_TLS, .methods = HTTP_##verb, .path = path_, .handler = rest_handle,      \
        .body_limit = limit, .context = &(const struct rest_route)                                 \
        {                                                                                          \
            path_, UPSTREAM_##upstream_, method_, operation_, member_, status_, flags_, summary_   \
        }                                                                                          \
    }
// A look at one object, a page of many, one that is made, changed by its fields, ended, or brought into another state.
#define GET(path, service, method, member, summary)                                                \
    ROW (GET, path, 0, service, method, method, member, 200, 0, summary)
#define LIST(path, service, method, summary)                                                       \
    ROW (GET, path, 0, service, method, method, NULL, 200, 0, summary)
#define CREATE(path, method, member, flags, summary)                                               \
    ROW (POST, path, JSON_LIMIT, ADMIN, method, method, member, 201, REST_WRITE | (flags), summary)
#define EDIT(path, method, member, summary)                                                        \
    ROW (PATCH, path, JSON_LIMIT, ADMIN, method, method, member, 200,                              \
         REST_WRITE | REST_REVISION | REST_EDIT, summary)
#define END(path, method, member, summary)                                                         \
    ROW (DELETE, path, 0, ADMIN, method, method, member, 200, REST_WRITE, summary)
#define VERB(path, method, member, summary)                                                        \
    ROW (POST, path, JSON_LIMIT, ADMIN, method, method, member, 200, REST_WRITE, summary)

// What belongs to an account lives alike.
#define RESOURCE(path, noun, nouns, made, member, text)                                            \
    CREATE (path, "Create" noun, made, REST_LOCATION, "Makes " text),                              \
        LIST (path, ADMIN, "List" nouns, "A page of them"),                                        \
        GET (path "/{id}", ADMIN, "Get" noun, member, "Shows " text),                              \
        EDIT (path "/{id}", "Edit" noun, member, "Changes the members that are given"),            \
        END (path "/{id}", "Delete" noun, member, "Ends it for ever"),                             \
        VERB (path "/{id}/deactivate", "Deactivate" noun, member,                                  \
              "No token reaches it, or is given for it, until it is activated again"),             \
        VERB (path "/{id}/activate", "Activate" noun, member, "Ends that")

const struct http_route rest_routes[] = {
    {.listeners = HTTP_TLS,
     .methods = HTTP_GET,
     .path = "/openapi.json",
     .handler = openapi_handle},

    CREATE ("/v1/tokens", "CreateToken", NULL, REST_LOCATION,
            "Makes a token; its value is shown here and never again, unless it is revealable"),
    LIST ("/v1/tokens", ADMIN, "ListTokens", "A page of tokens: filtered, sorted"),
    GET ("/v1/tokens/{id}", ADMIN, "GetToken", "token", "Shows a token, without its value"),
    EDIT ("/v1/tokens/{id}", "EditToken", "token", "Changes the members that are given"),
    END ("/v1/tokens/{id}", "DeleteToken", "token", "Refuses every use for ever"),
    VERB ("/v1/tokens/{id}/disable", "DisableToken", "token",
          "Refuses every use until it is enabled again"),
    VERB ("/v1/tokens/{id}/enable", "EnableToken", "token", "Ends that"),
    VERB ("/v1/tokens/{id}/rotate", "RotateToken", NULL,
          "Gives it a new value; the one before is accepted for a grace period"),
    VERB ("/v1/tokens/{id}/reveal", "RevealToken", NULL,
          "Shows the value of a revealable token; it is recorded"),
    ROW (GET, "/v1/tokens/{id}/logo", 0, ADMIN, "GetTokenLogo", "GetTokenLogo", NULL, 200,
         REST_IMAGE, "The logo, as it was given"),
    ROW (PUT, "/v1/tokens/{id}/logo", IMAGE_LIMIT, ADMIN, "SetTokenLogo", "SetTokenLogo", "token",
         200, REST_WRITE | REST_REVISION | REST_IMAGE,
         "Gives it a logo; If-Match has the token's ETag, not the logo's"),
    ROW (DELETE, "/v1/tokens/{id}/logo", 0, ADMIN, "SetTokenLogo", "RemoveTokenLogo", "token", 200,
         REST_WRITE | REST_REVISION,
         "Takes the logo away; If-Match has the token's ETag, not the logo's"),

    CREATE ("/v1/accounts", "CreateAccount", "account", REST_LOCATION, "Makes an account"),
    LIST ("/v1/accounts", ADMIN, "ListAccounts", "A page of accounts"),
    GET ("/v1/accounts/{id}", ADMIN, "GetAccount", "account", "Shows an account with its modules"),
    EDIT ("/v1/accounts/{id}", "EditAccount", "account", "Changes the members that are given"),
    VERB ("/v1/accounts/{id}/suspend", "SuspendAccount", "account",
          "Refuses all its tokens until it is resumed"),
    VERB ("/v1/accounts/{id}/resume", "ResumeAccount", "account", "Ends that"),
    ROW (PUT, "/v1/accounts/{account_id}/modules/{module}", 0, ADMIN, "EnableModule",
         "EnableModule", "account", 200, REST_WRITE, "Lets its tokens be granted a module"),
    END ("/v1/accounts/{account_id}/modules/{module}", "DisableModule", "account",
         "Takes a module away from it and all its tokens"),
    ROW (POST, "/v1/accounts/{account_id}/revoke-access-tokens", JSON_LIMIT, ADMIN,
         "RevokeAccessTokens", "RevokeAccessTokens", NULL, 204, REST_WRITE,
         "Access tokens of clients, customers and users who signed in are good no longer"),
    ROW (POST, "/v1/accounts/{account_id}/import-tokens", IMPORT_LIMIT, ADMIN, "ImportTokens",
         "ImportTokens", NULL, 200, REST_WRITE,
         "Makes tokens of another system by the digests of their values"),
    LIST ("/v1/accounts/{account_id}/export-tokens", ADMIN, "ExportTokens",
          "A page of tokens, with the digests of their values, as an import takes them"),

    CREATE ("/v1/users", "CreateUser", "user", REST_LOCATION, "Makes a user of an account"),
    LIST ("/v1/users", ADMIN, "ListUsers", "A page of users"),
    GET ("/v1/users/{id}", ADMIN, "GetUser", "user", "Shows a user"),
    EDIT ("/v1/users/{id}", "EditUser", "user", "Changes the members that are given"),
    END ("/v1/users/{id}", "DeleteUser", "user", "Ends a user for ever"),
    VERB ("/v1/users/{id}/disable", "DisableUser", "user",
          "Refuses sign-in and the user's login tokens"),
    VERB ("/v1/users/{id}/enable", "EnableUser", "user", "Ends that"),

    CREATE ("/v1/modules", "CreateModule", "module", 0,
            "Makes a module, for all accounts to enable"),
    LIST ("/v1/modules", ADMIN, "ListModules", "A page of modules"),

    RESOURCE ("/v1/customer-groups", "CustomerGroup", "CustomerGroups", "customer_group",
              "customer_group", "a customer group"),
    RESOURCE ("/v1/markets", "Market", "Markets", "market", "market", "a market"),
    RESOURCE ("/v1/stock-locations", "StockLocation", "StockLocations", "stock_location",
              "stock_location", "a stock location"),
    RESOURCE ("/v1/clients", "Client", "Clients", NULL, "client", "an OAuth client"),
    VERB ("/v1/clients/{id}/rotate-secret", "RotateClientSecret", NULL,
          "Gives it a new secret, shown here and never again; the one before is accepted for a "
          "grace period"),
    RESOURCE ("/v1/customers", "Customer", "Customers", "customer", "customer", "a customer"),
    ROW (POST, "/v1/scopes/resolve", JSON_LIMIT, ADMIN, "ResolveScope", "ResolveScope", NULL, 200,
         0, "Tries out a scope: what it stands for, or why it is refused"),

    LIST ("/v1/foreign-prefixes", ADMIN, "ListForeignPrefixes",
          "What values of imported tokens begin with"),
    END ("/v1/foreign-prefixes/{prefix}", "RemoveForeignPrefix", "prefix",
         "Takes one back that no value needs any more"),
    ROW (POST, "/v1/reseal-tokens", JSON_LIMIT, ADMIN, "ResealTokens", "ResealTokens", NULL, 200, 0,
         "Seals a batch of the values of revealable tokens under the newest key"),

    LIST ("/v1/audit/records", AUDITOR, "ListRecords", "A page of the audit trail, newest first"),
    GET ("/v1/audit/records/{id}", AUDITOR, "GetRecord", "record",
         "A record, with the object before and after"),
    ROW (GET, "/v1/audit/tail", 0, AUDITOR, "TailRecords", "TailRecords", "record", 200, REST_TAIL,
         "Records as they are appended"),
    ROW (GET, "/v1/audit/export", 0, AUDITOR, "ExportTrail", "ExportTrail", NULL, 200, REST_EXPORT,
         "All of the trail with its checkpoints, as `jeton audit verify` reads it; for operators"),
    GET ("/v1/audit/checkpoint-key", AUDITOR, "GetCheckpointKey", NULL,
         "The public key that checkpoints of the trail are signed with"),
    LIST ("/v1/access-log", AUDITOR, "ListUse", "A page of the access log, newest first"),
    ROW (GET, "/v1/access-log/tail", 0, AUDITOR, "TailUse", "TailUse", "row", 200, REST_TAIL,
         "Rows of the access log as they are taken"),
    LIST ("/v1/usage", AUDITOR, "UsagePerToken", "How often each token was used, day by day"),
    {0},
};

const struct rest_omission rest_omissions[] = {
    {"TakeSegment", "for the processes that count use: the gateway may not call it"},
    {NULL, NULL},
};
