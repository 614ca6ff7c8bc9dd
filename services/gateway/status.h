// /metrics, /healthz and /readyz, for the monitoring (METRICS.md).
#ifndef JETON_GATEWAY_STATUS_H
#define JETON_GATEWAY_STATUS_H

#include "services/gateway/gateway.h"

// status_new (gateway): Nothing is asked yet. status_destroy (&status): After the gateway's http, before its clients. NULL-safe.
struct status *status_new (struct gateway *gateway) __attribute__ ((returns_nonnull));
void status_destroy (struct status **status_p);

#endif
