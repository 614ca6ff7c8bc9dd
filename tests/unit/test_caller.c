// Who a request acts for, and whether they may (R34): the gate, without a server and without a database.
#include "tests/unit/test_caller.h"

#include "admin.pb-c.h"
#include "common/caller/caller.h"
#include "envelope.pb-c.h"
#include "health.pb-c.h"
#include "tests/unit/test_caller_request.h"
#include <signal.h>
#include <stdio.h>

// ---- what the tests share -----------------------------------------------------------------------------------------------

static const struct caller_right rights[] = {
    {"GetToken", CALLER_ADMINISTRATOR | CALLER_MEMBER, CALLER_OBJECT, "id"},
    {"ListTokens", CALLER_ADMINISTRATOR | CALLER_MEMBER, CALLER_LIST, "account_id"},
    {"DisableUser", CALLER_ADMINISTRATOR, CALLER_OBJECT, "id"},
    {"CreateModule", CALLER_OPERATOR, CALLER_NONE, NULL},
    {"ListModules", CALLER_ANYONE, CALLER_NONE, NULL},
    {NULL, 0, CALLER_NONE, NULL},
};
static char *issuer_name = (char *) "https://jeton.test", *audience = (char *) "jeton";
static struct caller_options options;
static struct pair pair;
static char login[JWT_SIZE_MAX];
static Jeton__V1__GetTokenRequest get;
static Jeton__V1__ListTokensRequest list;
static Jeton__V1__DisableUserRequest disable;
static Jeton__V1__CreateModuleRequest create;
static struct request request;

// A login token of USR-0000-0007 of account 3, or one with a member more or another value for one.
static const char *
sign (const char *name, json_t *value)
{
    struct error error;
    char user[ID_SIZE], account[ID_SIZE];
    id_format ("USR", 7, user);
    id_format ("ACC", 3, account);
    json_t *claims = json_pack ("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "jti", "j", "iss",
                                issuer_name, "aud", audience, "sub", user, "account", account,
                                "client_id", "login", "environment", "live", "iat",
                                (json_int_t) time (NULL), "exp", (json_int_t) time (NULL) + 600);
    if (name)
        json_object_set_new (claims, name, value);
    cleanup_free char *token = jwt_sign (pair.key, "at+jwt", claims, &error);
    json_decref (claims);
    ck_assert_ptr_nonnull (token);
    snprintf (login, sizeof login, "Bearer %s", token);
    return login;
}

static void
set_up (void)
{
    keys_set_up ();
    pair_make (&pair);
    pass (5000);
    answer_keys (&pair, NULL);
    options = (struct caller_options){.descriptor = &jeton__v1__admin__descriptor,
                                      .rights = rights,
                                      .db = (struct db *) &queries,
                                      .user_statement = STATEMENT_USER,
                                      .keys = keys,
                                      .issuer = &issuer_name,
                                      .audience = &audience};
    jeton__v1__get_token_request__init (&get);
    jeton__v1__list_tokens_request__init (&list);
    jeton__v1__disable_user_request__init (&disable);
    jeton__v1__create_module_request__init (&create);
    request = (struct request){.arena = arena_new (1 << 16), .method = "jeton.v1.Admin/GetToken"};
    request.message = &get;
    snprintf (request.peer.name, sizeof request.peer.name, "gateway");
    request.peer.roles = ROLE_GATEWAY;
    request.authorization = sign (NULL, NULL);
}

static void
tear_down (void)
{
    arena_destroy (&request.arena);
    jwt_key_destroy (&pair.key);
    keys_tear_down ();
}

static void
call (const char *method, const void *message)
{
    request.method = method;
    request.message = message;
    request.ends = 0;
    request.caller = NULL;
    caller_gate (&request, &options, pass_on);
}

