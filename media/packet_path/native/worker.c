#include "worker.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "gathering.h"
#include "relay.h"
#include "sockets.h"

/* Who has sent to resting ports so shortly before they were given to a leg does not stop: a party of a call that is
 * over. */
#define STRAY_S 0.2

enum {
    LINE = 64,
    COMMANDS_PER_TURN = 256,
    READY_PER_TURN = 256,
    EVENTS_MAX = 4096, /* a power of two; what is more is lost and counted */
    /* Of what lies in a socket from before it was connected. */
    LEFTOVERS_PER_TURN = 256,
    RTCP_TAG = 1, /* in the lowest bit of an address of sockets */
    NICENESS = -10,
};

/* Positions count on and never go back; the place of one is its rest by the size of the room. */
struct mb_worker {
    mb_table table;
    mb_table_plan outside;
    int epoll, wake, told;
    pthread_t thread;
    bool started, stopped;
    mb_command *commands;
    size_t commands_max, commands_room;
    mb_sockets *fresh;
    mb_sockets *sockets; /* all, of the other thread */
    uint64_t receive_errors;
    bool tells;
    _Alignas(LINE) atomic_uint_least64_t pushed; /* by the other thread */
    _Alignas(LINE) atomic_uint_least64_t taken;  /* commands begun, by the packet thread */
    atomic_uint_least64_t carried_out;           /* of turns that are over */
    atomic_uint_least64_t posted, lost;
    _Alignas(LINE) atomic_uint_least64_t read; /* events, by the other thread */
    atomic_bool woken, told_of, stopping, running;
    mb_event events[EVENTS_MAX];
    _Alignas(LINE) uint8_t buffer[MB_DATAGRAM_MAX];
};

static double monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void post(void *context, const mb_event *event)
{
    mb_worker *worker = context;
    uint64_t posted = atomic_load_explicit(&worker->posted, memory_order_relaxed);
    if (posted - atomic_load_explicit(&worker->read, memory_order_acquire) >= EVENTS_MAX) {
        atomic_fetch_add_explicit(&worker->lost, 1, memory_order_relaxed);
        return;
    }
    worker->events[posted % EVENTS_MAX] = *event;
    atomic_store_explicit(&worker->posted, posted + 1, memory_order_release);
    worker->tells = true;
}

static int watch(int epoll, int descriptor, void *what, unsigned tag)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)(uintptr_t)what | tag};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

mb_worker *mb_worker_new(const mb_worker_plan *plan)
{
    size_t size = (sizeof(mb_worker) + LINE - 1) & ~(size_t)(LINE - 1);
    mb_worker *worker = aligned_alloc(LINE, size);
    if (!worker)
        return NULL;
    memset(worker, 0, size);
    worker->commands_max = plan->commands_max;
    worker->commands_room = plan->commands_max + plan->table.streams_max + 1;
    worker->commands = calloc(worker->commands_room, sizeof *worker->commands);
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    worker->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    worker->told = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    worker->outside = plan->table;
    bool has_table = mb_table_init(&worker->table, &worker->outside);
    worker->table.post = post;
    worker->table.post_context = worker;
    if (has_table && worker->commands && worker->epoll >= 0 && worker->wake >= 0 && worker->told >= 0 &&
        watch(worker->epoll, worker->wake, NULL, 0) == 0)
        return worker;
    int reason = errno;
    mb_worker_free(worker);
    errno = reason;
    return NULL;
}

static void close_descriptor(int descriptor)
{
    if (descriptor >= 0)
        close(descriptor);
}

void mb_worker_free(mb_worker *worker)
{
    while (worker->sockets)
        mb_worker_forget(worker, worker->sockets);
    mb_table_clear(&worker->table);
    close_descriptor(worker->epoll);
    close_descriptor(worker->wake);
    close_descriptor(worker->told);
    free(worker->commands);
    free(worker);
}

