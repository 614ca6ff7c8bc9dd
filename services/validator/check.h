// Validations in progress: for validate.c, which begins and ends them, and check_jwt.c, which finds out what a JWT is worth.
#ifndef JETON_VALIDATOR_CHECK_H
#define JETON_VALIDATOR_CHECK_H

#include "common/journal/counting.h"
#include "common/token/id.h"
#include "services/validator/cache.h"
#include "services/validator/decide.h"
#include "services/validator/store.h"
#include "services/validator/use.h"
#include "services/validator/validator.h"
#include "validator.pb-c.h"

struct batch;

// What a JWT says of itself.
struct check_claims {
    int64_t user, account, expires_at; // user: of a login token
    struct store_client_token client;  // of a client's: instead of that; texts in the arena
    bool of_customer;                  // it is a customer's token (R22)
    bool refreshed;                    // its key was not known, and the keys have been read again
    uint64_t verified;                 // the cache's stamp of when its signature was checked
};

// One validation in progress. It is wiped after each: what few have is behind a pointer.
struct check {
    struct batch *batch;
    const Jeton__V1__ValidateRequest *request;
    Jeton__V1__ValidateReply *reply;
    struct wanted wanted; // but for the module, whose number is asked for when it is needed
    struct cache_key key;
    struct use_subject subject;
    char token_id[ID_SIZE], account_id[ID_SIZE]; // of the reply
    Jeton__V1__Environment environment;          // the token's, once it is known
    char *jti; // of an access token that is not in memory; NULL: there was no room for it
    struct check_claims *claims; // of a JWT that is not in memory; NULL: not looked at yet
};

// What one frame asked for: one validation or several.
struct batch {
    struct validator *validator;
    struct request *request;
    bool single;
    void (*answer) (
        struct check *check); // of an introspection, with its reply set; NULL: validations
    bool only_known;          // what would have to be looked up is left unanswered
    bool brief;               // replies have numbers in the place of ids
    bool sure;                // what is in memory may be believed
    int64_t now_ms;
    char *challenge; // the last WWW-Authenticate; NULL: none yet
    Jeton__V1__Reason challenged;
    struct journal_use use; // of the check that was counted last; its peer is everybody's
    size_t n, pending;
    struct check *checks;
    Jeton__V1__ValidateReply *replies;
    Jeton__V1__ValidateReply **pointers;
};

// check_end (check, reason): Count it and set the reply; the last one of a batch answers it. check_refuse (check): The same of what is no token, which no look at the
// database was spent on.
void check_end (struct check *check, Jeton__V1__Reason reason);
void check_refuse (struct check *check);

// check_decide (check, facts): What follows of what is known of the token; ends it, now or when other validators have said how often it was used.
void check_decide (struct check *check, const struct facts *facts);

// check_run (request, message, answer): Find out what the token of the message is, whatever it is wanted for: `answer` ends the request. No use of it: it is neither counted
// nor limited. The message lives as long as the request.
void check_run (struct request *request, Jeton__V1__ValidateRequest *message,
                void (*answer) (struct check *check));

// check_text (text): The text, or "" for NULL: where the arena is full, the decision stands without a text.
char *check_text (char *text);

// check_jwt (check, length): What has the form of a JWT, and is not in memory. Ends it, now or later.
void check_jwt (struct check *check, size_t length);

// check_opaque (check, length): The same of an opaque access token. check_opaque_key (validator, token, length, key_r): What it is found by. False: its check part is wrong.
void check_opaque (struct check *check, size_t length);
bool check_opaque_key (const struct validator *validator, const char *token, size_t length,
                       struct store_opaque_key *key_r) __attribute__ ((warn_unused_result));

#endif
