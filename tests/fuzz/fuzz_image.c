// Pictures that somebody uploads (R35).
#include "common/image/image.h"
#include "common/memory/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

// A copy of so many bytes, zeros where there are no more, in memory of exactly that size, so that a sanitizer sees what is read beyond it.
static bool
recognise (const uint8_t *data, size_t size, size_t copied)
{
    struct image image;
    uint8_t *copy = xcalloc (1, copied);
    memcpy (copy, data, copied < size ? copied : size);
    bool good = image_recognise (copy, copied, &image, NULL);
    free (copy);
    return good;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct image image;
    struct error error = {.text = ""};
    if (!image_recognise (data, size, &image, &error)) {
        assert (error.text[0] != '\0');
        for (const char *c = error.text; *c; c++)
            assert ((unsigned char) *c >= ' ' && *c != 0x7f); // safe to show and to log
        return 0;
    }
    assert (image.width >= 1 && image.width <= IMAGE_SIDE_MAX);
    assert (image.height >= 1 && image.height <= IMAGE_SIDE_MAX);
    assert (strncmp (image_content_type (image.type), "image/", 6) == 0);
    // What is whole is not whole any more with a byte less, or with one more.
    assert (recognise (data, size, size) && !recognise (data, size, size - 1) &&
            !recognise (data, size, size + 1));
    return 0;
}
