"""RFC 3262 section 4: reliable provisional responses to our INVITE, and our PRACKs."""

import pytest

from b2bua.sip.digest import Credentials
from b2bua.sip.events import Answered, ByeReceived, Provisional, Rejected, UsageEnded
from b2bua.sip.message import Request, Response
from b2bua.sip.settings import PeerPolicy, UserAgentLimits
from tests.support.agents import NOTHING_HELD, Bench, answer_to, in_dialog_from_peer
from tests.support.early_dialogs import reliable, the_prack

OFF = PeerPolicy(reliable_provisional="off")
REQUIRED = PeerPolicy(reliable_provisional="required")
SDP = "v=0"


def pracks(messages: list[Request | Response]) -> list[Request]:
    return [message for message in messages if isinstance(message, Request) and message.method == "PRACK"]


def over(bench: Bench) -> None:
    """Everything has been forgotten."""
    bench.advance(200)
    assert isinstance(bench.events()[-1], UsageEnded)
    assert bench.user_agent.table_sizes() == NOTHING_HELD


# What we announce.


@pytest.mark.parametrize(
    ("policy", "supported", "required"),
    [(OFF, ("timer",), ()), (PeerPolicy(), ("timer", "100rel"), ()), (REQUIRED, ("timer", "100rel"), ("100rel",))],
)
def test_an_invite_announces_what_the_policy_says(
    policy: PeerPolicy, supported: tuple[str, ...], required: tuple[str, ...]
) -> None:
    _, invite = Bench().call(policy=policy)
    assert (invite.supported, invite.require) == (supported, required)


def test_an_invite_without_an_offer_announces_nothing_since_its_answer_would_stand_in_a_prack() -> None:
    _, invite = Bench().call(policy=REQUIRED, body=b"")
    assert (invite.supported, invite.require) == (("timer",), ())


def test_a_second_invite_with_credentials_announces_the_same() -> None:
    bench = Bench()
    _, invite = bench.call(policy=REQUIRED, credentials=Credentials("u", "p"))
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n"'
    again = bench.receive(answer_to(invite, 401, to_tag="x", headers=challenge))[1]
    assert isinstance(again, Request)
    assert (again.supported, again.require) == (("timer", "100rel"), ("100rel",))
    prack = the_prack(bench.receive(reliable(again, 1)))
    assert str(prack.rack) == "1 2 INVITE"
    assert "Authorization" in prack.headers


# Our PRACK.


def test_a_reliable_provisional_is_acknowledged_by_itself_and_told() -> None:
    bench = Bench()
    usage, invite = bench.call()
    prack = the_prack(bench.receive(reliable(invite, 776656, body=SDP)))
    assert str(prack.rack) == "776656 1 INVITE"
    assert (prack.call_id, prack.from_tag, prack.to_tag) == (invite.call_id, invite.from_tag, "peer")
    assert str(prack.cseq) == "2 PRACK"
    assert prack.via.branch != invite.via.branch
    assert prack.body == b""
    assert "Contact" not in prack.headers
    assert "Require" not in prack.headers
    [told] = bench.events()
    assert told == Provisional(usage, 183, "Whatever", "peer", b"v=0", None, reliable=True)


def test_prack_goes_to_the_contact_of_that_1xx_by_its_route_set() -> None:
    bench = Bench()
    _, invite = bench.call()
    routes = "Record-Route: <sip:b.example;lr>\nRecord-Route: <sip:a.example;lr>"
    ringing = reliable(invite, 1, headers=routes, contact="<sip:moved@203.0.113.10:5066>")
    prack = the_prack(bench.receive(ringing))
    assert prack.request_uri == "sip:moved@203.0.113.10:5066"
    assert prack.headers.get_all("Route") == ["<sip:a.example;lr>", "<sip:b.example;lr>"]


