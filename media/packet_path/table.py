"""The whole packet path but sockets, thread and clock: the table of streams, and the commands that edit it."""

from collections.abc import Callable, Sequence
from typing import Final

from media.events import MediaEvent, MediaLost
from media.packet_path.conversion import ConvertedAudio
from media.packet_path.converter import Conversion, Converter
from media.packet_path.digits import DigitSender
from media.packet_path.interface import PlaybackPlan, RemotePlan
from media.packet_path.pacing import Pacer
from media.packet_path.relay import Relay
from media.packet_path.repacketiser import STALE_S, Frame
from media.packet_path.stream import Outbound, Stream, send_nowhere
from media.packet_path.tap import Tap
from media.tones import silence

# Every stream is looked after this often, a part of them each turn so that no turn is long.
SWEEP_S: Final = 0.25
_PARTS: Final = 10
_TURN_S: Final = SWEEP_S / _PARTS

# A bridged leg whose source is quiet for this long is sent silence, so that it does not starve.
_STARVED_S: Final = 0.3
# Early media that are quiet for this long have stopped; a pause of an announcement, its silence not sent, is shorter.
_STOPPED_S: Final = 3.0


class StreamTable:
    """All streams. `now` is monotonic seconds and never goes back; events go out through `post`."""

    def __init__(self, post: Callable[[MediaEvent], None]) -> None:
        self._post = post
        self._silence = silence()
        self.digits = DigitSender()
        self.pacer = Pacer(post)
        self.relay = Relay(post, self.digits.send, self.pacer.start_noise)
        self._converted = ConvertedAudio(self.relay)
        self._parts: tuple[dict[int, Stream], ...] = tuple({} for _ in range(_PARTS))
        self._part = 0
        self._streams = 0
        self._sweep_due = 0.0

    def __len__(self) -> int:
        return self._streams

    def add(self, stream: Stream, now: float) -> None:
        """Take a stream in. It takes and sends nothing before its first `set_remote`."""
        if not self._streams:
            self._sweep_due = now + _TURN_S
        stream.watched_from = now
        self._parts[stream.number % _PARTS][stream.number] = stream
        self._streams += 1

    def set_remote(self, stream: Stream, plan: RemotePlan, now: float) -> None:
        """Apply what an SDP exchange settled for a leg."""
        stream.set_remote(plan, now)
        if not plan.may_receive:
            self.pacer.stop_noise(stream.inbound.sink)
        self.relay.aim(stream)
        self._reroute(stream)
        if stream.control.due is None:
            stream.control.schedule(now)

    def expect(self, stream: Stream, now: float) -> None:
        """A leg has reason to send from now on."""
        if stream.expect(now):
            self.relay.aim(stream)

    def play(self, stream: Stream, plan: PlaybackPlan, now: float) -> None:
        """Play a tone to a leg in place of the one being played. An endless one that gives way to early media comes
        back when they stop, until another is played or this one is stopped."""
        stream.ground = None if plan.overrides or not plan.tone.endless else plan.tone
        self.pacer.start(stream, plan.tone, plan.overrides, now)

    def stop_playing(self, stream: Stream) -> None:
        """Stop a leg's tone."""
        stream.ground = None
        self.pacer.stop(stream.outbound)

    def send_digit(self, stream: Stream, digit: str, duration_ms: int, now: float) -> None:
        """Send a leg a digit in place of the audio, behind those on their way to it."""
        self.digits.send(stream.outbound, digit, duration_ms, now)

    def join(self, source: Stream, sink: Stream) -> None:
        """Relay one way; the sink's tone, unless it overrides, gives way to the first packet."""
        source.inbound.join(sink.outbound)

    def bridge(self, first: Stream, second: Stream, now: float) -> None:
        """Relay both ways; tones stop, silence counts from now by the bridge's timeout, both have reason to send."""
        for source, sink in ((first, second), (second, first)):
            self.expect(source, now)
            self.join(source, sink)
            self.stop_playing(sink)
            _part(source)
            source.bridged = True
            source.partner = sink
            source.watched_from = now

    def set_tap(self, stream: Stream, channel: int, tap: Tap | None) -> None:
        """Copy a leg's incoming audio to a recorder, or stop doing so."""
        stream.inbound.tap_channel = channel
        stream.inbound.tap = tap

    def set_converter(self, source: Stream, converter: Converter | None, whole: bool = False) -> None:
        """Hand a leg's audio to a converter where the sink's codec needs that, or `whole`, whatever its codec; None:
        drop what needs one."""
        inbound = source.inbound
        inbound.conversion = None if converter is None else Conversion(converter)
        if inbound.whole != (converter is not None and whole):
            inbound.whole = not inbound.whole
            inbound.update_routes()

    @staticmethod
    def set_listener(stream: Stream, listener: Converter | None) -> None:
        """Copy what a leg sends to who listens to it, or stop doing so."""
        stream.inbound.listener = listener

    @staticmethod
    def set_fork(stream: Stream, fork: Converter | None) -> None:
        """Copy what a leg sends to who passes it on to others, or stop doing so."""
        stream.inbound.fork = fork

    def send_audio(self, sink: Stream, source: Stream, codec: int, frames: Sequence[Frame], now: float) -> None:
        """Send what a source's converter has made."""
        self._converted.send(source.inbound, sink.outbound, codec, frames, now)

    def remove(self, stream: Stream, now: float) -> None:
        """Say farewell in RTCP, unlink the stream from the others and close its wire."""
        if self._parts[stream.number % _PARTS].pop(stream.number, None) is None:
            return
        self._streams -= 1
        for source in tuple(stream.outbound.sources):
            source.join(None)
        _part(stream)
        out, target = stream.outbound, stream.control.target
        if target is not None and (out.packets or stream.inbound.reception.started):
            reception = stream.inbound.reception
            stream.send_control(
                stream.control.farewell(reception, out.packets, out.octets, _timestamp_of(out, now), now), target
            )
        self.pacer.stop_noise(stream.inbound.sink)
        stream.inbound.join(None)
        stream.inbound.tap = None
        stream.inbound.conversion = None
        stream.inbound.listener = None
        stream.inbound.fork = None
        out.playback = None
        out.digits = None
        out.source = None
        out.send = send_nowhere
        stream.wire.close()

    def advance(self, now: float) -> None:
        """Do everything whose time has come."""
        self.pacer.advance(now)
        self.digits.advance(now)
        if self._streams and now >= self._sweep_due:
            self._sweep_due = max(self._sweep_due + _TURN_S, now)
            self._part = (self._part + 1) % _PARTS
            for stream in self._parts[self._part].values():
                self._look_after(stream, now)

    @property
    def next_due(self) -> float | None:
        """When `advance` has something to do; None while there is nothing."""
        due, digit_due = self.pacer.next_due, self.digits.next_due
        if digit_due is not None:
            due = digit_due if due is None else min(due, digit_due)
        if not self._streams:
            return due
        return self._sweep_due if due is None else min(due, self._sweep_due)

    def _reroute(self, stream: Stream) -> None:
        """Payload types have changed: of what it sends on, and of everything sent to it."""
        stream.inbound.update_routes()
        for source in stream.outbound.sources:
            source.update_routes()

    def _look_after(self, stream: Stream, now: float) -> None:
        stream.inbound.let_go(now)
        for pressed in stream.inbound.watch.sweep(now):
            self.relay.report(stream, pressed, now)
        self._watch_silence(stream, now)
        stream.outbound.raise_floor()
        repacketiser = stream.outbound.repacketiser
        if repacketiser is not None and now - repacketiser.put_at > STALE_S:
            self.relay.flush(stream.outbound)
        self._feed(stream, now)
        due = stream.control.due
        if due is not None and now >= due:
            self._report(stream, now)

    def _watch_silence(self, stream: Stream, now: float) -> None:
        timeouts = stream.timeouts
        if not (stream.bridged or stream.ever_started):
            return
        # The clock of talk stands still while either party holds; only the longer one of the hold runs.
        limit = timeouts.bridged_s if stream.bridged else timeouts.early_s
        if stream.held():
            limit = timeouts.hold_s
        idle = now - max(stream.inbound.heard_at, stream.watched_from)
        if idle < limit:
            stream.lost = False
        elif not stream.lost:
            stream.lost = True
            self._post(MediaLost(stream.leg, idle))

    def _feed(self, stream: Stream, now: float) -> None:
        out = stream.outbound
        if not out.may_send or out.playback is not None or out.digits is not None:
            return
        tone, patience_s = (self._silence, _STARVED_S) if stream.bridged else (stream.ground, _STOPPED_S)
        # A key that is held is no silence, and its event is not to be broken up.
        since = max(stream.watched_from, out.event_sent_at)
        if out.sent_at is not None:
            since = max(since, out.sent_at)
        if tone is not None and now - since > patience_s:
            self.pacer.start(stream, tone, False, now)

    def _report(self, stream: Stream, now: float) -> None:
        stream.control.schedule(now)
        out, target = stream.outbound, stream.control.target
        if target is not None:
            reception = stream.inbound.reception
            stream.send_control(
                stream.control.report(reception, out.packets, out.octets, _timestamp_of(out, now), now), target
            )


def _part(stream: Stream) -> None:
    """Let a stream and the one that it is bridged with be each other's partner no more."""
    if stream.partner is not None and stream.partner.partner is stream:
        stream.partner.partner = None
    stream.partner = None


def _timestamp_of(out: Outbound, now: float) -> int:
    """Our RTP clock's reading of `now`."""
    if out.sent_at is None:
        return out.timestamp
    return (out.timestamp + round((now - out.sent_at) * out.clock_rate_hz)) & 0xFFFFFFFF
