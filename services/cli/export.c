#include "common/memory/memory.h"
#include "services/cli/print.h"
#include "services/cli/trail.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROGRESS_EVERY = 5000 };

struct exporting {
    struct cli *cli;
    FILE *file;
    int64_t entries, checkpoints;
    bool progress;
};

static bool
write_item (void *context, const Jeton__V1__ExportTrailReply *item)
{
    struct exporting *exporting = context;
    json_t *line = trail_line (item);

    print_json (exporting->file, line, JSON_COMPACT);
    json_decref (line);
    exporting->entries += item->entry != NULL;
    exporting->checkpoints += item->checkpoint != NULL;
    if (!exporting->cli->json && isatty (STDERR_FILENO) && !isatty (fileno (exporting->file)) &&
        exporting->entries % PROGRESS_EVERY == 0) {
        fprintf (stderr, "\r%" PRId64 " records …", exporting->entries);
        exporting->progress = true;
    }
    return !ferror (exporting->file);
}

static int
write_all (struct exporting *exporting, const char *name)
{
    int status = trail_read (exporting->cli, write_item, exporting);

    if (exporting->progress) {
        fprintf (stderr, "\r\033[K");
    }
    if (status == EX_OK && (ferror (exporting->file) || fflush (exporting->file) != 0)) {
        status = print_fail (exporting->cli, EX_IOERR, "OUTPUT", "%s: %s", name, strerror (errno));
    }
    return status;
}

// A file that is there is whole: it is written beside its place first.
static int
export_file (struct exporting *exporting, const char *path)
{
    cleanup_free char *partial = xasprintf ("%s.partial-XXXXXX", path);
    int fd = mkstemp (partial), status;

    exporting->file = fd >= 0 ? fdopen (fd, "w") : NULL;
    if (exporting->file == NULL) {
        return print_fail (exporting->cli, EX_IOERR, "OUTPUT", "%s: %s", partial, strerror (errno));
    }
    status = write_all (exporting, path);
    if (status == EX_OK && (fsync (fd) != 0 || rename (partial, path) != 0)) {
        status = print_fail (exporting->cli, EX_IOERR, "OUTPUT", "%s: %s", path, strerror (errno));
    }
    fclose (exporting->file);
    if (status != EX_OK) {
        unlink (partial);
        return status;
    }
    print_note (exporting->cli, "%" PRId64 " records and %" PRId64 " checkpoints are in %s.",
                exporting->entries, exporting->checkpoints, path);
    return EX_OK;
}

int
trail_export (struct cli *cli)
{
    struct exporting exporting = {.cli = cli, .file = stdout};
    const char *path = option_text (cli, "output");

    return path != NULL ? export_file (&exporting, path)
                        : write_all (&exporting, "standard output");
}
