// A PostgreSQL server of a test's own: a cluster in a temporary directory, reached by a Unix socket only.
#ifndef JETON_TEST_SUPPORT_POSTGRES_H
#define JETON_TEST_SUPPORT_POSTGRES_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <sys/types.h>

struct postgres {
    char dir[64];  // all of it: data/, the socket, secrets/
    char bin[256]; // PostgreSQL's programs
    pid_t pid;     // of the server; 0: stopped
};

// postgres_start (postgres): Make a cluster and start its server. The role postgres needs no password, others do (SCRAM). Run as root, the
// server is run as user postgres. The server ends with the calling thread, however that ends. Ends the program when it fails.
void postgres_start (struct postgres *postgres);
// postgres_stop (postgres, signal): SIGTERM, SIGINT, SIGQUIT: smart, fast, immediate. Waits for the end.
void postgres_stop (struct postgres *postgres, int signal);
// postgres_start_again (postgres): After postgres_stop; waits until it answers.
void postgres_start_again (struct postgres *postgres);
// postgres_destroy (postgres): Stop it and remove the directory.
void postgres_destroy (struct postgres *postgres);

// postgres_url (postgres, user, database): A connection string in a static buffer (one of four, used in turn). Users other than postgres
// have the password postgres_password (user).
const char *postgres_url (const struct postgres *postgres, const char *user, const char *database);
const char *postgres_password (const char *user);

// postgres_secrets (postgres): The directory with the files database-admin, …, made when asked for.
const char *postgres_secrets (const struct postgres *postgres);

// postgres_connect (postgres, user, database): A synchronous connection; the caller ends it with PQfinish. Fails the test otherwise.
PGconn *postgres_connect (const struct postgres *postgres, const char *user, const char *database);

// postgres_run (pg, sql): Run it, fail the test unless it works. postgres_text (pg, sql): The first column of the first row, in a
// static buffer; "" when there is none.
void postgres_run (PGconn *pg, const char *sql);
const char *postgres_text (PGconn *pg, const char *sql);

#endif
