// The writer: election, batches, and what it does after each way in which a call can end.
// objects: services/auditor/entry.o services/auditor/batch.o services/auditor/writer.o services/auditor/checkpoint.o
#include "tests/unit/test_auditor_writer.h"

START_TEST (election)
{
    turn (5000);
    ck_assert_int_eq (store.asked, NOTHING); // no connection
    connection (true);
    expect (LOCK);
    store.lock (store.context, DB_OK, false);
    ck_assert (!writes ());
    turn (0);
    ck_assert_int_eq (store.asked, NOTHING); // once a second
    turn (1000);
    expect (LOCK);
    store.lock (store.context, DB_OK, true);
    ck_assert (!writes ());
    answer_head ();
    ck_assert (writes ());
    expect (OUTBOX);
}
END_TEST

START_TEST (batches)
{
    elect ();
    answer_outbox (11, 4, 0);
    ck_assert_uint_eq (store.n, 4);
    ck_assert_int_eq (store.first, 1);
    ck_assert_int_eq (store.ids[3], 14);
    answer_append (DB_OK, "");
    ck_assert_int_eq (store.asked, OUTBOX); // a full batch: the next at once
    answer_outbox (15, 2, 16);
    ck_assert_int_eq (store.first, 5);
    ck_assert_str_eq (store.events[0], "a.b");
    ck_assert_str_eq (store.events[1], ENTRY_UNREADABLE);
    answer_append (DB_OK, "");
    ck_assert_int_eq (store.asked, NOTHING); // at the next poll
    ck_assert_uint_eq (subject.stats.appended, 6);
    ck_assert_uint_eq (subject.stats.unreadable, 1);
    ck_assert_uint_eq (subject.stats.batches, 2);
    ck_assert_uint_eq (tailed, 2);
    answer_outbox (0, 0, 0);
    ck_assert_int_eq (store.asked, NOTHING);
    expect (OUTBOX);
}
END_TEST

START_TEST (conflict)
{
    elect ();
    answer_outbox (1, 2, 0);
    answer_append (DB_CONFLICT, "23505");
    ck_assert_uint_eq (subject.stats.conflicts, 1);
    answer_head ();
    answer_outbox (1, 2, 0);
    answer_append (DB_OK, "");
    ck_assert_int_eq (walk.sequence, 2);
}
END_TEST

// The connection is lost during the commit: whatever comes of it, the writer begins again from the database.
START_TEST (lost)
{
    elect ();
    answer_outbox (1, 2, 0);
    connection (false);
    ck_assert (!writes ());
    answer_append (DB_UNCERTAIN, "");
    ck_assert_uint_eq (subject.stats.uncertain, 1);
    ck_assert_uint_eq (subject.stats.appended, 0);
    turn (2000);
    ck_assert_int_eq (store.asked, NOTHING);
    walk.sequence = trail_end.sequence; // it was committed
    memcpy (walk.digest, trail_end.digest, sizeof walk.digest);
    elect ();
    answer_outbox (3, 1, 0);
    ck_assert_int_eq (store.first, 3);
    answer_append (DB_OK, "");
}
END_TEST

// An answer that belongs to the lost connection says nothing about the new one.
START_TEST (answers_of_a_lost_connection)
{
    connection (true);
    expect (LOCK);
    connection (false);
    connection (true);
    turn (0);
    ck_assert_int_eq (store.asked, NOTHING); // one call at a time
    store.lock (store.context, DB_OK, true);
    ck_assert (!writes ());
    expect (LOCK);
    store.lock (store.context, DB_OK, true);
    answer_head ();
    expect (OUTBOX);
    connection (false);
    connection (true);
    struct store_row row = {.number = 1, .data = (uint8_t *) "", .size = 0};
    store.rows (store.context, DB_OK, &row, 1);
    expect (LOCK); // and no append
}
END_TEST

