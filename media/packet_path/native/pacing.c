#include "pacing.h"

#include <math.h>
#include <string.h>

#include "relay.h"

/* Tones begin on a grid, so that many legs share a wake-up. */
#define GRID_S 0.005

/* After a stall at most so many frames are sent at once; those before them are left out. */
enum { CATCH_UP_FRAMES = 3 };

static bool is_earlier(const mb_stream *one, const mb_stream *other)
{
    const mb_playback *first = &one->outbound.playback, *second = &other->outbound.playback;
    return first->due < second->due || (first->due == second->due && first->order < second->order);
}

static void place(mb_table *table, size_t at, mb_stream *stream)
{
    table->deadlines[at] = stream;
    stream->outbound.playback.heap_at = at;
}

static void sift_up(mb_table *table, size_t at)
{
    mb_stream *stream = table->deadlines[at];
    while (at && is_earlier(stream, table->deadlines[(at - 1) / 2])) {
        place(table, at, table->deadlines[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(table, at, stream);
}

static void sift_down(mb_table *table, size_t at)
{
    mb_stream *stream = table->deadlines[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < table->playing && is_earlier(table->deadlines[child + 1], table->deadlines[child]))
            child++;
        if (child >= table->playing || !is_earlier(table->deadlines[child], stream))
            break;
        place(table, at, table->deadlines[child]);
        at = child;
    }
    place(table, at, stream);
}

/* Python's floor division of floats, to which the grid owes its deadlines. */
static double floor_divide(double value, double by)
{
    double rest = fmod(value, by), quotient = (value - rest) / by;
    double whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1.0 : whole;
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
    playback->due = (floor_divide(now, GRID_S) + 1) * GRID_S;
    playback->order = table->orders++;
    table->deadlines[table->playing++] = stream;
    sift_up(table, table->playing - 1);
    mb_outbound_update_bar(&stream->outbound);
}

void mb_pacer_stop(mb_table *table, mb_stream *stream)
{
    mb_playback *playback = &stream->outbound.playback;
    if (playback->tone) {
        size_t at = playback->heap_at;
        mb_stream *moved = table->deadlines[--table->playing];
        if (moved != stream) {
            table->deadlines[at] = moved;
            sift_up(table, at);
            sift_down(table, moved->outbound.playback.heap_at);
        }
        mb_tone_release(playback->tone);
        playback->tone = NULL;
    }
    mb_outbound_update_bar(&stream->outbound);
}

static void skip(mb_playback *playback, uint64_t samples)
{
    playback->position += samples;
    playback->due += (double)samples / MB_CLOCK_HZ;
    playback->marker = MB_RTP_MARKER;
    playback->timestamp += (uint32_t)samples;
}

static void send_frame(mb_table *table, mb_stream *stream)
{
    mb_outbound *out = &stream->outbound;
    mb_playback *playback = &out->playback;
    uint8_t packet[MB_RTP_HEADER + MB_FRAME_SAMPLES_MAX];
    size_t size = mb_tone_frame(playback->tone, out->codec, playback->position, out->frame_samples, packet + MB_RTP_HEADER);
    out->source = NULL;
    out->sequence++;
    out->timestamp = playback->timestamp;
    out->sent_at = playback->due;
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
    uint32_t samples = out->frame_samples;
    int64_t behind = (int64_t)((now - playback->due) * MB_CLOCK_HZ / samples);
    if (behind >= CATCH_UP_FRAMES)
        skip(playback, (uint64_t)(behind - CATCH_UP_FRAMES + 1) * samples);
    if (mb_tone_over(playback->tone, playback->position)) {
        finish(table, stream);
        return;
    }
    if (!playback->has_timestamp) {
        playback->has_timestamp = true;
        playback->timestamp = out->timestamp + (uint32_t)mb_clock_step(out, playback->due);
    }
    if (out->may_send && out->payload_type != MB_UNROUTED)
        send_frame(table, stream);
    playback->position += samples;
    playback->timestamp += samples;
    playback->due += (double)samples / MB_CLOCK_HZ;
    sift_down(table, playback->heap_at);
}

void mb_pacer_advance(mb_table *table, double now)
{
    while (table->playing && table->deadlines[0]->outbound.playback.due <= now)
        play(table, table->deadlines[0], now);
}
