"""Hard case 5: PRACK, over a network that loses and repeats, and as the examples of RFC 3262 have it."""

from functools import partial

import pytest

from b2bua.sip.events import (
    Answered,
    ByeReceived,
    DialogLost,
    IncomingCancelled,
    IncomingInvite,
    NoResponse,
    Provisional,
    Rejected,
    UsageEnded,
    UserAgentEvent,
)
from b2bua.sip.message import Request, Response
from b2bua.sip.parser import parse_message
from b2bua.sip.settings import PeerPolicy
from tests.support.agents import NOTHING_HELD, OFFER, OURS, PEER, Agent, Bench, answer_to, plan_to
from tests.support.early_dialogs import SDP, reliable, the_prack
from tests.support.lossy_network import Conditions, LossyNetwork
from tests.support.manual_clock import ManualClock
from tests.support.seeded_tokens import SeededTokens

REQUIRED = PeerPolicy(reliable_provisional="required")
OUTCOMES = (Answered, Rejected, NoResponse)


def lines(network: LossyNetwork) -> list[str]:
    """What was sent, in order: methods and statuses."""
    sent = [parse_message(carried.content) for carried in network.carried]
    return [
        message.method if isinstance(message, Request) else f"{message.status} {message.cseq.method}"
        for message in sent
    ]


class Pair:
    """A caller that insists on 100rel, and a phone that rings, progresses with SDP and answers."""

    def __init__(self, network: LossyNetwork, clock: ManualClock, seed: str = "") -> None:
        self.clock = clock
        self.network = network
        self.caller = Agent(network, clock, OURS, seed)
        self.phone = Agent(network, clock, PEER, seed)
        self.phone.react = self.phone_reacts
        self.ring_s = 1.0

    def phone_reacts(self, event: UserAgentEvent) -> None:
        if isinstance(event, IncomingInvite):
            endpoint, transaction = self.phone.endpoint, event.transaction
            endpoint.respond(transaction, 180)
            endpoint.respond(transaction, 183, body=OFFER, content_type=SDP)
            self.clock.call_later(self.ring_s, lambda: endpoint.respond(transaction, 200))

    def place(self) -> int:
        return self.caller.endpoint.invite(plan_to(policy=REQUIRED))


def test_the_whole_flow_of_rfc_3262() -> None:
    """Ringing and progress, each acknowledged before the next; the 2xx after them."""
    clock = ManualClock()
    pair = Pair(LossyNetwork(clock), clock)
    pair.place()
    clock.advance(2)
    assert lines(pair.network) == [
        "INVITE",
        "100 INVITE",
        "180 INVITE",
        "PRACK",
        "200 PRACK",
        "183 INVITE",
        "PRACK",
        "200 PRACK",
        "200 INVITE",
        "ACK",
    ]
    told = [(event.status, event.reliable) for event in pair.caller.events if isinstance(event, Provisional)]
    assert told == [(180, True), (183, True)]


def test_the_rack_of_section_7_2() -> None:
    """`RAck: 776656 1 INVITE` acknowledges `RSeq: 776656` in a response to `CSeq: 1 INVITE`."""
    bench = Bench()
    _, invite = bench.call()
    prack = the_prack(bench.receive(reliable(invite, 776656)))
    assert prack.headers.get("RAck") == "776656 1 INVITE"


@pytest.mark.parametrize("position", range(12))
@pytest.mark.parametrize("copies", [0, 2])
def test_any_one_datagram_of_a_call_may_be_lost_or_repeated(position: int, copies: int) -> None:
    clock = ManualClock()
    pattern = [copies if index == position else 1 for index in range(12)]
    pair = Pair(LossyNetwork(clock, pattern=pattern), clock)
    usage = pair.place()
    clock.advance(12)
    pair.caller.endpoint.hang_up(usage)
    clock.advance(100)
    told = [event for event in pair.caller.events if not isinstance(event, Provisional) or event.reliable]
    assert [type(event) for event in told] == [Provisional, Provisional, Answered, UsageEnded]
    assert pair.phone.kinds() == ["IncomingInvite", "ByeReceived", "UsageEnded"]
    assert pair.caller.user_agent.table_sizes() == pair.phone.user_agent.table_sizes() == NOTHING_HELD


