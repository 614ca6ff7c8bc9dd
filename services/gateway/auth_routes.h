// The route file of forward-auth: which module a request to an API belongs to, by its method, host and path.
//
//     # methods  path                        module   access  environment
//     GET        /v1/orders/{id}/invoice     invoices
//     *          /v1/orders/*                orders
//     GET,POST   sandbox.example.com/v1/*    stock    read    test
//     *          /v1/internal/*              -
//
// One route a line; the first that fits is taken, and what none fits is denied. A word that begins with # ends the line.
//   methods      of GET HEAD POST PUT PATCH DELETE OPTIONS, with commas between them; GET is HEAD too; * is any, also one that is not in this list
//   path         of a host (by its name, without the port) or, without one, of all. {name} is any one segment; /* at the end: what is before it, and all that is below
//   module       - denies
//   access       read, write, or method (the default): read for GET, HEAD and OPTIONS, write for all others
//   environment  live (the default) or test
#ifndef JETON_GATEWAY_AUTH_ROUTES_H
#define JETON_GATEWAY_AUTH_ROUTES_H

#include "common/error/error.h"
#include "validator.pb-c.h"

#include <stdbool.h>
#include <stddef.h>

struct auth_routes;

enum { AUTH_MODULE_MAX = 64 };

// What is asked of a validator.
struct auth_wanted {
    char module[AUTH_MODULE_MAX + 1]; // "": denied
    Jeton__V1__Access access;         // unspecified: by the method
    Jeton__V1__Environment environment;
};

// auth_routes_load (path, limit, error_r): `limit` routes at most, 1 MiB. NULL: error_r names the file, the line and what is wrong there.
struct auth_routes *auth_routes_load (const char *path, size_t limit, struct error *error_r)
    __attribute__ ((warn_unused_result));
void auth_routes_destroy (struct auth_routes **routes); // NULL-safe

enum auth_found {
    AUTH_FOUND,
    AUTH_NONE,      // no route fits
    AUTH_AMBIGUOUS, // the first that fits does so only when the case of letters is not looked at (by Unicode's rules, too): APIs differ in whether they do
};

// auth_routes_find (routes, host, method, path, wanted_r): path: of auth_path_read; host: as in a Host header, or NULL for none, which fits no route that has one. Takes a comparison for each route at most.
enum auth_found auth_routes_find (const struct auth_routes *routes, const char *host,
                                  const char *method, const char *path,
                                  struct auth_wanted *wanted_r)
    __attribute__ ((warn_unused_result));
bool auth_routes_have_hosts (const struct auth_routes *routes); // some of them

// The words of a route, elsewhere too. auth_module_read, auth_access_read, auth_environment_read: False: it is none. auth_access_of (method): what it does.
bool auth_module_read (const char *text, struct auth_wanted *wanted)
    __attribute__ ((warn_unused_result));
bool auth_access_read (const char *text, struct auth_wanted *wanted)
    __attribute__ ((warn_unused_result));
bool auth_environment_read (const char *text, struct auth_wanted *wanted)
    __attribute__ ((warn_unused_result));
Jeton__V1__Access auth_access_of (const char *method);

#endif
