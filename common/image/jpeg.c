// JPEG: segments from SOI to EOI, and compressed data after each SOS.
#include "common/image/internal.h"

enum marker {
    SOF0 = 0xc0, // baseline
    SOF2 = 0xc2, // progressive; SOF1 is extended sequential
    DHT = 0xc4,
    JPG = 0xc8,
    DAC = 0xcc,
    SOF15 = 0xcf,
    RST0 = 0xd0,
    RST7 = 0xd7,
    SOI = 0xd8,
    EOI = 0xd9,
    SOS = 0xda,
    DQT = 0xdb,
    DNL = 0xdc,
};
enum { LENGTH = 2, COMPONENTS_MAX = 4 };

// How far it was read.
struct jpeg {
    const uint8_t *data;
    size_t size, at;
    struct image *image;
    bool frame, tables, scan; // seen so far
    int components;
};

static unsigned
big_endian (const uint8_t *data)
{
    return (unsigned) data[0] << 8 | data[1];
}

static bool
cut_off (struct error *error_r)
{
    return IMAGE_REFUSE (error_r, "is cut off: its end is missing");
}

// The next marker; it may be preceded by any number of 0xff.
static bool
marker_read (struct jpeg *jpeg, int *marker_r, struct error *error_r)
{
    size_t begin = jpeg->at;
    while (jpeg->at < jpeg->size && jpeg->data[jpeg->at] == 0xff)
        jpeg->at++;
    if (jpeg->at == jpeg->size)
        return cut_off (error_r);
    if (jpeg->at == begin || jpeg->data[jpeg->at] == 0)
        return IMAGE_REFUSE (error_r, "is damaged: at byte %zu there is no marker", begin);
    *marker_r = jpeg->data[jpeg->at++];
    return true;
}

// A frame's header: precision, height, width, and three bytes for each component.
static bool
frame_check (struct jpeg *jpeg, int marker, const uint8_t *body, size_t size, struct error *error_r)
{
    if (marker > SOF2)
        return IMAGE_REFUSE (error_r, "is of a kind that browsers do not show (lossless, "
                                      "hierarchical or arithmetic)");
    if (jpeg->frame || size < 6 || body[0] != 8 || body[5] < 1 || body[5] > COMPONENTS_MAX ||
        size != 6 + 3u * body[5])
        return IMAGE_REFUSE (error_r, "does not hold together: its frame header");
    jpeg->frame = true;
    jpeg->image->height = big_endian (body + 1);
    jpeg->image->width = big_endian (body + 3);
    jpeg->components = body[5];
    return true;
}

// A scan's header, and its compressed data: in it, a 0xff is followed by 0 or a restart marker.
static bool
scan_check (struct jpeg *jpeg, const uint8_t *body, size_t size, struct error *error_r)
{
    if (!jpeg->frame || !jpeg->tables || size < 1 || body[0] < 1 || body[0] > jpeg->components ||
        size != 4 + 2u * body[0])
        return IMAGE_REFUSE (error_r, "does not hold together: the header of its pixels");
    size_t begin = jpeg->at;
    for (; jpeg->at < jpeg->size; jpeg->at++) {
        if (jpeg->data[jpeg->at] != 0xff)
            continue;
        if (jpeg->at + 1 == jpeg->size)
            return cut_off (error_r);
        int next = jpeg->data[jpeg->at + 1];
        if (next == 0 || (next >= RST0 && next <= RST7))
            jpeg->at++;
        else if (next != 0xff) // fill bytes before a marker
            break;
    }
    if (jpeg->at >= jpeg->size)
        return cut_off (error_r);
    if (jpeg->at == begin)
        return IMAGE_REFUSE (error_r, "has no pixels");
    jpeg->scan = true;
    return true;
}

static bool
segment_check (struct jpeg *jpeg, int marker, struct error *error_r)
{
    size_t left = jpeg->size - jpeg->at;
    if (marker == SOI || marker == DNL || marker < SOF0 || (marker >= RST0 && marker <= RST7))
        return IMAGE_REFUSE (error_r, "is damaged: marker %02x before byte %zu", (unsigned) marker,
                             jpeg->at);
    if (left < LENGTH || big_endian (jpeg->data + jpeg->at) > left)
        return cut_off (error_r);
    size_t size = big_endian (jpeg->data + jpeg->at);
    if (size < LENGTH)
        return IMAGE_REFUSE (error_r, "is damaged: a segment at byte %zu is too short", jpeg->at);
    const uint8_t *body = jpeg->data + jpeg->at + LENGTH;
    jpeg->at += size;
    size -= LENGTH;
    if (marker == DQT)
        jpeg->tables = true;
    if (marker == SOS)
        return scan_check (jpeg, body, size, error_r);
    if (marker <= SOF15 && marker != DHT && marker != JPG && marker != DAC)
        return frame_check (jpeg, marker, body, size, error_r);
    return true;
}

bool
image_jpeg (const uint8_t *data, size_t size, struct image *image_r, struct error *error_r)
{
    struct jpeg jpeg = {.data = data, .size = size, .at = 2, .image = image_r};
    int marker;
    for (;;) {
        if (!marker_read (&jpeg, &marker, error_r))
            return false;
        if (marker == EOI)
            break;
        if (!segment_check (&jpeg, marker, error_r))
            return false;
    }
    if (!jpeg.scan)
        return IMAGE_REFUSE (error_r, "has no pixels");
    if (jpeg.at != size)
        return IMAGE_REFUSE (error_r, "has something after its end, at byte %zu", jpeg.at);
    return true;
}
