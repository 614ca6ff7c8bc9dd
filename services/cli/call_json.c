// jeton call: any method of proto/, with its request and its replies as JSON (common/json).
#include "common/json/json.h"
#include "common/memory/memory.h"
#include "common/rpc/contract.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/describe.h"
#include "services/cli/print.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A request has 1 MiB at most where it arrives; as JSON, of bytes or escapes, it may be several times as long.
enum { DATA_SIZE_MAX = 8 << 20, ARENA_SIZE = 64 << 20 };

struct calling {
    struct cli *cli;
    struct contract_method method;
    enum service to;
    char *text; // the request's
    size_t size;
    struct arena *arena;
    ProtobufCMessage *request;
};

// ---- what is called

static enum service
only_process (const struct contract_service *service)
{
    return service->processes[1] == NULL ? connect_service_find (service->processes[0])
                                         : SERVICE_COUNT;
}

static bool
is_served_by (const struct contract_service *service, const char *process)
{
    for (size_t i = 0; service->processes[i] != NULL; i++) {
        if (strcmp (service->processes[i], process) == 0) {
            return true;
        }
    }
    return false;
}

static int
choose_process (struct calling *calling)
{
    const struct contract_service *service = calling->method.service;
    const char *to = option_text (calling->cli, "to");

    calling->to = to != NULL ? connect_service_find (to) : only_process (service);
    if (to != NULL && !is_served_by (service, to)) {
        return print_usage (calling->cli, "--to: %s does not serve %s", to,
                            service->descriptor->short_name);
    }
    if (calling->to == SERVICE_COUNT) {
        return print_usage (calling->cli, "--to is missing: several processes serve %s",
                            service->descriptor->short_name);
    }
    return EX_OK;
}

// ---- its request

// Everyone on the machine can read the arguments of a process.
static bool
is_secret_member (const struct calling *calling, const char *name)
{
    static const char *const anywhere[] = {"password",      "client_secret", "client_assertion",
                                           "code_verifier", "refresh_token", "store_token"};

    for (size_t i = 0; i < sizeof anywhere / sizeof *anywhere; i++) {
        if (strcmp (name, anywhere[i]) == 0) {
            return true;
        }
    }
    return (strcmp (name, "token") == 0 || strcmp (name, "code") == 0) &&
           (calling->to == SERVICE_ISSUER || calling->to == SERVICE_VALIDATOR);
}

static int
refuse_secrets (const struct calling *calling, const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *) object, name, value)
    {
        if (is_secret_member (calling, name) && json_string_length (value) > 0) {
            char *argument = (char *) option_text (calling->cli, "data");
            memset (argument, 'x', strlen (argument));
            return print_usage (
                calling->cli,
                "--data: \"%s\" is a secret, and every user of this machine can read arguments: "
                "give the request by standard input, or in a file (--data @FILE). If others use "
                "this machine, replace that secret",
                name);
        }
    }
    return EX_OK;
}

static int
read_file (struct calling *calling, FILE *file, const char *name)
{
    calling->text = xcalloc (1, DATA_SIZE_MAX + 1);
    calling->size = fread (calling->text, 1, DATA_SIZE_MAX + 1, file);
    if (ferror (file)) {
        return print_fail (calling->cli, EX_IOERR, "INPUT", "%s: %s", name, strerror (errno));
    }
    if (calling->size > DATA_SIZE_MAX) {
        return print_fail (calling->cli, EX_DATAERR, "INVALID_ARGUMENT",
                           "%s: is larger than %d bytes", name, DATA_SIZE_MAX);
    }
    return EX_OK;
}

// --data, or standard input; but nobody is made to type where a request may have no members.
static int
read_text (struct calling *calling)
{
    const char *data = option_text (calling->cli, "data");
    bool standard = data == NULL || strcmp (data, "@") == 0 || strcmp (data, "@-") == 0;
    FILE *file;
    int status;

    if ((data == NULL && isatty (STDIN_FILENO)) || (data != NULL && *data != '@')) {
        calling->text = xstrdup (data != NULL ? data : "");
        calling->size = strlen (calling->text);
        return EX_OK;
    }
    if (standard) {
        return read_file (calling, stdin, "standard input");
    }
    file = fopen (data + 1, "re");
    if (file == NULL) {
        return print_fail (calling->cli, EX_NOINPUT, "NOT_FOUND", "%s: %s", data + 1,
                           strerror (errno));
    }
    status = read_file (calling, file, data + 1);
    fclose (file);
    return status;
}

static json_t *
parse (const struct calling *calling, struct error *error_r)
{
    json_error_t wrong;
    json_t *object;
    size_t blank = strspn (calling->text, " \t\r\n");

    if (blank == calling->size) {
        return json_object ();
    }
    object = json_loadb (calling->text, calling->size, JSON_REJECT_DUPLICATES, &wrong);
    if (object == NULL) {
        // What it quotes of the text may be a secret.
        char *quoted = strstr (wrong.text, " near ");
        if (quoted != NULL) {
            *quoted = '\0';
        }
        error_set (error_r, "the request is no JSON, line %d, column %d: %s", wrong.line,
                   wrong.column, wrong.text);
    }
    return object;
}