START_TEST (unavailable)
{
    elect ();
    answer_outbox (1, 1, 0);
    answer_append (DB_UNAVAILABLE, "");
    turn (0);
    ck_assert_int_eq (store.asked, NOTHING); // not in a hurry
    turn (1000);
    answer_head ();
    answer_outbox (1, 1, 0);
    answer_append (DB_OK, "");
    ck_assert_int_eq (walk.sequence, 1);
}
END_TEST

// What the database does not manage in its time, it would not manage the next time either: the rows come one by one, until they are through.
START_TEST (slow)
{
    elect ();
    answer_outbox (1, 3, 0);
    answer_append (DB_UNAVAILABLE, "57014");
    turn (1000);
    answer_head ();
    for (int64_t id = 1; id <= 3; id++) {
        answer_outbox (id, 1, 0);
        ck_assert_uint_eq (store.limit, 1);
        answer_append (DB_OK, "");
    }
    expect (OUTBOX);
    ck_assert_uint_eq (store.limit, 4);
    ck_assert_int_eq (walk.sequence, 3);
}
END_TEST

// The database refuses a value in a batch: its rows come one by one, and the one at fault unread.
START_TEST (poisoned)
{
    elect ();
    answer_outbox (1, 3, 0);
    answer_append (DB_FAILED, "22021");
    for (int64_t id = 1; id <= 3; id++) {
        answer_outbox (id, 1, 0);
        ck_assert_uint_eq (store.limit, 1);
        if (id == 2) {
            ck_assert_str_eq (store.events[0], "a.b");
            answer_append (DB_FAILED, "22021");
            answer_outbox (id, 1, 0);
            ck_assert_str_eq (store.events[0], ENTRY_UNREADABLE);
        } else {
            ck_assert_str_eq (store.events[0], "a.b");
        }
        answer_append (DB_OK, "");
    }
    expect (OUTBOX);
    ck_assert_uint_eq (store.limit, 4);
    ck_assert_int_eq (walk.sequence, 3);
    ck_assert (writes ());
}
END_TEST

// Rights, space: nothing is wrong with the rows.
START_TEST (refused)
{
    elect ();
    for (size_t i = 0; i < 3; i++) {
        answer_outbox (1, 1, 0);
        ck_assert_str_eq (store.events[0], "a.b");
        answer_append (DB_FAILED, "42501");
        ck_assert (!writes ());
        turn (0);
        ck_assert_int_eq (store.asked, NOTHING);
        turn (1000);
    }
    answer_outbox (1, 1, 0);
    answer_append (DB_OK, "");
    ck_assert (writes ());
}
END_TEST

static void
answer_checkpoint (enum db_outcome outcome, int64_t sequence)
{
    expect (CHECKPOINT);
    ck_assert_int_eq (store.checkpoint, sequence);
    if (outcome == DB_OK)
        trail_end.covered = sequence;
    store.done (store.context, outcome, NULL);
}

START_TEST (checkpoints)
{
    elect ();
    answer_outbox (1, 1, 0);
    answer_append (DB_OK, "");
    expect (OUTBOX);
    store.rows (store.context, DB_OK, NULL, 0);
    turn (3600 * 1000);
    answer_checkpoint (DB_OK, 1);
    expect (OUTBOX);
    store.rows (store.context, DB_OK, NULL, 0);
    turn (3600 * 1000);
    expect (OUTBOX); // nothing new, no checkpoint
    store.rows (store.context, DB_OK, NULL, 0);
    answer_outbox (2, 1, 0);
    answer_append (DB_OK, "");
    answer_checkpoint (DB_CONFLICT, 2); // there is one already
    trail_end.covered = 2;
    answer_head ();
    expect (OUTBOX);
    ck_assert_uint_eq (subject.stats.checkpoints, 1);
}
END_TEST

