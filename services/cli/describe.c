// jeton describe: what there is to call, and with what. Text is in the syntax of proto/; what it tells comes from the JSON form.
#include "services/cli/describe.h"
#include "common/json/json.h"
#include "common/memory/memory.h"
#include "services/cli/print.h"
#include "services/cli/table.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// ---- names

void
describe_each_name (bool methods, describe_name *each, void *context)
{
    struct contract_method method;

    for (const struct contract_service *s = contract_services; s->descriptor != NULL; s++) {
        if (!methods) {
            each (context, s->descriptor->short_name);
        }
        for (unsigned i = 0; contract_method_at (s, i, &method); i++) {
            cleanup_free char *name =
                xasprintf ("%s/%s", s->descriptor->short_name, method.method->name);
            each (context, name);
        }
    }
}

// What the arguments name, as one text: two words are a service and its method.
static char *
name_of_arguments (const struct cli *cli)
{
    return cli->narguments == 2 ? xasprintf ("%s/%s", cli->arguments[0], cli->arguments[1])
                                : xstrdup (cli->arguments[0]);
}

struct nearest {
    const char *word;
    char name[2 * CONTRACT_NAME_MAX];
    size_t best;
};

// Near to the whole of it, or to what comes behind its last slash.
static void
compare (void *context, const char *name)
{
    struct nearest *nearest = context;
    const char *slash = strrchr (name, '/');
    const char *own = slash != NULL && strchr (nearest->word, '/') == NULL ? slash + 1 : name;

    if (command_nearest (nearest->word, own, &nearest->best)) {
        snprintf (nearest->name, sizeof nearest->name, "%s", name);
    }
}

static bool
compare_message (void *context, const ProtobufCMessageDescriptor *message)
{
    compare (context, message->short_name);
    return true;
}

static int
refuse_name (const struct cli *cli, const char *word, bool methods)
{
    struct nearest nearest = {.word = word, .best = SIZE_MAX};

    if (!methods) {
        contract_each (compare_message, NULL, &nearest);
    }
    describe_each_name (methods, compare, &nearest);
    if (*nearest.name != '\0') {
        return print_usage (cli, "there is no %s \"%s\"; did you mean \"%s\"?",
                            methods ? "method" : "service, method or message", word, nearest.name);
    }
    return print_usage (cli, "there is no %s \"%s\"; \"jeton describe\" lists the services",
                        methods ? "method" : "service, method or message", word);
}

int
describe_find_method (const struct cli *cli, struct contract_method *method_r)
{
    cleanup_free char *name = name_of_arguments (cli);

    return contract_method (name, method_r) ? EX_OK : refuse_name (cli, name, true);
}

// ---- JSON

static json_t *
from_method (const struct contract_method *method)
{
    const ProtobufCMethodDescriptor *descriptor = method->method;

    return json_pack ("{s:s,s:s,s:s,s:b}", "name", descriptor->name, "request",
                      descriptor->input->short_name, "reply", descriptor->output->short_name,
                      "stream", method->stream);
}

static json_t *
from_service (const struct contract_service *service)
{
    struct contract_method method;
    json_t *methods = json_array (), *processes = json_array ();

    for (unsigned i = 0; contract_method_at (service, i, &method); i++) {
        json_array_append_new (methods, from_method (&method));
    }
    for (size_t i = 0; service->processes[i] != NULL; i++) {
        json_array_append_new (processes, json_string (service->processes[i]));
    }
    return json_pack ("{s:s,s:o,s:o}", "service", service->descriptor->name, "processes", processes,
                      "methods", methods);
}

