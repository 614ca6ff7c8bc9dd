// Markets, stock locations and customer groups in the admin process (R13-R15, R37): what is refused of a request's form, the guards, what is written,
// and what an outcome becomes.
// objects: $(ADMIN_HANDLERS)
#include "tests/unit/test_admin.h"

#define ACTIVE   "1"
#define INACTIVE "2"

static char market_id[ID_SIZE], group_id[ID_SIZE], customer_id[ID_SIZE];

static void
ids (void)
{
    id_format ("MKT", 11, market_id);
    id_format ("CGR", 12, group_id);
    id_format ("CUS", 13, customer_id);
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

// The columns of a customer, and of the guards.
static void
answer_customer (const char *account, const char *group, const char *can_sign_in,
                 const char *status, const char *revision, const char *taken, const char *reference)
{
    answer (DB_OK, 1, 12,
            (const char *[]){"13", account, "ada@shop.example", group, can_sign_in, status,
                             revision, "1700000000", "1700000000", taken, reference, ""});
}

static void
answer_new (const char *taken, const char *reference)
{
    answer (DB_OK, 1, 3, (const char *[]){"11", taken, reference});
}

static void
answer_changed (void)
{
    answer (DB_OK, 1, 1, (const char *[]){"11"});
}

static Jeton__V1__AuditRecord *
record (void)
{
    Jeton__V1__AuditRecord *unpacked =
        jeton__v1__audit_record__unpack (NULL, asked.change.record_size, asked.change.record);
    ck_assert_ptr_nonnull (unpacked);
    return unpacked;
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

// Whose group opens private markets (R15).
START_TEST (test_resolve_scope_customer)
{
    ids ();
    Jeton__V1__ResolveScopeRequest message = JETON__V1__RESOLVE_SCOPE_REQUEST__INIT;
    message.account_id = account_id;
    message.customer_id = customer_id;
    message.scope = "market:11";
    static const char *const private_market[] = {"1", "11", "eu", "1", "0", "12", "1"};
    begin (admin_resolve_scope, &message);
    answer_changed ();
    was_asked ("store_resource_read");
    ck_assert_int_eq (asked.resource, RESOURCE_CUSTOMER);
    answer_customer ("3", "12", "t", ACTIVE, "1", "f", "0");
    was_asked ("store_scope_find");
    answer (DB_OK, 1, 7, (const char **) private_market);
    ends_with (0);
    begin (admin_resolve_scope, &message); // of no group
    answer_changed ();
    answer_customer ("3", "0", "t", ACTIVE, "1", "f", "0");
    answer (DB_OK, 1, 7, (const char **) private_market);
    refused ("scope");
    begin (admin_resolve_scope, &message); // of another account
    answer_changed ();
    answer_customer ("4", "12", "t", ACTIVE, "1", "f", "0");
    refused ("customer_id");
    begin (admin_resolve_scope, &message);
    answer_changed ();
    answer_customer ("3", "12", "t", INACTIVE, "1", "f", "0");
    refused ("customer_id");
    begin (admin_resolve_scope, &message);
    answer_changed ();
    answer_nothing ();
    refused ("customer_id");
    begin (admin_resolve_scope, &message);
    answer_changed ();
    answer (DB_OK, 1, 2, (const char *[]){"13", "x"});
    ends_with (JETON__V1__CODE__CODE_DATA_LOSS);
}
END_TEST

static Jeton__V1__CreateCustomerRequest
new_customer (char *password)
{
    Jeton__V1__CreateCustomerRequest message = JETON__V1__CREATE_CUSTOMER_REQUEST__INIT;
    message.account_id = account_id;
    message.email = "Ada@Shop.example";
    message.customer_group_id = group_id;
    message.password = password;
    return message;
}

// The hash is made once, however often the creation is tried, and the password is wiped.
START_TEST (test_customer_password)
{
    ids ();
    char password[] = "correct horse";
    Jeton__V1__CreateCustomerRequest message = new_customer (password);
    begin (admin_create_customer, &message);
    was_asked ("store_resource_prepare");
    ck_assert_str_eq (asked.text, "Ada@Shop.example");
    answer (DB_OK, 1, 3, (const char *[]){"13", "f", ACTIVE});
    ck_assert_ptr_null (asked.name); // it waits for the hash
    pool.work (pool.job);
    pool.done (pool.job);
    ck_assert_str_eq (password, "");
    was_asked ("store_resource_create");
    ck_assert_ptr_nonnull (strstr (asked.text, "$argon2id$"));
    char hash[sizeof asked.text];
    snprintf (hash, sizeof hash, "%s", asked.text);
    Jeton__V1__AuditRecord *written = record ();
    Jeton__V1__Customer *after =
        jeton__v1__customer__unpack (NULL, written->after.len, written->after.data);
    ck_assert (after->can_sign_in);
    ck_assert_str_eq (after->id, customer_id);
    jeton__v1__customer__free_unpacked (after, NULL);
    jeton__v1__audit_record__free_unpacked (written, NULL);
    answer (DB_CONFLICT, 0, 0, NULL);
    was_asked ("store_resource_prepare");
    answer (DB_OK, 1, 3, (const char *[]){"14", "f", ACTIVE});
    was_asked ("store_resource_create");
    ck_assert_str_eq (asked.text, hash);
    answer_changed ();
    ends_with (0);

    Jeton__V1__EditCustomerRequest edit = JETON__V1__EDIT_CUSTOMER_REQUEST__INIT;
    char *fields[] = {"password"}, another[] = "another horse";
    edit.id = customer_id;
    edit.revision = 1;
    edit.n_fields = 1;
    edit.fields = fields;
    edit.password = another;
    begin (admin_edit_customer, &edit);
    pool.full = true;
    answer_customer ("3", "0", "f", ACTIVE, "1", "f", "0");
    ends_with (JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED);
    begin (admin_edit_customer, &edit);
    answer_customer ("3", "0", "f", ACTIVE, "1", "f", "0");
    pool.done (pool.job); // there was no memory
    ends_with (JETON__V1__CODE__CODE_UNAVAILABLE);
    edit.password = "";
    begin (admin_edit_customer, &edit);
    answer_customer ("3", "0", "t", ACTIVE, "1", "f", "0");
    was_asked ("store_resource_edit");
    ck_assert_str_eq (asked.text, "none");
    answer_changed ();
    ends_with (0);
    Jeton__V1__EditCustomerReply *reply =
        jeton__v1__edit_customer_reply__unpack (NULL, call.size, call.body);
    ck_assert (!reply->customer->can_sign_in);
    jeton__v1__edit_customer_reply__free_unpacked (reply, NULL);
}
END_TEST

START_TEST (test_customer_list)
{
    ids ();
    Jeton__V1__ListCustomersRequest message = JETON__V1__LIST_CUSTOMERS_REQUEST__INIT;
    Jeton__V1__PageRequest page = JETON__V1__PAGE_REQUEST__INIT;
    message.account_id = account_id;
    message.page = &page;
    message.sort = 3;
    begin (admin_list_customers, &message);
    refused ("sort");
    message.sort = JETON__V1__CUSTOMER_SORT__CUSTOMER_SORT_EMAIL;
    message.text = "\xc3\xa4";
    begin (admin_list_customers, &message);
    refused ("text");
    message.text = "@Shop";
    page.size = 1;
    begin (admin_list_customers, &message);
    was_asked ("store_resource_list");
    ck_assert_str_eq (asked.page.key, "");
    ck_assert_str_eq (asked.text, "@Shop");
    const char *two[] = {"13", "3", "A@b", "0", "t", ACTIVE, "1", "1", "1", "a@b",
                         "14", "3", "B@b", "0", "t", ACTIVE, "1", "1", "1", "b@b"};
    answer (DB_OK, 2, 10, two);
    ends_with (0);
    Jeton__V1__ListCustomersReply *reply =
        jeton__v1__list_customers_reply__unpack (NULL, call.size, call.body);
    ck_assert_uint_eq (reply->n_customers, 1);
    page.cursor = reply->next_cursor;
    begin (admin_list_customers, &message);
    ck_assert_str_eq (asked.page.key, "a@b");
    message.descending = true;
    begin (admin_list_customers, &message);
    refused ("page.cursor");
    page.cursor = "";
    begin (admin_list_customers, &message);
    ck_assert_str_eq (asked.page.key, "\x7f");
    message.sort = 0;
    begin (admin_list_customers, &message);
    ck_assert_int_eq (asked.page.after, INT64_MAX);
    jeton__v1__list_customers_reply__free_unpacked (reply, NULL);
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
    tcase_add_test (tests, test_resolve_scope_customer);
    tcase_add_test (tests, test_customer_password);
    tcase_add_test (tests, test_customer_list);
}

int
main (void)
{
    return run ("admin_resource", add);
}
