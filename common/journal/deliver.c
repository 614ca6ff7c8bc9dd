#include "common/journal/deliver.h"
#include "audit.pb-c.h"
#include "common/journal/pace.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include "common/net/alarm.h"
#include "common/rpc/client.h"
#include "common/rpc/peers.h"
#include "envelope.pb-c.h"
#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 100,
    RETRY_FIRST_MS = 100,
    RETRY_LAST_MS = 5000,
    TIMEOUT_MS = 20000,
    TEXTS_MAX = 3 * JOURNAL_ROWS_MAX,
    SLOTS = 65536, // of the index of texts; a power of two, more than TEXTS_MAX
    ADDRESS_SIZE = 17,
};

struct delivery {
    struct loop *loop;
    struct resolver *resolver;
    struct journal *journal;
    char *endpoints, *peers;
    zcert_t *certificate;
    struct rpc_client *client; // NULL: not made (again) yet
    bool renew;                // make another client at the next try
    struct alarm *alarm;
    bool busy;       // a segment is on its way
    int64_t sent_ms; // since when (monotonic)
    int64_t late_ms; // see struct delivery_options
    struct pace pace;
    int64_t retry_at_ms; // nothing before this (monotonic)
    int64_t retry_ms;    // how long to wait after the next failure
    bool failing;        // that has been logged
};

// ---- a segment as a message -----------------------------------------------------------------------------------------

// The columns of a message, and the texts that they refer to.
struct columns {
    int64_t second[JOURNAL_ROWS_MAX], account[JOURNAL_ROWS_MAX], token[JOURNAL_ROWS_MAX],
        user[JOURNAL_ROWS_MAX], count[JOURNAL_ROWS_MAX];
    uint32_t module[JOURNAL_ROWS_MAX], peer[JOURNAL_ROWS_MAX], jti[JOURNAL_ROWS_MAX],
        access[JOURNAL_ROWS_MAX], environment[JOURNAL_ROWS_MAX], decision[JOURNAL_ROWS_MAX],
        reason[JOURNAL_ROWS_MAX], client[JOURNAL_ROWS_MAX], customer[JOURNAL_ROWS_MAX],
        grant_type[JOURNAL_ROWS_MAX];
    uint8_t addresses[JOURNAL_ROWS_MAX * ADDRESS_SIZE];
    char *texts[TEXTS_MAX];
    size_t n_texts;
    uint16_t slots[SLOTS]; // number of a text, 0: free
};

static uint32_t
text_number (struct columns *columns, const char *text, size_t size)
{
    size_t length = strnlen (text, size);
    uint32_t hash =
        2166136261U; // FNV-1a: whoever makes texts collide costs us some comparisons of short texts
    if (length == 0)
        return 0;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t) text[i]) * 16777619U;
    size_t slot = hash % SLOTS;
    for (; columns->slots[slot] != 0; slot = (slot + 1) % SLOTS) {
        const char *known = columns->texts[columns->slots[slot] - 1];
        if (strlen (known) == length && memcmp (known, text, length) == 0)
            return columns->slots[slot];
    }
    char *copy = xcalloc (1, length + 1);
    memcpy (copy, text, length);
    columns->texts[columns->n_texts++] = copy;
    return columns->slots[slot] = (uint16_t) columns->n_texts;
}

static void
row_put (struct columns *columns, size_t i, const struct journal_row *row)
{
    const struct journal_use *use = &row->use;
    columns->second[i] = use->second;
    columns->account[i] = use->account;
    columns->token[i] = use->token;
    columns->user[i] = use->user;
    columns->count[i] = (int64_t) row->count;
    columns->module[i] = text_number (columns, use->module, sizeof use->module);
    columns->peer[i] = text_number (columns, use->peer, sizeof use->peer);
    columns->jti[i] = text_number (columns, use->id, sizeof use->id);
    columns->access[i] = use->access;
    columns->environment[i] = use->environment;
    columns->decision[i] = use->decision;
    columns->reason[i] = use->reason;
    columns->client[i] = use->client;
    columns->customer[i] = use->customer;
    columns->grant_type[i] = use->grant_type;
    columns->addresses[i * ADDRESS_SIZE] = use->family;
    memcpy (&columns->addresses[i * ADDRESS_SIZE + 1], use->address, sizeof use->address);
}

