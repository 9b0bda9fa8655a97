"""What a browser's leg costs: delay through gateway and packet path, and CPU of the process that has both.

`python -m tests.bench.browser [--calls 20 60 120] [--seconds 10]`. Browsers (aiortc's DTLS and ICE) and phones are
in another process, and what that takes to send and to read is in the delays too. Best on an idle machine.
"""

import argparse
import asyncio
import datetime
import json
import os
import re
import socket
import struct
import sys
import time
from contextlib import ExitStack
from typing import Any, Final

import uvloop

from b2bua.packet_path import watch_on
from b2bua.tokens import SystemTokens
from media.engine import MediaEngine, MediaSettings
from media.leg import LegProfile
from media.rtp.packet import RtpPacket
from media.webrtc.gateway import GatewaySettings, WebrtcGateway
from media.webrtc.interface import BrowserWish, PayloadTypes
from tests.bench.tables import table
from tests.support.free_ports import PortLease
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.until import until

CALLS: Final = (20, 60, 120)
HEAD: Final = ("calls of browsers", "CPU of a processor, a call", "fill a core", "delay p50 / p99 / max", "lost")
PACKET_S: Final = 0.02
SENT_AT: Final = struct.Struct("!d")
LINE_BYTES_MAX: Final = 1_048_576
PHONE: Final = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
)


class Ends:
    """Browsers and phones of all calls. Every packet carries when it was sent; `delays_s`: how long each took."""

    def __init__(self, calls: int) -> None:
        self.browsers = [ScriptedBrowser() for _ in range(calls)]
        self.phones = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) for _ in range(calls)]
        self.delays_s: list[float] = []

    async def begin(self) -> None:
        """Tell offers and ports, take answers and ports, connect."""
        loop = asyncio.get_running_loop()
        for phone in self.phones:
            phone.bind(("127.0.0.1", 0))
            loop.add_reader(phone, self._read, phone)
        offers = [await browser.offer() for browser in self.browsers]
        print(json.dumps({"offers": offers, "phones": [phone.getsockname()[1] for phone in self.phones]}), flush=True)
        told = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
        self.ports: list[int] = told["ports"]
        for browser, answer in zip(self.browsers, told["answers"], strict=True):
            await browser.take(answer)
            browser.transport._handle_rtp_data = self._heard
        await until(lambda: all(browser.transport.state == "connected" for browser in self.browsers), 30.0)

    async def talk(self, seconds: float) -> None:
        """Both ends of each call send a packet every 20 ms, the calls spread over these."""
        await asyncio.gather(*(self._call(number, seconds) for number in range(len(self.browsers))))

    async def _call(self, number: int, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + PACKET_S * number / len(self.browsers)
        for _ in range(int(seconds / PACKET_S)):
            await asyncio.sleep(max(due - loop.time(), 0))
            due += PACKET_S
            await self.browsers[number].say(SENT_AT.pack(time.monotonic()) + bytes(152))
            packet = RtpPacket(8, 0, 0, 7, SENT_AT.pack(time.monotonic()) + bytes(152)).render()
            sequence = int(due / PACKET_S) & 0xFFFF
            head = struct.pack("!HI", sequence, sequence * 160)
            self.phones[number].sendto(packet[:2] + head + packet[8:], ("127.0.0.1", self.ports[number]))

    def _read(self, phone: socket.socket) -> None:
        self._took(phone.recv(2048)[12:])

    async def _heard(self, data: bytes, arrival_time_ms: int) -> None:
        self._took(data[12:])

    def _took(self, payload: bytes) -> None:
        (sent_at,) = SENT_AT.unpack_from(payload)
        delay_s = time.monotonic() - sent_at
        # Silence that the packet path fills up with has no time in it.
        if 0 <= delay_s < 10:
            self.delays_s.append(delay_s)


async def play_ends(calls: int, seconds: float) -> None:
    """The other process."""
    ends = Ends(calls)
    await ends.begin()
    print("{}", flush=True)
    await ends.talk(seconds)
    await asyncio.sleep(0.5)
    ordered = sorted(ends.delays_s)
    sent = 2 * calls * int(seconds / PACKET_S)
    at = {str(share): ordered[int(share * (len(ordered) - 1))] * 1000 for share in (0.5, 0.99, 1.0)}
    print(json.dumps({"sent": sent, "taken": len(ordered), "at": at}), flush=True)
    for browser in ends.browsers:
        await browser.close()


async def measure(calls: int, seconds: float) -> tuple[str, ...]:
    """This process, gateway and packet path: a row of the table."""
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        first = stack.enter_context(PortLease(8 * calls))
        media = MediaSettings("127.0.0.1", ports=(first, first + 8 * calls - 1))
        post = loop.call_soon_threadsafe
        engine = MediaEngine(media, SystemTokens(), loop.time, lambda _: None, None, post, watch=watch_on(loop))
        stack.callback(engine.close)
        engine.start()
        browsers = stack.enter_context(PortLease(2 * calls + 10))
        gateway = WebrtcGateway(
            GatewaySettings(ports=(browsers, browsers + 2 * calls + 9)),
            SystemTokens(),
            time.monotonic,
            datetime.datetime.now(datetime.UTC),
            lambda _: None,
            post,
            uvloop.new_event_loop,
        )
        gateway.start()
        command = (
            sys.executable,
            "-m",
            "tests.bench.browser",
            "--ends",
            "--calls",
            str(calls),
            "--seconds",
            str(seconds),
        )
        ends = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES_MAX
        )
        assert ends.stdin is not None
        assert ends.stdout is not None
        told = json.loads(await ends.stdout.readline())
        answers, ports = [], []
        for number, (offer, phone) in enumerate(zip(told["offers"], told["phones"], strict=True)):
            answer, port = await _join(engine, gateway, number, offer, phone)
            answers.append(answer)
            ports.append(port)
        ends.stdin.write(json.dumps({"answers": answers, "ports": ports}).encode() + b"\n")
        await ends.stdout.readline()
        before = _cpu_s()
        found = json.loads(await ends.stdout.readline())
        spent_s = _cpu_s() - before
        await ends.wait()
        await gateway.stop()
        return _row(calls, found, spent_s / seconds)


