/* Sequence and jitter bookkeeping of one incoming direction, through changes of SSRC (RFC 3550 section 6.4.1, A.1,
 * A.3, A.8). */
#ifndef MB_RECEPTION_H
#define MB_RECEPTION_H

#include <stdbool.h>
#include <stdint.h>

/* `jitter` is in timestamp units, of which `clock_hz` are a second. `missing`: of the newest 128 extended sequence numbers, those passed over: a late
 * packet is one of these, anything else that is late has been here before. */
typedef struct {
    uint32_t ssrc, clock_hz;
    uint16_t highest;
    bool started;
    int64_t received, cycles;
    uint64_t missing[2];
    double jitter, transit; /* up to here each packet in order looks: one line of a cache */
    int64_t base, before_expected, before_received;
    int64_t reported_expected, reported_received;
    int64_t run_newest, run_at; /* the newest and the latest number of a run of late packets, */
    int32_t run;                /* how many of them have been here before, */
    double run_began_at;        /* and since when */
} mb_reception;

/* What `mb_reception_arrived` says where the source must have begun anew: its number has jumped too far, or it goes
 * through those again that it has had. */
#define MB_ANEW INT32_MAX

/* A new source, or one that began anew: the earlier one's totals are kept. `sequence` counts as heard. */
void mb_reception_restart(mb_reception *reception, uint32_t ssrc, uint16_t sequence);

/* The source's timestamps count something else from now on, as those of another codec: its jitter stays as long as it
 * was. */
void mb_reception_change_clock(mb_reception *reception, uint32_t clock_hz);

/* Count a packet of the current SSRC: how far it is ahead of the newest before it (negative: late, 0: a repetition),
 * or MB_ANEW. */
int32_t mb_reception_arrived(mb_reception *reception, uint16_t sequence, double now);

/* The fraction lost since the last time it was asked for, in 1/256 (A.3). */
uint8_t mb_reception_fraction(mb_reception *reception);

static inline int64_t mb_reception_newest(const mb_reception *reception)
{
    return reception->cycles + reception->highest;
}

static inline int64_t mb_reception_expected(const mb_reception *reception)
{
    return reception->started ? mb_reception_newest(reception) - reception->base + 1 : 0;
}

static inline void mb_reception_heard(mb_reception *reception, int64_t number)
{
    reception->missing[((uint64_t)number & 127) / 64] &= ~(1ULL << ((uint64_t)number & 63));
}

/* The packet that comes next in order. */
static inline void mb_reception_next(mb_reception *reception, uint16_t sequence)
{
    reception->highest = sequence;
    reception->received++;
    if (sequence == 0)
        reception->cycles += 0x10000;
    mb_reception_heard(reception, mb_reception_newest(reception));
}

#endif
