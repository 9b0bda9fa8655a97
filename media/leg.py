"""One media leg as the control plane sees it: its profile, its offer/answer state, what follows for the packet path."""

import ipaddress
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from media.codecs.opus import NO_WISHES, OpusWishes
from media.codecs.table import BY_NAME, CLOCK_RATE_HZ, COMFORT_NOISE, OPUS, TELEPHONE_EVENT, TELEPHONE_EVENT_48000
from media.errors import UnusableSdp
from media.leg_keys import LegKeys
from media.packet_path.interface import Address, Keying, RemotePlan
from media.reach import Reach
from media.sdp.crypto import CryptoLine
from media.sdp.description import SENDRECV, Media, Origin
from media.sdp.negotiate import (
    AVP,
    OFF,
    REQUIRED,
    SAVP,
    SRTP_POLICIES,
    Format,
    Local,
    Remote,
    answer_local,
    answer_sections,
    audio_section,
    offered_formats,
    read_answer,
    read_offer,
)
from media.sdp.session import parse_description, render_description

DYNAMIC_PAYLOAD_TYPES: Final = range(96, 128)
PTIMES_MS: Final = (10, 20, 30, 40, 50, 60)

_VERSION_START: Final = 1
_DTMF: Final = "telephone-event"
_OPUS_DTMF: Final = "telephone-event/48000"
_NOISE: Final = "CN"  # never offered, but its number is taken
_CACHED_TABLES: Final = 256  # of payload types: they follow from the profiles and from what peers always say


@dataclass(frozen=True, slots=True)
class LegProfile:
    """How a trunk wants its media: codecs in order of preference, packet time (10 to 60 ms in steps of 10: what we
    ask for, and send to who asks for nothing else), payload type of telephone-event.

    `nat`: its SDP address may not be where its RTP comes from, so the first is latched. `media_networks`: addresses or
    networks its RTP may come from besides the SDP's address. `srtp`: "off", "optional" or "required". `ipv6`: its peer
    is talked to over IPv6. `key_tones`: keys are listened for in its audio. `loopback`: its peer is on loopback, so
    that its SDP may name it. ValueError for what cannot be.
    """

    codecs: tuple[str, ...] = ("PCMA", "PCMU")
    ptime_ms: int = 20
    dtmf_payload_type: int = 101
    nat: bool = False
    media_networks: tuple[str, ...] = ()
    srtp: str = OFF
    ipv6: bool = False
    key_tones: bool = False
    loopback: bool = False

    def __post_init__(self) -> None:
        unknown = [name for name in self.codecs if name not in BY_NAME]
        if unknown or not self.codecs:
            raise ValueError(f"codecs must be some of {', '.join(BY_NAME)}")
        if self.dtmf_payload_type not in DYNAMIC_PAYLOAD_TYPES:
            raise ValueError("dtmf_payload_type must be 96..127")
        if self.srtp not in SRTP_POLICIES:
            raise ValueError(f"srtp must be one of {', '.join(SRTP_POLICIES)}")
        if self.ptime_ms not in PTIMES_MS:
            raise ValueError(f"ptime_ms must be one of {', '.join(map(str, PTIMES_MS))}")

    def networks(self) -> tuple[tuple[int, int, int], ...]:
        """`media_networks` as (IP version, first, last)."""
        return _ranges(self.media_networks) if self.media_networks else ()


class Negotiated(NamedTuple):
    """What an SDP answer settled, from our side. `remote` None: the far end is on hold without an address. `ptime_ms`:
    how much audio we send it in a packet. `wishes`: what it asks of who sends it Opus. `codecs`: all that
    it may send."""

    codec: str
    payload_type: int
    dtmf_payload_type: int | None
    remote: Address | None
    direction: str
    ptime_ms: int
    wishes: OpusWishes = NO_WISHES
    codecs: tuple[str, ...] = ()


_NOT_OFFERED: Final = Local(0, (), None, 0)
"""In place of our side of a stream before its first offer, which an answer to another's never needs."""


class _Offer(NamedTuple):
    """An offer of ours, and what of the leg it stood on; not the version, which only ever goes up."""

    local: Local
    sent: tuple[Media, ...]
    position: int
    protocol: str
    numbers: dict[str, int]


