"""A database that is deleted, moved or replaced while it is open: SQLite does not notice."""

import shutil
from pathlib import Path

import pytest

from storage.errors import StoreUnavailable
from storage.store import Store
from storage.units import Reader, UnitOfWork
from tests.support.stored import an_organisation

ENDINGS = ("", "-wal", "-shm")


def named(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


async def add(store: Store, name: str) -> None:
    def work(unit: UnitOfWork) -> None:
        unit.accounts.create_organisation(an_organisation(name))

    await store.run(work)


async def names_in(path: Path) -> set[str]:
    """What a start would find."""
    store = await Store.open(f"sqlite:///{path}")

    def look(reader: Reader) -> set[str]:
        return {organisation.org_id for organisation in reader.organisations()}

    names = await store.read(look)
    await store.close()
    return names


async def test_nothing_is_astray_whatever_is_written_and_whoever_else_opens_it(tmp_path: Path) -> None:
    path, link = tmp_path / "real" / "a.db", tmp_path / "link.db"
    path.parent.mkdir()
    link.symlink_to(path)
    store = await Store.open(f"sqlite:///{link}")
    await add(store, "first")
    other = await Store.open(f"sqlite:///{path}")
    await add(other, "second")
    await other.close()
    assert await store.astray() == []
    await store.write_back()
    assert named(path, "-wal").stat().st_size > 0  # left alone
    await store.close()
    assert await names_in(path) == {"first", "second"}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_file_that_is_moved_away_is_astray_until_it_is_back(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "a.db"
    store = await Store.open(f"sqlite:///{path}")
    file = named(path, ending)
    file.rename(tmp_path / "away")
    assert await store.astray() == [file]
    shutil.copy(tmp_path / "away", file)
    assert await store.astray() == [file]  # another one in its place
    (tmp_path / "away").rename(file)
    assert await store.astray() == []
    await store.close()


async def test_a_link_that_leads_elsewhere_is_astray_until_it_leads_back(tmp_path: Path) -> None:
    """The next start would follow it to the other database."""
    real, link = tmp_path / "real", tmp_path / "current"
    for folder in (real, tmp_path / "other"):
        folder.mkdir()
        (folder / "a.db").touch()
    link.symlink_to(real)
    store = await Store.open(f"sqlite:///{link / 'a.db'}")
    assert await store.astray() == []
    link.unlink()
    link.symlink_to(tmp_path / "other")
    assert await store.astray() == [link / "a.db"]
    link.unlink()
    assert await store.astray() == [link / "a.db"]
    link.symlink_to(link)  # nowhere, for ever
    assert await store.astray() == [link / "a.db"]
    link.unlink()
    link.symlink_to(real)
    assert await store.astray() == []
    await store.close()


async def test_what_went_into_a_deleted_log_is_in_the_database_after_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = await Store.open(f"sqlite:///{path}")
    await add(store, "first")
    named(path, "-wal").unlink()
    await add(store, "second")
    left = tmp_path / "left.db"
    shutil.copy(path, left)
    assert await names_in(left) == set()  # so much would be lost
    await store.write_back()
    await add(store, "third")
    await store.write_back()
    left.unlink()
    shutil.copy(path, left)
    assert await names_in(left) == {"first", "second", "third"}
    await add(store, "fourth")
    await store.close()
    assert await names_in(path) == {"first", "second", "third", "fourth"}


async def test_what_a_copy_in_place_of_the_database_lacks_stays_in_the_log(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.db", tmp_path / "copy"
    store = await Store.open(f"sqlite:///{path}")
    await add(store, "first")
    shutil.copy(path, copy)
    copy.rename(path)
    assert await store.astray() == [path]
    await add(store, "second")
    await store.write_back()
    await add(store, "third")
    left = tmp_path / "left" / "a.db"
    left.parent.mkdir()
    for ending in ("", "-wal"):
        shutil.copy(named(path, ending), named(left, ending))
    assert await names_in(left) == {"first", "second", "third"}
    await store.close()


async def test_a_database_in_memory_is_never_astray_and_a_closed_one_says_so(tmp_path: Path) -> None:
    store = await Store.open("sqlite://")
    assert await store.astray() == []
    await store.write_back()
    await store.close()
    path = tmp_path / "a.db"
    store = await Store.open(f"sqlite:///{path}")
    named(path, "-wal").unlink()
    writer = store._writer
    await writer.close()
    with pytest.raises(StoreUnavailable):
        await store.write_back()
    await store.close()
