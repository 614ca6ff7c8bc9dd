// Validate and ValidateBatch: what each token is, what is known of it, the decision, the reply.
#include "common/log/log.h"
#include "common/token/id.h"
#include "common/token/jwt.h"
#include "envelope.pb-c.h"
#include "services/validator/check.h"
#include "services/validator/foreign.h"
#include "services/validator/limit.h"
#include "services/validator/lookup.h"
#include "services/validator/truth.h"
#include "services/validator/use.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BATCH_MAX = 256,
    TOKEN_LENGTH_MAX = JWT_SIZE_MAX, // nothing that is longer is a token
};

char *
check_text (char *text)
{
    // The arena is full: the decision stands without this text.
    static char empty[] = "";
    return text ? text : empty;
}

static char *
id_text (const char *prefix, int64_t number, char room_r[ID_SIZE])
{
    if (number < 1 || number > ID_NUMBER_MAX || !room_r)
        return check_text (NULL);
    id_format (prefix, number, room_r);
    return room_r;
}

// One that few have.
static char *
rare_id_text (struct check *check, const char *prefix, int64_t number)
{
    if (number == 0)
        return check_text (NULL);
    return id_text (prefix, number, arena_alloc (request_arena (check->batch->request), ID_SIZE));
}

static uint32_t
id_number (int64_t number)
{
    return number >= 1 && number <= ID_NUMBER_MAX ? (uint32_t) number : 0;
}

// In the place of ids: the client writes them.
static void
numbers_write (struct check *check)
{
    const struct use_subject *subject = &check->subject;
    Jeton__V1__ValidateReply *reply = check->reply;
    reply->token_number = id_number (subject->token);
    reply->account_number = id_number (subject->account);
    reply->user_number = id_number (subject->user);
    reply->client_number = id_number (subject->client);
    reply->customer_number = subject->client != 0 ? id_number (subject->customer) : 0;
}

static void
ids_write (struct check *check)
{
    const struct use_subject *subject = &check->subject;
    Jeton__V1__ValidateReply *reply = check->reply;
    if (subject->token != 0)
        reply->token = id_text ("TKN", subject->token, check->token_id);
    reply->account = id_text ("ACC", subject->account, check->account_id);
    reply->user = rare_id_text (check, "USR", subject->user);
    reply->client = rare_id_text (check, "CLI", subject->client);
    if (subject->client != 0)
        reply->customer = rare_id_text (check, "CUS", subject->customer);
}

static void
batch_reply (struct batch *batch)
{
    // An id is a chain of reads, each of which waits for the one before. One directly after the other, several run at once.
    for (size_t i = 0; i < batch->n; i++)
        (batch->brief ? numbers_write : ids_write) (&batch->checks[i]);
    if (batch->answer) {
        batch->answer (&batch->checks[0]);
        return;
    }
    if (batch->single) {
        request_reply (batch->request, &batch->replies[0].base);
        return;
    }
    Jeton__V1__ValidateBatchReply reply = JETON__V1__VALIDATE_BATCH_REPLY__INIT;
    reply.n_replies = batch->n;
    reply.replies = batch->pointers;
    request_reply (batch->request, &reply.base);
}

// One of its checks, or the starting of them.
static void
batch_ended (struct batch *batch)
{
    assert (batch->pending > 0);
    if (--batch->pending == 0)
        batch_reply (batch);
}

static void
reply_set (Jeton__V1__ValidateReply *reply, Jeton__V1__Reason reason)
{
    reply->reason = reason;
    reply->status = decide_status (reason);
    reply->decision = reason == JETON__V1__REASON__REASON_OK ? JETON__V1__DECISION__DECISION_ALLOW
                                                             : JETON__V1__DECISION__DECISION_DENY;
}

static char *
challenge_text (struct batch *batch, Jeton__V1__Reason reason)
{
    const char *challenge = decide_challenge (reason);
    if (!challenge)
        return check_text (NULL);
    // Those that are refused are often refused for the same reason.
    if (!batch->challenge || batch->challenged != reason) {
        batch->challenge =
            check_text (arena_printf (request_arena (batch->request), "Bearer realm=\"jeton\"%s%s",
                                      *challenge ? ", " : "", challenge));
        batch->challenged = reason;
    }
    return batch->challenge;
}

