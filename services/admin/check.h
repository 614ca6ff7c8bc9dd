// What requests hold, checked. Each function but check_characters answers a request that it refuses (INVALID_ARGUMENT,
// naming the field) and returns false: the caller only returns.
#ifndef JETON_ADMIN_CHECK_H
#define JETON_ADMIN_CHECK_H

#include "common/rpc/request.h"
#include "types.pb-c.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHECK_NAME_MAX = 128,         // characters of a name, title or user name
    CHECK_DESCRIPTION_MAX = 1024, // characters
    CHECK_PASSWORD_MIN = 8,       // bytes
    CHECK_PASSWORD_MAX = 1024,
    CHECK_MODULES_MAX = 1000, // modules named in one request
    CHECK_RATE_MAX = 6000000, // requests a minute, and at once
};

// What check_characters found.
struct characters {
    bool valid;    // UTF-8
    bool controls; // there are control characters (Unicode Cc), other than these:
    bool lines;    // there are line breaks or tabs
    bool blanks;   // there is white space
    size_t count;  // code points
};
// check_characters (text): Count the code points of a text. Linear in its length.
struct characters check_characters (const char *text);

// check_id (request, field, prefix, text, number_r): a display id with this prefix.
bool check_id (struct request *request, const char *field, const char *prefix, const char *text,
               int64_t *number_r) __attribute__ ((warn_unused_result));
// check_name (request, field, text): 1 to CHECK_NAME_MAX characters without control characters.
bool check_name (struct request *request, const char *field, const char *text)
    __attribute__ ((warn_unused_result));
// check_description (request, field, text): 0 to CHECK_DESCRIPTION_MAX characters; line breaks and tabs are allowed.
bool check_description (struct request *request, const char *field, const char *text)
    __attribute__ ((warn_unused_result));
// check_username (request, field, text): as a name, without blanks.
bool check_username (struct request *request, const char *field, const char *text)
    __attribute__ ((warn_unused_result));
// check_password (request, field, text): empty, or CHECK_PASSWORD_MIN to CHECK_PASSWORD_MAX bytes.
bool check_password (struct request *request, const char *field, const char *text)
    __attribute__ ((warn_unused_result));
// check_module_name (request, field, text): 1 to 64 of a-z 0-9 _ -, starting with a letter.
bool check_module_name (struct request *request, const char *field, const char *text)
    __attribute__ ((warn_unused_result));
// check_code (request, field, text): 1 to 64 of a-z 0-9 _ -, starting with a letter or a digit.
bool check_code (struct request *request, const char *field, const char *text)
    __attribute__ ((warn_unused_result));
// check_module_names (request, suffix, n, names): each a module's name, none twice, CHECK_MODULES_MAX at most. The field is
// "modules[index]" with the suffix after it.
bool check_module_names (struct request *request, const char *suffix, size_t n,
                         const char *const *names) __attribute__ ((warn_unused_result));
// check_rate_limit (request, field, limit): `limit` may be NULL. One without a burst gets its rate as burst. The field is "field.per_minute" or
// "field.burst".
bool check_rate_limit (struct request *request, const char *field, Jeton__V1__RateLimit *limit)
    __attribute__ ((warn_unused_result));

#endif