async def _join(engine: MediaEngine, gateway: WebrtcGateway, number: int, offer: str, phone: int) -> tuple[str, int]:
    name, legs = str(number), (f"{number}/phone", f"{number}/agent")
    ports = []
    for leg in legs:
        engine.open_leg(leg, LegProfile())
        ports.append(int(re.findall(rb"m=audio (\d+)", engine.offer(leg))[0]))
    answer = await gateway.answer(name, offer, BrowserWish(("PCMA",)))
    engine.apply_answer(legs[0], PHONE.format(port=phone).encode())
    engine.apply_answer(legs[1], PHONE.format(port=answer.plain[1]).encode())
    await gateway.aim(name, ("127.0.0.1", ports[1]), PayloadTypes(8, 101))
    engine.bridge(*legs)
    return answer.sdp, ports[0]


def _cpu_s() -> float:
    spent = os.times()
    return spent.user + spent.system


def _row(calls: int, found: dict[str, Any], busy: float) -> tuple[str, ...]:
    at = found["at"]
    return (
        f"{calls}",
        f"{100 * busy / calls:.2f} %",
        f"{calls / busy:.0f}",
        f"{at['0.5']:.1f} / {at['0.99']:.1f} / {at['1.0']:.1f} ms",
        f"{found['sent'] - found['taken']} of {found['sent']}",
    )


def main() -> None:
    """Read the command line, measure one number of calls after the other, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=CALLS)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--ends", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ends:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(play_ends(asked.calls[0], asked.seconds))
        return
    rows = []
    for calls in asked.calls:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            rows.append(runner.run(measure(calls, asked.seconds)))
    table(HEAD, rows)


if __name__ == "__main__":
    main()
