// REST (R34): that each method has its route or a reason for none; from requests to messages, and from replies to responses.
// objects: tests/unit/rest_fixture.o services/gateway/rest.o services/gateway/rest_request.o services/gateway/rest_reply.o services/gateway/rest_routes.o
// objects: services/gateway/rest_image.o services/gateway/rest_tail.o services/gateway/rest_export.o services/gateway/openapi.o services/gateway/openapi_schema.o
#include "admin.pb-c.h"
#include "audit.pb-c.h"
#include "common/memory/memory.h"
#include "envelope.pb-c.h"
#include "tests/unit/rest_fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

// ---- the table ------------------------------------------------------------------------------------------------------

static bool
routed (const ProtobufCServiceDescriptor *service, const char *method)
{
    for (const struct http_route *row = rest_routes; row->path; row++) {
        const struct rest_route *route = row->context;
        if (route && rest_service (route) == service && strcmp (route->method, method) == 0)
            return true;
    }
    return false;
}

static bool
omitted (const char *method)
{
    for (const struct rest_omission *row = rest_omissions; row->method; row++)
        if (strcmp (row->method, method) == 0)
            return strlen (row->why) > 20;
    return false;
}

START_TEST (test_complete)
{
    static const ProtobufCServiceDescriptor *const services[] = {
        &jeton__v1__admin__descriptor, &jeton__v1__audit_logger__descriptor};
    for (size_t s = 0; s < 2; s++)
        for (unsigned i = 0; i < services[s]->n_methods; i++) {
            const char *method = services[s]->methods[i].name;
            ck_assert_msg (routed (services[s], method) != omitted (method),
                           "%s: a route, or a reason for none", method);
        }
}
END_TEST

static void
row_check (const struct http_route *row)
{
    const struct rest_route *route = row->context;
    const ProtobufCMethodDescriptor *method = rest_method (route);
    char name[64];
    ck_assert_str_eq (row->path, route->path);
    ck_assert (row->listeners == HTTP_TLS && strlen (route->summary) > 5);
    for (const char *path = row->path; rest_segment (&path, name, sizeof name);)
        ck_assert_msg (rest_field (method->input, name), "%s: {%s}", row->path, name);
    ck_assert (!route->member || rest_field (method->output, route->member));
    ck_assert ((row->methods == HTTP_GET) <= !(route->flags & REST_WRITE));
    ck_assert (!(route->flags & REST_REVISION) || rest_field (method->input, "revision"));
    ck_assert (!(route->flags & REST_EDIT) || rest_field (method->input, "fields"));
    ck_assert ((strncmp (route->method, "Edit", 4) == 0) == ((route->flags & REST_EDIT) != 0));
    ck_assert (!(route->flags & REST_LOCATION) || rest_object (method));
    ck_assert ((route->status == 204) == (method->output->n_fields == 0));
    for (const struct http_route *other = row + 1; other->path; other++) {
        const struct rest_route *its = other->context;
        ck_assert (other->methods != row->methods || strcmp (other->path, row->path) != 0);
        ck_assert_str_ne (its->operation, route->operation);
    }
}

START_TEST (test_rows)
{
    for (const struct http_route *row = rest_routes; row->path; row++)
        if (row->context)
            row_check (row);
}
END_TEST

// ---- requests -------------------------------------------------------------------------------------------------------

// The message, as JSON, has at least these members.
static void
assert_called (struct exchange *exchange, const char *method, const char *expected)
{
    ck_assert_msg (exchange->calls == 1, "%s", exchange->text ? exchange->text : "");
    ck_assert_str_eq (exchange->call.method, method);
    ck_assert_str_eq (exchange->call.bearer, "t");
    json_t *wanted = json_loads (expected, 0, NULL);
    const char *name;
    json_t *value;
    ck_assert (wanted);
    json_object_foreach (wanted, name, value)
    {
        char *given = json_dumps (json_object_get (exchange->message, name), JSON_ENCODE_ANY);
        ck_assert_msg (json_equal (value, json_object_get (exchange->message, name)), "%s: %s",
                       name, given);
        free (given);
    }
    json_decref (wanted);
    fixture_end (exchange);
}

static void
assert_refused (struct exchange *exchange, int status, const char *text)
{
    exchange->bearer = "t";
    fixture_run (exchange);
    ck_assert (exchange->calls == 0 && exchange->ended);
    ck_assert_msg (strcmp (exchange->text, text) == 0, "%s", exchange->text);
    ck_assert_int_eq (exchange->status, status);
    fixture_end (exchange);
}

