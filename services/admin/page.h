// Pages of lists, by keyset: a page begins after the number of the last row of the one before, so that it stays in place
// while rows are added.
#ifndef JETON_ADMIN_PAGE_H
#define JETON_ADMIN_PAGE_H

#include "common/db/db.h"
#include "common/rpc/request.h"
#include "services/admin/view.h"
#include "types.pb-c.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PAGE_SIZE_DEFAULT = 50,
    PAGE_SIZE_MAX = 500,
    PAGE_BYTES_MAX = 256 * 1024,
    PAGE_LIST_SIZE = 80
};

struct page {
    int64_t after; // the number that the page begins after
    char *key; // of a list in another order: what the row of that number is sorted by; NULL: none
    int64_t until;   // of a list that looks at a part of its rows at a time: the last of this part,
    char *until_key; // and what it is sorted by
    bool first;      // it is the first of the list
    bool more;       // there are rows after it: if they fit no more or not, the next page goes on
    const void *own; // of the list's handler
    int key_column;  // the column of the key, in such a list; 0: none
    int64_t limit;   // rows to read: one more than asked for, to know whether there is a next page
    char list[PAGE_LIST_SIZE]; // what is listed; a cursor is good for the same list only
};

// page_begin (request): The page that a list's request asks for. Requests that differ in no more than `page` and `count` are of the same list. Becomes
// the request's context. NULL: the request was answered.
struct page *page_begin (struct request *request) __attribute__ ((warn_unused_result));

// page_refuse (request): Answers that the cursor is none of this list.
void page_refuse (struct request *request);

// page_reply (request, result, view, rest): Ends the request with a page: the messages that `view` makes of the rows are the reply's first field,
// `rest` has the others but next_cursor, NULL for none. Column 0 of a row is its number. A page that would be larger than PAGE_BYTES_MAX ends
// earlier, and so may one of which page->more. Where the request names an account in `account_id` and nothing of it is listed, the account
// is looked for: NOT_FOUND when there is none.
void page_reply (struct request *request, const PGresult *result, row_view *view,
                 const ProtobufCMessage *rest);

#endif
