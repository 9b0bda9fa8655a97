"""RFC 3262 section 3: provisional responses to a peer's INVITE that we send reliably."""

import pytest

from b2bua.sip import reliable_provisionals as r
from b2bua.sip.errors import SipError
from b2bua.sip.events import (
    AckReceived,
    ByeReceived,
    HeldAnswerSent,
    IncomingCancelled,
    IncomingInvite,
    IncomingRequest,
    IncomingRequestEnded,
)
from b2bua.sip.message import Request, Response
from b2bua.sip.settings import PeerPolicy
from b2bua.sip.user_agent import UserAgent
from tests.support.agents import OFFER, OURS, Bench, request_from_peer, settings_for
from tests.support.early_dialogs import Arrival, only, statuses
from tests.support.seeded_tokens import SeededTokens

OFF = PeerPolicy(reliable_provisional="off")
SUPPORTED = PeerPolicy()
REQUIRED = PeerPolicy(reliable_provisional="required")
RESENT_AT = [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]


def is_reliable(response: Response) -> bool:
    return response.require == ("100rel",) and response.rseq is not None


# Whether.


def refusal(policy: PeerPolicy, headers: str) -> Response:
    bench = Bench(policy_of=lambda _request, _source: policy)
    response = bench.receive(request_from_peer("INVITE", headers=headers))[0]
    assert isinstance(response, Response)
    assert (bench.events() == []) == (response.status != 100)
    return response


def test_policy_off_refuses_an_invite_that_requires_100rel() -> None:
    response = refusal(OFF, "Require: 100rel")
    assert (response.status, response.unsupported) == (420, ("100rel",))
    assert refusal(OFF, "Supported: 100rel").status == 100


def test_policy_required_refuses_an_invite_without_100rel() -> None:
    response = refusal(REQUIRED, "Supported: timer")
    assert (response.status, response.require) == (421, ("100rel",))
    assert refusal(REQUIRED, "Supported: 100rel").status == 100
    assert refusal(REQUIRED, "Require: 100REL").status == 100


@pytest.mark.parametrize(
    ("policy", "tags"), [(OFF, ("timer",)), (SUPPORTED, ("timer", "100rel")), (REQUIRED, ("timer", "100rel"))]
)
def test_what_we_say_to_support(policy: PeerPolicy, tags: tuple[str, ...]) -> None:
    bench = Bench(policy_of=lambda _request, _source: policy)
    assert only(bench.receive(request_from_peer("OPTIONS"))).supported == tags
    arrival = Arrival(policy=policy)
    ringing = only(arrival.respond(180))
    assert ringing.supported == tags
    assert "PRACK" in ringing.allow


@pytest.mark.parametrize(
    ("headers", "policy", "body", "wished", "reliable"),
    [
        ("Require: 100rel", SUPPORTED, b"", None, True),
        ("Require: 100rel", SUPPORTED, b"", False, True),
        ("Supported: 100rel", SUPPORTED, b"", None, False),
        ("Supported: 100rel", SUPPORTED, OFFER, None, True),
        ("Supported: timer, 100rel", SUPPORTED, b"", True, True),
        ("Supported: 100rel", SUPPORTED, OFFER, False, False),
        ("Supported: 100rel", REQUIRED, b"", None, True),
        ("Supported: 100rel", OFF, OFFER, True, False),
        ("", SUPPORTED, OFFER, True, False),
        ("Supported: @@@", SUPPORTED, OFFER, True, False),
    ],
)
def test_which_responses_go_reliably(
    headers: str, policy: PeerPolicy, body: bytes, wished: bool | None, reliable: bool
) -> None:
    arrival = Arrival(headers, policy)
    response = only(arrival.respond(183, body, reliable=wished))
    assert is_reliable(response) == reliable
    assert ("RSeq" in response.headers) == reliable
    assert bool(arrival.bench.advance(0.6)) == reliable


def test_a_100_is_never_reliable() -> None:
    assert "RSeq" not in only(Arrival("Require: 100rel").respond(100)).headers


def test_what_cannot_be_written_raises_and_leaves_all_as_it_was() -> None:
    arrival = Arrival("Require: 100rel")
    with pytest.raises(SipError):
        arrival.bench.user_agent.respond(arrival.transaction, 180, arrival.bench.now, reason="a\r\nb")
    assert is_reliable(only(arrival.respond(180)))


# Retransmission.


