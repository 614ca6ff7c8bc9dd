// The verification of exported trails by the command line (R38).
// objects: services/cli/command.o services/cli/option.o services/cli/help.o services/cli/manual.o services/cli/reference.o services/cli/print.o services/cli/input.o services/cli/connect.o services/cli/call.o services/cli/stream.o services/cli/as_user.o services/cli/settings.o services/cli/trail.o services/cli/verify.o services/cli/export.o services/cli/output.o
#include "common/audit/chain.h"
#include "common/json/record.h"
#include "common/memory/memory.h"
#include "common/token/id.h"
#include "services/cli/command.h"
#include "services/cli/print.h"
#include "services/cli/trail.h"
#include <check.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORDS = 5 };

static struct sign_key key;
static char directory[32];
static char *lines[RECORDS + 2]; // the records, then a checkpoint for record 3 and one for record 5

static char *
in_directory (const char *name)
{
    return xasprintf ("%s/%s", directory, name);
}

static char *
dumped (json_t *json)
{
    char *text = json_dumps (json, JSON_COMPACT);

    json_decref (json);
    return text;
}

static char *
checkpoint_line (int64_t sequence, uint8_t digest[CHAIN_DIGEST_SIZE])
{
    Jeton__V1__ExportTrailReply item = JETON__V1__EXPORT_TRAIL_REPLY__INIT;
    Jeton__V1__Checkpoint checkpoint = JETON__V1__CHECKPOINT__INIT;
    uint8_t id[CHAIN_KEY_ID_SIZE], signature[CRYPTO_SIGNATURE_SIZE];

    chain_key_id (key.public_key, id);
    chain_checkpoint_sign (&key, sequence, digest, 7, signature);
    checkpoint.sequence = sequence;
    checkpoint.time_us = 7;
    checkpoint.digest = (ProtobufCBinaryData){CHAIN_DIGEST_SIZE, digest};
    checkpoint.key_id = (ProtobufCBinaryData){sizeof id, id};
    checkpoint.signature = (ProtobufCBinaryData){sizeof signature, signature};
    item.checkpoint = &checkpoint;
    return dumped (json_trail_line (&item));
}

static char *
entry_line (int64_t sequence, uint8_t digest[CHAIN_DIGEST_SIZE])
{
    Jeton__V1__AuditRecord record = JETON__V1__AUDIT_RECORD__INIT;
    Jeton__V1__AuditObject object = JETON__V1__AUDIT_OBJECT__INIT;
    Jeton__V1__Actor actor = JETON__V1__ACTOR__INIT;
    Jeton__V1__Token token = JETON__V1__TOKEN__INIT;
    Jeton__V1__TrailEntry entry = JETON__V1__TRAIL_ENTRY__INIT;
    Jeton__V1__ExportTrailReply item = JETON__V1__EXPORT_TRAIL_REPLY__INIT;
    uint8_t previous[CHAIN_DIGEST_SIZE], packed[512], after[128];
    char id[ID_AUDIT_SIZE];

    id_audit_format (sequence, id);
    token.id = object.id = (char *) "TKN-0000-0001";
    token.name = (char *) "Web shop";
    actor.id = actor.name = (char *) "operator";
    record.id = id;
    record.sequence = sequence;
    record.event = (char *) "platform.tokens.token.created";
    record.object = &object;
    record.actor = &actor;
    record.visibility = JETON__V1__VISIBILITY__VISIBILITY_PUBLIC;
    record.object_message = (char *) "jeton.v1.Token";
    record.after = (ProtobufCBinaryData){jeton__v1__token__pack (&token, after), after};
    entry.record = (ProtobufCBinaryData){jeton__v1__audit_record__pack (&record, packed), packed};
    memcpy (previous, digest, sizeof previous);
    chain_digest (previous, entry.record.data, entry.record.len, digest);
    entry.digest = (ProtobufCBinaryData){CHAIN_DIGEST_SIZE, digest};
    entry.sequence = sequence;
    entry.event = record.event;
    entry.object_id = object.id;
    entry.actor_id = actor.id;
    entry.visibility = record.visibility;
    item.entry = &entry;
    return dumped (json_trail_line (&item));
}

