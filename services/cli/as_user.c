// Calls as a user: with the login token in the environment.
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include "common/token/jwt.h"
#include "services/cli/connect.h"
#include "services/cli/print.h"
#include <stdlib.h>
#include <string.h>

int
connect_as_user (struct cli *cli, const struct call *call, char **authorization_r)
{
    const char *token = getenv ("JETON_LOGIN_TOKEN"), *path = getenv ("JETON_LOGIN_TOKEN_FILE");
    const char *from = token != NULL ? "$JETON_LOGIN_TOKEN" : "$JETON_LOGIN_TOKEN_FILE";
    char text[JWT_SIZE_MAX + 2] = "";
    struct error error;
    size_t length;

    *authorization_r = NULL;
    if (call->service != SERVICE_ADMIN && call->service != SERVICE_AUDITOR &&
        !(call->service == SERVICE_ISSUER && strcmp (call->method, "Authorize") == 0)) {
        return EX_OK;
    }
    if (token == NULL && path != NULL) {
        if (!crypto_file_read (path, true, (uint8_t *) text, sizeof text - 1, &length, &error)) {
            return print_fail (cli, EX_CONFIG, "SETTINGS", "%s: %s", from, error.text);
        }
        text[strcspn (text, "\r\n")] = '\0';
        token = text;
    }
    // A login that has failed, in `JETON_LOGIN_TOKEN=$(jeton login …)`, must not end in calls with the rights of our key.
    if (token != NULL && *token == '\0') {
        return print_fail (cli, EX_CONFIG, "SETTINGS",
                           "%s holds no token: unset it to act with your own key", from);
    }
    if (token != NULL) {
        *authorization_r = xasprintf ("Bearer %s", token);
    }
    explicit_bzero (text, sizeof text);
    return EX_OK;
}

size_t
connect_user_metadata (const char **metadata, const char *authorization)
{
    if (authorization == NULL) {
        return 0;
    }
    metadata[0] = "authorization";
    metadata[1] = authorization;
    return 2;
}
