#include "services/cli/token.h"
#include "admin.pb-c.h"
#include "common/memory/memory.h"
#include "services/cli/command.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include "services/cli/resource.h"
#include "services/cli/show.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

const struct column token_columns[] = {
    {.title = "ID", .member = "id"},
    {.title = "NAME", .member = "name"},
    {.title = "DESCRIPTION", .member = "description", .detail = true},
    {.title = "ACCOUNT", .member = "account_id"},
    {.title = "KIND", .member = "kind"},
    {.title = "ENVIRONMENT", .member = "environment", .detail = true},
    {.title = "STATUS", .member = "status", .form = COLUMN_STATUS},
    {.title = "MODULES", .member = "modules", .form = COLUMN_COUNT, .list = true},
    {.title = "MODULES", .member = "modules", .form = COLUMN_GRANTS, .detail = true},
    {.title = "OWNER", .member = "owner_id", .detail = true},
    {.title = "CREATED BY", .member = "created_by.name"},
    {.title = "CREATED", .member = "created_at", .form = COLUMN_TIME},
    {.title = "UPDATED", .member = "updated_at", .form = COLUMN_TIME, .detail = true},
    {.title = "EXPIRES", .member = "expires_at", .form = COLUMN_EXPIRY},
    {.title = "LAST ACCESS", .member = "last_access_at", .form = COLUMN_EXPIRY},
    {.title = "LAST ROTATED", .member = "last_rotated_at", .form = COLUMN_EXPIRY, .detail = true},
    {.title = "OLD VALUE UNTIL", .member = "grace_until", .form = COLUMN_TIME, .detail = true},
    {.title = "UNROTATED", .member = "unrotated", .detail = true},
    {.title = "REVEALABLE", .member = "revealable", .detail = true},
    {.title = "ALLOW LIST", .member = "allow_list", .form = COLUMN_LIST, .detail = true},
    {.title = "PER MINUTE", .member = "rate_limit.per_minute", .detail = true},
    {.title = "BURST", .member = "rate_limit.burst", .detail = true},
    {.title = "LOGO", .member = "logo.content_type", .detail = true},
    {.title = "REVISION", .member = "revision", .detail = true},
    {.title = NULL},
};

int
token_call (struct cli *cli, const char *method, const ProtobufCMessage *request)
{
    return show_object (cli, &(struct call){SERVICE_ADMIN, method, request, NULL, NULL}, "token",
                        token_columns);
}

// "orders:read", "stock:write" or "orders" (read). False: it is none; that has been printed.
static bool
parse_grant (const struct cli *cli, char *text, Jeton__V1__ModuleGrant *grant)
{
    char *colon = strrchr (text, ':');
    int access = JETON__V1__ACCESS__ACCESS_READ;

    if (colon != NULL) {
        if (!input_enum (cli, "module", &jeton__v1__access__descriptor, colon + 1, &access)) {
            return false;
        }
        *colon = '\0';
    }
    jeton__v1__module_grant__init (grant);
    grant->module = text;
    grant->access = (Jeton__V1__Access) access;
    return true;
}

bool
token_parse_expiry (const struct cli *cli, int kind, int64_t *expires_r)
{
    const char *text = option_text (cli, "expires");
    bool always = kind == JETON__V1__TOKEN_KIND__TOKEN_KIND_BASE ||
                  kind == JETON__V1__TOKEN_KIND__TOKEN_KIND_TEST;

    *expires_r = 0;
    if (text == NULL) {
        return true;
    }
    if (strcmp (text, "never") == 0) {
        if (always) {
            print_usage (cli, "--expires: a base or test token always expires, after 180 days "
                              "unless you say when");
        }
        return !always;
    }
    if (!input_time (text, true, time (NULL), expires_r)) {
        print_usage (
            cli,
            "--expires: \"%s\" is no time; write 2026-12-31, 2026-12-31T12:00:00Z, 90d, seconds "
            "since the epoch, or never",
            text);
        return false;
    }
    return true;
}

bool
token_limits_parse (const struct cli *cli, struct token_limits *limits_r)
{
    bool good;

    memset (limits_r, 0, sizeof *limits_r);
    limits_r->texts = option_list (cli, "module", &limits_r->n_modules);
    limits_r->allow_list = option_list (cli, "allow", &limits_r->n_allow_list);
    limits_r->grants = xcalloc (limits_r->n_modules + 1, sizeof *limits_r->grants);
    limits_r->modules = xcalloc (limits_r->n_modules + 1, sizeof *limits_r->modules);
    good = input_rate_limit (cli, "rate-limit", &limits_r->rate, &limits_r->has_rate);
    for (size_t i = 0; i < limits_r->n_modules && good; i++) {
        good = parse_grant (cli, limits_r->texts[i], &limits_r->grants[i]);
        limits_r->modules[i] = &limits_r->grants[i];
    }
    return good;
}

void
token_limits_free (struct token_limits *limits)
{
    free (limits->texts);
    free (limits->allow_list);
    free (limits->grants);
    free (limits->modules);
}

