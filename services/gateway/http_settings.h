// The rows of struct http_settings, for the gateway's table of settings.
#ifndef JETON_GATEWAY_HTTP_SETTINGS_H
#define JETON_GATEWAY_HTTP_SETTINGS_H

#include "common/config/config.h"
#include "services/gateway/http.h"

// HTTP_SETTINGS (base): the rows, for a struct http_settings at this offset of the struct of settings.
#define HTTP_FIELD(base, name) (base) + offsetof (struct http_settings, name)
#define HTTP_SETTINGS(base)                                                                        \
    {"bind_tls",                                                                                   \
     CONFIG_TEXT,                                                                                  \
     HTTP_FIELD (base, bind_tls),                                                                  \
     "127.0.0.1:8443",                                                                             \
     0,                                                                                            \
     0,                                                                                            \
     false,                                                                                        \
     "address and port of HTTPS, \"[::]:8443\" for all; empty: not served"},                       \
        {"bind_plain",                                                                             \
         CONFIG_TEXT,                                                                              \
         HTTP_FIELD (base, bind_plain),                                                            \
         "",                                                                                       \
         0,                                                                                        \
         0,                                                                                        \
         false,                                                                                    \
         "address and port where HTTP without TLS is answered with 403, unread; empty: not "       \
         "served"},                                                                                \
        {"bind_proxy",                                                                             \
         CONFIG_TEXT,                                                                              \
         HTTP_FIELD (base, bind_proxy),                                                            \
         "127.0.0.1:8081",                                                                         \
         0,                                                                                        \
         0,                                                                                        \
         false,                                                                                    \
         "address and port of forward-auth without TLS, for proxies of the same host or network "  \
         "only; empty: not served"},                                                               \
        {"bind_status",                                                                            \
         CONFIG_TEXT,                                                                              \
         HTTP_FIELD (base, bind_status),                                                           \
         "127.0.0.1:8082",                                                                         \
         0,                                                                                        \
         0,                                                                                        \
         false,                                                                                    \
         "address and port of metrics and health, for the monitoring only; empty: not served"},    \
        {"certificate",                                                                            \
         CONFIG_PATH,                                                                              \
         HTTP_FIELD (base, certificate),                                                           \
         "",                                                                                       \
         0,                                                                                        \
         0,                                                                                        \
         true,                                                                                     \
         "PEM file with the certificate of HTTPS and those that lead to its root; read again on "  \
         "SIGHUP; required with bind_tls"},                                                        \
        {"certificate_key",                                                                        \
         CONFIG_PATH,                                                                              \
         HTTP_FIELD (base, certificate_key),                                                       \
         "",                                                                                       \
         0,                                                                                        \
         0,                                                                                        \
         true,                                                                                     \
         "PEM file with its private key, readable by its owner only; read again on SIGHUP"},       \
        {"trusted_proxies",                                                                        \
         CONFIG_TEXT,                                                                              \
         HTTP_FIELD (base, trusted_proxies),                                                       \
         "127.0.0.0/8, ::1/128",                                                                   \
         0,                                                                                        \
         0,                                                                                        \
         true,                                                                                     \
         "networks in CIDR notation whose X-Forwarded-For is believed, separated by commas or "    \
         "spaces"},                                                                                \
        {"http_connections",                                                                       \
         CONFIG_NUMBER,                                                                            \
         HTTP_FIELD (base, http_connections),                                                      \
         "16384",                                                                                  \
         16,                                                                                       \
         1000000,                                                                                  \
         false,                                                                                    \
         "HTTP connections at a time; more are closed at once"},                                   \
        {"http_connections_per_address",                                                           \
         CONFIG_NUMBER,                                                                            \
         HTTP_FIELD (base, http_connections_per_address),                                          \
         "1024",                                                                                   \
         1,                                                                                        \
         1000000,                                                                                  \
         true,                                                                                     \
         "of them, from one address (IPv6: one /64) that is no trusted proxy; more are closed at " \
         "once"},                                                                                  \
        {"header_limit",                                                                           \
         CONFIG_NUMBER,                                                                            \
         HTTP_FIELD (base, header_limit),                                                          \
         "16384",                                                                                  \
         4096,                                                                                     \
         1048576,                                                                                  \
         false,                                                                                    \
         "bytes of a request's line and headers; more: 431"},                                      \
        {"body_memory",                                                                            \
         CONFIG_NUMBER,                                                                            \
         HTTP_FIELD (base, body_memory),                                                           \
         "67108864",                                                                               \
         1048576,                                                                                  \
         1LL << 40,                                                                                \
         true,                                                                                     \
         "bytes of the bodies of all requests in progress together; more: 503"},                   \
        {"header_timeout_ms",                                                                      \
         CONFIG_NUMBER,                                                                            \
         HTTP_FIELD (base, header_timeout_ms),                                                     \
         "10000",                                                                                  \
         100,                                                                                      \
         600000,                                                                                   \
         true,                                                                                     \
         "how long the line and the headers of a request may take to come, and the start of TLS "  \
         "before, in milliseconds"},                                                               \
        {"body_timeout_ms",                                                                        \
         CONFIG_NUMBER,                                                                            \
         HTTP_FIELD (base, body_timeout_ms),                                                       \
         "30000",                                                                                  \
         100,                                                                                      \
         3600000,                                                                                  \
         true,                                                                                     \
         "how long the body of a request may take to come, and a response to be taken, in "        \
         "milliseconds"},                                                                          \
        {"idle_timeout_ms",                                                                        \
         CONFIG_NUMBER,                                                                            \
         HTTP_FIELD (base, idle_timeout_ms),                                                       \
         "60000",                                                                                  \
         100,                                                                                      \
         3600000,                                                                                  \
         true,                                                                                     \
         "how long a connection may wait for its next request, in milliseconds"},                  \
        {"stream_limit",                                                                           \
         CONFIG_NUMBER,                                                                            \
         HTTP_FIELD (base, stream_limit),                                                          \
         "262144",                                                                                 \
         4096,                                                                                     \
         1LL << 30,                                                                                \
         true,                                                                                     \
         "bytes of a stream of events that may wait for its client; with more it ends"},           \
        {"kept_answers",                                                                           \
         CONFIG_NUMBER,                                                                            \
         HTTP_FIELD (base, kept_answers),                                                          \
         "1024",                                                                                   \
         0,                                                                                        \
         65536,                                                                                    \
         false,                                                                                    \
         "answers of forward-auth that allow, as they are written, kept for those that are the "   \
         "same; each is decided by a validator all the same; 0: none"},                            \
    {                                                                                              \
        "http_backlog", CONFIG_NUMBER, HTTP_FIELD (base, http_backlog), "1024", 1, 65535, false,   \
            "connections that may wait to be accepted, for each listener"                          \
    }

#endif
