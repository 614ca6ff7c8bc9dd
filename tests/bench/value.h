// The tokens of the bench: number i has a value that is computed, not kept, so that ten million of them cost no memory.
#ifndef JETON_BENCH_VALUE_H
#define JETON_BENCH_VALUE_H

#include "common/token/value.h"
#include <stdint.h>

// bench_value (keys, number, value_r): The live value of token `number`.
void bench_value (const struct token_keys *keys, uint64_t number,
                  char value_r[TOKEN_VALUE_LENGTH + 1]);

#endif
