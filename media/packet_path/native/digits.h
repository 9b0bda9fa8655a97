/* telephone-event (RFC 4733): each key press of one direction reported exactly once. */
#ifndef MB_DIGITS_H
#define MB_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MB_DIGIT_KINDS = 16 };

typedef struct {
    uint8_t event; /* index into "0123456789*#ABCD" */
    uint32_t duration_ms;
} mb_press;

/* An event is known by (SSRC, RTP timestamp, event code). It is over with its first end packet, with the start of
 * another, or when nothing of it came for 0.3 s. Segments of a long event are one press. `begun`: a key went down with
 * the newest packet, and is down. */
typedef struct {
    bool open, has_last, begun;
    uint8_t event, last_event;
    uint32_t ssrc, timestamp, last_ssrc, last_timestamp;
    uint16_t duration;
    uint32_t clock_hz;
    uint32_t before_ms;
    double heard_at;
    int reports;
} mb_digits;

/* Take one telephone-event payload, whose durations count `clock_hz`; the presses that it ended, at most two, are put into `ended`. */
int mb_digits_packet(mb_digits *watch, uint32_t ssrc, uint32_t timestamp, const uint8_t *payload, size_t size,
                     uint32_t clock_hz, double now, mb_press ended[2]);

/* The source has begun anew: whatever comes next is no packet of an earlier key. */
void mb_digits_begin_anew(mb_digits *watch);

/* To be called a few times a second: 1 and the press whose end packets were lost, else 0. */
int mb_digits_sweep(mb_digits *watch, double now, mb_press *ended);

#endif
