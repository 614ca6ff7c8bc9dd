#include "services/cli/command.h"
#include "services/cli/migrate.h"
#include "services/cli/print.h"
#include <stdlib.h>

static int
migrate (struct cli *cli)
{
    struct migrate_options options = {
        .url = option_or (cli, "url", getenv ("JETON_DATABASE_URL")),
        .password = getenv ("JETON_DATABASE_PASSWORD"),
        .schema_dir = option_text (cli, "schema"),
        .secrets_dir = option_text (cli, "secrets"),
        .json = cli->json,
        .out = stdout,
    };
    struct error error;

    if (options.url == NULL || *options.url == '\0') {
        return print_usage (cli, "which database? Give --url or $JETON_DATABASE_URL");
    }
    if (!migrate_run (&options, &error)) {
        return print_fail (cli, EX_UNAVAILABLE, "FAILED", "%s", error.text);
    }
    return EX_OK;
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
     "password belongs into $JETON_DATABASE_URL, or the password into $JETON_DATABASE_PASSWORD.",
     "jeton db migrate --url postgresql:///jeton --secrets var/keys\n"
     "JETON_DATABASE_URL=postgresql://owner@db.example/jeton jeton db migrate\n"},
    {.noun = NULL},
};
