from collections import Counter
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import UnknownRecord
from storage.queries import Queries, load_statements
from storage.records import MaskingSession, NumberUse
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.sqlite_rows import bare_database
from tests.support.stored import ORG, PARTY_A, PARTY_B, a_call, an_organisation, completed, failed

ONE, TWO, THREE = ("carrier", "n1"), ("carrier", "n2"), ("other", "n3")


async def choose(store: Store, a: str, b: str, candidates: list[tuple[str, str]], at: int = 5) -> tuple[str, str]:
    return await store.run(lambda unit: unit.numbers.choose(ORG, a, b, candidates, at))


async def save(store: Store, call_id: str, number: str) -> None:
    await store.run(lambda unit: unit.calls.save(replace(a_call(call_id), masked_number=number)))


async def test_the_first_declared_where_all_is_equal(funded: Store) -> None:
    assert await choose(funded, PARTY_A, PARTY_B, [TWO, ONE]) == TWO


async def test_a_pair_keeps_its_number_in_either_order(funded: Store) -> None:
    assert await choose(funded, PARTY_A, PARTY_B, [ONE, TWO]) == ONE
    await save(funded, "busy", "n1")
    assert await choose(funded, PARTY_B, PARTY_A, [TWO, ONE]) == ONE
    assert await choose(funded, PARTY_A, "another", [ONE, TWO]) == TWO


async def test_a_pair_moves_when_its_number_is_no_candidate_any_more(funded: Store) -> None:
    await choose(funded, PARTY_A, PARTY_B, [ONE])
    assert await choose(funded, PARTY_A, PARTY_B, [TWO, THREE]) == TWO
    assert await choose(funded, PARTY_A, PARTY_B, [ONE, TWO]) == TWO
    assert await funded.read(lambda reader: reader.numbers()) == [NumberUse("n1", 0, 0), NumberUse("n2", 0, 1)]


async def test_a_pair_keeps_its_number_by_whichever_trunk_comes_first(funded: Store) -> None:
    await choose(funded, PARTY_A, PARTY_B, [ONE])
    assert await choose(funded, PARTY_A, PARTY_B, [TWO, ("spare", "n1"), ("third", "n1")]) == ("spare", "n1")
    assert await choose(funded, PARTY_A, PARTY_B, [ONE, ("spare", "n1")]) == ONE


async def test_fewest_live_calls_then_fewest_pairs_then_declaration(funded: Store) -> None:
    await save(funded, "c1", "n1")
    assert await choose(funded, "a1", "b1", [ONE, TWO, THREE]) == TWO
    assert await choose(funded, "a2", "b2", [ONE, TWO, THREE]) == THREE
    assert await choose(funded, "a3", "b3", [ONE, TWO, THREE]) == TWO
    await save(funded, "c2", "n2")
    await save(funded, "c3", "n3")
    assert await choose(funded, "a4", "b4", [ONE, TWO, THREE]) == ONE
    await funded.run(lambda unit: unit.cdrs.add(replace(completed(a_call("c2")), masked_number="n2")))
    assert await choose(funded, "a5", "b5", [ONE, TWO, THREE]) == TWO


async def test_one_number_serves_many_live_calls(funded: Store) -> None:
    for number in range(5):
        assert await choose(funded, f"a{number}", f"b{number}", [ONE]) == ONE
        await save(funded, f"c{number}", "n1")
    assert await funded.read(lambda reader: reader.numbers()) == [NumberUse("n1", 5, 5)]


async def test_without_candidates_there_is_no_number(funded: Store) -> None:
    with pytest.raises(UnknownRecord, match="no masked number"):
        await choose(funded, PARTY_A, PARTY_B, [])


async def test_a_call_that_changes_its_number_frees_the_old_one(funded: Store) -> None:
    await save(funded, "c1", "n1")
    await save(funded, "c1", "n2")
    await save(funded, "c1", "n2")
    assert await funded.read(lambda reader: reader.numbers()) == [NumberUse("n1", 0, 0), NumberUse("n2", 1, 0)]
    await funded.run(lambda unit: unit.cdrs.add(failed(a_call("c1"))))
    assert await funded.read(lambda reader: reader.numbers()) == [NumberUse("n1", 0, 0), NumberUse("n2", 0, 0)]


