"""Where a leg goes on after a failure: every status, every kind, before and after ringing."""

import pytest

from b2bua.call.events import FailureKind
from b2bua.call.failover import Onward, onward

ONWARD = {*range(500, 600), 408, 430}
NEXT_TRUNK = {401, 402, 407}


def test_rfc3263_s4_3_every_final_status() -> None:
    for status in range(300, 700):
        wanted = Onward.NEXT if status in ONWARD else Onward.NEXT_TRUNK if status in NEXT_TRUNK else Onward.NOWHERE
        assert onward(FailureKind.RESPONSE, status, rang=False) is wanted, status
        assert onward(FailureKind.RESPONSE, status, rang=True) is Onward.NOWHERE, status


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (FailureKind.NO_RESPONSE, Onward.NEXT),
        (FailureKind.TRANSPORT, Onward.NEXT),
        (FailureKind.MEDIA, Onward.NOWHERE),
        (FailureKind.CAPACITY, Onward.NOWHERE),
    ],
)
def test_failures_without_a_response(kind: FailureKind, wanted: Onward) -> None:
    assert onward(kind, None, rang=False) is wanted
    assert onward(kind, None, rang=True) is Onward.NOWHERE
