#include "tests/unit/journal_fixture.h"
#include "common/log/log.h"
#include "common/memory/memory.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char directory[64];

struct journal *
open_as (uint64_t limit, bool drop)
{
    struct error error = {""};
    struct journal *journal = journal_open (
        &(struct journal_options){.directory = directory, .limit = limit, .drop = drop}, &error);
    ck_assert_msg (journal != NULL, "%s", error.text);
    return journal;
}

struct journal *
open_it (void)
{
    return open_as (64 << 20, false);
}

void
set_up (void)
{
    snprintf (directory, sizeof directory, "/tmp/jeton-test-journal-XXXXXX");
    ck_assert_ptr_nonnull (mkdtemp (directory));
    log_open ("test", LOG_LEVEL_ERROR);
    ck_assert_ptr_nonnull (freopen ("/dev/null", "w", stderr));
}

void
tear_down (void)
{
    struct dirent **list;
    int n = scandir (directory, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        cleanup_free char *path = xasprintf ("%s/%s", directory, list[i]->d_name);
        (void) unlink (path);
        free (list[i]);
    }
    free (list);
    rmdir (directory);
}
