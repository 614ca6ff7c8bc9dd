#include "common/process/system.h"
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

void
process_harden (void)
{
    umask (077);
    setrlimit (RLIMIT_CORE, &(struct rlimit){0, 0});
    struct rlimit files;
    if (getrlimit (RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit (RLIMIT_NOFILE, &files);
    }
}

int
process_signals (struct error *error_r)
{
    sigset_t wanted;
    sigemptyset (&wanted);
    sigaddset (&wanted, SIGTERM);
    sigaddset (&wanted, SIGINT);
    sigaddset (&wanted, SIGHUP);
    signal (SIGPIPE, SIG_IGN);
    int fd = -1;
    if (sigprocmask (SIG_BLOCK, &wanted, NULL) == 0)
        fd = signalfd (-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        error_set (error_r, "signals cannot be taken: %s", strerror (errno));
    return fd;
}

bool
process_become (const char *user, struct error *error_r)
{
    if (!*user || geteuid () != 0)
        return true;
    errno = 0;
    const struct passwd *entry = getpwnam (user);
    if (!entry) {
        error_set (error_r, "user: there is no user %s on this system", user);
        return false;
    }
    if (initgroups (user, entry->pw_gid) != 0 ||
        setresgid (entry->pw_gid, entry->pw_gid, entry->pw_gid) != 0 ||
        setresuid (entry->pw_uid, entry->pw_uid, entry->pw_uid) != 0) {
        error_set (error_r, "user: cannot become %s: %s", user, strerror (errno));
        return false;
    }
    if (entry->pw_uid != 0 && setuid (0) == 0) {
        error_set (error_r, "user: root's rights could be had again as %s", user);
        return false;
    }
    return true;
}
