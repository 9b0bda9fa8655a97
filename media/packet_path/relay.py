"""The relay itself: what is done with every packet, from the table of streams. It owns no socket, thread or clock."""

import struct
from collections.abc import Callable
from typing import Final

from media.codecs.table import BY_NUMBER, COMFORT_NOISE
from media.events import DigitBegun, DigitPressed, MediaEvent, MediaStarted
from media.packet_path.interface import Address
from media.packet_path.repacketiser import Frame, Repacketiser
from media.packet_path.sent_event import SentEvent
from media.packet_path.stream import UNROUTED, Inbound, Outbound, Packet, Route, Stream
from media.rtp.dtmf import DURATION_MAX, EVENT_BYTES, EVENT_END, PressedDigit, pack_event, unpack_event
from media.rtp.packet import HEADER, HEADER_BYTES, MARKER, VERSION_2, payload_bounds
from media.rtp.rtcp import FIRST_PACKET_TYPE, LAST_PACKET_TYPE

# Longest datagram that is looked at; a longer one is cut by the kernel, is no G.711 and is dropped.
BUFFER_BYTES: Final = 4096

# A source may run this far ahead of or behind the clock; beyond it our timestamps follow the clock instead.
DRIFT_S: Final = 2.0
# With the marker it says itself that a new talk spurt begins, so less is believed.
_SPURT_DRIFT_S: Final = 0.2
# In-order audio that is one packet time further on is not looked at any closer, but for a pause longer than this.
_PLAIN_GAP_S: Final = 0.25

# Who was sent comfort noise and then nothing for so long is sent noise as audio: it would starve, or hear silence.
_NOISE_ALONE_S: Final = 0.3
# The first octet of comfort noise has its level in -dBov (RFC 3389 section 3.1).
_NOISE_LEVEL: Final = 0x7F
_LONG_AGO: Final = float("-inf")
_RESTART: Final = 0x10000
_DROP: Final = -1

_unpack: Final = struct.Struct("!BBHII").unpack_from
_pack: Final = struct.Struct("!BBHII").pack_into


def clock_step(out: Outbound, now: float) -> int:
    """How far the timestamp of the next packet is from the newest sent, by the clock: one frame at least."""
    if out.sent_at is None:
        return 0
    return max(round((now - out.sent_at) * out.clock_rate_hz), out.frame_samples)