static mb_sockets *watch_pair(mb_worker *worker, int rtp, int rtcp)
{
    mb_sockets *sockets = calloc(1, sizeof *sockets);
    if (!sockets)
        return NULL;
    *sockets = (mb_sockets){.rtp = rtp, .rtcp = rtcp, .epoll = worker->epoll, .fresh_list = &worker->fresh};
    sockets->next = worker->sockets;
    if (sockets->next)
        sockets->next->earlier = sockets;
    worker->sockets = sockets;
    if (watch(worker->epoll, rtp, sockets, 0) == 0 && watch(worker->epoll, rtcp, sockets, RTCP_TAG) == 0)
        return sockets;
    /* The thread may have come upon the first by now: it is kept until the end. */
    int reason = errno;
    mb_worker_let_go(sockets);
    errno = reason;
    return NULL;
}

mb_stream *mb_worker_open(mb_worker *worker, const mb_stream_plan *plan, mb_sockets *kept, int rtp, int rtcp,
                          mb_sockets *former)
{
    mb_stream *stream = mb_stream_new(plan, &mb_socket_wire, NULL);
    if (!stream) {
        errno = ENOMEM;
        return NULL;
    }
    stream->wire_context = kept ? kept : watch_pair(worker, rtp, rtcp);
    if (stream->wire_context) {
        /* Now, while nobody has been told to send here yet. */
        mb_sockets_empty(stream->wire_context, &stream->inbound.gate.stray);
        if (former)
            mb_sockets_take_stray(stream->wire_context, former);
        return stream;
    }
    int reason = errno;
    mb_stream_free(stream);
    errno = reason;
    return NULL;
}

void mb_worker_discard(mb_stream *stream)
{
    mb_stream_free(stream);
}

void mb_worker_let_go(mb_sockets *sockets)
{
    sockets->let_go = true;
    (void)epoll_ctl(sockets->epoll, EPOLL_CTL_DEL, sockets->rtp, NULL);
    (void)epoll_ctl(sockets->epoll, EPOLL_CTL_DEL, sockets->rtcp, NULL);
}

void mb_worker_forget(mb_worker *worker, mb_sockets *sockets)
{
    if (sockets->earlier)
        sockets->earlier->next = sockets->next;
    else
        worker->sockets = sockets->next;
    if (sockets->next)
        sockets->next->earlier = sockets->earlier;
    free(sockets);
}

uint64_t mb_worker_push(mb_worker *worker, const mb_command *command)
{
    uint64_t pushed = atomic_load_explicit(&worker->pushed, memory_order_relaxed);
    uint64_t waiting = pushed - atomic_load_explicit(&worker->taken, memory_order_acquire);
    size_t most = command->kind == MB_REMOVE ? worker->commands_room : worker->commands_max;
    if (waiting >= most)
        return 0;
    worker->commands[pushed % worker->commands_room] = *command;
    atomic_store_explicit(&worker->pushed, pushed + 1, memory_order_release);
    return pushed + 1;
}

void mb_worker_wake(mb_worker *worker)
{
    uint64_t one = 1;
    if (!atomic_exchange(&worker->woken, true))
        (void)!write(worker->wake, &one, sizeof one);
}

/* They are the stream's from now on; who has not stopped sending to them is of a call that is over. */
static void give_sockets(mb_stream *stream, double now)
{
    mb_sockets *sockets = stream->wire_context;
    sockets->stream = stream;
    if (sockets->stray.family && now - sockets->stray_at < STRAY_S)
        stream->inbound.gate.stray = sockets->stray;
    sockets->stray.family = 0;
}

