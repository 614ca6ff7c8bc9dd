#include "common/memory/memory.h"
#include "common/rpc/wire.h"
#include "common/token/id.h"
#include "common/validation/codec.h"
#include "common/validation/internal.h"
#include "envelope.pb-c.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    REQUESTS_TAG = 1 << 3 | 2,
    ONLY_KNOWN_TAG = 2 << 3 | 0,
    BRIEF_TAG = 3 << 3 | 0,
    ROOM_MIN = 256,
    AHEAD = 4,
    IDS = 5, // of a reply
};

// What a batch begins with; one that is patient leaves out the first flag.
static const uint8_t flags[] = {ONLY_KNOWN_TAG, true, BRIEF_TAG, true};
enum { ONLY_KNOWN_SIZE = 2 };

// ---- life ----------------------------------------------------------------------------------------------------------

static void
room_make (struct gathered *gathered, size_t size)
{
    size_t room = gathered->room > 0 ? gathered->room : ROOM_MIN;
    while (room - gathered->used < size)
        room *= 2;
    if (room == gathered->room)
        return;
    // Not realloc, which would leave tokens behind.
    uint8_t *bytes = xcalloc (1, room);
    if (gathered->used > 0) {
        memcpy (bytes, gathered->bytes, gathered->used);
        explicit_bzero (gathered->bytes, gathered->used);
    }
    free (gathered->bytes);
    gathered->bytes = bytes;
    gathered->room = room;
}

static struct gathered *
gathered_new (struct validator_client *client, uint32_t connection, bool patient)
{
    struct gathered *gathered;
    if (list_empty (&client->pool)) {
        gathered = xcalloc (1, sizeof *gathered);
        gathered->client = client;
        node_init (&gathered->link);
    } else {
        gathered = NODE_OWNER (client->pool.next, struct gathered, link);
        client->pooled--;
    }
    gathered->connection = connection;
    gathered->patient = patient;
    gathered->call = 0;
    gathered->n = gathered->left = gathered->used = 0;
    room_make (gathered, sizeof flags);
    memcpy (gathered->bytes, flags, sizeof flags);
    gathered->used = sizeof flags;
    list_append (&client->opened, &gathered->link);
    return gathered;
}

static void
gathered_destroy (struct gathered *gathered)
{
    node_remove (&gathered->link);
    free (gathered->bytes);
    free (gathered);
}

// Nothing of it is waited for any more.
static void
gathered_end (struct gathered *gathered)
{
    struct validator_client *client = gathered->client;
    assert (gathered->left == 0);
    deadlines_remove (&client->deadlines, &gathered->deadline);
    // Tokens are secrets.
    explicit_bzero (gathered->bytes, gathered->used);
    if (client->pooled == GATHERED_POOL_MAX) {
        gathered_destroy (gathered);
        return;
    }
    list_append (&client->pool, &gathered->link);
    client->pooled++;
}

static void
gathered_cancel (struct gathered *gathered)
{
    rpc_client_cancel (gathered->client->rpc, gathered->call);
    gathered_end (gathered);
}

void
gathered_free (struct node *list)
{
    while (!list_empty (list))
        gathered_destroy (NODE_OWNER (list->next, struct gathered, link));
}

static void
gathered_remove (struct validation *validation)
{
    struct gathered *gathered = validation->gathered;
    gathered->validations[validation->index] = NULL;
    gathered->left--;
    validation->gathered = NULL;
}

// ---- sending -------------------------------------------------------------------------------------------------------

static void gathered_done (void *context, const struct rpc_result *result);

// When the first ends, for itself; the last ends together with the call. INT64_MAX: all have the same deadline.
static int64_t
first_until (const struct gathered *gathered, int64_t *last_r)
{
    int64_t first = INT64_MAX, last = 0;
    for (size_t i = 0; i < gathered->n; i++) {
        const struct validation *validation = gathered->validations[i];
        if (validation == NULL)
            continue;
        first = validation->until_ms < first ? validation->until_ms : first;
        last = validation->until_ms > last ? validation->until_ms : last;
    }
    *last_r = last;
    return first < last ? first : INT64_MAX;
}

static void
deadline_set (struct gathered *gathered, int64_t first)
{
    struct validator_client *client = gathered->client;
    if (first == INT64_MAX) {
        deadlines_remove (&client->deadlines, &gathered->deadline);
        return;
    }
    deadlines_set (&client->deadlines, &gathered->deadline, first);
    alarm_by (client->alarm, first);
}

