// Markets, stock locations and customer groups in the admin process (R13-R15, R37): what is refused of a request's form, the guards, what is written,
// and what an outcome becomes.
// objects: $(ADMIN_HANDLERS)
#include "tests/unit/test_admin.h"

#define ACTIVE   "1"
#define INACTIVE "2"

static char market_id[ID_SIZE], group_id[ID_SIZE];

static void
ids (void)
{
    id_format ("MKT", 11, market_id);
    id_format ("CGR", 12, group_id);
}

// The columns of market 11 of account 3, and of the guards.
static void
answer_market (const char *status, const char *revision, const char *taken, const char *reference,
               const char *users)
{
    answer (DB_OK, 1, 12,
            (const char *[]){"11", "3", "eu", "Europe", status, revision, "1700000000",
                             "1700000000", "0", taken, reference, users});
}

static void
answer_new (const char *taken, const char *reference)
{
    answer (DB_OK, 1, 3, (const char *[]){"11", taken, reference});
}

static Jeton__V1__CreateMarketRequest
new_market (void)
{
    Jeton__V1__CreateMarketRequest message = JETON__V1__CREATE_MARKET_REQUEST__INIT;
    message.account_id = account_id;
    message.code = "eu";
    message.name = "Europe";
    return message;
}

START_TEST (test_create_input)
{
    ids ();
    Jeton__V1__CreateMarketRequest good = new_market (), message;
#define TRY(field, change)                                                                         \
    do {                                                                                           \
        message = good;                                                                            \
        change;                                                                                    \
        begin (admin_create_market, &message);                                                     \
        refused (field);                                                                           \
    } while (0)
    TRY ("account_id", message.account_id = "");
    TRY ("account_id", message.account_id = market_id);
    TRY ("code", message.code = "");
    TRY ("code", message.code = "EU");
    TRY ("code", message.code = "-eu");
    TRY ("code", message.code = "e u");
    TRY ("name", message.name = "");
    TRY ("name", message.name = "\x01");
    TRY ("customer_group_id", message.customer_group_id = market_id);
    Jeton__V1__CreateStockLocationRequest location = JETON__V1__CREATE_STOCK_LOCATION_REQUEST__INIT;
    location.account_id = account_id;
    location.code = location.name = "l";
    begin (admin_create_stock_location, &location);
    refused ("market_id");
}
END_TEST

START_TEST (test_create)
{
    ids ();
    Jeton__V1__CreateMarketRequest message = new_market ();
    message.customer_group_id = group_id;
    begin (admin_create_market, &message);
    was_asked ("store_resource_prepare");
    ck_assert_str_eq (asked.text, "eu");
    ck_assert_int_eq (asked.reference, 12);
    answer_new ("f", ACTIVE);
    was_asked ("store_resource_create");
    ck_assert_int_eq (asked.resource, RESOURCE_MARKET);
    ck_assert_int_eq (asked.change.number, 11);
    ck_assert_int_eq (asked.change.account, 3);
    Jeton__V1__AuditRecord *written = record ();
    ck_assert_str_eq (written->event, "platform.markets.market.created");
    ck_assert_str_eq (written->object->id, market_id);
    ck_assert_uint_eq (written->before.len, 0);
    jeton__v1__audit_record__free_unpacked (written, NULL);
    answer_changed ();
    ends_with (0);
    Jeton__V1__CreateMarketReply *reply =
        jeton__v1__create_market_reply__unpack (NULL, call.size, call.body);
    ck_assert_str_eq (reply->market->id, market_id);
    ck_assert_int_eq (reply->market->number, 11);
    ck_assert_str_eq (reply->market->customer_group_id, group_id);
    ck_assert_int_eq (reply->market->status, RESOURCE_ACTIVE);
    ck_assert_int_eq (reply->market->revision, 1);
    jeton__v1__create_market_reply__free_unpacked (reply, NULL);
}
END_TEST

START_TEST (test_create_refused)
{
    ids ();
    Jeton__V1__CreateMarketRequest message = new_market ();
    begin (admin_create_market, &message);
    answer_nothing ();
    ends_with (JETON__V1__CODE__CODE_NOT_FOUND);
    begin (admin_create_market, &message);
    answer_new ("t", "0");
    ends_with (JETON__V1__CODE__CODE_ALREADY_EXISTS);
    message.customer_group_id = group_id;
    static const char *const not_there[] = {"0", "3"}; // none of the account; deleted
    for (size_t i = 0; i < 2; i++) {
        begin (admin_create_market, &message);
        answer_new ("f", not_there[i]);
        refused ("customer_group_id");
    }
}
END_TEST

