// Request targets as clients send them, and what forward-auth makes of them: what is taken for a path means that path only, and finds the row that it has (R28).
// objects: services/gateway/auth_path.o
#include "services/gateway/auth_path.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

// As an API that decodes leniently, once or again and again, and then leaves out dots and empty segments: the segments that it sees.
static size_t
decode (char *text)
{
    size_t decoded = 0;
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        unsigned c;
        char digits[3] = {from[0] == '%' ? from[1] : '\0', from[1] != '\0' ? from[2] : '\0', '\0'};
        if (strlen (digits) == 2 && strspn (digits, "0123456789abcdefABCDEF") == 2) {
            sscanf (digits, "%x", &c);
            *to++ = (char) c;
            from += 2;
            decoded++;
        } else
            *to++ = *from;
    }
    *to = '\0';
    return decoded;
}

static size_t
resolve (const char *path, char *out)
{
    size_t used = 0;
    for (const char *segment = path; *segment != '\0';) {
        segment += strspn (segment, "/\\");
        size_t length = strcspn (segment, "/\\"), name = strcspn (segment, "/\\;");
        if (name == 2 && memcmp (segment, "..", 2) == 0)
            while (used > 0 && out[--used] != '/')
                ;
        else if (name > 0 && !(name == 1 && *segment == '.')) {
            out[used++] = '/';
            memcpy (out + used, segment, name);
            used += name;
        }
        segment += length;
    }
    out[used] = '\0';
    return used;
}

static void
same (const char *target, const char *path, bool again)
{
    char *text = strdup (target), *out = malloc (strlen (target) + 2);
    text[strcspn (text, "?#")] = '\0';
    while (decode (text) > 0 && again)
        ;
    resolve (text, out);
    assert (strcmp (*out != '\0' ? out : "/", path) == 0);
    free (text);
    free (out);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    char path[AUTH_PATH_MAX + 1], *target = malloc (size + 1);
    const char *why = NULL;
    memcpy (target, data, size);
    target[size] = '\0';
    if (auth_path_read (target, path, &why)) {
        assert (path[0] == '/' && strlen (path) <= AUTH_PATH_MAX);
        same (target, path, false);
        same (target, path, true);
    } else
        assert (why != NULL && *why != '\0');
    free (target);
    return 0;
}
