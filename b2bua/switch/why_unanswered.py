"""Why something that was sent to a trunk came to nothing, in words for its operator."""

from typing import Final

REFUSED_UNDERWAY: Final = "the network, or its machine, refuses what is sent"
CONNECTION_ENDED: Final = "its connection ended"


def why_unanswered(cause: str, failure: str | None = None, *, stream: bool = False) -> str:
    """A cause as the user agent names it. `failure`: what the last connection there failed of, None where none did;
    it says more than that the transport failed. `stream`: it went over a connection; one that something came over
    before it ended has not failed."""
    if cause != "transport":
        return cause
    return failure or (CONNECTION_ENDED if stream else REFUSED_UNDERWAY)
