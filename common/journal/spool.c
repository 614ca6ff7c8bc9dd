// The directory of segments. What is found in it may be anything.
#include "common/journal/internal.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
directory_open (struct spool *spool, struct error *error_r)
{
    struct stat found;
    if (mkdir (spool->path, 0700) != 0 && errno != EEXIST) {
        error_set (error_r, "%s: cannot be made: %s", spool->path, strerror (errno));
        return false;
    }
    spool->directory = open (spool->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool->directory < 0 || fstat (spool->directory, &found) != 0) {
        error_set (error_r, "%s: %s", spool->path, strerror (errno));
        return false;
    }
    if (found.st_uid != geteuid ()) {
        error_set (error_r, "%s: belongs to another user: chown it to the one of this process",
                   spool->path);
        return false;
    }
    if ((found.st_mode & 077) != 0 && fchmod (spool->directory, 0700) != 0) {
        error_set (error_r, "%s: others may enter it, and that cannot be changed: %s", spool->path,
                   strerror (errno));
        return false;
    }
    return true;
}

static bool
lock (struct spool *spool, struct error *error_r)
{
    spool->lock =
        openat (spool->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (spool->lock < 0) {
        error_set (error_r, "%s/lock: %s", spool->path, strerror (errno));
        return false;
    }
    // It goes with the process, however that ends.
    if (flock (spool->lock, LOCK_EX | LOCK_NB) != 0) {
        error_set (error_r, "%s: another process uses it: each needs a directory of its own",
                   spool->path);
        return false;
    }
    return true;
}

// ---- what is in it --------------------------------------------------------------------------------------------------

void
spool_add (struct spool *spool, const char *name, uint64_t size, int64_t sealed_ms)
{
    if (spool->first > 0 && spool->first == spool->n)
        spool->first = spool->n = 0;
    if (spool->n == spool->room && spool->first > spool->room / 2) {
        spool->n -= spool->first;
        memmove (spool->files, spool->files + spool->first, spool->n * sizeof *spool->files);
        spool->first = 0;
    }
    if (spool->n == spool->room) {
        spool->room = 2 * spool->room + 64;
        spool->files = xrealloc (spool->files, spool->room * sizeof *spool->files);
    }
    struct spooled *file = &spool->files[spool->n++];
    snprintf (file->name, sizeof file->name, "%s", name);
    file->size = size;
    file->sealed_ms = sealed_ms;
}

const struct spooled *
spool_first (const struct spool *spool)
{
    return spool->first < spool->n ? &spool->files[spool->first] : NULL;
}

static void
forget_first (struct spool *spool)
{
    spool->bytes -= spool->files[spool->first++].size;
}

static void
spare_name (size_t number, char name_r[SEGMENT_NAME_SIZE])
{
    snprintf (name_r, SEGMENT_NAME_SIZE, "%zu.spare", number);
}

const char *
spool_spare (struct spool *spool, char name_r[SEGMENT_NAME_SIZE])
{
    if (spool->spares == 0)
        return NULL;
    spare_name (--spool->spares, name_r);
    return name_r;
}

void
spool_spares_drop (struct spool *spool)
{
    char name[SEGMENT_NAME_SIZE];
    while (spool_spare (spool, name) != NULL)
        (void) unlinkat (spool->directory, name, 0);
}

void
spool_remove (struct spool *spool)
{
    const char *name = spool->files[spool->first].name;
    char spare[SEGMENT_NAME_SIZE];
    spare_name (spool->spares, spare);
    if (spool->spares < SPOOL_SPARES_MAX &&
        renameat (spool->directory, name, spool->directory, spare) == 0) {
        spool->spares++;
        forget_first (spool);
        return;
    }
    // One that stays is handed out again after a restart, and recognised by who takes it.
    if (unlinkat (spool->directory, name, 0) != 0)
        log_error ("a segment of use cannot be removed", "directory", spool->path, "file", name,
                   "reason", strerror (errno), NULL);
    forget_first (spool);
}

void
spool_set_aside (struct spool *spool, const char *name, uint64_t size, const char *ending,
                 const char *why)
{
    cleanup_free char *aside = xasprintf ("%s.%s", name, ending);
    bool moved = renameat (spool->directory, name, spool->directory, aside) == 0;
    log_error ("a file in the spool of use was set aside: look at it, keep it elsewhere, remove it",
               "directory", spool->path, "file", moved ? aside : name, "reason", why, NULL);
    spool->other += size;
}

static int
by_name (const void *a, const void *b)
{
    return strcmp (((const struct spooled *) a)->name, ((const struct spooled *) b)->name);
}

static bool
ends_with (const char *name, const char *ending)
{
    size_t length = strlen (name), wanted = strlen (ending);
    return length > wanted && strcmp (name + length - wanted, ending) == 0;
}

static bool
is_aside (const char *name)
{
    return ends_with (name, ".damaged") || ends_with (name, ".refused");
}

static uint64_t
size_of (const struct stat *file)
{
    return S_ISREG (file->st_mode) ? (uint64_t) file->st_blocks * 512 : 0;
}

void
spool_look_aside (struct spool *spool)
{
    struct dirent **list;
    struct stat file;
    int n = scandirat (spool->directory, ".", &list, NULL, NULL);
    if (n < 0)
        return;
    spool->other = 0;
    for (int i = 0; i < n; i++) {
        if (is_aside (list[i]->d_name) &&
            fstatat (spool->directory, list[i]->d_name, &file, AT_SYMLINK_NOFOLLOW) == 0)
            spool->other += size_of (&file);
        free (list[i]);
    }
    free (list);
}

// found (spool, name, stats): One entry of the directory.
static void
found (struct spool *spool, const char *name, struct journal_stats *stats)
{
    struct stat file;
    struct journal_segment segment;
    struct error why = {""};
    uint64_t damaged, size;
    if (fstatat (spool->directory, name, &file, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    size = size_of (&file);
    if (is_aside (name)) {
        spool->other += size;
        return;
    }
    if (ends_with (name, ".spare")) // of a process that was killed
        (void) unlinkat (spool->directory, name, 0);
    if (!ends_with (name, ".use"))
        return;
    if (!segment_name_good (name)) {
        stats->set_aside++;
        spool_set_aside (spool, name, size, "damaged", "its name is not that of a segment");
        return;
    }
    if (segment_read (spool->directory, name, &segment, &damaged, &why)) {
        journal_segment_free (&segment);
    } else if (segment_later (errno)) {
        damaged = 0; // it is looked at when its turn comes
    } else {
        stats->set_aside++;
        spool_set_aside (spool, name, size, "damaged", why.text);
        return;
    }
    if (damaged > 0) {
        char rows[24];
        snprintf (rows, sizeof rows, "%llu", (unsigned long long) damaged);
        log_warn ("rows of a segment of use were not written completely: they are left out", "file",
                  name, "rows", rows, NULL);
    }
    stats->damaged += damaged;
    spool_add (spool, name, size, 0);
    spool->bytes += size;
}

static bool
look (struct spool *spool, struct journal_stats *stats, struct error *error_r)
{
    struct dirent **list;
    int n = scandirat (spool->directory, ".", &list, NULL, NULL);
    if (n < 0) {
        error_set (error_r, "%s: %s", spool->path, strerror (errno));
        return false;
    }
    (void) unlinkat (spool->directory, "segment.new", 0);
    for (int i = 0; i < n; i++) {
        found (spool, list[i]->d_name, stats);
        free (list[i]);
    }
    free (list);
    if (spool->n > 1)
        qsort (spool->files, spool->n, sizeof *spool->files, by_name);
    return true;
}

bool
spool_open (struct spool *spool, const char *path, struct journal_stats *stats,
            struct error *error_r)
{
    spool->directory = spool->lock = -1;
    spool->path = xstrdup (path);
    return directory_open (spool, error_r) && lock (spool, error_r) && look (spool, stats, error_r);
}

void
spool_close (struct spool *spool)
{
    if (spool->path == NULL)
        return;
    spool_spares_drop (spool);
    if (spool->lock >= 0)
        close (spool->lock);
    if (spool->directory >= 0)
        close (spool->directory);
    free (spool->path);
    free (spool->files);
    *spool = (struct spool){.directory = -1, .lock = -1};
}