def test_the_contact_of_a_later_reliable_1xx_is_taken() -> None:
    bench = Bench()
    _, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer", contact="<sip:first@203.0.113.10>"))
    prack = the_prack(bench.receive(reliable(invite, 1, contact="<sip:second@203.0.113.10>")))
    assert prack.request_uri == "sip:second@203.0.113.10"


def test_a_later_reliable_1xx_takes_another_way_only_where_it_names_one() -> None:
    bench = Bench()
    _, invite = bench.call()
    ways = [("a", "<sip:a.example;lr>"), ("", "<sip:a.example;lr>"), ("b", "<sip:b.example;lr>")]
    for rseq, (named, route) in enumerate(ways, 1):
        headers = f"Record-Route: <sip:{named}.example;lr>" if named else ""
        prack = the_prack(bench.receive(reliable(invite, rseq, headers=headers)))
        assert prack.headers.get_all("Route") == [route]
        bench.receive(answer_to(prack, 200, to_tag="peer"))


@pytest.mark.parametrize(
    ("headers", "to_tag"),
    [
        ("RSeq: 1", "peer"),
        ("Require: 100rel", "peer"),
        ("Require: 100rel\nRSeq: 0", "peer"),
        ("Require: 100rel\nRSeq: soon", "peer"),
        ("Require: 100rel\nRSeq: 4294967296", "peer"),
        ("Require: @@@\nRSeq: 1", "peer"),
        ("Require: 100rel\nRSeq: 1", None),
    ],
)
def test_any_other_provisional_is_an_unreliable_one(headers: str, to_tag: str | None) -> None:
    bench = Bench()
    _, invite = bench.call()
    for _ in range(2):
        assert bench.receive(answer_to(invite, 180, to_tag=to_tag, headers=headers)) == []
    assert [event.reliable for event in bench.events() if isinstance(event, Provisional)] == [False, False]


def test_a_100_is_never_acknowledged() -> None:
    bench = Bench()
    _, invite = bench.call()
    assert bench.receive(reliable(invite, 1, status=100)) == []
    assert bench.events() == []


def test_what_was_not_announced_is_not_acknowledged() -> None:
    bench = Bench()
    _, invite = bench.call(policy=OFF)
    assert bench.receive(reliable(invite, 1)) == []
    [told] = bench.events()
    assert isinstance(told, Provisional)
    assert not told.reliable


def test_an_unreliable_provisional_beside_reliable_ones_is_told() -> None:
    bench = Bench()
    _, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    bench.receive(reliable(invite, 5))
    bench.receive(answer_to(invite, 182, to_tag="peer"))
    bench.receive(reliable(invite, 6))
    told = [(event.status, event.reliable) for event in bench.events() if isinstance(event, Provisional)]
    assert told == [(180, False), (183, True), (182, False), (183, True)]


# Order.


def test_a_repeated_one_is_not_told_and_not_acknowledged_while_its_prack_is_under_way() -> None:
    bench = Bench()
    _, invite = bench.call()
    prack = the_prack(bench.receive(reliable(invite, 7)))
    bench.events()
    assert bench.receive(reliable(invite, 7)) == []
    bench.receive(answer_to(prack, 200))
    assert bench.receive(reliable(invite, 7)) == []
    assert bench.events() == []
    assert bench.user_agent.counters["reliable provisionals repeated"] == 2


def test_a_repeated_one_is_acknowledged_again_once_its_prack_is_over() -> None:
    bench = Bench()
    _, invite = bench.call()
    first = the_prack(bench.receive(reliable(invite, 7)))
    bench.receive(answer_to(first, 500))
    bench.advance(5.1)
    bench.events()
    second = the_prack(bench.receive(reliable(invite, 7)))
    assert second.rack == first.rack
    assert second.cseq.number == first.cseq.number + 1
    assert bench.events() == []


@pytest.mark.parametrize("rseq", [5, 6, 9, 8000])
def test_one_out_of_order_is_ignored(rseq: int) -> None:
    bench = Bench()
    _, invite = bench.call()
    bench.receive(reliable(invite, 7))
    bench.events()
    assert bench.receive(reliable(invite, rseq, body=SDP)) == []
    assert bench.events() == []
    assert str(the_prack(bench.receive(reliable(invite, 8))).rack) == "8 1 INVITE"


