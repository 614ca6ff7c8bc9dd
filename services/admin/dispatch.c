#include "services/admin/admin.h"

// Authorisation of end users is the gateway's callers' affair: to this process the gateway is as good as an operator.
enum { MANAGERS = ROLE_OPERATOR | ROLE_GATEWAY };

const struct rpc_method admin_methods[] = {
    {"CreateAccount", admin_create_account, MANAGERS, RPC_WRITE, 0, 0},
    {"GetAccount", admin_get_account, MANAGERS, RPC_IDEMPOTENT, 0, 0},
    {"ListAccounts", admin_list_accounts, MANAGERS, RPC_IDEMPOTENT, 0, 0},
    {"SuspendAccount", admin_suspend_account, MANAGERS, RPC_WRITE, 0, 0},
    {"ResumeAccount", admin_resume_account, MANAGERS, RPC_WRITE, 0, 0},
    {"CreateUser", admin_create_user, MANAGERS, RPC_WRITE, 0, 0},
    {"GetUser", admin_get_user, MANAGERS, RPC_IDEMPOTENT, 0, 0},
    {"ListUsers", admin_list_users, MANAGERS, RPC_IDEMPOTENT, 0, 0},
    {"DisableUser", admin_disable_user, MANAGERS, RPC_WRITE, 0, 0},
    {"EnableUser", admin_enable_user, MANAGERS, RPC_WRITE, 0, 0},
    {"CreateModule", admin_create_module, MANAGERS, RPC_WRITE, 0, 0},
    {"ListModules", admin_list_modules, MANAGERS, RPC_IDEMPOTENT, 0, 0},
    {"EnableModule", admin_enable_module, MANAGERS, RPC_WRITE, 0, 0},
    {"DisableModule", admin_disable_module, MANAGERS, RPC_WRITE, 0, 0},
    {"CreateToken", admin_create_token, MANAGERS, RPC_WRITE, 0, 0},
    {"GetToken", admin_get_token, MANAGERS, RPC_IDEMPOTENT, 0, 0},
    {"ListTokens", admin_list_tokens, MANAGERS, RPC_IDEMPOTENT, 0, 0},
    {"EditToken", admin_edit_token, MANAGERS, RPC_WRITE, 0, 0},
    {"RotateToken", admin_rotate_token, MANAGERS, RPC_WRITE, 0, 0},
    {"DisableToken", admin_disable_token, MANAGERS, RPC_WRITE, 0, 0},
    {"EnableToken", admin_enable_token, MANAGERS, RPC_WRITE, 0, 0},
    {"DeleteToken", admin_delete_token, MANAGERS, RPC_WRITE, 0, 0},
    {NULL, NULL, 0, 0, 0, 0},
};
