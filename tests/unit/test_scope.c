// Resource scopes (R13-R16): the syntax, and the rules over what the database found.
#include "common/scope/module.h"
#include "common/token/id.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- syntax -----------------------------------------------------------------------------------------------------------

// NULL: it is right. Otherwise what the error must say.
static const struct {
    const char *text, *error;
    size_t n;
} texts[] = {
    {"", NULL, 0},
    {"   ", NULL, 0},
    {"market:1234", NULL, 1},
    {"market:1234 stock_location:4567", NULL, 2},
    {" market:1234   stock_location:4567 ", NULL, 2},
    {"market:1 market:2 market:99999999", NULL, 3},
    {"market:code:eu", NULL, 1},
    {"market:code:1234 market:1234", NULL, 2}, // a code may look like a number
    {"stock_location:code:a-b_9", NULL, 1},
    {"market", "\"market\" is neither", 0},
    {"market:", "\"market:\" has neither a number", 0},
    {"market:x", "\"market:x\" has neither a number", 0},
    {"market:0", "\"market:0\" has neither a number", 0},
    {"market:01", "\"market:01\" has neither a number", 0},
    {"market:-1", "\"market:-1\" has neither a number", 0},
    {"market:1.0", "has neither a number", 0},
    {"market:100000000", "has neither a number", 0},
    {"market:9999999999999999999999", "has neither a number", 0},
    {"market:1,2", "\"market:1,2\" has neither", 0},
    {"Market:1", "\"Market:1\" is neither", 0},
    {"markets:1", "is neither", 0},
    {"market :1", "\"market\" is neither", 0},
    {"market:1\tmarket:2", "\"market:1?market:2\" has neither", 0},
    {"market:1\n", "\"market:1?\" has neither", 0},
    {"market:id:", "\"market:id:\" has no such id", 0},
    {"market:id:MKT-1", "\"market:id:MKT-1\" has no such id", 0},
    {"market:id:STL-0000-0001", "has no such id", 0},
    {"market:ID:MKT-0000-0001", "has neither", 0},
    {"market:code:", "\"market:code:\" has no code", 0},
    {"market:code:EU", "has no code", 0},
    {"market:code:_eu", "has no code", 0},
    {"market:code:e,u", "has no code", 0},
    {"market:code:eu:1", "has no code", 0},
    {"stock_location:", "has neither", 0},
    {"stock-location:1", "is neither", 0},
    {"orders:read", "\"orders:read\" is neither", 0},
    {"market:1 openid", "\"openid\" is neither", 0},
    {"market:1 market:1", "\"market:1\" is there twice", 0},
    {"market:code:eu market:code:eu", "\"market:code:eu\" is there twice", 0},
    {"stock_location:1 market:1 stock_location:1", "\"stock_location:1\" is there twice", 0},
    {"m\xc3\xa4rkt:1", "\"m??rkt:1\" is neither", 0},
    {"\x1b[2J:1", "\"?[2J:1\" is neither", 0},
};

START_TEST (test_parse)
{
    struct scope scope;
    struct error error = {""};
    bool good = scope_parse (texts[_i].text, strlen (texts[_i].text), &scope, &error);
    if (texts[_i].error) {
        ck_assert_msg (!good, "%s", texts[_i].text);
        ck_assert_msg (strstr (error.text, texts[_i].error), "%s: %s", texts[_i].text, error.text);
    } else {
        ck_assert_msg (good, "%s: %s", texts[_i].text, error.text);
        ck_assert_uint_eq (scope.n, texts[_i].n);
    }
}
END_TEST

START_TEST (test_parse_values)
{
    struct scope scope;
    char id[ID_SIZE], text[128];
    id_format ("MKT", 4711, id);
    snprintf (text, sizeof text, "market:id:%s stock_location:code:west market:42", id);
    ck_assert (scope_parse (text, strlen (text), &scope, NULL));
    ck_assert_uint_eq (scope.n, 3);
    ck_assert_int_eq (scope.entries[0].kind, SCOPE_MARKET);
    ck_assert_int_eq (scope.entries[0].number, 4711);
    ck_assert_int_eq (scope.entries[1].kind, SCOPE_STOCK_LOCATION);
    ck_assert_int_eq (scope.entries[1].number, 0);
    ck_assert_str_eq (scope.entries[1].code, "west");
    ck_assert_int_eq (scope.entries[2].number, 42);
    // The same by id and by number is the same, and seen without a look-up.
    snprintf (text, sizeof text, "market:4711 market:id:%s", id);
    struct error error;
    ck_assert (!scope_parse (text, strlen (text), &scope, &error));
    ck_assert_ptr_nonnull (strstr (error.text, id));
    ck_assert (!scope_parse ("market:1\0 2", 11, &scope, &error));
    ck_assert_ptr_nonnull (strstr (error.text, "NUL"));
}
END_TEST

