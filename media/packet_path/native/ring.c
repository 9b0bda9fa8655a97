#include "ring.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 64, ALIGNMENT = 8 };

/* `head` and `tail` count bytes and never go back; the writer owns the one, the reader the other. A record never wraps:
 * where it does not fit before the end, a record of size UINT16_MAX fills the rest up. */
struct mb_ring {
    atomic_uint owners;
    uint32_t packets_max;
    size_t bytes, mask;
    uint8_t *room;
    int told_fd; /* its own; -1: nobody is told */
    _Alignas(LINE) atomic_size_t head;
    atomic_uint_least64_t put, dropped;
    atomic_bool closed, told;
    _Alignas(LINE) atomic_size_t tail;
    atomic_uint_least64_t taken;
    size_t reading; /* where the next take begins: what was taken last is let go then */
};

static size_t record_bytes(size_t payload)
{
    return (sizeof(mb_packet) + payload + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

mb_ring *mb_ring_new(uint32_t packets, size_t bytes)
{
    mb_ring *ring = aligned_alloc(LINE, (sizeof(mb_ring) + LINE - 1) & ~(size_t)(LINE - 1));
    if (!ring)
        return NULL;
    memset(ring, 0, sizeof *ring);
    ring->bytes = LINE;
    while (ring->bytes < bytes)
        ring->bytes *= 2;
    ring->mask = ring->bytes - 1;
    ring->packets_max = packets;
    ring->told_fd = -1;
    ring->room = malloc(ring->bytes);
    if (!ring->room) {
        free(ring);
        return NULL;
    }
    atomic_init(&ring->owners, 1);
    return ring;
}

mb_ring *mb_ring_share(mb_ring *ring)
{
    if (ring)
        atomic_fetch_add_explicit(&ring->owners, 1, memory_order_relaxed);
    return ring;
}

void mb_ring_release(mb_ring *ring)
{
    if (ring && atomic_fetch_sub_explicit(&ring->owners, 1, memory_order_acq_rel) == 1) {
        if (ring->told_fd >= 0)
            close(ring->told_fd);
        free(ring->room);
        free(ring);
    }
}

void mb_ring_tell(mb_ring *ring, int descriptor)
{
    ring->told_fd = descriptor;
}

void mb_ring_listen(mb_ring *ring)
{
    /* By an exchange, so that what was put by who found it set is seen. */
    atomic_exchange(&ring->told, false);
}

static void drop(mb_ring *ring)
{
    atomic_fetch_add_explicit(&ring->dropped, 1, memory_order_relaxed);
}

void mb_ring_put(mb_ring *ring, const mb_packet *packet, const uint8_t *payload)
{
    if (atomic_load_explicit(&ring->closed, memory_order_relaxed))
        return;
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    uint64_t put = atomic_load_explicit(&ring->put, memory_order_relaxed);
    size_t needed = record_bytes(packet->size), at = head & ring->mask;
    size_t skipped = needed <= ring->bytes - at ? 0 : ring->bytes - at;
    if (put - atomic_load_explicit(&ring->taken, memory_order_acquire) >= ring->packets_max ||
        skipped + needed > ring->bytes - (head - tail)) {
        drop(ring);
        return;
    }
    if (skipped) {
        /* What is left before the end has room for a record's beginning or for nothing, which the reader knows. */
        if (skipped >= sizeof(mb_packet)) {
            mb_packet filler = {.size = UINT16_MAX};
            memcpy(ring->room + at, &filler, sizeof filler);
        }
        at = 0;
    }
    memcpy(ring->room + at, packet, sizeof *packet);
    memcpy(ring->room + at + sizeof *packet, payload, packet->size);
    atomic_store_explicit(&ring->put, put + 1, memory_order_relaxed);
    atomic_store_explicit(&ring->head, head + skipped + needed, memory_order_release);
    if (ring->told_fd >= 0 && !atomic_exchange(&ring->told, true)) {
        uint64_t one = 1;
        (void)!write(ring->told_fd, &one, sizeof one);
    }
}

bool mb_ring_take(mb_ring *ring, mb_packet *packet, const uint8_t **payload)
{
    size_t head = atomic_load_explicit(&ring->head, memory_order_acquire), at = ring->reading & ring->mask;
    atomic_store_explicit(&ring->tail, ring->reading, memory_order_release);
    if (ring->reading == head)
        return false;
    size_t left = ring->bytes - at;
    if (left >= sizeof *packet)
        memcpy(packet, ring->room + at, sizeof *packet);
    if (left < sizeof *packet || packet->size == UINT16_MAX) {
        ring->reading += left;
        at = 0;
        memcpy(packet, ring->room, sizeof *packet);
    }
    *payload = ring->room + at + sizeof *packet;
    ring->reading += record_bytes(packet->size);
    atomic_fetch_add_explicit(&ring->taken, 1, memory_order_release);
    return true;
}

void mb_ring_close(mb_ring *ring)
{
    atomic_store_explicit(&ring->closed, true, memory_order_relaxed);
}

uint64_t mb_ring_dropped(const mb_ring *ring)
{
    return atomic_load_explicit(&((mb_ring *)ring)->dropped, memory_order_relaxed);
}
