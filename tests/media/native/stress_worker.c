/* The packet thread in C under ThreadSanitizer: streams are opened, edited and closed over sockets while their packets
 * arrive, built and run by .ci/sanitize.
 *
 *     stress_worker ROUNDS
 *
 * One thread commands, one talks, one reads what comes for a recorder and is told of it by an eventfd. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker.h"

enum { LEGS = 6, SAMPLES = 800, RING_PACKETS = 64, COMMANDS_MAX = 256 };

static void require(bool truth, const char *what)
{
    if (!truth) {
        fprintf(stderr, "stress_worker: %s\n", what);
        abort();
    }
}

static atomic_uint_least16_t ports[LEGS];
static atomic_bool ended;
static mb_ring *ring;
static int ring_told;

static int bound(uint16_t *port)
{
    int opened = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    require(opened >= 0 && bind(opened, (struct sockaddr *)&here, size) == 0, "no socket");
    require(getsockname(opened, (struct sockaddr *)&here, &size) == 0, "no name");
    *port = ntohs(here.sin_port);
    return opened;
}

static void *talk(void *context)
{
    uint8_t packet[172] = {0x80, 8};
    int descriptor = *(int *)context;
    for (unsigned number = 0; !atomic_load(&ended); number++) {
        for (int leg = 0; leg < LEGS; leg++) {
            struct sockaddr_in there = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
            there.sin_port = htons(atomic_load(&ports[leg]));
            packet[2] = (uint8_t)(number >> 8);
            packet[3] = (uint8_t)number;
            if (there.sin_port)
                (void)sendto(descriptor, packet, sizeof packet, 0, (struct sockaddr *)&there, sizeof there);
        }
    }
    return NULL;
}

static void *take(void *context)
{
    uint64_t *taken = context, count;
    while (!atomic_load(&ended)) {
        mb_packet packet;
        const uint8_t *payload;
        (void)!read(ring_told, &count, sizeof count);
        mb_ring_listen(ring);
        while (mb_ring_take(ring, &packet, &payload))
            *taken += payload[packet.size - 1] == 0;
    }
    return NULL;
}

static mb_tone *tone(bool endless)
{
    uint8_t samples[SAMPLES] = {0};
    mb_tone *made = mb_tone_new("tone", SAMPLES, endless);
    require(made && mb_tone_encode(made, 8, 0xD5, samples), "no tone");
    return made;
}

static void push(mb_worker *worker, mb_command command)
{
    uint64_t number = 0;
    while (!(number = mb_worker_push(worker, &command)))
        mb_worker_wake(worker);
}

static mb_remote_plan *remote(uint16_t port)
{
    mb_remote_plan *plan = calloc(1, sizeof *plan);
    require(plan != NULL, "no memory");
    plan->remote = plan->control = (mb_address){.family = 4, .port = port, .host = {127, 0, 0, 1}};
    plan->codec = plan->payload_type = 8;
    plan->dtmf_payload_type = plan->noise_payload_type = -1;
    plan->receives[0] = (mb_receives){8, 8};
    plan->receives_count = 1;
    plan->may_send = plan->may_receive = plan->renewed = true;
    plan->frame_samples = 160;
    plan->dtmf_clock_hz = 8000;
    return plan;
}

/* Wait, told by the eventfd, until a command has been carried out. */
static uint64_t await(mb_worker *worker, uint64_t number)
{
    uint64_t events = 0;
    for (;;) {
        uint64_t carried_out = mb_worker_carried_out(worker);
        mb_event event;
        while (mb_worker_event(worker, &event))
            events++;
        if (carried_out >= number)
            return events;
        fd_set told;
        FD_ZERO(&told);
        FD_SET(mb_worker_told_fd(worker), &told);
        struct timeval patience = {.tv_sec = 10};
        require(select(mb_worker_told_fd(worker) + 1, &told, NULL, NULL, &patience) == 1, "a wake-up was lost");
    }
}

