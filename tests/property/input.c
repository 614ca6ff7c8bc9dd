#include "tests/property/input.h"

enum { FAULT_PERCENT = 4 };

// SplitMix64 (Steele, Lea, Flood 2014).
static uint64_t
next (struct choices *choices)
{
    uint64_t z = choices->state += UINT64_C (0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C (0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C (0x94d049bb133111eb);
    return z ^ z >> 31;
}

size_t
choose (struct choices *choices, size_t n)
{
    return next (choices) % n;
}

bool
chance (struct choices *choices, unsigned percent)
{
    return choose (choices, 100) < percent;
}

#define TEN(text)     text text text text text text text text text text
#define HUNDRED(text) TEN (TEN (text))

const char *const input_modules[MODULES + 1] = {"invoices", "orders", "prices", "reports",
                                                "returns",  "stock",  "nothing"};
const char *const input_addresses[ADDRESSES] = {"", "192.0.2.7", "192.0.2.200", "2001:db8::5",
                                                "10.9.9.9"};

static const char not_utf8[] = "\xff\xfe";
// Good ones come first.
static const struct text names[] = {
    {"Shop", true},
    {"Großhändler 名前", true},
    {"a \"quoted\" name: with, {commas}; 'n all\\", true},
    {"x", true},
    {"🦀 %s $1", true},
    {HUNDRED ("n") TEN ("é") TEN ("n") "12345678", true},
    {"", false},
    {HUNDRED ("n") TEN ("é") TEN ("n") "123456789", false},
    {"tab\there", false},
    {not_utf8, false},
};
static const struct text descriptions[] = {
    {"", true},
    {"The first line,\nthe second; \"and\\more\"", true},
    {TEN (HUNDRED ("d")) TEN ("d") TEN ("d") "1234", true},
    {TEN (HUNDRED ("d")) TEN ("d") TEN ("d") "12345", false},
    {"a bell\a", false},
};
static const struct text codes[] = {
    {"eu", true},    {"us", true}, {"asia", true},  {"a-1_b", true},
    {"north", true}, {"9", true},  {"south", true}, {TEN ("c") TEN ("d"), true},
    {"EU", false},   {"", false},  {"-x", false},
};

bool
text_is_utf8 (const struct text *text)
{
    return text->text != not_utf8;
}

enum { NAMES_GOOD = 6, DESCRIPTIONS_GOOD = 3, CODES_GOOD = 8 };

const struct networks input_networks[] = {
    {0, {NULL}, 0x1f, NULL},
    {1, {"192.0.2.0/24"}, 0x06, NULL},
    {2, {"192.0.2.0/25", "2001:db8::/32"}, 0x0a, NULL},
    {3, {"10.0.0.0/8", "203.0.113.7/32", "2001:db8:1::/48"}, 0x10, NULL},
    {1, {"192.0.2.1/24"}, 0, "allow_list[0]"},
    {2, {"10.0.0.0/8", "10.1.0.0/16"}, 0, "allow_list[1]"},
    {2, {"2001:db8::/32", "nonsense"}, 0, "allow_list[1]"},
};
enum { NETWORKS_GOOD = 4 };

// So high that no limit is ever met.
const struct rate input_rates[] = {
    {0, 0, 0, NULL},
    {600000, 0, 600000, NULL},
    {6000000, 500000, 500000, NULL},
    {6000001, 0, 0, "rate_limit.per_minute"},
    {600000, 6000001, 0, "rate_limit.burst"},
};
enum { RATES_GOOD = 3 };

const struct uris input_uris[] = {
    {0, {NULL}, NULL},
    {1, {"https://app.example/callback"}, NULL},
    {2, {"http://127.0.0.1:8080/back", "https://app.example/callback"}, NULL},
    {1, {"ftp://app.example/callback"}, "redirect_uris[0]"},
    {2, {"https://app.example/callback", "https://app.example/callback"}, "redirect_uris[1]"},
};
enum { URIS_GOOD = 3 };

// PNG files of one pixel.
#define PNG(pixel)                                                                                 \
    "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\1\0\0\0\1\x08\x02\0\0\0\x90\x77\x53\xde"                \
    "\0\0\0\x0cIDAT\x78\xda\x63" pixel "\0\0\0\0IEND\xae\x42\x60\x82"
static const char red[] = PNG ("\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xf7\x03\x41\x43");
static const char blue[] = PNG ("\x60\x60\xf8\x0f\x00\x01\x03\x01\x00\x36\x74\x11\x40");
static const char drawing[] = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";

const struct picture input_pictures[] = {
    {0, "", NULL},
    {sizeof red - 1, red, NULL},
    {sizeof blue - 1, blue, NULL},
    {sizeof drawing - 1, drawing, "logo"},
    {sizeof red - 9, red, "logo"},
};
enum { PICTURES_GOOD = 3 };

#define COUNT(table) (sizeof (table) / sizeof *(table))

static size_t
row (struct choices *choices, bool faults, size_t good, size_t all)
{
    if (faults && chance (choices, FAULT_PERCENT))
        return good + choose (choices, all - good);
    return choose (choices, good);
}

const struct text *
input_name (struct choices *choices, bool faults)
{
    return &names[row (choices, faults, NAMES_GOOD, COUNT (names))];
}

const struct text *
input_description (struct choices *choices, bool faults)
{
    return &descriptions[row (choices, faults, DESCRIPTIONS_GOOD, COUNT (descriptions))];
}

const struct text *
input_code (struct choices *choices, bool faults)
{
    return &codes[row (choices, faults, CODES_GOOD, COUNT (codes))];
}

const struct networks *
input_network (struct choices *choices, bool faults)
{
    return &input_networks[row (choices, faults, NETWORKS_GOOD, COUNT (input_networks))];
}

const struct rate *
input_rate (struct choices *choices, bool faults)
{
    return &input_rates[row (choices, faults, RATES_GOOD, COUNT (input_rates))];
}

const struct picture *
input_picture (struct choices *choices, bool faults)
{
    return &input_pictures[row (choices, faults, PICTURES_GOOD, COUNT (input_pictures))];
}

const struct uris *
input_uri (struct choices *choices, bool faults)
{
    return &input_uris[row (choices, faults, URIS_GOOD, COUNT (input_uris))];
}
