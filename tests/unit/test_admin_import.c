// Imports of tokens: what is judged without the database, what it is asked, and what becomes of its answers.
// objects: $(ADMIN_HANDLERS)
#include "services/admin/token_import.h"
#include "tests/unit/test_admin.h"

enum { TOKENS = 4 };
static Jeton__V1__PortableToken tokens[TOKENS];
static Jeton__V1__PortableToken *pointers[TOKENS];
static Jeton__V1__ModuleGrant grant, *grants[] = {&grant};
static char digests[TOKENS][65];
static Jeton__V1__ImportTokensRequest message;

// A request of `n` tokens that are all right, and differ in their digests.
static void
ask_for (size_t n)
{
    message = (Jeton__V1__ImportTokensRequest) JETON__V1__IMPORT_TOKENS_REQUEST__INIT;
    jeton__v1__module_grant__init (&grant);
    grant.module = "orders";
    grant.access = JETON__V1__ACCESS__ACCESS_READ;
    for (size_t i = 0; i < TOKENS; i++) {
        jeton__v1__portable_token__init (&tokens[i]);
        snprintf (digests[i], sizeof digests[i], "%064zx", i + 1);
        tokens[i].digest = digests[i];
        tokens[i].name = "ERP";
        tokens[i].kind = JETON__V1__TOKEN_KIND__TOKEN_KIND_SERVICE;
        tokens[i].modules = grants;
        tokens[i].n_modules = 1;
        pointers[i] = &tokens[i];
    }
    message.account_id = account_id;
    message.tokens = pointers;
    message.n_tokens = n;
    admin.settings.foreign_prefixes = 1;
}

// The three results: the account's limit of tokens and how many it has, one known prefix, and a row of five for each token.
static void
answer_prepare (const char *limit, const char *live, int n, const char *const *lines)
{
    PGresult *results[] = {
        rows (1, 4, (const char *[]){limit, live, "1", "orders:11:1,stock:12:0"}),
        rows (1, 1, (const char *[]){"known_"}), rows (n, 5, lines)};
    struct db_error error = {0};
    db_callback *callback = asked.callback;
    was_asked ("store_import_prepare");
    asked.name = NULL;
    asked.callback = NULL;
    callback (&call, DB_OK, results, &error);
    for (int i = 0; i < 3; i++)
        PQclear (results[i]);
}

static Jeton__V1__ImportTokensReply *
reply (void)
{
    ends_with (0);
    Jeton__V1__ImportTokensReply *told =
        jeton__v1__import_tokens_reply__unpack (NULL, call.size, call.body);
    ck_assert_ptr_nonnull (told);
    ck_assert_uint_eq (told->n_results, message.n_tokens);
    return told;
}

static void
check_result (const Jeton__V1__ImportResult *result, int outcome, const char *id, const char *field)
{
    ck_assert_msg ((int) result->outcome == outcome, "outcome %d: %s: %s", (int) result->outcome,
                   result->field, result->message);
    ck_assert_str_eq (result->id, id);
    ck_assert_str_eq (result->field, field);
    ck_assert ((*field != '\0') == (*result->message != '\0'));
}

enum { CREATED = 1, PRESENT, CONFLICT, REFUSED };
#define NEW(number) "0", "f", number, "0", "0"

START_TEST (test_request)
{
    ask_for (1);
    message.account_id = "ACC-1";
    begin (admin_import_tokens, &message);
    refused ("account_id");
    ask_for (0);
    begin (admin_import_tokens, &message);
    refused ("tokens");
    static Jeton__V1__PortableToken *many[IMPORT_TOKENS_MAX + 1];
    ask_for (1);
    for (size_t i = 0; i <= IMPORT_TOKENS_MAX; i++)
        many[i] = &tokens[0];
    message.tokens = many;
    message.n_tokens = IMPORT_TOKENS_MAX + 1;
    begin (admin_import_tokens, &message);
    refused ("tokens");
    ask_for (1);
    begin (admin_import_tokens, &message);
    was_asked ("store_import_prepare");
    ck_assert_str_eq (asked.text, "orders");
    answer_nothing ();
    ends_with (JETON__V1__CODE__CODE_NOT_FOUND);
}
END_TEST

