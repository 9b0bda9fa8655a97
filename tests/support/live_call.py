"""A running service with two phones, and a call between them that is bridged."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from b2bua.demo.children import Child
from b2bua.demo.workplace import choose_ports
from b2bua.tokens import SystemTokens
from tests.support.loopback_phone import LoopbackPhone
from tests.support.rtp_probe import RtpProbe
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk

NUMBERS = ("9876543210", "9123456789")


@dataclass(slots=True)
class LiveCall:
    """The service, its phones with the probes that hear and speak for them, and the call last placed."""

    service: ServiceUnderTest
    phones: tuple[LoopbackPhone, ...]
    probes: tuple[RtpProbe, ...]
    call_sid: str = ""

    async def place(self, **extra: object) -> str:
        """Place a call and wait until it is bridged; its id."""
        party_a, party_b = (
            f"sip:{number}@127.0.0.1:{phone.port}" for number, phone in zip(NUMBERS, self.phones, strict=True)
        )
        placed, _ = await self.service.client.place(party_a, party_b, **extra)
        self.call_sid = str(placed["call_sid"])
        bridged = await self.service.webhooks.wait_for(
            lambda webhook: webhook.call_sid == self.call_sid and webhook.event == "call.bridged", 20
        )
        assert bridged is not None, self.service.service.last_words()
        return self.call_sid

    async def talk(self, seconds: float) -> None:
        """Both speak at once for so long."""
        await asyncio.gather(
            *(
                probe.speak(phone.media_port, 700.0, seconds)
                for probe, phone in zip(self.probes, self.phones, strict=True)
            )
        )


async def two_phones(
    stack: AsyncExitStack, folder: Path, sections: Mapping[str, Mapping[str, object]] | None = None
) -> LiveCall:
    """A service under test with two phones behind a trunk each, no call yet; `stack` takes all of it down."""
    ports = choose_ports(SystemTokens())
    phones, probes = [], []
    for port in (ports.phone_a_sip, ports.phone_b_sip):
        probe = await RtpProbe.open()
        stack.callback(probe.close)
        phone = LoopbackPhone(port, probe.port)
        await phone.open()
        stack.callback(phone.close)
        probes.append(probe)
        phones.append(phone)
    trunks = [trunk(name, phone.port) for name, phone in zip(("one", "two"), phones, strict=True)]
    service = await stack.enter_async_context(service_under_test(folder, trunks, sections=sections))
    return LiveCall(service, tuple(phones), tuple(probes))


async def live_call(stack: AsyncExitStack, folder: Path) -> LiveCall:
    """`two_phones` with a bridged call."""
    live = await two_phones(stack, folder)
    await live.place()
    return live


async def left(child: Child, patience_s: float = 20.0) -> int:
    """Wait for a process to end by itself; its status."""
    async with asyncio.timeout(patience_s):
        while child.running:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    return await child.stop()
