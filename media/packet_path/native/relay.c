#include "relay.h"

#include <math.h>
#include <string.h>

#include "digit_sender.h"
#include "pacing.h"
#include "repacketiser.h"

/* With the marker it says itself that a new talk spurt begins, so less is believed. */
#define SPURT_DRIFT_S 0.2
/* In-order audio that is one packet time further on is not looked at any closer, but for a pause longer than this. */
#define PLAIN_GAP_S 0.25

/* Who was sent comfort noise and then nothing for so long is sent noise as audio: it would starve, or hear silence. */
#define NOISE_ALONE_S 0.3

/* How long after the beginning of a run of converted audio the converter may still have to tell of a gap, and how far ahead
 * of the clock that would put what comes behind it. */
#define RUN_BEGINS_S 0.25
#define GAP_S 0.2

/* The first octet of comfort noise has its level in -dBov (RFC 3389 section 3.1). */
enum { NOISE_LEVEL = 0x7F };

enum { RESTART = 0x10000, DROP = -1 };

/* A packet of a source, where it lies in the buffer, and how far it is ahead of the newest before it. */
typedef struct {
    uint8_t *buffer;
    size_t start, end;
    unsigned marker;
    uint16_t sequence;
    uint32_t timestamp, ssrc;
    int32_t ahead;
    mb_route route;
    double now;
} arrival;

int64_t mb_clock_step(const mb_outbound *out, double now)
{
    if (!out->sent_before)
        return 0;
    int64_t step = (int64_t)nearbyint((now - out->sent_at) * out->clock_hz);
    return step > out->frame_samples ? step : out->frame_samples;
}

void mb_relay_report(mb_table *table, const mb_stream *stream, const mb_press *press, double now)
{
    mb_event event = {.kind = MB_DIGIT_PRESSED, .stream = stream->number, .press = *press};
    table->post(table->post_context, &event);
    mb_outbound *out = stream->inbound.sink;
    if (out && out->dtmf_payload_type == MB_UNROUTED)
        mb_digit_sender_send(table, out, press->event, press->duration_ms, now);
}

void mb_relay_aim(mb_stream *stream)
{
    mb_gate *gate = &stream->inbound.gate;
    if (gate->target.family) {
        stream->wire->aim(stream, &gate->target, mb_gate_exclusive(gate));
        stream->outbound.aimed = true;
    }
}

static bool admits(mb_stream *stream, const mb_address *source, double now)
{
    mb_gate *gate = &stream->inbound.gate;
    bool was_latched = gate->latched;
    mb_address target = gate->target;
    bool admitted = mb_gate_admits(gate, source, now);
    if ((gate->latched && !was_latched) || !mb_same_address(&target, &gate->target))
        mb_relay_aim(stream);
    if (!admitted)
        stream->inbound.strangers++;
    return admitted;
}

static void not_rtp(mb_stream *stream, const mb_address *source)
{
    mb_inbound *inbound = &stream->inbound;
    if (!source || (inbound->gate.target.family && mb_same_address(source, &inbound->gate.target)))
        inbound->malformed++;
    else
        inbound->strangers++;
}

/* Multiplexing was not offered, but what comes is read. It never latches. */
static void control_among_rtp(mb_stream *stream, const uint8_t *packet, size_t size, const mb_address *source,
                              double now)
{
    if (source && !mb_gate_admits_multiplexed(&stream->inbound.gate, source))
        stream->inbound.strangers++;
    else if (mb_control_receive(&stream->control, packet, size, now))
        stream->inbound.heard_at = now;
}

/* Anything but the next packet of the same source: how far it is ahead, RESTART for a new beginning. */
static int32_t unexpected(mb_inbound *inbound, uint32_t ssrc, uint16_t sequence, double now)
{
    mb_reception *reception = &inbound->reception;
    if (reception->started && ssrc == reception->ssrc) {
        int32_t ahead = mb_reception_arrived(reception, sequence, now);
        if (ahead != MB_ANEW)
            return ahead;
        mb_digits_begin_anew(&inbound->watch);
    }
    mb_reception_restart(reception, ssrc, sequence);
    return RESTART;
}

static void started(mb_table *table, mb_stream *stream, double now)
{
    mb_event event = {.kind = MB_MEDIA_STARTED, .stream = stream->number, .seconds = now};
    stream->inbound.started = true;
    stream->ever_started = true;
    table->post(table->post_context, &event);
}

