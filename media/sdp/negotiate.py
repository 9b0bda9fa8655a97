"""Offer and answer (RFC 3264) for one audio stream and its telephone-events: pure functions over descriptions."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from media.codecs.opus import NO_WISHES, OpusWishes
from media.codecs.table import BY_NAME, BY_NUMBER, CLOCK_RATE_HZ, CODECS, COMFORT_NOISE, OPUS, OPUS_CLOCK_RATE_HZ
from media.errors import UnusableSdp
from media.rtp.srtp import Suite
from media.sdp.crypto import CryptoLine, accepted_line, crypto_attributes, has_crypto, usable_lines
from media.sdp.description import (
    INACTIVE,
    RECVONLY,
    SENDONLY,
    SENDRECV,
    Attributes,
    Media,
    SessionDescription,
    is_unspecified,
    parse_address,
)
from media.sdp.session import parse_number

# What is sent to a party that asks for more, less, or something between.
PTIME_MS_MIN: Final = 10
PTIME_MS_MAX: Final = 60
PTIME_STEP_MS: Final = 10

_PTIME_READ_MS_MAX: Final = 1000
_BITRATE_READ_MAX: Final = 510_000  # RFC 7587 section 6.1
_COMFORT_NOISE: Final = "CN"
_EVENTS: Final = "telephone-event"
_OPUS: Final = BY_NUMBER[OPUS].name
# The payload type that our offers give Opus, from the dynamic ones.
OPUS_PAYLOAD_TYPE: Final = 107
# In-band FEC is made use of; nothing else is asked for (RFC 7587 section 6.1).
_OPUS_PARAMETERS: Final = "useinbandfec=1"
_STATIC_NAMES: Final = {COMFORT_NOISE: _COMFORT_NOISE, **{number: codec.name for number, codec in BY_NUMBER.items()}}
# What a=rtpmap may call a format, in upper case, and what it is called here.
_ENCODINGS: Final = {
    f"{_COMFORT_NOISE}/{CLOCK_RATE_HZ}": _COMFORT_NOISE,
    **{f"{_EVENTS.upper()}/{rate_hz}": f"{_EVENTS}/{rate_hz}" for rate_hz in (CLOCK_RATE_HZ, OPUS_CLOCK_RATE_HZ)},
    **{f"{codec.name.upper()}/{codec.clock_rate_hz}": codec.name for codec in CODECS},
}

# What a trunk's profile says of SRTP.
OFF: Final = "off"
OPTIONAL: Final = "optional"
REQUIRED: Final = "required"
SRTP_POLICIES: Final = (OFF, OPTIONAL, REQUIRED)

AVP: Final = "RTP/AVP"
SAVP: Final = "RTP/SAVP"
_PLAIN: Final = (AVP, "RTP/AVPF")
_SECURE: Final = (SAVP, "RTP/SAVPF")
_SERVED: Final = (*_PLAIN, *_SECURE)
_REVERSED: Final = {SENDRECV: SENDRECV, SENDONLY: RECVONLY, RECVONLY: SENDONLY, INACTIVE: INACTIVE}
_WORD_MAX: Final = 32
# Profiles and peers are few and say the same each time: what follows from that alone is remembered.
_CACHED: Final = 512
_WORDS_CACHED_MAX: Final = 32  # payload types and what they are called; a longer list is not remembered


class Format(NamedTuple):
    """A payload type and the codec it stands for in one description."""

    codec: str
    payload_type: int


class Remote(NamedTuple):
    """What the other side's description says of its audio stream.

    `formats` are those of its codecs that we may use, in its order. `address` None: it put itself on hold with an
    unspecified address. `direction` is seen from our side: sendonly means that only we send. `ptime_ms`: how much audio
    it wants in a packet. `crypto`: the line that has the key it sends with; None for plain RTP. `noise_payload_type`:
    what it calls comfort noise (RFC 3389). `dtmf_payload_type` is telephone-event at 8000 Hz, `opus_dtmf_payload_type`
    that at 48000 Hz, which belongs to Opus. `wishes`: what it asks of who sends it Opus.
    """

    address: str | None
    port: int
    control_address: str | None
    control_port: int
    formats: tuple[Format, ...]
    dtmf_payload_type: int | None
    direction: str
    ptime_ms: int
    protocol: str = AVP
    crypto: CryptoLine | None = None
    noise_payload_type: int | None = None
    opus_dtmf_payload_type: int | None = None
    wishes: OpusWishes = NO_WISHES

    def dtmf_beside(self, codec: str) -> tuple[int | None, int]:
        """The payload type of its telephone-events beside a codec, and what their durations count: the codec's clock
        (RFC 4733 section 2.1); 8000 Hz from who has Opus and no events for it."""
        if codec == _OPUS and self.opus_dtmf_payload_type is not None:
            return self.opus_dtmf_payload_type, OPUS_CLOCK_RATE_HZ
        return self.dtmf_payload_type, CLOCK_RATE_HZ

    @property
    def may_send(self) -> bool:
        """Whether it wants media from us."""
        return self.address is not None and self.direction in (SENDRECV, SENDONLY)

    @property
    def may_receive(self) -> bool:
        """Whether it may send media to us. A hold by an unspecified address only stops what we send (section 8.4)."""
        return self.direction in (SENDRECV, RECVONLY)

    @property
    def on_hold(self) -> bool:
        """Whether the stream is anything but both ways, so that silence from it is no fault."""
        return self.address is None or self.direction != SENDRECV


class Local(NamedTuple):
    """Our side of the stream: where we receive, what we take under which payload type, in our order.

    `crypto`: the a=crypto lines of an offer of ours, or the one of an answer.
    """

    port: int
    formats: tuple[Format, ...]
    dtmf_payload_type: int | None
    ptime_ms: int
    direction: str = SENDRECV
    protocol: str = AVP
    crypto: tuple[CryptoLine, ...] = ()
    noise_payload_type: int | None = None
    opus_dtmf_payload_type: int | None = None


@lru_cache(maxsize=_CACHED)
def offered_formats(codecs: tuple[str, ...], prefer: str | None) -> tuple[Format, ...]:
    """The formats of an offer: the profile's order with `prefer` moved to the front when the profile has it."""
    ordered = sorted(codecs, key=lambda name: name != prefer)
    return tuple(Format(name, OPUS_PAYLOAD_TYPE if name == _OPUS else BY_NAME[name].number) for name in ordered)


