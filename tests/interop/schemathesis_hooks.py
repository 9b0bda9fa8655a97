"""What Schemathesis cannot know: how the bodies look that are no JSON, an uploaded prompt and a browser's SDP."""

from typing import Any

import schemathesis


@schemathesis.serializer("audio/wav", "application/sdp", "application/trickle-ice-sdpfrag")
def as_it_is(ctx: Any, value: Any) -> Any:
    """Any bytes; hardly ever what they are said to be, which is to be refused."""
    return value if isinstance(value, bytes) else str(value).encode()
