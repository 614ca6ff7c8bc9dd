// One segment: a head and rows. What is read back may be anything.
#include "common/journal/internal.h"
#include "common/memory/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = {'J', 'E', 'T', 'U', 'S', 'E', '2', '\n'},
                  magic_1[8] = {'J', 'E', 'T', 'U', 'S', 'E', '1', '\n'};

// The product of two words, folded: each bit of either has to do with all bits of the result.
static uint64_t
mix (uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide) a * b;
    return (uint64_t) product ^ (uint64_t) (product >> 64);
}

uint64_t
segment_digest (uint64_t key, const void *data, size_t size)
{
    // Odd numbers without a pattern: the fractional parts of the square roots of 2, 3 and 5.
    const uint64_t p = UINT64_C (0x6a09e667f3bcc909), q = UINT64_C (0xbb67ae8584caa73b),
                   r = UINT64_C (0x3c6ef372fe94f82b);
    const uint8_t *at = data;
    uint64_t even = key ^ p, odd = mix (key ^ q, r);
    for (; size >= 16; size -= 16, at += 16) {
        uint64_t a, b;
        memcpy (&a, at, sizeof a);
        memcpy (&b, at + 8, sizeof b);
        even = mix (even ^ a, q);
        odd = mix (odd ^ b, p);
    }
    return mix (even ^ r, odd ^ key);
}

uint32_t
segment_row_check (uint64_t key, const struct segment_row *row)
{
    struct segment_row whole = *row;
    whole.check = 0;
    whole.count = row->count == SEGMENT_TEXT; // none can be taken for the other
    return (uint32_t) segment_digest (key, &whole, sizeof whole);
}

static uint64_t
head_check (const struct segment_head *head)
{
    uint8_t data[32];
    memcpy (data, head, sizeof data); // magic, source, sequence
    return segment_digest (head->key, data, sizeof data);
}

void
segment_name (const struct segment_head *head, char name_r[SEGMENT_NAME_SIZE])
{
    char *at = name_r;
    for (int i = 0; i < JOURNAL_SOURCE_SIZE; i++)
        at += snprintf (at, 3, "%02x", head->source[i]);
    snprintf (at, SEGMENT_NAME_SIZE - (size_t) (at - name_r), "-%016" PRIx64 ".use",
              head->sequence);
}

bool
segment_name_good (const char *name)
{
    static const char digits[] = "0123456789abcdef";
    return strlen (name) == SEGMENT_NAME_SIZE - 1 &&
           strspn (name, digits) == (size_t) 2 * JOURNAL_SOURCE_SIZE &&
           name[2 * JOURNAL_SOURCE_SIZE] == '-' &&
           strspn (name + 2 * JOURNAL_SOURCE_SIZE + 1, digits) == 16 &&
           strcmp (name + SEGMENT_NAME_SIZE - sizeof ".use", ".use") == 0;
}

// With its head, and with blocks for all that may be written into it: a full disk must be met here, not by a signal later.
static bool
fill (int fd, const struct segment_head *head, struct error *error_r)
{
    int failed = posix_fallocate (fd, 0, SEGMENT_SIZE);
    if (failed == 0 && pwrite (fd, head, sizeof *head, 0) != (ssize_t) sizeof *head)
        failed = errno;
    if (failed != 0)
        error_set (error_r, "a segment cannot be made: %s", strerror (failed));
    return failed == 0;
}

