#include "common/process/certificate.h"
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include <sodium.h>
#include <string.h>

enum { FILE_MAX = 4096, Z85_LENGTH = 40, KEY_SIZE = 32 };

// Copies the key out of a line: name = "forty characters of Z85".
static void
take (const char *line, const char *name, char key_r[Z85_LENGTH + 1])
{
    static const char blanks[] = " \t";
    if (strncmp (line, name, strlen (name)) != 0)
        return;
    line += strlen (name);
    line += strspn (line, blanks);
    if (*line++ != '=')
        return;
    line += strspn (line, blanks);
    if (strlen (line) == Z85_LENGTH + 2 && line[0] == '"' && line[Z85_LENGTH + 1] == '"') {
        memcpy (key_r, line + 1, Z85_LENGTH);
        key_r[Z85_LENGTH] = 0;
    }
}

static zcert_t *
make (const char *public_key, const char *secret_key)
{
    char derived[Z85_LENGTH + 1];
    uint8_t public_bytes[KEY_SIZE], secret_bytes[KEY_SIZE];
    zcert_t *certificate = NULL;
    if (strlen (public_key) == Z85_LENGTH && strlen (secret_key) == Z85_LENGTH &&
        zmq_curve_public (derived, secret_key) == 0 && strcmp (derived, public_key) == 0 &&
        zmq_z85_decode (public_bytes, public_key) && zmq_z85_decode (secret_bytes, secret_key))
        certificate = zcert_new_from (public_bytes, secret_bytes);
    sodium_memzero (secret_bytes, sizeof secret_bytes);
    return certificate;
}

zcert_t *
certificate_load (const char *path, struct error *error_r)
{
    static const char suffix[] = "_secret";
    size_t end = strlen (path);
    bool named = end >= strlen (suffix) && strcmp (path + end - strlen (suffix), suffix) == 0;
    cleanup_free char *secret_path = xasprintf ("%s%s", path, named ? "" : suffix);
    char text[FILE_MAX + 1], public_key[Z85_LENGTH + 1] = "", secret_key[Z85_LENGTH + 1] = "";
    size_t length;
    if (!crypto_file_read (secret_path, true, (uint8_t *) text, FILE_MAX, &length, error_r))
        return NULL;
    text[length] = 0;
    char *cursor = text, *line;
    int number = 0;
    while ((line = crypto_file_line (&cursor, &number)) != NULL) {
        take (line, "public-key", public_key);
        take (line, "secret-key", secret_key);
    }
    zcert_t *certificate = make (public_key, secret_key);
    sodium_memzero (text, sizeof text);
    sodium_memzero (secret_key, sizeof secret_key);
    if (!certificate)
        error_set (error_r, "%s: not a CURVE key pair; `jeton keys init` makes one", secret_path);
    return certificate;
}
