#include "tests/property/books.h"
#include "audit.pb-c.h"
#include "common/memory/memory.h"
#include "envelope.pb-c.h"
#include "tests/property/step.h"
#include "tests/property/view.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 30000, CREDIT = 512 };

// An object, and how much of it the trail has shown.
struct book {
    const struct object *object, *account;
    int64_t revision;
    unsigned long revealed;
    int64_t tokens;        // of an account: its live ones
    struct view_hash last; // as the record before left it
};

struct books {
    struct run *run;
    zhashx_t *books;  // by id
    int64_t sequence; // of the last entry that was looked at
    size_t open;      // objects of which revisions are missing
    int64_t give_up_ms;
};

static const ProtobufCMessageDescriptor *const types[NOUNS] = {
    [ACCOUNT] = &jeton__v1__account__descriptor,
    [USER] = &jeton__v1__user__descriptor,
    [TOKEN] = &jeton__v1__token__descriptor,
    [GROUP] = &jeton__v1__customer_group__descriptor,
    [MARKET] = &jeton__v1__market__descriptor,
    [LOCATION] = &jeton__v1__stock_location__descriptor,
    [CLIENT] = &jeton__v1__client__descriptor,
};

// Records of what is no change: what somebody looked at, what time brings.
static const char *const notes[] = {"platform.tokens.token.revealed",
                                    "platform.tokens.token.expiring"};

struct books *
books_new (struct run *run)
{
    struct books *books = xcalloc (1, sizeof *books);
    books->run = run;
    books->books = zhashx_new ();
    return books;
}

void
books_add (struct books *books, const struct object *account, const struct object *object)
{
    struct book *book = xcalloc (1, sizeof *book);
    book->object = object;
    book->account = account;
    books->open++;
    if (zhashx_insert (books->books, object->id, book) != 0) {
        run_fail (books->run, "%s was made twice", object->id);
        free (book);
    } else if (object->noun == TOKEN && object->status != DELETED) {
        book = zhashx_lookup (books->books, account->id);
        book->tokens++;
    }
}

void
books_destroy (struct books **books)
{
    for (struct book *book = zhashx_first ((*books)->books); book;
         book = zhashx_next ((*books)->books))
        free (book);
    zhashx_destroy (&(*books)->books);
    free (*books);
    *books = NULL;
}

// ---- the trail ---------------------------------------------------------------------------------------------------------

static bool
is_note (const char *event)
{
    return strcmp (event, notes[0]) == 0 || strcmp (event, notes[1]) == 0;
}

static void
record_fail (const struct books *books, const struct book *book,
             const Jeton__V1__AuditRecord *record, const char *what)
{
    run_fail (books->run,
              "trail entry %" PRId64 ", %s of %s at revision %" PRId64
              ": %s (the records before were of revisions up to %" PRId64
              ", the model is at %" PRId64 ")",
              books->sequence, record->event, record->object->id, record->object->revision, what,
              book->revision, book->object->revision);
}

// The object as it was left.
static void
check_after (struct books *books, struct book *book, const Jeton__V1__AuditRecord *record)
{
    enum { MARGIN_S = 5 };
    const struct object *object = book->object;
    int64_t at = record->time_us / 1000000;
    ProtobufCMessage *after = protobuf_c_message_unpack (types[object->noun], NULL,
                                                         record->after.len, record->after.data);
    if (!after) {
        record_fail (books, book, record, "after cannot be unpacked");
        return;
    }
    const char *differs =
        record->object->revision < object->revision
            ? NULL
            : model_differs (book->account, object, after, at - MARGIN_S, at + MARGIN_S);
    if (differs)
        record_fail (books, book, record, differs);
    book->last = view_hash (after);
    protobuf_c_message_free_unpacked (after, NULL);
}

// The object as the record before left it.
static void
check_before (struct books *books, const struct book *book, const Jeton__V1__AuditRecord *record)
{
    struct view_hash found = {0};
    if (record->before.len > 0) {
        ProtobufCMessage *before = protobuf_c_message_unpack (
            types[book->object->noun], NULL, record->before.len, record->before.data);
        if (before) {
            found = view_hash (before);
            protobuf_c_message_free_unpacked (before, NULL);
        }
    }
    if (!view_equal (&found, &book->last))
        record_fail (books, book, record, "before is not what the record before left");
}

