// The next tokens for a refresh token, and for that one, and so on: drive's work "refresh".
#include "common/memory/memory.h"
#include "issuer.pb-c.h"
#include "tests/bench/drive.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHAINS_MAX = 64, TOKEN_MAX = 64 };

// The tokens that are good now, each of another family; in the order in which they came.
struct chain {
    size_t first, n;
    char tokens[CHAINS_MAX][TOKEN_MAX];
};

static void
push (struct chain *chain, const char *token, size_t length)
{
    if (length == 0 || length >= TOKEN_MAX || chain->n == CHAINS_MAX)
        return;
    char *to = chain->tokens[(chain->first + chain->n++) % CHAINS_MAX];
    memcpy (to, token, length);
    to[length] = '\0';
}

// The value is the id of a client without a secret, and its refresh tokens, with blanks: at least as many as there are calls in flight.
static struct chain *
chain_of (struct drive *drive)
{
    if (drive->chains)
        return drive->chains;
    drive->chains = xcalloc (1, sizeof *drive->chains);
    for (const char *at = strchr (drive->value, ' '); at; at = strchr (at, ' '))
        at++, push (drive->chains, at, strcspn (at, " "));
    return drive->chains;
}

// Each call is of another network: what one client may ask for from one (of IPv6, a /64) is limited (R20).
void
refresh_start (struct drive_call *call, rpc_callback *done)
{
    struct drive *drive = call->drive;
    struct chain *chain = chain_of (drive);
    Jeton__V1__TokenRequest request = JETON__V1__TOKEN_REQUEST__INIT;
    char id[DRIVE_VALUE_SIZE], address[40], grant[] = "refresh_token";
    snprintf (id, sizeof id, "%.*s", (int) strcspn (drive->value, " "), drive->value);
    snprintf (address, sizeof address, "2001:db8:%" PRIx64 ":%" PRIx64 "::1",
              dice_below (&drive->dice, 65536), dice_below (&drive->dice, 65536));
    const char *const metadata[] = {"client-address", address, NULL};
    request.grant_type = grant;
    request.client_id = id;
    if (chain->n > 0) {
        request.refresh_token = chain->tokens[chain->first];
        chain->first = (chain->first + 1) % CHAINS_MAX;
        chain->n--;
    }
    struct rpc_call_options options = {.timeout_ms = (uint32_t) drive->settings.timeout_ms,
                                       .metadata = metadata};
    rpc_client_call (drive->client, &jeton__v1__issuer__descriptor, "Token", &request.base,
                     &options, done, call);
}

void
refresh_judge (struct drive *drive, const void *message)
{
    const Jeton__V1__TokenReply *reply = message;
    drive->wrong += reply->status != 200;
    push (drive->chains, reply->refresh_token, strlen (reply->refresh_token));
}
