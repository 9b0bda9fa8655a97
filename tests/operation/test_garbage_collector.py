"""The running process leaves its collector little to do, and never turns it off."""

import gc
from collections.abc import Iterator

import pytest

from b2bua import server


@pytest.fixture
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("_as_before")
def test_what_the_start_made_is_not_looked_through_again() -> None:
    server._spare_the_collector()
    assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    assert gc.get_threshold() == (server.COLLECT_YOUNG, server.COLLECT_MIDDLE, server.COLLECT_OLD)
