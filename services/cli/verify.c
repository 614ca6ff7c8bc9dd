#include "common/audit/chain.h"
#include "common/memory/memory.h"
#include "common/token/id.h"
#include "services/cli/connect.h"
#include "services/cli/print.h"
#include "services/cli/trail.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_SIZE = 8 << 20, PROGRESS_EVERY = 5000 };

struct verification {
    struct cli *cli;
    struct chain_walk walk;
    struct sign_key key;
    bool failed;
    struct error error; // what does not hold
    bool progress;      // was some shown?
};

static void
show_progress (struct verification *verification)
{
    if (!verification->cli->json && isatty (STDERR_FILENO) &&
        verification->walk.sequence % PROGRESS_EVERY == 0) {
        fprintf (stderr, "\r%" PRId64 " records …", verification->walk.sequence);
        verification->progress = true;
    }
}

static bool
check_item (void *context, const Jeton__V1__ExportTrailReply *item)
{
    struct verification *verification = context;

    verification->failed = !chain_walk_item (&verification->walk, item, &verification->error);
    show_progress (verification);
    return !verification->failed;
}

static bool
load_key (struct verification *verification)
{
    const char *path = option_text (verification->cli, "key");
    struct error error;

    if (path == NULL) {
        const struct connect_settings *settings = connect_settings (verification->cli);
        if (settings == NULL) {
            return false;
        }
        path = settings->checkpoint_key;
    }
    if (*path == '\0') {
        print_fail (
            verification->cli, EX_CONFIG, "SETTINGS",
            "no key to check the checkpoints with: give --key, or the setting checkpoint_key");
        return false;
    }
    if (!crypto_start (&error) || !sign_public_load (path, &verification->key, &error)) {
        print_fail (verification->cli, EX_CONFIG, "SETTINGS", "%s", error.text);
        return false;
    }
    return true;
}

// ---- from a file

// The next line of at most LINE_MAX_SIZE bytes. Returns its length without the newline, -1 at the end of the file, -2 when it is too long.
static ssize_t
read_line (FILE *file, char **line, size_t *size)
{
    size_t length = 0;
    int c = getc_unlocked (file);

    if (c == EOF) {
        return -1;
    }
    for (; c != EOF && c != '\n'; c = getc_unlocked (file)) {
        if (length == LINE_MAX_SIZE) {
            return -2;
        }
        if (length == *size) {
            *size = *size > 0 ? *size * 2 : 4096;
            *line = xrealloc (*line, *size);
        }
        (*line)[length++] = (char) c;
    }
    return (ssize_t) length;
}

static void
check_file (struct verification *verification, FILE *file, const char *name)
{
    char *line = NULL;
    size_t size = 0;
    int64_t number = 0;
    bool more = true;

    while (more && !verification->failed) {
        ssize_t length = read_line (file, &line, &size);
        struct error error;
        if (length == -1) {
            break;
        }
        number++;
        if (length == -2) {
            error_set (&error, "longer than %d bytes", LINE_MAX_SIZE);
        }
        if (length == -2 || !trail_parse (line != NULL ? line : "", (size_t) length, check_item,
                                          verification, &more, &error)) {
            verification->failed = true;
            error_set (&verification->error, "%s:%" PRId64 ": %s", name, number, error.text);
        } else if (verification->failed) {
            error_prefix (&verification->error, "%s:%" PRId64, name, number);
        }
    }
    free (line);
}

static int
verify_file (struct verification *verification, const char *path)
{
    bool standard = strcmp (path, "-") == 0;
    FILE *file = standard ? stdin : fopen (path, "re");
    int status = EX_OK;

    if (file == NULL) {
        return print_fail (verification->cli, EX_NOINPUT, "NOT_FOUND", "%s: %s", path,
                           strerror (errno));
    }
    errno = 0;
    check_file (verification, file, standard ? "standard input" : path);
    if (ferror (file)) {
        status =
            print_fail (verification->cli, EX_IOERR, "INPUT", "%s: %s", path, strerror (errno));
    }
    if (!standard) {
        fclose (file);
    }
    return status;
}

// ---- the outcome

// Was the trail once known to be longer? Only somebody outside of the database can tell.
static bool
check_reach (struct verification *verification)
{
    const char *text = option_text (verification->cli, "reaches");
    int64_t wanted = 0;
    char id[ID_AUDIT_SIZE];

    if (text != NULL && !id_audit_parse (text, &wanted) &&
        !option_number (verification->cli, "reaches", 1, ID_AUDIT_MAX, &wanted)) {
        return false;
    }
    if (!verification->failed && verification->walk.covered < wanted) {
        id_audit_format (wanted, id);
        verification->failed = true;
        error_set (&verification->error,
                   "%s: no checkpoint covers it; they reach to number %" PRId64, id,
                   verification->walk.covered);
    }
    return true;
}

static int
print_outcome (struct verification *verification)
{
    const struct chain_walk *walk = &verification->walk;
    char id[ID_AUDIT_SIZE] = "";

    if (verification->cli->json) {
        json_t *outcome = json_pack (
            "{s:b,s:I,s:I,s:I,s:I,s:o}", "ok", !verification->failed, "records",
            (json_int_t) walk->entries, "dropped", (json_int_t) walk->dropped, "checkpoints",
            (json_int_t) walk->checkpoints, "covered", (json_int_t) walk->covered, "problem",
            verification->failed ? json_string (verification->error.text) : json_null ());
        print_json (stdout, outcome, JSON_INDENT (2));
        json_decref (outcome);
        return verification->failed ? EXIT_DENY : EX_OK;
    }
    if (verification->failed) {
        return print_fail (verification->cli, EXIT_DENY, "DATA_LOSS",
                           "the trail does not hold together: %s", verification->error.text);
    }
    printf ("The trail holds together: %" PRId64 " records, %" PRId64 " checkpoints.\n",
            walk->entries, walk->checkpoints);
    if (walk->dropped > 0) {
        id_audit_format (walk->dropped, id);
        printf ("Records 1 to %" PRId64
                " were dropped; the checkpoint of %s stands for them. Verified from number %" PRId64
                " on.\n",
                walk->dropped, id, walk->dropped + 1);
    }
    if (walk->covered > 0) {
        id_audit_format (walk->covered, id);
        printf ("Signed up to %s; %" PRId64 " records after it are chained, not signed yet.\n", id,
                walk->sequence - walk->covered);
    } else if (walk->sequence > 0) {
        printf ("No checkpoint covers it yet: it could have been written anew as a whole.\n");
    }
    return EX_OK;
}

int
trail_verify (struct cli *cli)
{
    struct verification verification = {.cli = cli};
    int status;

    if (!load_key (&verification)) {
        return EX_CONFIG;
    }
    chain_walk_start (&verification.walk, &verification.key);
    status = cli->narguments > 0 ? verify_file (&verification, cli->arguments[0])
                                 : trail_read (cli, check_item, &verification);
    if (verification.progress) {
        fprintf (stderr, "\r\033[K");
    }
    if (status != EX_OK) {
        return status;
    }
    if (!verification.failed) {
        verification.failed = !chain_walk_end (&verification.walk, &verification.error);
    }
    return check_reach (&verification) ? print_outcome (&verification) : EX_USAGE;
}
