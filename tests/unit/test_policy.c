// What many tokens share (R28): one of each content, for as long as it is held; and the rows that it comes from.
// objects: services/validator/row.o services/validator/policy.o services/validator/modules.o
#include "common/memory/memory.h"
#include "services/validator/policy.h"
#include "services/validator/row.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct modules *modules;
static struct policies *policies;

static void
setup (void)
{
    modules = modules_new ();
    policies = policies_new (modules, 0);
}

// Whatever happened in between: nothing is left.
static void
teardown (void)
{
    ck_assert_uint_eq (policies_count (policies), 0);
    ck_assert_uint_eq (modules_count (modules), 0);
    policies_destroy (&policies);
    modules_destroy (&modules);
}

START_TEST (test_modules)
{
    uint16_t orders = modules_hold (modules, "orders, and more", 6);
    ck_assert_uint_ne (orders, 0);
    ck_assert_uint_eq (modules_find (modules, "orders"), orders);
    ck_assert_uint_eq (modules_find (modules, "order"), 0);
    ck_assert_uint_eq (modules_find (modules, "orders2"), 0);
    ck_assert_uint_eq (modules_find (modules, ""), 0);
    ck_assert_uint_eq (modules_hold (modules, "orders", 6), orders);
    modules_release (modules, orders);
    ck_assert_uint_eq (modules_find (modules, "orders"), orders);
    modules_release (modules, orders);
    ck_assert_uint_eq (modules_find (modules, "orders"), 0);

    ck_assert_uint_eq (modules_hold (modules, "", 0), 0);
    ck_assert_uint_eq (modules_hold (modules, "a\0b", 3), 0);
    char name[MODULE_NAME_SIZE + 1];
    memset (name, 'a', sizeof name);
    ck_assert_uint_eq (modules_hold (modules, name, MODULE_NAME_SIZE), 0);
    uint16_t longest = modules_hold (modules, name, MODULE_NAME_SIZE - 1);
    ck_assert_uint_ne (longest, 0);
    modules_release (modules, longest);
}
END_TEST

// So many and no more; one that is given back makes room; all of them are still found.
START_TEST (test_modules_bound)
{
    static uint16_t numbers[MODULES_MAX];
    char name[16];
    size_t empty = modules_bytes (modules);
    for (int i = 0; i < MODULES_MAX; i++) {
        snprintf (name, sizeof name, "m%d", i);
        numbers[i] = modules_hold (modules, name, strlen (name));
        ck_assert_uint_ne (numbers[i], 0);
    }
    ck_assert_uint_eq (modules_hold (modules, "more", 4), 0);
    ck_assert_uint_eq (modules_hold (modules, "m7", 2), numbers[7]);
    modules_release (modules, numbers[7]);
    modules_release (modules, numbers[7]);
    numbers[7] = modules_hold (modules, "more", 4);
    ck_assert_uint_ne (numbers[7], 0);
    for (int i = 0; i < MODULES_MAX; i++) {
        snprintf (name, sizeof name, "m%d", i);
        ck_assert_uint_eq (modules_find (modules, i == 7 ? "more" : name), numbers[i]);
    }
    for (int i = 0; i < MODULES_MAX; i++)
        modules_release (modules, numbers[i]);
    ck_assert_uint_eq (modules_bytes (modules), empty);
}
END_TEST

// "orders stock", each to read.
static struct policy *
policy_make (const char *names, const char *network, uint32_t rate, uint32_t account_rate)
{
    struct policy_draft draft;
    struct cidr cidr;
    policy_draft_start (&draft);
    while (*names) {
        size_t length = strcspn (names, " ");
        ck_assert (policy_draft_grant (policies, &draft, names, length, 1, true));
        names += length + (names[length] == ' ');
    }
    if (network) {
        ck_assert (cidr_parse (network, &cidr));
        ck_assert (policy_draft_allow (&draft, &cidr));
    }
    draft.rate_per_minute = rate;
    draft.account_per_minute = account_rate;
    return policies_intern (policies, &draft);
}