// A column that may be left out where it says nothing.
static size_t
column_size (const uint32_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (values[i] != 0)
            return n;
    return 0;
}

static void
message_set (Jeton__V1__TakeSegmentRequest *m, struct journal_segment *segment, struct columns *c)
{
    size_t n = segment->n;
    m->source = (ProtobufCBinaryData){sizeof segment->source, segment->source};
    m->sequence = (int64_t) segment->sequence;
    m->n_texts = c->n_texts;
    m->texts = c->texts;
    m->n_second = m->n_account = m->n_token = m->n_user = m->n_count = n;
    m->n_module = m->n_peer = m->n_jti = n;
    m->n_access = m->n_environment = m->n_decision = m->n_reason = n;
    m->second = c->second;
    m->account = c->account;
    m->token = c->token;
    m->user = c->user;
    m->count = c->count;
    m->module = c->module;
    m->peer = c->peer;
    m->jti = c->jti;
    m->access = c->access;
    m->environment = c->environment;
    m->decision = c->decision;
    m->reason = c->reason;
    m->n_client = column_size (c->client, n);
    m->client = c->client;
    m->n_customer = column_size (c->customer, n);
    m->customer = c->customer;
    m->n_grant_type = column_size (c->grant_type, n);
    m->grant_type = c->grant_type;
    m->addresses = (ProtobufCBinaryData){n * ADDRESS_SIZE, c->addresses};
}

// ---- sending --------------------------------------------------------------------------------------------------------

static void
client_make (struct delivery *delivery)
{
    struct error error = {""};
    struct peers *peers;
    const struct peer *auditor;
    rpc_client_destroy (&delivery->client);
    peers = peers_load (delivery->peers, &error);
    auditor = peers != NULL ? peers_by_name (peers, "auditor") : NULL;
    if (peers != NULL && auditor == NULL)
        error_set (&error, "%s has no line for \"auditor\"", delivery->peers);
    if (auditor != NULL)
        delivery->client =
            rpc_client_new (delivery->loop, delivery->resolver,
                            &(struct rpc_client_options){.endpoints = delivery->endpoints,
                                                         .server_key = auditor->key,
                                                         .certificate = delivery->certificate,
                                                         .timeout_ms = TIMEOUT_MS},
                            &error);
    if (delivery->client == NULL)
        log_error ("use cannot be sent to the auditor", "reason", error.text, NULL);
    peers_destroy (&peers);
    delivery->renew = false;
}

static void
failed (struct delivery *delivery, const char *code, const char *message)
{
    if (!delivery->failing)
        log_warn ("the auditor does not take what was counted; it is kept and sent again", "code",
                  code, "reason", message, NULL);
    delivery->failing = true;
    delivery->retry_at_ms = zclock_mono () + delivery->retry_ms;
    // Its key may be another one by now.
    delivery->renew = delivery->retry_ms == RETRY_LAST_MS;
    delivery->retry_ms =
        2 * delivery->retry_ms < RETRY_LAST_MS ? 2 * delivery->retry_ms : RETRY_LAST_MS;
}

static void send_next (struct delivery *delivery);

// Go on after a segment that was taken: at once, or after a while when calls wait for a processor.
static void
go_on (struct delivery *delivery)
{
    int64_t now = zclock_mono ();
    pace_look (&delivery->pace, now);
    bool late = now - journal_oldest_ms (delivery->journal) >= delivery->late_ms;
    int64_t rest_ms = pace_rest (delivery->pace.calls_wait, now - delivery->sent_ms, late,
                                 journal_fill (delivery->journal));
    if (rest_ms == 0) {
        send_next (delivery);
        return;
    }
    journal_rested (delivery->journal);
    delivery->retry_at_ms = now + rest_ms;
    alarm_by (delivery->alarm, delivery->retry_at_ms);
}

