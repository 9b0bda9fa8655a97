"""A request of ours as it goes out, and the ACK and CANCEL that belong to it (RFC 3261 17.1.1.3, 9.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from b2bua.sip.message import Response
    from b2bua.sip.routing import LocalAddress, TransportAddress

MAX_FORWARDS: Final = 70


class SentRequest(NamedTuple):
    """All that one request of ours is made of. Those of a routed call are made by position: by name, twice as slow.

    `request_uri`, `routes`, `from_value` and `to_value` are header text. `common_lines` (Contact, User-Agent,
    Allow ...) and `own_lines` (what the caller gave) are whole header lines, each ended by CRLF. `session_lines` ask
    for a session timer, `credential_lines` answer a challenge. `branch` is the Via's, unique to its transaction.
    `fallback`: see `Outgoing`.
    """

    method: str
    request_uri: str
    destination: TransportAddress
    local: LocalAddress
    branch: str
    routes: tuple[str, ...]
    from_value: str
    to_value: str
    call_id: str
    cseq: int
    common_lines: str = ""
    own_lines: str = ""
    session_lines: str = ""
    credential_lines: str = ""
    max_forwards: int = MAX_FORWARDS
    content_type: str | None = None
    body: bytes = b""
    fallback: TransportAddress | None = None

    def render(self) -> bytes:
        """The octets of the request."""
        type_line = f"Content-Type: {self.content_type}\r\n" if self.body and self.content_type else ""
        head = (
            f"{self._head(self.method, self.to_value)}{self.common_lines}{self.own_lines}{self.session_lines}"
            f"{self.credential_lines}{type_line}Content-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode("utf-8", "surrogateescape") + self.body

    def acknowledge(self, failure: Response) -> bytes:
        """The ACK to a final response of 300-699: same branch, request URI and routes; To with the response's tag."""
        to_value = failure.headers.get("To") or self.to_value
        return f"{self._head('ACK', to_value)}Content-Length: 0\r\n\r\n".encode("utf-8", "surrogateescape")

    def cancel(self, common_lines: str, own_lines: str) -> SentRequest:
        """The CANCEL of it: same branch, request URI, routes, To and CSeq number."""
        return SentRequest(
            method="CANCEL",
            request_uri=self.request_uri,
            destination=self.destination,
            local=self.local,
            branch=self.branch,
            routes=self.routes,
            from_value=self.from_value,
            to_value=self.to_value,
            call_id=self.call_id,
            cseq=self.cseq,
            common_lines=common_lines,
            own_lines=own_lines,
            max_forwards=self.max_forwards,
            fallback=self.fallback,
        )

    def _head(self, method: str, to_value: str) -> str:
        routes = "".join([f"Route: {route}\r\n" for route in self.routes]) if self.routes else ""
        return (
            f"{method} {self.request_uri} SIP/2.0\r\n"
            f"{self.local.via_start}{self.branch};rport\r\n"
            f"{routes}Max-Forwards: {self.max_forwards}\r\n"
            f"From: {self.from_value}\r\n"
            f"To: {to_value}\r\n"
            f"Call-ID: {self.call_id}\r\n"
            f"CSeq: {self.cseq} {method}\r\n"
        )
