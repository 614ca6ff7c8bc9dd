// Module scopes: which modules a token reaches, in the syntax of OAuth scopes (RFC 6749 section 3.3), beside the resources of scope.h.
//
//     module:orders:read        may read
//     module:orders:write       may read and write
#ifndef JETON_SCOPE_MODULE_H
#define JETON_SCOPE_MODULE_H

#include "common/error/error.h"
#include "common/scope/scope.h"
#include <stdbool.h>
#include <stddef.h>

enum {
    SCOPE_MODULES_MAX = 64,      // of one text
    SCOPE_MODULE_NAME_SIZE = 65, // as modules.name of the schema
};

struct scope_module {
    char name[SCOPE_MODULE_NAME_SIZE];
    int access; // Jeton__V1__Access: 1 read, 2 write
};

struct scope_modules {
    size_t n;
    struct scope_module modules[SCOPE_MODULES_MAX]; // in the order of the text, each module once
};

// scope_module_parse (part, length, module_r): One part. NULL: it is right; otherwise what is wrong with it: the end of a sentence that begins with the part.
const char *scope_module_parse (const char *part, size_t length, struct scope_module *module_r);

// scope_modules_parse (text, size, modules_r, rest_r, error_r): Take the parts that begin with "module:" out of a scope text. rest_r gets the other parts, for
// scope_parse, separated by a space each. False: the text is longer than SCOPE_TEXT_MAX or has a NUL byte, or one of these parts is wrong; the error names it, as that of scope_parse.
bool scope_modules_parse (const char *text, size_t size, struct scope_modules *modules_r,
                          char rest_r[SCOPE_TEXT_MAX + 1], struct error *error_r)
    __attribute__ ((warn_unused_result));

// scope_modules_find (modules, name): The module of that name, or NULL.
const struct scope_module *scope_modules_find (const struct scope_modules *modules,
                                               const char *name);

// scope_modules_format (modules, text_r): "module:orders:read module:stock:write".
enum { SCOPE_MODULES_FORMAT_SIZE = SCOPE_MODULES_MAX * (SCOPE_MODULE_NAME_SIZE + 14) };
void scope_modules_format (const struct scope_modules *modules,
                           char text_r[SCOPE_MODULES_FORMAT_SIZE]);

#endif
