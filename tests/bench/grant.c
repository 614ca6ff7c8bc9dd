// Tokens for a client by client_credentials: drive's works "grant" (JWTs) and "grant-opaque".
#include "common/token/jwt.h"
#include "issuer.pb-c.h"
#include "tests/bench/drive.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// The value is the client's id, a blank, and its secret. Each call is of another network: what one client may ask for from one (of IPv6, a /64) is limited (R20).
void
grant_start (struct drive_call *call, rpc_callback *done)
{
    struct drive *drive = call->drive;
    Jeton__V1__TokenRequest request = JETON__V1__TOKEN_REQUEST__INIT;
    char id[DRIVE_VALUE_SIZE], address[40], grant[] = "client_credentials";
    size_t length = strcspn (drive->value, " ");
    snprintf (id, sizeof id, "%.*s", (int) length, drive->value);
    snprintf (address, sizeof address, "2001:db8:%" PRIx64 ":%" PRIx64 "::1",
              dice_below (&drive->dice, 65536), dice_below (&drive->dice, 65536));
    const char *const metadata[] = {"client-address", address, NULL};
    request.grant_type = grant;
    request.client_id = id;
    request.client_secret = drive->value + length + (drive->value[length] == ' ');
    struct rpc_call_options options = {.timeout_ms = (uint32_t) drive->settings.timeout_ms,
                                       .metadata = metadata};
    rpc_client_call (drive->client, &jeton__v1__issuer__descriptor, "Token", &request.base,
                     &options, done, call);
}

void
grant_judge (struct drive *drive, const void *message)
{
    const Jeton__V1__TokenReply *reply = message;
    drive->wrong +=
        reply->status != 200 || !jwt_looks_like (reply->access_token, strlen (reply->access_token));
}

void
grant_judge_opaque (struct drive *drive, const void *message)
{
    const Jeton__V1__TokenReply *reply = message;
    enum token_environment environment;
    uint32_t day;
    drive->wrong += reply->status != 200 ||
                    !token_access_check (&drive->token_keys, reply->access_token,
                                         strlen (reply->access_token), &environment, &day);
}
