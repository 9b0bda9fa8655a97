"""Our answer to a browser's offer: the audio stream, and everything else refused (RFC 8829 section 5.3)."""

from dataclasses import dataclass, field
from typing import Final

from media.codecs.table import BY_NAME, OPUS
from media.sdp.description import INACTIVE, Attributes, Media, Origin
from media.sdp.session import render_description
from media.webrtc.candidates import IceCandidate
from media.webrtc.fingerprints import Fingerprint
from media.webrtc.ice_parameters import IceCredentials
from media.webrtc.offer import BrowserOffer, kept_format

# Where there are candidates, nobody looks at the m= line's port and the c= line (RFC 8839 section 4.2.1.2).
_NO_PORT: Final = 9
_NO_ADDRESS: Final = "0.0.0.0"
_EVENTS: Final = "telephone-event"
_STREAM: Final = "maskbridge audio"


@dataclass(frozen=True, slots=True)
class Ours:
    """Our side: `session_id` of the o= line, up to 62 bits; `version` of the description, from 1."""

    session_id: int
    version: int
    ice: IceCredentials
    fingerprint: Fingerprint
    candidates: tuple[IceCandidate, ...] = field(default=())


def render_answer(offer: BrowserOffer, ours: Ours) -> str:
    """The answer's text."""
    sections = tuple(_section(offer, ours, position) for position in range(len(offer.sections)))
    session: list[tuple[str, str | None]] = []
    if offer.bundled:
        mids = (offer.mid,) if offer.carrier is None else (offer.carrier_mid, offer.mid)
        session.append(("group", f"BUNDLE {' '.join(mid for mid in mids if mid is not None)}"))
    session += [("ice-options", "trickle"), ("msid-semantic", " WMS *")]
    origin = Origin("-", str(ours.session_id), str(ours.version), "127.0.0.1")
    return render_description(origin, _NO_ADDRESS, sections, tuple(session)).decode("ascii")


def _section(offer: BrowserOffer, ours: Ours, position: int) -> Media:
    if position == offer.position:
        return _audio(offer, ours)
    section = offer.sections[position]
    return _carrying(offer, ours, section) if position == offer.carrier else _refused(section)


def _refused(section: Media) -> Media:
    mid = section.attribute("mid")
    known = mid is not None and mid.isascii() and mid.isprintable()
    attributes: list[tuple[str, str | None]] = [("mid", mid)] if known else []
    return Media(section.kind, 0, section.protocol, section.formats, attributes=(*attributes, (INACTIVE, None)))


def _carrying(offer: BrowserOffer, ours: Ours, section: Media) -> Media:
    """A section of which nothing but the transport is wanted."""
    attributes = (
        ("mid", offer.carrier_mid),
        (INACTIVE, None),
        *_transport(offer, ours),
        *(kept_format(section) or ()),
        *_candidates(ours),
    )
    return Media(section.kind, _NO_PORT, section.protocol, section.formats[:1], attributes=attributes)


def _audio(offer: BrowserOffer, ours: Ours) -> Media:
    attributes: list[tuple[str, str | None]] = []
    if offer.mid is not None:
        attributes.append(("mid", offer.mid))
    attributes += [(offer.direction, None), ("msid", _STREAM), *_transport(offer, ours), *_formats(offer)]
    if offer.carrier is None:
        attributes += _candidates(ours)
    protocol = offer.sections[offer.position].protocol
    numbers = [offer.payload_types.codec, offer.payload_types.telephone_event]
    formats = tuple(str(number) for number in numbers if number is not None)
    return Media("audio", _NO_PORT, protocol, formats, attributes=tuple(attributes))


def _transport(offer: BrowserOffer, ours: Ours) -> Attributes:
    return (
        ("rtcp-mux", None),
        ("ice-ufrag", ours.ice.ufrag),
        ("ice-pwd", ours.ice.password),
        ("fingerprint", ours.fingerprint.render()),
        ("setup", "active" if offer.dtls_client else "passive"),
    )


def _candidates(ours: Ours) -> Attributes:
    return (*(("candidate", candidate.render()) for candidate in ours.candidates), ("end-of-candidates", None))


def _formats(offer: BrowserOffer) -> Attributes:
    codec, types = BY_NAME[offer.codec], offer.payload_types
    lines: list[tuple[str, str | None]] = [("rtpmap", f"{types.codec} {codec.encoding}")]
    if codec.number == OPUS:
        lines.append(("fmtp", f"{types.codec} useinbandfec=1"))
    if types.telephone_event is not None:
        lines.append(("rtpmap", f"{types.telephone_event} {_EVENTS}/{codec.clock_rate_hz}"))
        lines.append(("fmtp", f"{types.telephone_event} 0-15"))
    lines.append(("ptime", "20"))
    return tuple(lines)
