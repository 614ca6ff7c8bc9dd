// Forward-auth's route file: which module a request belongs to; what is wrong with a file, by its line (R28).
// objects: services/gateway/auth_path.o services/gateway/auth_routes.o
#include "common/memory/memory.h"
#include "services/gateway/auth_path.h"
#include "services/gateway/auth_routes.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT = 16 };

static struct auth_routes *
load (const char *text, size_t size, struct error *error_r)
{
    char path[] = "/tmp/jeton-auth-routes-XXXXXX";
    int file = mkstemp (path);
    ck_assert (file >= 0 && write (file, text, size) == (ssize_t) size);
    close (file);
    struct auth_routes *routes = auth_routes_load (path, LIMIT, error_r);
    ck_assert (routes != NULL || strncmp (error_r->text, path, strlen (path)) == 0);
    unlink (path);
    return routes;
}

static struct auth_routes *
good (const char *text)
{
    struct error error = {.text = ""};
    struct auth_routes *routes = load (text, strlen (text), &error);
    ck_assert_msg (routes != NULL, "%s", error.text);
    return routes;
}

static const char file[] = "# what belongs where\n"
                           "\n"
                           "GET\t/v1/orders/{id}/invoice   invoices # bills\n"
                           "POST,PUT /v1/orders/search orders read\r\n"
                           "*  /v1/orders/*  orders\n"
                           "*  /v1/stock  stock  write\n"
                           "*  sandbox.example.com/v1/*  carts method test\n"
                           "*  /v1/internal/*  -\n"
                           "GET,DELETE  shop.example.com/*  shop\n"
                           "GET  /  start\n"
                           "* /v1/a:b/@c x\n"
                           "GET /{a}/{b}/{c}/end any";

