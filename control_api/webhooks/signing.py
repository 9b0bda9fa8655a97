"""The two signatures of a webhook, and how a receiver checks them.

The first covers the body alone; the second also the time of sending, so that a receiver can refuse a replay.
"""

import hmac
import re
from collections.abc import Sequence
from typing import Final

SIGNATURE_HEADER: Final = "X-Edesy-Signature"
SIGNATURE_V2_HEADER: Final = "X-Edesy-Signature-V2"
TOLERANCE_S: Final = 300
MOST_SIGNATURES: Final = 8  # in one V2 header; more are no honest sender's

_V2: Final = re.compile(r"t=([0-9]{1,12})((?:,v1=[0-9a-f]{64})+)", re.ASCII)


def sign_body(body: bytes, secret: str) -> str:
    """`sha256=` and the lowercase hex HMAC-SHA256 of the raw body."""
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


def sign_body_v2(body: bytes, secrets: Sequence[str], unix_s: int) -> str:
    """`t=<unix>,v1=<hex>` over `<unix>.<raw body>`, with one `v1` for each secret."""
    signed = b"%d.%b" % (unix_s, body)
    signatures = (",v1=" + hmac.digest(secret.encode(), signed, "sha256").hex() for secret in secrets)
    return f"t={unix_s}" + "".join(signatures)


def verify_body(body: bytes, header: str, secret: str) -> bool:
    """Whether `header` is the first signature of this raw body; compared in constant time."""
    return hmac.compare_digest(sign_body(body, secret).encode(), header.encode())


def verify_body_v2(body: bytes, header: str, secret: str, now_s: float, tolerance_s: float = TOLERANCE_S) -> bool:
    """Whether one `v1` of `header` is this secret's over this raw body, sent within `tolerance_s` of Unix `now_s`."""
    match = _V2.fullmatch(header)
    if match is None:
        return False
    unix_s = int(match[1])
    signatures = match[2].split(",v1=")[1:]
    if abs(now_s - unix_s) > tolerance_s or len(signatures) > MOST_SIGNATURES:
        return False
    wanted = hmac.digest(secret.encode(), b"%d.%b" % (unix_s, body), "sha256").hex()
    # Every one is compared, so that the time taken tells nothing of which matched.
    return sum(hmac.compare_digest(wanted, signature) for signature in signatures) > 0
