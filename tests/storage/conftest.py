from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.store import Store
from tests.support.stored import ORG, an_endpoint, an_organisation


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """An empty database in memory."""
    opened = await Store.open("sqlite://")
    yield opened
    await opened.close()


@pytest.fixture
async def funded(store: Store) -> Store:
    """A database with one organisation, 1,000 rupees and one endpoint."""
    await store.run(lambda unit: unit.accounts.create_organisation(an_organisation()))
    await store.run(lambda unit: unit.accounts.add_endpoint(an_endpoint()))
    await store.run(lambda unit: unit.ledger.credit("first", ORG, 100_000, "top-up", 3_000))
    return store


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where a database file may lie."""
    return f"sqlite:///{tmp_path}/var/store.db"
