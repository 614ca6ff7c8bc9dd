#include "services/cli/input.h"
#include "common/json/json.h"
#include "common/memory/memory.h"
#include "common/token/jwt.h"
#include "services/cli/print.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

void
input_forget (char **secret)
{
    if (*secret != NULL) {
        explicit_bzero (*secret, strlen (*secret));
        free (*secret);
        *secret = NULL;
    }
}

// One line of standard input, byte by byte and unbuffered: what follows belongs to others, and no copy stays in a buffer.
// Returns its length without the newline; -1 when it is too long or holds a NUL.
static ssize_t
read_line (char line[INPUT_SECRET_MAX])
{
    size_t length = 0;
    char c;

    while (read (STDIN_FILENO, &c, 1) == 1 && c != '\n') {
        if (c == '\0' || length == INPUT_SECRET_MAX - 1) {
            explicit_bzero (line, INPUT_SECRET_MAX);
            return -1;
        }
        line[length++] = c;
    }
    if (length > 0 && line[length - 1] == '\r') {
        length--;
    }
    line[length] = '\0';
    return (ssize_t) length;
}

// The same with a prompt and without echo, when somebody sits there.
static ssize_t
ask_line (const char *prompt, char line[INPUT_SECRET_MAX])
{
    struct termios old, quiet;
    ssize_t length;

    if (tcgetattr (STDIN_FILENO, &old) != 0) {
        return read_line (line);
    }
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t) ECHO;
    quiet.c_lflag |= ECHONL;
    // First this, or a quick answer to the question would be shown and thrown away.
    tcsetattr (STDIN_FILENO, TCSAFLUSH, &quiet);
    fprintf (stderr, "%s: ", prompt);
    length = read_line (line);
    tcsetattr (STDIN_FILENO, TCSAFLUSH, &old);
    return length;
}

int
input_secret (const struct cli *cli, const char *variable, const char *prompt, bool repeat,
              char **secret_r)
{
    const char *given = getenv (variable);
    char line[INPUT_SECRET_MAX], again[INPUT_SECRET_MAX] = "";
    bool same = true;

    *secret_r = NULL;
    if (given != NULL) {
        *secret_r = xstrdup (given);
        return EX_OK;
    }
    if (ask_line (prompt, line) < 0) {
        return print_fail (cli, EX_DATAERR, "INVALID_ARGUMENT",
                           "standard input: a line of more than %d bytes, or with a NUL",
                           INPUT_SECRET_MAX - 1);
    }
    if (repeat && isatty (STDIN_FILENO)) {
        same = ask_line ("Again", again) >= 0 && strcmp (line, again) == 0;
        explicit_bzero (again, sizeof again);
    }
    if (same) {
        *secret_r = xstrdup (line);
    }
    explicit_bzero (line, sizeof line);
    return same ? EX_OK : print_fail (cli, EX_DATAERR, "INVALID_ARGUMENT", "the two differ");
}

int
input_password (const struct cli *cli, char **password_r)
{
    int status;

    if (option_given (cli, "no-password")) {
        *password_r = xstrdup ("");
        return EX_OK;
    }
    status = input_secret (cli, "JETON_PASSWORD", "Password", true, password_r);
    if (*password_r == NULL || **password_r != '\0') {
        return status;
    }
    input_forget (password_r);
    return print_usage (cli, "no password was given on standard input or in $JETON_PASSWORD; "
                             "--no-password is for one who cannot sign in");
}

bool
input_confirm (const struct cli *cli, const char *format, ...)
{
    char answer[16] = "";
    char *question = NULL;
    va_list arguments;

    if (option_given (cli, "yes") || !isatty (STDIN_FILENO) || !isatty (STDERR_FILENO)) {
        return true;
    }
    va_start (arguments, format);
    if (vasprintf (&question, format, arguments) >= 0) {
        print_text (stderr, question);
        fputs (" [y/N] ", stderr);
        free (question);
    }
    va_end (arguments);
    return fgets (answer, sizeof answer, stdin) != NULL && (*answer == 'y' || *answer == 'Y');
}

bool
input_looks_secret (const char *text)
{
    static const char *const prefixes[] = {"jtn_live_", "jtn_test_", "jtn_client_", "jtn_refresh_"};
    const char *jwt = strstr (text, "eyJ"), *user;

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        const char *token = strstr (text, prefixes[i]);
        // The prefix alone is a word that people write about; a value has more behind it.
        if (token != NULL && strlen (token) >= strlen (prefixes[i]) + 16) {
            return true;
        }
    }
    if (jwt != NULL && strlen (jwt) >= 24 && jwt_looks_like (jwt, strlen (jwt))) {
        return true;
    }
    user = strstr (text, "://");
    if (user != NULL) {
        const char *colon = strchr (user + 3, ':'), *at = strchr (user + 3, '@');
        const char *slash = strchr (user + 3, '/');
        if (colon != NULL && at != NULL && colon < at && (slash == NULL || colon < slash)) {
            return true;
        }
    }
    return strstr (text, "password=") != NULL;
}

