#include "common/rpc/peers.h"
#include "common/memory/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { FILE_SIZE_MAX = 1 << 20, LINES_MAX = 10000, KEY_LENGTH = 40, WORDS_MAX = 3 };

struct peers {
    size_t n;
    struct peer *list;           // by key
    const struct peer **by_name; // the same by name
};

struct word {
    const char *text;
    size_t length;
};

static const struct {
    const char *name;
    enum role role;
} roles[] = {
    {"service", ROLE_SERVICE}, {"operator", ROLE_OPERATOR}, {"caller", ROLE_CALLER},
    {"gateway", ROLE_GATEWAY}, {"monitor", ROLE_MONITOR},
};

static bool
word_is_key (const struct word *word)
{
    char text[KEY_LENGTH + 1];
    uint8_t key[32];
    if (word->length != KEY_LENGTH)
        return false;
    memcpy (text, word->text, KEY_LENGTH);
    text[KEY_LENGTH] = '\0';
    return strlen (text) == KEY_LENGTH && zmq_z85_decode (key, text) != NULL;
}

// At most WORDS_MAX words are kept, but all are counted. A word that begins with # ends the line: # is a character of Z85, but no
// key begins with it, because 84 * 85^4 is more than 32 bits.
static size_t
line_split (const char *line, size_t length, struct word words_r[WORDS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < length;) {
        if (line[i] == ' ' || line[i] == '\t' || line[i] == '\r') {
            i++;
            continue;
        }
        size_t begin = i;
        while (i < length && line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
            i++;
        if (line[begin] == '#')
            break;
        if (n < WORDS_MAX)
            words_r[n] = (struct word){.text = line + begin, .length = i - begin};
        n++;
    }
    return n;
}

static bool
name_parse (const struct word *word, char name_r[65])
{
    if (word->length == 0 || word->length > 64)
        return false;
    for (size_t i = 0; i < word->length; i++)
        if (strchr ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-",
                    word->text[i]) == NULL ||
            word->text[i] == '\0')
            return false;
    memcpy (name_r, word->text, word->length);
    name_r[word->length] = '\0';
    return true;
}

static bool
roles_parse (const struct word *word, unsigned *roles_r)
{
    *roles_r = 0;
    for (size_t begin = 0; begin <= word->length;) {
        size_t end = begin;
        while (end < word->length && word->text[end] != ',')
            end++;
        unsigned role = 0;
        for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
            if (strlen (roles[i].name) == end - begin &&
                memcmp (roles[i].name, word->text + begin, end - begin) == 0)
                role = roles[i].role;
        if (role == 0)
            return false;
        *roles_r |= role;
        begin = end + 1;
    }
    return true;
}

static bool
line_parse (const char *line, size_t length, struct peer *peer_r, bool *is_peer_r,
            struct error *error_r)
{
    struct word words[WORDS_MAX];
    size_t n = line_split (line, length, words);
    *is_peer_r = false;
    if (n == 0)
        return true;
    bool key = word_is_key (&words[0]);
    bool name = n > 1 && name_parse (&words[1], peer_r->name);
    bool role = n == WORDS_MAX && roles_parse (&words[2], &peer_r->roles);
    if (key && name && role) {
        memcpy (peer_r->key, words[0].text, KEY_LENGTH);
        peer_r->key[KEY_LENGTH] = '\0';
        *is_peer_r = true;
        return true;
    }
    if (n != WORDS_MAX)
        error_set (error_r, "a line has a key, a name and roles; this one has %zu words", n);
    else if (!key)
        error_set (error_r, "the key is not 40 characters of Z85");
    else if (!name)
        error_set (error_r, "a name is 1 to 64 of the characters A-Z a-z 0-9 . _ -");
    else
        error_set (error_r, "roles are service, operator, caller, gateway, monitor, with commas "
                            "between them");
    return false;
}

static int
key_compare (const void *a, const void *b)
{
    return strcmp (((const struct peer *) a)->key, ((const struct peer *) b)->key);
}

