// Answers that are kept as libmicrohttpd has them, to be sent again: to make one costs it three allocations for each header, and as much again to free it. What is kept is an answer to be
// written, and never whether it is the right one: who has made up his mind to give it says all that it consists of, and gets it only if that is the same to the letter.
//
// A table with one place for each answer that falls there. An answer takes a place when it is asked for the second time in a row there, so that those that come once only (their numbers
// change, or there are too many tokens) put nobody out, and cost no more than the look. One thread.
#ifndef JETON_GATEWAY_HTTP_KEPT_H
#define JETON_GATEWAY_HTTP_KEPT_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kept;

// One that is kept, or was until another took its place: it lives as long as it has users.
struct kept_answer {
    struct MHD_Response *response;
    unsigned users; // private from here
    size_t size;
    char text[];
};

// kept_new (n): With so many places; 0: nothing is kept. kept_destroy (&kept): Answers that have users live on. NULL-safe.
struct kept *kept_new (size_t n) __attribute__ ((returns_nonnull));
void kept_destroy (struct kept **kept_p);

// kept_find (kept, text, size, keep_r): The answer that was kept with this text, with one more user; NULL: none. Then *keep_r says whether it is to be kept from now on: whoever makes it gives it to kept_put.
struct kept_answer *kept_find (struct kept *kept, const char *text, size_t size, bool *keep_r)
    __attribute__ ((warn_unused_result));
// kept_put (kept, text, size, response): Takes the response and keeps it, in the place of what was there. Directly after the kept_find of the same text. Returned with a user.
struct kept_answer *kept_put (struct kept *kept, const char *text, size_t size,
                              struct MHD_Response *response)
    __attribute__ ((warn_unused_result, returns_nonnull));
// kept_give (&answer): One user less. NULL-safe.
void kept_give (struct kept_answer **answer_p);

#endif
