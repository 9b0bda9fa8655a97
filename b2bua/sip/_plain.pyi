"""Plain messages, read in C: see b2bua.sip.plain."""

from b2bua.sip.message import Request, Response

def read_plain(octets: bytes, *, head_alone: bool = False) -> Request | Response | None: ...
