/* A fuzzer of the packet path in C: hostile packets and random commands on a table of streams, built with
 * AddressSanitizer and UndefinedBehaviorSanitizer by .ci/sanitize.
 *
 *     fuzz_packets SEED STEPS
 *
 * The same seed does the same. What lies behind a packet in its buffer, but for the room that sealing may take, is
 * poisoned: reading or writing it ends the run. */
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay.h"

enum { LEGS = 4, RING_PACKETS = 64, PROTECTED = 10, TONE_SAMPLES = 800 };

static uint64_t chance_state;

static uint32_t chance(uint32_t below)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (uint32_t)(chance_state >> 16) % below;
}

static void require(bool truth, const char *what)
{
    if (!truth) {
        fprintf(stderr, "fuzz_packets: %s\n", what);
        abort();
    }
}

static struct {
    uint64_t sent, controls, events, closed, taken;
} counted;

/* A stand-in for libsrtp that seals by ten bytes and, when opening, refuses, shrinks or passes on by chance. */
static int seal(void *session, void *packet, int *size)
{
    require(session != NULL, "sealed without a session");
    if (chance(50) == 0)
        return 1;
    memset((uint8_t *)packet + *size, 0xEE, PROTECTED);
    *size += PROTECTED;
    return 0;
}

static int open_sealed(void *session, void *packet, int *size)
{
    require(session != NULL && packet != NULL, "opened without a session");
    switch (chance(24)) {
    case 0:
        return 9;
    case 1:
        return 10;
    case 2:
        return 7;
    default:
        *size -= *size > PROTECTED ? PROTECTED : 0;
        return 0;
    }
}

static int end_session(void *session)
{
    free(session);
    return 0;
}

static const mb_srtp srtp = {seal, open_sealed, seal, open_sealed, end_session, 9, 10};

static void aim(mb_stream *stream, const mb_address *target, bool exclusive)
{
    (void)stream, (void)exclusive;
    require(target->family != 0, "aimed at nothing");
}

static volatile uint8_t looked_at;

static void look_at(const uint8_t *packet, size_t size)
{
    for (size_t at = 0; at < size; at++)
        looked_at ^= packet[at];
}

static bool send_packet(mb_stream *stream, const uint8_t *packet, size_t size)
{
    (void)stream;
    require(size >= MB_RTP_HEADER && size <= MB_DATAGRAM_MAX + MB_SRTP_TRAILER, "sent a packet of no packet's size");
    require((packet[0] & 0xC0) == MB_RTP_VERSION_2, "sent what is not RTP version 2");
    look_at(packet, size);
    counted.sent++;
    return chance(40) != 0;
}

static void send_control(mb_stream *stream, const uint8_t *packet, size_t size, const mb_address *target)
{
    (void)stream, (void)target;
    require(size >= 8 && size <= MB_CONTROL_MAX + MB_SRTCP_TRAILER, "sent RTCP of no RTCP's size");
    look_at(packet, size);
    counted.controls++;
}

static void close_wire(mb_stream *stream)
{
    (void)stream;
    counted.closed++;
}

static const mb_wire wire = {aim, send_packet, send_control, close_wire};

static void post(void *context, const mb_event *event)
{
    (void)context;
    require(event->stream < UINT64_MAX && strlen(event->tone) < MB_TONE_NAME_MAX, "a broken event");
    counted.events++;
}

typedef struct {
    mb_stream *stream;
    uint64_t number;
    uint16_t sequence;
    uint32_t timestamp, ssrc;
} leg;

static mb_table table;
static leg legs[LEGS];
static mb_ring *tap, *converter, *listener;
static mb_tone *tones[4];
static double now = 1000;

static const int codecs[] = {MB_PCMU, MB_PCMA, MB_G722, MB_OPUS};

static mb_address address(uint32_t host)
{
    mb_address made = {0};
    made.family = chance(30) ? 4 : 6;
    made.host[0] = 10;
    made.host[3] = (uint8_t)host;
    made.port = 4000 + 2 * (host % 8);
    return made;
}

