// TLS of the gateway, for a system that has no certificate of its own yet: what browsers and curl trust when they are told to.
#ifndef JETON_CLI_TLS_H
#define JETON_CLI_TLS_H

#include "services/cli/keyring.h"

// tls_fill (keyring): Make what is missing of tls-ca.key and tls-ca.pem (a CA of this system's own, which can sign for the names below only), tls.key and
// tls.pem (a certificate by it, P-256, for localhost, jeton.localhost, gateway, 127.0.0.1 and ::1). Certificates of this CA with less than 30 days left are made
// anew, for the same keys. A certificate that is not by this CA is the operator's own: nothing is touched then.
bool tls_fill (struct keyring *keyring) __attribute__ ((warn_unused_result));

#endif