class Relay:
    """Takes each packet in `buffer`, rewrites it there and sends it from there."""

    def __init__(
        self,
        post: Callable[[MediaEvent], None],
        send_digit: Callable[[Outbound, str, int, float], None],
        start_noise: Callable[[Outbound, int, float], None],
    ) -> None:
        """`send_digit` lets a leg that takes no telephone-event hear a digit of that many milliseconds, `start_noise`
        one hear a noise of that many -dBov from then on, if nothing else comes."""
        self._post = post
        self._send_digit = send_digit
        self._start_noise = start_noise
        self.buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self.buffer)
        self.relayed = 0

    def rtp(self, stream: Stream, size: int, source: Address | None, now: float) -> None:  # noqa: C901 - see below
        """Relay the first `size` bytes of `buffer`. `source` None: the kernel has checked it.

        One function on purpose: this is the code that runs for every packet, and calls cost more than all it does.
        """
        buffer = self.buffer
        inbound = stream.inbound
        if size < HEADER_BYTES or size == BUFFER_BYTES:
            self._not_rtp(stream, source, now)
            return
        first, second, sequence, timestamp, ssrc = _unpack(buffer)
        start, end = HEADER_BYTES, size
        if first != VERSION_2 or FIRST_PACKET_TYPE <= second <= LAST_PACKET_TYPE:
            if FIRST_PACKET_TYPE <= second <= LAST_PACKET_TYPE:
                self._control_among_rtp(stream, size, source, now)
                return
            bounds = payload_bounds(buffer, size)
            if bounds is None:
                self._not_rtp(stream, source, now)
                return
            start, end = bounds
        if source is not None and not self._admits(stream, source, now):
            return
        reception = inbound.reception
        if ssrc == reception.ssrc and (sequence - reception.highest) & 0xFFFF == 1 and reception.started:
            reception.highest = sequence
            reception.received += 1
            if not sequence:
                reception.cycles += 0x10000
            ahead = 1
        else:
            ahead = self._unexpected(inbound, ssrc, sequence, now)
        inbound.heard_at = now
        if not inbound.started:
            self._started(stream, now)
        route = inbound.routes[second & 0x7F]
        if route is None or start == end or not ahead:
            self._not_relayed(inbound, ssrc, sequence, timestamp, ahead, now)
            return
        if not route.is_audio:
            if route.codec == COMFORT_NOISE:
                self._noise(stream, route, sequence, timestamp, start, end, ahead, now)
            else:
                self._event(stream, route, second & MARKER, sequence, timestamp, ssrc, start, end, ahead, now)
            return
        if route.clock_rate_hz != reception.clock_rate_hz:
            reception.change_clock(route.clock_rate_hz)
        transit = now * route.clock_rate_hz - timestamp
        step = transit - reception.transit
        reception.transit = transit
        if step < 0.0:
            step = -step
        # A step of a second and more is a jump of a timestamp, not jitter.
        if step < route.clock_rate_hz:
            reception.jitter += (step - reception.jitter) * 0.0625
        advance = (timestamp - inbound.timestamp) & 0xFFFFFFFF
        gap = now - inbound.audio_at
        if ahead > 0:
            inbound.timestamp = timestamp
            inbound.audio_at = now
        tap = inbound.tap
        if tap is not None:
            tap.put(inbound.tap_channel, now, timestamp, ssrc, route.codec, bytes(self._view[start:end]))
        marker = second & MARKER
        listener = inbound.listener
        if listener is not None:
            payload = bytes(self._view[start:end])
            listener.put(now, ssrc, sequence, timestamp, marker, route.codec, payload)
        fork = inbound.fork
        if fork is not None:
            fork.put(now, ssrc, sequence, timestamp, marker, route.codec, bytes(self._view[start:end]))
        out = inbound.sink
        if out is None:
            return
        if out.barred and self.barred(inbound, out):
            if route.converted and inbound.conversion is not None:
                # What is not to be heard is not lost.
                inbound.convert(now, ssrc, sequence, timestamp, 0, route.codec, b"")
            return
        if route.converted:
            inbound.convert(now, ssrc, sequence, timestamp, marker, route.codec, bytes(self._view[start:end]))
            return
        if ahead != 1 or out.source is not inbound or advance != out.frame_samples or gap > _PLAIN_GAP_S:
            conversion = inbound.conversion
            if conversion is not None and out.source is conversion and ahead > 0:
                # What it would make of the pause must not come in between.
                inbound.convert(now, ssrc, sequence, timestamp, 0, route.codec, b"")
            marker = self._align(inbound, out, marker, sequence, timestamp, ahead, advance, gap, now)
            if marker == _DROP:
                return
            if (
                ahead > 0
                and out.cuts
                and (end - start != out.frame_samples or out.source is not inbound)
                and self._repacketise(inbound, out, route, marker, sequence, timestamp, start, end, now)
            ):
                return
        out_sequence = (sequence + out.sequence_shift) & 0xFFFF
        out_timestamp = (timestamp + out.timestamp_shift) & 0xFFFFFFFF
        if ahead > 0:
            out.sequence = out_sequence
            out.timestamp = out_timestamp
            out.sent_at = now
        _pack(buffer, start - 12, VERSION_2, marker | route.payload_type, out_sequence, out_timestamp, out.ssrc)
        if route.table is not None:
            buffer[start:end] = buffer[start:end].translate(route.table)
        try:
            out.send(self._view[start - 12 : end])
        except OSError:
            out.send_failed += 1
            return
        out.packets += 1
        out.octets += end - start
        self.relayed += 1

    def datagram(self, stream: Stream, size: int, source: Address | None, now: float) -> None:
        """Take the first `size` bytes of `buffer` from a stream's RTP port, be it with SRTP or without."""
        if stream.opener is None:
            self.rtp(stream, size, source, now)
        else:
            self.srtp(stream, size, source, now)

    def srtp(self, stream: Stream, size: int, source: Address | None, now: float) -> None:
        """Relay the first `size` bytes of `buffer` once they are opened.

        A stranger's are not tried. What does not prove itself does nothing but be counted: it latches no address and
        resets no timeout.
        """
        if source is not None and not stream.inbound.gate.would_admit(source, now):
            stream.inbound.strangers += 1
            return
        size = self._opened(stream, size, FIRST_PACKET_TYPE <= self.buffer[1] <= LAST_PACKET_TYPE, now)
        if size:
            self.rtp(stream, size, source, now)

    def _opened(self, stream: Stream, size: int, rtcp: bool, now: float) -> int:
        """How many bytes of `buffer` are left once they are opened; 0: nothing is to be done with them."""
        opener = stream.opener
        assert opener is not None
        if stream.protection is not None:
            return opener.open_rtcp(self.buffer, size) if rtcp else opener.open_rtp(self.buffer, size)
        if now < stream.opens_until:
            return opener.open_late(self.buffer, size, rtcp=rtcp)
        stream.opener = None
        return size

    def control(self, stream: Stream, size: int, source: Address, now: float) -> None:
        """Take the first `size` bytes of `buffer` as RTCP from `source`."""
        channel = stream.control
        gate = stream.inbound.gate
        if not gate.admits_control(source, channel.target):
            channel.strangers += 1
            return
        if stream.opener is not None:
            size = self._opened(stream, size, True, now)
            if not size:
                return
        if channel.receive(self._view[:size], now):
            stream.inbound.heard_at = now
            if gate.latched:
                channel.target = source

    def _control_among_rtp(self, stream: Stream, size: int, source: Address | None, now: float) -> None:
        # Multiplexing was not offered, but what comes is read. It never latches.
        if source is not None and not stream.inbound.gate.admits_multiplexed(source):
            stream.inbound.strangers += 1
        elif stream.control.receive(self._view[:size], now):
            stream.inbound.heard_at = now

    def aim(self, stream: Stream) -> None:
        """Send where the gate points to."""
        gate = stream.inbound.gate
        if gate.target is not None:
            send = stream.wire.aim(gate.target, gate.exclusive)
            stream.outbound.send = send if stream.protection is None else stream.protection.sealing(send)

    def _admits(self, stream: Stream, source: Address, now: float) -> bool:
        gate = stream.inbound.gate
        was_latched, target = gate.latched, gate.target
        admitted = gate.admits(source, now)
        if (gate.latched and not was_latched) or gate.target != target:
            self.aim(stream)
        if not admitted:
            stream.inbound.strangers += 1
        return admitted

    def _not_rtp(self, stream: Stream, source: Address | None, now: float) -> None:
        gate = stream.inbound.gate
        if source is None or source == gate.target:
            stream.inbound.malformed += 1
        else:
            stream.inbound.strangers += 1

    def _unexpected(self, inbound: Inbound, ssrc: int, sequence: int, now: float) -> int:
        """Anything but the next packet of the same source: how far it is ahead, `_RESTART` for a new beginning."""
        reception = inbound.reception
        if reception.started and ssrc == reception.ssrc:
            ahead = reception.arrived(sequence, now)
            if ahead is not None:
                return ahead
            inbound.watch.begin_anew()
        reception.restart(ssrc, sequence)
        return _RESTART

    def _started(self, stream: Stream, now: float) -> None:
        stream.inbound.started = True
        stream.ever_started = True
        self._post(MediaStarted(stream.leg, now))

    def _not_relayed(self, inbound: Inbound, ssrc: int, sequence: int, timestamp: int, ahead: int, now: float) -> None:
        """A repetition, an empty packet, a payload type that nobody negotiated, or anything from a leg whose direction
        says that it sends nothing: not passed on, and no gap for it."""
        if ahead == 0:
            inbound.repeated += 1
            return
        if inbound.may_receive:
            inbound.unmapped += 1
        else:
            inbound.unwanted += 1
        inbound.leave_out(now, ssrc, sequence, timestamp)
        self._close_gap(inbound, ahead)

    @staticmethod
    def _close_gap(inbound: Inbound, ahead: int) -> None:
        out = inbound.sink
        if out is None or ahead < 0 or not out.follows(inbound):
            return
        if ahead == _RESTART:
            out.source = None
        elif out.source is inbound:
            out.sequence_shift -= 1
            out.floor = out.sequence

    @staticmethod
    def barred(inbound: Inbound, out: Outbound) -> bool:
        """Hold, digits of ours and tones: whether the packet must not be relayed now. A tone that does not override
        gives way."""
        if not out.may_send:
            out.held += 1
        elif out.digits is not None or (out.playback is not None and out.playback.overrides):
            out.overridden += 1
        else:
            out.playback = None
            out.update_bar()
            return False
        if out.follows(inbound) or out.source is inbound.conversion:
            out.source = None
        return True

    def _align(
        self,
        inbound: Inbound,
        out: Outbound,
        marker: int,
        sequence: int,
        timestamp: int,
        ahead: int,
        advance: int,
        gap: float,
        now: float,
    ) -> int:
        """Look at audio that is not plainly the next of its source: the marker to send it with, or `_DROP`."""
        if ahead < 0:
            return marker if self._in_time(inbound, out, sequence) else _DROP
        if ahead != _RESTART and advance < 0x80000000 and out.follows(inbound):
            drift = abs(advance / out.clock_rate_hz - gap)
            if drift <= (_SPURT_DRIFT_S if marker else DRIFT_S):
                return marker
        self._switch(inbound, out, sequence, timestamp, (out.timestamp + clock_step(out, now)) & 0xFFFFFFFF)
        return MARKER

    @staticmethod
    def _switch(inbound: Inbound, out: Outbound, sequence: int, timestamp: int, out_timestamp: int) -> None:
        """From here on the source's numbers continue ours: the next sequence number, the timestamp of now."""
        out.source = inbound
        out.floor = out.sequence
        out.sequence_shift = out.sequence + 1 - sequence
        out.timestamp_shift = out_timestamp - timestamp

    def _repacketise(
        self,
        inbound: Inbound,
        out: Outbound,
        route: Route,
        marker: int,
        sequence: int,
        timestamp: int,
        start: int,
        end: int,
        now: float,
    ) -> bool:
        """Send audio whose packets have another length than the sink's, cut to that; False when nothing waits and this
        one has the right length: it is to be relayed as it is."""
        repacketiser = out.repacketiser
        if repacketiser is None:
            repacketiser = out.repacketiser = Repacketiser(inbound, out.frame_samples, BY_NUMBER[out.codec].silence)
        out_timestamp = (timestamp + out.timestamp_shift) & 0xFFFFFFFF
        if out.source is not repacketiser:
            repacketiser.clear(inbound)
            out.source = repacketiser
        elif end - start == out.frame_samples and not repacketiser.pending_samples:
            self._switch(inbound, out, sequence, timestamp, out_timestamp)
            return False
        payload = bytes(self._view[start:end])
        if route.table is not None:
            payload = payload.translate(route.table)
        self.send_frames(out, repacketiser.put(out_timestamp, marker, payload, now), now)
        return True

    def flush(self, out: Outbound) -> None:
        """Send what waits to be repacketised: its source has gone on to something else, or nowhere. On our clock it
        stands where the source's last packet came, so that what follows it makes no time up."""
        repacketiser = out.repacketiser
        if repacketiser is not None and out.source is repacketiser:
            self.send_frames(out, repacketiser.flush(), repacketiser.put_at)

    def send_frames(self, out: Outbound, frames: list[Frame], now: float) -> None:
        """Send whole frames, numbered as they are sent."""
        for timestamp, marker, payload in frames:
            out.sequence = (out.sequence + 1) & 0xFFFF
            out.timestamp = timestamp
            out.sent_at = now
            self._send(
                out, HEADER.pack(VERSION_2, marker | out.payload_type, out.sequence, timestamp, out.ssrc) + payload
            )

    def _follow_on(
        self, inbound: Inbound, out: Outbound, sequence: int, timestamp: int, ahead: int, now: float
    ) -> bool:
        """Before anything but audio is relayed: what waits goes first, and the source's numbers become ours one by one
        again. Whether that took the clock, for want of a timestamp to go on from."""
        if ahead != _RESTART and out.follows(inbound):
            if out.source is not inbound:
                self.flush(out)
                self._switch(inbound, out, sequence, timestamp, (timestamp + out.timestamp_shift) & 0xFFFFFFFF)
            return False
        self._switch(inbound, out, sequence, timestamp, (out.timestamp + clock_step(out, now)) & 0xFFFFFFFF)
        return True

    def _noise(
        self,
        stream: Stream,
        route: Route,
        sequence: int,
        timestamp: int,
        start: int,
        end: int,
        ahead: int,
        now: float,
    ) -> None:
        """Relay comfort noise (RFC 3389) to a leg that takes it; any other is made noise for once it is bridged."""
        inbound = stream.inbound
        out = inbound.sink
        inbound.let_pass(now, inbound.reception.ssrc, sequence, timestamp, route.codec)
        if out is None:
            return
        if inbound.conversion is not None:
            inbound.convert(now, inbound.reception.ssrc, sequence, timestamp, 0, route.codec, b"")
        if route.payload_type == UNROUTED or ahead < 0:
            self._close_gap(inbound, ahead)
            if ahead < 0 or not stream.bridged:
                inbound.unmapped += 1
                return
            if out.follows(inbound):
                self.flush(out)
            self._start_noise(out, self.buffer[start] & _NOISE_LEVEL, now)
            return
        if out.barred and self.barred(inbound, out):
            return
        advance = (timestamp - inbound.timestamp) & 0xFFFFFFFF
        self._align(inbound, out, 0, sequence, timestamp, ahead, advance, now - inbound.audio_at, now)
        self._follow_on(inbound, out, sequence, timestamp, 1, now)
        inbound.timestamp = timestamp
        inbound.audio_at = now
        out.sequence = (sequence + out.sequence_shift) & 0xFFFF
        out.timestamp = (timestamp + out.timestamp_shift) & 0xFFFFFFFF
        out.sent_at = now
        level = self.buffer[start] & _NOISE_LEVEL
        _pack(self.buffer, start - 12, VERSION_2, route.payload_type, out.sequence, out.timestamp, out.ssrc)
        self._send(out, self._view[start - 12 : end])
        if stream.bridged:
            self._start_noise(out, level, now + _NOISE_ALONE_S)

    def _send(self, out: Outbound, packet: Packet) -> None:
        try:
            out.send(packet)
        except OSError:
            out.send_failed += 1
            return
        out.packets += 1
        out.octets += len(packet) - HEADER_BYTES
        self.relayed += 1

    @staticmethod
    def _in_time(inbound: Inbound, out: Outbound, sequence: int) -> bool:
        """Whether a late packet's number is still its own, not one given to something else before a switch."""
        place = (sequence + out.sequence_shift - out.floor) & 0xFFFF
        if out.source is inbound and 0 < place < 0x8000:
            return True
        inbound.late += 1
        return False

    def _event(
        self,
        stream: Stream,
        route: Route,
        marker: int,
        sequence: int,
        timestamp: int,
        ssrc: int,
        start: int,
        end: int,
        ahead: int,
        now: float,
    ) -> None:
        """Report the digit, and relay the telephone-event."""
        inbound = stream.inbound
        if end - start < EVENT_BYTES:
            inbound.malformed += 1
            inbound.leave_out(now, ssrc, sequence, timestamp)
            self._close_gap(inbound, ahead)
            return
        end = start + EVENT_BYTES  # what stands behind is none of the event's, nor the other party's to see
        for pressed in inbound.watch.packet(ssrc, timestamp, self._view[start:end], now, route.clock_rate_hz):
            self.report(stream, pressed, now)
        if inbound.watch.begun is not None:
            self._post(DigitBegun(stream.leg, inbound.watch.begun))
        inbound.let_pass(now, ssrc, sequence, timestamp, route.codec)
        out = inbound.sink
        if out is None:
            return
        if inbound.conversion is not None:
            inbound.convert(now, ssrc, sequence, timestamp, 0, route.codec, b"")
        if route.payload_type == UNROUTED:
            inbound.unmapped += 1
            self._close_gap(inbound, ahead)
            return
        if self._event_passes(inbound, out, sequence, ahead):
            self._relay_event(inbound, out, route, marker, sequence, timestamp, ssrc, start, ahead, now)

    def _relay_event(
        self,
        inbound: Inbound,
        out: Outbound,
        route: Route,
        marker: int,
        sequence: int,
        timestamp: int,
        ssrc: int,
        start: int,
        ahead: int,
        now: float,
    ) -> None:
        """Relay a telephone-event with one timestamp of ours for the whole of it, as far as its duration can tell its
        length (RFC 4733 section 2.5.1.3)."""
        event, volume, duration = unpack_event(self.buffer, start)
        # Where the source's audio is converted, the event goes on top of that: by the clock, and with numbers of ours.
        apart = inbound.conversion is not None and out.source is not inbound
        if not apart and self._follow_on(inbound, out, sequence, timestamp, ahead, now):
            # An event's timestamp may lie well in the past: audio after it finds its own place by the clock.
            inbound.audio_at = _LONG_AGO
        sent = self._sent_event(out, ssrc, event, timestamp, apart, ahead > 0, now)
        end_bit = volume & EVENT_END
        rates_hz = route.clock_rate_hz, route.event_clock_rate_hz
        part = sent.part(timestamp, duration, bool(end_bit), *rates_hz, may_grow=ahead > 0)
        if part.completes is not None:
            number = self._number_event(out, sequence, apart, True, ahead)
            header = HEADER.pack(VERSION_2, route.payload_type, number, part.completes, out.ssrc)
            self._send(out, header + pack_event(event, volume ^ end_bit, DURATION_MAX))
        number = self._number_event(out, sequence, apart, apart, ahead)
        if part.timestamp != sent.began or sent.before:
            marker = 0
        end = start + EVENT_BYTES
        self.buffer[start:end] = pack_event(event, volume, part.duration)
        _pack(self.buffer, start - 12, VERSION_2, marker | route.payload_type, number, part.timestamp, out.ssrc)
        out.event_sent_at = now
        self._send(out, self._view[start - 12 : end])

    def _sent_event(
        self, out: Outbound, ssrc: int, event: int, timestamp: int, apart: bool, in_order: bool, now: float
    ) -> SentEvent:
        """The event that a packet is of. A new one gets its timestamp, and keeps it for all its packets whatever is
        switched meanwhile; a late packet of an earlier one is passed on by itself."""
        sent = out.event
        if sent is not None and sent.takes(ssrc, event, timestamp):
            return sent
        if apart:
            began = (out.timestamp + clock_step(out, now)) & 0xFFFFFFFF
            if out.sent_at is None:
                out.sent_at = now  # where the next event finds its own place
        else:
            began = self._place_event(out, timestamp, now)
        new = SentEvent(ssrc, event, timestamp, began)
        if in_order or sent is None:
            out.event = new
        return new

    @staticmethod
    def _number_event(out: Outbound, sequence: int, apart: bool, added: bool, ahead: int) -> int:
        """The next sequence number, `apart` from the source's own or by them; whoever is relayed by his goes on behind
        one that is `added` to them."""
        number = (out.sequence + 1 if apart else sequence + out.sequence_shift) & 0xFFFF
        if apart or ahead > 0:
            out.sequence = number
        if added:
            out.sequence_shift += 1
            out.floor = number
        return number

    def _event_passes(self, inbound: Inbound, out: Outbound, sequence: int, ahead: int) -> bool:
        if out.barred:
            if not out.may_send or out.digits is not None:
                return not self.barred(inbound, out)
            if out.playback is not None and not out.playback.overrides:
                out.playback = None
                out.update_bar()
        return ahead > 0 or self._in_time(inbound, out, sequence)

    @staticmethod
    def _place_event(out: Outbound, timestamp: int, now: float) -> int:
        """The timestamp of a new event."""
        placed = (timestamp + out.timestamp_shift) & 0xFFFFFFFF
        by_clock = (out.timestamp + clock_step(out, now)) & 0xFFFFFFFF
        away = (placed - by_clock + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        if abs(away) > DRIFT_S * out.clock_rate_hz:
            placed = by_clock
        if (placed - out.timestamp) & 0xFFFFFFFF < 0x80000000:
            out.timestamp = placed
            out.sent_at = now
        return placed

    def report(self, stream: Stream, pressed: PressedDigit, now: float) -> None:
        """Tell of a key press; a sink that takes no events hears it, now that its length is known."""
        self._post(DigitPressed(stream.leg, pressed.digit, pressed.duration_ms))
        out = stream.inbound.sink
        if out is not None and out.dtmf_payload_type is None:
            self._send_digit(out, pressed.digit, pressed.duration_ms, now)
