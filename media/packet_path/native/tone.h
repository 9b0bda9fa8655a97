/* A tone or prompt ready to be sent, shared by everybody that plays it. */
#ifndef MB_TONE_H
#define MB_TONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MB_TONE_NAME_MAX = 64, MB_TONE_CODECS = 6 };

typedef struct mb_tone mb_tone;

/* `name` of fewer than MB_TONE_NAME_MAX bytes; NULL without memory. It has one owner. */
mb_tone *mb_tone_new(const char *name, size_t samples, bool endless);

/* Give it one pass in a codec whose octets are samples of 8 kHz, `samples` bytes, which are copied; before anybody plays it. False without memory or room
 * for another codec. */
bool mb_tone_encode(mb_tone *tone, int codec, uint8_t silence, const uint8_t *bytes);

/* The same in a codec whose octets are none: `count` packets of 20 ms, one behind the other in `bytes`. */
bool mb_tone_packets(mb_tone *tone, int codec, size_t count, const uint16_t *sizes, const uint8_t *bytes);

/* One owner more, one fewer; with the last it is gone. Safe on any thread, and for NULL. */
mb_tone *mb_tone_share(mb_tone *tone);
void mb_tone_release(mb_tone *tone);

const char *mb_tone_name(const mb_tone *tone);
bool mb_tone_endless(const mb_tone *tone);

/* Whether sample `position` is beyond the end of one that has an end. */
bool mb_tone_over(const mb_tone *tone, uint64_t position);

/* The payload for `samples` from sample `position` on, which for an endless tone may be in any pass; silence follows the
 * end of any other. Of a codec that has packets it is the one that `position` lies in. How many bytes were put into
 * `frame`, which has room for `room`: none where the tone is not encoded for the codec. */
size_t mb_tone_frame(const mb_tone *tone, int codec, uint64_t position, size_t samples, uint8_t *frame, size_t room);

#endif