static void
write_file (const char *name, const char *text)
{
    cleanup_free char *path = in_directory (name);
    FILE *file = fopen (path, "w");

    ck_assert_ptr_nonnull (file);
    fputs (text, file);
    fclose (file);
}

static void
set_up (void)
{
    uint8_t digest[CHAIN_DIGEST_SIZE] = {0};
    uint8_t seed[CRYPTO_SEED_SIZE];
    char hex[2 * sizeof seed + 1];
    struct error error;

    ck_assert (crypto_start (&error));
    snprintf (directory, sizeof directory, "/tmp/jeton-test-cli-XXXXXX");
    ck_assert_ptr_nonnull (mkdtemp (directory));
    memset (seed, 1, sizeof seed);
    crypto_sign_seed_keypair (key.public_key, key.secret_key, seed);
    write_file ("key", sodium_bin2hex (hex, sizeof hex, key.public_key, sizeof key.public_key));
    for (int i = 0; i < RECORDS; i++) {
        lines[i] = entry_line (i + 1, digest);
        if (i == 2 || i == RECORDS - 1) {
            lines[RECORDS + (i != 2)] = checkpoint_line (i + 1, digest);
        }
    }
}

static void
tear_down (void)
{
    static const char *const names[] = {"key", "trail", "said"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cleanup_free char *path = in_directory (names[i]);
        unlink (path);
    }
    rmdir (directory);
    for (size_t i = 0; i < RECORDS + 2; i++) {
        free (lines[i]);
    }
}

// Run "audit verify" on a text; what it prints goes to *said.
static int
verify (const char *text, const char *reaches, json_t **said)
{
    static const struct option_row rows[] = {{.name = "key"}, {.name = "reaches"}};
    cleanup_free char *key_path = in_directory ("key"), *trail = in_directory ("trail"),
                      *out = in_directory ("said");
    char *arguments[] = {trail, NULL};
    struct option_value options[] = {{&rows[0], key_path}, {&rows[1], reaches}};
    struct cli cli = {.json = true,
                      .arguments = arguments,
                      .narguments = 1,
                      .options = options,
                      .noptions = reaches != NULL ? 2 : 1};
    int status, saved = dup (STDOUT_FILENO);

    write_file ("trail", text);
    fflush (stdout);
    ck_assert_ptr_nonnull (freopen (out, "w", stdout));
    status = trail_verify (&cli);
    fflush (stdout);
    dup2 (saved, STDOUT_FILENO);
    close (saved);
    *said = json_load_file (out, 0, NULL);
    return status;
}

// Lines by number, in the order given; 6 and 7 are the checkpoints.
static char *
trail_of (const char *order)
{
    char *text = xstrdup ("");

    for (; *order != '\0'; order++) {
        cleanup_free char *before = text;
        text = xasprintf ("%s%s\n", before, lines[*order - '1']);
    }
    return text;
}

static void
expect_failure (const char *text, const char *problem)
{
    json_t *said;
    const char *told;

    ck_assert_int_eq (verify (text, NULL, &said), EXIT_DENY);
    ck_assert (json_is_false (json_object_get (said, "ok")));
    told = json_string_value (json_object_get (said, "problem"));
    ck_assert_msg (told != NULL && strstr (told, problem) != NULL, "\"%s\" instead of \"%s\"", told,
                   problem);
    json_decref (said);
}

