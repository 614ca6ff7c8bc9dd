#include "services/cli/keyfiles.h"
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include "common/rpc/peers.h"
#include "services/cli/print.h"
#include "services/cli/tls.h"
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEAL_SIZE_MAX = 8192 };

static const struct {
    const char *name, *roles;
} processes[] = {
    {"issuer", "service"},  {"validator", "service"},       {"admin", "service"},
    {"auditor", "service"}, {"gateway", "gateway,service"}, {"operator", "operator"},
    {"caller", "caller"},
};
static const char *const database_roles[] = {"admin", "issuer", "validator", "auditor"};

// `prefix`, so many random bytes in hexadecimal digits, and a newline.
static bool
make_random_hex (struct keyring *keyring, const char *name, const char *prefix, size_t size)
{
    uint8_t bytes[64];
    char hex[2 * sizeof bytes + 1], text[sizeof hex + 16];
    bool good;

    randombytes_buf (bytes, size);
    sodium_bin2hex (hex, sizeof hex, bytes, size);
    snprintf (text, sizeof text, "%s%s\n", prefix, hex);
    good = keyring_make (keyring, name, SECRET_MODE, text);
    sodium_memzero (bytes, sizeof bytes);
    sodium_memzero (hex, sizeof hex);
    sodium_memzero (text, sizeof text);
    return good;
}

