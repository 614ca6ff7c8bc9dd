// drive --key=value…: puts load on a system that runs, and prints JSON: how many answers a second, and how long they took. --help tells the
// settings.
//
// A closed loop (rate 0) keeps in_flight calls under way: the next one begins when one has ended. An open loop begins `rate` calls a
// second, whether or not the answers keep up; the time that a call took counts from when its schedule wanted it to begin, so that what a busy
// client or a held-up server delays is measured and not left out (unless scheduled = no). SIGTERM ends it early; what was measured until then is printed.
#include "tests/bench/drive.h"
#include "common/config/config.h"
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include "envelope.pb-c.h"
#include "tests/bench/print.h"
#include "tests/bench/session.h"
#include "tests/scenario/terminated.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { BURST_MAX = 192, OPEN_MAX = 400000, BATCH_MAX = 256, AFTER_S = 10, PREPARED_MAX = 1 << 22 };
#define SECOND_NS INT64_C (1000000000)

struct books {
    struct drive drive; // first: calls point to it
    struct session session;
    struct drive_call *unused;
    struct pace pace;
    int timer;
    int64_t from_ns, until_ns;   // what begins in between is counted
    uint64_t open, failed, left; // under way, ended otherwise, not ended or not begun
    uint64_t answered;           // between the two times
    uint64_t begun;              // in all
    bool ending;
    struct histogram accepted, refused;
};

#define FIELD(name) offsetof (struct drive_settings, name)
static const struct config_row rows[] = {
    {"work", CONFIG_TEXT, FIELD (work), "validate", 0, 0, false,
     "validate (gathered), validate-single (each a call), validate-batch (by hand), create, grant "
     "or refresh"},
    {"peers", CONFIG_PATH, FIELD (peers), "", 0, 0, false, "file with the peers"},
    {"key", CONFIG_PATH, FIELD (key), "", 0, 0, false, "file with the client's CURVE key"},
    {"endpoints", CONFIG_TEXT, FIELD (endpoints), "", 0, 0, false, "of the service, with commas"},
    {"token_keys", CONFIG_PATH, FIELD (token_keys), "", 0, 0, false,
     "file with the keys of token values' check part"},
    {"order", CONFIG_TEXT, FIELD (order), "random", 0, 0, false,
     "of the tokens: random, sequence, or made-up for values with a wrong check part"},
    {"value", CONFIG_PATH, FIELD (value), "", 0, 0, false,
     "file with the value of the one token to ask for, such as a JWT; empty: the bench's tokens"},
    {"tokens", CONFIG_NUMBER, FIELD (tokens), "1000", 1, 99999999, false, "how many there are"},
    {"first", CONFIG_NUMBER, FIELD (first), "1", 1, 99999999, false, "the number of the first"},
    {"accounts", CONFIG_NUMBER, FIELD (accounts), "1", 1, 99999999, false,
     "create: tokens of the accounts 1 to this"},
    {"batch", CONFIG_NUMBER, FIELD (batch), "64", 1, BATCH_MAX, false, "checks in one batch"},
    {"in_flight", CONFIG_NUMBER, FIELD (in_flight), "1024", 1, OPEN_MAX, false,
     "closed loop: checks or changes under way"},
    {"rate", CONFIG_NUMBER, FIELD (rate), "0", 0, 100000000, false,
     "open loop: checks or changes a second; 0: closed loop"},
    {"limit", CONFIG_NUMBER, FIELD (limit), "0", 0, OPEN_MAX, false,
     "calls in progress that the client library allows, refusing the rest; 0: any number"},
    {"poisson", CONFIG_BOOL, FIELD (poisson), "yes", 0, 0, false,
     "open loop: intervals as of many who do not know of each other; otherwise all the same"},
    {"scheduled", CONFIG_BOOL, FIELD (scheduled), "yes", 0, 0, false,
     "open loop: times count from the schedule; otherwise from when the call began, for more calls "
     "than the generator itself can begin"},
    {"seconds", CONFIG_NUMBER, FIELD (seconds), "5", 1, 86400, false, "that are counted"},
    {"warm_ms", CONFIG_NUMBER, FIELD (warm_ms), "500", 0, 3600000, false,
     "before that, in milliseconds"},
    {"seed", CONFIG_NUMBER, FIELD (seed), "1", 1, INT64_MAX, false, "of random numbers"},
    {"prepared", CONFIG_NUMBER, FIELD (prepared), "0", 0, PREPARED_MAX, false,
     "values of tokens to make before the measurement, to be asked for again and again; 0: each is "
     "made when it is asked for, which costs the client a quarter of its time"},
    {"timeout_ms", CONFIG_NUMBER, FIELD (timeout_ms), "10000", 1, 600000, false,
     "deadline of a call, in milliseconds"},
    {NULL, CONFIG_TEXT, 0, NULL, 0, 0, false, NULL},
};
static const struct config_row *const tables[] = {rows, NULL};

