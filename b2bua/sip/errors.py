"""What can be wrong with something a peer sent, or with something about to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2bua.sip.message import Request


class SipError(Exception):
    """Anything the SIP library refuses.

    `status` is the final status a UAS answers with when a request is at fault; `reason` is one fixed
    phrase, free of anything the peer wrote, so that it may stand in a status line or a log.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class MalformedUri(SipError):
    """The text is not a URI, or the parts do not make one."""


class MalformedHeader(SipError):
    """A header field value does not follow its grammar; `header` is its canonical name where known."""

    def __init__(self, reason: str, header: str = "", status: int = 400) -> None:
        super().__init__(reason, status)
        self.header = header


class MalformedMessage(SipError):
    """The octets are not a SIP message this element can process.

    `request` is what could be made out of a broken request, so that `status` can be answered (RFC 3261
    section 16.3 and 8.2); None when nothing can be answered: a response, or no request at all.
    """

    def __init__(self, reason: str, status: int = 400, request: Request | None = None) -> None:
        super().__init__(reason, status)
        self.request = request

    @property
    def answerable(self) -> bool:
        """Whether a response can be built and sent."""
        return self.request is not None and is_answerable(self.request)


def is_answerable(request: Request) -> bool:
    """Whether a response to a request that is broken can be built and sent: it is no ACK and has a Via."""
    return request.method != "ACK" and "Via" in request.headers
