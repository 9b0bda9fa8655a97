"""Two user agents over a network that loses, repeats, delays and reorders: no call ever stays half up."""

import pytest

from b2bua.sip.events import (
    Answered,
    ByeReceived,
    DialogLost,
    IncomingCancelled,
    IncomingInvite,
    NoResponse,
    Rejected,
    UsageEnded,
    UserAgentEvent,
)
from tests.support.agents import NOTHING_HELD, OFFER, OURS, PEER, Agent, plan_to
from tests.support.lossy_network import Conditions, LossyNetwork
from tests.support.manual_clock import ManualClock
from tests.support.seeded_tokens import SeededTokens

OUTCOMES = (Answered, Rejected, NoResponse)
CALLS = 40


class Pair:
    """A caller and a phone that rings and answers, each hanging up at its own time."""

    def __init__(self, conditions: Conditions, seed: str) -> None:
        self.clock = ManualClock()
        self.network = LossyNetwork(self.clock, conditions, seed=seed, keep=False)
        self.chance = SeededTokens(f"{seed}chance")
        self.caller = Agent(self.network, self.clock, OURS, seed)
        self.phone = Agent(self.network, self.clock, PEER, seed)
        self.caller.react = self.caller_reacts
        self.phone.react = self.phone_reacts

    def caller_reacts(self, event: UserAgentEvent) -> None:
        if isinstance(event, Answered) and self.chance.fraction() < 0.5:
            self.clock.call_later(10 * self.chance.fraction(), lambda: self.caller.endpoint.hang_up(event.usage))

    def phone_reacts(self, event: UserAgentEvent) -> None:
        if not isinstance(event, IncomingInvite):
            return
        endpoint, transaction = self.phone.endpoint, event.transaction
        endpoint.respond(transaction, 180)
        choice = self.chance.fraction()
        if choice < 0.1:
            self.clock.call_later(2, lambda: endpoint.respond(transaction, 486))
            return
        self.clock.call_later(4 * choice, lambda: endpoint.respond(transaction, 200, body=OFFER))
        self.clock.call_later(15 + 10 * choice, lambda: endpoint.hang_up(event.usage))

    def place(self) -> int:
        usage = self.caller.endpoint.invite(plan_to(no_answer_timeout_s=8.0))
        if self.chance.fraction() < 0.4:
            self.clock.call_later(5 * self.chance.fraction(), lambda: self.caller.endpoint.hang_up(usage))
        return usage


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("seed", ["one", "two"])
def test_no_call_stays_half_up(loss: float, seed: str) -> None:
    pair = Pair(Conditions(loss=loss, duplication=0.05, delay_s=0.02, jitter_s=0.3), seed)
    usages = []
    for _ in range(CALLS):
        usages.append(pair.place())
        pair.clock.advance(1)
    pair.clock.advance(400)
    for agent in (pair.caller, pair.phone):
        assert agent.user_agent.table_sizes() == NOTHING_HELD
        ended = [event.usage for event in agent.events if isinstance(event, UsageEnded)]
        assert len(ended) == len(set(ended))
        for position, event in enumerate(agent.events):
            if isinstance(event, UsageEnded):
                later = agent.events[position + 1 :]
                assert all(getattr(one, "usage", None) != event.usage for one in later)
    for usage in usages:
        mine = [event for event in pair.caller.events if getattr(event, "usage", None) == usage]
        assert isinstance(mine[-1], UsageEnded)
        assert sum(isinstance(event, OUTCOMES) for event in mine) <= 1
    over = (ByeReceived, DialogLost, IncomingCancelled)
    for event in pair.phone.events:
        if isinstance(event, IncomingInvite):
            of_it = [one for one in pair.phone.events if getattr(one, "usage", None) == event.usage]
            assert sum(isinstance(one, over) for one in of_it) <= 1
            assert isinstance(of_it[-1], UsageEnded)


def test_loss_was_really_met() -> None:
    pair = Pair(Conditions(loss=0.2), "lost")
    for _ in range(CALLS):
        pair.place()
        pair.clock.advance(1)
    pair.clock.advance(400)
    assert pair.network.lost > 50
    assert sum(isinstance(event, Answered) for event in pair.caller.events) > CALLS / 4


@pytest.mark.parametrize("position", range(8))
def test_any_one_datagram_of_a_call_may_be_lost(position: int) -> None:
    clock = ManualClock()
    network = LossyNetwork(clock, pattern=[int(index != position) for index in range(8)])
    caller, phone = Agent(network, clock, OURS), Agent(network, clock, PEER)

    def answer(event: UserAgentEvent) -> None:
        if isinstance(event, IncomingInvite):
            phone.endpoint.respond(event.transaction, 180)
            phone.endpoint.respond(event.transaction, 200, body=OFFER)

    phone.react = answer
    usage = caller.endpoint.invite(plan_to())
    clock.advance(5)
    caller.endpoint.hang_up(usage)
    clock.advance(100)
    kinds = [kind for kind in caller.kinds() if kind != "Provisional"]
    assert kinds == ["Answered", "UsageEnded"]
    assert phone.kinds() == ["IncomingInvite", "ByeReceived", "UsageEnded"]
    assert caller.user_agent.table_sizes() == phone.user_agent.table_sizes() == NOTHING_HELD


def test_a_peer_that_vanishes_leaves_nothing_behind() -> None:
    clock = ManualClock()
    network = LossyNetwork(clock)
    caller, phone = Agent(network, clock, OURS), Agent(network, clock, PEER)

    def answer(event: UserAgentEvent) -> None:
        if isinstance(event, IncomingInvite):
            phone.endpoint.respond(event.transaction, 200, body=OFFER)

    phone.react = answer
    usage = caller.endpoint.invite(plan_to())
    clock.advance(1)
    network.detach(PEER)
    caller.endpoint.hang_up(usage)
    clock.advance(40)
    assert caller.kinds() == ["Answered", "UsageEnded"]
    assert caller.user_agent.table_sizes() == NOTHING_HELD
