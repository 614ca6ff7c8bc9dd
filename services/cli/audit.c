#include "audit.pb-c.h"
#include "common/json/record.h"
#include "common/token/id.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include "services/cli/table.h"
#include "services/cli/trail.h"

static const struct column columns[] = {
    {.title = "ID", .member = "id"},
    {.title = "TIME", .member = "time_us", .form = COLUMN_TIME_US},
    {.title = "TYPE", .member = "type", .detail = true},
    {.title = "EVENT", .member = "event"},
    {.title = "OBJECT", .member = "object.id"},
    {.title = "OBJECT NAME", .member = "object.name", .detail = true},
    {.title = "OBJECT TYPE", .member = "object.type", .detail = true},
    {.title = "REVISION", .member = "object.revision", .detail = true},
    {.title = "ACCOUNT", .member = "object.account_id", .detail = true},
    {.title = "ACTOR", .member = "actor.name"},
    {.title = "ACTOR ID", .member = "actor.id", .detail = true},
    {.title = "ACTOR TYPE", .member = "actor.type", .detail = true},
    {.title = "VISIBILITY", .member = "visibility", .detail = true},
    {.title = "METHOD", .member = "request.method", .detail = true},
    {.title = "ADDRESS", .member = "request.address", .detail = true},
    {.title = "USER AGENT", .member = "request.user_agent", .detail = true},
    {.title = "CORRELATION ID", .member = "request.correlation_id", .detail = true},
    {.title = "SUMMARY", .member = "summary"},
    {.title = NULL},
};

// A moment in the past, in microseconds. False: it is none; that has been printed.
static bool
moment (const struct cli *cli, const char *name, int64_t *time_us_r)
{
    int64_t seconds = 0;
    bool good = input_moment (cli, name, &seconds);

    *time_us_r = seconds * 1000000;
    return good;
}

static int
list (struct cli *cli)
{
    Jeton__V1__ListRecordsRequest request = JETON__V1__LIST_RECORDS_REQUEST__INIT;
    Jeton__V1__PageRequest page = JETON__V1__PAGE_REQUEST__INIT;
    json_t *rows;
    int status;

    if (!moment (cli, "from", &request.from_us) || !moment (cli, "until", &request.until_us)) {
        return EX_USAGE;
    }
    request.page = &page;
    request.object_id = (char *) option_or (cli, "object", "");
    request.actor_id = (char *) option_or (cli, "actor", "");
    request.account_id = (char *) option_or (cli, "account", "");
    request.event = (char *) option_or (cli, "event", "");
    status = connect_pages (
        cli, &(struct call){SERVICE_AUDITOR, "ListRecords", &request.base, NULL, NULL}, &page,
        "records", &rows);
    for (size_t i = 0; i < json_array_size (rows); i++) {
        json_record_decode (json_array_get (rows, i));
    }
    if (status == EX_OK) {
        table_list (cli, columns, rows);
    }
    json_decref (rows);
    return status;
}

static int
show (struct cli *cli)
{
    static const char *const sides[] = {"before", "after"};
    Jeton__V1__GetRecordRequest request = JETON__V1__GET_RECORD_REQUEST__INIT;
    json_t *reply, *record;
    int status;

    request.id = cli->arguments[0];
    status = connect_call (
        cli, &(struct call){SERVICE_AUDITOR, "GetRecord", &request.base, NULL, NULL}, &reply);
    if (status == EX_OK) {
        record = json_object_get (reply, "record");
        json_record_decode (record);
        table_object (cli, columns, record);
        for (size_t i = 0; i < 2 && !cli->json; i++) {
            const json_t *side = json_object_get (record, sides[i]);
            if (side != NULL && !json_is_null (side)) {
                printf ("\n%s: ", sides[i]);
                print_json (stdout, side, JSON_INDENT (2));
            }
        }
    }
    json_decref (reply);
    return status;
}

// ---- tail

struct tail {
    struct cli *cli;
    int64_t last; // sequence number of the last record shown
    int64_t left; // how many to show still
};

static bool
on_tail (void *context, const ProtobufCMessage *message)
{
    const Jeton__V1__TailRecordsReply *reply = (const Jeton__V1__TailRecordsReply *) message;
    struct tail *tail = context;
    json_t *record;
    bool more;

    if (reply->record == NULL || reply->record->sequence <= tail->last) {
        return true;
    }
    tail->last = reply->record->sequence;
    record = json_from_record (reply->record);
    more = table_row (tail->cli, columns, record) && --tail->left > 0;
    json_decref (record);
    return more;
}

// Where the trail ends now: "from now on" has to mean the same moment after a lost connection as before.
static int
find_end (struct cli *cli, int64_t *sequence_r)
{
    Jeton__V1__ListRecordsRequest request = JETON__V1__LIST_RECORDS_REQUEST__INIT;
    Jeton__V1__PageRequest page = JETON__V1__PAGE_REQUEST__INIT;
    json_t *reply;
    int status;

    page.size = 1;
    request.page = &page;
    status = connect_call (
        cli, &(struct call){SERVICE_AUDITOR, "ListRecords", &request.base, NULL, NULL}, &reply);
    *sequence_r = json_integer_value (
        json_object_get (json_array_get (json_object_get (reply, "records"), 0), "sequence"));
    json_decref (reply);
    return status;
}

