// jeton completion: scripts by which shells complete commands. A script knows all that the tables of commands know, and calls nothing.
#include "services/cli/completion.h"
#include "services/cli/command.h"
#include "services/cli/describe.h"
#include "services/cli/print.h"
#include <stdio.h>
#include <string.h>

void
completion_words (const char *value)
{
    char word[OPTION_WORD_MAX + 1];
    const char *between = "";

    while (option_choice (&value, word)) {
        printf ("%s%s", between, word);
        between = " ";
    }
}

struct names {
    const char *between;
    bool later;
};

static void
put_name (void *context, const char *name)
{
    struct names *names = context;

    printf ("%s%s", names->later ? names->between : "", name);
    names->later = true;
}

void
completion_names (bool methods, const char *between)
{
    describe_each_name (methods, put_name, &(struct names){.between = between});
}

void
completion_rows (const struct noun *nouns, void (*put) (const struct command *command))
{
    for (const struct noun *noun = nouns; noun->name != NULL; noun++) {
        for (const struct command *command = noun->commands; command->noun != NULL; command++) {
            printf ("    '%s%s%s')\n", command->noun, command->verb != NULL ? " " : "",
                    command->verb != NULL ? command->verb : "");
            put (command);
        }
    }
}

static int
completion (struct cli *cli)
{
    if (strcmp (cli->arguments[0], "bash") == 0) {
        completion_bash (cli->nouns);
    } else {
        completion_zsh (cli->nouns);
    }
    return EX_OK;
}

const struct command completion_commands[] = {
    {"completion", NULL, "bash|zsh", 1, 1, NULL, completion,
     "The script by which a shell completes commands, options and their values",
     "\"make install\" puts both where the shells look for them. Without that, in ~/.bashrc:\n"
     "source <(jeton completion bash); for zsh, _jeton in a directory of $fpath.",
     "source <(jeton completion bash)\n"
     "jeton completion zsh > ~/.zfunc/_jeton\n"},
    {.noun = NULL},
};
