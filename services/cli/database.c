#include "services/cli/database.h"
#include "common/crypto/crypto.h"
#include "services/cli/migrate.h"
#include "services/cli/print.h"
#include <stdlib.h>
#include <string.h>

const char *
database_url (const struct cli *cli)
{
    const char *url = option_or (cli, "url", getenv ("JETON_DATABASE_URL"));

    if (url == NULL || *url == '\0') {
        print_usage (cli, "which database? Give --url or $JETON_DATABASE_URL");
        return NULL;
    }
    return url;
}

int
database_password (const struct cli *cli, const char *otherwise,
                   char password_r[DATABASE_PASSWORD_MAX + 1])
{
    const char *value = getenv ("JETON_DATABASE_PASSWORD"),
               *file = getenv ("JETON_DATABASE_PASSWORD_FILE");
    struct error error;
    size_t length;

    memset (password_r, 0, DATABASE_PASSWORD_MAX + 1);
    if (value != NULL && *value != '\0') {
        snprintf (password_r, DATABASE_PASSWORD_MAX + 1, "%s", value);
        return EX_OK;
    }
    file = file != NULL && *file != '\0' ? file : otherwise;
    if (file != NULL && !crypto_file_read (file, true, (uint8_t *) password_r,
                                           DATABASE_PASSWORD_MAX, &length, &error)) {
        return print_fail (cli, EX_CONFIG, "SETTINGS", "the database's password: %s", error.text);
    }
    password_r[strcspn (password_r, "\r\n")] = '\0';
    return EX_OK;
}

static int
migrate (struct cli *cli)
{
    char password[DATABASE_PASSWORD_MAX + 1];
    struct migrate_options options = {
        .url = database_url (cli),
        .schema_dir = option_text (cli, "schema"),
        .secrets_dir = option_text (cli, "secrets"),
        .json = cli->json,
        .out = stdout,
    };
    struct error error;
    int status;

    if (options.url == NULL) {
        return EX_USAGE;
    }
    status = database_password (cli, NULL, password);
    options.password = *password != '\0' ? password : NULL;
    if (status == EX_OK && !migrate_run (&options, &error)) {
        status = print_fail (cli, EX_UNAVAILABLE, "FAILED", "%s", error.text);
    }
    explicit_bzero (password, sizeof password);
    return status;
}

static const struct option_row options[] = {
    {.name = "url", .value = "URL", .help = "the database, as its owner ($JETON_DATABASE_URL)"},
    {.name = "schema", .value = "DIR", .help = "the numbered SQL files (those of this program)"},
    {.name = "secrets",
     .value = "DIR",
     .help = "the files database-admin, …: passwords for the processes' roles"},
    {.name = NULL},
};

const struct command database_commands[] = {
    {"db", "migrate", "", 0, 0, options, migrate, "Bring the database's schema up to date",
     "Makes the roles of the processes where they are missing, and applies each schema file that "
     "has not been\n"
     "applied yet, each in one transaction. Can be repeated; refuses a schema newer than it knows. "
     "A URL with a\n"
     "password belongs into $JETON_DATABASE_URL, or the password into $JETON_DATABASE_PASSWORD, or "
     "into a "
     "file that\n"
     "$JETON_DATABASE_PASSWORD_FILE names.",
     "jeton db migrate --url postgresql:///jeton --secrets var/keys\n"
     "JETON_DATABASE_URL=postgresql://owner@db.example/jeton jeton db migrate\n"},
    {.noun = NULL},
};
