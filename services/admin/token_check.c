// What requests may say of a token: shared by its creation and its editing.
#include "common/net/cidr.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/names.h"
#include "services/admin/token.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

static const int64_t expires_at_max = 253402300799; // the end of the year 9999: clients write dates

#define PERSONAL JETON__V1__TOKEN_KIND__TOKEN_KIND_PERSONAL
#define BASE     JETON__V1__TOKEN_KIND__TOKEN_KIND_BASE
#define TEST     JETON__V1__TOKEN_KIND__TOKEN_KIND_TEST
enum { DEFAULT_LIFE_S = 180 * 24 * 3600 }; // of base and test

bool
token_check_kind (struct request *request, int kind, const char *owner_field, bool owned,
                  size_t n_modules)
{
    if (kind < PERSONAL || kind > TEST)
        request_fail_field (request, "kind", "must be personal, service, base or test");
    else if (kind == PERSONAL && !owned)
        request_fail_field (request, owner_field, "is required for a personal token");
    else if (kind == PERSONAL && n_modules > 0)
        request_fail_field (request, "modules",
                            "must be none for a personal token: it reaches what its account may");
    else if (kind != PERSONAL && n_modules == 0)
        request_fail_field (request, "modules", "must be at least one, but for a personal token");
    else
        return true;
    return false;
}

int64_t
token_expiry (int kind, int64_t expires_at, int64_t now)
{
    if (expires_at != 0)
        return expires_at;
    return kind == BASE || kind == TEST ? now + DEFAULT_LIFE_S : 0;
}

bool
token_check_expiry (struct request *request, int64_t expires_at)
{
    if (expires_at == 0 || (expires_at > time (NULL) && expires_at <= expires_at_max))
        return true;
    request_fail_field (request, "expires_at",
                        "must be in the future, in seconds since the epoch, or 0");
    return false;
}

bool
token_check_grants (struct request *request, size_t n, Jeton__V1__ModuleGrant *const *grants,
                    const char ***names_r, char **accesses_r)
{
    const char **names = arena_alloc (request_arena (request), (n + 1) * sizeof *names);
    const char **accesses = arena_alloc (request_arena (request), (n + 1) * sizeof *accesses);
    if (!names || !accesses) {
        change_no_memory (request);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        int access = (int) grants[i]->access;
        if (access < 0 || access > JETON__V1__ACCESS__ACCESS_WRITE) {
            char field[64];
            snprintf (field, sizeof field, "modules[%zu].access", i);
            request_fail_field (request, field, "must be read or write");
            return false;
        }
        if (access == JETON__V1__ACCESS__ACCESS_UNSPECIFIED)
            grants[i]->access = JETON__V1__ACCESS__ACCESS_READ;
        names[i] = grants[i]->module;
        accesses[i] = access == JETON__V1__ACCESS__ACCESS_WRITE ? "2" : "1";
    }
    *names_r = names;
    return check_module_names (request, ".module", n, names) &&
           (*accesses_r = names_join (request, n, accesses));
}

// One entry: what it is, and that no earlier one has to do with it.
static bool
check_network (struct request *request, char *const *texts, struct cidr *networks, size_t i)
{
    char field[64], canonical[CIDR_TEXT_SIZE];
    snprintf (field, sizeof field, "allow_list[%zu]", i);
    if (!cidr_parse (texts[i], &networks[i])) {
        request_fail_field (request, field,
                            "must be a network of IPv4 or IPv6: 192.0.2.0/24, 2001:db8::1/128");
        return false;
    }
    cidr_format (&networks[i], canonical);
    if (strcmp (canonical, texts[i]) != 0) {
        request_fail_field (request, field, "is not in canonical form: write %s", canonical);
        return false;
    }
    for (size_t j = 0; j < i; j++)
        if (cidr_contains (&networks[j], &networks[i]) ||
            cidr_contains (&networks[i], &networks[j])) {
            request_fail_field (request, field, "%s overlaps with %s, allow_list[%zu]", texts[i],
                                texts[j], j);
            return false;
        }
    return true;
}

bool
token_check_allow_list (struct request *request, size_t n, char *const *texts, char **joined_r)
{
    struct cidr networks[TOKEN_ALLOW_LIST_MAX];
    if (n > TOKEN_ALLOW_LIST_MAX) {
        request_fail_field (request, "allow_list", "must have %d entries at most, not %zu",
                            TOKEN_ALLOW_LIST_MAX, n);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        if (!check_network (request, texts, networks, i))
            return false;
    *joined_r = names_join (request, n, (const char *const *) texts);
    return *joined_r;
}
