#include "stream.h"

#include <stdlib.h>
#include <string.h>

/* How long what an SDP exchange has ended is received yet: "a brief period of time" (RFC 3264 section 8.3.2). */
#define LINGER_S 3.0

/* How far the floor is left behind the newest number, and how near it is brought then: no packet is so late. */
enum { FLOOR_FARTHEST = 0x2000, FLOOR_NEAREST = 0x1000 };

mb_stream *mb_stream_new(const mb_stream_plan *plan, const mb_wire *wire, void *wire_context)
{
    if (plan->cname_size > MB_CNAME_MAX)
        return NULL;
    mb_stream *stream = aligned_alloc(MB_LINE, sizeof *stream); /* a multiple of it, as its alignment is */
    if (!stream)
        return NULL;
    memset(stream, 0, sizeof *stream);
    stream->number = plan->number;
    stream->wire = wire;
    stream->wire_context = wire_context;
    stream->timeouts = plan->timeouts;
    mb_inbound *inbound = &stream->inbound;
    inbound->gate.nat = plan->nat;
    if (plan->network_count) {
        inbound->gate.networks = calloc(plan->network_count, sizeof *plan->networks);
        if (!inbound->gate.networks) {
            free(stream);
            return NULL;
        }
        memcpy(inbound->gate.networks, plan->networks, plan->network_count * sizeof *plan->networks);
        inbound->gate.network_count = plan->network_count;
    }
    inbound->may_receive = true;
    mb_inbound_update_routes(inbound);
    mb_outbound *out = &stream->outbound;
    out->ssrc = plan->ssrc;
    out->sequence = out->floor = plan->sequence;
    out->timestamp = plan->timestamp;
    out->clock_hz = out->dtmf_clock_hz = MB_SAMPLES_HZ;
    out->frame_samples = MB_SAMPLES_HZ / 50;
    out->cuts = true;
    out->codec = out->payload_type = out->dtmf_payload_type = out->noise_payload_type = MB_UNROUTED;
    out->barred = true;
    stream->control.clock_hz = stream->inbound.reception.clock_hz = MB_SAMPLES_HZ;
    stream->control.ssrc = stream->control.dice = plan->ssrc;
    memcpy(stream->control.cname, plan->cname, plan->cname_size);
    stream->control.cname_size = (uint8_t)plan->cname_size;
    return stream;
}

void mb_stream_free(mb_stream *stream)
{
    if (!stream)
        return;
    mb_tone_release(stream->outbound.playback.tone);
    mb_tone_release(stream->ground);
    mb_ring_release(stream->inbound.tap);
    mb_ring_release(stream->inbound.listener);
    mb_ring_release(stream->inbound.fork);
    mb_ring_release(stream->inbound.conversion.converter);
    mb_protection_free(stream->protection);
    free(stream->inbound.gate.networks);
    free(stream);
}

static void rekey(mb_stream *stream, mb_remote_plan *plan, const mb_srtp *srtp, double now)
{
    if (stream->secured)
        stream->opens_until = now + LINGER_S;
    stream->secured = false;
    if (!plan->secured)
        return;
    if (!stream->protection)
        stream->protection = mb_protection_new(srtp);
    if (stream->protection)
        mb_protection_rekey(stream->protection, &plan->keying, &stream->inbound.reception);
    /* Without memory for its keys it stays silent: never plain. */
    stream->secured = stream->opens = true;
}

/* Take over codec, payload types and packet time; what waits to be repacketised is of the old ones. */
static void set_format(mb_outbound *out, const mb_remote_plan *plan)
{
    if (out->repacketiser.made && (plan->codec != out->codec || plan->frame_samples != out->frame_samples)) {
        if (out->source == &out->repacketiser)
            out->source = NULL;
        out->repacketiser.made = false;
    }
    if (mb_clock_hz(plan->codec) != out->clock_hz)
        out->source = NULL;
    if (plan->dtmf_clock_hz != out->dtmf_clock_hz)
        out->event.known = false; /* its length was told in the old one's units */
    out->codec = plan->codec;
    out->clock_hz = mb_clock_hz(plan->codec);
    out->cuts = mb_is_g711(plan->codec);
    out->dtmf_clock_hz = plan->dtmf_clock_hz;
    out->payload_type = plan->payload_type;
    out->dtmf_payload_type = plan->dtmf_payload_type;
    out->noise_payload_type = plan->noise_payload_type;
    out->frame_samples = plan->frame_samples;
}

