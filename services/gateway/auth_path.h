// The path of a request that somebody else will serve, read so that it means one thing only.
//
// Proxies and APIs differ in what they make of "/v1/public/../orders", "//", "%2F", "/v1/public;x/" or "%252e". Whatever two of them could take for two paths is refused here, so
// that what a rule was found for is what the API sees.
#ifndef JETON_GATEWAY_AUTH_PATH_H
#define JETON_GATEWAY_AUTH_PATH_H

#include <stdbool.h>

enum { AUTH_PATH_MAX = 4096 };

// auth_path_read (target, path_r, why_r): The path of a request target (RFC 9112 section 3.2.1), percent-decoded once, without its query and without a slash at its end. False: why_r says
// in a few words what is wrong with it:
//   - it does not begin with "/", or is longer than AUTH_PATH_MAX
//   - a segment is empty, "." or ".."
//   - a character that RFC 3986 does not allow there, or one of \ # ;
//   - "%" without two hexadecimal digits; an encoded control character, / \ ; ? or #; an encoded letter, digit, "-", "." or "_", which nobody needs to encode; what is encoded twice
//   - what it decodes to is not UTF-8
bool auth_path_read (const char *target, char path_r[AUTH_PATH_MAX + 1], const char **why_r)
    __attribute__ ((warn_unused_result));

#endif