@pytest.mark.parametrize("position", range(10))
def test_a_caller_that_vanishes_is_given_up(position: int) -> None:
    """From some datagram before the ACK on nothing arrives: the phone is told of the end, and both forget all."""
    clock = ManualClock()
    network = LossyNetwork(clock, Conditions(loss=1.0), pattern=[1] * position)
    pair = Pair(network, clock)
    usage = pair.place()
    clock.advance(40)
    pair.caller.endpoint.hang_up(usage)
    clock.advance(300)
    for agent in (pair.caller, pair.phone):
        assert agent.user_agent.table_sizes() == NOTHING_HELD
        assert agent.events == [] or isinstance(agent.events[-1], UsageEnded)
    ends = [event for event in pair.phone.events if isinstance(event, IncomingCancelled | DialogLost)]
    assert len(ends) == (position > 0)


@pytest.mark.parametrize("loss", [0.05, 0.2])
@pytest.mark.parametrize("seed", ["one", "two"])
def test_no_call_stays_half_up(loss: float, seed: str) -> None:
    clock = ManualClock()
    conditions = Conditions(loss=loss, duplication=0.05, delay_s=0.02, jitter_s=0.3)
    pair = Pair(LossyNetwork(clock, conditions, seed=seed, keep=False), clock, seed)
    chance = SeededTokens(f"{seed}chance")
    pair.ring_s = 3.0
    usages = []
    for _ in range(30):
        usage = pair.place()
        usages.append(usage)
        clock.call_later(10 * chance.fraction(), partial(pair.caller.endpoint.hang_up, usage))
        clock.advance(1)
    clock.advance(400)
    for agent in (pair.caller, pair.phone):
        assert agent.user_agent.table_sizes() == NOTHING_HELD
    for usage in usages:
        mine = [event for event in pair.caller.events if getattr(event, "usage", None) == usage]
        assert isinstance(mine[-1], UsageEnded)
        assert sum(isinstance(event, OUTCOMES) for event in mine) <= 1
        assert sum(isinstance(event, Provisional) and event.reliable for event in mine) <= 2
    over = (ByeReceived, DialogLost, IncomingCancelled)
    for event in pair.phone.events:
        if isinstance(event, IncomingInvite):
            of_it = [one for one in pair.phone.events if getattr(one, "usage", None) == event.usage]
            assert sum(isinstance(one, over) for one in of_it) <= 1
            assert isinstance(of_it[-1], UsageEnded)


def test_a_200_without_sdp_comes_from_the_dialog_whose_reliable_183_had_the_answer() -> None:
    bench = Bench()
    usage, invite = bench.call()
    for tag in ("one", "two"):
        prack = the_prack(bench.receive(reliable(invite, 1, tag=tag, body=f"v=0 {tag}")))
        bench.receive(answer_to(prack, 200))
    bench.receive(answer_to(invite, 200, to_tag="one"))
    first, second, answered = bench.events()
    assert isinstance(first, Provisional)
    assert isinstance(second, Provisional)
    assert isinstance(answered, Answered)
    assert {event.to_tag: event.body for event in (first, second)} == {"one": b"v=0 one", "two": b"v=0 two"}
    assert answered.response.to_tag == "one"
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = bench.take_sent()
    assert isinstance(bye, Request)
    assert (bye.to_tag, bye.cseq.number) == ("one", 3)


def test_nothing_of_one_peers_prack_reaches_the_other_side() -> None:
    """A user agent never relays one: it answers the peer's and makes its own, and tells neither."""
    bench = Bench()
    _, invite = bench.call()
    bench.receive(reliable(invite, 1))
    assert [type(event) for event in bench.events()] == [Provisional]
    assert all(isinstance(message, Request | Response) for _, message in bench.sent)
