// Logos: pictures as they are, instead of JSON (R35). What is in them, admin recognises.
#include "admin.pb-c.h"
#include "services/gateway/rest.h"
#include <stdio.h>
#include <string.h>

bool
rest_image_read (struct rest *rest, ProtobufCMessage *message)
{
    size_t size;
    const char *body = exchange_body (rest->exchange, &size);
    const char *type = exchange_content_type (rest->exchange);
    const char *known = exchange_header (rest->exchange, "if-none-match");
    if (message->descriptor == &jeton__v1__get_token_logo_request__descriptor) {
        // A digest that is the logo's spares its bytes. Other tags are none of ours.
        Jeton__V1__GetTokenLogoRequest *get = (Jeton__V1__GetTokenLogoRequest *) message;
        if (known && strlen (known) == 66 && strspn (known + 1, "0123456789abcdef") == 64) {
            get->digest = arena_strdup (exchange_arena (rest->exchange), known + 1);
            if (get->digest)
                get->digest[64] = '\0';
        }
        return true;
    }
    if (strncmp (type, "image/", 6) != 0 && strcmp (type, "application/octet-stream") != 0) {
        exchange_refuse (rest->exchange, 415, "type-unsupported",
                         "a logo is image/png, image/jpeg or image/webp");
        return false;
    }
    if (size == 0) {
        exchange_problem (rest->exchange, 400, "invalid-argument", "the request is wrong",
                          &(struct http_violation){"body", "is empty: DELETE takes a logo away"},
                          1);
        return false;
    }
    Jeton__V1__SetTokenLogoRequest *set = (Jeton__V1__SetTokenLogoRequest *) message;
    set->logo = (ProtobufCBinaryData){size, (uint8_t *) body};
    return true;
}

void
rest_image_reply (struct rest *rest, const ProtobufCMessage *reply)
{
    const Jeton__V1__GetTokenLogoReply *logo = (const Jeton__V1__GetTokenLogoReply *) reply;
    char tag[80];
    const char *known = exchange_header (rest->exchange, "if-none-match");
    snprintf (tag, sizeof tag, "\"%s\"", logo->logo->digest);
    exchange_set (rest->exchange, "ETag", tag);
    // Opened by itself, it is a picture and nothing else, whatever a browser takes it for.
    exchange_set (rest->exchange, "Content-Security-Policy", "default-src 'none'; sandbox");
    if (known && rest_tag_among (known, tag))
        exchange_end (rest->exchange, 304, NULL, "", 0);
    else
        exchange_end (rest->exchange, 200, logo->logo->content_type, logo->data.data,
                      logo->data.len);
}
