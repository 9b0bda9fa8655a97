"""`changed` gives what `dataclasses.replace` gives, and leaves the record it was given as it was."""

from dataclasses import FrozenInstanceError, replace

import pytest

from storage.records import CallRecord, CallStatus, LegRecord, changed

CALL = CallRecord("call-1", "org-1", "9876543210", "9123456789", "917969002802", "outbound", CallStatus.INITIATED, 1)


def test_a_changed_record_is_the_one_that_replace_makes() -> None:
    legs = (changed(CALL.legs[0], status="ringing", ringing_at=7), CALL.legs[1])
    made = changed(CALL, status=CallStatus.RINGING, legs=legs)
    assert made == replace(
        CALL, status=CallStatus.RINGING, legs=(LegRecord("a", status="ringing", ringing_at=7), LegRecord("b"))
    )
    assert hash(made) == hash(replace(made))
    assert (CALL.status, CALL.legs[0].status) == (CallStatus.INITIATED, "idle")


def test_a_changed_record_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        changed(CALL, sequence=2).sequence = 3  # type: ignore[misc]


def test_a_field_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="LegRecord: colour"):
        changed(CALL.legs[0], colour="red")
