/* The table the packet path works on: each leg's incoming and outgoing half, and what joins them. */
#ifndef MB_STREAM_H
#define MB_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec.h"
#include "control.h"
#include "digits.h"
#include "gate.h"
#include "heap.h"
#include "protection.h"
#include "reception.h"
#include "ring.h"
#include "rtp.h"
#include "sent_event.h"
#include "tone.h"

enum {
    MB_PAYLOAD_TYPES = 128,
    /* 60 ms of a codec whose octets are ticks of its clock. */
    MB_FRAME_SAMPLES_MAX = 480,
    /* Longest payload that we make. */
    MB_PAYLOAD_MAX = 1400,
    /* Digits of one leg that wait for their turn; those beyond are left out and counted. */
    MB_DIGITS_WAITING_MAX = 32,
    /* Levels of noise that legs are sent which take no comfort noise. */
    MB_NOISES = 6,
    /* Of a cache. Between two packets of a stream other things fill it: what a packet needs lies in few lines of it. */
    MB_LINE = 64,
};

typedef struct mb_stream mb_stream;
typedef struct mb_inbound mb_inbound;
typedef struct mb_table mb_table;

/* What becomes of one incoming payload type: `codec` is what it is, MB_UNROUTED for one that nobody negotiated;
 * `payload_type` is what it is sent on as, MB_UNROUTED where it is not. `converted`: no table makes it the sink's codec, so
 * that it goes to the source's converter. */
typedef struct {
    int16_t codec, payload_type;
    bool converted;
} mb_route;

typedef struct {
    uint8_t payload_type;
    int16_t codec;
} mb_receives;

/* Collects one source's audio and gives it out in frames of one length. `source` is only ever compared. */
typedef struct {
    const mb_inbound *source;
    bool made, anew;
    uint8_t marker, silence;
    uint32_t timestamp;
    size_t frame_samples, pending_size;
    double put_at;
    uint8_t pending[MB_FRAME_SAMPLES_MAX];
} mb_repacketiser;

/* A tone on its way to one leg, at its 8 kHz sample `position`. `timestamp` is the next frame's. `is_noise`: it stands for
 * the comfort noise of the leg's source, and is never over. */
typedef struct {
    mb_deadline deadline;
    mb_tone *tone; /* NULL: none is played */
    bool overrides, is_noise, has_timestamp;
    uint8_t marker;
    uint32_t timestamp;
    uint64_t position;
} mb_playback;

typedef struct {
    uint8_t event; /* index into "0123456789*#ABCD" */
    uint32_t length_ms;
} mb_waiting_digit;

/* Digits on their way to one leg: the one being sent, and those waiting.
 *
 * `position` counts 8 kHz samples from the digit's beginning, below 0 in the pause before it; `length` is its own.
 * `ends`: end packets of the event still to come. `sent`: the event as far as it is sent; `timestamp`: the next one in the
 * audio. */
typedef struct {
    mb_deadline deadline;
    bool sending, in_band, has_timestamp;
    uint8_t event;
    int ends;
    int64_t length, position;
    uint32_t timestamp;
    mb_sent_event sent;
    mb_waiting_digit waiting[MB_DIGITS_WAITING_MAX];
    size_t waiting_first, waiting_count;
} mb_digit_run;

/* A source's audio as its converter gives it back: for the outbound half a source of its own. */
typedef struct {
    mb_ring *converter; /* NULL: what needs one is dropped */
    bool whole; /* all of the source's audio is converted, not only what no table makes the sink's codec */
} mb_conversion;

/* What is sent to a leg: one SSRC with one run of sequence numbers and timestamps, whoever the source is.
 *
 * `sequence` and `timestamp` are the newest sent, at `sent_at`. While `source` is the inbound half being relayed, or the
 * repacketiser, the shifts turn its numbers into ours; NULL makes the next packet align anew. `floor`: late packets that
 * would become this number or one before it are too late. `frame_samples` counts ticks of `clock_hz`, as timestamps do.
 * `cuts`: the codec's audio can be repacketised. `barred`: something (hold, a tone, a digit) must be looked at before
 * relaying. `sources`: the inbound halves that it is the sink of. `event`: the newest relayed, whose newest
 * packet was sent at `event_sent_at`. */
typedef struct {
    _Alignas(MB_LINE) uint32_t ssrc;
    uint32_t timestamp, timestamp_shift;
    uint16_t sequence, sequence_shift;
    uint32_t frame_samples;
    int16_t codec;
    bool sent_before, barred, aimed, may_send, cuts;
    double sent_at;
    const void *source;
    int64_t packets, octets;
    _Alignas(MB_LINE) mb_inbound *sources;
    uint16_t floor;
    int16_t payload_type, dtmf_payload_type, noise_payload_type;
    uint32_t clock_hz, dtmf_clock_hz;
    mb_sent_event event;
    double event_sent_at;
    uint64_t send_failed, held, overridden, digits_refused;
    double run_began_at; /* where `source` is a conversion: since when */
    mb_playback playback;
    mb_digit_run digits;
    bool toned;
    uint16_t toned_sequence; /* of the newest packet of a digit in the audio, once one is `toned` */
    mb_repacketiser repacketiser;
} mb_outbound;

/* What a leg sends. `timestamp` and `audio_at` are of its newest audio packet. `receives`: `receives_count` payload types,
 * then `lingering_count` more until `lingers_until`. */
