// The methods: who may call them, and how.
#include "services/auditor/auditor.h"

enum {
    READERS = ROLE_OPERATOR | ROLE_GATEWAY,
    SEGMENT_TIMEOUT_MS = 30000,
    STREAM_TIMEOUT_MS = 600000, // the envelope's longest; who tails for longer resumes where it was
};

static const struct rpc_method methods[] = {
    // name             handler                      roles     flags                        timeout             body
    {"ListRecords", auditor_list_records, READERS, RPC_IDEMPOTENT, 0, 0},
    {"GetRecord", auditor_get_record, READERS, RPC_IDEMPOTENT, 0, 0},
    {"TailRecords", auditor_tail_records, READERS, RPC_STREAM, STREAM_TIMEOUT_MS, 0},
    {"ExportTrail", auditor_export_trail, READERS, RPC_STREAM, STREAM_TIMEOUT_MS, 0},
    {"GetCheckpointKey", auditor_get_checkpoint_key, ROLE_ANY, RPC_IDEMPOTENT, 0, 0},
    {"TakeSegment", auditor_take_segment, ROLE_SERVICE, RPC_IDEMPOTENT, SEGMENT_TIMEOUT_MS,
     1 << 20},
    {"ListUse", auditor_list_use, READERS, RPC_IDEMPOTENT, 0, 0},
    {"TailUse", auditor_tail_use, READERS, RPC_STREAM, STREAM_TIMEOUT_MS, 0},
    {"UsagePerToken", auditor_usage_per_token, READERS, RPC_IDEMPOTENT, 0, 0},
    {NULL, NULL, 0, 0, 0, 0},
};

// Who may do what (R34). Users see the public records of their own account: the gate sees to the account, the handlers to the rest.
static const struct caller_right rights[] = {
    {"ListRecords", CALLER_OPERATOR | CALLER_ADMINISTRATOR | CALLER_MEMBER, CALLER_LIST,
     "account_id"},
    {"GetRecord", CALLER_OPERATOR | CALLER_ADMINISTRATOR | CALLER_MEMBER, CALLER_NONE, NULL},
    {"TailRecords", CALLER_OPERATOR | CALLER_ADMINISTRATOR | CALLER_MEMBER, CALLER_LIST,
     "account_id"},
    {"ExportTrail", CALLER_OPERATOR, CALLER_NONE, NULL},
    {"GetCheckpointKey", CALLER_ANYONE | CALLER_OPERATOR | CALLER_ADMINISTRATOR | CALLER_MEMBER,
     CALLER_NONE, NULL},
    // Counted by processes: who may is the role's matter.
    {"TakeSegment", CALLER_ANYONE, CALLER_NONE, NULL},
    {"ListUse", CALLER_OPERATOR | CALLER_ADMINISTRATOR | CALLER_MEMBER, CALLER_LIST, "account_id"},
    {"TailUse", CALLER_OPERATOR | CALLER_ADMINISTRATOR | CALLER_MEMBER, CALLER_LIST, "account_id"},
    {"UsagePerToken", CALLER_OPERATOR | CALLER_ADMINISTRATOR | CALLER_MEMBER, CALLER_LIST,
     "account_id"},
    {NULL, 0, CALLER_NONE, NULL},
};

static void
auditor_gate (struct request *request)
{
    const struct auditor *auditor = request_owner (request);
    caller_gate (request, &auditor->callers, request_handle);
}

static void
rights_add (struct auditor *auditor)
{
    auditor->public_keys = keys_new (auditor->process.loop, auditor->process.db, STORE_PUBLIC_KEYS,
                                     &auditor->settings.keys_interval_ms);
    auditor->callers = (struct caller_options){
        .descriptor = &jeton__v1__audit_logger__descriptor,
        .rights = rights,
        .db = auditor->process.db,
        .user_statement = STORE_CALLER,
        .keys = auditor->public_keys,
        .issuer = &auditor->settings.issuer,
        .audience = &auditor->settings.audience,
    };
    caller_rights_check (&auditor->callers);
    rpc_server_gate (auditor->process.server, auditor_gate);
}

void
auditor_add (struct auditor *auditor)
{
    auditor->service = (struct rpc_service){
        .descriptor = &jeton__v1__audit_logger__descriptor,
        .methods = methods,
        .owner = auditor,
    };
    rights_add (auditor);
    rpc_server_add (auditor->process.server, &auditor->service);
}
