// Services, methods, messages and enums of proto/ by the names that people give them.
#ifndef JETON_CLI_DESCRIBE_H
#define JETON_CLI_DESCRIBE_H

#include "common/rpc/contract.h"
#include "services/cli/command.h"

// describe_find_method (cli, &method_r): The method that the command's arguments name: "Admin/GetToken", "GetToken", or "admin" and "GetToken". 0, or the
// exit status; the reason has been printed, with what may have been meant.
int describe_find_method (const struct cli *cli, struct contract_method *method_r)
    __attribute__ ((warn_unused_result));

// describe_each_name (methods, each, context): What may be named: each service's methods as "Admin/GetToken"; unless `methods`, also services, messages
// and enums, as "Admin".
typedef void describe_name (void *context, const char *name);
void describe_each_name (bool methods, describe_name *each, void *context);

#endif
