// Repeats of mutating calls in the admin process (R37, R44): what is kept, what a repeat gets, and which refusals hold.
// objects: $(ADMIN_HANDLERS)
#include "tests/unit/test_admin.h"
#include <arpa/inet.h>
#include <unistd.h>

static uint8_t kept_sealed[4096];
static size_t kept_size;

// Before the tests: each of them is a process of its own.
static void
seal_keys_make (void)
{
    char path[] = "/tmp/jeton-seal-XXXXXX";
    struct error error;
    int fd = mkstemp (path);
    if (fd < 0 || dprintf (fd, "1 %064d\n", 7) < 0 || close (fd) != 0)
        exit (EXIT_FAILURE);
    admin.seal_keys = seal_keys_load (path, &error);
    unlink (path);
    if (!admin.seal_keys)
        exit (EXIT_FAILURE);
}

static Jeton__V1__CreateTokenRequest
new_token (void)
{
    static Jeton__V1__ModuleGrant orders;
    static Jeton__V1__ModuleGrant *grants[] = {&orders};
    jeton__v1__module_grant__init (&orders);
    orders.module = "orders";
    Jeton__V1__CreateTokenRequest message = JETON__V1__CREATE_TOKEN_REQUEST__INIT;
    message.account_id = account_id;
    message.name = "Orders";
    message.kind = JETON__V1__TOKEN_KIND__TOKEN_KIND_SERVICE;
    message.modules = grants;
    message.n_modules = 1;
    return message;
}

// Through the gate. `sent` stands for the packed request.
static void
begin_keyed (const char *key, const char *sent, const void *message)
{
    begin_at (idempotency_gate, admin_create_token, message, key, sent);
}

// The elements of PostgreSQL's binary form of bytea[].
static size_t
told (const uint8_t *data, size_t size, const uint8_t *parts_r[8], size_t sizes_r[8])
{
    uint32_t head[5], length;
    memcpy (head, data, sizeof head);
    ck_assert_uint_eq (ntohl (head[0]), 1);
    ck_assert_uint_eq (head[1], 0);
    ck_assert_uint_eq (ntohl (head[2]), 17);
    ck_assert_uint_eq (ntohl (head[4]), 1);
    size_t n = ntohl (head[3]), at = sizeof head;
    ck_assert_uint_le (n, 8);
    for (size_t i = 0; i < n; at += sizes_r[i++]) {
        memcpy (&length, data + at, sizeof length);
        at += sizeof length;
        parts_r[i] = data + at;
        sizes_r[i] = ntohl (length);
    }
    ck_assert_uint_eq (at, size);
    return n;
}

// A first call up to its write: what it keeps is in kept_sealed.
static void
first_call (const Jeton__V1__CreateTokenRequest *message)
{
    begin_keyed ("key", "request", message);
    was_asked ("store_idempotency_get");
    answer_nothing ();
    was_asked ("store_token_prepare");
    answer (DB_OK, 1, 7, (const char *[]){"1", "7", "10", "2", "0", "0", "orders:11:1"});
    was_asked ("store_token_create");
    const uint8_t *parts[8];
    size_t sizes[8];
    ck_assert_uint_eq (told (asked.change.told, asked.change.told_size, parts, sizes), 4);
    ck_assert_uint_eq (sizes[0], asked.change.record_size);
    ck_assert_mem_eq (parts[0], asked.change.record, sizes[0]);
    ck_assert_uint_eq (sizes[1], IDEMPOTENCY_HASH_SIZE);
    ck_assert_uint_eq (sizes[2], strlen ("jeton.v1.Admin/CreateToken"));
    ck_assert_mem_eq (parts[2], "jeton.v1.Admin/CreateToken", sizes[2]);
    ck_assert_uint_le (sizes[3], sizeof kept_sealed);
    memcpy (kept_sealed, parts[3], kept_size = sizes[3]);
}

static void
answer_kept (const char *method)
{
    char hex[2 * sizeof kept_sealed + 3] = "\\x";
    sodium_bin2hex (hex + 2, sizeof hex - 2, kept_sealed, kept_size);
    answer (DB_OK, 1, 2, (const char *[]){method, hex});
}