static void
gathered_send (struct gathered *gathered)
{
    // What was freed has left its list; the analyzer cannot follow that around the ring.
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
    struct validator_client *client = gathered->client;
    if (gathered->left == 0) { // all were cancelled
        gathered_end (gathered);
        return;
    }
    int64_t last, first = first_until (gathered, &last), left_ms = last - validation_now (client);
    struct rpc_call_options options = {.timeout_ms = left_ms > 0 ? (uint32_t) left_ms : 1,
                                       .once = true,
                                       .codec = &validation_batch_codec,
                                       .connection = gathered->connection};
    size_t skipped = gathered->patient ? ONLY_KNOWN_SIZE : 0, size = gathered->used - skipped;
    const uint8_t *body = gathered->bytes + skipped;
    const char *method = "jeton.v1.Validator/ValidateBatch";
    const ProtobufCMessageDescriptor *output = &jeton__v1__validate_batch_reply__descriptor;
    if (gathered->n == 1) {
        const struct validation *validation = gathered->validations[0];
        method = "jeton.v1.Validator/Validate";
        output = &jeton__v1__validate_reply__descriptor;
        options.codec = &validation_codec;
        body = gathered->bytes + validation->at;
        size = validation->size;
        options.key = validation_token (body, size, &options.key_size);
    }
    list_append (&client->sent, &gathered->link);
    deadline_set (gathered, first);
    client->frames++;
    gathered->call = rpc_client_call_packed (client->rpc, method, output, body, size, &options,
                                             gathered_done, gathered);
}

void
gathered_send_all (struct validator_client *client)
{
    while (!list_empty (&client->opened))
        gathered_send (NODE_OWNER (client->opened.next, struct gathered, link));
}

// ---- gathering -----------------------------------------------------------------------------------------------------

static struct gathered *
opened_find (struct validator_client *client, uint32_t connection, bool patient, size_t size)
{
    for (struct node *node = client->opened.next; node != &client->opened; node = node->next) {
        struct gathered *gathered = NODE_OWNER (node, struct gathered, link);
        if (gathered->connection != connection || gathered->patient != patient)
            continue;
        if (gathered->n < VALIDATIONS_GATHERED &&
            gathered->used + size <= VALIDATIONS_GATHERED_BYTES)
            return gathered;
        gathered_send (gathered);
        break;
    }
    return gathered_new (client, connection, patient);
}

uint8_t *
gathered_place (struct validation *validation, uint32_t connection, size_t size, bool alone)
{
    struct validator_client *client = validation->client;
    size_t head = 1 + wire_varint_size (size);
    struct gathered *gathered =
        alone || connection == 0
            ? gathered_new (client, connection, validation->patient)
            : opened_find (client, connection, validation->patient, head + size);
    room_make (gathered, head + size);
    uint8_t *at = gathered->bytes + gathered->used;
    *at++ = REQUESTS_TAG;
    at += wire_varint_write (size, at);
    gathered->used += head + size;
    validation->gathered = gathered;
    validation->index = (uint32_t) gathered->n;
    validation->at = (uint32_t) (at - gathered->bytes);
    validation->size = (uint32_t) size;
    gathered->validations[gathered->n++] = validation;
    gathered->left++;
    return at;
}

void
gathered_ready (struct validation *validation, bool now)
{
    struct gathered *gathered = validation->gathered;
    if (now || gathered->connection == 0 || gathered->n >= validation->client->gather)
        gathered_send (gathered);
    else
        alarm_by (validation->client->alarm, 0);
}

// The request is taken from what the validation was in until now.
static void
gathered_again (struct validation *validation, uint32_t connection, bool alone)
{
    const struct gathered *before = validation->gathered;
    const uint8_t *bytes = before->bytes + validation->at;
    gathered_remove (validation);
    memcpy (gathered_place (validation, connection, validation->size, alone), bytes,
            validation->size);
    gathered_ready (validation, alone);
}

void
gathered_forget (struct validation *validation)
{
    struct gathered *gathered = validation->gathered;
    struct validator_client *client = gathered->client;
    gathered_remove (validation);
    // What was not sent yet goes with the others, or not at all if it was the last; what calls back now is ended there.
    if (gathered->left == 0 && gathered->call != 0 && gathered != client->current)
        gathered_cancel (gathered);
}

// ---- ending --------------------------------------------------------------------------------------------------------

static void
validation_finish (struct validation *validation, const struct rpc_result *result)
{
    gathered_remove (validation);
    validation_end (validation, result);
}

// Nothing was done, or it does not matter: another validator may be better off, or the same one when it is back. One that refuses costs
// no more than a way, so that those that are known to take calls are asked for as long as there are any.
static bool
elsewhere (struct validation *validation, const struct rpc_result *result)
{
    const struct gathered *gathered = validation->gathered;
    struct validator_client *client = gathered->client;
    size_t length;
    const char *token =
        validation_token (gathered->bytes + validation->at, validation->size, &length);
    if (validation->until_ms <= validation_now (client))
        return false;
    uint32_t home = rpc_client_home (client->rpc, token, length, gathered->connection);
    if (home == 0 && !result->lost)
        return false;
    if (validation->again && (result->lost || !rpc_client_willing (client->rpc, home)))
        return false;
    validation->again = true;
    gathered_again (validation, home, false);
    return true;
}