static bool
parse_after (const struct cli *cli, int64_t *after_r)
{
    const char *text = option_text (cli, "after");

    if (text != NULL && id_audit_parse (text, after_r)) {
        return true;
    }
    return option_number (cli, "after", 0, INT64_MAX, after_r);
}

static int
tail (struct cli *cli)
{
    Jeton__V1__TailRecordsRequest request = JETON__V1__TAIL_RECORDS_REQUEST__INIT;
    struct tail state = {.cli = cli, .left = INT64_MAX};
    int status;

    if (!option_number (cli, "count", 1, INT64_MAX, &state.left)) {
        return EX_USAGE;
    }
    status = find_end (cli, &state.last);
    if (status != EX_OK) {
        return status;
    }
    if (!parse_after (cli, &state.last)) {
        return EX_USAGE;
    }
    request.account_id = (char *) option_or (cli, "account", "");
    request.after = state.last;
    return connect_follow (
        cli, &(struct call){SERVICE_AUDITOR, "TailRecords", &request.base, NULL, NULL}, on_tail,
        &state, &request.after, &state.last);
}

static const struct option_row list_options[] = {
    {.name = "object",
     .value = "ID",
     .help = "about this object: TKN-…, ACC-…, USR-…, MOD-…, a key's id"},
    {.name = "actor", .value = "ID", .help = "done by this user, token or peer"},
    {.name = "event",
     .value = "EVENT",
     .help = "of this name, or beginning with it if it ends in \".\""},
    {.name = "account", .value = "ACC-…", .help = "about objects of this account"},
    {.name = "from",
     .value = "WHEN",
     .field = "from_us",
     .help = "at or after: 2026-12-31, 2026-12-31T12:00:00Z, 2h (ago)"},
    {.name = "until", .value = "WHEN", .field = "until_us", .help = "before"},
    CONNECT_PAGE_OPTIONS,
    {.name = NULL},
};
static const struct option_row tail_options[] = {
    {.name = "after",
     .value = "N",
     .help = "begin after this sequence number or AUD-…; 0: with the first one kept (the end of "
             "the trail)"},
    {.name = "account", .value = "ACC-…", .help = "about objects of this account"},
    {.name = "count", .value = "N", .help = "end after so many records"},
    {.name = NULL},
};
static const struct option_row verify_options[] = {
    {.name = "key",
     .value = "FILE",
     .help = "the public key of the checkpoints, with those that it has replaced in the lines "
             "below (the setting checkpoint_key)"},
    {.name = "reaches",
     .value = "N[:DIGEST]",
     .help = "fail unless checkpoints cover record N (a number or AUD-…), and its digest is this "
             "one"},
    {.name = NULL},
};
static const struct option_row export_options[] = {
    {.name = "output",
     .value = "FILE",
     .help = "write there (it appears when it is complete), not to standard output"},
    {.name = NULL},
};

const struct command audit_commands[] = {
    {"audit", "list", "", 0, 0, list_options, list, "Records, newest first", NULL,
     "jeton audit list --object TKN-0123-4567\n"
     "jeton audit list --event platform.tokens. --from 24h --json\n"
     "jeton audit list --event platform.tokens.token.expiring --from 24h\n"},
    {"audit", "show", "AUD-…", 1, 1, NULL, show, "One record, with the object before and after",
     NULL, "jeton audit show AUD-0000-0000-0000-0001\n"},
    {"audit", "tail", "", 0, 0, tail_options, tail, "Records as they are made, until interrupted",
     "With --json, one record a line. A restart of the auditor leaves no gap.",
     "jeton audit tail\n"
     "jeton audit tail --after 0 --count 10 --json\n"},
    {"audit", "verify", "[FILE]", 0, 1, verify_options, trail_verify,
     "Check that no record was changed, removed or put in between",
     "Checks every record's digest, the records' order, the columns that queries use, and the "
     "signed\n"
     "checkpoints; of the auditor's trail, or offline of FILE (\"-\": standard input) as written "
     "by \"jeton audit\n"
     "export\". Records after the last checkpoint are chained, but somebody who can write to the "
     "database could\n"
     "have removed the last ones, and one that was set back to an earlier state has lost some: "
     "--reaches tells up to\n"
     "where you know that it went, and by its digest how. The last line says what to keep "
     "elsewhere for "
     "the next time.\n"
     "Where old records were dropped (retention), the checkpoint of the last of them stands for "
     "them, and a record of\n"
     "the trail must tell of it; what is kept is verified from there on.\n"
     "Exit status: 0 it holds together, 1 it does not (the first record at fault is named); others "
     "are errors.",
     "jeton audit verify\n"
     "jeton audit verify trail.jsonl --key checkpoint.pub\n"
     "jeton audit verify --json | jq -r '\"\\(.covered):\\(.digest)\"' > reached\n"
     "jeton audit verify --reaches \"$(cat reached)\"\n"},
    {"audit", "export", "", 0, 0, export_options, trail_export,
     "The whole trail as JSON Lines, for \"audit verify\"",
     "A record a line: sequence, record (base64 of the stored bytes), digest, columns, decoded; "
     "and a line\n"
     "{\"checkpoint\": …} after the record that it covers. What was dropped (retention) is a line\n"
     "{\"dropped\": …} at the beginning, with the checkpoint that stands for it.",
     "jeton audit export --output trail.jsonl\n"
     "jeton audit export | gzip > trail.jsonl.gz\n"},
    {.noun = NULL},
};
