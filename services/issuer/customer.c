// Customers sign in (R15, R17, R22). As users do (login.c): the same work, the same words and a record in the trail whatever is wrong, failures counted by customer and by
// address, Argon2id in a worker.
#include "services/issuer/customer.h"

#include "common/audit/record.h"
#include "common/crypto/crypto.h"
#include "common/token/id.h"
#include "services/issuer/attempts.h"
#include "services/issuer/token.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { EMAIL_MAX = 254, PASSWORD_MAX = 1024, NAME_SIZE = EMAIL_MAX + 40 };

// A customer on the way in, in the request's arena.
struct entrance {
    struct asking *asking;
    void (*done) (struct asking *asking);
    struct attempt attempt;
    char name[NAME_SIZE];  // as it is counted
    int64_t number, group; // of the customer; 0: there is none
    const char *email;     // as it is written down
    int64_t revision;
    bool active;
    const char
        *hash; // what the password is verified against: the customer's, or one that nobody has
    bool right, verified; // set by the worker
};

static void entrance_found (void *context, enum store_outcome outcome,
                            const struct store_customer *customer);
static void entrance_verify (void *job);
static void entrance_verified (void *job);
static void entrance_refused (void *context, enum store_outcome outcome);

// Too many have failed of late? Otherwise this one counts until it has succeeded.
static bool
entrance_throttled (struct issuer *issuer, struct entrance *entrance)
{
    struct asking *asking = entrance->asking;
    int64_t wait = attempts_begin (issuer->attempts, &entrance->attempt, zclock_mono ());
    if (wait == 0)
        return false;
    issuer->stats.grants_limited++;
    token_deny (asking, JETON__V1__GRANT_REASON__GRANT_REASON_THROTTLED, TOKEN_TOO_MANY, wait,
                "too many failed sign-ins of this customer or from this address");
    return true;
}

void
customer_sign_in (struct asking *asking, const char *field, void (*done) (struct asking *asking))
{
    struct issuer *issuer = request_owner (asking->request);
    const Jeton__V1__TokenRequest *message = asking->message;
    if (!*message->username || strlen (message->username) > EMAIL_MAX) {
        token_refuse (asking, TOKEN_INVALID_REQUEST,
                      "%s is required: a customer's email, of %d bytes at most", field, EMAIL_MAX);
        return;
    }
    if (!*message->password || strlen (message->password) > PASSWORD_MAX) {
        token_refuse (asking, TOKEN_INVALID_REQUEST, "password is required, %d bytes at most",
                      PASSWORD_MAX);
        return;
    }
    struct entrance *entrance = arena_alloc (request_arena (asking->request), sizeof *entrance);
    if (!entrance) {
        token_no_memory (asking);
        return;
    }
    entrance->asking = asking;
    entrance->done = done;
    // No user name has a blank in it. Emails are of ASCII, and compared so.
    snprintf (entrance->name, sizeof entrance->name, "%lld %s", (long long) asking->client.account,
              message->username);
    for (char *c = entrance->name; *c; c++)
        *c = (char) tolower ((unsigned char) *c);
    entrance->attempt.name = entrance->name;
    entrance->attempt.place = asking->place;
    if (!entrance_throttled (issuer, entrance))
        store_customer (issuer->process.db, asking->client.account, message->username,
                        entrance_found, entrance);
}

static void
entrance_found (void *context, enum store_outcome outcome, const struct store_customer *customer)
{
    struct entrance *entrance = context;
    struct asking *asking = entrance->asking;
    struct issuer *issuer = request_owner (asking->request);
    struct arena *arena = request_arena (asking->request);
    if (outcome != STORE_OK && outcome != STORE_NOT_FOUND) {
        attempts_undo (issuer->attempts, &entrance->attempt);
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the customer could not be looked up: the database is not available");
        return;
    }
    const char *hash = customer ? customer->password_hash : NULL;
    if (customer) {
        entrance->number = customer->number;
        asking->client.generation += customer->generation; // the sum is the token's
        entrance->group = customer->group;
        entrance->revision = customer->revision;
        entrance->active = customer->active && hash;
        entrance->email = arena_strdup (arena, customer->email);
    }
    // The same work for a customer that does not exist: time must not tell.
    entrance->hash = arena_strdup (arena, hash ? hash : password_dummy ());
    if (!entrance->hash || (customer && !entrance->email) ||
        !worker_submit (issuer->workers, entrance_verify, entrance_verified, entrance)) {
        attempts_undo (issuer->attempts, &entrance->attempt);
        token_refuse (asking, TOKEN_UNAVAILABLE, "too many sign-ins at once");
    }
}

// Runs in a worker: touches the entrance only.
static void
entrance_verify (void *job)
{
    struct entrance *entrance = job;
    entrance->right = password_verify (entrance->hash, entrance->asking->message->password);
    entrance->verified = true;
}

// What was typed as an email is not written down when nobody has it.
static void
entrance_refuse (struct entrance *entrance)
{
    struct asking *asking = entrance->asking;
    struct issuer *issuer = request_owner (asking->request);
    char customer[ID_SIZE] = "", account[ID_SIZE];
    id_format ("ACC", asking->client.account, account);
    if (entrance->number)
        id_format ("CUS", entrance->number, customer);
    size_t size;
    uint8_t *record = audit_pack (
        asking->request,
        &(struct audit_change){
            .event = "platform.customers.customer.sign_in_failed",
            .summary = !entrance->number  ? "A sign-in failed: there is no such customer"
                       : !entrance->right ? "A sign-in failed: wrong password"
                                          : "A sign-in failed: the customer is inactive",
            .object_type = "customer",
            .object_id = customer,
            .object_name = entrance->number ? entrance->email : "",
            .account_id = account,
            .revision = entrance->revision,
        },
        &size);
    if (!record)
        token_no_memory (asking);
    else
        store_record_add (issuer->process.db, record, size, entrance_refused, entrance);
}

static void
entrance_verified (void *job)
{
    struct entrance *entrance = job;
    struct asking *asking = entrance->asking;
    if (!entrance->verified) { // the process ends
        token_refuse (asking, TOKEN_UNAVAILABLE, "the password could not be looked at");
        return;
    }
    asking->customer = entrance->number;
    if (!entrance->number || !entrance->right || !entrance->active) {
        entrance_refuse (entrance);
        return;
    }
    struct issuer *issuer = request_owner (asking->request);
    attempts_succeeded (issuer->attempts, &entrance->attempt, zclock_mono ());
    asking->customer_group = entrance->group;
    entrance->done (asking);
}

static void
entrance_refused (void *context, enum store_outcome outcome)
{
    struct entrance *entrance = context;
    switch (outcome) {
    case STORE_OK:
        token_deny (entrance->asking,
                    !entrance->number  ? JETON__V1__GRANT_REASON__GRANT_REASON_UNKNOWN_USER
                    : !entrance->right ? JETON__V1__GRANT_REASON__GRANT_REASON_WRONG_PASSWORD
                                       : JETON__V1__GRANT_REASON__GRANT_REASON_USER_DISABLED,
                    TOKEN_INVALID_GRANT, 0,
                    "the email or the password is wrong, or the customer may not sign in");
        return;
    case STORE_NOT_FOUND:
    case STORE_CONFLICT:
    case STORE_UNAVAILABLE:
    case STORE_UNCERTAIN:
    case STORE_FAILED:
        // Not "no": whether it was right is not told when the trail cannot be written.
        token_refuse (entrance->asking, TOKEN_UNAVAILABLE, "the database is not available");
        return;
    }
}
