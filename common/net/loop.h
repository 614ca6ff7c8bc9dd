// The loop of a process: it waits for descriptors and for times, and calls handlers, one after the other, on one thread.
//
// It is what zloop is, with one system call for a turn, whatever it waits for: zloop makes two that look at each descriptor, and asks each of its ZeroMQ sockets for
// its events besides. Here any handler may begin and end anything at any time. Sockets are in reader.h, alarm clocks in alarm.h.
#ifndef JETON_LOOP_H
#define JETON_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct watch;

enum { LOOP_IN = 1, LOOP_OUT = 4 };

// What is called: `what` is the descriptor, or the timer's number. -1 ends loop_run; otherwise 0.
typedef int loop_handler (struct loop *loop, int what, void *context);

// loop_new (): Aborts when the process is out of file descriptors. loop_destroy (&loop): After all that it waits for, but timers. NULL-safe.
struct loop *loop_new (void) __attribute__ ((returns_nonnull));
void loop_destroy (struct loop **loop_p);

// loop_run (loop): Until a handler returns -1. What was not called then is called when it runs again. Not in a handler.
void loop_run (struct loop *loop);

// loop_watch (loop, fd, events, handler, context): Call whenever the descriptor can be read (LOOP_IN) or written (LOOP_OUT), has failed or has been closed by its peer.
// watch_end (&watch): Before the descriptor is closed. It is not called any more. NULL-safe.
struct watch *loop_watch (struct loop *loop, int fd, unsigned events, loop_handler *handler,
                          void *context) __attribute__ ((returns_nonnull));
void watch_end (struct watch **watch_p);

// loop_timer (loop, delay_ms, times, handler, context): Call so much later, and again each time that has passed; as many times, 0: until it is ended. Returns its
// number. loop_timer_end (loop, number): It is not called any more; unknown numbers are ignored.
int loop_timer (struct loop *loop, size_t delay_ms, size_t times, loop_handler *handler,
                void *context);
void loop_timer_end (struct loop *loop, int number);

// loop_now (loop): zclock_mono when it has last waited: for what is in no hurry, as a look at the clock for each of many costs time.
int64_t loop_now (const struct loop *loop);

// loop_looked (loop): True when nothing was handled since the loop has waited but urgent readers (reader.h), so that a look at them would bring nothing. Only once in a
// turn: who asks is going to do something that takes time.
bool loop_looked (struct loop *loop);

#endif