static const char *
type_name (const ProtobufCFieldDescriptor *field)
{
    static const char *const names[] = {
        [PROTOBUF_C_TYPE_INT32] = "int32",       [PROTOBUF_C_TYPE_SINT32] = "sint32",
        [PROTOBUF_C_TYPE_SFIXED32] = "sfixed32", [PROTOBUF_C_TYPE_INT64] = "int64",
        [PROTOBUF_C_TYPE_SINT64] = "sint64",     [PROTOBUF_C_TYPE_SFIXED64] = "sfixed64",
        [PROTOBUF_C_TYPE_UINT32] = "uint32",     [PROTOBUF_C_TYPE_FIXED32] = "fixed32",
        [PROTOBUF_C_TYPE_UINT64] = "uint64",     [PROTOBUF_C_TYPE_FIXED64] = "fixed64",
        [PROTOBUF_C_TYPE_FLOAT] = "float",       [PROTOBUF_C_TYPE_DOUBLE] = "double",
        [PROTOBUF_C_TYPE_BOOL] = "bool",         [PROTOBUF_C_TYPE_STRING] = "string",
        [PROTOBUF_C_TYPE_BYTES] = "bytes",
    };

    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return ((const ProtobufCMessageDescriptor *) field->descriptor)->short_name;
    }
    if (field->type == PROTOBUF_C_TYPE_ENUM) {
        return ((const ProtobufCEnumDescriptor *) field->descriptor)->short_name;
    }
    return names[field->type];
}

// The words that JSON has for an enum's values; the one that stands for none has no word.
static json_t *
words_of (const ProtobufCEnumDescriptor *enumeration)
{
    json_t *words = json_array ();
    char word[CONTRACT_NAME_MAX];

    for (unsigned i = 0; i < enumeration->n_values; i++) {
        json_enum_name (enumeration, enumeration->values[i].value, word, sizeof word);
        if (strcmp (word, "unspecified") != 0) {
            json_array_append_new (words, json_string (word));
        }
    }
    return words;
}

static json_t *
from_fields (const ProtobufCMessageDescriptor *message)
{
    json_t *fields = json_array ();

    for (unsigned i = 0; i < message->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->fields[i];
        json_t *object = json_pack ("{s:s,s:s,s:i,s:b}", "name", field->name, "type",
                                    type_name (field), "number", (int) field->id, "repeated",
                                    field->label == PROTOBUF_C_LABEL_REPEATED);
        if (field->type == PROTOBUF_C_TYPE_ENUM) {
            json_object_set_new (object, "values", words_of (field->descriptor));
        }
        json_array_append_new (fields, object);
    }
    return json_pack ("{s:s,s:o}", "message", message->name, "fields", fields);
}

static json_t *
from_enum (const ProtobufCEnumDescriptor *enumeration)
{
    return json_pack ("{s:s,s:o}", "enum", enumeration->name, "values", words_of (enumeration));
}

// A method with what it takes and gives.
static json_t *
from_whole_method (const struct contract_method *method)
{
    json_t *object = from_method (method);

    json_object_set_new (object, "service", json_string (method->service->descriptor->name));
    json_object_set_new (object, "takes", from_fields (method->method->input));
    json_object_set_new (object, "gives", from_fields (method->method->output));
    return object;
}

// ---- text

static const char *
text_of (const json_t *object, const char *name)
{
    return json_string_value (json_object_get (object, name));
}

static void
print_method (const json_t *method)
{
    printf ("  rpc %s (%s) returns (%s%s);\n", text_of (method, "name"),
            text_of (method, "request"),
            json_is_true (json_object_get (method, "stream")) ? "stream " : "",
            text_of (method, "reply"));
}

static void
print_words (const json_t *words)
{
    for (size_t i = 0; i < json_array_size (words); i++) {
        printf ("%s%s", i > 0 ? ", " : "", json_string_value (json_array_get (words, i)));
    }
}

static void
print_message (const json_t *message)
{
    const json_t *fields = json_object_get (message, "fields");

    printf ("message %s {\n", text_of (message, "message"));
    for (size_t i = 0; i < json_array_size (fields); i++) {
        const json_t *field = json_array_get (fields, i);
        const json_t *words = json_object_get (field, "values");
        printf ("  %s%s %s = %d;%s",
                json_is_true (json_object_get (field, "repeated")) ? "repeated " : "",
                text_of (field, "type"), text_of (field, "name"),
                (int) json_integer_value (json_object_get (field, "number")),
                words != NULL ? "  // " : "");
        print_words (words);
        putchar ('\n');
    }
    printf ("}\n");
}

