// What the files of the token commands share.
#ifndef JETON_CLI_TOKEN_H
#define JETON_CLI_TOKEN_H

#include "services/cli/command.h"
#include "services/cli/table.h"
#include "types.pb-c.h"
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const struct column token_columns[];

// token_call (cli, method, request): Call, and print the token of the reply. Returns the exit status.
int token_call (struct cli *cli, const char *method, const ProtobufCMessage *request);

// token_parse_expiry (cli, kind, expires_r): --expires; 0 when it was not given, or never. False: that has been printed.
bool token_parse_expiry (const struct cli *cli, int kind, int64_t *expires_r)
    __attribute__ ((warn_unused_result));

// --module, --allow and --rate-limit.
struct token_limits {
    Jeton__V1__ModuleGrant *grants, **modules;
    size_t n_modules;
    char **allow_list;
    size_t n_allow_list;
    Jeton__V1__RateLimit rate;
    bool has_rate; // false: not given, or none
    char **texts;  // of the modules
};
#define TOKEN_LIMIT_OPTIONS                                                                        \
    {.name = "allow",                                                                              \
     .field = "allow_list",                                                                        \
     .value = "CIDR",                                                                              \
     .many = true,                                                                                 \
     .help = "a network that it may be used from: 192.0.2.0/24, 2001:db8::1/128"},                 \
    {                                                                                              \
        .name = "rate-limit", .value = "N[:BURST]",                                                \
        .help = "requests a minute, and how many at once (as many)"                                \
    }
// token_limits_parse (cli, limits_r): End it with token_limits_free in any case. False: the mistake has been printed.
bool token_limits_parse (const struct cli *cli, struct token_limits *limits_r)
    __attribute__ ((warn_unused_result));
void token_limits_free (struct token_limits *limits);

// A value that is shown once: of which object of a reply, by which names there; and how the object is shown.
struct value_kind {
    const char *member, *value;
    const struct column *columns;
};
// value_call (cli, kind, method, request): Call admin, and print the object of the reply with its value, or put the value into the file of
// --value-file. Returns the exit status.
int value_call (struct cli *cli, const struct value_kind *kind, const char *method,
                const ProtobufCMessage *request);
// value_parse_grace (cli, grace): --grace, which was given. False: not a period; that has been printed.
bool value_parse_grace (const struct cli *cli, Jeton__V1__Period *grace)
    __attribute__ ((warn_unused_result));
#define VALUE_ROTATE_OPTIONS                                                                       \
    {.name = "grace",                                                                              \
     .value = "PERIOD",                                                                            \
     .help = "how long the one before is accepted: 0 to 7d (24h)"},                                \
    {                                                                                              \
        .name = "revision", .value = "N", .help = "the revision that you have seen (any)"          \
    }

// token_call_value (cli, method, request): Call, and print the token of the reply with its value, or put the value into the file of
// --value-file. Returns the exit status.
int token_call_value (struct cli *cli, const char *method, const ProtobufCMessage *request);
#define TOKEN_VALUE_OPTION                                                                         \
    {                                                                                              \
        .name = "value-file", .value = "FILE",                                                     \
        .help = "write the value there (new, mode 0600), do not show it"                           \
    }

// token_value.c
int token_rotate (struct cli *cli);
int token_reveal (struct cli *cli);
extern const struct option_row token_reveal_options[];

// token_revoke.c
int token_revoke_jwts (struct cli *cli);
extern const struct option_row token_revoke_options[];

// token_reseal.c
int token_reseal (struct cli *cli);

extern const struct option_row token_rotate_options[];

// token_import.c, token_export.c
int token_import (struct cli *cli);
extern const struct option_row token_import_options[];
int token_export (struct cli *cli);
extern const struct option_row token_export_options[];

// token_list.c
int token_list (struct cli *cli);
extern const struct option_row token_list_options[];

// token_edit.c. token_find_revision (cli, id, &revision_r): The one that --revision tells, or that the token has now. Otherwise than 0: the exit
// status; the reason has been printed.
int token_find_revision (struct cli *cli, char *id, int64_t *revision_r)
    __attribute__ ((warn_unused_result));
int token_edit (struct cli *cli);
extern const struct option_row token_edit_options[];

// token_logo.c
int token_logo (struct cli *cli);
extern const struct option_row token_logo_options[];

#endif
