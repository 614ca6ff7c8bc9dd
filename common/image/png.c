// PNG: the signature, then chunks of length, name, data and CRC-32, from IHDR to IEND.
#include "common/image/internal.h"
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { SIGNATURE = 8, NAME = 4, AROUND = 12, HEADER_SIZE = 13, PALETTE_MAX = 256 };
enum color { GREY = 0, TRUE_COLOR = 2, INDEXED = 3, GREY_ALPHA = 4, TRUE_COLOR_ALPHA = 6 };

struct chunk {
    const uint8_t *name, *data;
    uint32_t size;
};

// How far it was read.
struct png {
    const uint8_t *data;
    size_t size, at;
    struct image *image;
    int color, depth;
    bool header, palette, pixels, between, end; // seen so far; between: something since the pixels
};

static uint32_t
big_endian (const uint8_t *data)
{
    return (uint32_t) data[0] << 24 | (uint32_t) data[1] << 16 | (uint32_t) data[2] << 8 | data[3];
}

static bool
letter (uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
chunk_read (struct png *png, struct chunk *chunk_r, struct error *error_r)
{
    size_t left = png->size - png->at;
    const uint8_t *at = png->data + png->at;
    if (left < AROUND || big_endian (at) > left - AROUND)
        return IMAGE_REFUSE (error_r, "is cut off: a chunk at byte %zu goes on beyond its end",
                             png->at);
    *chunk_r = (struct chunk){at + NAME, at + 2 * NAME, big_endian (at)};
    for (int i = 0; i < NAME; i++)
        if (!letter (chunk_r->name[i]))
            return IMAGE_REFUSE (error_r, "is damaged: at byte %zu there is no chunk", png->at);
    uLong crc = crc32 (0, chunk_r->name, NAME + chunk_r->size);
    if (crc != big_endian (chunk_r->data + chunk_r->size))
        return IMAGE_REFUSE (error_r, "is damaged: the checksum of chunk %.4s at byte %zu is wrong",
                             (const char *) chunk_r->name, png->at);
    png->at += AROUND + chunk_r->size;
    return true;
}

static bool
is (const struct chunk *chunk, const char *name)
{
    return memcmp (chunk->name, name, NAME) == 0;
}

// The depths that each colour type may have (table 11.1), as bits.
static bool
depth_good (int color, int depth)
{
    static const unsigned depths[] = {[GREY] = 1 << 1 | 1 << 2 | 1 << 4 | 1 << 8 | 1 << 16,
                                      [TRUE_COLOR] = 1 << 8 | 1 << 16,
                                      [INDEXED] = 1 << 1 | 1 << 2 | 1 << 4 | 1 << 8,
                                      [GREY_ALPHA] = 1 << 8 | 1 << 16,
                                      [TRUE_COLOR_ALPHA] = 1 << 8 | 1 << 16};
    return color <= TRUE_COLOR_ALPHA && depth <= 16 && (depths[color] & 1u << depth);
}

static bool
header_check (struct png *png, const struct chunk *chunk, struct error *error_r)
{
    if (png->header || chunk->size != HEADER_SIZE)
        return IMAGE_REFUSE (error_r, "does not hold together: its header");
    png->header = true;
    png->image->width = big_endian (chunk->data);
    png->image->height = big_endian (chunk->data + 4);
    png->depth = chunk->data[8];
    png->color = chunk->data[9];
    // Compression, filter and interlace methods that there are.
    if (!depth_good (png->color, png->depth) || chunk->data[10] != 0 || chunk->data[11] != 0 ||
        chunk->data[12] > 1)
        return IMAGE_REFUSE (error_r, "is of no kind that there is: its header");
    return true;
}

static bool
palette_check (struct png *png, const struct chunk *chunk, struct error *error_r)
{
    bool room = chunk->size <= 3 * PALETTE_MAX &&
                (png->color != INDEXED || chunk->size <= 3u << png->depth);
    if (png->palette || png->pixels || png->color == GREY || png->color == GREY_ALPHA || !room ||
        chunk->size == 0 || chunk->size % 3 != 0)
        return IMAGE_REFUSE (error_r, "does not hold together: its palette");
    png->palette = true;
    return true;
}

static bool
pixels_check (struct png *png, struct error *error_r)
{
    if (png->between || (png->color == INDEXED && !png->palette))
        return IMAGE_REFUSE (error_r, "does not hold together: its pixels are not where they "
                                      "belong");
    png->pixels = true;
    return true;
}

static bool
chunk_check (struct png *png, const struct chunk *chunk, struct error *error_r)
{
    if (!png->header && !is (chunk, "IHDR"))
        return IMAGE_REFUSE (error_r, "does not begin with its header");
    if (is (chunk, "IHDR"))
        return header_check (png, chunk, error_r);
    if (is (chunk, "IDAT"))
        return pixels_check (png, error_r);
    png->between = png->pixels;
    if (is (chunk, "PLTE"))
        return palette_check (png, chunk, error_r);
    png->end = is (chunk, "IEND");
    if (png->end && (!png->pixels || chunk->size != 0))
        return IMAGE_REFUSE (error_r, "has no pixels");
    // Others are the reader's to know when the first letter is large.
    if (!png->end && chunk->name[0] <= 'Z')
        return IMAGE_REFUSE (error_r, "has a chunk that no reader knows: %.4s",
                             (const char *) chunk->name);
    return true;
}

bool
image_png (const uint8_t *data, size_t size, struct image *image_r, struct error *error_r)
{
    struct png png = {.data = data, .size = size, .at = SIGNATURE, .image = image_r};
    struct chunk chunk;
    while (!png.end)
        if (!chunk_read (&png, &chunk, error_r) || !chunk_check (&png, &chunk, error_r))
            return false;
    if (png.at != size)
        return IMAGE_REFUSE (error_r, "has something after its end, at byte %zu", png.at);
    return true;
}
