#include "common/db/internal.h"
#include "common/memory/memory.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

void
db_call_clear (struct call *call)
{
    for (size_t i = 0; i < call->n; i++) {
        if (!call->lent)
            PQclear (call->results[i]);
        call->results[i] = NULL;
    }
    call->lent = false;
}

void
db_call_destroy (struct call *call)
{
    db_call_clear (call);
    // Parameters may be secrets (hashes of passwords, digests of tokens).
    explicit_bzero (call, call->size);
    free (call);
}

static size_t
value_size (const struct db_params *params, int i)
{
    if (!params->values[i])
        return 0;
    return params->formats[i] ? (size_t) params->lengths[i] : strlen (params->values[i]) + 1;
}

// Take `size` bytes off the block of a call.
static void *
carve (char **at, size_t size)
{
    void *piece = *at;
    *at += size;
    return piece;
}

// Pointers first, then ints, then bytes: each is aligned without padding.
struct call *
db_call_new (const struct db *db, const struct db_step *steps, size_t n)
{
    size_t values = 0, bytes = 0;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; steps[i].params && k < steps[i].params->n; k++, values++)
            bytes += value_size (steps[i].params, k);
    size_t size = sizeof (struct call) + n * (sizeof (struct call_step) + sizeof (PGresult *)) +
                  values * (sizeof (char *) + 2 * sizeof (int)) + bytes;
    char *at = xcalloc (1, size);
    struct call *call = carve (&at, sizeof *call);
    call->size = size;
    call->n = n;
    call->steps = carve (&at, n * sizeof *call->steps);
    call->results = carve (&at, n * sizeof *call->results);
    for (size_t i = 0; i < n; i++) {
        assert (steps[i].statement >= 0 && (size_t) steps[i].statement < db->n_statements);
        struct call_step *step = &call->steps[i];
        step->statement = &db->options.statements[steps[i].statement];
        step->n = steps[i].params ? steps[i].params->n : 0;
        step->values = carve (&at, (size_t) step->n * sizeof *step->values);
        call->write |= (step->statement->write & (true | DB_MANY)) != 0;
        assert (!(step->statement->write & (DB_MANY | DB_READ_MANY)) || n == 1);
    }
    for (size_t i = 0; i < n; i++) {
        call->steps[i].lengths = carve (&at, (size_t) call->steps[i].n * sizeof (int));
        call->steps[i].formats = carve (&at, (size_t) call->steps[i].n * sizeof (int));
    }
    for (size_t i = 0; i < n; i++) {
        const struct call_step *step = &call->steps[i];
        const struct db_params *params = steps[i].params;
        for (int k = 0; params && k < params->n; k++) {
            size_t length = value_size (params, k);
            step->lengths[k] = params->lengths[k];
            step->formats[k] = params->formats[k];
            if (params->values[k])
                step->values[k] = memcpy (carve (&at, length), params->values[k], length);
        }
    }
    return call;
}
