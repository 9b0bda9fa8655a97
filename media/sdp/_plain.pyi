"""Plain descriptions, read in C: see media.sdp.plain."""

from media.sdp.description import SessionDescription

def read_plain(body: bytes) -> SessionDescription | None: ...
