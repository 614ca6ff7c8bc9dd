// What admin's handlers refuse of a request's form, the pages of lists, and the table of methods.
// objects: $(ADMIN_HANDLERS)
#include "tests/unit/test_admin.h"

// ---- texts ------------------------------------------------------------------------------------------------------------
static void
repeat (char *text_r, const char *character, size_t n)
{
    size_t length = strlen (character);
    for (size_t i = 0; i < n; i++)
        memcpy (text_r + i * length, character, length);
    text_r[n * length] = '\0';
}

START_TEST (test_characters)
{
    ck_assert_uint_eq (check_characters ("").count, 0);
    ck_assert_uint_eq (check_characters ("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82").count, 4);
    ck_assert (!check_characters ("plain").controls);
    ck_assert (check_characters ("a\x01").controls);
    ck_assert (check_characters ("a\x7f").controls);
    ck_assert (check_characters ("a\xc2\x85").controls); // NEL, of C1
    ck_assert (!check_characters ("a\n").controls);
    ck_assert (check_characters ("a\n").lines);
    ck_assert (check_characters ("a b").blanks);
    ck_assert (check_characters ("a\xc2\xa0").blanks);
    ck_assert (check_characters ("a\xe3\x80\x80").blanks);
    ck_assert (!check_characters ("ab").blanks);
    static const char *const wrong[] = {
        "\x80",         "\xc3",     "\xc0\x80",         "\xe0\x80\x80",
        "\xed\xa0\x80", "\xe2\x82", "\xf4\x90\x80\x80", "\xff"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert (!check_characters (wrong[i]).valid);
}
END_TEST

START_TEST (test_names)
{
    char text[2048];
    Jeton__V1__CreateAccountRequest message = JETON__V1__CREATE_ACCOUNT_REQUEST__INIT;
    begin (admin_create_account, &message);
    refused ("name");
    message.name = text;
    repeat (text, "\xc3\xa4", 129);
    begin (admin_create_account, &message);
    refused ("name");
    repeat (text, "\xc3\xa4", 128);
    begin (admin_create_account, &message);
    was_asked ("store_account_prepare");
    message.name = "two\nlines";
    begin (admin_create_account, &message);
    refused ("name");
    message.name = "ACME";
    message.token_limit = -1;
    begin (admin_create_account, &message);
    refused ("token_limit");
    message.token_limit = 10000001;
    begin (admin_create_account, &message);
    refused ("token_limit");
}
END_TEST

START_TEST (test_module_names)
{
    Jeton__V1__CreateModuleRequest message = JETON__V1__CREATE_MODULE_REQUEST__INIT;
    static char *wrong[] = {"",
                            "Orders",
                            "1orders",
                            "_orders",
                            "or ders",
                            "orders:1",
                            "orders,stock",
                            "ordr\xc3\xa9s",
                            "a1234567890123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        message.name = wrong[i];
        begin (admin_create_module, &message);
        refused ("name");
    }
    message.name = "orders_2-b";
    begin (admin_create_module, &message);
    was_asked ("store_module_prepare");
    char *modules[] = {"orders", "stock", "orders"};
    Jeton__V1__CreateAccountRequest account = JETON__V1__CREATE_ACCOUNT_REQUEST__INIT;
    account.name = "ACME";
    account.n_modules = 3;
    account.modules = modules;
    begin (admin_create_account, &account);
    refused ("modules[2]");
    account.n_modules = 2;
    begin (admin_create_account, &account);
    was_asked ("store_account_prepare");
    ck_assert_str_eq (asked.text, "orders,stock");
    answer (DB_OK, 1, 2, (const char *[]){"3", "orders:11:1"});
    refused ("modules[1]");
    ck_assert_ptr_nonnull (strstr (call.text, "\"stock\""));
}
END_TEST

// ---- lists ------------------------------------------------------------------------------------------------------------
// What is made of a good cursor, and is none.
static void
refuse_cursors (const Jeton__V1__ListModulesRequest *message, Jeton__V1__PageRequest *page)
{
    enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };
    static const char *const endings[] = {"",    "/",  "/-1", "/x", "/1x", "/99999999999999999999",
                                          "/ 1", "x/1"};
    char *good = page->cursor, *const bare[] = {"x", "AAAA", "bW9kdWxlcw", "\xc3\xa4"};
    char text[256], cursor[256];
    size_t length;
    ck_assert_int_eq (sodium_base642bin ((unsigned char *) text, sizeof text, good, strlen (good),
                                         NULL, &length, NULL, VARIANT),
                      0);
    text[length] = '\0';
    size_t list = (size_t) (strchr (text, '/') - text);
    page->cursor = cursor;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf (text + list, sizeof text - list, "%s", endings[i]);
        sodium_bin2base64 (cursor, sizeof cursor, (unsigned char *) text, strlen (text), VARIANT);
        begin (admin_list_modules, message);
        refused ("page.cursor");
    }
    for (size_t i = 0; i < sizeof bare / sizeof *bare; i++) {
        page->cursor = bare[i];
        begin (admin_list_modules, message);
        refused ("page.cursor");
    }
    page->cursor = good;
}

