// What a proxy is answered: the decision as an HTTP status (R28), and what an API has to know as headers.
#include "services/gateway/auth_ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FACTS = 9 }; // headers that say something of a token

// ---- what is known -------------------------------------------------------------------------------------------------

// Fit for a header. What is not comes from no validator of ours.
static bool
text_check (const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char) *text < ' ' || (unsigned char) *text > '~')
            return false;
    return true;
}

bool
auth_facts_read (const Jeton__V1__ValidateReply *reply, struct auth_facts *facts_r)
{
    *facts_r = (struct auth_facts){.token = reply->token,
                                   .account = reply->account,
                                   .user = reply->user,
                                   .client = reply->client,
                                   .customer = reply->customer,
                                   .scope = reply->scope,
                                   .kind = reply->kind,
                                   .access = reply->granted_access,
                                   .expires_at = reply->expires_at};
    const Jeton__V1__Allowance *allowance = reply->allowance;
    if (allowance != NULL && allowance->limit != NULL) {
        facts_r->limited = true;
        facts_r->limit = allowance->limit->burst;
        facts_r->remaining = allowance->remaining;
        facts_r->reset_s = allowance->reset_s;
    }
    return reply->decision == JETON__V1__DECISION__DECISION_ALLOW &&
           reply->reason == JETON__V1__REASON__REASON_OK && reply->status == 200 &&
           text_check (reply->token) && text_check (reply->account) && text_check (reply->user) &&
           text_check (reply->client) && text_check (reply->customer) && text_check (reply->scope);
}

bool
auth_facts_keep (struct auth_facts *facts, struct arena *arena)
{
    const char **texts[] = {&facts->token,  &facts->account,  &facts->user,
                            &facts->client, &facts->customer, &facts->scope};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if ((*texts[i] = arena_strdup (arena, *texts[i])) == NULL)
            return false;
    return true;
}

// The word is one of those in `text`, which have blanks between them.
static bool
word_in (const char *text, const char *word, size_t length)
{
    while (*text != '\0') {
        size_t other = strcspn (text, " ");
        if (other == length && memcmp (text, word, length) == 0)
            return true;
        text += other;
        text += strspn (text, " ");
    }
    return false;
}

// What is in both scopes; "" is not restricted. False: nothing, or there is no room.
static bool
scope_join (struct auth_facts *facts, const char *other, struct arena *arena)
{
    if (*other == '\0')
        return true;
    if (*facts->scope == '\0')
        return (facts->scope = arena_strdup (arena, other)) != NULL;
    char *both = arena_strdup (arena, facts->scope), *end = both;
    if (both == NULL)
        return false;
    for (const char *word = facts->scope; *word != '\0';) {
        size_t length = strcspn (word, " ");
        if (length > 0 && word_in (other, word, length)) {
            if (end != both)
                *end++ = ' ';
            memcpy (end, word, length);
            end += length;
        }
        word += length;
        word += strspn (word, " ");
    }
    *end = '\0';
    facts->scope = both;
    return end != both;
}

bool
auth_facts_join (struct auth_facts *facts, const struct auth_facts *customer, struct arena *arena)
{
    if (customer->kind != JETON__V1__TOKEN_KIND__TOKEN_KIND_CUSTOMER ||
        *customer->customer == '\0' || *customer->client == '\0' ||
        strcmp (customer->client, facts->client) != 0)
        return false;
    facts->kind = customer->kind;
    facts->customer = arena_strdup (arena, customer->customer);
    if (customer->access < facts->access)
        facts->access = customer->access;
    if (customer->expires_at != 0 &&
        (facts->expires_at == 0 || customer->expires_at < facts->expires_at))
        facts->expires_at = customer->expires_at;
    if (customer->limited && (!facts->limited || customer->remaining < facts->remaining)) {
        facts->limited = true;
        facts->limit = customer->limit;
        facts->remaining = customer->remaining;
        facts->reset_s = customer->reset_s;
    }
    return facts->customer != NULL && scope_join (facts, customer->scope, arena);
}

// ---- the answer ----------------------------------------------------------------------------------------------------

static void
number_set (struct exchange *exchange, const char *name, int64_t number)
{
    char text[24];
    snprintf (text, sizeof text, "%" PRId64, number);
    exchange_set (exchange, name, text);
}

