#include "table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "digit_sender.h"
#include "pacing.h"
#include "relay.h"
#include "repacketiser.h"

/* Every stream is looked after this often, a part of them each turn so that no turn is long. */
#define SWEEP_S 0.25
#define TURN_S (SWEEP_S / MB_PARTS)
/* A bridged leg whose source is quiet for this long is sent silence, so that it does not starve. */
#define STARVED_S 0.3
/* Early media that are quiet for this long have stopped; a pause of an announcement, its silence not sent, is shorter. */
#define STOPPED_S 3.0

bool mb_table_init(mb_table *table, const mb_table_plan *plan)
{
    memset(table, 0, sizeof *table);
    table->streams_max = plan->streams_max;
    table->silence = plan->silence;
    table->digit_tones = plan->digit_tones;
    table->noises = plan->noises;
    table->alaw_to_ulaw = plan->alaw_to_ulaw;
    table->ulaw_to_alaw = plan->ulaw_to_alaw;
    table->srtp = plan->srtp;
    bool has_tones = mb_heap_init(&table->playing, plan->streams_max);
    return mb_heap_init(&table->sending_digits, plan->streams_max) && has_tones;
}

void mb_table_clear(mb_table *table)
{
    mb_heap_clear(&table->playing);
    mb_heap_clear(&table->sending_digits);
}

bool mb_table_add(mb_table *table, mb_stream *stream, double now)
{
    size_t part = stream->number % MB_PARTS;
    if (table->streams == table->streams_max)
        return false;
    if (!table->streams)
        table->sweep_due = now + TURN_S;
    stream->table = table;
    stream->watched_from = now;
    stream->listed = true;
    stream->earlier = table->last[part];
    stream->next = NULL;
    if (table->last[part])
        table->last[part]->next = stream;
    else
        table->first[part] = stream;
    table->last[part] = stream;
    table->streams++;
    return true;
}

static void unlist(mb_table *table, mb_stream *stream)
{
    size_t part = stream->number % MB_PARTS;
    if (stream->earlier)
        stream->earlier->next = stream->next;
    else
        table->first[part] = stream->next;
    if (stream->next)
        stream->next->earlier = stream->earlier;
    else
        table->last[part] = stream->earlier;
    stream->listed = false;
    table->streams--;
}

/* Payload types have changed: of what it sends on, and of everything sent to it. */
static void reroute(mb_stream *stream)
{
    mb_inbound_update_routes(&stream->inbound);
    for (mb_inbound *source = stream->outbound.sources; source; source = source->next_source)
        mb_inbound_update_routes(source);
}

void mb_table_set_remote(mb_table *table, mb_stream *stream, mb_remote_plan *plan, double now)
{
    if (!plan->may_receive)
        mb_pacer_stop_noise(table, stream->inbound.sink);
    mb_stream_set_remote(stream, plan, table->srtp, now);
    mb_relay_aim(stream);
    reroute(stream);
    if (!stream->control.scheduled)
        mb_control_schedule(&stream->control, now);
}

static void set_ground(mb_stream *stream, mb_tone *tone)
{
    mb_tone_share(tone);
    mb_tone_release(stream->ground);
    stream->ground = tone;
}

void mb_table_play(mb_table *table, mb_stream *stream, mb_tone *tone, bool overrides, double now)
{
    if (!stream->listed)
        return;
    set_ground(stream, overrides || !mb_tone_endless(tone) ? NULL : tone);
    mb_pacer_start(table, stream, tone, overrides, now);
}

void mb_table_stop_playing(mb_table *table, mb_stream *stream)
{
    set_ground(stream, NULL);
    mb_pacer_stop(table, stream);
}

void mb_table_join(mb_table *table, mb_stream *source, mb_stream *sink)
{
    (void)table;
    if (source->listed && sink->listed)
        mb_inbound_join(&source->inbound, &sink->outbound);
}

