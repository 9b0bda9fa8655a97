"""Whatever a peer and a user do, in whatever order: one outcome, one end, and nothing left in a table."""

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.sip.digest import Credentials
from b2bua.sip.events import (
    Answered,
    ByeReceived,
    DialogLost,
    IncomingCancelled,
    IncomingInvite,
    IncomingRequest,
    NoResponse,
    Rejected,
    UsageEnded,
    UserAgentEvent,
)
from b2bua.sip.message import Request, Response
from b2bua.sip.settings import PeerPolicy
from tests.support.agents import NOTHING_HELD, OFFER, OURS, PEER, Bench, answer_to, request_from_peer

OUTCOMES = (Answered, Rejected, NoResponse)
ENDS = (ByeReceived, DialogLost, IncomingCancelled)
TIMED = PeerPolicy(session_timer_s=90)
REFUSED_FOR_NOW = {422: "Min-SE: {0}", 500: "Retry-After: {0}"}
SESSIONS = {0: "Session-Expires: 90;refresher=uac", 1: "Session-Expires: 90;refresher=uas", 2: "Allow: UPDATE", 3: ""}
CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="n{0}", qop="auth"\nRequire: nothing'


@dataclass
class World:
    """One call of ours, or of the peer, and everything that has been seen of it."""

    bench: Bench = field(default_factory=Bench)
    usage: int = 0
    ours: list[Request] = field(default_factory=list)
    events: list[UserAgentEvent] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    local_tag: str = "not-known-yet"
    call_id: str = ""
    sequence: int = 10
    rseq: int = 0

    def look(self) -> None:
        for message in self.bench.take_sent():
            if isinstance(message, Request) and message.method != "ACK":
                self.ours.append(message)
            elif isinstance(message, Response) and message.to_tag and message.cseq.method == "INVITE":
                self.local_tag = message.to_tag
                self.rseq = message.rseq or self.rseq
        for event in self.bench.events():
            self.events.append(event)
            if isinstance(event, IncomingRequest | IncomingInvite):
                self.asked.append(event.transaction)

    def take(self, content: bytes) -> None:
        self.bench.user_agent.receive(content, PEER, OURS, self.bench.now)
        self.look()


Step = Callable[[World], None]


def respond_as_peer(which: int, status: int, tag: str) -> Step:
    def step(world: World) -> None:
        if world.ours:
            request = world.ours[-1 - which % len(world.ours)]
            headers = CHALLENGE.format(status + which) if status in (401, 407) else SESSIONS[which]
            headers = REFUSED_FOR_NOW.get(status, headers).format(which * 100)
            world.take(answer_to(request, status, to_tag=tag, headers=headers))

    return step


def progress_as_peer(which: int, rseq: int, tag: str, described: bool) -> Step:
    """A reliable provisional response, in order or out of it."""

    def step(world: World) -> None:
        if world.ours:
            request = world.ours[-1 - which % len(world.ours)]
            headers = f"Require: 100rel\nRSeq: {rseq}\nAllow: INVITE, UPDATE"
            world.take(answer_to(request, 183, to_tag=tag, headers=headers, body="v=0" if described else ""))

    return step


def prack_as_peer(tag: str, off: int, offers: bool) -> Step:
    def step(world: World) -> None:
        world.sequence += 1
        world.take(
            request_from_peer(
                "PRACK",
                call_id=world.call_id,
                from_tag=tag,
                to_tag=world.local_tag,
                cseq=world.sequence,
                branch=f"z9hG4bK{world.sequence}prack",
                headers=f"RAck: {world.rseq + off} 10 INVITE",
                body="v=0" if offers else "",
            )
        )

    return step


def request_as_peer(method: str, tag: str, fresh: bool) -> Step:
    def step(world: World) -> None:
        world.sequence += fresh
        number = world.sequence
        world.take(
            request_from_peer(
                method,
                call_id=world.call_id,
                from_tag=tag,
                to_tag=world.local_tag,
                cseq=number,
                branch=f"z9hG4bK{number}{'ack' if method == 'ACK' else ''}",
                body="v=0" if method in ("INVITE", "UPDATE") else "",
                headers="Supported: timer\nSession-Expires: 90;refresher=uac" if fresh else "",
            )
        )

    return step


def respond_as_user(which: int, status: int, body: bytes) -> Step:
    def step(world: World) -> None:
        if world.asked:
            transaction = world.asked[-1 - which % len(world.asked)]
            world.bench.user_agent.respond(transaction, status, world.bench.now, body=body)
            world.look()

    return step


