// The issuer's public keys in other processes: when they are read, and what a token costs that names a key that is not there (R34).
#include "tests/unit/test_caller.h"

static size_t told, told_loaded;

static void
on_refreshed (void *context, bool loaded)
{
    ck_assert_ptr_eq (context, &told);
    told++;
    told_loaded += loaded;
}

static bool
refresh (void)
{
    return keys_refresh (keys, false, on_refreshed, &told);
}

static enum jwt_result
verify (const char *token)
{
    json_t *claims = NULL;
    enum jwt_result result = keys_verify (keys, token, strlen (token), &claims);
    json_decref (claims);
    return result;
}

static enum jwt_result
verify_of (const struct pair *pair)
{
    struct error error;
    json_t *claims = json_pack ("{s:s}", "iss", "test");
    cleanup_free char *token = jwt_sign (pair->key, "at+jwt", claims, &error);
    json_decref (claims);
    ck_assert_ptr_nonnull (token);
    return verify (token);
}

// Of a stranger: nothing about it is right but its form.
static enum jwt_result
verify_kid (const char *kid)
{
    char header[256], token[1024];
    if (kid)
        snprintf (header, sizeof header, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
                  kid);
    else
        snprintf (header, sizeof header, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}");
    sodium_bin2base64 (token, sizeof token, (const uint8_t *) header, strlen (header),
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    size_t length = strlen (token);
    // {} and 64 bytes of zeros.
    snprintf (token + length, sizeof token - length, ".e30.%086d", 0);
    for (char *c = strrchr (token, '.') + 1; *c; c++)
        *c = 'A';
    return verify (token);
}

static void
set_up (void)
{
    told = told_loaded = 0;
    keys_set_up ();
}

START_TEST (they_are_read_at_once_and_again_by_the_interval)
{
    struct pair pair;
    pair_make (&pair);
    interval_ms = 100;
    ck_assert (!keys_loaded (keys));
    pass (5000);
    ck_assert_uint_eq (nqueries, 1);
    answer (DB_UNAVAILABLE, 0, 0, NULL);
    ck_assert (!keys_loaded (keys));
    pass (5000); // tried again
    answer_keys (NULL, NULL);
    ck_assert (keys_loaded (keys));
    ck_assert_int_eq (verify_of (&pair), JWT_UNKNOWN_KEY);
    pass (5000);
    answer_keys (&pair, NULL);
    ck_assert_int_eq (verify_of (&pair), JWT_OK);
    pass (5000);
    answer_keys (NULL, NULL); // it was revoked
    ck_assert_int_eq (verify_of (&pair), JWT_UNKNOWN_KEY);
    pass (5000);
    answer (DB_UNAVAILABLE, 0, 0, NULL);
    ck_assert (keys_loaded (keys)); // what is known stays
    jwt_key_destroy (&pair.key);
}
END_TEST

START_TEST (rows_that_make_no_sense_leave_the_others)
{
    struct pair good, other;
    pair_make (&good);
    pair_make (&other);
    const char *cells[] = {other.kid, "\\x00ff",         // no key
                           other.kid, good.public_key,   // another's
                           "",        other.public_key,  // no name
                           other.kid, "no bytea at all", // not even bytes
                           good.kid,  good.public_key};
    pass (5000);
    answer (DB_OK, 2, 5, cells);
    ck_assert_int_eq (verify_of (&good), JWT_OK);
    ck_assert_int_eq (verify_of (&other), JWT_UNKNOWN_KEY);
    jwt_key_destroy (&good.key);
    jwt_key_destroy (&other.key);
}
END_TEST

// What a name means does not change, whatever becomes of its row; what has no row any more is no key.
START_TEST (known_keys_stay_as_long_as_they_have_a_row)
{
    struct pair revoked, other;
    interval_ms = 200;
    pair_make (&revoked);
    pair_make (&other);
    pass (5000);
    answer_keys (&revoked, &other);
    ck_assert_int_eq (verify_of (&revoked), JWT_OK);
    const char *cells[] = {other.kid, revoked.public_key};
    pass (5000);
    answer (DB_OK, 2, 1, cells);
    ck_assert_int_eq (verify_of (&revoked), JWT_UNKNOWN_KEY);
    ck_assert_int_eq (verify_of (&other), JWT_OK);
    pass (5000);
    answer (DB_UNAVAILABLE, 0, 0, NULL);
    ck_assert_int_eq (verify_of (&other), JWT_OK);
    pass (5000);
    answer_keys (&revoked, NULL);
    ck_assert_int_eq (verify_of (&revoked), JWT_OK);
    ck_assert_int_eq (verify_of (&other), JWT_UNKNOWN_KEY);
    jwt_key_destroy (&revoked.key);
    jwt_key_destroy (&other.key);
}
END_TEST

START_TEST (a_key_that_is_there_since_is_found)
{
    struct pair pair;
    pair_make (&pair);
    pass (5000);
    answer_keys (NULL, NULL);
    ck_assert_int_eq (verify_of (&pair), JWT_UNKNOWN_KEY);
    ck_assert (refresh ());
    ck_assert_uint_eq (told, 0);
    pass (5000);
    answer_keys (&pair, NULL);
    ck_assert_uint_eq (told_loaded, 1);
    ck_assert_int_eq (verify_of (&pair), JWT_OK);
    jwt_key_destroy (&pair.key);
}
END_TEST

START_TEST (equal_wishes_share_a_query_and_there_are_ten_a_second)
{
    char kid[JWT_KID_SIZE];
    int64_t before_ms;
    pass (5000);
    before_ms = queries[0].at_ms;
    answer_keys (NULL, NULL);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 50; i++) {
            snprintf (kid, sizeof kid, "%043d", 50 * round + i);
            ck_assert_int_eq (verify_kid (kid), JWT_UNKNOWN_KEY);
            ck_assert (refresh ());
        }
        pass (5000);
        ck_assert_uint_eq (nqueries, 1);
        ck_assert_int_ge (queries[0].at_ms - before_ms, 100);
        before_ms = queries[0].at_ms;
        answer_keys (NULL, NULL);
        ck_assert_uint_eq (told_loaded, 50 * ((size_t) round + 1));
    }
}
END_TEST

