#include "services/validator/row.h"

#include "common/memory/memory.h"
#include "common/token/id.h"

#include <stdlib.h>
#include <string.h>

// ---- names of modules ----------------------------------------------------------------------------------------------

struct row_name {
    int64_t number;
    char text[MODULE_NAME_SIZE];
};

struct row_names {
    size_t n;
    struct row_name *names;
};

struct row_names *
row_names_new (void)
{
    return xcalloc (1, sizeof (struct row_names));
}

void
row_names_destroy (struct row_names **names)
{
    if (*names)
        free ((*names)->names);
    free (*names);
    *names = NULL;
}

bool
row_names_read (struct row_names *names, const PGresult *result)
{
    size_t n = (size_t) PQntuples (result);
    free (names->names);
    names->names = xcalloc (n + 1, sizeof *names->names);
    names->n = 0;
    for (; names->n < n; names->n++) {
        struct row_name *name = &names->names[names->n];
        const char *text;
        if (!db_get_int (result, (int) names->n, 0, &name->number) ||
            !db_get_text (result, (int) names->n, 1, &text) || strlen (text) >= sizeof name->text ||
            (names->n > 0 && name->number <= name[-1].number))
            return false;
        memcpy (name->text, text, strlen (text) + 1);
    }
    return true;
}

static int
number_compare (const void *key, const void *member)
{
    int64_t number = *(const int64_t *) key;
    const struct row_name *name = member;
    return (number > name->number) - (number < name->number);
}

// ---- grants --------------------------------------------------------------------------------------------------------

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

// The length of the list's first item, and what follows it.
static size_t
item_length (const char *text, size_t length, size_t *used_r)
{
    const char *comma = memchr (text, ',', length);
    *used_r = comma ? (size_t) (comma - text) + 1 : length;
    return comma ? (size_t) (comma - text) : length;
}

static bool
grants_parse (const struct db_field *field, struct policies *policies, struct policy_draft *draft)
{
    const char *text;
    size_t length, used;
    if (!field->data)
        return true; // none
    if (!db_field_text (field, &text, &length))
        return false;
    for (; length > 0; text += used, length -= used)
        if (!grant_parse (text, item_length (text, length, &used), policies, draft))
            return false;
    return true;
}

static bool
grants_unpack (const struct db_field *field, const struct row_names *names,
               struct policies *policies, struct policy_draft *draft)
{
    int64_t grants[POLICY_GRANTS_MAX];
    size_t n;
    if (!db_field_ints (field, grants, POLICY_GRANTS_MAX, &n))
        return false;
    for (size_t i = 0; i < n; i++) {
        int64_t number = grants[i] >> 3;
        uint8_t access = grants[i] >> 1 & 3;
        const struct row_name *name =
            bsearch (&number, names->names, names->n, sizeof *names->names, number_compare);
        if (!name || access < 1 || access > 2 ||
            !policy_draft_grant (policies, draft, name->text, strlen (name->text), access,
                                 grants[i] & 1))
            return false;
    }
    return true;
}

// ---- the rest ------------------------------------------------------------------------------------------------------

// "192.0.2.0/24,2001:db8::/32"
static bool
allowed_parse (const struct db_field *field, struct policy_draft *draft)
{
    const char *text;
    size_t length, used;
    if (!db_field_text (field, &text, &length))
        return false;
    for (; length > 0; text += used, length -= used) {
        char network[CIDR_TEXT_SIZE];
        struct cidr cidr;
        size_t size = item_length (text, length, &used);
        if (size >= sizeof network)
            return false;
        memcpy (network, text, size);
        network[size] = '\0';
        if (!cidr_parse (network, &cidr) || !policy_draft_allow (draft, &cidr))
            return false;
    }
    return true;
}

enum { RATE_MAX = 6000000 }; // of the schema

static bool
get_rate (const struct db_field *field, uint32_t *value_r)
{
    int64_t value;
    if (!db_field_int (field, &value) || value < 0 || value > RATE_MAX)
        return false;
    *value_r = (uint32_t) value;
    return true;
}

