/* One packet thread: an epoll over its streams' sockets, a queue of commands in, a queue of events out.
 *
 * All functions are for one other thread, which edits the table by commands; none waits for the packet thread but
 * `mb_worker_stop`. */
#ifndef MB_WORKER_H
#define MB_WORKER_H

#include "sockets.h"
#include "table.h"

typedef struct mb_worker mb_worker;

typedef enum {
    MB_ADD,
    MB_SET_REMOTE,
    MB_EXPECT,
    MB_PLAY,
    MB_STOP_PLAYING,
    MB_JOIN,
    MB_BRIDGE,
    MB_SET_TAP,
    MB_SET_CONVERTER,
    MB_SET_LISTENER,
    MB_SET_FORK,
    MB_SEND_DIGIT,
    MB_SEND_AUDIO,
    MB_REMOVE,
    MB_NOTHING, /* of use only for being told that it was carried out */
} mb_command_kind;

/* What a command carries is its own until it is carried out: the plan is freed, of tone and ring an owner is released.
 * `audio`, one block of memory with all that it points to, is freed.
 * `tells`: the other thread wants to know when it has been carried out. `keeps`: the sockets of the stream that is removed
 * stay open. */
typedef struct {
    mb_command_kind kind;
    mb_stream *stream, *other;
    mb_remote_plan *plan;
    mb_tone *tone;
    mb_ring *ring;
    mb_converted *audio;
    uint32_t duration_ms;
    uint8_t channel, event;
    bool overrides, tells, keeps;
} mb_command;

/* What a worker needs from outside, all of which outlives it. */
typedef struct {
    mb_table_plan table;
    size_t commands_max;
} mb_worker_plan;

/* Totals since the start. */
typedef struct {
    uint64_t relayed, played, receive_errors, events_lost;
} mb_worker_figures;

/* NULL, with errno, without memory or descriptors. */
mb_worker *mb_worker_new(const mb_worker_plan *plan);

/* Start the thread: 0 or an errno. */
int mb_worker_start(mb_worker *worker);

/* Stop the thread for the turn it is in, carry out what commands are left, close all sockets. */
void mb_worker_stop(mb_worker *worker);

/* Give back everything, sockets included; it is stopped. */
void mb_worker_free(mb_worker *worker);

/* A stream over `kept` sockets that no other stream has, or where that is NULL over bound, non-blocking ones, which are the
 * worker's own from now on; or NULL with errno, and nothing has changed. `former`: the same as another worker has kept
 * them, or NULL. It takes and sends nothing before it was added and its first remote was set. It is to be discarded once
 * the command that removes it has been carried out, or the worker is stopped. */
mb_stream *mb_worker_open(mb_worker *worker, const mb_stream_plan *plan, mb_sockets *kept, int rtp, int rtcp,
                          mb_sockets *former);

void mb_worker_discard(mb_stream *stream);

/* Watch kept sockets, which are nobody's, no longer: their descriptors are the caller's. They are to be forgotten once the
 * commands queued afterwards have been carried out, and not to be closed before. */
void mb_worker_let_go(mb_sockets *sockets);

/* Give back what is known of sockets that are let go or closed. */
void mb_worker_forget(mb_worker *worker, mb_sockets *sockets);

/* Queue a command; its number, from 1 on, or 0 when the queue is full: what it carries is then still the caller's.
 * MB_REMOVE is never refused: there are no more of these than streams, and they free what is scarce. */
uint64_t mb_worker_push(mb_worker *worker, const mb_command *command);

/* Have commands carried out now rather than with the next packet. */
void mb_worker_wake(mb_worker *worker);

/* Readable when there are events or commands that tell have been carried out. */
int mb_worker_told_fd(const mb_worker *worker);

/* To be called before events are taken: the number of the newest command carried out, with everything before it. */
uint64_t mb_worker_carried_out(mb_worker *worker);

/* The oldest event; false when there is none. */
bool mb_worker_event(mb_worker *worker, mb_event *event);

size_t mb_worker_waiting(const mb_worker *worker);
bool mb_worker_running(const mb_worker *worker);
mb_worker_figures mb_worker_counted(const mb_worker *worker);

#endif