static void
sent (void *context, const struct rpc_result *result)
{
    struct delivery *delivery = context;
    delivery->busy = false;
    if (result->code == JETON__V1__CODE__CODE_OK) {
        if (delivery->failing)
            log_info ("the auditor takes what was counted again", NULL);
        delivery->failing = false;
        delivery->retry_ms = RETRY_FIRST_MS;
        journal_taken (delivery->journal);
        go_on (delivery);
    } else if (result->code == JETON__V1__CODE__CODE_INVALID_ARGUMENT) {
        log_error ("the auditor refuses a segment of use", "reason", result->message, NULL);
        journal_refused (delivery->journal);
    } else {
        failed (delivery, rpc_code_name (result->code), result->message);
    }
}

static void
send_next (struct delivery *delivery)
{
    struct journal_segment segment;
    Jeton__V1__TakeSegmentRequest message = JETON__V1__TAKE_SEGMENT_REQUEST__INIT;
    if (delivery->client == NULL || !journal_next (delivery->journal, &segment))
        return;
    struct columns *columns = xcalloc (1, sizeof *columns);
    for (size_t i = 0; i < segment.n; i++)
        row_put (columns, i, &segment.rows[i]);
    message_set (&message, &segment, columns);
    delivery->busy = true;
    delivery->sent_ms = zclock_mono ();
    rpc_client_call (delivery->client, &jeton__v1__audit_logger__descriptor, "TakeSegment",
                     &message.base, &(struct rpc_call_options){.idempotent = true}, sent, delivery);
    for (size_t i = 0; i < columns->n_texts; i++)
        free (columns->texts[i]);
    free (columns);
    journal_segment_free (&segment);
}

static void
tick (void *context)
{
    struct delivery *delivery = context;
    int64_t now = zclock_mono ();
    alarm_by (delivery->alarm, now + TICK_MS);
    journal_tick (delivery->journal, now);
    pace_look (&delivery->pace, now);
    (void) journal_stats (delivery->journal); // for those who show them
    if (delivery->busy || now < delivery->retry_at_ms)
        return;
    if (delivery->client == NULL || delivery->renew) {
        client_make (delivery);
        if (delivery->client == NULL) {
            delivery->retry_at_ms = now + RETRY_LAST_MS;
            return;
        }
    }
    send_next (delivery);
}

struct delivery *
delivery_new (struct loop *loop, struct resolver *resolver, struct journal *journal,
              const struct delivery_options *options)
{
    struct delivery *delivery = xcalloc (1, sizeof *delivery);
    delivery->loop = loop;
    delivery->resolver = resolver;
    delivery->journal = journal;
    delivery->endpoints = xstrdup (options->endpoints);
    delivery->peers = xstrdup (options->peers);
    delivery->certificate = options->certificate;
    delivery->late_ms = options->late_ms;
    pace_start (&delivery->pace);
    delivery->retry_ms = RETRY_FIRST_MS;
    delivery->alarm = alarm_new (loop, tick, delivery);
    alarm_by (delivery->alarm, zclock_mono ());
    return delivery;
}

void
delivery_hurry (struct delivery *delivery)
{
    delivery->late_ms = 0;
    if (!delivery->failing)
        delivery->retry_at_ms = 0;
}

bool
delivery_failing (const struct delivery *delivery)
{
    return delivery->failing;
}

void
delivery_destroy (struct delivery **delivery)
{
    if (*delivery == NULL)
        return;
    alarm_destroy (&(*delivery)->alarm);
    pace_end (&(*delivery)->pace);
    rpc_client_destroy (&(*delivery)->client);
    free ((*delivery)->endpoints);
    free ((*delivery)->peers);
    free (*delivery);
    *delivery = NULL;
}
