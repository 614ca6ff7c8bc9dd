// What a request to an endpoint of OAuth says: its parameters, and who its client is.
#include "services/gateway/oauth.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#define FORM "application/x-www-form-urlencoded"
#define JSON "application/json"

// ---- parameters ----------------------------------------------------------------------------------------------------

enum { PARAMETERS_MAX = 32 };

struct reading {
    struct exchange *exchange;
    const struct oauth_parameter *parameters;
    void *values;
    uint32_t seen; // of the table: bits
    bool refused;  // the exchange has been answered
};

// A parameter of the table, or -1.
static int
parameter_find (const struct reading *reading, const char *name)
{
    for (int i = 0; i < PARAMETERS_MAX && reading->parameters[i].name; i++)
        if (strcmp (reading->parameters[i].name, name) == 0)
            return i;
    return -1;
}

static bool
environment_read (struct reading *reading, const char *value, void *place)
{
    Jeton__V1__Environment *environment = place;
    if (strcmp (value, "test") == 0)
        *environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST;
    else if (strcmp (value, "live") == 0)
        *environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE;
    else if (*value) { // without a value it is as if it were not there (RFC 6749 section 3.2)
        oauth_invalid (reading->exchange, "environment must be live or test");
        reading->refused = true;
    }
    return !reading->refused;
}

static bool
parameter_take (void *context, const char *name, const char *value)
{
    struct reading *reading = context;
    int found = parameter_find (reading, name);
    if (found < 0)
        return true;
    const struct oauth_parameter *parameter = &reading->parameters[found];
    void *place = (char *) reading->values + parameter->offset;
    if (reading->seen & UINT32_C (1) << found) {
        oauth_invalid (reading->exchange, "%s came twice", name);
        reading->refused = true;
        return false;
    }
    reading->seen |= UINT32_C (1) << found;
    if (parameter->environment)
        return environment_read (reading, value, place);
    *(const char **) place = value; // the exchange keeps it
    return true;
}

// Where it would be written down by whatever is on the way.
static bool
parameter_misplaced (void *context, const char *name, const char *value)
{
    struct reading *reading = context;
    (void) value;
    if (parameter_find (reading, name) < 0)
        return true;
    oauth_invalid (reading->exchange, "%s belongs into the body, not into the address", name);
    reading->refused = true;
    return false;
}

static bool
form_read (struct reading *reading)
{
    struct error error;
    if (exchange_form (reading->exchange, parameter_take, reading, &error))
        return true;
    if (!reading->refused)
        oauth_invalid (reading->exchange, "%s", error.text);
    return false;
}

static bool
json_read (struct reading *reading)
{
    struct error error;
    const json_t *object = exchange_json_read (reading->exchange, &error), *value;
    const char *name;
    if (!object) {
        oauth_invalid (reading->exchange, "%s", error.text);
        return false;
    }
    json_object_foreach ((json_t *) object, name, value)
    {
        if (parameter_find (reading, name) < 0)
            continue;
        const char *text = json_string_value (value);
        if (!text || strlen (text) != json_string_length (value)) {
            oauth_invalid (reading->exchange, "%s must be a text", name);
            return false;
        }
        if (!parameter_take (reading, name, text))
            return false;
    }
    return true;
}

bool
oauth_read (struct exchange *exchange, const struct oauth_parameter *parameters, void *values_r)
{
    struct reading reading = {.exchange = exchange, .parameters = parameters, .values = values_r};
    const char *type = exchange_content_type (exchange);
    if (!exchange_query_each (exchange, parameter_misplaced, &reading))
        return false;
    if (strcmp (type, FORM) == 0)
        return form_read (&reading);
    if (strcmp (type, JSON) == 0)
        return json_read (&reading);
    oauth_invalid (exchange, "the Content-Type must be " FORM " or " JSON);
    return false;
}

// ---- the client ----------------------------------------------------------------------------------------------------

#define BASIC "Basic "

// RFC 6749 section 5.2: who tried to authenticate by the header is told how to.
static bool
header_refuse (struct exchange *exchange, const char *description)
{
    oauth_refuse (exchange, &(struct oauth_refusal){401, "invalid_client", description,
                                                    "Basic realm=\"jeton\"", 0});
    return false;
}

// RFC 7617, with RFC 6749 section 2.3.1's form encoding of both parts. The texts are the exchange's.
static bool
basic_read (struct exchange *exchange, const char *encoded, char **id_r, char **secret_r)
{
    struct arena *arena = exchange_arena (exchange);
    size_t size = strlen (encoded), length;
    char *pair = arena_alloc (arena, size + 1), *id = arena_alloc (arena, size + 1),
         *secret = arena_alloc (arena, size + 1);
    if (!pair || !id || !secret ||
        sodium_base642bin ((unsigned char *) pair, size, encoded, size, NULL, &length, NULL,
                           sodium_base64_VARIANT_ORIGINAL) != 0)
        return false;
    const char *colon = memchr (pair, ':', length);
    if (!colon || !percent_decode (pair, (size_t) (colon - pair), true, id) ||
        !percent_decode (colon + 1, length - (size_t) (colon + 1 - pair), true, secret))
        return false;
    *id_r = id;
    *secret_r = secret;
    return true;
}

bool
oauth_client (struct exchange *exchange, char **id, char **secret, bool asserts)
{
    const char *header = exchange_header (exchange, "authorization");
    char *named, *proof;
    if (!header)
        return true;
    if (strncasecmp (header, BASIC, strlen (BASIC)) != 0)
        return header_refuse (exchange, "clients authenticate by HTTP Basic, or in the body");
    if (!basic_read (exchange, header + strlen (BASIC), &named, &proof))
        return header_refuse (exchange,
                              "Basic must be the base64 of client_id, a colon and client_secret, "
                              "both encoded as a form's values are");
    if (**secret || asserts)
        oauth_invalid (exchange,
                       "the client authenticates in two ways: by HTTP Basic and in the body");
    else if (**id && strcmp (*id, named) != 0)
        oauth_invalid (exchange, "client_id is another one than that of HTTP Basic");
    else {
        *id = named;
        *secret = proof;
        return true;
    }
    return false;
}
