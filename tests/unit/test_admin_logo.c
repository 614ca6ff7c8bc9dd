// Logos of tokens: what is refused, what is written, what is told (R35).
// objects: $(ADMIN_HANDLERS)
#include "tests/unit/test_admin.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// One grey pixel.
static uint8_t picture[] = "\x89PNG\r\n\x1a\n"
                           "\0\0\0\x0dIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0\x3a\x7e\x9b\x55"
                           "\0\0\0\x0aIDAT\x78\xda\x63\x60\0\0\0\2\0\1\xe5\x27\xde\xfc"
                           "\0\0\0\0IEND\xae\x42\x60\x82";
enum { PICTURE = sizeof picture - 1 };

static Jeton__V1__SetTokenLogoRequest
set (void)
{
    Jeton__V1__SetTokenLogoRequest message = JETON__V1__SET_TOKEN_LOGO_REQUEST__INIT;
    message.id = token_id;
    message.revision = 4;
    message.logo = (ProtobufCBinaryData){PICTURE, picture};
    return message;
}

// A token of revision 4.
static void
answer_token (const char *status, const char *logo)
{
    was_asked ("store_token_get");
    answer (DB_OK, 1, 23,
            (const char *[]){"7",     "3",     "0",          "Shop",       "",  "2", "1", status,
                             "alice", "alice", "1700000000", "1700000000", "0", "0", "4", "",
                             "",      "0",     "0",          "0",          "0", "f", logo});
}

START_TEST (test_input)
{
    static uint8_t large[256 * 1024 + 1];
    static char svg[] = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
    Jeton__V1__SetTokenLogoRequest message = set ();
    message.id = account_id;
    begin (admin_set_token_logo, &message);
    refused ("id");
    message = set ();
    for (message.revision = -1; message.revision < 1; message.revision++) {
        begin (admin_set_token_logo, &message);
        refused ("revision");
    }
    message = set ();
    message.logo = (ProtobufCBinaryData){sizeof large, large};
    begin (admin_set_token_logo, &message);
    refused ("logo");
    ck_assert_ptr_nonnull (strstr (call.text, "256 KiB at most, not 262145"));
    message.logo = (ProtobufCBinaryData){sizeof svg - 1, (uint8_t *) svg};
    begin (admin_set_token_logo, &message);
    refused ("logo");
    ck_assert_ptr_nonnull (strstr (call.text, "no PNG, JPEG or WebP"));
    message.logo = (ProtobufCBinaryData){PICTURE - 1, picture};
    begin (admin_set_token_logo, &message);
    refused ("logo");
    ck_assert_ptr_nonnull (strstr (call.text, "cut off"));
    Jeton__V1__GetTokenLogoRequest get = JETON__V1__GET_TOKEN_LOGO_REQUEST__INIT;
    begin (admin_get_token_logo, &get);
    refused ("id");
    static char *const digests[] = {"0", DIGEST "0", ("0123456789ABCDEF" DIGEST)};
    for (size_t i = 0; i < 3; i++) {
        get.id = token_id;
        get.digest = digests[i];
        begin (admin_get_token_logo, &get);
        refused ("digest");
    }
}
END_TEST

START_TEST (test_set)
{
    Jeton__V1__SetTokenLogoRequest message = set ();
    begin (admin_set_token_logo, &message);
    answer_token ("1", "");
    was_asked ("store_token_logo_set");
    ck_assert_str_eq (asked.text, "image/png");
    ck_assert_int_eq (asked.reference, PICTURE);
    ck_assert_int_eq (asked.change.revision, 4);
    ck_assert_ptr_null (memmem (asked.change.told, asked.change.told_size, picture, 8));
    answer (DB_OK, 1, 1, (const char *[]){"7"});
    ends_with (0);
    Jeton__V1__SetTokenLogoReply *reply =
        jeton__v1__set_token_logo_reply__unpack (NULL, call.size, call.body);
    ck_assert_int_eq (reply->token->revision, 5);
    ck_assert_str_eq (reply->token->logo->content_type, "image/png");
    ck_assert_uint_eq (strlen (reply->token->logo->digest), 64);
    ck_assert_uint_eq (reply->token->logo->size, PICTURE);
    jeton__v1__set_token_logo_reply__free_unpacked (reply, NULL);
}
END_TEST