START_TEST (test_find)
{
    static const struct {
        const char *host, *method, *path, *module; // NULL: none, "": denied, "?": ambiguous
        Jeton__V1__Access access;
        bool test;
    } rows[] = {
        {NULL, "GET", "/v1/orders/7/invoice", "invoices", 0, false},
        {NULL, "HEAD", "/v1/orders/7/invoice", "invoices", 0, false},
        {NULL, "POST", "/v1/orders/7/invoice", "orders", 0, false},
        {NULL, "GET", "/v1/orders/7/8/invoice", "orders", 0, false},
        {NULL, "GET", "/v1/orders/invoice", "orders", 0, false},
        {NULL, "GET", "/v1/orders/7/invoice/x", "orders", 0, false},
        {NULL, "POST", "/v1/orders/search", "orders", 1, false},
        {NULL, "GET", "/v1/orders/search", "orders", 0, false},
        {NULL, "PROPFIND", "/v1/orders", "orders", 0, false},
        {NULL, "GET", "/v1/orders", "orders", 0, false},
        {NULL, "GET", "/v1/ordersx", NULL, 0, false},
        {NULL, "GET", "/v1/order", NULL, 0, false},
        {NULL, "GET", "/v1", NULL, 0, false},
        {NULL, "GET", "/v1/Orders", "?", 0, false},
        {NULL, "GET", "/V1/orders/7", "?", 0, false},
        {NULL, "GET", "/v1/orders/7/INVOICE", "?", 0, false},
        {NULL, "GET", "/v1/\u0131nternal", "?", 0, false},
        {NULL, "GET", "/v1/\u0130NTERNAL/a", "?", 0, false},
        {NULL, "GET", "/v1/order\u017f", "?", 0, false},
        {NULL, "GET", "/v1/stoc\u212a", "?", 0, false},
        {NULL, "GET", "/v1/orders/\u0131", "orders", 0, false},
        {NULL, "GET", "/v1/order\u0131", NULL, 0, false},
        {NULL, "GET", "/v1/stoc\u212a\u212a", NULL, 0, false},
        {NULL, "GET", "/v1/stock", "stock", 2, false},
        {NULL, "GET", "/v1/stock/1", NULL, 0, false},
        {"sandbox.example.com", "GET", "/v1/stock/1", "carts", 0, true},
        {"SANDBOX.example.com:8443", "PUT", "/v1/x/y", "carts", 0, true},
        {"sandbox.example.com.", "GET", "/v1", "carts", 0, true},
        {"sandbox.example.com.:443", "GET", "/v1", "carts", 0, true},
        {"sandbox.example.com.evil", "GET", "/v1/x", NULL, 0, false},
        {"xsandbox.example.com", "GET", "/v1/x", NULL, 0, false},
        {"sandbox.example.co", "GET", "/v1/x", NULL, 0, false},
        {"sandbox.example.com", "GET", "/v2/x", NULL, 0, false},
        {"sandbox.example.com", "GET", "/v1/orders", "orders", 0, false},
        {NULL, "GET", "/v1/internal", "", 0, false},
        {NULL, "POST", "/v1/internal/a/b", "", 0, false},
        {"shop.example.com", "GET", "/", "shop", 0, false},
        {"shop.example.com", "DELETE", "/x/y", "shop", 0, false},
        {"shop.example.com", "POST", "/x/y", NULL, 0, false},
        {NULL, "GET", "/", "start", 0, false},
        {NULL, "get", "/", NULL, 0, false},
        {NULL, "GETX", "/", NULL, 0, false},
        {NULL, "", "/", NULL, 0, false},
        {NULL, "GET", "/x", NULL, 0, false},
        {NULL, "GET", "/v1/a:b/@c", "x", 0, false},
        {NULL, "GET", "/a/b/c/end", "any", 0, false},
        {NULL, "GET", "/a/b/end", NULL, 0, false},
        {NULL, "GET", "/a/b/c/d/end", NULL, 0, false},
    };
    struct auth_routes *routes = good (file);
    ck_assert (auth_routes_have_hosts (routes));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct auth_wanted wanted;
        enum auth_found found =
            auth_routes_find (routes, rows[i].host, rows[i].method, rows[i].path, &wanted);
        const char *module = found == AUTH_NONE        ? NULL
                             : found == AUTH_AMBIGUOUS ? "?"
                                                       : wanted.module;
        ck_assert_msg (module == NULL ? rows[i].module == NULL
                                      : rows[i].module != NULL && !strcmp (module, rows[i].module),
                       "%s %s: %s", rows[i].method, rows[i].path, module);
        if (found == AUTH_FOUND && *module != '\0')
            ck_assert_msg (wanted.access == rows[i].access &&
                               (wanted.environment == JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST) ==
                                   rows[i].test,
                           "%s %s", rows[i].method, rows[i].path);
    }
    auth_routes_destroy (&routes);
    auth_routes_destroy (&routes);
}
END_TEST

// Whatever a request writes into its path: no other row than that of the path that an API would serve.
START_TEST (test_hostile)
{
    static const char *const targets[] = {
        "/v1/public/../orders",
        "/v1/public/%2e%2e/orders",
        "/v1/public/..;/orders",
        "/v1//orders",
        "//v1/orders",
        "/v1/%6frders",
        "/v1/public%2f..%2forders",
        "/v1/./orders",
        "/v1\\orders",
    };
    struct auth_routes *routes = good ("* /v1/orders/* orders\n* /* public\n");
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char path[AUTH_PATH_MAX + 1];
        const char *why;
        ck_assert_msg (!auth_path_read (targets[i], path, &why), "%s", targets[i]);
    }
    static const char *const orders[] = {"/v1/orders", "/v1/orders/", "/v1/orders?x=/public",
                                         "/v1/orders/%20", "/v1/orders/x/../"};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        char path[AUTH_PATH_MAX + 1];
        const char *why;
        struct auth_wanted wanted;
        if (auth_path_read (orders[i], path, &why)) {
            ck_assert_int_eq (auth_routes_find (routes, NULL, "GET", path, &wanted), AUTH_FOUND);
            ck_assert_str_eq (wanted.module, "orders");
        }
    }
    auth_routes_destroy (&routes);
}
END_TEST

