#include "services/cli/resource.h"
#include "admin.pb-c.h"
#include "common/memory/memory.h"
#include "services/cli/connect.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include "services/cli/show.h"
#include "services/cli/token.h"
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
    void *made[FIELDS_MAX]; // what fields point to that are no texts
    size_t nmade;
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
    for (size_t i = 0; i < call->nmade; i++) {
        free (call->made[i]);
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
    call->made[call->nmade++] = values;
}

static bool
set_rate_limit (struct cli *cli, struct resource_call *call, const ProtobufCFieldDescriptor *field,
                const char *option)
{
    Jeton__V1__RateLimit *limit = xcalloc (1, sizeof *limit);
    bool given;

    call->made[call->nmade++] = limit;
    if (!input_rate_limit (cli, option, limit, &given)) {
        return false;
    }
    *(Jeton__V1__RateLimit **) field_place (call, field) = given ? limit : NULL;
    return true;
}

static bool
set_number (struct cli *cli, struct resource_call *call, const ProtobufCFieldDescriptor *field,
            const char *option)
{
    bool large = field->type == PROTOBUF_C_TYPE_INT64;
    int64_t number = 0;

    if (!option_number (cli, option, 0, large ? INT64_MAX : INT32_MAX, &number)) {
        return false;
    }
    if (large) {
        *(int64_t *) field_place (call, field) = number;
    } else {
        *(int32_t *) field_place (call, field) = (int32_t) number;
    }
    return true;
}

// Sets a field by its option, which was given. False: the mistake has been printed.
static bool
set_field (struct cli *cli, struct resource_call *call, const char *option,
           const ProtobufCFieldDescriptor *field)
{
    const char *text = option_text (cli, option);

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        set_list (cli, call, field, option);
        return true;
    }
    if (field->type == PROTOBUF_C_TYPE_BOOL) {
        *(protobuf_c_boolean *) field_place (call, field) = true;
        return true;
    }
    if (field->type == PROTOBUF_C_TYPE_ENUM) {
        return input_enum (cli, option, field->descriptor, text, field_place (call, field));
    }
    if (field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_INT32) {
        return set_number (cli, call, field, option);
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        assert (field->descriptor == &jeton__v1__rate_limit__descriptor);
        return set_rate_limit (cli, call, field, option);
    }
    assert (field->type == PROTOBUF_C_TYPE_STRING);
    *(const char **) field_place (call, field) = text;
    return true;
}

// Is it set otherwise? The revision by show_revision, the page by connect_pages.
static bool
set_elsewhere (const char *field)
{
    return strcmp (field, "revision") == 0 || strcmp (field, "page") == 0;
}

// Sets the fields whose options were given, and keeps their names. False: the mistake has been printed.
static bool
set_fields (struct cli *cli, struct resource_call *call, const char *names_r[FIELDS_MAX],
            size_t *n_r)
{
    const ProtobufCMessageDescriptor *type = call->request->descriptor;
    const struct option_row *row;

    *n_r = 0;
    for (const ProtobufCFieldDescriptor *field = type->fields;
         field < type->fields + type->n_fields; field++) {
        row = option_of_field (cli->command->options, field->name);
        if (row == NULL || !option_given (cli, row->name) || set_elsewhere (field->name)) {
            continue;
        }
        assert (*n_r < FIELDS_MAX);
        if (!set_field (cli, call, row->name, field)) {
            return false;
        }
        names_r[(*n_r)++] = field->name;
    }
    return true;
}

// Calls, and shows the object that comes back.
static int
call_show (struct cli *cli, const struct resource_call *call)
{
    return show_object (cli, &(struct call){SERVICE_ADMIN, call->method, call->request, NULL, NULL},
                        call->noun->member, call->noun->columns);
}

// `password` is NULL for what has none.
static int
create (struct cli *cli, const char *password)
{
    struct resource_call call;
    const char *names[FIELDS_MAX];
    size_t n;
    int status = EX_USAGE;

    call_begin (cli, "Create", "", &call);
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
resource_create_secret (struct cli *cli)
{
    struct resource_call call;
    const char *names[FIELDS_MAX];
    size_t n;
    int status = EX_USAGE;

    call_begin (cli, "Create", "", &call);
    if (set_fields (cli, &call, names, &n)) {
        status =
            value_call (cli, &(struct value_kind){call.noun->member, "secret", call.noun->columns},
                        call.method, call.request);
    }
    call_end (&call);
    return status;
}

int
resource_list (struct cli *cli)
{
    Jeton__V1__PageRequest page = JETON__V1__PAGE_REQUEST__INIT;
    struct resource_call call;
    char member[METHOD_SIZE];
    const char *names[FIELDS_MAX];
    size_t n;
    int status = EX_USAGE;

    call_begin (cli, "List", "s", &call);
    *(Jeton__V1__PageRequest **) field_place (&call, field_find (&call, "page")) = &page;
    if (set_fields (cli, &call, names, &n)) {
        snprintf (member, sizeof member, "%ss", call.noun->member);
        status =
            show_list (cli, &(struct call){SERVICE_ADMIN, call.method, call.request, NULL, NULL},
                       &page, member, call.noun->columns);
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
resource_enable (struct cli *cli)
{
    return one (cli, "Enable");
}

int
resource_disable (struct cli *cli)
{
    return one (cli, "Disable");
}

int
resource_suspend (struct cli *cli)
{
    return one (cli, "Suspend");
}

int
resource_resume (struct cli *cli)
{
    return one (cli, "Resume");
}

int
resource_delete (struct cli *cli)
{
    if (!input_confirm (cli, "Delete %s? This is final.", cli->arguments[0])) {
        return print_fail (cli, EX_USAGE, "CANCELLED", "nothing was deleted");
    }
    return one (cli, "Delete");
}

// With the fields whose names are given.
static int
call_edit (struct cli *cli, struct resource_call *call, const char **names, size_t n)
{
    const ProtobufCFieldDescriptor *fields = field_find (call, "fields");
    struct resource_call get;
    int status;

    call_begin (cli, "Get", "", &get);
    set_text (&get, "id", cli->arguments[0]);
    status = show_revision (cli, &(struct call){SERVICE_ADMIN, get.method, get.request, NULL, NULL},
                            call->noun->member, field_place (call, field_find (call, "revision")));
    call_end (&get);
    if (status != EX_OK) {
        return status;
    }
    *(const char ***) field_place (call, fields) = names;
    *(size_t *) ((char *) call->request + fields->quantifier_offset) = n;
    return call_show (cli, call);
}

int
resource_edit (struct cli *cli)
{
    struct resource_call call;
    const char *names[FIELDS_MAX];
    size_t n;
    int status = EX_USAGE;

    call_begin (cli, "Edit", "", &call);
    set_text (&call, "id", cli->arguments[0]);
    if (set_fields (cli, &call, names, &n)) {
        status = n == 0 ? print_usage (cli, "nothing to change was given")
                        : call_edit (cli, &call, names, n);
    }
    call_end (&call);
    return status;
}

int
resource_password (struct cli *cli)
{
    struct resource_call call;
    const char *names[] = {"password"};
    char *password;
    int status = input_password (cli, &password);

    if (status != EX_OK) {
        return status;
    }
    call_begin (cli, "Edit", "", &call);
    set_text (&call, "id", cli->arguments[0]);
    set_text (&call, "password", password);
    status = call_edit (cli, &call, names, 1);
    call_end (&call);
    input_forget (&password);
    return status;
}
