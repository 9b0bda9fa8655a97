"""The configured database, beside a running server."""

from collections.abc import Callable
from typing import TypeVar

from b2bua.commands.output import CommandFailed
from b2bua.config import Config
from b2bua.sole_use import InUse, lock_beside, sole_use
from control_api.timestamps import optional_timestamp
from storage.errors import UnknownRecord
from storage.store import Store, database_path, is_older
from storage.units import Reader, UnitOfWork

Result = TypeVar("Result")


async def opened(config: Config) -> Store:
    """The configured database, to be closed. Where it is of an older release it is brought up to date, unless a server
    of that release runs with it: CommandFailed."""
    path = database_path(config.storage.url)
    locks = {"storage.url": lock_beside(path)} if path is not None and is_older(path) else {}
    try:
        with sole_use(locks):
            return await Store.open(config.storage.url)
    except InUse as error:
        raise CommandFailed(f"{error}, one of an older release: restart that first") from error


async def written(config: Config, work: Callable[[UnitOfWork], Result]) -> Result:
    """Carry out one unit of work on the configured database."""
    store = await opened(config)
    try:
        return await store.run(work)
    finally:
        await store.close()


async def looked_up(config: Config, work: Callable[[Reader], Result]) -> Result:
    """Read from the configured database."""
    store = await opened(config)
    try:
        return await store.read(work)
    finally:
        await store.close()


async def checked_apart(config: Config, work: Callable[[Reader], Result]) -> Result:
    """Read much from the configured database: `Store.read_apart`."""
    store = await opened(config)
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


def check_organisation(unit: UnitOfWork, org_id: str) -> None:
    """Raise `CommandFailed` where there is no such organisation."""
    try:
        unit.accounts.organisation(org_id)
    except UnknownRecord:
        raise CommandFailed(f"there is no organisation {org_id}") from None


def moment(at_ms: int | None) -> str | None:
    """RFC 3339 UTC in seconds."""
    return optional_timestamp(at_ms)
