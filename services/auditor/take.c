// TakeSegment: what other processes have counted, into the log of use. A segment is checked whole before anything is done with it.
#include "common/log/log.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/auditor/auditor.h"

enum { ROWS_MAX = 8192, SOURCE_SIZE = 16, ADDRESS_SIZE = 17, TEXT_MAX = 64, ENUM_MAX = 255 };
#define SECOND_MAX INT64_C (253402300799) // the last one of the year 9999
#define COUNT_MAX  (INT64_C (1) << 40)    // sums of many must not overflow

// outside (values, n, minimum, maximum): Is one of them?
static bool
outside (const int64_t *values, size_t n, int64_t minimum, int64_t maximum)
{
    for (size_t i = 0; i < n; i++)
        if (values[i] < minimum || values[i] > maximum)
            return true;
    return false;
}

static bool
above (const uint32_t *values, size_t n, size_t maximum)
{
    for (size_t i = 0; i < n; i++)
        if (values[i] > maximum)
            return true;
    return false;
}

static bool
addresses_bad (const Jeton__V1__TakeSegmentRequest *message, size_t n)
{
    if (message->addresses.len != n * ADDRESS_SIZE)
        return true;
    for (size_t i = 0; i < n; i++) {
        uint8_t family = message->addresses.data[i * ADDRESS_SIZE];
        if (family != 0 && family != 4 && family != 6)
            return true;
    }
    return false;
}

static bool
texts_bad (const Jeton__V1__TakeSegmentRequest *message)
{
    for (size_t i = 0; i < message->n_texts; i++)
        if (strlen (message->texts[i]) > TEXT_MAX)
            return true;
    return false;
}

// segment_bad (message): The name of the field at fault, or NULL.
static const char *
segment_bad (const Jeton__V1__TakeSegmentRequest *message)
{
    const Jeton__V1__TakeSegmentRequest *m = message;
    size_t n = m->n_count;
    const struct {
        const char *name;
        size_t n;
        const int64_t *values;
        int64_t minimum, maximum;
    } numbers[] = {{"count", m->n_count, m->count, 1, COUNT_MAX},
                   {"second", m->n_second, m->second, 0, SECOND_MAX},
                   {"account", m->n_account, m->account, 0, ID_NUMBER_MAX},
                   {"token", m->n_token, m->token, 0, ID_NUMBER_MAX},
                   {"user", m->n_user, m->user, 0, ID_NUMBER_MAX}};
    const struct {
        const char *name;
        size_t n;
        const uint32_t *values;
        size_t maximum;
        bool optional; // may be left out: 0 in all rows
    } words[] = {{"module", m->n_module, m->module, m->n_texts, false},
                 {"peer", m->n_peer, m->peer, m->n_texts, false},
                 {"jti", m->n_jti, m->jti, m->n_texts, false},
                 {"access", m->n_access, m->access, ENUM_MAX, false},
                 {"environment", m->n_environment, m->environment, ENUM_MAX, false},
                 {"decision", m->n_decision, m->decision, ENUM_MAX, false},
                 {"reason", m->n_reason, m->reason, ENUM_MAX, false},
                 {"client", m->n_client, m->client, ID_NUMBER_MAX, true},
                 {"customer", m->n_customer, m->customer, ID_NUMBER_MAX, true},
                 {"grant_type", m->n_grant_type, m->grant_type, ENUM_MAX, true}};
    if (m->source.len != SOURCE_SIZE)
        return "source";
    if (m->sequence < 1)
        return "sequence";
    if (n == 0 || n > ROWS_MAX)
        return "count";
    if (texts_bad (m))
        return "texts";
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].n != n ||
            outside (numbers[i].values, n, numbers[i].minimum, numbers[i].maximum))
            return numbers[i].name;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!(words[i].optional && words[i].n == 0) &&
            (words[i].n != n || above (words[i].values, n, words[i].maximum)))
            return words[i].name;
    return addresses_bad (m, n) ? "addresses" : NULL;
}

static void auditor_take_segment_done (void *context, enum db_outcome outcome, int64_t taken);

void
auditor_take_segment (struct request *request)
{
    const Jeton__V1__TakeSegmentRequest *message = request_message (request);
    const struct auditor *auditor = request_owner (request);
    const char *bad = segment_bad (message);
    if (bad != NULL)
        request_fail_field (request, bad, "is not that of a segment: see proto/audit.proto");
    else
        store_take (auditor->process.db, message, auditor_take_segment_done, request);
}

static void
auditor_take_segment_done (void *context, enum db_outcome outcome, int64_t taken)
{
    struct request *request = context;
    const Jeton__V1__TakeSegmentRequest *message = request_message (request);
    struct auditor *auditor = request_owner (request);
    Jeton__V1__TakeSegmentReply reply = JETON__V1__TAKE_SEGMENT_REPLY__INIT;
    switch (outcome) {
    case DB_OK:
        reply.known = taken == 0;
        if (taken != 0) {
            auditor->stats.segments++;
            auditor->stats.use_rows += message->n_count;
        }
        log_debug (reply.known ? "segment of use known" : "segment of use taken", "peer",
                   request_peer (request)->name, NULL);
        request_reply (request, &reply.base);
        return;
    case DB_UNCERTAIN: // it is sent again, and recognised
    case DB_UNAVAILABLE:
    case DB_CONFLICT: // no partition for it, for a moment
    case DB_FAILED:
        log_warn ("a segment of use could not be taken", "peer", request_peer (request)->name,
                  "outcome", db_outcome_name (outcome), NULL);
        request_fail (request, JETON__V1__CODE__CODE_UNAVAILABLE,
                      "the database does not take it: send it again");
        return;
    }
}