START_TEST (test_pages)
{
    Jeton__V1__ListModulesRequest message = JETON__V1__LIST_MODULES_REQUEST__INIT;
    Jeton__V1__PageRequest page = JETON__V1__PAGE_REQUEST__INIT;
    message.page = &page;
    page.size = 501;
    begin (admin_list_modules, &message);
    refused ("page.size");
    page.size = 2;
    begin (admin_list_modules, &message);
    was_asked ("store_module_list");
    ck_assert_int_eq (((struct page *) call.context)->limit, 3);
    answer (DB_OK, 3, 5,
            (const char *[]){"1", "a", "A", "1", "1", "4", "b", "B", "1", "1", "6", "c", "C", "1",
                             "1"});
    ends_with (0);
    Jeton__V1__ListModulesReply *reply =
        jeton__v1__list_modules_reply__unpack (NULL, call.size, call.body);
    ck_assert_uint_eq (reply->n_modules, 2);
    page.cursor = reply->next_cursor;
    begin (admin_list_modules, &message);
    was_asked ("store_module_list");
    ck_assert_int_eq (((struct page *) call.context)->after, 4);
    refuse_cursors (&message, &page);
    // The cursor is of that list only.
    Jeton__V1__ListAccountsRequest accounts = JETON__V1__LIST_ACCOUNTS_REQUEST__INIT;
    accounts.page = &page;
    begin (admin_list_accounts, &accounts);
    refused ("page.cursor");
    jeton__v1__list_modules_reply__free_unpacked (reply, NULL);
    page.cursor = "";
    begin (admin_list_modules, &message);
    answer (DB_OK, 1, 5, (const char *[]){"1", "a", "A", "1", "1"});
    reply = jeton__v1__list_modules_reply__unpack (NULL, call.size, call.body);
    ck_assert_str_eq (reply->next_cursor, "");
    jeton__v1__list_modules_reply__free_unpacked (reply, NULL);
}
END_TEST

START_TEST (test_list_tokens)
{
    Jeton__V1__ListTokensRequest message = JETON__V1__LIST_TOKENS_REQUEST__INIT;
    message.status = JETON__V1__TOKEN_STATUS__TOKEN_STATUS_DELETED;
    begin (admin_list_tokens, &message);
    refused ("status");
    message.status = 0;
    message.kind = 9;
    begin (admin_list_tokens, &message);
    refused ("kind");
    message.kind = 0;
    message.account_id = account_id;
    begin (admin_list_tokens, &message);
    answer_nothing ();
    was_asked ("store_account_get");
    answer_nothing ();
    ends_with (JETON__V1__CODE__CODE_NOT_FOUND);
}
END_TEST

static Jeton__V1__ListTokensReply *
listed (void)
{
    ends_with (0);
    Jeton__V1__ListTokensReply *reply =
        jeton__v1__list_tokens_reply__unpack (NULL, call.size, call.body);
    ck_assert_ptr_nonnull (reply);
    return reply;
}

// A filter that none of the rows passes: the page is empty, and goes on behind those that were looked at, up to the end of the list.
START_TEST (test_list_tokens_filtered)
{
    Jeton__V1__ListTokensRequest message = JETON__V1__LIST_TOKENS_REQUEST__INIT;
    Jeton__V1__PageRequest page = JETON__V1__PAGE_REQUEST__INIT;
    admin.settings.list_scan = 4;
    message.account_id = account_id;
    message.text = "rare";
    message.sort = JETON__V1__TOKEN_SORT__TOKEN_SORT_NAME;
    message.page = &page;
    begin (admin_list_tokens, &message);
    was_asked ("store_token_bound");
    ck_assert_int_eq (asked.reference, 4);
    ck_assert_int_eq (asked.page.after, 0);
    answer (DB_OK, 1, 2, (const char *[]){"7", "the name"});
    was_asked ("store_token_list");
    ck_assert_int_eq (asked.page.until, 7);
    ck_assert_str_eq (asked.page.until_key, "the name");
    answer_nothing ();
    Jeton__V1__ListTokensReply *reply = listed ();
    ck_assert_uint_eq (reply->n_tokens, 0);
    page.cursor = reply->next_cursor;
    begin (admin_list_tokens, &message);
    was_asked ("store_token_bound");
    ck_assert_int_eq (asked.page.after, 7);
    ck_assert_str_eq (asked.page.key, "the name");
    answer_nothing (); // fewer than four follow
    was_asked ("store_token_list");
    ck_assert (asked.page.until == INT64_MAX);
    answer_nothing ();
    jeton__v1__list_tokens_reply__free_unpacked (reply, NULL);
    reply = listed ();
    ck_assert_str_eq (reply->next_cursor, "");
    jeton__v1__list_tokens_reply__free_unpacked (reply, NULL);
}
END_TEST

START_TEST (test_dispatch)
{
    size_t n = 0;
    while (admin_methods[n].name)
        n++;
    ck_assert_uint_eq (n, jeton__v1__admin__descriptor.n_methods);
    for (size_t i = 0; i < n; i++) {
        bool reads = strncmp (admin_methods[i].name, "Get", 3) == 0 ||
                     strncmp (admin_methods[i].name, "List", 4) == 0 ||
                     strcmp (admin_methods[i].name, "ResolveScope") == 0 ||
                     strcmp (admin_methods[i].name, "ExportTokens") == 0 ||
                     strcmp (admin_methods[i].name, "ResealTokens") == 0; // repeats harm nobody
        ck_assert_uint_eq (admin_methods[i].flags, reads ? RPC_IDEMPOTENT : RPC_WRITE);
        ck_assert_uint_eq (admin_methods[i].roles, ROLE_OPERATOR | ROLE_GATEWAY);
        ck_assert_ptr_nonnull (protobuf_c_service_descriptor_get_method_by_name (
            &jeton__v1__admin__descriptor, admin_methods[i].name));
    }
}
END_TEST

static void
add (TCase *tests)
{
    tcase_add_test (tests, test_characters);
    tcase_add_test (tests, test_names);
    tcase_add_test (tests, test_module_names);
    tcase_add_test (tests, test_pages);
    tcase_add_test (tests, test_list_tokens);
    tcase_add_test (tests, test_list_tokens_filtered);
    tcase_add_test (tests, test_dispatch);
}

int
main (void)
{
    return run ("admin", add);
}
