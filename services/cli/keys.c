#include "issuer.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/keyfiles.h"
#include "services/cli/print.h"
#include "services/cli/table.h"

static const struct column columns[] = {
    {.title = "KEY", .member = "kid"},
    {.title = "ALGORITHM", .member = "algorithm"},
    {.title = "STATE", .member = "state", .form = COLUMN_STATUS},
    {.title = "CREATED", .member = "created_at", .form = COLUMN_TIME},
    {.title = "ACTIVATED", .member = "activated_at", .form = COLUMN_TIME},
    {.title = "RETIRED", .member = "retired_at", .form = COLUMN_TIME},
    {.title = NULL},
};

static int
show_reply (struct cli *cli, const char *method, const ProtobufCMessage *request)
{
    json_t *reply;
    int status =
        connect_call (cli, &(struct call){SERVICE_ISSUER, method, request, NULL, NULL}, &reply);

    if (status == EX_OK) {
        table_list (cli, columns, json_object_get (reply, "keys"));
    }
    json_decref (reply);
    return status;
}

static int
list (struct cli *cli)
{
    Jeton__V1__ListSigningKeysRequest request = JETON__V1__LIST_SIGNING_KEYS_REQUEST__INIT;

    return show_reply (cli, "ListSigningKeys", &request.base);
}

static int
rotate (struct cli *cli)
{
    Jeton__V1__RotateSigningKeyRequest request = JETON__V1__ROTATE_SIGNING_KEY_REQUEST__INIT;

    request.force = option_given (cli, "force");
    request.revoke = option_given (cli, "revoke");
    return show_reply (cli, "RotateSigningKey", &request.base);
}

static const struct option_row rotate_options[] = {
    {.name = "force", .help = "without waiting until all know the next key"},
    {.name = "revoke", .help = "the key that signs has leaked: refuse all that it signed, at once"},
    {.name = NULL},
};
static const struct option_row add_options[] = {
    {.name = "role",
     .value = "caller|operator|gateway|monitor|service,…",
     .required = true,
     .help = "what it may call; several with commas"},
    {.name = "dir",
     .value = "DIR",
     .help = "the directory of the keys (that of the peers file in the settings)"},
    {.name = NULL},
};

static const struct option_row directory_options[] = {
    {.name = "dir",
     .value = "DIR",
     .help = "the directory of the keys (that of the peers file in the settings)"},
    {.name = NULL},
};

const struct command keys_commands[] = {
    {"keys", "init", "DIR", 1, 1, NULL, keyfiles_init,
     "Make the key files of a system, those that are missing",
     "CURVE key pairs (curve/NAME.key, curve/NAME.key_secret) and the peers file, the keys of "
     "token values\n"
     "(token-check.keys), of sealing (seal.keys) and of checkpoints (checkpoint.key, "
     "checkpoint.pub), the\n"
     "processes' database passwords (database-NAME), and the gateway's certificate for this "
     "machine (tls.key, tls.pem),\n"
     "by a CA of its own (tls-ca.key, tls-ca.pem: give it to clients). What is there is never "
     "changed: it can be\n"
     "repeated. But a certificate of this CA is renewed in its last 30 days; one that you have "
     "put there is yours.",
     "jeton keys init var/keys\n"},
    {"keys", "add", "NAME", 1, 1, add_options, keyfiles_add,
     "Make a CURVE key for one more peer, and its line in the peers file", NULL,
     "jeton keys add shop --role caller --dir var/keys\n"
     "jeton keys add prometheus --role monitor\n"},
    {"keys", "replace", "NAME", 1, 1, directory_options, keyfiles_replace,
     "Another CURVE key for a peer, in its files and in its line of the peers file",
     "When a key may have leaked, or is old. The roles stay. Of a process: all who call it need "
     "the "
     "new peers file.",
     "jeton keys replace shop --dir var/keys\n"},
    {"keys", "remove", "NAME", 1, 1, directory_options, keyfiles_remove,
     "Take a peer out of the peers file, and remove its CURVE key",
     "Those that \"keys init\" makes come back with another key when that is run again.",
     "jeton keys remove shop --dir var/keys\n"},
    {"keys", "reseal", "", 0, 0, directory_options, keyfiles_reseal,
     "Another key in seal.keys: what is sealed from then on is sealed with it",
     "The older ones still open what they have sealed: keep them as long as there are backups that "
     "need them.",
     "jeton keys reseal --dir var/keys\n"},
    {"keys", "list", "", 0, 0, NULL, list, "The issuer's signing keys", NULL, "jeton keys list\n"},
    {"keys", "rotate", "", 0, 0, rotate_options, rotate,
     "The pending signing key becomes active, the active one retires, a new one is pending",
     "The new one is for the algorithm that the issuer's setting signing_algorithm says, and signs "
     "after "
     "the next rotation.\n"
     "A rotation is refused until all can know the pending key; --force does not wait.",
     "jeton keys rotate\n"},
    {.noun = NULL},
};