static int64_t
items_per_call (const struct drive *drive)
{
    return drive->work->batched ? drive->settings.batch : 1;
}

static void call_done (void *context, const struct rpc_result *result);

static void
call_begin (struct books *books, int64_t begun_ns)
{
    struct drive_call *call = books->unused;
    if (call)
        books->unused = call->next;
    else
        call = xcalloc (1, sizeof *call);
    call->drive = &books->drive;
    call->begun_ns = begun_ns;
    books->open++;
    books->begun++;
    books->drive.work->start (call, call_done);
}

static void
call_count (struct books *books, int64_t begun_ns, int64_t now, const struct rpc_result *result)
{
    bool ok = result->code == JETON__V1__CODE__CODE_OK;
    bool refused = result->code == JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED;
    if (ok)
        books->drive.work->judge (&books->drive, result->reply);
    if (ok && now >= books->from_ns && now < books->until_ns)
        books->answered++;
    if (!ok && !refused) {
        if (books->failed++ == 0)
            fprintf (stderr, "%s: %s\n", rpc_code_name (result->code), result->message);
    } else if (begun_ns >= books->from_ns && begun_ns < books->until_ns) {
        histogram_record (ok ? &books->accepted : &books->refused, (uint64_t) (now - begun_ns));
    }
}

static void
call_done (void *context, const struct rpc_result *result)
{
    struct drive_call *call = context;
    struct books *books = (struct books *) call->drive;
    int64_t now = clock_ns ();
    call_count (books, call->begun_ns, now, result);
    call->next = books->unused;
    books->unused = call;
    books->open--;
    if (books->drive.settings.rate == 0 && now < books->until_ns)
        call_begin (books, now);
}

