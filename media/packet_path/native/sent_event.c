#include "sent_event.h"

bool mb_sent_event_takes(mb_sent_event *sent, uint32_t ssrc, uint8_t code, uint32_t timestamp)
{
    if (!sent->known || ssrc != sent->ssrc || code != sent->code)
        return false;
    uint32_t behind = sent->timestamp - timestamp;
    if (behind <= sent->before && behind % MB_DURATION_MAX == 0)
        return true;
    if (sent->ended || timestamp - sent->timestamp != MB_DURATION_MAX)
        return false;
    sent->before += MB_DURATION_MAX;
    sent->timestamp = timestamp;
    return true;
}

mb_event_part mb_sent_event_part(mb_sent_event *sent, const mb_event_packet *packet)
{
    uint32_t behind = sent->timestamp - packet->timestamp;
    uint64_t total = (sent->before - behind + packet->duration) * packet->to_hz / packet->from_hz;
    uint64_t newest = sent->reported ? (sent->reported - 1) / MB_DURATION_MAX : 0;
    uint64_t farthest = newest + (packet->may_grow && sent->reported && !sent->ended);
    uint64_t segment = total ? (total - 1) / MB_DURATION_MAX : 0;
    if (segment > farthest)
        segment = farthest;
    uint64_t begins = segment * MB_DURATION_MAX, units = total - begins;
    if (units > MB_DURATION_MAX)
        units = MB_DURATION_MAX;
    mb_event_part part = {.timestamp = sent->began + (uint32_t)begins, .duration = (uint16_t)units};
    if (segment > newest && sent->reported < begins) {
        part.incomplete = true;
        part.completes = part.timestamp - MB_DURATION_MAX;
    }
    if (begins + units > sent->reported)
        sent->reported = begins + units;
    sent->ended = sent->ended || packet->end;
    return part;
}
