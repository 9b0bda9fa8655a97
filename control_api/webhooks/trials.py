"""Test events: sent at once to one endpoint, whatever waits for it, and told what came of it."""

from typing import Final

from b2bua.clock import Clock
from control_api.errors import NotReady
from control_api.webhooks.payloads import render_test_body
from control_api.webhooks.sender import Sender, Trial
from control_api.webhooks.settings import DispatcherSettings
from storage.records import WebhookEndpoint

AT_ONCE: Final = 4  # of all organisations; each waits for its answer as long as an attempt may


class Trials:
    """Sends them. Not in the outbox: they tell of nothing, so nothing is lost with them."""

    def __init__(self, settings: DispatcherSettings, clock: Clock) -> None:
        """To be made where the event loop runs; `close` it."""
        self._sender = Sender(settings, clock)
        self._clock = clock
        self._under_way = 0

    async def send(self, endpoint: WebhookEndpoint, event_id: str) -> Trial:
        """Send one. NotReady: too many are under way."""
        if self._under_way >= AT_ONCE:
            raise NotReady("Too many test events are under way.", retry_after_s=2)
        self._under_way += 1
        try:
            return await self._sender.try_out(endpoint, event_id, render_test_body(event_id, self._clock.wall_ms()))
        finally:
            self._under_way -= 1

    async def close(self) -> None:
        """Close all connections."""
        await self._sender.close()
