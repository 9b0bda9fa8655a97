"""A system that has no socket: browsers are refused as where no port is left, and no port is lost by it."""

import errno
import os
import socket
from collections.abc import Iterator

import pytest

from media.errors import BrowserPortsExhausted, PortsExhausted
from media.forking.seats import PlainLine
from media.webrtc.fragment import render_fragment
from media.webrtc.gateway import WebrtcGateway
from media.webrtc.ice_parameters import IceCredentials
from media.webrtc.interface import BrowserEvent
from tests.media.webrtc.gateway_bed import ALAW, PORTS
from tests.media.webrtc.offers import CHROME

pytestmark = pytest.mark.sockets


class Files:
    """How many sockets there still are."""

    left: int | None = None


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    files, opened = Files(), socket.socket

    class Scarce(opened):  # type: ignore[valid-type, misc]
        def __init__(self, *arguments: object, **named: object) -> None:
            if files.left == 0 and not named.get("fileno"):
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            if files.left is not None:
                files.left -= 1
            super().__init__(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(socket, "socket", Scarce)
        yield files


@pytest.mark.parametrize("left", [0, 1, 2])
async def test_a_browser_for_which_there_is_no_file_takes_no_port(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], files: Files, left: int
) -> None:
    """One of its pair, the other, or the one of its own: whichever is lacking."""
    gateway, _ = usual
    for _ in range(3):
        files.left = left
        with pytest.raises(BrowserPortsExhausted, match="Too many open files"):
            await gateway.answer("late", CHROME, ALAW)
        files.left = None
    assert gateway.counters()["ports_left"] == PORTS
    assert gateway.counters()["browsers"] == 0
    await gateway.answer("late", CHROME, ALAW)
    await gateway.close("late")


async def test_a_restart_for_which_there_is_no_file_takes_no_port_and_leaves_what_was(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], files: Files
) -> None:
    gateway, _ = usual
    await gateway.answer("restarted", CHROME, ALAW)
    fragment = render_fragment(IceCredentials("ufrag", "p" * 24), "0", ())
    for _ in range(3):
        files.left = 0
        with pytest.raises(BrowserPortsExhausted, match="Too many open files"):
            await gateway.restart("restarted", fragment)
        files.left = None
    assert gateway.counters()["ports_left"] == PORTS - 1
    await gateway.restart("restarted", fragment)
    await gateway.close("restarted")
    assert gateway.counters()["ports_left"] == PORTS


@pytest.mark.parametrize("left", [0, 1])
def test_a_supervisor_s_line_for_which_there_is_no_file_is_refused(files: Files, left: int) -> None:
    files.left = left
    with pytest.raises(PortsExhausted, match="Too many open files"):
        PlainLine(("127.0.0.1", 9))
