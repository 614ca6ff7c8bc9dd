#include "common/audit/record.h"
#include "common/caller/caller.h"

static char *
text (const char *text_or_null)
{
    return (char *) (text_or_null ? text_or_null : "");
}

void
audit_actor (struct request *request, Jeton__V1__Actor *actor_r)
{
    const struct peer *peer = request_peer (request);
    const struct caller *caller = request_caller (request);
    jeton__v1__actor__init (actor_r);
    if (caller) {
        actor_r->id = text (caller->id);
        actor_r->name = text (caller->name);
        actor_r->account_id = text (caller->account_id);
        actor_r->type = text ("user");
        return;
    }
    actor_r->id = text (peer->name);
    actor_r->name = text (peer->name);
    actor_r->type = text (peer->roles & ROLE_OPERATOR ? "operator" : "service");
}

uint8_t *
audit_pack (struct request *request, const struct audit_change *change, size_t *size_r)
{
    Jeton__V1__Actor actor;
    audit_actor (request, &actor);

    Jeton__V1__AuditRequest call = JETON__V1__AUDIT_REQUEST__INIT;
    call.address = text (request_metadata (request, "client-address"));
    call.user_agent = text (request_metadata (request, "user-agent"));
    call.correlation_id = text (request_correlation (request));
    call.method = text (request_method (request));
    call.peer = text (request_peer (request)->name);
    return audit_pack_as (request_arena (request), change, &actor, &call, size_r);
}
