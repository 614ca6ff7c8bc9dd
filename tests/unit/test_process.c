// A service that does nothing but what every process does.
#include "common/log/log.h"
#include "common/memory/memory.h"
#include "common/process/process.h"
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static const struct config_row *const tables[] = {process_settings_table, NULL};

static char directory[] = "/tmp/jeton-test-process-XXXXXX";
static char key[128], secret[128], peers[128], config[128], log_path[128];
static char text[65536];

static void
write_file (const char *path, const char *content)
{
    FILE *file = fopen (path, "w");
    ck_assert_ptr_nonnull (file);
    fputs (content, file);
    fclose (file);
}

static void
setup (void)
{
    umask (077);
    ck_assert_ptr_nonnull (mkdtemp (directory));
    snprintf (key, sizeof key, "%s/x.key", directory);
    snprintf (secret, sizeof secret, "%s/x.key_secret", directory);
    snprintf (peers, sizeof peers, "%s/peers", directory);
    snprintf (config, sizeof config, "%s/config", directory);
    snprintf (log_path, sizeof log_path, "%s/log", directory);
    zsys_handler_set (NULL);
    zcert_t *certificate = zcert_new ();
    zcert_save (certificate, key);
    zcert_destroy (&certificate);
    write_file (peers, "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7 admin service\n");
    cleanup_free char *lines = xasprintf ("peers = %s\nkey = %s\n", peers, key);
    write_file (config, lines);
}

static void
teardown (void)
{
    const char *const paths[] = {key, secret, peers, config, log_path};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        unlink (paths[i]);
    rmdir (directory);
}

static const char *
logged (void)
{
    FILE *file = fopen (log_path, "r");
    ck_assert_ptr_nonnull (file);
    text[fread (text, 1, sizeof text - 1, file)] = 0;
    fclose (file);
    return text;
}

// A quarter of a minute at most, and at once when it is there.
static void
wait_for (const char *line)
{
    for (int i = 0; i < 1500 && !strstr (logged (), line); i++)
        usleep (10000);
    ck_assert_msg (strstr (text, line) != NULL, "no %s in:\n%s", line, text);
}

static void
reloaded (struct process *process)
{
    log_error ("the service was told", "level", process->settings->log_level, NULL);
}

static pid_t
start (const char *flag)
{
    write_file (log_path, "");
    pid_t pid = fork ();
    ck_assert_int_ge (pid, 0);
    if (pid > 0)
        return pid;
    FILE *file = freopen (log_path, "a", stderr);
    dup2 (STDERR_FILENO, STDOUT_FILENO);
    char program[] = "jeton-x", config_flag[] = "--config";
    char *argv[] = {program, config_flag, config, flag ? strdup (flag) : NULL, NULL};
    struct process process = {.reloaded = reloaded};
    struct process_settings settings = {0};
    int status = file ? process_start (&process, "x", "tcp://127.0.0.1:*", tables, NULL, "Does x.",
                                       &settings, sizeof settings, flag ? 4 : 3, argv)
                      : EX_OSERR;
    if (status < 0) {
        status = process_run (&process);
        process_end (&process);
    }
    process_end (&process);
    free (argv[3]);
    exit (status);
}

static int
end (pid_t pid, int signal_number)
{
    int status = 0;
    if (signal_number)
        ck_assert_int_eq (kill (pid, signal_number), 0);
    ck_assert_int_eq (waitpid (pid, &status, 0), pid);
    ck_assert_msg (WIFEXITED (status), "ended by signal %d:\n%s", WTERMSIG (status), logged ());
    return WEXITSTATUS (status);
}

START_TEST (test_life)
{
    pid_t pid = start (NULL);
    wait_for ("msg=listening endpoint=tcp://127.0.0.1:");
    wait_for ("msg=serving");
    ck_assert_int_eq (end (pid, SIGTERM), 0);
    wait_for ("msg=draining signal=SIGTERM");
    wait_for ("msg=ended status=0");
    pid = start (NULL);
    wait_for ("msg=serving");
    ck_assert_int_eq (end (pid, SIGINT), 0);
}
END_TEST

