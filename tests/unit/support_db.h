// What the tests of common/db share: a server, a loop, a db, and calls with their answers.
#ifndef JETON_TEST_SUPPORT_DB_H
#define JETON_TEST_SUPPORT_DB_H

#include "common/db/db.h"
#include "common/log/log.h"
#include "tests/unit/support_postgres.h"
#include <check.h>

enum statement {
    ADD,
    ADD_SLOWLY,
    ADD_CHILD,
    ADD_LATER,
    GET,
    ECHO,
    SLEEP,
    GATED,
    ADD_GATED,
    DIVIDE,
    CAST,
    FLAKY,
    READ_ONLY,
    ADD_MANY,
    FIND_MANY,
    FIND_EACH,
    PLANNED,
    SESSION_HAS,
};

// Made anew for each test, but for the server.
extern struct postgres postgres;
extern struct loop *loop;
extern struct resolver *resolver;
extern struct db *db;

// What became of a call.
struct answer {
    int calls; // of the callback: must end at 1
    enum db_outcome outcome;
    struct db_error error;
    int64_t value;  // first column of the first row
    char text[100]; // second column
    int rows;
    int64_t third;
    uint8_t bytes[100]; // fourth column
    size_t nbytes;
    int64_t at; // when
};

void on_answer (void *context, enum db_outcome outcome, PGresult *const *results,
                const struct db_error *error);

// run_until (wanted): Run the loop; fails the test when it does not come true within a minute. wait_idle (): likewise. run_for (ms): For so long.
void run_until (bool (*wanted) (void));
void run_for (int64_t ms);
void wait_idle (void);
bool is_ready (void);
bool is_not_ready (void);
bool is_idle (void);

struct db_options options_new (size_t connections);
void open_with (const struct db_options *options); // and wait until it is ready
void open_db (size_t connections);                 // and wait for all connections

// admin (sql), ask (sql): On a connection of their own, blocking.
void admin (const char *sql);
int ask (const char *sql);

// Start a call of one of the statements.
void call_int (enum statement statement, int64_t value, struct answer *answer);
void call_get (struct answer *answer);
void call_sleep (const char *seconds, struct answer *answer);
void add_slowly (int id, const char *seconds, struct answer *answer);

// gate_close (): Calls of GATED and ADD_GATED wait in the database, until gate_open (). gate_wait (n): Run the loop until n of them do.
void gate_close (void);
void gate_open (void);
void gate_wait (int n);

// is (answer, outcome): It has come, once, with this outcome. backend (): The process id of the first connection's.
void is (const struct answer *answer, enum db_outcome outcome);
pid_t backend (void);

// run_suite (name, tcase): All of main ().
int run_suite (const char *name, TCase *tcase);

#endif
