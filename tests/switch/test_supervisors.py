"""Supervisors brought to calls and parted from them: by themselves, by their browser, by the call's end."""

from collections.abc import Callable

import pytest

from b2bua.call.errors import (
    CallError,
    CapacityExhausted,
    NoSuchSupervisor,
    NotConnected,
    TooManySupervisors,
    UnusableOffer,
)
from b2bua.call.patience import RECONNECT_S
from b2bua.switch.supervisors import (
    LOOK_EVERY_S,
    SUPERVISORS_MAX,
    Mode,
    SupervisorDesk,
    SupervisorState,
)
from b2bua.switch.trace_steps import CLOSED, Told
from media.errors import (
    BrowserRefused,
    GatewayClosed,
    NoSharedCodec,
    PortsExhausted,
    TooManyBrowsers,
    UnknownBrowser,
    UnusableBrowserOffer,
    UnusableFragment,
)
from media.packet_path.interface import Address
from media.webrtc import interface as browser
from storage.errors import StoreUnavailable
from tests.support.kept_gateway import OFFER, KeptGateway, KeptSeatLine
from tests.support.kept_line import HeardCalls, settle
from tests.support.manual_clock import ManualClock
from tests.support.seeded_tokens import SeededTokens


class Floor:
    """A desk, its gateway and one call."""

    def __init__(self, open_line: Callable[[Address], KeptSeatLine] = KeptSeatLine) -> None:
        self.gateway = KeptGateway()
        self.clock = ManualClock()
        self.desk = SupervisorDesk(self.gateway, self.clock, SeededTokens(3), self.clock, open_line=open_line)
        self.call = HeardCalls("call-1", "org")

    async def join(self, mode: Mode = Mode.LISTEN) -> str:
        return (await self.desk.join(self.call, OFFER, mode)).supervisor.supervisor_id

    def told(self) -> list[tuple[str, object]]:
        return [(step.name, step.details["mode"]) for step in self.call.steps if step is not None]


async def test_a_browser_joins_by_its_offer_and_is_aimed_at_its_seat() -> None:
    floor = Floor()
    joined = await floor.desk.join(floor.call, OFFER, Mode.WHISPER_A)
    session = f"supervisor/{joined.supervisor.supervisor_id}"
    assert joined.sdp == "the answer"
    assert floor.gateway.sessions[session].codecs == ("PCMA", "PCMU", "opus")
    (seat,) = floor.call.seats
    assert floor.gateway.aimed == {session: seat.address}
    assert (seat.mode, joined.supervisor.state) == (Mode.WHISPER_A, SupervisorState.CONNECTING)
    floor.desk.on_browser_event(browser.BrowserConnected(session))
    assert joined.supervisor.state is SupervisorState.CONNECTED
    assert floor.told() == [("supervisor.joined", "whisper_a")]


async def test_whom_it_speaks_to_is_changed_and_told_once() -> None:
    floor = Floor()
    supervisor_id = await floor.join()
    floor.desk.change("call-1", supervisor_id, Mode.BARGE)
    floor.desk.change("call-1", supervisor_id, Mode.BARGE)
    assert floor.call.seats[0].mode is Mode.BARGE
    assert floor.told() == [("supervisor.joined", "listen"), ("supervisor.mode", "barge")]


async def test_a_supervisor_who_leaves_is_let_go_by_the_gateway() -> None:
    floor = Floor()
    supervisor_id = await floor.join()
    line = floor.call.seats[0].line
    floor.desk.leave("call-1", supervisor_id)
    await settle()
    assert floor.call.seats == []
    assert line.closed  # type: ignore[attr-defined]
    assert floor.gateway.closed == [f"supervisor/{supervisor_id}"]
    assert floor.told()[-1] == ("supervisor.left", "listen")
    assert floor.desk.counters() == {"supervisors_live": 0, "supervisors_joined_total": 1}
    with pytest.raises(NoSuchSupervisor):
        floor.desk.leave("call-1", supervisor_id)


@pytest.mark.parametrize("event", [browser.BrowserClosed, lambda s: browser.BrowserFailed(s, "dtls")])
async def test_who_vanishes_ends_their_own_part_alone(event: Callable[[str], browser.BrowserEvent]) -> None:
    floor = Floor()
    gone, stays = await floor.join(), await floor.join()
    floor.desk.on_browser_event(event(f"supervisor/{gone}"))
    floor.desk.on_browser_event(event(f"supervisor/{gone}"))
    floor.desk.on_browser_event(event(stays))  # another's session of that name
    assert [one.supervisor_id for one in floor.desk.of("call-1")] == [stays]
    assert len(floor.call.seats) == 1
    assert floor.told()[-1] == ("supervisor.vanished", "listen")


