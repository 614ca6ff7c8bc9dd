// One token of an import: what can be told of it without the database, and the token that becomes of it.
#include "common/crypto/crypto.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/check.h"
#include "services/admin/token.h"
#include "services/admin/token_import.h"
#include "services/admin/view.h"
#include <ctype.h>
#include <sodium.h>
#include <string.h>

static bool
check_digest (struct request *request, const char *field, char *text, uint8_t *digest_r)
{
    if (strlen (text) == (size_t) 2 * TOKEN_DIGEST_SIZE &&
        crypto_hex (text, digest_r, TOKEN_DIGEST_SIZE)) {
        for (char *p = text; *p; p++) // one spelling
            *p = (char) tolower ((unsigned char) *p);
        return true;
    }
    request_fail_field (request, field,
                        "must be 64 hexadecimal digits: the SHA-256 of the token's value");
    return false;
}

// Beginning as ours do, it would have what is made up looked up.
static bool
check_prefix (struct request *request, const char *prefix)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  ".~+/=:_-";
    size_t length = strlen (prefix);
    if (length == 0)
        return true;
    if (length < FOREIGN_PREFIX_MIN || length > FOREIGN_PREFIX_MAX ||
        strspn (prefix, allowed) != length || !isalnum ((unsigned char) *prefix))
        request_fail_field (request, "prefix",
                            "must be what the values begin with: %d to %d of A-Z a-z 0-9 . _ ~ + "
                            "/ = : -, starting with a letter or a digit",
                            FOREIGN_PREFIX_MIN, FOREIGN_PREFIX_MAX);
    else if (strncmp (prefix, "jtn_", 4) == 0 || strncmp (prefix, "ey", 2) == 0)
        request_fail_field (request, "prefix",
                            "must not begin as Jeton's own values (jtn_) and JWTs (ey) do: leave "
                            "it out for values of Jeton's");
    else
        return true;
    return false;
}

static bool
check_owner (struct request *request, struct import_line *line)
{
    const char *owner = line->asked->owner;
    if (!*owner || id_parse ("USR", owner, &line->owner))
        return true;
    line->named = true;
    return check_username (request, "owner", owner);
}

static bool
check_past (struct request *request, const char *field, int64_t at)
{
    const struct change *change = request_context (request);
    if (at >= 0 && at <= change->at)
        return true;
    request_fail_field (request, field,
                        "must not be in the future, in seconds since the epoch, or 0");
    return false;
}

// A rotation has three parts, or none.
static bool
check_rotation (struct request *request, struct import_line *line)
{
    const Jeton__V1__PortableToken *asked = line->asked;
    int64_t rotated_at = asked->last_rotated_at, until = asked->grace_until;
    if (!*asked->old_digest && rotated_at == 0 && until == 0)
        return true;
    if (!check_digest (request, "old_digest", asked->old_digest, line->old_digest) ||
        !check_past (request, "last_rotated_at", rotated_at))
        return false;
    if (strcmp (asked->old_digest, asked->digest) == 0)
        request_fail_field (request, "old_digest", "is the digest: of another value, or none");
    else if (rotated_at < 1 || rotated_at < asked->created_at)
        request_fail_field (request, "last_rotated_at",
                            "is required with old_digest, and not before created_at");
    else if (until < rotated_at || until > rotated_at + TOKEN_GRACE_MAX_S)
        request_fail_field (request, "grace_until", "must be 0 to %d seconds after last_rotated_at",
                            TOKEN_GRACE_MAX_S);
    else
        return true;
    return false;
}

static bool
check_status (struct request *request, const Jeton__V1__PortableToken *asked)
{
    int status = (int) asked->status;
    if (status >= 0 && status <= JETON__V1__TOKEN_STATUS__TOKEN_STATUS_DISABLED)
        return true;
    request_fail_field (request, "status", "must be active or disabled");
    return false;
}

static bool
check_account (struct request *request, const Jeton__V1__PortableToken *asked)
{
    const Jeton__V1__ImportTokensRequest *message = request_message (request);
    if (!*asked->account_id || strcmp (asked->account_id, message->account_id) == 0)
        return true;
    request_fail_field (request, "account_id", "must be the account of the request, or none");
    return false;
}

static bool
check_algorithm (struct request *request, const Jeton__V1__PortableToken *asked)
{
    if (!*asked->algorithm || strcmp (asked->algorithm, "sha-256") == 0)
        return true;
    request_fail_field (request, "algorithm", "must be sha-256");
    return false;
}