// "90d": a number and w, d, h, m or s.
static bool
parse_period (const char *text, int64_t *seconds_r)
{
    char *end;
    long long number = strtoll (text, &end, 10), unit;

    if (end == text || number < 0 || number > 1000000 || end[0] == '\0' || end[1] != '\0') {
        return false;
    }
    unit = *end == 'w'   ? 604800
           : *end == 'd' ? 86400
           : *end == 'h' ? 3600
           : *end == 'm' ? 60
           : *end == 's' ? 1
                         : 0;
    *seconds_r = number * unit;
    return unit > 0;
}

// "Z", "+02:00" or nothing: seconds east of Greenwich.
static bool
parse_offset (const char *text, long *offset_r)
{
    int hours, minutes, used = 0;

    *offset_r = 0;
    if (*text == '\0' || strcmp (text, "Z") == 0 || strcmp (text, "z") == 0) {
        return true;
    }
    if ((*text != '+' && *text != '-') ||
        sscanf (text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5 ||
        text[6] != '\0' || hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
        return false;
    }
    *offset_r = (hours * 3600L + minutes * 60L) * (*text == '-' ? -1 : 1);
    return true;
}

static bool
parse_date (const char *text, int64_t *seconds_r)
{
    struct tm tm = {.tm_isdst = 0}, whole;
    const char *rest = strptime (text, "%Y-%m-%d", &tm);
    long offset = 0;
    time_t t;

    if (rest == NULL) {
        return false;
    }
    if (*rest != '\0') {
        if (*rest != 'T' && *rest != 't' && *rest != ' ') {
            return false;
        }
        rest = strptime (rest + 1, "%H:%M:%S", &tm);
        if (rest == NULL) {
            return false;
        }
        if (*rest == '.') {
            rest += 1 + strspn (rest + 1, "0123456789");
        }
        if (!parse_offset (rest, &offset)) {
            return false;
        }
    }
    whole = tm;
    t = timegm (&whole);
    // timegm takes the 31st of February for one of March.
    if (whole.tm_mday != tm.tm_mday || whole.tm_mon != tm.tm_mon) {
        return false;
    }
    *seconds_r = (int64_t) t - offset;
    return true;
}

bool
input_time (const char *text, bool future, int64_t now, int64_t *seconds_r)
{
    int64_t period;

    if (parse_period (text, &period)) {
        *seconds_r = future ? now + period : now - period;
        return true;
    }
    if (strlen (text) >= 9 && strlen (text) <= 12 && strspn (text, "0123456789") == strlen (text)) {
        *seconds_r = strtoll (text, NULL, 10);
        return true;
    }
    return parse_date (text, seconds_r);
}

bool
input_moment (const struct cli *cli, const char *option, int64_t *seconds_r)
{
    const char *text = option_text (cli, option);

    if (text == NULL || input_time (text, false, time (NULL), seconds_r)) {
        return true;
    }
    print_usage (
        cli,
        "--%s: \"%s\" is no time; write 2026-12-31, 2026-12-31T12:00:00Z, 2h (ago) or seconds "
        "since the epoch",
        option, text);
    return false;
}

bool
input_enum (const struct cli *cli, const char *name, const ProtobufCEnumDescriptor *descriptor,
            const char *text, int *value_r)
{
    char choices[256] = "";

    if (json_enum_value (descriptor, text, value_r) && *value_r != 0) {
        return true;
    }
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        size_t used = strlen (choices);
        char choice[64];
        if (descriptor->values[i].value != 0) {
            json_enum_name (descriptor, descriptor->values[i].value, choice, sizeof choice);
            snprintf (choices + used, sizeof choices - used, "%s%s", used > 0 ? ", " : "", choice);
        }
    }
    print_usage (cli, "--%s: \"%s\" is none of %s", name, text, choices);
    return false;
}

bool
input_rate_limit (const struct cli *cli, const char *option, Jeton__V1__RateLimit *limit_r,
                  bool *given_r)
{
    const char *text = option_text (cli, option);
    int used = 0;

    jeton__v1__rate_limit__init (limit_r);
    *given_r = text != NULL && strcmp (text, "none") != 0;
    if (!*given_r ||
        (strspn (text, "0123456789:") == strlen (text) && strlen (text) < 20 &&
         ((sscanf (text, "%9u%n", &limit_r->per_minute, &used) == 1 && text[used] == '\0') ||
          (sscanf (text, "%9u:%9u%n", &limit_r->per_minute, &limit_r->burst, &used) == 2 &&
           text[used] == '\0')))) {
        return true;
    }
    print_usage (cli,
                 "--%s: \"%s\" is neither requests a minute (60), nor these and a burst "
                 "(60:120), nor none",
                 option, text);
    return false;
}
