"""Dialogs (RFC 3261 section 12)."""

from b2bua.sip.bodies import SDP, describes
from b2bua.sip.errors import SipError
from b2bua.sip.message import Message, Request, Response
from b2bua.sip.offer_answer import OpenOffers
from b2bua.sip.routing import (
    ROUTES_REMEMBERED,
    LocalAddress,
    RoutedRequest,
    TransportAddress,
    heard_at,
    response_fallback,
    route_in_dialog,
    work_out_route,
)
from b2bua.sip.sent_request import SentRequest
from b2bua.sip.uri import request_line_text

DialogKey = tuple[str, str, str]
"""Call-ID, our tag, the peer's tag ("" for an RFC 2543 peer without one)."""


class Dialog:
    """One dialog, early or confirmed.

    `local_value` and `remote_value` are our and the peer's From/To as header text, tags included. `local_cseq` is the
    last number we used. `target` is the peer's Contact URI. `route_set` is Route text in the order we send it. `peer`
    is where the dialog was made through, or where a peer that made it, or is behind NAT, has been heard from last: what
    is sent goes there when the route names no address that may be used.
    `peer_fallback`: where it listens, should the connection from `peer` be gone; None for what is no stream.
    `expected`: who has to answer at an address of the peer's that says nothing of that, as a `TransportAddress` has it.
    `arrived`: whether the peer made the dialog, by an INVITE of its own.
    `offers`: what of offer and answer is open. `last_rseq` and `prack_branch`: the RSeq of the last reliable
    provisional response to our INVITE, None before the first, and the branch of its PRACK (RFC 3262 section 4).
    `described`: the session description of ours that the peer took last, with its type.
    """

    __slots__ = (
        "arrived",
        "call_id",
        "confirmed",
        "described",
        "expected",
        "last_rseq",
        "local",
        "local_cseq",
        "local_tag",
        "local_value",
        "offers",
        "peer",
        "peer_fallback",
        "prack_branch",
        "remote_cseq",
        "remote_tag",
        "remote_value",
        "route_set",
        "target",
    )

    def __init__(
        self,
        *,
        call_id: str,
        local_tag: str,
        remote_tag: str,
        local_value: str,
        remote_value: str,
        local_cseq: int,
        remote_cseq: int | None,
        target: str,
        route_set: tuple[str, ...],
        peer: TransportAddress,
        local: LocalAddress,
        peer_fallback: TransportAddress | None = None,
        expected: str = "",
    ) -> None:
        self.call_id = call_id
        self.local_tag = local_tag
        self.remote_tag = remote_tag
        self.local_value = local_value
        self.remote_value = remote_value
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq
        self.target = target
        self.route_set = route_set
        self.peer = peer
        self.peer_fallback = peer_fallback
        self.expected = expected
        self.arrived = False
        self.local = local
        self.confirmed = False
        self.offers = OpenOffers()
        self.last_rseq: int | None = None
        self.prack_branch = ""
        self.described: tuple[bytes, str] | None = None

    @property
    def key(self) -> DialogKey:
        """What its messages are found by."""
        return (self.call_id, self.local_tag, self.remote_tag)

    @classmethod
    def of_response(cls, invite: SentRequest, local_tag: str, response: Response) -> "Dialog":
        """The UAC's dialog (12.1.2) of a 101-299 to our INVITE."""
        dialog = cls(
            call_id=invite.call_id,
            local_tag=local_tag,
            remote_tag=response.to_tag or "",
            local_value=invite.from_value,
            remote_value=response.headers.get("To") or invite.to_value,
            local_cseq=invite.cseq,
            remote_cseq=None,
            target=contact_uri(response) or invite.request_uri,
            route_set=tuple(reversed(response.headers.get_all("Record-Route"))),
            peer=invite.destination,
            local=invite.local,
            expected=invite.destination.expected,
        )
        dialog.offers.sent("INVITE", invite.cseq, has_offer=bool(invite.body))
        dialog.describe(invite.body, invite.content_type)
        return dialog

    @classmethod
    def of_request(
        cls,
        invite: Request,
        local_tag: str,
        local_cseq: int,
        source: TransportAddress,
        local: LocalAddress,
        expected: str = "",
    ) -> "Dialog":
        """The UAS's dialog (12.1.1) of an INVITE that is answered with `local_tag`. Raises MalformedHeader."""
        remote_value = invite.headers.get("From") or ""
        dialog = cls(
            call_id=invite.call_id,
            local_tag=local_tag,
            remote_tag=invite.from_tag or "",
            local_value=f"{invite.headers.get('To')};tag={local_tag}",
            remote_value=remote_value,
            local_cseq=local_cseq,
            remote_cseq=invite.cseq.number,
            target=contact_uri(invite) or str(invite.from_.uri.in_request_line()),
            route_set=tuple(invite.headers.get_all("Record-Route")),
            peer=heard_at(invite, source),
            peer_fallback=_listens(invite, source, expected),
            local=local,
            expected=source.expected or expected,
        )
        dialog.arrived = True
        dialog.offers.received("INVITE", invite.cseq.number, has_offer=describes(invite))
        return dialog

    def is_peer(self, address: TransportAddress) -> bool:
        """Whether this is where the peer is, whether or not it is said who is expected there."""
        return address == self.peer or (address.expected != "" and address.place == self.peer.place)

    def confirm(self, response: Response) -> None:
        """Let the 2xx make it confirmed: its route set and Contact replace those of the provisional (13.2.2.4)."""
        self.confirmed = True
        self.target = contact_uri(response) or self.target
        self.route_set = tuple(reversed(response.headers.get_all("Record-Route")))

    def follow(self, response: Response) -> None:
        """Take the Contact of a reliable provisional response, and its Record-Route where it has one."""
        self.target = contact_uri(response) or self.target
        record_route = response.headers.get_all("Record-Route")
        if record_route:
            self.route_set = tuple(reversed(record_route))

    def refresh_target(self, message: Message) -> None:
        """Take the Contact of a target refresh (12.2.1.2, 12.2.2); nothing when there is none."""
        self.target = contact_uri(message) or self.target

    def describe(self, body: bytes, content_type: str | None) -> None:
        """Keep a session description of ours that the peer has taken; any other body is none."""
        if body and content_type is not None and content_type.partition(";")[0].strip().lower() == SDP:
            self.described = (body, content_type)

    def heard_over(self, request: Request, source: TransportAddress, local: TransportAddress) -> None:
        """A peer that connects to us may do so again in the dialog: what goes over its connection goes over the last
        one, since the one before is gone, or as good as that."""
        if self.peer_fallback is not None and source != self.peer and local == self.local.bound:
            self.peer, self.peer_fallback = source, _listens(request, source, self.expected)

    def asked_from(
        self, request: Request, source: TransportAddress, local: TransportAddress, *, nat: bool = False
    ) -> None:
        """A request in its order has come. A caller behind NAT may have got another address there, which its Contact,
        a private one, knows nothing of: what is sent to it over UDP goes to the last one. So it is with one that was
        called and is known to be behind `nat`; others were called where they listen, and may ask from elsewhere."""
        if source.reliable:
            self.heard_over(request, source, local)
        elif (self.arrived or nat) and local == self.local.bound:
            self.peer = heard_at(request, source) if self.arrived else source

    def answered_over(self, source: TransportAddress, local: TransportAddress, asked: TransportAddress) -> None:
        """What was asked over the connection of a peer that connects to us is answered over another one."""
        if self.peer_fallback is not None and self.is_peer(asked) and local == self.local.bound:
            self.peer = source

    def take_cseq(self, number: int) -> bool:
        """Whether a request of the peer with this CSeq is in order (12.2.2): one lower than the last is not."""
        if self.remote_cseq is not None and number < self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    def next_cseq(self) -> int:
        """The number of our next request."""
        self.local_cseq += 1
        return self.local_cseq

    def route(self) -> RoutedRequest:
        """How our next request is routed (12.2.1.1); a route set that cannot be read is not followed."""
        route_set = self.route_set
        try:
            if route_set and sum(map(len, route_set)) > ROUTES_REMEMBERED:
                return work_out_route(self.target, route_set)
            return route_in_dialog(self.target, route_set)
        except SipError:
            return RoutedRequest(self.target, (), self.target)


def _listens(request: Request, source: TransportAddress, expected: str) -> TransportAddress | None:
    fallback = response_fallback(request, source)
    return fallback and fallback.expecting(expected)


def wants_sips(request: Request) -> bool:
    """Whether the Contact of our response to a request that was found well-formed has to be a SIPS URI (12.1.1)."""
    deciding = request.record_routes[:1] or request.contacts[:1]
    return request.uri.scheme == "sips" or any(address.uri.scheme == "sips" for address in deciding)


def contact_uri(message: Message) -> str | None:
    """The URI of the first Contact as a request URI has it, None where there is none that can be read."""
    try:
        contact = message.contact
        return None if contact is None else request_line_text(contact.uri)
    except SipError:
        return None