static mb_tone *new_tone(const char *name, bool endless)
{
    uint8_t samples[TONE_SAMPLES];
    uint16_t sizes[5] = {3, 60, 160, 1, 1275};
    uint8_t packets[3 + 60 + 160 + 1 + 1275];
    memset(samples, 0x55, sizeof samples);
    memset(packets, 0x66, sizeof packets);
    mb_tone *tone = mb_tone_new(name, sizeof samples, endless);
    require(tone && mb_tone_encode(tone, MB_PCMA, 0xD5, samples) && mb_tone_encode(tone, MB_PCMU, 0xFF, samples),
            "no tone");
    require(mb_tone_packets(tone, MB_OPUS, 5, sizes, packets), "no tone of packets");
    return tone;
}

static void *session(void)
{
    void *made = malloc(1);
    require(made != NULL, "no memory");
    return made;
}

static void open_leg(size_t at)
{
    static const mb_network networks[1] = {{.family = 4, .first = {10, 0, 0, 1}, .last = {10, 0, 0, 3}}};
    static uint64_t number;
    mb_stream_plan plan = {
        .number = ++number, .ssrc = chance(1u << 31), .sequence = (uint16_t)chance(65536), .timestamp = chance(1u << 31),
        .cname = "fuzz", .cname_size = 4, .nat = chance(2), .networks = networks, .network_count = chance(2),
        .timeouts = {.early_s = 30, .bridged_s = 20, .hold_s = 100},
    };
    leg *opened = &legs[at];
    opened->stream = mb_stream_new(&plan, &wire, NULL);
    opened->number = plan.number;
    opened->sequence = (uint16_t)chance(65536);
    opened->timestamp = chance(1u << 31);
    opened->ssrc = chance(1u << 31);
    require(opened->stream && mb_table_add(&table, opened->stream, now), "a table with room refuses");
}

static void set_remote(leg *changed)
{
    mb_remote_plan plan = {
        .codec = (int16_t)codecs[chance(4)], .payload_type = (int16_t)chance(128),
        .dtmf_payload_type = chance(3) ? 101 : MB_UNROUTED, .noise_payload_type = chance(2) ? 13 : MB_UNROUTED,
        .may_send = chance(8), .may_receive = chance(8), .on_hold = !chance(6), .renewed = chance(2),
        .secured = !chance(4), .dtmf_clock_hz = chance(2) ? 8000 : 48000,
    };
    if (chance(8)) {
        plan.remote = address(chance(6) ? (uint32_t)(changed - legs) : chance(5));
        plan.control = plan.remote;
    }
    plan.frame_samples = (10 + 10 * chance(6)) * mb_clock_hz(plan.codec) / 1000;
    plan.receives_count = chance(6);
    plan.lingering_count = chance(3);
    for (size_t at = 0; at < plan.receives_count + plan.lingering_count; at++) {
        static const int received[] = {MB_PCMU, MB_PCMA, MB_G722, MB_OPUS, MB_COMFORT_NOISE, MB_TELEPHONE_EVENT};
        plan.receives[at].payload_type = (uint8_t)(at < 2 ? at * 8 : chance(128));
        plan.receives[at].codec = (int16_t)(chance(4) && at < 2 ? received[at] : received[chance(6)]);
    }
    if (plan.secured) {
        plan.keying.send.size = plan.keying.receive.size = 30;
        plan.keying.send.master[0] = (uint8_t)chance(12);
        plan.keying.receive.master[0] = (uint8_t)chance(4);
        plan.keying.sender = session();
        plan.keying.receiver = session();
        plan.keying.rolled = chance(2) ? session() : NULL;
        plan.keying.leading = plan.keying.rolled ? session() : NULL;
    }
    mb_table_set_remote(&table, changed->stream, &plan, now);
}

static void send_audio(leg *from, leg *to)
{
    uint8_t bytes[3 * 1500];
    mb_made packets[3];
    mb_converted made = {.codec = (int16_t)codecs[chance(4)], .count = chance(4), .packets = packets, .bytes = bytes};
    memset(bytes, 0x33, sizeof bytes);
    for (size_t at = 0; at < made.count; at++)
        packets[at] = (mb_made){.timestamp = chance(1u << 30), .size = (uint16_t)chance(chance(4) ? 400 : 1500),
                                .marker = (uint8_t)chance(2)};
    mb_table_send_audio(&table, to->stream, from->stream, &made, now);
}