// Of a client's token.
static struct policy *
policy_of_client (uint32_t client, const char *scope)
{
    struct policy_draft draft;
    policy_draft_start (&draft);
    draft.client = client;
    ck_assert (policy_draft_grant (policies, &draft, "orders", 6, 1, true));
    if (scope)
        ck_assert (policy_draft_scope (&draft, scope, strlen (scope)));
    return policies_intern (policies, &draft);
}

// Restricted to nothing is another thing than not restricted (R16).
START_TEST (test_scopes)
{
    size_t empty = policies_bytes (policies);
    struct policy *some[] = {policy_of_client (0, NULL),        policy_of_client (1, NULL),
                             policy_of_client (1, ""),          policy_of_client (1, "market:1"),
                             policy_of_client (1, "market:11"), policy_of_client (2, "market:1")};
    ck_assert_uint_eq (policies_count (policies), 6);
    ck_assert_ptr_null (policy_scope (some[1]));
    ck_assert_str_eq (policy_scope (some[2]), "");
    ck_assert_str_eq (policy_scope (some[3]), "market:1");
    ck_assert_uint_eq (some[5]->client, 2);
    struct policy *again = policy_of_client (1, "market:1");
    ck_assert_ptr_eq (again, some[3]);
    policy_release (policies, again);
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        policy_release (policies, some[i]);
    ck_assert_uint_eq (policies_bytes (policies), empty);
    struct policy_draft draft;
    static char text[POLICY_SCOPE_MAX + 1];
    policy_draft_start (&draft);
    ck_assert (policy_draft_scope (&draft, text, POLICY_SCOPE_MAX));
    ck_assert (!policy_draft_scope (&draft, text, POLICY_SCOPE_MAX + 1));
}
END_TEST

START_TEST (test_one_of_each)
{
    size_t empty = policies_bytes (policies);
    struct policy *one = policy_make ("orders stock", "192.0.2.0/24", 60, 0);
    size_t bytes = policies_bytes (policies);
    ck_assert_ptr_eq (policy_make ("stock orders", "192.0.2.0/24", 60, 0), one);
    ck_assert_uint_eq (policies_bytes (policies), bytes);
    ck_assert_uint_eq (policies_count (policies), 1);

    struct policy *others[] = {policy_make ("orders stock", "192.0.2.0/25", 60, 0),
                               policy_make ("orders stock", NULL, 60, 0),
                               policy_make ("orders stock", "192.0.2.0/24", 61, 0),
                               policy_make ("orders stock", "192.0.2.0/24", 60, 1),
                               policy_make ("orders", "192.0.2.0/24", 60, 0),
                               policy_make ("orders prices", "192.0.2.0/24", 60, 0),
                               policy_make ("", NULL, 0, 0)};
    ck_assert_uint_eq (policies_count (policies), 8);
    for (size_t i = 0; i < 7; i++) {
        ck_assert_ptr_ne (others[i], one);
        policy_release (policies, others[i]);
    }
    ck_assert_uint_eq (policies_bytes (policies), bytes);
    ck_assert_uint_eq (modules_find (modules, "prices"), 0);
    ck_assert_ptr_nonnull (policy_grant (one, modules_find (modules, "orders")));
    ck_assert_ptr_nonnull (policy_grant (one, modules_find (modules, "stock")));
    ck_assert_ptr_null (policy_grant (one, 0));
    ck_assert_int_eq (policy_allowed (one)->bits, 24);

    policy_release (policies, one);
    policy_release (policies, one);
    ck_assert_uint_eq (policies_bytes (policies), empty);
    policy_release (policies, NULL);
}
END_TEST

