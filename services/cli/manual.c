#include "services/cli/manual.h"
#include "services/cli/reference.h"
#include <stdio.h>
#include <string.h>

// Text as roff reads it back: what it would take for a command or an escape is written as one. Characters beyond ASCII are few and known.
static void
put_text (const char *text, size_t size)
{
    static const char ellipsis[] = "…";

    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (strncmp (text + i, ellipsis, sizeof ellipsis - 1) == 0) {
            fputs ("\\[u2026]", stdout);
            i += sizeof ellipsis - 2;
        } else if (c == '\\') {
            fputs ("\\e", stdout);
        } else if (c == '-') {
            fputs ("\\-", stdout);
        } else if (c == '\'') {
            fputs ("\\(aq", stdout);
        } else if (c == '"') {
            fputs ("\\(dq", stdout);
        } else if (c == '~') {
            fputs ("\\(ti", stdout);
        } else if (c == '^') {
            fputs ("\\(ha", stdout);
        } else if (c == '`') {
            fputs ("\\(ga", stdout);
        } else if (c == '.' && (i == 0 || text[i - 1] == '\n')) {
            fputs ("\\&.", stdout);
        } else {
            putchar (c);
        }
    }
}

static void
put (const char *text)
{
    put_text (text, strlen (text));
}

static void
put_font (char font, const char *text)
{
    printf ("\\f%c", font);
    put (text);
    fputs ("\\fR", stdout);
}

// A row of a list: what it is called, and behind it what it means.
static void
put_item (const char *name, const char *value, const char *text, const char *more)
{
    fputs (".TP\n", stdout);
    put_font ('B', name);
    if (value != NULL) {
        putchar (' ');
        put_font ('I', value);
    }
    putchar ('\n');
    put (text);
    put (more);
    fputs (".\n", stdout);
}

static void
put_options (const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        char name[OPTION_WORD_MAX + 3];
        snprintf (name, sizeof name, "--%s", rows->name);
        put_item (name, rows->value, rows->help,
                  rows->required && rows->many ? " (required; may be repeated)"
                  : rows->required             ? " (required)"
                  : rows->many                 ? " (may be repeated)"
                                               : "");
    }
}

// A line "word   what it means" of a table for people.
static bool
is_item (const char *line, size_t size)
{
    size_t word = strcspn (line, " \n");

    return word + 2 < size && line[word] == ' ' && line[word + 1] == ' ';
}

// Paragraphs whose lines were broken for a terminal: filled again, but for tables.
static void
put_paragraphs (const char *text)
{
    bool begin = true;

    while (*text != '\0') {
        size_t size = strcspn (text, "\n");
        if (size == 0) {
            begin = true;
        } else if (is_item (text, size)) {
            size_t word = strcspn (text, " ");
            fputs (".TP\n\\fB", stdout);
            put_text (text, word);
            word += strspn (text + word, " ");
            fputs ("\\fR\n", stdout);
            put_text (text + word, size - word);
            putchar ('\n');
        } else {
            fputs (begin ? ".PP\n" : "", stdout);
            put_text (text, size);
            putchar ('\n');
            begin = false;
        }
        text += size + (text[size] == '\n');
    }
}

static void
put_usage (const struct command *command)
{
    char name[2 * OPTION_WORD_MAX];

    snprintf (name, sizeof name, "jeton %s%s%s", command->noun, command->verb != NULL ? " " : "",
              command->verb != NULL ? command->verb : "");
    put_font ('B', name);
    for (const struct option_row *row = command->options; row != NULL && row->name != NULL; row++) {
        if (row->required) {
            fputs (" \\fB\\-\\-", stdout);
            put (row->name);
            fputs ("\\fR ", stdout);
            put_font ('I', row->value);
        }
    }
    if (*command->arguments != '\0') {
        putchar (' ');
        put_font ('I', command->arguments);
    }
    if (command->options != NULL) {
        fputs (" [\\fIOPTION\\[u2026]\\fR]", stdout);
    }
    putchar ('\n');
}

static void
put_command (const struct command *command)
{
    put_usage (command);
    fputs (".RS 4\n.PP\n", stdout);
    put (command->help);
    fputs (".\n", stdout);
    if (command->more != NULL) {
        put_paragraphs (command->more);
    }
    put_options (command->options);
    fputs (".PP\n.EX\n", stdout);
    put (command->examples);
    fputs (".EE\n.RE\n", stdout);
}

static void
put_reference (const char *title, const char *text, const struct reference *rows)
{
    printf (".SH %s\n", title);
    if (text != NULL) {
        put (text);
        putchar ('\n');
    }
    for (; rows->name != NULL; rows++) {
        put_item (rows->name, NULL, rows->text, "");
    }
}

void
manual_print (const struct noun *nouns)
{
    printf (".\\\" Made by \"jeton help --man\" from the tables of its commands.\n"
            ".TH JETON 1 \"\" \"Jeton %s\" \"User Commands\"\n"
            ".SH NAME\njeton \\- issue, check, manage and audit API tokens\n"
            ".SH SYNOPSIS\n\\fBjeton\\fR \\fICOMMAND\\fR [\\fIVERB\\fR] [\\fIOPTION\\[u2026]\\fR]\n"
            ".SH DESCRIPTION\n"
            "The command line of Jeton: everything that its processes offer, one command for each "
            "method, and the few things that are done beside them (key files, the database\\(aqs "
            "schema, verifying an exported trail offline).\n"
            "What it may do is decided by the role of its key, or by that of the user whose login "
            "token it is given.\n"
            ".SH OPTIONS OF EVERY COMMAND\n",
            JETON_VERSION);
    put_options (option_globals);
    printf (".SH COMMANDS\n");
    for (const struct noun *noun = nouns; noun->name != NULL; noun++) {
        fputs (".SS \"", stdout);
        put (noun->name);
        fputs (": ", stdout);
        put (noun->help);
        fputs ("\"\n", stdout);
        for (const struct command *command = noun->commands; command->noun != NULL; command++) {
            fputs (command != noun->commands ? ".PP\n" : "", stdout);
            put_command (command);
        }
    }
    put_reference ("SETTINGS", reference_settings_text, reference_settings);
    put_reference ("ENVIRONMENT", NULL, reference_environment);
    put_reference ("EXIT STATUS", NULL, reference_statuses);
}
