"""The attacks of `tests/hostile` in twenty times their amount."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.hostile_bed import HostileBed, hostile_bed
from tests.support.hostile_signalling import SIGNALLING, Attack
from tests.support.hostile_streams import STREAMS

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HostileBed]:
    """One service for all of them."""
    async with hostile_bed(tmp_path_factory.mktemp("hostile")) as started:
        await started.normal_call()
        yield started


@pytest.mark.parametrize("attack", SIGNALLING + STREAMS, ids=lambda attack: attack.__name__)
async def test_the_service_withstands_much_of_it(bed: HostileBed, attack: Attack) -> None:
    bed.begin()
    before = await bed.held()
    await attack(bed, 20)
    await bed.is_well(before)
