// Tokens that are signed together: those that are ready in one turn of the loop, or while others are being signed, go to threads of their own, some at a time,
// and are answered together. So the loop goes on meanwhile, and what wakes a thread, here and in libzmq, is paid once for many.
#ifndef JETON_ISSUER_MINT_H
#define JETON_ISSUER_MINT_H

#include "services/issuer/token.h"

struct mint;

// mint_new (issuer): With `signing_threads` threads.
struct mint *mint_new (struct issuer *issuer) __attribute__ ((returns_nonnull));
// mint_destroy (&mint): Before the loop goes. What has not been signed ends as such. NULL-safe.
void mint_destroy (struct mint **mint);

// mint_add (mint, asking): An access token of the asking's client, customer and scope, signed with the key that is active when it is its turn: then token_minted (token.h), in the
// loop's thread, not before this has returned. As many wait at most as there are requests in progress.
void mint_add (struct mint *mint, struct asking *asking);

#endif