static void
print_service (const json_t *service)
{
    const json_t *methods = json_object_get (service, "methods");

    printf ("// served by ");
    print_words (json_object_get (service, "processes"));
    printf ("\nservice %s {\n", text_of (service, "service"));
    for (size_t i = 0; i < json_array_size (methods); i++) {
        print_method (json_array_get (methods, i));
    }
    printf ("}\n");
}

static void
print_whole_method (const json_t *method)
{
    printf ("// of service %s\n", text_of (method, "service"));
    print_method (method);
    putchar ('\n');
    print_message (json_object_get (method, "takes"));
    putchar ('\n');
    print_message (json_object_get (method, "gives"));
}

static void
print_enum (const json_t *enumeration)
{
    printf ("enum %s  // ", text_of (enumeration, "enum"));
    print_words (json_object_get (enumeration, "values"));
    putchar ('\n');
}

static void
print_services (const json_t *services)
{
    for (size_t i = 0; i < json_array_size (services); i++) {
        const json_t *service = json_array_get (services, i);
        printf ("%-22s %3zu methods, served by ", text_of (service, "service"),
                json_array_size (json_object_get (service, "methods")));
        print_words (json_object_get (service, "processes"));
        putchar ('\n');
    }
}

// Takes the value.
static int
show (const struct cli *cli, json_t *value, void (*print) (const json_t *value))
{
    if (cli->json) {
        print_json (stdout, value, JSON_INDENT (2));
    } else {
        print (value);
    }
    json_decref (value);
    return EX_OK;
}

// ---- the command

struct search {
    const char *name;
    const ProtobufCMessageDescriptor *message;
    const ProtobufCEnumDescriptor *enumeration;
};

static bool
is_message (void *context, const ProtobufCMessageDescriptor *message)
{
    struct search *search = context;

    search->message =
        contract_is_called (search->name, message->name, message->package_name) ? message : NULL;
    return search->message == NULL;
}

static bool
is_enum (void *context, const ProtobufCEnumDescriptor *enumeration)
{
    struct search *search = context;

    search->enumeration =
        contract_is_called (search->name, enumeration->name, enumeration->package_name)
            ? enumeration
            : NULL;
    return search->enumeration == NULL;
}

// Where a message and a method have the same name, it is the message's: the method's has the service in front of it.
static int
describe_one (const struct cli *cli, const char *name)
{
    const struct contract_service *service = contract_service (name);
    struct search search = {.name = name};
    struct contract_method method;

    if (service != NULL) {
        return show (cli, from_service (service), print_service);
    }
    contract_each (is_message, is_enum, &search);
    if (search.message != NULL) {
        return show (cli, from_fields (search.message), print_message);
    }
    if (search.enumeration != NULL) {
        return show (cli, from_enum (search.enumeration), print_enum);
    }
    if (contract_method (name, &method)) {
        return show (cli, from_whole_method (&method), print_whole_method);
    }
    return refuse_name (cli, name, false);
}

static int
describe (struct cli *cli)
{
    cleanup_free char *name = NULL;

    if (cli->narguments == 0) {
        json_t *services = json_array ();
        for (const struct contract_service *s = contract_services; s->descriptor != NULL; s++) {
            json_array_append_new (services, from_service (s));
        }
        return show (cli, services, print_services);
    }
    name = name_of_arguments (cli);
    return describe_one (cli, name);
}

const struct command describe_commands[] = {
    {"describe", NULL, "[SYMBOL]", 0, 2, NULL, describe,
     "What there is to call: services, methods, messages",
     "SYMBOL: a service (Admin, or admin: that of the process), a method (Admin/GetToken, \"admin "
     "GetToken\"), a message\n"
     "or an enum (Token, TokenKind), with or without jeton.v1. in front of it. Without: the "
     "services. proto/ has what each\n"
     "of them means.",
     "jeton describe\n"
     "jeton describe Admin/CreateToken\n"
     "jeton describe Token --json | jq -r '.fields[].name'\n"},
    {.noun = NULL},
};
