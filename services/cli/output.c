#include "services/cli/output.h"
#include "common/memory/memory.h"
#include "services/cli/print.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
failed (struct cli *cli, const char *name)
{
    return print_fail (cli, EX_IOERR, "OUTPUT", "%s: %s", name, strerror (errno));
}

int
output_begin (struct cli *cli, const char *path, struct output *output_r)
{
    *output_r = (struct output){.file = stdout, .path = path};
    if (path != NULL) {
        output_r->partial = xasprintf ("%s.partial-XXXXXX", path);
        int fd = mkstemp (output_r->partial);
        output_r->file = fd >= 0 ? fdopen (fd, "w") : NULL;
        if (output_r->file == NULL) {
            int status = failed (cli, output_r->partial);
            free (output_r->partial);
            return status;
        }
    }
    return EX_OK;
}

int
output_end (struct cli *cli, struct output *output, int status)
{
    const char *name = output->path != NULL ? output->path : "standard output";

    if (status == EX_OK && (ferror (output->file) || fflush (output->file) != 0)) {
        status = failed (cli, name);
    }
    if (output->path == NULL) {
        return status;
    }
    if (status == EX_OK &&
        (fsync (fileno (output->file)) != 0 || rename (output->partial, output->path) != 0)) {
        status = failed (cli, name);
    }
    fclose (output->file);
    if (status != EX_OK) {
        unlink (output->partial);
    }
    free (output->partial);
    return status;
}
