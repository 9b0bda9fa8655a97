/* RTCP of one leg (RFC 3550 section 6): our reports to it, its reports about us. Nothing of it crosses the bridge. */
#ifndef MB_CONTROL_H
#define MB_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gate.h"
#include "reception.h"

enum {
    MB_CNAME_MAX = 64,
    /* Sender report with one block, source description, BYE. */
    MB_CONTROL_MAX = 28 + 24 + 4 + 4 + 2 + MB_CNAME_MAX + 4 + 8,
};

/* Report timing and contents of one leg; `clock_hz`: what the timestamps that we send count. Its NTP times are of the monotonic clock, which section 4 allows. */
typedef struct {
    uint32_t ssrc, dice, clock_hz;
    char cname[MB_CNAME_MAX];
    uint8_t cname_size;
    mb_address target;
    bool scheduled, has_round_trip, has_far;
    double due;
    int64_t packets_reported;
    uint32_t far_report_ntp, far_report_ssrc;
    double far_report_at;
    double round_trip_ms, far_jitter_ms;
    int64_t far_lost;
    uint64_t strangers, malformed;
} mb_control;

/* What we have sent: packets, octets, and our RTP clock's reading of now. */
typedef struct {
    int64_t packets, octets;
    uint32_t timestamp;
} mb_sent;

/* Set the time of the next report: 0.5 to 1.5 intervals from now. */
void mb_control_schedule(mb_control *control, double now);

/* Take an RTCP packet of the leg; false, and counted, when it is not valid (A.2). At most 32 packets of a compound one
 * are looked at. */
bool mb_control_receive(mb_control *control, const uint8_t *packet, size_t size, double now);

/* The compound packet that is due: a sender report when something was sent since the last, the CNAME, and for a
 * `farewell` a BYE. Its size; `packet` has room for MB_CONTROL_MAX. */
size_t mb_control_report(mb_control *control, mb_reception *reception, const mb_sent *sent, bool farewell, double now,
                         uint8_t *packet);

#endif
