#include "admin.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/print.h"
#include "services/cli/token.h"
#include <inttypes.h>
#include <unistd.h>

// What all batches together have done.
struct progress {
    int64_t resealed, failed, remaining, version;
    const char *cursor;
};

static int64_t
number_of (const json_t *reply, const char *member)
{
    return json_integer_value (json_object_get (reply, member));
}

static void
show_bar (const struct cli *cli, const struct progress *progress)
{
    enum { WIDTH = 40 };
    int64_t done = progress->resealed + progress->failed, all = done + progress->remaining;
    int full = all > 0 ? (int) (done * WIDTH / all) : WIDTH;

    if (cli->json || !isatty (STDERR_FILENO)) {
        return;
    }
    fputs ("\r[", stderr);
    for (int i = 0; i < WIDTH; i++) {
        fputc (i < full ? '#' : ' ', stderr);
    }
    fprintf (stderr, "] %" PRId64 " of %" PRId64, done, all);
    if (progress->remaining == 0) {
        fputc ('\n', stderr);
    }
}

static int
print_progress (struct cli *cli, const struct progress *progress)
{
    static const struct column columns[] = {{.title = "RESEALED", .member = "resealed"},
                                            {.title = "FAILED", .member = "failed"},
                                            {.title = "KEY", .member = "version"},
                                            {.title = NULL}};
    json_t *sum =
        json_pack ("{s:I,s:I,s:I}", "resealed", (json_int_t) progress->resealed, "failed",
                   (json_int_t) progress->failed, "version", (json_int_t) progress->version);

    table_object (cli, columns, sum);
    json_decref (sum);
    return progress->failed == 0
               ? EX_OK
               : print_fail (cli, EX_DATAERR, "DATA_LOSS",
                             "%" PRId64
                             " values could not be opened, or were changed meanwhile: run it "
                             "again, and keep the older keys",
                             progress->failed);
}

int
token_reseal (struct cli *cli)
{
    Jeton__V1__ResealTokensRequest request = JETON__V1__RESEAL_TOKENS_REQUEST__INIT;
    struct progress progress = {.cursor = ""};
    json_t *reply = NULL, *before = NULL;
    int status;

    do {
        request.cursor = (char *) progress.cursor;
        status = connect_call_patiently (
            cli, &(struct call){SERVICE_ADMIN, "ResealTokens", &request.base, NULL, NULL}, &reply);
        json_decref (before); // its cursor has been sent
        before = reply;
        if (status == EX_OK) {
            progress.resealed += number_of (reply, "resealed");
            progress.failed += number_of (reply, "failed");
            progress.remaining = number_of (reply, "remaining");
            progress.version = number_of (reply, "version");
            progress.cursor = json_string_value (json_object_get (reply, "next_cursor"));
            show_bar (cli, &progress);
        }
    } while (status == EX_OK && progress.cursor != NULL && *progress.cursor != '\0');
    json_decref (before);
    return status == EX_OK ? print_progress (cli, &progress) : status;
}
