// Calls to Jeton's processes: where they are, with which key, and a loop that runs until the answer is there (connect.c); one call (call.c);
// streams (stream.c); calls as a user (as_user.c).
#ifndef JETON_CLI_CONNECT_H
#define JETON_CLI_CONNECT_H

#include "common/rpc/client.h"
#include "services/cli/command.h"
#include "types.pb-c.h"
#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

enum service {
    SERVICE_ADMIN,
    SERVICE_ISSUER,
    SERVICE_VALIDATOR,
    SERVICE_AUDITOR,
    SERVICE_GATEWAY,
    SERVICE_COUNT
};

// Settings of the connection; see connect_settings.
struct connect_settings {
    char *admin, *issuer, *validator, *auditor, *gateway; // endpoints
    char *peers;          // the peers file, for the services' public keys
    char *key;            // our certificate, with its secret part in <key>_secret
    char *checkpoint_key; // the public key of the trail's checkpoints
};

// connect_settings (cli): From the settings file (--config, $JETON_CONFIG, var/jeton.conf here or in a directory above or in the tree that
// the program was built in, ~/.config/jeton/jeton.conf, /etc/jeton/jeton.conf: the first that exists) and the environment (JETON_ADMIN,
// …), which goes before. Paths in the file are relative to its directory. NULL: the reason has been printed, exit with EX_CONFIG.
const struct connect_settings *connect_settings (struct cli *cli);

// connect_service_name (service), connect_service_find (name): "admin", …; SERVICE_COUNT when there is none of that name.
const char *connect_service_name (enum service service);
enum service connect_service_find (const char *name);
// connect_service_descriptor (service): Its own; the gateway has none but what every process serves: Health.
const ProtobufCServiceDescriptor *connect_service_descriptor (enum service service);
// connect_endpoints (settings, service): As configured; "" when there is none.
const char *connect_endpoints (const struct connect_settings *settings, enum service service);

// One call.
struct call {
    enum service service;
    const char *
        method; // of the service's own descriptor; "Health/Check": of another that the process serves (common/rpc/contract.h)
    const ProtobufCMessage *request;
    const char *endpoints; // NULL: as configured
    const char *home;      // what to choose a validator, or an issuer, by, or NULL
};

// connect_descriptor (call, &method_r): The service that the call's method is of, and the method's name in it.
const ProtobufCServiceDescriptor *connect_descriptor (const struct call *call,
                                                      const char **method_r);

// connect_call (cli, call, &reply_r): Call and wait. 0: reply_r is the reply's JSON form, the caller releases it. Otherwise: the exit
// status; the reason has been printed.
int connect_call (struct cli *cli, const struct call *call, json_t **reply_r)
    __attribute__ ((warn_unused_result));
// connect_call_patiently (cli, call, &reply_r): The same for one of many calls of a long work: what was not done is tried again until the
// timeout, not only once, so that the work goes on by itself when the service has started again.
int connect_call_patiently (struct cli *cli, const struct call *call, json_t **reply_r)
    __attribute__ ((warn_unused_result));

// connect_pages (cli, call, page, member, &rows_r): Follow a list's cursors up to --limit objects (100), or all with --all. `page` is the
// PageRequest that the request points to. rows_r is an array of the objects found in `member` of the replies.
int connect_pages (struct cli *cli, const struct call *call, Jeton__V1__PageRequest *page,
                   const char *member, json_t **rows_r) __attribute__ ((warn_unused_result));
#define CONNECT_PAGE_OPTIONS                                                                       \
    {.name = "limit", .value = "N", .help = "at most so many (100)", .field = "page"},             \
    {                                                                                              \
        .name = "all", .help = "all there are"                                                     \
    }

// Called for each item of a stream. False: that is enough.
typedef bool connect_item (void *context, const ProtobufCMessage *message);

enum stream_end {
    STREAM_DONE,    // the server has sent all
    STREAM_STOPPED, // by connect_item or by an interrupt
    STREAM_BROKEN,  // the connection or the deadline ended it: it can be continued
    STREAM_FAILED,  // *status_r; the reason has been printed
};

// connect_stream (cli, call, item, context, status_r, error_r): Run one streaming call to its end. STREAM_BROKEN prints nothing: *status_r
// and error_r say what to exit with and why, if it cannot be continued. STREAM_STOPPED sets *status_r to 0, or to what an interrupt ends with.
enum stream_end connect_stream (struct cli *cli, const struct call *call, connect_item *item,
                                void *context, int *status_r, struct error *error_r)
    __attribute__ ((warn_unused_result));

// connect_follow (cli, call, item, context, after, last): Run a streaming call that has no end, through restarts of its server: begun again after the last
// item that was seen. `item` keeps that one's number in *last (0: none yet); *after is the request's field. Returns the exit status when `item` has had enough, on an
// interrupt, and when the server refuses.
int connect_follow (struct cli *cli, const struct call *call, connect_item *item, void *context,
                    int64_t *after, const int64_t *last) __attribute__ ((warn_unused_result));

// For several calls at once (health): connect_client (cli, service, endpoints, status_r) gives a client, NULL when the reason has been
// printed; connect_run (cli) runs the loop until connect_stop (cli), or timeout_ms (0: none); false when interrupted.
struct rpc_client *connect_client (struct cli *cli, enum service service, const char *endpoints,
                                   bool by_home, int *status_r);
bool connect_run (struct cli *cli, size_t timeout_ms) __attribute__ ((warn_unused_result));
void connect_stop (struct cli *cli);
// connect_interrupted (cli): The number of the signal that has interrupted it; 0: none. After connect_client.
int connect_interrupted (const struct cli *cli);

// connect_as_user (cli, call, &authorization_r): "Bearer …" for calls as the user whose login token is in $JETON_LOGIN_TOKEN or the file
// that $JETON_LOGIN_TOKEN_FILE names; NULL for calls as ourselves. Methods that know no users are not shown the token. 0, or the exit
// status; the reason has been printed.
int connect_as_user (struct cli *cli, const struct call *call, char **authorization_r)
    __attribute__ ((warn_unused_result));
// connect_user_metadata (metadata, authorization): Put it into a call's metadata; returns how many texts that are.
size_t connect_user_metadata (const char **metadata, const char *authorization);

// connect_end (cli): Close all. Idempotent.
void connect_end (struct cli *cli);

#endif
