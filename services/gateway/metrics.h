// Prometheus' text format (version 0.0.4), of what processes answer to Stats/Get.
//
// A figure "validator.cache_hits" becomes jeton_validator_cache_hits_total, with the labels `service` and `instance` before its own; times are in seconds, whatever they are counted in. What
// Prometheus would not take is left out: names and labels that are none, and figures that others call the same and mean something else by.
#ifndef JETON_GATEWAY_METRICS_H
#define JETON_GATEWAY_METRICS_H

#include "health.pb-c.h"

#include <stdbool.h>
#include <stddef.h>

struct metrics;

// metrics_new (limit): Without any yet; of that many bytes at most. metrics_destroy (&metrics): NULL-safe.
struct metrics *metrics_new (size_t limit) __attribute__ ((returns_nonnull));
void metrics_destroy (struct metrics **metrics_p);

// metrics_add (metrics, stat, service, instance): One more. Beyond the limit nothing is added any more.
void metrics_add (struct metrics *metrics, const Jeton__V1__Stat *stat, const char *service,
                  const char *instance);

// metrics_text (metrics, &size_r): All of them, by name, those of the same name together. The caller frees it. NULL: there were more than the limit.
char *metrics_text (const struct metrics *metrics, size_t *size_r)
    __attribute__ ((warn_unused_result));

#endif
