// tokens KEYS FIRST COUNT: prints the numbers and digests of the bench's tokens, as COPY reads them.
#include "tests/bench/value.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

int
main (int argc, char **argv)
{
    struct token_keys keys;
    struct error error;
    if (argc != 4 || sodium_init () < 0)
        return 64;
    if (!token_keys_load (argv[1], &keys, &error)) {
        fprintf (stderr, "%s\n", error.text);
        return EXIT_FAILURE;
    }
    uint64_t first = strtoull (argv[2], NULL, 10), count = strtoull (argv[3], NULL, 10);
    for (uint64_t number = first; number < first + count; number++) {
        char value[TOKEN_VALUE_LENGTH + 1], hex[2 * TOKEN_DIGEST_SIZE + 1];
        uint8_t digest[TOKEN_DIGEST_SIZE];
        bench_value (&keys, number, value);
        token_value_digest (value, TOKEN_VALUE_LENGTH, digest);
        sodium_bin2hex (hex, sizeof hex, digest, sizeof digest);
        printf ("%" PRIu64 "\t\\\\x%s\n", number, hex);
    }
    return fflush (stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