static void
gathered_fail (struct gathered *gathered, const struct rpc_result *result)
{
    bool unavailable = result->code == JETON__V1__CODE__CODE_UNAVAILABLE,
         wrong = result->code == JETON__V1__CODE__CODE_INVALID_ARGUMENT && gathered->n > 1;
    for (size_t i = 0; i < gathered->n; i++) {
        struct validation *validation = gathered->validations[i];
        if (validation == NULL)
            continue;
        // One of them is wrong. Alone, each learns for itself whether it is.
        if (wrong)
            gathered_again (validation, gathered->connection, true);
        else if (!unavailable || !elsewhere (validation, result))
            validation_finish (validation, result);
    }
}

static char *
id_write (const char *prefix, uint32_t *number, char *text, char room[ID_SIZE])
{
    if (*number == 0 || *number > ID_NUMBER_MAX)
        return text;
    id_format (prefix, *number, room);
    *number = 0;
    return room;
}

// A reply becomes what it would have been alone: with ids. They are in `room`.
static void
ids_write (Jeton__V1__ValidateReply *reply, char room[IDS][ID_SIZE])
{
    reply->token = id_write ("TKN", &reply->token_number, reply->token, room[0]);
    reply->account = id_write ("ACC", &reply->account_number, reply->account, room[1]);
    reply->user = id_write ("USR", &reply->user_number, reply->user, room[2]);
    reply->client = id_write ("CLI", &reply->client_number, reply->client, room[3]);
    reply->customer = id_write ("CUS", &reply->customer_number, reply->customer, room[4]);
}

// Each is elsewhere in memory, as is what its caller keeps of it: some are on their way while others are looked at.
static void
validation_prefetch (const struct gathered *gathered, size_t i)
{
    if (i + AHEAD < gathered->n && gathered->validations[i + AHEAD] != NULL)
        __builtin_prefetch (gathered->validations[i + AHEAD]);
    if (i + AHEAD / 2 < gathered->n && gathered->validations[i + AHEAD / 2] != NULL)
        __builtin_prefetch (gathered->validations[i + AHEAD / 2]->context);
}

static void
gathered_deliver (struct gathered *gathered, const Jeton__V1__ValidateBatchReply *reply)
{
    char room[IDS][ID_SIZE];
    struct rpc_result result = {.code = JETON__V1__CODE__CODE_OK, .message = ""};
    if (reply->n_replies != gathered->n) {
        result.code = JETON__V1__CODE__CODE_INTERNAL;
        result.message =
            "the reply is malformed: it has not as many answers as there were questions";
    }
    for (size_t i = 0; i < gathered->n; i++) {
        struct validation *validation = gathered->validations[i];
        validation_prefetch (gathered, i);
        if (validation == NULL)
            continue;
        if (result.code == JETON__V1__CODE__CODE_OK) {
            ids_write (reply->replies[i], room);
            result.reply = reply->replies[i];
        }
        // The validator has to look it up, and the others did not wait for that.
        bool later = !gathered->patient && result.reply != NULL &&
                     reply->replies[i]->decision == JETON__V1__DECISION__DECISION_UNSPECIFIED;
        if (later) {
            validation->patient = true;
            gathered_again (validation, gathered->connection, false);
        } else
            validation_finish (validation, &result);
    }
}

// Callbacks may begin calls, which go elsewhere, and cancel those that are still in it.
static void
gathered_done (void *context, const struct rpc_result *result)
{
    struct gathered *gathered = context;
    struct validator_client *client = gathered->client;
    gathered->call = 0;
    client->now_ms = zclock_mono ();
    client->current = gathered;
    if (result->code != JETON__V1__CODE__CODE_OK)
        gathered_fail (gathered, result);
    else if (gathered->n > 1)
        gathered_deliver (gathered, result->reply);
    else
        validation_finish (gathered->validations[0], result);
    client->current = NULL;
    gathered_end (gathered);
}

void
gathered_expire (struct validator_client *client, int64_t now)
{
    const struct rpc_result result = {.code = JETON__V1__CODE__CODE_DEADLINE_EXCEEDED,
                                      .message =
                                          "the validator did not answer within the deadline"};
    struct deadline *first;
    client->now_ms = now;
    while ((first = deadlines_first (&client->deadlines)) != NULL && first->at_ms <= now) {
        struct gathered *gathered = NODE_OWNER (first, struct gathered, deadline);
        int64_t last;
        client->current = gathered;
        for (size_t i = 0; i < gathered->n; i++)
            if (gathered->validations[i] != NULL && gathered->validations[i]->until_ms <= now)
                validation_finish (gathered->validations[i], &result);
        if (gathered->left > 0)
            deadline_set (gathered, first_until (gathered, &last));
        else
            gathered_cancel (gathered);
    }
    client->current = NULL;
}
