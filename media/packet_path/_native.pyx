# cython: language_level=3, binding=False
"""The packet path in C: its types as Python sees them. What they do is in media.packet_path.native_path."""

import errno
import os
import socket

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from media.errors import MediaOverloaded


cdef enum:
    UNROUTED = -1

# Kinds of the events that `Worker.events` and `Table` give.
MEDIA_STARTED = <int>MB_MEDIA_STARTED
DIGIT_PRESSED = <int>MB_DIGIT_PRESSED
MEDIA_LOST = <int>MB_MEDIA_LOST
PLAYBACK_FINISHED = <int>MB_PLAYBACK_FINISHED
FRAME_SAMPLES_MAX = MB_FRAME_SAMPLES_MAX


ctypedef int (*srtp_function)(void *, void *, int *) noexcept nogil
ctypedef int (*srtp_end)(void *) noexcept nogil


cdef class Srtp:
    """libsrtp's functions, by their addresses. It must outlive everything that has got it."""

    cdef mb_srtp functions

    def __init__(self, uintptr_t protect, uintptr_t unprotect, uintptr_t protect_rtcp, uintptr_t unprotect_rtcp,
                 uintptr_t dealloc, int replay_fail, int replay_old):
        self.functions.protect = <srtp_function>protect
        self.functions.unprotect = <srtp_function>unprotect
        self.functions.protect_rtcp = <srtp_function>protect_rtcp
        self.functions.unprotect_rtcp = <srtp_function>unprotect_rtcp
        self.functions.dealloc = <srtp_end>dealloc
        self.functions.replay_fail = replay_fail
        self.functions.replay_old = replay_old


cdef class Tone:
    """A tone for the packet thread: `encoded` gives (codec number, silence, one pass) for each codec."""

    cdef mb_tone *tone
    cdef readonly str name

    def __cinit__(self, str name, size_t samples, bint endless, encoded, packets=()):
        """`packets` gives (codec number, packets of 20 ms) for codecs whose octets are no samples."""
        as_bytes = name.encode()
        if len(as_bytes) >= MB_TONE_NAME_MAX:
            raise ValueError(f"the name of a tone is too long: {name}")
        self.name = name
        self.tone = mb_tone_new(as_bytes, samples, endless)
        if not self.tone:
            raise MemoryError
        for codec, silence, one_pass in encoded:
            if <size_t>len(one_pass) != samples:
                raise ValueError(f"the tone {name} is not as long in every codec")
            if not mb_tone_encode(self.tone, codec, silence, one_pass):
                raise ValueError(f"the tone {name} has too many codecs")
        for codec, one_pass in packets:
            self._add_packets(codec, one_pass)

    def __dealloc__(self):
        mb_tone_release(self.tone)

    cdef _add_packets(self, int codec, packets):
        together = b"".join(packets)
        sizes = <uint16_t *>calloc(max(len(packets), 1), sizeof(uint16_t))
        if not sizes:
            raise MemoryError
        for at, packet in enumerate(packets):
            sizes[at] = len(packet)
        added = mb_tone_packets(self.tone, codec, len(packets), sizes, together)
        free(sizes)
        if not added:
            raise ValueError(f"the tone {self.name} has too many codecs, or no packets")


cdef class Converter:
    """A bounded queue of one source's packets that are to be decoded and encoded anew. `told_fd`, an eventfd, is written
    to when there is something to take."""

    cdef mb_ring *ring

    def __cinit__(self, int packets, int told_fd):
        self.ring = mb_ring_new(packets, packets * 256)
        if not self.ring:
            raise MemoryError
        mb_ring_tell(self.ring, told_fd)

    def __dealloc__(self):
        mb_ring_release(self.ring)

    def take(self):
        """What is there now, oldest first: (arrival, SSRC, sequence, RTP timestamp, marker, codec, payload)."""
        cdef mb_packet packet
        cdef const uint8_t *payload
        packets = []
        mb_ring_listen(self.ring)
        while mb_ring_take(self.ring, &packet, &payload):
            packets.append((packet.arrival, packet.ssrc, packet.sequence, packet.timestamp, packet.marker, packet.codec,
                            payload[:packet.size]))
        return packets

    @property
    def dropped(self):
        """Packets dropped because the queue was full."""
        return mb_ring_dropped(self.ring)