// Taken between the guard and the write: begun again, three times at most.
START_TEST (test_overtaken)
{
    ids ();
    Jeton__V1__CreateMarketRequest message = new_market ();
    begin (admin_create_market, &message);
    for (int i = 0; i < 3; i++) {
        was_asked ("store_resource_prepare");
        answer_new ("f", "0");
        was_asked ("store_resource_create");
        answer (DB_CONFLICT, 0, 0, NULL);
    }
    ends_with (JETON__V1__CODE__CODE_ABORTED);
    begin (admin_create_market, &message);
    answer_new ("f", "0");
    answer (DB_UNCERTAIN, 0, 0, NULL);
    ends_with (JETON__V1__CODE__CODE_UNKNOWN);
    begin (admin_create_market, &message);
    answer (DB_UNAVAILABLE, 0, 0, NULL);
    ends_with (JETON__V1__CODE__CODE_UNAVAILABLE);
}
END_TEST

START_TEST (test_edit)
{
    ids ();
    Jeton__V1__EditMarketRequest message = JETON__V1__EDIT_MARKET_REQUEST__INIT;
    char *fields[] = {"name", "status"};
    message.id = market_id;
    message.revision = 4;
    message.fields = fields;
    message.name = "Union";
    begin (admin_edit_market, &message);
    refused ("fields");
    message.n_fields = 2;
    begin (admin_edit_market, &message);
    refused ("fields[1]");
    message.n_fields = 1;
    message.revision = 0;
    begin (admin_edit_market, &message);
    refused ("revision");
    message.revision = 4;
    message.code = "not looked at";
    begin (admin_edit_market, &message);
    was_asked ("store_resource_read");
    ck_assert_str_eq (asked.text, "");
    answer_market (INACTIVE, "5", "f", "0", "");
    ends_with (JETON__V1__CODE__CODE_ABORTED);
    ck_assert_ptr_nonnull (strstr (call.text, "revision 5"));
    begin (admin_edit_market, &message);
    answer_market (INACTIVE, "4", "f", "0", "stock locations");
    was_asked ("store_resource_edit");
    ck_assert_int_eq (asked.change.revision, 4);
    Jeton__V1__AuditRecord *written = record ();
    ck_assert_str_eq (written->event, "platform.markets.market.edited");
    Jeton__V1__Market *after =
        jeton__v1__market__unpack (NULL, written->after.len, written->after.data);
    ck_assert_str_eq (after->name, "Union");
    ck_assert_str_eq (after->code, "eu");
    ck_assert_int_eq (after->status, RESOURCE_INACTIVE);
    ck_assert_int_eq (after->revision, 5);
    ck_assert_int_gt (after->updated_at, after->created_at);
    jeton__v1__market__free_unpacked (after, NULL);
    jeton__v1__audit_record__free_unpacked (written, NULL);
    // Somebody was faster: the next read tells.
    answer_nothing ();
    was_asked ("store_resource_read");
    answer_market (INACTIVE, "5", "f", "0", "");
    ends_with (JETON__V1__CODE__CODE_ABORTED);
}
END_TEST