static void
limit_set (struct exchange *exchange, uint32_t limit, uint32_t remaining, uint32_t reset_s)
{
    number_set (exchange, "RateLimit-Limit", limit);
    number_set (exchange, "RateLimit-Remaining", remaining);
    number_set (exchange, "RateLimit-Reset", reset_s);
}

static const char *
kind_name (Jeton__V1__TokenKind kind)
{
    static const char *const names[] = {"", "personal", "service", "base", "test", "customer"};
    return (size_t) kind < sizeof names / sizeof *names ? names[kind] : "";
}

// Envoy leaves what the client sent of a header that is not in the answer, unless it is told.
static void
removed_write (const struct header_pair *headers, size_t n, char *text_r, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < n; i++)
        if (*headers[i].value == '\0')
            used += (size_t) snprintf (text_r + used, size - used, "%s,", headers[i].name);
    snprintf (text_r + used, size - used, "X-Jeton-Customer-Token");
}

void
auth_allow (struct auth *auth, const struct auth_facts *facts)
{
    char expires[24] = "", removed[256] = "", limit[24] = "", remaining[24] = "", reset[24] = "";
    if (facts->expires_at != 0)
        snprintf (expires, sizeof expires, "%" PRId64, facts->expires_at);
    if (facts->limited) {
        snprintf (limit, sizeof limit, "%" PRIu32, facts->limit);
        snprintf (remaining, sizeof remaining, "%" PRIu32, facts->remaining);
        snprintf (reset, sizeof reset, "%" PRIu32, facts->reset_s);
    }
    bool write = facts->access == JETON__V1__ACCESS__ACCESS_WRITE;
    struct header_pair headers[] = {
        {"X-Jeton-Token", facts->token},
        {"X-Jeton-Account", facts->account},
        {"X-Jeton-User", facts->user},
        {"X-Jeton-Client", facts->client},
        {"X-Jeton-Customer", facts->customer},
        {"X-Jeton-Kind", kind_name (facts->kind)},
        {"X-Jeton-Scope", facts->scope},
        {"X-Jeton-Access", write ? "write" : "read"},
        {"X-Jeton-Expires", expires},
        {"X-Envoy-Auth-Headers-To-Remove", removed},
        {"RateLimit-Limit", limit},
        {"RateLimit-Remaining", remaining},
        {"RateLimit-Reset", reset},
    };
    size_t n = 0;
    if (auth->envoy)
        removed_write (headers, FACTS, removed, sizeof removed);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        if (*headers[i].value != '\0')
            headers[n++] = headers[i];
    exchange_end_again (auth->exchange, 200, headers, n);
}

void
auth_undecided (struct auth *auth, const char *why)
{
    exchange_set (auth->exchange, "Retry-After", "1");
    exchange_refuse (auth->exchange, 503, "unavailable", "%s", why);
}

// Of the token nothing is told but what the challenge says: its id would tell one that was revoked from one that never was (R29).
void
auth_deny (struct auth *auth, const Jeton__V1__ValidateReply *reply)
{
    struct exchange *exchange = auth->exchange;
    const Jeton__V1__Allowance *allowance = reply->allowance;
    if (reply->decision != JETON__V1__DECISION__DECISION_DENY ||
        !text_check (reply->www_authenticate)) {
        auth_undecided (auth, "the validator's answer makes no sense");
        return;
    }
    if (*reply->www_authenticate != '\0')
        exchange_set (exchange, "WWW-Authenticate", reply->www_authenticate);
    if (reply->status == 401)
        exchange_refuse (exchange, 401, "unauthorized",
                         "the access token is missing or not valid: WWW-Authenticate says more");
    else if (reply->status == 403)
        exchange_refuse (exchange, 403, "forbidden",
                         "the access token does not reach this: WWW-Authenticate says why");
    else if (reply->status == 429) {
        if (allowance != NULL) {
            number_set (exchange, "Retry-After", allowance->retry_after_s);
            if (allowance->limit != NULL)
                limit_set (exchange, allowance->limit->burst, allowance->remaining,
                           allowance->reset_s);
        }
        exchange_refuse (exchange, 429, "rate-limited",
                         "too many requests: Retry-After says when to try again");
    } else
        auth_undecided (auth, "nobody can tell now whether the access token is valid");
}
