// frames PEERS KEY TOKEN-KEYS VALIDATOR: validates the bench's token 1 once, over a bare socket, and prints how long the two frames were, as JSON:
// what the floors send.
#include "envelope.pb-c.h"
#include "tests/bench/session.h"
#include "tests/bench/value.h"
#include "validator.pb-c.h"

#include <stdio.h>
#include <stdlib.h>

enum { FRAME_SIZE = 1024, TIMEOUT_MS = 10000 };

// As the client library packs it, in the middle of a run: with an id of three bytes and a deadline of five.
static size_t
request_pack (const char *value, uint8_t *frame_r)
{
    Jeton__V1__ValidateRequest validate = JETON__V1__VALIDATE_REQUEST__INIT;
    Jeton__V1__Request request = JETON__V1__REQUEST__INIT;
    Jeton__V1__ClientMessage message = JETON__V1__CLIENT_MESSAGE__INIT;
    uint8_t body[FRAME_SIZE / 2];
    validate.token = (char *) value;
    validate.module = (char *) "orders";
    request.id = 1000000;
    request.method = (char *) "jeton.v1.Validator/Validate";
    request.timeout_ms = UINT32_MAX;
    request.credit = 64;
    request.body.len = jeton__v1__validate_request__pack (&validate, body);
    request.body.data = body;
    message.kind_case = JETON__V1__CLIENT_MESSAGE__KIND_REQUEST;
    message.request = &request;
    return jeton__v1__client_message__pack (&message, frame_r);
}

int
main (int argc, char **argv)
{
    struct session session;
    struct token_keys keys;
    struct error error;
    char value[TOKEN_VALUE_LENGTH + 1];
    uint8_t frame[FRAME_SIZE];
    if (argc != 5)
        return 64;
    session_open (&session, "frames", argv[1], argv[2]);
    if (!token_keys_load (argv[3], &keys, &error)) {
        fprintf (stderr, "%s\n", error.text);
        return EXIT_FAILURE;
    }
    bench_value (&keys, 1, value);
    zsock_t *socket = zsock_new (ZMQ_DEALER);
    zcert_apply (session.certificate, socket);
    zsock_set_curve_serverkey (socket, session_server_key (&session, "validator"));
    zsock_set_rcvtimeo (socket, TIMEOUT_MS);
    zsock_set_linger (socket, 0);
    size_t size = request_pack (value, frame);
    zframe_t *request = zframe_new (frame, size), *answer = NULL;
    Jeton__V1__Reply *reply = NULL;
    if (zsock_connect (socket, "%s", argv[4]) == 0 && zframe_send (&request, socket, 0) == 0 &&
        (answer = zframe_recv (socket)) != NULL)
        reply = jeton__v1__reply__unpack (NULL, zframe_size (answer), zframe_data (answer));
    bool good = reply && reply->code == JETON__V1__CODE__CODE_OK;
    if (good)
        printf ("{\"request\": %zu, \"reply\": %zu}\n", size, zframe_size (answer));
    else
        fprintf (stderr, "frames: %s\n", reply ? reply->message : "no answer");
    jeton__v1__reply__free_unpacked (reply, NULL);
    zframe_destroy (&request);
    zframe_destroy (&answer);
    zsock_destroy (&socket);
    session_close (&session);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