START_TEST (test_parse_bounds)
{
    static char text[SCOPE_TEXT_MAX + 2];
    struct scope scope;
    struct error error;
    size_t used = 0;
    for (int i = 1; i <= SCOPE_ENTRIES_MAX; i++)
        used += (size_t) sprintf (text + used, "market:%d ", i);
    ck_assert (scope_parse (text, used, &scope, &error));
    ck_assert_uint_eq (scope.n, SCOPE_ENTRIES_MAX);
    used += (size_t) sprintf (text + used, "market:999");
    ck_assert (!scope_parse (text, used, &scope, &error));
    ck_assert_ptr_nonnull (strstr (error.text, "\"market:999\" is one more than"));
    memset (text, ' ', sizeof text);
    ck_assert (scope_parse (text, SCOPE_TEXT_MAX, &scope, &error));
    ck_assert (!scope_parse (text, SCOPE_TEXT_MAX + 1, &scope, &error));
    ck_assert_ptr_nonnull (strstr (error.text, "4096"));
    // A part that is too long is shown cut.
    memset (text, 'x', sizeof text);
    ck_assert (!scope_parse (text, SCOPE_TEXT_MAX, &scope, &error));
    ck_assert_ptr_nonnull (strstr (error.text, "xxx...\" is too long"));
    ck_assert_uint_lt (strlen (error.text), 200);
    // The longest code.
    static const char code[] = "market:code:";
    for (size_t i = 0; i < strlen (code); i++)
        text[i] = code[i];
    ck_assert (scope_parse (text, 12 + 64, &scope, &error));
    ck_assert (!scope_parse (text, 12 + 65, &scope, &error));
}
END_TEST

START_TEST (test_params)
{
    struct scope scope;
    struct scope_lists lists;
    struct db_params params = {0};
    static const char text[] =
        "market:1 stock_location:2 market:code:eu market:3 stock_location:code:w market:code:us";
    ck_assert (scope_parse (text, strlen (text), &scope, NULL));
    scope_params (&scope, 7, &lists, &params);
    static const char *const wanted[] = {"7", "1,3", "eu,us", "2", "w"};
    ck_assert_int_eq (params.n, 5);
    for (int i = 0; i < 5; i++)
        ck_assert_str_eq (params.values[i], wanted[i]);
}
END_TEST

// ---- rules ------------------------------------------------------------------------------------------------------------

// What there is: two markets, one that is inactive, one that is private (group 7, active), one whose group 8 is inactive; three locations.
static const char *const all_rows[][7] = {
    {"1", "1", "eu", "1", "0", "0", "0"},   {"1", "2", "us", "1", "0", "0", "0"},
    {"1", "3", "old", "2", "0", "0", "0"},  {"1", "4", "vip", "1", "0", "7", "1"},
    {"1", "5", "shut", "1", "0", "8", "2"}, {"2", "1", "rotterdam", "1", "1", "0", "0"},
    {"2", "2", "reno", "1", "2", "0", "0"}, {"2", "3", "closed", "2", "1", "0", "0"},
};

static PGresult *
rows (const char *const (*cells)[7], int n)
{
    PGresult *result = PQmakeEmptyPGresult (NULL, PGRES_TUPLES_OK);
    static char name[] = "column";
    PGresAttDesc attributes[7] = {0};
    for (int i = 0; i < 7; i++)
        attributes[i].name = name;
    PQsetResultAttrs (result, 7, attributes);
    for (int i = 0; i < n * 7; i++)
        PQsetvalue (result, i / 7, i % 7, (char *) cells[i / 7][i % 7],
                    (int) strlen (cells[i / 7][i % 7]));
    return result;
}

