"""Certificates renewed on disk while the server runs."""

import asyncio
import logging
import os
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from b2bua.certificate_watch import WARNED_BEFORE_MS, WARNED_EVERY_S, CertificateWatch
from b2bua.certificates import expires_at_ms
from b2bua.config import ApiSection, SipSection
from b2bua.transport.tls import tls_contexts
from control_api.tls import server_context
from tests.support.certificates import Authority, CertificateFiles
from tests.support.manual_clock import ManualClock
from tests.support.running_api import RunningApi

DAY_S = 86_400.0


class Place:
    """Where a certificate and its key lie, and what has been put to use."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.certificate, self.key = folder / "in_use.crt", folder / "in_use.key"
        self.clock = ManualClock()
        self.used: list[ssl.SSLContext] = []
        self.put(self.authority.issue("localhost", days=60))
        self.clock.step_wall(expires_at_ms(self.certificate) - self.clock.wall_ms() - 60 * 86_400_000)
        self.watch = CertificateWatch(self.clock)

    def put(self, files: CertificateFiles) -> None:
        shutil.copy(files.certificate, self.certificate)
        shutil.copy(files.key, self.key)

    def look_after(self, use: Callable[[ssl.SSLContext], None] | None = None) -> None:
        api = ApiSection(tls_certificate=self.certificate, tls_key=self.key)
        self.watch.watch_api(api, use or self.used.append)

    @property
    def expires_at_s(self) -> float:
        return self.watch.figures()["api_certificate_expires_at_seconds"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def serial_at(port: int, place: Place) -> str:
    context = ssl.create_default_context(cafile=place.authority.file)
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    shown = writer.get_extra_info("peercert")
    writer.close()
    return str(shown["serialNumber"])


@pytest.mark.sockets
async def test_the_api_shows_the_new_one_to_whoever_connects_from_then_on(place: Place) -> None:
    api = RunningApi(server_context(place.certificate, place.key))
    async with api as port:
        place.look_after(api.server.renew)
        first = await serial_at(port, place)
        await place.watch.turn()
        assert await serial_at(port, place) == first
        place.put(place.authority.issue("localhost", days=90))
        await place.watch.turn()
        assert await serial_at(port, place) != first


async def test_what_has_not_changed_is_not_read_again(place: Place) -> None:
    place.look_after()
    await place.watch.turn()
    assert place.used == []


async def test_without_a_certificate_of_the_api_nothing_is_looked_at(place: Place) -> None:
    place.watch.watch_api(ApiSection(), place.used.append)
    await place.watch.turn()
    assert (place.used, place.watch.figures()) == ([], {})


def rewritten(file: Path) -> None:
    """In its place, of the same size, at another time."""
    at = file.stat().st_mtime_ns
    os.utime(file, ns=(at, at + 1))


def replaced(file: Path) -> None:
    """By another file, of the same size and time: as from an archive."""
    at, other = file.stat().st_mtime_ns, file.with_suffix(".new")
    shutil.copy(file, other)
    os.utime(other, ns=(at, at))
    other.replace(file)


def lengthened(file: Path) -> None:
    """In its place, at the same time: as far as the file system tells times apart."""
    at = file.stat().st_mtime_ns
    file.write_bytes(file.read_bytes() + b"\n")
    os.utime(file, ns=(at, at))


@pytest.mark.parametrize("change", [rewritten, replaced, lengthened])
async def test_a_file_that_has_changed_in_whatever_way_is_read_again(
    place: Place, change: Callable[[Path], None]
) -> None:
    place.look_after()
    change(place.certificate)
    await place.watch.turn()
    assert len(place.used) == 1


async def test_one_without_its_key_is_told_once_and_used_when_the_key_is_there(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.look_after()
    before = place.expires_at_s
    new = place.authority.issue("localhost", days=90)
    shutil.copy(new.certificate, place.certificate)
    for _ in range(3):
        await place.watch.turn()
    assert [record.getMessage().count("is not the key of") for record in caplog.records] == [1]
    assert (place.used, place.expires_at_s) == ([], before)
    shutil.copy(new.key, place.key)
    await place.watch.turn()
    assert len(place.used) == 1
    assert place.expires_at_s - before == pytest.approx(30 * DAY_S, abs=5)


async def test_a_file_that_has_gone_leaves_the_old_one_in_use(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.look_after()
    place.key.unlink()
    await place.watch.turn()
    assert place.used == []
    assert "cannot be read" in caplog.text


async def test_that_it_runs_out_is_told_once_a_day(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.look_after()
    await place.watch.turn()
    assert caplog.records == []
    place.clock.advance(60 * DAY_S - WARNED_BEFORE_MS / 1000)
    for _ in range(3):
        await place.watch.turn()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "runs out in 14.0 days" in caplog.text
    place.clock.advance(WARNED_EVERY_S)
    await place.watch.turn()
    assert "runs out in 13.0 days" in caplog.text
    place.clock.advance(13 * DAY_S)
    await place.watch.turn()
    assert "has run out" in caplog.text
    assert caplog.records[-1].levelno == logging.ERROR


class SipPlace:
    """The files of SIP over TLS, and how often what is new in them has been put to use."""

    def __init__(self, place: Place, *, own: bool) -> None:
        self.watch = place.watch
        self.authorities = place.certificate.with_name("authorities.pem")
        shutil.copy(place.authority.file, self.authorities)
        self.used = 0
        certificate, key = (place.certificate, place.key) if own else (None, None)
        self.sip = SipSection(tls_ca=self.authorities, tls_certificate=certificate, tls_key=key)
        self.watch.watch_sip(self.sip, self._renew)

    def _renew(self, now_ms: int) -> Callable[[], None]:
        tls_contexts(self.sip.tls_certificate, self.sip.tls_key, self.sip.tls_ca, now_ms=now_ms)
        return self._use

    def _use(self) -> None:
        self.used += 1

    def renew_authorities(self, folder: Path) -> None:
        """Others are trusted from now on."""
        shutil.copy(Authority(folder, "another").file, self.authorities)


async def test_a_renewed_certificate_of_sip_is_used_and_its_end_told(place: Place) -> None:
    sip = SipPlace(place, own=True)
    before = place.watch.figures()["sip_certificate_expires_at_seconds"]
    place.put(place.authority.issue("localhost", days=90))
    await place.watch.turn()
    assert sip.used == 1
    assert place.watch.figures()["sip_certificate_expires_at_seconds"] - before == pytest.approx(30 * DAY_S, abs=5)


async def test_either_file_of_sip_alone_is_looked_at(place: Place) -> None:
    """A certificate may be renewed for the key that is there."""
    sip = SipPlace(place, own=True)
    for used, file in enumerate((place.certificate, place.key), 1):
        rewritten(file)
        await place.watch.turn()
        assert sip.used == used


@pytest.mark.parametrize("own", [True, False], ids=["with a certificate of ours", "without one"])
async def test_renewed_authorities_are_used_whether_or_not_we_have_a_certificate(
    place: Place, tmp_path: Path, own: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sip = SipPlace(place, own=own)
    await place.watch.turn()
    assert sip.used == 0
    sip.renew_authorities(tmp_path)
    await place.watch.turn()
    await place.watch.turn()
    assert sip.used == 1
    key = "sip.tls_certificate" if own else "sip.tls_ca"
    assert [record.getMessage() for record in caplog.records] == [f"{key}: the new one is used from now on"]


async def test_authorities_that_cannot_be_read_are_told_once_and_those_in_use_stay(
    place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sip = SipPlace(place, own=False)
    sip.authorities.write_text("half a file")
    for _ in range(3):
        await place.watch.turn()
    assert [record.getMessage().partition(": ")[0] for record in caplog.records] == ["sip.tls_ca"]
    sip.renew_authorities(tmp_path)
    await place.watch.turn()
    assert sip.used == 1


async def test_authorities_alone_run_out_at_no_time_that_is_told(place: Place) -> None:
    SipPlace(place, own=False)
    place.clock.advance(400 * DAY_S)
    await place.watch.turn()
    assert place.watch.figures() == {}


async def test_without_a_file_of_sip_nothing_is_looked_at(place: Place) -> None:
    place.watch.watch_sip(SipSection(), lambda _now_ms: lambda: None)
    await place.watch.turn()
    assert place.watch.figures() == {}
