// What is taken for a picture, and what is not (R35). The good ones are those of the fuzzer's corpus.
#include "common/image/image.h"
#include "common/memory/memory.h"
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const struct good {
    const char *name;
    enum image_type type;
} goods[] = {
    {"truecolor.png", IMAGE_PNG},  {"alpha.png", IMAGE_PNG},        {"palette.png", IMAGE_PNG},
    {"grey.png", IMAGE_PNG},       {"interlaced.png", IMAGE_PNG},   {"baseline.jpg", IMAGE_JPEG},
    {"grey.jpg", IMAGE_JPEG},      {"progressive.jpg", IMAGE_JPEG}, {"lossy.webp", IMAGE_WEBP},
    {"lossless.webp", IMAGE_WEBP}, {"alpha.webp", IMAGE_WEBP},      {"animated.webp", IMAGE_WEBP},
};
enum { GOODS = sizeof goods / sizeof *goods, ROOM = 65536 };

static size_t
load (const char *name, uint8_t data_r[ROOM])
{
    char path[128];
    snprintf (path, sizeof path, "tests/fuzz/corpus/fuzz_image/%s", name);
    FILE *file = fopen (path, "re");
    ck_assert_msg (file, "%s", path);
    size_t size = fread (data_r, 1, ROOM, file);
    fclose (file);
    ck_assert_uint_gt (size, 0);
    return size;
}

static struct image found;
static struct error why;

// From memory of exactly that size, so that a sanitizer sees what is read beyond it.
static bool
recognise (const void *data, size_t size)
{
    uint8_t *copy = malloc (size > 0 ? size : 1);
    ck_assert_ptr_nonnull (copy);
    memcpy (copy, data, size);
    why.text[0] = '\0';
    bool good = image_recognise (copy, size, &found, &why);
    ck_assert (good == (why.text[0] == '\0'));
    free (copy);
    return good;
}

START_TEST (test_good)
{
    static const char *const types[] = {"image/png", "image/jpeg", "image/webp"};
    uint8_t data[ROOM];
    const struct good *good = &goods[_i];
    size_t size = load (good->name, data);
    ck_assert_msg (recognise (data, size), "%s %s", good->name, why.text);
    ck_assert_uint_eq (found.type, good->type);
    ck_assert_uint_eq (found.width, 24);
    ck_assert_uint_eq (found.height, 16);
    ck_assert_str_eq (image_content_type (found.type), types[good->type]);
}
END_TEST

// Cut off anywhere, or with something behind it.
START_TEST (test_whole)
{
    uint8_t data[ROOM];
    size_t size = load (goods[_i].name, data);
    for (size_t n = 0; n < size; n++)
        ck_assert_msg (!recognise (data, n), "%s of %zu bytes", goods[_i].name, n);
    for (unsigned more = 1; more < 40; more++) {
        memset (data + size, more % 2 == 0 ? 0 : 0xff, more);
        ck_assert_msg (!recognise (data, size + more), "%s and %u bytes", goods[_i].name, more);
    }
}
END_TEST

// A PNG has checksums: any byte that is another one is found.
START_TEST (test_checksums)
{
    uint8_t data[ROOM];
    size_t size = load (goods[_i].name, data);
    ck_assert_uint_eq (goods[_i].type, IMAGE_PNG);
    for (size_t i = 0; i < size; i++) {
        data[i] ^= 1u << i % 8;
        ck_assert_msg (!recognise (data, size), "%s, byte %zu", goods[_i].name, i);
        data[i] ^= 1u << i % 8;
    }
}
END_TEST

START_TEST (test_others)
{
    static const char *const others[] = {
        "",
        "P6 1 1 255 abc",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert (1)</script></svg>",
        "<?xml version=\"1.0\"?><svg/>",
        "GIF89a\1\1\1\1\1\1\1\1\1\1\1\1",
        "BM\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1",
        "RIFF\x10\1\1\1WAVEfmt \1\1\1\1",
        "\x89PNG\n\x1a\n and so on, without its CR",
        "%PDF-1.7 and so on",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        ck_assert_msg (!recognise (others[i], strlen (others[i])), "%s", others[i]);
        ck_assert_ptr_nonnull (strstr (why.text, "no PNG, JPEG or WebP"));
    }
}
END_TEST

// ---- PNGs with good checksums that are wrong otherwise ---------------------------------------------------------------------

static uint8_t png[ROOM];
static size_t png_size;

