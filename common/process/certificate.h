// The CURVE key pair of a process, from the file that zcert_save writes (and `jeton keys init`).
#ifndef JETON_PROCESS_CERTIFICATE_H
#define JETON_PROCESS_CERTIFICATE_H

#include "common/error/error.h"
#include <czmq.h>

// certificate_load (path, error_r): The pair in `path`_secret (`path` may name that file itself), which nobody but its owner may read. NULL: error_r says why. Unlike
// zcert_load it insists on both halves, which must belong together, and never prints what it cannot understand.
zcert_t *certificate_load (const char *path, struct error *error_r)
    __attribute__ ((warn_unused_result));

#endif
