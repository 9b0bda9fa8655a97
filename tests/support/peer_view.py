"""What a phone knows of its calls, read from nothing but the bytes that it sent and that reached it."""

from collections.abc import Iterable
from dataclasses import dataclass

from b2bua.sip.errors import MalformedMessage
from b2bua.sip.message import Request, Response
from b2bua.sip.parser import parse_message
from tests.support.lossy_network import LossyNetwork
from tests.support.scripted_phone import Phone


@dataclass(slots=True)
class PeerView:
    """One call as a phone saw it, in monotonic seconds; None for what never came about.

    `connected_at`: a 2xx to its INVITE came or went. `over_at`: the first BYE, CANCEL or final failure, sent or got.
    """

    call_id: str
    connected_at: float | None = None
    over_at: float | None = None

    @property
    def is_up(self) -> bool:
        """Whether the phone has to believe that it is in this call."""
        return self.connected_at is not None and self.over_at is None

    def take(self, at: float, message: Request | Response) -> None:
        """Take in a message that the phone sent or got."""
        if isinstance(message, Request):
            if message.method == "BYE" or (message.method == "CANCEL" and self.connected_at is None):
                self._over(at)
        elif message.cseq.method == "INVITE" and message.status >= 200 and self.over_at is None:
            if message.status < 300:
                self.connected_at = at if self.connected_at is None else self.connected_at
            elif self.connected_at is None and message.status not in (401, 407, 422):
                self._over(at)

    def _over(self, at: float) -> None:
        self.over_at = at if self.over_at is None else self.over_at


def views_of(phone: Phone, network: LossyNetwork) -> list[PeerView]:
    """Every call of a phone, in the order they began."""
    sent = [(each.at, each.content) for each in network.carried if each.source == phone.persona.sip]
    views: dict[str, PeerView] = {}
    for at, message in _in_order(sent + phone.received_at):
        views.setdefault(message.call_id, PeerView(message.call_id)).take(at, message)
    return list(views.values())


def overlap_s(first: PeerView, second: PeerView) -> float:
    """How long both were connected."""
    if first.connected_at is None or second.connected_at is None or first.over_at is None or second.over_at is None:
        return 0.0
    return max(0.0, min(first.over_at, second.over_at) - max(first.connected_at, second.connected_at))


def _in_order(messages: Iterable[tuple[float, bytes]]) -> Iterable[tuple[float, Request | Response]]:
    for at, content in sorted(messages, key=lambda each: each[0]):
        try:
            yield at, parse_message(content)
        except MalformedMessage:
            continue
