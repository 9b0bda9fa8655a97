"""The suites of SRTP (RFC 3711, RFC 7714) as SDES names them (RFC 4568 section 6.2, RFC 7714 section 14.2)."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Suite:
    """A crypto suite: its SDP name, the bytes of its master key and of its master salt."""

    name: str
    key_bytes: int
    salt_bytes: int

    @property
    def master_bytes(self) -> int:
        """The bytes of master key and salt together."""
        return self.key_bytes + self.salt_bytes


AES_CM_128_HMAC_SHA1_80: Final = Suite("AES_CM_128_HMAC_SHA1_80", 16, 14)
AES_CM_128_HMAC_SHA1_32: Final = Suite("AES_CM_128_HMAC_SHA1_32", 16, 14)
AEAD_AES_128_GCM: Final = Suite("AEAD_AES_128_GCM", 16, 12)
AEAD_AES_256_GCM: Final = Suite("AEAD_AES_256_GCM", 32, 12)

# What is served, and of it what is offered, in that order: first what every implementation must have (RFC 4568 section
# 6.2), since some look at the first line only. Who has the short tag has the long one, so it is not offered.
SUITES: Final = (AES_CM_128_HMAC_SHA1_80, AEAD_AES_256_GCM, AEAD_AES_128_GCM, AES_CM_128_HMAC_SHA1_32)
OFFERED: Final = (AES_CM_128_HMAC_SHA1_80, AEAD_AES_256_GCM, AEAD_AES_128_GCM)
