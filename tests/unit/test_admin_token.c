// Tokens that are edited (R7, R10), rotated and revealed: what is refused, and what is written.
// objects: $(ADMIN_HANDLERS)
#include "services/admin/token.h"
#include "tests/unit/test_admin.h"
#include <unistd.h>

// A token of revision 4, and the modules that the request names.
static void
answer_token (const char *kind, const char *modules)
{
    answer (DB_OK, 1, 24,
            (const char *[]){"7",
                             "3",
                             "0",
                             "Orders of ACME",
                             "for the shop",
                             kind,
                             "1",
                             "1",
                             "alice",
                             "alice",
                             "1700000000",
                             "1700000000",
                             "0",
                             "0",
                             "4",
                             "orders:2,stock:1",
                             "10.0.0.0/8,::1/128",
                             "60",
                             "5",
                             "0",
                             "0",
                             "f",
                             "",
                             modules});
}

static Jeton__V1__EditTokenRequest
edit (char **fields, size_t n)
{
    Jeton__V1__EditTokenRequest message = JETON__V1__EDIT_TOKEN_REQUEST__INIT;
    message.id = token_id;
    message.revision = 4;
    message.fields = fields;
    message.n_fields = n;
    message.name = "New";
    return message;
}

START_TEST (test_input)
{
    char *fields[] = {"name", "allow_list"};
    Jeton__V1__EditTokenRequest good = edit (fields, 2), message;
#define TRY(field, change)                                                                         \
    do {                                                                                           \
        message = good;                                                                            \
        change;                                                                                    \
        begin (admin_edit_token, &message);                                                        \
        refused (field);                                                                           \
    } while (0)
    TRY ("id", message.id = account_id);
    TRY ("revision", message.revision = 0);
    TRY ("fields", message.n_fields = 0);
    TRY ("name", message.name = "");
    char *list[65] = {"10.0.0.0/8", "10.1.0.0/16"};
    TRY ("allow_list[1]", message.allow_list = list; message.n_allow_list = 2);
    list[1] = "11.0.0.1/8";
    TRY ("allow_list[1]", message.allow_list = list; message.n_allow_list = 2);
    ck_assert_ptr_nonnull (strstr (call.text, "11.0.0.0/8"));
    TRY ("allow_list", message.allow_list = list; message.n_allow_list = 65);
    fields[1] = "name";
    TRY ("fields[1]", );
    fields[1] = "value";
    TRY ("fields[1]", );
    fields[1] = "modules";
    begin (admin_edit_token, &good);
    was_asked ("store_token_edit_prepare");
    answer_token ("2", "");
    refused ("modules");
    fields[1] = "expires_at";
    begin (admin_edit_token, &good);
    answer_token ("3", "");
    refused ("expires_at");
}
END_TEST

START_TEST (test_edit)
{
    char *fields[] = {"modules", "rate_limit"};
    Jeton__V1__EditTokenRequest message = edit (fields, 2);
    Jeton__V1__ModuleGrant grant = JETON__V1__MODULE_GRANT__INIT, *modules[] = {&grant};
    Jeton__V1__RateLimit limit = JETON__V1__RATE_LIMIT__INIT;
    grant.module = "prices";
    message.modules = modules;
    message.n_modules = 1;
    message.rate_limit = &limit;
    limit.per_minute = 7;
    begin (admin_edit_token, &message);
    answer_token ("2", "prices:13:1");
    was_asked ("store_token_edit");
    ck_assert_str_eq (asked.text, "13");
    ck_assert_str_eq (asked.edit.accesses, "1");
    ck_assert_str_eq (asked.edit.allow_list, "10.0.0.0/8,::1/128");
    ck_assert (asked.edit.grants);
    ck_assert_int_eq (asked.change.revision, 4);
    answer (DB_OK, 1, 1, (const char *[]){"7"});
    ends_with (0);
    Jeton__V1__EditTokenReply *reply =
        jeton__v1__edit_token_reply__unpack (NULL, call.size, call.body);
    ck_assert_int_eq (reply->token->revision, 5);
    ck_assert_str_eq (reply->token->name, "Orders of ACME");
    ck_assert_uint_eq (reply->token->n_modules, 1);
    ck_assert_uint_eq (reply->token->n_allow_list, 2);
    ck_assert_uint_eq (reply->token->rate_limit->burst, 7);
    jeton__v1__edit_token_reply__free_unpacked (reply, NULL);
}
END_TEST

// Somebody else was faster: before the read, or between read and write.
START_TEST (test_aborted)
{
    char *fields[] = {"name"};
    Jeton__V1__EditTokenRequest message = edit (fields, 1);
    message.revision = 3;
    begin (admin_edit_token, &message);
    answer_token ("2", "");
    ends_with (JETON__V1__CODE__CODE_ABORTED);
    ck_assert_ptr_nonnull (strstr (call.text, "revision 4, not 3"));
    message.revision = 4;
    begin (admin_edit_token, &message);
    answer_token ("2", "");
    was_asked ("store_token_edit");
    ck_assert (!asked.edit.grants);
    answer_nothing ();
    was_asked ("store_token_edit_prepare");
    message.revision = 3; // as if the token were one further
    answer_token ("2", "");
    ends_with (JETON__V1__CODE__CODE_ABORTED);
}
END_TEST