START_TEST (test_drafts)
{
    struct policy_draft draft;
    char name[16];
    policy_draft_start (&draft);
    ck_assert (policy_draft_grant (policies, &draft, "a", 1, 1, true));
    ck_assert (policy_draft_grant (policies, &draft, "b", 1, 1, true));
    ck_assert (policy_draft_grant (policies, &draft, "a", 1, 2, true));
    ck_assert_ptr_null (policies_intern (policies, &draft));
    ck_assert_uint_eq (modules_count (modules), 0);

    policy_draft_start (&draft);
    for (int i = 0; i < POLICY_GRANTS_MAX; i++) {
        snprintf (name, sizeof name, "m%d", i);
        ck_assert (policy_draft_grant (policies, &draft, name, strlen (name), 1, i % 2));
    }
    ck_assert (!policy_draft_grant (policies, &draft, "more", 4, 1, true));
    for (int i = 0; i < POLICY_ALLOWED_MAX; i++)
        ck_assert (policy_draft_allow (&draft, &(struct cidr){4, 32, {(uint8_t) i}}));
    ck_assert (!policy_draft_allow (&draft, &(struct cidr){4, 32, {0}}));
    struct policy *policy = policies_intern (policies, &draft);
    for (int i = 0; i < POLICY_GRANTS_MAX; i++) {
        snprintf (name, sizeof name, "m%d", i);
        const struct policy_grant *grant = policy_grant (policy, modules_find (modules, name));
        ck_assert (grant && grant->enabled == i % 2);
    }
    policy_release (policies, policy);
}
END_TEST

// ---- rows ----------------------------------------------------------------------------------------------------------

static const char *const good_row[ROW_COLUMNS] = {"7",
                                                  "8",
                                                  "9",
                                                  "1700000000",
                                                  "2",
                                                  "1",
                                                  "1",
                                                  "1",
                                                  "1",
                                                  "orders 1 true,stock 2 false",
                                                  "192.0.2.0/24,2001:db8::/32",
                                                  "0",
                                                  "600",
                                                  "60",
                                                  "6000",
                                                  "100",
                                                  "3"};

// A number in binary, for columns that are none of the texts; what is no number stays as it is.
static struct db_field
field_of (int column, const char *text, uint8_t scratch[8])
{
    char *end;
    if (!text)
        return (struct db_field){NULL, 0};
    errno = 0;
    long long number = strtoll (text, &end, 10);
    if (column == ROW_GRANTS || column == ROW_ALLOWED || errno || *end != '\0' || *text == '\0')
        return (struct db_field){(const uint8_t *) text, strlen (text)};
    for (int i = 0; i < 8; i++)
        scratch[i] = (uint8_t) ((unsigned long long) number >> (56 - 8 * i));
    return (struct db_field){scratch, 8};
}

// Are the good row's facts read with another text in one column (NULL: a null)? facts_r->policy is to be released.
static bool
row_read (int column, const char *text, struct facts *facts_r)
{
    struct db_field fields[ROW_COLUMNS];
    uint8_t scratch[ROW_COLUMNS][8];
    for (int i = 0; i < ROW_COLUMNS; i++)
        fields[i] = field_of (i, i == column ? text : good_row[i], scratch[i]);
    bool good = row_facts (fields, NULL, policies, facts_r);
    ck_assert (good == (facts_r->policy != NULL));
    return good;
}