START_TEST (test_states)
{
    ids ();
    Jeton__V1__ActivateMarketRequest activate = JETON__V1__ACTIVATE_MARKET_REQUEST__INIT;
    Jeton__V1__DeactivateMarketRequest deactivate = JETON__V1__DEACTIVATE_MARKET_REQUEST__INIT;
    Jeton__V1__DeleteMarketRequest delete = JETON__V1__DELETE_MARKET_REQUEST__INIT;
    activate.id = deactivate.id = delete.id = market_id;
    begin (admin_activate_market, &activate);
    answer_market (ACTIVE, "1", "f", "0", "");
    ends_with (JETON__V1__CODE__CODE_FAILED_PRECONDITION);
    begin (admin_deactivate_market, &deactivate);
    answer_market (INACTIVE, "1", "f", "0", "");
    ends_with (JETON__V1__CODE__CODE_FAILED_PRECONDITION);
    begin (admin_delete_market, &delete);
    answer_market (ACTIVE, "1", "f", "0", "stock locations");
    ends_with (JETON__V1__CODE__CODE_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull (strstr (call.text, "stock locations"));
    begin (admin_delete_market, &delete);
    answer_nothing ();
    ends_with (JETON__V1__CODE__CODE_NOT_FOUND);
    begin (admin_deactivate_market, &deactivate);
    answer_market (ACTIVE, "1", "f", "0", "");
    was_asked ("store_resource_status");
    ck_assert_int_eq (asked.status, RESOURCE_INACTIVE);
    answer_changed ();
    ends_with (0);
    begin (admin_delete_market, &delete);
    answer_market (INACTIVE, "2", "f", "0", "");
    was_asked ("store_resource_status");
    ck_assert_int_eq (asked.status, RESOURCE_DELETED);
    answer_changed ();
    ends_with (0);
}
END_TEST

START_TEST (test_list)
{
    ids ();
    Jeton__V1__ListMarketsRequest message = JETON__V1__LIST_MARKETS_REQUEST__INIT;
    begin (admin_list_markets, &message);
    refused ("account_id");
    message.account_id = account_id;
    message.status = RESOURCE_DELETED;
    begin (admin_list_markets, &message);
    refused ("status");
    message.status = RESOURCE_ACTIVE;
    message.customer_group_id = "x";
    begin (admin_list_markets, &message);
    refused ("customer_group_id");
    message.customer_group_id = group_id;
    begin (admin_list_markets, &message);
    was_asked ("store_resource_list");
    ck_assert_int_eq (asked.reference, 12);
    answer_nothing ();
    was_asked ("store_account_get");
    answer_nothing ();
    ends_with (JETON__V1__CODE__CODE_NOT_FOUND);
    begin (admin_list_markets, &message);
    answer_market (ACTIVE, "1", "f", "0", "");
    ends_with (0);
    Jeton__V1__ListMarketsReply *reply =
        jeton__v1__list_markets_reply__unpack (NULL, call.size, call.body);
    ck_assert_uint_eq (reply->n_markets, 1);
    ck_assert_str_eq (reply->markets[0]->id, market_id);
    jeton__v1__list_markets_reply__free_unpacked (reply, NULL);
}
END_TEST

// What the database says is checked like any other input.
START_TEST (test_wrong_rows)
{
    ids ();
    Jeton__V1__GetMarketRequest message = JETON__V1__GET_MARKET_REQUEST__INIT;
    message.id = market_id;
    begin (admin_get_market, &message);
    answer (DB_OK, 1, 2, (const char *[]){"eleven", "3"});
    ends_with (JETON__V1__CODE__CODE_DATA_LOSS);
    begin (admin_get_market, &message);
    answer_market (ACTIVE, "1", "f", "0", "");
    ends_with (0);
}
END_TEST

START_TEST (test_resolve_scope)
{
    ids ();
    Jeton__V1__ResolveScopeRequest message = JETON__V1__RESOLVE_SCOPE_REQUEST__INIT;
    begin (admin_resolve_scope, &message);
    refused ("account_id");
    message.account_id = account_id;
    message.customer_id = market_id;
    begin (admin_resolve_scope, &message);
    refused ("customer_id");
    message.customer_id = "";
    message.scope = "market:1 warehouse:2";
    begin (admin_resolve_scope, &message);
    refused ("scope");
    ck_assert_ptr_nonnull (strstr (call.text, "invalid_scope: \"warehouse:2\""));
    message.scope = "stock_location:code:r market:11";
    begin (admin_resolve_scope, &message);
    was_asked ("store_account_get");
    answer_nothing ();
    ends_with (JETON__V1__CODE__CODE_NOT_FOUND);
    begin (admin_resolve_scope, &message);
    answer_changed ();
    was_asked ("store_scope_find");
    ck_assert_int_eq (asked.reference, 2);
    answer (
        DB_OK, 2, 7,
        (const char *[]){"1", "11", "eu", "1", "0", "0", "0", "2", "20", "r", "1", "11", "0", "0"});
    ends_with (0);
    Jeton__V1__ResolveScopeReply *reply =
        jeton__v1__resolve_scope_reply__unpack (NULL, call.size, call.body);
    ck_assert_uint_eq (reply->n_resources, 2);
    ck_assert_str_eq (reply->resources[0]->market_id, market_id);
    ck_assert_str_eq (reply->resources[1]->id, market_id);
    ck_assert_str_eq (reply->scope, "stock_location:20 market:11");
    jeton__v1__resolve_scope_reply__free_unpacked (reply, NULL);
    begin (admin_resolve_scope, &message);
    answer_changed ();
    answer (DB_OK, 1, 7, (const char *[]){"1", "11", "eu", "1", "0", "0", "0"});
    refused ("scope");
    begin (admin_resolve_scope, &message);
    answer_changed ();
    answer (DB_OK, 1, 7, (const char *[]){"3", "11", "eu", "1", "0", "0", "0"});
    ends_with (JETON__V1__CODE__CODE_DATA_LOSS);
}
END_TEST

static void
add (TCase *tests)
{
    tcase_add_test (tests, test_create_input);
    tcase_add_test (tests, test_create);
    tcase_add_test (tests, test_create_refused);
    tcase_add_test (tests, test_overtaken);
    tcase_add_test (tests, test_edit);
    tcase_add_test (tests, test_states);
    tcase_add_test (tests, test_list);
    tcase_add_test (tests, test_wrong_rows);
    tcase_add_test (tests, test_resolve_scope);
}

int
main (void)
{
    return run ("admin_resource", add);
}
