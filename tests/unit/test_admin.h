// The admin process's handlers under test: a request, a store and a pool of workers that do what a test tells them to. Included once by a
// test's only source file.
#ifndef JETON_TEST_ADMIN_H
#define JETON_TEST_ADMIN_H

#include "audit.pb-c.h"
#include "common/crypto/crypto.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/check.h"
#include "services/admin/idempotency.h"
#include "services/admin/page.h"
#include "services/admin/secret.h"
#include "services/admin/store.h"
#include "services/admin/token_import.h"
#include <check.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// protobuf-c's fields are char *, literals would be const.
#ifdef __clang__
#pragma clang diagnostic ignored "-Wincompatible-pointer-types-discards-qualifiers"
#else
#pragma GCC diagnostic ignored "-Wdiscarded-qualifiers"
#endif

// ---- a request --------------------------------------------------------------------------------------------------------
struct request {
    struct arena *arena;
    const void *message;
    void *context;
    int answers; // must end up as 1
    int code;
    char field[64], text[512];
    uint8_t *body;
    size_t size;
    const char *key;      // metadata idempotency-key
    const char *sent;     // the packed request
    rpc_handler *handler; // behind the gate
    request_callback *held;
    bool refused; // what was held has been sent
    struct request_refusal *refusal;
};
static struct admin admin;
static struct request call;
static const struct peer alice = {.name = "alice", .roles = ROLE_OPERATOR};

// ---- the feed ---------------------------------------------------------------------------------------------------------
static struct {
    struct feed_change change; // the last that was told
    int64_t revision;
    Jeton__V1__TokenStatus status;
    int told, unsure;
    bool refuses; // to let it write
} heard;

void
feed_tell_status (struct feed *feed, const struct feed_change *change, int64_t revision,
                  Jeton__V1__TokenStatus status)
{
    (void) feed;
    heard.change = *change;
    heard.revision = revision;
    heard.status = status;
    heard.told++;
}
void
feed_tell_unsure (struct feed *feed, const struct feed_change *change)
{
    (void) feed;
    heard.change = *change;
    heard.unsure++;
}
bool
feed_admitted (const struct feed *feed, struct error *error_r)
{
    (void) feed;
    if (heard.refuses)
        error_set (error_r, "not admitted");
    return !heard.refuses;
}

const void *
request_message (const struct request *request)
{
    return request->message;
}
void *
request_owner (const struct request *request)
{
    (void) request;
    return &admin;
}
struct arena *
request_arena (struct request *request)
{
    return request->arena;
}
const struct peer *
request_peer (const struct request *request)
{
    (void) request;
    return &alice;
}
const char *
request_method (const struct request *request)
{
    (void) request;
    return "jeton.v1.Admin/CreateToken";
}
const char *
request_correlation (const struct request *request)
{
    (void) request;
    return "0123456789abcdef0123456789abcdef";
}
const char *
request_metadata (const struct request *request, const char *key)
{
    return strcmp (key, "idempotency-key") == 0 ? request->key : NULL;
}
const void *
request_body (const struct request *request, size_t *size_r)
{
    *size_r = strlen (request->sent);
    return request->sent;
}
unsigned
request_flags (const struct request *request)
{
    (void) request;
    return RPC_WRITE;
}
void
request_handle (struct request *request)
{
    request->handler (request);
}
void
request_hold (struct request *request, request_callback *held)
{
    request->held = held;
}
void
request_capture (struct request *request, struct request_refusal *refusal)
{
    request->refusal = refusal;
}
int
request_held (const struct request *request)
{
    return request->code;
}
void
request_refuse (struct request *request)
{
    request->refused = true;
    request->answers++;
}
// A refusal's code and text are in place: send it, or hold it.
static void
refusal_sent (struct request *request)
{
    request_callback *held = request->held;
    request->held = NULL;
    if (held)
        held (request);
    else
        request->answers++;
}
const struct caller *
request_caller (const struct request *request)
{
    (void) request;
    return NULL;
}
void *
request_context (const struct request *request)
{
    return request->context;
}
void
request_context_set (struct request *request, void *context)
{
    request->context = context;
}
void
request_reply (struct request *request, const ProtobufCMessage *reply)
{
    request->answers++;
    request->size = protobuf_c_message_get_packed_size (reply);
    request->body = xcalloc (1, request->size + 1);
    protobuf_c_message_pack (reply, request->body);
}
static void __attribute__ ((format (printf, 4, 0)))
refuse_with (struct request *request, int code, const char *field, const char *format,
             va_list arguments)
{
    struct request_refusal *refusal = request->refusal;
    char *text = refusal ? refusal->text : request->text;
    if (refusal && refusal->code)
        return;
    vsnprintf (text, sizeof request->text, format, arguments);
    snprintf (refusal ? refusal->field : request->field, sizeof request->field, "%s", field);
    *(refusal ? &refusal->code : &request->code) = code;
    if (!refusal)
        refusal_sent (request);
}
void
request_fail (struct request *request, int code, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    refuse_with (request, code, "", format, arguments);
    va_end (arguments);
}
void
request_fail_field (struct request *request, const char *field, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    refuse_with (request, JETON__V1__CODE__CODE_INVALID_ARGUMENT, field, format, arguments);
    va_end (arguments);
}

