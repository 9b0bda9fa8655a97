/* One stream's pair of UDP sockets. */
#ifndef MB_SOCKETS_H
#define MB_SOCKETS_H

#include <sys/socket.h>

#include "stream.h"

/* `checked`: the kernel lets only the target's packets in, and nothing from before that is waiting. `fresh`: it has been
 * connected, and what had come before is still to be read. */
typedef struct mb_sockets {
    int rtp, rtcp, epoll;
    bool connected, checked, fresh;
    mb_address connected_to;
    struct sockaddr_storage target;
    socklen_t target_size;
    mb_stream *stream;
    struct mb_sockets **fresh_list, *next_fresh;
} mb_sockets;

extern const mb_wire mb_socket_wire;

/* Receive one datagram of at most MB_DATAGRAM_MAX. Its size, or -1 with errno; `source` NULL: it is not asked for. */
ssize_t mb_receive(int descriptor, uint8_t *buffer, mb_address *source);

#endif