START_TEST (what_was_not_there_is_not_asked_for_again_for_a_while)
{
    static const char stranger[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";
    static const char other[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPq";
    pass (5000);
    answer_keys (NULL, NULL);
    ck_assert_int_eq (verify_kid (stranger), JWT_UNKNOWN_KEY);
    ck_assert (refresh ());
    pass (5000);
    answer_keys (NULL, NULL);
    ck_assert_uint_eq (told_loaded, 1);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq (verify_kid (stranger), JWT_UNKNOWN_KEY);
        ck_assert (!refresh ());
    }
    pass (300);
    ck_assert_uint_eq (nqueries, 0);
    ck_assert_uint_eq (told, 1);

    ck_assert_int_eq (verify_kid (other), JWT_UNKNOWN_KEY);
    ck_assert (refresh ());
    pass (5000);
    answer (DB_UNAVAILABLE, 0, 0, NULL);
    ck_assert_uint_eq (told, 2);
    ck_assert_uint_eq (told_loaded, 1);
    ck_assert_int_eq (verify_kid (other), JWT_UNKNOWN_KEY);
    ck_assert (refresh ()); // nobody knows whether it is there
    pass (5000);
    answer_keys (NULL, NULL);

    later_ms += KEYS_MISSING_MS + 1;
    ck_assert_int_eq (verify_kid (stranger), JWT_UNKNOWN_KEY);
    ck_assert (refresh ());
}
END_TEST

START_TEST (a_key_that_was_missing_is_used_as_soon_as_it_is_read)
{
    struct pair pair;
    pair_make (&pair);
    interval_ms = 200;
    pass (5000);
    answer_keys (NULL, NULL);
    ck_assert_int_eq (verify_of (&pair), JWT_UNKNOWN_KEY);
    ck_assert (refresh ());
    pass (5000);
    answer_keys (NULL, NULL);
    ck_assert_int_eq (verify_of (&pair), JWT_UNKNOWN_KEY);
    ck_assert (!refresh ());
    pass (5000);
    answer_keys (&pair, NULL);
    ck_assert_int_eq (verify_of (&pair), JWT_OK);
    jwt_key_destroy (&pair.key);
}
END_TEST

// Whoever hears of new keys asks once a second at most, and so refuses a key that it did not hear of for no longer.
START_TEST (who_is_told_of_keys_believes_what_was_read_for_a_second)
{
    struct pair pair;
    char kid[JWT_KID_SIZE];
    pair_make (&pair);
    pass (5000);
    answer_keys (NULL, NULL);
    for (int i = 0; i < 1000; i++) {
        snprintf (kid, sizeof kid, "%043d", i);
        ck_assert_int_eq (verify_kid (kid), JWT_UNKNOWN_KEY);
        ck_assert (!keys_refresh (keys, true, on_refreshed, &told));
    }
    ck_assert_int_eq (verify_of (&pair), JWT_UNKNOWN_KEY);
    ck_assert (!keys_refresh (keys, true, on_refreshed, &told));
    later_ms += KEYS_BELIEVED_MS + 1;
    ck_assert_int_eq (verify_of (&pair), JWT_UNKNOWN_KEY);
    ck_assert (keys_refresh (keys, true, on_refreshed, &told));
    pass (5000);
    answer_keys (&pair, NULL);
    ck_assert_int_eq (verify_of (&pair), JWT_OK);
    ck_assert_uint_eq (told, 1);
    jwt_key_destroy (&pair.key);
}
END_TEST

START_TEST (names_that_are_no_keys_are_not_asked_for)
{
    static const char *const kids[] = {NULL,
                                       "",
                                       "short",
                                       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                       "../../../../../../../../../../../../../etc/p"};
    pass (5000);
    answer_keys (NULL, NULL);
    // What was missed before must not stand for them.
    ck_assert_int_eq (verify_kid ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"), JWT_UNKNOWN_KEY);
    for (size_t i = 0; i < sizeof kids / sizeof *kids; i++) {
        ck_assert_int_eq (verify_kid (kids[i]), JWT_UNKNOWN_KEY);
        ck_assert (!refresh ());
    }
    pass (300);
    ck_assert_uint_eq (nqueries, 0);
}
END_TEST

// More strangers than there are places: the later ones take them.
START_TEST (many_names_take_no_more_room)
{
    char kid[JWT_KID_SIZE];
    size_t asked = 0;
    pass (5000);
    answer_keys (NULL, NULL);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4 * KEYS_MISSING_MAX; i++) {
            snprintf (kid, sizeof kid, "%043d", i);
            ck_assert_int_eq (verify_kid (kid), JWT_UNKNOWN_KEY);
            asked += refresh ();
        }
        pass (5000);
        answer_keys (NULL, NULL);
    }
    ck_assert_uint_eq (told_loaded, asked);
    ck_assert_uint_ge (asked, 4 * KEYS_MISSING_MAX + 3 * KEYS_MISSING_MAX);
    ck_assert_uint_lt (asked, 8 * KEYS_MISSING_MAX);
}
END_TEST

START_TEST (an_end_calls_nobody)
{
    pass (5000);
    ck_assert_int_eq (verify_kid ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"), JWT_UNKNOWN_KEY);
    ck_assert (refresh ());
    keys_destroy (&keys);
    ck_assert_uint_eq (told, 0);
}
END_TEST

int
main (void)
{
    const TTest *const tests[] = {they_are_read_at_once_and_again_by_the_interval,
                                  rows_that_make_no_sense_leave_the_others,
                                  known_keys_stay_as_long_as_they_have_a_row,
                                  a_key_that_is_there_since_is_found,
                                  equal_wishes_share_a_query_and_there_are_ten_a_second,
                                  what_was_not_there_is_not_asked_for_again_for_a_while,
                                  a_key_that_was_missing_is_used_as_soon_as_it_is_read,
                                  who_is_told_of_keys_believes_what_was_read_for_a_second,
                                  names_that_are_no_keys_are_not_asked_for,
                                  many_names_take_no_more_room,
                                  an_end_calls_nobody};
    Suite *suite = suite_create ("public keys");
    TCase *tcase = tcase_create ("keys");
    tcase_set_timeout (tcase, 60);
    tcase_add_checked_fixture (tcase, set_up, keys_tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test (tcase, tests[i]);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
