#include "control.h"

#include <string.h>

#include "rtp.h"

#define INTERVAL_S 5.0

enum {
    SENDER_REPORT = 200,
    RECEIVER_REPORT = 201,
    SOURCE_DESCRIPTION = 202,
    BYE = 203,
    HEADER = 4,
    SENDER_FIXED = 24,
    RECEIVER_FIXED = 4,
    BLOCK = 24,
    CNAME = 1,
    PACKETS_MAX = 32,
    LOST_MAX = 0x7FFFFF,
};

/* A linear congruential generator is random enough to keep reports from marching in step (section 6.3.1). */
enum { LCG_FACTOR = 1664525, LCG_STEP = 1013904223 };

void mb_control_schedule(mb_control *control, double now)
{
    control->dice = control->dice * (uint32_t)LCG_FACTOR + (uint32_t)LCG_STEP;
    control->due = now + INTERVAL_S * (0.5 + control->dice / 4294967296.0);
    control->scheduled = true;
}

static uint64_t ntp(double seconds)
{
    return (uint64_t)(seconds * 4294967296.0);
}

static uint32_t compact(uint64_t timestamp)
{
    return (uint32_t)(timestamp >> 16);
}

/* Arrival - LSR - DLSR (section 6.4.1). False when it has not seen a report of ours or the figures make no sense. */
static bool round_trip(uint32_t last_report, uint32_t delay, double now, double *ms)
{
    if (last_report == 0)
        return false;
    uint32_t elapsed = compact(ntp(now)) - last_report - delay;
    if (elapsed > 0x80000000u) {
        /* Clocks of unequal pace can make it slightly negative; half the range is nonsense. */
        *ms = 0.0;
        return elapsed > 0xFFFF0000u;
    }
    *ms = (double)((uint64_t)elapsed * 1000) / 65536;
    return elapsed < 60u << 16;
}

static void take_block(mb_control *control, const uint8_t *block, double now)
{
    if (mb_get32(block) != control->ssrc)
        return;
    int32_t lost = (int32_t)(mb_get32(block + 4) & 0xFFFFFF);
    if (lost & 0x800000)
        lost -= 0x1000000;
    control->has_far = true;
    control->far_lost = lost > 0 ? lost : 0;
    control->far_jitter_ms = (double)((uint64_t)mb_get32(block + 12) * 1000) / control->clock_hz;
    double ms;
    if (round_trip(mb_get32(block + 16), mb_get32(block + 20), now, &ms)) {
        control->has_round_trip = true;
        control->round_trip_ms = ms;
    }
}

static void take_report(mb_control *control, const uint8_t *packet, size_t size, double now)
{
    size_t count = packet[0] & 0x1F, fixed = packet[1] == SENDER_REPORT ? SENDER_FIXED : RECEIVER_FIXED;
    const uint8_t *body = packet + HEADER;
    if (size - HEADER < fixed + count * BLOCK)
        return;
    if (packet[1] == SENDER_REPORT) {
        control->far_report_ssrc = mb_get32(body);
        control->far_report_ntp = compact((uint64_t)mb_get32(body + 4) << 32 | mb_get32(body + 8));
        control->far_report_at = now;
    }
    for (size_t at = 0; at < count; at++)
        take_block(control, body + fixed + at * BLOCK, now);
}

/* The size of the packet at the head of what is left; 0 when it is not valid. */
static size_t one_of(const uint8_t *packet, size_t left)
{
    if (left < HEADER || (packet[0] & 0xC0) != MB_RTP_VERSION_2 || packet[1] < MB_RTCP_FIRST || packet[1] > MB_RTCP_LAST)
        return 0;
    size_t size = 4 * ((size_t)mb_get16(packet + 2) + 1);
    return size <= left ? size : 0;
}

