#include "digit_sender.h"

#include <string.h>

#include "pacing.h"
#include "relay.h"

enum {
    /* Shorter presses are made this long, so that receivers take them (ITU-T Q.24); longer ones are cut. */
    SHORTEST_MS = 60,
    LONGEST_MS = 8000,
    /* Between two digits; a whole number of packets, this long at least. */
    PAUSE_MS = 60,
    /* The level that an event tells, in -dBm0: that of the tones in the audio. */
    VOLUME = 8,
    END_REPEATS = 3,
    /* After a longer stall than this many packets the digit goes on from now, instead of in a burst. */
    CATCH_UP_PACKETS = 3,
};

static mb_outbound *outbound_of(mb_deadline *deadline)
{
    return (mb_outbound *)(void *)((char *)deadline - offsetof(mb_outbound, digits.deadline));
}

/* How much a packet carries, in 8 kHz samples. */
static int64_t samples_of(const mb_outbound *out)
{
    uint32_t ticks = out->digits.in_band ? mb_frame_ticks(out->codec, out->frame_samples) : out->frame_samples;
    return (int64_t)((uint64_t)ticks * MB_SAMPLES_HZ / out->clock_hz);
}

/* Begin the digit that has waited longest, a pause before it. */
static void begin_next(mb_outbound *out, int64_t pause_ms)
{
    mb_digit_run *run = &out->digits;
    mb_waiting_digit next = run->waiting[run->waiting_first];
    run->waiting_first = (run->waiting_first + 1) % MB_DIGITS_WAITING_MAX;
    run->waiting_count--;
    run->event = next.event;
    run->in_band = out->dtmf_payload_type == MB_UNROUTED;
    int64_t samples = samples_of(out), pause = pause_ms * MB_SAMPLES_HZ / 1000;
    run->length = (int64_t)next.length_ms * MB_SAMPLES_HZ / 1000;
    run->position = -samples * ((pause + samples - 1) / samples);
    run->ends = END_REPEATS;
    run->has_timestamp = false;
    run->sent.known = false;
}

/* What a pause still lacks since the newest tone in the audio: while a key is down, its leg sends no audio, and who joins
 * packet to packet, whatever their timestamps say, would hear the tones of two presses as one. */
static int64_t still_to_pause_ms(const mb_outbound *out)
{
    if (!out->toned || out->dtmf_payload_type != MB_UNROUTED)
        return 0;
    uint16_t packets = (uint16_t)(out->sequence - out->toned_sequence);
    int64_t sent_ms = (int64_t)packets * out->frame_samples * 1000 / out->clock_hz;
    return sent_ms < PAUSE_MS ? PAUSE_MS - sent_ms : 0;
}

static void wait_in_turn(mb_digit_run *run, uint8_t event, uint32_t length_ms)
{
    size_t at = (run->waiting_first + run->waiting_count++) % MB_DIGITS_WAITING_MAX;
    run->waiting[at] = (mb_waiting_digit){event, length_ms};
}

void mb_digit_sender_send(mb_table *table, mb_outbound *out, uint8_t event, uint32_t duration_ms, double now)
{
    mb_digit_run *run = &out->digits;
    uint32_t length_ms = duration_ms < SHORTEST_MS ? SHORTEST_MS : duration_ms > LONGEST_MS ? LONGEST_MS : duration_ms;
    if (run->sending) {
        if (run->waiting_count < MB_DIGITS_WAITING_MAX)
            wait_in_turn(run, event, length_ms);
        else
            out->digits_refused++;
        return;
    }
    memset(run, 0, sizeof *run);
    wait_in_turn(run, event, length_ms);
    begin_next(out, still_to_pause_ms(out));
    run->sending = true;
    run->deadline.due = mb_grid(now);
    mb_outbound_update_bar(out);
    mb_heap_add(&table->sending_digits, &run->deadline);
}

void mb_digit_sender_stop(mb_table *table, mb_outbound *out)
{
    if (out->digits.sending)
        mb_heap_remove(&table->sending_digits, &out->digits.deadline);
    out->digits.sending = false;
    mb_outbound_update_bar(out);
}

/* Send a packet that stands for `timestamp`. */
static void send_packet(mb_outbound *out, unsigned second, uint32_t timestamp, uint8_t *packet, size_t size)
{
    out->source = NULL;
    out->sequence++;
    out->timestamp = timestamp;
    mb_put_rtp(packet, second, out->sequence, timestamp, out->ssrc);
    mb_stream_send(mb_stream_of(out), packet, MB_RTP_HEADER + size);
}

