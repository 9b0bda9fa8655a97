#include "reception.h"

/* Repetitions that come within so short a time are a burst that a network has sent twice. */
#define REPETITIONS_S 0.06

enum {
    /* A.1: how far a sequence number may jump ahead, or lag, before it is a restart of the source. */
    DROPOUT_MAX = 3000,
    MISORDER_MAX = 100,
    /* So many repetitions in a row, in their order and with nothing new among them, are a source that began anew, too. */
    REPETITIONS_MAX = 4,
    /* Packets from before the first that was heard of a source; so many may still come after it. */
    EARLY = 16,
    REMEMBERED = 128,
};

static void miss(mb_reception *reception, int64_t number)
{
    reception->missing[((uint64_t)number & 127) / 64] |= 1ULL << ((uint64_t)number & 63);
}

static bool is_missing(const mb_reception *reception, int64_t number)
{
    return reception->missing[((uint64_t)number & 127) / 64] >> ((uint64_t)number & 63) & 1;
}

void mb_reception_restart(mb_reception *reception, uint32_t ssrc, uint16_t sequence)
{
    if (reception->started) {
        reception->before_expected += mb_reception_expected(reception);
        reception->before_received += reception->received;
    }
    reception->started = true;
    reception->ssrc = ssrc;
    reception->base = sequence;
    reception->highest = sequence;
    reception->cycles = 0;
    reception->received = 1;
    reception->transit = 0.0;
    reception->missing[0] = reception->missing[1] = 0;
    for (int64_t number = sequence - EARLY; number < sequence; number++)
        miss(reception, number);
    reception->reported_expected = 0;
    reception->reported_received = 0;
    reception->run = 0;
}

void mb_reception_change_clock(mb_reception *reception, uint32_t clock_hz)
{
    reception->jitter *= (double)clock_hz / reception->clock_hz;
    reception->clock_hz = clock_hz;
}

static void pass_over(mb_reception *reception, int32_t ahead)
{
    int64_t newest = mb_reception_newest(reception);
    int64_t number = newest - (ahead < REMEMBERED ? ahead : REMEMBERED);
    while (++number < newest)
        miss(reception, number);
}

static int32_t late(mb_reception *reception, int32_t behind, double now)
{
    int64_t newest = mb_reception_newest(reception), number = newest + behind, run_at = reception->run_at;
    if (newest != reception->run_newest || number < run_at)
        reception->run = 0;
    reception->run_newest = newest;
    reception->run_at = number;
    if (!is_missing(reception, number)) {
        if (!reception->run)
            reception->run_began_at = now;
        if (!reception->run || number > run_at)
            reception->run++;
        bool anew = reception->run > REPETITIONS_MAX && now - reception->run_began_at >= REPETITIONS_S;
        return anew ? MB_ANEW : 0;
    }
    mb_reception_heard(reception, number);
    reception->received++;
    if (number < reception->base)
        reception->base = number;
    return behind;
}

int32_t mb_reception_arrived(mb_reception *reception, uint16_t sequence, double now)
{
    int32_t ahead = (uint16_t)(sequence - reception->highest);
    if (ahead > 0x10000 - MISORDER_MAX)
        return late(reception, ahead - 0x10000, now);
    if (ahead > DROPOUT_MAX)
        return MB_ANEW;
    if (ahead) {
        if (sequence < reception->highest)
            reception->cycles += 0x10000;
        reception->highest = sequence;
        reception->received++;
        if (ahead > 1)
            pass_over(reception, ahead);
        mb_reception_heard(reception, mb_reception_newest(reception));
    }
    return ahead;
}

uint8_t mb_reception_fraction(mb_reception *reception)
{
    int64_t expected = mb_reception_expected(reception), received = reception->received;
    int64_t due = expected - reception->reported_expected;
    int64_t lost = due - (received - reception->reported_received);
    reception->reported_expected = expected;
    reception->reported_received = received;
    if (due <= 0 || lost <= 0)
        return 0;
    int64_t fraction = lost * 256 / due;
    return (uint8_t)(fraction < 255 ? fraction : 255);
}