START_TEST (test_keys)
{
    Jeton__V1__CreateTokenRequest message = new_token ();
    char long_key[130] = "";
    memset (long_key, 'k', 129);
    static const char *const wrong[] = {"", "tab\t", "new\nline", "\x7f", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        begin_keyed (wrong[i], "request", &message);
        refused ("idempotency-key");
    }
    begin_keyed (long_key, "request", &message);
    refused ("idempotency-key");
    begin_keyed (long_key + 1, "request", &message);
    was_asked ("store_idempotency_get");
    begin_keyed (NULL, "request", &message);
    was_asked ("store_token_prepare");
}
END_TEST

START_TEST (test_repeat)
{
    Jeton__V1__CreateTokenRequest message = new_token ();
    first_call (&message);
    answer (DB_OK, 1, 1, (const char *[]){"7"});
    ends_with (0);
    size_t size = call.size;
    cleanup_free uint8_t *body = xmemdup (call.body, size);
    begin_keyed ("key", "request", &message);
    answer_kept ("jeton.v1.Admin/CreateToken");
    ends_with (0);
    ck_assert_uint_eq (call.size, size);
    ck_assert_mem_eq (call.body, body, size);
    // Another request, another method, another key's row, bytes that were changed.
    begin_keyed ("key", "another request", &message);
    answer_kept ("jeton.v1.Admin/CreateToken");
    refused ("idempotency-key");
    begin_keyed ("key", "request", &message);
    answer_kept ("jeton.v1.Admin/CreateUser");
    ends_with (JETON__V1__CODE__CODE_DATA_LOSS);
    begin_keyed ("other key", "request", &message);
    answer_kept ("jeton.v1.Admin/CreateToken");
    ends_with (JETON__V1__CODE__CODE_DATA_LOSS);
    for (size_t i = 0; i < kept_size; i += 7) {
        kept_sealed[i] ^= 1;
        begin_keyed ("key", "request", &message);
        answer_kept ("jeton.v1.Admin/CreateToken");
        ends_with (JETON__V1__CODE__CODE_DATA_LOSS);
        kept_sealed[i] ^= 1;
    }
    kept_size = CRYPTO_SEAL_OVERHEAD;
    begin_keyed ("key", "request", &message);
    answer_kept ("jeton.v1.Admin/CreateToken");
    ends_with (JETON__V1__CODE__CODE_DATA_LOSS);
}
END_TEST

// What a call that crosses its repeat ends with.
START_TEST (test_held)
{
    Jeton__V1__CreateTokenRequest message = new_token ();
    first_call (&message);
    // The other call's key was there first: its reply is this one's.
    struct db_error error = {"23505", IDEMPOTENCY_CONSTRAINT, "duplicate key"};
    answer_with (DB_CONFLICT, 0, 0, NULL, &error);
    was_asked ("store_idempotency_get");
    answer_kept ("jeton.v1.Admin/CreateToken");
    ends_with (JETON__V1__CODE__CODE_ABORTED); // the code of what was held is not sent
    ck_assert (!call.refused && call.size > 0);
    // A refusal holds when there is no such key after it, either.
    begin_keyed ("key", "request", &message);
    answer_nothing ();
    answer_nothing ();
    was_asked ("store_idempotency_get");
    answer_nothing ();
    ends_with (JETON__V1__CODE__CODE_NOT_FOUND);
    ck_assert (call.refused);
    // When nobody can tell whether there is, it does not.
    begin_keyed ("key", "request", &message);
    answer_nothing ();
    answer_nothing ();
    answer (DB_UNAVAILABLE, 0, 0, NULL);
    ends_with (JETON__V1__CODE__CODE_UNAVAILABLE);
    ck_assert (!call.refused);
    // But an unknown outcome stays one.
    first_call (&message);
    answer (DB_UNCERTAIN, 0, 0, NULL);
    answer (DB_UNAVAILABLE, 0, 0, NULL);
    ends_with (JETON__V1__CODE__CODE_UNKNOWN);
    ck_assert (call.refused);
    first_call (&message);
    answer (DB_UNCERTAIN, 0, 0, NULL);
    answer_kept ("jeton.v1.Admin/CreateToken");
    ck_assert (!call.refused && call.size > 0);
    begin_keyed ("key", "request", &message);
    answer (DB_UNAVAILABLE, 0, 0, NULL);
    ends_with (JETON__V1__CODE__CODE_UNAVAILABLE);
}
END_TEST

static void
add (TCase *tests)
{
    seal_keys_make ();
    tcase_add_test (tests, test_keys);
    tcase_add_test (tests, test_repeat);
    tcase_add_test (tests, test_held);
}

int
main (void)
{
    int status = run ("admin_idempotency", add);
    seal_keys_destroy (&admin.seal_keys);
    return status;
}
