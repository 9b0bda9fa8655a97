#include "rtp.h"

enum { PADDING = 0x20, EXTENSION = 0x10, EXTENSION_HEADER = 4 };

bool mb_payload_bounds(const uint8_t *packet, size_t size, size_t *start, size_t *end)
{
    if (size < MB_RTP_HEADER || (packet[0] & 0xC0) != MB_RTP_VERSION_2)
        return false;
    size_t from = MB_RTP_HEADER + 4 * (size_t)(packet[0] & 0x0F), to = size;
    if (packet[0] & EXTENSION) {
        if (size < from + EXTENSION_HEADER)
            return false;
        from += EXTENSION_HEADER + 4 * (size_t)mb_get16(packet + from + 2);
    }
    if (packet[0] & PADDING) {
        size_t padding = packet[size - 1];
        if (padding == 0 || padding > size)
            return false;
        to -= padding;
    }
    if (from > to)
        return false;
    *start = from;
    *end = to;
    return true;
}
