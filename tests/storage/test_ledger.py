import pytest

from storage.errors import BalanceTooLow, IllegalState, TransferConflict, UnknownRecord
from storage.records import Wallet
from storage.store import Store
from tests.support.stored import ORG, an_organisation

CALL = "call-1"


async def wallet(store: Store) -> tuple[int, int]:
    found = await store.read(lambda reader: reader.wallet(ORG))
    assert await store.read(lambda reader: reader.verify_ledger()) == []
    return found.balance_paise, found.reserved_paise


async def reserve(store: Store, paise: int = 150, call_id: str = CALL) -> bool:
    return await store.run(lambda unit: unit.ledger.reserve(f"{call_id}:reserve", ORG, call_id, paise, 10))


async def extend(store: Store, number: int, paise: int = 150) -> bool:
    return await store.run(lambda unit: unit.ledger.extend(f"extend-{number}", ORG, CALL, paise, 20))


async def capture(store: Store, paise: int, transfer_id: str = "capture") -> int:
    return await store.run(lambda unit: unit.ledger.capture(transfer_id, CALL, paise, 30))


async def void(store: Store, transfer_id: str = "void") -> bool:
    return await store.run(lambda unit: unit.ledger.void(transfer_id, CALL, 30))


async def test_a_new_organisation_has_an_empty_wallet(store: Store) -> None:
    await store.run(lambda unit: unit.accounts.create_organisation(an_organisation()))
    assert await wallet(store) == (0, 0)


async def test_a_credit_counts_once_however_often_it_is_made(funded: Store) -> None:
    first = await funded.run(lambda unit: unit.ledger.credit("again", ORG, 500, "ref", 1))
    second = await funded.run(lambda unit: unit.ledger.credit("again", ORG, 500, "ref", 99))
    assert first == (Wallet(ORG, 100_500, 0), True)
    assert second == (Wallet(ORG, 100_500, 0), False)


async def test_under_one_id_only_one_content(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.create_organisation(an_organisation("org-2")))
    await reserve(funded)
    for repeat in (
        lambda unit: unit.ledger.credit("first", ORG, 100_001, "top-up", 1),
        lambda unit: unit.ledger.credit("first", ORG, 100_000, "another", 1),
        lambda unit: unit.ledger.credit("first", "org-2", 100_000, "top-up", 1),
        lambda unit: unit.ledger.reserve("first", ORG, "call-2", 100_000, 1),
        lambda unit: unit.ledger.reserve(f"{CALL}:reserve", ORG, CALL, 151, 1),
        lambda unit: unit.ledger.extend(f"{CALL}:reserve", ORG, CALL, 150, 1),
        lambda unit: unit.ledger.capture("first", CALL, 100_000, 1),
        lambda unit: unit.ledger.void(f"{CALL}:reserve", CALL, 1),
    ):
        with pytest.raises(TransferConflict, match="something else"):
            await funded.run(repeat)
    assert await wallet(funded) == (100_000, 150)


@pytest.mark.parametrize("paise", [0, -1])
async def test_a_credit_adds_money(funded: Store, paise: int) -> None:
    with pytest.raises(IllegalState):
        await funded.run(lambda unit: unit.ledger.credit("odd", ORG, paise, None, 1))


async def test_nobody_has_no_wallet(funded: Store) -> None:
    for work in (
        lambda unit: unit.ledger.credit("x", "nobody", 5, None, 1),
        lambda unit: unit.ledger.reserve("x", "nobody", CALL, 5, 1),
        lambda unit: unit.ledger.wallet("nobody"),
    ):
        with pytest.raises(UnknownRecord, match="nobody"):
            await funded.run(work)


async def test_a_reservation_is_set_aside_not_taken(funded: Store) -> None:
    assert await reserve(funded)
    assert not await reserve(funded)
    assert await wallet(funded) == (100_000, 150)
    assert await funded.run(lambda unit: unit.ledger.reserved(CALL)) == 150


