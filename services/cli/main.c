// jeton: the command line.
#include "common/log/log.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include <czmq.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

static const struct noun nouns[] = {
    {"account", "tenants, and what they may use", account_commands},
    {"user", "people and integrations of an account", user_commands},
    {"module", "groups of API endpoints, enabled per account", module_commands},
    {"token", "API tokens", token_commands},
    {"prefix", "what values of imported tokens begin with", prefix_commands},
    {"market", "sales areas, which scopes name", market_commands},
    {"location", "stock locations of markets", location_commands},
    {"group", "customer groups, for which private markets are", group_commands},
    {"client", "OAuth applications of an account", client_commands},
    {"customer", "customers of an account's shops", customer_commands},
    {"scope", "which markets and stock locations a scope stands for", scope_commands},
    {"login", "a signed token for a user's name and password", login_commands},
    {"grant", "tokens by the grants of OAuth, for clients", grant_commands},
    {"validate", "may a token do this?", validate_commands},
    {"introspect", "what is this token?", introspect_commands},
    {"audit", "the audit trail", audit_commands},
    {"log", "the access log: what tokens were used for", log_commands},
    {"usage", "how often tokens were used", usage_commands},
    {"health", "how the processes are", health_commands},
    {"stats", "their counters", stats_commands},
    {"call", "any method, with JSON", call_commands},
    {"describe", "what there is to call", describe_commands},
    {"keys", "signing keys, and the key files of a system", keys_commands},
    {"db", "the database", database_commands},
    {"init", "all that a system needs, before its processes start", init_commands},
    {"reload", "a process reads its settings and peers again", reload_commands},
    {"help", "what there is, or the manual page", help_commands},
    {"completion", "what shells need to complete commands", completion_commands},
    {NULL, NULL, NULL},
};

// Everyone on the machine can read the arguments of a process: what was given there must be overwritten, and its owner told.
static bool
refuse_secrets (const struct cli *cli, int argc, char **argv)
{
    bool found = false;

    for (int i = 1; i < argc; i++) {
        if (input_looks_secret (argv[i])) {
            memset (argv[i], 'x', strlen (argv[i]));
            found = true;
        }
    }
    if (found) {
        print_usage (cli,
                     "there is a token or a password among the arguments, where every user of this "
                     "machine can read it and the shell's history keeps it. Give a token by "
                     "standard input or in $JETON_TOKEN, a password by standard input or in "
                     "$JETON_PASSWORD, a database URL in $JETON_DATABASE_URL. If others use "
                     "this machine, replace that secret");
    }
    return !found;
}

int
main (int argc, char **argv)
{
    struct cli cli = {.timeout_ms = 10000};
    int status;

    // czmq would catch signals for itself; an interrupt ends this program, or a stream (connect.c).
    zsys_handler_set (NULL);
    setlocale (LC_CTYPE, "");
    // What the RPC layer has to tell of connections is told by how a call ends.
    log_open ("jeton", LOG_LEVEL_ERROR);
    cli.color = isatty (STDOUT_FILENO) && getenv ("NO_COLOR") == NULL;
    // Mistakes that come before --json is met are told as JSON too.
    for (int i = 1; i < argc && strcmp (argv[i], "--") != 0; i++) {
        if (strcmp (argv[i], "--json") == 0) {
            cli.json = true;
        }
    }

    if (!refuse_secrets (&cli, argc, argv)) {
        return EX_USAGE;
    }
    status = command_run (&cli, nouns, argc, argv);
    if (fflush (stdout) != 0 || ferror (stdout)) {
        status = print_fail (&cli, EX_IOERR, "OUTPUT", "standard output cannot be written: %s",
                             strerror (errno));
    }
    connect_end (&cli);
    free (cli.options);
    return status;
}
