#include "services/cli/resource.h"
#include "admin.pb-c.h"
#include "common/memory/memory.h"
#include "services/cli/connect.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { METHOD_SIZE = 64, FIELDS_MAX = 16 };

// A call under way.
struct resource_call {
    const struct resource_noun *noun;
    char method[METHOD_SIZE];
    ProtobufCMessage *request;
    char *lists[FIELDS_MAX]; // arrays that option_list made
    size_t nlists;
};

static void
call_begin (const struct cli *cli, const char *verb, const char *plural,
            struct resource_call *call_r)
{
    const ProtobufCMethodDescriptor *method;
    const struct resource_noun *noun = resource_nouns;

    while (strcmp (noun->noun, cli->command->noun) != 0) {
        noun++;
        assert (noun->noun != NULL);
    }
    *call_r = (struct resource_call){.noun = noun};
    snprintf (call_r->method, sizeof call_r->method, "%s%s%s", verb, noun->name, plural);
    method = protobuf_c_service_descriptor_get_method_by_name (&jeton__v1__admin__descriptor,
                                                               call_r->method);
    assert (method != NULL);
    call_r->request = xcalloc (1, method->input->sizeof_message);
    protobuf_c_message_init (method->input, call_r->request);
}

// Texts are borrowed: only what this file has made is freed.
static void
call_end (struct resource_call *call)
{
    for (size_t i = 0; i < call->nlists; i++) {
        free (call->lists[i]);
    }
    free (call->request);
}

// A field of the request; NULL when it has none of that name.
static const ProtobufCFieldDescriptor *
field_find (const struct resource_call *call, const char *name)
{
    return protobuf_c_message_descriptor_get_field_by_name (call->request->descriptor, name);
}

static void *
field_place (const struct resource_call *call, const ProtobufCFieldDescriptor *field)
{
    return (char *) call->request + field->offset;
}

static void
set_text (struct resource_call *call, const char *name, const char *text)
{
    const ProtobufCFieldDescriptor *field = field_find (call, name);

    assert (field != NULL && field->type == PROTOBUF_C_TYPE_STRING);
    *(const char **) field_place (call, field) = text;
}

static void
set_list (struct cli *cli, struct resource_call *call, const ProtobufCFieldDescriptor *field,
          const char *option)
{
    size_t n;
    char **values = option_list (cli, option, &n);

    // One empty value is how a list is emptied.
    if (n == 1 && *values[0] == '\0') {
        n = 0;
    }
    *(char ***) field_place (call, field) = values;
    *(size_t *) ((char *) call->request + field->quantifier_offset) = n;
    call->lists[call->nlists++] = (char *) values;
}

// Sets a field by its option, which was given. False: the mistake has been printed.
static bool
set_field (struct cli *cli, struct resource_call *call, const char *option,
           const ProtobufCFieldDescriptor *field)
{
    const char *text = option_text (cli, option);
    int64_t number = 0;
    int value;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        set_list (cli, call, field, option);
        return true;
    }
    if (field->type == PROTOBUF_C_TYPE_BOOL) {
        *(protobuf_c_boolean *) field_place (call, field) = true;
        return true;
    }
    if (field->type == PROTOBUF_C_TYPE_ENUM) {
        if (!input_enum (cli, option, field->descriptor, text, &value)) {
            return false;
        }
        *(int *) field_place (call, field) = value;
        return true;
    }
    if (field->type == PROTOBUF_C_TYPE_INT64) {
        if (!option_number (cli, option, 0, INT64_MAX, &number)) {
            return false;
        }
        *(int64_t *) field_place (call, field) = number;
        return true;
    }
    assert (field->type == PROTOBUF_C_TYPE_STRING);
    *(const char **) field_place (call, field) = text;
    return true;
}

// Sets the fields whose options were given, and keeps their names. False: the mistake has been printed.
static bool
set_fields (struct cli *cli, struct resource_call *call, char *names_r[FIELDS_MAX], size_t *n_r)
{
    *n_r = 0;
    for (const struct resource_field *row = call->noun->fields; row->option != NULL; row++) {
        const ProtobufCFieldDescriptor *field = field_find (call, row->field);

        if (!option_given (cli, row->option)) {
            continue;
        }
        assert (field != NULL && *n_r < FIELDS_MAX);
        if (!set_field (cli, call, row->option, field)) {
            return false;
        }
        names_r[(*n_r)++] = (char *) row->field;
    }
    return true;
}

static int
call_run (struct cli *cli, const struct resource_call *call, json_t **reply_r)
{
    return connect_call (
        cli, &(struct call){SERVICE_ADMIN, call->method, call->request, NULL, NULL}, reply_r);
}

// Calls, and shows the object that comes back.
static int
call_show (struct cli *cli, const struct resource_call *call)
{
    json_t *reply;
    int status = call_run (cli, call, &reply);

    if (status == EX_OK) {
        table_object (cli, call->noun->columns, json_object_get (reply, call->noun->member));
    }
    json_decref (reply);
    return status;
}

