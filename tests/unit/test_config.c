#include "common/config/config.h"
#include <check.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct settings {
    char *bind, *database_password, *peers;
    int64_t queue_limit;
    bool verbose;
};

#define FIELD(name) offsetof (struct settings, name)
static const struct config_row table[] = {
    {"bind", CONFIG_TEXT, FIELD (bind), "tcp://*:1", 0, 0, false, "where"},
    {"database_password", CONFIG_SECRET, FIELD (database_password), "", 0, 0, true, "a secret"},
    {"peers", CONFIG_PATH, FIELD (peers), NULL, 0, 0, true, "a | file"},
    {"queue_limit", CONFIG_NUMBER, FIELD (queue_limit), "10", -5, 100, true, "how many"},
    {"verbose", CONFIG_BOOL, FIELD (verbose), "no", 0, 0, true, "talks"},
    {NULL, CONFIG_TEXT, 0, NULL, 0, 0, false, NULL},
};
static const struct config_row *const tables[] = {table, NULL};

static char path[64], output[65536];

static void
write_file (const char *text, mode_t mode)
{
    snprintf (path, sizeof path, "/tmp/jeton-test-config-%d", (int) getpid ());
    int file = open (path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    ck_assert_int_ge (file, 0);
    ck_assert_int_eq (write (file, text, strlen (text)), (ssize_t) strlen (text));
    ck_assert_int_eq (fchmod (file, mode), 0);
    close (file);
}

static enum config_result
load (struct settings *settings_r, struct error *error_r, int argc, const char *const *flags)
{
    static char program[] = "jeton-x";
    char *argv[16] = {program};
    for (int i = 0; i < argc; i++)
        argv[i + 1] = (char *) flags[i];
    *settings_r = (struct settings){0};
    *error_r = (struct error){0};
    return config_load (tables, "jeton-x", "Does x.", argc + 1, argv, settings_r, error_r);
}
#define LOAD(settings, error, ...)                                                                 \
    load (settings, error, (int) (sizeof ((const char *[]){__VA_ARGS__}) / sizeof (char *)),       \
          (const char *[]){__VA_ARGS__})

START_TEST (test_defaults)
{
    struct settings settings;
    struct error error;
    ck_assert_int_eq (load (&settings, &error, 0, NULL), CONFIG_RUN);
    ck_assert_str_eq (settings.bind, "tcp://*:1");
    ck_assert_str_eq (settings.database_password, "");
    ck_assert_str_eq (settings.peers, "");
    ck_assert_int_eq (settings.queue_limit, 10);
    ck_assert (!settings.verbose);
    config_free (tables, &settings);
    config_free (tables, &settings);
    ck_assert_ptr_null (settings.bind);
}
END_TEST

START_TEST (test_rank)
{
    struct settings settings;
    struct error error;
    write_file ("# settings\n\nqueue_limit = 1\n  verbose=on  \nbind = a b # c\npeers =\n", 0644);
    ck_assert_int_eq (LOAD (&settings, &error, "--config", path), CONFIG_RUN);
    ck_assert_int_eq (settings.queue_limit, 1);
    ck_assert (settings.verbose);
    ck_assert_str_eq (settings.bind, "a b # c");
    ck_assert_str_eq (settings.peers, "");
    config_free (tables, &settings);

    setenv ("JETON_QUEUE_LIMIT", "2", 1);
    setenv ("JETON_BIND", "", 1); // as good as none
    ck_assert_int_eq (LOAD (&settings, &error, "--config", path), CONFIG_RUN);
    ck_assert_int_eq (settings.queue_limit, 2);
    ck_assert_str_eq (settings.bind, "a b # c");
    config_free (tables, &settings);

    ck_assert_int_eq (
        LOAD (&settings, &error, "--queue-limit=3", "--config", path, "--bind=", "--verbose", "0"),
        CONFIG_RUN);
    ck_assert_int_eq (settings.queue_limit, 3);
    ck_assert_str_eq (settings.bind, "");
    ck_assert (!settings.verbose);
    config_free (tables, &settings);
    ck_assert_int_eq (LOAD (&settings, &error, "--queue_limit", "-5"), CONFIG_RUN);
    ck_assert_int_eq (settings.queue_limit, -5);
    config_free (tables, &settings);
    unlink (path);
}
END_TEST

START_TEST (test_named_file)
{
    struct settings settings;
    struct error error;
    write_file ("ge heim\n\n", 0600);
    setenv ("JETON_DATABASE_PASSWORD_FILE", path, 1);
    ck_assert_int_eq (load (&settings, &error, 0, NULL), CONFIG_RUN);
    ck_assert_str_eq (settings.database_password, "ge heim\n"); // one newline is the editor's
    config_free (tables, &settings);
    ck_assert_int_eq (chmod (path, 0644), 0);
    ck_assert_int_eq (load (&settings, &error, 0, NULL), CONFIG_EXIT_USAGE);
    ck_assert_ptr_nonnull (strstr (error.text, "JETON_DATABASE_PASSWORD_FILE: /tmp/"));
    setenv ("JETON_DATABASE_PASSWORD", "x", 1);
    ck_assert_int_eq (load (&settings, &error, 0, NULL), CONFIG_EXIT_USAGE);
    ck_assert_ptr_nonnull (strstr (error.text, "are both set"));
    unsetenv ("JETON_DATABASE_PASSWORD_FILE");
    ck_assert_int_eq (load (&settings, &error, 0, NULL), CONFIG_RUN);
    ck_assert_str_eq (settings.database_password, "x");
    config_free (tables, &settings);
    unsetenv ("JETON_DATABASE_PASSWORD");
    // A file of settings that holds a secret must be private, one that holds none need not.
    write_file ("database_password = a#b\n", 0640);
    ck_assert_int_eq (chmod (path, 0644), 0);
    ck_assert_int_eq (LOAD (&settings, &error, "--config", path), CONFIG_EXIT_USAGE);
    ck_assert_int_eq (chmod (path, 0600), 0);
    ck_assert_int_eq (LOAD (&settings, &error, "--config", path), CONFIG_RUN);
    ck_assert_str_eq (settings.database_password, "a#b");
    config_free (tables, &settings);
    unlink (path);
}
END_TEST

static void
assert_file_refused (const char *text, const char *expected)
{
    struct settings settings;
    struct error error;
    write_file (text, 0600);
    ck_assert_int_eq (LOAD (&settings, &error, "--config", path), CONFIG_EXIT_USAGE);
    char whole[256];
    snprintf (whole, sizeof whole, "%s%s", path, expected);
    ck_assert_str_eq (error.text, whole);
    unlink (path);
}

START_TEST (test_bad_files)
{
    assert_file_refused ("bind = x\n\nqeue_limit = 3\n",
                         ":3: no setting \"qeue_limit\"; is it \"queue_limit\"?");
    assert_file_refused ("elephants = 3\n", ":1: no setting \"elephants\"; --help lists them");
    assert_file_refused ("bind\n", ":1: not of the form: key = value");
    assert_file_refused ("bind = a\nbind = b\n", ":2: bind is there twice");
    assert_file_refused ("queue_limit = 101\n",
                         ":1: queue_limit: \"101\" is not a number from -5 to 100");
    assert_file_refused ("queue_limit = 1O\n",
                         ":1: queue_limit: \"1O\" is not a number from -5 to 100");
    assert_file_refused ("queue_limit =\n", ":1: queue_limit: \"\" is not a number from -5 to 100");
    assert_file_refused ("verbose = maybe\n", ":1: verbose: \"maybe\" is neither yes nor no");
    assert_file_refused (" = 3\n", ":1: no setting \"\"; --help lists them");
}
END_TEST

START_TEST (test_bad_flags)
{
    struct settings settings;
    struct error error;
    ck_assert_int_eq (LOAD (&settings, &error, "--database-password=geheim"), CONFIG_EXIT_USAGE);
    ck_assert_ptr_nonnull (strstr (error.text, "not taken from the command line"));
    ck_assert_ptr_null (strstr (error.text, "geheim"));
    ck_assert_int_eq (LOAD (&settings, &error, "--queue-limt", "3"), CONFIG_EXIT_USAGE);
    ck_assert_str_eq (error.text, "flags: no setting \"queue-limt\"; is it \"queue_limit\"?");
    ck_assert_int_eq (LOAD (&settings, &error, "--bind"), CONFIG_EXIT_USAGE);
    ck_assert_str_eq (error.text, "--bind needs a value");
    ck_assert_int_eq (LOAD (&settings, &error, "start"), CONFIG_EXIT_USAGE);
    ck_assert_int_eq (LOAD (&settings, &error, "-x"), CONFIG_EXIT_USAGE);
    ck_assert_int_eq (LOAD (&settings, &error, "--config=/nonexistent"), CONFIG_EXIT_USAGE);
    ck_assert_str_eq (error.text, "/nonexistent: No such file or directory");
    setenv ("JETON_VERBOSE", "2", 1);
    ck_assert_int_eq (load (&settings, &error, 0, NULL), CONFIG_EXIT_USAGE);
    ck_assert_str_eq (error.text, "JETON_VERBOSE: verbose: \"2\" is neither yes nor no");
}
END_TEST

// What a flag prints on standard output.
static const char *
printed (const char *flag)
{
    struct settings settings;
    struct error error;
    FILE *file = tmpfile ();
    ck_assert_ptr_nonnull (file);
    fflush (stdout);
    int old = dup (STDOUT_FILENO);
    dup2 (fileno (file), STDOUT_FILENO);
    enum config_result result = LOAD (&settings, &error, flag);
    fflush (stdout);
    dup2 (old, STDOUT_FILENO);
    close (old);
    ssize_t n = pread (fileno (file), output, sizeof output - 1, 0);
    fclose (file);
    ck_assert_int_ge (n, 0);
    output[n] = 0;
    ck_assert_int_eq (result, CONFIG_EXIT_OK);
    return output;
}

START_TEST (test_printing)
{
    setenv ("JETON_DATABASE_PASSWORD", "geheim", 1);
    ck_assert_str_eq (printed ("-n"), "settings are good\n");
    ck_assert_str_eq (printed ("--version"), "jeton-x " JETON_VERSION "\n");
    const char *help = printed ("--help");
    ck_assert_ptr_nonnull (strstr (help, "Does x."));
    ck_assert_ptr_nonnull (
        strstr (help, "--queue-limit=NUMBER *\n        how many; -5 to 100 [10]"));
    ck_assert_ptr_nonnull (strstr (help, "JETON_DATABASE_PASSWORD (file or environment only)"));
    ck_assert_ptr_null (strstr (help, "geheim"));
    ck_assert_str_eq (printed ("--settings"),
                      "| setting | type | default | on SIGHUP | what it is |\n"
                      "|---|---|---|---|---|\n"
                      "| `bind` | text | tcp://*:1 |  | where |\n"
                      "| `database_password` | secret |  | yes | a secret |\n"
                      "| `peers` | path |  | yes | a \\| file |\n"
                      "| `queue_limit` | -5 to 100 | 10 | yes | how many |\n"
                      "| `verbose` | yes\\|no | no | yes | talks |\n");
}
END_TEST

START_TEST (test_reload)
{
    struct settings settings = {0};
    struct error error = {0};
    write_file ("bind = a\nqueue_limit = 1\ndatabase_password = x\nverbose = yes\n", 0600);
    char program[] = "jeton-x", flag[] = "--config";
    char *argv[] = {program, flag, path, NULL};
    ck_assert_int_eq (config_load (tables, "jeton-x", "", 3, argv, &settings, &error), CONFIG_RUN);
    write_file ("bind = b\nqueue_limit = 2\ndatabase_password = y\n", 0600);
    ck_assert (config_reload (tables, 3, argv, &settings, sizeof settings, &error));
    ck_assert_str_eq (settings.bind, "a"); // needs a restart
    ck_assert_int_eq (settings.queue_limit, 2);
    ck_assert_str_eq (settings.database_password, "y");
    ck_assert (!settings.verbose);
    // Not whole: nothing of it is taken.
    write_file ("queue_limit = 3\nverbose = maybe\n", 0600);
    ck_assert (!config_reload (tables, 3, argv, &settings, sizeof settings, &error));
    ck_assert_int_eq (settings.queue_limit, 2);
    ck_assert_str_eq (settings.database_password, "y");
    unlink (path);
    ck_assert (!config_reload (tables, 3, argv, &settings, sizeof settings, &error));
    config_free (tables, &settings);
}
END_TEST

// A row of an earlier table gives a common setting another default, without showing it twice.
START_TEST (test_override)
{
    struct config_row first[] = {table[0], {0}};
    first[0].initial = "tcp://*:2";
    const struct config_row *const both[] = {first, table, NULL};
    char program[] = "jeton-x";
    char *argv[] = {program, NULL};
    struct settings settings = {0};
    struct error error;
    ck_assert_int_eq (config_load (both, "jeton-x", "", 1, argv, &settings, &error), CONFIG_RUN);
    ck_assert_str_eq (settings.bind, "tcp://*:2");
    config_free (both, &settings);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("config");
    TCase *tcase = tcase_create ("config");
    tcase_add_test (tcase, test_defaults);
    tcase_add_test (tcase, test_rank);
    tcase_add_test (tcase, test_named_file);
    tcase_add_test (tcase, test_bad_files);
    tcase_add_test (tcase, test_bad_flags);
    tcase_add_test (tcase, test_printing);
    tcase_add_test (tcase, test_reload);
    tcase_add_test (tcase, test_override);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
