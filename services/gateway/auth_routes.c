#include "services/gateway/auth_routes.h"
#include "common/memory/memory.h"
#include "services/gateway/auth_path.h"
#include "services/gateway/http.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FILE_SIZE_MAX = 1 << 20, WORDS_MAX = 5, HOST_MAX = 253 };

struct route {
    unsigned methods; // enum http_method, or-ed; 0: any
    char *host;       // NULL: any
    char *path;       // "" for the root
    bool below;       // and all below it
    struct auth_wanted wanted;
};

struct auth_routes {
    size_t n;
    bool hosts;
    struct route *list;
};

static const struct {
    const char *name;
    enum http_method method;
    Jeton__V1__Access access;
} methods[] = {
    {"GET", HTTP_GET, JETON__V1__ACCESS__ACCESS_READ},
    {"HEAD", HTTP_HEAD, JETON__V1__ACCESS__ACCESS_READ},
    {"POST", HTTP_POST, JETON__V1__ACCESS__ACCESS_WRITE},
    {"PUT", HTTP_PUT, JETON__V1__ACCESS__ACCESS_WRITE},
    {"PATCH", HTTP_PATCH, JETON__V1__ACCESS__ACCESS_WRITE},
    {"DELETE", HTTP_DELETE, JETON__V1__ACCESS__ACCESS_WRITE},
    {"OPTIONS", HTTP_OPTIONS, JETON__V1__ACCESS__ACCESS_READ},
};

// ---- words ---------------------------------------------------------------------------------------------------------

// -1: not in the list.
static int
method_find (const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strlen (methods[i].name) == length && memcmp (methods[i].name, text, length) == 0)
            return (int) i;
    return -1;
}

Jeton__V1__Access
auth_access_of (const char *method)
{
    int i = method_find (method, strlen (method));
    return i >= 0 ? methods[i].access : JETON__V1__ACCESS__ACCESS_WRITE;
}

bool
auth_module_read (const char *text, struct auth_wanted *wanted)
{
    size_t length = strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    if (text[length] != '\0' || length > AUTH_MODULE_MAX || *text < 'a' || *text > 'z')
        return false;
    memcpy (wanted->module, text, length + 1);
    return true;
}

bool
auth_access_read (const char *text, struct auth_wanted *wanted)
{
    static const char *const names[] = {
        [JETON__V1__ACCESS__ACCESS_UNSPECIFIED] = "method",
        [JETON__V1__ACCESS__ACCESS_READ] = "read",
        [JETON__V1__ACCESS__ACCESS_WRITE] = "write",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp (text, names[i]) == 0) {
            wanted->access = (Jeton__V1__Access) i;
            return true;
        }
    return false;
}

bool
auth_environment_read (const char *text, struct auth_wanted *wanted)
{
    bool test = strcmp (text, "test") == 0;
    wanted->environment =
        test ? JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST : JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE;
    return test || strcmp (text, "live") == 0;
}

