// Pictures that others upload: what they are, by their content, and whether they are whole.
#ifndef JETON_IMAGE_H
#define JETON_IMAGE_H

#include "common/error/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Pixels of a side, at most: a few bytes can stand for a picture that needs gigabytes when it is shown.
enum { IMAGE_SIDE_MAX = 4096 };

enum image_type { IMAGE_PNG, IMAGE_JPEG, IMAGE_WEBP };

struct image {
    enum image_type type;
    uint32_t width, height; // 1 to IMAGE_SIDE_MAX
};

// image_recognise (data, size, image_r, error_r): Is this a PNG (W3C PNG, second edition), JPEG (ITU-T T.81, the kinds that browsers show) or WebP
// (RFC 9649), complete, and nothing else besides? The structure is looked at from the first byte to the last, checksums too where the
// format has them; compressed pixels are not unpacked. False: error_r says why not, in words that go on after the name of
// a field ("is a PNG that …"). Linear in `size`; allocates nothing; never reads beyond `size`.
bool image_recognise (const uint8_t *data, size_t size, struct image *image_r,
                      struct error *error_r) __attribute__ ((warn_unused_result));

// image_content_type (type): "image/png", "image/jpeg", "image/webp".
const char *image_content_type (enum image_type type);

#endif
