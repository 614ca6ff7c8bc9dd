// Tokens that are edited and rotated: what is refused, and what is written.
// objects: services/admin/account.o services/admin/change.o services/admin/check.o services/admin/dispatch.o services/admin/module.o
// objects: services/admin/names.o services/admin/page.o services/admin/token.o services/admin/token_check.o services/admin/token_create.o
// objects: services/admin/token_list.o services/admin/token_reveal.o services/admin/token_reseal.o
// objects: services/admin/token_edit.o services/admin/token_rotate.o services/admin/user.o services/admin/view.o
// objects: services/admin/view_resource.o services/admin/resource.o services/admin/resource_change.o
// objects: services/admin/group.o services/admin/market.o services/admin/location.o services/admin/scope.o
// objects: services/admin/idempotency.o
// objects: services/admin/client.o services/admin/uri.o
#include "tests/unit/test_admin.h"

// A token of revision 4, and the modules that the request names.
static void
answer_token (const char *kind, const char *modules)
{
    answer (DB_OK, 1, 23,
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

static void
add (TCase *tests)
{
    tcase_add_test (tests, test_input);
    tcase_add_test (tests, test_edit);
    tcase_add_test (tests, test_aborted);
    tcase_add_test (tests, test_rotate);
}

int
main (void)
{
    return run ("admin tokens", add);
}