static void command(void)
{
    leg *first = &legs[chance(LEGS)], *second = &legs[chance(LEGS)];
    switch (chance(13)) {
    case 0:
        if (first != second)
            mb_table_bridge(&table, first->stream, second->stream, now);
        break;
    case 1:
        mb_table_join(&table, first->stream, second->stream);
        break;
    case 2:
        mb_table_play(&table, first->stream, tones[chance(4)], chance(2), now);
        break;
    case 3:
        mb_table_stop_playing(&table, first->stream);
        break;
    case 4:
        mb_table_send_digit(&table, first->stream, (uint8_t)chance(MB_DIGIT_KINDS), 60 + chance(8000), now);
        break;
    case 5:
        mb_table_set_tap(&table, first->stream, (uint8_t)chance(2), chance(2) ? tap : NULL);
        break;
    case 6:
        mb_table_set_converter(&table, first->stream, chance(2) ? converter : NULL, chance(2));
        mb_table_set_listener(&table, first->stream, chance(2) ? listener : NULL);
        mb_table_set_fork(&table, first->stream, chance(2) ? listener : NULL);
        break;
    case 7:
        send_audio(first, second);
        break;
    case 8:
        if (chance(4) == 0) {
            mb_table_remove(&table, first->stream, now);
            mb_stream_free(first->stream);
            open_leg((size_t)(first - legs));
        }
        break;
    case 9:
        mb_table_expect(&table, first->stream, now);
        break;
    default:
        set_remote(first);
    }
}

static size_t rtp(leg *sender, uint8_t *packet)
{
    size_t size = MB_RTP_HEADER;
    uint32_t kind = chance(10);
    unsigned type = chance(3) ? chance(2) * 8 : chance(128);
    sender->sequence = (uint16_t)(sender->sequence + (chance(50) ? 1 : chance(8) ? chance(8) : chance(65536)));
    sender->timestamp += chance(20) ? 160 : chance(1u << 31);
    if (chance(60) == 0)
        sender->ssrc = chance(1u << 31);
    mb_put_rtp(packet, type | (chance(10) ? 0 : 0x80), sender->sequence, sender->timestamp, sender->ssrc);
    if (kind == 0) { /* a list of contributing sources, perhaps longer than the packet */
        packet[0] |= (uint8_t)chance(16);
        size += 4 * chance(16);
    } else if (kind == 1) { /* an extension, whose length may be a lie */
        packet[0] |= 0x10;
        mb_put16(packet + size + 2, (uint16_t)(chance(3) ? chance(20) : chance(65536)));
        size += 4 + 4 * chance(20);
    }
    static const uint32_t payloads[] = {160, 160, 160, 80, 240, 480, 4, 0, 1, 1275};
    size += chance(20) ? payloads[chance(10)] : chance(MB_DATAGRAM_MAX - 200);
    if (kind == 2) { /* padding, whose length may be a lie */
        packet[0] |= 0x20;
        packet[size - 1] = (uint8_t)chance(256);
    }
    return size;
}

static size_t rtcp(uint8_t *packet)
{
    size_t size = 0;
    for (uint32_t packets = 1 + chance(40); packets && size < MB_DATAGRAM_MAX - 300; packets--) {
        size_t words = chance(30);
        packet[size] = (uint8_t)(MB_RTP_VERSION_2 | chance(32));
        packet[size + 1] = (uint8_t)(chance(8) ? 200 + chance(5) : MB_RTCP_FIRST + chance(32));
        mb_put16(packet + size + 2, (uint16_t)(chance(10) ? words : chance(65536)));
        if (chance(2))
            mb_put32(packet + size + 8, legs[chance(LEGS)].stream->outbound.ssrc);
        size += 4 + 4 * words;
    }
    return size;
}

/* What only reads a packet gets it in a block of exactly its size. */
static void parse(const uint8_t *packet, size_t size)
{
    static mb_control control;
    static mb_digits digits;
    uint8_t *exact = malloc(size ? size : 1);
    size_t start, end;
    mb_press ended[2];
    require(exact != NULL, "no memory");
    memcpy(exact, packet, size);
    if (mb_payload_bounds(exact, size, &start, &end)) {
        require(start >= MB_RTP_HEADER && start <= end && end <= size, "a payload outside of its packet");
        require(mb_digits_packet(&digits, 1, mb_get32(exact + 4), exact + start, end - start, 8000, now, ended) <= 2,
                "more presses than there can be");
    }
    mb_control_receive(&control, exact, size, now);
    free(exact);
}

