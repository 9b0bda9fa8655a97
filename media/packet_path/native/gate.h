/* Whose packets a leg takes: the SDP's address, declared networks, or, behind NAT, the one latched (RFC 4961, 7362). */
#ifndef MB_GATE_H
#define MB_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MB_WELCOME_MAX = 64 };

/* `family` 4 or 6, 0 for none; `scope` is an IPv6 interface's, and takes no part in comparisons. */
typedef struct {
    uint8_t family;
    uint16_t port;
    uint32_t scope;
    uint8_t host[16];
} mb_address;

/* Both ends inclusive. */
typedef struct {
    uint8_t family;
    uint8_t first[16], last[16];
} mb_network;

/* Without networks and NAT only the target is taken. With networks, any port of an address in them too. With NAT the
 * first valid RTP within the window after an SDP, or after `mb_gate_arm`, is latched, from the networks only where there
 * are any; then nothing else is taken. `left`, which an SDP that names another address moves the leg away from, is taken
 * only after a while, and gives way to whoever else shows within the window. Without a remote, nothing is. `named`: what
 * the newest SDP says. `welcome`: addresses of networks that have been seen. `stray`: who has sent to the ports before
 * they were the leg's, and is taken only where the SDP names it. */
typedef struct {
    bool nat, latched;
    double armed_until, left_until;
    mb_address target, left, named, stray;
    mb_network *networks;
    size_t network_count;
    mb_address welcome[MB_WELCOME_MAX];
    size_t welcome_count;
} mb_gate;

bool mb_same_address(const mb_address *one, const mb_address *other);

/* Take over an SDP's address; one of no family (an old-style hold) or one that is not new leaves the known source as it
 * is. */
void mb_gate_set_remote(mb_gate *gate, const mb_address *remote, bool renewed, double now);

/* Open the window once more. Only for a leg of which nothing has been taken since its SDP: who has been latched stays so.
 * Whether `mb_gate_exclusive` says something else now. */
bool mb_gate_arm(mb_gate *gate, double now);

/* Whether only the target is taken for certain, so that the kernel may do the check. */
bool mb_gate_exclusive(const mb_gate *gate);

/* What `mb_gate_admits` would say of a packet that has still to prove itself; nothing is changed by it. */
bool mb_gate_would_admit(const mb_gate *gate, const mb_address *source, double now);

/* Whether a valid RTP packet of this source is taken; may latch, which changes the target. */
bool mb_gate_admits(mb_gate *gate, const mb_address *source, double now);

/* Whether an RTCP packet of this source is taken: the SDP's RTCP address, a declared network, or the latched address
 * whatever its port. */
bool mb_gate_admits_control(const mb_gate *gate, const mb_address *source, const mb_address *control);

/* Whether RTCP is taken that came to the port of RTP: where RTP of this source is, which it never latches. */
bool mb_gate_admits_multiplexed(const mb_gate *gate, const mb_address *source);

#endif
