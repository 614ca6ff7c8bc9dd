// Rows of customer groups, markets and stock locations; view.h.
#include "common/token/id.h"
#include "services/admin/view.h"

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