def test_each_early_dialog_counts_for_itself() -> None:
    bench = Bench()
    _, invite = bench.call()
    seen = []
    for tag, rseq in (("one", 100), ("two", 3), ("one", 101), ("two", 4), ("one", 4)):
        sent = bench.receive(reliable(invite, rseq, tag=tag, contact=f"<sip:{tag}@203.0.113.10>"))
        seen += [(prack.to_tag, str(prack.rack), prack.cseq.number, prack.request_uri) for prack in pracks(sent)]
    assert seen == [
        ("one", "100 1 INVITE", 2, "sip:one@203.0.113.10"),
        ("two", "3 1 INVITE", 2, "sip:two@203.0.113.10"),
        ("one", "101 1 INVITE", 3, "sip:one@203.0.113.10"),
        ("two", "4 1 INVITE", 3, "sip:two@203.0.113.10"),
    ]


@pytest.mark.parametrize("cancelled", [False, True])
def test_one_for_whose_dialog_there_is_no_room_is_ignored(cancelled: bool) -> None:
    bench = Bench(UserAgentLimits(early_dialogs=1))
    usage, invite = bench.call()
    bench.receive(reliable(invite, 1, tag="one"))
    if cancelled:
        bench.user_agent.hang_up(usage, bench.now)
        bench.take_sent()
    bench.events()
    assert bench.receive(reliable(invite, 1, tag="two")) == []
    assert bench.events() == []


@pytest.mark.parametrize("limits", [UserAgentLimits(transactions_of_usage=8), UserAgentLimits(transactions=8)])
def test_a_peer_that_never_answers_a_prack_cannot_make_us_open_more_than_a_few(limits: UserAgentLimits) -> None:
    bench = Bench(limits)
    _, invite = bench.call()
    for rseq in range(1, 100):
        bench.receive(reliable(invite, rseq))
    assert len(bench.events()) == 7
    assert bench.user_agent.table_sizes().transactions == 8
    assert bench.user_agent.counters["reliable provisionals refused for want of room"] == 1
    assert bench.user_agent.counters["reliable provisionals out of order"] == 91


def test_one_that_is_repeated_is_not_acknowledged_beyond_the_limit_either() -> None:
    bench = Bench(UserAgentLimits(transactions_of_usage=2))
    _, invite = bench.call()
    prack = the_prack(bench.receive(reliable(invite, 1, body="v=0")))
    bench.receive(answer_to(prack, 200))
    bench.advance(6)
    bench.receive(in_dialog_from_peer(invite, "UPDATE"))
    assert bench.receive(reliable(invite, 1, body="v=0")) == []


# What becomes of a PRACK.


