#include "common/net/bind.h"

#include <errno.h>

const char *
bind_advice (int error)
{
    switch (error) {
    case EADDRINUSE:
        return "; end the process that uses it, or choose another address";
    case EADDRNOTAVAIL:
        return "; this machine does not have the address: choose one that it has, or all";
    case EACCES:
        return "; ports below 1024 take the right CAP_NET_BIND_SERVICE: give it to the process, or "
               "choose a higher port and forward the lower one to it";
    default:
        return "";
    }
}
