// Rows of the database as messages of proto/types.proto, in a request's arena.
#ifndef JETON_ADMIN_VIEW_H
#define JETON_ADMIN_VIEW_H

#include "admin.pb-c.h"
#include "common/memory/memory.h"
#include "common/rpc/request.h"
#include "types.pb-c.h"
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

// A row that is read column by column. The first thing that goes wrong is kept, so that it need be asked for once only.
struct row {
    struct arena *arena;
    const PGresult *result;
    int row, column; // the next column
    bool wrong;      // a column was not of the form it should have
    bool full;       // the arena was
};

struct row row_of (struct arena *arena, const PGresult *result, int row);

// row_int (row), row_bool (row), row_text (row): The next column; 0, false and "" when there is an error. Text is in the arena.
// row_number (row): The number of an object, which has a display id; 0 when there is an error. row_id (row, prefix): The display id of a
// number; "" for 0.
int64_t row_int (struct row *row);
int64_t row_number (struct row *row);
bool row_bool (struct row *row);
char *row_text (struct row *row);
char *row_id (struct row *row, const char *prefix);
// row_alloc (row, size): Room for a message, zeroed. NULL: the arena is full.
void *row_alloc (struct row *row, size_t size);
// row_list (row, &n_r): A comma-separated text, as its parts.
char **row_list (struct row *row, size_t *n_r);

// row_good (request, row): False: something was wrong: the request was answered (DATA_LOSS, RESOURCE_EXHAUSTED) and logged.
bool row_good (struct request *request, const struct row *row) __attribute__ ((warn_unused_result));

// row_object (request, noun, id, view, row): The object in the next columns of a read's only row, as `view` makes it. NULL: there was no row
// ("no account ACC-…"; what was deleted is as if it had never been, R4), or it was wrong: the request was answered.
typedef ProtobufCMessage *row_view (struct row *row);
void *row_object (struct request *request, const char *noun, const char *id, row_view *view,
                  struct row *row) __attribute__ ((warn_unused_result));

// The objects, from the columns that the statements of store.c select for them; NULL when the arena is full. Ask row_good before
// looking at one.
ProtobufCMessage *view_account (struct row *row);
ProtobufCMessage *view_user (struct row *row);
ProtobufCMessage *view_module (struct row *row);
ProtobufCMessage *view_token (struct row *row);
ProtobufCMessage *view_customer_group (struct row *row);
ProtobufCMessage *view_market (struct row *row);
ProtobufCMessage *view_stock_location (struct row *row);
ProtobufCMessage *view_client (struct row *row);
ProtobufCMessage *view_customer (struct row *row);
// Column 0 is the token's number.
ProtobufCMessage *view_portable_token (struct row *row);

ProtobufCMessage *view_foreign_prefix (struct row *row);

// view_logo (row): NULL where there is none. Also of a token.
Jeton__V1__Logo *view_logo (struct row *row);

// view_flags (token): Make what follows from its times and the present: expired, expiring, unrotated (R9).
enum { VIEW_EXPIRING_S = 30 * 86400, VIEW_UNROTATED_S = 90 * 86400 };
void view_flags (Jeton__V1__Token *token);

#endif