class MediaLeg:
    """Offer/answer of one leg (RFC 3264). A description that cannot be used leaves everything as it was.

    `reach`: where its media may be sent; None: anywhere. `keys`: our SRTP keys; needed unless the profile's `srtp` is
    off. An optional SRTP is offered as a=crypto in one RTP/AVP section (RFC 8643): who knows nothing of it answers as
    ever, whereas two sections or RTP/SAVP alone would be refused or misread.
    """

    def __init__(
        self,
        name: str,
        profile: LegProfile,
        address: str,
        port: int,
        session_id: int,
        keys: LegKeys | None = None,
        reach: Reach | None = None,
    ) -> None:
        if profile.srtp != OFF and keys is None:
            raise ValueError("a leg with SRTP needs keys")
        self.name = name
        self.profile = profile
        self.port = port
        self._address = address
        self._reach = reach
        self._session_id = session_id
        self._version = _VERSION_START
        self._sent: tuple[Media, ...] | None = None
        self._prefer: str | None = None
        # Payload types of answers we gave stay what they are for the session (RFC 3264 section 8.3.2).
        self._numbers: dict[str, int] = {}
        self._answer: bytes | None = None
        self._keys = keys if profile.srtp != OFF else None
        self._protocol = SAVP if profile.srtp == REQUIRED else AVP
        self._local = _NOT_OFFERED
        # Where our audio section stands among those of earlier descriptions; the others stay refused.
        self._position = 0
        self._offer: _Offer | None = None  # our newest
        self._described: Address | None = None  # where the newest description that named an address had its media
        self._received: tuple[tuple[int, int], ...] = ()  # what may have been sent so far, by its payload types
        self._plan: RemotePlan | None = None  # what the last exchange settled
        self.negotiated: Negotiated | None = None

    def twin(self) -> "MediaLeg":
        """A leg that stands where this one does: what is settled on one is nothing to the other."""
        twin = MediaLeg.__new__(MediaLeg)
        twin.__dict__.update(self.__dict__)  # copy() gives the same for five times the work
        if self._keys is not None:
            twin._keys = self._keys.twin()
        return twin

    @property
    def host(self) -> str:
        """The address our SDP says."""
        return self._address

    @property
    def learns_address(self) -> bool:
        """Whether it sends to where packets come from, whatever the SDP says."""
        return self.profile.nat

    @property
    def remote(self) -> Address | None:
        """Where it sends, as the last offer and answer settled it."""
        return None if self.negotiated is None else self.negotiated.remote

    @property
    def codec(self) -> str | None:
        """The name of the codec in use."""
        return self.negotiated.codec if self.negotiated is not None else None

    def offer(self, prefer: str | None) -> bytes:
        """Our full offer; `prefer`, where given, is remembered for later ones."""
        if prefer is not None:
            self._prefer = prefer
        self._local = self._offered()
        ours = audio_section(self._local)
        sections = [ours] if self._sent is None else list(self._sent)
        sections[self._position] = ours
        offer = self._render(tuple(sections))
        self._offer = _Offer(self._local, tuple(sections), self._position, self._protocol, self._numbers)
        return offer

    def until_answered(self) -> RemotePlan | None:
        """What was settled last, with what our offer under way may bring already (section 5.1); None: there is nothing
        to add to it."""
        if self._plan is None:
            return None
        local = self._local
        offered = _receives(local.formats, (local.dtmf_payload_type,), (local.opus_dtmf_payload_type,), None)
        lingers = _lingering(offered, self._plan.receives)
        if not lingers:
            return None
        self._received = self._plan.receives + lingers
        return self._plan._replace(renewed=False, lingers=lingers)

    def apply_answer(self, sdp: bytes, *, refreshes: bool = False) -> RemotePlan:
        """Take the answer to our newest offer, or where it `refreshes` to our last description; UnusableSdp.

        Each fork answers the offer that the INVITE made, whatever another one has changed meanwhile in its own dialog.
        """
        offer = self._offer
        if self._local is _NOT_OFFERED:
            self._local = self._offered()
        if not refreshes and offer is not None and offer.local is not self._local:
            self._local, self._sent, self._position, self._protocol, self._numbers = offer
        remote, accepted = read_answer(parse_description(sdp), self._local, self.profile.srtp, self._position)
        remote = self._reachable(remote)
        return self._settle(remote, self._local, remote.formats[0].codec, accepted)

    def answer_offer(self, sdp: bytes) -> tuple[bytes, RemotePlan]:
        """Answer the far end's offer; UnusableSdp."""
        description = parse_description(sdp)
        profile, keys = self.profile, self._keys
        position, remote = read_offer(
            description, profile.codecs, profile.ptime_ms, profile.srtp, keys.suites if keys is not None else ()
        )
        remote = self._reachable(remote)
        local = answer_local(remote, self.codec, profile.codecs, self.port, profile.ptime_ms)
        answering = None
        if keys is not None and remote.crypto is not None:
            answering = keys.answering(remote.crypto)
            local = local._replace(crypto=(answering,))
        self._local, self._position, self._protocol = local, position, remote.protocol
        self._numbers = _with_numbers_of(local, self._numbers)
        plan = self._settle(remote, local, local.formats[0].codec, answering)
        self._answer = self._render(answer_sections(description, position, local))
        return self._answer, plan

    def answer(self) -> bytes:
        """The last answer we gave, byte for byte; ValueError when there is none."""
        if self._answer is None:
            raise ValueError(f"no offer of the media leg {self.name} has been answered")
        return self._answer

    def _offered(self) -> Local:
        profile = self.profile
        formats, dtmf, opus_dtmf = _numbered(
            profile.codecs, self._prefer, profile.dtmf_payload_type, tuple(self._numbers.items())
        )
        crypto = () if self._keys is None else self._keys.offered()
        return Local(self.port, formats, dtmf, profile.ptime_ms, SENDRECV, self._protocol, crypto, None, opus_dtmf)

    def _reachable(self, remote: Remote) -> Remote:
        """`remote`, without an RTCP address that nothing may be sent to; UnusableSdp where its media cannot be sent."""
        if remote.address is None:
            return remote
        if (":" in remote.address) != (":" in self._address):
            raise UnusableSdp("the SDP's address is of the other IP version than ours")
        if self._reach is None:
            return remote
        own = self._reach.check(remote.address, remote.port, loopback=self.profile.loopback, leg=self)
        beside = (remote.control_address, remote.control_port) == (remote.address, remote.port + 1)
        if beside:
            return remote._replace(address=own, control_address=own)
        remote = remote._replace(address=own)
        if remote.control_address is None:
            return remote
        try:
            self._reach.check(remote.control_address, remote.control_port, loopback=self.profile.loopback)
        except UnusableSdp:
            return remote._replace(control_address=None)
        return remote

    def _settle(self, remote: Remote, local: Local, codec: str, ours: CryptoLine | None) -> RemotePlan:
        codecs = tuple([entry.codec for entry in remote.formats])
        payload_type = remote.formats[codecs.index(codec)].payload_type
        target = None if remote.address is None else (remote.address, remote.port)
        control = None if remote.control_address is None else (remote.control_address, remote.control_port)
        renewed = target is not None and target != self._described
        self._described = target or self._described
        dtmf, dtmf_clock_rate_hz = remote.dtmf_beside(codec)
        receives = _receives(
            local.formats + remote.formats,
            (local.dtmf_payload_type, remote.dtmf_payload_type),
            (local.opus_dtmf_payload_type, remote.opus_dtmf_payload_type),
            local.noise_payload_type,
        )
        # From another address only who knows the new formats sends.
        lingers = () if renewed else _lingering(self._received, receives)
        self._received = receives
        self.negotiated = Negotiated(
            codec,
            payload_type,
            dtmf,
            target,
            remote.direction,
            remote.ptime_ms,
            remote.wishes,
            codecs,
        )
        narrow = BY_NAME[codec].clock_rate_hz == CLOCK_RATE_HZ
        if self._keys is not None:
            self._keys.settled(ours)
        keying = None
        if ours is not None and remote.crypto is not None:
            keying = Keying(ours.suite, ours.master, remote.crypto.master)
        # Comfort noise is never offered, so an answer cannot bring it in.
        noise = None if local.noise_payload_type is None or not narrow else remote.noise_payload_type
        self._plan = RemotePlan(
            target,
            control,
            BY_NAME[codec].number,
            payload_type,
            dtmf,
            receives,
            remote.may_send,
            remote.on_hold,
            renewed,
            remote.may_receive,
            keying,
            noise,
            remote.ptime_ms,
            dtmf_clock_rate_hz,
            lingers,
        )
        return self._plan

    def _render(self, sections: tuple[Media, ...]) -> bytes:
        """Our description; its version is one more only where something else in it has changed (section 8)."""
        if self._sent is not None and sections != self._sent:
            self._version += 1
        self._sent = sections
        origin = Origin("-", str(self._session_id), str(self._version), self._address)
        return render_description(origin, self._address, sections)