static const struct {
    const char *text;
    int64_t group;
    bool again;
    const char *result; // in canonical form
    const char *error;
} scopes[] = {
    {"", 0, false, "", NULL},
    {"market:1", 0, false, "market:1", NULL},
    {"market:code:us market:code:eu", 0, false, "market:2 market:1", NULL},
    {"market:1 stock_location:1", 0, false, "market:1 stock_location:1", NULL},
    {"stock_location:code:reno market:1 market:2", 0, false, "stock_location:2 market:1 market:2",
     NULL},
    // R14: it must exist and be active.
    {"market:9", 0, false, NULL, "\"market:9\" is not there"},
    {"market:1 market:code:asia", 0, false, NULL, "\"market:code:asia\" is not there"},
    {"market:code:old", 0, false, NULL, "\"market:code:old\" is inactive"},
    {"market:1 stock_location:3", 0, false, NULL, "\"stock_location:3\" is inactive"},
    {"market:1 stock_location:9", 0, false, NULL, "\"stock_location:9\" is not there"},
    // R14: a location requires its market.
    {"stock_location:1", 0, false, NULL, "\"stock_location:1\" requires its market"},
    {"market:2 stock_location:code:rotterdam", 0, false, NULL,
     "\"stock_location:code:rotterdam\" belongs to no market"},
    // By two names.
    {"market:1 market:code:eu", 0, false, NULL, "\"market:code:eu\" is there twice"},
    {"market:1 stock_location:1 stock_location:code:rotterdam", 0, false, NULL,
     "\"stock_location:code:rotterdam\" is there twice"},
    // R15: a private market is for its group.
    {"market:4", 0, false, NULL, "\"market:4\" is private"},
    {"market:4", 8, false, NULL, "\"market:4\" is private"},
    {"market:4", 7, false, "market:4", NULL},
    {"market:4 market:1", 7, false, "market:4 market:1", NULL},
    {"market:5", 8, false, NULL, "\"market:5\" is private, and its customer group is inactive"},
    // R14: worked out again, what is not any more is left out.
    {"market:1 market:3", 0, true, "market:1", NULL},
    {"market:3", 0, true, "", NULL},
    {"market:4 market:1", 0, true, "market:1", NULL},
    {"market:9 market:2 stock_location:2", 0, true, "market:2 stock_location:2", NULL},
    {"market:3 stock_location:1", 0, true, "", NULL},
    {"market:1 stock_location:1 stock_location:3", 0, true, "market:1 stock_location:1", NULL},
    {"market:1 market:code:eu", 0, true, "market:1", NULL},
};

START_TEST (test_resolve)
{
    struct scope scope;
    struct scope_resources resources;
    struct error error = {""};
    struct scope_use use = {scopes[_i].group, scopes[_i].again};
    char text[SCOPE_FORMAT_SIZE];
    ck_assert (scope_parse (scopes[_i].text, strlen (scopes[_i].text), &scope, &error));
    PGresult *result = rows (all_rows, sizeof all_rows / sizeof *all_rows);
    enum scope_result end = scope_resolve (&scope, result, &use, &resources, &error);
    PQclear (result);
    if (scopes[_i].error) {
        ck_assert_int_eq (end, SCOPE_INVALID);
        ck_assert_msg (strstr (error.text, scopes[_i].error), "%s: %s", scopes[_i].text,
                       error.text);
        return;
    }
    ck_assert_msg (end == SCOPE_OK, "%s: %s", scopes[_i].text, error.text);
    scope_format (&resources, text);
    ck_assert_str_eq (text, scopes[_i].result);
}
END_TEST

// Rows of another form are a defect, and never taken for a permission.
START_TEST (test_wrong_rows)
{
    static const char *const wrong[][7] = {
        {"3", "1", "eu", "1", "0", "0", "0"}, {"1", "0", "eu", "1", "0", "0", "0"},
        {"1", "x", "eu", "1", "0", "0", "0"}, {"1", "100000000", "eu", "1", "0", "0", "0"},
        {"1", "1", "eu", "", "0", "0", "0"},  {"1", "1", "eu", "1", "0", "?", "0"},
    };
    struct scope scope;
    struct scope_resources resources;
    struct error error;
    ck_assert (scope_parse ("market:1", 8, &scope, NULL));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        PGresult *result = rows (&wrong[i], 1);
        ck_assert_int_eq (
            scope_resolve (&scope, result, &(struct scope_use){0, true}, &resources, &error),
            SCOPE_WRONG);
        ck_assert_uint_eq (resources.n, 0);
        PQclear (result);
    }
    static const char *many[SCOPE_ENTRIES_MAX + 1][7];
    for (size_t i = 0; i <= SCOPE_ENTRIES_MAX; i++)
        memcpy (many[i], all_rows[0], sizeof many[i]);
    PGresult *result = rows ((const char *const(*)[7]) many, SCOPE_ENTRIES_MAX + 1);
    ck_assert_int_eq (
        scope_resolve (&scope, result, &(struct scope_use){0, false}, &resources, &error),
        SCOPE_WRONG);
    PQclear (result);
}
END_TEST

// ---- modules ----------------------------------------------------------------------------------------------------------

