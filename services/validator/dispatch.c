#include "common/validation/codec.h"
#include "services/validator/validator.h"

enum { VALIDATE_ROLES = ROLE_CALLER | ROLE_GATEWAY | ROLE_OPERATOR };

const struct rpc_method validator_methods[] = {
    {"Validate", validator_validate, VALIDATE_ROLES, RPC_IDEMPOTENT, 2000, 0},
    {"ValidateBatch", validator_validate_batch, VALIDATE_ROLES, RPC_IDEMPOTENT, 2000, 1 << 20},
    {"Introspect", validator_introspect, VALIDATE_ROLES, RPC_IDEMPOTENT, 2000, 0},
    {NULL, NULL, 0, 0, 0, 0},
};

const struct rpc_method limits_methods[] = {
    {"Lease", validator_lease, ROLE_SERVICE, RPC_IDEMPOTENT | RPC_INTERNAL, 2000, 0},
    {NULL, NULL, 0, 0, 0, 0},
};

void
validator_codecs (struct rpc_server *server)
{
    rpc_server_codec (server, "jeton.v1.Validator/Validate", &validation_codec);
    rpc_server_codec (server, "jeton.v1.Validator/ValidateBatch", &validation_batch_codec);
}
