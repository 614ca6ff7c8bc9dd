// Scripts by which shells complete commands, made from the tables of the commands.
#ifndef JETON_CLI_COMPLETION_H
#define JETON_CLI_COMPLETION_H

#include "services/cli/command.h"

// completion_bash (nouns), completion_zsh (nouns): A whole script, on standard output.
void completion_bash (const struct noun *nouns);
void completion_zsh (const struct noun *nouns);

// completion_names (methods, between): On standard output, what describe_each_name tells, with this text between two of them.
void completion_names (bool methods, const char *between);

// completion_words (value): The words of a choice, with spaces between.
void completion_words (const char *value);
// completion_rows (nouns, put): A branch of a shell's `case` for each command, `put` writes what is in it.
void completion_rows (const struct noun *nouns, void (*put) (const struct command *command));

#endif
