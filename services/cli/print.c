#include "services/cli/print.h"
#include "common/memory/memory.h"
#include "envelope.pb-c.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

// The next character of a UTF-8 text (RFC 3629): its length in bytes, 0 for a byte that begins none.
static size_t
utf8_next (const char *text, uint32_t *character_r)
{
    const uint8_t *p = (const uint8_t *) text;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);

    if (p[0] >= 0xf8 || (p[0] >= 0x80 && p[0] < 0xc0)) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
        return 0;
    }
    *character_r = c;
    return n;
}

// Would it steer a terminal, or show something else than what is there?
static bool
is_unsafe (uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

// One character or byte of `text`, as print_text writes it, in `out`; returns how many bytes of `text` it took.
static size_t
take_safe (const char *text, char out[16])
{
    uint32_t c;
    size_t n = utf8_next (text, &c);

    if (n == 0) {
        snprintf (out, 16, "\\x%02x", (unsigned) (uint8_t) *text);
        return 1;
    }
    if (!is_unsafe (c)) {
        memcpy (out, text, n);
        out[n] = '\0';
    } else if (c < 0x80) {
        snprintf (out, 16, "\\x%02x", (unsigned) c);
    } else {
        snprintf (out, 16, "\\u%04X", (unsigned) c);
    }
    return n;
}

void
print_text (FILE *file, const char *text)
{
    char out[16];

    while (*text != '\0') {
        text += take_safe (text, out);
        fputs (out, file);
    }
}

int
print_width (const char *text)
{
    char out[16];
    int width = 0;

    while (*text != '\0') {
        uint32_t c;
        text += take_safe (text, out);
        // What takes several characters is an escape, in ASCII.
        if (utf8_next (out, &c) > 0 && c >= 0x80) {
            int w = wcwidth ((wchar_t) c);
            width += w >= 0 ? w : 1;
        } else {
            width += (int) strlen (out);
        }
    }
    return width;
}

void
print_json (FILE *file, const json_t *value, size_t flags)
{
    char *text = json_dumps (value, flags | JSON_ENCODE_ANY);
    char out[16];

    // jansson has escaped what is below a blank; unsafe characters beyond that can only be inside of strings.
    for (const char *p = text; p != NULL && *p != '\0';) {
        uint32_t c;
        size_t n = utf8_next (p, &c);
        if (n == 0 || c < 0x7f || !is_unsafe (c)) {
            fwrite (p, 1, n > 0 ? n : 1, file);
        } else if (c > 0xffff) {
            fprintf (file, "\\u%04X\\u%04X", (unsigned) (0xd800 + ((c - 0x10000) >> 10)),
                     (unsigned) (0xdc00 + ((c - 0x10000) & 0x3ff)));
        } else {
            snprintf (out, sizeof out, "\\u%04X", (unsigned) c);
            fputs (out, file);
        }
        p += n > 0 ? n : 1;
    }
    fputc ('\n', file);
    free (text);
}

static void
print_failure (const struct cli *cli, const char *code, const char *message, json_t *details)
{
    if (cli->json) {
        // A message with bytes that are no text would make the whole error unprintable.
        json_t *text = json_string (message);
        json_t *error =
            json_pack ("{s:{s:s,s:o,s:O}}", "error", "code", code, "message",
                       text != NULL ? text : json_string ("(not printable)"), "details", details);
        print_json (stderr, error, JSON_COMPACT);
        json_decref (error);
        return;
    }
    fflush (stdout); // what was said before comes first
    fputs ("jeton: ", stderr);
    print_text (stderr, message);
    fputc ('\n', stderr);
    for (size_t i = 0; i < json_array_size (details); i++) {
        const json_t *detail = json_array_get (details, i);
        fputs ("  ", stderr);
        print_text (stderr, json_string_value (json_object_get (detail, "field")));
        fputs (": ", stderr);
        print_text (stderr, json_string_value (json_object_get (detail, "description")));
        fputc ('\n', stderr);
    }
}

static void __attribute__ ((format (printf, 3, 0)))
print_vfail (const struct cli *cli, const char *code, const char *format, va_list arguments)
{
    json_t *details = json_array ();
    char *message = NULL;

    if (vasprintf (&message, format, arguments) >= 0) {
        print_failure (cli, code, message, details);
        free (message);
    }
    json_decref (details);
}

int
print_fail (const struct cli *cli, int status, const char *code, const char *format, ...)
{
    va_list arguments;

    va_start (arguments, format);
    print_vfail (cli, code, format, arguments);
    va_end (arguments);
    return status;
}

int
print_usage (const struct cli *cli, const char *format, ...)
{
    va_list arguments;

    va_start (arguments, format);
    print_vfail (cli, "USAGE", format, arguments);
    va_end (arguments);
    return EX_USAGE;
}

int
print_member (const struct cli *cli, int status, const char *code, const char *text)
{
    json_t *details = json_array ();
    const char *colon = strstr (text, ": ");

    if (cli->json && colon != NULL) {
        json_array_append_new (details, json_pack ("{s:s#,s:s}", "field", text,
                                                   (int) (colon - text), "description", colon + 2));
    }
    print_failure (cli, code, text, details);
    json_decref (details);
    return status;
}

int
print_status (int code)
{
    switch ((Jeton__V1__Code) code) {
    case JETON__V1__CODE__CODE_OK:
        return EX_OK;
    case JETON__V1__CODE__CODE_INVALID_ARGUMENT:
    case JETON__V1__CODE__CODE_OUT_OF_RANGE:
        return EX_DATAERR;
    case JETON__V1__CODE__CODE_NOT_FOUND:
        return EX_NOINPUT;
    case JETON__V1__CODE__CODE_UNAVAILABLE:
    case JETON__V1__CODE__CODE_DEADLINE_EXCEEDED:
        return EX_UNAVAILABLE;
    case JETON__V1__CODE__CODE_ALREADY_EXISTS:
    case JETON__V1__CODE__CODE_FAILED_PRECONDITION:
    case JETON__V1__CODE__CODE_ABORTED:
        return EX_CANTCREAT;
    case JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED:
        return EX_TEMPFAIL;
    case JETON__V1__CODE__CODE_PERMISSION_DENIED:
    case JETON__V1__CODE__CODE_UNAUTHENTICATED:
        return EX_NOPERM;
    case JETON__V1__CODE__CODE_CANCELLED:
    case JETON__V1__CODE__CODE_UNKNOWN:
    case JETON__V1__CODE__CODE_UNIMPLEMENTED:
    case JETON__V1__CODE__CODE_INTERNAL:
    case JETON__V1__CODE__CODE_DATA_LOSS:
    case _JETON__V1__CODE_IS_INT_SIZE:
        break;
    }
    return EX_SOFTWARE;
}

// A field that the server found wrong, as who typed the command knows it: the option, and which of its values when there are several.
static char *
name_of_field (const struct cli *cli, const char *path)
{
    const struct option_row *row =
        cli->command != NULL ? option_of_field (cli->command->options, path) : NULL;
    const char *bracket = strchr (path, '[');
    size_t n = 0, index = bracket != NULL ? strtoul (bracket + 1, NULL, 10) : 0;

    if (row == NULL) {
        return xstrdup (path);
    }
    for (size_t i = 0; i < cli->noptions; i++) {
        n += cli->options[i].row == row;
    }
    return bracket != NULL && n > 1 ? xasprintf ("--%s (value %zu)", row->name, index + 1)
                                    : xasprintf ("--%s", row->name);
}

int
print_result (const struct cli *cli, bool write, const struct rpc_result *result)
{
    json_t *details = json_array ();
    bool unknown = write && (result->code == JETON__V1__CODE__CODE_UNKNOWN ||
                             result->code == JETON__V1__CODE__CODE_DEADLINE_EXCEEDED);
    // What is wrong with one field is told with the field's name, once.
    bool single = !cli->json && result->ndetails == 1 &&
                  strcmp (result->message, result->details[0].description) == 0;
    cleanup_free char *field = single ? name_of_field (cli, result->details[0].field) : NULL;
    cleanup_free char *message =
        xasprintf ("%s%s%s%s%s", single ? field : "", single ? ": " : "",
                   *result->message != '\0' ? result->message : "no reason was given",
                   cli->json ? "" : " (", cli->json ? "" : rpc_code_name (result->code));
    cleanup_free char *advice =
        unknown ? xasprintf ("; it may have happened all the same: %s%s",
                             *cli->key_sent ? "repeat it with --idempotency-key "
                                            : "look before repeating it",
                             cli->key_sent)
                : NULL;
    cleanup_free char *whole =
        xasprintf ("%s%s%s", message, cli->json ? "" : ")", unknown ? advice : "");

    for (size_t i = 0; i < result->ndetails && !single; i++) {
        json_t *detail = json_pack ("{s:s,s:s}", "field", result->details[i].field, "description",
                                    result->details[i].description);
        if (detail != NULL) { // NULL for what is not UTF-8
            json_array_append_new (details, detail);
        }
    }
    print_failure (cli, rpc_code_name (result->code), whole, details);
    json_decref (details);
    return print_status (result->code);
}

void
print_note (const struct cli *cli, const char *format, ...)
{
    va_list arguments;
    char *message = NULL;

    if (cli->json) {
        return;
    }
    va_start (arguments, format);
    if (vasprintf (&message, format, arguments) >= 0) {
        fflush (stdout);
        print_text (stderr, message);
        fputc ('\n', stderr);
        free (message);
    }
    va_end (arguments);
}

void
print_color (const struct cli *cli, const char *color)
{
    if (!cli->color) {
        return;
    }
    fputs (color == NULL                   ? "\033[0m"
           : strcmp (color, "green") == 0  ? "\033[32m"
           : strcmp (color, "red") == 0    ? "\033[31m"
           : strcmp (color, "yellow") == 0 ? "\033[33m"
                                           : "\033[1m",
           stdout);
}
