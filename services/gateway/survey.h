// Asking every instance of every service how it is, at once: each address behind each endpoint of the gateway's settings.
#ifndef JETON_GATEWAY_SURVEY_H
#define JETON_GATEWAY_SURVEY_H

#include "services/gateway/gateway.h"
#include "services/gateway/metrics.h"

enum { SURVEY_ADDRESS_SIZE = 256, SURVEY_REASON_SIZE = 256, SURVEY_VERSION_SIZE = 32 };

// What was heard of one address.
struct survey_instance {
    enum upstream upstream;
    char address[SURVEY_ADDRESS_SIZE]; // "127.0.0.1:7102"
    bool answered;                     // within the setting status_timeout_ms
    bool serving;                      // and it does what it is there for, or stands by to
    const char *state;                 // "serving", "stale", …; "unreachable"
    char reason[SURVEY_REASON_SIZE];   // why it is not serving, or has not answered
    char version[SURVEY_VERSION_SIZE];
    // Private.
    struct survey *survey;
    uint32_t connection;
    uint64_t calls[2]; // open; 0: none
};

struct survey;

// Called once, from the loop: each has answered, or has not in time. The survey is `done`'s to destroy then.
typedef void survey_done (struct survey *survey, void *context);

// survey_new (gateway, metrics, done, context): Begin to ask. metrics NULL: how they are; otherwise their figures as well, which are added to it. `done` is not called before this has
// returned, and not at all when the survey is destroyed first. survey_destroy (&survey): NULL-safe.
struct survey *survey_new (struct gateway *gateway, struct metrics *metrics, survey_done *done,
                           void *context) __attribute__ ((returns_nonnull));
void survey_destroy (struct survey **survey_p);

// survey_instances (survey, &n_r): What was heard, by service.
const struct survey_instance *survey_instances (const struct survey *survey, size_t *n_r);

#endif
