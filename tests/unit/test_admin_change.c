// Changes in the admin process: guards, what is written, and what an outcome becomes (R11, R30: an account's limits).
// objects: $(ADMIN_HANDLERS)
#include "tests/unit/test_admin.h"

static void
answer_token (const char *status, const char *revision)
{
    answer (DB_OK, 1, 23,
            (const char *[]){"7",
                             "3",
                             "0",
                             "Orders of ACME",
                             "for the shop",
                             "2",
                             "1",
                             status,
                             "alice",
                             "alice",
                             "1700000000",
                             "1700000000",
                             "0",
                             "0",
                             revision,
                             "orders:2,stock:1",
                             "",
                             "0",
                             "0",
                             "0",
                             "0",
                             "f",
                             ""});
}

// ---- a token's creation -----------------------------------------------------------------------------------------------
static Jeton__V1__ModuleGrant orders, stock;
static Jeton__V1__ModuleGrant *grants[] = {&orders, &stock};

static Jeton__V1__CreateTokenRequest
new_token (void)
{
    jeton__v1__module_grant__init (&orders);
    jeton__v1__module_grant__init (&stock);
    orders.module = "orders";
    orders.access = JETON__V1__ACCESS__ACCESS_WRITE;
    stock.module = "stock";
    Jeton__V1__CreateTokenRequest message = JETON__V1__CREATE_TOKEN_REQUEST__INIT;
    message.account_id = account_id;
    message.name = "Orders of ACME";
    message.kind = JETON__V1__TOKEN_KIND__TOKEN_KIND_SERVICE;
    message.modules = grants;
    message.n_modules = 2;
    return message;
}

START_TEST (test_create_token_input)
{
    Jeton__V1__CreateTokenRequest good = new_token (), message;
#define TRY(field, change)                                                                         \
    do {                                                                                           \
        message = good;                                                                            \
        change;                                                                                    \
        begin (admin_create_token, &message);                                                      \
        refused (field);                                                                           \
    } while (0)
    char text[1026] = "";
    memset (text, 'x', sizeof text - 1);
    TRY ("account_id", message.account_id = "");
    TRY ("account_id", message.account_id = token_id);
    TRY ("owner_id", message.owner_id = "USR-1");
    TRY ("name", message.name = "");
    TRY ("description", message.description = text);
    TRY ("kind", message.kind = 0);
    TRY ("kind", message.kind = 5);
    TRY ("modules", message.n_modules = 0);
    TRY ("expires_at", message.expires_at = -1);
    TRY ("expires_at", message.expires_at = time (NULL) - 1);
    TRY ("expires_at", message.expires_at = INT64_MAX);
    TRY ("owner_id", message.kind = JETON__V1__TOKEN_KIND__TOKEN_KIND_PERSONAL);
    TRY ("modules", message.kind = JETON__V1__TOKEN_KIND__TOKEN_KIND_PERSONAL;
         message.owner_id = user_id);
    stock.access = 3;
    TRY ("modules[1].access", );
    stock.access = 0;
    stock.module = "orders";
    TRY ("modules[1].module", );
    stock.module = "stock";
    begin (admin_create_token, &good);
    was_asked ("store_token_prepare");
    ck_assert_str_eq (asked.text, "orders,stock");
}
END_TEST