static void
check_record (struct books *books, struct book *book, const Jeton__V1__AuditRecord *record)
{
    const struct object *object = book->object;
    if (is_note (record->event)) {
        book->revealed += strcmp (record->event, notes[0]) == 0;
        if (record->object->revision != book->revision)
            record_fail (books, book, record, "a note of another revision");
        return;
    }
    if (record->object->revision != book->revision + 1)
        record_fail (books, book, record, "it does not follow");
    else if (record->object->revision > object->revision)
        record_fail (books, book, record, "nobody made this change");
    else if (strcmp (record->event, step_event (object->noun, object->history[book->revision])) !=
             0)
        record_fail (books, book, record,
                     step_event (object->noun, object->history[book->revision]));
    else if (strcmp (record->actor->id, "operator") != 0)
        record_fail (books, book, record, "by somebody else");
    else {
        check_before (books, book, record);
        check_after (books, book, record);
        books->open -= ++book->revision == object->revision;
    }
}

static void
check_entry (struct books *books, const Jeton__V1__TrailEntry *entry)
{
    books->sequence = entry->sequence;
    books->run->records++;
    struct book *book = zhashx_lookup (books->books, entry->object_id);
    if (!book && !zhashx_lookup (books->books, entry->account_id))
        return; // of another run
    Jeton__V1__AuditRecord *record =
        jeton__v1__audit_record__unpack (NULL, entry->record.len, entry->record.data);
    if (!record || !record->object || !record->actor)
        run_fail (books->run, "trail entry %" PRId64 " has no object or no actor", entry->sequence);
    else if (!book)
        run_fail (books->run, "trail entry %" PRId64 ", %s of %s: nobody made this object",
                  entry->sequence, record->event, entry->object_id);
    else
        check_record (books, book, record);
    if (record)
        jeton__v1__audit_record__free_unpacked (record, NULL);
}

// Reveals that were acknowledged are there; so may be those whose outcome was not known.
static void
check_notes (struct books *books)
{
    for (const struct book *book = zhashx_first (books->books); book && !books->run->failed;
         book = zhashx_next (books->books)) {
        const struct object *object = book->object;
        if (book->revision < object->revision)
            run_fail (books->run,
                      "%s: the trail has revisions up to %" PRId64 ", %" PRId64
                      " were acknowledged",
                      object->id, book->revision, object->revision);
        else if (book->revealed < object->revealed ||
                 book->revealed > object->revealed + object->perhaps_revealed)
            run_fail (books->run, "%s: %lu records of reveals, %lu acknowledged and %lu unknown",
                      object->id, book->revealed, object->revealed, object->perhaps_revealed);
    }
    books->run->active--;
}

static void export_begin (void *context);

static void
export_replied (void *context, const struct rpc_result *result)
{
    struct books *books = context;
    const Jeton__V1__ExportTrailReply *reply = result->reply;
    if (books->run->failed)
        return;
    if (result->more) {
        if (reply->entry)
            check_entry (books, reply->entry);
    } else if (result->code != JETON__V1__CODE__CODE_OK && !run_again (result)) {
        run_fail (books->run, "%s (%s) of the export", rpc_code_name (result->code),
                  result->message);
    } else if (books->open > 0 && zclock_mono () < books->give_up_ms) {
        run_pause (books->run, export_begin, books); // the outbox may not be empty yet
    } else {
        check_notes (books);
    }
}

static void
export_begin (void *context)
{
    struct books *books = context;
    Jeton__V1__ExportTrailRequest request = JETON__V1__EXPORT_TRAIL_REQUEST__INIT;
    struct rpc_call_options options = {.credit = CREDIT};
    request.after = books->sequence;
    rpc_client_call (books->run->auditor, &jeton__v1__audit_logger__descriptor, "ExportTrail",
                     &request.base, &options, export_replied, books);
}

void
books_check_trail (struct books *books)
{
    books->give_up_ms = zclock_mono () + PATIENCE_MS;
    export_begin (books);
}

// ---- the database ------------------------------------------------------------------------------------------------------

static void
print_hex (FILE *file, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    fputc ('|', file);
    for (size_t i = 0; i < size; i++)
        fprintf (file, "%02x", bytes[i]);
}

