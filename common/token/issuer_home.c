#include "common/token/issuer_home.h"

#include "common/net/cidr.h"

#include <ctype.h>
#include <stdio.h>

void
issuer_home_client (const char *client, const char *address, char key_r[ISSUER_HOME_SIZE])
{
    char place[CIDR_PLACE_SIZE];
    cidr_place (address ? address : "", place);
    snprintf (key_r, ISSUER_HOME_SIZE, "%.512s%s%s", client, *place ? " " : "", place);
}

void
issuer_home_user (const char *username, char key_r[ISSUER_HOME_SIZE])
{
    snprintf (key_r, ISSUER_HOME_SIZE, "%.512s", username);
    for (char *c = key_r; *c; c++)
        *c = (char) tolower ((unsigned char) *c);
}
