#include "common/scope/scope.h"
#include <stdio.h>
#include <string.h>

enum { ACTIVE = 1 }; // Jeton__V1__ResourceStatus

static void
append (char *list, size_t size, const char *text)
{
    size_t used = strlen (list);
    snprintf (list + used, size - used, "%s%s", used > 0 ? "," : "", text);
}

void
scope_params (const struct scope *scope, int64_t account, struct scope_lists *lists_r,
              struct db_params *params)
{
    memset (lists_r, 0, sizeof *lists_r);
    for (size_t i = 0; i < scope->n; i++) {
        const struct scope_entry *entry = &scope->entries[i];
        size_t kind = entry->kind == SCOPE_MARKET ? 0 : 1;
        char number[24];
        snprintf (number, sizeof number, "%lld", (long long) entry->number);
        if (entry->number != 0)
            append (lists_r->numbers[kind], sizeof lists_r->numbers[kind], number);
        else
            append (lists_r->codes[kind], sizeof lists_r->codes[kind], entry->code);
    }
    db_param_int (params, account);
    for (size_t kind = 0; kind < 2; kind++) {
        db_param_text (params, lists_r->numbers[kind]);
        db_param_text (params, lists_r->codes[kind]);
    }
}

// One row of the statement.
struct found {
    struct scope_resource resource;
    int64_t status, group, group_status;
};

// A row, checked. False: it is none of the statement's.
static bool
row_read (const PGresult *rows, int row, struct found *found_r)
{
    int64_t kind;
    const char *code;
    memset (found_r, 0, sizeof *found_r);
    if (!db_get_int (rows, row, 0, &kind) ||
        (kind != SCOPE_MARKET && kind != SCOPE_STOCK_LOCATION) ||
        !db_get_int (rows, row, 1, &found_r->resource.number) || found_r->resource.number < 1 ||
        found_r->resource.number > 99999999 || !db_get_text (rows, row, 2, &code) ||
        strlen (code) >= SCOPE_CODE_SIZE || !db_get_int (rows, row, 3, &found_r->status) ||
        !db_get_int (rows, row, 4, &found_r->resource.market) ||
        !db_get_int (rows, row, 5, &found_r->group) ||
        !db_get_int (rows, row, 6, &found_r->group_status))
        return false;
    found_r->resource.kind = (enum scope_kind) kind;
    memcpy (found_r->resource.code, code, strlen (code) + 1);
    return true;
}

static const struct found *
find (const struct found *found, size_t n, const struct scope_entry *entry)
{
    for (size_t i = 0; i < n; i++)
        if (found[i].resource.kind == entry->kind &&
            (entry->number != 0 ? found[i].resource.number == entry->number
                                : strcmp (found[i].resource.code, entry->code) == 0))
            return &found[i];
    return NULL;
}

static bool
has (const struct scope_resources *resources, enum scope_kind kind, int64_t number)
{
    for (size_t i = 0; i < resources->n; i++)
        if (resources->resources[i].kind == kind && resources->resources[i].number == number)
            return true;
    return false;
}

// Why a resource cannot be in the scope by itself; NULL: it can.
static const char *
refusal (const struct found *found, const struct scope_use *use)
{
    if (!found)
        return "is not there";
    if (found->status != ACTIVE)
        return "is inactive";
    if (found->group == 0)
        return NULL;
    if (use->customer_group != found->group)
        return "is private: it is for customers of its group only";
    return found->group_status == ACTIVE ? NULL : "is private, and its customer group is inactive";
}

// Markets first: locations may stand before their market in the text.
static const char *
market_missing (const struct scope_resource *location, const struct scope_resources *markets)
{
    if (location->kind == SCOPE_MARKET || has (markets, SCOPE_MARKET, location->market))
        return NULL;
    return markets->n == 0 ? "requires its market in the same scope"
                           : "belongs to no market of the same scope";
}

// The scope's markets that can be in it; twice the same is seen later.
static void
collect_markets (const struct scope *scope, const struct found *found, size_t n,
                 const struct scope_use *use, struct scope_resources *markets_r)
{
    markets_r->n = 0;
    for (size_t i = 0; i < scope->n; i++) {
        const struct found *row = find (found, n, &scope->entries[i]);
        if (scope->entries[i].kind == SCOPE_MARKET && !refusal (row, use))
            markets_r->resources[markets_r->n++] = row->resource;
    }
}

static enum scope_result
resolve (const struct scope *scope, const struct found *found, size_t n,
         const struct scope_use *use, struct scope_resources *resources_r, struct error *error_r)
{
    struct scope_resources markets;
    collect_markets (scope, found, n, use, &markets);
    for (size_t i = 0; i < scope->n; i++) {
        const struct scope_entry *entry = &scope->entries[i];
        const struct found *row = find (found, n, entry);
        const char *wrong = refusal (row, use);
        if (!wrong)
            wrong = market_missing (&row->resource, &markets);
        if (!wrong && has (resources_r, entry->kind, row->resource.number))
            wrong = "is there twice, by another name";
        if (wrong && use->again)
            continue;
        if (wrong) {
            error_set (error_r, "\"%s\" %s", entry->part, wrong);
            return SCOPE_INVALID;
        }
        resources_r->resources[resources_r->n++] = row->resource;
    }
    return SCOPE_OK;
}

enum scope_result
scope_resolve (const struct scope *scope, const PGresult *rows, const struct scope_use *use,
               struct scope_resources *resources_r, struct error *error_r)
{
    // A resource can be named by number and by code, and rows are of different resources: never more than entries.
    struct found found[SCOPE_ENTRIES_MAX];
    int n = PQntuples (rows);
    resources_r->n = 0;
    if (n > SCOPE_ENTRIES_MAX) {
        error_set (error_r, "more rows than a scope has parts");
        return SCOPE_WRONG;
    }
    for (int i = 0; i < n; i++)
        if (!row_read (rows, i, &found[i])) {
            error_set (error_r, "row %d of a scope's resources makes no sense", i);
            return SCOPE_WRONG;
        }
    return resolve (scope, found, (size_t) n, use, resources_r, error_r);
}
