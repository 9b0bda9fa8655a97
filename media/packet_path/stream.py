"""The table the packet path works on: each leg's incoming and outgoing half, and what joins them."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final, Protocol

from media.codecs.table import (
    BY_NUMBER,
    CLOCK_RATE_HZ,
    COMFORT_NOISE,
    EVENT_CLOCK_RATES_HZ,
    TRANSLATIONS,
    needs_conversion,
)
from media.packet_path.control import ControlChannel
from media.packet_path.converter import Conversion, Converter
from media.packet_path.gate import Gate
from media.packet_path.interface import Address, RemotePlan, StreamFigures, StreamPlan
from media.packet_path.protection import Protection
from media.packet_path.repacketiser import Repacketiser
from media.packet_path.sent_event import SentEvent
from media.packet_path.tap import Tap
from media.rtp.dtmf import DigitWatch
from media.rtp.stats import Reception
from media.tones import Tone

Packet = bytes | bytearray | memoryview
Send = Callable[[Packet], object]

UNROUTED: Final = -1
# How long what an SDP exchange has ended is received yet: "a brief period of time" (RFC 3264 section 8.3.2).
LINGER_S: Final = 3.0
PAYLOAD_TYPES: Final = 128
_CACHED_ROUTES: Final = 512
# How far the floor is left behind the newest number, and how near it is brought then: no packet is so late.
_FLOOR_FARTHEST: Final = 0x2000
_FLOOR_NEAREST: Final = 0x1000
# 20 ms, until an SDP has settled another packet time.
_FRAME_SAMPLES: Final = CLOCK_RATE_HZ // 50


class Wire(Protocol):
    """A stream's sockets as the relay sees them. Sending may raise OSError."""

    def aim(self, target: Address, exclusive: bool) -> Send:
        """From now on send RTP to `target`. `exclusive`: nobody else is listened to, the kernel may filter."""
        ...

    def send_control(self, packet: bytes, target: Address) -> None:
        """Send an RTCP packet."""
        ...

    def close(self) -> None:
        """Close the sockets."""
        ...


def send_nowhere(packet: Packet) -> None:
    """Where a stream without a remote sends: an OSError, as from a socket that cannot send."""
    raise OSError("no remote address")


class Route:
    """What becomes of one incoming payload type: `codec` is what it is, `payload_type` what it is sent on as (UNROUTED:
    it is not), `table` translates the payload where the codecs differ. `converted`: no table does, so that it goes to
    the source's converter. `clock_rate_hz`: what its timestamps and an event's durations count; `event_clock_rate_hz`:
    what the durations of the sink's events count."""

    __slots__ = ("clock_rate_hz", "codec", "converted", "event_clock_rate_hz", "is_audio", "payload_type", "table")

    def __init__(
        self, codec: int, payload_type: int, table: bytes | None = None, event_clock_rate_hz: int = CLOCK_RATE_HZ
    ) -> None:
        audio = BY_NUMBER.get(codec)
        self.codec = codec
        self.is_audio = audio is not None
        self.payload_type = payload_type
        self.table = table
        self.converted = False
        self.clock_rate_hz = EVENT_CLOCK_RATES_HZ.get(codec, CLOCK_RATE_HZ) if audio is None else audio.clock_rate_hz
        self.event_clock_rate_hz = event_clock_rate_hz


Routes = Sequence[Route | None]
"""By incoming payload type; shared by all streams of the same formats, and never changed."""
NO_ROUTES: Final[Routes] = (None,) * PAYLOAD_TYPES
Taken = tuple[int, int, int | None, int | None, int]
"""What a sink sends: its codec, its payload types for that, for telephone-event and for comfort noise, and what the
durations of its telephone-events count."""


