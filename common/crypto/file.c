#include "common/crypto/crypto.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool
crypto_start (struct error *error_r)
{
    if (sodium_init () < 0) {
        error_set (error_r, "libsodium cannot start: no source of random numbers");
        return false;
    }
    return true;
}

// Orchestrators mount secrets as root's, readable by the process's group.
static bool
private_file (const struct stat *status)
{
    unsigned others = status->st_mode & 077;
    return others == 0 || (status->st_uid == 0 && (others & ~040U) == 0);
}

static bool
read_all (int file, uint8_t *data_r, size_t size, size_t *length_r)
{
    *length_r = 0;
    while (*length_r < size) {
        ssize_t n = read (file, data_r + *length_r, size - *length_r);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            break;
        *length_r += (size_t) n;
    }
    return true;
}

static bool
read_open (int file, const char *path, bool secret, uint8_t *data_r, size_t size, size_t *length_r,
           struct error *error_r)
{
    struct stat status;
    if (fstat (file, &status) != 0 || S_ISDIR (status.st_mode)) {
        error_set (error_r, "%s: not a file", path);
        return false;
    }
    if (secret && !private_file (&status)) {
        error_set (error_r, "%s: others than its owner may read or change it: chmod 600 it", path);
        return false;
    }
    uint8_t beyond;
    size_t more = 0;
    if (!read_all (file, data_r, size, length_r) ||
        (*length_r == size && !read_all (file, &beyond, 1, &more))) {
        error_set (error_r, "%s: %s", path, strerror (errno));
        return false;
    }
    if (more > 0) {
        error_set (error_r, "%s: larger than %zu bytes", path, size);
        return false;
    }
    return true;
}

bool
crypto_file_read (const char *path, bool secret, uint8_t *data_r, size_t size, size_t *length_r,
                  struct error *error_r)
{
    int file = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0) {
        error_set (error_r, "%s: %s", path, strerror (errno));
        return false;
    }
    bool good = read_open (file, path, secret, data_r, size, length_r, error_r);
    close (file);
    if (!good && secret)
        sodium_memzero (data_r, size);
    return good;
}

char *
crypto_file_line (char **cursor, int *number)
{
    static const char blanks[] = " \t\r\n\v\f";
    while (**cursor) {
        char *line = *cursor;
        size_t length = strcspn (line, "\n");
        *cursor = line + length + (line[length] == '\n');
        line[length] = 0;
        ++*number;
        line += strspn (line, blanks);
        for (length = strlen (line); length > 0 && strchr (blanks, line[length - 1]); length--)
            line[length - 1] = 0;
        if (*line && *line != '#')
            return line;
    }
    return NULL;
}

bool
crypto_hex (const char *text, uint8_t *data_r, size_t size)
{
    size_t length;
    return strlen (text) == 2 * size &&
           sodium_hex2bin (data_r, size, text, 2 * size, NULL, &length, NULL) == 0 &&
           length == size;
}
