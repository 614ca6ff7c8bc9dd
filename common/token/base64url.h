// base64url without padding (RFC 4648, section 5), of texts that leave no bits over. As constant in time as libsodium's sodium_base642bin, by words instead of
// letters: whatever looks like a token is decoded, and most of what a validator refuses unread is made up.
#ifndef JETON_BASE64URL_H
#define JETON_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// base64url_decode (text, length, bytes_r): Length: a multiple of 4. Writes 3 bytes for each 4 letters. False: there is another letter in it; the bytes mean nothing then.
// Neither branches nor looks anything up by what is in the text, but for the result.
bool base64url_decode (const char *text, size_t length, uint8_t *bytes_r)
    __attribute__ ((warn_unused_result));

#endif