def test_it_is_sent_again_from_t1_doubling_without_a_limit_and_the_call_refused_in_the_end() -> None:
    arrival = Arrival("Require: 100rel")
    ringing = only(arrival.respond(180))
    sent = arrival.bench.advance(33)
    assert [at for at, message in sent if message == ringing] == RESENT_AT
    refused = [(at, message.status) for at, message in sent if message != ringing and isinstance(message, Response)]
    assert refused[0] == (32.0, 504)
    assert arrival.events() == [IncomingCancelled(arrival.usage, "no_prack")]
    arrival.end()


def test_prack_ends_the_retransmissions() -> None:
    arrival = Arrival("Require: 100rel")
    ringing = only(arrival.respond(180))
    arrival.bench.advance(2)
    answer = only(arrival.prack(ringing))
    assert (answer.status, answer.cseq.method) == (200, "PRACK")
    assert "Contact" not in answer.headers
    assert arrival.bench.advance(100) == []
    assert arrival.events() == []


def test_an_invite_that_is_repeated_gets_the_same_response() -> None:
    arrival = Arrival("Require: 100rel")
    ringing = only(arrival.respond(180))
    repeated = request_from_peer("INVITE", headers="Require: 100rel", body="v=0")
    assert arrival.bench.receive(repeated) == [ringing]


def test_numbers_begin_at_random_and_go_up_by_one() -> None:
    arrival = Arrival("Require: 100rel")
    first = only(arrival.respond(180))
    assert first.rseq is not None
    assert 1 < first.rseq < 2**31
    seen = [first.rseq]
    for status in (182, 183):
        arrival.prack(only([first]))
        first = only(arrival.respond(status))
        assert first.rseq is not None
        seen.append(first.rseq)
    assert seen == [seen[0], seen[0] + 1, seen[0] + 2]


class AllZero(SeededTokens):
    def integer(self, bits: int) -> int:
        return 0


