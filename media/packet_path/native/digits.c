#include "digits.h"

#include <math.h>

#include "rtp.h"
#include "sent_event.h"

#define LOST_END_S 0.3
#define LATE_S 2.0

enum {
    /* So far back a timestamp may lie whose key was pressed before the newest, and so long ago the newest may have been
     * heard: its packets are late. Otherwise the source's timestamps have jumped. */
    LATEST_S = 20,
    /* Reports a leg may make between two sweeps of the clock; keys are pressed by people. */
    REPORTS_PER_SWEEP = 32,
};

static int finish(mb_digits *watch, mb_press *ended)
{
    if (!watch->open)
        return 0;
    watch->open = false;
    watch->has_last = true;
    watch->last_ssrc = watch->ssrc;
    watch->last_timestamp = watch->timestamp;
    watch->last_event = watch->event;
    if (++watch->reports > REPORTS_PER_SWEEP)
        return 0;
    ended->event = watch->event;
    ended->duration_ms = watch->before_ms + (uint32_t)watch->duration * 1000 / watch->clock_hz;
    return 1;
}

static bool is_older(const mb_digits *watch, uint32_t ssrc, uint32_t timestamp, uint32_t clock_hz)
{
    if (!watch->open && !watch->has_last)
        return false;
    uint32_t newest_ssrc = watch->open ? watch->ssrc : watch->last_ssrc;
    uint32_t newest = watch->open ? watch->timestamp : watch->last_timestamp;
    return newest_ssrc == ssrc && newest != timestamp && newest - timestamp < LATEST_S * clock_hz;
}

static bool continues(mb_digits *watch, uint32_t ssrc, uint32_t timestamp, uint8_t event)
{
    if (!watch->open || ssrc != watch->ssrc || event != watch->event)
        return false;
    if (timestamp == watch->timestamp)
        return true;
    /* The next segment starts where the one of full length ended. */
    if (timestamp - watch->timestamp != MB_DURATION_MAX)
        return false;
    watch->before_ms += MB_DURATION_MAX * 1000 / watch->clock_hz;
    watch->timestamp = timestamp;
    watch->duration = 0;
    return true;
}

int mb_digits_packet(mb_digits *watch, uint32_t ssrc, uint32_t timestamp, const uint8_t *payload, size_t size,
                     uint32_t clock_hz, double now, mb_press ended[2])
{
    int count = 0;
    watch->begun = false;
    if (size < MB_EVENT_BYTES || payload[0] >= MB_DIGIT_KINDS)
        return 0;
    uint8_t event = payload[0];
    uint16_t duration = mb_get16(payload + 2);
    if (watch->has_last && ssrc == watch->last_ssrc && timestamp == watch->last_timestamp && event == watch->last_event)
        return 0;
    if (now - watch->heard_at < LATE_S && is_older(watch, ssrc, timestamp, clock_hz))
        return 0;
    if (!continues(watch, ssrc, timestamp, event)) {
        count += finish(watch, &ended[count]);
        watch->open = true;
        watch->ssrc = ssrc;
        watch->timestamp = timestamp;
        watch->event = event;
        watch->duration = 0;
        watch->before_ms = 0;
        watch->clock_hz = clock_hz;
        watch->begun = !(payload[1] & MB_EVENT_END) && watch->reports < REPORTS_PER_SWEEP;
    }
    if (duration > watch->duration)
        watch->duration = duration;
    watch->heard_at = now;
    if (payload[1] & MB_EVENT_END)
        count += finish(watch, &ended[count]);
    return count;
}

void mb_digits_begin_anew(mb_digits *watch)
{
    watch->heard_at = -INFINITY;
}

int mb_digits_sweep(mb_digits *watch, double now, mb_press *ended)
{
    watch->reports = 0;
    return watch->open && now - watch->heard_at > LOST_END_S ? finish(watch, ended) : 0;
}
