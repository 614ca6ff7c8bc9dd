// Runs a fuzz target over the files of the given directories, with any compiler: what make check does with the corpus.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum { FILE_SIZE_MAX = 1 << 20 };

static uint8_t *
file_read (const char *path, size_t *size_r)
{
    FILE *file = fopen (path, "re");
    if (file == NULL) {
        perror (path);
        exit (2);
    }
    uint8_t *buffer = malloc (FILE_SIZE_MAX);
    if (buffer == NULL)
        exit (2);
    *size_r = fread (buffer, 1, FILE_SIZE_MAX, file);
    fclose (file);
    // Of exactly its size, so that a sanitizer sees what is read beyond it.
    uint8_t *data = realloc (buffer, *size_r > 0 ? *size_r : 1);
    return data != NULL ? data : buffer;
}

static unsigned
directory_replay (const char *directory)
{
    unsigned n = 0;
    DIR *entries = opendir (directory);
    if (entries == NULL) {
        perror (directory);
        exit (2);
    }
    for (struct dirent *entry; (entry = readdir (entries)) != NULL;) {
        char path[4096];
        size_t size;
        if (entry->d_name[0] == '.')
            continue;
        snprintf (path, sizeof path, "%s/%s", directory, entry->d_name);
        // Named before it runs: the last name that is printed is the one that crashed.
        printf ("%s\n", path);
        fflush (stdout);
        uint8_t *data = file_read (path, &size);
        LLVMFuzzerTestOneInput (data, size);
        free (data);
        n++;
    }
    closedir (entries);
    return n;
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
