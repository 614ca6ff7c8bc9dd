// What there is to know of `jeton` besides its commands: for the help and the manual page.
#ifndef JETON_CLI_REFERENCE_H
#define JETON_CLI_REFERENCE_H

// A thing and what it means. A table of them is ended by a row whose name is NULL.
struct reference {
    const char *name;
    const char *text; // without a line break: the reader's lines have their own length
};

// Where settings are looked for; the settings; environment variables; exit statuses.
extern const char reference_settings_text[];
extern const struct reference reference_settings[];
extern const struct reference reference_environment[];
extern const struct reference reference_statuses[];

#endif
