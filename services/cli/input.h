// What people type: secrets, times, enum values.
#ifndef JETON_CLI_INPUT_H
#define JETON_CLI_INPUT_H

#include "services/cli/command.h"
#include "types.pb-c.h"
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INPUT_SECRET_MAX = 60000 };

// input_secret (cli, variable, prompt, repeat, &secret_r): From the environment variable, else the first line of standard input: asked for
// without echo on a terminal (twice with `repeat`). 0: secret_r is a text, without its newline; end it with input_forget. Otherwise the
// exit status; the reason has been printed.
int input_secret (const struct cli *cli, const char *variable, const char *prompt, bool repeat,
                  char **secret_r) __attribute__ ((warn_unused_result));
// input_password (cli, &password_r): input_secret for a new password, in $JETON_PASSWORD; none ("") with the option --no-password, which the command has.
#define INPUT_NO_PASSWORD                                                                          \
    {                                                                                              \
        .name = "no-password", .help = "cannot sign in"                                            \
    }
int input_password (const struct cli *cli, char **password_r) __attribute__ ((warn_unused_result));
// input_forget (&secret): Wipe and free. NULL-safe.
void input_forget (char **secret);

// input_confirm (cli, format, …): Ask on a terminal; true without one.
bool input_confirm (const struct cli *cli, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

// input_looks_secret (text): Is there a token, or a URL with a password, in it?
bool input_looks_secret (const char *text);

// input_time (text, future, now, seconds_r): "2026-12-31" (its first moment), "2026-12-31T23:59:59Z" or with an offset (RFC 3339), seconds
// since the epoch, or a period from now ("90d"; w, d, h, m, s), into the future or the past. False: none of these.
bool input_time (const char *text, bool future, int64_t now, int64_t *seconds_r)
    __attribute__ ((warn_unused_result));

// input_moment (cli, option, seconds_r): An option that is a moment in the past; leaves seconds_r alone when it was not given. False: it is no time; that
// has been printed.
bool input_moment (const struct cli *cli, const char *option, int64_t *seconds_r)
    __attribute__ ((warn_unused_result));

// input_enum (cli, name, descriptor, text, value_r): A value by its name. False: there is none; the choices have been printed.
bool input_enum (const struct cli *cli, const char *name, const ProtobufCEnumDescriptor *descriptor,
                 const char *text, int *value_r) __attribute__ ((warn_unused_result));

// input_rate_limit (cli, option, limit_r, given_r): "60" or "60:120": a minute, and at once; "none" or not given: given_r is false. False: it is
// neither; that has been printed.
bool input_rate_limit (const struct cli *cli, const char *option, Jeton__V1__RateLimit *limit_r,
                       bool *given_r) __attribute__ ((warn_unused_result));

#endif