static void close_gap(mb_inbound *inbound, int32_t ahead)
{
    mb_outbound *out = inbound->sink;
    if (!out || ahead < 0 || !mb_outbound_follows(out, inbound))
        return;
    if (ahead == RESTART)
        out->source = NULL;
    else if (out->source == inbound) {
        out->sequence_shift--;
        out->floor = out->sequence;
    }
}

bool mb_relay_barred(mb_table *table, mb_inbound *inbound, mb_outbound *out)
{
    if (!out->may_send)
        out->held++;
    else if (out->digits.sending || (out->playback.tone && out->playback.overrides))
        out->overridden++;
    else {
        mb_pacer_stop(table, mb_stream_of(out));
        return false;
    }
    if (mb_outbound_follows(out, inbound) || out->source == &inbound->conversion)
        out->source = NULL;
    return true;
}

/* From here on the source's numbers continue ours: the next sequence number, the timestamp of now. */
static void take_over(mb_inbound *inbound, mb_outbound *out, const arrival *in, uint32_t out_timestamp)
{
    out->source = inbound;
    out->floor = out->sequence;
    out->sequence_shift = (uint16_t)(out->sequence + 1 - in->sequence);
    out->timestamp_shift = out_timestamp - in->timestamp;
}

static uint32_t by_clock(const mb_outbound *out, double now)
{
    return out->timestamp + (uint32_t)mb_clock_step(out, now);
}

/* Whether a late packet's number is still its own, not one given to something else before a switch. */
static bool in_time(mb_inbound *inbound, const mb_outbound *out, uint16_t sequence)
{
    uint16_t place = (uint16_t)(sequence + out->sequence_shift - out->floor);
    if (out->source == inbound && place > 0 && place < 0x8000)
        return true;
    inbound->late++;
    return false;
}

/* Look at audio that is not plainly the next of its source: the marker to send it with, or DROP. */
static int align(mb_inbound *inbound, mb_outbound *out, const arrival *in, unsigned marker, uint32_t advance, double gap)
{
    if (in->ahead < 0)
        return in_time(inbound, out, in->sequence) ? (int)marker : DROP;
    if (in->ahead != RESTART && advance < 0x80000000u && mb_outbound_follows(out, inbound)) {
        double drift = fabs((double)advance / out->clock_hz - gap);
        if (drift <= (marker ? SPURT_DRIFT_S : MB_DRIFT_S))
            return (int)marker;
    }
    take_over(inbound, out, in, by_clock(out, in->now));
    return MB_RTP_MARKER;
}

/* Where frames of a repacketiser go. */
typedef struct {
    mb_table *table;
    mb_outbound *out;
    double now;
} frame_way;

static void send_frame(void *context, const mb_frame *frame)
{
    const frame_way *way = context;
    mb_outbound *out = way->out;
    uint8_t packet[MB_RTP_HEADER + MB_FRAME_SAMPLES_MAX];
    out->sequence++;
    out->timestamp = frame->timestamp;
    out->sent_at = way->now;
    out->sent_before = true;
    mb_put_rtp(packet, frame->marker | (unsigned)out->payload_type, out->sequence, frame->timestamp, out->ssrc);
    memcpy(packet + MB_RTP_HEADER, frame->payload, frame->size);
    if (mb_stream_send(mb_stream_of(out), packet, MB_RTP_HEADER + frame->size))
        way->table->relayed++;
}

void mb_relay_flush(mb_table *table, mb_outbound *out)
{
    frame_way way = {table, out, out->repacketiser.put_at};
    if (out->repacketiser.made && out->source == &out->repacketiser)
        mb_repacketiser_flush(&out->repacketiser, send_frame, &way);
}

/* The payload in the sink's codec, in its place. */
static void translate(const mb_table *table, const mb_outbound *out, const arrival *in)
{
    if (in->route.codec == out->codec)
        return;
    const uint8_t *by = in->route.codec == MB_PCMA && out->codec == MB_PCMU   ? table->alaw_to_ulaw
                        : in->route.codec == MB_PCMU && out->codec == MB_PCMA ? table->ulaw_to_alaw
                                                                              : NULL;
    for (size_t at = in->start; by && at < in->end; at++)
        in->buffer[at] = by[in->buffer[at]];
}

