// `jeton reload`: SIGHUP to a process of Jeton, from inside its container.
#include "common/memory/memory.h"
#include "services/cli/command.h"
#include "services/cli/print.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What the kernel calls the process: at most 15 characters of its program's name.
static bool
is_process (int64_t pid)
{
    cleanup_free char *path = xasprintf ("/proc/%lld/comm", (long long) pid);
    FILE *file = fopen (path, "r");
    char name[32] = "";
    bool ours;

    ours = file != NULL && fgets (name, sizeof name, file) != NULL &&
           strncmp (name, "jeton-", strlen ("jeton-")) == 0;
    if (file != NULL) {
        fclose (file);
    }
    return ours;
}

static int
reload (struct cli *cli)
{
    int64_t pid = 1;

    if (!option_number (cli, "pid", 1, INT32_MAX, &pid)) {
        return EX_USAGE;
    }
    if (!is_process (pid)) {
        return print_fail (cli, EX_UNAVAILABLE, "UNAVAILABLE",
                           "process %lld is none of Jeton's: run this in the container of one, or "
                           "name it with --pid",
                           (long long) pid);
    }
    if (kill ((pid_t) pid, SIGHUP) != 0) {
        return print_fail (cli, EX_NOPERM, "PERMISSION_DENIED", "process %lld: %s", (long long) pid,
                           strerror (errno));
    }
    return EX_OK;
}

static const struct option_row options[] = {
    {.name = "pid", .value = "NUMBER", .help = "of the process (1, a container's first)"},
    {.name = NULL},
};

const struct command reload_commands[] = {
    {"reload", NULL, "", 0, 0, options, reload, "Let a process read its settings and peers again",
     "Sends SIGHUP to the process of the container that it runs in. \"docker kill --signal HUP\" "
     "does too, but Docker takes\n"
     "it for an operator who stops the container, and does not restart it any more when it "
     "crashes. Its log says how it went.",
     "docker-compose exec validator jeton reload\n"
     "jeton reload --pid \"$(pidof jeton-admin)\"\n"},
    {.noun = NULL},
};