class Playback:
    """A tone on its way to one leg, at its 8 kHz sample `position`. `due` is the next frame's deadline, `timestamp` its
    RTP timestamp. `leg` is told of when it is over; `is_noise`: it stands for the comfort noise of the leg's source,
    and never is."""

    __slots__ = ("due", "is_noise", "leg", "marker", "overrides", "position", "timestamp", "tone")

    def __init__(self, tone: Tone, overrides: bool, due: float, leg: str = "", *, is_noise: bool = False) -> None:
        self.leg = leg
        self.is_noise = is_noise
        self.tone = tone
        self.overrides = overrides
        self.due = due
        self.position = 0
        self.marker = 0x80
        self.timestamp: int | None = None


class DigitRun:
    """Digits on their way to one leg: the one being sent, and those `waiting` with their lengths in ms.

    `position` counts 8 kHz samples from the digit's beginning, below 0 in the pause before it; `length` is its own.
    `ends`: end packets of the event still to come. `event`: as far as it is sent; `timestamp`: the next one in the
    audio; None before they are known. `due`: the next packet's deadline.
    """

    __slots__ = ("digit", "due", "ends", "event", "in_band", "length", "position", "timestamp", "waiting")

    def __init__(self, waiting: deque[tuple[str, int]], due: float) -> None:
        self.waiting = waiting
        self.due = due
        self.digit = ""
        self.in_band = False
        self.length = 0
        self.position = 0
        self.ends = 0
        self.event: SentEvent | None = None
        self.timestamp: int | None = None


class Outbound:
    """What is sent to a leg: one SSRC with one run of sequence numbers and timestamps, whoever the source is.

    `sources` are the inbound halves that it is the sink of. `sequence` and `timestamp` are the newest sent, at
    `sent_at`. While `source` is the inbound half being relayed, the shifts turn its numbers into ours; None makes the
    next packet align anew. Where it is `repacketiser`, the packets of the repacketiser's source are cut to
    `frame_samples` and numbered as they are sent; where it is a source's `Conversion`, what the converter made is
    numbered as it is sent, and one shift places its timestamps, in a run that began at `run_began_at`. `frame_samples`
    counts ticks of `clock_rate_hz`, as timestamps do. `cuts`: the codec's audio can be repacketised. `floor`: late
    packets that would become this number or one before it are too late. `digits`: those of ours being sent; `toned`:
    the number of the newest packet of a digit in the audio. `barred`: something (hold, a tone, a digit) must be looked
    at before relaying. `event`: the newest relayed, whose newest packet was sent at `event_sent_at`.
    """

    __slots__ = (
        "barred",
        "clock_rate_hz",
        "codec",
        "cuts",
        "digits",
        "digits_refused",
        "dtmf_clock_rate_hz",
        "dtmf_payload_type",
        "event",
        "event_sent_at",
        "floor",
        "frame_samples",
        "held",
        "may_send",
        "noise_payload_type",
        "octets",
        "overridden",
        "packets",
        "payload_type",
        "playback",
        "repacketiser",
        "run_began_at",
        "send",
        "send_failed",
        "sent_at",
        "sequence",
        "sequence_shift",
        "source",
        "sources",
        "ssrc",
        "timestamp",
        "timestamp_shift",
        "toned",
    )

    def __init__(self, plan: StreamPlan) -> None:
        self.ssrc = plan.ssrc
        self.sequence = plan.sequence
        self.timestamp = plan.timestamp
        self.sent_at: float | None = None
        self.source: Inbound | Repacketiser | Conversion | None = None
        self.run_began_at = 0.0
        self.sources: list[Inbound] = []
        self.repacketiser: Repacketiser | None = None
        self.frame_samples = _FRAME_SAMPLES
        self.clock_rate_hz = CLOCK_RATE_HZ
        self.cuts = True
        self.sequence_shift = 0
        self.timestamp_shift = 0
        self.floor = plan.sequence
        self.event: SentEvent | None = None
        self.event_sent_at = float("-inf")
        self.codec = UNROUTED
        self.payload_type = UNROUTED
        self.dtmf_payload_type: int | None = None
        self.dtmf_clock_rate_hz = CLOCK_RATE_HZ
        self.noise_payload_type: int | None = None
        self.may_send = False
        self.barred = True
        self.playback: Playback | None = None
        self.digits: DigitRun | None = None
        self.digits_refused = 0
        self.toned: int | None = None
        self.send: Send = send_nowhere
        self.packets = 0
        self.octets = 0
        self.send_failed = 0
        self.held = 0
        self.overridden = 0

    def raise_floor(self) -> None:
        """To be called a few times a second: numbers come again after 65,536 packets, and what is above the floor can
        be told from what is below it over half of these."""
        if (self.sequence - self.floor) & 0xFFFF > _FLOOR_FARTHEST:
            self.floor = (self.sequence - _FLOOR_NEAREST) & 0xFFFF

    def update_bar(self) -> None:
        """To be called whenever `may_send`, `playback` or `digits` has changed."""
        self.barred = not self.may_send or self.playback is not None or self.digits is not None

    def follows(self, inbound: "Inbound") -> bool:
        """Whether that half's numbers are being turned into ours, its packets repacketised or not."""
        source = self.source
        return source is inbound or (
            source is not None and source is self.repacketiser and self.repacketiser.source is inbound
        )

    def set_format(self, plan: RemotePlan) -> None:
        """Take over codec, payload types and packet time; what waits to be repacketised is of the old ones."""
        frame_samples = plan.ptime_ms * plan.clock_rate_hz // 1000
        if self.repacketiser is not None and (plan.codec, frame_samples) != (self.codec, self.frame_samples):
            if self.source is self.repacketiser:
                self.source = None
            self.repacketiser = None
        if plan.clock_rate_hz != self.clock_rate_hz:
            self.source = None
        if plan.dtmf_clock_rate_hz != self.dtmf_clock_rate_hz:
            self.event = None  # its length was told in the old one's units
        codec = BY_NUMBER.get(plan.codec)
        self.codec, self.payload_type = plan.codec, plan.payload_type
        self.clock_rate_hz = plan.clock_rate_hz
        self.cuts = codec is not None and codec.cuts
        self.dtmf_payload_type = plan.dtmf_payload_type
        self.dtmf_clock_rate_hz = plan.dtmf_clock_rate_hz
        self.noise_payload_type = plan.noise_payload_type
        self.frame_samples = frame_samples