void mb_stream_set_remote(mb_stream *stream, mb_remote_plan *plan, const mb_srtp *srtp, double now)
{
    mb_inbound *inbound = &stream->inbound;
    rekey(stream, plan, srtp, now);
    mb_gate_set_remote(&inbound->gate, &plan->remote, plan->renewed, now);
    memcpy(inbound->receives, plan->receives, sizeof plan->receives);
    inbound->receives_count = plan->receives_count;
    inbound->lingering_count = plan->lingering_count;
    inbound->lingers_until = now + LINGER_S;
    inbound->may_receive = plan->may_receive;
    if (plan->renewed && plan->remote.family)
        inbound->started = false;
    mb_stream_expect(stream, now);
    stream->control.clock_hz = mb_clock_hz(plan->codec);
    /* As with RTP: of who has been latched, where its reports come from is known better. */
    if (plan->remote.family && !inbound->gate.latched)
        stream->control.target = plan->control;
    set_format(&stream->outbound, plan);
    stream->outbound.may_send = plan->may_send;
    mb_outbound_update_bar(&stream->outbound);
    if (plan->on_hold != stream->on_hold) {
        stream->on_hold = plan->on_hold;
        stream->watched_from = now;
        if (stream->partner)
            stream->partner->watched_from = now;
    }
    if (plan->elsewhere) {
        /* Its NAT may have given it another address, which its SDP knows nothing of. Until one shows it is where it was. */
        inbound->started = false;
        mb_stream_expect(stream, now);
    }
}

bool mb_stream_expect(mb_stream *stream, double now)
{
    return !stream->inbound.started && mb_gate_arm(&stream->inbound.gate, now);
}

bool mb_stream_held(const mb_stream *stream)
{
    return stream->on_hold || (stream->partner && stream->partner->on_hold);
}

void mb_stream_send_control(mb_stream *stream, const uint8_t *packet, size_t size)
{
    _Alignas(8) uint8_t sealed[MB_CONTROL_MAX + MB_SRTCP_TRAILER];
    if (stream->secured) {
        if (!stream->protection || size > MB_CONTROL_MAX)
            return;
        memcpy(sealed, packet, size);
        size = mb_seal_rtcp(stream->protection, sealed, size);
        if (!size)
            return;
        packet = sealed;
    }
    stream->wire->send_control(stream, packet, size, &stream->control.target);
}

bool mb_stream_send(mb_stream *stream, const uint8_t *packet, size_t size)
{
    mb_outbound *out = &stream->outbound;
    _Alignas(8) uint8_t sealed[MB_SRTP_PACKET_MAX];
    size_t wire_size = size;
    bool sent = out->aimed;
    if (sent && stream->secured) {
        sent = stream->protection && size <= MB_SRTP_PACKET_MAX - MB_SRTP_TRAILER;
        if (sent) {
            memcpy(sealed, packet, size);
            wire_size = mb_seal_rtp(stream->protection, sealed, size);
            packet = sealed;
            sent = wire_size != 0;
        }
    }
    if (!sent || !stream->wire->send(stream, packet, wire_size)) {
        out->send_failed++;
        return false;
    }
    out->packets++;
    out->octets += (int64_t)size - MB_RTP_HEADER;
    return true;
}

void mb_outbound_raise_floor(mb_outbound *out)
{
    if ((uint16_t)(out->sequence - out->floor) > FLOOR_FARTHEST)
        out->floor = (uint16_t)(out->sequence - FLOOR_NEAREST);
}

void mb_inbound_join(mb_inbound *inbound, mb_outbound *sink)
{
    if (inbound->sink) {
        if (inbound->earlier_source)
            inbound->earlier_source->next_source = inbound->next_source;
        else
            inbound->sink->sources = inbound->next_source;
        if (inbound->next_source)
            inbound->next_source->earlier_source = inbound->earlier_source;
    }
    inbound->sink = sink;
    inbound->earlier_source = inbound->next_source = NULL;
    if (sink) {
        inbound->next_source = sink->sources;
        if (sink->sources)
            sink->sources->earlier_source = inbound;
        sink->sources = inbound;
    }
    mb_inbound_update_routes(inbound);
}

static int16_t taken_as(const mb_outbound *sink, int codec)
{
    if (!sink)
        return MB_UNROUTED;
    if (mb_is_audio(codec))
        return sink->payload_type;
    return codec == MB_COMFORT_NOISE ? sink->noise_payload_type : sink->dtmf_payload_type;
}

void mb_inbound_update_routes(mb_inbound *inbound)
{
    for (size_t at = 0; at < MB_PAYLOAD_TYPES; at++)
        inbound->routes[at] = (mb_route){MB_UNROUTED, MB_UNROUTED, false};
    if (!inbound->may_receive)
        return;
    for (size_t at = 0; at < inbound->receives_count + inbound->lingering_count; at++) {
        const mb_receives *entry = &inbound->receives[at];
        inbound->routes[entry->payload_type & 0x7F] = (mb_route){
            entry->codec,
            taken_as(inbound->sink, entry->codec),
            inbound->sink && (mb_needs_conversion(entry->codec, inbound->sink->codec) ||
                              (inbound->conversion.whole && mb_is_audio(entry->codec))),
        };
    }
}

void mb_inbound_let_go(mb_inbound *inbound, double now)
{
    if (inbound->lingering_count && now >= inbound->lingers_until) {
        inbound->lingering_count = 0;
        mb_inbound_update_routes(inbound);
    }
}
