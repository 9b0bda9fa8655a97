"""A masked call over REST between two phones on loopback, each behind a trunk of its own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk

NUMBER_A, NUMBER_B = "9876543210", "9123456789"
TONE_A_HZ, TONE_B_HZ = 440.0, 660.0
_ENDING_S = 40.0


@dataclass(frozen=True, slots=True)
class MaskedCall:
    """A call that was placed."""

    service: ServiceUnderTest
    call_sid: str

    async def status(self) -> dict[str, object]:
        """Its status as the API gives it."""
        return await self.service.client.get(f"/v1/masking/calls/{self.call_sid}")

    async def hang_up(self) -> None:
        """End it over the API."""
        await self.service.client.post(f"/v1/masking/calls/{self.call_sid}/hangup")

    async def over(self) -> dict[str, object]:
        """Its status, once its last event has come."""
        ending = await self.service.ending(self.call_sid, _ENDING_S)
        assert ending is not None, self.service.service.last_words()
        return await self.status()

    async def recording(self) -> Path:
        """Its WAV, once it is processed."""
        ready = await self.service.webhooks.wait_for(
            lambda told: told.call_sid == self.call_sid and told.event == "recording.ready", _ENDING_S
        )
        assert ready is not None, self.service.service.last_words()
        status = await self.status()
        relative = str(status["recording_url"]).removeprefix("recordings/")
        return self.service.folder / "var" / "recordings" / relative


@asynccontextmanager
async def masked_call(
    folder: Path,
    port_a: int,
    port_b: int,
    *,
    profile: Mapping[str, object] | None = None,
    profile_b: Mapping[str, object] | None = None,
    sections: Mapping[str, Mapping[str, object]] | None = None,
) -> AsyncIterator[MaskedCall]:
    """Place a call from A to B through a service of its own. `profile`: of both trunks, `profile_b` over it for B's."""
    shared = {"number_format": "{national}", **(profile or {})}
    trunks = [trunk("a", port_a, **shared), trunk("b", port_b, **{**shared, **(profile_b or {})})]
    async with service_under_test(folder / "service", trunks, sections=sections) as service:
        placed, _ = await service.client.place(
            f"sip:{NUMBER_A}@127.0.0.1:{port_a}", f"sip:{NUMBER_B}@127.0.0.1:{port_b}"
        )
        yield MaskedCall(service, str(placed["call_sid"]))


@asynccontextmanager
async def carried_call(
    folder: Path,
    port: int,
    *,
    transport: str = "udp",
    host: str = "127.0.0.1",
    profile: Mapping[str, object] | None = None,
    sections: Mapping[str, Mapping[str, object]] | None = None,
) -> AsyncIterator[MaskedCall]:
    """Place a call from A to B, both behind one carrier."""
    parameter = "" if transport == "udp" else f";transport={transport}"
    shared = {"number_format": "{national}", **(profile or {})}
    trunks = [{**trunk("carrier", port, **shared), "uri": f"sip:{host}:{port}{parameter}"}]
    async with service_under_test(folder / "service", trunks, sections=sections) as service:
        placed, _ = await service.client.place(NUMBER_A, NUMBER_B)
        yield MaskedCall(service, str(placed["call_sid"]))