async def test_who_stands_behind_a_number_is_the_pair_used_last(funded: Store) -> None:
    await choose(funded, "m", "z", [ONE], 10)
    await choose(funded, "a", "m", [ONE], 20)
    await choose(funded, "m", "y", [TWO], 30)

    async def pairing(party: str, since: int | None = None) -> MaskingSession | None:
        return await funded.read(lambda reader: reader.pairing_for("n1", party, since))

    found = await pairing("m")
    assert found == MaskingSession(ORG, "a", "m", "n1", "carrier", 20, 20)
    assert (found.other("m"), found.other("a")) == ("a", "m")
    await choose(funded, "z", "m", [ONE], 40)
    found = await pairing("m")
    assert found is not None
    assert (found.other("m"), found.created_at, found.last_used_at) == ("z", 10, 40)
    assert await pairing("m", 40) == found
    assert await pairing("m", 41) is None
    assert await pairing("stranger") is None


async def test_the_same_parties_of_another_organisation_are_another_pair(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.create_organisation(an_organisation("org-2")))
    await choose(funded, PARTY_A, PARTY_B, [ONE])
    other = await funded.run(lambda unit: unit.numbers.choose("org-2", PARTY_A, PARTY_B, [ONE, TWO], 5))
    assert other == TWO


Step = tuple[Literal["pair"], str, str, set[str]] | tuple[Literal["call"], str, str] | tuple[Literal["end"], str]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pair"), st.sampled_from("abcd"), st.sampled_from("wxyz"), st.sets(st.sampled_from("123"))),
        st.tuples(st.just("call"), st.sampled_from("pqrstu"), st.sampled_from("123")),
        st.tuples(st.just("end"), st.sampled_from("pqrstu")),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_use_is_always_what_counting_the_rows_gives(steps: list[Step]) -> None:
    with bare_database() as connection:
        unit = UnitOfWork(Queries(connection, load_statements()))
        unit.accounts.create_organisation(an_organisation())
        for step in steps:
            if step[0] == "pair" and step[3]:
                unit.numbers.choose(ORG, step[1], step[2], [("t", number) for number in sorted(step[3])], 1)
            elif step[0] == "call" and unit.cdrs.get(step[1]) is None:
                unit.calls.save(replace(a_call(step[1]), masked_number=step[2]))
            elif step[0] == "end":
                unit.cdrs.add(failed(a_call(step[1])))
        calls = Counter(row[0] for row in connection.execute("SELECT masked_number FROM calls"))
        pairs = Counter(row[0] for row in connection.execute("SELECT number FROM masking_sessions"))
        for use in unit.numbers.use():
            assert (use.live_calls, use.pairs) == (calls[use.number], pairs[use.number])


USES = st.lists(
    st.tuples(
        st.sampled_from([ORG, "org-2"]),
        st.lists(st.sampled_from("abcd"), min_size=2, max_size=2, unique=True),
        st.sampled_from([ONE, TWO, THREE]),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=60)
@given(uses=USES)
def test_whoever_dials_a_number_reaches_the_one_they_were_last_joined_with_behind_it(
    uses: list[tuple[str, list[str], tuple[str, str]]],
) -> None:
    """Nobody is ever put through to a party of another pair, or behind another number."""
    with bare_database() as database:
        unit = UnitOfWork(Queries(database, load_statements()))
        for org_id in (ORG, "org-2"):
            unit.accounts.create_organisation(an_organisation(org_id))
        kept: dict[tuple[str, str, str], MaskingSession] = {}
        for at, (org_id, (party_a, party_b), (trunk, number)) in enumerate(uses):
            assert unit.numbers.choose(org_id, party_a, party_b, [(trunk, number)], at) == (trunk, number)
            low, high = sorted((party_a, party_b))
            before = kept.get((org_id, low, high))
            created_at = at if before is None else before.created_at
            kept[org_id, low, high] = MaskingSession(org_id, low, high, number, trunk, created_at, at)
            for dialled in ("n1", "n2", "n3"):
                for party in "abcd":
                    behind = [
                        one
                        for one in kept.values()
                        if one.number == dialled and party in (one.party_low, one.party_high)
                    ]
                    newest = max(behind, key=lambda one: one.last_used_at, default=None)
                    assert unit.numbers.pairing_for(dialled, party) == newest
        for org_id, low, high in kept:  # each pair keeps the number that it stands behind, whatever others have
            pair = kept[org_id, low, high]
            assert unit.numbers.choose(org_id, high, low, [ONE, TWO, THREE], 99)[1] == pair.number
