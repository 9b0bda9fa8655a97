"""A phone by hand, in a house."""

from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from storage.records import CallRecord
from tests.support.agents import answer_to
from tests.support.house import OURS, House
from tests.support.scripted_phone import Phone, answers

SDP = "Content-Type: application/sdp"


class RawBob:
    """B's phone by hand: dialogs whose every message the test writes; BYE, CANCEL and PRACK are answered."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.got: list[Request | Response] = []
        self._cseq = 0
        phone.raw = self._take

    def _take(self, message: Request | Response, source: TransportAddress) -> None:
        self.got.append(message)
        if isinstance(message, Request) and message.method in ("BYE", "CANCEL", "PRACK"):
            self.phone.send(answer_to(message, 200, to_tag="one"), source)
        if isinstance(message, Request) and message.method == "CANCEL":
            self.respond(487, "one")

    def respond(self, status: int, tag: str, *, port: int | None = None, rseq: int | None = None) -> None:
        """A response to the INVITE under a To-tag, with SDP where a port is given, reliable where an RSeq is."""
        assert self.phone.invite is not None
        at = self.phone.persona.sip
        body = "" if port is None else self.phone.persona.sdp(port=port).decode()
        content = answer_to(
            self.phone.invite,
            status,
            to_tag=tag,
            contact=f"<sip:bobby-{tag}@{at.host}:{at.port}>",
            headers=(f"{SDP}\n" if body else "") + ("" if rseq is None else f"Require: 100rel\nRSeq: {rseq}"),
            body=body,
        )
        self.phone.send(content, OURS)

    def request(self, method: str, tag: str, *, body: str = "", cseq: int | None = None) -> None:
        """A request in the dialog with that tag."""
        invite = self.phone.invite
        assert invite is not None
        at = self.phone.persona.sip
        if method != "ACK":
            self._cseq += 1
        lines = [
            f"{method} sip:{OURS.host}:{OURS.port} SIP/2.0",
            f"Via: SIP/2.0/UDP {at.host}:{at.port};branch=z9hG4bKbobby{method}{self._cseq}",
            "Max-Forwards: 70",
            f"From: {invite.headers.get('To')};tag={tag}",
            f"To: {invite.headers.get('From')}",
            f"Call-ID: {invite.call_id}",
            f"CSeq: {cseq or self._cseq} {method}",
            f"Contact: <sip:bobby-{tag}@{at.host}:{at.port}>",
            *([SDP] if body else []),
            f"Content-Length: {len(body)}",
            "",
            body,
        ]
        self.phone.send("\r\n".join(lines).encode(), OURS)

    def requests(self, method: str) -> list[Request]:
        """The requests of a method that came."""
        return [each for each in self.got if isinstance(each, Request) and each.method == method]

    def answers(self, method: str) -> list[Response]:
        """The responses to its own requests of a method."""
        return [each for each in self.got if isinstance(each, Response) and each.cseq.method == method]

    def tags(self, method: str) -> list[str | None]:
        """The To-tags of the requests of a method that came."""
        return [each.to_tag for each in self.requests(method)]


async def raw_call(house: House) -> tuple[CallRecord, RawBob]:
    """A call that Alice has answered, and that has just reached Bob."""
    house.alice.on_invite = answers(1.0)
    bob = RawBob(house.bob)
    call = await house.place()
    await house.until(lambda: house.bob.invite)
    await house.run(0.1)
    return call, bob
