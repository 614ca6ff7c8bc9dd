// What the files of the issuer's store share: a call of a statement, and how its answer goes back.
#ifndef JETON_ISSUER_STORE_CALL_H
#define JETON_ISSUER_STORE_CALL_H

#include "services/issuer/statements.h"
#include "services/issuer/store_code.h"
#include "services/issuer/store_refresh.h"

// What a statement's answer goes back to.
struct store_call {
    union {
        store_user_callback *user;
        store_client_callback *client;
        store_customer_callback *customer;
        store_scope_callback *scope;
        store_signing_keys_callback *keys;
        store_refresh_callback *refresh;
        store_refresh_erase_callback *erased;
        store_code_callback *code;
        store_code_redirect_callback *redirect;
        store_done_callback *done;
    } callback; // of these the one that the answer's function knows
    void *context;
};

// store_call_new (context): Without a callback yet. For db_call as its context: the answer's function frees it.
struct store_call *store_call_new (void *context) __attribute__ ((returns_nonnull));
// store_call_change (callback, context): The same, of what changes something.
struct store_call *store_call_change (store_done_callback *callback, void *context)
    __attribute__ ((returns_nonnull));

// store_call_done (…): A db_callback for a store_call of what changes something, of which nothing is told but its outcome.
void store_call_done (void *context, enum db_outcome outcome, PGresult *const *results,
                      const struct db_error *error);
// store_call_changed (…): The same, where the first column of the first row tells how many it concerned: none, and it is STORE_CONFLICT, nothing was done.
void store_call_changed (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error);

// store_outcome_of (outcome): As this store's callers know it.
enum store_outcome store_outcome_of (enum db_outcome outcome);

// store_get_number (result, column, number_r): Of the first row, a number that has a display id. False: it is none.
bool store_get_number (const PGresult *result, int column, int64_t *number_r)
    __attribute__ ((warn_unused_result));

#endif
