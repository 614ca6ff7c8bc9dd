#include "services/validator/row.h"

#include "common/db/db.h"

#include <string.h>

// "orders 1 t" → a grant. The database's word is checked like any other.
static bool
grant_parse (const char *text, size_t length, struct policies *policies, struct policy_draft *draft)
{
    const char *blank = memchr (text, ' ', length);
    size_t name = blank ? (size_t) (blank - text) : 0;
    if (name == 0 || length < name + 4 || blank[2] != ' ')
        return false;
    char access = blank[1], enabled = blank[3];
    if ((access != '1' && access != '2') || (enabled != 't' && enabled != 'f'))
        return false;
    return policy_draft_grant (policies, draft, text, name, (uint8_t) (access - '0'),
                               enabled == 't');
}

static bool
grants_parse (const char *text, struct policies *policies, struct policy_draft *draft)
{
    while (*text != '\0') {
        size_t length = strcspn (text, ",");
        if (!grant_parse (text, length, policies, draft))
            return false;
        text += length + (text[length] == ',');
    }
    return true;
}

// "192.0.2.0/24,2001:db8::/32"
static bool
allowed_parse (const char *text, struct policy_draft *draft)
{
    while (*text != '\0') {
        char network[CIDR_TEXT_SIZE];
        struct cidr cidr;
        size_t length = strcspn (text, ",");
        if (length >= sizeof network)
            return false;
        memcpy (network, text, length);
        network[length] = '\0';
        if (!cidr_parse (network, &cidr) || !policy_draft_allow (draft, &cidr))
            return false;
        text += length + (text[length] == ',');
    }
    return true;
}

enum { RATE_MAX = 6000000 }; // of the schema

static bool
get_rate (const PGresult *result, int column, uint32_t *value_r)
{
    int64_t value;
    if (!db_get_int (result, 0, column, &value) || value < 0 || value > RATE_MAX)
        return false;
    *value_r = (uint32_t) value;
    return true;
}

// What the row shares with others, held; or NULL.
static struct policy *
policy_from_row (const PGresult *result, struct policies *policies)
{
    const char *grants = "", *allowed;
    struct policy_draft draft;
    policy_draft_start (&draft);
    if ((PQgetisnull (result, 0, 9) || db_get_text (result, 0, 9, &grants)) &&
        grants_parse (grants, policies, &draft) && db_get_text (result, 0, 10, &allowed) &&
        allowed_parse (allowed, &draft) && get_rate (result, 12, &draft.rate_per_minute) &&
        get_rate (result, 13, &draft.rate_burst) &&
        (draft.rate_per_minute == 0) == (draft.rate_burst == 0) &&
        get_rate (result, 14, &draft.account_per_minute) &&
        get_rate (result, 15, &draft.account_burst) &&
        (draft.account_per_minute == 0) == (draft.account_burst == 0))
        return policies_intern (policies, &draft);
    policy_draft_drop (policies, &draft);
    return NULL;
}

static bool
get_small (const PGresult *result, int column, uint8_t *value_r)
{
    int64_t value;
    if (!db_get_int (result, 0, column, &value) || value < 0 || value > 255)
        return false;
    *value_r = (uint8_t) value;
    return true;
}

bool
row_facts (const PGresult *result, struct policies *policies, struct facts *facts_r)
{
    *facts_r = (struct facts){0};
    if (!db_get_int (result, 0, 0, &facts_r->token) ||
        !db_get_int (result, 0, 1, &facts_r->account) ||
        !db_get_int (result, 0, 2, &facts_r->user) ||
        !db_get_int (result, 0, 3, &facts_r->expires_at) ||
        !get_small (result, 4, &facts_r->kind) || !get_small (result, 5, &facts_r->environment) ||
        !get_small (result, 6, &facts_r->token_status) ||
        !get_small (result, 7, &facts_r->account_status) ||
        !get_small (result, 8, &facts_r->user_status) ||
        !db_get_int (result, 0, 11, &facts_r->grace_until))
        return false;
    facts_r->policy = policy_from_row (result, policies);
    return facts_r->policy != NULL;
}
