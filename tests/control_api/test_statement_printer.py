"""Statements as PDF: long ones in another process, few at once, those of closed months once."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from b2bua.billing.statement_pdf import to_pdf
from b2bua.billing.statements import LineKind, Statement, StatementLine
from control_api import statement_printer
from control_api.errors import NotReady
from control_api.statement_printer import KEPT_MAX, LINES_HERE, WAITING_MAX, StatementPrinter
from tests.support.processes import is_gone

LINE = StatementLine(date(2025, 1, 31), LineKind.CREDIT, 100, "a reference")
CLOSED = Statement("2025-01", "Example Shop", None, True, 0, 100, (LINE,))
LONG = replace(CLOSED, closing_paise=100 * (LINES_HERE + 1), lines=(LINE,) * (LINES_HERE + 1))


@pytest.fixture
def printer() -> Iterator[StatementPrinter]:
    opened = StatementPrinter()
    yield opened
    opened.close()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Statement]:
    """What was drawn, on threads alone."""
    seen: list[Statement] = []

    def draw(statement: Statement) -> bytes:
        seen.append(statement)
        return b"%PDF-" + statement.month.encode()

    monkeypatch.setattr(statement_printer, "_draw", draw)
    return seen


def _pid(_: Statement) -> bytes:
    return str(os.getpid()).encode()


def _die(_: Statement) -> bytes:
    os._exit(1)


async def test_a_long_statement_is_drawn_in_another_process_the_same(printer: StatementPrinter) -> None:
    assert await printer.pdf("org-one", LONG) == to_pdf(LONG)


@pytest.mark.parametrize(("statement", "here"), [(LONG, False), (CLOSED, True)], ids=["long", "short"])
async def test_where_it_is_drawn(
    printer: StatementPrinter, monkeypatch: pytest.MonkeyPatch, statement: Statement, here: bool
) -> None:
    monkeypatch.setattr(statement_printer, "_draw", _pid)
    assert (await printer.pdf("org-one", statement) == str(os.getpid()).encode()) == here


async def test_a_process_that_ends_is_begun_again(printer: StatementPrinter, monkeypatch: pytest.MonkeyPatch) -> None:
    for draw, refused in ((_die, True), (_pid, False)):
        monkeypatch.setattr(statement_printer, "_draw", draw)
        if refused:
            with pytest.raises(NotReady):
                await printer.pdf("org-one", LONG)
        else:
            assert await printer.pdf("org-one", LONG)


_SERVER: Final = """
import asyncio
from control_api import statement_printer
from tests.control_api.test_statement_printer import LONG, _pid

statement_printer._draw = _pid

async def serve():
    printer = statement_printer.StatementPrinter()
    print((await printer.pdf("org-one", LONG)).decode(), flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
"""


async def test_the_process_of_a_server_that_was_killed_ends() -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SERVER, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert server.stdout is not None
    drawing = int(await server.stdout.readline())
    server.kill()
    await server.wait()
    try:
        assert await asyncio.to_thread(is_gone, drawing)
    finally:
        with suppress(ProcessLookupError):
            os.kill(drawing, signal.SIGKILL)


async def test_a_closed_month_is_drawn_once(printer: StatementPrinter, drawn: list[Statement]) -> None:
    for statement, times in ((CLOSED, 1), (replace(CLOSED, customer="Another name"), 2), (CLOSED, 2)):
        assert await printer.pdf("org-one", statement) == b"%PDF-2025-01"
        assert len(drawn) == times
    await printer.pdf("org-two", CLOSED)
    assert len(drawn) == 3
    for _ in range(2):
        await printer.pdf("org-one", replace(CLOSED, complete=False))
    assert len(drawn) == 5


@pytest.mark.parametrize("limit", ["KEPT_MAX", "KEPT_BYTES_MAX"])
async def test_what_is_kept_is_bounded(
    printer: StatementPrinter, drawn: list[Statement], monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(statement_printer, limit, {"KEPT_MAX": 2, "KEPT_BYTES_MAX": 30}[limit])
    for org_id in ("a", "b", "a", "c", "a", "b"):
        await printer.pdf(org_id, CLOSED)
    assert KEPT_MAX > 2
    assert len(drawn) == 4


async def test_few_are_drawn_at_once(printer: StatementPrinter, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()

    async def never(_: Statement) -> bytes:
        await begun.wait()
        return b""

    monkeypatch.setattr(printer, "_drawn", never)
    asked = [asyncio.ensure_future(printer.pdf(f"org-{number}", CLOSED)) for number in range(WAITING_MAX + 1)]
    done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    assert [type(task.exception()) for task in done] == [NotReady]
    begun.set()
    assert len([one for one in await asyncio.gather(*asked, return_exceptions=True) if one == b""]) == WAITING_MAX
