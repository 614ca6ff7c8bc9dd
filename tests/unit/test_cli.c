// The command line's own work: what people type, what terminals get, and which option a field is (R34).
// objects: services/cli/command.o services/cli/option.o services/cli/help.o services/cli/manual.o services/cli/reference.o services/cli/print.o services/cli/input.o services/cli/connect.o services/cli/call.o services/cli/stream.o services/cli/as_user.o services/cli/settings.o
#include "common/memory/memory.h"
#include "services/cli/command.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- what people type

START_TEST (times)
{
    static const struct {
        const char *text;
        int64_t seconds; // -1: none
    } cases[] = {
        {"2026-12-31", 1798675200},
        {"2026-12-31T12:00:00Z", 1798718400},
        {"2026-12-31 12:00:00", 1798718400},
        {"2026-12-31T12:00:00.5Z", 1798718400},
        {"2026-12-31T14:00:00+02:00", 1798718400},
        {"2026-12-31T09:30:00-02:30", 1798718400},
        {"1798718400", 1798718400},
        {"90d", 1000 + 90 * 86400},
        {"2w", 1000 + 14 * 86400},
        {"12h", 1000 + 12 * 3600},
        {"30m", 1000 + 1800},
        {"5s", 1005},
        {"2026-02-31", -1},
        {"2026-13-01", -1},
        {"2026-12-31T25:00:00Z", -1},
        {"2026-12-31T12:00:00+2", -1},
        {"2026-12-31T12:00:00Zebra", -1},
        {"tomorrow", -1},
        {"90", -1},
        {"90x", -1},
        {"90dd", -1},
        {"-5d", -1},
        {"", -1},
        {"99999999999999999999d", -1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t seconds = -1;
        if (!input_time (cases[i].text, true, 1000, &seconds)) {
            seconds = -1;
        }
        ck_assert_msg (seconds == cases[i].seconds, "%s: %lld", cases[i].text, (long long) seconds);
    }
    int64_t past = 0;
    ck_assert (input_time ("1h", false, 10000, &past));
    ck_assert_int_eq (past, 6400);
}
END_TEST

START_TEST (secrets_in_arguments)
{
    static const char *const secrets[] = {
        "jtn_live_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "--token=jtn_test_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "Bearer jtn_live_AAAAAAAAAAAAAAAAAAAAAAA",
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
        "postgresql://owner:secret@db/jeton",
        "host=db password=secret",
    };
    static const char *const others[] = {
        "",
        "orders:read",
        "jtn_live_",
        "jtn_live_…",
        "tcp://127.0.0.1:7102",
        "postgresql:///jeton",
        "eyJ.a.b",
        "ACC-0123",
        "2026-12-31T12:00:00Z",
        "postgresql://owner@db:5432/jeton",
        "--account",
    };

    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        ck_assert_msg (input_looks_secret (secrets[i]), "%s", secrets[i]);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        ck_assert_msg (!input_looks_secret (others[i]), "%s", others[i]);
    }
}
END_TEST

START_TEST (suggestions)
{
    size_t best = SIZE_MAX;

    ck_assert (command_nearest ("tokn", "token", &best));
    ck_assert (!command_nearest ("tokn", "module", &best));
    best = SIZE_MAX;
    ck_assert (command_nearest ("acc", "account", &best));
    best = SIZE_MAX;
    ck_assert (!command_nearest ("frobnicate", "token", &best));
    ck_assert (!command_nearest ("", "db", &best));
}
END_TEST

// ---- what terminals get

static char *
printed (const char *text, bool json)
{
    char *out = NULL;
    size_t size = 0;
    FILE *file = open_memstream (&out, &size);

    if (json) {
        json_t *value = json_string (text);
        print_json (file, value, JSON_COMPACT);
        json_decref (value);
    } else {
        print_text (file, text);
    }
    fclose (file);
    return out;
}

START_TEST (safe_text)
{
    static const char *const cases[][2] = {
        {"plain Zoë 日本", "plain Zoë 日本"},
        {"\033[31mred", "\\x1b[31mred"},
        {"two\nlines\r\t", "two\\x0alines\\x0d\\x09"},
        {"c1 \xc2\x9b", "c1 \\u009B"},
        {"\xe2\x80\xae turned", "\\u202E turned"},
        {"bad \xff\xc0\x80", "bad \\xff\\xc0\\x80"},
        {"cut \xe2\x82", "cut \\xe2\\x82"},
        {"surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cleanup_free char *out = printed (cases[i][0], false);
        ck_assert_str_eq (out, cases[i][1]);
    }
}
END_TEST

START_TEST (safe_json)
{
    static const char text[] = "a\033\x7f\xc2\x9b\xe2\x80\xae\xf3\xa0\x81\x81 Zoë";
    cleanup_free char *out = printed (text, true);
    json_t *again = json_loads (out, JSON_DECODE_ANY, NULL);

    ck_assert_str_eq (out, "\"a\\u001B\\u007F\\u009B\\u202E\\uDB40\\uDC41 Zoë\"\n");
    ck_assert_str_eq (json_string_value (again), text);
    json_decref (again);
}
END_TEST

// ---- what options set

START_TEST (fields)
{
    static const struct option_row rows[] = {
        {.name = "account", .value = "ACC-…"},
        {.name = "module", .value = "M", .many = true},
        {.name = "rate-limit", .value = "N"},
        {.name = "rate", .value = "N"},
        {.name = "expires", .value = "WHEN", .field = "expires_at"},
        {.name = NULL},
    };
    static const char *const cases[][2] = {
        {"account", "account"},
        {"account_id", "account"},
        {"accounts", NULL},
        {"account_ids", NULL},
        {"modules", "module"},
        {"modules[12].access", "module"},
        {"rate_limit", "rate-limit"},
        {"rate_limit.per_minute", "rate-limit"},
        {"rate-limit", NULL},
        {"expires_at", "expires"},
        {"expires", NULL},
        {"id", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct option_row *row = option_of_field (rows, cases[i][0]);
        ck_assert_msg ((row == NULL) == (cases[i][1] == NULL), "%s", cases[i][0]);
        ck_assert_msg (row == NULL || strcmp (row->name, cases[i][1]) == 0, "%s", cases[i][0]);
    }
    ck_assert_ptr_null (option_of_field (NULL, "account_id"));
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("cli");
    TCase *typed = tcase_create ("typed");
    SRunner *runner;
    int failed;

    tcase_add_test (typed, times);
    tcase_add_test (typed, secrets_in_arguments);
    tcase_add_test (typed, suggestions);
    tcase_add_test (typed, safe_text);
    tcase_add_test (typed, safe_json);
    tcase_add_test (typed, fields);
    suite_add_tcase (suite, typed);
    runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
