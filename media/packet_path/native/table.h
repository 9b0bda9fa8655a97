/* All streams of one packet thread: commands that edit them, packets, and what falls due. It owns no socket, thread or
 * clock: `now` is monotonic seconds and never goes back. */
#ifndef MB_TABLE_H
#define MB_TABLE_H

#include "stream.h"

enum { MB_PARTS = 10 };

typedef enum { MB_MEDIA_STARTED, MB_DIGIT_BEGUN, MB_DIGIT_PRESSED, MB_MEDIA_LOST, MB_PLAYBACK_FINISHED } mb_event_kind;

/* What happened to a stream. `seconds`: the arrival of MEDIA_STARTED, the silence of MEDIA_LOST. */
typedef struct {
    mb_event_kind kind;
    uint64_t stream;
    double seconds;
    mb_press press;
    char tone[MB_TONE_NAME_MAX];
} mb_event;

/* Packets that a converter has made, one behind the other. */
typedef struct {
    uint32_t timestamp;
    uint16_t size;
    uint8_t marker;
} mb_made;

typedef struct {
    int16_t codec;
    size_t count;
    const mb_made *packets;
    const uint8_t *bytes;
} mb_converted;

struct mb_table {
    void (*post)(void *context, const mb_event *event);
    void *post_context;
    const mb_srtp *srtp; /* NULL: no SRTP */
    mb_tone *silence;
    mb_tone *const *digit_tones; /* of the sixteen keys, endless */
    mb_tone *const *noises; /* from loud to soft, endless */
    const uint8_t *alaw_to_ulaw, *ulaw_to_alaw;
    mb_stream *first[MB_PARTS], *last[MB_PARTS];
    size_t streams, streams_max;
    int part;
    double sweep_due;
    mb_heap playing, sending_digits;
    uint64_t relayed, played;
};

/* What a table needs from outside, all of which outlives it: an endless silence, the sixteen keys' endless tones, noises
 * from loud to soft, translations of 256 bytes. */
typedef struct {
    size_t streams_max;
    mb_tone *silence;
    mb_tone *digit_tones[MB_DIGIT_KINDS];
    mb_tone *noises[MB_NOISES];
    const uint8_t *alaw_to_ulaw, *ulaw_to_alaw;
    const mb_srtp *srtp;
} mb_table_plan;

/* False without memory. */
bool mb_table_init(mb_table *table, const mb_table_plan *plan);

/* Give back its room; streams that are in it are not touched. */
void mb_table_clear(mb_table *table);

/* Take a stream in; false when the table is full. */
bool mb_table_add(mb_table *table, mb_stream *stream, double now);

/* Apply what an SDP exchange settled; what `plan` holds of keys is taken over. */
void mb_table_set_remote(mb_table *table, mb_stream *stream, mb_remote_plan *plan, double now);

/* Play a tone in place of the one being played. One that overrides replaces relayed audio; an endless one that does not
 * comes back when early media stop, until another is played or this one is stopped. */
void mb_table_play(mb_table *table, mb_stream *stream, mb_tone *tone, bool overrides, double now);

void mb_table_stop_playing(mb_table *table, mb_stream *stream);

/* Relay one way; the sink's tone, unless it overrides, gives way to the first packet. */
void mb_table_join(mb_table *table, mb_stream *source, mb_stream *sink);

/* A leg has reason to send from now on. */
void mb_table_expect(mb_table *table, mb_stream *stream, double now);

/* Relay both ways; tones stop, and silence counts from now by the bridge's timeout. Both have reason to send. */
void mb_table_bridge(mb_table *table, mb_stream *first, mb_stream *second, double now);

/* Copy a leg's incoming audio to a ring, NULL for no longer. */
void mb_table_set_tap(mb_table *table, mb_stream *stream, uint8_t channel, mb_ring *tap);

/* Send a leg a digit in place of the audio, behind those on their way to it: as a telephone-event (RFC 4733) where it
 * takes them, in the audio where it does not. */
void mb_table_send_digit(mb_table *table, mb_stream *stream, uint8_t event, uint32_t duration_ms, double now);

/* Hand a leg's audio to a converter where the sink's codec needs that, or `whole`, whatever its codec; NULL: drop what
 * needs one. */
void mb_table_set_converter(mb_table *table, mb_stream *source, mb_ring *converter, bool whole);

/* Copy what a leg sends to a ring of who listens to it, NULL for no longer. */
void mb_table_set_listener(mb_table *table, mb_stream *stream, mb_ring *listener);

/* The same for who streams the call to others or lets them listen in. */
void mb_table_set_fork(mb_table *table, mb_stream *stream, mb_ring *fork);

/* Send what a source's converter has made, whole packets in the sink's codec with timestamps of one timeline, unless
 * source, sink or codec has changed since. */
void mb_table_send_audio(mb_table *table, mb_stream *sink, mb_stream *source, const mb_converted *made, double now);

/* Say farewell in RTCP, unlink the stream from the others and close its wire. */
void mb_table_remove(mb_table *table, mb_stream *stream, double now);

/* Do everything whose time has come. */
void mb_table_advance(mb_table *table, double now);

/* When `mb_table_advance` has something to do: false while there is nothing. */
bool mb_table_next_due(const mb_table *table, double *due);

#endif
