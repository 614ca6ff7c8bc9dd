// token logo: set, get, remove.
#include "admin.pb-c.h"
#include "common/memory/memory.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/keyring.h"
#include "services/cli/print.h"
#include "services/cli/token.h"
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// More than a logo may have, so that it is admin that says what is too large, and less than a call may.
enum { FILE_SIZE_MAX = 1000000 };

static const struct column logo_columns[] = {
    {.title = "TYPE", .member = "content_type"},
    {.title = "SHA-256", .member = "digest"},
    {.title = "BYTES", .member = "size"},
    {.title = "FILE", .member = "file"},
    {.title = NULL},
};

// The whole file, which the caller frees. Otherwise: the exit status; the reason has been printed.
static int
read_file (const struct cli *cli, const char *path, ProtobufCBinaryData *data_r)
{
    FILE *file = fopen (path, "re");
    int status = EX_OK;

    data_r->data = xcalloc (1, FILE_SIZE_MAX + 1);
    data_r->len = file != NULL ? fread (data_r->data, 1, FILE_SIZE_MAX + 1, file) : 0;
    if (file == NULL || ferror (file)) {
        status = print_fail (cli, EX_NOINPUT, "INPUT", "%s: %s", path, strerror (errno));
    } else if (data_r->len == 0) {
        status = print_fail (cli, EX_DATAERR, "INPUT", "%s: there is nothing in it", path);
    } else if (data_r->len > FILE_SIZE_MAX) {
        status = print_fail (cli, EX_DATAERR, "INPUT", "%s: too large; a logo has 256 KiB at most",
                             path);
    }
    if (file != NULL) {
        fclose (file);
    }
    return status;
}

static int
call_set (struct cli *cli, const ProtobufCBinaryData *logo)
{
    Jeton__V1__SetTokenLogoRequest request = JETON__V1__SET_TOKEN_LOGO_REQUEST__INIT;
    int status = token_find_revision (cli, cli->arguments[1], &request.revision);

    if (status != EX_OK) {
        return status;
    }
    request.id = cli->arguments[1];
    request.logo = *logo;
    return token_call (cli, "SetTokenLogo", &request.base);
}

static int
set (struct cli *cli)
{
    ProtobufCBinaryData logo = {0};
    int status = read_file (cli, cli->arguments[2], &logo);

    if (status == EX_OK) {
        status = call_set (cli, &logo);
    }
    free (logo.data);
    return status;
}

// To the file of --output, or else to standard output, as it is.
static int
write_logo (struct cli *cli, json_t *logo, const uint8_t *data, size_t size)
{
    const char *path = option_text (cli, "output");
    struct keyring writing = {.cli = cli};

    if (path == NULL) {
        return fwrite (data, 1, size, stdout) == size
                   ? EX_OK
                   : print_fail (cli, EX_IOERR, "OUTPUT", "standard output: %s", strerror (errno));
    }
    if (!keyring_write (&writing, path, PUBLIC_MODE, data, size)) {
        return print_fail (cli, EX_IOERR, "OUTPUT", "%s", writing.error.text);
    }
    json_object_set_new (logo, "file", json_string (path));
    table_object (cli, logo_columns, logo);
    return EX_OK;
}

static int
save (struct cli *cli, json_t *reply)
{
    const char *text = json_string_value (json_object_get (reply, "data"));
    size_t length = text != NULL ? strlen (text) : 0, size;
    cleanup_free uint8_t *data = xcalloc (1, length + 1);

    if (sodium_base642bin (data, length, text != NULL ? text : "", length, NULL, &size, NULL,
                           sodium_base64_VARIANT_ORIGINAL) != 0) {
        return print_fail (cli, EX_SOFTWARE, "REPLY", "the reply's bytes cannot be read");
    }
    return write_logo (cli, json_object_get (reply, "logo"), data, size);
}

static int
get (struct cli *cli)
{
    Jeton__V1__GetTokenLogoRequest request = JETON__V1__GET_TOKEN_LOGO_REQUEST__INIT;
    json_t *reply;
    int status;

    if (!cli->json && !option_given (cli, "output") && isatty (STDOUT_FILENO)) {
        return print_usage (cli, "a picture is nothing for a terminal: give --output FILE");
    }
    request.id = cli->arguments[1];
    status = connect_call (
        cli, &(struct call){SERVICE_ADMIN, "GetTokenLogo", &request.base, NULL, NULL}, &reply);
    if (status == EX_OK && cli->json && !option_given (cli, "output")) {
        print_json (stdout, reply, JSON_INDENT (2));
    } else if (status == EX_OK) {
        status = save (cli, reply);
    }
    json_decref (reply);
    return status;
}

int
token_logo (struct cli *cli)
{
    const char *verb = cli->arguments[0];
    int words = strcmp (verb, "set") == 0 ? 3 : 2;

    if (strcmp (verb, "set") != 0 && strcmp (verb, "get") != 0 && strcmp (verb, "remove") != 0) {
        return print_usage (cli, "token logo: \"%s\" is none of set, get and remove", verb);
    }
    if (cli->narguments != words) {
        return print_usage (cli, "token logo %s: %s", verb,
                            words == 3 ? "which token, and which file?"
                                       : "which token, and no more?");
    }
    if (words == 3) {
        return set (cli);
    }
    return strcmp (verb, "get") == 0 ? get (cli) : call_set (cli, &(ProtobufCBinaryData){0});
}

const struct option_row token_logo_options[] = {
    {.name = "output", .value = "FILE", .help = "get: where it goes (standard output)"},
    {.name = "revision",
     .value = "N",
     .help = "set, remove: the revision that you have seen (that which it has now)"},
    {.name = NULL},
};
