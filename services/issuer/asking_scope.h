// What a token that is asked for will be for (R13-R16).
#ifndef JETON_ISSUER_ASKING_SCOPE_H
#define JETON_ISSUER_ASKING_SCOPE_H

#include "common/scope/module.h"
#include "services/issuer/token.h"

struct asking_scope {
    struct scope_modules modules;     // may be none
    bool restricted;                  // to these resources; false: to none
    struct scope_resources resources; // in canonical order
    char text[SCOPE_TEXT_MAX + 1];    // all of it
};

// asking_scope_resolve (asking, done): Works out what is asked for into asking->scope and calls `done`; or ends the request with invalid_scope, which names the part.
void asking_scope_resolve (struct asking *asking, void (*done) (struct asking *asking));

#endif
