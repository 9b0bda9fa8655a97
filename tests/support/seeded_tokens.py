"""Tokens that are the same on every run with the same seed."""

import hashlib
import uuid


class SeededTokens:
    """Satisfies `b2bua.tokens.Tokens`; distinct values in a fixed order."""

    def __init__(self, seed: str | int = 0) -> None:
        self._seed = str(seed)
        self._drawn = 0

    def _digest(self) -> bytes:
        self._drawn += 1
        return hashlib.sha256(f"{self._seed}/{self._drawn}".encode()).digest()

    def hex(self, digits: int) -> str:
        """A string of `digits` lowercase hexadecimal digits."""
        text = ""
        while len(text) < digits:
            text += self._digest().hex()
        return text[:digits]

    def integer(self, bits: int) -> int:
        """An integer of 0 .. 2**bits - 1."""
        return int(self.hex((bits + 3) // 4), 16) >> (-bits % 4)

    def uuid(self) -> str:
        """A UUIDv4 in its canonical text form."""
        return str(uuid.UUID(bytes=self._digest()[:16], version=4))

    def fraction(self) -> float:
        """A number of 0 <= x < 1."""
        return self.integer(53) / (1 << 53)
