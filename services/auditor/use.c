// Queries of the log of use: ListUse and UsagePerToken.
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/auditor/auditor.h"
#include <inttypes.h>
#include <stdio.h>

enum {
    PAGE_DEFAULT = 50,
    PAGE_MAX = 500,
    LOOK = 20000,       // rows that a page with a filter looks at
    CURSOR_LENGTH = 33, // a letter and two numbers of 16 hexadecimal digits
    DAY = 86400,
};

struct paging {
    struct store_use_filter filter;
    int64_t first, second; // the cursor: what the row before had
    int64_t size, look;
};

// cursor_parse (letter, text, first_r, second_r): A cursor that we gave out, or "".
static bool
cursor_parse (char letter, const char *text, int64_t *first_r, int64_t *second_r)
{
    char digits[17] = "";
    *first_r = *second_r = INT64_MAX;
    if (text[0] == '\0')
        return true;
    if (strlen (text) != CURSOR_LENGTH || text[0] != letter ||
        strspn (text + 1, "0123456789abcdef") != CURSOR_LENGTH - 1 || text[1] > '7' ||
        text[17] > '7')
        return false;
    memcpy (digits, text + 1, 16);
    *first_r = (int64_t) strtoull (digits, NULL, 16);
    *second_r = (int64_t) strtoull (text + 17, NULL, 16);
    return true;
}

static char *
cursor_make (struct arena *arena, char letter, int64_t first, int64_t second)
{
    return arena_printf (arena, "%c%016" PRIx64 "%016" PRIx64, letter, (uint64_t) first,
                         (uint64_t) second);
}

// number_filter (request, field, prefix, id, number_r): "" is none. False: it has been answered.
static bool
number_filter (struct request *request, const char *field, const char *prefix, const char *id,
               int64_t *number_r)
{
    char why[40];
    if (id[0] == '\0' || id_parse (prefix, id, number_r))
        return true;
    snprintf (why, sizeof why, "is not of the form %s-dddd-dddd", prefix);
    request_fail_field (request, field, "%s", why);
    return false;
}

bool
use_filter (struct request *request, const struct use_wanted *wanted,
            struct store_use_filter *filter_r)
{
    const char *token = wanted->token;
    *filter_r = (struct store_use_filter){.until = INT64_MAX};
    if (!number_filter (request, "account_id", "ACC", wanted->account_id, &filter_r->account) ||
        !number_filter (request, "user", "USR", wanted->user, &filter_r->user) ||
        !number_filter (request, "client", "CLI", wanted->client, &filter_r->client))
        return false;
    if (strlen (token) > ENTRY_TEXT_MAX || strncmp (token, "TKN-", 4) == 0) {
        if (!id_parse ("TKN", token, &filter_r->token)) {
            request_fail_field (request, "token", "is neither TKN-dddd-dddd nor the id of a JWT");
            return false;
        }
    } else if (token[0] != '\0') {
        filter_r->jti = token;
    }
    if (strlen (wanted->module) > ENTRY_TEXT_MAX) {
        request_fail_field (request, "module", "is longer than a name");
        return false;
    }
    if ((unsigned) wanted->decision > JETON__V1__DECISION__DECISION_DENY ||
        (unsigned) wanted->kind > JETON__V1__USE_KIND__USE_KIND_GRANT) {
        request_fail_field (
            request,
            (unsigned) wanted->kind > JETON__V1__USE_KIND__USE_KIND_GRANT ? "kind" : "decision",
            "is none of the known values");
        return false;
    }
    filter_r->module = wanted->module[0] != '\0' ? wanted->module : NULL;
    filter_r->decision = wanted->decision;
    filter_r->kind = wanted->kind;
    return true;
}

// page_begin (request, letter, page, paging_r): False: it has been answered.
static bool
page_begin (struct request *request, char letter, const Jeton__V1__PageRequest *page,
            struct paging *paging_r)
{
    uint32_t size = page != NULL ? page->size : 0;
    if (size > PAGE_MAX) {
        request_fail_field (request, "page.size", "must be %d at most", PAGE_MAX);
        return false;
    }
    if (!cursor_parse (letter, page != NULL ? page->cursor : "", &paging_r->first,
                       &paging_r->second)) {
        request_fail_field (request, "page.cursor", "is not one that a page before gave");
        return false;
    }
    paging_r->size = size != 0 ? size : PAGE_DEFAULT;
    return true;
}