@lru_cache(maxsize=_CACHED_TABLES)
def _ranges(networks: tuple[str, ...]) -> tuple[tuple[int, int, int], ...]:
    """Networks as (IP version, first, last)."""
    parsed = (ipaddress.ip_network(text, strict=False) for text in networks)
    return tuple((net.version, int(net.network_address), int(net.broadcast_address)) for net in parsed)


def _with_numbers_of(local: Local, before: Mapping[str, int]) -> dict[str, int]:
    """What the payload types of a description stand for, and those `before` that it has given no other meaning."""
    numbers = {entry.codec: entry.payload_type for entry in local.formats}
    others = (
        (_DTMF, local.dtmf_payload_type),
        (_OPUS_DTMF, local.opus_dtmf_payload_type),
        (_NOISE, local.noise_payload_type),
    )
    numbers.update((name, number) for name, number in others if number is not None)
    taken = set(numbers.values())
    return {name: number for name, number in before.items() if number not in taken} | numbers


@lru_cache(maxsize=_CACHED_TABLES)
def _numbered(
    codecs: tuple[str, ...], prefer: str | None, dtmf: int, settled: tuple[tuple[str, int], ...]
) -> tuple[tuple[Format, ...], int, int | None]:
    """The formats of an offer and the payload types of telephone-event, at 8000 Hz and beside Opus: those `settled` by
    an answer of ours, and for the others the usual ones, or free ones where those have been settled otherwise."""
    numbers = dict(settled)
    formats = offered_formats(codecs, prefer)
    taken = set(numbers.values())
    if numbers:
        usual = {entry.payload_type for entry in formats}
        for entry in formats:
            number = entry.payload_type if entry.payload_type not in taken else _free(taken | usual)
            taken.add(numbers.setdefault(entry.codec, number))
        formats = tuple([entry._replace(payload_type=numbers[entry.codec]) for entry in formats])
    taken |= {entry.payload_type for entry in formats}
    dtmf = numbers.get(_DTMF, _free(taken) if dtmf in taken else dtmf)
    opus_dtmf = None
    if any(BY_NAME[entry.codec].number == OPUS for entry in formats):
        opus_dtmf = numbers.get(_OPUS_DTMF) or _free({*taken, dtmf})
    return formats, dtmf, opus_dtmf


