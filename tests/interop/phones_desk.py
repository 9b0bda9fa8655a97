"""A running service that meets browsers, and two baresip phones, each behind a trunk of its own."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.interop.baresip import Baresip
from tests.interop.masked_call import NUMBER_A, NUMBER_B, TONE_A_HZ, TONE_B_HZ, MaskedCall
from tests.support.free_ports import PortLease
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk

BROWSER_HZ = 1000.0
_BROWSERS = 40
_LONGEST_CALL_S = 120.0  # then a phone has nothing to say any more, and hangs up


@dataclass(frozen=True, slots=True)
class PhonesDesk:
    """`a` says `TONE_A_HZ`, `b` says `TONE_B_HZ`; both answer at once."""

    service: ServiceUnderTest
    a: Baresip
    b: Baresip

    def number(self, phone: Baresip) -> str:
        """How a phone is named as a party."""
        return f"sip:{NUMBER_A if phone is self.a else NUMBER_B}@127.0.0.1:{phone.sip_port}"

    async def place(self, party_b: str) -> MaskedCall:
        """A recorded call of the first phone and somebody."""
        body = {"party_a": self.number(self.a), "party_b": party_b, "record": True}
        placed = await self.service.client.post("/v1/masking/calls", body)
        assert placed.status == 201, placed.body
        return MaskedCall(self.service, str(json.loads(placed.body)["data"]["call_sid"]))

    async def bridged(self, call: MaskedCall) -> None:
        """Wait until both talk."""
        told = await self.service.webhooks.wait_for(
            lambda webhook: webhook.call_sid == call.call_sid and webhook.event == "call.bridged", 20
        )
        assert told is not None

    async def ended(self, call: MaskedCall, party: str) -> dict[str, Any]:
        """The call's last status: completed, and told so once."""
        status = await call.over()
        assert (status["status"], status["hangup_cause"], status["hangup_party"]) == ("completed", "normal", party)
        assert [each.event for each in self.service.events_of(call.call_sid)].count("call.completed") == 1
        return status

    async def supervisor_heard_by(self, *phones: Baresip) -> None:
        """A supervisor's browser is heard by these alone, and each phone by the other as ever."""
        for phone in (self.a, self.b):
            if phone in phones:
                await phone.hears_now(BROWSER_HZ)
            else:
                await phone.hears_no_more(BROWSER_HZ)
        await self.a.hears_now(TONE_B_HZ)
        await self.b.hears_now(TONE_A_HZ)


@asynccontextmanager
async def phones_desk(folder: Path, api: Mapping[str, object] | None = None) -> AsyncIterator[PhonesDesk]:
    """Start all of it; `api` is laid over the service's section of that name."""
    async with AsyncExitStack() as stack:
        phones = []
        for name, number, tone_hz in (("a", NUMBER_A, TONE_A_HZ), ("b", NUMBER_B, TONE_B_HZ)):
            phones.append(await Baresip.start(folder / name, number, tone_hz, seconds=_LONGEST_CALL_S))
            stack.push_async_callback(phones[-1].stop)
        a, b = phones
        first = stack.enter_context(PortLease(_BROWSERS))
        sections: dict[str, Mapping[str, object]] = {
            "webrtc": {"enabled": True, "ports": f"{first}-{first + _BROWSERS - 1}"},
            "api": api or {},
        }
        # A number that names no trunk is called by the first.
        trunks = [
            trunk(name, phone.sip_port, number_format="{national}", priority=priority)
            for priority, (name, phone) in enumerate((("a", a), ("b", b)))
        ]
        service = await stack.enter_async_context(service_under_test(folder / "service", trunks, sections=sections))
        yield PhonesDesk(service, a, b)
