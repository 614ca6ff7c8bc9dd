// Who may do what (R34): the table, a row for each method of proto/admin.proto. Operators may call every one, of any account.
#include "common/caller/caller.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/idempotency.h"

enum {
    OPERATOR = CALLER_OPERATOR,
    MANAGER = CALLER_OPERATOR | CALLER_ADMINISTRATOR,
    READER = MANAGER | CALLER_MEMBER,
};

const struct caller_right admin_rights[] = {
    {"CreateAccount", OPERATOR, CALLER_NONE, NULL},
    {"GetAccount", READER, CALLER_OBJECT, "id"},
    {"ListAccounts", READER, CALLER_NONE, NULL}, // the handler lists the own one only
    {"EditAccount", OPERATOR, CALLER_OBJECT,
     "id"}, // what an account may have is not its own to say
    {"SuspendAccount", OPERATOR, CALLER_OBJECT, "id"},
    {"ResumeAccount", OPERATOR, CALLER_OBJECT, "id"},
    {"CreateUser", MANAGER, CALLER_OBJECT,
     "account_id"}, // the handler lets only operators make operators
    {"GetUser", READER, CALLER_OBJECT, "id"},
    {"ListUsers", READER, CALLER_LIST, "account_id"},
    {"EditUser", MANAGER, CALLER_OBJECT, "id"}, // the handler lets only operators make operators
    {"DeleteUser", MANAGER, CALLER_OBJECT, "id"},
    {"DisableUser", MANAGER, CALLER_OBJECT, "id"},
    {"EnableUser", MANAGER, CALLER_OBJECT, "id"},
    {"CreateModule", OPERATOR, CALLER_NONE, NULL},
    {"ListModules", READER, CALLER_NONE, NULL}, // they are no account's
    {"EnableModule", OPERATOR, CALLER_OBJECT, "account_id"},
    {"DisableModule", OPERATOR, CALLER_OBJECT, "account_id"},
    {"CreateToken", MANAGER, CALLER_OBJECT, "account_id"},
    {"GetToken", READER, CALLER_OBJECT, "id"},
    {"ListTokens", READER, CALLER_LIST, "account_id"},
    {"EditToken", MANAGER, CALLER_OBJECT, "id"},
    {"SetTokenLogo", MANAGER, CALLER_OBJECT, "id"},
    {"GetTokenLogo", READER, CALLER_OBJECT, "id"},
    {"RotateToken", MANAGER, CALLER_OBJECT, "id"},
    {"RevealToken", MANAGER, CALLER_OBJECT, "id"},
    {"ResealTokens", OPERATOR, CALLER_NONE, NULL},
    {"DisableToken", MANAGER, CALLER_OBJECT, "id"},
    {"EnableToken", MANAGER, CALLER_OBJECT, "id"},
    {"DeleteToken", MANAGER, CALLER_OBJECT, "id"},
    // Prefixes of values are everybody's, and an export has every digest.
    {"ImportTokens", OPERATOR, CALLER_OBJECT, "account_id"},
    {"ExportTokens", OPERATOR, CALLER_OBJECT, "account_id"},
    {"ListForeignPrefixes", OPERATOR, CALLER_NONE, NULL},
    {"RemoveForeignPrefix", OPERATOR, CALLER_NONE, NULL},
#define RESOURCE(noun)                                                                             \
    {"Create" noun, MANAGER, CALLER_OBJECT, "account_id"},                                         \
        {"Edit" noun, MANAGER, CALLER_OBJECT, "id"}, {"Get" noun, READER, CALLER_OBJECT, "id"},    \
        {"List" noun "s", READER, CALLER_LIST, "account_id"},                                      \
        {"Activate" noun, MANAGER, CALLER_OBJECT, "id"},                                           \
        {"Deactivate" noun, MANAGER, CALLER_OBJECT, "id"},                                         \
    {                                                                                              \
        "Delete" noun, MANAGER, CALLER_OBJECT, "id"                                                \
    }
    RESOURCE ("CustomerGroup"),
    RESOURCE ("Market"),
    RESOURCE ("StockLocation"),
    RESOURCE ("Client"),
    {"RotateClientSecret", MANAGER, CALLER_OBJECT, "id"},
    RESOURCE ("Customer"),
    {"RevokeAccessTokens", MANAGER, CALLER_OBJECT, "account_id"},
    {"ResolveScope", READER, CALLER_OBJECT, "account_id"},
    {NULL, 0, CALLER_NONE, NULL},
};

void
admin_gate (struct request *request)
{
    const struct admin *admin = request_owner (request);
    struct error why;
    if ((request_flags (request) & RPC_WRITE) != 0 && !feed_admitted (admin->feed, &why)) {
        request_fail (request, JETON__V1__CODE__CODE_UNAVAILABLE, "nothing was done: %s", why.text);
        return;
    }
    caller_gate (request, &admin->callers, idempotency_gate);
}
