// What requests carry, decoded: the query, forms, JSON.
#include "services/gateway/http_internal.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

enum { PARAMETERS_MAX = 256, JSON_DEPTH = 32 };

// ---- percent-encoding ------------------------------------------------------------------------------------------------

static int
hex (char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// RFC 3629, section 4: how long the character is that begins here; 0: it is none.
static size_t
utf8_length (const unsigned char *s, size_t left)
{
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xc2 && s[0] < 0xe0   ? 2
               : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                             : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
               (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f);
    return bad ? 0 : n;
}

static bool
text_good (const char *text, size_t size, bool lines)
{
    const unsigned char *s = (const unsigned char *) text;
    for (size_t i = 0, n; i < size; i += n) {
        n = utf8_length (s + i, size - i);
        if (n == 0 || s[i] == 0x7f || (s[i] < 0x20 && !(lines && s[i] && strchr ("\t\r\n", s[i]))))
            return false;
    }
    return true;
}

bool
percent_decode (const char *text, size_t size, bool plus, char *out_r)
{
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < size ? hex (text[i + 1]) : -1;
            int low = high < 0 ? -1 : hex (text[i + 2]);
            if (low < 0)
                return false;
            c = (char) (high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        out_r[length++] = c;
    }
    out_r[length] = '\0';
    return text_good (out_r, length, plus);
}

// ---- the query, and forms --------------------------------------------------------------------------------------------

// application/x-www-form-urlencoded, into the arena. NULL: *n_r parameters were there; else what is wrong.
static const char *
parameters_read (struct arena *arena, const char *text, size_t size, struct header_pair **pairs_r,
                 size_t *n_r)
{
    size_t n = 1;
    for (size_t i = 0; i < size; i++)
        n += text[i] == '&';
    if (n > PARAMETERS_MAX)
        return "has too many parameters";
    struct header_pair *pairs = arena_alloc (arena, n * sizeof *pairs);
    if (pairs == NULL)
        return "is too long";
    *pairs_r = pairs;
    *n_r = 0;
    for (const char *at = text, *end = text + size, *next; at < end; at = next + 1) {
        next = memchr (at, '&', (size_t) (end - at));
        next = next ? next : end;
        if (next == at)
            continue;
        const char *equals = memchr (at, '=', (size_t) (next - at));
        equals = equals ? equals : next;
        size_t rest = equals < next ? (size_t) (next - equals - 1) : 0;
        char *name = arena_alloc (arena, (size_t) (equals - at) + 1);
        char *value = arena_alloc (arena, rest + 1);
        if (name == NULL || value == NULL)
            return "is too long";
        if (!percent_decode (at, (size_t) (equals - at), true, name) ||
            !percent_decode (equals + 1, rest, true, value))
            return "is not percent-encoded UTF-8";
        pairs[(*n_r)++] = (struct header_pair){name, value};
    }
    return NULL;
}

static const char *
repeated (const struct header_pair *pairs, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp (pairs[i].name, pairs[j].name) == 0)
                return pairs[i].name;
    return NULL;
}

const char *
query_read (struct exchange *exchange)
{
    if (*exchange->query == '\0')
        return NULL;
    const char *wrong = parameters_read (exchange->arena, exchange->query, strlen (exchange->query),
                                         &exchange->parameters, &exchange->nparameters);
    if (wrong)
        return arena_printf (exchange->arena, "the query %s", wrong);
    const char *name =
        exchange->route->lists ? NULL : repeated (exchange->parameters, exchange->nparameters);
    return name ? arena_printf (exchange->arena,
                                "the parameter \"%s\" came more than once in the query", name)
                : NULL;
}

const char *
exchange_query (struct exchange *exchange, const char *name)
{
    for (size_t i = 0; i < exchange->nparameters; i++)
        if (strcmp (exchange->parameters[i].name, name) == 0)
            return exchange->parameters[i].value;
    return NULL;
}

bool
exchange_query_each (struct exchange *exchange, exchange_each *each, void *context)
{
    for (size_t i = 0; i < exchange->nparameters; i++)
        if (!each (context, exchange->parameters[i].name, exchange->parameters[i].value))
            return false;
    return true;
}

bool
exchange_form (struct exchange *exchange, exchange_each *each, void *context, struct error *error_r)
{
    struct header_pair *pairs = NULL;
    size_t n = 0;
    const char *wrong =
        strcmp (exchange_content_type (exchange), "application/x-www-form-urlencoded") != 0
            ? "is not application/x-www-form-urlencoded"
            : parameters_read (exchange->arena, exchange->body ? exchange->body : "",
                               exchange->size, &pairs, &n);
    if (wrong) {
        error_set (error_r, "the body %s", wrong);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        if (!each (context, pairs[i].name, pairs[i].value))
            return false;
    return true;
}

// ---- the body --------------------------------------------------------------------------------------------------------

const char *
exchange_content_type (struct exchange *exchange)
{
    if (exchange->content_type)
        return exchange->content_type;
    const char *value = exchange_header (exchange, "content-type");
    size_t size = value ? strcspn (value, "; \t") : 0;
    char *text = arena_memdup (exchange->arena, value ? value : "", size + 1);
    if (text == NULL)
        return "";
    text[size] = '\0';
    for (char *at = text; *at; at++)
        *at = (char) tolower ((unsigned char) *at);
    return exchange->content_type = text;
}

// How deep brackets are nested, outside of strings: looked at before anything recurses.
static size_t
json_depth (const char *text, size_t size)
{
    size_t depth = 0, deepest = 0;
    bool string = false;
    for (size_t i = 0; i < size; i++) {
        if (string) {
            i += text[i] == '\\';
            string = i < size && text[i] != '"';
            continue;
        }
        string = text[i] == '"';
        if (text[i] == '{' || text[i] == '[')
            deepest = ++depth > deepest ? depth : deepest;
        else if (depth > 0 && (text[i] == '}' || text[i] == ']'))
            depth--;
    }
    return deepest;
}

// What jansson says has a piece of the body in it, which may be a secret.
static const char *
json_wrong (const json_error_t *error)
{
    enum json_error_code code = json_error_code (error);
    return code == json_error_duplicate_key            ? "a member that is there already"
           : code == json_error_invalid_utf8           ? "not UTF-8"
           : code == json_error_numeric_overflow       ? "a number that is too large"
           : code == json_error_premature_end_of_input ? "it ends too early"
                                                       : "a syntax error";
}

const json_t *
exchange_json_read (struct exchange *exchange, struct error *error_r)
{
    const char *body = exchange->body ? exchange->body : "";
    json_error_t error;
    if (exchange->json)
        return exchange->json;
    if (json_depth (body, exchange->size) > JSON_DEPTH) {
        error_set (error_r, "the body is nested more than %d levels deep", JSON_DEPTH);
        return NULL;
    }
    json_t *value = json_loadb (body, exchange->size, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object (value))
        return exchange->json = value;
    if (value)
        error_set (error_r, "the body is no JSON object");
    else
        error_set (error_r, "the body is no JSON: in line %d, column %d: %s", error.line,
                   error.column, json_wrong (&error));
    json_decref (value);
    return NULL;
}

const json_t *
exchange_json (struct exchange *exchange)
{
    struct error error;
    const json_t *object = NULL;
    if (strcmp (exchange_content_type (exchange), "application/json") != 0)
        exchange_refuse (exchange, 415, "type-unsupported", "the body must be application/json");
    else if (!(object = exchange_json_read (exchange, &error)))
        exchange_refuse (exchange, 400, "json-malformed", "%s", error.text);
    return object;
}
