#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include <check.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/jeton-test-crypto-XXXXXX";

static void
write_file (const char *text, mode_t mode)
{
    strcpy (path, "/tmp/jeton-test-crypto-XXXXXX");
    int file = mkstemp (path);
    ck_assert_int_ge (file, 0);
    ck_assert_int_eq (write (file, text, strlen (text)), (ssize_t) strlen (text));
    ck_assert_int_eq (fchmod (file, mode), 0);
    close (file);
}

static size_t
hex (const char *text, uint8_t *data_r)
{
    ck_assert (crypto_hex (text, data_r, strlen (text) / 2));
    return strlen (text) / 2;
}

// ---- files ----------------------------------------------------------------------------------------------------------

START_TEST (test_file)
{
    uint8_t data[16];
    size_t length;
    struct error error;
    write_file ("0123456789abcdef", 0644);
    ck_assert (crypto_file_read (path, false, data, sizeof data, &length, &error));
    ck_assert_uint_eq (length, 16);
    ck_assert_mem_eq (data, "0123456789abcdef", 16);
    ck_assert (!crypto_file_read (path, false, data, 15, &length, &error));
    ck_assert_ptr_nonnull (strstr (error.text, "larger than 15 bytes"));
    ck_assert (!crypto_file_read (path, true, data, sizeof data, &length, &error));
    ck_assert_ptr_nonnull (strstr (error.text, "chmod 600"));
    ck_assert_int_eq (chmod (path, 0600), 0);
    ck_assert (crypto_file_read (path, true, data, sizeof data, &length, &error));
    // As orchestrators mount them: root's, readable by the group.
    ck_assert_int_eq (chmod (path, 0440), 0);
    ck_assert_int_eq (crypto_file_read (path, true, data, sizeof data, &length, &error),
                      geteuid () == 0);
    ck_assert_int_eq (chmod (path, 0460), 0);
    ck_assert (!crypto_file_read (path, true, data, sizeof data, &length, &error));
    unlink (path);
    ck_assert (!crypto_file_read (path, true, data, sizeof data, &length, &error));
    ck_assert_ptr_nonnull (strstr (error.text, "No such file"));
    ck_assert (!crypto_file_read ("/tmp", false, data, sizeof data, &length, &error));
    ck_assert_str_eq (error.text, "/tmp: not a file");
}
END_TEST

START_TEST (test_lines)
{
    char text[] = "# comment\n\n  one \r\n\t# another\ntwo # not one\n\n three";
    char *cursor = text;
    int number = 0;
    ck_assert_str_eq (crypto_file_line (&cursor, &number), "one");
    ck_assert_int_eq (number, 3);
    ck_assert_str_eq (crypto_file_line (&cursor, &number), "two # not one");
    ck_assert_str_eq (crypto_file_line (&cursor, &number), "three");
    ck_assert_int_eq (number, 7);
    ck_assert_ptr_null (crypto_file_line (&cursor, &number));
    ck_assert_ptr_null (crypto_file_line (&cursor, &number));
}
END_TEST

// ---- sealing --------------------------------------------------------------------------------------------------------

static struct seal_keys *
keys_from (const char *text, struct error *error_r)
{
    write_file (text, 0600);
    struct seal_keys *keys = seal_keys_load (path, error_r);
    unlink (path);
    return keys;
}

#define KEY_1 "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define KEY_2 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

// Test case 16 of "The Galois/Counter Mode of Operation (GCM)", McGrew and Viega.
START_TEST (test_gcm_vector)
{
    struct seal_keys *keys = keys_from ("1 " KEY_1 "\n", NULL);
    ck_assert_ptr_nonnull (keys);
    uint8_t sealed[128], expected[64], opened[64];
    size_t size = hex ("00000001"
                       "cafebabefacedbaddecaf888"
                       "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                       "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                       "76fc6ece0f4e1768cddf8853bb2d551b",
                       sealed);
    size_t length = hex ("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                         "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
                         expected);
    const char *context = "\xfe\xed\xfa\xce\xde\xad\xbe\xef\xfe\xed\xfa\xce\xde\xad\xbe\xef"
                          "\xab\xad\xda\xd2";
    ck_assert (seal_open (keys, context, sealed, size, opened));
    ck_assert_mem_eq (opened, expected, length);
    seal_keys_destroy (&keys);
}
END_TEST