/* Let a stream and the one that it is bridged with be each other's partner no more. */
static void part(mb_stream *stream)
{
    if (stream->partner && stream->partner->partner == stream)
        stream->partner->partner = NULL;
    stream->partner = NULL;
}

void mb_table_expect(mb_table *table, mb_stream *stream, double now)
{
    (void)table;
    if (stream->listed && mb_stream_expect(stream, now))
        mb_relay_aim(stream);
}

static void bridge_one(mb_table *table, mb_stream *source, mb_stream *sink, double now)
{
    mb_table_expect(table, source, now);
    mb_table_join(table, source, sink);
    mb_table_stop_playing(table, sink);
    part(source);
    source->bridged = true;
    source->partner = sink;
    source->watched_from = now;
}

void mb_table_bridge(mb_table *table, mb_stream *first, mb_stream *second, double now)
{
    if (!first->listed || !second->listed)
        return;
    bridge_one(table, first, second, now);
    bridge_one(table, second, first, now);
}

void mb_table_set_tap(mb_table *table, mb_stream *stream, uint8_t channel, mb_ring *tap)
{
    (void)table;
    mb_ring_share(tap);
    mb_ring_release(stream->inbound.tap);
    stream->inbound.tap = tap;
    stream->inbound.tap_channel = channel;
}

void mb_table_send_digit(mb_table *table, mb_stream *stream, uint8_t event, uint32_t duration_ms, double now)
{
    if (stream->listed && event < MB_DIGIT_KINDS)
        mb_digit_sender_send(table, &stream->outbound, event, duration_ms, now);
}

void mb_table_set_converter(mb_table *table, mb_stream *source, mb_ring *converter, bool whole)
{
    (void)table;
    mb_inbound *inbound = &source->inbound;
    mb_ring_share(converter);
    mb_ring_release(inbound->conversion.converter);
    inbound->conversion.converter = converter;
    if (inbound->conversion.whole != (converter && whole)) {
        inbound->conversion.whole = converter && whole;
        mb_inbound_update_routes(inbound);
    }
    /* Another converter has a timeline of its own. */
    if (inbound->sink && inbound->sink->source == &inbound->conversion)
        inbound->sink->source = NULL;
}

void mb_table_set_listener(mb_table *table, mb_stream *stream, mb_ring *listener)
{
    (void)table;
    mb_ring_share(listener);
    mb_ring_release(stream->inbound.listener);
    stream->inbound.listener = listener;
}

void mb_table_set_fork(mb_table *table, mb_stream *stream, mb_ring *fork)
{
    (void)table;
    mb_ring_share(fork);
    mb_ring_release(stream->inbound.fork);
    stream->inbound.fork = fork;
}

void mb_table_send_audio(mb_table *table, mb_stream *sink, mb_stream *source, const mb_converted *made, double now)
{
    if (sink->listed && source->listed)
        mb_relay_converted(table, &source->inbound, &sink->outbound, made, now);
}

/* Our RTP clock's reading of `now`. */
static uint32_t timestamp_of(const mb_outbound *out, double now)
{
    if (!out->sent_before)
        return out->timestamp;
    return out->timestamp + (uint32_t)(int64_t)nearbyint((now - out->sent_at) * out->clock_hz);
}

static void report(mb_stream *stream, bool farewell, double now)
{
    uint8_t packet[MB_CONTROL_MAX];
    mb_outbound *out = &stream->outbound;
    mb_sent sent = {out->packets, out->octets, timestamp_of(out, now)};
    mb_stream_send_control(stream, packet,
                           mb_control_report(&stream->control, &stream->inbound.reception, &sent, farewell, now, packet));
}

