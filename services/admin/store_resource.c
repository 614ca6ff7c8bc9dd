// The resources' part of store.h.
#include "common/memory/memory.h"
#include "common/token/id.h"
#include "services/admin/client.h"
#include "services/admin/secret.h"
#include "services/admin/statements.h"
#include "services/admin/store.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void
read_one (struct request *request, int statement, int64_t number, const char *unique,
          int64_t reference, db_callback *callback)
{
    struct db_params params = {0};
    db_param_int (&params, number);
    db_param_text (&params, unique);
    db_param_int (&params, reference);
    db_call (store_db (request), statement, &params, callback, request);
}

void
store_resource_read (struct request *request, enum resource resource, int64_t number,
                     const char *unique, int64_t reference, db_callback *callback)
{
    read_one (request, RESOURCE_STATEMENT (resource, RESOURCE_READ), number, unique, reference,
              callback);
}

void
store_resource_prepare (struct request *request, enum resource resource, int64_t account,
                        const char *unique, int64_t reference, db_callback *callback)
{
    read_one (request, RESOURCE_STATEMENT (resource, RESOURCE_PREPARE), account, unique, reference,
              callback);
}

void
store_resource_list (struct request *request, enum resource resource, const struct page *page,
                     const struct store_resource_filter *filter, db_callback *callback)
{
    struct db_params params = {0};
    int statement = RESOURCE_STATEMENT (resource, RESOURCE_LIST);
    if (filter->by_email) {
        statement = filter->descending ? CUSTOMER_LIST_EMAIL_DOWN : CUSTOMER_LIST_EMAIL;
        db_param_text (&params, page->key);
    } else {
        if (filter->descending)
            statement = CUSTOMER_LIST_DOWN;
        db_param_int (&params, page->after);
    }
    db_param_int (&params, page->limit);
    db_param_int (&params, filter->account);
    db_param_int (&params, filter->status);
    db_param_int (&params, filter->reference);
    if (resource == RESOURCE_CUSTOMER)
        db_param_text (&params, filter->text);
    db_call (store_db (request), statement, &params, callback, request);
}

// An id that a message refers by, as a number; 0 for none.
static void
param_id (struct db_params *params, const char *prefix, const char *id)
{
    int64_t number;
    db_param_int (params, id_parse (prefix, id, &number) ? number : 0);
}

// Texts in which there are no blanks as one text. The caller frees it.
static char *
words_join (size_t n, char *const *words)
{
    size_t size = 1;
    for (size_t i = 0; i < n; i++)
        size += strlen (words[i]) + 1;
    char *text = xcalloc (1, size), *end = text;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *end++ = ' ';
        end = stpcpy (end, words[i]);
    }
    return text;
}

// A client's lists as one text each; NULL for other nouns. End them with free.
struct lists {
    char *uris, *scopes;
};

static struct lists
lists_of (enum resource resource, const ProtobufCMessage *object)
{
    if (resource != RESOURCE_CLIENT)
        return (struct lists){NULL, NULL};
    const Jeton__V1__Client *client = (const Jeton__V1__Client *) object;
    return (struct lists){words_join (client->n_redirect_uris, client->redirect_uris),
                          words_join (client->n_scopes, client->scopes)};
}

static void
lists_free (struct lists *lists)
{
    free (lists->uris);
    free (lists->scopes);
}

