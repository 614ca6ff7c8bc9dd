// What a token that is asked for will be for (R13-R16).
#ifndef JETON_ISSUER_ASKING_SCOPE_H
#define JETON_ISSUER_ASKING_SCOPE_H

#include "common/scope/module.h"
#include "services/issuer/token.h"

// In the request's arena.
struct asking_scope {
    bool restricted; // to these resources; false: to none
    size_t n;
    const struct scope_resource *resources; // n, in canonical order
    const char *text;                       // all of it, modules too: SCOPE_TEXT_MAX bytes at most
};

// asking_scope_resolve (asking, done): Works out what is asked for into asking->scope and calls `done`; or ends the request with invalid_scope, which names the part.
void asking_scope_resolve (struct asking *asking, void (*done) (struct asking *asking));

#endif
