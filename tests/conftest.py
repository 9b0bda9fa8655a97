"""For all tests: how fast the machine happens to be decides nothing, and no two of them choose the same ports."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings

from storage import store
from tests.support.free_ports import PortLease
from tests.support.store_template import migrate_by_template

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture
def lease_ports() -> Iterator[Callable[[int], int]]:
    """Leases so many ports in a row until the test is over; gives the first."""
    with ExitStack() as leases:
        yield lambda length: leases.enter_context(PortLease(length))


@pytest.fixture(scope="session", autouse=True)
def _databases_in_memory_are_copies() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "migrate", migrate_by_template)
        yield