static void send_tone(const mb_table *table, mb_outbound *out, int64_t samples)
{
    mb_digit_run *run = &out->digits;
    uint8_t packet[MB_RTP_HEADER + MB_PAYLOAD_MAX];
    if (out->payload_type == MB_UNROUTED)
        return;
    const mb_tone *tone = run->position >= 0 ? table->digit_tones[run->event] : table->silence;
    uint64_t position = run->position > 0 ? (uint64_t)run->position : 0;
    size_t size =
        mb_tone_frame(tone, out->codec, position, (size_t)samples, packet + MB_RTP_HEADER, MB_PAYLOAD_MAX);
    uint32_t timestamp = run->timestamp;
    unsigned marker = 0;
    if (!run->has_timestamp) {
        timestamp = out->timestamp + (uint32_t)mb_clock_step(out, run->deadline.due);
        marker = MB_RTP_MARKER;
    }
    run->has_timestamp = true;
    run->timestamp = timestamp + (uint32_t)(samples * out->clock_hz / MB_SAMPLES_HZ);
    if (!out->may_send)
        return;
    out->sent_at = run->deadline.due;
    out->sent_before = true;
    send_packet(out, marker | (unsigned)out->payload_type, timestamp, packet, size);
    out->toned = true;
    out->toned_sequence = out->sequence;
}

static void send_part(mb_outbound *out, unsigned second, uint32_t timestamp, unsigned flags, uint16_t duration)
{
    uint8_t packet[MB_RTP_HEADER + MB_EVENT_BYTES];
    if (!out->may_send)
        return;
    if (out->sent_before) /* when our clock shows this timestamp */
        out->sent_at += (double)(uint32_t)(timestamp - out->timestamp) / out->clock_hz;
    packet[MB_RTP_HEADER] = out->digits.event;
    packet[MB_RTP_HEADER + 1] = (uint8_t)(flags | VOLUME);
    mb_put16(packet + MB_RTP_HEADER + 2, duration);
    send_packet(out, second | (unsigned)out->dtmf_payload_type, timestamp, packet, MB_EVENT_BYTES);
}

/* One packet of the event: growing while it lasts, then the end, thrice (RFC 4733 section 2.5.1). */
static void send_event(mb_outbound *out, int64_t samples)
{
    mb_digit_run *run = &out->digits;
    mb_sent_event *sent = &run->sent;
    int64_t duration = run->position + samples;
    bool ended = duration >= run->length;
    if (ended) {
        duration = run->length;
        run->ends--;
    }
    if (out->dtmf_payload_type == MB_UNROUTED)
        return;
    unsigned marker = 0;
    bool begins = !sent->known;
    if (begins) {
        uint32_t began = out->timestamp + (uint32_t)mb_clock_step(out, run->deadline.due);
        *sent = (mb_sent_event){.known = true, .code = run->event, .timestamp = began, .began = began};
        marker = MB_RTP_MARKER;
    }
    mb_event_packet packet = {sent->timestamp, MB_SAMPLES_HZ, out->dtmf_clock_hz, (uint16_t)duration, ended, true};
    mb_event_part part = mb_sent_event_part(sent, &packet);
    if (part.incomplete)
        send_part(out, 0, part.completes, 0, MB_DURATION_MAX);
    send_part(out, marker, part.timestamp, ended ? MB_EVENT_END : 0, part.duration);
    if (begins && out->may_send) {
        out->sent_at = run->deadline.due;
        out->sent_before = true;
    }
}

/* Send the packet that is due, or find that no digit is left. */
static void step(mb_table *table, mb_outbound *out, double now)
{
    mb_digit_run *run = &out->digits;
    if (run->in_band ? run->position >= run->length : !run->ends) {
        if (!run->waiting_count) {
            mb_digit_sender_stop(table, out);
            return;
        }
        begin_next(out, PAUSE_MS);
    }
    int64_t samples = samples_of(out);
    if ((now - run->deadline.due) * MB_SAMPLES_HZ >= (double)(CATCH_UP_PACKETS * samples)) {
        run->deadline.due = now;
        if (run->in_band)
            run->has_timestamp = false;
    }
    if (run->in_band)
        send_tone(table, out, samples);
    else if (run->position >= 0)
        send_event(out, samples);
    run->position += samples;
    run->deadline.due += (double)samples / MB_SAMPLES_HZ;
    mb_heap_postponed(&table->sending_digits, &run->deadline);
}

void mb_digit_sender_advance(mb_table *table, double now)
{
    for (mb_deadline *first; (first = mb_heap_first(&table->sending_digits)) && first->due <= now;)
        step(table, outbound_of(first), now);
}
