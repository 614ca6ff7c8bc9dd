// The decision, for every reason that facts can give.
// objects: services/validator/decide.o services/validator/policy.o services/validator/modules.o
#include "services/validator/decide.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { NOW = 1000000 };

static struct modules *modules;
static struct policies *policies;
static struct facts facts_;

// What a token may do: "orders" read, if that is enabled, and "stock" write, if that is granted at all.
static struct policy *
policy_make (bool orders_enabled, bool stock, const char *const *networks)
{
    struct policy_draft draft;
    policy_draft_start (&draft);
    if (stock)
        ck_assert (policy_draft_grant (policies, &draft, "stock", 5, 2, true));
    ck_assert (policy_draft_grant (policies, &draft, "orders", 6, 1, orders_enabled));
    for (; networks && *networks; networks++) {
        struct cidr network;
        ck_assert (cidr_parse (*networks, &network));
        ck_assert (policy_draft_allow (&draft, &network));
    }
    struct policy *policy = policies_intern (policies, &draft);
    ck_assert_ptr_nonnull (policy);
    return policy;
}

static void
facts_policy (struct facts *facts, struct policy *policy)
{
    policy_release (policies, facts->policy);
    facts->policy = policy;
}

static void
setup (void)
{
    modules = modules_new ();
    policies = policies_new (modules, 0);
    facts_ = (struct facts){
        .token = 1,
        .account = 2,
        .kind = JETON__V1__TOKEN_KIND__TOKEN_KIND_SERVICE,
        .environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE,
        .token_status = JETON__V1__TOKEN_STATUS__TOKEN_STATUS_ACTIVE,
        .account_status = JETON__V1__ACCOUNT_STATUS__ACCOUNT_STATUS_ACTIVE,
        .user_status = JETON__V1__USER_STATUS__USER_STATUS_ACTIVE,
        .policy = policy_make (true, true, NULL),
    };
}

static void
teardown (void)
{
    policy_release (policies, facts_.policy);
    policies_destroy (&policies);
    modules_destroy (&modules);
}

static Jeton__V1__Reason
reason_of (const struct facts *facts, const char *module, Jeton__V1__Access access,
           Jeton__V1__Environment environment)
{
    struct wanted wanted = {
        .module = modules_find (modules, module), .access = access, .environment = environment};
    Jeton__V1__Access granted;
    return decide (facts, &wanted, NOW, &granted);
}

#define READ         JETON__V1__ACCESS__ACCESS_READ
#define WRITE        JETON__V1__ACCESS__ACCESS_WRITE
#define LIVE         JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE
#define TEST         JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST
#define REASON(name) JETON__V1__REASON__REASON_##name

START_TEST (test_grants)
{
    struct facts *facts = &facts_;
    ck_assert_int_eq (reason_of (facts, "orders", READ, LIVE), REASON (OK));
    ck_assert_int_eq (reason_of (facts, "orders", WRITE, LIVE), REASON (READ_ONLY));
    ck_assert_int_eq (reason_of (facts, "stock", READ, LIVE), REASON (OK));
    ck_assert_int_eq (reason_of (facts, "stock", WRITE, LIVE), REASON (OK));
    ck_assert_int_eq (reason_of (facts, "prices", READ, LIVE), REASON (MODULE_NOT_GRANTED));
    ck_assert_int_eq (reason_of (facts, "order", READ, LIVE), REASON (MODULE_NOT_GRANTED));
    facts_policy (facts, policy_make (false, true, NULL));
    ck_assert_int_eq (reason_of (facts, "orders", READ, LIVE), REASON (MODULE_DISABLED));
    facts_policy (facts, policy_make (false, false, NULL));
    ck_assert_int_eq (reason_of (facts, "stock", READ, LIVE), REASON (MODULE_NOT_GRANTED));
}
END_TEST

// A customer's token is good beside its own store's, which no other token is (R22).
START_TEST (test_customer)
{
    for (uint32_t client = 0; client < 3; client++)
        for (uint32_t store_client = 0; store_client < 3; store_client++)
            for (int customer = 0; customer < 2; customer++) {
                struct policy_draft draft;
                policy_draft_start (&draft);
                ck_assert (policy_draft_grant (policies, &draft, "orders", 6, 1, true));
                draft.client = client;
                facts_policy (&facts_, policies_intern (policies, &draft));
                facts_.kind = customer ? JETON__V1__TOKEN_KIND__TOKEN_KIND_CUSTOMER : 0;
                struct wanted wanted = {.module = modules_find (modules, "orders"),
                                        .access = READ,
                                        .environment = LIVE,
                                        .store_client = store_client};
                Jeton__V1__Access granted;
                bool good = customer ? store_client == client : store_client == 0;
                ck_assert_int_eq (decide (&facts_, &wanted, NOW, &granted),
                                  good ? REASON (OK) : REASON (OUT_OF_SCOPE));
            }
}
END_TEST

