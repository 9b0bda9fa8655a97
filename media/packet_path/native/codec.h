/* The formats that the packet path tells apart, by their numbers. */
#ifndef MB_CODEC_H
#define MB_CODEC_H

#include <stdbool.h>
#include <stdint.h>

/* RFC 3551's payload types; from 128 on, formats whose payload types are negotiated. */
enum {
    MB_UNROUTED = -1,
    MB_PCMU = 0,
    MB_PCMA = 8,
    MB_G722 = 9,
    MB_COMFORT_NOISE = 13,
    MB_TELEPHONE_EVENT = 128,
    MB_TELEPHONE_EVENT_48000 = 129,
    MB_OPUS = 130,
};

enum { MB_SAMPLES_HZ = 8000, MB_OPUS_CLOCK_HZ = 48000, MB_TONE_PACKET_SAMPLES = 160 };

static inline bool mb_is_g711(int codec)
{
    return codec == MB_PCMA || codec == MB_PCMU;
}

static inline bool mb_is_audio(int codec)
{
    return mb_is_g711(codec) || codec == MB_G722 || codec == MB_OPUS;
}

/* What RTP timestamps, and an event's durations, count. */
static inline uint32_t mb_clock_hz(int codec)
{
    return codec == MB_OPUS || codec == MB_TELEPHONE_EVENT_48000 ? MB_OPUS_CLOCK_HZ : MB_SAMPLES_HZ;
}

/* Whether audio of one codec becomes that of another only by decoding and encoding it. */
static inline bool mb_needs_conversion(int codec, int sink_codec)
{
    return codec != sink_codec && mb_is_audio(codec) && !(mb_is_g711(codec) && mb_is_g711(sink_codec));
}

/* How much of the RTP clock each packet of a tone takes, where a leg's packet time is `ptime_ticks`. */
static inline uint32_t mb_frame_ticks(int codec, uint32_t ptime_ticks)
{
    return codec == MB_OPUS ? MB_TONE_PACKET_SAMPLES * (MB_OPUS_CLOCK_HZ / MB_SAMPLES_HZ) : ptime_ticks;
}

#endif