def ask_as_user(method: str) -> Step:
    def step(world: World) -> None:
        world.bench.user_agent.request_in_dialog(world.usage, method, world.bench.now, body=OFFER)
        world.look()

    return step


def hang_up(world: World) -> None:
    world.bench.user_agent.hang_up(world.usage, world.bench.now, "Q.850;cause=16")
    world.look()


def fail_transport(world: World) -> None:
    world.bench.user_agent.transport_failed(PEER, world.bench.now)
    world.look()


def wait(seconds: float) -> Step:
    def step(world: World) -> None:
        world.bench.now += seconds
        world.bench.user_agent.handle_timers(world.bench.now)
        world.look()

    return step


TAGS = st.sampled_from(["peer", "peer", "fork"])
INDEX = st.integers(0, 3)
STEPS = st.lists(
    st.one_of(
        st.builds(
            respond_as_peer, INDEX, st.sampled_from([100, 180, 200, 200, 401, 408, 422, 481, 486, 487, 491, 500]), TAGS
        ),
        st.builds(
            request_as_peer, st.sampled_from(["BYE", "INVITE", "ACK", "CANCEL", "INFO", "UPDATE"]), TAGS, st.booleans()
        ),
        st.builds(progress_as_peer, INDEX, st.integers(1, 3), TAGS, st.booleans()),
        st.builds(prack_as_peer, TAGS, st.sampled_from([0, 0, 0, 1]), st.booleans()),
        st.builds(respond_as_user, INDEX, st.sampled_from([180, 183, 200, 488]), st.sampled_from([b"", OFFER])),
        st.builds(ask_as_user, st.sampled_from(["INVITE", "INFO", "UPDATE"])),
        st.builds(wait, st.sampled_from([0.3, 1.0, 5.0, 33.0, 46.0])),
        st.just(hang_up),
        st.just(fail_transport),
    ),
    max_size=14,
)


def settle(world: World) -> None:
    hang_up(world)
    for _ in range(20):
        wait(20)(world)
    assert world.bench.user_agent.table_sizes() == NOTHING_HELD
    mine = [event for event in world.events if getattr(event, "usage", None) == world.usage]
    assert isinstance(mine[-1], UsageEnded)
    assert sum(isinstance(event, UsageEnded) for event in mine) == 1
    assert sum(isinstance(event, ENDS) for event in mine) <= 1


@settings(max_examples=200, deadline=None)
@given(
    steps=STEPS,
    no_answer=st.sampled_from([None, 4.0]),
    answered=st.booleans(),
    policy=st.sampled_from([TIMED, PeerPolicy()]),
)
def test_a_call_that_we_make(steps: list[Step], no_answer: float | None, answered: bool, policy: PeerPolicy) -> None:
    world = World()
    world.usage, invite = world.bench.call(
        no_answer_timeout_s=no_answer, credentials=Credentials("u", "p"), policy=policy
    )
    world.ours, world.call_id, world.local_tag = [invite], invite.call_id, invite.from_tag or ""
    hung_up = False
    if answered:
        world.take(answer_to(invite, 200, to_tag="peer"))
    for step in steps:
        before = len(world.events)
        step(world)
        if hung_up:
            assert not any(isinstance(event, Answered) for event in world.events[before:])
        hung_up = hung_up or step is hang_up
    settle(world)
    assert sum(isinstance(event, OUTCOMES) for event in world.events) <= 1


@settings(max_examples=200, deadline=None)
@given(
    steps=STEPS,
    says=st.sampled_from(["", "Supported: 100rel", "Require: 100rel"]),
    body=st.sampled_from(["", "v=0"]),
    policy=st.sampled_from([TIMED, PeerPolicy()]),
)
def test_a_call_that_we_get(steps: list[Step], says: str, body: str, policy: PeerPolicy) -> None:
    world = World(Bench(policy_of=lambda _request, _source: policy))
    world.call_id = "peer-call-1"
    branch = f"z9hG4bK{world.sequence}"
    headers = f"{says}\nAllow: INVITE, UPDATE"
    world.take(request_from_peer("INVITE", cseq=world.sequence, branch=branch, headers=headers, body=body))
    [event] = world.events
    assert isinstance(event, IncomingInvite)
    world.usage = event.usage
    for step in steps:
        step(world)
    settle(world)