static int
make_request (struct calling *calling)
{
    struct error error;
    json_t *object = parse (calling, &error);
    const char *data = option_text (calling->cli, "data");
    int status = EX_OK;

    if (object == NULL) {
        return print_fail (calling->cli, EX_DATAERR, "INVALID_ARGUMENT", "%s", error.text);
    }
    if (data != NULL && *data != '@') {
        status = refuse_secrets (calling, object);
    }
    if (status == EX_OK) {
        calling->arena = arena_new (ARENA_SIZE);
        calling->request =
            json_to_message (object, calling->method.method->input, calling->arena, &error);
        if (calling->request == NULL) {
            status = print_member (calling->cli, EX_DATAERR, "INVALID_ARGUMENT", error.text);
        }
    }
    json_decref (object);
    return status;
}

// ---- the call

static bool
on_item (void *context, const ProtobufCMessage *message)
{
    json_t *line = json_from_message (message);

    (void) context;
    print_json (stdout, line, JSON_COMPACT);
    fflush (stdout);
    json_decref (line);
    return !ferror (stdout);
}

static int
stream (struct calling *calling, const struct call *call)
{
    struct error error;
    int status;

    switch (connect_stream (calling->cli, call, on_item, NULL, &status, &error)) {
    case STREAM_DONE:
        return EX_OK;
    case STREAM_STOPPED:
        return status == EX_OK ? EX_OK
                               : print_fail (calling->cli, status, "CANCELLED", "interrupted");
    case STREAM_BROKEN:
        return print_fail (calling->cli, status, "UNAVAILABLE", "%s", error.text);
    case STREAM_FAILED:
        break;
    }
    return status;
}

static int
send_request (struct calling *calling)
{
    cleanup_free char *method = xasprintf ("%s/%s", calling->method.service->descriptor->short_name,
                                           calling->method.method->name);
    struct call call = {.service = calling->to,
                        .method = method,
                        .request = calling->request,
                        .endpoints = option_text (calling->cli, "endpoint")};
    json_t *reply;
    int status;

    if (calling->method.stream) {
        return stream (calling, &call);
    }
    status = connect_call (calling->cli, &call, &reply);
    if (status == EX_OK) {
        print_json (stdout, reply, JSON_INDENT (2));
    }
    json_decref (reply);
    return status;
}

static int
call_json (struct cli *cli)
{
    struct calling calling = {.cli = cli};
    int status = describe_find_method (cli, &calling.method);

    status = status == EX_OK ? choose_process (&calling) : status;
    status = status == EX_OK ? read_text (&calling) : status;
    status = status == EX_OK ? make_request (&calling) : status;
    status = status == EX_OK ? send_request (&calling) : status;
    if (calling.text != NULL) {
        explicit_bzero (calling.text, calling.size);
        free (calling.text);
    }
    if (calling.arena != NULL) {
        arena_reset (calling.arena);
        arena_destroy (&calling.arena);
    }
    return status;
}

// No field of a request is any of these options' own.
static const struct option_row options[] = {
    {.name = "data",
     .value = "JSON",
     .field = "",
     .help = "the request; @FILE: it is in that file. Otherwise it is read from standard input"},
    {.name = "to",
     .value = "admin|issuer|validator|auditor|gateway",
     .field = "",
     .help = "the process to call, of a service that several serve (Health, Stats, Feed)"},
    {.name = "endpoint", .value = "tcp://…", .field = "", .help = "the process at this endpoint"},
    {.name = NULL},
};

const struct command call_commands[] = {
    {"call", NULL, "METHOD", 1, 2, options, call_json,
     "Call any method, with its request and reply as JSON",
     "METHOD: as \"jeton describe\" lists them: Admin/GetToken, also jeton.v1.Admin/GetToken, "
     "\"admin GetToken\" or\n"
     "GetToken. The request is one JSON object with the fields that \"jeton describe METHOD\" "
     "shows; none: all of them\n"
     "as if they had never been set. A stream prints an object a line, until it ends or is "
     "interrupted.\n"
     "Secrets in replies are shown, as the method gives them. Those of a request belong into "
     "standard input or a file:\n"
     "in arguments they are refused.",
     "echo '{\"id\": \"TKN-0123-4567\"}' | jeton call Admin/GetToken\n"
     "jeton call admin ListTokens --data '{\"page\": {\"size\": 10}}' | jq '.tokens[].name'\n"
     "jeton call AuditLogger/TailRecords --data '{\"after\": 100}'\n"
     "jeton call Health/Check --to validator --data '{}'\n"},
    {.noun = NULL},
};