// Each by itself: what is wrong with one does not touch the others.
START_TEST (test_lines)
{
#define TRY(wanted, change)                                                                        \
    do {                                                                                           \
        ask_for (2);                                                                               \
        change;                                                                                    \
        begin (admin_import_tokens, &message);                                                     \
        answer_prepare ("10", "0", 2, (const char *[]){"0", "f", "0", "0", "0", NEW ("8")});       \
        was_asked ("store_import");                                                                \
        ck_assert_int_eq (asked.reference, 1);                                                     \
        answer (DB_OK, 1, 1, (const char *[]){"3"});                                               \
        Jeton__V1__ImportTokensReply *told = reply ();                                             \
        check_result (told->results[0], REFUSED, "", wanted);                                      \
        check_result (told->results[1], CREATED, told->results[1]->id, "");                        \
        ck_assert_uint_eq (strlen (told->results[1]->id), ID_SIZE - 1);                            \
        jeton__v1__import_tokens_reply__free_unpacked (told, NULL);                                \
    } while (0)
    char old[65];
    snprintf (old, sizeof old, "%064x", 99);
    TRY ("digest", tokens[0].digest = "");
    TRY ("digest", tokens[0].digest = "zz");
    TRY ("account_id", tokens[0].account_id = "ACC-0000-0000");
    TRY ("algorithm", tokens[0].algorithm = "md5");
    TRY ("prefix", tokens[0].prefix = "abc");
    TRY ("prefix", tokens[0].prefix = "jtn_live_");
    TRY ("prefix", tokens[0].prefix = "eyJhbGci");
    TRY ("prefix", tokens[0].prefix = "new_"); // the setting has no room for it
    TRY ("name", tokens[0].name = "");
    TRY ("kind", tokens[0].kind = 0);
    TRY ("owner", tokens[0].kind = JETON__V1__TOKEN_KIND__TOKEN_KIND_PERSONAL;
         tokens[0].n_modules = 0);
    TRY ("owner", tokens[0].owner = "ada");
    TRY ("expires_at", tokens[0].expires_at = 1);
    TRY ("status", tokens[0].status = JETON__V1__TOKEN_STATUS__TOKEN_STATUS_DELETED);
    TRY ("created_at", tokens[0].created_at = time (NULL) + 3600);
    TRY ("old_digest", tokens[0].last_rotated_at = 1000);
    TRY ("last_rotated_at", tokens[0].old_digest = old);
    TRY ("grace_until", tokens[0].old_digest = old; tokens[0].last_rotated_at = 1000);
    Jeton__V1__ModuleGrant stock = JETON__V1__MODULE_GRANT__INIT, *both[] = {&grant, &stock};
    stock.module = "stock";
    TRY ("modules[1].module", tokens[0].modules = both; tokens[0].n_modules = 2);
}
END_TEST