/* Send audio whose packets have another length than the sink's, cut to that; false when nothing waits and this one has
 * the right length: it is to be relayed as it is. */
static bool repacketise(mb_table *table, mb_inbound *inbound, mb_outbound *out, const arrival *in, unsigned marker)
{
    mb_repacketiser *repacketiser = &out->repacketiser;
    if (!repacketiser->made)
        mb_repacketiser_make(repacketiser, inbound, out->frame_samples,
                               out->codec == MB_PCMU ? 0xFF : 0xD5);
    uint32_t out_timestamp = in->timestamp + out->timestamp_shift;
    if (out->source != repacketiser) {
        mb_repacketiser_clear(repacketiser, inbound);
        out->source = repacketiser;
    } else if (in->end - in->start == out->frame_samples && !repacketiser->pending_size) {
        take_over(inbound, out, in, out_timestamp);
        return false;
    }
    translate(table, out, in);
    frame_way way = {table, out, in->now};
    mb_repacketiser_put(repacketiser, out_timestamp, (uint8_t)marker, in->buffer + in->start, in->end - in->start, in->now,
                        send_frame, &way);
    return true;
}

/* Before anything but audio is relayed: what waits goes first, and the source's numbers become ours one by one again.
 * Whether that took the clock, for want of a timestamp to go on from. */
static bool follow_on(mb_table *table, mb_inbound *inbound, mb_outbound *out, const arrival *in, int32_t ahead)
{
    if (ahead != RESTART && mb_outbound_follows(out, inbound)) {
        if (out->source != inbound) {
            mb_relay_flush(table, out);
            take_over(inbound, out, in, in->timestamp + out->timestamp_shift);
        }
        return false;
    }
    take_over(inbound, out, in, by_clock(out, in->now));
    return true;
}

static void send_on(mb_table *table, mb_outbound *out, const arrival *in, unsigned marker, uint16_t sequence,
                    uint32_t timestamp)
{
    uint8_t *packet = in->buffer + in->start - MB_RTP_HEADER;
    mb_put_rtp(packet, marker | (unsigned)in->route.payload_type, sequence, timestamp, out->ssrc);
    if (mb_stream_send(mb_stream_of(out), packet, in->end - in->start + MB_RTP_HEADER))
        table->relayed++;
}

static void copy(mb_ring *ring, const arrival *in, unsigned marker, size_t size)
{
    mb_packet copied = {
        .arrival = in->now,
        .timestamp = in->timestamp,
        .ssrc = in->ssrc,
        .sequence = in->sequence,
        .size = (uint16_t)size,
        .codec = in->route.codec,
        .marker = (uint8_t)marker,
    };
    mb_ring_put(ring, &copied, in->buffer + in->start);
}

/* Hand a packet to the converter; of one that is no audio the numbers alone, so that it does not look lost. */
static void convert(const mb_inbound *inbound, const arrival *in, bool numbers_alone)
{
    copy(inbound->conversion.converter, in, numbers_alone ? 0 : in->marker, numbers_alone ? 0 : in->end - in->start);
}

/* Let who listens to the source know that this was no audio. */
static void let_pass(const mb_inbound *inbound, const arrival *in)
{
    if (inbound->listener)
        copy(inbound->listener, in, 0, 0);
    if (inbound->fork)
        copy(inbound->fork, in, 0, 0);
}

/* Of what is not passed on: who is given the audio must not take it for a packet that is lost, and we leave no gap. */
static void leave_out(mb_inbound *inbound, arrival *in)
{
    in->route.codec = MB_UNROUTED;
    if (inbound->may_receive)
        let_pass(inbound, in);
    if (inbound->conversion.converter && inbound->sink)
        convert(inbound, in, true);
    close_gap(inbound, in->ahead);
}

/* A repetition, an empty packet, a payload type that nobody negotiated, or anything from a leg whose direction says that
 * it sends nothing. */
static void not_relayed(mb_inbound *inbound, arrival *in)
{
    if (in->ahead == 0) {
        inbound->repeated++;
        return;
    }
    if (inbound->may_receive)
        inbound->unmapped++;
    else
        inbound->unwanted++;
    leave_out(inbound, in);
}

