// The access log (`jeton log`) and what it adds up to (`jeton usage`).
#include "audit.pb-c.h"
#include "common/json/json.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include "services/cli/show.h"

static const struct column use_columns[] = {
    {.title = "TIME", .member = "time", .form = COLUMN_TIME},
    {.title = "COUNT", .member = "count"},
    {.title = "DECISION", .member = "decision"},
    {.title = "REASON", .member = "reason", .other = "grant_reason"},
    {.title = "GRANT", .member = "grant_type"},
    {.title = "TOKEN", .member = "token"},
    {.title = "ACCOUNT", .member = "account"},
    {.title = "USER", .member = "user"},
    {.title = "MODULE", .member = "module"},
    {.title = "ACCESS", .member = "access"},
    {.title = "ADDRESS", .member = "address"},
    {.title = "CALLER", .member = "peer"},
    {.title = NULL},
};

static const struct column usage_columns[] = {
    {.title = "DAY", .member = "day", .form = COLUMN_TIME},
    {.title = "TOKEN", .member = "token"},
    {.title = "ACCOUNT", .member = "account"},
    {.title = "ALLOWED", .member = "allowed"},
    {.title = "DENIED", .member = "denied"},
    {.title = NULL},
};

static bool
decision_and_kind (const struct cli *cli, Jeton__V1__Decision *decision_r,
                   Jeton__V1__UseKind *kind_r)
{
    const char *decision = option_text (cli, "decision"), *kind = option_text (cli, "kind");
    int of_decision = 0, of_kind = 0;

    if ((decision != NULL &&
         !input_enum (cli, "decision", &jeton__v1__decision__descriptor, decision, &of_decision)) ||
        (kind != NULL &&
         !input_enum (cli, "kind", &jeton__v1__use_kind__descriptor, kind, &of_kind))) {
        return false;
    }
    *decision_r = (Jeton__V1__Decision) of_decision;
    *kind_r = (Jeton__V1__UseKind) of_kind;
    return true;
}

// ---- follow

struct following {
    struct cli *cli;
    int64_t last; // id of the last row shown
    int64_t left; // how many to show still
};

static bool
on_use (void *context, const ProtobufCMessage *message)
{
    const Jeton__V1__TailUseReply *reply = (const Jeton__V1__TailUseReply *) message;
    struct following *following = context;
    json_t *row;
    bool more;

    if (reply->row == NULL || reply->row->id <= following->last) {
        return true;
    }
    following->last = reply->row->id;
    row = json_from_message (&reply->row->base);
    more = table_row (following->cli, use_columns, row) && --following->left > 0;
    json_decref (row);
    return more;
}

// From now on, or from a row on; through restarts of the auditor.
static int
follow (struct cli *cli)
{
    Jeton__V1__TailUseRequest request = JETON__V1__TAIL_USE_REQUEST__INIT;
    struct following following = {.cli = cli, .left = INT64_MAX};

    request.after = -1;
    if (!decision_and_kind (cli, &request.decision, &request.kind) ||
        !option_number (cli, "after", 0, INT64_MAX, &request.after) ||
        !option_number (cli, "count", 1, INT64_MAX, &following.left)) {
        return EX_USAGE;
    }
    request.token = (char *) option_or (cli, "token", "");
    request.account_id = (char *) option_or (cli, "account", "");
    request.module = (char *) option_or (cli, "module", "");
    request.user = (char *) option_or (cli, "user", "");
    request.client = (char *) option_or (cli, "client", "");
    return connect_follow (cli,
                           &(struct call){SERVICE_AUDITOR, "TailUse", &request.base, NULL, NULL},
                           on_use, &following, &request.after, &following.last);
}

// ---- lists