bool
keyfiles_password (struct keyring *keyring, const char *role)
{
    uint8_t bytes[24];
    char password[sodium_base64_ENCODED_LEN (sizeof bytes,
                                             sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    char text[sizeof password + 1], name[32];
    bool good;

    randombytes_buf (bytes, sizeof bytes);
    sodium_bin2base64 (password, sizeof password, bytes, sizeof bytes,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    snprintf (text, sizeof text, "%s\n", password);
    snprintf (name, sizeof name, "database-%s", role);
    good = keyring_make (keyring, name, SECRET_MODE, text);
    sodium_memzero (bytes, sizeof bytes);
    sodium_memzero (password, sizeof password);
    sodium_memzero (text, sizeof text);
    return good;
}

// The seed of the checkpoints' key, and the public key that belongs to it.
static bool
make_checkpoint_key (struct keyring *keyring)
{
    cleanup_free char *secret = xasprintf ("%s/checkpoint.key", keyring->directory);
    cleanup_free char *public = xasprintf ("%s/checkpoint.pub", keyring->directory);
    char hex[2 * CRYPTO_PUBLIC_SIZE + 1], text[sizeof hex + 1];
    struct sign_key key, known[CRYPTO_PUBLICS_MAX];
    size_t n;
    bool good;

    if (!make_random_hex (keyring, "checkpoint.key", "", CRYPTO_SEED_SIZE) ||
        !sign_key_load (secret, &key, &keyring->error)) {
        return false;
    }
    sodium_bin2hex (hex, sizeof hex, key.public_key, sizeof key.public_key);
    snprintf (text, sizeof text, "%s\n", hex);
    good = keyring_make (keyring, "checkpoint.pub", PUBLIC_MODE, text) &&
           sign_publics_load (public, known, &n, &keyring->error);
    if (good && memcmp (known[0].public_key, key.public_key, sizeof key.public_key) != 0) {
        error_set (&keyring->error, "%s is not the public part of %s", public, secret);
        good = false;
    }
    sodium_memzero (&key, sizeof key);
    return good;
}

// ---- commands

bool
keyfiles_fill (struct keyring *keyring)
{
    bool good = true;

    for (size_t i = 0; good && i < sizeof processes / sizeof *processes; i++) {
        char key[41];
        good = keyring_pair (keyring, processes[i].name, key) &&
               keyring_peer_add (keyring, processes[i].name, key, processes[i].roles);
    }
    good = good && make_random_hex (keyring, "token-check.keys", "", 16) &&
           make_random_hex (keyring, "seal.keys", "1 ", 32) && make_checkpoint_key (keyring) &&
           tls_fill (keyring);
    for (size_t i = 0; good && i < sizeof database_roles / sizeof *database_roles; i++) {
        good = keyfiles_password (keyring, database_roles[i]);
    }
    return good;
}

int
keyfiles_init (struct cli *cli)
{
    struct keyring keyring = {.cli = cli, .directory = cli->arguments[0]};
    bool good = keyring_open (&keyring) && keyfiles_fill (&keyring);

    return keyring_close (&keyring, good);
}

// Before a key is made that could not get a line: is the line one, with any key?
static bool
check_roles (struct keyring *keyring, const char *name, const char *roles)
{
    cleanup_free char *line = xasprintf ("%040d %s %s\n", 0, name, roles);
    struct peers *peers = peers_parse (line, strlen (line), &keyring->error);
    bool good = peers != NULL && peers_count (peers) == 1;

    peers_destroy (&peers);
    return good;
}

// It becomes part of a path.
static bool
is_name (const char *name)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    return *name != '\0' && *name != '.' && *name != '-' && strlen (name) <= 64 &&
           strspn (name, letters) == strlen (name);
}

static int
refuse_name (struct cli *cli)
{
    return print_usage (cli, "a peer's name has 1-64 letters, digits, _, - and dots, and "
                             "begins with a letter or digit");
}

static bool
add (struct keyring *keyring, const char *name)
{
    char key[41];

    return keyring_pair (keyring, name, key) &&
           keyring_peer_add (keyring, name, key, option_text (keyring->cli, "role"));
}

// What has to be made anew after a crash in the middle is made anew by repeating it.
static bool
replace (struct keyring *keyring, const char *name)
{
    char key[41];

    return keyring_peer_known (keyring, name) && keyring_pair_remove (keyring, name) &&
           keyring_pair (keyring, name, key) && keyring_peer_change (keyring, name, key);
}

// The line first: whatever happens then, the peer is refused.
static bool
take_away (struct keyring *keyring, const char *name)
{
    return keyring_peer_change (keyring, name, NULL) && keyring_pair_remove (keyring, name);
}

// A change in the directory of the keys: `change` gets the command's first argument. `told`: what to say of it instead of what was made.
static int
run_change (struct cli *cli, bool change (struct keyring *keyring, const char *argument),
            const char *told, const char *note)
{
    cleanup_free char *directory = keyring_place (cli);
    struct keyring keyring = {.cli = cli, .directory = directory};
    bool good;
    int status;

    if (directory == NULL) {
        return EX_CONFIG;
    }
    good = keyring_open (&keyring) && change (&keyring, cli->arguments[0]);
    if (good && told != NULL && !cli->json) {
        printf ("%s %s\n", told, cli->arguments[0]);
        keyring_end (&keyring);
        status = EX_OK;
    } else {
        status = keyring_close (&keyring, good);
    }
    if (status == EX_OK) {
        print_note (cli, "%s", note);
    }
    return status;
}

int
keyfiles_add (struct cli *cli)
{
    struct keyring none = {.cli = cli};

    if (!is_name (cli->arguments[0])) {
        return refuse_name (cli);
    }
    if (!check_roles (&none, cli->arguments[0], option_text (cli, "role"))) {
        return print_usage (cli, "--role: %s", none.error.text);
    }
    return run_change (cli, add, NULL, "The processes know it after a SIGHUP.");
}

int
keyfiles_replace (struct cli *cli)
{
    return is_name (cli->arguments[0])
               ? run_change (cli, replace, NULL,
                             "The processes know it after a SIGHUP; who uses it needs a restart.")
               : refuse_name (cli);
}

int
keyfiles_remove (struct cli *cli)
{
    return is_name (cli->arguments[0])
               ? run_change (cli, take_away, "removed", "The processes refuse it after a SIGHUP.")
               : refuse_name (cli);
}

// ---- sealing

// The highest version in a file that seal_keys_load has accepted, and how many keys there are.
static unsigned long
newest_version (char *text, int *n_r)
{
    unsigned long newest = 0;
    char *cursor = text, *line;
    int number = 0;

    for (*n_r = 0; (line = crypto_file_line (&cursor, &number)) != NULL; ++*n_r) {
        unsigned long version = strtoul (line, NULL, 10);
        newest = version > newest ? version : newest;
    }
    return newest;
}

// The file's text with one more key, of the next version. NULL: the error is set. The caller wipes and frees it.
static char *
with_newer_key (struct keyring *keyring, const char *path)
{
    uint8_t bytes[32];
    char hex[2 * sizeof bytes + 1], text[SEAL_SIZE_MAX + 1], copy[sizeof text];
    char *more = NULL;
    size_t length;
    unsigned long newest;
    int n;

    if (!crypto_file_read (path, true, (uint8_t *) text, SEAL_SIZE_MAX, &length, &keyring->error)) {
        return NULL;
    }
    text[length] = '\0';
    memcpy (copy, text, length + 1);
    newest = newest_version (copy, &n);
    if (n == CRYPTO_SEAL_KEYS_MAX) {
        error_set (&keyring->error,
                   "%s: has %d keys already: take out the oldest, which opens nothing any more",
                   path, n);
    } else if (newest < UINT32_MAX) {
        randombytes_buf (bytes, sizeof bytes);
        sodium_bin2hex (hex, sizeof hex, bytes, sizeof bytes);
        more = xasprintf ("%s%s%lu %s\n", text, length > 0 && text[length - 1] != '\n' ? "\n" : "",
                          newest + 1, hex);
    } else {
        error_set (&keyring->error, "%s: there is no version after %lu", path, newest);
    }
    sodium_memzero (bytes, sizeof bytes);
    sodium_memzero (hex, sizeof hex);
    sodium_memzero (text, sizeof text);
    sodium_memzero (copy, sizeof copy);
    return more;
}

static bool
reseal (struct keyring *keyring, const char *unused)
{
    cleanup_free char *path = xasprintf ("%s/seal.keys", keyring->directory);
    struct seal_keys *keys = seal_keys_load (path, &keyring->error);
    char *text = keys != NULL ? with_newer_key (keyring, path) : NULL;
    bool good = text != NULL && keyring_write (keyring, path, SECRET_MODE, text, strlen (text));

    (void) unused;
    seal_keys_destroy (&keys);
    if (text != NULL) {
        sodium_memzero (text, strlen (text));
        free (text);
    }
    if (good) {
        keyring_note (keyring, path);
    }
    return good;
}

int
keyfiles_reseal (struct cli *cli)
{
    return run_change (
        cli, reseal, NULL,
        "The issuer seals with it after a restart; then \"jeton keys rotate\" twice.");
}
