// What requests are made of: a few good values of each kind, and a few bad ones, each with the field that a refusal must name.
#ifndef JETON_PROPERTY_INPUT_H
#define JETON_PROPERTY_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A source of choices that are the same for the same seed.
struct choices {
    uint64_t state;
};
// choose (choices, n): 0 … n - 1. chance (choices, percent): True so often.
size_t choose (struct choices *choices, size_t n);
bool chance (struct choices *choices, unsigned percent);

struct text {
    const char *text;
    bool good;
};

// text_is_utf8 (text): Is it text at all?
bool text_is_utf8 (const struct text *text);

struct networks {
    size_t n;
    const char *list[3];
    unsigned addresses; // bits of the rows of input_addresses that are in it
    const char *wrong;  // the field at fault, or NULL
};

struct rate {
    uint32_t per_minute, burst, burst_kept; // per_minute 0: none
    const char *wrong;
};

struct uris {
    size_t n;
    const char *list[2];
    const char *wrong;
};

// A file that is given as a logo.
struct picture {
    size_t size; // 0: none
    const char *data;
    const char *wrong;
};

// Modules that all accounts know of, sorted; the scenario makes them. The one more is a name that no module has.
enum { MODULES = 6, ADDRESSES = 5 };
extern const char *const input_modules[MODULES + 1];
extern const char *const input_addresses[ADDRESSES];

// The first row of each table is what an object has that was given none.
extern const struct networks input_networks[];
extern const struct rate input_rates[];
extern const struct uris input_uris[];
extern const struct picture input_pictures[];

// input_name (choices, faults) …: One of the table; a bad one now and then, if `faults`.
const struct text *input_name (struct choices *choices, bool faults);
const struct text *input_description (struct choices *choices, bool faults);
const struct text *input_code (struct choices *choices, bool faults);
const struct networks *input_network (struct choices *choices, bool faults);
const struct rate *input_rate (struct choices *choices, bool faults);
const struct uris *input_uri (struct choices *choices, bool faults);
const struct picture *input_picture (struct choices *choices, bool faults);

#endif