static int
create (struct cli *cli)
{
    Jeton__V1__CreateTokenRequest request = JETON__V1__CREATE_TOKEN_REQUEST__INIT;
    struct token_limits limits;
    int kind, status = EX_USAGE;

    if (!input_enum (cli, "kind", &jeton__v1__token_kind__descriptor, option_text (cli, "kind"),
                     &kind) ||
        !token_parse_expiry (cli, kind, &request.expires_at)) {
        return EX_USAGE;
    }
    if (token_limits_parse (cli, &limits)) {
        request.account_id = (char *) option_text (cli, "account");
        request.owner_id = (char *) option_or (cli, "owner", "");
        request.name = (char *) option_text (cli, "name");
        request.description = (char *) option_or (cli, "description", "");
        request.kind = (Jeton__V1__TokenKind) kind;
        request.revealable = option_given (cli, "revealable");
        request.outside_party = option_given (cli, "outside-party");
        request.modules = limits.modules;
        request.n_modules = limits.n_modules;
        request.allow_list = limits.allow_list;
        request.n_allow_list = limits.n_allow_list;
        request.rate_limit = limits.has_rate ? &limits.rate : NULL;
        status = token_call_value (cli, "CreateToken", &request.base);
    }
    token_limits_free (&limits);
    return status;
}

static const struct option_row create_options[] = {
    {.name = "account", .value = "ACC-…", .required = true, .help = "the account it belongs to"},
    {.name = "name", .value = "NAME", .required = true, .help = "1-128 characters"},
    {.name = "kind",
     .value = "personal|service|base|test",
     .required = true,
     .help = "of this kind"},
    {.name = "module",
     .value = "M:ACCESS",
     .many = true,
     .help = "a module to grant: orders:read, stock:write"},
    {.name = "owner",
     .value = "USR-…",
     .help = "the user it belongs to; a personal token needs one"},
    {.name = "description", .value = "TEXT", .help = "up to 1024 characters"},
    {.name = "expires",
     .value = "WHEN",
     .field = "expires_at",
     .help = "2026-12-31, 2026-12-31T12:00:00Z, 90d, seconds since 1970, never"},
    TOKEN_LIMIT_OPTIONS,
    {.name = "revealable", .help = "keep its value, sealed, so that it can be shown again"},
    {.name = "outside-party", .help = "it will be handed to somebody else"},
    TOKEN_VALUE_OPTION,
    {.name = NULL},
};
static const struct option_row delete_options[] = {RESOURCE_YES, {.name = NULL}};

