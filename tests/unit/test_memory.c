#include "common/memory/memory.h"
#include "types.pb-c.h"
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

START_TEST (test_allocation)
{
    cleanup_free char *text = xasprintf ("%s-%d", "a", 7);
    ck_assert_str_eq (text, "a-7");
    cleanup_free char *copy = xstrdup (text);
    ck_assert_str_eq (copy, text);
    cleanup_free uint64_t *numbers = xcalloc (100, sizeof *numbers);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq (numbers[i], 0);
    numbers = xrealloc (numbers, 200 * sizeof *numbers);
    ck_assert_uint_eq (numbers[99], 0);
    cleanup_free void *nothing = xmemdup (NULL, 0);
    ck_assert_ptr_nonnull (nothing);
}
END_TEST

START_TEST (test_arena)
{
    struct arena *arena = arena_new (100000);
    size_t total = 0;
    for (size_t size = 0; size < 400; size++) {
        unsigned char *p = arena_alloc (arena, size);
        if (!p)
            break;
        ck_assert_uint_eq ((uintptr_t) p % 16, 0);
        for (size_t i = 0; i < size; i++)
            ck_assert_uint_eq (p[i], 0);
        memset (p, 0xee, size);
        total += size;
    }
    ck_assert_uint_gt (total, 75000);
    arena_destroy (&arena);
    ck_assert_ptr_null (arena);
    arena_destroy (&arena);
}
END_TEST

START_TEST (test_limit)
{
    struct arena *arena = arena_new (1000);
    ck_assert_ptr_null (arena_alloc (arena, SIZE_MAX));
    ck_assert_ptr_null (arena_alloc (arena, SIZE_MAX - 15));
    ck_assert_ptr_null (arena_alloc (arena, 1001));
    ck_assert_ptr_nonnull (arena_alloc (arena, 900));
    ck_assert_ptr_null (arena_alloc (arena, 900));
    char text[200];
    memset (text, 'x', sizeof text);
    text[199] = 0;
    ck_assert_ptr_null (arena_strdup (arena, text));
    ck_assert_ptr_null (arena_printf (arena, "%s", text));
    ck_assert_ptr_null (arena_memdup (arena, text, sizeof text));
    ck_assert_str_eq (arena_printf (arena, "%d", 12), "12");
    arena_reset (arena);
    ck_assert_str_eq (arena_strdup (arena, text), text);
    arena_destroy (&arena);
    arena = arena_new (0);
    ck_assert_ptr_null (arena_alloc (arena, 0));
    arena_destroy (&arena);
}
END_TEST

// The last and largest block stays, so what was in it can be looked at.
START_TEST (test_wiped)
{
    struct arena *arena = arena_new (1000000);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++)
            ck_assert_ptr_nonnull (arena_alloc (arena, 5000));
        char *secret = arena_strdup (arena, "a secret");
        arena_reset (arena);
        ck_assert_int_eq (memcmp (secret, "\0\0\0\0\0\0\0\0", 8), 0);
    }
    // But for one that was made for a large value.
    ck_assert_ptr_nonnull (arena_alloc (arena, 500000));
    arena_reset (arena);
    ck_assert_ptr_nonnull (arena_alloc (arena, 1));
    arena_destroy (&arena);
}
END_TEST

START_TEST (test_protobuf)
{
    Jeton__V1__Account account = JETON__V1__ACCOUNT__INIT;
    char id[] = "ACC-0000-0001", orders[] = "orders", stock[] = "stock";
    char *modules[] = {orders, stock};
    account.id = id;
    account.modules = modules;
    account.n_modules = 2;
    uint8_t packed[256];
    size_t size = jeton__v1__account__pack (&account, packed);

    struct arena *arena = arena_new (4096);
    const Jeton__V1__Account *unpacked =
        jeton__v1__account__unpack (arena_protobuf (arena), size, packed);
    ck_assert_ptr_nonnull (unpacked);
    ck_assert_str_eq (unpacked->id, "ACC-0000-0001");
    ck_assert_str_eq (unpacked->modules[1], "stock");
    arena_destroy (&arena);

    arena = arena_new (64);
    ck_assert_ptr_null (jeton__v1__account__unpack (arena_protobuf (arena), size, packed));
    arena_destroy (&arena);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("memory");
    TCase *tcase = tcase_create ("memory");
    tcase_add_test (tcase, test_allocation);
    tcase_add_test (tcase, test_arena);
    tcase_add_test (tcase, test_limit);
    tcase_add_test (tcase, test_wiped);
    tcase_add_test (tcase, test_protobuf);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