def audio_section(local: Local) -> Media:
    """Our m=audio section, in an offer or an answer."""
    events = ((local.opus_dtmf_payload_type, OPUS_CLOCK_RATE_HZ), (local.dtmf_payload_type, CLOCK_RATE_HZ))
    listed, described = _described(local.formats, events, local.noise_payload_type, local.ptime_ms)
    attributes = (*described, *crypto_attributes(local.crypto), (local.direction, None))
    return Media("audio", local.port, local.protocol, listed, attributes=attributes)


@lru_cache(maxsize=_CACHED)
def _described(
    formats: tuple[Format, ...], events: tuple[tuple[int | None, int], ...], noise: int | None, ptime_ms: int
) -> tuple[tuple[str, ...], Attributes]:
    """The formats of an m= line, and the attributes that say what they are."""
    attributes: list[tuple[str, str | None]] = []
    for entry in formats:
        attributes.append(("rtpmap", f"{entry.payload_type} {BY_NAME[entry.codec].encoding}"))
        if entry.codec == _OPUS:
            attributes.append(("fmtp", f"{entry.payload_type} {_OPUS_PARAMETERS}"))
    listed = [str(entry.payload_type) for entry in formats]
    for dtmf, rate_hz in events:
        if dtmf is not None:
            listed.append(str(dtmf))
            attributes.append(("rtpmap", f"{dtmf} {_EVENTS}/{rate_hz}"))
            attributes.append(("fmtp", f"{dtmf} 0-15"))
    if noise is not None:
        listed.append(str(noise))
        attributes.append(("rtpmap", f"{noise} {_COMFORT_NOISE}/{CLOCK_RATE_HZ}"))
    attributes.append(("ptime", str(ptime_ms)))
    return tuple(listed), tuple(attributes)


