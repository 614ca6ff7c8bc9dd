// What the gateway receives, before its HTTP library does (R27, R46): whatever it is, it is judged the same in one piece and in many, and what is let through has no byte that a
// head may not have. The first byte says how it is cut.
// objects: services/gateway/guard.o
#include "services/gateway/guard.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum { LIMIT = 1024 };

static size_t
feed (struct guard *guard, const uint8_t *data, size_t size, size_t piece)
{
    size_t passed = 0;
    guard_begin (guard, LIMIT);
    for (size_t at = 0; at < size && guard->status == 0; at += piece) {
        size_t n = piece < size - at ? piece : size - at;
        char *copy = calloc (1, n + 1); // so that a sanitizer sees what is not there
        memcpy (++copy, data + at, n);
        enum guard_phase before = guard->phase;
        size_t good = guard_feed (guard, copy, n);
        assert (good <= n && (guard->status || good == n));
        // A byte that comes in a head, and ends nothing but a line, is none that only a body may have.
        if (n == 1 && good == 1 && before == GUARD_HEAD)
            assert (copy[0] == '\t' || copy[0] == '\r' || copy[0] == '\n' ||
                    (unsigned char) copy[0] >= 0x20);
        free (copy - 1);
        passed += good;
    }
    return passed;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct guard whole, pieces, bytes;
    char text[GUARD_ANSWER];
    size_t passed = feed (&whole, data + 1, size - 1, size);
    feed (&pieces, data + 1, size - 1, 1 + data[0]);
    size_t last = feed (&bytes, data + 1, size - 1, 1);
    assert (whole.status == pieces.status && whole.status == bytes.status);
    assert (whole.phase == pieces.phase && whole.phase == bytes.phase);
    assert (whole.body == bytes.body && passed <= last);
    if (whole.status)
        assert (strcmp (whole.why, bytes.why) == 0 && guard_answer (&whole, text) > 0);
    return 0;
}