def _free(taken: AbstractSet[int | None]) -> int:
    """The first dynamic payload type that is not taken."""
    return next(number for number in DYNAMIC_PAYLOAD_TYPES if number not in taken)


@lru_cache(maxsize=_CACHED_TABLES)
def _lingering(before: tuple[tuple[int, int], ...], now: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Those of `before` whose payload types have no meaning now (section 8.3.2)."""
    taken = dict(now)
    return tuple([entry for entry in before if entry[0] not in taken])


@lru_cache(maxsize=_CACHED_TABLES)
def _receives(
    formats: tuple[Format, ...],
    dtmf_payload_types: tuple[int | None, ...],
    opus_dtmf_payload_types: tuple[int | None, ...],
    noise_payload_type: int | None,
) -> tuple[tuple[int, int], ...]:
    """Payload types we take: those of our own description, and where they are free the far end's own numbers, which
    some send under although they should not. Ours stand first."""
    taken: dict[int, int] = {}
    for entry in formats:
        taken.setdefault(entry.payload_type, BY_NAME[entry.codec].number)
    events = ((opus_dtmf_payload_types, TELEPHONE_EVENT_48000), (dtmf_payload_types, TELEPHONE_EVENT))
    for payload_types, event in events:
        for payload_type in payload_types:
            if payload_type is not None:
                taken.setdefault(payload_type, event)
    if noise_payload_type is not None:
        taken.setdefault(noise_payload_type, COMFORT_NOISE)
    return tuple(taken.items())