/* Relay comfort noise (RFC 3389) to a leg that takes it; any other is made noise for once it is bridged. */
static void relay_noise(mb_table *table, mb_stream *stream, const arrival *in)
{
    mb_inbound *inbound = &stream->inbound;
    mb_outbound *out = inbound->sink;
    let_pass(inbound, in);
    if (!out)
        return;
    if (inbound->conversion.converter)
        convert(inbound, in, true);
    if (in->route.payload_type == MB_UNROUTED || in->ahead < 0) {
        close_gap(inbound, in->ahead);
        if (in->ahead < 0 || !stream->bridged) {
            inbound->unmapped++;
            return;
        }
        if (mb_outbound_follows(out, inbound))
            mb_relay_flush(table, out);
        mb_pacer_start_noise(table, out, in->buffer[in->start] & NOISE_LEVEL, in->now);
        return;
    }
    if (out->barred && mb_relay_barred(table, inbound, out))
        return;
    align(inbound, out, in, 0, in->timestamp - inbound->timestamp, in->now - inbound->audio_at);
    follow_on(table, inbound, out, in, 1);
    inbound->timestamp = in->timestamp;
    inbound->audio_at = in->now;
    out->sequence = (uint16_t)(in->sequence + out->sequence_shift);
    out->timestamp = in->timestamp + out->timestamp_shift;
    out->sent_at = in->now;
    out->sent_before = true;
    int level = in->buffer[in->start] & NOISE_LEVEL; /* before it is encrypted where it stands */
    send_on(table, out, in, 0, out->sequence, out->timestamp);
    if (stream->bridged)
        mb_pacer_start_noise(table, out, level, in->now + NOISE_ALONE_S);
}

static bool event_passes(mb_table *table, mb_inbound *inbound, mb_outbound *out, const arrival *in)
{
    if (out->barred) {
        if (!out->may_send || out->digits.sending)
            return !mb_relay_barred(table, inbound, out);
        if (out->playback.tone && !out->playback.overrides)
            mb_pacer_stop(table, mb_stream_of(out));
    }
    return in->ahead > 0 || in_time(inbound, out, in->sequence);
}

/* The timestamp of a new event. */
static uint32_t place_event(mb_outbound *out, const arrival *in)
{
    uint32_t placed = in->timestamp + out->timestamp_shift, clock = by_clock(out, in->now);
    if (fabs((double)(int32_t)(placed - clock)) > MB_DRIFT_S * out->clock_hz)
        placed = clock;
    if (placed - out->timestamp < 0x80000000u) {
        out->timestamp = placed;
        out->sent_at = in->now;
        out->sent_before = true;
    }
    return placed;
}

/* The event that a packet is of. A new one gets its timestamp, and keeps it for all its packets whatever is switched
 * meanwhile; a late packet of an earlier one is passed on by itself, as `alone`. */
static mb_sent_event *sent_event(mb_outbound *out, const arrival *in, bool apart, mb_sent_event *alone)
{
    mb_sent_event *sent = &out->event;
    uint8_t code = in->buffer[in->start];
    if (mb_sent_event_takes(sent, in->ssrc, code, in->timestamp))
        return sent;
    uint32_t began = apart ? by_clock(out, in->now) : place_event(out, in);
    if (apart && !out->sent_before) {
        out->sent_at = in->now; /* where the next event finds its own place */
        out->sent_before = true;
    }
    if (in->ahead <= 0 && sent->known)
        sent = alone;
    *sent = (mb_sent_event){.known = true, .code = code, .ssrc = in->ssrc, .timestamp = in->timestamp, .began = began};
    return sent;
}

/* The next sequence number, `apart` from the source's own or by them; whoever is relayed by his goes on behind one that is
 * `added` to them. */
static uint16_t number_event(mb_outbound *out, const arrival *in, bool apart, bool added)
{
    uint16_t number = (uint16_t)(apart ? out->sequence + 1 : in->sequence + out->sequence_shift);
    if (apart || in->ahead > 0)
        out->sequence = number;
    if (added) {
        out->sequence_shift++;
        out->floor = number;
    }
    return number;
}

