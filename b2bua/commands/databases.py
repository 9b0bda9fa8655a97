"""The configured database, beside a running server."""

from collections.abc import Callable
from typing import TypeVar

from b2bua.commands.output import CommandFailed
from b2bua.config import Config
from control_api.timestamps import optional_timestamp
from storage.errors import UnknownRecord
from storage.store import Store
from storage.units import Reader, UnitOfWork

Result = TypeVar("Result")


async def written(config: Config, work: Callable[[UnitOfWork], Result]) -> Result:
    """Carry out one unit of work on the configured database."""
    store = await Store.open(config.storage.url)
    try:
        return await store.run(work)
    finally:
        await store.close()


async def looked_up(config: Config, work: Callable[[Reader], Result]) -> Result:
    """Read from the configured database."""
    store = await Store.open(config.storage.url)
    try:
        return await store.read(work)
    finally:
        await store.close()


async def checked_apart(config: Config, work: Callable[[Reader], Result]) -> Result:
    """Read much from the configured database: `Store.read_apart`."""
    store = await Store.open(config.storage.url)
    try:
        return await store.read_apart(work)
    finally:
        await store.close()


def of_known(reader: Reader, org_id: str, ask: Callable[[Reader, str], Result]) -> Result:
    """What is asked about an organisation. CommandFailed: there is none of that id."""
    try:
        reader.organisation(org_id)
    except UnknownRecord:
        raise CommandFailed(f"there is no organisation {org_id}") from None
    return ask(reader, org_id)


def moment(at_ms: int | None) -> str | None:
    """RFC 3339 UTC in seconds."""
    return optional_timestamp(at_ms)
