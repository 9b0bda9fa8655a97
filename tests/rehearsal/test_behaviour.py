from hypothesis import given
from hypothesis import strategies as st

from b2bua.call.masking import parse_party
from b2bua.rehearsal.behaviour import RING_S, Behaviour, behaviour_of


def test_what_each_kind_of_number_does() -> None:
    assert behaviour_of("9000001999") == Behaviour(answers_after_s=RING_S)
    assert behaviour_of("9000002000") == Behaviour(refusal=486)
    assert behaviour_of("9000003000") == Behaviour()
    assert behaviour_of("9000004000") == Behaviour(refusal=603)
    assert behaviour_of("9000005000") == Behaviour(refusal=480)
    assert behaviour_of("9000006000") == Behaviour(refusal=404)
    assert behaviour_of("9000007030") == Behaviour(answers_after_s=RING_S, talks_s=30)
    assert behaviour_of("9000007000") == Behaviour(answers_after_s=RING_S, talks_s=1)


def test_every_simulated_party_is_a_number_that_the_api_takes() -> None:
    for kind in range(1, 8):
        party = parse_party(f"+91 90000 0{kind}123", sip_allowed=False)
        assert party is not None
        assert behaviour_of(party.text) is not None


@given(st.from_regex(r"[6-9][0-9]{9}", fullmatch=True))
def test_no_other_number_is_a_simulated_party(number: str) -> None:
    simulated = number.startswith("900000") and number[6] in "1234567"
    assert (behaviour_of(number) is not None) == simulated


@given(st.text(max_size=12))
def test_no_text_is_taken_for_one(text: str) -> None:
    assert behaviour_of(text) is None or len(text) == 10