#define RUN(run, ...)                                                                              \
    struct exchange run = {.bearer = "t", __VA_ARGS__};                                            \
    fixture_run (&(run))
#define REFUSED(status, text, ...) assert_refused (&(struct exchange){__VA_ARGS__}, status, text)

START_TEST (test_messages)
{
    RUN (get, .method = HTTP_GET, .path = "/v1/tokens/TKN-0000-0001");
    ck_assert (!get.call.write && get.call.upstream == UPSTREAM_ADMIN);
    assert_called (&get, "GetToken", "{\"id\":\"TKN-0000-0001\"}");

    RUN (list, .method = HTTP_GET, .path = "/v1/tokens",
         .query = {{"status", "disabled"},
                   {"text", "a&b"},
                   {"page_size", "7"},
                   {"expiring_within_s", "86400"},
                   {"count", "true"},
                   {"cursor", "x"}});
    assert_called (&list, "ListTokens",
                   "{\"status\":\"disabled\",\"text\":\"a&b\",\"page\":{\"size\":7,\"cursor\":"
                   "\"x\"},\"expiring_within_s\":86400,\"count\":true,\"descending\":false}");

    RUN (create, .method = HTTP_POST, .path = "/v1/tokens", .headers = {{"idempotency-key", "k"}},
         .body = "{\"accountId\":\"ACC-1\",\"kind\":\"base\",\"expires_at\":\"5\"}");
    ck_assert (create.call.write);
    ck_assert_str_eq (create.call.idempotency_key, "k");
    assert_called (&create, "CreateToken",
                   "{\"account_id\":\"ACC-1\",\"kind\":\"base\",\"expires_at\":5}");

    RUN (disable, .method = HTTP_POST, .path = "/v1/tokens/TKN-1/disable");
    ck_assert (disable.call.write && !disable.call.idempotency_key);
    assert_called (&disable, "DisableToken", "{\"id\":\"TKN-1\"}");

    RUN (rotate, .method = HTTP_POST, .path = "/v1/tokens/TKN-1/rotate",
         .body = "{\"grace\":{\"seconds\":0}}");
    assert_called (&rotate, "RotateToken", "{\"grace\":{\"seconds\":0},\"revision\":0}");

    RUN (put, .method = HTTP_PUT, .path = "/v1/accounts/ACC-1/modules/orders");
    assert_called (&put, "EnableModule", "{\"account_id\":\"ACC-1\",\"module\":\"orders\"}");

    RUN (export, .method = HTTP_GET, .path = "/v1/accounts/ACC-1/export-tokens",
         .query = {{"cursor", "c"}});
    assert_called (&export, "ExportTokens",
                   "{\"account_id\":\"ACC-1\",\"page\":{\"size\":0,\"cursor\":\"c\"}}");

    RUN (records, .method = HTTP_GET, .path = "/v1/audit/records", .query = {{"from_us", "12"}});
    ck_assert (records.call.upstream == UPSTREAM_AUDITOR);
    assert_called (&records, "ListRecords", "{\"from_us\":12,\"page\":null}");
}
END_TEST

START_TEST (test_edits)
{
    RUN (edit, .method = HTTP_PATCH, .path = "/v1/tokens/TKN-1",
         .headers = {{"if-match", "\"7.0123456789abcdef\""}},
         .body = "{\"name\":\"n\",\"rateLimit\":null,\"modules\":[]}");
    assert_called (&edit, "EditToken",
                   "{\"id\":\"TKN-1\",\"revision\":7,\"name\":\"n\",\"fields\":[\"name\","
                   "\"rate_limit\",\"modules\"],\"rate_limit\":null}");

    RUN (body, .method = HTTP_PATCH, .path = "/v1/users/USR-1",
         .body = "{\"name\":\"n\",\"revision\":\"9\"}");
    assert_called (&body, "EditUser", "{\"revision\":9,\"fields\":[\"name\"]}");

    RUN (rotate, .method = HTTP_POST, .path = "/v1/tokens/TKN-1/rotate",
         .headers = {{"if-match", "\"3\""}});
    assert_called (&rotate, "RotateToken", "{\"revision\":3}");

    RUN (logo, .method = HTTP_PUT, .path = "/v1/tokens/TKN-1/logo", .body = "PNG",
         .content_type = "image/png", .headers = {{"if-match", "\"3\""}});
    assert_called (&logo, "SetTokenLogo", "{\"logo\":\"UE5H\",\"revision\":3}");

    RUN (without, .method = HTTP_DELETE, .path = "/v1/tokens/TKN-1/logo",
         .headers = {{"if-match", "\"3\""}});
    assert_called (&without, "SetTokenLogo", "{\"logo\":\"\",\"revision\":3}");
}
END_TEST