static void carry_out(mb_worker *worker, const mb_command *command, double now)
{
    mb_table *table = &worker->table;
    switch (command->kind) {
    case MB_ADD:
        give_sockets(command->stream, now);
        mb_table_add(table, command->stream, now);
        break;
    case MB_SET_REMOTE:
        if (command->stream->listed)
            mb_table_set_remote(table, command->stream, command->plan, now);
        if (table->srtp)
            mb_keying_drop(table->srtp, &command->plan->keying);
        free(command->plan);
        break;
    case MB_EXPECT:
        mb_table_expect(table, command->stream, now);
        break;
    case MB_PLAY:
        mb_table_play(table, command->stream, command->tone, command->overrides, now);
        mb_tone_release(command->tone);
        break;
    case MB_STOP_PLAYING:
        mb_table_stop_playing(table, command->stream);
        break;
    case MB_JOIN:
        mb_table_join(table, command->stream, command->other);
        break;
    case MB_BRIDGE:
        mb_table_bridge(table, command->stream, command->other, now);
        break;
    case MB_SET_TAP:
        if (command->stream->listed)
            mb_table_set_tap(table, command->stream, command->channel, command->ring);
        mb_ring_release(command->ring);
        break;
    case MB_SET_CONVERTER:
        if (command->stream->listed)
            mb_table_set_converter(table, command->stream, command->ring, command->overrides);
        mb_ring_release(command->ring);
        break;
    case MB_SET_LISTENER:
        if (command->stream->listed)
            mb_table_set_listener(table, command->stream, command->ring);
        mb_ring_release(command->ring);
        break;
    case MB_SET_FORK:
        if (command->stream->listed)
            mb_table_set_fork(table, command->stream, command->ring);
        mb_ring_release(command->ring);
        break;
    case MB_SEND_DIGIT:
        mb_table_send_digit(table, command->stream, command->event, command->duration_ms, now);
        break;
    case MB_SEND_AUDIO:
        mb_table_send_audio(table, command->stream, command->other, command->audio, now);
        free(command->audio);
        break;
    case MB_REMOVE:
        ((mb_sockets *)command->stream->wire_context)->keeps = command->keeps;
        mb_table_remove(table, command->stream, now);
        break;
    case MB_NOTHING:
        break;
    }
    worker->tells = worker->tells || command->tells;
}

static uint64_t carry_out_some(mb_worker *worker, uint64_t most)
{
    uint64_t taken = atomic_load_explicit(&worker->taken, memory_order_relaxed);
    uint64_t pushed = atomic_load_explicit(&worker->pushed, memory_order_acquire);
    double now = taken == pushed ? 0.0 : monotonic();
    for (; taken != pushed && most; most--) {
        mb_command command = worker->commands[taken % worker->commands_room];
        carry_out(worker, &command, now);
        atomic_store_explicit(&worker->taken, ++taken, memory_order_release);
    }
    return taken;
}

static void receive_rtp(mb_worker *worker, mb_stream *stream, double now)
{
    mb_sockets *sockets = stream->wire_context;
    mb_address source;
    const mb_address *from = sockets->checked ? NULL : &source;
    ssize_t size = mb_receive(sockets->rtp, worker->buffer, from ? &source : NULL);
    if (size >= 0)
        mb_relay_datagram(&worker->table, stream, worker->buffer, (size_t)size, from, now);
    else if (errno != EAGAIN)
        /* An ICMP error of an earlier packet, or a packet that failed its checksum. */
        worker->receive_errors++;
}

static void receive_rtcp(mb_worker *worker, mb_stream *stream, double now)
{
    mb_sockets *sockets = stream->wire_context;
    mb_address source;
    ssize_t size = mb_receive(sockets->rtcp, worker->buffer, &source);
    if (size >= 0)
        mb_relay_control(&worker->table, stream, worker->buffer, (size_t)size, &source, now);
    else if (errno != EAGAIN)
        worker->receive_errors++;
}

static void take_wake(mb_worker *worker)
{
    uint64_t count;
    (void)!read(worker->wake, &count, sizeof count);
    /* Cleared before the queue is looked at again, so that no command is left without a wake-up; by an exchange, so that
     * what was pushed by who found it set is seen. */
    atomic_exchange(&worker->woken, false);
    if (mb_worker_waiting(worker))
        mb_worker_wake(worker);
}

