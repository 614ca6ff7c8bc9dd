#include "common/token/issuer_home.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>

void
issuer_home_client (const char *client, const char *address, char key_r[ISSUER_HOME_SIZE])
{
    bool told = address && *address;
    snprintf (key_r, ISSUER_HOME_SIZE, "%.512s%s%.256s", client, told ? " " : "",
              told ? address : "");
}

void
issuer_home_user (const char *username, char key_r[ISSUER_HOME_SIZE])
{
    snprintf (key_r, ISSUER_HOME_SIZE, "%.512s", username);
    for (char *c = key_r; *c; c++)
        *c = (char) tolower ((unsigned char) *c);
}