START_TEST (test_seal)
{
    struct seal_keys *keys = keys_from ("2 " KEY_2 "\n1\t" KEY_1, NULL);
    ck_assert_ptr_nonnull (keys);
    static const char text[] = "a private key";
    uint8_t sealed[sizeof text + CRYPTO_SEAL_OVERHEAD], again[sizeof sealed], opened[sizeof text];
    ck_assert (seal (keys, "signing-key a", text, sizeof text, sealed));
    ck_assert (seal (keys, "signing-key a", text, sizeof text, again));
    ck_assert_mem_ne (sealed, again, sizeof sealed);
    ck_assert_mem_eq (sealed, "\0\0\0\2", 4); // the highest version
    ck_assert (seal_open (keys, "signing-key a", sealed, sizeof sealed, opened));
    ck_assert_mem_eq (opened, text, sizeof text);
    // Not in another row, not cut, not with a bit changed anywhere.
    ck_assert (!seal_open (keys, "signing-key b", sealed, sizeof sealed, opened));
    ck_assert (!seal_open (keys, "", sealed, sizeof sealed, opened));
    for (size_t size = 0; size < sizeof sealed; size++)
        ck_assert (!seal_open (keys, "signing-key a", sealed, size, opened));
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        sealed[bit / 8] ^= (uint8_t) (1 << bit % 8);
        ck_assert (!seal_open (keys, "signing-key a", sealed, sizeof sealed, opened));
        sealed[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }
    ck_assert (sodium_is_zero (opened, sizeof opened));

    // A new highest key: what the old ones sealed still opens.
    struct seal_keys *later = keys_from ("3 " KEY_1 "\n2 " KEY_2, NULL);
    ck_assert (seal_open (later, "signing-key a", sealed, sizeof sealed, opened));
    seal_keys_destroy (&later);
    later = keys_from ("3 " KEY_1, NULL);
    ck_assert (!seal_open (later, "signing-key a", sealed, sizeof sealed, opened));
    seal_keys_destroy (&later);
    ck_assert (seal (keys, "x", "", 0, sealed));
    ck_assert (seal_open (keys, "x", sealed, CRYPTO_SEAL_OVERHEAD, opened));
    seal_keys_destroy (&keys);
    seal_keys_destroy (&keys);
}
END_TEST

START_TEST (test_seal_keys)
{
    static const char *const bad[] = {
        "",
        "1",
        "1 abc",
        KEY_1,
        "x " KEY_1,
        "-1 " KEY_1,
        "1" KEY_1,
        "4294967296 " KEY_1,
        "1 " KEY_1 "0",
        "1 " KEY_1 "\n1 " KEY_2,
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error error = {0};
        ck_assert_ptr_null (keys_from (bad[i], &error));
        ck_assert_ptr_nonnull (strstr (error.text, "/tmp/jeton-test-crypto-"));
        ck_assert_ptr_null (strstr (error.text, "feffe9"));
    }
    write_file ("1 " KEY_1, 0640);
    struct error error;
    struct seal_keys *keys = seal_keys_load (path, &error);
    ck_assert_int_eq (keys != NULL, geteuid () == 0);
    seal_keys_destroy (&keys);
    unlink (path);
}
END_TEST

// ---- signing --------------------------------------------------------------------------------------------------------

