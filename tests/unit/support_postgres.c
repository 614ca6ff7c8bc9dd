#include "tests/unit/support_postgres.h"
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void give_up (const char *format, ...) __attribute__ ((noreturn, format (printf, 1, 2)));

static void
give_up (const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    vfprintf (stderr, format, arguments);
    va_end (arguments);
    fputc ('\n', stderr);
    exit (EXIT_FAILURE);
}

// PostgreSQL refuses to run as root.
static void
drop_root (void)
{
    const struct passwd *user = getpwnam ("postgres");
    if (!user || initgroups ("postgres", user->pw_gid) != 0 || setgid (user->pw_gid) != 0 ||
        setuid (user->pw_uid) != 0)
        give_up ("user postgres: cannot become it");
}

// In a child: output goes to `log` in the directory.
static pid_t
spawn (const struct postgres *postgres, const char *program, const char *const *arguments)
{
    char path[300], log[100];
    snprintf (path, sizeof path, "%s/%s", postgres->bin, program);
    snprintf (log, sizeof log, "%s/log", postgres->dir);
    pid_t pid = fork ();
    if (pid)
        return pid;
    if (geteuid () == 0)
        drop_root ();
    prctl (PR_SET_PDEATHSIG, SIGQUIT);
    int file = open (log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int null = open ("/dev/null", O_RDONLY);
    if (file < 0 || null < 0 || dup2 (null, 0) < 0 || dup2 (file, 1) < 0 || dup2 (file, 2) < 0 ||
        chdir (postgres->dir))
        _exit (126);
    for (int fd = 3; fd < 256; fd++)
        close (fd);
    execv (path, (char *const *) arguments);
    _exit (127);
}

static void
find_bin (struct postgres *postgres)
{
    glob_t found;
    if (glob ("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0 || found.gl_pathc == 0)
        give_up ("no PostgreSQL server is installed (make dependencies)");
    snprintf (postgres->bin, sizeof postgres->bin, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree (&found);
}

static void
write_file (const char *dir, const char *name, const char *text)
{
    char path[200];
    snprintf (path, sizeof path, "%s/%s", dir, name);
    int file = open (path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || write (file, text, strlen (text)) != (ssize_t) strlen (text))
        give_up ("%s: %s", path, strerror (errno));
    close (file);
}

static void
make_cluster (struct postgres *postgres)
{
    snprintf (postgres->dir, sizeof postgres->dir, "/tmp/jeton-test-XXXXXX");
    if (!mkdtemp (postgres->dir))
        give_up ("%s: %s", postgres->dir, strerror (errno));
    const struct passwd *user = geteuid () == 0 ? getpwnam ("postgres") : NULL;
    if (user && chown (postgres->dir, user->pw_uid, user->pw_gid) != 0)
        give_up ("%s: %s", postgres->dir, strerror (errno));
    const char *const arguments[] = {"initdb", "-D",         "data", "-U",    "postgres",  "-E",
                                     "UTF8",   "--locale=C", "-A",   "trust", "--no-sync", NULL};
    int status = 0;
    if (waitpid (spawn (postgres, "initdb", arguments), &status, 0) < 0 || status != 0)
        give_up ("initdb failed: see %s/log", postgres->dir);
    char data[80];
    snprintf (data, sizeof data, "%s/data", postgres->dir);
    write_file (data, "pg_hba.conf", "local all postgres trust\nlocal all all scram-sha-256\n");
}

static void
wait_ready (const struct postgres *postgres)
{
    for (int i = 0; i < 6000; i++) {
        if (PQping (postgres_url (postgres, "postgres", "postgres")) == PQPING_OK)
            return;
        nanosleep (&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    give_up ("the server does not start: see %s/log", postgres->dir);
}

void
postgres_start_again (struct postgres *postgres)
{
    char directory[100];
    snprintf (directory, sizeof directory, "unix_socket_directories=%s", postgres->dir);
    const char *const arguments[] = {"postgres",
                                     "-D",
                                     "data",
                                     "-c",
                                     directory,
                                     "-c",
                                     "listen_addresses=",
                                     "-c",
                                     "fsync=off",
                                     "-c",
                                     "autovacuum=off", // plans are by what a test has analyzed
                                     "-c",
                                     "shared_buffers=16MB",
                                     "-c",
                                     "max_connections=40",
                                     "-c",
                                     "log_min_messages=warning",
                                     NULL};
    postgres->pid = spawn (postgres, "postgres", arguments);
    wait_ready (postgres);
}

void
postgres_start (struct postgres *postgres)
{
    *postgres = (struct postgres){0};
    find_bin (postgres);
    make_cluster (postgres);
    postgres_start_again (postgres);
}

void
postgres_stop (struct postgres *postgres, int signal)
{
    if (postgres->pid > 0) {
        kill (postgres->pid, signal);
        waitpid (postgres->pid, NULL, 0);
    }
    postgres->pid = 0;
}

void
postgres_destroy (struct postgres *postgres)
{
    postgres_stop (postgres, SIGQUIT);
    pid_t pid = fork ();
    if (pid == 0) {
        execlp ("rm", "rm", "-rf", postgres->dir, (char *) NULL);
        _exit (127);
    }
    waitpid (pid, NULL, 0);
}

const char *
postgres_url (const struct postgres *postgres, const char *user, const char *database)
{
    static char buffers[4][300];
    static unsigned next;
    char *buffer = buffers[next++ % 4];
    const char *password = strcmp (user, "postgres") == 0 ? "none" : postgres_password (user);
    snprintf (buffer, sizeof buffers[0],
              "host=%s user=%s password='%s' dbname=%s options='-c client_min_messages=error'",
              postgres->dir, user, password, database);
    return buffer;
}

const char *
postgres_password (const char *user)
{
    static char password[64];
    snprintf (password, sizeof password, "the password of %s", user);
    return password;
}

const char *
postgres_secrets (const struct postgres *postgres)
{
    static char dir[80];
    static const char *const roles[] = {"admin", "issuer", "validator", "auditor"};
    snprintf (dir, sizeof dir, "%s/secrets", postgres->dir);
    if (mkdir (dir, 0700) != 0 && errno != EEXIST)
        give_up ("%s: %s", dir, strerror (errno));
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        char name[32], user[32], line[80];
        snprintf (name, sizeof name, "database-%s", roles[i]);
        snprintf (user, sizeof user, "jeton_%s", roles[i]);
        snprintf (line, sizeof line, "%s\n", postgres_password (user));
        write_file (dir, name, line);
    }
    return dir;
}

PGconn *
postgres_connect (const struct postgres *postgres, const char *user, const char *database)
{
    PGconn *pg = PQconnectdb (postgres_url (postgres, user, database));
    ck_assert_msg (PQstatus (pg) == CONNECTION_OK, "%s: %s", user, PQerrorMessage (pg));
    return pg;
}

void
postgres_run (PGconn *pg, const char *sql)
{
    PGresult *result = PQexec (pg, sql);
    ExecStatusType status = PQresultStatus (result);
    ck_assert_msg (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s: %s", sql,
                   PQerrorMessage (pg));
    PQclear (result);
}

const char *
postgres_text (PGconn *pg, const char *sql)
{
    static char text[300];
    PGresult *result = PQexec (pg, sql);
    ck_assert_msg (PQresultStatus (result) == PGRES_TUPLES_OK, "%s: %s", sql, PQerrorMessage (pg));
    snprintf (text, sizeof text, "%s", PQntuples (result) ? PQgetvalue (result, 0, 0) : "");
    PQclear (result);
    return text;
}