// Partitions of the trail (R41): before anything is taken, and with a checkpoint for the record that one ends with.
START_TEST (in_partitions)
{
    fake_partitions.due = true;
    elect ();
    ck_assert_int_eq (fake_partitions.forgotten, 1);
    expect (PARTITIONS);
    fake_partitions.due = false;
    fake_partitions.done (store.context, DB_FAILED, NULL); // no reason to stop
    answer_outbox (1, 2, 0);
    answer_append (DB_OK, "");
    fake_partitions.ends = fake_partitions.due = true;
    answer_checkpoint (DB_OK, 2);
    fake_partitions.ends = false;
    // A drop appends the record that tells of it.
    expect (PARTITIONS);
    fake_partitions.due = false;
    Jeton__V1__TrailDrop drop = JETON__V1__TRAIL_DROP__INIT;
    Jeton__V1__TrailEntry entry;
    struct error error = {""};
    drop.first = 1;
    drop.last = 1;
    entry_dropped (3, walk.digest, &drop, &entry);
    ck_assert_msg (chain_walk_entry (&walk, &entry, &error), "%s", error.text);
    trail_end.sequence = 3;
    fake_partitions.done (store.context, DB_OK, &entry);
    entry_clear (&entry);
    answer_outbox (3, 1, 0);
    ck_assert_int_eq (store.first, 4);
    answer_append (DB_OK, "");
    // It is not known what has happened.
    fake_partitions.due = true;
    expect (PARTITIONS);
    fake_partitions.due = false;
    fake_partitions.done (store.context, DB_UNCERTAIN, NULL);
    turn (1000);
    answer_head ();
    expect (OUTBOX);
}
END_TEST

START_TEST (no_partition)
{
    elect ();
    answer_outbox (1, 1, 0);
    answer_append (DB_CONFLICT, "23514");
    ck_assert_int_eq (fake_partitions.forgotten, 2);
}
END_TEST

START_TEST (end)
{
    elect ();
    answer_outbox (1, 4, 0);
    writer_finish (subject.writer);
    ck_assert (!writer_finished (subject.writer));
    answer_append (DB_OK, "");
    answer_checkpoint (DB_OK, 4);
    ck_assert (writer_finished (subject.writer));
    turn (0);
    ck_assert_int_eq (store.asked, NOTHING); // it takes no more
}
END_TEST

START_TEST (end_of_a_reader)
{
    elect ();
    answer_outbox (1, 1, 0);
    answer_append (DB_OK, "");
    expect (OUTBOX);
    writer_finish (subject.writer);
    struct store_row row = {.number = 2, .data = (uint8_t *) "", .size = 0};
    store.rows (store.context, DB_OK, &row, 1);
    answer_checkpoint (DB_FAILED, 1); // no second try
    ck_assert (writer_finished (subject.writer));
}
END_TEST

START_TEST (end_without_a_connection)
{
    writer_finish (subject.writer);
    ck_assert (writer_finished (subject.writer));
}
END_TEST

// Numbers that no id can show stop the writer, not the process.
START_TEST (numbers_used_up)
{
    connection (true);
    expect (LOCK);
    store.lock (store.context, DB_OK, true);
    expect (HEAD);
    trail_end.sequence = INT64_MAX;
    store.head (store.context, DB_OK, &trail_end);
    ck_assert (!writes ());
    turn (1000);
    expect (HEAD);
    trail_end.sequence = -1;
    store.head (store.context, DB_OK, &trail_end);
    ck_assert (!writes ());
}
END_TEST

int
main (void)
{
    const TTest *const tests[] = {election,
                                  batches,
                                  conflict,
                                  lost,
                                  answers_of_a_lost_connection,
                                  unavailable,
                                  slow,
                                  poisoned,
                                  refused,
                                  checkpoints,
                                  in_partitions,
                                  no_partition,
                                  end,
                                  end_of_a_reader,
                                  end_without_a_connection,
                                  numbers_used_up};
    Suite *suite = suite_create ("auditor's writer");
    TCase *writer = tcase_create ("writer");
    tcase_add_checked_fixture (writer, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test (writer, tests[i]);
    suite_add_tcase (suite, writer);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