/* Report a segment of the event in its full length, before the packet at hand. */
static void complete_segment(mb_table *table, mb_outbound *out, const arrival *in, bool apart, uint32_t timestamp)
{
    uint8_t packet[MB_RTP_HEADER + MB_EVENT_BYTES];
    uint16_t number = number_event(out, in, apart, true);
    mb_put_rtp(packet, (unsigned)in->route.payload_type, number, timestamp, out->ssrc);
    packet[MB_RTP_HEADER] = in->buffer[in->start];
    packet[MB_RTP_HEADER + 1] = in->buffer[in->start + 1] & (MB_EVENT_END - 1);
    mb_put16(packet + MB_RTP_HEADER + 2, MB_DURATION_MAX);
    if (mb_stream_send(mb_stream_of(out), packet, sizeof packet))
        table->relayed++;
}

/* Relay a telephone-event with one timestamp of ours for the whole of it, as far as its duration can tell its length
 * (RFC 4733 section 2.5.1.3). */
static void pass_event(mb_table *table, mb_inbound *inbound, mb_outbound *out, const arrival *in)
{
    uint8_t *event = in->buffer + in->start;
    /* Where the source's audio is converted, the event goes on top of that: by the clock, and with numbers of ours. */
    bool apart = inbound->conversion.converter && out->source != inbound;
    if (!apart && follow_on(table, inbound, out, in, in->ahead))
        /* An event's timestamp may lie well in the past: audio after it finds its own place by the clock. */
        inbound->audio_at = -INFINITY;
    mb_sent_event alone, *sent = sent_event(out, in, apart, &alone);
    mb_event_packet packet = {
        .timestamp = in->timestamp,
        .from_hz = mb_clock_hz(in->route.codec),
        .to_hz = out->dtmf_clock_hz,
        .duration = mb_get16(event + 2),
        .end = event[1] & MB_EVENT_END,
        .may_grow = in->ahead > 0,
    };
    mb_event_part part = mb_sent_event_part(sent, &packet);
    if (part.incomplete)
        complete_segment(table, out, in, apart, part.completes);
    uint16_t number = number_event(out, in, apart, apart);
    mb_put16(event + 2, part.duration);
    out->event_sent_at = in->now;
    send_on(table, out, in, part.timestamp == sent->began && !sent->before ? in->marker : 0, number, part.timestamp);
}

/* Report the digit, and relay the telephone-event. */
static void relay_event(mb_table *table, mb_stream *stream, arrival *in)
{
    mb_inbound *inbound = &stream->inbound;
    mb_press presses[2];
    if (in->end - in->start < MB_EVENT_BYTES) {
        inbound->malformed++;
        leave_out(inbound, in);
        return;
    }
    in->end = in->start + MB_EVENT_BYTES; /* what stands behind is none of the event's, nor the other party's to see */
    uint32_t clock_hz = mb_clock_hz(in->route.codec);
    int pressed = mb_digits_packet(&inbound->watch, in->ssrc, in->timestamp, in->buffer + in->start, in->end - in->start,
                                   clock_hz, in->now, presses);
    for (int at = 0; at < pressed; at++)
        mb_relay_report(table, stream, &presses[at], in->now);
    if (inbound->watch.begun) {
        mb_event begun = {.kind = MB_DIGIT_BEGUN, .stream = stream->number, .press = {inbound->watch.event, 0}};
        table->post(table->post_context, &begun);
    }
    let_pass(inbound, in);
    mb_outbound *out = inbound->sink;
    if (!out)
        return;
    if (inbound->conversion.converter)
        convert(inbound, in, true);
    if (in->route.payload_type == MB_UNROUTED) {
        inbound->unmapped++;
        close_gap(inbound, in->ahead);
        return;
    }
    if (event_passes(table, inbound, out, in))
        pass_event(table, inbound, out, in);
}

/* Steps of the transit time of a second and more are jumps of a timestamp, not jitter. */
static void measure_jitter(mb_reception *reception, uint32_t timestamp, uint32_t clock_hz, double now)
{
    if (clock_hz != reception->clock_hz)
        mb_reception_change_clock(reception, clock_hz);
    double transit = now * clock_hz - timestamp, step = fabs(transit - reception->transit);
    reception->transit = transit;
    if (step < clock_hz)
        reception->jitter += (step - reception->jitter) * 0.0625;
}

