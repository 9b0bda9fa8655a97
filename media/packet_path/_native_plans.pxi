# Included by _native.pyx: plans, keys and audio into C, figures and events out of it.

cdef int set_address(mb_address *out, address) except -1:
    memset(out, 0, sizeof(mb_address))
    if address is None:
        return 0
    host, port = address
    host, _, scope = host.partition("%")
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    out.family = 6 if len(packed) == 16 else 4
    out.port = port
    out.scope = socket.if_nametoindex(scope) if scope and not scope.isdigit() else int(scope or 0)
    memcpy(out.host, <const uint8_t *>packed, len(packed))
    return 0


cdef object as_address(const mb_address *address):
    if address.family == 4:
        return socket.inet_ntop(socket.AF_INET, (<const uint8_t *>address.host)[:4]), address.port
    return socket.inet_ntop(socket.AF_INET6, (<const uint8_t *>address.host)[:16]), address.port


cdef class _StreamPlan:
    """A stream plan in C, and what it points to."""

    cdef mb_stream_plan plan
    cdef bytes cname
    cdef mb_network *networks

    def __cinit__(self, uint64_t number, plan):
        self.cname = plan.cname.encode()
        self.networks = <mb_network *>calloc(max(len(plan.networks), 1), sizeof(mb_network))
        if not self.networks:
            raise MemoryError
        for at, (version, first, last) in enumerate(plan.networks):
            size = 4 if version == 4 else 16
            self.networks[at].family = version
            first_bytes, last_bytes = first.to_bytes(size, "big"), last.to_bytes(size, "big")
            memcpy(self.networks[at].first, <const uint8_t *>first_bytes, size)
            memcpy(self.networks[at].last, <const uint8_t *>last_bytes, size)
        if len(self.cname) > MB_CNAME_MAX:
            raise ValueError("the CNAME is too long")
        self.plan.number = number
        self.plan.ssrc = plan.ssrc
        self.plan.sequence = plan.sequence
        self.plan.timestamp = plan.timestamp
        self.plan.cname = self.cname
        self.plan.cname_size = len(self.cname)
        self.plan.nat = plan.nat
        self.plan.networks = self.networks
        self.plan.network_count = len(plan.networks)
        self.plan.timeouts.early_s = plan.timeouts.early_s
        self.plan.timeouts.bridged_s = plan.timeouts.bridged_s
        self.plan.timeouts.hold_s = plan.timeouts.hold_s

    def __dealloc__(self):
        free(self.networks)


cdef int set_master(mb_master *out, int suite, bytes master) except -1:
    if len(master) > MB_MASTER_MAX:
        raise ValueError("the master key is too long")
    out.suite = suite
    out.size = len(master)
    memcpy(out.master, <const uint8_t *>master, len(master))
    return 0


cdef int16_t payload_type(number) except? -2:
    return UNROUTED if number is None else number


cdef int set_keying(mb_keying *out, keys) except -1:
    """`keys`: the suite's number, our master, theirs, and the addresses of fresh sessions, 0 for none."""
    suite, send, receive, sender, receiver, rolled, leading = keys
    set_master(&out.send, suite, send)
    set_master(&out.receive, suite, receive)
    out.sender = <void *><uintptr_t>sender
    out.receiver = <void *><uintptr_t>receiver
    out.rolled = <void *><uintptr_t>rolled
    out.leading = <void *><uintptr_t>leading
    return 0


