"""What the interoperability tests have in common."""

import shutil

import pytest

PROGRAMS = ("baresip", "linphonec", "kamailio", "rtpengine", "ip", "turnserver")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here is one of interoperability, on real sockets and against programs that must be there."""
    for item in items:
        if "tests/interop" in item.nodeid:
            item.add_marker(pytest.mark.interop)
            item.add_marker(pytest.mark.sockets)


@pytest.fixture(autouse=True, scope="session")
def programs() -> None:
    """Fail at once and clearly where a program is missing."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    assert not missing, f"missing: {', '.join(missing)}; run .ci/interop"
