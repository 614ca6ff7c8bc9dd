#include "admin.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include "services/cli/show.h"
#include "services/cli/token.h"
#include <string.h>

// An option that is the name of an enum's value; 0 when it was not given.
static bool
parse_enum (const struct cli *cli, const char *option, const ProtobufCEnumDescriptor *descriptor,
            int *value_r)
{
    const char *text = option_text (cli, option);

    *value_r = 0;
    return text == NULL || input_enum (cli, option, descriptor, text, value_r);
}

static bool
parse (const struct cli *cli, Jeton__V1__ListTokensRequest *request)
{
    const char *expiring = option_text (cli, "expiring");
    int status, kind, sort;

    if (!parse_enum (cli, "status", &jeton__v1__token_status__descriptor, &status) ||
        !parse_enum (cli, "kind", &jeton__v1__token_kind__descriptor, &kind) ||
        !parse_enum (cli, "sort", &jeton__v1__token_sort__descriptor, &sort)) {
        return false;
    }
    if (expiring != NULL && (strspn (expiring, "0123456789") + 1 != strlen (expiring) ||
                             !input_time (expiring, true, 0, &request->expiring_within_s))) {
        print_usage (cli, "--expiring: \"%s\" is no period; write 30d, 12h", expiring);
        return false;
    }
    request->account_id = (char *) option_or (cli, "account", "");
    request->status = (Jeton__V1__TokenStatus) status;
    request->kind = (Jeton__V1__TokenKind) kind;
    request->module = (char *) option_or (cli, "module", "");
    request->created_by = (char *) option_or (cli, "creator", "");
    request->text = (char *) option_or (cli, "text", "");
    request->unrotated = option_given (cli, "unrotated");
    request->sort = (Jeton__V1__TokenSort) sort;
    request->descending = option_given (cli, "descending");
    request->count = option_given (cli, "count");
    return true;
}

// How many there are, and nothing of them.
static int
count (struct cli *cli, const struct call *call, Jeton__V1__PageRequest *page)
{
    static const struct column columns[] = {{.title = "TOKENS", .member = "total"},
                                            {.title = NULL}};
    json_t *reply, *total;
    int status;

    page->size = 1;
    status = connect_call (cli, call, &reply);
    if (status == EX_OK) {
        total = json_pack ("{s:O}", "total", json_object_get (reply, "total"));
        table_object (cli, columns, total);
        json_decref (total);
    }
    json_decref (reply);
    return status;
}

int
token_list (struct cli *cli)
{
    Jeton__V1__ListTokensRequest request = JETON__V1__LIST_TOKENS_REQUEST__INIT;
    Jeton__V1__PageRequest page = JETON__V1__PAGE_REQUEST__INIT;
    struct call call = {SERVICE_ADMIN, "ListTokens", &request.base, NULL, NULL};

    if (!parse (cli, &request)) {
        return EX_USAGE;
    }
    request.page = &page;
    if (request.count) {
        return count (cli, &call, &page);
    }
    return show_list (cli, &call, &page, "tokens", token_columns);
}

const struct option_row token_list_options[] = {
    {.name = "account", .value = "ACC-…", .help = "of this account only"},
    {.name = "status", .value = "active|disabled", .help = "that are so"},
    {.name = "kind", .value = "personal|service|base|test", .help = "of this kind"},
    {.name = "module", .value = "MODULE", .help = "that are granted this module"},
    {.name = "creator",
     .value = "ID",
     .field = "created_by",
     .help = "made by this user or peer: USR-…, operator"},
    {.name = "text", .value = "TEXT", .help = "with this in name or description, or this TKN-…"},
    {.name = "expiring",
     .value = "PERIOD",
     .field = "expiring_within_s",
     .help = "that expire within it: 30d, 12h"},
    {.name = "unrotated", .help = "whose value is more than 90 days old"},
    {.name = "sort", .value = "created|name|last_access|expiry", .help = "in this order (created)"},
    {.name = "descending", .help = "the last one first"},
    {.name = "count", .help = "tell how many there are, and nothing else"},
    CONNECT_PAGE_OPTIONS,
    {.name = NULL},
};
