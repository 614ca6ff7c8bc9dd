// jeton grant authorization-code: a user, whose login token is in the environment, consents; then the client fetches the tokens.
#include "common/memory/memory.h"
#include "common/token/pkce.h"
#include "services/cli/connect.h"
#include "services/cli/grant.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include <sodium.h>
#include <string.h>

// The code of the user's consent; NULL: the exit status.
static int
authorize (struct cli *cli, char *verifier, char **code_r)
{
    Jeton__V1__AuthorizeRequest request = JETON__V1__AUTHORIZE_REQUEST__INIT;
    const char *code;
    char challenge[PKCE_CHALLENGE_SIZE];
    int value, status;
    json_t *reply = NULL;

    if (!grant_environment (cli, &value)) {
        return EX_USAGE;
    }
    pkce_challenge (verifier, challenge);
    request.response_type = (char *) "code";
    request.client_id = cli->arguments[0];
    request.redirect_uri = (char *) option_text (cli, "redirect");
    request.scope = (char *) option_or (cli, "scope", "");
    request.code_challenge = challenge;
    request.code_challenge_method = (char *) "S256";
    request.environment = (Jeton__V1__Environment) value;
    request.consent = true;
    status = connect_call (
        cli, &(struct call){SERVICE_ISSUER, "Authorize", &request.base, NULL, request.client_id},
        &reply);
    if (status == EX_OK && json_string_length (json_object_get (reply, "error")) > 0) {
        status = grant_refusal (cli, reply);
    }
    code = json_string_value (json_object_get (reply, "code"));
    if (status == EX_OK) {
        *code_r = xstrdup (code != NULL ? code : "");
    }
    json_decref (reply);
    return status;
}

// The secret is read first: a code lives for a minute only.
int
grant_code (struct cli *cli)
{
    Jeton__V1__TokenRequest request = JETON__V1__TOKEN_REQUEST__INIT;
    uint8_t random[32];
    char verifier[sodium_base64_ENCODED_LEN (sizeof random,
                                             sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    char *secret = NULL, *code = NULL;
    int status = grant_secret (cli, &secret);

    randombytes_buf (random, sizeof random);
    sodium_bin2base64 (verifier, sizeof verifier, random, sizeof random,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    if (status == EX_OK) {
        status = authorize (cli, verifier, &code);
    }
    if (status == EX_OK) {
        request.grant_type = (char *) "authorization_code";
        request.client_id = cli->arguments[0];
        request.client_secret = secret;
        request.redirect_uri = (char *) option_text (cli, "redirect");
        request.code = code;
        request.code_verifier = verifier;
        status = grant_call (cli, &request);
    }
    sodium_memzero (verifier, sizeof verifier);
    input_forget (&secret);
    input_forget (&code);
    return status;
}
