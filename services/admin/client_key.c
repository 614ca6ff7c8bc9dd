// The keys that a client proves itself with (RFC 7523): public, as a JWK set.
#include "common/token/client_keys.h"
#include "services/admin/client.h"

bool
client_jwks_check (struct request *request, Jeton__V1__ClientKind kind, const char *jwks)
{
    if (!*jwks)
        return true;
    if (kind == JETON__V1__CLIENT_KIND__CLIENT_KIND_SALES_CHANNEL) {
        request_fail_field (request, "jwks",
                            "must be none for a sales channel: it is public, and proves nothing");
        return false;
    }
    struct error error;
    struct client_keys *keys = client_keys_read (jwks, &error);
    if (!keys)
        request_fail_field (request, "jwks", "%s", error.text);
    bool good = keys != NULL;
    client_keys_destroy (&keys);
    return good;
}
