"""A browser in a process of its own, which may be in another network namespace: `python -m tests.interop.browser_apart
[URL NAME CREDENTIAL]`. Its offer goes out as a line of JSON, the answer comes in as one; it then speaks until a tone of
the other side is heard, says so, and goes on until its input ends."""

import asyncio
import json
import sys

from aiortc import RTCConfiguration, RTCIceServer

from tests.media.webrtc.gateway_bed import HIGH, LOW
from tests.support.scripted_browser import ScriptedBrowser


def tell(text: str) -> None:
    """A line of JSON to who has started this."""
    sys.stdout.write(json.dumps(text) + "\n")
    sys.stdout.flush()


async def play(turn: list[str]) -> None:
    """Offer, connect, speak, listen."""
    loop = asyncio.get_running_loop()
    browser = ScriptedBrowser(RTCConfiguration([RTCIceServer(*turn)] if turn else []))
    tell(await browser.offer())
    await browser.take(json.loads(await loop.run_in_executor(None, sys.stdin.readline)))
    ending = loop.run_in_executor(None, sys.stdin.readline)
    told = False
    while not ending.done():
        if browser.transport.state == "connected":
            await browser.say(LOW)
        if not told and any(packet.payload == HIGH for packet in browser.heard):
            told = True
            tell("heard")
        await asyncio.sleep(0.02)
    await browser.close()


if __name__ == "__main__":
    asyncio.run(play(sys.argv[1:]))