static void relay_audio(mb_table *table, mb_inbound *inbound, const arrival *in)
{
    uint32_t advance = in->timestamp - inbound->timestamp;
    double gap = in->now - inbound->audio_at;
    measure_jitter(&inbound->reception, in->timestamp, mb_clock_hz(in->route.codec), in->now);
    if (in->ahead > 0) {
        inbound->timestamp = in->timestamp;
        inbound->audio_at = in->now;
    }
    if (inbound->tap)
        copy(inbound->tap, in, in->marker, in->end - in->start);
    if (inbound->listener)
        copy(inbound->listener, in, in->marker, in->end - in->start);
    if (inbound->fork)
        copy(inbound->fork, in, in->marker, in->end - in->start);
    mb_outbound *out = inbound->sink;
    if (!out)
        return;
    if (out->barred && mb_relay_barred(table, inbound, out)) {
        if (in->route.converted && inbound->conversion.converter)
            convert(inbound, in, true); /* what is not to be heard is not lost */
        return;
    }
    if (in->route.converted) {
        if (inbound->conversion.converter)
            convert(inbound, in, false);
        else
            inbound->unmapped++;
        return;
    }
    unsigned marker = in->marker;
    if (in->ahead != 1 || out->source != inbound || advance != out->frame_samples || gap > PLAIN_GAP_S) {
        if (inbound->conversion.converter && out->source == &inbound->conversion && in->ahead > 0)
            /* What it would make of the pause must not come in between. */
            convert(inbound, in, true);
        int aligned = align(inbound, out, in, marker, advance, gap);
        if (aligned == DROP)
            return;
        marker = (unsigned)aligned;
        if (in->ahead > 0 && out->cuts && (in->end - in->start != out->frame_samples || out->source != inbound) &&
            repacketise(table, inbound, out, in, marker))
            return;
    }
    uint16_t sequence = (uint16_t)(in->sequence + out->sequence_shift);
    uint32_t timestamp = in->timestamp + out->timestamp_shift;
    if (in->ahead > 0) {
        out->sequence = sequence;
        out->timestamp = timestamp;
        out->sent_at = in->now;
        out->sent_before = true;
    }
    translate(table, out, in);
    send_on(table, out, in, marker, sequence, timestamp);
}

static void relay_rtp(mb_table *table, mb_stream *stream, uint8_t *buffer, size_t size, const mb_address *source,
                      double now)
{
    mb_inbound *inbound = &stream->inbound;
    mb_reception *reception = &inbound->reception;
    arrival in = {.buffer = buffer, .start = MB_RTP_HEADER, .end = size, .ahead = 1, .now = now};
    if (size < MB_RTP_HEADER || size >= MB_DATAGRAM_MAX) {
        not_rtp(stream, source);
        return;
    }
    if (buffer[1] >= MB_RTCP_FIRST && buffer[1] <= MB_RTCP_LAST) {
        control_among_rtp(stream, buffer, size, source, now);
        return;
    }
    if (buffer[0] != MB_RTP_VERSION_2 && !mb_payload_bounds(buffer, size, &in.start, &in.end)) {
        not_rtp(stream, source);
        return;
    }
    if (source && !admits(stream, source, now))
        return;
    in.marker = buffer[1] & MB_RTP_MARKER;
    in.sequence = mb_get16(buffer + 2);
    in.timestamp = mb_get32(buffer + 4);
    in.ssrc = mb_get32(buffer + 8);
    if (reception->started && in.ssrc == reception->ssrc && (uint16_t)(in.sequence - reception->highest) == 1)
        mb_reception_next(reception, in.sequence);
    else
        in.ahead = unexpected(inbound, in.ssrc, in.sequence, now);
    inbound->heard_at = now;
    if (!inbound->started)
        started(table, stream, now);
    in.route = inbound->routes[buffer[1] & 0x7F];
    if (in.route.codec == MB_UNROUTED || in.start == in.end || !in.ahead)
        not_relayed(inbound, &in);
    else if (mb_is_audio(in.route.codec))
        relay_audio(table, inbound, &in);
    else if (in.route.codec == MB_COMFORT_NOISE)
        relay_noise(table, stream, &in);
    else
        relay_event(table, stream, &in);
}

/* How many bytes are left of a packet once it is opened; 0: nothing is to be done with it. */
static size_t opened(mb_stream *stream, uint8_t *buffer, size_t size, bool rtcp, double now)
{
    mb_protection *protection = stream->protection;
    if (stream->secured) {
        if (!protection)
            return 0;
        return rtcp ? mb_open_rtcp(protection, buffer, size) : mb_open_rtp(protection, buffer, size);
    }
    if (protection && now < stream->opens_until)
        return mb_open_late(protection, buffer, size, rtcp);
    stream->opens = false;
    return size;
}

