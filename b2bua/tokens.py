"""The only source of randomness."""

import secrets
import uuid
from typing import Protocol


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
    """Values from the operating system's cryptographic generator."""

    def hex(self, digits: int) -> str:
        """A string of `digits` lowercase hexadecimal digits."""
        return secrets.token_hex((digits + 1) // 2)[:digits]

    def integer(self, bits: int) -> int:
        """An integer of 0 .. 2**bits - 1."""
        return secrets.randbits(bits)

    def uuid(self) -> str:
        """A UUIDv4 in its canonical text form."""
        return str(uuid.uuid4())