async def test_a_browser_whose_network_is_gone_has_a_while_to_come_back() -> None:
    floor = Floor()
    supervisor_id = await floor.join()
    session = f"supervisor/{supervisor_id}"
    floor.desk.on_browser_event(browser.BrowserConnected(session))
    floor.desk.on_browser_event(browser.BrowserDisconnected(session))
    assert [one.state for one in floor.desk.of("call-1")] == [SupervisorState.RECONNECTING]
    floor.clock.advance(RECONNECT_S - 0.1)
    assert await floor.desk.restart("call-1", supervisor_id, OFFER) == OFFER
    floor.desk.on_browser_event(browser.BrowserReconnected(session))
    floor.clock.advance(RECONNECT_S)
    assert [one.state for one in floor.desk.of("call-1")] == [SupervisorState.CONNECTED]
    floor.desk.on_browser_event(browser.BrowserDisconnected(session))
    floor.clock.advance(RECONNECT_S)
    assert floor.desk.of("call-1") == ()
    assert floor.told()[-1] == ("supervisor.vanished", "listen")
    with pytest.raises(NoSuchSupervisor):
        await floor.desk.restart("call-1", supervisor_id, OFFER)


async def test_a_browser_that_restarts_at_the_end_of_that_while_has_time_to_connect() -> None:
    floor = Floor()
    supervisor_id = await floor.join()
    session = f"supervisor/{supervisor_id}"
    floor.desk.on_browser_event(browser.BrowserDisconnected(session))
    floor.clock.advance(RECONNECT_S - 1.0)
    await floor.desk.restart("call-1", supervisor_id, OFFER)
    floor.clock.advance(5.0)
    floor.desk.on_browser_event(browser.BrowserReconnected(session))
    floor.clock.advance(RECONNECT_S)
    assert [one.state for one in floor.desk.of("call-1")] == [SupervisorState.CONNECTED]


async def test_a_restart_of_one_that_leaves_meanwhile_is_answered_by_none(monkeypatch: pytest.MonkeyPatch) -> None:
    floor = Floor()
    supervisor_id = await floor.join()

    async def as_it_leaves(_session: str, offer: str) -> str:
        floor.desk.leave("call-1", supervisor_id)
        return offer

    monkeypatch.setattr(floor.gateway, "restart", as_it_leaves)
    with pytest.raises(NoSuchSupervisor):
        await floor.desk.restart("call-1", supervisor_id, OFFER)


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (UnusableBrowserOffer("another's"), UnusableOffer),
        (UnusableFragment("no DTLS"), UnusableOffer),
        (UnknownBrowser("gone"), NoSuchSupervisor),
        (GatewayClosed("closed"), CapacityExhausted),
    ],
)
async def test_a_restart_that_is_refused_keeps_the_place(refusal: BrowserRefused, kind: type[CallError]) -> None:
    floor = Floor()
    supervisor_id = await floor.join()
    floor.gateway.refuse_with = refusal
    with pytest.raises(kind):
        await floor.desk.restart("call-1", supervisor_id, OFFER)
    assert len(floor.desk.of("call-1")) == 1


async def test_a_place_that_is_kept_goes_with_its_call() -> None:
    floor = Floor()
    supervisor_id = await floor.join()
    floor.desk.on_browser_event(browser.BrowserDisconnected(f"supervisor/{supervisor_id}"))
    floor.desk.told(floor.call, Told("media", "a", CLOSED, {}))
    floor.clock.advance(RECONNECT_S)
    assert floor.told() == [("supervisor.joined", "listen")]


async def test_who_may_supervise_no_more_takes_part_no_more() -> None:
    floor = Floor()
    answers: list[bool | Exception] = [True, StoreUnavailable("locked"), False]

    async def may_stay() -> bool:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    await floor.desk.join(floor.call, OFFER, Mode.BARGE, may_stay)
    stays = await floor.join()
    for left in (2, 2, 1):
        floor.clock.advance(LOOK_EVERY_S)
        await settle()
        assert len(floor.call.seats) == left
    assert [one.supervisor_id for one in floor.desk.of("call-1")] == [stays]
    assert floor.told()[-1] == ("supervisor.dismissed", "barge")
    assert len(floor.gateway.closed) == 1


async def test_nobody_is_asked_about_who_has_left() -> None:
    floor = Floor()
    asked: list[str] = []

    async def may_stay() -> bool:
        asked.append("asked")
        for one in floor.desk.of("call-1"):
            floor.desk.leave("call-1", one.supervisor_id)
        return False

    first = await floor.desk.join(floor.call, OFFER, Mode.LISTEN, may_stay)
    floor.desk.leave("call-1", first.supervisor.supervisor_id)
    await floor.desk.join(floor.call, OFFER, Mode.LISTEN, may_stay)
    for _ in range(2):
        floor.clock.advance(LOOK_EVERY_S)
        await settle()
    assert asked == ["asked"]
    assert [name for name, _ in floor.told()][2:] == ["supervisor.joined", "supervisor.left"]


