"""Why something that was sent to a trunk came to nothing, in words for its operator."""

from typing import Final

REFUSED_UNDERWAY: Final = "the network, or its machine, refuses what is sent"


def why_unanswered(cause: str, failure: str | None = None) -> str:
    """A cause as the user agent names it. `failure`: what the last connection there failed of, None where none did;
    it says more than that the transport failed."""
    return (failure or REFUSED_UNDERWAY) if cause == "transport" else cause
