#include "tests/bench/witness.h"

#include "common/memory/memory.h"
#include "tests/bench/session.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK "SELECT status = 1 FROM tokens WHERE number = $1::bigint"

struct witness {
    PGconn *connection;
    struct watch *watch;
    int64_t number, asked, asked_us, unseen_us; // asked: the token that the look under way is about
    bool busy, changed;
};

static void __attribute__ ((noreturn)) witness_fail (const struct witness *witness)
{
    fprintf (stderr, "the witness of commits: %s\n", PQerrorMessage (witness->connection));
    exit (EXIT_FAILURE);
}

static void
answer_take (struct witness *witness, PGresult *result)
{
    if (PQresultStatus (result) != PGRES_TUPLES_OK || PQntuples (result) != 1)
        witness_fail (witness);
    bool active = strcmp (PQgetvalue (result, 0, 0), "t") == 0;
    if (witness->asked == witness->number && active)
        witness->unseen_us = witness->asked_us;
    else if (witness->asked == witness->number)
        witness->changed = true;
}

static int
on_answer (struct loop *loop, int fd, void *context)
{
    struct witness *witness = context;
    (void) loop;
    (void) fd;
    if (!PQconsumeInput (witness->connection))
        witness_fail (witness);
    while (witness->busy && !PQisBusy (witness->connection)) {
        PGresult *result = PQgetResult (witness->connection);
        if (result)
            answer_take (witness, result);
        else
            witness->busy = false;
        PQclear (result);
    }
    return 0;
}

struct witness *
witness_new (struct loop *loop, const char *url)
{
    struct witness *witness = xcalloc (1, sizeof *witness);
    witness->connection = PQconnectdb (url);
    if (PQstatus (witness->connection) != CONNECTION_OK)
        witness_fail (witness);
    PGresult *prepared = PQprepare (witness->connection, "look", LOOK, 1, NULL);
    if (PQresultStatus (prepared) != PGRES_COMMAND_OK)
        witness_fail (witness);
    PQclear (prepared);
    witness->watch = loop_watch (loop, PQsocket (witness->connection), LOOP_IN, on_answer, witness);
    return witness;
}

void
witness_destroy (struct witness **witness_p)
{
    if (!*witness_p)
        return;
    watch_end (&(*witness_p)->watch);
    PQfinish ((*witness_p)->connection);
    free (*witness_p);
    *witness_p = NULL;
}

void
witness_begin (struct witness *witness, int64_t number)
{
    witness->number = number;
    witness->unseen_us = 0;
    witness->changed = false;
}

void
witness_look (struct witness *witness)
{
    if (witness->busy || witness->changed)
        return;
    char number[24];
    const char *values[] = {number};
    struct timespec now;
    snprintf (number, sizeof number, "%" PRId64, witness->number);
    clock_gettime (CLOCK_REALTIME, &now);
    witness->asked = witness->number;
    witness->asked_us = now.tv_sec * INT64_C (1000000) + now.tv_nsec / 1000;
    if (!PQsendQueryPrepared (witness->connection, "look", 1, values, NULL, NULL, 0))
        witness_fail (witness);
    witness->busy = true;
}

int64_t
witness_unseen_us (const struct witness *witness)
{
    return witness->unseen_us;
}