@pytest.mark.parametrize(("status", "header"), [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")])
def test_a_challenged_prack_is_sent_with_credentials(status: int, header: str) -> None:
    bench = Bench()
    _, invite = bench.call(credentials=Credentials("u", "p"))
    prack = the_prack(bench.receive(reliable(invite, 1)))
    challenge = f'{header}: Digest realm="r", nonce="n", qop="auth"'
    again = the_prack(bench.receive(answer_to(prack, status, headers=challenge)))
    assert again.rack == prack.rack
    assert again.cseq.number == prack.cseq.number + 1
    assert {"Authorization", "Proxy-Authorization"} & {name for name, _ in again.headers}
    assert again in [message for _, message in bench.advance(6)]
    assert bench.receive(reliable(invite, 1)) == [], "the second PRACK is under way"


@pytest.mark.parametrize("status", [400, 408, 481, 500])
def test_a_refused_prack_does_not_end_the_call(status: int) -> None:
    bench = Bench()
    usage, invite = bench.call()
    prack = the_prack(bench.receive(reliable(invite, 1)))
    bench.receive(answer_to(prack, status))
    assert [message.method for message in bench.receive(answer_to(invite, 200, to_tag="peer"))] == ["ACK"]  # type: ignore[union-attr]
    assert [type(event) for event in bench.events()] == [Provisional, Answered]
    assert bench.user_agent.counters["PRACKs refused"] == 1
    bench.user_agent.hang_up(usage, bench.now)
    over(bench)


def test_a_prack_is_repeated_by_its_transaction_and_its_timeout_does_not_end_the_call() -> None:
    bench = Bench()
    usage, invite = bench.call()
    prack = the_prack(bench.receive(reliable(invite, 1)))
    bench.events()
    sent = bench.advance(40)
    assert [at for at, _ in sent][:4] == [0.5, 1.5, 3.5, 7.5]
    assert all(message == prack for _, message in sent)
    assert bench.events() == []
    assert bench.user_agent.counters["PRACKs unanswered"] == 1
    bench.receive(answer_to(invite, 504, to_tag="peer"))
    assert [type(event) for event in bench.events()] == [Rejected]
    over(bench)
    assert usage


# Beside other requests.


def test_the_ack_has_the_cseq_of_the_invite_and_the_bye_a_higher_one_than_all() -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(reliable(invite, 1))
    bench.receive(reliable(invite, 2))
    [ack] = bench.receive(answer_to(invite, 200, to_tag="peer"))
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = bench.take_sent()
    assert [str(message.cseq) for message in (ack, bye)] == ["1 ACK", "4 BYE"]


def test_the_200_to_the_invite_may_overtake_the_200_to_the_prack() -> None:
    bench = Bench()
    usage, invite = bench.call()
    prack = the_prack(bench.receive(reliable(invite, 1, body=SDP)))
    bench.receive(answer_to(invite, 200, to_tag="peer"))
    assert pracks([message for _, message in bench.advance(0.6)]) == [prack]
    bench.receive(answer_to(prack, 200))
    assert pracks([message for _, message in bench.advance(20)]) == []
    assert [type(event) for event in bench.events()] == [Provisional, Answered]
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = bench.take_sent()
    assert isinstance(bye, Request)
    bench.receive(answer_to(bye, 200))
    over(bench)


def test_a_reliable_1xx_after_the_final_response_is_nothing() -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 200, to_tag="peer"))
    bench.events()
    assert bench.receive(reliable(invite, 1)) == []
    assert bench.events() == []
    assert usage


def test_cancel_while_a_prack_is_open() -> None:
    bench = Bench()
    usage, invite = bench.call()
    prack = the_prack(bench.receive(reliable(invite, 1)))
    bench.user_agent.hang_up(usage, bench.now)
    [cancel] = bench.take_sent()
    assert isinstance(cancel, Request)
    assert str(cancel.cseq) == "1 CANCEL"
    bench.receive(answer_to(cancel, 200))
    bench.receive(answer_to(prack, 200))
    bench.receive(answer_to(invite, 487, to_tag="peer"))
    assert [type(event) for event in bench.events()] == [Provisional, Rejected]
    over(bench)


def test_a_reliable_1xx_that_comes_after_the_hang_up_is_acknowledged_and_not_told() -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.user_agent.hang_up(usage, bench.now)
    assert bench.take_sent() == []
    methods = [message.method for message in bench.receive(reliable(invite, 1)) if isinstance(message, Request)]
    assert methods == ["CANCEL", "PRACK"]
    assert str(the_prack(bench.receive(reliable(invite, 2))).rack) == "2 1 INVITE"
    assert bench.receive(reliable(invite, 2)) == []
    assert bench.events() == []


def test_the_peers_bye_in_an_early_dialog_that_was_made_reliably() -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(reliable(invite, 1))
    bench.receive(in_dialog_from_peer(invite, "BYE"))
    assert bench.events()[1:] == [ByeReceived(usage, None)]
    bench.receive(answer_to(invite, 487, to_tag="peer"))
    over(bench)