def read_answer(
    description: SessionDescription, local: Local, srtp: str = OFF, position: int = 0
) -> tuple[Remote, CryptoLine | None]:
    """The answer to an offer of ours, and the a=crypto line of ours that it accepts; UnusableSdp when audio was
    refused, has no codec of the offer, or is encrypted otherwise than was offered. `position`: where our audio stood
    among the sections of the offer.

    Whether SRTP was chosen is told by the answer's a=crypto line, in whichever profile it stands: an offer in RTP/AVP
    may be answered with it (RFC 8643 section 3.1), and one in RTP/SAVP only with it.
    """
    audio = _answered_audio(description, position)
    if audio is None or audio.port == 0:
        raise UnusableSdp("the SDP answer refuses audio")
    ours, theirs = _answered_crypto(audio, local, srtp)
    remote = _read_audio(description, audio, tuple([entry.codec for entry in local.formats]), local.ptime_ms)
    direction = _within(local.direction, remote.direction)
    if theirs is not None or direction != remote.direction:
        remote = remote._replace(crypto=theirs, direction=direction)
    return remote, ours


def _within(offered: str, answered: str) -> str:
    """The direction of an answer, no wider than that of the offer (RFC 3264 section 6.1), both from our side. Many who
    are asked anew while they hold a call name none, which says sendrecv."""
    if SENDRECV in (offered, answered):
        return answered if offered == SENDRECV else offered
    return offered if offered == answered else INACTIVE


def _answered_audio(description: SessionDescription, position: int) -> Media | None:
    """The section in the place of ours (RFC 3264 section 6); the first of audio from who leaves out what was refused
    before."""
    for media in description.media[position : position + 1] + description.media:
        if media.kind == "audio":
            return media
    return None


def _answered_crypto(audio: Media, local: Local, srtp: str) -> tuple[CryptoLine | None, CryptoLine | None]:
    """The accepted line of our offer and the answer's own; None and None for plain RTP."""
    plain = audio.protocol in _PLAIN and not has_crypto(audio.attributes)
    if not plain and (not local.crypto or audio.protocol not in _SERVED):
        raise UnusableSdp("the SDP answer is for encrypted audio, which was not offered")
    if not plain:
        return accepted_line(audio.attributes, local.crypto)
    if srtp == REQUIRED or local.protocol in _SECURE:
        raise UnusableSdp("the SDP answer is for plain RTP, and SRTP was offered alone")
    return None, None


def read_offer(
    description: SessionDescription,
    codecs: tuple[str, ...],
    ptime_ms: int,
    srtp: str = OFF,
    suites: tuple[Suite, ...] = (),
) -> tuple[int, Remote]:
    """The audio section of an offer that we take: its index and what it says; UnusableSdp for none.

    It is the first that can be taken with SRTP where `srtp` allows that, then the first with plain RTP where it allows
    that. SRTP is taken in RTP/SAVP and, from an offerer that leaves the choice to us, in RTP/AVP with a=crypto (RFC
    8643 section 3.1).
    """
    problem = "the SDP offer has no audio over RTP that is served"
    for wants_srtp in {OFF: (False,), OPTIONAL: (True, False), REQUIRED: (True,)}[srtp]:
        for index, media in enumerate(description.media):
            if media.kind != "audio" or media.port == 0 or media.protocol not in _SERVED:
                continue
            try:
                crypto = _offered_crypto(media, suites, wants_srtp)
                remote = _read_audio(description, media, codecs, ptime_ms)
                return index, remote if crypto is None else remote._replace(crypto=crypto)
            except UnusableSdp as refusal:
                problem = str(refusal)
    raise UnusableSdp(problem)


