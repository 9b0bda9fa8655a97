"""The pages that agents listen in: how many there may be, and who of them is looked at when a place is wanted."""

from collections.abc import Callable

import pytest

from b2bua.agents import pages
from b2bua.agents.pages import PAGES_PER_AGENT, Page, Pages
from b2bua.call.errors import AgentCallConflict, CapacityExhausted
from storage.agent_records import Agent, AgentState


def agent(name: str) -> Agent:
    return Agent("org", name, name, AgentState.AVAILABLE, 0)


class Crowd:
    """Pages of many agents. `gone`: those that listen no more, though nobody has said so; `looked_at`: how often."""

    def __init__(self) -> None:
        self.pages = Pages()
        self.gone: set[str] = set()
        self.looked_at = 0

    def join(self, name: str, page_id: str) -> Page:
        return self.pages.join(agent(name), page_id, self._alive(page_id))

    def _alive(self, page_id: str) -> Callable[[], bool]:
        def alive() -> bool:
            self.looked_at += 1
            return page_id not in self.gone

        return alive


def test_an_agent_has_so_many_pages_and_gets_the_place_of_one_that_is_gone() -> None:
    crowd = Crowd()
    for number in range(100):
        crowd.join(f"other{number}", f"other{number}")
    for number in range(PAGES_PER_AGENT):
        crowd.join("asha", str(number))
    with pytest.raises(AgentCallConflict):
        crowd.join("asha", "more")
    crowd.gone.add("3")
    crowd.join("asha", "more")
    assert [page.page_id for page in crowd.pages.of(("org", "asha"))] == ["0", "1", "2", "4", "more"]
    assert crowd.looked_at == 2 * PAGES_PER_AGENT, "nobody else's pages are looked at"


def test_of_too_many_pages_a_few_are_looked_at_for_each_that_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGES", 100)
    monkeypatch.setattr(pages, "LOOKED_AT", 10)
    crowd = Crowd()
    for number in range(100):
        crowd.join(f"agent{number}", str(number))
    crowd.gone.add("15")
    with pytest.raises(CapacityExhausted):
        crowd.join("late", "late")
    assert crowd.looked_at == 10
    crowd.join("late", "late")
    assert crowd.looked_at == 20
    assert crowd.pages.counters() == {"agent_pages": 100, "agents_present": 100}
    assert crowd.pages.of(("org", "agent15")) == []


def test_who_leaves_twice_leaves_once() -> None:
    crowd = Crowd()
    page = crowd.join("asha", "1")
    crowd.join("asha", "2")
    page.leave()
    page.leave()
    assert crowd.pages.counters() == {"agent_pages": 1, "agents_present": 1}
    assert [page.page_id for page in crowd.pages] == ["2"]