/* What does not prove itself does nothing but be counted: it latches no address and resets no timeout. A stranger's is
 * not tried. */
static size_t open_sealed(mb_stream *stream, uint8_t *buffer, size_t size, const mb_address *source, double now)
{
    if (source && !mb_gate_would_admit(&stream->inbound.gate, source, now)) {
        stream->inbound.strangers++;
        return 0;
    }
    return opened(stream, buffer, size, size > 1 && buffer[1] >= MB_RTCP_FIRST && buffer[1] <= MB_RTCP_LAST, now);
}

void mb_relay_datagram(mb_table *table, mb_stream *stream, uint8_t *buffer, size_t size, const mb_address *source,
                       double now)
{
    if (stream->opens) {
        size = open_sealed(stream, buffer, size, source, now);
        if (!size)
            return;
    }
    relay_rtp(table, stream, buffer, size, source, now);
}

void mb_relay_control(mb_table *table, mb_stream *stream, uint8_t *buffer, size_t size, const mb_address *source,
                      double now)
{
    (void)table;
    mb_control *control = &stream->control;
    mb_gate *gate = &stream->inbound.gate;
    if (!mb_gate_admits_control(gate, source, &control->target)) {
        control->strangers++;
        return;
    }
    if (stream->opens) {
        size = opened(stream, buffer, size, true, now);
        if (!size)
            return;
    }
    if (mb_control_receive(control, buffer, size, now)) {
        stream->inbound.heard_at = now;
        if (gate->latched)
            control->target = *source;
    }
}

/* Whether a timestamp goes back, or is too far from the clock. */
static bool is_astray(const mb_outbound *out, uint32_t timestamp, double now)
{
    uint32_t advance = timestamp - out->timestamp;
    double drift = (double)advance / out->clock_hz - (now - out->sent_at);
    return !out->sent_before || advance >= 0x80000000u || fabs(drift) > MB_DRIFT_S ||
           (drift > GAP_S && now - out->run_began_at < RUN_BEGINS_S);
}

/* The place of the first packet that no gap of a frame and more follows. */
static size_t behind_gap(const mb_converted *made, uint32_t frame_samples)
{
    for (size_t at = made->count; at-- > 1;)
        if (made->packets[at].timestamp - made->packets[at - 1].timestamp > 2 * frame_samples)
            return at;
    return 0;
}

/* The first of a run continues our numbers by the clock; the converter's timeline places the others. A run ends where
 * anything else was sent, or nothing might be, and where that timeline goes astray. What lies before a gap is of a time
 * that something else has filled, and does not begin one. */
void mb_relay_converted(mb_table *table, mb_inbound *inbound, mb_outbound *out, const mb_converted *made, double now)
{
    const uint8_t *payload = made->bytes;
    uint8_t packet[MB_RTP_HEADER + MB_PAYLOAD_MAX];
    if (!inbound->conversion.converter || inbound->sink != out || made->codec != out->codec)
        return;
    size_t first = out->source == &inbound->conversion ? 0 : behind_gap(made, out->frame_samples);
    for (size_t at = 0; at < made->count; payload += made->packets[at++].size) {
        const mb_made *one = &made->packets[at];
        if (at < first || one->size > MB_PAYLOAD_MAX || (out->barred && mb_relay_barred(table, inbound, out)))
            continue;
        uint32_t placed = one->timestamp + out->timestamp_shift;
        unsigned marker = one->marker;
        if (out->source != &inbound->conversion || is_astray(out, placed, now)) {
            placed = by_clock(out, now);
            if (out->source != &inbound->conversion) {
                out->source = &inbound->conversion;
                out->run_began_at = now;
            }
            out->timestamp_shift = placed - one->timestamp;
            marker = MB_RTP_MARKER;
        }
        out->sequence++;
        out->timestamp = placed;
        out->sent_at = now;
        out->sent_before = true;
        mb_put_rtp(packet, marker | (unsigned)out->payload_type, out->sequence, placed, out->ssrc);
        memcpy(packet + MB_RTP_HEADER, payload, one->size);
        if (mb_stream_send(mb_stream_of(out), packet, MB_RTP_HEADER + one->size))
            table->relayed++;
    }
}