static int
show_log (struct cli *cli)
{
    Jeton__V1__ListUseRequest request = JETON__V1__LIST_USE_REQUEST__INIT;
    Jeton__V1__PageRequest page = JETON__V1__PAGE_REQUEST__INIT;

    if (option_given (cli, "follow")) {
        return follow (cli);
    }
    if (option_given (cli, "after") || option_given (cli, "count")) {
        return print_usage (cli, "--after and --count go with --follow");
    }
    if (!input_moment (cli, "from", &request.from) ||
        !input_moment (cli, "until", &request.until) ||
        !decision_and_kind (cli, &request.decision, &request.kind)) {
        return EX_USAGE;
    }
    request.page = &page;
    request.token = (char *) option_or (cli, "token", "");
    request.account_id = (char *) option_or (cli, "account", "");
    request.module = (char *) option_or (cli, "module", "");
    request.user = (char *) option_or (cli, "user", "");
    request.client = (char *) option_or (cli, "client", "");
    return show_list (cli, &(struct call){SERVICE_AUDITOR, "ListUse", &request.base, NULL, NULL},
                      &page, "rows", use_columns);
}

static int
show_usage (struct cli *cli)
{
    Jeton__V1__UsagePerTokenRequest request = JETON__V1__USAGE_PER_TOKEN_REQUEST__INIT;
    Jeton__V1__PageRequest page = JETON__V1__PAGE_REQUEST__INIT;

    if (!input_moment (cli, "from", &request.from) ||
        !input_moment (cli, "until", &request.until)) {
        return EX_USAGE;
    }
    request.page = &page;
    request.token = (char *) option_or (cli, "token", "");
    request.account_id = (char *) option_or (cli, "account", "");
    return show_list (cli,
                      &(struct call){SERVICE_AUDITOR, "UsagePerToken", &request.base, NULL, NULL},
                      &page, "rows", usage_columns);
}

static const struct option_row log_options[] = {
    {.name = "token", .value = "ID", .help = "of this token: TKN-…, or the jti of a JWT"},
    {.name = "account", .value = "ACC-…", .help = "of tokens of this account"},
    {.name = "module", .value = "NAME", .help = "of this module"},
    {.name = "user", .value = "USR-…", .help = "of this user"},
    {.name = "client", .value = "CLI-…", .help = "of this client"},
    {.name = "decision", .value = "allow|deny", .help = "allowed, or denied"},
    {.name = "kind", .value = "validate|grant", .help = "tokens used, or tokens asked for"},
    {.name = "from",
     .value = "WHEN",
     .help = "at or after: 2026-12-31, 2026-12-31T12:00:00Z, 2h (ago)"},
    {.name = "until", .value = "WHEN", .help = "before"},
    {.name = "follow", .help = "rows as they come, until interrupted"},
    {.name = "after", .value = "N", .help = "with --follow: after the row with this id (now)"},
    {.name = "count", .value = "N", .help = "with --follow: end after so many rows"},
    CONNECT_PAGE_OPTIONS,
    {.name = NULL},
};
static const struct option_row usage_options[] = {
    {.name = "token", .value = "TKN-…", .help = "of this token"},
    {.name = "account", .value = "ACC-…", .help = "of tokens of this account"},
    {.name = "from", .value = "WHEN", .help = "from the day of this moment on"},
    {.name = "until", .value = "WHEN", .help = "days that begin before"},
    CONNECT_PAGE_OPTIONS,
    {.name = NULL},
};

const struct command log_commands[] = {
    {"log", NULL, "", 0, 0, log_options, show_log,
     "The access log: tokens used and asked for, allowed and denied, newest first",
     "Equal validations of a second are one row with a count; so are equal grants and refusals of "
     "one.\nWith --follow --json, one row a "
     "line; "
     "a restart of\nthe auditor leaves no gap.",
     "jeton log --token TKN-0123-4567 --from 24h\n"
     "jeton log --decision deny --json\n"
     "jeton log --kind grant --user USR-0123-4567\n"
     "jeton log --follow --account ACC-0123-4567\n"},
    {.noun = NULL},
};
const struct command usage_commands[] = {
    {"usage", NULL, "", 0, 0, usage_options, show_usage,
     "How often each API token was used, day by day (UTC), newest first",
     "Added up from the access log, some seconds behind it.",
     "jeton usage --token TKN-0123-4567\n"
     "jeton usage --account ACC-0123-4567 --from 30d --all\n"},
    {.noun = NULL},
};