/* Of a pair that rests, or whose stream is not added yet. */
static void drop(mb_worker *worker, mb_sockets *sockets, bool rtcp, double now)
{
    int descriptor = rtcp ? sockets->rtcp : sockets->rtp;
    mb_address source;
    if (descriptor < 0 || mb_receive(descriptor, worker->buffer, &source) < 0 || rtcp)
        return;
    if (!mb_worker_waiting(worker)) /* among the commands may be the stream that it is for */
        mb_sockets_note_stray(sockets, &source, now);
}

/* A pair that is closed may still be among those ready. */
static void receive(mb_worker *worker, const struct epoll_event *ready, int count, double now)
{
    for (int at = 0; at < count; at++) {
        uint64_t what = ready[at].data.u64;
        mb_sockets *sockets = (mb_sockets *)(uintptr_t)(what & ~(uint64_t)RTCP_TAG); // NOLINT: the address we gave
        if (!sockets)
            take_wake(worker);
        else if (!sockets->stream)
            drop(worker, sockets, (what & RTCP_TAG) != 0, now);
        else if (what & RTCP_TAG)
            receive_rtcp(worker, sockets->stream, now);
        else
            receive_rtp(worker, sockets->stream, now);
    }
}

/* Whether there are no more of them; an error is of a packet that was sent earlier, and is told once. What is seen while a
 * command waits is left for the next turn, after the command: the packet may be younger. */
static bool read_leftovers_of(mb_worker *worker, mb_sockets *sockets, double now)
{
    for (int count = 0; count < LEFTOVERS_PER_TURN; count++) {
        mb_address source;
        ssize_t size = mb_peek(sockets->rtp);
        if (size >= 0 && mb_worker_waiting(worker))
            return false;
        if (size >= 0)
            size = mb_receive(sockets->rtp, worker->buffer, &source);
        if (size >= 0)
            mb_relay_datagram(&worker->table, sockets->stream, worker->buffer, (size_t)size, &source, now);
        else if (errno == EAGAIN)
            return true;
        else
            worker->receive_errors++;
    }
    return false;
}

/* Packets from before a socket was connected are still in it, strangers' among them: check their sources. Where there are
 * more than a turn reads, they are among the first of the next. */
static void read_leftovers(mb_worker *worker, double now)
{
    mb_sockets *again = NULL;
    while (worker->fresh) {
        mb_sockets *sockets = worker->fresh;
        worker->fresh = sockets->next_fresh;
        sockets->fresh = false;
        if (read_leftovers_of(worker, sockets, now))
            sockets->checked = sockets->connected;
        else if (!sockets->fresh) {
            sockets->fresh = true;
            sockets->next_fresh = again;
            again = sockets;
        }
    }
    worker->fresh = again;
}

static void tell(mb_worker *worker)
{
    uint64_t one = 1;
    worker->tells = false;
    if (!atomic_exchange(&worker->told_of, true))
        (void)!write(worker->told, &one, sizeof one);
}

static int wait_ms(const mb_worker *worker, double now)
{
    double due;
    if (!mb_table_next_due(&worker->table, &due))
        return -1;
    return due <= now ? 0 : (int)ceil((due - now) * 1000);
}

/* Before everything else of the machine, where that is allowed and there is another processor for the rest, or at least
 * before the loop and the writers: a niceness holds within a session or a control group alone. And awake to the microsecond,
 * where 50 are usual. All of it is of the calling thread. */
static void come_first(void)
{
    const struct sched_param least = {.sched_priority = sched_get_priority_min(SCHED_RR)};
    struct sched_param given;
    int policy = SCHED_OTHER;
    (void)pthread_getschedparam(pthread_self(), &policy, &given);
    bool first = policy != SCHED_OTHER || (sysconf(_SC_NPROCESSORS_ONLN) > 1 &&
                                           pthread_setschedparam(pthread_self(), SCHED_RR, &least) == 0);
    if (!first && getpriority(PRIO_PROCESS, 0) > NICENESS)
        (void)setpriority(PRIO_PROCESS, 0, NICENESS);
    (void)prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
}

