// Equal uses are one row; equal texts are one. Both are found by the check of their row, or of the whole text, in one open hash table.
#include "common/journal/internal.h"
#include <assert.h>
#include <string.h>

enum { SLOTS = sizeof ((struct segment_rows *) 0)->slots / sizeof (uint32_t) };
_Static_assert(2 * SEGMENT_TEXT_SIZE >= JOURNAL_NAME_SIZE && JOURNAL_ID_SIZE <= JOURNAL_NAME_SIZE,
               "a text takes two rows at most");

void
rows_start (struct segment_rows *rows, struct segment_head *head)
{
    rows->rows = (struct segment_row *) (head + 1);
    rows->key = head->key;
    rows->n = 0;
    memset (rows->slots, 0, sizeof rows->slots);
    rows->module.number = rows->peer.number = 0;
}

// The row is written before its count: a process that is killed before that has added nothing.
static void
row_add (struct segment_rows *rows, const struct segment_row *row, uint32_t count)
{
    struct segment_row *added = &rows->rows[rows->n++];
    *added = *row;
    __atomic_store_n (&added->count, count, __ATOMIC_RELEASE);
}

// ---- texts ---------------------------------------------------------------------------------------------------------

// Where text goes on from the row that ends it: the part from `from` of a text of JOURNAL_NAME_SIZE.
static void
text_row (const struct segment_rows *rows, const char *text, size_t from, struct segment_row *row_r)
{
    size_t left = JOURNAL_NAME_SIZE - from;
    *row_r = (struct segment_row){.count = SEGMENT_TEXT};
    memcpy (row_r->text, text + from, left < SEGMENT_TEXT_SIZE ? left : SEGMENT_TEXT_SIZE);
    row_r->check = segment_row_check (rows->key, row_r);
    row_r->count = 0;
}

static bool
text_long (const char *text)
{
    return text[SEGMENT_TEXT_SIZE - 1] != '\0';
}

static bool
text_is (const struct segment_row *row, const char *text)
{
    return row->count == SEGMENT_TEXT && memcmp (row->text, text, SEGMENT_TEXT_SIZE) == 0 &&
           (!text_long (text) || memcmp (row[1].text, text + SEGMENT_TEXT_SIZE,
                                         JOURNAL_NAME_SIZE - SEGMENT_TEXT_SIZE) == 0);
}

// The number of a text of JOURNAL_NAME_SIZE, zeroed behind its end; it is added where it is new. 0: there is no room.
static uint16_t
text_find (struct segment_rows *rows, const char *text)
{
    struct segment_row row;
    size_t slot = segment_digest (rows->key, text, JOURNAL_NAME_SIZE) % SLOTS;
    for (; rows->slots[slot] != 0; slot = (slot + 1) % SLOTS)
        if (text_is (&rows->rows[rows->slots[slot] - 1], text))
            return (uint16_t) rows->slots[slot];
    if (rows->n + 1 + text_long (text) > JOURNAL_ROWS_MAX)
        return 0;
    uint16_t number = (uint16_t) (rows->n + 1);
    text_row (rows, text, 0, &row);
    row_add (rows, &row, SEGMENT_TEXT);
    if (text_long (text)) {
        text_row (rows, text, SEGMENT_TEXT_SIZE, &row);
        row_add (rows, &row, SEGMENT_TEXT);
    }
    rows->slots[slot] = number;
    return number;
}

static bool
recent_number (struct segment_rows *rows, struct segment_recent *recent, const char *text,
               uint16_t *number_r)
{
    if (text[0] == '\0') {
        *number_r = 0;
        return true;
    }
    if (recent->number == 0 || memcmp (recent->text, text, sizeof recent->text) != 0) {
        recent->number = text_find (rows, text);
        memcpy (recent->text, text, sizeof recent->text);
    }
    *number_r = recent->number;
    return *number_r != 0;
}

static bool
id_number (struct segment_rows *rows, const char *id, uint16_t *number_r)
{
    char text[JOURNAL_NAME_SIZE] = "";
    *number_r = 0;
    if (id[0] == '\0')
        return true;
    memcpy (text, id, JOURNAL_ID_SIZE);
    *number_r = text_find (rows, text);
    return *number_r != 0;
}

// ---- uses ----------------------------------------------------------------------------------------------------------

// False: there is no room for its texts.
static bool
use_row (struct segment_rows *rows, const struct journal_use *use, struct segment_row *row_r)
{
    assert (use->account >= 0 && use->account <= UINT32_MAX && use->token >= 0 &&
            use->token <= UINT32_MAX && use->user >= 0 && use->user <= UINT32_MAX);
    *row_r = (struct segment_row){.use = {
                                      .second = use->second,
                                      .account = (uint32_t) use->account,
                                      .token = (uint32_t) use->token,
                                      .user = (uint32_t) use->user,
                                      .client = use->client,
                                      .customer = use->customer,
                                      .family = use->family,
                                      .access = use->access,
                                      .environment = use->environment,
                                      .decision = use->decision,
                                      .reason = use->reason,
                                      .grant_type = use->grant_type,
                                  }};
    memcpy (row_r->use.address, use->address, sizeof row_r->use.address);
    return recent_number (rows, &rows->module, use->module, &row_r->use.module) &&
           recent_number (rows, &rows->peer, use->peer, &row_r->use.peer) &&
           id_number (rows, use->id, &row_r->use.id);
}

bool
rows_count (struct segment_rows *rows, const struct journal_use *use)
{
    struct segment_row row;
    if (!use_row (rows, use, &row))
        return false;
    row.check = segment_row_check (rows->key, &row);
    size_t slot = row.check % SLOTS;
    for (; rows->slots[slot] != 0; slot = (slot + 1) % SLOTS) {
        struct segment_row *known = &rows->rows[rows->slots[slot] - 1];
        // A count that is as high as one can be is followed by another row.
        if (known->check == row.check && known->count < SEGMENT_TEXT - 1 &&
            memcmp (&known->use, &row.use, sizeof row.use) == 0) {
            __atomic_store_n (&known->count, known->count + 1, __ATOMIC_RELEASE);
            return true;
        }
    }
    if (rows->n == JOURNAL_ROWS_MAX)
        return false;
    row_add (rows, &row, 1);
    rows->slots[slot] = (uint32_t) rows->n;
    return true;
}