def _offered_crypto(media: Media, suites: tuple[Suite, ...], wants_srtp: bool) -> CryptoLine | None:
    """The line of an offered section to accept, the first usable (RFC 4568 section 5.1.2); None without SRTP, for
    which keys in RTP/AVP, an unknown attribute there, are passed over."""
    if not wants_srtp:
        if media.protocol in _SECURE:
            raise UnusableSdp("the SDP offer is for SRTP, which this trunk has not or whose keys cannot be used")
        return None
    lines = usable_lines(media.attributes, suites)
    if not lines:
        raise UnusableSdp("the SDP offer has no keys for SRTP")
    return lines[0]


def answer_local(remote: Remote, current: str | None, codecs: tuple[str, ...], port: int, ptime_ms: int) -> Local:
    """Our side of the answer to an offer: its payload types, in our order of preference as RFC 3264 section 6.1 allows
    an answerer, but the codec in use first so that it does not change without need."""
    ordered = sorted(remote.formats, key=lambda entry: (entry.codec != current, codecs.index(entry.codec)))
    direction = remote.direction
    if remote.address is None:
        # Hold by an unspecified address: it may send, nothing may be sent to it (section 8.4).
        direction = RECVONLY if direction in (SENDRECV, RECVONLY) else INACTIVE
    return Local(
        port,
        tuple(ordered),
        remote.dtmf_payload_type,
        ptime_ms,
        direction,
        remote.protocol,
        noise_payload_type=remote.noise_payload_type,
        opus_dtmf_payload_type=remote.opus_dtmf_payload_type,
    )


def answer_sections(description: SessionDescription, accepted: int, local: Local) -> tuple[Media, ...]:
    """One section for each of the offer's, in its order; all but the accepted one with port 0 (section 6)."""
    sections = [
        audio_section(local) if index == accepted else _refused(media) for index, media in enumerate(description.media)
    ]
    return tuple(sections)


def _refused(media: Media) -> Media:
    # Only plain words go back: an answer carries nothing of anybody's free text.
    kind = media.kind if _is_word(media.kind) else "application"
    protocol = media.protocol if _is_word(media.protocol.replace("/", "")) else "RTP/AVP"
    number = parse_number(media.formats[0], 127) if media.formats else None
    fallback = "t38" if kind == "image" else "0"
    return Media(kind, 0, protocol, (str(number) if number is not None else fallback,))


def _is_word(text: str) -> bool:
    return text.isascii() and text.isalnum() and len(text) <= _WORD_MAX


def _read_audio(description: SessionDescription, media: Media, codecs: tuple[str, ...], ptime_ms: int) -> Remote:
    address = description.address_of(media)
    if address is None:
        raise UnusableSdp("the SDP has no c= line for its audio")
    rtpmaps = tuple([value for name, value in media.attributes if name == "rtpmap" and value is not None])
    words = (*rtpmaps, *media.formats)
    often = len(words) <= _WORDS_CACHED_MAX and max(map(len, words), default=0) <= _WORD_MAX
    formats, others = (_known_formats_of if often else _formats_of)(media.formats, rtpmaps, codecs)
    if not formats:
        raise UnusableSdp("the SDP has no codec in common with ours (" + ", ".join(codecs) + ")")
    has_opus = _OPUS in [entry.codec for entry in formats]
    held = is_unspecified(address)
    control_address, control_port = _control(media, address)
    return Remote(
        None if held else address,
        media.port,
        None if held else control_address,
        control_port,
        formats,
        others.get(f"{_EVENTS}/{CLOCK_RATE_HZ}"),
        _REVERSED[description.direction_of(media)],
        _ptime(media, ptime_ms),
        media.protocol,
        noise_payload_type=others.get(_COMFORT_NOISE),
        opus_dtmf_payload_type=others.get(f"{_EVENTS}/{OPUS_CLOCK_RATE_HZ}") if has_opus else None,
        wishes=_wishes(media, formats),
    )