class Inbound:
    """What a leg sends. `timestamp` and `audio_at` are of its newest audio packet. `conversion`: what becomes of its
    audio that no byte table makes the sink's codec; None: it is dropped. `whole`: all of its audio is converted.
    `lingering`: received beside `receives` until `lingers_until`. `listener`: who hears keys in it; `fork`: who passes
    it on to others."""

    __slots__ = (
        "audio_at",
        "conversion",
        "fork",
        "gate",
        "heard_at",
        "late",
        "lingering",
        "lingers_until",
        "listener",
        "malformed",
        "may_receive",
        "receives",
        "reception",
        "repeated",
        "routes",
        "sink",
        "started",
        "strangers",
        "tap",
        "tap_channel",
        "timestamp",
        "unmapped",
        "unwanted",
        "watch",
        "whole",
    )

    def __init__(self, plan: StreamPlan) -> None:
        self.whole = False
        self.gate = Gate(plan.nat, plan.networks)
        self.reception = Reception()
        self.watch = DigitWatch()
        self.receives: tuple[tuple[int, int], ...] = ()
        self.lingering: tuple[tuple[int, int], ...] = ()
        self.lingers_until = 0.0
        self.may_receive = True
        self.routes = NO_ROUTES
        self.sink: Outbound | None = None
        self.conversion: Conversion | None = None
        self.listener: Converter | None = None
        self.fork: Converter | None = None
        self.tap: Tap | None = None
        self.tap_channel = 0
        self.started = False
        self.heard_at = 0.0
        self.audio_at = 0.0
        self.timestamp = 0
        self.strangers = 0
        self.malformed = 0
        self.unmapped = 0
        self.unwanted = 0
        self.repeated = 0
        self.late = 0

    def join(self, sink: Outbound | None) -> None:
        """Send on to `sink` from now on, None for nowhere."""
        if self.sink is not None:
            self.sink.sources.remove(self)
        if sink is not None:
            sink.sources.append(self)
        self.sink = sink
        self.update_routes()

    def convert(
        self, arrival: float, ssrc: int, sequence: int, timestamp: int, marker: int, codec: int, payload: bytes
    ) -> None:
        """Hand a packet to the converter; where there is none, drop it."""
        if self.conversion is None:
            self.unmapped += 1
        else:
            self.conversion.converter.put(arrival, ssrc, sequence, timestamp, marker, codec, payload)

    def let_go(self, now: float) -> None:
        """Receive no more what has lingered for long enough."""
        if self.lingering and now >= self.lingers_until:
            self.lingering = ()
            self.update_routes()

    def let_pass(self, arrival: float, ssrc: int, sequence: int, timestamp: int, codec: int) -> None:
        """Let who listens know that a packet was no audio."""
        for ear in (self.listener, self.fork):
            if ear is not None:
                ear.put(arrival, ssrc, sequence, timestamp, 0, codec, b"")

    def leave_out(self, arrival: float, ssrc: int, sequence: int, timestamp: int) -> None:
        """A packet is not passed on: who is given the audio must not take it for one that is lost."""
        if self.may_receive:
            self.let_pass(arrival, ssrc, sequence, timestamp, UNROUTED)
        if self.conversion is not None and self.sink is not None:
            self.convert(arrival, ssrc, sequence, timestamp, 0, UNROUTED, b"")

    def update_routes(self) -> None:
        """To be called whenever what is received, `may_receive` or the sink's payload types have changed."""
        receives, sink = self.receives + self.lingering if self.may_receive else (), self.sink
        if not receives:
            self.routes = NO_ROUTES
        elif sink is None:
            self.routes = _routes(receives, None, False)
        else:
            taken = (
                sink.codec,
                sink.payload_type,
                sink.dtmf_payload_type,
                sink.noise_payload_type,
                sink.dtmf_clock_rate_hz,
            )
            self.routes = _routes(receives, taken, self.whole)


