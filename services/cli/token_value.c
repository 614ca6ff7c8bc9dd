// Commands that give a token's value.
#include "admin.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include "services/cli/token.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

// Where the value will go. Made before the token is, so that no value is lost to a file that cannot be written.
static int
open_value_file (struct cli *cli, int *fd_r)
{
    const char *path = option_text (cli, "value-file");

    *fd_r = -1;
    if (path == NULL) {
        return EX_OK;
    }
    *fd_r = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return *fd_r >= 0 ? EX_OK
                      : print_fail (cli, EX_IOERR, "OUTPUT", "%s: %s", path, strerror (errno));
}

// Returns false when the value did not get into the file, so that it has to be shown.
static bool
write_value_file (int fd, const char *value)
{
    size_t length = strlen (value);

    return write (fd, value, length) == (ssize_t) length && write (fd, "\n", 1) == 1 &&
           fsync (fd) == 0;
}

static void
print_created (struct cli *cli, const struct value_kind *kind, json_t *reply,
               const char *value_file)
{
    json_t *token = json_object_get (reply, kind->member),
           *warnings = json_object_get (reply, "warnings");
    const char *value = json_string_value (json_object_get (reply, kind->value));
    bool again = json_is_true (json_object_get (token, "revealable"));

    if (cli->json) {
        if (value_file != NULL) {
            json_object_set_new (token, "value_file", json_string (value_file));
        } else if (value != NULL) {
            json_object_set (token, kind->value, json_object_get (reply, kind->value));
        }
        if (warnings != NULL) {
            json_object_set (token, "warnings", warnings);
        }
        print_json (stdout, token, JSON_INDENT (2));
        return;
    }
    table_object (cli, kind->columns, token);
    if (value == NULL) { // what is public has none
        return;
    }
    if (value_file == NULL) {
        fputs ("\n", stdout);
        print_color (cli, "bold");
        print_text (stdout, value);
        print_color (cli, NULL);
        fputs ("\n", stdout);
        print_note (cli, "%s", "");
        print_note (cli, "This is the %s's %s%s: keep it where only its user can read it.",
                    kind->member, kind->value, again ? "" : ". It is shown only now");
    } else {
        print_note (cli, "%s", "");
        print_note (cli, "The %s's %s is in %s.%s", kind->member, kind->value, value_file,
                    again ? "" : " It cannot be shown again.");
    }
    for (size_t i = 0; i < json_array_size (warnings); i++) {
        print_note (cli, "Warning: %s", json_string_value (json_array_get (warnings, i)));
    }
}

int
value_call (struct cli *cli, const struct value_kind *kind, const char *method,
            const ProtobufCMessage *request)
{
    const char *path = option_text (cli, "value-file"), *value;
    json_t *reply;
    int fd, status = open_value_file (cli, &fd);

    if (status != EX_OK) {
        return status;
    }
    status = connect_call (cli, &(struct call){SERVICE_ADMIN, method, request, NULL, NULL}, &reply);
    if (fd >= 0 && status != EX_OK) {
        unlink (path);
    }
    value = json_string_value (json_object_get (reply, kind->value));
    if (fd >= 0 && status == EX_OK && !write_value_file (fd, value != NULL ? value : "")) {
        status = print_fail (cli, EX_IOERR, "OUTPUT", "%s: %s; the value is shown instead", path,
                             strerror (errno));
        unlink (path);
        path = NULL;
    }
    if (reply != NULL) {
        print_created (cli, kind, reply, path);
    }
    if (fd >= 0) {
        close (fd);
    }
    json_decref (reply);
    return status;
}

int
token_call_value (struct cli *cli, const char *method, const ProtobufCMessage *request)
{
    static const struct value_kind kind = {"token", "value", token_columns};

    return value_call (cli, &kind, method, request);
}

bool
value_parse_grace (const struct cli *cli, Jeton__V1__Period *grace)
{
    const char *text = option_text (cli, "grace");

    grace->seconds = 0;
    if (strcmp (text, "0") == 0 || (strspn (text, "0123456789") + 1 == strlen (text) &&
                                    input_time (text, true, 0, &grace->seconds))) {
        return true;
    }
    print_usage (cli, "--grace: \"%s\" is no period; write 24h, 7d, 0", text);
    return false;
}

int
token_rotate (struct cli *cli)
{
    Jeton__V1__RotateTokenRequest request = JETON__V1__ROTATE_TOKEN_REQUEST__INIT;
    Jeton__V1__Period grace = JETON__V1__PERIOD__INIT;

    request.id = cli->arguments[0];
    if (option_given (cli, "grace")) {
        if (!value_parse_grace (cli, &grace)) {
            return EX_USAGE;
        }
        request.grace = &grace;
    }
    if (!option_number (cli, "revision", 1, INT64_MAX, &request.revision)) {
        return EX_USAGE;
    }
    return token_call_value (cli, "RotateToken", &request.base);
}

const struct option_row token_rotate_options[] = {
    VALUE_ROTATE_OPTIONS,
    TOKEN_VALUE_OPTION,
    {.name = NULL},
};

int
token_reveal (struct cli *cli)
{
    Jeton__V1__RevealTokenRequest request = JETON__V1__REVEAL_TOKEN_REQUEST__INIT;

    request.id = cli->arguments[0];
    return token_call_value (cli, "RevealToken", &request.base);
}

const struct option_row token_reveal_options[] = {TOKEN_VALUE_OPTION, {.name = NULL}};
