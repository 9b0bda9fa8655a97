/* Audio cut anew where a leg takes packets of another length than its source sends. */
#ifndef MB_REPACKETISER_H
#define MB_REPACKETISER_H

#include "stream.h"

/* An unfinished frame whose source has gone quiet for this long is sent as it is, filled up with silence. */
#define MB_STALE_S 0.1

typedef struct {
    uint32_t timestamp;
    uint8_t marker;
    const uint8_t *payload;
    size_t size;
} mb_frame;

/* Gets each frame that can be sent; its payload is there until it returns. */
typedef void mb_emit(void *context, const mb_frame *frame);

/* Begin, with frames of at most MB_FRAME_SAMPLES_MAX. `silence` is the codec's code for it. */
void mb_repacketiser_make(mb_repacketiser *repacketiser, const mb_inbound *source, size_t frame_samples,
                          uint8_t silence);

/* Forget what waits; from here on it is another source, or the same one anew. */
void mb_repacketiser_clear(mb_repacketiser *repacketiser, const mb_inbound *source);

/* Take the next audio of the source, later than all before. Where audio is missing (loss, a pause) the frame that was
 * begun is filled up with silence and the next begins where the audio goes on; where timestamps say less than the payload
 * holds, the payload is believed, so that ours never go back. */
void mb_repacketiser_put(mb_repacketiser *repacketiser, uint32_t timestamp, uint8_t marker, const uint8_t *payload,
                         size_t size, double now, mb_emit *emit, void *context);

/* Give out the frame that was begun, filled up with silence; nothing where nothing waits. */
void mb_repacketiser_flush(mb_repacketiser *repacketiser, mb_emit *emit, void *context);

#endif
