#include "common/net/alarm.h"
#include "common/net/loop.h"
#include "common/net/reader.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct loop *loop;
static char said[64]; // who was called, in order

static void
say (char who)
{
    size_t length = strlen (said);
    ck_assert_uint_lt (length + 1, sizeof said);
    said[length] = who;
    said[length + 1] = '\0';
}

static void
set_up (void)
{
    zsys_handler_set (NULL);
    loop = loop_new ();
    said[0] = '\0';
}

static void
tear_down (void)
{
    loop_destroy (&loop);
    loop_destroy (&loop);
}

static int
turn (struct loop *same, int timer, void *left)
{
    (void) same;
    (void) timer;
    return --*(size_t *) left > 0 ? 0 : -1;
}

// So many turns of a millisecond, however long they take: each rings the alarms that are due.
static void
run_for (size_t turns)
{
    int timer = loop_timer (loop, 1, 0, turn, &turns);
    loop_run (loop);
    loop_timer_end (loop, timer);
}

// ---- descriptors ----------------------------------------------------------------------------------------------------

struct pipe_end {
    int ends[2];
    char name;
    struct watch *watch;
    struct pipe_end *ends_other; // the watch that its handler ends
    int rc;
};

static int
pipe_readable (struct loop *same, int fd, void *context)
{
    struct pipe_end *self = context;
    char byte;
    (void) same;
    ck_assert_int_eq (fd, self->ends[0]);
    say (self->name);
    if (read (fd, &byte, 1) != 1)
        watch_end (&self->watch);
    if (self->ends_other)
        watch_end (&self->ends_other->watch);
    return self->rc;
}

static void
pipe_open (struct pipe_end *self, char name)
{
    *self = (struct pipe_end){.name = name};
    ck_assert_int_eq (pipe (self->ends), 0);
    self->watch = loop_watch (loop, self->ends[0], LOOP_IN, pipe_readable, self);
}

static void
pipe_close (struct pipe_end *self)
{
    watch_end (&self->watch);
    watch_end (&self->watch);
    close (self->ends[0]);
    if (self->ends[1] >= 0)
        close (self->ends[1]);
}

START_TEST (descriptors)
{
    struct pipe_end one, other;
    pipe_open (&one, 'a');
    pipe_open (&other, 'b');
    ck_assert_int_eq (write (one.ends[1], "xy", 2), 2); // as often as there is something
    run_for (5);
    ck_assert_str_eq (said, "aa");
    // One that is ended by another's handler is not called any more, though both were ready.
    one.ends_other = &other;
    other.ends_other = &one;
    ck_assert_int_eq (write (one.ends[1], "x", 1), 1);
    ck_assert_int_eq (write (other.ends[1], "x", 1), 1);
    said[0] = '\0';
    run_for (5);
    ck_assert_uint_eq (strlen (said), 1);
    pipe_close (&one);
    pipe_close (&other);
}
END_TEST

START_TEST (descriptors_whose_peer_is_gone)
{
    struct pipe_end one;
    pipe_open (&one, 'a');
    close (one.ends[1]);
    one.ends[1] = -1;
    run_for (5);
    ck_assert_str_eq (said, "a");
    ck_assert_ptr_null (one.watch);
    pipe_close (&one);
}
END_TEST

START_TEST (what_was_not_called_is_called_later)
{
    struct pipe_end one, other;
    pipe_open (&one, 'a');
    pipe_open (&other, 'b');
    one.rc = other.rc = -1;
    ck_assert_int_eq (write (one.ends[1], "x", 1), 1);
    ck_assert_int_eq (write (other.ends[1], "x", 1), 1);
    loop_run (loop);
    ck_assert_uint_eq (strlen (said), 1);
    loop_run (loop);
    ck_assert_uint_eq (strlen (said), 2);
    ck_assert_int_ne (said[0], said[1]);
    pipe_close (&one);
    pipe_close (&other);
}
END_TEST

// ---- timers ---------------------------------------------------------------------------------------------------------

static int own, times;

static int
count (struct loop *same, int timer, void *context)
{
    (void) same;
    times++;
    if (context && times == *(int *) context)
        loop_timer_end (loop, timer);
    return 0;
}

