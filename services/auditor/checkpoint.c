// Signed statements of how far the trail went.
#include "services/auditor/auditor.h"

void
checkpoint_store (struct auditor *auditor, struct db *db, const struct store_head *head,
                  store_callback *callback, void *context)
{
    uint8_t digest[CHAIN_DIGEST_SIZE], signature[CRYPTO_SIGNATURE_SIZE];
    Jeton__V1__Checkpoint checkpoint = JETON__V1__CHECKPOINT__INIT;
    checkpoint.sequence = head->sequence;
    checkpoint.time_us = auditor_now_us ();
    chain_checkpoint_sign (&auditor->key, checkpoint.sequence, head->digest, checkpoint.time_us,
                           signature);
    memcpy (digest, head->digest, sizeof digest);
    checkpoint.digest = (ProtobufCBinaryData){sizeof digest, digest};
    checkpoint.key_id = (ProtobufCBinaryData){sizeof auditor->key_id, auditor->key_id};
    checkpoint.signature = (ProtobufCBinaryData){sizeof signature, signature};
    store_checkpoint (db, &checkpoint, callback, context);
}

void
auditor_get_checkpoint_key (struct request *request)
{
    struct auditor *auditor = request_owner (request);
    Jeton__V1__GetCheckpointKeyReply reply = JETON__V1__GET_CHECKPOINT_KEY_REPLY__INIT;
    reply.public_key =
        (ProtobufCBinaryData){sizeof auditor->key.public_key, auditor->key.public_key};
    request_reply (request, &reply.base);
}
