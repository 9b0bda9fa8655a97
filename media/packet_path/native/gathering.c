#include "gathering.h"

#include <math.h>
#include <poll.h>
#include <time.h>

void mb_gathering_make(mb_gathering *gathering, double now)
{
    *gathering = (mb_gathering){.counted_from = now};
}

void mb_gathering_turn(mb_gathering *gathering, uint32_t packets, double now)
{
    gathering->packets += packets;
    double counted_s = now - gathering->counted_from;
    if (counted_s < MB_RATE_WINDOW_S)
        return;
    gathering->busy = gathering->packets >= counted_s * MB_BUSY_PACKETS_PER_S;
    gathering->packets = 0;
    gathering->counted_from = now;
}

double mb_gathering_pause_s(const mb_gathering *gathering, double now, double due)
{
    return gathering->busy ? fmax(fmin(due - now, MB_PAUSE_S), 0.0) : 0.0;
}

void mb_gathering_pause(double seconds, int command)
{
    struct pollfd watched = {.fd = command, .events = POLLIN};
    struct timespec most = {0, (long)(seconds * 1e9)};
    (void)ppoll(&watched, 1, &most, NULL);
}
