// Users in the admin process (R34): their passwords, the guards, and what an outcome becomes.
// objects: $(ADMIN_HANDLERS)
#include "tests/unit/test_admin.h"

START_TEST (test_create_user)
{
    char password[] = "correct horse";
    Jeton__V1__CreateUserRequest message = JETON__V1__CREATE_USER_REQUEST__INIT;
    message.account_id = account_id;
    message.username = "anna";
    message.name = "Anna";
    message.password = "short";
    begin (admin_create_user, &message);
    refused ("password");
    message.password = password;
    message.username = "an na";
    begin (admin_create_user, &message);
    refused ("username");
    message.username = "anna";
    message.role = 5;
    begin (admin_create_user, &message);
    refused ("role");
    message.role = 0;
    begin (admin_create_user, &message);
    answer (DB_OK, 1, 2, (const char *[]){"5", "t"});
    ends_with (JETON__V1__CODE__CODE_ALREADY_EXISTS);
    begin (admin_create_user, &message);
    pool.full = true;
    answer (DB_OK, 1, 2, (const char *[]){"5", "f"});
    ends_with (JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED);

    begin (admin_create_user, &message);
    answer (DB_OK, 1, 2, (const char *[]){"5", "f"});
    ck_assert_ptr_nonnull (pool.job);
    pool.work (pool.job);
    pool.done (pool.job);
    was_asked ("store_user_create");
    ck_assert (strncmp (asked.text, "$argon2id$", 10) == 0);
    ck_assert_str_eq (password, "");
    // Another took the name in between: the next read has to tell, and nothing is hashed again.
    pool.job = NULL;
    answer (DB_CONFLICT, 0, 0, NULL);
    was_asked ("store_user_prepare");
    answer (DB_OK, 1, 2, (const char *[]){"6", "f"});
    ck_assert_ptr_null (pool.job);
    was_asked ("store_user_create");
    ck_assert (strncmp (asked.text, "$argon2id$", 10) == 0);
    answer_changed ();
    ends_with (0);
    // A user without a password has no hash.
    begin (admin_create_user, &message);
    answer (DB_OK, 1, 2, (const char *[]){"5", "f"});
    was_asked ("store_user_create");
    ck_assert_str_eq (asked.text, "none");
}
END_TEST

// A job that the pool gave back undone must not become a user without a password.
START_TEST (test_create_user_ending)
{
    char password[] = "correct horse";
    Jeton__V1__CreateUserRequest message = JETON__V1__CREATE_USER_REQUEST__INIT;
    message.account_id = account_id;
    message.username = "anna";
    message.name = "Anna";
    message.password = password;
    begin (admin_create_user, &message);
    answer (DB_OK, 1, 2, (const char *[]){"5", "f"});
    pool.done (pool.job);
    ends_with (JETON__V1__CODE__CODE_UNAVAILABLE);
    ck_assert_str_eq (password, "");
}
END_TEST

// The columns of user 5, whether its user name is another's, and how many tokens it owns.
static void
answer_user (const char *revision, const char *taken, const char *tokens)
{
    answer (
        DB_OK, 1, 10,
        (const char *[]){"5", "3", "ada", "Ada", "1", "1", revision, "1700000000", taken, tokens});
}

START_TEST (test_edit_user)
{
    Jeton__V1__EditUserRequest message = JETON__V1__EDIT_USER_REQUEST__INIT;
    char *fields[] = {"username", "role", "password"}, password[] = "correct horse";
    message.id = user_id;
    message.revision = 4;
    message.fields = fields;
    message.username = "bea";
    message.role = 9;
    message.password = password;
    begin (admin_edit_user, &message);
    refused ("fields");
    message.n_fields = 3;
    begin (admin_edit_user, &message);
    refused ("role");
    message.role = JETON__V1__USER_ROLE__USER_ROLE_ADMINISTRATOR;
    begin (admin_edit_user, &message);
    was_asked ("store_user_change_prepare");
    ck_assert_str_eq (asked.text, "bea");
    answer_user ("4", "t", "0");
    ends_with (JETON__V1__CODE__CODE_ALREADY_EXISTS);
    begin (admin_edit_user, &message);
    answer_user ("5", "f", "0");
    ends_with (JETON__V1__CODE__CODE_ABORTED);
    begin (admin_edit_user, &message);
    answer_user ("4", "f", "2");
    pool.work (pool.job);
    pool.done (pool.job);
    ck_assert_str_eq (password, "");
    was_asked ("store_user_edit");
    ck_assert_ptr_nonnull (strstr (asked.text, "$argon2id$"));
    ck_assert_int_eq (asked.status, true);
    answer (DB_CONFLICT, 0, 0, NULL); // the name was taken in between
    was_asked ("store_user_change_prepare");
    answer_user ("4", "f", "2");
    was_asked ("store_user_edit"); // with the hash that there is
    answer (DB_OK, 1, 1, (const char *[]){"5"});
    ends_with (0);
    Jeton__V1__EditUserReply *reply =
        jeton__v1__edit_user_reply__unpack (NULL, call.size, call.body);
    ck_assert_str_eq (reply->user->username, "bea");
    ck_assert_int_eq (reply->user->role, JETON__V1__USER_ROLE__USER_ROLE_ADMINISTRATOR);
    ck_assert_int_eq (reply->user->revision, 5);
    jeton__v1__edit_user_reply__free_unpacked (reply, NULL);
}
END_TEST

START_TEST (test_delete_user)
{
    Jeton__V1__DeleteUserRequest message = JETON__V1__DELETE_USER_REQUEST__INIT;
    begin (admin_delete_user, &message);
    refused ("id");
    message.id = user_id;
    begin (admin_delete_user, &message);
    answer_nothing ();
    ends_with (JETON__V1__CODE__CODE_NOT_FOUND);
    begin (admin_delete_user, &message);
    answer_user ("4", "f", "2");
    ends_with (JETON__V1__CODE__CODE_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull (strstr (call.text, "owns 2 tokens"));
    begin (admin_delete_user, &message);
    answer_user ("4", "f", "0");
    was_asked ("store_user_status");
    ck_assert_int_eq (asked.status, JETON__V1__USER_STATUS__USER_STATUS_DELETED);
    answer (DB_CONFLICT, 0, 0, NULL); // a token was made for it in between
    answer_user ("4", "f", "1");
    ends_with (JETON__V1__CODE__CODE_FAILED_PRECONDITION);
}
END_TEST

static void
add (TCase *tests)
{
    tcase_add_test (tests, test_create_user);
    tcase_add_test (tests, test_create_user_ending);
    tcase_add_test (tests, test_edit_user);
    tcase_add_test (tests, test_delete_user);
}

int
main (void)
{
    return run ("admin_user", add);
}
