// Tokens that reach less than their client, by a list of modules that a setting names: "orders,addresses".
#ifndef JETON_ISSUER_NARROW_H
#define JETON_ISSUER_NARROW_H

#include "services/issuer/token.h"

enum narrow_others {
    NARROW_DROP, // modules that are not in the list are not reached
    NARROW_READ, // they are read only
};

// narrow_check (name, list, error_r): Is the setting of this name a list of names of modules, or empty?
bool narrow_check (const char *name, const char *list, struct error *error_r)
    __attribute__ ((warn_unused_result));

// narrow_scopes (asking, list, others): What the asking's client may have becomes less: in the list as before. False: the request has been answered; also where nothing is left of what there was.
bool narrow_scopes (struct asking *asking, const char *list, enum narrow_others others)
    __attribute__ ((warn_unused_result));

#endif
