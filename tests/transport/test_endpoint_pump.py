"""The endpoint: order, re-entrancy, strangers, timers, on a manual clock."""

import logging
from contextlib import nullcontext

import pytest

from b2bua.redaction import redact_text
from b2bua.sip.events import (
    Answered,
    IncomingInvite,
    IncomingRequest,
    NoResponse,
    RequestAnswered,
    UsageEnded,
    UserAgentEvent,
)
from b2bua.sip.framing import Framed
from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import TransportAddress
from b2bua.sip.settings import OutgoingRequest, UserAgentLimits
from b2bua.sip.user_agent import UserAgent
from b2bua.transport.endpoint import SipEndpoint
from b2bua.transport.strangers import LOG_INTERVAL_S, StrangerLog
from tests.support.agents import OFFER, OURS, PEER, Agent, answer_to, plan_to, request_from_peer, settings_for
from tests.support.lossy_network import LossyNetwork
from tests.support.manual_clock import ManualClock
from tests.support.seeded_tokens import SeededTokens

STRANGER = TransportAddress("udp", "198.51.100.66", 5060)


class Probe:
    """A transport that keeps what it is given."""

    def __init__(self, local: TransportAddress = OURS) -> None:
        self.local = local
        self.sent: list[tuple[bytes, TransportAddress]] = []

    def send(self, content: bytes, destination: TransportAddress, _fallback: TransportAddress | None = None) -> None:
        self.sent.append((content, destination))

    def methods(self) -> list[str]:
        return [content.split(b" ")[0].decode() for content, _ in self.sent]


class Fixture:
    def __init__(self, limits: UserAgentLimits | None = None) -> None:
        self.clock = ManualClock()
        self.events: list[UserAgentEvent] = []
        self.probe = Probe()
        user_agent = UserAgent(settings_for(OURS, limits), SeededTokens())
        self.endpoint = SipEndpoint(user_agent, self.clock, lambda source: source != STRANGER, self.on_event)
        self.endpoint.attach(self.probe)

    def on_event(self, event: UserAgentEvent) -> None:
        self.events.append(event)


def test_a_verb_sends_at_once_and_the_alarm_retransmits() -> None:
    fixture = Fixture()
    fixture.endpoint.invite(plan_to())
    assert fixture.probe.methods() == ["INVITE"]
    assert fixture.probe.sent[0][1] == PEER
    fixture.clock.advance(1.6)
    assert fixture.probe.methods() == ["INVITE"] * 3
    fixture.clock.advance(40)
    assert [type(event) for event in fixture.events] == [NoResponse, UsageEnded]
    assert fixture.clock.next_due() is None


def test_a_verbs_events_come_after_it_has_returned() -> None:
    fixture = Fixture(UserAgentLimits(usages=0))
    usage = fixture.endpoint.invite(plan_to())
    assert fixture.events == []
    fixture.clock.advance(0)
    assert fixture.events == [NoResponse(usage, "limit"), UsageEnded(usage)]


def test_a_handler_may_use_the_verbs() -> None:
    clock = ManualClock()
    network = LossyNetwork(clock)
    caller, phone = Agent(network, clock, OURS), Agent(network, clock, PEER)
    deliveries: list[str] = []

    def phone_reacts(event: UserAgentEvent) -> None:
        if isinstance(event, IncomingInvite):
            phone.endpoint.respond(event.transaction, 180)
            phone.endpoint.respond(event.transaction, 200, body=OFFER)

    def caller_reacts(event: UserAgentEvent) -> None:
        deliveries.append(f"start {type(event).__name__}")
        if isinstance(event, Answered):
            caller.endpoint.hang_up(event.usage)
            caller.endpoint.invite(plan_to(TransportAddress("tcp", "203.0.113.1", 5060)))
        deliveries.append(f"end {type(event).__name__}")

    phone.react, caller.react = phone_reacts, caller_reacts
    caller.endpoint.invite(plan_to())
    clock.advance(0)
    assert [carried.first_line.split(" ")[0] for carried in network.carried if carried.source == OURS] == [
        "INVITE",
        "ACK",
        "BYE",
    ]
    starts = [word for word in deliveries if word.startswith("start")]
    assert deliveries == [word for start in starts for word in (start, start.replace("start", "end"))]
    assert starts == ["start Provisional", "start Answered", "start NoResponse", "start UsageEnded"]


def test_a_handler_that_fails_loses_no_later_event() -> None:
    fixture = Fixture(UserAgentLimits(usages=0))
    seen: list[UserAgentEvent] = []

    def fails_once(event: UserAgentEvent) -> None:
        seen.append(event)
        if len(seen) == 1:
            raise RuntimeError("a handler's mistake")

    endpoint = SipEndpoint(fixture.endpoint.user_agent, fixture.clock, lambda _source: True, fails_once)
    endpoint.invite(plan_to())
    with pytest.raises(RuntimeError, match="mistake"):
        fixture.clock.advance(0)
    fixture.clock.advance(0)
    assert [type(event) for event in seen] == [NoResponse, UsageEnded]


