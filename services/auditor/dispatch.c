// The methods: who may call them, and how.
#include "services/auditor/auditor.h"

enum {
    READERS = ROLE_OPERATOR | ROLE_GATEWAY,
    STREAM_TIMEOUT_MS = 600000, // the envelope's longest; who tails for longer resumes where it was
};

static const struct rpc_method methods[] = {
    // name             handler                      roles     flags                        timeout             body
    {"ListRecords", auditor_list_records, READERS, RPC_IDEMPOTENT, 0, 0},
    {"GetRecord", auditor_get_record, READERS, RPC_IDEMPOTENT, 0, 0},
    {"TailRecords", auditor_tail_records, READERS, RPC_STREAM, STREAM_TIMEOUT_MS, 0},
    {"ExportTrail", auditor_export_trail, READERS, RPC_STREAM, STREAM_TIMEOUT_MS, 0},
    {"GetCheckpointKey", auditor_get_checkpoint_key, ROLE_ANY, RPC_IDEMPOTENT, 0, 0},
    {NULL, NULL, 0, 0, 0, 0},
};

void
auditor_add (struct auditor *auditor)
{
    auditor->service = (struct rpc_service){
        .descriptor = &jeton__v1__audit_logger__descriptor,
        .methods = methods,
        .owner = auditor,
    };
    rpc_server_add (auditor->process.server, &auditor->service);
}
