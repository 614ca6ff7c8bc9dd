// Rows of the outbox as the next entries of the chain, and the search for a row that the database refuses.
#include "common/log/log.h"
#include "common/token/id.h"
#include "services/auditor/auditor.h"
#include <stdlib.h>
#include <string.h>

static void
unreadable_log (int64_t outbox_id, int64_t sequence)
{
    char id[ID_AUDIT_SIZE], outbox[NUMBER_SIZE];
    id_audit_format (sequence, id);
    auditor_number (outbox_id, outbox);
    log_error ("an outbox row could not be read; its bytes are kept in the trail", "outbox", outbox,
               "record", id, NULL);
}

void
batch_make (struct batch *batch, const struct store_head *head, const struct store_row *rows,
            size_t n)
{
    const uint8_t *previous = head->digest;
    int64_t sequence = head->sequence;
    batch->entries = xcalloc (n, sizeof *batch->entries);
    batch->ids = xcalloc (n, sizeof *batch->ids);
    for (size_t i = 0; i < n; i++) {
        sequence++;
        if (!entry_make (sequence, previous, rows[i].data, rows[i].size, !batch->distrust,
                         &batch->entries[i])) {
            batch->unreadable++;
            unreadable_log (rows[i].number, sequence);
        }
        batch->ids[i] = rows[i].number;
        batch->n++;
        previous = batch->entries[i].digest.data;
    }
}

void
batch_clear (struct batch *batch)
{
    for (size_t i = 0; i < batch->n; i++)
        entry_clear (&batch->entries[i]);
    free (batch->entries);
    free (batch->ids);
    batch->entries = NULL;
    batch->ids = NULL;
    batch->n = batch->unreadable = 0;
}

size_t
batch_limit (const struct batch *batch, size_t usual)
{
    return batch->careful > 0 || batch->distrust ? 1 : usual;
}

void
batch_taken (struct batch *batch)
{
    batch->careful -= batch->careful < batch->n ? batch->careful : batch->n;
    batch->distrust = false;
}

void
batch_slow (struct batch *batch, const struct db_error *error)
{
    if (error != NULL && strcmp (error->sqlstate, "57014") == 0 && batch->n > 1)
        batch->careful = batch->n;
}

bool
batch_suspect (struct batch *batch, const struct db_error *error)
{
    // Classes of SQLSTATE.
    bool data = error != NULL && (strncmp (error->sqlstate, "22", 2) == 0 ||
                                  strncmp (error->sqlstate, "54", 2) == 0);
    if (data && batch->n > 1)
        batch->careful = batch->n;
    else if (data && !batch->distrust)
        batch->distrust = true;
    else
        return false;
    return true;
}
