#include "common/json/record.h"
#include "services/cli/output.h"
#include "services/cli/print.h"
#include "services/cli/trail.h"
#include <inttypes.h>
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
    json_t *line = json_trail_line (item);

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

int
trail_export (struct cli *cli)
{
    struct output output;
    int status = output_begin (cli, option_text (cli, "output"), &output);
    struct exporting exporting = {.cli = cli, .file = output.file};

    if (status != EX_OK) {
        return status;
    }
    status = trail_read (cli, write_item, &exporting);
    if (exporting.progress) {
        fprintf (stderr, "\r\033[K");
    }
    status = output_end (cli, &output, status);
    if (status == EX_OK && output.path != NULL) {
        print_note (cli, "%" PRId64 " records and %" PRId64 " checkpoints are in %s.",
                    exporting.entries, exporting.checkpoints, output.path);
    }
    return status;
}
