// jeton grant: what its commands have in common.
#ifndef JETON_CLI_GRANT_H
#define JETON_CLI_GRANT_H

#include "issuer.pb-c.h"
#include "services/cli/command.h"
#include <jansson.h>

// grant_secret (cli, &secret_r): The client's secret: of --secret-file, else of standard input or $JETON_CLIENT_SECRET; "" with --public. As input_secret.
int grant_secret (struct cli *cli, char **secret_r) __attribute__ ((warn_unused_result));
// grant_file (cli, path, &secret_r): The first line of a file. As input_secret.
int grant_file (struct cli *cli, const char *path, char **secret_r)
    __attribute__ ((warn_unused_result));
// grant_environment (cli, &value_r): Of --environment. False: it is none; that has been printed.
bool grant_environment (struct cli *cli, int *value_r) __attribute__ ((warn_unused_result));
// grant_refusal (cli, reply): Print RFC 6749's error. Returns the exit status.
int grant_refusal (const struct cli *cli, const json_t *reply);
// grant_call (cli, request): Ask for the token, with --scope and --environment, and print it. Returns the exit status.
int grant_call (struct cli *cli, Jeton__V1__TokenRequest *request);

// A web application's, which acts for a user (grant_code.c).
int grant_code (struct cli *cli);

// Stores' tokens and their customers' (grant_store.c).
extern const struct option_row grant_store_options[], grant_customer_options[];
int grant_store (struct cli *cli);
int grant_customer (struct cli *cli);

#endif
