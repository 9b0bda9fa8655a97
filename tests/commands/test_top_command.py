"""`top`: two looks at the metrics, made into what an operator sees."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path

import pytest
from aiohttp import web
from rich.console import Console

from b2bua.commands.top import drawn
from b2bua.commands.top_view import figures_text, overview
from control_api.metrics_reading import Sample, read_metrics
from control_api.tls import server_context
from tests.commands.conftest import Desk
from tests.support.certificates import Authority, CertificateFiles
from tests.support.free_ports import PortLease
from tests.support.service_under_test import service_under_test, trunk

METRICS = """\
# TYPE maskbridge_live_calls gauge
maskbridge_live_calls {live}
# TYPE maskbridge_ready gauge
maskbridge_ready 1.0
# TYPE maskbridge_calls_placed_total counter
maskbridge_calls_placed_total {placed}
# TYPE maskbridge_loop_delay_seconds gauge
maskbridge_loop_delay_seconds 0.0123
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total {cpu}
# TYPE maskbridge_trunk_up gauge
maskbridge_trunk_up{{trunk="carrier"}} 1.0
# TYPE maskbridge_trunk_options_seconds gauge
maskbridge_trunk_options_seconds{{trunk="carrier"}} 0.012
# TYPE maskbridge_trunk_calls_placed_total counter
maskbridge_trunk_calls_placed_total{{trunk="carrier"}} {placed}
# TYPE maskbridge_trunk_calls_failed_total counter
maskbridge_trunk_calls_failed_total{{trunk="carrier",cause="503"}} {failed}
maskbridge_trunk_calls_failed_total{{trunk="carrier",cause="5xx"}} {failed}
"""


def sample(at_s: float, live: int, placed: int, cpu: float, failed: int) -> Sample:
    return read_metrics(METRICS.format(live=live, placed=placed, cpu=cpu, failed=failed), at_s)


def test_rates_are_those_between_the_two_looks() -> None:
    view = overview(sample(10.0, 3, 100, 5.0, 2), sample(14.0, 7, 140, 6.0, 6), [])
    assert (view["live_calls"], view["ready"], view["loop_delay_ms"], view["cpu_percent"]) == (7, True, 12.3, 25.0)
    assert view["per_second"]["placed"] == 10.0
    assert view["per_second"]["settled"] == 0.0
    assert view["trunks"] == [
        {
            "name": "carrier",
            "state": "up",
            "live_calls": 0,
            "placed_per_s": 10.0,
            "failed_per_s": 2.0,
            "waiting": 0,
            "destinations": "0/0",
            "options_ms": 12.0,
        }
    ]
    assert "live calls 7" in figures_text(view)[0]


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_on_a_small_screen(width: int) -> None:
    call = {
        "call_sid": "3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d",
        "status": "in-progress",
        "party_a": "98******10",
        "party_b": "91******89",
        "answered_at": "2026-11-26T18:20:11Z",
    }
    view = overview(sample(10.0, 3, 100, 5.0, 2), sample(14.0, 7, 140, 6.0, 6), [call])
    console = Console(width=width, record=True, file=StringIO())
    console.print(drawn(view, 2.0, width))
    screen = console.export_text()
    assert "\N{HORIZONTAL ELLIPSIS}" not in screen
    assert {"carrier", "failed/s", call["call_sid"], "in-progress", "91******89"} <= set(screen.split())
    assert (call["answered_at"] in screen) == (width == 120)


def test_a_counter_that_begins_anew_has_grown_from_nothing() -> None:
    view = overview(sample(10.0, 3, 100, 5.0, 2), sample(12.0, 1, 20, 1.0, 0), [])
    assert view["per_second"]["placed"] == 10.0


def test_without_a_server_it_says_so_in_one_line(desk: Desk) -> None:
    with PortLease(1) as port:
        text = desk.config.read_text("utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{port}")
        desk.config.write_text(text, "utf-8")
        said = desk.refused("top", "--once", "--interval", "0.1")
        assert "is maskbridge serve running?" in said
        assert f"(no connection to 127.0.0.1 port {port}: Connection refused)" in said


@asynccontextmanager
async def https_server(desk: Desk, shown: CertificateFiles, configured: Path) -> AsyncIterator[None]:
    """Metrics over TLS where the configuration, which names a certificate, has the API listen."""

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(text=METRICS.format(live=3, placed=100, cpu=5.0, failed=2))

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    with PortLease(1) as port:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=server_context(shown.certificate, shown.key)).start()
        tls = f'tls_certificate = "{configured}"\ntls_key = "{shown.key}"\n'
        desk.config.write_text(f'[api]\nlisten = "127.0.0.1:{port}"\n{tls}', "utf-8")
        try:
            yield
        finally:
            await runner.cleanup()


@pytest.mark.sockets
async def test_the_servers_own_certificate_is_enough_whoever_issued_it(desk: Desk) -> None:
    """As those of an authority are kept: without the authority's own, and of a name that is no address."""
    own = Authority(desk.folder).issue("pbx.example")
    async with https_server(desk, own, own.certificate):
        view = await asyncio.to_thread(desk.json, "top", "--once", "--interval", "0.1")
    assert view["live_calls"] == 3


@pytest.mark.sockets
async def test_another_certificate_of_the_same_authority_is_not_trusted(desk: Desk) -> None:
    authority = Authority(desk.folder)
    own, other = authority.issue("pbx.example"), authority.issue("other.example")
    chain = desk.folder / "chain.pem"
    chain.write_bytes(own.certificate.read_bytes() + authority.file.read_bytes())
    async with https_server(desk, other, chain):
        said = await asyncio.to_thread(desk.refused, "top", "--once", "--interval", "0.1")
    assert "certificate" in said


def test_a_file_without_a_certificate_is_told_in_one_line(desk: Desk) -> None:
    empty = desk.folder / "empty.pem"
    empty.write_text("", "utf-8")
    desk.config.write_text('[api]\ntls_certificate = "empty.pem"\ntls_key = "empty.pem"\n', "utf-8")
    said = desk.refused("top", "--once", "--interval", "0.1")
    assert said == f"maskbridge: api.tls_certificate: {empty}: holds no PEM certificate\n"


@pytest.mark.sockets
async def test_one_look_at_a_running_server(tmp_path: Path) -> None:
    async with service_under_test(tmp_path, [trunk("carrier", 5060)]) as service:
        view = await service.command("top", "--once", "--interval", "0.2")
    assert view["ready"] is True
    assert view["live_calls"] == 0
    assert view["calls"] == []
    trunks = view["trunks"]
    assert isinstance(trunks, list)
    assert [row["name"] for row in trunks] == ["carrier"]
    assert isinstance(view["memory_mb"], float)
    assert view["memory_mb"] > 10
