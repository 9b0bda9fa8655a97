"""The `Idempotency-Key` header. Its reservation is made by the switch, in the unit of work that admits the call."""

import re
from collections.abc import Sequence
from typing import Final

from control_api.errors import InvalidRequest

IDEMPOTENCY_HEADER: Final = "Idempotency-Key"
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")


def idempotency_key(values: Sequence[str]) -> str | None:
    """The key among the header's values, None without one. Raises InvalidRequest when it is unusable or ambiguous."""
    if not values:
        return None
    if len(values) > 1 or not _KEY.fullmatch(values[0]):
        raise InvalidRequest(
            f"{IDEMPOTENCY_HEADER} must be given once, with 1 to 255 visible ASCII characters.", IDEMPOTENCY_HEADER
        )
    return values[0]
