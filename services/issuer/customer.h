// Customers who sign in, by any grant that asks for their email and password.
#ifndef JETON_ISSUER_CUSTOMER_H
#define JETON_ISSUER_CUSTOMER_H

#include "services/issuer/token.h"

// customer_sign_in (asking, field, done): The customer of the client's account whose email is the message's username, and whose password is its password. `field` is what the caller
// calls the first of these. `done` goes on, with asking's customer and customer_group set, and its client's generation that of both together; or the request is ended.
void customer_sign_in (struct asking *asking, const char *field,
                       void (*done) (struct asking *asking));

#endif
