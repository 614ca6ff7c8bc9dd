// A directory of key files that is being filled or changed: what the commands of key files are made of.
//
// Whatever changes files here changes them whole or not at all, notes each path in `made`, and sets `error` when it fails. Modes: 0600 for
// secrets, 0644 for what is public, 0700 for directories.
#ifndef JETON_CLI_KEYRING_H
#define JETON_CLI_KEYRING_H

#include "common/error/error.h"
#include "services/cli/command.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PUBLIC_MODE = 0644, SECRET_MODE = 0600 };

struct keyring {
    struct cli *cli;
    const char *directory; // set these two, and zero the others
    int lock;
    json_t *made; // paths of what was made
    struct error error;
};

// keyring_open (keyring): Make the directory if it is missing, and lock it against others that change it. Call keyring_end or
// keyring_close in either case.
bool keyring_open (struct keyring *keyring) __attribute__ ((warn_unused_result));
void keyring_end (struct keyring *keyring);
// keyring_close (keyring, good): The same, and tell what was made, or the error. Returns the exit status.
int keyring_close (struct keyring *keyring, bool good);
// keyring_print (keyring): What was made, a line each.
void keyring_print (const struct keyring *keyring);

// keyring_place (cli): --dir, or the directory of the peers file in use. The caller frees it; NULL: the reason has been printed.
char *keyring_place (struct cli *cli);

// keyring_fail (keyring, path): The error is errno's, about that path. Returns false.
bool keyring_fail (struct keyring *keyring, const char *path);
void keyring_note (struct keyring *keyring, const char *path);
bool keyring_has (const char *path); // something is there, whatever it is
bool keyring_make_directory (struct keyring *keyring, const char *path);

// keyring_write (keyring, path, mode, data, size): Replace a file, whole, wherever it is. Notes nothing.
bool keyring_write (struct keyring *keyring, const char *path, mode_t mode, const void *data,
                    size_t size) __attribute__ ((warn_unused_result));
// keyring_make (keyring, name, mode, text): Make a file of the directory unless it is there.
bool keyring_make (struct keyring *keyring, const char *name, mode_t mode, const char *text)
    __attribute__ ((warn_unused_result));

// keyring_pair (keyring, name, key_r): The CURVE key pair of a peer, made if it is missing; key_r: its public key, Z85.
bool keyring_pair (struct keyring *keyring, const char *name, char key_r[41])
    __attribute__ ((warn_unused_result));
// keyring_pair_remove (keyring, name): Remove its files, if they are there.
bool keyring_pair_remove (struct keyring *keyring, const char *name)
    __attribute__ ((warn_unused_result));

// keyring_peer_add (keyring, name, key, roles): A line of the peers file, unless the peer has one with that key.
bool keyring_peer_add (struct keyring *keyring, const char *name, const char *key,
                       const char *roles) __attribute__ ((warn_unused_result));
// keyring_peer_known (keyring, name): Is there a line of that peer? False: the error is set.
bool keyring_peer_known (struct keyring *keyring, const char *name)
    __attribute__ ((warn_unused_result));
// keyring_peer_change (keyring, name, key): Another key in the peer's line; NULL: the line goes. False as well when there is no such peer.
bool keyring_peer_change (struct keyring *keyring, const char *name, const char *key)
    __attribute__ ((warn_unused_result));

#endif
