"""The agents' line as the API sees it, without calls: it notes what it is asked for."""

from collections.abc import Callable, Mapping, Sequence

from b2bua.agents.pages import Page, Pages
from b2bua.call.agent_calls import AgentPresence, IceServerTold, MediaAnswer
from storage.agent_records import Agent, AgentState


class FakeLine:
    """Pages are real. `refuse_with`: raised in place of whatever is asked next."""

    def __init__(self) -> None:
        self.pages = Pages()
        self.asked: list[tuple[str, ...]] = []
        self.refuse_with: Exception | None = None

    def listen(self, agent: Agent, alive: Callable[[], bool]) -> Page:
        return self.pages.join(agent, "page-1", alive)

    def let_pages_go(self) -> None:
        for page in self.pages:
            page.finish("shutdown")

    def set_state(self, agent: Agent, state: AgentState) -> None:
        self.pages.set_state((agent.org_id, agent.name), state)

    def expects(self, agent: Agent, call_id: str) -> None:
        self._note("expects", agent.name, call_id)

    def presence(self, agent: Agent) -> AgentPresence:
        return AgentPresence.RINGING

    def removed(self, org_id: str, name: str) -> None:
        self.pages.end((org_id, name), "unauthorized")

    def ice_servers(self, agent: Agent) -> Sequence[IceServerTold]:
        return [IceServerTold("stun:stun.example"), IceServerTold("turn:turn.example", f"9:{agent.name}", "secret")]

    async def answer(
        self, agent: Agent, call_id: str, offer: str, page_id: str | None = None, media_id: str | None = None
    ) -> MediaAnswer:
        self._note("answer", agent.name, call_id, offer, page_id or "", media_id or "")
        return MediaAnswer("an answer", "media-1", '"ice-1"')

    async def trickle(self, agent: Agent, call_id: str, fragment: str, etag: str) -> None:
        self._note("trickle", agent.name, call_id, fragment, etag)

    async def restart(self, agent: Agent, call_id: str, fragment: str) -> MediaAnswer:
        self._note("restart", agent.name, call_id, fragment)
        return MediaAnswer("a fragment", "media-1", '"ice-2"')

    def hang_up(self, agent: Agent, call_id: str) -> None:
        self._note("hang_up", agent.name, call_id)

    def decline(self, agent: Agent, call_id: str) -> None:
        self._note("decline", agent.name, call_id)

    def hold(self, agent: Agent, call_id: str, *, held: bool) -> None:
        self._note("hold" if held else "resume", agent.name, call_id)

    def press(self, agent: Agent, call_id: str, digits: str) -> None:
        self._note("press", agent.name, call_id, digits)

    def counters(self) -> Mapping[str, float]:
        return self.pages.counters()

    def _note(self, *words: str) -> None:
        refusal, self.refuse_with = self.refuse_with, None
        if refusal is not None:
            raise refusal
        self.asked.append(words)
