"""What a browser's offer says (RFC 8829): one audio stream, its ICE and its DTLS. A pure function of its text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from media.codecs.table import BY_NAME
from media.errors import NoSharedCodec, UnusableBrowserOffer, UnusableSdp
from media.sdp.description import INACTIVE, RECVONLY, SENDONLY, SENDRECV, Media, SessionDescription
from media.sdp.session import parse_description, parse_number
from media.webrtc.candidates import CANDIDATES_MAX, IceCandidate, parse_candidate
from media.webrtc.fingerprints import FINGERPRINTS_MAX, Fingerprint, parse_fingerprint
from media.webrtc.ice_parameters import IceCredentials, read_credentials
from media.webrtc.interface import PayloadTypes

OFFER_BYTES_MAX: Final = 32_768
PROTOCOLS: Final = ("UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP")

_ANSWERED: Final = {SENDRECV: SENDRECV, SENDONLY: RECVONLY, RECVONLY: SENDONLY, INACTIVE: INACTIVE}
_STATIC: Final = {"0": "PCMU/8000", "8": "PCMA/8000"}
_TOKENS: Final = re.compile(r"[!#-'*+./0-9:A-Z^-~-]{1,64}")
_MID: Final = re.compile(r"[!#-'*+.0-9A-Z^-~-]{1,32}")
_PAYLOAD_TYPE_MAX: Final = 127


@dataclass(frozen=True, slots=True)
class BrowserOffer:
    """`sections`: all m= sections as they came, the audio one at `position`. `mid`: its identification, None where it
    has none; `bundled`: whether it is in a BUNDLE group. `dtls_client`: whether our side begins the handshake.
    `direction`: of our answer, from our view. `skipped`: candidates that are passed over. `dtls_role_free`: it leaves
    the roles of DTLS to us."""

    sections: tuple[Media, ...]
    position: int
    mid: str | None
    bundled: bool
    ice: IceCredentials
    fingerprints: tuple[Fingerprint, ...]
    dtls_client: bool
    codec: str
    payload_types: PayloadTypes
    direction: str
    candidates: tuple[IceCandidate, ...]
    skipped: int
    dtls_role_free: bool = True

    def in_role(self, before: "BrowserOffer") -> "BrowserOffer":
        """The same, of a browser whose DTLS association is that of an offer before: its roles are settled (RFC 8842
        section 5.5). UnusableBrowserOffer: it wants the other ones."""
        if not self.dtls_role_free and self.dtls_client is not before.dtls_client:
            raise UnusableBrowserOffer("the offer has another role in DTLS: it is a new browser's")
        return replace(self, dtls_client=before.dtls_client)


def read_browser_offer(text: str, codecs: Sequence[str]) -> BrowserOffer:
    """Read an offer, and settle on the first of `codecs` that it has. UnusableBrowserOffer, NoSharedCodec. ValueError:
    a codec that this product does not speak."""
    if any(codec not in BY_NAME for codec in codecs):
        raise ValueError(f"codecs must be some of {', '.join(BY_NAME)}")
    if len(text) > OFFER_BYTES_MAX:
        raise UnusableBrowserOffer(f"the offer is longer than {OFFER_BYTES_MAX} characters")
    try:
        description = parse_description(text.encode("utf-8", "replace"))
    except UnusableSdp as refusal:
        raise UnusableBrowserOffer(str(refusal)) from None
    _check_sections(description.media)
    position, audio = _audio(description)
    codec, payload_types = _formats(audio, codecs)
    mid = audio.attribute("mid")
    if mid is not None and not _MID.fullmatch(mid):
        raise UnusableBrowserOffer("the audio's a=mid is not a token")
    candidates, skipped = _candidates(audio)
    setup = _setup(description, audio)
    return BrowserOffer(
        description.media,
        position,
        mid,
        mid is not None and mid in _bundle(description),
        _credentials(description, audio),
        _fingerprints(description, audio),
        setup != "active",  # where the browser leaves the choice, who answers begins (RFC 8842 section 5)
        codec,
        payload_types,
        _ANSWERED[description.direction_of(audio)],
        candidates,
        skipped,
        setup == "actpass",
    )


def _check_sections(sections: tuple[Media, ...]) -> None:
    """What of them is said again in the answer must be able to be."""
    for section in sections:
        if not all(_TOKENS.fullmatch(word) for word in (section.kind, section.protocol, *section.formats)):
            raise UnusableBrowserOffer("an m= line has a word that is not a token")
        if not section.formats:
            raise UnusableBrowserOffer("an m= line has no formats")


def _audio(description: SessionDescription) -> tuple[int, Media]:
    for position, section in enumerate(description.media):
        # Port 0 is no refusal where the stream goes by another's transport (RFC 9143 section 6).
        if section.kind != "audio" or (section.port == 0 and section.attribute("bundle-only") is None):
            continue
        if section.protocol not in PROTOCOLS:
            raise UnusableBrowserOffer("its audio is not UDP/TLS/RTP/SAVPF")
        if section.attribute("rtcp-mux") is None:
            raise UnusableBrowserOffer("its audio has no a=rtcp-mux")
        return position, section
    raise UnusableBrowserOffer("it has no audio")


def _said(description: SessionDescription, audio: Media, name: str) -> str | None:
    value = audio.attribute(name)
    return description.attribute(name) if value is None else value


def _credentials(description: SessionDescription, audio: Media) -> IceCredentials:
    lite = description.attribute("ice-lite") is not None
    found = read_credentials(_said(description, audio, "ice-ufrag"), _said(description, audio, "ice-pwd"), lite)
    if found is None:
        raise UnusableBrowserOffer("its audio has no a=ice-ufrag and a=ice-pwd of the form of RFC 8839")
    return found


def _fingerprints(description: SessionDescription, audio: Media) -> tuple[Fingerprint, ...]:
    values = _values(audio, "fingerprint") or [
        value or "" for name, value in description.attributes if name == "fingerprint"
    ]
    found = [parsed for value in values[:FINGERPRINTS_MAX] if (parsed := parse_fingerprint(value)) is not None]
    if not found:
        raise UnusableBrowserOffer("its audio has no a=fingerprint of SHA-256, SHA-384 or SHA-512")
    return tuple(found)


def _setup(description: SessionDescription, audio: Media) -> str:
    setup = (_said(description, audio, "setup") or "").lower()
    if setup not in ("actpass", "active", "passive"):
        raise UnusableBrowserOffer("its audio has no a=setup of actpass, active or passive")
    return setup


def _bundle(description: SessionDescription) -> list[str]:
    for name, value in description.attributes:
        if name == "group":
            semantics, *mids = (value or "").split()
            if semantics.upper() == "BUNDLE":
                return mids
    return []


def _values(section: Media, name: str) -> list[str]:
    return [value or "" for found, value in section.attributes if found == name]


def _candidates(audio: Media) -> tuple[tuple[IceCandidate, ...], int]:
    lines = _values(audio, "candidate")
    usable = [parsed for line in lines if (parsed := parse_candidate(line)) is not None]
    candidates = tuple(dict.fromkeys(usable))[:CANDIDATES_MAX]
    return candidates, len(lines) - len(candidates)


def _formats(audio: Media, codecs: Sequence[str]) -> tuple[str, PayloadTypes]:
    encodings = _encodings(audio)
    for codec in codecs:
        payload_type = encodings.get(BY_NAME[codec].encoding.lower())
        if payload_type is not None:
            events = encodings.get(f"telephone-event/{BY_NAME[codec].clock_rate_hz}")
            return codec, PayloadTypes(payload_type, events)
    raise NoSharedCodec(f"it has none of the codecs {', '.join(codecs)}")


def _encodings(audio: Media) -> dict[str, int]:
    """The payload type of each encoding, in lower case; the first where there are more."""
    named = dict(_STATIC)
    for value in _values(audio, "rtpmap"):
        written, _, encoding = value.partition(" ")
        named[written] = encoding.strip()
    found: dict[str, int] = {}
    for written in audio.formats:
        number = parse_number(written, _PAYLOAD_TYPE_MAX)
        if number is not None and written in named:
            encoding = named[written].lower()
            found.setdefault(encoding.removesuffix("/1") if encoding.count("/") == 2 else encoding, number)
    return found