START_TEST (test_remove)
{
    Jeton__V1__SetTokenLogoRequest message = set ();
    message.logo = (ProtobufCBinaryData){0, NULL};
    begin (admin_set_token_logo, &message);
    answer_token ("2", "");
    ends_with (JETON__V1__CODE__CODE_FAILED_PRECONDITION);
    begin (admin_set_token_logo, &message);
    answer_token ("2", "image/webp," DIGEST ",70");
    was_asked ("store_token_logo_set");
    ck_assert_str_eq (asked.text, "");
    answer (DB_OK, 1, 1, (const char *[]){"7"});
    ends_with (0);
    Jeton__V1__SetTokenLogoReply *reply =
        jeton__v1__set_token_logo_reply__unpack (NULL, call.size, call.body);
    ck_assert_ptr_null (reply->token->logo);
    jeton__v1__set_token_logo_reply__free_unpacked (reply, NULL);
}
END_TEST

// Somebody else was faster, or what is stored cannot be.
START_TEST (test_wrong)
{
    Jeton__V1__SetTokenLogoRequest message = set ();
    message.revision = 3;
    begin (admin_set_token_logo, &message);
    answer_token ("1", "");
    ends_with (JETON__V1__CODE__CODE_ABORTED);
    ck_assert_ptr_nonnull (strstr (call.text, "revision 4, not 3"));
    message.revision = 4;
    begin (admin_set_token_logo, &message);
    answer_token ("1", "");
    answer_nothing ();
    was_asked ("store_token_get");
    answer_nothing ();
    ends_with (JETON__V1__CODE__CODE_NOT_FOUND);
    begin (admin_set_token_logo, &message);
    answer_token ("1", "");
    answer (DB_UNCERTAIN, 0, 0, NULL);
    ends_with (JETON__V1__CODE__CODE_UNKNOWN);
    static const char *const logos[] = {"image/png",
                                        "image/png," DIGEST,
                                        "image/png," DIGEST ",x",
                                        "image/png," DIGEST ",0",
                                        "image/png," DIGEST ",1,2",
                                        "image/png," DIGEST ",1234567890"};
    for (size_t i = 0; i < sizeof logos / sizeof *logos; i++) {
        begin (admin_set_token_logo, &message);
        answer_token ("1", logos[i]);
        ends_with (JETON__V1__CODE__CODE_DATA_LOSS);
    }
}
END_TEST

START_TEST (test_get)
{
    Jeton__V1__GetTokenLogoRequest message = JETON__V1__GET_TOKEN_LOGO_REQUEST__INIT;
    message.id = token_id;
    begin (admin_get_token_logo, &message);
    was_asked ("store_token_logo_get");
    answer_nothing ();
    ends_with (JETON__V1__CODE__CODE_NOT_FOUND);
    message.digest = DIGEST;
    static const char *const data[][2] = {{"\\x000102", "\0\1\2"}, {"\\x", ""}};
    for (size_t i = 0; i < 2; i++) {
        begin (admin_get_token_logo, &message);
        ck_assert_str_eq (asked.text, DIGEST);
        answer (DB_OK, 1, 2, (const char *[]){"image/jpeg," DIGEST ",3", data[i][0]});
        ends_with (0);
        Jeton__V1__GetTokenLogoReply *reply =
            jeton__v1__get_token_logo_reply__unpack (NULL, call.size, call.body);
        ck_assert_str_eq (reply->logo->content_type, "image/jpeg");
        ck_assert_str_eq (reply->logo->digest, DIGEST);
        ck_assert_uint_eq (reply->logo->size, 3);
        ck_assert_uint_eq (reply->data.len, i == 0 ? 3 : 0);
        if (i == 0)
            ck_assert_mem_eq (reply->data.data, data[i][1], 3);
        jeton__v1__get_token_logo_reply__free_unpacked (reply, NULL);
    }
    static const char *const wrong[][2] = {{"", "\\x00"}, {"image/png," DIGEST ",3", "00"}};
    for (size_t i = 0; i < 2; i++) {
        begin (admin_get_token_logo, &message);
        answer (DB_OK, 1, 2, wrong[i]);
        ends_with (JETON__V1__CODE__CODE_DATA_LOSS);
    }
}
END_TEST

static void
add (TCase *tests)
{
    tcase_add_test (tests, test_input);
    tcase_add_test (tests, test_set);
    tcase_add_test (tests, test_remove);
    tcase_add_test (tests, test_wrong);
    tcase_add_test (tests, test_get);
}

int
main (void)
{
    return run ("admin logos", add);
}