struct mb_inbound {
    _Alignas(MB_LINE) mb_reception reception;
    _Alignas(MB_LINE) mb_outbound *sink;
    mb_ring *tap;
    mb_ring *listener; /* who hears keys in it; NULL: nobody */
    mb_ring *fork;     /* where else its audio goes; NULL: nowhere */
    double heard_at, audio_at;
    uint32_t timestamp;
    bool may_receive, started;
    uint8_t tap_channel;
    _Alignas(MB_LINE) mb_route routes[MB_PAYLOAD_TYPES];
    mb_conversion conversion;
    mb_inbound *next_source, *earlier_source; /* among the sink's */
    mb_gate gate;
    mb_digits watch;
    mb_receives receives[MB_PAYLOAD_TYPES];
    size_t receives_count, lingering_count;
    double lingers_until;
    uint64_t strangers, malformed, unmapped, unwanted, repeated, late;
};

/* Seconds without RTP, comfort noise or RTCP before media count as lost. */
typedef struct {
    double early_s, bridged_s, hold_s;
} mb_timeouts;

/* A stream's sockets as the relay sees them. */
typedef struct {
    /* From now on send RTP to `target`; `exclusive`: nobody else is listened to, the kernel may filter. */
    void (*aim)(mb_stream *stream, const mb_address *target, bool exclusive);
    bool (*send)(mb_stream *stream, const uint8_t *packet, size_t size);
    void (*send_control)(mb_stream *stream, const uint8_t *packet, size_t size, const mb_address *target);
    void (*close)(mb_stream *stream);
} mb_wire;

/* One leg. `watched_from`: silence is counted from here at the earliest; `partner`: the leg it is bridged with, which
 * may fall silent too while this one is on hold; `protection`: its SRTP, kept while `secured` is false: no packet number
 * may come twice; `opens`: packets are to be opened, while it is secured and after its end until `opens_until`: what the
 * far end has sent before it has our answer is still on its way, and would be noise; `ground`: the endless tone that it hears again when early media stop. */
struct mb_stream {
    _Alignas(MB_LINE) uint64_t number;
    mb_table *table;
    const mb_wire *wire;
    void *wire_context;
    mb_protection *protection;
    mb_stream *partner;
    bool secured, opens, bridged, on_hold, ever_started, lost, listed;
    mb_inbound inbound;
    mb_outbound outbound;
    mb_timeouts timeouts;
    mb_control control;
    mb_tone *ground;
    double watched_from, opens_until;
    mb_stream *next, *earlier; /* among those that are looked after in the same turn */
};

/* A leg's stream as it is opened. `networks` are copied. */
typedef struct {
    uint64_t number;
    uint32_t ssrc, timestamp;
    uint16_t sequence;
    const char *cname;
    size_t cname_size;
    bool nat;
    const mb_network *networks;
    size_t network_count;
    mb_timeouts timeouts;
} mb_stream_plan;

/* What an SDP exchange settled for a leg. Addresses of no family: none. `keying` NULL: plain RTP. `receives`: those of it,
 * then those that are received for a short while yet; MB_PAYLOAD_TYPES of both at most. */
typedef struct {
    mb_address remote, control;
    int16_t codec, payload_type, dtmf_payload_type, noise_payload_type;
    mb_receives receives[MB_PAYLOAD_TYPES];
    size_t receives_count, lingering_count;
    bool may_send, may_receive, on_hold, renewed, elsewhere, secured;
    uint32_t frame_samples, dtmf_clock_hz;
    mb_keying keying;
} mb_remote_plan;

/* A stream that takes and sends nothing yet; NULL without memory. */
mb_stream *mb_stream_new(const mb_stream_plan *plan, const mb_wire *wire, void *wire_context);

/* Give back what it holds; it is in no table any more. */
void mb_stream_free(mb_stream *stream);

/* Apply what an SDP exchange settled to both halves; the relay aims and routes afterwards. */
void mb_stream_set_remote(mb_stream *stream, mb_remote_plan *plan, const mb_srtp *srtp, double now);

/* The leg has reason to send from now on. Whether the relay has to aim anew. */
bool mb_stream_expect(mb_stream *stream, double now);

/* Whether this leg or the one it is bridged with is on hold: silence of either is no fault then. */
bool mb_stream_held(const mb_stream *stream);

/* Send a compound RTCP packet of at most MB_CONTROL_MAX to the leg, as SRTCP where it has SRTP. */
void mb_stream_send_control(mb_stream *stream, const uint8_t *packet, size_t size);

/* Send a packet of the leg's: false, and counted, when it could not be. */
bool mb_stream_send(mb_stream *stream, const uint8_t *packet, size_t size);

/* To be called a few times a second: numbers come again after 65,536 packets, and what is above the floor can be told
 * from what is below it over half of these. */
void mb_outbound_raise_floor(mb_outbound *out);

/* Send on to `sink` from now on, NULL for nowhere. */
void mb_inbound_join(mb_inbound *inbound, mb_outbound *sink);

/* To be called whenever what is received or the sink's payload types have changed. */
void mb_inbound_update_routes(mb_inbound *inbound);

/* Receive no more what has lingered for long enough. */
void mb_inbound_let_go(mb_inbound *inbound, double now);

static inline void mb_outbound_update_bar(mb_outbound *out)
{
    out->barred = !out->may_send || out->playback.tone || out->digits.sending;
}

/* Whether that half's numbers are being turned into ours, its packets repacketised or not. */
static inline bool mb_outbound_follows(const mb_outbound *out, const mb_inbound *inbound)
{
    return out->source == inbound || (out->source == &out->repacketiser && out->repacketiser.source == inbound);
}

static inline mb_stream *mb_stream_of(mb_outbound *out)
{
    return (mb_stream *)((char *)out - offsetof(mb_stream, outbound));
}

#endif
