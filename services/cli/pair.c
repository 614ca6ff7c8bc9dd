// CURVE key pairs in a keyring.
#include "common/memory/memory.h"
#include "common/process/certificate.h"
#include "services/cli/keyring.h"
#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
rename_synced (struct keyring *keyring, const char *from, const char *to, mode_t mode)
{
    int fd = open (from, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && fchmod (fd, mode) == 0 && fsync (fd) == 0 && rename (from, to) == 0;

    if (!good) {
        keyring_fail (keyring, to);
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
        return keyring_fail (keyring, fresh);
    }
    if (keyring_has (secret)) {
        unlink (fresh_secret);
    } else if (!rename_synced (keyring, fresh_secret, secret, SECRET_MODE)) {
        unlink (fresh);
        return false;
    } else {
        keyring_note (keyring, secret);
    }
    if (!rename_synced (keyring, fresh, path, PUBLIC_MODE)) {
        return false;
    }
    keyring_note (keyring, path);
    return true;
}

bool
keyring_pair (struct keyring *keyring, const char *name, char key_r[41])
{
    cleanup_free char *path = xasprintf ("%s/curve/%s.key", keyring->directory, name);
    cleanup_free char *secret = xasprintf ("%s_secret", path);
    zcert_t *certificate;
    bool good = true;

    if (keyring_has (path) && !keyring_has (secret)) {
        error_set (&keyring->error,
                   "%s is there without %s: bring that back, or remove it to make a new pair", path,
                   secret);
        return false;
    }
    certificate = keyring_has (secret) ? certificate_load (path, &keyring->error) : zcert_new ();
    if (certificate == NULL) {
        return false;
    }
    if (!keyring_has (path)) {
        zcert_set_meta (certificate, "name", "%s", name);
        good = save_pair (keyring, certificate, path, secret);
    }
    snprintf (key_r, 41, "%s", zcert_public_txt (certificate));
    zcert_destroy (&certificate);
    return good;
}

// The public part first: without its secret one it would keep a new pair from being made.
bool
keyring_pair_remove (struct keyring *keyring, const char *name)
{
    cleanup_free char *path = xasprintf ("%s/curve/%s.key", keyring->directory, name);
    cleanup_free char *secret = xasprintf ("%s_secret", path);

    return (unlink (path) == 0 || errno == ENOENT || keyring_fail (keyring, path)) &&
           (unlink (secret) == 0 || errno == ENOENT || keyring_fail (keyring, secret));
}