// The user's row: of account 3, active, ada; the object is of `object_account`, and if it is a user, has `object_role`.
static void
answer_user (int role, const char *object_account, int object_role)
{
    char role_text[12], object_role_text[12];
    snprintf (role_text, sizeof role_text, "%d", role);
    snprintf (object_role_text, sizeof object_role_text, "%d", object_role);
    ck_assert_uint_eq (nqueries, 1);
    ck_assert_int_eq (queries[0].statement, STATEMENT_USER);
    ck_assert_int_eq (request.ends, 0);
    answer (DB_OK, 7, 1,
            (const char *[]){"3", role_text, "1", "1", "ada", object_account, object_role_text});
}

static void
ended (int code, const char *text)
{
    ck_assert_int_eq (request.ends, 1);
    ck_assert_msg (request.code == code, "%d: %s", request.code, request.text);
    ck_assert_msg (!text || strstr (request.text, text), "%s", request.text);
    ck_assert (code == -1 || !request.caller);
}

enum {
    MEMBER = JETON__V1__USER_ROLE__USER_ROLE_MEMBER,
    ADMINISTRATOR = JETON__V1__USER_ROLE__USER_ROLE_ADMINISTRATOR,
    OPERATOR = JETON__V1__USER_ROLE__USER_ROLE_OPERATOR,
    INTEGRATION = JETON__V1__USER_ROLE__USER_ROLE_INTEGRATION,
    DENIED = JETON__V1__CODE__CODE_PERMISSION_DENIED,
    NOT_FOUND = JETON__V1__CODE__CODE_NOT_FOUND,
    NOBODY = JETON__V1__CODE__CODE_UNAUTHENTICATED,
    UNAVAILABLE = JETON__V1__CODE__CODE_UNAVAILABLE,
};

// ---- without a token ------------------------------------------------------------------------------------------------------

START_TEST (without_a_token_only_operators_keys_and_what_is_for_anyone)
{
    request.authorization = NULL;
    call ("jeton.v1.Admin/GetToken", &get);
    ended (NOBODY, "a login token is required");
    call ("jeton.v1.Admin/ListModules", &create);
    ended (-1, NULL);
    request.peer.roles = ROLE_OPERATOR | ROLE_GATEWAY;
    call ("jeton.v1.Admin/GetToken", &get);
    ended (-1, NULL);
    ck_assert_ptr_null (request.caller); // for itself
    ck_assert_uint_eq (nqueries, 0);
}
END_TEST

START_TEST (what_is_no_good_token_ends_without_a_query)
{
    static const char *const headers[] = {"",        "Basic YTpi",   "Bearer",
                                          "Bearer ", "Bearer a.b.c", "Bearer jtn_live_x"};
    request.peer.roles = ROLE_OPERATOR; // who brings a token acts for its user, or not at all
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        request.authorization = headers[i];
        call ("jeton.v1.Admin/GetToken", &get);
        ended (NOBODY, "sign in again");
    }
    const struct {
        const char *name;
        json_t *value;
    } claims[] = {
        {"iss", json_string ("https://other.test")},
        {"aud", json_string ("other")},
        {"aud", json_null ()},
        {"client_id", json_string ("CLI-0000-0001")},
        {"environment", json_string ("test")},
        {"exp", json_integer (time (NULL) - 1)},
        {"exp", json_string ("never")},
        {"sub", json_string ("ACC-0000-0003")},
        {"sub", json_integer (7)},
        {"account", json_string ("3")},
        {"account", json_null ()},
    };
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        request.authorization = sign (claims[i].name, claims[i].value);
        call ("jeton.v1.Admin/GetToken", &get);
        ended (NOBODY, "not good here");
    }
    sign (NULL, NULL);
    char *last = login + strlen (login) - 3;
    *last = *last == 'A' ? 'B' : 'A'; // of the signature
    request.authorization = login;
    call ("jeton.v1.Admin/GetToken", &get);
    ended (NOBODY, "not genuine");
    ck_assert_uint_eq (nqueries, 0);
}
END_TEST