// What was restricted to resources of which none is left reaches nothing (R14, R16).
START_TEST (test_out_of_scope)
{
    for (int restricted = 0; restricted < 3; restricted++) {
        static const char *const scopes[] = {NULL, "", "market:1"};
        struct policy_draft draft;
        policy_draft_start (&draft);
        ck_assert (policy_draft_grant (policies, &draft, "orders", 6, 1, true));
        if (scopes[restricted])
            ck_assert (
                policy_draft_scope (&draft, scopes[restricted], strlen (scopes[restricted])));
        facts_policy (&facts_, policies_intern (policies, &draft));
        ck_assert_int_eq (reason_of (&facts_, "orders", READ, LIVE),
                          restricted == 1 ? REASON (OUT_OF_SCOPE) : REASON (OK));
        ck_assert_int_eq (reason_of (&facts_, "stock", READ, LIVE), REASON (MODULE_NOT_GRANTED));
    }
}
END_TEST

START_TEST (test_states)
{
    struct facts *facts = &facts_;
    // Whatever number the database holds: only 1 is active.
    for (int status = 0; status < 256; status++) {
        facts->token_status = (uint8_t) status;
        ck_assert_int_eq (reason_of (facts, "orders", READ, LIVE), status == 1 ? REASON (OK)
                                                                   : status == 3
                                                                       ? REASON (DELETED)
                                                                       : REASON (DISABLED));
    }
    facts->token_status = 1;
    for (int status = 0; status < 256; status++) {
        facts->account_status = (uint8_t) status;
        ck_assert_int_eq (reason_of (facts, "orders", READ, LIVE),
                          status == 1 ? REASON (OK) : REASON (ACCOUNT_SUSPENDED));
    }
    facts->account_status = 1;
    facts->user_status = 2;
    ck_assert_int_eq (reason_of (facts, "orders", READ, LIVE), REASON (DISABLED));
}
END_TEST

START_TEST (test_expiry)
{
    struct facts *facts = &facts_;
    facts->expires_at = NOW + 1;
    ck_assert_int_eq (reason_of (facts, "orders", READ, LIVE), REASON (OK));
    facts->expires_at = NOW;
    ck_assert_int_eq (reason_of (facts, "orders", READ, LIVE), REASON (EXPIRED));
    facts->expires_at = 1;
    ck_assert_int_eq (reason_of (facts, "orders", READ, LIVE), REASON (EXPIRED));
    facts->expires_at = -1;
    ck_assert_int_eq (reason_of (facts, "orders", READ, LIVE), REASON (EXPIRED));
}
END_TEST

START_TEST (test_rotated) // R9
{
    struct facts *facts = &facts_;
    facts->grace_until = NOW + 1;
    ck_assert_int_eq (reason_of (facts, "orders", READ, LIVE), REASON (OK));
    facts->grace_until = NOW;
    ck_assert_int_eq (reason_of (facts, "orders", READ, LIVE), REASON (ROTATED_OUT));
    facts->expires_at = 1;
    ck_assert_int_eq (reason_of (facts, "orders", READ, LIVE), REASON (ROTATED_OUT));
    facts->token_status = 2;
    ck_assert_int_eq (reason_of (facts, "orders", READ, LIVE), REASON (DISABLED));
}
END_TEST

START_TEST (test_environment)
{
    struct facts *facts = &facts_;
    ck_assert_int_eq (reason_of (facts, "orders", READ, TEST), REASON (WRONG_ENVIRONMENT));
    facts->environment = TEST;
    ck_assert_int_eq (reason_of (facts, "orders", READ, LIVE), REASON (WRONG_ENVIRONMENT));
    ck_assert_int_eq (reason_of (facts, "orders", READ, TEST), REASON (OK));
    facts->environment = 0;
    ck_assert_int_eq (reason_of (facts, "orders", READ, LIVE), REASON (WRONG_ENVIRONMENT));
}
END_TEST

static Jeton__V1__Reason
reason_from (const struct facts *facts, const char *address, const char *module)
{
    struct wanted wanted = {
        .module = modules_find (modules, module), .access = READ, .environment = LIVE};
    Jeton__V1__Access granted;
    ck_assert (!*address || cidr_address (address, &wanted.address));
    return decide (facts, &wanted, NOW, &granted);
}

