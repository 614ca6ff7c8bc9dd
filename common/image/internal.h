// What the files of common/image share. Not for others.
#ifndef JETON_IMAGE_INTERNAL_H
#define JETON_IMAGE_INTERNAL_H

#include "common/image/image.h"

// image_png (data, size, image_r, error_r) and so on: The data begins as one of its kind; is all of it one? error_r goes on after "is a PNG that ".
bool image_png (const uint8_t *data, size_t size, struct image *image_r, struct error *error_r)
    __attribute__ ((warn_unused_result));
bool image_jpeg (const uint8_t *data, size_t size, struct image *image_r, struct error *error_r)
    __attribute__ ((warn_unused_result));
bool image_webp (const uint8_t *data, size_t size, struct image *image_r, struct error *error_r)
    __attribute__ ((warn_unused_result));

// IMAGE_REFUSE (error_r, format, …): error_set, as what a check returns.
#define IMAGE_REFUSE(error_r, ...) (error_set (error_r, __VA_ARGS__), false)

#endif