static void
chunk (const char *name, const void *data, uint32_t size)
{
    uint8_t *at = png + png_size;
    uint32_t length = htonl (size);
    memcpy (at, &length, 4);
    memcpy (at + 4, name, 4);
    if (size > 0)
        memcpy (at + 8, data, size);
    uint32_t crc = htonl ((uint32_t) crc32 (0, at + 4, 4 + size));
    memcpy (at + 8 + size, &crc, 4);
    png_size += 12 + size;
}

static void
begin (uint32_t width, uint32_t height, const char kind[5])
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    uint8_t header[13];
    width = htonl (width);
    height = htonl (height);
    memcpy (header, &width, 4);
    memcpy (header + 4, &height, 4);
    memcpy (header + 8, kind, 5);
    memcpy (png, signature, sizeof signature);
    png_size = 8;
    chunk ("IHDR", header, sizeof header);
}

static void
ends (bool good, const char *says)
{
    ck_assert_msg (recognise (png, png_size) == good, "%s: %s", says, why.text);
    ck_assert_msg (strstr (why.text, says), "%s: %s", says, why.text);
}

static void
plain (uint32_t width, uint32_t height, const char kind[5])
{
    begin (width, height, kind);
    if (kind[1] == 3)
        chunk ("PLTE", "rgb", 3);
    chunk ("IDAT", "x", 1);
    chunk ("IEND", NULL, 0);
}

START_TEST (test_png_header)
{
    plain (1, IMAGE_SIDE_MAX, "\10\2\0\0\0");
    ends (true, "");
    static const uint32_t sides[] = {0, IMAGE_SIDE_MAX + 1, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < 4; i++) {
        plain (sides[i], 1, "\10\2\0\0\0");
        ends (false, "pixels wide and high");
        plain (1, sides[i], "\10\2\0\0\0");
        ends (false, "pixels wide and high");
    }
    // Depth and colour type: 15 pairs are good.
    int good = 0;
    for (int depth = 0; depth < 256; depth++)
        for (int color = 0; color < 256; color++) {
            plain (1, 1, (char[]){(char) depth, (char) color, 0, 0, 0});
            good += recognise (png, png_size);
        }
    ck_assert_int_eq (good, 15);
    static const char *const kinds[] = {"\10\2\1\0\0", "\10\2\0\1\0", "\10\2\0\0\2"};
    for (size_t i = 0; i < 3; i++) {
        plain (1, 1, kinds[i]);
        ends (false, "header");
    }
}
END_TEST

// Chunks that are wrong where they are. A letter a chunk: Header, Palette, Data, End, Text, a Critical one that nobody knows.
START_TEST (test_png_order)
{
    static const struct order {
        const char *chunks;
        bool good;
    } orders[] = {
        {"HDE", true},    {"HPDE", true},  {"HTDDTE", true}, {"HDDDE", true}, {"HE", false},
        {"HDTDE", false}, {"HDPE", false}, {"HPPDE", false}, {"DE", false},   {"THDE", false},
        {"HHDE", false},  {"HDEE", false}, {"HDED", false},  {"HCDE", false}, {"HDT", false},
    };
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        begin (1, 1, "\10\2\0\0\0");
        const char *chunks = orders[i].chunks;
        if (*chunks == 'H')
            chunks++;
        else
            png_size = 8;
        for (; *chunks; chunks++)
            chunk (*chunks == 'H'   ? "IHDR"
                   : *chunks == 'P' ? "PLTE"
                   : *chunks == 'D' ? "IDAT"
                   : *chunks == 'E' ? "IEND"
                   : *chunks == 'T' ? "tEXt"
                                    : "NOPE",
                   "abc", *chunks == 'E' ? 0 : 3);
        ck_assert_msg (recognise (png, png_size) == orders[i].good, "%s: %s", orders[i].chunks,
                       why.text);
    }
    begin (1, 1, "\1\3\0\0\0"); // a palette is required, of two entries at most
    chunk ("IDAT", "x", 1);
    chunk ("IEND", NULL, 0);
    ends (false, "pixels");
    begin (1, 1, "\1\3\0\0\0");
    chunk ("PLTE", "rgbrgbrgb", 9);
    ends (false, "palette");
    begin (1, 1, "\10\2\0\0\0");
    chunk ("IDAT", "x", 1);
    chunk ("IEND", "x", 1);
    ends (false, "");
}
END_TEST

// ---- JPEG and WebP: one byte of a good one changed -------------------------------------------------------------------------