START_TEST (test_row)
{
    struct facts facts;
    ck_assert (row_read (-1, NULL, &facts));
    ck_assert_int_eq (facts.token, 7);
    ck_assert_int_eq (facts.account, 8);
    ck_assert_int_eq (facts.user, 9);
    ck_assert_int_eq (facts.expires_at, 1700000000);
    ck_assert_int_eq (facts.kind, 2);
    ck_assert_int_eq (facts.grace_until, 0);
    ck_assert_ptr_null (facts.jti);
    const struct policy_grant *orders =
                                  policy_grant (facts.policy, modules_find (modules, "orders")),
                              *stock = policy_grant (facts.policy, modules_find (modules, "stock"));
    ck_assert (orders && orders->access == 1 && orders->enabled == 1);
    ck_assert (stock && stock->access == 2 && stock->enabled == 0);
    ck_assert_uint_eq (facts.policy->nallowed, 2);
    ck_assert_uint_eq (facts.policy->rate_per_minute, 600);
    ck_assert_uint_eq (facts.policy->rate_burst, 60);
    ck_assert_uint_eq (facts.policy->account_per_minute, 6000);
    ck_assert_uint_eq (facts.policy->account_burst, 100);
    ck_assert_int_eq (policy_allowed (facts.policy)[1].family, 6);
    policy_release (policies, facts.policy);

    ck_assert (row_read (9, NULL, &facts));
    ck_assert_uint_eq (facts.policy->ngrants, 0);
    policy_release (policies, facts.policy);
    ck_assert (row_read (10, "", &facts));
    ck_assert_uint_eq (facts.policy->nallowed, 0);
    policy_release (policies, facts.policy);
}
END_TEST

static PGresult *
names_make (int n, const char *const rows[][2])
{
    PGresult *result = PQmakeEmptyPGresult (NULL, PGRES_TUPLES_OK);
    char name[] = "column";
    PGresAttDesc columns[2] = {{.name = name}, {.name = name}};
    ck_assert (PQsetResultAttrs (result, 2, columns));
    for (int row = 0; row < n; row++)
        for (int i = 0; i < 2; i++) {
            cleanup_free char *value = xstrdup (rows[row][i]);
            ck_assert (PQsetvalue (result, row, i, value, (int) strlen (value)));
        }
    return result;
}

static bool
packed_read (const struct row_names *names, const int64_t *grants, size_t n, struct facts *facts_r)
{
    struct db_field fields[ROW_COLUMNS];
    uint8_t scratch[ROW_COLUMNS][8], array[20 + 12 * 8] = {0};
    for (int i = 0; i < ROW_COLUMNS; i++)
        fields[i] = field_of (i, good_row[i], scratch[i]);
    const uint8_t head[20] = {0, 0,  0, 1, 0, 0,           0, 0, 0, 0,
                              0, 20, 0, 0, 0, (uint8_t) n, 0, 0, 0, 1};
    memcpy (array, head, sizeof head);
    for (size_t i = 0; i < n; i++) {
        array[20 + 12 * i + 3] = 8;
        for (int k = 0; k < 8; k++)
            array[24 + 12 * i + (size_t) k] = (uint8_t) ((uint64_t) grants[i] >> (56 - 8 * k));
    }
    fields[ROW_GRANTS] = (struct db_field){array, 20 + 12 * n};
    return row_facts (fields, names, policies, facts_r);
}

