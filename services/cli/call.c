// One call: sent with what it needs, repeated until it has an outcome, and lists of more than one page.
#include "common/json/json.h"
#include "common/memory/memory.h"
#include "common/rpc/contract.h"
#include "envelope.pb-c.h"
#include "services/cli/connect.h"
#include "services/cli/print.h"
#include <czmq.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { PAUSE_MS = 100, HOME_MS = 500, HOME_LOOK_MS = 5, LIMIT_DEFAULT = 100, PAGE_SIZE_MAX = 500 };

static int
print_interrupted (struct cli *cli, bool write)
{
    const char *advice =
        !write           ? ""
        : *cli->key_sent ? "; it may have happened all the same: repeat it with --idempotency-key "
                         : "; it may have happened all the same: look before repeating it";
    return print_fail (cli, 128 + connect_interrupted (cli), "CANCELLED", "interrupted%s%s", advice,
                       write ? cli->key_sent : "");
}

struct waiting {
    struct cli *cli;
    bool write;
    bool keyed;     // it has an idempotency key: it can be repeated
    bool repeated;  // it was
    bool patient;   // it may be as often as there is time
    bool uncertain; // the outcome of one of the calls is not known
    bool again;     // to be repeated now
    int64_t until;  // zclock_mono
    int status;
    json_t *reply;
};

// Does a repeat that ended so tell what became of the first call?
static bool
is_definite (int code)
{
    return code == JETON__V1__CODE__CODE_OK || code == JETON__V1__CODE__CODE_INVALID_ARGUMENT ||
           code == JETON__V1__CODE__CODE_NOT_FOUND ||
           code == JETON__V1__CODE__CODE_ALREADY_EXISTS ||
           code == JETON__V1__CODE__CODE_FAILED_PRECONDITION;
}

// A lost connection and a lost database are often back in a moment: what was not done is tried once more; an outcome that is not known is
// asked for until there is one, for as long again as a call may take.
static bool
is_worth_repeating (struct waiting *waiting, int code)
{
    bool unknown = code == JETON__V1__CODE__CODE_UNKNOWN;

    if (!waiting->keyed || (!unknown && code != JETON__V1__CODE__CODE_UNAVAILABLE)) {
        return false;
    }
    if (unknown && !waiting->uncertain) {
        waiting->uncertain = true;
        waiting->until = zclock_mono () + waiting->cli->timeout_ms;
        return true;
    }
    return (waiting->uncertain || waiting->patient || !waiting->repeated) &&
           zclock_mono () + PAUSE_MS < waiting->until;
}

static void
on_reply (void *context, const struct rpc_result *result)
{
    struct waiting *waiting = context;

    if (is_worth_repeating (waiting, result->code)) {
        waiting->again = true;
    } else if (result->code != JETON__V1__CODE__CODE_OK) {
        struct rpc_result told = *result;
        if (waiting->uncertain && !is_definite (told.code)) {
            told.code = JETON__V1__CODE__CODE_UNKNOWN;
        }
        waiting->status = print_result (waiting->cli, waiting->write, &told);
    } else if (result->reply == NULL ||
               (waiting->reply = json_from_message (result->reply)) == NULL) {
        waiting->status =
            print_fail (waiting->cli, EX_SOFTWARE, "INTERNAL", "the reply cannot be read");
    } else {
        waiting->status = EX_OK;
    }
    connect_stop (waiting->cli);
}

// A key for the next change: as given, for the first one of a command; a number is added for further ones; or a random one.
static void
key_choose (struct cli *cli)
{
    uint8_t random[16];

    cli->keys_sent++;
    if (cli->idempotency_key == NULL) {
        randombytes_buf (random, sizeof random);
        sodium_bin2hex (cli->key_sent, sizeof cli->key_sent, random, sizeof random);
    } else if (cli->keys_sent == 1) {
        snprintf (cli->key_sent, sizeof cli->key_sent, "%s", cli->idempotency_key);
    } else {
        snprintf (cli->key_sent, sizeof cli->key_sent, "%s-%d", cli->idempotency_key,
                  cli->keys_sent);
    }
}

// Waits until the call has ended, or is to be repeated. False: it was interrupted; that has been printed.
static bool
call_wait (struct waiting *waiting, struct rpc_client *client, uint64_t id)
{
    while (waiting->status < 0 && !waiting->again) {
        if (!connect_run (waiting->cli, 0) && waiting->status < 0) {
            rpc_client_cancel (client, id);
            waiting->status = print_interrupted (waiting->cli, waiting->write);
            return false;
        }
    }
    return true;
}

