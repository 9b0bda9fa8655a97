#include "repacketiser.h"

#include <string.h>

void mb_repacketiser_make(mb_repacketiser *repacketiser, const mb_inbound *source, size_t frame_samples,
                          uint8_t silence)
{
    memset(repacketiser, 0, sizeof *repacketiser);
    repacketiser->made = true;
    repacketiser->anew = true;
    repacketiser->source = source;
    repacketiser->silence = silence;
    repacketiser->frame_samples = frame_samples;
}

void mb_repacketiser_clear(mb_repacketiser *repacketiser, const mb_inbound *source)
{
    repacketiser->source = source;
    repacketiser->pending_size = 0;
    repacketiser->marker = 0;
    repacketiser->anew = true;
}

/* Give the frame out when it is whole. */
static void cut(mb_repacketiser *repacketiser, mb_emit *emit, void *context)
{
    size_t size = repacketiser->frame_samples;
    if (repacketiser->pending_size < size)
        return;
    mb_frame frame = {repacketiser->timestamp, repacketiser->marker, repacketiser->pending, size};
    repacketiser->marker = 0;
    repacketiser->timestamp += (uint32_t)size;
    repacketiser->pending_size = 0;
    emit(context, &frame);
}

static void fill(mb_repacketiser *repacketiser, size_t most)
{
    size_t room = repacketiser->frame_samples - repacketiser->pending_size, filled = most < room ? most : room;
    memset(repacketiser->pending + repacketiser->pending_size, repacketiser->silence, filled);
    repacketiser->pending_size += filled;
}

void mb_repacketiser_put(mb_repacketiser *repacketiser, uint32_t timestamp, uint8_t marker, const uint8_t *payload,
                         size_t size, double now, mb_emit *emit, void *context)
{
    uint32_t missing = timestamp - repacketiser->timestamp - (uint32_t)repacketiser->pending_size;
    repacketiser->put_at = now;
    if (repacketiser->anew || missing < 0x80000000u) {
        if (repacketiser->pending_size && missing) {
            fill(repacketiser, missing);
            cut(repacketiser, emit, context);
        }
        if (!repacketiser->pending_size)
            repacketiser->timestamp = timestamp;
        repacketiser->anew = false;
    }
    repacketiser->marker |= marker;
    while (size) {
        size_t room = repacketiser->frame_samples - repacketiser->pending_size, taken = size < room ? size : room;
        memcpy(repacketiser->pending + repacketiser->pending_size, payload, taken);
        repacketiser->pending_size += taken;
        payload += taken;
        size -= taken;
        cut(repacketiser, emit, context);
    }
}

void mb_repacketiser_flush(mb_repacketiser *repacketiser, mb_emit *emit, void *context)
{
    if (!repacketiser->pending_size)
        return;
    fill(repacketiser, repacketiser->frame_samples);
    cut(repacketiser, emit, context);
}
