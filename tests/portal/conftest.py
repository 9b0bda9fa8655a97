"""What the tests of the pages share."""

from collections.abc import AsyncIterator

import pytest

from tests.support.api_world import ApiWorld, api_world


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started
