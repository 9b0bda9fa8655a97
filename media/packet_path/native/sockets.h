/* A pair of UDP sockets, for one stream after another. */
#ifndef MB_SOCKETS_H
#define MB_SOCKETS_H

#include <stdatomic.h>
#include <sys/socket.h>

#include "stream.h"

/* `checked`: the kernel lets only the target's packets in, and nothing from before that is waiting. `fresh`: it has been
 * connected, and what had come before is still to be read. `keeps`: it stays open when its stream ends. `let_go`: another
 * thread has it now; of the commanding thread, as the worker's list is. `stream` NULL: nobody's, and what comes is read
 * and dropped. */
typedef struct mb_sockets {
    int rtp, rtcp, epoll;
    bool connected, checked, fresh, keeps, let_go;
    mb_stream *stream;
    mb_address connected_to;
    mb_address stray; /* who has sent to it last while it was nobody's, at `stray_at` */
    double stray_at;
    atomic_flag stray_in_use; /* both of these are */
    struct sockaddr_storage target;
    socklen_t target_size;
    struct mb_sockets **fresh_list, *next_fresh;
    struct mb_sockets *next, *earlier; /* among the worker's */
} mb_sockets;

extern const mb_wire mb_socket_wire;

/* Drop what lies in a pair without a stream, on any thread: it was sent to nobody, or to the stream before. `stray`
 * becomes who has sent to the port of RTP, if any has. */
void mb_sockets_empty(const mb_sockets *sockets, mb_address *stray);

/* Remember who sends to a pair without a stream, on any thread; it waits for no other. */
void mb_sockets_note_stray(mb_sockets *sockets, const mb_address *source, double now);

/* Remember of a pair what is known of it by other sockets, which another thread may still be watching. */
void mb_sockets_take_stray(mb_sockets *sockets, mb_sockets *former);

/* Close both; harmless when they are. */
void mb_sockets_close(mb_sockets *sockets);

/* Receive one datagram of at most MB_DATAGRAM_MAX. Its size, or -1 with errno; `source` NULL: it is not asked for. */
ssize_t mb_receive(int descriptor, uint8_t *buffer, mb_address *source);

/* Whether a datagram waits, which stays there: its first byte's count, 0 of an empty one, or -1 with errno. */
ssize_t mb_peek(int descriptor);

#endif
