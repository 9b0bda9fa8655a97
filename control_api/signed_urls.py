"""Signed URLs of recordings: whoever holds one may fetch that recording until it expires, without a key."""

import hmac
import re
from typing import Final

from control_api.errors import Forbidden, Gone

PUBLIC_RECORDINGS_PATH: Final = "/v1/public/recordings/masking/"
_EXPIRES: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def recording_signature(signing_key: bytes, call_id: str, expires_at_s: int) -> str:
    """Lowercase hex HMAC-SHA256 over what the URL promises: which recording, until which Unix second."""
    promise = f"recording\n{call_id}\n{expires_at_s}".encode()
    return hmac.new(signing_key, promise, "sha256").hexdigest()


def signed_recording_url(signing_key: bytes, public_url: str, call_id: str, expires_at_s: int) -> str:
    """The absolute URL of a call's MP3, valid until Unix second `expires_at_s`."""
    signature = recording_signature(signing_key, call_id, expires_at_s)
    return f"{public_url.rstrip('/')}{PUBLIC_RECORDINGS_PATH}{call_id}.mp3?expires={expires_at_s}&signature={signature}"


def check_recording_url(
    signing_key: bytes, call_id: str, expires: str | None, signature: str | None, now_s: float
) -> None:
    """Raises Forbidden unless the URL is one that we signed, then Gone when Unix second `expires` has come."""
    well_formed = (
        expires is not None
        and signature is not None
        and _EXPIRES.fullmatch(expires) is not None
        and _SIGNATURE.fullmatch(signature) is not None
    )
    expires_at_s = int(expires) if well_formed and expires is not None else 0
    wanted = recording_signature(signing_key, call_id, expires_at_s)
    # Compared in constant time, and also when the form alone is wrong.
    if not hmac.compare_digest(wanted, signature if well_formed and signature is not None else "") or not well_formed:
        raise Forbidden("The signature of this URL is not valid.")
    if now_s >= expires_at_s:
        raise Gone("This URL has expired. Please ask for a new one.")