cdef class Surroundings:
    """What a table of streams needs from outside: an endless silence, the sixteen keys' endless tones in the order of
    "0123456789*#ABCD", translations of 256 bytes, libsrtp's functions or None."""

    cdef Tone silence
    cdef tuple digit_tones
    cdef bytes alaw_to_ulaw, ulaw_to_alaw
    cdef Srtp srtp

    def __init__(self, Tone silence not None, digit_tones, bytes alaw_to_ulaw, bytes ulaw_to_alaw, Srtp srtp):
        self.silence, self.digit_tones, self.srtp = silence, tuple(digit_tones), srtp
        self.alaw_to_ulaw, self.ulaw_to_alaw = alaw_to_ulaw, ulaw_to_alaw
        if len(alaw_to_ulaw) != 256 or len(ulaw_to_alaw) != 256 or len(self.digit_tones) != 16:
            raise ValueError("a translation has 256 bytes, and there are sixteen keys")

    cdef mb_table_plan plan(self, size_t streams_max):
        cdef mb_table_plan plan
        plan.streams_max = streams_max
        plan.silence = self.silence.tone
        for at in range(16):
            plan.digit_tones[at] = (<Tone>self.digit_tones[at]).tone
        plan.alaw_to_ulaw, plan.ulaw_to_alaw = self.alaw_to_ulaw, self.ulaw_to_alaw
        plan.srtp = NULL if self.srtp is None else &self.srtp.functions
        return plan


