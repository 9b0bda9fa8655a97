"""The plain side of an agent's leg as SDP: what the switch offers, what the line answers, and offers in its turn."""

from dataclasses import dataclass, replace
from typing import Final

from media.sdp.description import INACTIVE, SENDRECV, Media, Origin, SessionDescription
from media.sdp.negotiate import Format, Local, Remote, answer_local, answer_sections, audio_section, read_offer
from media.sdp.session import parse_description, render_description

CODECS: Final = ("PCMA", "PCMU", "opus")
OPUS: Final = "opus"
PTIME_MS: Final = 20


@dataclass(frozen=True, slots=True)
class PlainSide:
    """The gateway's plain RTP: where it is, in which codec, and its payload types as the switch has numbered them.

    `telephone_event`, at the codec's clock (RFC 4733 section 2.1), None: the browser has no events. `held`: nothing is
    to be sent either way.
    """

    host: str
    port: int
    codec: str
    payload_type: int
    telephone_event: int | None
    held: bool = False

    def with_hold(self, held: bool) -> "PlainSide":
        """The same, on hold or not."""
        return replace(self, held=held)


@dataclass(frozen=True, slots=True)
class PlainOffer:
    """An offer of the switch as it was read. Only its port counts: its address is told to the world, ours is local."""

    description: SessionDescription
    accepted: int
    remote: Remote

    @property
    def codecs(self) -> tuple[str, ...]:
        """What the browser may be answered with, in the switch's order."""
        return tuple(entry.codec for entry in self.remote.formats)

    def payload_type(self, codec: str) -> int:
        """The switch's payload type of a codec that it has offered."""
        return next(entry.payload_type for entry in self.remote.formats if entry.codec == codec)

    def telephone_event(self, codec: str) -> int | None:
        """The switch's payload type of keys beside a codec, at that codec's clock."""
        return self.remote.opus_dtmf_payload_type if codec == OPUS else self.remote.dtmf_payload_type


def read_plain_offer(body: bytes) -> PlainOffer:
    """Read an offer of the switch. UnusableSdp."""
    description = parse_description(body)
    accepted, remote = read_offer(description, CODECS, PTIME_MS)
    return PlainOffer(description, accepted, remote)


def render_answer(offer: PlainOffer, side: PlainSide, session_id: int, version: int) -> bytes:
    """The answer to an offer of the switch, with the one codec that the browser has."""
    wanted = answer_local(offer.remote, side.codec, CODECS, side.port, PTIME_MS)
    direction = INACTIVE if side.held else wanted.direction
    narrow, wide = _events(side)
    local = wanted._replace(
        formats=_format(side), dtmf_payload_type=narrow, opus_dtmf_payload_type=wide, direction=direction
    )
    return _rendered(side, session_id, version, answer_sections(offer.description, offer.accepted, local))


def render_offer(side: PlainSide, session_id: int, version: int) -> bytes:
    """An offer to the switch: the plain side as it is from now."""
    direction = INACTIVE if side.held else SENDRECV
    narrow, wide = _events(side)
    local = Local(side.port, _format(side), narrow, PTIME_MS, direction, opus_dtmf_payload_type=wide)
    return _rendered(side, session_id, version, (audio_section(local),))


def _events(side: PlainSide) -> tuple[int | None, int | None]:
    """The payload types of telephone-event at 8000 and at 48000 Hz: one of them at most."""
    return (None, side.telephone_event) if side.codec == OPUS else (side.telephone_event, None)


def _format(side: PlainSide) -> tuple[Format, ...]:
    return (Format(side.codec, side.payload_type),)


def _rendered(side: PlainSide, session_id: int, version: int, media: tuple[Media, ...]) -> bytes:
    origin = Origin("-", str(session_id), str(version), side.host)
    return render_description(origin, side.host, media)