void
check_end (struct check *check, Jeton__V1__Reason reason)
{
    struct batch *batch = check->batch;
    struct validator_stats *stats = &batch->validator->stats;
    Jeton__V1__ValidateReply *reply = check->reply;

    reply_set (reply, reason);
    if (batch->answer) {
        batch_ended (batch);
        return;
    }
    // What cannot be counted is not decided.
    if (!use_count (batch->validator, &batch->use, check->request->module, &check->wanted,
                    &check->subject, reply)) {
        jeton__v1__validate_reply__init (reply);
        check->subject = (struct use_subject){0};
        reply_set (reply, reason = JETON__V1__REASON__REASON_UNDECIDED);
    }
    reply->www_authenticate = challenge_text (batch, reason);

    if (reason == JETON__V1__REASON__REASON_OK)
        stats->allowed++;
    else if (reason == JETON__V1__REASON__REASON_UNDECIDED)
        stats->undecided++;
    else
        stats->denied++;

    batch_ended (batch);
}

static char *
jti_text (struct check *check, const char *jti)
{
    return check_text (arena_strdup (request_arena (check->batch->request), jti));
}

// What the token is restricted to: without it a reply would say that it is not. False: there is no room for it; the check has ended.
static bool
scope_text (struct check *check, const struct policy *policy)
{
    char *text = arena_strdup (request_arena (check->batch->request), policy_scope (policy));
    if (text)
        check->reply->scope = text;
    else
        check_end (check, JETON__V1__REASON__REASON_UNDECIDED);
    return text != NULL;
}

static void
check_limited (void *context, const struct limit_result *result)
{
    struct check *check = context;
    struct batch *batch = check->batch;
    limit_show (result, request_arena (batch->request), check->reply);
    batch->validator->stats.limited += !result->allowed;
    check_end (check, result->allowed ? JETON__V1__REASON__REASON_OK
                                      : JETON__V1__REASON__REASON_RATE_LIMITED);
}

// Allowed otherwise: may it be used so often?
static void
check_limit (struct check *check, const struct facts *facts)
{
    struct limit_result result;
    if (limits_take (check->batch->validator->limits, facts, (unsigned) check->wanted.environment,
                     &result, check_limited, check))
        check_limited (check, &result);
}

void
check_decide (struct check *check, const struct facts *facts)
{
    Jeton__V1__ValidateReply *reply = check->reply;
    check->subject = (struct use_subject){facts->token, facts->account, facts->user,
                                          facts->policy->client, facts->customer};
    if (facts->token == 0 && facts->jti)
        reply->token = jti_text (check, facts->jti);
    if (facts->policy->client != 0 && facts->policy->nscope > 1 &&
        !scope_text (check, facts->policy))
        return;
    reply->kind = facts->kind;
    reply->expires_at = facts->expires_at;
    check->environment = (Jeton__V1__Environment) facts->environment;
    if (check->batch->answer) {
        check_end (check, decide_active (facts, time (NULL)));
        return;
    }
    check->wanted.module = modules_find (check->batch->validator->modules, check->request->module);
    Jeton__V1__Reason reason = decide (facts, &check->wanted, time (NULL), &reply->granted_access);
    if (reason == JETON__V1__REASON__REASON_OK && policy_limited (facts->policy))
        check_limit (check, facts);
    else
        check_end (check, reason);
}

// ---- API tokens ----------------------------------------------------------------------------------------------------

static void
check_token_done (void *context, enum store_outcome outcome, const struct facts *facts,
                  uint64_t stamp)
{
    struct check *check = context;
    struct validator *validator = check->batch->validator;
    switch (outcome) {
    case STORE_OK:
        cache_put (validator->cache, &check->key, facts, stamp);
        check_decide (check, facts);
        return;
    case STORE_NOT_FOUND:
        cache_put_unknown (validator->cache, &check->key,
                           truth_now () + validator->settings.negative_ms, stamp);
        check_end (check, JETON__V1__REASON__REASON_UNKNOWN);
        return;
    case STORE_UNAVAILABLE:
        check_end (check, JETON__V1__REASON__REASON_UNDECIDED);
        return;
    }
}

