#include "common/validation/validator_client.h"
#include "common/memory/memory.h"
#include "common/validation/internal.h"
#include "envelope.pb-c.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 5000, IN_FLIGHT_LIMIT = 4096, TABLE_MIN = 64, PLACE_BITS = 24 };

// An id is the place in the table and, above it, how often a call began: from 1, and again after so many.
#define GENERATIONS ((UINT64_C (1) << (64 - PLACE_BITS)) - 1)

int64_t
validation_now (const struct validator_client *client)
{
    return client->current != NULL ? client->now_ms : zclock_mono ();
}

// ---- calls in progress ---------------------------------------------------------------------------------------------

static struct validation *
validation_new (struct validator_client *client)
{
    struct validation *validation = client->unused;
    if (validation != NULL)
        client->unused = validation->next;
    else {
        if (client->places == client->table_room) {
            client->table_room = client->table_room > 0 ? client->table_room * 2 : TABLE_MIN;
            client->table =
                xrealloc (client->table, client->table_room * sizeof (struct validation *));
        }
        assert (client->places < 1 << PLACE_BITS);
        validation = xcalloc (1, sizeof *validation);
        validation->client = client;
        validation->place = client->places++;
        client->table[validation->place] = validation;
    }
    client->generation = client->generation % GENERATIONS + 1;
    validation->id = client->generation << PLACE_BITS | validation->place;
    validation->again = validation->patient = false;
    validation->next = NULL;
    client->open++;
    return validation;
}

static struct validation *
validation_find (const struct validator_client *client, uint64_t id)
{
    uint64_t place = id & ((1 << PLACE_BITS) - 1);
    if (id == 0 || place >= client->places || client->table[place]->id != id)
        return NULL;
    return client->table[place];
}

static void
validation_give_back (struct validation *validation)
{
    struct validator_client *client = validation->client;
    validation->id = 0;
    validation->next = client->unused;
    client->unused = validation;
    client->open--;
}

void
validation_end (struct validation *validation, const struct rpc_result *result)
{
    rpc_callback *callback = validation->callback;
    void *context = validation->context;
    validation_give_back (validation);
    callback (context, result);
}

static void
refused_end (struct validator_client *client)
{
    const struct rpc_result result = {.code = JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                                      .message = "too many calls in progress in this process"};
    struct validation *refused = client->refused;
    client->refused = NULL; // more may come of callbacks: they are for the next turn
    while (refused != NULL) {
        struct validation *next = refused->next;
        if (refused->callback != NULL)
            validation_end (refused, &result);
        else
            validation_give_back (refused);
        refused = next;
    }
}

static void
client_turn (void *context)
{
    struct validator_client *client = context;
    refused_end (client);
    gathered_expire (client, zclock_mono ());
    gathered_send_all (client);
    const struct deadline *first = deadlines_first (&client->deadlines);
    if (first != NULL)
        alarm_by (client->alarm, first->at_ms);
    if (client->refused != NULL)
        alarm_by (client->alarm, 0);
}

// ---- life ----------------------------------------------------------------------------------------------------------

struct validator_client *
validator_client_new (struct loop *loop, struct resolver *resolver,
                      const struct rpc_client_options *options, struct error *error_r)
{
    struct validator_client *client = xcalloc (1, sizeof *client);
    node_init (&client->opened);
    node_init (&client->sent);
    node_init (&client->pool);
    client->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : TIMEOUT_MS;
    client->gather = VALIDATIONS_GATHERED;
    client->limit = options->in_flight_limit != 0 ? options->in_flight_limit : IN_FLIGHT_LIMIT;
    client->alarm = alarm_new (loop, client_turn, client);
    client->rpc = rpc_client_new (loop, resolver, options, error_r);
    if (client->rpc == NULL)
        validator_client_destroy (&client);
    return client;
}

void
validator_client_destroy (struct validator_client **client_p)
{
    struct validator_client *client = *client_p;
    if (client == NULL)
        return;
    assert (client->current == NULL);
    rpc_client_destroy (&client->rpc);
    alarm_destroy (&client->alarm);
    gathered_free (&client->opened);
    gathered_free (&client->sent);
    gathered_free (&client->pool);
    deadlines_free (&client->deadlines);
    for (uint32_t place = 0; place < client->places; place++)
        free (client->table[place]);
    free (client->table);
    free (client);
    *client_p = NULL;
}

uint64_t
validator_client_validate (struct validator_client *client,
                           const Jeton__V1__ValidateRequest *request, uint32_t timeout_ms,
                           rpc_callback *callback, void *context)
{
    struct validation_sizes sizes;
    struct validation *validation = validation_new (client);
    validation->callback = callback;
    validation->context = context;
    if (client->open > client->limit) {
        validation->gathered = NULL;
        validation->next = client->refused;
        client->refused = validation;
        alarm_by (client->alarm, 0);
        return validation->id;
    }
    validation->until_ms =
        validation_now (client) + (timeout_ms != 0 ? timeout_ms : client->timeout_ms);
    validation_measure (request, &sizes);
    uint32_t home = rpc_client_home (client->rpc, request->token, sizes.token, 0);
    validation_pack (request, &sizes, gathered_place (validation, home, sizes.all, false));
    gathered_ready (validation, client->open == 1 && !client->together);
    return validation->id;
}

void
validator_client_gather (struct validator_client *client, size_t n)
{
    assert (n > 0 && n <= VALIDATIONS_GATHERED);
    client->gather = n;
    client->together = true;
}

void
validator_client_cancel (struct validator_client *client, uint64_t id)
{
    struct validation *validation = validation_find (client, id);
    if (validation == NULL)
        return;
    if (validation->gathered == NULL) { // its turn comes, and passes
        validation->callback = NULL;
        return;
    }
    gathered_forget (validation);
    validation_give_back (validation);
}

struct rpc_client *
validator_client_rpc (struct validator_client *client)
{
    return client->rpc;
}

uint64_t
validator_client_frames (const struct validator_client *client)
{
    return client->frames;
}