@pytest.mark.parametrize("fails", [False, True])
def test_what_a_message_leads_to_leaves_in_order_once_it_has_been_dealt_with(fails: bool) -> None:
    fixture = Fixture()
    sent_from_within: list[int] = []

    def accepts(event: UserAgentEvent) -> None:
        if isinstance(event, IncomingInvite):
            endpoint.respond(event.transaction, 180)
            endpoint.invite(plan_to())
            sent_from_within.append(len(fixture.probe.sent))
            if fails:
                raise RuntimeError("a handler's mistake")

    endpoint = SipEndpoint(fixture.endpoint.user_agent, fixture.clock, lambda _source: True, accepts)
    endpoint.attach(fixture.probe)
    with pytest.raises(RuntimeError, match="mistake") if fails else nullcontext():
        endpoint.received(request_from_peer("INVITE"), PEER, OURS)
    assert sent_from_within == [0]
    assert [content.split(b"\r\n")[0][:12] for content, _ in fixture.probe.sent] == [
        b"SIP/2.0 100 ",
        b"SIP/2.0 180 ",
        b"INVITE sip:+",
    ]


def ask_ourselves(endpoint: SipEndpoint) -> None:
    """OPTIONS from our listener to itself."""
    endpoint.request(OutgoingRequest("OPTIONS", "sip:192.0.2.1", "sip:us@192.0.2.1", "sip:192.0.2.1", OURS))


def test_what_we_send_to_ourselves_arrives_in_order_without_a_network() -> None:
    fixture = Fixture()
    for _ in range(3):
        ask_ourselves(fixture.endpoint)
    assert fixture.events == [], "never from within"
    fixture.clock.advance(0)
    statuses = [event.response.status for event in fixture.events if isinstance(event, RequestAnswered)]
    assert statuses == [200, 200, 200]
    assert fixture.probe.sent == []
    assert [fixture.endpoint.counters()[name] for name in ("sent", "received")] == [6, 6]


def test_it_is_to_ourselves_whoever_is_expected_there() -> None:
    fixture = Fixture()
    there = OURS._replace(expected="sip.example")
    fixture.endpoint.request(OutgoingRequest("OPTIONS", "sip:192.0.2.1", "sip:us@192.0.2.1", "sip:192.0.2.1", there))
    fixture.clock.advance(0)
    assert [event.response.status for event in fixture.events if isinstance(event, RequestAnswered)] == [200]
    assert fixture.probe.sent == []


def test_what_we_send_to_ourselves_stands_on_the_tape_once() -> None:
    fixture = Fixture()
    tape: list[tuple[bool, bytes]] = []

    def write(received: bool, content: bytes | Framed, _peer: TransportAddress) -> None:
        assert isinstance(content, bytes)
        tape.append((received, content[:7]))

    user_agent = fixture.endpoint.user_agent
    endpoint = SipEndpoint(user_agent, fixture.clock, lambda _source: True, fixture.on_event, write)
    endpoint.attach(fixture.probe)
    ask_ourselves(endpoint)
    fixture.clock.advance(0)
    assert tape == [(False, b"OPTIONS"), (False, b"SIP/2.0")]


def test_who_has_an_address_of_ours_is_a_stranger_all_the_same() -> None:
    fixture = Fixture()
    endpoint = SipEndpoint(fixture.endpoint.user_agent, fixture.clock, lambda _source: False, fixture.on_event)
    endpoint.attach(fixture.probe)
    endpoint.received(request_from_peer("OPTIONS"), OURS, OURS)
    assert endpoint.counters()["strangers"] == 1
    ask_ourselves(endpoint)
    fixture.clock.advance(0)
    assert [type(event) for event in fixture.events] == [RequestAnswered]


def test_what_we_send_to_ourselves_survives_a_handlers_mistake() -> None:
    fixture, seen = Fixture(), []

    def fails_once(event: UserAgentEvent) -> None:
        seen.append(event)
        if len(seen) == 1:
            raise RuntimeError("a handler's mistake")

    endpoint = SipEndpoint(fixture.endpoint.user_agent, fixture.clock, lambda _source: True, fails_once)
    endpoint.attach(fixture.probe)
    ask_ourselves(endpoint)
    ask_ourselves(endpoint)
    with pytest.raises(RuntimeError, match="mistake"):
        fixture.clock.advance(0)
    fixture.clock.advance(0)
    assert [type(event) for event in seen] == [RequestAnswered, RequestAnswered]


def test_no_more_is_sent_to_ourselves_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2bua.transport.endpoint.OWN_WAITING", 2)
    fixture = Fixture()
    for _ in range(3):
        ask_ourselves(fixture.endpoint)
    assert fixture.endpoint.counters()["messages to ourselves dropped"] == 1
    fixture.clock.advance(1.0)
    assert len(fixture.events) == 3, "what was dropped is sent again"


