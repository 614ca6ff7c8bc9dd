#include "tests/unit/support_migrate.h"
#include "services/cli/migrate.h"
#include <check.h>
#include <stdio.h>

PGconn *
postgres_migrated (const struct postgres *postgres)
{
    struct error error = {""};
    FILE *out = fopen ("/dev/null", "w");
    struct migrate_options options = {.url = postgres_url (postgres, "postgres", "postgres"),
                                      .schema_dir = "deploy/schema",
                                      .out = out};
    ck_assert_msg (migrate_run (&options, &error), "%s", error.text);
    fclose (out);
    return postgres_connect (postgres, "postgres", "postgres");
}
