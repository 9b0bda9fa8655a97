"""The softphone in Firefox, against baresip at the trunks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.interop.firefox import firefox
from tests.interop.phones_desk import BROWSER_HZ, PhonesDesk
from tests.portal_browser.test_softphone import Desk, an_agent_takes_a_call, devices_are_chosen, sit_down, softphone

pytestmark = [pytest.mark.timeout(180)]


@pytest_asyncio.fixture(loop_scope="session")
async def desk(phones: PhonesDesk, tmp_path: Path) -> AsyncIterator[Desk]:
    async with firefox(tmp_path / "home", BROWSER_HZ) as browser:
        desk = await sit_down(phones, await browser.new_context())
        yield desk
        assert desk.owner.complaints == []


async def test_an_agent_takes_a_call_and_chooses_devices(desk: Desk) -> None:
    page = await softphone(desk)
    await an_agent_takes_a_call(desk, page)
    await devices_are_chosen(desk, page)
