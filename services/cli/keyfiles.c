#include "services/cli/keyfiles.h"
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include "common/process/certificate.h"
#include "common/rpc/peers.h"
#include "services/cli/connect.h"
#include "services/cli/print.h"
#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEERS_SIZE_MAX = 1 << 20, PUBLIC_MODE = 0644, SECRET_MODE = 0600 };

// One directory of keys being filled.
struct keyring {
    struct cli *cli;
    const char *directory;
    int lock;
    json_t *made; // paths of what was made
    struct error error;
};

static const struct {
    const char *name, *roles;
} processes[] = {
    {"issuer", "service"},  {"validator", "service"},       {"admin", "service"},
    {"auditor", "service"}, {"gateway", "gateway,service"}, {"operator", "operator"},
    {"caller", "caller"},
};
static const char *const database_roles[] = {"admin", "issuer", "validator", "auditor"};

static bool
fail_errno (struct keyring *keyring, const char *path)
{
    error_set (&keyring->error, "%s: %s", path, strerror (errno));
    return false;
}

static void
note_made (struct keyring *keyring, const char *path)
{
    json_array_append_new (keyring->made, json_string (path));
}

// A file that is there stays, whatever it is.
static bool
is_there (const char *path)
{
    struct stat status;

    return lstat (path, &status) == 0;
}

static bool
make_directory (struct keyring *keyring, const char *path)
{
    if (mkdir (path, 0700) == 0) {
        note_made (keyring, path);
        return true;
    }
    return errno == EEXIST || fail_errno (keyring, path);
}

// Write beside the place and rename: what is there is whole. The lock keeps others from making it meanwhile.
static bool
write_file (struct keyring *keyring, const char *path, mode_t mode, const void *data, size_t size)
{
    cleanup_free char *fresh = xasprintf ("%s.new-XXXXXX", path);
    int fd = mkstemp (fresh);
    bool good;

    if (fd < 0) {
        return fail_errno (keyring, fresh);
    }
    good = write (fd, data, size) == (ssize_t) size && fchmod (fd, mode) == 0 && fsync (fd) == 0 &&
           rename (fresh, path) == 0;
    if (!good) {
        fail_errno (keyring, path);
        unlink (fresh);
    }
    close (fd);
    return good;
}

static bool
make_file (struct keyring *keyring, const char *name, mode_t mode, const char *text)
{
    cleanup_free char *path = xasprintf ("%s/%s", keyring->directory, name);

    if (is_there (path)) {
        return true;
    }
    if (!write_file (keyring, path, mode, text, strlen (text))) {
        return false;
    }
    note_made (keyring, path);
    return true;
}

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
    good = make_file (keyring, name, SECRET_MODE, text);
    sodium_memzero (bytes, sizeof bytes);
    sodium_memzero (hex, sizeof hex);
    sodium_memzero (text, sizeof text);
    return good;
}

static bool
make_password (struct keyring *keyring, const char *role)
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
    good = make_file (keyring, name, SECRET_MODE, text);
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
    struct sign_key key, known;
    bool good;

    if (!make_random_hex (keyring, "checkpoint.key", "", CRYPTO_SEED_SIZE) ||
        !sign_key_load (secret, &key, &keyring->error)) {
        return false;
    }
    sodium_bin2hex (hex, sizeof hex, key.public_key, sizeof key.public_key);
    snprintf (text, sizeof text, "%s\n", hex);
    good = make_file (keyring, "checkpoint.pub", PUBLIC_MODE, text) &&
           sign_public_load (public, &known, &keyring->error);
    if (good && memcmp (known.public_key, key.public_key, sizeof key.public_key) != 0) {
        error_set (&keyring->error, "%s is not the public part of %s", public, secret);
        good = false;
    }
    sodium_memzero (&key, sizeof key);
    return good;
}

// ---- CURVE keys

