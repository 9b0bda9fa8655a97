"""One leg to an agent: the switch's INVITE on one side, the browser that answers it on the other."""

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from functools import partial
from typing import Final, Protocol

from b2bua.agents.leg import AgentLeg
from b2bua.agents.plain_sdp import OPUS, PlainOffer, PlainSide, read_plain_offer, render_answer, render_offer
from b2bua.alarm import Alarm, Scheduler
from b2bua.call.agent_calls import (
    AgentCallEnded,
    AgentConnected,
    AgentDisconnected,
    AgentEvent,
    AgentStopped,
    EndReason,
    MediaAnswer,
    StopReason,
)
from b2bua.call.errors import AgentCallConflict, AgentCallNotFound, IceSessionGone
from b2bua.call.patience import RECONNECT_S, Patience
from b2bua.sip import events as sip
from b2bua.sip.bodies import SDP, session_description
from b2bua.sip.info_digits import RELAY_TYPE
from b2bua.tokens import Tokens
from b2bua.transport.endpoint import SipEndpoint
from media.errors import UnusableSdp
from media.webrtc import interface as browser

LOG: Final = logging.getLogger(__name__)

RETRY_S: Final = 0.5  # before a re-INVITE that was refused is tried again
MOST_RETRIES: Final = 10
MOST_DIGITS: Final = 64  # waiting to be sent
DIGIT_MS: Final = 160


class Stage(StrEnum):
    """Where the leg stands."""

    RINGING = "ringing"
    ANSWERING = "answering"  # a browser has offered, and is not connected yet
    TALKING = "talking"
    OVER = "over"


class Exchange(Protocol):
    """What a leg has to do with: the line it is on."""

    endpoint: SipEndpoint
    gateway: browser.BrowserGateway
    scheduler: Scheduler
    tokens: Tokens
    media_host: str  # where the switch's media are
    connect_timeout_s: float  # how long a browser may take to be connected

    def own_ice_servers(self) -> tuple[browser.IceServer, ...]:
        """Where the gateway finds candidates of its own."""
        ...

    def tell(self, call: "AgentCall", event: AgentEvent, but: str | None = None) -> None:
        """Tell the agent's pages."""
        ...

    def note(self, call: "AgentCall", name: str, **details: object) -> None:
        """A step for the call's trace."""
        ...

    def asked(self, request: int, call: "AgentCall") -> None:
        """A request of the leg is under way: its answer is the leg's."""
        ...

    def later(self, work: Callable[[], Awaitable[object]]) -> None:
        """Have the gateway do something; nobody waits for it."""
        ...

    def over(self, call: "AgentCall") -> None:
        """The leg is over."""
        ...


