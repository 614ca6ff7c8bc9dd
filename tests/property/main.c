// property SEED STEPS ACTORS NAME PEERS KEY ADMIN VALIDATOR AUDITOR FOREIGN BOOKS [WRONG]: random steps against a small model.
//
// SEED         of all choices; the same seed and number of actors make the same steps
// NAME         nobody else's: part of keys and names
// ADMIN …      endpoints
// FOREIGN      ids of another account's user, customer group and market, with commas
// BOOKS        file that is written at the end: what the database must hold
// WRONG        "grace" or "revision": a rule that the model gets wrong; "unkeyed": idempotency keys are left out. The run must fail.
//
// Prints "step N" now and then, and at the end "summary" with counts. Exits with 1 when anything was wrong; what, is told on standard error.
#include "common/log/log.h"
#include "common/memory/memory.h"
#include "common/process/certificate.h"
#include "common/rpc/peers.h"
#include "tests/property/books.h"
#include "tests/property/run.h"
#include "tests/property/shared.h"
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 10, ARGUMENTS = 12 };

static struct rpc_client *
connect_to (struct run *run, struct resolver *resolver, const struct peers *peers,
            const char *service, const char *endpoints, zcert_t *certificate)
{
    struct error error;
    const struct peer *peer = peers_by_name (peers, service);
    struct rpc_client_options options = {
        .endpoints = endpoints,
        .server_key = peer ? peer->key : "",
        .certificate = certificate,
        .by_home = strcmp (service, "validator") == 0,
    };
    struct rpc_client *client = rpc_client_new (run->loop, resolver, &options, &error);
    if (!client) {
        fprintf (stderr, "%s: %s\n", service, error.text);
        exit (EXIT_FAILURE);
    }
    return client;
}

static int
look (struct loop *loop, int timer, void *argument)
{
    (void) loop;
    (void) timer;
    const struct run *run = argument;
    return run->failed || run->active == 0 ? -1 : 0;
}

// Until all that is active is done, or something was wrong.
static bool
run_loop (struct run *run)
{
    int timer = loop_timer (run->loop, LOOK_MS, 0, look, run);
    loop_run (run->loop);
    loop_timer_end (run->loop, timer);
    return !run->failed;
}

// What goes wrong on purpose.
static bool
set_wrong (struct run *run, const char *wrong)
{
    if (strcmp (wrong, "grace") == 0)
        model_wrong = RULE_GRACE;
    else if (strcmp (wrong, "revision") == 0)
        model_wrong = RULE_REVISION;
    else if (strcmp (wrong, "unkeyed") == 0)
        run->unkeyed = true;
    else
        return false;
    return true;
}

static bool
check_books (struct run *run, struct actor *const *actors, size_t n, const struct shared *shared,
             const char *path)
{
    struct error error;
    struct books *books = books_new (run);
    for (size_t i = 0; i < n; i++) {
        const struct world *world = actor_world (actors[i]);
        for (size_t j = 0; j < world->all.n; j++)
            books_add (books, world->account, world->all.list[j]);
    }
    shared_add (shared, books);
    run->active = 1;
    books_check_trail (books);
    bool good = run_loop (run);
    if (good && !books_write (books, path, &error)) {
        run_fail (run, "%s", error.text);
        good = false;
    }
    books_destroy (&books);
    return good;
}

static void
print_summary (const struct run *run)
{
    printf ("summary {\"steps\": %lu, \"changes\": %lu, \"refused\": %lu, \"reads\": %lu, "
            "\"repeats\": %lu, \"made_again\": %lu, \"unknown\": %lu, \"raced\": %lu, \"records\": "
            "%lu, "
            "\"reasons\": {",
            run->steps, run->changes, run->refused, run->reads, run->repeats, run->again,
            run->unknown, run->raced, run->records);
    const char *separator = "";
    for (size_t i = 1; i < REASONS; i++) {
        const ProtobufCEnumValue *reason =
            protobuf_c_enum_descriptor_get_value (&jeton__v1__reason__descriptor, (int) i);
        if (!reason || run->reasons[i] == 0)
            continue;
        printf ("%s\"%s\": %lu", separator, reason->name + sizeof "REASON", run->reasons[i]);
        separator = ", ";
    }
    printf ("}}\n");
}

static bool
play (struct run *run, char **argv)
{
    char *foreign_ids = xstrdup (argv[10]), *rest = foreign_ids;
    const char *foreign[NOUNS] = {0};
    foreign[USER] = strsep (&rest, ",");
    foreign[GROUP] = strsep (&rest, ",");
    foreign[MARKET] = rest;
    size_t n = strtoul (argv[3], NULL, 10);
    unsigned long steps = strtoul (argv[2], NULL, 10), each = steps / (n + SHARED_DRIVERS);
    unsigned long for_actors = steps - each * SHARED_DRIVERS;
    struct actor **actors = xcalloc (n, sizeof (struct actor *));
    struct shared *shared = shared_new (run, each);
    shared_start (shared);
    for (size_t i = 0; i < n; i++) {
        actors[i] = actor_new (run, i, for_actors / n + (i < for_actors % n), foreign);
        actor_start (actors[i]);
    }
    bool good = run_loop (run) && shared_check (shared);
    if (good) {
        printf ("played\n");
        good = check_books (run, actors, n, shared, argv[11]);
    }
    for (size_t i = 0; i < n; i++)
        actor_destroy (&actors[i]);
    shared_destroy (&shared);
    free (actors);
    free (foreign_ids);
    return good;
}

int
main (int argc, char **argv)
{
    struct run run = {0};
    if ((argc != ARGUMENTS && argc != ARGUMENTS + 1) || sodium_init () < 0 ||
        (argc > ARGUMENTS && !set_wrong (&run, argv[ARGUMENTS])))
        return 64;
    struct error error;
    zsys_handler_set (NULL);
    run.loop = loop_new ();
    run.seed = strtoull (argv[1], NULL, 10);
    run.name = argv[4];
    struct resolver *resolver = resolver_new (run.loop);
    struct peers *peers = peers_load (argv[5], &error);
    zcert_t *certificate = certificate_load (argv[6], &error);
    log_open ("property", LOG_LEVEL_ERROR);
    if (!peers || !certificate) {
        fprintf (stderr, "%s\n", error.text);
        return EXIT_FAILURE;
    }
    run.admin = connect_to (&run, resolver, peers, "admin", argv[7], certificate);
    run.validator = connect_to (&run, resolver, peers, "validator", argv[8], certificate);
    run.auditor = connect_to (&run, resolver, peers, "auditor", argv[9], certificate);
    setvbuf (stdout, NULL, _IOLBF, 0);
    bool good = play (&run, argv);
    print_summary (&run);
    rpc_client_destroy (&run.admin);
    rpc_client_destroy (&run.validator);
    rpc_client_destroy (&run.auditor);
    resolver_destroy (&resolver);
    peers_destroy (&peers);
    zcert_destroy (&certificate);
    loop_destroy (&run.loop);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
