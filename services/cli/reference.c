#include "services/cli/reference.h"
#include <stddef.h>

const char reference_settings_text[] =
    "Where the processes and the keys are. The first file that exists of --config, $JETON_CONFIG, "
    "var/jeton.conf (here, in the directories above, and in the tree that this program was built "
    "in), ~/.config/jeton/jeton.conf and /etc/jeton/jeton.conf; lines of \"key = value\". Relative "
    "paths in it are relative to its directory.";

const struct reference reference_settings[] = {
    {"admin, issuer, validator, auditor, gateway", "endpoints: tcp://host:port[,tcp://…]"},
    {"peers", "the peers file, for the public keys of the processes"},
    {"key", "your CURVE key; its secret part is in the file of the same name with _secret behind "
            "it"},
    {"checkpoint_key", "the public key that the audit trail's checkpoints are signed with; in "
                       "further lines those that it has replaced"},
    {NULL, NULL},
};

const struct reference reference_environment[] = {
    {"JETON_CONFIG", "the file of settings"},
    {"JETON_ADMIN, JETON_ISSUER, JETON_VALIDATOR, JETON_AUDITOR, JETON_GATEWAY, JETON_PEERS, "
     "JETON_KEY, JETON_CHECKPOINT_KEY",
     "settings; they go before the file"},
    {"JETON_TOKEN", "the token that validate asks about; otherwise the first line of standard "
                    "input. Secrets are never read from arguments"},
    {"JETON_PASSWORD", "the password of login and user create; otherwise the first line of "
                       "standard input"},
    {"JETON_LOGIN_TOKEN", "a login token, as jeton login gives it: commands act as that user, with "
                          "its rights"},
    {"JETON_LOGIN_TOKEN_FILE", "a file that holds it"},
    {"JETON_DATABASE_URL", "the database, as its owner, for db migrate and init"},
    {"JETON_DATABASE_PASSWORD, JETON_DATABASE_PASSWORD_FILE",
     "the owner's password, or a file that holds it"},
    {"NO_COLOR", "if it is there, no colours"},
    {NULL, NULL},
};

// The codes of sysexits.h, and of validate and audit verify their own.
const struct reference reference_statuses[] = {
    {"0", "done; validate: allow; health: all are well"},
    {"1", "validate: deny; audit verify: the trail does not hold together"},
    {"2", "validate: undecided (503)"},
    {"64", "wrong usage"},
    {"65", "invalid argument"},
    {"66", "not found"},
    {"69", "not available, or no answer in time"},
    {"70", "internal error, or the outcome is not known: it may have happened; the text says how "
           "to repeat it"},
    {"73", "conflict: it exists already, its state does not allow it, or a file cannot be made"},
    {"74", "a file cannot be read or written"},
    {"75", "a limit is reached: try later"},
    {"77", "permission denied, or wrong credentials"},
    {"78", "settings or keys are missing or wrong"},
    {"130", "interrupted; audit tail ends well, with 0"},
    {NULL, NULL},
};
