#include "services/gateway/http_kept.h"
#include "common/memory/memory.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct place {
    uint64_t asked; // the hash of what was asked for last and is not kept
    struct kept_answer *answer;
};

struct kept {
    size_t n;
    struct place *places;
    uint8_t key[crypto_shorthash_KEYBYTES]; // so that nobody can choose what falls together
    uint64_t hash;                          // of what was looked for last
};

struct kept *
kept_new (size_t n)
{
    struct kept *kept = xcalloc (1, sizeof *kept);
    kept->n = n;
    kept->places = xcalloc (n > 0 ? n : 1, sizeof *kept->places);
    crypto_shorthash_keygen (kept->key);
    return kept;
}

void
kept_destroy (struct kept **kept_p)
{
    struct kept *kept = *kept_p;
    if (kept == NULL)
        return;
    for (size_t i = 0; i < kept->n; i++)
        kept_give (&kept->places[i].answer);
    free (kept->places);
    free (kept);
    *kept_p = NULL;
}

static struct place *
place_of (const struct kept *kept)
{
    return &kept->places[kept->hash % kept->n];
}

struct kept_answer *
kept_find (struct kept *kept, const char *text, size_t size, bool *keep_r)
{
    *keep_r = false;
    if (kept->n == 0)
        return NULL;
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash (hash, (const uint8_t *) text, size, kept->key);
    memcpy (&kept->hash, hash, sizeof kept->hash);
    struct place *place = place_of (kept);
    struct kept_answer *answer = place->answer;
    // All of it is compared: others that have the same place are somebody else's.
    if (answer != NULL && answer->size == size && memcmp (answer->text, text, size) == 0) {
        answer->users++;
        return answer;
    }
    *keep_r = place->asked == kept->hash;
    place->asked = kept->hash;
    return NULL;
}

struct kept_answer *
kept_put (struct kept *kept, const char *text, size_t size, struct MHD_Response *response)
{
    struct place *place = place_of (kept);
    struct kept_answer *answer = xcalloc (1, sizeof *answer + size);
    *answer = (struct kept_answer){.response = response, .users = 2, .size = size};
    memcpy (answer->text, text, size);
    kept_give (&place->answer);
    place->answer = answer;
    return answer;
}

void
kept_give (struct kept_answer **answer_p)
{
    struct kept_answer *answer = *answer_p;
    *answer_p = NULL;
    if (answer == NULL || --answer->users > 0)
        return;
    MHD_destroy_response (answer->response);
    free (answer);
}
