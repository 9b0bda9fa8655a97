/* RTP load over inherited, connected sockets: each sends a 172-byte packet every 20 ms, spread evenly over those 20 ms;
 * the payload begins with the nanosecond it was sent at, so whoever receives it knows how long it took.
 * Arguments: seconds, then descriptors. Prints sent, received, the median, 99th percentile and longest delay in us, and
 * the mean difference between the delays of two packets that follow each other (jitter as RFC 3550 section 6.4.1 has it,
 * not smoothed), in us.
 * SEALED=FILE:SIZE in the environment: packets of SIZE bytes from a file are sent in their order instead, of which nothing
 * is known but that they arrive; then the delays are 0. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

enum { WAITING_MAX = 256, HEADER = 12, PACKET = 172, FRAME_NS = 20000000, TAIL_NS = 300000000 };

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int by_size(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void send_one(int fd, uint32_t index, uint32_t number)
{
    unsigned char packet[PACKET];
    uint32_t timestamp = number * 160;
    int64_t at = now_ns();

    memset(packet, 0xd5, sizeof packet);
    packet[0] = 0x80;
    packet[1] = 8;
    packet[2] = (unsigned char)(number >> 8);
    packet[3] = (unsigned char)number;
    for (int i = 0; i < 4; i++) {
        packet[4 + i] = (unsigned char)(timestamp >> (24 - 8 * i));
        packet[8 + i] = (unsigned char)((index + 1) >> (24 - 8 * i));
    }
    memcpy(packet + HEADER, &at, sizeof at);
    send(fd, packet, sizeof packet, MSG_DONTWAIT);
}

/* The packets of SEALED, all of one size; NULL when they cannot be had. */
static const unsigned char *sealed(size_t *size)
{
    char name[1024];
    const char *wanted = getenv("SEALED"), *colon = wanted ? strrchr(wanted, ':') : NULL;
    struct stat about;

    if (!colon || colon - wanted >= (long)sizeof name)
        return NULL;
    memcpy(name, wanted, (size_t)(colon - wanted));
    name[colon - wanted] = 0;
    *size = (size_t)atoi(colon + 1);
    int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &about) < 0)
        return NULL;
    void *all = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    return all == MAP_FAILED ? NULL : all;
}

int main(int count, char **arguments)
{
    int streams = count - 2, epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ready[WAITING_MAX];
    char packet[4096];

    if (epoll < 0 || streams < 1)
        return 2;
    int64_t frames = (int64_t)(atof(arguments[1]) * 50), turns = frames * streams, sent = 0, received = 0;
    int64_t *delays = malloc(sizeof *delays * (size_t)(turns + 1));
    int *sockets = malloc(sizeof *sockets * (size_t)streams);
    int64_t *before = calloc((size_t)streams, sizeof *before), differences = 0, compared = 0;
    size_t sealed_size = 0;
    const unsigned char *ready_made = sealed(&sealed_size);
    if (!delays || !sockets || !before || (getenv("SEALED") && !ready_made))
        return 1;
    for (int i = 0; i < streams; i++) {
        struct epoll_event watch = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        sockets[i] = atoi(arguments[i + 2]);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[i], &watch) < 0)
            return 1;
    }
    int64_t start = now_ns(), end = start + frames * FRAME_NS + TAIL_NS;
    for (;;) {
        int64_t now = now_ns();
        if (now >= end)
            break;
        if (sent < turns && now >= start + sent * FRAME_NS / streams) {
            if (ready_made)
                send(sockets[sent % streams], ready_made + (size_t)sent * sealed_size, sealed_size, MSG_DONTWAIT);
            else
                send_one(sockets[sent % streams], (uint32_t)(sent % streams), (uint32_t)(sent / streams));
            sent++;
            continue;
        }
        /* Never sleeps: a relay that had to wake this processor for each packet would pay for that, and one that meets it
         * awake would not. */
        int waiting = epoll_wait(epoll, ready, WAITING_MAX, 0);
        for (int i = 0; i < waiting; i++) {
            int64_t at;
            uint32_t which = ready[i].data.u32;
            ssize_t size = recv(sockets[which], packet, sizeof packet, MSG_DONTWAIT);
            if (size < PACKET || received >= turns)
                continue;
            memcpy(&at, packet + HEADER, sizeof at);
            int64_t arrived = now_ns(), delay = ready_made ? 0 : arrived - at;
            if (!ready_made && (at < start || at > arrived))
                continue; /* audio of the relay's own */
            if (before[which]) {
                differences += llabs(delay - before[which]);
                compared++;
            }
            before[which] = delay;
            delays[received++] = delay;
        }
    }
    qsort(delays, (size_t)received, sizeof *delays, by_size);
    printf("%lld %lld %.1f %.1f %.1f %.1f\n", (long long)sent, (long long)received,
           received ? delays[received / 2] / 1e3 : 0.0, received ? delays[received * 99 / 100] / 1e3 : 0.0,
           received ? delays[received - 1] / 1e3 : 0.0, compared ? differences / 1e3 / compared : 0.0);
    return 0;
}
