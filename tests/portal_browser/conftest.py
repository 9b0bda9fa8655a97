"""A served portal and a browser that shows it: real pages, scripts, policies and streams, nothing bypassed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, StorageState, expect

from b2bua.demo.children import ROOT, environment, product
from tests.interop.chromium import chromium
from tests.interop.phones_desk import PhonesDesk, phones_desk
from tests.portal_browser.watched import EMAIL, PASSWORD, Portal, Watched
from tests.support.free_ports import PortLease
from tests.support.service_under_test import service_under_test
from tests.support.till import billing
from tests.support.toy_razorpay import ToyRazorpay

PATIENCE_MS = 20_000
TEST_PORTS = 80


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here needs a browser, real sockets and the one event loop that the browser lives on."""
    for item in items:
        if "tests/portal_browser" in item.nodeid:
            item.add_marker(pytest.mark.interop)
            item.add_marker(pytest.mark.sockets)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def portal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Portal]:
    """A service with an owner and operator who signs in, a test key, an endpoint for webhooks and a payment
    provider's stand-in."""
    with PortLease(TEST_PORTS) as ports:
        toy = ToyRazorpay()
        provider = await toy.start()
        sections: dict[str, dict[str, object]] = {
            "test_calls": {"ports": f"{ports}-{ports + TEST_PORTS - 1}"},
            "billing": asdict(billing(str(provider.make_url("")).rstrip("/"))),
        }
        async with service_under_test(tmp_path_factory.mktemp("portal"), [], sections=sections) as service:
            await add_owner(str(service.config), service.org_id)
            key = await service.command("key", "create", "--org", service.org_id, "--test")
            yield Portal(service, str(key["key"]))
        await provider.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def phones(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PhonesDesk]:
    """A service that meets browsers, with an owner, and phones at its trunks."""
    async with phones_desk(tmp_path_factory.mktemp("softphone")) as desk:
        await add_owner(str(desk.service.config), desk.service.org_id)
        yield desk


async def add_owner(config: str, org_id: str) -> None:
    line = product("person", "add", EMAIL, "--org", org_id, "--role", "owner", "--operator", "-c", config)
    pipe = asyncio.subprocess.PIPE
    adding = await asyncio.create_subprocess_exec(*line, cwd=ROOT, env=environment(), stdin=pipe, stderr=pipe)
    _, complaint = await adding.communicate(f"{PASSWORD}\n".encode())
    assert adding.returncode == 0, complaint.decode()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One for all tests but those that speak."""
    expect.set_options(timeout=PATIENCE_MS)
    async with chromium() as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def signed_in(portal: Portal, browser: Browser) -> StorageState:
    """What a browser keeps once the owner has signed in."""
    async with await browser.new_context() as context:
        page = await context.new_page()
        await page.goto(f"{portal.url}/portal/sign-in")
        await page.get_by_label("Mail address").fill(EMAIL)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
        return await context.storage_state()


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(portal: Portal, browser: Browser) -> AsyncIterator[Watched]:
    """A browser in which nobody has signed in. Whatever it complains of in its console fails the test."""
    async with await browser.new_context() as context:
        yield (watched := watch(portal, context))
        assert watched.complaints == []


@pytest_asyncio.fixture(loop_scope="session")
async def owner(portal: Portal, browser: Browser, signed_in: StorageState) -> AsyncIterator[Watched]:
    """A browser in which the owner has; as strict."""
    async with await browser.new_context(storage_state=signed_in) as context:
        yield (watched := watch(portal, context))
        assert watched.complaints == []


def watch(portal: Portal, context: BrowserContext) -> Watched:
    context.set_default_timeout(PATIENCE_MS)
    watched = Watched(portal, context)
    context.on("console", watched.on_console)
    context.on("weberror", watched.on_error)
    return watched


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def recorded_call(portal: Portal) -> str:
    """The id of a test call that is over, whose recording is ready, and all of whose webhooks were delivered."""
    call_sid = await portal.place("9000001000", "9000007003", "recorded")
    ready = await portal.service.webhooks.wait_for(
        lambda webhook: webhook.call_sid == call_sid and webhook.event == "recording.ready", 40
    )
    assert ready is not None
    return call_sid
