"""The agents' line: a user agent on loopback that takes the switch's INVITEs to agents, rings their pages and answers
with the plain RTP of the gateway for browsers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from b2bua.agents.agent_call import AgentCall, Stage
from b2bua.agents.leg import AgentLeg
from b2bua.agents.pages import Key, Page, Pages
from b2bua.agents.plain_sdp import read_plain_offer
from b2bua.alarm import Scheduler
from b2bua.call.agent_calls import AgentEvent, AgentPresence, IceServerTold, MediaAnswer
from b2bua.call.errors import AgentCallNotFound, BrowserOfferRefused, CapacityExhausted
from b2bua.call.identity import AGENT_LEG_HEADER
from b2bua.call.masking import parse_agent
from b2bua.sip import events as sip
from b2bua.sip.bodies import session_description
from b2bua.switch.trace_steps import Told
from b2bua.tokens import Tokens
from b2bua.transport.endpoint import SipEndpoint
from media.errors import (
    BrowserPortsExhausted,
    BrowserRefused,
    GatewayClosed,
    TooManyBrowsers,
    UnknownBrowser,
    UnusableSdp,
)
from media.webrtc import interface as browser
from storage.agent_records import Agent, AgentState
from storage.records import CallRecord

LOG: Final = logging.getLogger(__name__)
T = TypeVar("T")

NOT_IN_USE: Final = 404
UNAVAILABLE: Final = 480  # no page, or away
BUSY: Final = 486
DECLINED: Final = 603
NOT_ACCEPTABLE: Final = 488


class Calls(Protocol):
    """What the line asks of the switch."""

    def record_of(self, call_id: str) -> CallRecord | None:
        """A call that runs, as it now stands."""
        ...

    def note(self, call_id: str, step: Told) -> None:
        """Put a step into a call's trace."""
        ...


@dataclass(frozen=True, slots=True)
class LineMeans:
    """What the line works with. `media_host`: where the switch's media sockets are. `ice_servers`: those there are,
    with credentials for a name. `connect_timeout_s`: how long the gateway gives a browser to be connected."""

    calls: Calls
    gateway: browser.BrowserGateway
    scheduler: Scheduler
    tokens: Tokens
    media_host: str
    ice_servers: Callable[[str], tuple[browser.IceServer, ...]]
    connect_timeout_s: float = 15.0


