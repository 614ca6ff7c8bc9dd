#include "common/token/value.h"
#include <check.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Keys 00 01 … 0f (that of SipHash's published vectors) and 10 11 … 1f.
static struct token_keys
some_keys (void)
{
    struct token_keys keys = {.n = 2};
    for (int i = 0; i < TOKEN_CHECK_KEY_SIZE; i++) {
        keys.keys[0][i] = (uint8_t) i;
        keys.keys[1][i] = (uint8_t) (16 + i);
    }
    return keys;
}

static bool
good (const struct token_keys *keys, const char *text)
{
    enum token_environment environment;
    return token_value_check (keys, text, strlen (text), &environment);
}

// Worked out with another implementation of SipHash-2-4 and base64url.
static const struct {
    enum token_environment environment;
    int first, step; // of the random bytes
    const char *value, *digest;
} known[] = {
    {TOKEN_LIVE, 0, 0, "jtn_live_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAKWybbmVp63C",
     "28bb963a38d819f428d576a579cc664c05b46be63936c3d323e285ad50adadfd"},
    {TOKEN_LIVE, 0, 1, "jtn_live_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGNgk2ZGWX6Eo",
     "4071efd4721c0c65404cfbc944a9296cd567198d32dcdeb0319df4eb07cf563b"},
    {TOKEN_LIVE, 255, 0, "jtn_live__________________________________8Iago-7eRlr",
     "6f5071300964455d750477ad422cc1917bfbec9bbb62f7ba3b650d0e97080708"},
    {TOKEN_TEST, 0, 0, "jtn_test_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAH8M4CetIADf",
     "7e810341f85ccea108727564363d1d23f7f7d4615cac71938760752de7911d5f"},
    {TOKEN_TEST, 0, 1, "jtn_test_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGND18Ue3Bx8h",
     "15d256aad6fd920620fd86bf96e516cfeeab9e673f39ef78f21f6248afb1596a"},
    {TOKEN_TEST, 255, 0, "jtn_test__________________________________wQiyGNSom5-",
     "b7bfc6ca278fd88b92321877b211c29ac095c9f9e8ab76f691ceec909d7ab958"},
};

START_TEST (test_known)
{
    struct token_keys keys = some_keys ();
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint8_t random[TOKEN_RANDOM_SIZE];
        for (int j = 0; j < TOKEN_RANDOM_SIZE; j++)
            random[j] = (uint8_t) (known[i].first + j * known[i].step);
        char value[TOKEN_VALUE_LENGTH + 1];
        token_value_encode (&keys, known[i].environment, random, value);
        ck_assert_str_eq (value, known[i].value);
        enum token_environment environment;
        ck_assert (token_value_check (&keys, value, TOKEN_VALUE_LENGTH, &environment));
        ck_assert_int_eq (environment, known[i].environment);
        uint8_t digest[TOKEN_DIGEST_SIZE];
        char hex[2 * TOKEN_DIGEST_SIZE + 1];
        token_value_digest (value, TOKEN_VALUE_LENGTH, digest);
        sodium_bin2hex (hex, sizeof hex, digest, sizeof digest);
        ck_assert_str_eq (hex, known[i].digest);
    }
}
END_TEST

// R3: a typing error is refused: every other byte in every place.
START_TEST (test_flip)
{
    struct token_keys keys = some_keys ();
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (size_t at = 0; at < TOKEN_VALUE_LENGTH; at++)
            for (int c = 0; c < 256; c++) {
                char value[TOKEN_VALUE_LENGTH + 1];
                memcpy (value, known[i].value, sizeof value);
                if (value[at] == (char) c)
                    continue;
                value[at] = (char) c;
                enum token_environment environment;
                ck_assert (!token_value_check (&keys, value, TOKEN_VALUE_LENGTH, &environment));
            }
}
END_TEST

START_TEST (test_swapped_neighbours)
{
    struct token_keys keys = some_keys ();
    for (size_t at = 0; at + 1 < TOKEN_VALUE_LENGTH; at++) {
        char value[TOKEN_VALUE_LENGTH + 1];
        memcpy (value, known[1].value, sizeof value);
        value[at] = known[1].value[at + 1];
        value[at + 1] = known[1].value[at];
        if (value[at] != value[at + 1])
            ck_assert (!good (&keys, value));
    }
}
END_TEST

// Writes `name` in the place of the environment's.
static void
rename_environment (char *value, const char *name)
{
    for (int i = 0; i < 4; i++)
        value[4 + i] = name[i];
}