// What only a client's token has.
static bool
client_parse (const struct db_field *fields, struct policy_draft *draft)
{
    const char *scope;
    size_t length;
    int64_t client;
    if (!db_field_int (&fields[ROW_CLIENT], &client) || client < 1 || client > ID_NUMBER_MAX)
        return false;
    draft->client = (uint32_t) client;
    return !fields[ROW_SCOPE].data || (db_field_text (&fields[ROW_SCOPE], &scope, &length) &&
                                       policy_draft_scope (draft, scope, length));
}

// What the row shares with others, held; or NULL.
static struct policy *
policy_from_row (const struct db_field *fields, const struct row_names *names, bool of_client,
                 struct policies *policies)
{
    struct policy_draft draft;
    policy_draft_start (&draft);
    if ((!of_client || client_parse (fields, &draft)) &&
        (names ? grants_unpack (&fields[ROW_GRANTS], names, policies, &draft)
               : grants_parse (&fields[ROW_GRANTS], policies, &draft)) &&
        allowed_parse (&fields[ROW_ALLOWED], &draft) &&
        get_rate (&fields[ROW_RATE], &draft.rate_per_minute) &&
        get_rate (&fields[ROW_BURST], &draft.rate_burst) &&
        (draft.rate_per_minute == 0) == (draft.rate_burst == 0) &&
        get_rate (&fields[ROW_ACCOUNT_RATE], &draft.account_per_minute) &&
        get_rate (&fields[ROW_ACCOUNT_BURST], &draft.account_burst) &&
        (draft.account_per_minute == 0) == (draft.account_burst == 0))
        return policies_intern (policies, &draft);
    policy_draft_drop (policies, &draft);
    return NULL;
}

static bool
get_small (const struct db_field *field, uint8_t *value_r)
{
    int64_t value;
    if (!db_field_int (field, &value) || value < 0 || value > 255)
        return false;
    *value_r = (uint8_t) value;
    return true;
}

static bool
facts_read (const struct db_field *fields, const struct row_names *names, bool of_client,
            struct policies *policies, struct facts *facts_r)
{
    *facts_r = (struct facts){0};
    if (!db_field_int (&fields[ROW_TOKEN], &facts_r->token) ||
        !db_field_int (&fields[ROW_ACCOUNT], &facts_r->account) ||
        !db_field_int (&fields[ROW_USER], &facts_r->user) ||
        !db_field_int (&fields[ROW_EXPIRES_AT], &facts_r->expires_at) ||
        !get_small (&fields[ROW_KIND], &facts_r->kind) ||
        !get_small (&fields[ROW_ENVIRONMENT], &facts_r->environment) ||
        !get_small (&fields[ROW_TOKEN_STATUS], &facts_r->token_status) ||
        !get_small (&fields[ROW_ACCOUNT_STATUS], &facts_r->account_status) ||
        !get_small (&fields[ROW_USER_STATUS], &facts_r->user_status) ||
        !db_field_int (&fields[ROW_GRACE_UNTIL], &facts_r->grace_until) ||
        !db_field_int (&fields[ROW_REVISION], &facts_r->revision))
        return false;
    facts_r->policy = policy_from_row (fields, names, of_client, policies);
    return facts_r->policy != NULL;
}

bool
row_facts (const struct db_field fields[ROW_COLUMNS], const struct row_names *names,
           struct policies *policies, struct facts *facts_r)
{
    return facts_read (fields, names, false, policies, facts_r);
}

bool
row_client_facts (const struct db_field fields[ROW_CLIENT_COLUMNS], struct policies *policies,
                  struct facts *facts_r)
{
    return facts_read (fields, NULL, true, policies, facts_r);
}

bool
row_opaque_facts (const struct db_field fields[ROW_OPAQUE_COLUMNS], struct policies *policies,
                  struct facts *facts_r)
{
    int64_t customer;
    if (!db_field_int (&fields[ROW_CUSTOMER], &customer) || customer < 0 ||
        customer > ID_NUMBER_MAX || !facts_read (fields, NULL, true, policies, facts_r))
        return false;
    facts_r->customer = customer;
    return true;
}
