import json
from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from storage.codec import call_of, call_row, decode_call, encode_call
from storage.records import CallRecord, CallStatus, LegRecord, Tariff
from tests.support.stored import a_call, completed

TEXT = st.text(max_size=12)
TIME = st.none() | st.integers(0, 2**53)
COUNT = st.none() | st.integers(0, 10**9)


def legs(name: str) -> st.SearchStrategy[LegRecord]:
    share = st.none() | st.floats(0, 1000, allow_nan=False)
    return st.builds(
        LegRecord,
        st.just(name),
        TEXT,
        st.none() | TEXT,
        TIME,
        TIME,
        TIME,
        COUNT,
        st.none() | TEXT,
        st.none() | TEXT,
        COUNT,
        share,
        share,
    )


CALLS = st.builds(
    CallRecord,
    call_id=TEXT,
    org_id=TEXT,
    party_a=TEXT,
    party_b=TEXT,
    masked_number=TEXT,
    direction=TEXT,
    status=st.sampled_from(CallStatus),
    created_at=st.integers(0, 2**53),
    tariff=st.builds(Tariff, st.integers(0, 10**6), st.integers(1, 600), st.integers(0, 100)),
    reference=st.none() | TEXT,
    record=st.booleans(),
    ring_timeout_s=st.integers(1, 120),
    max_duration_s=COUNT,
    started_at=TIME,
    a_answered_at=TIME,
    answered_at=TIME,
    ended_at=TIME,
    duration_s=COUNT,
    bill_duration_s=COUNT,
    price_paise=COUNT,
    hangup_cause=st.none() | TEXT,
    hangup_party=st.none() | TEXT,
    recording_path=st.none() | TEXT,
    sequence=st.integers(0, 100),
    legs=st.tuples(legs("a"), legs("b")),
)


@given(CALLS)
def test_a_snapshot_gives_the_call_back(record: CallRecord) -> None:
    assert decode_call(encode_call(record)) == record


@given(CALLS)
def test_a_row_gives_the_call_back(record: CallRecord) -> None:
    assert call_of(call_row(record)) == record


def test_a_snapshot_is_compact_and_names_its_fields() -> None:
    text = encode_call(a_call())
    assert " " not in text
    assert "null" not in text
    assert json.loads(text)["masked_number"] == "917969002802"
    assert len(text) < 350


def test_a_snapshot_of_another_version_is_read() -> None:
    record = completed(a_call())
    value = json.loads(encode_call(record))
    value["of_a_later_version"] = 1
    value["legs"][0]["of_a_later_version"] = 1
    del value["record"]
    assert decode_call(json.dumps(value)) == record


def test_a_row_has_every_field() -> None:
    names = {field.name for field in fields(CallRecord)}
    # The tariff takes three columns, and the time a call is listed at comes on top.
    assert len(call_row(a_call())) == len(names) + 2 + 1
