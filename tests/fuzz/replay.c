// Runs a fuzz target over the files of the given directories, with any compiler: what make check does with the corpus.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
file_replay (const char *path)
{
    FILE *file = fopen (path, "re");
    if (file == NULL || fseek (file, 0, SEEK_END) != 0) {
        perror (path);
        exit (2);
    }
    long size = ftell (file);
    rewind (file);
    // Of exactly its size, so that a sanitizer sees what is read beyond it.
    uint8_t *data = malloc (size > 0 ? (size_t) size : 1);
    if (data == NULL || fread (data, 1, (size_t) size, file) != (size_t) size) {
        perror (path);
        exit (2);
    }
    fclose (file);
    // Named before it runs: the last name that is printed is the one that crashed.
    printf ("%s\n", path);
    fflush (stdout);
    LLVMFuzzerTestOneInput (data, (size_t) size);
    free (data);
}

static unsigned
directory_replay (const char *directory)
{
    unsigned replayed = 0;
    struct dirent **entries;
    int n = scandir (directory, &entries, NULL, alphasort);
    if (n == -1) {
        perror (directory);
        exit (2);
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf (path, sizeof path, "%s/%s", directory, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            file_replay (path);
            replayed++;
        }
        free (entries[i]);
    }
    free (entries);
    return replayed;
}

int
main (int argc, char **argv)
{
    unsigned n = 0;
    for (int i = 1; i < argc; i++)
        n += directory_replay (argv[i]);
    printf ("%u inputs\n", n);
    return n > 0 ? 0 : 1;
}