class AgentsLine:
    """Every leg to an agent. An agent has one at a time: another one is busy."""

    def __init__(self, means: LineMeans) -> None:
        self.gateway = means.gateway
        self.scheduler = means.scheduler
        self.tokens = means.tokens
        self.media_host = means.media_host
        self.connect_timeout_s = means.connect_timeout_s
        self._ice_servers = means.ice_servers
        self.pages = Pages()
        self._switch = means.calls
        self._endpoint: SipEndpoint | None = None
        self._calls: dict[str, AgentCall] = {}  # by the leg's name
        self._by_agent: dict[Key, AgentCall] = {}
        self._own: dict[Key, str] = {}  # the call that an agent has placed last
        self._usages: dict[int, AgentCall] = {}
        self._requests: dict[int, AgentCall] = {}
        self._work: set[asyncio.Future[object]] = set()

    def __len__(self) -> int:
        """How many legs there are."""
        return len(self._calls)

    @property
    def endpoint(self) -> SipEndpoint:
        """The line's SIP endpoint."""
        assert self._endpoint is not None, "attach() comes first"
        return self._endpoint

    @endpoint.setter
    def endpoint(self, endpoint: SipEndpoint) -> None:
        self._endpoint = endpoint

    # SIP

    def on_sip_event(self, event: sip.UserAgentEvent) -> None:
        """Take in what comes from the switch."""
        match event:
            case sip.IncomingInvite():
                self._take(event)
            case sip.IncomingRequest(usage=None):
                self.endpoint.respond(event.transaction, 481)
            case sip.RequestAnswered():
                call = self._requests.pop(event.request, None)
                if call is not None:
                    call.answered(event)
            case sip.RequestFailed():
                call = self._requests.pop(event.request, None)
                if call is not None:
                    call.failed(event)
            case sip.UsageEnded():
                self._usages.pop(event.usage, None)
            case _:
                call = None if event.usage is None else self._usages.get(event.usage)
                if call is not None:
                    call.on_sip_event(event)
                elif isinstance(event, sip.IncomingRequest):
                    self.endpoint.respond(event.transaction, 481)

    def _take(self, event: sip.IncomingInvite) -> None:
        leg = self._leg_of(event)
        status = NOT_IN_USE if leg is None else self._refusal(leg)
        if leg is None or status is not None:
            if leg is not None:
                self._note(leg, "agent.refused", sip_status=status)
            self.endpoint.respond(event.transaction, status or NOT_IN_USE)
            return
        request = event.request
        try:
            offer = read_plain_offer(session_description(request.headers.get("Content-Type"), request.body))
        except UnusableSdp as error:
            LOG.error("leg %s: the switch's offer cannot be used: %s", leg.name, error)
            self.endpoint.respond(event.transaction, NOT_ACCEPTABLE)
            return
        call = AgentCall(leg, event, offer, self)
        self._calls[leg.name] = self._by_agent[leg.key] = self._usages[event.usage] = call
        self.endpoint.respond(event.transaction, 180)
        self._note(leg, "agent.ringing", pages=len(self.pages.of(leg.key)))
        self.pages.tell(leg.key, leg.ringing())

    def _leg_of(self, event: sip.IncomingInvite) -> AgentLeg | None:
        """Whose leg an INVITE is, by the call that it names; None where there is none."""
        name = event.request.headers.get(AGENT_LEG_HEADER) or ""
        call_id, _, leg = name.partition("/")
        record = self._switch.record_of(call_id)
        if record is None or leg not in ("a", "b"):
            return None
        own, opposite = (record.party_a, record.party_b) if leg == "a" else (record.party_b, record.party_a)
        agent = parse_agent(own)
        if agent is None:
            return None
        key = record.org_id, agent.user
        return AgentLeg(name, key, record.masked_number, record.reference, parse_agent(opposite) is not None)

    def _refusal(self, leg: AgentLeg) -> int | None:
        if leg.key in self._by_agent or leg.name in self._calls:
            return BUSY
        if self.pages.wants_calls(leg.key):
            return None
        own = leg.leg == "a" and self._own.get(leg.key) == leg.call_id
        return None if own and self.pages.of(leg.key) else UNAVAILABLE

    # Browsers

    def on_browser_event(self, event: browser.BrowserEvent) -> None:
        """Take in what the gateway tells of a browser."""
        call = self._calls.get(event.session)
        if call is not None:
            call.on_browser_event(event)

    def listen(self, agent: Agent, alive: Callable[[], bool]) -> Page:
        """A page of an agent listens from now; what is under way is told at once. AgentCallConflict,
        CapacityExhausted."""
        page = self.pages.join(agent, self.tokens.hex(16), alive)
        call = self._by_agent.get(page.key)
        under_way = None if call is None else call.under_way()
        if under_way is not None:
            page.give(under_way)
        return page

    def presence(self, agent: Agent) -> AgentPresence:
        """How an agent does."""
        key = agent.org_id, agent.name
        call = self._by_agent.get(key)
        if call is not None:
            return AgentPresence.RINGING if call.stage is Stage.RINGING else AgentPresence.BUSY
        if not self.pages.of(key):
            return AgentPresence.OFFLINE
        return AgentPresence.AVAILABLE if self.pages.wants_calls(key) else AgentPresence.AWAY

    def ice_servers(self, agent: Agent) -> Sequence[IceServerTold]:
        """Where the agent's browser finds candidates, with credentials that last a while."""
        servers = self._ice_servers(agent.name)
        return [IceServerTold(server.url, server.username, server.credential) for server in servers]

    def own_ice_servers(self) -> tuple[browser.IceServer, ...]:
        """The same for the gateway itself."""
        return self._ice_servers("gateway")

    def let_pages_go(self) -> None:
        """End every page: the process stops, and they are to come back to the next one."""
        for page in self.pages:
            page.finish("shutdown")

    def set_state(self, agent: Agent, state: AgentState) -> None:
        """Whether an agent wants calls from now on."""
        self.pages.set_state((agent.org_id, agent.name), state)

    def expects(self, agent: Agent, call_id: str) -> None:
        """An agent has placed a call: it comes to their pages though they are away."""
        self._own[(agent.org_id, agent.name)] = call_id

    def removed(self, org_id: str, name: str) -> None:
        """There is no such agent any more: its call ends, and its pages are let go."""
        key = (org_id, name)
        self._own.pop(key, None)
        call = self._by_agent.get(key)
        if call is not None:
            call.hang_up("agent_removed")
        self.pages.end(key, "unauthorized")

    async def answer(
        self, agent: Agent, call_id: str, offer: str, page_id: str | None = None, media_id: str | None = None
    ) -> MediaAnswer:
        """A browser of an agent offers to answer a call, or to go on with it. AgentCallNotFound, AgentCallConflict,
        BrowserOfferRefused, CapacityExhausted."""
        return await _told(self._call(agent, call_id).answer(offer, page_id, media_id))

    async def trickle(self, agent: Agent, call_id: str, fragment: str, etag: str) -> None:
        """Further candidates of the browser. AgentCallNotFound, IceSessionGone, BrowserOfferRefused."""
        await _told(self._call(agent, call_id).trickle(fragment, etag))

    async def restart(self, agent: Agent, call_id: str, fragment: str) -> MediaAnswer:
        """The browser restarts ICE. AgentCallNotFound, BrowserOfferRefused, CapacityExhausted."""
        return await _told(self._call(agent, call_id).restart(fragment))

    def hang_up(self, agent: Agent, call_id: str) -> None:
        """The agent hangs up a call that is answered, or being so. AgentCallNotFound."""
        call = self._call(agent, call_id)
        call.check_media()
        call.hang_up("hung_up")

    def decline(self, agent: Agent, call_id: str) -> None:
        """The agent does not want a call that rings. AgentCallNotFound."""
        call = self._call(agent, call_id)
        if call.stage is not Stage.RINGING:
            raise AgentCallNotFound
        call.refuse(DECLINED, "declined")

    def hold(self, agent: Agent, call_id: str, *, held: bool) -> None:
        """The agent holds a call, or goes on with it. AgentCallNotFound, AgentCallConflict."""
        self._call(agent, call_id).hold(held)

    def press(self, agent: Agent, call_id: str, digits: str) -> None:
        """The agent presses keys, 0-9 * # A-D. AgentCallNotFound, AgentCallConflict."""
        self._call(agent, call_id).press(digits)

    def _call(self, agent: Agent, call_id: str) -> AgentCall:
        call = self._by_agent.get((agent.org_id, agent.name))
        if call is None or call.leg.call_id != call_id:
            raise AgentCallNotFound
        return call

    # What legs ask

    def tell(self, call: AgentCall, event: AgentEvent, but: str | None = None) -> None:
        """Tell the agent's pages."""
        self.pages.tell(call.leg.key, event, but)

    def note(self, call: AgentCall, name: str, **details: object) -> None:
        """A step for the call's trace."""
        self._note(call.leg, name, **details)

    def _note(self, leg: AgentLeg, name: str, **details: object) -> None:
        self._switch.note(leg.call_id, Told("state", leg.leg, name, details))

    def asked(self, request: int, call: AgentCall) -> None:
        """A request of a leg is under way."""
        self._requests[request] = call

    def later(self, work: Callable[[], Awaitable[object]]) -> None:
        """Have the gateway do something; nobody waits for it, and what it refuses is logged."""
        task = asyncio.ensure_future(_quietly(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def over(self, call: AgentCall) -> None:
        """A leg is over."""
        self._calls.pop(call.leg.name, None)
        if self._by_agent.get(call.leg.key) is call:
            del self._by_agent[call.leg.key]
        for request in [number for number, owner in self._requests.items() if owner is call]:
            del self._requests[request]

    def counters(self) -> Mapping[str, float]:
        """Numbers for /metrics."""
        return {**self.pages.counters(), "agent_calls": len(self._calls)}

    async def close(self) -> None:
        """Hang every leg up, let every page go, and wait for what the gateway has to do yet."""
        for call in tuple(self._calls.values()):
            call.hang_up("other_party")
        self.let_pages_go()
        await asyncio.gather(*self._work)


async def _quietly(work: Callable[[], Awaitable[object]]) -> object:
    try:
        return await work()
    except (BrowserRefused, ValueError) as error:
        LOG.warning("the gateway for browsers refuses: %s", error)
        return None


async def _told(work: Awaitable[T]) -> T:
    """What the gateway refuses, in the words of a client."""
    try:
        return await work
    except UnknownBrowser:
        raise AgentCallNotFound from None
    except (TooManyBrowsers, BrowserPortsExhausted, GatewayClosed) as error:
        raise CapacityExhausted("No browser can be connected now.") from error
    except BrowserRefused as error:
        raise BrowserOfferRefused(str(error)) from error
