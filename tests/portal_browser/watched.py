"""A browser at a served portal: opens its pages, and keeps what its console complains of."""

from dataclasses import dataclass, field

from playwright.async_api import BrowserContext, ConsoleMessage, Page, WebError

from b2bua.clock import SystemClock
from b2bua.demo.client import RestClient
from tests.support.service_under_test import ServiceUnderTest

EMAIL = "asha@shop.example"
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Portal:
    """A running service with an owner, and a test key of the organisation."""

    service: ServiceUnderTest
    test_key: str

    @property
    def url(self) -> str:
        return self.service.url

    async def place(self, party_a: str, party_b: str, reference: str) -> str:
        """A test call's id."""
        async with RestClient(self.url, self.test_key, SystemClock()) as client:
            placed, _ = await client.place(party_a, party_b, reference=reference)
        return str(placed["call_sid"])


@dataclass
class Watched:
    """A browser's session. `complaints`: errors and warnings of its console, what a policy refused among them."""

    portal: Portal
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location})")

    def on_error(self, error: WebError) -> None:
        self.complaints.append(f"thrown: {error.error}")

    async def open(self, path: str) -> Page:
        """Another page of the service."""
        page = await self.context.new_page()
        await page.goto(f"{self.portal.url}{path}")
        return page
