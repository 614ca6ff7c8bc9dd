// The peers file of a keyring.
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include "common/rpc/peers.h"
#include "services/cli/keyring.h"
#include <stdlib.h>
#include <string.h>

enum { PEERS_SIZE_MAX = 1 << 20 };

// What is in it, or a heading where there is none yet. NULL: the error is set.
static char *
peers_text (struct keyring *keyring, const char *path)
{
    static const char heading[] =
        "# Who may connect: public key, name, roles. The processes read it again on SIGHUP.\n";
    char *text;
    size_t length;

    if (!keyring_has (path)) {
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

bool
keyring_peer_add (struct keyring *keyring, const char *name, const char *key, const char *roles)
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
        good = all != NULL && keyring_write (keyring, path, PUBLIC_MODE, more, strlen (more));
        peers_destroy (&all);
        if (good) {
            cleanup_free char *line = xasprintf ("%s: %s", path, name);
            keyring_note (keyring, line);
        }
    }
    peers_destroy (&peers);
    return good;
}

// The line without its newline has this peer's name as its second word.
static bool
is_line_of (const char *line, size_t length, const char *name)
{
    static const char blanks[] = " \t\r";
    cleanup_free char *copy = xasprintf ("%.*s", (int) length, line);
    char *rest = NULL, *first = strtok_r (copy, blanks, &rest),
         *second = first != NULL && *first != '#' ? strtok_r (NULL, blanks, &rest) : NULL;

    return second != NULL && strcmp (second, name) == 0;
}

enum { KEY_LENGTH = 40 }; // of Z85

// The text with the peer's line changed, or without it when there is no key.
static char *
changed_text (const char *text, const char *name, const char *key)
{
    char *changed = xcalloc (1, strlen (text) + 1), *end = changed;

    for (const char *line = text; *line != '\0';) {
        size_t length = strcspn (line, "\n"), whole = length + (line[length] == '\n');
        bool found = is_line_of (line, length, name);
        if (!found || key != NULL) {
            memcpy (end, line, whole);
            if (found) {
                // All keys are equally long: the rest of the line stays as it is.
                memcpy (end + strspn (line, " \t"), key, KEY_LENGTH);
            }
            end += whole;
        }
        line += whole;
    }
    return changed;
}

bool
keyring_peer_known (struct keyring *keyring, const char *name)
{
    cleanup_free char *path = xasprintf ("%s/peers", keyring->directory);
    struct peers *peers = peers_load (path, &keyring->error);
    bool known = peers != NULL && peers_by_name (peers, name) != NULL;

    if (peers != NULL && !known) {
        error_set (&keyring->error, "%s: there is no \"%s\"", path, name);
    }
    peers_destroy (&peers);
    return known;
}

bool
keyring_peer_change (struct keyring *keyring, const char *name, const char *key)
{
    cleanup_free char *path = xasprintf ("%s/peers", keyring->directory);
    cleanup_free char *text = peers_text (keyring, path), *changed = NULL;
    struct peers *peers;
    bool good;

    if (text == NULL || !keyring_peer_known (keyring, name)) {
        return false;
    }
    changed = changed_text (text, name, key);
    peers = peers_parse (changed, strlen (changed), &keyring->error);
    good = peers != NULL && keyring_write (keyring, path, PUBLIC_MODE, changed, strlen (changed));
    peers_destroy (&peers);
    if (good && key != NULL) {
        cleanup_free char *line = xasprintf ("%s: %s", path, name);
        keyring_note (keyring, line);
    }
    return good;
}
