"""The plain side of a supervisor's browser: two ports on loopback, one peer."""

import socket
from collections.abc import Iterator

import pytest

from media.forking.seats import PlainLine

pytestmark = pytest.mark.sockets


@pytest.fixture
def gateway() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(5)
        yield bound


def test_what_the_peer_sends_is_taken_and_what_others_send_is_not(gateway: socket.socket) -> None:
    line = PlainLine(gateway.getsockname())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"stranger", line.address)
    gateway.sendto(b"speech", line.address)
    taken: list[bytes] = []
    while not taken:
        taken = line.take()
    assert taken == [b"speech"]
    assert line.take() == []
    line.send(b"the call")
    assert gateway.recvfrom(100) == (b"the call", line.address)
    line.close()
    line.send(b"nothing happens")
    assert line.take() == []
    line.close()


def test_its_rtcp_has_the_next_port(gateway: socket.socket) -> None:
    line = PlainLine(gateway.getsockname())
    host, port = line.address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as another, pytest.raises(OSError, match="in use"):
        another.bind((host, port + 1))
    for _ in range(300):
        gateway.sendto(b"\x80\xc8" + bytes(26), (host, port + 1))
    assert line.take() == []
    line.close()