// Of a file as it should be, of which the first `used` bytes were written to before. All pages are there at once, which costs much less than a fault for each.
static void *
map (int fd, size_t used)
{
    char *mapped = mmap (NULL, SEGMENT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    (void) madvise (mapped, SEGMENT_SIZE, MADV_POPULATE_WRITE); // without it, they come one by one
    if (used > sizeof (struct segment_head))
        memset (mapped + sizeof (struct segment_head), 0, used - sizeof (struct segment_head));
    return mapped;
}

// The file's descriptor, and how much is in it already.
static int
file_open (int directory, const char *name, const char *spare, size_t *used_r)
{
    struct stat file;
    // It gets its name when it is complete: a process that is killed before leaves nothing that looks like a segment and is none.
    (void) unlinkat (directory, name, 0);
    *used_r = 0;
    if (spare != NULL && renameat (directory, spare, directory, name) == 0) {
        int fd = openat (directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        bool fits = fd >= 0 && fstat (fd, &file) == 0 && file.st_size <= (off_t) SEGMENT_SIZE;
        if (fits) {
            *used_r = (size_t) file.st_size;
            return fd;
        }
        if (fd >= 0)
            close (fd);
        (void) unlinkat (directory, name, 0); // one of an earlier version was longer
    }
    return openat (directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

struct segment_head *
segment_make (int directory, const struct segment_head *head, const char *spare,
              struct error *error_r)
{
    static const char temporary[] = "segment.new";
    struct segment_head whole = *head;
    char name[SEGMENT_NAME_SIZE];
    void *mapped = NULL;
    size_t used;
    memcpy (whole.magic, magic, sizeof magic);
    whole.check = head_check (&whole);
    segment_name (&whole, name);
    int fd = file_open (directory, temporary, spare, &used);
    if (fd < 0) {
        error_set (error_r, "a segment cannot be made: %s", strerror (errno));
        return NULL;
    }
    if (fill (fd, &whole, error_r)) {
        mapped = map (fd, used);
        if (mapped == NULL || renameat (directory, temporary, directory, name) != 0) {
            error_set (error_r, "a segment cannot be made: %s", strerror (errno));
            if (mapped != NULL)
                munmap (mapped, SEGMENT_SIZE);
            mapped = NULL;
        }
    }
    close (fd);
    if (mapped == NULL)
        (void) unlinkat (directory, temporary, 0);
    return mapped;
}

// ---- reading --------------------------------------------------------------------------------------------------------

static bool
read_all (int fd, void *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = pread (fd, (char *) data + at, size - at, (off_t) at);
        if (n <= 0)
            return false;
        at += (size_t) n;
    }
    return true;
}

// A file as it was found.
struct found {
    struct segment_head *head; // at its beginning
    size_t size;
};

// read_file (directory, name, found_r, error_r): The caller frees.
static bool
read_file (int directory, const char *name, struct found *found_r, struct error *error_r)
{
    struct stat file;
    bool good = false;
    int fd = openat (directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat (fd, &file) != 0) {
        error_set (error_r, "%s", strerror (errno));
    } else if (!S_ISREG (file.st_mode) || file.st_size < (off_t) sizeof *found_r->head ||
               file.st_size > (off_t) SEGMENT_1_SIZE ||
               file.st_size % (off_t) sizeof (struct segment_row) != 0) {
        error_set (error_r, "it is no file, or has no size that a segment can have");
    } else {
        found_r->size = (size_t) file.st_size;
        found_r->head = xcalloc (1, found_r->size);
        errno = 0;
        good = read_all (fd, found_r->head, found_r->size);
        if (!good) {
            error_set (error_r, "%s", errno ? strerror (errno) : "it ends too early");
            free (found_r->head);
        }
    }
    if (fd >= 0)
        close (fd);
    return good;
}

// Rows of an earlier version.
static void
rows_read_1 (const struct found *found, struct journal_segment *segment, uint64_t *damaged_r)
{
    const struct segment_row_1 *rows = (const struct segment_row_1 *) found->head + 1;
    size_t n = found->size / sizeof *rows;
    segment->rows = xcalloc (n, sizeof *segment->rows);
    for (size_t i = 0; i + 1 < n; i++) {
        if (rows[i].count == 0)
            continue;
        if (rows[i].check == segment_digest (found->head->key, &rows[i].use, sizeof rows[i].use))
            segment->rows[segment->n++] =
                (struct journal_row){.use = rows[i].use, .count = rows[i].count};
        else
            ++*damaged_r;
    }
}

static bool
row_good (const struct found *found, const struct segment_row *row)
{
    return row->check == segment_row_check (found->head->key, row);
}

// A text that is damaged does not make uses undone: it is told as "?".
static void
text_read (const struct found *found, size_t n, uint16_t number, char *text_r, size_t size)
{
    const struct segment_row *row = (const struct segment_row *) (found->head + 1) + number - 1;
    if (number == 0)
        return;
    bool good = number <= n && row->count == SEGMENT_TEXT && row_good (found, row);
    bool longer = good && row->text[SEGMENT_TEXT_SIZE - 1] != '\0';
    if (longer)
        good = number < n && row[1].count == SEGMENT_TEXT && row_good (found, row + 1);
    if (!good) {
        text_r[0] = '?';
        return;
    }
    memcpy (text_r, row->text, size < SEGMENT_TEXT_SIZE ? size : SEGMENT_TEXT_SIZE);
    if (longer && size > SEGMENT_TEXT_SIZE)
        memcpy (text_r + SEGMENT_TEXT_SIZE, row[1].text, size - SEGMENT_TEXT_SIZE);
}

static void
use_read (const struct found *found, size_t n, const struct segment_row *row,
          struct journal_row *row_r)
{
    const struct segment_use *use = &row->use;
    *row_r = (struct journal_row){.count = row->count,
                                  .use = {
                                      .second = use->second,
                                      .account = use->account,
                                      .token = use->token,
                                      .user = use->user,
                                      .family = use->family,
                                      .access = use->access,
                                      .environment = use->environment,
                                      .decision = use->decision,
                                      .reason = use->reason,
                                      .grant_type = use->grant_type,
                                      .client = use->client,
                                      .customer = use->customer,
                                  }};
    memcpy (row_r->use.address, use->address, sizeof row_r->use.address);
    text_read (found, n, use->module, row_r->use.module, sizeof row_r->use.module);
    text_read (found, n, use->peer, row_r->use.peer, sizeof row_r->use.peer);
    text_read (found, n, use->id, row_r->use.id, sizeof row_r->use.id);
}

static void
rows_read (const struct found *found, struct journal_segment *segment, uint64_t *damaged_r)
{
    const struct segment_row *rows = (const struct segment_row *) (found->head + 1);
    size_t n = found->size / sizeof *rows - 1;
    segment->rows = xcalloc (n + 1, sizeof *segment->rows);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].count == 0)
            continue;
        if (!row_good (found, &rows[i]))
            ++*damaged_r;
        else if (rows[i].count != SEGMENT_TEXT)
            use_read (found, n, &rows[i], &segment->rows[segment->n++]);
    }
}

bool
segment_later (int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR;
}

bool
segment_read (int directory, const char *name, struct journal_segment *segment_r,
              uint64_t *damaged_r, struct error *error_r)
{
    struct found found;
    char right[SEGMENT_NAME_SIZE];
    errno = 0;
    if (!read_file (directory, name, &found, error_r))
        return false;
    errno = 0;
    segment_name (found.head, right);
    bool earlier = memcmp (found.head->magic, magic_1, sizeof magic_1) == 0 &&
                   found.size % sizeof (struct segment_row_1) == 0;
    bool good = (earlier || (memcmp (found.head->magic, magic, sizeof magic) == 0 &&
                             found.size <= SEGMENT_SIZE)) &&
                found.head->check == head_check (found.head) && strcmp (right, name) == 0;
    if (good) {
        *segment_r = (struct journal_segment){.sequence = found.head->sequence};
        memcpy (segment_r->source, found.head->source, sizeof segment_r->source);
        *damaged_r = 0;
        (earlier ? rows_read_1 : rows_read) (&found, segment_r, damaged_r);
    } else
        error_set (error_r, "its head is not that of this segment");
    free (found.head);
    return good;
}