// What is there already, what is another's, what is twice in the request.
START_TEST (test_there)
{
    ask_for (4);
    tokens[0].expires_at = 1; // was imported while it was in the future
    tokens[3].digest = tokens[2].digest;
    begin (admin_import_tokens, &message);
    answer_prepare (
        "10", "0", 4,
        (const char *[]){"7", "t", "0", "0", "0", "7", "f", "0", "0", "0", NEW ("8"), NEW ("9")});
    was_asked ("store_import");
    ck_assert_int_eq (asked.reference, 1);
    // Somebody else was first: all of it is judged anew.
    answer (DB_CONFLICT, 0, 0, NULL);
    answer_prepare ("10", "0", 4,
                    (const char *[]){"7", "t", "0", "0", "0", "7", "f", "0", "0", "0",
                                     "7", "t", "0", "0", "0", "7", "t", "0", "0", "0"});
    Jeton__V1__ImportTokensReply *told = reply ();
    check_result (told->results[0], PRESENT, token_id, "");
    check_result (told->results[1], CONFLICT, token_id, "digest");
    check_result (told->results[2], PRESENT, token_id, "");
    jeton__v1__import_tokens_reply__free_unpacked (told, NULL);

    ask_for (3);
    tokens[1].digest = tokens[2].digest = tokens[0].digest;
    tokens[2].name = "else";
    begin (admin_import_tokens, &message);
    answer_prepare ("10", "0", 3, (const char *[]){NEW ("7"), NEW ("8"), NEW ("9")});
    answer (DB_OK, 1, 1, (const char *[]){"3"});
    told = reply ();
    check_result (told->results[0], CREATED, token_id, "");
    check_result (told->results[1], PRESENT, token_id, "");
    check_result (told->results[2], CONFLICT, token_id, "digest");
    jeton__v1__import_tokens_reply__free_unpacked (told, NULL);
}
END_TEST

START_TEST (test_limit) // R11
{
    ask_for (3);
    begin (admin_import_tokens, &message);
    answer_prepare ("10", "9", 3, (const char *[]){NEW ("7"), NEW ("8"), NEW ("9")});
    ck_assert_int_eq (asked.reference, 1);
    answer (DB_OK, 1, 1, (const char *[]){"3"});
    Jeton__V1__ImportTokensReply *told = reply ();
    check_result (told->results[0], CREATED, token_id, "");
    check_result (told->results[1], REFUSED, "", "account_id");
    ck_assert_ptr_nonnull (strstr (told->results[2]->message, "its limit is 10"));
    jeton__v1__import_tokens_reply__free_unpacked (told, NULL);
    // None of them: nothing is written.
    ask_for (1);
    begin (admin_import_tokens, &message);
    answer_prepare ("10", "10", 1, (const char *[]){NEW ("7")});
    told = reply ();
    jeton__v1__import_tokens_reply__free_unpacked (told, NULL);
}
END_TEST

START_TEST (test_outcomes)
{
    static const struct {
        enum db_outcome outcome;
        int code;
    } ends[] = {{DB_UNAVAILABLE, JETON__V1__CODE__CODE_UNAVAILABLE},
                {DB_UNCERTAIN, JETON__V1__CODE__CODE_UNKNOWN},
                {DB_FAILED, JETON__V1__CODE__CODE_INTERNAL}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        ask_for (1);
        begin (admin_import_tokens, &message);
        answer_prepare ("10", "0", 1, (const char *[]){NEW ("7")});
        answer (ends[i].outcome, 0, 0, NULL);
        ends_with (ends[i].code);
    }
    // A dry run writes nothing.
    ask_for (1);
    message.dry_run = true;
    begin (admin_import_tokens, &message);
    answer_prepare ("10", "0", 1, (const char *[]){NEW ("7")});
    Jeton__V1__ImportTokensReply *told = reply ();
    check_result (told->results[0], CREATED, "", "");
    jeton__v1__import_tokens_reply__free_unpacked (told, NULL);
    // Others keep coming first.
    ask_for (1);
    begin (admin_import_tokens, &message);
    for (int i = 0; i < 3; i++) {
        answer_prepare ("10", "0", 1, (const char *[]){NEW ("7")});
        answer_nothing ();
    }
    ends_with (JETON__V1__CODE__CODE_ABORTED);
    // A row that makes no sense.
    ask_for (1);
    begin (admin_import_tokens, &message);
    answer_prepare ("10", "0", 1, (const char *[]){"x", "f", "7", "0", "0"});
    ends_with (JETON__V1__CODE__CODE_DATA_LOSS);
}
END_TEST

