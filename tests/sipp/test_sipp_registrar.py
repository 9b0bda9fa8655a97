"""A service of its own that registers with a trunk at its start and takes it back at its end."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk
from tests.support.sipp import Sipp

pytestmark = [
    pytest.mark.sipp,
    pytest.mark.sockets,
    pytest.mark.timeout(90),
]


async def test_registration_through_401_and_423_until_it_is_taken_back(
    tmp_path: Path, lease_ports: Callable[[int], int]
) -> None:
    port = lease_ports(2)
    folder = tmp_path / "sipp"
    folder.mkdir()
    registrar = await Sipp.start("registrar", folder, port=port, control_port=port + 1, lifetime_s=60)
    profile = {"register": True, "auth_username": "trunk", "auth_password": "not-a-secret"}
    async with service_under_test(tmp_path / "service", [trunk("registered", port, **profile)]) as service:
        row = await _up(service)
        assert row["reason"] == "registered for 7200 s"
    outcome = await registrar.finish(20)
    assert outcome.exit_status == 0, outcome.story()
    requests = [message for message in outcome.received if message.start.startswith("REGISTER ")]
    assert len({message.header("Call-ID") for message in requests}) == 1
    assert [message.header("CSeq") for message in requests] == [f"{number} REGISTER" for number in (1, 2, 3, 4)]


async def _up(service: ServiceUnderTest) -> dict[str, object]:
    """The trunk's row once it is up."""
    async with asyncio.timeout(20):
        while True:
            rows = (await service.command("trunks"))["data"]
            assert isinstance(rows, list)
            row: dict[str, object] = rows[0]
            if row["state"] == "up":
                return row
            await asyncio.sleep(0.2)