START_TEST (whole_trail)
{
    cleanup_free char *text = trail_of ("1236457");
    json_t *said;

    ck_assert_int_eq (verify (text, "5", &said), EX_OK);
    ck_assert (json_is_true (json_object_get (said, "ok")));
    ck_assert_int_eq (json_integer_value (json_object_get (said, "records")), 5);
    ck_assert_int_eq (json_integer_value (json_object_get (said, "checkpoints")), 2);
    ck_assert_int_eq (json_integer_value (json_object_get (said, "covered")), 5);
    json_decref (said);
    ck_assert_int_eq (verify (text, "AUD-0000-0000-0000-0006", &said), EXIT_DENY);
    json_decref (said);
    ck_assert_int_eq (verify ("", NULL, &said), EX_OK);
    ck_assert_str_eq (json_string_value (json_object_get (said, "digest")), "");
    json_decref (said);
}
END_TEST

static void
expect_reach (const char *reaches, int status, const char *problem)
{
    cleanup_free char *text = trail_of ("1236457");
    json_t *said;

    ck_assert_msg (verify (text, reaches, &said) == status, "%s", reaches);
    if (problem != NULL) {
        const char *told = json_string_value (json_object_get (said, "problem"));
        ck_assert_msg (told != NULL && strstr (told, problem) != NULL, "%s: %s", reaches, told);
    }
    json_decref (said);
}

// A trail may hold together and be long enough, and yet be another one than it was: the digest tells.
START_TEST (another_trail)
{
    cleanup_free char *text = trail_of ("12364"), *longer = NULL, *first = NULL, *other = NULL;
    const char *digest;
    json_t *said;

    ck_assert_int_eq (verify (text, NULL, &said), EX_OK);
    ck_assert_int_eq (json_integer_value (json_object_get (said, "covered")), 3);
    digest = json_string_value (json_object_get (said, "digest"));
    ck_assert_uint_eq (strlen (digest), 64);
    longer = xasprintf ("3:%s", digest);
    first = xasprintf ("AUD-0000-0000-0000-0002:%s", digest);
    other = xasprintf ("AUD-0000-0000-0000-0003:%s", digest);
    expect_reach (longer, EX_OK, NULL);
    expect_reach (other, EX_OK, NULL);
    expect_reach (first, EXIT_DENY, "AUD-0000-0000-0000-0002: its digest is not the one");
    longer[strlen (longer) - 1] ^= 1;
    expect_reach (longer, EXIT_DENY, "AUD-0000-0000-0000-0003: its digest is not the one");
    longer[strlen (longer) - 1] = '\0';
    longer[0] = '9';
    expect_reach (longer, EX_USAGE, NULL);
    json_decref (said);
    static const char *const wrong[] = {"",   "0", "-1", "x",
                                        "3:", ":", "3 ", "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        expect_reach (wrong[i], EX_USAGE, NULL);
    }
}
END_TEST

