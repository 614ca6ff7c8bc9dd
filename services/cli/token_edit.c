#include "admin.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/print.h"
#include "services/cli/show.h"
#include "services/cli/token.h"
#include <string.h>

int
token_find_revision (struct cli *cli, char *id, int64_t *revision_r)
{
    Jeton__V1__GetTokenRequest request = JETON__V1__GET_TOKEN_REQUEST__INIT;

    request.id = id;
    return show_revision (cli, &(struct call){SERVICE_ADMIN, "GetToken", &request.base, NULL, NULL},
                          "token", revision_r);
}

static void
fill (const struct cli *cli, Jeton__V1__EditTokenRequest *request, struct token_limits *limits,
      char **fields)
{
    static const char *const options[][2] = {
        {"name", "name"},      {"description", "description"}, {"expires", "expires_at"},
        {"module", "modules"}, {"allow", "allow_list"},        {"rate-limit", "rate_limit"}};

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (option_given (cli, options[i][0])) {
            fields[request->n_fields++] = (char *) options[i][1];
        }
    }
    request->fields = fields;
    request->id = cli->arguments[0];
    request->name = (char *) option_or (cli, "name", "");
    request->description = (char *) option_or (cli, "description", "");
    request->modules = limits->modules;
    request->n_modules = limits->n_modules;
    request->allow_list = limits->allow_list;
    request->n_allow_list = limits->n_allow_list;
    request->rate_limit = limits->has_rate ? &limits->rate : NULL;
    if (limits->n_allow_list == 1 && strcmp (limits->allow_list[0], "any") == 0) {
        request->n_allow_list = 0;
    }
}

int
token_edit (struct cli *cli)
{
    Jeton__V1__EditTokenRequest request = JETON__V1__EDIT_TOKEN_REQUEST__INIT;
    struct token_limits limits;
    char *fields[6];
    int status = EX_USAGE;

    if (token_limits_parse (cli, &limits) &&
        token_parse_expiry (cli, JETON__V1__TOKEN_KIND__TOKEN_KIND_UNSPECIFIED,
                            &request.expires_at)) {
        fill (cli, &request, &limits, fields);
        status = request.n_fields > 0
                     ? token_find_revision (cli, cli->arguments[0], &request.revision)
                     : print_usage (cli, "say what to change: --name, --description, --expires, "
                                         "--module, --allow or --rate-limit");
    }
    if (status == EX_OK) {
        status = token_call (cli, "EditToken", &request.base);
    }
    token_limits_free (&limits);
    return status;
}

const struct option_row token_edit_options[] = {
    {.name = "name", .value = "NAME", .help = "1-128 characters"},
    {.name = "description", .value = "TEXT", .help = "up to 1024 characters"},
    {.name = "expires",
     .value = "WHEN",
     .field = "expires_at",
     .help = "2026-12-31, 2026-12-31T12:00:00Z, 90d, seconds since 1970, never"},
    {.name = "module",
     .value = "M:ACCESS",
     .many = true,
     .help = "a module that it shall have: orders:read, stock:write"},
    TOKEN_LIMIT_OPTIONS,
    {.name = "revision",
     .value = "N",
     .help = "the revision that you have seen (that which it has now)"},
    {.name = NULL},
};
