"""Even/odd port pairs: bound, rested, returned; never leaked."""

import socket
from collections.abc import Iterator

import pytest

from media.errors import PortsExhausted
from media.ports import Ports
from tests.support.free_ports import PortLease, is_free

pytestmark = pytest.mark.sockets


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def base() -> Iterator[int]:
    """The first of eight ports in a row that are free now."""
    with PortLease(8) as first:
        yield first


def test_trunk_case_15_pairs_are_even_and_odd_and_run_out(base: int) -> None:
    ports = Ports("127.0.0.1", base, base + 7, 30.0, Hand())
    pairs = [ports.open_pair() for _ in range(4)]
    try:
        assert sorted(pair.port for pair in pairs) == [base, base + 2, base + 4, base + 6]
        for pair in pairs:
            assert pair.rtp.getsockname() == ("127.0.0.1", pair.port)
            assert pair.rtcp.getsockname() == ("127.0.0.1", pair.port + 1)
            assert not pair.rtp.getblocking()
        assert ports.left() == 0
        with pytest.raises(PortsExhausted):
            ports.open_pair()
    finally:
        for pair in pairs:
            pair.rtp.close()
            pair.rtcp.close()


def test_trunk_case_15_an_odd_first_and_an_even_last_port_are_not_half_pairs() -> None:
    assert Ports("127.0.0.1", 20001, 20006, 1.0, Hand()).left() == 2
    assert Ports("127.0.0.1", 20001, 20002, 1.0, Hand()).left() == 0


@pytest.mark.parametrize("ends", [(0, 10), (10, 9), (10, 70000)])
def test_what_is_no_range_is_refused(ends: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="not a port range"):
        Ports("127.0.0.1", *ends, 1.0, Hand())


def test_trunk_case_15_a_freed_pair_rests_before_it_is_given_again(base: int) -> None:
    clock = Hand()
    ports = Ports("127.0.0.1", base, base + 1, 30.0, clock)
    for _ in range(2):
        pair = ports.open_pair()
        pair.rtp.close()
        pair.rtcp.close()
        ports.release(pair.port)
        clock.now += 29.9
        assert ports.left() == 0
        with pytest.raises(PortsExhausted):
            ports.open_pair()
        clock.now += 0.2
        assert ports.left() == 1


def test_the_longest_rested_pair_comes_first(base: int) -> None:
    ports = Ports("127.0.0.1", base, base + 7, 0.0, Hand(), start=2)
    order = []
    for _ in range(5):
        pair = ports.open_pair()
        order.append(pair.port - base)
        pair.rtp.close()
        pair.rtcp.close()
        ports.release(pair.port)
    assert order == [4, 6, 0, 2, 4]


def test_trunk_case_15_a_port_that_another_holds_is_passed_over_and_nothing_leaks(base: int) -> None:
    ports = Ports("127.0.0.1", base, base + 3, 30.0, Hand())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", base + 1))
        pair = ports.open_pair()
        pair.rtp.close()
        pair.rtcp.close()
        assert pair.port == base + 2
        assert ports.left() == 0
        # The even half of the failed pair was closed again.
        assert is_free(base)


def test_ipv6(base: int) -> None:
    ports = Ports("::1", base, base + 1, 30.0, Hand())
    try:
        pair = ports.open_pair()
    except PortsExhausted:
        pytest.skip("no IPv6 loopback")
    pair.rtp.close()
    pair.rtcp.close()
    assert pair.rtp.family == socket.AF_INET6
