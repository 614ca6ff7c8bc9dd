// Files that commands write: one that is there is whole. It is written beside its place, and put there when it is on disk.
#ifndef JETON_CLI_OUTPUT_H
#define JETON_CLI_OUTPUT_H

#include "services/cli/command.h"
#include <stdbool.h>
#include <stdio.h>

struct output {
    FILE *file;
    const char *path; // NULL: standard output
    char *partial;
};

// output_begin (cli, path, output_r): `path` is NULL for standard output. 0, or the exit status; the reason has been printed.
int output_begin (struct cli *cli, const char *path, struct output *output_r)
    __attribute__ ((warn_unused_result));
// output_end (cli, output, status): With status 0 it is put in its place, otherwise it is removed. Returns the status, or what went wrong with the file;
// that has been printed.
int output_end (struct cli *cli, struct output *output, int status)
    __attribute__ ((warn_unused_result));

#endif
