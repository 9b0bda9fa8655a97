/* When a busy packet thread pauses before it looks for packets again, so that it finds several: waking up costs more than
 * relaying. Times are monotonic seconds. */
#ifndef MB_GATHERING_H
#define MB_GATHERING_H

#include <stdbool.h>
#include <stdint.h>

/* From this rate on, measured over a window; a pause is the most that it adds to a packet's way. */
#define MB_BUSY_PACKETS_PER_S 4000.0
#define MB_PAUSE_S 0.0005
#define MB_RATE_WINDOW_S 0.02

typedef struct {
    double counted_from;
    uint32_t packets;
    bool busy;
} mb_gathering;

/* Begin, idle. */
void mb_gathering_make(mb_gathering *gathering, double now);

/* A turn of the thread is over in which so many packets were found. */
void mb_gathering_turn(mb_gathering *gathering, uint32_t packets, double now);

/* How long to pause from now on, so that nothing is late that is due then (INFINITY: nothing is): 0 for not at all. */
double mb_gathering_pause_s(const mb_gathering *gathering, double now, double due);

/* Pause for less than a second, or until a command makes the descriptor readable. */
void mb_gathering_pause(double seconds, int command);

#endif