bool mb_control_receive(mb_control *control, const uint8_t *packet, size_t size, double now)
{
    size_t offset = 0, checked = 0;
    for (int count = 0; count < PACKETS_MAX && checked < size; count++) {
        size_t one = one_of(packet + checked, size - checked);
        if (!one) {
            checked = 0;
            break;
        }
        checked += one;
    }
    if (!checked) {
        control->malformed++;
        return false;
    }
    while (offset < checked) {
        size_t one = one_of(packet + offset, checked - offset);
        if (packet[offset + 1] == SENDER_REPORT || packet[offset + 1] == RECEIVER_REPORT)
            take_report(control, packet + offset, one, now);
        offset += one;
    }
    return true;
}

static uint8_t *head(uint8_t *at, unsigned count, uint8_t kind, size_t body)
{
    at[0] = (uint8_t)(MB_RTP_VERSION_2 | count);
    at[1] = kind;
    mb_put16(at + 2, (uint16_t)(body / 4));
    return at + HEADER;
}

static uint8_t *put_sender(uint8_t *at, const mb_sent *sent, double now)
{
    uint64_t timestamp = ntp(now);
    mb_put32(at, (uint32_t)(timestamp >> 32));
    mb_put32(at + 4, (uint32_t)timestamp);
    mb_put32(at + 8, sent->timestamp);
    mb_put32(at + 12, (uint32_t)sent->packets);
    mb_put32(at + 16, (uint32_t)sent->octets);
    return at + SENDER_FIXED - 4;
}

static uint8_t *put_block(const mb_control *control, mb_reception *reception, uint8_t *at, double now)
{
    int64_t lost = mb_reception_expected(reception) - reception->received;
    lost = lost > LOST_MAX ? LOST_MAX : lost < -LOST_MAX - 1 ? -LOST_MAX - 1 : lost;
    /* Of another source's report it would measure against another clock (section 6.4.1). */
    uint32_t last_report = control->far_report_ssrc == reception->ssrc ? control->far_report_ntp : 0;
    double delay = last_report ? (now - control->far_report_at) * 65536 : 0.0;
    mb_put32(at, reception->ssrc);
    mb_put32(at + 4, (uint32_t)mb_reception_fraction(reception) << 24 | ((uint32_t)lost & 0xFFFFFF));
    mb_put32(at + 8, (uint32_t)mb_reception_newest(reception));
    mb_put32(at + 12, (uint32_t)(uint64_t)reception->jitter);
    mb_put32(at + 16, last_report);
    mb_put32(at + 20, (uint32_t)(uint64_t)delay);
    return at + BLOCK;
}

/* At least one zero ends the chunk's item list, and it fills a 32-bit word (section 6.5). */
static uint8_t *put_cname(const mb_control *control, uint8_t *at)
{
    size_t chunk = 4 + 2 + (size_t)control->cname_size, padding = 4 - chunk % 4;
    at = head(at, 1, SOURCE_DESCRIPTION, chunk + padding);
    mb_put32(at, control->ssrc);
    at[4] = CNAME;
    at[5] = control->cname_size;
    memcpy(at + 6, control->cname, control->cname_size);
    memset(at + chunk, 0, padding);
    return at + chunk + padding;
}

size_t mb_control_report(mb_control *control, mb_reception *reception, const mb_sent *sent, bool farewell, double now,
                         uint8_t *packet)
{
    bool sends = sent->packets != control->packets_reported;
    unsigned blocks = reception->started ? 1 : 0;
    size_t body = (sends ? SENDER_FIXED : RECEIVER_FIXED) + blocks * BLOCK;
    uint8_t *at = head(packet, blocks, sends ? SENDER_REPORT : RECEIVER_REPORT, body);
    control->packets_reported = sent->packets;
    mb_put32(at, control->ssrc);
    at += 4;
    if (sends)
        at = put_sender(at, sent, now);
    if (blocks)
        at = put_block(control, reception, at, now);
    at = put_cname(control, at);
    if (farewell) {
        at = head(at, 1, BYE, 4);
        mb_put32(at, control->ssrc);
        at += 4;
    }
    return (size_t)(at - packet);
}
