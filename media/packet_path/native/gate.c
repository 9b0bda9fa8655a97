#include "gate.h"

#include <string.h>

/* How long a leg behind NAT may show its real address once it has reason to send; afterwards the door is shut. */
#define LATCH_WINDOW_S 5.0

/* How long after an SDP that moves it nothing is taken from where a leg was before: what it has sent from there until it
 * has our answer is still on its way. */
#define LEFT_S 0.5

static size_t width(uint8_t family)
{
    return family == 4 ? 4 : 16;
}

static bool same_host(const mb_address *one, const mb_address *other)
{
    return one->family == other->family && memcmp(one->host, other->host, width(one->family)) == 0;
}

bool mb_same_address(const mb_address *one, const mb_address *other)
{
    return one->port == other->port && same_host(one, other);
}

static bool is_stray(const mb_gate *gate, const mb_address *source)
{
    return gate->stray.family != 0 && mb_same_address(source, &gate->stray);
}

static bool in_networks(const mb_gate *gate, const mb_address *source)
{
    if (!gate->network_count || is_stray(gate, source))
        return false;
    for (size_t at = 0; at < gate->network_count; at++) {
        const mb_network *network = &gate->networks[at];
        size_t bytes = width(network->family);
        if (network->family == source->family && memcmp(network->first, source->host, bytes) <= 0 &&
            memcmp(source->host, network->last, bytes) <= 0)
            return true;
    }
    return false;
}

static bool is_welcome(const mb_gate *gate, const mb_address *source)
{
    for (size_t at = 0; at < gate->welcome_count; at++)
        if (mb_same_address(&gate->welcome[at], source))
            return true;
    return false;
}

static bool is_left(const mb_gate *gate, const mb_address *source)
{
    return gate->left.family != 0 && mb_same_address(source, &gate->left);
}

static void welcome_only(mb_gate *gate, const mb_address *source)
{
    gate->target = *source;
    gate->welcome[0] = *source;
    gate->welcome_count = 1;
}

void mb_gate_set_remote(mb_gate *gate, const mb_address *remote, bool renewed, double now)
{
    if (remote->family == 0 || (!renewed && gate->target.family != 0))
        return;
    if (gate->nat) {
        if (gate->latched || gate->left.family == 0)
            gate->left = gate->target;
        if (is_left(gate, remote))
            gate->left.family = 0;
        gate->left_until = now + LEFT_S;
        gate->armed_until = now + LATCH_WINDOW_S;
    }
    welcome_only(gate, remote);
    gate->named = *remote;
    gate->latched = false;
}

bool mb_gate_arm(mb_gate *gate, double now)
{
    if (!gate->nat || gate->target.family == 0)
        return false;
    bool shut = gate->latched;
    gate->latched = false;
    gate->armed_until = now + LATCH_WINDOW_S;
    return shut;
}

bool mb_gate_exclusive(const mb_gate *gate)
{
    return gate->target.family != 0 && (gate->latched || !(gate->nat || gate->network_count));
}

/* Whether one may be latched while the window is open: what the SDP names may wherever that is, and, after a while, what
 * the leg was moved away from. */
static bool may_latch(const mb_gate *gate, const mb_address *source, double now)
{
    if (mb_same_address(source, &gate->named))
        return true;
    if (is_left(gate, source))
        return now >= gate->left_until;
    return !is_stray(gate, source) && (!gate->network_count || in_networks(gate, source));
}

bool mb_gate_would_admit(const mb_gate *gate, const mb_address *source, double now)
{
    if (gate->target.family == 0)
        return false;
    if (gate->nat && !gate->latched)
        return mb_same_address(source, &gate->target) ||
               (now <= gate->armed_until && may_latch(gate, source, now));
    return is_welcome(gate, source) || (!gate->nat && in_networks(gate, source));
}

static bool latch(mb_gate *gate, const mb_address *source, double now)
{
    if (now > gate->armed_until) {
        /* Nobody came in time: what the SDP said is all that is left. */
        gate->latched = true;
        return mb_same_address(source, &gate->target);
    }
    if (!may_latch(gate, source, now))
        return false;
    gate->latched = !is_left(gate, source);
    welcome_only(gate, source);
    return true;
}

bool mb_gate_admits(mb_gate *gate, const mb_address *source, double now)
{
    if (gate->target.family == 0)
        return false;
    if (gate->nat && !gate->latched)
        return latch(gate, source, now);
    if (is_welcome(gate, source))
        return true;
    if (gate->nat || !in_networks(gate, source))
        return false;
    if (gate->welcome_count < MB_WELCOME_MAX)
        gate->welcome[gate->welcome_count++] = *source;
    return true;
}

bool mb_gate_admits_control(const mb_gate *gate, const mb_address *source, const mb_address *control)
{
    if (gate->target.family == 0)
        return false;
    if ((control->family && mb_same_address(source, control)) || (gate->latched && same_host(source, &gate->target)))
        return true;
    return !gate->nat && in_networks(gate, source);
}

bool mb_gate_admits_multiplexed(const mb_gate *gate, const mb_address *source)
{
    if (gate->target.family == 0 || (gate->nat && !gate->latched))
        return false;
    return is_welcome(gate, source) || (!gate->nat && in_networks(gate, source));
}
