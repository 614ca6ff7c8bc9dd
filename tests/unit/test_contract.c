// Services, methods and messages by the names that people give them (R34).
#include "common/rpc/contract.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
method_of (const char *name)
{
    static char full[2 * CONTRACT_NAME_MAX];
    struct contract_method method;
    if (!contract_method (name, &method))
        return "none";
    snprintf (full, sizeof full, "%s/%s", method.service->descriptor->name, method.method->name);
    return full;
}

START_TEST (test_names)
{
    static const char *const names[] = {"jeton.v1.Admin/GetToken", "Admin/GetToken",
                                        "admin/gettoken",          "jeton.v1.admin.GetToken",
                                        "admin.GetToken",          "GetToken"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_str_eq (method_of (names[i]), "jeton.v1.Admin/GetToken");
    ck_assert_str_eq (method_of ("auditor/ListRecords"), "jeton.v1.AuditLogger/ListRecords");
    static const char *const none[] = {"",
                                       "/",
                                       "Admin/",
                                       "/GetToken",
                                       "Admin",
                                       "GetToke",
                                       "Issuer/GetToken",
                                       "v1.Admin/GetToken",
                                       "gateway/GetToken",
                                       "Admin/GetToken/"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_assert_str_eq (method_of (none[i]), "none");
    char longest[1024];
    memset (longest, 'a', sizeof longest);
    longest[512] = '/';
    longest[sizeof longest - 1] = '\0';
    ck_assert_str_eq (method_of (longest), "none");
}
END_TEST

// A name without its service is that of one method only; a process names its own service.
START_TEST (test_unique)
{
    struct contract_method method, found;
    for (const struct contract_service *s = contract_services; s->descriptor; s++) {
        ck_assert_ptr_eq (contract_service (s->descriptor->name), s);
        for (unsigned i = 0; contract_method_at (s, i, &method); i++) {
            ck_assert (contract_method (method.method->name, &found));
            ck_assert_ptr_eq (found.method, method.method);
        }
    }
    ck_assert_str_eq (contract_service ("admin")->descriptor->short_name, "Admin");
    ck_assert_str_eq (contract_service ("auditor")->descriptor->short_name, "AuditLogger");
    ck_assert_ptr_null (contract_service ("gateway"));
}
END_TEST

START_TEST (test_kinds)
{
    struct contract_method method;
    ck_assert (contract_method ("TailUse", &method) && method.stream && method.reads);
    ck_assert (contract_method ("ExportTokens", &method) && !method.stream && method.reads);
    ck_assert (contract_method ("CreateToken", &method) && !method.stream && !method.reads);
}
END_TEST

struct seen {
    const char *names[1024];
    size_t n, messages, enums, limit;
};

static bool
see (struct seen *seen, const char *name)
{
    for (size_t i = 0; i < seen->n; i++)
        ck_assert_str_ne (seen->names[i], name);
    seen->names[seen->n++] = name;
    return seen->n != seen->limit;
}

static bool
on_message (void *context, const ProtobufCMessageDescriptor *message)
{
    struct seen *seen = context;
    seen->messages++;
    return see (seen, message->name);
}

static bool
on_enum (void *context, const ProtobufCEnumDescriptor *enumeration)
{
    struct seen *seen = context;
    seen->enums++;
    return see (seen, enumeration->name);
}

START_TEST (test_each)
{
    struct seen all = {.n = 0}, some = {.limit = 7}, messages = {.n = 0};
    contract_each (on_message, on_enum, &all);
    ck_assert_uint_gt (all.messages, 150);
    ck_assert_uint_gt (all.enums, 10);
    contract_each (on_message, on_enum, &some);
    ck_assert_uint_eq (some.n, 7);
    contract_each (on_message, NULL, &messages);
    ck_assert_uint_eq (messages.n, all.messages);
}
END_TEST

int
main (void)
{
    TCase *tcase = tcase_create ("contract");
    tcase_add_test (tcase, test_names);
    tcase_add_test (tcase, test_unique);
    tcase_add_test (tcase, test_kinds);
    tcase_add_test (tcase, test_each);
    Suite *suite = suite_create ("contract");
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
