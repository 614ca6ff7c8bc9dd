#include "services/admin/notice.h"
#include "common/audit/record.h"
#include "common/log/log.h"
#include "services/admin/admin.h"
#include "services/admin/store.h"
#include "services/admin/view.h"
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

// A token and its record take a tenth of it at most.
enum { ARENA_SIZE = 1024 * 1024, TIME_SIZE = 32 };

static void admin_notice_read (void *context, enum db_outcome outcome, PGresult *const *results,
                               const struct db_error *error);
static void admin_notice_done (void *context, enum db_outcome outcome, PGresult *const *results,
                               const struct db_error *error);

static void
next_batch (struct admin *admin)
{
    store_token_notice_list (admin, admin->settings.notice_batch, admin_notice_read);
}

// Calls may end after notice_stop.
static void
next_pass (struct admin *admin, int64_t after_s)
{
    if (admin->notice_alarm)
        alarm_by (admin->notice_alarm, zclock_mono () + after_s * 1000);
}

static void
pass_due (void *context)
{
    struct admin *admin = context;
    if (!admin->process.draining)
        next_batch (admin);
}

// The record of a notice. It tells the token as it is: a notice changes nothing that anybody sees.
static uint8_t *
record_make (struct arena *arena, const Jeton__V1__Token *token, int64_t days, size_t *size_r)
{
    char at[TIME_SIZE] = "";
    struct tm tm;
    time_t expires_at = (time_t) token->expires_at;
    if (gmtime_r (&expires_at, &tm))
        strftime (at, sizeof at, "%Y-%m-%d %H:%M:%SZ", &tm);
    char *summary = arena_printf (arena, "Token %s (%s) expires within %" PRId64 " day%s: at %s.",
                                  token->id, token->name, days, days == 1 ? "" : "s", at);
    const struct audit_change audit = {.type = JETON__V1__AUDIT_TYPE__AUDIT_TYPE_NOTICE,
                                       .event = NOTICE_EVENT,
                                       .summary = summary,
                                       .object_type = "token",
                                       .object_id = token->id,
                                       .object_name = token->name,
                                       .account_id = token->account_id,
                                       .revision = token->revision,
                                       .before = &token->base,
                                       .after = &token->base};
    return summary ? audit_pack_service (arena, "admin", &audit, size_r) : NULL;
}

// One row, added to the lists. False: it is not of the form it should have.
static bool
row_add (struct arena *arena, const PGresult *result, int i, FILE *lists[STORE_NOTICE_LISTS])
{
    struct row row = row_of (arena, result, i);
    const Jeton__V1__Token *token = (const Jeton__V1__Token *) view_token (&row);
    int64_t expiry_us = row_int (&row), days = row_int (&row), number;
    size_t size;
    if (!token || row.wrong || row.full || !db_get_int (result, i, 0, &number))
        return false;
    uint8_t *record = record_make (arena, token, days, &size);
    if (!record)
        return false;
    cleanup_free char *hex = xcalloc (2, size + 1);
    const char *comma = ftell (lists[0]) > 0 ? "," : "";
    fprintf (lists[STORE_NOTICE_NUMBERS], "%s%" PRId64, comma, number);
    fprintf (lists[STORE_NOTICE_REVISIONS], "%s%" PRId64, comma, token->revision);
    fprintf (lists[STORE_NOTICE_EXPIRIES], "%s%" PRId64, comma, expiry_us);
    fprintf (lists[STORE_NOTICE_DAYS], "%s%" PRId64, comma, days);
    fprintf (lists[STORE_NOTICE_RECORDS], "%s%s", comma,
             sodium_bin2hex (hex, 2 * size + 1, record, size));
    return true;
}

// The lists are texts; the caller frees them.
static void
rows_add (const PGresult *result, char *texts_r[STORE_NOTICE_LISTS])
{
    FILE *lists[STORE_NOTICE_LISTS];
    size_t sizes[STORE_NOTICE_LISTS];
    struct arena *arena = arena_new (ARENA_SIZE);
    for (int i = 0; i < STORE_NOTICE_LISTS; i++)
        if (!(lists[i] = open_memstream (&texts_r[i], &sizes[i])))
            abort (); // out of memory
    for (int i = 0; i < PQntuples (result); i++) {
        if (!row_add (arena, result, i, lists))
            log_error ("expiry of a token not announced: its row is not of the form it should have",
                       "number", PQgetvalue (result, i, 0), NULL);
        arena_reset (arena);
    }
    for (int i = 0; i < STORE_NOTICE_LISTS; i++)
        if (fclose (lists[i]) != 0)
            abort (); // out of memory
    arena_destroy (&arena);
}

static void
admin_notice_read (void *context, enum db_outcome outcome, PGresult *const *results,
                   const struct db_error *error)
{
    struct admin *admin = context;
    char *lists[STORE_NOTICE_LISTS] = {NULL};
    (void) error;
    if (outcome != DB_OK || PQntuples (results[0]) == 0) {
        next_pass (admin, admin->settings.notice_interval_s);
        return;
    }
    rows_add (results[0], lists);
    store_token_notice (admin, lists, admin_notice_done);
    for (int i = 0; i < STORE_NOTICE_LISTS; i++)
        free (lists[i]);
}

// Whatever was not written, because the database was lost or somebody else was at it, is still due, and found by the next pass; whatever was
// written, if only the answer was lost, is not.
static void
admin_notice_done (void *context, enum db_outcome outcome, PGresult *const *results,
                   const struct db_error *error)
{
    struct admin *admin = context;
    int64_t marked = 0, told = 0;
    (void) error;
    if (outcome == DB_OK && db_get_int (results[0], 0, 0, &marked) &&
        db_get_int (results[0], 0, 1, &told) && told > 0) {
        char number[24];
        snprintf (number, sizeof number, "%" PRId64, told);
        log_info ("expiry of tokens announced", "tokens", number, NULL);
    }
    // Through the loop, so that the process can drain between two batches.
    next_pass (admin, marked > 0 ? 0 : admin->settings.notice_interval_s);
}

void
notice_start (struct admin *admin)
{
    admin->notice_alarm = alarm_new (admin->process.loop, pass_due, admin);
    alarm_by (admin->notice_alarm, 0);
}

void
notice_stop (struct admin *admin)
{
    alarm_destroy (&admin->notice_alarm);
}
