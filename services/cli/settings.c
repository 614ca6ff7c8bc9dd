#include "services/cli/settings.h"
#include "common/config/config.h"
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include "common/process/certificate.h"
#include "services/cli/print.h"
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT(field, type_, help_)                                                                  \
    {                                                                                              \
        .key = #field, .type = type_, .offset = offsetof (struct connect_settings, field),         \
        .initial = "", .help = help_                                                               \
    }

static const struct config_row rows[] = {
    TEXT (admin, CONFIG_TEXT, "endpoints of admin, separated by commas"),
    TEXT (issuer, CONFIG_TEXT, "endpoints of the issuer"),
    TEXT (validator, CONFIG_TEXT, "endpoints of the validators"),
    TEXT (auditor, CONFIG_TEXT, "endpoints of the auditor"),
    TEXT (gateway, CONFIG_TEXT, "endpoints of the gateways' RPC: health and counters"),
    TEXT (peers, CONFIG_PATH, "the peers file: names and public keys"),
    TEXT (key, CONFIG_PATH, "the CURVE key; its secret part is in <key>_secret"),
    TEXT (
        checkpoint_key, CONFIG_PATH,
        "the public key of the audit trail's checkpoints, and below it those that it has replaced"),
    {.key = NULL},
};
static const struct config_row *const tables[] = {rows, NULL};

static char *
existing (char *path)
{
    if (path != NULL && access (path, F_OK) == 0) {
        return path;
    }
    free (path);
    return NULL;
}

char *
settings_beside (const char *relative)
{
    char path[PATH_MAX];
    ssize_t length = readlink ("/proc/self/exe", path, sizeof path - 1);

    // From build/bin/jeton (also build/sanitize/bin/jeton) or bin/jeton up to the tree; no further than that.
    for (int up = 0; length > 0 && up < 4; up++) {
        char *found, *slash;
        path[length] = '\0';
        slash = strrchr (path, '/');
        if (slash == NULL || slash == path) {
            break;
        }
        *slash = '\0';
        length = slash - path;
        found = existing (xasprintf ("%s/%s", path, relative));
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

static char *
find_upwards (const char *relative)
{
    char *directory = getcwd (NULL, 0), *found = NULL, *slash;

    while (directory != NULL && found == NULL) {
        found = existing (xasprintf ("%s/%s", directory, relative));
        slash = strrchr (directory, '/');
        if (slash == NULL || *directory == '\0') {
            break;
        }
        *slash = '\0';
    }
    free (directory);
    return found;
}

static char *
find_file (const struct cli *cli)
{
    const char *home = getenv ("HOME"),
               *named = cli->config != NULL ? cli->config : getenv ("JETON_CONFIG");
    char *found;

    if (named != NULL && *named != '\0') {
        return xstrdup (named); // must exist: another one would be a surprise
    }
    found = find_upwards ("var/jeton.conf");
    if (found == NULL) {
        found = settings_beside ("var/jeton.conf");
    }
    if (found == NULL && home != NULL) {
        found = existing (xasprintf ("%s/.config/jeton/jeton.conf", home));
    }
    return found != NULL ? found : existing (xstrdup ("/etc/jeton/jeton.conf"));
}

// A path from the file is relative to the file's directory; one from the environment to the current one.
static void
make_absolute (const char *file, const char *variable, char **path)
{
    const char *slash = file != NULL ? strrchr (file, '/') : NULL;

    if (slash != NULL && **path != '\0' && **path != '/' && getenv (variable) == NULL) {
        char *whole = xasprintf ("%.*s/%s", (int) (slash - file), file, *path);
        free (*path);
        *path = whole;
    }
}

struct connect_settings *
settings_load (struct cli *cli)
{
    struct connect_settings *settings = xcalloc (1, sizeof *settings);
    cleanup_free char *file = find_file (cli);
    char *argv[] = {(char *) "jeton", (char *) "--config", file, NULL};
    struct error error;

    if (file == NULL && getenv ("JETON_KEY") == NULL) {
        print_fail (cli, EX_CONFIG, "SETTINGS",
                    "there are no settings: start a local system with \"make run\", or name a "
                    "settings file "
                    "with --config or $JETON_CONFIG (\"jeton --help\" says what is in it)");
        settings_free (&settings);
        return NULL;
    }
    switch (config_load (tables, "jeton", "the command line", file != NULL ? 3 : 1, argv, settings,
                         &error)) {
    case CONFIG_RUN:
        break;
    case CONFIG_EXIT_OK:
    case CONFIG_EXIT_USAGE:
        print_fail (cli, EX_CONFIG, "SETTINGS", "%s", error.text);
        settings_free (&settings);
        return NULL;
    }
    make_absolute (file, "JETON_PEERS", &settings->peers);
    make_absolute (file, "JETON_KEY", &settings->key);
    make_absolute (file, "JETON_CHECKPOINT_KEY", &settings->checkpoint_key);
    return settings;
}

bool
settings_keys (struct cli *cli, const struct connect_settings *settings, struct peers **peers_r,
               zcert_t **certificate_r)
{
    struct error error;

    if (*settings->key == '\0' || *settings->peers == '\0') {
        print_fail (cli, EX_CONFIG, "SETTINGS", "the settings name no %s",
                    *settings->key == '\0' ? "key" : "peers");
        return false;
    }
    if (*peers_r == NULL) {
        *peers_r = peers_load (settings->peers, &error);
    }
    if (*peers_r == NULL) {
        print_fail (cli, EX_CONFIG, "SETTINGS", "%s", error.text);
        return false;
    }
    *certificate_r = certificate_load (settings->key, &error);
    if (*certificate_r == NULL) {
        print_fail (cli, EX_CONFIG, "SETTINGS", "%s", error.text);
        return false;
    }
    return true;
}

void
settings_free (struct connect_settings **settings)
{
    if (*settings != NULL) {
        config_free (tables, *settings);
        free (*settings);
        *settings = NULL;
    }
}
