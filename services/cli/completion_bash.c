#include "services/cli/completion.h"
#include <stdio.h>

// How the script looks: _jeton_table is made from the tables, the rest is always the same. In it, a word that begins with "--" is an option,
// with what it takes behind a colon; one that begins with a colon says what the command's arguments are; others are verbs or nouns.
static const char head[] = "# bash completion for jeton, made by \"jeton completion bash\".\n"
                           "# shellcheck shell=bash\n"
                           "\n"
                           "# What may come behind the words of $1: nouns, verbs, or "
                           "--OPTION[:WHAT IT TAKES] and :WHAT ARGUMENTS ARE.\n"
                           "_jeton_table()\n"
                           "{\n"
                           "    case $1 in\n";

static const char tail[] =
    "    *) REPLY= ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "# Completions of $cur that a value of the kind $1 may have.\n"
    "_jeton_value()\n"
    "{\n"
    "    local before=''\n"
    "    case $1 in\n"
    "    file | directory)\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        if [[ $1 == file ]]; then\n"
    "            mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "        else\n"
    "            mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n"
    "        fi\n"
    "        ;;\n"
    "    list=*)\n"
    "        set -- \"${1#*=}\"\n"
    "        [[ $cur != *,* ]] || before=${cur%,*},\n"
    "        mapfile -t COMPREPLY < <(compgen -P \"$before\" -W \"${1//[=|]/ }\" -- "
    "\"${cur##*,}\")\n"
    "        ;;\n"
    "    choice=*)\n"
    "        set -- \"${1#*=}\"\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"${1//|/ }\" -- \"$cur\")\n"
    "        ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "# Sets `takes` to what the option $1 takes, behind the words of `path`.\n"
    "_jeton_takes()\n"
    "{\n"
    "    local REPLY globals word\n"
    "    takes=\n"
    "    _jeton_table --\n"
    "    globals=$REPLY\n"
    "    _jeton_table \"$path\"\n"
    "    for word in $globals $REPLY; do\n"
    "        [[ $word != \"$1\":* ]] || takes=${word#*:}\n"
    "    done\n"
    "}\n"
    "\n"
    "# Reads the words before the cursor: sets `path` to noun and verb, `takes` to what the option "
    "before the cursor takes.\n"
    "_jeton_read()\n"
    "{\n"
    "    local i word REPLY ended=''\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        # bash cuts words at \"=\" and \":\": --kind=service is three.\n"
    "        if [[ $word == : ]]; then\n"
    "            ((i++))\n"
    "        elif [[ $takes ]]; then\n"
    "            [[ $word == = ]] || takes=\n"
    "        elif [[ $word == -- ]]; then\n"
    "            ended=1\n"
    "        elif [[ $word == -* && ! $ended ]]; then\n"
    "            _jeton_takes \"$word\"\n"
    "        elif [[ ! $path && $word == help && ! $helping ]]; then\n"
    "            helping=1\n"
    "        else\n"
    "            _jeton_table \"$path\"\n"
    "            # A noun or a verb, if there are such here; otherwise an argument.\n"
    "            [[ \" $REPLY \" != *\" $word \"* ]] || path=${path:+$path }$word\n"
    "        fi\n"
    "    done\n"
    "}\n"
    "\n"
    "_jeton()\n"
    "{\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} path='' takes='' helping='' word globals REPLY\n"
    "    local -a words=()\n"
    "    COMPREPLY=()\n"
    "    _jeton_read\n"
    "    [[ $cur != = ]] || cur=\n"
    "    if [[ $takes ]]; then\n"
    "        _jeton_value \"$takes\"\n"
    "        return\n"
    "    fi\n"
    "    _jeton_table --\n"
    "    globals=$REPLY\n"
    "    _jeton_table \"$path\"\n"
    "    if [[ $helping ]]; then\n"
    "        [[ ! $path ]] || globals=\n"
    "        [[ \" $REPLY\" != *\" -\"* && $REPLY != *:* ]] || REPLY=\n"
    "        [[ $path ]] || REPLY+=\" --man\"\n"
    "    fi\n"
    "    for word in $REPLY $globals; do\n"
    "        case $word in\n"
    "        :*) takes=${word#:} ;;\n"
    "        --*) [[ $cur != -* ]] || words+=(\"${word%%:*}\") ;;\n"
    "        *) [[ $cur == -* ]] || words+=(\"$word\") ;;\n"
    "        esac\n"
    "    done\n"
    "    if [[ ${#words[@]} == 0 && $takes && $cur != -* ]]; then\n"
    "        _jeton_value \"$takes\"\n"
    "    else\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"${words[*]}\" -- \"$cur\")\n"
    "    fi\n"
    "}\n"
    "complete -F _jeton jeton\n";

static void
put_takes (const char *value)
{
    switch (option_takes (value)) {
    case OPTION_TAKES_NOTHING:
        break;
    case OPTION_TAKES_TEXT:
        fputs (":text", stdout);
        break;
    case OPTION_TAKES_FILE:
        fputs (":file", stdout);
        break;
    case OPTION_TAKES_DIRECTORY:
        fputs (":directory", stdout);
        break;
    case OPTION_TAKES_METHOD:
    case OPTION_TAKES_SYMBOL:
        fputs (":choice=", stdout);
        completion_names (option_takes (value) == OPTION_TAKES_METHOD, "|");
        break;
    case OPTION_TAKES_CHOICE: {
        char word[OPTION_WORD_MAX + 1];
        const char *before = option_is_list (value) ? ":list=" : ":choice=";
        for (const char *rest = value; option_choice (&rest, word); before = "|") {
            printf ("%s%s", before, word);
        }
    }
    }
}

static void
put_options (const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        printf (" --%s", rows->name);
        put_takes (rows->value);
    }
}

static void
put_command (const struct command *command)
{
    fputs ("        REPLY='", stdout);
    if (*command->arguments != '\0') {
        put_takes (command->arguments);
    }
    put_options (command->options);
    fputs ("'\n        ;;\n", stdout);
}

void
completion_bash (const struct noun *nouns)
{
    fputs (head, stdout);
    fputs ("    '') REPLY='", stdout);
    for (const struct noun *noun = nouns; noun->name != NULL; noun++) {
        printf ("%s%s", noun == nouns ? "" : " ", noun->name);
    }
    fputs ("' ;;\n    --) REPLY='", stdout);
    put_options (option_globals);
    fputs ("' ;;\n", stdout);
    for (const struct noun *noun = nouns; noun->name != NULL; noun++) {
        if (noun->commands[0].verb != NULL) {
            printf ("    %s) REPLY='", noun->name);
            for (const struct command *c = noun->commands; c->noun != NULL; c++) {
                printf ("%s%s", c == noun->commands ? "" : " ", c->verb);
            }
            fputs ("' ;;\n", stdout);
        }
    }
    completion_rows (nouns, put_command);
    fputs (tail, stdout);
}
