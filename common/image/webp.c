// WebP: chunks of name, length, data and padding in a RIFF file. A simple file has one chunk of pixels; an extended one begins with VP8X, and may have
// frames, which hold chunks themselves.
#include "common/image/internal.h"
#include <string.h>

enum { HEADER = 12, NAME = 4, CHUNK = 8, EXTENDED_SIZE = 10, FRAME_HEADER = 16 };
enum { ANIMATION = 0x02 }; // of the flags of VP8X

// A run of chunks, and how far it was read.
struct run {
    const uint8_t *data;
    size_t size, at;
};
struct chunk {
    const uint8_t *name, *data;
    size_t size;
};

static uint32_t
little_endian (const uint8_t *data, int bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint32_t) data[i] << 8 * i;
    return value;
}

static bool
is (const struct chunk *chunk, const char *name)
{
    return memcmp (chunk->name, name, NAME) == 0;
}

static bool
chunk_read (struct run *run, struct chunk *chunk_r, struct error *error_r)
{
    size_t left = run->size - run->at;
    const uint8_t *at = run->data + run->at;
    if (left < CHUNK || little_endian (at + NAME, 4) > left - CHUNK)
        return IMAGE_REFUSE (error_r, "is cut off: one of its parts goes on beyond its end");
    *chunk_r = (struct chunk){at, at + CHUNK, little_endian (at + NAME, 4)};
    run->at += CHUNK + chunk_r->size;
    if (chunk_r->size % 2 == 0)
        return true;
    if (run->at == run->size || run->data[run->at] != 0)
        return IMAGE_REFUSE (error_r, "is damaged: one of its parts is not padded");
    run->at++;
    return true;
}

// A key frame that is shown, of a version that there is (RFC 6386, 9.1).
static bool
lossy_check (const struct chunk *chunk, struct image *image_r)
{
    enum { TAG = 3, FRAME = 10 };
    if (chunk->size <= FRAME)
        return false;
    uint32_t tag = little_endian (chunk->data, TAG);
    image_r->width = little_endian (chunk->data + 6, 2) & 0x3fff;
    image_r->height = little_endian (chunk->data + 8, 2) & 0x3fff;
    return (tag & 1) == 0 && (tag >> 1 & 7) <= 3 && (tag >> 4 & 1) == 1 &&
           tag >> 5 <= chunk->size - FRAME && memcmp (chunk->data + TAG, "\x9d\x01\x2a", 3) == 0;
}

// One byte of signature, then 14 bits for each side, one of alpha and three of version (RFC 9649, 3.4).
static bool
lossless_check (const struct chunk *chunk, struct image *image_r)
{
    enum { HEAD = 5 };
    if (chunk->size <= HEAD || chunk->data[0] != 0x2f)
        return false;
    uint32_t bits = little_endian (chunk->data + 1, 4);
    image_r->width = (bits & 0x3fff) + 1;
    image_r->height = (bits >> 14 & 0x3fff) + 1;
    return bits >> 29 == 0;
}

static bool
is_pixels (const struct chunk *chunk)
{
    return is (chunk, "VP8 ") || is (chunk, "VP8L");
}

static bool
pixels_check (const struct chunk *chunk, struct image *image_r, struct error *error_r)
{
    if (is (chunk, "VP8 ") ? lossy_check (chunk, image_r) : lossless_check (chunk, image_r))
        return true;
    return IMAGE_REFUSE (error_r, "is damaged: the header of its pixels");
}

// A frame of an animation: where it is, its size, and its pixels.
static bool
frame_check (const struct chunk *frame, const struct image *canvas, struct error *error_r)
{
    if (frame->size < FRAME_HEADER)
        return IMAGE_REFUSE (error_r, "is damaged: one of its frames");
    uint32_t x = 2 * little_endian (frame->data, 3), y = 2 * little_endian (frame->data + 3, 3);
    uint32_t width = little_endian (frame->data + 6, 3) + 1,
             height = little_endian (frame->data + 9, 3) + 1;
    struct run run = {frame->data + FRAME_HEADER, frame->size - FRAME_HEADER, 0};
    struct image pixels = {.width = 0};
    struct chunk chunk;
    bool found = false;
    while (run.at < run.size) {
        if (!chunk_read (&run, &chunk, error_r))
            return false;
        if (!is_pixels (&chunk))
            continue;
        if (found || !pixels_check (&chunk, &pixels, error_r))
            return IMAGE_REFUSE (error_r, "is damaged: one of its frames");
        found = true;
    }
    if (!found || pixels.width != width || pixels.height != height || x + width > canvas->width ||
        y + height > canvas->height)
        return IMAGE_REFUSE (error_r, "does not hold together: one of its frames");
    return true;
}

static bool
extended_check (struct run *run, const struct chunk *head, struct image *image_r,
                struct error *error_r)
{
    if (head->size != EXTENDED_SIZE)
        return IMAGE_REFUSE (error_r, "does not hold together: its header");
    bool animated = head->data[0] & ANIMATION;
    image_r->width = little_endian (head->data + 4, 3) + 1;
    image_r->height = little_endian (head->data + 7, 3) + 1;
    struct image pixels = {.width = 0};
    struct chunk chunk;
    bool found = false, control = false;
    while (run->at < run->size) {
        if (!chunk_read (run, &chunk, error_r))
            return false;
        control = control || is (&chunk, "ANIM");
        if (is (&chunk, "VP8X") || (is_pixels (&chunk) && (animated || found)) ||
            (is (&chunk, "ANMF") && (!animated || !control)))
            return IMAGE_REFUSE (error_r, "does not hold together: a part that is out of place");
        if (is (&chunk, "ANMF") && !frame_check (&chunk, image_r, error_r))
            return false;
        if (is_pixels (&chunk) && !pixels_check (&chunk, &pixels, error_r))
            return false;
        found = found || is_pixels (&chunk) || is (&chunk, "ANMF");
    }
    if (!found)
        return IMAGE_REFUSE (error_r, "has no pixels");
    if (!animated && (pixels.width != image_r->width || pixels.height != image_r->height))
        return IMAGE_REFUSE (error_r, "does not hold together: its size");
    return true;
}

bool
image_webp (const uint8_t *data, size_t size, struct image *image_r, struct error *error_r)
{
    uint32_t told = little_endian (data + NAME, 4);
    if (told > size - CHUNK)
        return IMAGE_REFUSE (error_r, "is cut off: it has %zu bytes, and tells of %u", size,
                             (unsigned) told);
    if (told < size - CHUNK)
        return IMAGE_REFUSE (error_r, "has something after its end");
    struct run run = {data, size, HEADER};
    struct chunk chunk;
    if (!chunk_read (&run, &chunk, error_r))
        return false;
    if (is (&chunk, "VP8X"))
        return extended_check (&run, &chunk, image_r, error_r);
    if (!is_pixels (&chunk))
        return IMAGE_REFUSE (error_r, "does not begin with its header or its pixels");
    if (!pixels_check (&chunk, image_r, error_r))
        return false;
    if (run.at != run.size)
        return IMAGE_REFUSE (error_r, "has something after its pixels");
    return true;
}