def test_the_first_number_is_never_0() -> None:
    bench = Bench()
    bench.user_agent = UserAgent(settings_for(OURS), AllZero())
    bench.receive(request_from_peer("INVITE", headers="Require: 100rel", body="v=0"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 180, bench.now)
    assert only(bench.take_sent()[-1:]).rseq == 1


# PRACK.


@pytest.mark.parametrize(
    ("rack", "status"),
    [
        ("{0} 2 INVITE", 481),
        ("{0} 1 UPDATE", 481),
        ("4294967295 1 INVITE", 481),
        ("{0} INVITE", 400),
        ("", 400),
    ],
)
def test_a_prack_that_matches_nothing_is_refused(rack: str, status: int) -> None:
    arrival = Arrival("Require: 100rel")
    ringing = only(arrival.respond(180))
    headers = f"RAck: {rack.format(ringing.rseq)}" if rack else ""
    assert statuses(arrival.ask("PRACK", headers=headers)) == [status]
    assert arrival.bench.advance(0.6) != []
    assert statuses(arrival.prack(ringing)) == [200]
    assert statuses(arrival.prack(ringing)) == [481]


def test_a_prack_without_anything_to_acknowledge_is_refused() -> None:
    arrival = Arrival()
    arrival.respond(180)
    assert statuses(arrival.ask("PRACK", headers="RAck: 1 1 INVITE")) == [481]
    assert statuses(arrival.bench.receive(request_from_peer("PRACK", branch="z9hG4bKout"))) == [481]


def test_a_repeated_prack_gets_the_same_200() -> None:
    arrival = Arrival("Require: 100rel")
    ringing = only(arrival.respond(180))
    ok = only(arrival.prack(ringing))
    arrival.cseq -= 1
    assert only(arrival.prack(ringing)) == ok


# One at a time.


def test_the_next_one_waits_for_the_prack_of_the_one_before() -> None:
    arrival = Arrival("Require: 100rel")
    first = only(arrival.respond(180))
    assert arrival.respond(183, OFFER) == []
    assert arrival.respond(182) == []
    ok, second = arrival.prack(first)
    assert isinstance(second, Response)
    assert statuses([ok, second]) == [200, 183]
    assert first.rseq is not None
    assert second.rseq == first.rseq + 1
    assert [at for at, _ in arrival.bench.advance(4)] == [0.5, 1.5, 3.5]
    assert statuses(arrival.prack(second)) == [200, 182]


def test_the_time_for_a_prack_begins_anew_with_each() -> None:
    arrival = Arrival("Require: 100rel")
    first = only(arrival.respond(180))
    arrival.respond(183)
    arrival.bench.advance(31)
    arrival.prack(first)
    assert statuses([message for _, message in arrival.bench.advance(31.9)]) == [183] * 6
    assert statuses([message for _, message in arrival.bench.advance(0.2)])[0] == 504


def test_the_queue_has_a_limit() -> None:
    arrival = Arrival("Require: 100rel")
    first = only(arrival.respond(180))
    for _ in range(r.QUEUE_LIMIT + 3):
        assert arrival.respond(182) == []
    assert arrival.bench.user_agent.counters["reliable provisionals dropped"] == 3
    following = 0
    answers = arrival.prack(first)
    while len(answers) > 1:
        following += 1
        answers = arrival.prack(answers[1])
    assert following == r.QUEUE_LIMIT


def test_a_session_description_finds_its_place_in_a_full_queue() -> None:
    arrival = Arrival("Require: 100rel")
    ringing = only(arrival.respond(180))
    for _ in range(r.QUEUE_LIMIT):
        arrival.respond(182)
    assert arrival.respond(183, OFFER) == []
    assert arrival.respond(182) == []
    assert arrival.bench.user_agent.counters["reliable provisionals dropped"] == 2
    assert arrival.respond(200, OFFER) == []
    _, progress = arrival.prack(ringing)
    assert isinstance(progress, Response)
    assert (progress.status, progress.body) == (183, OFFER)
    assert statuses(arrival.prack(progress)) == [200, 200]


def test_a_session_description_in_a_full_queue_takes_the_place_of_the_last() -> None:
    arrival = Arrival("Require: 100rel")
    answers = [only(arrival.respond(180))]
    for _ in range(r.QUEUE_LIMIT):
        arrival.respond(182)
    arrival.respond(183, OFFER)
    following: list[int] = []
    while True:
        sent = arrival.prack(answers[-1])
        if len(sent) == 1:
            break
        answers.append(only(sent[1:]))
        following.append(answers[-1].status)
    assert following == [182] * (r.QUEUE_LIMIT - 1) + [183]


# The final response.


def test_a_2xx_waits_for_the_prack_of_a_session_description_and_then_goes_at_once() -> None:
    arrival = Arrival()
    progress = only(arrival.respond(183, OFFER))
    assert arrival.respond(200, OFFER) == []
    assert arrival.respond(486) == []
    assert arrival.bench.user_agent.counters["responses too late"] == 1
    assert statuses(arrival.prack(progress)) == [200, 200]
    arrival.ack()
    assert arrival.bench.advance(100) == []
    arrival.bench.user_agent.hang_up(arrival.usage, arrival.bench.now)
    arrival.end()


def test_it_is_known_that_a_2xx_would_wait_and_told_when_it_has_gone() -> None:
    arrival = Arrival()
    agent = arrival.bench.user_agent
    assert not agent.answer_waits(arrival.usage)
    progress = only(arrival.respond(183, OFFER))
    assert agent.answer_waits(arrival.usage)
    arrival.respond(200)
    assert arrival.events() == []
    arrival.prack(progress)
    assert arrival.events() == [HeldAnswerSent(arrival.usage)]
    assert not agent.answer_waits(arrival.usage)
    assert not agent.answer_waits(arrival.usage + 1)


def test_a_199_is_a_provisional_response_like_any_other() -> None:
    """RFC 6228; it has its turn, and is no answer that would wait."""
    arrival = Arrival("Require: 100rel")
    progress = only(arrival.respond(183, OFFER))
    assert arrival.respond(199) == []
    _, terminated = arrival.prack(progress)
    assert isinstance(terminated, Response)
    assert (terminated.status, is_reliable(terminated)) == (199, True)
    assert not any(isinstance(event, HeldAnswerSent) for event in arrival.events())
    arrival.prack(terminated)
    assert statuses(list(arrival.respond(200, OFFER))) == [200]


def test_a_2xx_that_need_not_wait_tells_nothing() -> None:
    arrival = Arrival()
    arrival.prack(only(arrival.respond(183, OFFER)))
    assert not arrival.bench.user_agent.answer_waits(arrival.usage)
    assert statuses(arrival.respond(200)) == [200]
    assert arrival.events() == []


def test_a_2xx_does_not_wait_for_the_prack_of_a_mere_ringing_which_may_come_later() -> None:
    arrival = Arrival("Require: 100rel")
    ringing = only(arrival.respond(180))
    arrival.respond(182)
    assert statuses(arrival.respond(200, OFFER)) == [200]
    assert {message.status for _, message in arrival.bench.advance(3) if isinstance(message, Response)} == {200}
    assert statuses(arrival.prack(ringing)) == [200]
    assert statuses(arrival.prack(ringing)) == [481]
    arrival.ack()
    assert arrival.bench.advance(60) == []
    assert arrival.bench.user_agent.counters["reliable provisionals never acknowledged"] == 0


def test_a_2xx_waits_for_a_session_description_that_is_still_queued() -> None:
    arrival = Arrival("Require: 100rel")
    ringing = only(arrival.respond(180))
    arrival.respond(182)
    arrival.respond(183, OFFER)
    assert arrival.respond(200) == []
    _, progress = arrival.prack(ringing)
    assert statuses([progress]) == [183]
    assert statuses(arrival.prack(progress)) == [200, 200]


def test_a_2xx_that_waits_in_vain() -> None:
    arrival = Arrival()
    arrival.respond(183, OFFER)
    arrival.respond(200)
    assert 504 in statuses([message for _, message in arrival.bench.advance(32)])
    assert arrival.events() == [IncomingCancelled(arrival.usage, "no_prack")]
    arrival.end()


@pytest.mark.parametrize("held", [False, True])
def test_a_failure_does_not_wait(held: bool) -> None:
    arrival = Arrival()
    progress = only(arrival.respond(183, OFFER))
    if held:
        arrival.respond(200)
        arrival.bench.user_agent.hang_up(arrival.usage, arrival.bench.now, status=486)
        assert statuses(arrival.bench.take_sent()) == [486]
    else:
        assert statuses(arrival.respond(486)) == [486]
    arrival.bench.receive(request_from_peer("ACK", to_tag=arrival.tag))
    assert statuses(arrival.prack(progress)) == [200]
    assert arrival.bench.advance(4) == []
    arrival.end()
    assert arrival.bench.user_agent.counters["reliable provisionals never acknowledged"] == 0


@pytest.mark.parametrize("held", [False, True])
def test_cancel_with_a_prack_outstanding(held: bool) -> None:
    arrival = Arrival()
    arrival.respond(183, OFFER)
    if held:
        arrival.respond(200)
    assert statuses(arrival.cancel()) == [200, 487]
    assert arrival.events() == [IncomingCancelled(arrival.usage)]
    arrival.bench.receive(request_from_peer("ACK", to_tag=arrival.tag))
    assert arrival.bench.advance(40) == []
    arrival.end()
    assert arrival.bench.user_agent.counters["reliable provisionals never acknowledged"] == 0


def test_a_call_that_is_over_is_in_no_cycle_with_its_provisionals() -> None:
    arrival = Arrival()
    arrival.respond(183, OFFER)
    usage = arrival.bench.user_agent._station.usages[arrival.usage]
    assert usage.announcing is not None
    arrival.respond(486)
    arrival.end()
    assert usage.announcing is None


def test_bye_in_the_early_dialog() -> None:
    arrival = Arrival()
    arrival.respond(183, OFFER)
    arrival.respond(200)
    assert statuses(arrival.ask("BYE")) == [200, 487]
    assert arrival.events() == [ByeReceived(arrival.usage, None)]
    arrival.end()


# Offer and answer (section 5).


def test_an_offer_in_a_prack_goes_to_our_user() -> None:
    arrival = Arrival()
    progress = only(arrival.respond(183, OFFER))
    assert arrival.prack(progress, body="v=0") == []
    [asked] = arrival.events()
    assert isinstance(asked, IncomingRequest)
    assert (asked.usage, asked.request.method) == (arrival.usage, "PRACK")
    assert arrival.bench.advance(5) == []
    assert arrival.respond(200) == []
    answer, ok = arrival.respond(200, OFFER, to=asked.transaction)
    assert isinstance(answer, Response)
    assert isinstance(ok, Response)
    assert (answer.cseq.method, answer.body, ok.cseq.method) == ("PRACK", OFFER, "INVITE")


def test_an_offer_in_a_prack_that_our_user_never_answers() -> None:
    arrival = Arrival()
    progress = only(arrival.respond(183, OFFER))
    arrival.prack(progress, body="v=0")
    arrival.respond(200)
    [asked] = arrival.events()
    assert isinstance(asked, IncomingRequest)
    assert [(at, message.status) for at, message in arrival.bench.advance(32.2) if isinstance(message, Response)] == [
        (32, 200)
    ]
    assert arrival.events() == [
        IncomingRequestEnded(arrival.usage, asked.transaction),
        HeldAnswerSent(arrival.usage),
    ]


def test_an_offer_in_a_prack_has_to_wait_while_another_of_the_peers_waits_for_us() -> None:
    """Two offers of one side may not be open at a time (RFC 3264 4): later, as 14.2 says it of an INVITE."""
    arrival = Arrival()
    progress = only(arrival.respond(183, OFFER))
    arrival.ask("UPDATE", body="v=0")
    [update] = arrival.events()
    assert isinstance(update, IncomingRequest)
    refused = only(arrival.prack(progress, body="v=0"))
    assert (refused.status, 0 <= int(refused.headers.get("Retry-After") or "99") <= 10) == (500, True)
    assert arrival.events() == []
    arrival.respond(200, OFFER, to=update.transaction)
    assert arrival.prack(progress, body="v=0") == []
    assert [type(event) for event in arrival.events()] == [IncomingRequest]


def test_an_offer_of_ours_is_answered_in_the_prack() -> None:
    arrival = Arrival(body="")
    progress = only(arrival.respond(183, OFFER))
    assert statuses(arrival.prack(progress, body="v=0")) == [200]
    assert arrival.events() == [AckReceived(arrival.usage, b"v=0", "application/sdp")]
    assert statuses(arrival.respond(200)) == [200]


@pytest.mark.parametrize("after", [183, 200])
def test_no_later_response_describes_the_session_once_more(after: int) -> None:
    arrival = Arrival("Require: 100rel")
    arrival.prack(only(arrival.respond(183, OFFER)))
    later = only(arrival.respond(after, OFFER))
    assert (later.status, later.body, later.content_type) == (after, b"", None)


def test_a_session_description_that_went_unreliably_is_given_again() -> None:
    arrival = Arrival()
    arrival.respond(183, OFFER, reliable=False)
    assert only(arrival.respond(200, OFFER)).body == OFFER


def test_what_would_have_to_make_an_offer_and_has_none_is_not_sent() -> None:
    arrival = Arrival("Require: 100rel", body="")
    assert arrival.respond(180) == []
    first = only(arrival.respond(183, OFFER))
    assert is_reliable(first)
    arrival.prack(first, body="v=0")
    assert is_reliable(only(arrival.respond(180)))


# A re-INVITE may require it too.


def test_a_provisional_to_a_reinvite_that_requires_it() -> None:
    arrival = Arrival()
    arrival.respond(200, OFFER)
    arrival.ack()
    arrival.ask("INVITE", headers="Require: 100rel", body="v=0")
    asked = arrival.events()[-1]
    assert isinstance(asked, IncomingRequest)
    ringing = only(arrival.respond(180, to=asked.transaction))
    assert is_reliable(ringing)
    assert statuses(arrival.prack(ringing)) == [200]
    again = only(arrival.respond(183, to=asked.transaction))
    sent = statuses([message for _, message in arrival.bench.advance(32)])
    assert sent == [again.status] * 6 + [504]
    assert arrival.events() == [IncomingRequestEnded(arrival.usage, asked.transaction)]
    arrival.bench.user_agent.hang_up(arrival.usage, arrival.bench.now)
    assert [message.method for message in arrival.bench.take_sent() if isinstance(message, Request)] == ["BYE"]
    arrival.end()


# The table, as a whole.

STATES = tuple(r.LIVE_TIMERS)
INPUTS = (r.PROVISIONAL, r.GOT_PRACK, r.GOT_OFFER, r.PRACK_ANSWERED, r.SENT_FINAL, r.RESEND_1XX, r.NO_PRACK)
# (state, input) -> next state, written from section 3.
NEXT = {
    (r.CLEAR, r.PROVISIONAL): r.UNACKNOWLEDGED,
    (r.CLEAR, r.SENT_FINAL): r.DONE,
    (r.UNACKNOWLEDGED, r.PROVISIONAL): r.UNACKNOWLEDGED,
    (r.UNACKNOWLEDGED, r.RESEND_1XX): r.UNACKNOWLEDGED,
    (r.UNACKNOWLEDGED, r.NO_PRACK): r.DONE,
    (r.UNACKNOWLEDGED, r.GOT_PRACK): r.CLEAR,
    (r.UNACKNOWLEDGED, r.GOT_OFFER): r.PRACK_OPEN,
    (r.UNACKNOWLEDGED, r.SENT_FINAL): r.DONE,
    (r.PRACK_OPEN, r.PROVISIONAL): r.PRACK_OPEN,
    (r.PRACK_OPEN, r.PRACK_ANSWERED): r.CLEAR,
    (r.PRACK_OPEN, r.SENT_FINAL): r.DONE,
    (r.DONE, r.GOT_PRACK): r.DONE,
    (r.DONE, r.GOT_OFFER): r.DONE,
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("happened", INPUTS)
def test_every_pair_of_the_table(state: str, happened: str) -> None:
    row = r.RELIABLE.get((state, happened))
    assert (row and row[1]) == NEXT.get((state, happened))


def test_the_table_speaks_of_known_states_and_inputs_alone() -> None:
    assert set(r.RELIABLE) == set(NEXT)
    for state, timers in r.LIVE_TIMERS.items():
        for timer in timers:
            assert (state, timer) in r.RELIABLE