// `password` is NULL for what has none.
static int
create (struct cli *cli, const char *password)
{
    struct resource_call call;
    char *names[FIELDS_MAX];
    size_t n;
    int status = EX_USAGE;

    call_begin (cli, "Create", "", &call);
    set_text (&call, "account_id", option_text (cli, "account"));
    if (set_fields (cli, &call, names, &n)) {
        if (password != NULL) {
            set_text (&call, "password", password);
        }
        status = call_show (cli, &call);
    }
    call_end (&call);
    return status;
}

int
resource_create (struct cli *cli)
{
    return create (cli, NULL);
}

int
resource_create_password (struct cli *cli)
{
    char *password;
    int status = input_password (cli, &password);

    if (status == EX_OK) {
        status = create (cli, password);
        input_forget (&password);
    }
    return status;
}

int
resource_list (struct cli *cli)
{
    Jeton__V1__PageRequest page = JETON__V1__PAGE_REQUEST__INIT;
    struct resource_call call;
    char member[METHOD_SIZE], *names[FIELDS_MAX];
    json_t *rows;
    size_t n;
    int status = EX_USAGE;

    call_begin (cli, "List", "s", &call);
    set_text (&call, "account_id", option_text (cli, "account"));
    *(Jeton__V1__PageRequest **) field_place (&call, field_find (&call, "page")) = &page;
    if (set_fields (cli, &call, names, &n) &&
        (!option_given (cli, "status") ||
         set_field (cli, &call, "status", field_find (&call, "status")))) {
        snprintf (member, sizeof member, "%ss", call.noun->member);
        status = connect_pages (
            cli, &(struct call){SERVICE_ADMIN, call.method, call.request, NULL, NULL}, &page,
            member, &rows);
        if (status == EX_OK) {
            table_list (cli, call.noun->columns, rows);
        }
        json_decref (rows);
    }
    call_end (&call);
    return status;
}

static int
one (struct cli *cli, const char *verb)
{
    struct resource_call call;
    int status;

    call_begin (cli, verb, "", &call);
    set_text (&call, "id", cli->arguments[0]);
    status = call_show (cli, &call);
    call_end (&call);
    return status;
}

int
resource_show (struct cli *cli)
{
    return one (cli, "Get");
}

int
resource_activate (struct cli *cli)
{
    return one (cli, "Activate");
}

int
resource_deactivate (struct cli *cli)
{
    return one (cli, "Deactivate");
}

int
resource_delete (struct cli *cli)
{
    if (!input_confirm (cli, "Delete %s? This is final.", cli->arguments[0])) {
        return print_fail (cli, EX_USAGE, "CANCELLED", "nothing was deleted");
    }
    return one (cli, "Delete");
}

// The revision that the object has now, for an edit without --revision.
static int
read_revision (struct cli *cli, int64_t *revision_r)
{
    struct resource_call call;
    json_t *reply;
    int status;

    call_begin (cli, "Get", "", &call);
    set_text (&call, "id", cli->arguments[0]);
    status = call_run (cli, &call, &reply);
    if (status == EX_OK) {
        *revision_r = json_integer_value (
            json_object_get (json_object_get (reply, call.noun->member), "revision"));
    }
    json_decref (reply);
    call_end (&call);
    return status;
}

// With the fields whose names are given, of the revision that the object has when that is 0.
static int
call_edit (struct cli *cli, struct resource_call *call, char **names, size_t n, int64_t revision)
{
    const ProtobufCFieldDescriptor *fields = field_find (call, "fields");
    int status = revision == 0 ? read_revision (cli, &revision) : EX_OK;

    if (status != EX_OK) {
        return status;
    }
    *(int64_t *) field_place (call, field_find (call, "revision")) = revision;
    *(char ***) field_place (call, fields) = names;
    *(size_t *) ((char *) call->request + fields->quantifier_offset) = n;
    return call_show (cli, call);
}

int
resource_edit (struct cli *cli)
{
    struct resource_call call;
    char *names[FIELDS_MAX];
    int64_t revision = 0;
    size_t n;
    int status = EX_USAGE;

    call_begin (cli, "Edit", "", &call);
    set_text (&call, "id", cli->arguments[0]);
    if (option_number (cli, "revision", 1, INT64_MAX, &revision) &&
        set_fields (cli, &call, names, &n)) {
        status = n == 0 ? print_usage (cli, "nothing to change was given")
                        : call_edit (cli, &call, names, n, revision);
    }
    call_end (&call);
    return status;
}

int
resource_password (struct cli *cli)
{
    struct resource_call call;
    char *names[] = {(char *) "password"}, *password;
    int status = input_password (cli, &password);

    if (status != EX_OK) {
        return status;
    }
    call_begin (cli, "Edit", "", &call);
    set_text (&call, "id", cli->arguments[0]);
    set_text (&call, "password", password);
    status = call_edit (cli, &call, names, 1, 0);
    call_end (&call);
    input_forget (&password);
    return status;
}