START_TEST (test_environment)
{
    struct token_keys keys = some_keys ();
    char value[TOKEN_VALUE_LENGTH + 1];
    token_value_make (&keys, TOKEN_LIVE, value);
    ck_assert (good (&keys, value));
    rename_environment (value, "test");
    ck_assert (!good (&keys, value));
    token_value_make (&keys, TOKEN_TEST, value);
    ck_assert (good (&keys, value));
    rename_environment (value, "live");
    ck_assert (!good (&keys, value));
}
END_TEST

START_TEST (test_form)
{
    struct token_keys keys = some_keys ();
    enum token_environment environment;
    for (size_t length = 0; length < TOKEN_VALUE_LENGTH; length++)
        ck_assert (!token_value_check (&keys, known[0].value, length, &environment));
    char longer[TOKEN_VALUE_LENGTH + 2];
    snprintf (longer, sizeof longer, "%s=", known[0].value);
    ck_assert (!good (&keys, longer));
    // Ends where it is told to, whatever comes after it.
    ck_assert (token_value_check (&keys, longer, TOKEN_VALUE_LENGTH, &environment));
    ck_assert (!good (&keys, ""));
    ck_assert (!good (&keys, "jtn_live_"));
}
END_TEST

// The first key makes values, each is accepted; one that has gone is not.
START_TEST (test_keys)
{
    struct token_keys both = some_keys (), first = both, second = {.n = 1};
    first.n = 1;
    memcpy (second.keys[0], both.keys[1], TOKEN_CHECK_KEY_SIZE);
    char value[TOKEN_VALUE_LENGTH + 1];
    token_value_make (&second, TOKEN_LIVE, value);
    ck_assert (good (&both, value) && good (&second, value) && !good (&first, value));
    token_value_make (&both, TOKEN_LIVE, value);
    ck_assert (good (&both, value) && good (&first, value) && !good (&second, value));
    struct token_keys none = {0};
    ck_assert (!good (&none, value));
}
END_TEST

START_TEST (test_random)
{
    struct token_keys keys = some_keys ();
    char values[1000][TOKEN_VALUE_LENGTH + 1];
    for (int i = 0; i < 1000; i++) {
        token_value_make (&keys, TOKEN_LIVE, values[i]);
        ck_assert_uint_eq (strlen (values[i]), TOKEN_VALUE_LENGTH);
        ck_assert_uint_eq (strspn (values[i] + 9, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
                                                  "uvwxyz0123456789-_"),
                           TOKEN_VALUE_LENGTH - 9);
        for (int j = 0; j < i; j++)
            ck_assert_str_ne (values[i], values[j]);
    }
}
END_TEST

// Opaque access tokens (R24), worked out in the same way.
static const struct {
    enum token_environment environment;
    int first, step;
    uint32_t day;
    const char *value, *jti;
} known_access[] = {
    {TOKEN_LIVE, 0, 0, 0, "jtn_access_live_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABjox-JJ7HXr",
     "aI_vuEH6HPgeaf-rhdgogw"},
    {TOKEN_LIVE, 0, 1, 20780, "jtn_access_live_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGABRLGsTXYs_s6dL",
     "_XDCDNrbeCWuXPmunXBnpQ"},
    {TOKEN_LIVE, 255, 0, TOKEN_ACCESS_DAY_MAX,
     "jtn_access_live_______________________________________JPPrBDjqAH", "sjG5bWa4t5hGKhIJWXki6w"},
    {TOKEN_TEST, 0, 1, 20780, "jtn_access_test_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGABRLL8LxuNfAsLm",
     "MGLpI8xYLZKF5Vbf2ojcUA"},
};

START_TEST (test_access_known)
{
    struct token_keys keys = some_keys ();
    for (size_t i = 0; i < sizeof known_access / sizeof *known_access; i++) {
        uint8_t random[TOKEN_RANDOM_SIZE], digest[TOKEN_DIGEST_SIZE];
        char value[TOKEN_ACCESS_LENGTH + 1], jti[TOKEN_ACCESS_JTI_SIZE];
        enum token_environment environment;
        uint32_t day;
        for (int j = 0; j < TOKEN_RANDOM_SIZE; j++)
            random[j] = (uint8_t) (known_access[i].first + j * known_access[i].step);
        token_access_encode (&keys, known_access[i].environment, random, known_access[i].day,
                             value);
        ck_assert_str_eq (value, known_access[i].value);
        ck_assert (token_access_check (&keys, value, TOKEN_ACCESS_LENGTH, &environment, &day));
        ck_assert_int_eq (environment, known_access[i].environment);
        ck_assert_uint_eq (day, known_access[i].day);
        token_value_digest (value, TOKEN_ACCESS_LENGTH, digest);
        token_access_jti (digest, jti);
        ck_assert_str_eq (jti, known_access[i].jti);
        ck_assert (!good (&keys, value)); // no API token
    }
}
END_TEST

