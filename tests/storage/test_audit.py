import sqlite3

import pytest

from storage.errors import IllegalState
from storage.person_records import Actor, ActorKind, AuditEntry, AuditWish
from storage.store import Store
from tests.support.sqlite_rows import bare_database
from tests.support.stored import ORG, given

ASHA = Actor(ActorKind.PERSON, "person-1", "asha@shop.example", "192.0.2.1")


async def test_changes_are_told_newest_first_page_by_page(funded: Store) -> None:
    for number, org_id in enumerate((ORG, None, ORG, ORG)):
        entry = AuditEntry(100 + number, ASHA, org_id, "key.create", f"key-{number}", {"name": "é", "scopes": ["a"]})
        assert await funded.run(given(entry, lambda unit, one: unit.audit.add(one))) == number + 1
    first, total = await funded.read(lambda reader: reader.audit(ORG, 1, 2))
    assert total == 3
    assert [entry.object_id for entry in first] == ["key-3", "key-2"]
    assert first[0] == AuditEntry(103, ASHA, ORG, "key.create", "key-3", {"name": "é", "scopes": ["a"]}, entry_id=4)
    assert [entry.object_id for entry in (await funded.read(lambda reader: reader.audit(ORG, 2, 2)))[0]] == ["key-0"]
    everything, total = await funded.read(lambda reader: reader.audit(None, 1, 10))
    assert (total, [entry.at for entry in everything]) == (4, [103, 102, 101, 100])


async def test_a_change_that_is_undone_is_not_told(funded: Store) -> None:
    def work(unit: object) -> None:
        unit.audit.add(AuditEntry(1, ASHA, ORG, "x", ""))  # type: ignore[attr-defined]
        raise KeyError

    with pytest.raises(KeyError):
        await funded.run(work)
    assert await funded.read(lambda reader: reader.audit(None, 1, 10)) == ([], 0)
    with pytest.raises(IllegalState):
        await funded.run(lambda unit: unit.audit.add(AuditEntry(1, ASHA, "nowhere", "x", "")))


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET at = 2", "DELETE FROM audit_log"])
def test_nothing_that_was_written_changes_or_goes(statement: str) -> None:
    with bare_database() as connection:
        connection.execute(
            "INSERT INTO audit_log (at, actor_kind, actor_id, actor_name, action, object_id, change, address) "
            "VALUES (1, 'command', '', 'root', 'x', '', '{}', '')"
        )
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        (AuditWish("key"), [104, 101]),
        (AuditWish("key.create"), [101]),
        (AuditWish("ke"), []),
        (AuditWish("%"), []),
        (AuditWish(actor="SHOP.example"), [104, 103, 101]),
        (AuditWish(actor="key-1"), [102]),
        (AuditWish(actor="ey-1"), []),
        (AuditWish(since=102, until=104), [103, 102]),
        (AuditWish("key", "asha", 102), [104]),
    ],
)
async def test_changes_are_found_by_what_who_and_when(funded: Store, wish: AuditWish, found: list[int]) -> None:
    by_key = Actor(ActorKind.KEY, "key-1", "vp_live_abc", "")
    changes = ((101, ASHA, "key.create"), (102, by_key, "keys"), (103, ASHA, "person.role"), (104, ASHA, "key.revoke"))
    for at, actor, action in changes:
        await funded.run(given(AuditEntry(at, actor, ORG, action, ""), lambda unit, one: unit.audit.add(one)))
    own, total = await funded.read(lambda reader: reader.audit(ORG, 1, 10, wish))
    assert ([entry.at for entry in own], total) == (found, len(found))
    assert await funded.read(lambda reader: reader.audit(None, 1, 10, wish)) == (own, total)
