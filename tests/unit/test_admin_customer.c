// Customers in the admin process (R15, R22): their passwords, their lists, and what their group opens.
// objects: $(ADMIN_HANDLERS)
#include "tests/unit/test_admin.h"

#define ACTIVE   "1"
#define INACTIVE "2"

static char group_id[ID_SIZE], customer_id[ID_SIZE];

static void
ids (void)
{
    id_format ("CGR", 12, group_id);
    id_format ("CUS", 13, customer_id);
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
    tcase_add_test (tests, test_resolve_scope_customer);
    tcase_add_test (tests, test_customer_password);
    tcase_add_test (tests, test_customer_list);
}

int
main (void)
{
    return run ("admin_customer", add);
}
