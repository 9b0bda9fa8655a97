# Included by _native.pyx: what is handed to packet threads and back: tones, queues, libsrtp.

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
    to when there is something to take, nobody where it is -1; a duplicate is kept, OSError where there can be none."""

    cdef mb_ring *ring

    def __cinit__(self, int packets, int told_fd):
        self.ring = mb_ring_new(packets, packets * 256)
        if not self.ring:
            raise MemoryError
        if told_fd >= 0:
            mb_ring_tell(self.ring, os.dup(told_fd))

    def __dealloc__(self):
        mb_ring_release(self.ring)

    def put(self, double arrival, uint32_t ssrc, uint16_t sequence, uint32_t timestamp, uint8_t marker, int codec,
            bytes payload not None):
        """Leave a packet by hand, where no packet thread does."""
        cdef mb_packet packet
        packet.arrival, packet.ssrc, packet.sequence, packet.timestamp = arrival, ssrc, sequence, timestamp
        packet.marker, packet.codec = marker, codec
        put_packet(self.ring, &packet, payload)

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


cdef int put_packet(mb_ring *ring, mb_packet *packet, bytes payload) except -1:
    if len(payload) > MB_DATAGRAM_MAX:
        raise ValueError("the payload is too long")
    packet.size = len(payload)
    mb_ring_put(ring, packet, <const uint8_t *>payload)
    return 0


cdef class Surroundings:
    """What a table of streams needs from outside: an endless silence, the sixteen keys' endless tones in the order of
    "0123456789*#ABCD", translations of 256 bytes, libsrtp's functions or None, endless noises from loud to soft."""

    cdef Tone silence
    cdef tuple digit_tones, noises
    cdef bytes alaw_to_ulaw, ulaw_to_alaw
    cdef Srtp srtp

    def __init__(self, Tone silence not None, digit_tones, bytes alaw_to_ulaw, bytes ulaw_to_alaw, Srtp srtp,
                 noises):
        self.silence, self.digit_tones, self.srtp = silence, tuple(digit_tones), srtp
        self.noises = tuple(noises)
        self.alaw_to_ulaw, self.ulaw_to_alaw = alaw_to_ulaw, ulaw_to_alaw
        if len(alaw_to_ulaw) != 256 or len(ulaw_to_alaw) != 256 or len(self.digit_tones) != 16:
            raise ValueError("a translation has 256 bytes, and there are sixteen keys")
        if len(self.noises) != MB_NOISES:
            raise ValueError(f"there are {MB_NOISES} noises")

    cdef mb_table_plan plan(self, size_t streams_max):
        cdef mb_table_plan plan
        plan.streams_max = streams_max
        plan.silence = self.silence.tone
        for at in range(16):
            plan.digit_tones[at] = (<Tone>self.digit_tones[at]).tone
        for at in range(MB_NOISES):
            plan.noises[at] = (<Tone>self.noises[at]).tone
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

    def put(self, int channel, double arrival, uint32_t rtp_timestamp, uint32_t ssrc, int codec, bytes payload not None):
        """Leave a packet by hand, where no packet thread does."""
        cdef mb_packet packet
        packet.arrival, packet.timestamp, packet.ssrc, packet.codec = arrival, rtp_timestamp, ssrc, codec
        packet.sequence, packet.marker = 0, 0
        put_packet(self.rings[channel & 1], &packet, payload)

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


cdef class Gathering:
    """When a packet thread pauses; each thread has one of its own, this one is for being looked at."""

    cdef mb_gathering gathering

    def __cinit__(self, double now):
        mb_gathering_make(&self.gathering, now)

    def turn(self, uint32_t packets, double now):
        """A turn is over in which so many packets were found."""
        mb_gathering_turn(&self.gathering, packets, now)

    def pause_s(self, double now, double due):
        """How long to pause so that nothing that is due then is late; 0: not at all."""
        return mb_gathering_pause_s(&self.gathering, now, due)