// What is taken out of a text, in canonical form, and what is left; or what the error must say.
static const struct {
    const char *text, *modules, *rest, *error;
} module_texts[] = {
    {"", "", "", NULL},
    {"module:orders:read", "module:orders:read", "", NULL},
    {"  module:a-b_1:write market:1   module:z:read  ", "module:a-b_1:write module:z:read",
     "market:1", NULL},
    {"market:1 market:code:eu", "", "market:1 market:code:eu", NULL},
    {"modules:x:read Module:x:read", "", "modules:x:read Module:x:read", NULL},
    {"module:read:read", "module:read:read", "", NULL},
    {"module:", NULL, NULL, "\"module:\" has no name"},
    {"module::read", NULL, NULL, "has no name"},
    {"module:1a:read", NULL, NULL, "has no name"},
    {"module:_a:read", NULL, NULL, "has no name"},
    {"module:Orders:read", NULL, NULL, "has no name"},
    {"module:orders", NULL, NULL, "has neither :read nor :write"},
    {"module:orders:", NULL, NULL, "has neither"},
    {"module:orders:reads", NULL, NULL, "has neither"},
    {"module:orders:rea", NULL, NULL, "has neither"},
    {"module:orders:read:write", NULL, NULL, "has neither"},
    {"module:orders:read\n", NULL, NULL, "\"module:orders:read?\" has neither"},
    {"module:a:read module:a:read", NULL, NULL, "is there twice"},
    {"module:a:write module:a:read", NULL, NULL, "is there twice"},
};

START_TEST (test_modules)
{
    const char *text = module_texts[_i].text;
    struct scope_modules modules;
    char rest[SCOPE_TEXT_MAX + 1], again[SCOPE_MODULES_FORMAT_SIZE];
    struct error error = {""};
    bool good = scope_modules_parse (text, strlen (text), &modules, rest, &error);
    if (module_texts[_i].error) {
        ck_assert (!good);
        ck_assert_msg (strstr (error.text, module_texts[_i].error), "%s: %s", text, error.text);
        return;
    }
    ck_assert_msg (good, "%s: %s", text, error.text);
    scope_modules_format (&modules, again);
    ck_assert_str_eq (again, module_texts[_i].modules);
    ck_assert_str_eq (rest, module_texts[_i].rest);
}
END_TEST

START_TEST (test_modules_bounds)
{
    struct scope_modules modules;
    char rest[SCOPE_TEXT_MAX + 1], text[SCOPE_TEXT_MAX + 2] = "", name[SCOPE_MODULE_NAME_SIZE + 1];
    struct error error;
    for (int i = 0; i <= SCOPE_MODULES_MAX; i++)
        sprintf (text + strlen (text), "%smodule:m%d:write", i ? " " : "", i);
    ck_assert (!scope_modules_parse (text, strlen (text), &modules, rest, &error));
    ck_assert_msg (strstr (error.text, "\"module:m64:write\" is one module more"), "%s",
                   error.text);
    *strrchr (text, ' ') = '\0';
    ck_assert (scope_modules_parse (text, strlen (text), &modules, rest, &error));
    ck_assert_uint_eq (modules.n, SCOPE_MODULES_MAX);
    ck_assert_int_eq (scope_modules_find (&modules, "m63")->access, 2);
    ck_assert_ptr_null (scope_modules_find (&modules, "m6x"));

    memset (name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    sprintf (text, "module:%s:read", name);
    ck_assert (!scope_modules_parse (text, strlen (text), &modules, rest, &error));
    sprintf (text, "module:%s:read", name + 1);
    ck_assert (scope_modules_parse (text, strlen (text), &modules, rest, &error));
    memset (text, 'x', SCOPE_TEXT_MAX + 1);
    ck_assert (!scope_modules_parse (text, SCOPE_TEXT_MAX + 1, &modules, rest, &error));
    ck_assert (!scope_modules_parse ("market:1 \0market:2", 18, &modules, rest, &error));
    ck_assert_str_eq (error.text, "\"?market:2\" has a NUL byte");
    ck_assert (scope_modules_parse (text, SCOPE_TEXT_MAX, &modules, rest, &error));
    ck_assert_uint_eq (strlen (rest), SCOPE_TEXT_MAX);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("scope");
    TCase *tests = tcase_create ("scope");
    tcase_add_loop_test (tests, test_parse, 0, sizeof texts / sizeof *texts);
    tcase_add_test (tests, test_parse_values);
    tcase_add_test (tests, test_parse_bounds);
    tcase_add_test (tests, test_params);
    tcase_add_loop_test (tests, test_resolve, 0, sizeof scopes / sizeof *scopes);
    tcase_add_test (tests, test_wrong_rows);
    tcase_add_loop_test (tests, test_modules, 0, sizeof module_texts / sizeof *module_texts);
    tcase_add_test (tests, test_modules_bounds);
    suite_add_tcase (suite, tests);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
