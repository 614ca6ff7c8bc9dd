// The permutation is a Feistel network over two halves of four decimal digits each, with addition modulo 10,000 in place
// of exclusive or, so that no cycle walking is needed (Black, Rogaway 2002, "Ciphers with Arbitrary Finite Domains", section
// 5). The round function is SipHash-2-4 of round and half. Its key is
// public (the first half of SHA-256 of "jeton display ids") and must never change: ids have been handed out.
#include "common/token/id.h"
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 4, HALF = 10000 };

static const uint8_t permutation_key[crypto_shorthash_KEYBYTES] = {
    0x68, 0x8c, 0x60, 0x14, 0x5c, 0x04, 0xbf, 0x72, 0x3b, 0xde, 0xed, 0xaf, 0x9d, 0xac, 0x59, 0x43,
};

static uint32_t
round_compute (int round, uint32_t half)
{
    const uint8_t input[3] = {(uint8_t) round, (uint8_t) (half >> 8), (uint8_t) half};
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash (hash, input, sizeof input, permutation_key);
    // Little endian, as SipHash defines its 64-bit result; its bias modulo 10,000 is below 2^-50.
    uint64_t number = 0;
    for (size_t i = sizeof hash; i-- > 0;)
        number = number << 8 | hash[i];
    return (uint32_t) (number % HALF);
}

// Every validation has ids to write. All values that the rounds may have: 80 kB, a millisecond.
static uint16_t round_values[ROUNDS][HALF];
static pthread_once_t round_once = PTHREAD_ONCE_INIT;

static void
round_values_fill (void)
{
    for (int round = 0; round < ROUNDS; round++)
        for (uint32_t half = 0; half < HALF; half++)
            round_values[round][half] = (uint16_t) round_compute (round, half);
}

static void
permute (int64_t number, uint32_t *left_r, uint32_t *right_r)
{
    uint32_t left = (uint32_t) (number / HALF), right = (uint32_t) (number % HALF);
    pthread_once (&round_once, round_values_fill);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t next = left + round_values[round][right]; // below 2 * HALF
        next -= next >= HALF ? HALF : 0;
        left = right;
        right = next;
    }
    *left_r = left;
    *right_r = right;
}

static int64_t
restore (uint32_t left, uint32_t right)
{
    pthread_once (&round_once, round_values_fill);
    for (int round = ROUNDS; round-- > 0;) {
        uint32_t before = right + HALF - round_values[round][left];
        before -= before >= HALF ? HALF : 0;
        right = left;
        left = before;
    }
    return (int64_t) left * HALF + right;
}

// Reads "-dddd".
static bool
read_group (const char *text, uint32_t *group_r)
{
    if (text[0] != '-')
        return false;
    *group_r = 0;
    for (int i = 1; i <= 4; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *group_r = *group_r * 10 + (uint32_t) (text[i] - '0');
    }
    return true;
}

// "-dddd"
static void
group_write (uint32_t group, char *text)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    text[0] = '-';
    memcpy (text + 1, &pairs[2 * (size_t) (group / 100)], 2);
    memcpy (text + 3, &pairs[2 * (size_t) (group % 100)], 2);
}

void
id_format (const char *prefix, int64_t number, char id_r[ID_SIZE])
{
    assert (strlen (prefix) == 3 && number >= 1 && number <= ID_NUMBER_MAX);
    uint32_t left, right;
    permute (number, &left, &right);
    memcpy (id_r, prefix, 3);
    group_write (left, id_r + 3);
    group_write (right, id_r + 8);
    id_r[13] = '\0';
}

bool
id_parse (const char *prefix, const char *text, int64_t *number_r)
{
    uint32_t left, right;
    if (strncmp (text, prefix, 3) != 0 || !read_group (text + 3, &left) ||
        !read_group (text + 8, &right) || text[13] != 0)
        return false;
    int64_t number = restore (left, right);
    if (number == 0) // the one that no object has
        return false;
    *number_r = number;
    return true;
}

void
id_audit_format (int64_t sequence, char id_r[ID_AUDIT_SIZE])
{
    assert (sequence >= 1 && sequence <= ID_AUDIT_MAX);
    char digits[20];
    snprintf (digits, sizeof digits, "%016" PRId64, sequence);
    snprintf (id_r, ID_AUDIT_SIZE, "AUD-%.4s-%.4s-%.4s-%.4s", digits, digits + 4, digits + 8,
              digits + 12);
}

bool
id_audit_parse (const char *text, int64_t *sequence_r)
{
    if (strncmp (text, "AUD", 3) != 0)
        return false;
    int64_t sequence = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t group;
        if (!read_group (text + 3 + 5 * i, &group))
            return false;
        sequence = sequence * HALF + group;
    }
    if (text[23] != 0 || sequence == 0)
        return false;
    *sequence_r = sequence;
    return true;
}
