// Who may connect, and what as: the peers file.
//
// One line a peer: its CURVE public key (Z85, 40 characters), its name, its roles, separated by commas. # begins a comment:
//
//     rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7  admin     service,admin
//     Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID  alice     operator
//
// Clients find the public key of a service here too, by its name. Names and keys are unique.
#ifndef JETON_PEERS_H
#define JETON_PEERS_H

#include "common/error/error.h"
#include <stdbool.h>
#include <stddef.h>

// Roles are bits; a method's row has those that may call it. A peer may have several.
enum role {
    ROLE_SERVICE =
        1 << 0, // "service": a process of Jeton; may ask health and stats like every known peer
    ROLE_OPERATOR = 1 << 1, // "operator": manages everything
    ROLE_CALLER = 1 << 2,   // "caller": a service of the mesh; validates tokens
    ROLE_GATEWAY = 1 << 3,  // "gateway": calls on behalf of end users
    ROLE_MONITOR = 1 << 4,  // "monitor": health and stats only
    ROLE_ANY = 0xffff,
};

struct peer {
    char key[41];   // Z85
    char name[65];  // [A-Za-z0-9._-]
    unsigned roles; // enum role, or-ed
};

struct peers;

// peers_load (path, error_r): Read and check a file of at most 1 MiB and 10,000 lines. NULL: error_r names file, line and what
// is wrong. The caller destroys the result.
struct peers *peers_load (const char *path, struct error *error_r)
    __attribute__ ((warn_unused_result));
// peers_parse (text, size, error_r): The same from memory.
struct peers *peers_parse (const char *text, size_t size, struct error *error_r)
    __attribute__ ((warn_unused_result));
void peers_destroy (struct peers **peers);

// peers_by_key (peers, key), peers_by_name (peers, name): NULL when there is none. Valid as long as the peers.
const struct peer *peers_by_key (const struct peers *peers, const char *key);
const struct peer *peers_by_name (const struct peers *peers, const char *name);
size_t peers_count (const struct peers *peers);

#endif
