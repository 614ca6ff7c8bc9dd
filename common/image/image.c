#include "common/image/internal.h"
#include <string.h>

static const struct kind {
    enum image_type type;
    const char *name, *content_type;
    bool (*check) (const uint8_t *data, size_t size, struct image *image_r, struct error *error_r);
    const char *magic; // at the beginning
    size_t length;
    const char *more; // after eight bytes; NULL: nothing
} kinds[] = {
    {IMAGE_PNG, "PNG", "image/png", image_png, "\x89PNG\r\n\x1a\n", 8, NULL},
    {IMAGE_JPEG, "JPEG", "image/jpeg", image_jpeg, "\xff\xd8\xff", 3, NULL},
    {IMAGE_WEBP, "WebP", "image/webp", image_webp, "RIFF", 4, "WEBP"},
};
enum { KINDS = sizeof kinds / sizeof *kinds, MORE_AT = 8, MORE_LENGTH = 4 };

static const struct kind *
kind_find (const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < KINDS; i++) {
        const struct kind *kind = &kinds[i];
        if (size >= MORE_AT + MORE_LENGTH && memcmp (data, kind->magic, kind->length) == 0 &&
            (!kind->more || memcmp (data + MORE_AT, kind->more, MORE_LENGTH) == 0))
            return kind;
    }
    return NULL;
}

bool
image_recognise (const uint8_t *data, size_t size, struct image *image_r, struct error *error_r)
{
    struct error why = {.text = ""};
    const struct kind *kind = kind_find (data, size);
    if (!kind)
        return IMAGE_REFUSE (error_r, "is no PNG, JPEG or WebP: its content counts, not its name");
    image_r->type = kind->type;
    if (!kind->check (data, size, image_r, &why))
        return IMAGE_REFUSE (error_r, "is a %s that %s", kind->name, why.text);
    if (image_r->width >= 1 && image_r->width <= IMAGE_SIDE_MAX && image_r->height >= 1 &&
        image_r->height <= IMAGE_SIDE_MAX)
        return true;
    return IMAGE_REFUSE (error_r, "must be 1 to %d pixels wide and high, not %u by %u",
                         IMAGE_SIDE_MAX, (unsigned) image_r->width, (unsigned) image_r->height);
}

const char *
image_content_type (enum image_type type)
{
    return kinds[type].content_type;
}
