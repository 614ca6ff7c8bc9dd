#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SIZE = 32, VERSION_SIZE = 4, NONCE_SIZE = 12, TAG_SIZE = 16, FILE_MAX = 8192 };

struct seal_keys {
    size_t n;
    struct seal_key {
        uint32_t version;
        uint8_t key[KEY_SIZE];
    } keys[CRYPTO_SEAL_KEYS_MAX];
};

static const struct seal_key *
find (const struct seal_keys *keys, uint32_t version)
{
    for (size_t i = 0; i < keys->n; i++)
        if (keys->keys[i].version == version)
            return &keys->keys[i];
    return NULL;
}

static bool
read_key (struct seal_keys *keys, char *line, struct error *error_r)
{
    char *end;
    errno = 0;
    unsigned long version = strtoul (line, &end, 10);
    char *digits = end + strspn (end, " \t");
    if (*line < '0' || *line > '9' || errno || version > UINT32_MAX || digits == end) {
        error_set (error_r, "not of the form: version, blank, 64 hexadecimal digits");
        return false;
    }
    if (find (keys, (uint32_t) version)) {
        error_set (error_r, "version %lu is there twice", version);
        return false;
    }
    if (keys->n == CRYPTO_SEAL_KEYS_MAX) {
        error_set (error_r, "more than %d keys", CRYPTO_SEAL_KEYS_MAX);
        return false;
    }
    struct seal_key *key = &keys->keys[keys->n];
    if (!crypto_hex (digits, key->key, KEY_SIZE)) {
        error_set (error_r, "the key is not 64 hexadecimal digits");
        return false;
    }
    key->version = (uint32_t) version;
    keys->n++;
    return true;
}

struct seal_keys *
seal_keys_load (const char *path, struct error *error_r)
{
    char text[FILE_MAX + 1];
    size_t length;
    if (!crypto_file_read (path, true, (uint8_t *) text, FILE_MAX, &length, error_r))
        return NULL;
    text[length] = 0;
    struct seal_keys *keys = xcalloc (1, sizeof *keys);
    bool good = true;
    char *cursor = text, *line;
    int number = 0;
    while (good && (line = crypto_file_line (&cursor, &number)) != NULL) {
        good = read_key (keys, line, error_r);
        if (!good)
            error_prefix (error_r, "%s:%d", path, number);
    }
    if (good && keys->n == 0) {
        error_set (error_r, "%s: no key (a line: version, blank, 64 hexadecimal digits)", path);
        good = false;
    }
    sodium_memzero (text, sizeof text);
    if (!good)
        seal_keys_destroy (&keys);
    return keys;
}

void
seal_keys_destroy (struct seal_keys **keys)
{
    if (!*keys)
        return;
    sodium_memzero (*keys, sizeof **keys);
    free (*keys);
    *keys = NULL;
}

static const struct seal_key *
newest (const struct seal_keys *keys)
{
    const struct seal_key *key = &keys->keys[0];
    for (size_t i = 1; i < keys->n; i++)
        if (keys->keys[i].version > key->version)
            key = &keys->keys[i];
    return key;
}

uint32_t
seal_keys_newest (const struct seal_keys *keys)
{
    return newest (keys)->version;
}

static bool
encrypt (EVP_CIPHER_CTX *context, const uint8_t *key, const uint8_t *nonce, const char *additional,
         const void *data, int size, uint8_t *data_r, uint8_t *tag_r)
{
    int length;
    return EVP_EncryptInit_ex2 (context, EVP_aes_256_gcm (), key, nonce, NULL) == 1 &&
           EVP_EncryptUpdate (context, NULL, &length, (const uint8_t *) additional,
                              (int) strlen (additional)) == 1 &&
           (size == 0 || EVP_EncryptUpdate (context, data_r, &length, data, size) == 1) &&
           EVP_EncryptFinal_ex (context, data_r + size, &length) == 1 &&
           EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag_r) == 1;
}

static bool
decrypt (EVP_CIPHER_CTX *context, const uint8_t *key, const uint8_t *nonce, const char *additional,
         const uint8_t *data, int size, uint8_t *data_r, const uint8_t *tag)
{
    uint8_t wanted[TAG_SIZE], none[TAG_SIZE];
    memcpy (wanted, tag, sizeof wanted);
    int length;
    return EVP_DecryptInit_ex2 (context, EVP_aes_256_gcm (), key, nonce, NULL) == 1 &&
           EVP_DecryptUpdate (context, NULL, &length, (const uint8_t *) additional,
                              (int) strlen (additional)) == 1 &&
           (size == 0 || EVP_DecryptUpdate (context, data_r, &length, data, size) == 1) &&
           EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, wanted) == 1 &&
           EVP_DecryptFinal_ex (context, none, &length) == 1;
}

// Nonces are random: under one key that is safe for far more values than will ever be sealed (2^32, NIST SP 800-38D section 8.3).
bool
seal (const struct seal_keys *keys, const char *context, const void *data, size_t size,
      uint8_t *sealed_r)
{
    if (size > INT_MAX - CRYPTO_SEAL_OVERHEAD)
        return false;
    const struct seal_key *key = newest (keys);
    uint8_t *nonce = sealed_r + VERSION_SIZE, *text = nonce + NONCE_SIZE;
    for (int i = 0; i < VERSION_SIZE; i++)
        sealed_r[i] = (uint8_t) (key->version >> (24 - 8 * i));
    randombytes_buf (nonce, NONCE_SIZE);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new ();
    bool good =
        cipher && encrypt (cipher, key->key, nonce, context, data, (int) size, text, text + size);
    EVP_CIPHER_CTX_free (cipher);
    return good;
}

bool
seal_open (const struct seal_keys *keys, const char *context, const uint8_t *sealed, size_t size,
           uint8_t *data_r)
{
    if (size < CRYPTO_SEAL_OVERHEAD || size > INT_MAX)
        return false;
    uint32_t version = 0;
    for (int i = 0; i < VERSION_SIZE; i++)
        version = version << 8 | sealed[i];
    const struct seal_key *key = find (keys, version);
    if (!key)
        return false;
    size_t length = size - CRYPTO_SEAL_OVERHEAD;
    const uint8_t *nonce = sealed + VERSION_SIZE, *text = nonce + NONCE_SIZE;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new ();
    bool good = cipher && decrypt (cipher, key->key, nonce, context, text, (int) length, data_r,
                                   text + length);
    EVP_CIPHER_CTX_free (cipher);
    if (!good && length)
        sodium_memzero (data_r, length); // what was not authenticated is nobody's to see
    return good;
}
