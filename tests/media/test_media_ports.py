"""Even/odd port pairs: bound, rested, returned; never leaked."""

import errno
import os
import resource
import socket
from collections.abc import Iterable, Iterator

import pytest

from media.errors import PortsExhausted
from media.packet_path.interface import SocketPair
from media.ports import KEPT_MAX, Ports, kept_pairs_max
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
        ports.release(pair)
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
        ports.release(pair)
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


def in_use(ports: Ports, many: int) -> list[SocketPair]:
    return [ports.open_pair() for _ in range(many)]


def shut(pairs: Iterable[SocketPair]) -> None:
    for pair in pairs:
        pair.rtp.close()
        pair.rtcp.close()


def test_a_pair_that_was_kept_open_rests_and_is_given_as_it_is(base: int) -> None:
    clock = Hand()
    ports = Ports("127.0.0.1", base, base + 1, 30.0, clock)
    pair = ports.open_pair()
    pair.kept = True
    ports.release(pair)
    clock.now += 29.9
    assert ports.left() == 0
    with pytest.raises(PortsExhausted):
        ports.open_pair()
    clock.now += 0.2
    assert ports.left() == 1
    assert ports.open_pair() is pair
    assert pair.rtp.getsockname() == ("127.0.0.1", base)
    shut([pair])


def test_pairs_are_opened_ahead_up_to_a_limit_and_come_first(base: int) -> None:
    ports = Ports("127.0.0.1", base, base + 7, 30.0, Hand(), kept_max=3)
    assert ports.open_ahead(2) == 2
    assert ports.open_ahead(2) == 1
    assert ports.open_ahead(2) == 0
    assert [is_free(base + at) for at in (0, 2, 4, 6)] == [False, False, False, True]
    assert ports.left() == 4
    pairs = in_use(ports, 4)
    assert [pair.port for pair in pairs] == [base, base + 2, base + 4, base + 6]
    shut(pairs)


def test_what_is_open_beyond_the_limit_is_not_kept(base: int) -> None:
    ports = Ports("127.0.0.1", base, base + 7, 0.0, Hand(), kept_max=2)
    first, second, third, _ = pairs = in_use(ports, 4)
    for pair in (first, second):
        assert ports.keep(pair)
        pair.kept = True
        ports.release(pair)
    assert not ports.keep(third)
    ports.release(third)
    assert third.rtp.fileno() == -1
    assert is_free(third.port)
    assert ports.keep(ports.open_pair()), "one of the two is used again"
    shut(pairs)


def test_legs_that_end_together_keep_no_more_than_the_limit(base: int) -> None:
    ports = Ports("127.0.0.1", base, base + 7, 0.0, Hand(), kept_max=2)
    pairs = in_use(ports, 4)
    assert [ports.keep(pair) for pair in pairs] == [True, True, False, False]
    ports.release(pairs[0])
    assert ports.keep(pairs[2]), "the first could not be kept"
    shut(pairs)


def test_ports_of_another_program_are_not_opened_ahead_over_and_over(base: int) -> None:
    ports = Ports("127.0.0.1", base, base + 3, 30.0, Hand())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", base + 1))
        assert ports.open_ahead(8) == 0
    assert ports.left() == 1
    assert ports.open_ahead(8) == 1
    ports.close()
    assert is_free(base + 2)


@pytest.fixture
def no_more_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A system that has no socket, until it is undone."""

    def refused(*_arguments: object) -> socket.socket:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patched:
        patched.setattr(socket, "socket", refused)
        yield patched


def test_a_system_without_files_takes_no_port_from_calls_to_come(base: int, no_more_files: pytest.MonkeyPatch) -> None:
    clock = Hand()
    ports = Ports("127.0.0.1", base, base + 7, 30.0, clock)
    for _ in range(3):
        with pytest.raises(PortsExhausted, match="no media port can be opened: Too many open files"):
            ports.open_pair()
        assert ports.open_ahead(8) == 0
    assert ports.left() == 0, "none can be given while there are no files"
    no_more_files.undo()
    pair = ports.open_pair()
    assert pair.port == base, "each is as free as it was"
    clock.now += 1.0
    assert ports.left() == 3
    shut([pair])


def test_that_the_system_has_no_files_is_told_once_a_minute(
    base: int, no_more_files: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Hand()
    ports = Ports("127.0.0.1", base, base + 7, 30.0, clock)
    for _ in range(121):
        assert ports.open_ahead(8) == 0
        clock.now += 0.5
    assert [record.getMessage() for record in caplog.records] == [
        "no media port can be opened: Too many open files"
    ] * 2


def test_few_files_leave_few_pairs_open(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, pairs in ((1_024, 64), (1_000_000, KEPT_MAX), (resource.RLIM_INFINITY, KEPT_MAX)):
        limits = (limit, limit)
        monkeypatch.setattr(resource, "getrlimit", lambda _what, limits=limits: limits)
        assert kept_pairs_max() == pairs
