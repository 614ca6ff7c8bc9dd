#include "services/admin/page.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/change.h"
#include "services/admin/reply.h"
#include "services/admin/store.h"
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

// A cursor is base64url of "list/number" or "list/number/key": opaque to callers, and refused for another list.
static bool
cursor_parse (struct request *request, const char *cursor, struct page *page)
{
    size_t size = strlen (cursor) + 1, length, prefix = strlen (page->list);
    const char *end;
    char *text = arena_alloc (request_arena (request), size);
    if (!text ||
        sodium_base642bin ((unsigned char *) text, size - 1, cursor, strlen (cursor), NULL, &length,
                           &end, VARIANT) != 0 ||
        *end)
        return false;
    text[length] = '\0';
    if (strlen (text) != length || strncmp (text, page->list, prefix) != 0 || text[prefix] != '/')
        return false;
    char *digits = text + prefix + 1;
    size_t n = strspn (digits, "0123456789");
    if (n == 0 || n > 18 || (digits[n] && digits[n] != '/'))
        return false;
    page->after = strtoll (digits, NULL, 10);
    page->key = digits[n] ? digits + n + 1 : NULL;
    return true;
}

void
page_refuse (struct request *request)
{
    request_fail_field (request, "page.cursor",
                        "is not the next_cursor of a page of this list, with these filters");
}

static void *
member (const ProtobufCMessage *message, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name (message->descriptor, name);
    return field ? (char *) message + field->offset : NULL;
}

// The list's name: of the request's message, and a hash of all of it but the page. `asked_r` is the page. False: no memory.
static bool
list_name (struct request *request, char name_r[PAGE_LIST_SIZE],
           const Jeton__V1__PageRequest **asked_r)
{
    const ProtobufCMessage *message = request_message (request);
    ProtobufCMessage *list =
        arena_memdup (request_arena (request), message, message->descriptor->sizeof_message);
    if (!list)
        return false;
    Jeton__V1__PageRequest **asked = member (list, "page");
    protobuf_c_boolean *count = member (list, "count");
    *asked_r = *asked;
    *asked = NULL;
    if (count)
        *count = false;
    uint8_t hash[crypto_generichash_BYTES_MIN];
    size_t size = protobuf_c_message_get_packed_size (list);
    uint8_t *packed = arena_alloc (request_arena (request), size + 1);
    if (!packed)
        return false;
    protobuf_c_message_pack (list, packed);
    crypto_generichash (hash, sizeof hash, packed, size, NULL, 0);
    size_t n = (size_t) snprintf (name_r, PAGE_LIST_SIZE - 2 * sizeof hash - 1, "%s ",
                                  message->descriptor->short_name);
    sodium_bin2hex (name_r + n, PAGE_LIST_SIZE - n, hash, sizeof hash);
    return true;
}

struct page *
page_begin (struct request *request)
{
    const Jeton__V1__PageRequest *asked;
    struct page *page = arena_alloc (request_arena (request), sizeof *page);
    if (!page || !list_name (request, page->list, &asked)) {
        change_no_memory (request);
        return NULL;
    }
    uint32_t size = asked && asked->size ? asked->size : PAGE_SIZE_DEFAULT;
    if (size > PAGE_SIZE_MAX) {
        request_fail_field (request, "page.size", "must be 1 to %d", PAGE_SIZE_MAX);
        return NULL;
    }
    page->limit = size + 1;
    page->first = !asked || !*asked->cursor;
    if (!page->first && !cursor_parse (request, asked->cursor, page)) {
        page_refuse (request);
        return NULL;
    }
    request_context_set (request, page);
    return page;
}

// Of the row that the next page begins after.
static char *
cursor_format (struct request *request, const struct page *page, int64_t number, const char *key)
{
    struct arena *arena = request_arena (request);
    char *text = arena_printf (arena, "%s/%lld%s%s", page->list, (long long) number,
                               page->key_column ? "/" : "", page->key_column ? key : "");
    size_t length = text ? strlen (text) : 0;
    size_t size = sodium_base64_encoded_len (length, VARIANT);
    char *cursor = text ? arena_alloc (arena, size) : NULL;
    if (cursor)
        sodium_bin2base64 (cursor, size, (unsigned char *) text, length, VARIANT);
    return cursor;
}

// True when row `i` begins the next page.
static bool
ends (const struct page *page, size_t i, size_t bytes)
{
    return (int64_t) i == page->limit - 1 || (i > 0 && bytes > PAGE_BYTES_MAX);
}

// The messages of a page. NULL: the request was answered.
static ProtobufCMessage **
page_read (struct request *request, const PGresult *result, row_view *view, size_t *n_r,
           char **next_cursor_r)
{
    const struct page *page = request_context (request);
    size_t rows = (size_t) PQntuples (result), bytes = 0;
    ProtobufCMessage **messages =
        arena_alloc (request_arena (request), (rows + 1) * sizeof *messages);
    int64_t last = 0;
    *next_cursor_r = (char *) protobuf_c_empty_string;
    for (*n_r = 0; messages && *n_r < rows; ++*n_r) {
        struct row row = row_of (request_arena (request), result, (int) *n_r);
        ProtobufCMessage *message = view (&row);
        if (!row_good (request, &row))
            return NULL;
        bytes += protobuf_c_message_get_packed_size (message);
        if (ends (page, *n_r, bytes)) {
            *next_cursor_r = cursor_format (request, page, last,
                                            PQgetvalue (result, (int) *n_r - 1, page->key_column));
            break;
        }
        messages[*n_r] = message;
        if (!db_get_int (result, (int) *n_r, 0, &last))
            break; // cannot be: the view has read it
    }
    if (*n_r == rows && page->more)
        *next_cursor_r = cursor_format (request, page, page->until, page->until_key);
    if (messages && *next_cursor_r)
        return messages;
    change_no_memory (request);
    return NULL;
}

static void
page_of_account (void *context, enum db_outcome outcome, PGresult *const *results,
                 const struct db_error *error)
{
    struct request *request = context;
    if (!change_read (request, outcome, error))
        return;
    const ProtobufCMessage *reply = NULL;
    if (PQntuples (results[0]) == 0)
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no account %s",
                      *(char **) member (request_message (request), "account_id"));
    else
        reply = reply_new (request, NULL);
    if (reply)
        request_reply (request, reply);
}

// Nothing is listed: because the account has none, or because there is no such account? False: it names no account, or that is plain.
static bool
look_for_account (struct request *request)
{
    const struct page *page = request_context (request);
    char *const *id = member (request_message (request), "account_id");
    int64_t account;
    if (!id || !page->first || page->more || !id_parse ("ACC", *id, &account))
        return false;
    store_account_get (request, account, page_of_account);
    return true;
}

void
page_reply (struct request *request, const PGresult *result, row_view *view,
            const ProtobufCMessage *rest)
{
    if (PQntuples (result) == 0 && look_for_account (request))
        return;
    ProtobufCMessage *reply = reply_new (request, rest);
    if (!reply)
        return;
    const ProtobufCFieldDescriptor *rows =
        protobuf_c_message_descriptor_get_field (reply->descriptor, 1);
    assert (rows && rows->label == PROTOBUF_C_LABEL_REPEATED);
    size_t *n = (size_t *) ((char *) reply + rows->quantifier_offset);
    char **next_cursor = member (reply, "next_cursor");
    ProtobufCMessage **messages = page_read (request, result, view, n, next_cursor);
    if (!messages)
        return;
    memcpy ((char *) reply + rows->offset, &messages, sizeof messages);
    request_reply (request, reply);
}