static uint64_t play_a_round(mb_worker *worker, uint64_t first, uint16_t peer, mb_tone *ringback)
{
    mb_stream *streams[LEGS];
    uint16_t own[LEGS], unused;
    for (int leg = 0; leg < LEGS; leg++) {
        mb_stream_plan plan = {.number = first + (uint64_t)leg, .ssrc = 1, .cname = "x", .cname_size = 1};
        plan.timeouts = (mb_timeouts){30, 45, 300};
        streams[leg] = mb_worker_open(worker, &plan, NULL, bound(&own[leg]), bound(&unused), NULL);
        require(streams[leg] != NULL, "no stream");
        atomic_store(&ports[leg], own[leg]);
        push(worker, (mb_command){.kind = MB_ADD, .stream = streams[leg]});
        push(worker, (mb_command){.kind = MB_SET_REMOTE, .stream = streams[leg], .plan = remote(peer)});
    }
    for (int leg = 0; leg < LEGS; leg += 2) {
        mb_stream *one = streams[leg], *other = streams[leg + 1];
        push(worker, (mb_command){.kind = MB_PLAY, .stream = one, .tone = mb_tone_share(ringback)});
        push(worker, (mb_command){.kind = MB_BRIDGE, .stream = one, .other = other});
        push(worker, (mb_command){.kind = MB_SET_TAP, .stream = one, .ring = leg ? NULL : mb_ring_share(ring)});
        push(worker, (mb_command){.kind = MB_SEND_DIGIT, .stream = other, .event = 5, .duration_ms = 60});
    }
    mb_command nothing = {.kind = MB_NOTHING, .tells = true};
    uint64_t number, events;
    while (!(number = mb_worker_push(worker, &nothing)))
        mb_worker_wake(worker);
    mb_worker_wake(worker);
    events = await(worker, number);
    for (int leg = 0; leg < LEGS; leg++) {
        mb_command removal = {.kind = MB_REMOVE, .stream = streams[leg], .tells = true};
        number = mb_worker_push(worker, &removal);
        require(number != 0, "a removal was refused");
    }
    mb_worker_wake(worker);
    events += await(worker, number);
    for (int leg = 0; leg < LEGS; leg++)
        mb_worker_discard(streams[leg]);
    return events;
}

int main(int count, char **words)
{
    int rounds = count > 1 ? atoi(words[1]) : 100;
    uint8_t same[256] = {0};
    uint16_t peer;
    uint64_t taken = 0, events = 0;
    mb_tone *endless = tone(true), *short_one = tone(false);
    mb_worker_plan plan = {.commands_max = COMMANDS_MAX};
    plan.table.streams_max = LEGS;
    plan.table.silence = endless;
    plan.table.alaw_to_ulaw = plan.table.ulaw_to_alaw = same;
    for (int digit = 0; digit < 16; digit++)
        plan.table.digit_tones[digit] = endless;
    for (int noise = 0; noise < MB_NOISES; noise++)
        plan.table.noises[noise] = endless;
    mb_worker *worker = mb_worker_new(&plan);
    ring = mb_ring_new(RING_PACKETS, RING_PACKETS * 256);
    ring_told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    require(worker && ring && ring_told >= 0 && mb_worker_start(worker) == 0, "no worker");
    mb_ring_tell(ring, dup(ring_told));
    int talker = bound(&peer);
    pthread_t talking, taking;
    require(pthread_create(&talking, NULL, talk, &talker) == 0, "no thread");
    require(pthread_create(&taking, NULL, take, &taken) == 0, "no thread");
    for (int number = 0; number < rounds; number++)
        events += play_a_round(worker, (uint64_t)(number * LEGS), peer, number % 2 ? endless : short_one);
    mb_worker_stop(worker);
    atomic_store(&ended, true);
    pthread_join(talking, NULL);
    pthread_join(taking, NULL);
    mb_worker_figures figures = mb_worker_counted(worker);
    mb_worker_free(worker);
    mb_ring_release(ring);
    close(ring_told);
    close(talker);
    mb_tone_release(endless);
    mb_tone_release(short_one);
    printf("stress_worker: %d rounds, %llu relayed, %llu events, %llu taken\n", rounds,
           (unsigned long long)figures.relayed, (unsigned long long)events, (unsigned long long)taken);
    return 0;
}