START_TEST (a_key_that_is_not_known_is_looked_for_once)
{
    struct pair other = pair;
    pair_make (&pair);
    request.authorization = sign (NULL, NULL);
    call ("jeton.v1.Admin/GetToken", &get);
    ck_assert_int_eq (request.ends, 0);
    pass (5000);
    answer (DB_UNAVAILABLE, 0, 0, NULL);
    ended (UNAVAILABLE, "try again");
    call ("jeton.v1.Admin/GetToken", &get);
    pass (5000);
    answer_keys (&other, NULL);
    ended (NOBODY, "no known issuer");
    call ("jeton.v1.Admin/GetToken", &get); // at once
    ended (NOBODY, "no known issuer");
    ck_assert_uint_eq (nqueries, 0);
    jwt_key_destroy (&other.key);
}
END_TEST

START_TEST (a_key_that_is_there_since_is_good)
{
    struct pair other = pair;
    pair_make (&pair);
    request.authorization = sign (NULL, NULL);
    call ("jeton.v1.Admin/ListTokens", &list);
    pass (5000);
    answer_keys (&other, &pair);
    answer_user (MEMBER, "0", 0);
    ended (-1, NULL);
    jwt_key_destroy (&other.key);
}
END_TEST

// ---- the user -----------------------------------------------------------------------------------------------------------

START_TEST (the_user_is_told_to_the_handler)
{
    char id[ID_SIZE], account[ID_SIZE];
    id_format ("TKN", 5, id);
    id_format ("USR", 7, account);
    get.id = id;
    call ("jeton.v1.Admin/GetToken", &get);
    ck_assert_str_eq (queries[0].texts[0], "7");
    ck_assert_str_eq (queries[0].texts[1], "TKN");
    ck_assert_str_eq (queries[0].texts[2], "5");
    answer_user (MEMBER, "3", 0);
    ended (-1, NULL);
    ck_assert_int_eq (request.caller->role, CALLER_MEMBER);
    ck_assert_int_eq (request.caller->account, 3);
    ck_assert_str_eq (request.caller->id, account);
    id_format ("ACC", 3, account);
    ck_assert_str_eq (request.caller->account_id, account);
    ck_assert_str_eq (request.caller->name, "ada");
}
END_TEST

