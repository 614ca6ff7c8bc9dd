// The journal of use: counts are exact, whatever is killed and whatever is found in the directory (R39, R40, R44).
// objects: tests/unit/journal_fixture.o
#include "common/crypto/crypto.h"
#include "common/journal/internal.h"
#include "common/memory/memory.h"
#include "tests/unit/journal_fixture.h"
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MIB = 1024 * 1024,
    KINDS = 64,
    USES_MAX = JOURNAL_ROWS_MAX - 2, // of a segment with the two texts of use_of
};

static struct journal_use
use_of (int64_t token, int64_t second)
{
    struct journal_use use = {.second = second, .token = token, .account = 7, .family = 4};
    use.address[0] = 192;
    snprintf (use.module, sizeof use.module, "orders");
    snprintf (use.peer, sizeof use.peer, "shop");
    return use;
}

static void
count_it (struct journal *journal, int64_t token, int64_t second)
{
    struct journal_use use = use_of (token, second);
    ck_assert (journal_count (journal, &use));
}

// Take all that waits: counts by token, and the number of rows.
static size_t
take (struct journal *journal, uint64_t counts_r[KINDS])
{
    struct journal_segment segment;
    size_t rows = 0;
    memset (counts_r, 0, KINDS * sizeof *counts_r);
    while (journal_next (journal, &segment)) {
        for (size_t i = 0; i < segment.n; i++)
            counts_r[segment.rows[i].use.token % KINDS] += segment.rows[i].count;
        rows += segment.n;
        journal_segment_free (&segment);
        journal_taken (journal);
    }
    return rows;
}

// How many files have this in their names, and the path of the last one.
static char path[400];

static int
files (const char *part)
{
    struct dirent **list;
    int n = 0, all = scandir (directory, &list, NULL, alphasort);
    for (int i = 0; i < all; i++) {
        if (strstr (list[i]->d_name, part) != NULL) {
            n++;
            snprintf (path, sizeof path, "%s/%s", directory, list[i]->d_name);
        }
        free (list[i]);
    }
    free (list);
    return n;
}

static const char *
file (const char *part)
{
    ck_assert_int_eq (files (part), 1);
    return path;
}

static void
put (const char *name, const void *data, size_t size)
{
    cleanup_free char *whole = xasprintf ("%s/%s", directory, name);
    FILE *f = fopen (whole, "wb");
    ck_assert_ptr_nonnull (f);
    ck_assert_uint_eq (fwrite (data, 1, size, f), size);
    fclose (f);
}

// Equal entries are one row with their count; what differs in anything is another row.
START_TEST (counts)
{
    struct journal *journal = open_it ();
    struct journal_use use = use_of (1, 1000);
    for (int i = 0; i < 5; i++)
        ck_assert (journal_count (journal, &use));
    use.second++;
    ck_assert (journal_count (journal, &use));
    use.decision = 2;
    ck_assert (journal_count (journal, &use));
    memset (use.module, 'm', sizeof use.module); // as long as a text may be
    ck_assert (journal_count (journal, &use));
    use.address[15] = 1;
    ck_assert (journal_count (journal, &use));
    use.grant_type = 1;
    ck_assert (journal_count (journal, &use));
    use.client = 99999999;
    ck_assert (journal_count (journal, &use));
    use.customer = 1;
    ck_assert (journal_count (journal, &use));
    journal_seal (journal);
    struct journal_segment segment;
    ck_assert (journal_next (journal, &segment));
    ck_assert_uint_eq (segment.n, 8);
    ck_assert_uint_eq (segment.sequence, 1);
    ck_assert_uint_eq (segment.rows[0].count, 5);
    ck_assert_mem_eq (&segment.rows[7].use, &use, sizeof use);
    for (size_t i = 1; i < 8; i++)
        ck_assert_uint_eq (segment.rows[i].count, 1);
    journal_segment_free (&segment);
    ck_assert_uint_eq (journal_stats (journal)->counted, 12);
    journal_taken (journal);
    ck_assert (!journal_next (journal, &segment));
    ck_assert_int_eq (files (".use"), 0);
    journal_close (&journal);
    journal_close (&journal);
}
END_TEST

