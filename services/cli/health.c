#include "common/json/json.h"
#include "common/memory/memory.h"
#include "envelope.pb-c.h"
#include "health.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/print.h"
#include "services/cli/table.h"
#include <stdlib.h>
#include <string.h>

enum { ASK_TIMEOUT_MS = 2000, PAUSE_MS = 200, PROCESSES_MAX = 64 };

static const struct column health_columns[] = {
    {.title = "SERVICE", .member = "service"},
    {.title = "STATE", .member = "state", .form = COLUMN_STATUS},
    {.title = "VERSION", .member = "version"},
    {.title = "UPTIME", .member = "uptime_s", .form = COLUMN_PERIOD},
    {.title = "INSTANCE", .member = "instance"},
    {.title = "ENDPOINT", .member = "endpoint"},
    {.title = "REASON", .member = "reason"},
    {.title = NULL},
};

static const struct column stats_columns[] = {
    {.title = "SERVICE", .member = "service"},
    {.title = "ENDPOINT", .member = "endpoint"},
    {.title = "COUNTER", .member = "name"},
    {.title = "OF", .member = "labels", .form = COLUMN_LIST},
    {.title = "VALUE", .member = "value"},
    {.title = "MEAN", .member = "mean"},
    {.title = "P99", .member = "p99"},
    {.title = NULL},
};

// One endpoint, and what it answered.
struct process {
    struct survey *survey;
    enum service service;
    char *endpoint;
    uint64_t call;
    struct rpc_client *client;
    bool asked; // and not answered yet
    json_t *answer;
    int status;
};

// All endpoints that are asked at once.
struct survey {
    struct cli *cli;
    struct process processes[PROCESSES_MAX];
    size_t n, waiting;
};

// Make a row for each endpoint of the services that were asked for: replicas are asked one by one.
static int
survey_start (struct survey *survey, struct cli *cli)
{
    const struct connect_settings *settings = connect_settings (cli);
    enum service only = SERVICE_COUNT;

    survey->cli = cli;
    if (settings == NULL) {
        return EX_CONFIG;
    }
    if (cli->narguments > 0) {
        only = connect_service_find (cli->arguments[0]);
    }
    if (option_given (cli, "endpoint") && only == SERVICE_COUNT) {
        return print_usage (cli, "--endpoint: of which service? It goes before the option");
    }
    for (int s = 0; s < SERVICE_COUNT; s++) {
        cleanup_free char *endpoints =
            xstrdup (option_or (cli, "endpoint", connect_endpoints (settings, (enum service) s)));
        char *rest = NULL;
        for (char *one = strtok_r (endpoints, ", ", &rest); one != NULL;
             one = strtok_r (NULL, ", ", &rest)) {
            if ((only == SERVICE_COUNT || s == (int) only) && survey->n < PROCESSES_MAX) {
                survey->processes[survey->n++] = (struct process){
                    .survey = survey, .service = (enum service) s, .endpoint = xstrdup (one)};
            }
        }
    }
    if (survey->n == 0) {
        return print_fail (cli, EX_CONFIG, "SETTINGS", "the settings name no endpoint%s%s",
                           only != SERVICE_COUNT ? " for " : "",
                           only != SERVICE_COUNT ? cli->arguments[0] : "");
    }
    return EX_OK;
}

static void
survey_end (struct survey *survey)
{
    for (size_t i = 0; i < survey->n; i++) {
        json_decref (survey->processes[i].answer);
        free (survey->processes[i].endpoint);
    }
}

static void
on_answer (void *context, const struct rpc_result *result)
{
    struct process *process = context;
    char state[40] = "";

    process->asked = false;
    process->status = print_status (result->code);
    if (result->code == JETON__V1__CODE__CODE_OK && result->reply != NULL) {
        process->answer = json_from_message (result->reply);
    } else {
        // In the place of a state: "unavailable", "permission_denied", …
        snprintf (state, sizeof state, "%s", rpc_code_name (result->code));
        for (char *p = state; *p != '\0'; p++) {
            *p = *p >= 'A' && *p <= 'Z' ? (char) (*p + 'a' - 'A') : *p;
        }
        process->answer = json_pack ("{s:s,s:o,s:s,s:s,s:n,s:s}", "state", state, "reason",
                                     json_string (result->message), "service",
                                     connect_service_name (process->service), "version", "",
                                     "uptime_s", "instance", "");
    }
    if (process->answer != NULL) {
        json_object_set_new (process->answer, "endpoint", json_string (process->endpoint));
    }
    if (--process->survey->waiting == 0) {
        connect_stop (process->survey->cli);
    }
}