async def test_the_end_of_the_call_ends_all_parts_and_tells_nothing_more() -> None:
    floor = Floor()
    await floor.join()
    await floor.join()
    floor.desk.told(HeardCalls("another", "org"), Told("media", "a", CLOSED, {}))
    assert len(floor.desk.of("call-1")) == 2
    floor.desk.told(floor.call, Told("media", "a", CLOSED, {}))
    floor.desk.told(floor.call, Told("media", "b", CLOSED, {}))
    await settle()
    assert floor.desk.of("call-1") == ()
    assert len(floor.gateway.closed) == 2
    assert {name for name, _ in floor.told()} == {"supervisor.joined"}


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (NoSharedCodec("no codec"), UnusableOffer),
        (TooManyBrowsers("full"), CapacityExhausted),
        (GatewayClosed("closed"), CapacityExhausted),
    ],
)
async def test_what_the_gateway_refuses_is_told(refusal: BrowserRefused, kind: type[CallError]) -> None:
    floor = Floor()
    floor.gateway.refuse_with = refusal
    with pytest.raises(kind):
        await floor.join()
    assert floor.call.seats == []
    assert floor.desk.counters()["supervisors_live"] == 0


async def test_a_seat_that_cannot_be_aimed_at_is_given_back() -> None:
    floor = Floor()
    floor.gateway.refuse_aim_with = GatewayClosed("closed")
    with pytest.raises(CapacityExhausted):
        await floor.join()
    await settle()
    assert floor.call.seats == []
    assert floor.desk.of("call-1") == ()
    assert len(floor.gateway.closed) == 1


async def test_a_call_that_ends_while_a_browser_joins_has_no_supervisor() -> None:
    floor = Floor()

    async def ends(session: str, remote: Address, payload_types: browser.PayloadTypes) -> None:
        floor.desk.told(floor.call, Told("media", "a", CLOSED, {}))

    floor.gateway.aim = ends  # type: ignore[method-assign]
    with pytest.raises(NoSuchSupervisor):
        await floor.join()
    await settle()
    assert floor.gateway.closed
    assert floor.call.steps == []


async def test_without_a_port_or_a_bridge_the_browser_is_let_go() -> None:
    def no_port(_peer: Address) -> KeptSeatLine:
        raise PortsExhausted("none")

    full, waiting = Floor(no_port), Floor()
    with pytest.raises(CapacityExhausted):
        await full.join()
    waiting.call.connected = False
    with pytest.raises(NotConnected):
        await waiting.join()
    await settle()
    assert (len(full.gateway.closed), len(waiting.gateway.closed)) == (1, 1)


async def test_who_leaves_while_it_is_asked_about_them_is_never_asked_about_again() -> None:
    floor = Floor()
    asked: list[str] = []

    async def may_stay() -> bool:
        asked.append("asked")
        for one in floor.desk.of("call-1"):
            floor.desk.leave("call-1", one.supervisor_id)
        return True

    await floor.desk.join(floor.call, OFFER, Mode.LISTEN, may_stay)
    for _ in range(3):
        floor.clock.advance(LOOK_EVERY_S)
        await settle()
    assert asked == ["asked"]


async def test_those_who_are_joining_count_among_those_who_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    floor = Floor()
    answer, one_more = floor.gateway.answer, list[str]()

    async def then_another_comes(session: str, offer: str, wish: browser.BrowserWish) -> browser.BrowserAnswer:
        if len(floor.desk.of("call-1")) == SUPERVISORS_MAX - 1 and not one_more:
            one_more.append(session)
            with pytest.raises(TooManySupervisors):
                await floor.join()
        return await answer(session, offer, wish)

    monkeypatch.setattr(floor.gateway, "answer", then_another_comes)
    for _ in range(SUPERVISORS_MAX):
        await floor.join()
    assert len(one_more) == 1
    await floor.desk.close()


async def test_there_are_so_many_supervisors_in_all() -> None:
    floor = Floor()
    for _ in range(SUPERVISORS_MAX):
        await floor.join()
    with pytest.raises(TooManySupervisors):
        await floor.join()
    await floor.desk.close()
    assert floor.desk.counters()["supervisors_live"] == 0
    assert len(floor.gateway.closed) == SUPERVISORS_MAX


async def test_candidates_are_passed_on_and_bad_ones_are_named() -> None:
    floor = Floor()
    supervisor_id = await floor.join()
    await floor.desk.trickle("call-1", supervisor_id, "a=candidate:1")
    assert floor.gateway.fragments == ["a=candidate:1"]
    with pytest.raises(UnusableOffer) as refused:
        await floor.desk.trickle("call-1", supervisor_id, "nonsense")
    assert refused.value.field == "candidates"
    with pytest.raises(NoSuchSupervisor):
        await floor.desk.trickle("another", supervisor_id, "a=candidate:1")
