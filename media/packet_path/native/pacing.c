#include "pacing.h"

#include <math.h>
#include <string.h>

#include "relay.h"

/* Tones begin on a grid, so that many legs share a wake-up. */
#define GRID_S 0.005

/* After a stall at most so many frames are sent at once; those before them are left out. */
enum { CATCH_UP_FRAMES = 3 };

static mb_stream *stream_of(mb_deadline *deadline)
{
    return (mb_stream *)(void *)((char *)deadline - offsetof(mb_stream, outbound.playback.deadline));
}

double mb_grid(double now)
{
    /* As Python divides floats, to which its twin's deadlines owe their places. */
    double rest = fmod(now, GRID_S), quotient = (now - rest) / GRID_S, whole = floor(quotient);
    if (quotient - whole > 0.5)
        whole += 1.0;
    return (whole + 1) * GRID_S;
}

/* Louder ones than the first are not made. */
static size_t noise_index(int level)
{
    enum { LOUDEST = 38, STEP = 6 };
    int index = (level - LOUDEST + STEP / 2) / STEP;
    return level < LOUDEST ? 0 : index < MB_NOISES ? (size_t)index : MB_NOISES - 1;
}

void mb_pacer_start_noise(mb_table *table, mb_outbound *out, int level, double now)
{
    mb_playback *playback = &out->playback;
    mb_tone *noise = table->noises[noise_index(level)];
    if (!playback->tone || !(playback->overrides || playback->is_noise)) {
        mb_pacer_start(table, mb_stream_of(out), noise, false, now);
        playback->is_noise = true;
    } else if (playback->is_noise) {
        mb_tone_share(noise);
        mb_tone_release(playback->tone);
        playback->tone = noise;
    }
}

void mb_pacer_stop_noise(mb_table *table, mb_outbound *out)
{
    if (out && out->playback.tone && out->playback.is_noise)
        mb_pacer_stop(table, mb_stream_of(out));
}

void mb_pacer_start(mb_table *table, mb_stream *stream, mb_tone *tone, bool overrides, double now)
{
    mb_playback *playback = &stream->outbound.playback;
    mb_tone_share(tone);
    mb_pacer_stop(table, stream);
    memset(playback, 0, sizeof *playback);
    playback->tone = tone;
    playback->overrides = overrides;
    playback->marker = MB_RTP_MARKER;
    playback->deadline.due = mb_grid(now);
    mb_heap_add(&table->playing, &playback->deadline);
    mb_outbound_update_bar(&stream->outbound);
}

void mb_pacer_stop(mb_table *table, mb_stream *stream)
{
    mb_playback *playback = &stream->outbound.playback;
    if (playback->tone) {
        mb_heap_remove(&table->playing, &playback->deadline);
        mb_tone_release(playback->tone);
        playback->tone = NULL;
    }
    mb_outbound_update_bar(&stream->outbound);
}

static void skip(mb_playback *playback, uint64_t frames, uint32_t samples, uint32_t ticks)
{
    playback->position += frames * samples;
    playback->deadline.due += (double)(frames * samples) / MB_SAMPLES_HZ;
    playback->marker = MB_RTP_MARKER;
    playback->timestamp += (uint32_t)frames * ticks;
}

static void send_frame(mb_table *table, mb_stream *stream, uint32_t samples)
{
    mb_outbound *out = &stream->outbound;
    mb_playback *playback = &out->playback;
    uint8_t packet[MB_RTP_HEADER + MB_PAYLOAD_MAX];
    size_t size = mb_tone_frame(playback->tone, out->codec, playback->position, samples, packet + MB_RTP_HEADER,
                                MB_PAYLOAD_MAX);
    out->source = NULL;
    out->sequence++;
    out->timestamp = playback->timestamp;
    out->sent_at = playback->deadline.due;
    out->sent_before = true;
    mb_put_rtp(packet, playback->marker | (unsigned)out->payload_type, out->sequence, out->timestamp, out->ssrc);
    playback->marker = 0;
    if (mb_stream_send(stream, packet, MB_RTP_HEADER + size))
        table->played++;
}

static void finish(mb_table *table, mb_stream *stream)
{
    mb_event event = {.kind = MB_PLAYBACK_FINISHED, .stream = stream->number};
    strcpy(event.tone, mb_tone_name(stream->outbound.playback.tone));
    mb_pacer_stop(table, stream);
    table->post(table->post_context, &event);
}

/* Send the frame of a stream that is due, or find its tone over. */
static void play(mb_table *table, mb_stream *stream, double now)
{
    mb_outbound *out = &stream->outbound;
    mb_playback *playback = &out->playback;
    uint32_t ticks = mb_frame_ticks(out->codec, out->frame_samples);
    uint32_t samples = (uint32_t)((uint64_t)ticks * MB_SAMPLES_HZ / out->clock_hz);
    int64_t behind = (int64_t)((now - playback->deadline.due) * MB_SAMPLES_HZ / samples);
    if (behind >= CATCH_UP_FRAMES)
        skip(playback, (uint64_t)(behind - CATCH_UP_FRAMES + 1), samples, ticks);
    if (mb_tone_over(playback->tone, playback->position)) {
        finish(table, stream);
        return;
    }
    if (!playback->has_timestamp) {
        playback->has_timestamp = true;
        playback->timestamp = out->timestamp + (uint32_t)mb_clock_step(out, playback->deadline.due);
    }
    if (out->digits.sending)
        playback->marker = MB_RTP_MARKER;
    else if (out->may_send && out->payload_type != MB_UNROUTED)
        send_frame(table, stream, samples);
    playback->position += samples;
    playback->timestamp += ticks;
    playback->deadline.due += (double)samples / MB_SAMPLES_HZ;
    mb_heap_postponed(&table->playing, &playback->deadline);
}

void mb_pacer_advance(mb_table *table, double now)
{
    for (mb_deadline *first; (first = mb_heap_first(&table->playing)) && first->due <= now;)
        play(table, stream_of(first), now);
}