static void
check_token (struct check *check, size_t length)
{
    struct validator *validator = check->batch->validator;
    uint8_t digest[TOKEN_DIGEST_SIZE];
    token_value_digest (check->request->token, length, digest);
    struct facts facts;
    if (check->batch->sure && cache_adopt (validator->cache, digest, &check->key, &facts)) {
        check_decide (check, &facts);
        return;
    }
    lookup_token (validator->lookup, digest, check_token_done, check);
}

// What is neither a value of ours nor one that may have been imported: no look at the database.
void
check_refuse (struct check *check)
{
    check->batch->validator->stats.refused_unread++;
    check_end (check, JETON__V1__REASON__REASON_MALFORMED);
}

// ---- requests ------------------------------------------------------------------------------------------------------

static bool
module_name_good (const char *name)
{
    size_t length = 0;
    for (; name[length] != '\0'; length++)
        if (!((name[length] >= 'a' && name[length] <= 'z') ||
              (name[length] >= '0' && name[length] <= '9') || name[length] == '_' ||
              name[length] == '-'))
            return false;
    return length > 0 && length < MODULE_NAME_SIZE && name[0] >= 'a' && name[0] <= 'z';
}

// The field of a validation that is wrong, or NULL; why_r says what is wrong with it. good: a module's name that was looked at already, or NULL.
static const char *
check_prepare (struct check *check, const char *good, const char **why_r)
{
    const Jeton__V1__ValidateRequest *request = check->request;
    struct cidr address = {0};
    int64_t store_client = 0;
    if ((!good || strcmp (request->module, good) != 0) && !module_name_good (request->module)) {
        *why_r = request->module[0] ? "is no name of a module (a-z, 0-9, _ and -, 64 at most)"
                                    : "is required: which module does the call belong to?";
        return "module";
    }
    *why_r = "is none of the known values";
    if ((unsigned) request->access > JETON__V1__ACCESS__ACCESS_WRITE)
        return "access";
    if ((unsigned) request->environment > JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST)
        return "environment";
    *why_r = "is neither an IPv4 nor an IPv6 address";
    if (request->client_address[0] && !cidr_address (request->client_address, &address))
        return "client_address";
    *why_r = "is no id of a client (CLI-dddd-dddd)";
    if (request->store_client[0] && !id_parse ("CLI", request->store_client, &store_client))
        return "store_client";
    check->wanted = (struct wanted){
        .access = request->access ? request->access : JETON__V1__ACCESS__ACCESS_READ,
        .environment =
            request->environment ? request->environment : JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE,
        .address = address,
        .store_client = (uint32_t) store_client,
    };
    return NULL;
}

// From memory, if that is possible.
static bool
check_remember (struct check *check)
{
    struct batch *batch = check->batch;
    struct facts facts;
    if (!batch->sure)
        return false;
    switch (cache_find (batch->validator->cache, &check->key, batch->now_ms, &facts)) {
    case CACHE_MISS:
        return false;
    case CACHE_UNKNOWN:
        check_end (check, JETON__V1__REASON__REASON_UNKNOWN);
        return true;
    case CACHE_HIT:
        break;
    }
    // A JWT that has expired is no credential, whatever has become of its user: as when its signature is checked.
    if (facts.jti && facts.expires_at <= time (NULL)) {
        check->reply->token = jti_text (check, facts.jti);
        check_end (check, JETON__V1__REASON__REASON_EXPIRED);
    } else {
        check_decide (check, &facts);
    }
    return true;
}

// What memory does not tell.
static void
check_later (struct check *check, size_t length, void (*find_out) (struct check *, size_t))
{
    if (check->batch->only_known)
        batch_ended (check->batch);
    else
        find_out (check, length);
}

static void
check_start (struct check *check)
{
    struct validator *validator = check->batch->validator;
    const char *token = check->request->token;
    size_t length = strlen (token);
    enum token_environment environment;
    uint32_t day;
    if (length == 0)
        check_end (check, JETON__V1__REASON__REASON_MISSING);
    else if (length > TOKEN_LENGTH_MAX)
        check_refuse (check);
    else if (check_remember (check))
        return;
    // Foreign values before JWTs: some systems have dots in theirs. No prefix begins as a JWT does.
    else if (token_value_check (&validator->token_keys, token, length, &environment) ||
             foreign_match (validator->foreign, token, length))
        check_later (check, length, check_token);
    else if (token_access_check (&validator->token_keys, token, length, &environment, &day))
        check_later (check, length, check_opaque);
    else if (jwt_looks_like (token, length))
        check_later (check, length, check_jwt);
    else
        check_refuse (check);
}

