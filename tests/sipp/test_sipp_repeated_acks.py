"""A machine that is short of time repeats a refusal, and then its ACK is repeated too (RFC 3261 17.1.1.2): SIPp takes
that, and nothing else that it does not wait for."""

import asyncio
import re
import socket
from pathlib import Path

import pytest

from tests.support.free_ports import PortLease
from tests.support.sipp import REFUSING_FIRST, UNEXPECTED, Sipp

pytestmark = [pytest.mark.sipp, pytest.mark.sockets, pytest.mark.timeout(60)]


class Caller:
    """Who calls SIPp."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.connect(("127.0.0.1", port))
        self._socket.setblocking(False)

    def say(self, method: str, cseq: int, to_tag: str = "", more: str = "") -> None:
        via = f"Via: SIP/2.0/UDP 127.0.0.1:{self._socket.getsockname()[1]};branch=z9hG4bK{cseq}"
        parties = f"From: <sip:a@a.example>;tag=1\r\nTo: <sip:b@b.example>{to_tag}"
        said = f"Call-ID: c\r\nCSeq: {cseq} {method}\r\n{more}Content-Length: 0"
        request = f"{method} sip:b@127.0.0.1:{self._port} SIP/2.0\r\n{via}\r\n{parties}\r\n{said}\r\n\r\n"
        self._socket.send(request.encode())

    async def heard(self, status: int) -> str:
        """Wait for a response; the tag of its To."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(20):
            while True:
                response = (await loop.sock_recv(self._socket, 4096)).decode()
                if response.startswith(f"SIP/2.0 {status} "):
                    found = re.search(r"\nTo: [^\r;]*(\S*)", response)
                    assert found is not None
                    return found[1]

    def close(self) -> None:
        self._socket.close()


REFUSALS = {
    "asks_for_longer_sessions": (422, "Session-Expires: 100\r\n", "Session-Expires: 600\r\nMin-SE: 600\r\n"),
    "challenges_401": (401, "", 'Authorization: Digest username="a"\r\n'),
    "challenges_407": (407, "", 'Proxy-Authorization: Digest username="a"\r\n'),
}
"""What refuses a first INVITE with these lines, and takes a second one with those."""


def test_all_of_them_are_known() -> None:
    assert set(REFUSALS) == REFUSING_FIRST


@pytest.mark.parametrize("scenario", REFUSALS)
@pytest.mark.parametrize(("unasked", "status"), [("ACK", 0), ("INFO", UNEXPECTED)])
async def test_a_repeated_ack_ends_no_call(scenario: str, unasked: str, status: int, tmp_path: Path) -> None:
    refusal, first_lines, second_lines = REFUSALS[scenario]
    with PortLease(2) as first:
        arguments = ["-key", "nonce", "n", "-key", "algorithm", "MD5", "-d", "0"]
        sipp = await Sipp.start(scenario, tmp_path, port=first, control_port=first + 1, arguments=arguments)
        caller = Caller(first)
        try:
            caller.say("INVITE", 1, more=first_lines)
            refused = await caller.heard(refusal)
            caller.say("ACK", 1, refused)
            caller.say("INVITE", 2, more=second_lines)
            caller.say(unasked, 1, refused)
            answered = await caller.heard(200)
            caller.say("ACK", 2, answered)
            caller.say("BYE", 3, answered)
            outcome = await sipp.finish(20)
        finally:
            await sipp.kill()
            caller.close()
    assert outcome.exit_status == status, outcome.story()