START_TEST (the_user_is_as_the_database_has_it_now)
{
    static const struct {
        const char *cells[7];
        int code;
        const char *text;
    } cases[] = {
        {{"3", "2", "2", "1", "ada", "3", "0"}, NOBODY, "the user is disabled"},
        {{"3", "2", "1", "2", "ada", "3", "0"}, DENIED, "suspended"},
        {{"4", "2", "1", "1", "ada", "3", "0"}, NOBODY, "of another account now"},
        {{"3", "2", "1", "1", "ada", "3", "0"}, -1, NULL},
        {{"3", "two", "1", "1", "ada", "3", "0"}, JETON__V1__CODE__CODE_INTERNAL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        call ("jeton.v1.Admin/ListTokens", &list);
        list.account_id = (char *) protobuf_c_empty_string;
        answer (DB_OK, 7, 1, cases[i].cells);
        ended (cases[i].code, cases[i].text);
    }
    call ("jeton.v1.Admin/ListTokens", &list);
    answer (DB_OK, 7, 0, NULL);
    ended (NOBODY, "no such user any more");
    call ("jeton.v1.Admin/ListTokens", &list);
    answer (DB_UNAVAILABLE, 0, 0, NULL);
    ended (UNAVAILABLE, "nothing was done");
}
END_TEST

static struct {
    int calls;
    const char *why;
} looked;

static void
on_look (void *context, const char *why)
{
    ck_assert_ptr_eq (context, &looked);
    looked.calls++;
    looked.why = why;
}

START_TEST (a_second_look_finds_what_has_changed)
{
    static const struct {
        enum db_outcome outcome;
        const char *cells[7], *why;
    } cases[] = {
        {DB_OK, {"3", "1", "1", "1", "ada", "0", "0"}, NULL},
        {DB_UNAVAILABLE, {NULL}, NULL},
        {DB_OK, {"3", "two", "1", "1", "ada", "0", "0"}, NULL},
        {DB_OK, {"3", "1", "2", "1", "ada", "0", "0"}, "the user is disabled"},
        {DB_OK, {"3", "1", "3", "1", "ada", "0", "0"}, "the user is disabled"},
        {DB_OK, {"3", "1", "1", "2", "ada", "0", "0"}, "the user's account is suspended"},
        {DB_OK, {"4", "1", "1", "1", "ada", "0", "0"}, "the user is of another account now"},
        {DB_OK, {"3", "3", "1", "1", "ada", "0", "0"}, "the user's role has changed"},
        {DB_OK, {NULL}, "there is no such user any more"},
    };
    struct caller_look look = {.callback = on_look, .context = &looked};
    looked.calls = 0;
    call ("jeton.v1.Admin/ListTokens", &list);
    answer_user (MEMBER, "0", 0);
    ended (-1, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        caller_look (&request, &options, &look);
        ck_assert_uint_eq (nqueries, 1);
        ck_assert_str_eq (queries[0].texts[0], "7");
        ck_assert_str_eq (queries[0].texts[1], "");
        answer (cases[i].outcome, 7, cases[i].cells[0] != NULL, cases[i].cells);
        ck_assert_int_eq (looked.calls, (int) i + 1);
        ck_assert_pstr_eq (looked.why, cases[i].why);
    }
    request.authorization = sign ("exp", json_integer (time (NULL)));
    caller_look (&request, &options, &look);
    ck_assert_pstr_eq (looked.why, "the login token has expired");
    request.authorization = sign ("aud", json_string ("what it was"));
    caller_look (&request, &options, &look);
    ck_assert_pstr_eq (looked.why, "the login token is not good here any more");
    struct pair other = pair; // the keys do not have it any more
    pair_make (&pair);
    request.authorization = sign (NULL, NULL);
    caller_look (&request, &options, &look);
    ck_assert_pstr_eq (looked.why, "the key that signed the login token is revoked");
    ck_assert_uint_eq (nqueries, 0);
    ck_assert_int_eq (request.ends, 1);
    jwt_key_destroy (&other.key);
}
END_TEST

START_TEST (roles_may_what_the_table_says)
{
    static const struct {
        const char *method;
        int role, code;
    } cases[] = {
        {"jeton.v1.Admin/CreateModule", MEMBER, DENIED},
        {"jeton.v1.Admin/CreateModule", INTEGRATION, DENIED},
        {"jeton.v1.Admin/CreateModule", ADMINISTRATOR, DENIED},
        {"jeton.v1.Admin/CreateModule", OPERATOR, -1},
        {"jeton.v1.Admin/CreateModule", 99, DENIED}, // a role that is not known yet is the least
        {"jeton.v1.Admin/DisableUser", MEMBER, DENIED},
        {"jeton.v1.Admin/DisableUser", ADMINISTRATOR, -1},
        {"jeton.v1.Admin/DisableUser", OPERATOR, -1},
    };
    char id[ID_SIZE];
    id_format ("USR", 8, id);
    disable.id = id;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool user = strstr (cases[i].method, "User");
        call (cases[i].method, user ? (void *) &disable : (void *) &create);
        answer_user (cases[i].role, user ? "3" : "0", 0);
        ended (cases[i].code, NULL);
    }
}
END_TEST

// ---- the object -----------------------------------------------------------------------------------------------------------

START_TEST (an_object_of_another_account_is_not_there)
{
    char id[ID_SIZE], text[64];
    id_format ("TKN", 5, id);
    get.id = id;
    snprintf (text, sizeof text, "no token %s", id);
    static const char *const accounts[] = {"4", "0"}; // another's; nobody's
    for (size_t i = 0; i < 2; i++) {
        call ("jeton.v1.Admin/GetToken", &get);
        answer_user (ADMINISTRATOR, accounts[i], 0);
        ended (NOT_FOUND, text);
        call ("jeton.v1.Admin/GetToken", &get);
        answer_user (OPERATOR, accounts[i], 0);
        ended (-1, NULL);
    }
    // What is no id is for the handler to refuse.
    get.id = (char *) "TKN-what";
    call ("jeton.v1.Admin/GetToken", &get);
    ck_assert_str_eq (queries[0].texts[1], "");
    answer_user (MEMBER, "0", 0);
    ended (-1, NULL);
}
END_TEST

