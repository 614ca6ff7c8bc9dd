// What `jeton` says: text for people, JSON for programs, errors, and the exit status that goes with each.
//
// Whatever comes from a server, a file or the arguments goes through print_text or print_json, so that it cannot steer a terminal.
#ifndef JETON_CLI_PRINT_H
#define JETON_CLI_PRINT_H

#include "common/error/error.h"
#include "common/rpc/client.h"
#include "services/cli/command.h"
#include <jansson.h>
#include <stdio.h>
#include <sysexits.h>

// Exit statuses beyond those of sysexits.h.
enum { EXIT_DENY = 1, EXIT_UNDECIDED = 2 };

// print_text (file, text): Control characters, characters that turn the direction of text, and bytes that are not UTF-8 are written as
// escapes (\x1b, \u202e).
void print_text (FILE *file, const char *text);
// print_width (text): How many columns print_text takes for it.
int print_width (const char *text);

// print_json (file, value, flags): The value and a newline; flags as of json_dumps.
void print_json (FILE *file, const json_t *value, size_t flags);

// print_fail (cli, status, code, format, …): An error on standard error, as text or as JSON. Returns the status.
int print_fail (const struct cli *cli, int status, const char *code, const char *format, ...)
    __attribute__ ((format (printf, 4, 5)));
// print_usage (cli, format, …): A mistake in the arguments: EX_USAGE.
int print_usage (const struct cli *cli, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));
// print_result (cli, write, result): How a call failed. `write`: it would have changed something, so that an unknown
// outcome needs a warning. Returns the exit status for its code.
int print_result (const struct cli *cli, bool write, const struct rpc_result *result);
// print_member (cli, status, code, text): print_fail for what is wrong with a member of a JSON text, told as json_to_message tells it: "path: why". With --json, the path
// is in the details.
int print_member (const struct cli *cli, int status, const char *code, const char *text);
// print_status (code): The exit status for a Jeton__V1__Code.
int print_status (int code);

// print_note (cli, format, …): A line on standard error for people; nothing with --json.
void print_note (const struct cli *cli, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

// print_color (cli, color): Begin ("green", "red", "yellow", "bold") or end (NULL) a colour on standard output, if there are colours.
void print_color (const struct cli *cli, const char *color);

#endif
