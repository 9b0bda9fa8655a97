"""For tests over the packet path: both of its implementations."""

from collections.abc import Iterator

import pytest

from media.packet_paths import CHOICES, NATIVE, NATIVE_BUILT, PYTHON
from tests.support.relay_bed import PACKET_PATH


@pytest.fixture(params=[PYTHON, NATIVE])
def packet_path(request: pytest.FixtureRequest) -> str:
    """The packet path's name; the one in C is left out where it has not been built."""
    name: str = request.param
    assert name in CHOICES
    if name == NATIVE and not NATIVE_BUILT:
        pytest.skip("the packet path in C has not been built")
    return name


@pytest.fixture
def each_table(packet_path: str) -> Iterator[None]:
    """New relay beds have the table of each implementation in turn."""
    token = PACKET_PATH.set(packet_path)
    yield
    PACKET_PATH.reset(token)