// Ask all at once, and wait for all. 0, or the exit status (the reason has been printed).
static int
survey_ask (struct survey *survey, const ProtobufCServiceDescriptor *descriptor, const char *method,
            const ProtobufCMessage *request)
{
    uint32_t timeout =
        survey->cli->timeout_ms < ASK_TIMEOUT_MS ? survey->cli->timeout_ms : ASK_TIMEOUT_MS;
    struct rpc_call_options options = {.timeout_ms = timeout, .idempotent = true};

    for (size_t i = 0; i < survey->n; i++) {
        struct process *process = &survey->processes[i];
        int status;
        json_decref (process->answer);
        process->answer = NULL;
        process->client =
            connect_client (survey->cli, process->service, process->endpoint, false, &status);
        if (process->client == NULL) {
            return status;
        }
    }
    for (size_t i = 0; i < survey->n; i++) {
        struct process *process = &survey->processes[i];
        process->asked = true;
        survey->waiting++;
        process->call = rpc_client_call (process->client, descriptor, method, request, &options,
                                         on_answer, process);
    }
    while (survey->waiting > 0) {
        if (!connect_run (survey->cli, 0)) {
            return print_fail (survey->cli, 130, "CANCELLED", "interrupted");
        }
    }
    return EX_OK;
}

// ---- health

static bool
is_well (const struct survey *survey)
{
    for (size_t i = 0; i < survey->n; i++) {
        const char *state =
            json_string_value (json_object_get (survey->processes[i].answer, "state"));
        if (state == NULL || (strcmp (state, "serving") != 0 && strcmp (state, "standby") != 0)) {
            return false;
        }
    }
    return true;
}

static void
print_health (const struct survey *survey)
{
    json_t *rows = json_array ();

    for (size_t i = 0; i < survey->n; i++) {
        json_array_append (rows, survey->processes[i].answer);
    }
    table_list (survey->cli, health_columns, rows);
    json_decref (rows);
}

static int
health (struct cli *cli)
{
    Jeton__V1__CheckRequest request = JETON__V1__CHECK_REQUEST__INIT;
    struct survey survey = {.n = 0};
    int64_t wait_s = 0, end_ms;
    int status;

    if (!option_number (cli, "wait", 0, 86400, &wait_s)) {
        return EX_USAGE;
    }
    end_ms = zclock_mono () + wait_s * 1000;
    status = survey_start (&survey, cli);
    while (status == EX_OK) {
        status = survey_ask (&survey, &jeton__v1__health__descriptor, "Check", &request.base);
        if (status != EX_OK || is_well (&survey) || zclock_mono () >= end_ms) {
            break;
        }
        if (!connect_run (cli, PAUSE_MS)) {
            status = print_fail (cli, 130, "CANCELLED", "interrupted");
        }
    }
    if (status == EX_OK) {
        print_health (&survey);
        status = is_well (&survey) ? EX_OK : EX_UNAVAILABLE;
    }
    survey_end (&survey);
    return status;
}

// ---- stats

static json_int_t
number (const json_t *object, const char *member)
{
    return json_integer_value (json_object_get (object, member));
}

// "method=jeton.v1.Admin/CreateToken", "code=OK"
static json_t *
label_texts (const json_t *stat)
{
    const json_t *labels = json_object_get (stat, "labels"), *label;
    json_t *texts = json_array ();
    size_t i;

    json_array_foreach (labels, i, label)
    {
        json_array_append_new (
            texts, json_sprintf ("%s=%s", json_string_value (json_object_get (label, "name")),
                                 json_string_value (json_object_get (label, "value"))));
    }
    return texts;
}

// Of 100 values of a histogram, `percent` are at most this: the bound of the bucket in which that one is. -1: it is beyond the last.
static json_int_t
percentile (const json_t *stat, int percent)
{
    const json_t *bounds = json_object_get (stat, "bounds"), *bound;
    json_int_t n = number (stat, "value"), below = 0;
    size_t i;

    json_array_foreach (bounds, i, bound)
    {
        below += json_integer_value (json_array_get (json_object_get (stat, "buckets"), i));
        if (below * 100 >= n * percent) {
            return json_integer_value (bound);
        }
    }
    return -1;
}