def _wishes(media: Media, formats: tuple[Format, ...]) -> OpusWishes:
    """What a=fmtp says of its Opus, where it has that; what cannot be read says nothing."""
    numbers = [str(entry.payload_type) for entry in formats if entry.codec == _OPUS]
    if not numbers:
        return NO_WISHES
    texts = [value for name, value in media.attributes if name == "fmtp" and value is not None]
    text = next((value for value in texts if value.partition(" ")[0] == numbers[0]), "")
    said = {}
    for parameter in text.partition(" ")[2].split(";"):
        name, _, value = parameter.partition("=")
        said[name.strip().lower()] = value.strip()
    bitrate = parse_number(said.get("maxaveragebitrate", ""), _BITRATE_READ_MAX)
    return OpusWishes(said.get("useinbandfec") == "1", said.get("cbr") == "1", bitrate)


def _formats_of(
    listed: tuple[str, ...], rtpmaps: tuple[str, ...], codecs: tuple[str, ...]
) -> tuple[tuple[Format, ...], Mapping[str, int]]:
    """Of the listed payload types those of `codecs`, in order, and those of telephone-event and comfort noise by what
    they are called here."""
    formats: dict[str, Format] = {}
    others: dict[str, int] = {}
    for number, name in _payload_types(listed, rtpmaps).items():
        if name not in BY_NAME:
            others.setdefault(name, number)
        elif name in codecs and name not in formats:
            formats[name] = Format(name, number)
    return tuple(formats.values()), MappingProxyType(others)


_known_formats_of = lru_cache(maxsize=_CACHED)(_formats_of)


def _payload_types(formats: tuple[str, ...], rtpmaps: tuple[str, ...]) -> dict[int, str]:
    """Payload type -> what it is called here for the listed types that are known, in order."""
    mapped: dict[int, str | None] = {}
    for value in rtpmaps:
        number_text, _, encoding = value.partition(" ")
        number = parse_number(number_text, 127)
        if number is not None and number not in mapped:
            mapped[number] = _encoding_name(encoding)
    listed: dict[int, str] = {}
    for text in formats:
        number = parse_number(text, 127)
        if number is None:
            continue
        encoding_name = mapped.get(number, _STATIC_NAMES.get(number))
        if encoding_name is not None:
            listed[number] = encoding_name
    return listed


def _encoding_name(encoding: str) -> str | None:
    name, _, rest = encoding.strip().partition("/")
    clock_rate, _, channels = rest.partition("/")
    known = _ENCODINGS.get(f"{name.strip().upper()}/{clock_rate.strip()}")
    most = "2" if known == _OPUS else "1"
    return known if channels.strip() in ("", "1", most) else None


def _control(media: Media, address: str) -> tuple[str, int]:
    """Where its RTCP goes: a=rtcp (RFC 3605), otherwise the next port."""
    fields = (media.attribute("rtcp") or "").split()
    port = parse_number(fields[0], 65_535) if fields else None
    if not port:
        return address, min(media.port + 1, 65_535)
    if len(fields) == 4 and fields[1].upper() == "IN":
        try:
            address = parse_address(fields[3])
        except UnusableSdp:
            return address, port
    return address, port


def _ptime(media: Media, default_ms: int) -> int:
    """The packet time it asks for, ours where it names none, never above its largest: in whole steps."""
    wanted = parse_number((media.attribute("ptime") or "").partition(".")[0], _PTIME_READ_MS_MAX)
    largest = parse_number((media.attribute("maxptime") or "").partition(".")[0], _PTIME_READ_MS_MAX)
    ptime_ms = min(wanted or default_ms, largest or PTIME_MS_MAX, PTIME_MS_MAX)
    return max(ptime_ms - ptime_ms % PTIME_STEP_MS, PTIME_MS_MIN)
