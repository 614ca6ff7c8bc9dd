// What callers present as tokens and ids.
#include "common/memory/memory.h"
#include "common/token/id.h"
#include "common/token/jwt.h"
#include "common/token/value.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const struct jwt_key *
no_key (void *context, const char *kid)
{
    (void) context;
    if (kid != NULL)
        assert (strlen (kid) < JWT_KID_SIZE);
    return NULL;
}

static void
ids_check (const char *text)
{
    int64_t number;
    char id[ID_SIZE], audit_id[ID_AUDIT_SIZE];
    if (id_parse ("TKN", text, &number)) {
        id_format ("TKN", number, id);
        assert (strcmp (id, text) == 0); // there is one spelling of each
    }
    if (id_audit_parse (text, &number)) {
        id_audit_format (number, audit_id);
        assert (strcmp (audit_id, text) == 0);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    // The keys of the corpus: 00…00 and 11…11.
    static const struct token_keys keys = {
        .n = 2,
        .keys = {{0}, {17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17}},
    };
    char *text = xcalloc (1, size + 1);
    if (size > 0)
        memcpy (text, data, size);
    ids_check (text);
    enum token_environment environment;
    if (token_value_check (&keys, text, size, &environment))
        assert (size == TOKEN_VALUE_LENGTH &&
                (environment == TOKEN_LIVE || environment == TOKEN_TEST));
    struct error error = {.text = ""};
    json_t *claims = NULL;
    bool form = jwt_looks_like (text, size);
    enum jwt_result result = jwt_verify (text, size, "at+jwt", no_key, NULL, &claims, &error);
    assert (result == JWT_MALFORMED || (result == JWT_UNKNOWN_KEY && form));
    assert (claims == NULL);
    free (text);
    return 0;
}
