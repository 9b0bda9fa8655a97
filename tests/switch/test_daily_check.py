"""What the daily check finds is told in the log and to /metrics."""

import logging

import pytest

from b2bua.switch.daily_check import TOLD_MAX, DailyCheck
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.manual_clock import ManualClock
from tests.support.stored import ORG, an_organisation


async def test_what_does_not_agree_is_told(caplog: pytest.LogCaptureFixture) -> None:
    store, clock = await Store.open("sqlite://"), ManualClock()
    check = DailyCheck(store, clock)
    assert check.figures()["ledger_checked_at_seconds"] == 0
    with caplog.at_level(logging.INFO):
        assert await check.turn()
        assert caplog.messages == []
        assert check.figures()["ledger_discrepancies"] == 0
        assert check.figures()["ledger_checked_at_seconds"] == clock.wall_ms() / 1000

        def astray(unit: UnitOfWork) -> None:
            unit.accounts.create_organisation(an_organisation())
            unit.ledger.credit("first", ORG, 100_000, None, 1)
            for number in range(TOLD_MAX + 2):
                unit.ledger.reserve(f"reserve:{number}", ORG, f"call-{number}", 1, 1)

        await store.run(astray)
        assert await check.turn()
    assert check.figures()["ledger_discrepancies"] == TOLD_MAX + 2
    assert len(caplog.messages) == TOLD_MAX + 1
    assert f"reservation_left of {ORG} call-0: expected 0, found 1" in caplog.text
    assert "2 more" in caplog.messages[-1]
    await store.close()
    assert not await check.turn()
    assert check.figures()["ledger_checks_failed_total"] == 1
    assert check.figures()["ledger_discrepancies"] == TOLD_MAX + 2
