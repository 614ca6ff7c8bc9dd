// `jeton init`: all that has to be there before the processes start, in one command that can be repeated.
#include "common/memory/memory.h"
#include "services/cli/command.h"
#include "services/cli/database.h"
#include "services/cli/deploy.h"
#include "services/cli/keyfiles.h"
#include "services/cli/migrate.h"
#include "services/cli/print.h"
#include <errno.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_MS = 250 };

// As the first process of a container it would not be ended by a signal that it has no handler for. What is not committed is undone.
static void
on_signal (int number)
{
    _exit (128 + number);
}

static int64_t
now_ms (void)
{
    struct timespec now;

    clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Until the server takes connections, or the time is over: then connecting tells why it does not.
static void
wait_for_server (const char *url, int64_t seconds)
{
    const char *keywords[] = {"dbname", "connect_timeout", NULL};
    const char *values[] = {url, "5", NULL};
    int64_t end = now_ms () + seconds * 1000;

    while (PQpingParams (keywords, values, 1) != PQPING_OK && now_ms () < end) {
        nanosleep (&(struct timespec){0, PAUSE_MS * 1000000L}, NULL);
    }
}

// The schema, and the passwords of the processes' roles. With --json what was done goes to object_r.
static int
set_up_database (struct cli *cli, const char *directory, int64_t wait_s, json_t **object_r)
{
    cleanup_free char *owner = xasprintf ("%s/database-owner", directory), *text = NULL;
    char password[DATABASE_PASSWORD_MAX + 1];
    size_t size = 0;
    struct migrate_options options = {.url = database_url (cli),
                                      .schema_dir = option_text (cli, "schema"),
                                      .secrets_dir = directory,
                                      .json = cli->json,
                                      .out = stdout};
    struct error error;
    int status = options.url == NULL ? EX_USAGE : database_password (cli, owner, password);

    if (status != EX_OK) {
        return status;
    }
    options.password = password;
    options.out = cli->json ? open_memstream (&text, &size) : stdout;
    wait_for_server (options.url, wait_s);
    if (!migrate_run (&options, &error)) {
        status = print_fail (cli, EX_UNAVAILABLE, "FAILED", "%s", error.text);
    }
    if (cli->json) {
        fclose (options.out);
        *object_r = json_loads (text, 0, NULL);
    }
    explicit_bzero (password, sizeof password);
    return status;
}

static bool
set_up_keys (struct keyring *keyring, const char *to)
{
    return keyring_open (keyring) && keyfiles_fill (keyring) &&
           keyfiles_password (keyring, "owner") && (to == NULL || deploy_all (keyring, to));
}

static int
init (struct cli *cli)
{
    struct keyring keyring = {.cli = cli, .directory = cli->arguments[0]};
    const char *to = option_text (cli, "to");
    json_t *schema = NULL;
    int64_t wait_s = 0;
    int status = EX_OK;

    if (!option_number (cli, "wait", 0, 3600, &wait_s)) {
        return EX_USAGE;
    }
    signal (SIGTERM, on_signal);
    signal (SIGINT, on_signal);
    if (!set_up_keys (&keyring, to)) {
        return keyring_close (&keyring, false);
    }
    if (!cli->json) {
        keyring_print (&keyring);
    }
    if (!option_given (cli, "no-database")) {
        status = set_up_database (cli, keyring.directory, wait_s, &schema);
    }
    if (cli->json && status == EX_OK) {
        json_t *outcome = json_pack ("{s:s,s:O,s:O?}", "directory", keyring.directory, "made",
                                     keyring.made, "schema", schema);
        print_json (stdout, outcome, JSON_INDENT (2));
        json_decref (outcome);
    }
    json_decref (schema);
    keyring_end (&keyring);
    return status;
}

static const struct option_row options[] = {
    {.name = "to",
     .value = "DIR",
     .help = "where the processes find their files: a directory NAME for each"},
    {.name = "no-database", .help = "keys only"},
    {.name = "wait", .value = "SECONDS", .help = "for the database, so long at most"},
    {.name = "url", .value = "URL", .help = "the database, as its owner ($JETON_DATABASE_URL)"},
    {.name = "schema", .value = "DIR", .help = "the numbered SQL files (those of this program)"},
    {.name = NULL},
};

const struct command init_commands[] = {
    {"init", NULL, "DIR", 1, 1, options, init, "Make what a system needs, and bring it up to date",
     "What \"keys init DIR\" makes, and a password for the database's owner (database-owner); "
     "each process's files\n"
     "of these to where it finds them; the database's schema. Can be repeated, and is, after an "
     "upgrade and after\n"
     "any change of keys: what is as it should be is left alone.\n"
     "\n"
     "With --to, each directory DIR/NAME that there is gets what the process or peer NAME needs: "
     "its key, the peers\n"
     "file, its database password and so on; \"postgres\" gets the owner's password, which its "
     "group may read,\n"
     "and \"proxy\" the gateway's certificate with its key.\n"
     "Files that others than their owner may read are refused by the processes: run this as the "
     "user that they\n"
     "run as. The owner's password is that in $JETON_DATABASE_PASSWORD or in the file "
     "$JETON_DATABASE_PASSWORD_FILE,\n"
     "or else database-owner.",
     "jeton init /var/lib/jeton/keys --to /var/lib/jeton --url postgresql://owner@db/jeton\n"
     "jeton init keys --no-database\n"},
    {.noun = NULL},
};