START_TEST (test_refused)
{
#define WRONG(text, ...) REFUSED (400, "invalid-argument " text, __VA_ARGS__)
#define PATCH            .method = HTTP_PATCH, .path = "/v1/tokens/T"
#define MATCH(tag)       .headers = { {"if-match", tag} }
    WRONG ("nothing: there is no such parameter", .method = HTTP_GET, .path = "/v1/tokens",
           .query = {{"nothing", "1"}});
    WRONG ("page: there is no such parameter", .method = HTTP_GET, .path = "/v1/tokens",
           .query = {{"page", "1"}});
    WRONG ("accountId: there is no such parameter", .method = HTTP_GET, .path = "/v1/tokens",
           .query = {{"accountId", "1"}});
    WRONG ("id: there is no such parameter", .method = HTTP_GET, .path = "/v1/tokens/T",
           .query = {{"id", "1"}});
    WRONG ("count: must be true or false", .method = HTTP_GET, .path = "/v1/tokens",
           .query = {{"count", "1"}});
    WRONG ("page_size: must be a whole number", .method = HTTP_GET, .path = "/v1/tokens",
           .query = {{"page_size", "1e3"}});
    WRONG ("page_size: is too small", .method = HTTP_GET, .path = "/v1/tokens",
           .query = {{"page_size", "-1"}});
    WRONG ("status: must be active, disabled, deleted", .method = HTTP_GET, .path = "/v1/tokens",
           .query = {{"status", ""}});
    WRONG ("account_id: there is no such parameter: members of the body say what is to be done",
           .method = HTTP_POST, .path = "/v1/tokens", .query = {{"account_id", "A"}});
    WRONG ("modules[0].acces: there is no such member", .method = HTTP_POST, .path = "/v1/tokens",
           .body = "{\"modules\":[{\"acces\":\"read\"}]}");
    WRONG ("kinds: there is no such member", .method = HTTP_POST, .path = "/v1/tokens",
           .body = "{\"kinds\":\"base\"}");
    WRONG ("accountId: is in the path already", .method = HTTP_POST,
           .path = "/v1/accounts/ACC-1/import-tokens", .body = "{\"accountId\":\"ACC-2\"}");
    WRONG ("id: is in the path already", PATCH, .body = "{\"id\":\"T\"}");
    WRONG ("fields: is not given: what the body has is what is changed", PATCH,
           .body = "{\"fields\":[]}");
    WRONG ("revision: is not what If-Match says", PATCH, MATCH ("\"2\""),
           .body = "{\"revision\":3}");
    WRONG ("If-Match: must be one ETag, as the answer to a GET had it", PATCH, MATCH ("*"));
    WRONG ("If-Match: must be one ETag, as the answer to a GET had it", PATCH,
           MATCH ("\"1\", \"2\""));
    WRONG ("If-Match: is not for this operation: no revision is compared", .method = HTTP_POST,
           .path = "/v1/tokens/T/disable", MATCH ("\"1\""));
    WRONG ("If-None-Match: is for GET", .method = HTTP_POST, .path = "/v1/tokens/T/disable",
           .headers = {{"if-none-match", "*"}});
    WRONG ("body: is empty: DELETE takes a logo away", .method = HTTP_PUT,
           .path = "/v1/tokens/T/logo", .content_type = "image/png", MATCH ("\"1\""));
    WRONG ("Last-Event-ID: is no id of an event", .method = HTTP_GET, .path = "/v1/audit/tail",
           .headers = {{"last-event-id", "-1"}});
    WRONG ("after: must be the id of an event, 0 or -1 (from now on)", .method = HTTP_GET,
           .path = "/v1/access-log/tail", .query = {{"after", "-2"}});
    REFUSED (428, "precondition-required If-Match: is missing", PATCH, .body = "{\"name\":\"n\"}");
    REFUSED (428, "precondition-required If-Match: is missing", PATCH,
             .body = "{\"revision\":null}");
    REFUSED (412, "precondition-failed If-Match: is not its ETag", PATCH, MATCH ("W/\"1\""));
    REFUSED (412, "precondition-failed If-Match: is not its ETag", PATCH, MATCH ("\"x\""));
    REFUSED (412, "precondition-failed If-Match: is not its ETag", PATCH,
             MATCH ("\"99999999999999999999\""));
    REFUSED (415, "type-unsupported: a logo is image/png, image/jpeg or image/webp",
             .method = HTTP_PUT, .path = "/v1/tokens/T/logo", .body = "x",
             .content_type = "text/html", MATCH ("\"1\""));

    struct exchange nobody = {.method = HTTP_GET, .path = "/v1/tokens"};
    fixture_run (&nobody);
    ck_assert_int_eq (nobody.status, 401);
    ck_assert_str_eq (fixture_header (&nobody, "WWW-Authenticate"), "Bearer realm=\"jeton\"");
    fixture_end (&nobody);
}
END_TEST

