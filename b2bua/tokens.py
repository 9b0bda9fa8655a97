"""The only source of randomness."""

import secrets
from typing import Final, Protocol

FETCHED_OCTETS: Final = 4096
# RFC 9562 section 5.4: the bits of a UUID that are not random, and what they are.
_SET_IN_UUID: Final = 0xF << 76 | 0x3 << 62
_VERSION_4: Final = 0x4 << 76 | 0x2 << 62


class Tokens(Protocol):
    """Unpredictable values: tags, branches, identifiers, SSRCs, keys."""

    def hex(self, digits: int) -> str:
        """A string of `digits` lowercase hexadecimal digits."""
        ...

    def integer(self, bits: int) -> int:
        """An integer of 0 .. 2**bits - 1."""
        ...

    def uuid(self) -> str:
        """A UUIDv4 in its canonical text form."""
        ...


class SystemTokens:
    """Values from the operating system's cryptographic generator.

    Octets are fetched many at a time and each is used once: a call needs some thirty tokens, and a system call each
    would cost more than all else that is done with them. One thread at a time; not to be carried over a fork.
    """

    __slots__ = ("_at", "_octets")

    def __init__(self) -> None:
        self._octets = b""
        self._at = 0

    def hex(self, digits: int) -> str:
        """A string of `digits` lowercase hexadecimal digits."""
        start, octets = self._at, self._octets
        end = start + (digits + 1) // 2
        if end > len(octets):
            return self._take((digits + 1) // 2).hex()[:digits]
        self._at = end
        return octets[start:end].hex()[:digits]

    def integer(self, bits: int) -> int:
        """An integer of 0 .. 2**bits - 1."""
        start, octets = self._at, self._octets
        end = start + (bits + 7) // 8
        if end > len(octets):
            return int.from_bytes(self._take((bits + 7) // 8)) >> (-bits % 8)
        self._at = end
        return int.from_bytes(octets[start:end]) >> (-bits % 8)

    def uuid(self) -> str:
        """A UUIDv4 in its canonical text form."""
        number = int.from_bytes(self._take(16)) & ~_SET_IN_UUID | _VERSION_4
        digits = f"{number:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._octets):
            self._octets = secrets.token_bytes(max(FETCHED_OCTETS, count))
            self._at, end = 0, count
        taken = self._octets[self._at : end]
        self._at = end
        return taken