START_TEST (test_prefixes)
{
    static const char *const two[] = {"sk_live_", "1700000000", "7", "tok_", "1700000001", "0"};
    Jeton__V1__ListForeignPrefixesRequest list = JETON__V1__LIST_FOREIGN_PREFIXES_REQUEST__INIT;
    begin (admin_list_foreign_prefixes, &list);
    was_asked ("store_prefix_list");
    answer (DB_OK, 2, 3, two);
    ends_with (0);
    Jeton__V1__ListForeignPrefixesReply *told =
        jeton__v1__list_foreign_prefixes_reply__unpack (NULL, call.size, call.body);
    ck_assert_uint_eq (told->n_prefixes, 2);
    ck_assert_str_eq (told->prefixes[1]->prefix, "tok_");
    ck_assert_int_eq (told->prefixes[0]->tokens, 7);
    jeton__v1__list_foreign_prefixes_reply__free_unpacked (told, NULL);
    begin (admin_list_foreign_prefixes, &list);
    answer (DB_OK, 1, 3, (const char *[]){"sk_live_", "x", "7"});
    ends_with (JETON__V1__CODE__CODE_DATA_LOSS);
}
END_TEST

START_TEST (test_prefix_removed)
{
    static const char *const unused[] = {"sk_live_", "1700000000", "0"};
    Jeton__V1__RemoveForeignPrefixRequest remove = JETON__V1__REMOVE_FOREIGN_PREFIX_REQUEST__INIT;
    begin (admin_remove_foreign_prefix, &remove);
    refused ("prefix");
    remove.prefix = "sk_live_";
    begin (admin_remove_foreign_prefix, &remove);
    was_asked ("store_prefix_get");
    answer_nothing ();
    ends_with (JETON__V1__CODE__CODE_NOT_FOUND);
    begin (admin_remove_foreign_prefix, &remove);
    answer (DB_OK, 1, 3, (const char *[]){"sk_live_", "1700000000", "1"});
    ends_with (JETON__V1__CODE__CODE_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull (strstr (call.text, "1 token has a value"));
    begin (admin_remove_foreign_prefix, &remove);
    answer (DB_OK, 1, 3, (const char *[]){"sk_live_", "1700000000", "1000"});
    ck_assert_ptr_nonnull (strstr (call.text, "at least 1000 tokens"));
    // As long as tokens let go of it, more may.
    begin (admin_remove_foreign_prefix, &remove);
    answer (DB_OK, 1, 3, unused);
    was_asked ("store_prefix_release");
    answer (DB_OK, 1, 1, (const char *[]){"5000"});
    was_asked ("store_prefix_release");
    answer (DB_OK, 1, 1, (const char *[]){"4999"});
    was_asked ("store_prefix_remove");
    Jeton__V1__AuditRecord *written = record ();
    ck_assert_str_eq (written->event, "platform.tokens.prefix.removed");
    ck_assert_str_eq (written->object->id, "sk_live_");
    ck_assert (written->before.len > 0 && written->after.len == 0);
    jeton__v1__audit_record__free_unpacked (written, NULL);
    answer (DB_CONFLICT, 0, 0, NULL); // a token with it was imported in between
    was_asked ("store_prefix_get");
    answer (DB_OK, 1, 3, unused);
    answer (DB_OK, 1, 1, (const char *[]){"0"});
    answer_changed ();
    ends_with (0);
    Jeton__V1__RemoveForeignPrefixReply *told =
        jeton__v1__remove_foreign_prefix_reply__unpack (NULL, call.size, call.body);
    ck_assert_str_eq (told->prefix->prefix, "sk_live_");
    jeton__v1__remove_foreign_prefix_reply__free_unpacked (told, NULL);
    ck_assert_int_eq (heard.change.kind, JETON__V1__CHANGE_KIND__CHANGE_KIND_NONE);
}
END_TEST

static void
add (TCase *tests)
{
    tcase_add_test (tests, test_prefixes);
    tcase_add_test (tests, test_prefix_removed);
    tcase_add_test (tests, test_request);
    tcase_add_test (tests, test_lines);
    tcase_add_test (tests, test_there);
    tcase_add_test (tests, test_limit);
    tcase_add_test (tests, test_outcomes);
}

int
main (void)
{
    return run ("imports", add);
}
