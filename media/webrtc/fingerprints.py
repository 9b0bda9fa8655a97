"""Fingerprints of certificates (RFC 8122 section 5)."""

import re
from typing import Final, NamedTuple

# Those of DTLS-SRTP that a browser may give, and how many octets each has. SHA-1 and MD5 prove nothing any more.
OCTETS: Final = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
FINGERPRINTS_MAX: Final = 8

_VALUE: Final = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*")


class Fingerprint(NamedTuple):
    """`algorithm` in lower case, such as sha-256."""

    algorithm: str
    digest: bytes

    def render(self) -> str:
        """The value of a=fingerprint."""
        return f"{self.algorithm} {self.digest.hex(':').upper()}"


def parse_fingerprint(value: str) -> Fingerprint | None:
    """None for an algorithm that is not known here, or a digest that is none of it."""
    algorithm, _, digest = value.partition(" ")
    algorithm, digest = algorithm.lower(), digest.strip()
    octets = OCTETS.get(algorithm)
    if octets is None or len(digest) != 3 * octets - 1 or not _VALUE.fullmatch(digest):
        return None
    return Fingerprint(algorithm, bytes.fromhex(digest.replace(":", "")))