// RFC 8032 section 7.1, test 2.
START_TEST (test_ed25519)
{
    struct sign_key key, public_only;
    struct error error;
    write_file ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb\n", 0600);
    ck_assert (sign_key_load (path, &key, &error));
    unlink (path);
    write_file ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c\n", 0644);
    ck_assert (sign_public_load (path, &public_only, &error));
    unlink (path);
    ck_assert_mem_eq (key.public_key, public_only.public_key, CRYPTO_PUBLIC_SIZE);

    uint8_t expected[CRYPTO_SIGNATURE_SIZE], signature[CRYPTO_SIGNATURE_SIZE];
    hex ("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
         "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
         expected);
    sign_make (&key, "\x72", 1, signature);
    ck_assert_mem_eq (signature, expected, sizeof expected);
    ck_assert (sign_check (&public_only, "\x72", 1, signature));
    ck_assert (!sign_check (&public_only, "\x73", 1, signature));
    signature[0] ^= 1;
    ck_assert (!sign_check (&public_only, "\x72", 1, signature));
}
END_TEST

START_TEST (test_sign_files)
{
    static const char *const bad[] = {"", "00", KEY_1 "00", (KEY_1 "\n" KEY_2), "x" KEY_1};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sign_key key;
        struct error error;
        write_file (bad[i], 0600);
        ck_assert (!sign_key_load (path, &key, &error));
        ck_assert (!sign_public_load (path, &key, &error));
        ck_assert_ptr_nonnull (strstr (error.text, "64 hexadecimal digits"));
        unlink (path);
    }
    // With those that it has replaced.
    struct sign_key keys[CRYPTO_PUBLICS_MAX];
    struct error error;
    size_t n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file (bad[i], 0600);
        ck_assert (sign_publics_load (path, keys, &n, &error) == (i == 3));
        unlink (path);
    }
    for (int lines = CRYPTO_PUBLICS_MAX; lines <= CRYPTO_PUBLICS_MAX + 1; lines++) {
        cleanup_free char *text = xstrdup ("");
        for (int i = 0; i < lines; i++) {
            cleanup_free char *before = text;
            text = xasprintf ("%s%s\n", before, KEY_1);
        }
        write_file (text, 0600);
        ck_assert (sign_publics_load (path, keys, &n, &error) == (lines == CRYPTO_PUBLICS_MAX));
        unlink (path);
    }
}
END_TEST

// ---- passwords ------------------------------------------------------------------------------------------------------

START_TEST (test_password)
{
    char hash[CRYPTO_PASSWORD_HASH_SIZE], again[CRYPTO_PASSWORD_HASH_SIZE];
    ck_assert (password_hash ("correct horse", hash));
    ck_assert (password_hash ("correct horse", again));
    ck_assert_str_ne (hash, again);
    ck_assert_int_eq (strncmp (hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31), 0);
    ck_assert (password_verify (hash, "correct horse"));
    ck_assert (!password_verify (hash, "correct horse "));
    ck_assert (!password_verify (hash, ""));
    ck_assert (!password_verify ("", "correct horse"));
    ck_assert (!password_verify ("$argon2id$", "correct horse"));
}
END_TEST

// libsodium must find it well formed and as costly as one of ours: else it would be refused at once, and time would tell.
START_TEST (test_dummy)
{
    ck_assert (!password_verify (password_dummy (), "nobody's password"));
    ck_assert_int_eq (crypto_pwhash_str_needs_rehash (password_dummy (),
                                                      crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                                      crypto_pwhash_MEMLIMIT_INTERACTIVE),
                      0);
    char hash[CRYPTO_PASSWORD_HASH_SIZE];
    ck_assert (password_hash ("x", hash));
    ck_assert_uint_eq (strlen (hash), strlen (password_dummy ()));
}
END_TEST

int
main (void)
{
    struct error error;
    if (!crypto_start (&error))
        return EXIT_FAILURE;
    Suite *suite = suite_create ("crypto");
    TCase *tcase = tcase_create ("crypto");
    tcase_set_timeout (tcase, 60);
    tcase_add_test (tcase, test_file);
    tcase_add_test (tcase, test_lines);
    tcase_add_test (tcase, test_gcm_vector);
    tcase_add_test (tcase, test_seal);
    tcase_add_test (tcase, test_seal_keys);
    tcase_add_test (tcase, test_ed25519);
    tcase_add_test (tcase, test_sign_files);
    tcase_add_test (tcase, test_password);
    tcase_add_test (tcase, test_dummy);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
