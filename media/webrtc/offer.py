"""What a browser's offer says (RFC 8829): one audio stream, its ICE and its DTLS. A pure function of its text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from media.codecs.table import BY_NAME
from media.errors import NoSharedCodec, UnusableBrowserOffer, UnusableSdp
from media.sdp.description import INACTIVE, RECVONLY, SENDONLY, SENDRECV, Attributes, Media, SessionDescription
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
    the roles of DTLS to us. `carrier`: where the m= section is by whose transport the audio goes once they are
    bundled (RFC 9143 section 7.2), None where that is its own."""

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
    carrier: int | None = None

    @property
    def carrier_mid(self) -> str | None:
        """The identification of the m= section whose transport it is: candidates come under it."""
        return self.mid if self.carrier is None else self.sections[self.carrier].attribute("mid")

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
    bundle = _bundle(description, mid)
    carrier = _carrier(description, audio, bundle)
    # With a=bundle-only, only the section that the group begins with says what the transport is like.
    transport = audio if carrier is None else description.media[carrier]
    if transport.attribute("rtcp-mux") is None:
        raise UnusableBrowserOffer("its audio has no a=rtcp-mux")
    candidates, skipped = _candidates(transport)
    setup = _setup(description, transport)
    return BrowserOffer(
        description.media,
        position,
        mid,
        bool(bundle),
        _credentials(description, transport),
        _fingerprints(description, transport),
        setup != "active",  # where the browser leaves the choice, who answers begins (RFC 8842 section 5)
        codec,
        payload_types,
        _ANSWERED[description.direction_of(audio)],
        candidates,
        skipped,
        setup == "actpass",
        carrier,
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
        return position, section
    raise UnusableBrowserOffer("it has no audio")


def _said(description: SessionDescription, transport: Media, name: str) -> str | None:
    value = transport.attribute(name)
    return description.attribute(name) if value is None else value


def _credentials(description: SessionDescription, transport: Media) -> IceCredentials:
    lite = description.attribute("ice-lite") is not None
    found = read_credentials(_said(description, transport, "ice-ufrag"), _said(description, transport, "ice-pwd"), lite)
    if found is None:
        raise UnusableBrowserOffer("its audio has no a=ice-ufrag and a=ice-pwd of the form of RFC 8839")
    return found


def _fingerprints(description: SessionDescription, transport: Media) -> tuple[Fingerprint, ...]:
    values = _values(transport, "fingerprint") or [
        value or "" for name, value in description.attributes if name == "fingerprint"
    ]
    found = [parsed for value in values[:FINGERPRINTS_MAX] if (parsed := parse_fingerprint(value)) is not None]
    if not found:
        raise UnusableBrowserOffer("its audio has no a=fingerprint of SHA-256, SHA-384 or SHA-512")
    return tuple(found)


def _setup(description: SessionDescription, transport: Media) -> str:
    setup = (_said(description, transport, "setup") or "").lower()
    if setup not in ("actpass", "active", "passive"):
        raise UnusableBrowserOffer("its audio has no a=setup of actpass, active or passive")
    return setup


def _bundle(description: SessionDescription, mid: str | None) -> list[str]:
    """The BUNDLE group that a section is in; empty where it is in none."""
    for name, value in description.attributes:
        said = (value or "").split() if name == "group" else []
        if said and said[0].upper() == "BUNDLE" and mid in said[1:]:
            return said[1:]
    return []


def _carrier(description: SessionDescription, audio: Media, bundle: list[str]) -> int | None:
    """The section that the audio's BUNDLE group begins with, where that is another one of the same transport. To refuse
    it would take the transport away: Chromium takes no such answer under max-bundle, where there is no other,
    and without that puts the next track in its place, which moves the audio to a new transport."""
    ufrag = audio.attribute("ice-ufrag")
    for position, section in enumerate(description.media):
        mid = section.attribute("mid")
        if section is not audio and mid in bundle[:1] and _MID.fullmatch(mid or ""):
            shared = ufrag is None or ufrag == section.attribute("ice-ufrag")
            return position if shared and kept_format(section) is not None else None
    return None


def kept_format(section: Media) -> Attributes | None:
    """What is said again of a section that stays for its transport: its first format, in lines of SDP. None where it
    cannot stay."""
    if section.kind != "video" or section.protocol not in PROTOCOLS or section.attribute("rtcp-mux") is None:
        return None
    if section.port == 0:
        return None
    said = [
        (name, value)
        for name, value in section.attributes
        if name in ("rtpmap", "fmtp") and (value or "").partition(" ")[0] == section.formats[0]
    ]
    plain = all(value and value.isascii() and value.isprintable() for _, value in said)
    return tuple(said) if plain and any(name == "rtpmap" for name, _ in said) else None


def _values(section: Media, name: str) -> list[str]:
    return [value or "" for found, value in section.attributes if found == name]


def _candidates(carrier: Media) -> tuple[tuple[IceCandidate, ...], int]:
    lines = _values(carrier, "candidate")
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