START_TEST (lists_are_of_the_own_account)
{
    char own[ID_SIZE], other[ID_SIZE];
    id_format ("ACC", 3, own);
    id_format ("ACC", 4, other);
    call ("jeton.v1.Admin/ListTokens", &list);
    answer_user (MEMBER, "0", 0);
    ended (-1, NULL);
    ck_assert_str_eq (list.account_id, own);
    call ("jeton.v1.Admin/ListTokens", &list);
    answer_user (MEMBER, "0", 0);
    ended (-1, NULL);
    list.account_id = other;
    call ("jeton.v1.Admin/ListTokens", &list);
    answer_user (ADMINISTRATOR, "0", 0);
    ended (NOT_FOUND, other);
    list.account_id = (char *) protobuf_c_empty_string;
    call ("jeton.v1.Admin/ListTokens", &list);
    answer_user (OPERATOR, "0", 0);
    ended (-1, NULL);
    ck_assert_str_eq (list.account_id, ""); // all
}
END_TEST

START_TEST (only_operators_change_operators)
{
    char id[ID_SIZE];
    id_format ("USR", 8, id);
    disable.id = id;
    call ("jeton.v1.Admin/DisableUser", &disable);
    answer_user (ADMINISTRATOR, "3", OPERATOR);
    ended (-1, NULL); // the method only looks
    request.flags = RPC_WRITE;
    call ("jeton.v1.Admin/DisableUser", &disable);
    answer_user (ADMINISTRATOR, "3", OPERATOR);
    ended (DENIED, "is an operator");
    call ("jeton.v1.Admin/DisableUser", &disable);
    answer_user (ADMINISTRATOR, "3", ADMINISTRATOR);
    ended (-1, NULL);
    call ("jeton.v1.Admin/DisableUser", &disable);
    answer_user (OPERATOR, "3", OPERATOR);
    ended (-1, NULL);
}
END_TEST

// ---- the table --------------------------------------------------------------------------------------------------------------

static const struct caller_right table_right[] = {{"Check", CALLER_ANYONE, CALLER_NONE, NULL},
                                                  {NULL, 0, CALLER_NONE, NULL}};
static const struct caller_right table_short[] = {{NULL, 0, CALLER_NONE, NULL}};
static const struct caller_right table_long[] = {{"Check", CALLER_ANYONE, CALLER_NONE, NULL},
                                                 {"Czech", CALLER_ANYONE, CALLER_NONE, NULL},
                                                 {NULL, 0, CALLER_NONE, NULL}};
static const struct caller_right table_field[] = {{"Check", CALLER_ANYONE, CALLER_OBJECT, "id"},
                                                  {NULL, 0, CALLER_NONE, NULL}};
static const struct caller_right *const tables[] = {table_right, table_short, table_long,
                                                    table_field};

START_TEST (a_table_is_of_all_methods_and_of_no_other)
{
    options.descriptor = &jeton__v1__health__descriptor;
    options.rights = tables[_i];
    caller_rights_check (&options);
}
END_TEST

int
main (void)
{
    const TTest *const tests[] = {without_a_token_only_operators_keys_and_what_is_for_anyone,
                                  what_is_no_good_token_ends_without_a_query,
                                  a_key_that_is_not_known_is_looked_for_once,
                                  a_key_that_is_there_since_is_good,
                                  the_user_is_told_to_the_handler,
                                  the_user_is_as_the_database_has_it_now,
                                  a_second_look_finds_what_has_changed,
                                  roles_may_what_the_table_says,
                                  an_object_of_another_account_is_not_there,
                                  lists_are_of_the_own_account,
                                  only_operators_change_operators};
    Suite *suite = suite_create ("callers");
    TCase *tcase = tcase_create ("caller");
    tcase_set_timeout (tcase, 60);
    tcase_add_checked_fixture (tcase, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test (tcase, tests[i]);
    tcase_add_loop_test (tcase, a_table_is_of_all_methods_and_of_no_other, 0, 1);
    tcase_add_loop_test_raise_signal (tcase, a_table_is_of_all_methods_and_of_no_other, SIGABRT, 1,
                                      4);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