START_TEST (timers)
{
    int limit = 2;
    times = 0;
    own = loop_timer (loop, 1, 3, count, NULL);
    run_for (20);
    ck_assert_int_eq (times, 3);
    times = 0;
    own = loop_timer (loop, 1, 0, count, &limit); // ends itself
    run_for (20);
    ck_assert_int_eq (times, 2);
    times = 0;
    own = loop_timer (loop, 1, 0, count, NULL);
    loop_timer_end (loop, own);
    loop_timer_end (loop, own);
    run_for (5);
    ck_assert_int_eq (times, 0);
    loop_timer (loop, 1, 0, count, NULL); // left to loop_destroy
}
END_TEST

// ---- alarms ---------------------------------------------------------------------------------------------------------

struct bell {
    struct alarm *alarm, *victim;
    unsigned rings;
    bool again;
};

static void
ring (void *context)
{
    struct bell *bell = context;
    bell->rings++;
    alarm_destroy (&bell->victim);
    if (bell->again)
        alarm_by (bell->alarm, 0);
}

// Descriptors have their turn between the rings of an alarm that is always due.
START_TEST (an_alarm_that_is_always_due)
{
    struct bell bell = {.again = true};
    struct pipe_end one;
    bell.alarm = alarm_new (loop, ring, &bell);
    alarm_by (bell.alarm, 0);
    pipe_open (&one, 'a');
    one.rc = -1;
    ck_assert_int_eq (write (one.ends[1], "x", 1), 1);
    loop_run (loop);
    ck_assert_str_eq (said, "a");
    ck_assert_uint_le (bell.rings, 1);
    run_for (2);
    ck_assert_uint_gt (bell.rings, 1);
    pipe_close (&one);
    alarm_destroy (&bell.alarm);
}
END_TEST

START_TEST (an_alarm_that_ends_another)
{
    struct bell one = {0}, other = {0};
    one.alarm = alarm_new (loop, ring, &one);
    other.alarm = alarm_new (loop, ring, &other);
    one.victim = other.alarm;
    alarm_by (one.alarm, 0);
    alarm_by (other.alarm, 0);
    run_for (2);
    ck_assert_uint_eq (one.rings, 1);
    ck_assert_uint_eq (other.rings, 0);
    alarm_destroy (&one.alarm);
}
END_TEST

// ---- sockets --------------------------------------------------------------------------------------------------------

struct wire {
    zsock_t *near, *far;
    struct reader *reader;
    char name;
    unsigned batch, taken; // messages a call; in all
    bool looked;           // whether a look was of no use when it was called
    bool destroys;
};

static bool
wire_readable (void *context)
{
    struct wire *wire = context;
    char byte;
    say (wire->name);
    wire->looked = loop_looked (loop);
    if (wire->destroys) {
        reader_destroy (&wire->reader);
        return true;
    }
    for (unsigned i = 0; i < wire->batch; i++) {
        if (zmq_recv (zsock_resolve (wire->near), &byte, 1, ZMQ_DONTWAIT) == -1)
            return false;
        wire->taken++;
    }
    return true;
}

static void
wire_open (struct wire *wire, char name, bool urgent)
{
    char endpoint[32];
    *wire = (struct wire){.name = name, .batch = 2};
    snprintf (endpoint, sizeof endpoint, "inproc://wire-%c", name);
    wire->near = zsock_new (ZMQ_PAIR);
    wire->far = zsock_new (ZMQ_PAIR);
    ck_assert_int_eq (zsock_bind (wire->near, "%s", endpoint), 0);
    ck_assert_int_eq (zsock_connect (wire->far, "%s", endpoint), 0);
    wire->reader = reader_new (loop, wire->near, urgent, wire_readable, wire);
    run_for (2);
    said[0] = '\0';
}

static void
wire_say (struct wire *wire, int n)
{
    for (int i = 0; i < n; i++)
        ck_assert_int_eq (zmq_send (zsock_resolve (wire->far), "x", 1, 0), 1);
}

static void
wire_close (struct wire *wire)
{
    reader_destroy (&wire->reader);
    zsock_destroy (&wire->near);
    zsock_destroy (&wire->far);
}

