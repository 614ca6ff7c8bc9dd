// A row of store.c's statements as facts.
#ifndef JETON_VALIDATOR_ROW_H
#define JETON_VALIDATOR_ROW_H

#include "services/validator/facts.h"
#include <libpq-fe.h>

// row_facts (result, policies, facts_r): The first row. False: it makes no sense; then nothing is held. Otherwise facts_r->policy is held.
bool row_facts (const PGresult *result, struct policies *policies, struct facts *facts_r)
    __attribute__ ((warn_unused_result));

#endif