static bool
rename_synced (struct keyring *keyring, const char *from, const char *to, mode_t mode)
{
    int fd = open (from, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && fchmod (fd, mode) == 0 && fsync (fd) == 0 && rename (from, to) == 0;

    if (!good) {
        fail_errno (keyring, to);
        unlink (from);
    }
    if (fd >= 0) {
        close (fd);
    }
    return good;
}

// The secret part is put in place first: from it the public one can be made again.
static bool
save_pair (struct keyring *keyring, zcert_t *certificate, const char *path, const char *secret)
{
    cleanup_free char *fresh = xasprintf ("%s.new", path);
    cleanup_free char *fresh_secret = xasprintf ("%s_secret", fresh);
    mode_t old = umask (077);
    int saved = zcert_save (certificate, fresh);

    umask (old); // czmq leaves its own behind
    if (saved != 0) {
        return fail_errno (keyring, fresh);
    }
    if (is_there (secret)) {
        unlink (fresh_secret);
    } else if (!rename_synced (keyring, fresh_secret, secret, SECRET_MODE)) {
        unlink (fresh);
        return false;
    } else {
        note_made (keyring, secret);
    }
    if (!rename_synced (keyring, fresh, path, PUBLIC_MODE)) {
        return false;
    }
    note_made (keyring, path);
    return true;
}

// The key pair of a peer, made if it is missing. Its public key goes to key_r.
static bool
make_pair (struct keyring *keyring, const char *name, char key_r[41])
{
    cleanup_free char *path = xasprintf ("%s/curve/%s.key", keyring->directory, name);
    cleanup_free char *secret = xasprintf ("%s_secret", path);
    zcert_t *certificate;
    bool good = true;

    if (is_there (path) && !is_there (secret)) {
        error_set (&keyring->error,
                   "%s is there without %s: bring that back, or remove it to make a new pair", path,
                   secret);
        return false;
    }
    certificate = is_there (secret) ? certificate_load (path, &keyring->error) : zcert_new ();
    if (certificate == NULL) {
        return false;
    }
    if (!is_there (path)) {
        zcert_set_meta (certificate, "name", "%s", name);
        good = save_pair (keyring, certificate, path, secret);
    }
    snprintf (key_r, 41, "%s", zcert_public_txt (certificate));
    zcert_destroy (&certificate);
    return good;
}

// ---- the peers file

// What is in it, or a heading where there is none yet. NULL: the error is set.
static char *
peers_text (struct keyring *keyring, const char *path)
{
    static const char heading[] =
        "# Who may connect: public key, name, roles. The processes read it again on SIGHUP.\n";
    char *text;
    size_t length;

    if (!is_there (path)) {
        return xstrdup (heading);
    }
    text = xcalloc (1, PEERS_SIZE_MAX + 2);
    if (!crypto_file_read (path, false, (uint8_t *) text, PEERS_SIZE_MAX, &length,
                           &keyring->error)) {
        free (text);
        return NULL;
    }
    if (length > 0 && text[length - 1] != '\n') {
        text[length] = '\n';
    }
    return text;
}

// Add the peer's line unless it is there.
static bool
add_peer (struct keyring *keyring, const char *name, const char *key, const char *roles)
{
    cleanup_free char *path = xasprintf ("%s/peers", keyring->directory);
    cleanup_free char *text = peers_text (keyring, path);
    cleanup_free char *more =
        xasprintf ("%s%s  %-10s %s\n", text != NULL ? text : "", key, name, roles);
    struct peers *peers;
    const struct peer *peer;
    bool good = true;

    if (text == NULL) {
        return false;
    }
    peers = peers_parse (text, strlen (text), &keyring->error);
    if (peers == NULL) {
        error_prefix (&keyring->error, "%s", path);
        return false;
    }
    peer = peers_by_name (peers, name);
    if (peer != NULL && strcmp (peer->key, key) != 0) {
        error_set (&keyring->error, "%s: \"%s\" has another key there than in curve/%s.key", path,
                   name, name);
        good = false;
    } else if (peer == NULL) {
        struct peers *all = peers_parse (more, strlen (more), &keyring->error);
        good = all != NULL && write_file (keyring, path, PUBLIC_MODE, more, strlen (more));
        peers_destroy (&all);
        if (good) {
            cleanup_free char *line = xasprintf ("%s: %s", path, name);
            note_made (keyring, line);
        }
    }
    peers_destroy (&peers);
    return good;
}

// ---- commands

static bool
keyring_open (struct keyring *keyring)
{
    cleanup_free char *curve = xasprintf ("%s/curve", keyring->directory);

    keyring->lock = -1;
    keyring->made = json_array ();
    if (!crypto_start (&keyring->error) || !make_directory (keyring, keyring->directory)) {
        return false;
    }
    keyring->lock = open (keyring->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (keyring->lock < 0 || flock (keyring->lock, LOCK_EX) != 0) {
        return fail_errno (keyring, keyring->directory);
    }
    return make_directory (keyring, curve);
}

static int
keyring_close (struct keyring *keyring, bool good)
{
    struct cli *cli = keyring->cli;
    int status = EX_OK;

    if (keyring->lock >= 0) {
        fsync (keyring->lock);
        close (keyring->lock);
    }
    if (!good) {
        status = print_fail (cli, EX_CANTCREAT, "FAILED", "%s", keyring->error.text);
    } else if (cli->json) {
        json_t *outcome =
            json_pack ("{s:s,s:O}", "directory", keyring->directory, "made", keyring->made);
        print_json (stdout, outcome, JSON_INDENT (2));
        json_decref (outcome);
    } else {
        for (size_t i = 0; i < json_array_size (keyring->made); i++) {
            fputs ("made ", stdout);
            print_text (stdout, json_string_value (json_array_get (keyring->made, i)));
            putchar ('\n');
        }
        if (json_array_size (keyring->made) == 0) {
            printf ("All keys are there already.\n");
        }
    }
    json_decref (keyring->made);
    return status;
}

int
keyfiles_init (struct cli *cli)
{
    struct keyring keyring = {.cli = cli, .directory = cli->arguments[0]};
    bool good = keyring_open (&keyring);

    for (size_t i = 0; good && i < sizeof processes / sizeof *processes; i++) {
        char key[41];
        good = make_pair (&keyring, processes[i].name, key) &&
               add_peer (&keyring, processes[i].name, key, processes[i].roles);
    }
    good = good && make_random_hex (&keyring, "token-check.keys", "", 16) &&
           make_random_hex (&keyring, "seal.keys", "1 ", 32) && make_checkpoint_key (&keyring);
    for (size_t i = 0; good && i < sizeof database_roles / sizeof *database_roles; i++) {
        good = make_password (&keyring, database_roles[i]);
    }
    return keyring_close (&keyring, good);
}

// The directory of the peers file in use, unless another is named. The caller frees it; NULL: the reason has been printed.
static char *
keys_directory (struct cli *cli)
{
    const char *named = option_text (cli, "dir"), *slash;
    const struct connect_settings *settings;

    if (named != NULL) {
        return xstrdup (named);
    }
    settings = connect_settings (cli);
    if (settings == NULL) {
        return NULL;
    }
    slash = strrchr (settings->peers, '/');
    return slash != NULL ? xasprintf ("%.*s", (int) (slash - settings->peers), settings->peers)
                         : xstrdup (".");
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

int
keyfiles_add (struct cli *cli)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const char *name = cli->arguments[0];
    cleanup_free char *directory = NULL;
    struct keyring keyring = {.cli = cli};
    char key[41];
    bool good;
    int status;

    // It becomes part of a path.
    if (*name == '\0' || *name == '.' || *name == '-' || strlen (name) > 64 ||
        strspn (name, letters) != strlen (name)) {
        return print_usage (cli, "a peer's name has 1-64 letters, digits, _, - and dots, and "
                                 "begins with a letter or digit");
    }
    if (!check_roles (&keyring, name, option_text (cli, "role"))) {
        return print_usage (cli, "--role: %s", keyring.error.text);
    }
    directory = keys_directory (cli);
    if (directory == NULL) {
        return EX_CONFIG;
    }
    keyring.directory = directory;
    good = keyring_open (&keyring) && make_pair (&keyring, name, key) &&
           add_peer (&keyring, name, key, option_text (cli, "role"));
    status = keyring_close (&keyring, good);
    if (status == EX_OK) {
        print_note (cli, "The processes know it after a SIGHUP.");
    }
    return status;
}
