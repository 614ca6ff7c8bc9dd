// What an access token of a client says (R24): the claims as the issuer writes them, read by a JSON parser.
// objects: services/issuer/claims.o
#include "common/caller/revoked.h"
#include "common/memory/memory.h"
#include "common/token/id.h"
#include "services/issuer/claims.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SALES_CHANNEL JETON__V1__CLIENT_KIND__CLIENT_KIND_SALES_CHANNEL
#define INTEGRATION   JETON__V1__CLIENT_KIND__CLIENT_KIND_INTEGRATION

static char *
begin_of (const char *issuer, const char *audience)
{
    struct error error;
    char *begin = claims_begin (issuer, audience, &error);
    ck_assert_ptr_nonnull (begin);
    return begin;
}

static json_t *
claims_of (const char *begin, const struct access *access)
{
    char text[CLAIMS_SIZE];
    size_t size = claims_write (begin, access, "jti-of_it", text);
    json_t *claims = json_loadb (text, size, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg (claims != NULL, "%.*s", (int) size, text);
    return claims;
}

START_TEST (test_plain)
{
    const struct asking_scope scope = {.text = "module:orders:read"};
    const struct store_client client = {.number = 7, .account = 3, .kind = INTEGRATION};
    const struct access access = {.client = &client,
                                  .scope = &scope,
                                  .environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE,
                                  .issued_at = 1700000000,
                                  .life_s = 7200};
    char client_id[ID_SIZE], account_id[ID_SIZE];
    id_format ("CLI", 7, client_id);
    id_format ("ACC", 3, account_id);
    cleanup_free char *begin = begin_of ("https://a.example/\"\\\xc3\xa4", "jeton");
    json_t *claims = claims_of (begin, &access);
    json_t *wanted = json_pack ("{s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:s, s:s, s:s}", "iss",
                                "https://a.example/\"\\\xc3\xa4", "aud", "jeton", "sub", client_id,
                                "client_id", client_id, "iat", 1700000000, "exp", 1700007200, "jti",
                                "jti-of_it", "account", account_id, "client_kind", "integration",
                                "scope", "module:orders:read", "environment", "live");
    ck_assert (json_equal (claims, wanted));
    json_decref (wanted);
    json_decref (claims);
}
END_TEST

START_TEST (test_restricted)
{
    const struct scope_resource resources[] = {
        {.kind = SCOPE_MARKET, .number = 99999999},
        {.kind = SCOPE_STOCK_LOCATION, .number = 10, .market = 1},
        {.kind = SCOPE_MARKET, .number = 1},
    };
    struct asking_scope scope = {
        .restricted = true, .n = 3, .resources = resources, .text = "market:1"};
    const struct store_client client = {
        .number = 7, .account = 3, .kind = SALES_CHANNEL, .generation = 4000000000};
    struct access access = {.client = &client,
                            .customer = 12345678,
                            .scope = &scope,
                            .environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST,
                            .issued_at = 1700000000,
                            .life_s = 31536000};
    char customer_id[ID_SIZE];
    id_format ("CUS", 12345678, customer_id);
    cleanup_free char *begin = begin_of ("i", "a");
    json_t *claims = claims_of (begin, &access);
    json_t *wanted =
        json_pack ("{s:s, s:s, s:s, s:I, s:[i, i], s:[i]}", "sub", customer_id, "client_kind",
                   "sales_channel", "environment", "test", JWT_GENERATION_CLAIM,
                   (json_int_t) 4000000000, "markets", 99999999, 1, "stock_locations", 10);
    const char *name;
    json_t *value;
    json_object_foreach (wanted, name, value)
        ck_assert_msg (json_equal (json_object_get (claims, name), value), "%s", name);
    ck_assert_uint_eq (json_object_size (claims), 14);
    json_decref (claims);
    // Of a user, who has let the client act for it.
    char user_id[ID_SIZE];
    id_format ("USR", 87654321, user_id);
    const struct access of_user = {.client = &client,
                                   .user = 87654321,
                                   .scope = &scope,
                                   .issued_at = 1700000000,
                                   .life_s = 7200};
    claims = claims_of (begin, &of_user);
    ck_assert_str_eq (json_string_value (json_object_get (claims, "sub")), user_id);
    json_decref (claims);
    // Of a customer, good beside the client's own only.
    access.beside = true;
    claims = claims_of (begin, &access);
    ck_assert_str_eq (json_string_value (json_object_get (claims, "aud")),
                      "a" JWT_OF_CUSTOMER_AUDIENCE);
    json_decref (claims);
    // None of them is left: it is restricted to nothing.
    scope.n = 0;
    claims = claims_of (begin, &access);
    ck_assert (json_is_array (json_object_get (claims, "markets")));
    ck_assert_uint_eq (json_array_size (json_object_get (claims, "stock_locations")), 0);
    json_decref (claims);
    json_decref (wanted);
}
END_TEST

// There is no room, whatever it is that does not fit: never half a text.
START_TEST (test_long)
{
    const struct asking_scope scope = {.text = "module:orders:read"};
    const struct store_client client = {.number = 7, .account = 3, .kind = INTEGRATION};
    const struct access access = {
        .client = &client, .scope = &scope, .issued_at = 1700000000, .life_s = 7200};
    char issuer[CLAIMS_SIZE] = "", text[CLAIMS_SIZE];
    size_t written = 0, refused = 0;
    for (size_t length = CLAIMS_SIZE - 600; length < CLAIMS_SIZE; length++) {
        memset (issuer, 'x', length);
        cleanup_free char *begin = begin_of (issuer, "a");
        size_t size = claims_write (begin, &access, "jti", text);
        ck_assert (size == 0 || (text[0] == '{' && text[size - 1] == '}'));
        ck_assert (size == 0 || refused == 0);
        written += size > 0;
        refused += size == 0;
    }
    ck_assert (written > 0 && refused > 0);
}
END_TEST

START_TEST (test_no_utf8)
{
    struct error error;
    ck_assert_ptr_null (claims_begin ("https://\xff", "jeton", &error));
    ck_assert_ptr_nonnull (strstr (error.text, "UTF-8"));
    ck_assert_ptr_null (claims_begin ("https://a.example", "\xc3", &error));
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("claims");
    TCase *tcase = tcase_create ("claims");
    tcase_add_test (tcase, test_plain);
    tcase_add_test (tcase, test_restricted);
    tcase_add_test (tcase, test_long);
    tcase_add_test (tcase, test_no_utf8);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