// A segment is sealed when it is a second old, or full; they come out in order, until they are taken.
START_TEST (seals)
{
    struct journal *journal = open_it ();
    struct journal_segment segment;
    journal_tick (journal, 10000);
    count_it (journal, 1, 1);
    journal_tick (journal, 10100);
    journal_tick (journal, 11099);
    ck_assert (!journal_next (journal, &segment));
    journal_tick (journal, 11100);
    ck_assert (journal_next (journal, &segment));
    ck_assert_uint_eq (segment.n, 1);
    journal_segment_free (&segment);
    for (int64_t i = 0; i < 2 * USES_MAX; i++)
        count_it (journal, i, 1);
    ck_assert (journal_next (journal, &segment)); // the first one still
    ck_assert_uint_eq (segment.sequence, 1);
    journal_segment_free (&segment);
    journal_taken (journal);
    ck_assert (journal_next (journal, &segment));
    ck_assert_uint_eq (segment.sequence, 2);
    ck_assert_uint_eq (segment.n, USES_MAX);
    journal_segment_free (&segment);
    journal_taken (journal);
    ck_assert (!journal_next (journal, &segment)); // the last one is full, but open
    journal_seal (journal);
    ck_assert (journal_next (journal, &segment));
    ck_assert_uint_eq (segment.sequence, 3);
    journal_segment_free (&segment);
    journal_close (&journal);
}
END_TEST

// What was not taken comes again after a restart, the same, under the same name.
START_TEST (restart)
{
    struct journal *journal = open_it ();
    struct journal_segment before, after;
    uint64_t counted[KINDS];
    count_it (journal, 3, 1);
    journal_seal (journal);
    count_it (journal, 4, 1);
    ck_assert (journal_next (journal, &before));
    journal_close (&journal);
    journal = open_it ();
    count_it (journal, 5, 2);
    ck_assert (journal_next (journal, &after));
    ck_assert_mem_eq (before.source, after.source, sizeof before.source);
    ck_assert_uint_eq (before.sequence, after.sequence);
    ck_assert_uint_eq (before.n, after.n);
    ck_assert_mem_eq (before.rows, after.rows, before.n * sizeof *before.rows);
    journal_segment_free (&before);
    journal_segment_free (&after);
    journal_seal (journal);
    ck_assert_uint_eq (take (journal, counted), 3);
    ck_assert (counted[3] == 1 && counted[4] == 1 && counted[5] == 1);
    journal_close (&journal);
    ck_assert_int_eq (files (".use"), 0);
}
END_TEST

START_TEST (refuses_when_full)
{
    struct journal *journal = open_as (2 * SEGMENT_SIZE, false);
    struct error reason = {""};
    struct journal_use use = use_of (1, 1);
    uint64_t counted[KINDS];
    ck_assert (journal_good (journal, &reason));
    for (int64_t i = 0; i < 2 * USES_MAX; i++)
        count_it (journal, i, 9);
    count_it (journal, USES_MAX, 9); // no new row
    ck_assert (!journal_count (journal, &use));
    ck_assert (!journal_good (journal, &reason));
    ck_assert_ptr_nonnull (strstr (reason.text, "journal_limit"));
    ck_assert_uint_eq (journal_stats (journal)->refused, 1);
    ck_assert_uint_eq (journal_stats (journal)->counted, 2 * USES_MAX + 1);
    journal_tick (journal, 1);
    ck_assert (!journal_count (journal, &use));
    ck_assert_uint_eq (take (journal, counted), 2 * USES_MAX);
    ck_assert (!journal_count (journal, &use)); // looks again at the next tick
    journal_tick (journal, 2);
    ck_assert (journal_good (journal, &reason)); // also if nobody asks meanwhile
    ck_assert (journal_count (journal, &use));
    journal_close (&journal);
}
END_TEST

// Small segments take a block each: the limit is of what the directory takes of the disk, as it is counted after a restart too.
START_TEST (blocks_count)
{
    struct journal *journal = open_it ();
    uint64_t taken = 0, counted[KINDS];
    struct dirent **list;
    for (int64_t i = 0; i < 5; i++) {
        count_it (journal, 1, i);
        journal_seal (journal);
    }
    int all = scandir (directory, &list, NULL, alphasort);
    for (int i = 0; i < all; i++) {
        struct stat found;
        cleanup_free char *name = xasprintf ("%s/%s", directory, list[i]->d_name);
        if (strstr (name, ".use") != NULL && stat (name, &found) == 0)
            taken += (uint64_t) found.st_blocks * 512;
        free (list[i]);
    }
    free (list);
    ck_assert_uint_gt (taken, 0);
    ck_assert_uint_eq (journal_stats (journal)->bytes, taken);
    journal_close (&journal);
    journal = open_it ();
    ck_assert_uint_eq (journal_stats (journal)->bytes, taken);
    ck_assert_uint_eq (take (journal, counted), 5);
    ck_assert_uint_eq (journal_stats (journal)->bytes, 0);
    journal_close (&journal);
}
END_TEST

