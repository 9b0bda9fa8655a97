# Included by _native.pyx: a packet thread.

cdef class WorkerSockets:
    """A pair of sockets that a packet thread watches, with a stream over it or without."""

    cdef mb_sockets *sockets

    @property
    def descriptors(self):
        """RTP's and RTCP's; -1 when they are closed or forgotten."""
        if not self.sockets:
            return -1, -1
        return self.sockets.rtp, self.sockets.rtcp


cdef class WorkerStream:
    """A stream in a packet thread's table; None but its worker touches it."""

    cdef mb_stream *stream
    cdef bint closed
    cdef readonly uint64_t number
    cdef readonly WorkerSockets sockets

    def figures(self):
        """The fields of StreamFigures in their order; UnknownLeg once it has been discarded."""
        if not self.stream:
            raise UnknownLeg("the media stream is closed")
        return figures_of(self.stream)


cdef mb_stream *open_stream(WorkerStream stream) except NULL:
    """Behind the command that removes a stream none may name it: it may be gone by then."""
    if stream.closed or not stream.stream:
        raise UnknownLeg("the media stream is closed")
    return stream.stream


cdef class Worker:
    """One packet thread. Commands give their number; MediaOverloaded when the queue is full, UnknownLeg for a stream
    that is removed. The interpreter's lock makes threads that command it take turns."""

    cdef mb_worker *worker
    cdef Surroundings outside
    cdef size_t streams, streams_max, commands_max

    def __cinit__(self, size_t streams_max, size_t commands_max, Surroundings outside not None):
        cdef mb_worker_plan plan
        self.outside, self.streams_max, self.commands_max = outside, streams_max, commands_max
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

    def open(self, uint64_t number, plan, WorkerSockets kept, int rtp, int rtcp, WorkerSockets former=None):
        """A stream over kept sockets, or where they are None over two descriptors, the worker's own from now on;
        MediaOverloaded: they are not. `former`: as which another worker has kept these."""
        cdef mb_command command
        planned = _StreamPlan(number, plan)
        opened = WorkerStream()
        opened.number = number
        if (kept is not None and not kept.sockets) or (former is not None and not former.sockets):
            raise ValueError("the sockets are forgotten")
        # Before the packet thread hears of the stream: it could not be taken back.
        if mb_worker_waiting(self.worker) >= self.commands_max:
            raise MediaOverloaded("the packet path does not keep up with its commands")
        if self.streams == self.streams_max:
            raise MediaOverloaded("the packet path can take no further stream")
        opened.stream = mb_worker_open(self.worker, &planned.plan, NULL if kept is None else kept.sockets, rtp, rtcp,
                                       NULL if former is None else former.sockets)
        if not opened.stream:
            raise MediaOverloaded("the packet path can take no further stream")
        if kept is None:
            kept = WorkerSockets()
            kept.sockets = <mb_sockets *>opened.stream.wire_context
        opened.sockets = kept
        self.streams += 1
        memset(&command, 0, sizeof(command))
        command.kind = MB_ADD
        command.stream = opened.stream
        self._queued(mb_worker_push(self.worker, &command))
        return opened

    def discard(self, WorkerStream stream not None):
        """Give back a stream whose removal has been carried out, or whose worker is stopped."""
        if stream.stream:
            mb_worker_discard(stream.stream)
            stream.stream = NULL
            self.streams -= 1

    def let_go(self, WorkerSockets sockets not None):
        """Watch a pair without a stream no longer, so that another thread can: it is to be forgotten once a command that
        comes after this has been carried out, and not to be closed before."""
        if sockets.sockets:
            mb_worker_let_go(sockets.sockets)

    def forget(self, WorkerSockets sockets not None):
        """Give back a pair that is let go or closed."""
        if sockets.sockets:
            mb_worker_forget(self.worker, sockets.sockets)
            sockets.sockets = NULL

    def set_remote(self, WorkerStream stream not None, plan, keys):
        """Apply what an SDP exchange settled. The sessions among the keys are the worker's, unless this fails."""
        cdef mb_command command
        if keys is not None and self.outside.srtp is None:
            raise ValueError("there is no SRTP")
        memset(&command, 0, sizeof(command))
        command.kind = MB_SET_REMOTE
        command.stream = open_stream(stream)
        command.plan = new_remote_plan(plan, keys)
        pushed = mb_worker_push(self.worker, &command)
        if not pushed:
            drop_remote_plan(command.plan)
        return self._queued(pushed)

    def play(self, WorkerStream stream not None, Tone tone not None, bint overrides):
        """Start a tone in place of the one being played."""
        cdef mb_command command
        memset(&command, 0, sizeof(command))
        command.kind = MB_PLAY
        command.stream = open_stream(stream)
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
        command.stream = open_stream(stream)
        command.channel = channel & 1
        command.ring = NULL if tap is None else mb_ring_share(tap.rings[channel & 1])
        pushed = mb_worker_push(self.worker, &command)
        if not pushed:
            mb_ring_release(command.ring)
        return self._queued(pushed)

    def set_converter(self, WorkerStream source not None, Converter converter, bint whole=False):
        """Hand a stream's audio to a converter where the sink's codec needs that, or all of it, or to none."""
        return self._hand(MB_SET_CONVERTER, source, converter, whole)

    def set_listener(self, WorkerStream stream not None, Converter listener):
        """Copy what a stream sends to who listens to it, or to nobody."""
        return self._hand(MB_SET_LISTENER, stream, listener)

    def set_fork(self, WorkerStream stream not None, Converter fork):
        """Copy what a stream sends to who passes it on to others, or to nobody."""
        return self._hand(MB_SET_FORK, stream, fork)

    cdef _hand(self, mb_command_kind kind, WorkerStream stream, Converter taker, bint whole=False):
        cdef mb_command command
        memset(&command, 0, sizeof(command))
        command.kind = kind
        command.stream = open_stream(stream)
        command.ring = NULL if taker is None else mb_ring_share(taker.ring)
        command.overrides = whole
        pushed = mb_worker_push(self.worker, &command)
        if not pushed:
            mb_ring_release(command.ring)
        return self._queued(pushed)

    def send_digit(self, WorkerStream stream not None, uint8_t event, uint32_t duration_ms):
        """Send a leg a digit in place of the audio."""
        cdef mb_command command
        memset(&command, 0, sizeof(command))
        command.kind = MB_SEND_DIGIT
        command.stream = open_stream(stream)
        command.event = event
        command.duration_ms = duration_ms
        return self._queued(mb_worker_push(self.worker, &command))

    def send_audio(self, WorkerStream sink not None, WorkerStream source not None, int codec, frames):
        """Send what a source's converter has made: (timestamp, marker, payload) each."""
        cdef mb_command command
        memset(&command, 0, sizeof(command))
        command.kind = MB_SEND_AUDIO
        command.audio = new_converted(codec, frames)
        # Looked at last: while the frames were read another thread may have closed a stream.
        command.stream = NULL if sink.closed else sink.stream
        command.other = NULL if source.closed else source.stream
        pushed = mb_worker_push(self.worker, &command) if command.stream and command.other else 0
        if not pushed:
            free(command.audio)
            open_stream(sink)
            open_stream(source)
        return self._queued(pushed)

    def expect(self, WorkerStream stream not None):
        """A leg has reason to send from now on."""
        return self._simple(MB_EXPECT, stream, None, False)

    def stop_playing(self, WorkerStream stream not None):
        """Stop the tone."""
        return self._simple(MB_STOP_PLAYING, stream, None, False)

    def join(self, WorkerStream source not None, WorkerStream sink not None):
        """Relay one way."""
        return self._simple(MB_JOIN, source, sink, False)

    def bridge(self, WorkerStream first not None, WorkerStream second not None):
        """Relay both ways."""
        return self._simple(MB_BRIDGE, first, second, False)

    def remove(self, WorkerStream stream not None, bint keeps):
        """Close a stream, and its sockets unless it `keeps` them; it is told when that has been carried out. Never
        refused."""
        cdef mb_command command
        memset(&command, 0, sizeof(command))
        command.kind = MB_REMOVE
        command.stream = open_stream(stream)
        command.tells = True
        command.keeps = keeps
        number = self._queued(mb_worker_push(self.worker, &command))
        stream.closed = True
        return number

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
        command.stream = NULL if stream is None else open_stream(stream)
        command.other = NULL if other is None else open_stream(other)
        command.tells = tells
        return self._queued(mb_worker_push(self.worker, &command))

    cdef _queued(self, uint64_t number):
        if not number:
            raise MediaOverloaded("the packet path does not keep up with its commands")
        return number