// What a histogram comes to; its value is how many there were.
static void
row_summarize (json_t *row, const json_t *stat)
{
    json_int_t n = number (stat, "value");

    json_object_set_new (row, "sum", json_integer (number (stat, "sum")));
    if (n == 0) {
        return;
    }
    json_object_set_new (row, "mean", json_integer (number (stat, "sum") / n));
    json_object_set_new (row, "p50", json_integer (percentile (stat, 50)));
    json_object_set_new (row, "p99", json_integer (percentile (stat, 99)));
}

static json_t *
counter_row (const struct process *process, const json_t *stat)
{
    json_t *kind = json_object_get (stat, "kind");
    json_t *row = json_pack ("{s:s,s:s,s:O?,s:O?,s:o,s:O?}", "service",
                             connect_service_name (process->service), "endpoint", process->endpoint,
                             "name", json_object_get (stat, "name"), "kind", kind, "labels",
                             label_texts (stat), "value", json_object_get (stat, "value"));

    if (kind != NULL && strcmp (json_string_value (kind), "histogram") == 0) {
        row_summarize (row, stat);
    }
    return row;
}

// A row for each counter, with the process that it is of.
static json_t *
counter_rows (const struct survey *survey)
{
    json_t *rows = json_array ();

    for (size_t i = 0; i < survey->n; i++) {
        const struct process *process = &survey->processes[i];
        json_t *stats = json_object_get (process->answer, "stats");
        for (size_t k = 0; k < json_array_size (stats); k++) {
            json_array_append_new (rows, counter_row (process, json_array_get (stats, k)));
        }
    }
    return rows;
}

// Which processes gave no answer. Returns what to exit with.
static int
print_missing (const struct survey *survey)
{
    int status = EX_OK;

    for (size_t i = 0; i < survey->n; i++) {
        const struct process *process = &survey->processes[i];
        if (process->status != EX_OK) {
            status = print_fail (survey->cli, process->status, "UNAVAILABLE", "%s at %s: %s",
                                 connect_service_name (process->service), process->endpoint,
                                 json_string_value (json_object_get (process->answer, "reason")));
        }
    }
    return status;
}

static int
stats (struct cli *cli)
{
    Jeton__V1__GetStatsRequest request = JETON__V1__GET_STATS_REQUEST__INIT;
    struct survey survey = {.n = 0};
    int status = survey_start (&survey, cli);

    if (status == EX_OK) {
        status = survey_ask (&survey, &jeton__v1__stats__descriptor, "Get", &request.base);
    }
    if (status == EX_OK) {
        json_t *rows = counter_rows (&survey);
        table_list (cli, stats_columns, rows);
        json_decref (rows);
        status = print_missing (&survey);
    }
    survey_end (&survey);
    return status;
}

static const struct option_row health_options[] = {
    {.name = "wait", .value = "SECONDS", .help = "until all are well, so long at most"},
    {.name = "endpoint", .value = "tcp://…", .help = "ask this process of the service"},
    {.name = NULL},
};
static const struct option_row stats_options[] = {
    {.name = "endpoint", .value = "tcp://…", .help = "ask this process of the service"},
    {.name = NULL}};

const struct command health_commands[] = {
    {"health", NULL, "[admin|issuer|validator|auditor|gateway]", 0, 1, health_options, health,
     "How the processes are",
     "Of all, or of those of one service. Exit status: 0 when all are serving (or stand by), 69 "
     "otherwise.",
     "jeton health\n"
     "jeton health validator --wait 10\n"
     "jeton health --json | jq -r '.[] | select(.state != \"serving\")'\n"},
    {.noun = NULL},
};
const struct command stats_commands[] = {
    {"stats", NULL, "[admin|issuer|validator|auditor|gateway]", 0, 1, stats_options, stats,
     "Counters of the processes since they began, and gauges",
     "Of what takes time: how often, and the mean and 99th percentile, in the unit that the name "
     "ends in.",
     "jeton stats validator\n"
     "jeton stats --json\n"},
    {.noun = NULL},
};
