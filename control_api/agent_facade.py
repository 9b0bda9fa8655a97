"""What the API asks of the agents' line."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from b2bua.call.agent_calls import AgentEvent, AgentPresence, IceServerTold, MediaAnswer
from storage.agent_records import Agent, AgentState


class AgentPage(Protocol):
    """A page of an agent that listens."""

    @property
    def page_id(self) -> str:
        """Its own id, by which it is not told to stop when it answers."""
        ...

    @property
    def end(self) -> str | None:
        """Why it is to listen no more, None while it may."""
        ...

    def leave(self) -> None:
        """It listens no more."""
        ...

    async def take(self, patience_s: float) -> list[AgentEvent]:
        """What has come, waited for so long; empty when nothing has, or when it ends."""
        ...


class AgentsFacade(Protocol):
    """Agents and their live calls. A call that the agent has not: AgentCallNotFound."""

    def listen(self, agent: Agent, alive: Callable[[], bool]) -> AgentPage:
        """A page listens from now. AgentCallConflict: the agent has too many; CapacityExhausted: there are too many."""
        ...

    def let_pages_go(self) -> None:
        """End every page: the process stops."""
        ...

    def set_state(self, agent: Agent, state: AgentState) -> None:
        """Whether the agent wants calls from now on."""
        ...

    def expects(self, agent: Agent, call_id: str) -> None:
        """The agent has placed a call, which comes to their pages though they are away."""
        ...

    def presence(self, agent: Agent) -> AgentPresence:
        """How the agent does at this moment."""
        ...

    def removed(self, org_id: str, name: str) -> None:
        """There is no such agent any more."""
        ...

    def ice_servers(self, agent: Agent) -> Sequence[IceServerTold]:
        """Where the agent's browser finds candidates, with credentials that last a while."""
        ...

    async def answer(
        self, agent: Agent, call_id: str, offer: str, page_id: str | None = None, media_id: str | None = None
    ) -> MediaAnswer:
        """A browser of the page `page_id` offers, in the place of `media_id` where it goes on with a call.

        AgentCallConflict, BrowserOfferRefused, CapacityExhausted.
        """
        ...

    async def trickle(self, agent: Agent, call_id: str, fragment: str, etag: str) -> None:
        """Further candidates of a browser. IceSessionGone, BrowserOfferRefused."""
        ...

    async def restart(self, agent: Agent, call_id: str, fragment: str) -> MediaAnswer:
        """A browser restarts ICE. BrowserOfferRefused, CapacityExhausted."""
        ...

    def hang_up(self, agent: Agent, call_id: str) -> None:
        """End a call that is answered, or being so."""
        ...

    def decline(self, agent: Agent, call_id: str) -> None:
        """Refuse a call that rings."""
        ...

    def hold(self, agent: Agent, call_id: str, *, held: bool) -> None:
        """Hold a call, or go on with it. AgentCallConflict."""
        ...

    def press(self, agent: Agent, call_id: str, digits: str) -> None:
        """Send digits. AgentCallConflict."""
        ...

    def counters(self) -> Mapping[str, float]:
        """Numbers for /metrics."""
        ...
