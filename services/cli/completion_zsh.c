#include "services/cli/completion.h"
#include <stdio.h>
#include <string.h>

// How the script looks: _jeton_rows is made from the tables, the rest is always the same. Words that can follow are rows of _describe, a
// command's options and arguments are those of _arguments.
static const char head[] = "#compdef jeton\n"
                           "# zsh completion for jeton, made by \"jeton completion zsh\".\n"
                           "\n"
                           "# What may come behind the words of $1: in `rows`; `kind` says whether "
                           "they are words or options.\n"
                           "_jeton_rows() {\n"
                           "    kind=words\n"
                           "    case $1 in\n";

static const char tail[] =
    "    esac\n"
    "}\n"
    "\n"
    "# $1: the words so far; $2: not empty when it is only help that is asked for.\n"
    "_jeton_level() {\n"
    "    local curcontext=$curcontext context state state_descr line kind\n"
    "    local -a globals rows\n"
    "    typeset -A opt_args\n"
    "    _jeton_rows --\n"
    "    globals=(\"$rows[@]\")\n"
    "    rows=()\n"
    "    _jeton_rows \"$1\"\n"
    "    if [[ $kind == options ]]; then\n"
    "        [[ -n $2 ]] || _arguments -S \"$globals[@]\" \"$rows[@]\"\n"
    "        return\n"
    "    fi\n"
    "    [[ -z $2 ]] || globals+=('--man[the manual page of all commands, in roff]')\n"
    "    _arguments -C -S -A '-*' \"$globals[@]\" '1: :->word' '*:: :->rest' && return\n"
    "    case $state in\n"
    "    word) _describe -t commands \"jeton${1:+ $1} command\" rows ;;\n"
    "    rest)\n"
    "        if [[ -z $1 && $words[1] == help ]]; then\n"
    "            _jeton_level '' help\n"
    "        else\n"
    "            _jeton_level \"${1:+$1 }$words[1]\" \"$2\"\n"
    "        fi\n"
    "        ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "_jeton() {\n"
    "    _jeton_level ''\n"
    "}\n"
    "\n"
    "if [[ $funcstack[1] == _jeton ]]; then\n"
    "    _jeton \"$@\"\n"
    "else\n"
    "    compdef _jeton jeton\n"
    "fi\n";

// Text between single quotes, in which a character of `escaped` means something to _arguments or _describe.
static void
put_quoted (const char *text, const char *escaped)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs ("'\\''", stdout);
        } else {
            fputs (strchr (escaped, *text) != NULL ? "\\" : "", stdout);
            putchar (*text);
        }
    }
}

// The message and the action of _arguments, for what is taken.
static void
put_takes (const char *value)
{
    putchar (':');
    switch (option_takes (value)) {
    case OPTION_TAKES_NOTHING:
        break;
    case OPTION_TAKES_TEXT:
        put_quoted (value, ":\\");
        fputs (": ", stdout);
        break;
    case OPTION_TAKES_FILE:
        fputs ("file:_files", stdout);
        break;
    case OPTION_TAKES_DIRECTORY:
        fputs ("directory:_files -/", stdout);
        break;
    case OPTION_TAKES_METHOD:
    case OPTION_TAKES_SYMBOL:
        fputs ("word:(", stdout);
        completion_names (option_takes (value) == OPTION_TAKES_METHOD, " ");
        putchar (')');
        break;
    case OPTION_TAKES_CHOICE:
        fputs (option_is_list (value) ? "words:_values -s , word " : "word:(", stdout);
        completion_words (value);
        fputs (option_is_list (value) ? "" : ")", stdout);
    }
}

static void
put_options (const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        printf ("            '%s--%s%s[", rows->many ? "*" : "", rows->name,
                rows->value != NULL ? "=" : "");
        put_quoted (rows->help, "[]\\");
        putchar (']');
        if (rows->value != NULL) {
            put_takes (rows->value);
        }
        fputs ("'\n", stdout);
    }
}

static void
put_command (const struct command *command)
{
    fputs ("        kind=options\n        rows=(\n", stdout);
    put_options (command->options);
    if (*command->arguments != '\0') {
        fputs ("            '1", stdout);
        put_takes (command->arguments);
        fputs ("'\n", stdout);
    }
    fputs ("        )\n        ;;\n", stdout);
}

static void
put_word (const char *name, const char *help)
{
    printf ("            '%s:", name);
    put_quoted (help, "\\");
    fputs ("'\n", stdout);
}

void
completion_zsh (const struct noun *nouns)
{
    fputs (head, stdout);
    fputs ("    --)\n        rows=(\n", stdout);
    put_options (option_globals);
    fputs ("        )\n        ;;\n    '')\n        rows=(\n", stdout);
    for (const struct noun *noun = nouns; noun->name != NULL; noun++) {
        put_word (noun->name, noun->help);
    }
    fputs ("        )\n        ;;\n", stdout);
    for (const struct noun *noun = nouns; noun->name != NULL; noun++) {
        if (noun->commands[0].verb != NULL) {
            printf ("    %s)\n        rows=(\n", noun->name);
            for (const struct command *c = noun->commands; c->noun != NULL; c++) {
                put_word (c->verb, c->help);
            }
            fputs ("        )\n        ;;\n", stdout);
        }
    }
    completion_rows (nouns, put_command);
    fputs (tail, stdout);
}
