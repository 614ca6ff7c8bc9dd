#include "tests/unit/permit_fixture.h"
#include "common/net/alarm.h"
#include "limits.pb-c.h"
#include "services/validator/limit.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUESTS_KEPT = 64 };

struct fixture fixture;
struct validator validator;
struct home *homes;
static pid_t children[MEMBERS];
static unsigned member; // which this process is
static char endpoints[256];
static int64_t limit_timeout_ms;
static struct request *kept[REQUESTS_KEPT]; // requests that this process has not answered
static size_t nkept;
static struct alarm *look; // whether they are to be answered

static void
answer_as_said (struct request *request)
{
    const struct home *home = &homes[member];
    Jeton__V1__LeaseReply reply = JETON__V1__LEASE_REPLY__INIT;
    reply.instance = home->own_instance;
    reply.granted = home->granted;
    reply.spare = home->spare;
    reply.ahead_ns = home->ahead_ns;
    request_reply (request, &reply.base);
}

static void
on_look (void *context)
{
    (void) context;
    while (nkept > 0 && !homes[member].held)
        answer_as_said (kept[--nkept]);
    alarm_by (look, zclock_mono () + 1);
}

static void
lease (struct request *request)
{
    struct home *home = &homes[member];
    const Jeton__V1__LeaseRequest *message = request_message (request);
    home->waiting = message->waiting;
    home->wanted = message->spare;
    home->instance = message->instance;
    home->told_by = message->told_by;
    home->ahead = message->ahead_ns;
    home->told_ahead = message->told_ahead_ns;
    atomic_fetch_add (&home->asked, 1);
    enum answers answers = home->answers;
    switch (answers) {
    case HONESTLY:
        validator_lease (request);
        return;
    case AS_SAID:
        if (home->held)
            kept[nkept++] = request;
        else
            answer_as_said (request);
        return;
    case WITH_AN_ERROR:
        request_fail (request, JETON__V1__CODE__CODE_INTERNAL, "a test");
        return;
    case NOT_AT_ALL:
        return;
    }
}

static const struct rpc_method rows[] = {
    {.name = "Lease", .handler = lease, .roles = ROLE_SERVICE, .flags = RPC_INTERNAL},
    {.name = NULL},
};
static struct rpc_service service = {&jeton__v1__limits__descriptor, rows, &validator};

// What main.c makes of a process, as far as rate limits go.
static void
on_served (struct fixture *begun)
{
    struct error error = {.text = ""};
    struct process *process = &validator.process;
    process->loop = begun->loop;
    process->resolver = begun->resolver;
    process->server = begun->server;
    process->certificate = begun->server_certificate;
    randombytes_buf (&process->instance, sizeof process->instance);
    homes[member].own_instance = process->instance;
    validator.settings.common.peers = begun->peers_path;
    validator.settings.validators = endpoints;
    validator.settings.limit_entries = 1024;
    validator.settings.limit_timeout_ms = limit_timeout_ms;
    rpc_server_add (begun->server, &service);
    look = alarm_new (begun->loop, on_look, NULL);
    alarm_by (look, zclock_mono ());
    validator.limits = limits_new (&validator, &error);
    ck_assert_msg (validator.limits != NULL, "%s", error.text);
}

struct permits *
permits (void)
{
    return limits_permits (validator.limits);
}

static bool
settled (void *context)
{
    (void) context;
    return permits_settled (permits ());
}

void
member_alone (int64_t timeout_ms)
{
    limit_timeout_ms = timeout_ms;
    fixture_serve (&fixture);
    ck_assert (permits_settled (permits ()));
}

void
members_start (unsigned n, int64_t timeout_ms)
{
    unsigned ports[MEMBERS] = {0};
    size_t length = 0;
    limit_timeout_ms = timeout_ms;
    for (unsigned i = 0; i < n; i++) {
        ports[i] = fixture_port ();
        length += (size_t) snprintf (endpoints + length, sizeof endpoints - length,
                                     "%stcp://127.0.0.1:%u", i > 0 ? "," : "", ports[i]);
    }
    for (member = 1; member < n; member++)
        children[member] = fixture_child (&fixture, ports[member], RPC_SERVING);
    for (unsigned i = 1; i < n; i++)
        for (int tries = 0; homes[i].own_instance == 0; tries++) {
            ck_assert_int_lt (tries, 10000);
            usleep (1000);
        }
    member = 0;
    snprintf (fixture.endpoint, sizeof fixture.endpoint, "tcp://127.0.0.1:%u", ports[0]);
    fixture_serve (&fixture);
    ck_assert (fixture_until (&fixture, settled, NULL));
}

void
member_kill (unsigned i)
{
    if (children[i] == 0)
        return;
    kill (children[i], SIGKILL);
    waitpid (children[i], NULL, 0);
    children[i] = 0;
}

void
members_open (void)
{
    fixture_open (&fixture);
    fixture_peers (&fixture, "%s validator service\n", fixture.server_keys.public_key);
    fixture.served = on_served;
    const size_t size = MEMBERS * sizeof *homes;
    // Memory of no file has no descriptor.
    // cppcheck-suppress invalidFunctionArg
    homes = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne (homes, MAP_FAILED);
    endpoints[0] = '\0';
    nkept = 0;
}

void
members_close (void)
{
    for (unsigned i = 1; i < MEMBERS; i++)
        member_kill (i);
    limits_stop (validator.limits);
    rpc_server_destroy (&fixture.server);
    limits_destroy (&validator.limits);
    alarm_destroy (&look);
    fixture_close (&fixture);
    munmap (homes, MEMBERS * sizeof *homes);
}
