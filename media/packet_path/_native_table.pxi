# Included by _native.pyx: the table of streams by hand, for tests and fuzzers.

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

    def expect(self, TableStream stream not None, double now):
        """A leg has reason to send from now on."""
        mb_table_expect(&self.table, stream.stream, now)

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

    def set_converter(self, TableStream source not None, Converter converter, bint whole=False):
        """Hand a leg's audio to a converter, None: drop it."""
        mb_table_set_converter(&self.table, source.stream, NULL if converter is None else converter.ring, whole)

    def set_listener(self, TableStream stream not None, Converter listener):
        """Copy what a leg sends to who listens to it, or stop doing so."""
        mb_table_set_listener(&self.table, stream.stream, NULL if listener is None else listener.ring)

    def set_fork(self, TableStream stream not None, Converter fork):
        """Copy what a leg sends to who passes it on to others, or stop doing so."""
        mb_table_set_fork(&self.table, stream.stream, NULL if fork is None else fork.ring)

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