START_TEST (test_reload)
{
    pid_t pid = start (NULL);
    wait_for ("msg=serving");
    // Nothing of settings that are not whole; peers that cannot be read leave the old ones.
    cleanup_free char *bad =
        xasprintf ("peers = %s\nkey = %s\nlog_level = error\nx = 1\n", peers, key);
    write_file (config, bad);
    write_file (peers, "not a peer\n");
    kill (pid, SIGHUP);
    wait_for ("msg=\"settings not reloaded, the old ones stay in force\"");
    wait_for ("msg=\"peers not reloaded, the old ones stay in force\"");
    ck_assert_ptr_null (strstr (logged (), "the service was told"));

    cleanup_free char *good =
        xasprintf ("peers = %s\nkey = %s\nlog_level = error\nuser = x\n", peers, key);
    write_file (config, good);
    kill (pid, SIGHUP);
    wait_for ("msg=\"a setting that changed needs a restart\" setting=user");
    wait_for ("msg=\"the service was told\" level=error");
    ck_assert_int_eq (end (pid, SIGTERM), 0);
    ck_assert_ptr_null (strstr (logged (), "draining")); // which is info
}
END_TEST

static void
assert_refused (const char *flag, int status, const char *reason)
{
    ck_assert_int_eq (end (start (flag), 0), status);
    ck_assert_msg (strstr (logged (), reason) != NULL, "no %s in:\n%s", reason, text);
    ck_assert_int_eq (strncmp (text, "jeton-x: ", 9), 0);
    ck_assert_ptr_eq (strchr (text, '\n'), text + strlen (text) - 1);
}

START_TEST (test_refused)
{
    assert_refused ("--peers=", EX_USAGE, "the setting peers is required");
    assert_refused ("--peers=/nonexistent", EX_UNAVAILABLE, "/nonexistent");
    assert_refused ("--log-level=loud", EX_USAGE, "log_level: \"loud\"");
    assert_refused ("--in-flight-limit=0", EX_USAGE, "in_flight_limit");
    assert_refused ("--bind=nonsense", EX_UNAVAILABLE, "nonsense");
    ck_assert_int_eq (end (start ("-n"), 0), 0);
}
END_TEST

START_TEST (test_bad_key)
{
    char content[4096] = "";
    FILE *file = fopen (secret, "r");
    ck_assert_ptr_nonnull (file);
    content[fread (content, 1, sizeof content - 1, file)] = 0;
    fclose (file);
    ck_assert_int_eq (chmod (secret, 0604), 0);
    assert_refused (NULL, EX_USAGE, "chmod 600");
    ck_assert_int_eq (chmod (secret, 0600), 0);
    // Damaged: whatever is left of it is not shown.
    write_file (secret, "    secret-key = \"geheim\n  )geheim\n");
    assert_refused (NULL, EX_USAGE, "not a CURVE key pair");
    ck_assert_ptr_null (strstr (text, "geheim"));
    // The halves of two pairs.
    char *public_key = strstr (content, "public-key = \"");
    ck_assert_ptr_nonnull (public_key);
    memset (public_key + 14, '1', 40);
    write_file (secret, content);
    assert_refused (NULL, EX_USAGE, "not a CURVE key pair");
    unlink (secret);
    assert_refused (NULL, EX_USAGE, "No such file");
}
END_TEST

START_TEST (test_port_taken)
{
    pid_t pid = start (NULL);
    wait_for ("msg=serving");
    const char *endpoint = strstr (text, "endpoint=") + 9;
    cleanup_free char *flag = xasprintf ("--bind=%.*s", (int) strcspn (endpoint, " "), endpoint);
    assert_refused (flag, EX_UNAVAILABLE, "in use");
    ck_assert_int_eq (end (pid, SIGTERM), 0);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("process");
    TCase *tcase = tcase_create ("process");
    tcase_add_test (tcase, test_life);
    tcase_add_test (tcase, test_reload);
    tcase_add_test (tcase, test_refused);
    tcase_add_test (tcase, test_bad_key);
    tcase_add_test (tcase, test_port_taken);
    tcase_add_checked_fixture (tcase, setup, teardown);
    tcase_set_timeout (tcase, 60);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