// Grants by modules' numbers are those by their names.
START_TEST (test_row_packed)
{
    static const char *const rows[][2] = {{"3", "orders"}, {"70", "stock"}};
    struct row_names *names = row_names_new ();
    PGresult *result = names_make (2, rows);
    ck_assert (row_names_read (names, result));
    PQclear (result);
    struct facts facts, same;
    ck_assert (packed_read (names, (int64_t[]){3 * 8 + 1 * 2 + 1, 70 * 8 + 2 * 2}, 2, &facts));
    ck_assert (row_read (-1, NULL, &same));
    ck_assert_ptr_eq (facts.policy, same.policy);
    policy_release (policies, same.policy);
    policy_release (policies, facts.policy);
    ck_assert (packed_read (names, NULL, 0, &facts));
    ck_assert_uint_eq (facts.policy->ngrants, 0);
    policy_release (policies, facts.policy);
    static const int64_t bad[] = {0, 3, 3 * 8, 3 * 8 + 6, 4 * 8 + 2, -1, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert (!packed_read (names, &bad[i], 1, &facts));
    ck_assert (!packed_read (names, (int64_t[]){3 * 8 + 2, 3 * 8 + 4}, 2, &facts));

    // Names that are not in order, or none.
    static const char *const orders[][2] = {{"70", "stock"}, {"3", "orders"}}, *const none[][2] = {
                                                                                   {"x", "stock"}};
    result = names_make (2, orders);
    ck_assert (!row_names_read (names, result));
    PQclear (result);
    result = names_make (1, none);
    ck_assert (!row_names_read (names, result));
    PQclear (result);
    row_names_destroy (&names);
}
END_TEST

// A row that makes no sense gives nothing, and keeps nothing.
START_TEST (test_row_hostile)
{
    static const struct {
        int column;
        const char *text;
    } rows[] = {
        {0, NULL},
        {0, ""},
        {0, "x"},
        {0, "1e9"},
        {0, "99999999999999999999"},
        {1, NULL},
        {3, "later"},
        {4, "256"},
        {4, "-1"},
        {5, "300"},
        {6, NULL},
        {7, ""},
        {8, "9999999"},
        {9, ","},
        {9, " "},
        {9, "orders"},
        {9, "orders 1"},
        {9, "orders 1 "},
        {9, " 1 t"},
        {9, "orders 3 t"},
        {9, "orders 1 x"},
        {9, "orders 12 t"},
        {9, "a 1 t,b"},
        {9, "a 1 t,b 1 t,a 2 t"},
        {9, "a 1 t,,b 1 t"},
        {10, NULL},
        {10, "x"},
        {10, ","},
        {10, "192.0.2.0"},
        {10, "192.0.2.0/33"},
        {10, "::ffff:192.0.2.0/120"},
        {10, "192.0.2.0/24,192.0.2.0/24 or anything that is longer than a network can be"},
        {11, NULL},
        {11, "-"},
        {12, NULL},
        {12, "-1"},
        {12, "0"},
        {12, "4294967296"},
        {12, "6000001"},
        {13, "0"},
        {14, NULL},
        {14, "-1"},
        {14, "0"},
        {15, "0"},
        {15, "6000001"},
        {13, "x"},
    };
    struct facts facts;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg (!row_read (rows[i].column, rows[i].text, &facts), "column %d: %s",
                       rows[i].column, rows[i].text ? rows[i].text : "null");

    char grants[(POLICY_GRANTS_MAX + 1) * 12] = "", networks[(POLICY_ALLOWED_MAX + 1) * 20] = "";
    for (int i = 0; i <= POLICY_GRANTS_MAX; i++)
        sprintf (grants + strlen (grants), "%sm%d 1 t", i ? "," : "", i);
    ck_assert (!row_read (9, grants, &facts));
    *strrchr (grants, ',') = '\0';
    ck_assert (row_read (9, grants, &facts));
    policy_release (policies, facts.policy);
    for (int i = 0; i <= POLICY_ALLOWED_MAX; i++)
        sprintf (networks + strlen (networks), "%s192.0.2.%d/32", i ? "," : "", i);
    ck_assert (!row_read (10, networks, &facts));
    char name[MODULE_NAME_SIZE + 5];
    memset (name, 'a', MODULE_NAME_SIZE);
    memcpy (name + MODULE_NAME_SIZE, " 1 t", 5);
    ck_assert (!row_read (9, name, &facts));
    ck_assert (row_read (9, name + 1, &facts));
    policy_release (policies, facts.policy);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("policy");
    TCase *tcase = tcase_create ("policy");
    tcase_add_checked_fixture (tcase, setup, teardown);
    tcase_set_timeout (tcase, 60);
    tcase_add_test (tcase, test_modules);
    tcase_add_test (tcase, test_modules_bound);
    tcase_add_test (tcase, test_one_of_each);
    tcase_add_test (tcase, test_scopes);
    tcase_add_test (tcase, test_drafts);
    tcase_add_test (tcase, test_row);
    tcase_add_test (tcase, test_row_packed);
    tcase_add_test (tcase, test_row_hostile);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