START_TEST (sockets_are_read_to_the_end)
{
    struct wire wire;
    wire_open (&wire, 'a', false);
    wire_say (&wire, 5); // the descriptor tells once
    run_for (5);
    ck_assert_uint_eq (wire.taken, 5);
    ck_assert_str_eq (said, "aaa");
    wire_say (&wire, 1);
    run_for (5);
    ck_assert_uint_eq (wire.taken, 6);
    wire_close (&wire);
}
END_TEST

// Somebody else's look takes away what the descriptor would tell.
START_TEST (sockets_that_were_used_elsewhere)
{
    struct wire wire;
    int events;
    size_t size = sizeof events;
    wire_open (&wire, 'a', false);
    wire_say (&wire, 1);
    zmq_getsockopt (zsock_resolve (wire.near), ZMQ_EVENTS, &events, &size);
    reader_used (wire.reader);
    reader_used (wire.reader);
    run_for (5);
    ck_assert_uint_eq (wire.taken, 1);
    reader_used (NULL);
    wire_close (&wire);
}
END_TEST

START_TEST (urgent_sockets_come_first)
{
    struct wire usual, urgent;
    wire_open (&usual, 'b', false);
    wire_open (&urgent, 'a', true);
    wire_say (&usual, 5);
    wire_say (&urgent, 5);
    run_for (5);
    ck_assert_str_eq (said, "ababab");
    ck_assert_uint_eq (usual.taken + urgent.taken, 10);
    wire_close (&usual);
    wire_close (&urgent);
}
END_TEST

// A look is of no use to the first that is called after the loop's own, and to no other.
START_TEST (looked)
{
    struct wire one, other;
    wire_open (&one, 'a', false);
    wire_open (&other, 'b', false);
    wire_say (&one, 1);
    run_for (5);
    ck_assert (one.looked);
    wire_say (&one, 1);
    wire_say (&other, 1);
    run_for (5);
    ck_assert (one.looked != other.looked);
    ck_assert (!loop_looked (loop));
    wire_close (&one);
    wire_close (&other);
}
END_TEST

START_TEST (a_reader_that_ends_itself)
{
    struct wire wire;
    wire_open (&wire, 'a', false);
    wire.destroys = true;
    wire_say (&wire, 3);
    run_for (5);
    ck_assert_str_eq (said, "a");
    wire_close (&wire);
}
END_TEST

static void
late_flush (void *context)
{
    (void) context;
    say ('f');
}

static void
late_rings (void *context)
{
    say ('x');
    reader_late (context);
    reader_late (context);
}

// What is to be sent at the end of a turn is sent behind all that the turn calls, alarms too, and once; if there is a reader by then.
START_TEST (late_readers)
{
    struct wire wire;
    wire_open (&wire, 'a', false);
    reader_flush (wire.reader, late_flush);
    struct alarm *first = alarm_new (loop, late_rings, wire.reader);
    struct alarm *second = alarm_new (loop, late_rings, wire.reader);
    alarm_by (first, 0);
    alarm_by (second, 0);
    run_for (3);
    ck_assert_str_eq (said, "xxf");
    alarm_by (first, 0);
    run_for (3);
    ck_assert_str_eq (said, "xxfxf");
    reader_late (wire.reader);
    reader_late (NULL);
    wire_close (&wire);
    run_for (3);
    ck_assert_str_eq (said, "xxfxf");
    alarm_destroy (&first);
    alarm_destroy (&second);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("loop");
    TCase *all = tcase_create ("loop");
    tcase_add_checked_fixture (all, set_up, tear_down);
    tcase_add_test (all, descriptors);
    tcase_add_test (all, descriptors_whose_peer_is_gone);
    tcase_add_test (all, what_was_not_called_is_called_later);
    tcase_add_test (all, timers);
    tcase_add_test (all, an_alarm_that_is_always_due);
    tcase_add_test (all, an_alarm_that_ends_another);
    tcase_add_test (all, sockets_are_read_to_the_end);
    tcase_add_test (all, sockets_that_were_used_elsewhere);
    tcase_add_test (all, urgent_sockets_come_first);
    tcase_add_test (all, looked);
    tcase_add_test (all, a_reader_that_ends_itself);
    tcase_add_test (all, late_readers);
    suite_add_tcase (suite, all);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