START_TEST (damaged_trail)
{
    static const struct {
        const char *order, *problem;
    } cases[] = {
        {"236457", "AUD-0000-0000-0000-0001: missing"}, // cut in front
        {"126457", "AUD-0000-0000-0000-0003: missing"}, // one taken out
        {"1326457", "AUD-0000-0000-0000-0002: missing"},
        {"1223", "missing"},
        {"123647",
         "AUD-0000-0000-0000-0005: missing, though a checkpoint covers it"}, // cut below the last checkpoint
        {"123467", "does not stand after its entry"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cleanup_free char *text = trail_of (cases[i].order);
        expect_failure (text, cases[i].problem);
    }
}
END_TEST

// Replace the first `from` in the export by a `to` of the same length.
static void
expect_change_found (const char *from, const char *to, const char *problem)
{
    cleanup_free char *text = trail_of ("1236457");
    char *place = strstr (text, from);

    ck_assert_msg (place != NULL && strlen (from) == strlen (to), "%s", from);
    for (; *to != '\0'; to++) {
        *place++ = *to;
    }
    expect_failure (text, problem);
}

START_TEST (changed_trail)
{
    expect_change_found ("\"record\":\"C", "\"record\":\"D", "AUD-0000-0000-0000-0001: digest");
    expect_change_found ("\"columns\":{\"event\":\"p", "\"columns\":{\"event\":\"q",
                         "AUD-0000-0000-0000-0001: column event");
    expect_change_found ("\"actor_id\":\"o", "\"actor_id\":\"p", "column actor_id");
    expect_change_found ("Web shop", "Web shoq", "\"decoded\" does not say what the record says");
    expect_change_found ("\"signature\":\"", "\"signaturf\":\"", "\"signature\" is not base64");
    expect_change_found ("\"time_us\":7,", "\"time_us\":8,",
                         "AUD-0000-0000-0000-0003: the signature of its checkpoint is wrong");
}
END_TEST

// Each byte of a record's line, changed: nothing that matters goes unseen. What does not matter is the name of a member that nobody needs
// (without "decoded" there is nothing that could contradict the record).
START_TEST (any_byte)
{
    cleanup_free char *text = trail_of ("1236457");
    size_t unseen = 0, length = strlen (lines[0]),
           decoded = (size_t) (strstr (lines[0], "\"decoded\"") - lines[0]);

    for (size_t i = 0; i < length; i++) {
        json_t *said = NULL;
        char old = text[i];
        text[i] = (char) (old ^ 1);
        int status = verify (text, NULL, &said);
        ck_assert_msg (status == EXIT_DENY || (status == EX_OK && i >= decoded), "byte %zu: %d", i,
                       status);
        unseen += status == EX_OK;
        json_decref (said);
        text[i] = old;
    }
    ck_assert_uint_eq (unseen, strlen ("decoded"));
}
END_TEST

START_TEST (hostile_lines)
{
    static const char *const cases[][2] = {
        {"\n", ":1: not JSON"},
        {"[]\n", ":1: not an object"},
        {"{\"cut\":{\"status\":503,\"detail\":\"no auditor\"}}\n",
         ":1: the export was cut off here: no auditor"},
        {"42", ":1: not JSON"},
        {"{}", ":1: \"sequence\" is not an integer"},
        {"{\"sequence\":1}", ":1: \"record\" is not base64"},
        {"{\"sequence\":1e99}", ":1: "},
        {"{\"sequence\":99999999999999999999999}", ":1: not JSON"},
        {"{\"sequence\":1,\"sequence\":1}", ":1: not JSON: duplicate"},
        {"{\"sequence\":1,\"record\":\"!\"}", ":1: \"record\" is not base64"},
        {"{\"sequence\":1,\"record\":\"\",\"digest\":\"\"}", ":1: \"event\" is not a text"},
        {"{\"checkpoint\":null}", ":1: \"sequence\" is not an integer"},
        {"{\"checkpoint\":{\"sequence\":-1,\"time_us\":1,\"digest\":\"\",\"key_id\":\"\","
         "\"signature\":\"\"}}",
         ":1: "},
        {"{\"sequence\":\"\\u0000\"}", ":1: not JSON"},
        {"\xff\xfe", ":1: not JSON"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_failure (cases[i][0], cases[i][1]);
    }
}
END_TEST

START_TEST (long_line)
{
    size_t size = 9 << 20;
    cleanup_free char *text = xcalloc (1, size + 1);

    memset (text, '[', size);
    expect_failure (text, ":1: longer than");
    text[100000] = '\n';
    expect_failure (text, ":1: not JSON"); // nested too deep
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("cli_trail");
    TCase *trail = tcase_create ("trail");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture (trail, set_up, tear_down);
    tcase_set_timeout (trail, 60);
    tcase_add_test (trail, whole_trail);
    tcase_add_test (trail, another_trail);
    tcase_add_test (trail, damaged_trail);
    tcase_add_test (trail, changed_trail);
    tcase_add_test (trail, any_byte);
    tcase_add_test (trail, hostile_lines);
    tcase_add_test (trail, long_line);
    suite_add_tcase (suite, trail);
    runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