static void packet(uint8_t *buffer)
{
    leg *sender = &legs[chance(LEGS)];
    mb_address source = address(chance(6) ? (uint32_t)(sender - legs) : chance(5));
    bool control = chance(6) == 0;
    for (size_t at = 0; at < 256; at++)
        buffer[at] = (uint8_t)chance(256);
    size_t size = control ? rtcp(buffer) : rtp(sender, buffer);
    if (chance(12) == 0)
        for (uint32_t flips = 1 + chance(8); flips; flips--)
            buffer[chance((uint32_t)(size < 64 ? size + 1 : 64))] ^= (uint8_t)(1u << chance(8));
    if (chance(20) == 0)
        size = chance((uint32_t)size + 1);
    if (chance(400) == 0)
        size = MB_DATAGRAM_MAX;
    parse(buffer, size);
    size_t used = size + MB_SRTP_TRAILER < MB_DATAGRAM_MAX ? size + MB_SRTP_TRAILER : MB_DATAGRAM_MAX;
    ASAN_POISON_MEMORY_REGION(buffer + used, MB_DATAGRAM_MAX - used);
    if (control && chance(4))
        mb_relay_control(&table, sender->stream, buffer, size, &source, now);
    else
        mb_relay_datagram(&table, sender->stream, buffer, size, chance(3) ? &source : NULL, now);
    ASAN_UNPOISON_MEMORY_REGION(buffer, MB_DATAGRAM_MAX);
}

static void drain(mb_ring *ring)
{
    mb_packet taken;
    const uint8_t *payload;
    while (mb_ring_take(ring, &taken, &payload)) {
        require(taken.size <= MB_DATAGRAM_MAX, "a packet too long came out of a queue");
        look_at(payload, taken.size);
        counted.taken++;
    }
}

int main(int count, char **words)
{
    chance_state = (count > 1 ? strtoull(words[1], NULL, 10) : 1) * 0x9E3779B97F4A7C15u + 1;
    uint64_t steps = count > 2 ? strtoull(words[2], NULL, 10) : 100000;
    static uint8_t translation[256];
    mb_table_plan plan = {.streams_max = LEGS, .alaw_to_ulaw = translation, .ulaw_to_alaw = translation, .srtp = &srtp};
    plan.silence = tones[0] = new_tone("silence", true);
    tones[1] = new_tone("ring", true);
    tones[2] = new_tone("notice", false);
    tones[3] = new_tone("word", false);
    for (size_t at = 0; at < MB_DIGIT_KINDS; at++)
        plan.digit_tones[at] = tones[1];
    for (size_t at = 0; at < MB_NOISES; at++)
        plan.noises[at] = tones[at % 2];
    tap = mb_ring_new(RING_PACKETS, RING_PACKETS * 208);
    converter = mb_ring_new(RING_PACKETS, RING_PACKETS * 256);
    listener = mb_ring_new(RING_PACKETS, RING_PACKETS * 256);
    uint8_t *buffer = malloc(MB_DATAGRAM_MAX);
    require(tap && converter && listener && buffer && mb_table_init(&table, &plan), "no memory");
    table.post = post;
    for (size_t at = 0; at < LEGS; at++)
        open_leg(at);
    for (uint64_t step = 0; step < steps; step++) {
        now += chance(100) ? 0.005 : chance(40);
        double due;
        if (mb_table_next_due(&table, &due) && due <= now)
            mb_table_advance(&table, now);
        if (chance(40) == 0)
            command();
        packet(buffer);
        if (chance(50) == 0) {
            drain(tap);
            drain(converter);
            drain(listener);
        }
    }
    for (size_t at = 0; at < LEGS; at++) {
        mb_table_remove(&table, legs[at].stream, now);
        mb_stream_free(legs[at].stream);
    }
    require(table.streams == 0, "streams are left in the table");
    mb_table_clear(&table);
    mb_ring_release(tap);
    mb_ring_release(converter);
    mb_ring_release(listener);
    for (size_t at = 0; at < 4; at++)
        mb_tone_release(tones[at]);
    free(buffer);
    printf("%llu steps: %llu packets relayed, %llu tone frames, %llu sent, %llu RTCP, %llu events, %llu closed, %llu copied\n",
           (unsigned long long)steps, (unsigned long long)table.relayed, (unsigned long long)table.played,
           (unsigned long long)counted.sent, (unsigned long long)counted.controls, (unsigned long long)counted.events,
           (unsigned long long)counted.closed, (unsigned long long)counted.taken);
    return 0;
}
