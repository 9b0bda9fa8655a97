"""What two ICE agents must know of each other beside candidates: user fragment and password (RFC 8839 section 5.4)."""

import re
from dataclasses import dataclass, field
from typing import Final

_UFRAG: Final = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD: Final = re.compile(r"[A-Za-z0-9+/]{22,256}")


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """`lite`: the side only answers checks (RFC 8445 section 2.5)."""

    ufrag: str
    password: str = field(repr=False)
    lite: bool = False


def read_credentials(ufrag: str | None, password: str | None, lite: bool = False) -> IceCredentials | None:
    """The two as SDP has them; None where one is missing or not of the right form."""
    if ufrag is None or password is None or not _UFRAG.fullmatch(ufrag) or not _PASSWORD.fullmatch(password):
        return None
    return IceCredentials(ufrag, password, lite)