static void *run(void *context)
{
    mb_worker *worker = context;
    struct epoll_event ready[READY_PER_TURN];
    mb_gathering gathering;
    double now = monotonic(), due;
    come_first();
    mb_gathering_make(&gathering, now);
    while (!atomic_load_explicit(&worker->stopping, memory_order_relaxed)) {
        double pause_s = mb_gathering_pause_s(&gathering, now, mb_table_next_due(&worker->table, &due) ? due : INFINITY);
        if (pause_s > 0.0) {
            mb_gathering_pause(pause_s, worker->wake);
            now = monotonic();
        }
        int count = epoll_wait(worker->epoll, ready, READY_PER_TURN, wait_ms(worker, now));
        /* Before the packets: what arrives after a command was given finds it carried out. */
        uint64_t taken = carry_out_some(worker, COMMANDS_PER_TURN);
        now = monotonic();
        receive(worker, ready, count, now);
        if (mb_table_next_due(&worker->table, &due) && due <= now)
            mb_table_advance(&worker->table, now);
        if (worker->fresh)
            read_leftovers(worker, now);
        /* Only now: a stream that was removed may have been among those ready. */
        atomic_store_explicit(&worker->carried_out, taken, memory_order_release);
        if (worker->tells)
            tell(worker);
        mb_gathering_turn(&gathering, count > 0 ? (uint32_t)count : 0, now);
    }
    atomic_store(&worker->running, false);
    return NULL;
}

int mb_worker_start(mb_worker *worker)
{
    sigset_t all, before;
    if (worker->started || worker->stopped)
        return 0;
    /* Signals are for the interpreter's main thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    atomic_store(&worker->running, true);
    int failure = pthread_create(&worker->thread, NULL, run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    worker->started = failure == 0;
    if (failure)
        atomic_store(&worker->running, false);
    else
        pthread_setname_np(worker->thread, "packet-path");
    return failure;
}

void mb_worker_stop(mb_worker *worker)
{
    if (worker->stopped)
        return;
    worker->stopped = true;
    atomic_store(&worker->stopping, true);
    if (worker->started) {
        mb_worker_wake(worker);
        pthread_join(worker->thread, NULL);
    }
    uint64_t taken = carry_out_some(worker, UINT64_MAX);
    for (mb_sockets *sockets = worker->sockets; sockets; sockets = sockets->next)
        if (!sockets->let_go)
            mb_sockets_close(sockets);
    atomic_store_explicit(&worker->carried_out, taken, memory_order_release);
}

int mb_worker_told_fd(const mb_worker *worker)
{
    return worker->told;
}

uint64_t mb_worker_carried_out(mb_worker *worker)
{
    uint64_t count;
    (void)!read(worker->told, &count, sizeof count);
    /* By an exchange, so that what was told of by who found it set is seen. */
    atomic_exchange(&worker->told_of, false);
    return atomic_load_explicit(&worker->carried_out, memory_order_acquire);
}

bool mb_worker_event(mb_worker *worker, mb_event *event)
{
    uint64_t read = atomic_load_explicit(&worker->read, memory_order_relaxed);
    if (read == atomic_load_explicit(&worker->posted, memory_order_acquire))
        return false;
    *event = worker->events[read % EVENTS_MAX];
    atomic_store_explicit(&worker->read, read + 1, memory_order_release);
    return true;
}

size_t mb_worker_waiting(const mb_worker *worker)
{
    mb_worker *mutable = (mb_worker *)worker;
    return (size_t)(atomic_load(&mutable->pushed) - atomic_load(&mutable->taken));
}

bool mb_worker_running(const mb_worker *worker)
{
    return atomic_load(&((mb_worker *)worker)->running);
}

mb_worker_figures mb_worker_counted(const mb_worker *worker)
{
    return (mb_worker_figures){
        .relayed = worker->table.relayed,
        .played = worker->table.played,
        .receive_errors = worker->receive_errors,
        .events_lost = atomic_load(&((mb_worker *)worker)->lost),
    };
}
