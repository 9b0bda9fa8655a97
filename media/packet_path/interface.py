"""The packet path as the engine commands it: frozen plans in, events and figures out.

Every implementation is held to the same tests. Commands return at once and take effect in their order.
"""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from media.codecs.table import BY_NUMBER, CLOCK_RATE_HZ
from media.packet_path.converter import Converter
from media.packet_path.repacketiser import Frame
from media.packet_path.tap import Tap
from media.rtp.srtp import Suite
from media.tones import Tone

Address = tuple[str, int]

Watch = Callable[[int, Callable[[], None] | None], object]
"""Call back on the event loop's thread while a descriptor is readable; None: no longer."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds without RTP, comfort noise or RTCP before `MediaLost`: early media, bridged, on hold."""

    early_s: float
    bridged_s: float
    hold_s: float


class StreamPlan(NamedTuple):
    """A leg's stream as it is opened. `ssrc`, `sequence`, `timestamp` are random beginnings of what we send.

    `networks`: (first, last) addresses as integers, with their IP version, that RTP may come from besides the SDP's.
    `group`: streams of other groups are never joined with it.
    """

    leg: str
    ssrc: int
    sequence: int
    timestamp: int
    cname: str
    nat: bool
    networks: tuple[tuple[int, int, int], ...]
    timeouts: Timeouts
    group: str = ""


@dataclass(frozen=True, slots=True)
class Keying:
    """The SRTP keys of a leg, each a master key with its salt behind it: `send` is ours, `receive` the far end's."""

    suite: Suite
    send: bytes = field(repr=False)
    receive: bytes = field(repr=False)


class RemotePlan(NamedTuple):
    """What an SDP exchange settled for a leg.

    `remote` None: no address to send to. `codec` is the number of what we send under `payload_type`; `receives` maps
    incoming payload types to codec numbers, `TELEPHONE_EVENT` among them; `lingers` those of before, or of an offer
    under way, which have no meaning in it and are received for a short while yet. `renewed`: the remote is not the one
    of the SDP before, so what has been learnt of that one's real address counts no more. `elsewhere`: the SDP came from
    another place than the one before, so that another real address may be learnt. `may_receive` False: the
    direction says that nothing comes from the leg, so what does is not passed on. `keying` None: plain RTP.
    `noise_payload_type`: what comfort noise is sent under, None where the leg takes none. `ptime_ms`: how much audio
    each packet to the leg carries. `dtmf_clock_rate_hz`: what the durations of the telephone-events sent to it count.
    """

    remote: Address | None
    control: Address | None
    codec: int
    payload_type: int
    dtmf_payload_type: int | None
    receives: tuple[tuple[int, int], ...]
    may_send: bool
    on_hold: bool
    renewed: bool
    may_receive: bool = True
    keying: Keying | None = None
    noise_payload_type: int | None = None
    ptime_ms: int = 20
    dtmf_clock_rate_hz: int = CLOCK_RATE_HZ
    lingers: tuple[tuple[int, int], ...] = ()
    elsewhere: bool = False

    @property
    def clock_rate_hz(self) -> int:
        """What the RTP timestamps sent to the leg count."""
        codec = BY_NUMBER.get(self.codec)
        return CLOCK_RATE_HZ if codec is None else codec.clock_rate_hz


@dataclass(frozen=True, slots=True)
class PlaybackPlan:
    """A tone for a leg. `overrides`: relayed audio is left out until its end; otherwise it gives way to it."""

    tone: Tone
    overrides: bool


class StreamFigures(NamedTuple):
    """What a stream has done so far; `dropped` by reason.

    Loss and jitter are of what the leg sent; the `far_` ones are what its RTCP says of what we sent.
    """

    packets_sent: int
    octets_sent: int
    packets_received: int
    packets_lost: int
    jitter_ms: float
    round_trip_ms: float | None
    far_lost: int | None
    far_jitter_ms: float | None
    dropped: Mapping[str, int]


