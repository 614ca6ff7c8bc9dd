// token import: JSON Lines in, batches out.
#include "admin.pb-c.h"
#include "common/json/json.h"
#include "common/memory/memory.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/lines.h"
#include "services/cli/print.h"
#include "services/cli/table.h"
#include "services/cli/token.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A call takes 500 tokens and 512 KiB. What a line becomes in a message is not much longer than its text.
enum { BATCH_TOKENS = 500, BATCH_BYTES = 320 << 10, LINE_SIZE_MAX = 128 << 10, ARENA = 8 << 20 };

struct importing {
    struct cli *cli;
    const char *name;             // of the file
    const char *account, *prefix; // that the options give, or NULL
    bool dry_run, strict;
    struct lines lines;
    struct progress progress;
    // The batch: of one account.
    struct arena *arena;
    char account_id[64];
    size_t n, bytes;
    Jeton__V1__PortableToken *tokens[BATCH_TOKENS];
    int64_t numbers[BATCH_TOKENS]; // of the lines
    int64_t created, present, conflicts, refused;
    int status;
};

// ---- one line ----------------------------------------------------------------------------------------------------------

static void
refuse (struct importing *importing, int64_t number, const char *text)
{
    progress_clear (&importing->progress);
    print_fail (importing->cli, EX_DATAERR, "INVALID_ARGUMENT", "%s:%" PRId64 ": %s",
                importing->name, number, text);
    if (importing->strict) {
        importing->status = EX_DATAERR;
    }
}

static Jeton__V1__PortableToken *
parse (struct importing *importing, struct error *error_r)
{
    json_error_t wrong;
    json_t *object =
        json_loadb (importing->lines.text, importing->lines.length, JSON_REJECT_DUPLICATES, &wrong);
    Jeton__V1__PortableToken *token;

    if (object == NULL) {
        error_set (error_r, "is no JSON, column %d: %s", wrong.column, wrong.text);
        return NULL;
    }
    token = (Jeton__V1__PortableToken *) json_to_message (
        object, &jeton__v1__portable_token__descriptor, importing->arena, error_r);
    json_decref (object);
    if (token == NULL) {
        return NULL;
    }
    if (importing->prefix != NULL && *token->prefix == '\0') {
        token->prefix = (char *) importing->prefix;
    }
    if (importing->account != NULL) {
        token->account_id = (char *) importing->account;
    }
    if (*token->account_id == '\0' || strlen (token->account_id) >= sizeof importing->account_id) {
        error_set (error_r, *token->account_id == '\0'
                                ? "account_id: is required, here or with --account"
                                : "account_id: must be an id of the form ACC-dddd-dddd");
        return NULL;
    }
    return token;
}

// ---- one batch ---------------------------------------------------------------------------------------------------------

static void
take_result (struct importing *importing, size_t i, const json_t *result)
{
    const char *outcome = json_string_value (json_object_get (result, "outcome"));
    const char *field = json_string_value (json_object_get (result, "field"));
    const char *message = json_string_value (json_object_get (result, "message"));
    struct error error;

    if (outcome != NULL && strcmp (outcome, "created") == 0) {
        importing->created++;
        return;
    }
    if (outcome != NULL && strcmp (outcome, "present") == 0) {
        importing->present++;
        return;
    }
    if (outcome != NULL && strcmp (outcome, "conflict") == 0) {
        importing->conflicts++;
    } else {
        importing->refused++;
    }
    error_set (&error, "%s: %s", field != NULL ? field : "", message != NULL ? message : "refused");
    refuse (importing, importing->numbers[i], error.text);
}

static void
batch_send (struct importing *importing)
{
    Jeton__V1__ImportTokensRequest request = JETON__V1__IMPORT_TOKENS_REQUEST__INIT;
    struct call call = {SERVICE_ADMIN, "ImportTokens", &request.base, NULL, NULL};
    json_t *reply = NULL;

    if (importing->n == 0) {
        return;
    }
    request.account_id = importing->account_id;
    request.n_tokens = importing->n;
    request.tokens = importing->tokens;
    request.dry_run = importing->dry_run;
    importing->status = connect_call_patiently (importing->cli, &call, &reply);
    if (importing->status != EX_OK) {
        print_note (importing->cli,
                    "What is before %s:%" PRId64
                    " has been imported. Run it again: it goes on from there.",
                    importing->name, importing->numbers[0]);
    }
    if (importing->status == EX_OK) {
        const json_t *results = json_object_get (reply, "results");
        for (size_t i = 0; i < importing->n; i++) {
            take_result (importing, i, json_array_get (results, i));
        }
    }
    json_decref (reply);
    importing->n = importing->bytes = 0;
}