// ---- replies --------------------------------------------------------------------------------------------------------

static char id[] = "TKN-0000-0001", value[] = "secret", cursor[] = "a b/&";

static void
token_reply (struct exchange *exchange, int64_t revision, int64_t last_access_at)
{
    Jeton__V1__Token token = JETON__V1__TOKEN__INIT;
    Jeton__V1__GetTokenReply reply = JETON__V1__GET_TOKEN_REPLY__INIT;
    token.id = id;
    token.revision = revision;
    token.last_access_at = last_access_at;
    reply.token = &token;
    fixture_reply (exchange, JETON__V1__CODE__CODE_OK, "", &reply, false);
}

// What GET answers with If-None-Match: the status, and its ETag.
static int
conditional (const char *tag, int64_t revision, int64_t last_access_at, char etag_r[64])
{
    RUN (get, .method = HTTP_GET, .path = "/v1/tokens/T", .headers = {{"if-none-match", tag}});
    token_reply (&get, revision, last_access_at);
    snprintf (etag_r, 64, "%s", fixture_header (&get, "ETag"));
    ck_assert (get.status == 304 ? !*get.text : strncmp (get.text, "{\"id\":\"TKN", 10) == 0);
    fixture_end (&get);
    return get.status;
}

START_TEST (test_tags)
{
    char tag[64], other[64], list[256];
    int64_t revision;
    ck_assert_int_eq (conditional ("\"1\"", 7, 0, tag), 200);
    ck_assert (strncmp (tag, "\"7.", 3) == 0 && rest_tag_read (tag, &revision) && revision == 7);
    ck_assert_int_eq (conditional (tag, 7, 0, other), 304);
    ck_assert_str_eq (tag, other);
    ck_assert_int_eq (conditional (tag, 8, 0, other), 200);
    // When it was used last is no revision, but something else to see.
    ck_assert_int_eq (conditional (tag, 7, 1, other), 200);
    ck_assert (strncmp (other, "\"7.", 3) == 0 && strcmp (tag, other) != 0);
    snprintf (list, sizeof list, "\"a,b\" , W/%s,\"c\"", tag);
    ck_assert_int_eq (conditional (list, 7, 0, other), 304);
    ck_assert_int_eq (conditional ("*", 7, 0, other), 304);
    static const char *const none[] = {"", ",", "\"", "\"\"", "W/", "x, y"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_assert_int_eq (conditional (none[i], 7, 0, other), 200);
    static const char *const bad[] = {"",
                                      "7",
                                      "\"\"",
                                      "\"0\"",
                                      "\"-1\"",
                                      "\"7",
                                      "\"7\"x",
                                      "\"7.G\"",
                                      "\"7..\"",
                                      "\"07\"",
                                      "\"9223372036854775808\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg (!rest_tag_read (bad[i], &revision), "%s", bad[i]);
}
END_TEST

START_TEST (test_replies)
{
    Jeton__V1__Token token = JETON__V1__TOKEN__INIT;
    Jeton__V1__CreateTokenReply created = JETON__V1__CREATE_TOKEN_REPLY__INIT;
    token.id = id;
    token.revision = 1;
    created.token = &token;
    created.value = value;
    RUN (create, .method = HTTP_POST, .path = "/v1/tokens", .body = "{}");
    fixture_reply (&create, JETON__V1__CODE__CODE_OK, "", &created, false);
    ck_assert_int_eq (create.status, 201);
    ck_assert_str_eq (fixture_header (&create, "Location"), "/v1/tokens/TKN-0000-0001");
    ck_assert (strncmp (fixture_header (&create, "ETag"), "\"1.", 3) == 0);
    ck_assert (strstr (create.text, "\"value\":\"secret\""));
    fixture_end (&create);

    Jeton__V1__ListTokensReply listed = JETON__V1__LIST_TOKENS_REPLY__INIT;
    Jeton__V1__Token *tokens[] = {&token};
    listed.tokens = tokens;
    listed.n_tokens = 1;
    listed.next_cursor = cursor;
    RUN (list, .method = HTTP_GET, .path = "/v1/tokens",
         .query = {{"cursor", "before"}, {"text", "a<b>"}, {"page_size", "1"}});
    fixture_reply (&list, JETON__V1__CODE__CODE_OK, "", &listed, false);
    ck_assert_int_eq (list.status, 200);
    ck_assert_str_eq (fixture_header (&list, "Link"),
                      "</v1/tokens?text=a%3Cb%3E&page_size=1&cursor=a%20b%2F%26>; rel=\"next\"");
    ck_assert (!fixture_header (&list, "ETag"));
    fixture_end (&list);

    Jeton__V1__RevokeAccessTokensReply revoked = JETON__V1__REVOKE_ACCESS_TOKENS_REPLY__INIT;
    RUN (revoke, .method = HTTP_POST, .path = "/v1/accounts/ACC-1/revoke-access-tokens",
         .body = "{\"jti\":\"x\"}");
    fixture_reply (&revoke, JETON__V1__CODE__CODE_OK, "", &revoked, false);
    ck_assert (revoke.status == 204 && !*revoke.text);
    fixture_end (&revoke);
}
END_TEST

START_TEST (test_failures)
{
    // Somebody else came first: 412 is for who has said what it had seen.
    for (int matched = 0; matched < 2; matched++) {
        RUN (rotate, .method = HTTP_POST, .path = "/v1/tokens/T/rotate",
             .headers = {{matched ? "if-match" : "x", "\"1\""}});
        fixture_reply (&rotate, JETON__V1__CODE__CODE_ABORTED, "it has revision 2", NULL, false);
        ck_assert_str_eq (rotate.text,
                          matched ? "failed: it has revision 2" : "conflict: it has revision 2");
        fixture_end (&rotate);
    }
    // Fields by the names that they have here.
    static const char *const names[][2] = {{"page.size", "page_size"},
                                           {"page.cursor", "cursor"},
                                           {"revision", "If-Match"},
                                           {"idempotency-key", "Idempotency-Key"},
                                           {"modules[0].module", "modules[0].module"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        RUN (edit, .method = HTTP_PATCH, .path = "/v1/tokens/T", .body = "{\"name\":\"n\"}",
             .headers = {{"if-match", "\"1\""}});
        struct rpc_result result = {.code = JETON__V1__CODE__CODE_INVALID_ARGUMENT,
                                    .message = "",
                                    .ndetails = 1,
                                    .details = {{names[i][0], "is wrong"}}};
        edit.callback (&edit, &result);
        ck_assert (strncmp (edit.text, "failed ", 7) == 0);
        ck_assert (strncmp (edit.text + 7, names[i][1], strlen (names[i][1])) == 0);
        fixture_end (&edit);
    }
}
END_TEST

START_TEST (test_logo)
{
    static char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                type[] = "image/png";
    Jeton__V1__Logo logo = JETON__V1__LOGO__INIT;
    Jeton__V1__GetTokenLogoReply reply = JETON__V1__GET_TOKEN_LOGO_REPLY__INIT;
    logo.content_type = type;
    logo.digest = digest;
    reply.logo = &logo;
    reply.data = (ProtobufCBinaryData){3, (uint8_t *) type};
    for (int known = 0; known < 2; known++) {
        cleanup_free char *tag = xasprintf ("\"%s\"", digest);
        RUN (get, .method = HTTP_GET, .path = "/v1/tokens/T/logo",
             .headers = {{known ? "if-none-match" : "x", tag}});
        ck_assert_str_eq (json_string_value (json_object_get (get.message, "digest")),
                          known ? digest : "");
        fixture_reply (&get, JETON__V1__CODE__CODE_OK, "", &reply, false);
        ck_assert_int_eq (get.status, known ? 304 : 200);
        ck_assert_str_eq (get.text, known ? "" : "ima");
        ck_assert_str_eq (fixture_header (&get, "ETag"), tag);
        fixture_end (&get);
    }
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("rest");
    TCase *tcase = tcase_create ("rest");
    tcase_add_test (tcase, test_complete);
    tcase_add_test (tcase, test_rows);
    tcase_add_test (tcase, test_messages);
    tcase_add_test (tcase, test_edits);
    tcase_add_test (tcase, test_refused);
    tcase_add_test (tcase, test_tags);
    tcase_add_test (tcase, test_replies);
    tcase_add_test (tcase, test_failures);
    tcase_add_test (tcase, test_logo);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
