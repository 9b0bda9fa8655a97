/* The same as relay.c over io_uring: a multishot receive per socket into a ring of buffers, sends queued and handed over with
 * the next wait, one system call per turn. Arguments as relay.c's; 3 where the kernel has no io_uring for us. */
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENTRIES = 4096, COMPLETIONS = 16384, BUFFERS = 4096, BUFFER = 2048, GROUP = 1, SENT = 1u << 30 };

static struct io_uring_params params;
static struct io_uring_sqe *entries;
static struct io_uring_cqe *completions;
static unsigned *sq_head, *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
static unsigned queued;
static int ring;
static struct io_uring_buf_ring *buffers;
static unsigned short buffers_tail;
static char *memory;
static int *sockets;

static int enter(unsigned wait)
{
    int done = (int)syscall(SYS_io_uring_enter, ring, queued, wait, wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
    if (done > 0)
        queued -= (unsigned)done;
    return done;
}

static struct io_uring_sqe *next_entry(void)
{
    unsigned tail = *sq_tail;
    if (tail - __atomic_load_n(sq_head, __ATOMIC_ACQUIRE) >= params.sq_entries)
        enter(0);
    struct io_uring_sqe *entry = &entries[tail & *sq_mask];
    memset(entry, 0, sizeof *entry);
    sq_array[tail & *sq_mask] = tail & *sq_mask;
    __atomic_store_n(sq_tail, tail + 1, __ATOMIC_RELEASE);
    queued++;
    return entry;
}

static void receive(unsigned which)
{
    struct io_uring_sqe *entry = next_entry();
    entry->opcode = IORING_OP_RECV;
    entry->fd = sockets[which];
    entry->ioprio = IORING_RECV_MULTISHOT;
    entry->flags = IOSQE_BUFFER_SELECT;
    entry->buf_group = GROUP;
    entry->user_data = which;
}

static void give_back(unsigned short buffer)
{
    struct io_uring_buf *slot = &buffers->bufs[buffers_tail & (BUFFERS - 1)];
    slot->addr = (unsigned long)(memory + (size_t)buffer * BUFFER);
    slot->len = BUFFER;
    slot->bid = buffer;
    buffers_tail++;
    __atomic_store_n(&buffers->tail, buffers_tail, __ATOMIC_RELEASE);
}

static void completed(const struct io_uring_cqe *done)
{
    if (done->user_data & SENT) {
        give_back((unsigned short)(done->user_data & 0xffff));
        return;
    }
    unsigned which = (unsigned)done->user_data;
    if (done->res > 0 && done->flags & IORING_CQE_F_BUFFER) {
        unsigned short buffer = (unsigned short)(done->flags >> IORING_CQE_BUFFER_SHIFT);
        struct io_uring_sqe *entry = next_entry();
        entry->opcode = IORING_OP_SEND;
        entry->fd = sockets[which ^ 1];
        entry->addr = (unsigned long)(memory + (size_t)buffer * BUFFER);
        entry->len = (unsigned)done->res;
        entry->msg_flags = MSG_DONTWAIT;
        entry->user_data = SENT | buffer;
    }
    if (!(done->flags & IORING_CQE_F_MORE))
        receive(which);
}

static int set_up(void)
{
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = COMPLETIONS;
    ring = (int)syscall(SYS_io_uring_setup, ENTRIES, &params);
    if (ring < 0)
        return errno;
    size_t sq_size = params.sq_off.array + params.sq_entries * sizeof(unsigned);
    size_t cq_size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
    size_t size = sq_size > cq_size ? sq_size : cq_size;
    char *queues = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
    entries = mmap(NULL, params.sq_entries * sizeof *entries, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
                   IORING_OFF_SQES);
    buffers = mmap(NULL, BUFFERS * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
                   MAP_ANONYMOUS | MAP_PRIVATE | MAP_POPULATE, -1, 0);
    memory = mmap(NULL, (size_t)BUFFERS * BUFFER, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE | MAP_POPULATE, -1, 0);
    if (queues == MAP_FAILED || entries == MAP_FAILED || buffers == MAP_FAILED || memory == MAP_FAILED)
        return ENOMEM;
    sq_head = (unsigned *)(queues + params.sq_off.head);
    sq_tail = (unsigned *)(queues + params.sq_off.tail);
    sq_mask = (unsigned *)(queues + params.sq_off.ring_mask);
    sq_array = (unsigned *)(queues + params.sq_off.array);
    cq_head = (unsigned *)(queues + params.cq_off.head);
    cq_tail = (unsigned *)(queues + params.cq_off.tail);
    cq_mask = (unsigned *)(queues + params.cq_off.ring_mask);
    completions = (struct io_uring_cqe *)(queues + params.cq_off.cqes);
    struct io_uring_buf_reg registered = {.ring_addr = (unsigned long)buffers, .ring_entries = BUFFERS, .bgid = GROUP};
    if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &registered, 1) < 0)
        return errno;
    return 0;
}

int main(int count, char **descriptors)
{
    if (count < 3 || count % 2 == 0) {
        fprintf(stderr, "usage: relay_uring FD FD [FD FD ...]\n");
        return 2;
    }
    int failure = set_up();
    sockets = malloc(sizeof *sockets * (size_t)(count - 1));
    if (failure || !sockets) {
        fprintf(stderr, "io_uring: %s\n", strerror(failure));
        return 3;
    }
    for (unsigned buffer = 0; buffer < BUFFERS; buffer++)
        give_back((unsigned short)buffer);
    for (int i = 1; i < count; i++) {
        sockets[i - 1] = atoi(descriptors[i]);
        receive((unsigned)(i - 1));
    }
    enter(0);
    puts("ready");
    fflush(stdout);
    for (;;) {
        if (enter(1) < 0 && errno != EINTR)
            return 1;
        unsigned head = *cq_head, tail = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
        for (; head != tail; head++)
            completed(&completions[head & *cq_mask]);
        __atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
    }
}
