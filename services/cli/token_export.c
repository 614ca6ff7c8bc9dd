// token export: pages in, JSON Lines out.
#include "admin.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/lines.h"
#include "services/cli/output.h"
#include "services/cli/print.h"
#include "services/cli/token.h"
#include <inttypes.h>

enum { PAGE_SIZE = 500 };

// One page; the cursor of the next in page->cursor, which lives as long as *reply.
static int
export_page (struct cli *cli, const struct call *call, Jeton__V1__PageRequest *page, FILE *file,
             json_t **reply, int64_t *count)
{
    json_t *before = *reply, *token;
    size_t i;
    int status = connect_call (cli, call, reply);

    json_decref (before);
    if (status != EX_OK) {
        return status;
    }
    json_array_foreach (json_object_get (*reply, "tokens"), i, token)
    {
        print_json (file, token, JSON_COMPACT);
        ++*count;
    }
    page->cursor = (char *) json_string_value (json_object_get (*reply, "next_cursor"));
    return EX_OK;
}

int
token_export (struct cli *cli)
{
    Jeton__V1__ExportTokensRequest request = JETON__V1__EXPORT_TOKENS_REQUEST__INIT;
    Jeton__V1__PageRequest page = JETON__V1__PAGE_REQUEST__INIT;
    struct call call = {SERVICE_ADMIN, "ExportTokens", &request.base, NULL, NULL};
    struct progress progress;
    struct output output;
    json_t *reply = NULL;
    int64_t count = 0;
    int status = output_begin (cli, option_text (cli, "output"), &output);

    if (status != EX_OK) {
        return status;
    }
    request.account_id = (char *) option_text (cli, "account");
    request.page = &page;
    page.size = PAGE_SIZE;
    progress_begin (&progress, cli, "tokens", 0);
    do {
        status = export_page (cli, &call, &page, output.file, &reply, &count);
        progress_show (&progress, count, 0);
    } while (status == EX_OK && !ferror (output.file) && page.cursor != NULL &&
             *page.cursor != '\0');
    progress_clear (&progress);
    json_decref (reply);
    status = output_end (cli, &output, status);
    if (status == EX_OK && output.path != NULL) {
        print_note (cli, "%" PRId64 " tokens are in %s.", count, output.path);
    }
    return status;
}

const struct option_row token_export_options[] = {
    {.name = "account", .value = "ACC-…", .required = true, .help = "whose tokens"},
    {.name = "output", .value = "FILE", .help = "write there, not to standard output"},
    {.name = NULL},
};
