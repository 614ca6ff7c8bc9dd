// The files of the journal of use: what is written comes back, that of the version before too, and what is damaged costs no more than it must (R39, R40, R44).
// objects: tests/unit/journal_fixture.o
#include "common/crypto/crypto.h"
#include "common/journal/internal.h"
#include "common/memory/memory.h"
#include "tests/unit/journal_fixture.h"
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Module and peer are 8 to 64 bytes long, the id is 8 to 48; one in ten has none.
static struct journal_use
text_use (int i)
{
    struct journal_use use = {.second = 1, .token = i};
    memset (use.module, 'm', 8 + (size_t) i % 57);
    memset (use.peer, 'p', 64 - (size_t) i % 57);
    snprintf (use.id, sizeof use.id, "%08d", i);
    memset (use.id + 8, 'i', (size_t) i % 41);
    if (i % 10 == 0)
        memset (use.id, 0, sizeof use.id);
    return use;
}

// Texts of every length, each use with others: they take room of their own, and come back as they were.
START_TEST (texts)
{
    struct journal *journal = open_it ();
    struct journal_segment segment;
    size_t uses = 0, segments = 0;
    enum { ALL = 3 * JOURNAL_ROWS_MAX / 5 };
    for (int i = 0; i < ALL; i++) {
        struct journal_use use = text_use (i);
        ck_assert (journal_count (journal, &use));
        ck_assert (journal_count (journal, &use));
    }
    journal_seal (journal);
    for (; journal_next (journal, &segment); journal_taken (journal), segments++) {
        for (size_t i = 0; i < segment.n; i++) {
            struct journal_use use = text_use ((int) segment.rows[i].use.token);
            ck_assert_mem_eq (&segment.rows[i].use, &use, sizeof use);
            ck_assert_uint_eq (segment.rows[i].count, 2);
        }
        uses += segment.n;
        journal_segment_free (&segment);
    }
    ck_assert_uint_eq (uses, ALL);
    ck_assert_uint_ge (segments, 2);
    journal_close (&journal);
}
END_TEST

// In the file of the segment that is open.
static void
byte_change (struct journal *journal, off_t at)
{
    struct dirent **list;
    journal_seal (journal);
    int n = scandir (directory, &list, NULL, alphasort);
    ck_assert_int_eq (n, 4); // ., .., the segment, the lock
    cleanup_free char *path = xasprintf ("%s/%s", directory, list[2]->d_name);
    int fd = open (path, O_RDWR);
    ck_assert_int_eq (pwrite (fd, "x", 1, at), 1);
    close (fd);
    while (n-- > 0)
        free (list[n]);
    free (list);
}

// A use whose text is damaged was one all the same.
START_TEST (damaged_text)
{
    struct journal *journal = open_it ();
    struct journal_segment segment;
    struct journal_use use = text_use (5);
    ck_assert (journal_count (journal, &use));
    byte_change (journal, 64 + 64); // of the peer
    journal_close (&journal);
    journal = open_it ();
    ck_assert_uint_eq (journal_stats (journal)->damaged, 1);
    ck_assert (journal_next (journal, &segment));
    ck_assert_uint_eq (segment.n, 1);
    ck_assert_int_eq (segment.rows[0].use.token, 5);
    ck_assert_mem_eq (segment.rows[0].use.module, use.module, sizeof use.module);
    ck_assert_str_eq (segment.rows[0].use.peer, "?");
    journal_segment_free (&segment);
    journal_taken (journal);
    journal_close (&journal);
}
END_TEST

// What the version before has left: 256 bytes a row. `bad`: the check of the second row is wrong.
static void
put_earlier (bool bad)
{
    struct {
        struct segment_head head;
        uint8_t rest[sizeof (struct segment_row_1) - sizeof (struct segment_head)];
        struct segment_row_1 rows[4]; // the last is not there
    } file = {.head = {.magic = {'J', 'E', 'T', 'U', 'S', 'E', '1', '\n'},
                       .source = {0xab},
                       .sequence = 7,
                       .key = 99}};
    char name[SEGMENT_NAME_SIZE];
    file.head.check = segment_digest (99, &file, 32);
    for (int i = 0; i < 3; i++) {
        struct journal_use use = text_use (i + 1);
        file.rows[i].use = use;
        file.rows[i].count = (uint64_t) i + 1;
        file.rows[i].check = segment_digest (99, &use, sizeof use) + (bad && i == 1);
    }
    segment_name (&file.head, name);
    cleanup_free char *path = xasprintf ("%s/%s", directory, name);
    FILE *f = fopen (path, "wb");
    ck_assert (f != NULL && fwrite (&file, sizeof file, 1, f) == 1 && fclose (f) == 0);
}

START_TEST (earlier_version)
{
    for (int bad = 0; bad < 2; bad++) {
        struct journal_segment segment;
        put_earlier (bad);
        struct journal *journal = open_it ();
        ck_assert_uint_eq (journal_stats (journal)->damaged, bad);
        ck_assert (journal_next (journal, &segment));
        ck_assert_uint_eq (segment.sequence, 7);
        ck_assert_uint_eq (segment.source[0], 0xab);
        ck_assert_uint_eq (segment.n, 3 - bad);
        for (size_t i = 0; i < segment.n; i++) {
            struct journal_use use = text_use ((int) segment.rows[i].use.token);
            ck_assert_mem_eq (&segment.rows[i].use, &use, sizeof use);
            ck_assert_uint_eq (segment.rows[i].count, segment.rows[i].use.token);
        }
        journal_segment_free (&segment);
        journal_taken (journal);
        ck_assert (!journal_next (journal, &segment));
        journal_close (&journal);
    }
}
END_TEST

int
main (void)
{
    struct error error;
    const TTest *const tests[] = {texts, damaged_text, earlier_version};
    if (!crypto_start (&error))
        return EXIT_FAILURE;
    Suite *suite = suite_create ("journal_segment");
    TCase *all = tcase_create ("all");
    tcase_add_checked_fixture (all, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test (all, tests[i]);
    suite_add_tcase (suite, all);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