static void
print_text (FILE *file, const char *text)
{
    print_hex (file, text, strlen (text));
}

static void
print_number (FILE *file, int64_t number)
{
    fprintf (file, "|%" PRId64, number);
}

static void
print_id (FILE *file, const char *id)
{
    char prefix[4] = "";
    int64_t number = 0;
    memcpy (prefix, id, strnlen (id, sizeof prefix - 1));
    bool some = *id && id_parse (prefix, id, &number); // none is 0
    print_number (file, some ? number : 0);
}

static void
print_texts (FILE *file, size_t n, const char *const *texts)
{
    fputc ('|', file);
    for (size_t i = 0; i < n; i++)
        fprintf (file, "%s%s", i > 0 ? "," : "", texts[i]);
}

static void
print_digest (FILE *file, const struct object *token, size_t age)
{
    uint8_t digest[TOKEN_DIGEST_SIZE] = {0};
    if (age < token->n_values)
        token_value_digest (token->values[token->n_values - 1 - age], TOKEN_VALUE_LENGTH, digest);
    print_hex (file, digest, age < token->n_values ? sizeof digest : 0);
}

static void
print_token (FILE *file, const struct object *token)
{
    const struct fields *now = &token->now;
    bool first = true;
    print_text (file, now->description->text);
    print_number (file, now->kind);
    fputc ('|', file);
    for (unsigned i = 0; i < MODULES; i++) {
        const struct grant *grant = model_grant (now, i);
        if (grant)
            fprintf (file, "%s%s:%u", first ? "" : ",", input_modules[i], grant->access);
        first = first && !grant;
    }
    print_texts (file, now->allow_list->n, now->allow_list->list);
    print_number (file, now->rate->per_minute);
    print_number (file, now->rate->burst_kept);
    print_number (file, now->expires_at);
    print_number (file, token->last_rotated_at);
    print_number (file, token->grace_until);
    print_digest (file, token, 0);
    print_digest (file, token, 1);
    print_number (file, now->revealable && token->status != DELETED);
    uint8_t logo[TOKEN_DIGEST_SIZE];
    crypto_hash_sha256 (logo, (const uint8_t *) now->logo->data, now->logo->size);
    print_hex (file, logo, now->logo->size ? sizeof logo : 0);
}

static void
print_account (FILE *file, const struct book *book)
{
    const struct object *account = book->object;
    const char *modules[MODULES];
    size_t n = 0;
    for (size_t i = 0; i < MODULES; i++)
        if (account->enabled[i])
            modules[n++] = input_modules[i];
    print_text (file, account->name);
    print_number (file, account->token_limit);
    print_number (file, book->tokens);
    print_texts (file, n, modules);
}

// In the order of the columns of the scenario's query.
static void
print_object (FILE *file, const struct book *book)
{
    const struct object *object = book->object;
    fputs (step_noun (object->noun), file);
    print_id (file, object->id);
    print_number (file, object->status);
    print_number (file, object->revision);
    print_number (file, object->created_at);
    if (object->noun == ACCOUNT) {
        print_account (file, book);
    } else {
        print_id (file, book->account->id);
        print_text (file, object->now.name->text);
    }
    if (object->noun == USER)
        print_text (file, object->username);
    else if (object->noun > USER) {
        print_number (file, object->updated_at);
        print_id (file, object->now.reference);
    }
    if (object->noun == TOKEN)
        print_token (file, object);
    else if (object->noun == CLIENT) {
        print_number (file, object->now.kind);
        print_number (file, object->now.life);
        print_number (file, object->now.format);
        print_texts (file, object->now.uris->n, object->now.uris->list);
    } else if (object->noun > USER)
        print_text (file, object->now.code->text);
    fputc ('\n', file);
}

bool
books_write (const struct books *books, const char *path, struct error *error_r)
{
    FILE *file = fopen (path, "w");
    if (!file) {
        error_set (error_r, "%s: cannot be written", path);
        return false;
    }
    for (const struct book *book = zhashx_first (books->books); book;
         book = zhashx_next (books->books))
        print_object (file, book);
    if (fclose (file) == 0)
        return true;
    error_set (error_r, "%s: cannot be written", path);
    return false;
}
