// Structured log lines on standard error, one event a line, in logfmt:
//
//     time=2026-01-02T03:04:05.678Z level=info service=admin msg="token disabled" request=4bf92f35 token=TKN-0123-4567
//
// Values are quoted where they need to be. Whatever looks like a secret is redacted here, in one place, whoever wrote the
// line: token values (jtn_…), JWTs (eyJ….….…), "Bearer …", password=… in connection strings. Only services log;
// common code returns errors, except for the layers that own a connection (rpc, db), which report its ups and downs.
#ifndef JETON_LOG_H
#define JETON_LOG_H

#include <stdbool.h>

// Named apart from the macros of <syslog.h>, which czmq includes.
enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

// log_open (service, level): Call once, at start. `service` is not copied.
void log_open (const char *service, enum log_level level);

// log_level_set (level), log_level_parse (name, &level_r): "debug", "info", "warn", "error"; false for other names.
void log_level_set (enum log_level level);
bool log_level_parse (const char *name, enum log_level *level_r)
    __attribute__ ((warn_unused_result));

// log_info (msg, key, format, …): see log_event. `fields` are pairs of a key and a text, ended by NULL:
//     log_info ("token disabled", "request", id, "token", token_id, NULL);
// A line is written with one write(2), at most 4,096 bytes; longer values are cut. Keys are lower case, with _.
void log_event (enum log_level level, const char *msg, ...) __attribute__ ((sentinel));
#define log_debug(...) log_event (LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)  log_event (LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...)  log_event (LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_event (LOG_LEVEL_ERROR, __VA_ARGS__)

// log_redact (text): Overwrites, in place, with '*', what looks like a secret. What log_event does to its values.
void log_redact (char *text);

#endif
