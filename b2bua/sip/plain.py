"""Messages as nearly every peer writes them, read by compiled code; all others are for b2bua.sip.parser.

A message is plain where reading it leaves no doubt: visible ASCII and spaces alone, lines that end with CRLF and go on
on no other, known names without a space before the colon, one Content-Length at most and a body that long. Its Via,
From, To, Call-ID, CSeq, Contact, Max-Forwards and request URI are read with it where they are plain too: `sip:` and a
host name or IPv4 address, parameters without quotes, escapes and spaces. The others are read when they are asked for,
like those of any message. Where nothing is left that `validate_request` or `validate_response` could find, they look no
further.

What is read is what the parser would have read. Without a compiler at the installation no message is plain.
"""

from b2bua.sip.message import Request, Response

try:
    from b2bua.sip._plain import is_plain_uri, read_plain
except ModuleNotFoundError:

    def is_plain_uri(text: str) -> bool:
        """Whether a URI is one of those that are read with a plain message, and so certainly can be read."""
        return False

    def read_plain(octets: bytes, *, head_alone: bool = False) -> Request | Response | None:
        """The message of a datagram that is plain, None of any other. `head_alone`: what is given is the header and
        the empty line that ends it; its body comes later."""
        return None


__all__ = ["is_plain_uri", "read_plain"]