START_TEST (test_allow_list) // R10
{
    struct facts *facts = &facts_;
    ck_assert_int_eq (reason_from (facts, "", "orders"), REASON (OK));
    ck_assert_int_eq (reason_from (facts, "203.0.113.1", "orders"), REASON (OK));
    facts_policy (
        facts, policy_make (true, true, (const char *[]){"192.0.2.0/24", "2001:db8::/32", NULL}));
    ck_assert_int_eq (reason_from (facts, "192.0.2.1", "orders"), REASON (OK));
    ck_assert_int_eq (reason_from (facts, "::ffff:192.0.2.1", "orders"), REASON (OK));
    ck_assert_int_eq (reason_from (facts, "2001:db8:1::1", "orders"), REASON (OK));
    ck_assert_int_eq (reason_from (facts, "192.0.3.1", "orders"), REASON (ADDRESS_NOT_ALLOWED));
    ck_assert_int_eq (reason_from (facts, "2001:db9::1", "orders"), REASON (ADDRESS_NOT_ALLOWED));
    ck_assert_int_eq (reason_from (facts, "", "orders"), REASON (ADDRESS_NOT_ALLOWED));
    // From elsewhere nobody learns what it may do.
    ck_assert_int_eq (reason_from (facts, "192.0.3.1", "prices"), REASON (ADDRESS_NOT_ALLOWED));
    facts->token_status = 2;
    ck_assert_int_eq (reason_from (facts, "192.0.3.1", "orders"), REASON (DISABLED));
}
END_TEST

// What makes a token no credential comes before what it may not do, or a stranger learns about accounts.
START_TEST (test_order)
{
    struct facts *facts = &facts_;
    facts->token_status = 3;
    facts->expires_at = 1;
    facts->account_status = 2;
    facts->environment = TEST;
    ck_assert_int_eq (reason_of (facts, "prices", WRITE, LIVE), REASON (DELETED));
    facts->token_status = 2;
    ck_assert_int_eq (reason_of (facts, "prices", WRITE, LIVE), REASON (DISABLED));
    facts->token_status = 1;
    ck_assert_int_eq (reason_of (facts, "prices", WRITE, LIVE), REASON (EXPIRED));
    facts->expires_at = 0;
    ck_assert_int_eq (reason_of (facts, "prices", WRITE, LIVE), REASON (ACCOUNT_SUSPENDED));
    facts->account_status = 1;
    ck_assert_int_eq (reason_of (facts, "prices", WRITE, LIVE), REASON (WRONG_ENVIRONMENT));
}
END_TEST

// R28's table, and R29: the outside cannot tell unknown, deleted and revoked apart.
START_TEST (test_statuses)
{
    static const int statuses[] = {
        [REASON (OK)] = 200,           [REASON (MISSING)] = 401,
        [REASON (MALFORMED)] = 401,    [REASON (UNKNOWN)] = 401,
        [REASON (EXPIRED)] = 401,      [REASON (DISABLED)] = 401,
        [REASON (DELETED)] = 401,      [REASON (REVOKED)] = 401,
        [REASON (ROTATED_OUT)] = 401,  [REASON (MODULE_NOT_GRANTED)] = 403,
        [REASON (READ_ONLY)] = 403,    [REASON (MODULE_DISABLED)] = 403,
        [REASON (OUT_OF_SCOPE)] = 403, [REASON (ADDRESS_NOT_ALLOWED)] = 403,
        [REASON (RATE_LIMITED)] = 429, [REASON (WRONG_ENVIRONMENT)] = 403,
        [REASON (UNDECIDED)] = 503,    [REASON (ACCOUNT_SUSPENDED)] = 403,
    };
    for (unsigned i = 1; i < jeton__v1__reason__descriptor.n_values; i++) {
        Jeton__V1__Reason reason =
            (Jeton__V1__Reason) jeton__v1__reason__descriptor.values[i].value;
        ck_assert_int_eq (decide_status (reason), statuses[reason]);
        const char *challenge = decide_challenge (reason);
        ck_assert_int_eq (challenge != NULL, statuses[reason] == 401 || statuses[reason] == 403);
    }
    ck_assert_str_eq (decide_challenge (REASON (UNKNOWN)), decide_challenge (REASON (DELETED)));
    ck_assert_str_eq (decide_challenge (REASON (UNKNOWN)), decide_challenge (REASON (REVOKED)));
    ck_assert_str_eq (decide_challenge (REASON (MISSING)), "");
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("decide");
    TCase *tcase = tcase_create ("decide");
    tcase_add_checked_fixture (tcase, setup, teardown);
    tcase_add_test (tcase, test_grants);
    tcase_add_test (tcase, test_customer);
    tcase_add_test (tcase, test_out_of_scope);
    tcase_add_test (tcase, test_states);
    tcase_add_test (tcase, test_expiry);
    tcase_add_test (tcase, test_rotated);
    tcase_add_test (tcase, test_environment);
    tcase_add_test (tcase, test_allow_list);
    tcase_add_test (tcase, test_order);
    tcase_add_test (tcase, test_statuses);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