const struct command token_commands[] = {
    {"token", "create", "", 0, 0, create_options, create,
     "Make a token; its value is shown this once",
     "personal  reaches everything its account is authorised for; takes no modules\n"
     "service   reaches the modules granted; made to be handed to a third party\n"
     "base      reaches the modules granted, at the account's lower rate limit; expires after 180 "
     "days\n"
     "test      for the sandbox only; expires after 180 days\n"
     "\n"
     "A date alone is its first moment, UTC.",
     "jeton token create --account ACC-0123-4567 --name \"Stock sync\" --kind service --module "
     "stock:write\n"
     "jeton token create --account ACC-0123-4567 --name Partner --kind service --module "
     "orders:read "
     "--expires 90d --outside-party\n"
     "jeton token create --account ACC-0123-4567 --name Alice --kind personal --owner "
     "USR-0123-4567 --json\n"},
    {"token", "list", "", 0, 0, token_list_options, token_list, "Tokens that are not deleted",
     "All that is given must hold. Tokens that never expire come after all that do, those never "
     "used before all\n"
     "that were. Lists of all accounts are in order of creation.",
     "jeton token list --account ACC-0123-4567 --sort name\n"
     "jeton token list --account ACC-0123-4567 --expiring 30d --sort expiry\n"
     "jeton token list --unrotated --count\n"
     "jeton token list --status disabled --all --json\n"},
    {"token", "show", "TKN-…", 1, 1, NULL, resource_show, "One token, without its value", NULL,
     "jeton token show TKN-0123-4567\n"},
    {"token", "edit", "TKN-…", 1, 1, token_edit_options, token_edit,
     "Change what it is called, may do, and from where",
     "What is given replaces what was there: all modules of the token, its whole allow-list.\n"
     "With --revision nothing is changed when somebody else has changed the token since.",
     "jeton token edit TKN-0123-4567 --name \"Stock sync 2\" --expires 90d\n"
     "jeton token edit TKN-0123-4567 --module stock:write --module orders --revision 3\n"
     "jeton token edit TKN-0123-4567 --allow 192.0.2.0/24 --allow 2001:db8::/32 --rate-limit 60\n"
     "jeton token edit TKN-0123-4567 --allow any --rate-limit none\n"},
    {"token", "logo", "ACTION TKN-… [FILE]", 2, 3, token_logo_options, token_logo,
     "Give it a logo, get that, or take it away",
     "set     a new logo, from FILE\n"
     "get     to standard output, or to --output\n"
     "remove  it has none any more\n"
     "\n"
     "A PNG, JPEG or WebP of 256 KiB and 4096 by 4096 pixels at most; its content counts, not its "
     "name.\n"
     "With --revision nothing is changed when somebody else has changed the token since.",
     "jeton token logo set TKN-0123-4567 shop.png\n"
     "jeton token logo get TKN-0123-4567 --output shop.png\n"
     "jeton token logo remove TKN-0123-4567\n"},
    {"token", "revoke-jwts", "WHOSE", 1, 1, token_revoke_options, token_revoke_jwts,
     "End access tokens (JWTs and opaque ones) before they expire",
     "WHOSE: the id of the account itself, or of a client, a user or a customer of it: all that "
     "were signed "
     "for it before now.\n"
     "Or the jti of one token, as `jeton log` shows it. API tokens are not concerned: delete them.",
     "jeton token revoke-jwts --account ACC-0123-4567 CLI-0123-4567\n"
     "jeton token revoke-jwts --account ACC-0123-4567 q83vEjRWeJCrze8SNFZ4kA\n"},
    {"token", "rotate", "TKN-…", 1, 1, token_rotate_options, token_rotate,
     "Give it a new value, shown this once; the one before is accepted for 24 hours",
     "A value that is still accepted from a rotation before is refused from now on.",
     "jeton token rotate TKN-0123-4567\n"
     "jeton token rotate TKN-0123-4567 --grace 7d --value-file erp.token\n"
     "jeton token rotate TKN-0123-4567 --grace 0\n"},
    {"token", "reveal", "TKN-…", 1, 1, token_reveal_options, token_reveal,
     "Show the value of a token that was created with --revealable; the trail tells of it", NULL,
     "jeton token reveal TKN-0123-4567 --value-file erp.token\n"},
    {"token", "reseal", "", 0, 0, NULL, token_reseal,
     "Seal the values of revealable tokens under the newest key of seal.keys",
     "After \"keys reseal\", and after the admin processes have read the new file. It can be "
     "broken "
     "off\n"
     "and begun again: what is sealed under the newest key already is passed over.",
     "jeton token reseal\n"},
    {"token", "import", "FILE", 1, 1, token_import_options, token_import,
     "Make tokens of another system from JSON Lines, by the digests of their values",
     "FILE is - for standard input. Each line is one object:\n"
     "\n"
     "  digest       SHA-256 of the token's value, 64 hexadecimal digits; required\n"
     "  algorithm    \"sha-256\"\n"
     "  prefix       what the value begins with (\"sk_live_\"), 4 to 32 characters; none: the "
     "value "
     "is\n"
     "               Jeton's own\n"
     "  account_id   ACC-…, unless --account says it\n"
     "  name         required\n"
     "  description\n"
     "  kind         \"personal\", \"service\", \"base\" or \"test\"; required\n"
     "  modules      [{\"module\": \"orders\", \"access\": \"read\"}, …]; required but for "
     "personal\n"
     "  owner        user name or USR-…; required for personal\n"
     "  expires_at   seconds since 1970; none: never, or in 180 days for base and test\n"
     "  allow_list   [\"192.0.2.0/24\", …]\n"
     "  rate_limit   {\"per_minute\": 60, \"burst\": 10}\n"
     "  status       \"active\" or \"disabled\"\n"
     "  created_at   seconds since 1970\n"
     "  old_digest, grace_until, last_rotated_at    of a value that was rotated\n"
     "\n"
     "A line that is refused is told with its number and the member at fault, and the others go "
     "on. An\n"
     "import that was broken off is done again: what is there already is passed over. Lines of "
     "one account\n"
     "together are faster. The exit status is 65 when a line was refused.",
     "jeton token import tokens.jsonl --account ACC-0123-4567 --prefix sk_live_\n"
     "jeton token import tokens.jsonl --dry-run\n"
     "ssh old jeton token export --account ACC-0000-0001 | jeton token import - --account "
     "ACC-0123-4567\n"},
    {"token", "export", "", 0, 0, token_export_options, token_export,
     "Tokens of an account as JSON Lines, with the digests of their values, for import elsewhere",
     "Deleted and expired tokens are left out. A file that is there is whole. Where the values are "
     "Jeton's own,\n"
     "the other system needs this one's token-check.keys beside its own.",
     "jeton token export --account ACC-0123-4567 --output tokens.jsonl\n"},
    {"token", "disable", "TKN-…", 1, 1, NULL, resource_disable,
     "Refuse every use, until it is enabled again", NULL, "jeton token disable TKN-0123-4567\n"},
    {"token", "enable", "TKN-…", 1, 1, NULL, resource_enable, "End that", NULL,
     "jeton token enable TKN-0123-4567\n"},
    {"token", "delete", "TKN-…", 1, 1, delete_options, resource_delete,
     "Refuse every use, for ever", NULL, "jeton token delete TKN-0123-4567\n"},
    {.noun = NULL},
};