START_TEST (test_rotate) // R9
{
    Jeton__V1__RotateTokenRequest message = JETON__V1__ROTATE_TOKEN_REQUEST__INIT;
    Jeton__V1__Period grace = JETON__V1__PERIOD__INIT;
    message.id = token_id;
    message.grace = &grace;
    for (grace.seconds = -1; grace.seconds <= 604801; grace.seconds += 604802) {
        begin (admin_rotate_token, &message);
        refused ("grace.seconds");
    }
    for (grace.seconds = 0; grace.seconds <= 604800; grace.seconds += 604800) {
        begin (admin_rotate_token, &message);
        was_asked ("store_token_get");
        answer_token ("2", "");
        was_asked ("store_token_rotate");
        // Without a grace period it is over for every clock.
        ck_assert_int_eq (asked.grace_until, grace.seconds ? asked.change.at + grace.seconds : 0);
        answer (DB_OK, 1, 1, (const char *[]){"7"});
        ends_with (0);
        Jeton__V1__RotateTokenReply *reply =
            jeton__v1__rotate_token_reply__unpack (NULL, call.size, call.body);
        uint8_t digest[TOKEN_DIGEST_SIZE];
        token_value_digest (reply->value, strlen (reply->value), digest);
        ck_assert_mem_eq (digest, asked.new.digest, sizeof digest);
        ck_assert_int_eq (reply->token->grace_until,
                          grace.seconds ? asked.change.at + grace.seconds : 0);
        jeton__v1__rotate_token_reply__free_unpacked (reply, NULL);
    }
    // A value whose write nobody has seen is never told, and a second try makes another.
    message.grace = NULL;
    begin (admin_rotate_token, &message);
    answer_token ("2", "");
    ck_assert_int_eq (asked.grace_until, asked.change.at + 86400);
    uint8_t lost[TOKEN_DIGEST_SIZE];
    memcpy (lost, asked.new.digest, sizeof lost);
    answer_nothing ();
    was_asked ("store_token_get");
    answer_token ("2", "");
    ck_assert_mem_ne (lost, asked.new.digest, sizeof lost);
    answer (DB_UNCERTAIN, 0, 0, NULL);
    ends_with (JETON__V1__CODE__CODE_UNKNOWN);
    message.revision = 3;
    begin (admin_rotate_token, &message);
    answer_token ("2", "");
    ends_with (JETON__V1__CODE__CODE_ABORTED);
}
END_TEST

// A token of revision 4 with a sealed value, as hexadecimal digits.
static void
answer_sealed (const char *revealable, const char *sealed)
{
    answer (DB_OK, 1, 24,
            (const char *[]){"7", "3", "0",     "Shop",     "",           "2",
                             "1", "1", "alice", "alice",    "1700000000", "1700000000",
                             "0", "0", "4",     "",         "",           "0",
                             "0", "0", "0",     revealable, "",           sealed});
}

static struct seal_keys *
seal_keys_of (const char *text)
{
    char path[] = "/tmp/test_admin_token.XXXXXX";
    struct error error = {""};
    int fd = mkstemp (path);
    ck_assert_int_eq (write (fd, text, strlen (text)), (ssize_t) strlen (text));
    close (fd);
    struct seal_keys *keys = seal_keys_load (path, &error);
    unlink (path);
    ck_assert_msg (keys, "%s", error.text);
    return keys;
}

START_TEST (test_reveal) // R8
{
    static const char value[] = "jtn_live_0123456789abcdef0123456789abcdef0123456789ab";
    admin.seal_keys =
        seal_keys_of ("1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
    uint8_t sealed[STORE_SEALED_SIZE];
    char hex[2 * STORE_SEALED_SIZE + 3] = "\\x";
    ck_assert_uint_eq (strlen (value), TOKEN_VALUE_LENGTH);
    ck_assert (token_seal (&admin, token_id, value, sealed));
    sodium_bin2hex (hex + 2, sizeof hex - 2, sealed, sizeof sealed);
    Jeton__V1__RevealTokenRequest message = JETON__V1__REVEAL_TOKEN_REQUEST__INIT;
    message.id = token_id;
    begin (admin_reveal_token, &message);
    was_asked ("store_token_get_sealed");
    answer_sealed ("f", "");
    ends_with (JETON__V1__CODE__CODE_FAILED_PRECONDITION);
    // The value is told when its record is committed, and not before, and not when that is uncertain.
    begin (admin_reveal_token, &message);
    answer_sealed ("t", hex);
    was_asked ("store_token_reveal");
    ck_assert_int_eq (asked.change.revision, 4);
    answer (DB_UNCERTAIN, 0, 0, NULL);
    ends_with (JETON__V1__CODE__CODE_UNKNOWN);
    begin (admin_reveal_token, &message);
    answer_sealed ("t", hex);
    answer (DB_OK, 1, 1, (const char *[]){"7"});
    ends_with (0);
    Jeton__V1__RevealTokenReply *reply =
        jeton__v1__reveal_token_reply__unpack (NULL, call.size, call.body);
    ck_assert_str_eq (reply->value, value);
    jeton__v1__reveal_token_reply__free_unpacked (reply, NULL);
    // Another token's, changed, or too short.
    ck_assert (token_seal (&admin, "TKN-0000-0000", value, sealed));
    sodium_bin2hex (hex + 2, sizeof hex - 2, sealed, sizeof sealed);
    const char *const wrong[] = {hex, "\\x00", "\\x", "x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        begin (admin_reveal_token, &message);
        answer_sealed ("t", wrong[i]);
        ends_with (JETON__V1__CODE__CODE_DATA_LOSS);
    }
    seal_keys_destroy (&admin.seal_keys);
}
END_TEST

static void
add (TCase *tests)
{
    tcase_add_test (tests, test_input);
    tcase_add_test (tests, test_edit);
    tcase_add_test (tests, test_aborted);
    tcase_add_test (tests, test_rotate);
    tcase_add_test (tests, test_reveal);
}

int
main (void)
{
    return run ("admin tokens", add);
}