// Who removes what was set aside, as the log asks for, need not start the process again.
START_TEST (room_is_made)
{
    static const char bytes[100000];
    struct journal_use use = use_of (1, 1);
    struct error reason = {""};
    put ("a.damaged", bytes, sizeof bytes);
    put ("b.refused", bytes, sizeof bytes);
    struct journal *journal = open_as (SEGMENT_SIZE + 150000, false);
    ck_assert (!journal_count (journal, &use));
    ck_assert (!journal_good (journal, &reason));
    ck_assert_ptr_nonnull (strstr (reason.text, "set aside"));
    ck_assert_int_eq (unlink (file (".refused")), 0);
    journal_tick (journal, 1);
    ck_assert (journal_good (journal, &reason));
    ck_assert (journal_count (journal, &use));
    journal_close (&journal);
}
END_TEST

START_TEST (drops_when_full)
{
    struct journal *journal = open_as (SEGMENT_SIZE, true);
    struct error reason = {""};
    struct journal_use use = use_of (1, 1);
    for (int64_t i = 0; i < USES_MAX; i++)
        count_it (journal, i, 9);
    for (int i = 0; i < 5; i++)
        ck_assert (journal_count (journal, &use));
    ck_assert_uint_eq (journal_stats (journal)->dropped, 5);
    ck_assert (!journal_good (journal, &reason));
    journal_close (&journal);
}
END_TEST

START_TEST (one_process)
{
    struct journal *journal = open_it ();
    struct error error = {""};
    ck_assert (journal_open (&(struct journal_options){directory, MIB, false}, &error) == NULL);
    ck_assert_ptr_nonnull (strstr (error.text, "another process"));
    journal_close (&journal);
    ck_assert (journal_open (&(struct journal_options){"/dev/null", MIB, false}, &error) == NULL);
    ck_assert (journal_open (&(struct journal_options){"/no/where/x", MIB, false}, &error) == NULL);
}
END_TEST

// Nobody else may read it.
START_TEST (permissions)
{
    struct stat found;
    ck_assert_int_eq (chmod (directory, 0755), 0);
    struct journal *journal = open_it ();
    count_it (journal, 1, 1);
    ck_assert (stat (directory, &found) == 0 && (found.st_mode & 0777) == 0700);
    ck_assert (stat (file (".use"), &found) == 0 && (found.st_mode & 0777) == 0600);
    ck_assert (stat (file ("lock"), &found) == 0 && (found.st_mode & 0777) == 0600);
    journal_close (&journal);
}
END_TEST

// What is no segment is set aside, counts as what the directory holds, and stops nobody.
START_TEST (garbage)
{
    static const char name[] = "00112233445566778899aabbccddeeff-0000000000000001.use";
    char bytes[1024];
    uint64_t counted[KINDS];
    struct journal *journal = open_it ();
    count_it (journal, 1, 1);
    journal_close (&journal);
    memset (bytes, 'x', sizeof bytes);
    put ("x.use", bytes, sizeof bytes);
    put (name, bytes, sizeof bytes);
    put ("00112233445566778899aabbccddeeff-0000000000000002.use", bytes, 7);
    put ("00112233445566778899aabbccddeeff-0000000000000003.use", "", 0);
    put ("segment.new", bytes, 100);
    put ("notes", bytes, 100);
    cleanup_free char *fifo =
        xasprintf ("%s/00112233445566778899aabbccddeeff-0000000000000004.use", directory);
    ck_assert_int_eq (mkfifo (fifo, 0600), 0);
    journal = open_it ();
    ck_assert_uint_eq (journal_stats (journal)->set_aside, 5);
    ck_assert_int_eq (files (".damaged"), 5);
    ck_assert_int_eq (files ("notes"), 1);
    ck_assert_uint_eq (take (journal, counted), 1);
    journal_close (&journal);
    journal = open_as (SEGMENT_SIZE + 1024, false); // not with what was set aside
    struct journal_use use = use_of (1, 1);
    ck_assert (!journal_count (journal, &use));
    journal_close (&journal);
}
END_TEST

