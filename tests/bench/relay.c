/* The yardstick: what the kernel's part of relaying UDP costs. For each pair of connected sockets, given as inherited
 * descriptors, whatever one receives the other sends. One thread, one epoll, one receive and one send per packet. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { WAITING_MAX = 256, PACKET_MAX = 4096 };

int main(int count, char **descriptors)
{
    static char packet[PACKET_MAX];
    struct epoll_event ready[WAITING_MAX];
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll < 0 || count < 3 || count % 2 == 0) {
        fprintf(stderr, "usage: relay FD FD [FD FD ...]\n");
        return 2;
    }
    for (int i = 1; i < count; i++) {
        int from = atoi(descriptors[i]);
        int to = atoi(descriptors[(i - 1) % 2 ? i - 1 : i + 1]);
        struct epoll_event watch = {.events = EPOLLIN, .data.u64 = (unsigned long)from << 32 | (unsigned)to};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, from, &watch) < 0) {
            perror("epoll_ctl");
            return 1;
        }
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        int waiting = epoll_wait(epoll, ready, WAITING_MAX, -1);
        for (int i = 0; i < waiting; i++) {
            int from = (int)(ready[i].data.u64 >> 32), to = (int)(ready[i].data.u64 & 0xffffffff);
            ssize_t size = recv(from, packet, sizeof packet, MSG_DONTWAIT);
            if (size > 0)
                send(to, packet, (size_t)size, MSG_DONTWAIT);
        }
    }
}
