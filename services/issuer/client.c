// Clients that prove who they are (RFC 6749 section 2.3): by a secret, which has 256 random bits, by what they sign (assertion.c), or, where they are public, not at all.
#include "common/audit/record.h"
#include "common/log/log.h"
#include "common/token/id.h"
#include "services/issuer/assertion.h"
#include "services/issuer/throttle.h"
#include "services/issuer/token.h"

#include <sodium.h>
#include <string.h>

#define SALES_CHANNEL JETON__V1__CLIENT_KIND__CLIENT_KIND_SALES_CHANNEL

static void client_found (void *context, enum store_outcome outcome,
                          const struct store_client *client);
static void client_asserted (void *context, enum store_outcome outcome);
static void client_failed (struct asking *asking);
static void client_refused (void *context, enum store_outcome outcome);

// The same words, whatever is wrong: who asks with a made-up id learns nothing.
#define REFUSAL "the client is not known, did not prove itself, or may have no tokens"

void
client_authenticate (struct asking *asking)
{
    struct issuer *issuer = request_owner (asking->request);
    // What failed from an address counts together with sign-ins that failed. What may succeed does not count, even for a moment: many clients can have one address, and be good.
    int64_t wait = throttle_wait (issuer->by_address, asking->place, zclock_mono ());
    if (wait != 0) {
        issuer->stats.grants_limited++;
        token_deny (asking, JETON__V1__GRANT_REASON__GRANT_REASON_THROTTLED, TOKEN_TOO_MANY, wait,
                    "too many requests from this address that failed");
        return;
    }
    // What is no id is looked up as well: 0 is nobody's.
    if (!id_parse ("CLI", asking->message->client_id, &asking->number))
        asking->number = 0;
    store_client (issuer->process.db, asking->number, client_found, asking);
}

// Is this the client's secret, or the one before in its grace period? The same work in any case.
static bool
secret_right (const struct asking *asking)
{
    const struct store_client *client = &asking->client;
    const char *secret = asking->message->client_secret;
    uint8_t digest[TOKEN_DIGEST_SIZE];
    token_value_digest (secret, strlen (secret), digest);
    bool now = sodium_memcmp (digest, client->secret, sizeof digest) == 0;
    bool before = sodium_memcmp (digest, client->old_secret, sizeof digest) == 0;
    sodium_memzero (digest, sizeof digest);
    if (asking->known && client->kind == SALES_CHANNEL)
        return !*secret;
    return (client->has_secret & now) | (client->has_old_secret & before);
}

// A refusal is told once it is in the trail (R36), for a client that exists as for one that does not; so that the time does not tell either.
static void
client_refuse (struct asking *asking)
{
    struct issuer *issuer = request_owner (asking->request);
    char id[ID_SIZE] = "", account[ID_SIZE] = "";
    if (asking->known) {
        id_format ("CLI", asking->number, id);
        id_format ("ACC", asking->client.account, account);
    }
    const char *why = !asking->known   ? "there is no such client"
                      : !asking->right ? "it did not prove itself"
                                       : "it is inactive, or its account is suspended";
    const char *summary = arena_printf (request_arena (asking->request), "A client %s in vain: %s",
                                        asking->endpoint->aims, why);
    if (!summary) {
        token_no_memory (asking);
        return;
    }
    size_t size;
    uint8_t *record = audit_pack (asking->request,
                                  &(struct audit_change){
                                      .event = "platform.clients.client.authentication_failed",
                                      .summary = summary,
                                      .object_type = "client",
                                      .object_id = id,
                                      .object_name = asking->known ? asking->client.name : "",
                                      .account_id = account,
                                      .revision = asking->client.revision,
                                  },
                                  &size);
    if (!record)
        token_no_memory (asking);
    else
        store_record_add (issuer->process.db, record, size, client_refused, asking);
}

static void
client_found (void *context, enum store_outcome outcome, const struct store_client *client)
{
    struct asking *asking = context;
    struct issuer *issuer = request_owner (asking->request);
    if (outcome != STORE_OK && outcome != STORE_NOT_FOUND) {
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the client could not be looked up: the database is not available");
        return;
    }
    asking->known = outcome == STORE_OK;
    // Many are looked up by one statement: that none gets another's row is looked at once more, as nothing behind this would notice.
    if (asking->known && client->number != asking->number) {
        log_error ("a client was looked up, and another found", "request",
                   request_correlation (asking->request), NULL);
        token_refuse (asking, TOKEN_UNAVAILABLE, "the client could not be looked up");
        return;
    }
    if (asking->known && !token_client_copy (asking, client))
        return;
    struct assertion assertion;
    bool asserts = *asking->message->client_assertion || *asking->message->client_assertion_type;
    asking->right = asserts ? assertion_right (asking, &assertion) : secret_right (asking);
    if (!asking->known || !asking->right || !asking->client.active)
        client_failed (asking);
    else if (asserts)
        store_assertion_add (issuer->process.db, asking->number, assertion.digest,
                             assertion.expires_at, client_asserted, asking);
    else
        asking->endpoint->proven (asking);
}

static void
client_asserted (void *context, enum store_outcome outcome)
{
    struct asking *asking = context;
    switch (outcome) {
    case STORE_OK:
        asking->endpoint->proven (asking);
        return;
    case STORE_CONFLICT: // it was used before
        asking->right = false;
        client_failed (asking);
        return;
    case STORE_NOT_FOUND:
    case STORE_UNAVAILABLE:
    case STORE_UNCERTAIN:
    case STORE_FAILED:
        token_refuse (asking, TOKEN_UNAVAILABLE, "the database is not available");
        return;
    }
}

static void
client_failed (struct asking *asking)
{
    struct issuer *issuer = request_owner (asking->request);
    // Those that were on their way together may be more than are allowed: they count all the same.
    (void) throttle_take (issuer->by_address, asking->place, zclock_mono ());
    client_refuse (asking);
}

static void
client_refused (void *context, enum store_outcome outcome)
{
    struct asking *asking = context;
    switch (outcome) {
    case STORE_OK:
        token_deny (asking,
                    !asking->known   ? JETON__V1__GRANT_REASON__GRANT_REASON_UNKNOWN_CLIENT
                    : !asking->right ? JETON__V1__GRANT_REASON__GRANT_REASON_CLIENT_SECRET
                                     : JETON__V1__GRANT_REASON__GRANT_REASON_CLIENT_DISABLED,
                    TOKEN_INVALID_CLIENT, 0, REFUSAL);
        return;
    case STORE_NOT_FOUND:
    case STORE_CONFLICT:
    case STORE_UNAVAILABLE:
    case STORE_UNCERTAIN:
    case STORE_FAILED:
        // Not "no": whether it was right is not told when the trail cannot be written.
        token_refuse (asking, TOKEN_UNAVAILABLE, "the database is not available");
        return;
    }
}