cdef int fill_remote_plan(mb_remote_plan *out, plan, keys) except -1:
    set_address(&out.remote, plan.remote)
    set_address(&out.control, plan.control)
    out.codec = plan.codec
    out.payload_type = payload_type(plan.payload_type)
    out.dtmf_payload_type = payload_type(plan.dtmf_payload_type)
    out.noise_payload_type = payload_type(plan.noise_payload_type)
    if len(plan.receives) + len(plan.lingers) > MB_PAYLOAD_TYPES:
        raise ValueError("more payload types than there are")
    for at, (number, codec) in enumerate(plan.receives + plan.lingers):
        out.receives[at].payload_type = number
        out.receives[at].codec = codec
    out.receives_count = len(plan.receives)
    out.lingering_count = len(plan.lingers)
    out.may_send = plan.may_send
    out.may_receive = plan.may_receive
    out.on_hold = plan.on_hold
    out.renewed = plan.renewed
    out.elsewhere = plan.elsewhere
    out.frame_samples = plan.ptime_ms * plan.clock_rate_hz // 1000
    out.dtmf_clock_hz = plan.dtmf_clock_rate_hz
    if not 0 < plan.ptime_ms * 8 <= MB_FRAME_SAMPLES_MAX:
        raise ValueError("the packet time is out of range")
    if keys is not None:
        out.secured = True
        set_keying(&out.keying, keys)
    return 0


cdef mb_remote_plan *new_remote_plan(plan, keys) except NULL:
    out = <mb_remote_plan *>calloc(1, sizeof(mb_remote_plan))
    if not out:
        raise MemoryError
    try:
        fill_remote_plan(out, plan, keys)
    except BaseException:
        drop_remote_plan(out)
        raise
    return out


cdef void drop_remote_plan(mb_remote_plan *plan):
    """Give back a plan that nobody has taken. Its keys are wiped; its sessions stay the caller's."""
    plan.keying.sender = plan.keying.receiver = plan.keying.rolled = plan.keying.leading = NULL
    mb_keying_drop(NULL, &plan.keying)
    free(plan)


cdef mb_converted *new_converted(int codec, frames) except NULL:
    """One block of memory: the head, the packets' descriptions, their bytes."""
    cdef mb_converted *made
    cdef mb_made *packets
    cdef uint8_t *at
    size = sizeof(mb_converted) + len(frames) * sizeof(mb_made) + sum(len(payload) for _, _, payload in frames)
    made = <mb_converted *>calloc(1, size)
    if not made:
        raise MemoryError
    packets = <mb_made *>(made + 1)
    at = <uint8_t *>(packets + <size_t>len(frames))
    made.codec, made.count, made.packets, made.bytes = codec, len(frames), packets, at
    try:
        for index, (timestamp, marker, payload) in enumerate(frames):
            if len(payload) > MB_DATAGRAM_MAX:
                raise ValueError("the payload is too long")
            packets[index].timestamp, packets[index].marker, packets[index].size = timestamp, marker, len(payload)
            memcpy(at, <const uint8_t *>payload, len(payload))
            at += len(payload)
    except BaseException:
        free(made)
        raise
    return made


cdef tuple figures_of(const mb_stream *stream):
    cdef const mb_reception *reception = &stream.inbound.reception
    cdef const mb_control *control = &stream.control
    cdef int64_t received = reception.before_received + reception.received
    cdef int64_t expected = reception.before_expected + mb_reception_expected(reception)
    return (
        stream.outbound.packets,
        stream.outbound.octets,
        received,
        max(expected - received, 0),
        reception.jitter * 1000 / reception.clock_hz,
        control.round_trip_ms if control.has_round_trip else None,
        control.far_lost if control.has_far else None,
        control.far_jitter_ms if control.has_far else None,
        {
            "stranger": stream.inbound.strangers + control.strangers,
            "malformed": stream.inbound.malformed + control.malformed,
            "unmapped": stream.inbound.unmapped,
            "unwanted": stream.inbound.unwanted,
            "repeated": stream.inbound.repeated,
            "late": stream.inbound.late,
            "unauthentic": stream.protection.unauthentic if stream.protection else 0,
            "replayed": stream.protection.replayed if stream.protection else 0,
            "held": stream.outbound.held,
            "overridden": stream.outbound.overridden,
            "send_failed": stream.outbound.send_failed,
            "digits": stream.outbound.digits_refused,
        },
    )


cdef tuple event_of(const mb_event *event):
    """(kind, stream number, seconds, digit's index, its duration in ms, tone)."""
    return (<int>event.kind, event.stream, event.seconds, event.press.event, event.press.duration_ms,
            (<bytes>event.tone).decode())
