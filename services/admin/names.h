// Modules that a request names, and the numbers that the database has for them.
#ifndef JETON_ADMIN_NAMES_H
#define JETON_ADMIN_NAMES_H

#include "common/rpc/request.h"
#include "services/admin/view.h"
#include <stddef.h>

// names_join (request, n, names): The names (checked: see check_module_names), comma-separated, in the request's arena. NULL: the request was
// answered.
char *names_join (struct request *request, size_t n, const char *const *names)
    __attribute__ ((warn_unused_result));

// names_read (request, row): The next column, "name:number:enabled,…", for any number of names_numbers. NULL: the request was answered.
struct names;
const struct names *names_read (struct request *request, struct row *row)
    __attribute__ ((warn_unused_result));
// names_numbers (request, known, suffix, account_id, n, names): As names_match, of what was read.
char *names_numbers (struct request *request, const struct names *known, const char *suffix,
                     const char *account_id, size_t n, const char *const *names)
    __attribute__ ((warn_unused_result));

// names_match (request, row, suffix, account_id, n, names): Read the next column, "name:number:enabled,…", and find each of the names in it.
// Returns their numbers in the same order, comma-separated. NULL: the request was answered, naming the field "modules[i]" with the
// suffix: there is no such module, or it is not enabled for the account.
char *names_match (struct request *request, struct row *row, const char *suffix,
                   const char *account_id, size_t n, const char *const *names)
    __attribute__ ((warn_unused_result));

#endif