// The file with another byte, so far after the first `mark`.
static void
patched (const char *name, const void *mark, size_t length, size_t after, uint8_t byte, bool good,
         const char *says)
{
    uint8_t data[ROOM];
    size_t size = load (name, data);
    uint8_t *at = memmem (data, size, mark, length);
    ck_assert_msg (at, "%s", name);
    at[after] = byte;
    ck_assert_msg (recognise (data, size) == good, "%s: %s", says, why.text);
    ck_assert_msg (strstr (why.text, says), "%s: %s", says, why.text);
}

START_TEST (test_jpeg)
{
    patched ("baseline.jpg", "\xff\xc0", 2, 6, 0, false, "pixels wide"); // height, to be told later
    patched ("baseline.jpg", "\xff\xc0", 2, 5, 0x10, false, "pixels wide");
    patched ("baseline.jpg", "\xff\xc0", 2, 5, 0x0f, true, "");
    patched ("baseline.jpg", "\xff\xc0", 2, 4, 12, false, "frame header");
    patched ("baseline.jpg", "\xff\xc0", 2, 9, 4, false, "frame header");
    patched ("baseline.jpg", "\xff\xc0", 2, 1, 0xc3, false, "browsers");
    patched ("baseline.jpg", "\xff\xc0", 2, 1, 0xc9, false, "browsers");
    patched ("baseline.jpg", "\xff\xc0", 2, 1, 0xe5, false, "header of its pixels"); // no frame
    patched ("baseline.jpg", "\xff\xc0", 2, 0, 0xfe, false, "no marker");
    patched ("baseline.jpg", "\xff\xc0", 2, 1, 0xd8, false, "marker d8");
    patched ("baseline.jpg", "\xff\xdb", 2, 3, 1, false, "");
    patched ("baseline.jpg", "\xff\xdb", 2, 2, 0xff, false, "cut off");
    patched ("baseline.jpg", "\xff\xda", 2, 4, 4, false, "header of its pixels");
    patched ("baseline.jpg", "\xff\xda", 2, 1, 0xe1, false, ""); // pixels without a head
    patched ("baseline.jpg", "\xff\xd9", 2, 1, 0xd0, false, "cut off");
}
END_TEST

START_TEST (test_webp)
{
    patched ("lossy.webp", "RIFF", 4, 4, 0, false, "after its end");
    patched ("lossy.webp", "RIFF", 4, 7, 1, false, "cut off");
    patched ("lossy.webp", "VP8 ", 4, 4, 0, false, "pixels");
    patched ("lossy.webp", "VP8 ", 4, 8, 0x91, false, "pixels"); // not a key frame
    patched ("lossy.webp", "VP8 ", 4, 3, 'X', false, "");
    patched ("lossy.webp", "\x9d\x01\x2a", 3, 0, 0, false, "pixels");
    patched ("lossy.webp", "\x9d\x01\x2a", 3, 3, 0, false, "pixels wide");
    patched ("lossy.webp", "\x9d\x01\x2a", 3, 4, 0x3f, false, "pixels wide");
    patched ("lossless.webp", "VP8L", 4, 8, 0x2e, false, "pixels");
    patched ("lossless.webp", "VP8L", 4, 12, 0xe0, false, "pixels");
    patched ("lossless.webp", "VP8L", 4, 0, 'v', false, "does not begin");
    patched ("alpha.webp", "VP8X", 4, 12, 0x18, false, "size");
    patched ("alpha.webp", "VP8X", 4, 4, 8, false, "header");
    patched ("alpha.webp", "ALPH", 4, 7, 1, false, "cut off");
    patched ("alpha.webp", "VP8 ", 4, 3, 'Y', false, "no pixels");
    patched ("animated.webp", "VP8X", 4, 8, 0, false,
             "out of place"); // says that it is not animated
    patched ("animated.webp", "ANIM", 4, 0, 'a', false, "out of place");
    patched ("animated.webp", "ANMF", 4, 8, 1, false, "frames");
    patched ("animated.webp", "ANMF", 4, 14, 0x18, false, "frames");
    patched ("animated.webp", "VP8L", 4, 8, 0, false, "frames");
}
END_TEST

int
main (void)
{
    TCase *tests = tcase_create ("image");
    tcase_set_timeout (tests, 60);
    tcase_add_loop_test (tests, test_good, 0, GOODS);
    tcase_add_loop_test (tests, test_whole, 0, GOODS);
    tcase_add_loop_test (tests, test_checksums, 0, 5);
    tcase_add_test (tests, test_others);
    tcase_add_test (tests, test_png_header);
    tcase_add_test (tests, test_png_order);
    tcase_add_test (tests, test_jpeg);
    tcase_add_test (tests, test_webp);
    Suite *suite = suite_create ("image");
    suite_add_tcase (suite, tests);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