START_TEST (test_wrong)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"GET", "line 1: a route has methods"},
        {"GET /v1", "2 words"},
        {"GET /v1 a read live x", "6 words"},
        {"\n# x\nget /v1 a", "line 3: methods are"},
        {"GET, /v1 a", "methods are"},
        {",GET /v1 a", "methods are"},
        {"GET,* /v1 a", "methods are"},
        {"TRACE /v1 a", "methods are"},
        {"GET v1 a", "a path is"},
        {"GET example.com a", "a path is"},
        {"GET exa_mple!/x a", "a path is"},
        {"GET example.com:80/x a", "a path is"},
        {"GET example.com./x a", "a path is"},
        {"GET //x a", "a path is"},
        {"GET /x// a", "a path is"},
        {"GET //* a", "a path is"},
        {"GET /x//* a", "a path is"},
        {"GET /x/../y a", "a path is"},
        {"GET /./* a", "a path is"},
        {"GET /x/*/y a", "a path is"},
        {"GET /x* a", "a path is"},
        {"GET /x/** a", "a path is"},
        {"GET * a", "a path is"},
        {"GET /%20 a", "a path is"},
        {"GET /x?y a", "a path is"},
        {"GET /x;y a", "a path is"},
        {"GET /{} a", "a path is"},
        {"GET /{a a", "a path is"},
        {"GET /a{b} a", "a path is"},
        {"GET /{a}b a", "a path is"},
        {"GET /{a-b} a", "a path is"},
        {"GET /\xC3\xA9 a", "a path is"},
        {"GET /x A", "a module is"},
        {"GET /x 1a", "a module is"},
        {"GET /x a.b", "a module is"},
        {"GET /x -- read", "a module is"},
        {"GET /x aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a module is"},
        {"GET /x a rw", "an access is"},
        {"GET /x a read sandbox", "an environment is"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error = {.text = ""};
        ck_assert_msg (load (rows[i].text, strlen (rows[i].text), &error) == NULL, "%s",
                       rows[i].text);
        ck_assert_msg (strstr (error.text, rows[i].why) != NULL, "%s: %s", rows[i].text,
                       error.text);
    }
}
END_TEST

START_TEST (test_bounds)
{
    struct error error = {.text = ""};
    cleanup_free char *text = xcalloc (1, (1 << 20) + 64);
    for (int i = 0; i <= LIMIT; i++)
        snprintf (text + 9 * i, 10, "GET /x a\n");
    ck_assert (load (text, strlen (text), &error) == NULL);
    ck_assert (strstr (error.text, "line 17: there are more than 16 routes") != NULL);
    memset (text, '#', 1 << 20);
    struct auth_routes *routes = load (text, 1 << 20, &error);
    ck_assert (routes != NULL);
    auth_routes_destroy (&routes);
    ck_assert (load (text, (1 << 20) + 1, &error) == NULL);
    ck_assert (strstr (error.text, "larger than 1 MiB") != NULL);
    ck_assert (load ("GET /x a\n\0", 10, &error) == NULL && strstr (error.text, "NUL") != NULL);
    ck_assert (auth_routes_load ("/nowhere/at/all", LIMIT, &error) == NULL);
    ck_assert (auth_routes_load ("/tmp", LIMIT, &error) == NULL);
    routes = good ("");
    ck_assert (!auth_routes_have_hosts (routes));
    struct auth_wanted wanted;
    ck_assert_int_eq (auth_routes_find (routes, NULL, "GET", "/", &wanted), AUTH_NONE);
    auth_routes_destroy (&routes);
}
END_TEST

START_TEST (test_access)
{
    static const char *const reads[] = {"GET", "HEAD", "OPTIONS"}, *const writes[] = {
                                                                       "POST",     "PUT",
                                                                       "PATCH",    "DELETE",
                                                                       "PROPFIND", "get",
                                                                       ""};
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
        ck_assert_int_eq (auth_access_of (reads[i]), JETON__V1__ACCESS__ACCESS_READ);
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
        ck_assert_int_eq (auth_access_of (writes[i]), JETON__V1__ACCESS__ACCESS_WRITE);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("auth_routes");
    TCase *tcase = tcase_create ("auth_routes");
    tcase_add_test (tcase, test_find);
    tcase_add_test (tcase, test_hostile);
    tcase_add_test (tcase, test_wrong);
    tcase_add_test (tcase, test_bounds);
    tcase_add_test (tcase, test_access);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