// Every other byte in every place, each length, and what comes behind it.
START_TEST (test_access_flip)
{
    struct token_keys keys = some_keys ();
    enum token_environment environment;
    uint32_t day;
    for (size_t i = 0; i < sizeof known_access / sizeof *known_access; i++) {
        for (size_t at = 0; at < TOKEN_ACCESS_LENGTH; at++)
            for (int c = 0; c < 256; c++) {
                char value[TOKEN_ACCESS_LENGTH + 1];
                memcpy (value, known_access[i].value, sizeof value);
                if (value[at] == (char) c)
                    continue;
                value[at] = (char) c;
                ck_assert (
                    !token_access_check (&keys, value, TOKEN_ACCESS_LENGTH, &environment, &day));
            }
        for (size_t length = 0; length < TOKEN_ACCESS_LENGTH; length++)
            ck_assert (
                !token_access_check (&keys, known_access[i].value, length, &environment, &day));
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        ck_assert (
            !token_access_check (&keys, known[i].value, TOKEN_VALUE_LENGTH, &environment, &day));
}
END_TEST

START_TEST (test_access_random)
{
    struct token_keys both = some_keys (), other = {.n = 1};
    memset (other.keys[0], 77, sizeof other.keys[0]);
    char values[100][TOKEN_ACCESS_LENGTH + 1];
    enum token_environment environment;
    uint32_t day;
    for (int i = 0; i < 100; i++) {
        token_access_make (&both, TOKEN_TEST, 20000 + (uint32_t) i, values[i]);
        ck_assert (token_access_check (&both, values[i], strlen (values[i]), &environment, &day));
        ck_assert (environment == TOKEN_TEST && day == 20000 + (uint32_t) i);
        ck_assert (!token_access_check (&other, values[i], strlen (values[i]), &environment, &day));
        for (int j = 0; j < i; j++)
            ck_assert_int_ne (memcmp (values[i] + 16, values[j] + 16, 20), 0);
    }
}
END_TEST

static bool
load (const char *text, mode_t mode, struct token_keys *keys_r, struct error *error_r)
{
    char path[] = "/tmp/jeton-test-value-XXXXXX";
    int file = mkstemp (path);
    ck_assert_int_ge (file, 0);
    ck_assert_int_eq (write (file, text, strlen (text)), (ssize_t) strlen (text));
    ck_assert_int_eq (fchmod (file, mode), 0);
    close (file);
    bool loaded = token_keys_load (path, keys_r, error_r);
    unlink (path);
    return loaded;
}

#define ONE_KEY   "000102030405060708090a0b0c0d0e0f\n"
#define FIVE_KEYS ONE_KEY ONE_KEY ONE_KEY ONE_KEY ONE_KEY

START_TEST (test_load)
{
    struct token_keys keys;
    struct error error = {0};
    ck_assert (load ("# made by hand\n\n000102030405060708090a0b0c0d0e0f\r\n"
                     "  101112131415161718191A1B1C1D1E1F  ",
                     0600, &keys, &error));
    struct token_keys expected = some_keys ();
    ck_assert_uint_eq (keys.n, 2);
    ck_assert_mem_eq (&keys, &expected, sizeof keys);

    static const char *const bad[] = {
        "",
        "# none\n",
        "000102030405060708090a0b0c0d0e0",
        "000102030405060708090a0b0c0d0e0f0",
        "0001020304050607 08090a0b0c0d0e0f",
        "g00102030405060708090a0b0c0d0e0f",
        FIVE_KEYS,
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert (!load (bad[i], 0600, &keys, &error));
        ck_assert_ptr_nonnull (strstr (error.text, "/tmp/jeton-test-value-"));
        ck_assert_ptr_null (strstr (error.text, "0a0b"));
    }
    ck_assert (!load ("000102030405060708090a0b0c0d0e0f", 0644, &keys, &error));
    ck_assert (!token_keys_load ("/nonexistent/keys", &keys, &error));
}
END_TEST

int
main (void)
{
    if (sodium_init () < 0)
        return EXIT_FAILURE;
    Suite *suite = suite_create ("value");
    TCase *tcase = tcase_create ("value");
    tcase_add_test (tcase, test_known);
    tcase_add_test (tcase, test_flip);
    tcase_add_test (tcase, test_swapped_neighbours);
    tcase_add_test (tcase, test_environment);
    tcase_add_test (tcase, test_form);
    tcase_add_test (tcase, test_keys);
    tcase_add_test (tcase, test_random);
    tcase_add_test (tcase, test_access_known);
    tcase_add_test (tcase, test_access_flip);
    tcase_add_test (tcase, test_access_random);
    tcase_add_test (tcase, test_load);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
