#include "services/cli/deploy.h"
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include <dirent.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_SIZE_MAX = 1 << 20, GROUP_MODE = 0440 };

// What a process needs besides its key pair and the peers file.
static const struct {
    const char *name, *files[4];
} needs[] = {
    {"issuer", {"token-check.keys", "seal.keys", "database-issuer", NULL}},
    {"validator", {"token-check.keys", "database-validator", NULL}},
    {"admin", {"token-check.keys", "seal.keys", "database-admin", NULL}},
    {"auditor", {"checkpoint.key", "database-auditor", NULL}},
    {"gateway", {"tls.key", "tls.pem", NULL}},
    {"operator", {"checkpoint.pub", "tls-ca.pem", NULL}},
};

// Is it there with this content and mode?
static bool
is_same (const char *path, mode_t mode, const uint8_t *data, size_t size)
{
    cleanup_free uint8_t *there = xcalloc (1, FILE_SIZE_MAX);
    struct stat status;
    struct error ignored;
    size_t length;
    bool same = stat (path, &status) == 0 && (status.st_mode & 07777) == mode &&
                crypto_file_read (path, false, there, FILE_SIZE_MAX, &length, &ignored) &&
                length == size && memcmp (there, data, size) == 0;

    sodium_memzero (there, FILE_SIZE_MAX);
    return same;
}

// A file of the keyring to a file elsewhere.
static bool
copy (struct keyring *keyring, const char *from, const char *to, mode_t mode)
{
    cleanup_free char *source = xasprintf ("%s/%s", keyring->directory, from);
    cleanup_free uint8_t *data = xcalloc (1, FILE_SIZE_MAX);
    size_t size;
    bool good =
        crypto_file_read (source, mode != PUBLIC_MODE, data, FILE_SIZE_MAX, &size, &keyring->error);

    if (good && !is_same (to, mode, data, size)) {
        good = keyring_write (keyring, to, mode, data, size);
        if (good) {
            keyring_note (keyring, to);
        }
    }
    sodium_memzero (data, FILE_SIZE_MAX);
    return good;
}

static bool
copy_named (struct keyring *keyring, const char *name, const char *directory)
{
    cleanup_free char *to = xasprintf ("%s/%s", directory, name);
    const char *suffix = strrchr (name, '.');
    bool public =
        strcmp (name, "peers") == 0 ||
        (suffix != NULL && (strcmp (suffix, ".pub") == 0 || strcmp (suffix, ".pem") == 0));

    return copy (keyring, name, to, public ? PUBLIC_MODE : SECRET_MODE);
}

static bool
deploy_peer (struct keyring *keyring, const char *name, const char *directory)
{
    cleanup_free char *public = xasprintf ("curve/%s.key", name);
    cleanup_free char *secret = xasprintf ("curve/%s.key_secret", name);
    cleanup_free char *to_public = xasprintf ("%s/%s.key", directory, name);
    cleanup_free char *to_secret = xasprintf ("%s/%s.key_secret", directory, name);
    bool good = copy (keyring, secret, to_secret, SECRET_MODE) &&
                copy (keyring, public, to_public, PUBLIC_MODE) &&
                copy_named (keyring, "peers", directory);

    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        for (size_t k = 0; good && strcmp (needs[i].name, name) == 0 && needs[i].files[k] != NULL;
             k++) {
            good = copy_named (keyring, needs[i].files[k], directory);
        }
    }
    return good;
}

static bool
deploy_one (struct keyring *keyring, const char *name, const char *directory)
{
    cleanup_free char *secret = xasprintf ("%s/curve/%s.key_secret", keyring->directory, name);
    cleanup_free char *password = xasprintf ("%s/database-owner", directory);
    struct stat status;

    if (*name == '.' || stat (directory, &status) != 0 || !S_ISDIR (status.st_mode)) {
        return true;
    }
    if (strcmp (name, "postgres") == 0) {
        return copy (keyring, "database-owner", password, GROUP_MODE);
    }
    if (strcmp (name, "proxy") == 0 && (!copy_named (keyring, "tls.key", directory) ||
                                        !copy_named (keyring, "tls.pem", directory))) {
        return false;
    }
    return !keyring_has (secret) || deploy_peer (keyring, name, directory);
}

bool
deploy_all (struct keyring *keyring, const char *to)
{
    struct dirent **entries = NULL;
    int n = scandir (to, &entries, NULL, alphasort);
    bool good = n >= 0 || keyring_fail (keyring, to);

    for (int i = 0; i < n; i++) {
        cleanup_free char *directory = xasprintf ("%s/%s", to, entries[i]->d_name);
        good = good && deploy_one (keyring, entries[i]->d_name, directory);
        free (entries[i]);
    }
    free (entries);
    return good;
}
