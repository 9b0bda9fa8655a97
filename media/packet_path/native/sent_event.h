/* A telephone-event on its way to one leg: in whatever segments it comes, it is one event there (RFC 4733 2.5.1.3). */
#ifndef MB_SENT_EVENT_H
#define MB_SENT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    MB_EVENT_BYTES = 4,
    /* In the octet between the event and its duration: the event is over. */
    MB_EVENT_END = 0x80,
    /* A segment of a long event ends here and the next begins. */
    MB_DURATION_MAX = 0xFFFF,
};

/* An event longer than its duration can tell comes in segments, whose borders lie elsewhere in another clock.
 *
 * `timestamp` is that of the source's newest segment, `before` what was before that, in the source's units. `began` is the
 * event's timestamp at the leg, `reported` how much of it the leg has been told, in the leg's units. `ended`: also that it
 * is over, so that it grows no more. */
typedef struct {
    bool known, ended;
    uint8_t code;
    uint32_t ssrc, timestamp, began;
    uint64_t before, reported;
} mb_sent_event;

/* What a packet of the event is to say. `incomplete`: before it the segment of the timestamp `completes` is to be reported
 * in its full length, for it was not yet. */
typedef struct {
    uint32_t timestamp, completes;
    uint16_t duration;
    bool incomplete;
} mb_event_part;

/* A packet's durations, and what its and the leg's count. `may_grow`: it is not late. */
typedef struct {
    uint32_t timestamp, from_hz, to_hz;
    uint16_t duration;
    bool end, may_grow;
} mb_event_packet;

/* Whether a packet with these is the event's: of one of its segments, or of the one that follows. */
bool mb_sent_event_takes(mb_sent_event *sent, uint32_t ssrc, uint8_t code, uint32_t timestamp);

/* What a packet of the event says to the leg. A packet goes on by one segment at the most, which the next ones make good;
 * the first one, a late one and those behind the end stay where they are. */
mb_event_part mb_sent_event_part(mb_sent_event *sent, const mb_event_packet *packet);

#endif
