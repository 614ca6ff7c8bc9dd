// The model: what one account and all that belongs to it should be, and what each call should answer. It knows no sockets and no database.
//
// A step is one call, with all its arguments. model_predict tells how it ends; when it has ended well, model_apply does to the model what the call
// has done to the system. One driver makes all steps of an account, one at a time, so that each answer is determined.
#ifndef JETON_PROPERTY_MODEL_H
#define JETON_PROPERTY_MODEL_H

#include "common/token/id.h"
#include "common/token/value.h"
#include "tests/property/input.h"
#include "types.pb-c.h"
#include "validator.pb-c.h"
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum noun { ACCOUNT, USER, TOKEN, GROUP, MARKET, LOCATION, CLIENT, NOUNS };

// Changes first: each raises its object's revision by one and leaves one record. ENABLE is also called resume and activate, DISABLE suspend and deactivate.
enum verb {
    CREATE,
    EDIT,
    ENABLE,
    DISABLE,
    DELETE,
    ROTATE,
    MODULE_ON,
    MODULE_OFF,
    SET_LOGO,
    CHANGES,
    REVEAL = CHANGES, // a record, but no change
    GET,
    LIST,
    VALIDATE,
    VERBS
};

enum status { ACTIVE = 1, INACTIVE = 2, DELETED = 3 }; // numbers of all nouns' statuses
enum kind { PERSONAL = 1, SERVICE = 2, BASE = 3, TEST = 4 };
enum client_kind { SALES_CHANNEL = 1, INTEGRATION = 2, WEBAPP = 3 };
enum { READ = 1, WRITE = 2 };

// What can be edited, as bits.
enum field {
    NAME = 1 << 0,
    CODE = 1 << 1,
    DESCRIPTION = 1 << 2,
    EXPIRES_AT = 1 << 3,
    GRANTS = 1 << 4,
    ALLOW_LIST = 1 << 5,
    RATE_LIMIT = 1 << 6,
    REFERENCE = 1 << 7,
    LIFE = 1 << 8,
    FORMAT = 1 << 9,
    URIS = 1 << 10
};
enum { FIELD_BITS = 11 };

enum { GRANTS_MAX = 4, MODULE_UNKNOWN = MODULES, ID_TEXT_SIZE = 16, USERNAME_SIZE = 32 };

struct grant {
    unsigned module, access;
};

// What an object is, and what a request wants it to be.
struct fields {
    const struct text *name, *code, *description;
    const struct networks *allow_list;
    const struct rate *rate;
    const struct uris *uris;
    const struct picture *logo; // of SET_LOGO; a token is made without
    const char *reference;      // id of the owner, customer group or market; "": none
    int kind, format;
    int64_t expires_at, life;
    bool revealable;
    size_t n_grants;
    struct grant grants[GRANTS_MAX];
};

struct object {
    enum noun noun;
    char id[ID_TEXT_SIZE], username[USERNAME_SIZE];
    size_t order; // of creation, among all of its world
    enum status status;
    int64_t revision, created_at, updated_at;
    struct fields now;
    // Of a token: its values, the first one first.
    int64_t last_rotated_at, grace_until;
    size_t n_values;
    char (*values)[TOKEN_VALUE_LENGTH + 1];
    // Of an account.
    const char *name;
    int token_limit;
    bool enabled[MODULES], known[MODULES]; // now; now or before
    // What was done to it: the verb that made each revision, and how often it was revealed, certainly and perhaps.
    uint8_t *history;
    unsigned long revealed, perhaps_revealed;
};

struct objects {
    size_t n;
    struct object **list;
};

struct world {
    struct object *account;      // NULL: not made yet
    struct objects all;          // in order of creation
    struct objects live[NOUNS];  // those that are not deleted
    struct object *gone[NOUNS];  // the one deleted last
    const char *foreign[NOUNS];  // ids of another account's objects; NULL: not needed
    const char *username_prefix; // nobody else's
    const char *name;            // of the account that it makes
};

enum fields_fault { FIELDS_GOOD, FIELDS_NONE, FIELDS_TWICE, FIELDS_UNKNOWN };

struct step {
    enum verb verb;
    enum noun noun;
    struct object *object; // NULL: one that will be made; or the account's list
    struct fields wanted;  // of CREATE and EDIT
    unsigned fields;       // of EDIT
    enum fields_fault fault;
    int64_t revision; // of EDIT, SET_LOGO and ROTATE
    int64_t grace;    // of ROTATE; GRACE_NONE: not given
    bool enabled[MODULES];
    char username[USERNAME_SIZE];
    int token_limit;
    unsigned module, access; // of VALIDATE, MODULE_ON and MODULE_OFF
    size_t age;              // of VALIDATE: 0 the current value, 1 the one before …
    bool typo, sandbox;
    unsigned address;
    // Of LIST: its size, where it begins, and its filters; module MODULE_UNKNOWN: of any.
    size_t size, after; // after: the order of the last one of the page before; 0: the first page
    int status, kind;
};

enum { GRACE_NONE = -2, GRACE_DEFAULT = 86400, GRACE_MAX = 604800, LIFE_DEFAULT = 180 * 86400 };

// How a call ends: a Jeton__V1__Code and, of INVALID_ARGUMENT, the field at fault.
struct outcome {
    int code;
    char field[40];
};

// A rule that the model gets wrong on purpose, to show that the test notices.
enum wrong_rule { RULES_RIGHT, RULE_GRACE, RULE_REVISION };
extern enum wrong_rule model_wrong;

// model_predict (world, step, now): How the step ends, if it takes effect at that time.
struct outcome model_predict (const struct world *world, const struct step *step, int64_t now);

// model_readable (step): INVALID_ARGUMENT when the step's request is told so before anybody looks at what it asks for; otherwise OK.
struct outcome model_readable (const struct step *step);

// model_reason (world, step, now, access_r): What a validator answers; access_r is what the token may do in the module, 0 for nothing.
Jeton__V1__Reason model_reason (const struct world *world, const struct step *step, int64_t now,
                                unsigned *access_r);

// model_apply (world, step, message, value): The step, a change, was done: `message` is the object as the reply has it, `value` the value that it told. What
// only the system decides is taken from there: ids, values, times. Returns the object.
struct object *model_apply (struct world *world, const struct step *step, const void *message,
                            const char *value);

// model_listed (step, object, now): Does a list with the step's filters have it?
bool model_listed (const struct step *step, const struct object *object);

// model_differs (world, object, message, from, until): The name of a field in which the message differs from what the object is in the model, or NULL. What
// depends on the clock is as it was at some time between.
const char *model_differs (const struct object *account, const struct object *object,
                           const void *message, int64_t from, int64_t until);

// model_find (world, id): NULL when there is none.
struct object *model_find (const struct world *world, const char *id);

const struct grant *model_grant (const struct fields *fields, unsigned module);

void model_destroy (struct world *world);

#endif
