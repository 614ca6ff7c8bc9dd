// Rows of customer groups, markets, stock locations, clients and customers; view.h.
#include "common/token/id.h"
#include "services/admin/view.h"
#include <string.h>

// Scopes name a resource by its number, which its id hides.
static int64_t
number_of (const char *prefix, const char *id)
{
    int64_t number;
    return id_parse (prefix, id, &number) ? number : 0;
}

ProtobufCMessage *
view_customer_group (struct row *row)
{
    Jeton__V1__CustomerGroup *view = row_alloc (row, sizeof *view);
    if (!view)
        return NULL;
    jeton__v1__customer_group__init (view);
    view->id = row_id (row, "CGR");
    view->account_id = row_id (row, "ACC");
    view->code = row_text (row);
    view->name = row_text (row);
    view->status = (Jeton__V1__ResourceStatus) row_int (row);
    view->revision = row_int (row);
    view->created_at = row_int (row);
    view->updated_at = row_int (row);
    return &view->base;
}

ProtobufCMessage *
view_market (struct row *row)
{
    Jeton__V1__Market *view = row_alloc (row, sizeof *view);
    if (!view)
        return NULL;
    jeton__v1__market__init (view);
    view->id = row_id (row, "MKT");
    view->number = number_of ("MKT", view->id);
    view->account_id = row_id (row, "ACC");
    view->code = row_text (row);
    view->name = row_text (row);
    view->status = (Jeton__V1__ResourceStatus) row_int (row);
    view->revision = row_int (row);
    view->created_at = row_int (row);
    view->updated_at = row_int (row);
    view->customer_group_id = row_id (row, "CGR");
    return &view->base;
}

ProtobufCMessage *
view_stock_location (struct row *row)
{
    Jeton__V1__StockLocation *view = row_alloc (row, sizeof *view);
    if (!view)
        return NULL;
    jeton__v1__stock_location__init (view);
    view->id = row_id (row, "STL");
    view->number = number_of ("STL", view->id);
    view->account_id = row_id (row, "ACC");
    view->code = row_text (row);
    view->name = row_text (row);
    view->status = (Jeton__V1__ResourceStatus) row_int (row);
    view->revision = row_int (row);
    view->created_at = row_int (row);
    view->updated_at = row_int (row);
    view->market_id = row_id (row, "MKT");
    return &view->base;
}

// A text of words with blanks between them.
static char **
row_words (struct row *row, size_t *n_r)
{
    char *text = row_text (row);
    size_t n = *text ? 1 : 0;
    for (const char *p = text; (p = strchr (p, ' ')); p++)
        n++;
    char **words = row_alloc (row, (n + 1) * sizeof *words);
    for (*n_r = 0; words && *n_r < n;)
        words[(*n_r)++] = strsep (&text, " ");
    return words;
}

ProtobufCMessage *
view_client (struct row *row)
{
    Jeton__V1__Client *view = row_alloc (row, sizeof *view);
    if (!view)
        return NULL;
    jeton__v1__client__init (view);
    view->id = row_id (row, "CLI");
    view->account_id = row_id (row, "ACC");
    view->name = row_text (row);
    view->kind = (Jeton__V1__ClientKind) row_int (row);
    view->market_id = row_id (row, "MKT");
    view->access_token_life_s = row_int (row);
    view->token_format = (Jeton__V1__TokenFormat) row_int (row);
    view->redirect_uris = row_words (row, &view->n_redirect_uris);
    view->status = (Jeton__V1__ResourceStatus) row_int (row);
    view->revision = row_int (row);
    view->created_at = row_int (row);
    view->updated_at = row_int (row);
    view->scopes = row_words (row, &view->n_scopes);
    view->secret_made_at = row_int (row);
    view->secret_grace_until = row_int (row);
    view->jwks = row_text (row);
    return &view->base;
}

ProtobufCMessage *
view_customer (struct row *row)
{
    Jeton__V1__Customer *view = row_alloc (row, sizeof *view);
    if (!view)
        return NULL;
    jeton__v1__customer__init (view);
    view->id = row_id (row, "CUS");
    view->account_id = row_id (row, "ACC");
    view->email = row_text (row);
    view->customer_group_id = row_id (row, "CGR");
    view->can_sign_in = row_bool (row);
    view->status = (Jeton__V1__ResourceStatus) row_int (row);
    view->revision = row_int (row);
    view->created_at = row_int (row);
    view->updated_at = row_int (row);
    return &view->base;
}
