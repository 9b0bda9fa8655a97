/* A bounded queue of packets between the packet thread and another: one puts, one takes, neither waits. */
#ifndef MB_RING_H
#define MB_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    double arrival;
    uint32_t timestamp, ssrc;
    uint16_t sequence, size;
    int16_t codec;
    uint8_t marker;
} mb_packet;

typedef struct mb_ring mb_ring;

/* Room for `packets` packets, and for `bytes` of them rounded up to a power of two; NULL without memory. It has one
 * owner. */
mb_ring *mb_ring_new(uint32_t packets, size_t bytes);

/* One owner more, one fewer; with the last it is gone. Safe on any thread. */
mb_ring *mb_ring_share(mb_ring *ring);
void mb_ring_release(mb_ring *ring);

/* Have an eventfd written to when there is something to take after `mb_ring_listen`; before it is shared. It is the
 * ring's own from now on and closed with it. */
void mb_ring_tell(mb_ring *ring, int descriptor);

/* To be called before taking: what is put from now on is told of. */
void mb_ring_listen(mb_ring *ring);

/* Leave a packet and its payload. A full ring drops and counts it; a closed one drops it. */
void mb_ring_put(mb_ring *ring, const mb_packet *packet, const uint8_t *payload);

/* Take the oldest packet: false when there is none. Its payload stays at `*payload` until the next take. */
bool mb_ring_take(mb_ring *ring, mb_packet *packet, const uint8_t **payload);

/* Take no more packets, and count none as lost. */
void mb_ring_close(mb_ring *ring);

/* How many packets a full ring has dropped. */
uint64_t mb_ring_dropped(const mb_ring *ring);

#endif
