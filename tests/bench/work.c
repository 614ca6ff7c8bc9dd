#include "admin.pb-c.h"
#include "common/memory/memory.h"
#include "common/token/id.h"
#include "tests/bench/drive.h"
#include "tests/bench/value.h"
#include "validator.pb-c.h"

#include <string.h>

enum { BATCH_MAX = 256 };
static char orders[] = "orders";

// A made-up value is well formed, but for its check part.
static void
value_make (struct drive *drive, char buffer[TOKEN_VALUE_LENGTH + 1])
{
    uint64_t n = (uint64_t) drive->settings.tokens, number = 0;
    if (drive->order == ORDER_SEQUENCE)
        number = drive->position++ % n;
    else
        number = dice_below (&drive->dice, n);
    bench_value (&drive->token_keys, (uint64_t) drive->settings.first + number, buffer);
    if (drive->order == ORDER_MADE_UP) {
        char *last = &buffer[TOKEN_VALUE_LENGTH - 1];
        *last = *last == 'A' ? 'B' : 'A';
    }
}

// The token to ask for, in the buffer or not.
static char *
next_value (struct drive *drive, char buffer[TOKEN_VALUE_LENGTH + 1])
{
    if (*drive->value)
        return drive->value;
    if (drive->values)
        return drive->values[drive->asked++ % (uint64_t) drive->settings.prepared];
    value_make (drive, buffer);
    return buffer;
}

void
work_prepare (struct drive *drive)
{
    if (drive->settings.prepared == 0 || *drive->value)
        return;
    drive->values = xcalloc ((size_t) drive->settings.prepared, sizeof *drive->values);
    for (int64_t i = 0; i < drive->settings.prepared; i++)
        value_make (drive, drive->values[i]);
}

static void
call_validator (struct drive_call *call, const char *method, const ProtobufCMessage *message,
                const char *key, rpc_callback *done)
{
    struct drive *drive = call->drive;
    struct rpc_call_options options = {.timeout_ms = (uint32_t) drive->settings.timeout_ms,
                                       .key = key,
                                       .key_size = key ? strlen (key) : 0,
                                       .idempotent = true};
    rpc_client_call (drive->client, &jeton__v1__validator__descriptor, method, message, &options,
                     done, call);
}

static void
validate_start (struct drive_call *call, rpc_callback *done)
{
    Jeton__V1__ValidateRequest request = JETON__V1__VALIDATE_REQUEST__INIT;
    char buffer[TOKEN_VALUE_LENGTH + 1];
    request.token = next_value (call->drive, buffer);
    request.module = orders;
    validator_client_validate (call->drive->validators, &request,
                               (uint32_t) call->drive->settings.timeout_ms, done, call);
}

// The same, each a call of its own.
static void
single_start (struct drive_call *call, rpc_callback *done)
{
    Jeton__V1__ValidateRequest request = JETON__V1__VALIDATE_REQUEST__INIT;
    char buffer[TOKEN_VALUE_LENGTH + 1];
    request.token = next_value (call->drive, buffer);
    request.module = orders;
    call_validator (call, "Validate", &request.base, request.token, done);
}

static void
judge_one (struct drive *drive, const Jeton__V1__ValidateReply *reply)
{
    Jeton__V1__Reason expected = drive->order == ORDER_MADE_UP ? JETON__V1__REASON__REASON_MALFORMED
                                                               : JETON__V1__REASON__REASON_OK;
    drive->wrong += reply->reason != expected;
}

static void
validate_judge (struct drive *drive, const void *reply)
{
    judge_one (drive, reply);
}

static void
batch_start (struct drive_call *call, rpc_callback *done)
{
    Jeton__V1__ValidateBatchRequest batch = JETON__V1__VALIDATE_BATCH_REQUEST__INIT;
    Jeton__V1__ValidateRequest requests[BATCH_MAX], *pointers[BATCH_MAX];
    char buffers[BATCH_MAX][TOKEN_VALUE_LENGTH + 1];
    size_t n = (size_t) call->drive->settings.batch;
    for (size_t i = 0; i < n; i++) {
        jeton__v1__validate_request__init (&requests[i]);
        requests[i].token = next_value (call->drive, buffers[i]);
        requests[i].module = orders;
        pointers[i] = &requests[i];
    }
    batch.n_requests = n;
    batch.requests = pointers;
    call_validator (call, "ValidateBatch", &batch.base, NULL, done);
}

static void
batch_judge (struct drive *drive, const void *message)
{
    const Jeton__V1__ValidateBatchReply *reply = message;
    if (reply->n_replies != (size_t) drive->settings.batch)
        drive->wrong++;
    for (size_t i = 0; i < reply->n_replies; i++)
        judge_one (drive, reply->replies[i]);
}

// Tokens of as many accounts as there are, in turn.
static void
create_start (struct drive_call *call, rpc_callback *done)
{
    struct drive *drive = call->drive;
    Jeton__V1__CreateTokenRequest request = JETON__V1__CREATE_TOKEN_REQUEST__INIT;
    Jeton__V1__ModuleGrant grant = JETON__V1__MODULE_GRANT__INIT, *grants[] = {&grant};
    char account[ID_SIZE], name[] = "bench";
    id_format ("ACC", 1 + (int64_t) dice_below (&drive->dice, (uint64_t) drive->settings.accounts),
               account);
    grant.module = orders;
    grant.access = JETON__V1__ACCESS__ACCESS_READ;
    request.account_id = account;
    request.name = name;
    request.kind = JETON__V1__TOKEN_KIND__TOKEN_KIND_SERVICE;
    request.n_modules = 1;
    request.modules = grants;
    struct rpc_call_options options = {.timeout_ms = (uint32_t) drive->settings.timeout_ms};
    rpc_client_call (drive->client, &jeton__v1__admin__descriptor, "CreateToken", &request.base,
                     &options, done, call);
}

static void
create_judge (struct drive *drive, const void *message)
{
    const Jeton__V1__CreateTokenReply *reply = message;
    drive->wrong += strlen (reply->value) != TOKEN_VALUE_LENGTH;
}

static const struct work works[] = {
    {"validate", "validator", true, false, validate_start, validate_judge},
    {"validate-single", "validator", false, false, single_start, validate_judge},
    {"validate-batch", "validator", false, true, batch_start, batch_judge},
    {"create", "admin", false, false, create_start, create_judge},
    {"grant", "issuer", false, false, grant_start, grant_judge},
    {"grant-opaque", "issuer", false, false, grant_start, grant_judge_opaque},
    {"refresh", "issuer", false, false, refresh_start, refresh_judge},
};

const struct work *
work_find (const char *name)
{
    for (size_t i = 0; i < sizeof works / sizeof *works; i++)
        if (strcmp (works[i].name, name) == 0)
            return &works[i];
    return NULL;
}
