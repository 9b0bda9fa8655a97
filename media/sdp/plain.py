"""Descriptions as nearly every peer writes them, read by compiled code; all others are for media.sdp.session.

A description is plain where reading it leaves no doubt: visible ASCII and spaces alone, lines of the form type=value
that end with CRLF, which the last may lack, `v=0` and nothing else as the first of them, c= lines with an IPv4 address
and nothing behind it, m= lines whose port is a number alone.

What is read is what the session's own code would have read; whatever that refuses is not plain. Nothing of it is
remembered but its addresses, which both read with the same function: there may be keys among the attributes. Without a
compiler at the installation no description is plain.
"""

from media.sdp.description import SessionDescription

try:
    from media.sdp._plain import read_plain
except ModuleNotFoundError:

    def read_plain(body: bytes) -> SessionDescription | None:
        """The description of a body that is plain, None of any other."""
        return None


__all__ = ["read_plain"]