void mb_table_remove(mb_table *table, mb_stream *stream, double now)
{
    if (!stream->listed)
        return;
    unlist(table, stream);
    while (stream->outbound.sources)
        mb_inbound_join(stream->outbound.sources, NULL);
    part(stream);
    if (stream->control.target.family && (stream->outbound.packets || stream->inbound.reception.started))
        report(stream, true, now);
    mb_pacer_stop_noise(table, stream->inbound.sink);
    mb_inbound_join(&stream->inbound, NULL);
    mb_table_set_tap(table, stream, 0, NULL);
    mb_table_set_converter(table, stream, NULL, false);
    mb_table_set_listener(table, stream, NULL);
    mb_table_set_fork(table, stream, NULL);
    mb_digit_sender_stop(table, &stream->outbound);
    mb_table_stop_playing(table, stream);
    stream->outbound.source = NULL;
    stream->outbound.aimed = false;
    stream->wire->close(stream);
}

static void watch_silence(mb_table *table, mb_stream *stream, double now)
{
    if (!(stream->bridged || stream->ever_started))
        return;
    /* The clock of talk stands still while either party holds; only the longer one of the hold runs. */
    double limit = stream->bridged ? stream->timeouts.bridged_s : stream->timeouts.early_s;
    if (mb_stream_held(stream))
        limit = stream->timeouts.hold_s;
    double heard_at = stream->inbound.heard_at;
    double idle = now - (heard_at >= stream->watched_from ? heard_at : stream->watched_from);
    if (idle < limit)
        stream->lost = false;
    else if (!stream->lost) {
        mb_event event = {.kind = MB_MEDIA_LOST, .stream = stream->number, .seconds = idle};
        stream->lost = true;
        table->post(table->post_context, &event);
    }
}

/* Silence where a bridged leg's source is quiet, ringback again where early media have stopped. */
static void feed(mb_table *table, mb_stream *stream, double now)
{
    mb_outbound *out = &stream->outbound;
    if (!out->may_send || out->playback.tone || out->digits.sending)
        return;
    mb_tone *tone = stream->bridged ? table->silence : stream->ground;
    double since = stream->watched_from;
    if (out->sent_before && out->sent_at >= since)
        since = out->sent_at;
    /* A key that is held is no silence, and its event is not to be broken up. */
    if (out->event_sent_at > since)
        since = out->event_sent_at;
    if (tone && now - since > (stream->bridged ? STARVED_S : STOPPED_S))
        mb_pacer_start(table, stream, tone, false, now);
}

static void look_after(mb_table *table, mb_stream *stream, double now)
{
    mb_press pressed;
    mb_inbound_let_go(&stream->inbound, now);
    if (mb_digits_sweep(&stream->inbound.watch, now, &pressed))
        mb_relay_report(table, stream, &pressed, now);
    watch_silence(table, stream, now);
    mb_outbound_raise_floor(&stream->outbound);
    if (stream->outbound.repacketiser.made && now - stream->outbound.repacketiser.put_at > MB_STALE_S)
        mb_relay_flush(table, &stream->outbound);
    feed(table, stream, now);
    if (stream->control.scheduled && now >= stream->control.due) {
        mb_control_schedule(&stream->control, now);
        if (stream->control.target.family)
            report(stream, false, now);
    }
}

void mb_table_advance(mb_table *table, double now)
{
    mb_pacer_advance(table, now);
    mb_digit_sender_advance(table, now);
    if (!table->streams || now < table->sweep_due)
        return;
    table->sweep_due = table->sweep_due + TURN_S > now ? table->sweep_due + TURN_S : now;
    table->part = (table->part + 1) % MB_PARTS;
    for (mb_stream *stream = table->first[table->part]; stream; stream = stream->next)
        look_after(table, stream, now);
}

bool mb_table_next_due(const mb_table *table, double *due)
{
    const mb_deadline *first[] = {mb_heap_first(&table->playing), mb_heap_first(&table->sending_digits)};
    bool any = table->streams > 0;
    if (any)
        *due = table->sweep_due;
    for (int at = 0; at < 2; at++)
        if (first[at] && (!any || first[at]->due < *due)) {
            *due = first[at]->due;
            any = true;
        }
    return any;
}