@dataclass(slots=True, eq=False)
class SocketPair:
    """A bound, non-blocking pair: RTP on the even `port`, RTCP on the next. `kept`: the packet path has it, open, and
    no stream is over it."""

    rtp: socket.socket
    rtcp: socket.socket
    port: int
    kept: bool = False


class PacketPath(Protocol):
    """Relays, plays and counts in a thread of its own. `stream` is what `open` returned. All of it but `send_audio`
    is called on one thread, the event loop's, and never waits for the packet thread."""

    def start(self) -> None:
        """Begin to work; commands given earlier wait until then."""
        ...

    def close(self) -> None:
        """Stop, close all sockets, kept ones too; harmless when it is closed."""
        ...

    def open(self, plan: StreamPlan, sockets: SocketPair) -> int:
        """Take over a pair of sockets, which stays as it was when this fails. Nothing is accepted before the first
        `set_remote`, and what came for an earlier stream of the pair never is."""
        ...

    def set_remote(self, stream: int, plan: RemotePlan) -> None:
        """Apply what an SDP exchange settled; the leg is expected to send from now on."""
        ...

    def expect(self, stream: int) -> None:
        """The leg has reason to send from now on, as where its call is answered: behind NAT it may show its real
        address for a while once more, unless it has."""
        ...

    def play(self, stream: int, plan: PlaybackPlan) -> None:
        """Start a tone in place of the one being played."""
        ...

    def stop_playing(self, stream: int) -> None:
        """Stop the tone."""
        ...

    def send_digit(self, stream: int, digit: str, duration_ms: int) -> None:
        """Send a leg one of "0123456789*#ABCD" (ValueError for others) in place of relayed audio and tones, each after
        those before it: as one telephone-event (RFC 4733) where the leg takes them, in the audio where it does not.
        Below 60 ms it lasts 60 ms, above 8 s that long; digits beyond 32 that wait are dropped and counted."""
        ...

    def relay(self, source: int, sink: int) -> None:
        """One way, from the source's next packet on; the sink's tone gives way to the first."""
        ...

    def bridge(self, first: int, second: int) -> None:
        """Both ways; tones stop, and both are expected to send."""
        ...

    def set_tap(self, stream: int, channel: int, tap: Tap | None) -> None:
        """Copy the stream's incoming audio to a recorder, or stop doing so."""
        ...

    def set_converter(self, source: int, converter: Converter | None, *, whole: bool = False) -> None:
        """Hand the stream's audio to a converter where no byte table makes it the sink's codec, or to none. `whole`:
        all of it, whatever its codec, as where something is mixed into it."""
        ...

    def set_listener(self, stream: int, listener: Converter | None) -> None:
        """Copy what the stream sends to who listens to it, wherever its audio goes, or stop doing so."""
        ...

    def set_fork(self, stream: int, fork: Converter | None) -> None:
        """The same for who passes it on to others: a place of its own."""
        ...

    def send_audio(self, sink: int, source: int, codec: int, frames: Sequence[Frame]) -> None:
        """Send what the source's converter made of its audio, as relayed audio is sent. May be called on any thread,
        and is harmless for streams that are closed or not joined any more, and when `codec` is the sink's no more.

        `frames`: the RTP timestamps are on one continuous timeline of the converter's own, in the clock of the sink's
        codec; each carries a whole packet.
        """
        ...

    def close_stream(self, stream: int, closed: Callable[[], None], keep: bool = False) -> StreamFigures:
        """Say BYE in RTCP, close the sockets, then call `closed` on the caller's thread. Returns the last figures.

        `keep`: leave them open for another stream instead; the pair is `kept` then, unless that could not be."""
        ...

    def after(self, callback: Callable[[], None]) -> None:
        """Call back on the caller's thread once every earlier command has taken effect."""
        ...

    def figures(self, stream: int) -> StreamFigures:
        """What a stream has done so far."""
        ...

    def counters(self) -> Mapping[str, float]:
        """Totals over all streams since the start."""
        ...
