/* The RTP header (RFC 3550 section 5.1), and numbers in network order. */
#ifndef MB_RTP_H
#define MB_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MB_RTP_HEADER = 12,
    MB_RTP_VERSION_2 = 0x80,
    MB_RTP_MARKER = 0x80,
    /* Second byte of an RTCP packet: no RTP payload type, marker or not, that is ever negotiated. */
    MB_RTCP_FIRST = 192,
    MB_RTCP_LAST = 223,
    /* Longest datagram that is looked at; a longer one is cut by the kernel and dropped. */
    MB_DATAGRAM_MAX = 4096,
};

static inline uint16_t mb_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t mb_get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void mb_put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void mb_put32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

static inline void mb_put_rtp(uint8_t *at, unsigned second, uint16_t sequence, uint32_t timestamp, uint32_t ssrc)
{
    at[0] = MB_RTP_VERSION_2;
    at[1] = (uint8_t)second;
    mb_put16(at + 2, sequence);
    mb_put32(at + 4, timestamp);
    mb_put32(at + 8, ssrc);
}

/* Where the payload lies in a packet of `size` bytes. False when the header is not valid RTP version 2. CSRC list,
 * extension and padding are left outside (sections 5.1, 5.3.1, A.1). */
bool mb_payload_bounds(const uint8_t *packet, size_t size, size_t *start, size_t *end);

#endif
