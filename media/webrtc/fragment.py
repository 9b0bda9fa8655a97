"""Trickled candidates and ICE restarts: application/trickle-ice-sdpfrag (RFC 8840 section 9, RFC 9725 section 4.3)."""

from dataclasses import dataclass
from typing import Final

from media.errors import UnusableFragment
from media.webrtc.candidates import CANDIDATES_MAX, IceCandidate, parse_candidate
from media.webrtc.ice_parameters import IceCredentials, read_credentials

FRAGMENT_BYTES_MAX: Final = 16_384
_LINES_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a browser says more of its ICE. `ufrag`: of which ICE session it is, None: it does not say. `credentials`:
    both parts, where it gives both. `skipped`: candidates that cannot be used, or are too many."""

    ufrag: str | None
    credentials: IceCredentials | None
    candidates: tuple[IceCandidate, ...]
    skipped: int


def parse_fragment(text: str, mid: str | None, carrier_mid: str | None = None) -> Fragment:
    """Read a fragment; candidates of other media than `mid`, and `carrier_mid` by whose transport it goes, are passed
    over. UnusableFragment."""
    if len(text) > FRAGMENT_BYTES_MAX:
        raise UnusableFragment(f"the fragment is longer than {FRAGMENT_BYTES_MAX} characters")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > _LINES_MAX:
        raise UnusableFragment(f"the fragment has more than {_LINES_MAX} lines")
    reading = _Reading(() if mid is None else (mid, carrier_mid))
    for line in lines:
        if line.strip():
            reading.take(line.strip())
    return reading.finished()


class _Reading:
    """A fragment while its lines come in."""

    def __init__(self, mids: tuple[str | None, ...]) -> None:
        """`mids`: empty where all are taken."""
        self._mids = mids
        self._ours = True
        self._ufrag: str | None = None
        self._password: str | None = None
        self._candidates: list[IceCandidate] = []
        self._skipped = 0

    def take(self, line: str) -> None:
        kind, equals, value = line[:1], line[1:2], line[2:].strip()
        if equals != "=" or not kind.isalpha():
            raise UnusableFragment("the fragment has a line that is not of the form type=value")
        if kind == "m":
            # Until its a=mid says whose it is, there is one medium with ICE alone: the one it is for.
            self._ours = True
        elif kind == "a":
            name, _, text = value.partition(":")
            self._attribute(name.strip().lower(), text.strip())

    def _attribute(self, name: str, text: str) -> None:
        if name == "mid":
            self._ours = not self._mids or text in self._mids
        elif name == "ice-ufrag" and self._ours:
            self._ufrag = self._ufrag or text
        elif name == "ice-pwd" and self._ours:
            self._password = self._password or text
        elif name == "candidate" and self._ours:
            self._candidate(text)

    def _candidate(self, text: str) -> None:
        candidate = parse_candidate(text) if len(self._candidates) < CANDIDATES_MAX else None
        if candidate is None:
            self._skipped += 1
        elif candidate not in self._candidates:
            self._candidates.append(candidate)

    def finished(self) -> Fragment:
        credentials = read_credentials(self._ufrag, self._password)
        if self._password is not None and credentials is None:
            raise UnusableFragment("the fragment's ice-ufrag and ice-pwd are not of the form of RFC 8839")
        return Fragment(self._ufrag, credentials, tuple(self._candidates), self._skipped)


def render_fragment(credentials: IceCredentials, mid: str | None, candidates: tuple[IceCandidate, ...]) -> str:
    """Our side of a restart: new credentials and all candidates."""
    lines = [
        f"a=ice-ufrag:{credentials.ufrag}",
        f"a=ice-pwd:{credentials.password}",
        "m=audio 9 UDP/TLS/RTP/SAVPF 0",
    ]
    if mid is not None:
        lines.append(f"a=mid:{mid}")
    lines += [f"a=candidate:{candidate.render()}" for candidate in candidates]
    lines.append("a=end-of-candidates")
    return "\r\n".join(lines) + "\r\n"
