"""Agents in a house: the line on the lossy network, a gateway without browsers, and pages that wait."""

from typing import Any

from b2bua.agents.line import AgentsLine, LineMeans
from b2bua.agents.pages import Page
from b2bua.call.agent_calls import AgentEvent
from b2bua.sip.routing import LocalAddress, TransportAddress
from b2bua.sip.settings import UserAgentSettings
from b2bua.sip.user_agent import UserAgent
from b2bua.transport.endpoint import SipEndpoint
from media.webrtc.interface import IceServer
from storage.agent_records import Agent, AgentState
from storage.records import CallRecord
from tests.support.agents import NOTHING_HELD
from tests.support.fake_gateway import FakeGateway
from tests.support.house import ORG, OURS, House
from tests.support.memory_media import MEDIA_HOST

AGENTS_LINE = TransportAddress("udp", "127.0.0.1", 5099)
WITH_AGENTS = "[webrtc]\nenabled = true\n"
ASHA = Agent(ORG, "asha", "Asha", AgentState.AVAILABLE, 1)
RAVI = Agent(ORG, "ravi", "Ravi", AgentState.AVAILABLE, 1)
STUN = IceServer("stun:stun.example:3478")


class Desk:
    """A house whose organisation has the agents Asha and Ravi."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.gateway = FakeGateway(lambda event: self.line.on_browser_event(event))
        self.line = AgentsLine(
            LineMeans(house.switch, self.gateway, house.clock, house.tokens, MEDIA_HOST, lambda _name: (STUN,))
        )
        settings = UserAgentSettings(locals=(LocalAddress(AGENTS_LINE, AGENTS_LINE.host, AGENTS_LINE.port),))
        self.user_agent = UserAgent(settings, house.tokens, lambda source: source == OURS)
        endpoint = SipEndpoint(
            self.user_agent, house.clock, lambda source: source == OURS, lambda event: self.line.on_sip_event(event)
        )
        endpoint.attach(house.network.attach(AGENTS_LINE, endpoint.received))
        self.line.endpoint = endpoint

    @classmethod
    async def open(cls, browsers: str = "", **options: Any) -> "Desk":
        """`browsers`: further lines of [webrtc]."""
        house = await House.open(WITH_AGENTS + browsers, **options)

        def work(unit: Any) -> None:
            unit.agents.add(ASHA)
            unit.agents.add(RAVI)

        await house.store.run(work)
        return cls(house)

    async def close(self) -> None:
        await self.house.at_rest()
        assert self.user_agent.table_sizes() == NOTHING_HELD, "the line holds on to something"
        assert len(self.line) == 0
        await self.line.close()
        assert self.gateway.sessions == {}
        self.line.endpoint.close()
        await self.house.close()

    def page(self, agent: Agent = ASHA) -> Page:
        return self.line.listen(agent, lambda: True)

    async def ringing(self, **parties: Any) -> CallRecord:
        """A call that rings at an agent's pages."""
        call = await self.house.place(**parties)
        await self.house.until(lambda: len(self.line) == 1)
        return call

    async def connected(self, call: CallRecord, agent: Agent = ASHA, page: Page | None = None) -> str:
        """A browser answers and is connected; the name of its session."""
        await self.line.answer(agent, call.call_id, "an offer", None if page is None else page.page_id)
        name = next(iter(self.gateway.sessions))
        self.gateway.connect(name)
        return name


def told(page: Page) -> list[AgentEvent]:
    """What a page has been told since it was last asked."""
    events = list(page._events)
    page._events.clear()
    return events