// The keys of all, and what is found by them on its way from memory, before the first is looked at.
static void
batch_prefetch (struct batch *batch)
{
    const struct cache *cache = batch->validator->cache;
    truth_hear (batch->validator->truth);
    batch->now_ms = truth_now ();
    batch->sure = truth_sure (batch->validator->truth, batch->now_ms);
    for (size_t i = 0; i < batch->n; i++) {
        struct check *check = &batch->checks[i];
        size_t length = strnlen (check->request->token, TOKEN_LENGTH_MAX + 1);
        check->key = cache_key (cache, check->request->token, length);
    }
    // By themselves: to find the way to a page takes long, and more of that is under way when nothing is computed in between.
    for (size_t i = 0; i < batch->n; i++)
        cache_prefetch (cache, &batch->checks[i].key);
    for (size_t i = 0; batch->sure && i < batch->n; i++)
        cache_prefetch_entry (cache, &batch->checks[i].key);
    for (size_t i = 0; batch->sure && i < batch->n; i++)
        cache_prefetch_stamps (cache, &batch->checks[i].key);
}

static struct batch *
batch_new (struct request *request, size_t n, bool single)
{
    struct arena *arena = request_arena (request);
    struct batch *batch = arena_alloc (arena, sizeof *batch);
    if (!batch)
        return NULL;
    batch->validator = request_owner (request);
    batch->request = request;
    batch->single = single;
    batch->n = n;
    batch->checks = arena_alloc (arena, (n + 1) * sizeof *batch->checks);
    batch->replies = arena_alloc (arena, (n + 1) * sizeof *batch->replies);
    batch->pointers = arena_alloc (arena, (n + 1) * sizeof (Jeton__V1__ValidateReply *));
    return batch->checks && batch->replies && batch->pointers ? batch : NULL;
}

// several: what they came in; NULL: one came alone.
static void
batch_run (struct request *request, Jeton__V1__ValidateRequest *const *requests, size_t n,
           const Jeton__V1__ValidateBatchRequest *several, void (*answer) (struct check *check))
{
    struct batch *batch = batch_new (request, n, !several);
    if (!batch) {
        request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "the request needs more memory than the setting arena_limit allows");
        return;
    }
    batch->only_known = several && several->only_known;
    batch->brief = several && several->brief;
    batch->answer = answer;
    counting_text (batch->use.peer, sizeof batch->use.peer, request_peer (request)->name);
    for (size_t i = 0; i < n; i++) {
        struct check *check = &batch->checks[i];
        check->batch = batch;
        check->request = requests[i];
        check->reply = batch->pointers[i] = &batch->replies[i];
        jeton__v1__validate_reply__init (check->reply);
        const char *good = i > 0 ? requests[i - 1]->module : NULL;
        const char *why, *field = answer ? NULL : check_prepare (check, good, &why);
        if (field) {
            char path[64];
            if (!several)
                snprintf (path, sizeof path, "%s", field);
            else
                snprintf (path, sizeof path, "requests[%zu].%s", i, field);
            request_fail_field (request, path, "%s %s", path, why);
            return;
        }
    }
    batch_prefetch (batch);
    // One is held until all have begun: a validation that ends at once must not end the batch.
    batch->pending = n + 1;
    for (size_t i = 0; i < n; i++)
        check_start (&batch->checks[i]);
    batch_ended (batch);
}

void
validator_validate (struct request *request)
{
    // The message stays unchanged; protobuf-c has no const in its arrays of messages.
    Jeton__V1__ValidateRequest *message = (Jeton__V1__ValidateRequest *) request_message (request);
    batch_run (request, &message, 1, NULL, NULL);
}

void
check_run (struct request *request, Jeton__V1__ValidateRequest *message,
           void (*answer) (struct check *check))
{
    batch_run (request, &message, 1, NULL, answer);
}

void
validator_validate_batch (struct request *request)
{
    const Jeton__V1__ValidateBatchRequest *message = request_message (request);
    if (message->n_requests > BATCH_MAX)
        request_fail_field (request, "requests",
                            "%zu requests are too many for one batch: send %d at most",
                            message->n_requests, BATCH_MAX);
    else
        batch_run (request, message->requests, message->n_requests, message, NULL);
}
