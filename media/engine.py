"""The media engine: legs opened, negotiated, bridged, played to, recorded and closed, by name.

Everything here runs on the event loop's thread and returns at once; packets are the packet path's business.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Protocol

from media.bridge import BridgeRecorder, RecordedBridges
from media.codecs.table import CLOCK_RATE_HZ
from media.conversions import JoinedStreams
from media.errors import MediaError, UnknownLeg
from media.events import HoldChanged, MediaEvent, RecordingFailed, RecordingFinished, RemoteMoved
from media.forking.forks import Ear, Forks, Take
from media.forking.seats import Mode, Seat, SeatLine
from media.heard_keys import HeardKeys
from media.leg import LegProfile, MediaLeg, Negotiated
from media.leg_keys import LegKeys
from media.packet_path.interface import (
    Address,
    PacketPath,
    PlaybackPlan,
    RemotePlan,
    SocketPair,
    StreamPlan,
    Timeouts,
    Watch,
)
from media.packet_path.protection import available_suites
from media.packet_paths import AUTO, new_packet_path, new_queue_for
from media.player import Player
from media.ports import KEPT_MAX, Ports, is_of_this_machine
from media.reach import Reach
from media.sdp.negotiate import OFF
from media.statistics import LegStatistics, leg_statistics
from media.tones import Tone
from media.transcoding.transcoder import Transcoder

_NOTHING: Final = LegStatistics()
_OF_RECORDINGS: Final = (RecordingFinished, RecordingFailed)


class TokenSource(Protocol):
    """Unpredictable values."""

    def hex(self, digits: int) -> str:
        """A string of `digits` lowercase hexadecimal digits."""
        ...

    def integer(self, bits: int) -> int:
        """An integer of 0 .. 2**bits - 1."""
        ...


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """`address`: where RTP is received; `advertise`: what SDP says instead when it is not empty. `address_ipv6` and
    `advertise_ipv6`: the same for the legs of peers over IPv6; where the first is empty, `address` is for all legs.

    `ports`: first and last of the range. Timeouts: seconds without anything from a leg before `MediaLost`.
    `kept_pairs_max`: port pairs of each address that stay open though no leg has them. `dscp`: how RTP and RTCP are
    marked (RFC 2474), 0 to 63.
    `packet_path`: one of `media.packet_paths.CHOICES`. `own_peers`: legs may be each other's peers, as where both ends
    of a call are simulated; otherwise no SDP may name our own ports.
    """

    address: str
    advertise: str = ""
    address_ipv6: str = ""
    advertise_ipv6: str = ""
    ports: tuple[int, int] = (20_000, 29_999)
    port_rest_s: float = 30.0
    kept_pairs_max: int = KEPT_MAX
    dscp: int = 0
    timeout_early_s: float = 30.0
    timeout_s: float = 45.0
    timeout_hold_s: float = 300.0
    packet_path: str = AUTO
    own_peers: bool = False


@dataclass(slots=True)
class _OpenLeg:
    leg: MediaLeg
    stream: int
    ports: Ports
    pair: SocketPair
    settled: bool = False
    on_hold: bool = False
    target: Address | None = None  # the newest that the far end has named; on hold it may name none


class MediaEngine:
    """All media legs. Legs that are to hear each other have names that are alike up to the last "/": the call's. A leg
    that is not open: UnknownLeg, but for `close_leg`."""

    def __init__(
        self,
        settings: MediaSettings,
        tokens: TokenSource,
        clock: Callable[[], float],
        on_event: Callable[[MediaEvent], None],
        recorder: BridgeRecorder | None,
        poster: Callable[[Callable[[], None]], object],
        path: PacketPath | None = None,
        soon: Callable[[Callable[[], None]], object] | None = None,
        prompts: Iterable[Tone] = (),
        transcoder: Transcoder | None = None,
        watch: Watch | None = None,
    ) -> None:
        """`clock`: monotonic seconds. `poster`: runs a callable on the loop's thread, from any thread
        (`loop.call_soon_threadsafe`). `on_event` is called there. `soon`: see `PythonPacketPath`.
        `prompts` take the place of the tones that they are called like. `transcoder`: one that has no thread of its
        own. `watch`: how the packet path in C tells the loop; without it there is the one in Python."""
        self._settings = settings
        self._advertised = settings.advertise or settings.address
        self._tokens = tokens
        self._on_event = on_event
        self._timeouts = Timeouts(settings.timeout_early_s, settings.timeout_s, settings.timeout_hold_s)
        self._ports = self._ports_on(settings.address, clock)
        self._ports_ipv6 = self._ports_on(settings.address_ipv6, clock) if settings.address_ipv6 else None
        self._path = (
            new_packet_path(settings.packet_path, clock, self._deliver, poster, watch, soon) if path is None else path
        )
        if transcoder is None:
            self._transcoder = Transcoder(clock, self._path.send_audio, new_queue=new_queue_for(self._path))
        else:
            self._transcoder = transcoder
        self._joined = JoinedStreams(self._path, self._transcoder, threaded=transcoder is None)
        self._heard_keys = HeardKeys(
            self._path,
            self._transcoder,
            lambda event: poster(lambda: self._deliver(event)),
            threaded=transcoder is None,
        )
        self._forks = Forks(
            self._path, clock, poster, new_queue_for(self._path), self._joined, threaded=transcoder is None
        )
        self._recordings = RecordedBridges(self._path, recorder, clock)
        self._player = Player(prompts)
        self._suites = available_suites()
        own = (settings.address, settings.advertise, settings.address_ipv6, settings.advertise_ipv6)
        self._reach = None if settings.own_peers else Reach(own, self._holds_port, is_of_this_machine, self._media_legs)
        self._legs: dict[str, _OpenLeg] = {}
        self._opened = 0
        self._closed = False

    def _holds_port(self, port: int) -> bool:
        return self._ports.holds(port) or (self._ports_ipv6 is not None and self._ports_ipv6.holds(port))

    def _media_legs(self) -> Iterable[MediaLeg]:
        return [found.leg for found in self._legs.values()]

    def start(self) -> None:
        """Start the packet path's thread."""
        self._path.start()

    def close(self) -> None:
        """Stop the thread and close all sockets; waits for the packets in hand. Harmless when closed."""
        self._closed = True
        self._legs.clear()
        self._forks.close()
        self._transcoder.close()
        self._path.close()
        for ports in self._all_ports():
            ports.close()

    def open_ahead(self, pairs: int) -> int:
        """Open up to so many port pairs for legs to come, where there is nothing better to do: how many it has opened.
        0 when enough are open, or the engine is closed."""
        if self._closed:
            return 0
        return sum(ports.open_ahead(pairs) for ports in self._all_ports())

    def ports_left(self) -> int:
        """How many legs can be opened now, whatever their peers talk over."""
        return min([ports.left() for ports in self._all_ports()])

    def open_leg(self, leg: str, profile: LegProfile) -> None:
        """Bind a port pair for a leg; PortsExhausted, MediaOverloaded. ValueError when the leg is open."""
        if leg in self._legs:
            raise ValueError(f"the media leg {leg} is open")
        tokens = self._tokens
        ssrc = tokens.integer(32)
        # With SRTP the first wrap must not come before the far end has heard us (RFC 3711 section 3.3.1).
        sequence = tokens.integer(16 if profile.srtp == OFF else 15)
        timestamp, cname, group = tokens.integer(32), tokens.hex(24), leg.rpartition("/")[0]
        plan = StreamPlan(leg, ssrc, sequence, timestamp, cname, profile.nat, profile.networks(), self._timeouts, group)
        ports, advertised = self._ports, self._advertised
        if profile.ipv6 and self._ports_ipv6 is not None:
            ports, advertised = self._ports_ipv6, self._settings.advertise_ipv6 or self._settings.address_ipv6
        sockets = ports.open_pair()
        handed_over = False
        try:
            stream = self._path.open(plan, sockets)
            handed_over = True
        finally:
            if not handed_over:
                ports.release(sockets)
        keys = LegKeys(self._suites, self._new_key) if profile.srtp != OFF else None
        media_leg = MediaLeg(leg, profile, advertised, sockets.port, tokens.integer(62), keys, self._reach)
        self._legs[leg] = _OpenLeg(media_leg, stream, ports, sockets)
        self._opened += 1
        if profile.key_tones:
            self._listen(leg, stream)

    def _listen(self, leg: str, stream: int) -> None:
        try:
            self._heard_keys.begin(stream, leg)
        except MediaError:
            self.close_leg(leg)
            raise

    def offer(self, leg: str, prefer: str | None = None) -> bytes:
        """Our SDP offer: the profile's codecs in order, `prefer` first where the profile has it. From now on all of
        them are received, for a while."""
        found = self._find(leg)
        offer = found.leg.offer(prefer)
        wider = found.leg.until_answered()
        # Where it does not keep up, what comes before the answer is missed as other packets are.
        with suppress(MediaError):
            if wider is not None:
                self._path.set_remote(found.stream, wider)
        return offer

    def apply_answer(
        self, leg: str, sdp: bytes, early: bool = False, *, refreshes: bool = False, elsewhere: bool = False
    ) -> Negotiated:
        """Take the SDP answer of a provisional (`early`) or final response; UnusableSdp and MediaOverloaded leave what
        was before.

        The answer of the final response replaces an early one; an early one that comes after it changes nothing.
        `refreshes`: what it answers is our last description, offered once more, and no offer of its own. `elsewhere`:
        as for an offer.
        """
        found = self._find(leg)
        if early and found.settled and found.leg.negotiated is not None:
            return found.leg.negotiated
        following = found.leg.twin()
        plan = following.apply_answer(sdp, refreshes=refreshes)
        self._settle(found, following, plan, elsewhere)
        found.settled = found.settled or not early
        assert found.leg.negotiated is not None
        return found.leg.negotiated

    def answer_offer(self, leg: str, sdp: bytes, *, early: bool = False, elsewhere: bool = False) -> bytes:
        """Answer the far end's offer (RFC 3264), hold included; UnusableSdp and MediaOverloaded leave what was
        before. `early`: it is of one fork of several, and an early answer of another is still to be taken. `elsewhere`:
        it came from another address than the description before."""
        found = self._find(leg)
        following = found.leg.twin()
        answer, plan = following.answer_offer(sdp)
        self._settle(found, following, plan, elsewhere)
        found.settled = found.settled or not early
        return answer

    def _settle(self, found: _OpenLeg, following: MediaLeg, plan: RemotePlan, elsewhere: bool) -> None:
        if elsewhere and following.learns_address:
            plan = plan._replace(elsewhere=True)
        self._path.set_remote(found.stream, plan)
        found.leg = following
        assert following.negotiated is not None
        self._joined.settled(found.stream, following.negotiated)
        self._forks.settled(following.name.rpartition("/")[0])
        if plan.on_hold is not found.on_hold:
            found.on_hold = plan.on_hold
            self._on_event(HoldChanged(following.name, plan.on_hold))
        if plan.remote is not None:
            moved = found.target not in (None, plan.remote)
            found.target = plan.remote
            if moved:
                self._on_event(RemoteMoved(following.name))

    def expect(self, leg: str) -> None:
        """The far end has been told where to send, or that its call is answered, since its SDP came: see
        `PacketPath.expect`."""
        found = self._find(leg)
        if found.leg.learns_address:
            self._path.expect(found.stream)

    def answer(self, leg: str) -> bytes:
        """The last answer given on a leg once more, for a response that repeats it; ValueError when there is none."""
        return self._find(leg).leg.answer()

    def codec(self, leg: str) -> str | None:
        """The name of the codec that the leg's last offer and answer settled, None before the first."""
        return self._find(leg).leg.codec

    def takes_events(self, leg: str) -> bool:
        """Whether the leg's last offer and answer settled a payload type for telephone-event."""
        negotiated = self._find(leg).leg.negotiated
        return negotiated is not None and negotiated.dtmf_payload_type is not None

    def play(self, leg: str, tone: str, *, alone: bool = False) -> None:
        """Let a leg hear "ringback", "busy", "congestion", "unreachable", "balance_warning", "silence" or the
        announcement "unknown_caller" (ValueError for others) in place of what is being played to it. Those but ringback
        and silence end by themselves with `PlaybackFinished` and replace relayed audio meanwhile; these two give way to
        it, unless they are to be heard `alone`."""
        plan = self._player.plan(tone)
        self._path.play(self._find(leg).stream, replace(plan, overrides=True) if alone else plan)

    def lasts_s(self, tone: str) -> float | None:
        """Seconds until what `play` plays ends by itself; None where it does not."""
        planned = self._player.plan(tone).tone
        return None if planned.endless else planned.samples / CLOCK_RATE_HZ

    def play_prompt(self, leg: str, prompt: Tone, *, gives_way: bool = False) -> None:
        """The same with a prompt of the caller's own; it replaces relayed audio, or gives way to it."""
        self._path.play(self._find(leg).stream, PlaybackPlan(prompt, overrides=not gives_way))

    def stop_playing(self, leg: str) -> None:
        """Stop the leg's tone; harmless when there is none."""
        self._path.stop_playing(self._find(leg).stream)

    def send_digit(self, leg: str, digit: str, duration_ms: int) -> None:
        """Send a leg a digit in place of the audio; see `PacketPath.send_digit`."""
        self._path.send_digit(self._find(leg).stream, digit, duration_ms)

    def relay_early(self, source: str, sink: str) -> None:
        """Let `sink` hear `source`, from its first packet on; until then the sink keeps its tone."""
        from_stream, to_stream = self._find(source).stream, self._find(sink).stream
        self._joined.join(from_stream, to_stream)
        self._path.relay(from_stream, to_stream)

    def bridge(self, a: str, b: str) -> None:
        """Join two legs both ways; their tones stop."""
        first, second = self._find(a).stream, self._find(b).stream
        self._joined.join(first, second)
        self._joined.join(second, first)
        self._path.bridge(first, second)

    def record(self, a: str, b: str, call_id: str, path: str) -> None:
        """Record both legs from now, `a` on the left channel, into the relative `path`; nothing without a recorder."""
        self._recordings.start(call_id, path, (self._find(a).stream, self._find(b).stream))

    def stop_recording(self, call_id: str) -> None:
        """End a recording now; its event comes from the recorder. Harmless when there is none."""
        self._recordings.stop(call_id)

    def pause_recording(self, call_id: str) -> None:
        """Leave both legs out of a recording from now on, as silence, and let no ear hear them. Harmless when there is
        neither."""
        self._recordings.pause(call_id)
        self._forks.pause(call_id)

    def resume_recording(self, call_id: str) -> None:
        """Record both legs again from now on, and let ears hear them. Harmless when it is not paused."""
        self._recordings.resume(call_id)
        self._forks.resume(call_id)

    def listen_in(self, a: str, b: str, rate_hz: int, take: Take, *, muted: bool = False) -> Ear:
        """Let both legs of a call be heard from now on, as frames of 20 ms of 8000 or 16000 samples a second, until
        `listen_no_more` or until one of them closes; nothing they send or get is touched. MediaOverloaded. `muted`:
        until `resume_recording`."""
        streams = self._find(a).stream, self._find(b).stream
        return self._forks.listen(a.rpartition("/")[0], streams, rate_hz, take, muted=muted)

    def sit(self, a: str, b: str, line: SeatLine, codec: str, payload_type: int, mode: Mode) -> Seat:
        """Let a supervisor take part in a call, over plain RTP of "PCMA", "PCMU" or "opus", until `leave` or until a
        leg closes. What the parties hear and say is relayed as ever but while they are spoken to. MediaOverloaded,
        TooManySupervisors."""
        streams = self._find(a).stream, self._find(b).stream
        tokens = self._tokens
        numbers = tokens.integer(32), tokens.integer(16), tokens.integer(32)
        seat = Seat(a.rpartition("/")[0], line, codec, payload_type, mode, numbers)
        self._forks.sit(seat, streams)
        return seat

    def leave(self, seat: Seat) -> None:
        """A supervisor takes part no more; harmless when the call is over."""
        self._forks.leave(seat)

    def is_heard(self, call_id: str) -> bool:
        """Whether a call has an ear."""
        return self._forks.hears(call_id)

    def listen_no_more(self, ear: Ear) -> None:
        """Take an ear off; harmless when it is off."""
        self._forks.stop(ear)

    def statistics(self, leg: str) -> LegStatistics:
        """The leg's figures as they are now."""
        found = self._find(leg)
        return leg_statistics(self._path.figures(found.stream), found.leg.codec)

    def close_leg(self, leg: str) -> LegStatistics:
        """Close a leg and give its last figures (empty ones when it is not open); its ports come back after a rest."""
        found = self._legs.pop(leg, None)
        if found is None:
            return _NOTHING
        self._joined.closed(found.stream)
        self._heard_keys.end(found.stream)
        self._forks.forget(leg.rpartition("/")[0])
        pair, ports = found.pair, found.ports
        figures = self._path.close_stream(found.stream, lambda: ports.release(pair), ports.keep(pair))
        return leg_statistics(figures, found.leg.codec)

    def counters(self) -> Mapping[str, float]:
        """Totals for metrics."""
        return {
            "legs": len(self._legs),
            "legs_opened": self._opened,
            "ports_left": self.ports_left(),
            **self._path.counters(),
            **self._transcoder.counters(),
            **self._forks.counters(),
        }

    def _ports_on(self, address: str, clock: Callable[[], float]) -> Ports:
        settings = self._settings
        first, last = settings.ports
        start = self._tokens.integer(16)
        return Ports(address, first, last, settings.port_rest_s, clock, start, settings.kept_pairs_max, settings.dscp)

    def _all_ports(self) -> tuple[Ports, ...]:
        return (self._ports,) if self._ports_ipv6 is None else (self._ports, self._ports_ipv6)

    def _new_key(self, length: int) -> bytes:
        return bytes.fromhex(self._tokens.hex(2 * length))

    def _find(self, leg: str) -> _OpenLeg:
        found = self._legs.get(leg)
        if found is None:
            raise UnknownLeg(f"no media leg {leg} is open")
        return found

    def _deliver(self, event: MediaEvent) -> None:
        # What a leg did just before it was closed is of no interest any more.
        if isinstance(event, _OF_RECORDINGS) or event.leg in self._legs:
            self._on_event(event)
