"""For tests over the packet path: both of its implementations."""

import pytest

from media.packet_paths import CHOICES, NATIVE, NATIVE_BUILT, PYTHON


@pytest.fixture(params=[PYTHON, NATIVE])
def packet_path(request: pytest.FixtureRequest) -> str:
    """The packet path's name; the one in C is left out where it has not been built."""
    name: str = request.param
    assert name in CHOICES
    if name == NATIVE and not NATIVE_BUILT:
        pytest.skip("the packet path in C has not been built")
    return name
