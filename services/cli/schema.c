#include "services/cli/schema.h"
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 999, FILE_SIZE_MAX = 1024 * 1024 };

static bool
is_directory (const char *path)
{
    struct stat status;
    return stat (path, &status) == 0 && S_ISDIR (status.st_mode);
}

// In the tree the programs are in build/bin or build/sanitize/bin; installed, beside share/.
static bool
find_directory (struct schema *schema, const char *directory, struct error *error_r)
{
    if (directory) {
        schema->directory = xstrdup (directory);
        return true;
    }
    char program[4096];
    ssize_t length = readlink ("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = 0;
    char *slash = strrchr (program, '/');
    if (slash)
        *slash = 0;
    static const char *const places[] = {"../../deploy/schema", "../../../deploy/schema",
                                         "../share/jeton/schema"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        schema->directory = xasprintf ("%s/%s", program, places[i]);
        if (is_directory (schema->directory))
            return true;
        free (schema->directory);
        schema->directory = NULL;
    }
    error_set (error_r, "no schema directory near %s: name it with --schema", program);
    return false;
}

// NNNN_name.sql
static bool
parse_name (const char *name, struct schema_file *file_r)
{
    size_t length = strlen (name);
    if (length < 10 || strspn (name, "0123456789") != 4 || name[4] != '_' ||
        strcmp (name + length - 4, ".sql") != 0)
        return false;
    file_r->version = atoi (name);
    file_r->name = xstrdup (name + 5);
    file_r->name[length - 5 - 4] = 0;
    return true;
}

static bool
load_file (const char *directory, const char *entry, struct schema_file *file_r,
           struct error *error_r)
{
    *file_r = (struct schema_file){.path = xasprintf ("%s/%s", directory, entry)};
    if (!parse_name (entry, file_r)) {
        error_set (error_r,
                   "%s: files of the schema are called NNNN_name.sql: rename it or take it away",
                   file_r->path);
        return false;
    }
    cleanup_free uint8_t *data = xcalloc (1, FILE_SIZE_MAX + 1);
    size_t size;
    if (!crypto_file_read (file_r->path, false, data, FILE_SIZE_MAX, &size, error_r))
        return false;
    if (memchr (data, 0, size)) {
        error_set (error_r, "%s: holds a NUL byte: it is no SQL", file_r->path);
        return false;
    }
    file_r->sql = xcalloc (1, size + 1);
    memcpy (file_r->sql, data, size);
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256 (hash, data, size);
    sodium_bin2hex (file_r->hash, sizeof file_r->hash, hash, sizeof hash);
    return true;
}

static int
is_sql (const struct dirent *entry)
{
    size_t length = strlen (entry->d_name);
    return entry->d_name[0] != '.' && length > 4 &&
           strcmp (entry->d_name + length - 4, ".sql") == 0;
}

static bool
is_in_order (const struct schema *schema, struct error *error_r)
{
    for (int i = 0; i < schema->n; i++) {
        const struct schema_file *file = &schema->files[i];
        if (i > 0 && file->version == schema->files[i - 1].version) {
            error_set (error_r, "%s and %s have the same number: renumber the newer one",
                       schema->files[i - 1].path, file->path);
            return false;
        }
        if (file->version != i + 1) {
            error_set (error_r,
                       "%s: number %04d is missing before it: the files must be numbered without "
                       "gaps from 0001",
                       file->path, i + 1);
            return false;
        }
    }
    return true;
}

static bool
load_files (struct schema *schema, struct error *error_r)
{
    struct dirent **entries = NULL;
    int n = scandir (schema->directory, &entries, is_sql, alphasort);
    if (n <= 0 || n > FILES_MAX)
        error_set (error_r, "%s: %s", schema->directory,
                   n < 0 ? strerror (errno)
                   : n == 0
                       ? "holds no NNNN_name.sql: name the directory of the schema with --schema"
                       : "holds too many files");
    bool good = n > 0 && n <= FILES_MAX;
    schema->files = xcalloc (n > 0 ? (size_t) n : 1, sizeof *schema->files);
    for (int i = 0; i < n; i++) {
        // A file that fails is counted as well, for its parts to be freed.
        if (good)
            good = load_file (schema->directory, entries[i]->d_name, &schema->files[schema->n++],
                              error_r);
        free (entries[i]);
    }
    free (entries);
    return good && is_in_order (schema, error_r);
}

bool
schema_load (struct schema *schema_r, const char *directory, struct error *error_r)
{
    *schema_r = (struct schema){.directory = NULL};
    return find_directory (schema_r, directory, error_r) && load_files (schema_r, error_r);
}

void
schema_free (struct schema *schema)
{
    for (int i = 0; i < schema->n; i++) {
        free (schema->files[i].name);
        free (schema->files[i].path);
        free (schema->files[i].sql);
    }
    free (schema->files);
    free (schema->directory);
    *schema = (struct schema){.directory = NULL};
}
