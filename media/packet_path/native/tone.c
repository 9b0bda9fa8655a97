#include "tone.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

/* One pass in a codec: a byte for each sample, or packets, of which `sizes` has the lengths and `places` where they begin. */
typedef struct {
    int codec;
    uint8_t silence;
    uint8_t *bytes;
    size_t packets;
    uint16_t *sizes;
    size_t *places;
} encoding;

struct mb_tone {
    atomic_uint owners;
    char name[MB_TONE_NAME_MAX];
    size_t samples;
    bool endless;
    size_t encodings;
    encoding encoded[MB_TONE_CODECS];
};

mb_tone *mb_tone_new(const char *name, size_t samples, bool endless)
{
    mb_tone *tone = calloc(1, sizeof *tone);
    if (!tone)
        return NULL;
    atomic_init(&tone->owners, 1);
    strncpy(tone->name, name, MB_TONE_NAME_MAX - 1);
    tone->samples = samples;
    tone->endless = endless;
    return tone;
}

bool mb_tone_encode(mb_tone *tone, int codec, uint8_t silence, const uint8_t *bytes)
{
    if (tone->encodings == MB_TONE_CODECS)
        return false;
    encoding *encoded = &tone->encoded[tone->encodings];
    encoded->bytes = malloc(tone->samples ? tone->samples : 1);
    if (!encoded->bytes)
        return false;
    memcpy(encoded->bytes, bytes, tone->samples);
    encoded->codec = codec;
    encoded->silence = silence;
    tone->encodings++;
    return true;
}

bool mb_tone_packets(mb_tone *tone, int codec, size_t count, const uint16_t *sizes, const uint8_t *bytes)
{
    if (tone->encodings == MB_TONE_CODECS || !count)
        return false;
    encoding *encoded = &tone->encoded[tone->encodings];
    size_t total = 0;
    encoded->sizes = malloc(count * sizeof *sizes);
    encoded->places = malloc(count * sizeof *encoded->places);
    for (size_t at = 0; encoded->places && at < count; at++) {
        encoded->places[at] = total;
        total += sizes[at];
    }
    encoded->bytes = malloc(total ? total : 1);
    if (!encoded->sizes || !encoded->places || !encoded->bytes) {
        free(encoded->sizes);
        free(encoded->places);
        free(encoded->bytes);
        *encoded = (encoding){0};
        return false;
    }
    memcpy(encoded->sizes, sizes, count * sizeof *sizes);
    memcpy(encoded->bytes, bytes, total);
    encoded->codec = codec;
    encoded->packets = count;
    tone->encodings++;
    return true;
}

mb_tone *mb_tone_share(mb_tone *tone)
{
    if (tone)
        atomic_fetch_add_explicit(&tone->owners, 1, memory_order_relaxed);
    return tone;
}

void mb_tone_release(mb_tone *tone)
{
    if (!tone || atomic_fetch_sub_explicit(&tone->owners, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t at = 0; at < tone->encodings; at++) {
        free(tone->encoded[at].bytes);
        free(tone->encoded[at].sizes);
        free(tone->encoded[at].places);
    }
    free(tone);
}

const char *mb_tone_name(const mb_tone *tone)
{
    return tone->name;
}

bool mb_tone_endless(const mb_tone *tone)
{
    return tone->endless;
}

bool mb_tone_over(const mb_tone *tone, uint64_t position)
{
    return !tone->endless && position >= tone->samples;
}

static size_t packet_at(const mb_tone *tone, const encoding *encoded, uint64_t position, uint8_t *frame, size_t room)
{
    uint64_t index = position / MB_TONE_PACKET_SAMPLES;
    if (tone->endless)
        index %= encoded->packets;
    if (index >= encoded->packets || encoded->sizes[index] > room)
        return 0;
    memcpy(frame, encoded->bytes + encoded->places[index], encoded->sizes[index]);
    return encoded->sizes[index];
}

size_t mb_tone_frame(const mb_tone *tone, int codec, uint64_t position, size_t samples, uint8_t *frame, size_t room)
{
    const encoding *encoded = NULL;
    for (size_t at = 0; at < tone->encodings; at++)
        if (tone->encoded[at].codec == codec)
            encoded = &tone->encoded[at];
    if (!encoded || !tone->samples || samples > room)
        return 0;
    if (encoded->packets)
        return packet_at(tone, encoded, position, frame, room);
    size_t done = 0;
    while (done < samples) {
        if (tone->endless)
            position %= tone->samples;
        else if (position >= tone->samples)
            break;
        size_t run = tone->samples - position < samples - done ? tone->samples - position : samples - done;
        memcpy(frame + done, encoded->bytes + position, run);
        done += run;
        position += run;
    }
    memset(frame + done, encoded->silence, samples - done);
    return samples;
}
