#include "services/cli/command.h"
#include "services/cli/print.h"
#include <stdio.h>
#include <string.h>

static const char after_commands[] =
    "\n"
    "Each command tells its options and shows examples: jeton token create --help\n"
    "\n"
    "Options of every command:\n";

static const char after_options[] =
    "\n"
    "Settings: where the processes and the keys are. The first file that exists of --config, "
    "$JETON_CONFIG,\n"
    "var/jeton.conf (here, in the directories above, and in the tree that this program was built "
    "in),\n"
    "~/.config/jeton/jeton.conf and /etc/jeton/jeton.conf; lines of \"key = value\". The "
    "environment goes before it:\n"
    "  admin, issuer, validator, auditor   endpoints: tcp://host:port[,tcp://…]   (JETON_ADMIN, "
    "…)\n"
    "  peers            the peers file, for the public keys of the processes       (JETON_PEERS)\n"
    "  key              your CURVE key; its secret part is in the file <key>_secret (JETON_KEY)\n"
    "  checkpoint_key   the public key that the audit trail's checkpoints are signed with\n"
    "\n"
    "Secrets are never read from arguments: a token comes from standard input or $JETON_TOKEN, a "
    "password from\n"
    "standard input or $JETON_PASSWORD.\n"
    "With a login token (of `jeton login`) in $JETON_LOGIN_TOKEN, or in the file that "
    "$JETON_LOGIN_TOKEN_FILE names, commands\n"
    "act as that user.\n"
    "\n"
    "Exit status:\n"
    "   0  done; validate: allow               70  internal error, or the outcome is not known: it "
    "may have\n"
    "   1  validate: deny; audit verify: the       happened; the text says how to repeat it\n"
    "      trail does not hold together        73  conflict: exists already, or its state does not "
    "allow it\n"
    "   2  validate: undecided (503)           74  a file cannot be read or written\n"
    "  64  wrong usage                         75  a limit is reached: try later\n"
    "  65  invalid argument                    77  permission denied, or wrong credentials\n"
    "  66  not found                           78  settings or keys are missing or wrong\n"
    "  69  not available, or no answer in time\n"
    "An interrupt ends with 130, but for audit tail, which it ends well (0).\n";

// Text in a column: printf counts bytes, people columns.
static void
print_padded (const char *text, int width)
{
    fputs (text, stdout);
    for (int i = print_width (text); i < width; i++) {
        putchar (' ');
    }
}

static void
print_options (const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        char left[64];
        snprintf (left, sizeof left, "--%s%s%s", rows->name, rows->value != NULL ? " " : "",
                  rows->value != NULL ? rows->value : "");
        printf ("  %-26s  %s%s%s\n", left, rows->help, rows->required ? " (required)" : "",
                rows->many ? " (may be repeated)" : "");
    }
}

static void
print_name (FILE *file, const struct command *command)
{
    fprintf (file, "jeton %s%s%s", command->noun, command->verb != NULL ? " " : "",
             command->verb != NULL ? command->verb : "");
}

static void
print_usage_line (FILE *file, const struct command *command)
{
    fputs ("Usage: ", file);
    print_name (file, command);
    for (const struct option_row *row = command->options; row != NULL && row->name != NULL; row++) {
        if (row->required) {
            fprintf (file, " --%s %s", row->name, row->value);
        }
    }
    fprintf (file, "%s%s%s\n", *command->arguments != '\0' ? " " : "", command->arguments,
             command->options != NULL ? " [OPTION…]" : "");
}

void
help_usage (const struct command *command)
{
    print_usage_line (stderr, command);
}

void
help_program (const struct noun *nouns)
{
    printf ("jeton: issue, check, manage and audit API tokens\n\nUsage: jeton COMMAND [VERB] "
            "[OPTION…]\n\n");
    for (; nouns->name != NULL; nouns++) {
        char verbs[128] = "";
        for (const struct command *command = nouns->commands; command->noun != NULL; command++) {
            size_t used = strlen (verbs);
            if (command->verb != NULL) {
                snprintf (verbs + used, sizeof verbs - used, "%s%s", used > 0 ? ", " : "",
                          command->verb);
            }
        }
        printf ("  %-9s %s%s%s\n", nouns->name, nouns->help, *verbs != '\0' ? ": " : "", verbs);
    }
    fputs (after_commands, stdout);
    print_options (command_globals);
    fputs (after_options, stdout);
}

void
help_noun (const struct noun *noun)
{
    printf ("jeton %s: %s\n\n", noun->name, noun->help);
    for (const struct command *command = noun->commands; command->noun != NULL; command++) {
        char left[64];
        snprintf (left, sizeof left, "%s %s%s%s", command->noun, command->verb,
                  *command->arguments != '\0' ? " " : "", command->arguments);
        fputs ("  jeton ", stdout);
        print_padded (left, 26);
        printf ("%s\n", command->help);
    }
    printf ("\nExamples:\n");
    for (const struct command *command = noun->commands; command->noun != NULL; command++) {
        // The first example of each; all of them are in the command's own help.
        printf ("  %.*s\n", (int) strcspn (command->examples, "\n"), command->examples);
    }
    printf ("\nOptions of every command:\n");
    print_options (command_globals);
}

void
help_command (const struct command *command)
{
    const char *line = command->examples;

    print_usage_line (stdout, command);
    printf ("\n%s.\n", command->help);
    if (command->more != NULL) {
        printf ("\n%s\n", command->more);
    }
    if (command->options != NULL) {
        printf ("\nOptions:\n");
        print_options (command->options);
    }
    printf ("\nOptions of every command:\n");
    print_options (command_globals);
    printf ("\nExamples:\n");
    while (*line != '\0') {
        int length = (int) strcspn (line, "\n");
        printf ("  %.*s\n", length, line);
        line += length + (line[length] == '\n');
    }
}