// span_set (request, from, until, filter): False: it has been answered.
static bool
span_set (struct request *request, int64_t from, int64_t until, struct store_use_filter *filter)
{
    if (from < 0 || until < 0) {
        request_fail_field (request, from < 0 ? "from" : "until", "is before the epoch");
        return false;
    }
    filter->from = from;
    if (until > 0)
        filter->until = until;
    return true;
}

static void
full (struct request *request)
{
    request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                  "the page needs more memory than the setting arena_limit allows");
}

static char *
id_or_empty (struct arena *arena, const char *prefix, int64_t number)
{
    static char empty[] = "";
    char id[ID_SIZE];
    if (number < 1 || number > ID_NUMBER_MAX)
        return empty;
    id_format (prefix, number, id);
    return arena_strdup (arena, id);
}

// ---- ListUse --------------------------------------------------------------------------------------------------------

Jeton__V1__Use *
use_message (struct arena *arena, const struct store_use *row)
{
    Jeton__V1__Use *use = arena_alloc (arena, sizeof *use);
    if (use == NULL)
        return NULL;
    jeton__v1__use__init (use);
    use->id = row->id;
    use->time = row->second;
    use->count = row->count;
    use->token = row->jti[0] != '\0' ? arena_strdup (arena, row->jti)
                                     : id_or_empty (arena, "TKN", row->token);
    use->account = id_or_empty (arena, "ACC", row->account);
    use->user = id_or_empty (arena, "USR", row->user);
    use->module = arena_strdup (arena, row->module);
    use->peer = arena_strdup (arena, row->peer);
    use->address = arena_strdup (arena, row->address);
    use->access = (Jeton__V1__Access) row->access;
    use->environment = (Jeton__V1__Environment) row->environment;
    use->decision = (Jeton__V1__Decision) row->decision;
    use->client = id_or_empty (arena, "CLI", row->client);
    use->customer = id_or_empty (arena, "CUS", row->customer);
    if (row->grant_type == 0) {
        use->kind = JETON__V1__USE_KIND__USE_KIND_VALIDATE;
        use->reason = (Jeton__V1__Reason) row->reason;
    } else {
        use->kind = JETON__V1__USE_KIND__USE_KIND_GRANT;
        use->grant_type = (Jeton__V1__GrantType) row->grant_type;
        use->grant_reason = (Jeton__V1__GrantReason) row->reason;
    }
    return use->token && use->account && use->user && use->module && use->peer && use->address &&
                   use->client && use->customer
               ? use
               : NULL;
}

static void auditor_list_use_done (void *context, enum db_outcome outcome,
                                   const struct store_use *rows, size_t n, int64_t looked);

void
auditor_list_use (struct request *request)
{
    const Jeton__V1__ListUseRequest *message = request_message (request);
    const struct auditor *auditor = request_owner (request);
    const struct use_wanted wanted = {.token = message->token,
                                      .account_id = message->account_id,
                                      .module = message->module,
                                      .user = message->user,
                                      .client = message->client,
                                      .decision = (int) message->decision,
                                      .kind = (int) message->kind};
    struct paging p = {0};
    if (!page_begin (request, 'u', message->page, &p) ||
        !use_filter (request, &wanted, &p.filter) ||
        !span_set (request, message->from, message->until, &p.filter))
        return;
    bool filtered = p.filter.module != NULL || p.filter.decision != 0 || p.filter.kind != 0 ||
                    p.filter.user != 0 || p.filter.client != 0 ||
                    (p.filter.account != 0 && (p.filter.token != 0 || p.filter.jti != NULL));
    // Nothing before that moment is looked at.
    if (p.first >= p.filter.until) {
        p.first = p.filter.until;
        p.second = 0;
    }
    p.look = filtered ? LOOK : p.size + 1;
    struct paging *kept = arena_memdup (request_arena (request), &p, sizeof p);
    if (kept == NULL) {
        full (request);
        return;
    }
    request_context_set (request, kept);
    store_use_list (auditor->process.db, &p.filter, p.first, p.second, p.look, p.size + 2,
                    auditor_list_use_done, request);
}