// Runs when a call is due, and when the end is.
static void
timer_set (struct books *books, int64_t at_ns)
{
    struct itimerspec when = {.it_value = {at_ns / SECOND_NS, at_ns % SECOND_NS}};
    timerfd_settime (books->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

// The calls whose time has come. A few at a time, so that answers are read in between: those that wait begin late, and are measured from
// when they should have begun.
static void
calls_due (struct books *books, int64_t now)
{
    for (int i = 0; i < BURST_MAX && pace_due (&books->pace) <= now; i++) {
        int64_t due = pace_next (&books->pace);
        if (due >= books->until_ns)
            return;
        if (books->open < OPEN_MAX)
            call_begin (books, books->drive.settings.scheduled ? due : clock_ns ());
        else
            books->left++;
    }
}

static int
timer_rings (struct loop *loop, int fd, void *argument)
{
    struct books *books = argument;
    uint64_t rings;
    (void) loop;
    if (read (fd, &rings, sizeof rings) != sizeof rings)
        return 0;
    int64_t now = clock_ns ();
    if (now < books->until_ns && terminated ())
        books->until_ns = now > books->from_ns ? now : books->from_ns + 1;
    bool open_loop = books->drive.settings.rate != 0;
    if (open_loop)
        calls_due (books, now);
    bool over =
        now >= books->until_ns && (!open_loop || pace_due (&books->pace) >= books->until_ns);
    if (over && (books->open == 0 || now > books->until_ns + AFTER_S * SECOND_NS))
        return -1;
    int64_t next = over || !open_loop ? now + SECOND_NS / 100 : pace_due (&books->pace);
    timer_set (books, next > now ? next : now + 1);
    return 0;
}

static void
run (struct books *books)
{
    const struct drive_settings *settings = &books->drive.settings;
    int64_t now = clock_ns ();
    books->from_ns = now + settings->warm_ms * 1000000;
    books->until_ns = books->from_ns + settings->seconds * SECOND_NS;
    books->timer = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct watch *watch =
        loop_watch (books->session.loop, books->timer, LOOP_IN, timer_rings, books);
    double items = (double) items_per_call (&books->drive);
    if (settings->rate > 0)
        pace_begin (&books->pace, (double) settings->rate / items, settings->poisson, now);
    else
        for (int64_t n = settings->in_flight / (int64_t) items; n > 0; n--)
            call_begin (books, now);
    timer_set (books, now + 1);
    loop_run (books->session.loop);
    books->left += books->open;
    watch_end (&watch);
    close (books->timer);
}

static void
show (const struct books *books)
{
    double seconds = (double) (books->until_ns - books->from_ns) / SECOND_NS;
    double items = (double) items_per_call (&books->drive);
    printf ("{\"rate\": %.1f, \"refused_rate\": %.1f, \"failed\": %" PRIu64 ", \"left\": %" PRIu64
            ", \"wrong\": %" PRIu64 ", ",
            (double) books->answered * items / seconds, (double) books->refused.n * items / seconds,
            books->failed, books->left, books->drive.wrong);
    print_latencies ("latency_us", &books->accepted);
    printf (", ");
    print_latencies ("refused_us", &books->refused);
    if (books->drive.validators)
        printf (", \"calls_per_frame\": %.1f",
                (double) books->begun / (double) validator_client_frames (books->drive.validators));
    printf ("}\n");
}

// The file's content without its newline.
static bool
value_read (struct drive *drive, struct error *error_r)
{
    size_t length;
    if (!crypto_file_read (drive->settings.value, false, (uint8_t *) drive->value,
                           sizeof drive->value - 1, &length, error_r))
        return false;
    drive->value[strcspn (drive->value, "\n")] = '\0';
    return true;
}

static bool
prepare (struct drive *drive, struct error *error_r)
{
    static const char *const orders[] = {"random", "sequence", "made-up"};
    size_t order = 0;
    while (order < 3 && strcmp (orders[order], drive->settings.order) != 0)
        order++;
    drive->order = (enum order) order;
    drive->dice.state = (uint64_t) drive->settings.seed * UINT64_C (0x9E3779B97F4A7C15) | 1;
    drive->work = work_find (drive->settings.work);
    if (!drive->work || order == 3) {
        error_set (error_r, "--%s is none of those that --help tells",
                   drive->work ? "order" : "work");
        return false;
    }
    return token_keys_load (drive->settings.token_keys, &drive->token_keys, error_r) &&
           (!*drive->settings.value || value_read (drive, error_r));
}

int
main (int argc, char **argv)
{
    struct books *books = xcalloc (1, sizeof *books);
    struct drive *drive = &books->drive;
    struct error error;
    enum config_result result = config_load (tables, "drive", "Puts load on a system.", argc, argv,
                                             &drive->settings, &error);
    if (result == CONFIG_EXIT_OK)
        return EXIT_SUCCESS;
    if (result == CONFIG_EXIT_USAGE || !prepare (drive, &error)) {
        fprintf (stderr, "drive: %s\n", error.text);
        return 64;
    }
    sigset_t set;
    sigemptyset (&set);
    sigaddset (&set, SIGTERM);
    sigprocmask (SIG_BLOCK, &set, NULL); // before czmq starts its threads
    session_open (&books->session, "drive", drive->settings.peers, drive->settings.key);
    work_prepare (drive);
    if (drive->work->gathered)
        drive->validators = session_validators (&books->session, drive->settings.endpoints,
                                                (uint32_t) drive->settings.limit);
    else
        drive->client =
            session_client (&books->session, drive->work->service, drive->settings.endpoints,
                            (uint32_t) drive->settings.limit);
    run (books);
    show (books);

    rpc_client_destroy (&drive->client);
    validator_client_destroy (&drive->validators);
    session_close (&books->session);
    while (books->unused) {
        struct drive_call *call = books->unused;
        books->unused = call->next;
        free (call);
    }
    free (drive->values);
    free (drive->chains);
    uint64_t wrong = drive->wrong;
    config_free (tables, &drive->settings);
    free (books);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