def test_nothing_of_ours_arrives_after_the_end() -> None:
    fixture = Fixture()
    ask_ourselves(fixture.endpoint)
    fixture.endpoint.close()
    fixture.clock.advance(1.0)
    assert fixture.events == []


def test_strangers_get_silence_and_are_counted() -> None:
    fixture = Fixture()
    for content in (request_from_peer("OPTIONS"), request_from_peer("INVITE"), b"junk"):
        fixture.endpoint.received(content, STRANGER, OURS)
    assert fixture.probe.sent == []
    assert fixture.events == []
    assert fixture.endpoint.counters()["strangers"] == 3
    assert fixture.endpoint.counters()["received"] == 0
    fixture.endpoint.received(request_from_peer("OPTIONS"), PEER, OURS)
    assert len(fixture.probe.sent) == 1


def test_strangers_are_logged_at_a_limited_rate(caplog: pytest.LogCaptureFixture) -> None:
    fixture = Fixture()
    with caplog.at_level(logging.WARNING, logger="b2bua.transport.strangers"):
        for _ in range(1000):
            fixture.endpoint.received(b"INVITE sip:+919812345678@x SIP/2.0\r\n\r\n", STRANGER, OURS)
        assert len(caplog.records) == 1
        fixture.clock.advance(59)
        assert len(caplog.records) == 1
        fixture.clock.advance(2)
        assert [record.getMessage() for record in caplog.records] == [
            "dropped 1 messages or connections from strangers, the newest from udp:198.51.100.66:5060",
            "dropped 999 messages or connections from strangers, the newest from udp:198.51.100.66:5060",
        ]
        fixture.clock.advance(3600)
        assert len(caplog.records) == 2
    fixture.endpoint.close()
    assert fixture.clock.next_due() is None


def test_a_flood_s_count_is_written_so_that_redaction_does_not_take_it_for_a_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    log = StrangerLog(clock)
    for _ in range(12_346):
        log.dropped_one(STRANGER)
    clock.advance(LOG_INTERVAL_S)
    assert caplog.messages[-1].startswith("dropped 12,345 messages")
    assert redact_text("dropped 1,234,567 messages") == "dropped 1,234,567 messages"


def test_a_transport_failure_reaches_the_call() -> None:
    fixture = Fixture()
    usage = fixture.endpoint.invite(plan_to())
    fixture.endpoint.transport_failed(PEER)
    assert fixture.events == [NoResponse(usage, "transport")]


def test_a_datagram_that_was_not_delivered_reaches_its_call_alone() -> None:
    fixture = Fixture()
    usage, _ = fixture.endpoint.invite(plan_to()), fixture.endpoint.invite(plan_to())
    fixture.endpoint.undelivered(fixture.probe.sent[0][0], PEER)
    assert fixture.events == [NoResponse(usage, "transport")]


def test_what_has_no_transport_is_counted() -> None:
    fixture = Fixture()
    fixture.endpoint.detach(fixture.probe)
    fixture.endpoint.invite(plan_to())
    assert fixture.probe.sent == []
    assert fixture.endpoint.counters()["unsendable"] == 1


def test_draining_reaches_the_user_agent() -> None:
    fixture = Fixture()
    assert fixture.endpoint.accepting
    fixture.endpoint.accepting = False
    fixture.endpoint.received(request_from_peer("OPTIONS"), PEER, OURS)
    assert fixture.probe.sent[0][0].startswith(b"SIP/2.0 503")


def test_a_timer_that_moves_later_keeps_one_alarm() -> None:
    fixture = Fixture()
    fixture.endpoint.invite(plan_to())
    invite = parse_message(fixture.probe.sent[0][0])
    assert isinstance(invite, Request)
    fixture.endpoint.received(answer_to(invite, 180, to_tag="peer"), PEER, OURS)
    fixture.clock.advance(30)
    assert fixture.probe.methods() == ["INVITE"]
    assert fixture.clock.next_due() == pytest.approx(1181.0)


def test_requests_in_and_outside_a_dialog_go_out_and_are_answered() -> None:
    clock = ManualClock()
    network = LossyNetwork(clock)
    caller, phone = Agent(network, clock, OURS), Agent(network, clock, PEER)

    def phone_reacts(event: UserAgentEvent) -> None:
        if isinstance(event, IncomingInvite):
            phone.endpoint.respond(event.transaction, 200, body=OFFER)
        elif isinstance(event, IncomingRequest):
            phone.endpoint.respond(event.transaction, 200)

    phone.react = phone_reacts
    usage = caller.endpoint.invite(plan_to())
    clock.advance(0)
    inside = caller.endpoint.request_in_dialog(usage, "INFO")
    outside = caller.endpoint.request(
        OutgoingRequest("OPTIONS", "sip:203.0.113.10", "sip:192.0.2.1", "sip:203.0.113.10", PEER)
    )
    clock.advance(0)
    answers = {event.request: event.response.status for event in caller.events if isinstance(event, RequestAnswered)}
    assert answers == {inside: 200, outside: 200}
