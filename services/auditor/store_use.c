// The log of use: pages, tails, usage, and what keeps it.
#include "common/memory/memory.h"
#include "services/auditor/statements.h"
#include <stdlib.h>

// ---- rows -----------------------------------------------------------------------------------------------------------

static bool
use_read (const PGresult *result, int row, struct store_use *use_r, int64_t *looked_r)
{
    struct store_use *u = use_r;
    int64_t *const numbers[] = {&u->id, &u->second, &u->count, &u->account, &u->token, &u->user};
    const char **const texts[] = {&u->jti, &u->module, &u->peer, &u->address};
    int64_t *const more[] = {&u->access, &u->environment, &u->decision,  &u->reason,
                             &u->client, &u->customer,    &u->grant_type};
    int column = 0;
    for (size_t i = 0; i < 6; i++)
        if (!db_get_int (result, row, column++, numbers[i]))
            return false;
    for (size_t i = 0; i < 4; i++)
        if (!db_get_text (result, row, column++, texts[i]))
            return false;
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (!db_get_int (result, row, column++, more[i]))
            return false;
    return db_get_bool (result, row, column, &u->matches) &&
           db_get_int (result, row, column + 1, looked_r);
}

static void
use_done (void *context, enum db_outcome outcome, PGresult *const *results,
          const struct db_error *error)
{
    cleanup_free struct call *call = context;
    cleanup_free struct store_use *rows = NULL;
    size_t n = outcome == DB_OK ? (size_t) PQntuples (results[0]) : 0;
    int64_t looked = 0;
    (void) error;
    rows = xcalloc (n + 1, sizeof *rows);
    for (size_t i = 0; i < n && outcome == DB_OK; i++)
        if (!use_read (results[0], (int) i, &rows[i], &looked))
            outcome = DB_FAILED;
    call->callback.use (call->context, outcome, rows, outcome == DB_OK ? n : 0, looked);
}

static void
param_filter (struct db_params *params, int64_t value)
{
    if (value != 0)
        db_param_int (params, value);
    else
        db_param_null (params);
}

// Those of USE_MATCHES.
static void
param_matches (struct db_params *params, const struct store_use_filter *filter)
{
    param_filter (params, filter->account);
    db_param_text (params, filter->module);
    param_filter (params, filter->decision);
    if (filter->kind != 0)
        db_param_bool (params, filter->kind == JETON__V1__USE_KIND__USE_KIND_GRANT);
    else
        db_param_null (params);
    param_filter (params, filter->user);
    param_filter (params, filter->client);
}

void
store_use_list (struct db *db, const struct store_use_filter *filter, int64_t second, int64_t id,
                int64_t look, int64_t limit, store_use_callback *callback, void *context)
{
    struct call *call = call_new (context);
    struct db_params params = {0};
    int statement = USE_LIST;
    call->callback.use = callback;
    db_param_int (&params, second);
    db_param_int (&params, id);
    db_param_int (&params, look);
    db_param_int (&params, limit);
    if (filter->jti != NULL) {
        statement = USE_LIST_JTI;
        db_param_text (&params, filter->jti);
    } else {
        statement = filter->token != 0     ? USE_LIST_TOKEN
                    : filter->account != 0 ? USE_LIST_ACCOUNT
                                           : USE_LIST;
        param_filter (&params, filter->token != 0 ? filter->token : filter->account);
    }
    db_param_int (&params, filter->from);
    db_param_int (&params, filter->until);
    param_matches (&params, filter);
    db_call (db, statement, &params, use_done, call);
}

void
store_use_follow (struct db *db, const struct store_use_filter *filter, int64_t after, int64_t look,
                  store_use_callback *callback, void *context)
{
    struct call *call = call_new (context);
    struct db_params params = {0};
    call->callback.use = callback;
    db_param_int (&params, after);
    db_param_int (&params, look);
    param_filter (&params, filter->token);
    db_param_text (&params, filter->jti);
    param_matches (&params, filter);
    db_call (db, USE_FOLLOW, &params, use_done, call);
}

// ---- usage ----------------------------------------------------------------------------------------------------------

static void
days_done (void *context, enum db_outcome outcome, PGresult *const *results,
           const struct db_error *error)
{
    cleanup_free struct call *call = context;
    cleanup_free struct store_day *rows = NULL;
    size_t n = outcome == DB_OK ? (size_t) PQntuples (results[0]) : 0;
    (void) error;
    rows = xcalloc (n + 1, sizeof *rows);
    for (size_t i = 0; i < n && outcome == DB_OK; i++) {
        int64_t *const columns[] = {&rows[i].token, &rows[i].account, &rows[i].day,
                                    &rows[i].allowed, &rows[i].denied};
        for (int column = 0; column < 5; column++)
            if (!db_get_int (results[0], (int) i, column, columns[column]))
                outcome = DB_FAILED;
    }
    call->callback.days (call->context, outcome, rows, outcome == DB_OK ? n : 0);
}

void
store_use_days (struct db *db, const struct store_use_filter *filter, int64_t day, int64_t token,
                int64_t limit, store_days_callback *callback, void *context)
{
    struct call *call = call_new (context);
    struct db_params params = {0};
    call->callback.days = callback;
    db_param_int (&params, day);
    db_param_int (&params, token);
    db_param_int (&params, filter->from);
    db_param_int (&params, filter->until);
    db_param_int (&params, limit);
    param_filter (&params, filter->token != 0 ? filter->token : filter->account);
    param_filter (&params, filter->account);
    db_call (db,
             filter->token != 0     ? USE_DAYS_TOKEN
             : filter->account != 0 ? USE_DAYS_ACCOUNT
                                    : USE_DAYS,
             &params, days_done, call);
}

// ---- keeping it -----------------------------------------------------------------------------------------------------

static void
number_call (struct db *db, int statement, const struct db_params *params,
             store_number_callback *callback, void *context)
{
    struct call *call = call_new (context);
    call->callback.number = callback;
    db_call (db, statement, params, call_number, call);
}

void
store_use_head (struct db *db, store_number_callback *callback, void *context)
{
    number_call (db, USE_HEAD, NULL, callback, context);
}

void
store_use_fold (struct db *db, int64_t limit, store_number_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, limit);
    number_call (db, USE_FOLD, &params, callback, context);
}

void
store_use_show (struct db *db, int64_t token, int64_t limit, int64_t step_s,
                store_number_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, token);
    db_param_int (&params, limit);
    db_param_int (&params, step_s);
    number_call (db, USE_SHOW, &params, callback, context);
}

void
store_use_ahead (struct db *db, store_number_callback *callback, void *context)
{
    number_call (db, USE_AHEAD, NULL, callback, context);
}

void
store_use_close (struct db *db, int64_t days, int64_t rows, store_number_callback *callback,
                 void *context)
{
    struct db_params params = {0};
    db_param_int (&params, days);
    db_param_int (&params, rows);
    number_call (db, USE_CLOSE, &params, callback, context);
}

void
store_use_drop (struct db *db, int64_t keep_days, store_number_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, keep_days);
    number_call (db, USE_DROP, &params, callback, context);
}

void
store_use_days_drop (struct db *db, int64_t keep_days, int64_t limit,
                     store_number_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, keep_days);
    db_param_int (&params, limit);
    number_call (db, USE_DAYS_DROP, &params, callback, context);
}