@lru_cache(maxsize=_CACHED_ROUTES)
def _routes(receives: tuple[tuple[int, int], ...], taken: Taken | None, whole: bool) -> Routes:
    routes: list[Route | None] = [None] * PAYLOAD_TYPES
    for payload_type, codec in receives:
        routes[payload_type] = _route(codec, taken, whole)
    return tuple(routes)


def _route(codec: int, taken: Taken | None, whole: bool) -> Route:
    if taken is None:
        return Route(codec, UNROUTED)
    sink_codec, audio, dtmf, noise, dtmf_clock_rate_hz = taken
    if codec not in BY_NUMBER:
        taken_as = noise if codec == COMFORT_NOISE else dtmf
        return Route(codec, UNROUTED if taken_as is None else taken_as, None, dtmf_clock_rate_hz)
    route = Route(codec, audio, TRANSLATIONS.get((codec, sink_codec)))
    route.converted = whole or needs_conversion(codec, sink_codec)
    return route


class Stream:
    """One leg in the packet path. `watched_from`: silence is counted from here at the earliest; `partner`: the leg it
    is bridged with, which may fall silent too while this one is on hold; `protection`: its SRTP, None for plain RTP;
    `opener`: what opens its packets, which is that, and after its end, until `opens_until`, the one that was: what the
    far end has sent before it has our answer is still on its way, and would be noise; `ground`: the tone that it hears
    again when early media stop, None where there is none."""

    __slots__ = (
        "_kept_protection",
        "bridged",
        "control",
        "ever_started",
        "ground",
        "inbound",
        "leg",
        "lost",
        "number",
        "on_hold",
        "opener",
        "opens_until",
        "outbound",
        "partner",
        "protection",
        "timeouts",
        "watched_from",
        "wire",
    )

    def __init__(self, number: int, plan: StreamPlan, wire: Wire) -> None:
        self.number = number
        self.leg = plan.leg
        self.wire = wire
        self.timeouts = plan.timeouts
        self.inbound = Inbound(plan)
        self.outbound = Outbound(plan)
        self.control = ControlChannel(plan.ssrc, plan.cname)
        self.protection: Protection | None = None
        self._kept_protection: Protection | None = None
        self.opener: Protection | None = None
        self.opens_until = 0.0
        self.bridged = False
        self.partner: Stream | None = None
        self.on_hold = False
        self.ever_started = False
        self.ground: Tone | None = None
        self.lost = False
        self.watched_from = 0.0

    def set_remote(self, plan: RemotePlan, now: float) -> None:
        """Apply what an SDP exchange settled to both halves; the relay aims and routes afterwards."""
        out = self.outbound
        self._rekey(plan, now)
        self.inbound.gate.set_remote(plan.remote, plan.renewed, now)
        self.inbound.receives, self.inbound.lingering = plan.receives, plan.lingers
        self.inbound.lingers_until = now + LINGER_S
        self.inbound.may_receive = plan.may_receive
        if plan.renewed and plan.remote is not None:
            self.inbound.started = False
        self.expect(now)
        # As with RTP: of who has been latched, where its reports come from is known better.
        if plan.remote is not None and not self.inbound.gate.latched:
            self.control.target = plan.control
        out.set_format(plan)
        self.control.clock_rate_hz = plan.clock_rate_hz
        out.may_send = plan.may_send
        out.update_bar()
        if plan.on_hold != self.on_hold:
            self.on_hold = plan.on_hold
            self.watched_from = now
            if self.partner is not None:
                self.partner.watched_from = now
        if plan.elsewhere:
            # Its NAT may have given it another address, which its SDP knows nothing of. Until one shows it is where it
            # was.
            self.inbound.started = False
            self.expect(now)

    def expect(self, now: float) -> bool:
        """The leg has reason to send from now on. Whether the relay has to aim anew."""
        return not self.inbound.started and self.inbound.gate.arm(now)

    def held(self) -> bool:
        """Whether this leg or the one it is bridged with is on hold: silence of either is no fault then."""
        return self.on_hold or (self.partner is not None and self.partner.on_hold)

    def _rekey(self, plan: RemotePlan, now: float) -> None:
        """Begin, change or end SRTP. Its contexts outlive a while of plain RTP: no packet number may come twice."""
        if self.protection is not None:
            self.opens_until = now + LINGER_S
        self.protection = None
        if plan.keying is not None:
            self._kept_protection = self._kept_protection or Protection()
            self._kept_protection.rekey(plan.keying, self.inbound.reception)
            self.protection = self.opener = self._kept_protection

    def send_control(self, packet: bytes, target: Address) -> None:
        """Send a compound RTCP packet to the leg, as SRTCP where it has SRTP."""
        if self.protection is not None:
            packet = self.protection.seal_rtcp(packet)
        self.wire.send_control(packet, target)

    def figures(self) -> StreamFigures:
        """What has been counted so far."""
        inbound, out = self.inbound, self.outbound
        reception = inbound.reception.figures()
        return StreamFigures(
            packets_sent=out.packets,
            octets_sent=out.octets,
            packets_received=reception.received,
            packets_lost=reception.lost,
            jitter_ms=reception.jitter_ms,
            round_trip_ms=self.control.round_trip_ms,
            far_lost=self.control.far_lost,
            far_jitter_ms=self.control.far_jitter_ms,
            dropped=self.dropped(),
        )

    def dropped(self) -> Mapping[str, int]:
        """Packets not passed on, by reason: the incoming ones of this leg, then those meant for it."""
        inbound, out, srtp = self.inbound, self.outbound, self._kept_protection
        return {
            "stranger": inbound.strangers + self.control.strangers,
            "malformed": inbound.malformed + self.control.malformed,
            "unmapped": inbound.unmapped,
            "unwanted": inbound.unwanted,
            "repeated": inbound.repeated,
            "late": inbound.late,
            "unauthentic": 0 if srtp is None else srtp.unauthentic,
            "replayed": 0 if srtp is None else srtp.replayed,
            "held": out.held,
            "overridden": out.overridden,
            "digits": out.digits_refused,
            "send_failed": out.send_failed,
        }
