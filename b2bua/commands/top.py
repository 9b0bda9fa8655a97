"""`top`: calls, rates, trunks and the loop's delay of the running server, as they change."""

import argparse
import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from b2bua.certificates import CertificateUnusable, load_itself
from b2bua.clock import SystemClock
from b2bua.commands.databases import opened
from b2bua.commands.inspection import call_row, declared_numbers
from b2bua.commands.output import CommandFailed, Output, table_of
from b2bua.commands.top_view import (
    CALL_COLUMNS,
    SCREEN_CALL_COLUMNS,
    TRUNK_COLUMNS,
    TRUNK_HEADS,
    WIDE,
    cells,
    figures_text,
    overview,
)
from b2bua.config import Config
from b2bua.sip.routing import bracketed
from control_api.metrics_reading import Sample, read_metrics
from control_api.webhooks.targets import failure_text
from storage.errors import StorageError
from storage.store import Store

ANSWER_TIMEOUT_S: Final = 5.0
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class NoAnswer(Exception):
    """No server tells its numbers; the text says where it was asked, and what came of that."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the numbers come from."""

    url: str
    http: aiohttp.ClientSession
    context: ssl.SSLContext | bool
    store: Store
    clock: SystemClock
    declared: frozenset[str]  # the operator's own numbers

    async def sample(self) -> Sample:
        """The server's metrics now. Raises NoAnswer."""
        try:
            async with self.http.get(self.url, ssl=self.context) as reply:
                text = await reply.text()
                if reply.status != 200:
                    raise NoAnswer(f"{self.url} answers {reply.status}: another server has the address of api.listen")
            return read_metrics(text, self.clock.monotonic())
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise NoAnswer(
                f"no server tells its numbers at {self.url} ({failure_text(error)}); is maskbridge serve running?"
            ) from error

    async def view(self, before: Sample) -> tuple[Sample, dict[str, Any]]:
        """What is to be shown now."""
        now = await self.sample()
        calls = await self.store.read(lambda reader: reader.live_calls())
        return now, overview(before, now, [call_row(record, self.declared) for record in reversed(calls)])


async def top(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`top [--once] [--interval S]`: until ctrl-C, or one look."""
    if not 0.1 <= options.interval <= 3600:
        raise CommandFailed("--interval takes 0.1 to 3600")
    async with _source(config) as source:
        try:
            before = await source.sample()
            await asyncio.sleep(options.interval)
            if options.once or output.as_json:
                _now, view = await source.view(before)
                _show(view, output)
                return 0
            await _follow(source, before, options.interval, output)
        except NoAnswer as error:
            raise CommandFailed(str(error)) from error
    return 0


async def _follow(source: _Source, before: Sample, interval_s: float, output: Output) -> None:
    """Look again and again. A server that does not answer meanwhile may come back."""
    if output.console is None:
        while True:
            before, view = await source.view(before)
            _show(view, output)
            output.line("")
            await asyncio.sleep(interval_s)
    with Live(console=output.console, screen=True, auto_refresh=False) as screen:
        while True:
            try:
                before, view = await source.view(before)
                screen.update(drawn(view, interval_s, output.console.width), refresh=True)
            except (NoAnswer, StorageError) as error:
                screen.update(Text(str(error), "bold red"), refresh=True)
            await asyncio.sleep(interval_s)


def _show(view: dict[str, Any], output: Output) -> None:
    if output.as_json:
        output.one(view)
        return
    for line in figures_text(view):
        output.line(line)
    output.rows(view["trunks"], TRUNK_COLUMNS)
    output.rows(view["calls"], CALL_COLUMNS)


def drawn(view: dict[str, Any], interval_s: float, width: int) -> RenderableType:
    """The screen of a terminal that has so many columns."""
    shown = SCREEN_CALL_COLUMNS if width >= WIDE else SCREEN_CALL_COLUMNS[:-1]
    looks = "bold green" if view["ready"] else "bold red"
    return Group(
        *(Text(line, looks if number == 0 else "") for number, line in enumerate(figures_text(view))),
        table_of(TRUNK_HEADS, cells(view["trunks"], TRUNK_COLUMNS)),
        table_of(shown, cells(view["calls"], shown)),
        Text(f"every {interval_s:g} s; ctrl-C ends", "dim"),
    )


@asynccontextmanager
async def _source(config: Config) -> AsyncIterator[_Source]:
    listen, context = config.api.listen, _context(config)
    host = _ANYWHERE.get(listen.host, listen.host)
    url = f"{'http' if context is None else 'https'}://{bracketed(host)}:{listen.port}/metrics"
    store = await opened(config)
    try:
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as http:
            trusted = True if context is None else context
            yield _Source(url, http, trusted, store, SystemClock(), declared_numbers(config))
    finally:
        await store.close()


def _context(config: Config) -> ssl.SSLContext | None:
    """TLS as the server speaks it: its own certificate is trusted, whatever name it has, and no other."""
    certificate = config.api.tls_certificate
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    try:
        load_itself(context, certificate)
    except CertificateUnusable as error:
        raise CommandFailed(f"api.tls_certificate: {error}") from error
    return context