static void
batch_add (struct importing *importing, Jeton__V1__PortableToken *token)
{
    snprintf (importing->account_id, sizeof importing->account_id, "%s", token->account_id);
    importing->numbers[importing->n] = importing->lines.number;
    importing->tokens[importing->n++] = token;
    importing->bytes += importing->lines.length;
}

// Takes the line: into the batch, or to the errors.
static void
take_line (struct importing *importing)
{
    struct error error;
    Jeton__V1__PortableToken *token = parse (importing, &error);

    if (token == NULL) {
        importing->refused++;
        refuse (importing, importing->lines.number, error.text);
        return;
    }
    if (importing->n == BATCH_TOKENS || importing->bytes + importing->lines.length > BATCH_BYTES ||
        (importing->n > 0 && strcmp (importing->account_id, token->account_id) != 0)) {
        batch_send (importing);
        if (importing->status != EX_OK) {
            return;
        }
        // The arena is the batch's; this line, which is the next one's, is parsed again.
        arena_reset (importing->arena);
        token = parse (importing, &error);
        if (token == NULL) {
            return;
        }
    }
    batch_add (importing, token);
}

// ---- the whole ---------------------------------------------------------------------------------------------------------

static int
print_sum (struct importing *importing)
{
    static const struct column columns[] = {{.title = "LINES", .member = "lines"},
                                            {.title = "CREATED", .member = "created"},
                                            {.title = "THERE ALREADY", .member = "present"},
                                            {.title = "CONFLICTS", .member = "conflicts"},
                                            {.title = "REFUSED", .member = "refused"},
                                            {.title = "DRY RUN", .member = "dry_run"},
                                            {.title = NULL}};
    int64_t lines =
        importing->created + importing->present + importing->conflicts + importing->refused;
    json_t *sum =
        json_pack ("{s:I,s:I,s:I,s:I,s:I,s:b}", "lines", (json_int_t) lines, "created",
                   (json_int_t) importing->created, "present", (json_int_t) importing->present,
                   "conflicts", (json_int_t) importing->conflicts, "refused",
                   (json_int_t) importing->refused, "dry_run", (int) importing->dry_run);

    table_object (importing->cli, columns, sum);
    json_decref (sum);
    if (importing->status != EX_OK) {
        return importing->status;
    }
    return importing->conflicts + importing->refused > 0 ? EX_DATAERR : EX_OK;
}

static int
import_all (struct importing *importing)
{
    enum lines_end end = LINES_NEXT;

    while (importing->status == EX_OK && (end = lines_next (&importing->lines)) != LINES_END &&
           end != LINES_FAILED) {
        if (end == LINES_TOO_LONG) {
            struct error error;
            error_set (&error, "is longer than %d bytes", LINE_SIZE_MAX);
            importing->refused++;
            refuse (importing, importing->lines.number, error.text);
        } else if (!lines_blank (&importing->lines)) {
            take_line (importing);
        }
        progress_show (&importing->progress, importing->lines.number, importing->lines.read);
    }
    if (importing->status == EX_OK || importing->status == EX_DATAERR) {
        int status = importing->status;
        batch_send (importing);
        importing->status = importing->status == EX_OK ? status : importing->status;
    }
    progress_clear (&importing->progress);
    if (end == LINES_FAILED && importing->status == EX_OK) {
        importing->status = print_fail (importing->cli, EX_IOERR, "INPUT", "%s: %s",
                                        importing->name, strerror (errno));
    }
    return print_sum (importing);
}

int
token_import (struct cli *cli)
{
    const char *path = cli->arguments[0];
    bool standard = strcmp (path, "-") == 0;
    FILE *file = standard ? stdin : fopen (path, "re");
    struct importing *importing;
    int status;

    if (file == NULL) {
        return print_fail (cli, EX_NOINPUT, "NOT_FOUND", "%s: %s", path, strerror (errno));
    }
    importing = xcalloc (1, sizeof *importing);
    importing->cli = cli;
    importing->name = standard ? "standard input" : path;
    importing->account = option_text (cli, "account");
    importing->prefix = option_text (cli, "prefix");
    importing->dry_run = option_given (cli, "dry-run");
    importing->strict = option_given (cli, "strict");
    importing->arena = arena_new (ARENA);
    lines_begin (&importing->lines, file, LINE_SIZE_MAX);
    progress_begin (&importing->progress, cli, "lines", lines_size (file));
    status = import_all (importing);
    lines_end (&importing->lines);
    arena_destroy (&importing->arena);
    free (importing);
    if (!standard) {
        fclose (file);
    }
    return status;
}

const struct option_row token_import_options[] = {
    {.name = "account", .value = "ACC-…", .help = "the account of all lines, whatever they say"},
    {.name = "prefix",
     .value = "PREFIX",
     .help = "what the values begin with, for lines that do not say it"},
    {.name = "dry-run", .help = "check every line, and import none"},
    {.name = "strict", .help = "stop at the first line that is refused"},
    {.name = NULL},
};
