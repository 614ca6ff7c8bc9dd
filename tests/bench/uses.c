// uses FIRST COUNT SECOND: prints rows of the access log as COPY reads them: those of the uses FIRST … in that second, each of which differs from all others.
// uses FIRST COUNT SECOND PEERS KEY AUDITORS DIRECTORY: counts the same uses in a journal in DIRECTORY, which is made, and then has them delivered, as a
// validator does. Prints how many were taken a second.
#include "common/journal/deliver.h"
#include "tests/bench/pace.h"
#include "tests/bench/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACCOUNTS = 64, TOKENS = 10000, LOOK_MS = 1 };
#define MODULE "orders"
#define PEER   "gateway"

// Who used what: some tokens in no order, from many addresses; one in eight is denied.
struct use {
    int64_t account, token;
    uint8_t address[4];
    int decision, reason;
};

static struct use
use_of (uint64_t number)
{
    struct dice dice = {number * 2 + 1};
    uint64_t roll = (dice_roll (&dice), dice_roll (&dice));
    bool denied = (roll & 7) == 0;
    struct use use = {

        .token = 1 + (int64_t) ((roll >> 8) % TOKENS),
        .address = {10, (uint8_t) (number >> 16), (uint8_t) (number >> 8), (uint8_t) number},
        .decision = denied ? 2 : 1,
        .reason = denied ? 10 : 1};
    use.account = 1 + use.token % ACCOUNTS;
    return use;
}

static int
print (uint64_t first, uint64_t count, int64_t second)
{
    for (uint64_t number = first; number < first + count; number++) {
        struct use use = use_of (number);
        const uint8_t *a = use.address;
        printf ("%" PRIu64 "\t%" PRId64 "\t1\t%" PRId64 "\t%" PRId64 "\t0\t\\N\t" MODULE "\t" PEER
                "\t%u.%u.%u.%u\t1\t1\t%d\t%d\t0\t0\t0\n",
                number, second, use.account, use.token, a[0], a[1], a[2], a[3], use.decision,
                use.reason);
    }
    return fflush (stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool
count (struct journal *journal, uint64_t number, int64_t second)
{
    struct use use = use_of (number);
    struct journal_use row = {.second = second,
                              .account = use.account,
                              .token = use.token,
                              .module = MODULE,
                              .peer = PEER,
                              .family = 4,
                              .access = 1,
                              .environment = 1,
                              .decision = (uint8_t) use.decision,
                              .reason = (uint8_t) use.reason};
    memcpy (row.address, use.address, sizeof use.address);
    return journal_count (journal, &row);
}

static int
look (struct loop *loop, int timer, void *argument)
{
    (void) loop;
    (void) timer;
    return journal_stats (argument)->segments == 0 ? -1 : 0;
}

static void
deliver (struct session *session, struct journal *journal, const char *peers, const char *auditors,
         uint64_t rows)
{
    int64_t began = clock_ns ();
    struct delivery *delivery = delivery_new (
        session->loop, session->resolver, journal,
        &(struct delivery_options){
            .endpoints = auditors, .peers = peers, .certificate = session->certificate});
    loop_timer (session->loop, LOOK_MS, 0, look, journal);
    loop_run (session->loop);
    printf ("%.1f\n", (double) rows * 1e9 / (double) (clock_ns () - began));
    delivery_destroy (&delivery);
}

int
main (int argc, char **argv)
{
    if (argc != 4 && argc != 8)
        return 64;
    uint64_t first = strtoull (argv[1], NULL, 10), rows = strtoull (argv[2], NULL, 10);
    int64_t second = strtoll (argv[3], NULL, 10);
    if (argc == 4)
        return print (first, rows, second);
    struct session session;
    struct error error = {"it is full"};
    session_open (&session, "uses", argv[4], argv[5]);
    struct journal *journal = journal_open (
        &(struct journal_options){.directory = argv[7], .limit = UINT64_C (1) << 40}, &error);
    bool good = journal != NULL;
    for (uint64_t number = first; good && number < first + rows; number++)
        good = count (journal, number, second);
    if (good) {
        journal_seal (journal);
        deliver (&session, journal, argv[4], argv[6], rows);
    } else {
        fprintf (stderr, "uses: the journal: %s\n", error.text);
    }
    journal_close (&journal);
    session_close (&session);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