// A process that has no descriptor left, for all its connections, keeps what waits, and hands it out when it has.
START_TEST (no_descriptor)
{
    uint64_t counted[KINDS];
    struct rlimit limit, none = {0};
    struct journal *journal = open_it ();
    count_it (journal, 1, 1);
    journal_seal (journal);
    ck_assert_int_eq (getrlimit (RLIMIT_NOFILE, &limit), 0);
    none.rlim_max = limit.rlim_max;
    ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &none), 0);
    size_t rows = take (journal, counted);
    ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_eq (rows, 0);
    ck_assert_uint_eq (journal_stats (journal)->set_aside, 0);
    ck_assert_uint_eq (take (journal, counted), 1);
    ck_assert_uint_eq (counted[1], 1);
    journal_close (&journal);
}
END_TEST

// A bit that has changed, or a file that was cut: what is whole is counted, what is not is not, and nothing is counted wrongly.
START_TEST (damaged)
{
    uint64_t counted[KINDS];
    struct journal *journal = open_it ();
    for (int64_t i = 1; i <= 3; i++)
        count_it (journal, i, 1);
    journal_close (&journal);
    int fd = open (file (".use"), O_RDWR);
    uint8_t byte = 0x55;
    ck_assert_int_eq (pwrite (fd, &byte, 1, 64 * (1 + 2 + 1) + 20), 1); // in the second use
    close (fd);
    journal = open_it ();
    ck_assert_uint_eq (journal_stats (journal)->damaged, 1);
    ck_assert_uint_eq (take (journal, counted), 2);
    ck_assert (counted[1] == 1 && counted[2] == 0 && counted[3] == 1);
    for (int64_t i = 1; i <= 3; i++)
        count_it (journal, i, 1);
    journal_close (&journal);
    ck_assert_int_eq (truncate (file (".use"), (off_t) 64 * (1 + 2 + 2)), 0);
    journal = open_it ();
    ck_assert_uint_eq (take (journal, counted), 2);
    count_it (journal, 1, 1);
    journal_seal (journal);
    ck_assert_int_eq (truncate (file (".use"), 100), 0); // while it waits
    ck_assert_uint_eq (take (journal, counted), 0);
    ck_assert_int_eq (files (".damaged"), 1);
    count_it (journal, 1, 1);
    journal_seal (journal);
    journal_refused (journal);
    ck_assert_int_eq (files (".refused"), 1);
    ck_assert_uint_eq (journal_stats (journal)->segments, 0);
    journal_close (&journal);
}
END_TEST

// ---- kill -9 --------------------------------------------------------------------------------------------------------

// A child that counts, tells each time through a pipe when it has, and is killed somewhere.
static void
child (int pipe_to, unsigned seed)
{
    struct journal *journal = open_it ();
    int64_t now = 1000;
    for (unsigned i = 0;; i++) {
        uint8_t kind = (uint8_t) (rand_r (&seed) % KINDS);
        struct journal_use use = use_of (kind, i / 5000);
        use.address[1] = (uint8_t) rand_r (&seed);
        use.address[2] = (uint8_t) rand_r (&seed);
        if (!journal_count (journal, &use) || write (pipe_to, &kind, 1) != 1)
            _exit (1);
        if (i % 64 == 0)
            journal_tick (journal, now += 40);
    }
}