// The fields of a noun's message, in the order of its statements.
static void
param_fields (struct db_params *params, enum resource resource, const ProtobufCMessage *object,
              const struct lists *lists, const char *hash)
{
    switch (resource) {
    case RESOURCE_CUSTOMER_GROUP: {
        const Jeton__V1__CustomerGroup *group = (const Jeton__V1__CustomerGroup *) object;
        db_param_text (params, group->code);
        db_param_text (params, group->name);
        break;
    }
    case RESOURCE_MARKET: {
        const Jeton__V1__Market *market = (const Jeton__V1__Market *) object;
        db_param_text (params, market->code);
        db_param_text (params, market->name);
        param_id (params, "CGR", market->customer_group_id);
        break;
    }
    case RESOURCE_STOCK_LOCATION: {
        const Jeton__V1__StockLocation *location = (const Jeton__V1__StockLocation *) object;
        db_param_text (params, location->code);
        db_param_text (params, location->name);
        param_id (params, "MKT", location->market_id);
        break;
    }
    case RESOURCE_CLIENT: {
        const Jeton__V1__Client *client = (const Jeton__V1__Client *) object;
        db_param_text (params, client->name);
        param_id (params, "MKT", client->market_id);
        db_param_int (params, client->access_token_life_s);
        db_param_int (params, (int) client->token_format);
        db_param_text (params, lists->uris);
        db_param_text (params, lists->scopes);
        db_param_text (params, client->jwks);
        break;
    }
    case RESOURCE_CUSTOMER: {
        const Jeton__V1__Customer *customer = (const Jeton__V1__Customer *) object;
        db_param_text (params, customer->email);
        param_id (params, "CGR", customer->customer_group_id);
        db_param_text (params, hash);
        db_param_bool (params, customer->can_sign_in);
        break;
    }
    }
}

// Every write begins with these. `third` is the account of an insert, or the revision that the object must have.
static void
param_change (struct db_params *params, const struct change *change, int64_t third)
{
    params->lock_order = change->account;
    db_param_bytes (params, change->told, change->told_size);
    db_param_int (params, change->number);
    db_param_int (params, third);
    db_param_int (params, change->at);
}

void
store_resource_create (struct request *request, enum resource resource, const struct change *change,
                       const ProtobufCMessage *object, db_callback *callback)
{
    struct db_params params = {0};
    struct lists lists = lists_of (resource, object);
    uint8_t digest[TOKEN_DIGEST_SIZE];
    param_change (&params, change, change->account);
    param_fields (&params, resource, object, &lists, secret_hash (change));
    if (resource == RESOURCE_CLIENT) {
        db_param_int (&params, (int) ((const Jeton__V1__Client *) object)->kind); // stays so
        if (client_secret_digest (change, digest))
            db_param_bytes (&params, digest, sizeof digest);
        else
            db_param_null (&params);
    }
    db_call (store_db (request), RESOURCE_STATEMENT (resource, RESOURCE_CREATE), &params, callback,
             request);
    lists_free (&lists);
}

void
store_resource_edit (struct request *request, enum resource resource, const struct change *change,
                     const ProtobufCMessage *object, db_callback *callback)
{
    struct db_params params = {0};
    struct lists lists = lists_of (resource, object);
    param_change (&params, change, change->revision);
    param_fields (&params, resource, object, &lists, secret_hash (change));
    db_call (store_db (request), RESOURCE_STATEMENT (resource, RESOURCE_EDIT), &params, callback,
             request);
    lists_free (&lists);
}

void
store_resource_status (struct request *request, enum resource resource, const struct change *change,
                       Jeton__V1__ResourceStatus status, db_callback *callback)
{
    struct db_params params = {0};
    param_change (&params, change, change->revision);
    db_param_int (&params, (int) status);
    db_call (store_db (request), RESOURCE_STATEMENT (resource, RESOURCE_STATUS), &params, callback,
             request);
}

void
store_client_scopes (struct request *request, int64_t account, int64_t client, const char *modules,
                     db_callback *callback)
{
    struct db_params params = {0};
    db_param_int (&params, account);
    db_param_int (&params, client);
    db_param_text (&params, modules);
    db_call (store_db (request), CLIENT_SCOPES, &params, callback, request);
}

void
store_client_secret_rotate (struct request *request, const struct change *change,
                            int64_t grace_until, db_callback *callback)
{
    struct db_params params = {0};
    uint8_t digest[TOKEN_DIGEST_SIZE];
    param_change (&params, change, change->revision);
    bool made = client_secret_digest (change, digest);
    assert (made);
    db_param_bytes (&params, digest, sizeof digest);
    db_param_int (&params, grace_until);
    db_call (store_db (request), CLIENT_SECRET_ROTATE, &params, callback, request);
}

void
store_scope_find (struct request *request, int64_t account, const struct scope *scope,
                  db_callback *callback)
{
    struct db_params params = {0};
    struct scope_lists lists;
    scope_params (scope, account, &lists, &params);
    db_call (store_db (request), SCOPE_FIND, &params, callback, request);
}
