// Token, the token endpoint of OAuth 2.0: what its grants have in common. A grant is a row of the table in token.c and a function, which ends the request with one of the
// calls below.
#ifndef JETON_ISSUER_TOKEN_H
#define JETON_ISSUER_TOKEN_H

#include "common/scope/module.h"
#include "issuer.pb-c.h"
#include "services/issuer/attempts.h"
#include "services/issuer/grant.h"
#include "services/issuer/issuer.h"
#include "services/issuer/store.h"
#include <sodium.h>

enum { ACCESS_JTI_SIZE = sodium_base64_ENCODED_LEN (16, sodium_base64_VARIANT_URLSAFE_NO_PADDING) };

struct access;
struct asking;
struct store_opaque;

// What a client comes for: a token of some kind, to revoke one, or, by way of a user, a code. Up to where it has proved itself that is the same.
struct endpoint {
    const char *aims;                        // "asked for a token": what it did, for the trail
    bool grants;                             // what is refused is counted as a grant's refusal
    void (*proven) (struct asking *asking);  // it has proved itself
    const ProtobufCMessageDescriptor *reply; // that has a TokenReply's refusal; NULL: it is one
    void (*refused) (struct asking *asking,  // NULL: nothing is to be said but that
                     const Jeton__V1__TokenReply *refusal);
    void (*given) (struct asking *asking, // NULL: so is what is given
                   const Jeton__V1__TokenReply *reply);
};

// A token that is asked for, in the request's arena.
struct asking {
    struct request *request;
    const struct endpoint *endpoint;
    const Jeton__V1__TokenRequest *message;
    const struct grant_type *type;
    Jeton__V1__Environment environment; // live or test
    char place[CIDR_PLACE_SIZE]; // of the client, as what it asks for and what failed is counted
    int64_t number;              // of the client's id
    bool known;                  // there is such a client: what follows is its
    struct store_client client;  // texts in the arena
    bool right;                  // it proved itself, as far as its kind can
    int64_t customer, user; // whom the token stands for, one of these; both 0: the client itself
    int64_t customer_group; // 0: no group
    bool beside;            // what is given is a customer's token (R22)
    int64_t issued_at;      // when what is given was signed
    const char
        *granted; // by a refresh token or code: the scope is of that at most; NULL: it is neither
    const struct asking_scope *scope; // asking_scope.h: what is granted
    struct store_opaque *opaque; // opaque.h: of the access token that is made; NULL: it has no row
};

// One grant, by its grant_type.
struct grant_type {
    const char *name;
    Jeton__V1__GrantType type;
    unsigned kinds; // of clients that may use it (R17): bits 1 << ClientKind
    void (*run) (
        struct asking
            *asking); // the client is known, proved itself and may use it; NULL: not given yet
};

// asking_new (request, endpoint, message): Of a request that is no TokenRequest, taken as one: message, with what its client proves itself with, if the endpoint asks for that (it has `proven`);
// copied into the arena. Its address is set. NULL: the request has been answered.
struct asking *asking_new (struct request *request, const struct endpoint *endpoint,
                           Jeton__V1__TokenRequest *message) __attribute__ ((warn_unused_result));
// asking_refuse (asking, refusal): Ends the request with a reply of its endpoint's kind that says so, and nothing else. Needs no memory.
void asking_refuse (const struct asking *asking, const Jeton__V1__TokenReply *refusal);

enum token_error {
    TOKEN_INVALID_REQUEST,
    TOKEN_INVALID_CLIENT,
    TOKEN_INVALID_GRANT,
    TOKEN_UNAUTHORIZED_CLIENT,
    TOKEN_UNSUPPORTED_GRANT_TYPE,
    TOKEN_INVALID_SCOPE,
    TOKEN_UNSUPPORTED_TOKEN_TYPE,
    TOKEN_UNSUPPORTED_RESPONSE_TYPE,
    TOKEN_ACCESS_DENIED,
    TOKEN_INVALID_TOKEN, // RFC 6750
    TOKEN_TOO_MANY,      // temporarily_unavailable with 429
    TOKEN_UNAVAILABLE,   // temporarily_unavailable with 503
};

// token_refuse (asking, error, format, …): Ends the request with an error that is not counted: the request is malformed, or nobody can tell.
void token_refuse (struct asking *asking, enum token_error error, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));
// token_deny (asking, reason, error, retry_ms, format, …): Counts the refusal, then ends the request with it; with 503, if it cannot be counted (R39).
void token_deny (struct asking *asking, Jeton__V1__GrantReason reason, enum token_error error,
                 int64_t retry_ms, const char *format, ...) __attribute__ ((format (printf, 5, 6)));
// token_sign (asking, jti_r, reply_r): Makes an access token of the asking's client and scope, in the client's form; reply_r has it, and what is said of it: texts in the arena. Has it a row
// (asking->opaque), that is stored before the token is told. False: the request has been answered.
bool token_sign (struct asking *asking, char jti_r[ACCESS_JTI_SIZE], Jeton__V1__TokenReply *reply_r)
    __attribute__ ((warn_unused_result));
// token_answer (asking, jti, reply): Counts what is given, then ends the request with it; with 503, if it cannot be counted (R39).
void token_answer (struct asking *asking, const char *jti, const Jeton__V1__TokenReply *reply);
// token_give (asking): All of that; JWTs are signed together with others (mint.h). token_minted (asking, jti, jwt, why): Goes on when the token is signed; it is in the arena. NULL: it is not, and why.
void token_give (struct asking *asking);
void token_minted (struct asking *asking, const char *jti, char *jwt, const char *why);
// token_access (asking): What its token says, signed now.
struct access token_access (struct asking *asking);
// token_no_memory (asking): Ends the request: it needs more than its arena has.
void token_no_memory (struct asking *asking);

// token_client_copy (asking, client): What is known of the client, kept in the request's arena. False: the request has been answered.
bool token_client_copy (struct asking *asking, const struct store_client *client)
    __attribute__ ((warn_unused_result));
// token_address (asking): From where is it asked? Sets place.
void token_address (struct asking *asking);
// token_limited (asking): Counts a request of the client and address of the asking (R20). True: there were too many; the request has been answered.
bool token_limited (struct asking *asking) __attribute__ ((warn_unused_result));
// token_client_check (asking): Has the message what a client proves itself with, and is nothing too long? False: the request has been answered.
bool token_client_check (struct asking *asking) __attribute__ ((warn_unused_result));
// client_authenticate (asking): Reads the client and looks whether it proves itself; its endpoint's `proven` goes on, or the request is ended (client.c).
void client_authenticate (struct asking *asking);

// The grants. grant_client_credentials (asking): for the client itself (grant_client.c). grant_password (asking): for a customer (grant_password.c).
// grant_code (asking): for a user who has consented (grant_code.c). grant_refresh (asking): for whom a refresh token was given (grant_refresh.c).
void grant_client_credentials (struct asking *asking);
void grant_password (struct asking *asking);
void grant_code (struct asking *asking);
void grant_refresh (struct asking *asking);

#endif