// A call by home goes to its key's home among all that can be reached: not to who came up first.
static void
home_wait (struct cli *cli, struct rpc_client *client)
{
    int64_t until = zclock_mono () + HOME_MS;

    while (!rpc_client_settled (client) && zclock_mono () < until &&
           connect_run (cli, HOME_LOOK_MS)) {
        continue;
    }
}

static int
call_ (struct cli *cli, const struct call *call, bool patient, json_t **reply_r)
{
    const char *method;
    const ProtobufCServiceDescriptor *descriptor = connect_descriptor (call, &method);
    // What only looks may be repeated, and an unknown outcome changes nothing.
    struct waiting waiting = {.cli = cli,
                              .write = !contract_reads (method),
                              .patient = patient,
                              .until = zclock_mono () + cli->timeout_ms,
                              .status = -1};
    struct rpc_call_options options = {.timeout_ms = cli->timeout_ms, .idempotent = !waiting.write};
    const char *metadata[5] = {NULL};
    cleanup_free char *authorization = NULL;
    size_t pairs;
    int status;
    struct rpc_client *client =
        connect_client (cli, call->service, call->endpoints, call->home != NULL, &status);

    *reply_r = NULL;
    if (client == NULL) {
        return status;
    }
    status = connect_as_user (cli, call, &authorization);
    if (status != EX_OK) {
        return status;
    }
    pairs = connect_user_metadata (metadata, authorization);
    if (call->home != NULL) {
        options.key = call->home;
        options.key_size = strlen (call->home);
    }
    // Only admin keeps replies; elsewhere a key would promise what nobody holds.
    waiting.keyed = waiting.write && descriptor == connect_service_descriptor (SERVICE_ADMIN);
    cli->key_sent[0] = '\0';
    if (waiting.keyed) {
        key_choose (cli);
        metadata[pairs] = "idempotency-key";
        metadata[pairs + 1] = cli->key_sent;
    }
    options.metadata = metadata;
    if (call->home != NULL) {
        home_wait (cli, client);
    }
    while (waiting.status < 0) {
        uint64_t id = rpc_client_call (client, descriptor, method, call->request, &options,
                                       on_reply, &waiting);
        if (call_wait (&waiting, client, id) && waiting.again) {
            waiting.again = false;
            waiting.repeated = true;
            if (!connect_run (cli, PAUSE_MS)) {
                return print_interrupted (cli, true);
            }
            int64_t left_ms = waiting.until - zclock_mono ();
            options.timeout_ms = left_ms > 1 ? (uint32_t) left_ms : 1;
        }
    }
    *reply_r = waiting.reply;
    return waiting.status;
}

int
connect_call (struct cli *cli, const struct call *call, json_t **reply_r)
{
    return call_ (cli, call, false, reply_r);
}

int
connect_call_patiently (struct cli *cli, const struct call *call, json_t **reply_r)
{
    return call_ (cli, call, true, reply_r);
}

// ---- lists

int
connect_pages (struct cli *cli, const struct call *call, Jeton__V1__PageRequest *page,
               const char *member, json_t **rows_r)
{
    int64_t limit = LIMIT_DEFAULT;
    json_t *rows = json_array (), *reply = NULL;
    int status = EX_OK;
    bool more = true;

    *rows_r = NULL;
    if (!option_number (cli, "limit", 1, 1000000000, &limit)) {
        json_decref (rows);
        return EX_USAGE;
    }
    limit = option_given (cli, "all") ? INT64_MAX : limit;
    while (more && (int64_t) json_array_size (rows) < limit) {
        int64_t left = limit - (int64_t) json_array_size (rows);
        json_t *before = reply; // the cursor is in it
        const char *was = page->cursor;
        page->size = left < PAGE_SIZE_MAX ? (uint32_t) left : PAGE_SIZE_MAX;
        status = connect_call (cli, call, &reply);
        if (status != EX_OK) {
            json_decref (before);
            json_decref (rows);
            return status;
        }
        page->cursor = (char *) json_string_value (json_object_get (reply, "next_cursor"));
        json_array_extend (rows, json_object_get (reply, member));
        // A page that goes on where it began would go on for ever.
        more = page->cursor != NULL && *page->cursor != '\0' && strcmp (page->cursor, was) != 0;
        json_decref (before);
    }
    if (more) {
        print_note (cli, "There are more than these %zu: --limit N or --all shows them.",
                    json_array_size (rows));
    }
    page->cursor = (char *) protobuf_c_empty_string;
    json_decref (reply);
    *rows_r = rows;
    return EX_OK;
}