class AgentCall:
    """Rings, is answered by one browser, and follows both sides to the end."""

    def __init__(self, leg: AgentLeg, invite: sip.IncomingInvite, offer: PlainOffer, line: Exchange) -> None:
        self.leg = leg
        self.stage = Stage.RINGING
        self.media_id = ""
        self.held = False
        self._invite = invite
        self._usage: int = invite.usage
        self._offer = offer
        self._switch_port = offer.remote.port  # where the switch's RTP is
        self._line = line
        self._session_id = line.tokens.integer(31)
        self._version = 1
        self._generation = 1  # of the ICE session
        self._side: PlainSide | None = None  # what is to be agreed with the switch
        self._agreed: PlainSide | None = None
        self._asked: PlainSide | None = None  # what the re-INVITE under way says
        self._request: int | None = None
        self._retries = 0
        self._digits: deque[str] = deque()
        self._digit_request: int | None = None
        self._taken_over = 0  # how many offer in the place of a browser at this moment
        # Both are let go at the end: each holds on to this.
        self._patience: Patience | None = None
        self._retry: Alarm | None = None

    # The browser

    async def answer(self, offer: str, page_id: str | None, media_id: str | None) -> MediaAnswer:
        """Answer a browser that offers: the first while it rings; from then on one in the place of a browser that is
        gone, or that it names by its `media_id`.

        AgentCallConflict: another one answers it. AgentCallNotFound: it is over by now. BrowserRefused of the gateway.
        """
        if self._may_follow(media_id):
            return await self._answer_again(offer)
        if self.stage is not Stage.RINGING:
            raise AgentCallConflict("Another browser answers this call.")
        self.stage = Stage.ANSWERING
        try:
            found = await self._line.gateway.answer(self.leg.name, offer, self._wish(self._codecs))
        except BaseException:
            if self.stage is Stage.ANSWERING:
                self.stage = Stage.RINGING
            raise
        if self.stage is not Stage.ANSWERING:
            await self._line.gateway.close(self.leg.name)
            raise AgentCallNotFound
        await self._take(found)
        self._line.tell(self, AgentStopped(self.leg.call_id, "answered_elsewhere", self.media_id), page_id)
        self._line.note(self, "agent.answering")
        return MediaAnswer(found.sdp, self.media_id, self.etag)

    def _may_follow(self, media_id: str | None) -> bool:
        """Whether another browser may take the place of the one that there is: its page may have been loaded anew, also
        before it was connected."""
        if self._side is None or self.stage not in (Stage.ANSWERING, Stage.TALKING):
            return False
        return self._lost or media_id == self.media_id

    async def _answer_again(self, offer: str) -> MediaAnswer:
        assert self._side is not None
        self._taken_over += 1
        try:
            with self._expecting():
                found = await self._line.gateway.answer(self.leg.name, offer, self._wish((self._side.codec,)))
        finally:
            self._taken_over -= 1
        if self.stage not in (Stage.ANSWERING, Stage.TALKING):
            await self._line.gateway.close(self.leg.name)
            raise AgentCallNotFound
        self._generation += 1
        await self._take(found)
        if self.stage is Stage.TALKING and not self._lost:
            self._wait_for_browser()
        return MediaAnswer(found.sdp, self.media_id, self.etag)

    async def _take(self, found: browser.BrowserAnswer) -> None:
        """Have the browser's media go to the switch. AgentCallNotFound: the call has ended meanwhile, which its pages
        have been told, and its end has closed the browser's session. AgentCallConflict: another has taken its place."""
        media_id = self.media_id = self._line.tokens.hex(16)
        self._side = self._side_of(found)
        await self._aim()
        self._check_still(media_id)

    async def trickle(self, fragment: str, etag: str) -> None:
        """Take more candidates of the browser's. IceSessionGone, and what the gateway refuses."""
        self.check_media()
        if etag != self.etag:
            raise IceSessionGone
        await self._line.gateway.trickle(self.leg.name, fragment)

    async def restart(self, fragment: str) -> MediaAnswer:
        """Restart ICE: ours in the form of the browser's. AgentCallConflict: another browser takes its place. What the
        gateway refuses."""
        self.check_media()
        if self._taken_over:
            raise AgentCallConflict("Another browser answers this call.")
        media_id = self.media_id
        with self._expecting():
            answer = await self._line.gateway.restart(self.leg.name, fragment)
        self._check_still(media_id)
        self._generation += 1
        return MediaAnswer(answer, self.media_id, self.etag)

    @property
    def etag(self) -> str:
        """The name of the present ICE session (RFC 9725 section 4.3)."""
        return f'"{self.media_id}-{self._generation}"'

    def under_way(self) -> AgentEvent | None:
        """What a page is told that opens now."""
        if self.stage is Stage.RINGING:
            return self.leg.ringing()
        if self.stage is not Stage.TALKING:
            return None
        if self._lost:
            return AgentDisconnected(self.leg.call_id, self.media_id, RECONNECT_S)
        return AgentConnected(self.leg.call_id, self.media_id, self.held)

    def check_media(self) -> None:
        """Raise AgentCallNotFound where no browser answers it."""
        if self.stage not in (Stage.ANSWERING, Stage.TALKING):
            raise AgentCallNotFound

    def _check_still(self, media_id: str) -> None:
        """Whether what was asked of the gateway is still of the call, and of the browser that answers it."""
        if self.stage is Stage.OVER:
            raise AgentCallNotFound
        if self.media_id != media_id:
            raise AgentCallConflict("Another browser answers this call.")

    def on_browser_event(self, event: browser.BrowserEvent) -> None:
        """Take in what became of the browser."""
        match event:
            case browser.BrowserConnected() | browser.BrowserReconnected():
                self._browser_is_there()
            case browser.BrowserDisconnected() | browser.BrowserClosed():
                self._browser_is_gone()
            case browser.BrowserFailed():
                self._line.note(self, "agent.browser_failed", reason=event.reason)
                self._browser_is_gone()
                if self._patience is not None:
                    self._patience.expect_none()

    def _browser_is_there(self) -> None:
        if self.stage is Stage.ANSWERING and self._side is not None:
            self.stage = Stage.TALKING
            self._agreed = self._side
            body = render_answer(self._offer, self._side, self._session_id, self._version)
            self._line.endpoint.respond(self._invite.transaction, 200, body=body, content_type=SDP)
        elif self.stage is not Stage.TALKING:
            return
        if self._patience is not None:
            self._patience.end()
        self._line.note(self, "agent.connected")
        self._line.tell(self, AgentConnected(self.leg.call_id, self.media_id, self.held))
        self._negotiate()

    def _browser_is_gone(self) -> None:
        if self.stage is Stage.ANSWERING:
            self.refuse(480, "failed")
        elif self.stage is Stage.TALKING and not self._lost:
            self._line.note(self, "agent.disconnected")
            self._line.tell(self, AgentDisconnected(self.leg.call_id, self.media_id, RECONNECT_S))
            self._wait_for_browser()

    def _wait_for_browser(self) -> None:
        line = self._line
        self._patience = self._patience or Patience(line.scheduler, line.connect_timeout_s, self._given_up)
        self._patience.begin()
        self._negotiate()

    @property
    def _lost(self) -> bool:
        return self._patience is not None and self._patience.waiting

    def _expecting(self) -> AbstractContextManager[None]:
        return nullcontext() if self._patience is None else self._patience.expecting()

    def _given_up(self) -> None:
        if self.stage is Stage.TALKING:
            self.hang_up("connection_lost")

    @property
    def _codecs(self) -> tuple[str, ...]:
        """What the browser may be answered with, best first: as the switch has it, which is what the other leg speaks
        where it speaks already; between two browsers Opus, which no trunk has to be spared then."""
        codecs = self._offer.codecs
        if self.leg.leg == "a" and self.leg.opposite_agent and OPUS in codecs:
            return OPUS, *(codec for codec in codecs if codec != OPUS)
        return codecs

    def _wish(self, codecs: tuple[str, ...]) -> browser.BrowserWish:
        return browser.BrowserWish(codecs, self._line.own_ice_servers())

    def _side_of(self, answer: browser.BrowserAnswer) -> PlainSide:
        host, port = answer.plain
        events = answer.payload_types.telephone_event is not None
        return PlainSide(
            host,
            port,
            answer.codec,
            self._offer.payload_type(answer.codec),
            self._offer.telephone_event(answer.codec) if events else None,
        )

    async def _aim(self) -> None:
        assert self._side is not None
        types = browser.PayloadTypes(self._side.payload_type, self._side.telephone_event)
        await self._line.gateway.aim(self.leg.name, (self._line.media_host, self._switch_port), types)

    # What the agent asks

    def hold(self, held: bool) -> None:
        """Let nothing pass either way, or let it pass again. AgentCallConflict: it has not been answered."""
        self._check_talking()
        if held is not self.held:
            self.held = held
            self._line.note(self, "agent.held" if held else "agent.resumed")
            if not self._lost:
                self._line.tell(self, AgentConnected(self.leg.call_id, self.media_id, held))
            self._negotiate()

    def press(self, digits: str) -> None:
        """Send digits by INFO, one after the other. AgentCallConflict: it has not been answered, or too many wait."""
        self._check_talking()
        if len(self._digits) + len(digits) > MOST_DIGITS:
            raise AgentCallConflict("Too many digits wait to be sent.")
        self._digits.extend(digits)
        self._send_digit()

    def refuse(self, status: int, reason: StopReason) -> None:
        """Refuse it while it has not been answered: nobody else rings on."""
        self._line.endpoint.hang_up(self._usage, None, status)
        self._stop(reason)

    def hang_up(self, reason: EndReason) -> None:
        """End it, in whatever stage it is."""
        if self.stage is Stage.TALKING:
            self._line.endpoint.hang_up(self._usage)
            self._end(reason)
        elif self.stage is not Stage.OVER:
            self.refuse(480, "declined")

    def _check_talking(self) -> None:
        if self.stage is not Stage.TALKING:
            raise AgentCallConflict("The call has not been answered.")

    # The switch

    def on_sip_event(self, event: sip.UserAgentEvent) -> None:
        """Take in what the switch does."""
        act = _ACTS.get(type(event))
        if act is not None and self.stage is not Stage.OVER:
            act(self, event)

    def _cancelled(self, _event: sip.IncomingCancelled) -> None:
        self._stop("cancelled")

    def _bye_received(self, _event: sip.ByeReceived) -> None:
        self._end("other_party")

    def _dialog_lost(self, _event: sip.DialogLost) -> None:
        self._end("other_party")

    def _asked_for(self, event: sip.IncomingRequest) -> None:
        """A request of the switch within the dialog."""
        request = event.request
        respond = partial(self._line.endpoint.respond, event.transaction)
        offer = session_description(request.headers.get("Content-Type"), request.body)
        if request.method not in ("INVITE", "UPDATE") or self._agreed is None:
            respond(200)
        elif not offer:
            self._version += 1
            body = render_offer(self._agreed, self._session_id, self._version) if request.method == "INVITE" else b""
            respond(200, body=body, content_type=SDP if body else None)
        else:
            try:
                read = read_plain_offer(offer)
            except UnusableSdp as error:
                LOG.warning("leg %s: a changed offer is refused: %s", self.leg.name, error)
                respond(488)
                return
            self._version += 1
            respond(200, body=render_answer(read, self._agreed, self._session_id, self._version), content_type=SDP)
            self._moved(read)

    def _acked(self, event: sip.AckReceived) -> None:
        self._take_description(event.body, event.content_type)

    def _refreshed(self, event: sip.SessionRefreshed) -> None:
        self._take_description(event.body, event.content_type)

    def _take_description(self, body: bytes, content_type: str | None) -> None:
        """The switch's answer to an offer of ours."""
        described = session_description(content_type, body)
        if not described:
            return
        try:
            self._moved(read_plain_offer(described))
        except UnusableSdp as error:
            LOG.warning("leg %s: an answer cannot be used: %s", self.leg.name, error)

    def _moved(self, read: PlainOffer) -> None:
        """The switch's media may be at another port."""
        port = read.remote.port
        if port and port != self._switch_port:
            self._switch_port = port
            self._line.later(self._aim)

    def answered(self, event: sip.RequestAnswered) -> None:
        """A request of ours has its final response."""
        response = event.response
        if event.request == self._digit_request:
            self._digit_request = None
            self._send_digit()
        elif event.request == self._request:
            self._request = None
            if 200 <= response.status <= 299:
                self._retries = 0
                self._agreed = self._asked
                self._take_description(response.body, response.headers.get("Content-Type"))
                self._negotiate()
            else:
                self._try_again()

    def failed(self, event: sip.RequestFailed) -> None:
        """A request of ours has none."""
        if event.request == self._digit_request:
            self._digit_request = None
            self._send_digit()
        elif event.request == self._request:
            self._request = None
            self._try_again()

    def _try_again(self) -> None:
        self._retries += 1
        if self._retries <= MOST_RETRIES:
            self._retry = self._retry or Alarm(self._line.scheduler, self._negotiate)
            self._retry.set(self._line.scheduler.time() + RETRY_S)

    def _negotiate(self) -> None:
        """Bring the switch to what the plain side is to be, one re-INVITE at a time."""
        if self.stage is not Stage.TALKING or self._side is None or self._request is not None:
            return
        wanted = self._side.with_hold(self.held or self._lost)
        if wanted == self._agreed:
            return
        self._version += 1
        self._asked = wanted
        body = render_offer(wanted, self._session_id, self._version)
        self._request = self._ask("INVITE", body, SDP)

    def _send_digit(self) -> None:
        if self.stage is Stage.TALKING and self._digits and self._digit_request is None:
            body = f"Signal={self._digits.popleft()}\r\nDuration={DIGIT_MS}\r\n".encode("ascii")
            self._digit_request = self._ask("INFO", body, RELAY_TYPE)

    def _ask(self, method: str, body: bytes, content_type: str) -> int:
        endpoint = self._line.endpoint
        request = endpoint.request_in_dialog(self._usage, method, body=body, content_type=content_type)
        self._line.asked(request, self)
        return request

    # The end

    def _stop(self, reason: StopReason) -> None:
        self._line.note(self, "agent.stopped", reason=reason)
        self._line.tell(self, AgentStopped(self.leg.call_id, reason))
        self._close()

    def _end(self, reason: EndReason) -> None:
        if self._agreed is None:
            self._stop("cancelled")
            return
        self._line.note(self, "agent.ended", reason=reason)
        self._line.tell(self, AgentCallEnded(self.leg.call_id, reason))
        self._close()

    def _close(self) -> None:
        self.stage = Stage.OVER
        if self._patience is not None:
            self._patience.end()
        if self._retry is not None:
            self._retry.clear()
        self._patience = self._retry = None
        self._digits.clear()
        gateway, name = self._line.gateway, self.leg.name
        self._line.later(lambda: gateway.close(name))
        self._line.over(self)


_ACTS: Final[Mapping[type, Callable[..., None]]] = {
    sip.IncomingCancelled: AgentCall._cancelled,
    sip.ByeReceived: AgentCall._bye_received,
    sip.DialogLost: AgentCall._dialog_lost,
    sip.IncomingRequest: AgentCall._asked_for,
    sip.AckReceived: AgentCall._acked,
    sip.SessionRefreshed: AgentCall._refreshed,
}