static int
name_compare (const void *a, const void *b)
{
    return strcmp ((*(const struct peer *const *) a)->name,
                   (*(const struct peer *const *) b)->name);
}

static bool
peers_index (struct peers *peers, struct error *error_r)
{
    if (peers->n > 0)
        qsort (peers->list, peers->n, sizeof *peers->list, key_compare);
    peers->by_name = xcalloc (peers->n + 1, sizeof *peers->by_name);
    for (size_t i = 0; i < peers->n; i++)
        peers->by_name[i] = &peers->list[i];
    qsort (peers->by_name, peers->n, sizeof *peers->by_name, name_compare);
    for (size_t i = 1; i < peers->n; i++) {
        if (strcmp (peers->list[i - 1].key, peers->list[i].key) == 0) {
            error_set (error_r, "%s and %s have the same key", peers->list[i - 1].name,
                       peers->list[i].name);
            return false;
        }
        if (strcmp (peers->by_name[i - 1]->name, peers->by_name[i]->name) == 0) {
            error_set (error_r, "the name %s is there twice", peers->by_name[i]->name);
            return false;
        }
    }
    return true;
}

static bool
peers_fill (struct peers *peers, const char *text, size_t size, struct error *error_r)
{
    size_t room = 0, line = 0;
    for (size_t begin = 0; begin < size; line++) {
        const char *newline = memchr (text + begin, '\n', size - begin);
        size_t end = newline != NULL ? (size_t) (newline - text) : size;
        if (line == LINES_MAX) {
            error_set (error_r, "there are more than %d lines", LINES_MAX);
            return false;
        }
        if (peers->n == room) {
            room = room == 0 ? 16 : room * 2;
            peers->list = xrealloc (peers->list, room * sizeof *peers->list);
        }
        struct peer *peer = &peers->list[peers->n];
        memset (peer, 0, sizeof *peer);
        bool is_peer;
        if (!line_parse (text + begin, end - begin, peer, &is_peer, error_r)) {
            error_prefix (error_r, "line %zu", line + 1);
            return false;
        }
        peers->n += is_peer;
        begin = end + 1;
    }
    return peers_index (peers, error_r);
}

struct peers *
peers_parse (const char *text, size_t size, struct error *error_r)
{
    struct peers *peers = xcalloc (1, sizeof *peers);
    if (size > FILE_SIZE_MAX) {
        error_set (error_r, "it is larger than %d bytes", FILE_SIZE_MAX);
        peers_destroy (&peers);
    } else if (!peers_fill (peers, text, size, error_r))
        peers_destroy (&peers);
    return peers;
}

struct peers *
peers_load (const char *path, struct error *error_r)
{
    FILE *file = fopen (path, "re");
    if (file == NULL) {
        error_set (error_r, "peers file %s: %s", path, strerror (errno));
        return NULL;
    }
    char *text = xcalloc (1, FILE_SIZE_MAX + 1);
    size_t size = fread (text, 1, FILE_SIZE_MAX + 1, file);
    struct peers *peers = NULL;
    if (ferror (file))
        error_set (error_r, "peers file %s: it cannot be read", path);
    else {
        peers = peers_parse (text, size, error_r);
        if (peers == NULL && error_r != NULL)
            error_prefix (error_r, "peers file %s", path);
    }
    free (text);
    fclose (file);
    return peers;
}

void
peers_destroy (struct peers **peers_p)
{
    struct peers *peers = *peers_p;
    if (peers == NULL)
        return;
    free (peers->list);
    free (peers->by_name);
    free (peers);
    *peers_p = NULL;
}

const struct peer *
peers_by_key (const struct peers *peers, const char *key)
{
    size_t low = 0, high = peers->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp (key, peers->list[middle].key);
        if (order == 0)
            return &peers->list[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct peer *
peers_by_name (const struct peers *peers, const char *name)
{
    size_t low = 0, high = peers->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp (name, peers->by_name[middle]->name);
        if (order == 0)
            return peers->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

size_t
peers_count (const struct peers *peers)
{
    return peers->n;
}
