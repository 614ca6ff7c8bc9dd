#include "services/cli/keyring.h"
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include "services/cli/connect.h"
#include "services/cli/print.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

bool
keyring_fail (struct keyring *keyring, const char *path)
{
    error_set (&keyring->error, "%s: %s", path, strerror (errno));
    return false;
}

void
keyring_note (struct keyring *keyring, const char *path)
{
    json_array_append_new (keyring->made, json_string (path));
}

bool
keyring_has (const char *path)
{
    struct stat status;

    return lstat (path, &status) == 0;
}

bool
keyring_make_directory (struct keyring *keyring, const char *path)
{
    if (mkdir (path, 0700) == 0) {
        keyring_note (keyring, path);
        return true;
    }
    return errno == EEXIST || keyring_fail (keyring, path);
}

// Write beside the place and rename: what is there is whole. The lock keeps others from making it meanwhile.
bool
keyring_write (struct keyring *keyring, const char *path, mode_t mode, const void *data,
               size_t size)
{
    cleanup_free char *fresh = xasprintf ("%s.new-XXXXXX", path);
    int fd = mkstemp (fresh);
    bool good;

    if (fd < 0) {
        return keyring_fail (keyring, fresh);
    }
    good = write (fd, data, size) == (ssize_t) size && fchmod (fd, mode) == 0 && fsync (fd) == 0 &&
           rename (fresh, path) == 0;
    if (!good) {
        keyring_fail (keyring, path);
        unlink (fresh);
    }
    close (fd);
    return good;
}

bool
keyring_make (struct keyring *keyring, const char *name, mode_t mode, const char *text)
{
    cleanup_free char *path = xasprintf ("%s/%s", keyring->directory, name);

    if (keyring_has (path)) {
        return true;
    }
    if (!keyring_write (keyring, path, mode, text, strlen (text))) {
        return false;
    }
    keyring_note (keyring, path);
    return true;
}

bool
keyring_open (struct keyring *keyring)
{
    cleanup_free char *curve = xasprintf ("%s/curve", keyring->directory);

    keyring->lock = -1;
    keyring->made = json_array ();
    if (!crypto_start (&keyring->error) || !keyring_make_directory (keyring, keyring->directory)) {
        return false;
    }
    keyring->lock = open (keyring->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (keyring->lock < 0 || flock (keyring->lock, LOCK_EX) != 0) {
        return keyring_fail (keyring, keyring->directory);
    }
    return keyring_make_directory (keyring, curve);
}

void
keyring_end (struct keyring *keyring)
{
    if (keyring->lock >= 0) {
        fsync (keyring->lock);
        close (keyring->lock);
    }
    json_decref (keyring->made);
    keyring->made = NULL;
}

void
keyring_print (const struct keyring *keyring)
{
    for (size_t i = 0; i < json_array_size (keyring->made); i++) {
        fputs ("made ", stdout);
        print_text (stdout, json_string_value (json_array_get (keyring->made, i)));
        putchar ('\n');
    }
    if (json_array_size (keyring->made) == 0) {
        printf ("All keys are there already.\n");
    }
    fflush (stdout);
}

int
keyring_close (struct keyring *keyring, bool good)
{
    struct cli *cli = keyring->cli;
    int status = EX_OK;

    if (!good) {
        status = print_fail (cli, EX_CANTCREAT, "FAILED", "%s", keyring->error.text);
    } else if (cli->json) {
        json_t *outcome =
            json_pack ("{s:s,s:O}", "directory", keyring->directory, "made", keyring->made);
        print_json (stdout, outcome, JSON_INDENT (2));
        json_decref (outcome);
    } else {
        keyring_print (keyring);
    }
    keyring_end (keyring);
    return status;
}

char *
keyring_place (struct cli *cli)
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
