// Which issuer to ask: those who count how often something is asked for count what they are asked (R20), so all callers ask the same one, by rendezvous hashing (common/rpc) of these keys.
#ifndef JETON_TOKEN_ISSUER_HOME_H
#define JETON_TOKEN_ISSUER_HOME_H

enum { ISSUER_HOME_SIZE = 832 };

// issuer_home_client (client, address, key_r): Of what a client asks for from an address (proto/issuer.proto, TokenRequest); address NULL or "": it is not told. IPv6: the same for all addresses of a
// /64 (common/net/cidr, cidr_place), as they are counted together. What is longer than any that is good is cut off.
void issuer_home_client (const char *client, const char *address, char key_r[ISSUER_HOME_SIZE]);
// issuer_home_user (username, key_r): Of a user who signs in, however the name is written.
void issuer_home_user (const char *username, char key_r[ISSUER_HOME_SIZE]);

#endif
