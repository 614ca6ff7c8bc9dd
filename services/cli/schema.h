// The numbered SQL files of the database's schema.
#ifndef JETON_CLI_SCHEMA_H
#define JETON_CLI_SCHEMA_H

#include "common/error/error.h"
#include <sodium.h>
#include <stdbool.h>

struct schema_file {
    int version;
    char *name; // without number and .sql
    char *path;
    char *sql;
    char hash[2 * crypto_hash_sha256_BYTES + 1]; // SHA-256, hexadecimal
};

struct schema {
    struct schema_file *files; // in order: version 1, 2, …
    int n;
    char *directory;
};

// schema_load (schema_r, directory, error_r): All files NNNN_name.sql of a directory; NULL: that which belongs to this program, in the tree or
// installed. False: there is none, its files have gaps or double numbers, or one cannot be read. End it with schema_free in any case.
bool schema_load (struct schema *schema_r, const char *directory, struct error *error_r)
    __attribute__ ((warn_unused_result));
void schema_free (struct schema *schema);

#endif
