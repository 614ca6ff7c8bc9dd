#include "services/issuer/issuer.h"

const struct rpc_method issuer_methods[] = {
    {"Token", issuer_token, ROLE_GATEWAY | ROLE_OPERATOR, RPC_WRITE, 0, 0},
    {"StoreToken", issuer_store_token, ROLE_GATEWAY | ROLE_OPERATOR, RPC_WRITE, 0, 0},
    {"CustomerToken", issuer_customer_token, ROLE_GATEWAY | ROLE_OPERATOR, RPC_WRITE, 10000, 0},
    // The gateway brings users, who say by their login tokens who they are.
    {"Authorize", issuer_authorize, ROLE_GATEWAY | ROLE_OPERATOR, RPC_WRITE, 0, 0},
    {"Revoke", issuer_revoke, ROLE_GATEWAY | ROLE_OPERATOR, RPC_IDEMPOTENT | RPC_WRITE, 0, 0},
    {"AuthenticateClient", issuer_authenticate_client, ROLE_GATEWAY | ROLE_OPERATOR, RPC_WRITE, 0,
     0},
    // Not idempotent for a client: each try counts against the limits.
    {"Login", issuer_login, ROLE_GATEWAY | ROLE_OPERATOR, RPC_WRITE, 10000, 0},
    {"GetJwks", issuer_get_jwks, ROLE_ANY, RPC_IDEMPOTENT, 0, 0},
    {"ListSigningKeys", issuer_list_signing_keys, ROLE_OPERATOR, RPC_IDEMPOTENT, 0, 0},
    {"RotateSigningKey", issuer_rotate_signing_key, ROLE_OPERATOR, RPC_WRITE, 0, 0},
    {NULL, NULL, 0, 0, 0, 0},
};