static void
auditor_list_use_done (void *context, enum db_outcome outcome, const struct store_use *rows,
                       size_t n, int64_t looked)
{
    struct request *request = context;
    const struct paging *p = request_context (request);
    struct arena *arena = request_arena (request);
    Jeton__V1__ListUseReply reply = JETON__V1__LIST_USE_REPLY__INIT;
    const struct store_use *last = NULL; // that the next page begins after
    if (outcome != DB_OK) {
        auditor_fail (request, outcome);
        return;
    }
    reply.rows = arena_alloc (arena, (n + 1) * sizeof (Jeton__V1__Use *));
    for (size_t i = 0; i < n && reply.rows != NULL; i++) {
        if (rows[i].matches && reply.n_rows == (size_t) p->size) {
            last = &rows[i - 1];
            break;
        }
        if (rows[i].matches && !(reply.rows[reply.n_rows++] = use_message (arena, &rows[i])))
            reply.rows = NULL;
        if (i == n - 1 && looked == p->look)
            last = &rows[i];
    }
    if (last != NULL)
        reply.next_cursor = cursor_make (arena, 'u', last->second, last->id);
    if (reply.rows == NULL || reply.next_cursor == NULL)
        full (request);
    else
        request_reply (request, &reply.base);
}

// ---- UsagePerToken --------------------------------------------------------------------------------------------------

static void auditor_usage_per_token_done (void *context, enum db_outcome outcome,
                                          const struct store_day *rows, size_t n);

void
auditor_usage_per_token (struct request *request)
{
    const Jeton__V1__UsagePerTokenRequest *message = request_message (request);
    const struct auditor *auditor = request_owner (request);
    const struct use_wanted wanted = {.token = message->token,
                                      .account_id = message->account_id,
                                      .module = "",
                                      .user = "",
                                      .client = ""};
    struct paging p = {0};
    if (!page_begin (request, 'd', message->page, &p) ||
        !use_filter (request, &wanted, &p.filter) ||
        !span_set (request, message->from, message->until, &p.filter))
        return;
    if (p.filter.jti != NULL) {
        request_fail_field (request, "token", "is not of the form TKN-dddd-dddd");
        return;
    }
    // As days; those of the table are 32 bits wide.
    p.filter.from = p.filter.from / DAY < INT32_MAX ? p.filter.from / DAY : INT32_MAX;
    p.filter.until =
        (p.filter.until - 1) / DAY < INT32_MAX - 1 ? (p.filter.until - 1) / DAY + 1 : INT32_MAX;
    if (p.first > INT32_MAX)
        p.first = INT32_MAX;
    struct paging *kept = arena_memdup (request_arena (request), &p, sizeof p);
    if (kept == NULL) {
        full (request);
        return;
    }
    request_context_set (request, kept);
    store_use_days (auditor->process.db, &p.filter, p.first, p.second, p.size + 1,
                    auditor_usage_per_token_done, request);
}

static Jeton__V1__TokenUsage *
usage_message (struct arena *arena, const struct store_day *row)
{
    Jeton__V1__TokenUsage *usage = arena_alloc (arena, sizeof *usage);
    if (usage == NULL)
        return NULL;
    jeton__v1__token_usage__init (usage);
    usage->token = id_or_empty (arena, "TKN", row->token);
    usage->account = id_or_empty (arena, "ACC", row->account);
    usage->day = row->day * DAY;
    usage->allowed = row->allowed;
    usage->denied = row->denied;
    return usage->token && usage->account ? usage : NULL;
}

static void
auditor_usage_per_token_done (void *context, enum db_outcome outcome, const struct store_day *rows,
                              size_t n)
{
    struct request *request = context;
    const struct paging *p = request_context (request);
    struct arena *arena = request_arena (request);
    Jeton__V1__UsagePerTokenReply reply = JETON__V1__USAGE_PER_TOKEN_REPLY__INIT;
    if (outcome != DB_OK) {
        auditor_fail (request, outcome);
        return;
    }
    size_t shown = n < (size_t) p->size ? n : (size_t) p->size;
    reply.rows = arena_alloc (arena, (shown + 1) * sizeof (Jeton__V1__TokenUsage *));
    for (size_t i = 0; i < shown && reply.rows != NULL; i++)
        if (!(reply.rows[reply.n_rows++] = usage_message (arena, &rows[i])))
            reply.rows = NULL;
    if (shown < n)
        reply.next_cursor = cursor_make (arena, 'd', rows[shown - 1].day, rows[shown - 1].token);
    if (reply.rows == NULL || reply.next_cursor == NULL)
        full (request);
    else
        request_reply (request, &reply.base);
}