static bool
methods_read (const char *text, unsigned *methods_r)
{
    *methods_r = 0;
    if (strcmp (text, "*") == 0)
        return true;
    for (;;) {
        size_t length = strcspn (text, ",");
        int i = method_find (text, length);
        if (i < 0)
            return false;
        *methods_r |= methods[i].method | (methods[i].method == HTTP_GET ? HTTP_HEAD : 0);
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

static bool
host_read (const char *text, size_t length, struct route *route)
{
    if (length == 0)
        return true;
    for (size_t i = 0; i < length; i++)
        if (strchr ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", text[i]) ==
            NULL)
            return false;
    if (length > HOST_MAX || text[length - 1] == '.')
        return false;
    route->host = xasprintf ("%.*s", (int) length, text);
    return true;
}

// A segment of a pattern that stands for any: "{" letters, digits and _ "}".
static bool
any_segment (const char *segment, size_t length)
{
    if (length < 3 || segment[0] != '{' || segment[length - 1] != '}')
        return false;
    for (size_t i = 1; i < length - 1; i++)
        if (strchr ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_",
                    segment[i]) == NULL)
            return false;
    return true;
}

// What is no {name} has to be as requests have it.
static bool
pattern_check (const char *path)
{
    char plain[AUTH_PATH_MAX + 1], read[AUTH_PATH_MAX + 1];
    const char *why;
    size_t used = 0;
    if (strlen (path) > AUTH_PATH_MAX || strpbrk (path, "?%*") != NULL)
        return false;
    for (const char *segment = path; *segment == '/';) {
        size_t length = strcspn (segment + 1, "/");
        plain[used++] = '/';
        if (any_segment (segment + 1, length))
            plain[used++] = 'x';
        else {
            memcpy (plain + used, segment + 1, length);
            used += length;
        }
        segment += length + 1;
    }
    plain[used] = '\0';
    return used == 0 || auth_path_read (plain, read, &why);
}

static bool
path_read (char *text, struct route *route)
{
    char *path = strchr (text, '/');
    if (path == NULL || !host_read (text, (size_t) (path - text), route))
        return false;
    size_t length = strlen (path);
    route->below = length > 1 && strcmp (path + length - 2, "/*") == 0;
    if (route->below)
        length -= 2;
    path[length] = '\0';
    bool slash = length > 0 && path[length - 1] == '/';
    if (!pattern_check (path) || (slash && route->below))
        return false;
    if (slash)
        path[length - 1] = '\0';
    route->path = xstrdup (path);
    return true;
}

// ---- the file ------------------------------------------------------------------------------------------------------

static bool
route_read (char *const words[WORDS_MAX], size_t n, struct route *route, struct error *error_r)
{
    struct auth_wanted *wanted = &route->wanted;
    wanted->environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE;
    bool good = false;
    if (n < 3 || n > WORDS_MAX)
        error_set (error_r,
                   "a route has methods, a path and a module, and may have an access and "
                   "an environment; this line has %zu words",
                   n);
    else if (!methods_read (words[0], &route->methods))
        error_set (error_r, "methods are of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS, with "
                            "commas between them, or *");
    else if (!path_read (words[1], route))
        error_set (error_r,
                   "a path is \"/\" or a host and \"/\", with segments that are plain, not "
                   "empty and no dots, or {name}; \"/*\" is at its end");
    else if (strcmp (words[2], "-") != 0 && !auth_module_read (words[2], wanted))
        error_set (error_r,
                   "a module is 1 to 64 of a-z 0-9 _ -, beginning with a letter; - denies");
    else if (n > 3 && !auth_access_read (words[3], wanted))
        error_set (error_r, "an access is read, write or method");
    else if (n > 4 && !auth_environment_read (words[4], wanted))
        error_set (error_r, "an environment is live or test");
    else
        good = true;
    return good;
}

static size_t
line_split (char *line, char *words_r[WORDS_MAX])
{
    size_t n = 0;
    char *rest = NULL;
    for (char *word = strtok_r (line, " \t\r", &rest); word != NULL && *word != '#';
         word = strtok_r (NULL, " \t\r", &rest)) {
        if (n < WORDS_MAX)
            words_r[n] = word;
        n++;
    }
    return n;
}

static bool
line_read (struct auth_routes *routes, char *line, size_t limit, struct error *error_r)
{
    char *words[WORDS_MAX];
    size_t n = line_split (line, words);
    if (n == 0)
        return true;
    if (routes->n == limit) {
        error_set (error_r, "there are more than %zu routes (setting auth_routes_limit)", limit);
        return false;
    }
    struct route *route = &routes->list[routes->n++];
    if (!route_read (words, n, route, error_r))
        return false;
    routes->hosts = routes->hosts || route->host != NULL;
    return true;
}

static struct auth_routes *
text_read (char *text, size_t limit, struct error *error_r)
{
    struct auth_routes *routes = xcalloc (1, sizeof *routes);
    size_t lines = 1;
    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    routes->list = xcalloc (lines, sizeof *routes->list);
    size_t number = 1;
    for (char *line = text, *end; line != NULL; line = end, number++) {
        end = strchr (line, '\n');
        if (end != NULL)
            *end++ = '\0';
        if (!line_read (routes, line, limit, error_r)) {
            error_prefix (error_r, "line %zu", number);
            auth_routes_destroy (&routes);
            return NULL;
        }
    }
    return routes;
}

// The file's text, ended by NUL. The caller frees it.
static char *
file_read (const char *path, struct error *error_r)
{
    FILE *file = fopen (path, "re");
    if (file == NULL) {
        error_set (error_r, "%s", strerror (errno));
        return NULL;
    }
    char *text = xcalloc (1, FILE_SIZE_MAX + 2);
    size_t size = fread (text, 1, FILE_SIZE_MAX + 1, file);
    bool failed = ferror (file) != 0;
    int why = errno;
    fclose (file);
    if (!failed && size <= FILE_SIZE_MAX && memchr (text, '\0', size) == NULL)
        return text;
    if (failed)
        error_set (error_r, "%s", strerror (why));
    else
        error_set (error_r, size > FILE_SIZE_MAX ? "it is larger than 1 MiB"
                                                 : "it has a NUL in it: it is no text");
    free (text);
    return NULL;
}

struct auth_routes *
auth_routes_load (const char *path, size_t limit, struct error *error_r)
{
    cleanup_free char *text = file_read (path, error_r);
    struct auth_routes *routes = text != NULL ? text_read (text, limit, error_r) : NULL;
    if (routes == NULL)
        error_prefix (error_r, "%s", path);
    return routes;
}

void
auth_routes_destroy (struct auth_routes **routes_p)
{
    struct auth_routes *routes = *routes_p;
    if (routes == NULL)
        return;
    for (size_t i = 0; i < routes->n; i++) {
        free (routes->list[i].host);
        free (routes->list[i].path);
    }
    free (routes->list);
    free (routes);
    *routes_p = NULL;
}

bool
auth_routes_have_hosts (const struct auth_routes *routes)
{
    return routes->hosts;
}

// ---- finding -------------------------------------------------------------------------------------------------------

static bool
host_fits (const char *wanted, const char *host)
{
    if (wanted == NULL)
        return true;
    size_t length = strlen (wanted);
    if (host == NULL || strncasecmp (wanted, host, length) != 0)
        return false;
    host += length;
    host += *host == '.';
    return *host == '\0' || *host == ':';
}

// How many bytes of the path are this letter when the case of letters is not looked at; 0: it is another. Some frameworks fold four of Unicode's into letters of ASCII.
static size_t
letter_fits (char letter, const char *path)
{
    static const struct {
        char letter;
        const char *other;
    } others[] = {{'i', "\u0130"}, {'i', "\u0131"}, {'s', "\u017f"}, {'k', "\u212a"}};
    int lower = tolower ((unsigned char) letter);
    if (lower == tolower ((unsigned char) *path))
        return 1;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        size_t size = strlen (others[i].other);
        if (others[i].letter == lower && strncmp (others[i].other, path, size) == 0)
            return size;
    }
    return 0;
}

