"""The pages in which agents wait for calls: each has a queue of what it is told, and every queue has a limit."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Final

from b2bua.call.agent_calls import AgentEvent, AgentStateChanged
from b2bua.call.errors import AgentCallConflict, CapacityExhausted
from control_api.backlog import Backlog
from storage.agent_records import Agent, AgentState

PAGES_PER_AGENT: Final = 5
PAGES: Final = 10_000  # in all
# When a place is wanted, so many are looked at whether they have gone: those that listen longest first.
LOOKED_AT: Final = 50
BACKLOG: Final = 100  # events that a page may be behind; then it is let go, and comes back

Key = tuple[str, str]  # organisation, name


class Page(Backlog[AgentEvent]):
    """One page of an agent, as long as it listens. `end`: why it is to listen no more. A call that rings goes on to
    ring when it leaves: it may be back in a moment."""

    def __init__(self, key: Key, page_id: str, alive: Callable[[], bool], left: "Callable[[Page], None]") -> None:
        super().__init__(BACKLOG)
        self.key = key
        self.page_id = page_id
        self.alive = alive
        self._left = left

    def leave(self) -> None:
        """It listens no more; twice is fine."""
        self._left(self)


class Pages:
    """Every page of every agent, and whether its agent wants calls."""

    def __init__(self) -> None:
        self._pages: dict[Key, list[Page]] = {}
        self._states: dict[Key, AgentState] = {}  # of agents with a page
        self._oldest: OrderedDict[Page, None] = OrderedDict()

    def join(self, agent: Agent, page_id: str, alive: Callable[[], bool]) -> Page:
        """A page more. AgentCallConflict: the agent has as many as it may; CapacityExhausted: there are too many."""
        key = (agent.org_id, agent.name)
        if len(self.of(key)) >= PAGES_PER_AGENT:
            self._let_go_of_the_gone(self.of(key))
        if len(self._oldest) >= PAGES:
            self._let_go_of_the_gone(list(islice(self._oldest, LOOKED_AT)))
        if len(self.of(key)) >= PAGES_PER_AGENT:
            raise AgentCallConflict(f"An agent has at most {PAGES_PER_AGENT} pages open.")
        if len(self._oldest) >= PAGES:
            raise CapacityExhausted("No more pages can listen now.")
        page = Page(key, page_id, alive, self._leave)
        self._pages.setdefault(key, []).append(page)
        self._states[key] = agent.state
        self._oldest[page] = None
        return page

    def _let_go_of_the_gone(self, pages: list[Page]) -> None:
        """Those that are there still are looked at again after all others."""
        for page in tuple(pages):
            if page.alive():
                self._oldest.move_to_end(page)
            else:
                self._leave(page)

    def _leave(self, page: Page) -> None:
        if page not in self._oldest:
            return
        del self._oldest[page]
        pages = self._pages[page.key]
        pages.remove(page)
        if not pages:
            del self._pages[page.key]
            del self._states[page.key]

    def of(self, key: Key) -> list[Page]:
        """An agent's pages."""
        return self._pages.get(key, [])

    def wants_calls(self, key: Key) -> bool:
        """Whether an agent has a page and is not away."""
        return self._states.get(key) is AgentState.AVAILABLE

    def set_state(self, key: Key, state: AgentState) -> None:
        """Whether an agent wants calls from now; its pages are told."""
        if key in self._states:
            self._states[key] = state
            self.tell(key, AgentStateChanged(state))

    def tell(self, key: Key, event: AgentEvent, but: str | None = None) -> None:
        """Tell an agent's pages, all but one where its id is given."""
        for page in self.of(key):
            if page.page_id != but:
                page.give(event)

    def end(self, key: Key, reason: str) -> None:
        """End all pages of an agent."""
        for page in self.of(key):
            page.finish(reason)

    def counters(self) -> Mapping[str, float]:
        """Numbers for /metrics."""
        return {"agent_pages": len(self._oldest), "agents_present": len(self._pages)}

    def __iter__(self) -> Iterator[Page]:
        return iter(tuple(self._oldest))
