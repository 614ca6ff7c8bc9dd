#include "common/audit/chain.h"
#include "common/memory/memory.h"
#include "common/token/id.h"
#include "services/cli/connect.h"
#include "services/cli/print.h"
#include "services/cli/trail.h"
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_SIZE = 8 << 20, PROGRESS_EVERY = 5000 };

struct verification {
    struct cli *cli;
    struct chain_walk walk;
    struct sign_key keys[CRYPTO_PUBLICS_MAX]; // the present one, then those that it has replaced
    size_t nkeys;
    bool failed;
    struct error error; // what does not hold
    bool progress;      // was some shown?
    int64_t wanted;     // up to where a checkpoint has to go at least; 0: anywhere
    bool pinned;        // the digest of that record is known
    uint8_t digest[CHAIN_DIGEST_SIZE];
    bool met; // it was compared
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

// The record that is known from before has to be the same still: what is in its place may hold together as well.
static void
check_pinned (struct verification *verification)
{
    const struct chain_walk *walk = &verification->walk;
    char id[ID_AUDIT_SIZE];

    if (!verification->pinned || verification->met || walk->sequence != verification->wanted) {
        return;
    }
    verification->met = true;
    verification->failed = memcmp (walk->digest, verification->digest, sizeof walk->digest) != 0;
    if (verification->failed) {
        id_audit_format (walk->sequence, id);
        error_set (&verification->error,
                   "%s: its digest is not the one that --reaches gives: the trail, up to there, is "
                   "another one than it was",
                   id);
    }
}

static bool
check_item (void *context, const Jeton__V1__ExportTrailReply *item)
{
    struct verification *verification = context;

    verification->failed = !chain_walk_item (&verification->walk, item, &verification->error);
    if (!verification->failed) {
        check_pinned (verification);
    }
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
    if (!crypto_start (&error) ||
        !sign_publics_load (path, verification->keys, &verification->nkeys, &error)) {
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
load_reach (struct verification *verification)
{
    const char *text = option_text (verification->cli, "reaches"),
               *colon = text != NULL ? strchr (text, ':') : NULL;
    cleanup_free char *number = NULL;
    char *end;
    bool good;

    if (text == NULL) {
        return true;
    }
    number =
        xasprintf ("%.*s", (int) (colon != NULL ? colon - text : (ptrdiff_t) strlen (text)), text);
    good = id_audit_parse (number, &verification->wanted);
    if (!good) {
        errno = 0;
        verification->wanted = strtoll (number, &end, 10);
        good = errno == 0 && end != number && *end == '\0' && verification->wanted >= 1 &&
               verification->wanted <= ID_AUDIT_MAX;
    }
    verification->pinned = colon != NULL;
    if (!good || (colon != NULL &&
                  !crypto_hex (colon + 1, verification->digest, sizeof verification->digest))) {
        print_usage (verification->cli,
                     "--reaches: \"%s\" is neither a record (a number or AUD-…) nor one with its "
                     "digest (AUD-…:64 hexadecimal digits)",
                     text);
        return false;
    }
    return true;
}

// EX_OK: it is known whether it goes that far.
static int
check_reach (struct verification *verification)
{
    const struct chain_walk *walk = &verification->walk;
    char id[ID_AUDIT_SIZE];

    if (verification->failed || verification->wanted == 0) {
        return EX_OK;
    }
    id_audit_format (verification->wanted, id);
    if (walk->covered < verification->wanted) {
        verification->failed = true;
        error_set (&verification->error,
                   "%s: no checkpoint covers it; they reach to number %" PRId64, id, walk->covered);
    } else if (verification->pinned && !verification->met) {
        return print_fail (verification->cli, EXIT_UNDECIDED, "OUT_OF_RANGE",
                           "%s was dropped: nothing is left to compare its digest with; give one "
                           "from number %" PRId64 " on",
                           id, walk->dropped);
    }
    return EX_OK;
}

static int
print_outcome (struct verification *verification)
{
    const struct chain_walk *walk = &verification->walk;
    char id[ID_AUDIT_SIZE] = "", digest[2 * CHAIN_DIGEST_SIZE + 1] = "";

    if (walk->covered > 0) {
        sodium_bin2hex (digest, sizeof digest, walk->covered_digest, sizeof walk->covered_digest);
    }
    if (verification->cli->json) {
        json_t *outcome = json_pack (
            "{s:b,s:I,s:I,s:I,s:I,s:s,s:o}", "ok", !verification->failed, "records",
            (json_int_t) walk->entries, "dropped", (json_int_t) walk->dropped, "checkpoints",
            (json_int_t) walk->checkpoints, "covered", (json_int_t) walk->covered, "digest", digest,
            "problem",
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
        if (walk->told > walk->covered) {
            printf ("The record that tells of it is chained, not signed yet.\n");
        }
    }
    if (walk->covered > 0) {
        id_audit_format (walk->covered, id);
        printf ("Signed up to %s; %" PRId64 " records after it are chained, not signed yet.\n", id,
                walk->sequence - walk->covered);
        printf ("Keep this elsewhere, for the next time: --reaches %s:%s\n", id, digest);
    } else if (walk->sequence > 0) {
        printf ("No checkpoint %scovers it yet: it could have been written anew as a whole.\n",
                walk->checkpoints > 0 ? "of the present key " : "");
    }
    return EX_OK;
}

int
trail_verify (struct cli *cli)
{
    struct verification verification = {.cli = cli};
    int status;

    if (!load_reach (&verification)) {
        return EX_USAGE;
    }
    if (!load_key (&verification)) {
        return EX_CONFIG;
    }
    chain_walk_start (&verification.walk, verification.keys);
    chain_walk_former (&verification.walk, verification.keys + 1, verification.nkeys - 1);
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
    status = check_reach (&verification);
    return status == EX_OK ? print_outcome (&verification) : status;
}