// The same letters, in whatever case?
static bool
segment_fits (const char *pattern, size_t length, const char *path, size_t given)
{
    size_t at = 0;
    for (size_t i = 0; i < length; i++) {
        size_t n = at < given ? letter_fits (pattern[i], path + at) : 0;
        if (n == 0)
            return false;
        at += n;
    }
    return at == given;
}

// exact_r: also with the case of letters.
static bool
path_fits (const struct route *route, const char *path, bool *exact_r)
{
    const char *pattern = route->path;
    *exact_r = true;
    if (strcmp (path, "/") == 0)
        path = "";
    while (*pattern == '/') {
        size_t length = strcspn (pattern + 1, "/"), given = strcspn (path + (*path == '/'), "/");
        if (*path != '/')
            return false;
        if (pattern[1] != '{') {
            bool same = length == given && memcmp (pattern + 1, path + 1, length) == 0;
            if (!same && !segment_fits (pattern + 1, length, path + 1, given))
                return false;
            *exact_r = *exact_r && same;
        }
        pattern += length + 1;
        path += given + 1;
    }
    return *path == '\0' || route->below;
}

enum auth_found
auth_routes_find (const struct auth_routes *routes, const char *host, const char *method,
                  const char *path, struct auth_wanted *wanted_r)
{
    int known = method_find (method, strlen (method));
    unsigned bit = known >= 0 ? methods[known].method : 0;
    for (size_t i = 0; i < routes->n; i++) {
        const struct route *route = &routes->list[i];
        bool exact;
        if ((route->methods != 0 && (route->methods & bit) == 0) ||
            !host_fits (route->host, host) || !path_fits (route, path, &exact))
            continue;
        *wanted_r = route->wanted;
        return exact ? AUTH_FOUND : AUTH_AMBIGUOUS;
    }
    return AUTH_NONE;
}