START_TEST (test_create_token_guards)
{
    Jeton__V1__CreateTokenRequest message = new_token ();
    message.owner_id = user_id;
    begin (admin_create_token, &message);
    answer_nothing ();
    ends_with (JETON__V1__CODE__CODE_NOT_FOUND);
    static const struct {
        const char *row[7];
        int code;
        const char *field;
    } rows[] = {
        {{"1", "7", "10", "2", "4", "1", "orders:11:1,stock:12:1"},
         JETON__V1__CODE__CODE_INVALID_ARGUMENT,
         "owner_id"},
        {{"1", "7", "10", "2", "0", "0", "orders:11:1,stock:12:1"},
         JETON__V1__CODE__CODE_INVALID_ARGUMENT,
         "owner_id"},
        {{"1", "7", "10", "2", "3", "2", "orders:11:1,stock:12:1"},
         JETON__V1__CODE__CODE_FAILED_PRECONDITION,
         ""},
        {{"1", "7", "10", "10", "3", "1", "orders:11:1,stock:12:1"},
         JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
         ""},
        {{"1", "7", "10", "2", "3", "1", "orders:11:1"},
         JETON__V1__CODE__CODE_INVALID_ARGUMENT,
         "modules[1].module"},
        {{"1", "7", "10", "2", "3", "1", "orders:11:0,stock:12:1"},
         JETON__V1__CODE__CODE_INVALID_ARGUMENT,
         "modules[0].module"},
        {{"1", "7", "10", "2", "3", "1", ""},
         JETON__V1__CODE__CODE_INVALID_ARGUMENT,
         "modules[0].module"},
        {{"1", "7", "ten", "2", "3", "1", "orders:11:1,stock:12:1"},
         JETON__V1__CODE__CODE_DATA_LOSS,
         ""},
        {{"1", "7", "10", "2", "3", "1", "orders,stock"}, JETON__V1__CODE__CODE_DATA_LOSS, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin (admin_create_token, &message);
        answer (DB_OK, 1, 7, rows[i].row);
        ends_with (rows[i].code);
        ck_assert_str_eq (call.field, rows[i].field);
        ck_assert_ptr_null (asked.callback);
    }
}
END_TEST

START_TEST (test_create_token)
{
    static const char *const good[] = {"1", "7", "10", "2", "0", "0", "stock:12:1,orders:11:1"};
    Jeton__V1__CreateTokenRequest message = new_token ();
    message.outside_party = true;
    begin (admin_create_token, &message);
    answer (DB_OK, 1, 7, good);
    was_asked ("store_token_create");
    ck_assert_str_eq (asked.text, "11,12");
    ck_assert_str_eq (asked.new.accesses, "2,1");
    uint8_t digest[TOKEN_DIGEST_SIZE];
    memcpy (digest, asked.new.digest, sizeof digest);
    Jeton__V1__AuditRecord *record =
        jeton__v1__audit_record__unpack (NULL, asked.change.record_size, asked.change.record);
    ck_assert_str_eq (record->event, "platform.tokens.token.created");
    ck_assert_str_eq (record->object->id, token_id);
    ck_assert_str_eq (record->actor->id, "alice");
    ck_assert_uint_eq (record->before.len, 0);
    jeton__v1__audit_record__free_unpacked (record, NULL);
    answer_changed ();
    ends_with (0);
    Jeton__V1__CreateTokenReply *reply =
        jeton__v1__create_token_reply__unpack (NULL, call.size, call.body);
    ck_assert_ptr_nonnull (reply);
    ck_assert_str_eq (reply->token->id, token_id);
    ck_assert_int_eq (reply->token->expires_at, 0);
    ck_assert_uint_eq (reply->n_warnings, 1);
    ck_assert_int_eq (reply->token->modules[1]->access, JETON__V1__ACCESS__ACCESS_READ);
    enum token_environment environment;
    ck_assert (token_value_check (&admin.keys, reply->value, strlen (reply->value), &environment));
    ck_assert_int_eq (environment, TOKEN_LIVE);
    uint8_t expected[TOKEN_DIGEST_SIZE];
    token_value_digest (reply->value, strlen (reply->value), expected);
    ck_assert_mem_eq (digest, expected, sizeof digest);
    jeton__v1__create_token_reply__free_unpacked (reply, NULL);

    message.kind = JETON__V1__TOKEN_KIND__TOKEN_KIND_TEST;
    begin (admin_create_token, &message);
    answer (DB_OK, 1, 7, good);
    answer_changed ();
    reply = jeton__v1__create_token_reply__unpack (NULL, call.size, call.body);
    ck_assert_int_eq (reply->token->environment, JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST);
    ck_assert_int_eq (reply->token->expires_at, reply->token->created_at + 180 * 86400);
    ck_assert_uint_eq (reply->n_warnings, 0);
    ck_assert (strncmp (reply->value, "jtn_test_", 9) == 0);
    jeton__v1__create_token_reply__free_unpacked (reply, NULL);
}
END_TEST

// ---- changes ----------------------------------------------------------------------------------------------------------
START_TEST (test_disable_token)
{
    Jeton__V1__DisableTokenRequest message = JETON__V1__DISABLE_TOKEN_REQUEST__INIT;
    message.id = "TKN-12345678";
    begin (admin_disable_token, &message);
    refused ("id");
    message.id = token_id;
    begin (admin_disable_token, &message);
    was_asked ("store_token_get");
    answer_nothing ();
    ends_with (JETON__V1__CODE__CODE_NOT_FOUND);

    begin (admin_disable_token, &message);
    answer_token ("2", "4");
    ends_with (JETON__V1__CODE__CODE_FAILED_PRECONDITION);

    begin (admin_disable_token, &message);
    answer_token ("1", "4");
    was_asked ("store_token_status");
    ck_assert_int_eq (asked.change.number, 7);
    ck_assert_int_eq (asked.change.revision, 4);
    ck_assert_int_eq (asked.status, 2);
    Jeton__V1__AuditRecord *record =
        jeton__v1__audit_record__unpack (NULL, asked.change.record_size, asked.change.record);
    ck_assert_str_eq (record->event, "platform.tokens.token.disabled");
    ck_assert_int_eq (record->object->revision, 5);
    Jeton__V1__Token *before =
        jeton__v1__token__unpack (NULL, record->before.len, record->before.data);
    Jeton__V1__Token *after =
        jeton__v1__token__unpack (NULL, record->after.len, record->after.data);
    ck_assert_int_eq (before->status, 1);
    ck_assert_int_eq (after->status, 2);
    ck_assert_int_eq (after->revision, 5);
    ck_assert_uint_eq (after->n_modules, 2);
    jeton__v1__token__free_unpacked (before, NULL);
    jeton__v1__token__free_unpacked (after, NULL);
    jeton__v1__audit_record__free_unpacked (record, NULL);
    int told = heard.told;
    answer_changed ();
    ends_with (0);
    ck_assert_int_eq (heard.told, told + 1);
    ck_assert_int_eq ((int) heard.change.kind, (int) JETON__V1__CHANGE_KIND__CHANGE_KIND_TOKEN);
    ck_assert_int_eq (heard.change.object, asked.change.number);
    ck_assert_int_eq (heard.revision, 5);
    ck_assert_int_eq ((int) heard.status, (int) JETON__V1__TOKEN_STATUS__TOKEN_STATUS_DISABLED);
}
END_TEST

START_TEST (test_outcomes)
{
    static const int codes[] = {[DB_UNAVAILABLE] = JETON__V1__CODE__CODE_UNAVAILABLE,
                                [DB_UNCERTAIN] = JETON__V1__CODE__CODE_UNKNOWN,
                                [DB_FAILED] = JETON__V1__CODE__CODE_INTERNAL};
    Jeton__V1__DisableTokenRequest message = JETON__V1__DISABLE_TOKEN_REQUEST__INIT;
    message.id = token_id;
    for (enum db_outcome outcome = DB_UNAVAILABLE; outcome <= DB_FAILED; outcome++) {
        begin (admin_disable_token, &message);
        answer_token ("1", "4");
        int told = heard.told, unsure = heard.unsure;
        answer (outcome, 0, 0, NULL);
        ends_with (codes[outcome]);
        // What may be committed is told to validators as that; what is not, not at all.
        ck_assert_int_eq (heard.told, told);
        ck_assert_int_eq (heard.unsure - unsure, outcome == DB_UNCERTAIN);
        // Of a read, nothing is ever uncertain.
        begin (admin_disable_token, &message);
        answer (outcome, 0, 0, NULL);
        ends_with (outcome == DB_UNCERTAIN ? (int) JETON__V1__CODE__CODE_UNAVAILABLE
                                           : codes[outcome]);
        ck_assert_ptr_null (strstr (call.text, "duplicate"));
    }
}
END_TEST

START_TEST (test_overtaken)
{
    Jeton__V1__DisableTokenRequest message = JETON__V1__DISABLE_TOKEN_REQUEST__INIT;
    message.id = token_id;
    // Overtaken by the same change: the guard says so.
    begin (admin_disable_token, &message);
    answer_token ("1", "4");
    answer_nothing ();
    was_asked ("store_token_get");
    answer_token ("2", "5");
    ends_with (JETON__V1__CODE__CODE_FAILED_PRECONDITION);
    // By others, for ever.
    begin (admin_disable_token, &message);
    for (int i = 0; i < 3; i++) {
        was_asked ("store_token_get");
        answer_token ("1", "4");
        was_asked ("store_token_status");
        answer_nothing ();
    }
    ends_with (JETON__V1__CODE__CODE_ABORTED);
}
END_TEST

START_TEST (test_enable_module)
{
    Jeton__V1__EnableModuleRequest message = JETON__V1__ENABLE_MODULE_REQUEST__INIT;
    message.account_id = account_id;
    message.module = "orders";
    const char *row[] = {"3", "ACME", "1", "9", "1700000000", "1000", "market,stock",
                         "0", "0",    "0", "0", "0"};
    begin (admin_enable_module, &message);
    answer (DB_OK, 1, 12, row);
    ends_with (JETON__V1__CODE__CODE_NOT_FOUND);
    row[11] = "11";
    begin (admin_enable_module, &message);
    answer (DB_OK, 1, 12, row);
    was_asked ("store_module_set");
    ck_assert_int_eq (asked.change.revision, 9);
    answer_changed ();
    ends_with (0);
    Jeton__V1__EnableModuleReply *reply =
        jeton__v1__enable_module_reply__unpack (NULL, call.size, call.body);
    ck_assert_uint_eq (reply->account->n_modules, 3);
    ck_assert_str_eq (reply->account->modules[1], "orders");
    ck_assert_int_eq (reply->account->revision, 10);
    jeton__v1__enable_module_reply__free_unpacked (reply, NULL);
    row[6] = "market,orders,stock";
    begin (admin_enable_module, &message);
    answer (DB_OK, 1, 12, row);
    ends_with (JETON__V1__CODE__CODE_FAILED_PRECONDITION);
}
END_TEST

START_TEST (test_edit_account)
{
    Jeton__V1__EditAccountRequest message = JETON__V1__EDIT_ACCOUNT_REQUEST__INIT;
    char token_limit[] = "token_limit", rate_limit[] = "rate_limit",
         base_rate_limit[] = "base_rate_limit", name[] = "name";
    char *fields[] = {token_limit, name};
    const char *row[] = {"3",      "ACME", "1", "9", "1700000000", "1000",
                         "market", "60",   "7", "0", "0"};
    message.id = account_id;
    message.revision = 9;
    message.fields = fields;
    begin (admin_edit_account, &message);
    refused ("fields");
    message.n_fields = 1;
    begin (admin_edit_account, &message); // named, and so 0 is no "absent"
    refused ("token_limit");
    message.token_limit = 10000001;
    begin (admin_edit_account, &message);
    refused ("token_limit");
    message.token_limit = 5;
    Jeton__V1__RateLimit limit = JETON__V1__RATE_LIMIT__INIT;
    for (int i = 0; i < 2; i++) {
        fields[0] = i == 0 ? rate_limit : base_rate_limit;
        message.rate_limit = i == 0 ? &limit : NULL;
        message.base_rate_limit = i == 1 ? &limit : NULL;
        limit.per_minute = 0;
        begin (admin_edit_account, &message);
        refused (i == 0 ? "rate_limit.per_minute" : "base_rate_limit.per_minute");
        limit.per_minute = 6000000;
        limit.burst = 6000001;
        begin (admin_edit_account, &message);
        refused (i == 0 ? "rate_limit.burst" : "base_rate_limit.burst");
        limit.burst = 0;
    }
    fields[0] = token_limit;
    message.n_fields = 2;
    begin (admin_edit_account, &message);
    refused ("name");
    message.n_fields = 1;
    begin (admin_edit_account, &message);
    answer_nothing ();
    ends_with (JETON__V1__CODE__CODE_NOT_FOUND);
    message.revision = 8;
    begin (admin_edit_account, &message);
    answer (DB_OK, 1, 11, row);
    ends_with (JETON__V1__CODE__CODE_ABORTED);
    ck_assert_ptr_nonnull (strstr (call.text, "revision 9"));
    message.revision = 9;
    begin (admin_edit_account, &message);
    was_asked ("store_account_get");
    answer (DB_OK, 1, 11, row);
    was_asked ("store_account_edit");
    ck_assert_int_eq (asked.change.revision, 9);
    ck_assert_int_eq (asked.status, 5);
    ck_assert_str_eq (asked.text, "ACME"); // not named: as it was
    answer_changed ();
    ends_with (0);
    Jeton__V1__EditAccountReply *reply =
        jeton__v1__edit_account_reply__unpack (NULL, call.size, call.body);
    ck_assert_int_eq (reply->account->token_limit, 5);
    ck_assert_int_eq (reply->account->revision, 10);
    ck_assert_uint_eq (reply->account->n_modules, 1);
    ck_assert_uint_eq (reply->account->rate_limit->per_minute, 60);
    ck_assert_uint_eq (reply->account->rate_limit->burst, 7);
    ck_assert_ptr_null (reply->account->base_rate_limit); // given, but not named
    jeton__v1__edit_account_reply__free_unpacked (reply, NULL);
}
END_TEST

START_TEST (test_memory)
{
    // However little there is, each request gets one answer.
    Jeton__V1__CreateTokenRequest message = new_token ();
    bool done = false;
    for (size_t limit = 16; !done; limit += 64) {
        ck_assert_uint_lt (limit, 65536);
        begin (admin_create_token, &message);
        arena_destroy (&call.arena);
        memset (&call, 0, sizeof call);
        asked.callback = NULL;
        call.arena = arena_new (limit);
        call.message = &message;
        admin_create_token (&call);
        if (asked.callback)
            answer (DB_OK, 1, 7,
                    (const char *[]){"1", "7", "10", "2", "0", "0", "stock:12:1,orders:11:1"});
        done = asked.callback && call.answers == 0;
        if (!done)
            ends_with (JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED);
    }
}
END_TEST

static void
add (TCase *tests)
{
    tcase_add_test (tests, test_create_token_input);
    tcase_add_test (tests, test_create_token_guards);
    tcase_add_test (tests, test_create_token);
    tcase_add_test (tests, test_disable_token);
    tcase_add_test (tests, test_outcomes);
    tcase_add_test (tests, test_overtaken);
    tcase_add_test (tests, test_enable_module);
    tcase_add_test (tests, test_edit_account);
    tcase_add_test (tests, test_memory);
}

int
main (void)
{
    return run ("admin changes", add);
}
