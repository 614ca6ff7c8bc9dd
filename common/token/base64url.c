// Eight letters at a time, each in a byte of a word.
#include "common/token/base64url.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#define ONES  UINT64_C (0x0101010101010101)
#define HIGHS (ONES << 7)

// 0xff in each byte that is `first` or more; all bytes are below 128, and so is `first`.
static uint64_t
at_least (uint64_t word, uint8_t first)
{
    uint64_t highs = ((word | HIGHS) - ONES * first) & HIGHS; // no byte borrows from the next
    return (highs >> 7) * 0xff;
}

static uint64_t
between (uint64_t word, uint8_t first, uint8_t last)
{
    return at_least (word, first) & ~at_least (word, last + 1);
}

// The six bits of each letter, in its byte. bad_r: not 0 where one is none.
static uint64_t
letters_decode (uint64_t word, uint64_t *bad_r)
{
    uint64_t plain = word & ~HIGHS;
    uint64_t upper = between (plain, 'A', 'Z'), lower = between (plain, 'a', 'z'),
             digit = between (plain, '0', '9'), dash = between (plain, '-', '-'),
             underscore = between (plain, '_', '_');
    *bad_r |= (word & HIGHS) | ~(upper | lower | digit | dash | underscore);
    return ((plain & upper) - (ONES * 'A' & upper)) |
           ((plain & lower) - (ONES * ('a' - 26) & lower)) |
           ((plain & digit) + (ONES * 4 & digit)) | (ONES * 62 & dash) | (ONES * 63 & underscore);
}

// Eight times six bits in bytes, the first in the lowest, become 48 bits, the first ones first.
static uint64_t
bits_join (uint64_t sixes)
{
    uint64_t x = __builtin_bswap64 (sixes);
    x = (x & UINT64_C (0x003f003f003f003f)) | (x & UINT64_C (0x3f003f003f003f00)) >> 2;
    x = (x & UINT64_C (0x00000fff00000fff)) | (x & UINT64_C (0x0fff00000fff0000)) >> 4;
    return (x & 0xffffff) | (x >> 32) << 24;
}

bool
base64url_decode (const char *text, size_t length, uint8_t *bytes_r)
{
    assert (length % 4 == 0);
    uint64_t bad = 0;
    while (length > 0) {
        uint64_t word = ONES * 'A';
        size_t n = length < 8 ? length : 8;
        memcpy (&word, text, n);
        uint64_t bits = htobe64 (bits_join (letters_decode (le64toh (word), &bad)) << 16);
        memcpy (bytes_r, &bits, n / 4 * 3);
        text += n;
        length -= n;
        bytes_r += n / 4 * 3;
    }
    return bad == 0;
}
