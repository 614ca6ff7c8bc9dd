#include "services/cli/command.h"
#include "services/cli/manual.h"
#include "services/cli/print.h"
#include "services/cli/reference.h"
#include <stdio.h>
#include <string.h>

enum { LINE_WIDTH = 108, OPTION_WIDTH = 26, COMMAND_WIDTH = 32 };

// Text in a column: printf counts bytes, people columns.
static void
print_padded (const char *text, int width)
{
    fputs (text, stdout);
    for (int i = print_width (text); i < width; i++) {
        putchar (' ');
    }
}

// Words in lines of at most LINE_WIDTH, the first of which begins at column `at`, the others at `indent`.
static void
print_filled (const char *text, int at, int indent)
{
    for (bool first = true; *text != '\0'; first = false) {
        char word[256];
        int width;
        snprintf (word, sizeof word, "%.*s", (int) strcspn (text, " "), text);
        text += strlen (word);
        text += strspn (text, " ");
        width = print_width (word);
        if (!first && at + 1 + width > LINE_WIDTH) {
            printf ("\n%*s", indent, "");
            at = indent;
        } else if (!first) {
            putchar (' ');
            at++;
        }
        fputs (word, stdout);
        at += width;
    }
    putchar ('\n');
}

// What it is called on the left, what it means on the right; below, when there is no room beside it.
static void
print_row (const char *left, int width, const char *text)
{
    fputs ("  ", stdout);
    print_padded (left, width);
    if (print_width (left) > width) {
        printf ("\n%*s", width + 2, "");
    }
    fputs ("  ", stdout);
    print_filled (text, width + 4, width + 4);
}

static void
print_options (const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        char left[128], text[512];
        snprintf (left, sizeof left, "--%s%s%s", rows->name, rows->value != NULL ? " " : "",
                  rows->value != NULL ? rows->value : "");
        snprintf (text, sizeof text, "%s%s%s", rows->help, rows->required ? " (required)" : "",
                  rows->many ? " (may be repeated)" : "");
        print_row (left, OPTION_WIDTH, text);
    }
}

static void
print_reference (const char *title, const struct reference *rows, int width)
{
    printf ("\n%s:\n", title);
    for (; rows->name != NULL; rows++) {
        print_row (rows->name, width, rows->text);
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
        char text[256];
        snprintf (text, sizeof text, "%s%s", nouns->help,
                  nouns->commands[0].verb != NULL ? ":" : "");
        for (const struct command *command = nouns->commands; command->noun != NULL; command++) {
            size_t used = strlen (text);
            if (command->verb != NULL) {
                snprintf (text + used, sizeof text - used, "%s%s",
                          command == nouns->commands ? " " : ", ", command->verb);
            }
        }
        print_row (nouns->name, 10, text);
    }
    printf ("\nEach command tells its options and shows examples: jeton token create --help\n"
            "All of it in one page: man jeton, or jeton help --man | man -l -\n"
            "\nOptions of every command:\n");
    print_options (option_globals);
    printf ("\nSettings:\n  ");
    print_filled (reference_settings_text, 2, 2);
    print_reference ("Keys of settings", reference_settings, OPTION_WIDTH);
    print_reference ("Environment", reference_environment, OPTION_WIDTH);
    print_reference ("Exit status", reference_statuses, 3);
}

void
help_noun (const struct noun *noun)
{
    printf ("jeton %s: %s\n\n", noun->name, noun->help);
    for (const struct command *command = noun->commands; command->noun != NULL; command++) {
        char left[64];
        snprintf (left, sizeof left, "jeton %s %s%s%s", command->noun, command->verb,
                  *command->arguments != '\0' ? " " : "", command->arguments);
        print_row (left, COMMAND_WIDTH, command->help);
    }
    printf ("\nExamples:\n");
    for (const struct command *command = noun->commands; command->noun != NULL; command++) {
        // The first example of each; all of them are in the command's own help.
        printf ("  %.*s\n", (int) strcspn (command->examples, "\n"), command->examples);
    }
    printf (
        "\nEach tells its options: jeton %s %s --help. Options of every command: jeton --help\n",
        noun->name, noun->commands[0].verb);
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
    print_options (option_globals);
    printf ("\nExamples:\n");
    while (*line != '\0') {
        int length = (int) strcspn (line, "\n");
        printf ("  %.*s\n", length, line);
        line += length + (line[length] == '\n');
    }
}

// ---- jeton help

static int
help (struct cli *cli)
{
    const struct noun *noun;
    const struct command *command;

    if (option_given (cli, "man")) {
        if (cli->narguments > 0) {
            return print_usage (cli, "--man: the manual page is of all commands");
        }
        manual_print (cli->nouns);
        return EX_OK;
    }
    if (cli->narguments == 0) {
        help_program (cli->nouns);
        return EX_OK;
    }
    noun = command_find_noun (cli, cli->arguments[0]);
    if (noun == NULL) {
        return EX_USAGE;
    }
    if (noun->commands[0].verb == NULL) {
        help_command (&noun->commands[0]);
        return EX_OK;
    }
    if (cli->narguments == 1) {
        help_noun (noun);
        return EX_OK;
    }
    command = command_find_verb (cli, noun, cli->arguments[1]);
    if (command == NULL) {
        return EX_USAGE;
    }
    help_command (command);
    return EX_OK;
}

static const struct option_row options[] = {
    {.name = "man", .help = "the manual page of all commands, in roff"},
    {.name = NULL},
};

const struct command help_commands[] = {
    {"help", NULL, "[COMMAND [VERB]]", 0, 2, options, help, "Tell what there is",
     "The same as --help behind a command.",
     "jeton help token create\n"
     "jeton help --man | man -l -\n"},
    {.noun = NULL},
};
