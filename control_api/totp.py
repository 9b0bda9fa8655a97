"""The second factor: six digits from an authenticator (RFC 6238), each good once."""

import base64
import hmac
from typing import Final, Protocol

import pyotp

ISSUER: Final = "maskbridge"
STEP_S: Final = 30
_SECRET_BYTES: Final = 20  # RFC 4226 section 4 asks for 128 bits and recommends 160


class SecretBox(Protocol):
    """Makes secrets that are kept sealed, and opens them."""

    def new(self, owner: str) -> tuple[bytes, str]:
        """A fresh secret of 32 bytes for an owner, and the same one sealed."""
        ...

    def opened(self, owner: str, sealed: str) -> bytes:
        """The secret behind a sealed text of this owner. Raises ValueError when it cannot be had."""
        ...


def new_factor(box: SecretBox, person_id: str) -> tuple[str, str]:
    """A new secret in base32, as an authenticator takes it, and the same one sealed."""
    secret, sealed = box.new(factor_owner(person_id))
    return _base32(secret), sealed


def opened_factor(box: SecretBox, person_id: str, sealed: str) -> str:
    """The secret in base32. Raises ValueError when its master key is not there any more."""
    return _base32(box.opened(factor_owner(person_id), sealed))


def provisioning_uri(secret: str, email: str) -> str:
    """What an authenticator's camera reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def matching_step(secret: str, code: str, now_ms: int) -> int | None:
    """The time step that a code belongs to, this one or a neighbour (RFC 6238 section 5.2); None: it is wrong."""
    factor = pyotp.TOTP(secret, interval=STEP_S)
    now_step = now_ms // 1000 // STEP_S
    found = None
    for step in (now_step + 1, now_step - 1, now_step):
        if hmac.compare_digest(factor.at(step * STEP_S).encode(), code.encode()):
            found = step
    return found


def factor_owner(person_id: str) -> str:
    """Whose a sealed second factor is."""
    return f"totp:{person_id}"


def _base32(secret: bytes) -> str:
    return base64.b32encode(secret[:_SECRET_BYTES]).decode("ascii")
