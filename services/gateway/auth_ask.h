// How the files of forward-auth share its state: auth.c (asking validators), auth_ask.c (what a proxy asks for), auth_reply.c (the answer). Not for others.
#ifndef JETON_GATEWAY_AUTH_ASK_H
#define JETON_GATEWAY_AUTH_ASK_H

#include "services/gateway/auth_routes.h"
#include "services/gateway/gateway.h"

// What the validators said of those tokens that were allowed. Texts are "" where there is nothing.
struct auth_facts {
    const char *token, *account, *user, *client, *customer, *scope;
    Jeton__V1__TokenKind kind;
    Jeton__V1__Access access;
    int64_t expires_at; // 0: never
    bool limited;       // the next three say how
    uint32_t limit, remaining, reset_s;
};

// One request for a decision; in its exchange's arena.
struct auth {
    struct exchange *exchange;
    struct gateway *gateway;
    uint64_t validation; // in progress; 0: none
    bool envoy;          // asked as Envoy does
    struct auth_wanted wanted;
    const char *customer_token; // beside the store's, or NULL
    struct auth_facts facts;    // of the store's token, while its customer's is asked for
};

// auth_ask (auth): Find out what is asked for: wanted, customer_token. False: the exchange has been answered.
bool auth_ask (struct auth *auth) __attribute__ ((warn_unused_result));

// auth_allow (auth, facts): 200. auth_deny (auth, reply): What the validator said. auth_undecided (auth, why): 503.
void auth_allow (struct auth *auth, const struct auth_facts *facts);
void auth_deny (struct auth *auth, const Jeton__V1__ValidateReply *reply);
void auth_undecided (struct auth *auth, const char *why);

// auth_facts_read (reply, facts_r): What an answer that allows says; the texts are the reply's. False: it does not allow, or is none that makes sense.
bool auth_facts_read (const Jeton__V1__ValidateReply *reply, struct auth_facts *facts_r)
    __attribute__ ((warn_unused_result));
// auth_facts_keep (facts, arena): Texts of their own. False: there is no room.
bool auth_facts_keep (struct auth_facts *facts, struct arena *arena)
    __attribute__ ((warn_unused_result));
// auth_facts_join (facts, customer, arena): What a store's token and its customer's (R22) reach together: less than each. False: nothing, or there is no room.
bool auth_facts_join (struct auth_facts *facts, const struct auth_facts *customer,
                      struct arena *arena) __attribute__ ((warn_unused_result));

#endif
