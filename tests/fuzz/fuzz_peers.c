// The peers file.
#include "common/rpc/peers.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct error error = {.text = ""};
    struct peers *peers = peers_parse ((const char *) data, size, &error);
    if (peers == NULL) {
        assert (error.text[0] != '\0');
        return 0;
    }
    const struct peer *peer = peers_by_name (peers, "admin");
    if (peer != NULL)
        assert (peers_by_key (peers, peer->key) == peer && peer->roles != 0 &&
                strlen (peer->key) == 40);
    peers_destroy (&peers);
    return 0;
}