// ---- a store ----------------------------------------------------------------------------------------------------------
#include "tests/unit/test_admin_store.h"

// A result of rows of `columns` texts each.
static PGresult *
rows (int n, int columns, const char *const *texts)
{
    PGresult *result = PQmakeEmptyPGresult (NULL, PGRES_TUPLES_OK);
    PGresAttDesc attributes[32] = {0};
    for (int i = 0; i < columns; i++)
        attributes[i].name = "column";
    PQsetResultAttrs (result, columns, attributes);
    for (int i = 0; i < n * columns; i++)
        PQsetvalue (result, i / columns, i % columns, (char *) texts[i], (int) strlen (texts[i]));
    return result;
}

// Answers the last question.
static void
answer_with (enum db_outcome outcome, int n, int columns, const char *const *texts,
             const struct db_error *error)
{
    PGresult *result = outcome == DB_OK ? rows (n, columns, texts) : NULL;
    PGresult *results[] = {result, result};
    db_callback *callback = asked.callback;
    ck_assert_ptr_eq (asked.request, &call);
    asked.name = NULL;
    asked.callback = NULL;
    callback (&call, outcome, outcome == DB_OK ? results : NULL, error);
    PQclear (result);
}

static void
answer (enum db_outcome outcome, int n, int columns, const char *const *texts)
{
    struct db_error error = {"23505", "users_username", "duplicate key"};
    answer_with (outcome, n, columns, texts, &error);
}

static void
answer_nothing (void)
{
    answer (DB_OK, 0, 1, NULL);
}

// One row: the change was made.
static inline void
answer_changed (void)
{
    answer (DB_OK, 1, 1, (const char *[]){"7"});
}

// The audit record of the change that the store was asked for; the caller frees it.
static inline Jeton__V1__AuditRecord *
record (void)
{
    Jeton__V1__AuditRecord *unpacked =
        jeton__v1__audit_record__unpack (NULL, asked.change.record_size, asked.change.record);
    ck_assert_ptr_nonnull (unpacked);
    return unpacked;
}

// A call with an idempotency key, whose packed request stands as `sent`, goes through the gate to its handler.
static inline void
begin_at (rpc_handler *gate, rpc_handler *handler, const void *message, const char *key,
          const char *sent)
{
    arena_destroy (&call.arena);
    free (call.body);
    memset (&call, 0, sizeof call);
    memset (&asked, 0, sizeof asked);
    memset (&pool, 0, sizeof pool);
    call.arena = arena_new (1 << 20);
    call.message = message;
    call.key = key;
    call.sent = sent;
    call.handler = handler;
    gate (&call);
}

static inline void
begin (rpc_handler *handler, const void *message)
{
    begin_at (handler, handler, message, NULL, "");
}

static void
ends_with (int code)
{
    ck_assert_int_eq (call.answers, 1);
    ck_assert_msg (call.code == code, "code %d, not %d: %s", call.code, code, call.text);
}

static void
refused (const char *field)
{
    ends_with (JETON__V1__CODE__CODE_INVALID_ARGUMENT);
    ck_assert_str_eq (call.field, field);
    ck_assert_ptr_null (asked.callback);
}

static void
was_asked (const char *name)
{
    ck_assert_int_eq (call.answers, 0);
    ck_assert_msg (asked.name, "the store was not asked");
    ck_assert_str_eq (asked.name, name);
}

static char token_id[ID_SIZE], account_id[ID_SIZE], user_id[ID_SIZE];

static void
set_up (void)
{
    id_format ("TKN", 7, token_id);
    id_format ("ACC", 3, account_id);
    id_format ("USR", 5, user_id);
    admin.keys.n = 1;
}

static void
tear_down (void)
{
    arena_destroy (&call.arena);
    free (call.body);
    memset (&call, 0, sizeof call);
}

// main's work: run the tests of one case.
static int
run (const char *name, void (*add) (TCase *tests))
{
    struct error error;
    if (!crypto_start (&error))
        return EXIT_FAILURE;
    TCase *tests = tcase_create (name);
    tcase_set_timeout (tests, 60);
    tcase_add_checked_fixture (tests, set_up, tear_down);
    add (tests);
    Suite *suite = suite_create (name);
    suite_add_tcase (suite, tests);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
