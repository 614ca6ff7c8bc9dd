// Redirect URIs of clients.
#ifndef JETON_ADMIN_URI_H
#define JETON_ADMIN_URI_H

enum { URI_LENGTH_MAX = 2048 };

// uri_redirect_wrong (uri): NULL when it can be registered as a redirect URI (RFC 6749 section 3.1.2, RFC 8252 section 7.3): an absolute https
// URI, or http to this host (127.0.0.1, [::1], localhost); of printable ASCII, without user name, fragment and backslash. Otherwise what it
// must be, for a person.
const char *uri_redirect_wrong (const char *uri) __attribute__ ((warn_unused_result));

#endif
