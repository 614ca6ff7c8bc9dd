#include "tests/property/view.h"
#include "common/memory/memory.h"
#include "types.pb-c.h"
#include <stdlib.h>
#include <string.h>

static int
compare (const void *a, const void *b)
{
    const Jeton__V1__ModuleGrant *const *left = a, *const *right = b;
    return strcmp ((*left)->module, (*right)->module);
}

struct view_hash
view_hash (ProtobufCMessage *message)
{
    struct view_hash hash = {.known = true};
    if (message->descriptor == &jeton__v1__token__descriptor) {
        Jeton__V1__Token *token = (Jeton__V1__Token *) message;
        token->expired = token->expiring = token->unrotated = false;
        token->grace_until = token->last_access_at = 0;
        if (token->n_modules > 1)
            qsort (token->modules, token->n_modules, sizeof (Jeton__V1__ModuleGrant *), compare);
    }
    size_t size = protobuf_c_message_get_packed_size (message);
    cleanup_free uint8_t *packed = xcalloc (1, size + 1);
    protobuf_c_message_pack (message, packed);
    crypto_generichash (hash.bytes, sizeof hash.bytes, packed, size, NULL, 0);
    return hash;
}

bool
view_equal (const struct view_hash *a, const struct view_hash *b)
{
    return a->known == b->known && memcmp (a->bytes, b->bytes, sizeof a->bytes) == 0;
}