// All that is asked for, in one spelling: two are the same when these are.
static bool
hash_line (struct request *request, struct import_line *line)
{
    const Jeton__V1__ImportTokensRequest *message = request_message (request);
    Jeton__V1__PortableToken asked = *line->asked;
    asked.account_id = message->account_id;
    asked.algorithm = (char *) protobuf_c_empty_string;
    size_t size = jeton__v1__portable_token__get_packed_size (&asked);
    uint8_t *packed = arena_alloc (request_arena (request), size + 1);
    if (!packed)
        return false;
    jeton__v1__portable_token__pack (&asked, packed);
    crypto_hash_sha256 (line->hash, packed, size);
    return true;
}

static bool
check_all (struct request *request, struct import_line *line)
{
    const Jeton__V1__PortableToken *asked = line->asked;
    return check_account (request, asked) && check_algorithm (request, asked) &&
           check_prefix (request, asked->prefix) && check_name (request, "name", asked->name) &&
           check_description (request, "description", asked->description) &&
           token_check_kind (request, (int) asked->kind, "owner", *asked->owner != '\0',
                             asked->n_modules) &&
           check_owner (request, line) && token_check_expiry (request, asked->expires_at) &&
           token_check_grants (request, asked->n_modules, asked->modules, &line->modules,
                               &line->accesses) &&
           token_check_allow_list (request, asked->n_allow_list, asked->allow_list,
                                   &line->allow_list) &&
           check_rate_limit (request, "rate_limit", asked->rate_limit) &&
           check_status (request, asked) && check_past (request, "created_at", asked->created_at) &&
           check_rotation (request, line);
}

bool
import_line_check (struct request *request, struct import_line *line)
{
    request_capture (request, &line->refusal);
    line->digested = check_digest (request, "digest", line->asked->digest, line->digest);
    bool room = !line->digested || hash_line (request, line);
    if (room && line->digested && !check_all (request, line) &&
        line->refusal.code == JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED)
        room = false;
    request_capture (request, NULL);
    if (!room)
        change_no_memory (request);
    return room;
}

static bool
same_digest (const uint8_t *digest, const struct import_line *other)
{
    return memcmp (digest, other->digest, TOKEN_DIGEST_SIZE) == 0 ||
           (*other->asked->old_digest &&
            memcmp (digest, other->old_digest, TOKEN_DIGEST_SIZE) == 0);
}

bool
import_line_shares (const struct import_line *line, const struct import_line *other)
{
    return same_digest (line->digest, other) ||
           (*line->asked->old_digest && same_digest (line->old_digest, other));
}

bool
import_line_token (struct request *request, struct import_line *line)
{
    const Jeton__V1__ImportTokensRequest *message = request_message (request);
    const Jeton__V1__PortableToken *asked = line->asked;
    const struct change *change = request_context (request);
    struct arena *arena = request_arena (request);
    Jeton__V1__Token *token = arena_alloc (arena, sizeof *token);
    Jeton__V1__Actor *creator = arena_alloc (arena, sizeof *creator);
    char *id = arena_alloc (arena, ID_SIZE), *owner = arena_alloc (arena, ID_SIZE);
    if (!token || !creator || !id || !owner) {
        change_no_memory (request);
        return false;
    }
    id_format ("TKN", line->number, id);
    if (line->owner != 0)
        id_format ("USR", line->owner, owner);
    jeton__v1__actor__init (creator);
    creator->id = change->created_by_id;
    creator->name = change->created_by_name;
    jeton__v1__token__init (token);
    token->id = id;
    token->account_id = message->account_id;
    token->owner_id = owner;
    token->name = asked->name;
    token->description = asked->description;
    token->kind = asked->kind;
    token->environment = asked->kind == JETON__V1__TOKEN_KIND__TOKEN_KIND_TEST
                             ? JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST
                             : JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE;
    token->status = asked->status ? asked->status : JETON__V1__TOKEN_STATUS__TOKEN_STATUS_ACTIVE;
    token->n_modules = asked->n_modules;
    token->modules = asked->modules;
    token->n_allow_list = asked->n_allow_list;
    token->allow_list = asked->allow_list;
    token->rate_limit = asked->rate_limit;
    token->created_by = creator;
    token->created_at = asked->created_at ? asked->created_at : change->at;
    token->updated_at = change->at;
    token->expires_at = token_expiry ((int) asked->kind, asked->expires_at, change->at);
    token->last_rotated_at = asked->last_rotated_at;
    token->grace_until = asked->grace_until > change->at ? asked->grace_until : 0;
    token->revision = 1;
    view_flags (token);
    line->token = token;
    return true;
}