async def test_a_call_has_one_reservation(funded: Store) -> None:
    await reserve(funded)
    with pytest.raises(TransferConflict, match="already"):
        await funded.run(lambda unit: unit.ledger.reserve("other", ORG, CALL, 150, 1))


async def test_to_the_last_paisa_and_no_further(funded: Store) -> None:
    await reserve(funded, 99_900)
    with pytest.raises(BalanceTooLow) as refusal:
        await reserve(funded, 101, "call-2")
    assert (refusal.value.available_paise, refusal.value.wanted_paise) == (100, 101)
    with pytest.raises(BalanceTooLow):
        await extend(funded, 1, 101)
    assert await extend(funded, 2, 100)
    assert await wallet(funded) == (100_000, 100_000)
    with pytest.raises(BalanceTooLow):
        await reserve(funded, 1, "call-2")
    assert await reserve(funded, 0, "call-3")


async def test_extensions_add_up(funded: Store) -> None:
    await reserve(funded)
    assert await extend(funded, 1)
    assert not await extend(funded, 1)
    assert await extend(funded, 2, 50)
    assert await funded.run(lambda unit: unit.ledger.reserved(CALL)) == 350


async def test_only_a_reservation_of_the_organisations_own_is_extended(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.create_organisation(an_organisation("org-2")))
    with pytest.raises(UnknownRecord):
        await extend(funded, 1)
    await reserve(funded)
    with pytest.raises(UnknownRecord, match="org-2"):
        await funded.run(lambda unit: unit.ledger.extend("x", "org-2", CALL, 0, 1))


async def test_a_capture_takes_the_charge_and_gives_the_rest_back(funded: Store) -> None:
    await reserve(funded, 450)
    assert await capture(funded, 300) == 300
    assert await wallet(funded) == (99_700, 0)
    assert await capture(funded, 300) == 300
    assert await wallet(funded) == (99_700, 0)
    assert await funded.run(lambda unit: unit.ledger.reserved(CALL)) == 0


@pytest.mark.parametrize(("others", "taken"), [(0, 500), (99_700, 300), (99_850, 150)])
async def test_a_charge_above_the_reservation_takes_what_is_available(funded: Store, others: int, taken: int) -> None:
    await reserve(funded)
    await reserve(funded, others, "call-2")
    assert await capture(funded, 500) == taken
    assert await capture(funded, 500) == taken
    assert await wallet(funded) == (100_000 - taken, others)


async def test_a_call_that_costs_nothing(funded: Store) -> None:
    await reserve(funded)
    assert await capture(funded, 0) == 0
    assert await wallet(funded) == (100_000, 0)


async def test_a_void_gives_all_back(funded: Store) -> None:
    await reserve(funded)
    await extend(funded, 1)
    assert await void(funded)
    assert not await void(funded)
    assert await wallet(funded) == (100_000, 0)


async def test_a_reservation_is_released_once(funded: Store) -> None:
    await reserve(funded)
    await capture(funded, 150)
    for work in (capture(funded, 150, "other"), void(funded), extend(funded, 1)):
        with pytest.raises(TransferConflict, match="released"):
            await work
    assert await wallet(funded) == (99_850, 0)


async def test_nothing_is_released_that_was_never_set_aside(funded: Store) -> None:
    for work in (capture(funded, 150), void(funded)):
        with pytest.raises(UnknownRecord, match="reservation"):
            await work
    assert await funded.run(lambda unit: unit.ledger.reserved(CALL)) == 0


@pytest.mark.parametrize("paise", [-1, 10**15 + 1])
async def test_impossible_amounts_are_refused(funded: Store, paise: int) -> None:
    await reserve(funded)
    with pytest.raises((IllegalState, BalanceTooLow)):
        await extend(funded, 1, paise)
    with pytest.raises(IllegalState):
        await capture(funded, paise)
    assert await wallet(funded) == (100_000, 150)
