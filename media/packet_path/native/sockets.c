#include "sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* More datagrams than Linux lets wait in a socket with its ordinary room. */
enum { WAITING_MAX = 1024 };

static socklen_t to_kernel(const mb_address *address, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (address->family == 4) {
        struct sockaddr_in *ipv4 = (struct sockaddr_in *)out;
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(address->port);
        memcpy(&ipv4->sin_addr, address->host, 4);
        return sizeof *ipv4;
    }
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)out;
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(address->port);
    ipv6->sin6_scope_id = address->scope;
    memcpy(&ipv6->sin6_addr, address->host, 16);
    return sizeof *ipv6;
}

static void from_kernel(const struct sockaddr_storage *in, mb_address *address)
{
    memset(address, 0, sizeof *address);
    if (in->ss_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)in;
        address->family = 4;
        address->port = ntohs(ipv4->sin_port);
        memcpy(address->host, &ipv4->sin_addr, 4);
    } else if (in->ss_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)in;
        address->family = 6;
        address->port = ntohs(ipv6->sin6_port);
        address->scope = ipv6->sin6_scope_id;
        memcpy(address->host, &ipv6->sin6_addr, 16);
    }
}

static ssize_t receive(int descriptor, uint8_t *buffer, size_t room, mb_address *source)
{
    if (!source)
        return recv(descriptor, buffer, room, MSG_DONTWAIT);
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    from.ss_family = AF_UNSPEC;
    ssize_t received = recvfrom(descriptor, buffer, room, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
    if (received >= 0)
        from_kernel(&from, source);
    return received;
}

ssize_t mb_receive(int descriptor, uint8_t *buffer, mb_address *source)
{
    return receive(descriptor, buffer, MB_DATAGRAM_MAX, source);
}

ssize_t mb_peek(int descriptor)
{
    uint8_t first;
    return recv(descriptor, &first, sizeof first, MSG_PEEK | MSG_DONTWAIT);
}

/* connect(2): "Connectionless sockets may dissolve the association by connecting to an address with the sa_family member
 * of sockaddr set to AF_UNSPEC"; it stays bound. False when the kernel refuses. */
static bool dissolve(mb_sockets *sockets)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    bool connected = sockets->connected;
    sockets->connected = false;
    return !connected || connect(sockets->rtp, &nobody, sizeof nobody) == 0;
}

static void aim(mb_stream *stream, const mb_address *target, bool exclusive)
{
    mb_sockets *sockets = stream->wire_context;
    if (exclusive && sockets->connected && mb_same_address(&sockets->connected_to, target))
        return;
    sockets->checked = false;
    (void)dissolve(sockets);
    sockets->target_size = to_kernel(target, &sockets->target);
    if (!exclusive || connect(sockets->rtp, (struct sockaddr *)&sockets->target, sockets->target_size))
        return;
    sockets->connected = true;
    sockets->connected_to = *target;
    if (!sockets->fresh) {
        sockets->fresh = true;
        sockets->next_fresh = *sockets->fresh_list;
        *sockets->fresh_list = sockets;
    }
}

static bool send_rtp(mb_stream *stream, const uint8_t *packet, size_t size)
{
    mb_sockets *sockets = stream->wire_context;
    if (sockets->connected)
        return send(sockets->rtp, packet, size, MSG_DONTWAIT) >= 0;
    return sendto(sockets->rtp, packet, size, MSG_DONTWAIT, (struct sockaddr *)&sockets->target, sockets->target_size) >=
           0;
}

/* What cannot be sent is not missed. */
static void send_control(mb_stream *stream, const uint8_t *packet, size_t size, const mb_address *target)
{
    mb_sockets *sockets = stream->wire_context;
    struct sockaddr_storage to;
    socklen_t to_size = to_kernel(target, &to);
    (void)sendto(sockets->rtcp, packet, size, MSG_DONTWAIT, (struct sockaddr *)&to, to_size);
}

static void leave_fresh(mb_sockets *sockets)
{
    mb_sockets **at = sockets->fresh_list;
    while (*at && *at != sockets)
        at = &(*at)->next_fresh;
    if (*at)
        *at = sockets->next_fresh;
    sockets->fresh = false;
}

static void empty(int descriptor, mb_address *last)
{
    uint8_t octet;
    for (int count = 0; count < WAITING_MAX; count++)
        /* Other errors are of earlier packets, and are told once. */
        if (receive(descriptor, &octet, sizeof octet, last) < 0 && errno == EAGAIN)
            return;
}

void mb_sockets_empty(const mb_sockets *sockets, mb_address *stray)
{
    empty(sockets->rtp, stray);
    empty(sockets->rtcp, NULL);
}

void mb_sockets_note_stray(mb_sockets *sockets, const mb_address *source, double now)
{
    if (atomic_flag_test_and_set_explicit(&sockets->stray_in_use, memory_order_acquire))
        return; /* one packet more will come */
    sockets->stray = *source;
    sockets->stray_at = now;
    atomic_flag_clear_explicit(&sockets->stray_in_use, memory_order_release);
}

void mb_sockets_take_stray(mb_sockets *sockets, mb_sockets *former)
{
    while (atomic_flag_test_and_set_explicit(&former->stray_in_use, memory_order_acquire))
        sched_yield();
    mb_address source = former->stray;
    double at = former->stray_at;
    atomic_flag_clear_explicit(&former->stray_in_use, memory_order_release);
    if (source.family)
        mb_sockets_note_stray(sockets, &source, at);
}

static void leave_pair(mb_stream *stream)
{
    mb_sockets *sockets = stream->wire_context;
    if (sockets->rtp < 0)
        return;
    leave_fresh(sockets);
    sockets->stream = NULL;
    sockets->checked = false;
    if (!dissolve(sockets) || !sockets->keeps)
        mb_sockets_close(sockets);
}

void mb_sockets_close(mb_sockets *sockets)
{
    if (sockets->rtp < 0)
        return;
    /* Another process may have inherited the descriptors: closing them alone might leave them in the epoll. */
    (void)epoll_ctl(sockets->epoll, EPOLL_CTL_DEL, sockets->rtp, NULL);
    (void)epoll_ctl(sockets->epoll, EPOLL_CTL_DEL, sockets->rtcp, NULL);
    close(sockets->rtp);
    close(sockets->rtcp);
    sockets->rtp = sockets->rtcp = -1;
}

const mb_wire mb_socket_wire = {aim, send_rtp, send_control, leave_pair};