static void
run_and_kill (unsigned seed, uint64_t told[KINDS])
{
    int ends[2];
    uint8_t kinds[4096];
    ssize_t n;
    ck_assert_int_eq (pipe (ends), 0);
    pid_t pid = fork ();
    if (pid == 0)
        child (ends[1], seed);
    close (ends[1]);
    size_t wanted = (size_t) rand_r (&seed) % 60000, seen = 0;
    while (seen < wanted && (n = read (ends[0], kinds, sizeof kinds)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            told[kinds[i]]++;
        seen += (size_t) n;
    }
    kill (pid, SIGKILL);
    waitpid (pid, NULL, 0);
    while ((n = read (ends[0], kinds, sizeof kinds)) > 0)
        for (ssize_t i = 0; i < n; i++)
            told[kinds[i]]++;
    close (ends[0]);
}

// All that it told of is counted; not told of may be one, which it had counted when it was killed.
START_TEST (killed)
{
    uint64_t told[KINDS] = {0}, counted[KINDS], all = 0, extra = 0;
    enum { ROUNDS = 12 };
    for (unsigned i = 0; i < ROUNDS; i++)
        run_and_kill (i + 1, told);
    struct journal *journal = open_it ();
    ck_assert_uint_eq (journal_stats (journal)->set_aside, 0);
    ck_assert_uint_eq (journal_stats (journal)->damaged, 0);
    (void) take (journal, counted);
    for (int i = 0; i < KINDS; i++) {
        ck_assert_uint_ge (counted[i], told[i]);
        extra += counted[i] - told[i];
        all += told[i];
    }
    ck_assert_uint_gt (all, 0);
    ck_assert_msg (extra <= ROUNDS, "%llu more than told", (unsigned long long) extra);
    journal_close (&journal);
}
END_TEST

// A file that was taken is written again: nothing of what was in it is left, whenever the process is killed, and none stays behind.
START_TEST (written_again)
{
    uint64_t counted[KINDS];
    pid_t pid = fork ();
    if (pid == 0) {
        struct journal *journal = open_it ();
        for (int64_t i = 0; i < 3 * USES_MAX; i++)
            count_it (journal, i, 1);
        journal_seal (journal);
        count_it (journal, 1, 2);
        bool taken = take (journal, counted) == 3 * USES_MAX && files (".spare") == 3;
        journal_seal (journal);
        count_it (journal, 2, 3); // over one of those
        count_it (journal, 2, 4);
        _exit (taken && files (".spare") == 2 ? 0 : 1);
    }
    int status;
    ck_assert (waitpid (pid, &status, 0) == pid && status == 0);
    struct journal *journal = open_it ();
    ck_assert_uint_eq (journal_stats (journal)->damaged, 0);
    ck_assert_int_eq (files (".spare"), 0);
    ck_assert_uint_eq (take (journal, counted), 3);
    ck_assert (counted[1] == 1 && counted[2] == 2);
    for (int64_t i = 0; i < SPOOL_SPARES_MAX + 2; i++) {
        count_it (journal, i, 1);
        journal_seal (journal);
    }
    ck_assert_uint_eq (take (journal, counted), SPOOL_SPARES_MAX + 2);
    ck_assert_int_eq (files (".spare"), SPOOL_SPARES_MAX);
    journal_close (&journal);
    ck_assert_int_eq (files (".spare"), 0);
}
END_TEST

// One that an earlier version wrote is longer than one of this, and is not written over.
START_TEST (too_long)
{
    struct journal *journal = open_it ();
    uint64_t counted[KINDS];
    count_it (journal, 1, 1);
    journal_seal (journal);
    ck_assert_uint_eq (take (journal, counted), 1);
    ck_assert_int_eq (truncate (file (".spare"), 4 * MIB), 0);
    count_it (journal, 2, 1);
    struct stat found;
    ck_assert (stat (file (".use"), &found) == 0 && found.st_size == SEGMENT_SIZE);
    journal_close (&journal);
}
END_TEST

// The directory holds no more than its limit, with those that may be written again.
START_TEST (spares_give_way)
{
    struct journal *journal = open_as (3 * SEGMENT_SIZE, false);
    uint64_t counted[KINDS];
    for (int64_t i = 0; i < 3 * USES_MAX; i++)
        count_it (journal, i, 9);
    journal_seal (journal);
    ck_assert_uint_eq (take (journal, counted), 3 * USES_MAX);
    for (int64_t i = 0; i < 3 * USES_MAX; i++) {
        count_it (journal, i, 9);
        ck_assert (i % 1000 != 0 || files (".use") + files (".spare") <= 3);
    }
    journal_close (&journal);
}
END_TEST

int
main (void)
{
    struct error error;
    const TTest *const tests[] = {counts,          seals,           restart,
                                  killed,          one_process,     refuses_when_full,
                                  drops_when_full, permissions,     garbage,
                                  no_descriptor,   damaged,         written_again,
                                  too_long,        spares_give_way, blocks_count,
                                  room_is_made};
    if (!crypto_start (&error))
        return EXIT_FAILURE;
    Suite *suite = suite_create ("journal");
    TCase *all = tcase_create ("all");
    tcase_set_timeout (all, 60);
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
