// How the files of the loop share its state: loop.c (descriptors, timers), alarm.c (times), reader.c (ZeroMQ sockets).
#ifndef JETON_NET_INTERNAL_H
#define JETON_NET_INTERNAL_H

#include "common/memory/list.h"
#include "common/net/deadline.h"
#include "common/net/loop.h"

#include <sys/epoll.h>

struct watch {
    struct loop *loop;
    int fd;
    bool urgent; // before what is not
    loop_handler *handler;
    void *context;
};

struct loop {
    int epoll;
    size_t nwatches;
    struct epoll_event
        *ready; // of this turn; those that have been called, or ended, have no pointer
    size_t nready, room;
    int64_t now_ms;             // zclock_mono () when it has last waited
    struct deadlines deadlines; // struct alarm.deadline: later
    struct node soon, ringing;  // struct alarm.link: in the next turn; in this one
    struct node
        used; // struct reader.link: there may be something that their descriptors do not tell of
    struct node unread,
        due; // struct reader.link: there is more to be taken, in the next turn; in this one
    struct node late; // struct reader.late: they have something to send at the end of this turn
    struct reader *reading; // whose handler runs
    struct node timers;
    int last_timer;
    bool looked;
    bool ends; // loop_run
};

// alarm.c. loop_ring (loop): Those whose time has come.
void loop_ring (struct loop *loop);

// reader.c. loop_readers_look (loop): At those that were used; those that have more are due. loop_readers_call (loop): Those that are.
void loop_readers_look (struct loop *loop);
void loop_readers_call (struct loop *loop);

#endif