cdef class Tap:
    """Two bounded queues of packets, one for each leg of a bridge, from the packet thread to the recorder."""

    cdef mb_ring *rings[2]
    cdef readonly int limit

    def __cinit__(self, int packets):
        """`packets` for both legs together: half of it, of 20 ms and with room for larger ones, for each."""
        self.limit = packets
        for channel in range(2):
            self.rings[channel] = mb_ring_new((packets + 1) // 2, (packets + 1) // 2 * 208)
            if not self.rings[channel]:
                raise MemoryError

    def __dealloc__(self):
        for channel in range(2):
            mb_ring_release(self.rings[channel])

    def take(self):
        """What is there now, oldest first on each channel: (channel, arrival, RTP timestamp, SSRC, codec, payload)."""
        cdef mb_packet packet
        cdef const uint8_t *payload
        cdef int channel
        packets = []
        for channel in range(2):
            while mb_ring_take(self.rings[channel], &packet, &payload):
                packets.append((channel, packet.arrival, packet.timestamp, packet.ssrc, packet.codec,
                                payload[:packet.size]))
        return packets

    @property
    def gap_frames(self):
        """Packets dropped because the queue was full."""
        return mb_ring_dropped(self.rings[0]) + mb_ring_dropped(self.rings[1])

    def gap_frames_of(self, int channel):
        """How many of them were of one channel."""
        return mb_ring_dropped(self.rings[channel & 1])

    def close(self):
        """Take no more packets, and count none as lost."""
        for channel in range(2):
            mb_ring_close(self.rings[channel])


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
    if len(plan.receives) > MB_PAYLOAD_TYPES:
        raise ValueError("more payload types than there are")
    for at, (number, codec) in enumerate(plan.receives):
        out.receives[at].payload_type = number
        out.receives[at].codec = codec
    out.receives_count = len(plan.receives)
    out.may_send = plan.may_send
    out.may_receive = plan.may_receive
    out.on_hold = plan.on_hold
    out.renewed = plan.renewed
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
        free(out)
        raise
    return out


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
    for index, (timestamp, marker, payload) in enumerate(frames):
        packets[index].timestamp, packets[index].marker, packets[index].size = timestamp, marker, len(payload)
        memcpy(at, <const uint8_t *>payload, len(payload))
        at += len(payload)
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


cdef class WorkerStream:
    """A stream in a packet thread's table; None but its worker touches it."""

    cdef mb_stream *stream
    cdef readonly uint64_t number

    def figures(self):
        """The fields of StreamFigures in their order."""
        return figures_of(self.stream)


cdef class Worker:
    """One packet thread. Commands give their number; MediaOverloaded when the queue is full."""

    cdef mb_worker *worker
    cdef Surroundings outside

    def __cinit__(self, size_t streams_max, size_t commands_max, Surroundings outside not None):
        cdef mb_worker_plan plan
        self.outside = outside
        plan.table = outside.plan(streams_max)
        plan.commands_max = commands_max
        self.worker = mb_worker_new(&plan)
        if not self.worker:
            raise OSError(errno.ENOMEM, "the packet thread cannot be made")

    def __dealloc__(self):
        if self.worker:
            with nogil:
                mb_worker_stop(self.worker)
            mb_worker_free(self.worker)

    def start(self):
        """Start the thread; OSError."""
        failure = mb_worker_start(self.worker)
        if failure:
            raise OSError(failure, os.strerror(failure))

    def stop(self):
        """Stop it and close every stream's sockets; blocks for the turn it is in."""
        with nogil:
            mb_worker_stop(self.worker)

    def open(self, uint64_t number, plan, int rtp, int rtcp):
        """A stream over two descriptors, the worker's own from now on; OSError, MediaOverloaded: they are not."""
        cdef mb_command command
        planned = _StreamPlan(number, plan)
        opened = WorkerStream()
        opened.number = number
        opened.stream = mb_worker_open(self.worker, &planned.plan, rtp, rtcp)
        if not opened.stream:
            raise MediaOverloaded("the packet path can take no further stream")
        memset(&command, 0, sizeof(command))
        command.kind = MB_ADD
        command.stream = opened.stream
        if not mb_worker_push(self.worker, &command):
            mb_worker_discard(opened.stream)
            raise MediaOverloaded("the packet path does not keep up with its commands")
        return opened

    def discard(self, WorkerStream stream not None):
        """Give back a stream whose removal has been carried out, or whose worker is stopped."""
        if stream.stream:
            mb_worker_discard(stream.stream)
            stream.stream = NULL

    def set_remote(self, WorkerStream stream not None, plan, keys):
        """Apply what an SDP exchange settled."""
        cdef mb_command command
        memset(&command, 0, sizeof(command))
        command.kind = MB_SET_REMOTE
        command.stream = stream.stream
        command.plan = new_remote_plan(plan, keys)
        pushed = mb_worker_push(self.worker, &command)
        if not pushed:
            if keys is not None:
                mb_keying_drop(&self.outside.srtp.functions, &command.plan.keying)
            free(command.plan)
        return self._queued(pushed)

    def play(self, WorkerStream stream not None, Tone tone not None, bint overrides):
        """Start a tone in place of the one being played."""
        cdef mb_command command
        memset(&command, 0, sizeof(command))
        command.kind = MB_PLAY
        command.stream = stream.stream
        command.tone = mb_tone_share(tone.tone)
        command.overrides = overrides
        pushed = mb_worker_push(self.worker, &command)
        if not pushed:
            mb_tone_release(tone.tone)
        return self._queued(pushed)

    def set_tap(self, WorkerStream stream not None, int channel, Tap tap):
        """Copy a stream's incoming audio to a channel of a tap, None for no longer."""
        cdef mb_command command
        memset(&command, 0, sizeof(command))
        command.kind = MB_SET_TAP
        command.stream = stream.stream
        command.channel = channel & 1
        command.ring = NULL if tap is None else mb_ring_share(tap.rings[channel & 1])
        pushed = mb_worker_push(self.worker, &command)
        if not pushed:
            mb_ring_release(command.ring)
        return self._queued(pushed)

    def set_converter(self, WorkerStream source not None, Converter converter):
        """Hand a stream's audio to a converter where the sink's codec needs that, or to none."""
        cdef mb_command command
        memset(&command, 0, sizeof(command))
        command.kind = MB_SET_CONVERTER
        command.stream = source.stream
        command.ring = NULL if converter is None else mb_ring_share(converter.ring)
        pushed = mb_worker_push(self.worker, &command)
        if not pushed:
            mb_ring_release(command.ring)
        return self._queued(pushed)

    def send_digit(self, WorkerStream stream not None, uint8_t event, uint32_t duration_ms):
        """Send a leg a digit in place of the audio."""
        cdef mb_command command
        memset(&command, 0, sizeof(command))
        command.kind = MB_SEND_DIGIT
        command.stream = stream.stream
        command.event = event
        command.duration_ms = duration_ms
        return self._queued(mb_worker_push(self.worker, &command))

    def send_audio(self, WorkerStream sink not None, WorkerStream source not None, int codec, frames):
        """Send what a source's converter has made: (timestamp, marker, payload) each."""
        cdef mb_command command
        memset(&command, 0, sizeof(command))
        command.kind = MB_SEND_AUDIO
        command.stream, command.other = sink.stream, source.stream
        command.audio = new_converted(codec, frames)
        pushed = mb_worker_push(self.worker, &command)
        if not pushed:
            free(command.audio)
        return self._queued(pushed)

    def stop_playing(self, WorkerStream stream not None):
        """Stop the tone."""
        return self._simple(MB_STOP_PLAYING, stream, None, False)

    def join(self, WorkerStream source not None, WorkerStream sink not None):
        """Relay one way."""
        return self._simple(MB_JOIN, source, sink, False)

    def bridge(self, WorkerStream first not None, WorkerStream second not None):
        """Relay both ways."""
        return self._simple(MB_BRIDGE, first, second, False)

    def remove(self, WorkerStream stream not None):
        """Close a stream; it is told when that has been carried out. Never refused."""
        return self._simple(MB_REMOVE, stream, None, True)

    def nothing(self):
        """It is told when this, and with it everything before, has been carried out."""
        return self._simple(MB_NOTHING, None, None, True)

    def wake(self):
        """Have commands carried out now rather than with the next packet."""
        mb_worker_wake(self.worker)

    @property
    def told_fd(self):
        """Readable when there are events, or commands that are told of have been carried out."""
        return mb_worker_told_fd(self.worker)

    def carried_out(self):
        """The number of the newest command carried out; to be called before `events`."""
        return mb_worker_carried_out(self.worker)

    def events(self):
        """All events so far: (kind, stream number, seconds, digit's index, its duration in ms, tone)."""
        cdef mb_event event
        happened = []
        while mb_worker_event(self.worker, &event):
            happened.append(event_of(&event))
        return happened

    @property
    def waiting(self):
        """How many commands wait."""
        return mb_worker_waiting(self.worker)

    @property
    def running(self):
        """Whether the thread lives."""
        return mb_worker_running(self.worker)

    def counted(self):
        """Packets relayed, tone frames played, errors of receiving, events lost."""
        cdef mb_worker_figures figures = mb_worker_counted(self.worker)
        return figures.relayed, figures.played, figures.receive_errors, figures.events_lost

    cdef _simple(self, mb_command_kind kind, WorkerStream stream, WorkerStream other, bint tells):
        cdef mb_command command
        memset(&command, 0, sizeof(command))
        command.kind = kind
        command.stream = NULL if stream is None else stream.stream
        command.other = NULL if other is None else other.stream
        command.tells = tells
        return self._queued(mb_worker_push(self.worker, &command))

    cdef _queued(self, uint64_t number):
        if not number:
            raise MediaOverloaded("the packet path does not keep up with its commands")
        return number


cdef class TableStream:
    """A stream of a `Table`, whose wire is a Python object with aim, send, send_control and close."""

    cdef mb_stream *stream
    cdef readonly object wire

    @property
    def ssrc(self):
        """The SSRC of what is sent to the leg."""
        return self.stream.outbound.ssrc

    @property
    def heard_at(self):
        """When the leg was heard last."""
        return self.stream.inbound.heard_at

    @property
    def extended_highest(self):
        """The extended highest sequence number received."""
        return mb_reception_newest(&self.stream.inbound.reception)

    @property
    def latched(self):
        """Whether the gate has latched an address."""
        return bool(self.stream.inbound.gate.latched)

    @property
    def welcome(self):
        """How many addresses the gate remembers as welcome."""
        return self.stream.inbound.gate.welcome_count

    @property
    def senders(self):
        """How many sending contexts of SRTP are kept."""
        return self.stream.protection.sender_count if self.stream.protection else 0

    @property
    def has_sink(self):
        """Whether what the leg sends goes anywhere."""
        return self.stream.inbound.sink != NULL

    @property
    def has_partner(self):
        """Whether it is bridged with a stream that is still there."""
        return self.stream.partner != NULL

    def figures(self):
        """The fields of StreamFigures in their order."""
        return figures_of(self.stream)


cdef void wire_aim(mb_stream *stream, const mb_address *target, bool_t exclusive) noexcept with gil:
    (<TableStream>stream.wire_context).wire.aim(as_address(target), bool(exclusive))


cdef bool_t wire_send(mb_stream *stream, const uint8_t *packet, size_t size) noexcept with gil:
    try:
        (<TableStream>stream.wire_context).wire.send(packet[:size])
    except OSError:
        return False
    return True


cdef void wire_send_control(mb_stream *stream, const uint8_t *packet, size_t size, const mb_address *to) noexcept with gil:
    (<TableStream>stream.wire_context).wire.send_control(packet[:size], as_address(to))


cdef void wire_close(mb_stream *stream) noexcept with gil:
    (<TableStream>stream.wire_context).wire.close()


cdef void table_post(void *context, const mb_event *event) noexcept with gil:
    (<Table>context).post(event_of(event))


cdef mb_wire python_wire
python_wire.aim = wire_aim
python_wire.send = wire_send
python_wire.send_control = wire_send_control
python_wire.close = wire_close


cdef class Table:
    """The table of streams by hand: no sockets, no thread, no clock. `post` gets each event as `Worker.events` has it.

    What a stream sends goes to its wire object. Everything happens in the call that causes it.
    """

    cdef mb_table table
    cdef mb_table_plan plan
    cdef Surroundings outside
    cdef readonly object post
    cdef list streams
    cdef uint8_t buffer[4096]

    def __cinit__(self, post, size_t streams_max, Surroundings outside not None):
        self.post, self.outside = post, outside
        self.streams = []
        self.plan = outside.plan(streams_max)
        if not mb_table_init(&self.table, &self.plan):
            raise MemoryError
        self.table.post = table_post
        self.table.post_context = <void *>self

    def __dealloc__(self):
        for stream in self.streams or ():
            mb_stream_free((<TableStream>stream).stream)
        mb_table_clear(&self.table)

    def open(self, uint64_t number, plan, wire, double now):
        """Take a stream in."""
        planned = _StreamPlan(number, plan)
        opened = TableStream()
        opened.wire = wire
        opened.stream = mb_stream_new(&planned.plan, &python_wire, <void *>opened)
        if not opened.stream:
            raise MemoryError
        self.streams.append(opened)
        if not mb_table_add(&self.table, opened.stream, now):
            raise MediaOverloaded("the table is full")
        return opened

    def set_remote(self, TableStream stream not None, plan, keys, double now):
        """Apply what an SDP exchange settled."""
        cdef mb_remote_plan *remote = new_remote_plan(plan, keys)
        mb_table_set_remote(&self.table, stream.stream, remote, now)
        free(remote)

    def play(self, TableStream stream not None, Tone tone not None, bint overrides, double now):
        """Play a tone in place of the one being played."""
        mb_table_play(&self.table, stream.stream, tone.tone, overrides, now)

    def stop_playing(self, TableStream stream not None):
        """Stop a leg's tone."""
        mb_table_stop_playing(&self.table, stream.stream)

    def join(self, TableStream source not None, TableStream sink not None):
        """Relay one way."""
        mb_table_join(&self.table, source.stream, sink.stream)

    def bridge(self, TableStream first not None, TableStream second not None, double now):
        """Relay both ways."""
        mb_table_bridge(&self.table, first.stream, second.stream, now)

    def send_digit(self, TableStream stream not None, uint8_t event, uint32_t duration_ms, double now):
        """Send a leg a digit in place of the audio."""
        mb_table_send_digit(&self.table, stream.stream, event, duration_ms, now)

    def set_converter(self, TableStream source not None, Converter converter):
        """Hand a leg's audio to a converter, None: drop it."""
        mb_table_set_converter(&self.table, source.stream, NULL if converter is None else converter.ring)

    def send_audio(self, TableStream sink not None, TableStream source not None, int codec, frames, double now):
        """Send what a source's converter has made."""
        cdef mb_converted *made = new_converted(codec, frames)
        mb_table_send_audio(&self.table, sink.stream, source.stream, made, now)
        free(made)

    def set_tap(self, TableStream stream not None, int channel, Tap tap):
        """Copy a leg's incoming audio to a channel of a tap, or stop doing so."""
        mb_table_set_tap(&self.table, stream.stream, channel & 1, NULL if tap is None else tap.rings[channel & 1])

    def remove(self, TableStream stream not None, double now):
        """Say farewell in RTCP, unlink the stream from the others and close its wire."""
        mb_table_remove(&self.table, stream.stream, now)

    def datagram(self, TableStream stream not None, bytes packet, source, double now):
        """Take a datagram of the stream's RTP port. `source` None: the kernel has checked it."""
        self._take(stream, packet, source, now, False)

    def control(self, TableStream stream not None, bytes packet, source, double now):
        """Take a datagram of the stream's RTCP port."""
        self._take(stream, packet, source, now, True)

    cdef _take(self, TableStream stream, bytes packet, source, double now, bint is_control):
        cdef mb_address address
        size = min(len(packet), MB_DATAGRAM_MAX)
        memcpy(self.buffer, <const uint8_t *>packet, size)
        set_address(&address, source)
        if is_control:
            mb_relay_control(&self.table, stream.stream, self.buffer, size, &address, now)
        else:
            mb_relay_datagram(&self.table, stream.stream, self.buffer, size, NULL if source is None else &address, now)

    def advance(self, double now):
        """Do everything whose time has come."""
        mb_table_advance(&self.table, now)

    @property
    def next_due(self):
        """When `advance` has something to do; None while there is nothing."""
        cdef double due = 0.0
        return due if mb_table_next_due(&self.table, &due) else None

    @property
    def relayed(self):
        """Packets relayed."""
        return self.table.relayed

    @property
    def played(self):
        """Tone frames sent."""
        return self.table.played

    def __len__(self):
        return self.table.streams
