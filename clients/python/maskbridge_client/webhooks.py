"""Whether a webhook comes from your server: its signatures, checked in constant time."""

import hmac
import time
from collections.abc import Mapping
from typing import Final

TOLERANCE_S: Final = 300.0
_MOST_SIGNATURES: Final = 8


def verify(body: bytes, headers: Mapping[str, str], secret: str, *, now_s: float | None = None) -> bool:
    """Whether the raw body of a webhook was signed with the endpoint's secret, and not long ago.

    It is `X-Edesy-Signature-V2` that is looked at, which holds the time of sending: the older one alone could be sent
    again by whoever has seen it. `now_s`: Unix seconds, the system's clock without it.
    """
    given = {name.lower(): value for name, value in headers.items()}
    newer = given.get("x-edesy-signature-v2", "")
    return verify_v2(body, newer, secret, now_s=time.time() if now_s is None else now_s)


def verify_v1(body: bytes, signature: str, secret: str) -> bool:
    """`X-Edesy-Signature`: over the body alone."""
    wanted = "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()
    return hmac.compare_digest(wanted.encode(), signature.encode(errors="replace"))


def verify_v2(body: bytes, signature: str, secret: str, *, now_s: float, tolerance_s: float = TOLERANCE_S) -> bool:
    """`X-Edesy-Signature-V2`: over the time too; one of several while a secret is being replaced."""
    stamp, *rest = signature.split(",v1=")
    sent_s = stamp.removeprefix("t=")
    if not sent_s.isascii() or not sent_s.isdecimal() or len(sent_s) > 12 or not 0 < len(rest) <= _MOST_SIGNATURES:
        return False
    if abs(now_s - int(sent_s)) > tolerance_s:
        return False
    wanted = hmac.digest(secret.encode(), sent_s.encode() + b"." + body, "sha256").hex().encode()
    return any([hmac.compare_digest(wanted, each.encode(errors="replace")) for each in rest])
