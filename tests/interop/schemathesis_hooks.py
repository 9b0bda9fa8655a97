"""What Schemathesis cannot know: how the body of an uploaded prompt looks."""

from typing import Any

import schemathesis


@schemathesis.serializer("audio/wav")
def as_it_is(ctx: Any, value: Any) -> Any:
    """Any bytes; hardly ever a WAV file, which is to be refused."""
    return value if isinstance(value, bytes) else str(value).encode()
