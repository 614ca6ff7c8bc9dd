// What the files of the store share: the statements' names, and calls in flight.
#ifndef AUDITOR_STATEMENTS_H
#define AUDITOR_STATEMENTS_H

#include "services/auditor/store.h"

enum statement {
    PUBLIC_KEYS = STORE_PUBLIC_KEYS,
    CALLER = STORE_CALLER,
    LOCK,
    HEAD,
    OUTBOX,
    APPEND,
    TAKEN,
    CHECKPOINT,
    LIST,
    LIST_OBJECT,
    LIST_ACTOR,
    LIST_ACCOUNT,
    LIST_EVENT,
    LIST_EVENTS,
    LIST_TIME,
    RECORD,
    FOLLOW,
    FOLLOW_ACCOUNT,
    EXPORT,
    PARTITIONS,
    CLOSE,
    DROP,
    CHANGES_HORIZON,
    CHANGES_TRIM,
    USE_TAKE,
    USE_LIST,
    USE_LIST_TOKEN,
    USE_LIST_JTI,
    USE_LIST_ACCOUNT,
    USE_FOLLOW,
    USE_HEAD,
    USE_DAYS,
    USE_DAYS_TOKEN,
    USE_DAYS_ACCOUNT,
    USE_FOLD,
    USE_SHOW,
    USE_AHEAD,
    USE_CLOSE,
    USE_DROP,
    USE_DAYS_DROP,
    ACCESS_AHEAD,
    ACCESS_DROP,
};

// What a caller of the store wants called, while the database works.
struct call {
    union {
        store_callback *done;
        store_lock_callback *lock;
        store_head_callback *head;
        store_rows_callback *rows;
        store_kept_callback *kept;
        store_items_callback *items;
        store_partitions_callback *partitions;
        store_number_callback *number;
        store_use_callback *use;
        store_days_callback *days;
    } callback;
    void *context;
};

// call_new (context): The caller frees it.
struct call *call_new (void *context) __attribute__ ((returns_nonnull));

// call_written (context, outcome, results, error): The end of a call that has only an outcome.
void call_written (void *context, enum db_outcome outcome, PGresult *const *results,
                   const struct db_error *error);

// call_number (context, outcome, results, error): The end of a call that gives one number.
void call_number (void *context, enum db_outcome outcome, PGresult *const *results,
                  const struct db_error *error);

// call_get_bytes (result, row, column, data_r, size_r): A bytea of any length, allocated; never NULL on true.
bool call_get_bytes (const PGresult *result, int row, int column, uint8_t **data_r, size_t *size_r)
    __attribute__ ((warn_unused_result));

// call_append (params, entries, n): The parameters of APPEND. They are in what it returns, which the caller frees after the call was made.
void *call_append (struct db_params *params, const Jeton__V1__TrailEntry *entries, size_t n)
    __attribute__ ((warn_unused_result, returns_nonnull));

#endif
